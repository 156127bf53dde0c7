//! The figures: what is run, how often, and what was promised.
//!
//! The command lines that need data of a certain size come from `tests/examples/bench_stage.rs`: it makes the data in a
//! folder and writes `commands.json` there, `{"FIGURE": {"folder": "…", "arguments": ["…"]}}`.

use super::measure::{Cost, many, millis};
use super::row::{Bar, Peer, Row, Summary};
use crate::{Outcome, run, workspace};
use serde_json::Value;
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A figure, which may print several rows.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) measure: fn(&Stage) -> Outcome<Vec<Row>>,
}

pub(crate) const FIGURES: &[Figure] = &[
    Figure { name: "verify", measure: verify },
    Figure { name: "promote", measure: promote },
    Figure { name: "audit-verify", measure: audit_verify },
    Figure { name: "backtest", measure: backtest },
    Figure { name: "sbom", measure: super::sbom::figures },
    Figure { name: "sbom-documents", measure: super::documents::figures },
    Figure { name: "log", measure: super::log::figures },
    Figure { name: "review-range", measure: review_range },
    Figure { name: "size", measure: size },
    Figure { name: "collect", measure: super::review::collect },
    Figure { name: "secrets", measure: super::secrets::figures },
    Figure { name: "policy-engine", measure: super::policy::figures },
    Figure { name: "review-memory", measure: super::review::memory },
    Figure { name: "verify-bundle", measure: super::bundles::process },
    Figure { name: "verify-checks", measure: super::bundles::checks },
    Figure { name: "verify-all", measure: super::bundles::all },
];

/// Where the figures are measured: the release binary, and data that is made once, when first asked for.
pub(crate) struct Stage {
    root: PathBuf,
    binary: PathBuf,
    folder: TempDir,
    commands: OnceCell<Outcome<Value>>,
}

impl Stage {
    pub(crate) fn new(root: &Path) -> Outcome<Self> {
        let target = workspace::target(root);
        let folder = tempfile::tempdir().map_err(|e| format!("a temporary folder: {e}"))?;
        Ok(Self {
            root: root.to_path_buf(),
            binary: target.join("release/countersign"),
            folder,
            commands: OnceCell::new(),
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The release binary.
    pub(super) fn binary(&self) -> &Path {
        &self.binary
    }

    /// The release binary, in a folder.
    pub(super) fn countersign(&self, folder: &Path) -> Command {
        run::command(&self.binary.to_string_lossy(), folder)
    }

    /// The command line of a figure that works on staged data.
    fn staged(&self, figure: &str) -> Outcome<Command> {
        let commands = self.commands.get_or_init(|| self.make()).as_ref().map_err(Clone::clone)?;
        let shape = || format!("commands.json of the stage has no proper `{figure}`");
        let entry = commands.get(figure).ok_or_else(shape)?;
        let folder = entry.get("folder").and_then(Value::as_str).ok_or_else(shape)?;
        let mut command = self.countersign(&self.folder.path().join(folder));
        for argument in entry.get("arguments").and_then(Value::as_array).ok_or_else(shape)? {
            command.arg(argument.as_str().ok_or_else(shape)?);
        }
        Ok(command)
    }

    fn make(&self) -> Outcome<Value> {
        const SOURCE: &str = "tests/examples/bench_stage.rs";
        if !self.root.join(SOURCE).exists() {
            return Err(format!("needs {SOURCE}, which is not there"));
        }
        let mut cargo = run::cargo(&self.root);
        cargo.args([
            "run",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "countersign-tests",
            "--example",
            "bench_stage",
            "--",
        ]);
        run::shown(cargo.arg(self.folder.path()))?;
        let text = workspace::read(&self.folder.path().join("commands.json"))?;
        serde_json::from_str(&text).map_err(|e| format!("commands.json of the stage: {e}"))
    }

    /// The rows that an example of a crate prints, one JSON object a line: `name`, `unit`, `runs`, `min`, `median`, `max`.
    pub(super) fn example(&self, package: &str, example: &str, arguments: &[&str]) -> Outcome<Vec<Value>> {
        let mut cargo = run::cargo(&self.root);
        cargo.args(["run", "--quiet", "--release", "--locked", "--package", package, "--example", example]);
        let said = run::output_of(cargo.arg("--").args(arguments))?;
        let lines = String::from_utf8_lossy(&said).into_owned();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).map_err(|e| format!("{example} printed `{line}`: {e}")))
            .collect()
    }
}

/// One signed bundle against trust, from start to end of the process.
fn verify(stage: &Stage) -> Outcome<Vec<Row>> {
    let costs = staged_runs(stage, "verify", 30)?;
    row("verify one bundle, CPU", "ms", &costs, |cost| millis(cost.cpu), Bar::AtMost(10.0), None)
}

/// The whole gate for a release of 500 components, without what git costs by itself.
fn promote(stage: &Stage) -> Outcome<Vec<Row>> {
    let costs = staged_runs(stage, "promote", 15)?;
    let own = |cost: &Cost| millis(cost.own_cpu);
    row("promote --dry-run, 500 components, CPU beyond git's", "ms", &costs, own, Bar::AtMost(150.0), None)
}

/// A package of 1,000 decisions, each of them run again.
fn audit_verify(stage: &Stage) -> Outcome<Vec<Row>> {
    let costs = staged_runs(stage, "audit-verify", 5)?;
    row("audit verify, 1,000 decisions", "ms", &costs, |cost| millis(cost.wall), Bar::AtMost(5000.0), None)
}

/// 1,000 decisions, each run again under its own release and under another: a tenth of the four minutes for 10,000.
fn backtest(stage: &Stage) -> Outcome<Vec<Row>> {
    let costs = staged_runs(stage, "backtest", 3)?;
    row("policy backtest, 1,000 decisions", "ms", &costs, |cost| millis(cost.wall), Bar::AtMost(24_000.0), None)
}

/// The proof of review over a long range from stored evidence, ten times as long, and going on from it: cost grows with the
/// range, and a second run costs what is new. A change is three and a third commits of the range.
fn review_range(stage: &Stage) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for (changes, commits, most) in [("300", "1,000", 3.0), ("3000", "10,000", 30.0)] {
        let printed_rows = stage.example("countersign-tests", "review_range", &[changes])?;
        let figure = |what: String, unit: &str, name: &str, bar| {
            let summary = printed(&printed_rows, name)?;
            Ok::<Row, String>(Row { name: what, unit: unit.to_owned(), summary, bar, peer: None })
        };
        let proof = format!("review verify, {commits} commits");
        rows.push(figure(proof.clone(), "s", "review-range-total", Bar::AtMost(most))?);
        rows.push(figure(format!("{proof}, memory"), "MB", "review-range-peak", Bar::AtMost(500.0))?);
        let later = format!("review verify, 10 commits after {commits}");
        rows.push(figure(later, "s", "review-range-later-total", Bar::AtMost(1.0))?);
    }
    Ok(rows)
}

/// The summary of a row that an example printed.
pub(super) fn printed(rows: &[Value], name: &str) -> Outcome<Summary> {
    let row = rows.iter().find(|row| row.get("name").and_then(Value::as_str) == Some(name));
    row.and_then(Summary::read).ok_or_else(|| format!("the example prints no proper row `{name}`"))
}

/// What a user downloads.
fn size(stage: &Stage) -> Outcome<Vec<Row>> {
    let stripped = stage.folder.path().join("countersign");
    run::shown(run::command("strip", &stage.root).arg("-o").arg(&stripped).arg(&stage.binary))?;
    let bytes = fs::metadata(&stripped).map_err(|e| format!("{}: {e}", stripped.display()))?.len();
    let kilobytes = u32::try_from(bytes / 1000).map_err(|e| format!("{bytes} bytes: {e}"))?;
    Ok(vec![Row {
        name: "stripped release binary".to_owned(),
        unit: "MB".to_owned(),
        summary: summary(vec![f64::from(kilobytes) / 1000.0])?,
        // SBOM schemas, the engine for Rego, TLS and the readers of a hundred documents are in it.
        bar: Bar::AtMost(45.0),
        peer: None,
    }])
}

fn staged_runs(stage: &Stage, figure: &str, runs: usize) -> Outcome<Vec<Cost>> {
    many(runs, || stage.staged(figure))
}

pub(super) fn row(
    name: &str,
    unit: &str,
    costs: &[Cost],
    of: impl Fn(&Cost) -> f64,
    bar: Bar,
    peer: Option<Peer>,
) -> Outcome<Vec<Row>> {
    let summary = summary(costs.iter().map(of).collect())?;
    Ok(vec![Row { name: name.to_owned(), unit: unit.to_owned(), summary, bar, peer }])
}

pub(super) fn summary(values: Vec<f64>) -> Outcome<Summary> {
    Summary::of(values).ok_or_else(|| "nothing was measured".to_owned())
}

pub(super) fn kernel() -> Outcome<String> {
    let said = run::output_of(run::command("uname", Path::new(".")).arg("-r"))?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}
