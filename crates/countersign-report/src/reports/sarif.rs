//! SARIF 2.1.0, as code scanning takes it: every result has a file, every rule its words, and nothing steers its reader.

use super::baseline::FINGERPRINT;
use super::place::relative;
use super::{BaselineError, Effect, Item, Mark, Report, State};
use crate::escape::plain;
use crate::json::{self, DocumentError};
use crate::next;
use countersign_core::codes;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most results of a run that GitHub takes.
const RESULTS: usize = 25_000;
/// The most tags of a rule that GitHub shows.
const TAGS: usize = 10;

/// The log with its one run.
pub(super) fn render(report: &Report) -> Result<String, DocumentError> {
    let facts = &report.facts;
    let rules: BTreeMap<&str, &Item> = report.items.iter().rev().map(|item| (item.rule(), item)).collect();
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(i, id)| (*id, i)).collect();
    let gone = report.gone.iter().map(|mark| absent(report, mark));
    let results: Vec<Value> =
        report.items.iter().map(|item| result(report, item, &index)).chain(gone).take(RESULTS).collect();
    let properties: serde_json::Map<String, Value> =
        report.head().into_iter().map(|(label, text)| (label.to_owned(), text.into())).collect();
    let category: Vec<String> = std::iter::once(facts.verb.clone())
        .chain(facts.environment.as_ref().map(ToString::to_string))
        .chain([String::new()])
        .collect();
    let notification = report.failure().map(|failure| json!({ "level": "error", "message": message(&failure) }));
    let run = json!({
        "tool": { "driver": {
            "name": "countersign",
            "version": facts.version,
            "informationUri": "https://countersign.dev/",
            "rules": rules.values().map(|item| rule(item)).collect::<Vec<_>>(),
        }},
        "automationDetails": { "id": format!("countersign/{}", category.join("/")) },
        "columnKind": "unicodeCodePoints",
        "invocations": [{
            "executionSuccessful": facts.failure.is_none(),
            "exitCode": facts.exit.code(),
            "exitCodeDescription": facts.exit.meaning(),
            "toolExecutionNotifications": notification.into_iter().collect::<Vec<_>>(),
        }],
        "results": results,
        "properties": properties,
    });
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    json::foreign(&log)
}

/// The marks of a log that [`render`] wrote.
pub(super) fn marks(runs: &Value) -> Result<Vec<Mark>, BaselineError> {
    let shape = |what| BaselineError::Shape { what };
    let Some([run]) = runs.as_array().map(Vec::as_slice) else { return Err(shape("`runs`")) };
    if run.pointer("/tool/driver/name").and_then(Value::as_str) != Some("countersign") {
        return Err(BaselineError::Kind);
    }
    let results = run.get("results").and_then(Value::as_array).ok_or_else(|| shape("`results`"))?;
    let mark = |result: &Value| {
        let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let fingerprints = result.get("partialFingerprints").and_then(|all| all.get(FINGERPRINT));
        let fingerprint = fingerprints.and_then(Value::as_str).ok_or_else(|| shape("a result's fingerprint"))?;
        let what = text("/properties/what").ok_or_else(|| shape("a result's `what`"))?;
        let rule = text("/ruleId").ok_or_else(|| shape("a result's `ruleId`"))?;
        let gone = text("/baselineState").as_deref() == Some("absent");
        Ok(Mark { fingerprint: fingerprint.to_owned(), rule, what, state: gone.then_some(State::Gone) })
    };
    results.iter().map(mark).collect()
}

fn rule(item: &Item) -> Value {
    let finding = &item.finding;
    let code = finding.code.as_str();
    let meaning = codes::find(code).map_or("", |entry| entry.meaning);
    // A code that several rules that are built in share says what it means, and no rule's severity.
    let note = finding.rule.as_deref().filter(|_| crate::message::is_written(finding));
    let why = note.map_or_else(|| meaning.to_owned(), |rule| plain(&rule.why));
    let fix = next::general(code).unwrap_or("read what the finding says");
    let explain = format!("countersign explain {code}");
    let help = format!("{why}\n\nfix: {fix}\nexplain: {explain}");
    let markdown =
        format!("{}\n\n**fix**: {}\n\n`{explain}`", super::github::markdown(&why), super::github::markdown(fix));
    let tags: Vec<String> = finding.controls.iter().take(TAGS).map(|control| plain(control)).collect();
    let mut properties = json!({ "tags": tags });
    let mut rule = json!({
        "id": item.rule(),
        "shortDescription": message(if note.is_some() { &why } else { meaning }),
        "fullDescription": message(&why),
        "help": { "text": literal(&help), "markdown": markdown },
        "defaultConfiguration": { "level": level(item.effect) },
    });
    if let Some(note) = note {
        let severity = match note.severity.as_str() {
            "critical" => "9.5",
            "high" => "8.0",
            "medium" => "5.5",
            _ => "2.0",
        };
        put(&mut properties, "security-severity", severity.into());
        put(&mut properties, "owner", plain(&note.owner).into());
        let docs = note.docs.as_deref().filter(|docs| super::link::is_https(docs));
        if let Some(docs) = docs {
            put(&mut rule, "helpUri", docs.into());
        }
    }
    put(&mut rule, "properties", properties);
    rule
}

fn result(report: &Report, item: &Item, index: &BTreeMap<&str, usize>) -> Value {
    let lines: Vec<String> = item.lines().into_iter().map(|(label, text)| format!("{label}: {text}")).collect();
    let text = format!("{}\n{}", item.what(), lines.join("\n"));
    let mut out = json!({
        "ruleId": item.rule(),
        "level": level(item.effect),
        "message": message(&text),
        "locations": [location(report, item)],
        "partialFingerprints": { FINGERPRINT: item.fingerprint },
        "properties": { "code": item.finding.code, "class": item.finding.class, "effect": item.effect.words(), "what": item.what() },
    });
    if let Some(index) = index.get(item.rule()) {
        put(&mut out, "ruleIndex", (*index).into());
    }
    if let Some(note) = &item.finding.exception {
        // An exception is approved outside the code, and a reader of SARIF then shows the result as suppressed.
        let justification = plain(&format!("{}: {}", note.line(), note.reason));
        let suppression = json!([{ "kind": "external", "status": "accepted", "justification": justification }]);
        put(&mut out, "suppressions", suppression);
    }
    if let Some(state) = item.state {
        put(&mut out, "baselineState", if state == State::New { "new" } else { "unchanged" }.into());
    }
    out
}

fn absent(report: &Report, mark: &Mark) -> Value {
    json!({
        "ruleId": plain(&mark.rule),
        "level": "none",
        "kind": "informational",
        "message": message(&plain(&mark.what)),
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&relative(&report.facts.file)) } } }],
        "partialFingerprints": { FINGERPRINT: plain(&mark.fingerprint) },
        "properties": { "what": plain(&mark.what) },
        "baselineState": "absent",
    })
}

/// The line of a file, or the file that stands for the whole; with what the finding itself calls its places.
fn location(report: &Report, item: &Item) -> Value {
    let path = item.place.as_ref().map_or_else(|| relative(&report.facts.file), |place| place.path.clone());
    let mut physical = json!({ "artifactLocation": { "uri": uri(&path), "uriBaseId": "%SRCROOT%" } });
    if let Some(place) = &item.place {
        let mut region = json!({ "startLine": place.line });
        if let Some(column) = place.column {
            put(&mut region, "startColumn", column.into());
        }
        put(&mut physical, "region", region);
    }
    let logical: Vec<Value> =
        item.finding.at.iter().map(|at| json!({ "fullyQualifiedName": plain(at) })).take(100).collect();
    let mut out = json!({ "physicalLocation": physical });
    if !logical.is_empty() {
        put(&mut out, "logicalLocations", logical.into());
    }
    out
}

const fn level(effect: Effect) -> &'static str {
    match effect {
        Effect::Blocks => "error",
        Effect::LetThrough | Effect::Warns => "warning",
        Effect::Excepted | Effect::Monitored | Effect::Note => "note",
    }
}

fn message(text: &str) -> Value {
    json!({ "text": literal(text) })
}

/// A text in which nothing is a placeholder or a link.
fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}").replace('[', "\\[").replace(']', "\\]")
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => crate::escape::push(&mut out, format_args!("%{other:02X}")),
        }
    }
    out
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::refusal;
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "the whole document is shown")]
    fn a_refusal_as_sarif() {
        insta::assert_snapshot!(render(&refusal()).unwrap(), @r#"
        {
          "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
          "runs": [
            {
              "automationDetails": {
                "id": "countersign/promote/production/"
              },
              "columnKind": "unicodeCodePoints",
              "invocations": [
                {
                  "executionSuccessful": true,
                  "exitCode": 1,
                  "exitCodeDescription": "refused, or verified with findings",
                  "toolExecutionNotifications": []
                }
              ],
              "properties": {
                "digest": "sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333",
                "done": "nothing was authorised; decision recorded as entry 1042",
                "environment": "production",
                "subject": "app.bin",
                "verdict": "FAIL, exit code 1 (refused, or verified with findings)"
              },
              "results": [
                {
                  "level": "error",
                  "locations": [
                    {
                      "logicalLocations": [
                        {
                          "fullyQualifiedName": "change 4e1d… \"Retry uploads\""
                        }
                      ],
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "dist/app.bin",
                          "uriBaseId": "%SRCROOT%"
                        }
                      }
                    }
                  ],
                  "message": {
                    "text": "one change has the agreement of 1 trusted person, 2 are needed\neffect: blocks\nat: change 4e1d… \"Retry uploads\"\nexpected: 2 trusted persons agreed (by policy release@7)\nfound: 1  a1 (author, known by commit signature)\nhelp: ask a reviewer to run `countersign review sign`\ncontrol: SOC 2 CC8.1\nexplain: countersign explain review-missing"
                  },
                  "partialFingerprints": {
                    "countersign/v1": "5ae1c52574c966a9b19a615d3f798ede8778f45e2410f7e01ef5b7df843cafc9"
                  },
                  "properties": {
                    "class": "refused",
                    "code": "review-missing",
                    "effect": "blocks",
                    "what": "one change has the agreement of 1 trusted person, 2 are needed"
                  },
                  "ruleId": "review-missing",
                  "ruleIndex": 2
                },
                {
                  "level": "warning",
                  "locations": [
                    {
                      "logicalLocations": [
                        {
                          "fullyQualifiedName": "k8s/deploy.yaml:77:16"
                        }
                      ],
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "k8s/deploy.yaml",
                          "uriBaseId": "%SRCROOT%"
                        },
                        "region": {
                          "startColumn": 16,
                          "startLine": 77
                        }
                      }
                    }
                  ],
                  "message": {
                    "text": "image nginx:latest comes from docker.io\neffect: warns, blocks nothing\nat: k8s/deploy.yaml:77:16\nwhy: an unapproved registry has no scanning\nhelp: mend what the rule names; its owner is said below\nrule: image-registry@1, severity high, owner platform-security, https://docs.example/images\nexplain: countersign explain rule-broken"
                  },
                  "partialFingerprints": {
                    "countersign/v1": "89ab62f41cdbc7ec80080abb82e555c6debd7b917a4269d06b62888f7a134e9a"
                  },
                  "properties": {
                    "class": "refused",
                    "code": "rule-broken",
                    "effect": "warns, blocks nothing",
                    "what": "image nginx:latest comes from docker.io"
                  },
                  "ruleId": "image-registry@1",
                  "ruleIndex": 1
                },
                {
                  "level": "note",
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "dist/app.bin",
                          "uriBaseId": "%SRCROOT%"
                        }
                      }
                    }
                  ],
                  "message": {
                    "text": "builder https://ci.example counts as L1\neffect: note\nexplain: countersign explain builder-unknown"
                  },
                  "partialFingerprints": {
                    "countersign/v1": "c0b54ecaebe1ac920c5cfa94a8a08cf8a5d10d1becaa43b06648c0a5f3d8f299"
                  },
                  "properties": {
                    "class": "note",
                    "code": "builder-unknown",
                    "effect": "note",
                    "what": "builder https://ci.example counts as L1"
                  },
                  "ruleId": "builder-unknown",
                  "ruleIndex": 0
                }
              ],
              "tool": {
                "driver": {
                  "informationUri": "https://countersign.dev/",
                  "name": "countersign",
                  "rules": [
                    {
                      "defaultConfiguration": {
                        "level": "note"
                      },
                      "fullDescription": {
                        "text": "Trust does not know this pair of signer and builder.id: it counts as SLSA Build L1 at most."
                      },
                      "help": {
                        "markdown": "Trust does not know this pair of signer and builder.id&#58; it counts as SLSA Build L1 at most.\n\n**fix**: read what the finding says\n\n`countersign explain builder-unknown`",
                        "text": "Trust does not know this pair of signer and builder.id: it counts as SLSA Build L1 at most.\n\nfix: read what the finding says\nexplain: countersign explain builder-unknown"
                      },
                      "id": "builder-unknown",
                      "properties": {
                        "tags": []
                      },
                      "shortDescription": {
                        "text": "Trust does not know this pair of signer and builder.id: it counts as SLSA Build L1 at most."
                      }
                    },
                    {
                      "defaultConfiguration": {
                        "level": "warning"
                      },
                      "fullDescription": {
                        "text": "an unapproved registry has no scanning"
                      },
                      "help": {
                        "markdown": "an unapproved registry has no scanning\n\n**fix**: mend what the rule names; its owner is said below\n\n`countersign explain rule-broken`",
                        "text": "an unapproved registry has no scanning\n\nfix: mend what the rule names; its owner is said below\nexplain: countersign explain rule-broken"
                      },
                      "helpUri": "https://docs.example/images",
                      "id": "image-registry@1",
                      "properties": {
                        "owner": "platform-security",
                        "security-severity": "8.0",
                        "tags": []
                      },
                      "shortDescription": {
                        "text": "an unapproved registry has no scanning"
                      }
                    },
                    {
                      "defaultConfiguration": {
                        "level": "error"
                      },
                      "fullDescription": {
                        "text": "A change does not have the agreement of enough trusted persons."
                      },
                      "help": {
                        "markdown": "A change does not have the agreement of enough trusted persons.\n\n**fix**: ask a reviewer to run \\`countersign review sign\\`\n\n`countersign explain review-missing`",
                        "text": "A change does not have the agreement of enough trusted persons.\n\nfix: ask a reviewer to run `countersign review sign`\nexplain: countersign explain review-missing"
                      },
                      "id": "review-missing",
                      "properties": {
                        "tags": [
                          "SOC 2 CC8.1"
                        ]
                      },
                      "shortDescription": {
                        "text": "A change does not have the agreement of enough trusted persons."
                      }
                    }
                  ],
                  "version": "0.1.0"
                }
              }
            }
          ],
          "version": "2.1.0"
        }
        "#);
    }

    #[test]
    fn a_path_is_a_relative_reference_whatever_it_holds() {
        assert_eq!(uri("a b/ü:%.rs"), "a%20b/%C3%BC%3A%25.rs");
    }

    #[test]
    fn nothing_in_a_message_is_a_link_or_a_placeholder() {
        assert_eq!(literal("[x](https://a.example) {0}"), "\\[x\\](https://a.example) {{0}}");
    }
}
