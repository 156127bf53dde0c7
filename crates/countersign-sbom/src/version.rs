//! Which of two versions is later, by the rules of their ecosystem. What cannot be read has no order: unknown, and never
//! "not affected".

use countersign_core::limits;
use std::cmp::Ordering;

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Semantic versions 2.0, as Cargo and npm have them.
    SemVer,
    /// The same with or without a `v` in front, as Go has them.
    Go,
    /// Python's, by PEP 440.
    Pep440,
}

/// A version that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(Read);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Read {
    SemVer(semver::Version),
    Pep440(Pep440),
}

impl Version {
    /// Reads a version; `None` for one that is none by the rules.
    #[must_use]
    pub fn read(scheme: Scheme, text: &str) -> Option<Self> {
        if text.len() > limits::VERSION_BYTES {
            return None;
        }
        match scheme {
            Scheme::SemVer => semver::Version::parse(text.trim()).ok().map(|version| Self(Read::SemVer(version))),
            Scheme::Go => {
                let text = text.trim();
                let text = text.strip_prefix('v').or_else(|| text.strip_prefix("go")).unwrap_or(text);
                let parts = text.split(['-', '+']).next().unwrap_or_default().split('.').count();
                // Go's own releases leave out a last zero: `1.22`.
                let full = if parts == 2 && !text.contains(['-', '+']) { format!("{text}.0") } else { text.to_owned() };
                semver::Version::parse(&full).ok().map(|version| Self(Read::SemVer(version)))
            }
            Scheme::Pep440 => Pep440::read(text).map(|version| Self(Read::Pep440(version))),
        }
    }

    /// The order of two of one scheme. What stands behind a `+` in a semantic version does not count.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (&self.0, &other.0) {
            (Read::SemVer(a), Read::SemVer(b)) => Some(a.cmp_precedence(b)),
            (Read::Pep440(a), Read::Pep440(b)) => Some(a.key().cmp(&b.key())),
            (Read::SemVer(_), Read::Pep440(_)) | (Read::Pep440(_), Read::SemVer(_)) => None,
        }
    }
}

/// A version of Python's: `[N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local]`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pep440 {
    epoch: u64,
    release: Vec<u64>,
    pre: Option<(u8, u64)>,
    post: Option<u64>,
    dev: Option<u64>,
    local: Vec<Local>,
}

/// A part of what stands behind a `+`: words come before numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(String),
    Number(u64),
}

/// What is compared, in this order.
type Key<'v> = (u64, &'v [u64], (u8, u8, u64), Option<u64>, (u8, u64), &'v [Local]);

impl Pep440 {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = text.split_once('+').map_or((text, None), |(public, local)| (public, Some(local)));
        let local = local.map_or_else(|| Some(Vec::new()), read_local)?;
        let mut rest = Rest(public);
        let first = rest.number()?;
        let (epoch, first) = if rest.take("!") { (first, rest.number()?) } else { (0, first) };
        let mut release = vec![first];
        while let Some(after) = rest.0.strip_prefix('.').filter(|after| after.starts_with(|c: char| c.is_ascii_digit()))
        {
            rest.0 = after;
            release.push(rest.number()?);
        }
        while release.len() > 1 && release.last() == Some(&0) {
            release.pop();
        }
        let pre = rest.pre();
        let post = rest.post();
        let dev = rest.word(&["dev"]);
        rest.0.is_empty().then_some(Self { epoch, release, pre, post, dev, local })
    }

    fn key(&self) -> Key<'_> {
        let pre = match (self.pre, self.post, self.dev) {
            (Some((letter, number)), _, _) => (1, letter, number),
            // One that is only in development comes before all that were tried out.
            (None, None, Some(_)) => (0, 0, 0),
            (None, _, _) => (2, 0, 0),
        };
        let dev = self.dev.map_or((1, 0), |number| (0, number));
        (self.epoch, &self.release, pre, self.post, dev, &self.local)
    }
}

fn read_local(text: &str) -> Option<Vec<Local>> {
    text.split(['.', '-', '_'])
        .map(|part| {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                None
            } else if part.bytes().all(|byte| byte.is_ascii_digit()) {
                part.parse().ok().map(Local::Number)
            } else {
                Some(Local::Word(part.to_owned()))
            }
        })
        .collect()
}

struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn take(&mut self, word: &str) -> bool {
        self.0.strip_prefix(word).is_some_and(|after| {
            self.0 = after;
            true
        })
    }

    fn number(&mut self) -> Option<u64> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, after) = self.0.split_at_checked(end)?;
        let number = digits.parse().ok()?;
        self.0 = after;
        Some(number)
    }

    /// A word with its number, which is zero where it is left out, and signs around it.
    fn word(&mut self, words: &[&str]) -> Option<u64> {
        let before = self.0;
        if self.0.starts_with(['.', '-', '_']) {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
        if !words.iter().any(|word| self.take(word)) {
            self.0 = before;
            return None;
        }
        let after = self.0;
        if self.0.starts_with(['.', '-', '_']) {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
        let number = self.number();
        if number.is_none() {
            self.0 = after;
        }
        Some(number.unwrap_or(0))
    }

    fn pre(&mut self) -> Option<(u8, u64)> {
        for (letter, words) in [(0, &["alpha", "a"][..]), (1, &["beta", "b"]), (2, &["preview", "pre", "rc", "c"])] {
            if let Some(number) = self.word(words) {
                return Some((letter, number));
            }
        }
        None
    }

    fn post(&mut self) -> Option<u64> {
        if let Some(after) = self.0.strip_prefix('-').filter(|after| after.starts_with(|c: char| c.is_ascii_digit())) {
            self.0 = after;
            return self.number();
        }
        self.word(&["post", "rev", "r"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascending(scheme: Scheme, versions: &[&str]) {
        let read: Vec<Version> =
            versions.iter().map(|v| Version::read(scheme, v).unwrap_or_else(|| panic!("{v}"))).collect();
        for (i, a) in read.iter().enumerate() {
            for (j, b) in read.iter().enumerate() {
                assert_eq!(a.compare(b), Some(i.cmp(&j)), "{} {}", versions[i], versions[j]);
            }
        }
    }

    #[test]
    fn pythons_versions_have_the_order_of_pep_440() {
        ascending(
            Scheme::Pep440,
            &[
                "1.0.dev456",
                "1.0a1",
                "1.0a2.dev456",
                "1.0a12.dev456",
                "1.0a12",
                "1.0b1.dev456",
                "1.0b2",
                "1.0b2.post345.dev456",
                "1.0b2.post345",
                "1.0rc1.dev456",
                "1.0rc1",
                "1.0",
                "1.0+abc.5",
                "1.0+abc.7",
                "1.0+5",
                "1.0.post456.dev34",
                "1.0.post456",
                "1.0.15",
                "1.1.dev1",
                "2!0.1",
            ],
        );
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for (a, b) in [
            ("1.0", "1.0.0"),
            ("1.0-1", "1.0.post1"),
            ("1.0.RC-1", "1.0rc1"),
            ("v1.0alpha", "1.0a0"),
            ("1.0.preview.2", "1.0rc2"),
            ("1.0+UBUNTU-1", "1.0+ubuntu.1"),
            ("1.0_rev3", "1.0.post3"),
        ] {
            let read = |text| Version::read(Scheme::Pep440, text).unwrap();
            assert_eq!(read(a).compare(&read(b)), Some(Ordering::Equal), "{a} {b}");
        }
    }

    #[test]
    fn semantic_versions_and_gos_have_theirs() {
        ascending(
            Scheme::SemVer,
            &["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"],
        );
        ascending(
            Scheme::Go,
            &["0.0.0-20190101000000-abcdef123456", "v0.0.1", "go1.22", "1.22.1", "v2.0.0+incompatible"],
        );
        let built = |text| Version::read(Scheme::SemVer, text).unwrap();
        assert_eq!(built("1.0.0+a").compare(&built("1.0.0+b")), Some(Ordering::Equal));
    }

    #[test]
    fn what_is_no_version_has_no_order() {
        for text in ["", "1.x", "latest", "1.0.0.dev.x", "1..2", "1.0+", "1.0+a..b", "99999999999999999999999"] {
            assert_eq!(Version::read(Scheme::Pep440, text), None, "{text}");
        }
        for text in ["1.2", "^1.2.3", "git+https://example.com", "1.2.3.4"] {
            assert_eq!(Version::read(Scheme::SemVer, text), None, "{text}");
        }
        assert_eq!(Version::read(Scheme::Go, "(devel)"), None);
        assert_eq!(Version::read(Scheme::SemVer, &"1".repeat(300)), None);
        let (python, rust) = (Version::read(Scheme::Pep440, "1.0.0"), Version::read(Scheme::SemVer, "1.0.0"));
        assert_eq!(python.unwrap().compare(&rust.unwrap()), None);
    }
}
