//! Resource descriptors and digest sets of in-toto, as provenance uses them. Digests are checked when they are asked for:
//! a foreign statement may carry algorithms that nobody here reads.

use crate::digest::{DigestError, Sha256};
use crate::git::{Oid, OidError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Something that took part in a build.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResourceDescriptor {
    /// What it is: a package URL, `git+https://…`, or another URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests.
    #[serde(default, deserialize_with = "super::or_default", skip_serializing_if = "DigestSet::is_empty")]
    pub digest: DigestSet,
    /// Tells it from its neighbours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it came from, when that is not its URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Its bytes in base64, when they are few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// More about it.
    #[serde(default, deserialize_with = "super::or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Value>,
}

impl ResourceDescriptor {
    /// An annotation that is text.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).and_then(Value::as_str)
    }
}

/// Digests by algorithm, as in-toto names them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DigestSet(BTreeMap<String, String>);

impl DigestSet {
    /// One SHA-256.
    #[must_use]
    pub fn of_sha256(digest: &Sha256) -> Self {
        Self(BTreeMap::from([("sha256".to_owned(), digest.hex())]))
    }

    /// One git commit.
    #[must_use]
    pub fn of_git_commit(commit: &Oid) -> Self {
        Self(BTreeMap::from([("gitCommit".to_owned(), commit.hex())]))
    }

    /// With the annotated tag that was built.
    #[must_use]
    pub fn and_git_tag(mut self, tag: &Oid) -> Self {
        self.0.insert("gitTag".to_owned(), tag.hex());
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text of one algorithm, unchecked.
    #[must_use]
    pub fn get(&self, algorithm: &str) -> Option<&str> {
        self.0.get(algorithm).map(String::as_str)
    }

    /// The SHA-256, if there is one.
    pub fn sha256(&self) -> Result<Option<Sha256>, DigestError> {
        self.get("sha256").map(Sha256::from_hex).transpose()
    }

    /// The tag object, if there is one.
    pub fn git_tag(&self) -> Result<Option<Oid>, OidError> {
        self.get("gitTag").map(Oid::from_hex).transpose()
    }

    /// The git commit, under `gitCommit` or, as older builders write it, `sha1`. Where both stand they must agree.
    pub fn git_commit(&self) -> Result<Oid, CommitError> {
        let commit = match (self.get("gitCommit"), self.get("sha1")) {
            (Some(commit), None) | (None, Some(commit)) => commit,
            (Some(a), Some(b)) if a == b => a,
            (Some(_), Some(_)) => return Err(CommitError::Disagree),
            (None, None) => return Err(CommitError::Missing),
        };
        Oid::from_hex(commit).map_err(CommitError::Form)
    }
}

/// Why a digest set has no git commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Neither `gitCommit` nor `sha1`.
    #[error("neither `gitCommit` nor `sha1` is given")]
    Missing,
    /// Both, and they differ.
    #[error("`gitCommit` and `sha1` differ")]
    Disagree,
    /// Not a full object id.
    #[error(transparent)]
    Form(OidError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> DigestSet {
        DigestSet(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    }

    #[test]
    fn a_commit_is_whole_and_said_once() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let id = Oid::from_hex(&a).unwrap();
        assert_eq!(set(&[("sha1", &a)]).git_commit(), Ok(id));
        assert_eq!(set(&[("sha1", &a), ("gitCommit", &a)]).git_commit(), Ok(id));
        assert_eq!(DigestSet::of_git_commit(&id).git_commit(), Ok(id));
        assert_eq!(set(&[("sha1", &a), ("gitCommit", &b)]).git_commit(), Err(CommitError::Disagree));
        assert_eq!(DigestSet::of_git_commit(&id).git_tag(), Ok(None));
        assert_eq!(DigestSet::of_git_commit(&id).and_git_tag(&id).git_tag(), Ok(Some(id)));
        assert_eq!(set(&[("sha512", &a)]).git_commit(), Err(CommitError::Missing));
        for text in ["", "abc", &"A".repeat(40), &"a".repeat(41)] {
            assert!(matches!(set(&[("gitCommit", text)]).git_commit(), Err(CommitError::Form(_))), "{text}");
        }
    }

    #[test]
    fn a_digest_of_another_length_is_refused() {
        assert!(set(&[("sha256", "a")]).sha256().is_err());
        assert_eq!(set(&[("sha512", "a")]).sha256(), Ok(None));
        let digest = Sha256::of(b"x");
        assert_eq!(DigestSet::of_sha256(&digest).sha256(), Ok(Some(digest)));
    }
}
