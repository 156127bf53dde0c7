//! What went into a build, each with a verification summary of its own.

use super::inputs::Read;
use countersign_core::digest::{Sha256, hex_array};
use countersign_core::slsa::{Dependency, SummaryExpectations};
use countersign_core::statement::Statement;
use countersign_core::time::Time;
use countersign_verify::attest::{self, Anchors, Shown, Wanted, check_summary};
use std::collections::{BTreeMap, BTreeSet};

/// What the summaries say that were handed in for dependencies, by the SHA-256 of what each is about. Each is verified once, however many
/// dependencies a build names.
pub(super) struct Summaries {
    about: BTreeMap<String, Result<(), String>>,
}

impl Summaries {
    /// Judges each. It may rest on whatever holds: on what was handed in for the artifact, whose digests are `given`, and beside the summaries.
    pub(super) fn of(
        read: &[Read],
        anchors: &Anchors,
        wanted: &SummaryExpectations,
        given: &BTreeSet<String>,
        at: Time,
    ) -> Self {
        let held = read.iter().filter_map(|one| Some((one.place.as_str(), held(one, anchors, at)?)));
        let held: Vec<(&str, Shown)> = held.collect();
        let mut given = given.clone();
        given.extend(held.iter().flat_map(|(_, shown)| shown.digests().map(Sha256::hex)));
        let mut about: BTreeMap<String, Result<(), String>> = BTreeMap::new();
        for (place, shown) in held.iter().filter(|(_, shown)| attest::is_summary(shown)) {
            let findings = check_summary(shown, wanted, &given, at, place);
            let verdict = findings.into_iter().next().map_or(Ok(()), |finding| Err(finding.what));
            let subjects = shown.statement().into_iter().flat_map(|statement| &statement.subjects);
            for hex in subjects.filter_map(|subject| subject.digest.get("sha256")) {
                // Of several about one thing, one that is as it is expected is enough.
                let known = about.entry(hex.clone()).or_insert_with(|| verdict.clone());
                if known.is_err() {
                    known.clone_from(&verdict);
                }
            }
        }
        Self { about }
    }

    /// Whether one is about this dependency, and is as it is expected; or why none is.
    pub(super) fn holds(&self, of: &Dependency) -> Result<(), String> {
        let hex = of.digest.get("sha256").ok_or("it has no sha256")?;
        let sha256 = Sha256::from_hex(hex).map_err(|error| error.to_string())?;
        let known = self.about.get(&sha256.hex()).cloned();
        known.unwrap_or_else(|| Err("no summary is about it".to_owned()))
    }
}

/// What is shown by what was handed in for a dependency, if it holds about its own subject: which of them are asked for, the dependencies say.
fn held(one: &Read, anchors: &Anchors, at: Time) -> Option<Shown> {
    let statement = Statement::parse_any(one.attestation.payload.as_deref()?).ok()?;
    let digest = |name: &str| statement.subjects.iter().find_map(|subject| subject.digest.get(name));
    let sha256 = digest("sha256").and_then(|hex| Sha256::from_hex(hex).ok());
    let long = if sha256.is_some() { None } else { digest("sha512") };
    let about = Wanted { sha256, sha512: long.and_then(|hex| hex_array(hex).ok()), bytes: None };
    attest::verify(&one.attestation, anchors, &about, at, &one.place).ok()
}
