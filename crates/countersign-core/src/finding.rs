//! What a check says: a finding is data with a stable code. Prose is made once, in the door.

use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Verdict {
    /// Everything that was asked holds.
    Pass,
    /// Checked, and not good.
    Fail,
    /// Evidence is missing, unreadable, truncated or ambiguous. Blocks like `FAIL`.
    Indeterminate,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Indeterminate => "INDETERMINATE",
        })
    }
}

/// How a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Class {
    /// A rule is broken.
    Refused,
    /// A signature, digest, proof or format did not hold.
    Untrusted,
    /// It cannot be decided: evidence is missing or ambiguous.
    Indeterminate,
    /// Worth saying; changes no verdict.
    Note,
    /// A rule is broken, and an exception in the log says that it may be, here and for now. It is shown, and blocks
    /// nothing.
    Excepted,
}

impl Class {
    /// The word that a person reads before the code.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Untrusted => "untrusted",
            Self::Indeterminate => "indeterminate",
            Self::Note => "note",
            Self::Excepted => "excepted",
        }
    }
}

impl Class {
    /// Whether it stands in the way of a pass.
    #[must_use]
    pub const fn blocks(self) -> bool {
        matches!(self, Self::Refused | Self::Untrusted | Self::Indeterminate)
    }
}

/// A stable, searchable code: kebab-case, registered in [`crate::codes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub(crate) &'static str);

impl Code {
    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        crate::codes::find(&text)
            .map(|entry| entry.code)
            .ok_or_else(|| serde::de::Error::unknown_variant(&text, &["a finding code"]))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Code {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let all: Vec<&str> = crate::codes::ALL.iter().map(|entry| entry.code.0).collect();
        schemars::json_schema!({ "type": "string", "enum": all })
    }
}

/// One thing that a check found. Facts only; the door makes the sentences.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// What kind of thing it is.
    pub code: Code,
    /// How it counts.
    pub class: Class,
    /// One line: the object and what is wrong with it.
    pub what: String,
    /// Where: a file, bundle, commit or JSON pointer, most telling first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<String>,
    /// What was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Who says so: the policy release's rule, trust, or the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_by: Option<String>,
    /// What was found, one line a fact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<String>,
    /// The control that the rule serves, such as `SOC 2 CC8.1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// The next action, ready to paste where it is a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The rule that says so, where it is one of the policy release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Box<RuleNote>>,
    /// The exception that lets it be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Box<ExceptionNote>>,
}

/// What a finding says of the exception by which it blocks nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExceptionNote {
    /// Which exception.
    pub id: crate::ids::ExceptionId,
    /// Its kind.
    pub category: crate::exception::Category,
    /// What it covers, in a few words.
    pub covers: String,
    /// From this moment on it does not count.
    pub until: crate::time::Time,
    /// When what it let through has to be reviewed; for an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<crate::time::Time>,
    /// Why.
    pub reason: String,
    /// Who approved it.
    pub approvers: Vec<crate::ids::PersonId>,
    /// The log entry that made it count.
    pub entry: u64,
    /// The log of that entry, where it is one that this log goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<crate::ids::Origin>,
}

impl ExceptionNote {
    /// In one line: `E-0123456789ab, waiver for this artifact, until …, approved by ada, ben (log entry 7)`.
    #[must_use]
    pub fn line(&self) -> String {
        let approvers: Vec<&str> = self.approvers.iter().map(crate::ids::PersonId::as_str).collect();
        format!(
            "{}, {} for {}, until {}, approved by {} ({})",
            self.id,
            self.category,
            self.covers,
            self.until,
            approvers.join(", "),
            crate::entry::place_of(self.entry, self.log.as_ref())
        )
    }
}

/// What a rule of a policy release says about itself beside each of its findings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleNote {
    /// Which rule.
    pub id: crate::ids::RuleId,
    /// How bad it is when it is broken: low, medium, high or critical; nothing of a rule that is built in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// Why it exists.
    pub why: String,
    /// Who answers for it; nothing where nobody is named.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

impl Finding {
    /// A finding of the class that the code is registered with.
    #[must_use]
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        let class = crate::codes::find(code.0).map_or(Class::Indeterminate, |entry| entry.class);
        Self {
            code,
            class,
            what: what.into(),
            at: Vec::new(),
            expected: None,
            expected_by: None,
            found: Vec::new(),
            controls: Vec::new(),
            help: None,
            rule: None,
            exception: None,
        }
    }

    /// From a text of several lines, as parsers say where something is wrong: its first and last line say what, those
    /// between show it and stand below each other.
    #[must_use]
    pub fn of_lines(code: Code, text: &str) -> Self {
        let mut lines: Vec<&str> = text.lines().collect();
        let last = if lines.len() > 1 { lines.pop() } else { None };
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let what = last.map_or_else(|| first.to_owned(), |last| format!("{first}: {last}"));
        let shown = lines.filter(|line| line.trim() != "|");
        shown.fold(Self::new(code, what), Self::found)
    }

    /// With a place.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.at.push(place.into());
        self
    }

    /// With what was expected, and who expects it.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>, by: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.expected_by = Some(by.into());
        self
    }

    /// With one more fact that was found.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found.push(found.into());
        self
    }

    /// With the next action.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// As it is kept among many: what stands in it of a document of somebody else's is cut, and says so.
    #[must_use]
    pub fn kept(mut self) -> Self {
        let texts = std::iter::once(&mut self.what).chain(&mut self.expected).chain(&mut self.found);
        for text in texts.chain(&mut self.help) {
            if let Some((end, _)) = text.char_indices().nth(limits::FINDING_TEXT_KEPT) {
                text.truncate(end);
                text.push('…');
                text.shrink_to_fit();
            }
        }
        self
    }
}

/// One line of the checklist: what was checked, and how it came out. Everything that was asked has a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Check {
    /// A stable name, such as `subject-digest`.
    pub id: String,
    /// How it came out.
    pub verdict: Verdict,
    /// The fact that it rests on, in a few words.
    pub detail: String,
}

impl Check {
    /// A line of the checklist.
    #[must_use]
    pub fn new(id: &str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { id: id.to_owned(), verdict, detail: detail.into() }
    }
}

/// Findings of one kind about one document, of which the first are listed and the rest is counted in one more. They are made from what somebody
/// wrote who may be a stranger, and are not to take a multiple of its room.
pub fn listed<T>(
    items: impl IntoIterator<Item = T>,
    one: impl FnMut(T) -> Finding,
    rest: impl FnOnce(usize) -> Finding,
) -> Vec<Finding> {
    let mut items = items.into_iter();
    let mut out: Vec<Finding> = items.by_ref().take(limits::FINDINGS_LISTED).map(one).collect();
    let more = items.count();
    if more > 0 {
        out.push(rest(more));
    }
    out
}

/// The verdict over findings: `FAIL` before `INDETERMINATE` before `PASS`. Notes, and what is excepted, do not count.
#[must_use]
pub fn verdict_of(findings: &[Finding]) -> Verdict {
    let mut verdict = Verdict::Pass;
    for finding in findings {
        match finding.class {
            Class::Refused | Class::Untrusted => return Verdict::Fail,
            Class::Indeterminate => verdict = Verdict::Indeterminate,
            Class::Note | Class::Excepted => {}
        }
    }
    verdict
}

/// The exit code over findings, by the public table.
#[must_use]
pub fn exit_of(findings: &[Finding]) -> crate::exit::Exit {
    use crate::exit::Exit;
    let mut exits = findings.iter().map(|finding| match finding.class {
        Class::Refused => Exit::Refused,
        Class::Untrusted => Exit::Untrusted,
        Class::Indeterminate => Exit::Indeterminate,
        Class::Note | Class::Excepted => Exit::Ok,
    });
    exits.by_ref().fold(Exit::Ok, Exit::worse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn a_long_text_is_cut_where_it_is_kept_among_many_and_no_other_is() {
        let usual = Finding::new(codes::PROVENANCE_BUILDER, "x").expected("y", "z").found("é".repeat(1_000)).help("h");
        assert_eq!(usual.clone().kept(), usual);
        let long = "é".repeat(1_001);
        let finding = Finding::new(codes::PROVENANCE_BUILDER, long.as_str()).expected(long.as_str(), "z");
        let finding = finding.found("short").found(long.as_str()).help(long).kept();
        let cut = format!("{}…", "é".repeat(1_000));
        assert_eq!((&finding.what, finding.expected.as_ref(), finding.help.as_ref()), (&cut, Some(&cut), Some(&cut)));
        assert_eq!(finding.found, ["short", cut.as_str()]);
    }

    #[test]
    fn a_parser_s_lines_stay_lines() {
        let error = toml::from_str::<toml::Table>("a = 1\nversion = \n").unwrap_err().to_string();
        let finding = Finding::of_lines(codes::TRUST_MALFORMED, &error);
        assert!(finding.what.starts_with("TOML parse error at line 2, column 11: "), "{}", finding.what);
        assert_eq!(finding.found, ["2 | version = ", "  |           ^"]);
        let one = Finding::of_lines(codes::TRUST_MALFORMED, "in one line");
        assert_eq!((one.what.as_str(), one.found.len()), ("in one line", 0));
    }
}
