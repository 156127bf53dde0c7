//! The predicate of SLSA provenance v1: what was built, from what, by whom, when.
//!
//! Foreign provenance is read as the specification asks: an unknown field is ignored, except inside
//! `externalParameters`, and an absent field, `null` and an empty one are the same. What the specification requires must
//! be there. Nothing here says whether a statement is believed: that is for the signature, trust and policy.

pub mod build_type;
pub mod hermetic;
mod resource;

pub use resource::{CommitError, DigestSet, ResourceDescriptor};

use crate::git::Oid;
use crate::ids::Uri;
use crate::time::Time;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The name of the source among the resolved dependencies, as we write it.
pub const SOURCE_NAME: &str = "source";
/// Annotation of the source: `clean` or `dirty`.
pub const TREE_ANNOTATION: &str = "countersign_tree";
/// Annotation of the source: `complete` or `shallow`.
pub const HISTORY_ANNOTATION: &str = "countersign_history";
/// Annotation of the source: `branch` or `detached`.
pub const HEAD_ANNOTATION: &str = "countersign_head";

/// SLSA provenance v1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Provenance {
    /// What the build was asked to do.
    pub build_definition: BuildDefinition,
    /// Who did it, and when.
    pub run_details: RunDetails,
}

/// What the build was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuildDefinition {
    /// The meaning of the parameters: see [`build_type`] for those that are known here.
    pub build_type: Uri,
    /// Everything that whoever asked for the build could choose. Not to be believed without a policy that names each.
    pub external_parameters: BTreeMap<String, Value>,
    /// What the builder chose.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub internal_parameters: BTreeMap<String, Value>,
    /// What went into the build: the source, and the dependencies.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub resolved_dependencies: Vec<ResourceDescriptor>,
}

/// Who built, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunDetails {
    /// The builder.
    pub builder: Builder,
    /// This one run.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// What the run made beside its subjects.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub byproducts: Vec<ResourceDescriptor>,
}

/// The builder. Its id alone, together with who signed, says which SLSA level is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Builder {
    /// Everything that had to be trusted for the build to be what it says.
    pub id: Uri,
    /// Versions of the builder's parts, by name.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub version: BTreeMap<String, String>,
    /// What the builder itself was made of.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub builder_dependencies: Vec<ResourceDescriptor>,
}

/// One run of the builder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Metadata {
    /// Finds the run at the builder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_id: Option<String>,
    /// When the build began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<Moment>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<Moment>,
}

impl Metadata {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A time as provenance spells it. Others write fractions of a second and offsets, so the text is kept; ours is always
/// the one spelling of [`Time`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Moment(String);

impl Moment {
    /// The text as it stands in the statement.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole second that the text names, if it is RFC 3339.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        Time::from_rfc3339(&self.0)
    }
}

impl From<Time> for Moment {
    fn from(time: Time) -> Self {
        Self(time.to_string())
    }
}

/// The source that an artifact is said to be built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source<'a> {
    descriptor: &'a ResourceDescriptor,
    /// The URI as it stands there: `git+https://host/path@refs/heads/main`.
    pub uri: &'a str,
    /// The URI without the ref.
    pub repository: &'a str,
    /// The ref, where the URI has one.
    pub reference: Option<&'a str>,
    /// The commit.
    pub commit: Oid,
    /// The tag object, where an annotated tag was built and the builder says which.
    pub tag: Option<Oid>,
    /// Whether everything that was built is in the commit. Absent when nobody says so: that is not `clean`.
    pub tree: Option<Tree>,
    /// Whether the clone had the whole history. Absent when nobody says so.
    pub history: Option<History>,
}

/// Whether the working tree was what the commit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// Nothing was changed or added.
    Clean,
    /// Something was changed or added, so the commit is not all that was built.
    Dirty,
}

impl Tree {
    /// As the annotation spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Dirty => "dirty",
        }
    }
}

/// Whether the clone had the whole history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// All of it.
    Complete,
    /// Some of it was left out when cloning.
    Shallow,
}

impl History {
    /// As the annotation spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Shallow => "shallow",
        }
    }
}

/// Why provenance does not name one source commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The build type defines a parameter that names the source, and it is not there.
    #[error("the external parameters do not name the source")]
    Unnamed,
    /// No dependency is a git repository, or none is the one that the parameters name.
    #[error("no resolved dependency is the source{}", .named.as_ref().map_or(String::new(), |uri| format!(" {uri}")))]
    Missing {
        /// The URI that the external parameters name.
        named: Option<String>,
    },
    /// Several dependencies could be it.
    #[error("{count} resolved dependencies could be the source")]
    Ambiguous {
        /// How many.
        count: usize,
    },
    /// The source has no usable commit.
    #[error("the source {uri} has no usable commit: {error}")]
    Commit {
        /// The source.
        uri: String,
        /// What is wrong with it.
        error: CommitError,
    },
}

impl Provenance {
    /// The source: the git dependency that the external parameters name, or the only one where they name none.
    pub fn source(&self) -> Result<Source<'_>, SourceError> {
        let named = match build_type::named_source(&self.build_definition) {
            build_type::Named::As(uri) => Some(uri),
            build_type::Named::Nothing => return Err(SourceError::Unnamed),
            build_type::Named::Unknown => None,
        };
        let is_it = |d: &&ResourceDescriptor| {
            d.uri.as_deref().is_some_and(|uri| uri.starts_with("git+") && named.as_deref().is_none_or(|n| n == uri))
        };
        let mut found: Vec<_> = self.build_definition.resolved_dependencies.iter().filter(is_it).collect();
        if found.len() > 1 {
            // A package may depend on an earlier commit of its own repository.
            let called: Vec<_> = found.iter().copied().filter(|d| d.name.as_deref() == Some(SOURCE_NAME)).collect();
            if called.len() != 1 {
                return Err(SourceError::Ambiguous { count: found.len() });
            }
            found = called;
        }
        let Some(first) = found.first() else {
            return Err(SourceError::Missing { named });
        };
        let uri = first.uri.as_deref().unwrap_or_default();
        let commit = first.digest.git_commit().map_err(|error| SourceError::Commit { uri: uri.to_owned(), error })?;
        let tag = first.digest.git_tag();
        let tag = tag.map_err(|e| SourceError::Commit { uri: uri.to_owned(), error: CommitError::Form(e) })?;
        let (repository, reference) = split_ref(uri);
        Ok(Source {
            descriptor: first,
            uri,
            repository,
            reference,
            commit,
            tag,
            tree: match first.annotation(TREE_ANNOTATION) {
                Some("clean") => Some(Tree::Clean),
                Some("dirty") => Some(Tree::Dirty),
                _ => None,
            },
            history: match first.annotation(HISTORY_ANNOTATION) {
                Some("complete") => Some(History::Complete),
                Some("shallow") => Some(History::Shallow),
                _ => None,
            },
        })
    }

    /// The resolved dependencies other than the source. All of them, when the source is not clear.
    pub fn dependencies(&self) -> impl Iterator<Item = &ResourceDescriptor> {
        let source = self.source().ok().map(|source| source.descriptor);
        let all = self.build_definition.resolved_dependencies.iter();
        all.filter(move |d| source.is_none_or(|source| !std::ptr::eq(*d, source)))
    }

    /// The external parameters that the build type does not define. `None` when the build type is not known here.
    #[must_use]
    pub fn unknown_external_parameters(&self) -> Option<Vec<&str>> {
        let known = build_type::external_parameters(self.build_definition.build_type.as_str())?;
        let names = self.build_definition.external_parameters.keys();
        Some(names.map(String::as_str).filter(|name| !known.contains(name)).collect())
    }
}

/// A `git+` URI as repository and ref. The ref follows the last `@` of the path: an `@` before it belongs to a user name.
fn split_ref(uri: &str) -> (&str, Option<&str>) {
    let path = uri.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let Some((_, reference)) = path.rsplit_once('@') else {
        return (uri, None);
    };
    let repository = uri.strip_suffix(reference).and_then(|u| u.strip_suffix('@'));
    (repository.unwrap_or(uri), Some(reference))
}

/// The specification: an absent field, `null` and an empty one mean the same.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    fn provenance(external: &str, dependencies: &str) -> Provenance {
        let text = format!(
            r#"{{"buildDefinition":{{"buildType":"https://example.com/type/v1","externalParameters":{external},
            "internalParameters":null,"resolvedDependencies":{dependencies},"vendor_field":1}},
            "runDetails":{{"builder":{{"id":"https://example.com/builder","other":[]}},"metadata":null}}}}"#
        );
        json::parse_as(text.as_bytes()).unwrap()
    }

    fn git(uri: &str) -> String {
        format!(r#"{{"uri":"{uri}","digest":{{"gitCommit":"{COMMIT}"}}}}"#)
    }

    #[test]
    fn foreign_provenance_is_read_and_its_unknown_fields_are_ignored() {
        let read = provenance("{}", &format!("[{}]", git("git+https://example.com/a@refs/heads/main")));
        let source = read.source().unwrap();
        assert_eq!(source.repository, "git+https://example.com/a");
        assert_eq!(source.reference, Some("refs/heads/main"));
        assert_eq!(source.commit.hex(), COMMIT);
        assert_eq!((source.tree, source.history), (None, None));
        assert_eq!(read.run_details.metadata, Metadata::default());
        assert_eq!(read.unknown_external_parameters(), None);
    }

    #[test]
    fn a_required_field_that_is_missing_is_refused() {
        for (text, field) in [
            (r#"{"buildDefinition":{"buildType":"a:b","externalParameters":{}}}"#, "runDetails"),
            (r#"{"buildDefinition":{"externalParameters":{}},"runDetails":{"builder":{"id":"a:b"}}}"#, "buildType"),
            (r#"{"buildDefinition":{"buildType":"a:b"},"runDetails":{"builder":{"id":"a:b"}}}"#, "externalParameters"),
            (r#"{"buildDefinition":{"buildType":"a:b","externalParameters":{}},"runDetails":{"builder":{}}}"#, "id"),
        ] {
            let error = json::parse_as::<Provenance>(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(&format!("missing field `{field}`")), "{error}");
        }
    }

    #[test]
    fn two_git_dependencies_are_no_source_unless_the_parameters_name_one() {
        let (a, b) = (git("git+https://example.com/a"), git("git+https://example.com/b"));
        let both = format!("[{a},{b}]");
        assert_eq!(provenance("{}", &both).source(), Err(SourceError::Ambiguous { count: 2 }));
        let named = provenance(r#"{"source":"git+https://example.com/b"}"#, &both);
        assert_eq!(named.source().unwrap().uri, "git+https://example.com/b");
        assert_eq!(named.dependencies().count(), 1);
        let twice = provenance(r#"{"source":"git+https://example.com/b"}"#, &format!("[{b},{b}]"));
        assert_eq!(twice.source(), Err(SourceError::Ambiguous { count: 2 }));
        let called = b.replacen('{', r#"{"name":"source","#, 1);
        let itself = provenance(r#"{"source":"git+https://example.com/b"}"#, &format!("[{b},{called}]"));
        assert!(itself.source().is_ok());
        assert_eq!(itself.dependencies().count(), 1);
        let other = provenance(r#"{"source":"git+https://example.com/c"}"#, &both);
        assert_eq!(other.source(), Err(SourceError::Missing { named: Some("git+https://example.com/c".into()) }));
    }

    #[test]
    fn only_the_written_word_clean_is_clean() {
        for (annotations, tree) in [
            (r#"{"countersign_tree":"clean"}"#, Some(Tree::Clean)),
            (r#"{"countersign_tree":"dirty"}"#, Some(Tree::Dirty)),
            (r#"{"countersign_tree":true}"#, None),
            (r#"{"countersign_tree":"Clean"}"#, None),
            ("null", None),
        ] {
            let dependency = format!(
                r#"[{{"uri":"git+https://example.com/a","digest":{{"sha1":"{COMMIT}"}},"annotations":{annotations}}}]"#
            );
            assert_eq!(provenance("{}", &dependency).source().unwrap().tree, tree, "{annotations}");
        }
    }

    #[test]
    fn the_workflow_type_names_its_source_and_its_parameters() {
        let text = format!(
            r#"{{"buildDefinition":{{"buildType":"{}","externalParameters":{{"workflow":{{"ref":"refs/tags/v1",
            "repository":"https://github.com/o/r","path":".github/workflows/x.yml"}},"surprise":1}},
            "resolvedDependencies":[{}]}},"runDetails":{{"builder":{{"id":"https://example.com/b"}},
            "metadata":{{"startedOn":"2026-01-02T03:04:05.678+01:00","finishedOn":"soon"}}}}}}"#,
            build_type::GITHUB_WORKFLOW_V1,
            git("git+https://github.com/o/r@refs/tags/v1"),
        );
        let read: Provenance = json::parse_as(text.as_bytes()).unwrap();
        assert_eq!(read.source().unwrap().reference, Some("refs/tags/v1"));
        assert_eq!(read.unknown_external_parameters(), Some(vec!["surprise"]));
        let metadata = &read.run_details.metadata;
        let started = metadata.started_on.as_ref().unwrap();
        assert_eq!(started.time().unwrap().to_string(), "2026-01-02T02:04:05Z");
        assert_eq!(metadata.finished_on.as_ref().unwrap().time(), None);
        assert_eq!(json::from_value::<Provenance>(json::to_value(&read).unwrap()).unwrap(), read);
        let mut nameless = read;
        nameless.build_definition.external_parameters.clear();
        assert_eq!(nameless.source(), Err(SourceError::Unnamed));
    }

    #[test]
    fn a_user_name_in_a_uri_is_not_a_ref() {
        assert_eq!(split_ref("git+ssh://git@example.com/a"), ("git+ssh://git@example.com/a", None));
        assert_eq!(split_ref("git+ssh://git@h/a@v1"), ("git+ssh://git@h/a", Some("v1")));
    }
}
