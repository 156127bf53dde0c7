//! A generated year: so many promotions, spread over 365 days, packed by the exporter. `year make FOLDER N` makes it;
//! `year measure FOLDER WHAT` does one thing with it in a process of its own and prints rows of what that took: `quick`, `full`,
//! `facts`, `signature`, or a question such as `Q01`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot be taken should stop, and says what it does"
)]

use countersign_core::finding::{Verdict, exit_of};
use countersign_flow::audit::{self, Ask, Asking, How, OutsideTrust, Profile, Scope};
use countersign_flow::place::Place;
use countersign_record::log::writer::Log;
use countersign_record::store::Store as _;
use countersign_tests::chronicle::Chronicle;
use countersign_tests::world::{LogKeeper, World};
use countersign_verify::log::signed_checkpoint;
use countersign_verify::trust::verify_trust;
use serde_json::json;
use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

/// Seconds of a year.
const YEAR: usize = 365 * 24 * 60 * 60;
/// How many documents are flushed at once.
const BATCH: usize = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", folder, n] => make(Path::new(folder), n.parse().expect("a number of promotions")),
        ["measure", folder, what] => measure(Path::new(folder), what),
        _ => eprintln!("year make FOLDER N | year measure FOLDER quick|full|facts|signature|Qnn"),
    }
}

fn make(folder: &Path, n: usize) {
    let step = i64::try_from(YEAR.checked_div(n.max(1)).unwrap_or(1)).expect("seconds");
    let mut long = Chronicle::of(World::new());
    for number in 0..n {
        let before = long.world.now;
        let decisions = long.promote_next(number, &["production"]);
        assert!(decisions.iter().all(|decision| decision.verdict == Verdict::Pass), "promotion {number}");
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
    drop(world);
    for (name, profile) in [("full", Profile::Full), ("facts", Profile::FactsOnly)] {
        let start = Instant::now();
        let scope = Scope { profile, ..Scope::default() };
        let packing = audit::export_file(&place, &scope, &folder.join(format!("{name}.cspkg"))).expect("a package");
        row(&format!("export-{name}"), "s", start.elapsed().as_secs_f64());
        row(&format!("size-{name}"), "MB", megabytes(packing.bytes));
        let files = countersign_record::package::Packed::open(
            Box::new(File::open(folder.join(format!("{name}.cspkg"))).expect("the package")),
            &mut |_, _| {},
        );
        let members = files.expect("a package").names().count();
        row(&format!("members-{name}"), "members", f64::from(u32::try_from(members).expect("few members")));
    }
}

fn measure(folder: &Path, what: &str) {
    let trust = fs::read(folder.join("trust.sigstore.json")).expect("trust");
    let digest = fs::read_to_string(folder.join("trust.digest")).expect("a digest").parse().expect("a digest");
    let least = fs::read(folder.join("checkpoint")).expect("a checkpoint");
    let outside = Some(OutsideTrust { bytes: &trust, digest: Some(&digest) });
    let package = |name: &str| Box::new(File::open(folder.join(format!("{name}.cspkg"))).expect("the package"));
    let start = Instant::now();
    match what {
        "quick" | "full" | "facts" => {
            let (name, how, ends) = match what {
                "quick" => ("full", How::Quick, 3),
                "facts" => ("facts", How::Full, 3),
                _ => ("full", How::Full, 0),
            };
            let report = audit::verify_source(package(name), outside, Some(&least), how).expect("checked");
            let exit = exit_of(&report.findings).code();
            assert_eq!(exit, ends, "{:#?}", report.findings.first());
        }
        "signature" => signature(folder),
        question => {
            let opening = audit::open(package("full"), outside, Some(&least)).expect("opened");
            row(&format!("{what}-opening"), "s", start.elapsed().as_secs_f64());
            let asking = Asking::of(&opening).expect("open");
            let ask = Ask { seed: Some("a year".to_owned()), kept_checkpoint: true, ..Ask::default() };
            drop(asking.answer("Q01", &ask).expect("an answer"));
            row(&format!("{what}-gathering"), "s", start.elapsed().as_secs_f64());
            let asked = Instant::now();
            drop(asking.answer(question, &ask).expect("an answer"));
            row(&format!("{what}-answer"), "s", asked.elapsed().as_secs_f64());
        }
    }
    row(what, "s", start.elapsed().as_secs_f64());
    row(&format!("{what}-memory"), "MB", peak());
}

/// What one Ed25519 signature costs: that of a checkpoint, checked again and again. The raw cost of a package's signatures is
/// so many of these.
fn signature(folder: &Path) {
    const TIMES: u32 = 5_000;
    let bytes = fs::read(folder.join("checkpoint")).expect("a checkpoint");
    let trust = fs::read(folder.join("trust.sigstore.json")).expect("trust");
    let at = "2026-11-22T10:00:00Z".parse().expect("a time");
    let verified = verify_trust(&trust, None, at).trust.expect("trust");
    let start = Instant::now();
    for _ in 0..TIMES {
        signed_checkpoint(&bytes, verified.trust(), at).expect("signed");
    }
    row("signature-each", "us", start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
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
