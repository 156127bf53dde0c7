//! What only the door may touch: variables, clock, random bytes, and this program's own file.

use crate::variables;
use countersign_collect::Environment;
use countersign_core::decision::Tool;
use countersign_core::digest::{Sha256, to_hex};
use countersign_core::time::{Time, TimeError};
use countersign_sign::keyless::Ambient;
use countersign_sign::{SshKeygen, TokenAccess};
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// The world as this process finds it.
#[derive(Debug)]
pub(crate) struct World {
    environment: Environment,
}

impl World {
    /// Of this process.
    pub(crate) fn of_this_process() -> Self {
        Self { environment: std::env::vars_os().collect() }
    }

    /// Every variable, for programs that are run.
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// One of [`crate::variables`], if it is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.text(name)
    }

    /// The time. There is no switch and no variable that sets it: a gate's clock is the machine's.
    #[expect(clippy::disallowed_methods, reason = "the door hands the time down; nobody else reads a clock")]
    pub(crate) fn now() -> Result<Time, TimeError> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seconds = since.ok().and_then(|d| i64::try_from(d.as_secs()).ok()).unwrap_or(-1);
        Time::from_unix(seconds)
    }

    /// 16 random bytes, in hexadecimal.
    pub(crate) fn nonce() -> Result<String, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(to_hex(&bytes))
    }

    /// A random part of a length of time. Without random numbers it is all of it.
    pub(crate) fn part_of(length: std::time::Duration) -> std::time::Duration {
        let milliseconds = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let part = getrandom::u64().ok().and_then(|random| random.checked_rem(milliseconds));
        std::time::Duration::from_millis(part.unwrap_or(milliseconds))
    }

    /// This program, as decisions record it.
    pub(crate) fn tool() -> std::io::Result<Tool> {
        let bytes = std::fs::read(std::env::current_exe()?)?;
        Ok(Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: Sha256::of(&bytes),
        })
    }

    /// This program's file.
    pub(crate) fn program() -> std::io::Result<PathBuf> {
        std::env::current_exe()
    }

    /// What a hardware token is opened with.
    pub(crate) fn token_access(&self) -> TokenAccess {
        TokenAccess {
            pin: self.variable(variables::PKCS11_PIN).map(|pin| pin.to_owned().into()),
            module: self.variable(variables::PKCS11_MODULE).map(PathBuf::from),
        }
    }

    /// What the CI that this runs in gives its jobs to show who they are.
    pub(crate) fn ambient_identity(&self) -> Ambient {
        Ambient {
            request_url: self.variable(variables::GITHUB_TOKEN_URL).map(str::to_owned),
            request_token: self.variable(variables::GITHUB_TOKEN_REQUEST).map(|text| text.to_owned().into()),
            token: self.variable(variables::SIGSTORE_ID_TOKEN).map(|text| text.to_owned().into()),
        }
    }

    /// `ssh-keygen`, with the variables that it needs to ask an agent or a person.
    pub(crate) fn ssh_keygen(&self) -> SshKeygen {
        SshKeygen::new("ssh-keygen", self.environment.iter().map(|(n, v)| (n.to_owned(), v.to_owned())))
            .interactive(std::io::stderr().is_terminal())
    }
}

/// The machine's clock and patience, for who has to wait for others.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Time,
}

impl Clock {
    /// From this time on. A clock that cannot be read later stands still there.
    pub(crate) const fn starting_at(start: Time) -> Self {
        Self { start }
    }
}

impl countersign_collect::forge::Clock for Clock {
    fn now(&self) -> Time {
        World::now().unwrap_or(self.start)
    }

    fn wait(&self, length: std::time::Duration) {
        std::thread::sleep(length);
    }

    fn random(&self) -> u64 {
        getrandom::u64().unwrap_or_default()
    }
}
