//! What an entry of the log says that it records, held against the documents that it names.
//!
//! Decisions are read wherever somebody looks at them. Everything else was only looked at by whoever needed that kind: a decision
//! that its operator recorded as an SBOM was in the log, with the log's proof of it, and in no list. So each entry is opened here by
//! the kind that it says, by the trust and at the time of its own.

use crate::document::{SignerName, Verified, read_statement, signer, verify_document};
use crate::erased::{self, ErasedBy};
use crate::evidence::{Blobs, named_blob};
use crate::log::{LogState, StateView};
use crate::policy::Activated;
use crate::sigstore::Roots;
use crate::trust::VerifiedTrust;
use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::exception::{Exception, ExceptionEnd};
use countersign_core::finding::Finding;
use countersign_core::ids::{EnvName, PersonId};
use countersign_core::json::JsonError;
use countersign_core::later::{self, is_later};
use countersign_core::statement::erasure::Erasure;
use countersign_core::statement::manual_evidence::ManualEvidence;
use countersign_core::statement::{Kind, Statement, StatementError};
use countersign_core::time::Time;
use countersign_core::trust::ROLE_POLICY;
use std::collections::{BTreeMap, BTreeSet};

/// What came of opening the entries that say that they record something else than a decision.
#[derive(Debug, Default)]
pub struct Records {
    /// How many were looked at.
    pub opened: usize,
    /// What is wrong with them.
    pub wrong: Vec<Finding>,
    /// Of each that recorded evidence by hand that is not at hand, and that no entry says is erased.
    pub lost: Vec<Finding>,
    /// Of each that recorded evidence by hand that was erased since, as the log says: what it was nobody can see any more, or
    /// it is still there.
    pub erased: Vec<Finding>,
}

/// The environments of exceptions, by what their entries are about.
type Granted<'a> = BTreeMap<&'a [Sha256], Option<&'a EnvName>>;

impl Records {
    /// All that is to be said.
    #[must_use]
    pub fn findings(self) -> Vec<Finding> {
        [self.wrong, self.lost, self.erased].concat()
    }

    /// What holds where there is nothing to be said.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} entries beside decisions, each with what its kind records", self.opened)
    }
}

impl LogState {
    /// Opens every entry that says that it records something else than a decision, of this log and of those that it goes on
    /// from: how many documents it names, of which kind, whether who signed them may sign that, and who is said to have acted.
    /// What is wrong with trust documents, activations and the ends and beginnings of logs themselves stands among the faults.
    ///
    /// Evidence by hand may be erased, as the log says; then it is withheld, since an entry of that kind could have named
    /// anything. With every other document the log is read, and none of them may go.
    #[must_use]
    pub fn records(&self, blobs: &dyn Blobs) -> Records {
        let erased = self.erased_in_chain(blobs);
        let mut out = Records::default();
        for log in std::iter::successors(Some(self), |log| Some(&log.earlier.as_ref()?.state)) {
            log.open_each(&erased, blobs, &mut out);
        }
        // What a log after this one erased is not put back.
        if self.now().closed_for().is_some() {
            let gone = |finding: &&mut Finding| finding.help.as_deref() == Some(PUT_BACK);
            for finding in out.lost.iter_mut().chain(&mut out.wrong).filter(gone) {
                finding.help = Some(gone_help(self.now()));
            }
        }
        out
    }

    fn open_each(&self, erased: &BTreeMap<Sha256, ErasedBy>, blobs: &dyn Blobs, out: &mut Records) {
        let granted = self.granted();
        let decides = |entry: &Entry| entry.kind == Kind::PromotionDecision;
        for (index, entry) in (0_u64..).zip(self.entries()).filter(|(_, entry)| !decides(entry)) {
            let by = entry.statement().and_then(|digest| erased.get(digest));
            let gone = entry.statement().is_some_and(|digest| named_blob(blobs, digest).is_none());
            let shaped = || self.misshapen(index, entry, &granted).is_none();
            if let Some(by) = by.filter(|_| !gone && entry.kind == Kind::ManualEvidence) {
                out.erased.push(undone(&by.place).at(self.place(index)));
            }
            match by.filter(|_| gone && shaped()) {
                Some(by) if entry.kind == Kind::ManualEvidence => {
                    out.erased.push(unseen(&by.place).at(self.place(index)));
                }
                Some(by) => {
                    let what = "its document was erased, and what entries of this kind record stays";
                    out.wrong.push(malformed(entry, what).at(self.place(index)).found(by.place.as_str()));
                }
                None => {
                    out.opened = out.opened.saturating_add(1);
                    let wrong = self.wrong_with(index, entry, &granted, blobs);
                    let missing = wrong.iter().all(|finding| finding.code == codes::EVIDENCE_WITHHELD);
                    let lost = missing && entry.kind == Kind::ManualEvidence;
                    if lost { out.lost.extend(wrong) } else { out.wrong.extend(wrong) }
                }
            }
        }
    }

    /// What is wrong with one entry.
    fn wrong_with(&self, index: u64, entry: &Entry, granted: &Granted<'_>, blobs: &dyn Blobs) -> Vec<Finding> {
        match self.misshapen(index, entry, granted) {
            Some(what) => vec![malformed(entry, what).at(self.place(index))],
            None => self.record(index, entry, blobs),
        }
    }

    /// What an entry of its kind never has, or always has.
    fn misshapen(&self, index: u64, entry: &Entry, granted: &Granted<'_>) -> Option<&'static str> {
        let named = |allowed: &BTreeSet<Sha256>| entry.evidence.iter().all(|digest| allowed.contains(digest));
        if entry.statements.len() != 1 {
            return Some("it names more than one document, and entries of this kind record one");
        }
        if entry.subjects.len() != 1 {
            return Some("it is not about one thing, as entries of this kind are");
        }
        if self.beside(index, entry.kind).is_some_and(|beside| !named(&beside)) {
            return Some("it names evidence that its document does not rest on");
        }
        let of = granted.get(entry.subjects.as_slice()).filter(|_| entry.kind == Kind::ExceptionEnd);
        if of.is_some_and(|environment| *environment != entry.environment.as_ref()) {
            return Some("it names another environment than its exception");
        }
        let of_environment = matches!(entry.kind, Kind::PolicyActivation | Kind::Exception | Kind::ExceptionEnd);
        let ours = matches!(entry.kind, Kind::Trust | Kind::LogShard | Kind::ManualEvidence | Kind::Erasure);
        match entry.environment {
            None if of_environment => Some("it names no environment, and entries of this kind do"),
            Some(_) if ours => Some("it names an environment, and entries of this kind name none"),
            _ => None,
        }
    }

    /// For which environment each exception was recorded, in this log or in those before it.
    fn granted(&self) -> Granted<'_> {
        let mut out = Granted::new();
        let entries = self.now().chain().flat_map(|log| log.entries());
        for entry in entries.filter(|entry| entry.kind == Kind::Exception) {
            out.entry(entry.subjects.as_slice()).or_insert(entry.environment.as_ref());
        }
        out
    }

    /// What an entry of this kind may name beside its document. `None` for an activation that does not hold: its fault says why.
    fn beside(&self, index: u64, kind: Kind) -> Option<BTreeSet<Sha256>> {
        let mut out = BTreeSet::new();
        if kind == Kind::PolicyActivation {
            let activated = self.activated(index)?;
            let release = &activated.release;
            out.insert(*release.document());
            out.extend(release.backtest().copied());
            out.extend(&activated.activation.adjudications);
            out.extend(release.manifest().files.values());
        } else if kind == Kind::LogShard {
            // The root of a gate that signs as an identity may be one that only the next version of trust names.
            let trusts = self.trusts.iter().map(|(_, trust)| trust).chain(self.trust_carried()).chain([&self.outside]);
            out.extend(trusts.flat_map(|trust| &trust.trust().sigstore_roots).map(|root| root.digest));
            out.extend(self.now().carried_document().filter(|_| index == 0));
        }
        Some(out)
    }

    fn activated(&self, index: u64) -> Option<&Activated> {
        self.activations.iter().find(|active| active.entry == index)
    }

    /// What is wrong with the document itself, or with what the entry says of it.
    fn record(&self, index: u64, entry: &Entry, blobs: &dyn Blobs) -> Vec<Finding> {
        let (place, trust) = (self.place(index), self.trust_before(index));
        let at = (entry.time, place.as_str());
        // Who acted; `None` where that is said among the faults.
        let read: Result<Option<BTreeSet<PersonId>>, Vec<Finding>> = match entry.kind {
            // The log itself is read by these: what does not hold of them is a fault.
            Kind::Trust | Kind::LogShard | Kind::PromotionDecision => Ok(Some(BTreeSet::new())),
            Kind::PolicyActivation => Ok(self.activated(index).map(|activated| activated.activators.clone())),
            // By the keys of then: one that was withdrawn since makes nothing of what stood there.
            Kind::Exception | Kind::ExceptionEnd => {
                let Some(view) = self.at(index) else { return Vec::new() };
                view.exception_entry(index, entry, trust, blobs).map(|read| Some(read.acted()))
            }
            Kind::ManualEvidence => document(entry, &place, blobs).and_then(|bytes| {
                let (said, read) = manual(&bytes, trust, at)?;
                about(&read, entry, &said.document, &place)?;
                Ok(Some(BTreeSet::from([said.owner])))
            }),
            Kind::Erasure => document(entry, &place, blobs).and_then(|bytes| {
                let erasure = erased::read(&bytes, trust, &self.origin, entry.time, &place)?;
                if entry.subjects != [erasure.erased] {
                    return Err(vec![other_subject(&place)]);
                }
                Ok(Some(BTreeSet::from([erasure.owner])))
            }),
            Kind::Sbom
            | Kind::Provenance
            | Kind::Vsa
            | Kind::Review
            | Kind::ChangeReview
            | Kind::SourceProvenance
            | Kind::ForgeWatch
            | Kind::ConfigSnapshot
            | Kind::IacPlan
            | Kind::SecretScan
            | Kind::PolicyRelease
            | Kind::TestResult
            | Kind::Vulns
            | Kind::Vex
            | Kind::Adjudication => {
                let bytes = document(entry, &place, blobs);
                bytes.and_then(|bytes| by_itself(&bytes, entry, trust, blobs, at)).map(|()| None)
            }
        };
        let findings = match read {
            Ok(acted) => {
                let others = acted.and_then(|acted| others_acted(entry, &acted));
                return others.map(|finding| finding.at(place.as_str())).into_iter().collect();
            }
            Err(findings) => findings,
        };
        // What is not at hand, or is a later version's, says nothing against whoever wrote the entry.
        let open = [codes::EVIDENCE_WITHHELD, codes::RECORD_LATER, codes::SIGSTORE_ROOT_MISSING];
        let missing = findings.iter().all(|finding| open.contains(&finding.code));
        if missing && !findings.is_empty() {
            return findings;
        }
        let later = || named_blob(blobs, entry.statement()?).and_then(|bytes| of_later(&bytes, entry.kind, trust, at));
        later().map_or_else(|| vec![unfounded(entry, &findings).at(place.as_str())], |finding| vec![finding])
    }
}

impl StateView<'_> {
    /// What is wrong with one entry that is no decision's: see [`LogState::records`].
    #[must_use]
    pub fn wrong_with(&self, index: u64, entry: &Entry, blobs: &dyn Blobs) -> Vec<Finding> {
        self.state.wrong_with(index, entry, &self.state.granted(), blobs)
    }
}

/// Evidence by hand, signed by the person who answers for it, with its statement.
pub fn manual(
    bytes: &[u8],
    trust: &VerifiedTrust,
    (at, place): (Time, &str),
) -> Result<(ManualEvidence, Verified<Statement>), Vec<Finding>> {
    let signed = Signed::parse(bytes).map_err(|error| vec![Finding::new(error.code(), error.to_string()).at(place)])?;
    let verified = verify_document(&signed, trust, &Roots::none(), at, place)?;
    let wrong = |what: &str| vec![Finding::new(codes::MANUAL_EVIDENCE, what).at(place)];
    let said: ManualEvidence =
        verified.value().predicate_as(Kind::ManualEvidence).map_err(|error| wrong(&error.to_string()))?;
    if let Some(problem) = said.problem() {
        return Err(wrong(problem));
    }
    // Nobody attests how something will be.
    if said.as_of > at {
        return Err(wrong("it speaks of a day after it was recorded"));
    }
    if verified.signed_by().owner != SignerName::Person(said.owner.clone()) {
        return Err(wrong("somebody else than its owner signed it"));
    }
    Ok((said, verified))
}

/// A statement that no verb of this version records by itself: a later one may. Whatever it is, it has to be what the entry says; a
/// summary of a gate stands beside its decision and nowhere else.
fn by_itself(
    bytes: &[u8],
    entry: &Entry,
    trust: &VerifiedTrust,
    blobs: &dyn Blobs,
    (at, place): (Time, &str),
) -> Result<(), Vec<Finding>> {
    let signed = Signed::parse(bytes).map_err(|error| vec![Finding::new(error.code(), error.to_string()).at(place)])?;
    let verified = verify_document(&signed, trust, &Roots::of_gate(trust, blobs), at, place)?;
    let wrong = |what: &str| vec![Finding::new(codes::PREDICATE_MISMATCH, what).at(place)];
    if verified.value().kind() != Some(entry.kind) {
        let found = verified.value().predicate_type.as_str();
        return Err(wrong("the statement is of another kind")
            .into_iter()
            .map(|finding| finding.found(found))
            .collect());
    }
    if matches!(verified.signed_by().owner, SignerName::Gate(_)) {
        return Err(wrong("a gate's summary is recorded beside its decision"));
    }
    let found = format!("an entry of kind {}", entry.kind.word());
    Err(vec![later::finding("log entry", place, "kinds of entry that this version writes", &found, None)])
}

/// An entry is about what its statement is about.
fn about(read: &Verified<Statement>, entry: &Entry, digest: &Sha256, place: &str) -> Result<(), Vec<Finding>> {
    let stated = read.value().subjects.iter().all(|subject| subject.sha256_digest().as_ref() == Some(digest));
    if entry.subjects == [*digest] && stated { Ok(()) } else { Err(vec![other_subject(place)]) }
}

fn other_subject(place: &str) -> Finding {
    Finding::new(codes::LOG_ENTRY_MALFORMED, "the entry and its document are about different things").at(place)
}

fn document(entry: &Entry, place: &str, blobs: &dyn Blobs) -> Result<Blob, Vec<Finding>> {
    entry.statement().and_then(|digest| named_blob(blobs, digest)).ok_or_else(|| {
        let what = "a document that the log entry names is not in the evidence store";
        vec![Finding::new(codes::EVIDENCE_WITHHELD, what).at(place).help(PUT_BACK)]
    })
}

const PUT_BACK: &str =
    "put it back from a copy of the store; a package that an earlier version made may lack it: have it made again";

/// What helps where a piece is not in the store, and this log does not say why: putting it back, unless a later log erased it.
#[must_use]
pub fn gone_help(view: StateView<'_>) -> String {
    let Some(next) = view.closed_for() else { return "restore the store from a copy".to_owned() };
    format!(
        "this log was closed, and {next} or one after it may have erased the piece: `countersign evidence check --later STORE` knows; only if not, restore the store from a copy"
    )
}

/// What a later version signed: of a later form, or of this one with what it did not have. Who may not sign that kind has said nothing.
fn of_later(bytes: &[u8], kind: Kind, trust: &VerifiedTrust, (at, place): (Time, &str)) -> Option<Finding> {
    let documents = Signed::parse_lines(bytes).ok()?;
    let (_, first) = documents.first()?;
    let statement = read_statement(first, place).ok()?;
    let known = kind.predicate_type();
    let found = if is_later(statement.predicate_type.as_str(), known) {
        statement.predicate_type.to_string()
    } else {
        let read = |of: Kind| -> Option<StatementError> {
            [
                statement.predicate_as::<Exception>(of).err().filter(|_| of == Kind::Exception),
                statement.predicate_as::<ExceptionEnd>(of).err().filter(|_| of == Kind::ExceptionEnd),
                statement.predicate_as::<ManualEvidence>(of).err().filter(|_| of == Kind::ManualEvidence),
                statement.predicate_as::<Erasure>(of).err().filter(|_| of == Kind::Erasure),
            ]
            .into_iter()
            .flatten()
            .next()
        };
        // The field or word that this version does not know.
        let Some(StatementError::Json(JsonError::Unknown(found))) = read(kind) else { return None };
        found
    };
    let held = |signed: &Signed| signer(signed, kind, trust.trust(), at, place).ok();
    let mut signers = documents.iter().filter_map(|(_, signed)| held(signed));
    // An erasure is an approver's to say.
    let approver = |name: &SignerName| {
        let role = trust.trust().role(ROLE_POLICY);
        role.is_some_and(|role| role.persons.iter().any(|id| *name == SignerName::Person(id.clone())))
    };
    let approves = |name: &SignerName| kind != Kind::Erasure || approver(name);
    signers.any(|by| approves(&by.owner)).then(|| later::finding(kind.word(), place, known, &found, None))
}

fn malformed(entry: &Entry, what: &str) -> Finding {
    Finding::new(codes::LOG_ENTRY_MALFORMED, format!("this is no entry of kind {}: {what}", entry.kind.word()))
        .help(HELP)
}

/// That an entry says of others that they acted than those who did. Lists show who it names.
fn others_acted(entry: &Entry, acted: &BTreeSet<PersonId>) -> Option<Finding> {
    let named: BTreeSet<PersonId> = entry.persons.iter().cloned().collect();
    if named == *acted && named.len() == entry.persons.len() {
        return None;
    }
    let words = |persons: Vec<String>| if persons.is_empty() { "nobody".to_owned() } else { persons.join(", ") };
    let (said, did) = (entry.persons.iter(), acted.iter());
    let finding = malformed(entry, "it says that others acted than who did");
    Some(
        finding
            .expected(words(did.map(ToString::to_string).collect()), "its document")
            .found(words(said.map(ToString::to_string).collect())),
    )
}

/// That what an entry recorded was erased, as the entry of this place says.
fn unseen(by: &str) -> Finding {
    let what = "what this entry recorded was erased: that it was evidence by hand nobody can see any more";
    Finding::new(codes::EVIDENCE_WITHHELD, what)
        .found(format!("{by} says that it is erased, and why"))
        .help("ask who signed the erasure what it was; a package from before it shows that")
}

/// That what an entry recorded was erased, as the entry of this place says, and is there.
fn undone(by: &str) -> Finding {
    Finding::new(codes::ERASURE_UNDONE, "evidence that the log says is erased is still here")
        .found(format!("{by} says that it is erased"))
        .help("run `countersign evidence erase` for it again: it is only taken out then")
}

/// That an entry does not record what it says.
fn unfounded(entry: &Entry, findings: &[Finding]) -> Finding {
    let what = format!("the entry says that it records one of kind {}, and names none that holds", entry.kind.word());
    let expected = format!("a statement of kind {}, signed by somebody who may sign it", entry.kind.word());
    let finding =
        Finding::new(codes::LOG_ENTRY_MALFORMED, what).expected(expected, "the trust of that time").help(HELP);
    findings.iter().fold(finding, |finding, why| {
        let facts = why.found.join("; ");
        let facts = if facts.is_empty() { facts } else { format!(" ({facts})") };
        finding.found(format!("{}: {}{facts}", why.code, why.what))
    })
}

const HELP: &str =
    "no verb of countersign writes such an entry: whoever holds the log's key has to say what it stands for";
