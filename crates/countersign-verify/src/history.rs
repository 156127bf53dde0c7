//! Git history as evidence: objects that were hashed again, and who signed which commit.

use crate::ssh::{self, GIT_NAMESPACE};
use crate::trust::VerifiedTrust;
use countersign_core::git::evidence::{Evidence as GitEvidence, Facts};
use countersign_core::git::{Commit, ObjectSource};
use countersign_core::ids::PersonId;
use countersign_core::time::Time;
use countersign_core::trust::Owner;
use std::fmt;

/// A repository as the proof sees it: facts that the collector observed, and objects whose bytes hash to their names.
pub struct History<'a> {
    facts: &'a Facts,
    objects: &'a dyn ObjectSource,
}

impl fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl<'a> History<'a> {
    /// Over stored evidence, whose reader has hashed every object.
    #[must_use]
    pub fn of(evidence: &'a GitEvidence) -> Self {
        Self { facts: &evidence.facts, objects: &evidence.objects }
    }

    /// Over a source that is read while the proof runs, to learn which objects it needs. The source must hash what it
    /// gives; what it gave becomes the evidence on which the proof is run again, and only that counts.
    #[must_use]
    pub fn rehearsal(facts: &'a Facts, objects: &'a dyn ObjectSource) -> Self {
        Self { facts, objects }
    }

    /// What the collector observed of the repository.
    #[must_use]
    pub const fn facts(&self) -> &'a Facts {
        self.facts
    }

    /// The objects.
    #[must_use]
    pub fn objects(&self) -> &'a dyn ObjectSource {
        self.objects
    }
}

/// How a commit's signature came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitSigner {
    /// By this person's key, which counted at the time in question.
    Person(PersonId),
    /// Not signed.
    Unsigned,
    /// Signed, but by nobody whom trust knows as a person at that time, or in a way that is not accepted.
    Unknown(String),
    /// The signature does not hold for the commit's bytes.
    Broken(String),
}

/// Who signed a commit, by its SSH signature. The names and addresses in its header play no part.
#[must_use]
pub fn commit_signer(commit: &Commit, trust: &VerifiedTrust, at: Time) -> CommitSigner {
    let Some(signature) = &commit.signature else { return CommitSigner::Unsigned };
    let Ok(armor) = std::str::from_utf8(signature) else {
        return CommitSigner::Unknown("the signature is not text".to_owned());
    };
    if !armor.trim_start().starts_with("-----BEGIN SSH SIGNATURE-----") {
        return CommitSigner::Unknown("not an SSH signature".to_owned());
    }
    match ssh::verify(armor, GIT_NAMESPACE, &commit.payload) {
        Err(error) => CommitSigner::Broken(error.to_string()),
        Ok(key) => match trust.trust().owner_of(&key.id()) {
            Some((Owner::Person(person), owned)) if owned.counts_at(at) => CommitSigner::Person(person.id.clone()),
            Some((Owner::Person(person), _)) => {
                CommitSigner::Unknown(format!("a key of {} that does not count at {at}", person.id))
            }
            Some((owner, _)) => CommitSigner::Unknown(format!("the key of {}", owner.describe())),
            None => CommitSigner::Unknown("a key that is not in trust".to_owned()),
        },
    }
}
