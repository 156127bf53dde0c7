//! Exceptions in the log: who approved them, by the trust that was in force, and which of them still count.
//!
//! An exception counts by its entry alone: a signed document that is handed in from elsewhere excepts nothing. What is
//! wrong with one is never worse than that it does not count, so leaving one out never helps anybody. An entry that ends
//! one is the other way round: it ends it even where its document does not hold or is gone.

use crate::evidence::{Blobs, named_blob};
use crate::log::StateView;
use crate::policy::LEAST_APPROVERS;
use crate::quorum::{self, Cosigned, Judges};
use crate::trust::VerifiedTrust;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::exception::{Category, EndAction, Exception, ExceptionEnd};
use countersign_core::finding::{ExceptionNote, Finding};
use countersign_core::ids::{EnvName, ExceptionId, Origin, PersonId};
use countersign_core::limits;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_core::trust::{ROLE_BREAK_GLASS, ROLE_EXCEPTIONS, Role, Trust};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// An exception that was asked for by one person and approved by enough others. Only this crate makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedException {
    exception: Exception,
    digest: Sha256,
    approvers: BTreeSet<PersonId>,
    entry: u64,
    log: Option<Origin>,
    time: Time,
}

impl VerifiedException {
    /// What was signed.
    #[must_use]
    pub const fn exception(&self) -> &Exception {
        &self.exception
    }

    /// The digest of the signed payload.
    #[must_use]
    pub const fn digest(&self) -> &Sha256 {
        &self.digest
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ExceptionId {
        ExceptionId::of(&self.digest)
    }

    /// Who approved it.
    #[must_use]
    pub const fn approvers(&self) -> &BTreeSet<PersonId> {
        &self.approvers
    }

    /// The entry that made it count, and that entry's time.
    #[must_use]
    pub const fn recorded(&self) -> (u64, Time) {
        (self.entry, self.time)
    }

    /// The log of that entry, where it is one that the log at hand goes on from.
    #[must_use]
    pub const fn log(&self) -> Option<&Origin> {
        self.log.as_ref()
    }

    /// Whether it counts at this moment, as far as dates go.
    #[must_use]
    pub fn counts_at(&self, at: Time) -> bool {
        at >= self.time && at < self.exception.expires
    }

    /// What a finding says of it.
    #[must_use]
    pub fn note(&self) -> ExceptionNote {
        ExceptionNote {
            id: self.id(),
            category: self.exception.category,
            covers: self.exception.covers.to_string(),
            until: self.exception.expires,
            follow_up: self.exception.follow_up,
            reason: self.exception.reason.clone(),
            approvers: self.approvers.iter().cloned().collect(),
            entry: self.entry,
            log: self.log.clone(),
        }
    }
}

/// The exceptions of a log, as far as it goes.
#[derive(Debug, Clone, Default)]
pub struct Exceptions {
    /// Those that count, but for their dates, in the order of the log.
    pub held: Vec<Arc<VerifiedException>>,
    /// Those that were ended, with the entry that did it; 0 where that was before this log began.
    pub ended: Vec<(Arc<VerifiedException>, u64)>,
    /// Those whose follow-up two persons signed, with the entry that says so first.
    pub followed_up: BTreeMap<ExceptionId, FollowedUp>,
    /// Entries that do not count, with the environment that they name.
    pub not_counted: Vec<(Option<EnvName>, Finding)>,
}

/// That what an exception let through was reviewed, as two persons signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedUp {
    /// The entry that records it.
    pub entry: u64,
    /// Its log, where that is one that this log goes on from.
    pub log: Option<Origin>,
    /// When it was recorded.
    pub time: Time,
}

/// What an entry amounts to.
pub(crate) type ReadEntry = Result<Arc<Read>, Vec<Finding>>;

/// See [`ReadEntry`].
#[derive(Debug, Clone)]
pub(crate) enum Read {
    Granted(Arc<VerifiedException>),
    Ended(ExceptionEnd, BTreeSet<PersonId>),
}

impl Read {
    /// Who acted: who asked for an exception and who approved it, or who signed the end.
    pub(crate) fn acted(&self) -> BTreeSet<PersonId> {
        match self {
            Self::Granted(exception) => {
                let asked = std::iter::once(&exception.exception.requester);
                exception.approvers.iter().chain(asked).cloned().collect()
            }
            Self::Ended(_, persons) => persons.clone(),
        }
    }
}

/// By what an exception is judged.
#[derive(Debug, Clone, Copy)]
pub struct ExceptionContext<'a> {
    /// The trust in force when it was recorded: it says who may approve.
    pub trust: &'a Trust,
    /// The trust in force now: a key that it has withdrawn since does not count.
    pub newest: &'a Trust,
    /// The log.
    pub origin: &'a Origin,
    /// The entry's index and time, or what they will be.
    pub entry: u64,
    /// See `entry`.
    pub time: Time,
}

/// Checks an exception: signed by who asks for it, approved by enough others of the role that trust names, bounded, and
/// meant for this log. All findings, not the first.
pub fn verify_exception(
    bytes: &[u8],
    context: &ExceptionContext<'_>,
    place: &str,
) -> Result<VerifiedException, Vec<Finding>> {
    let (cosigned, exception, digest) = read(bytes, place)?;
    let mut findings = flaws(&exception, context, place);
    let (count, role, needed) = match approvals_of(&cosigned, &exception, context, place) {
        Ok(counted) => counted,
        Err(more) => {
            findings.extend(more);
            return Err(findings);
        }
    };
    findings.extend(count.broken.iter().cloned());
    if !count.requested {
        findings.push(
            Finding::new(codes::EXCEPTION_UNAPPROVED, "who asks for the exception has not signed it")
                .at(place)
                .expected(format!("a signature of {}", exception.requester), "the exception")
                .found("none that holds"),
        );
    }
    if count.approvers.len() < usize::try_from(needed).unwrap_or(usize::MAX) {
        findings.push(too_few(&count, &exception, role, needed, context.trust, place));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let (entry, time) = (context.entry, context.time);
    Ok(VerifiedException { exception, digest, approvers: count.approvers, entry, log: None, time })
}

/// The exception that a file carries, and who has signed it so far; not yet one that counts.
#[derive(Debug)]
pub struct SoFar {
    /// What is signed.
    pub exception: Exception,
    /// The digest of the signed payload.
    pub digest: Sha256,
    /// Who has approved it.
    pub approvers: BTreeSet<PersonId>,
    /// How many it takes, of which role.
    pub needed: u32,
    /// See `needed`.
    pub role: &'static str,
}

/// Who has approved a file so far, by this trust; and what is wrong with the exception, whoever signs it.
pub fn so_far(bytes: &[u8], context: &ExceptionContext<'_>, place: &str) -> Result<SoFar, Vec<Finding>> {
    let (cosigned, exception, digest) = read(bytes, place)?;
    let mut findings = flaws(&exception, context, place);
    match approvals_of(&cosigned, &exception, context, place) {
        Ok((count, role, needed)) if findings.is_empty() && count.broken.is_empty() => {
            Ok(SoFar { exception, digest, approvers: count.approvers, needed, role })
        }
        Ok((count, _, _)) => {
            findings.extend(count.broken);
            Err(findings)
        }
        Err(more) => {
            findings.extend(more);
            Err(findings)
        }
    }
}

/// Checks the end of an exception: one approver of exceptions revokes; two persons of that kind, neither of whom asked for
/// it, say that what it let through was reviewed.
pub fn verify_end(
    bytes: &[u8],
    exception: &VerifiedException,
    context: &ExceptionContext<'_>,
    place: &str,
) -> Result<(ExceptionEnd, BTreeSet<PersonId>), Vec<Finding>> {
    let (end, persons) = end_of(bytes, exception, context, place)?;
    let short = not_enough(&end, &persons, Some(&exception.exception.requester), place);
    if short.is_empty() { Ok((end, persons)) } else { Err(short) }
}

/// Who has signed the end of an exception so far and counts, and how many it takes.
pub fn end_so_far(
    bytes: &[u8],
    exception: &VerifiedException,
    context: &ExceptionContext<'_>,
    place: &str,
) -> Result<(BTreeSet<PersonId>, usize), Vec<Finding>> {
    let (end, mut persons) = end_of(bytes, exception, context, place)?;
    let (needed, barred) = needed_for(end.action, Some(&exception.exception.requester));
    persons.retain(|id| Some(id) != barred);
    Ok((persons, needed))
}

/// The end that a file carries, of this exception.
fn end_of(
    bytes: &[u8],
    exception: &VerifiedException,
    context: &ExceptionContext<'_>,
    place: &str,
) -> Result<(ExceptionEnd, BTreeSet<PersonId>), Vec<Finding>> {
    let (end, persons) = read_end(bytes, context, place)?;
    if end.exception == exception.digest {
        return Ok((end, persons));
    }
    Err(vec![
        Finding::new(codes::EXCEPTION_UNKNOWN, "this is about another exception")
            .at(place)
            .expected(exception.id().to_string(), "the log")
            .found(ExceptionId::of(&end.exception).to_string()),
    ])
}

fn read(bytes: &[u8], place: &str) -> Result<(Cosigned, Exception, Sha256), Vec<Finding>> {
    let cosigned = quorum::read(bytes, Kind::Exception, codes::EXCEPTION_MALFORMED, place)?;
    let malformed = |what: String| vec![Finding::new(codes::EXCEPTION_MALFORMED, what).at(place)];
    let exception: Exception =
        cosigned.statement.predicate_as(Kind::Exception).map_err(|error| malformed(error.to_string()))?;
    let digest = payload_digest(&cosigned);
    if cosigned.statement.subjects != subjects_of(&exception) {
        return Err(malformed("the statement is about something else than the exception that it carries".to_owned()));
    }
    Ok((cosigned, exception, digest))
}

fn payload_digest(cosigned: &Cosigned) -> Sha256 {
    cosigned.documents.first().map_or_else(|| Sha256::of(b""), |document| Sha256::of(&document.payload))
}

/// The subjects of an exception's statement: what it covers.
#[must_use]
pub fn subjects_of(exception: &Exception) -> Vec<countersign_core::statement::Subject> {
    use countersign_core::exception::Covers;
    use countersign_core::statement::Subject;
    match &exception.covers {
        Covers::Subject(digest) => vec![Subject::sha256("artifact", digest)],
        Covers::Range(range) => vec![Subject::git("commits after", "gitCommit", &range.start.hex())],
    }
}

/// What is wrong with it whoever signed it.
fn flaws(exception: &Exception, context: &ExceptionContext<'_>, place: &str) -> Vec<Finding> {
    let floor = context.trust.environments.get(&exception.environment);
    let days = floor.and_then(|floor| floor.exception_days).unwrap_or(limits::EXCEPTION_DAYS);
    let problems = exception.problems(days);
    let mut findings: Vec<Finding> =
        problems.iter().map(|problem| Finding::new(problem.code(), problem.to_string()).at(place)).collect();
    if floor.is_none() {
        let known: Vec<String> = context.trust.environments.keys().map(ToString::to_string).collect();
        findings.push(
            Finding::new(codes::ENVIRONMENT_UNKNOWN, "trust sets no floor for the exception's environment")
                .at(place)
                .expected(known.join(", "), format!("trust, version {}", context.trust.version))
                .found(exception.environment.to_string()),
        );
    }
    if exception.log != *context.origin {
        findings.push(
            Finding::new(codes::EXCEPTION_OTHER_LOG, "the exception was signed for another log")
                .at(place)
                .expected(context.origin.to_string(), "the log")
                .found(exception.log.to_string()),
        );
    }
    if context.time < exception.created || context.time >= exception.expires {
        findings.push(
            Finding::new(codes::EXCEPTION_DATES, "the exception does not hold now")
                .at(place)
                .expected(format!("a time from {} to {}", exception.created, exception.expires), "the exception")
                .found(context.time.to_string()),
        );
    }
    findings
}

struct Approvals {
    approvers: BTreeSet<PersonId>,
    requested: bool,
    broken: Vec<Finding>,
    notes: Vec<String>,
}

fn approvals_of(
    cosigned: &Cosigned,
    exception: &Exception,
    context: &ExceptionContext<'_>,
    place: &str,
) -> Result<(Approvals, &'static str, u32), Vec<Finding>> {
    let name = if exception.category == Category::Emergency { ROLE_BREAK_GLASS } else { ROLE_EXCEPTIONS };
    let trust = context.trust;
    let role = trust.role(name).ok_or_else(|| vec![no_role(name, trust, place)])?;
    let counted = |role: &Role| {
        let judges = Judges { role, trust, newest: context.newest };
        quorum::count(cosigned, Kind::Exception, judges, context.time, place)
    };
    let count = counted(role);
    let asking = counted(&Role { persons: BTreeSet::from([exception.requester.clone()]), threshold: 1 });
    let mut approvers = quorum::ids(&count);
    let mut notes = count.notes.clone();
    if approvers.remove(&exception.requester) {
        notes.push(format!("{} asks for it, and does not approve it", exception.requester));
    }
    let requested = quorum::ids(&asking).contains(&exception.requester);
    let broken = quorum::broken(&count);
    Ok((Approvals { approvers, requested, broken, notes }, name, role.threshold.max(LEAST_APPROVERS)))
}

fn no_role(name: &str, trust: &Trust, place: &str) -> Finding {
    Finding::new(codes::ROLE_UNKNOWN, format!("trust has no role `{name}`: nobody can approve this exception"))
        .at(place)
        .expected(format!("[roles.{name}]"), format!("trust, version {}", trust.version))
}

fn too_few(count: &Approvals, exception: &Exception, role: &str, needed: u32, trust: &Trust, place: &str) -> Finding {
    let names: Vec<&str> = count.approvers.iter().map(PersonId::as_str).collect();
    let finding = Finding::new(codes::EXCEPTION_UNAPPROVED, "too few persons approved this exception")
        .at(place)
        .expected(
            format!("{needed} persons of role `{role}`, none of them {}", exception.requester),
            format!("trust, version {}", trust.version),
        )
        .found(format!("{}  {}", names.len(), names.join(", ")))
        .help("ask another approver to run `countersign exception approve`");
    count.notes.iter().fold(finding, |finding, note| finding.found(note.as_str()))
}

/// The end that a file carries, with the approvers of either role who signed it.
fn read_end(
    bytes: &[u8],
    context: &ExceptionContext<'_>,
    place: &str,
) -> Result<(ExceptionEnd, BTreeSet<PersonId>), Vec<Finding>> {
    let cosigned = quorum::read(bytes, Kind::ExceptionEnd, codes::EXCEPTION_MALFORMED, place)?;
    let malformed = |what: String| vec![Finding::new(codes::EXCEPTION_MALFORMED, what).at(place)];
    let end: ExceptionEnd =
        cosigned.statement.predicate_as(Kind::ExceptionEnd).map_err(|error| malformed(error.to_string()))?;
    if end.log != *context.origin {
        return Err(vec![
            Finding::new(codes::EXCEPTION_OTHER_LOG, "this was signed for another log")
                .at(place)
                .expected(context.origin.to_string(), "the log")
                .found(end.log.to_string()),
        ]);
    }
    if end.at > context.time || !cosigned.statement.is_about(&end.exception) {
        return Err(malformed("its time lies in the future, or it is about something else than it says".to_owned()));
    }
    let roles = [ROLE_EXCEPTIONS, ROLE_BREAK_GLASS].iter().filter_map(|name| context.trust.role(name));
    let persons: BTreeSet<PersonId> = roles.flat_map(|role| role.persons.iter().cloned()).collect();
    if persons.is_empty() {
        return Err(vec![no_role(ROLE_EXCEPTIONS, context.trust, place)]);
    }
    let role = Role { persons, threshold: 1 };
    let judges = Judges { role: &role, trust: context.trust, newest: context.newest };
    let count = quorum::count(&cosigned, Kind::ExceptionEnd, judges, context.time, place);
    let broken = quorum::broken(&count);
    if broken.is_empty() { Ok((end, quorum::ids(&count))) } else { Err(broken) }
}

/// How many persons it takes, and who is none of them.
const fn needed_for(action: EndAction, requester: Option<&PersonId>) -> (usize, Option<&PersonId>) {
    match action {
        EndAction::Revoke => (1, None),
        EndAction::FollowUp => (2, requester),
    }
}

fn not_enough(
    end: &ExceptionEnd,
    persons: &BTreeSet<PersonId>,
    requester: Option<&PersonId>,
    place: &str,
) -> Vec<Finding> {
    let (needed, barred) = needed_for(end.action, requester);
    let counted: Vec<&str> = persons.iter().filter(|id| Some(*id) != barred).map(PersonId::as_str).collect();
    if counted.len() >= needed {
        return Vec::new();
    }
    vec![
        Finding::new(codes::EXCEPTION_UNAPPROVED, "too few approvers of exceptions signed this")
            .at(place)
            .expected(format!("{needed} persons of role `{ROLE_EXCEPTIONS}` or `{ROLE_BREAK_GLASS}`"), "trust")
            .found(format!("{}  {}", counted.len(), counted.join(", "))),
    ]
}

/// The statement of an end.
pub fn end_statement(end: &ExceptionEnd) -> Result<Statement, countersign_core::statement::StatementError> {
    let subject = countersign_core::statement::Subject::sha256("exception", &end.exception);
    Statement::new(Kind::ExceptionEnd, vec![subject], end)
}

/// What the entries of a log say of exceptions, and of the logs before it.
#[derive(Default)]
struct Said {
    granted: BTreeMap<Sha256, Arc<VerifiedException>>,
    ends: BTreeMap<Sha256, u64>,
    reviewed: BTreeMap<Sha256, Vec<(BTreeSet<PersonId>, FollowedUp)>>,
    /// What was over before the log at hand began.
    over: BTreeSet<Sha256>,
}

impl StateView<'_> {
    /// The exceptions that the log holds up to here, and those that still counted when the log before it ended. Each is
    /// judged by the trust in force at its entry, with keys that still count under the trust in force here.
    #[must_use]
    pub fn exceptions(&self, blobs: &dyn Blobs) -> Exceptions {
        let mut out = Exceptions::default();
        let mut said = Said::default();
        let mut logs: Vec<StateView<'_>> = self.chain().collect();
        logs.reverse();
        for log in logs {
            said.over.extend(std::mem::take(&mut said.ends).into_keys());
            log.said_of_exceptions(self.trust(), blobs, &mut said, &mut out.not_counted);
        }
        let Said { granted, ends, reviewed, over } = said;
        for (digest, exception) in granted {
            let enough = |persons: &BTreeSet<PersonId>| {
                persons.iter().filter(|id| **id != exception.exception.requester).count() >= 2
            };
            // The newest says whether; the first that counts says when: a later one makes that neither later nor earlier.
            let signed = reviewed.get(&digest).map(Vec::as_slice).unwrap_or_default();
            if let Some((_, when)) = signed.iter().find(|(persons, _)| enough(persons))
                && signed.last().is_some_and(|(persons, _)| enough(persons))
            {
                out.followed_up.insert(exception.id(), when.clone());
            }
            match ends.get(&digest) {
                _ if over.contains(&digest) => out.ended.push((exception, 0)),
                Some(by) => out.ended.push((exception, *by)),
                None => out.held.push(exception),
            }
        }
        let order = |one: &VerifiedException| (one.log.is_none(), one.time, one.entry);
        out.held.sort_by_key(|exception| order(exception));
        out.ended.sort_by_key(|(exception, _)| order(exception));
        out
    }

    fn said_of_exceptions(
        &self,
        newest: &VerifiedTrust,
        blobs: &dyn Blobs,
        said: &mut Said,
        bad: &mut Vec<(Option<EnvName>, Finding)>,
    ) {
        let entries = self.state.exception_entries.iter().take_while(|index| **index < self.size);
        for (index, entry) in
            entries.filter_map(|index| Some((*index, self.entries().get(usize::try_from(*index).ok()?)?)))
        {
            match self.exception_entry(index, entry, newest, blobs).as_deref() {
                Ok(Read::Granted(exception)) => {
                    said.granted.entry(exception.digest).or_insert_with(|| Arc::clone(exception));
                }
                Ok(Read::Ended(end, persons)) => {
                    said.ends.entry(end.exception).or_insert(index);
                    if end.action == EndAction::FollowUp {
                        let when = FollowedUp { entry: index, log: self.state.log_of_entries(), time: entry.time };
                        said.reviewed.entry(end.exception).or_default().push((persons.clone(), when));
                    }
                }
                Err(findings) => {
                    // Whatever is wrong with an end, it was meant to be one.
                    if entry.kind == Kind::ExceptionEnd {
                        said.ends.extend(entry.subjects.iter().map(|digest| (*digest, index)));
                    }
                    let place = self.state.place(index);
                    bad.push((entry.environment.clone(), not_counted(&place, entry, findings)));
                }
            }
        }
    }

    /// What an entry about an exception amounts to, by keys that still count under `newest`.
    pub(crate) fn exception_entry(
        &self,
        index: u64,
        entry: &Entry,
        newest: &VerifiedTrust,
        blobs: &dyn Blobs,
    ) -> ReadEntry {
        let key = (index, *newest.digest());
        if let Some(known) = self.state.excepted.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let read = self.read_exception_entry(index, entry, newest, blobs).map(Arc::new);
        self.state.excepted.lock().unwrap_or_else(PoisonError::into_inner).insert(key, read.clone());
        read
    }

    fn read_exception_entry(
        &self,
        index: u64,
        entry: &Entry,
        newest: &VerifiedTrust,
        blobs: &dyn Blobs,
    ) -> Result<Read, Vec<Finding>> {
        let place = self.state.place(index);
        let reference = self.reference();
        let context = ExceptionContext {
            trust: self.state.trust_before(index).trust(),
            newest: newest.trust(),
            origin: &reference.origin,
            entry: index,
            time: entry.time,
        };
        let bytes = entry.statement().and_then(|digest| named_blob(blobs, digest)).ok_or_else(|| {
            vec![
                Finding::new(codes::EVIDENCE_WITHHELD, "the document of the entry is not in the store")
                    .at(place.as_str()),
            ]
        })?;
        let disagrees = |what: &str| vec![Finding::new(codes::LOG_ENTRY_MALFORMED, what).at(place.as_str())];
        if entry.kind == Kind::Exception {
            let mut exception = verify_exception(&bytes, &context, &place)?;
            let environment = &exception.exception.environment;
            if entry.subjects != [exception.digest] || entry.environment.as_ref() != Some(environment) {
                return Err(disagrees("the entry and its exception do not agree"));
            }
            exception.log = self.state.log_of_entries();
            return Ok(Read::Granted(Arc::new(exception)));
        }
        let (end, persons) = read_end(&bytes, &context, &place)?;
        if entry.subjects != [end.exception] {
            return Err(disagrees("the entry is about another exception than its document"));
        }
        let short = not_enough(&end, &persons, None, &place);
        if short.is_empty() { Ok(Read::Ended(end, persons)) } else { Err(short) }
    }
}

fn not_counted(place: &str, entry: &Entry, findings: &[Finding]) -> Finding {
    let what = match (entry.kind, entry.subjects.first()) {
        (Kind::Exception, Some(digest)) => format!("exception {} does not count", ExceptionId::of(digest)),
        (Kind::ExceptionEnd, Some(digest)) => {
            format!(
                "the end of exception {} does not hold; the exception does not count all the same",
                ExceptionId::of(digest)
            )
        }
        _ => "an entry about an exception does not count".to_owned(),
    };
    let note = Finding::new(codes::EXCEPTION_NOT_COUNTED, what).at(place);
    findings.iter().fold(note, |note, finding| {
        let facts = finding.found.join("; ");
        let facts = if facts.is_empty() { facts } else { format!(" ({facts})") };
        note.found(format!("{}: {}{facts}", finding.code, finding.what))
    })
}
