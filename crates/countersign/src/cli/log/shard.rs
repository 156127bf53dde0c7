//! `log close` and `log continue`: one log ends, and another goes on.

use super::super::given::{self, Kept, KeylessArgs, LeastArgs, StoreArgs, TrustArgs};
use super::super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_core::ids::Origin;
use countersign_flow::elsewhere::StoreName;
use countersign_flow::machine::MachineSigner;
use countersign_flow::place::Place;
use countersign_flow::shard::{self, ShardKeys};
use countersign_flow::{FlowError, keep, output as answer};
use countersign_record::log::reader::LogReader;
use countersign_record::log::writer::Appended;
use countersign_sign::{KeyPlace, SigningKey};
use std::path::PathBuf;

/// Close a log: its last entry names the log that follows
///
/// Nothing is appended after it, and it has to go on from the checkpoint that was kept of it. For a log a year, say: `log init` makes the next one, under an origin and a key that trust
/// has beside the old ones, and `log continue` writes its first entry.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign log close --successor example.com/2027 --key gate.pem --log-key 2026.pem --store 2026 --trust trust.sigstore.json \\\n    \
                  --least-checkpoint 2026.checkpoint --checkpoint-output 2026.checkpoint"
)]
pub(super) struct Close {
    /// The origin of the log that follows
    #[arg(long, value_name = "NAME")]
    successor: Origin,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    least: LeastArgs,
}

/// Go on from a closed log: the first entry names it by origin, size and root
///
/// The least checkpoint is one of the earlier log: what is carried over is carried for good.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign log continue --earlier 2026 --key gate.pem --log-key 2027.pem --store 2027 --trust trust.sigstore.json \\\n    \
                  --least-checkpoint 2026.checkpoint --checkpoint-output 2027.checkpoint"
)]
pub(super) struct Continue {
    /// The store of the log that was closed, named as with --store
    #[arg(long, value_name = "STORE", value_parser = given::store_name())]
    earlier: StoreName,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    least: LeastArgs,
}

/// Who signs.
#[derive(Debug, Args)]
struct Keys {
    /// A gate's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys", required_unless_present = "keyless", conflicts_with = "keyless")]
    key: Option<KeyPlace>,
    /// The key of the log that is appended to: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), help_heading = "Keys")]
    log_key: KeyPlace,
    #[command(flatten)]
    keyless: KeylessArgs,
    /// Where to keep the new checkpoint: elsewhere than the store
    #[arg(long, value_name = "FILE", help_heading = "Record")]
    checkpoint_output: Option<PathBuf>,
}

impl Keys {
    fn open(&self, call: &Call<'_>) -> Result<ShardKeys, FlowError> {
        let access = call.world.token_access();
        let gate = match (self.keyless.open(call)?, &self.key) {
            (Some(signer), _) => MachineSigner::Identity(Box::new(signer.certified()?)),
            (None, Some(key)) => MachineSigner::Key(SigningKey::open(key, &access)?),
            (None, None) => {
                return Err(FlowError::Usage("name a gate's key with --key, or sign with --keyless".to_owned()));
            }
        };
        Ok(ShardKeys { gate, log: SigningKey::open(&self.log_key, &access)? })
    }

    fn done(&self, call: &Call<'_>, verb: &str, store: &StoreArgs, place: &Place, appended: &Appended) -> Answer {
        let kept = keep::replace(self.checkpoint_output.as_deref(), &[place], &appended.checkpoint_bytes);
        let origin = LogReader::open(&place.log())?.checkpoint().claim().origin.clone();
        let document = answer::LogCheckpoint {
            origin,
            output: self.checkpoint_output.as_ref().map(|path| path.display().to_string()),
            size: appended.size,
            root: appended.root,
            checkpoint: String::from_utf8_lossy(&appended.checkpoint_bytes).into_owned(),
        };
        let done = Done::answer(call.format, Exit::Ok, verb, &document, || {
            let keep = match &document.output {
                None => format!("{}\n", store.keep_elsewhere()),
                Some(_) => String::new(),
            };
            format!(
                "{}: entry {}, {} entries, root {}\n{keep}",
                document.origin, appended.first_index, document.size, document.root
            )
        });
        Ok(done.after(kept, self.checkpoint_output.as_deref(), &store.keep_elsewhere()))
    }
}

impl Close {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let kept = Kept { least: self.least.file(), output: self.keys.checkpoint_output.as_deref() };
        let place = self.store.place_to_write(kept, call)?;
        keep::may_replace(self.keys.checkpoint_output.as_deref(), &[&place])?;
        let (trust, keys) = (self.trust.bytes()?, self.keys.open(call)?);
        let at = given::now()?;
        let trust = self.trust.judge(trust, at);
        let appended = shard::close(&place, &self.successor, &trust, self.least.file(), keys, at)?;
        self.keys.done(call, "log-close", &self.store, &place, &appended)
    }
}

impl Continue {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let kept = Kept { least: self.least.file(), output: self.keys.checkpoint_output.as_deref() };
        let place = self.store.place_to_write(kept, call)?;
        let earlier = given::place_to_write(&self.earlier, kept, call)?;
        keep::may_replace(self.keys.checkpoint_output.as_deref(), &[&place])?;
        let (trust, keys) = (self.trust.bytes()?, self.keys.open(call)?);
        let at = given::now()?;
        let trust = self.trust.judge(trust, at);
        let appended = shard::go_on(&place, &earlier, &trust, self.least.file(), keys, at)?;
        self.keys.done(call, "log-continue", &self.store, &place, &appended)
    }
}
