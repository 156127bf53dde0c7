//! Every end-to-end test, in one binary.

mod monotone;
mod merge_against_git;
mod merkle_vectors;
mod sbom;
