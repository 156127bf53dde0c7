//! The real program, run as its user runs it, in a copy of the demo's world.

use countersign_core::ids::Origin;
use countersign_flow::place::Place;
use countersign_record::log::writer::Log;
use countersign_sign::{LogSigner, SigningKey};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

/// The world that the demo makes, once for each process.
static DEMO: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let said = start(folder.path(), &["demo", "--keep", "demo"]);
    assert!(said.status.success(), "{}", text(&said));
    folder
});

/// What a run printed, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output and standard error.
    pub text: String,
    /// Standard output alone.
    pub out: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().expect("an exit code"),
            text: text(output),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }

    /// Ends with this code, and says all of this.
    #[track_caller]
    pub fn expect(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}", self.text);
        for word in words {
            assert!(self.text.contains(word), "`{word}` is missing in:\n{}", self.text);
        }
    }
}

/// Runs the program in a folder, with nothing around it.
#[must_use]
pub fn bare<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Said {
    Said::of(&start(folder, arguments))
}

/// Git in a folder, as somebody whom nobody knows.
#[must_use]
pub fn git_command(folder: &Path) -> Command {
    #[expect(clippy::disallowed_methods, reason = "git makes a repository for a test")]
    let mut command = Command::new("git");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "somebody").env(format!("GIT_{role}_EMAIL"), "somebody@example.com");
    }
    command.current_dir(folder);
    command
}

/// Runs the program where there is no network at all, not even this machine's own; `None` where the system lets nobody make such a
/// place.
#[must_use]
pub fn without_network<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Option<Said> {
    let apart = |inside: &[&OsStr]| {
        #[expect(clippy::disallowed_methods, reason = "the program under test is run apart from any network")]
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "--"]).args(inside).current_dir(folder).env_clear();
        pass_on(&mut command);
        command.output()
    };
    if !apart(&[OsStr::new("true")]).is_ok_and(|output| output.status.success()) {
        return None;
    }
    let program = program();
    let inside: Vec<&OsStr> = std::iter::once(program.as_os_str()).chain(arguments.iter().map(AsRef::as_ref)).collect();
    apart(&inside).ok().map(|output| Said::of(&output))
}

/// A copy of the demo's world.
#[derive(Debug)]
pub struct Door {
    folder: TempDir,
    digest: String,
}

impl Default for Door {
    fn default() -> Self {
        Self::new()
    }
}

impl Door {
    /// A fresh copy.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&DEMO.path().join("demo"), folder.path());
        let digest = std::fs::read_to_string(folder.path().join("outside/trust.digest")).expect("a digest");
        Self { folder, digest: digest.trim().to_owned() }
    }

    /// A folder with nothing in it, for what needs no world.
    #[must_use]
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), digest: String::new() }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The digest of trust.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Writes a file.
    pub fn write(&self, path: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(path), bytes).expect("written");
    }

    /// Reads a file.
    #[must_use]
    pub fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path().join(path)).expect("read")
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.path().join(path).exists()
    }

    /// Runs the program with a command line, split at spaces.
    #[must_use]
    pub fn run(&self, line: &str) -> Said {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        Said::of(&start(self.path(), &arguments))
    }

    /// Runs the program with arguments that may hold spaces.
    #[must_use]
    pub fn run_words(&self, arguments: &[&str]) -> Said {
        Said::of(&start(self.path(), arguments))
    }

    /// The same with more variables.
    #[must_use]
    pub fn run_with(&self, variables: &[(&str, &str)], line: &str) -> Said {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        Said::of(&command(self.path(), &arguments).envs(variables.iter().copied()).output().expect("the program runs"))
    }

    /// Starts the program with a command line, split at spaces, and does not wait for it.
    #[must_use]
    pub fn spawn(&self, line: &str) -> std::process::Child {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let mut command = command(self.path(), &arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
    }

    /// Runs the gate with arguments that need not be UTF-8, dry, for the rest as [`Door::promote`].
    #[must_use]
    pub fn run_os(&self, arguments: &[&OsStr], evidence: &str, least: &str) -> Said {
        let rest = format!(
            "--dry-run --repo app --store store --trust trust.sigstore.json --trust-digest {} {evidence} {least}",
            self.digest
        );
        let all: Vec<&OsStr> = arguments.iter().copied().chain(rest.split_whitespace().map(OsStr::new)).collect();
        Said::of(&start(self.path(), &all))
    }

    /// The same with trust and its digest from outside.
    #[must_use]
    pub fn trusting(&self, line: &str) -> Said {
        self.run(&format!("{line} --trust trust.sigstore.json --trust-digest {}", self.digest))
    }

    /// The gate's command line for production, with what is given besides.
    #[must_use]
    pub fn promote(&self, more: &str) -> Said {
        self.trusting(&format!(
            "promote app.bin --to production --repo app --store store --key keys/gate.pem --log-key keys/log.pem {more}"
        ))
    }

    /// Runs a shell script in a folder of the world, with the program on its path and these variables.
    #[must_use]
    pub fn shell(&self, folder: &str, script: &str, variables: &[(&str, &str)]) -> Said {
        #[expect(clippy::disallowed_methods, reason = "examples are run as their readers run them")]
        let mut command = Command::new("sh");
        let path = std::env::var("PATH").expect("a path");
        let beside = program().parent().expect("a folder").display().to_string();
        command.args(["-e", "-u", "-c", script]).current_dir(self.path().join(folder)).env_clear();
        pass_on(&mut command);
        command.env("PATH", format!("{beside}:{path}")).envs(variables.iter().copied());
        Said::of(&command.output().expect("a shell"))
    }

    /// A search path with a `git` in front that runs a script in the world once: the first time that it is called with this word.
    #[must_use]
    pub fn git_that(&self, word: &str, script: &str) -> String {
        let folder = self.path().display();
        let path = std::env::var("PATH").expect("a path");
        let beside = program().parent().expect("a folder").display().to_string();
        let git = format!(
            "#!/bin/sh\nPATH='{beside}:{path}'\ncase \" $* \" in *'{word}'*)\n  if mkdir {folder}/begun 2>/dev/null; then\n    \
             (cd {folder} && sh ./meanwhile.sh >meanwhile.out 2>&1)\n  fi;;\nesac\nexec git \"$@\"\n"
        );
        self.write("meanwhile.sh", script.as_bytes());
        std::fs::create_dir_all(self.path().join("bin")).expect("a folder");
        self.write("bin/git", git.as_bytes());
        self.shell(".", "rm -rf begun; chmod +x bin/git", &[]).expect(0, &[]);
        format!("{folder}/bin:{beside}:{path}")
    }

    /// Writes the log of `store` anew, as whoever holds its key can, with a checkpoint that others keep from then on.
    pub fn rewrite_log(&self, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let place = Place::new(&self.path().join("store"));
        let (_, mut entries) = place.read_log().expect("a log");
        change(&mut entries);
        self.shell(".", "chmod -R u+w store/log && rm -r store/log", &[]).expect(0, &[]);
        let key = SigningKey::load(&self.path().join("keys/log.pem")).expect("a key");
        let signer = LogSigner::new(Origin::new("example.com/log").expect("a name"), key).expect("a log's key");
        drop(Log::create(&place.log(), &signer).expect("a log").append(&entries).expect("appended"));
        self.write("outside/checkpoint", &self.read("store/log/checkpoint"));
    }

    /// Copies a folder.
    pub fn copy(&self, from: &str, to: &str) {
        copy(&self.path().join(from), &self.path().join(to));
    }

    /// Runs git in the demo's repository, and gives what it prints.
    #[must_use]
    pub fn git(&self, line: &str) -> String {
        self.git_in("app", line).1
    }

    /// Runs git in a folder: whether it did what it was asked, and what it printed.
    #[must_use]
    pub fn git_in(&self, folder: &str, line: &str) -> (bool, String) {
        #[expect(clippy::disallowed_methods, reason = "git answers for its own repository")]
        let output = Command::new("git").args(line.split_whitespace()).current_dir(self.path().join(folder)).output();
        let output = output.expect("git runs");
        (output.status.success(), text(&output).trim().to_owned())
    }

    /// How many entries the log has.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.run("log show --store store").out.lines().count() - 1
    }
}

fn start<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Output {
    command(folder, arguments).output().expect("the program runs")
}

fn command<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the program under test is run as its user runs it")]
    let mut command = Command::new(program());
    command.args(arguments).current_dir(folder).env_clear();
    pass_on(&mut command);
    command
}

/// What a toolchain needs of the environment, and nothing else.
fn pass_on(command: &mut Command) {
    for name in ["PATH", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "HOME", "USER"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// The program beside the test's own, built first if need be: `cargo test -p countersign-tests` does not build it.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().expect("this program");
        let folder = test.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
        let program = folder.expect("a target folder").join("countersign");
        if !program.exists() {
            #[expect(clippy::disallowed_methods, reason = "the program under test is built by cargo")]
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--locked", "--package", "countersign"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(built.expect("cargo runs").success(), "the program under test builds");
        }
        program
    });
    &PROGRAM
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            if entry.file_name() != "target" {
                copy(&entry.path(), &target);
            }
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
