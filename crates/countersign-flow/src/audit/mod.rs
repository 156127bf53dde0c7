//! The audit package: one file from which every decision is proved again, with no network, no git and no store; and what
//! an auditor asks of it.

mod about;
mod again;
mod agreed;
mod ask;
mod carried;
mod derive;
mod diff;
mod earlier;
mod episodes;
mod export;
mod facts;
mod holding;
mod keep;
mod kept;
mod key_events;
mod manual;
mod older;
mod open;
mod page;
mod population;
mod portion;
mod questions;
mod reconcile;
mod records;
mod report;
mod sample;
mod scope;
mod shard;
mod show;
mod since;
mod statements;
mod summary;
mod table;
mod told;
mod trusts;
mod verify;
mod witnesses;

pub use ask::{Answered, Ask, Asking, QuestionRow, ask, questions};
pub use diff::{Difference, FileDifference, ListDifference, diff};
pub use export::{Exported, Packing, export, export_file, export_from, export_to};
pub use facts::Window;
pub use keep::{FACTS_FORM, GivenFacts, Keeping, check_facts, digest_of, open_with_facts};
pub use open::{Opened, Opening, open, open_two};
pub use population::{Header, Population};
pub use reconcile::{Reconciliation, SourceRow, SourceState};
pub use sample::{Sample, Stratum};
pub use scope::{LeftOut, Profile, Scope};
pub use show::{Chain, Link, Other};
pub use table::{Proof, Row, Table};
pub use verify::{
    AuditReport, DecisionRow, How, OutsideTrust, verify, verify_opened, verify_source, verify_with_earlier,
};

use countersign_core::log::tile::Tile;
use countersign_record::log::{CHECKPOINT, COSIGNED};

/// Where the log lies in a package.
pub(crate) const LOG: &str = "log/";
/// Where the documents lie in a package.
pub(crate) const EVIDENCE: &str = "evidence/";
/// The trust document, for people: the one that counts is given from outside.
pub(crate) const TRUST: &str = "trust.sigstore.json";
/// What is in the package.
pub(crate) const INDEX: &str = "index.json";
/// The same for people.
pub(crate) const PAGE: &str = "index.html";
/// The policy releases in force.
pub(crate) const POLICIES: &str = "policies.json";
/// Where the lists are.
pub(crate) const POPULATIONS: &str = "populations/";
/// The proof for the range.
pub(crate) const RANGE: &str = "range.proof";
/// What a person reads first.
pub(crate) const README: &str = "README.txt";

/// Whether a file is one of the log's own, which are held against the log itself. Nothing else is looked at there by anybody, so
/// that nothing else may lie there.
fn is_of_log(name: &str) -> bool {
    let own = |path: &str| matches!(path, CHECKPOINT | COSIGNED) || Tile::from_path(path).is_ok();
    name.strip_prefix(LOG).is_some_and(own)
}
