//! The input of one decision, made ready for the engine once for all rules that read it.

use crate::rego::{Document, Fault};
use serde_json::Value;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An input: the first rule that reads a part makes it ready, and every other takes it as it is.
pub struct Input {
    parts: BTreeMap<String, Part>,
}

struct Part {
    value: Value,
    ready: OnceCell<Document>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.parts.keys()).finish()
    }
}

impl Input {
    /// Of a document. What is no object has no parts.
    #[must_use]
    pub fn new(value: Value) -> Self {
        let parts = if let Value::Object(parts) = value { parts } else { serde_json::Map::new() };
        let part = |(name, value)| (name, Part { value, ready: OnceCell::new() });
        Self { parts: parts.into_iter().map(part).collect() }
    }

    /// Whether there is such a part.
    pub(super) fn has(&self, part: &str) -> bool {
        self.parts.contains_key(part)
    }

    /// Its parts of these names, and no others: what was not seen to be read is not there to be read.
    pub(super) fn only(&self, names: &BTreeSet<String>) -> Result<Document, Fault> {
        let mut parts = Vec::new();
        for (name, part) in self.parts.iter().filter(|(name, _)| names.contains(*name)) {
            let ready = if let Some(ready) = part.ready.get() {
                ready
            } else {
                let made = Document::new(&part.value)?;
                part.ready.get_or_init(|| made)
            };
            parts.push((name.as_str(), ready.clone()));
        }
        Ok(Document::object(parts))
    }
}
