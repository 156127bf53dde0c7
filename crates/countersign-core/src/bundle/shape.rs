//! The shape of a Sigstore bundle. A reader that is derived takes the fields of an array by their places, and one that looks for a
//! field by its name finds none there, which it takes for one that was left out: to the one a bundle has what the other does
//! not see. So each part of a bundle is what it has to be before either reads it.

use super::BundleError;
use crate::json::JsonError;
use serde_json::Value;

/// What stands under a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Part,
    Parts,
    Texts,
    Text,
    Number,
    /// No reader here knows the name.
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "verificationMaterial"
            | "publicKey"
            | "certificate"
            | "x509CertificateChain"
            | "logId"
            | "kindVersion"
            | "inclusionPromise"
            | "inclusionProof"
            | "checkpoint"
            | "timestampVerificationData"
            | "dsseEnvelope"
            | "messageSignature"
            | "messageDigest" => Self::Part,
            "tlogEntries" | "rfc3161Timestamps" | "certificates" | "signatures" => Self::Parts,
            "hashes" => Self::Texts,
            "mediaType"
            | "hint"
            | "rawBytes"
            | "keyId"
            | "kind"
            | "version"
            | "signedEntryTimestamp"
            | "rootHash"
            | "envelope"
            | "canonicalizedBody"
            | "signedTimestamp"
            | "payload"
            | "payloadType"
            | "sig"
            | "keyid"
            | "algorithm"
            | "digest"
            | "signature" => Self::Text,
            "logIndex" | "integratedTime" | "treeSize" => Self::Number,
            _ => Self::Other,
        }
    }

    /// Whether this is of that kind. What is null was left out.
    fn fits(self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Object(_) => matches!(self, Self::Part | Self::Other),
            Value::Array(_) => matches!(self, Self::Parts | Self::Texts),
            Value::String(_) => matches!(self, Self::Text | Self::Number | Self::Other),
            Value::Number(_) => matches!(self, Self::Number | Self::Other),
            Value::Bool(_) => self == Self::Other,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Part => "an object, its fields by their names",
            Self::Parts => "a list of objects",
            Self::Texts => "a list of texts",
            Self::Text => "text",
            Self::Number => "a number, or digits as text",
            Self::Other => "no list",
        }
    }
}

/// Whether each part of a bundle is an object, a list or a text, as it has to be. What it says is not looked at, nor whether all
/// is there.
pub fn shaped(bundle: &Value) -> Result<(), BundleError> {
    if !bundle.is_object() {
        return Err(other("the bundle", Kind::Part, bundle));
    }
    within(bundle)
}

/// The same of the part that stands under this name.
pub(super) fn part(name: &str, value: &Value) -> Result<(), BundleError> {
    let kind = Kind::of(name);
    if kind == Kind::Other && value.is_array() {
        let name: String = name.chars().take(80).collect();
        let what = format!("`{name}` is a list, and no part of a bundle that is known is called so");
        return Err(JsonError::Shape(what).into());
    }
    if !kind.fits(value) {
        return Err(other(&format!("`{}`", name.chars().take(80).collect::<String>()), kind, value));
    }
    for item in value.as_array().into_iter().flatten() {
        let fits = if kind == Kind::Texts { item.is_string() } else { item.is_object() };
        if !fits {
            let expected = if kind == Kind::Texts { Kind::Text } else { Kind::Part };
            return Err(other(&format!("what is in `{name}`"), expected, item));
        }
        within(item)?;
    }
    within(value)
}

fn within(value: &Value) -> Result<(), BundleError> {
    value.as_object().into_iter().flatten().try_for_each(|(name, value)| part(name, value))
}

fn other(place: &str, expected: Kind, found: &Value) -> BundleError {
    let found = match found {
        Value::Null => "nothing",
        Value::Bool(_) => "a word",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    JsonError::Shape(format!("{place} has to be {}, and is {found}", expected.words())).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": { "rawBytes": "AAAA" },
                "x509CertificateChain": { "certificates": [{ "rawBytes": "AAAA" }] },
                "publicKey": { "hint": "" },
                "tlogEntries": [{
                    "logIndex": "7", "integratedTime": 3, "logId": { "keyId": "AAAA" },
                    "kindVersion": { "kind": "dsse", "version": "0.0.2" },
                    "inclusionPromise": { "signedEntryTimestamp": "AAAA" },
                    "inclusionProof": {
                        "logIndex": "7", "rootHash": "AAAA", "treeSize": "9", "hashes": ["AAAA"], "checkpoint": { "envelope": "" },
                    },
                    "canonicalizedBody": "AAAA",
                }],
                "timestampVerificationData": { "rfc3161Timestamps": [{ "signedTimestamp": "AAAA" }] },
            },
            "dsseEnvelope": { "payload": "AAAA", "payloadType": "x", "signatures": [{ "sig": "AAAA", "keyid": "" }] },
            "messageSignature": { "messageDigest": { "algorithm": "SHA2_256", "digest": "AAAA" }, "signature": "AAAA" },
            "later": { "anything": true },
        })
    }

    /// Each object of a bundle by its place, and each text.
    fn places(value: &Value, path: &str, out: &mut Vec<String>) {
        let fields = value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value));
        let items = value.as_array().into_iter().flatten().enumerate().map(|(n, value)| (n.to_string(), value));
        for (name, value) in fields.chain(items) {
            places(value, &format!("{path}/{name}"), out);
        }
        out.push(path.to_owned());
    }

    #[test]
    fn no_part_of_a_bundle_can_be_an_array_of_its_fields_or_a_list_a_part() {
        let whole = whole();
        assert_eq!(shaped(&whole), Ok(()));
        let mut all = Vec::new();
        places(&whole, "", &mut all);
        assert!(all.len() > 40, "{all:?}");
        for path in all.iter().filter(|path| !path.starts_with("/later/")) {
            let mut other = whole.clone();
            let place = other.pointer_mut(path).unwrap();
            *place = match &*place {
                Value::Object(fields) => Value::Array(fields.values().cloned().collect()),
                Value::Array(items) => items[0].clone(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json!([place]),
            };
            assert!(shaped(&other).is_err(), "{path}");
            let mut other = whole.clone();
            *other.pointer_mut(path).unwrap() = json!(true);
            assert_eq!(shaped(&other).is_err(), path != "/later", "{path}");
        }
    }

    #[test]
    fn a_list_under_a_name_that_nobody_knows_is_named_as_such() {
        let mut more = whole();
        more["certificateAuthorities"] = json!([{}]);
        assert_eq!(
            shaped(&more).unwrap_err().to_string(),
            "`certificateAuthorities` is a list, and no part of a bundle that is known is called so"
        );
    }

    #[test]
    fn what_was_left_out_or_is_unknown_is_no_matter_of_shape() {
        for name in ["verificationMaterial", "dsseEnvelope", "messageSignature", "mediaType"] {
            let mut less = whole();
            less[name] = Value::Null;
            assert_eq!(shaped(&less), Ok(()));
            less.as_object_mut().unwrap().remove(name);
            assert_eq!(shaped(&less), Ok(()));
        }
        let said = shaped(&json!({ "verificationMaterial": { "tlogEntries": [{ "logId": ["AAAA"] }] } })).unwrap_err();
        assert_eq!(said.to_string(), "`logId` has to be an object, its fields by their names, and is a list");
        let said = shaped(&json!({ "verificationMaterial": { "tlogEntries": [["7"]] } })).unwrap_err();
        assert_eq!(
            said.to_string(),
            "what is in `tlogEntries` has to be an object, its fields by their names, and is a list"
        );
    }
}
