//! What the verbs answer that look after evidence, and carry bundles to registries and back.

use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::statement::erasure::Erasure;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

documents! {
    /// `attach`: bundles refer to an image.
    Attached {
        /// The image.
        image: String,
        /// The tag that lists them, where the registry does not.
        tag: Option<String>,
        /// The bundles.
        bundles: Vec<BundleRow>,
    }
    /// `fetch`: what refers to an image was written.
    Fetched {
        /// The image.
        image: String,
        /// The file.
        output: String,
        /// How many other things refer to the image.
        others: usize,
        /// Whether the fallback tag listed them.
        by_tag: bool,
        /// The bundles.
        bundles: Vec<BundleRow>,
    }
    /// `evidence erase`: a piece is gone, and the log says so.
    EvidenceErased {
        /// The log entry that says so.
        entry: u64,
        /// What was recorded.
        erasure: Erasure,
        /// Whether the piece was still there, and was removed now.
        removed: bool,
    }
    /// `evidence check`: whether the store has what the log names, and what it has besides.
    EvidenceChecked {
        /// How many pieces the log and its decisions name.
        named: usize,
        /// How many the store has.
        kept: usize,
        /// Those that were erased, with the entries that say so.
        erased: BTreeMap<Sha256, u64>,
        /// Those that nothing names.
        unreferenced: BTreeSet<Sha256>,
        /// The verdict.
        verdict: Verdict,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// A bundle beside an image.
    BundleRow {
        /// The bundle's digest.
        bundle: Sha256,
        /// What kind of statement it holds.
        predicate_type: String,
        /// Whether the statement is about this very image.
        about_image: bool,
        /// The manifest with which it refers to the image.
        manifest: Sha256,
        /// It was attached before.
        before: bool,
    }
}
