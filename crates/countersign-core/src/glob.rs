//! Globs over paths of a repository: `*` stands for any part of one name, `**` for any number of whole names, `?` for one
//! byte of a name, and everything else for itself. There is no escape, no set and no negation, so that nobody reads one
//! otherwise than it is meant; a name with such a character in it cannot be named.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest glob.
const LONGEST: usize = 1_024;

/// A glob over a whole path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PathGlob(String);

/// Why a text is not a glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a glob over paths: {problem}")]
pub struct GlobError {
    text: String,
    problem: &'static str,
}

impl PathGlob {
    /// Reads a glob.
    pub fn new(text: &str) -> Result<Self, GlobError> {
        let wrong = |problem| Err(GlobError { text: text.chars().take(120).collect(), problem });
        if text.is_empty() || text.len() > LONGEST {
            return wrong("it is empty or too long");
        }
        if text.bytes().any(|b| b.is_ascii_control() || matches!(b, b'\\' | b'[' | b']' | b'{' | b'}' | b'!')) {
            return wrong("it has a character that other globs read otherwise");
        }
        if text.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return wrong("it has an empty name, `.` or `..`");
        }
        if text.split('/').any(|name| name.contains("**") && name != "**") {
            return wrong("`**` stands alone between slashes");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a path matches, as git has it: bytes, parted by `/`.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let names: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
        let parts: Vec<&[u8]> = self.0.as_bytes().split(|b| *b == b'/').collect();
        // The set of places in the pattern that the names so far can have led to: never more work than names times parts.
        let mut at = reachable(&parts, vec![0]);
        for name in names {
            let mut next = Vec::new();
            for place in at {
                match parts.get(place) {
                    Some(part) if *part == b"**" => next.push(place),
                    Some(part) if name_matches(part, name) => next.push(place.saturating_add(1)),
                    _ => {}
                }
            }
            at = reachable(&parts, next);
        }
        at.contains(&parts.len())
    }
}

/// These places, and those behind a `**` that stands for nothing.
fn reachable(parts: &[&[u8]], mut places: Vec<usize>) -> Vec<usize> {
    let mut done = 0;
    while let Some(place) = places.get(done).copied() {
        let behind = place.saturating_add(1);
        if parts.get(place).is_some_and(|part| *part == b"**") && !places.contains(&behind) {
            places.push(behind);
        }
        done = done.saturating_add(1);
    }
    places.sort_unstable();
    places.dedup();
    places
}

pub(crate) fn name_matches(part: &[u8], name: &[u8]) -> bool {
    // Where the last `*` was, and what of the name it has taken so far: enough, since a later `*` makes an earlier moot.
    let (mut p, mut n) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(n) {
        match part.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p = p.saturating_add(1);
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                p = p.saturating_add(1);
                n = n.saturating_add(1);
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken.saturating_add(1)));
                    p = at.saturating_add(1);
                    n = taken.saturating_add(1);
                }
                None => return false,
            },
        }
    }
    part.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PathGlob {
    type Error = GlobError;

    fn try_from(text: String) -> Result<Self, GlobError> {
        Self::new(&text)
    }
}

impl From<PathGlob> for String {
    fn from(glob: PathGlob) -> Self {
        glob.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(glob: &str, path: &str) -> bool {
        PathGlob::new(glob).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_do_not() {
        for (glob, path, expected) in [
            ("Cargo.lock", "Cargo.lock", true),
            ("Cargo.lock", "x/Cargo.lock", false),
            ("Cargo.lock", "Cargo.lock.sh", false),
            ("*.lock", "Cargo.lock", true),
            ("*.lock", "x/Cargo.lock", false),
            ("**/Cargo.lock", "Cargo.lock", true),
            ("**/Cargo.lock", "a/b/Cargo.lock", true),
            ("**/Cargo.lock", "a/b/notCargo.lock", false),
            ("docs/**", "docs/a/b.md", true),
            ("docs/**", "docs", true),
            ("docs/**", "docsx/a", false),
            ("docs/*", "docs/a/b", false),
            ("a/**/b/*.?", "a/b/x.y", true),
            ("a/**/b/*.?", "a/b/b/b/x.y", true),
            ("a/**/b/*.?", "a/b/b/x.yz", false),
            ("*a*b", "xaybzab", true),
            ("*a*b", "xaybza", false),
            ("*", "a/b", false),
            ("**", "a/b", true),
        ] {
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        }
    }

    #[test]
    fn what_other_globs_read_otherwise_is_refused() {
        for text in ["", "/a", "a//b", "../a", "a/./b", "a**", "{a,b}", "[ab]", "!a", "a\\*", "a\n"] {
            assert!(PathGlob::new(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_path_matches_itself_and_two_stars(path in "[a-z.]{1,4}x(/[a-z]{1,3}){0,4}") {
            prop_assert!(matches(&path, &path) && matches("**", &path));
            let folder = format!("{path}/**");
            let below = format!("{path}/q");
            prop_assert!(matches(&folder, &below));
        }
    }
}
