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
use countersign_core::bundle::{Signature, Signed};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Verdict, exit_of};
use countersign_flow::audit::{self, Ask, Asking, GivenFacts, How, Keeping, OutsideTrust, Profile, Scope};
use countersign_flow::place::Place;
use countersign_record::log::writer::Log;
use countersign_record::package::Packed;
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
    let files = Packed::open(Box::new(File::open(&packed).expect("the package")), |_, _| ());
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
            // What was measured is said first: what follows takes time and memory of its own.
            row(what, "s", start.elapsed().as_secs_f64());
            row(&format!("{what}-memory"), "MB", peak());
            let raw = Raw::of(package(name));
            // Beside those of promotions there are a few of trust and policy.
            assert!(raw.keys >= keys && raw.identities >= identities, "{raw:?}");
            row("signature-ed25519", "us", raw.by_keys / f64::from(raw.keys.max(1)) * 1e6);
            row("signature-p256", "us", raw.p256 * 1e6);
            row("signatures-raw", "s", raw.seconds());
            row("signatures-over-raw", "times", took / raw.seconds());
            return;
        }
    }
    row(what, "s", start.elapsed().as_secs_f64());
    row(&format!("{what}-memory"), "MB", peak());
}

/// What the signatures of a package cost by themselves: each checked over the very bytes that it covers, on one processor, and
/// nothing else done but to check it.
#[derive(Debug, Default)]
struct Raw {
    keys: u32,
    identities: u32,
    /// Seconds of processor: of all that keys made, of the messages of all that identities made, and of one P-256 signature.
    by_keys: f64,
    by_identities: f64,
    p256: f64,
}

/// How many messages are held at a time.
const MESSAGES: usize = 4_000;

impl Raw {
    fn of(source: Box<File>) -> Self {
        let (packed, _) = Packed::open(source, |_, _| ()).expect("a package");
        let ed25519 = Ed25519KeyPair::generate().expect("a key");
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let random = SystemRandom::new();
        let by_key = |message: &[u8]| ed25519.sign(message).as_ref().to_vec();
        let by_identity = |message: &[u8]| p256.sign(&random, message).expect("signed").as_ref().to_vec();
        let mut out = Self::default();
        let (mut keys, mut identities) = (Vec::new(), Vec::new());
        let days: Vec<String> =
            packed.names().filter(|name| name.starts_with("evidence/")).map(str::to_owned).collect();
        for (at, day) in days.iter().enumerate() {
            let bytes = packed.read(day).expect("read").expect("a file");
            for signed in documents(&bytes).filter_map(|document| Signed::parse(document).ok()) {
                match signed.by {
                    Signature::Dsse { .. } => keys.push(signed.pae()),
                    Signature::Certificate { .. } => identities.push(signed.pae()),
                    Signature::Ssh { .. } => {}
                }
            }
            let last = at.saturating_add(1) == days.len();
            if keys.len() >= MESSAGES || last {
                out.keys += u32::try_from(keys.len()).expect("few");
                out.by_keys += cost(&ED25519, ed25519.public_key().as_ref(), &keys, &by_key);
                keys.clear();
            }
            if identities.len() >= MESSAGES || last {
                out.identities += u32::try_from(identities.len()).expect("few");
                out.by_identities +=
                    cost(&ECDSA_P256_SHA256_ASN1, p256.public_key().as_ref(), &identities, &by_identity);
                identities.clear();
            }
        }
        // What is signed in a certificate, a log's entry and a timestamp: two kilobytes at most.
        out.p256 =
            cost(&ECDSA_P256_SHA256_ASN1, p256.public_key().as_ref(), &vec![vec![7; 2_048]; MESSAGES], &by_identity)
                / f64::from(u32::try_from(MESSAGES).expect("few"));
        out
    }

    /// All of them. An identity is a signature by its certificate's key, over the statement; the certificate's, its log's, the
    /// timestamp's and that of the timestamp's certificate, all P-256; and the entry's log's, Ed25519.
    fn seconds(&self) -> f64 {
        let ed25519 = self.by_keys / f64::from(self.keys.max(1));
        self.by_keys + self.by_identities + f64::from(self.identities) * (4.0 * self.p256 + ed25519)
    }
}

/// The documents of a day's file: a line with digest and length before each.
fn documents(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let line = rest.split(|b| *b == b'\n').next().filter(|line| !line.is_empty())?;
        let text = std::str::from_utf8(line).expect("a line");
        let length: usize = text.rsplit(' ').next().expect("a length").parse().expect("a length");
        let (document, after) = rest.split_at(line.len() + 1).1.split_at(length);
        rest = after.split_at(1).1;
        Some(document)
    })
}

/// Seconds of processor to check a signature over each of these.
fn cost(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    messages: &[Vec<u8>],
    sign: &dyn Fn(&[u8]) -> Vec<u8>,
) -> f64 {
    let signatures: Vec<Vec<u8>> = messages.iter().map(|message| sign(message)).collect();
    let key = UnparsedPublicKey::new(algorithm, key);
    // Of the processor, as what it is held against: a busy machine makes neither of them longer.
    let start = cpu();
    for (message, signature) in messages.iter().zip(&signatures) {
        key.verify(message, signature).expect("it holds");
    }
    cpu() - start
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
