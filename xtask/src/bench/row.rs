//! One row a figure: the least, middle and greatest sample, the peer beside them, the bar, and whether it is
//! held. Pure.

use serde_json::{Value, json};

/// What was promised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bar {
    /// The median is at most this.
    AtMost(f64),
    /// The median is at least this.
    AtLeast(f64),
    /// The median over the peer's is at most this.
    RatioAtMost(f64),
}

/// The same work by somebody else's program.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: Summary,
}

/// A measured figure.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) summary: Summary,
    pub(crate) bar: Bar,
    pub(crate) peer: Option<Peer>,
}

/// At least one sample, in short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    runs: u64,
    min: f64,
    median: f64,
    max: f64,
}

impl Summary {
    /// Nothing measured is no figure, and neither is a sample that is no number.
    pub(crate) fn of(mut samples: Vec<f64>) -> Option<Self> {
        if samples.iter().any(|sample| !sample.is_finite()) {
            return None;
        }
        samples.sort_by(f64::total_cmp);
        let half = samples.len() / 2;
        let upper = *samples.get(half)?;
        let lower = if samples.len() % 2 == 1 { upper } else { *samples.get(half.checked_sub(1)?)? };
        Some(Self {
            runs: samples.len().try_into().ok()?,
            min: *samples.first()?,
            median: f64::midpoint(lower, upper),
            max: *samples.last()?,
        })
    }

    /// From a row that another program printed.
    pub(crate) fn read(row: &Value) -> Option<Self> {
        let number = |name: &str| row.get(name).and_then(Value::as_f64);
        let runs = row.get("runs").and_then(Value::as_u64).filter(|runs| *runs > 0)?;
        Some(Self { runs, min: number("min")?, median: number("median")?, max: number("max")? })
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|peer| self.summary.median / peer.summary.median)
    }

    /// Whether the bar is held. A ratio without a peer is not.
    pub(crate) fn held(&self) -> bool {
        match self.bar {
            Bar::AtMost(most) => self.summary.median <= most,
            Bar::AtLeast(least) => self.summary.median >= least,
            Bar::RatioAtMost(most) => self.ratio().is_some_and(|ratio| ratio <= most),
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let bar = match self.bar {
            Bar::AtMost(most) => json!({ "atMost": most }),
            Bar::AtLeast(least) => json!({ "atLeast": least }),
            Bar::RatioAtMost(most) => json!({ "ratioAtMost": most }),
        };
        let mut row = json!({
            "name": self.name,
            "unit": self.unit,
            "runs": self.summary.runs,
            "min": round(self.summary.min),
            "median": round(self.summary.median),
            "max": round(self.summary.max),
            "bar": bar,
            "held": self.held(),
        });
        if let (Some(peer), Some(ratio), Some(row)) = (&self.peer, self.ratio(), row.as_object_mut()) {
            let median = round(peer.summary.median);
            let peer = json!({ "name": peer.name, "version": peer.version, "median": median, "ratio": round(ratio) });
            row.insert("peer".to_owned(), peer);
        }
        row
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let bar = match self.bar {
            Bar::AtMost(most) => format!("at most {most} {}", self.unit),
            Bar::AtLeast(least) => format!("at least {least} {}", self.unit),
            Bar::RatioAtMost(most) => format!("at most {most} times the peer"),
        };
        let held = if self.held() { "held" } else { "NOT HELD" };
        let beside = match (&self.peer, self.ratio()) {
            (Some(peer), Some(ratio)) => {
                format!("; {} {}: {:.2}, ratio {ratio:.2}", peer.name, peer.version, peer.summary.median)
            }
            _ => String::new(),
        };
        format!(
            "{}: {:.2} {} (least {:.2}, greatest {:.2}, {} runs){beside}; {bar}: {held}",
            self.name, self.summary.median, self.unit, self.summary.min, self.summary.max, self.summary.runs,
        )
    }
}

/// To the microsecond, byte, or thousandth: more digits are noise.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(samples: &[f64], bar: Bar, peer: Option<&[f64]>) -> Row {
        let peer = peer.map(|samples| Peer {
            name: "peer".to_owned(),
            version: "1.0".to_owned(),
            summary: Summary::of(samples.to_vec()).unwrap(),
        });
        let summary = Summary::of(samples.to_vec()).unwrap();
        Row { name: "figure".to_owned(), unit: "ms".to_owned(), summary, bar, peer }
    }

    #[test]
    fn nothing_measured_is_no_figure() {
        assert!(Summary::of(Vec::new()).is_none());
        assert!(Summary::of(vec![1.0, f64::NAN]).is_none());
        assert!(Summary::read(&json!({ "runs": 0, "min": 1.0, "median": 1.0, "max": 1.0 })).is_none());
        assert!(Summary::read(&json!({ "runs": 3, "min": 1.0, "max": 1.0 })).is_none());
    }

    #[test]
    fn a_row_has_its_least_middle_and_greatest_sample() {
        let json = row(&[4.0, 1.0, 2.0, 3.0], Bar::AtMost(2.5), None).json();
        assert_eq!(json["runs"], 4);
        assert_eq!((&json["min"], &json["median"], &json["max"]), (&1.0.into(), &2.5.into(), &4.0.into()));
        assert_eq!(json["held"], true);
        assert!(json.get("peer").is_none());
    }

    #[test]
    fn a_bar_that_is_not_held_says_so_in_both_forms() {
        let slow = row(&[3.0], Bar::RatioAtMost(1.5), Some(&[1.0]));
        assert_eq!(slow.json()["held"], false);
        assert_eq!(slow.json()["peer"]["ratio"], 3.0);
        assert!(slow.text().ends_with("at most 1.5 times the peer: NOT HELD"), "{}", slow.text());
        assert!(!row(&[3.0], Bar::AtLeast(4.0), None).held());
        assert!(!row(&[3.0], Bar::RatioAtMost(9.0), None).held(), "no peer, no ratio");
    }
}
