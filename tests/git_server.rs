//! A real git server on this machine: `git http-backend` behind a few lines of HTTP. It serves every repository below a
//! folder, to be read and to be pushed to, and ends with the value.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The most bytes of one request.
const REQUEST_BYTES: u64 = 64 << 20;

/// The server.
#[derive(Debug)]
pub struct GitServer {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GitServer {
    /// Serves the repositories below a folder.
    #[must_use]
    pub fn over(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let ended = Arc::new(AtomicBool::new(false));
        let (stop, folder) = (Arc::clone(&ended), folder.to_owned());
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(connection), folder) = (connection, folder.clone()) else { continue };
                std::thread::spawn(move || answer(&connection, folder));
            }
        });
        Self { address, ended, thread: Some(thread) }
    }

    /// The address of a repository.
    #[must_use]
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // One more connection wakes the listener up.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// One request, and one answer. A client that leaves is no matter.
fn answer(connection: &TcpStream, folder: PathBuf) {
    let mut reader = BufReader::new(connection);
    let Some(request) = Request::read(&mut reader) else { return };
    let (status, said) = request.run(folder);
    let mut connection = connection;
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    drop(connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&said)));
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(reader: &mut impl std::io::BufRead) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() };
        request.body = if request.header("transfer-encoding") == "chunked" {
            chunks(reader)?
        } else {
            let length = request.header("content-length").parse().unwrap_or(0);
            let mut body = Vec::new();
            reader.take(REQUEST_BYTES.min(length)).read_to_end(&mut body).ok()?;
            body
        };
        Some(request)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The status, and the rest of the answer as the program gave it.
    #[expect(clippy::disallowed_methods, reason = "git serves its own repositories")]
    fn run(&self, folder: PathBuf) -> (String, Vec<u8>) {
        let mut child = Command::new("git")
            .arg("http-backend")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_PROJECT_ROOT", folder)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REMOTE_USER", "tester")
            .env("REMOTE_ADDR", "127.0.0.1")
            .env("REQUEST_METHOD", &self.method)
            .env("PATH_INFO", &self.path)
            .env("QUERY_STRING", &self.query)
            .env("CONTENT_TYPE", self.header("content-type"))
            .env("CONTENT_LENGTH", self.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", self.header("content-encoding"))
            .env("GIT_PROTOCOL", self.header("git-protocol"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("git runs");
        let mut input = child.stdin.take().expect("an input");
        let body = self.body.clone();
        let writer = std::thread::spawn(move || drop(input.write_all(&body)));
        let output = child.wait_with_output().expect("git ends");
        drop(writer.join());
        let text = output.stdout;
        let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
        let status = std::str::from_utf8(first).ok().and_then(|line| line.trim_end().strip_prefix("Status: "));
        (status.unwrap_or("200 OK").to_owned(), text)
    }
}

/// A body that comes in pieces, each with its length in front.
fn chunks(reader: &mut impl std::io::BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = u64::from_str_radix(line.trim_end(), 16).ok().filter(|length| *length <= REQUEST_BYTES)?;
        let mut chunk = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut chunk).ok()?;
        reader.read_line(&mut String::new()).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend(chunk);
    }
}
