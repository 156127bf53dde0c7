//! `review watch`: what a forge delivers, kept and signed at once.

use super::super::{Answer, Call, given};
use super::collect::{Asking, Forge, Showing, client_settings};
use crate::render::{Done, Format};
use crate::world::{Clock, World};
use clap::Args;
use countersign_collect::forge::{Client, OnlineError, Place, Secret};
use countersign_core::exit::Exit;
use countersign_core::statement::change_review::ForgeKind;
use countersign_flow::output::{ReviewWatched, WatchOutcome};
use countersign_flow::review::watch::{Setup, Watcher, Whom};
use countersign_flow::{FlowError, output as answer};
use countersign_report::{output, text};
use countersign_sign::{KeyPlace, SigningKey};
use countersign_verify::webhook::Secrets;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Receive what a forge delivers, and sign it at once
///
/// Listens for the forge's webhook on /webhooks/github or /webhooks/gitlab. Each delivery has to prove that it is the
/// forge's; it is on the disk and in a signed journal before it is acknowledged. When a change has landed, the forge is asked
/// for what deliveries do not tell, and CHANGE.change-review.sigstore.json is signed, beside SHA256.capture. Whatever may
/// have been missed is in it, and lowers its tier. This verb speaks to the network, and goes on until it is told to stop.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign review watch github --repository https://github.com/team/service \\\n    \
                        --secret-file secret --token-file token --key collector.pem --state watch --output evidence"
)]
pub(super) struct Watch {
    /// The kind of forge
    #[arg(value_enum)]
    forge: Forge,
    /// The repository on the forge, by its uri or any usual address
    #[arg(long, value_name = "URI")]
    repository: String,
    /// Where to listen, by plain http: TLS belongs to a proxy in front
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Listen on an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,
    /// What was told so far. For this repository and this key alone, and its owner's alone
    #[arg(long, value_name = "DIR", default_value = "watch")]
    state: PathBuf,
    /// The collector's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// Where statements and answers go
    #[arg(long, value_name = "DIR", default_value = "reviews", visible_alias = "dir")]
    output: PathBuf,
    /// Ask the forge nothing: what deliveries do not tell stays unknown, and is said
    #[arg(long)]
    deliveries_only: bool,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    showing: Showing,
}

/// What deliveries are proved by.
#[derive(Debug, Args)]
#[command(next_help_heading = "The webhook's secret; two while it is exchanged")]
struct SecretArgs {
    /// A file with it, which only its owner can get at; may be given twice
    #[arg(long, value_name = "FILE")]
    secret_file: Vec<PathBuf>,
    /// The variable with it; may be given twice
    #[arg(long, value_name = "NAME")]
    secret_env: Vec<String>,
}

impl SecretArgs {
    fn read(&self, forge: ForgeKind, world: &World) -> Result<Secrets, FlowError> {
        let mut secrets = Vec::new();
        for path in &self.secret_file {
            secrets.push(Secret::load(path).map_err(OnlineError::from)?);
        }
        for name in &self.secret_env {
            let missing = || FlowError::Usage(format!("the variable {name} is not set"));
            let value = world.variable(name).ok_or_else(missing)?;
            secrets.push(Secret::of(value, name).map_err(OnlineError::from)?);
        }
        let texts: Vec<&str> = secrets.iter().map(Secret::reveal).collect();
        Secrets::new(forge, &texts).map_err(|error| FlowError::Usage(format!("--secret-file, --secret-env: {error}")))
    }
}

impl Watch {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        if !self.listen.ip().is_loopback() && !self.allow_remote {
            return Err(FlowError::Usage(format!(
                "--listen {}: other machines can reach this, and it is plain http. Put a proxy with TLS in front and listen \
                 on 127.0.0.1, or say --allow-remote",
                self.listen
            )));
        }
        let forge = self.forge.kind();
        let place = Place::new(forge, &self.repository, self.asking.api()).map_err(OnlineError::from)?;
        let whom = Whom {
            forge,
            host: place.host().to_owned(),
            path: place.path().to_owned(),
            repository: place.repository().clone(),
        };
        let setup = Setup {
            whom,
            state: self.state.clone(),
            output: self.output.clone(),
            key: SigningKey::open(&self.key, &call.world.token_access())?,
            secrets: self.secrets.read(forge, call.world)?,
            session: World::nonce().map_err(|error| FlowError::Usage(format!("no random bytes: {error}")))?,
        };
        let settings = client_settings(place, &self.asking, &self.showing, call.world)?;
        let now = given::now()?;
        // It lives as long as the process.
        let clock: &'static Clock = Box::leak(Box::new(Clock::starting_at(now)));
        let client = if self.deliveries_only { None } else { Some(Client::new(settings, clock)?) };
        let format = call.format;
        let watcher = Watcher::open(setup, Box::new(move |line| show(format, line)), now)?;
        countersign_serve::watch(&Arc::new(watcher), self.listen, client, clock)?;
        Ok(Done::text(Exit::Ok, ""))
    }
}

/// One line for each thing that happens: for people beside the data, for programs as the data. A reader that has left does
/// not end the watching.
fn show(format: Format, line: &ReviewWatched) {
    let _left = match format {
        Format::Text => std::io::stderr().write_all(words(line).as_bytes()),
        Format::Json => output::line("review-watch", line)
            .map_err(std::io::Error::other)
            .and_then(|json| std::io::stdout().write_all(json.as_bytes()).and_then(|()| std::io::stdout().flush())),
    };
}

fn words(line: &ReviewWatched) -> String {
    let mut out = format!("{}  {}", line.at, done(line.outcome));
    if let Some(change) = line.change {
        out.push_str(&format!("  #{change}"));
    }
    for word in [&line.event, &line.detail, &line.delivery].into_iter().flatten() {
        out.push_str(&format!("  {}", text::plain(word)));
    }
    if let Some(row) = &line.written {
        out.push_str(&format!("  {}", written(row)));
    }
    out.push('\n');
    if let Some(row) = &line.written {
        for gap in &row.gaps {
            out.push_str(&format!("    gap: {}\n", text::plain(gap)));
        }
        for shortfall in &row.shortfalls {
            out.push_str(&super::collect::shortfall_line(shortfall));
        }
    }
    out
}

fn written(row: &answer::CollectedChange) -> String {
    match &row.statement {
        Some(path) if row.gaps.is_empty() => format!("seen as it happened  {path}"),
        Some(path) => format!("not all of it was seen as it happened, so T1  {path}"),
        None => String::new(),
    }
}

const fn done(outcome: WatchOutcome) -> &'static str {
    match outcome {
        WatchOutcome::Listening => "listening",
        WatchOutcome::Repaired => "repaired",
        WatchOutcome::Kept => "kept",
        WatchOutcome::Had => "had already",
        WatchOutcome::Ignored => "ignored",
        WatchOutcome::NotProved => "REFUSED, not proved to be the forge's",
        WatchOutcome::Altered => "REFUSED, replayed with other contents",
        WatchOutcome::Elsewhere => "REFUSED, about another repository",
        WatchOutcome::Missed => "REFUSED, cannot be read",
        WatchOutcome::Refused => "REFUSED",
        WatchOutcome::Signed => "signed",
        WatchOutcome::Waiting => "waiting",
        WatchOutcome::Failed => "FAILED, no statement",
        WatchOutcome::Stopped => "stopped",
    }
}
