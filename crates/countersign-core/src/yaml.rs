//! The part of YAML in which rules and their cases are written: mappings, lists, text, whole numbers, truth values and
//! null, each with its place.
//!
//! What readers of YAML take differently is refused rather than guessed: `yes` and `no`, numbers with a point, keys that
//! stand twice, anchors, tags, and more than one document.

use crate::limits;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;

/// A node with the place where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yaml {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What stands there.
    pub node: Node,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `null`, `~`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Yaml>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Yaml)>),
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// Why a text is not this part of YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct YamlError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: String,
}

impl Yaml {
    /// Reads one document.
    pub fn parse(text: &str) -> Result<Self, YamlError> {
        let at = |line, column, problem: &str| Err(YamlError { line, column, problem: problem.to_owned() });
        if text.len() > limits::YAML_BYTES {
            return at(1, 1, "more bytes than are read");
        }
        let mut reader = Reader { parser: Parser::new_from_str(text), line: 1, column: 1 };
        loop {
            let event = reader.next()?;
            if matches!(event, Event::StreamEnd | Event::DocumentEnd) {
                return at(1, 1, "there is nothing in it");
            }
            if !matches!(event, Event::StreamStart | Event::Nothing | Event::DocumentStart(_)) {
                let root = reader.node(event, 0)?;
                return reader.end().map(|()| root);
            }
        }
    }

    /// The value under a key of a mapping.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// The entries of a mapping; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Self)] {
        if let Node::Map(entries) = &self.node { entries } else { &[] }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Node::Text(text) = &self.node { Some(text) } else { None }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn items(&self) -> Option<&[Self]> {
        if let Node::List(items) = &self.node { Some(items) } else { None }
    }

    /// The same as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.node {
            Node::Null => Value::Null,
            Node::Bool(truth) => Value::Bool(*truth),
            Node::Number(number) => Value::from(*number),
            Node::Text(text) => Value::String(text.clone()),
            Node::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Node::Map(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.name.clone(), value.to_value())).collect())
            }
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    line: usize,
    column: usize,
}

impl<'t> Reader<'t> {
    fn wrong<T>(&self, problem: &str) -> Result<T, YamlError> {
        Err(YamlError { line: self.line, column: self.column, problem: problem.to_owned() })
    }

    fn next(&mut self) -> Result<Event<'t>, YamlError> {
        match self.parser.next_event() {
            None => Ok(Event::StreamEnd),
            Some(Ok((event, span))) => {
                self.stand(span);
                Ok(event)
            }
            Some(Err(error)) => Err(YamlError {
                line: error.marker().line(),
                column: error.marker().col().saturating_add(1),
                problem: error.info().to_owned(),
            }),
        }
    }

    fn stand(&mut self, span: Span) {
        self.line = span.start.line();
        self.column = span.start.col().saturating_add(1);
    }

    fn node(&mut self, event: Event<'t>, depth: usize) -> Result<Yaml, YamlError> {
        if depth > limits::YAML_DEPTH {
            return self.wrong("nested too deep");
        }
        let (line, column) = (self.line, self.column);
        let node = match event {
            Event::Scalar(_, _, anchor, tag) if anchor > 0 || tag.is_some() => return self.wrong(PLAIN),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) if anchor > 0 || tag.is_some() => {
                return self.wrong(PLAIN);
            }
            Event::Scalar(text, style, _, _) => self.scalar(&text, style)?,
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            Event::Alias(_) => return self.wrong(PLAIN),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return self.wrong("a value is missing"),
        };
        Ok(Yaml { line, column, node })
    }

    fn list(&mut self, depth: usize) -> Result<Node, YamlError> {
        let mut items = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Node::List(items));
            }
            items.push(self.node(event, depth.saturating_add(1))?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Node, YamlError> {
        let mut entries: Vec<(Key, Yaml)> = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Node::Map(entries));
            }
            let key = self.node(event, depth.saturating_add(1))?;
            let Node::Text(name) = key.node else { return self.wrong("a key is text") };
            if name == "<<" {
                return self.wrong(PLAIN);
            }
            if entries.iter().any(|(known, _)| known.name == name) {
                return self.wrong("this key stands twice");
            }
            let event = self.next()?;
            let value = self.node(event, depth.saturating_add(1))?;
            entries.push((Key { name, line: key.line, column: key.column }, value));
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle) -> Result<Node, YamlError> {
        if style != ScalarStyle::Plain {
            return Ok(Node::Text(text.to_owned()));
        }
        match text {
            "" | "~" | "null" => return Ok(Node::Null),
            "true" => return Ok(Node::Bool(true)),
            "false" => return Ok(Node::Bool(false)),
            _ => {}
        }
        let lower = text.to_ascii_lowercase();
        if ["yes", "no", "on", "off", "true", "false", "null"].contains(&lower.as_str()) {
            return self
                .wrong("readers of YAML take this word differently: put it in quotes, or write true, false or null");
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.starts_with(|c: char| c.is_ascii_digit()) {
            let plain = digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
            if plain {
                return match text.parse() {
                    Ok(number) => Ok(Node::Number(number)),
                    Err(_) => self.wrong("a number of more than 64 bits: put it in quotes"),
                };
            }
            if digits.parse::<f64>().is_ok() || digits.starts_with("0x") || digits.starts_with("0o") {
                return self.wrong("readers of YAML take this number differently: put it in quotes");
            }
        }
        if text.starts_with('.') && digits.get(1..).is_some_and(|rest| rest.parse::<u64>().is_ok()) {
            return self.wrong("readers of YAML take this number differently: put it in quotes");
        }
        Ok(Node::Text(text.to_owned()))
    }

    fn end(&mut self) -> Result<(), YamlError> {
        loop {
            match self.next()? {
                Event::StreamEnd => return Ok(()),
                Event::DocumentEnd | Event::Nothing => {}
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => return self.wrong("more than one document"),
            }
        }
    }
}

const PLAIN: &str = "anchors, aliases, tags and merged keys are not read: write it out";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_rules_need_is_read_with_its_place() {
        let yaml = Yaml::parse("a: 1\nb:\n  - x: \"yes\"\n    y: [p, q]\n  - ~\nc: |\n  two\n  lines\nd: 2026-01-01\n")
            .unwrap();
        assert_eq!(
            yaml.to_value(),
            json!({"a": 1, "b": [{"x": "yes", "y": ["p", "q"]}, null], "c": "two\nlines\n", "d": "2026-01-01"})
        );
        let item = &yaml.get("b").unwrap().items().unwrap()[0];
        assert_eq!((item.entries()[1].0.line, item.entries()[1].0.column), (4, 5));
    }

    #[test]
    fn what_readers_take_differently_is_refused_with_its_place() {
        for (text, line) in [
            ("a: yes", 1),
            ("a: 1.10", 1),
            ("a: 010", 1),
            ("a: 0x1f", 1),
            ("a: 1\na: 2", 2),
            ("a: &x 1\nb: *x", 1),
            ("a: !!str 1", 1),
            ("<<: {a: 1}", 1),
            ("a: 1\n---\nb: 2", 2),
            ("1: a", 1),
            ("a: [", 1),
            ("", 1),
            ("a: 99999999999999999999", 1),
        ] {
            let error = Yaml::parse(text).unwrap_err();
            assert!(error.line == line || text == "a: [", "{text:?}: {error}");
        }
        assert!(Yaml::parse(&"[".repeat(5_000)).is_err());
        assert!(Yaml::parse(&format!("{}a", "- ".repeat(200))).is_err());
    }
}
