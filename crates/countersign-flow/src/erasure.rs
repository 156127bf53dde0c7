//! What the store has against what the log names; and the erasure of one piece of evidence, which leaves the log provable.
//!
//! An erasure is recorded first and done then: who finds the piece missing finds the reason in the log. What rests on
//! it can be seen by nobody any more, so it is withheld, and passes for nothing.

use crate::error::FlowError;
use crate::output::NamedPiece;
use crate::outside::{TrustFile, set_back};
use crate::people::By;
use crate::place::{Place, StoreBlobs};
use crate::policy::activate::{Standing, anchored, log_signer, refuse, stands};
use crate::policy::approver;
use crate::promote::log_keys;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::{Against, Decision, LogRef};
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema, place_of};
use countersign_core::finding::Finding;
use countersign_core::ids::{Origin, PersonId};
use countersign_core::limits;
use countersign_core::log::note::{NoteKey, NoteSigner as _};
use countersign_core::statement::erasure::{Erasure, NAMESPACE};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::{Owner, Trust};
use countersign_record::log::LogError;
use countersign_record::log::reader::LogReader;
use countersign_record::log::writer::Appended;
use countersign_record::store::{Store as _, StoreError};
use countersign_sign::{PersonKey, SigningKey, SshKeygen};
use countersign_verify::erased::{ErasedBy, read as read_erasure};
use countersign_verify::keys::note_signature_holds;
use countersign_verify::records::gone_help;
use countersign_verify::{Blobs, LogState, StateView, VerifiedTrust, against_of};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What an erasure is asked with.
#[derive(Debug)]
pub struct EraseRequest<'a> {
    /// The piece.
    pub digest: Sha256,
    /// Why, in a sentence that stays.
    pub reason: &'a str,
    /// The key of the approver who answers for it.
    pub key: &'a PersonKey,
    /// The program that signs with SSH keys.
    pub keygen: &'a SshKeygen,
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// The store.
    pub place: &'a Place,
    /// The stores of logs that this one goes on from, out of which the piece is taken as well: a log that was closed says no more.
    pub also: &'a [Place],
    /// The least checkpoint, from outside.
    pub least_checkpoint: Option<&'a Path>,
    /// The time.
    pub at: Time,
}

/// What became of it.
#[derive(Debug)]
pub struct Erased {
    /// The entry that says so.
    pub entry: u64,
    /// The same in words, with its log where that is one that this one goes on from.
    pub place: String,
    /// What it says.
    pub erasure: Erasure,
    /// Whether the piece was still there.
    pub removed: bool,
    /// In how many of the stores of earlier logs it was still there.
    pub also: usize,
    /// The logs before this one that name it, and whose stores were not given: there it may lie still.
    pub beyond: Vec<Origin>,
    /// The entries that recorded it as evidence by hand: each is withheld from now on.
    pub withheld: Vec<String>,
    /// The signed checkpoint of the log as it is, which covers the entry.
    pub checkpoint: Vec<u8>,
}

/// Records that a piece of evidence is erased, and takes it out of the store. Where it is recorded already, the piece is
/// only taken out: a run that died in between is repeated.
pub fn erase(request: &EraseRequest<'_>, log_key: SigningKey) -> Result<Erased, FlowError> {
    let trust = anchored(request.trust)?;
    approver(By::Key(request.key, request.keygen), trust.trust())?;
    for place in std::iter::once(request.place).chain(request.also) {
        place.store().can_erase()?;
    }
    let signer = log_signer(trust, log_key, request.at)?;
    let keys = log_keys(trust.trust(), signer.name());
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let gone = |error: LogError| {
        let (least, place) = (request.least_checkpoint, request.place);
        set_back(error.into(), least, place, trust.trust(), request.at)
    };
    let mut log = request.place.append(&signer, &keys, &holds).map_err(gone)?;
    let blobs = StoreBlobs::new(request.place.store());
    let standing = Standing { place: request.place, least_checkpoint: request.least_checkpoint, trust, at: request.at };
    let state = stands(&standing, &blobs)?;
    refuse(request.also.iter().map(|store| before(store, state.now())).collect::<Result<Vec<_>, _>>()?.concat())?;
    let withheld = by_hand_at(&request.digest, state.now());
    let mut beyond = not_reached(request, state.now(), &blobs)?;
    if let Some(ErasedBy { place, entry, erasure }) = state.erased_in_chain(&blobs).remove(&request.digest) {
        let (removed, also) = take_out(request)?;
        beyond.retain(|log| *log != erasure.log);
        // The run that recorded it may have died before that was kept anywhere.
        let checkpoint = LogReader::open(&request.place.log())?.checkpoint().note().to_string().into_bytes();
        return Ok(Erased { entry, place, erasure, removed, also, beyond, withheld, checkpoint });
    }
    may_go(request, state.now(), &blobs)?;
    speaks_on(&request.digest, &blobs)?;
    let erasure = Erasure {
        log: signer.name().clone(),
        erased: request.digest,
        reason: request.reason.to_owned(),
        owner: person(request, trust.trust())?,
        at: request.at,
    };
    if let Some(problem) = erasure.problem() {
        return Err(FlowError::Usage(format!("--reason: {problem}")));
    }
    let statement = Statement::new(Kind::Erasure, vec![Subject::sha256("evidence", &request.digest)], &erasure)?;
    let signed = request.key.sign(&statement.to_bytes()?, NAMESPACE, request.keygen)?;
    read_erasure(&signed, trust, signer.name(), request.at, "the erasure that was just signed")
        .map_err(FlowError::Refused)?;
    blobs.finish()?;
    request.place.store().put_many(&[&signed])?;
    let entry = Entry {
        schema: EntrySchema::V01,
        kind: Kind::Erasure,
        time: request.at,
        environment: None,
        subjects: vec![request.digest],
        persons: vec![erasure.owner.clone()],
        statements: vec![Sha256::of(&signed)],
        evidence: Vec::new(),
    };
    let bytes = entry.to_bytes().map_err(|error| FlowError::Evidence(error.to_string()))?;
    let Appended { first_index, checkpoint_bytes, .. } = log.append(&[bytes])?;
    let (removed, also) = take_out(request).map_err(|error| FlowError::Unfinished {
        done: format!("log entry {first_index} says that it is erased, and the piece is still in the store"),
        help: "run this again: the piece is only taken out then".to_owned(),
        source: Box::new(error.into()),
    })?;
    let place = place_of(first_index, None);
    let entry = first_index;
    Ok(Erased { entry, place, erasure, removed, also, beyond, withheld, checkpoint: checkpoint_bytes })
}

/// Takes the piece out of the stores of earlier logs, and out of this one: whether it was still here, and in how many of those.
fn take_out(request: &EraseRequest<'_>) -> Result<(bool, usize), StoreError> {
    let mut also = 0_usize;
    for place in request.also {
        also = also.saturating_add(usize::from(place.store().erase(&request.digest)?));
    }
    Ok((request.place.store().erase(&request.digest)?, also))
}

/// The logs before this one that name the piece, and whose stores were not given.
fn not_reached(request: &EraseRequest<'_>, view: StateView<'_>, blobs: &dyn Blobs) -> Result<Vec<Origin>, FlowError> {
    let mut given = BTreeSet::new();
    for store in request.also {
        let reader = LogReader::open(&store.log()).map_err(|error| store.told_of(error))?;
        given.insert(reader.checkpoint().claim().origin.clone());
    }
    let digest = &request.digest;
    let names = |entry: &Entry| {
        entry.statements.iter().chain(&entry.evidence).any(|named| named == digest)
            || decision_of_entry(entry, blobs).is_some_and(|decision| named_by(&decision).contains(digest))
    };
    let naming = view.chain().skip(1).filter(|log| log.entries().iter().any(names));
    Ok(naming.map(|log| log.origin().clone()).filter(|origin| !given.contains(origin)).collect())
}

/// What is wrong with a store that is said to be of a log that this one goes on from: of any other, this log says nothing.
fn before(store: &Place, view: StateView<'_>) -> Result<Vec<Finding>, FlowError> {
    let reader = LogReader::open(&store.log()).map_err(|error| store.told_of(error))?;
    let claim = reader.checkpoint().claim();
    let is = |log: &LogRef| log.origin == claim.origin && log.size == claim.size && log.root == claim.root;
    if view.chain().skip(1).any(|log| is(&log.reference())) {
        return Ok(Vec::new());
    }
    let what = "this is not the store of a log that the one at hand goes on from";
    let finding = Finding::new(codes::LOG_SHARD_INVALID, what)
        .at(format!("log {}", store.log_name()))
        .help("name with --also the store of a log that was closed before this one, as it was when it was closed");
    Ok(vec![finding.found(format!("{}, {} entries", claim.origin, claim.size))])
}

/// The entries of a log and of those before it that record a document as evidence by hand.
fn by_hand_at(digest: &Sha256, view: StateView<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for log in view.chain() {
        let other = Some(log.origin()).filter(|other| *other != view.origin());
        let by_hand = (0_u64..).zip(log.entries()).filter(|(_, entry)| entry.kind == Kind::ManualEvidence);
        let recorded = by_hand.filter(|(_, entry)| entry.statements.contains(digest));
        out.extend(recorded.map(|(index, _)| place_of(index, other)));
    }
    out
}

/// What `evidence check` finds.
#[derive(Debug)]
pub struct Checked {
    /// What the log and its decisions name.
    pub named: BTreeSet<Sha256>,
    /// The same but for what only logs before it name: by which entry, and what it is.
    pub pieces: Vec<NamedPiece>,
    /// What the store has.
    pub kept: BTreeSet<Sha256>,
    /// What was erased, with the entry that says so.
    pub erased: BTreeMap<Sha256, u64>,
    /// What is named here and another log of the chain says is erased, with its entry in words.
    pub erased_elsewhere: BTreeMap<Sha256, String>,
    /// What nothing names.
    pub unreferenced: BTreeSet<Sha256>,
    /// Files that are no evidence, by their paths in the store.
    pub leftover: Vec<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Holds the store against the log: every piece that is named is there and is what its name says, or was erased; and what
/// nothing names is shown. Nothing is removed. `later` are stores of logs that go on from this one: what they say is erased
/// is erased here too.
pub fn check(place: &Place, later: &[Place], trust: &VerifiedTrust, at: Time) -> Result<Checked, FlowError> {
    let (checkpoint, entries) = place.read_log()?;
    let blobs = StoreBlobs::new(place.store());
    let opened = LogState::open(&checkpoint, &entries, trust, &blobs, at);
    let Some(state) = opened.state else { return Err(FlowError::Refused(opened.findings)) };
    let (known, mut findings) = state.erasures(&blobs);
    let mut erased = state.erased_in_chain(&blobs);
    for store in later {
        for (digest, by) in said_later(store, state.now(), trust, at)? {
            erased.entry(digest).or_insert(by);
        }
    }
    let pieces = pieces(state.now(), &blobs);
    let mut named = to_carry(state.now().chain().skip(1), &blobs);
    named.extend(pieces.iter().map(|piece| piece.digest));
    // What a decision names that cannot be read here is not what nothing names.
    let decisions = (0_u64..).zip(state.entries()).filter(|(_, entry)| entry.kind == Kind::PromotionDecision);
    let unread = decisions.filter_map(|(index, _)| state.now().decision(index, &blobs).err()).flatten();
    findings.extend(unread.filter(|finding| finding.code == codes::RECORD_LATER));
    blobs.finish()?;
    let kept = place.store().all()?;
    for digest in named.iter().chain(&kept).collect::<BTreeSet<_>>() {
        let of = |code, what: &str| Finding::new(code, what).at(digest.to_string());
        match (place.store().get(digest, limits::GIT_EVIDENCE_BYTES), erased.get(digest)) {
            (Ok(_), None) | (Err(StoreError::Missing { .. }), Some(_)) => {}
            (Ok(_) | Err(StoreError::Altered { .. }), Some(by)) => findings.push(
                of(codes::ERASURE_UNDONE, "evidence that the log says is erased is still here")
                    .found(format!("{} says that it is erased", by.place))
                    .help("run `countersign evidence erase` for it again: it is only taken out then"),
            ),
            (Err(StoreError::Missing { .. }), None) => {
                findings.push(
                    of(codes::EVIDENCE_WITHHELD, "evidence that the log names is not in the store")
                        .help(gone_help(state.now())),
                );
            }
            (Err(StoreError::Altered { found, .. }), None) => {
                let found = found.to_string();
                findings.push(of(codes::EVIDENCE_ALTERED, "evidence is not what its name says").found(found));
            }
            (Err(error), _) => return Err(error.into()),
        }
    }
    let unreferenced: BTreeSet<Sha256> =
        kept.iter().filter(|digest| !named.contains(digest) && !erased.contains_key(digest)).copied().collect();
    findings.extend(unreferenced.iter().map(|digest| {
        Finding::new(codes::EVIDENCE_UNREFERENCED, "nothing in the log names this piece of evidence")
            .at(digest.to_string())
    }));
    let leftover = place.store().others()?;
    findings.extend(left_over(&leftover));
    findings.extend(retention_unseen(&place.log_name()));
    let elsewhere = erased.iter().filter(|&(digest, _)| named.contains(digest) && !known.contains_key(digest));
    let erased_elsewhere = elsewhere.map(|(digest, by)| (*digest, by.place.clone())).collect();
    let erased = known.into_iter().map(|(digest, (entry, _))| (digest, entry)).collect();
    Ok(Checked { named, pieces, kept, erased, erased_elsewhere, unreferenced, leftover, findings })
}

/// What a log that goes on from this one says is erased, by it or by one in between.
fn said_later(
    store: &Place,
    here: StateView<'_>,
    trust: &VerifiedTrust,
    at: Time,
) -> Result<BTreeMap<Sha256, ErasedBy>, FlowError> {
    let (checkpoint, entries) = store.read_log()?;
    let blobs = StoreBlobs::new(store.store());
    let opened = LogState::open(&checkpoint, &entries, trust, &blobs, at);
    let Some(state) = opened.state else { return Err(FlowError::Refused(opened.findings)) };
    let (reference, there) = (here.reference(), state.now().reference());
    if !state.now().chain().skip(1).any(|log| log.reference() == reference) {
        let what = "this is not the store of a log that goes on from the one at hand";
        let finding = Finding::new(codes::LOG_SHARD_INVALID, what)
            .at(format!("log {}", store.log_name()))
            .help("name with --later the store of a log that goes on from this one as it is");
        refuse(vec![finding.found(format!("{}, {} entries", there.origin, there.size))])?;
    }
    let mut erased = state.erased_in_chain(&blobs);
    for by in erased.values_mut() {
        by.place = place_of(by.entry, Some(&by.erasure.log));
    }
    blobs.finish()?;
    Ok(erased)
}

/// How many places are named where there are many.
const PLACES: usize = 12;

/// Files that are no evidence: shown, and left where they are.
fn left_over(all: &[String]) -> Option<Finding> {
    let what = format!(
        "{} file(s) in the evidence store are no evidence: writes that were killed left them, or are at work",
        all.len()
    );
    let finding = Finding::new(codes::EVIDENCE_LEFTOVER, what)
        .help("while nothing writes to the store, what is still there may be deleted by hand: nothing reads it");
    let named = all.iter().take(PLACES).fold(finding, |finding, path| finding.at(path.as_str()));
    let more = all.len().saturating_sub(PLACES);
    let named = if more > 0 { named.at(format!("{more} more: --format json has them all")) } else { named };
    (!all.is_empty()).then_some(named)
}

/// Of a bucket nobody can tell from here whether it is locked: that is said, and not assumed.
fn retention_unseen(store: &str) -> Option<Finding> {
    ["s3://", "gs://", "az://"].iter().any(|scheme| store.starts_with(scheme)).then(|| {
        Finding::new(codes::STORE_RETENTION_UNSEEN, "whether the bucket has a lock cannot be seen from here")
            .at(store)
            .help("the cloud's own program shows it; docs/stores.md says how, and how it is set up")
    })
}

/// Says that a piece was erased, by the entry of this place.
#[must_use]
pub fn withheld(digest: &Sha256, by: &str) -> Finding {
    Finding::new(codes::EVIDENCE_WITHHELD, "evidence was erased, as the log records: what rests on it is withheld")
        .at(digest.to_string())
        .found(format!("{by} says that it is erased, and why"))
        .help("it does not come back: `countersign log show` shows the entry")
}

/// Why evidence by hand is not there: an entry says that it was erased, or it is missing.
pub(crate) fn by_hand_gone(erased_by: Option<&str>, place: &str) -> Finding {
    let Some(by) = erased_by else {
        let what = "evidence by hand that the log names is missing or altered";
        return Finding::new(codes::EVIDENCE_WITHHELD, what).at(place);
    };
    Finding::new(codes::EVIDENCE_WITHHELD, format!("it was erased, as {by} says, and is withheld")).at(place).help(
        "ask who signed the erasure what it was; where the control still needs evidence, add it anew, in other words",
    )
}

/// The documents that a decision names.
#[must_use]
pub fn named_by(decision: &Decision) -> BTreeSet<Sha256> {
    let inputs = &decision.inputs;
    let evidence = inputs.evidence.iter().flatten().map(|reference| reference.digest);
    let root = decision.request.gate_identity.as_ref().map(|identity| identity.root);
    let others = inputs.captures.iter().copied().chain(inputs.git).chain(inputs.witnessed).chain(root);
    evidence.chain(others).chain(inputs.trust.as_ref().map(|trust| trust.document)).collect()
}

/// Everything that the log's entries and its decisions name, and what it is read with of those that it goes on from.
fn named(view: StateView<'_>, blobs: &dyn Blobs) -> BTreeSet<Sha256> {
    let mut named = to_carry(view.chain().skip(1), blobs);
    named.extend(pieces(view, blobs).iter().map(|piece| piece.digest));
    named
}

/// Everything that the log's entries and its decisions name, each by the first of them.
pub(crate) fn pieces(view: StateView<'_>, blobs: &dyn Blobs) -> Vec<NamedPiece> {
    let (mut out, mut seen) = (Vec::new(), BTreeSet::new());
    for (index, entry) in (0_u64..).zip(view.entries()) {
        let mut name = |digest: Sha256, what: &str| {
            if seen.insert(digest) {
                out.push(NamedPiece { entry: index, what: what.to_owned(), digest });
            }
        };
        let decides = entry.kind == Kind::PromotionDecision;
        for (place, digest) in entry.statements.iter().enumerate() {
            // Behind a decision stands its summary.
            name(*digest, if decides && place > 0 { Kind::Vsa.word() } else { entry.kind.word() });
        }
        if let Some(decision) = decision_of_entry(entry, blobs) {
            let inputs = &decision.inputs;
            for reference in inputs.evidence.iter().flatten() {
                name(reference.digest, reference.kind.map_or(DOCUMENT, |kind| kind.word()));
            }
            inputs.captures.iter().for_each(|digest| name(*digest, "capture"));
            inputs.git.iter().for_each(|digest| name(*digest, "git-objects"));
            for digest in named_by(&decision) {
                name(digest, DOCUMENT);
            }
        }
        entry.evidence.iter().for_each(|digest| name(*digest, DOCUMENT));
    }
    out
}

/// What a piece is of which nothing says more.
const DOCUMENT: &str = "document";

/// What logs are read with by one that goes on from them: all that they name but git's objects, which only running a
/// decision again asks for. What they say is erased is not there.
pub(crate) fn to_carry<'a>(logs: impl Iterator<Item = StateView<'a>>, blobs: &dyn Blobs) -> BTreeSet<Sha256> {
    let mut named = BTreeSet::new();
    let (mut git, mut erased): (BTreeSet<Sha256>, BTreeSet<Sha256>) = (BTreeSet::new(), BTreeSet::new());
    for entry in logs.flat_map(|log| log.entries()) {
        named.extend(&entry.statements);
        if entry.kind == Kind::Erasure {
            erased.extend(&entry.subjects);
        }
        match decision_of_entry(entry, blobs) {
            None => named.extend(&entry.evidence),
            Some(decision) => {
                git.extend(decision.inputs.git);
                named.extend(named_by(&decision));
            }
        }
    }
    named.retain(|digest| !git.contains(digest) && !erased.contains(digest));
    named
}

/// A decision as somebody wrote it down; nobody has checked its signature here.
fn decision_of(digest: &Sha256, blobs: &dyn Blobs) -> Option<Decision> {
    let signed = Signed::parse_blob(&blobs.blob(digest)?).ok()?;
    Statement::parse(&signed.payload).ok()?.predicate_as(Kind::PromotionDecision).ok()
}

/// What the log itself is read with stays: every document that an entry records, but for evidence by hand. That may go if it is
/// what its entry says; of anything else nobody could tell any more that it was not.
fn may_go(request: &EraseRequest<'_>, view: StateView<'_>, blobs: &dyn Blobs) -> Result<(), FlowError> {
    let digest = &request.digest;
    let forbidden = |what: &str, place: String| {
        let finding = Finding::new(codes::ERASURE_FORBIDDEN, what).at(digest.to_string()).at(place);
        Err(FlowError::Refused(vec![finding]))
    };
    let origin = view.reference().origin;
    for log in view.chain() {
        let other = Some(log.reference().origin).filter(|other| *other != origin);
        for (index, entry) in (0_u64..).zip(log.entries()) {
            let by_hand = entry.kind == Kind::ManualEvidence;
            let recorded = entry.statements.contains(digest);
            if recorded && by_hand {
                // One that is lost nobody can look at any more, and that is what the erasure says.
                let lost = blobs.blob(digest).is_none();
                let open = |finding: &Finding| lost && finding.code == codes::EVIDENCE_WITHHELD;
                refuse(log.wrong_with(index, entry, blobs).into_iter().filter(|finding| !open(finding)).collect())?;
            }
            if reads_with(entry, digest, blobs) {
                return forbidden("the log is read with this document", place_of(index, other.as_ref()));
            }
        }
    }
    // Git's objects stay with the log whose decision looked at them, and lie in its store alone.
    let git_of = |log: StateView<'_>| {
        let mut decisions = log.entries().iter().filter_map(|entry| decision_of_entry(entry, blobs));
        decisions.any(|decision| decision.inputs.git == Some(*digest))
    };
    let there = || !request.also.is_empty() && view.chain().skip(1).any(git_of);
    if !named(view, blobs).contains(digest) && !there() {
        return forbidden("nothing in the log names this piece", "the log".to_owned());
    }
    Ok(())
}

/// Whether the log could not be read any more if the document of an entry were erased, or a decision not be judged: what an entry
/// records, but for evidence by hand, a release beside its activation, the log that a log goes on from, trust and a gate's root.
pub(crate) fn reads_with(entry: &Entry, digest: &Sha256, blobs: &dyn Blobs) -> bool {
    let recorded = entry.kind != Kind::ManualEvidence && entry.statements.contains(digest);
    let beside = matches!(entry.kind, Kind::PolicyActivation | Kind::LogShard) && entry.evidence.contains(digest);
    let judges = |decision: Decision| {
        let root = decision.request.gate_identity.is_some_and(|identity| identity.root == *digest);
        root || decision.inputs.trust.is_some_and(|trust| trust.document == *digest)
    };
    recorded || beside || decision_of_entry(entry, blobs).is_some_and(judges)
}

/// What speaks against changes of a repository stays as long as the log decides: without it nobody could tell of any change
/// there whether it was rejected, and nothing of that repository would pass any more.
fn speaks_on(digest: &Sha256, blobs: &dyn Blobs) -> Result<(), FlowError> {
    let Some(Against::Changes(repository)) = blobs.blob(digest).as_ref().and_then(against_of) else { return Ok(()) };
    Err(FlowError::Refused(vec![
        Finding::new(
            codes::ERASURE_FORBIDDEN,
            "this speaks against changes: without it none of its repository could pass",
        )
        .at(digest.to_string())
        .found(format!("against changes of {repository}")),
    ]))
}

fn decision_of_entry(entry: &Entry, blobs: &dyn Blobs) -> Option<Decision> {
    let digest = entry.statement().filter(|_| entry.kind == Kind::PromotionDecision)?;
    decision_of(digest, blobs)
}

fn person(request: &EraseRequest<'_>, trust: &Trust) -> Result<PersonId, FlowError> {
    let id = request.key.public(request.keygen)?.id();
    match trust.owner_of(&id) {
        Some((Owner::Person(person), _)) => Ok(person.id.clone()),
        _ => Err(FlowError::Usage("--key is no person's key".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_a_lock_that_a_folder_or_a_branch_cannot_have() {
        assert_eq!(retention_unseen("s3://bucket/log, log").unwrap().code, codes::STORE_RETENTION_UNSEEN);
        for store in [".countersign/log", "git:log, log", "git:https://forge.example/s3.git#log, log"] {
            assert_eq!(retention_unseen(store), None, "{store}");
        }
    }
}
