//! `policy`: releases that people approve, and that the log makes active.

mod author;
mod backtest;
mod between;
mod docs;
mod lock;
mod new;
mod rollout;

use super::given::{self, Kept, LeastArgs, OutsideDigest, StoreArgs, TrustArgs};
use super::{Answer, Call};
use crate::render::Done;
use clap::{Args, Subcommand};
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::exit_of;
use countersign_core::ids::{EnvName, PersonId, RuleId};
use countersign_core::limits;
use countersign_core::policy::Stage;
use countersign_flow::outside::TrustFile;
use countersign_flow::place::StoreBlobs;
use countersign_flow::policy::{self, ActivateRequest, Activation};
use countersign_flow::{FlowError, files, keep, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_sign::{KeyPlace, SigningKey};
use countersign_verify::LogState;
use countersign_verify::policy::{Activated, approvals};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Write, test, build, approve and activate policy releases
#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    New(new::New),
    Lint(author::Lint),
    Test(author::Test),
    Eval(author::Eval),
    Explain(author::Explain),
    Docs(docs::Docs),
    Build(Build),
    Diff(between::Diff),
    Export(between::Export),
    Backtest(Box<backtest::Backtest>),
    Label(backtest::Label),
    Labels(backtest::Labels),
    Approve(Approve),
    Activate(Box<Activate>),
    History(History),
    Lock(lock::Lock),
    Stages(rollout::Stages),
    Adjudicate(rollout::Adjudicate),
}

/// Close a policy folder into a manifest with a digest
///
/// Everything in the folder is part of the release: rules, parameters, stages, and every file by its digest. The cases of its
/// own rules are played first: with one that fails, or a rule without cases both ways, nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign policy build policy/ --output policy.manifest.json")]
struct Build {
    /// The folder with policy.toml
    folder: PathBuf,
    /// The manifest: outside of the folder
    #[arg(long, value_name = "FILE", default_value = "policy.manifest.json")]
    output: PathBuf,
}

/// Add your approval to a release
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy approve policy.manifest.json --key ~/.ssh/id_ed25519 --output policy.sigstore.json"
)]
struct Approve {
    /// The manifest
    manifest: PathBuf,
    #[command(flatten)]
    by: given::PersonArgs,
    /// The approved release: one approval a line
    #[arg(long, value_name = "FILE", default_value = "policy.sigstore.json")]
    output: PathBuf,
    /// A backtest's report of this release that you have read: your signature covers its digest
    #[arg(long, value_name = "FILE")]
    backtest: Option<PathBuf>,
    /// A trust document: the key then has to be a policy approver's
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Its digest, from outside
    #[arg(long, value_name = "sha256:…", env = crate::variables::TRUST_DIGEST, value_parser = OutsideDigest::parse)]
    trust_digest: Option<OutsideDigest>,
}

/// Make an approved release the active one for an environment
///
/// Signed by an approver, and recorded in the log. A return to an older version needs a reason and a quorum of its own:
/// name the same --activation file in each approver's run. So does a rule that moves up to warn or enforce without the
/// measurement that is asked for; `policy stages` shows how far that has come.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy activate policy.sigstore.json --environment production --key ~/.ssh/id_ed25519 \\\n    \
                        --log-key log.pem --trust trust.sigstore.json --trust-digest sha256:… --least-checkpoint checkpoint"
)]
struct Activate {
    /// The approved release
    release: PathBuf,
    /// Where it is to be active
    #[arg(long, value_name = "NAME")]
    environment: EnvName,
    #[command(flatten)]
    by: given::PersonArgs,
    /// The log's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    log_key: KeyPlace,
    /// Why; needed for a return to an older version, and with --override
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A rule that moves up without its measurement, or goes without its successor
    #[arg(long = "override", value_name = "RULE", requires_all = ["reason", "activation"])]
    overrides: Vec<RuleId>,
    /// Labels of what rules found, signed by two approvers with `policy adjudicate`
    #[arg(long, value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// Where approvers collect their signatures, if several have to sign
    #[arg(long, value_name = "FILE")]
    activation: Option<PathBuf>,
    /// The backtest's report that the approvals name: it is kept in the evidence store
    #[arg(long, value_name = "FILE")]
    backtest: Option<PathBuf>,
    /// The policy's folder: the files with tests that the release closes are kept in the evidence store
    #[arg(long, value_name = "FOLDER")]
    tests: Option<PathBuf>,
    /// The lock file that is to expect this release
    #[arg(long, value_name = "FILE", default_value = "countersign.lock")]
    lock: PathBuf,
    /// Where to keep the new checkpoint: elsewhere than the store
    #[arg(long, value_name = "FILE")]
    checkpoint_output: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
}

/// List every activation in the log
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy history --store .countersign --trust trust.sigstore.json --trust-digest sha256:…"
)]
struct History {
    /// One environment
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvName>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl Policy {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::New(verb) => verb.run(call),
            Verb::Lint(verb) => verb.run(call),
            Verb::Test(verb) => verb.run(call),
            Verb::Eval(verb) => verb.run(call),
            Verb::Explain(verb) => verb.run(call),
            Verb::Docs(verb) => verb.run(call),
            Verb::Build(verb) => verb.run(call),
            Verb::Diff(verb) => verb.run(call),
            Verb::Export(verb) => verb.run(call),
            Verb::Backtest(verb) => verb.run(call),
            Verb::Label(verb) => verb.run(call),
            Verb::Labels(verb) => verb.run(call),
            Verb::Approve(verb) => verb.run(call),
            Verb::Activate(verb) => verb.run(call),
            Verb::History(verb) => verb.run(call),
            Verb::Lock(verb) => verb.run(call),
            Verb::Stages(verb) => verb.run(call),
            Verb::Adjudicate(verb) => verb.run(call),
        }
    }

    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Docs(verb) => verb.not_done(),
            Verb::Lint(_) => "nothing was checked",
            Verb::Test(_) => "nothing was tested",
            Verb::Backtest(_) => "no report was made",
            Verb::Label(_) => "nothing was signed",
            Verb::Labels(_) => "nothing was counted",
            Verb::Eval(_) => "nothing was evaluated",
            Verb::Explain(_) | Verb::History(_) | Verb::Diff(_) | Verb::Stages(_) => "nothing was shown",
            Verb::New(_)
            | Verb::Build(_)
            | Verb::Export(_)
            | Verb::Approve(_)
            | Verb::Lock(_)
            | Verb::Adjudicate(_) => "nothing was written",
            Verb::Activate(_) => "nothing was recorded",
        }
    }
}

impl Build {
    fn run(&self, call: &Call<'_>) -> Answer {
        let manifest = policy::build_tested(&self.folder)?;
        write_atomic(&self.output, &manifest.to_bytes()?, 0o644)?;
        let document =
            answer::PolicyBuilt { output: self.output.display().to_string(), digest: manifest.digest()?, manifest };
        Ok(Done::answer(call.format, Exit::Ok, "policy-build", &document, || words(&document)))
    }
}

fn words(built: &answer::PolicyBuilt) -> String {
    let manifest = &built.manifest;
    let environments: Vec<String> = manifest.environments.keys().map(ToString::to_string).collect();
    let heading: Vec<&str> = std::iter::once("rule").chain(environments.iter().map(String::as_str)).collect();
    let rows: Vec<Vec<String>> = manifest
        .rules
        .iter()
        .map(|rule| {
            let plan = |e| rule.stages.get(e).map_or_else(|| Stage::Off.to_string(), ToString::to_string);
            let stages = manifest.environments.keys().map(plan);
            std::iter::once(rule.id.to_string()).chain(stages).collect()
        })
        .collect();
    format!(
        "{}: {}@{}, {} file(s)\n{}\n\n{}",
        built.output,
        manifest.uri,
        manifest.version,
        manifest.files.len(),
        built.digest,
        text::table(&heading, &rows)
    )
}

impl Approve {
    fn run(&self, call: &Call<'_>) -> Answer {
        let by = self.by.open(call)?;
        let at = given::now()?;
        let trust = match &self.trust {
            None => None,
            Some(path) => Some(TrustFile::read(path, self.trust_digest.and_then(OutsideDigest::given), at)?),
        };
        if let Some(trust) = &trust
            && !trust.outcome.findings.is_empty()
        {
            return Err(FlowError::Refused(trust.outcome.findings.clone()));
        }
        let trust = trust.as_ref().and_then(|t| t.outcome.trust.as_ref()).map(countersign_verify::VerifiedTrust::trust);
        let (manifest, signed) =
            policy::approve(&self.manifest, &self.output, by.by(), trust, self.backtest.as_deref())?;
        write_atomic(&self.output, &signed.bytes, 0o644)?;
        let place = self.output.display().to_string();
        let at = signed.judged_at(at);
        let approvals = trust.map(|trust| approvals(&signed.bytes, trust, at, &place)).transpose();
        let approvals = approvals.map_err(FlowError::Refused)?;
        let names = |persons: &BTreeSet<PersonId>| persons.iter().map(ToString::to_string).collect();
        let document = answer::PolicyApproved {
            output: self.output.display().to_string(),
            digest: manifest.digest()?,
            version: manifest.version,
            added: signed.added,
            keys: signed.keys,
            persons: approvals.as_ref().map(|(persons, _)| names(persons)),
            needed: approvals.as_ref().map(|(_, needed)| *needed),
            backtest: self
                .backtest
                .as_deref()
                .map(|path| files::read(path, limits::DOCUMENT_BYTES))
                .transpose()?
                .map(|bytes| Sha256::of(&bytes)),
        };
        Ok(Done::answer(call.format, Exit::Ok, "policy-approve", &document, || {
            let again = if document.added { "" } else { "already signed by this key: nothing was added\n" };
            let who = match (&document.persons, document.needed) {
                (Some(persons), Some(needed)) => {
                    format!("{} of {needed} needed: {}", persons.len(), persons.join(", "))
                }
                _ => format!("signed by {} key(s); with --trust it is said whose they are", document.keys),
            };
            format!(
                "{again}{}: approval of release {}\n{}\n{who}\n",
                document.output, document.version, document.digest
            )
        }))
    }
}

impl Activate {
    fn run(&self, call: &Call<'_>) -> Answer {
        let trust = self.trust.bytes()?;
        let by = self.by.open(call)?;
        let log_key = SigningKey::open(&self.log_key, &call.world.token_access())?;
        let least = self.least.file();
        let place = self.store.place_to_write(Kept { least, output: self.checkpoint_output.as_deref() }, call)?;
        keep::may_replace(self.checkpoint_output.as_deref(), &[&place])?;
        let at = given::now()?;
        let trust = self.trust.judge(trust, at);
        let request = ActivateRequest {
            release: &self.release,
            environment: self.environment.clone(),
            by: by.by(),
            trust: &trust,
            place: &place,
            least_checkpoint: least,
            reason: self.reason.as_deref(),
            overrides: &self.overrides.iter().cloned().collect(),
            labels: &self.labels,
            activation: self.activation.as_deref(),
            backtest: self.backtest.as_deref(),
            tests: self.tests.as_deref(),
            lock: &self.lock,
            at,
        };
        let outcome = policy::activate(&request, log_key)?;
        let mut document = answer::PolicyActivated {
            environment: self.environment.clone(),
            active: false,
            entry: None,
            version: None,
            digest: None,
            backtest: None,
            lock: self.lock.display().to_string(),
            risen: Vec::new(),
            findings: Vec::new(),
            exit: Exit::Ok,
        };
        let (mut kept, mut locked) = (Ok(()), Ok(()));
        match outcome {
            Activation::NeedsMore { findings, .. } => {
                document.exit = exit_of(&findings);
                document.findings = findings;
            }
            Activation::Active { activated, checkpoint, locked: written, notes } => {
                document.findings = notes;
                let reference = activated.release.reference();
                document.active = true;
                (document.entry, document.version) = (Some(activated.entry), Some(reference.version));
                document.digest = Some(reference.digest);
                document.risen = policy::risen(&activated);
                document.backtest = activated.release.backtest().copied();
                kept = keep::replace(self.checkpoint_output.as_deref(), &[&place], &checkpoint);
                locked = written;
            }
        }
        if kept.is_err() || locked.is_err() {
            document.exit = document.exit.worse(Exit::Io);
        }
        let lock = format!("`countersign policy lock --environment {}` writes it from the log", document.environment);
        let words = || self.words(&document, kept.is_ok(), locked.is_ok());
        let done = Done::answer(call.format, document.exit, "policy-activate", &document, words);
        let done = done.after(kept, self.checkpoint_output.as_deref(), &self.store.keep_elsewhere());
        Ok(done.after(locked, Some(&self.lock), &lock))
    }

    fn words(&self, document: &answer::PolicyActivated, kept: bool, locked: bool) -> String {
        let (Some(entry), Some(version), Some(digest)) = (document.entry, document.version, document.digest) else {
            let found = text::findings(&document.findings);
            return format!("{found}nothing was recorded: the activation waits for more approvers\n");
        };
        let backtest = document.backtest.map_or_else(String::new, |report| {
            format!("its approvers had the backtest's report {report} before them; it is kept in the store\n")
        });
        let keep = match &self.checkpoint_output {
            Some(path) if kept => {
                format!("{}: the log's new checkpoint; keep it elsewhere than the store", path.display())
            }
            _ => self.store.keep_elsewhere(),
        };
        let lock = if locked { format!("{}: expects it from now on\n", document.lock) } else { String::new() };
        format!(
            "release {version} is active for {} since entry {entry}\n{digest}\n{backtest}{}{lock}{keep}\n{}",
            document.environment,
            rollout::moved(&document.risen),
            text::findings(&document.findings)
        )
    }
}

impl History {
    fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let trust = self.trust.read(at)?;
        let mut findings = trust.outcome.findings.clone();
        let mut activations = Vec::new();
        if let Some(verified) = &trust.outcome.trust {
            let place = self.store.place(call)?;
            let (checkpoint, entries) = place.read_log()?;
            let blobs = StoreBlobs::new(place.store());
            let opened = LogState::open(&checkpoint, &entries, verified, &blobs, at);
            findings.extend(opened.findings);
            if let Some(state) = &opened.state {
                findings.extend(state.faults().map(|(_, finding)| finding.clone()));
                activations = policy::history(state, self.environment.as_ref()).iter().map(|a| row(a, state)).collect();
            }
            blobs.finish()?;
            if let Some(environment) = self.environment.as_ref().filter(|_| activations.is_empty()) {
                findings.extend(policy::unknown_environment(environment, verified.trust()));
            }
        }
        let document = answer::PolicyHistory { exit: exit_of(&findings), activations, findings };
        Ok(Done::answer(call.format, document.exit, "policy-history", &document, || {
            let cells = |row: &answer::ActivationRow| {
                vec![
                    row.log.as_ref().map_or_else(|| row.entry.to_string(), |log| format!("{log} {}", row.entry)),
                    row.time.to_string(),
                    row.environment.to_string(),
                    format!("{}{}", row.version, if row.active { " (active)" } else { "" }),
                    row.digest.to_string(),
                    row.approvers.join(", "),
                    row.activators.join(", "),
                    row.backtest.map_or_else(String::new, |report| report.to_string()),
                    row.reason.clone().unwrap_or_default(),
                ]
            };
            let heading = [
                "entry",
                "time",
                "environment",
                "version",
                "digest",
                "approved by",
                "activated by",
                "backtest",
                "reason",
            ];
            let rows: Vec<_> = document.activations.iter().map(cells).collect();
            let moved = |row: &answer::ActivationRow| match rollout::moved(&row.risen)
                + &rollout::overridden(&row.overrides, &row.risen)
            {
                moved if moved.is_empty() => String::new(),
                moved => format!("\nwith entry {}:\n{moved}", row.entry),
            };
            let moved: String = document.activations.iter().map(moved).collect();
            format!("{}{moved}{}", text::table(&heading, &rows), text::findings(&document.findings))
        }))
    }
}

fn row(activated: &Activated, state: &LogState) -> answer::ActivationRow {
    let environment = &activated.activation.environment;
    let names = |ids: &BTreeSet<PersonId>| ids.iter().map(ToString::to_string).collect();
    answer::ActivationRow {
        entry: activated.entry,
        log: activated.log.clone(),
        time: activated.time,
        environment: environment.clone(),
        version: activated.release.reference().version,
        digest: activated.release.reference().digest,
        approvers: names(activated.release.approvers()),
        activators: names(&activated.activators),
        reason: activated.activation.reason.clone(),
        overrides: activated.activation.overrides.iter().cloned().collect(),
        risen: policy::risen(activated),
        backtest: activated.release.backtest().copied(),
        active: state.now().active(environment).is_some_and(|active| active.is_same(activated)),
    }
}
