//! Where the demo plays: a folder, this program, and the audience.

use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_flow::output::DemoStep;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The end of the name before the first documents of a package, and how far behind it is within them.
const DOCUMENTS: (&[u8], usize) = (b".docs", 100);

/// The stage.
pub(crate) struct Stage<'a> {
    program: PathBuf,
    folder: PathBuf,
    inside: PathBuf,
    chapter: u32,
    title: String,
    steps: Vec<DemoStep>,
    audience: &'a mut dyn Write,
}

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// Something could not be read or written.
    #[error("could not use {}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program is not there.
    #[error("could not run `{program}`: the demo needs git, ssh-keygen and cargo on the PATH")]
    NoProgram {
        /// Which.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A step ended otherwise than it must.
    #[error("`{command}` ended with {found}, expected {expected}\n{output}")]
    Unexpected {
        /// The command.
        command: String,
        /// How it had to end.
        expected: String,
        /// How it ended.
        found: String,
        /// What it printed.
        output: String,
    },
    /// The audience has left.
    #[error("could not print")]
    Audience(#[from] std::io::Error),
}

impl<'a> Stage<'a> {
    /// In an empty folder, with the program that is to be run.
    pub(crate) fn new(program: PathBuf, folder: PathBuf, audience: &'a mut dyn Write) -> Self {
        Self { program, inside: folder.clone(), folder, chapter: 0, title: String::new(), steps: Vec::new(), audience }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A heading and what happens below it.
    pub(crate) fn chapter(&mut self, title: &str, text: &str) -> Result<(), DemoError> {
        self.chapter = self.chapter.saturating_add(1);
        title.clone_into(&mut self.title);
        writeln!(self.audience, "\n== {}. {title} ==", self.chapter)?;
        let mut line = String::new();
        for word in text.split_whitespace() {
            if line.len().saturating_add(word.len()) > 100 {
                writeln!(self.audience, "{line}")?;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        writeln!(self.audience, "{line}\n")?;
        Ok(())
    }

    /// Text as it is.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), DemoError> {
        writeln!(self.audience, "{text}")?;
        Ok(())
    }

    /// Runs this program, shows the command and what it prints; it has to succeed.
    pub(crate) fn command(&mut self, arguments: &[&str]) -> Result<(), DemoError> {
        self.expecting(Exit::Ok, arguments)
    }

    /// As [`Stage::command`], with another end that has to come.
    pub(crate) fn expecting(&mut self, exit: Exit, arguments: &[&str]) -> Result<(), DemoError> {
        writeln!(self.audience, "$ {}", shown(arguments))?;
        let output = self.run(arguments)?;
        let text = text_of(&output);
        self.audience.write_all(text.as_bytes())?;
        if exit != Exit::Ok {
            writeln!(self.audience, "(exit code {})", exit.code())?;
        }
        writeln!(self.audience)?;
        ended(&shown(arguments), &output, exit)?;
        self.steps.push(DemoStep {
            chapter: self.title.clone(),
            command: format!("countersign {}", arguments.join(" ")),
            exit,
        });
        Ok(())
    }

    /// The commands that were shown, each ended as it had to.
    pub(crate) fn steps(&self) -> &[DemoStep] {
        &self.steps
    }

    /// Runs this program without showing it.
    pub(crate) fn quietly(&mut self, arguments: &[&str]) -> Result<(), DemoError> {
        self.output(arguments).map(|_| ())
    }

    /// What this program prints, without showing it.
    pub(crate) fn output(&mut self, arguments: &[&str]) -> Result<String, DemoError> {
        let output = self.run(arguments)?;
        ended(&shown(arguments), &output, Exit::Ok)
    }

    /// Steps inside a folder.
    pub(crate) fn inside(
        &mut self,
        folder: &str,
        steps: impl FnOnce(&mut Self) -> Result<(), DemoError>,
    ) -> Result<(), DemoError> {
        self.inside = self.folder.join(folder);
        writeln!(self.audience, "$ cd {folder}")?;
        let result = steps(self);
        writeln!(self.audience, "$ cd ..")?;
        self.inside = self.folder.clone();
        result
    }

    /// Runs another program in a folder, and gives what it prints.
    pub(crate) fn program(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, DemoError> {
        let output = start(OsStr::new(program), folder, arguments)?;
        ended(&format!("{program} {}", arguments.join(" ")), &output, Exit::Ok)
    }

    /// A new SSH key without a passphrase.
    pub(crate) fn ssh_key(&self, path: &Path, comment: &str) -> Result<(), DemoError> {
        let path = path.display().to_string();
        Self::program(&self.folder, "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", &path])
            .map(|_| ())
    }

    /// Writes a file of the demo's own.
    pub(crate) fn keep(&self, path: &str, text: &str) -> Result<(), DemoError> {
        let path = self.folder.join(path);
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        std::fs::write(&path, text).map_err(|source| DemoError::Io { path, source })
    }

    /// Reads a file of the demo's own.
    pub(crate) fn read(&self, path: &str) -> Result<String, DemoError> {
        let path = self.folder.join(path);
        std::fs::read_to_string(&path).map_err(|source| DemoError::Io { path, source })
    }

    /// Copies a file.
    pub(crate) fn copy(&self, from: &str, to: &str) -> Result<(), DemoError> {
        let (from, to) = (self.folder.join(from), self.folder.join(to));
        std::fs::copy(&from, &to).map(|_| ()).map_err(|source| DemoError::Io { path: from, source })
    }

    /// A file's digest.
    pub(crate) fn digest_of(&self, path: &str) -> Result<String, DemoError> {
        let path = self.folder.join(path);
        let bytes = std::fs::read(&path).map_err(|source| DemoError::Io { path, source })?;
        Ok(Sha256::of(&bytes).to_string())
    }

    /// A copy of a package with one byte changed: among the first day's documents, or in the middle where there are none.
    pub(crate) fn flip(&mut self, from: &str, to: &str) -> Result<(), DemoError> {
        let (from, to) = (self.folder.join(from), self.folder.join(to));
        let mut bytes = std::fs::read(&from).map_err(|source| DemoError::Io { path: from, source })?;
        let middle = bytes.len() / 2;
        let inside = bytes.windows(DOCUMENTS.0.len()).position(|window| window == DOCUMENTS.0);
        let at = inside.map_or(middle, |start| start.saturating_add(DOCUMENTS.1));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1;
        }
        writeln!(self.audience, "(byte {at} of a copy is changed)")?;
        std::fs::write(&to, bytes).map_err(|source| DemoError::Io { path: to, source })
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, DemoError> {
        start(self.program.as_os_str(), &self.inside, arguments)
    }
}

/// Makes a folder.
pub(crate) fn make_folder(path: &Path) -> Result<(), DemoError> {
    std::fs::create_dir_all(path).map_err(|source| DemoError::Io { path: path.to_owned(), source })
}

/// The demo's git and keys are its own: the user's configuration, agent and tokens play no part.
fn start(program: &OsStr, folder: &Path, arguments: &[&str]) -> Result<Output, DemoError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the demo runs this program as its user would, in a folder of its own"
    )]
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("SSH_AUTH_SOCK")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .stdin(std::process::Stdio::null());
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GITHUB_ACTIONS", "GITLAB_CI", "CI"] {
        command.env_remove(name);
    }
    let program = program.to_string_lossy().into_owned();
    command.output().map_err(|source| DemoError::NoProgram { program, source })
}

fn ended(command: &str, output: &Output, expected: Exit) -> Result<String, DemoError> {
    if output.status.code() == Some(i32::from(expected.code())) {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(DemoError::Unexpected {
        command: command.to_owned(),
        expected: format!("exit code {}", expected.code()),
        found: output.status.to_string(),
        output: text_of(output),
    })
}

fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A command as it can be pasted, broken before its options where it is long.
fn shown(arguments: &[&str]) -> String {
    let mut lines = vec![String::from("countersign")];
    let mut options = false;
    for argument in arguments {
        let starts = argument.starts_with("--") && !options;
        options |= *argument == "--";
        let line = lines.last().map_or(0, String::len);
        if starts && line.saturating_add(argument.len()) > 80 {
            lines.push(String::from("   "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(argument);
        }
    }
    lines.join(" \\\n")
}
