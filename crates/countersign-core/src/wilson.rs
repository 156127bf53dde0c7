//! How sure a share is that was counted on a sample: the Wilson score interval at 95 %, in whole numbers, so that every
//! machine finds the same one.

use serde::{Deserialize, Serialize};

/// A share of one million.
pub const MILLION: u32 = 1_000_000;

/// Nine digits behind the point.
const SCALE: u128 = 1_000_000_000;
/// The square of the normal distribution's 97.5 % point, by [`SCALE`].
const Z_SQUARED: u128 = 3_841_458_821;

/// A share that was counted, and between which bounds the true one lies, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Share {
    /// How many there were.
    pub count: u32,
    /// Of how many.
    pub of: u32,
    /// The lower bound, rounded down.
    pub low_ppm: u32,
    /// The upper bound, rounded up.
    pub high_ppm: u32,
}

impl Share {
    /// Of `count` among `of`. Of nothing, and of more than there are, there is none: not known is not zero.
    #[must_use]
    pub fn of(count: u32, of: u32) -> Option<Self> {
        if of == 0 || count > of {
            return None;
        }
        let (low_ppm, high_ppm) = bounds(u128::from(count), u128::from(of))?;
        Some(Self { count, of, low_ppm, high_ppm })
    }

    /// Whether the true share is surely no higher than this one, as sure as the interval is.
    #[must_use]
    pub const fn surely_at_most(self, ppm: u32) -> bool {
        self.high_ppm <= ppm
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (low, high) = (Percent(self.low_ppm), Percent(self.high_ppm));
        write!(f, "{} of {} (95 %: {low} to {high})", self.count, self.of)
    }
}

/// Parts per million as percent with one digit: down for a lower bound and up for an upper one is the caller's affair.
struct Percent(u32);

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = self.0.div_ceil(1_000);
        write!(f, "{}.{} %", tenths / 10, tenths % 10)
    }
}

/// `(2k + z² ∓ z·√(z² + 4k(n−k)/n)) / 2(n + z²)`, with the root taken too large, so that the interval is never too narrow.
fn bounds(k: u128, n: u128) -> Option<(u32, u32)> {
    let spread = k.checked_mul(n.checked_sub(k)?)?.checked_mul(4)?.checked_mul(SCALE)?;
    let under_root = Z_SQUARED.checked_mul(Z_SQUARED.checked_mul(n)?.checked_add(spread)?)?.div_ceil(n);
    let root = under_root.isqrt().checked_add(1)?;
    let middle = k.checked_mul(2)?.checked_mul(SCALE)?.checked_add(Z_SQUARED)?;
    let whole = n.checked_mul(SCALE)?.checked_add(Z_SQUARED)?.checked_mul(2)?;
    let million = u128::from(MILLION);
    let low = middle.saturating_sub(root).checked_mul(million)?.checked_div(whole)?;
    let high = middle.checked_add(root)?.checked_mul(million)?.div_ceil(whole).min(million);
    Some((u32::try_from(low).ok()?, u32::try_from(high).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of the textbook formula in double precision, with one part per million for the rounding outwards.
    #[test]
    fn the_bounds_are_those_of_the_formula_and_never_narrower() {
        for (k, n) in [(0_u32, 1_u32), (1, 1), (0, 30), (1, 30), (2, 200), (5, 200), (100, 200), (37, 4_096)] {
            let share = Share::of(k, n).unwrap();
            let (p, n) = (f64::from(k) / f64::from(n), f64::from(n));
            let z = 1.959_963_984_540_054_f64;
            let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
            let at = |sign: f64| 1e6 * (p + z * z / (2.0 * n) + sign * half) / (1.0 + z * z / n);
            let (low, high) = (f64::from(share.low_ppm), f64::from(share.high_ppm));
            assert!(low <= at(-1.0).max(0.0) + 1e-6 && low > at(-1.0) - 2.0, "{share:?} {}", at(-1.0));
            assert!(high + 1e-6 >= at(1.0).min(1e6) && high < at(1.0) + 2.0, "{share:?} {}", at(1.0));
        }
    }

    #[test]
    fn of_nothing_there_is_no_share_and_of_many_none_overflows() {
        assert_eq!(Share::of(0, 0), None);
        assert_eq!(Share::of(2, 1), None);
        for k in [0, 1, u32::MAX / 2, u32::MAX] {
            let share = Share::of(k, u32::MAX).unwrap();
            assert!(share.low_ppm <= share.high_ppm && share.high_ppm <= MILLION);
        }
    }

    #[test]
    fn no_false_positive_in_a_small_sample_shows_little_and_in_a_large_one_much() {
        let at_most_two_percent = |n| Share::of(0, n).unwrap().surely_at_most(20_000);
        assert!(!at_most_two_percent(30) && !at_most_two_percent(188) && at_most_two_percent(189));
        assert_eq!(Share::of(0, 30).unwrap().to_string(), "0 of 30 (95 %: 0.0 % to 11.4 %)");
    }
}
