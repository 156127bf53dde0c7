//! The arguments of a decision, beside the request itself.

use crate::elsewhere::ElsewhereBy;
use countersign_core::decision::{EvidenceRef, LogRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Check, Finding};
use countersign_core::policy::Pin;
use countersign_verify::trust::TrustOutcome;
use countersign_verify::{Blobs, Evidence, History, StateView, VerifiedTrust};
use std::fmt;

/// Everything that a decision rests on. Every field has to be given; `None` says that there was nothing to give, and
/// that is a finding, not a default.
#[derive(Clone)]
pub struct Given<'a> {
    /// Trust, as it was checked, with its digest from outside.
    pub trust: TrustGiven<'a>,
    /// The log's state before the decision; `None` if the log did not hold.
    pub state: Option<StateView<'a>>,
    /// What was wrong with the log's checkpoint and entries, and the checklist of that.
    pub log_findings: &'a [Finding],
    /// See `log_findings`.
    pub log_checks: &'a [Check],
    /// The least checkpoint, from outside.
    pub least_checkpoint: Option<LogRef>,
    /// The log's checkpoint with the cosignatures of witnesses, as they gave them for this decision.
    pub witnessed: Option<&'a [u8]>,
    /// What `countersign.lock` expects of the environment.
    pub pin: Option<Pin>,
    /// The evidence, checked; `None` if trust did not hold.
    pub evidence: Option<&'a Evidence>,
    /// Everything that there was to hand in, as the gate saw it.
    pub index: Option<Vec<EvidenceRef>>,
    /// Git history; `None` if there is none.
    pub history: Option<&'a History<'a>>,
    /// The digest of the stored git evidence.
    pub git: Option<Sha256>,
    /// The evidence store, for the documents that log entries name.
    pub blobs: &'a dyn Blobs,
    /// By which release other environments are judged: of a decision that is run again, as it was then.
    pub elsewhere: ElsewhereBy,
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("least_checkpoint", &self.least_checkpoint)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

/// Trust as an argument.
#[derive(Debug, Clone, Copy)]
pub struct TrustGiven<'a> {
    /// What came of checking it.
    pub outcome: &'a TrustOutcome,
    /// The digest from outside.
    pub digest: Option<&'a Sha256>,
}

impl<'a> TrustGiven<'a> {
    pub(crate) const fn verified(&self) -> Option<&'a VerifiedTrust> {
        self.outcome.trust.as_ref()
    }
}
