//! A certificate's chain to an authority of a trusted root, and a certificate log's word for it (RFC 6962): for certificates whose
//! keys the family does not know. The path is built by webpki, with what the family takes as algorithms.

use super::adapter::{CERTIFICATE_ALGORITHMS, Key};
use super::logged::{bytes, no};
use super::{Refused, schemes};
use aws_lc_rs::signature::{ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, UnparsedPublicKey};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::time::Time;
use pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
    alg_id,
};
use serde_json::Value;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, OctetStringRef};
use x509_cert::der::{Decode as _, Encode as _};

/// What a certificate has to be for: signing code.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// ECDSA on P-521, by which an authority may have signed.
#[derive(Debug)]
struct P521 {
    hash: AlgorithmIdentifier,
    by: &'static aws_lc_rs::signature::EcdsaVerificationAlgorithm,
}

impl SignatureVerificationAlgorithm for P521 {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.hash
    }

    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.by, key).verify(message, signature).map_err(|_unspecified| InvalidSignature)
    }
}

const LARGEST_CURVE: [&dyn SignatureVerificationAlgorithm; 3] = [
    &P521 { hash: alg_id::ECDSA_SHA512, by: &ECDSA_P521_SHA512_ASN1 },
    &P521 { hash: alg_id::ECDSA_SHA384, by: &ECDSA_P521_SHA384_ASN1 },
    &P521 { hash: alg_id::ECDSA_SHA256, by: &ECDSA_P521_SHA256_ASN1 },
];

/// A list of a trusted root.
fn list<'r>(root: &'r Value, name: &str) -> &'r [Value] {
    root.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether something of a trusted root counted at this time.
pub(super) fn counted(window: Option<&Value>, at: Time) -> bool {
    let Some(window) = window.filter(|window| !window.is_null()) else { return true };
    let bound = |field: &str| window.get(field).filter(|bound| !bound.is_null());
    let time = |bound: &Value| bound.as_str().and_then(Time::from_rfc3339);
    let began = bound("start").is_some_and(|start| time(start).is_some_and(|start| start <= at));
    began && bound("end").is_none_or(|end| time(end).is_some_and(|end| at <= end))
}

/// Whether something of a trusted root had begun to count.
pub(super) fn begun(window: Option<&Value>, at: Time) -> bool {
    let start = window.filter(|window| !window.is_null()).map(|window| window.get("start").and_then(Value::as_str));
    start.is_none_or(|start| start.and_then(Time::from_rfc3339).is_some_and(|start| start <= at))
}

/// Whether an authority of a root has a key on P-521, by which the family checks nothing.
pub(super) fn largest(root: &Value) -> bool {
    let chains = list(root, "certificateAuthorities").iter();
    let chains = chains.filter_map(|authority| authority.pointer("/certChain/certificates").and_then(Value::as_array));
    chains.flatten().filter_map(|certificate| bytes(certificate, "/rawBytes").ok()).any(|der| {
        let key =
            Certificate::from_der(&der).ok().map(|certificate| certificate.tbs_certificate.subject_public_key_info);
        let spki = key.and_then(|key| key.to_der().ok()).unwrap_or_default();
        schemes::Kind::of(&spki) == schemes::Kind::P521
    })
}

/// Checks that the certificate chains, at this time, to an authority that counted then. The key of its issuer, as a
/// `SubjectPublicKeyInfo`.
pub(super) fn issuer(root: &Value, chain: &[Vec<u8>], at: Time) -> Result<Vec<u8>, Refused> {
    let refused = |what: String| no(codes::CERTIFICATE_INVALID, &what);
    let anchors = list(root, "certificateAuthorities")
        .iter()
        .filter(|authority| counted(authority.get("validFor"), at))
        .filter_map(|authority| authority.pointer("/certChain/certificates").and_then(Value::as_array))
        .flatten()
        .map(|certificate| bytes(certificate, "/rawBytes").map(CertificateDer::from))
        .collect::<Result<Vec<_>, _>>()?;
    let anchors = anchors
        .iter()
        .map(anchor_from_trusted_cert)
        .collect::<Result<Vec<TrustAnchor<'_>>, _>>()
        .map_err(|error| no(codes::SIGSTORE_ROOT_MALFORMED, &format!("an authority's certificate: {error}")))?;
    if anchors.is_empty() {
        return Err(refused(format!("no certificate authority of the root counted at {at}")));
    }
    let mut chain = chain.iter().map(|der| CertificateDer::from(der.as_slice()));
    let leaf = chain.next().ok_or_else(|| refused("the bundle has no certificate".to_owned()))?;
    let between: Vec<CertificateDer<'_>> = chain.collect();
    let leaf = EndEntityCert::try_from(&leaf).map_err(|error| refused(format!("the certificate: {error}")))?;
    let seconds = u64::try_from(at.unix()).map_err(|_early| refused("a time before 1970".to_owned()))?;
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
        CERTIFICATE_ALGORITHMS.iter().copied().chain(LARGEST_CURVE).collect();
    let usage = KeyUsage::required(CODE_SIGNING);
    let path = leaf
        .verify_for_usage(&algorithms, &anchors, &between, time, usage, None, None)
        .map_err(|error| refused(format!("the certificate does not chain to an authority of the root: {error}")))?;
    Ok(path.issuer_spki().as_ref().to_vec())
}

/// Checks the one word of a certificate log that stands in a certificate: by a log of the root that counted when it was given.
pub(super) fn vouched(root: &Value, leaf: &[u8], issuer: &[u8]) -> Result<(), Refused> {
    let refused = |what: &str| no(codes::SCT_INVALID, what);
    let malformed = || refused("the certificate log's word (SCT) in the certificate does not parse");
    let mut certificate = Certificate::from_der(leaf).map_err(|_der| malformed())?.tbs_certificate;
    let mut words = Vec::new();
    if let Some(extensions) = certificate.extensions.as_mut() {
        extensions.retain(|extension| {
            if extension.extn_id == SCT_LIST {
                words.push(extension.extn_value.as_bytes().to_vec());
            }
            extension.extn_id != SCT_LIST
        });
    }
    let [one] = words.as_slice() else {
        return Err(refused("the certificate has no word of a certificate log (SCT), or several lists of them"));
    };
    let word =
        Word::read(OctetStringRef::from_der(one).map_err(|_der| malformed())?.as_bytes()).ok_or_else(malformed)?;
    let tbs = certificate.to_der().map_err(|_der| malformed())?;
    let milliseconds = i64::try_from(u64::from_be_bytes(word.time)).map_err(|_late| malformed())?;
    let given = Time::from_unix(milliseconds.div_euclid(1_000)).map_err(|_late| malformed())?;
    let log = log_of(root, &word).ok_or_else(|| refused("the certificate log is none of the root"))?;
    if !counted(log.pointer("/publicKey/validFor"), given) {
        return Err(refused("the certificate log did not count when it saw the certificate"));
    }
    let key = Key::from_der(&bytes(log, "/publicKey/rawBytes")?)?;
    // The hash and the signature that the word names are those of the log's key.
    let named = match schemes::Kind::of(key.der()) {
        schemes::Kind::P256 => word.scheme == [4, 3],
        schemes::Kind::P384 => word.scheme == [5, 3],
        schemes::Kind::Rsa => word.scheme == [4, 1],
        schemes::Kind::P521 | schemes::Kind::Ed25519 | schemes::Kind::Other => false,
    };
    let signed = word.signed(issuer, &tbs).ok_or_else(malformed)?;
    if named && key.holds(&signed, word.signature) {
        return Ok(());
    }
    Err(refused("the certificate log's word (SCT) does not hold for this certificate"))
}

/// What kind of key the log has whose word stands in a certificate, where it is a log of the root and its kind is not among those that
/// certificate logs sign with (RFC 6962).
pub(super) fn unread_kind(root: &Value, leaf: &[u8]) -> Option<&'static str> {
    let extensions = Certificate::from_der(leaf).ok()?.tbs_certificate.extensions?;
    let words = extensions.iter().find(|extension| extension.extn_id == SCT_LIST)?;
    let word = Word::read(OctetStringRef::from_der(words.extn_value.as_bytes()).ok()?.as_bytes())?;
    let log = log_of(root, &word)?;
    match schemes::Kind::of(&bytes(log, "/publicKey/rawBytes").ok()?) {
        schemes::Kind::P256 | schemes::Kind::Rsa => None,
        // By the hash of its own length the family reads it all the same.
        schemes::Kind::P384 if word.scheme == [5, 3] => None,
        schemes::Kind::P384 => Some("a key on P-384"),
        schemes::Kind::P521 => Some("a key on P-521"),
        schemes::Kind::Ed25519 => Some("an Ed25519 key"),
        schemes::Kind::Other => Some("a key of a kind that is not known"),
    }
}

/// The certificate log of the root that gave this word.
fn log_of<'r>(root: &'r Value, word: &Word<'_>) -> Option<&'r Value> {
    list(root, "ctlogs").iter().find(|log| bytes(log, "/logId/keyId").is_ok_and(|known| known == word.log))
}

/// A signed certificate timestamp.
struct Word<'w> {
    log: [u8; 32],
    time: [u8; 8],
    extensions: &'w [u8],
    scheme: [u8; 2],
    signature: &'w [u8],
}

impl<'w> Word<'w> {
    /// Out of a list with exactly one.
    fn read(list: &'w [u8]) -> Option<Self> {
        let (list, rest) = sized(list)?;
        let (one, further) = sized(list)?;
        let (version, one) = one.split_first()?;
        let (log, one) = one.split_first_chunk()?;
        let (time, one) = one.split_first_chunk()?;
        let (extensions, one) = sized(one)?;
        let (scheme, one) = one.split_first_chunk()?;
        let (signature, after) = sized(one)?;
        let whole = *version == 0 && rest.is_empty() && further.is_empty() && after.is_empty();
        whole.then_some(Self { log: *log, time: *time, extensions, scheme: *scheme, signature })
    }

    /// What the log signed: the certificate without its own word, under the issuer's key.
    fn signed(&self, issuer: &[u8], tbs: &[u8]) -> Option<Vec<u8>> {
        let [0, length @ ..] = u32::try_from(tbs.len()).ok()?.to_be_bytes() else { return None };
        let extensions = u16::try_from(self.extensions.len()).ok()?.to_be_bytes();
        let issuer = Sha256::of(issuer);
        let head = [&[0, 0], self.time.as_slice(), &[0, 1], issuer.as_bytes(), &length];
        Some([&head.concat(), tbs, &extensions, self.extensions].concat())
    }
}

/// Bytes behind their length in two.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
