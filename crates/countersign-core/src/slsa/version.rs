//! Tags that are versions, as far as one may be asked for by its first parts: `v13` for any `v13.x.y`.

/// Whether a tag is the version that is asked for: each part that is written out has to be the tag's, and a part that the tag
/// leaves out is zero. A version before a release (`-rc1`) is only matched when it is written out whole.
#[must_use]
pub fn matches(wanted: &str, tag: &str) -> bool {
    let (Some(wanted), Some(tag)) = (Version::parse(wanted), Version::parse(tag)) else { return false };
    let given = wanted.numbers.len();
    let number = |version: &Version<'_>, at: usize| version.numbers.get(at).copied().unwrap_or(0);
    let same = (0..given).all(|at| number(&wanted, at) == number(&tag, at));
    same && wanted.before == tag.before
}

/// Whether the text is a whole version: `v1.2.3`.
#[must_use]
pub fn is_whole(tag: &str) -> bool {
    Version::parse(tag).is_some_and(|version| version.numbers.len() == 3 && version.before.is_empty())
}

struct Version<'t> {
    numbers: Vec<u64>,
    before: &'t str,
}

impl<'t> Version<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let text = text.strip_prefix('v')?;
        let text = text.split('+').next()?;
        let (numbers, before) = text.split_once('-').unwrap_or((text, ""));
        let read = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let plain = plain && (part == "0" || !part.starts_with('0'));
            plain.then(|| part.parse().ok()).flatten()
        };
        let numbers = numbers.split('.').map(read).collect::<Option<Vec<u64>>>()?;
        (numbers.len() <= 3).then_some(Self { numbers, before })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_matched_by_the_parts_that_are_written_out() {
        for (wanted, tag, expected) in [
            ("v13", "v13.0.30", true),
            ("v13.0", "v13.0.30", true),
            ("v13.0.30", "v13.0.30", true),
            ("v14.0", "v14", true),
            ("v14", "v14.2", true),
            ("v14.2.1", "v14.2", false),
            ("v13.0.29", "v13.0.30", false),
            ("v1", "v13.0.30", false),
            ("v13", "13.0.30", false),
            ("v13", "v13.0.30-rc1", false),
            ("v13.0.30-rc1", "v13.0.30-rc1", true),
            ("v1", "v1.2.3.4", false),
            ("v1", "v01.2.3", false),
            ("", "", false),
        ] {
            assert_eq!(matches(wanted, tag), expected, "{wanted} {tag}");
        }
        assert!(is_whole("v1.2.3") && !is_whole("v1.2") && !is_whole("v1.2.3-rc1") && !is_whole("main"));
    }
}
