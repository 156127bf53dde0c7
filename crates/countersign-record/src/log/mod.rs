//! The log as a folder of static files (C2SP tlog-tiles): `checkpoint`, `tile/0/…` and up, `tile/entries/…`.
//!
//! One process at a time appends ([`writer::Log`]); anybody reads, from a folder or from a package
//! ([`reader::LogReader`], [`verify::verify_log`]). An append is acknowledged only when its entries, tiles and
//! checkpoint are durable, in this order. Nothing here can rewrite or delete an entry that a checkpoint covers.

pub mod cosigned;
#[cfg(test)]
mod crash;
mod edge;
mod error;
mod files;
mod ground;
mod moment;
pub mod reader;
mod sweep;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod writer;

pub use error::LogError;
pub use files::{FolderFiles, LogFiles, PackageFiles};
pub use moment::{FilesAt, Moment};

/// The name of the file that says what the log commits to.
pub const CHECKPOINT: &str = "checkpoint";
/// The name of the file with the newest checkpoint that witnesses have cosigned: the log may have grown since.
pub const COSIGNED: &str = "cosigned";
