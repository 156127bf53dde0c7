//! GitLab's code quality report: what a merge request shows beside the lines. GitLab compares two reports by fingerprint
//! itself.

use super::place::relative;
use super::{Effect, Report};
use crate::escape::plain;
use crate::json::{self, DocumentError};
use countersign_core::digest::Sha256;
use serde_json::{Value, json};

/// The list of issues. What could not be checked is one of them: an empty list reads as a clean one.
pub(super) fn render(report: &Report) -> Result<String, DocumentError> {
    let whole = plain(&relative(&report.facts.file));
    let failure = report.failure().map(|failure| {
        issue(&failure, "could-not-be-checked", &Sha256::of(failure.as_bytes()).hex(), "blocker", &whole, 1)
    });
    let found = report.items.iter().map(|item| {
        let (path, line) =
            item.place.as_ref().map_or_else(|| (whole.clone(), 1), |place| (plain(&place.path), place.line));
        let help =
            crate::next::action(&item.finding).map_or_else(String::new, |help| format!("; help: {}", plain(&help)));
        let by = item.finding.exception.as_ref().map(|note| format!("; by {}", plain(&note.line())));
        let (by, effect) = (by.unwrap_or_default(), item.effect.words());
        let said = format!("{}{}{help} ({effect}{by})", item.mark(), item.what());
        issue(&said, item.rule(), &item.fingerprint, severity(item.effect), &path, line)
    });
    json::foreign(&Value::Array(failure.into_iter().chain(found).collect()))
}

fn issue(description: &str, name: &str, fingerprint: &str, severity: &str, path: &str, line: u32) -> Value {
    json!({
        "description": description,
        "check_name": name,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": { "path": path, "lines": { "begin": line } },
    })
}

const fn severity(effect: Effect) -> &'static str {
    match effect {
        Effect::Blocks => "blocker",
        Effect::LetThrough => "critical",
        Effect::Warns => "major",
        Effect::Excepted | Effect::Monitored => "minor",
        Effect::Note => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::refusal;
    use super::*;

    #[test]
    fn a_refusal_as_gitlab_s_code_quality() {
        insta::assert_snapshot!(render(&refusal()).unwrap(), @r#"
        [
          {
            "check_name": "review-missing",
            "description": "one change has the agreement of 1 trusted person, 2 are needed; help: ask a reviewer to run `countersign review sign` (blocks)",
            "fingerprint": "5ae1c52574c966a9b19a615d3f798ede8778f45e2410f7e01ef5b7df843cafc9",
            "location": {
              "lines": {
                "begin": 1
              },
              "path": "dist/app.bin"
            },
            "severity": "blocker"
          },
          {
            "check_name": "image-registry@1",
            "description": "image nginx:latest comes from docker.io; help: mend what the rule names; its owner is said below (warns, blocks nothing)",
            "fingerprint": "89ab62f41cdbc7ec80080abb82e555c6debd7b917a4269d06b62888f7a134e9a",
            "location": {
              "lines": {
                "begin": 77
              },
              "path": "k8s/deploy.yaml"
            },
            "severity": "major"
          },
          {
            "check_name": "builder-unknown",
            "description": "builder https://ci.example counts as L1 (note)",
            "fingerprint": "c0b54ecaebe1ac920c5cfa94a8a08cf8a5d10d1becaa43b06648c0a5f3d8f299",
            "location": {
              "lines": {
                "begin": 1
              },
              "path": "dist/app.bin"
            },
            "severity": "info"
          }
        ]
        "#);
    }
}
