//! While when a trusted root has each of its transparency logs count. The family holds that against a log's promise alone. Where a
//! timestamp authority says when something was signed, a log that had ended by then, or had not begun, would be a witness for ever:
//! an end is how a root retires a log, or withdraws one whose key is no more its own.

use super::chain::counted;
use super::{Refused, decoded};
use countersign_core::codes;
use countersign_core::json;
use countersign_core::time::Time;
use serde_json::Value;

/// How the lines with signatures begin, below a checkpoint.
const SIGNATURE: char = '\u{2014}';
/// The lists of a trusted root whose parts count for a time, and whether they are logs, which have it beside their key.
const LISTS: [(&str, bool); 4] =
    [("tlogs", true), ("ctlogs", true), ("certificateAuthorities", false), ("timestampAuthorities", false)];

/// The transparency logs of a trusted root, each with its time.
#[derive(Debug)]
pub(super) struct Windows(Vec<Window>);

#[derive(Debug)]
struct Window {
    id: Vec<u8>,
    span: Value,
}

impl Window {
    /// The first of these times at which the log did not count.
    fn outside(&self, times: &[Time]) -> Option<Time> {
        times.iter().copied().find(|time| !counted(Some(&self.span), *time))
    }

    fn refused(&self, time: Time) -> Refused {
        let bound = |word: &str, field: &str| {
            let bound = self.span.get(field).and_then(Value::as_str);
            bound.map(|bound| format!(" {word} {bound}")).unwrap_or_default()
        };
        let (from, until) = (bound("from", "start"), bound("until", "end"));
        let what =
            format!("the log that has the entry did not count at {time}: in the trusted root it counts{from}{until}");
        Refused::new(codes::INCLUSION_PROMISE_INVALID, what)
    }
}

impl Windows {
    /// Those of a trusted root. One of which a part would not be found by its name is refused: the log would count for ever.
    pub(super) fn of(root: &Value) -> Result<Self, Refused> {
        found_by_name(root)?;
        let window = |log: &Value| {
            let span = log.pointer("/publicKey/validFor").cloned().unwrap_or_default();
            Some(Window { id: id_of(log)?, span })
        };
        let logs = root.get("tlogs").and_then(Value::as_array);
        Ok(Self(logs.into_iter().flatten().filter_map(window).collect()))
    }

    /// Refuses an entry of a log that did not count at each of these times. Then the root without such logs, where one of them may
    /// have signed a checkpoint of the bundle: the family takes a signature by any log of the root, whichever the entry names.
    /// Nothing where none of them can have.
    pub(super) fn counting(&self, root: &[u8], bundle: &Value, times: &[Time]) -> Result<Option<Vec<u8>>, Refused> {
        let out: Vec<(&Window, Time)> =
            self.0.iter().filter_map(|window| Some((window, window.outside(times)?))).collect();
        let entries = bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
        let entries = entries.map_or(&[][..], Vec::as_slice);
        for named in entries.iter().filter_map(id_of) {
            if let Some((window, time)) = out.iter().find(|(window, _)| window.id == named) {
                return Err(window.refused(*time));
            }
        }
        if out.is_empty() || !entries.iter().any(|entry| may_be_signed(entry, &out)) {
            return Ok(None);
        }
        let malformed = |what: String| Refused::new(codes::SIGSTORE_ROOT_MALFORMED, what);
        let mut root = json::parse(root).map_err(|error| malformed(error.to_string()))?;
        if let Some(logs) = root.get_mut("tlogs").and_then(Value::as_array_mut) {
            logs.retain(|log| !out.iter().any(|(window, _)| id_of(log).as_ref() == Some(&window.id)));
        }
        serde_json::to_vec(&root).map(Some).map_err(|error| malformed(error.to_string()))
    }
}

/// Whether one of these logs may have signed the checkpoint of an entry. A line that cannot be read here may be anybody's.
fn may_be_signed(entry: &Value, logs: &[(&Window, Time)]) -> bool {
    let note = entry.pointer("/inclusionProof/checkpoint/envelope").and_then(Value::as_str).unwrap_or_default();
    note.lines().filter(|line| line.contains(SIGNATURE)).any(|line| {
        let signature = line.rsplit(' ').next().and_then(decoded);
        let hint = signature.as_deref().and_then(|bytes| bytes.get(..4));
        hint.is_none_or(|hint| logs.iter().any(|(window, _)| window.id.starts_with(hint)))
    })
}

fn id_of(value: &Value) -> Option<Vec<u8>> {
    decoded(value.pointer("/logId/keyId")?.as_str()?).filter(|id| !id.is_empty())
}

/// Whether each log of a trusted root has an id, and whether the time of each part stands where it is looked for: the family reads
/// arrays as well, by the places of what is in them.
fn found_by_name(root: &Value) -> Result<(), Refused> {
    for (list, logs) in LISTS {
        let parts = root.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (index, part) in parts.iter().enumerate() {
            let wrong = |what: &str| Refused::new(codes::SIGSTORE_ROOT_MALFORMED, format!("/{list}/{index}{what}"));
            if logs && id_of(part).is_none() {
                return Err(wrong("/logId/keyId: the log's id has to be base64, and is not"));
            }
            let (owner, place) = if logs { (part.get("publicKey"), "/publicKey") } else { (Some(part), "") };
            let Some(owner) = owner.filter(|owner| owner.is_object()) else {
                return Err(wrong(&format!("{place}: has to be an object, and is none")));
            };
            if owner.get("validFor").is_some_and(|span| !span.is_object() && !span.is_null()) {
                return Err(wrong(&format!("{place}/validFor: has to be an object, and is none")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use serde_json::json;

    const OURS: [u8; 32] = [1; 32];
    const OTHER: [u8; 32] = [2; 32];

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn root() -> Value {
        let log = |id: [u8; 32], span: &Value| json!({ "logId": { "keyId": BASE64.encode(id) }, "publicKey": { "validFor": span } });
        let span = json!({ "start": "2025-01-01T00:00:00Z", "end": "2025-02-01T00:00:00Z" });
        json!({ "tlogs": [log(OURS, &span), log(OTHER, &json!({ "start": "2020-01-01T00:00:00Z" }))] })
    }

    /// An entry under the name of one log, with signatures by these.
    fn bundle(named: [u8; 32], signers: &[[u8; 32]]) -> Value {
        let lines: Vec<String> =
            signers.iter().map(|id| format!("{SIGNATURE} log.example {}\n", BASE64.encode(&id[..8]))).collect();
        let note = format!("log.example\n9\nAAAA\n\n{}", lines.concat());
        let entry = json!({ "logId": { "keyId": BASE64.encode(named) }, "inclusionProof": { "checkpoint": { "envelope": note } } });
        json!({ "verificationMaterial": { "tlogEntries": [entry] } })
    }

    fn judge(bundle: &Value, times: &[&str]) -> Result<Option<Value>, Refused> {
        let times: Vec<Time> = times.iter().map(|time| at(time)).collect();
        let found = Windows::of(&root()).unwrap().counting(root().to_string().as_bytes(), bundle, &times)?;
        Ok(found.map(|bytes| serde_json::from_slice(&bytes).unwrap()))
    }

    #[test]
    fn a_log_is_a_witness_from_its_first_second_to_its_last_at_every_time() {
        let entry = bundle(OURS, &[OURS]);
        let (first, last) = ("2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z");
        assert_eq!(judge(&entry, &[first, last]), Ok(None));
        for times in [&["2024-12-31T23:59:59Z"][..], &["2025-02-01T00:00:01Z"], &[first, "2025-03-01T00:00:00Z"]] {
            let refused = judge(&entry, times).unwrap_err();
            assert_eq!(refused.code(), codes::INCLUSION_PROMISE_INVALID, "{times:?}");
        }
        assert_eq!(
            judge(&entry, &["2025-02-01T00:00:01Z"]).unwrap_err().to_string(),
            "the log that has the entry did not count at 2025-02-01T00:00:01Z: in the trusted root it counts from \
             2025-01-01T00:00:00Z until 2025-02-01T00:00:00Z"
        );
        assert_eq!(judge(&bundle(OTHER, &[OTHER]), &["2026-01-01T00:00:00Z"]), Ok(None));
    }

    #[test]
    fn a_log_that_has_ended_signs_under_no_other_log_s_name() {
        let late = ["2026-01-01T00:00:00Z"];
        let rest = json!({ "tlogs": [root()["tlogs"][1]] });
        assert_eq!(judge(&bundle(OTHER, &[OURS, OTHER]), &late), Ok(Some(rest.clone())));
        // Without a name, and with a line that only others may be able to read.
        let mut unnamed = bundle(OTHER, &[OURS]);
        unnamed["verificationMaterial"]["tlogEntries"][0]["logId"] = Value::Null;
        assert_eq!(judge(&unnamed, &late), Ok(Some(rest.clone())));
        let mut odd = bundle(OTHER, &[OTHER]);
        let note = format!("log.example\n9\nAAAA\n\n{SIGNATURE} log.example !\n");
        odd["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"] = json!(note);
        assert_eq!(judge(&odd, &late), Ok(Some(rest)));
    }

    #[test]
    fn a_log_has_its_time_however_the_root_spells_its_id() {
        for engine in [BASE64, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            // In the one alphabet it has signs that are not in the other.
            let id = [0xfb; 32];
            let mut root = root();
            root["tlogs"][0]["logId"]["keyId"] = json!(engine.encode(id));
            let windows = Windows::of(&root).unwrap();
            let judge = |bundle: &Value, time: &str| {
                windows.counting(root.to_string().as_bytes(), bundle, &[at(time)]).map(|root| root.is_some())
            };
            let refused = judge(&bundle(id, &[id]), "2026-01-01T00:00:00Z").unwrap_err();
            assert_eq!(refused.code(), codes::INCLUSION_PROMISE_INVALID);
            assert_eq!(judge(&bundle(id, &[id]), "2025-01-15T00:00:00Z"), Ok(false));
            assert_eq!(judge(&bundle(OTHER, &[id]), "2026-01-01T00:00:00Z"), Ok(true));
        }
    }

    #[test]
    fn a_root_of_which_a_part_would_not_be_found_by_its_name_is_refused() {
        let whole: Value = serde_json::from_str(super::super::Instance::Production.document()).unwrap();
        assert!(Windows::of(&whole).is_ok());
        let cases = [
            ("/tlogs/0/logId/keyId", json!("!")),
            ("/tlogs/0/logId/keyId", json!("")),
            ("/tlogs/0/logId", json!([whole["tlogs"][0]["logId"]["keyId"]])),
            ("/tlogs/0/publicKey", json!([whole["tlogs"][0]["publicKey"]["rawBytes"], "PKIX_ECDSA_P256_SHA_256", {}])),
            ("/tlogs/0/publicKey/validFor", json!(["2021-01-12T11:53:27Z", "2022-01-01T00:00:00Z"])),
            ("/ctlogs/0/logId/keyId", json!("A")),
            ("/ctlogs/0/publicKey/validFor", json!([])),
            ("/certificateAuthorities/0/validFor", json!(["2021-01-12T11:53:27Z"])),
            ("/timestampAuthorities/0/validFor", json!(["2021-01-12T11:53:27Z"])),
            ("/timestampAuthorities/0", json!([])),
        ];
        for (place, value) in cases {
            let mut root = whole.clone();
            *root.pointer_mut(place).unwrap() = value;
            let refused = Windows::of(&root).unwrap_err();
            assert_eq!(refused.code(), codes::SIGSTORE_ROOT_MALFORMED, "{place}");
            assert!(refused.to_string().starts_with(place), "{place}: {refused}");
        }
        // What is null was left out: it counts for ever.
        let mut root = whole;
        root["tlogs"][0]["publicKey"]["validFor"] = Value::Null;
        assert!(Windows::of(&root).is_ok());
    }
}
