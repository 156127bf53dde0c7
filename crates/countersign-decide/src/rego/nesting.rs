//! How deep a text in Rego nests, counted before the parser sees it: some of what nests takes the parser time without
//! bound, or its stack.

use super::Place;
use countersign_core::limits;

/// The place where a text first nests deeper than is read.
pub(super) fn too_deep(text: &str) -> Option<Place> {
    let mut open = 0_usize;
    // The parser takes twice the time for each level that something stands in.
    let mut work = 0_u64;
    // Signs, and words that take what follows them into themselves, one right after another.
    let mut run = 0_usize;
    let (mut line, mut column) = (1_usize, 0_usize);
    let mut state = State::Code;
    let mut word = String::new();
    for letter in text.chars() {
        if letter == '\n' {
            line = line.saturating_add(1);
            column = 0;
        } else {
            column = column.saturating_add(1);
        }
        match (state, letter) {
            (State::Comment, '\n') | (State::Text, '"' | '\n') | (State::Raw, '`') => state = State::Code,
            (State::Text, '\\') => state = State::Escaped,
            (State::Escaped, _) => state = State::Text,
            (State::Comment | State::Text | State::Raw, _) => {}
            (State::Code, _) => {
                if letter.is_alphanumeric() || letter == '_' {
                    word.push(letter);
                    continue;
                }
                if !word.is_empty() {
                    run = if PREFIXES.contains(&word.as_str()) { run.saturating_add(1) } else { 0 };
                    word.clear();
                }
                match letter {
                    '#' => state = State::Comment,
                    '"' => state = State::Text,
                    '`' => state = State::Raw,
                    '[' | '{' | '(' => {
                        open = open.saturating_add(1);
                        let level = u32::try_from(open).unwrap_or(u32::MAX);
                        work = work.saturating_add(1_u64.checked_shl(level).unwrap_or(u64::MAX));
                    }
                    ']' | '}' | ')' => {
                        open = open.saturating_sub(1);
                        run = 0;
                    }
                    '-' => run = run.saturating_add(1),
                    _ if letter.is_whitespace() => {}
                    _ => run = 0,
                }
                if open > limits::REGO_NESTING || run > limits::REGO_NESTING || work > limits::REGO_PARSING {
                    return Some(Place { line, column, length: 1 });
                }
            }
        }
    }
    None
}

/// Words after which the same may stand again.
const PREFIXES: [&str; 4] = ["not", "every", "some", "else"];

#[derive(Clone, Copy)]
enum State {
    Code,
    Text,
    Escaped,
    Raw,
    Comment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_deeper_than_rules_do_is_refused_before_it_is_parsed() {
        for (open, close) in [
            ("[", "]"),
            ("{", "}"),
            ("(", ")"),
            ("-", ""),
            ("- ", ""),
            ("-\n", ""),
            ("abs(", ")"),
            ("every x in [1] { ", "}"),
            ("[x | x := ", "]"),
        ] {
            let nested = |depth: usize| format!("a := {}1{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(too_deep(&nested(8)), None, "{open}");
            assert!(too_deep(&nested(17)).is_some(), "{open}");
            assert!(too_deep(&nested(20_000)).is_some(), "{open}");
        }
        assert!(too_deep(&format!("a := {}1{}\n", "[".repeat(14), "]".repeat(14)).repeat(1_000)).is_some());
        assert_eq!(too_deep("a := 1\nb := [[[[[[[[[[[[[[[[[1"), Some(Place { line: 2, column: 22, length: 1 }));
    }

    #[test]
    fn what_stands_in_texts_and_comments_does_not_nest() {
        let deep = "[".repeat(30);
        for text in [
            format!("a := \"{deep}\""),
            format!("a := `{deep}\n{deep}`"),
            format!("# {deep}\na := 1"),
            format!("a := \"\\\"{deep}\""),
            "a := [1]\n".repeat(100),
            "a := 1 - 2\n".repeat(100),
        ] {
            assert_eq!(too_deep(&text), None, "{text}");
        }
        assert!(too_deep(&format!("a := \"\\\\\" + {deep}")).is_some());
        assert!(too_deep(&format!("a := `\\` + {deep}")).is_some());
        assert!(too_deep(&format!("# \"\na := {deep}")).is_some());
    }
}
