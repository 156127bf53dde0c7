//! Builders shared by the tests.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::string_slice,
    reason = "a test that cannot set up should stop"
)]

mod acted;
pub mod chronicle;
#[path = "crash-suite/mod.rs"]
pub mod crash_suite;
pub mod door;
pub mod files_server;
pub mod forge;
pub mod frozen;
pub mod git_server;
pub mod policy_attacks;
pub mod registry;
#[path = "rego-opa/mod.rs"]
pub mod rego_opa;
#[path = "review-suite/mod.rs"]
pub mod review_suite;
pub mod sbom_truth;
pub mod sigstore;
pub mod tamper;
pub mod witness;
pub mod world;

use std::path::PathBuf;

/// The folder of a set of foreign test cases: `SET` in the folder that `COUNTERSIGN_FIXTURES` names, or in
/// `shared/fixtures` beside the checkout. Such cases are not part of the project: a test that does not find them says so
/// and ends.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped test must be seen to be skipped")]
pub fn fixtures(set: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures");
    let folder = std::env::var_os("COUNTERSIGN_FIXTURES").map_or(beside, PathBuf::from).join(set);
    if folder.is_dir() {
        Some(folder)
    } else {
        eprintln!("skipped: fixtures absent ({set})");
        None
    }
}
