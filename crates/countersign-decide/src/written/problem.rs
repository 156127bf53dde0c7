//! What is wrong with a rule's source: a finding with the file, the line, and a mark below the place.

use crate::rego::{Fault, Place};
use countersign_core::finding::{Code, Finding};
use std::collections::BTreeMap;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub(crate) code: Code,
    pub(crate) file: String,
    pub(crate) place: Option<Place>,
    pub(crate) what: String,
    pub(crate) expected: Option<String>,
    pub(crate) help: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: Code, file: &str, place: Option<Place>, what: impl Into<String>) -> Self {
        Self { code, file: file.to_owned(), place, what: what.into(), expected: None, help: None }
    }

    pub(crate) fn at(code: Code, file: &str, line: usize, column: usize, what: impl Into<String>) -> Self {
        Self::new(code, file, Some(Place { line, column, length: 1 }), what)
    }

    pub(crate) fn of(code: Code, file: &str, fault: Fault) -> Self {
        match fault.place {
            Some((file, place)) => Self::new(code, &file, Some(place), fault.what),
            None => Self::new(code, file, None, fault.what),
        }
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// In one line, with its place.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}: {}", self.where_it_is(), self.what)
    }

    fn where_it_is(&self) -> String {
        match self.place {
            Some(place) => format!("{}:{}:{}", self.file, place.line, place.column),
            None => self.file.clone(),
        }
    }

    /// As a finding, with the line of the source and a mark below the place.
    #[must_use]
    pub fn finding(&self, texts: &BTreeMap<String, String>) -> Finding {
        let mut finding = Finding::new(self.code, self.what.as_str()).at(self.where_it_is());
        if let Some(expected) = &self.expected {
            finding.expected = Some(expected.clone());
        }
        if let Some(place) = self.place
            && let Some(text) = texts.get(&self.file)
        {
            finding = snippet(text, place).into_iter().flatten().fold(finding, Finding::found);
        }
        finding.help.clone_from(&self.help);
        finding
    }
}

/// The line of a text that has this word, from 1, with its column; and the line with a mark below the word, for a finding.
#[must_use]
pub fn marked(text: &str, word: &str) -> Option<(usize, usize, [String; 2])> {
    let (number, before) =
        text.lines().enumerate().find_map(|(number, line)| Some((number, line.split_once(word)?.0)))?;
    let (line, column) = (number.saturating_add(1), before.chars().count().saturating_add(1));
    let lines = snippet(text, Place { line, column, length: word.chars().count() })?;
    Some((line, column, lines))
}

/// A line of a text, from 1, and a mark below a place in it, for a finding.
#[must_use]
pub fn shown(text: &str, line: usize, column: usize, length: usize) -> Option<[String; 2]> {
    snippet(text, Place { line, column, length })
}

/// The line of a source and a mark below the place, if the text has that line.
pub(crate) fn snippet(text: &str, place: Place) -> Option<[String; 2]> {
    let line = text.lines().nth(place.line.saturating_sub(1))?;
    let number = place.line.to_string();
    let tabs: String =
        line.chars().take(place.column.saturating_sub(1)).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    // Texts for people have no tabs; one counts for four blanks in the line and below it.
    let shown = |text: &str| text.replace('\t', "    ");
    let mark = "^".repeat(place.length.clamp(1, 80));
    Some([format!("{number} | {}", shown(line)), format!("{} | {}{mark}", " ".repeat(number.len()), shown(&tabs))])
}
