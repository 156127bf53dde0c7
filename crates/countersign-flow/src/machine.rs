//! What a gate signs with: a key that no build can reach, or the identity of its CI job, certified for some minutes.

use crate::error::FlowError;
use crate::signing;
use countersign_core::digest::Sha256;
use countersign_core::key::KeyId;
use countersign_core::statement::{Kind, Subject};
use countersign_core::time::Time;
use countersign_core::trust::ShownIdentity;
use countersign_sign::SigningKey;
use countersign_verify::VerifiedTrust;

/// What a gate signs with.
#[derive(Debug)]
pub enum MachineSigner {
    /// A key of its own.
    Key(SigningKey),
    /// An identity that a Sigstore instance vouches for.
    #[cfg(feature = "online")]
    Identity(Box<crate::keyless::Certified>),
}

/// Who it is: a decision names its gate so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerName {
    /// The key, or the certificate's.
    pub key: KeyId,
    /// What the certificate shows.
    pub identity: Option<ShownIdentity>,
}

impl SignerName {
    /// Both, for whoever asks trust.
    #[must_use]
    pub const fn shown(&self) -> (&KeyId, Option<&ShownIdentity>) {
        (&self.key, self.identity.as_ref())
    }
}

impl MachineSigner {
    /// Who it is.
    #[must_use]
    pub fn name(&self) -> SignerName {
        match self {
            Self::Key(key) => SignerName { key: key.public().id(), identity: None },
            #[cfg(feature = "online")]
            Self::Identity(certified) => SignerName { key: *certified.id(), identity: Some(certified.shown().clone()) },
        }
    }

    /// The trusted root that has to lie in the store beside what it signs.
    #[must_use]
    pub fn root(&self) -> Option<&[u8]> {
        match self {
            Self::Key(_) => None,
            #[cfg(feature = "online")]
            Self::Identity(certified) => Some(certified.root()),
        }
    }

    /// Its digest.
    #[must_use]
    pub fn root_digest(&self) -> Option<Sha256> {
        self.root().map(Sha256::of)
    }

    /// A statement of about this time, signed and checked against trust as its reader will check it.
    pub(crate) fn sign<P: serde::Serialize>(
        &self,
        kind: Kind,
        subjects: Vec<Subject>,
        predicate: &P,
        trust: &VerifiedTrust,
        at: Time,
    ) -> Result<Vec<u8>, FlowError> {
        match self {
            Self::Key(key) => signing::sign_for_trust(kind, subjects, predicate, key, trust, at),
            #[cfg(feature = "online")]
            Self::Identity(certified) => by_identity(certified, kind, subjects, predicate, trust, at),
        }
    }
}

#[cfg(feature = "online")]
fn by_identity<P: serde::Serialize>(
    certified: &crate::keyless::Certified,
    kind: Kind,
    subjects: Vec<Subject>,
    predicate: &P,
    trust: &VerifiedTrust,
    at: Time,
) -> Result<Vec<u8>, FlowError> {
    use countersign_core::bundle::Signed;
    use countersign_core::codes;
    use countersign_core::finding::Finding;
    use countersign_core::statement::Statement;
    use countersign_verify::gate::verify_by_gate;

    let place = format!("the {} that was just signed", kind.word());
    let refused = |code, what: &str| FlowError::Refused(vec![Finding::new(code, what).at(place.as_str())]);
    let statement = Statement::new(kind, subjects, predicate)?;
    let bundle = certified.sign(&statement)?.bundle;
    let signed = Signed::parse(&bundle).map_err(|error| refused(error.code(), &error.to_string()))?;
    let verified = verify_by_gate(&signed, trust, &Beside(certified.root()), at, &place).map_err(FlowError::Refused)?;
    let by = verified.signed_by();
    if by.key != *certified.id() || by.identity.as_deref() != Some(certified.shown()) {
        return Err(refused(
            codes::CERTIFICATE_INVALID,
            "the bundle has another certificate than the one that was given",
        ));
    }
    Ok(bundle)
}

/// One document, as the store will have it.
#[cfg(feature = "online")]
struct Beside<'a>(&'a [u8]);

#[cfg(feature = "online")]
impl countersign_verify::Blobs for Beside<'_> {
    fn blob(&self, digest: &Sha256) -> Option<countersign_core::blob::Blob> {
        countersign_core::blob::Blob::named(digest, self.0.to_vec())
    }
}
