//! Packing: the log under its checkpoint, and every document that an entry or a decision names.

use super::index::{Index, readme};
use super::{EVIDENCE, INDEX, LOG, README, TRUST};
use crate::error::FlowError;
use crate::place::Place;
use countersign_core::bundle::Signed;
use countersign_core::decision::{Decision, LogRef};
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::log::tile::Tile;
use countersign_core::statement::{Kind, Statement};
use countersign_core::{json, limits};
use countersign_record::log::cosigned::read_cosigned;
use countersign_record::log::reader::LogReader;
use countersign_record::log::{COSIGNED, FolderFiles, LogFiles as _};
use countersign_record::package;
use countersign_record::store::{Store as _, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// A package, and what is in it.
#[derive(Debug)]
pub struct Exported {
    /// The package's bytes.
    pub bytes: Vec<u8>,
    /// How many entries the log has.
    pub entries: u64,
    /// How many documents.
    pub documents: usize,
}

/// Packs the whole log of a store with all its evidence. A document that is missing or altered is an error: a package
/// that could not be verified is not written.
pub fn export(place: &Place) -> Result<Exported, FlowError> {
    let (checkpoint, raw) = place.read_log()?;
    let entries = raw.iter().map(|bytes| Entry::parse(bytes)).collect::<Result<Vec<_>, _>>();
    let entries = entries.map_err(|e| FlowError::Evidence(e.to_string()))?;
    let reader = LogReader::open(&place.log())?;
    let claim = reader.checkpoint().claim().clone();
    let log = LogRef { origin: claim.origin, size: u64::try_from(entries.len()).unwrap_or(u64::MAX), root: claim.root };

    let mut files = BTreeMap::new();
    files.insert(format!("{LOG}checkpoint"), checkpoint);
    let folder = FolderFiles::new(place.log());
    if let Some(cosigned) = read_cosigned(&folder)? {
        files.insert(format!("{LOG}{COSIGNED}"), cosigned.note().to_string().into_bytes());
    }
    for path in folder.list()? {
        let Ok(tile) = Tile::from_path(&path) else { continue };
        if tile.row().tile(tile.index(), log.size) == Some(tile) {
            let bytes = folder.read(&path, limits::GIT_EVIDENCE_BYTES)?;
            files.insert(format!("{LOG}{path}"), bytes.unwrap_or_default());
        }
    }
    let mut documents = BTreeSet::new();
    let mut trust = None;
    for entry in &entries {
        documents.extend(entry.statements.iter().chain(&entry.evidence).copied());
        if entry.kind == Kind::Trust {
            trust = entry.statement().copied();
        }
        if entry.kind == Kind::PromotionDecision
            && let Some(digest) = entry.statement()
        {
            documents.extend(named_by(&place.store().get(digest, limits::DOCUMENT_BYTES)?));
        }
    }
    // Whether such an entry holds, the verifier says; what is there is packed whatever the log says of it.
    let said: BTreeSet<Sha256> =
        entries.iter().filter(|entry| entry.kind == Kind::Erasure).flat_map(|entry| entry.subjects.clone()).collect();
    let mut withheld = 0_usize;
    for digest in &documents {
        match place.store().get(digest, limits::GIT_EVIDENCE_BYTES) {
            Err(StoreError::Missing { .. }) if said.contains(digest) => withheld = withheld.saturating_add(1),
            bytes => drop(files.insert(evidence_path(digest), bytes?)),
        }
    }
    if let Some(digest) = trust {
        files.insert(TRUST.to_owned(), place.store().get(&digest, limits::COLLECTION_BYTES)?);
    }
    files.insert(README.to_owned(), readme(&log).into_bytes());
    let index = json::canonical(&Index::of(&files, log.clone(), &entries))?;
    files.insert(INDEX.to_owned(), index);
    Ok(Exported {
        bytes: package::write(&files)?,
        entries: log.size,
        documents: documents.len().saturating_sub(withheld),
    })
}

/// Where a document lies in a package.
pub(super) fn evidence_path(digest: &Sha256) -> String {
    let hex = digest.hex();
    let (folder, name) = hex.split_at_checked(2).unwrap_or(("", &hex));
    format!("{EVIDENCE}{folder}/{name}")
}

/// The documents that a decision names. One that does not parse names none: the verifier says what is wrong with it.
fn named_by(signed: &[u8]) -> Vec<Sha256> {
    let decision = Signed::parse(signed)
        .ok()
        .and_then(|signed| Statement::parse(&signed.payload).ok())
        .and_then(|statement| statement.predicate_as::<Decision>(Kind::PromotionDecision).ok());
    let Some(decision) = decision else { return Vec::new() };
    let inputs = decision.inputs;
    let evidence = inputs.evidence.into_iter().flatten().map(|reference| reference.digest);
    let trust = inputs.trust.map(|trust| trust.document);
    evidence.chain(inputs.captures).chain(inputs.git).chain(inputs.witnessed).chain(trust).collect()
}
