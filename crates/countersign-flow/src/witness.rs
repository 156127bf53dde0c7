//! Asking witnesses to cosign the log, and reading what they cosigned: who is asked, with which proof, and what their
//! refusals say about the log. The asking itself is handed in.

use crate::error::FlowError;
use crate::place::Place;
use crate::promote::log_keys;
use countersign_core::codes;
use countersign_core::digest::to_hex;
use countersign_core::finding::{Code, Finding};
use countersign_core::ids::EnvName;
use countersign_core::log::checkpoint::UnverifiedCheckpoint;
use countersign_core::log::cosignature::{WitnessKey, cosignatures};
use countersign_core::log::note::{Note, NoteKey, NoteSignature};
use countersign_core::log::quorum::PolicyWitness;
use countersign_core::log::witness::AddCheckpoint;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_record::log::cosigned::read_cosigned;
use countersign_record::log::reader::LogReader;
use countersign_record::log::{CHECKPOINT, COSIGNED, FolderFiles, LogError, LogFiles, Moment};
use countersign_verify::keys::note_signature_holds;
use countersign_verify::log::kept_checkpoint;
use countersign_verify::witnessed::{Age, Witnessed, asks_for_witnesses, witnessed};
use countersign_verify::{LogState, VerifiedTrust};
use std::collections::BTreeSet;

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, within its bound.
    pub body: Vec<u8>,
}

/// Whoever can ask a witness.
pub trait AskWitness: std::fmt::Debug {
    /// Posts a request to `add-checkpoint` below this address; an error in words where nobody answered.
    fn add_checkpoint(&self, url: &str, body: &[u8]) -> Result<WitnessAnswer, String>;
}

#[cfg(feature = "online")]
impl AskWitness for countersign_collect::witness::WitnessClient {
    fn add_checkpoint(&self, url: &str, body: &[u8]) -> Result<WitnessAnswer, String> {
        self.post(url, body).map(|(status, body)| WitnessAnswer { status, body })
    }
}

/// What came of asking every witness of a quorum.
#[derive(Debug)]
pub struct Cosigned {
    /// The checkpoint, with every cosignature that came.
    pub note: Note,
    /// Whether the quorum has cosigned, at about the time of asking.
    pub quorum: Result<Witnessed, Finding>,
    /// What stood in the way, witness by witness.
    pub findings: Vec<Finding>,
}

impl Cosigned {
    /// Whether a witness has seen another log than this one: nothing is appended to it then.
    #[must_use]
    pub fn contradicted(&self) -> bool {
        self.findings.iter().any(|finding| ELSEWHERE.contains(&finding.code))
    }
}

const ELSEWHERE: [Code; 3] = [codes::LOG_ROLLED_BACK, codes::LOG_FORKED, codes::LOG_SPLIT_VIEW];

/// Has the log's newest checkpoint cosigned by the witnesses that an environment asks for. `None` where it asks for none. Ends in
/// [`LogError::Outrun`] where a witness knows more of the log than was read here because others append to it: a working copy has
/// what they recorded then, and everything has to be read again.
pub fn ask_all(
    place: &Place,
    trust: &Trust,
    environment: &EnvName,
    at: Time,
    ask: &dyn AskWitness,
) -> Result<Option<Cosigned>, FlowError> {
    let Some(quorum) = trust.witness_quorum(environment) else { return Ok(None) };
    let reader = LogReader::open(&place.log())?;
    let earlier = read_cosigned(&FolderFiles::new(place.log())).unwrap_or_default();
    let mut note = reader.checkpoint().note().clone();
    let mut findings = Vec::new();
    for witness in quorum.policy.witnesses() {
        let counts = quorum.keys.get(&witness.name).is_some_and(|owned| owned.counts_at(at));
        let Some(url) = witness.url.as_deref().filter(|_| counts) else { continue };
        // Where it stood last, as far as this log remembers: else it says so itself.
        let known = earlier.as_ref().filter(|earlier| !signed_by(earlier.note(), witness).is_empty());
        match ask_one(&reader, witness, url, known.map_or(0, |earlier| earlier.claim().size), ask) {
            Ok(Asked::Cosigned(lines)) => lines.into_iter().for_each(|line| note.add(line)),
            Ok(Asked::Further(known)) => {
                // A gate that was faster has had it cosigned. Only a log that still is behind was set back.
                if went_on(place, &reader, known)? {
                    return Err(LogError::Outrun { name: place.log_name() }.into());
                }
                findings.push(set_back(&reader, witness, url, known));
            }
            Err(finding) => findings.push(finding),
        }
    }
    let bytes = note.to_string().into_bytes();
    Ok(Some(Cosigned { quorum: witnessed(&bytes, trust, environment, Age::Near(at)), note, findings }))
}

/// What a witness says to a checkpoint.
enum Asked {
    /// It has cosigned it.
    Cosigned(Vec<NoteSignature>),
    /// It has cosigned so many entries, which are more than those.
    Further(u64),
}

/// Whether the log, as it is now, goes on from what was read and has as many entries as a witness has cosigned.
fn went_on<F: LogFiles>(place: &Place, read: &LogReader<F>, known: u64) -> Result<bool, LogError> {
    let now = place.look_again()?;
    Ok(now.size() >= known && now.root_at(read.size())? == read.checkpoint().claim().root)
}

fn set_back<F: LogFiles>(reader: &LogReader<F>, witness: &PolicyWitness, url: &str, known: u64) -> Finding {
    Finding::new(codes::LOG_ROLLED_BACK, "a witness has cosigned more entries than the log has")
        .at(place_of(witness, url))
        .expected(format!("at least {known} entries"), "the witness")
        .found(format!("{} entries", reader.size()))
        .help("restore the log from a copy that is not older; nothing is decided until then")
}

fn place_of(witness: &PolicyWitness, url: &str) -> String {
    format!("witness {} at {url}", witness.key.name())
}

fn ask_one<F: LogFiles>(
    reader: &LogReader<F>,
    witness: &PolicyWitness,
    url: &str,
    guess: u64,
    ask: &dyn AskWitness,
) -> Result<Asked, Finding> {
    let claim = reader.checkpoint().claim();
    let size = claim.size;
    let place = || place_of(witness, url);
    let mut old = guess.min(size);
    // Once more where the witness names another size; others may be asking it too, but not for ever.
    for _ in 0..3 {
        let proof = if old == 0 || old == size { Ok(Vec::new()) } else { reader.consistency_proof(old) };
        let proof = proof.map_err(|error| {
            Finding::new(codes::LOG_TILE_MISMATCH, format!("the log yields no proof from {old} entries: {error}"))
                .at(format!("log {}", claim.origin))
        })?;
        let request = AddCheckpoint { old, proof, checkpoint: reader.checkpoint().clone() };
        let answer = ask.add_checkpoint(url, request.to_string().as_bytes()).map_err(|why| {
            Finding::new(codes::WITNESS_UNREACHABLE, "a witness could not be asked").at(place()).found(why)
        })?;
        match answer.status {
            200 => return own_lines(reader.checkpoint(), witness, &answer.body, &place()).map(Asked::Cosigned),
            409 => match size_of(&answer.body) {
                Some(known) if known > size => return Ok(Asked::Further(known)),
                Some(known) if known == size && old == size => {
                    return Err(Finding::new(
                        codes::LOG_SPLIT_VIEW,
                        format!("a witness has cosigned another checkpoint of the log's {size} entries"),
                    )
                    .at(place())
                    .found(format!("root {} here", claim.root)));
                }
                Some(known) => old = known,
                None => break,
            },
            422 => {
                return Err(Finding::new(
                    codes::LOG_FORKED,
                    format!("the log's first {old} entries are not those that a witness has cosigned"),
                )
                .at(place())
                .found("the log's own proof does not hold for the witness"));
            }
            status @ (403 | 404) => {
                let what = if status == 404 { "does not know this log" } else { "does not know the log's key" };
                return Err(Finding::new(codes::WITNESS_REFUSED, format!("a witness {what}"))
                    .at(place())
                    .found(format!("HTTP status {status}")));
            }
            status => {
                return Err(Finding::new(codes::WITNESS_UNREACHABLE, "a witness did not answer as one does")
                    .at(place())
                    .found(format!("HTTP status {status}")));
            }
        }
    }
    Err(Finding::new(codes::WITNESS_UNREACHABLE, "a witness names another size each time that it is asked").at(place()))
}

/// The witness's own lines of what it answered, which have to hold. It may answer for others too: they were not asked.
fn own_lines(
    checkpoint: &UnverifiedCheckpoint,
    witness: &PolicyWitness,
    body: &[u8],
    place: &str,
) -> Result<Vec<NoteSignature>, Finding> {
    let refused = |found: String| {
        Finding::new(codes::WITNESS_UNREACHABLE, "a witness did not answer with its own cosignature")
            .at(place)
            .found(found)
    };
    let lines = NoteSignature::parse_lines(body).map_err(|error| refused(error.to_string()))?;
    let mut alone = checkpoint.note().clone();
    let (id, name) = (witness.key.id(), witness.key.name().as_str());
    let own: Vec<NoteSignature> = lines.into_iter().filter(|line| line.id() == id && line.name() == name).collect();
    for line in &own {
        alone.add(line.clone());
    }
    if own.is_empty() || signed_by(&alone, witness).is_empty() {
        return Err(refused("no line of its key that holds".to_owned()));
    }
    Ok(own)
}

fn signed_by(note: &Note, witness: &PolicyWitness) -> Vec<Time> {
    let holds =
        |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
    let keys = std::slice::from_ref(&witness.key);
    cosignatures(note, keys, &holds).map(|found| found.into_iter().map(|one| one.time).collect()).unwrap_or_default()
}

/// The size that a conflict is answered with: a decimal number and a newline.
fn size_of(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let plain = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| plain && text.bytes().all(|b| b.is_ascii_digit()))
}

/// What the store has of witnesses, for an environment that asks for them.
#[derive(Debug)]
pub struct Shown {
    /// The newest cosigned checkpoint, if the quorum has cosigned it.
    pub quorum: Result<Witnessed, Finding>,
    /// Whether it was cosigned a moment ago and the log goes on from it.
    pub fresh: bool,
}

impl Shown {
    /// Whether what was cosigned holds an entry, and is of this very log.
    pub fn covers(&self, entry: u64, state: &LogState) -> Result<(), Finding> {
        let witnessed = self.quorum.as_ref().map_err(Clone::clone)?;
        state.now().continues(&witnessed.log)?;
        if witnessed.log.size > entry {
            return Ok(());
        }
        Err(Finding::new(codes::WITNESS_QUORUM_MISSING, "the witnesses have not cosigned a log that holds this entry")
            .at(format!("log entry {entry}"))
            .expected(format!("a cosigned checkpoint of more than {entry} entries"), "trust")
            .found(format!("one of {}", witnessed.log.size)))
    }
}

/// Reads what witnesses had cosigned last when the log was read. Where nothing is asked for, nothing counts.
pub fn shown(
    place: &Place,
    (state, moment): (&LogState, &Moment),
    trust: &Trust,
    environment: &EnvName,
    at: Time,
) -> Result<Shown, FlowError> {
    let none = |found: &str| {
        Finding::new(codes::WITNESS_QUORUM_MISSING, "no checkpoint of the log was cosigned by the quorum")
            .at(format!("log {}", place.log().display()))
            .found(found)
    };
    if !asks_for_witnesses(trust, environment) {
        return Ok(Shown { quorum: Err(none("the environment asks for none")), fresh: false });
    }
    let Some(cosigned) = moment.read_cosigned()? else {
        return Ok(Shown { quorum: Err(none("none")), fresh: false });
    };
    let bytes = cosigned.note().to_string().into_bytes();
    let quorum = witnessed(&bytes, trust, environment, Age::UpTo(at));
    let near = witnessed(&bytes, trust, environment, Age::Near(at));
    let fresh = near.is_ok_and(|near| state.now().continues(&near.log).is_ok());
    Ok(Shown { quorum, fresh })
}

/// Who may have put a line on a checkpoint of a log: the log itself and witnesses, by every trust document that the log records
/// and by the one from outside.
#[derive(Debug)]
pub(crate) struct Lines {
    log: Vec<NoteKey>,
    witnesses: Vec<WitnessKey>,
}

impl Lines {
    pub(crate) fn of(state: &LogState, outside: &VerifiedTrust) -> Self {
        let entries = (1_u64..).zip(state.entries()).filter(|(_, entry)| entry.kind == Kind::Trust);
        let recorded = entries.filter_map(|(size, _)| Some(state.at(size)?.trust().trust()));
        let (mut log, mut witnesses) = (Vec::new(), Vec::new());
        for trust in recorded.chain([state.now().trust().trust(), outside.trust()]) {
            log.extend(log_keys(trust, state.now().origin()));
            witnesses.extend(trust.witness_keys());
        }
        witnesses.sort();
        witnesses.dedup();
        Self { log, witnesses }
    }

    fn is_of_log(&self, line: &NoteSignature) -> bool {
        self.log.iter().any(|key| key.id() == line.id() && key.name().as_str() == line.name())
    }

    fn is_of_witness(&self, line: &NoteSignature) -> bool {
        self.witnesses.iter().any(|key| key.id() == line.id() && key.name().as_str() == line.name())
    }

    /// What the lines of a checkpoint are worth: one of a witness holds, one of the log's own stands there once, else `wrong`, and
    /// one of nobody whom trust names proves nothing.
    pub(crate) fn findings(&self, checkpoint: &[u8], place: &str, wrong: Code) -> Vec<Finding> {
        // What does not read is said where it is held against the log.
        let Ok(read) = UnverifiedCheckpoint::parse(checkpoint) else { return Vec::new() };
        let holds =
            |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| note_signature_holds(key.public(), bytes, signature);
        let invalid = cosignatures(read.note(), &self.witnesses, &holds).err();
        let mut out: Vec<Finding> = invalid
            .map(|refused| Finding::new(codes::COSIGNATURE_INVALID, refused.to_string()).at(place))
            .into_iter()
            .collect();
        let lines = read.note().signatures().iter();
        let mut own = BTreeSet::new();
        if lines.clone().filter(|line| self.is_of_log(line)).any(|line| !own.insert(line.id())) {
            let what = "a checkpoint bears the log's own line twice, which nothing of ours writes";
            out.push(Finding::new(wrong, what).at(place));
        }
        let unknown: Vec<String> = lines
            .filter(|line| !self.is_of_log(line) && !self.is_of_witness(line))
            .map(|line| format!("{} (key {})", line.name(), to_hex(&line.id())))
            .collect();
        if !unknown.is_empty() {
            let what = "a checkpoint bears lines of keys that no trust document here names: they prove nothing";
            let finding = Finding::new(codes::LOG_LINE_UNKNOWN, what)
                .at(place)
                .expected("the log's keys, and those of witnesses", "trust");
            out.push(unknown.into_iter().fold(finding, Finding::found));
        }
        out
    }

    /// What is wrong with a checkpoint that is kept as one that witnesses cosigned: it is one of this log, and somebody else than
    /// the log signed it. `wrong` is said where nobody did.
    pub(crate) fn cosigned(
        &self,
        checkpoint: &[u8],
        (state, outside, at): (&LogState, &VerifiedTrust, Time),
        place: &str,
        wrong: Code,
    ) -> Vec<Finding> {
        let held =
            kept_checkpoint(checkpoint, &state.now(), outside.trust(), at).and_then(|log| state.now().continues(&log));
        let mut out: Vec<Finding> = held.err().map(|finding| finding.at(place)).into_iter().collect();
        out.extend(self.findings(checkpoint, place, wrong));
        let alone = |read: &UnverifiedCheckpoint| read.note().signatures().iter().all(|line| self.is_of_log(line));
        if UnverifiedCheckpoint::parse(checkpoint).is_ok_and(|read| alone(&read)) {
            let what = "it lies where checkpoints lie that witnesses cosigned, and nobody cosigned it";
            out.push(Finding::new(wrong, what).at(place));
        }
        out
    }
}

/// What is wrong with the lines of a store's checkpoint, and with the one that it kept as cosigned when that was read, if it kept
/// one. Packages take both along.
#[must_use]
pub fn kept(place: &Place, moment: &Moment, state: &LogState, trust: &VerifiedTrust, at: Time) -> Vec<Finding> {
    let lines = Lines::of(state, trust);
    let name = |file: &str| format!("{}/{file}", place.log_name());
    let wrong = codes::LOG_CHECKPOINT_INVALID;
    let mut out = lines.findings(&moment.checkpoint_bytes(), &name(CHECKPOINT), wrong);
    if let Some(bytes) = &moment.cosigned {
        out.extend(lines.cosigned(bytes, (state, trust, at), &name(COSIGNED), wrong));
    }
    out
}
