//! Measures the proof of review over a long range, from stored evidence: `review_range CHANGES [OUTPUT]` makes a history of
//! that many changes of four commits each (merged, squashed and rebased in turn) with two signed reviews a change, writes
//! it down as evidence, and proves it. Prints one JSON row a figure, like every bench.

use countersign_core::finding::{Class, Verdict, verdict_of};
use countersign_core::git::evidence::{Evidence as GitEvidence, Facts};
use countersign_core::git::listing::listing_digest;
use countersign_core::git::{ObjectFormat, ObjectSource as _, Recording};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::Kind;
use countersign_core::statement::review::ReviewDecision;
use countersign_decide::review::{Parameters, Question, prove};
use countersign_tests::world::{BRANCH, REPOSITORY, World};
use countersign_verify::trust::verify_trust;
use countersign_verify::{Evidence, History};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let changes: usize = std::env::args().nth(1).ok_or("review_range CHANGES")?.parse()?;
    let mut world = World::new();
    let start = world.start;
    let mut documents = Vec::new();
    let mut heads = Vec::new();
    for number in 0..changes {
        let base = world.tip;
        let head = world.land_series(number, 4);
        for person in ["ada", "ben"] {
            documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
        }
        heads.push(head);
    }
    let mut listings = BTreeMap::new();
    for head in &heads {
        listings.insert(*head, listing_digest(&world.objects, &world.objects.commit(head)?.tree)?);
    }
    let facts = Facts {
        format: ObjectFormat::Sha1,
        repository: Uri::new(REPOSITORY)?,
        ref_name: Some(RefName::new(BRANCH)?),
        candidate: world.tip,
        start: Some(start),
        cut_from: None,
        shallow: false,
        replace_refs: BTreeSet::new(),
        grafts: false,
        others: BTreeMap::new(),
        listings,
        tags: BTreeMap::new(),
        unsound: BTreeMap::new(),
    };
    let at = world.now;
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), at).trust.ok_or("trust")?;
    let tip = world.tip;
    let target = RefName::new(BRANCH)?;
    let ask = |history: &History<'_>, reviews: &Evidence| {
        prove(&Question {
            history,
            trust: &trust,
            reviews: reviews.of_kind(Kind::Review).collect(),
            changes: &[],
            against: &[],
            repository: &facts.repository,
            target_ref: &target,
            cut_from: None,
            candidate: tip,
            start,
            landed: &BTreeMap::new(),
            tags: &[],
            at,
            parameters: &Parameters::default(),
            by: "the bench",
        })
    };
    let reviews = Evidence::verify(&documents, &trust, at);
    let recording = Recording::new(&world.objects);
    drop(ask(&History::rehearsal(&facts, &recording), &reviews));
    let stored = GitEvidence { facts: facts.clone(), objects: recording.into_read() }.encode()?;
    drop(reviews);
    world.objects = countersign_core::git::ObjectSet::new();
    let before = peak()?;

    let begun = Instant::now();
    let git = GitEvidence::parse(&stored)?;
    let read = begun.elapsed();
    let signatures = Instant::now();
    let reviews = Evidence::verify(&documents, &trust, at);
    let verified = signatures.elapsed();
    let proof = Instant::now();
    let outcome = ask(&History::of(&git), &reviews);
    let proved = proof.elapsed();
    let total = begun.elapsed();
    if verdict_of(&outcome.findings) != Verdict::Pass {
        let refused = outcome.findings.iter().find(|finding| finding.class != Class::Note);
        return Err(refused.map_or_else(String::new, |finding| format!("{} {}", finding.code, finding.what)).into());
    }
    let commits = outcome.commits.len();
    row("review-range-commits", "commits", f64::from(u32::try_from(commits)?))?;
    row("review-range-evidence", "MB", f64::from(u32::try_from(stored.len() / 1000)?) / 1000.0)?;
    row("review-range-read", "s", read.as_secs_f64())?;
    row("review-range-signatures", "s", verified.as_secs_f64())?;
    row("review-range-proof", "s", proved.as_secs_f64())?;
    row("review-range-total", "s", total.as_secs_f64())?;
    row("review-range-peak-making", "MB", before)?;
    row("review-range-peak", "MB", peak()?)
}

fn row(name: &str, unit: &str, value: f64) -> Result<(), Box<dyn Error>> {
    let row = serde_json::json!({"name": name, "unit": unit, "runs": 1, "min": value, "median": value, "max": value});
    Ok(writeln!(std::io::stdout(), "{row}")?)
}

/// The most memory that this process has had, by Linux's count.
fn peak() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kilobytes: u32 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(f64::from(kilobytes) / 1024.0)
}
