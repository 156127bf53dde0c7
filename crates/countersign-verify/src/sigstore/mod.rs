//! Bundles of the Sigstore ecosystem: a certificate that shows an identity, or a key, with what transparency logs and
//! timestamp authorities say about the signature. Everything is checked against a trusted root that the caller gives,
//! at a time that the caller gives, and offline.
//!
//! The arithmetic is done by the `sigstore-verify` family, behind `adapter`, the one module that knows it. What it
//! takes for granted, and what it leaves to its caller, is checked here: strict JSON, no time from the future, one name
//! in the certificate.

mod adapter;
mod beside;
mod certificate;
mod certified;
mod chain;
mod details;
pub(crate) mod form;
mod further;
mod logged;
mod older;
mod roots;
mod schemes;
mod spans;
mod windows;

pub use certificate::{CertificateClaims, CertificateName};
pub use countersign_core::trust::Transparency;
pub use roots::Roots;
pub(crate) use roots::stranger;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use countersign_core::bundle::{BundleError, shaped};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::envelope::PAYLOAD_TYPE;
use countersign_core::finding::{Code, Finding};
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::statement::type_of;
use countersign_core::time::Time;
use countersign_core::{json, limits};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;

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
    /// GitHub's own, for repositories that are not public. It has timestamps, and no logs.
    GitHub,
}

impl Instance {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Production, Self::Staging, Self::GitHub];

    /// The name by which it is asked for.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Production => "public-good",
            Self::Staging => "staging",
            Self::GitHub => "github",
        }
    }

    /// On which day the roots that come with this program were last fetched.
    #[must_use]
    pub fn fetched() -> Option<Time> {
        "2026-10-23T00:00:00Z".parse().ok()
    }

    /// The trusted root as it came with this program.
    #[must_use]
    pub const fn document(self) -> &'static str {
        adapter::embedded(self)
    }
}

/// A public key of any kind that bundles are signed with: ECDSA on P-256, P-384 or P-521, Ed25519, RSA, ML-DSA.
#[derive(Clone)]
pub struct BundleKey(adapter::Key);

impl std::fmt::Debug for BundleKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BundleKey").field(&self.id()).finish()
    }
}

impl BundleKey {
    /// Reads a key in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, Refused> {
        adapter::Key::from_pem(pem).map(Self)
    }

    /// Reads a `SubjectPublicKeyInfo`.
    pub fn from_der(der: &[u8]) -> Result<Self, Refused> {
        adapter::Key::from_der(der).map(Self)
    }

    /// Its name: that of the one form in which we write such a key, so that a key which somebody spelled in another way is the
    /// same one. Of a kind that we do not write it is that of its bytes.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let der = self.0.der();
        PublicKey::from_spki_der(der).map_or_else(|_kind| KeyId::of_spki_der(der), |key| key.id())
    }

    /// Whether a signature over these bytes holds, by a scheme of the key: of RSA in either padding and on the larger curves with
    /// either hash, since the key does not say which.
    #[must_use]
    pub fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.holds(message, signature)
    }
}

impl Instance {
    /// Its `trusted_root.json`, as it was when this program was made.
    #[must_use]
    pub const fn trusted_root(self) -> &'static str {
        adapter::embedded(self)
    }

    /// Its `signing_config.v0.2.json`, likewise; `None` where it signs for nobody but its own host.
    #[must_use]
    pub const fn signing_config(self) -> Option<&'static str> {
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

    /// Whether what was found wrong may be due to a certificate log's kind of key alone. A root whose certificate logs are all of such
    /// kinds has none for whoever looks for one, and is itself in order.
    fn may_be_of_log(&self) -> bool {
        [codes::SCT_INVALID, codes::SIGSTORE_ROOT_MALFORMED].contains(&self.code)
    }

    /// As a finding about this place.
    #[must_use]
    pub fn finding(&self, place: &str) -> Finding {
        Finding::new(self.code, self.what.as_str()).at(place)
    }
}

/// What a certificate says, with nothing checked: for looking at one. What it says proves nothing.
pub fn read_certificate(pem: &str) -> Result<CertificateClaims, Refused> {
    adapter::read_certificate(pem)
}

/// The same of one that is not in PEM.
pub fn read_der_certificate(der: &[u8]) -> Result<CertificateClaims, Refused> {
    adapter::read_der_certificate(der)
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

/// The forms of trusted roots that are read: what another one means, nobody knows here.
const ROOT_MEDIA_TYPES: [&str; 2] =
    ["application/vnd.dev.sigstore.trustedroot+json;version=0.1", "application/vnd.dev.sigstore.trustedroot.v0.2+json"];

/// A trusted root: certificate authorities, logs and timestamp authorities, each with its time.
pub struct TrustedRoot {
    digest: Sha256,
    verifier: adapter::Verifier,
    document: Vec<u8>,
    /// Whether it names a transparency log.
    logged: bool,
    /// Whether it names a certificate log.
    vouched: bool,
    known: beside::Logs,
    spans: spans::Spans,
    windows: windows::Windows,
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
        let value =
            json::parse_within(bytes, limits::SIGSTORE_ROOT_BYTES).map_err(|error| malformed(error.to_string()))?;
        let media = value.get("mediaType").and_then(Value::as_str).unwrap_or_default();
        if !ROOT_MEDIA_TYPES.contains(&media) {
            let found: String = media.chars().take(120).collect();
            return Err(malformed(format!("the trusted root's media type is none that is known: `{found}`")));
        }
        let some = |field: &str| value.get(field).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        let (logged, vouched) = (some("tlogs"), some("ctlogs"));
        details::fit(&value)?;
        let verifier = adapter::Verifier::new(bytes).map_err(malformed)?;
        let (known, spans) = (beside::Logs::of(&value), spans::Spans::of(&value)?);
        let windows = windows::Windows::of(&value)?;
        Ok(Self {
            digest: Sha256::of(bytes),
            verifier,
            document: bytes.to_vec(),
            logged,
            vouched,
            known,
            spans,
            windows,
        })
    }

    /// The trusted root of a published instance, as it was when this program was made.
    pub fn embedded(instance: Instance) -> Result<Self, Refused> {
        Self::parse(adapter::embedded(instance).as_bytes())
    }

    /// What this instance can be asked for: one that has no transparency log has its timestamps.
    #[must_use]
    pub const fn transparency(&self) -> Transparency {
        if self.logged { Transparency::Log } else { Transparency::Timestamp }
    }

    /// What a bundle is held to. To ask for a timestamp takes nothing away: a log that the root names is asked as ever, since whoever
    /// signs in secret leaves its entry out; and an entry that is there has to hold.
    fn asks(&self, transparency: Transparency, bundle: &Value) -> Asks {
        match transparency {
            Transparency::Log => Asks { logged: true, vouched: true },
            Transparency::Timestamp => Asks { logged: self.logged || is_logged(bundle), vouched: self.vouched },
        }
    }

    /// Where a timestamp is asked for, a log's word for the time is not enough; where the root names logs, no timestamp is instead of
    /// their entry.
    fn witnessed(&self, transparency: Transparency, bundle: &Value) -> Result<(), Refused> {
        if transparency == Transparency::Log {
            return Ok(());
        }
        if self.logged && !is_logged(bundle) {
            return Err(Refused::new(
                codes::INCLUSION_PROOF_INVALID,
                "no log has an entry of this, and the trusted root names transparency logs: `timestamp` is for instances without, \
                 and stands in for no entry",
            ));
        }
        if !is_stamped(bundle) {
            let what = "no timestamp authority says when this was signed, and a timestamp is asked for";
            return Err(Refused::new(codes::TIMESTAMP_MISSING, what));
        }
        Ok(())
    }

    /// What there is to say of a certificate whose log has a key of a kind that certificate logs are not read with.
    fn of_unread_log(&self, bundle: &Value) -> Option<Refused> {
        let root = json::parse(&self.document).ok()?;
        let kind = chain::unread_kind(&root, &logged::certificate_of(bundle).ok()?)?;
        let what =
            format!("the log that saw the certificate has {kind}: of certificate logs ECDSA on P-256 and RSA are read");
        Some(Refused::new(codes::SIGSTORE_UNSUPPORTED, what))
    }

    /// Its bytes, as they were read.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.document
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
        self.verify_cosigned(bundle, None, artifact, transparency, at)
    }

    /// The same, with the envelope's own bytes where they are at hand: older log entries are over those.
    pub fn verify_cosigned(
        &self,
        bundle: &[u8],
        envelope: Option<&[u8]>,
        artifact: Artifact<'_>,
        transparency: Transparency,
        at: Time,
    ) -> Result<Keyless, Refused> {
        let (bundle, value) = plain(bundle)?;
        let asks = self.asks(transparency, &value);
        let usual =
            |root: &[u8], verifier: &adapter::Verifier| match older::again(root, &value, envelope, artifact, None) {
                None => verifier.keyless(&bundle, artifact, asks),
                Some(again) => {
                    let again = again?;
                    verifier_of(&again.root)?.keyless(&again.bundle, artifact, asks)
                }
            };
        let judge = |root: &[u8], verifier: &adapter::Verifier| {
            usual(root, verifier).or_else(|refused| {
                let asked = further::Asked { root, bundle: &value, envelope, artifact, at };
                let signer = further::key_of(&value).unwrap_or_default();
                further::instead(&asked, &signer, &refused, || asked.certified(asks)).unwrap_or(Err(refused))
            })
        };
        let found = judge(&self.document, &self.verifier).map_err(|refused| {
            // The family calls a root without certificate logs malformed, which it is not.
            if asks.vouched && !self.vouched && refused.code() == codes::SIGSTORE_ROOT_MALFORMED {
                return Refused::new(codes::SCT_INVALID, UNVOUCHED);
            }
            let of_log = refused.may_be_of_log().then(|| self.of_unread_log(&value)).flatten();
            let refused = of_log.unwrap_or(refused);
            // Of a bundle without an entry it is said what would help, whatever else is missing.
            let missing = refused.code() == codes::INCLUSION_PROOF_INVALID;
            self.witnessed(transparency, &value).err().filter(|_| missing).unwrap_or(refused)
        })?;
        self.witnessed(transparency, &value)?;
        if let Some(root) = self.spans.without_ended(&self.document, &found.times, is_stamped(&value))? {
            judge(&root, &verifier_of(&root)?)?;
        }
        if let Some(root) = self.windows.counting(&self.document, &value, &found.times)? {
            judge(&root, &verifier_of(&root)?)?;
        }
        form::fits(&value, Some(artifact))?;
        certified::agrees(&value)?;
        self.known.agree(&value)?;
        past(&found.times, at)?;
        Ok(found)
    }

    /// Checks a bundle that was signed by this key, and logged; where the root names no logs, one with a timestamp will do. The times
    /// that are attested.
    pub fn verify_managed(
        &self,
        bundle: &[u8],
        artifact: Artifact<'_>,
        key: &BundleKey,
        at: Time,
    ) -> Result<Vec<Time>, Refused> {
        self.verify_managed_cosigned(bundle, None, artifact, key, Some(self.transparency()), at)
    }

    /// The same, with the envelope's own bytes where they are at hand, and with what has to witness it. Where that is nobody, what is
    /// there has to hold all the same, and something has to be there.
    pub fn verify_managed_cosigned(
        &self,
        bundle: &[u8],
        envelope: Option<&[u8]>,
        artifact: Artifact<'_>,
        key: &BundleKey,
        transparency: Option<Transparency>,
        at: Time,
    ) -> Result<Vec<Time>, Refused> {
        let (bundle, value) = plain(bundle)?;
        let signer = key.0.der();
        let logged = transparency.map_or_else(|| is_logged(&value), |asked| self.asks(asked, &value).logged);
        let usual = |root: &[u8], verifier: &adapter::Verifier| match older::again(
            root,
            &value,
            envelope,
            artifact,
            Some(signer),
        ) {
            None => verifier.managed(&bundle, artifact, &key.0, logged),
            Some(again) => {
                let again = again?;
                verifier_of(&again.root)?.managed(&again.bundle, artifact, &key.0, logged)
            }
        };
        let judge = |root: &[u8], verifier: &adapter::Verifier| {
            usual(root, verifier).or_else(|refused| {
                let asked = further::Asked { root, bundle: &value, envelope, artifact, at };
                further::instead(&asked, signer, &refused, || asked.managed(signer, logged)).unwrap_or(Err(refused))
            })
        };
        let times = judge(&self.document, &self.verifier)?;
        if !logged && times.is_empty() {
            let what = "no log has an entry of this, and no timestamp authority says when it was signed";
            return Err(Refused::new(codes::TIMESTAMP_MISSING, what));
        }
        if let Some(asked) = transparency {
            self.witnessed(asked, &value)?;
        }
        // Without a certificate, only the authorities of timestamps matter.
        if is_stamped(&value)
            && let Some(root) = self.spans.without_ended(&self.document, &times, true)?
        {
            judge(&root, &verifier_of(&root)?)?;
        }
        // Where nothing says when it was signed, the log has to count now, as the key has to.
        let when: &[Time] = if times.is_empty() { std::slice::from_ref(&at) } else { &times };
        if let Some(root) = self.windows.counting(&self.document, &value, when)? {
            judge(&root, &verifier_of(&root)?)?;
        }
        form::fits(&value, Some(artifact))?;
        self.known.agree(&value)?;
        past(&times, at)?;
        Ok(times)
    }
}

/// What is said where a certificate log's word is asked for, and the root names none.
const UNVOUCHED: &str = "no certificate log's word (SCT) for the certificate can be checked, since the trusted root names no certificate \
                         log: give a root with its `ctlogs`; of an instance that has none ask for timestamps instead \
                         (`--transparency timestamp`, or `transparency = \"timestamp\"` in trust), which takes no other log away";

fn verifier_of(root: &[u8]) -> Result<adapter::Verifier, Refused> {
    adapter::Verifier::new(root).map_err(|what| Refused::new(codes::SIGSTORE_ROOT_MALFORMED, what))
}

/// What is asked of a bundle beside its certificate and its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asks {
    /// That a transparency log of the root has an entry of it.
    logged: bool,
    /// That a certificate log of the root vouches for the certificate.
    vouched: bool,
}

/// Whether a bundle has log entries.
pub(crate) fn is_logged(bundle: &Value) -> bool {
    let entries = bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
    entries.is_some_and(|entries| !entries.is_empty())
}

/// Whether a bundle has timestamps.
pub(crate) fn is_stamped(bundle: &Value) -> bool {
    let stamps = bundle.pointer("/verificationMaterial/timestampVerificationData/rfc3161Timestamps");
    stamps.and_then(Value::as_array).is_some_and(|stamps| !stamps.is_empty())
}

/// What of a bundle is there twice, where one of several may be there: a reader takes the first of them, and another one the
/// second.
fn twice(bundle: &Value) -> Option<&'static str> {
    let some = |value: &Value, field: &str| value.get(field).is_some_and(|value| !value.is_null());
    let several = |value: &Value, fields: &[&str]| fields.iter().filter(|field| some(value, field)).count() > 1;
    if several(bundle, &["dsseEnvelope", "messageSignature"]) {
        return Some("an envelope and a signature over a file");
    }
    let material = bundle.get("verificationMaterial")?;
    if several(material, &["publicKey", "certificate", "x509CertificateChain"]) {
        return Some("more than one of a key, a certificate and a chain");
    }
    // To whoever counts witnesses, one is not to be two.
    let (mut places, mut leaves) = (BTreeSet::new(), BTreeSet::new());
    let again = |entry: &Value| {
        let bytes = |path: &str| entry.pointer(path).and_then(Value::as_str).map(|id| decoded(id).unwrap_or_default());
        let log = bytes("/logId/keyId");
        // Its place is signed in a promise, and its place in the proof by the checkpoint: the first may be any number where there is no promise.
        let leaf = entry
            .get("inclusionProof")
            .filter(|proof| proof.is_object())
            .map(|proof| (log.clone(), bytes("/canonicalizedBody"), place(proof.get("logIndex"))));
        let same_leaf = leaf.is_some_and(|leaf| !leaves.insert(leaf));
        !places.insert((log, place(entry.get("logIndex")))) || same_leaf
    };
    let mut entries = material.get("tlogEntries").and_then(Value::as_array).into_iter().flatten();
    entries.any(again).then_some("one entry of a log twice")
}

/// The number of an entry, however it is spelled; as text where it is none. What is left out is zero, in this notation.
fn place(value: Option<&Value>) -> Result<i128, String> {
    let text = form::number(value).unwrap_or_default();
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_number| text) }
}

/// The bytes as text, if they are JSON of one reading: what two readers take for two things was not signed.
fn strict(bytes: &[u8]) -> Result<(&str, Value), Refused> {
    let value = json::parse(bytes).map_err(|error| Refused::new(codes::BUNDLE_MALFORMED, error.to_string()))?;
    let text = std::str::from_utf8(bytes).map_err(|_utf8| Refused::new(codes::BUNDLE_MALFORMED, "not UTF-8"))?;
    let some = |field: &str| value.get(field).is_some_and(|part| !part.is_null());
    if value.is_object() && !some("dsseEnvelope") && !some("messageSignature") {
        return Err(Refused::new(codes::BUNDLE_MALFORMED, BundleError::NoEnvelope.to_string()));
    }
    // The family reads parts that are arrays, in which nothing here would be found by its name.
    shaped(&value).map_err(|error| Refused::new(codes::BUNDLE_MALFORMED, error.to_string()))?;
    if let Some(what) = twice(&value) {
        return Err(Refused::new(codes::BUNDLE_MALFORMED, format!("the bundle holds {what}")));
    }
    if unsigned_checkpoint(&value) {
        return Err(Refused::new(codes::CHECKPOINT_INVALID, "the log's checkpoint is not signed"));
    }
    let kind = value.pointer("/dsseEnvelope/payloadType").and_then(Value::as_str);
    if let Some(kind) = kind.filter(|kind| *kind != PAYLOAD_TYPE) {
        let kind: String = kind.chars().take(120).collect();
        return Err(Refused::new(codes::PAYLOAD_TYPE, format!("payload type `{kind}` is not {PAYLOAD_TYPE}")));
    }
    if let Some(kind) = unknown_statement(&value) {
        let what = format!("the envelope carries no in-toto statement of a version that is known: `{kind}`");
        return Err(Refused::new(codes::STATEMENT_MALFORMED, what));
    }
    Ok((text, value))
}

/// The same without what is null: in this notation that is left out. The family passes over it in one place and refuses it in another.
fn plain(bytes: &[u8]) -> Result<(Cow<'_, str>, Value), Refused> {
    let (text, mut value) = strict(bytes)?;
    if !json::holds_null(&value) {
        return Ok((Cow::Borrowed(text), value));
    }
    json::without_nulls(&mut value);
    Ok((Cow::Owned(value.to_string()), value))
}

/// The versions of in-toto's statements.
const STATEMENTS: [&str; 2] = ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];

/// Of which version the statement in an envelope says that it is, where that is none that is known. The family takes every
/// version for the one that it knows.
fn unknown_statement(bundle: &Value) -> Option<String> {
    let envelope = bundle.get("dsseEnvelope")?;
    if envelope.get("payloadType").and_then(Value::as_str) != Some(PAYLOAD_TYPE) {
        return None;
    }
    // What is no base64, or no JSON, is said where it is read.
    let payload = decoded(envelope.get("payload")?.as_str()?)?;
    let kind = type_of(&payload)?;
    (!STATEMENTS.contains(&kind.as_str())).then(|| kind.chars().take(120).collect())
}

/// Whether a log entry comes with a checkpoint under which nobody's signature stands: the family takes it for a bundle of a
/// wrong form.
fn unsigned_checkpoint(bundle: &Value) -> bool {
    let entries = bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
    let note = |entry: &Value| {
        let note = entry.pointer("/inclusionProof/checkpoint/envelope")?.as_str()?;
        Some(
            !note.is_empty()
                && !note.split_once("\n\n").is_some_and(|(_, signatures)| signatures.starts_with("\u{2014} ")),
        )
    };
    entries.into_iter().flatten().any(|entry| note(entry) == Some(true))
}

/// Base64 as the family reads it: in either alphabet, with its padding or without. What it reads and we do not would be absent here.
fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=').replace('-', "+").replace('_', "/")).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE};
    use serde_json::json;

    #[test]
    fn one_entry_of_a_log_is_one_however_its_number_is_spelled_and_wherever_it_says_that_it_stands() {
        let entry = |index: Value, proved: Value, body: &str| {
            json!({
                "logId": { "keyId": "AAAA" }, "logIndex": index, "canonicalizedBody": body,
                "inclusionProof": { "logIndex": proved, "rootHash": "AAAA" },
            })
        };
        let is_twice = |one: &Value, other: &Value| {
            twice(&json!({ "verificationMaterial": { "tlogEntries": [one, other] } })).is_some()
        };
        let one = entry(json!("2"), json!("1"), "e30=");
        for spelled in [json!("2"), json!(2), json!("02"), json!("+2"), json!("+002")] {
            assert!(is_twice(&one, &entry(spelled.clone(), json!("7"), "e31=")), "{spelled}");
        }
        for spelled in [json!("1"), json!(1), json!("+1")] {
            assert!(is_twice(&one, &entry(json!("7777"), spelled.clone(), "e30")), "{spelled}");
        }
        assert!(is_twice(&entry(json!("0"), json!("3"), "e30="), &entry(Value::Null, json!("4"), "e31=")));
        // The same may have been logged twice, and another may stand at that place of another tree.
        assert!(!is_twice(&one, &entry(json!("3"), json!("2"), "e30=")));
        assert!(!is_twice(&one, &entry(json!("3"), json!("1"), "e31=")));
        let mut of_another = one.clone();
        of_another["logId"]["keyId"] = json!("AAAB");
        assert!(!is_twice(&one, &of_another));
        // Without a proof its number is all that there is.
        let promised =
            |index: &str| json!({ "logId": { "keyId": "AAAA" }, "logIndex": index, "canonicalizedBody": "e30=" });
        assert!(!is_twice(&promised("2"), &promised("3")) && is_twice(&promised("2"), &promised("+2")));
    }

    #[test]
    fn a_statement_of_an_unknown_version_is_seen_and_a_known_one_is_none() {
        let bundle = |statement: Value| json!({ "dsseEnvelope": { "payloadType": PAYLOAD_TYPE, "payload": BASE64.encode(statement.to_string()) } });
        for known in STATEMENTS {
            assert_eq!(unknown_statement(&bundle(json!({ "_type": known }))), None);
        }
        for unknown in [json!({}), json!({ "_type": "https://in-toto.io/Statement/v9" }), json!({ "_type": 1 })] {
            assert!(unknown_statement(&bundle(unknown.clone())).is_some(), "{unknown}");
        }
        assert_eq!(unknown_statement(&json!({ "messageSignature": {} })), None);
        // However its base64 is spelled: the family reads each of these.
        let statement = json!({ "_type": "https://in-toto.io/Statement/v9", "x": "\u{fbff}\u{ffff}" }).to_string();
        let usual = BASE64.encode(&statement);
        for payload in [URL_SAFE.encode(&statement), usual.trim_end_matches('=').to_owned(), usual] {
            let bundle = json!({ "dsseEnvelope": { "payloadType": PAYLOAD_TYPE, "payload": payload } });
            assert!(unknown_statement(&bundle).is_some(), "{payload}");
        }
    }

    #[test]
    fn what_has_neither_an_envelope_nor_a_signature_is_said_to_be_no_bundle() {
        let said = |document: Value| {
            let text = document.to_string();
            let refused = strict(text.as_bytes()).map(drop).unwrap_err();
            (refused.code(), refused.finding("here").what)
        };
        for none in [json!({ "attestations": [{ "bundle": {} }] }), json!({ "dsseEnvelope": null }), json!({})] {
            assert_eq!(said(none), (codes::BUNDLE_MALFORMED, BundleError::NoEnvelope.to_string()));
        }
        assert!(said(json!([])).1.contains("the bundle has to be an object"));
    }

    #[test]
    fn a_trusted_root_of_a_form_that_nobody_knows_is_none() {
        let mut root: Value = serde_json::from_str(Instance::Production.trusted_root()).unwrap();
        assert!(TrustedRoot::parse(root.to_string().as_bytes()).is_ok());
        root["mediaType"] = json!(ROOT_MEDIA_TYPES[1]);
        assert!(TrustedRoot::parse(root.to_string().as_bytes()).is_ok());
        for other in
            [json!("application/vnd.dev.sigstore.trustedroot+json;version=0.9"), json!("text/plain"), Value::Null]
        {
            root["mediaType"] = other.clone();
            let refused = TrustedRoot::parse(root.to_string().as_bytes()).unwrap_err();
            assert_eq!(refused.code(), codes::SIGSTORE_ROOT_MALFORMED, "{other}");
        }
    }

    #[test]
    fn a_key_on_a_curve_has_one_name_however_its_point_is_written() {
        use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, EcPublicKeyCompressedBin};
        use aws_lc_rs::signature::{
            ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
            EcdsaKeyPair, KeyPair as _,
        };
        use x509_cert::der::asn1::BitString;
        use x509_cert::der::{Decode as _, Encode as _};
        use x509_cert::spki::SubjectPublicKeyInfoOwned;
        for kind in [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING]
        {
            let pair = EcdsaKeyPair::generate(kind).unwrap();
            let full = pair.public_key().as_der().unwrap().as_ref().to_vec();
            let known = BundleKey::from_der(&full).unwrap();
            let short: EcPublicKeyCompressedBin<'_> = pair.public_key().as_be_bytes().unwrap();
            let written = |point: &[u8]| {
                let mut key = SubjectPublicKeyInfoOwned::from_der(&full).unwrap();
                key.subject_public_key = BitString::from_bytes(point).unwrap();
                key.to_der().unwrap()
            };
            let signature = pair.sign(&aws_lc_rs::rand::SystemRandom::new(), b"message").unwrap();
            // The short form; and the key within a key, which the library would take as well.
            for other in [written(short.as_ref()), written(&full)] {
                assert_ne!(other, full);
                let key = BundleKey::from_der(&other).unwrap();
                assert_eq!(key.id(), known.id());
                assert!(key.holds(b"message", signature.as_ref()) && !key.holds(b"massage", signature.as_ref()));
            }
            let mut none = short.as_ref().to_vec();
            none[0] = 9;
            assert!(BundleKey::from_der(&written(&none)).is_err(), "what is no point is no key");
            assert!(BundleKey::from_der(&written(&[])).is_err());
        }
    }

    #[test]
    fn an_rsa_key_has_one_name_however_it_is_marked_and_either_padding_holds() {
        use aws_lc_rs::encoding::AsDer as _;
        use aws_lc_rs::rsa::KeySize;
        use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let plain = pair.public_key().as_der().unwrap().as_ref().to_vec();
        // The algorithm is 15 bytes behind a head of four; a marked one has no parameters, and the outer length is two less.
        let algorithm =
            [&[0x30, 0x0b, 0x06, 0x09][..], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a]].concat();
        let mut marked = [&plain[..4], &algorithm, &plain[19..]].concat();
        marked[3] -= 2;
        let keys = [BundleKey::from_der(&plain).unwrap(), BundleKey::from_der(&marked).unwrap()];
        assert_eq!(keys[0].id(), keys[1].id());
        for padding in [&RSA_PSS_SHA256, &RSA_PKCS1_SHA256] {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &aws_lc_rs::rand::SystemRandom::new(), b"message", &mut signature).unwrap();
            for key in &keys {
                assert!(key.holds(b"message", &signature));
                assert!(!key.holds(b"massage", &signature));
            }
        }
        marked.pop();
        assert!(BundleKey::from_der(&marked).is_err(), "one that is cut off");
        // And one whose algorithm has no parameters at all, where others write NULL.
        let algorithm = [&[0x30, 0x0b][..], &plain[6..17]].concat();
        let mut bare = [&plain[..4], &algorithm, &plain[19..]].concat();
        bare[3] -= 2;
        assert_eq!(BundleKey::from_der(&bare).unwrap().id(), keys[0].id());
    }
}
