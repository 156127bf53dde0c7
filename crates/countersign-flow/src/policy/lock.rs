//! The lock file: which release to expect in an environment. It follows the log, and is written from it.

use super::activate::{Standing, anchored, open_at_end};
use crate::error::FlowError;
use crate::files;
use crate::outside::TrustFile;
use crate::place::{Place, StoreBlobs};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::limits;
use countersign_core::policy::{Lock, Pin};
use countersign_core::time::Time;
use countersign_record::atomic::{could_write, write_atomic};
use countersign_verify::policy::Activated;
use std::path::Path;

/// What a lock is written from.
#[derive(Debug)]
pub struct LockRequest<'a> {
    /// Of which environment.
    pub environment: &'a EnvName,
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// The store.
    pub place: &'a Place,
    /// The least checkpoint, from outside.
    pub least_checkpoint: Option<&'a Path>,
    /// `countersign.lock`.
    pub lock: &'a Path,
    /// The time.
    pub at: Time,
}

/// Writes which release the log makes active into the lock, as its activation does.
pub fn lock_active(request: &LockRequest<'_>) -> Result<Activated, FlowError> {
    let trust = anchored(request.trust)?;
    let blobs = StoreBlobs::new(request.place.store());
    let standing = Standing { place: request.place, least_checkpoint: request.least_checkpoint, trust, at: request.at };
    let state = open_at_end(&standing, request.environment, &blobs)?;
    blobs.finish()?;
    let Some(active) = state.now().active(request.environment).cloned() else {
        let what = format!("no policy release is active for {}", request.environment);
        return Err(FlowError::Refused(vec![Finding::new(codes::POLICY_NOT_ACTIVE, what).at("--environment")]));
    };
    write(request.lock, request.environment, &active)?;
    Ok(active)
}

/// Whether the lock could be written: it is none yet or one that reads, and there is room for it.
pub(super) fn may_write(path: &Path) -> Result<(), FlowError> {
    drop(read(path)?);
    Ok(could_write(path)?)
}

/// The lock follows the log. Its least version never goes down.
pub(super) fn write(path: &Path, environment: &EnvName, activated: &Activated) -> Result<(), FlowError> {
    let mut lock = read(path)?;
    let reference = activated.release.reference();
    let before = lock.0.get(environment).map_or(0, |pin| pin.min_version);
    let pin = Pin {
        uri: reference.uri.clone(),
        version: reference.version,
        digest: reference.digest,
        min_version: before.clamp(1, reference.version.max(1)),
    };
    lock.0.insert(environment.clone(), pin);
    Ok(write_atomic(path, lock.to_text().as_bytes(), 0o644)?)
}

fn read(path: &Path) -> Result<Lock, FlowError> {
    let Some(bytes) = files::read_to_grow(path, limits::TOML_BYTES)? else { return Ok(Lock::default()) };
    Lock::parse(&bytes).map_err(|error| {
        FlowError::Refused(vec![Finding::of_lines(error.code(), &error.to_string()).at(path.display().to_string())])
    })
}
