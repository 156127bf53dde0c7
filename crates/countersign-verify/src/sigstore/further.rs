//! Bundles by keys and schemes that the family does not know: certificates and keys on P-521, RSA-PSS, and the hashes that clients and
//! key services have used beside the usual ones. The same is checked as of every other bundle, in the same order: form, times, chain,
//! certificate log, log entries, signature, content. What the family does by itself is asked of it (form and timestamps); the rest
//! is `chain`, `logged` and `schemes`.

use super::adapter;
use super::chain;
use super::logged::{Case, Kind as Entry, bytes, certificate_of, log_of, no, text};
use super::schemes::{self, Kind};
use super::{Artifact, Asks, Keyless, Refused, decoded};
use countersign_core::codes;
use countersign_core::digest::{Sha256, to_hex};
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::json;
use countersign_core::time::Time;
use serde_json::Value;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

/// What is judged, and by what.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) root: &'a [u8],
    pub(super) bundle: &'a Value,
    pub(super) envelope: Option<&'a [u8]>,
    pub(super) artifact: Artifact<'a>,
    pub(super) at: Time,
}

/// Whether a refusal may be due to the key's kind or scheme alone.
fn may_be_due(refused: &Refused) -> bool {
    [codes::SIGNATURE_INVALID, codes::SIGSTORE_UNSUPPORTED, codes::CERTIFICATE_INVALID].contains(&refused.code())
}

/// What else there is to say where the family refused a bundle by this key: `None` where its refusal stands.
pub(super) fn instead<T>(
    asked: &Asked<'_>,
    signer: &[u8],
    refused: &Refused,
    judge: impl FnOnce() -> Result<T, Refused>,
) -> Option<Result<T, Refused>> {
    if !may_be_due(refused) {
        return None;
    }
    let kind = Kind::of(signer);
    if kind == Kind::Ed25519 && refused.code() == codes::SIGNATURE_INVALID && asked.hashed_first() {
        return Some(Err(no(
            codes::SIGSTORE_UNSUPPORTED,
            "the log has a SHA-512 of the file for a key on Ed25519: that is Ed25519ph, which cannot be checked here; \
             Ed25519 as it is, or ECDSA on P-256, can",
        )));
    }
    if kind == Kind::Other
        && let Some(kind) = adapter::Key::from_der(signer).is_err().then(|| schemes::unknown(signer)).flatten()
    {
        return Some(Err(no(codes::SIGSTORE_UNSUPPORTED, &format!("signatures by {kind} cannot be checked here"))));
    }
    let by_largest =
        || refused.code() == codes::CERTIFICATE_INVALID && asked.root().is_ok_and(|root| chain::largest(&root));
    // The usual scheme was tried: a further one counts where it holds.
    (kind == Kind::P521 || kind.has_further() && asked.holds(signer) || by_largest()).then(judge)
}

/// The key of the certificate that a bundle brings.
pub(super) fn key_of(bundle: &Value) -> Option<Vec<u8>> {
    let certificate = Certificate::from_der(&certificate_of(bundle).ok()?).ok()?;
    certificate.tbs_certificate.subject_public_key_info.to_der().ok()
}

impl Asked<'_> {
    /// By a certificate.
    pub(super) fn certified(&self, asks: Asks) -> Result<Keyless, Refused> {
        let logged = asks.logged;
        adapter::well_formed(self.bundle, logged)?;
        let root = self.root()?;
        let chain = self.chain()?;
        let signer = key_of(self.bundle).ok_or_else(|| {
            no(codes::CERTIFICATE_INVALID, "the bundle has no certificate, or one that does not parse")
        })?;
        let mut times = adapter::stamped(self.root, self.bundle)?;
        times.extend(self.logged(&root, None, logged)?);
        if times.is_empty() {
            return Err(no(codes::TIMESTAMP_MISSING, "nothing says when this was signed"));
        }
        let mut issuer = Vec::new();
        for time in &times {
            issuer = chain::issuer(&root, &chain, *time)?;
        }
        let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
        if asks.vouched {
            chain::vouched(&root, leaf, &issuer)?;
        }
        self.signed(&signer)?;
        let certificate = adapter::claims_of(leaf, &signer)?;
        Ok(Keyless { certificate, times, payload: self.payload()?.unwrap_or_default(), logged })
    }

    /// By a key.
    pub(super) fn managed(&self, key: &[u8], logged: bool) -> Result<Vec<Time>, Refused> {
        adapter::well_formed(self.bundle, logged)?;
        if self.bundle.pointer("/verificationMaterial/publicKey").is_none_or(Value::is_null) {
            return Err(no(codes::SIGSTORE_UNSUPPORTED, "a certificate signed, and a key is expected"));
        }
        let mut times = self.logged(&self.root()?, Some(key), logged)?;
        times.extend(adapter::stamped(self.root, self.bundle)?);
        self.signed(key)?;
        Ok(times)
    }

    fn root(&self) -> Result<Value, Refused> {
        json::parse(self.root).map_err(|error| no(codes::SIGSTORE_ROOT_MALFORMED, &error.to_string()))
    }

    /// The certificates of the bundle, the signer's first.
    fn chain(&self) -> Result<Vec<Vec<u8>>, Refused> {
        let material = self.bundle.get("verificationMaterial").unwrap_or(&Value::Null);
        if let Some(one) = material.get("certificate").filter(|certificate| !certificate.is_null()) {
            return Ok(vec![bytes(one, "/rawBytes")?]);
        }
        let chain = material.pointer("/x509CertificateChain/certificates").and_then(Value::as_array);
        chain.into_iter().flatten().map(|certificate| bytes(certificate, "/rawBytes")).collect()
    }

    /// Every entry is in its log and about this; the times that logs promised.
    fn logged(&self, root: &Value, key: Option<&[u8]>, wanted: bool) -> Result<Vec<Time>, Refused> {
        let entries = self.bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
        let entries = entries.map_or(&[][..], Vec::as_slice);
        if wanted && entries.is_empty() {
            return Err(no(codes::INCLUSION_PROOF_INVALID, "no log has an entry of this"));
        }
        let mut times = Vec::new();
        for entry in entries {
            let body = bytes(entry, "/canonicalizedBody")?;
            let said = json::parse(&body).map_err(|error| no(codes::LOGGED_ENTRY_MISMATCH, &error.to_string()))?;
            let kind = Entry::of(&said)
                .ok_or_else(|| no(codes::SIGSTORE_UNSUPPORTED, "a log entry is of a kind that is not known"))?;
            let case = Case {
                bundle: self.bundle,
                entry,
                body: &body,
                said: &said,
                kind,
                envelope: self.envelope,
                artifact: self.artifact,
                key,
            };
            let log = log_of(root, entry)?;
            if !chain::begun(log.pointer("/publicKey/validFor"), self.at) {
                return Err(no(codes::CHECKPOINT_INVALID, "the log of an entry does not count yet"));
            }
            let (time, _) = case.holds(log)?;
            let outside = || no(codes::TIMESTAMP_INVALID, "a time before 1970 or after 9999");
            let time = time.map(|time| Time::from_unix(time).map_err(|_time| outside())).transpose()?;
            times.extend(time);
        }
        Ok(times)
    }

    /// What is signed: the file, or the encoding of an envelope; and the signature.
    fn content(&self) -> Result<(Option<Vec<u8>>, Vec<u8>), Refused> {
        match self.bundle.get("dsseEnvelope").filter(|envelope| !envelope.is_null()) {
            Some(envelope) => {
                let encoded = pae(text(envelope, "/payloadType")?, &bytes(envelope, "/payload")?);
                Ok((Some(encoded), bytes(envelope, "/signatures/0/sig")?))
            }
            None => Ok((None, bytes(self.bundle, "/messageSignature/signature")?)),
        }
    }

    fn holds(&self, signer: &[u8]) -> bool {
        self.content().is_ok_and(|(encoded, signature)| {
            match encoded.as_deref().map_or(self.artifact, Artifact::Bytes) {
                Artifact::Bytes(signed) => {
                    adapter::Key::from_der(signer).is_ok_and(|key| key.holds(signed, &signature))
                }
                digest @ (Artifact::Sha256(_) | Artifact::Sha512(_)) => schemes::hold(signer, digest, &signature),
            }
        })
    }

    /// The signature holds, and what it is over is about the artifact.
    fn signed(&self, signer: &[u8]) -> Result<(), Refused> {
        if !self.holds(signer) {
            let longer = matches!(self.artifact, Artifact::Sha256(_) | Artifact::Sha512(_))
                && self.bundle.get("messageSignature").is_some();
            return Err(if longer {
                no(
                    codes::SIGSTORE_UNSUPPORTED,
                    "the signature does not hold for this digest; it may be over one of another length: the file itself is needed",
                )
            } else {
                no(codes::SIGNATURE_INVALID, "the signature does not hold by any scheme of this kind of key")
            });
        }
        match self.payload()? {
            Some(payload) => self.names(&payload),
            None => Ok(()),
        }
    }

    /// The payload of an envelope with a statement.
    fn payload(&self) -> Result<Option<Vec<u8>>, Refused> {
        let Some(envelope) = self.bundle.get("dsseEnvelope").filter(|envelope| !envelope.is_null()) else {
            return Ok(None);
        };
        if text(envelope, "/payloadType")? != PAYLOAD_TYPE {
            return Err(no(codes::SIGSTORE_UNSUPPORTED, "the envelope's payload type is not in-toto's"));
        }
        bytes(envelope, "/payload").map(Some)
    }

    /// The statement has the artifact's digest among its subjects.
    fn names(&self, payload: &[u8]) -> Result<(), Refused> {
        let statement = json::parse(payload).map_err(|error| no(codes::STATEMENT_MALFORMED, &error.to_string()))?;
        let digests = match self.artifact {
            Artifact::Bytes(bytes) => {
                let long = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, bytes);
                [Some(Sha256::of(bytes).hex()), Some(to_hex(long.as_ref()))]
            }
            Artifact::Sha256(digest) => [Some(to_hex(&digest)), None],
            Artifact::Sha512(digest) => [None, Some(to_hex(&digest))],
        };
        let subjects = statement.get("subject").and_then(Value::as_array);
        let named = subjects.into_iter().flatten().any(|subject| {
            ["sha256", "sha512"].iter().zip(&digests).any(|(kind, digest)| {
                let said = subject.pointer(&format!("/digest/{kind}")).and_then(Value::as_str);
                digest.is_some() && said == digest.as_deref()
            })
        });
        if named {
            return Ok(());
        }
        Err(no(codes::SUBJECT_MISMATCH, "no subject of the statement has the artifact's digest"))
    }

    /// Whether the log has a SHA-512 of a file, as it has where the signer hashed first.
    fn hashed_first(&self) -> bool {
        let entries = self.bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
        let long = |entry: &Value| {
            let body = entry.get("canonicalizedBody").and_then(Value::as_str).and_then(decoded);
            let said = body.and_then(|body| json::parse(&body).ok()).unwrap_or(Value::Null);
            let first = said.pointer("/spec/data/hash/algorithm").and_then(Value::as_str) == Some("sha512");
            let second = said.pointer("/spec/hashedRekordV002/data/algorithm").and_then(Value::as_str);
            first || second == Some("SHA2_512")
        };
        self.bundle.get("messageSignature").is_some() && entries.into_iter().flatten().any(long)
    }
}
