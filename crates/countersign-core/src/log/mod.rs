//! The transparency log as values: Merkle tree, tiles, signed notes, checkpoints and proofs, as RFC 6962 and the C2SP
//! documents tlog-tiles, signed-note, tlog-checkpoint, tlog-cosignature, tlog-witness, tlog-policy and tlog-proof describe
//! them.
//!
//! Nothing here reads a file or knows a signature algorithm's mathematics: folders are read by the record crate, and
//! signatures are made and checked by whoever hands in a [`note::NoteSigner`] or [`note::NoteVerifier`].

pub mod carried;
pub mod checkpoint;
pub mod cosignature;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod quorum;
pub mod tile;
pub mod witness;

/// A decimal number as the C2SP documents want it: ASCII digits, no sign, no leading zero, within 64 bits.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}
