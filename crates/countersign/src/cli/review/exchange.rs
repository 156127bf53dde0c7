//! `review push` and `review fetch`: the notes with signed reviews, to and from a remote.

use crate::cli::given;
use crate::cli::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_flow::review::notes::{self, Exchanged};
use std::path::PathBuf;

/// Push the reviews in refs/notes/countersign to a remote
///
/// As `git push REMOTE refs/notes/countersign` does it, by your own git. Where others were faster, their reviews are
/// fetched and put together with yours first; nothing is ever forced.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign review push origin")]
pub(crate) struct Push {
    /// The remote
    #[arg(default_value = "origin")]
    remote: String,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
}

/// Fetch the reviews in a remote's refs/notes/countersign
///
/// By your own git. They are put together with those that are here, line by line: none is lost.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign review fetch origin")]
pub(crate) struct Fetch {
    /// The remote
    #[arg(default_value = "origin")]
    remote: String,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
}

impl Push {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let done = notes::push(&self.repo, &self.remote, given::now()?, call.world.environment())?;
        Ok(answer(call, "review-push", "pushed to", &done))
    }
}

impl Fetch {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let done = notes::fetch(&self.repo, &self.remote, given::now()?, call.world.environment())?;
        Ok(answer(call, "review-fetch", "fetched from", &done))
    }
}

fn answer(call: &Call<'_>, verb: &str, what: &str, done: &Exchanged) -> Done {
    Done::answer(call.format, Exit::Ok, verb, done, || match done.commit {
        Some(_) => format!("{} {what} {}: {} commit(s) with reviews\n", done.reference, done.remote, done.notes),
        None => format!("{} has no {}\n", done.remote, done.reference),
    })
}
