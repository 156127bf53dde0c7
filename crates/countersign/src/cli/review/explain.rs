//! `review explain`: the story of one commit.

use super::story;
use super::verify::ProofArgs;
use crate::cli::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_flow::review::{commit, explain};

/// Tell the story of one commit: how it landed, who wrote it, whose review counts, and what is missing
///
/// The same proof as `review verify`, told for one commit of the range.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign review explain main~2 --range v1.0..main --repository git+https://example.com/app \\\n    \
                        --notes --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(crate) struct Explain {
    /// The commit
    commit: String,
    /// The range that it is part of: START..CANDIDATE
    #[arg(long, value_name = "START..CANDIDATE")]
    range: String,
    #[command(flatten)]
    proof: ProofArgs,
}

impl Explain {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let commit = commit(&self.proof.repo, &self.commit, call.world.environment())?;
        let (proof, more) = self.proof.prove(&self.range, call)?;
        let document = explain(&proof, &more, &commit)?;
        Ok(Done::answer(call.format, document.exit, "review-explain", &document, || story::of_commit(&document)))
    }
}
