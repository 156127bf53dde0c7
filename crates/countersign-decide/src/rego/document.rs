//! Documents as the engine takes them: made once, and shared by all that read them.

use super::Fault;
use super::adapter::fault;
use regorus::Value;
use serde::Deserialize as _;
use serde_json::Value as Json;

/// A document that is ready for the engine. A copy shares what is in it.
#[derive(Debug, Clone)]
pub(crate) struct Document(Value);

impl Document {
    /// Makes it ready.
    pub(crate) fn new(json: &Json) -> Result<Self, Fault> {
        // One that the engine cannot hold is an error: it would be undefined there, of which nothing is denied.
        Value::deserialize(json).map(Self).map_err(|error| fault(&error.to_string()))
    }

    /// An object of documents by name.
    pub(crate) fn object<'n>(parts: impl IntoIterator<Item = (&'n str, Self)>) -> Self {
        let fields: std::collections::BTreeMap<Value, Value> =
            parts.into_iter().map(|(name, part)| (Value::from(name), part.0)).collect();
        Self(Value::from(fields))
    }

    /// As the engine's own.
    pub(super) fn value(&self) -> Value {
        self.0.clone()
    }
}
