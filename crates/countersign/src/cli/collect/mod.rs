//! `collect`: what other tools found, as statements that can be signed.

mod tests;

use super::{Answer, Call};
use clap::{Args, Subcommand};

/// Turn what other tools found into statements
#[derive(Debug, Args)]
pub(crate) struct Collect {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Tests(tests::Tests),
}

impl Collect {
    /// What was not done when the verb does not come to its end.
    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Tests(_) => super::WRITTEN,
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Tests(verb) => verb.run(call),
        }
    }
}
