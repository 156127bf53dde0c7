//! Policy releases as values: the closed manifest, its pin, and its activation.
//!
//! A release is one canonical JSON document, the manifest. Everything that decides stands in it; everything else that
//! belongs to the folder stands in it by digest. Its digest names the release, whoever signs it.

mod loose;
pub mod rollout;

pub use loose::{Loose, Misread};
pub use rollout::{Condition, Plan, ReleaseDates, Rollout, RuleDates, Stage, Step};

use crate::digest::Sha256;
use crate::git::oid::Oid;
use crate::ids::{EnvName, Origin, PersonId, RefName, RuleId, Uri};
use crate::json::{self, JsonError};
use crate::limits;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The name of the semantics by which this version evaluates rules. Every release of ours keeps all older ones.
pub const ENGINE: &str = "engine/1";
/// The name of the subject with which an approval names the backtest's report that was before the approver.
pub const BACKTEST: &str = "backtest-report";
/// The file that is authored.
pub const SOURCE_FILE: &str = "policy.toml";
/// The file of a rule that is written without Rego.
pub const RULE_YAML: &str = "rule.yaml";
/// How the names of files in Rego end.
pub const REGO_SUFFIX: &str = ".rego";
/// How the names of data files end.
pub const DATA_SUFFIX: &str = ".json";
/// How the names of files with cases end.
pub const CASE_SUFFIX: &str = ".yaml";
/// How the names of files with tests in Rego end.
pub const TEST_SUFFIX: &str = "_test.rego";

/// A closed policy release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Manifest {
    /// The policy's name.
    pub uri: Uri,
    /// Which line of versions this belongs to; a fork has another.
    pub lineage: String,
    /// Counts up within the lineage.
    pub version: u64,
    /// The semantics by which it is evaluated.
    pub engine: String,
    /// Not valid before.
    pub not_before: Time,
    /// Not valid from this moment on.
    pub expires: Time,
    /// The release that this one follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Sha256>,
    /// Who wrote what changed since the release before, as the approvers attest. Its only author is none of its approvers.
    /// A release that follows one with authors has to name its own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub authors: BTreeSet<PersonId>,
    /// The repositories that it covers.
    pub sources: Vec<Source>,
    /// The environments that it covers.
    pub environments: BTreeMap<EnvName, Environment>,
    /// The dates of its end.
    #[serde(default, skip_serializing_if = "ReleaseDates::is_empty")]
    pub dates: ReleaseDates,
    /// What has to be measured before one of its rules moves up.
    #[serde(default, skip_serializing_if = "is_standard")]
    pub rollout: Rollout,
    /// The rules, each once.
    pub rules: Vec<Rule>,
    /// Every file of the folder, by path.
    pub files: BTreeMap<String, Sha256>,
    /// The files that are evaluated, as they are: rules that are written, what they share, their data, and catalogues of
    /// controls. Each is also among the files, by the digest of this text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
}

/// A repository that a release covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// Its uri, `git+https://…`.
    pub repository: Uri,
    /// The branch that releases are built from.
    #[serde(rename = "ref")]
    pub target_ref: RefName,
    /// Where review begins, for the first promotion: this commit and what lies before it are taken as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Oid>,
    /// The branch that this one was cut from, for a release branch: as far as both are the same line of commits, reviews
    /// for that branch count as well. What lies beyond the cut needs reviews for this branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_from: Option<RefName>,
}

/// What a release says of an environment as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Environment {
    /// Whether a refusal refuses. If not, the verdict is computed as if it did.
    pub enforced: bool,
}

/// A rule as a release uses it: one that is built in, or one that is written in the release itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rule {
    /// Which rule, in which of its meanings.
    pub id: RuleId,
    /// The folder in which it is written, such as `rules/no-copyleft`; absent for a rule that is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// How far it is rolled out, for each environment.
    pub stages: BTreeMap<EnvName, Plan>,
    /// The dates of its life.
    #[serde(default, skip_serializing_if = "RuleDates::is_empty")]
    pub dates: RuleDates,
    /// Who wrote it, as the approvers of the release attest. Needed where a rule that is written in the release moves up
    /// without its measurement: its only author does not count for that.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub authors: BTreeSet<PersonId>,
    /// Its parameters; each rule says which it knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Value>,
    /// The controls that it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// The activation of a release for an environment: the predicate `https://countersign.dev/policy-activation/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Activation {
    /// The log in which it is to count. Absent in those that were signed before activations named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Origin>,
    /// Where it is to be active.
    pub environment: EnvName,
    /// Which release.
    pub policy: PolicyRef,
    /// The release that was active there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Sha256>,
    /// When this was signed.
    pub activated_at: Time,
    /// Why; needed for a return to an older version, and for an override.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Rules that move up without their measurement, or that go without their successor, because those who sign this say so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub overrides: BTreeSet<RuleId>,
    /// What people said of what its rules found, by digest of each document: the labels that the measurement counts.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub adjudications: BTreeSet<Sha256>,
}

/// A release by all its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyRef {
    /// The policy's name.
    pub uri: Uri,
    /// Its line of versions.
    pub lineage: String,
    /// The version.
    pub version: u64,
    /// The digest of the manifest.
    pub digest: Sha256,
}

/// What `countersign.lock` expects of an environment. It can only narrow what the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pin {
    /// The policy's name.
    pub uri: Uri,
    /// The version.
    pub version: u64,
    /// The digest of the manifest.
    pub digest: Sha256,
    /// No version below this one.
    pub min_version: u64,
}

/// `countersign.lock`: environment to pin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lock(pub BTreeMap<EnvName, Pin>);

/// Why a document is not a policy release, or a lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Larger than the bound.
    #[error("{path}: {found} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Which file.
        path: String,
        /// How many bytes there were.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// More files than the bound.
    #[error("{found} files, more than the {} of one release", limits::POLICY_FILES)]
    TooManyFiles {
        /// How many.
        found: usize,
    },
    /// No `policy.toml`.
    #[error("the folder has no {SOURCE_FILE}")]
    NoSource,
    /// A path that a release cannot hold.
    #[error("{path}: {problem}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Not UTF-8.
    #[error("{path}: byte {at} is not UTF-8")]
    NotUtf8 {
        /// Which file.
        path: String,
        /// Where.
        at: usize,
    },
    /// Not TOML, or not of the shape.
    #[error("{path}: {message}")]
    Toml {
        /// Which file.
        path: String,
        /// The parser's message with line, column and the line itself.
        message: String,
    },
    /// Not canonical JSON, or not of the shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A rule stands twice.
    #[error("rule {id} stands twice")]
    RuleTwice {
        /// Which.
        id: RuleId,
    },
    /// A rule names an environment that the release does not cover.
    #[error("rule {id} has a stage for {environment}, which is not among the environments")]
    RuleEnvironment {
        /// Which rule.
        id: RuleId,
        /// Which environment.
        environment: EnvName,
    },
    /// A folder in which a rule cannot be written.
    #[error("rule {id}: folder {folder:?} {problem}")]
    RuleFolder {
        /// Which rule.
        id: RuleId,
        /// Its folder.
        folder: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A text that is not the file of that name.
    #[error("{path}: {problem}")]
    Text {
        /// Which file.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A number or date that cannot be.
    #[error("{field} {problem}")]
    Value {
        /// Where.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Made for other semantics.
    #[error("the release is for `{found}`, this version evaluates {ENGINE}")]
    Engine {
        /// What it asks for.
        found: String,
    },
}

impl PolicyError {
    /// The registered code of this refusal.
    #[must_use]
    pub const fn code(&self) -> crate::finding::Code {
        if matches!(self, Self::Path { .. }) {
            crate::codes::PATH_UNSAFE
        } else if matches!(self, Self::Engine { .. }) {
            crate::codes::POLICY_RULE_UNKNOWN
        } else {
            crate::codes::POLICY_MALFORMED
        }
    }
}

impl Manifest {
    /// The files with tests that it closes: cases, and tests in Rego.
    pub fn tests(&self) -> impl Iterator<Item = (&String, &Sha256)> {
        let is_test = |path: &str| {
            path.split('/').any(|part| part == "tests" || part.contains("_test") || part.contains("cases"))
        };
        self.files.iter().filter(move |(path, _)| is_test(path))
    }

    /// Closes a folder: `policy.toml` among `files` says what decides, and every file is named by its digest.
    pub fn close(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, PolicyError> {
        let source = Self::source_in(files)?;
        let manifest = Self::of(from_toml(SOURCE_FILE, source)?, files)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The bytes of `policy.toml` in a folder whose files a release can hold.
    fn source_in(files: &BTreeMap<String, Vec<u8>>) -> Result<&[u8], PolicyError> {
        if files.len() > limits::POLICY_FILES {
            return Err(PolicyError::TooManyFiles { found: files.len() });
        }
        for (path, bytes) in files {
            check_path(path)?;
            if bytes.len() > limits::POLICY_FILE_BYTES {
                let limit = limits::POLICY_FILE_BYTES;
                return Err(PolicyError::TooLarge { path: path.clone(), found: bytes.len(), limit });
            }
        }
        files.get(SOURCE_FILE).map(Vec::as_slice).ok_or(PolicyError::NoSource)
    }

    fn of(authored: Authored, files: &BTreeMap<String, Vec<u8>>) -> Result<Self, PolicyError> {
        let texts = evaluated(files, &authored.rules)?;
        Ok(Self {
            uri: authored.uri,
            lineage: authored.lineage,
            version: authored.version,
            engine: ENGINE.to_owned(),
            not_before: authored.not_before,
            expires: authored.expires,
            previous: authored.previous,
            authors: authored.authors,
            sources: authored.sources,
            environments: authored.environments,
            dates: authored.dates,
            rollout: authored.rollout,
            rules: authored.rules,
            files: files.iter().map(|(path, bytes)| (path.clone(), Sha256::of(bytes))).collect(),
            texts,
        })
    }

    /// Reads a manifest's own, canonical bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let manifest: Self = json::parse_canonical(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads the predicate of a signed release.
    pub fn from_value(value: Value) -> Result<Self, PolicyError> {
        let manifest: Self = json::from_value(value)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, JsonError> {
        json::canonical(self)
    }

    /// The digest that names the release.
    pub fn digest(&self) -> Result<Sha256, JsonError> {
        Ok(Sha256::of(&self.to_bytes()?))
    }

    /// The release by all its names.
    pub fn reference(&self) -> Result<PolicyRef, JsonError> {
        Ok(PolicyRef {
            uri: self.uri.clone(),
            lineage: self.lineage.clone(),
            version: self.version,
            digest: self.digest()?,
        })
    }

    /// The source that an artifact comes from, by its repository and the ref that it was built from: the one with that
    /// branch, or else the first of that repository.
    #[must_use]
    pub fn source_of(&self, repository: &str, built_from: Option<&str>) -> Option<&Source> {
        let of = || self.sources.iter().filter(|source| source.repository.as_str() == repository);
        of().find(|source| built_from == Some(source.target_ref.as_str())).or_else(|| of().next())
    }

    fn check(&self) -> Result<(), PolicyError> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything that contradicts itself, in the order in which it is looked at.
    fn faults(&self) -> Vec<PolicyError> {
        let mut faults = Vec::new();
        if self.engine != ENGINE {
            faults.push(PolicyError::Engine { found: self.engine.chars().take(64).collect() });
        }
        let wrong = |field, problem| PolicyError::Value { field, problem };
        let unless = |holds: bool, field, problem| (!holds).then(|| wrong(field, problem));
        faults.extend(unless((1..=1 << 53).contains(&self.version), "version", "starts at 1"));
        faults.extend(unless(self.expires > self.not_before, "expires", "does not lie after not_before"));
        faults.extend(unless((1..=128).contains(&self.lineage.len()), "lineage", "has 1 to 128 characters"));
        let none = "names none: the release would decide nothing";
        faults.extend(unless(!self.environments.is_empty(), "environments", none));
        if !self.files.contains_key(SOURCE_FILE) {
            faults.push(PolicyError::NoSource);
        }
        let few = self.authors.len() <= limits::POLICY_AUTHORS;
        faults.extend(unless(few, "authors", "are more than a release names"));
        faults.extend(self.files.keys().filter_map(|path| check_path(path).err()));
        let mut sources = BTreeSet::new();
        for source in &self.sources {
            if !sources.insert((source.repository.as_str(), source.target_ref.as_str())) {
                faults.push(wrong("sources", "names a branch twice"));
            }
            if source.cut_from.as_ref() == Some(&source.target_ref) {
                faults.push(wrong("cut_from", "is the branch itself"));
            }
        }
        faults.extend(self.rollout.fault().map(|problem| wrong("rollout", problem)));
        faults.extend(self.check_texts().err());
        let mut seen = BTreeSet::new();
        let mut folders = BTreeSet::new();
        for rule in &self.rules {
            if let Some(folder) = &rule.folder {
                let wrong = |problem| PolicyError::RuleFolder { id: rule.id.clone(), folder: folder.clone(), problem };
                if !is_rule_folder(folder) {
                    faults.push(wrong("is not `rules/` and one name of a-z, 0-9 and `-`, starting with a letter"));
                }
                if !folders.insert(folder) {
                    faults.push(wrong("is already that of another rule"));
                }
            }
            if !seen.insert(&rule.id) {
                faults.push(PolicyError::RuleTwice { id: rule.id.clone() });
            }
            let unknown = rule.stages.keys().filter(|name| !self.environments.contains_key(*name));
            faults.extend(unknown.map(|environment| PolicyError::RuleEnvironment {
                id: rule.id.clone(),
                environment: environment.clone(),
            }));
        }
        faults
    }
}

impl Manifest {
    /// What is evaluated is what was approved by digest.
    fn check_texts(&self) -> Result<(), PolicyError> {
        let mut total = 0_usize;
        for (path, text) in &self.texts {
            let wrong = |problem| Err(PolicyError::Text { path: path.chars().take(200).collect(), problem });
            total = total.saturating_add(text.len());
            match self.files.get(path) {
                None => return wrong("its text is in the release, and it is not among the files"),
                Some(digest) if *digest != Sha256::of(text.as_bytes()) => {
                    return wrong("its text is not the one that the digest among the files is of");
                }
                Some(_) if total > limits::POLICY_TEXT_BYTES => {
                    return wrong("with it, there is more text to evaluate than a release may hold");
                }
                Some(_) if !is_evaluated(path, &self.rules) => return wrong("its text is evaluated by no rule"),
                Some(_) => {}
            }
        }
        match self.files.keys().find(|path| is_evaluated(path, &self.rules) && !self.texts.contains_key(*path)) {
            None => Ok(()),
            Some(path) => {
                Err(PolicyError::Text { path: path.clone(), problem: "a rule evaluates it, and its text is missing" })
            }
        }
    }
}

/// The texts that rules of this folder evaluate.
fn evaluated(files: &BTreeMap<String, Vec<u8>>, rules: &[Rule]) -> Result<BTreeMap<String, String>, PolicyError> {
    let mut texts = BTreeMap::new();
    for (path, bytes) in files.iter().filter(|(path, _)| is_evaluated(path, rules)) {
        let text =
            std::str::from_utf8(bytes).map_err(|e| PolicyError::NotUtf8 { path: path.clone(), at: e.valid_up_to() })?;
        texts.insert(path.clone(), text.to_owned());
    }
    Ok(texts)
}

/// Whether the file of this path is evaluated, once a rule is written in the release: Rego of a rule's own folder and of
/// `lib/`, `rule.yaml`, and `data/*.json`; and whether it is a catalogue of controls. Tests are not; they are part of the release by digest.
fn is_evaluated(path: &str, rules: &[Rule]) -> bool {
    let rego = path.ends_with(REGO_SUFFIX) && !path.ends_with(TEST_SUFFIX);
    let folders = || rules.iter().filter_map(|rule| rule.folder.as_deref());
    let own = |folder: &str| {
        let name = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        name.is_some_and(|name| !name.contains('/') && (rego || name == RULE_YAML))
    };
    let data = |rest: &str| !rest.contains('/') && rest.ends_with(DATA_SUFFIX);
    folders().any(own)
        || crate::catalogue::is_catalogue(path)
        || (folders().next().is_some()
            && ((rego && path.starts_with("lib/")) || path.strip_prefix("data/").is_some_and(data)))
}

/// `rules/NAME`, so that the name is also that of a package.
fn is_rule_folder(folder: &str) -> bool {
    folder.strip_prefix("rules/").is_some_and(|name| {
        (1..=64).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    })
}

impl Lock {
    /// Reads `countersign.lock`.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        from_toml("countersign.lock", bytes)
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::from(
            "# Written by `countersign policy activate`. What the log says decides; this file can only narrow it.\n",
        );
        for (environment, pin) in &self.0 {
            let written = write!(
                text,
                "\n[\"{environment}\"]\nuri = \"{}\"\nversion = {}\ndigest = \"{}\"\nmin_version = {}\n",
                pin.uri, pin.version, pin.digest, pin.min_version
            );
            debug_assert!(written.is_ok(), "a String takes whatever is written to it");
        }
        text
    }
}

/// What `policy.toml` holds. It has no field for the engine, the files or anything that is computed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Authored {
    uri: Uri,
    lineage: String,
    version: u64,
    not_before: Time,
    expires: Time,
    previous: Option<Sha256>,
    #[serde(default)]
    authors: BTreeSet<PersonId>,
    sources: Vec<Source>,
    environments: BTreeMap<EnvName, Environment>,
    #[serde(default)]
    dates: ReleaseDates,
    #[serde(default)]
    rollout: Rollout,
    rules: Vec<Rule>,
}

fn is_standard(rollout: &Rollout) -> bool {
    *rollout == Rollout::default()
}

fn from_toml<T: serde::de::DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, PolicyError> {
    let (path, limit) = (path.to_owned(), limits::TOML_BYTES);
    if bytes.len() > limit {
        return Err(PolicyError::TooLarge { path, found: bytes.len(), limit });
    }
    match std::str::from_utf8(bytes) {
        Err(e) => Err(PolicyError::NotUtf8 { path, at: e.valid_up_to() }),
        Ok(text) => toml::from_str(text).map_err(|e| PolicyError::Toml { path, message: e.to_string() }),
    }
}

/// Relative, forward slashes, no step up, plain ASCII, and no archive: what is inside one would not be in the manifest.
fn check_path(path: &str) -> Result<(), PolicyError> {
    let wrong = |problem| Err(PolicyError::Path { path: path.chars().take(200).collect(), problem });
    if path.is_empty() || path.len() > 512 {
        return wrong("a path has 1 to 512 characters");
    }
    if !path
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b':' | b'"' | b'*' | b'?' | b'<' | b'>' | b'|'))
    {
        return wrong("a path holds plain ASCII without spaces");
    }
    if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return wrong("a path is relative and does not step up");
    }
    let lower = path.to_ascii_lowercase();
    let archives = [".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".jar", ".cspkg", ".cspack"];
    if archives.iter().any(|end| lower.ends_with(end)) {
        return wrong("an archive cannot be part of a release: what is inside would not be in the manifest");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
uri = "https://example.com/policy/release"
lineage = "example"
version = 1
not_before = "2026-01-01T00:00:00Z"
expires = "2027-01-01T00:00:00Z"

[[sources]]
repository = "git+https://example.com/app"
ref = "refs/heads/main"

[environments.production]
enforced = true

[[rules]]
id = "two-party-review@1"
controls = ["CC8.1"]
stages = { production = "enforce" }
parameters = { reviewers_beyond_author = 1 }
"#;

    fn files(text: &str) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([(SOURCE_FILE.to_owned(), text.as_bytes().to_vec())])
    }

    #[test]
    fn a_release_is_closed_over_every_file() {
        let one = Manifest::close(&files(POLICY)).unwrap();
        let mut more = files(POLICY);
        more.insert("docs/why.md".to_owned(), b"because".to_vec());
        let two = Manifest::close(&more).unwrap();
        assert_ne!(one.digest().unwrap(), two.digest().unwrap());
        assert_eq!(Manifest::parse(&two.to_bytes().unwrap()).unwrap(), two);
    }

    #[test]
    fn a_manifest_that_is_not_canonical_is_refused() {
        let mut bytes = Manifest::close(&files(POLICY)).unwrap().to_bytes().unwrap();
        bytes.insert(1, b' ');
        assert_eq!(Manifest::parse(&bytes), Err(PolicyError::Json(JsonError::NotCanonical(1))));
    }

    #[test]
    fn paths_that_leave_the_folder_or_hide_content_are_refused() {
        for path in ["../x", "/x", "a//b", "a/./b", "a\\b", "rules.zip", "a b", "", "ä"] {
            let mut with = files(POLICY);
            with.insert(path.to_owned(), Vec::new());
            assert!(matches!(Manifest::close(&with), Err(PolicyError::Path { .. })), "{path}");
        }
    }

    #[test]
    fn a_policy_that_contradicts_itself_is_refused() {
        for (from, to) in [
            ("version = 1", "version = 0"),
            ("2027-01-01", "2025-01-01"),
            ("2027-01-01T00:00:00Z", "whenever"),
            ("stages = { production", "stages = { staging"),
            ("lineage = \"example\"", "lineage = \"\""),
            ("lineage = \"example\"", "lineage = \"example\"\nengine = \"engine/1\""),
            ("two-party-review@1", "two-party-review"),
        ] {
            assert!(Manifest::close(&files(&POLICY.replace(from, to))).is_err(), "{to}");
        }
    }

    #[test]
    fn a_lock_reads_back_as_it_was_written() {
        let digest = Sha256::of(b"x");
        let pin = Pin { uri: Uri::new("https://example.com/p").unwrap(), version: 3, digest, min_version: 2 };
        let lock = Lock(BTreeMap::from([(EnvName::new("production").unwrap(), pin)]));
        assert_eq!(Lock::parse(lock.to_text().as_bytes()).unwrap(), lock);
        assert!(Lock::parse(b"[production]\nuri = 1").is_err());
    }
}
