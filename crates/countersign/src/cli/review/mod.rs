//! `review`: agreement that people sign or a forge recorded, and the proof that it covers a range.

mod collect;
mod exchange;
mod explain;
mod sign;
mod story;
mod table;
mod verify;
#[cfg(feature = "serve")]
mod watch;

use super::{Answer, Call};
use clap::{Args, Subcommand};

/// Sign, share and collect reviews, and prove that they cover a range of commits
#[derive(Debug, Args)]
pub(crate) struct Review {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Sign(Box<sign::Sign>),
    Collect(Box<collect::Collect>),
    #[cfg(feature = "serve")]
    Watch(Box<watch::Watch>),
    Verify(Box<verify::Verify>),
    Explain(Box<explain::Explain>),
    Push(exchange::Push),
    Fetch(exchange::Fetch),
}

impl Review {
    /// What was not done when the verb does not come to its end.
    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Sign(_) => "nothing was signed",
            Verb::Collect(_) => "nothing was collected",
            #[cfg(feature = "serve")]
            Verb::Watch(_) => "no delivery is received",
            Verb::Verify(_) => "nothing was proved",
            Verb::Explain(_) => "nothing was explained",
            Verb::Push(_) => "nothing was pushed",
            Verb::Fetch(_) => "nothing was fetched",
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Sign(verb) => verb.run(call),
            Verb::Collect(verb) => verb.run(call),
            #[cfg(feature = "serve")]
            Verb::Watch(verb) => verb.run(call),
            Verb::Verify(verb) => verb.run(call),
            Verb::Explain(verb) => verb.run(call),
            Verb::Push(verb) => verb.run(call),
            Verb::Fetch(verb) => verb.run(call),
        }
    }
}
