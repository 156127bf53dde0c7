//! Where objects come from: a trait, a set in memory, and a wrapper that remembers what was read.
//!
//! A source may only hand out bytes whose hash is the id that was asked for. [`ObjectSet`] hashes everything it takes
//! in, and [`Recording`] hashes everything that it passes on for the first time, so a source that is wrapped in one
//! need not.

use super::commit::Commit;
use super::evidence::Unsound;
use super::object::{Object, ObjectError, ObjectKind};
use super::oid::{CollisionDetected, ObjectFormat, Oid};
use super::tree::Tree;
use crate::limits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Gives the bytes of objects.
pub trait ObjectSource {
    /// The object with this id.
    fn object(&self, id: &Oid) -> Result<Object, SourceError>;

    /// The object with this id, which must be a commit.
    fn commit(&self, id: &Oid) -> Result<Commit, SourceError> {
        let bytes = of_kind(self, id, ObjectKind::Commit)?;
        Commit::parse(id.format(), &bytes).map_err(|source| SourceError::Malformed { id: *id, source })
    }

    /// The object with this id, which must be a tree.
    fn tree(&self, id: &Oid) -> Result<Tree, SourceError> {
        let bytes = of_kind(self, id, ObjectKind::Tree)?;
        Tree::parse(id.format(), &bytes).map_err(|source| SourceError::Malformed { id: *id, source })
    }

    /// The bytes of the object with this id, which must be a blob.
    fn blob(&self, id: &Oid) -> Result<Arc<[u8]>, SourceError> {
        of_kind(self, id, ObjectKind::Blob)
    }
}

impl<S: ObjectSource + ?Sized> ObjectSource for &S {
    fn object(&self, id: &Oid) -> Result<Object, SourceError> {
        (**self).object(id)
    }
}

fn of_kind<S: ObjectSource + ?Sized>(source: &S, id: &Oid, expected: ObjectKind) -> Result<Arc<[u8]>, SourceError> {
    let object = source.object(id)?;
    if object.kind != expected {
        return Err(SourceError::Kind { id: *id, expected, found: object.kind });
    }
    Ok(object.bytes)
}

/// Why an object could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is not there.
    #[error("object {id} is missing")]
    Missing {
        /// Its id.
        id: Oid,
    },
    /// The bytes have another hash than the id.
    #[error("the bytes given for object {id} are those of another object")]
    Mismatch {
        /// The id that was asked for.
        id: Oid,
    },
    /// The bytes carry the marks of a SHA-1 collision.
    #[error("object {id} carries the marks of a SHA-1 collision")]
    Collision {
        /// Its id.
        id: Oid,
    },
    /// The object exceeds the bound.
    #[error("object {id} has {found} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Its id.
        id: Oid,
        /// How many bytes it has.
        found: usize,
        /// How many are read at most.
        limit: usize,
    },
    /// The object is of another kind than the place that names it wants.
    #[error("object {id} is a {found}, not a {expected}")]
    Kind {
        /// Its id.
        id: Oid,
        /// What it should be.
        expected: ObjectKind,
        /// What it is.
        found: ObjectKind,
    },
    /// The object's bytes do not parse.
    #[error("object {id}: {source}")]
    Malformed {
        /// Its id.
        id: Oid,
        /// Why.
        source: ObjectError,
    },
    /// Two ids of different hashes where one repository was meant.
    #[error("object {id} is not named by {}", expected.as_str())]
    Format {
        /// The id.
        id: Oid,
        /// The hash that it should be of.
        expected: ObjectFormat,
    },
    /// The work on the objects exceeds a bound.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are worked on at most.
        limit: usize,
    },
    /// The source itself failed.
    #[error("object {id} cannot be read: {message}")]
    Unreadable {
        /// The id that was asked for.
        id: Oid,
        /// What the source says.
        message: String,
    },
}

/// Checks that an object is what its id says and within the bound.
pub fn check(id: &Oid, object: &Object) -> Result<(), SourceError> {
    let found = object.bytes.len();
    if found > limits::GIT_OBJECT_BYTES {
        return Err(SourceError::TooLarge { id: *id, found, limit: limits::GIT_OBJECT_BYTES });
    }
    match object.id(id.format()) {
        Ok(actual) if actual == *id => Ok(()),
        Ok(_) => Err(SourceError::Mismatch { id: *id }),
        Err(CollisionDetected) => Err(SourceError::Collision { id: *id }),
    }
}

/// Objects in memory, each under the id that its bytes have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectSet {
    objects: BTreeMap<Oid, Object>,
}

impl ObjectSet {
    /// No objects.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hashes an object and takes it in under that id.
    pub fn insert(&mut self, format: ObjectFormat, object: Object) -> Result<Oid, CollisionDetected> {
        let id = object.id(format)?;
        self.objects.insert(id, object);
        Ok(id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The objects by id.
    pub fn iter(&self) -> impl Iterator<Item = (&Oid, &Object)> {
        self.objects.iter()
    }

    /// Takes all objects of another set in.
    pub fn extend(&mut self, other: Self) {
        self.objects.extend(other.objects);
    }
}

impl ObjectSource for ObjectSet {
    fn object(&self, id: &Oid) -> Result<Object, SourceError> {
        self.objects.get(id).cloned().ok_or(SourceError::Missing { id: *id })
    }
}

/// Another source, with objects that are not in it: those of a merge that was only made in memory.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    inner: &'a dyn ObjectSource,
    over: &'a BTreeMap<Oid, Object>,
}

impl std::fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overlay").field("over", &self.over.len()).finish_non_exhaustive()
    }
}

impl<'a> Overlay<'a> {
    /// `inner`, with `over` in front of it.
    #[must_use]
    pub const fn new(inner: &'a dyn ObjectSource, over: &'a BTreeMap<Oid, Object>) -> Self {
        Self { inner, over }
    }
}

impl ObjectSource for Overlay<'_> {
    fn object(&self, id: &Oid) -> Result<Object, SourceError> {
        self.over.get(id).cloned().map_or_else(|| self.inner.object(id), Ok)
    }
}

/// Passes on objects of another source, hashes each once, and remembers it: what was read is the evidence.
#[derive(Debug)]
pub struct Recording<S> {
    inner: S,
    read: RefCell<ObjectSet>,
    unsound: RefCell<BTreeMap<Oid, Unsound>>,
}

impl<S: ObjectSource> Recording<S> {
    /// A recording of what is read from `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner, read: RefCell::default(), unsound: RefCell::default() }
    }

    /// What was asked for and is there, and is not what its id says.
    #[must_use]
    pub fn unsound(&self) -> BTreeMap<Oid, Unsound> {
        self.unsound.borrow().clone()
    }

    /// Every object that was read.
    #[must_use]
    pub fn into_read(self) -> ObjectSet {
        self.read.into_inner()
    }
}

impl<S: ObjectSource> ObjectSource for Recording<S> {
    fn object(&self, id: &Oid) -> Result<Object, SourceError> {
        if let Some(known) = self.read.borrow().objects.get(id) {
            return Ok(known.clone());
        }
        let found = self.inner.object(id).and_then(|object| check(id, &object).map(|()| object));
        let unsound = match &found {
            Err(SourceError::Collision { .. }) => Some(Unsound::Collision),
            Err(SourceError::Mismatch { .. }) => Some(Unsound::OtherBytes),
            _ => None,
        };
        if let Some(why) = unsound {
            self.unsound.borrow_mut().insert(*id, why);
        }
        let object = found?;
        self.read.borrow_mut().objects.insert(*id, object.clone());
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the same bytes whatever is asked for.
    struct Liar(Object);

    impl ObjectSource for Liar {
        fn object(&self, _: &Oid) -> Result<Object, SourceError> {
            Ok(self.0.clone())
        }
    }

    fn blob(text: &[u8]) -> Object {
        Object::new(ObjectKind::Blob, text)
    }

    #[test]
    fn a_set_gives_an_object_under_its_own_id_only() {
        let mut set = ObjectSet::new();
        let id = set.insert(ObjectFormat::Sha1, blob(b"a")).unwrap();
        let other = blob(b"b").id(ObjectFormat::Sha1).unwrap();
        assert_eq!(&*set.blob(&id).unwrap(), b"a");
        assert_eq!(set.blob(&other), Err(SourceError::Missing { id: other }));
        assert!(matches!(set.tree(&id), Err(SourceError::Kind { .. })));
    }

    #[test]
    fn a_recording_holds_exactly_what_was_read() {
        let mut set = ObjectSet::new();
        let a = set.insert(ObjectFormat::Sha256, blob(b"a")).unwrap();
        set.insert(ObjectFormat::Sha256, blob(b"b")).unwrap();
        let recording = Recording::new(&set);
        recording.object(&a).unwrap();
        recording.object(&a).unwrap();
        let read = recording.into_read();
        assert_eq!(read.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [a]);
    }

    #[test]
    fn a_recording_notices_bytes_of_another_object() {
        let asked = blob(b"a").id(ObjectFormat::Sha1).unwrap();
        let recording = Recording::new(Liar(blob(b"b")));
        assert_eq!(recording.object(&asked), Err(SourceError::Mismatch { id: asked }));
        assert_eq!(recording.unsound(), BTreeMap::from([(asked, Unsound::OtherBytes)]));
        assert!(recording.into_read().is_empty());
    }
}
