//! A generated year, `bench --year N`: so many promotions over 365 days, packed and audited. Each thing is done by a process of
//! its own, so that its memory is its own. Ask for 1000, 10000 and 100000 to see how each grows; with `--in FOLDER` the year is
//! made there, is used again if it is there already, and stays.

use super::figures::Stage;
use super::row::{Bar, Row, Summary};
use crate::Outcome;
use serde_json::Value;

/// What is measured: what is done, the name of the row that the example prints, what it is called, its unit, and its bar, which
/// belongs to a year of 100,000.
const ROWS: &[(&str, &str, &str, &str, Bar)] = &[
    ("export-full", "export-full", "audit export", "s", Bar::AtMost(3_600.0)),
    ("export-full", "export-full-memory", "audit export, peak memory", "MB", Bar::AtMost(512.0)),
    ("export-full", "size-full", "full package", "MB", Bar::AtMost(4_096.0)),
    ("export-full", "members-full", "members of the full package", "members", Bar::AtMost(5_000.0)),
    ("export-facts", "export-facts", "audit export --profile facts-only", "s", Bar::AtMost(3_600.0)),
    ("export-facts", "export-facts-memory", "audit export --profile facts-only, peak memory", "MB", Bar::AtMost(512.0)),
    ("export-facts", "size-facts", "package of facts only", "MB", Bar::AtMost(600.0)),
    ("export-facts", "members-facts", "members of the package of facts only", "members", Bar::AtMost(5_000.0)),
    ("quick", "quick", "audit verify --quick", "s", Bar::AtMost(10.0)),
    ("quick", "quick-memory", "audit verify --quick, peak memory", "MB", Bar::AtMost(512.0)),
    ("sample", "sample", "audit verify --sample 1000", "s", Bar::AtMost(60.0)),
    ("full", "full", "audit verify, every decision run again", "s", Bar::AtMost(1_250.0)),
    ("full", "full-rate", "decisions run again for a second of processor", "decisions/s", Bar::AtLeast(40.0)),
    ("full", "full-memory", "audit verify, peak memory", "MB", Bar::AtMost(512.0)),
    ("full", "full-cpu", "audit verify, processor", "s", Bar::AtMost(2_500.0)),
    ("signatures", "signatures", "audit verify --sample 0, every signature", "s", Bar::AtMost(600.0)),
    ("signatures", "signatures-cpu", "audit verify --sample 0, processor", "s", Bar::AtMost(600.0)),
    ("signatures", "signature-ed25519", "one Ed25519 signature checked", "us", Bar::AtMost(1_000.0)),
    ("signatures", "signature-p256", "one P-256 signature checked", "us", Bar::AtMost(1_000.0)),
    ("signatures", "signatures-raw", "all signatures by themselves, processor", "s", Bar::AtMost(1_000.0)),
    ("signatures", "signatures-over-raw", "audit verify --sample 0, processor, over those", "times", Bar::AtMost(2.0)),
    ("signatures", "signatures-memory", "audit verify --sample 0, peak memory", "MB", Bar::AtMost(512.0)),
    ("facts", "facts", "audit verify of facts only", "s", Bar::AtMost(1_250.0)),
    ("facts", "facts-cpu", "audit verify of facts only, processor", "s", Bar::AtMost(1_000.0)),
    ("facts", "facts-memory", "audit verify of facts only, peak memory", "MB", Bar::AtMost(512.0)),
    ("questions", "opening", "audit ask: opening the package of facts only", "s", Bar::AtMost(10.0)),
    ("questions", "gathering", "audit ask: opening, and reading every decision once", "s", Bar::AtMost(60.0)),
    ("questions", "questions-memory", "audit ask all, peak memory", "MB", Bar::AtMost(512.0)),
    ("keep", "keep", "audit verify --facts-output: keeping, after it verified", "s", Bar::AtMost(60.0)),
    ("keep", "keep-memory", "audit verify --facts-output, peak memory", "MB", Bar::AtMost(512.0)),
    ("keep", "size-kept", "facts that are kept", "MB", Bar::AtMost(200.0)),
    ("kept", "kept-memory", "audit ask --facts, peak memory", "MB", Bar::AtMost(512.0)),
];

/// How many questions there are, and how long each may take: when every decision was read, and by itself from kept facts.
const QUESTIONS: u32 = 24;
const ANSWER: Bar = Bar::AtMost(2.0);

/// The number behind `--year`, if that is asked for.
pub(super) fn asked(arguments: &[String]) -> Outcome<Option<&str>> {
    let Some(at) = arguments.iter().position(|argument| argument == "--year") else { return Ok(None) };
    let number = arguments.get(at.saturating_add(1)).map(String::as_str);
    let number = number.filter(|number| number.parse::<u32>().is_ok_and(|n| n > 0));
    number.map(Some).ok_or_else(|| "--year takes how many promotions".to_owned())
}

/// The folder behind `--in`, if one is named.
pub(super) fn place(arguments: &[String]) -> Outcome<Option<&str>> {
    let Some(at) = arguments.iter().position(|argument| argument == "--in") else { return Ok(None) };
    let folder = arguments.get(at.saturating_add(1)).filter(|folder| !folder.starts_with("--"));
    folder.map(|folder| Some(folder.as_str())).ok_or_else(|| "--in takes a folder".to_owned())
}

/// Makes a year of so many promotions and measures it; with `keyless`, one whose builder signs by its identity.
pub(super) fn measure(stage: &Stage, promotions: &str, keyless: bool, kept: Option<&str>) -> Outcome<Vec<Row>> {
    let folder = kept.map_or_else(|| stage.folder().join("year"), |kept| stage.root().join(kept));
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let place = folder.to_string_lossy().into_owned();
    let example = |arguments: &[&str]| stage.example("countersign-tests", "year", arguments);
    let how = ["make", &place, promotions, "keyless"];
    example(how.get(..if keyless { 4 } else { 3 }).unwrap_or(&how))?;
    let promotions = if keyless { format!("{promotions} keyless") } else { promotions.to_owned() };
    let mut rows = Vec::new();
    let mut measured: Vec<(&str, Vec<Value>)> = Vec::new();
    for (action, name, what, unit, bar) in ROWS {
        if !measured.iter().any(|(done, _)| done == action) {
            measured.push((action, example(&["measure", &place, action])?));
        }
        let printed = measured.iter().find(|(done, _)| done == action).map(|(_, printed)| printed.as_slice());
        rows.push(row(printed.unwrap_or_default(), name, &format!("{promotions} promotions: {what}"), unit, *bar)?);
    }
    for (action, after, how) in [("questions", "answer", "after that"), ("kept", "kept", "--facts, all of it")] {
        let answers = measured.iter().find(|(done, _)| *done == action).map(|(_, printed)| printed.as_slice());
        for number in 1..=QUESTIONS {
            let what = format!("{promotions} promotions: audit ask Q{number:02}, {how}");
            rows.push(row(answers.unwrap_or_default(), &format!("Q{number:02}-{after}"), &what, "s", ANSWER)?);
        }
    }
    Ok(rows)
}

fn row(printed: &[Value], name: &str, what: &str, unit: &str, bar: Bar) -> Outcome<Row> {
    let found = printed.iter().find(|row| row.get("name").and_then(Value::as_str) == Some(name));
    let summary = found.and_then(Summary::read).ok_or_else(|| format!("the year prints no proper row `{name}`"))?;
    Ok(Row { name: what.to_owned(), unit: unit.to_owned(), summary, bar, peer: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_year_has_a_number_of_promotions() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(asked(&words("--json --year 1000")), Ok(Some("1000")));
        assert_eq!(asked(&words("--json verify")), Ok(None));
        assert!(asked(&words("--year")).is_err() && asked(&words("--year none")).is_err());
        assert_eq!(place(&words("--year 1000 --in target/year")), Ok(Some("target/year")));
        assert_eq!(place(&words("--year 1000")), Ok(None));
        assert!(place(&words("--in")).is_err() && place(&words("--in --json")).is_err());
    }

    #[test]
    fn a_row_that_is_not_printed_is_an_error_and_no_figure() {
        let printed = [json!({"name": "quick", "unit": "s", "runs": 1, "min": 0.5, "median": 0.5, "max": 0.5})];
        assert!(row(&printed, "quick", "x", "s", Bar::AtMost(1.0)).is_ok_and(|row| row.held()));
        assert!(row(&printed, "full", "x", "s", Bar::AtMost(1.0)).is_err());
    }
}
