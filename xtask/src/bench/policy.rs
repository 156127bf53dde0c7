//! The figures of the policy engine, beside OPA over the same rules and the same input: CPU of an evaluation of what is ready,
//! CPU of one that has to read and compile the rule first, and what the written rules of a gate cost in all.

use super::figures::{Stage, printed};
use super::row::{Bar, Peer, Row, Summary};
use crate::{Outcome, opa, run, workspace};
use serde_json::Value;

/// A fifth of what OPA needs.
const FIFTH: Bar = Bar::RatioAtMost(0.2);

pub(super) fn figures(stage: &Stage) -> Outcome<Vec<Row>> {
    let (asked, ours): (Vec<Value>, Vec<Value>) = stage
        .example("countersign-decide", "rego_bench", &[])?
        .into_iter()
        .partition(|line| line.get("question").is_some());
    let library = opa::library(stage.root(), stage.folder())?;
    let questions = stage.folder().join("questions.json");
    workspace::write(&questions, &Value::from(asked).to_string())?;
    let mut python = run::command("python3", stage.root());
    let said = run::output_of(python.arg("tests/rego-opa/bench.py").arg(&library).arg(&questions))?;
    let theirs: Vec<Value> = String::from_utf8_lossy(&said)
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|e| format!("bench.py printed `{line}`: {e}")))
        .collect::<Outcome<_>>()?;
    if theirs.is_empty() {
        return Err("OPA was asked nothing".to_owned());
    }
    let mut rows = Vec::new();
    for row in &theirs {
        let name = row.get("name").and_then(Value::as_str).ok_or("a row of bench.py has no name")?;
        let (rule, figure) = name.rsplit_once(' ').ok_or_else(|| format!("bench.py printed `{name}`"))?;
        let theirs = Summary::read(row).ok_or_else(|| format!("bench.py prints no proper row `{name}`"))?;
        let beside = |what: &str, figure: &str| {
            let peer = Some(Peer { name: "OPA".to_owned(), version: opa::VERSION.to_owned(), summary: theirs });
            let summary = printed(&ours, &format!("{rule} {figure}"))?;
            Ok::<Row, String>(Row {
                name: format!("{rule}: {what}, CPU"),
                unit: "ms".to_owned(),
                summary,
                bar: FIFTH,
                peer,
            })
        };
        if figure == "both" {
            rows.push(beside("compiled and evaluated, from text to text", "both")?);
        } else {
            rows.push(beside("evaluated, from text to text", "evaluate")?);
            // The library takes only text. A gate makes the input once, and every rule gets it as it is.
            rows.push(beside("evaluated over the input that a gate has", "gate")?);
        }
    }
    rows.push(Row {
        name: "the written rules of a gate, read, compiled and evaluated, CPU".to_owned(),
        unit: "ms".to_owned(),
        summary: printed(&ours, "rules")?,
        bar: Bar::AtMost(30.0),
        peer: None,
    });
    Ok(rows)
}
