//! `collect`: the world as statements, to be signed by a collector.

mod secrets;

use super::{Answer, Call};
use clap::{Args, Subcommand};

/// Collect what there is to know of a source, as statements to be signed
#[derive(Debug, Args)]
pub(crate) struct Collect {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Secrets(Box<secrets::Secrets>),
}

impl Collect {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Secrets(verb) => verb.run(call),
        }
    }
}
