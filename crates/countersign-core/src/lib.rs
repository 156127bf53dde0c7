//! The nouns of countersign: values that travel between the other crates, and nothing else.
//!
//! This crate takes bytes, numbers and text, and gives back values. It never reads a file, a clock, a variable or a
//! socket, it knows no other crate of ours, and nothing in it depends on the order of a hash map: what it prints is
//! what gets signed.
#![warn(clippy::arithmetic_side_effects)]

pub mod attestation;
pub mod blob;
pub mod bundle;
pub mod catalogue;
pub mod codes;
pub mod config;
pub mod cyclonedx;
pub mod decision;
pub mod digest;
pub mod entry;
pub mod envelope;
pub mod exception;
pub mod exit;
pub mod finding;
pub mod forge;
pub mod git;
pub mod glob;
pub mod ids;
pub mod json;
pub mod key;
pub mod later;
pub mod licence;
pub mod limits;
pub mod log;
pub mod policy;
pub mod purl;
pub mod slsa;
pub mod statement;
pub mod time;
pub mod trust;
pub mod wilson;
pub mod yaml;
