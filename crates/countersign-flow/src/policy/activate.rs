//! Activation: an entry in the log makes a release the active one, and a lock file says which to expect.

use super::build::{approver, folder_files, problems};
use super::lock;
use crate::backtest::read_report;
use crate::error::FlowError;
use crate::files;
use crate::outside::{self, TrustFile};
use crate::people::{self, By, CoSigned};
use crate::place::{Place, StoreBlobs};
use crate::promote::{log_keys, log_of};
use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema};
use countersign_core::finding::Finding;
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::limits;
use countersign_core::log::note::NoteKey;
use countersign_core::policy;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::{POLICY_NAMESPACE, ROLE_POLICY, Trust};
use countersign_decide::floors;
use countersign_record::atomic::write_atomic;
use countersign_record::log::LogError;
use countersign_record::log::writer::Log;
use countersign_record::store::{Store as _, StoreError};
use countersign_sign::{LogSigner, SigningKey};
use countersign_verify::keys::note_signature_holds;
use countersign_verify::log::LogOutcome;
use countersign_verify::policy::{Activated, ActivationContext, LogSoFar, verify_activation, verify_release};
use countersign_verify::trust::verify_successor;
use countersign_verify::{Blobs, LogState, StateView, VerifiedTrust, rollout};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What an activation is asked with.
#[derive(Debug, Clone)]
pub struct ActivateRequest<'a> {
    /// The approved release.
    pub release: &'a Path,
    /// Where it is to be active.
    pub environment: EnvName,
    /// The approver who activates.
    pub by: By<'a>,
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// The store.
    pub place: &'a Place,
    /// The least checkpoint, from outside.
    pub least_checkpoint: Option<&'a Path>,
    /// Why; needed for a return to an older version, and for an override.
    pub reason: Option<&'a str>,
    /// Rules that move up without their measurement.
    pub overrides: &'a BTreeSet<RuleId>,
    /// Files with labels of what rules found.
    pub labels: &'a [PathBuf],
    /// A file in which approvers collect their signatures, where a quorum is needed.
    pub activation: Option<&'a Path>,
    /// The backtest's report that the approvals name, if the store does not have it yet.
    pub backtest: Option<&'a Path>,
    /// The policy's folder, from which the files with tests that the release closes are recorded.
    pub tests: Option<&'a Path>,
    /// `countersign.lock`.
    pub lock: &'a Path,
    /// The time.
    pub at: Time,
}

/// What became of an activation.
#[derive(Debug)]
pub enum Activation {
    /// The release is active.
    Active {
        /// What was activated.
        activated: Box<Activated>,
        /// The signed checkpoint that covers the entry.
        checkpoint: Vec<u8>,
        /// Whether the lock was written. It is active either way.
        locked: Result<(), FlowError>,
        /// What there is to say of it.
        notes: Vec<Finding>,
    },
    /// More approvers have to sign the activation first; nothing was written to the log.
    NeedsMore {
        /// What is missing.
        findings: Vec<Finding>,
        /// The activation with the signatures so far.
        document: Vec<u8>,
    },
}

/// Makes an approved release the active one. It is checked exactly as every reader of the log will check it.
pub fn activate(request: &ActivateRequest<'_>, log_key: SigningKey) -> Result<Activation, FlowError> {
    let trust = anchored(request.trust)?;
    approver(request.by, trust.trust())?;
    lock::may_write(request.lock)?;
    let release_bytes = files::read(request.release, limits::COLLECTION_BYTES)?;
    let signer = log_signer(trust, log_key, request.at)?;
    let keys = log_keys(trust.trust(), countersign_core::log::note::NoteSigner::name(&signer));
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let gone = |error: LogError| {
        let (least, place) = (request.least_checkpoint, request.place);
        outside::set_back(error.into(), least, place, trust.trust(), request.at)
    };
    let mut log = request.place.append(&signer, &keys, &holds).map_err(gone)?;

    let blobs = StoreBlobs::new(request.place.store());
    let state = open(request, trust, &blobs)?;
    if newest_trust(&state).is_some_and(|newest| newest != *trust.digest()) {
        verify_successor(state.now().trust(), &request.trust.bytes, request.at).map_err(FlowError::Refused)?;
    }
    let view = state.now();
    let entry_index =
        if newest_trust(&state) == Some(*trust.digest()) { log.size() } else { log.size().saturating_add(1) };
    let judge = if view.active(&request.environment).is_some() { view.judge(&request.environment) } else { trust };
    let place = request.release.display().to_string();
    let release = verify_release(&release_bytes, judge.trust(), trust.trust(), request.at, &place)
        .map_err(|findings| FlowError::Refused(unsigned(findings, request.release, &release_bytes)))?;
    refuse(sane(request, trust, &release))?;
    let report = report(request, &release)?;
    let tests = tests(request, &release)?;

    let labels = labels(request)?;
    let statement = statement(request, &release, view, &labels)?;
    let signed = sign(request, &statement, trust.trust())?;
    let request = &ActivateRequest { at: signed.judged_at(request.at), ..request.clone() };
    let document = signed.bytes;
    let earlier: Vec<&Activated> = view.activations(&request.environment).collect();
    let context = ActivationContext {
        log: LogSoFar::of(view),
        trust: judge,
        newest: trust,
        active: earlier.last().copied(),
        earlier: &earlier,
        entry: entry_index,
        time: request.at,
    };
    let with_labels = WithLabels { labels: &labels, store: &blobs };
    let settled = verify_activation(&document, &release_bytes, &context, "this activation")
        .and_then(|activated| rollout::settle(activated, &context, view, &with_labels, "this activation"));
    let activated = match settled {
        Ok(activated) => activated,
        Err(findings) if needs_more(&findings, request.reason) => {
            return Ok(Activation::NeedsMore { findings, document });
        }
        Err(findings) => return Err(FlowError::Refused(foremost(findings))),
    };
    blobs.finish()?;

    let files = Files {
        document: &document,
        release: &release_bytes,
        labels: &labels,
        report: report.as_deref(),
        tests: &tests,
    };
    let checkpoint = record(request, trust, &state, &activated, &files, &mut log)?;
    let locked = lock::write(request.lock, &request.environment, &activated);
    let notes = tests_unrecorded(&activated.release).filter(|_| tests.is_empty()).into_iter().collect();
    Ok(Activation::Active { activated: Box::new(activated), checkpoint, locked, notes })
}

/// Every activation of a verified log, oldest first; of one environment, if given.
#[must_use]
pub fn history(state: &LogState, environment: Option<&EnvName>) -> Vec<Activated> {
    let view = state.now();
    let entries = view.chain().flat_map(|log| log.entries());
    let mut environments: Vec<EnvName> = entries.filter_map(|entry| entry.environment.clone()).collect();
    environments.sort();
    environments.dedup();
    let wanted = environments.into_iter().filter(|e| environment.is_none_or(|wanted| wanted == e));
    let mut all: Vec<Activated> = wanted.flat_map(|e| view.activations(&e).cloned().collect::<Vec<_>>()).collect();
    // Those of an earlier log come before; within one they are in its order already.
    all.sort_by_key(|activated| (activated.time, activated.log.is_none(), activated.entry));
    all
}

/// Where the file is a manifest that nobody has signed, says so: it is the likeliest mistake.
fn unsigned(mut findings: Vec<Finding>, path: &Path, bytes: &[u8]) -> Vec<Finding> {
    if policy::Manifest::parse(bytes).is_ok() {
        for finding in &mut findings {
            "this is a manifest without any approval, not an approved release".clone_into(&mut finding.what);
            finding.help = Some(format!(
                "`countersign policy approve {} --key KEY --output policy.sigstore.json`, then activate that file",
                path.display()
            ));
        }
    }
    findings
}

pub(crate) fn anchored(trust: &TrustFile) -> Result<&VerifiedTrust, FlowError> {
    match &trust.outcome.trust {
        Some(verified) if trust.outcome.findings.is_empty() => Ok(verified),
        _ => Err(FlowError::Refused(trust.outcome.findings.clone())),
    }
}

/// An environment for which trust sets no floor is none that anything can be promoted to.
#[must_use]
pub fn unknown_environment(environment: &EnvName, trust: &Trust) -> Option<Finding> {
    if trust.environments.contains_key(environment) {
        return None;
    }
    let known: Vec<String> = trust.environments.keys().map(ToString::to_string).collect();
    Some(
        Finding::new(codes::ENVIRONMENT_UNKNOWN, format!("trust sets no floor for environment {environment}"))
            .at("--environment")
            .expected(known.join(", "), format!("trust, version {}", trust.version))
            .found(environment.to_string())
            .help("name one of these environments, or add this one to trust.toml"),
    )
}

pub(crate) fn refuse(findings: Vec<Finding>) -> Result<(), FlowError> {
    if findings.is_empty() { Ok(()) } else { Err(FlowError::Refused(findings)) }
}

pub(crate) fn log_signer(trust: &VerifiedTrust, key: SigningKey, at: Time) -> Result<LogSigner, FlowError> {
    let origin = log_of(trust.trust(), &key.public().id(), at).map_err(|finding| FlowError::Refused(vec![*finding]))?;
    LogSigner::new(origin, key).map_err(|error| FlowError::Usage(error.to_string()))
}

fn open(request: &ActivateRequest<'_>, trust: &VerifiedTrust, blobs: &StoreBlobs<'_>) -> Result<LogState, FlowError> {
    let standing = Standing { place: request.place, least_checkpoint: request.least_checkpoint, trust, at: request.at };
    open_at_end(&standing, &request.environment, blobs)
}

/// A version that is taken makes it look like a return to an older release as well, which nobody means.
fn foremost(mut findings: Vec<Finding>) -> Vec<Finding> {
    if findings.iter().any(|finding| finding.code == codes::POLICY_VERSION_REUSED) {
        let follows = [codes::POLICY_ROLLBACK, codes::POLICY_UNAPPROVED];
        findings.retain(|finding| !follows.contains(&finding.code));
    }
    findings
}

/// What a log is opened with by somebody who is going to append to it.
pub(crate) struct Standing<'a> {
    pub place: &'a Place,
    pub least_checkpoint: Option<&'a Path>,
    pub trust: &'a VerifiedTrust,
    pub at: Time,
}

/// The log's state, if it goes on from the least checkpoint and everything in it holds.
pub(crate) fn stands(request: &Standing<'_>, blobs: &StoreBlobs<'_>) -> Result<LogState, FlowError> {
    open_where(request, blobs, |state| state.faults().map(|(_, finding)| finding.clone()).collect())
}

/// A trust document that follows the recorded one is recorded by an activation, not in passing.
pub(crate) fn other_trust(recorded: &Sha256, trust: &VerifiedTrust) -> Finding {
    Finding::new(codes::TRUST_DIGEST_MISMATCH, "the trust given from outside is not the newest that the log records")
        .at("--trust")
        .expected(recorded.to_string(), "the log")
        .found(format!("{} (version {})", trust.digest(), trust.trust().version))
        .help("record the newer trust with `countersign policy activate`, or give the recorded one")
}

/// The log's state, if it goes on from the least checkpoint and everything that matters for the environment holds.
pub(crate) fn open_at_end(
    request: &Standing<'_>,
    environment: &EnvName,
    blobs: &StoreBlobs<'_>,
) -> Result<LogState, FlowError> {
    open_where(request, blobs, |state| state.now().faults(environment).cloned().collect())
}

fn open_where(
    request: &Standing<'_>,
    blobs: &StoreBlobs<'_>,
    faults: impl Fn(&LogState) -> Vec<Finding>,
) -> Result<LogState, FlowError> {
    let trust = request.trust;
    let gone = |error| outside::set_back(error, request.least_checkpoint, request.place, trust.trust(), request.at);
    let (checkpoint, entries) = request.place.read_log().map_err(gone)?;
    let LogOutcome { state, findings, .. } = LogState::open(&checkpoint, &entries, trust, blobs, request.at);
    let Some(state) = state else { return Err(FlowError::Refused(findings)) };
    let view = state.now();
    let mut findings = Vec::new();
    findings.extend(outside::goes_on(view, request.least_checkpoint, request.place, trust.trust(), request.at)?);
    findings.extend(view.closed_for().map(crate::shard::closed));
    if state.size() == 0 {
        // What began otherwise is a fault of the log's first entry.
        findings.extend(state.must_continue());
    }
    // A trust document that follows the recorded one is recorded with this activation.
    let follows = |f: &&Finding| f.code != codes::TRUST_DIGEST_MISMATCH;
    findings.extend(faults(&state).into_iter().filter(|finding| follows(&finding)));
    refuse(findings)?;
    Ok(state)
}

fn sane(
    request: &ActivateRequest<'_>,
    trust: &VerifiedTrust,
    release: &countersign_verify::policy::VerifiedRelease,
) -> Vec<Finding> {
    let manifest = release.manifest();
    let mut findings = problems(manifest);
    let window = format!("a time from {} to {}", manifest.not_before, manifest.expires);
    let place = format!("{}@{}", manifest.uri, manifest.version);
    if let Some(end) = manifest.dates.sunset_on.filter(|end| request.at >= *end) {
        findings.push(
            Finding::new(codes::POLICY_SUNSET, "the release no longer holds")
                .at(place.as_str())
                .expected(format!("a time before {end}"), "the release")
                .found(request.at.to_string()),
        );
    }
    if request.at >= manifest.expires {
        findings.push(
            Finding::new(codes::POLICY_EXPIRED, "the release has expired")
                .at(place)
                .expected(window, "the release")
                .found(request.at.to_string()),
        );
    } else if request.at < manifest.not_before {
        findings.push(
            Finding::new(codes::POLICY_NOT_YET_VALID, "the release is not valid yet")
                .at(place)
                .expected(window, "the release")
                .found(request.at.to_string()),
        );
    }
    if !manifest.environments.contains_key(&request.environment) {
        // Below every floor as well, but that only follows from this.
        let covered: Vec<String> = manifest.environments.keys().map(ToString::to_string).collect();
        let environment = &request.environment;
        let finding =
            Finding::new(codes::ENVIRONMENT_UNKNOWN, format!("the release does not cover environment {environment}"))
                .at(request.release.display().to_string())
                .expected(format!("[environments.{environment}] in the release"), "--environment")
                .found(covered.join(", "))
                .help(format!("add [environments.{environment}] to policy.toml, build it again, and have it approved"));
        findings.insert(0, finding);
        return findings;
    }
    match trust.trust().environments.get(&request.environment) {
        Some(floor) => findings.extend(floors::check(manifest, &request.environment, floor, request.at)),
        None => findings.extend(unknown_environment(&request.environment, trust.trust())),
    }
    findings
}

/// The labels that are handed in, by digest.
type Labels = BTreeMap<Sha256, Vec<u8>>;

fn labels(request: &ActivateRequest<'_>) -> Result<Labels, FlowError> {
    let read = |path: &PathBuf| {
        let bytes = files::read(path, limits::COLLECTION_BYTES)?;
        Ok((Sha256::of(&bytes), bytes))
    };
    request.labels.iter().map(read).collect()
}

/// The store, and the labels that are not in it yet.
struct WithLabels<'a> {
    labels: &'a Labels,
    store: &'a StoreBlobs<'a>,
}

impl Blobs for WithLabels<'_> {
    fn blob(&self, digest: &Sha256) -> Option<Blob> {
        self.labels.get(digest).cloned().map(Blob::of).or_else(|| self.store.blob(digest))
    }
}

/// What is recorded.
struct Files<'a> {
    document: &'a [u8],
    release: &'a [u8],
    labels: &'a Labels,
    /// The backtest's report that the approvals name.
    report: Option<&'a [u8]>,
    /// The files with tests, by digest.
    tests: &'a Labels,
}

/// The files with tests that the release closes, as they lie in the policy's folder: each is what the release says.
fn tests(
    request: &ActivateRequest<'_>,
    release: &countersign_verify::policy::VerifiedRelease,
) -> Result<Labels, FlowError> {
    let Some(folder) = request.tests else { return Ok(Labels::new()) };
    let files = folder_files(folder)?;
    let (mut found, mut wrong) = (Labels::new(), Vec::new());
    for (path, digest) in release.manifest().tests() {
        match files.get(path).filter(|bytes| Sha256::of(bytes) == *digest) {
            Some(bytes) => drop(found.insert(*digest, bytes.clone())),
            None => wrong.push(
                Finding::new(codes::POLICY_TESTS_DIFFER, "a file with tests is not the one that the release closes")
                    .at(folder.join(path).display().to_string())
                    .expected(digest.to_string(), "the release")
                    .found(files.get(path).map_or_else(|| "none".to_owned(), |bytes| Sha256::of(bytes).to_string())),
            ),
        }
    }
    refuse(wrong)?;
    Ok(found)
}

/// That a release closes tests, and none of them was recorded.
fn tests_unrecorded(release: &countersign_verify::policy::VerifiedRelease) -> Option<Finding> {
    let count = release.manifest().tests().count();
    (count > 0).then(|| {
        let what =
            format!("the release closes {count} file(s) with tests by digest, and the record does not have them");
        Finding::new(codes::POLICY_TESTS_UNRECORDED, what)
            .help("give the policy's folder with --tests, so that an auditor finds them in the package")
    })
}

fn statement(
    request: &ActivateRequest<'_>,
    release: &countersign_verify::policy::VerifiedRelease,
    view: StateView<'_>,
    labels: &Labels,
) -> Result<Statement, FlowError> {
    // Approvers who sign apart sign the same statement: the first one's, with its time.
    if let Some(path) = request.activation
        && let Some(bytes) = files::read_to_grow(path, limits::COLLECTION_BYTES)?
    {
        let documents = countersign_core::bundle::Signed::parse_lines(&bytes).map_err(|error| {
            FlowError::Refused(vec![Finding::new(error.code(), error.to_string()).at(path.display().to_string())])
        })?;
        if let Some((_, first)) = documents.first() {
            return Ok(Statement::parse(&first.payload)?);
        }
    }
    let reference = release.reference();
    let activation = policy::Activation {
        log: Some(view.origin().clone()),
        environment: request.environment.clone(),
        policy: reference.clone(),
        replaces: view.active(&request.environment).map(|active| active.release.reference().digest),
        activated_at: request.at,
        reason: request.reason.map(str::to_owned),
        overrides: request.overrides.clone(),
        adjudications: labels.keys().copied().collect(),
    };
    let subject = Subject::sha256(reference.uri.as_str(), &reference.digest);
    Ok(Statement::new(Kind::PolicyActivation, vec![subject], &activation)?)
}

fn sign(request: &ActivateRequest<'_>, statement: &Statement, trust: &Trust) -> Result<CoSigned, FlowError> {
    let role = Some((ROLE_POLICY, trust));
    match request.activation {
        None => people::signed_alone(statement, POLICY_NAMESPACE, request.by, role),
        Some(path) => {
            let signed = people::add_signature(path, statement, POLICY_NAMESPACE, request.by, role)?;
            write_atomic(path, &signed.bytes, 0o644)?;
            Ok(signed)
        }
    }
}

/// The backtest's report that the approvals name: as it is given, or out of the store. Whoever asks later why the release was
/// approved finds it there.
fn report(
    request: &ActivateRequest<'_>,
    release: &countersign_verify::policy::VerifiedRelease,
) -> Result<Option<Vec<u8>>, FlowError> {
    let place = request.backtest.map_or_else(|| "the evidence store".to_owned(), |path| path.display().to_string());
    let given = request.backtest.map(|path| files::read(path, limits::DOCUMENT_BYTES)).transpose()?;
    let refused = |code, what: &str, expected: String, found: String| {
        Err(FlowError::Refused(vec![
            Finding::new(code, what)
                .at(place.as_str())
                .expected(expected, "the approvals of the release")
                .found(found)
                .help("give the report that the approvers had before them with --backtest"),
        ]))
    };
    let found = given.as_deref().map(Sha256::of);
    let (Some(named), bytes) = (release.backtest(), given) else {
        let Some(found) = found else { return Ok(None) };
        let what = "the approvals of this release name no backtest's report";
        return refused(codes::BACKTEST_REPORT, what, "none".to_owned(), found.to_string());
    };
    let bytes = match bytes {
        Some(bytes) if Sha256::of(&bytes) == *named => bytes,
        Some(_) => {
            let found = found.map_or_else(String::new, |found| found.to_string());
            return refused(codes::BACKTEST_REPORT, "the approvals name another report", named.to_string(), found);
        }
        None => match request.place.store().get(named, limits::DOCUMENT_BYTES) {
            Ok(bytes) => bytes,
            Err(StoreError::Missing { .. }) => {
                let what = "the backtest's report that the approvals name is not here";
                return refused(codes::BACKTEST_MISSING, what, named.to_string(), "nothing".to_owned());
            }
            Err(error) => return Err(error.into()),
        },
    };
    read_report(&bytes, &release.reference().digest, &place)?;
    Ok(Some(bytes))
}

/// A return with a reason lacks nothing but more people.
fn needs_more(findings: &[Finding], reason: Option<&str>) -> bool {
    let only_people = findings.iter().all(|f| {
        f.code == codes::POLICY_UNAPPROVED || f.code == codes::POLICY_ROLLBACK || f.code == codes::ROLLOUT_OVERRIDE
    });
    reason.is_some() && only_people && findings.iter().any(|f| f.code == codes::POLICY_UNAPPROVED)
}

fn record(
    request: &ActivateRequest<'_>,
    trust: &VerifiedTrust,
    state: &LogState,
    activated: &Activated,
    files: &Files<'_>,
    log: &mut Log<'_>,
) -> Result<Vec<u8>, FlowError> {
    // Those that the activation names; others that were handed in are nobody's.
    let named = |digest: &&Sha256| activated.activation.adjudications.contains(*digest);
    let labels = files.labels.iter().filter(|(digest, _)| named(digest)).map(|(_, bytes)| bytes.as_slice());
    let documents = [files.document, files.release, request.trust.bytes.as_slice()];
    let tests = files.tests.values().map(Vec::as_slice);
    let pieces: Vec<&[u8]> = documents.into_iter().chain(files.report).chain(labels).chain(tests).collect();
    request.place.store().put_many(&pieces)?;
    let (document, release) = (files.document, files.release);
    let evidence = std::iter::once(release)
        .chain(files.report)
        .map(Sha256::of)
        .chain(activated.activation.adjudications.iter().copied())
        .chain(files.tests.keys().copied());
    let mut entries = Vec::new();
    if newest_trust(state) != Some(*trust.digest()) {
        entries.push(Entry {
            schema: EntrySchema::V01,
            kind: Kind::Trust,
            time: request.at,
            environment: None,
            subjects: vec![*trust.digest()],
            persons: Vec::new(),
            statements: vec![*trust.document()],
            evidence: Vec::new(),
        });
    }
    entries.push(Entry {
        schema: EntrySchema::V01,
        kind: Kind::PolicyActivation,
        time: request.at,
        environment: Some(request.environment.clone()),
        subjects: vec![activated.release.reference().digest],
        persons: activated.activators.iter().cloned().collect(),
        statements: vec![Sha256::of(document)],
        evidence: evidence.collect(),
    });
    let bytes = entries.iter().map(Entry::to_bytes).collect::<Result<Vec<_>, _>>();
    let bytes = bytes.map_err(|error| FlowError::Evidence(error.to_string()))?;
    Ok(log.append(&bytes)?.checkpoint_bytes)
}

fn newest_trust(state: &LogState) -> Option<Sha256> {
    state
        .entries()
        .iter()
        .rev()
        .find(|entry| entry.kind == Kind::Trust)
        .and_then(|entry| entry.subjects.first().copied())
}
