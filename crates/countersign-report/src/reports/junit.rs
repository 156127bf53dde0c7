//! The XML of `JUnit`: a test case for the run, for every line of the checklist, and for every finding. What blocks has failed;
//! what only warns is skipped, so that it is seen and fails nothing.

use super::{Effect, Report, State};
use crate::escape::{markup, plain, push};
use crate::text;
use countersign_core::exit::Exit;
use countersign_core::finding::Verdict;

/// The document.
pub(super) fn render(report: &Report) -> String {
    let suites = [("run", run(report)), ("checks", checks(report)), ("findings", findings(report))];
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    push(
        &mut out,
        format_args!(
            "<testsuites name=\"{}\"{}>\n",
            markup(&report.title()),
            counts(suites.iter().flat_map(|(_, cases)| cases))
        ),
    );
    for (name, cases) in &suites {
        push(&mut out, format_args!("  <testsuite name=\"{} {name}\"{}>\n", markup(&report.title()), counts(cases)));
        if *name == "run" {
            out.push_str("    <properties>\n");
            for (label, text) in report.head() {
                push(&mut out, format_args!("      <property name=\"{label}\" value=\"{}\"/>\n", markup(&text)));
            }
            out.push_str("    </properties>\n");
        }
        for case in cases {
            case.write(&mut out, &format!("countersign.{}.{name}", report.facts.verb));
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

enum Outcome {
    Passed,
    Failed(String, String),
    /// It could not be told.
    Open(String, String),
    Skipped(String),
}

struct Case {
    name: String,
    file: Option<String>,
    outcome: Outcome,
    said: String,
}

impl Case {
    fn write(&self, out: &mut String, class: &str) {
        let file = self.file.as_deref().map_or_else(String::new, |file| format!(" file=\"{}\"", markup(file)));
        push(
            out,
            format_args!("    <testcase classname=\"{}\" name=\"{}\"{file}>\n", markup(class), markup(&self.name)),
        );
        match &self.outcome {
            Outcome::Passed => {}
            Outcome::Failed(message, text) => {
                push(out, format_args!("      <failure message=\"{}\">{}</failure>\n", markup(message), lines(text)));
            }
            Outcome::Open(message, text) => {
                push(out, format_args!("      <error message=\"{}\">{}</error>\n", markup(message), lines(text)));
            }
            Outcome::Skipped(message) => push(out, format_args!("      <skipped message=\"{}\"/>\n", markup(message))),
        }
        if !self.said.is_empty() {
            push(out, format_args!("      <system-out>{}</system-out>\n", lines(&self.said)));
        }
        out.push_str("    </testcase>\n");
    }
}

fn counts<'a>(cases: impl IntoIterator<Item = &'a Case>) -> String {
    let (mut all, mut failed, mut open, mut skipped) = (0_usize, 0_usize, 0_usize, 0_usize);
    for case in cases {
        all = all.saturating_add(1);
        let count = match case.outcome {
            Outcome::Passed => continue,
            Outcome::Failed(..) => &mut failed,
            Outcome::Open(..) => &mut open,
            Outcome::Skipped(_) => &mut skipped,
        };
        *count = count.saturating_add(1);
    }
    format!(" tests=\"{all}\" failures=\"{failed}\" errors=\"{open}\" skipped=\"{skipped}\"")
}

/// The run itself, so that a document of no findings is never one of no tests.
fn run(report: &Report) -> Vec<Case> {
    let verdict = report.verdict();
    let closing = report.facts.closing.clone();
    let outcome = match (report.failure(), report.facts.exit) {
        (Some(failure), _) => Outcome::Open(failure, verdict.clone()),
        (None, Exit::Ok) => Outcome::Passed,
        (None, Exit::Refused | Exit::Untrusted) => Outcome::Failed(verdict.clone(), closing),
        (None, Exit::Usage | Exit::Indeterminate | Exit::Io | Exit::Internal) => {
            Outcome::Open(verdict.clone(), closing)
        }
    };
    vec![Case { name: "verdict".to_owned(), file: None, outcome, said: verdict }]
}

fn checks(report: &Report) -> Vec<Case> {
    let case = |check: &countersign_core::finding::Check| {
        let outcome = match check.verdict {
            Verdict::Pass => Outcome::Passed,
            Verdict::Fail => Outcome::Failed(check.detail.clone(), "FAIL".to_owned()),
            Verdict::Indeterminate => Outcome::Open(check.detail.clone(), "INDETERMINATE".to_owned()),
        };
        Case { name: check.id.clone(), file: None, outcome, said: check.detail.clone() }
    };
    report.facts.checks.iter().map(case).collect()
}

fn findings(report: &Report) -> Vec<Case> {
    let found = report.items.iter().map(|item| {
        let first = format!("{}{}", item.mark(), item.what());
        let whole = text::finding(&item.finding);
        let (outcome, said) = match item.effect {
            Effect::Blocks => (Outcome::Failed(first, whole), String::new()),
            Effect::LetThrough | Effect::Excepted | Effect::Warns | Effect::Monitored => {
                let by = item.finding.exception.as_ref().map(|note| format!("; by {}", plain(&note.line())));
                let by = by.unwrap_or_default();
                (Outcome::Skipped(format!("{first} ({}{by})", item.effect.words())), whole)
            }
            Effect::Note => (Outcome::Passed, format!("{first}\n{whole}")),
        };
        let place = item.place.as_ref().map(|place| format!(" {}:{}", place.path, place.line));
        let name = format!("{} {}{}", item.rule(), item.what(), place.unwrap_or_default());
        Case { name, file: item.place.as_ref().map(|place| place.path.clone()), outcome, said }
    });
    let gone = report.gone.iter().map(|mark| Case {
        name: format!("{} {}", mark.rule, mark.what),
        file: None,
        outcome: Outcome::Passed,
        said: State::Gone.word().to_owned(),
    });
    found.chain(gone).collect()
}

fn lines(text: &str) -> String {
    text.lines().map(markup).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::testing::refusal;
    use super::super::{Facts, Failure};
    use super::*;

    #[test]
    fn a_refusal_as_junit() {
        insta::assert_snapshot!(render(&refusal()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="promote app.bin to production" tests="6" failures="3" errors="0" skipped="1">
          <testsuite name="promote app.bin to production run" tests="1" failures="1" errors="0" skipped="0">
            <properties>
              <property name="verdict" value="FAIL, exit code 1 (refused, or verified with findings)"/>
              <property name="subject" value="app.bin"/>
              <property name="digest" value="sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333"/>
              <property name="environment" value="production"/>
              <property name="done" value="nothing was authorised; decision recorded as entry 1042"/>
            </properties>
            <testcase classname="countersign.promote.run" name="verdict">
              <failure message="FAIL, exit code 1 (refused, or verified with findings)">nothing was authorised; decision recorded as entry 1042</failure>
              <system-out>FAIL, exit code 1 (refused, or verified with findings)</system-out>
            </testcase>
          </testsuite>
          <testsuite name="promote app.bin to production checks" tests="2" failures="1" errors="0" skipped="0">
            <testcase classname="countersign.promote.checks" name="trust">
              <system-out>trust@3</system-out>
            </testcase>
            <testcase classname="countersign.promote.checks" name="review">
              <failure message="1 of 14 changes">FAIL</failure>
              <system-out>1 of 14 changes</system-out>
            </testcase>
          </testsuite>
          <testsuite name="promote app.bin to production findings" tests="3" failures="1" errors="0" skipped="1">
            <testcase classname="countersign.promote.findings" name="review-missing one change has the agreement of 1 trusted person, 2 are needed">
              <failure message="one change has the agreement of 1 trusted person, 2 are needed">refused[review-missing]: one change has the agreement of 1 trusted person, 2 are needed
          --&gt; change 4e1d… &quot;Retry uploads&quot;
           expected: 2 trusted persons agreed     policy release@7
           found:    1  a1 (author, known by commit signature)
           control:  SOC 2 CC8.1
           help: ask a reviewer to run `countersign review sign`</failure>
            </testcase>
            <testcase classname="countersign.promote.findings" name="image-registry@1 image nginx:latest comes from docker.io k8s/deploy.yaml:77" file="k8s/deploy.yaml">
              <skipped message="image nginx:latest comes from docker.io (warns, blocks nothing)"/>
              <system-out>refused[rule-broken]: image nginx:latest comes from docker.io     image-registry@1
          --&gt; k8s/deploy.yaml:77:16
           why:      an unapproved registry has no scanning
           help: mend what the rule names; its owner is said below
           rule:     image-registry@1, severity high, owner platform-security, https://docs.example/images
           explain:  countersign explain image-registry@1 --policy policy.manifest.json</system-out>
            </testcase>
            <testcase classname="countersign.promote.findings" name="builder-unknown builder https://ci.example counts as L1">
              <system-out>builder https://ci.example counts as L1
        note[builder-unknown]: builder https://ci.example counts as L1</system-out>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn a_run_that_found_nothing_is_one_test_and_one_that_could_not_be_made_is_an_error() {
        let mut facts = Facts::new("policy-lint", "0.1.0", Verdict::Pass, Exit::Ok);
        assert!(render(&Report::new(facts.clone(), None)).contains("tests=\"1\" failures=\"0\" errors=\"0\""));
        facts.exit = Exit::Io;
        facts.failure =
            Some(Failure { message: "could not read a".to_owned(), causes: vec!["gone".to_owned()], help: None });
        let text = render(&Report::new(facts, None));
        assert!(text.contains("tests=\"1\" failures=\"0\" errors=\"1\""), "{text}");
        assert!(text.contains("could not be checked: could not read a; because: gone"), "{text}");
    }
}
