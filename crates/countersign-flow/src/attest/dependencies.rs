//! What went into a build, each with a verification summary of its own.

use super::Expected;
use super::inputs::Read;
use countersign_core::digest::{Sha256, hex_array};
use countersign_core::slsa::{Dependency, SummaryExpectations};
use countersign_core::statement::{Payload, Stated as _};
use countersign_core::time::Time;
use countersign_verify::attest::{self, Anchors, Shown, Wanted, check_summary};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// What was handed in for dependencies. Each of it is verified once, however many dependencies builds name and however many artifacts are
/// checked in one run; and not before one is asked for.
pub(super) struct HandedIn<'h> {
    read: &'h [Read],
    anchors: &'h Anchors,
    /// What is expected of each summary; nothing where nobody said whose.
    wanted: Option<SummaryExpectations>,
    at: Time,
    held: OnceLock<Held>,
}

/// What of it holds.
struct Held {
    summaries: Vec<Summary>,
    /// The numbers of those about one SHA-256.
    about: BTreeMap<String, Vec<usize>>,
    /// The digests by which others may name any of it.
    digests: BTreeSet<String>,
}

struct Summary {
    place: String,
    shown: Shown,
    /// How it is judged, where that hangs on nothing but itself.
    verdict: OnceLock<Result<(), String>>,
}

impl<'h> HandedIn<'h> {
    pub(super) fn new(read: &'h [Read], anchors: &'h Anchors, expected: &Expected, at: Time) -> Self {
        let level = expected.provenance.as_ref().and_then(|wanted| wanted.dependency_level);
        let wanted = expected.summary.as_ref().zip(level).map(|(wanted, level)| {
            let mut wanted = wanted.clone();
            wanted.levels = BTreeSet::from([format!("SLSA_BUILD_LEVEL_{level}")]);
            wanted.resource = None;
            wanted
        });
        Self { read, anchors, wanted, at, held: OnceLock::new() }
    }

    /// Whether one is about this dependency, and is as it is expected; or why none is. It may rest on whatever holds: on what was handed in
    /// for the artifact, whose digests are `given`, and beside the summaries.
    pub(super) fn holds(&self, of: &Dependency, given: &BTreeSet<String>) -> Result<(), String> {
        let Some(wanted) = &self.wanted else { return Err("no verifier of summaries is expected".to_owned()) };
        let hex = of.digest.get("sha256").ok_or("it has no sha256")?;
        let sha256 = Sha256::from_hex(hex).map_err(|error| error.to_string())?;
        let held = self.held.get_or_init(|| Held::of(self.read, self.anchors, self.at));
        let mut why = "no summary is about it".to_owned();
        // Of several about one thing, one that is as it is expected is enough.
        for number in held.about.get(&sha256.hex()).into_iter().flatten() {
            let Some(summary) = held.summaries.get(*number) else { continue };
            let judge = || held.judge(summary, wanted, given, self.at);
            // On what it rests may have been handed in for this artifact alone.
            let verdict = if wanted.inputs { judge() } else { summary.verdict.get_or_init(judge).clone() };
            match verdict {
                Ok(()) => return Ok(()),
                Err(what) => why = what,
            }
        }
        Err(why)
    }
}

impl Held {
    fn of(read: &[Read], anchors: &Anchors, at: Time) -> Self {
        let mut out = Self { summaries: Vec::new(), about: BTreeMap::new(), digests: BTreeSet::new() };
        for one in read {
            let Some(shown) = held(one, anchors, at) else { continue };
            out.digests.extend(shown.digests().map(Sha256::hex));
            if !attest::is_summary(&shown) {
                continue;
            }
            let number = out.summaries.len();
            let subjects = shown.statement().into_iter().flat_map(|statement| &statement.subjects);
            for hex in subjects.filter_map(|subject| subject.digest.get("sha256")) {
                out.about.entry(hex.clone()).or_default().push(number);
            }
            out.summaries.push(Summary { place: one.place.clone(), shown, verdict: OnceLock::new() });
        }
        out
    }

    fn judge(
        &self,
        summary: &Summary,
        wanted: &SummaryExpectations,
        given: &BTreeSet<String>,
        at: Time,
    ) -> Result<(), String> {
        let is_given = |hex: &str| given.contains(hex) || self.digests.contains(hex);
        let findings = check_summary(&summary.shown, wanted, &is_given, at, &summary.place);
        findings.into_iter().next().map_or(Ok(()), |finding| Err(finding.what))
    }
}

/// What is shown by what was handed in for a dependency, if it holds about its own subject: which of them are asked for, the dependencies say.
fn held(one: &Read, anchors: &Anchors, at: Time) -> Option<Shown> {
    let statement = Payload::parse_any(one.attestation.payload.as_deref()?).ok()?;
    let digest = |name: &str| statement.subjects().iter().find_map(|subject| subject.digest.get(name));
    let sha256 = digest("sha256").and_then(|hex| Sha256::from_hex(hex).ok());
    let long = if sha256.is_some() { None } else { digest("sha512") };
    let about = Wanted { sha256, sha512: long.and_then(|hex| hex_array(hex).ok()), bytes: None };
    attest::verify(&one.attestation, anchors, &about, at, &one.place).ok()
}
