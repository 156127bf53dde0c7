//! Measures appending to a log, beside the least that a durable append can cost on the same disk, and prints one JSON
//! row a figure. `log_bench [FOLDER] [APPENDS]`: the folder decides which disk is measured.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use countersign_core::ids::Origin;
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

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let appends = match arguments.next() {
        Some(count) => count.to_string_lossy().parse()?,
        None => 500,
    };
    let scratch = tempfile::tempdir_in(folder)?;
    let signer = Signer::new()?;

    let (bare, single) = side_by_side(scratch.path(), &signer, appends)?;
    row("append-bare-fdatasync", "ms", &milliseconds(&bare))?;
    row("append-one-by-one", "ms", &milliseconds(&single))?;
    row("append-one-by-one-over-bare", "ratio", &[middle(&milliseconds(&single)) / middle(&milliseconds(&bare))])?;

    let batched = scratch.path().join("batched");
    let times = log_append(&batched, &signer, BATCHES, BATCH)?;
    row("append-batch-1000", "ms", &milliseconds(&times))?;
    let total: Duration = times.iter().sum();
    let entries = f64::from(u32::try_from(BATCHES * BATCH)?);
    row("append-batch-1000-rate", "entries/s", &[entries / total.as_secs_f64()])?;

    let start = Instant::now();
    let report = verify_folder(&batched)?;
    row("verify-folder-rate", "entries/s", &[entries / start.elapsed().as_secs_f64()])?;
    if let Some(bad) = report.bad {
        return Err(format!("{}: {}", bad.path, bad.wrong).into());
    }
    let reader = LogReader::open(&batched)?;
    let mut times = Vec::new();
    for index in (0..reader.size()).step_by(997) {
        let start = Instant::now();
        black_box(reader.inclusion_proof(index)?);
        times.push(start.elapsed());
    }
    row("inclusion-proof", "ms", &milliseconds(&times))?;
    Ok(())
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
        let pair = Ed25519KeyPair::generate()?;
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
