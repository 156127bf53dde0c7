//! Whether a `.gitattributes` file may set an attribute for a path: `merge` (step 7 of the merge rule), and those that
//! keep a diff from being shown. It errs on the side of "may": what it cannot decide counts as set, whichever tree it
//! stands in, and whether or not another line takes it back.

/// What is asked of a `.gitattributes` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// How the path is merged.
    Merge,
    /// That no diff of the path is shown.
    NoDiff,
    /// That the path is generated, which forges take for a reason to fold its diff away.
    Generated,
}

impl Asked {
    /// Whether a word of a line sets it.
    fn is_set_by(self, word: &[u8]) -> bool {
        let name = |word: &[u8]| word.split(|b| *b == b'=').next().unwrap_or_default().to_vec();
        match self {
            // `merge`, or the macro `binary` that contains it: set, unset, unspecified or with a value.
            Self::Merge => {
                let word = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"!")).unwrap_or(word);
                matches!(name(word).as_slice(), b"merge" | b"binary")
            }
            Self::NoDiff => matches!(word, b"-diff" | b"binary") || word.starts_with(b"binary="),
            Self::Generated => {
                let on = !word.ends_with(b"=false") && !word.ends_with(b"=0");
                on && matches!(name(word).as_slice(), b"linguist-generated" | b"gitlab-generated")
            }
        }
    }

    /// Words that a line cannot do without if it sets it.
    const fn signs(self) -> &'static [&'static [u8]] {
        match self {
            Self::Merge => &[b"merge", b"binary"],
            Self::NoDiff => &[b"-diff", b"binary"],
            Self::Generated => &[b"linguist-generated", b"gitlab-generated"],
        }
    }
}

/// For which paths a `.gitattributes` file may set what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attributes {
    /// Lines that set it: their patterns.
    Patterns(Vec<Vec<u8>>),
    /// It cannot be told for which paths; so for all.
    All,
}

impl Attributes {
    /// Reads the content of a `.gitattributes` file.
    pub(super) fn parse(content: &[u8], asked: Asked) -> Self {
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
                asked.signs().iter().any(|sign| line.windows(sign.len()).any(|window| window == *sign))
            } else {
                words.any(|word| asked.is_set_by(word))
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

    /// Whether it may set it for this path, given from the folder that the file lies in.
    pub(super) fn may_set(&self, path: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Patterns(patterns) => patterns.iter().any(|pattern| may_match(pattern, path)),
        }
    }
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
        Attributes::parse(content.as_bytes(), Asked::Merge).may_set(path.as_bytes())
    }

    #[test]
    fn what_hides_a_diff_is_told_from_what_merges_and_from_what_takes_it_back() {
        let set = |asked, line: &str| Attributes::parse(line.as_bytes(), asked).may_set(b"a/d.md");
        for line in ["*.md -diff", "*.md text binary", "[attr]quiet -diff\n*.md quiet", "\"a b\" -diff"] {
            assert!(set(Asked::NoDiff, line), "{line}");
        }
        for line in ["*.md diff", "*.md !diff", "*.md diff=markdown", "*.rs -diff", "*.md -merge", "# *.md -diff"] {
            assert!(!set(Asked::NoDiff, line), "{line}");
        }
        for line in ["*.md linguist-generated", "*.md linguist-generated=true", "a/** gitlab-generated=1"] {
            assert!(set(Asked::Generated, line), "{line}");
        }
        for line in ["*.md -linguist-generated", "*.md linguist-generated=false", "*.md linguist-vendored"] {
            assert!(!set(Asked::Generated, line), "{line}");
        }
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
