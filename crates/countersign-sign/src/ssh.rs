//! Signatures by people's SSH keys: `ssh-keygen` makes them, so that agents, passphrases and FIDO authenticators work
//! as their owners have set them up. Our own code parses no private SSH key.

use crate::error::{KeyFileError, SignError, SshError};
use crate::key_file::{public_path, read_text};
use crate::pem;
use crate::program::converse;
use countersign_core::bundle::write_ssh;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::key::PublicKey;
use countersign_core::limits;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An SSH key by its file: the private key, or a `.pub` file, with which `ssh-keygen` asks the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshKey {
    path: PathBuf,
}

impl SshKey {
    /// The key in this file. Nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The program `ssh-keygen`, and what it gets of our environment.
#[derive(Debug, Clone)]
pub struct SshKeygen {
    program: OsString,
    environment: Vec<(OsString, OsString)>,
    interactive: bool,
}

/// What `ssh-keygen` needs to find the agent, the authenticator and the person. The rest of the environment, tokens
/// among it, is not passed on.
const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TERM",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SSH_SK_PROVIDER",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    // Without these no program starts on Windows.
    "SYSTEMROOT",
    "USERPROFILE",
    "PROGRAMDATA",
];

/// How many lines of it.
const LAST_LINES: usize = 4;

impl SshKeygen {
    /// The program with this name, and the variables that it may see a part of: those for the agent, the authenticator
    /// and the prompt.
    #[must_use]
    pub fn new(
        program: impl Into<OsString>,
        environment: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
    ) -> Self {
        let passed_on = |name: &OsStr| PASSED_ON.iter().any(|known| name.eq_ignore_ascii_case(known));
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self {
            program: program.into(),
            environment: environment.filter(|(name, _)| passed_on(name)).collect(),
            interactive: false,
        }
    }

    /// With a person at the terminal: what the program says, such as the request to touch an authenticator, goes where
    /// our standard error goes. It asks for that only when it sees a terminal there, so it cannot be kept as well: the
    /// last lines of an error are then on the screen and not in the error.
    #[must_use]
    pub const fn interactive(mut self, yes: bool) -> Self {
        self.interactive = yes;
        self
    }

    /// Runs it with these bytes on its standard input, and gives back what it printed.
    fn run(&self, arguments: &[&OsStr], key: &Path, input: &[u8]) -> Result<Vec<u8>, SshError> {
        let mut child = self.command(arguments).spawn().map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                SshError::ProgramMissing { program: self.name() }
            } else {
                self.io(source)
            }
        })?;
        match converse(&mut child, input, limits::SSH_OUTPUT_BYTES, None) {
            Ok((printed, said)) => {
                let status = child.wait().map_err(|source| self.io(source))?;
                if status.success() {
                    return Ok(printed);
                }
                Err(SshError::Refused { program: self.name(), key: key.to_owned(), last_lines: last_lines(&said) })
            }
            Err(source) => {
                // Whatever went wrong, nothing is left running. An error here means that it has ended already.
                drop(child.kill());
                drop(child.wait());
                Err(self.io(source))
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one program that this crate starts, with an environment of its own"
    )]
    fn command(&self, arguments: &[&OsStr]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(if self.interactive { Stdio::inherit() } else { Stdio::piped() });
        command
    }

    fn text(&self, printed: Vec<u8>, wanted: &'static str) -> Result<String, SshError> {
        let no = || SshError::Output { program: self.name(), wanted };
        if printed.len() > limits::SSH_OUTPUT_BYTES {
            return Err(no());
        }
        String::from_utf8(printed).map_err(|_utf8| no())
    }

    fn io(&self, source: io::Error) -> SshError {
        SshError::Run { program: self.name(), source }
    }

    fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

/// Signs a statement with a person's SSH key: one line, our SSH-signed document. What is signed is the same
/// pre-authentication encoding that a bundle's signature covers, in this namespace.
pub fn ssh_sign(payload: &[u8], namespace: &str, key: &SshKey, keygen: &SshKeygen) -> Result<Vec<u8>, SignError> {
    // Asked first, so that a wrong path has its own error and not only the program's words.
    if let Err(source) = fs::metadata(&key.path) {
        return Err(SshError::from(KeyFileError::of_io(&key.path, source)).into());
    }
    let arguments: [&OsStr; 6] =
        ["-Y".as_ref(), "sign".as_ref(), "-n".as_ref(), namespace.as_ref(), "-f".as_ref(), key.path.as_ref()];
    let printed = keygen.run(&arguments, &key.path, &pae(PAYLOAD_TYPE, payload))?;
    let wanted = "SSH signature";
    let armor = keygen.text(printed, wanted)?;
    if !armor.starts_with("-----BEGIN SSH SIGNATURE-----\n") {
        return Err(SshError::Output { program: keygen.name(), wanted }.into());
    }
    Ok(write_ssh(payload, namespace, &armor)?)
}

/// The public half of an SSH key: the file itself if it is a `.pub` file, else the `.pub` file beside it, else what
/// `ssh-keygen` derives from the private key.
pub fn ssh_public_key(path: &Path, keygen: &SshKeygen) -> Result<PublicKey, SshError> {
    let parse = |text: &str, path: &Path| {
        PublicKey::parse(text).map_err(|source| SshError::PublicKey { path: path.to_owned(), source })
    };
    let (text, _) = read_text(path)?;
    if pem::is_openssh_line(&text) {
        return parse(&text, path);
    }
    let beside = public_path(path);
    match read_text(&beside) {
        Ok((text, _)) => return parse(&text, &beside),
        Err(KeyFileError::Missing { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let printed = keygen.run(&["-y".as_ref(), "-f".as_ref(), path.as_ref()], path, &[])?;
    parse(&keygen.text(printed, "public key")?, path)
}

fn last_lines(said: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let skip = lines.len().saturating_sub(LAST_LINES);
    lines.into_iter().skip(skip).map(str::to_owned).collect()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{self, Tool, skipped, ssh_keygen};
    use countersign_core::bundle::{Signature, Signed};
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Child;
    use std::thread;

    const NAMESPACE: &str = "review@countersign.dev";

    fn keygen() -> SshKeygen {
        SshKeygen::new("ssh-keygen", [("PATH", "/usr/local/bin:/usr/bin:/bin")])
    }

    /// A folder with one new key.
    fn made(tool: &Tool, kind: &str) -> (tempfile::TempDir, SshKey) {
        let folder = tempfile::tempdir().unwrap();
        tool.run(folder.path(), &format!("-q -t {kind} -N  -C somebody -f key"));
        let key = SshKey::new(folder.path().join("key"));
        (folder, key)
    }

    /// What `ssh-keygen` itself says of the signature, against the public key as an allowed signer.
    fn openssh_agrees(folder: &Path, document: &[u8]) -> bool {
        let signed = Signed::parse(document).unwrap();
        let Signature::Ssh { namespace, armor } = &signed.by else { panic!("{signed:?}") };
        assert_eq!(namespace, NAMESPACE);
        let public = fs::read_to_string(folder.join("key.pub")).unwrap();
        fs::write(folder.join("allowed"), format!("somebody {public}")).unwrap();
        fs::write(folder.join("signature"), armor).unwrap();
        fs::write(folder.join("message"), signed.pae()).unwrap();
        testkit::command("ssh-keygen")
            .args(["-Y", "verify", "-f", "allowed", "-I", "somebody", "-n", NAMESPACE, "-s", "signature"])
            .current_dir(folder)
            .stdin(fs::File::open(folder.join("message")).unwrap())
            .output()
            .unwrap()
            .status
            .success()
    }

    #[test]
    fn what_a_person_signs_openssh_verifies_for_every_kind_of_key() {
        let Some(tool) = ssh_keygen() else { return skipped("ssh-keygen") };
        for kind in ["ed25519", "ecdsa -b 256", "rsa -b 2048"] {
            let (folder, key) = made(&tool, kind);
            let mut document = ssh_sign(b"{\"a\":1}", NAMESPACE, &key, &keygen()).unwrap();
            assert!(openssh_agrees(folder.path(), &document), "{kind}");
            let altered = String::from_utf8(document).unwrap().replace("eyJhIjoxfQ==", "eyJhIjoyfQ==");
            document = altered.into_bytes();
            assert_eq!(Signed::parse(&document).unwrap().payload, b"{\"a\":2}");
            assert!(!openssh_agrees(folder.path(), &document), "{kind}");
        }
    }

    #[test]
    fn a_statement_larger_than_any_pipe_is_signed() {
        let Some(tool) = ssh_keygen() else { return skipped("ssh-keygen") };
        let (folder, key) = made(&tool, "ed25519");
        let document = ssh_sign(&vec![b'x'; 300_000], NAMESPACE, &key, &keygen()).unwrap();
        assert!(openssh_agrees(folder.path(), &document));
    }

    #[test]
    fn the_public_half_is_the_same_from_the_pub_file_and_from_the_private_key() {
        let Some(tool) = ssh_keygen() else { return skipped("ssh-keygen") };
        let (folder, key) = made(&tool, "ed25519");
        let public = folder.path().join("key.pub");
        let from_public = ssh_public_key(&public, &keygen()).unwrap();
        assert_eq!(ssh_public_key(key.path(), &keygen()).unwrap(), from_public);
        fs::remove_file(&public).unwrap();
        assert_eq!(ssh_public_key(key.path(), &keygen()).unwrap(), from_public);
        fs::write(&public, "ssh-ed25519 AAAA").unwrap();
        let error = ssh_public_key(key.path(), &keygen()).unwrap_err();
        assert!(matches!(error, SshError::PublicKey { path, .. } if path == public));
    }

    /// An agent that ends with the test.
    struct Agent(Child);

    impl Drop for Agent {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    fn agent(socket: &Path) -> Option<Agent> {
        let mut command = testkit::command("ssh-agent");
        let child = command.arg("-D").arg("-a").arg(socket).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let agent = Agent(child.ok()?);
        for _ in 0..500 {
            if socket.exists() {
                return Some(agent);
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the agent made no socket");
    }

    #[test]
    fn a_pub_file_signs_through_the_agent_and_not_without_it() {
        let Some(tool) = ssh_keygen() else { return skipped("ssh-keygen") };
        let (folder, key) = made(&tool, "ed25519");
        let socket = folder.path().join("agent");
        let Some(agent) = agent(&socket) else { return skipped("ssh-agent") };
        let mut add = testkit::command("ssh-add");
        let added = add.arg("-q").arg(key.path()).env("SSH_AUTH_SOCK", &socket).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        fs::remove_file(key.path()).unwrap();

        let public = SshKey::new(folder.path().join("key.pub"));
        let path = OsString::from("/usr/local/bin:/usr/bin:/bin");
        let with =
            SshKeygen::new("ssh-keygen", [("PATH", path.clone()), ("SSH_AUTH_SOCK", socket.clone().into_os_string())]);
        let document = ssh_sign(b"{}", NAMESPACE, &public, &with).unwrap();
        assert!(openssh_agrees(folder.path(), &document));
        drop(agent);
        let without = ssh_sign(b"{}", NAMESPACE, &public, &with);
        assert!(matches!(without, Err(SignError::Ssh(SshError::Refused { .. }))), "{without:?}");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_in_the_words_of_openssh() {
        let Some(tool) = ssh_keygen() else { return skipped("ssh-keygen") };
        let (folder, key) = made(&tool, "ed25519");
        fs::remove_file(folder.path().join("key.pub")).unwrap();
        fs::set_permissions(key.path(), fs::Permissions::from_mode(0o644)).unwrap();
        match ssh_sign(b"{}", NAMESPACE, &key, &keygen()) {
            Err(SignError::Ssh(SshError::Refused { program, last_lines, .. })) => {
                assert_eq!(program, "ssh-keygen");
                assert!((1..=LAST_LINES).contains(&last_lines.len()), "{last_lines:?}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_missing_program_a_missing_key_and_a_wrong_answer_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = SshKey::new(&path);
        let sign = |keygen: &SshKeygen| ssh_sign(b"{}", NAMESPACE, &key, keygen).unwrap_err().to_string();
        let system = [("PATH", "/usr/bin:/bin")];
        assert_eq!(sign(&keygen()), format!("no key file at {}", path.display()));
        fs::write(&path, "").unwrap();
        assert_eq!(
            sign(&SshKeygen::new("no-such-program", system)),
            "the program no-such-program was not found: SSH keys sign through OpenSSH's ssh-keygen, version 8.2 or newer"
        );
        assert_eq!(sign(&SshKeygen::new("true", system)), "true gave back no SSH signature");
        let refused = sign(&SshKeygen::new("false", system));
        assert_eq!(refused, format!("false refused to use the key {}", path.display()));
    }

    #[test]
    fn the_program_sees_what_it_needs_of_the_environment_and_no_token() {
        let given = [("PATH", "/usr/bin:/bin"), ("SSH_AUTH_SOCK", "/s"), ("GITHUB_TOKEN", "t"), ("LD_PRELOAD", "x")];
        let printed = SshKeygen::new("env", given).run(&[], Path::new("key"), &[]).unwrap();
        assert_eq!(String::from_utf8(printed).unwrap(), "PATH=/usr/bin:/bin\nSSH_AUTH_SOCK=/s\n");
    }

    #[test]
    fn a_program_that_floods_is_stopped_at_the_bound() {
        let flood = SshKeygen::new("cat", [("PATH", "/usr/bin:/bin")]);
        let input = vec![b'x'; limits::SSH_OUTPUT_BYTES * 4];
        assert!(flood.run(&[], Path::new("key"), &input).is_err());
        let exact = flood.run(&[], Path::new("key"), &input[..limits::SSH_OUTPUT_BYTES]).unwrap();
        assert_eq!(exact.len(), limits::SSH_OUTPUT_BYTES);
    }
}
