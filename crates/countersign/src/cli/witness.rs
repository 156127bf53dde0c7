//! `witness`: cosigning other people's logs, as a server.

use super::{Answer, Call, given};
use crate::render::Done;
use crate::world::Clock;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_core::ids::Origin;
use countersign_core::log::note::NoteKey;
use countersign_flow::FlowError;
use countersign_flow::witness_server::Witness;
use countersign_record::witness::WitnessMemory;
use countersign_sign::{KeyPlace, LogSigner, SigningKey};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Cosign checkpoints of logs that go on from what was cosigned before
///
/// A witness by C2SP tlog-witness: POST /add-checkpoint. It remembers of each log the newest checkpoint that it cosigned, and
/// cosigns nothing that does not continue it; it sees no entry. It is worth something to those who trust that it is not run
/// by whoever runs the log. This verb speaks to the network, and goes on until it is told to stop.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign witness --name witness.example/w1 --key witness.pem --state witness \\\n    \
                        --log example.com/log+…+… --listen 127.0.0.1:8788"
)]
pub(crate) struct WitnessVerb {
    /// The name on its signature lines
    #[arg(long, value_name = "NAME")]
    name: Origin,
    /// Its key, Ed25519 and of this witness alone: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// The key of a log that it cosigns, as a verifier key: name+hash+base64; `log policy` prints it. May be given again
    #[arg(long = "log", value_name = "KEY", required = true)]
    logs: Vec<NoteKey>,
    /// What it remembers. Losing it, or putting back an older one, lets logs be rewound
    #[arg(long, value_name = "DIR", default_value = "witness")]
    state: PathBuf,
    /// Where to listen, by plain http: TLS belongs to a proxy in front
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8788")]
    listen: SocketAddr,
    /// Listen on an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,
}

impl WitnessVerb {
    #[expect(clippy::print_stderr, reason = "what cannot be answered is said where it runs")]
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        if !self.listen.ip().is_loopback() && !self.allow_remote {
            return Err(FlowError::Usage(format!(
                "--listen {}: other machines can reach this, and it is plain http. Put a proxy with TLS in front and listen \
                 on 127.0.0.1, or say --allow-remote",
                self.listen
            )));
        }
        let key = SigningKey::open(&self.key, &call.world.token_access())?;
        let signer = LogSigner::new(self.name.clone(), key).map_err(|error| FlowError::Usage(error.to_string()))?;
        let witness = Arc::new(Witness::new(signer, self.logs.clone(), WitnessMemory::open(&self.state)?)?);
        // It lives as long as the process.
        let clock: &'static Clock = Box::leak(Box::new(Clock::starting_at(given::now()?)));
        let listening = |address: SocketAddr| {
            call.tell(&format!("witness {}\nlistening on http://{address}\n", witness.key()));
        };
        countersign_serve::witness(&witness, self.listen, clock, &listening, &|error| eprintln!("{error}"))?;
        Ok(Done::text(Exit::Ok, ""))
    }
}
