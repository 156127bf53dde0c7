//! Notes to and from a remote, by the user's own git with the user's own settings and credentials: it is the same as
//! `git fetch` and `git push` of the ref. Notes of others are put together with ours line by line; nothing is forced.

use super::{GitError, GitRepo};
use crate::environment::Environment;
use crate::runner::{Program, RunError, Stderr};
use countersign_core::git::Oid;
use countersign_core::ids::RefName;
use countersign_core::limits;
use countersign_core::time::Time;

/// How often a push is tried while others push.
const TRIES: usize = 5;

impl GitRepo {
    /// Fetches the notes of a remote and puts them together with ours; `false` if the remote has none.
    pub fn fetch_notes(
        &self,
        environment: &Environment,
        remote: &str,
        name: &RefName,
        at: Time,
    ) -> Result<bool, GitError> {
        self.known_remote(remote)?;
        let Some(theirs) = self.fetched(environment, remote, name)? else { return Ok(false) };
        self.take_notes_in(name, &theirs, at)?;
        Ok(true)
    }

    /// Pushes our notes to a remote. Where others were faster, theirs are fetched and put together with ours first.
    pub fn push_notes(
        &self,
        environment: &Environment,
        remote: &str,
        name: &RefName,
        at: Time,
    ) -> Result<Oid, GitError> {
        self.known_remote(remote)?;
        for _ in 0..TRIES {
            let ours = self.resolve(name)?.ok_or_else(|| super::no_such(name.as_str()))?;
            // The id and not the ref is pushed: another writer here may move the ref meanwhile.
            let what = format!("{ours}:{name}");
            let pushed =
                self.inside(environment, &["push", "--quiet", "--no-verify", "--no-follow-tags", remote, &what]);
            let Err(refused) = pushed else { return Ok(ours) };
            let outrun = match self.fetched(environment, remote, name)? {
                Some(theirs) => !self.reaches(&ours, &theirs)?,
                None => false,
            };
            if !outrun {
                return Err(refused.into());
            }
            self.fetch_notes(environment, remote, name, at)?;
        }
        Err(GitError::Outrun { remote: remote.to_owned(), reference: name.clone(), times: TRIES })
    }

    fn known_remote(&self, remote: &str) -> Result<(), GitError> {
        if self.remotes().any(|(name, _)| name == remote) && !remote.starts_with('-') {
            return Ok(());
        }
        let remotes = self.remotes().map(|(name, _)| name.to_owned()).collect();
        Err(GitError::NoSuchRemote { name: remote.to_owned(), remotes })
    }

    /// What a remote's ref is, with its objects fetched.
    fn fetched(&self, environment: &Environment, remote: &str, name: &RefName) -> Result<Option<Oid>, GitError> {
        let listed = self.inside(environment, &["ls-remote", "--quiet", remote, name.as_str()])?;
        if listed.trim_ascii().is_empty() {
            return Ok(None);
        }
        let theirs = RefName::new(&format!("refs/countersign/{remote}/notes"));
        let theirs = theirs.map_err(|_form| super::no_such(remote))?;
        let what = format!("+{name}:{theirs}");
        let settings = ["-c", "gc.auto=0", "-c", "maintenance.auto=false", "fetch", "--quiet"];
        let options = ["--no-tags", "--no-prune", "--no-write-fetch-head", "--no-recurse-submodules", remote, &what];
        self.inside(environment, &[settings.as_slice(), &options].concat())?;
        self.resolve(&theirs)
    }

    fn inside(&self, environment: &Environment, arguments: &[&str]) -> Result<Vec<u8>, RunError> {
        let mut environment = environment.clone();
        environment.set("LC_ALL", "C");
        let program = Program::new("git", environment).directory(&self.git_dir).arg("--git-dir").arg(&self.git_dir);
        program.args(arguments).captured(limits::GIT_CONFIG_BYTES, None, Stderr::Kept)
    }
}
