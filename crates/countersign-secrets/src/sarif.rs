//! What other scanners found, from SARIF 2.1.0. Snippets and messages hold the secret: a snippet becomes a digest, and
//! nothing else of either is kept.

use crate::allow::AllowFile;
use crate::keyed::DigestKey;
use countersign_core::git::Oid;
use countersign_core::json::{self, JsonError};
use countersign_core::limits;
use countersign_core::statement::secret_scan::{Level, Scanned, SecretFinding};
use serde_json::Value;

/// What a report amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// The tool that wrote it.
    pub tool: Scanned,
    /// What it found.
    pub findings: Vec<SecretFinding>,
}

/// Why a report cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SarifError {
    /// Not JSON, or too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Not SARIF 2.1.0.
    #[error("the report is not SARIF 2.1.0: `version` is {found}")]
    Version {
        /// What it says.
        found: String,
    },
    /// No run: nothing was scanned.
    #[error("the report has no run: nothing was scanned")]
    NoRun,
    /// Runs of several tools.
    #[error("the report has runs of several tools, {first} and {second}: take each in alone")]
    Tools {
        /// One.
        first: String,
        /// Another.
        second: String,
    },
    /// A run that did not come to its end.
    #[error("run {run} did not come to its end: {problem}")]
    Unfinished {
        /// Which, from 0.
        run: usize,
        /// By what that is seen.
        problem: &'static str,
    },
    /// A result without a rule or a place.
    #[error("result {result} of run {run} has no {what}")]
    Result {
        /// Which run, from 0.
        run: usize,
        /// Which result, from 0.
        result: usize,
        /// What it lacks.
        what: &'static str,
    },
    /// More than the bound.
    #[error("{found} results, more than the {} that are read", limits::SECRETS_FINDINGS)]
    TooMany {
        /// How many.
        found: usize,
    },
}

/// Takes a report in. Suppressions of the tool's own allow nothing; `allow` does.
pub fn ingest(bytes: &[u8], key: &DigestKey, allow: Option<&AllowFile>) -> Result<Ingested, SarifError> {
    let report = json::parse_within(bytes, limits::SARIF_BYTES)?;
    let version = report.get("version").and_then(Value::as_str);
    if version != Some("2.1.0") {
        return Err(SarifError::Version {
            found: version.map_or_else(|| "missing".to_owned(), |text| readable(text, 20)),
        });
    }
    let runs = report.get("runs").and_then(Value::as_array).filter(|runs| !runs.is_empty()).ok_or(SarifError::NoRun)?;
    let mut tool: Option<Scanned> = None;
    let mut findings = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let unfinished = |problem| SarifError::Unfinished { run: index, problem };
        let driver = run.pointer("/tool/driver").ok_or_else(|| unfinished("it names no tool"))?;
        let text = |name: &str| driver.get(name).and_then(Value::as_str);
        let name = readable(text("name").ok_or_else(|| unfinished("it names no tool"))?, 100);
        let version = readable(text("semanticVersion").or_else(|| text("version")).unwrap_or("unknown"), 100);
        match &tool {
            Some(first) if first.name != name => {
                return Err(SarifError::Tools { first: first.name.clone(), second: name });
            }
            Some(_) => {}
            None => tool = Some(Scanned { name, version }),
        }
        let ended = |run: &Value| run.get("executionSuccessful").and_then(Value::as_bool);
        let ran = run.get("invocations").and_then(Value::as_array);
        if ran.is_some_and(|all| all.iter().any(|one| ended(one) == Some(false))) {
            return Err(unfinished("its invocation says so"));
        }
        let results = run.get("results").and_then(Value::as_array).ok_or_else(|| unfinished("it has no `results`"))?;
        if findings.len().saturating_add(results.len()) > limits::SECRETS_FINDINGS {
            return Err(SarifError::TooMany { found: findings.len().saturating_add(results.len()) });
        }
        for (at, result) in results.iter().enumerate() {
            let lacks = |what| SarifError::Result { run: index, result: at, what };
            findings.push(finding(result, key, allow).map_err(lacks)?);
        }
    }
    findings.sort_by(|a, b| (&a.path, a.line, a.column, &a.rule).cmp(&(&b.path, b.line, b.column, &b.rule)));
    tool.map(|tool| Ingested { tool, findings }).ok_or(SarifError::NoRun)
}

fn finding(result: &Value, key: &DigestKey, allow: Option<&AllowFile>) -> Result<SecretFinding, &'static str> {
    let rule = result.get("ruleId").or_else(|| result.pointer("/rule/id")).and_then(Value::as_str).ok_or("`ruleId`")?;
    let rule = readable(rule, 200).replace(char::is_whitespace, "-");
    let place = result.pointer("/locations/0/physicalLocation").ok_or("physical location")?;
    let uri = place.pointer("/artifactLocation/uri").and_then(Value::as_str).ok_or("file")?;
    let path = readable(&path_of(uri), limits::SECRETS_TEXT_BYTES);
    let number = |name: &str| place.get("region").and_then(|region| region.get(name)).and_then(Value::as_u64);
    let secret = place.pointer("/region/snippet/text").and_then(Value::as_str).filter(|text| !text.is_empty());
    let (line, column) = (number("startLine").unwrap_or(1), number("startColumn").unwrap_or(1));
    let one_line = number("endLine").is_none_or(|end| end == line);
    let width = number("endColumn").filter(|_| one_line).and_then(|end| end.checked_sub(column));
    let length = secret.map(|text| u64::try_from(text.len()).unwrap_or(u64::MAX)).or(width).unwrap_or(0);
    let digest = secret.map(|text| key.digest(text.as_bytes()));
    let said = result.get("level").and_then(Value::as_str);
    let watches = matches!(said, Some("warning" | "note" | "none")) || rule.contains("generic");
    let level = if watches { Level::Generic } else { Level::Provider };
    let commit = result.pointer("/partialFingerprints/commitSha").and_then(Value::as_str);
    let allowed = allow.and_then(|allow| allow.allows(&rule, &path, digest.as_ref(), key.id()));
    Ok(SecretFinding {
        rule,
        level,
        path,
        line,
        column,
        length,
        shape: if length > 0 { format!("… {length} bytes") } else { "not shown by the tool".to_owned() },
        digest,
        checksum: None,
        commit: commit.and_then(|hex| Oid::from_hex(hex).ok()),
        allowed,
    })
}

/// The path that a relative address stands for.
fn path_of(uri: &str) -> String {
    let uri = uri.strip_prefix("file://").unwrap_or(uri);
    let uri = uri.strip_prefix("./").unwrap_or(uri);
    let mut out = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = pair.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn readable(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::drawn;
    use serde_json::json;

    /// As gitleaks 8.30.1 writes it; with what a message and fingerprints of other tools could hold.
    fn report(secret: &str) -> Value {
        json!({
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": { "name": "gitleaks", "semanticVersion": "v8.0.0" } },
                "results": [{
                    "message": { "text": format!("github-pat has detected secret {secret}") },
                    "ruleId": "github-pat",
                    "locations": [{ "physicalLocation": {
                        "artifactLocation": { "uri": "./src/a%20b.py" },
                        "region": { "startLine": 2, "startColumn": 11, "endLine": 2, "endColumn": 50, "snippet": { "text": secret } },
                    }}],
                    "partialFingerprints": { "commitSha": "", "secret": secret },
                    "suppressions": [{ "kind": "inSource" }],
                }],
            }],
        })
    }

    fn take(report: &Value) -> Result<Ingested, SarifError> {
        ingest(report.to_string().as_bytes(), &DigestKey::new(b"k"), None)
    }

    #[test]
    fn a_result_keeps_its_place_and_loses_its_secret() {
        let secret = format!("gh{}{}", "p_", drawn(36, 5));
        let taken = take(&report(&secret)).unwrap();
        assert_eq!((taken.tool.name.as_str(), taken.tool.version.as_str()), ("gitleaks", "v8.0.0"));
        let found = &taken.findings[0];
        assert_eq!(found.place(), "src/a b.py:2:11");
        assert_eq!((found.rule.as_str(), found.level, found.length), ("github-pat", Level::Provider, 40));
        assert_eq!(found.digest, Some(DigestKey::new(b"k").digest(secret.as_bytes())));
        assert_eq!(found.allowed, None, "a suppression of the tool's own allows nothing");
        let said = format!("{taken:?} {}", json::to_value(found).unwrap());
        assert!(!said.contains(&drawn(36, 5)), "{said}");
    }

    #[test]
    fn what_says_generic_or_warns_only_watches() {
        let mut warns = report("x");
        warns["runs"][0]["results"][0]["level"] = "warning".into();
        assert_eq!(take(&warns).unwrap().findings[0].level, Level::Generic);
        let mut generic = report("x");
        generic["runs"][0]["results"][0]["ruleId"] = "generic-api-key".into();
        assert_eq!(take(&generic).unwrap().findings[0].level, Level::Generic);
    }

    #[test]
    fn a_report_of_nothing_or_of_a_run_that_failed_is_an_error() {
        let change = |pointer: &str, value: Value| {
            let mut report = report("x");
            *report.pointer_mut(pointer).unwrap() = value;
            take(&report)
        };
        assert_eq!(change("/runs", json!([])), Err(SarifError::NoRun));
        assert!(matches!(change("/version", json!("2.0.0")), Err(SarifError::Version { .. })));
        assert!(matches!(change("/runs/0/results", Value::Null), Err(SarifError::Unfinished { .. })));
        assert!(matches!(change("/runs/0/results/0/locations", json!([])), Err(SarifError::Result { .. })));
        assert_eq!(change("/runs/0/results", json!([])).unwrap().findings, Vec::new());
        let mut failed = report("x");
        failed["runs"][0]["invocations"] = json!([{ "executionSuccessful": false }]);
        assert!(matches!(take(&failed), Err(SarifError::Unfinished { .. })));
    }
}
