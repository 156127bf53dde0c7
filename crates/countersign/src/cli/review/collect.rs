//! `review collect`: what a forge recorded of changes, signed by a collector.

use super::super::{Answer, Call, given};
use crate::render::Done;
use crate::variables;
use crate::world::{Clock, World};
use clap::{Args, ValueEnum};
use countersign_collect::forge::{App, Client, Credential, OnlineError, Place, Secret, SecretError, Settings};
use countersign_core::ids::RefName;
use countersign_core::statement::change_review::{ChangeState, ForgeKind, Part, Shortfall};
use countersign_flow::review::{CollectRequest, Reading, Which, collect};
use countersign_flow::{FlowError, output as answer};
use countersign_report::text;
use countersign_sign::{KeyPlace, SigningKey};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Read what a forge recorded of changes, and sign it
///
/// Asks the forge for everything that the proof needs of each change, page by page, and keeps every answer as it came.
/// What cannot be read is named, each alone: unknown is not zero. A statement, CHANGE.change-review.sigstore.json, names
/// its answers, SHA256.capture, by digest. This verb speaks to the network. Exit 3 if no proof can do
/// without what is missing; what tells of the branch's rules alone is noted, and decides where rules are asked for.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign review collect github v1.0..main --repository https://github.com/team/service \\\n    \
                        --key collector.pem\n  \
                        countersign review collect gitlab --change 7 --repository https://git.example.com/team/service \\\n    \
                        --ca company.pem --token-file token --key collector.pem --dir evidence"
)]
pub(super) struct Collect {
    /// The kind of forge
    #[arg(value_enum)]
    forge: Forge,
    /// The changes with which START..CANDIDATE landed on the branch
    #[arg(value_name = "START..CANDIDATE", required_unless_present = "change", conflicts_with = "change")]
    range: Option<String>,
    /// A change by its number; may be given several times
    #[arg(long, value_name = "NUMBER")]
    change: Vec<u64>,
    /// The repository on the forge, by its uri or any usual address
    #[arg(long, value_name = "URI")]
    repository: String,
    /// The repository on disk, for a range
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// The branch
    #[arg(long, value_name = "REF", default_value = "refs/heads/main")]
    target: RefName,
    /// The collector's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// Where statements and answers go
    #[arg(long, value_name = "DIR", default_value = "reviews")]
    dir: PathBuf,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    showing: Showing,
}

/// How the forge is asked.
#[derive(Debug, Args)]
#[command(next_help_heading = "Forge")]
pub(super) struct Asking {
    /// The address of its API, where that is not the usual one for the host
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// Believe these authorities, and no others: certificates in PEM form
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Keep answers here, and ask whether they are still the same
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Requests in one minute, at most
    #[arg(long, value_name = "N", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Requests at one time, at most
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    parallel: u32,
    /// Seconds to wait in all where the forge asks for patience
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    max_wait: u32,
}

/// What the forge is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Credentials, which are never given on the command line")]
pub(super) struct Showing {
    /// A file with the token, which only its owner can get at
    #[arg(long, value_name = "FILE", conflicts_with = "token_env")]
    token_file: Option<PathBuf>,
    /// The variable with the token, where it is not the usual one: `GITHUB_TOKEN`, `GITLAB_TOKEN` or `CI_JOB_TOKEN`
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// What kind of token
    #[arg(long, value_enum)]
    token_kind: Option<TokenKind>,
    /// A GitHub App, by its number or client id
    #[arg(long, value_name = "ID", requires = "app_key", conflicts_with_all = ["token_file", "token_env", "token_kind"])]
    app_id: Option<String>,
    /// The app's key, as GitHub made it
    #[arg(long, value_name = "FILE", requires = "app_id")]
    app_key: Option<PathBuf>,
    /// The app's installation; the repository's where none is named
    #[arg(long, value_name = "NUMBER", requires = "app_id")]
    app_installation: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Forge {
    /// GitHub, or GitHub Enterprise
    Github,
    /// GitLab
    Gitlab,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TokenKind {
    /// GitHub's tokens, and GitLab's for `OAuth`
    Bearer,
    /// GitLab's personal, group and project tokens
    Private,
    /// GitLab's token of a CI job
    Job,
}

impl Collect {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let place = Place::new(self.forge.kind(), &self.repository, self.asking.api()).map_err(OnlineError::from)?;
        let key = SigningKey::open(&self.key, &call.world.token_access())?;
        let settings = client_settings(place, &self.asking, &self.showing, call.world)?;
        let clock = Clock::starting_at(given::now()?);
        let client = Client::new(settings, &clock)?;
        std::fs::create_dir_all(&self.dir).map_err(|source| FlowError::Read { path: self.dir.clone(), source })?;
        let which = match self.range.as_deref().map(|range| range.split_once("..")) {
            None => Which::Numbers(&self.change),
            Some(Some((start, candidate))) if !start.is_empty() && !candidate.is_empty() => {
                Which::Range { repo: &self.repo, start, candidate, programs: call.world.environment() }
            }
            Some(_) => {
                let range = self.range.as_deref().unwrap_or_default();
                return Err(FlowError::Usage(format!("`{range}` has not the form START..CANDIDATE")));
            }
        };
        let document = collect(&CollectRequest {
            client: &client,
            which,
            target: &self.target,
            key: &key,
            dir: &self.dir,
            reading: Reading::default(),
        })?;
        Ok(Done::answer(call.format, document.exit, "review-collect", &document, || words(&document)))
    }
}

impl Forge {
    pub(super) const fn kind(self) -> ForgeKind {
        match self {
            Self::Github => ForgeKind::Github,
            Self::Gitlab => ForgeKind::Gitlab,
        }
    }
}

impl Asking {
    pub(super) fn api(&self) -> Option<&str> {
        self.api.as_deref()
    }
}

/// How a forge is asked, from the command line.
pub(super) fn client_settings(
    place: Place,
    asking: &Asking,
    showing: &Showing,
    world: &World,
) -> Result<Settings, FlowError> {
    let number = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let credential = showing.credential(place.kind(), world)?;
    let mut settings = Settings::new(place, credential);
    settings.authorities.clone_from(&asking.ca);
    settings.cache.clone_from(&asking.cache);
    settings.proxy = world.variable(variables::HTTPS_PROXY).map(str::to_owned);
    settings.no_proxy = world.variable(variables::NO_PROXY).map(str::to_owned);
    settings.per_minute = number(asking.rate);
    settings.parallel = number(asking.parallel);
    settings.patience = Duration::from_secs(asking.max_wait.into());
    Ok(settings)
}

impl Showing {
    fn credential(&self, kind: ForgeKind, world: &World) -> Result<Credential, FlowError> {
        if let (Some(id), Some(key)) = (&self.app_id, &self.app_key) {
            if kind != ForgeKind::Github {
                return Err(FlowError::Usage("--app-id goes with github".to_owned()));
            }
            return Ok(Credential::App(Box::new(App::load(id, key, self.app_installation)?)));
        }
        let token_kind = self.token_kind.unwrap_or(match kind {
            ForgeKind::Github => TokenKind::Bearer,
            ForgeKind::Gitlab => TokenKind::Private,
        });
        if kind == ForgeKind::Github && token_kind != TokenKind::Bearer {
            return Err(FlowError::Usage("GitHub takes bearer tokens only".to_owned()));
        }
        let Some(secret) = self.secret(kind, token_kind, world)? else { return Ok(Credential::None) };
        Ok(match token_kind {
            TokenKind::Bearer => Credential::Bearer(secret),
            TokenKind::Private => Credential::PrivateToken(secret),
            TokenKind::Job => Credential::JobToken(secret),
        })
    }

    fn secret(&self, kind: ForgeKind, token_kind: TokenKind, world: &World) -> Result<Option<Secret>, FlowError> {
        let of = |result: Result<Secret, SecretError>| Ok(Some(result.map_err(OnlineError::from)?));
        if let Some(path) = &self.token_file {
            return of(Secret::load(path));
        }
        let usual = match (kind, token_kind) {
            (_, TokenKind::Job) => variables::CI_JOB_TOKEN,
            (ForgeKind::Github, _) => variables::GITHUB_TOKEN,
            (ForgeKind::Gitlab, _) => variables::GITLAB_TOKEN,
        };
        let name = self.token_env.as_deref().unwrap_or(usual);
        match world.variable(name) {
            Some(value) => of(Secret::of(value, name)),
            None if self.token_env.is_some() => Err(FlowError::Usage(format!("the variable {name} is not set"))),
            None => Ok(None),
        }
    }
}

fn words(document: &answer::ReviewCollected) -> String {
    let mut out = String::new();
    for change in &document.changes {
        let short = |id: &Option<countersign_core::git::Oid>| {
            id.as_ref().map_or_else(|| "-".to_owned(), |id| id.hex().chars().take(12).collect::<String>())
        };
        if let Some(why) = &change.failed {
            out.push_str(&format!("#{}  no statement: {}\n", change.number, text::plain(why)));
            continue;
        }
        let state = match change.state {
            Some(ChangeState::Merged) => "merged",
            Some(ChangeState::Open) => "open",
            Some(ChangeState::Closed) => "closed",
            None => "unknown",
        };
        let file = change.statement.as_deref().map(Path::new).map_or_else(String::new, |p| p.display().to_string());
        out.push_str(&format!(
            "#{}  {state}  head {}  landed {}  {} review(s)  {file}\n",
            change.number,
            short(&change.head),
            short(&change.result),
            change.reviews
        ));
        for shortfall in &change.shortfalls {
            out.push_str(&shortfall_line(shortfall));
        }
    }
    for commit in &document.without {
        out.push_str(&format!("note: {commit} came with no change, by the forge's word\n"));
    }
    if document.changes.is_empty() {
        out.push_str("no change: nothing was read\n");
    }
    out
}

/// What could not be read, on a line under its change.
pub(super) fn shortfall_line(shortfall: &Shortfall) -> String {
    let word = if shortfall.what.is_setting() { "note" } else { "short" };
    format!("    {word}: {}: {}\n", part(shortfall.what), text::plain(&shortfall.why))
}

const fn part(part: Part) -> &'static str {
    match part {
        Part::Change => "the change",
        Part::Reviews => "reviews",
        Part::Commits => "commits",
        Part::Events => "events",
        Part::Moves => "moves of the head",
        Part::Permissions => "permissions",
        Part::Rules => "rules",
        Part::RuleSuites => "rule suites",
    }
}
