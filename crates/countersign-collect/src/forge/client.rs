//! One request to a forge, and its answer as it came, whatever its status.

use super::app::{App, Token};
use super::cache::{Cache, Kept};
use super::error::{OnlineError, Unreachable};
use super::pace::{self, Clock, Gate, Next, Said};
use super::place::Place;
use super::secret::Secret;
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::time::Time;
use countersign_core::{json, limits};
use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, USER_AGENT};
use reqwest::{Method, Url};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How many answers that point elsewhere are followed.
const REDIRECTS: u32 = 5;

/// What a forge is shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum Credential {
    /// Nothing.
    None,
    /// `Authorization: Bearer …`: any token of GitHub, and GitLab's for OAuth.
    Bearer(Secret),
    /// `PRIVATE-TOKEN: …`, GitLab's personal, group and project tokens.
    PrivateToken(Secret),
    /// `JOB-TOKEN: …`, GitLab's token of a CI job.
    JobToken(Secret),
    /// A GitHub App's token, made when it is needed.
    App(Box<App>),
}

/// How a forge is asked.
#[derive(Debug)]
pub struct Settings {
    /// Whom.
    pub place: Place,
    /// What it is shown.
    pub credential: Credential,
    /// A file of certificates in PEM form: then these authorities are believed, and no others.
    pub authorities: Option<PathBuf>,
    /// A folder for answers that may be asked for again.
    pub cache: Option<PathBuf>,
    /// The address of a proxy for https.
    pub proxy: Option<String>,
    /// What is asked without it: hosts with all below them, addresses and networks, separated by commas; `*` is everything.
    pub no_proxy: Option<String>,
    /// Requests in one minute, at most.
    pub per_minute: usize,
    /// Requests at one time, at most.
    pub parallel: usize,
    /// How long is waited in all where the forge asks for patience.
    pub patience: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a request is tried that fails on the way, or for a fault of the forge's.
    pub attempts: u32,
}

impl Settings {
    /// The usual ones: 900 requests a minute, which is what github.com takes, 16 at a time, 15 minutes of patience.
    #[must_use]
    pub const fn new(place: Place, credential: Credential) -> Self {
        Self {
            place,
            credential,
            authorities: None,
            cache: None,
            proxy: None,
            no_proxy: None,
            per_minute: 900,
            parallel: 16,
            patience: Duration::from_mins(15),
            timeout: Duration::from_mins(1),
            attempts: 4,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// When it came.
    pub at: Time,
    /// Its `Link` header.
    pub link: Option<String>,
    /// Its `X-Next-Page` header.
    pub next_page: Option<String>,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Asks one forge.
pub struct Client<'c> {
    settings: Settings,
    base: Url,
    http: Http,
    clock: &'c dyn Clock,
    gate: Gate,
    cache: Option<Cache>,
    free: (Mutex<usize>, Condvar),
}

impl std::fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What is sent.
struct Ask<'a> {
    name: &'a str,
    method: Method,
    path: &'a str,
    etag: Option<&'a str>,
    body: Option<Vec<u8>>,
}

/// An answer with what only the client needs of it.
struct Raw {
    reply: Reply,
    etag: Option<String>,
    said: Said,
}

enum Failure {
    Final(OnlineError),
    OnTheWay(Unreachable),
}

impl<'c> Client<'c> {
    /// Ready to ask.
    pub fn new(settings: Settings, clock: &'c dyn Clock) -> Result<Self, OnlineError> {
        let setup = |error: reqwest::Error| OnlineError::Setup { why: error.without_url().to_string() };
        let base = Url::parse(settings.place.api())
            .map_err(|error| OnlineError::Setup { why: format!("{}: {error}", settings.place.api()) })?;
        // What variables say of proxies is the caller's to read; redirects are followed below, where it is seen whereto.
        let mut builder = Http::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.timeout.min(Duration::from_secs(10)))
            .timeout(settings.timeout);
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::https(proxy).map_err(|_address| OnlineError::Proxy)?;
            let without = settings.no_proxy.as_deref().and_then(reqwest::NoProxy::from_string);
            builder = builder.proxy(proxy.no_proxy(without));
        }
        if let Some(path) = &settings.authorities {
            let refused = || OnlineError::Certificates { path: path.clone() };
            let bytes = crate::files::read_within(path, limits::TOML_BYTES).map_err(|_unreadable| refused())?;
            let certificates = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|_form| refused())?;
            if certificates.is_empty() {
                return Err(refused());
            }
            builder = builder.tls_certs_only(certificates);
        } else if base.scheme() == "http" {
            // Nobody has to show who they are on this machine, which may have no certificates at all.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            base,
            http: builder.build().map_err(setup)?,
            clock,
            gate: Gate::new(settings.place.host(), settings.per_minute, settings.patience),
            cache: settings.cache.as_deref().map(Cache::open).transpose()?,
            free: (Mutex::new(settings.parallel.max(1)), Condvar::new()),
            settings,
        })
    }

    /// Whom it asks.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.settings.place
    }

    /// How many requests it makes at one time.
    #[must_use]
    pub fn parallel(&self) -> usize {
        self.settings.parallel.max(1)
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The answer to a request, by its name: `GET /repos/…`.
    pub fn get(&self, name: &str) -> Result<Reply, OnlineError> {
        let path = name.strip_prefix("GET ").filter(|path| sound(path));
        let path = path.ok_or_else(|| OnlineError::Request { name: name.escape_debug().to_string() })?;
        let url = format!("{}{path}", self.settings.place.api());
        let kept = self.cache.as_ref().and_then(|cache| cache.find(&url));
        let etag = kept.as_ref().map(|kept| kept.etag.as_str());
        let raw = self.send(&Ask { name, method: Method::GET, path, etag, body: None })?;
        match (kept, raw.etag) {
            (Some(kept), _) if raw.reply.status == 304 => Ok(Reply {
                status: 200,
                at: raw.reply.at,
                link: raw.reply.link.or(kept.link),
                next_page: raw.reply.next_page.or(kept.next_page),
                body: kept.body,
            }),
            (_, Some(etag)) if raw.reply.status == 200 => {
                let reply = raw.reply;
                if let Some(cache) = &self.cache {
                    let (link, next_page) = (reply.link.clone(), reply.next_page.clone());
                    cache.keep(&url, &Kept { etag, link, next_page, body: reply.body.clone() });
                }
                Ok(reply)
            }
            _ => Ok(raw.reply),
        }
    }

    /// Sends until there is an answer that can be kept. What is still a fault of the forge's at last is kept as it is.
    fn send(&self, ask: &Ask<'_>) -> Result<Raw, OnlineError> {
        let credential = match &self.settings.credential {
            Credential::None => None,
            Credential::Bearer(secret) => Some(bearer(secret)?),
            Credential::PrivateToken(secret) => Some((HeaderName::from_static("private-token"), sensitive(secret)?)),
            Credential::JobToken(secret) => Some((HeaderName::from_static("job-token"), sensitive(secret)?)),
            Credential::App(app) => Some(bearer(&app.token(self.clock.now(), || self.token(app))?)?),
        };
        self.send_as(ask, credential.as_ref())
    }

    fn send_as(&self, ask: &Ask<'_>, credential: Option<&(HeaderName, HeaderValue)>) -> Result<Raw, OnlineError> {
        let attempts = self.settings.attempts.max(1);
        let mut failed = 0_u32;
        loop {
            self.gate.admit(self.clock)?;
            let last = failed.saturating_add(1) >= attempts;
            match self.once(ask, credential) {
                Ok(raw) => {
                    match pace::next(raw.reply.status, &raw.said, &raw.reply.body, self.clock.now()) {
                        Next::AskAgain(at) => {
                            // Patience is bounded by the gate, not by attempts.
                            self.gate.rest(at);
                            continue;
                        }
                        Next::KeepAndRest(at) => self.gate.rest(at),
                        Next::Keep => {}
                    }
                    if last || !matches!(raw.reply.status, 500 | 502 | 503 | 504) {
                        return Ok(raw);
                    }
                    if let Some(seconds) = raw.said.retry_after {
                        self.gate.rest(self.clock.now().plus(seconds.max(0)));
                    }
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::OnTheWay(what)) if last => {
                    let (name, host) = (ask.name.to_owned(), self.host());
                    return Err(OnlineError::Unreachable { name, host, what, attempts });
                }
                Err(Failure::OnTheWay(_)) => {}
            }
            self.clock.wait(pace::back_off(failed, self.clock.random()));
            failed = failed.saturating_add(1);
        }
    }

    /// One try, and what it points to on the same host.
    fn once(&self, ask: &Ask<'_>, credential: Option<&(HeaderName, HeaderValue)>) -> Result<Raw, Failure> {
        let _place = Turn::of(&self.free);
        let malformed = || Failure::Final(OnlineError::Request { name: ask.name.escape_debug().to_string() });
        let mut url = Url::parse(&format!("{}{}", self.settings.place.api(), ask.path)).map_err(|_form| malformed())?;
        if url.origin() != self.base.origin() {
            return Err(malformed());
        }
        for _ in 0..=REDIRECTS {
            let mut request = self.http.request(ask.method.clone(), url.clone()).headers(self.headers(ask, credential));
            if let Some(body) = &ask.body {
                request = request.body(body.clone());
            }
            let response = request.send().map_err(|error| self.failure(&error))?;
            let there = match whereto(&response, &url) {
                Some(there) if ask.method == Method::GET => there,
                _ => return self.read(ask.name, response),
            };
            if there.origin() != self.base.origin() {
                let to = there.host_str().unwrap_or("nowhere").to_owned();
                let to = if to == self.host() { there.origin().ascii_serialization() } else { to };
                let (name, from) = (ask.name.to_owned(), self.host());
                return Err(Failure::Final(OnlineError::Elsewhere { name, from, to }));
            }
            url = there;
        }
        Err(Failure::Final(OnlineError::Redirects { name: ask.name.to_owned(), limit: REDIRECTS }))
    }

    fn headers(&self, ask: &Ask<'_>, credential: Option<&(HeaderName, HeaderValue)>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("countersign/", env!("CARGO_PKG_VERSION"))));
        match self.settings.place.kind() {
            ForgeKind::Github => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
                headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
            }
            ForgeKind::Gitlab => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            }
        }
        if let Some(etag) = ask.etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        if let Some((name, value)) = credential {
            headers.insert(name, value.clone());
        }
        headers
    }

    fn read(&self, name: &str, response: Response) -> Result<Raw, Failure> {
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let number =
            |names: &[&str]| names.iter().find_map(|name| text(name)).and_then(|value| value.trim().parse().ok());
        let date = text("date").as_deref().and_then(pace::http_date);
        let retry_after = text("retry-after").and_then(|value| match value.trim().parse::<i64>() {
            Ok(seconds) => Some(seconds),
            Err(_) => pace::http_date(&value).map(|at| at.since(date.unwrap_or_else(|| self.clock.now()))),
        });
        let said = Said {
            remaining: number(&["x-ratelimit-remaining", "ratelimit-remaining"])
                .and_then(|n: i64| u64::try_from(n).ok()),
            reset: number(&["x-ratelimit-reset", "ratelimit-reset"]),
            retry_after,
            date,
        };
        let (status, etag) = (response.status().as_u16(), text("etag"));
        let (link, next_page) = (text("link"), text("x-next-page").filter(|page| !page.is_empty()));
        let most = u64::try_from(limits::FORGE_ANSWER_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let mut body = Vec::new();
        if let Err(error) = response.take(most).read_to_end(&mut body) {
            let slow = error.kind() == std::io::ErrorKind::TimedOut
                || error
                    .get_ref()
                    .and_then(|e| e.downcast_ref::<reqwest::Error>())
                    .is_some_and(reqwest::Error::is_timeout);
            return Err(Failure::OnTheWay(if slow { Unreachable::Timeout } else { Unreachable::Cut }));
        }
        if body.len() > limits::FORGE_ANSWER_BYTES {
            return Err(Failure::Final(OnlineError::TooLarge { name: name.to_owned() }));
        }
        Ok(Raw { reply: Reply { status, at: self.clock.now(), link, next_page, body }, etag, said })
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        if let Some(why) = tls_fault(error) {
            return Failure::Final(OnlineError::Tls { host: self.host(), why });
        }
        Failure::OnTheWay(if error.is_timeout() {
            Unreachable::Timeout
        } else if error.is_connect() {
            Unreachable::Connect
        } else {
            Unreachable::Cut
        })
    }

    fn host(&self) -> String {
        self.base.host_str().unwrap_or_default().to_owned()
    }

    /// A token for the app's installation, for this repository and nothing else.
    fn token(&self, app: &App) -> Result<Token, OnlineError> {
        let claim = bearer(&app.claim(self.clock.now())?)?;
        let ask = |name: &str, path: &str, body: Option<Vec<u8>>| {
            let method = if body.is_some() { Method::POST } else { Method::GET };
            let raw = self.send_as(&Ask { name, method, path, etag: None, body }, Some(&claim))?;
            let refused = |why: String| OnlineError::App { name: name.to_owned(), why };
            if !matches!(raw.reply.status, 200 | 201) {
                return Err(refused(format!("status {}", raw.reply.status)));
            }
            json::parse_within(&raw.reply.body, limits::NOTE_BYTES)
                .map_err(|_form| refused("it is not JSON".to_owned()))
        };
        let installation = if let Some(id) = app.installation() {
            id
        } else {
            let name = "the repository's installation";
            let answer = ask(name, &format!("{}/installation", self.settings.place.root()), None)?;
            let missing = || OnlineError::App { name: name.to_owned(), why: "it has no id".to_owned() };
            answer.get("id").and_then(serde_json::Value::as_u64).ok_or_else(missing)?
        };
        let repository = self.settings.place.path().rsplit('/').next().unwrap_or_default();
        let body = format!("{{\"repositories\":[\"{repository}\"]}}").into_bytes();
        let name = "a token of the installation";
        let answer = ask(name, &format!("/app/installations/{installation}/access_tokens"), Some(body))?;
        let field = |key: &str| answer.get(key).and_then(serde_json::Value::as_str);
        let missing = || OnlineError::App { name: name.to_owned(), why: "it has no token, or no end".to_owned() };
        let secret = Secret::of(field("token").ok_or_else(missing)?, "the forge's answer")?;
        let expires = field("expires_at").and_then(|text| text.parse().ok()).ok_or_else(missing)?;
        Ok(Token { secret, expires })
    }
}

/// One of the requests that may be made at one time.
struct Turn<'a>(&'a (Mutex<usize>, Condvar));

impl<'a> Turn<'a> {
    fn of(free: &'a (Mutex<usize>, Condvar)) -> Self {
        let guard = free.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut guard = free.1.wait_while(guard, |n| *n == 0).unwrap_or_else(PoisonError::into_inner);
        *guard = guard.saturating_sub(1);
        Self(free)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut guard = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        *guard = guard.saturating_add(1);
        self.0.1.notify_one();
    }
}

/// Whether text can be a path: names that a forge gave us become part of it, and must not change whom or what we ask.
fn sound(path: &str) -> bool {
    let (before, _) = path.split_once('?').unwrap_or((path, ""));
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~%?&=+,:@".contains(&b));
    let dots = |part: &str| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part == "." || part == ".."
    };
    let mut parts = before.split('/');
    plain && before.len() > 1 && parts.next() == Some("") && parts.all(|part| !part.is_empty() && !dots(part))
}

fn bearer(secret: &Secret) -> Result<(HeaderName, HeaderValue), OnlineError> {
    let text = zeroize::Zeroizing::new(format!("Bearer {}", secret.reveal()));
    Ok((AUTHORIZATION, header(&text)?))
}

fn sensitive(secret: &Secret) -> Result<HeaderValue, OnlineError> {
    header(secret.reveal())
}

fn header(text: &str) -> Result<HeaderValue, OnlineError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_form| OnlineError::Setup { why: "the credential does not fit into a header".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where an answer points to; `None` for one that is an answer itself.
fn whereto(response: &Response, url: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    url.join(location).ok()
}

/// What is wrong with the other side's certificate or handshake, if that is what failed.
fn tls_fault(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<rustls::Error>() {
            return Some(fault.to_string());
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(why) = inner.and_then(|inner| tls_fault(inner)) {
            return Some(why);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_forge_gave_us_cannot_change_what_is_asked() {
        for good in [
            "/repos/team/service/pulls/7/reviews?per_page=100&page=2",
            "/projects/team%2Fservice/merge_requests/7",
            "/repos/team/service/collaborators/dependabot%5Bbot%5D/permission",
            "/repos/team/service/activity?ref=refs/heads/a..b&per_page=100",
        ] {
            assert!(sound(good), "{good}");
        }
        for bad in [
            "",
            "repos/a",
            "//evil.example/x",
            "/repos/../../admin",
            "/repos/%2e%2E/x",
            "/repos/a/./b",
            "/repos/a b",
            "/repos/a\r\nX: y",
            "/repos/a#b",
            "/repos/a\\b",
            "/repos/a//b",
            "/repos/\u{e9}",
        ] {
            assert!(!sound(bad), "{bad}");
        }
    }
}
