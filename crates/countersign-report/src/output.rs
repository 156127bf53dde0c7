//! The types behind `--format json`. They say what the text says, and no more: facts, never sentences made for one.

use crate::json::{self, DocumentError};
use crate::reports::Mark;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Finding, Verdict, exit_of};
use serde::Serialize;

/// A verb's document in the version that is written now: the body with `schema` in it, for people to read as well.
pub fn document<T: Serialize + ?Sized>(verb: &str, body: &T) -> Result<String, DocumentError> {
    json::document(verb, json::VERSION, body)
}

/// One document of a verb that goes on, on one line.
pub fn line<T: Serialize + ?Sized>(verb: &str, body: &T) -> Result<String, DocumentError> {
    json::line(verb, json::VERSION, body)
}

/// An answer with a fingerprint of every finding in it, by which runs are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Marked<'a, T> {
    #[serde(flatten)]
    answer: &'a T,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fingerprints: Vec<Mark>,
}

impl<'a, T> Marked<'a, T> {
    /// The answer with these marks.
    #[must_use]
    pub const fn new(answer: &'a T, fingerprints: Vec<Mark>) -> Self {
        Self { answer, fingerprints }
    }
}

/// The schema of the answer, with one field more.
#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Marked<'_, T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let marks = generator.subschema_for::<Vec<Mark>>();
        let mut schema = T::json_schema(generator);
        let mut field = marks.to_value();
        if let Some(field) = field.as_object_mut() {
            let said =
                "A fingerprint of every finding, in the order in which reports show them, and of those that are gone.";
            field.insert("description".to_owned(), said.into());
        }
        if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
            properties.insert("fingerprints".to_owned(), field);
        }
        schema
    }
}

/// A refusal, or an open question, without more to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// What was found.
    pub findings: Vec<Finding>,
    /// How the run ends.
    pub exit: Exit,
    /// What was not done.
    pub not_done: String,
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verification {
    /// What was verified; absent if it was no artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Sha256>,
    /// The verdict over everything.
    pub verdict: Verdict,
    /// The whole checklist.
    pub checks: Vec<Check>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// How the run ends.
    pub exit: Exit,
}

impl Verification {
    /// The result over these checks and findings. How the run ends is made from the verdict and the findings, the worse
    /// of the two: a verdict that is no pass never ends well.
    #[must_use]
    pub fn new(subject: Option<Sha256>, verdict: Verdict, checks: Vec<Check>, findings: Vec<Finding>) -> Self {
        let of_verdict = match verdict {
            Verdict::Pass => Exit::Ok,
            Verdict::Fail => Exit::Refused,
            Verdict::Indeterminate => Exit::Indeterminate,
        };
        let exit = of_verdict.worse(exit_of(&findings));
        Self { subject, verdict, checks, findings, exit }
    }
}

/// The result of `promote`. Nothing is authorised but by a decision that is recorded: see [`Promotion::new`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Promotion {
    /// Whether the artifact may go there: the decision says so, and it is recorded.
    pub authorised: bool,
    /// Whether it might go there if the decision were recorded.
    pub would_be_authorised: bool,
    /// The decision. Where it is not recorded, its `authorised` is false.
    pub decision: Decision,
    /// The log entry; absent for a dry run, or where nothing could be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Why nothing was recorded, where it should have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_recorded: Option<String>,
    /// What stood in the way of recording it or of its counting, beside the decision's own findings.
    pub findings: Vec<Finding>,
    /// What whoever runs the gate has to see to soon, beside the decision: that trust ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiring: Option<Finding>,
    /// How the run ends.
    pub exit: Exit,
}

impl Promotion {
    /// The answer over a decision, and the log entry that records it. Without an entry nothing is authorised, whatever
    /// the decision says: a program that reads one field reads the right one.
    #[must_use]
    pub fn new(mut decision: Decision, entry: Option<u64>, exit: Exit) -> Self {
        let would_be_authorised = decision.authorised;
        decision.authorised &= entry.is_some();
        Self {
            authorised: decision.authorised,
            would_be_authorised,
            decision,
            entry,
            not_recorded: None,
            findings: Vec::new(),
            expiring: None,
            exit,
        }
    }

    /// With what is missing of the witnesses that trust wants: it is recorded, and authorises nothing yet.
    #[must_use]
    pub fn not_witnessed(mut self, findings: Vec<Finding>) -> Self {
        if !findings.is_empty() {
            self.authorised = false;
            self.decision.authorised = false;
            self.findings = findings;
        }
        self
    }

    /// With what stood in the way of recording it.
    #[must_use]
    pub fn not_recorded(mut self, why: &str, findings: Vec<Finding>) -> Self {
        self.would_be_authorised = false;
        self.not_recorded = Some(why.to_owned());
        self.findings = findings;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::codes;

    #[test]
    fn a_verification_as_json_carries_everything() {
        let checks = vec![Check::new("subject-digest", Verdict::Pass, "the subject of bundle #3")];
        let findings = vec![Finding::new(codes::REVIEW_MISSING, "change 4e1d…").found("1  a1")];
        let output = Verification::new(Some(Sha256::of(b"app")), Verdict::Fail, checks, findings);
        insta::assert_snapshot!(document("verify", &output).unwrap(), @r#"
        {
          "schema": "https://countersign.dev/schemas/output/verify/v0.1.schema.json",
          "checks": [
            {
              "detail": "the subject of bundle #3",
              "id": "subject-digest",
              "verdict": "PASS"
            }
          ],
          "exit": "refused",
          "findings": [
            {
              "class": "refused",
              "code": "review-missing",
              "found": [
                "1  a1"
              ],
              "what": "change 4e1d…"
            }
          ],
          "subject": "sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333",
          "verdict": "FAIL"
        }
        "#);
    }

    #[test]
    fn a_refusal_as_json_says_what_was_not_done() {
        let findings = vec![Finding::new(codes::LOG_MISSING, "there is no log at .countersign")];
        let output = Refusal { findings, exit: Exit::Indeterminate, not_done: "nothing was authorised".to_owned() };
        insta::assert_snapshot!(document("refusal", &output).unwrap(), @r#"
        {
          "schema": "https://countersign.dev/schemas/output/refusal/v0.1.schema.json",
          "exit": "indeterminate",
          "findings": [
            {
              "class": "indeterminate",
              "code": "log-missing",
              "what": "there is no log at .countersign"
            }
          ],
          "notDone": "nothing was authorised"
        }
        "#);
    }

    #[test]
    fn no_verdict_but_a_pass_ends_well() {
        let exit = |verdict, findings| Verification::new(None, verdict, Vec::new(), findings).exit;
        let of = |code| vec![Finding::new(code, "")];
        assert_eq!(exit(Verdict::Pass, Vec::new()), Exit::Ok);
        assert_eq!(exit(Verdict::Pass, of(codes::AUTHOR_UNKNOWN)), Exit::Ok);
        assert_eq!(exit(Verdict::Fail, Vec::new()), Exit::Refused);
        assert_eq!(exit(Verdict::Indeterminate, of(codes::AUTHOR_UNKNOWN)), Exit::Indeterminate);
        assert_eq!(exit(Verdict::Fail, of(codes::SIGNATURE_INVALID)), Exit::Untrusted);
        assert_eq!(exit(Verdict::Pass, of(codes::LOG_MISSING)), Exit::Indeterminate);
    }

    #[test]
    #[cfg(feature = "schema")]
    fn the_schema_asks_for_the_name_of_itself() {
        let schema = json::document_schema::<Verification>("verify", json::VERSION).unwrap();
        let uri = json::schema_uri("verify", json::VERSION);
        assert_eq!(schema["properties"]["schema"]["const"], uri.as_str());
        let required: Vec<&str> = schema["required"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
        assert_eq!(required, ["schema", "verdict", "checks", "findings", "exit"]);
    }
}
