//! Identity tokens: from a file, or from the CI that this runs in. A token is a secret until it has expired; it is shown
//! to the certificate authority, and to nobody else.

use super::client::{Client, KeylessError};
use super::config::on_this_machine;
use crate::program::converse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{json, limits};
use serde_json::Value;
use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};
use std::time::Duration;
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
        "no identity token: name a file with --identity-token, sign in with `--identity-from browser`, or run in a job of GitHub Actions with `permissions: id-token: write`, of GitLab CI with an id token named SIGSTORE_ID_TOKEN, of Buildkite, or on Google Cloud"
    )]
    None,
    /// The CI that was named is not the one that this runs in.
    #[error("no identity token: this is no job of {0}")]
    Elsewhere(&'static str),
    /// From another issuer than was asked, or for another request.
    #[error("the identity token is not the one that was asked for")]
    Another,
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

    /// A claim that is text.
    pub(super) fn claim(&self, name: &str) -> Option<String> {
        let claims = URL_SAFE_NO_PAD.decode(self.text.split('.').nth(1)?).ok()?;
        Some(json::parse(&claims).ok()?.get(name)?.as_str()?.to_owned())
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

/// A place that gives its jobs identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI, and whoever else puts a token into `SIGSTORE_ID_TOKEN`.
    GitLab,
    /// Buildkite, through its agent.
    Buildkite,
    /// Google Cloud, by the account of the machine.
    GoogleCloud,
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
    /// Buildkite: what its agent has to see of the environment.
    pub buildkite: Option<Vec<(OsString, OsString)>>,
    /// Google Cloud: the host that knows the machine's account.
    pub metadata: Option<String>,
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ambient")
            .field("request_url", &self.request_url)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

/// The token of the CI job that this runs in: of the one that is named, or of the first that there is.
pub fn ambient_token(
    ambient: &Ambient,
    provider: Option<Provider>,
    patience: Duration,
) -> Result<IdentityToken, KeylessError> {
    let wanted = |this| provider.is_none_or(|provider| provider == this);
    if let Some(token) = ambient.token.as_ref().filter(|_| wanted(Provider::GitLab)) {
        return Ok(IdentityToken::parse(token)?);
    }
    if let (Some(url), Some(shown), true) = (&ambient.request_url, &ambient.request_token, wanted(Provider::GitHub)) {
        return of_github(url, shown, patience);
    }
    if let Some(environment) = ambient.buildkite.as_ref().filter(|_| wanted(Provider::Buildkite)) {
        return of_buildkite(environment, patience);
    }
    if let Some(host) = ambient.metadata.as_ref().filter(|_| wanted(Provider::GoogleCloud)) {
        return of_google(host, patience);
    }
    Err(match provider {
        None => TokenError::None,
        Some(Provider::GitHub) => TokenError::Elsewhere("GitHub Actions with `permissions: id-token: write`"),
        Some(Provider::GitLab) => TokenError::Elsewhere("GitLab CI with an id token named SIGSTORE_ID_TOKEN"),
        Some(Provider::Buildkite) => TokenError::Elsewhere("Buildkite"),
        Some(Provider::GoogleCloud) => TokenError::Elsewhere("Google Cloud"),
    }
    .into())
}

fn of_github(url: &str, shown: &str, patience: Duration) -> Result<IdentityToken, KeylessError> {
    if !url.starts_with("https://") && !on_this_machine(url) {
        return Err(TokenError::Address.into());
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}audience={AUDIENCE}");
    let answer = Client::new(&url, patience)?.get_json("token service", &url, shown)?;
    let token = answer.get("value").and_then(Value::as_str).unwrap_or_default();
    Ok(IdentityToken::parse(token)?)
}

fn of_buildkite(environment: &[(OsString, OsString)], patience: Duration) -> Result<IdentityToken, KeylessError> {
    const PROGRAM: &str = "buildkite-agent";
    let no = |problem: String| KeylessError::Agent { program: PROGRAM, problem };
    #[expect(clippy::disallowed_methods, reason = "the one way to an identity there, with an environment of its own")]
    let mut command = Command::new(PROGRAM);
    command.args(["oidc", "request-token", "--audience", AUDIENCE]);
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(|error| no(error.to_string()))?;
    let said = converse(&mut child, &[], limits::KEY_BYTES, Some(patience));
    if said.is_err() {
        // Nothing is left running. An error here means that it has ended already.
        drop(child.kill());
    }
    let status = child.wait().map_err(|error| no(error.to_string()))?;
    let printed = Zeroizing::new(said.map_err(|error| no(error.to_string()))?.0);
    if !status.success() {
        return Err(no(status.to_string()));
    }
    Ok(IdentityToken::parse(&String::from_utf8_lossy(&printed))?)
}

fn of_google(host: &str, patience: Duration) -> Result<IdentityToken, KeylessError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    if !host.bytes().all(plain) {
        return Err(TokenError::Address.into());
    }
    // In the open by design: the host is this machine's own, and no network but the machine's leads there.
    let url = format!(
        "http://{host}/computeMetadata/v1/instance/service-accounts/default/identity?audience={AUDIENCE}&format=full"
    );
    let token = Client::new(&url, patience)?.metadata("machine's account", &url)?;
    Ok(IdentityToken::parse(&token)?)
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
        let ask = |ambient: &Ambient, provider| ambient_token(ambient, provider, Duration::from_secs(1));
        let none = ask(&Ambient::default(), None).unwrap_err();
        assert!(matches!(none, KeylessError::Token(TokenError::None)));
        let open = Ambient {
            request_url: Some("http://example.com/token".to_owned()),
            request_token: Some(Zeroizing::new("x".to_owned())),
            ..Ambient::default()
        };
        assert!(matches!(ask(&open, None), Err(KeylessError::Token(TokenError::Address))));
        let elsewhere = Ambient { metadata: Some("evil.example/x?".to_owned()), ..Ambient::default() };
        assert!(matches!(ask(&elsewhere, None), Err(KeylessError::Token(TokenError::Address))));
        // One that is named and is not there is not made up for by another.
        for provider in [Provider::GitLab, Provider::Buildkite, Provider::GoogleCloud] {
            assert!(matches!(ask(&open, Some(provider)), Err(KeylessError::Token(TokenError::Elsewhere(_)))));
        }
    }
}
