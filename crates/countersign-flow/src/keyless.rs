//! Signing with an identity: asked of a Sigstore instance, and verified whole before it goes anywhere.

use crate::documents;
use crate::error::FlowError;
use crate::files;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::statement::Statement;
use countersign_core::time::Time;
use countersign_sign::keyless::{Ambient, IdentityToken, KeylessError, Services, ambient_token, sign_keyless};
use countersign_verify::sigstore::{Artifact, Keyless, Transparency, TrustedRoot};
use std::path::Path;

/// How far the clocks of an instance may be ahead of this machine's.
const AHEAD: i64 = 300;

/// Where the identity token comes from.
#[derive(Debug)]
pub enum TokenFrom<'a> {
    /// A file.
    File(&'a Path),
    /// The CI job that this runs in.
    Ambient(&'a Ambient),
}

/// Somebody with an identity token, and the instance that is asked.
#[derive(Debug)]
pub struct IdentitySigner {
    token: IdentityToken,
    services: Services,
    root: TrustedRoot,
    at: Time,
}

/// What was signed with an identity.
#[derive(Debug)]
pub struct SignedByIdentity {
    /// The bundle: one line.
    pub bundle: Vec<u8>,
    /// What it shows.
    pub shown: Keyless,
}

impl IdentitySigner {
    /// With the instance's `signing_config.v0.2.json` and `trusted_root.json`.
    pub fn open(config: &Path, root: &Path, token: &TokenFrom<'_>, at: Time) -> Result<Self, FlowError> {
        let bytes = files::read(config, limits::SIGSTORE_ROOT_BYTES)?;
        let services = Services::parse(&bytes, at).map_err(KeylessError::Config)?;
        let bytes = documents::sigstore_root(root)?;
        let root = TrustedRoot::parse(&bytes)
            .map_err(|error| FlowError::Refused(vec![error.finding(&root.display().to_string())]))?;
        let token = match token {
            TokenFrom::Ambient(ambient) => ambient_token(ambient)?,
            TokenFrom::File(path) => {
                let text = files::read(path, limits::KEY_BYTES)?;
                IdentityToken::parse(&String::from_utf8_lossy(&text)).map_err(KeylessError::Token)?
            }
        };
        Ok(Self { token, services, root, at })
    }

    /// Signs a statement. What does not verify against the instance's trusted root is never given back.
    pub fn sign(&self, statement: &Statement) -> Result<SignedByIdentity, FlowError> {
        let payload = statement.to_bytes()?;
        let artifact =
            Artifact::of(statement).map_err(|error| FlowError::Refused(vec![error.finding("the statement")]))?;
        let bundle = sign_keyless(&payload, &self.token, &self.services)?;
        let place = "the new bundle";
        let shown = self
            .root
            .verify_keyless(&bundle, artifact, Transparency::Log, self.at.plus(AHEAD))
            .map_err(|error| FlowError::Refused(vec![error.finding(place)]))?;
        let signed = Signed::parse(&bundle).ok().filter(|signed| signed.payload == payload && shown.payload == payload);
        if signed.is_none_or(|signed| signed.digest != Sha256::of(&bundle)) {
            let what = "the bundle does not read back as it was signed";
            return Err(FlowError::Refused(vec![Finding::new(codes::BUNDLE_MALFORMED, what).at(place)]));
        }
        Ok(SignedByIdentity { bundle, shown })
    }
}
