//! `demo`: all of it, in a temporary folder.

use super::{Answer, Call};
use crate::demo::{self, Stage};
use crate::render::{Done, Format};
use crate::world::World;
use clap::Args;
use countersign_collect::platform;
use countersign_core::exit::Exit;
use countersign_flow::{FlowError, files, output as answer};
use std::io::Write;
use std::path::PathBuf;

/// Watch all of it happen in a temporary folder
///
/// A real crate in a real git repository, with fresh keys: built, signed, refused because only its author agreed,
/// reviewed, promoted and audited. Needs git, ssh-keygen and cargo; no network. What it shows is SLSA Build L1.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign demo --keep /tmp/countersign-demo")]
pub(crate) struct Demo {
    /// Leave everything in this folder, which must be empty or not exist
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let temporary = tempfile::tempdir().map_err(|source| FlowError::Read { path: std::env::temp_dir(), source })?;
        let folder = match &self.keep {
            None => temporary.path().to_owned(),
            Some(folder) => empty(folder)?,
        };
        let program =
            World::program().map_err(|source| FlowError::Read { path: PathBuf::from("countersign"), source })?;
        // A program gets one document at the end, and nothing before it.
        let mut audience: Box<dyn Write> = match call.format {
            Format::Text => Box::new(std::io::stdout().lock()),
            Format::Json => Box::new(std::io::sink()),
        };
        let mut stage = Stage::new(program, folder.clone(), &mut audience);
        demo::run(&mut stage).map_err(|error| FlowError::Demo(error.to_string()))?;
        let document = answer::Demo {
            folder: self.keep.as_ref().map(|_| folder.display().to_string()),
            level: platform::SLSA_BUILD_LEVEL,
            steps: stage.steps().to_vec(),
        };
        drop(audience);
        let kept = match &self.keep {
            Some(_) => format!("everything is in {}\n", folder.display()),
            None => "run it again with `--keep DIR` to look at every file\n".to_owned(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "demo", &document, || format!("{kept}{}", demo::NEXT)))
    }
}

fn empty(folder: &std::path::Path) -> Result<PathBuf, FlowError> {
    let failed = |source| FlowError::Read { path: folder.to_owned(), source };
    files::apart_from_stores(&folder.join("app"))?;
    std::fs::create_dir_all(folder).map_err(failed)?;
    if std::fs::read_dir(folder).map_err(failed)?.next().is_some() {
        return Err(FlowError::Exists { path: folder.to_owned() });
    }
    folder.canonicalize().map_err(failed)
}
