//! The predicate of in-toto's test result v0.1: what one run of a suite of tests came to.

use super::provenance::ResourceDescriptor;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The predicate `https://in-toto.io/attestation/test-result/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestResult {
    /// What the run came to.
    pub result: Outcome,
    /// What was run: each names a suite, a file of settings, a report.
    pub configuration: Vec<ResourceDescriptor>,
    /// Where the run can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The tests that passed. Absent where nobody says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_tests: Option<Vec<String>>,
    /// Those that passed with a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned_tests: Option<Vec<String>>,
    /// Those that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_tests: Option<Vec<String>>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Outcome {
    /// All passed.
    Passed,
    /// All passed, some with a warning.
    Warned,
    /// Some failed.
    Failed,
}

impl TestResult {
    /// Whether something failed, by the result or by the list: a run that says both is one that failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.result == Outcome::Failed || self.failed_tests.as_ref().is_some_and(|tests| !tests.is_empty())
    }

    /// Whether something was warned of, or the lists are past their bound.
    #[must_use]
    pub fn warned(&self) -> bool {
        self.result == Outcome::Warned || self.warned_tests.as_ref().is_some_and(|tests| !tests.is_empty())
    }

    /// Whether the run is one of this suite: a part of its configuration has the name.
    #[must_use]
    pub fn is_of(&self, suite: &str) -> bool {
        self.configuration.iter().any(|part| part.name.as_deref() == Some(suite))
    }

    /// The tests that passed, each once; `None` where the result does not name them, or more than are counted.
    #[must_use]
    pub fn passed(&self) -> Option<BTreeSet<&str>> {
        let passed = self.passed_tests.as_ref()?;
        let warned = self.warned_tests.as_deref().unwrap_or_default();
        let few = passed.len().saturating_add(warned.len()) <= limits::TESTS;
        few.then(|| passed.iter().chain(warned).map(String::as_str).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> TestResult {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_result_that_says_passed_and_lists_a_failure_is_a_failure() {
        let result = read(json!({"result": "PASSED", "configuration": [], "failedTests": ["a"]}));
        assert!(result.failed());
        assert!(!read(json!({"result": "PASSED", "configuration": [], "failedTests": []})).failed());
        assert!(read(json!({"result": "FAILED", "configuration": []})).failed());
    }

    #[test]
    fn tests_that_are_not_named_are_not_counted() {
        assert_eq!(read(json!({"result": "PASSED", "configuration": []})).passed(), None);
        let named = json!({"result": "WARNED", "configuration": [{"name": "unit"}], "passedTests": ["a", "a"],
            "warnedTests": ["b"]});
        let named = read(named);
        assert_eq!(named.passed(), Some(BTreeSet::from(["a", "b"])), "each once");
        assert_eq!((named.warned(), named.is_of("unit"), named.is_of("u")), (true, true, false));
    }

    #[test]
    fn another_word_for_the_result_is_no_result() {
        for word in ["passed", "OK", ""] {
            assert!(serde_json::from_value::<TestResult>(json!({"result": word, "configuration": []})).is_err());
        }
        assert!(serde_json::from_value::<TestResult>(json!({"result": "PASSED"})).is_err());
    }
}
