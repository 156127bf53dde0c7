//! JSON of others, with places: what is there in another shape than its format gives it is refused, never dropped.

use super::DocumentError;
use countersign_core::limits;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

pub(super) type Object = Map<String, Value>;

pub(super) fn shape(at: &str, expected: &'static str) -> DocumentError {
    DocumentError::Shape { at: at.to_owned(), expected }
}

pub(super) fn object<'v>(value: &'v Value, at: &str) -> Result<&'v Object, DocumentError> {
    value.as_object().ok_or_else(|| shape(at, "an object"))
}

/// An object under a key, if there is one.
pub(super) fn inner<'v>(map: &'v Object, key: &str, at: &str) -> Result<Option<&'v Object>, DocumentError> {
    map.get(key).map(|value| object(value, &format!("{at}/{key}"))).transpose()
}

/// The items of an array, each with its place; none where there is no such key.
pub(super) fn list<'v>(map: &'v Object, key: &str, at: &str) -> Result<Vec<(&'v Value, String)>, DocumentError> {
    let Some(value) = map.get(key) else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| shape(&format!("{at}/{key}"), "an array"))?;
    Ok(items.iter().enumerate().map(|(i, item)| (item, format!("{at}/{key}/{i}"))).collect())
}

/// A text under a key; an empty one says nothing.
pub(super) fn text<'v>(map: &'v Object, key: &str, at: &str) -> Result<Option<&'v str>, DocumentError> {
    let Some(value) = map.get(key) else { return Ok(None) };
    let text = bounded(value, || format!("{at}/{key}"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

pub(super) fn bounded(value: &Value, at: impl Fn() -> String) -> Result<&str, DocumentError> {
    let text = value.as_str().ok_or_else(|| shape(&at(), "a text"))?;
    if text.len() > limits::SBOM_TEXT_BYTES {
        return Err(DocumentError::TooMany { at: at(), what: "bytes", limit: limits::SBOM_TEXT_BYTES });
    }
    Ok(text)
}

/// What is counted over a whole document.
#[derive(Default)]
pub(super) struct Counts {
    components: usize,
    edges: usize,
    references: BTreeSet<String>,
}

impl Counts {
    pub(super) fn component(&mut self, at: &str) -> Result<(), DocumentError> {
        self.components = self.components.saturating_add(1);
        let limit = limits::SBOM_COMPONENTS;
        if self.components > limit {
            return Err(DocumentError::TooMany { at: at.to_owned(), what: "components and services", limit });
        }
        Ok(())
    }

    pub(super) fn edge(&mut self, at: &str) -> Result<(), DocumentError> {
        self.edges = self.edges.saturating_add(1);
        let limit = limits::SBOM_EDGES;
        if self.edges > limit {
            return Err(DocumentError::TooMany { at: at.to_owned(), what: "dependencies", limit });
        }
        Ok(())
    }

    pub(super) fn reference(&mut self, reference: &str, at: &str) -> Result<(), DocumentError> {
        if self.references.insert(reference.to_owned()) {
            Ok(())
        } else {
            Err(DocumentError::DuplicateReference { at: at.to_owned(), reference: reference.to_owned() })
        }
    }
}

/// What was made of licences that stand in the document once, and with each package that has them.
#[derive(Default)]
pub(super) struct Made(usize);

impl Made {
    /// What each text takes in memory beside its bytes.
    const EACH: usize = 128;

    pub(super) fn take(&mut self, bytes: usize, at: &str) -> Result<(), DocumentError> {
        self.0 = self.0.saturating_add(bytes).saturating_add(Self::EACH);
        let limit = limits::SBOM_LICENCE_BYTES;
        if self.0 > limit {
            let what = "bytes of licences, each counted with every package that has it";
            return Err(DocumentError::TooMany { at: at.to_owned(), what, limit });
        }
        Ok(())
    }
}

/// A digest as it is compared: lower-case hexadecimal.
pub(super) fn digest(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}
