//! What a certificate of Fulcio says of whoever signed.

use countersign_core::digest::Sha256;
use countersign_core::trust::{Claim, ShownIdentity};
use std::collections::BTreeMap;

/// The one name in the certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateName {
    /// An e-mail address.
    Email(String),
    /// A URI: a workflow, say.
    Uri(String),
    /// A user name with the domain of its issuer: `name!domain`.
    User(String),
}

impl CertificateName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(text) | Self::Uri(text) | Self::User(text) => text,
        }
    }
}

/// Everything that the certificate says and that trust can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateClaims {
    /// The OIDC issuer that vouched for the identity.
    pub issuer: String,
    /// The name.
    pub name: CertificateName,
    /// What else the issuer said: about the workflow, its repository and its run.
    pub claims: BTreeMap<Claim, String>,
    /// The certificate's key, as `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
}

impl CertificateClaims {
    /// The same, as what holds under the trusted root with this digest.
    #[must_use]
    pub fn under(&self, root: Sha256) -> ShownIdentity {
        ShownIdentity {
            root,
            issuer: self.issuer.clone(),
            subject: self.name.as_str().to_owned(),
            claims: self.claims.clone(),
        }
    }
}
