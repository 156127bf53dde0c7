//! The promotion gate: one decision, recorded durably before anybody hears of it.
//!
//! It authorises; it moves nothing. The log is locked from reading its state to appending the decision, so that the state
//! is the log right before the entry.

use crate::documents;
use crate::erasure::withheld;
use crate::error::FlowError;
use crate::files;
use crate::history::{self, Scope};
use crate::lacking::{Looked, lacking};
use crate::machine::{MachineSigner, SignerName};
use crate::outside::TrustFile;
use crate::place::{Place, StoreBlobs};
use crate::witness::{AskWitness, Cosigned, ask_all};
use countersign_collect::Environment;
use countersign_collect::git::GitRepo;
use countersign_core::codes;
use countersign_core::decision::{Decision, LogRef, Request, Tool};
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema};
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Code, Finding};
use countersign_core::git::Oid;
use countersign_core::git::evidence::Evidence as GitEvidence;
use countersign_core::ids::{EnvName, Origin, Uri};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::log::note::NoteKey;
use countersign_core::policy::{ENGINE, Lock};
use countersign_core::statement::{Kind, Subject};
use countersign_core::time::Time;
use countersign_core::trust::{OwnedKey, Owner, ShownIdentity, Trust};
use countersign_decide::review::BoundTag;
use countersign_decide::rules::Built;
use countersign_decide::summary::summarise;
use countersign_decide::{ElsewhereBy, Given, TrustGiven, decide, known_gate, start_of, tags_before};
use countersign_record::log::LogError;
use countersign_record::log::reader::LogReader;
use countersign_record::log::writer::{Appended, Log};
use countersign_record::store::Store as _;
use countersign_sign::{LogSigner, SigningKey};
use countersign_verify::erased::ErasedBy;
use countersign_verify::keys::note_signature_holds;
use countersign_verify::log::LogOutcome;
use countersign_verify::witnessed::asks_for_witnesses;
use countersign_verify::{Evidence, History, LogState, StateView, VerifiedTrust};
use std::collections::BTreeMap;
use std::path::Path;

/// What a promotion is asked with. Everything is required; what may be absent is an `Option` that the decision judges.
#[derive(Debug)]
pub struct PromoteRequest<'a> {
    /// The artifact.
    pub artifact: &'a Path,
    /// Where it is to go.
    pub environment: EnvName,
    /// Signed documents: provenance, SBOM, reviews.
    pub documents: Vec<Vec<u8>>,
    /// Captures of forges' answers, which documents name.
    pub captures: Vec<Vec<u8>>,
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// The store.
    pub place: &'a Place,
    /// The least checkpoint's file, from outside.
    pub least_checkpoint: Option<&'a Path>,
    /// Who asks the witnesses that trust wants for the environment; nobody is asked where it wants none.
    pub witnesses: Option<&'a dyn AskWitness>,
    /// `countersign.lock`, if there is one.
    pub lock: Option<&'a Path>,
    /// The repository that the artifact was built from.
    pub repository: Option<&'a Path>,
    /// Variables for the programs that are run: where git is, where temporary files go.
    pub programs: &'a Environment,
    /// The time of the decision.
    pub at: Time,
    /// The tool, as it is to be recorded.
    pub tool: Tool,
}

/// The keys with which a decision is recorded.
#[derive(Debug)]
pub struct GateKeys {
    /// The gate's, or the identity that it signs as.
    pub gate: MachineSigner,
    /// The log's.
    pub log: SigningKey,
    /// The log's other key, while one gives way to the other: both sign then.
    pub beside: Option<SigningKey>,
}

/// A decision, and what was recorded of it.
#[derive(Debug)]
pub struct Promotion {
    /// The decision.
    pub decision: Decision,
    /// Where it was recorded; `None` for a dry run, or where it could not be.
    pub recorded: Option<Recorded>,
    /// Why it was not recorded, where it should have been.
    pub not_recorded: Option<NotRecorded>,
    /// What is missing of the witnesses that trust wants, where it was recorded. Until they have cosigned a checkpoint that
    /// holds its entry, it authorises nothing.
    pub not_witnessed: Vec<Finding>,
    /// What was handed in and not looked at: the log says that it was erased.
    pub left_out: Vec<Finding>,
}

/// Why a decision was not recorded. What is not recorded authorises nothing.
#[derive(Debug)]
pub struct NotRecorded {
    /// In one line.
    pub why: &'static str,
    /// What stood in the way, where the decision's own findings do not say it.
    pub findings: Vec<Finding>,
}

/// What was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The index of the log entry.
    pub entry: u64,
    /// The signed checkpoint that covers it.
    pub checkpoint: Vec<u8>,
    /// The signed decision.
    pub decision: Vec<u8>,
    /// The signed summary.
    pub vsa: Vec<u8>,
}

/// Decides, and records nothing: the same call with the same result, for a laptop.
/// Where the log's keys are given, what would keep them from recording it is said.
pub fn dry_run(
    request: &PromoteRequest<'_>,
    gate: Option<SignerName>,
    log: &[SigningKey],
) -> Result<Promotion, FlowError> {
    let gate = gate.or_else(|| first_gate(request)).unwrap_or_else(nobody);
    let witnessed = request.trust.outcome.trust.as_ref().map(|trust| before(request, trust)).transpose()?.flatten();
    let decided = decide_now(request, &gate, witnessed.as_ref())?;
    let findings: Vec<Finding> = log.iter().filter_map(|key| other_log(request, &decided.decision, key)).collect();
    if !findings.is_empty() {
        return Ok(unrecorded(decided, "this key does not sign the log of the store under this trust", findings));
    }
    if !decided.lacking.is_empty() {
        return Ok(without_all(decided));
    }
    let Decided { decision, left_out, .. } = decided;
    Ok(Promotion { decision, recorded: None, not_recorded: None, not_witnessed: Vec::new(), left_out })
}

/// Why a key would not sign the log that was decided on.
fn other_log(request: &PromoteRequest<'_>, decision: &Decision, key: &SigningKey) -> Option<Finding> {
    let trust = request.trust.outcome.trust.as_ref()?.trust();
    let log = decision.inputs.log.as_ref()?;
    match log_of(trust, &key.public().id(), request.at) {
        Ok(origin) if origin == log.origin => None,
        Ok(origin) => Some(key_of_another(&format!("log {}", request.place.log_name()), &log.origin, &origin)),
        Err(finding) => Some(*finding),
    }
}

fn key_of_another(place: &str, there: &Origin, signs: &Origin) -> Finding {
    Finding::new(codes::LOG_KEY_UNKNOWN, "this key signs another log than the one in the store")
        .at("--log-key")
        .at(place)
        .expected(format!("the key of log {there}"), "the store's log")
        .found(format!("the key of log {signs}"))
        .help("give that log's key with --log-key, or name the store with --store")
}

/// Decides and records. When this returns, decision and summary are durable in store and log.
pub fn promote(request: &PromoteRequest<'_>, keys: GateKeys) -> Result<Promotion, FlowError> {
    let name = keys.gate.name();
    let not = |why, findings| {
        let decided = decide_now(request, &name, None)?;
        let findings: Vec<Finding> = findings;
        let findings = findings.into_iter().filter(|finding| !decided.decision.findings.contains(finding)).collect();
        Ok(unrecorded(decided, why, findings))
    };
    let anchored = request.trust.outcome.trust.as_ref().filter(|t| request.trust.given.as_ref() == Some(t.digest()));
    let Some(trust) = anchored else {
        return not("trust does not hold, so nothing can be signed under it", Vec::new());
    };
    let (gate, origin) = match gate_and_log(trust.trust(), &keys, request) {
        Ok(known) => known,
        Err(findings) => return not("trust does not let these sign decisions and the log", findings),
    };
    let mut signer = LogSigner::new(origin.clone(), keys.log).map_err(|e| FlowError::Usage(e.to_string()))?;
    if let Some(beside) = keys.beside {
        match log_of(trust.trust(), &beside.public().id(), request.at) {
            Ok(same) if same == origin => {
                signer = signer.with(beside).map_err(|e| FlowError::Usage(e.to_string()))?;
            }
            Ok(other) => return Err(FlowError::Usage(format!("--log-key-beside: a key of {other}, not of {origin}"))),
            Err(finding) => return not("trust does not let this key sign the log", vec![*finding]),
        }
    }
    let known = log_keys(trust.trust(), &origin);
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let mut log = match request.place.append(&signer, &known, &holds) {
        Ok(log) => log,
        Err(error @ (LogError::InUse { .. } | LogError::NotHere { .. } | LogError::Disk(_) | LogError::Remote(_))) => {
            return Err(error.into());
        }
        Err(error) => return not(DAMAGED, closed(request, &error)),
    };
    let witnessed = before(request, trust)?;
    if let Some(cosigned) = &witnessed {
        if cosigned.contradicted() {
            return not(
                "a witness has seen another log than this one: an entry here would fork it",
                cosigned.findings.clone(),
            );
        }
        log.keep_cosigned(&cosigned.note, cosigned.quorum.is_ok())?;
    }
    let decided = decide_now(request, &name, witnessed.as_ref())?;
    if decided.decision.findings.iter().any(|finding| finding.code == codes::LOG_CLOSED) {
        return Ok(unrecorded(decided, "the log was closed, and nothing is appended to it", Vec::new()));
    }
    // An empty log begins with trust and a release, or with the log that it goes on from: it could not after a decision.
    if log.size() == 0 {
        const EMPTY: &str = "the log has no entry yet: `countersign policy activate` begins it, or, where it goes on from another \
                             log, `countersign log continue`";
        return Ok(unrecorded(decided, EMPTY, Vec::new()));
    }
    // An entry that is older than one before it breaks the log for everybody, and for good.
    if decided.decision.findings.iter().any(|finding| finding.code == codes::TIME_BEFORE_LOG) {
        const EARLIER: &str =
            "this machine's time lies before the newest entry of the log, and no entry is older than one before it";
        return Ok(unrecorded(decided, EARLIER, Vec::new()));
    }
    // Nor is anything recorded under a trust that is over: where its end is still to come for everybody else, nobody could
    // append until this machine's time has come.
    if decided.decision.findings.iter().any(|finding| finding.code == codes::TRUST_EXPIRED) {
        const OVER: &str = "trust has expired by this machine's time, so nothing is recorded under it";
        return Ok(unrecorded(decided, OVER, Vec::new()));
    }
    // Brought back, it would make another decision of this one: whoever recorded it would be accused of it for good.
    if !decided.lacking.is_empty() {
        return Ok(without_all(decided));
    }
    // Trust from outside holds, so this is the log's word on it. The log judges an entry by its own newest trust: one that was
    // made under another would not come out the same for anybody who looks later.
    if decided.decision.findings.iter().any(|finding| finding.code == codes::TRUST_DIGEST_MISMATCH) {
        const EARLY: &str = "the trust given from outside is not the newest that the log records: a newer one is recorded by \
                             `countersign policy activate` first";
        return Ok(unrecorded(decided, EARLY, Vec::new()));
    }
    if decided.decision.findings.iter().any(|finding| OTHER_LOG.contains(&finding.code)) {
        // Another entry, signed, at a place where the log had one already: that would be the fork itself.
        const FORK: &str = "the log is not the one that the least checkpoint is of: an entry here would fork it";
        return Ok(unrecorded(decided, FORK, Vec::new()));
    }
    if decided.decision.inputs.log.as_ref().is_none_or(|l| l.size != log.size()) {
        return Ok(unrecorded(decided, DAMAGED, Vec::new()));
    }
    let mut recorded = record(request, &decided, trust, &keys.gate, &gate, &mut log)?;
    let not_witnessed = match after(request, trust, &log, &mut recorded) {
        Ok(findings) => findings,
        // It is recorded, whatever became of the witnesses: that has to be said.
        Err(error) => vec![
            Finding::new(codes::WITNESS_QUORUM_MISSING, "what the witnesses cosigned could not be kept")
                .found(error.to_string()),
        ],
    };
    let Decided { decision, left_out, .. } = decided;
    Ok(Promotion { decision, recorded: Some(recorded), not_recorded: None, not_witnessed, left_out })
}

fn without_all(mut decided: Decided) -> Promotion {
    const LACKS: &str = "the store lacks a document that the log names: with it, the decision may come out otherwise for anybody who looks later";
    let lacking = std::mem::take(&mut decided.lacking);
    unrecorded(decided, LACKS, lacking)
}

fn unrecorded(decided: Decided, why: &'static str, findings: Vec<Finding>) -> Promotion {
    let not_recorded = Some(NotRecorded { why, findings });
    let Decided { decision, left_out, .. } = decided;
    Promotion { decision, recorded: None, not_recorded, not_witnessed: Vec::new(), left_out }
}

/// The log as it is before the decision, cosigned by the witnesses that trust wants for the environment.
fn before(request: &PromoteRequest<'_>, trust: &VerifiedTrust) -> Result<Option<Cosigned>, FlowError> {
    let Some(ask) = request.witnesses else { return Ok(None) };
    match ask_all(request.place, trust.trust(), &request.environment, request.at, ask) {
        // Others were faster, or what they did could not be fetched: there is nothing to decide by.
        Err(error @ FlowError::Log(LogError::Outrun { .. } | LogError::Remote(_))) => Err(error),
        // A log that does not read is judged by the decision.
        Err(FlowError::Log(_)) => Ok(None),
        other => other,
    }
}

/// How often witnesses are asked about a log that holds the decision, while others append to it.
const ASKED: u32 = 8;

/// The log that holds the decision, cosigned: what is missing of that.
fn after(
    request: &PromoteRequest<'_>,
    trust: &VerifiedTrust,
    log: &Log<'_>,
    recorded: &mut Recorded,
) -> Result<Vec<Finding>, FlowError> {
    let environment = &request.environment;
    if !asks_for_witnesses(trust.trust(), environment) {
        return Ok(Vec::new());
    }
    let nobody = || {
        Finding::new(codes::WITNESS_QUORUM_MISSING, "no witness was asked to cosign the log that holds the decision")
            .at(format!("log entry {}", recorded.entry))
    };
    let Some(ask) = request.witnesses else { return Ok(vec![nobody()]) };
    let ask = || ask_all(request.place, trust.trust(), environment, request.at, ask);
    let mut asked = ask();
    // Who appended meanwhile had the witnesses cosign more than this. The copy was fetched anew, and has that as well.
    for _ in 1..ASKED {
        let Err(FlowError::Log(LogError::Outrun { .. })) = asked else { break };
        asked = ask();
    }
    let Some(cosigned) = asked? else { return Ok(vec![nobody()]) };
    // A copy of a store may have been fetched anew: what was cosigned has to go on from what was just appended.
    let reader = LogReader::open(&request.place.log())?;
    if reader.size() < log.size() || reader.root_at(log.size())? != log.root() {
        let what = "the log that was cosigned does not hold this decision";
        let finding = Finding::new(codes::WITNESS_QUORUM_MISSING, what).at(format!("log entry {}", recorded.entry));
        return Ok(vec![finding]);
    }
    match log.keep_cosigned(&cosigned.note, cosigned.quorum.is_ok()) {
        // Who appended meanwhile has the witnesses cosign what comes after: this one is in the answer.
        Ok(()) | Err(LogError::Outrun { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    recorded.checkpoint = cosigned.note.to_string().into_bytes();
    let missing = cosigned.quorum.err().map(|finding| finding.at(format!("log entry {}", recorded.entry)));
    // A witness that could not be asked is of interest only where it was needed.
    let why = if missing.is_some() { cosigned.findings } else { Vec::new() };
    Ok(missing.into_iter().chain(why).collect())
}

/// The revision that was promoted last, as far as the record and the documents say: reviews of what came before are old.
pub fn promoted_before(request: &PromoteRequest<'_>) -> Result<Option<Oid>, FlowError> {
    let Some(trust) = request.trust.outcome.trust.as_ref() else { return Ok(None) };
    let blobs = StoreBlobs::new(request.place.store());
    let log = open_log(request, Some(trust), &blobs)?;
    let subject = documents::artifact(request.artifact)?.digest;
    let evidence = Evidence::verify(&request.documents, trust, request.at);
    let Some(state) = log.state.as_ref() else { return Ok(None) };
    let start = scope(&subject, &request.environment, &evidence, state, &blobs).and_then(|scope| scope.start);
    blobs.finish()?;
    Ok(start)
}

const DAMAGED: &str = "the log does not hold, so nothing can be appended to it";

/// Why a log did not open for appending; a log that is missing is a finding of the decision already.
fn closed(request: &PromoteRequest<'_>, error: &LogError) -> Vec<Finding> {
    let place = format!("log {}", request.place.log_name());
    if matches!(error, LogError::Missing { .. }) {
        return Vec::new();
    }
    if let LogError::Origin { expected, found } = error {
        return vec![key_of_another(&place, found, expected)];
    }
    vec![
        Finding::new(codes::LOG_CHECKPOINT_INVALID, error.to_string())
            .at(place)
            .help("`countersign log verify` names what was altered"),
    ]
}

/// What says that the log is not the one that somebody kept a checkpoint of.
const OTHER_LOG: [Code; 4] =
    [codes::LOG_ROLLED_BACK, codes::LOG_FORKED, codes::LOG_SPLIT_VIEW, codes::LOG_ORIGIN_MISMATCH];

/// A decision with the bytes that it rests on.
struct Decided {
    decision: Decision,
    /// The documents that were looked at.
    documents: Vec<Vec<u8>>,
    /// What the log and those before it say is erased, with the entry that says so; and what of it was handed in.
    erased: BTreeMap<Sha256, ErasedBy>,
    left_out: Vec<Finding>,
    /// What the log names, nobody erased, and the store did not have when it was asked for.
    lacking: Vec<Finding>,
    git: Option<Vec<u8>>,
    witnessed: Option<Vec<u8>>,
}

fn decide_now(
    request: &PromoteRequest<'_>,
    gate: &SignerName,
    cosigned: Option<&Cosigned>,
) -> Result<Decided, FlowError> {
    let witnessed = cosigned.map(|cosigned| cosigned.note.to_string().into_bytes());
    let subject = documents::artifact(request.artifact)?;
    let asked = Request {
        subject: subject.digest,
        subject_name: subject.name,
        environment: request.environment.clone(),
        time: request.at,
        engine: ENGINE.to_owned(),
        gate: gate.key,
        gate_identity: gate.identity.clone(),
        tool: request.tool.clone(),
    };
    let trust = request.trust.outcome.trust.as_ref();
    let stored = StoreBlobs::new(request.place.store());
    let log = open_log(request, trust, &stored)?;
    // What was erased is withheld from everybody: it does not count again, and is not stored again, because somebody has a copy.
    let erased = log.state.as_ref().map(|state| state.erased_in_chain(&stored)).unwrap_or_default();
    let mut missed = stored.missed();
    stored.finish()?;
    let (mut documents, mut captures) = (request.documents.clone(), request.captures.clone());
    let mut left_out = Vec::new();
    for handed in [&mut documents, &mut captures].into_iter().filter(|_| !erased.is_empty()) {
        handed.retain(|bytes| {
            let digest = Sha256::of(bytes);
            let by = erased.get(&digest);
            left_out.extend(by.map(|by| withheld(&digest, &by.place)));
            by.is_none()
        });
    }
    let blobs = StoreBlobs::new(request.place.store()).with(&captures);
    let least = least(request, trust, log.state.as_ref().map(LogState::now))?;
    let pin = pin(request)?;
    let evidence = trust.map(|trust| Evidence::verify(&documents, trust, request.at));
    let given = Given {
        trust: TrustGiven { outcome: &request.trust.outcome, digest: request.trust.given.as_ref() },
        state: log.state.as_ref().map(LogState::now),
        log_findings: &log.findings,
        log_checks: &log.checks,
        least_checkpoint: least.clone(),
        witnessed: witnessed.as_deref(),
        pin: pin.clone(),
        evidence: evidence.as_ref(),
        index: evidence.as_ref().map(|e| e.index().to_vec()),
        history: None,
        git: None,
        blobs: &blobs,
        elsewhere: ElsewhereBy::TheirRelease,
    };
    let scope = match (evidence.as_ref(), log.state.as_ref()) {
        (Some(evidence), Some(state)) => scope(&asked.subject, &asked.environment, evidence, state, &blobs),
        _ => None,
    };
    let git = match (request.repository, scope) {
        (Some(path), Some(scope)) => {
            let repo = GitRepo::open(path, request.programs)?;
            Some(history::collect(&repo, &scope, |rehearsal| {
                // Only what it reads matters here; what counts is decided below, on the evidence.
                drop(decide(&asked, &Given { history: Some(rehearsal), ..given.clone() }));
            })?)
        }
        _ => None,
    };
    let parsed = match &git {
        None => None,
        Some(bytes) => Some(GitEvidence::parse(bytes).map_err(|e| FlowError::Evidence(e.to_string()))?),
    };
    let history = parsed.as_ref().map(History::of);
    let git_digest = git.as_deref().map(Sha256::of);
    let decision = decide(&asked, &Given { history: history.as_ref(), git: git_digest, ..given });
    missed.extend(blobs.missed());
    missed.retain(|digest| !erased.contains_key(digest));
    // Roots are not, which signatures of before are held against.
    let root = |digest: &Sha256| trust.is_some_and(|trust| trust.trust().sigstore_root(digest).is_some());
    let again = documents.iter().map(|bytes| Sha256::of(bytes)).filter(|digest| !root(digest)).collect();
    let looked = Looked { environment: Some(&asked.environment), missed: &missed, again: &again };
    let lacking = log.state.as_ref().map(|state| lacking(state.now(), &looked, &blobs)).unwrap_or_default();
    blobs.finish()?;
    // Of a log that does not go on from what was kept that is told now: by the next time, somebody may have put another checkpoint there.
    if !decision.findings.iter().any(|finding| OTHER_LOG.contains(&finding.code)) {
        request.place.in_time(log.state.as_ref().and_then(|state| state.now().newest_time()), request.at)?;
    }
    Ok(Decided { decision, documents, erased, left_out, lacking, git, witnessed })
}

/// A log that is missing is judged by the decision; a disk that fails is an error.
fn open_log(
    request: &PromoteRequest<'_>,
    trust: Option<&VerifiedTrust>,
    blobs: &StoreBlobs<'_>,
) -> Result<LogOutcome, FlowError> {
    let nothing = |findings| LogOutcome { state: None, checks: Vec::<Check>::new(), findings };
    let Some(trust) = trust else { return Ok(nothing(Vec::new())) };
    match request.place.read_log() {
        Ok((checkpoint, entries)) => Ok(LogState::open(&checkpoint, &entries, trust, blobs, request.at)),
        Err(error @ FlowError::Log(LogError::Missing { .. })) => {
            let (least, place) = (request.least_checkpoint, request.place);
            let gone = crate::outside::set_back(error, least, place, trust.trust(), request.at);
            Ok(nothing(if let FlowError::Refused(findings) = gone { findings } else { Vec::new() }))
        }
        Err(error @ FlowError::Log(_)) if error.exit() == Exit::Untrusted => {
            let place = format!("log {}", request.place.log_name());
            let finding = Finding::new(codes::LOG_CHECKPOINT_INVALID, error.to_string()).at(place);
            Ok(nothing(vec![finding.help("`countersign log verify` names what was altered")]))
        }
        Err(error) => Err(error),
    }
}

/// A least checkpoint that does not hold ends it: nothing was given that could be recorded as an argument.
fn least(
    request: &PromoteRequest<'_>,
    trust: Option<&VerifiedTrust>,
    view: Option<StateView<'_>>,
) -> Result<Option<LogRef>, FlowError> {
    let (Some(path), Some(trust)) = (request.least_checkpoint, trust) else { return Ok(None) };
    let read = crate::outside::least_checkpoint(path, request.place, view, trust.trust(), request.at)?;
    read.map(Some).map_err(|finding| FlowError::Refused(vec![finding.at(path.display().to_string())]))
}

fn pin(request: &PromoteRequest<'_>) -> Result<Option<countersign_core::policy::Pin>, FlowError> {
    let Some(path) = request.lock else { return Ok(None) };
    let Some(bytes) = files::read_if_there(path, countersign_core::limits::TOML_BYTES)? else { return Ok(None) };
    let lock = Lock::parse(&bytes).map_err(|error| {
        FlowError::Refused(vec![Finding::of_lines(error.code(), &error.to_string()).at(path.display().to_string())])
    })?;
    Ok(lock.0.get(&request.environment).cloned())
}

/// What the git evidence has to be about: the commit that the provenance names, in the source that the release covers.
fn scope(
    subject: &Sha256,
    environment: &EnvName,
    evidence: &Evidence,
    state: &LogState,
    blobs: &StoreBlobs<'_>,
) -> Option<Scope> {
    let built = Built::best(evidence, subject, &mut Vec::new())?;
    let named = built.provenance.source().ok()?;
    let view = state.now();
    let manifest = view.active(environment)?.release.manifest();
    let source = manifest.source_of(named.repository, named.reference)?;
    // Where the record does not read, the decision says so.
    let earlier = tags_before(view, source, blobs).unwrap_or_default();
    let tags = BoundTag::of_source(&named, "").into_iter().chain(earlier).filter_map(|bound| bound.reference());
    Some(Scope {
        tags: tags.collect(),
        repository: source.repository.clone(),
        target_ref: source.target_ref.clone(),
        cut_from: source.cut_from.clone(),
        candidate: named.commit,
        start: start_of(view, environment, source, &named.commit, blobs).ok().flatten(),
        heads: history::reviewed_heads(evidence),
        others: manifest.rules.iter().any(countersign_decide::rules::reads_others),
    })
}

fn record(
    request: &PromoteRequest<'_>,
    decided: &Decided,
    trust: &VerifiedTrust,
    signer: &MachineSigner,
    gate: &Uri,
    log: &mut Log<'_>,
) -> Result<Recorded, FlowError> {
    let decision = &decided.decision;
    let asked = &decision.request;
    let subject = || vec![Subject::sha256(&asked.subject_name, &asked.subject)];
    let sign = |kind, predicate: &serde_json::Value| signer.sign(kind, subject(), predicate, trust, request.at);
    let signed_decision = sign(Kind::PromotionDecision, &countersign_core::json::to_value(decision)?)?;
    let summary =
        summarise(decision, gate, &Sha256::of(&signed_decision)).map_err(|e| FlowError::Usage(e.to_string()))?;
    let signed_summary = sign(Kind::Vsa, &countersign_core::json::to_value(&summary)?)?;

    let mut pieces: Vec<&[u8]> = vec![&signed_decision, &signed_summary, &request.trust.bytes];
    pieces.extend(signer.root());
    pieces.extend(decided.git.as_deref());
    pieces.extend(decided.witnessed.as_deref());
    pieces.extend(decided.documents.iter().map(Vec::as_slice));
    // A capture that no statement names is no evidence, and is not kept.
    let named = |bytes: &&Vec<u8>| decision.inputs.captures.contains(&Sha256::of(bytes));
    pieces.extend(request.captures.iter().filter(named).map(Vec::as_slice));
    // Such as the git objects of a range that is promoted again: a decision that could not be kept is none.
    if !decided.erased.is_empty() {
        let mut digests = pieces.iter().map(|piece| Sha256::of(piece));
        if let Some((digest, by)) = digests.find_map(|digest| Some((digest, decided.erased.get(&digest)?))) {
            return Err(FlowError::Refused(vec![withheld(&digest, &by.place)]));
        }
    }
    request.place.store().put_many(&pieces)?;

    let entry = Entry {
        schema: EntrySchema::V01,
        kind: Kind::PromotionDecision,
        time: asked.time,
        environment: Some(asked.environment.clone()),
        subjects: vec![asked.subject],
        persons: Vec::new(),
        statements: vec![Sha256::of(&signed_decision), Sha256::of(&signed_summary)],
        evidence: std::iter::once(*trust.document()).chain(decision.inputs.git).chain(signer.root_digest()).collect(),
    };
    let bytes = entry.to_bytes().map_err(|e| FlowError::Evidence(e.to_string()))?;
    let Appended { first_index, checkpoint_bytes, .. } = log.append(&[bytes])?;
    Ok(Recorded { entry: first_index, checkpoint: checkpoint_bytes, decision: signed_decision, vsa: signed_summary })
}

/// The first that trust lets decide there: a key, or an identity as far as trust writes it out.
fn first_gate(request: &PromoteRequest<'_>) -> Option<SignerName> {
    let trust = request.trust.outcome.trust.as_ref()?.trust();
    let gates = || trust.gates.iter().filter(|gate| gate.environments.contains(&request.environment));
    let counts = |owned: &&OwnedKey| owned.counts_at(request.at);
    let by_key = gates().find_map(|gate| gate.keys.iter().find(counts));
    if let Some(owned) = by_key {
        return Some(SignerName { key: owned.key.id(), identity: None });
    }
    let mut identities = gates().flat_map(|gate| &gate.identities).filter(|one| one.counts_at(request.at));
    identities.find_map(|one| {
        let root = trust.sigstore_roots.iter().find(|root| root.name == one.root)?.digest;
        let (issuer, subject) = (one.issuer.text().to_owned(), one.subject.text().to_owned());
        let shown = ShownIdentity { root, issuer, subject, claims: one.claims.clone() };
        one.is(&one.root, &shown.issuer, &shown.subject, &shown.claims)
            .then(|| SignerName { identity: Some(shown), ..nobody() })
    })
}

/// A name that nobody has.
fn nobody() -> SignerName {
    SignerName { key: PublicKey::Ed25519([0; 32]).id(), identity: None }
}

/// The gate and the log that the keys belong to, or which of the two is not one that trust lets do this.
fn gate_and_log(trust: &Trust, keys: &GateKeys, request: &PromoteRequest<'_>) -> Result<(Uri, Origin), Vec<Finding>> {
    let at = request.at;
    let gate = known_gate(trust, keys.gate.name().shown(), &request.environment, at).cloned();
    let log = log_of(trust, &keys.log.public().id(), at);
    match (gate, log) {
        (Ok(gate), Ok(origin)) => Ok((gate, origin)),
        (gate, log) => Err(gate.err().into_iter().chain(log.err()).map(|finding| *finding).collect()),
    }
}

/// The log that a key signs, at a time.
pub(crate) fn log_of(trust: &Trust, id: &KeyId, at: Time) -> Result<Origin, Box<Finding>> {
    let found = match trust.owner_of(id) {
        Some((Owner::Log(log), owned)) if owned.counts_at(at) => return Ok(log.origin.clone()),
        Some((owner, owned)) if owned.counts_at(at) => format!("key {id} of {}", owner.describe()),
        Some((owner, _)) => format!("key {id} of {}, which does not count at {at}", owner.describe()),
        None => format!("key {id}, which is not in trust"),
    };
    let keys = trust.logs.iter().flat_map(|log| log.keys.iter().map(move |owned| (log, owned)));
    let known = keys.filter(|(_, owned)| owned.counts_at(at));
    let known: Vec<String> =
        known.map(|(log, owned)| format!("key {} of log {}", owned.key.id(), log.origin)).collect();
    let expected = if known.is_empty() { "a log's key; trust has none".to_owned() } else { known.join(", or ") };
    Err(Box::new(
        Finding::new(codes::LOG_KEY_UNKNOWN, "this key is not that of a log that trust knows")
            .at("--log-key")
            .expected(expected, format!("trust, version {}", trust.version))
            .found(found)
            .help("give the log's key with --log-key; `countersign trust show` lists every key that trust knows"),
    ))
}

/// The keys of a log, as its writer wants them.
#[must_use]
pub fn log_keys(trust: &Trust, origin: &Origin) -> Vec<NoteKey> {
    let keys = trust.log(origin).map(|log| log.keys.as_slice()).unwrap_or_default();
    keys.iter()
        .filter_map(|owned| match &owned.key {
            PublicKey::Ed25519(key) => Some(NoteKey::new(origin.clone(), *key)),
            PublicKey::P256(_)
            | PublicKey::P384(_)
            | PublicKey::Rsa { .. }
            | PublicKey::SkEd25519 { .. }
            | PublicKey::SkP256 { .. } => None,
        })
        .collect()
}
