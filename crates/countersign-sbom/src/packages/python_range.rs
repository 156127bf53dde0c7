//! Whether a version is certainly none of those that a requirement of Python's asks for: PEP 440's bounds, and Poetry's `^` and `~`. What
//! is not read, and what turns on releases that are tried out or have a local part, excludes nothing.

use super::markers::{Answer, begins, compatible};
use crate::version::{Scheme, Version};
use countersign_core::limits;
use std::cmp::Ordering;

const SIGNS: [&str; 10] = ["===", "==", "!=", "<=", ">=", "~=", "<", ">", "^", "~"];

/// Whether none of the alternatives takes the version.
pub(super) fn excludes(range: &str, version: &str) -> bool {
    if range.len() > limits::PYTHON_RANGE_BYTES {
        return false;
    }
    let version = version.split('+').next().unwrap_or(version).trim();
    let mut alternatives = range.split('|').map(str::trim).filter(|one| !one.is_empty()).peekable();
    alternatives.peek().is_some() && alternatives.all(|one| one.split(',').any(|bound| bound_excludes(bound, version)))
}

fn bound_excludes(bound: &str, version: &str) -> bool {
    let bound = bound.trim();
    let sign = SIGNS.iter().find(|sign| bound.starts_with(**sign)).copied().unwrap_or_default();
    let asked = bound.strip_prefix(sign).unwrap_or(bound).trim();
    let (asked, local) = asked.split_once('+').unwrap_or((asked, ""));
    let stem = asked.strip_suffix(".*");
    let compare = |other: &str| {
        let read = |text: &str| Version::read(Scheme::Pep440, text);
        read(version)?.compare(&read(other)?)
    };
    let order = compare(asked);
    let low = order == Some(Ordering::Less);
    let same = order == Some(Ordering::Equal);
    let high = order == Some(Ordering::Greater);
    let from =
        |end: Option<String>| low || end.and_then(|end| compare(&end)).is_some_and(|order| order != Ordering::Less);
    match (sign, stem) {
        ("==" | "", Some(stem)) => begins(version, true, stem) == Answer::No,
        ("!=", Some(stem)) => begins(version, true, stem) == Answer::Yes,
        ("==" | "", None) => low || high,
        // Without its local part it is one of several of the same number.
        ("!=", None) => same && local.is_empty(),
        (">=", None) => low,
        ("<=", None) => high,
        (">", None) => low || same,
        ("<", None) => high || same,
        ("~=", None) => low || compatible(asked).is_some_and(|stem| begins(version, true, stem) == Answer::No),
        ("^", None) => from(next(asked, |numbers| numbers.iter().position(|number| *number != 0))),
        ("~", None) => from(next(asked, |numbers| (numbers.len() > 1).then_some(1).or(Some(0)))),
        _ => false,
    }
}

/// The version that is one higher in one of its numbers, or in the last.
fn next(text: &str, which: impl Fn(&[u64]) -> Option<usize>) -> Option<String> {
    let mut numbers = text.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    let at = which(&numbers).or_else(|| numbers.len().checked_sub(1))?;
    numbers.truncate(at.saturating_add(1));
    let last = numbers.last_mut()?;
    *last = last.checked_add(1)?;
    Some(numbers.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_excluded_only_where_that_is_certain() {
        for (range, out, not) in [
            (">=2", "1.0 1.9.post1 2.0rc1", "2 2.0+cpu 3"),
            ("<2", "2 2.0.0 3", "1.9 2.0rc1"),
            (">=1,<2", "0.9 2.0", "1.5"),
            ("==1.0", "1.1 1.0.post1", "1.0 1.0.0 1.0+cpu"),
            ("==1.0+cpu", "1.1", "1.0+cu12"),
            ("==1.*", "2.0", "1.9 1"),
            ("!=1.2.*", "1.2.7", "1.3"),
            ("!=1.2", "1.2.0", "1.2.1"),
            ("!=2.0.0+cpu", "", "2.0.0 2.0.0+cu12 2.0.0+cpu"),
            ("~=1.4.2", "1.4.1 1.5", "1.4.9"),
            ("~=2.2.post3", "2.2 3.0", "2.2.post3 2.3"),
            ("~=2.2.0.dev1", "2.3", "2.2.1"),
            ("~=2.2rc1", "3.0", "2.3"),
            (">1.0", "1.0 0.9", "1.0.post1 1.1"),
            ("<=1.0", "1.1", "1.0+x"),
            ("^1.2", "1.1 2.0", "1.2 1.9"),
            ("^0.2.3", "0.3 0.2.2", "0.2.9"),
            ("^0.0.3", "0.0.4", "0.0.3"),
            ("^0.0", "0.1", "0.0.7"),
            ("~1.2.3", "1.3 1.2", "1.2.3"),
            ("~1", "2", "1.9"),
            ("1.2", "1.3", "1.2.0"),
            (">=1,<2 || >=4", "2.5 0.1", "1.1 4.0"),
        ] {
            for version in out.split(' ').filter(|version| !version.is_empty()) {
                assert!(excludes(range, version), "{range} {version}");
            }
            for version in not.split(' ') {
                assert!(!excludes(range, version), "{range} {version}");
            }
        }
        for range in ["", "*", "===odd", "rubbish", ">=rubbish", "^1.x", ">=1.*", "||"] {
            assert!(!excludes(range, "1.0"), "{range}");
        }
        assert!(!excludes(">=2", "no version"));
        let long = |count: usize| vec![">=2"; count].join(",");
        assert!(excludes(&long(200), "1.0") && !excludes(&long(300), "1.0"), "a range has a bound of its own");
    }
}
