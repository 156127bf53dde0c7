//! What is known of a value before it is evaluated: enough to notice that a path does not exist.

use super::heading::ParameterKind;
use super::shape::Shape;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// Its shape in the input.
    Shape(Shape),
    /// A list or set of this.
    ListOf(Box<Self>),
    /// An object that is written there, by its names.
    Fields(BTreeMap<String, Self>),
    /// A value that stands in the release's data.
    Value(Value),
    /// Nothing.
    Nothing,
}

/// Why a step leads nowhere.
pub(super) struct NoStep {
    /// What there is instead.
    pub expected: String,
}

impl Known {
    pub(super) const fn of_parameter(kind: ParameterKind) -> Self {
        Self::Shape(match kind {
            ParameterKind::Text => Shape::Text,
            ParameterKind::Number => Shape::Number,
            ParameterKind::Truth => Shape::Truth,
            ParameterKind::List => Shape::List(&Shape::Text),
        })
    }

    /// What is known of every value in this place: another object may have other names.
    pub(super) fn loose(self) -> Self {
        match self {
            Self::Fields(_) => Self::Nothing,
            Self::ListOf(inner) => Self::ListOf(Box::new(inner.loose())),
            Self::Shape(_) | Self::Value(_) | Self::Nothing => self,
        }
    }

    /// What stands under a name.
    pub(super) fn named(&self, name: &str) -> Result<Self, NoStep> {
        match self {
            Self::Nothing => Ok(Self::Nothing),
            Self::ListOf(_) => Err(NoStep { expected: "an index, or `some … in`: this is a list".to_owned() }),
            Self::Shape(shape) => shape.step(name).map(Self::Shape).ok_or_else(|| {
                let names = shape.names();
                let expected =
                    if names.is_empty() { format!("nothing: this is {}", shape.word()) } else { names.join(", ") };
                NoStep { expected }
            }),
            Self::Fields(fields) => {
                let names = || fields.keys().take(12).cloned().collect::<Vec<_>>().join(", ");
                fields.get(name).cloned().ok_or_else(|| NoStep { expected: names() })
            }
            Self::Value(Value::Object(entries)) => {
                let names = || entries.keys().take(12).cloned().collect::<Vec<_>>().join(", ");
                entries.get(name).cloned().map(Self::Value).ok_or_else(|| NoStep { expected: names() })
            }
            Self::Value(_) => Err(NoStep { expected: "nothing: this is no object".to_owned() }),
        }
    }

    /// What each element is. An object with fields has none: it is read by name.
    pub(super) fn element(&self) -> Result<Self, NoStep> {
        match self {
            Self::Nothing | Self::Fields(_) | Self::Value(Value::Array(_) | Value::Object(_)) => Ok(Self::Nothing),
            Self::ListOf(inner) => Ok((**inner).clone()),
            Self::Shape(shape) => shape
                .element()
                .map(Self::Shape)
                .ok_or_else(|| NoStep { expected: format!("a list: this is {}", shape.word()) }),
            Self::Value(_) => Err(NoStep { expected: "a list or an object".to_owned() }),
        }
    }
}
