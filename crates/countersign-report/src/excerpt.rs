//! The line of a file that a finding is about, with a mark below the place.

use crate::escape::{plain, push};
use crate::reports::Place;
use crate::table::width;
use countersign_core::finding::Finding;
use std::collections::BTreeMap;

/// The widest line that is shown; of a longer one, the part around the place.
const WIDE: usize = 100;

/// How much stands before the place, where not all of the line is shown.
const BEFORE: usize = 40;

/// Lines of files by their places, as findings name them. What is not in it has no line that could be shown, and only its
/// place is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpts(BTreeMap<String, String>);

impl Excerpts {
    /// Keeps the line at a place.
    pub fn insert(&mut self, place: &str, line: &str) {
        self.0.insert(place.to_owned(), line.to_owned());
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The line that a finding is about, with its number and the mark, harmless to look at; nothing where it is not known.
    pub(crate) fn of(&self, finding: &Finding) -> String {
        let shown = |at: &String| marked(&Place::parse(at, "")?, self.0.get(at)?);
        finding.at.iter().find_map(shown).unwrap_or_default()
    }
}

/// The line and the mark. Nothing where the line does not reach to the place: then it is another one.
fn marked(place: &Place, line: &str) -> Option<String> {
    let characters: Vec<char> = line.chars().collect();
    let number = place.line.to_string();
    let margin = " ".repeat(width(&number));
    let mut out = String::new();
    let Some(column) = place.column else {
        let text: String = characters.iter().take(WIDE).collect();
        push(&mut out, format_args!("   {number} | {}\n", shown(&text)));
        return Some(out);
    };
    let at = usize::try_from(column).ok()?.checked_sub(1)?;
    let marked = characters.get(at..).filter(|rest| !rest.is_empty())?;
    let begin = if characters.len() > WIDE { at.saturating_sub(BEFORE) } else { 0 };
    let end = characters.len().min(begin.saturating_add(WIDE));
    let length = marked.iter().take(end.saturating_sub(at)).take_while(|c| is_of_word(**c)).count().max(1);
    let text = |from: usize, to: usize| -> String {
        shown(&characters.get(from..to).unwrap_or_default().iter().collect::<String>())
    };
    let (first, last) = (if begin > 0 { "…" } else { "" }, if end < characters.len() { "…" } else { "" });
    let before = format!("{first}{}", text(begin, at));
    push(&mut out, format_args!("   {number} | {before}{}{last}\n", text(at, end)));
    let mark = "^".repeat(width(&text(at, at.saturating_add(length))).max(1));
    push(&mut out, format_args!("   {margin} | {}{mark}\n", " ".repeat(width(&before))));
    Some(out)
}

/// Part of a line, harmless to look at. A tab counts for four blanks.
fn shown(text: &str) -> String {
    plain(&text.replace('\t', "    "))
}

/// Whether it is of the word that begins at the place.
fn is_of_word(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '"' | '\'' | ',' | ']' | '}' | ')' | ';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::codes;

    fn of(at: &str, line: &str) -> String {
        let mut lines = Excerpts::default();
        lines.insert(at, line);
        lines.of(&Finding::new(codes::IMAGE_REGISTRY, "an image").at(at).at("config-snapshot sha256:00"))
    }

    #[test]
    fn the_word_at_the_place_is_marked_below_its_line() {
        insta::assert_snapshot!(of("k8s/deploy.yaml:77:16", "        image: nginx:latest # ours"), @r"
           77 |         image: nginx:latest # ours
              |                ^^^^^^^^^^^^
        ");
        insta::assert_snapshot!(of("a.yaml:7:9", "\timage: 'nginx'"), @r"
           7 |     image: 'nginx'
             |            ^
        ");
        insta::assert_snapshot!(of("a.yaml:7", "image: nginx"), @"   7 | image: nginx");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let line = format!("{}image: nginx{}", "x".repeat(300), "y".repeat(300));
        let text = of("a.yaml:1:308", &line);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].chars().count() < 120 && lines[0].contains("…") && lines[0].ends_with('…'), "{text}");
        let mark = lines[1].find('^').unwrap();
        assert_eq!(lines[0].chars().skip(mark).take(5).collect::<String>(), "nginx", "{text}");
    }

    #[test]
    fn a_line_that_does_not_reach_to_the_place_is_not_shown_and_none_steers_the_terminal() {
        assert_eq!(of("a.yaml:7:40", "image: nginx"), "");
        assert_eq!(of("a.yaml:7:1", ""), "");
        assert_eq!(of("sha256:00", "image"), "");
        let hostile = of("a.yaml:7:3", "\u{1b}[31m\u{202e}x\rPASS");
        assert_eq!(hostile.lines().count(), 2, "{hostile}");
        assert!(hostile.chars().all(|c| c == '\n' || !crate::escape::is_hidden(c)), "{hostile}");
    }
}
