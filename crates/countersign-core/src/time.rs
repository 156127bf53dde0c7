//! A moment: whole seconds, UTC, given from outside. Nothing in this crate reads a clock.

use std::fmt;

/// Whole seconds since 1970-01-01T00:00:00Z. Its text form is RFC 3339 in UTC, `2026-11-22T10:00:00Z`, and no other:
/// fractions and offsets are refused, so that one moment has one spelling in signed bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

/// The year 9999's last second: the form has four digits for the year.
const LAST: i64 = 253_402_300_799;

impl Time {
    /// From seconds since the epoch; refused before 1970 and after 9999.
    pub fn from_unix(seconds: i64) -> Result<Self, TimeError> {
        if (0..=LAST).contains(&seconds) { Ok(Self(seconds)) } else { Err(TimeError::Range) }
    }

    /// The whole second that others' text names: RFC 3339 with fractions and offsets. `None` for anything else.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        Self::from_unix(stamp.as_second()).ok()
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// This moment and `seconds` more, held inside the range.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds).clamp(0, LAST))
    }

    /// Seconds from `earlier` to this moment; negative if it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::str::FromStr for Time {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let stamp: jiff::Timestamp = text.parse().map_err(|_form: jiff::Error| TimeError::Form)?;
        let time = Self::from_unix(stamp.as_second())?;
        if time.to_string() == text { Ok(time) } else { Err(TimeError::Form) }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jiff::Timestamp::from_second(self.0).map_or(Err(fmt::Error), |stamp| fmt::Display::fmt(&stamp, f))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::json::text(d, str::parse)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
        })
    }
}

/// Why a time did not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not `YYYY-MM-DDThh:mm:ssZ`.
    #[error("a time is written like 2026-11-22T10:00:00Z: UTC, whole seconds")]
    Form,
    /// Before 1970 or after 9999.
    #[error("a time lies between 1970 and 9999")]
    Range,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_has_one_spelling() {
        let t: Time = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-11-22T10:00:00Z");
        for other in [
            "2026-11-22T10:00:00.0Z",
            "2026-11-22T11:00:00+01:00",
            "2026-11-22 10:00:00Z",
            "2026-11-22T10:00:00z",
            "1969-12-31T23:59:59Z",
            "",
        ] {
            assert!(other.parse::<Time>().is_err(), "{other}");
        }
    }
}
