//! What an entry of a log says beside what is signed. The entry names its log; of version 2 it says its place, and the proof says it again;
//! and nobody signs that. (Size and root, which every proof says again, `form` compares.) The family passes over what
//! nobody signs. Other readers use it, so that one bundle would be two things: here it is the same, or refused.

use super::form::number;
use super::{Refused, decoded};
use countersign_core::codes;
use serde_json::Value;

/// The ids of a trusted root's transparency logs.
#[derive(Debug)]
pub(super) struct Logs(Vec<Vec<u8>>);

impl Logs {
    /// Those of a trusted root.
    pub(super) fn of(root: &Value) -> Self {
        let logs = root.get("tlogs").and_then(Value::as_array);
        Self(logs.into_iter().flatten().filter_map(id_of).collect())
    }

    /// Whether each entry with a checkpoint is of a log that is known and signed it, and whether one of version 2 has the place that its proof
    /// says. (In version 1 the log promises the place among all of its trees, and the proof has that in the last of them.)
    pub(super) fn agree(&self, bundle: &Value) -> Result<(), Refused> {
        let entries = bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
        entries.into_iter().flatten().try_for_each(|entry| self.one(entry))
    }

    fn one(&self, entry: &Value) -> Result<(), Refused> {
        // What is missing altogether is said where it is needed.
        let Some(proof) = entry.get("inclusionProof").filter(|proof| proof.is_object()) else { return Ok(()) };
        let Some(note) = proof.pointer("/checkpoint/envelope").and_then(Value::as_str) else { return Ok(()) };
        let second = of_second_version(entry);
        // In version 1 a proof without a checkpoint has an empty one.
        if !second && note.is_empty() {
            return Ok(());
        }
        // What is left out is zero, in this notation.
        let place = |value: &Value| {
            number(value.get("logIndex").filter(|index| !index.is_null())).unwrap_or_else(|| "0".to_owned())
        };
        if second && place(proof) != place(entry) {
            return Err(Refused::new(codes::INCLUSION_PROOF_INVALID, "the proof is of another entry"));
        }
        // An id that is there names a log, or the entry is none: one that cannot be read is no absent one.
        if entry.pointer("/logId/keyId").is_none_or(Value::is_null) {
            return Ok(());
        }
        if id_of(entry).is_some_and(|id| self.0.contains(&id) && signed_by(note, &id)) {
            return Ok(());
        }
        Err(Refused::new(codes::CHECKPOINT_INVALID, "the log that the entry names did not sign the checkpoint"))
    }
}

fn of_second_version(entry: &Value) -> bool {
    let text = |path: &str| entry.pointer(path).and_then(Value::as_str);
    matches!(text("/kindVersion/kind"), Some("hashedrekord" | "dsse")) && text("/kindVersion/version") == Some("0.0.2")
}

/// Whether a line below a checkpoint is of this log, by its key and by the name in the first line: a signed note is signed under its name, and
/// others read that. Whether it holds, the family checks.
fn signed_by(note: &str, id: &[u8]) -> bool {
    let (signed, below) = note.split_once("\n\n").unwrap_or_default();
    let origin = signed.lines().next().unwrap_or_default();
    below.lines().any(|line| {
        let parts = line.strip_prefix("\u{2014} ").and_then(|line| line.rsplit_once(' '));
        let Some((name, signature)) = parts else { return false };
        // A log of the first version has the number of its tree behind its name.
        let named = origin.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" - "));
        let signature = decoded(signature).unwrap_or_default();
        named && signature.get(..4).is_some_and(|hint| id.starts_with(hint))
    })
}

/// The id that an entry or a log has, if it has one.
fn id_of(value: &Value) -> Option<Vec<u8>> {
    decoded(value.pointer("/logId/keyId")?.as_str()?).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use countersign_core::finding::Code;
    use serde_json::json;

    /// An entry of this log, whose checkpoint the log with this id signed.
    fn entry(id: &Value, signer: &[u8]) -> Value {
        let line = [&signer[..4], &[0; 64]].concat();
        let note = format!("log.example\n9\nAAAA\n\n\u{2014} log.example {}\n", STANDARD.encode(line));
        let proof = json!({ "logIndex": "7", "checkpoint": { "envelope": note } });
        let entry = json!({
            "logIndex": "7", "logId": { "keyId": id }, "kindVersion": { "kind": "dsse", "version": "0.0.2" }, "inclusionProof": proof,
        });
        json!({ "verificationMaterial": { "tlogEntries": [entry] } })
    }

    #[test]
    fn the_log_that_an_entry_names_signed_its_checkpoint_however_the_name_is_spelled() {
        let (known, other) = ([0xfb; 32], [0xfe; 32]);
        let logs = [known, other].map(|id| json!({ "logId": { "keyId": STANDARD.encode(id) } }));
        let logs = Logs::of(&json!({ "tlogs": logs }));
        let judge = |id: &Value| logs.agree(&entry(id, &known)).map_err(|refused| refused.code());
        let refused: Result<(), Code> = Err(codes::CHECKPOINT_INVALID);
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            assert_eq!(judge(&json!(engine.encode(known))), Ok(()));
            assert_eq!(judge(&json!(engine.encode(other))), refused, "another log");
            assert_eq!(judge(&json!(engine.encode([0xff; 32]))), refused, "no log");
        }
        for id in ["", "=", "!", "A"] {
            assert_eq!(judge(&json!(id)), refused, "`{id}`");
        }
        // In the first version too, where no promise says it.
        for (kind, version) in [("hashedrekord", "0.0.1"), ("dsse", "0.0.1"), ("intoto", "0.0.2"), ("intoto", "0.0.1")]
        {
            let judge = |id: &[u8]| {
                let mut bundle = entry(&json!(STANDARD.encode(id)), &known);
                let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
                entry["kindVersion"] = json!({ "kind": kind, "version": version });
                // Its place among all trees of the log is another one than in its own.
                entry["logIndex"] = json!("70");
                logs.agree(&bundle).map_err(|refused| refused.code())
            };
            assert_eq!(judge(&known), Ok(()), "{kind} {version}");
            assert_eq!(judge(&other), refused, "{kind} {version}: another log");
            assert_eq!(judge(&[0; 32]), refused, "{kind} {version}: no log");
        }
        assert_eq!(judge(&Value::Null), Ok(()), "what is left out is said where it is needed");
    }

    #[test]
    fn a_checkpoint_is_signed_under_the_name_of_its_log() {
        let logs = Logs::of(&json!({ "tlogs": [{ "logId": { "keyId": STANDARD.encode([1; 32]) } }] }));
        let judge = |origin: &str, name: &str| {
            let mut bundle = entry(&json!(STANDARD.encode([1; 32])), &[1; 32]);
            let note =
                &mut bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"];
            let text = note.as_str().unwrap().replace("\u{2014} log.example ", &format!("\u{2014} {name} "));
            *note = json!(text.replacen("log.example\n", &format!("{origin}\n"), 1));
            logs.agree(&bundle).map_err(|refused| refused.code())
        };
        for origin in ["log.example", "log.example - 4711"] {
            assert_eq!(judge(origin, "log.example"), Ok(()), "{origin}");
            for other in ["evil.example", "log", "log.example.evil", ""] {
                assert_eq!(judge(origin, other), Err(codes::CHECKPOINT_INVALID), "{origin} {other}");
            }
        }
        assert_eq!(judge("log.example.evil", "log.example"), Err(codes::CHECKPOINT_INVALID));
    }

    #[test]
    fn a_place_that_is_left_out_is_the_first() {
        let logs = Logs::of(&json!({ "tlogs": [{ "logId": { "keyId": STANDARD.encode([1; 32]) } }] }));
        let judge = |of_entry: &Value, of_proof: &Value| {
            let mut bundle = entry(&json!(STANDARD.encode([1; 32])), &[1; 32]);
            let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
            entry["logIndex"] = of_entry.clone();
            entry["inclusionProof"]["logIndex"] = of_proof.clone();
            logs.agree(&bundle).map_err(|refused| refused.code())
        };
        let (none, first, other) = (Value::Null, json!("0"), json!(7));
        for (of_entry, of_proof) in [(&none, &none), (&none, &first), (&first, &none), (&other, &other)] {
            assert_eq!(judge(of_entry, of_proof), Ok(()), "{of_entry} {of_proof}");
        }
        for (of_entry, of_proof) in [(&other, &none), (&none, &other), (&first, &other)] {
            assert_eq!(judge(of_entry, of_proof), Err(codes::INCLUSION_PROOF_INVALID), "{of_entry} {of_proof}");
        }
    }
}
