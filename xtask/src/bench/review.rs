//! The figures of review: how long a forge is read for, and what memory the proof of a long range takes.

use super::figures::Stage;
use super::row::{Bar, Peer, Row, Summary};
use crate::Outcome;
use serde_json::Value;

/// Changes of four commits each: 10,000 commits in all.
const CHANGES: &str = "2500";

/// 200 changes from a forge that takes 50 ms for each answer, beside what the stated rate alone would take.
pub(super) fn collect(stage: &Stage) -> Outcome<Vec<Row>> {
    let rows = stage.example("countersign-tests", "collect_speed", &[])?;
    let rate = stated_rate(&rows)?;
    let peer = Peer {
        name: "the requests at the stated rate, without a pause of the forge".to_owned(),
        version: format!("{rate} a minute"),
        summary: summary_of(&rows, "collect-200-changes-at-the-stated-rate")?,
    };
    Ok(vec![Row {
        name: "collect 200 changes at 50 ms latency".to_owned(),
        unit: "s".to_owned(),
        summary: summary_of(&rows, "collect-200-changes-50ms")?,
        bar: Bar::AtMost(15.0),
        peer: Some(peer),
    }])
}

/// The most memory of a process that reads the stored evidence of 10,000 commits and proves it.
pub(super) fn memory(stage: &Stage) -> Outcome<Vec<Row>> {
    let rows = stage.example("countersign-tests", "review_range", &[CHANGES])?;
    Ok(vec![Row {
        name: "peak memory of proving 10,000 commits".to_owned(),
        unit: "MB".to_owned(),
        summary: summary_of(&rows, "review-range-peak")?,
        bar: Bar::AtMost(500.0),
        peer: None,
    }])
}

fn find<'a>(rows: &'a [Value], name: &str) -> Outcome<&'a Value> {
    let row = rows.iter().find(|row| row.get("name").and_then(Value::as_str) == Some(name));
    row.ok_or_else(|| format!("the example prints no row `{name}`"))
}

fn summary_of(rows: &[Value], name: &str) -> Outcome<Summary> {
    Summary::read(find(rows, name)?).ok_or_else(|| format!("`{name}` is no proper row"))
}

/// Requests a minute: a figure that was measured at another rate than is stated would say nothing.
fn stated_rate(rows: &[Value]) -> Outcome<u64> {
    let row = find(rows, "collect-200-changes-50ms")?;
    let number = |name: &str| row.get(name).and_then(Value::as_u64);
    number("ratePerMinute").filter(|rate| *rate > 0).ok_or_else(|| "collect_speed states no rate".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_that_is_not_there_or_states_no_rate_is_an_error() {
        let row = |rate: u64| json!({"name": "collect-200-changes-50ms", "runs": 1, "min": 9.5, "median": 9.5, "max": 9.5, "ratePerMinute": rate});
        assert_eq!(stated_rate(&[row(20_000)]), Ok(20_000));
        assert!(stated_rate(&[row(0)]).is_err());
        assert!(stated_rate(&[]).is_err());
        assert!(summary_of(&[row(1)], "collect-200-changes-50ms").is_ok());
        assert!(summary_of(&[row(1)], "review-range-peak").is_err());
        assert!(summary_of(&[json!({"name": "review-range-peak"})], "review-range-peak").is_err());
    }
}
