//! Evidence by hand: signed by the person who answers for it, and recorded in the log.

use super::unknown;
use crate::error::FlowError;
use crate::files;
use crate::outside::{self, TrustFile};
use crate::place::{Place, StoreBlobs};
use crate::promote::{log_keys, log_of};
use crate::signing::by_person;
use countersign_core::bundle::Signed;
use countersign_core::catalogue::Catalogues;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema};
use countersign_core::finding::Finding;
use countersign_core::ids::{Origin, PersonId};
use countersign_core::limits;
use countersign_core::log::note::{NoteKey, NoteSigner as _};
use countersign_core::statement::manual_evidence::{ManualEvidence, NAMESPACE};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::Owner;
use countersign_record::log::LogError;
use countersign_record::log::writer::Appended;
use countersign_record::store::Store as _;
use countersign_sign::{LogSigner, PersonKey, SigningKey, SshKeygen};
use countersign_verify::document::verify_document;
use countersign_verify::erased::ErasedBy;
use countersign_verify::keys::note_signature_holds;
use countersign_verify::{LogState, Roots, StateView, VerifiedTrust};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is attested.
#[derive(Debug)]
pub struct ManualRequest<'a> {
    /// The controls, by full name.
    pub controls: BTreeSet<String>,
    /// What is attested, in a sentence.
    pub statement: &'a str,
    /// The time of which it speaks.
    pub as_of: Time,
    /// From this moment on it counts no longer.
    pub valid_until: Time,
    /// The document that shows it: hashed, and not kept.
    pub document: &'a Path,
    /// The key of the person who answers for it.
    pub key: &'a PersonKey,
    /// The program that signs with SSH keys.
    pub keygen: &'a SshKeygen,
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// The store.
    pub place: &'a Place,
    /// The least checkpoint, from outside.
    pub least_checkpoint: Option<&'a Path>,
    /// The time.
    pub at: Time,
}

/// What was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The log entry.
    pub entry: u64,
    /// What was signed.
    pub evidence: ManualEvidence,
    /// The signed checkpoint that covers the entry.
    pub checkpoint: Vec<u8>,
}

/// Signs what is attested and records it.
pub fn add_manual(request: &ManualRequest<'_>, log_key: SigningKey) -> Result<Recorded, FlowError> {
    let trust = match &request.trust.outcome.trust {
        Some(trust) if request.trust.outcome.findings.is_empty() => trust,
        _ => return Err(FlowError::Refused(request.trust.outcome.findings.clone())),
    };
    let owner = owner(request, trust)?;
    let document = Sha256::of(&files::read(request.document, limits::SIGNED_FILE_BYTES)?);
    let evidence = ManualEvidence {
        controls: request.controls.clone(),
        statement: request.statement.to_owned(),
        owner: owner.clone(),
        as_of: request.as_of,
        valid_until: request.valid_until,
        document,
    };
    let origin = log_of(trust.trust(), &log_key.public().id(), request.at)
        .map_err(|finding| FlowError::Refused(vec![*finding]))?;
    let signer = LogSigner::new(origin, log_key).map_err(|error| FlowError::Usage(error.to_string()))?;
    let keys = log_keys(trust.trust(), signer.name());
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let gone = |error: LogError| {
        let (least, place) = (request.least_checkpoint, request.place);
        outside::set_back(error.into(), least, place, trust.trust(), request.at)
    };
    let mut log = request.place.append(&signer, &keys, &holds).map_err(gone)?;
    let erased = may_follow(request, trust, &evidence)?;

    let name = request.document.file_name().and_then(|name| name.to_str()).unwrap_or("document");
    let statement = Statement::new(Kind::ManualEvidence, vec![Subject::sha256(name, &document)], &evidence)?;
    let signed = by_person(&statement.to_bytes()?, NAMESPACE, request.key, request.keygen)?;
    let place = "the evidence that was just signed";
    let read = Signed::parse(&signed)
        .map_err(|error| FlowError::Refused(vec![Finding::new(error.code(), error.to_string()).at(place)]))?;
    verify_document(&read, trust, &Roots::none(), request.at, place).map_err(FlowError::Refused)?;
    // No clock is in it: the same words by the same key may be the same piece.
    if let Some(by) = erased.get(&Sha256::of(&signed)) {
        return Err(FlowError::Refused(vec![erased_before(by)]));
    }
    request.place.store().put_many(&[&signed])?;
    let entry = Entry {
        schema: EntrySchema::V01,
        kind: Kind::ManualEvidence,
        time: request.at,
        environment: None,
        subjects: vec![document],
        persons: vec![owner],
        statements: vec![Sha256::of(&signed)],
        evidence: Vec::new(),
    };
    let bytes = entry.to_bytes().map_err(|error| FlowError::Evidence(error.to_string()))?;
    let Appended { first_index, checkpoint_bytes, .. } = log.append(&[bytes])?;
    Ok(Recorded { entry: first_index, evidence, checkpoint: checkpoint_bytes })
}

/// An entry that records evidence by hand.
#[derive(Debug)]
pub(crate) struct ByHand {
    pub(crate) entry: u64,
    /// When it was recorded.
    pub(crate) time: Time,
    /// The signed statement.
    pub(crate) document: Option<Sha256>,
    /// The entry that says that it was erased, in words.
    erased: Option<String>,
}

/// The logs before this one that record evidence by hand. It is not carried over: whoever answers for it adds it anew. `erased`
/// gives the entry that says that a piece was erased.
pub(crate) fn earlier(view: StateView<'_>, erased: &dyn Fn(&Sha256) -> Option<String>) -> Vec<(Origin, Vec<ByHand>)> {
    let of = |log: StateView<'_>| {
        let entries = (0_u64..).zip(log.entries()).filter(|(_, entry)| entry.kind == Kind::ManualEvidence);
        let entries: Vec<ByHand> = entries
            .map(|(index, entry)| ByHand {
                entry: index,
                time: entry.time,
                document: entry.statement().copied(),
                erased: entry.statement().and_then(erased),
            })
            .collect();
        (!entries.is_empty()).then(|| (log.origin().clone(), entries))
    };
    view.chain().skip(1).filter_map(of).collect()
}

/// The same in words.
pub(crate) fn earlier_words(origin: &Origin, entries: &[&ByHand]) -> String {
    let other =
        if entries.iter().any(|one| one.erased.is_some()) { ", and what was erased in other words" } else { "" };
    format!("evidence by hand of log {origin}, entries {}: add it anew to this one{other}", listed(entries))
}

/// That it was added anew, or no longer counted when this log began.
pub(crate) fn added_words(origin: &Origin, entries: &[&ByHand]) -> String {
    let entries = listed(entries);
    format!(
        "evidence by hand of log {origin}, entries {entries}: added anew to this one in time, or at its end before this one or the window began"
    )
}

fn listed(entries: &[&ByHand]) -> String {
    let word = |one: &&ByHand| match &one.erased {
        // An entry without its log's name is one of the log at hand.
        Some(by) if by.starts_with("log entry ") => format!("{} (erased, as {by} of this log says)", one.entry),
        Some(by) => format!("{} (erased, as {by} says)", one.entry),
        None => one.entry.to_string(),
    };
    entries.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The person whose key it is.
fn owner(request: &ManualRequest<'_>, trust: &VerifiedTrust) -> Result<PersonId, FlowError> {
    let id = request.key.public(request.keygen)?.id();
    let found = match trust.trust().owner_of(&id) {
        Some((Owner::Person(person), _)) => return Ok(person.id.clone()),
        Some((owner, _)) => owner.describe(),
        None => format!("key {id}, which is not in trust"),
    };
    Err(FlowError::Refused(vec![
        Finding::new(codes::SIGNER_NOT_ALLOWED, "evidence by hand is attested by a person")
            .at("--key")
            .expected("the key of a person", "trust")
            .found(found),
    ]))
}

/// That this very piece was erased: what comes back under its digest is withheld at each entry that names it, for good.
fn erased_before(by: &ErasedBy) -> Finding {
    Finding::new(codes::MANUAL_EVIDENCE, "this very piece was erased, and what was erased is not stored again")
        .at(by.erasure.erased.to_string())
        .found(format!("{} says that it is erased, and why", by.place))
        .help("attest it in other words, or as of another time")
}

/// The log is the one that goes on from what was kept elsewhere, and what is attested can count. Gives what it says is erased.
fn may_follow(
    request: &ManualRequest<'_>,
    trust: &VerifiedTrust,
    evidence: &ManualEvidence,
) -> Result<BTreeMap<Sha256, ErasedBy>, FlowError> {
    let (checkpoint, entries) = request.place.read_log()?;
    let blobs = StoreBlobs::new(request.place.store());
    let opened = LogState::open(&checkpoint, &entries, trust, &blobs, request.at);
    let Some(state) = opened.state else { return Err(FlowError::Refused(opened.findings)) };
    let view = state.now();
    let mut findings: Vec<Finding> = state.faults().map(|(_, finding)| finding.clone()).collect();
    findings.extend(outside::goes_on(view, request.least_checkpoint, request.place, trust.trust(), request.at)?);
    findings.extend(view.closed_for().map(crate::shard::closed));
    if let Some(problem) = evidence.problem() {
        findings.push(Finding::new(codes::MANUAL_EVIDENCE, problem));
    } else if !evidence.counts_at(request.at) {
        findings.push(
            Finding::new(codes::MANUAL_EVIDENCE, "it would not count now")
                .expected(format!("from {} to {}", evidence.as_of, evidence.valid_until), "--as-of and --valid-until")
                .found(request.at.to_string()),
        );
    }
    let environments: BTreeSet<_> = view.entries().iter().filter_map(|entry| entry.environment.clone()).collect();
    let active = environments.iter().filter_map(|environment| view.active(environment));
    let texts: BTreeMap<String, String> = active.flat_map(|a| a.release.manifest().texts.clone()).collect();
    let (catalogues, _) = Catalogues::with(&texts);
    let strange = evidence.controls.iter().filter(|control| catalogues.find(control).is_none());
    findings.extend(strange.map(|control| unknown(control, "--control", &catalogues, &|finding| finding)));
    let erased = state.erased_in_chain(&blobs);
    blobs.finish()?;
    if findings.is_empty() { Ok(erased) } else { Err(FlowError::Refused(findings)) }
}
