//! Tags that somebody bound to a commit. Tags do not move: one that names another object now than it did when something
//! was built from it, or promoted, says that the history behind a release was changed.

use super::Question;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::{ObjectKind, Oid, SourceError, Tag};
use countersign_core::ids::RefName;
use countersign_core::statement::provenance::Source;

/// How many tags may point to one another before a commit.
const TAG_DEPTH: usize = 8;

/// A tag with what it was bound to, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoundTag {
    /// Its full name, `refs/tags/…`.
    pub name: String,
    /// The commit.
    pub commit: Oid,
    /// The object that it named, where that is known: a tag object, or the commit itself where it was lightweight.
    pub object: Option<Oid>,
    /// Who says so, for findings.
    pub by: String,
}

impl BoundTag {
    /// What a provenance says, if it was a tag that was built.
    #[must_use]
    pub fn of_source(source: &Source<'_>, by: &str) -> Option<Self> {
        let name = source.reference.filter(|name| name.starts_with("refs/tags/"))?;
        Some(Self { name: name.to_owned(), commit: source.commit, object: source.tag, by: by.to_owned() })
    }

    /// Its name as a ref. A name that is none cannot be in a repository.
    #[must_use]
    pub fn reference(&self) -> Option<RefName> {
        RefName::new(&self.name).ok()
    }
}

/// Holds every bound tag to what the repository says now.
pub(super) fn check(question: &Question<'_>) -> Result<Vec<Finding>, SourceError> {
    let mut findings = Vec::new();
    for bound in question.tags {
        let now = bound.reference().and_then(|name| question.history.facts().tags.get(&name).copied());
        findings.extend(match now {
            None => Some(missing(question, bound)),
            Some(now) => moved(question, bound, now)?,
        });
    }
    Ok(findings)
}

fn missing(question: &Question<'_>, bound: &BoundTag) -> Finding {
    Finding::new(codes::TAG_MISSING, "a tag that was bound to a commit is not in the repository")
        .at(format!("{} of {}", bound.name, question.repository))
        .expected(format!("commit {}", bound.commit), bound.by.as_str())
        .found("no such tag: it was deleted, or not fetched")
        .help("git fetch --tags; a tag that was deleted has to be put back")
}

fn moved(question: &Question<'_>, bound: &BoundTag, now: Oid) -> Result<Option<Finding>, SourceError> {
    let (commit, names) = peel(question, now)?;
    let annotated = |id: &Oid| if *id == bound.commit { "a lightweight tag".to_owned() } else { format!("tag {id}") };
    let short = bound.name.strip_prefix("refs/tags/").unwrap_or(&bound.name);
    let (what, expected, found) = if commit != Some(bound.commit) {
        let found = commit.map_or_else(|| "no commit".to_owned(), |id| format!("commit {id}"));
        ("a tag was moved after it was bound to a commit", format!("commit {}", bound.commit), found)
    } else if let Some(before) = bound.object.filter(|before| *before != now) {
        let what = "a tag was made anew after it was bound: the commit is the same, the tag is not";
        (what, annotated(&before), annotated(&now))
    } else if let Some(other) = names.filter(|name| name.as_slice() != short.as_bytes()) {
        let what = "a tag's object was made for another name";
        (what, format!("tag {short}"), format!("tag {}", String::from_utf8_lossy(&other)))
    } else {
        return Ok(None);
    };
    Ok(Some(
        Finding::new(codes::TAG_MOVED, what)
            .at(format!("{} of {}", bound.name, question.repository))
            .expected(expected, bound.by.as_str())
            .found(found)
            .help("put the tag back where it was, and find out who moved it; a new revision needs a new tag"),
    ))
}

/// The commit that an object leads to, and the name in the tag object, if it is one.
fn peel(question: &Question<'_>, mut id: Oid) -> Result<(Option<Oid>, Option<Vec<u8>>), SourceError> {
    let mut name = None;
    for _ in 0..TAG_DEPTH {
        let object = question.history.objects().object(&id)?;
        match object.kind {
            ObjectKind::Commit => return Ok((Some(id), name)),
            ObjectKind::Tag => {
                let tag = Tag::parse(id.format(), &object.bytes);
                let tag = tag.map_err(|source| SourceError::Malformed { id, source })?;
                id = tag.object;
                name.get_or_insert(tag.name);
            }
            ObjectKind::Tree | ObjectKind::Blob => break,
        }
    }
    Ok((None, name))
}
