//! `exception`: a rule that may be broken here, by whom it was allowed, and until when.

mod show;

use super::given::{self, Kept, LeastArgs, StoreArgs, TrustArgs};
use super::{Answer, Call};
use crate::render::Done;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use countersign_collect::artifact;
use countersign_core::digest::Sha256;
use countersign_core::exception::{Category, Covers, EndAction, Exception, Range};
use countersign_core::exit::Exit;
use countersign_core::finding::Code;
use countersign_core::git::Oid;
use countersign_core::ids::{EnvName, ExceptionId, Origin, PersonId, RuleId, Uri};
use countersign_core::{codes, limits};
use countersign_flow::exception::{self, Asked, EndRequest, Ended, Recording, Wanted};
use countersign_flow::place::Place;
use countersign_flow::{FlowError, keep, output as answer};
use countersign_sign::{KeyPlace, PersonKey, SigningKey};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Ask for, approve, record, end and list exceptions from rules
#[derive(Debug, Args)]
pub(crate) struct ExceptionVerb {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Request(Box<Request>),
    Approve(Approve),
    Activate(Activate),
    Revoke(Revoke),
    FollowUp(FollowUp),
    List(show::List),
    Expiring(show::Expiring),
}

/// Write an exception, signed by who asks for it
///
/// It covers one rule, one repository, one environment, and one artifact or a short range of commits. It counts once two
/// others have approved it and it is in the log.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("covers").required(true).args(["subject", "range"]))]
#[command(
    after_help = "Example:\n  countersign exception request --rule source-clean@1 --environment production \\\n    \
                        --repository git+https://example.com/team/app --subject dist/app --category waiver --expires 30d \\\n    \
                        --reason \"the generated file is checked by hand\" --key ~/.ssh/id_ed25519 --trust trust.sigstore.json \\\n    \
                        --trust-digest sha256:… --output exception.sigstore.json"
)]
struct Request {
    /// The rule, with the number of its meaning
    #[arg(long, value_name = "ID@N")]
    rule: RuleId,
    /// The environment
    #[arg(long, value_name = "NAME")]
    environment: EnvName,
    /// The repository that the artifact comes from
    #[arg(long, value_name = "URI")]
    repository: Uri,
    /// The artifact: a file, or its digest
    #[arg(long, value_name = "FILE|sha256:…")]
    subject: Option<String>,
    /// Commits: those after START up to END, or after START
    #[arg(long, value_name = "START[..END]")]
    range: Option<String>,
    /// The most commits of the range
    #[arg(long, value_name = "N", default_value_t = limits::EXCEPTION_COMMITS, requires = "range")]
    commits: u32,
    /// Only findings with this code; several may be given
    #[arg(long = "code", value_name = "CODE")]
    codes: Vec<String>,
    /// Only findings with exactly this among their places
    #[arg(long, value_name = "TEXT")]
    place: Option<String>,
    /// Its kind: the risk is taken, another control stands in, or review is passed over in an emergency
    #[arg(long, value_enum)]
    category: Kind,
    /// The control that stands in for the rule
    #[arg(long, value_name = "TEXT", required_if_eq("category", "mitigated"))]
    control: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Where it is tracked
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    /// Its end: a time, a day, or a number of days such as `30d`
    #[arg(long, value_name = "WHEN")]
    expires: String,
    /// When what an emergency let through has to be reviewed [default for an emergency: 7d]
    #[arg(long, value_name = "WHEN")]
    follow_up: Option<String>,
    /// The log in which it is to count; needed where trust has several
    #[arg(long, value_name = "ORIGIN")]
    log: Option<Origin>,
    /// Your key: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    #[command(flatten)]
    trust: TrustArgs,
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = "exception.sigstore.json")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Waiver,
    Mitigated,
    Emergency,
}

/// Add your approval to an exception
///
/// Two persons of trust's role `exception-approvers` approve, or of `break-glass` for an emergency. Who asked does not.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign exception approve exception.sigstore.json --key ~/.ssh/id_ed25519 --trust trust.sigstore.json \\\n    \
                        --trust-digest sha256:…"
)]
struct Approve {
    /// The exception
    file: PathBuf,
    /// Your key: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Args)]
struct RecordArgs {
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
    /// Where to keep the new checkpoint: elsewhere than the store
    #[arg(long, value_name = "FILE", help_heading = "Record")]
    checkpoint_output: Option<PathBuf>,
}

/// Record an approved exception in the log, from when on it counts
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign exception activate exception.sigstore.json --log-key log.pem --trust trust.sigstore.json \\\n    \
                        --trust-digest sha256:… --least-checkpoint checkpoint"
)]
struct Activate {
    /// The approved exception
    file: PathBuf,
    /// The log's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys")]
    log_key: KeyPlace,
    #[command(flatten)]
    record: RecordArgs,
}

/// End an exception, in the log
///
/// One person who may approve exceptions is enough.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign exception revoke E-0123456789ab --reason \"mended\" --key ~/.ssh/id_ed25519 --log-key log.pem \\\n    \
                        --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint checkpoint"
)]
struct Revoke {
    /// Which
    id: ExceptionId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Your key: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// The log's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys")]
    log_key: KeyPlace,
    #[command(flatten)]
    record: RecordArgs,
}

/// Say that what an emergency let through was reviewed since
///
/// Two persons who may approve exceptions sign, none of them who asked: name the same --signatures file in each one's run.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign exception follow-up E-0123456789ab --reason \"reviewed the three commits\" \\\n    \
                        --signatures follow-up.sigstore.json --key ~/.ssh/id_ed25519 --log-key log.pem \\\n    \
                        --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint checkpoint"
)]
struct FollowUp {
    /// Which
    id: ExceptionId,
    /// What was found
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Where the two collect their signatures
    #[arg(long, value_name = "FILE")]
    signatures: PathBuf,
    /// Your key: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// The log's key: PEM, on a token, or in a key service. The last of the two needs it, whose run records it
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys")]
    log_key: Option<KeyPlace>,
    #[command(flatten)]
    record: RecordArgs,
}

impl ExceptionVerb {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Request(verb) => verb.run(call),
            Verb::Approve(verb) => verb.run(call),
            Verb::Activate(verb) => verb.run(call),
            Verb::Revoke(verb) => end(
                call,
                &verb.id,
                EndAction::Revoke,
                &verb.reason,
                (&verb.key, Some(&verb.log_key)),
                None,
                &verb.record,
                "exception-revoke",
            ),
            Verb::FollowUp(verb) => {
                let file = Some(verb.signatures.as_path());
                let action = EndAction::FollowUp;
                end(
                    call,
                    &verb.id,
                    action,
                    &verb.reason,
                    (&verb.key, verb.log_key.as_ref()),
                    file,
                    &verb.record,
                    "exception-follow-up",
                )
            }
            Verb::List(verb) => verb.run(call),
            Verb::Expiring(verb) => verb.run(call),
        }
    }

    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Request(_) | Verb::Approve(_) => "nothing was written",
            Verb::Activate(_) | Verb::Revoke(_) | Verb::FollowUp(_) => "nothing was recorded",
            Verb::List(_) | Verb::Expiring(_) => "nothing was shown",
        }
    }
}

impl Request {
    fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let trust = self.trust.read(at)?;
        let (key, keygen) = (PersonKey::open(&self.key, &call.world.token_access())?, call.world.ssh_keygen());
        let category = match self.category {
            Kind::Waiver => Category::Waiver,
            Kind::Mitigated => Category::Mitigated,
            Kind::Emergency => Category::Emergency,
        };
        let follow_up = self.follow_up.as_deref().or_else(|| (category == Category::Emergency).then_some("7d"));
        let usage = |error: &dyn std::fmt::Display| FlowError::Usage(error.to_string());
        let exception = Exception {
            // Filled in from key and trust.
            log: Origin::new("none").map_err(|error| usage(&error))?,
            requester: PersonId::new("none").map_err(|error| usage(&error))?,
            category,
            control: self.control.clone(),
            rule: self.rule.clone(),
            codes: self.codes.iter().map(|code| registered(code)).collect::<Result<BTreeSet<Code>, _>>()?,
            place: self.place.clone(),
            repository: self.repository.clone(),
            environment: self.environment.clone(),
            covers: self.covers()?,
            reason: self.reason.clone(),
            ticket: self.ticket.clone(),
            created: at,
            expires: exception::when(&self.expires, at)?,
            follow_up: follow_up.map(|text| exception::when(text, at)).transpose()?,
        };
        let wanted = Wanted {
            exception,
            log: self.log.clone(),
            key: &key,
            keygen: &keygen,
            trust: &trust,
            output: &self.output,
            at,
        };
        let Asked { so_far, .. } = exception::request(wanted)?;
        let document = answer::ExceptionRequested {
            output: self.output.display().to_string(),
            id: ExceptionId::of(&so_far.digest),
            exception: so_far.exception,
            needed: so_far.needed,
            role: so_far.role.to_owned(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "exception-request", &document, || {
            format!(
                "{}: exception {}\n{}it counts once {} persons of role `{}`, others than who asks for it, have run \
                 `countersign exception approve {}`, and it is in the log\n",
                document.output,
                document.id,
                show::words(&document.exception),
                document.needed,
                document.role,
                document.output
            )
        }))
    }

    fn covers(&self) -> Result<Covers, FlowError> {
        let oid = |text: &str| {
            Oid::from_hex(text)
                .map_err(|error| FlowError::Usage(format!("--range: {text:?} is no whole commit id: {error}")))
        };
        match (&self.subject, &self.range) {
            (Some(subject), _) => Ok(Covers::Subject(match subject.parse::<Sha256>() {
                Ok(digest) => digest,
                Err(_) => artifact::hash(Path::new(subject))?.digest,
            })),
            (None, Some(range)) => {
                let (start, end) =
                    range.split_once("..").map_or((range.as_str(), None), |(start, end)| (start, Some(end)));
                let (start, end) = (oid(start)?, end.map(oid).transpose()?);
                Ok(Covers::Range(Range { start, end, commits: self.commits }))
            }
            (None, None) => Err(FlowError::Usage("--subject or --range says what the exception covers".to_owned())),
        }
    }
}

fn registered(code: &str) -> Result<Code, FlowError> {
    let entry = codes::find(code);
    entry.map(|entry| entry.code).ok_or_else(|| {
        FlowError::Usage(format!("--code: {code:?} is not a finding code: `countersign explain codes` lists them"))
    })
}

impl Approve {
    fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let trust = self.trust.read(at)?;
        let (key, keygen) = (PersonKey::open(&self.key, &call.world.token_access())?, call.world.ssh_keygen());
        let Asked { so_far, added } = exception::approve(&self.file, &key, &keygen, &trust, at)?;
        let document = answer::ExceptionApproved {
            file: self.file.display().to_string(),
            id: ExceptionId::of(&so_far.digest),
            exception: so_far.exception,
            added,
            approvers: so_far.approvers.iter().map(ToString::to_string).collect(),
            needed: so_far.needed,
            role: so_far.role.to_owned(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "exception-approve", &document, || {
            let again = if document.added { "" } else { "already signed by this key: nothing was added\n" };
            format!(
                "{again}{}: exception {}\n{}{} of {} needed: {}\n",
                document.file,
                document.id,
                show::words(&document.exception),
                document.approvers.len(),
                document.needed,
                document.approvers.join(", ")
            )
        }))
    }
}

impl Activate {
    fn run(&self, call: &Call<'_>) -> Answer {
        let trust = self.record.trust.bytes()?;
        let place = self.record.place(call)?;
        let log_key = SigningKey::open(&self.log_key, &call.world.token_access())?;
        let at = given::now()?;
        let trust = self.record.trust.judge(trust, at);
        let recording = Recording { trust: &trust, place: &place, least_checkpoint: self.record.least.file(), at };
        let (verified, checkpoint) = exception::activate(&self.file, &recording, log_key)?;
        let kept = self.record.keep(&place, &checkpoint);
        let document = answer::ExceptionActivated {
            id: verified.id(),
            exception: verified.exception().clone(),
            approvers: verified.approvers().iter().map(ToString::to_string).collect(),
            entry: verified.recorded().0,
        };
        let done = Done::answer(call.format, Exit::Ok, "exception-activate", &document, || {
            format!(
                "exception {} counts since entry {}, approved by {}\n{}{}\n",
                document.id,
                document.entry,
                document.approvers.join(", "),
                show::words(&document.exception),
                self.record.kept(kept.is_ok())
            )
        });
        Ok(self.record.after(done, kept))
    }
}

impl RecordArgs {
    /// The store, if what is recorded there can be kept elsewhere.
    fn place(&self, call: &Call<'_>) -> Result<Place, FlowError> {
        let place = self
            .store
            .place_to_write(Kept { least: self.least.file(), output: self.checkpoint_output.as_deref() }, call)?;
        keep::may_replace(self.checkpoint_output.as_deref(), &[&place])?;
        Ok(place)
    }

    fn keep(&self, place: &Place, checkpoint: &[u8]) -> Result<(), FlowError> {
        keep::replace(self.checkpoint_output.as_deref(), &[place], checkpoint)
    }

    fn kept(&self, kept: bool) -> String {
        match &self.checkpoint_output {
            Some(path) if kept => {
                format!("{}: the log's new checkpoint; keep it elsewhere than the store", path.display())
            }
            _ => self.store.keep_elsewhere(),
        }
    }

    fn after(&self, done: Done, kept: Result<(), FlowError>) -> Done {
        done.after(kept, self.checkpoint_output.as_deref(), &self.store.keep_elsewhere())
    }
}

#[expect(clippy::too_many_arguments, reason = "what two verbs have in common")]
fn end(
    call: &Call<'_>,
    id: &ExceptionId,
    action: EndAction,
    reason: &str,
    (key, log_key): (&KeyPlace, Option<&KeyPlace>),
    signatures: Option<&Path>,
    record: &RecordArgs,
    verb: &str,
) -> Answer {
    let trust = record.trust.bytes()?;
    let place = record.place(call)?;
    let (key, keygen) = (PersonKey::open(key, &call.world.token_access())?, call.world.ssh_keygen());
    let log_key = log_key.map(|place| SigningKey::open(place, &call.world.token_access())).transpose()?;
    let at = given::now()?;
    let trust = record.trust.judge(trust, at);
    let recording = Recording { trust: &trust, place: &place, least_checkpoint: record.least.file(), at };
    let request = EndRequest { id: id.clone(), action, reason, key: &key, keygen: &keygen, signatures };
    let mut document = answer::ExceptionEnded {
        id: id.clone(),
        action,
        entry: None,
        persons: Vec::new(),
        findings: Vec::new(),
        exit: Exit::Ok,
    };
    let (mut kept, mut needed) = (Ok(()), 0);
    match exception::end(&request, &recording, log_key)? {
        Ended::NeedsMore { persons, needed: of } => {
            document.persons = persons.iter().map(ToString::to_string).collect();
            needed = of;
        }
        Ended::Recorded { entry, persons, checkpoint } => {
            document.entry = Some(entry);
            document.persons = persons.iter().map(ToString::to_string).collect();
            kept = record.keep(&place, &checkpoint);
        }
    }
    if kept.is_err() {
        document.exit = document.exit.worse(Exit::Io);
    }
    let done = Done::answer(call.format, document.exit, verb, &document, || match document.entry {
        None => {
            let file = signatures.map_or_else(String::new, |path| path.display().to_string());
            format!(
                "{} of {needed} needed: {}\nnothing was recorded yet: have one more approver run this same command, with \
                 --signatures {file}; the last of them names the log's key with --log-key\n",
                document.persons.len(),
                document.persons.join(", ")
            )
        }
        Some(entry) => {
            let done = match action {
                EndAction::Revoke => "is revoked",
                EndAction::FollowUp => "is made up for",
            };
            let over = match action {
                EndAction::Revoke => "",
                EndAction::FollowUp => {
                    "it excepts nothing any more: what it let through stays promoted, and promoted once more it needs its reviews, or \
                     is refused and so taken back\n"
                }
            };
            let who = document.persons.join(", ");
            format!("exception {id} {done} since entry {entry}, signed by {who}\n{over}{}\n", record.kept(kept.is_ok()))
        }
    });
    Ok(record.after(done, kept))
}
