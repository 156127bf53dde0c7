//! Asks OPA, through `oracle.py`.

use super::Outcome;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What OPA is asked: these modules, this input and this data, and what stands at the path under `data`.
#[derive(Debug, Clone)]
pub struct Question {
    /// Modules by path.
    pub modules: BTreeMap<String, String>,
    /// The path.
    pub path: String,
    /// The input.
    pub input: Value,
    /// Data.
    pub data: Map<String, Value>,
}

/// What OPA's library says to each question.
pub fn answers(library: &Path, questions: &[Question]) -> Result<Vec<Outcome>, String> {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("rego-opa/oracle.py");
    #[expect(clippy::disallowed_methods, reason = "OPA answers for itself")]
    let mut child = Command::new("python3")
        .arg(oracle)
        .arg(library)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("python3: {error}"))?;
    let mut lines = String::new();
    for Question { modules, path, input, data } in questions {
        let question = json!({"modules": modules, "path": path, "input": input, "data": data});
        lines.push_str(&question.to_string());
        lines.push('\n');
    }
    let mut to = child.stdin.take().ok_or("no input")?;
    let writer = std::thread::spawn(move || to.write_all(lines.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    writer.join().map_err(|_panic| "the writer stopped")?.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<Outcome> = said.lines().map(outcome).collect::<Result<_, _>>()?;
    if answers.len() != questions.len() {
        return Err(format!("OPA answered {} of {} questions", answers.len(), questions.len()));
    }
    Ok(answers)
}

/// The library says `{"result": [{"expressions": [{"value": …}]}]}`, or an error with a code.
fn outcome(line: &str) -> Result<Outcome, String> {
    let said: Value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
    if let Some(error) = said.get("error").filter(|error| !error.is_null()) {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        return Ok(match text("code").as_str() {
            "eval_error" => Outcome::Error(text("message")),
            code => Outcome::Refused(format!("{code}: {}", text("message"))),
        });
    }
    let value = said.pointer("/result/0/expressions/0/value");
    Ok(value.map_or_else(|| Outcome::Error("undefined".to_owned()), |value| Outcome::Value(value.clone())))
}
