//! Bundles of the Sigstore ecosystem: a certificate that shows an identity, or a key, with what transparency logs and
//! timestamp authorities say about the signature. Everything is checked against a trusted root that the caller gives,
//! at a time that the caller gives, and offline.
//!
//! The arithmetic is done by the `sigstore-verify` family, behind `adapter`, the one module that knows it. What it
//! takes for granted, and what it leaves to its caller, is checked here: strict JSON, no time from the future, one name
//! in the certificate.

mod adapter;
mod certificate;
mod roots;

pub use certificate::{CertificateClaims, CertificateName};
pub use countersign_core::trust::Transparency;
pub use roots::Roots;

use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Finding};
use countersign_core::time::Time;
use countersign_core::{json, limits};

/// What was signed, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub enum Artifact<'a> {
    /// All of its bytes.
    Bytes(&'a [u8]),
    /// Its SHA-256. Some kinds of signature need the bytes.
    Sha256([u8; 32]),
    /// Its SHA-512, for statements that name no other digest.
    Sha512([u8; 64]),
}

/// A published instance of Sigstore whose trusted root, as it was when this program was made, is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// The public-good instance.
    Production,
    /// Its test bed.
    Staging,
}

impl Instance {
    /// Its `trusted_root.json`, as it was when this program was made.
    #[must_use]
    pub const fn trusted_root(self) -> &'static str {
        adapter::embedded(self)
    }

    /// Its `signing_config.v0.2.json`, likewise.
    #[must_use]
    pub const fn signing_config(self) -> &'static str {
        adapter::signing_config(self)
    }
}

/// Why a bundle or a trusted root is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refused {
    code: Code,
    what: String,
}

impl Refused {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into().chars().take(400).collect() }
    }

    /// The registered code of the refusal.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// As a finding about this place.
    #[must_use]
    pub fn finding(&self, place: &str) -> Finding {
        Finding::new(self.code, self.what.as_str()).at(place)
    }
}

/// A signature that holds, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyless {
    /// What the certificate says of whoever signed. Whether that matters, trust says.
    pub certificate: CertificateClaims,
    /// The times at which the signature existed, each authenticated by a log or a timestamp authority: at least one.
    pub times: Vec<Time>,
    /// What the envelope carries, as it was checked; empty for a signature over a file.
    pub payload: Vec<u8>,
    /// Whether a transparency log's inclusion proof and checkpoint were checked. Without one, a timestamp authority's
    /// word is all there is.
    pub logged: bool,
}

/// A trusted root: certificate authorities, logs and timestamp authorities, each with its time.
pub struct TrustedRoot {
    digest: Sha256,
    verifier: adapter::Verifier,
}

impl std::fmt::Debug for TrustedRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustedRoot").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl TrustedRoot {
    /// Reads `trusted_root.json`. Who says that it is to be trusted is the caller's matter.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        let malformed = |what: String| Refused::new(codes::SIGSTORE_ROOT_MALFORMED, what);
        json::parse_within(bytes, limits::SIGSTORE_ROOT_BYTES).map_err(|error| malformed(error.to_string()))?;
        let verifier = adapter::Verifier::new(bytes).map_err(malformed)?;
        Ok(Self { digest: Sha256::of(bytes), verifier })
    }

    /// The trusted root of a published instance, as it was when this program was made.
    pub fn embedded(instance: Instance) -> Result<Self, Refused> {
        Self::parse(adapter::embedded(instance).as_bytes())
    }

    /// The digest of its bytes.
    #[must_use]
    pub const fn digest(&self) -> &Sha256 {
        &self.digest
    }

    /// Checks a bundle that was signed by the holder of a certificate.
    pub fn verify_keyless(
        &self,
        bundle: &[u8],
        artifact: Artifact<'_>,
        transparency: Transparency,
        at: Time,
    ) -> Result<Keyless, Refused> {
        let bundle = strict(bundle)?;
        let found = self.verifier.keyless(bundle, artifact, transparency)?;
        past(&found.times, at)?;
        Ok(found)
    }

    /// Checks a bundle that was signed by this key, given as PEM, and logged.
    pub fn verify_managed(&self, bundle: &[u8], artifact: Artifact<'_>, key: &str, at: Time) -> Result<(), Refused> {
        let bundle = strict(bundle)?;
        past(&self.verifier.managed(bundle, artifact, key)?, at)
    }
}

/// The bytes as text, if they are JSON of one reading: what two readers take for two things was not signed.
fn strict(bytes: &[u8]) -> Result<&str, Refused> {
    json::parse(bytes).map_err(|error| Refused::new(codes::BUNDLE_MALFORMED, error.to_string()))?;
    std::str::from_utf8(bytes).map_err(|_utf8| Refused::new(codes::BUNDLE_MALFORMED, "not UTF-8"))
}

/// The family compares with the machine's clock; what counts is the time in question.
fn past(times: &[Time], at: Time) -> Result<(), Refused> {
    match times.iter().find(|time| **time > at) {
        Some(time) => Err(Refused::new(
            codes::TIMESTAMP_INVALID,
            format!("signed at {time}, which is after {at}, the time in question"),
        )),
        None => Ok(()),
    }
}
