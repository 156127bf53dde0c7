//! The use cases of countersign: what a verb does, without a terminal.
//!
//! Each function takes everything it needs as an argument: paths, keys, the time, what was given from outside. Nothing
//! here reads the command line, the environment or the clock, opens a socket, or prints. What was checked and is not
//! good comes back as findings; what could not be done is a [`FlowError`].

pub mod attest;
pub mod audit;
pub mod backtest;
pub mod build;
pub mod collect;
pub mod compare;
pub mod conformance;
pub mod controls;
pub mod documents;
pub mod elsewhere;
pub mod erasure;
pub mod error;
pub mod exception;
pub mod excerpt;
pub mod files;
pub mod history;
pub mod index;
pub mod keep;
#[cfg(feature = "online")]
pub mod keyless;
mod lacking;
pub mod machine;
pub mod output;
pub mod outside;
pub mod people;
pub mod place;
pub mod policy;
pub mod promote;
#[cfg(feature = "online")]
pub mod registry;
pub mod repeat;
pub mod replay;
pub mod review;
pub mod rotate;
pub mod sbom;
pub mod sboms;
pub mod secrets;
pub mod shard;
pub mod signing;
pub mod tests_ran;
pub mod trust_file;
pub mod verify_artifact;
pub mod witness;
pub mod witness_server;

pub use error::FlowError;
