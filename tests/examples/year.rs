//! A generated year: so many promotions, spread over 365 days. `year make FOLDER N` makes its store, `year make FOLDER N
//! keyless` that of one whose builder signs by its identity, over eleven months; a year that is there already is not made again.
//! `year measure FOLDER WHAT` does one thing with it in a process of its own and prints rows of what that took: `export-full`
//! and `export-facts` pack it; then `quick`, `full`, `sample`, `signatures`, `facts`, or `questions`; `keep` verifies the package
//! of facts only and keeps what questions need, `kept` asks each question from that. `year tidy FOLDER` drops the store, of
//! which the packages have all.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot be taken should stop, and says what it does"
)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    UnparsedPublicKey, VerificationAlgorithm,
};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Verdict, exit_of};
use countersign_flow::audit::{self, Ask, Asking, GivenFacts, How, Keeping, OutsideTrust, Profile, Scope};
use countersign_flow::place::Place;
use countersign_record::log::writer::Log;
use countersign_record::store::Store as _;
use countersign_tests::chronicle::Chronicle;
use countersign_tests::world::{LogKeeper, World};
use serde_json::json;
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

/// Seconds of a year.
const YEAR: usize = 365 * 24 * 60 * 60;
/// For how long a keyless year's authorities are good, and a little less.
const ELEVEN_MONTHS: usize = 330 * 24 * 60 * 60;
/// How many documents are flushed at once.
const BATCH: usize = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", folder, n] => make(Path::new(folder), n.parse().expect("a number of promotions"), false),
        ["make", folder, n, "keyless"] => make(Path::new(folder), n.parse().expect("a number of promotions"), true),
        ["measure", folder, "export-full"] => export(Path::new(folder), "full", Profile::Full),
        ["measure", folder, "export-facts"] => export(Path::new(folder), "facts", Profile::FactsOnly),
        ["measure", folder, "keep"] => keep(Path::new(folder)),
        ["measure", folder, "kept"] => kept(Path::new(folder)),
        ["measure", folder, what] => measure(Path::new(folder), what),
        ["tidy", folder] => fs::remove_dir_all(Path::new(folder).join("store")).expect("the store goes"),
        _ => {
            eprintln!(
                "year make FOLDER N [keyless] | year measure FOLDER export-full|export-facts|quick|full|sample|signatures|facts|questions|keep|kept | year tidy FOLDER"
            );
        }
    }
}

fn make(folder: &Path, n: usize, keyless: bool) {
    let made = format!("{n} promotions{}", if keyless { ", keyless" } else { "" });
    if fs::read_to_string(folder.join("made")).is_ok_and(|before| before == made) {
        return;
    }
    let span = if keyless { ELEVEN_MONTHS } else { YEAR };
    let step = i64::try_from(span.checked_div(n.max(1)).unwrap_or(1)).expect("seconds");
    let mut long = if keyless { Chronicle::keyless() } else { Chronicle::of(World::new()) };
    // With provenance, SBOM, two reviews, the decision and its summary that makes eight signed statements a promotion.
    long.suites = &["unit", "integration"];
    for number in 0..n {
        let before = long.world.now;
        let decisions = long.promote_next(number, &["production"]);
        for decision in &decisions {
            assert_eq!(decision.verdict, Verdict::Pass, "promotion {number}: {:#?}", decision.findings);
        }
        long.world.now = before.plus(step.max(60));
        if number % 1_000 == 999 {
            eprintln!("{} promotions made", number.saturating_add(1));
        }
    }
    let world = long.world;
    let store = folder.join("store");
    let place = Place::new(&store);
    let pieces: Vec<&[u8]> = world.shelf.0.values().map(Vec::as_slice).collect();
    for batch in pieces.chunks(BATCH) {
        place.store().put_many(batch).expect("stored");
    }
    let keeper = LogKeeper::of(&world);
    let mut log = Log::create(&place.log(), &keeper).expect("a log");
    for batch in world.entries.chunks(BATCH) {
        log.append(batch).expect("appended");
    }
    drop(log);
    write(&folder.join("trust.sigstore.json"), &world.trust);
    write(&folder.join("trust.digest"), world.trust_digest.to_string().as_bytes());
    write(&folder.join("checkpoint"), &world.checkpoint());
    // Which signatures a full check has to make good: for the raw cost of them.
    let count = u32::try_from(n).expect("a number of promotions");
    let (keys, identities) = if keyless { (4, 4) } else { (8, 0) };
    write(&folder.join("signatures"), json!([count, count * keys, count * identities]).to_string().as_bytes());
    write(&folder.join("made"), made.as_bytes());
}

/// Packs the store.
fn export(folder: &Path, name: &str, profile: Profile) {
    let (place, packed) = (Place::new(&folder.join("store")), folder.join(format!("{name}.cspkg")));
    let start = Instant::now();
    let scope = Scope { profile, ..Scope::default() };
    let packing = audit::export_file(&place, &scope, &packed).expect("a package");
    row(&format!("export-{name}"), "s", start.elapsed().as_secs_f64());
    row(&format!("export-{name}-memory"), "MB", peak());
    row(&format!("size-{name}"), "MB", megabytes(packing.bytes));
    let files =
        countersign_record::package::Packed::open(Box::new(File::open(&packed).expect("the package")), |_, _| ());
    let members = files.expect("a package").0.names().count();
    row(&format!("members-{name}"), "members", f64::from(u32::try_from(members).expect("few members")));
}

/// What an auditor has from outside.
struct Outside {
    trust: Vec<u8>,
    digest: Sha256,
    least: Vec<u8>,
}

impl Outside {
    fn of(folder: &Path) -> Self {
        Self {
            trust: fs::read(folder.join("trust.sigstore.json")).expect("trust"),
            digest: fs::read_to_string(folder.join("trust.digest")).expect("a digest").parse().expect("a digest"),
            least: fs::read(folder.join("checkpoint")).expect("a checkpoint"),
        }
    }

    fn trust(&self) -> OutsideTrust<'_> {
        OutsideTrust { bytes: &self.trust, digest: Some(&self.digest) }
    }
}

fn asked() -> Ask {
    Ask { seed: Some("a year".to_owned()), n: Some(25), ..Ask::default() }
}

/// Verifies the package of facts only, and keeps what questions need.
fn keep(folder: &Path) {
    let outside = Outside::of(folder);
    let (trust, least) = (Some(outside.trust()), Some(outside.least.as_slice()));
    let mut file = File::open(folder.join("facts.cspkg")).expect("the package");
    let package = audit::digest_of(&mut file).expect("read");
    let how = How::Sample(0);
    let (report, opened) = audit::verify_opened(Box::new(file), trust, least, Vec::new(), how).expect("checked");
    let opened = opened.expect("open");
    let (start, before) = (Instant::now(), cpu());
    let path = folder.join("kept");
    let mut to = std::io::BufWriter::new(File::create(&path).expect("a file"));
    let keeping = Keeping { opened: &opened, report: &report, how, package, outside: trust, least };
    keeping.write(&mut to).expect("kept");
    to.into_inner().expect("written");
    row("keep", "s", start.elapsed().as_secs_f64());
    row("keep-cpu", "s", cpu() - before);
    row("keep-memory", "MB", peak());
    row("size-kept", "MB", megabytes(fs::metadata(&path).expect("the file").len()));
}

/// Asks each question by itself, as a process of its own would.
fn kept(folder: &Path) {
    let outside = Outside::of(folder);
    for question in audit::questions() {
        let (start, before) = (Instant::now(), cpu());
        let bytes = fs::read(folder.join("kept")).expect("the facts");
        let given = GivenFacts { bytes: &bytes, name: "kept", digest: None };
        let package = Box::new(File::open(folder.join("facts.cspkg")).expect("the package"));
        let opening =
            audit::open_with_facts(package, Some(outside.trust()), Some(&outside.least), &given).expect("opened");
        let opened = start.elapsed().as_secs_f64();
        drop(Asking::of(&opening).expect("open").answer(question.id, &asked()).expect("an answer"));
        row(&format!("{}-kept-opening", question.id), "s", opened);
        row(&format!("{}-kept", question.id), "s", start.elapsed().as_secs_f64());
        row(&format!("{}-kept-cpu", question.id), "s", cpu() - before);
    }
    row("kept-memory", "MB", peak());
}

fn measure(folder: &Path, what: &str) {
    let given = Outside::of(folder);
    let (outside, least) = (Some(given.trust()), given.least.clone());
    let package = |name: &str| Box::new(File::open(folder.join(format!("{name}.cspkg"))).expect("the package"));
    let signatures = fs::read(folder.join("signatures")).expect("how many signatures");
    let [count, keys, identities]: [u32; 3] = serde_json::from_slice(&signatures).expect("three numbers");
    let start = Instant::now();
    if what == "questions" {
        let opening = audit::open(package("facts"), outside, Some(&least)).expect("opened");
        row("opening", "s", start.elapsed().as_secs_f64());
        let asking = Asking::of(&opening).expect("open");
        let ask = asked();
        // The first question has every decision read: what it takes by itself is seen when it is asked again.
        drop(asking.answer("Q01", &ask).expect("an answer"));
        row("gathering", "s", start.elapsed().as_secs_f64());
        for question in audit::questions() {
            let asked = Instant::now();
            drop(asking.answer(question.id, &ask).expect("an answer"));
            row(&format!("{}-answer", question.id), "s", asked.elapsed().as_secs_f64());
        }
    } else {
        let (name, how, ends) = match what {
            "quick" => ("full", How::Quick, 3),
            "facts" => ("facts", How::Full, 3),
            "signatures" => ("full", How::Sample(0), 3),
            "sample" => ("full", How::Sample(1_000.min(usize::try_from(count / 2).expect("a number"))), 3),
            _ => ("full", How::Full, 0),
        };
        let report = audit::verify_source(package(name), outside, Some(&least), how).expect("checked");
        let exit = exit_of(&report.findings).code();
        assert_eq!(exit, ends, "{:#?}", report.findings.first());
        let took = cpu();
        row(&format!("{what}-cpu"), "s", took);
        if what == "full" {
            row("full-rate", "decisions/s", f64::from(count) / took);
        }
        if what == "signatures" {
            let (ed25519, p256) = signature();
            row("signature-ed25519", "us", ed25519 * 1e6);
            row("signature-p256", "us", p256 * 1e6);
            // An identity is a signature by its certificate's key, the certificate's, its log's, the entry's log's, the timestamp's
            // and that of the timestamp's certificate; all P-256, but for the entry's log.
            let raw = f64::from(keys) * ed25519 + f64::from(identities) * (5.0 * p256 + ed25519);
            row("signatures-raw", "s", raw);
            row("signatures-over-raw", "times", took / raw);
        }
    }
    row(what, "s", start.elapsed().as_secs_f64());
    row(&format!("{what}-memory"), "MB", peak());
}

/// What the check of one signature over two kilobytes costs by itself, in seconds: Ed25519, and P-256 with SHA-256.
fn signature() -> (f64, f64) {
    const TIMES: u32 = 4_000;
    let message = [7_u8; 2_048];
    let random = SystemRandom::new();
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let cost = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8], signature: &[u8]| {
        let key = UnparsedPublicKey::new(algorithm, key);
        // Of the processor, as what it is held against: a busy machine makes neither of them longer.
        let start = cpu();
        for _ in 0..TIMES {
            key.verify(&message, signature).expect("it holds");
        }
        (cpu() - start) / f64::from(TIMES)
    };
    let by_p256 = p256.sign(&random, &message).expect("signed");
    (
        cost(&ED25519, ed25519.public_key().as_ref(), ed25519.sign(&message).as_ref()),
        cost(&ECDSA_P256_SHA256_ASN1, p256.public_key().as_ref(), by_p256.as_ref()),
    )
}

/// Seconds of processor that this process has had.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("the process's figures");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).map_or(0.0, f64::from);
    // A hundred a second, as Linux counts for programs.
    (ticks(11) + ticks(12)) / 100.0
}

fn row(name: &str, unit: &str, value: f64) {
    println!("{}", json!({"name": name, "unit": unit, "runs": 1, "min": value, "median": value, "max": value}));
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}

/// The most memory that this process has had.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("the process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    let kilobytes: u32 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    f64::from(kilobytes) / 1024.0
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
}
