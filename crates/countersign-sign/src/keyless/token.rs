//! Identity tokens: from a file, or from the CI that this runs in. A token is a secret until it has expired; it is shown
//! to the certificate authority, and to nobody else.

use super::client::{Client, KeylessError};
use super::config::on_this_machine;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{json, limits};
use serde_json::Value;
use std::fmt;
use zeroize::Zeroizing;

/// Whom a token has to be for.
const AUDIENCE: &str = "sigstore";

/// An identity token.
pub struct IdentityToken {
    text: Zeroizing<String>,
    challenge: String,
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityToken(..)")
    }
}

/// Why text is not an identity token. None of these says what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a JSON Web Token.
    #[error("the identity token is not a JSON Web Token")]
    Form,
    /// For somebody else.
    #[error("the identity token is not for the audience `{AUDIENCE}`")]
    Audience,
    /// It names nobody.
    #[error("the identity token names nobody: it has neither an e-mail address nor a subject")]
    Nobody,
    /// There is none to be had.
    #[error(
        "no identity token: name a file with --identity-token, or run in a job of GitHub Actions with `permissions: id-token: write`, or of GitLab CI with an id token named SIGSTORE_ID_TOKEN"
    )]
    None,
    /// The CI's address for tokens is not to be asked.
    #[error("the CI's address for tokens is not an https address")]
    Address,
}

impl IdentityToken {
    /// Reads a token. Whether it holds is for the certificate authority to say.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if text.len() > limits::KEY_BYTES || !text.bytes().all(plain) {
            return Err(TokenError::Form);
        }
        let [_, claims, _] = text.split('.').collect::<Vec<_>>()[..] else { return Err(TokenError::Form) };
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_base64| TokenError::Form)?;
        let claims = json::parse(&claims).map_err(|_json| TokenError::Form)?;
        let for_us = match claims.get("aud") {
            Some(Value::String(one)) => one == AUDIENCE,
            Some(Value::Array(several)) => several.iter().any(|one| one == AUDIENCE),
            _ => false,
        };
        if !for_us {
            return Err(TokenError::Audience);
        }
        let text_of = |name| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let challenge = text_of("email").or_else(|| text_of("sub")).ok_or(TokenError::Nobody)?.to_owned();
        Ok(Self { text: Zeroizing::new(text.to_owned()), challenge })
    }

    /// What the key's proof of possession is over.
    pub(super) fn challenge(&self) -> &str {
        &self.challenge
    }

    pub(super) fn secret(&self) -> &str {
        &self.text
    }

    /// For services that are shown none.
    pub(super) fn none() -> Self {
        Self { text: Zeroizing::default(), challenge: String::new() }
    }
}

/// What a CI gives its jobs: variables, as they are set.
#[derive(Clone, Default)]
pub struct Ambient {
    /// GitHub Actions: where to ask.
    pub request_url: Option<String>,
    /// GitHub Actions: what to show there.
    pub request_token: Option<Zeroizing<String>>,
    /// GitLab CI and others: the token itself.
    pub token: Option<Zeroizing<String>>,
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ambient").field("request_url", &self.request_url).finish_non_exhaustive()
    }
}

/// The token of the CI job that this runs in.
pub fn ambient_token(ambient: &Ambient) -> Result<IdentityToken, KeylessError> {
    if let Some(token) = &ambient.token {
        return Ok(IdentityToken::parse(token)?);
    }
    let (Some(url), Some(shown)) = (&ambient.request_url, &ambient.request_token) else {
        return Err(TokenError::None.into());
    };
    if !url.starts_with("https://") && !on_this_machine(url) {
        return Err(TokenError::Address.into());
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    let answer = Client::new(url)?.get_json("token service", &format!("{url}{separator}audience={AUDIENCE}"), shown)?;
    let token = answer.get("value").and_then(Value::as_str).unwrap_or_default();
    Ok(IdentityToken::parse(token)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_whom_it_is_for_and_whom_it_names() {
        let named = |claims: &str| IdentityToken::parse(&token(claims)).map(|token| token.challenge);
        assert_eq!(
            named(r#"{"aud":"sigstore","sub":"7","email":"ada@example.com"}"#).as_deref(),
            Ok("ada@example.com")
        );
        assert_eq!(named(r#"{"aud":["x","sigstore"],"sub":"job"}"#).as_deref(), Ok("job"));
        assert_eq!(named(r#"{"aud":"other","sub":"job"}"#), Err(TokenError::Audience));
        assert_eq!(named(r#"{"sub":"job"}"#), Err(TokenError::Audience));
        assert_eq!(named(r#"{"aud":"sigstore"}"#), Err(TokenError::Nobody));
        for text in ["", "a.b", "a.b.c.d", "e30.!!.c2ln", "e30.e30=.c2ln"] {
            assert_eq!(IdentityToken::parse(text).unwrap_err(), TokenError::Form, "{text}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let text = token(r#"{"aud":"sigstore","sub":"job"}"#);
        let shown = format!("{:?}", IdentityToken::parse(&text).unwrap());
        assert_eq!(shown, "IdentityToken(..)");
        let ambient = Ambient { token: Some(Zeroizing::new(text.clone())), ..Ambient::default() };
        assert!(!format!("{ambient:?}").contains(&text));
    }

    #[test]
    fn without_a_ci_there_is_no_token_and_an_open_address_is_not_asked() {
        let none = ambient_token(&Ambient::default()).unwrap_err();
        assert!(matches!(none, KeylessError::Token(TokenError::None)));
        let open = Ambient {
            request_url: Some("http://example.com/token".to_owned()),
            request_token: Some(Zeroizing::new("x".to_owned())),
            token: None,
        };
        assert!(matches!(ambient_token(&open), Err(KeylessError::Token(TokenError::Address))));
    }
}
