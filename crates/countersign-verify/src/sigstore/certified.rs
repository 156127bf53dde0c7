//! What a log entry says beside a certificate: whose it is, and a time that nobody signed. The family compares the one by its key
//! alone in one kind of entry, and the other in one kind of entry alone: here there is one answer for all of them.

use super::Refused;
use super::logged::{Kind, bytes, certificate_of, der_of, no, number};
use countersign_core::codes;
use countersign_core::json;
use countersign_core::time::Time;
use serde_json::Value;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Whether each entry is about the certificate of the bundle, and has no time at which that was not valid.
pub(super) fn agrees(bundle: &Value) -> Result<(), Refused> {
    let entries = bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
    entries.into_iter().flatten().try_for_each(|entry| {
        let said = json::parse(&bytes(entry, "/canonicalizedBody")?);
        let said = said.map_err(|error| no(codes::LOGGED_ENTRY_MISMATCH, &error.to_string()))?;
        let kind = Kind::of(&said);
        if kind == Some(Kind::InTotoSecond) {
            is_of(&said, bundle)?;
        }
        if kind.is_some_and(Kind::of_second_version) { Ok(()) } else { within(entry, bundle) }
    })
}

/// A log's monitors read whose certificate an entry names: another one over the same key would keep a signature out of the sight of
/// whoever watches for the name that counts here. A key by itself says of nobody that he signed, and the family compares it.
fn is_of(said: &Value, bundle: &Value) -> Result<(), Refused> {
    let signatures = said.pointer("/spec/content/envelope/signatures").and_then(Value::as_array);
    for signature in signatures.into_iter().flatten() {
        let pem = bytes(signature, "/publicKey")?;
        if String::from_utf8_lossy(&pem).contains("CERTIFICATE") && der_of(&pem)? != certificate_of(bundle)? {
            return Err(no(codes::LOGGED_ENTRY_MISMATCH, "the log entry is about another certificate"));
        }
    }
    Ok(())
}

/// What the log promised is held against the certificate as every attested time is. Without a promise the time is nobody's word, and
/// still it is what a reader sees.
fn within(entry: &Value, bundle: &Value) -> Result<(), Refused> {
    let some = |path: &str| entry.pointer(path).is_some_and(|value| !value.is_null());
    if some("/inclusionPromise/signedEntryTimestamp") || !some("/integratedTime") {
        return Ok(());
    }
    let time = number(entry, "/integratedTime")?;
    // Zero is how this notation leaves a number out.
    if time == 0 {
        return Ok(());
    }
    let malformed = || no(codes::CERTIFICATE_INVALID, "the certificate does not parse");
    let certificate = Certificate::from_der(&certificate_of(bundle)?).map_err(|_der| malformed())?;
    let validity = certificate.tbs_certificate.validity;
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    if (seconds(validity.not_before)..=seconds(validity.not_after)).contains(&time) {
        return Ok(());
    }
    let when = Time::from_unix(time).map_or_else(|_range| time.to_string(), |when| format!("{when}"));
    let what =
        format!("the log entry names {when} as its time, without a promise, and the certificate was not valid then");
    Err(no(codes::TIMESTAMP_INVALID, &what))
}
