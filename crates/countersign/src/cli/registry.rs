//! `attach` and `fetch`: bundles beside images in OCI registries. These verbs speak to the network.

use super::{Answer, Call};
use crate::render::Done;
use crate::variables;
use crate::world::World;
use clap::Args;
use countersign_collect::forge::SecretError;
use countersign_collect::registry::{Image, Login, Settings};
use countersign_core::exit::Exit;
use countersign_core::limits;
use countersign_flow::output::BundleRow;
use countersign_flow::registry;
use countersign_flow::{FlowError, files, output as answer};
use countersign_report::text;
use std::path::PathBuf;

/// Attach bundles to an image in an OCI registry, where cosign, GitHub's tools and `fetch` find them
///
/// Each bundle refers to the image by digest. Where the registry does not list what refers to an image, a list is kept
/// under the tag `sha256-…`. What is attached already stays as it is.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign attach registry.example/team/app@sha256:… --bundle app.sigstore.jsonl --login-file login"
)]
pub(crate) struct Attach {
    /// The image, by digest: HOST/REPOSITORY@sha256:…
    image: Image,
    /// Sigstore bundles; a file may hold several, one a line
    #[arg(long = "bundle", value_name = "FILE", required = true)]
    bundles: Vec<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

/// Fetch the bundles that are attached to an image, for `verify`
///
/// Everything is held against the digests that name it, and nothing is verified: a registry vouches for nothing. What cosign
/// attached before there were bundles, under the tags `sha256-….att` and `sha256-….sig`, comes along: a line for each.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign fetch registry.example/team/app@sha256:… --output app.sigstore.jsonl\n  \
                  countersign verify sha256:… --bundle app.sigstore.jsonl --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(crate) struct Fetch {
    /// The image, by digest: HOST/REPOSITORY@sha256:…
    image: Image,
    /// Where to write them, one a line
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Leave what cosign attached before there were bundles: `verify --trust` takes bundles alone
    #[arg(long)]
    bundles_only: bool,
    #[command(flatten)]
    asking: Asking,
}

/// How the registry is asked.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry; credentials are never given on the command line")]
struct Asking {
    /// A file with USER:SECRET, or a token, which only its owner can get at
    #[arg(long, value_name = "FILE", conflicts_with = "login_env")]
    login_file: Option<PathBuf>,
    /// The variable with the same; where neither is given, what `docker login` keeps in its config.json
    #[arg(long, value_name = "NAME")]
    login_env: Option<String>,
    /// Believe these authorities, and no others: certificates in PEM form
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Speak to another machine without TLS: whoever listens can read, and change, everything
    #[arg(long)]
    plain_http: bool,
}

impl Asking {
    fn settings(&self, image: &Image, world: &World) -> Result<Settings, FlowError> {
        Ok(Settings {
            image: image.clone(),
            login: self.login(image, world)?,
            plain_http: self.plain_http,
            authorities: self.ca.clone(),
            proxy: world.variable(variables::HTTPS_PROXY).map(str::to_owned),
            no_proxy: world.variable(variables::NO_PROXY).map(str::to_owned),
        })
    }

    fn login(&self, image: &Image, world: &World) -> Result<Option<Login>, FlowError> {
        let usage = |error: SecretError| FlowError::Usage(error.to_string());
        if let Some(path) = &self.login_file {
            return Login::load(path).map(Some).map_err(usage);
        }
        if let Some(name) = &self.login_env {
            let text = world.variable(name).ok_or_else(|| FlowError::Usage(format!("{name} is not set")))?;
            return Login::of(text, name).map(Some).map_err(usage);
        }
        let folder = world.variable(variables::DOCKER_CONFIG).map(PathBuf::from);
        let home = || world.variable(variables::HOME).map(|home| PathBuf::from(home).join(".docker"));
        let Some(path) = folder.or_else(home).map(|folder| folder.join("config.json")) else { return Ok(None) };
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = files::read(&path, limits::TOML_BYTES)?;
        Login::of_docker(&bytes, &image.host, &path.display().to_string()).map_err(usage)
    }
}

fn row(row: &BundleRow) -> Vec<String> {
    let about = if row.about_image { "this image" } else { "something else" };
    let kind = if row.predicate_type.is_empty() { "none: a signature" } else { &row.predicate_type };
    vec![row.bundle.to_string(), kind.to_owned(), about.to_owned()]
}

const HEAD: [&str; 3] = ["bundle", "statement", "about"];

impl Attach {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let attached = registry::attach(&self.asking.settings(&self.image, call.world)?, &self.bundles)?;
        let document = answer::Attached { image: self.image.to_string(), tag: attached.tag, bundles: attached.bundles };
        Ok(Done::answer(call.format, Exit::Ok, "attach", &document, || {
            let rows: Vec<_> = document.bundles.iter().map(row).collect();
            let new = document.bundles.iter().filter(|row| !row.before).count();
            let tag = document.tag.as_ref().map_or_else(String::new, |tag| format!(", listed under the tag {tag}"));
            let before = document.bundles.len().saturating_sub(new);
            format!("{}\n{}: {new} attached, {before} were there{tag}\n", text::table(&HEAD, &rows), document.image)
        }))
    }
}

impl Fetch {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let settings = self.asking.settings(&self.image, call.world)?;
        let fetched = registry::fetch(&settings, !self.bundles_only, &self.output)?;
        let document = answer::Fetched {
            image: self.image.to_string(),
            output: self.output.display().to_string(),
            others: fetched.others,
            by_tag: fetched.by_tag,
            older: fetched.older,
            bundles: fetched.bundles,
        };
        Ok(Done::answer(call.format, Exit::Ok, "fetch", &document, || {
            let rows: Vec<_> = document.bundles.iter().map(row).collect();
            let others = match document.others {
                0 => String::new(),
                others => format!("; {others} other thing(s) refer to the image, and were left"),
            };
            let bundles = document.bundles.len().saturating_sub(document.older);
            let older = match document.older {
                0 => String::new(),
                older => format!(" and {older} older attachment(s) of cosign's"),
            };
            format!(
                "{}\n{}: {bundles} bundle(s){older}, not verified{others}\n",
                text::table(&HEAD, &rows),
                document.output
            )
        }))
    }
}
