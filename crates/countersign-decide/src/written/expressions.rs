//! Regular expressions of rules: what does not compile, and what matches more than it seems to.

use regex::{Error, Regex};

/// What to do about one that does not compile.
pub(super) const MEND: &str = "write `\\` before a sign that stands for itself, and close every bracket";

/// Why an expression does not compile, if it does not: with the reason, and the sign at which it ends.
pub(super) fn broken(pattern: &str) -> Option<String> {
    let error = Regex::new(pattern).err()?;
    let Error::Syntax(said) = &error else {
        return Some(format!("the expression does not compile: {}", one_line(&error.to_string())));
    };
    // The parser's own words: the expression, a mark below the place, and the reason behind `error: `.
    let reason = said.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it is no expression");
    let mark = said.lines().find(|line| line.contains('^') && line.trim_matches([' ', '^']).is_empty());
    let offset = mark.filter(|_| !pattern.contains('\n')).and_then(|line| line.find('^')?.checked_sub(INDENT));
    let at = offset.map(|offset| (offset.saturating_add(1), pattern.chars().nth(offset)));
    Some(match at {
        Some((number, Some(sign))) => {
            format!("the expression does not compile: {reason}, at its character {number}, `{sign}`")
        }
        Some((_, None)) => format!("the expression does not compile: {reason}, at its end"),
        None => format!("the expression does not compile: {reason}"),
    })
}

/// By how much the parser's words indent an expression.
const INDENT: usize = 4;

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a regular expression matches beside what it seems to.
pub(super) fn surprises(function: &str, pattern: &str) -> Vec<(String, &'static str)> {
    let mut out = Vec::new();
    let ascii = pattern.starts_with("(?-u");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\'
            && let Some(class) = letters.next().filter(|class| "dwsbDWSB".contains(*class) && !ascii)
        {
            out.push((
                format!("`\\{class}` goes by the letters and digits of all scripts here, and not in OPA"),
                "write the characters that you mean, such as `[0-9]` or `[0-9A-Za-z_]`",
            ));
        }
    }
    if set_operation(pattern) {
        out.push((
            "`&&`, `--`, `~~` and `[` in a class are operations on sets here, and letters in OPA".to_owned(),
            "escape the letter, as in `[\\[&]`, or write it once",
        ));
    }
    if pattern.starts_with("(?i)") {
        out.push((
            "`(?i)` folds letters of all scripts: `k` also matches the sign for kelvin".to_owned(),
            "compare with `lower(…)`, or write `(?i-u)`",
        ));
    }
    let body = pattern.trim_start_matches("(?-u)").trim_start_matches("(?i-u)");
    if function == "regex.match" && !(body.starts_with('^') && body.ends_with('$')) {
        out.push((
            "the expression is not anchored: it also matches inside of longer text".to_owned(),
            "begin it with `^` and end it with `$`; with `^.*…` where you mean any text before",
        ));
    }
    let alternatives = body.starts_with('^') && body.ends_with('$') && top_level_alternative(body);
    if function == "regex.match" && alternatives {
        out.push(("`^a|b$` anchors each side of the `|` on one end only".to_owned(), "write `^(a|b)$`"));
    }
    out
}

/// Whether a class in an expression holds what is more than its letters.
fn set_operation(pattern: &str) -> bool {
    let mut class = false;
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        match letter {
            '\\' => drop(letters.next()),
            '[' if !class => {
                class = true;
                // A bracket at the beginning of a class is a letter of it.
                letters.next_if_eq(&'^');
                letters.next_if_eq(&']');
            }
            '[' if next == Some(':') => drop(letters.by_ref().find(|letter| *letter == ']')),
            '[' => return true,
            '&' | '-' | '~' if class && next == Some(letter) => return true,
            ']' => class = false,
            _ => {}
        }
    }
    false
}

fn top_level_alternative(pattern: &str) -> bool {
    let mut depth = 0_usize;
    let mut class = false;
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth = depth.saturating_add(1),
            ')' if !class => depth = depth.saturating_sub(1),
            '|' if !class && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_compile_is_said_with_its_reason_and_place() {
        for (pattern, said) in [
            ("^([", "unclosed character class, at its character 3, `[`"),
            ("^(a$", "unclosed group, at its character 2, `(`"),
            ("^a**$", ""),
            (
                "^ä(?=b)$",
                "look-around, including look-ahead and look-behind, is not supported, at its character 3, `(`",
            ),
            ("^\\", "incomplete escape sequence, reached end of pattern prematurely, at its character 2, `\\`"),
            ("^(\n[", "unclosed character class"),
            ("^(a{1000}){1000}$", "exceeds size limit"),
        ] {
            let found = broken(pattern).unwrap_or_default();
            assert_eq!(found.is_empty(), said.is_empty(), "{pattern}: {found}");
            assert!(found.contains(said) && !found.contains('\n'), "{pattern}: {found}");
        }
    }
}
