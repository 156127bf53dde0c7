//! What is kept: the append-only log, the content-addressed evidence store and the audit package.
//!
//! This crate may touch files, and through what is handed to it a git branch: no clock, no variable, no terminal. It knows no rule, makes
//! and checks no signature (signers and verifiers are handed in), and has no way to rewrite or delete an entry.

pub mod atomic;
pub mod disk;
pub mod index;
pub mod journal;
mod lock;
pub mod log;
mod outlet;
pub mod package;
pub mod remote;
pub mod side;
pub mod store;
pub mod witness;

#[cfg(test)]
mod testing;
