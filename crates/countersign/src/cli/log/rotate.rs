//! `log rotate`: the log's key gives way to another.

use super::super::given::{self, Kept, StoreArgs, TrustArgs};
use super::super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_flow::{keep, output as answer, rotate};
use countersign_sign::{KeyPlace, SigningKey};
use std::path::PathBuf;

/// Have the log's new key sign its newest checkpoint beside the old one
///
/// Both keys are in trust while one gives way to the other, each with the span in which it counts; that version of trust is
/// an entry of the log. From then on `promote --log-key OLD --log-key-beside NEW` signs with both, and after the old key's
/// end the new one alone. Entries, root and size stay as they are.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign log rotate --log-key new.pem --store .countersign --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(super) struct Rotate {
    /// The log's new key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys")]
    log_key: KeyPlace,
    /// Where to keep the checkpoint as well: elsewhere than the store
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

impl Rotate {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let key = SigningKey::open(&self.log_key, &call.world.token_access())?;
        let place = self.store.place_to_write(Kept { least: None, output: self.output.as_deref() }, call)?;
        keep::may_replace(self.output.as_deref(), &[&place])?;
        let at = given::now()?;
        let rotated = rotate::sign_beside(&place, &self.trust.read(at)?, key, at)?;
        let kept = keep::replace(self.output.as_deref(), &[&place], rotated.note.as_bytes());
        let checkpoint = rotated.checkpoint;
        let document = answer::LogCheckpoint {
            origin: checkpoint.origin,
            output: self.output.as_ref().map(|path| path.display().to_string()),
            size: checkpoint.size,
            root: checkpoint.root,
            checkpoint: rotated.note,
        };
        let done = Done::answer(call.format, Exit::Ok, "log-rotate", &document, || {
            format!("{}: {} entries, {} signature(s)\n", document.origin, document.size, rotated.signatures)
        });
        Ok(done.after(kept, self.output.as_deref(), &self.store.keep_elsewhere()))
    }
}
