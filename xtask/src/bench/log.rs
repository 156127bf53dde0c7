//! The figures of the log: an append beside the flush that it has to wait for, batches beside SQLite, proofs, the check of all
//! of it, and what a writer needs.

use super::figures::{Stage, kernel, printed, summary};
use super::row::{Bar, Peer, Row};
use crate::{Outcome, run};
use serde_json::Value;
use std::path::Path;

/// What SQLite does with the same: batches of 1,000 rows of as many bytes, each batch flushed before it is answered.
const SQLITE: &str = "
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('PRAGMA journal_mode=WAL')
db.execute('PRAGMA synchronous=FULL')
db.execute('CREATE TABLE log (n INTEGER PRIMARY KEY, entry BLOB)')
taken = 0.0
for batch in range(100):
    rows = [(batch * 1000 + n, b'x' * 404) for n in range(1000)]
    start = time.perf_counter()
    db.execute('BEGIN')
    db.executemany('INSERT INTO log VALUES (?, ?)', rows)
    db.execute('COMMIT')
    taken += time.perf_counter() - start
print(sqlite3.sqlite_version, 100000 / taken)
";

pub(super) fn figures(stage: &Stage) -> Outcome<Vec<Row>> {
    let printed_rows = stage.example("countersign-record", "log_bench", &[])?;
    let bare = Peer {
        name: "write and fdatasync alone, Linux".to_owned(),
        version: kernel()?,
        summary: printed(&printed_rows, "append-bare-fdatasync")?,
    };
    let one = |name: &str, unit: &str, from: &str, bar, peer| figure(&printed_rows, name, unit, from, bar, peer);
    Ok(vec![
        one("log append, one by one", "ms", "append-one-by-one", Bar::RatioAtMost(10.0), Some(bare))?,
        one(
            "log append, batches of 1,000",
            "entries/s",
            "append-batch-1000-rate",
            Bar::AtLeast(12_000.0),
            Some(sqlite()?),
        )?,
        one("log of a million, proof made", "ms", "inclusion-proof", Bar::AtMost(1.0), None)?,
        one("log of a million, proof verified", "us", "inclusion-proof-verified", Bar::AtMost(20.0), None)?,
        one("log of a million, receipt", "bytes", "receipt", Bar::AtMost(1_200.0), None)?,
        one("log verify, a million entries", "entries/s", "verify-folder-rate", Bar::AtLeast(250_000.0), None)?,
        one("log writer on a million, memory", "MB", "writer-memory", Bar::AtMost(16.0), None)?,
    ])
}

fn figure(rows: &[Value], name: &str, unit: &str, from: &str, bar: Bar, peer: Option<Peer>) -> Outcome<Row> {
    Ok(Row { name: name.to_owned(), unit: unit.to_owned(), summary: printed(rows, from)?, bar, peer })
}

/// SQLite through Python, in the same run and on the same disk.
fn sqlite() -> Outcome<Peer> {
    let folder = tempfile::tempdir().map_err(|e| format!("a temporary folder: {e}"))?;
    let file = folder.path().join("log.sqlite").display().to_string();
    let mut rates = Vec::new();
    let mut version = String::new();
    for turn in 0..3 {
        let mut python = run::command("python3", Path::new("."));
        let said = run::output_of(python.args(["-c", SQLITE]).arg(format!("{file}{turn}")))?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let (found, rate) = said.trim().split_once(' ').ok_or_else(|| format!("SQLite said `{said}`"))?;
        found.clone_into(&mut version);
        rates.push(rate.parse().map_err(|e| format!("SQLite said `{said}`: {e}"))?);
    }
    Ok(Peer { name: "SQLite, WAL and synchronous=FULL, through Python".to_owned(), version, summary: summary(rates)? })
}
