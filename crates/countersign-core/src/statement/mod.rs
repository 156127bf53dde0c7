//! Statements: what somebody says about an artifact, and signs.

pub mod provenance;
