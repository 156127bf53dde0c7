//! Keys in key services, through Sigstore's protocol of plugins: for `NAME://…` the program `sigstore-kms-NAME` is started,
//! which speaks to the service and is let to see the environment that it needs for that. Our secrets are not in it.
//!
//! A call is one run: what is asked as JSON in the second argument, the bytes to sign on standard input, and the answer as
//! JSON on standard output. The status says nothing, by the protocol.

use crate::program::converse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::key::{KeyError, PublicKey};
use countersign_core::{json, limits};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The version of the protocol.
const VERSION: &str = "v1";
/// Hashes as the protocol numbers them.
const SHA256: u32 = 5;
/// See [`SHA256`].
const SHA384: u32 = 6;
/// How long a service may take for one answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much of a refusal is shown.
const SAID: usize = 300;

/// A key in a key service.
#[derive(Debug)]
pub(crate) struct KmsKey {
    plugin: Plugin,
    public: PublicKey,
}

struct Plugin {
    program: String,
    key: String,
    environment: Vec<(OsString, OsString)>,
}

impl fmt::Debug for Plugin {
    /// Not the environment, in which a service's credentials are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("program", &self.program).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Why a key in a key service cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KmsFault {
    /// The reference has no form that is known.
    #[error("it is not `NAME://KEY`")]
    Reference,
    /// There is no such plugin.
    #[error("the plugin {program} was not found on the PATH: it speaks to the key service")]
    Missing {
        /// Its name.
        program: String,
    },
    /// It could not be run.
    #[error("the plugin {program} could not be run: {source}")]
    Run {
        /// Its name.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("the plugin {program} gave no answer within {} seconds, and was ended", PATIENCE.as_secs())]
    Late {
        /// Its name.
        program: String,
    },
    /// It refused.
    #[error("the plugin {program} refused: {said}")]
    Refused {
        /// Its name.
        program: String,
        /// The beginning of what it said.
        said: String,
    },
    /// It gave back something else than the protocol says.
    #[error("the answer of the plugin {program} cannot be used: {problem}")]
    Answer {
        /// Its name.
        program: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The public key is of a kind that is not taken.
    #[error("its public key: {0}")]
    PublicKey(#[from] KeyError),
    /// The key is of a kind that does not sign here.
    #[error("keys of kind {found} do not sign here")]
    Kind {
        /// The kind.
        found: &'static str,
    },
}

/// The name of the service, and of the key in it.
pub(crate) fn parts(reference: &str) -> Option<(&str, &str)> {
    let (name, key) = reference.split_once("://")?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let good = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 64 && name.bytes().all(plain);
    (good && !key.is_empty() && key.len() <= limits::KEY_BYTES).then_some((name, key))
}

impl KmsKey {
    /// Opens the key: asks the plugin for its public half.
    pub(crate) fn open(reference: &str, environment: &[(OsString, OsString)]) -> Result<Self, KmsFault> {
        let (name, key) = parts(reference).ok_or(KmsFault::Reference)?;
        let program = format!("sigstore-kms-{name}");
        let plugin = Plugin { program, key: key.to_owned(), environment: environment.to_vec() };
        let arguments = json!({ "publicKeyOptions": { "rpcOptions": rpc_options() } });
        let answer = plugin.ask(SHA256, "publicKey", &arguments, &[])?;
        let pem = plugin.bytes(&answer, "/publicKey/publicKeyPEM", "it holds no public key")?;
        let public = PublicKey::parse(&String::from_utf8_lossy(&pem))?;
        match &public {
            PublicKey::Ed25519(_) | PublicKey::P256(_) | PublicKey::P384(_) | PublicKey::Rsa { .. } => {
                Ok(Self { plugin, public })
            }
            PublicKey::SkEd25519 { .. } | PublicKey::SkP256 { .. } => Err(KmsFault::Kind { found: public.kind() }),
        }
    }

    /// The public half, as the plugin shows it.
    pub(crate) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes. Whether the signature holds, the caller looks.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, KmsFault> {
        let hash = if matches!(self.public, PublicKey::P384(_)) { SHA384 } else { SHA256 };
        let options = json!({ "rpcOptions": rpc_options(), "messageOptions": { "hashFunc": hash } });
        let answer = self.plugin.ask(hash, "signMessage", &json!({ "signOptions": options }), bytes)?;
        self.plugin.bytes(&answer, "/signMessage/signature", "it holds no signature")
    }
}

/// No version of the key but the newest, and the service's word for the public half.
fn rpc_options() -> Value {
    json!({ "keyVersion": "", "remoteVerification": false })
}

impl Plugin {
    fn ask(&self, hash: u32, method: &str, arguments: &Value, input: &[u8]) -> Result<Value, KmsFault> {
        let asked = json!({
            "initOptions": {
                "protocolVersion": VERSION,
                "keyResourceID": self.key,
                "hashFunc": hash,
                "rpcOptions": rpc_options(),
            },
            "methodName": method,
            method: arguments,
        });
        let run = |source: std::io::Error| {
            let program = self.program.clone();
            if source.kind() == std::io::ErrorKind::NotFound {
                KmsFault::Missing { program }
            } else if source.kind() == std::io::ErrorKind::TimedOut {
                KmsFault::Late { program }
            } else {
                KmsFault::Run { program, source }
            }
        };
        let mut child = self.command(&asked.to_string()).spawn().map_err(run)?;
        let said = converse(&mut child, input, limits::KMS_ANSWER_BYTES, Some(PATIENCE));
        if said.is_err() {
            // Whatever went wrong, nothing is left running. An error here means that it has ended already.
            drop(child.kill());
        }
        drop(child.wait());
        let (printed, _) = said.map_err(run)?;
        if printed.len() > limits::KMS_ANSWER_BYTES {
            return Err(self.unusable("it is too long"));
        }
        let answer = json::parse(&printed).map_err(|_json| self.unusable("it is not JSON"))?;
        match answer.get("errorMessage").and_then(Value::as_str).filter(|said| !said.is_empty()) {
            Some(said) => {
                let said = said.chars().filter(|c| !c.is_control()).take(SAID).collect();
                Err(KmsFault::Refused { program: self.program.clone(), said })
            }
            None => Ok(answer),
        }
    }

    fn bytes(&self, answer: &Value, pointer: &str, problem: &'static str) -> Result<Vec<u8>, KmsFault> {
        let text = answer.pointer(pointer).and_then(Value::as_str);
        text.and_then(|text| BASE64.decode(text).ok())
            .filter(|bytes| !bytes.is_empty())
            .ok_or_else(|| self.unusable(problem))
    }

    fn unusable(&self, problem: &'static str) -> KmsFault {
        KmsFault::Answer { program: self.program.clone(), problem }
    }

    #[expect(clippy::disallowed_methods, reason = "a plugin of this protocol is a program, which a person named")]
    fn command(&self, asked: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(VERSION).arg(asked);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        // By the protocol a plugin's own words go where ours go.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    }
}
