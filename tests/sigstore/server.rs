//! The instance behind HTTP on this machine, as Fulcio, Rekor and a timestamp authority speak it.

use super::{Instance, Who, authority};
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
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts it.
    #[must_use]
    pub fn over(instance: Instance) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ended, instance) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(instance)));
        let (stop, served) = (Arc::clone(&ended), Arc::clone(&instance));
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
        Self { address, ended, instance, thread: Some(thread) }
    }

    /// The instance behind it.
    pub fn instance(&self) -> std::sync::MutexGuard<'_, Instance> {
        self.instance.lock().expect("the instance")
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

/// One request, and one answer.
fn answer(mut connection: &TcpStream, instance: &Mutex<Instance>) {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    drop(reader.read_line(&mut line));
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut instance = instance.lock().expect("the instance");
    let said = match path.as_str() {
        "/api/v2/signingCert" => certify(&mut instance, &body),
        "/api/v2/log/entries" => log(&mut instance, &body),
        "/api/v1/timestamp" => {
            let (imprint, nonce) = authority::asked(&body);
            Ok((201, instance.timestamp(&imprint, nonce.as_deref(), now())))
        }
        // A CI's own token service.
        path if path.starts_with("/ambient") => Ok((200, ambient(&instance, path))),
        _ => Err("no such thing".to_owned()),
    };
    let (status, body) =
        said.unwrap_or_else(|why| (400, json!({ "code": 3, "message": why }).to_string().into_bytes()));
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    drop(connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body)));
}

fn ambient(instance: &Instance, path: &str) -> Vec<u8> {
    let workflow = "https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1";
    let who =
        Who::workflow("https://token.actions.githubusercontent.com", workflow, &"ab".repeat(20), Some("production"));
    // The audience has to be asked for.
    let token = if path.contains("audience=sigstore") { instance.token(&who, now()) } else { String::new() };
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

fn log(instance: &mut Instance, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
    let request: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let request = &request["hashedRekordRequestV002"];
    let bytes = |value: &Value| BASE64.decode(value.as_str().ok_or("missing")?).map_err(|error| error.to_string());
    let verifier = &request["signature"]["verifier"];
    if verifier["keyDetails"] != "PKIX_ECDSA_P256_SHA_256" {
        return Err("another kind of key".to_owned());
    }
    let certificate = bytes(&verifier["x509Certificate"]["rawBytes"])?;
    let entry = instance.log(&bytes(&request["digest"])?, &bytes(&request["signature"]["content"])?, &certificate);
    Ok((201, entry.to_string().into_bytes()))
}

fn holds(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, spki).is_ok_and(|key| key.verify_sig(message, signature).is_ok())
}
