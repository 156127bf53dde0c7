//! The files of a package that follow from the rest: lists, the policy releases, the proof for the range, the page and the
//! text for people, and the index. Who exports makes them, and who verifies makes them again and compares.

use super::facts::Facts;
use super::page;
use super::population::{self, Population};
use super::scope::{Form, LeftOut, Scope, left_out, named};
use super::{EVIDENCE, INDEX, LOG, PAGE, POLICIES, POPULATIONS, RANGE, README, TRUST};
use crate::error::FlowError;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::json;
use countersign_core::later::is_earlier;
use countersign_core::log::merkle::{HashReader, consistency_proof, leaf_hash, root_of, verify_consistency};
use countersign_core::time::Time;
use countersign_record::package::Pressed;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Derived files, and what the index says of the whole.
#[derive(Debug)]
pub(super) struct Derived {
    /// The files but the index, by name.
    pub(super) files: BTreeMap<String, Made>,
    /// What was left out.
    pub(super) left_out: LeftOut,
    head: Head,
}

/// A file that was made.
#[derive(Debug)]
pub(super) struct Made {
    /// SHA-256 of its bytes.
    pub(super) digest: Sha256,
    /// Its bytes as a package holds them, where they are wanted: the lists of a year are too large to be held otherwise.
    pub(super) pressed: Option<Pressed>,
}

/// Files as they are made.
struct Files {
    made: BTreeMap<String, Made>,
    wanted: bool,
}

impl Files {
    fn add(&mut self, name: impl Into<String>, bytes: &[u8]) -> Result<(), FlowError> {
        let pressed = self.wanted.then(|| Pressed::of(bytes)).transpose()?;
        self.made.insert(name.into(), Made { digest: Sha256::of(bytes), pressed });
        Ok(())
    }
}

/// Which lists, page and text there are, what their columns are and what they say, and what a package takes in by rule: to change
/// any of it is to count this up, so that a package of before is not taken for an altered one.
pub(super) const SCHEMA: &str = "https://countersign.dev/schemas/package-index/v0.7";
/// The first form of a package that has what reviewed emergencies of its part.
const REVIEWED: &str = "https://countersign.dev/schemas/package-index/v0.5";

/// What a package of this form takes in.
pub(super) fn form(said: Option<&str>) -> Form {
    match said {
        Some(said) if is_earlier(said, REVIEWED) => Form::Alone,
        Some(said) if is_earlier(said, SCHEMA) => Form::Reviewed,
        Some(_) | None => Form::Now,
    }
}

/// `index.json`, without the files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    schema: &'static str,
    log: LogRef,
    first: Option<Time>,
    last: Option<Time>,
    scope: Scope,
    /// The entries in the window: from the first up to the last, which is not among them.
    window: [u64; 2],
    entries: BTreeMap<&'static str, u64>,
    left_out: LeftOut,
}

/// `index.json`.
#[derive(Debug, Serialize)]
struct Index<'a> {
    #[serde(flatten)]
    head: &'a Head,
    files: &'a BTreeMap<String, Sha256>,
}

impl Derived {
    /// The index over files with these digests.
    pub(super) fn index(&self, files: &BTreeMap<String, Sha256>) -> Result<Vec<u8>, FlowError> {
        Ok(json::canonical(&Index { head: &self.head, files })?)
    }
}

/// Makes them, for a package that holds the documents that `has` says; with their bytes, if those are wanted.
pub(super) fn of(
    facts: &Facts<'_>,
    scope: &Scope,
    has: &dyn Fn(&Sha256) -> bool,
    wanted: bool,
) -> Result<Derived, FlowError> {
    let log = facts.log();
    let left_out = left_out(named(facts.state, facts.gathered, facts.blobs), has);
    let mut files = Files { made: BTreeMap::new(), wanted };
    let mut populations: Vec<Population> = Vec::new();
    for made in population::ALL {
        let (population, csv) = population::list(made, facts, wanted);
        let name = population.header.name;
        let file = format!("{POPULATIONS}{name}.csv");
        if let Some(csv) = csv {
            files.add(file, &csv)?;
        } else {
            files.made.insert(file, Made { digest: population.header.csv, pressed: None });
        }
        files.add(format!("{POPULATIONS}{name}.json"), &json::canonical(&population.header)?)?;
        populations.push(population);
    }
    files.add(POLICIES, &policies(facts)?)?;
    files.add(RANGE, range_proof(facts, &log)?.as_bytes())?;
    files.add(README, readme(&log, facts, scope, &left_out).as_bytes())?;
    files.add(PAGE, page::of_package(facts, scope, &left_out, &populations).as_bytes())?;
    let mut entries = BTreeMap::new();
    for entry in facts.state.entries() {
        let count: &mut u64 = entries.entry(entry.kind.word()).or_default();
        *count = count.saturating_add(1);
    }
    let head = Head {
        schema: SCHEMA,
        log,
        first: facts.state.entries().first().map(|entry| entry.time),
        last: facts.state.entries().last().map(|entry| entry.time),
        scope: scope.clone(),
        window: [facts.range.start, facts.range.end],
        entries,
        left_out: left_out.clone(),
    };
    Ok(Derived { files: files.made, left_out, head })
}

/// Every release that was in force in the window: by whom it was approved and activated, its rules, its tests.
fn policies(facts: &Facts<'_>) -> Result<Vec<u8>, FlowError> {
    let log = facts.log();
    let one = |active: &countersign_verify::policy::Activated| {
        let manifest = active.release.manifest();
        let reference = active.release.reference();
        let rules: Vec<_> = manifest
            .rules
            .iter()
            .map(|rule| {
                json!({
                    "id": rule.id,
                    "stage": rule.stage_at(&active.activation.environment, active.time),
                    "controls": countersign_decide::rules::controls(rule, &manifest.texts),
                })
            })
            .collect();
        json!({
            "entry": active.entry,
            "log": active.log.as_ref().unwrap_or(&log.origin),
            "time": active.time,
            "environment": active.activation.environment,
            "release": {"uri": reference.uri, "version": reference.version, "digest": reference.digest},
            "approvers": active.release.approvers(),
            "activators": active.activators,
            "reason": active.activation.reason,
            "overrides": active.activation.overrides,
            "backtest": active.release.backtest(),
            "documents": {"activation": active.document, "release": active.release.document()},
            "rules": rules,
            "tests": facts
                .tests(active)
                .iter()
                .map(|test| json!({"path": test.path, "digest": test.digest, "here": test.here}))
                .collect::<Vec<_>>(),
        })
    };
    let all: Vec<_> = facts.activations_in_force().map(one).collect();
    Ok(json::canonical(&json!({
        "schema": "https://countersign.dev/schemas/package-policies/v0.2",
        "releases": all,
    }))?)
}

/// The leaves' hashes, as a tree.
struct Leaves(Vec<Sha256>);

impl HashReader for Leaves {
    type Error = std::convert::Infallible;

    fn hash(&mut self, level: u32, index: u64) -> Result<Sha256, Self::Error> {
        let width = 1_usize.checked_shl(level).unwrap_or(usize::MAX);
        let from = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(width);
        let end = from.saturating_add(width).min(self.0.len());
        Ok(root_of(self.0.get(from..end).unwrap_or_default()))
    }
}

/// The proof that the log at its checkpoint goes on from the state that it had when the window began.
fn range_proof(facts: &Facts<'_>, log: &LogRef) -> Result<String, FlowError> {
    let from = facts.range.start;
    let earlier = facts.state.at(from).map(|view| view.reference().root);
    let earlier = earlier.ok_or_else(|| FlowError::Evidence("the window begins beyond the log".to_owned()))?;
    let mut out = format!(
        "countersign.dev/range-proof/v1\n{}\nfrom {from} {earlier}\nto {} {}\n",
        log.origin, log.size, log.root
    );
    if from == 0 {
        return Ok(out);
    }
    let leaves = facts.state.entries().iter().map(|entry| Ok(leaf_hash(&entry.to_bytes()?)));
    let mut leaves = Leaves(
        leaves
            .collect::<Result<_, countersign_core::entry::EntryError>>()
            .map_err(|error| FlowError::Evidence(error.to_string()))?,
    );
    let refused = |error: String| FlowError::Evidence(error);
    let proof = consistency_proof(&mut leaves, from, log.size).map_err(|error| refused(error.to_string()))?;
    verify_consistency(from, log.size, &proof, &earlier, &log.root).map_err(|error| refused(error.to_string()))?;
    for hash in proof {
        out.push_str(&format!("{hash}\n"));
    }
    Ok(out)
}

/// The text that a person finds on opening the package.
fn readme(log: &LogRef, facts: &Facts<'_>, scope: &Scope, left_out: &LeftOut) -> String {
    format!(
        "An audit package of countersign.\n\n\
         Log:       {}\nEntries:   {}\nRoot:      {}\nProfile:   {}\nWindow:    {} (entries {}..{})\n\
         Left out:  {} documents{}\n\n\
         Check it, with no network, against a trust document and a checkpoint of the log that you got elsewhere (without\n\
         the checkpoint nothing shows that the log's end was not cut off):\n\n  \
         countersign audit verify THIS-FILE --trust trust.sigstore.json --trust-digest sha256:... --least-checkpoint FILE\n\n\
         {PAGE}            the same for people: open it in a browser\n\
         {INDEX}            every file with its SHA-256\n\
         {LOG}                  the log, whole: C2SP tlog-tiles with its signed checkpoint\n\
         {EVIDENCE}DAY.docs     every signed statement and piece of evidence, by the day that first names it; a line with\n\
         \u{20}                     its SHA-256 and its length stands before each; a day that is large goes on in\n\
         \u{20}                     DAY_0002.docs and those after it\n\
         {POLICIES}         the policy releases in force in the window, with approvals and tests\n\
         {POPULATIONS}          lists, as CSV, each with how it was made\n\
         {RANGE}           the proof that the log goes on from where the window begins\n\
         {TRUST}   the trust document that the log records last; the one to believe comes from outside\n\
         {README}            this text\n",
        log.origin,
        log.size,
        log.root,
        scope.profile,
        facts.window_words(),
        facts.range.start,
        facts.range.end,
        left_out.documents,
        if left_out.entries.is_empty() {
            String::new()
        } else {
            format!(", of entries {}", left_out.entries.join(", "))
        },
    )
}
