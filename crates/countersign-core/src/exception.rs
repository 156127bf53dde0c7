//! Exceptions from rules, as people sign them: from which rule, for what, until when, and why. An exception counts only by
//! its entry in the log.
//!
//! What an exception covers is always bounded: one repository, one environment, and one artifact or a short range of
//! commits. There is no form that says "all".

use crate::codes;
use crate::digest::Sha256;
use crate::finding::{Class, Code};
use crate::git::oid::Oid;
use crate::ids::{EnvName, Origin, PersonId, RuleId, Uri};
use crate::limits;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

const DAY: i64 = 24 * 60 * 60;

/// An exception: the predicate `https://countersign.dev/exception/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exception {
    /// The log in which it is to count.
    pub log: Origin,
    /// Its kind.
    pub category: Category,
    /// The control that stands in for the rule; for `mitigated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// The rule, in this one of its meanings.
    pub rule: RuleId,
    /// Only findings with these codes; all of the rule's if there is none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub codes: BTreeSet<Code>,
    /// Only findings with exactly this among their places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The repository that the artifact comes from.
    pub repository: Uri,
    /// The environment.
    pub environment: EnvName,
    /// The artifact, or the commits.
    pub covers: Covers,
    /// Why.
    pub reason: String,
    /// Where it is tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Who asks for it: signs it, and does not approve it.
    pub requester: PersonId,
    /// When it was asked for.
    pub created: Time,
    /// From this moment on it does not count.
    pub expires: Time,
    /// When what it let through has to be reviewed; for `emergency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<Time>,
}

/// What kind of exception it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Category {
    /// The risk is taken.
    Waiver,
    /// Another control stands in for the rule.
    Mitigated,
    /// Review is passed over, and made up for later.
    Emergency,
}

impl Category {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiver => "waiver",
            Self::Mitigated => "mitigated",
            Self::Emergency => "emergency",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What an exception covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Covers {
    /// One artifact.
    Subject(Sha256),
    /// What is built from commits that follow one.
    Range(Range),
}

/// Commits that follow one, up to another, or up to a number of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Range {
    /// They follow this one, which is not among them.
    pub start: Oid,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Oid>,
    /// No more than so many.
    pub commits: u32,
}

impl fmt::Display for Covers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(digest) => write!(f, "artifact {digest}"),
            Self::Range(Range { start, end: Some(end), commits }) => {
                write!(f, "commits {start}..{end}, at most {commits}")
            }
            Self::Range(Range { start, end: None, commits }) => write!(f, "at most {commits} commits after {start}"),
        }
    }
}

/// The end of an exception: the predicate `https://countersign.dev/exception-end/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExceptionEnd {
    /// The log in which it counts.
    pub log: Origin,
    /// The digest of the exception's signed payload.
    pub exception: Sha256,
    /// What ends it.
    pub action: EndAction,
    /// Why, or what was found.
    pub reason: String,
    /// When this was signed.
    pub at: Time,
}

/// How an exception ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EndAction {
    /// It counts no more.
    Revoke,
    /// It counts no more, and what it let through was reviewed.
    FollowUp,
}

/// Why an exception cannot count, whoever signs it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExceptionError {
    /// A text that is missing or too long.
    #[error("{field} {problem}")]
    Text {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nothing is excepted from this check.
    #[error("nothing is excepted from `{what}`: {why}")]
    Forbidden {
        /// A code or a rule.
        what: String,
        /// Why.
        why: &'static str,
    },
    /// More than a short range of commits.
    #[error("a range of {found} commits, it must be 1 to {}", limits::EXCEPTION_COMMITS)]
    Wide {
        /// How many.
        found: u32,
    },
    /// Dates that cannot be.
    #[error("{field} {problem}")]
    Dates {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl ExceptionError {
    /// The registered code of this refusal.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Text { .. } => codes::EXCEPTION_MALFORMED,
            Self::Forbidden { .. } => codes::EXCEPTION_FORBIDDEN,
            Self::Wide { .. } => codes::EXCEPTION_WIDE,
            Self::Dates { .. } => codes::EXCEPTION_DATES,
        }
    }
}

impl Exception {
    /// Everything that is wrong with it, by itself: `days` is the longest that trust lets one run for its environment.
    #[must_use]
    pub fn problems(&self, days: u32) -> Vec<ExceptionError> {
        let mut out = Vec::new();
        text(&mut out, "reason", Some(&self.reason), true);
        text(&mut out, "control", self.control.as_deref(), self.category == Category::Mitigated);
        text(&mut out, "ticket", self.ticket.as_deref(), false);
        text(&mut out, "place", self.place.as_deref(), false);
        if self.codes.len() > limits::EXCEPTION_CODES {
            out.push(ExceptionError::Text { field: "codes", problem: "are too many" });
        }
        for code in self.codes.iter().filter(|code| !may_be_excepted(**code)) {
            let why = "it is no finding that a rule alone answers for";
            out.push(ExceptionError::Forbidden { what: code.to_string(), why });
        }
        let emergency = self.category == Category::Emergency;
        if is_review(&self.rule) != emergency {
            let why = if emergency {
                "an emergency passes over two-party review, and over nothing else"
            } else {
                "review is passed over in an emergency only, and made up for later"
            };
            out.push(ExceptionError::Forbidden { what: self.rule.to_string(), why });
        }
        if let Covers::Range(range) = &self.covers
            && !(1..=limits::EXCEPTION_COMMITS).contains(&range.commits)
        {
            out.push(ExceptionError::Wide { found: range.commits });
        }
        self.dates(days, &mut out);
        out
    }

    fn dates(&self, days: u32, out: &mut Vec<ExceptionError>) {
        let mut wrong = |field, problem: String| out.push(ExceptionError::Dates { field, problem });
        let longest = if self.category == Category::Emergency { days.min(limits::EMERGENCY_DAYS) } else { days };
        if self.expires <= self.created {
            wrong("expires", "does not lie after created".to_owned());
        } else if self.expires.since(self.created) > DAY.saturating_mul(i64::from(longest)) {
            wrong("expires", format!("lies more than {longest} days after created"));
        }
        let latest = DAY.saturating_mul(i64::from(limits::FOLLOW_UP_DAYS));
        match (self.category, self.follow_up) {
            (Category::Emergency, None) => wrong("followUp", "is missing: an emergency is made up for".to_owned()),
            (Category::Emergency, Some(time)) if time <= self.created || time.since(self.created) > latest => {
                wrong("followUp", format!("does not lie within {} days of created", limits::FOLLOW_UP_DAYS));
            }
            (Category::Waiver | Category::Mitigated, Some(_)) => {
                wrong("followUp", "belongs to an emergency".to_owned());
            }
            (Category::Emergency, Some(_)) | (Category::Waiver | Category::Mitigated, None) => {}
        }
    }

    /// How exactly it says what it is about: of two that match, the higher wins.
    #[must_use]
    pub fn specificity(&self) -> u8 {
        let place = if self.place.is_some() { 4 } else { 0 };
        let subject = if matches!(self.covers, Covers::Subject(_)) { 2 } else { 0 };
        place | subject | u8::from(!self.codes.is_empty())
    }
}

fn text(out: &mut Vec<ExceptionError>, field: &'static str, text: Option<&str>, needed: bool) {
    let problem = match text {
        None if needed => "is missing",
        Some(text) if text.trim().is_empty() => "is empty",
        Some(text) if text.len() > limits::EXCEPTION_TEXT_BYTES => "is too long",
        None | Some(_) => return,
    };
    out.push(ExceptionError::Text { field, problem });
}

/// Whether this is the rule of two-party review, in whichever of its meanings.
#[must_use]
pub fn is_review(rule: &RuleId) -> bool {
    rule.as_str().starts_with("two-party-review@")
}

/// Whether a finding of this code may be excepted where a rule makes it. What does not hold (a signature, digest or proof)
/// never is, and nothing that says of evidence, trust, pin, log or time that they are not what they should be.
#[must_use]
pub fn may_be_excepted(code: Code) -> bool {
    let class = codes::find(code.as_str()).map(|entry| entry.class);
    matches!(class, Some(Class::Refused | Class::Indeterminate)) && !NEVER.contains(&code)
}

/// Codes that are not of the class `untrusted`, and that nothing is excepted from all the same.
const NEVER: &[Code] = &[
    codes::PREDICATE_UNKNOWN,
    codes::PREDICATE_MISMATCH,
    codes::NO_STATEMENTS,
    codes::SIGSTORE_ROOT_MISSING,
    codes::SIGSTORE_ROOT_STALE,
    codes::SIGSTORE_UNSUPPORTED,
    codes::TRUST_DIGEST_NOT_GIVEN,
    codes::ENVIRONMENT_UNKNOWN,
    codes::ROLE_UNKNOWN,
    codes::POLICY_MISSING,
    codes::POLICY_EMPTY,
    codes::POLICY_RULE_UNKNOWN,
    codes::POLICY_EXPIRED,
    codes::POLICY_NOT_YET_VALID,
    codes::POLICY_NOT_ACTIVE,
    codes::POLICY_ROLLBACK,
    codes::ACTIVATION_REPLAYED,
    codes::ACTIVATION_OTHER_LOG,
    codes::POLICY_AUTHORS,
    codes::POLICY_VERSION_REUSED,
    codes::POLICY_BELOW_FLOOR,
    codes::POLICY_OTHER_LINEAGE,
    codes::POLICY_OTHER_REPOSITORY,
    codes::PIN_MISSING,
    codes::PIN_MISMATCH,
    codes::PATH_UNSAFE,
    codes::PARAMETER_INVALID,
    codes::RULE_ERROR,
    codes::RULE_SOURCE,
    codes::RULE_PATH,
    codes::RULE_FUNCTION,
    codes::RULE_REGEX,
    codes::EXCEPTION_FORBIDDEN,
    codes::EXCEPTION_WIDE,
    codes::EXCEPTION_DATES,
    codes::EXCEPTION_RECORDED,
    codes::EXCEPTION_UNKNOWN,
    codes::BREAK_GLASS,
    codes::FOLLOW_UP_OVERDUE,
    codes::LOG_MISSING,
    codes::ROLLBACK_UNDETECTABLE,
    codes::TIME_BEFORE_LOG,
    codes::TIME_UNBRACKETED,
    codes::EVIDENCE_INDEX_MISSING,
    codes::EVIDENCE_WITHHELD,
    codes::SOURCE_MISMATCH,
    codes::TAG_MOVED,
    codes::HISTORY_REPLACED,
    codes::HISTORY_REWRITTEN,
    codes::FORGE_CAPTURE_MISSING,
    codes::PREVIOUS_MISMATCH,
    codes::PREVIOUS_NOT_ANCESTOR,
    codes::DECISION_MISSING,
    codes::DECISION_REFUSED,
    codes::DECISION_NOT_CURRENT,
    codes::PACKAGE_EVIDENCE_MISSING,
    codes::INTERNAL_CONSISTENCY_ONLY,
    codes::ENGINE_UNKNOWN,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn waiver() -> Exception {
        Exception {
            log: Origin::new("example.com/log").unwrap(),
            category: Category::Waiver,
            control: None,
            rule: RuleId::new("source-clean@1").unwrap(),
            codes: BTreeSet::new(),
            place: None,
            repository: Uri::new("git+https://example.com/a").unwrap(),
            environment: EnvName::new("production").unwrap(),
            covers: Covers::Subject(Sha256::of(b"app")),
            reason: "a generated file".to_owned(),
            ticket: None,
            requester: PersonId::new("ada").unwrap(),
            created: "2026-11-22T10:00:00Z".parse().unwrap(),
            expires: "2026-12-22T10:00:00Z".parse().unwrap(),
            follow_up: None,
        }
    }

    fn codes_of(exception: &Exception) -> Vec<Code> {
        exception.problems(90).iter().map(ExceptionError::code).collect()
    }

    #[test]
    fn a_bounded_exception_with_reason_and_end_is_one() {
        assert_eq!(codes_of(&waiver()), []);
        let start = Oid::from_hex(&"a".repeat(40)).unwrap();
        let range = |commits| Covers::Range(Range { start, end: None, commits });
        assert_eq!(codes_of(&Exception { covers: range(5), ..waiver() }), []);
        for commits in [0, 101] {
            assert_eq!(codes_of(&Exception { covers: range(commits), ..waiver() }), [codes::EXCEPTION_WIDE]);
        }
    }

    #[test]
    fn an_exception_ends_in_time_and_says_why() {
        let late = "2027-02-20T10:00:01Z".parse().unwrap();
        assert_eq!(codes_of(&Exception { expires: late, ..waiver() }), [codes::EXCEPTION_DATES]);
        let before = waiver().created;
        assert_eq!(codes_of(&Exception { expires: before, ..waiver() }), [codes::EXCEPTION_DATES]);
        assert_eq!(codes_of(&Exception { reason: " ".to_owned(), ..waiver() }), [codes::EXCEPTION_MALFORMED]);
        let mitigated = Exception { category: Category::Mitigated, ..waiver() };
        assert_eq!(codes_of(&mitigated), [codes::EXCEPTION_MALFORMED]);
        assert_eq!(codes_of(&Exception { control: Some("a firewall".to_owned()), ..mitigated }), []);
    }

    #[test]
    fn review_is_passed_over_in_an_emergency_alone_and_an_emergency_passes_over_nothing_else() {
        let review = RuleId::new("two-party-review@1").unwrap();
        assert_eq!(codes_of(&Exception { rule: review.clone(), ..waiver() }), [codes::EXCEPTION_FORBIDDEN]);
        let emergency = Exception {
            category: Category::Emergency,
            rule: review,
            expires: "2026-11-24T10:00:00Z".parse().unwrap(),
            follow_up: Some("2026-11-29T10:00:00Z".parse().unwrap()),
            ..waiver()
        };
        assert_eq!(codes_of(&emergency), []);
        assert_eq!(codes_of(&Exception { rule: waiver().rule, ..emergency.clone() }), [codes::EXCEPTION_FORBIDDEN]);
        assert_eq!(codes_of(&Exception { follow_up: None, ..emergency.clone() }), [codes::EXCEPTION_DATES]);
        let long = Exception { expires: waiver().expires, ..emergency };
        assert_eq!(codes_of(&long), [codes::EXCEPTION_DATES]);
    }

    #[test]
    fn what_holds_up_a_decision_is_never_excepted() {
        for code in [codes::SIGNATURE_INVALID, codes::PIN_MISMATCH, codes::LOG_MISSING, codes::TRUST_EXPIRED] {
            let one = Exception { codes: BTreeSet::from([code]), ..waiver() };
            assert_eq!(codes_of(&one), [codes::EXCEPTION_FORBIDDEN], "{code}");
        }
        assert!(may_be_excepted(codes::SOURCE_DIRTY) && may_be_excepted(codes::REVIEW_MISSING));
        assert!(codes::ALL.iter().all(|e| e.class != Class::Untrusted || !may_be_excepted(e.code)));
        assert!(NEVER.iter().all(|code| codes::find(code.as_str()).unwrap().class != Class::Untrusted));
    }

    #[test]
    fn the_more_exact_exception_wins() {
        let start = Oid::from_hex(&"a".repeat(40)).unwrap();
        let range = Exception { covers: Covers::Range(Range { start, end: None, commits: 1 }), ..waiver() };
        let code = Exception { codes: BTreeSet::from([codes::SOURCE_DIRTY]), ..range.clone() };
        let place = Exception { place: Some("app".to_owned()), ..range.clone() };
        let order = [range, code, waiver(), place].map(|exception| exception.specificity());
        assert!(order.is_sorted() && order.first() < order.last(), "{order:?}");
    }

    #[test]
    fn an_end_that_is_no_time_is_no_exception() {
        let mut value = serde_json::to_value(waiver()).unwrap();
        assert!(crate::json::from_value::<Exception>(value.clone()).is_ok());
        for end in [serde_json::json!("2026-13-01"), serde_json::json!("never"), serde_json::json!(null)] {
            value["expires"] = end;
            assert!(crate::json::from_value::<Exception>(value.clone()).is_err());
        }
        value.as_object_mut().unwrap().remove("expires");
        assert!(crate::json::from_value::<Exception>(value).is_err());
    }
}
