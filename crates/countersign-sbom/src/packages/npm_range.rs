//! npm's ranges of versions, read as npm reads them. What is no range, or is one by npm's loose reading alone, has no answer.

use countersign_core::limits;
use semver::{BuildMetadata, Prerelease, Version};
use std::cmp::Ordering;

/// Whether a version is one that a dependency asks for. `None` for what is no range (a tag, an address, a folder), for a range that
/// is not read, and for what is no version.
pub(super) fn satisfies(asked: &str, version: &str) -> Option<bool> {
    Spec::of(asked).takes(whole(version).as_ref())
}

/// A whole version.
pub(super) fn whole(text: &str) -> Option<Version> {
    Version::parse(text.trim()).ok()
}

/// What is asked for, read once for all that is held against it.
#[derive(Debug)]
pub(super) struct Spec {
    /// Whether it takes whatever there is.
    any: bool,
    /// The one version that it is.
    version: Option<Version>,
    /// Its alternatives: nothing where it is no range, or none that is read.
    range: Option<Vec<Vec<Bound>>>,
}

impl Spec {
    pub(super) fn of(asked: &str) -> Self {
        let asked = behind_alias(asked.trim());
        let any = asked.is_some_and(|asked| asked.is_empty() || asked == "*");
        let short = |asked: &&str| {
            asked.len() <= limits::NPM_RANGE_BYTES && asked.split("||").count() <= limits::NPM_RANGE_ALTERNATIVES
        };
        let range = asked.filter(|_| !any).filter(short);
        Self {
            any,
            version: range.and_then(whole),
            range: range.and_then(|range| range.split("||").map(bounds).collect()),
        }
    }

    /// Whether a version is asked for, as `satisfies` tells.
    pub(super) fn takes(&self, version: Option<&Version>) -> Option<bool> {
        if self.any {
            return Some(true);
        }
        let (range, version) = (self.range.as_ref()?, version?);
        Some(range.iter().any(|bounds| holds(bounds, version)))
    }

    /// Whether two have a version in common, as far as npm finds that out. What is not read may have.
    pub(super) fn may_meet(&self, other: &Self) -> bool {
        let (Some(own), Some(others)) = (&self.range, &other.range) else { return true };
        match (&self.version, &other.version) {
            (_, Some(version)) => own.iter().any(|bounds| holds(bounds, version)),
            (Some(version), None) => others.iter().any(|bounds| holds(bounds, version)),
            (None, None) => own.iter().any(|own| others.iter().any(|other| !are_apart(own, other))),
        }
    }
}

/// What is asked for of the package behind another name, with a range of its own.
fn behind_alias(asked: &str) -> Option<&str> {
    match asked.strip_prefix("npm:") {
        Some(alias) => match alias.rfind('@').filter(|at| *at > 0) {
            Some(at) => Some(alias.get(at..)?.get(1..)?.trim()),
            None => Some("*"),
        },
        None => Some(asked),
    }
}

/// Whether a bound of one ends before a bound of the other begins.
fn are_apart(one: &[Bound], other: &[Bound]) -> bool {
    let ends_before = |(high, end): &Bound, (low, begin): &Bound| {
        let ends = matches!(high, Sign::Less | Sign::LessOrEqual | Sign::Equal);
        let begins = matches!(low, Sign::More | Sign::MoreOrEqual | Sign::Equal);
        let open = *high == Sign::Less || *low == Sign::More;
        ends && begins
            && match end.cmp_precedence(begin) {
                Ordering::Less => true,
                Ordering::Equal => open,
                Ordering::Greater => false,
            }
    };
    one.iter().any(|one| other.iter().any(|other| ends_before(one, other) || ends_before(other, one)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Less,
    LessOrEqual,
    Equal,
    MoreOrEqual,
    More,
}

type Bound = (Sign, Version);

/// All bounds hold; and a version before a release only where one of them names such a version of the same release.
fn holds(bounds: &[Bound], version: &Version) -> bool {
    let all = bounds.iter().all(|(sign, bound)| {
        let order = version.cmp_precedence(bound);
        match sign {
            Sign::Less => order == Ordering::Less,
            Sign::LessOrEqual => order != Ordering::Greater,
            Sign::Equal => order == Ordering::Equal,
            Sign::MoreOrEqual => order != Ordering::Less,
            Sign::More => order == Ordering::Greater,
        }
    });
    let numbers = |version: &Version| (version.major, version.minor, version.patch);
    let early = |(_, bound): &Bound| !bound.pre.is_empty() && numbers(bound) == numbers(version);
    all && (version.pre.is_empty() || bounds.iter().any(early))
}

/// One alternative: `1.2 - 2.3`, or signs and versions that all have to hold.
fn bounds(text: &str) -> Option<Vec<Bound>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut bounds = Vec::new();
    if let [from, "-", to] = words[..] {
        between(">=", from, &mut bounds)?;
        between("<=", to, &mut bounds)?;
        return Some(bounds);
    }
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let sign = SIGNS.iter().find(|sign| word.starts_with(**sign)).copied().unwrap_or_default();
        let behind = word.strip_prefix(sign).unwrap_or(word);
        // A sign may stand by itself.
        let behind = if behind.is_empty() { words.next()? } else { behind };
        between(sign, behind, &mut bounds)?;
    }
    Some(bounds)
}

const SIGNS: [&str; 8] = [">=", "<=", "~>", ">", "<", "=", "^", "~"];

/// A version that may leave out its last parts, or have `x` there.
struct Partial {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: Prerelease,
}

fn partial(text: &str) -> Option<Partial> {
    let text = text.trim_start_matches(['v', '=']);
    let (text, build) = text.split_once('+').map_or((text, ""), |(text, build)| (text, build));
    BuildMetadata::new(build).ok()?;
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
    let mut parts = numbers.split('.');
    let mut part = || match parts.next() {
        None | Some("x" | "X" | "*") => Some(None),
        Some(digits) => {
            let plain = digits == "0" || !digits.starts_with('0');
            let digits = Some(digits).filter(|digits| plain && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse().ok().map(Some)
        }
    };
    let (major, minor, patch): (Option<u64>, Option<u64>, Option<u64>) = (part()?, part()?, part()?);
    let in_order = (major.is_some() || minor.is_none()) && (minor.is_some() || patch.is_none());
    let early = pre.is_none() || patch.is_some();
    let pre = pre.map_or(Some(Prerelease::EMPTY), |pre| Prerelease::new(pre).ok().filter(|pre| !pre.is_empty()))?;
    (in_order && early && parts.next().is_none()).then_some(Partial { major, minor, patch, pre })
}

/// The bounds that a sign and a version mean.
fn between(sign: &str, text: &str, bounds: &mut Vec<Bound>) -> Option<()> {
    let Partial { major, minor, patch, pre } = partial(text)?;
    let whole = |major, minor, patch| Version::new(major, minor, patch);
    let next = |number: u64| number.checked_add(1);
    // Below a release, and below all that comes before it.
    let before = |major, minor, patch| {
        let pre = Prerelease::new("0").ok()?;
        Some((Sign::Less, Version { pre, ..Version::new(major, minor, patch) }))
    };
    let Some(major) = major else {
        if matches!(sign, ">" | "<") {
            bounds.push(before(0, 0, 0)?);
        }
        return Some(());
    };
    let exact = minor.zip(patch).map(|(minor, patch)| Version { pre, ..whole(major, minor, patch) });
    let lowest = || exact.clone().unwrap_or_else(|| whole(major, minor.unwrap_or(0), 0));
    // Below what comes after all that begin as this does.
    let after = || match minor {
        None => before(next(major)?, 0, 0),
        Some(minor) => before(major, next(minor)?, 0),
    };
    match (sign, exact.clone()) {
        ("^", _) => {
            let end = match (major, minor, patch) {
                (0, Some(0), Some(patch)) => before(0, 0, next(patch)?)?,
                (0, Some(minor), _) => before(0, next(minor)?, 0)?,
                _ => before(next(major)?, 0, 0)?,
            };
            bounds.extend([(Sign::MoreOrEqual, lowest()), end]);
        }
        ("~" | "~>", _) | ("" | "=", None) => bounds.extend([(Sign::MoreOrEqual, lowest()), after()?]),
        ("" | "=", Some(exact)) => bounds.push((Sign::Equal, exact)),
        (">=", _) => bounds.push((Sign::MoreOrEqual, lowest())),
        (">", Some(exact)) => bounds.push((Sign::More, exact)),
        (">", None) => {
            let (_, end) = after()?;
            bounds.push((Sign::MoreOrEqual, whole(end.major, end.minor, end.patch)));
        }
        ("<", Some(exact)) => bounds.push((Sign::Less, exact)),
        ("<", None) => bounds.push(before(major, minor.unwrap_or(0), 0)?),
        ("<=", Some(exact)) => bounds.push((Sign::LessOrEqual, exact)),
        ("<=", None) => bounds.push(after()?),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: &str = "0.0.0 0.0.1 0.0.3 0.0.4 0.1.0 0.2.3 0.2.4 0.3.0 1.0.0 1.0.0-rc.1 1.0.0-rc.2 1.2.0 1.2.2 1.2.3 1.2.3-beta.1 1.2.3-beta.2 1.2.3-beta.3 1.2.3+b 1.2.4 1.2.4-beta.2 1.3.0 1.9.9 2.0.0 2.0.0-alpha.1 2.0.0-0 2.3.4 2.3.5 2.4.0 3.0.0 3.1.0 0.0.1-beta 0.0.3-a 1.2.3-0";

    #[test]
    fn ranges_are_read_as_npms_own_library_reads_them() {
        // Each line: whether the library (node-semver as npm 11.19.1 has it, by its loose reading) takes each of the versions above.
        for (range, wanted) in [
            ("^1.2.3", "000000000000010001101100000000000"),
            ("^0.2.3", "000001100000000000000000000000000"),
            ("^0.0.3", "001000000000000000000000000000000"),
            ("^1", "000000001001110001101100000000000"),
            ("^1.x", "000000001001110001101100000000000"),
            ("^0", "111111110000000000000000000000000"),
            ("^0.0", "111100000000000000000000000000000"),
            ("^0.1", "000010000000000000000000000000000"),
            ("^1.2", "000000000001110001101100000000000"),
            ("^1.2.3-beta.2", "000000000000010111101100000000000"),
            ("^0.0.1-beta", "010000000000000000000000000000100"),
            ("^0.2.1-a", "000001100000000000000000000000000"),
            ("~1.2.3", "000000000000010001100000000000000"),
            ("~1.2", "000000000001110001100000000000000"),
            ("~1", "000000001001110001101100000000000"),
            ("~>1.2", "000000000001110001100000000000000"),
            ("~1.2.3-beta.2", "000000000000010111100000000000000"),
            ("1.2.3", "000000000000010001000000000000000"),
            ("=1.2.3", "000000000000010001000000000000000"),
            ("v1.2.3", "000000000000010001000000000000000"),
            ("1", "000000001001110001101100000000000"),
            ("1.2", "000000000001110001100000000000000"),
            ("1.x", "000000001001110001101100000000000"),
            ("1.2.x", "000000000001110001100000000000000"),
            ("1.2.*", "000000000001110001100000000000000"),
            ("x", "111111111001110001101110011111000"),
            (">=1.2.3", "000000000000010001101110011111000"),
            (">1.2.3", "000000000000000000101110011111000"),
            (">1.2", "000000000000000000001110011111000"),
            (">1", "000000000000000000000010011111000"),
            ("<1.2.3", "111111111001100000000000000000000"),
            ("<1.2", "111111111000000000000000000000000"),
            ("<1", "111111110000000000000000000000000"),
            ("<=1.2", "111111111001110001100000000000000"),
            ("<=1", "111111111001110001101100000000000"),
            ("<=1.2.3", "111111111001110001000000000000000"),
            (">=1.2", "000000000001110001101110011111000"),
            (">=1 <2", "000000001001110001101100000000000"),
            (">= 1.2.3 < 2.0.0", "000000000000010001101100000000000"),
            ("> 1.0", "000000000001110001101110011111000"),
            ("1.2.3 - 2.3.4", "000000000000010001101110010000000"),
            ("1.2 - 2.3", "000000000001110001101110011000000"),
            ("1 - 2", "000000001001110001101110011100000"),
            ("1.2.3 - 2", "000000000000010001101110011100000"),
            ("1.0.0 || ^2.0.0", "000000001000000000000010011100000"),
            ("^1.2.3 || ^3", "000000000000010001101100000011000"),
            ("||", "111111111001110001101110011111000"),
            ("1.2.3+build", "000000000000010001000000000000000"),
            ("1.0.0-rc.1", "000000000100000000000000000000000"),
            (">=1.0.0-rc.1", "000000001111110001101110011111000"),
            ("<2.0.0-0", "111111111001110001101100000000000"),
            ("^2.0.0-alpha.1 || ^1", "000000001001110001101111011100000"),
            (">*", "000000000000000000000000000000000"),
            ("<*", "000000000000000000000000000000000"),
            (">=*", "111111111001110001101110011111000"),
            (">=0.0.0", "111111111001110001101110011111000"),
            ("~0.0.1", "011100000000000000000000000000000"),
            ("*", "111111111111111111111111111111111"),
            ("", "111111111111111111111111111111111"),
            ("^ 1.2.3", "000000000000010001101100000000000"),
            ("~ 1.2", "000000000001110001100000000000000"),
            (">=1.2.3-0", "000000000000011111101110011111001"),
            ("2.0.0-alpha.1", "000000000000000000000001000000000"),
            ("1.2.3-1 - 1.2.4", "000000000000011111100000000000000"),
            ("~x", "111111111001110001101110011111000"),
            ("^x", "111111111001110001101110011111000"),
            ("=1", "000000001001110001101100000000000"),
            ("=1.2", "000000000001110001100000000000000"),
            (">=1.2.3+b", "000000000000010001101110011111000"),
        ] {
            for (version, wanted) in VERSIONS.split(' ').zip(wanted.chars()) {
                assert_eq!(satisfies(range, version), Some(wanted == '1'), "{range} {version}");
            }
        }
    }

    #[test]
    fn a_range_of_very_many_alternatives_is_not_read_and_may_meet_any() {
        let of = |count: usize| vec!["1"; count].join("||");
        let (longest, longer) = (of(limits::NPM_RANGE_ALTERNATIVES), of(limits::NPM_RANGE_ALTERNATIVES + 1));
        assert_eq!((satisfies(&longest, "2.0.0"), satisfies(&longer, "2.0.0")), (Some(false), None));
        assert!(!Spec::of(&longest).may_meet(&Spec::of("2")) && Spec::of(&longer).may_meet(&Spec::of("2")));
    }

    #[test]
    fn two_ranges_meet_where_npms_own_library_says_so() {
        for (one, other, wanted) in [
            ("<3", "^3.0.0", false),
            ("<3", "^2.0.0", true),
            ("<=3.0.0", "^3.0.0", true),
            ("<3.0.0", "^3.0.0", false),
            (">2", "<2", false),
            (">=2", "<=2.0.0", true),
            (">2.0.0", "<=2.0.0", false),
            ("1 || 3", "^2", false),
            ("1 || 3", "^3.1", true),
            ("^1", "~1.4", true),
            ("1.x", "2.x", false),
            ("*", "^2", true),
            ("^2.0.0-rc.1", "<2.0.0", true),
            ("^1.2.3", "1.0.0 - 1.2.2", false),
            ("=1.2.3", "^1", true),
            ("=1.2.3", "^2", false),
            (">=1", "<0.5 || >9", true),
            ("1.2.3", "^1", true),
            ("^1", "2.0.0", false),
            ("latest", "^1", true),
        ] {
            let (one, other) = (Spec::of(one), Spec::of(other));
            assert_eq!((one.may_meet(&other), other.may_meet(&one)), (wanted, wanted), "{one:?} {other:?}");
        }
    }

    #[test]
    fn what_is_no_range_or_no_version_has_no_answer() {
        for spec in [
            "latest",
            "next-11",
            "github:o/r#semver:^1",
            "o/r",
            "git+https://example.com/o/r.git#v1",
            "https://example.com/a.tgz",
            "file:../a",
            "workspace:*",
            "~/a",
            ">=1.2.3<2.0.0",
            "^1.0.0 foo",
            "1.2.3beta",
            "01.2.3",
            "1.x.3",
            "1.2.3.4",
            ">",
            "1 -",
            "^99999999999999999999",
            "^18446744073709551615",
            "npm:other@latest",
        ] {
            assert_eq!(satisfies(spec, "1.2.3"), None, "{spec}");
        }
        assert_eq!(satisfies(&"1 ".repeat(200), "1.2.3"), None);
        assert_eq!(satisfies("^1.0.0", "1.2"), None);
        assert_eq!(satisfies("*", "anything"), Some(true));
    }

    #[test]
    fn another_name_has_the_range_behind_it() {
        for (spec, wanted) in [
            ("npm:other@^1.0.0", true),
            ("npm:@s/other@^2.0.0", false),
            ("npm:@s/other", true),
            ("npm:other", true),
            ("npm:other@", true),
        ] {
            assert_eq!(satisfies(spec, "1.2.3"), Some(wanted), "{spec}");
        }
    }
}
