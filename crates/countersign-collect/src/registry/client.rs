//! Requests to one registry, with its way of asking who we are. Redirects are followed for blobs alone, and nothing
//! secret goes along to another host.

use super::login::Login;
use super::{RegistryError, Settings};
use crate::forge::Secret;
use countersign_core::{json, limits};
use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, USER_AGENT, WWW_AUTHENTICATE,
};
use reqwest::{Method, Url};
use serde_json::Value;
use std::io::Read as _;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_mins(2);
/// How many redirects of one blob are followed.
const REDIRECTS: usize = 4;
/// How often a request is tried that fails on the way.
const TRIES: u32 = 3;

/// One registry.
pub(super) struct Client {
    http: Http,
    base: Url,
    host: String,
    login: Option<Login>,
    /// What goes into `Authorization` once the registry has asked for it.
    shown: Mutex<Option<(&'static str, Secret)>>,
    plain: bool,
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: &'a str,
    pub(super) body: Option<(&'a str, &'a [u8])>,
    pub(super) limit: usize,
}

/// An answer, whatever its status.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self, RegistryError> {
        let host = settings.image.host.clone();
        let plain = settings.plain_http || is_loopback(&host);
        let scheme = if plain { "http" } else { "https" };
        let setup = |why: String| RegistryError::Setup { why };
        let base = Url::parse(&format!("{scheme}://{host}/")).map_err(|error| setup(error.to_string()))?;
        let mut builder = Http::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(Duration::from_secs(10))
            .timeout(TIMEOUT);
        if let Some(proxy) = &settings.proxy {
            let proxy =
                reqwest::Proxy::https(proxy).map_err(|_address| setup("the proxy's address is none".to_owned()))?;
            let without = settings.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
            builder = builder.proxy(proxy.no_proxy(without));
        }
        if let Some(path) = &settings.authorities {
            let refused = || setup(format!("{} holds no certificates in PEM form", path.display()));
            let bytes = crate::files::read_within(path, limits::TOML_BYTES).map_err(|_unreadable| refused())?;
            let certificates = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|_form| refused())?;
            if certificates.is_empty() {
                return Err(refused());
            }
            builder = builder.tls_certs_only(certificates);
        } else if plain {
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| setup(error.without_url().to_string()))?;
        Ok(Self {
            http,
            base,
            host,
            login: settings.login.clone(),
            shown: Mutex::default(),
            plain: settings.plain_http,
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// An address of the registry's own interface.
    pub(super) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.base.join(&format!("v2/{path}")).map_err(|error| RegistryError::Setup { why: error.to_string() })
    }

    /// Where an upload goes on: on the same host, or nowhere.
    pub(super) fn location(&self, from: &Url, reply: &Reply) -> Result<Url, RegistryError> {
        let there = reply.header(LOCATION.as_str()).and_then(|location| from.join(location).ok());
        let there = there.ok_or_else(|| self.odd("it does not say where the upload goes on"))?;
        if there.origin() == self.base.origin() {
            Ok(there)
        } else {
            Err(self.odd("it sends the upload to another host"))
        }
    }

    /// With TLS, or where that was said to be needless, or on this machine.
    fn may_speak_to(&self, url: &Url) -> bool {
        let authority = url.host_str().unwrap_or_default();
        url.scheme() == "https" || (url.scheme() == "http" && (self.plain || is_loopback(authority)))
    }

    pub(super) fn odd(&self, why: &'static str) -> RegistryError {
        RegistryError::Odd { host: self.host.clone(), why }
    }

    /// Asks, shows who we are if that is wanted, and follows redirects of what is only read.
    pub(super) fn send(&self, ask: &Ask<'_>) -> Result<Reply, RegistryError> {
        let mut reply = self.patiently(ask)?;
        if reply.status == 401 {
            self.show(&reply)?;
            reply = self.patiently(ask)?;
        }
        let mut url = ask.url.clone();
        for _ in 0..REDIRECTS {
            if ask.method != Method::GET || !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(reply);
            }
            let there = reply.header(LOCATION.as_str()).and_then(|location| url.join(location).ok());
            url = there.ok_or_else(|| self.odd("it points nowhere"))?;
            if !self.may_speak_to(&url) {
                return Err(self.odd("it points to an address without TLS"));
            }
            let further =
                Ask { method: Method::GET, url: url.clone(), accept: ask.accept, body: None, limit: ask.limit };
            reply = self.patiently(&further)?;
        }
        if matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
            Err(self.odd("its answers point to one another"))
        } else {
            Ok(reply)
        }
    }

    fn patiently(&self, ask: &Ask<'_>) -> Result<Reply, RegistryError> {
        let mut tried = 1_u32;
        loop {
            match self.once(ask) {
                Ok(reply) if tried >= TRIES || !matches!(reply.status, 429 | 500 | 502 | 503 | 504) => {
                    return Ok(reply);
                }
                Err(error) if tried >= TRIES || !matches!(error, RegistryError::Unreachable { .. }) => {
                    return Err(error);
                }
                Ok(_) | Err(_) => {}
            }
            std::thread::sleep(Duration::from_millis(200).saturating_mul(tried));
            tried = tried.saturating_add(1);
        }
    }

    fn once(&self, ask: &Ask<'_>) -> Result<Reply, RegistryError> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("countersign/", env!("CARGO_PKG_VERSION"))));
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_form| self.odd("a header cannot be sent"));
        headers.insert(ACCEPT, value(ask.accept)?);
        if ask.url.origin() == self.base.origin()
            && let Some((scheme, shown)) = self.shown.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        {
            let mut value = value(&format!("{scheme} {}", shown.reveal()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut request = self.http.request(ask.method.clone(), ask.url.clone());
        if let Some((kind, body)) = ask.body {
            headers.insert(CONTENT_TYPE, value(kind)?);
            request = request.body(body.to_vec());
        }
        let unreachable = |error: reqwest::Error| RegistryError::Unreachable {
            host: self.host.clone(),
            why: error.without_url().to_string(),
        };
        let response = request.headers(headers).send().map_err(unreachable)?;
        self.read(response, ask.limit)
    }

    fn read(&self, response: Response, limit: usize) -> Result<Reply, RegistryError> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut body = Vec::new();
        response
            .take(most)
            .read_to_end(&mut body)
            .map_err(|error| RegistryError::Unreachable { host: self.host.clone(), why: error.kind().to_string() })?;
        if body.len() > limit {
            return Err(RegistryError::TooLarge { host: self.host.clone(), limit });
        }
        Ok(Reply { status, headers, body })
    }

    /// Shows who we are in the way that the registry asks for.
    fn show(&self, reply: &Reply) -> Result<(), RegistryError> {
        let wanted = reply.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let wanted: Vec<(String, Vec<(String, String)>)> = wanted.filter_map(challenge).collect();
        let refused = || RegistryError::NotAllowed { host: self.host.clone(), with_login: self.login.is_some() };
        let shown = if let Some((_, fields)) = wanted.iter().find(|(scheme, _)| scheme == "bearer") {
            ("Bearer", self.token(fields)?)
        } else if wanted.iter().any(|(scheme, _)| scheme == "basic") {
            let login = self.login.as_ref().ok_or_else(refused)?;
            ("Basic", Secret::of(&login.basic(), "the login").map_err(|_form| refused())?)
        } else {
            return Err(refused());
        };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(())
    }

    /// A token for what was asked, from where the registry says that tokens are made.
    fn token(&self, fields: &[(String, String)]) -> Result<Secret, RegistryError> {
        let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let realm = field("realm").and_then(|realm| Url::parse(realm).ok());
        let mut url = realm.ok_or_else(|| self.odd("it does not say where tokens are made"))?;
        if !self.may_speak_to(&url) {
            return Err(self.odd("it has tokens made at an address without TLS"));
        }
        for name in ["service", "scope"] {
            if let Some(value) = field(name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let mut request = self.http.get(url);
        if let Some(login) = &self.login {
            let mut value = HeaderValue::from_str(&format!("Basic {}", login.basic()))
                .map_err(|_form| self.odd("a header cannot be sent"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let unreachable = |error: reqwest::Error| RegistryError::Unreachable {
            host: self.host.clone(),
            why: format!("no token: {}", error.without_url()),
        };
        let reply = self.read(request.send().map_err(unreachable)?, limits::KEY_BYTES)?;
        let refused = || RegistryError::NotAllowed { host: self.host.clone(), with_login: self.login.is_some() };
        if reply.status != 200 {
            return Err(refused());
        }
        let answer = json::parse_within(&reply.body, limits::KEY_BYTES).map_err(|_form| refused())?;
        let token = answer.get("token").or_else(|| answer.get("access_token")).and_then(Value::as_str);
        Secret::of(token.ok_or_else(refused)?, "the registry's token").map_err(|_form| refused())
    }
}

/// Whether a host, with or without a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A challenge: its scheme in lower case, and its fields.
fn challenge(text: &str) -> Option<(String, Vec<(String, String)>)> {
    let (scheme, mut rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut fields = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        fields.push((name.trim_matches([' ', ',']).to_ascii_lowercase(), value.trim().to_owned()));
        rest = after;
    }
    Some((scheme.to_ascii_lowercase(), fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names_alone() {
        for own in ["localhost", "localhost:5000", "127.0.0.1", "127.8.8.8:1", "[::1]:5000", "[::1]", "::1"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in ["localhost.example", "127.0.0.1.example:1", "10.0.0.1", "[2001:db8::1]:5000", "example:127"] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn a_challenge_is_read_with_its_fields() {
        let text = r#"Bearer realm="https://auth.example/token",service="r.example", scope="repository:a/b:pull,push""#;
        let (scheme, fields) = challenge(text).unwrap();
        assert_eq!(scheme, "bearer");
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(field("realm"), "https://auth.example/token");
        assert_eq!(field("scope"), "repository:a/b:pull,push");
        assert_eq!(challenge("Basic").unwrap(), ("basic".to_owned(), Vec::new()));
        assert_eq!(challenge(r#"Bearer realm="x"#), None);
    }
}
