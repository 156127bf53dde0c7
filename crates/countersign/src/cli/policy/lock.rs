//! `policy lock`: the lock file, from the log.

use super::super::given::{self, Kept, LeastArgs, StoreArgs, TrustArgs};
use super::super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_core::ids::EnvName;
use countersign_flow::output as answer;
use countersign_flow::policy::{self, LockRequest};
use std::path::PathBuf;

/// Write the release that is active into the lock file
///
/// As `policy activate` does; for a lock that was lost, or that could not be written then. Nothing is recorded.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy lock --environment production --store .countersign --trust trust.sigstore.json \\\n    \
                  --least-checkpoint checkpoint"
)]
pub(super) struct Lock {
    /// Of which environment
    #[arg(long, value_name = "NAME")]
    environment: EnvName,
    /// The lock file
    #[arg(long = "lock", value_name = "FILE", default_value = "countersign.lock")]
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
}

impl Lock {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let trust = self.trust.bytes()?;
        let place = self.store.place_after(Kept { least: self.least.file(), output: None }, call)?;
        let at = given::now()?;
        let trust = self.trust.judge(trust, at);
        let active = policy::lock_active(&LockRequest {
            environment: &self.environment,
            trust: &trust,
            place: &place,
            least_checkpoint: self.least.file(),
            lock: &self.file,
            at,
        })?;
        let reference = active.release.reference();
        let document = answer::PolicyLocked {
            environment: self.environment.clone(),
            entry: active.entry,
            version: reference.version,
            digest: reference.digest,
            lock: self.file.display().to_string(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "policy-lock", &document, || {
            format!(
                "{}: expects release {} for {}, active since entry {}\n{}\n",
                document.lock, document.version, document.environment, document.entry, document.digest
            )
        }))
    }
}
