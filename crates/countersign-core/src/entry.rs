//! A log entry: which signed statements were recorded, of what kind, about what, when. Small facts and digests only; the
//! statements themselves lie in the evidence store, and nothing here is believed that they do not say.

use crate::codes;
use crate::digest::Sha256;
use crate::finding::Finding;
use crate::ids::{EnvName, Origin, PersonId};
use crate::json::{self, JsonError};
use crate::later;
use crate::limits;
use crate::statement::Kind;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One leaf of the log, as canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entry {
    /// The form of this entry.
    pub schema: EntrySchema,
    /// What was recorded.
    pub kind: Kind,
    /// When. Never before an earlier entry's time.
    pub time: Time,
    /// For which environment, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvName>,
    /// What the statements are about.
    pub subjects: Vec<Sha256>,
    /// Who acted, by opaque id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub persons: Vec<PersonId>,
    /// The signed documents recorded, the one that gives the entry its kind first.
    pub statements: Vec<Sha256>,
    /// Evidence that the statements rest on and that an auditor needs with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Sha256>,
}

/// The form of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EntrySchema {
    /// The one form so far.
    #[serde(rename = "https://countersign.dev/entry/v0.1")]
    V01,
}

/// Its name.
const SCHEMA: &str = "https://countersign.dev/entry/v0.1";

/// Why bytes are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Not canonical JSON, or not of the shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// An entry that records nothing.
    #[error("the entry names no statement")]
    Empty,
    /// Of a form, a kind or a field that a later version made: it may be sound, and cannot be read here.
    #[error("a later version made this entry: {found}")]
    Later {
        /// What is not known here.
        found: String,
    },
    /// Larger than a log entry can be.
    #[error("{found} bytes, more than the {} of a log entry", limits::LOG_ENTRY_BYTES)]
    TooLarge {
        /// How many bytes there were.
        found: usize,
    },
}

/// The place of an entry in words: of the log at hand, or of one that it goes on from.
#[must_use]
pub fn place_of(index: u64, log: Option<&Origin>) -> String {
    log.map_or_else(|| format!("log entry {index}"), |origin| format!("log {origin}, entry {index}"))
}

impl EntryError {
    /// What is to be said of the leaf. One of a later version is not called altered, and stands in the way all the same.
    #[must_use]
    pub fn finding(&self, place: &str) -> Finding {
        match self {
            Self::Later { found } => later::finding("log entry", place, SCHEMA, found, None),
            Self::Json(_) | Self::Empty | Self::TooLarge { .. } => {
                Finding::new(codes::LOG_ENTRY_MALFORMED, self.to_string()).at(place)
            }
        }
    }
}

impl Entry {
    /// Reads a leaf: first which form it has, then what that form holds.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > limits::LOG_ENTRY_BYTES {
            return Err(EntryError::TooLarge { found: bytes.len() });
        }
        // What comes out the same when it is written has the one form. What does not is looked at for what is wrong with it.
        let read: Option<Self> = serde_json::from_slice(bytes).ok();
        let same = read.filter(|entry| entry.written().is_ok_and(|written| written == bytes));
        let entry = same.map_or_else(|| Self::with_care(bytes), Ok)?;
        if entry.statements.is_empty() { Err(EntryError::Empty) } else { Ok(entry) }
    }

    /// Reads one that is not as this version writes it, for what is wrong with it.
    fn with_care(bytes: &[u8]) -> Result<Self, EntryError> {
        let value: Value = json::parse_canonical(bytes)?;
        let schema = value.get("schema").and_then(Value::as_str).unwrap_or_default();
        if later::is_later(schema, SCHEMA) {
            return Err(EntryError::Later { found: schema.to_owned() });
        }
        let known = schema == SCHEMA;
        json::from_value(value).map_err(|error| {
            if let (JsonError::Unknown(found), true) = (&error, known) {
                return EntryError::Later { found: found.clone() };
            }
            EntryError::Json(error)
        })
    }

    /// Its canonical JSON, written at once: a log has many entries, and whoever opens one writes each.
    fn written(&self) -> Result<Vec<u8>, JsonError> {
        let Self { schema, kind, time, environment, subjects, persons, statements, evidence } = self;
        let digests = |all: &[Sha256]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let persons: Vec<String> = persons.iter().map(ToString::to_string).collect();
        let mut out = Vec::with_capacity(ROOM);
        out.push(b'{');
        if let Some(environment) = environment {
            out.extend_from_slice(b"\"environment\":");
            json::write_string(environment.as_str(), &mut out)?;
            out.push(b',');
        }
        if !evidence.is_empty() {
            list("evidence", &digests(evidence), &mut out)?;
            out.push(b',');
        }
        out.extend_from_slice(b"\"kind\":");
        out.extend_from_slice(&json::canonical(kind)?);
        out.push(b',');
        if !persons.is_empty() {
            list("persons", &persons, &mut out)?;
            out.push(b',');
        }
        out.extend_from_slice(b"\"schema\":");
        out.extend_from_slice(&json::canonical(schema)?);
        out.push(b',');
        list("statements", &digests(statements), &mut out)?;
        out.push(b',');
        list("subjects", &digests(subjects), &mut out)?;
        out.extend_from_slice(b",\"time\":");
        json::write_string(&time.to_string(), &mut out)?;
        out.push(b'}');
        Ok(out)
    }

    /// The leaf's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let bytes = self.written()?;
        if bytes.len() > limits::LOG_ENTRY_BYTES {
            return Err(EntryError::TooLarge { found: bytes.len() });
        }
        Ok(bytes)
    }

    /// The document that gives the entry its kind.
    #[must_use]
    pub fn statement(&self) -> Option<&Sha256> {
        self.statements.first()
    }
}

/// As much as most entries take.
const ROOM: usize = 1 << 10;

fn list(name: &str, texts: &[String], out: &mut Vec<u8>) -> Result<(), JsonError> {
    json::write_string(name, out)?;
    out.extend_from_slice(b":[");
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        json::write_string(text, out)?;
    }
    out.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_any_kind_is_written_as_canonical_json_is() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let digest = |n: usize| Sha256::of(&[u8::try_from(n).unwrap()]);
            let some = |count: usize| (0..count).map(digest).collect::<Vec<_>>();
            let entry = Entry {
                schema: EntrySchema::V01,
                kind,
                time: "2026-11-22T10:00:00Z".parse().unwrap(),
                environment: (number % 2 == 0).then(|| EnvName::new("production").unwrap()),
                subjects: some(number % 3),
                persons: ["ada", "ben"].iter().take(number % 3).map(|id| PersonId::new(id).unwrap()).collect(),
                statements: some(1 + number % 2),
                evidence: some(number % 4),
            };
            let bytes = entry.to_bytes().unwrap();
            assert_eq!(bytes, json::canonical(&entry).unwrap(), "{kind:?}");
            assert_eq!(Entry::parse(&bytes).unwrap(), entry);
            let loose = [bytes.as_slice(), b" "].concat();
            assert!(matches!(Entry::parse(&loose), Err(EntryError::Json(JsonError::NotCanonical(_)))), "{kind:?}");
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written_and_records_something() {
        let mut entry = Entry {
            schema: EntrySchema::V01,
            kind: Kind::PromotionDecision,
            time: "2026-11-22T10:00:00Z".parse().unwrap(),
            environment: Some(EnvName::new("production").unwrap()),
            subjects: vec![Sha256::of(b"artifact")],
            persons: Vec::new(),
            statements: vec![Sha256::of(b"decision"), Sha256::of(b"vsa")],
            evidence: vec![Sha256::of(b"git")],
        };
        assert_eq!(Entry::parse(&entry.to_bytes().unwrap()).unwrap(), entry);
        entry.statements.clear();
        assert_eq!(Entry::parse(&entry.to_bytes().unwrap()), Err(EntryError::Empty));
    }

    #[test]
    fn an_entry_of_a_later_version_is_not_called_altered_and_one_of_no_version_is() {
        let with = |pairs: &[(&str, &str)]| {
            let mut value = serde_json::json!({
                "kind": "promotion-decision",
                "schema": SCHEMA,
                "statements": [Sha256::of(b"decision")],
                "subjects": [],
                "time": "2026-11-22T10:00:00Z",
            });
            for (name, text) in pairs {
                value[*name] = Value::from(*text);
            }
            Entry::parse(&json::canonical(&value).unwrap())
        };
        assert!(with(&[]).is_ok());
        let later: [&[(&str, &str)]; 4] = [
            &[("schema", "https://countersign.dev/entry/v0.2")],
            &[("schema", "https://countersign.dev/entry/v0.2"), ("statements", "elsewhere")],
            &[("kind", "runtime-snapshot")],
            &[("runner", "x")],
        ];
        for pairs in later {
            let error = with(pairs).unwrap_err();
            assert!(matches!(error, EntryError::Later { .. }), "{pairs:?}: {error}");
            let finding = error.finding("log entry 7");
            assert_eq!((finding.code, finding.class), (codes::RECORD_LATER, crate::finding::Class::Indeterminate));
        }
        let altered: [&[(&str, &str)]; 4] = [
            &[("schema", "https://example.com/entry/v0.2")],
            &[("schema", "https://countersign.dev/entry/v0.0")],
            &[("schema", "later"), ("kind", "runtime-snapshot")],
            &[("time", "yesterday")],
        ];
        for pairs in altered {
            let finding = with(pairs).unwrap_err().finding("log entry 7");
            assert_eq!(finding.code, codes::LOG_ENTRY_MALFORMED, "{pairs:?}");
        }
    }
}
