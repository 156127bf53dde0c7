//! YAML as the world writes it, and JSON with it: several documents, anchors, merged keys and tags, every value with its
//! place. What stands twice is there twice.

use crate::limits;
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Text, a number, a truth value or nothing, as it is written.
    Scalar {
        text: String,
        /// Neither in quotes nor a block.
        plain: bool,
        /// A tag makes something else of it.
        tagged: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value under a key: the last one, as most readers take it.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Every value under a key.
    pub(super) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.entries().iter().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// The entries of a mapping; none of anything else.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The text, if there is any.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, plain, .. } if !(*plain && matches!(text.as_str(), "" | "~" | "null")) => Some(text),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// The documents of a text.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, String> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: BTreeMap::new(), nodes: 0, at: (1, 1) };
    let mut out = Vec::new();
    loop {
        match reader.next()? {
            Event::StreamEnd => return Ok(out),
            Event::DocumentStart(_) => reader.anchors.clear(),
            Event::StreamStart | Event::Nothing | Event::DocumentEnd => {}
            event @ (Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::MappingStart(..)
            | Event::SequenceEnd
            | Event::MappingEnd) => out.push(reader.node(event, 0)?),
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    at: (u64, u64),
}

impl<'t> Reader<'t> {
    fn wrong<T>(&self, problem: &str) -> Result<T, String> {
        Err(format!("line {}, column {}: {problem}", self.at.0, self.at.1))
    }

    fn next(&mut self) -> Result<Event<'t>, String> {
        match self.parser.next_event() {
            None => Ok(Event::StreamEnd),
            Some(Ok((event, span))) => {
                let number = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
                self.at = (number(span.start.line()), number(span.start.col().saturating_add(1)));
                Ok(event)
            }
            Some(Err(error)) => {
                let (line, column) = (error.marker().line(), error.marker().col().saturating_add(1));
                Err(format!("line {line}, column {column}: {}", error.info()))
            }
        }
    }

    fn count(&mut self, more: usize) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > limits::CONFIG_NODES { self.wrong("more values than are read") } else { Ok(()) }
    }

    fn node(&mut self, event: Event<'t>, depth: usize) -> Result<Node, String> {
        if depth > limits::CONFIG_DEPTH {
            return self.wrong("nested too deep");
        }
        self.count(1)?;
        let before = self.nodes;
        let (line, column) = self.at;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                // An alias repeats the text as well.
                self.count(text.len() / 32)?;
                (
                    Value::Scalar {
                        text: text.into_owned(),
                        plain,
                        tagged: tag.is_some_and(|t| !t.is_yaml_core_schema()),
                    },
                    anchor,
                )
            }
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return self.wrong("an alias of nothing");
                };
                self.count(size)?;
                return Ok(node);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return self.wrong("a value is missing"),
        };
        let node = Node { line, column, value };
        if anchor > 0 {
            let size = self.nodes.saturating_sub(before).saturating_add(1);
            self.count(size)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::List(items));
            }
            items.push(self.node(event, depth.saturating_add(1))?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, String> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut merged: Vec<(String, Node)> = Vec::new();
        loop {
            let event = self.next()?;
            if matches!(event, Event::MappingEnd) {
                // What is merged in stands behind what is written: a key that is written wins.
                merged.extend(entries);
                return Ok(Value::Map(merged));
            }
            let key = self.node(event, depth.saturating_add(1))?;
            let event = self.next()?;
            let value = self.node(event, depth.saturating_add(1))?;
            match (key.text(), &value.value) {
                (Some("<<"), Value::Map(more)) => merged.extend(more.iter().cloned()),
                (Some("<<"), Value::List(items)) => {
                    merged.extend(items.iter().rev().flat_map(Node::entries).cloned());
                }
                (Some(name), _) => entries.push((name.to_owned(), value)),
                (None, _) => entries.push((String::new(), value)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_anchors_and_merged_keys_are_read_with_the_places_where_they_are_written() {
        let all = documents("a: &x {image: one}\nb: *x\nc:\n  <<: *x\n  image: two\n---\n{\"d\": 1}\n").unwrap();
        assert_eq!(all.len(), 2);
        let image = |name: &str| all[0].get(name).and_then(|n| n.get("image")).unwrap();
        assert_eq!((image("a").text(), image("a").line), (Some("one"), 1));
        assert_eq!((image("b").text(), image("b").line, image("b").column), (Some("one"), 1, 15));
        assert_eq!(image("c").text(), Some("two"));
        assert_eq!(all[0].get("c").unwrap().all("image").count(), 2);
    }

    #[test]
    fn a_text_that_grows_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let before = i - 1;
            let names = vec![format!("*a{before}"); 10].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{names}]\n"));
        }
        assert!(documents(&text).unwrap_err().contains("more values"));
        assert!(documents(&"[".repeat(1_000)).is_err());
        assert!(documents("a: *b\n").is_err());
    }
}
