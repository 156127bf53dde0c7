//! Measures appending to a log, beside the least that a durable append can cost on the same disk, and prints one JSON
//! row a figure. `log_bench [FOLDER] [APPENDS] [ENTRIES]`: the folder decides which disk is measured.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use countersign_core::ids::Origin;
use countersign_core::log::merkle::{leaf_hash, verify_inclusion};
use countersign_core::log::note::{NoteKey, NoteSigner, SignFailed};
use countersign_record::log::reader::LogReader;
use countersign_record::log::verify::verify_folder;
use countersign_record::log::writer::Log;
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The size of an entry as the gate writes it, more or less.
const ENTRY_BYTES: usize = 404;
const BATCH: u64 = 1_000;
const BATCHES: u64 = 100;
/// How many at one time a large log is made of.
const LARGE_BATCH: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let number = |argument: Option<std::ffi::OsString>, usual: u64| match argument {
        Some(count) => count.to_string_lossy().parse::<u64>(),
        None => Ok(usual),
    };
    let appends = number(arguments.next(), 500)?;
    let entries = number(arguments.next(), 1_000_000)?;
    if let Some(log) = arguments.next() {
        return memory(Path::new(&log));
    }
    let scratch = tempfile::tempdir_in(&folder)?;
    let signer = Signer::new()?;

    let (bare, single) = side_by_side(scratch.path(), &signer, appends)?;
    row("append-bare-fdatasync", "ms", &milliseconds(&bare))?;
    row("append-one-by-one", "ms", &milliseconds(&single))?;
    row("append-one-by-one-over-bare", "ratio", &[middle(&milliseconds(&single)) / middle(&milliseconds(&bare))])?;

    let times = log_append(&scratch.path().join("batched"), &signer, BATCHES, BATCH)?;
    row("append-batch-1000", "ms", &milliseconds(&times))?;
    let total: Duration = times.iter().sum();
    row("append-batch-1000-rate", "entries/s", &[f64::from(u32::try_from(BATCHES * BATCH)?) / total.as_secs_f64()])?;

    let large = scratch.path().join("large");
    log_append(&large, &signer, entries / LARGE_BATCH, LARGE_BATCH)?;
    resident(&folder, appends, entries, &large)?;
    let start = Instant::now();
    let report = verify_folder(&large)?;
    let taken = start.elapsed().as_secs_f64();
    row("verify-folder-rate", "entries/s", &[f64::from(u32::try_from(report.entries)?) / taken])?;
    if let Some(bad) = report.bad {
        return Err(format!("{}: {}", bad.path, bad.wrong).into());
    }
    proofs(&large)
}

/// Proofs from a large log: made from its files, and checked with nothing but the receipt.
fn proofs(folder: &Path) -> Result<(), Box<dyn Error>> {
    let reader = LogReader::open(folder)?;
    let claim = reader.checkpoint().claim().clone();
    let (mut made, mut checked, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for index in (0..reader.size()).step_by(usize::try_from(reader.size() / 500)?) {
        let start = Instant::now();
        let proof = black_box(reader.tlog_proof(index)?);
        made.push(start.elapsed());
        let leaf = leaf_hash(&reader.entry(index)?);
        let start = Instant::now();
        verify_inclusion(&leaf, index, claim.size, &proof.hashes, &claim.root)?;
        checked.push(start.elapsed());
        sizes.push(f64::from(u32::try_from(proof.to_string().len())?));
    }
    row("inclusion-proof", "ms", &milliseconds(&made))?;
    let microseconds: Vec<f64> = checked.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    row("inclusion-proof-verified", "us", &microseconds)?;
    row("receipt", "bytes", &sizes)
}

/// What a process needs that opens a large log and appends to it: another one, so that nothing of this one counts.
fn resident(folder: &Path, appends: u64, entries: u64, log: &Path) -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "the writer that is measured is this program again")]
    let mut command = std::process::Command::new(std::env::current_exe()?);
    let said = command.arg(folder).args([appends.to_string(), entries.to_string()]).arg(log).output()?;
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into());
    }
    Ok(std::io::stdout().write_all(&said.stdout)?)
}

fn memory(folder: &Path) -> Result<(), Box<dyn Error>> {
    let signer = Signer::new()?;
    let known = [signer.key().clone()];
    let mut log = Log::open_for_append(folder, &signer, &known, &holds)?;
    let first = log.size();
    for turn in 0..20 {
        let entries: Vec<Vec<u8>> = (0..BATCH).map(|n| entry(first + turn * BATCH + n)).collect();
        black_box(log.append(&entries)?);
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak in /proc/self/status")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    row("writer-memory", "MB", &[kilobytes / 1000.0])
}

fn holds(key: &NoteKey, bytes: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key.public()).verify(bytes, signature).is_ok()
}

/// One write and one flush an entry to one file, which is what any durable append costs at least, and one append to the
/// log: in turns, so that both meet the same disk.
fn side_by_side(
    folder: &Path,
    signer: &Signer,
    appends: u64,
) -> Result<(Vec<Duration>, Vec<Duration>), Box<dyn Error>> {
    let mut file = File::create_new(folder.join("bare"))?;
    let mut log = Log::create(&folder.join("single"), signer)?;
    let (mut bare, mut single) = (Vec::new(), Vec::new());
    for n in 0..appends {
        let entry = entry(n);
        let start = Instant::now();
        file.write_all(&entry)?;
        file.sync_data()?;
        bare.push(start.elapsed());
        let batch = [entry];
        let start = Instant::now();
        black_box(log.append(&batch)?);
        single.push(start.elapsed());
    }
    Ok((bare, single))
}

fn log_append(folder: &Path, signer: &Signer, turns: u64, batch: u64) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut log = Log::create(folder, signer)?;
    let mut times = Vec::new();
    for turn in 0..turns {
        let entries: Vec<Vec<u8>> = (0..batch).map(|n| entry(turn * batch + n)).collect();
        let start = Instant::now();
        black_box(log.append(&entries)?);
        times.push(start.elapsed());
    }
    Ok(times)
}

fn entry(n: u64) -> Vec<u8> {
    let mut bytes = format!("{{\"n\":{n},\"rest\":\"").into_bytes();
    bytes.resize(ENTRY_BYTES, b'x');
    bytes
}

fn milliseconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| time.as_secs_f64() * 1000.0).collect()
}

fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn row(name: &str, unit: &str, values: &[f64]) -> Result<(), Box<dyn Error>> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let row = serde_json::json!({
        "name": name, "unit": unit, "runs": values.len(), "min": least, "median": middle(values), "max": most,
    });
    Ok(writeln!(std::io::stdout(), "{row}")?)
}

struct Signer {
    pair: Ed25519KeyPair,
    key: NoteKey,
}

impl Signer {
    fn new() -> Result<Self, Box<dyn Error>> {
        // The same for the process whose memory is measured.
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32])?;
        let public = pair.public_key().as_ref().try_into()?;
        Ok(Self { key: NoteKey::new(Origin::new("bench.example/log")?, public), pair })
    }
}

impl NoteSigner for Signer {
    fn key(&self) -> &NoteKey {
        &self.key
    }
    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], SignFailed> {
        let failed = || SignFailed { key: self.key.clone(), source: None };
        self.pair.sign(bytes).as_ref().try_into().map_err(|_length| failed())
    }
}
