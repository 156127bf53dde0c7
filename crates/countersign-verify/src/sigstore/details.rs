//! What a trusted root says of its logs' keys beside the keys: `keyDetails`. The family takes a key for what its bytes are. Other
//! readers go by the word, so that one root would trust two things: here the word fits the key, or the root is refused.

use super::schemes::Kind;
use super::{Refused, decoded};
use countersign_core::codes;
use countersign_core::key::PublicKey;
use serde_json::Value;

/// The lists of logs.
const LISTS: [&str; 2] = ["tlogs", "ctlogs"];

/// Whether each log's key is what is said of it. A key of a kind that nobody here can use is left, since its log never counts.
pub(super) fn fit(root: &Value) -> Result<(), Refused> {
    for list in LISTS {
        let logs = root.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (index, log) in logs.iter().enumerate() {
            let raw = log.pointer("/publicKey/rawBytes").and_then(Value::as_str);
            let der = raw.and_then(decoded).unwrap_or_default();
            let (names, kind) = match (PublicKey::from_spki_der(&der), Kind::of(&der)) {
                (Ok(key), _) => (names(&key), key.kind()),
                // Our documents have no such keys; a log may.
                (Err(_), Kind::P521) => {
                    (vec!["PKIX_ECDSA_P521_SHA_512".to_owned(), "PKIX_ECDSA_P521_SHA_256".to_owned()], "ECDSA P-521")
                }
                (Err(_), _) => continue,
            };
            let said = log.pointer("/publicKey/keyDetails").and_then(Value::as_str).unwrap_or("nothing");
            if !names.iter().any(|name| name == said) {
                let said: String = said.chars().take(60).collect();
                let what = format!("/{list}/{index}/publicKey: keyDetails says {said}, and the key is {kind}");
                return Err(Refused::new(codes::SIGSTORE_ROOT_MALFORMED, what));
            }
        }
    }
    Ok(())
}

/// The words for a key of this kind.
fn names(key: &PublicKey) -> Vec<String> {
    let words: &[&str] = match key {
        PublicKey::Ed25519(_) => &["PKIX_ED25519"],
        PublicKey::P256(_) => &["PKIX_ECDSA_P256_SHA_256"],
        PublicKey::P384(_) => &["PKIX_ECDSA_P384_SHA_384", "PKIX_ECDSA_P384_SHA_256"],
        PublicKey::Rsa { .. } => {
            let sized = key.rsa_bits().map(|bits| format!("PKIX_RSA_PKCS1V15_{bits}_SHA256"));
            return sized.into_iter().chain(["PKIX_RSA_PKCS1V5".to_owned(), "PKCS1_RSA_PKCS1V5".to_owned()]).collect();
        }
        PublicKey::SkEd25519 { .. } | PublicKey::SkP256 { .. } => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Instance, TrustedRoot};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_log_whose_key_is_not_what_is_said_of_it_is_refused_with_its_place() {
        let root: Value = serde_json::from_str(Instance::Production.document()).unwrap();
        assert_eq!(fit(&root), Ok(()));
        for (list, said) in [
            ("tlogs", json!("PKIX_ED25519")),
            ("tlogs", json!("PKIX_ECDSA_P384_SHA_384")),
            ("ctlogs", json!("FUTURE_KEY_TYPE")),
            ("ctlogs", json!("PKIX_RSA_PKCS1V15_4096_SHA256")),
        ] {
            let mut root = root.clone();
            root[list][0]["publicKey"]["keyDetails"] = said.clone();
            let refused = TrustedRoot::parse(root.to_string().as_bytes()).unwrap_err();
            assert_eq!(refused.code(), codes::SIGSTORE_ROOT_MALFORMED, "{said}");
            let place = format!("/{list}/0/publicKey: keyDetails says {}", said.as_str().unwrap());
            assert!(refused.to_string().starts_with(&place), "{refused}");
        }
    }

    #[test]
    fn a_key_of_a_kind_to_come_does_not_spoil_the_root() {
        let mut root: Value = serde_json::from_str(Instance::Production.document()).unwrap();
        let key = json!({"rawBytes": "AQID", "keyDetails": "FUTURE_KEY_TYPE"});
        let id = root["tlogs"][0]["logId"].clone();
        let log = json!({"baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": id});
        root["tlogs"].as_array_mut().unwrap().push(log);
        assert_eq!(fit(&root), Ok(()));
    }
}
