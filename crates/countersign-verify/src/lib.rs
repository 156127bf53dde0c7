//! Bytes and trust to proof.
