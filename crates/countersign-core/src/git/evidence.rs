//! The evidence file: the git objects that a proof reads, and the facts about the repository that no object shows.
//!
//! The bytes are: the line `countersign.dev/git-objects/v1`; one line of canonical JSON, [`Facts`]; then the objects,
//! by rising id, each as git hashes it: kind, space, length in decimal, NUL, bytes. An id is never written: whoever
//! reads the file hashes the bytes. Objects out of order, an object given twice, and bytes that are left over are
//! refused, so one set of facts and objects has exactly one spelling.

use super::object::{Object, ObjectKind};
use super::oid::{CollisionDetected, ObjectFormat, Oid};
use super::source::ObjectSet;
use crate::digest::Sha256;
use crate::ids::{RefName, Uri};
use crate::json::{self, JsonError};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet};

/// The first line of an evidence file.
pub const FIRST_LINE: &str = "countersign.dev/git-objects/v1";

/// What the collector saw of the repository.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// The hash that names its objects.
    pub format: ObjectFormat,
    /// Where it is, such as `git+https://example.com/team/service`.
    pub repository: Uri,
    /// The ref that the candidate was found at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<RefName>,
    /// The commit that is to be promoted.
    pub candidate: Oid,
    /// The commit up to which history was promoted before, or where it starts by configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Oid>,
    /// Where the branch stands that the candidate's branch was cut from, by the policy, if it is in the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_from: Option<Oid>,
    /// Whether the repository is a shallow clone.
    pub shallow: bool,
    /// Replace refs that it has: with one, git shows another object than the one that is named.
    pub replace_refs: BTreeSet<RefName>,
    /// Whether it has a grafts file.
    pub grafts: bool,
    /// Refs that other tools keep records in, where those are asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<RefName, Oid>,
    /// For each approved head: SHA-256 over the listing of its tree.
    pub listings: BTreeMap<Oid, Sha256>,
    /// Tags that somebody bound to a commit, each with the object that it names now. One that is not there is not listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<RefName, Oid>,
    /// Objects that the repository has and that cannot be evidence, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unsound: BTreeMap<Oid, Unsound>,
}

/// Why an object that is there cannot be evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Unsound {
    /// Its bytes carry the marks of a SHA-1 collision.
    Collision,
    /// Its bytes are those of another object.
    OtherBytes,
}

/// An evidence file, read and hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What the collector saw.
    pub facts: Facts,
    /// The objects, each under the id that its bytes have.
    pub objects: ObjectSet,
}

impl Evidence {
    /// The bytes of the file.
    pub fn encode(&self) -> Result<Vec<u8>, EvidenceError> {
        self.facts.check_format()?;
        let mut out = head(&self.facts)?;
        for (id, object) in self.objects.iter() {
            if id.format() != self.facts.format {
                return Err(EvidenceError::Format { id: *id });
            }
            out.extend_from_slice(format!("{} {}\0", object.kind, object.bytes.len()).as_bytes());
            out.extend_from_slice(&object.bytes);
        }
        if out.len() > limits::GIT_EVIDENCE_BYTES {
            return Err(EvidenceError::TooLarge { found: out.len() });
        }
        Ok(out)
    }

    /// Reads the bytes of the file and hashes every object.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let (line, rest) = lines(bytes)?;
        let facts: Facts = json::parse_canonical(line)?;
        facts.check_format()?;
        let head = head(&facts)?;
        if !bytes.starts_with(&head) {
            return Err(EvidenceError::FactsLine);
        }
        let objects = objects(facts.format, head.len(), rest, |_| true)?;
        Ok(Self { facts, objects })
    }
}

/// Reads the commits of a file and hashes them: who walks history needs no more. Of trees, files and tags only kind and length
/// are looked at, and of the facts only which hash names the objects: whoever proves a review reads all of it.
pub fn commits(bytes: &[u8]) -> Result<ObjectSet, EvidenceError> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: ObjectFormat,
    }
    let (line, rest) = lines(bytes)?;
    let Format { format } = json::Checked::of(line)?.read_object()?;
    objects(format, bytes.len().saturating_sub(rest.len()), rest, |kind| kind == ObjectKind::Commit)
}

/// The second line, and what follows it.
fn lines(bytes: &[u8]) -> Result<(&[u8], &[u8]), EvidenceError> {
    if bytes.len() > limits::GIT_EVIDENCE_BYTES {
        return Err(EvidenceError::TooLarge { found: bytes.len() });
    }
    let rest = bytes
        .strip_prefix(FIRST_LINE.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"\n"))
        .ok_or(EvidenceError::FirstLine)?;
    let end = rest.iter().position(|b| *b == b'\n').ok_or(EvidenceError::FactsLine)?;
    let (line, rest) = rest.split_at_checked(end).ok_or(EvidenceError::FactsLine)?;
    Ok((line, rest.get(1..).unwrap_or_default()))
}

/// Whether bytes begin as those of an evidence file do.
#[must_use]
pub fn begins(bytes: &[u8]) -> bool {
    bytes.strip_prefix(FIRST_LINE.as_bytes()).is_some_and(|rest| rest.starts_with(b"\n"))
}

/// The same file without its trees, files and tags, out of which [`commits`] reads the same. `None` where the bytes do not come
/// apart as those of an evidence file.
#[must_use]
pub fn commits_only(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, mut rest) = lines(bytes).ok()?;
    let mut out = bytes.get(..bytes.len().checked_sub(rest.len())?)?.to_vec();
    while !rest.is_empty() {
        let (kind, length, body) = header(rest).filter(|(_, length, _)| *length <= limits::GIT_OBJECT_BYTES)?;
        let (_, after) = body.split_at_checked(length)?;
        if kind == ObjectKind::Commit {
            out.extend_from_slice(rest.get(..rest.len().checked_sub(after.len())?)?);
        }
        rest = after;
    }
    Some(out)
}

/// Why bytes are not an evidence file. `at` is an offset into the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// More bytes than the bound.
    #[error("{found} bytes, more than the {} that are read", limits::GIT_EVIDENCE_BYTES)]
    TooLarge {
        /// How many there are.
        found: usize,
    },
    /// More objects than the bound.
    #[error("more than {} objects", limits::GIT_OBJECTS)]
    TooMany,
    /// Another first line.
    #[error("the first line is not `{FIRST_LINE}`")]
    FirstLine,
    /// The second line does not end, or spells the facts otherwise than we do.
    #[error("the second line is not the one spelling of the facts")]
    FactsLine,
    /// The facts do not parse.
    #[error("the facts: {0}")]
    Facts(#[from] JsonError),
    /// An id of the other hash.
    #[error("{id} is not an id of the hash that the facts name")]
    Format {
        /// Which.
        id: Oid,
    },
    /// Not an object's header.
    #[error("byte {at}: not an object's kind and length")]
    Header {
        /// Where.
        at: usize,
    },
    /// An object longer than the bound, or than the file.
    #[error("byte {at}: an object of {length} bytes is too large or cut short")]
    Length {
        /// Where.
        at: usize,
        /// What its header says.
        length: usize,
    },
    /// An object out of order, or given twice.
    #[error("byte {at}: object {id} does not follow in the order of ids")]
    Order {
        /// Where.
        at: usize,
        /// Which.
        id: Oid,
    },
    /// An object with the marks of a SHA-1 collision.
    #[error("byte {at}: the object carries the marks of a SHA-1 collision")]
    Collision {
        /// Where.
        at: usize,
    },
}

impl Facts {
    fn check_format(&self) -> Result<(), EvidenceError> {
        let ids = self.start.iter().chain(&self.cut_from).chain([&self.candidate]).chain(self.listings.keys());
        let mut ids = ids.chain(self.others.values()).chain(self.tags.values()).chain(self.unsound.keys());
        match ids.find(|id| id.format() != self.format) {
            Some(id) => Err(EvidenceError::Format { id: *id }),
            None => Ok(()),
        }
    }
}

/// The two lines before the objects.
fn head(facts: &Facts) -> Result<Vec<u8>, EvidenceError> {
    Ok([FIRST_LINE.as_bytes(), b"\n", &json::canonical(facts)?, b"\n"].concat())
}

/// The objects of wanted kinds.
fn objects(
    format: ObjectFormat,
    start: usize,
    bytes: &[u8],
    wanted: impl Fn(ObjectKind) -> bool,
) -> Result<ObjectSet, EvidenceError> {
    let mut set = ObjectSet::new();
    let mut last: Option<Oid> = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = start.saturating_add(bytes.len().saturating_sub(rest.len()));
        if set.len() >= limits::GIT_OBJECTS {
            return Err(EvidenceError::TooMany);
        }
        let (kind, length, body) = header(rest).ok_or(EvidenceError::Header { at })?;
        let cut = EvidenceError::Length { at, length };
        if length > limits::GIT_OBJECT_BYTES {
            return Err(cut);
        }
        let (content, after) = body.split_at_checked(length).ok_or(cut)?;
        rest = after;
        if !wanted(kind) {
            continue;
        }
        let id = set
            .insert(format, Object::new(kind, content))
            .map_err(|CollisionDetected| EvidenceError::Collision { at })?;
        if last.is_some_and(|last| last >= id) {
            return Err(EvidenceError::Order { at, id });
        }
        last = Some(id);
    }
    Ok(set)
}

/// Kind and length before the NUL, and what stands after it.
fn header(bytes: &[u8]) -> Option<(ObjectKind, usize, &[u8])> {
    // `commit`, a space, twenty digits and the NUL.
    let end = bytes.iter().take(28).position(|b| *b == 0)?;
    let (line, body) = bytes.split_at_checked(end)?;
    let space = line.iter().position(|b| *b == b' ')?;
    let (word, digits) = line.split_at_checked(space)?;
    let digits = digits.get(1..)?;
    let plain = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || !digits.starts_with(b"0"));
    let length = std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()?;
    Some((ObjectKind::from_word(word)?, length, body.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts(format: ObjectFormat) -> Facts {
        let id = |byte: u8| Oid::from_bytes(format, &vec![byte; format.byte_len()]).unwrap();
        Facts {
            format,
            repository: Uri::new("git+https://example.com/a/b").unwrap(),
            ref_name: Some(RefName::new("refs/heads/main").unwrap()),
            candidate: id(1),
            start: None,
            cut_from: None,
            shallow: false,
            replace_refs: BTreeSet::from([RefName::new("refs/replace/ab").unwrap()]),
            grafts: false,
            others: BTreeMap::new(),
            listings: BTreeMap::from([(id(2), Sha256::of(b"x"))]),
            tags: BTreeMap::new(),
            unsound: BTreeMap::new(),
        }
    }

    fn evidence(format: ObjectFormat, contents: &[Vec<u8>]) -> Evidence {
        let mut objects = ObjectSet::new();
        for (n, bytes) in contents.iter().enumerate() {
            let kind = [ObjectKind::Blob, ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Tag][n % 4];
            objects.insert(format, Object::new(kind, bytes.as_slice())).unwrap();
        }
        Evidence { facts: facts(format), objects }
    }

    #[test]
    fn the_file_starts_with_its_name_and_the_facts() {
        let bytes = evidence(ObjectFormat::Sha1, &[b"hello\n".to_vec()]).encode().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let one = "0101010101010101010101010101010101010101";
        let two = "0202020202020202020202020202020202020202";
        assert_eq!(
            text,
            format!(
                "countersign.dev/git-objects/v1\n{{\"candidate\":\"{one}\",\"format\":\"sha1\",\"grafts\":false,\
                 \"listings\":{{\"{two}\":\"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"}},\
                 \"refName\":\"refs/heads/main\",\"replaceRefs\":[\"refs/replace/ab\"],\
                 \"repository\":\"git+https://example.com/a/b\",\"shallow\":false}}\nblob 6\0hello\n"
            )
        );
    }

    #[test]
    fn objects_out_of_order_given_twice_or_cut_short_are_refused() {
        let bytes = evidence(ObjectFormat::Sha1, &[]).encode().unwrap();
        let with = |objects: &[&[u8]]| Evidence::parse(&[bytes.as_slice(), &objects.concat()].concat());
        // Their ids start with 257c and ce01.
        let (foo, hello) = (b"blob 4\0foo\n".as_slice(), b"blob 6\0hello\n".as_slice());
        assert!(with(&[foo, hello]).is_ok());
        assert!(matches!(with(&[hello, foo]), Err(EvidenceError::Order { .. })));
        assert!(matches!(with(&[foo, foo]), Err(EvidenceError::Order { .. })));
        assert!(matches!(with(&[foo, b"\n"]), Err(EvidenceError::Header { .. })));
        assert!(matches!(with(&[b"blob 9\0foo\n"]), Err(EvidenceError::Length { length: 9, .. })));
        for wrong in [b"blob 04\0foo\n".as_slice(), b"blob +4\0foo\n", b"blob \0", b"bolb 0\0", b"blob 4"] {
            assert!(matches!(with(&[wrong]), Err(EvidenceError::Header { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn without_trees_files_and_tags_it_is_the_same_file_with_the_commits_alone() {
        let contents: Vec<Vec<u8>> = (0..12_u8).map(|n| vec![n; usize::from(n)]).collect();
        let whole = evidence(ObjectFormat::Sha1, &contents);
        let bytes = whole.encode().unwrap();
        let trimmed = commits_only(&bytes).unwrap();
        let left = Evidence::parse(&trimmed).unwrap();
        assert_eq!(left.facts, whole.facts);
        let wanted = whole.objects.iter().filter(|(_, object)| object.kind == ObjectKind::Commit);
        assert_eq!(left.objects.iter().collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
        assert_eq!(left.objects.len(), 3);
        assert_eq!((commits(&bytes), commits(&trimmed)), (Ok(left.objects.clone()), Ok(left.objects)));
        assert_eq!(commits_only(&trimmed).unwrap(), trimmed, "nothing is left to leave out");
        for cut in 0..bytes.len() {
            // A cut between two objects leaves fewer of them.
            let parsed = Evidence::parse(&bytes[..cut]).ok();
            assert_eq!(commits_only(&bytes[..cut]).is_some(), parsed.is_some(), "{cut}");
            assert_eq!(commits(&bytes[..cut]).is_ok(), parsed.is_some(), "{cut}");
        }
        assert_eq!(commits_only(b"countersign.dev/git-objects/v2\n{}\n"), None);
        // An object that is too large is refused of whichever kind it is, and whether or not anything is left out.
        let large = limits::GIT_OBJECT_BYTES + 1;
        let with = [bytes.as_slice(), format!("tree {large}\0").as_bytes(), &vec![0; large]].concat();
        assert_eq!((commits_only(&with), commits(&with).is_err()), (None, true));
        assert!(begins(&bytes) && !begins(FIRST_LINE.as_bytes()) && !begins(b"countersign.dev/git-objects/v11\n"));
    }

    #[test]
    fn facts_in_another_spelling_or_of_another_hash_are_refused() {
        let bytes = evidence(ObjectFormat::Sha1, &[]).encode().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let edit = |from: &str, to: &str| Evidence::parse(text.replace(from, to).as_bytes());
        assert!(matches!(edit("git-objects/v1", "git-objects/v2"), Err(EvidenceError::FirstLine)));
        assert!(matches!(edit("\"format\":", "\"format\": "), Err(EvidenceError::Facts(_))));
        assert!(matches!(edit("\"sha1\"", "\"sha256\""), Err(EvidenceError::Format { .. })));
        let twice = "[\"refs/replace/ab\",\"refs/replace/ab\"]";
        assert_eq!(edit("[\"refs/replace/ab\"]", twice), Err(EvidenceError::FactsLine));
        assert!(matches!(edit("\"grafts\":false,", ""), Err(EvidenceError::Facts(_))));
        assert!(matches!(edit("false}", "false,\"z\":1}"), Err(EvidenceError::Facts(_))));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8), long in any::<bool>()
        ) {
            let format = if long { ObjectFormat::Sha256 } else { ObjectFormat::Sha1 };
            let evidence = evidence(format, &contents);
            prop_assert_eq!(Evidence::parse(&evidence.encode().unwrap()).unwrap(), evidence);
        }

        #[test]
        fn bytes_that_parse_are_the_ones_that_are_written(
            contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..10), 0..4),
            at in any::<prop::sample::Index>(), byte in any::<u8>()
        ) {
            let mut bytes = evidence(ObjectFormat::Sha256, &contents).encode().unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = Evidence::parse(&bytes) {
                prop_assert_eq!(read.encode().unwrap(), bytes);
            }
        }
    }
}
