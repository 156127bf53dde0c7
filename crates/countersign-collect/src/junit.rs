//! `JUnit` reports, as test runners of most languages write them: which tests passed, which did not. Read as events, never
//! as a tree; a document type, which could bring entities along, is refused. Nothing here says whether a report is believed.

use countersign_core::limits;
use countersign_core::statement::test_result::Outcome;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;
use std::fmt::Display;

/// What reports say, taken together.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    tests: BTreeMap<String, State>,
}

/// How a test ended. Of one that stands there twice, the worse counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Skipped,
    Passed,
    /// It passed in the end: an earlier attempt of the same run did not.
    Warned,
    Failed,
}

/// Why bytes are not a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JunitError {
    /// Not XML, or cut off.
    #[error("byte {at}: this is no well-formed XML: {what}")]
    Xml {
        /// Where.
        at: u64,
        /// What the reader says.
        what: String,
    },
    /// Not a report.
    #[error("the outermost element is <{found}>, not <testsuites> or <testsuite>")]
    NoReport {
        /// What it is.
        found: String,
    },
    /// It begins with a document type.
    #[error("it has a document type, which is not read")]
    DocumentType,
    /// More than the bound.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// A test without a name.
    #[error("byte {at}: a <testcase> has no name")]
    NoName {
        /// Where.
        at: u64,
    },
    /// A suite counts more failures than the tests in it show.
    #[error("a suite says that {said} of its tests failed, and {shown} are shown to have")]
    Counts {
        /// What its attributes add up to.
        said: u64,
        /// What its tests show.
        shown: u64,
    },
}

impl Report {
    /// Adds what a report says.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), JunitError> {
        let text = std::str::from_utf8(bytes).map_err(|error| JunitError::Xml {
            at: u64::try_from(error.valid_up_to()).unwrap_or(u64::MAX),
            what: "it is not UTF-8".to_owned(),
        })?;
        Reading { reader: Reader::from_str(text), open: Vec::new(), case: None, seen: false, report: self }.run()
    }

    /// What the run came to; `None` where no test ran.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.tests.values().max()? {
            State::Failed => Some(Outcome::Failed),
            State::Warned => Some(Outcome::Warned),
            State::Passed => Some(Outcome::Passed),
            State::Skipped => None,
        }
    }

    /// The tests that passed at once.
    #[must_use]
    pub fn passed(&self) -> Vec<String> {
        self.of(State::Passed)
    }

    /// Those that passed after they had failed.
    #[must_use]
    pub fn warned(&self) -> Vec<String> {
        self.of(State::Warned)
    }

    /// Those that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<String> {
        self.of(State::Failed)
    }

    /// Those that did not run.
    #[must_use]
    pub fn skipped(&self) -> Vec<String> {
        self.of(State::Skipped)
    }

    fn of(&self, wanted: State) -> Vec<String> {
        self.tests.iter().filter(|(_, state)| **state == wanted).map(|(name, _)| name.clone()).collect()
    }
}

/// An open element: its name, and for a suite how many failures it counts and how many its tests show.
struct Open {
    name: String,
    said: Option<u64>,
    shown: u64,
}

struct Reading<'t, 'r> {
    reader: Reader<&'t [u8]>,
    open: Vec<Open>,
    case: Option<(String, State)>,
    seen: bool,
    report: &'r mut Report,
}

impl Reading<'_, '_> {
    fn run(mut self) -> Result<(), JunitError> {
        loop {
            let event = self.reader.read_event().map_err(|error| self.xml(&error))?;
            match event {
                Event::DocType(_) => return Err(JunitError::DocumentType),
                Event::Start(start) => self.begin(&start)?,
                Event::Empty(start) => {
                    self.begin(&start)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Eof if !self.open.is_empty() => return Err(self.xml(&"it ends inside an element")),
                Event::Eof if !self.seen => return Err(self.xml(&"there is no element")),
                Event::Eof => return Ok(()),
                Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::GeneralRef(_) => {}
            }
        }
    }

    fn xml(&self, what: &dyn Display) -> JunitError {
        JunitError::Xml { at: self.reader.buffer_position(), what: what.to_string().chars().take(200).collect() }
    }

    fn begin(&mut self, start: &BytesStart<'_>) -> Result<(), JunitError> {
        let name = start.local_name().into_inner().to_owned();
        if self.open.is_empty() {
            if self.seen || !matches!(name.as_str(), "testsuites" | "testsuite") {
                return Err(JunitError::NoReport { found: name.chars().take(60).collect() });
            }
            self.seen = true;
        }
        if self.open.len() >= limits::XML_DEPTH {
            return Err(JunitError::TooMany { what: "elements inside each other", limit: limits::XML_DEPTH });
        }
        let mut said = None;
        match name.as_str() {
            "testsuite" => {
                let count = |text: Option<String>| text.and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0);
                let failures = count(self.attribute(start, "failures")?);
                said = Some(failures.saturating_add(count(self.attribute(start, "errors")?)));
            }
            "testcase" => {
                let at = self.reader.buffer_position();
                let own =
                    self.attribute(start, "name")?.filter(|name| !name.is_empty()).ok_or(JunitError::NoName { at })?;
                let class = self.attribute(start, "classname")?.filter(|class| !class.is_empty() && *class != own);
                let full = class.map_or_else(|| own.clone(), |class| format!("{class} {own}"));
                self.case = Some((full.chars().take(limits::TEST_NAME_CHARS).collect(), State::Passed));
            }
            "failure" | "error" => self.becomes(State::Failed),
            "flakyFailure" | "flakyError" => self.becomes(State::Warned),
            "skipped" => {
                if let Some((_, state)) = self.case.as_mut().filter(|(_, state)| *state == State::Passed) {
                    *state = State::Skipped;
                }
            }
            _ => {}
        }
        self.open.push(Open { name, said, shown: 0 });
        Ok(())
    }

    fn becomes(&mut self, worse: State) {
        if let Some((_, state)) = &mut self.case {
            *state = (*state).max(worse);
        }
    }

    fn end(&mut self) -> Result<(), JunitError> {
        let Some(closed) = self.open.pop() else { return Err(self.xml(&"an element ends that did not begin")) };
        let mut shown = closed.shown;
        if closed.name == "testcase"
            && let Some((name, state)) = self.case.take()
        {
            shown = u64::from(state == State::Failed);
            let slot = self.report.tests.entry(name).or_insert(state);
            *slot = (*slot).max(state);
            if self.report.tests.len() > limits::TESTS {
                return Err(JunitError::TooMany { what: "tests", limit: limits::TESTS });
            }
        }
        // A runner that was killed counts what it could not write down.
        if let Some(said) = closed.said.filter(|said| *said > shown) {
            return Err(JunitError::Counts { said, shown });
        }
        if let Some(outer) = self.open.last_mut() {
            outer.shown = outer.shown.saturating_add(shown);
        }
        Ok(())
    }

    fn attribute(&self, start: &BytesStart<'_>, wanted: &str) -> Result<Option<String>, JunitError> {
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.xml(&error))?;
            if attribute.key.into_inner() == wanted {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| self.xml(&error))?;
                return Ok(Some(value.into_owned()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Report, JunitError> {
        let mut report = Report::default();
        report.read(text.as_bytes()).map(|()| report)
    }

    const NEXTEST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="run" tests="4" failures="1" errors="0">
  <testsuite name="core" tests="4" disabled="0" errors="0" failures="1">
    <testcase name="a::one" classname="core" time="0.1"/>
    <testcase name="a::two" classname="core"><flakyFailure type="x">once &lt;more&gt;</flakyFailure></testcase>
    <testcase name="a::three" classname="core"><failure message="no"><![CDATA[<failure/>]]></failure>
      <system-out>text</system-out></testcase>
    <testcase name="a::four" classname="core"><skipped/></testcase>
  </testsuite>
</testsuites>"#;

    #[test]
    fn a_report_says_which_tests_passed_warned_failed_and_were_left_out() {
        let report = read(NEXTEST).unwrap();
        assert_eq!(report.passed(), ["core a::one"]);
        assert_eq!(report.warned(), ["core a::two"]);
        assert_eq!(report.failed(), ["core a::three"]);
        assert_eq!(report.skipped(), ["core a::four"]);
        assert_eq!(report.outcome(), Some(Outcome::Failed));
    }

    #[test]
    fn a_suite_alone_is_a_report_and_one_without_tests_comes_to_nothing() {
        let one = read(r#"<testsuite name="s"><testcase name="t"/></testsuite>"#).unwrap();
        assert_eq!(one.outcome(), Some(Outcome::Passed));
        assert_eq!(read("<testsuites/>").unwrap().outcome(), None);
        assert_eq!(read(r#"<testsuite><testcase name="t"><skipped/></testcase></testsuite>"#).unwrap().outcome(), None);
    }

    #[test]
    fn of_a_test_that_stands_there_twice_the_worse_counts() {
        let twice = r#"<testsuite><testcase name="t"><error/></testcase><testcase name="t"/></testsuite>"#;
        assert_eq!(read(twice).unwrap().outcome(), Some(Outcome::Failed));
        let mut report = read(twice).unwrap();
        report.read(br#"<testsuite><testcase name="t"/></testsuite>"#).unwrap();
        assert_eq!(report.outcome(), Some(Outcome::Failed), "nor does another report mend it");
    }

    #[test]
    fn failures_that_are_counted_and_not_shown_are_refused() {
        let hidden = r#"<testsuites><testsuite failures="1" errors="1"><testcase name="t"><failure/></testcase></testsuite></testsuites>"#;
        assert_eq!(read(hidden), Err(JunitError::Counts { said: 2, shown: 1 }));
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for text in ["", "{}", "<html><body/></html>", "<testsuite>", "<testsuite></testsuites>", "<testsuite/><x/>"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read(r#"<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>"#), Err(JunitError::DocumentType));
        assert!(matches!(read("<testsuite><testcase/></testsuite>"), Err(JunitError::NoName { .. })));
        assert!(matches!(read(&"<testsuite>".repeat(100)), Err(JunitError::TooMany { .. })));
        assert!(read("<testsuite><testcase name=\"&undefined;\"/></testsuite>").is_err());
        assert!(Report::default().read(b"<testsuite>\xff</testsuite>").is_err());
    }
}
