//! `collect`: what files, plans and other tools say, as statements that can be signed.

mod files;
mod secrets;
mod tests;

use super::{Answer, Call};
use clap::{Args, Subcommand};

/// Turn files, plans, scans and what other tools found into statements
#[derive(Debug, Args)]
pub(crate) struct Collect {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Snapshot(files::Snapshot),
    Plan(files::Plan),
    Secrets(Box<secrets::Secrets>),
    Tests(tests::Tests),
}

impl Collect {
    /// What was not done when the verb does not come to its end.
    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Snapshot(_) | Verb::Plan(_) | Verb::Secrets(_) | Verb::Tests(_) => super::WRITTEN,
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Snapshot(verb) => verb.run(call),
            Verb::Plan(verb) => verb.run(call),
            Verb::Secrets(verb) => verb.run(call),
            Verb::Tests(verb) => verb.run(call),
        }
    }
}
