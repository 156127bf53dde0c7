//! Every end-to-end test, in one binary.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot set up should stop"
)]

mod again;
mod attacks;
mod attestations;
mod attested_door;
mod attested_folder;
mod audit_about;
mod audit_agreement;
mod audit_beside;
mod audit_counts;
mod audit_facts;
mod audit_later;
mod audit_package;
mod audit_portions;
mod audit_questions;
mod audit_windows;
mod audit_words;
mod backtest;
mod before_log;
mod cloud_build;
mod collect_door;
mod conformance;
mod conformance_kinds;
mod conformance_logs;
mod conformance_more;
mod conformance_schemes;
mod crash_suite;
mod door;
mod door_audit;
mod door_authoring;
mod door_backtest;
mod door_controls;
mod door_exits;
mod door_first_rule;
mod door_formats;
mod door_gate;
mod door_lint;
mod door_log;
mod door_policy;
mod door_release_tests;
mod door_rollout;
mod door_rules;
mod door_start;
mod door_words;
mod elsewhere;
mod evidence_door;
mod evidence_rules;
mod examples;
mod exception_door;
mod exceptions;
mod file_rules;
mod file_rules_door;
mod foreign;
mod forge;
mod frozen;
mod gate_identity;
mod key_door;
mod keyless_door;
mod keyless_roles;
mod keyless_services;
mod lesser_scans;
mod log_oracle;
mod log_records;
mod merge_against_git;
mod merkle_vectors;
mod monotone;
mod pages;
mod past;
mod peer_vectors;
mod policy_suite;
mod registry_door;
mod registry_older;
mod rego_opa;
mod reports;
mod review_bad_input;
mod review_door;
mod review_notes;
mod review_suite;
mod rotation_door;
mod sbom;
mod sboms;
mod secrets_door;
mod settled;
mod shard_door;
mod sigstore;
mod slsa;
mod source_door;
mod source_level;
mod stand_ins;
mod standing;
mod standing_door;
mod standing_forge;
mod store_branch;
mod summaries;
mod tamper_suite;
mod token_door;
mod trust_page;
mod tuf;
mod verify_door;
mod witness_door;
mod written_rules;
