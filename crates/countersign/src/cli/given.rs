//! Arguments that several verbs take: trust with its digest from outside, the store, the least checkpoint.

use crate::variables;
use crate::world::World;
use clap::Args;
use countersign_core::digest::Sha256;
use countersign_core::time::Time;
use countersign_flow::FlowError;
use countersign_flow::outside::TrustFile;
use countersign_flow::place::{self, Place};
use std::path::{Path, PathBuf};

/// Trust, and its digest from outside.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustArgs {
    /// The signed trust document
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Its digest, from outside the reviewed repository
    #[arg(long, value_name = "sha256:…", env = variables::TRUST_DIGEST)]
    trust_digest: Option<Sha256>,
}

impl TrustArgs {
    /// Reads and checks it at a time.
    pub(crate) fn read(&self, at: Time) -> Result<TrustFile, FlowError> {
        TrustFile::read(&self.trust, self.trust_digest, at)
    }
}

/// The store's folder.
#[derive(Debug, Args)]
#[command(next_help_heading = "Record")]
pub(crate) struct StoreArgs {
    /// The folder with log and evidence
    #[arg(long, value_name = "DIR", default_value = place::DEFAULT)]
    store: PathBuf,
}

impl StoreArgs {
    /// The place.
    pub(crate) fn place(&self) -> Place {
        Place::new(&self.store)
    }
}

/// The least checkpoint, from outside.
#[derive(Debug, Args)]
#[command(next_help_heading = "Record")]
pub(crate) struct LeastArgs {
    /// A checkpoint of the log that was kept elsewhere
    #[arg(long, value_name = "FILE", env = variables::LEAST_CHECKPOINT)]
    least_checkpoint: Option<PathBuf>,
}

impl LeastArgs {
    /// The file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.least_checkpoint.as_deref()
    }
}

/// The machine's time.
pub(crate) fn now() -> Result<Time, FlowError> {
    World::now().map_err(|error| FlowError::Usage(format!("the machine's clock: {error}")))
}
