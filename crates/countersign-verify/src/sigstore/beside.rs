//! What an entry of a log of version 2 says beside what is signed. The entry says its place, and the proof says it again; the
//! entry names its log; and nobody signs that. (Size and root, which every proof says again, `form` compares.) The family passes over what
//! nobody signs. Other readers use it, so that one bundle would be two things: here it is the same, or refused.

use super::Refused;
use super::form::number;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::codes;
use serde_json::Value;

/// The ids of a trusted root's transparency logs.
#[derive(Debug)]
pub(super) struct Logs(Vec<Vec<u8>>);

impl Logs {
    /// Those of a trusted root.
    pub(super) fn of(root: &Value) -> Self {
        let logs = root.get("tlogs").and_then(Value::as_array);
        Self(logs.into_iter().flatten().filter_map(|log| bytes(log, "/logId/keyId")).collect())
    }

    /// Whether each entry of version 2 has the place that its proof says, and is of a log that is known and signed its checkpoint.
    pub(super) fn agree(&self, bundle: &Value) -> Result<(), Refused> {
        let entries = bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
        entries.into_iter().flatten().filter(|entry| of_second_version(entry)).try_for_each(|entry| self.one(entry))
    }

    fn one(&self, entry: &Value) -> Result<(), Refused> {
        // What is missing altogether is said where it is needed.
        let Some(proof) = entry.get("inclusionProof").filter(|proof| proof.is_object()) else { return Ok(()) };
        let Some(note) = proof.pointer("/checkpoint/envelope").and_then(Value::as_str) else { return Ok(()) };
        let place = |value: &Value| number(value.get("logIndex").filter(|index| !index.is_null()));
        if place(proof).is_some() && place(proof) != place(entry).or_else(|| Some("0".to_owned())) {
            return Err(Refused::new(codes::INCLUSION_PROOF_INVALID, "the proof is of another entry"));
        }
        let Some(id) = bytes(entry, "/logId/keyId").filter(|id| !id.is_empty()) else { return Ok(()) };
        if self.0.contains(&id) && signed_by(note, &id) {
            return Ok(());
        }
        Err(Refused::new(codes::CHECKPOINT_INVALID, "the log that the entry names did not sign the checkpoint"))
    }
}

fn of_second_version(entry: &Value) -> bool {
    let text = |path: &str| entry.pointer(path).and_then(Value::as_str);
    matches!(text("/kindVersion/kind"), Some("hashedrekord" | "dsse")) && text("/kindVersion/version") == Some("0.0.2")
}

/// Whether a line below a checkpoint is under the name of this log. Whether it holds, the family checks.
fn signed_by(note: &str, id: &[u8]) -> bool {
    let below = note.split_once("\n\n").map(|(_, below)| below).unwrap_or_default();
    below.lines().any(|line| {
        let signature = line.rsplit(' ').next().and_then(|encoded| BASE64.decode(encoded).ok()).unwrap_or_default();
        signature.get(..4).is_some_and(|hint| id.starts_with(hint))
    })
}

fn bytes(value: &Value, path: &str) -> Option<Vec<u8>> {
    BASE64.decode(value.pointer(path)?.as_str()?).ok()
}
