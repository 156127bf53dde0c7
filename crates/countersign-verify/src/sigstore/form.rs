//! What in a bundle says a thing that something else in it says as well, and has to say alike: its type, the digest of the
//! file, and of each log entry its kind, its proof and its checkpoint. Others take one of the two and leave the other, so
//! that it could be altered. Nothing is proved here: no signature is looked at.

use super::{Artifact, Refused, decoded};
use aws_lc_rs::digest::{SHA384, SHA512, digest};
use countersign_core::bundle::BUNDLE_MEDIA_TYPES;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Code;
use countersign_core::json;
use serde_json::Value;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Of bundles before there were proofs in them.
const FIRST_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";

/// Whether all of it fits together, and is about this artifact, where that is at hand.
pub(crate) fn fits(bundle: &Value, artifact: Option<Artifact<'_>>) -> Result<(), Refused> {
    let media = bundle.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    if !BUNDLE_MEDIA_TYPES.contains(&media) {
        let found: String = media.chars().take(120).collect();
        return no(codes::BUNDLE_MALFORMED, &format!("the bundle's media type is none that is known: `{found}`"));
    }
    let entries = bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
    let entries = || entries.into_iter().flatten();
    let proved = entries().any(|entry| entry.pointer("/inclusionProof/checkpoint").is_some_and(|note| !note.is_null()));
    without_root(bundle, media == FIRST_MEDIA_TYPE && !proved)?;
    if let (Some(said), Some(artifact)) = (bundle.pointer("/messageSignature/messageDigest"), artifact) {
        is_of(said, artifact)?;
    }
    entries().try_for_each(entry)
}

/// Whose certificate counts in the end, the trusted root says: a bundle brings no root of its own. The first ones of npm, before
/// logs gave proofs, have it at the end of the chain, where it counts for nothing.
fn without_root(bundle: &Value, first: bool) -> Result<(), Refused> {
    let chain = bundle.pointer("/verificationMaterial/x509CertificateChain/certificates").and_then(Value::as_array);
    let mut chain = chain.map(Vec::as_slice).unwrap_or_default();
    if let (true, [_, _, ..]) = (first, chain) {
        chain = chain.split_last().map(|(_, rest)| rest).unwrap_or_default();
    }
    let own = |certificate: &Value| {
        let der = certificate.get("rawBytes").and_then(Value::as_str).and_then(decoded)?;
        let certificate = Certificate::from_der(&der).ok()?.tbs_certificate;
        Some(certificate.issuer == certificate.subject)
    };
    // What does not parse is found by whoever uses it; here it could be anything.
    if chain.iter().any(|certificate| own(certificate) != Some(false)) {
        return no(
            codes::BUNDLE_MALFORMED,
            "the chain of the bundle's certificate has a root certificate, or what is none",
        );
    }
    Ok(())
}

/// The digest that stands beside a signature over a file is that file's.
fn is_of(said: &Value, artifact: Artifact<'_>) -> Result<(), Refused> {
    let text = |field: &str| said.get(field).and_then(Value::as_str).unwrap_or_default();
    let (kind, found) = (text("algorithm"), decoded(text("digest")).unwrap_or_default());
    let expected = match (kind, artifact) {
        ("SHA2_256", Artifact::Bytes(bytes)) => Sha256::of(bytes).as_bytes().to_vec(),
        ("SHA2_256", Artifact::Sha256(digest)) => digest.to_vec(),
        ("SHA2_384", Artifact::Bytes(bytes)) => digest(&SHA384, bytes).as_ref().to_vec(),
        ("SHA2_512", Artifact::Bytes(bytes)) => digest(&SHA512, bytes).as_ref().to_vec(),
        ("SHA2_512", Artifact::Sha512(digest)) => digest.to_vec(),
        // The file is not at hand, and its digest is one of another kind: nothing can be compared here.
        ("SHA2_256" | "SHA2_384" | "SHA2_512", Artifact::Sha256(_) | Artifact::Sha512(_)) => return Ok(()),
        (other, _) => {
            let other: String = other.chars().take(40).collect();
            return no(
                codes::BUNDLE_MALFORMED,
                &format!("the file's digest is of a kind that is not known: `{other}`"),
            );
        }
    };
    if found == expected { Ok(()) } else { no(codes::SUBJECT_MISMATCH, "the bundle names the digest of another file") }
}

fn entry(entry: &Value) -> Result<(), Refused> {
    let some = |path: &str| entry.pointer(path).filter(|value| !value.is_null());
    let text = |path: &str| some(path).and_then(Value::as_str);
    let (proof, promise) = (some("/inclusionProof"), some("/inclusionPromise/signedEntryTimestamp"));
    if proof.is_none() && promise.is_none() {
        return no(
            codes::INCLUSION_PROOF_INVALID,
            "a log entry has neither a proof nor a promise that it is in the log",
        );
    }
    let body = text("/canonicalizedBody").and_then(decoded);
    let Some(body) = body.and_then(|body| json::parse(&body).ok()) else {
        return no(codes::LOGGED_ENTRY_MISMATCH, "a log entry has no body that can be read");
    };
    let within = |field: &str| body.get(field).and_then(Value::as_str);
    // Of the first version it was left out at times.
    let left_out = some("/kindVersion").is_none() && within("apiVersion") == Some("0.0.1");
    let same = text("/kindVersion/kind") == within("kind") && text("/kindVersion/version") == within("apiVersion");
    if !same && !left_out {
        return no(codes::LOGGED_ENTRY_MISMATCH, "a log entry is of another kind than the bundle says");
    }
    let Some(note) = text("/inclusionProof/checkpoint/envelope").filter(|note| !note.is_empty()) else {
        return Ok(());
    };
    let mut lines = note.lines().skip(1);
    let (size, root) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // What is left out is left to the checkpoint.
    let size_differs = number(some("/inclusionProof/treeSize")).is_some_and(|said| said != size);
    // Of two that cannot be read nobody knows whether they are the same.
    let root_differs = some("/inclusionProof/rootHash").is_some_and(|said| {
        let said = said.as_str().and_then(decoded);
        said.is_none() || said != decoded(root)
    });
    if size_differs || root_differs {
        return no(codes::INCLUSION_PROOF_INVALID, "the proof of a log entry is of another tree than the checkpoint");
    }
    Ok(())
}

/// A number as JSON of protocol buffers has it, in digits or as a text; or a text.
pub(super) fn number(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Some(String::new()),
    }
}

fn no(code: Code, what: &str) -> Result<(), Refused> {
    Err(Refused::new(code, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde_json::json;

    fn bundle(entry: &Value) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": { "tlogEntries": [entry] },
        })
    }

    fn logged() -> Value {
        let body = json!({ "kind": "dsse", "apiVersion": "0.0.2", "spec": {} }).to_string();
        json!({
            "logIndex": "7",
            "kindVersion": { "kind": "dsse", "version": "0.0.2" },
            "canonicalizedBody": BASE64.encode(body),
            "inclusionProof": {
                "logIndex": "7", "treeSize": "9", "rootHash": "AAAA", "hashes": [],
                "checkpoint": { "envelope": "log.example\n9\nAAAA\n\n\u{2014} log.example BBBB\n" },
            },
        })
    }

    #[test]
    fn what_is_said_twice_is_said_alike() {
        assert_eq!(fits(&bundle(&logged()), None), Ok(()));
        for (path, other) in [
            ("/kindVersion/kind", json!("hashedrekord")),
            ("/kindVersion/version", json!("0.0.1")),
            ("/kindVersion", Value::Null),
            ("/inclusionProof/treeSize", json!("10")),
            ("/inclusionProof/treeSize", json!(true)),
            ("/inclusionProof/rootHash", json!("AAAB")),
            ("/inclusionProof", Value::Null),
            ("/canonicalizedBody", json!("")),
        ] {
            let mut altered = logged();
            *altered.pointer_mut(path).unwrap() = other.clone();
            assert!(fits(&bundle(&altered), None).is_err(), "{path} {other}");
        }
    }

    #[test]
    fn of_two_roots_that_cannot_be_read_nobody_says_that_they_are_one() {
        let mut entry = logged();
        entry["inclusionProof"]["rootHash"] = json!("!");
        entry["inclusionProof"]["checkpoint"]["envelope"] = json!("log.example\n9\n?\n\n\u{2014} log.example BBBB\n");
        assert_eq!(fits(&bundle(&entry), None).unwrap_err().code(), codes::INCLUSION_PROOF_INVALID);
    }

    #[test]
    fn numbers_may_be_left_out_or_stand_as_such() {
        let mut entry = logged();
        let proof = entry["inclusionProof"].as_object_mut().unwrap();
        proof.remove("treeSize");
        proof.remove("rootHash");
        assert_eq!(fits(&bundle(&entry), None), Ok(()));
        entry["inclusionProof"]["treeSize"] = json!(9);
        assert_eq!(fits(&bundle(&entry), None), Ok(()));
    }

    #[test]
    fn a_bundle_brings_no_root_of_its_own() {
        let root: Value = serde_json::from_str(super::super::Instance::Production.trusted_root()).unwrap();
        let of = |place: &str| root.pointer(place).unwrap().clone();
        let (anchor, between) = (
            of("/certificateAuthorities/1/certChain/certificates/1"),
            of("/certificateAuthorities/1/certChain/certificates/0"),
        );
        let with = |version: &str, chain: &[&Value], entry: &Value| {
            let material = json!({ "tlogEntries": [entry], "x509CertificateChain": { "certificates": chain } });
            fits(
                &json!({ "mediaType": format!("application/vnd.dev.sigstore.bundle+json;version={version}"), "verificationMaterial": material }),
                None,
            )
        };
        let mut promised = logged();
        promised["inclusionProof"] = Value::Null;
        promised["inclusionPromise"] = json!({ "signedEntryTimestamp": "AAAA" });
        assert_eq!(with("0.2", &[&between], &logged()), Ok(()));
        assert_eq!(with("0.1", &[&between, &anchor], &promised), Ok(()), "as npm's first");
        for (version, chain, entry) in [
            ("0.2", vec![&between, &anchor], logged()),
            ("0.1", vec![&between, &anchor], logged()),
            ("0.2", vec![&between, &anchor], promised.clone()),
            ("0.1", vec![&between, &anchor, &between], promised.clone()),
            ("0.1", vec![&anchor], promised),
        ] {
            let refused = with(version, &chain, &entry).unwrap_err();
            assert_eq!(refused.code(), codes::BUNDLE_MALFORMED, "{version} {}", chain.len());
            assert!(refused.to_string().contains("root certificate"), "{refused}");
        }
        assert!(with("0.2", &[&json!({ "rawBytes": "AAAA" })], &logged()).is_err());
    }

    #[test]
    fn the_digest_beside_a_signature_is_that_of_the_file() {
        let signed = |kind: &str, digest: &[u8]| {
            json!({
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "messageSignature": { "messageDigest": { "algorithm": kind, "digest": BASE64.encode(digest) } },
            })
        };
        let of = Some(Artifact::Bytes(b"app"));
        let sha256 = Sha256::of(b"app");
        assert_eq!(fits(&signed("SHA2_256", sha256.as_bytes()), of), Ok(()));
        assert_eq!(fits(&signed("SHA2_512", digest(&SHA512, b"app").as_ref()), of), Ok(()));
        let code = |bundle: &Value| fits(bundle, of).unwrap_err().code();
        assert_eq!(code(&signed("SHA2_256", Sha256::of(b"other").as_bytes())), codes::SUBJECT_MISMATCH);
        assert_eq!(code(&signed("SHA2_384", sha256.as_bytes())), codes::SUBJECT_MISMATCH);
        assert_eq!(code(&signed("NONE", b"")), codes::BUNDLE_MALFORMED);
        assert_eq!(code(&json!({ "mediaType": "text/html" })), codes::BUNDLE_MALFORMED);
    }
}
