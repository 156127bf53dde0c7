//! Whether a `.gitattributes` file may set `merge` for a path (step 7). It errs on the side of "may": what it cannot
//! decide counts as set, whichever of the three trees it stands in, and whether or not another line takes it back.

/// What a `.gitattributes` file says about merging.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attributes {
    /// Lines that set `merge`: their patterns.
    Patterns(Vec<Vec<u8>>),
    /// It cannot be told for which paths; so for all.
    All,
}

impl Attributes {
    /// Reads the content of a `.gitattributes` file.
    pub(super) fn parse(content: &[u8]) -> Self {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let mut patterns = Vec::new();
        for line in content.split(|b| *b == b'\n') {
            let mut words = line.split(|b| matches!(b, b' ' | b'\t' | b'\r')).filter(|w| !w.is_empty());
            let Some(pattern) = words.next().filter(|w| !w.starts_with(b"#")) else {
                continue;
            };
            // A quoted pattern may have spaces in it, so where the attributes start is not known: look everywhere.
            let quoted = pattern.starts_with(b"\"");
            let sets = if quoted {
                line.windows(5).any(|w| w == b"merge") || line.windows(6).any(|w| w == b"binary")
            } else {
                words.any(sets_merge)
            };
            if !sets {
                continue;
            }
            if quoted || pattern.starts_with(b"[attr]") {
                return Self::All;
            }
            patterns.push(pattern.to_vec());
        }
        Self::Patterns(patterns)
    }

    /// Whether it may set `merge` for this path, given from the folder that the file lies in.
    pub(super) fn may_set_merge(&self, path: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Patterns(patterns) => patterns.iter().any(|pattern| may_match(pattern, path)),
        }
    }
}

/// `merge`, or the macro `binary` that contains it: set, unset, unspecified or with a value.
fn sets_merge(word: &[u8]) -> bool {
    let name = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"!")).unwrap_or(word);
    let name = name.split(|b| *b == b'=').next().unwrap_or_default();
    name == b"merge" || name == b"binary"
}

/// A superset of git's matching: without regard to case, `*` also across folders, and yes to every pattern with
/// brackets or a backslash.
fn may_match(pattern: &[u8], path: &[u8]) -> bool {
    if pattern.iter().any(|b| matches!(b, b'[' | b'\\')) {
        return true;
    }
    if pattern.contains(&b'/') {
        // `**/` may stand for nothing, which `*` with the slash after it would not.
        let pattern = pattern.strip_prefix(b"/").unwrap_or(pattern);
        let pattern: Vec<u8> = split_double_stars(pattern);
        return glob(&pattern, path);
    }
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
    glob(pattern, name)
}

/// `**/` becomes `*`, since `*` crosses folders here.
fn split_double_stars(pattern: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(b"**/") {
            out.push(b'*');
            rest = after;
        } else if let Some(after) = rest.strip_prefix(b"/**") {
            out.push(b'*');
            rest = after;
        } else {
            out.push(*first);
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    out
}

/// `*` is any bytes, `?` is one; everything else is itself, in either case.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0_usize, 0_usize);
    // Where to go on after the last `*` if what follows it does not match here.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let (want, have) = (pattern.get(p), text.get(t));
        match (want, have) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                p = p.saturating_add(1);
                retry = Some((p, t));
                continue;
            }
            (Some(w), Some(h)) if *w == b'?' || w.eq_ignore_ascii_case(h) => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
                continue;
            }
            (Some(_), _) | (None, Some(_)) => {}
        }
        match retry {
            Some((after, from)) if from < text.len() => {
                let from = from.saturating_add(1);
                retry = Some((after, from));
                p = after;
                t = from;
            }
            Some(_) | None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(content: &str, path: &str) -> bool {
        Attributes::parse(content.as_bytes()).may_set_merge(path.as_bytes())
    }

    #[test]
    fn a_line_that_sets_merge_counts_for_the_paths_it_matches() {
        for line in ["*.md merge=union", "*.md text -merge", "*.md\tbinary\r", "\u{feff}*.MD !merge", "d.* merge"] {
            assert!(may(line, "a/d.md"), "{line}");
            assert!(!may(line, "a/e.rs"), "{line}");
        }
        assert!(!may("# * merge", "a"));
        assert!(!may("*.md text eol=lf merges=x diff", "a/d.md"));
        assert!(!may("", "a"));
    }

    #[test]
    fn a_pattern_with_a_slash_is_matched_against_the_whole_path() {
        assert!(may("/a/d.md merge", "a/d.md"));
        assert!(!may("/d.md merge", "a/d.md"));
        assert!(may("**/d.md merge", "d.md"));
        assert!(may("a/**/d.md merge", "a/d.md"));
        assert!(may("a/**/d.md merge", "a/b/c/d.md"));
        assert!(may("a/** merge", "a/b/c/d.md"));
        assert!(!may("b/** merge", "a/b/c/d.md"));
    }

    #[test]
    fn what_cannot_be_decided_counts_as_set() {
        assert!(may("[attr]own merge=union\n*.x own", "a.y"));
        assert!(may("\"a b\" merge=x", "c"));
        assert!(may("[xy] merge", "c"));
        assert!(may("\\c merge", "d"));
        assert!(!may("[attr]own diff\n\"a b\" text", "c"));
    }
}
