//! A witness of other people's logs: what it answers to who asks it (C2SP tlog-witness). Sockets are somebody else's.

use crate::error::FlowError;
use countersign_core::log::cosignature::WitnessKey;
use countersign_core::log::note::{NoteKey, NoteSigner as _};
use countersign_core::log::witness::{AddCheckpoint, SIZE_TYPE, WitnessRefused};
use countersign_core::time::Time;
use countersign_record::witness::WitnessMemory;
use countersign_sign::LogSigner;
use countersign_verify::keys::note_signature_holds;

/// A witness: its key, the logs that it watches, and what it remembers of them.
#[derive(Debug)]
pub struct Witness {
    signer: LogSigner,
    logs: Vec<NoteKey>,
    memory: WitnessMemory,
}

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Witness {
    /// Of a key and its name, for these logs. A witness that watches no log would answer nobody.
    pub fn new(signer: LogSigner, logs: Vec<NoteKey>, memory: WitnessMemory) -> Result<Self, FlowError> {
        if logs.is_empty() {
            return Err(FlowError::Usage("a witness without a log cosigns nothing: name one with --log".to_owned()));
        }
        if let Some(own) = logs.iter().find(|log| log.public() == signer.key().public()) {
            return Err(FlowError::Usage(format!("the log {} has the witness's own key", own.name())));
        }
        Ok(Self { signer, logs, memory })
    }

    /// The key by which its cosignatures are checked.
    #[must_use]
    pub fn key(&self) -> WitnessKey {
        WitnessKey::new(self.signer.name().clone(), *self.signer.key().public())
    }

    /// Answers `add-checkpoint`. An error is no answer: nothing was cosigned.
    pub fn answer(&self, body: &[u8], at: Time) -> Result<Reply, FlowError> {
        let said = match AddCheckpoint::parse(body) {
            Err(error) => Err(WitnessRefused::from(error)),
            Ok(request) => {
                let holds = |key: &NoteKey, bytes: &[u8], signature: &[u8; 64]| {
                    note_signature_holds(key.public(), bytes, signature)
                };
                let origin = &request.checkpoint.claim().origin;
                let keys: Vec<NoteKey> = self.logs.iter().filter(|log| log.name() == origin).cloned().collect();
                self.memory.add_checkpoint(&request, &keys, &holds, &self.signer, at)?
            }
        };
        Ok(match said {
            Ok(line) => Reply { status: 200, content_type: "text/plain; charset=utf-8", body: format!("{line}\n") },
            Err(WitnessRefused::Conflict { size }) => {
                Reply { status: 409, content_type: SIZE_TYPE, body: format!("{size}\n") }
            }
            Err(refused) => Reply {
                status: refused.status(),
                content_type: "text/plain; charset=utf-8",
                body: format!("{refused}\n"),
            },
        })
    }
}
