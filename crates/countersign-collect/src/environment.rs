//! The variables that were handed to us, as a value. This crate never reads the process's own environment: the caller
//! gives the map, and every program that is started gets exactly the map it is meant to have.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Variables by name. Names and values need not be UTF-8: a variable that nobody can read is still one that a program
/// would get.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// No variables.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The value, if it is there, not empty, and UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name)).and_then(|value| value.to_str()).filter(|value| !value.is_empty())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// Only the variables of these names.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| names.iter().any(|n| name.as_os_str() == OsStr::new(n)));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl std::fmt::Debug for Environment {
    /// Names only: values may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debug_print_shows_no_value() {
        let environment = Environment::from_iter([("TOKEN", "hunter2")]);
        let printed = format!("{environment:?}");
        assert!(printed.contains("TOKEN") && !printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let environment = Environment::from_iter([("A", ""), ("B", "b")]);
        assert_eq!(environment.text("A"), None);
        assert_eq!(environment.only(&["B", "C"]), Environment::from_iter([("B", "b")]));
    }
}
