//! Bytes and trust to proof.
//!
//! Everything here is a pure function of its arguments: no file, clock, variable, process or socket. What holds becomes a
//! value of a type that only this crate can make ([`Verified`], [`VerifiedTrust`], [`LogState`], [`History`]); what does
//! not hold becomes findings. All of them, not the first.
#![warn(clippy::arithmetic_side_effects)]

pub mod adjudication;
pub mod attest;
mod carry;
mod checkpoint;
pub mod document;
pub mod erased;
pub mod evidence;
pub mod exception;
pub mod foreign;
pub mod forge;
pub mod gate;
pub mod history;
pub mod keys;
mod later;
pub mod log;
pub mod own;
mod past;
pub mod policy;
pub mod quorum;
mod recorded;
pub mod records;
pub mod rollout;
pub mod shard;
pub mod sigstore;
pub mod source;
pub mod ssh;
mod supposed;
pub mod trust;
pub mod tuf;
pub mod vsa;
pub mod webhook;
pub mod witnessed;

pub use document::{Attested, SignedBy, Verified};
pub use evidence::{Blobs, Evidence, named_blob};
pub use exception::{Exceptions, FollowedUp, VerifiedException};
pub use foreign::{ForeignSigner, ForeignStatement};
pub use forge::{ForgeChange, ForgeOutcome};
pub use history::History;
pub use log::{LogState, StateView};
pub use past::{BoundBefore, LandedBefore, Use};
pub use recorded::{About, Spoken, against_of};
pub use sigstore::Roots;
pub use source::VerifiedSource;
pub use supposed::Supposed;
pub use trust::VerifiedTrust;
