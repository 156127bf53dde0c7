//! What is in a package: derived from its other files, and derived again when it is checked.

use super::{INDEX, README};
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::time::Time;
use serde::Serialize;
use std::collections::BTreeMap;

/// `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// The form of this document.
    pub schema: &'static str,
    /// The log as far as it goes.
    pub log: LogRef,
    /// The first entry's time.
    pub first: Option<Time>,
    /// The last entry's time.
    pub last: Option<Time>,
    /// Entries by kind.
    pub entries: BTreeMap<&'static str, u64>,
    /// Every other file, by path.
    pub files: BTreeMap<String, Sha256>,
}

impl Index {
    /// Of a package's other files and the log's entries.
    #[must_use]
    pub fn of(files: &BTreeMap<String, Vec<u8>>, log: LogRef, entries: &[Entry]) -> Self {
        let mut kinds = BTreeMap::new();
        for entry in entries {
            let count: &mut u64 = kinds.entry(entry.kind.word()).or_default();
            *count = count.saturating_add(1);
        }
        Self {
            schema: "https://countersign.dev/schemas/package-index/v0.1",
            log,
            first: entries.first().map(|e| e.time),
            last: entries.last().map(|e| e.time),
            entries: kinds,
            files: files
                .iter()
                .filter(|(path, _)| path.as_str() != INDEX)
                .map(|(path, bytes)| (path.clone(), Sha256::of(bytes)))
                .collect(),
        }
    }
}

/// The text that a person finds on opening the package.
pub(super) fn readme(log: &LogRef) -> String {
    format!(
        "An audit package of countersign.\n\n\
         Log:      {}\nEntries:  {}\nRoot:     {}\n\n\
         Check it, with no network, against a trust document that you got elsewhere:\n\n  \
         countersign audit verify THIS-FILE --trust trust.sigstore.json --trust-digest sha256:...\n\n\
         {INDEX}            every file with its SHA-256\n\
         log/                  the log: C2SP tlog-tiles with its signed checkpoint\n\
         evidence/sha256/      every signed statement and piece of evidence, named by its SHA-256\n\
         trust.sigstore.json   the trust document that the log records last; the one to believe comes from outside\n\
         {README}            this text\n",
        log.origin, log.size, log.root
    )
}
