//! Arguments that several verbs take: trust with its digest from outside, the store, the least checkpoint.

use super::Call;
use crate::variables;
use clap::Args;
use countersign_core::digest::Sha256;
use countersign_core::time::Time;
use countersign_flow::FlowError;
use countersign_flow::outside::TrustFile;
use countersign_flow::place::{self, Place};
use std::path::PathBuf;

/// Trust, and its digest from outside.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustArgs {
    /// The signed trust document
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Its digest, from outside the reviewed repository [env: COUNTERSIGN_TRUST_DIGEST]
    #[arg(long, value_name = "sha256:…")]
    trust_digest: Option<Sha256>,
}

impl TrustArgs {
    /// Reads and checks it at a time.
    pub(crate) fn read(&self, call: &Call<'_>, at: Time) -> Result<TrustFile, FlowError> {
        TrustFile::read(&self.trust, self.digest(call)?, at)
    }

    /// The digest from outside: the argument, or the variable.
    pub(crate) fn digest(&self, call: &Call<'_>) -> Result<Option<Sha256>, FlowError> {
        Self::digest_of(self.trust_digest, call)
    }

    /// The same for verbs whose trust may be absent.
    pub(crate) fn digest_of(argument: Option<Sha256>, call: &Call<'_>) -> Result<Option<Sha256>, FlowError> {
        if let Some(digest) = argument {
            return Ok(Some(digest));
        }
        let given = call.world.variable(variables::TRUST_DIGEST);
        let parsed = given.map(|text| text.trim().parse::<Sha256>()).transpose();
        parsed.map_err(|error| FlowError::Usage(format!("{}: {error}", variables::TRUST_DIGEST)))
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
    /// A checkpoint of the log that was kept elsewhere [env: COUNTERSIGN_LEAST_CHECKPOINT]
    #[arg(long, value_name = "FILE")]
    least_checkpoint: Option<PathBuf>,
}

impl LeastArgs {
    /// The file: the argument, or the variable.
    pub(crate) fn file(&self, call: &Call<'_>) -> Option<PathBuf> {
        let variable = || call.world.variable(variables::LEAST_CHECKPOINT).map(PathBuf::from);
        self.least_checkpoint.clone().or_else(variable)
    }
}

/// The machine's time.
pub(crate) fn now(call: &Call<'_>) -> Result<Time, FlowError> {
    call.world.now().map_err(|error| FlowError::Usage(format!("the machine's clock: {error}")))
}
