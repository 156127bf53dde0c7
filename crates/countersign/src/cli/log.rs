//! `log`: the append-only record.

mod find;
mod proof;
mod rotate;
mod shard;
mod witness;

use super::given::{self, Kept, LeastArgs, StoreArgs, TrustArgs};
use super::{Answer, Call};
use crate::render::{Done, Format};
use clap::{Args, Subcommand};
use countersign_core::codes;
use countersign_core::entry::Entry;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Finding, Verdict, exit_of, verdict_of};
use countersign_core::ids::Origin;
use countersign_flow::elsewhere::StoreName;
use countersign_flow::place::{Place, Recorded, StoreBlobs, recorded_decision};
use countersign_flow::shard::chain;
use countersign_flow::{FlowError, output as answer};
use countersign_flow::{keep, outside};
use countersign_record::log::reader::LogReader;
use countersign_record::log::verify::{verify_at, verify_folder};
use countersign_record::log::{FolderFiles, LogError, Moment};
use countersign_report::{output, text};
use countersign_sign::{KeyPlace, LogSigner, SigningKey};
use countersign_verify::LogState;
use countersign_verify::log::kept_checkpoint;
use std::path::{Path, PathBuf};

/// Make, check and read the append-only log
#[derive(Debug, Args)]
pub(crate) struct Log {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(Init),
    Verify(Verify),
    Checkpoint(Checkpoint),
    Show(Show),
    Find(find::Find),
    Proof(proof::Proof),
    Witness(witness::Witness),
    Policy(witness::Policy),
    Rotate(rotate::Rotate),
    Close(shard::Close),
    Continue(shard::Continue),
}

/// Make a new, empty log
///
/// The only way in which a log comes into being: a log that is missing is never taken for a new one.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign log init --origin example.com/log --key log.pem --store .countersign")]
struct Init {
    /// The log's name: the first line of its checkpoints
    #[arg(long, value_name = "NAME")]
    origin: Origin,
    /// The log's key, Ed25519: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    #[command(flatten)]
    store: StoreArgs,
}

/// Check the whole log: every tile of every level, the checkpoint, every activation, what every entry names
///
/// An entry has to name one document of its kind, signed by somebody who may sign that. Decisions are opened by
/// `audit verify`, which runs each of them again.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign log verify --store .countersign --trust trust.sigstore.json --trust-digest sha256:…"
)]
struct Verify {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    least: LeastArgs,
    /// The store of the closed log that this one goes on from. More by repeating it, the newest first
    #[arg(long, value_name = "STORE", help_heading = "Record", value_parser = given::store_name())]
    earlier: Vec<StoreName>,
}

/// Print the signed checkpoint, to be kept elsewhere
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign log checkpoint --store .countersign --output /elsewhere/checkpoint")]
struct Checkpoint {
    #[command(flatten)]
    store: StoreArgs,
    /// Where to write it; standard output where none is given. One that is there is replaced only if the log goes on from it
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    least: LeastArgs,
}

/// List the entries, or show one with its proof
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign log show --store .countersign\n  countersign log show --store .countersign --entry 3 --proof"
)]
struct Show {
    #[command(flatten)]
    store: StoreArgs,
    /// One entry, as it stands in the log
    #[arg(long, value_name = "N")]
    entry: Option<u64>,
    /// Its inclusion proof, in the form of C2SP tlog-proof
    #[arg(long, requires = "entry")]
    proof: bool,
}

impl Log {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Init(verb) => verb.run(call),
            Verb::Verify(verb) => verb.run(call),
            Verb::Checkpoint(verb) => verb.run(call),
            Verb::Show(verb) => verb.run(call),
            Verb::Find(verb) => verb.run(call),
            Verb::Proof(verb) => verb.run(call),
            Verb::Witness(verb) => verb.run(call),
            Verb::Policy(verb) => verb.run(call),
            Verb::Rotate(verb) => verb.run(call),
            Verb::Close(verb) => verb.run(call),
            Verb::Continue(verb) => verb.run(call),
        }
    }

    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Init(_)
            | Verb::Checkpoint(_)
            | Verb::Policy(_)
            | Verb::Rotate(_)
            | Verb::Close(_)
            | Verb::Continue(_) => "nothing was written",
            Verb::Proof(verb) => verb.not_done(),
            Verb::Witness(_) => "nothing was cosigned",
            Verb::Verify(_) => "nothing was verified",
            Verb::Show(_) | Verb::Find(_) => "nothing was shown",
        }
    }
}

impl Init {
    fn run(&self, call: &Call<'_>) -> Answer {
        let key = SigningKey::open(&self.key, &call.world.token_access())?;
        let signer = LogSigner::new(self.origin.clone(), key).map_err(|error| FlowError::Usage(error.to_string()))?;
        let place = self.store.place(call)?;
        let log = place.create(&signer)?;
        let document = answer::LogState {
            origin: self.origin.clone(),
            output: place.log_name(),
            size: log.size(),
            root: log.root(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "log-init", &document, || {
            format!("{}: log {}, empty\n{}\n", document.output, document.origin, self.store.keep_elsewhere())
        }))
    }
}

impl Verify {
    fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let place = self.store.place_after(Kept { least: self.least.file(), output: None }, call)?;
        let (mut checks, mut findings) = (Vec::new(), Vec::new());
        // What was kept elsewhere first, and both checkpoints of the log at one time: a gate that records something meanwhile
        // makes all of them go further.
        let least = self.least.file().map(|path| (path, outside::read_least(path, &place)));
        let read = place.moment().and_then(|moment| {
            let report = verify_at(&FolderFiles::new(place.log()), moment.checkpoint.clone())?;
            Ok((moment, report))
        });
        let (moment, report) = match read {
            Ok(read) => read,
            Err(error) => return Err(self.set_back(error.into(), &place, at)?),
        };
        let bad = report.bad.iter().map(|bad| {
            Finding::new(codes::LOG_TILE_MISMATCH, bad.wrong.to_string())
                .at(format!("{}/{}", place.log_name(), bad.path))
                .help("restore this file from a copy; the checkpoint says what it has to be")
        });
        let bad: Vec<Finding> = bad.collect();
        let detail = format!("{} entries, {} files compared", report.entries, report.files);
        checks.push(Check::new("log-tiles", verdict_of(&bad), detail));
        let intact = bad.is_empty();
        findings.extend(bad);
        let trust = self.trust.read(at)?;
        checks.extend(trust.outcome.checks.iter().cloned());
        findings.extend(trust.outcome.findings.iter().cloned());
        if let (Some(trust), true) = (&trust.outcome.trust, intact) {
            state((&place, &moment), trust, least, at, &mut checks, &mut findings)?;
            self.earlier(call, &place, trust, at, &mut checks, &mut findings)?;
        }
        let exit = exit_of(&findings);
        let document = output::Verification { subject: None, verdict: verdict_of(&findings), checks, findings, exit };
        Ok(Done::answer(call.format, exit, "log-verify", &document, || {
            let found = if document.findings.is_empty() {
                String::new()
            } else {
                format!("\n{}", text::findings(&document.findings))
            };
            let unseen = match self.least.file() {
                Some(_) => "",
                None => {
                    "whether the log was rewound is not checked: give a checkpoint that was kept with --least-checkpoint\n"
                }
            };
            format!("{}{found}\n{unseen}{}\n", text::checks(&document.checks), document.verdict)
        }))
    }
}

impl Verify {
    /// What is wrong with a log that cannot be looked at.
    fn set_back(
        &self,
        error: FlowError,
        place: &Place,
        at: countersign_core::time::Time,
    ) -> Result<FlowError, FlowError> {
        let trust = self.trust.read(at)?;
        let Some(trust) = &trust.outcome.trust else { return Ok(error) };
        Ok(outside::set_back(error, self.least.file(), place, trust.trust(), at))
    }

    /// Every earlier log holds, tile by tile, and each goes on from the one before it.
    fn earlier(
        &self,
        call: &Call<'_>,
        place: &Place,
        trust: &countersign_verify::VerifiedTrust,
        at: countersign_core::time::Time,
        checks: &mut Vec<Check>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), FlowError> {
        if self.earlier.is_empty() {
            return Ok(());
        }
        let earlier: Vec<Place> =
            self.earlier.iter().map(|store| given::place_of(store, call)).collect::<Result<_, _>>()?;
        let mut found = Vec::new();
        for place in &earlier {
            let report = verify_folder(&place.log()).map_err(|error| place.told_of(error))?;
            found.extend(report.bad.iter().map(|bad| {
                Finding::new(codes::LOG_TILE_MISMATCH, bad.wrong.to_string()).at(format!(
                    "{}/{}",
                    place.log_name(),
                    bad.path
                ))
            }));
        }
        // From the oldest one on.
        let all: Vec<&Place> = earlier.iter().rev().chain([place]).collect();
        let (logs, broken) = chain(&all, trust, at)?;
        found.extend(broken);
        let said = logs.iter().map(|log| format!("{} ({} entries)", log.origin, log.size));
        let said = said.collect::<Vec<_>>().join(", then ");
        let detail = found.first().map_or(said, |finding| finding.what.clone());
        checks.push(Check::new("log-shards", verdict_of(&found), detail));
        findings.extend(found);
        Ok(())
    }
}

/// The log at the moment that it was looked at, and what was kept elsewhere of it, read before that.
fn state(
    (place, moment): (&Place, &Moment),
    trust: &countersign_verify::VerifiedTrust,
    least: Option<(&Path, Result<Vec<u8>, FlowError>)>,
    at: countersign_core::time::Time,
    checks: &mut Vec<Check>,
    findings: &mut Vec<Finding>,
) -> Result<(), FlowError> {
    let reader = LogReader::at(FolderFiles::new(place.log()), moment.checkpoint.clone());
    let entries = reader.entries(0..reader.size()).collect::<Result<Vec<_>, _>>()?;
    let blobs = StoreBlobs::new(place.store());
    let opened = LogState::open(&moment.checkpoint_bytes(), &entries, trust, &blobs, at);
    checks.extend(opened.checks);
    findings.extend(opened.findings);
    if let Some(state) = &opened.state {
        if state.size() == 0 {
            let finding = Finding::new(codes::DECISION_MISSING, "the log has no entry: there is nothing to verify")
                .at(format!("log {}", state.now().origin()))
                .help("`countersign policy activate` makes the first entries");
            checks.push(Check::new("log-begun", verdict_of(std::slice::from_ref(&finding)), "none"));
            findings.push(finding);
        }
        let faults: Vec<Finding> = state.faults().map(|(_, finding)| finding.clone()).collect();
        checks.push(Check::new("log-activations", verdict_of(&faults), "trust documents and activations"));
        findings.extend(faults);
        let records = state.records(&blobs);
        let words = records.words();
        let found = records.findings();
        let detail = found.first().map_or(words, |finding| finding.what.clone());
        checks.push(Check::new("log-records", verdict_of(&found), detail));
        findings.extend(found);
        let cosigned = countersign_flow::witness::kept(place, moment, state, trust, at);
        if let Some(wrong) = cosigned.iter().find(|finding| finding.class.blocks()) {
            checks.push(Check::new("log-cosigned", verdict_of(&cosigned), wrong.what.clone()));
        }
        findings.extend(cosigned);
        if let Some((path, least)) = least {
            let (rewound, detail) = match kept_checkpoint(&least?, &state.now(), trust.trust(), at) {
                Ok(least) => {
                    let detail = least.grown_to(&state.now().reference());
                    (state.now().continues(&least).err(), detail)
                }
                Err(finding) => (Some(finding.at(path.display().to_string())), "the least checkpoint".to_owned()),
            };
            let detail = rewound.as_ref().map_or(detail, |finding| finding.what.clone());
            let verdict = verdict_of(rewound.as_slice());
            checks.push(Check::new("log-continues", verdict, detail));
            findings.extend(rewound);
        }
    }
    blobs.finish()
}

impl Checkpoint {
    fn run(&self, call: &Call<'_>) -> Answer {
        let place = self.store.place_after(Kept { least: self.least.file(), output: self.output.as_deref() }, call)?;
        // Of a log that is gone, what was kept of it says so.
        keep::goes_on_from_least(self.least.file(), self.output.as_deref(), &place)?;
        keep::may_replace(self.output.as_deref(), &[&place])?;
        let reader = LogReader::open(&place.log())?;
        let note = reader.checkpoint().note().to_string();
        keep::replace(self.output.as_deref(), &[&place], note.as_bytes())?;
        let claim = reader.checkpoint().claim();
        let document = answer::LogCheckpoint {
            origin: claim.origin.clone(),
            output: self.output.as_ref().map(|path| path.display().to_string()),
            size: claim.size,
            root: claim.root,
            checkpoint: note,
        };
        Ok(Done::answer(call.format, Exit::Ok, "log-checkpoint", &document, || match &document.output {
            None => document.checkpoint.clone(),
            Some(output) => format!("{output}: {} entries, root {}\n", document.size, document.root),
        }))
    }
}

impl Show {
    fn one(&self, call: &Call<'_>, reader: &LogReader<FolderFiles>, index: u64) -> Answer {
        if index >= reader.size() {
            let none = LogError::NoEntry { index, size: reader.size() };
            return Err(FlowError::Usage(format!("--entry {index}: {none}")));
        }
        let bytes = reader.entry(index)?;
        let proof = if self.proof { Some(reader.tlog_proof(index)?.to_string()) } else { None };
        if call.format == Format::Json {
            let document = answer::LogEntryShown { index, entry: entry(index, &bytes)?, proof };
            return Ok(Done::answer(call.format, Exit::Ok, "log-show-entry", &document, String::new));
        }
        // To the byte: they hash to the leaf.
        Ok(Done::bytes(proof.map_or(bytes, String::into_bytes)))
    }

    fn run(&self, call: &Call<'_>) -> Answer {
        let place = self.store.place(call)?;
        let reader = LogReader::open(&place.log())?;
        if let Some(index) = self.entry {
            return self.one(call, &reader, index);
        }
        let size = reader.checkpoint().claim().size;
        let (mut entries, mut unread) = (Vec::new(), Vec::new());
        for (index, bytes) in (0..size).zip(reader.entries(0..size)) {
            let entry = entry(index, &bytes?)?;
            let recorded = recorded_decision(&place, &entry)?;
            let (verdict, authorised) = recorded.decision().map(|d| (d.verdict, d.authorised)).unzip();
            unread.push(match recorded {
                Recorded::Missing => "not in the store",
                Recorded::Later => "of a later version",
                Recorded::Malformed => "does not read",
                Recorded::Other | Recorded::Decision(_) => "",
            });
            entries.push(answer::NumberedEntry { index, entry, verdict, authorised });
        }
        let document = answer::LogEntries { size, entries };
        Ok(Done::answer(call.format, Exit::Ok, "log-show", &document, || {
            let row = |(numbered, unread): (&answer::NumberedEntry, &&str)| {
                let answer::NumberedEntry { index, entry, verdict, authorised } = numbered;
                let environment = entry.environment.as_ref().map_or_else(String::new, ToString::to_string);
                let subject = entry.subjects.first().map_or_else(String::new, ToString::to_string);
                let said = match (verdict, authorised) {
                    (Some(Verdict::Pass), Some(true)) => "PASS, authorised".to_owned(),
                    (Some(verdict), Some(true)) => format!("{verdict}, let through"),
                    (Some(verdict), _) => verdict.to_string(),
                    (None, _) => (*unread).to_owned(),
                };
                let kind = entry.kind.word().to_owned();
                vec![index.to_string(), entry.time.to_string(), kind, environment, said, subject]
            };
            let rows: Vec<_> = document.entries.iter().zip(&unread).map(row).collect();
            text::table(&["entry", "time", "kind", "environment", "decision", "subject"], &rows)
        }))
    }
}

fn entry(index: u64, bytes: &[u8]) -> Result<Entry, FlowError> {
    Entry::parse(bytes).map_err(|error| FlowError::Refused(vec![error.finding(&format!("log entry {index}"))]))
}
