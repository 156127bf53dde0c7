//! Signing in with a browser: the authorisation code of OIDC, with PKCE, and the answer on this machine's own loopback
//! address. The code is of use to nobody else: what it is exchanged with never leaves this process but to the issuer.

use super::client::{Client, KeylessError};
use super::config::address;
use super::token::{IdentityToken, TokenError};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::digest::Sha256;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

/// Shows an address to whoever is to sign in, best in a browser.
pub type Show<'a> = &'a dyn Fn(&str);

const SERVICE: &str = "issuer of tokens";
/// The name under which Sigstore's issuers know programs like this one.
const CLIENT: &str = "sigstore";
/// Where the browser is sent back to.
const CALLBACK: &str = "/auth/callback";
/// The longest first line of a request that is read.
const LINE: u64 = 16 << 10;
/// How often somebody may knock who is not the browser that is waited for.
const KNOCKS: u32 = 64;
/// How often it is looked whether somebody knocks.
const STEP: Duration = Duration::from_millis(50);

/// Has somebody sign in, and gives the token. Waits for at most this long; each request may take so long.
pub fn browser_token(
    issuer: &str,
    show: Show<'_>,
    wait: Duration,
    patience: Duration,
) -> Result<IdentityToken, KeylessError> {
    let client = Client::new(issuer, patience)?;
    let known = client.read_json(SERVICE, &format!("{issuer}/.well-known/openid-configuration"))?;
    let endpoint = |name: &str, problem| {
        let url = known.get(name).and_then(Value::as_str).ok_or(KeylessError::Answer { service: SERVICE, problem })?;
        Ok::<String, KeylessError>(address(url)?)
    };
    let authorise = endpoint("authorization_endpoint", "it names no place to sign in")?;
    let exchange = endpoint("token_endpoint", "it names no place for tokens")?;
    if known.get("issuer").and_then(Value::as_str).map(|name| name.trim_end_matches('/')) != Some(issuer) {
        return Err(KeylessError::Answer { service: SERVICE, problem: "it calls itself otherwise" });
    }
    let (verifier, state, nonce) = (random()?, random()?, random()?);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::of(verifier.as_bytes()).as_bytes());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(KeylessError::Listen)?;
    let port = listener.local_addr().map_err(KeylessError::Listen)?.port();
    let back = format!("http://localhost:{port}{CALLBACK}");
    let query = form(&[
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("scope", "openid email"),
        ("redirect_uri", &back),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", &state),
        ("nonce", &nonce),
    ]);
    let separator = if authorise.contains('?') { '&' } else { '?' };
    show(&format!("{authorise}{separator}{}", query.as_str()));
    let code = code(&listener, &state, wait).map_err(|failed| match failed {
        Failed::Listen(error) => KeylessError::Listen(error),
        Failed::Said(problem) => KeylessError::SignIn { issuer: issuer.to_owned(), problem },
    })?;
    let asked = form(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &back),
        ("client_id", CLIENT),
        ("code_verifier", &verifier),
    ]);
    let answer = Client::new(&exchange, patience)?.post_form(SERVICE, &exchange, &asked, &code)?;
    let text = answer.get("id_token").and_then(Value::as_str);
    let token = IdentityToken::parse(
        text.ok_or(KeylessError::Answer { service: SERVICE, problem: "it holds no identity token" })?,
    )?;
    let claimed = token.claim("iss");
    let by_issuer = claimed.as_deref().is_some_and(|name| name.trim_end_matches('/') == issuer);
    if !by_issuer || token.claim("nonce").as_deref() != Some(nonce.as_str()) {
        return Err(TokenError::Another.into());
    }
    Ok(token)
}

/// 256 bits that nobody guesses, in letters.
fn random() -> Result<Zeroizing<String>, KeylessError> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_unspecified| KeylessError::Provider)?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

enum Failed {
    Listen(std::io::Error),
    Said(String),
}

/// Waits for the browser to come back with a code. Who comes with another state did not start here, and is sent away.
fn code(listener: &TcpListener, state: &str, wait: Duration) -> Result<Zeroizing<String>, Failed> {
    listener.set_nonblocking(true).map_err(Failed::Listen)?;
    let (mut waited, mut knocks) = (Duration::ZERO, 0);
    while waited < wait && knocks < KNOCKS {
        match listener.accept() {
            Ok((connection, _)) => {
                knocks += 1;
                if let Some(said) = answer(&connection, state) {
                    return said.map_err(Failed::Said);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(STEP);
                waited = waited.saturating_add(STEP);
            }
            Err(error) => return Err(Failed::Listen(error)),
        }
    }
    Err(Failed::Said("nobody came back from the browser in time".to_owned()))
}

/// Reads a request, and answers it. `None` if it was not the one that is waited for.
fn answer(mut connection: &TcpStream, state: &str) -> Option<Result<Zeroizing<String>, String>> {
    connection.set_nonblocking(false).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    connection.set_write_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(connection.take(LINE));
    let mut line = Zeroizing::new(String::new());
    reader.read_line(&mut line).ok()?;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 || header.trim().is_empty() {
            break;
        }
    }
    let said = line
        .strip_prefix("GET ")
        .and_then(|rest| rest.split(' ').next())
        .and_then(|target| target.strip_prefix(CALLBACK)?.strip_prefix('?'))
        .and_then(|query| returned(query, state));
    let (status, text) = match &said {
        Some(Ok(_)) => ("200 OK", "You are signed in. This page can be closed."),
        Some(Err(_)) => ("200 OK", "You are not signed in. This page can be closed."),
        None => ("404 Not Found", "There is nothing here."),
    };
    let length = text.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n");
    // Whether the browser shows it is not of importance: the code is here.
    drop(connection.write_all(format!("{head}Connection: close\r\n\r\n{text}").as_bytes()));
    said
}

/// What the issuer sends back with our state: the code, or why there is none.
fn returned(query: &str, state: &str) -> Option<Result<Zeroizing<String>, String>> {
    let value = |name: &str| {
        let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(found, _)| *found == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => decoded(value),
            _ => None,
        }
    };
    let ours = value("state")?;
    aws_lc_rs::constant_time::verify_slices_are_equal(ours.as_bytes(), state.as_bytes()).ok()?;
    if let Some(error) = value("error") {
        let more = value("error_description").unwrap_or_default();
        let said = format!("{} {}", error.as_str(), more.as_str());
        return Some(Err(said.trim().chars().filter(|c| !c.is_control()).take(200).collect()));
    }
    Some(value("code").filter(|code| !code.is_empty()).ok_or_else(|| "it sent back no code".to_owned()))
}

/// Pairs as a query has them.
fn form(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(2048));
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                out.push(char::from(byte));
            } else {
                // Writing into a string does not fail.
                write!(out, "%{byte:02X}").unwrap_or_default();
            }
        }
    }
    out
}

/// A value of a query.
fn decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let pair = [bytes.next()?, bytes.next()?];
                out.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
            }
            b'+' => out.push(b' '),
            other => out.push(other),
        }
    }
    std::str::from_utf8(&out).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_reads_back_as_it_was_written() {
        let written = form(&[("a", "b c&d=%"), ("e", "ü~")]);
        assert_eq!(written.as_str(), "a=b%20c%26d%3D%25&e=%C3%BC~");
        assert_eq!(decoded("b%20c%26d%3D%25+").unwrap().as_str(), "b c&d=% ");
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert!(decoded(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_the_answer_to_our_own_request_is_taken() {
        let code = |query: &str| returned(query, "ours").map(|said| said.map(|code| code.as_str().to_owned()));
        assert_eq!(code("code=c%2F1&state=ours"), Some(Ok("c/1".to_owned())));
        for other in ["code=c", "code=c&state=theirs", "code=c&state=our", "code=c&state=theirs&state=ours", ""] {
            assert_eq!(code(other), None, "{other}");
        }
        assert_eq!(code("state=ours"), Some(Err("it sent back no code".to_owned())));
        assert_eq!(code("state=ours&code=a&code=b"), Some(Err("it sent back no code".to_owned())));
        let refused = code("state=ours&error=access_denied&error_description=you%0Amay+not");
        assert_eq!(refused, Some(Err("access_denied youmay not".to_owned())));
    }
}
