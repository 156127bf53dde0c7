//! Attestations in the forms that others give them: npm's document, PEP 740, envelopes, bundles and lines of them, Cloud Build's
//! answer, cosign's attachment with annotations. What is read is read the same again, is within the bounds, and holds for nobody
//! where nothing counts.
#![no_main]

use countersign_core::attestation::{self, Proof};
use countersign_core::digest::Sha256;
use countersign_core::limits;
use countersign_core::statement::Statement;
use countersign_core::time::Time;
use countersign_verify::attest::{Anchors, Wanted, verify};
use serde_json::{Map, Value, json};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let at: Time = "2026-11-22T11:00:00Z".parse().expect("a time");
    let first = attestation::read(bytes);
    let second = attestation::read(bytes);
    assert_eq!(first.is_ok(), second.is_ok());
    let (Ok(first), Ok(second)) = (first, second) else { return annotated(bytes) };
    assert_eq!(first.len(), second.len());
    assert!(!first.is_empty() && first.len() <= limits::COLLECTION_ITEMS);
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one.digest, other.digest);
        assert_eq!(one.payload, other.payload);
        if let Some(payload) = &one.payload {
            drop(Statement::parse_any(payload));
        }
        if let Proof::Bundle(bundle) = &one.proof {
            drop(attestation::read(bundle));
        }
        assert!(verify(one, &Anchors::default(), &Wanted::default(), at, "fuzz").is_err());
    }
    annotated(bytes);
});

/// A layer and its annotations, as cosign attached them: two lines. The descriptor names the layer as it is, in both forms.
fn annotated(bytes: &[u8]) {
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (content, rest) = bytes.split_at(at);
    let annotations = serde_json::from_slice::<Map<String, Value>>(rest).unwrap_or_default();
    for media in ["application/vnd.dsse.envelope.v1+json", "application/vnd.dev.cosign.simplesigning.v1+json"] {
        let digest = Sha256::of(content).to_string();
        let descriptor = json!({ "mediaType": media, "digest": digest, "annotations": annotations });
        drop(attestation::layer(&descriptor, content));
    }
}
