//! Signing with an identity: asked of a Sigstore instance, and verified whole before it goes anywhere.

use crate::documents;
use crate::error::FlowError;
use crate::files;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::key::KeyId;
use countersign_core::limits;
use countersign_core::statement::Statement;
use countersign_core::time::Time;
use countersign_core::trust::ShownIdentity;
use countersign_sign::keyless::{
    Ambient, CertifiedKey, ConfigError, Content, IdentityToken, KeylessError, Provider, Services, Show, ambient_token,
    browser_token, sign_keyless,
};
use countersign_verify::sigstore::{Artifact, Keyless, Transparency, TrustedRoot, read_der_certificate};
use std::path::Path;
use std::time::Duration;

/// How far the clocks of an instance may be ahead of this machine's.
const AHEAD: i64 = 300;

/// How long somebody may take to sign in.
const SIGN_IN: Duration = Duration::from_mins(3);

/// Where the identity token comes from.
pub enum TokenFrom<'a> {
    /// A file.
    File(&'a Path),
    /// The token itself. Only the conformance suite hands one over in this way.
    Given(&'a str),
    /// The CI job, or the machine, that this runs in: the one that is named, or the first that there is.
    Ambient(&'a Ambient, Option<Provider>),
    /// Whoever signs in with a browser, to whom the address is shown.
    Browser(Show<'a>),
}

impl std::fmt::Debug for TokenFrom<'_> {
    /// Never a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Given(_) => "Given",
            Self::Ambient(..) => "Ambient",
            Self::Browser(_) => "Browser",
        })
    }
}

/// Somebody with an identity token, and the instance that is asked.
#[derive(Debug)]
pub struct IdentitySigner {
    token: IdentityToken,
    services: Services,
    root: TrustedRoot,
    at: Time,
    patience: Duration,
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
    /// With the instance's `signing_config.v0.2.json` and `trusted_root.json`. Each service may take so long.
    pub fn open(
        config: &Path,
        root: &Path,
        token: &TokenFrom<'_>,
        at: Time,
        patience: Duration,
    ) -> Result<Self, FlowError> {
        let config = files::read(config, limits::SIGSTORE_ROOT_BYTES)?;
        Self::with(&config, &documents::sigstore_root(root)?, token, at, patience)
    }

    /// The same from the two documents.
    pub fn with(
        config: &[u8],
        root: &[u8],
        token: &TokenFrom<'_>,
        at: Time,
        patience: Duration,
    ) -> Result<Self, FlowError> {
        let services = Services::parse(config, at).map_err(KeylessError::Config)?;
        let root = TrustedRoot::parse(root)
            .map_err(|error| FlowError::Refused(vec![error.finding("the instance's trusted root")]))?;
        let token = match token {
            TokenFrom::Ambient(ambient, provider) => ambient_token(ambient, *provider, patience)?,
            TokenFrom::Given(text) => IdentityToken::parse(text).map_err(KeylessError::Token)?,
            TokenFrom::File(path) => {
                let text = files::read(path, limits::KEY_BYTES)?;
                IdentityToken::parse(&String::from_utf8_lossy(&text)).map_err(KeylessError::Token)?
            }
            TokenFrom::Browser(show) => {
                let issuer = services.issuer.as_deref().ok_or(ConfigError::None { service: "issuer of tokens" });
                browser_token(issuer.map_err(KeylessError::Config)?, *show, SIGN_IN, patience)?
            }
        };
        Ok(Self { token, services, root, at, patience })
    }

    /// The instance's trusted root, by which what is signed is verified.
    pub(crate) const fn root(&self) -> &TrustedRoot {
        &self.root
    }

    /// Signs a statement. What does not verify against the instance's trusted root is never given back.
    pub fn sign(&self, statement: &Statement) -> Result<SignedByIdentity, FlowError> {
        let payload = statement.to_bytes()?;
        let bundle = sign_keyless(Content::Statement(&payload), &self.token, &self.services, self.patience)?;
        self.whole(statement, &payload, bundle)
    }

    /// The bundle over a statement, as its reader will read it.
    fn whole(&self, statement: &Statement, payload: &[u8], bundle: Vec<u8>) -> Result<SignedByIdentity, FlowError> {
        let artifact = Artifact::of(&statement.subjects)
            .map_err(|error| FlowError::Refused(vec![error.finding("the statement")]))?;
        let signed = self.checked(bundle, artifact)?;
        let read = Signed::parse(&signed.bundle).ok();
        let read = read.filter(|read| read.payload == payload && signed.shown.payload == payload);
        if read.is_none_or(|read| read.digest != Sha256::of(&signed.bundle)) {
            let what = "the bundle does not read back as it was signed";
            return Err(FlowError::Refused(vec![Finding::new(codes::BUNDLE_MALFORMED, what).at(PLACE)]));
        }
        Ok(signed)
    }

    /// Signs whatever is signed, and checks it as its reader will.
    pub(crate) fn signed(&self, content: Content<'_>, artifact: Artifact<'_>) -> Result<SignedByIdentity, FlowError> {
        self.checked(sign_keyless(content, &self.token, &self.services, self.patience)?, artifact)
    }

    fn checked(&self, bundle: Vec<u8>, artifact: Artifact<'_>) -> Result<SignedByIdentity, FlowError> {
        let shown = self
            .root
            .verify_keyless(&bundle, artifact, Transparency::Log, self.at.plus(AHEAD))
            .map_err(|error| FlowError::Refused(vec![error.finding(PLACE)]))?;
        Ok(SignedByIdentity { bundle, shown })
    }

    /// Has a key certified, without signing yet: a decision names whoever makes it.
    pub fn certified(self) -> Result<Certified, FlowError> {
        let key = CertifiedKey::obtain(&self.token, &self.services, self.patience)?;
        let claims = read_der_certificate(key.certificate())
            .map_err(|error| FlowError::Refused(vec![error.finding("the new certificate")]))?;
        let (id, shown) = (KeyId::of_spki_der(&claims.spki), claims.under(*self.root.digest()));
        Ok(Certified { signer: self, key, id, shown })
    }
}

/// Somebody with a certificate that is good for some minutes, and what it shows. That it holds is seen by what it signs.
#[derive(Debug)]
pub struct Certified {
    signer: IdentitySigner,
    key: CertifiedKey,
    id: KeyId,
    shown: ShownIdentity,
}

impl Certified {
    /// The name of the certificate's key.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// What the certificate shows.
    #[must_use]
    pub const fn shown(&self) -> &ShownIdentity {
        &self.shown
    }

    /// The instance's trusted root, which has to lie beside what is signed.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        self.signer.root.document()
    }

    /// Signs a statement, as [`IdentitySigner::sign`] does.
    pub fn sign(&self, statement: &Statement) -> Result<SignedByIdentity, FlowError> {
        let payload = statement.to_bytes()?;
        let IdentitySigner { services, patience, .. } = &self.signer;
        let bundle = self.key.sign(Content::Statement(&payload), services, *patience)?;
        self.signer.whole(statement, &payload, bundle)
    }
}

/// What a refusal is about.
const PLACE: &str = "the new bundle";
