//! The only module that knows the `sigstore-verify` family. No type of it leaves here, and no text of its errors
//! decides anything: each kind of error becomes a code of ours.

use super::schemes::{self, Kind};
use super::{Artifact, Asks, CertificateClaims, CertificateName, Instance, Keyless, Refused};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::codes;
use countersign_core::finding::Code;
use countersign_core::time::Time;
use countersign_core::trust::Claim;
use serde_json::Value;
use sigstore_verify::bundle::{Error as FormError, ValidationOptions, validate_bundle_with_options};
pub(super) use sigstore_verify::crypto::WEBPKI_VERIFICATION_ALGS as CERTIFICATE_ALGORITHMS;
use sigstore_verify::crypto::{CertificateInfo, FulcioCiClaims, SubjectAltName};
use sigstore_verify::crypto::{VerificationKey, parse_certificate_info};
use sigstore_verify::trust_root::{
    SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_SIGNING_CONFIG, SIGSTORE_PRODUCTION_TRUSTED_ROOT,
    SIGSTORE_STAGING_SIGNING_CONFIG, SIGSTORE_STAGING_TRUSTED_ROOT, TrustedRoot,
};
use sigstore_verify::tsa::verify_timestamp_for_authority;
use sigstore_verify::types::{
    self, Bundle, DerCertificate, DerPublicKey, HashAlgorithm, SignatureBytes, SignatureContent,
};
use sigstore_verify::{
    CertificateError, Error, PublicKeyVerificationPolicy, TimestampError, TransparencyLogError, VerificationPolicy,
};
use std::collections::BTreeMap;
use x509_cert::Certificate;
use x509_cert::der::asn1::{Any, BitString, ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName as SubjectAltNames;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

/// The family's verifier over one trusted root: made once, used for many bundles.
pub(super) struct Verifier(sigstore_verify::Verifier);

/// The trusted root that came with the family.
pub(super) const fn embedded(instance: Instance) -> &'static str {
    match instance {
        Instance::Production => SIGSTORE_PRODUCTION_TRUSTED_ROOT,
        Instance::Staging => SIGSTORE_STAGING_TRUSTED_ROOT,
        Instance::GitHub => SIGSTORE_GITHUB_TRUSTED_ROOT,
    }
}

/// A public key of any kind that bundles are signed with.
#[derive(Clone)]
pub(super) struct Key(DerPublicKey);

impl Key {
    /// From PEM.
    pub(super) fn from_pem(pem: &str) -> Result<Self, Refused> {
        let wrong =
            |what: String| Refused::new(codes::SIGNER_UNKNOWN, format!("the public key does not parse: {what}"));
        // Of several, one would count and the others would not, and nobody would hear of it.
        let blocks = pem.matches("-----BEGIN ").count();
        if blocks != 1 {
            let found = if blocks == 0 { "it is no PEM".to_owned() } else { format!("it holds {blocks} PEM blocks") };
            return Err(wrong(format!("{found}, where one block `PUBLIC KEY` is read")));
        }
        let key = match pkcs1(pem) {
            Some(key) => key,
            None => unmarked(DerPublicKey::from_pem(pem).map_err(|error| wrong(error.to_string()))?.as_bytes()),
        };
        Self::checked(DerPublicKey::new(key))
    }

    /// From `SubjectPublicKeyInfo`.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, Refused> {
        Self::checked(DerPublicKey::new(unmarked(der)))
    }

    /// One whose signatures can be checked; of any other kind, which kind it is.
    fn checked(key: DerPublicKey) -> Result<Self, Refused> {
        let kind = Kind::of(key.as_bytes());
        match VerificationKey::from_spki(&key) {
            _ if kind == Kind::P521 => Ok(Self(key)),
            // What signs by a curve's point that is no full one even now would be that key under another name.
            Ok(_) if matches!(kind, Kind::P256 | Kind::P384) && schemes::in_full(key.as_bytes()).is_none() => Err(
                Refused::new(codes::SIGNER_UNKNOWN, "the public key does not parse: its point is none of its curve"),
            ),
            Ok(_) if kind != Kind::Rsa || schemes::strong(key.as_bytes()) => Ok(Self(key)),
            known => Err(match (schemes::unknown(key.as_bytes()), known) {
                (None, Err(error)) => {
                    Refused::new(codes::SIGNER_UNKNOWN, format!("the public key does not parse: {error}"))
                }
                (None, Ok(_)) => Refused::new(codes::SIGNER_UNKNOWN, "the public key does not parse"),
                (Some(kind), _) => Refused::new(
                    codes::SIGSTORE_UNSUPPORTED,
                    format!(
                        "signatures by {kind} cannot be checked here: ECDSA on P-256, P-384 and P-521, Ed25519, RSA of 2048 \
                         to 8192 bits and ML-DSA can"
                    ),
                ),
            }),
        }
    }

    /// The `SubjectPublicKeyInfo`.
    pub(super) fn der(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether a signature holds, by the scheme that the key stands for, or a further one.
    pub(super) fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        let usual = || {
            let signature = SignatureBytes::new(signature.to_vec());
            VerificationKey::from_spki(&self.0).is_ok_and(|key| key.verify(message, &signature).is_ok())
        };
        usual() || schemes::hold(self.der(), Artifact::Bytes(message), signature)
    }
}

/// An RSA key as PKCS#1 has it, in the form that every other key has.
fn pkcs1(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN RSA PUBLIC KEY-----")?;
    let (inside, _) = rest.split_once("-----END RSA PUBLIC KEY-----")?;
    let der = BASE64.decode(inside.split_ascii_whitespace().collect::<String>()).ok()?;
    rsa(BitString::from_bytes(&der).ok()?)
}

/// A key in the one form in which such keys are written, so that it has one name however it is spelled: of an RSA key whether it is
/// marked as one for PSS, and whether `NULL` stands where there are no parameters; of one on a curve whether its point is written in
/// full. Any other key as it is.
fn unmarked(der: &[u8]) -> Vec<u8> {
    let plain = || {
        let key = SubjectPublicKeyInfoOwned::from_der(der).ok()?;
        if [RSA, RSA_PSS].contains(&key.algorithm.oid) { rsa(key.subject_public_key) } else { schemes::in_full(der) }
    };
    plain().unwrap_or_else(|| der.to_vec())
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

fn rsa(key: BitString) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifierOwned { oid: RSA, parameters: Some(Any::null()) };
    SubjectPublicKeyInfoOwned { algorithm, subject_public_key: key }.to_der().ok()
}

/// The signing configuration that came with the family; GitHub's own instance signs for nobody else.
pub(super) const fn signing_config(instance: Instance) -> Option<&'static str> {
    match instance {
        Instance::Production => Some(SIGSTORE_PRODUCTION_SIGNING_CONFIG),
        Instance::Staging => Some(SIGSTORE_STAGING_SIGNING_CONFIG),
        Instance::GitHub => None,
    }
}

impl Verifier {
    pub(super) fn new(root: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(root).map_err(|_utf8| "not UTF-8".to_owned())?;
        let mut root = TrustedRoot::from_json(text).map_err(|error| error.to_string())?;
        // The family refuses a whole root for one log whose kind of key it does not know. Such a log is none, and the others stand.
        root.tlogs.retain(|log| !foreign(&log.public_key.raw_bytes));
        root.ctlogs.retain(|log| !foreign(&log.public_key.raw_bytes));
        sigstore_verify::Verifier::new(&root).map(Self).map_err(|error| error.to_string())
    }

    pub(super) fn keyless(&self, bundle: &str, artifact: Artifact<'_>, asks: Asks) -> Result<Keyless, Refused> {
        let bundle = read(bundle)?;
        let policy = VerificationPolicy::any_identity();
        // An instance that has no such log is not asked for its word.
        let policy = if asks.logged { policy } else { policy.skip_tlog_unsafe() };
        let policy = if asks.vouched { policy } else { policy.skip_sct() };
        let found = self.0.verify(artifact_of(artifact)?, &bundle, &policy).map_err(|error| refused(&error))?;
        let short = |what: &str| Refused::new(codes::SIGSTORE_UNSUPPORTED, what);
        // What the policy asks for, the family has checked; that it says so is checked again.
        let made = (found.tlog_verified() || !asks.logged) && (found.sct_verified() || !asks.vouched);
        if !found.certificate_verified() || !made {
            return Err(short("a check that was asked for was not made"));
        }
        let info = found.certificate().ok_or_else(|| short("no certificate"))?;
        let times = times(found.verified_timestamps())?;
        if times.is_empty() {
            return Err(Refused::new(codes::TIMESTAMP_MISSING, "nothing says when this was signed"));
        }
        let der = bundle.signing_certificate().ok_or_else(|| short("no certificate"))?;
        one_name(der.as_bytes())?;
        let payload = if let SignatureContent::DsseEnvelope(envelope) = &bundle.content {
            envelope.payload.as_bytes().to_vec()
        } else {
            Vec::new()
        };
        Ok(Keyless { certificate: claims(info, der.as_bytes())?, times, payload, logged: found.tlog_verified() })
    }

    pub(super) fn managed(
        &self,
        bundle: &str,
        artifact: Artifact<'_>,
        key: &Key,
        logged: bool,
    ) -> Result<Vec<Time>, Refused> {
        let bundle = read(bundle)?;
        let policy = PublicKeyVerificationPolicy::new(key.0.clone());
        let policy = if logged { policy } else { policy.skip_tlog_unsafe() };
        let found = self.0.verify(artifact_of(artifact)?, &bundle, &policy).map_err(|error| refused(&error))?;
        times(found.verified_timestamps())
    }
}

/// Whether a log's key is of a kind that the family does not know, and otherwise well-formed.
fn foreign(key: &DerPublicKey) -> bool {
    let known = VerificationKey::from_spki(key).is_ok();
    !known && (Kind::of(key.as_bytes()) == Kind::P521 || schemes::unknown(key.as_bytes()).is_some())
}

fn read(bundle: &str) -> Result<Bundle, Refused> {
    Bundle::from_json(bundle).map_err(|error| Refused::new(codes::BUNDLE_MALFORMED, error.to_string()))
}

/// Whether a bundle has the parts that its version asks for; nothing is checked of them.
pub(super) fn well_formed(bundle: &Value, logged: bool) -> Result<(), Refused> {
    let options = ValidationOptions::new().with_require_inclusion_proof(logged).with_require_timestamp(false);
    let bundle = read(&with_known_entries(bundle))?;
    validate_bundle_with_options(&bundle, &options).map_err(|error| refused(&Error::Bundle(error)))
}

/// The bundle with its log entries under the name of a kind that the family knows: it does not read a bundle with any other, and
/// what is asked of it here does not depend on that.
fn with_known_entries(bundle: &Value) -> String {
    let mut out = bundle.clone();
    let entries = out.pointer_mut("/verificationMaterial/tlogEntries").and_then(Value::as_array_mut);
    for kind in entries.into_iter().flatten().filter_map(|entry| entry.get_mut("kindVersion")) {
        let word = |field: &str| kind.get(field).and_then(Value::as_str).unwrap_or_default();
        let version = match (word("kind"), word("version")) {
            ("dsse", "0.0.2") => "0.0.2",
            ("intoto", "0.0.1") => "0.0.1",
            _ => continue,
        };
        *kind = serde_json::json!({ "kind": "hashedrekord", "version": version });
    }
    out.to_string()
}

/// The times of a bundle's timestamps: each by an authority of the root that counted then, over the signature.
pub(super) fn stamped(root: &[u8], bundle: &Value) -> Result<Vec<Time>, Refused> {
    let malformed = |what: String| Refused::new(codes::SIGSTORE_ROOT_MALFORMED, what);
    let root = TrustedRoot::from_json(&String::from_utf8_lossy(root)).map_err(|error| malformed(error.to_string()))?;
    let (bundle, authorities) = (read(&with_known_entries(bundle))?, root.tsa_authorities());
    let signature = match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) => &envelope.signature.sig,
        SignatureContent::MessageSignature(message) => &message.signature,
        _ => return Err(Refused::new(codes::BUNDLE_MALFORMED, "the bundle has no signature")),
    };
    let stamps = &bundle.verification_material.timestamp_verification_data.rfc3161_timestamps;
    let mut found = Vec::new();
    for stamp in stamps {
        let mut why = "the trusted root has no timestamp authority".to_owned();
        let held = authorities.iter().find_map(|authority| {
            verify_timestamp_for_authority(&stamp.signed_timestamp, signature, authority)
                .map_err(|error| why = error.to_string())
                .ok()
        });
        found.push(held.ok_or_else(|| Refused::new(codes::TIMESTAMP_INVALID, readable(&why)))?);
    }
    times(&found)
}

/// What a certificate says whose key the family does not know; it has this one.
pub(super) fn claims_of(der: &[u8], spki: &[u8]) -> Result<CertificateClaims, Refused> {
    one_name(der)?;
    let said = read_der_certificate(der)?;
    Ok(CertificateClaims { spki: spki.to_vec(), ..said })
}

fn artifact_of(artifact: Artifact<'_>) -> Result<types::Artifact<'_>, Refused> {
    let digest = |algorithm, bytes: &[u8]| {
        types::ArtifactDigest::new(algorithm, bytes.to_vec())
            .map(types::Artifact::from_digest)
            .map_err(|error| Refused::new(codes::SUBJECT_MISMATCH, error.to_string()))
    };
    match artifact {
        Artifact::Bytes(bytes) => Ok(types::Artifact::from_blob(bytes)),
        Artifact::Sha256(bytes) => digest(HashAlgorithm::Sha2256, &bytes),
        Artifact::Sha512(bytes) => digest(HashAlgorithm::Sha2512, &bytes),
    }
}

/// What a certificate says, with nothing checked.
pub(super) fn read_certificate(pem: &str) -> Result<CertificateClaims, Refused> {
    let wrong =
        |what: String| Refused::new(codes::CERTIFICATE_INVALID, format!("the certificate does not parse: {what}"));
    let certificate = DerCertificate::from_pem(pem).map_err(|error| wrong(error.to_string()))?;
    read_der_certificate(certificate.as_bytes())
}

/// The same of one that is not in PEM.
pub(super) fn read_der_certificate(der: &[u8]) -> Result<CertificateClaims, Refused> {
    let info = |der: &[u8]| parse_certificate_info(&DerCertificate::new(der.to_vec()));
    // The family reads no certificate with a key that it does not know: what else is in it, it reads from the same one with another.
    let found = info(der).or_else(|error| match with_known_key(der) {
        Some((other, spki)) => info(&other).map(|found| {
            let mut found = found;
            found.public_key = DerPublicKey::new(spki);
            found
        }),
        None => Err(error),
    });
    let found = found.map_err(|error| {
        Refused::new(codes::CERTIFICATE_INVALID, format!("the certificate does not parse: {error}"))
    })?;
    claims(&found, der)
}

/// A certificate on P-521 with a key of nobody's on P-256 in the place of its own, and its own.
fn with_known_key(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut certificate = Certificate::from_der(der).ok()?;
    let key = &mut certificate.tbs_certificate.subject_public_key_info;
    let spki = key.to_der().ok()?;
    if Kind::of(&spki) != Kind::P521 {
        return None;
    }
    let curve = ObjectIdentifier::new("1.2.840.10045.3.1.7").ok()?;
    key.algorithm.parameters = Some(Any::encode_from(&curve).ok()?);
    key.subject_public_key = BitString::from_bytes(&[4; 65]).ok()?;
    Some((certificate.to_der().ok()?, spki))
}

/// In whole seconds. A fraction counts as a whole one: a signature is never said to be older than was attested.
fn times<T: Copy + Into<std::time::SystemTime>>(times: &[T]) -> Result<Vec<Time>, Refused> {
    let outside = || Refused::new(codes::TIMESTAMP_INVALID, "a time before 1970 or after 9999");
    let seconds = |time: &T| {
        let time: std::time::SystemTime = (*time).into();
        let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
        let begun = u64::from(since.subsec_nanos() > 0);
        Time::from_unix(i64::try_from(since.as_secs().checked_add(begun)?).ok()?).ok()
    };
    times.iter().map(|time| seconds(time).ok_or_else(outside)).collect()
}

/// A certificate with two names would be read as the one by us and as the other by somebody else. Fulcio writes one.
fn one_name(der: &[u8]) -> Result<(), Refused> {
    let refused = |what: &str| Refused::new(codes::CERTIFICATE_INVALID, what);
    let certificate = Certificate::from_der(der).map_err(|_der| refused("the certificate does not parse"))?;
    match certificate.tbs_certificate.get::<SubjectAltNames>() {
        Ok(Some((_, names))) if names.0.len() == 1 => Ok(()),
        _ => Err(refused("the certificate does not have exactly one name")),
    }
}

/// Fulcio's name for somebody whom an issuer knows by a user name alone: `name!domain`.
fn user_name(certificate: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let (_, names) = certificate.tbs_certificate.get::<SubjectAltNames>().ok()??;
    let [GeneralName::OtherName(name)] = names.0.as_slice() else { return None };
    let of_fulcio = ObjectIdentifier::new("1.3.6.1.4.1.57264.1.7").ok()?;
    if name.type_id != of_fulcio {
        return None;
    }
    let text = name.value.decode_as::<Utf8StringRef<'_>>().ok()?;
    Some(text.as_str().to_owned())
}

fn claims(info: &CertificateInfo, der: &[u8]) -> Result<CertificateClaims, Refused> {
    let lacks = |what: &str| Refused::new(codes::CERTIFICATE_INVALID, format!("the certificate has no {what}"));
    let name = match info.identity.as_ref() {
        Some(SubjectAltName::Email(text)) => CertificateName::Email(text.clone()),
        Some(SubjectAltName::Uri(text)) => CertificateName::Uri(text.clone()),
        _ => match user_name(der) {
            Some(text) => CertificateName::User(text),
            None => return Err(lacks("name of a kind that is read: an e-mail address, a URI or a user name")),
        },
    };
    let issuer = info.issuer.clone().ok_or_else(|| lacks("OIDC issuer"))?;
    Ok(CertificateClaims { issuer, name, claims: ci(&info.ci_claims), spki: info.public_key.as_bytes().to_vec() })
}

/// Certificates of before 2023 say some of it in extensions that only GitHub's have.
fn ci(found: &FulcioCiClaims) -> BTreeMap<Claim, String> {
    let old = &found.deprecated_github;
    let repository = old.workflow_repository.as_ref().map(|name| format!("https://github.com/{name}"));
    let mut claims: BTreeMap<Claim, String> = [
        (Claim::Repository, &repository),
        (Claim::Ref, &old.workflow_ref),
        (Claim::Commit, &old.workflow_sha),
        (Claim::Trigger, &old.workflow_trigger),
        (Claim::WorkflowName, &old.workflow_name),
    ]
    .into_iter()
    .filter_map(|(claim, value)| Some((claim, value.clone()?)))
    .collect();
    claims.extend(newer(found));
    claims
}

fn newer(found: &FulcioCiClaims) -> BTreeMap<Claim, String> {
    [
        (Claim::Workflow, &found.build_signer_uri),
        (Claim::WorkflowDigest, &found.build_signer_digest),
        (Claim::Runner, &found.runner_environment),
        (Claim::Repository, &found.source_repository_uri),
        (Claim::Commit, &found.source_repository_digest),
        (Claim::Ref, &found.source_repository_ref),
        (Claim::RepositoryId, &found.source_repository_identifier),
        (Claim::Owner, &found.source_repository_owner_uri),
        (Claim::OwnerId, &found.source_repository_owner_identifier),
        (Claim::Config, &found.build_config_uri),
        (Claim::ConfigDigest, &found.build_config_digest),
        (Claim::Trigger, &found.build_trigger),
        (Claim::Run, &found.run_invocation_uri),
        (Claim::Visibility, &found.source_repository_visibility_at_signing),
        (Claim::Environment, &found.deployment_environment),
        (Claim::Subject, &found.token_subject),
    ]
    .into_iter()
    .filter_map(|(claim, value)| Some((claim, value.clone()?)))
    .collect()
}

fn refused(error: &Error) -> Refused {
    Refused::new(code_of(error), readable(&error.to_string()))
}

/// The family writes some times as a number of seconds in the words of a program: as a time, people can read them.
fn readable(text: &str) -> String {
    const BEFORE: &str = "UnixTime(";
    let mut parts = text.split(BEFORE);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let read =
            part.split_once(')').and_then(|(number, rest)| Some((Time::from_unix(number.parse().ok()?).ok()?, rest)));
        if let Some((time, rest)) = read {
            out.push_str(&time.to_string());
            out.push_str(rest);
        } else {
            out.push_str(BEFORE);
            out.push_str(part);
        }
    }
    out
}

/// The family's enums may grow: what has no line here is refused as something that this version cannot judge.
#[expect(clippy::wildcard_enum_match_arm, reason = "the family's enums are open")]
const fn code_of(error: &Error) -> Code {
    use TransparencyLogError as Log;
    match error {
        Error::SignatureInvalid(_) | Error::Crypto(_) => codes::SIGNATURE_INVALID,
        Error::ArtifactMismatch(_) => codes::SUBJECT_MISMATCH,
        Error::Certificate(CertificateError::Sct(_)) => codes::SCT_INVALID,
        Error::Certificate(_) => codes::CERTIFICATE_INVALID,
        Error::TransparencyLog(Log::InclusionProof(_)) | Error::Bundle(FormError::MissingInclusionProof(_)) => {
            codes::INCLUSION_PROOF_INVALID
        }
        Error::TransparencyLog(Log::Checkpoint(_)) | Error::Bundle(FormError::MissingCheckpoint) => {
            codes::CHECKPOINT_INVALID
        }
        Error::TransparencyLog(Log::EntryMismatch(_) | Log::MalformedEntry(_)) => codes::LOGGED_ENTRY_MISMATCH,
        Error::TransparencyLog(Log::InclusionPromise(_) | Log::UnknownLog { .. })
        | Error::Bundle(FormError::MissingInclusionPromise(_)) => codes::INCLUSION_PROMISE_INVALID,
        Error::Timestamp(TimestampError::NoVerifiedTimestamp(_))
        | Error::Bundle(FormError::MissingSigningTimeEvidence | FormError::MissingTimestamp) => {
            codes::TIMESTAMP_MISSING
        }
        Error::Timestamp(_) | Error::TransparencyLog(Log::IntegratedTime(_)) => codes::TIMESTAMP_INVALID,
        Error::InvalidBundle(_) | Error::Types(_) | Error::Bundle(_) => codes::BUNDLE_MALFORMED,
        Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => {
            codes::SIGSTORE_ROOT_MALFORMED
        }
        _ => codes::SIGSTORE_UNSUPPORTED,
    }
}
