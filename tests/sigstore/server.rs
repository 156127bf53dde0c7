//! The instance behind HTTP on this machine, as Fulcio, Rekor and a timestamp authority speak it.

use super::oidc::Issuer;
use super::{Instance, Service, Trouble, Who, authority};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use countersign_core::time::Time;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The server. It ends with the value.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    instance: Arc<Mutex<Instance>>,
    issuer: Arc<Mutex<Issuer>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts it.
    #[must_use]
    pub fn over(instance: Instance) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ended, instance) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(instance)));
        let issuer = Arc::new(Mutex::new(Issuer::default()));
        let (stop, served) =
            (Arc::clone(&ended), World { instance: Arc::clone(&instance), issuer: Arc::clone(&issuer), address });
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                if let Ok(connection) = connection {
                    answer(&connection, &served);
                }
            }
        });
        Self { address, ended, instance, issuer, thread: Some(thread) }
    }

    /// The instance behind it.
    pub fn instance(&self) -> std::sync::MutexGuard<'_, Instance> {
        self.instance.lock().expect("the instance")
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Who signs in with a browser, and whether the issuer then gives a token that was not asked for.
    pub fn browser_of(&self, person: &str, other_nonce: bool) {
        let mut issuer = self.issuer.lock().expect("the issuer");
        person.clone_into(&mut issuer.person);
        issuer.other_nonce = other_nonce;
    }

    /// `signing_config.v0.2.json` with these logs, by path and version, and these timestamp authorities by path, each with an
    /// operator of its own, and of both as many as this says.
    #[must_use]
    pub fn signing_config_of(&self, logs: &[(&str, u32)], stamps: &[&str], selection: &Value) -> String {
        let mut config: Value = serde_json::from_str(&self.signing_config()).expect("JSON");
        let service = |(n, (path, version)): (usize, (&str, u32))| {
            json!({
                "url": format!("http://{}{path}", self.address), "majorApiVersion": version,
                "operator": format!("operator {n}"), "validFor": { "start": "2020-01-01T00:00:00Z" },
            })
        };
        config["rekorTlogUrls"] = logs.iter().copied().enumerate().map(service).collect();
        config["tsaUrls"] = stamps.iter().map(|path| (*path, 1)).enumerate().map(service).collect();
        config["rekorTlogConfig"] = selection.clone();
        config["tsaConfig"] = selection.clone();
        config.to_string()
    }

    /// `signing_config.v0.2.json`.
    #[must_use]
    pub fn signing_config(&self) -> String {
        let service = |path: &str, version: u32| {
            json!([{
                "url": format!("http://{}{path}", self.address), "majorApiVersion": version, "operator": "ours",
                "validFor": { "start": "2020-01-01T00:00:00Z" },
            }])
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service("", 1),
            "oidcUrls": service("/oidc", 1),
            "rekorTlogUrls": service("", 2),
            "tsaUrls": service("/api/v1/timestamp", 1),
            "rekorTlogConfig": { "selector": "ANY" },
            "tsaConfig": { "selector": "ANY" },
        })
        .to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // One more connection wakes the listener up.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The machine's time: what is signed through the program is signed now.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the instance stands for services, which have clocks")]
pub fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    Time::from_unix(i64::try_from(since.as_secs()).expect("a time")).expect("a time")
}

/// What is behind the server.
struct World {
    instance: Arc<Mutex<Instance>>,
    issuer: Arc<Mutex<Issuer>>,
    address: SocketAddr,
}

/// How long a slow service takes.
const SLOW: std::time::Duration = std::time::Duration::from_secs(3);

/// One request, and one answer.
fn answer(mut connection: &TcpStream, world: &World) {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    drop(reader.read_line(&mut line));
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut headers) = (0, String::new());
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        headers.push_str(&header.to_ascii_lowercase());
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut instance = world.instance.lock().expect("the instance");
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let trouble = instance.faults.trouble.filter(|(service, _)| service_of(path) == Some(*service));
    let said = match (trouble.map(|(_, trouble)| trouble), path) {
        (Some(Trouble::Unavailable), _) => Ok((503, b"come back later".to_vec())),
        (Some(Trouble::Junk), _) => Ok((201, b"<html>".to_vec())),
        (Some(Trouble::Elsewhere), _) => Ok((307, b"http://127.0.0.1:9/".to_vec())),
        (_, "/api/v2/signingCert") => certify(&mut instance, &body),
        (slow, "/api/v2/log/entries" | "/second/api/v2/log/entries") => {
            if slow.is_some() {
                std::thread::sleep(SLOW);
            }
            log(&mut instance, &body, path.starts_with("/second"))
        }
        (_, "/api/v1/log/entries") => serde_json::from_slice(&body)
            .map_err(|error| error.to_string())
            .and_then(|proposed| instance.log_v1(&proposed, now()))
            .map(|entry| (201, entry.to_string().into_bytes())),
        (_, "/api/v1/timestamp" | "/second/api/v1/timestamp") => {
            let (imprint, nonce) = authority::asked(&body);
            Ok((201, instance.timestamp(&imprint, nonce.as_deref(), now())))
        }
        (_, "/oidc/.well-known/openid-configuration") => Ok((200, Issuer::about(&world.address.to_string()))),
        (_, "/oidc/auth") => {
            world.issuer.lock().expect("the issuer").sign_in(query).map(|back| (302, back.into_bytes()))
        }
        (_, "/oidc/token") => {
            let form = String::from_utf8_lossy(&body);
            let address = world.address.to_string();
            world.issuer.lock().expect("the issuer").exchange(&form, &address, &instance).map(|token| (200, token))
        }
        // A CI's own token service.
        (_, "/ambient") => Ok((200, ambient(&instance, query))),
        // The service of a cloud's machine, which nobody reaches who does not mean it.
        (_, "/computeMetadata/v1/instance/service-accounts/default/identity") => {
            if headers.contains("metadata-flavor: google") && query.contains("audience=sigstore") {
                let who = Who::person("https://accounts.google.com", "robot@project.iam.example.com");
                Ok((200, instance.token(&who, now()).into_bytes()))
            } else {
                Err("the header is missing".to_owned())
            }
        }
        _ => Err("no such thing".to_owned()),
    };
    let (status, body) =
        said.unwrap_or_else(|why| (400, json!({ "code": 3, "message": why }).to_string().into_bytes()));
    let location = match status {
        302 | 307 => format!("Location: {}\r\n", String::from_utf8_lossy(&body)),
        _ => String::new(),
    };
    let head = format!("HTTP/1.1 {status} X\r\n{location}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    drop(connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body)));
}

fn service_of(path: &str) -> Option<Service> {
    if path.ends_with("/signingCert") {
        Some(Service::Certificates)
    } else if path.ends_with("/log/entries") {
        Some(Service::Logs)
    } else if path.ends_with("/timestamp") {
        Some(Service::Timestamps)
    } else {
        None
    }
}

fn ambient(instance: &Instance, query: &str) -> Vec<u8> {
    let workflow = "https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1";
    let who =
        Who::workflow("https://token.actions.githubusercontent.com", workflow, &"ab".repeat(20), Some("production"));
    // The audience has to be asked for.
    let token = if query.contains("audience=sigstore") { instance.token(&who, now()) } else { String::new() };
    json!({ "value": token }).to_string().into_bytes()
}

fn certify(instance: &mut Instance, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
    let request: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let token = request["credentials"]["oidcIdentityToken"].as_str().ok_or("no token")?;
    let (signed, signature) = token.rsplit_once('.').ok_or("no signature")?;
    let claims =
        signed.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok()).ok_or("no claims")?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|error| error.to_string())?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|error| error.to_string())?;
    if !holds(&instance.issuer_key.spki(), signed.as_bytes(), &signature) {
        return Err("the token's signature does not hold".to_owned());
    }
    if claims["aud"] != "sigstore" || claims["exp"].as_i64().is_none_or(|end| end < now().unix()) {
        return Err("the token is for somebody else, or too old".to_owned());
    }
    let who = Who {
        issuer: claims["iss"].as_str().unwrap_or_default().to_owned(),
        name: claims["email"].as_str().or_else(|| claims["job_workflow_ref"].as_str()).ok_or("no name")?.to_owned(),
        claims: serde_json::from_value(claims["claims"].clone()).unwrap_or_default(),
    };
    let challenge = claims["email"].as_str().or_else(|| claims["sub"].as_str()).ok_or("no subject")?;
    let wanted = &request["publicKeyRequest"];
    let pem = wanted["publicKey"]["content"].as_str().ok_or("no key")?;
    let spki: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let spki = BASE64.decode(spki).map_err(|error| error.to_string())?;
    let proof =
        BASE64.decode(wanted["proofOfPossession"].as_str().ok_or("no proof")?).map_err(|error| error.to_string())?;
    if !holds(&spki, challenge.as_bytes(), &proof) {
        return Err("the proof of possession does not hold".to_owned());
    }
    let certificate = instance.certificate(&spki, &who, now());
    let pem = |der: &[u8]| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64.encode(der));
    let chain = [pem(&certificate), pem(instance.authority())];
    Ok((
        201,
        json!({ "signedCertificateEmbeddedSct": { "chain": { "certificates": chain } } }).to_string().into_bytes(),
    ))
}

fn log(instance: &mut Instance, body: &[u8], elsewhere: bool) -> Result<(u16, Vec<u8>), String> {
    let request: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let request = &request["hashedRekordRequestV002"];
    let bytes = |value: &Value| BASE64.decode(value.as_str().ok_or("missing")?).map_err(|error| error.to_string());
    let verifier = &request["signature"]["verifier"];
    if verifier["keyDetails"] != "PKIX_ECDSA_P256_SHA_256" {
        return Err("another kind of key".to_owned());
    }
    let certificate = bytes(&verifier["x509Certificate"]["rawBytes"])?;
    let (digest, signature) = (bytes(&request["digest"])?, bytes(&request["signature"]["content"])?);
    let entry = if elsewhere {
        instance.log_elsewhere(&digest, &signature, &certificate)
    } else {
        instance.log(&digest, &signature, &certificate)
    };
    Ok((201, entry.to_string().into_bytes()))
}

fn holds(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, spki).is_ok_and(|key| key.verify_sig(message, signature).is_ok())
}
