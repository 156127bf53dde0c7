//! Measures the proof of review over a long range, from stored evidence: `review_range CHANGES` makes a history of that many
//! changes of four commits each (merged, squashed and rebased in turn, in a tree of one size) with two signed reviews a
//! change, writes it down as evidence, and has a process of its own prove it, so that the memory that is counted is the
//! proof's and not the making's. With a second argument, `old`, the changes are of one commit each and all left the branch
//! at one commit, long before the range; there are 400 of those at most. Then three changes more land, of ten commits, and
//! the proof goes on from the first one: everything that was handed in is hashed, and only what is new is verified and
//! proved. Prints one JSON row a figure, like every bench.
#![expect(clippy::disallowed_methods, reason = "a bench that runs itself again, as a process of its own")]

use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Verdict, verdict_of};
use countersign_core::git::evidence::{Evidence as GitEvidence, Facts};
use countersign_core::git::listing::listing_digest;
use countersign_core::git::{ObjectFormat, ObjectSource as _, Oid, Recording};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::Kind;
use countersign_core::statement::review::ReviewDecision;
use countersign_core::statement::source::SourceEvidence;
use countersign_core::time::Time;
use countersign_decide::review::{Outcome, Parameters, Question, prove};
use countersign_tests::world::{BRANCH, REPOSITORY, World};
use countersign_verify::trust::{VerifiedTrust, verify_trust};
use countersign_verify::{Evidence, History};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["prove", folder] => measure(Path::new(folder)),
        [changes] => stage(changes.parse()?, false),
        [changes, "old"] => stage(changes.parse()?, true),
        _ => Err("review_range CHANGES [old]".into()),
    }
}

/// Makes the history and what is stored of it, and has it proved by another process.
fn stage(changes: usize, old: bool) -> Result<(), Box<dyn Error>> {
    let mut world = World::new();
    let fork = world.plant(FILES);
    let shape = if !old {
        Shape::Series
    } else if changes <= FILES {
        for number in 0..100 {
            world.tip = world.commit_tree(&world.objects.commit(&fork)?.tree, &[world.tip], &format!("past {number}"));
        }
        world.start = world.tip;
        Shape::Old(fork)
    } else {
        return Err(format!("more than {FILES} old branches").into());
    };
    let start = world.start;
    let (documents, facts) = land_all(&mut world, changes, shape)?;
    let first_tip = world.tip;
    let at = world.now;
    let mut later = documents.clone();
    let mut later_facts = Facts { start: Some(first_tip), listings: BTreeMap::new(), ..facts.clone() };
    land_more(&mut world, changes, &mut later, &mut later_facts)?;
    let trust = verify_trust(&world.trust, Some(&world.trust_digest), at).trust.ok_or("trust")?;
    let reviews = Evidence::verify(&documents, &trust, at);
    let recording = Recording::new(&world.objects);
    let first = ask(&History::rehearsal(&facts, &recording), &reviews, &trust, at, start, &BTreeMap::new())?;
    let stored = GitEvidence { facts, objects: recording.into_read() }.encode()?;
    let landed: BTreeMap<Oid, Oid> = first.changes.iter().map(|change| (change.head, change.landed)).collect();
    let recording = Recording::new(&world.objects);
    let reviews = Evidence::verify(&later, &trust, at);
    drop(ask(&History::rehearsal(&later_facts, &recording), &reviews, &trust, at, first_tip, &landed)?);
    let later_stored = GitEvidence { facts: later_facts, objects: recording.into_read() }.encode()?;

    let folder = tempfile::tempdir()?;
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
    write("first.git", &stored)?;
    write("later.git", &later_stored)?;
    write("first.jsonl", &documents.join(&b'\n'))?;
    write("later.jsonl", &later.join(&b'\n'))?;
    write("trust", &world.trust)?;
    let lines: Vec<String> = landed.iter().map(|(head, tip)| format!("{} {}", head.hex(), tip.hex())).collect();
    write("landed", lines.join("\n").as_bytes())?;
    write("said", format!("{} {at} {first_tip} {start}", world.trust_digest).as_bytes())?;
    let proof = Command::new(std::env::current_exe()?).arg("prove").arg(folder.path()).status()?;
    if proof.success() { Ok(()) } else { Err(format!("the proof ended with {proof}").into()) }
}

/// Proves what is stored in a folder, and says what it took.
fn measure(folder: &Path) -> Result<(), Box<dyn Error>> {
    let read = |name: &str| std::fs::read(folder.join(name));
    let said = String::from_utf8(read("said")?)?;
    let [digest, at, first_tip, start] = said.split(' ').collect::<Vec<_>>()[..] else { return Err("said".into()) };
    let (at, first_tip, start) = (at.parse::<Time>()?, first_tip.parse()?, start.parse()?);
    let trust = verify_trust(&read("trust")?, Some(&digest.parse()?), at).trust.ok_or("trust")?;

    let begun = Instant::now();
    let documents = lines(&read("first.jsonl")?);
    let stored = read("first.git")?;
    let size = stored.len();
    let git = GitEvidence::parse(&stored)?;
    drop(stored);
    let read_in = begun.elapsed();
    let signatures = Instant::now();
    let reviews = Evidence::verify(&documents, &trust, at);
    let verified = signatures.elapsed();
    let proof = Instant::now();
    let outcome = ask(&History::of(&git), &reviews, &trust, at, start, &BTreeMap::new())?;
    let proved = proof.elapsed();
    let total = begun.elapsed();
    passed(&outcome)?;
    let commits = outcome.commits.len();
    drop((outcome, git, reviews));
    let most = peak()?;

    // What the first run leaves behind.
    let settled: BTreeSet<Sha256> = documents.iter().map(|bytes| Sha256::of(bytes)).collect();
    let root = SourceEvidence::new(settled.clone(), BTreeSet::new()).root;
    let mut landed = BTreeMap::new();
    for line in String::from_utf8(read("landed")?)?.lines() {
        let (head, tip) = line.split_once(' ').ok_or("landed")?;
        landed.insert(head.parse()?, tip.parse()?);
    }

    let again = Instant::now();
    let new = unsettled(&lines(&read("later.jsonl")?), &settled, &root)?;
    let reviews = Evidence::verify(&new, &trust, at);
    let git = GitEvidence::parse(&read("later.git")?)?;
    let outcome = ask(&History::of(&git), &reviews, &trust, at, first_tip, &landed)?;
    let after = again.elapsed();
    passed(&outcome)?;
    row("review-range-later-commits", "commits", f64::from(u32::try_from(outcome.commits.len())?))?;
    row("review-range-later-total", "s", after.as_secs_f64())?;
    row("review-range-commits", "commits", f64::from(u32::try_from(commits)?))?;
    row("review-range-evidence", "MB", f64::from(u32::try_from(size / 1000)?) / 1000.0)?;
    row("review-range-read", "s", read_in.as_secs_f64())?;
    row("review-range-signatures", "s", verified.as_secs_f64())?;
    row("review-range-proof", "s", proved.as_secs_f64())?;
    row("review-range-total", "s", total.as_secs_f64())?;
    row("review-range-peak", "MB", most)
}

fn ask(
    history: &History<'_>,
    reviews: &Evidence,
    trust: &VerifiedTrust,
    at: Time,
    start: Oid,
    landed: &BTreeMap<Oid, Oid>,
) -> Result<Outcome, Box<dyn Error>> {
    Ok(prove(&Question {
        history,
        trust,
        reviews: reviews.of_kind(Kind::Review).collect(),
        changes: &[],
        against: &[],
        repository: &history.facts().repository,
        target_ref: &RefName::new(BRANCH)?,
        cut_from: None,
        candidate: history.facts().candidate,
        start,
        landed,
        tags: &[],
        at,
        parameters: &Parameters::default(),
        by: "the bench",
    }))
}

/// Documents, one a line.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Files of the repository, throughout: what one change costs does not depend on how many there were before it.
const FILES: usize = 400;

/// How changes leave the branch.
#[derive(Clone, Copy)]
enum Shape {
    /// At its tip, four commits each.
    Series,
    /// At one commit of long ago, one commit each.
    Old(Oid),
}

/// Signed reviews.
type Reviews = Vec<Vec<u8>>;

/// Lands changes, every one reviewed by two. Gives the reviews, and what is known of the repository.
fn land_all(world: &mut World, changes: usize, shape: Shape) -> Result<(Reviews, Facts), Box<dyn Error>> {
    let start = world.start;
    let mut documents = Vec::new();
    let mut heads = Vec::new();
    for number in 0..changes {
        let (base, head) = match shape {
            Shape::Series => (world.tip, world.land_series(number, 4)),
            Shape::Old(fork) => (fork, world.land_from(&fork, number)),
        };
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
    Ok((documents, facts))
}

/// Three changes more, each with two reviews.
fn land_more(
    world: &mut World,
    from: usize,
    documents: &mut Vec<Vec<u8>>,
    facts: &mut Facts,
) -> Result<(), Box<dyn Error>> {
    for number in from..from + 3 {
        let base = world.tip;
        let head = world.land_series(number, 4);
        for person in ["ada", "ben"] {
            documents.push(world.review(person, &base, &head, ReviewDecision::Approve));
        }
        let listing = listing_digest(&world.objects, &world.objects.commit(&head)?.tree)?;
        facts.listings.insert(head, listing);
    }
    facts.candidate = world.tip;
    Ok(())
}

/// What was handed in and is not settled, after making sure that everything that is settled is still there.
fn unsettled(documents: &[Vec<u8>], settled: &BTreeSet<Sha256>, root: &Sha256) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let handed: Vec<Sha256> = documents.iter().map(|bytes| Sha256::of(bytes)).collect();
    let still: BTreeSet<Sha256> = handed.iter().filter(|digest| settled.contains(digest)).copied().collect();
    if SourceEvidence::new(still, BTreeSet::new()).root != *root {
        return Err("what was proved rests on other evidence now".into());
    }
    let new = documents.iter().zip(&handed).filter(|(_, digest)| !settled.contains(digest));
    Ok(new.map(|(bytes, _)| bytes.clone()).collect())
}

fn passed(outcome: &Outcome) -> Result<(), Box<dyn Error>> {
    if verdict_of(&outcome.findings) == Verdict::Pass {
        return Ok(());
    }
    let refused = outcome.findings.iter().find(|finding| finding.class != Class::Note);
    Err(refused.map_or_else(String::new, |finding| format!("{} {}", finding.code, finding.what)).into())
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
