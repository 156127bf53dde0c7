//! The world as statements: provenance and git evidence.
//!
//! This crate reads files and starts programs, all through one [`runner`]; with the feature `online` it asks forges over
//! HTTP, all through one client, and witnesses of the log. It takes variables, times and random numbers as arguments, and it never signs, verifies,
//! or decides what is good.

pub mod artifact;
pub mod cargo_command;
pub mod cargo_lock;
pub mod environment;
mod files;
#[cfg(feature = "online")]
pub mod forge;
pub mod git;
pub mod junit;
pub mod platform;
pub mod provenance;
#[cfg(feature = "online")]
pub mod registry;
pub mod runner;
pub mod scrub;
pub mod snapshot;
mod source;
pub mod source_uri;
#[cfg(unix)]
#[cfg(test)]
mod testing;
#[cfg(feature = "online")]
pub mod witness;
pub mod worktree;

pub use environment::Environment;
pub use source::SourceError;
