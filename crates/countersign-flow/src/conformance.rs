//! The command line of the Sigstore conformance suite, as far as this program speaks it: one bundle against one artifact,
//! with an expected identity or key. Nothing else uses this; `verify` checks against trust.

use crate::error::FlowError;
use crate::files;
use countersign_core::codes;
use countersign_core::digest::{Sha256, hex_array};
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::time::Time;
use countersign_verify::sigstore::{Artifact, BundleKey, Instance, Refused, TrustedRoot};
use std::path::Path;

/// One call of `verify-bundle`.
#[derive(Debug)]
pub struct VerifyBundle<'a> {
    /// The bundle.
    pub bundle: &'a Path,
    /// The trusted root; that of the instance where there is none.
    pub trusted_root: Option<&'a Path>,
    /// Whose trusted root, where none is given.
    pub instance: Instance,
    /// Who has to have signed.
    pub expected: Expected<'a>,
    /// The artifact's file, or its digest.
    pub artifact: &'a Path,
    /// The time.
    pub at: Time,
}

/// Who has to have signed.
#[derive(Debug, Clone, Copy)]
pub enum Expected<'a> {
    /// A certificate with exactly this name, by this issuer.
    Identity {
        /// The name.
        name: &'a str,
        /// The issuer.
        issuer: &'a str,
    },
    /// This key, in a PEM file.
    Key(&'a Path),
}

/// Checks one bundle; a refusal comes back as [`FlowError::Refused`].
pub fn verify_bundle(request: &VerifyBundle<'_>) -> Result<(), FlowError> {
    let place = request.bundle.display().to_string();
    let refused = |error: &Refused| FlowError::Refused(vec![error.finding(&place)]);
    let root = match request.trusted_root {
        None => TrustedRoot::embedded(request.instance),
        Some(path) => TrustedRoot::parse(&files::read(path, limits::SIGSTORE_ROOT_BYTES)?),
    };
    let root = root.map_err(|error| refused(&error))?;
    let bundle = files::read(request.bundle, limits::DOCUMENT_BYTES)?;
    let bytes;
    let artifact = if let Some(artifact) = digest(request.artifact) {
        artifact
    } else {
        bytes = files::read(request.artifact, limits::SIGNED_FILE_BYTES)?;
        Artifact::Bytes(&bytes)
    };
    match request.expected {
        Expected::Key(path) => {
            let key = files::read(path, limits::KEY_BYTES)?;
            let key = String::from_utf8_lossy(&key);
            let key = BundleKey::from_pem(&key).map_err(|error| refused(&error))?;
            root.verify_managed(&bundle, artifact, &key, request.at).map(drop).map_err(|error| refused(&error))
        }
        Expected::Identity { name, issuer } => {
            let found = root
                .verify_keyless(&bundle, artifact, root.transparency(), request.at)
                .map_err(|error| refused(&error))?
                .certificate;
            if found.name.as_str() == name && found.issuer == issuer {
                return Ok(());
            }
            Err(FlowError::Refused(vec![
                Finding::new(codes::IDENTITY_MISMATCH, "another identity signed than the one asked for")
                    .at(place)
                    .expected(format!("{name}, by {issuer}"), "the command line")
                    .found(format!("{}, by {}", found.name.as_str(), found.issuer)),
            ]))
        }
    }
}

/// One call of `sign-bundle`.
#[cfg(feature = "online")]
#[expect(missing_debug_implementations, reason = "it holds a token")]
pub struct SignBundle<'a> {
    /// The file to sign.
    pub artifact: &'a Path,
    /// Whether it is a statement, to be signed in an envelope.
    pub in_toto: bool,
    /// The identity token, which this command line alone takes as a word.
    pub token: &'a str,
    /// The signing configuration; that of the instance where there is none.
    pub signing_config: Option<&'a Path>,
    /// The trusted root; that of the instance where there is none.
    pub trusted_root: Option<&'a Path>,
    /// Which instance.
    pub instance: Instance,
    /// The time.
    pub at: Time,
}

/// Signs a file or a statement, whatever it says; the bundle that verifies.
#[cfg(feature = "online")]
pub fn sign_bundle(request: &SignBundle<'_>) -> Result<Vec<u8>, FlowError> {
    use crate::keyless::{IdentitySigner, TokenFrom};
    use countersign_core::statement::Statement;
    use countersign_sign::keyless::Content;
    let read = |path: Option<&Path>, embedded: Option<&str>| match (path, embedded) {
        (Some(path), _) => files::read(path, limits::SIGSTORE_ROOT_BYTES),
        (None, Some(embedded)) => Ok(embedded.as_bytes().to_vec()),
        (None, None) => {
            Err(FlowError::Usage("this instance signs for nobody else: name a --signing-config".to_owned()))
        }
    };
    let config = read(request.signing_config, request.instance.signing_config())?;
    let root = read(request.trusted_root, Some(request.instance.trusted_root()))?;
    let patience = std::time::Duration::from_mins(1);
    let signer = IdentitySigner::with(&config, &root, &TokenFrom::Given(request.token), request.at, patience)?;
    let bytes = files::read(request.artifact, limits::SIGNED_FILE_BYTES)?;
    if request.in_toto {
        let place = request.artifact.display().to_string();
        let statement = Statement::parse(&bytes).map_err(|error| {
            FlowError::Refused(vec![Finding::new(codes::STATEMENT_MALFORMED, error.to_string()).at(place)])
        })?;
        let artifact = Artifact::of(&statement.subjects)
            .map_err(|error| FlowError::Refused(vec![error.finding("the statement")]))?;
        return Ok(signer.signed(Content::Statement(&bytes), artifact)?.bundle);
    }
    Ok(signer.signed(Content::File(&bytes), Artifact::Bytes(&bytes))?.bundle)
}

/// A digest, unless there is a file of that name.
fn digest(artifact: &Path) -> Option<Artifact<'static>> {
    let text = artifact.to_str().filter(|_| !artifact.exists())?;
    if let Ok(digest) = text.parse::<Sha256>() {
        return Some(Artifact::Sha256(*digest.as_bytes()));
    }
    hex_array(text.strip_prefix("sha512:")?).ok().map(Artifact::Sha512)
}
