//! Signatures within a part: they are of what was signed there, and not of what merging calls otherwise.

use serde_json::Value;
use std::collections::BTreeMap;

/// Keys under which the reference of something else stands, alone or in a list.
const NAMING: [&str; 20] = [
    "algorithm",
    "algorithmRef",
    "algorithms",
    "asserter",
    "attributedTo",
    "auth",
    "cryptoRefArray",
    "destination",
    "encr",
    "integ",
    "ke",
    "parent",
    "patentRefs",
    "prf",
    "ref",
    "signatureAlgorithmRef",
    "source",
    "subjectPublicKeyRef",
    "subjects",
    "tools",
];

/// Whether a thing, or anything that lies in it, is signed.
pub(super) fn is_signed(thing: &Value) -> bool {
    let mut waiting = vec![thing];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(list) => waiting.extend(list),
            Value::Object(map) => {
                if map.contains_key("signature") {
                    return true;
                }
                waiting.extend(map.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

/// Takes away the signatures of a thing, and of what lies in it, that are of something else than what stands there now: where merging
/// gave anything in it another name, and where it names what is called otherwise now. Whether there were any.
pub(super) fn taken_off(now: &mut Value, was: &Value, names: &BTreeMap<String, String>) -> bool {
    let mut any = false;
    is_other(now, was, names, &mut any);
    any
}

/// How that is told.
pub(super) fn told(key: &str) -> String {
    format!("{key}.signature (of what merging calls otherwise)")
}

/// Whether a value is not what it was, or names what is called otherwise now. Values lie in each other as deep as JSON is read.
fn is_other(now: &mut Value, was: &Value, names: &BTreeMap<String, String>, any: &mut bool) -> bool {
    match (now, was) {
        (Value::Array(now), Value::Array(was)) => {
            let mut other = now.len() != was.len();
            for (now, was) in now.iter_mut().zip(was) {
                other |= is_other(now, was, names, any);
            }
            other
        }
        (Value::Object(now), Value::Object(was)) => {
            let mut other = now.len() != was.len();
            for (key, now) in now.iter_mut() {
                other |= leads_elsewhere(key, now, names);
                match was.get(key) {
                    Some(was) => other |= is_other(now, was, names, any),
                    None => other = true,
                }
            }
            if other && now.remove("signature").is_some() {
                *any = true;
            }
            other
        }
        (now, was) => *now != *was,
    }
}

/// Whether what stands under a key is a reference to what is called otherwise now. The texts of components stay as they are: there, the
/// name may be another thing's.
fn leads_elsewhere(key: &str, value: &Value, names: &BTreeMap<String, String>) -> bool {
    let to_other = |one: &Value| one.as_str().is_some_and(|text| names.get(text).is_some_and(|name| name != text));
    let in_list = || value.as_array().is_some_and(|list| list.iter().any(to_other));
    NAMING.contains(&key) && (to_other(value) || in_list())
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Release, merge};
    use super::*;
    use countersign_core::digest::Sha256;
    use serde_json::json;

    fn with(mut value: Value, more: &Value) -> Value {
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    }

    /// A library that is signed.
    fn library(name: &str, more: &Value) -> Value {
        let signature = json!({"algorithm": "RS256", "value": "AAAA"});
        with(json!({"type": "library", "name": name, "bom-ref": name, "signature": signature}), more)
    }

    fn part(root: &str, components: &Value, more: &Value) -> Value {
        let root = json!({"type": "application", "name": root, "bom-ref": root});
        let value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": root}, "components": components});
        with(value, more)
    }

    fn merged(parts: &[Value]) -> (Value, Vec<String>) {
        let part = |value: &Value| Part { digest: Sha256::of(value.to_string().as_bytes()), value: value.clone() };
        let release = Release { name: "r".to_owned(), version: "1".to_owned(), time: None };
        let merged = merge(parts.iter().map(part).collect(), &release).unwrap();
        (merged.document, merged.left_out.into_iter().collect())
    }

    fn count(value: &Value) -> usize {
        value.to_string().matches("\"signature\"").count()
    }

    #[test]
    fn what_merging_calls_otherwise_has_no_signature_and_that_is_told() {
        let none = json!({});
        let of = |root: &str, version: &str| {
            part(root, &json!([library("a", &json!({"version": version})), library("b", &none)]), &none)
        };
        let (document, told) = merged(&[of("x", "1"), of("y", "1")]);
        assert_eq!((count(&document), told), (2, vec![]), "both parts say the same, and nothing is renamed");
        let (document, told) = merged(&[of("x", "1"), of("y", "2")]);
        assert_eq!(told, ["components.signature (of what merging calls otherwise)"]);
        let all = document["components"].as_array().unwrap().iter().filter(|one| one["type"] == "library");
        let mut signed: Vec<(bool, bool)> =
            all.map(|one| (one["bom-ref"].as_str().unwrap().contains('#'), one.get("signature").is_some())).collect();
        signed.sort_unstable();
        assert_eq!(signed, [(false, true), (false, true), (true, false)]);
    }

    #[test]
    fn a_service_that_merging_calls_otherwise_has_no_signature() {
        let of = |root: &str, text: &str| {
            let signature = json!({"algorithm": "RS256", "value": "AAAA"});
            let service = json!({"bom-ref": "s", "name": "s", "description": text, "signature": signature});
            part(root, &json!([]), &json!({"services": [service]}))
        };
        let (document, told) = merged(&[of("x", "one"), of("y", "one")]);
        assert_eq!((count(&document), told), (1, vec![]));
        let (document, told) = merged(&[of("x", "one"), of("y", "two")]);
        assert_eq!((count(&document), told), (1, vec![super::told("services")]));
    }

    #[test]
    fn what_names_something_that_merging_calls_otherwise_has_no_signature() {
        let of = |root: &str, version: &str| {
            let certificate =
                json!({"assetType": "certificate", "certificateProperties": {"signatureAlgorithmRef": "a"}});
            let user = library(&format!("u-{root}"), &json!({"cryptoProperties": certificate}));
            let note = json!({"bom-ref": format!("note-{root}"), "subjects": ["a"], "text": root,
                "annotator": {"individual": {"name": "n"}}, "timestamp": "2026-01-01T00:00:00Z",
                "signature": {"algorithm": "RS256", "value": "AAAA"}});
            let components = json!([library("a", &json!({"version": version})), user]);
            part(root, &components, &json!({"annotations": [note]}))
        };
        let (document, told) = merged(&[of("x", "1"), of("y", "1")]);
        assert_eq!((count(&document["components"]), count(&document["annotations"])), (3, 2), "{told:?}");
        assert!(told.is_empty(), "{told:?}");
        let (document, told) = merged(&[of("x", "1"), of("y", "2")]);
        assert_eq!((count(&document["components"]), count(&document["annotations"])), (2, 1));
        let words = ["annotations", "components"].map(super::told);
        assert_eq!(told, words);
    }

    #[test]
    fn a_signature_stays_on_what_nothing_in_it_was_renamed_of() {
        let none = json!({});
        let was = library("h", &json!({"components": [library("a", &none), library("c", &none)]}));
        let mut now = was.clone();
        now["components"][0]["bom-ref"] = json!("a#1");
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let names = BTreeMap::from([pair("a", "a#1"), pair("c", "c"), pair("h", "h")]);
        assert!(taken_off(&mut now, &was, &names));
        assert_eq!((count(&now), now["components"][1].get("signature").is_some()), (1, true));
        for (more, wanted) in [
            (json!({"ref": "a"}), true),
            (json!({"tools": ["c", "a"]}), true),
            (json!({"ref": "c"}), false),
            (json!({"name": "a", "description": "a"}), false),
        ] {
            let was = library("x", &json!({"evidence": more}));
            let mut now = was.clone();
            assert_eq!(taken_off(&mut now, &was, &names), wanted, "{was}");
            assert_eq!(is_signed(&now), !wanted, "{now}");
        }
    }

    #[test]
    fn that_a_composition_was_signed_is_told() {
        let signed = json!([{"aggregate": "complete", "signature": {"algorithm": "RS256", "value": "AAAA"}}]);
        let (document, told) = merged(&[part("x", &json!([]), &json!({"compositions": signed}))]);
        assert_eq!((count(&document), told), (0, vec!["compositions.signature".to_owned()]));
    }
}
