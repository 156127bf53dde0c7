//! A small OCI registry on this machine, with or without the referrers API and a login. It keeps what it is given, by
//! digest and by tag, and is as slow as its tests want it to be.

use crate::sigstore::cosign::Layer;
use countersign_core::digest::Sha256;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The name and secret that a closed registry wants.
pub const LOGIN: (&str, &str) = ("robot", "hunter2-registry");
const TOKEN: &str = "a-token-of-the-registry";

/// What the registry does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// It lists by itself what refers to an image.
    pub lists: bool,
    /// It wants a login.
    pub closed: bool,
    /// It takes its time with manifests, so that writers meet.
    pub slow: bool,
}

/// The registry. It ends with the value.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    shelf: Arc<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    manners: Manners,
    address: String,
    blobs: Mutex<BTreeMap<String, Vec<u8>>>,
    /// By tag or digest: the type and the bytes.
    manifests: Mutex<BTreeMap<String, (String, Vec<u8>)>>,
    turns: AtomicU64,
}

impl Registry {
    /// Starts one.
    #[must_use]
    pub fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let ended = Arc::new(AtomicBool::new(false));
        let shelf = Arc::new(Shelf { manners, address: address.to_string(), ..Shelf::default() });
        let (stop, kept) = (Arc::clone(&ended), Arc::clone(&shelf));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(connection), shelf) = (connection, Arc::clone(&kept)) else { continue };
                std::thread::spawn(move || shelf.serve(&connection));
            }
        });
        Self { address, ended, thread: Some(thread), shelf }
    }

    /// Puts an image on the shelf, and gives its name by digest.
    #[must_use]
    pub fn image(&self, repository: &str) -> String {
        let config = Sha256::of(b"{}");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [],
            "annotations": {"repository": repository},
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = Sha256::of(&bytes).to_string();
        let kind = "application/vnd.oci.image.manifest.v1+json".to_owned();
        lock(&self.shelf.manifests).insert(digest.clone(), (kind, bytes));
        format!("{}/{repository}@{digest}", self.address)
    }

    /// The digests in the list under the fallback tag of an image.
    #[must_use]
    pub fn listed(&self, image: &str) -> Vec<String> {
        let tag = image.split_once('@').expect("a digest").1.replace(':', "-");
        let manifests = lock(&self.shelf.manifests);
        let Some((_, bytes)) = manifests.get(&tag) else { return Vec::new() };
        let index: Value = serde_json::from_slice(bytes).expect("an index");
        let entries = index.get("manifests").and_then(Value::as_array).expect("a list").clone();
        entries.iter().filter_map(|entry| entry.get("digest")?.as_str().map(str::to_owned)).collect()
    }

    /// Hangs layers beside an image, under the tag of this end: as cosign did before there were bundles.
    pub fn hang(&self, image: &str, end: &str, layers: &[Layer]) {
        let listed: Vec<Value> = layers.iter().map(Layer::descriptor).collect();
        for layer in layers {
            lock(&self.shelf.blobs).insert(Sha256::of(&layer.content).to_string(), layer.content.clone());
        }
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": kind, "layers": listed,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Sha256::of(b"{}"), "size": 2},
        });
        self.tag(image, end, manifest.to_string().as_bytes());
    }

    /// Puts these bytes under the tag of this end.
    pub fn tag(&self, image: &str, end: &str, manifest: &[u8]) {
        let tag = image.split_once('@').expect("a digest").1.replace(':', "-");
        let kind = "application/vnd.oci.image.manifest.v1+json".to_owned();
        lock(&self.shelf.manifests).insert(format!("{tag}.{end}"), (kind, manifest.to_vec()));
    }

    /// Puts other bytes under the digest of every blob that holds these words.
    pub fn alter_blobs(&self, words: &str) {
        for bytes in lock(&self.shelf.blobs).values_mut() {
            if String::from_utf8_lossy(bytes).contains(words) {
                bytes.push(b' ');
            }
        }
    }

    /// Adds an entry to an image's list under the fallback tag.
    pub fn add_to_list(&self, image: &str, entry: &Value) {
        let tag = image.split_once('@').expect("a digest").1.replace(':', "-");
        let mut manifests = lock(&self.shelf.manifests);
        let (_, bytes) = manifests.get_mut(&tag).expect("a list");
        let mut index: Value = serde_json::from_slice(bytes).expect("an index");
        index.get_mut("manifests").and_then(Value::as_array_mut).expect("a list").push(entry.clone());
        *bytes = index.to_string().into_bytes();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // One more connection wakes the listener up.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Answer {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn answer(status: &'static str) -> Answer {
    Answer { status, headers: Vec::new(), body: Vec::new() }
}

impl Shelf {
    /// One request, and one answer. A client that leaves is no matter.
    fn serve(&self, connection: &TcpStream) {
        let mut reader = BufReader::new(connection);
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() {
            return;
        }
        let mut words = line.split_whitespace();
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).is_err() {
                return;
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = Vec::new();
        if reader.take(length).read_to_end(&mut body).is_err() {
            return;
        }
        let said = self.answer(method, target, &headers, body);
        let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\n", said.status);
        for (name, value) in &said.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", said.body.len()));
        let mut connection = connection;
        let body: &[u8] = if method == "HEAD" { &[] } else { &said.body };
        drop(connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body)));
    }

    fn answer(&self, method: &str, target: &str, headers: &BTreeMap<String, String>, body: Vec<u8>) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let shown = headers.get("authorization").map_or("", String::as_str);
        if path == "/token" {
            use base64::Engine as _;
            let expected = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", LOGIN.0, LOGIN.1));
            if shown != format!("Basic {expected}") {
                return answer("401 Unauthorized");
            }
            return Answer { body: json!({"token": TOKEN}).to_string().into_bytes(), ..answer("200 OK") };
        }
        if self.manners.closed && shown != format!("Bearer {TOKEN}") {
            let realm = format!(
                "Bearer realm=\"http://{}/token\",service=\"registry\",scope=\"repository:team/app:pull,push\"",
                self.address
            );
            return Answer { headers: vec![("WWW-Authenticate", realm)], ..answer("401 Unauthorized") };
        }
        let parts: Vec<&str> = path.trim_start_matches("/v2/").split('/').collect();
        match (method, parts.as_slice()) {
            ("GET" | "HEAD", [.., "manifests", name]) => self.manifest(name),
            ("PUT", [.., "manifests", name]) => self.take(name, headers, body),
            ("GET", [.., "referrers", digest]) if self.manners.lists => self.referrers(digest),
            ("HEAD" | "GET", [.., "blobs", digest]) => match lock(&self.blobs).get(*digest) {
                Some(bytes) => Answer { body: bytes.clone(), ..answer("200 OK") },
                None => answer("404 Not Found"),
            },
            ("POST", [.., "blobs", "uploads", ""]) => {
                Answer { headers: vec![("Location", format!("{path}1?state=x"))], ..answer("202 Accepted") }
            }
            ("PUT", [.., "blobs", "uploads", _]) => {
                let digest = query.split('&').find_map(|pair| pair.strip_prefix("digest=")).unwrap_or_default();
                let digest = digest.replace("%3A", ":");
                if Sha256::of(&body).to_string() != digest {
                    return answer("400 Bad Request");
                }
                lock(&self.blobs).insert(digest, body);
                answer("201 Created")
            }
            _ => answer("404 Not Found"),
        }
    }

    /// Slow in a way that differs from request to request.
    fn linger(&self) {
        if self.manners.slow {
            let turn = self.turns.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(turn.wrapping_mul(7919) % 60));
        }
    }

    fn manifest(&self, name: &str) -> Answer {
        let found = lock(&self.manifests).get(name).cloned();
        self.linger();
        match found {
            Some((kind, body)) => Answer { headers: vec![("Content-Type", kind)], body, ..answer("200 OK") },
            None => answer("404 Not Found"),
        }
    }

    fn take(&self, name: &str, headers: &BTreeMap<String, String>, body: Vec<u8>) -> Answer {
        let digest = Sha256::of(&body).to_string();
        if name.starts_with("sha256:") && name != digest {
            return answer("400 Bad Request");
        }
        let subject = serde_json::from_slice::<Value>(&body).ok();
        let subject = subject.and_then(|value| value.pointer("/subject/digest")?.as_str().map(str::to_owned));
        let kind = headers.get("content-type").cloned().unwrap_or_default();
        self.linger();
        let mut manifests = lock(&self.manifests);
        manifests.insert(digest, (kind.clone(), body.clone()));
        manifests.insert(name.to_owned(), (kind, body));
        let listed = subject.filter(|_| self.manners.lists).map(|digest| ("OCI-Subject", digest));
        Answer { headers: listed.into_iter().collect(), ..answer("201 Created") }
    }

    fn referrers(&self, digest: &str) -> Answer {
        let mut list = BTreeMap::new();
        for (kind, bytes) in lock(&self.manifests).values() {
            let Ok(value) = serde_json::from_slice::<Value>(bytes) else { continue };
            if value.pointer("/subject/digest").and_then(Value::as_str) == Some(digest) {
                let own = Sha256::of(bytes).to_string();
                let entry = json!({"mediaType": kind, "digest": own, "size": bytes.len(), "artifactType": value.get("artifactType")});
                list.insert(own, entry);
            }
        }
        let kind = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": list.into_values().collect::<Vec<_>>()});
        let body = index.to_string().into_bytes();
        Answer { headers: vec![("Content-Type", kind.to_owned())], body, ..answer("200 OK") }
    }
}
