//! A rule's parameters: read once, strictly. A name that the rule does not know is an error, so that a misspelt one
//! cannot quietly leave a default in force.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Why a rule's parameters do not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The rule has no parameter of this name.
    #[error("parameter `{name}` is not one of {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Those that the rule has.
        known: String,
    },
    /// The value is of the wrong kind, or out of range.
    #[error("parameter `{name}` is {found}, expected {expected}")]
    Value {
        /// The name.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

/// Reads parameters by name, and at the end refuses those that nobody asked for.
#[derive(Debug)]
pub struct Reader<'a> {
    values: &'a BTreeMap<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// Over a rule's parameters.
    #[must_use]
    pub const fn new(values: &'a BTreeMap<String, Value>) -> Self {
        Self { values, known: Vec::new() }
    }

    /// A whole number in a range, or the default.
    pub fn number(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<u64>,
        expected: &'static str,
        default: u64,
    ) -> Result<u64, ParameterError> {
        self.known.push(name);
        match self.values.get(name) {
            None => Ok(default),
            Some(value) => value.as_u64().filter(|n| range.contains(n)).ok_or_else(|| ParameterError::Value {
                name,
                expected,
                found: value.to_string(),
            }),
        }
    }

    /// One of a few words, or the default.
    pub fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
        expected: &'static str,
        default: T,
    ) -> Result<T, ParameterError> {
        self.known.push(name);
        match self.values.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_str()
                .and_then(|text| words.iter().find(|(word, _)| *word == text))
                .map(|(_, meaning)| *meaning)
                .ok_or_else(|| ParameterError::Value { name, expected, found: value.to_string() }),
        }
    }

    /// A list of a few words, which may be empty, or the default.
    pub fn words<T: Copy + Ord>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
        expected: &'static str,
        default: BTreeSet<T>,
    ) -> Result<BTreeSet<T>, ParameterError> {
        self.known.push(name);
        let Some(value) = self.values.get(name) else { return Ok(default) };
        let meaning = |item: &Value| {
            let text = item.as_str()?;
            words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
        };
        let read = value.as_array().and_then(|items| items.iter().map(meaning).collect());
        read.ok_or_else(|| ParameterError::Value { name, expected, found: value.to_string() })
    }

    /// A list of text, or the default.
    pub fn texts(
        &mut self,
        name: &'static str,
        expected: &'static str,
        default: &[&str],
    ) -> Result<Vec<String>, ParameterError> {
        self.known.push(name);
        let Some(value) = self.values.get(name) else {
            return Ok(default.iter().map(|text| (*text).to_owned()).collect());
        };
        let texts: Option<Vec<String>> = value
            .as_array()
            .filter(|items| !items.is_empty())
            .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        texts.ok_or_else(|| ParameterError::Value { name, expected, found: value.to_string() })
    }

    /// Refuses every parameter that was not asked for.
    pub fn finish(self) -> Result<(), ParameterError> {
        match self.values.keys().find(|name| !self.known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(ParameterError::Unknown {
                name: name.clone(),
                known: if self.known.is_empty() {
                    "none: this rule has no parameters".to_owned()
                } else {
                    self.known.join(", ")
                },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(value: &Value) -> BTreeMap<String, Value> {
        value.as_object().unwrap().clone().into_iter().collect()
    }

    #[test]
    fn a_misspelt_parameter_is_refused_with_those_there_are() {
        let given = values(&json!({"minimum": 2}));
        let mut reader = Reader::new(&given);
        assert_eq!(reader.number("least", 0..=3, "0 to 3", 1), Ok(1));
        assert_eq!(reader.finish().unwrap_err().to_string(), "parameter `minimum` is not one of least");
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        for wrong in [json!({"least": "2"}), json!({"least": 4}), json!({"least": -1}), json!({"least": null})] {
            let given = values(&wrong);
            assert!(Reader::new(&given).number("least", 0..=3, "0 to 3", 1).is_err());
        }
        let given = values(&json!({"list": []}));
        assert!(Reader::new(&given).texts("list", "text", &["a"]).is_err());
    }
    #[test]
    fn a_list_of_words_may_be_empty_and_knows_its_words() {
        let read = |value: &Value| {
            let given = values(value);
            Reader::new(&given).words("w", &[("a", 1), ("b", 2)], "a or b", BTreeSet::from([1]))
        };
        assert_eq!(read(&json!({})).unwrap(), BTreeSet::from([1]));
        assert_eq!(read(&json!({"w": []})).unwrap(), BTreeSet::new());
        assert_eq!(read(&json!({"w": ["b", "a"]})).unwrap(), BTreeSet::from([1, 2]));
        for wrong in [json!({"w": "a"}), json!({"w": ["c"]}), json!({"w": [1]}), json!({"w": null})] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
