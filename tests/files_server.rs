//! A server of files on this machine, for what fetches by name.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The server. It ends with the value.
#[derive(Debug)]
pub struct FilesServer {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Serves what the function gives for a name; nothing is `404`.
#[must_use]
pub fn serve(files: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> FilesServer {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let ended = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&ended);
    let thread = std::thread::spawn(move || {
        for connection in listener.incoming() {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            if let Ok(connection) = connection {
                answer(connection, &files);
            }
        }
    });
    FilesServer { address, ended, thread: Some(thread) }
}

impl FilesServer {
    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn answer(mut connection: TcpStream, files: &impl Fn(&str) -> Option<Vec<u8>>) {
    let mut lines = BufReader::new(connection.try_clone().expect("a connection")).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let _rest: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let name = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let (status, body) = files(&name).map_or(("404 Not Found", Vec::new()), |bytes| ("200 OK", bytes));
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let written = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body));
    if written.is_err() {
        // Whoever asked has left.
    }
}

impl Drop for FilesServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            drop(thread.join());
        }
    }
}
