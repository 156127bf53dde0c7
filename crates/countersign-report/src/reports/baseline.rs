//! An earlier result, by which findings are new, were there already, or are gone. It marks, and changes no verdict.

use super::{Item, Report, fingerprint, sarif};
use crate::escape::{plain, push};
use crate::table::Table;
use crate::text;
use countersign_core::json::{self, JsonError};
use countersign_core::limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a finding stands to the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum State {
    /// The baseline did not have it.
    New,
    /// The baseline had it.
    Unchanged,
    /// The baseline had it, and it was not found any more.
    Gone,
}

impl State {
    /// As a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unchanged => "unchanged",
            Self::Gone => "gone",
        }
    }
}

/// A finding's fingerprint, and what a person needs to know it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mark {
    /// The same for the same problem in every run and on every machine.
    pub fingerprint: String,
    /// The rule that is written in the policy release, or else the code.
    pub rule: String,
    /// One line: the object and what is wrong with it.
    pub what: String,
    /// How it stands to the baseline; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

impl Mark {
    pub(super) fn of(item: &Item) -> Self {
        Self {
            fingerprint: item.fingerprint.clone(),
            rule: item.rule().to_owned(),
            what: item.finding.what.clone(),
            state: item.state,
        }
    }
}

/// Why bytes are not an earlier result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It is not JSON, or too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is neither of the two documents.
    #[error("neither an answer of countersign as JSON, nor SARIF that countersign wrote")]
    Kind,
    /// Something in it is not as countersign writes it.
    #[error("{what} is not as countersign writes it")]
    Shape {
        /// What.
        what: &'static str,
    },
    /// More findings than are read.
    #[error("{found} findings, more than the {} that are read", limits::COLLECTION_ITEMS)]
    TooMany {
        /// How many.
        found: usize,
    },
}

/// The fingerprints of an earlier result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    marks: BTreeMap<String, Mark>,
}

impl Baseline {
    /// Reads a verb's JSON, or the SARIF made of it.
    pub fn parse(bytes: &[u8]) -> Result<Self, BaselineError> {
        let value = json::parse_within(bytes, limits::DOCUMENT_BYTES)?;
        let marks = if let Some(runs) = value.get("runs") {
            sarif::marks(runs)?
        } else if value
            .get("schema")
            .and_then(Value::as_str)
            .is_some_and(|schema| schema.starts_with(crate::json::BASE))
        {
            // A result without findings has no list of them.
            let list = value.get("fingerprints").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
            let shape = |_: JsonError| BaselineError::Shape { what: "`fingerprints`" };
            json::from_value::<Vec<Mark>>(list).map_err(shape)?
        } else {
            return Err(BaselineError::Kind);
        };
        if marks.len() > limits::COLLECTION_ITEMS {
            return Err(BaselineError::TooMany { found: marks.len() });
        }
        let there = marks.into_iter().filter(|mark| mark.state != Some(State::Gone));
        Ok(Self { marks: there.map(|mark| (mark.fingerprint.clone(), mark)).collect() })
    }

    /// Marks what is new and what is not, and lists what is gone. A run that did not come to its end shows nothing as gone.
    pub(super) fn mark(&self, report: &mut Report) {
        let mut found = BTreeSet::new();
        for item in &mut report.items {
            let known = self.marks.contains_key(&item.fingerprint);
            item.state = Some(if known { State::Unchanged } else { State::New });
            found.insert(item.fingerprint.clone());
        }
        if report.facts.failure.is_none() {
            let gone = self.marks.values().filter(|mark| !found.contains(&mark.fingerprint));
            report.gone = gone.map(|mark| Mark { state: Some(State::Gone), ..mark.clone() }).collect();
        }
    }
}

/// The comparison as a person reads it, below the answer.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut table = Table::new();
    let marks = report.marks();
    for mark in &marks {
        let word = mark.state.map_or("", State::word);
        table.row([word, plain(&mark.rule).as_str(), &text::shortened(&mark.what, 100)]);
    }
    let count = |state| marks.iter().filter(|mark| mark.state == Some(state)).count();
    let mut out = table.render();
    push(
        &mut out,
        format_args!(
            "against the baseline: {} new, {} unchanged, {} gone; this changes no verdict\n",
            count(State::New),
            count(State::Unchanged),
            count(State::Gone)
        ),
    );
    out
}

/// The name of fingerprints in SARIF.
pub(super) const FINGERPRINT: &str = fingerprint::NAME;

#[cfg(test)]
mod tests {
    use super::super::testing::{facts, refusal};
    use super::super::{Facts, Form};
    use super::*;
    use crate::output;
    use serde_json::json;

    /// As a verb's JSON has them.
    fn answer(report: &Report) -> String {
        output::document("promote", &output::Marked::new(&json!({ "exit": "refused" }), report.marks())).unwrap()
    }

    #[test]
    fn json_and_sarif_of_a_run_are_baselines_of_the_next_and_say_the_same() {
        let before = refusal();
        for bytes in [answer(&before), before.render(Form::Sarif).unwrap()] {
            let baseline = Baseline::parse(bytes.as_bytes()).unwrap();
            let mut now = facts();
            let (first, _) = now.findings.remove(0);
            now = now.found(&[countersign_core::finding::Finding::new(first.code, "another").at("src/new.rs:1")]);
            let report = Report::new(now, Some(&baseline));
            let states: Vec<State> = report.marks().iter().filter_map(|mark| mark.state).collect();
            assert_eq!(states.iter().filter(|state| **state == State::New).count(), 1);
            assert_eq!(states.iter().filter(|state| **state == State::Gone).count(), 1);
            assert_eq!(states.len(), before.items.len() + 1);
            assert_eq!(report.facts.exit, before.facts.exit);
            // What is gone is gone: the result of this run as the next baseline does not bring it back.
            let again = Baseline::parse(answer(&report).as_bytes()).unwrap();
            assert_eq!(again.marks.len(), before.items.len());
            assert_eq!(Baseline::parse(report.render(Form::Sarif).unwrap().as_bytes()).unwrap(), again_of(&report));
        }
    }

    fn again_of(report: &Report) -> Baseline {
        let plain_marks = report.items.iter().map(|item| (item.fingerprint.clone(), Mark::of(item)));
        let marks = plain_marks.map(|(key, mark)| (key, Mark { what: plain(&mark.what), state: None, ..mark }));
        Baseline { marks: marks.collect() }
    }

    #[test]
    fn a_run_that_could_not_be_made_shows_nothing_as_gone() {
        let baseline = Baseline::parse(answer(&refusal()).as_bytes()).unwrap();
        let mut facts = Facts::new(
            "promote",
            "0.1.0",
            countersign_core::finding::Verdict::Indeterminate,
            countersign_core::exit::Exit::Io,
        );
        facts.failure =
            Some(super::super::Failure { message: "could not read a".to_owned(), causes: Vec::new(), help: None });
        assert!(Report::new(facts.clone(), Some(&baseline)).gone.is_empty());
        facts.failure = None;
        assert!(!Report::new(facts, Some(&baseline)).gone.is_empty());
    }

    #[test]
    fn other_documents_are_no_baseline() {
        for other in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"schema":"https://example.com/x"}"#,
            r#"{"runs":[]}"#,
            r#"{"runs":{}}"#,
            r#"{"runs":[{"tool":{"driver":{"name":"other"}},"results":[]}]}"#,
            r#"{"runs":[{"tool":{"driver":{"name":"countersign"}},"results":[{"message":{"text":"x"}}]}]}"#,
            r#"{"schema":"https://countersign.dev/schemas/output/promote/v0.1.schema.json","fingerprints":[{"a":1}]}"#,
        ] {
            assert!(Baseline::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn the_text_counts_what_is_new_and_says_that_no_verdict_changes() {
        let baseline = Baseline::parse(answer(&refusal()).as_bytes()).unwrap();
        let text = text(&Report::new(facts(), Some(&baseline)));
        assert!(
            text.ends_with("against the baseline: 0 new, 3 unchanged, 0 gone; this changes no verdict\n"),
            "{text}"
        );
    }
}
