//! The audit package: one file from which every decision is proved again, with no network, no git and no store.

mod export;
mod index;
mod verify;
mod witnesses;

pub use export::{Exported, export};
pub use index::Index;
pub use verify::{AuditReport, DecisionRow, OutsideTrust, verify};

/// Where the log lies in a package.
pub(crate) const LOG: &str = "log/";
/// Where the evidence lies in a package.
pub(crate) const EVIDENCE: &str = "evidence/sha256/";
/// The trust document, for people: the one that counts is given from outside.
pub(crate) const TRUST: &str = "trust.sigstore.json";
/// What is in the package.
pub(crate) const INDEX: &str = "index.json";
/// What a person reads first.
pub(crate) const README: &str = "README.txt";
