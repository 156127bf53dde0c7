//! A witness that a test holds in its hand: the real one's judgement and memory, over real HTTP, that can be told to fall
//! silent or to answer otherwise.

use countersign_core::ids::Origin;
use countersign_core::log::note::NoteKey;
use countersign_core::time::Time;
use countersign_flow::witness_server::Witness;
use countersign_record::witness::WitnessMemory;
use countersign_sign::{KeyKind, LogSigner, SigningKey};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A witness for one log.
#[derive(Debug)]
pub struct WitnessDouble {
    /// Its name.
    pub name: String,
    /// Its public key, as trust takes it.
    pub public: String,
    /// Where it is asked.
    pub url: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    witness: Witness,
    /// How many more requests it answers; negative is without end.
    left: AtomicI64,
    /// A status that it answers with in place of its own.
    status: AtomicU16,
    /// Seconds that its clock is off.
    off: AtomicI64,
    asked: AtomicUsize,
    meanwhile: OnceLock<Meanwhile>,
}

/// What happens while a witness is asked.
struct Meanwhile(Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl WitnessDouble {
    /// Starts one that watches a log, with its memory in a folder.
    #[must_use]
    pub fn start(name: &str, log: NoteKey, memory: &Path) -> Self {
        let key = SigningKey::generate(KeyKind::Ed25519).expect("a key");
        let public = key.public().to_openssh();
        let signer = LogSigner::new(Origin::new(name).expect("a name"), key).expect("a signer");
        let memory = WitnessMemory::open(memory).expect("a memory");
        let witness = Witness::new(signer, vec![log], memory).expect("a witness");
        let state = Arc::new(State {
            witness,
            left: AtomicI64::new(-1),
            status: AtomicU16::new(0),
            off: AtomicI64::new(0),
            asked: AtomicUsize::new(0),
            meanwhile: OnceLock::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inside = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inside = Arc::clone(&inside);
                // Whoever is asked while it is being asked answers.
                std::thread::spawn(move || inside.serve(stream));
            }
        });
        Self { name: name.to_owned(), public, url, state }
    }

    /// Answers so many more requests, and then none.
    pub fn answers(&self, more: i64) {
        self.state.left.store(more, Ordering::SeqCst);
    }

    /// Answers with this status, whatever it is asked; 0 ends that.
    pub fn says(&self, status: u16) {
        self.state.status.store(status, Ordering::SeqCst);
    }

    /// Sets its clock off by so many seconds.
    pub fn off_by(&self, seconds: i64) {
        self.state.off.store(seconds, Ordering::SeqCst);
    }

    /// Does something whenever it is asked, before it answers.
    pub fn meanwhile(&self, does: impl Fn() + Send + Sync + 'static) {
        drop(self.state.meanwhile.set(Meanwhile(Box::new(does))));
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return;
        }
        self.left.store(left - 1, Ordering::SeqCst);
        let Some(body) = body_of(&mut stream) else { return };
        if let Some(meanwhile) = self.meanwhile.get() {
            (meanwhile.0)();
        }
        #[expect(clippy::disallowed_methods, reason = "a witness has a clock of its own")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let now = i64::try_from(now).expect("a time") + self.off.load(Ordering::SeqCst);
        let mut reply = self.witness.answer(&body, Time::from_unix(now).expect("a time")).expect("an answer");
        match self.status.load(Ordering::SeqCst) {
            0 => {}
            status => (reply.status, reply.body) = (status, String::new()),
        }
        let answer = format!(
            "HTTP/1.1 {} x\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
            reply.status,
            reply.content_type,
            reply.body.len(),
            reply.body
        );
        // Whoever asked may have left.
        let _left = stream.write_all(answer.as_bytes());
    }
}

fn body_of(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(chunk.get(..read)?);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let length: usize = length.unwrap_or(0);
        let start = head.len() + 4;
        if bytes.len() >= start + length {
            return bytes.get(start..start + length).map(<[u8]>::to_vec);
        }
    }
}
