//! The rules for one file's text: each takes the text and gives back what is wrong, as `line: what`. Pure.

/// Unfinished work. Spelt in halves, so that this table does not find itself.
const MARKS: &[(&str, &str)] = &[
    ("to", "do!("),
    ("unimple", "mented!("),
    ("FIX", "ME"),
    ("XX", "X"),
    ("TO", "DO"),
    ("db", "g!("),
    ("#[ig", "nore"),
];

/// Beginnings of absolute paths of somebody's machine.
const LOCAL: &[(&str, &str)] = &[("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/")];

/// How many lines come before the unit tests at the end.
pub(crate) fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| matches!(pair, ["#[cfg(test)]", next] if next.starts_with("mod ") && next.ends_with('{')));
    tests.unwrap_or(lines.len())
}

/// A file says first what it is for.
pub(crate) fn header(text: &str) -> Option<String> {
    let first = text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    (!says).then(|| "1: has no `//!` header that says its purpose".to_owned())
}

/// A file that is too long is several files.
pub(crate) fn size(text: &str, most: usize) -> Option<String> {
    let lines = lines_before_tests(text);
    (lines > most).then(|| format!("{lines}: more than {most} lines before its tests; split it along a real seam"))
}

/// Nothing unfinished is kept.
pub(crate) fn marks(text: &str) -> Vec<String> {
    let found = |line: &str, (a, b): &(&str, &str)| has_word(line, &format!("{a}{b}"));
    on_lines(text, |line| {
        let mark = MARKS.iter().find(|mark| found(line, mark))?;
        Some(format!("unfinished mark `{}{}`", mark.0, mark.1))
    })
}

/// No path of a machine that others do not have.
pub(crate) fn local_paths(text: &str) -> Vec<String> {
    on_lines(text, |line| {
        let path = LOCAL.iter().map(|(a, b)| format!("{a}{b}")).find(|path| starts_a_path(line, path))?;
        Some(format!("path of a local machine, `{path}…`"))
    })
}

/// `\n` at the end of every line and of the file, and nothing between text and line end.
pub(crate) fn white_space(text: &str) -> Vec<String> {
    let mut faults = on_lines(text, |line| {
        let fault = if line.ends_with('\r') {
            "carriage return at the end of the line"
        } else if line.ends_with([' ', '\t']) {
            "white space at the end of the line"
        } else {
            return None;
        };
        Some(fault.to_owned())
    });
    let last = text.lines().count();
    if !text.is_empty() && !text.ends_with('\n') {
        faults.push(format!("{last}: no newline at the end of the file"));
    }
    if text.ends_with("\n\n") {
        faults.push(format!("{last}: empty lines at the end of the file"));
    }
    faults
}

/// An exception from a lint carries its reason. Macros hide attributes from the compiler's own check, so text is read.
pub(crate) fn reasons(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let code: Vec<(usize, &str)> =
        text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).collect();
    for (at, (number, line)) in code.iter().enumerate() {
        let line = line.trim_start();
        if !line.starts_with("#[expect(") && !line.starts_with("#![expect(") {
            continue;
        }
        let attribute: Vec<&str> = code.iter().skip(at).map(|(_, line)| *line).scan(false, up_to_end).collect();
        if !attribute.concat().contains("reason = \"") {
            faults.push(format!("{}: lint exception without a reason", number.saturating_add(1)));
        }
    }
    faults
}

/// A relative link leads to a file.
pub(crate) fn links(text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut fenced = false;
    on_lines(text, |line| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            return None;
        }
        let mut targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let dead = targets.find(|target| !target.is_empty() && !target.contains("://") && !exists(target))?;
        Some(format!("link to `{dead}`, which is not there"))
    })
}

fn up_to_end<'a>(done: &mut bool, line: &'a str) -> Option<&'a str> {
    if *done {
        return None;
    }
    *done = line.trim_end().ends_with(")]");
    Some(line)
}

fn on_lines(text: &str, mut rule: impl FnMut(&str) -> Option<String>) -> Vec<String> {
    let lines = text.split('\n').enumerate();
    lines.filter_map(|(i, line)| rule(line).map(|fault| format!("{}: {fault}", i.saturating_add(1)))).collect()
}

/// Whether the word stands there by itself, and not inside a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|s| s.chars().next_back());
        let after = line.get(at.saturating_add(word.len())..).and_then(|s| s.chars().next());
        let longer = word.ends_with(char::is_alphanumeric) && after.is_some_and(inner);
        !longer && !before.is_some_and(inner)
    })
}

/// Whether an absolute path begins with this here: what stands before is no part of a path or address.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|s| s.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '*' | '~'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [String; 0] = [];

    fn joined(pair: &(&str, &str)) -> String {
        format!("{}{}", pair.0, pair.1)
    }

    #[test]
    fn a_file_without_a_header_is_refused() {
        assert_eq!(header("//! What it is for.\n"), None);
        for text in ["", "//!\n", "// plain\n", "use std::fs;\n//! late\n"] {
            assert!(header(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn the_size_does_not_count_the_unit_tests_at_the_end() {
        let text = "//! A.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(lines_before_tests(text), 3);
        assert_eq!(size(text, 3), None);
        assert!(size(text, 2).unwrap().contains("more than 2"));
        assert_eq!(lines_before_tests("#[cfg(test)]\nmod tests;\nfn a() {}\n"), 3, "a module elsewhere ends nothing");
    }

    #[test]
    fn every_unfinished_mark_is_found_and_words_that_contain_one_are_not() {
        for mark in MARKS {
            let mark = joined(mark);
            assert_eq!(marks(&format!("fn a() {{}}\n    {mark}")).len(), 1, "{mark}");
            assert_eq!(marks(&format!("a{mark}")).len(), 0, "a{mark}");
        }
        assert_eq!(marks("mktemp XXXXXX"), NONE);
        assert_eq!(marks("fn a() {}\n"), NONE);
    }

    #[test]
    fn a_path_of_a_local_machine_is_found_and_a_path_inside_the_project_is_not() {
        for path in LOCAL {
            let path = joined(path);
            assert_eq!(local_paths(&format!("let a = \"{path}x\";")).len(), 1, "{path}");
            assert_eq!(local_paths(&format!("see {path}x")).len(), 1, "{path}");
            assert_eq!(local_paths(&format!("docs{path}x https://host.example{path}")).len(), 0, "{path}");
        }
    }

    #[test]
    fn line_ends_are_held() {
        assert_eq!(white_space("a\nb\n"), NONE);
        assert_eq!(white_space("a \nb\t\n").len(), 2);
        assert!(white_space("a\r\n").concat().contains("carriage return"));
        assert!(white_space("a").concat().contains("no newline"));
        assert!(white_space("a\n\n").concat().contains("empty lines"));
    }

    #[test]
    fn an_exception_without_a_reason_is_refused_also_over_several_lines() {
        assert_eq!(reasons("#[expect(dead_code, reason = \"why\")]\n"), NONE);
        assert_eq!(reasons("#![expect(\n    dead_code,\n    reason = \"why\"\n)]\n"), NONE);
        assert_eq!(reasons("fn a() {}\n  #[expect(dead_code)]\nfn b() {}\n"), ["2: lint exception without a reason"]);
        assert_eq!(reasons("#[expect(\n    dead_code,\n)]\nconst A: &str = \"reason = \\\"\";\n").len(), 1);
    }

    #[test]
    fn a_dead_link_is_named_and_an_address_or_an_example_is_not() {
        let text = "[a](a.md) [b](b.md#part) [c](https://c.example) [d](#part)\n```\n[e](e.md)\n```\n";
        assert_eq!(links(text, |target| target == "a.md"), ["1: link to `b.md`, which is not there"]);
    }
}
