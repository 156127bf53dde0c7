//! Exceptions into the log: what is there counts, and nothing else. Everything is checked as every reader will check it.

use super::ask::{person_of, read};
use crate::error::FlowError;
use crate::files;
use crate::outside::{TrustFile, set_back};
use crate::people::{self, By};
use crate::place::{Place, StoreBlobs};
use crate::policy::activate::{Standing, anchored, log_signer, open_at_end, other_trust, refuse};
use crate::promote::log_keys;
use crate::signing::by_person;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema};
use countersign_core::exception::{EndAction, ExceptionEnd};
use countersign_core::finding::Finding;
use countersign_core::ids::{EnvName, ExceptionId, PersonId};
use countersign_core::limits;
use countersign_core::log::note::{NoteKey, NoteSigner};
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_core::trust::{EXCEPTION_NAMESPACE, ROLE_EXCEPTIONS};
use countersign_record::atomic::write_atomic;
use countersign_record::log::LogError;
use countersign_record::store::Store as _;
use countersign_sign::{LogSigner, PersonKey, SigningKey, SshKeygen};
use countersign_verify::exception::{ExceptionContext, end_so_far, end_statement, verify_end, verify_exception};
use countersign_verify::keys::note_signature_holds;
use countersign_verify::{StateView, VerifiedException, VerifiedTrust};
use std::collections::BTreeSet;
use std::path::Path;

/// What something is recorded with.
#[derive(Debug)]
pub struct Recording<'a> {
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// The store.
    pub place: &'a Place,
    /// The least checkpoint, from outside.
    pub least_checkpoint: Option<&'a Path>,
    /// The time.
    pub at: Time,
}

impl Recording<'_> {
    /// A log that cannot be opened, and may have been set back to nothing.
    fn gone(&self, error: FlowError, trust: &VerifiedTrust) -> FlowError {
        set_back(error, self.least_checkpoint, self.place, trust.trust(), self.at)
    }
}

/// Records an approved exception: from then on it counts. The signed checkpoint covers its entry.
pub fn activate(
    file: &Path,
    recording: &Recording<'_>,
    log_key: SigningKey,
) -> Result<(VerifiedException, Vec<u8>), FlowError> {
    let trust = anchored(recording.trust)?;
    let place = file.display().to_string();
    let bytes = files::read(file, limits::COLLECTION_BYTES)?;
    let environment = read(&bytes, &place)?.environment;
    let signer = log_signer(trust, log_key, recording.at)?;
    append(recording, trust, &signer, &environment, |view| {
        let context = context(view, trust, recording);
        let exception = verify_exception(&bytes, &context, &place).map_err(FlowError::Refused)?;
        refuse(useless(&exception, view, recording.place, &place))?;
        let approvers = exception.approvers().iter().cloned();
        let persons: BTreeSet<PersonId> =
            approvers.chain(std::iter::once(exception.exception().requester.clone())).collect();
        let entry = entry(Kind::Exception, recording.at, &environment, *exception.digest(), persons, &bytes);
        Ok((exception, entry, bytes.clone()))
    })
}

/// What an exception is ended with.
#[derive(Debug)]
pub struct EndRequest<'a> {
    /// Which.
    pub id: ExceptionId,
    /// How.
    pub action: EndAction,
    /// Why, or what was found.
    pub reason: &'a str,
    /// Who signs.
    pub key: &'a PersonKey,
    /// The program that signs with SSH keys.
    pub keygen: &'a SshKeygen,
    /// Where persons collect their signatures, if several have to sign.
    pub signatures: Option<&'a Path>,
}

/// What became of it.
#[derive(Debug)]
pub enum Ended {
    /// It is in the log.
    Recorded {
        /// The entry.
        entry: u64,
        /// Who signed.
        persons: BTreeSet<PersonId>,
        /// The signed checkpoint that covers the entry.
        checkpoint: Vec<u8>,
    },
    /// One more person has to sign; nothing was written to the log.
    NeedsMore {
        /// Who has signed.
        persons: BTreeSet<PersonId>,
        /// How many it takes.
        needed: usize,
    },
}

/// Ends an exception by an entry in the log: one approver revokes it; two say that what it let through was reviewed. The log's key is
/// needed by the last of them alone.
pub fn end(
    request: &EndRequest<'_>,
    recording: &Recording<'_>,
    log_key: Option<SigningKey>,
) -> Result<Ended, FlowError> {
    let trust = anchored(recording.trust)?;
    if request.reason.trim().is_empty() {
        return Err(FlowError::Usage("--reason says nothing".to_owned()));
    }
    let signer = log_key.map(|key| log_signer(trust, key, recording.at)).transpose()?;
    let blobs = StoreBlobs::new(recording.place.store());
    let (checkpoint, entries) = recording.place.read_log().map_err(|error| recording.gone(error, trust))?;
    let opened = countersign_verify::LogState::open(&checkpoint, &entries, trust, &blobs, recording.at);
    let state = opened.state.ok_or(FlowError::Refused(opened.findings))?;
    let exception = find(&request.id, request.action, state.now(), recording.place)?;
    blobs.finish()?;
    if request.action == EndAction::FollowUp {
        refuse(asked_for_it(request, &exception, trust)?)?;
    }
    let environment = exception.exception().environment.clone();
    let log = signer.as_ref().map_or_else(|| state.now().origin(), NoteSigner::name);
    let statement = statement(request, &exception, log, recording)?;
    let document = sign(request, &statement)?;
    if request.signatures.is_some() {
        let context = context(state.now(), trust, recording);
        let so_far = end_so_far(&document, &exception, &context, "this signature");
        let (persons, needed) = so_far.map_err(FlowError::Refused)?;
        // Of somebody whose signature does not count that is said below.
        if persons.len() < needed && persons.contains(&person_of(request.key, request.keygen, trust.trust())?) {
            return Ok(Ended::NeedsMore { persons, needed });
        }
    }
    let Some(signer) = signer else {
        let what = "--log-key is needed to record it: enough persons have signed; run this again with it";
        return Err(FlowError::Usage(what.to_owned()));
    };
    let ((entry, persons), checkpoint) = append(recording, trust, &signer, &environment, |view| {
        let context = context(view, trust, recording);
        let (_, persons) = verify_end(&document, &exception, &context, "this signature").map_err(FlowError::Refused)?;
        let written =
            entry(Kind::ExceptionEnd, recording.at, &environment, *exception.digest(), persons.clone(), &document);
        Ok(((context.entry, persons), written, document.clone()))
    })?;
    Ok(Ended::Recorded { entry, persons, checkpoint })
}

/// What an entry that is appended now is judged by.
fn context<'a>(view: StateView<'a>, trust: &'a VerifiedTrust, recording: &Recording<'_>) -> ExceptionContext<'a> {
    ExceptionContext {
        trust: view.trust().trust(),
        newest: trust.trust(),
        origin: view.origin(),
        entry: view.reference().size,
        time: recording.at,
    }
}

/// Whoever asked for an emergency does not say that it was made up for: such a signature would stand in the file for nothing.
fn asked_for_it(
    request: &EndRequest<'_>,
    exception: &VerifiedException,
    trust: &VerifiedTrust,
) -> Result<Vec<Finding>, FlowError> {
    let requester = &exception.exception().requester;
    if person_of(request.key, request.keygen, trust.trust())? != *requester {
        return Ok(Vec::new());
    }
    Ok(vec![
        Finding::new(
            codes::SIGNER_NOT_ALLOWED,
            "this person's signature would not count: who asked does not follow up",
        )
        .at("--key")
        .expected(
            format!("a person of role `{ROLE_EXCEPTIONS}` other than {requester}"),
            format!("trust, version {}", trust.trust().version),
        )
        .found(format!("{requester}, who asked for it"))
        .help("have two others of that role run it"),
    ])
}

/// Opens the log, lets `make` check what is to be recorded against its state, and appends it. The log is locked in between.
fn append<T>(
    recording: &Recording<'_>,
    trust: &VerifiedTrust,
    signer: &LogSigner,
    environment: &EnvName,
    make: impl FnOnce(StateView<'_>) -> Result<(T, Entry, Vec<u8>), FlowError>,
) -> Result<(T, Vec<u8>), FlowError> {
    let origin = NoteSigner::name(signer).clone();
    let keys = log_keys(trust.trust(), &origin);
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let gone = |error: LogError| recording.gone(error.into(), trust);
    let mut log = recording.place.append(signer, &keys, &holds).map_err(gone)?;
    let blobs = StoreBlobs::new(recording.place.store());
    let standing =
        Standing { place: recording.place, least_checkpoint: recording.least_checkpoint, trust, at: recording.at };
    let state = open_at_end(&standing, environment, &blobs)?;
    let recorded = state.now().trust().digest();
    refuse((recorded != trust.digest()).then(|| other_trust(recorded, trust)).into_iter().collect())?;
    let (made, entry, document) = make(state.now())?;
    blobs.finish()?;
    recording.place.store().put_many(&[&document])?;
    let bytes = entry.to_bytes().map_err(|error| FlowError::Evidence(error.to_string()))?;
    Ok((made, log.append(&[bytes])?.checkpoint_bytes))
}

/// An exception that would never be needed, or is there already, is not recorded.
fn useless(exception: &VerifiedException, view: StateView<'_>, place: &Place, file: &str) -> Vec<Finding> {
    let blobs = StoreBlobs::new(place.store());
    let known = view.exceptions(&blobs);
    let id = exception.id();
    let there = known.held.iter().chain(known.ended.iter().map(|(one, _)| one)).any(|one| one.id() == id);
    if there {
        return vec![
            Finding::new(codes::EXCEPTION_RECORDED, format!("exception {id} is in the log already"))
                .at(file)
                .help("`countersign exception list` shows how it stands; one that was ended is asked for anew"),
        ];
    }
    let said = exception.exception();
    let Some(active) = view.active(&said.environment) else {
        return vec![Finding::new(
            codes::POLICY_NOT_ACTIVE,
            format!("no policy release is active for {}: there is nothing to except from", said.environment),
        )];
    };
    let manifest = active.release.manifest();
    let mut findings = Vec::new();
    if !manifest.rules.iter().any(|rule| rule.id == said.rule) {
        let rules: Vec<&str> = manifest.rules.iter().map(|rule| rule.id.as_str()).collect();
        findings.push(
            Finding::new(codes::POLICY_RULE_UNKNOWN, format!("the active release has no rule {}", said.rule))
                .at(file)
                .expected(rules.join(", "), format!("policy release@{}", manifest.version))
                .found(said.rule.to_string()),
        );
    }
    if manifest.source_of(said.repository.as_str(), None).is_none() {
        let sources: Vec<&str> = manifest.sources.iter().map(|source| source.repository.as_str()).collect();
        findings.push(
            Finding::new(
                codes::POLICY_OTHER_REPOSITORY,
                "the active release does not cover the exception's repository",
            )
            .at(file)
            .expected(sources.join(", "), format!("policy release@{}", manifest.version))
            .found(said.repository.to_string()),
        );
    }
    findings
}

fn find(
    id: &ExceptionId,
    action: EndAction,
    view: StateView<'_>,
    place: &Place,
) -> Result<VerifiedException, FlowError> {
    let blobs = StoreBlobs::new(place.store());
    let known = view.exceptions(&blobs);
    blobs.finish()?;
    let held = known.held.iter();
    // What was revoked may still have to be made up for.
    let ended = known.ended.iter().filter(|_| action == EndAction::FollowUp).map(|(one, _)| one);
    let found = held.chain(ended).find(|one| one.id() == *id).map(|one| VerifiedException::clone(one));
    found.ok_or_else(|| {
        let ids: Vec<String> = known.held.iter().map(|one| one.id().to_string()).collect();
        let ids = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
        FlowError::Refused(vec![
            Finding::new(codes::EXCEPTION_UNKNOWN, format!("the log has no exception {id} that could be ended"))
                .expected(ids, "the log")
                .found(id.to_string())
                .help("`countersign exception list` shows all of them"),
        ])
    })
}

/// Persons who sign apart sign the same statement: the first one's, with its time.
fn statement(
    request: &EndRequest<'_>,
    exception: &VerifiedException,
    log: &countersign_core::ids::Origin,
    recording: &Recording<'_>,
) -> Result<Statement, FlowError> {
    if let Some(path) = request.signatures
        && let Some(bytes) = files::read_to_grow(path, limits::COLLECTION_BYTES)?
    {
        let documents = Signed::parse_lines(&bytes).map_err(|error| {
            FlowError::Refused(vec![Finding::new(error.code(), error.to_string()).at(path.display().to_string())])
        })?;
        if let Some((_, first)) = documents.first() {
            return Ok(Statement::parse(&first.payload)?);
        }
    }
    let end = ExceptionEnd {
        // This log, also where the exception was granted in one that it goes on from.
        log: log.clone(),
        exception: *exception.digest(),
        action: request.action,
        reason: request.reason.to_owned(),
        at: recording.at,
    };
    Ok(end_statement(&end)?)
}

fn sign(request: &EndRequest<'_>, statement: &Statement) -> Result<Vec<u8>, FlowError> {
    match request.signatures {
        None => by_person(&statement.to_bytes()?, EXCEPTION_NAMESPACE, request.key, request.keygen),
        Some(path) => {
            let signed = people::add_signature(
                path,
                statement,
                EXCEPTION_NAMESPACE,
                By::Key(request.key, request.keygen),
                None,
            )?;
            write_atomic(path, &signed.bytes, 0o644)?;
            Ok(signed.bytes)
        }
    }
}

fn entry(
    kind: Kind,
    time: Time,
    environment: &EnvName,
    subject: Sha256,
    persons: BTreeSet<PersonId>,
    document: &[u8],
) -> Entry {
    Entry {
        schema: EntrySchema::V01,
        kind,
        time,
        environment: Some(environment.clone()),
        subjects: vec![subject],
        persons: persons.into_iter().collect(),
        statements: vec![Sha256::of(document)],
        evidence: Vec::new(),
    }
}
