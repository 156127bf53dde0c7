//! Watching a forge: what it delivers is kept and signed at once, and a change that landed becomes a statement that rests on
//! what was seen as it happened (T2).
//!
//! [`Watcher::receive`] takes one delivery: nothing is acknowledged before it is on the disk and in the signed journal.
//! [`Watcher::work`] turns changes that landed into statements, off the path of deliveries. What state there is survives a
//! crash; what was not seen is in the captures, and lowers the tier when they are read.

mod book;
mod chain;
mod land;

use crate::error::FlowError;
use crate::files;
use crate::output::{ReviewWatched, WatchOutcome};
use book::{Before, Book, Told};
use chain::{Chain, altered};
use countersign_core::digest::Sha256;
use countersign_core::forge::watch::Absence;
use countersign_core::forge::webhook::{Topic, subject_of};
use countersign_core::ids::Uri;
use countersign_core::limits;
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::statement::forge_watch::{ForgeWatch, Watched};
use countersign_core::time::Time;
use countersign_record::atomic::write_atomic;
use countersign_record::disk::{DiskError, Doing};
use countersign_sign::SigningKey;
use countersign_verify::webhook::{Proof, Proved, Secrets};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The repository that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// The kind of forge.
    pub forge: ForgeKind,
    /// Its host.
    pub host: String,
    /// The repository's path there.
    pub path: String,
    /// The repository's uri.
    pub repository: Uri,
}

impl Whom {
    fn is(&self, record: &ForgeWatch) -> bool {
        (record.forge, &record.host, &record.repository) == (self.forge, &self.host, &self.repository)
    }
}

/// What a watcher is made of.
#[derive(Debug)]
pub struct Setup {
    /// Whom it watches.
    pub whom: Whom,
    /// The folder that it keeps what it was told in.
    pub state: PathBuf,
    /// The folder for statements and captures.
    pub output: PathBuf,
    /// The collector's key.
    pub key: SigningKey,
    /// What deliveries are proved by.
    pub secrets: Secrets,
    /// A random name for this run.
    pub session: String,
}

/// Whom a watcher tells what it did.
pub type Tell = Box<dyn Fn(&ReviewWatched) + Send + Sync>;

/// A watcher.
pub struct Watcher {
    setup: Setup,
    tell: Tell,
    inside: Mutex<Inside>,
    /// Something landed, or it is to stop.
    changed: Condvar,
}

struct Inside {
    chain: Chain,
    book: Book,
    /// Changes that have to wait: how often they were tried, and until when.
    waiting: BTreeMap<u64, (u32, Instant)>,
    stopping: bool,
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").field("setup", &self.setup).finish_non_exhaustive()
    }
}

/// A delivery, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The id in its headers.
    pub guid: Option<&'a str>,
    /// What it says that it tells of.
    pub event: Option<&'a str>,
    /// What it is proved by.
    pub proof: Proof<'a>,
    /// Its body.
    pub body: &'a [u8],
}

impl Watcher {
    /// Opens the state, checks all of it, and writes down that somebody listens from now on.
    pub fn open(setup: Setup, tell: Tell, now: Time) -> Result<Self, FlowError> {
        // Deliveries have names in them: they are for the collector alone.
        for (folder, mode) in [(&setup.state, 0o700), (&payloads(&setup.state), 0o700), (&setup.output, 0o777)] {
            let made = std::fs::DirBuilder::new().recursive(true).mode(mode).create(folder);
            made.map_err(|source| DiskError::new(Doing::Create, folder, source))?;
        }
        let held = Chain::open(&setup.state, &setup.session, &setup.whom, &setup.key)?;
        let mut chain = held.chain;
        let mut book = Book::default();
        for (n, record) in held.records.iter().enumerate() {
            let before = n.checked_sub(1).and_then(|n| held.records.get(n));
            remember(&mut book, &setup, record, before)?;
        }
        let started = chain.add(Watched::Started, now, &setup.whom, &setup.key)?;
        remember(&mut book, &setup, &started, held.records.last())?;
        let inside = Mutex::new(Inside { chain, book, waiting: BTreeMap::new(), stopping: false });
        let watcher = Self { setup, tell, inside, changed: Condvar::new() };
        if held.torn > 0 {
            let detail = format!("{} bytes of a record that nobody was told of", held.torn);
            watcher.say(now, WatchOutcome::Repaired, Said { detail: Some(detail), ..Said::default() });
        }
        Ok(watcher)
    }

    /// Takes one delivery. What comes back is to be answered; an error is the end of watching.
    pub fn receive(&self, incoming: &Incoming<'_>, now: Time) -> Result<WatchOutcome, FlowError> {
        let mut said =
            Said { delivery: incoming.guid.map(shortened), event: incoming.event.map(shortened), ..Said::default() };
        let outcome = self.take(incoming, now, &mut said)?;
        self.say(now, outcome, said);
        Ok(outcome)
    }

    fn take(&self, incoming: &Incoming<'_>, now: Time, said: &mut Said) -> Result<WatchOutcome, FlowError> {
        let Setup { whom, key, secrets, state, .. } = &self.setup;
        let proved = match secrets.check(&incoming.proof, incoming.body, now) {
            Ok(proved) => proved,
            Err(why) => {
                said.detail = Some(why.to_string());
                return Ok(WatchOutcome::NotProved);
            }
        };
        let id_proved = proved == Proved::BodyAndId;
        let guid = if id_proved { incoming.proof.id } else { incoming.guid };
        let (Some(guid), Some(event)) = (guid.filter(|id| sound(id, false)), incoming.event.filter(|e| sound(e, true)))
        else {
            said.detail = Some("it has no id, or does not say what it tells of".to_owned());
            return Ok(WatchOutcome::Refused);
        };
        said.delivery = Some(guid.to_owned());
        let payload = Sha256::of(incoming.body);
        let read = subject_of(whom.forge, event, incoming.body);
        if let Ok(None) = read {
            return Ok(WatchOutcome::Ignored);
        }
        let mut inside = self.inside();
        if let Ok(Some(about)) = &read {
            said.about(&about.topic);
            let other = inside.book.repository().is_some_and(|known| known != about.repository);
            if other || !about.path.eq_ignore_ascii_case(&whom.path) {
                said.detail = Some(format!("it is about {}, number {}", shortened(&about.path), about.repository));
                return Ok(WatchOutcome::Elsewhere);
            }
        }
        match inside.book.before(guid, event, &payload, id_proved) {
            Before::New => {}
            Before::Had(known) => {
                said.detail = Some(known).filter(|known| known != guid).map(|known| format!("as {known}"));
                return Ok(WatchOutcome::Had);
            }
            Before::Other => {
                said.detail = Some("a delivery with this id was kept, and it was another".to_owned());
                return Ok(WatchOutcome::Altered);
            }
        }
        let path = payload_path(state, &payload);
        write_atomic(&path, incoming.body, 0o600)?;
        let (guid_text, event_text) = (guid.to_owned(), event.to_owned());
        let (what, outcome) = match &read {
            Ok(_) => {
                (Watched::Delivered { guid: guid_text, event: event_text, payload, id_proved }, WatchOutcome::Kept)
            }
            Err(error) => {
                said.detail = Some(error.to_string());
                (Watched::Missed { guid: guid_text, event: event_text, payload }, WatchOutcome::Missed)
            }
        };
        let record = inside.chain.add(what, now, whom, key)?;
        inside.book.know(guid, event, payload, id_proved);
        match read {
            Ok(Some(about)) => {
                inside.book.tell(Told {
                    sequence: record.sequence,
                    at: record.at,
                    guid: guid.to_owned(),
                    event: event.to_owned(),
                    payload,
                    about,
                });
            }
            Ok(None) | Err(_) => inside.book.absent(record.sequence, missed(&record)),
        }
        drop(inside);
        self.changed.notify_all();
        Ok(outcome)
    }

    /// Says that it listens, where.
    pub fn listening(&self, address: std::net::SocketAddr, now: Time) {
        let detail = Some(format!("http://{address}/webhooks/{}", word(self.setup.whom.forge)));
        self.say(now, WatchOutcome::Listening, Said { detail, ..Said::default() });
    }

    /// Says of a request that it was no delivery.
    pub fn refused(&self, why: &str, now: Time) {
        self.say(now, WatchOutcome::Refused, Said { detail: Some(why.to_owned()), ..Said::default() });
    }

    /// Lets [`Watcher::work`] come to its end.
    pub fn stop_working(&self) {
        self.inside().stopping = true;
        self.changed.notify_all();
    }

    /// Writes down that nobody listens any more.
    pub fn stop(&self, now: Time) -> Result<(), FlowError> {
        self.inside().chain.add(Watched::Stopped, now, &self.setup.whom, &self.setup.key)?;
        self.say(now, WatchOutcome::Stopped, Said::default());
        Ok(())
    }

    /// The kind of forge that is watched.
    #[must_use]
    pub const fn forge(&self) -> ForgeKind {
        self.setup.whom.forge
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, at: Time, outcome: WatchOutcome, said: Said) {
        let Said { delivery, event, change, detail, written } = said;
        (self.tell)(&ReviewWatched { at, outcome, delivery, event, change, detail, written });
    }
}

/// What a line says beside its outcome.
#[derive(Debug, Default)]
struct Said {
    delivery: Option<String>,
    event: Option<String>,
    change: Option<u64>,
    detail: Option<String>,
    written: Option<crate::output::CollectedChange>,
}

impl Said {
    fn about(&mut self, topic: &Topic) {
        match topic {
            Topic::Push { pushed } => self.detail = Some(shortened(pushed)),
            Topic::Change { number, action, .. } => {
                self.change = Some(*number);
                self.detail = Some(shortened(action));
            }
        }
    }
}

/// Takes a record of the journal into the book.
fn remember(book: &mut Book, setup: &Setup, record: &ForgeWatch, before: Option<&ForgeWatch>) -> Result<(), FlowError> {
    match &record.what {
        Watched::Started => {
            let stopped = before.is_some_and(|before| before.what == Watched::Stopped);
            let absence = Absence { from: before.map(|before| before.at), until: record.at, stopped };
            book.absent(record.sequence, absence);
        }
        Watched::Delivered { guid, event, payload, id_proved } => {
            let body = kept(&setup.state, record.sequence, payload)?;
            let about = match subject_of(setup.whom.forge, event, &body) {
                Ok(Some(about)) => about,
                Ok(None) => return Err(altered(record.sequence, "its delivery tells of nothing that is kept")),
                Err(error) => return Err(altered(record.sequence, &error.to_string())),
            };
            book.know(guid, event, *payload, *id_proved);
            book.tell(Told {
                sequence: record.sequence,
                at: record.at,
                guid: guid.clone(),
                event: event.clone(),
                payload: *payload,
                about,
            });
        }
        Watched::Missed { guid, event, payload } => {
            book.know(guid, event, *payload, false);
            book.absent(record.sequence, missed(record));
        }
        Watched::Signed { change, capture, through, whole, statement: _ } => {
            let _replaced = book.signed(*change, *through, *capture);
            if !whole {
                book.reopen(*change);
            }
        }
        Watched::Stopped => {}
    }
    Ok(())
}

/// The moment of a delivery that could not be read: anything may have happened.
fn missed(record: &ForgeWatch) -> Absence {
    Absence { from: Some(record.at), until: record.at, stopped: false }
}

/// A delivery's body, as it was kept.
fn kept(state: &Path, sequence: u64, payload: &Sha256) -> Result<Vec<u8>, FlowError> {
    let body = files::read_if_there(&payload_path(state, payload), limits::DELIVERY_BYTES)?;
    match body {
        Some(body) if Sha256::of(&body) == *payload => Ok(body),
        Some(_) => Err(altered(sequence, "the delivery that it names was altered")),
        None => Err(altered(sequence, "the delivery that it names is not there any more")),
    }
}

fn payloads(state: &Path) -> PathBuf {
    state.join("deliveries")
}

fn payload_path(state: &Path, payload: &Sha256) -> PathBuf {
    payloads(state).join(payload.hex())
}

fn sound(name: &str, spaces: bool) -> bool {
    let fits = |b: u8| b.is_ascii_graphic() || (spaces && b == b' ');
    !name.is_empty() && name.len() <= limits::DELIVERY_NAME_BYTES && name.bytes().all(fits) && !name.ends_with(' ')
}

fn shortened(text: &str) -> String {
    text.chars().take(limits::DELIVERY_NAME_BYTES).collect()
}

const fn word(forge: ForgeKind) -> &'static str {
    match forge {
        ForgeKind::Github => "github",
        ForgeKind::Gitlab => "gitlab",
    }
}
