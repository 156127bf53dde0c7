//! Rego: what a module says, and what it gives for an input. The engine is behind [`Rego`], and no type of it comes out.
//!
//! Evaluation is a pure function of the modules, the data, the input and a time. It is bounded by counting, never by a
//! clock: what is too much for one machine is too much for every other.

mod adapter;
#[cfg(test)]
mod bounds;
mod builtins;
mod calls;
mod conditions;
mod document;
mod meter;
mod nesting;
mod patterns;
mod reads;
mod syntax;
mod translate;
mod weighed;
mod weight;

pub(crate) use adapter::Regorus;
pub(crate) use builtins::{find as builtin, functions, refused};
pub(crate) use conditions::{Body, bodies};
pub(crate) use document::Document;
pub(crate) use syntax::{Definition, Kind, Module, Place, Statement, StatementKind, Term, TermKind};

use countersign_core::time::Time;
use serde_json::Value;
use std::collections::BTreeSet;

/// A module's text, and the name that it has in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The path of the file.
    pub file: String,
    /// What stands in it.
    pub text: String,
}

/// What is wrong with a module, as the engine says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where, if the engine says so.
    pub place: Option<(String, Place)>,
    /// What, in one line.
    pub what: String,
}

/// What an engine has to do for us.
pub(crate) trait Rego {
    /// Reads a module: what is written there, and where.
    fn read(&self, text: &Text) -> Result<Module, Fault>;
    /// Makes modules ready to evaluate one rule of theirs, `data.rules.example.deny`. It may read these parts of the input.
    fn compile(&self, texts: &[Text], rule: &str, reads: &BTreeSet<String>) -> Result<Box<dyn Program>, Fault>;
    /// Evaluates the tests of modules, which may replace input, data and functions by `with`; what each gave.
    fn test(&self, texts: &[Text], package: &str, names: &[String], given: &Given<'_>) -> Result<Vec<Tested>, Fault>;
}

/// Modules that are ready.
pub(crate) trait Program {
    /// What the rule gives; `None` where it is undefined.
    fn evaluate(&self, given: &Given<'_>) -> Result<Option<Value>, Fault>;
}

/// What an evaluation is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    /// `input`.
    pub input: &'a Document,
    /// `data`, beside what the modules define.
    pub data: &'a Document,
    /// What `time.now_ns()` says.
    pub at: Time,
}

/// How a test in Rego came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tested {
    /// Its name.
    pub name: String,
    /// Whether it holds; what went wrong, if it could not be said.
    pub holds: Result<bool, String>,
}
