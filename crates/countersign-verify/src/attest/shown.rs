//! What an attestation shows once it holds. Only this room makes one.

use crate::sigstore::CertificateClaims;
use countersign_core::attestation::{Attestation, Form};
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::key::KeyId;
use countersign_core::slsa::SignerFacts;
use countersign_core::statement::Statement;
use countersign_core::time::Time;

/// An attestation that holds: about the artifact, and signed by somebody whom the anchors know.
#[derive(Debug, Clone)]
pub struct Shown {
    statement: Option<Statement>,
    signers: Vec<ShownSigner>,
    form: Form,
    document: Sha256,
    file: Option<Sha256>,
    notes: Vec<Finding>,
}

impl Shown {
    pub(super) const fn new(
        statement: Option<Statement>,
        signers: Vec<ShownSigner>,
        from: &Attestation,
        notes: Vec<Finding>,
    ) -> Self {
        Self { statement, signers, form: from.form, document: from.digest, file: from.file, notes }
    }

    /// What of the form, that nobody signed, is not as it is signed; it counts for nothing either way.
    #[must_use]
    pub fn notes(&self) -> &[Finding] {
        &self.notes
    }

    /// What was said; nothing where the signature is over the artifact itself.
    #[must_use]
    pub const fn statement(&self) -> Option<&Statement> {
        self.statement.as_ref()
    }

    /// Who signed: at least one.
    #[must_use]
    pub fn signers(&self) -> &[ShownSigner] {
        &self.signers
    }

    /// The form in which it was handed in.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The digest of what was handed in.
    #[must_use]
    pub const fn document(&self) -> &Sha256 {
        &self.document
    }

    /// The digests by which others may name it: that of what was handed in for it, and that of its whole file.
    pub fn digests(&self) -> impl Iterator<Item = &Sha256> {
        std::iter::once(&self.document).chain(&self.file)
    }
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShownSigner {
    /// The holder of a certificate.
    Certificate {
        /// What the certificate says.
        certificate: CertificateClaims,
        /// When the signature existed, as others attest: at least one time.
        times: Vec<Time>,
        /// Whether a transparency log attests it.
        logged: bool,
        /// The root by which it holds.
        root: String,
    },
    /// A key.
    Key {
        /// The name under which it was given.
        name: String,
        /// The key.
        id: KeyId,
        /// When the signature existed, as far as others attest it.
        times: Vec<Time>,
        /// Whether a log or a timestamp authority attests it.
        witnessed: bool,
        /// Whether a transparency log does.
        logged: bool,
    },
    /// A key of Cloud Build, which keeps its signatures to itself.
    CloudBuild {
        /// The name under which it was given: the region.
        name: String,
        /// The key.
        id: KeyId,
    },
}

impl ShownSigner {
    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Certificate { certificate, .. } => {
                format!("{}, by {}", certificate.name.as_str(), certificate.issuer)
            }
            Self::Key { name, id, .. } => format!("key {name} ({id})"),
            Self::CloudBuild { name, id } => format!("Cloud Build's key {name} ({id})"),
        }
    }

    /// What tells this signer from every other: a key under two names is one.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Certificate { certificate, .. } => {
                format!("{}, by {}", certificate.name.as_str(), certificate.issuer)
            }
            Self::Key { id, .. } | Self::CloudBuild { id, .. } => format!("key {id}"),
        }
    }

    /// As builders are compared with.
    #[must_use]
    pub fn facts(&self) -> SignerFacts<'_> {
        match self {
            Self::Certificate { certificate, .. } => SignerFacts::Certificate {
                issuer: &certificate.issuer,
                name: certificate.name.as_str(),
                claims: &certificate.claims,
            },
            Self::Key { name, .. } => SignerFacts::Key(name),
            Self::CloudBuild { name, .. } => SignerFacts::CloudBuild(name),
        }
    }

    /// The times that others attest.
    #[must_use]
    pub fn times(&self) -> &[Time] {
        match self {
            Self::Certificate { times, .. } | Self::Key { times, .. } => times,
            Self::CloudBuild { .. } => &[],
        }
    }

    /// Whether nobody else has seen the signature.
    #[must_use]
    pub const fn is_unwitnessed(&self) -> bool {
        matches!(self, Self::Key { witnessed: false, .. } | Self::CloudBuild { .. })
    }
}
