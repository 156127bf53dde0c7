//! What only the door may touch: variables, clock, random bytes, and this program's own file.

use crate::{passphrase, variables};
use countersign_collect::Environment;
use countersign_core::decision::Tool;
use countersign_core::digest::{Hasher, to_hex};
use countersign_core::time::{Time, TimeError};
use countersign_sign::keyless::Ambient;
use countersign_sign::{KeyAccess, SshKeygen};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::Stdio;

/// Secrets of ours, which no plugin of a key service needs to see.
const SECRETS: &[&str] = &[
    variables::PKCS11_PIN,
    variables::KEY_PASSPHRASE,
    variables::KEY_PASSPHRASE_FILE,
    variables::COSIGN_PASSWORD,
    variables::SIGSTORE_ID_TOKEN,
    variables::GITHUB_TOKEN_REQUEST,
];

/// What programs that we start for a person need of the environment.
const NEEDED: &[&str] = &["PATH", "HOME", "USER", "TMPDIR", "DISPLAY", "XAUTHORITY", "HTTPS_PROXY", "NO_PROXY"];

/// How much of this program's file is in memory at once.
const PIECE: usize = 256 << 10;

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

    /// The variables from which Cargo takes how things are compiled, empty ones too: they mean something else than missing ones.
    pub(crate) fn of_cargo_configuration(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (&OsStr, &OsStr)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()));
        let wanted = |(name, _): &(String, String)| {
            variables::CARGO_CONFIGURATION.contains(&name.as_str())
                || (name.starts_with(variables::CARGO_TARGET) && name.ends_with("_RUSTFLAGS"))
        };
        self.environment.iter().filter_map(text).filter(wanted).collect()
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
        let mut file = std::fs::File::open(std::env::current_exe()?)?;
        let (mut hasher, mut piece) = (Hasher::default(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => hasher.update(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: hasher.finish(),
        })
    }

    /// This program's file.
    pub(crate) fn program() -> std::io::Result<PathBuf> {
        std::env::current_exe()
    }

    /// What a key is opened with, wherever it is.
    pub(crate) fn token_access(&self) -> KeyAccess {
        let secret = |name| self.variable(name).map(|text| text.to_owned().into());
        let ours = |name: &OsStr| name.to_str().is_some_and(|name| SECRETS.contains(&name));
        let plugins = self.environment.iter().filter(|(name, _)| !ours(name));
        KeyAccess {
            pin: secret(variables::PKCS11_PIN),
            module: self.variable(variables::PKCS11_MODULE).map(PathBuf::from),
            passphrase: secret(variables::KEY_PASSPHRASE),
            passphrase_file: self.variable(variables::KEY_PASSPHRASE_FILE).map(PathBuf::from),
            // An empty one is a passphrase to cosign: that of a key that was made without.
            cosign: self
                .environment
                .iter()
                .find(|(name, _)| *name == variables::COSIGN_PASSWORD)
                .and_then(|(_, text)| text.to_str().map(|text| text.to_owned().into())),
            ask: passphrase::at_a_terminal(),
            plugins: plugins.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// What the CI that this runs in gives its jobs to show who they are.
    pub(crate) fn ambient_identity(&self) -> Ambient {
        Ambient {
            request_url: self.variable(variables::GITHUB_TOKEN_URL).map(str::to_owned),
            request_token: self.variable(variables::GITHUB_TOKEN_REQUEST).map(|text| text.to_owned().into()),
            token: self.variable(variables::SIGSTORE_ID_TOKEN).map(|text| text.to_owned().into()),
            buildkite: self.variable(variables::BUILDKITE).map(|_| self.passed_on(&["BUILDKITE"])),
            metadata: match self.variable(variables::METADATA_HOST) {
                Some(host) => Some(host.to_owned()),
                None => on_google_cloud().then(|| "metadata.google.internal".to_owned()),
            },
        }
    }

    /// What a program needs to run, and what begins so.
    fn passed_on(&self, beginnings: &[&str]) -> Vec<(OsString, OsString)> {
        let passed = |name: &OsStr| {
            let name = name.to_string_lossy();
            NEEDED.contains(&name.as_ref()) || beginnings.iter().any(|beginning| name.starts_with(beginning))
        };
        let found = self.environment.iter().filter(|(name, _)| passed(name));
        found.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Opens a page in a browser, if there is one. The address is said as well, for who has none here.
    pub(crate) fn open_in_browser(&self, address: &str) {
        let named =
            self.variable(variables::BROWSER).unwrap_or(if cfg!(target_os = "macos") { "open" } else { "xdg-open" });
        for program in named.split(':').filter(|program| !program.is_empty()) {
            #[expect(
                clippy::disallowed_methods,
                reason = "a browser is the person's own, with what it needs to be seen"
            )]
            let mut command = std::process::Command::new(program);
            command.arg(address).env_clear().envs(self.passed_on(&["XDG_", "WAYLAND_", "DBUS_"]));
            let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if command.spawn().is_ok() {
                return;
            }
        }
    }

    /// `ssh-keygen`, with the variables that it needs to ask an agent or a person.
    pub(crate) fn ssh_keygen(&self) -> SshKeygen {
        SshKeygen::new("ssh-keygen", self.environment.iter().map(|(n, v)| (n.to_owned(), v.to_owned())))
            .interactive(std::io::stderr().is_terminal())
    }
}

/// What the machine says of itself where it is one of Google's.
fn on_google_cloud() -> bool {
    std::fs::read_to_string("/sys/class/dmi/id/product_name").is_ok_and(|name| name.starts_with("Google"))
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
