//! Attestations against anchors.

use super::*;
use countersign_core::attestation::read;

fn statement(digests: &[(&str, String)]) -> Statement {
    let digests: Vec<String> = digests.iter().map(|(name, hex)| format!("\"{name}\":\"{hex}\"")).collect();
    let text = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"app","digest":{{{}}}}}],"predicateType":"a:b"}}"#,
        digests.join(",")
    );
    Statement::parse_any(text.as_bytes()).unwrap()
}

#[test]
fn a_subject_is_matched_by_digest_and_two_digests_must_not_disagree() {
    let (short, long) = (Sha256::of(b"app"), [7_u8; 64]);
    let wanted = Wanted { sha256: Some(short), sha512: Some(long), bytes: None };
    let is = |digests: &[(&str, String)]| wanted.is_subject_of(&statement(digests));
    assert!(is(&[("sha256", short.hex())]));
    assert!(is(&[("sha512", to_hex(&long))]));
    assert!(is(&[("sha256", short.hex()), ("sha512", to_hex(&long)), ("gitBlob", "a".repeat(40))]));
    assert!(!is(&[("sha256", short.hex()), ("sha512", "0".repeat(128))]));
    assert!(!is(&[("sha1", "a".repeat(40))]));
    // The statement's own reader refuses a digest of another length; one that was read by nobody is none either.
    let mut confused = statement(&[("sha256", short.hex())]);
    confused.subjects[0].digest = [("sha512".to_owned(), short.hex())].into();
    assert!(!wanted.is_subject_of(&confused), "a digest of another length");
    assert!(!Wanted::default().is_subject_of(&statement(&[("sha256", short.hex())])));
}

#[test]
fn nothing_holds_where_nothing_counts() {
    let payload = "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCJzdWJqZWN0IjpbeyJkaWdlc3QiOnsic2hhMSI6ImFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWEifX1dLCJwcmVkaWNhdGVUeXBlIjoiYTpiIn0=";
    let envelope = format!(
        r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"{payload}","signatures":[{{"keyid":"k","sig":"AAAA"}}]}}"#
    );
    let [one] = read(envelope.as_bytes()).unwrap().try_into().unwrap();
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let refused = |attestation: &Attestation| {
        verify(attestation, &Anchors::default(), &Wanted::default(), at, "here").unwrap_err()[0].code
    };
    assert_eq!(refused(&one), codes::SIGNER_UNKNOWN);
    let with = envelope.replace("\"keyid\"", "\"cert\":\"-----BEGIN\",\"keyid\"");
    let [certified] = read(with.as_bytes()).unwrap().try_into().unwrap();
    assert_eq!(refused(&certified), codes::TIMESTAMP_MISSING);
}
