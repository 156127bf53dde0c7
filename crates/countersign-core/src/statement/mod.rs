//! in-toto Statement v1: what a signature says something about (subjects), and what it says (predicate).

pub mod adjudication;
pub mod change_review;
pub mod config_snapshot;
mod digests;
pub mod erasure;
pub mod forge_watch;
pub mod iac_plan;
pub mod log_shard;
pub mod manual_evidence;
pub mod provenance;
pub mod review;
pub mod secret_scan;
pub mod source;
pub mod test_result;
pub mod vex;
pub mod vsa;
pub mod vulns;

use crate::digest::Sha256;
use crate::ids::{RefName, Uri};
use crate::json::{self, Checked, JsonError};
use crate::limits;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The `_type` of statements before version 1. Others still write it; read where others' attestations are.
const STATEMENT_TYPE_OLD: &str = "https://in-toto.io/Statement/v0.1";

/// Those of others' statements.
const ANY_TYPE: [&str; 2] = [STATEMENT_TYPE, STATEMENT_TYPE_OLD];

/// Where our own predicate types and schemas live.
pub const OUR_BASE: &str = "https://countersign.dev";

/// The kinds of statement that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Kind {
    /// A `CycloneDX` SBOM.
    Sbom,
    /// SLSA provenance v1.
    Provenance,
    /// A SLSA verification summary v1.
    Vsa,
    /// A person's review of a change.
    Review,
    /// What a forge recorded of a change.
    ChangeReview,
    /// How a revision of a branch came about.
    SourceProvenance,
    /// A record of what a forge told as it happened.
    ForgeWatch,
    /// What the files of a revision say.
    ConfigSnapshot,
    /// What an infrastructure plan does.
    IacPlan,
    /// What a scan for secrets found.
    SecretScan,
    /// The trust document.
    Trust,
    /// A policy release.
    PolicyRelease,
    /// The activation of a policy release for an environment.
    PolicyActivation,
    /// A promotion decision.
    PromotionDecision,
    /// What a run of tests came to.
    TestResult,
    /// What a scanner found of known vulnerabilities.
    Vulns,
    /// What people found out about vulnerabilities: `OpenVEX`.
    Vex,
    /// What people say of what a rule found.
    Adjudication,
    /// What a person attests by hand.
    ManualEvidence,
    /// An exception from a rule.
    Exception,
    /// The end of an exception: it is revoked, or what it let through was reviewed.
    ExceptionEnd,
    /// The erasure of a piece of evidence.
    Erasure,
    /// Where one log ends and another goes on.
    LogShard,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Sbom,
        Self::Provenance,
        Self::Vsa,
        Self::Review,
        Self::ChangeReview,
        Self::SourceProvenance,
        Self::ForgeWatch,
        Self::ConfigSnapshot,
        Self::IacPlan,
        Self::SecretScan,
        Self::Trust,
        Self::PolicyRelease,
        Self::PolicyActivation,
        Self::PromotionDecision,
        Self::TestResult,
        Self::Vulns,
        Self::Vex,
        Self::Adjudication,
        Self::ManualEvidence,
        Self::Exception,
        Self::ExceptionEnd,
        Self::Erasure,
        Self::LogShard,
    ];

    /// The predicate type.
    #[must_use]
    pub const fn predicate_type(self) -> &'static str {
        match self {
            Self::Sbom => "https://cyclonedx.org/bom",
            Self::Provenance => "https://slsa.dev/provenance/v1",
            Self::Vsa => "https://slsa.dev/verification_summary/v1",
            Self::Review => "https://countersign.dev/review/v0.1",
            Self::ChangeReview => "https://countersign.dev/change-review/v0.1",
            Self::SourceProvenance => "https://countersign.dev/source-provenance/v0.1",
            Self::ForgeWatch => "https://countersign.dev/forge-watch/v0.1",
            Self::ConfigSnapshot => "https://countersign.dev/config-snapshot/v0.1",
            Self::IacPlan => "https://countersign.dev/iac-plan/v0.1",
            Self::SecretScan => "https://countersign.dev/secret-scan/v0.1",
            Self::Trust => "https://countersign.dev/trust/v0.1",
            Self::PolicyRelease => "https://countersign.dev/policy-release/v0.1",
            Self::PolicyActivation => "https://countersign.dev/policy-activation/v0.1",
            Self::PromotionDecision => "https://countersign.dev/promotion-decision/v0.1",
            Self::TestResult => "https://in-toto.io/attestation/test-result/v0.1",
            Self::Vulns => "https://in-toto.io/attestation/vulns/v0.2",
            Self::Vex => "https://openvex.dev/ns/v0.2.0",
            Self::Adjudication => "https://countersign.dev/adjudication/v0.1",
            Self::ManualEvidence => "https://countersign.dev/manual-evidence/v0.1",
            Self::Exception => "https://countersign.dev/exception/v0.1",
            Self::ExceptionEnd => "https://countersign.dev/exception-end/v0.1",
            Self::Erasure => "https://countersign.dev/evidence-erasure/v0.1",
            Self::LogShard => "https://countersign.dev/log-shard/v0.1",
        }
    }

    /// The word for it in trust, entries and messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sbom => "sbom",
            Self::Provenance => "provenance",
            Self::Vsa => "vsa",
            Self::Review => "review",
            Self::ChangeReview => "change-review",
            Self::SourceProvenance => "source-provenance",
            Self::ForgeWatch => "forge-watch",
            Self::ConfigSnapshot => "config-snapshot",
            Self::IacPlan => "iac-plan",
            Self::SecretScan => "secret-scan",
            Self::Trust => "trust",
            Self::PolicyRelease => "policy-release",
            Self::PolicyActivation => "policy-activation",
            Self::PromotionDecision => "promotion-decision",
            Self::TestResult => "test-result",
            Self::Vulns => "vulns",
            Self::Vex => "vex",
            Self::Adjudication => "adjudication",
            Self::ManualEvidence => "manual-evidence",
            Self::Exception => "exception",
            Self::ExceptionEnd => "exception-end",
            Self::Erasure => "evidence-erasure",
            Self::LogShard => "log-shard",
        }
    }

    /// The kind with this predicate type.
    #[must_use]
    pub fn of(predicate_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.predicate_type() == predicate_type)
    }
}

/// A statement. Fields that the specification does not name are ignored, as it asks.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it is about; at least one, each with a digest.
    pub subjects: Vec<Subject>,
    /// The predicate's type.
    pub predicate_type: Uri,
    /// What it says.
    pub predicate: Value,
    /// The bytes of somebody else's document that has no canonical form: it is signed as it stands.
    verbatim: Option<String>,
    /// All of its own bytes, where it is of a kind of others and is signed as it stands.
    own: Option<Vec<u8>>,
}

/// What is said counts, not how it was spelled.
impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        (&self.subjects, &self.predicate_type, &self.predicate)
            == (&other.subjects, &other.predicate_type, &other.predicate)
    }
}

/// One thing that a statement is about. Matched by digest alone; the name is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subject {
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Algorithm to digest: of a known algorithm in lower-case hexadecimal and of its length, at least one of them; of any other
    /// whatever somebody wrote.
    pub digest: BTreeMap<String, String>,
    /// More about it, such as the refs at which a revision was found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Value>,
}

/// The annotation of a revision with the refs at which it was found.
const SOURCE_REFS: &str = "sourceRefs";
/// The same as some tools write it: read, and never written.
const SOURCE_REFS_OLD: &str = "source_refs";

impl Subject {
    /// A file by its SHA-256.
    #[must_use]
    pub fn sha256(name: &str, digest: &Sha256) -> Self {
        Self::of(name, "sha256", &digest.hex())
    }

    /// A git object: `gitCommit` or `gitTree`.
    #[must_use]
    pub fn git(name: &str, algorithm: &str, hex: &str) -> Self {
        Self::of(name, algorithm, hex)
    }

    fn of(name: &str, algorithm: &str, hex: &str) -> Self {
        let digest = BTreeMap::from([(algorithm.to_owned(), hex.to_owned())]);
        Self { name: Some(name.to_owned()), digest, annotations: BTreeMap::new() }
    }

    /// A revision, with the refs at which it was found.
    #[must_use]
    pub fn revision(name: &str, hex: &str, refs: &[RefName]) -> Self {
        let mut subject = Self::of(name, "gitCommit", hex);
        if !refs.is_empty() {
            let refs = refs.iter().map(|name| Value::String(name.to_string())).collect();
            subject.annotations.insert(SOURCE_REFS.to_owned(), Value::Array(refs));
        }
        subject
    }

    /// The refs at which a revision was found, in either spelling; `None` where the two disagree, or hold something else
    /// than full names of refs.
    #[must_use]
    pub fn source_refs(&self) -> Option<Vec<RefName>> {
        let read = |key: &str| match self.annotations.get(key) {
            None => Some(None),
            Some(Value::Array(names)) => {
                let names = names.iter().map(|name| RefName::new(name.as_str()?).ok()).collect::<Option<Vec<_>>>()?;
                Some(Some(names))
            }
            Some(_) => None,
        };
        match (read(SOURCE_REFS)?, read(SOURCE_REFS_OLD)?) {
            (Some(new), Some(old)) if new != old => None,
            (Some(names), _) | (None, Some(names)) => Some(names),
            (None, None) => Some(Vec::new()),
        }
    }

    /// Its SHA-512, if it has one of the right form.
    #[must_use]
    pub fn sha512_digest(&self) -> Option<[u8; 64]> {
        crate::digest::hex_array(self.digest.get("sha512")?).ok()
    }

    /// Its SHA-256, if it has one of the right form.
    #[must_use]
    pub fn sha256_digest(&self) -> Option<Sha256> {
        Sha256::from_hex(self.digest.get("sha256")?).ok()
    }
}

/// Why bytes are not a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Not JSON, or not of the shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Another `_type`.
    #[error("`_type` is `{found}`, not {STATEMENT_TYPE}")]
    Type {
        /// The one that was found.
        found: String,
    },
    /// No subject, or more than the bound.
    #[error("{found} subjects, there must be 1 to {}", limits::SUBJECTS)]
    Subjects {
        /// How many.
        found: usize,
    },
    /// A subject without a digest of a known algorithm, or with one that is not of its algorithm's form.
    #[error(
        "subject {index} has no usable digest: at least one of a known algorithm, and each of those in as many lower-case \
         hexadecimal characters as its algorithm has"
    )]
    SubjectDigest {
        /// Which, from 0.
        index: usize,
    },
    /// Another predicate type than the one asked for.
    #[error("predicate type is `{found}`, not `{expected}`")]
    Kind {
        /// The one asked for.
        expected: &'static str,
        /// The one that was found.
        found: String,
    },
}

impl Statement {
    /// A statement of a known kind.
    pub fn new<P: Serialize>(kind: Kind, subjects: Vec<Subject>, predicate: &P) -> Result<Self, StatementError> {
        let predicate_type = Uri::new(kind.predicate_type()).map_err(|e| JsonError::Shape(e.to_string()))?;
        Ok(Self { subjects, predicate_type, predicate: json::to_value(predicate)?, verbatim: None, own: None })
    }

    /// A statement around somebody else's document. One that holds a number with a fraction has no canonical form: then its
    /// own bytes are what is signed.
    pub fn around(kind: Kind, subjects: Vec<Subject>, document: &[u8]) -> Result<Self, StatementError> {
        let mut statement = Self::new(kind, subjects, &json::parse(document)?)?;
        if let Err(JsonError::Number(_)) = json::canonical(&statement.predicate) {
            let text = std::str::from_utf8(document).map_err(|error| JsonError::Shape(error.to_string()))?;
            statement.verbatim = Some(text.trim().to_owned());
        }
        Ok(statement)
    }

    /// A statement to be signed by its own bytes: nobody here knows how one of its kind is spelled.
    pub fn as_it_stands(document: &[u8]) -> Result<Self, StatementError> {
        let mut statement = Self::parse(document)?;
        statement.own = Some(document.trim_ascii().to_vec());
        Ok(statement)
    }

    /// Reads the payload of an envelope.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        Self::of_types(payload, &[STATEMENT_TYPE])
    }

    /// As [`Statement::parse`], and version 0.1 as well: the same fields under another `_type`. Somebody else's, so that its parts are
    /// counted before it is read.
    pub fn parse_any(payload: &[u8]) -> Result<Self, StatementError> {
        json::within_attestation(payload)?;
        Self::of_types(payload, &ANY_TYPE)
    }

    fn of_types(payload: &[u8], types: &[&str]) -> Result<Self, StatementError> {
        let wire: Read<'_, Value> = Read::of(Checked::of(payload)?, types)?;
        Ok(Self {
            subjects: wire.subject,
            predicate_type: wire.predicate_type,
            predicate: wire.predicate,
            verbatim: None,
            own: None,
        })
    }

    /// The canonical bytes: the payload that is signed. A predicate that holds a number with a fraction has no canonical
    /// form and is refused, unless it is a document that the statement was put around: that stands in it as it came. One of others is signed
    /// as it stands.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        if let Some(own) = &self.own {
            return Ok(own.clone());
        }
        if let Some(document) = &self.verbatim {
            let text = |value: Vec<u8>| String::from_utf8(value).map_err(|error| JsonError::Shape(error.to_string()));
            let kind = text(json::canonical(self.predicate_type.as_str())?)?;
            let subjects = text(json::canonical(&self.subjects)?)?;
            let payload = format!(
                r#"{{"_type":"{STATEMENT_TYPE}","predicate":{document},"predicateType":{kind},"subject":{subjects}}}"#
            );
            return Ok(payload.into_bytes());
        }
        Ok(json::canonical(&Wire {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: self.subjects.clone(),
            predicate_type: self.predicate_type.clone(),
            predicate: self.predicate.clone(),
        })?)
    }

    /// What kind it is; `None` for a predicate type that this version does not know.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Stated::kind(self)
    }

    /// Whether one of the subjects has this SHA-256.
    #[must_use]
    pub fn is_about(&self, digest: &Sha256) -> bool {
        Stated::is_about(self, digest)
    }

    /// The predicate as a type, if the statement is of that kind.
    pub fn predicate_as<P: serde::de::DeserializeOwned>(&self, kind: Kind) -> Result<P, StatementError> {
        if self.kind() != Some(kind) {
            return Err(other_kind(kind, &self.predicate_type));
        }
        Ok(json::from_ref(&self.predicate)?)
    }
}

/// The `_type` of a payload, whichever it is, and empty where it has none; `None` where it is no JSON. Of the rest no value is made.
#[must_use]
pub fn type_of(payload: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "_type")]
        statement_type: Option<String>,
    }
    let read = Checked::of(payload).ok()?.read_object::<Typed>();
    Some(read.ok().and_then(|read| read.statement_type).unwrap_or_default())
}

/// A statement as it is read, with so much of what it says.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[serde(rename_all = "camelCase", bound(deserialize = "P: Deserialize<'de> + Default"))]
struct Read<'a, P> {
    #[serde(rename = "_type", borrow)]
    statement_type: Cow<'a, str>,
    #[serde(deserialize_with = "json::each_by_name")]
    subject: Vec<Subject>,
    predicate_type: Uri,
    #[serde(default)]
    predicate: P,
}

impl<'a, P: Deserialize<'a> + Default> Read<'a, P> {
    fn of(document: Checked<'a>, types: &[&str]) -> Result<Self, StatementError> {
        let wire: Self = document.read_object()?;
        if !types.contains(&&*wire.statement_type) {
            return Err(StatementError::Type { found: wire.statement_type.chars().take(120).collect() });
        }
        if wire.subject.is_empty() || wire.subject.len() > limits::SUBJECTS {
            return Err(StatementError::Subjects { found: wire.subject.len() });
        }
        if let Some(index) = wire.subject.iter().position(|subject| !digests::usable(&subject.digest)) {
            return Err(StatementError::SubjectDigest { index });
        }
        Ok(wire)
    }
}

/// What a statement says, alone.
#[derive(Deserialize)]
struct Says<P> {
    predicate: Option<P>,
}

/// The payload of an envelope, read no further than whoever checks its signature needs: what it says is read as the type that
/// is asked for, and no value is made of it in between.
#[derive(Debug, Clone)]
pub struct Payload<'a> {
    subjects: Vec<Subject>,
    predicate_type: Uri,
    document: Checked<'a>,
}

impl<'a> Payload<'a> {
    /// Reads what [`Statement::parse`] reads, and refuses what that refuses.
    pub fn parse(payload: &'a [u8]) -> Result<Self, StatementError> {
        Self::of_types(payload, &[STATEMENT_TYPE])
    }

    /// The same of [`Statement::parse_any`].
    pub fn parse_any(payload: &'a [u8]) -> Result<Self, StatementError> {
        json::within_attestation(payload)?;
        Self::of_types(payload, &ANY_TYPE)
    }

    fn of_types(payload: &'a [u8], types: &[&str]) -> Result<Self, StatementError> {
        let document = Checked::of(payload)?;
        let wire: Read<'_, IgnoredAny> = Read::of(document, types)?;
        Ok(Self { subjects: wire.subject, predicate_type: wire.predicate_type, document })
    }

    /// All of it, with what it says as a value.
    pub fn statement(self) -> Result<Statement, StatementError> {
        let predicate = self.predicate()?;
        let Self { subjects, predicate_type, .. } = self;
        Ok(Statement { subjects, predicate_type, predicate, verbatim: None, own: None })
    }

    /// What it says as a type, if it is of that kind.
    pub fn predicate_as<P: Deserialize<'a>>(&self, kind: Kind) -> Result<P, StatementError> {
        if self.kind() != Some(kind) {
            return Err(other_kind(kind, &self.predicate_type));
        }
        match self.document.read::<Says<P>>()?.predicate {
            Some(said) => Ok(said),
            None => Ok(json::from_value(Value::Null)?),
        }
    }

    /// What it says as a value, whatever kind it is of; `null` if it says nothing.
    pub fn predicate(&self) -> Result<Value, StatementError> {
        #[derive(Deserialize)]
        struct Any {
            #[serde(default)]
            predicate: Value,
        }
        Ok(self.document.read::<Any>()?.predicate)
    }
}

/// What a signature is over, however far it was read.
pub trait Stated {
    /// What it is about.
    fn subjects(&self) -> &[Subject];

    /// The type of what it says.
    fn predicate_type(&self) -> &Uri;

    /// What kind it is; `None` for a predicate type that this version does not know.
    fn kind(&self) -> Option<Kind> {
        Kind::of(self.predicate_type().as_str())
    }

    /// Whether one of the subjects has this SHA-256.
    fn is_about(&self, digest: &Sha256) -> bool {
        self.subjects().iter().any(|subject| subject.sha256_digest().as_ref() == Some(digest))
    }
}

impl Stated for Statement {
    fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    fn predicate_type(&self) -> &Uri {
        &self.predicate_type
    }
}

impl Stated for Payload<'_> {
    fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    fn predicate_type(&self) -> &Uri {
        &self.predicate_type
    }
}

fn other_kind(expected: Kind, found: &Uri) -> StatementError {
    StatementError::Kind { expected: expected.predicate_type(), found: found.to_string() }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    predicate_type: Uri,
    predicate: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::in_place::{bends, bent, both_ways};
    use proptest::prelude::*;
    use serde_json::json;

    fn about(text: &[u8]) -> Subject {
        Subject::sha256("a", &Sha256::of(text))
    }

    #[test]
    fn a_statement_reads_back_as_it_was_written() {
        let statement =
            Statement::new(Kind::Sbom, vec![about(b"x")], &serde_json::json!({"bomFormat": "CycloneDX"})).unwrap();
        let bytes = statement.to_bytes().unwrap();
        let back = Statement::parse(&bytes).unwrap();
        assert_eq!(back, statement);
        assert_eq!(back.kind(), Some(Kind::Sbom));
        assert!(back.is_about(&Sha256::of(b"x")) && !back.is_about(&Sha256::of(b"y")));
    }

    #[test]
    fn a_document_without_canonical_form_is_signed_as_it_stands() {
        let document = b" {\"bomFormat\": \"CycloneDX\",\n \"confidence\": 0.70}\n";
        let statement = Statement::around(Kind::Sbom, vec![about(b"x")], document).unwrap();
        let bytes = String::from_utf8(statement.to_bytes().unwrap()).unwrap();
        assert!(bytes.contains("{\"bomFormat\": \"CycloneDX\",\n \"confidence\": 0.70}"), "{bytes}");
        assert_eq!(Statement::parse(bytes.as_bytes()).unwrap(), statement);
        assert!(Statement::new(Kind::Sbom, vec![about(b"x")], &statement.predicate).unwrap().to_bytes().is_err());
        let plain = Statement::around(Kind::Sbom, vec![about(b"x")], b"{ \"a\": 1 }").unwrap();
        assert!(String::from_utf8(plain.to_bytes().unwrap()).unwrap().contains("{\"a\":1}"));
    }

    #[test]
    fn a_statement_about_nothing_is_refused() {
        let text =
            |subject: &str| format!(r#"{{"_type":"{STATEMENT_TYPE}","predicateType":"a:b","subject":{subject}}}"#);
        assert_eq!(Statement::parse(text("[]").as_bytes()), Err(StatementError::Subjects { found: 0 }));
        for subject in [r#"[{"digest":{}}]"#, r#"[{"digest":{"sha256":"XY"}}]"#, r#"[{"digest":{"sha256":""}}]"#] {
            assert_eq!(
                Statement::parse(text(subject).as_bytes()),
                Err(StatementError::SubjectDigest { index: 0 }),
                "{subject}"
            );
        }
    }

    #[test]
    fn the_refs_of_a_revision_are_read_in_both_spellings_and_written_in_one() {
        let main = RefName::new("refs/heads/main").unwrap();
        let hex = "0123456789012345678901234567890123456789";
        let revision = Subject::revision("app", hex, std::slice::from_ref(&main));
        assert_eq!(revision.source_refs(), Some(vec![main.clone()]));
        let text = json::to_value(&revision).unwrap().to_string();
        assert!(text.contains("sourceRefs") && !text.contains("source_refs"));
        let read = |text: String| serde_json::from_str::<Subject>(&text).unwrap().source_refs();
        assert_eq!(read(text.replace("sourceRefs", "source_refs")), Some(vec![main]));
        assert_eq!(read(text.replace("\"annotations\"", "\"other\"")), Some(Vec::new()));
        let two = |new: &str, old: &str| {
            read(format!(
                r#"{{"digest":{{"gitCommit":"{hex}"}},"annotations":{{"sourceRefs":{new},"source_refs":{old}}}}}"#
            ))
        };
        let (here, there) = (r#"["refs/heads/main"]"#, r#"["refs/heads/other"]"#);
        assert_eq!(two(here, here).map(|refs| refs.len()), Some(1));
        for (new, old) in [(here, there), (here, "7"), ("[7]", "[7]"), (r#"["main"]"#, r#"["main"]"#)] {
            assert_eq!(two(new, old), None, "{new} {old}");
        }
    }

    #[test]
    fn every_kind_has_its_own_predicate_type() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.predicate_type()), Some(kind));
        }
    }

    fn test_result() -> Value {
        json!({
            "_type": STATEMENT_TYPE, "subject": [about(b"x"), about(b"y")], "predicateType": Kind::TestResult.predicate_type(),
            "predicate": {"result": "PASSED", "configuration": [{"name": "unit"}], "passedTests": ["a", "\u{e9}"], "url": "a:b"},
        })
    }

    #[test]
    fn the_type_of_a_payload_is_read_alone_and_only_by_its_name() {
        let of = |text: &str| type_of(text.as_bytes());
        assert_eq!(of(r#"{"a": [1], "_type": "x"}"#).as_deref(), Some("x"));
        for none in [r#"["x"]"#, r#"{"_type": 1}"#, r#"{"_type": null}"#, "{}", "7"] {
            assert_eq!(of(none).as_deref(), Some(""), "{none}");
        }
        assert_eq!((of("{"), of(r#"{"_type": "x", "_type": "x"}"#)), (None, None));
    }

    #[test]
    fn a_subject_that_is_an_array_of_its_fields_is_none() {
        let mut statement = test_result();
        assert!(Statement::parse(statement.to_string().as_bytes()).is_ok());
        let digest = statement["subject"][0]["digest"].clone();
        statement["subject"][0] = json!(["a", digest, {}]);
        let bytes = statement.to_string().into_bytes();
        assert!(matches!(Statement::parse(&bytes), Err(StatementError::Json(_))));
        assert!(matches!(Payload::parse(&bytes), Err(StatementError::Json(_))));
    }

    #[test]
    fn a_payload_says_what_its_statement_says() {
        let bytes = serde_json::to_vec(&test_result()).unwrap();
        let (statement, payload) = (Statement::parse(&bytes).unwrap(), Payload::parse(&bytes).unwrap());
        let result: test_result::TestResult = payload.predicate_as(Kind::TestResult).unwrap();
        assert_eq!(statement.predicate_as(Kind::TestResult), Ok(result));
        assert_eq!(payload.predicate().unwrap(), statement.predicate);
        assert_eq!(Payload::parse_any(&bytes).unwrap().statement().unwrap(), statement);
        let other = payload.predicate_as::<Value>(Kind::Vulns);
        assert_eq!(other, statement.predicate_as::<Value>(Kind::Vulns));
        assert!(matches!(other, Err(StatementError::Kind { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn a_payload_is_read_in_place_as_a_statement_is_by_a_value(bends in bends()) {
            let bytes = bent(&test_result(), &bends);
            let [in_place, by_value] = both_ways::<Read<'_, Value>>(&bytes);
            prop_assert_eq!(in_place, by_value);
            let (statement, payload) = (Statement::parse(&bytes), Payload::parse(&bytes));
            match (statement, payload) {
                (Ok(statement), Ok(payload)) => {
                    prop_assert_eq!(payload.subjects(), statement.subjects());
                    prop_assert_eq!(payload.predicate_type(), statement.predicate_type());
                    prop_assert_eq!(&payload.predicate().unwrap(), &statement.predicate);
                    let said = statement.predicate_as::<test_result::TestResult>(Kind::TestResult);
                    prop_assert_eq!(payload.predicate_as(Kind::TestResult), said);
                }
                (Err(one), Err(other)) => prop_assert_eq!(one, other),
                (one, other) => prop_assert!(false, "{:?} and {:?}", one, other),
            }
        }
    }

    #[test]
    fn a_statement_of_others_with_very_many_parts_is_refused() {
        let with = |count: usize| {
            let mut statement = test_result();
            statement["predicate"] = json!({ "a": vec![json!({}); count] });
            statement.to_string().into_bytes()
        };
        let few = with(limits::ATTESTATION_OBJECTS / 2);
        assert!(Statement::parse_any(&few).is_ok() && Payload::parse_any(&few).is_ok());
        let many = with(limits::ATTESTATION_OBJECTS);
        let refused = StatementError::Json(JsonError::TooMany { what: "objects", limit: limits::ATTESTATION_OBJECTS });
        assert_eq!(Statement::parse_any(&many), Err(refused.clone()));
        assert_eq!(Payload::parse_any(&many).map(|_| ()), Err(refused));
    }

    #[test]
    fn a_statement_of_others_is_signed_by_its_own_bytes_and_one_that_is_none_is_not() {
        let text = format!(
            "{{ \"predicateType\": \"https://example.com/p/v1\", \"_type\": \"{STATEMENT_TYPE}\",\n \"more\": 1,\n \"subject\": \
             [{{ \"digest\": {{ \"sha256\": \"{}\" }} }}], \"predicate\": {{ \"score\": 9.80 }} }}",
            "0".repeat(64)
        );
        assert!(Statement::parse(text.as_bytes()).unwrap().to_bytes().is_err());
        let statement = Statement::as_it_stands(format!("{text}\n").as_bytes()).unwrap();
        assert_eq!(statement.to_bytes().unwrap(), text.as_bytes());
        assert!(Statement::as_it_stands(text.replace(&"0".repeat(64), "00").as_bytes()).is_err());
    }
}
