//! The issuer of tokens as a browser and a program meet it: the authorisation code of OIDC, with PKCE.

use super::{Instance, Who, now};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::digest::Sha256;
use serde_json::json;
use std::collections::BTreeMap;

/// Somebody who signed in, and what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SignedIn {
    asked: BTreeMap<String, String>,
}

/// The issuer.
#[derive(Debug, Default)]
pub(super) struct Issuer {
    signed_in: BTreeMap<String, SignedIn>,
    /// Whose browser it is.
    pub person: String,
    /// Whether it gives tokens for another nonce than was asked with.
    pub other_nonce: bool,
}

impl Issuer {
    /// What the issuer says of itself.
    pub(super) fn about(address: &str) -> Vec<u8> {
        let url = format!("http://{address}/oidc");
        json!({ "issuer": url, "authorization_endpoint": format!("{url}/auth"), "token_endpoint": format!("{url}/token") })
            .to_string()
            .into_bytes()
    }

    /// A browser comes: where it is sent back to, with a code.
    pub(super) fn sign_in(&mut self, query: &str) -> Result<String, String> {
        let asked = pairs(query);
        let of = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
        if of("response_type") != "code" || of("client_id") != "sigstore" || of("code_challenge_method") != "S256" {
            return Err("another flow".to_owned());
        }
        if !of("redirect_uri").starts_with("http://localhost:") || !of("scope").contains("openid") {
            return Err("another place to go back to".to_owned());
        }
        let code = format!("code+{}/{}", self.signed_in.len(), of("state").len());
        let back = format!("{}?state={}&code={}", of("redirect_uri"), of("state"), code.replace('+', "%2B"));
        self.signed_in.insert(code, SignedIn { asked });
        Ok(back)
    }

    /// A program comes with the code. A code is good for once.
    pub(super) fn exchange(&mut self, body: &str, address: &str, instance: &Instance) -> Result<Vec<u8>, String> {
        let given = pairs(body);
        let of = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
        let asked = self.signed_in.remove(of("code")).ok_or("no such code")?.asked;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::of(of("code_verifier").as_bytes()).as_bytes());
        if of("grant_type") != "authorization_code" || asked.get("code_challenge") != Some(&challenge) {
            return Err("the verifier is not that of the challenge".to_owned());
        }
        if asked.get("redirect_uri").map(String::as_str) != Some(of("redirect_uri")) {
            return Err("another place to go back to".to_owned());
        }
        let who = Who::person(&format!("http://{address}/oidc"), &self.person);
        let nonce =
            if self.other_nonce { "another" } else { asked.get("nonce").map(String::as_str).unwrap_or_default() };
        let token = instance.token_for(&who, now(), Some(nonce));
        Ok(json!({ "id_token": token, "access_token": "none", "token_type": "Bearer" }).to_string().into_bytes())
    }
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let pair: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&pair, 16).expect("two digits"));
            } else {
                out.push(byte);
            }
        }
        String::from_utf8(out).expect("UTF-8")
    };
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (decoded(n), decoded(v))).collect()
}
