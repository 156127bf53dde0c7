//! The command line: one file a verb. A verb reads its arguments, calls a use case, and renders what comes back.

mod audit;
mod collect;
mod conformance;
mod controls;
mod demo;
mod evidence;
mod exception;
mod explain;
mod given;
pub(crate) mod help;
mod log;
mod outputs;
mod policy;
mod promote;
mod provenance;
mod registry;
mod reports;
mod review;
mod sbom;
mod sign;
mod trust;
mod verify;
#[cfg(feature = "serve")]
mod witness;

use crate::render::{Done, Format};
use crate::world::World;
use clap::{Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use countersign_core::exit::Exit;
use countersign_flow::elsewhere::{self, StoreName};
use countersign_flow::{FlowError, output};
use countersign_record::log::LogError;
use countersign_record::remote::WorkingCopy;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const GROUPS: &str = "\
{about-with-newline}
{usage-heading} {usage}

Build:
  sbom         Write, judge, ask, compare and merge SBOMs, and hold them against advisories
  provenance   Run a build and write its provenance
  collect      Turn files, plans, scans and what other tools found into statements
  sign         Sign a statement into a Sigstore bundle
  attach       Attach bundles to an image in an OCI registry
  fetch        Fetch the bundles that are attached to an image

Review:
  review       Sign and share reviews, and prove that they cover a range of commits

Gate:
  verify       Verify an artifact against its bundles, or that a digest was promoted
  policy       Write, test, build, approve and activate policy releases
  exception    Ask for, approve, record, end and list exceptions from rules
  promote      Decide whether an artifact may go to an environment, and record the decision

Audit:
  log          Make, check and read the append-only log
  witness      Cosign other logs' checkpoints, as a server
  audit        Pack the record into one file, and prove it all again from that file
  controls     List controls, and show how far the record shows them
  evidence     Record what people attest; check and erase what the store has

Set up:
  key          Make a key pair, or show a public key
  trust        Write, sign and look at the trust document
  explain      Explain a finding's code, a rule, or the exit codes
  completions  Print the completions of a shell
  demo         Watch all of it happen in a temporary folder

Options:
{options}
{after-help}";

/// May this artifact go to this environment? Answered with proof.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, help_template = GROUPS, disable_help_subcommand = true, infer_subcommands = false)]
#[command(
    after_help = "`countersign VERB --help` shows a verb with an example. Exit codes: `countersign explain exit-codes`."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    root: Root,
    #[command(subcommand)]
    verb: Verb,
    /// The same as paths
    #[arg(skip)]
    named: outputs::Named,
}

/// What every verb takes.
#[derive(Debug, Args)]
struct Root {
    /// Text for people, or one JSON document for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The verbs. A new one gets a line here, a file beside this one, and a line in the groups above.
#[derive(Debug, Subcommand)]
enum Verb {
    Sbom(Box<sbom::Sbom>),
    Provenance(provenance::Provenance),
    Collect(collect::Collect),
    Sign(sign::Sign),
    Attach(registry::Attach),
    Fetch(registry::Fetch),
    Review(review::Review),
    Verify(Box<verify::Verify>),
    Policy(policy::Policy),
    Exception(exception::ExceptionVerb),
    #[command(visible_alias = "gate")]
    Promote(Box<promote::Promote>),
    Log(log::Log),
    #[cfg(feature = "serve")]
    Witness(witness::WitnessVerb),
    Audit(audit::Audit),
    Controls(controls::Controls),
    Evidence(evidence::Evidence),
    Key(sign::Key),
    Trust(trust::Trust),
    Explain(explain::Explain),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    Demo(demo::Demo),
    #[command(hide = true)]
    Conformance(conformance::Conformance),
}

/// The form that a command line asks for, also one that does not parse.
pub(crate) fn format_of(arguments: &[OsString]) -> Format {
    let words: Vec<&str> = arguments.iter().map_while(|word| word.to_str().filter(|word| *word != "--")).collect();
    let apart = words.windows(2).any(|pair| pair == ["--format", "json"]);
    if apart || words.contains(&"--format=json") { Format::Json } else { Format::Text }
}

impl Cli {
    /// Reads the command line. To describe all verbs takes longer than to verify a bundle, so where a verb comes first
    /// that one alone is described; what does not parse by it is read again by the whole, which has the better words.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let named = arguments.get(1).and_then(|verb| verb.to_str()).and_then(Verb::alone);
        let read = named.and_then(|verb| {
            let whole = Root::augment_args(Command::new("countersign")).subcommand(verb);
            Self::of(whole, arguments).ok()
        });
        read.map_or_else(|| Self::of(Self::command(), arguments), Ok)
    }

    fn of(mut command: Command, arguments: &[OsString]) -> Result<Self, clap::Error> {
        let matches = command.try_get_matches_from_mut(arguments)?;
        let mut read = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        read.named = outputs::Named::of(&command, &matches);
        Ok(read)
    }

    /// Runs the verb to its end.
    pub(crate) fn run(&self, world: &World) -> Done {
        if let Err(error) = self.named.apart() {
            return Done::failed(self.root.format, &error, WRITTEN);
        }
        let call = Call {
            world,
            line: &self.named,
            format: self.root.format,
            copies: RefCell::default(),
            given: RefCell::default(),
        };
        let mut not_done = WRITTEN;
        let result = attempts(|| {
            let (result, nothing) = self.once(&call);
            not_done = nothing;
            result
        });
        let done = result.unwrap_or_else(|error| Done::failed(self.root.format, &call.named(error), not_done));
        if self.named.takes_standard_output() { done.beside() } else { done }
    }

    /// The verb's answer, and what was not done where there is none.
    fn once(&self, call: &Call<'_>) -> (Answer, &'static str) {
        match &self.verb {
            Verb::Sbom(verb) => (verb.run(call), verb.not_done()),
            Verb::Provenance(verb) => (verb.run(call), WRITTEN),
            Verb::Collect(verb) => (verb.run(call), verb.not_done()),
            Verb::Sign(verb) => (verb.run(call), WRITTEN),
            Verb::Attach(verb) => (verb.run(call), "nothing more was attached"),
            Verb::Fetch(verb) => (verb.run(call), WRITTEN),
            Verb::Review(verb) => (verb.run(call), verb.not_done()),
            Verb::Verify(verb) => (verb.run(call), "nothing was verified"),
            Verb::Policy(verb) => (verb.run(call), verb.not_done()),
            Verb::Exception(verb) => (verb.run(call), verb.not_done()),
            Verb::Promote(verb) => (verb.run(call), "nothing was authorised"),
            Verb::Log(verb) => (verb.run(call), verb.not_done()),
            #[cfg(feature = "serve")]
            Verb::Witness(verb) => (verb.run(call), "nothing was cosigned"),
            Verb::Audit(verb) => (verb.run(call), verb.not_done()),
            Verb::Controls(verb) => (verb.run(call), "nothing was shown"),
            Verb::Evidence(verb) => (verb.run(call), verb.not_done()),
            Verb::Key(verb) => (verb.run(call), verb.not_done()),
            Verb::Trust(verb) => (verb.run(call), verb.not_done()),
            Verb::Explain(verb) => (verb.run(call), "nothing was explained"),
            Verb::Completions { shell } => (Ok(completions(call, *shell)), WRITTEN),
            Verb::Demo(verb) => (verb.run(call), "the demo did not come to its end"),
            Verb::Conformance(verb) => (verb.run(call), "the bundle was not accepted"),
        }
    }
}

impl Verb {
    /// The command line of one verb, for those that are run thousands of times.
    fn alone(name: &str) -> Option<Command> {
        match name {
            "verify" => Some(verify::Verify::augment_args(Command::new("verify"))),
            "promote" => Some(promote::Promote::augment_args(Command::new("promote"))),
            "sign" => Some(sign::Sign::augment_args(Command::new("sign"))),
            "conformance" => Some(conformance::Conformance::augment_args(Command::new("conformance"))),
            _ => None,
        }
    }
}

const WRITTEN: &str = "nothing was written";

fn completions(call: &Call<'_>, shell: clap_complete::Shell) -> Done {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "countersign", &mut out);
    let script = String::from_utf8_lossy(&out).into_owned();
    let document = output::Completions { shell: shell.to_string(), script };
    Done::answer(call.format, Exit::Ok, "completions", &document, || document.script.clone())
}

/// What every verb gets beside its own arguments.
pub(crate) struct Call<'w> {
    /// The world.
    pub world: &'w World,
    /// What the command line names.
    pub line: &'w outputs::Named,
    /// The form of the answer.
    pub format: Format,
    /// Working copies of stores that lie elsewhere, by name.
    pub copies: RefCell<BTreeMap<String, Arc<WorkingCopy>>>,
    /// What was read of pipes that give it only once, by path.
    pub given: RefCell<BTreeMap<PathBuf, Vec<u8>>>,
}

impl Call<'_> {
    /// A working copy of a store that lies elsewhere, as that is now.
    pub(crate) fn copy_of(&self, name: &StoreName) -> Result<Arc<WorkingCopy>, FlowError> {
        if let Some(copy) = self.copies.borrow().get(&name.to_string()) {
            copy.refresh()?;
            return Ok(Arc::clone(copy));
        }
        let writer = World::nonce().map_err(|error| FlowError::Usage(format!("random bytes: {error}")))?;
        let copy = elsewhere::working_copy(name, self.world.environment(), &writer)?;
        let copy = copy.ok_or_else(|| FlowError::Usage(format!("{name} is a folder")))?;
        self.copies.borrow_mut().insert(name.to_string(), Arc::clone(&copy));
        Ok(copy)
    }

    /// A working copy is named by the store that it is of: its own folder is gone when anybody looks.
    /// A file that is not there is named by the option that gave its path.
    pub(crate) fn named(&self, error: FlowError) -> FlowError {
        let name = |path: &Path| {
            let copies = self.copies.borrow();
            let of = |copy: &Arc<WorkingCopy>| {
                let below = path.strip_prefix(copy.folder()).ok()?;
                Some(PathBuf::from(format!("{}, {}", copy.name(), below.display())))
            };
            copies.values().find_map(of)
        };
        if let FlowError::Log(LogError::Missing { path }) = error {
            return LogError::Missing { path: name(&path).unwrap_or(path) }.into();
        }
        if let FlowError::Log(LogError::Exists { folder, found }) = error {
            return LogError::Exists { folder: name(&folder).unwrap_or(folder), found }.into();
        }
        if let FlowError::Read { path, source } = error {
            // An error is named once, however many have it in hand.
            let there = source.kind() != std::io::ErrorKind::NotFound || source.get_ref().is_some();
            let source = match self.named_by(&path).filter(|_| !there) {
                Some(name) => std::io::Error::new(source.kind(), format!("{source}; {name}")),
                None => source,
            };
            return FlowError::Read { path, source };
        }
        error
    }

    /// Which option or variable names a file, for the error that it is not there.
    fn named_by(&self, path: &Path) -> Option<String> {
        const ROOTS: &str = "--trusted-root";
        let words: Vec<OsString> = std::env::args_os().collect();
        let option = words.iter().enumerate().find_map(|(place, word)| {
            if word == path.as_os_str() {
                let before = words.get(place.checked_sub(1)?)?.to_str()?;
                return before.starts_with("--").then(|| before.to_owned());
            }
            let (name, value) = word.to_str()?.split_once('=')?;
            (name.starts_with("--") && Path::new(value) == path).then(|| name.to_owned())
        });
        if let Some(option) = option {
            let known = if option == ROOTS { ", which takes a file, or public-good, github or staging" } else { "" };
            return Some(format!("it is given by {option}{known}"));
        }
        let least = self.world.variable(crate::variables::LEAST_CHECKPOINT)?;
        (Path::new(least) == path).then(|| format!("it is given by {}", crate::variables::LEAST_CHECKPOINT))
    }

    /// Tells a person something before the answer, beside it.
    #[expect(clippy::print_stderr, reason = "what is about to be signed is shown before the key is asked")]
    pub(crate) fn tell(&self, text: &str) {
        if self.format == Format::Text {
            eprint!("{text}");
        }
    }

    /// Whether a person watches, so that a long run says how far it has come.
    pub(crate) fn is_watched(&self) -> bool {
        self.format == Format::Text && std::io::stderr().is_terminal()
    }

    /// Says how far a long run has come.
    #[expect(clippy::print_stderr, reason = "only where a person watches, and beside the answer")]
    pub(crate) fn progress(text: &str) {
        eprint!("{text}");
    }

    /// Asks the person at the terminal. Where there is none, whoever gave the command has said so already.
    #[expect(clippy::print_stderr, reason = "the question goes where what it is about was shown")]
    pub(crate) fn agrees(&self, question: &str) -> bool {
        let (input, shown) = (std::io::stdin(), std::io::stderr());
        if self.format != Format::Text || !input.is_terminal() || !shown.is_terminal() {
            return true;
        }
        eprint!("{question} [y/N] ");
        let mut said = String::new();
        let read = input.lock().take(ANSWER).read_line(&mut said);
        read.is_ok() && matches!(said.trim(), "y" | "Y" | "yes" | "Yes" | "YES")
    }
}

/// Runs something that appends to a store. Where another writer is at it or was faster, everything is read and decided again,
/// after a while of which nobody else has the same.
pub(crate) fn attempts<T>(mut run: impl FnMut() -> Result<T, FlowError>) -> Result<T, FlowError> {
    let mut longest = PAUSE;
    for _ in 1..ATTEMPTS {
        match run() {
            Err(FlowError::Log(LogError::Outrun { .. } | LogError::InUse { .. })) => {
                std::thread::sleep(World::part_of(longest));
                longest = longest.saturating_mul(2).min(LONGEST_PAUSE);
            }
            other => return other,
        }
    }
    run()
}

/// How often something is begun again because other writers were faster.
const ATTEMPTS: u32 = 24;
/// The longest pause before the second attempt; the next ones are up to twice as long each.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause there is.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The most of an answer that is read.
const ANSWER: u64 = 64;

/// What a verb gives back.
pub(crate) type Answer = Result<Done, FlowError>;
