//! A repository made by git, people with SSH keys, and the proof over what they did.

use super::stage::{Ask, Found, Stage, proof_of};
use crate::forge::{Delivery, Story};
use countersign_collect::Environment;
use countersign_core::bundle::Signed;
use countersign_core::digest::Sha256;
use countersign_core::forge::Capture;
use countersign_core::ids::{RefName, Uri};
use countersign_core::json;
use countersign_core::statement::review::{NAMESPACE, Review, ReviewDecision};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::trust::{TRUST_NAMESPACE, Trust};
use countersign_decide::review::{ForeignRow, Parameters, SourceLevel};
use countersign_flow::people::By;
use countersign_flow::review::{SignRequest, sign};
use countersign_sign::{PersonKey, SshKeygen};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// The repository's uri.
pub const REPOSITORY: &str = "git+https://example.com/team/app";
/// Its branch.
pub(super) const MAIN: &str = "refs/heads/main";

/// The people of trust.
const PEOPLE: &[&str] = &["ada", "ben", "cy"];

/// The scene.
#[derive(Debug)]
pub struct Scene {
    folder: TempDir,
    /// The signed trust document.
    pub trust: Vec<u8>,
    /// The digest of what it says.
    pub trust_digest: Sha256,
    /// Signed documents.
    pub reviews: RefCell<Vec<Vec<u8>>>,
    /// What collectors read.
    pub captures: Vec<Vec<u8>>,
    /// What the forge answers, and what it delivers, if there is one.
    pub forge: RefCell<Option<Hosting>>,
    clock: Cell<u32>,
    /// What is asked for.
    pub parameters: Parameters,
    /// The branch that is proved.
    pub target: &'static str,
    /// The branch that it was cut from.
    pub cut_from: Option<&'static str>,
}

/// What every scene begins with.
struct First {
    folder: TempDir,
    trust: Vec<u8>,
    trust_digest: Sha256,
    clock: u32,
}

impl First {
    fn make(format: &str) -> Self {
        let mut scene = Scene::empty();
        for person in PEOPLE.iter().chain(&["stranger"]) {
            let _key = scene.new_key(person);
        }
        scene.trust(&scene.trust_text(PEOPLE));
        std::fs::create_dir(scene.repo()).expect("a folder");
        scene.git(&["init", "-q", "--template=", "-b", "main", &format!("--object-format={format}")]);
        scene.write("a.txt", &lines(20, ""));
        scene.write("b.txt", &lines(20, ""));
        scene.commit("ada", "first");
        scene.git(&["tag", "start"]);
        Self { trust: scene.trust, trust_digest: scene.trust_digest, clock: scene.clock.get(), folder: scene.folder }
    }
}

/// A forge, as a tool of anybody's meets it.
#[derive(Debug, Clone)]
pub struct Hosting {
    /// What was asked and answered, for each change that was read.
    pub read: Vec<Capture>,
    /// What it told those who listen.
    pub deliveries: Vec<Delivery>,
    /// What happened there: which changes a commit belongs to.
    pub story: Story,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    /// Ada, ben and cy in trust, a stranger who is not, and a first commit that ada signed. It is made once for each
    /// process and copied: making keys takes longer than most cases do.
    #[must_use]
    pub fn new() -> Self {
        static FIRST: LazyLock<First> = LazyLock::new(|| First::make("sha1"));
        Self::after(&FIRST)
    }

    /// The same in a repository whose objects are named by SHA-256.
    #[must_use]
    pub fn named_by_sha256() -> Self {
        static FIRST: LazyLock<First> = LazyLock::new(|| First::make("sha256"));
        Self::after(&FIRST)
    }

    fn after(first: &First) -> Self {
        let mut scene = Self::empty();
        crate::door::copy(first.folder.path(), scene.path());
        scene.trust.clone_from(&first.trust);
        scene.trust_digest = first.trust_digest;
        scene.clock.set(first.clock);
        scene
    }

    fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            trust: Vec::new(),
            trust_digest: Sha256::of(b""),
            reviews: RefCell::default(),
            captures: Vec::new(),
            forge: RefCell::default(),
            clock: Cell::new(0),
            parameters: Parameters::default(),
            target: MAIN,
            cut_from: None,
        }
    }

    /// The scene's own folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The repository's folder.
    #[must_use]
    pub fn repo(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    /// A new SSH key.
    #[must_use]
    pub fn new_key(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let text = path.display().to_string();
        run(Path::new("/"), "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &text], &[]);
        path
    }

    /// The line of a public key.
    #[must_use]
    pub fn public(&self, person: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{person}.pub"))).expect("a key").trim().to_owned()
    }

    /// A trust document with these people.
    #[must_use]
    pub fn trust_text(&self, people: &[&str]) -> String {
        let person = |id: &&str| format!("[[persons]]\nid = \"{id}\"\nkeys = [{{ key = \"{}\" }}]\n", self.public(id));
        let persons: Vec<String> = people.iter().map(person).collect();
        format!(
            "version = 1\nnot_before = \"2020-01-01T00:00:00Z\"\nexpires = \"2090-01-01T00:00:00Z\"\n{}\
             [roles.trust]\npersons = [\"{}\"]\nthreshold = 1\n\
             [environments.production]\nreview_tier = \"T3\"\nbuilder_level = 0\n",
            persons.concat(),
            people[0]
        )
    }

    /// Uses another trust document from here on.
    pub fn trust(&mut self, text: &str) {
        let trust = Trust::from_toml(text.as_bytes()).expect("trust");
        let signer = trust.persons[0].id.to_string();
        self.sign_trust(&json::to_value(&trust).expect("a value"), &signer);
    }

    /// Has the trust document that is there altered as text, and signed again, whether it holds or not.
    pub fn trust_altered(&mut self, alter: impl FnOnce(String) -> String) {
        let signed = Signed::parse_lines(&self.trust).expect("trust");
        let statement = Statement::parse(&signed[0].1.payload).expect("trust");
        let altered = alter(statement.predicate.to_string());
        self.sign_trust(&serde_json::from_str(&altered).expect("JSON"), "ada");
    }

    fn sign_trust(&mut self, trust: &serde_json::Value, signer: &str) {
        self.trust_digest = Sha256::of(&json::canonical(trust).expect("canonical"));
        let subject = Subject::sha256("trust", &self.trust_digest);
        let statement = Statement::new(Kind::Trust, vec![subject], trust).expect("a statement");
        self.trust = self.sign(signer, &statement.to_bytes().expect("canonical"), TRUST_NAMESPACE);
    }

    fn sign(&self, person: &str, payload: &[u8], namespace: &str) -> Vec<u8> {
        let key = PersonKey::load(&self.folder.path().join(person)).expect("a key");
        key.sign(payload, namespace, &keygen()).expect("signed")
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.repo().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// Changes a line of a file.
    pub fn edit(&self, path: &str, line: usize, text: &str) {
        let file = self.repo().join(path);
        let before = std::fs::read_to_string(&file).expect("a file");
        let after: Vec<&str> = before.lines().enumerate().map(|(i, l)| if i == line { text } else { l }).collect();
        std::fs::write(file, after.join("\n") + "\n").expect("written");
    }

    /// Runs git in the repository, and gives what it prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_as(None, "Somebody", arguments)
    }

    /// Runs git as somebody, who signs if there is a key.
    pub fn git_as(&self, key: Option<&str>, name: &str, arguments: &[&str]) -> String {
        self.clock.set(self.clock.get() + 60);
        let date = format!("{} +0000", 1_700_000_000 + self.clock.get());
        let email = format!("{}@example.com", name.to_lowercase());
        let variables = [
            ("GIT_AUTHOR_NAME", name),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_AUTHOR_EMAIL", &email),
            ("GIT_COMMITTER_EMAIL", &email),
            ("GIT_AUTHOR_DATE", &date),
            ("GIT_COMMITTER_DATE", &date),
        ];
        let signing = key.map(|key| format!("user.signingkey={}", self.folder.path().join(key).display()));
        let mut all: Vec<&str> = Vec::new();
        if let Some(signing) = &signing {
            all.extend(["-c", "gpg.format=ssh", "-c", signing, "-c", "commit.gpgsign=true"]);
        }
        all.extend(arguments);
        run(&self.repo(), "git", &all, &variables)
    }

    /// Commits everything, signed by a person.
    pub fn commit(&self, person: &str, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git_as(Some(person), person, &["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    /// Commits everything, signed by nobody, under a name.
    pub fn commit_unsigned(&self, name: &str, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git_as(None, name, &["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    /// Makes the newest commit anew, with these dates.
    pub fn amend(&self, committer: bool, author: &str, date: &str) {
        let mut variables = vec![("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.com")];
        if committer {
            variables.push(("GIT_COMMITTER_DATE", date));
        }
        run(&self.repo(), "git", &["commit", "-q", "--amend", "--no-edit", author], &variables);
    }

    /// Has the newest review signed by a key that is nobody's own.
    pub fn resign_last(&mut self, key: &countersign_sign::SigningKey) {
        let last = self.reviews.get_mut().pop().expect("a review");
        let payload = Signed::parse(&last).expect("a document").payload;
        self.reviews.get_mut().push(countersign_sign::sign_payload(&payload, key).expect("signed"));
    }

    /// A commit's id.
    #[must_use]
    pub fn id(&self, name: &str) -> String {
        self.git(&["rev-parse", name])
    }

    /// A branch `feature` off main with one change to `a.txt`, by a person. Gives its head; main is checked out again.
    pub fn feature(&self, person: &str) -> String {
        self.git(&["checkout", "-q", "-b", "feature"]);
        self.edit("a.txt", 2, "feature");
        let head = self.commit(person, "feature");
        self.git(&["checkout", "-q", "main"]);
        head
    }

    /// Merges a branch into main, as git does it.
    pub fn merge(&self, branch: &str) -> String {
        self.git(&["merge", "-q", "--no-ff", "-m", "merge", branch]);
        self.id("HEAD")
    }

    /// A person's review of a head, for main as it is at `base`.
    pub fn review(&mut self, person: &str, head: &str, base: &str) {
        self.review_as(person, head, base, ReviewDecision::Approve, REPOSITORY, MAIN);
    }

    /// A review of any kind, of any repository and branch.
    pub fn review_as(
        &mut self,
        person: &str,
        head: &str,
        base: &str,
        decision: ReviewDecision,
        repo: &str,
        branch: &str,
    ) {
        let key = PersonKey::load(&self.path().join(person)).expect("a key");
        let (repository, target) = (Uri::new(repo).expect("a uri"), RefName::new(branch).expect("a ref"));
        let path = self.repo();
        let environment = programs();
        let keygen = keygen();
        let nonce = format!("{:032x}", self.reviews.borrow().len());
        let request = SignRequest {
            repo: &path,
            repository: Some(&repository),
            forge_id: None,
            head,
            target: &target,
            base: Some(base),
            decision,
            settles: BTreeSet::new(),
            by: By::Key(&key, &keygen),
            nonce: &nonce,
            programs: &environment,
        };
        let signed = sign(&request, |_, _| true).expect("signed");
        self.reviews.get_mut().push(signed.document);
    }

    /// A review that a person signs as it is given.
    pub fn review_with(&mut self, person: &str, change: impl FnOnce(&mut Review)) {
        let last = self.reviews.get_mut().pop().expect("a review");
        let signed = Signed::parse(&last).expect("a document");
        let statement = Statement::parse(&signed.payload).expect("a statement");
        let mut review: Review = statement.predicate_as(Kind::Review).expect("a review");
        change(&mut review);
        let subject = Subject::git("change", "gitCommit", &review.head_commit.hex());
        let statement = Statement::new(Kind::Review, vec![subject], &review).expect("a statement");
        let signed = self.sign(person, &statement.to_bytes().expect("canonical"), NAMESPACE);
        self.reviews.get_mut().push(signed);
    }

    /// Asks for something else than the defaults.
    pub fn asking(&mut self, change: impl FnOnce(&mut Parameters)) {
        change(&mut self.parameters);
    }

    /// What other tools recorded of `start..main`.
    #[must_use]
    pub fn foreign(&self) -> Vec<ForeignRow> {
        proof_of(self, &self.repo(), Some("start"), MAIN).0.outcome.foreign
    }

    /// The Source level of main, over `start..main`.
    pub(super) fn level(&self) -> SourceLevel {
        proof_of(self, &self.repo(), Some("start"), MAIN).0.level(&[])
    }

    /// What is found of `start..main` as it stands.
    #[must_use]
    pub fn found(&self) -> Found {
        let (proof, _) = proof_of(self, &self.repo(), Some("start"), MAIN);
        Found::of(proof.findings.into_iter().chain(proof.outcome.findings).collect())
    }

    /// The file with trust, and its digest.
    #[must_use]
    pub fn trust_file(&self) -> (PathBuf, Sha256) {
        let file = self.path().join("trust.sigstore.json");
        std::fs::write(&file, &self.trust).expect("written");
        (file, self.trust_digest)
    }

    /// Asks about `start..main`.
    #[must_use]
    pub fn prove(self) -> Stage {
        self.prove_range(Some("start"), MAIN)
    }

    /// Asks about a range.
    #[must_use]
    pub fn prove_range(self, start: Option<&str>, candidate: &str) -> Stage {
        let repo = self.repo();
        self.prove_in(repo, start, candidate)
    }

    /// Asks about a range of another clone, which lies in the scene's folder.
    #[must_use]
    pub fn prove_in(self, repo: PathBuf, start: Option<&str>, candidate: &str) -> Stage {
        Stage::Range(Box::new(Ask {
            scene: self,
            repo,
            start: start.map(str::to_owned),
            candidate: candidate.to_owned(),
            marked: None,
        }))
    }
}

/// Lines `0` to `n`, each with its number.
#[must_use]
pub(super) fn lines(n: usize, mark: &str) -> String {
    (0..n).map(|i| format!("line {i}{mark}\n")).collect::<Vec<_>>().concat()
}

fn keygen() -> SshKeygen {
    SshKeygen::new("ssh-keygen", std::env::vars_os())
}

pub(super) fn programs() -> Environment {
    std::env::vars_os().collect()
}

#[expect(clippy::disallowed_methods, reason = "scenes are made by the programs that people use")]
pub(super) fn run(folder: &Path, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(variables.iter().copied())
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
