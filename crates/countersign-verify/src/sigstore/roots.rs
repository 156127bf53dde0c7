//! The trusted roots at hand, of those that trust names; and what they make of a signed document.

use super::{Artifact, BundleKey, Keyless, Refused, TrustedRoot};
use crate::evidence::{Blobs, named_blob};
use crate::trust::VerifiedTrust;
use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::digest::{Sha256, hex_array};
use countersign_core::finding::{Code, Finding};
use countersign_core::ids::RoleName;
use countersign_core::limits;
use countersign_core::statement::Subject;
use countersign_core::time::Time;
use countersign_core::trust::{SigstoreRoot, Trust};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Trusted roots whose digests trust names, by the name that it gives them.
#[derive(Debug, Default)]
pub struct Roots {
    known: BTreeMap<RoleName, Arc<TrustedRoot>>,
    /// Whether one that is too old by trust is none. Where a newer trust judges beside it, that one's age is asked.
    of_any_age: bool,
    /// How many seconds after the time in question a signature may be attested to have been made.
    ahead: i64,
}

impl Roots {
    /// None at all: no certificate counts.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those among these documents that trust names, with findings for those that do not parse. All other documents are
    /// passed over: a root that trust does not name is no root.
    pub fn among<'d>(
        trust: &Trust,
        documents: impl IntoIterator<Item = (&'d Sha256, &'d [u8])>,
    ) -> (Self, Vec<Finding>) {
        let read = |(digest, bytes): (&'d Sha256, &'d [u8])| {
            Some((trust.sigstore_root(digest)?, TrustedRoot::parse(bytes).map(Arc::new)))
        };
        Self::known(documents.into_iter().filter_map(read))
    }

    /// The same of what comes out of a store, each read once for this trust.
    pub(crate) fn stored<'d>(
        trust: &VerifiedTrust,
        documents: impl IntoIterator<Item = &'d Blob>,
    ) -> (Self, Vec<Finding>) {
        Self::known(documents.into_iter().filter_map(|blob| trust.root(blob)))
    }

    fn known<'t>(
        read: impl Iterator<Item = (&'t SigstoreRoot, Result<Arc<TrustedRoot>, Refused>)>,
    ) -> (Self, Vec<Finding>) {
        let (mut roots, mut findings) = (Self::default(), Vec::new());
        for (named, root) in read {
            match root {
                Ok(root) => drop(roots.known.insert(named.name.clone(), root)),
                Err(error) => findings.push(error.finding(&format!("Sigstore root {}", named.name))),
            }
        }
        (roots, findings)
    }

    /// The same roots, however long ago trust says that they were fetched: for a trust beside which a newer one judges.
    pub(crate) fn of_any_age(self) -> Self {
        Self { of_any_age: true, ..self }
    }

    /// Those that trust names, out of a store; for what a gate signed into its log a moment after the time that stands in it.
    pub(crate) fn of_gate(trust: &VerifiedTrust, blobs: &dyn Blobs) -> Self {
        let stored = trust.trust().sigstore_roots.iter().filter_map(|root| named_blob(blobs, &root.digest));
        let stored: Vec<Blob> = stored.collect();
        // One that does not parse is not at hand, which is said of whatever needs it.
        let (roots, _) = Self::stored(trust, &stored);
        Self { ahead: limits::GATE_SIGNATURE_SECONDS, ..roots }
    }

    /// What each root of trust makes of a bundle: those by which it holds, with what it shows; or why it holds by none.
    pub(crate) fn judge(
        &self,
        trust: &Trust,
        bundle: &[u8],
        subjects: &[Subject],
        at: Time,
    ) -> Result<Vec<(RoleName, Keyless)>, Refused> {
        if trust.sigstore_roots.is_empty() {
            let what = "a certificate signed, and trust names no Sigstore root";
            return Err(Refused::new(codes::SIGNER_UNKNOWN, what));
        }
        let artifact = Artifact::of(subjects)?;
        let (mut held, mut refusals) = (Vec::new(), Vec::new());
        for known in &trust.sigstore_roots {
            match self.one(known, bundle, artifact, at) {
                Ok(found) => held.push((known.name.clone(), found)),
                Err(refused) => refusals.push(refused),
            }
        }
        if !held.is_empty() {
            return Ok(held);
        }
        // Of an instance that does not know the signer at all there is less to learn.
        refusals.sort_by_key(|refused| stranger(refused.code()));
        let none = || Refused::new(codes::SIGSTORE_ROOT_MISSING, "no Sigstore root is at hand");
        Err(refusals.into_iter().next().unwrap_or_else(none))
    }

    /// When logs and timestamp authorities of a root of trust saw what a key signed.
    pub(crate) fn witnessed(
        &self,
        trust: &Trust,
        bundle: &[u8],
        subjects: &[Subject],
        pem: &str,
        at: Time,
    ) -> Result<Vec<Time>, Refused> {
        let key = BundleKey::from_pem(pem)?;
        let artifact = Artifact::of(subjects)?;
        let mut refusal = None;
        for known in &trust.sigstore_roots {
            let asked = Some(known.transparency);
            let judged = self
                .at_hand(known, at)
                .and_then(|root| root.verify_managed_cosigned(bundle, None, artifact, &key, asked, at));
            match judged {
                Ok(times) => return Ok(times),
                Err(refused) => refusal = refusal.or(Some(refused)),
            }
        }
        let none = || {
            Refused::new(
                codes::SIGSTORE_ROOT_MISSING,
                "a log or a timestamp authority has seen it, and trust names no Sigstore root",
            )
        };
        Err(refusal.unwrap_or_else(none))
    }

    fn one(&self, known: &SigstoreRoot, bundle: &[u8], artifact: Artifact<'_>, at: Time) -> Result<Keyless, Refused> {
        let latest = at.plus(self.ahead);
        self.at_hand(known, at)?.verify_keyless(bundle, artifact, known.transparency, latest)
    }

    /// The root, if it is at hand and not too old.
    fn at_hand(&self, known: &SigstoreRoot, at: Time) -> Result<&TrustedRoot, Refused> {
        let Some(root) = self.known.get(&known.name) else {
            let what = format!(
                "the trusted root of Sigstore instance {}, {}, is not among the evidence",
                known.name, known.digest
            );
            return Err(Refused::new(codes::SIGSTORE_ROOT_MISSING, what));
        };
        if !self.of_any_age && known.stale_at(at) {
            let what = format!(
                "the trusted root of Sigstore instance {} was fetched at {}, more than {} days before {at}",
                known.name, known.fetched, known.max_age_days
            );
            return Err(Refused::new(codes::SIGSTORE_ROOT_STALE, what));
        }
        Ok(root)
    }
}

/// What another instance's root says of a bundle that it has nothing to do with.
pub(crate) fn stranger(code: Code) -> bool {
    [codes::CERTIFICATE_INVALID, codes::TIMESTAMP_INVALID, codes::INCLUSION_PROMISE_INVALID].contains(&code)
}

impl Artifact<'_> {
    /// The statement's own first subject that can be bound: whether it is about the artifact in question is asked later,
    /// of every statement.
    pub fn of(subjects: &[Subject]) -> Result<Artifact<'static>, Refused> {
        let short = subjects.iter().find_map(Subject::sha256_digest);
        if let Some(digest) = short {
            return Ok(Artifact::Sha256(*digest.as_bytes()));
        }
        let long = subjects.iter().find_map(|subject| hex_array(subject.digest.get("sha512")?).ok());
        long.map(Artifact::Sha512).ok_or_else(|| {
            Refused::new(codes::SIGSTORE_UNSUPPORTED, "no subject of the statement has a SHA-256 or SHA-512")
        })
    }
}
