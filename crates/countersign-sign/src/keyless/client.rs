//! The few requests that it takes to sign: each answered within a bound, by the address that was configured and by no
//! other.

use super::config::ConfigError;
use super::token::{IdentityToken, TokenError};
use crate::error::SignError;
use countersign_core::json::{self, JsonError};
use countersign_core::limits;
use reqwest::blocking::{Client as Http, RequestBuilder};
use serde_json::Value;
use std::io::Read as _;
use std::time::Duration;
use zeroize::Zeroizing;

/// How much of a refusal is shown.
const SAID: usize = 200;

/// Why nothing was signed with an identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeylessError {
    /// The signing configuration cannot be followed.
    #[error("the signing configuration: {0}")]
    Config(#[from] ConfigError),
    /// There is no identity token that could be shown.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The provider made no key.
    #[error("no new key: the cryptographic provider refused")]
    Provider,
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A service could not be reached.
    #[error("the {service} at {url} could not be reached")]
    Unreachable {
        /// Which kind.
        service: &'static str,
        /// Where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// A service refused.
    #[error("the {service} at {url} answered {status}: {said}")]
    Refused {
        /// Which kind.
        service: &'static str,
        /// Where.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of what it said.
        said: String,
    },
    /// A service answered something else than was asked for.
    #[error("the answer of the {service} cannot be used: {problem}")]
    Answer {
        /// Which kind.
        service: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody signed in.
    #[error("nobody signed in at {issuer}: {problem}")]
    SignIn {
        /// The issuer.
        issuer: String,
        /// Why.
        problem: String,
    },
    /// This machine could not wait for the browser.
    #[error("this machine could not wait for the browser: {0}")]
    Listen(std::io::Error),
    /// The CI's own program gave no token.
    #[error("the program {program} gave no identity token: {problem}")]
    Agent {
        /// Its name.
        program: &'static str,
        /// Why.
        problem: String,
    },
    /// The bundle could not be written.
    #[error(transparent)]
    Json(#[from] JsonError),
}

/// Asks services.
#[derive(Debug)]
pub(super) struct Client(Http);

impl Client {
    /// For services like the one at this address.
    pub(super) fn new(like: &str, patience: Duration) -> Result<Self, KeylessError> {
        let builder = Http::builder();
        // Nobody has to show who they are on this machine, which may have no certificates at all.
        // What is asked in the open is on this machine, or is this machine's own: no proxy gets to see it.
        let open = like.starts_with("http://");
        let builder = if open { builder.tls_certs_only([]).no_proxy() } else { builder };
        let http = builder
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(patience.min(Duration::from_secs(10)))
            .timeout(patience)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build();
        let source = |source| KeylessError::Unreachable { service: "network", url: "this machine".to_owned(), source };
        http.map(Self).map_err(source)
    }

    /// Posts JSON and reads JSON. What a service says of its refusal is shown without the token, if it repeats it.
    pub(super) fn post_json(
        &self,
        service: &'static str,
        url: &str,
        body: &Value,
        token: &IdentityToken,
    ) -> Result<Value, KeylessError> {
        let body = Zeroizing::new(body.to_string());
        let request = self.0.post(url).header("content-type", "application/json").body(body.as_bytes().to_vec());
        let answer = answer(service, url, request, token.secret())?;
        json::parse(&answer).map_err(|_json| KeylessError::Answer { service, problem: "it is not JSON" })
    }

    /// Posts a form, whose values are secrets, and reads JSON.
    pub(super) fn post_form(
        &self,
        service: &'static str,
        url: &str,
        form: &str,
        secret: &str,
    ) -> Result<Value, KeylessError> {
        let request = self.0.post(url).header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("accept", "application/json").body(form.as_bytes().to_vec());
        let answer = answer(service, url, request, secret)?;
        json::parse(&answer).map_err(|_json| KeylessError::Answer { service, problem: "it is not JSON" })
    }

    /// Reads JSON that anybody may read.
    pub(super) fn read_json(&self, service: &'static str, url: &str) -> Result<Value, KeylessError> {
        let answer = answer(service, url, self.0.get(url).header("accept", "application/json"), "")?;
        json::parse(&answer).map_err(|_json| KeylessError::Answer { service, problem: "it is not JSON" })
    }

    /// Asks a cloud's machine for a token, which is the whole answer.
    pub(super) fn metadata(&self, service: &'static str, url: &str) -> Result<Zeroizing<String>, KeylessError> {
        let request = self.0.get(url).header("Metadata-Flavor", "Google");
        let bytes = Zeroizing::new(answer(service, url, request, "")?);
        let text =
            std::str::from_utf8(&bytes).map_err(|_utf8| KeylessError::Answer { service, problem: "it is no text" });
        text.map(|text| Zeroizing::new(text.trim().to_owned()))
    }

    /// Asks a CI for a token.
    pub(super) fn get_json(&self, service: &'static str, url: &str, shown: &str) -> Result<Value, KeylessError> {
        let request = self.0.get(url).bearer_auth(shown).header("accept", "application/json");
        let answer = answer(service, url, request, shown)?;
        json::parse(&answer).map_err(|_json| KeylessError::Answer { service, problem: "it is not JSON" })
    }

    /// A file; `None` where there is none of that name.
    pub(super) fn file(&self, url: &str) -> Result<Option<Vec<u8>>, KeylessError> {
        match answer("repository", url, self.0.get(url), "") {
            Err(KeylessError::Refused { status: 403 | 404, .. }) => Ok(None),
            answered => answered.map(Some),
        }
    }

    /// A timestamp over a SHA-256.
    pub(super) fn timestamp(&self, url: &str, imprint: &[u8; 32]) -> Result<Vec<u8>, KeylessError> {
        // RFC 3161: version 1, the imprint's algorithm and the imprint, and that the authority's certificate be left in.
        // Replayed answers are over another imprint: it is that of a signature made a moment ago.
        const BEFORE: &[u8] = &[
            0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
            0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
        ];
        const AFTER: &[u8] = &[0x01, 0x01, 0xff];
        let request = self.0.post(url).header("content-type", "application/timestamp-query");
        let request = request.body([BEFORE, imprint, AFTER].concat());
        answer("timestamp authority", url, request, "")
    }
}

fn answer(service: &'static str, url: &str, request: RequestBuilder, secret: &str) -> Result<Vec<u8>, KeylessError> {
    let unreachable = |source: reqwest::Error| KeylessError::Unreachable {
        service,
        url: url.to_owned(),
        // The address is named already, and may hold more than is to be shown.
        source: source.without_url(),
    };
    let answer = request.send().map_err(unreachable)?;
    let status = answer.status();
    let mut bytes = Vec::new();
    let most = u64::try_from(limits::SIGSTORE_ANSWER_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    if answer.take(most).read_to_end(&mut bytes).is_err() {
        return Err(KeylessError::Answer { service, problem: "it broke off" });
    }
    if bytes.len() > limits::SIGSTORE_ANSWER_BYTES {
        return Err(KeylessError::Answer { service, problem: "it is too long" });
    }
    if status.is_success() {
        return Ok(bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let shown = if !secret.is_empty() && text.contains(secret) { "" } else { &text };
    let said = shown.chars().filter(|c| !c.is_control()).take(SAID).collect();
    Err(KeylessError::Refused { service, url: url.to_owned(), status: status.as_u16(), said })
}
