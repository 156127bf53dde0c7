//! Facts that an auditor kept: whatever stands behind an honest head and before an honest end is read or refused.
#![no_main]

use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_flow::audit::{FACTS_FORM, check_facts};
use serde_json::json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = check_facts(bytes) {
        assert!([codes::AUDIT_FACTS_MALFORMED, codes::AUDIT_FACTS_OTHER_VERSION].contains(&finding.code));
    }
    let digest = Sha256::of(b"").to_string();
    let outcome = json!({"verdict": "PASS", "findings": {}, "runAgain": 1, "decisions": 1, "sampled": false});
    let head = json!({
        "countersign": "0", "package": digest, "trust": null, "trustDigest": null, "leastCheckpoint": null,
        "outcome": outcome,
    });
    let head = head.to_string().into_bytes();
    let mut facts = format!("countersign audit facts {FACTS_FORM}\n").into_bytes();
    // A length of two bytes, seven bits each, the lowest first.
    let length = u16::try_from(head.len()).expect("a short head");
    facts.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
    facts.extend(head);
    facts.extend(bytes);
    let end = Sha256::of(&facts);
    facts.extend(end.as_bytes());
    if let Err(finding) = check_facts(&facts) {
        assert_eq!(finding.code, codes::AUDIT_FACTS_MALFORMED);
        assert!(finding.what.contains("not of their form"), "the head and the end hold: {finding:?}");
    }
});
