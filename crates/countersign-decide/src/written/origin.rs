//! Where the Rego that a `rule.yaml` was compiled to comes from: what is wrong in it is said of the line that its author
//! wrote, and so is the condition at which a case stops.

use super::problem::Problem;
use crate::rego::Place;
use countersign_core::yaml::Yaml;

/// How many lines of the compiled Rego come before the first that a line of the body was made from.
const ABOVE: usize = 3;

/// The places that compiled Rego was made from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origins {
    /// Of each line of the body: `for_each`, and what each condition says of its field.
    pub lines: Vec<Place>,
    parts: Vec<Part>,
}

/// A part of a line of the compiled Rego.
#[derive(Debug, Clone)]
struct Part {
    line: usize,
    from: usize,
    to: usize,
    at: Place,
    /// Whether it stands there letter by letter.
    same: bool,
}

/// Compiled Rego while it is written, with its origins.
#[derive(Debug)]
pub(super) struct Writer<'t> {
    /// The text of the `rule.yaml`.
    source: &'t str,
    pub rego: String,
    pub origins: Origins,
    line: usize,
    column: usize,
}

impl<'t> Writer<'t> {
    pub(super) fn new(source: &'t str) -> Self {
        Self { source, rego: String::new(), origins: Origins::default(), line: 1, column: 1 }
    }

    /// Text that nobody wrote.
    pub(super) fn text(&mut self, text: &str) {
        self.rego.push_str(text);
        for letter in text.chars() {
            self.column = self.column.saturating_add(1);
            if letter == '\n' {
                (self.line, self.column) = (self.line.saturating_add(1), 1);
            }
        }
    }

    /// Text that was made from what stands at a place.
    pub(super) fn part(&mut self, text: &str, at: Place) {
        let (line, from) = (self.line, self.column);
        self.text(text);
        let same = rest(self.source, at).starts_with(text);
        self.origins.parts.push(Part { line, from, to: self.column, at, same });
    }

    /// A line of the body begins, made from what stands at a place.
    pub(super) fn begin(&mut self, at: Place) {
        self.origins.lines.push(at);
        self.text("\t");
    }

    /// The place of a value.
    pub(super) fn place(&self, value: &Yaml) -> Place {
        whole(self.source, value)
    }

    /// The place of a name that stands there: without its quotes.
    pub(super) fn name(&self, value: &Yaml) -> Place {
        let at = self.place(value);
        let quoted = rest(self.source, at).starts_with(['"', '\'']);
        if quoted {
            Place { column: at.column.saturating_add(1), length: at.length.saturating_sub(2).max(1), ..at }
        } else {
            at
        }
    }
}

impl Origins {
    /// Says what is wrong with compiled Rego of the place that it was made from.
    pub(super) fn trace(&self, file: &str, problem: &mut Problem) {
        // Rego that somebody wrote is its own place.
        if !self.lines.is_empty()
            && problem.file == file
            && let Some(place) = problem.place
        {
            problem.place = self.of(place);
        }
    }

    /// The same of what went wrong while it was evaluated: the engine counts columns otherwise there, so the line counts.
    pub(super) fn trace_line(&self, file: &str, problem: &mut Problem) {
        if problem.file == file
            && let Some(place) = problem.place
        {
            problem.place = self.line(place);
        }
    }

    fn line(&self, place: Place) -> Option<Place> {
        self.lines.get(place.line.checked_sub(ABOVE.saturating_add(1))?).copied()
    }

    fn of(&self, place: Place) -> Option<Place> {
        let hit = |part: &&Part| part.line == place.line && (part.from..part.to).contains(&place.column);
        if let Some(part) = self.parts.iter().find(hit) {
            let offset = place.column.saturating_sub(part.from);
            let exact = Place {
                line: part.at.line,
                column: part.at.column.saturating_add(offset),
                length: place.length.min(part.to.saturating_sub(place.column)).max(1),
            };
            return Some(if part.same { exact } else { part.at });
        }
        self.line(place)
    }
}

/// The place of a value: the whole of it, as far as it stands on its first line.
pub(super) fn whole(source: &str, value: &Yaml) -> Place {
    let at = Place { line: value.line, column: value.column, length: 1 };
    let rest = rest(source, at);
    let mut letters = rest.chars();
    let quote = letters.next().filter(|first| matches!(first, '"' | '\''));
    let length = match quote {
        Some(quote) => {
            let mut escaped = false;
            let inside = letters.take_while(|letter| {
                let end = *letter == quote && !escaped;
                escaped = *letter == '\\' && quote == '"' && !escaped;
                !end
            });
            inside.count().saturating_add(2).min(rest.trim_end().chars().count())
        }
        None => plain(rest).chars().count(),
    };
    Place { length: length.max(1), ..at }
}

/// What stands from a place on, in its line.
fn rest(text: &str, at: Place) -> &str {
    let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
    let start = line.char_indices().nth(at.column.saturating_sub(1)).map_or(line.len(), |(start, _)| start);
    line.get(start..).unwrap_or_default()
}

/// A value without quotes: up to a remark, and inside of brackets up to what ends it there.
fn plain(rest: &str) -> &str {
    let rest = rest.split_once(" #").map_or(rest, |(value, _)| value);
    let flow = rest.ends_with(['}', ']']) && !rest.starts_with(['{', '[']);
    let rest = if flow { rest.split([',', '}', ']']).next().unwrap_or(rest) } else { rest };
    rest.trim_end()
}
