//! What a log says is erased. An erasure that does not hold erases nothing.

use crate::document::{SignerName, verify_document};
use crate::evidence::{Blobs, named_blob};
use crate::log::{LogState, StateView};
use crate::sigstore::Roots;
use crate::trust::VerifiedTrust;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::place_of;
use countersign_core::finding::Finding;
use countersign_core::ids::Origin;
use countersign_core::statement::Kind;
use countersign_core::statement::erasure::Erasure;
use countersign_core::time::Time;
use countersign_core::trust::ROLE_POLICY;
use std::collections::BTreeMap;

impl LogState {
    /// What the log says is erased, by digest, with the entry that says so first; and what is wrong with such entries.
    #[must_use]
    pub fn erasures(&self, blobs: &dyn Blobs) -> (BTreeMap<Sha256, (u64, Erasure)>, Vec<Finding>) {
        let (mut erased, mut findings) = (BTreeMap::new(), Vec::new());
        for (index, entry) in (0_u64..).zip(self.entries()).filter(|(_, entry)| entry.kind == Kind::Erasure) {
            let place = format!("log entry {index}");
            let trust = self.at(index).unwrap_or_else(|| self.now()).trust();
            let Some(bytes) = entry.statement().and_then(|digest| named_blob(blobs, digest)) else {
                let what = "the statement that evidence is erased is missing or altered";
                findings.push(Finding::new(codes::EVIDENCE_WITHHELD, what).at(place));
                continue;
            };
            match read(&bytes, trust, &self.origin, entry.time, &place) {
                Ok(erasure) if entry.subjects == [erasure.erased] => {
                    erased.entry(erasure.erased).or_insert((index, erasure));
                }
                Ok(_) => findings.push(malformed("the entry and its statement speak of different evidence", &place)),
                Err(more) => findings.extend(more),
            }
        }
        (erased, findings)
    }

    /// What this log and those that it goes on from say is erased, by digest. What is erased stays so when another log goes
    /// on: whoever asked for that asked for it of the record, and not of one year of it.
    #[must_use]
    pub fn erased_in_chain(&self, blobs: &dyn Blobs) -> BTreeMap<Sha256, ErasedBy> {
        let mut out = BTreeMap::new();
        // The oldest last, so that the first to say it is named.
        for log in std::iter::successors(Some(self), |log| Some(&log.earlier.as_ref()?.state)) {
            let (of_log, _) = log.erasures(blobs);
            out.extend(of_log.into_iter().map(|(digest, (entry, erasure))| {
                let place = log.place(entry);
                (digest, ErasedBy { place, entry, erasure })
            }));
        }
        out
    }
}

/// Which entry says that a piece is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedBy {
    /// The entry in words, with its log where that is not the one at hand.
    pub place: String,
    /// Its index in its log.
    pub entry: u64,
    /// What it says.
    pub erasure: Erasure,
}

/// That a piece was erased: the entry in words, and whether it says so already where somebody looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Erased {
    pub place: String,
    pub already: bool,
}

impl StateView<'_> {
    /// Whether this log or one that it goes on from says that a piece is erased, be it after this view.
    pub(crate) fn erased(&self, digest: &Sha256, blobs: &dyn Blobs) -> Option<Erased> {
        self.chain().find_map(|log| {
            let known = log.state.erased.get_or_init(|| {
                let (erased, _) = log.state.erasures(blobs);
                erased.into_iter().map(|(digest, (entry, _))| (digest, entry)).collect()
            });
            let index = *known.get(digest)?;
            let other = Some(log.origin()).filter(|origin| *origin != self.origin());
            Some(Erased { place: place_of(index, other), already: index < log.reference().size })
        })
    }
}

/// A signed erasure of this log, by an approver of the time. One that was signed for another log asks for nothing here.
pub fn read(bytes: &[u8], trust: &VerifiedTrust, log: &Origin, at: Time, place: &str) -> Result<Erasure, Vec<Finding>> {
    let signed = Signed::parse(bytes).map_err(|error| vec![Finding::new(error.code(), error.to_string()).at(place)])?;
    let verified = verify_document(&signed, trust, &Roots::none(), at, place)?;
    let erasure: Erasure =
        verified.value().predicate_as(Kind::Erasure).map_err(|error| vec![malformed(&error.to_string(), place)])?;
    let approves = trust.trust().role(ROLE_POLICY).is_some_and(|role| role.persons.contains(&erasure.owner));
    let by_owner = verified.signed_by().owner == SignerName::Person(erasure.owner.clone());
    match erasure.problem() {
        Some(problem) => Err(vec![malformed(problem, place)]),
        None if erasure.log != *log => {
            let finding = malformed("it was signed for another log", place);
            Err(vec![finding.expected(log.to_string(), "the log").found(erasure.log.to_string())])
        }
        None if erasure.at > at => Err(vec![
            malformed("its time lies behind that of its entry", place)
                .expected(format!("no later than {at}"), "the log entry")
                .found(erasure.at.to_string()),
        ]),
        None if !by_owner || !approves => {
            Err(vec![malformed("somebody else than a policy approver who answers for it signed it", place)])
        }
        None => Ok(erasure),
    }
}

fn malformed(what: &str, place: &str) -> Finding {
    Finding::new(codes::ERASURE_MALFORMED, what).at(place)
}
