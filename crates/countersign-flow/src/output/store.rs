//! What the verbs answer that look after evidence, and carry bundles to registries and back.

use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::ids::{EnvName, Origin};
use countersign_core::statement::Kind;
use countersign_core::statement::erasure::Erasure;
use countersign_core::time::Time;
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
        /// How many of them cosign attached before there were bundles.
        older: usize,
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
        /// In how many of the stores of earlier logs that were given it was still there, and was removed now.
        removed_earlier: usize,
        /// The logs before this one that name the piece and whose stores were not given: there it may lie still.
        not_reached: Vec<Origin>,
        /// The entries that recorded the piece as evidence by hand, in words: each is withheld from now on.
        withheld: Vec<String>,
    }
    /// `evidence check`: whether the store has what the log names, and what it has besides.
    EvidenceChecked {
        /// How many pieces the log and its decisions name.
        named: usize,
        /// Those that this log and its decisions name, in the order of its entries, where they were asked for.
        pieces: Vec<NamedPiece>,
        /// How many the store has.
        kept: usize,
        /// Those that were erased, with the entries that say so.
        erased: BTreeMap<Sha256, u64>,
        /// Those that are named here and that another log of the chain says are erased, with its entries in words.
        erased_elsewhere: BTreeMap<Sha256, String>,
        /// Those that nothing names.
        unreferenced: BTreeSet<Sha256>,
        /// Files in the store that are no evidence, by their paths: what writes left that were killed, or are at work.
        leftover: Vec<String>,
        /// The verdict.
        verdict: Verdict,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// One piece that a log names.
    NamedPiece {
        /// The first entry that names it, or whose decision does.
        entry: u64,
        /// What that says that it is.
        what: String,
        /// The piece.
        digest: Sha256,
    }
    /// `log find`: where something is in the log, by an index that nobody signed.
    LogFound {
        /// How many entries the index covers.
        size: u64,
        /// The log's root at that size.
        root: Sha256,
        /// The entries about the subject.
        rows: Vec<FoundRow>,
        /// Decisions by day.
        days: Vec<DayRow>,
        /// Rules that did not pass, by day.
        rules: Vec<RuleRow>,
    }
    /// One entry about a subject.
    FoundRow {
        /// The entry.
        entry: u64,
        /// Its time.
        time: Time,
        /// What was recorded.
        kind: Kind,
        /// For which environment.
        environment: Option<EnvName>,
        /// What a decision came to.
        verdict: Option<Verdict>,
        /// Whether it authorised.
        authorised: Option<bool>,
        /// By which version of the policy.
        policy_version: Option<u64>,
    }
    /// How many decisions of one kind were made in a day.
    DayRow {
        /// The day.
        day: String,
        /// The environment.
        environment: String,
        /// The verdict.
        verdict: String,
        /// Whether they authorised.
        authorised: bool,
        /// The release's version.
        policy_version: u64,
        /// How many.
        count: u64,
    }
    /// In how many decisions of a day a rule did not pass.
    RuleRow {
        /// The day.
        day: String,
        /// The environment.
        environment: String,
        /// The rule.
        rule: String,
        /// How many.
        count: u64,
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
