//! Measures the rules of `tests/rego-opa/policy` over an input of 500 components, on one thread and by its CPU: compiling a
//! rule, evaluating it from the text of the input to the text of the answer as OPA's library does, evaluating it over the
//! input as a gate has it, and compiling and evaluating all rules once. Prints one JSON row a figure, and for each rule a
//! line with what OPA is asked, and the answer that it has to give: what `cargo xtask bench policy-engine` runs. With the id
//! of a rule only that one is evaluated.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "an example that reads its own CPU from Linux, over data that it makes itself"
)]

use countersign_core::policy::{Manifest, Rule};
use countersign_core::time::Time;
use countersign_decide::written::{self, Input, Written, shape};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;

const COMPONENTS: usize = 500;
const RUNS: usize = 9;
/// Linux adds a thread's time up at each tick; so many nanoseconds make that a small part of a sample.
const SAMPLE: u64 = 100_000_000;

macro_rules! policy_files {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../tests/rego-opa/policy/", $path)))),+]
    };
}

const FILES: &[(&str, &str)] = policy_files![
    "policy.toml",
    "data/hosts.json",
    "lib/hosts.rego",
    "rules/all-conditions/rule.yaml",
    "rules/shared-parts/rule.rego",
    "rules/no-copyleft/rule.rego",
    "rules/digests-known/rule.rego",
    "rules/kinds-counted/rule.rego",
];

fn main() -> Result<(), Box<dyn Error>> {
    let files: BTreeMap<String, Vec<u8>> =
        FILES.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let manifest = Manifest::close(&files)?;
    let at: Time = "2026-11-22T10:00:00Z".parse()?;
    let value = shape::complete(&input()).map_err(|wrong| format!("the input: {wrong:?}"))?;
    let input = value.to_string();
    let (mut all, ready) = (Vec::new(), Input::new(value.clone()));
    let wanted = std::env::args().nth(1);
    for rule in manifest.rules.iter().filter(|rule| wanted.as_ref().is_none_or(|wanted| rule.id.as_str() == wanted)) {
        let read = compiled(rule, &manifest)?;
        let answer = evaluated(&read, &input, at)?;
        say(
            &json!({"question": question(rule, &read, &manifest, &input)?, "answer": serde_json::from_str::<Value>(&answer)?}),
        )?;
        row(&format!("{} compile", rule.id), &samples(|| compiled(rule, &manifest).map(drop))?)?;
        row(&format!("{} evaluate", rule.id), &samples(|| evaluated(&read, &input, at).map(drop))?)?;
        row(&format!("{} gate", rule.id), &samples(|| at_the_gate(&read, &ready, at))?)?;
        row(&format!("{} both", rule.id), &samples(|| evaluated(&compiled(rule, &manifest)?, &input, at).map(drop))?)?;
        all.push(read);
    }
    row("all evaluate", &samples(|| all.iter().try_for_each(|read| evaluated(read, &input, at).map(drop)))?)?;
    // A decision has an input of its own, which it makes ready once for all rules.
    let gate = || {
        let input = Input::new(value.clone());
        all.iter().try_for_each(|read| at_the_gate(read, &input, at))
    };
    row("all gate", &samples(gate)?)?;
    let rules = || {
        let input = Input::new(value.clone());
        for rule in &manifest.rules {
            black_box(compiled(rule, &manifest)?.findings(&input, at));
        }
        Ok(())
    };
    row("rules", &samples(rules)?)
}

fn compiled(rule: &Rule, manifest: &Manifest) -> Result<Written, Box<dyn Error>> {
    written::read(rule, &manifest.texts).map_err(|problems| format!("{}: {problems:?}", rule.id).into())
}

/// From text to text, as OPA's library does it.
fn evaluated(read: &Written, input: &str, at: Time) -> Result<String, Box<dyn Error>> {
    let input: Value = serde_json::from_str(input)?;
    let elements = read.elements(&Input::new(input), at).map_err(|silent| format!("{silent:?}"))?;
    Ok(black_box(serde_json::to_string(&elements)?))
}

/// From the input as a gate has it, once a rule before has made it ready.
fn at_the_gate(read: &Written, input: &Input, at: Time) -> Result<(), Box<dyn Error>> {
    black_box(read.elements(input, at).map_err(|silent| format!("{silent:?}"))?);
    Ok(())
}

/// Some components and dependencies of each kind that the rules look for; most are as they should be.
fn input() -> Value {
    let component = |n: usize| {
        let kind = ["npm", "cargo", "pypi"][if n.is_multiple_of(50) { 2 } else { n % 2 }];
        let licences = if n.is_multiple_of(40) { json!(["MIT", "GPL-3.0-only"]) } else { json!(["MIT", "Apache-2.0"]) };
        let name = if n.is_multiple_of(45) { "left-pad".to_owned() } else { format!("component-{n}") };
        let digest = if n.is_multiple_of(60) { Value::Null } else { json!(format!("{n:064x}")) };
        json!({
            "ref": format!("pkg:{kind}/{name}@1.{n}.0"), "name": name, "version": format!("1.{n}.0"),
            "purl": format!("pkg:{kind}/{name}@1.{n}.0"), "type": kind, "sha256": digest, "scope": "required",
            "licenses": licences, "workspace_member": false, "at": {"line": n % 20, "pointer": format!("/components/{n}")}
        })
    };
    let dependency = |n: usize| {
        let host = if n.is_multiple_of(100) { "elsewhere.example.net" } else { "registry.example.com" };
        json!({"name": format!("dep-{n}"), "uri": format!("https://{host}/dep-{n}"), "sha256": format!("{n:064x}")})
    };
    json!({
        "sbom": {"documents": [], "components": (0..COMPONENTS).map(component).collect::<Vec<_>>()},
        "provenance": {"level": 2, "dependencies": (0..COMPONENTS).map(dependency).collect::<Vec<_>>()}
    })
}

/// What OPA is asked for a rule.
fn question(rule: &Rule, read: &Written, manifest: &Manifest, input: &str) -> Result<Value, Box<dyn Error>> {
    let folder = rule.folder.as_deref().ok_or("a rule that is written")?;
    let mut modules = BTreeMap::from([("rule.rego", read.rego())]);
    let mut data = Map::new();
    for (path, text) in &manifest.texts {
        if path.starts_with("lib/") {
            modules.insert(path, text);
        } else if let Some(name) = path.strip_prefix("data/").and_then(|path| path.strip_suffix(".json")) {
            data.insert(name.to_owned(), serde_json::from_str(text)?);
        }
    }
    data.insert("params".to_owned(), serde_json::to_value(&rule.parameters)?);
    let path = format!("{}.deny", written::package(folder));
    Ok(json!({"name": rule.id, "modules": modules, "path": path, "input": input, "data": data}))
}

/// Milliseconds of CPU for one time, each the mean of as many as make a sample long enough.
fn samples(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Vec<f64>, Box<dyn Error>> {
    work()?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let (start, mut count) = (cpu()?, 0_u32);
        let spent = loop {
            work()?;
            count += 1;
            let spent = cpu()?.saturating_sub(start);
            if spent >= SAMPLE {
                break spent;
            }
        };
        times.push(std::time::Duration::from_nanos(spent).as_secs_f64() * 1000.0 / f64::from(count));
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The nanoseconds that this thread has run. Giving way first makes Linux add them up.
fn cpu() -> Result<u64, Box<dyn Error>> {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().ok_or("no time")?.parse()?)
}

fn row(name: &str, times: &[f64]) -> Result<(), Box<dyn Error>> {
    let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    say(&json!({"name": name, "unit": "ms", "runs": times.len(), "min": min, "median": median, "max": max}))
}

fn say(line: &Value) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
