//! The server: a thread of its own with a socket on 127.0.0.1, which answers from a story until it is dropped.

use super::fault::Fault;
use super::model::{Kind, Story};
use super::{github, gitlab};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use countersign_core::digest::Sha256;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// The certificate of the authority that a server with TLS shows, in PEM form. It names the host `localhost`.
pub const AUTHORITY: &str = include_str!("tls/ca.pem");

/// A request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path and query, with what the API's address begins with.
    pub path: String,
    /// Its headers that show a credential, with their values.
    pub credentials: Vec<String>,
    /// Its `If-None-Match`.
    pub etag: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

/// A server. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    scheme: &'static str,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    story: Mutex<Story>,
    base: Mutex<String>,
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<Vec<(String, usize, Fault)>>,
    token: Mutex<Option<String>>,
    latency: Mutex<Duration>,
    running: AtomicUsize,
    most: AtomicUsize,
    tokens: AtomicUsize,
}

/// What a part of the API answers.
pub(super) enum Answer {
    /// One thing.
    One(Value),
    /// A list, in numbered pages.
    List(Vec<Value>),
    /// A list, in pages that name what comes after.
    Cursor(Vec<Value>),
    /// It is elsewhere on this host.
    Moved(String),
    /// Another status, with a message.
    Refused(u16, String),
}

impl Answer {
    pub(super) fn missing(message: &str) -> Self {
        Self::Refused(404, message.to_owned())
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::Refused(403, message.to_owned())
    }
}

impl Server {
    /// Answers over http.
    #[must_use]
    pub fn start(story: Story) -> Self {
        Self::on(story, None)
    }

    /// Answers over TLS, as `localhost`, with a certificate of [`AUTHORITY`].
    #[must_use]
    pub fn start_tls(story: Story) -> Self {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server-key.pem")).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
        Self::on(story, Some(TlsAcceptor::from(Arc::new(config.expect("a server")))))
    }

    fn on(story: Story, tls: Option<TlsAcceptor>) -> Self {
        let shared = Arc::new(Shared {
            story: Mutex::new(story),
            base: Mutex::default(),
            seen: Mutex::default(),
            faults: Mutex::default(),
            token: Mutex::default(),
            latency: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            tokens: AtomicUsize::new(0),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (stop, stopped) = oneshot::channel();
        let (started, address) = std::sync::mpsc::channel();
        let inside = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
                started.send(listener.local_addr().expect("an address")).expect("somebody waits");
                let router = axum::Router::new().fallback(answer).with_state(inside);
                let serving = async {
                    match tls {
                        None => axum::serve(listener, router).await.expect("served"),
                        Some(tls) => axum::serve(Tls { listener, tls }, router).await.expect("served"),
                    }
                };
                tokio::select! { () = serving => {}, _ = stopped => {} }
            });
        });
        let address = address.recv().expect("an address");
        let server = Self { shared, address, scheme, stop: Some(stop), thread: Some(thread) };
        *server.shared.base.lock().expect("no panic") = server.api();
        server
    }

    /// The address of its API, as `--api` takes it.
    #[must_use]
    pub fn api(&self) -> String {
        let below = match self.story(|story| story.kind) {
            Kind::Github => "/api/v3",
            Kind::Gitlab => "/api/v4",
        };
        let host = if self.scheme == "https" { "localhost".to_owned() } else { "127.0.0.1".to_owned() };
        format!("{}://{host}:{}{below}", self.scheme, self.address.port())
    }

    /// Its socket.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads or changes the story, while it is being served.
    pub fn story<R>(&self, with: impl FnOnce(&mut Story) -> R) -> R {
        with(&mut self.shared.story.lock().expect("no panic"))
    }

    /// Misbehaves for the next `times` requests whose path and query contain `part`.
    pub fn misbehave(&self, part: &str, times: usize, fault: Fault) {
        self.shared.faults.lock().expect("no panic").push((part.to_owned(), times, fault));
    }

    /// Misbehaves no more.
    pub fn behave(&self) {
        self.shared.faults.lock().expect("no panic").clear();
    }

    /// Answers nobody without this token from here on.
    pub fn only_for(&self, token: &str) {
        *self.shared.token.lock().expect("no panic") = Some(token.to_owned());
    }

    /// Takes this long for every answer from here on.
    pub fn latency(&self, latency: Duration) {
        *self.shared.latency.lock().expect("no panic") = latency;
    }

    /// Every request so far, in the order of the answers.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("no panic").clone()
    }

    /// How many requests so far have this in their path and query.
    #[must_use]
    pub fn count(&self, part: &str) -> usize {
        self.seen().iter().filter(|seen| seen.path.contains(part)).count()
    }

    /// The most requests that there were at one time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Tls {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // Who does not believe us goes away again.
            if let Ok((stream, address)) = self.listener.accept().await
                && let Ok(stream) = self.tls.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let running = shared.running.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most.fetch_max(running, Ordering::SeqCst);
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let method = request.method().to_string();
    let fault = shared.fault(&path);
    let latency = *shared.latency.lock().expect("no panic");
    let slow = if let Some(Fault::Slow(length)) = &fault { *length } else { Duration::ZERO };
    tokio::time::sleep(latency + slow).await;
    let response = shared.answer(&method, &path, request.headers(), fault.as_ref());
    let text = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let credentials = ["authorization", "private-token", "job-token", "cookie"]
        .iter()
        .filter_map(|name| text(name).map(|value| format!("{name}: {value}")))
        .collect();
    let status = response.status().as_u16();
    let etag = text("if-none-match");
    shared.seen.lock().expect("no panic").push(Seen { method, path, credentials, etag, status });
    shared.running.fetch_sub(1, Ordering::SeqCst);
    response
}

impl Shared {
    fn fault(&self, path: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().expect("no panic");
        let (_, times, fault) =
            faults.iter_mut().find(|(part, times, _)| *times > 0 && path.contains(part.as_str()))?;
        *times -= 1;
        Some(fault.clone())
    }

    fn answer(&self, method: &str, path: &str, headers: &HeaderMap, fault: Option<&Fault>) -> Response<Body> {
        if let Some(response) = fault.and_then(misbehave) {
            return response;
        }
        if let Some(Fault::RedirectToItself) = fault {
            return status(302).header("location", path).body(Body::empty()).expect("an answer");
        }
        let story = self.story.lock().expect("no panic");
        let below = path.strip_prefix("/api/v3").or_else(|| path.strip_prefix("/api/v4")).unwrap_or(path);
        let (below, query) = below.split_once('?').unwrap_or((below, ""));
        if let Some(response) = self.app(&story, method, below, headers) {
            return response;
        }
        if let Some(token) = &*self.token.lock().expect("no panic") {
            let shown = ["authorization", "private-token", "job-token"].iter().filter_map(|name| headers.get(*name));
            let known = shown
                .into_iter()
                .any(|value| value.to_str().is_ok_and(|value| value.strip_prefix("Bearer ").unwrap_or(value) == token));
            if !known {
                return plain(401, &json!({"message": "Bad credentials"}));
            }
        }
        let parameter = |name: &str| {
            let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
            found.map(|(_, value)| value.replace("%2F", "/"))
        };
        let found = match story.kind {
            Kind::Github => github::answer(&story, &below.replace("%5B", "[").replace("%5D", "]"), &parameter),
            Kind::Gitlab => gitlab::answer(&story, below, &parameter),
        };
        let base = self.base.lock().expect("no panic").clone();
        let page = Page { base, story: &story, path: below, query, fault };
        let response = match found {
            Answer::One(value) => page.finish(&value, &[], headers),
            Answer::List(items) => page.numbered(&items, &parameter, headers),
            Answer::Cursor(items) => page.after(&items, &parameter, headers),
            Answer::Moved(to) => {
                let query = if query.is_empty() { String::new() } else { format!("?{query}") };
                let to = format!("{}{to}{query}", page.base);
                return status(301).header("location", to).body(Body::empty()).expect("an answer");
            }
            Answer::Refused(code, message) => plain(code, &json!({"message": message})),
        };
        drop(story);
        response
    }

    /// An app's installation, and its tokens.
    fn app(&self, story: &Story, method: &str, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let installation = method == "GET" && path == format!("/repos/{}/installation", story.path);
        let token = method == "POST" && path == "/app/installations/77/access_tokens";
        if !installation && !token {
            return None;
        }
        let claim = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if claim.strip_prefix("Bearer ").is_none_or(|claim| claim.split('.').count() != 3) {
            return Some(plain(401, &json!({"message": "A JSON web token could not be decoded"})));
        }
        if installation {
            return Some(plain(200, &json!({"id": 77, "account": {"login": "team"}})));
        }
        let number = self.tokens.fetch_add(1, Ordering::SeqCst);
        let secret = format!("ghs_fake{number}");
        *self.token.lock().expect("no panic") = Some(secret.clone());
        Some(plain(201, &json!({"token": secret, "expires_at": "2090-01-01T00:00:00Z"})))
    }
}

/// One answer on its way out.
struct Page<'a> {
    base: String,
    story: &'a Story,
    path: &'a str,
    query: &'a str,
    fault: Option<&'a Fault>,
}

impl Page<'_> {
    fn numbered(
        &self,
        items: &[Value],
        parameter: &dyn Fn(&str) -> Option<String>,
        headers: &HeaderMap,
    ) -> Response<Body> {
        let number = |name: &str, otherwise: usize| parameter(name).and_then(|n| n.parse().ok()).unwrap_or(otherwise);
        let usual = if self.story.kind == Kind::Github { 30 } else { 20 };
        let size = number("per_page", usual).clamp(1, 100);
        let asked = number("page", 1).max(1);
        let lost = matches!(self.fault, Some(Fault::LostPage));
        if lost && asked > 1 {
            return plain(404, &json!({"message": "Not Found"}));
        }
        let page = if matches!(self.fault, Some(Fault::SamePage)) { 1 } else { asked };
        let shown: Vec<Value> = items.iter().skip((page - 1) * size).take(size).cloned().collect();
        let last = items.len().div_ceil(size).max(1);
        let more = asked < last || (lost && asked == 1);
        let mut extra = Vec::new();
        if more {
            let next = (asked + 1).to_string();
            extra.push((
                "link",
                format!(
                    "<{}>; rel=\"next\", <{}>; rel=\"last\"",
                    self.url("page", &next),
                    self.url("page", &last.to_string())
                ),
            ));
        }
        if self.story.kind == Kind::Gitlab {
            extra.push(("x-next-page", if more { (asked + 1).to_string() } else { String::new() }));
            extra.push(("x-page", asked.to_string()));
            extra.push(("x-per-page", size.to_string()));
            extra.push(("x-total-pages", last.to_string()));
        }
        self.finish(&Value::Array(shown), &extra, headers)
    }

    /// What comes next is named by the number of the last one.
    fn after(
        &self,
        items: &[Value],
        parameter: &dyn Fn(&str) -> Option<String>,
        headers: &HeaderMap,
    ) -> Response<Body> {
        let size = parameter("per_page").and_then(|n| n.parse().ok()).unwrap_or(30_usize).clamp(1, 100);
        let from = match parameter("after") {
            None => 0,
            Some(after) => {
                items.iter().position(|item| item["id"].as_u64() == after.parse().ok()).map_or(items.len(), |n| n + 1)
            }
        };
        let shown: Vec<Value> = items.iter().skip(from).take(size).cloned().collect();
        let mut extra = Vec::new();
        if from + shown.len() < items.len() {
            let last = shown.last().expect("an item")["id"].to_string();
            extra.push(("link", format!("<{}>; rel=\"next\"", self.url("after", &last))));
        }
        self.finish(&Value::Array(shown), &extra, headers)
    }

    /// The address of another page. GitHub names the repository by its number there.
    fn url(&self, name: &str, value: &str) -> String {
        let path = match self.story.kind {
            Kind::Github => self.path.replacen(
                &format!("/repos/{}", self.story.path),
                &format!("/repositories/{}", self.story.id),
                1,
            ),
            Kind::Gitlab => self.path.to_owned(),
        };
        let others = self.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with(&format!("{name}=")));
        let query: Vec<String> = others.map(str::to_owned).chain([format!("{name}={value}")]).collect();
        format!("{}{path}?{}", self.base, query.join("&"))
    }

    fn finish(&self, value: &Value, extra: &[(&str, String)], headers: &HeaderMap) -> Response<Body> {
        let mut body = serde_json::to_vec(value).expect("JSON");
        let etag = format!("W/\"{}\"", Sha256::of(&body).hex());
        if headers.get("if-none-match").is_some_and(|asked| asked.as_bytes() == etag.as_bytes()) {
            return status(304).header("etag", etag).body(Body::empty()).expect("an answer");
        }
        let mut response = status(200).header("content-type", "application/json; charset=utf-8").header("etag", etag);
        for (name, value) in extra {
            response = response.header(*name, value);
        }
        match self.fault {
            Some(Fault::Truncated) => body.truncate(body.len() / 2),
            Some(Fault::Cut) => response = response.header("content-length", (body.len() + 100).to_string()),
            Some(Fault::Last(seconds)) => {
                response = response.header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", reset(*seconds));
            }
            _ => {}
        }
        response.body(Body::from(body)).expect("an answer")
    }
}

/// What does not depend on the story.
fn misbehave(fault: &Fault) -> Option<Response<Body>> {
    let message = |text: &str| Body::from(json!({"message": text}).to_string());
    let response = match fault {
        Fault::Status(code) => status(*code).body(message("a fault")),
        Fault::Spent(seconds) => status(403)
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", reset(*seconds))
            .body(message("API rate limit exceeded")),
        Fault::Secondary(after) => {
            let answer = status(403);
            let answer = if let Some(after) = after { answer.header("retry-after", after.to_string()) } else { answer };
            answer.body(message("You have exceeded a secondary rate limit. Please wait a few minutes."))
        }
        Fault::TooMany(seconds) => status(429)
            .header("retry-after", seconds.to_string())
            .header("ratelimit-remaining", "0")
            .header("ratelimit-reset", reset(*seconds))
            .body(Body::from("Retry later\n")),
        Fault::Html => status(200).header("content-type", "text/html").body(Body::from("<html>Sign in</html>")),
        Fault::Huge => status(200).body(Body::from(vec![b' '; 64 << 20])),
        Fault::Redirect(to) => status(302).header("location", to).body(Body::empty()),
        Fault::Truncated
        | Fault::Cut
        | Fault::Last(_)
        | Fault::RedirectToItself
        | Fault::Slow(_)
        | Fault::SamePage
        | Fault::LostPage => return None,
    };
    Some(response.expect("an answer"))
}

fn plain(code: u16, value: &Value) -> Response<Body> {
    status(code).header("content-type", "application/json").body(Body::from(value.to_string())).expect("an answer")
}

fn status(code: u16) -> axum::http::response::Builder {
    Response::builder().status(code)
}

/// So many seconds from now, on the clock that the answer's `Date` shows.
fn reset(seconds: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "a server has a clock of its own")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    (i64::try_from(now).expect("seconds") + seconds).to_string()
}
