//! A small world made in memory: people, builder, gate, log, one policy release and a line of reviewed changes. Every
//! signature is real; nothing is read from a disk, and no program is started.

use crate::acted::acted;
use countersign_core::blob::Blob;
use countersign_core::decision::{Decision, LogRef, Request, Tool};
use countersign_core::digest::Sha256;
use countersign_core::entry::{Entry, EntrySchema};
use countersign_core::finding::Verdict;
use countersign_core::git::evidence::{Evidence as GitEvidence, Facts};
use countersign_core::git::listing::listing_digest;
use countersign_core::git::tree::{Entry as TreeEntry, Mode, Tree};
use countersign_core::git::{Commit, Object, ObjectFormat, ObjectKind, ObjectSet, Oid, Recording};
use countersign_core::ids::{EnvName, Origin, RefName, RuleId, Uri};
use countersign_core::key::PublicKey;
use countersign_core::log::checkpoint::Checkpoint;
use countersign_core::log::merkle::{leaf_hash, root_of};
use countersign_core::log::note::{NoteKey, NoteSigner, SignFailed};
use countersign_core::policy::{Activation, ENGINE, Manifest, Pin, SOURCE_FILE};
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_core::{git, json};
use countersign_decide::summary::summarise;
use countersign_decide::{ByRule, ElsewhereBy, Given, TrustGiven, decide_by_rule};
use countersign_flow::place::Place;
use countersign_record::log::writer::Log;
use countersign_record::store::Store as _;
use countersign_sign::{KeyKind, SigningKey, sign_payload};
use countersign_verify::trust::{TrustOutcome, verify_trust};
use countersign_verify::{Blobs, Evidence, History, LogState};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The repository of the world.
pub const REPOSITORY: &str = "git+https://example.com/team/app";
/// Its branch.
pub const BRANCH: &str = "refs/heads/main";
/// Its log.
pub const ORIGIN: &str = "example.com/log";

/// Evidence by digest, in memory.
#[derive(Debug, Default, Clone)]
pub struct Shelf(pub BTreeMap<Sha256, Vec<u8>>);

impl Shelf {
    /// Puts bytes on the shelf.
    pub fn put(&mut self, bytes: &[u8]) -> Sha256 {
        let digest = Sha256::of(bytes);
        self.0.insert(digest, bytes.to_vec());
        digest
    }
}

impl Blobs for Shelf {
    fn blob(&self, digest: &Sha256) -> Option<Blob> {
        self.0.get(digest).cloned().map(Blob::of)
    }
}

/// The world. A copy of it has the same people and keys.
#[derive(Debug, Clone)]
pub struct World {
    /// People, by id.
    pub people: BTreeMap<&'static str, Arc<SigningKey>>,
    /// The builder's key.
    pub builder: Arc<SigningKey>,
    /// The gate's key.
    pub gate: Arc<SigningKey>,
    /// The log's key.
    pub log: Arc<SigningKey>,
    /// The signed trust document.
    pub trust: Vec<u8>,
    /// Its digest.
    pub trust_digest: Sha256,
    /// What `countersign.lock` would say.
    pub pin: Pin,
    /// Documents.
    pub shelf: Shelf,
    /// The log's entries.
    pub entries: Vec<Vec<u8>>,
    /// The first entries' state, kept outside.
    pub least: LogRef,
    /// Git's objects.
    pub objects: ObjectSet,
    /// Refs that other tools keep records in.
    pub others: BTreeMap<RefName, Oid>,
    /// The tip of the branch.
    pub tip: Oid,
    /// Heads that landed since the last promotion.
    pub waiting: Vec<Oid>,
    /// What was promoted last, or the configured start.
    pub start: Oid,
    /// Its tags, each with the object that it names.
    pub tags: BTreeMap<RefName, Oid>,
    /// The time of the next step.
    pub now: Time,
    /// Rules that the next activation overrides the measurement of.
    pub overrides: BTreeSet<RuleId>,
    /// Labels that the next activation names, signed.
    pub labels: Vec<Vec<u8>>,
    /// The log that activations say they are for.
    pub activations_name: Option<Origin>,
}

/// The arguments of one decision, as bytes: what a test takes away or alters.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// What is asked.
    pub request: Request,
    /// The trust document.
    pub trust: Vec<u8>,
    /// Its digest from outside.
    pub trust_digest: Option<Sha256>,
    /// The log's checkpoint.
    pub checkpoint: Option<Vec<u8>>,
    /// The log's entries.
    pub entries: Vec<Vec<u8>>,
    /// The least checkpoint.
    pub least: Option<LogRef>,
    /// The checkpoint that witnesses cosigned.
    pub witnessed: Option<Vec<u8>>,
    /// The pin.
    pub pin: Option<Pin>,
    /// Signed documents.
    pub documents: Vec<Vec<u8>>,
    /// Whether the index is made of the documents that there are now; otherwise it is `index`.
    pub index: Option<Vec<Sha256>>,
    /// The git evidence.
    pub git: Option<Vec<u8>>,
    /// The evidence store.
    pub shelf: Shelf,
    /// By which release other environments are judged.
    pub elsewhere: ElsewhereBy,
}

impl Arguments {
    /// Decides.
    #[must_use]
    pub fn decide(&self) -> Decision {
        self.decide_by_rule().0
    }

    /// Decides, and says what each rule found.
    #[must_use]
    pub fn decide_by_rule(&self) -> (Decision, ByRule) {
        let git = self.git.as_ref().and_then(|bytes| GitEvidence::parse(bytes).ok());
        self.decide_over(git.as_ref().map(History::of).as_ref())
    }

    fn decide_over(&self, history: Option<&History<'_>>) -> (Decision, ByRule) {
        let outcome: TrustOutcome = verify_trust(&self.trust, self.trust_digest.as_ref(), self.request.time);
        let opened = match (&outcome.trust, &self.checkpoint) {
            (Some(trust), Some(checkpoint)) => {
                Some(LogState::open(checkpoint, &self.entries, trust, &self.shelf, self.request.time))
            }
            _ => None,
        };
        let evidence = outcome.trust.as_ref().map(|t| Evidence::verify(&self.documents, t, self.request.time));
        let index = self.index.as_ref().map(|digests| {
            digests
                .iter()
                .map(|digest| countersign_core::decision::EvidenceRef { digest: *digest, kind: None, against: None })
                .collect()
        });
        decide_by_rule(
            &self.request,
            &Given {
                trust: TrustGiven { outcome: &outcome, digest: self.trust_digest.as_ref() },
                state: opened.as_ref().and_then(|o| o.state.as_ref()).map(LogState::now),
                log_findings: opened.as_ref().map_or(&[], |o| o.findings.as_slice()),
                log_checks: opened.as_ref().map_or(&[], |o| o.checks.as_slice()),
                least_checkpoint: self.least.clone(),
                witnessed: self.witnessed.as_deref(),
                pin: self.pin.clone(),
                evidence: evidence.as_ref(),
                index,
                history,
                git: self.git.as_deref().map(Sha256::of),
                blobs: &self.shelf,
                elsewhere: self.elsewhere,
            },
        )
    }

    /// Makes the index that of the documents that there are now, as somebody would who leaves some out.
    pub fn index_what_is_there(&mut self) {
        self.index = Some(self.documents.iter().map(|bytes| Sha256::of(bytes)).collect());
    }
}

/// The policy of the world.
#[must_use]
pub fn policy_toml(start: &Oid) -> String {
    let rule = |id: &str, extra: &str| {
        format!(
            "[[rules]]\nid = \"{id}\"\ncontrols = [\"SOC 2 CC8.1\"]\n\
             stages = {{ production = \"enforce\", staging = \"warn\" }}\n{extra}\n"
        )
    };
    format!(
        "uri = \"https://example.com/policy/release\"\nlineage = \"world\"\nversion = 1\n\
         not_before = \"2026-01-01T00:00:00Z\"\nexpires = \"2028-01-01T00:00:00Z\"\n\n\
         [[sources]]\nrepository = \"{REPOSITORY}\"\nref = \"{BRANCH}\"\nstart = \"{start}\"\n\n\
         [environments.production]\nenforced = true\n[environments.staging]\nenforced = false\n\n{}{}{}{}{}",
        rule("builder-level@1", "parameters = { least = 2 }"),
        rule("dependencies-pinned@1", ""),
        rule("sbom-present@1", ""),
        rule("source-clean@1", ""),
        rule("two-party-review@1", "parameters = { reviewers_beyond_author = 1, least_tier = \"T3\" }"),
    )
}

impl World {
    /// A world in which nothing was promoted yet, and one release is active for production.
    #[must_use]
    pub fn new() -> Self {
        let key = || Arc::new(SigningKey::generate(KeyKind::Ed25519).expect("random bytes"));
        let people: BTreeMap<_, _> = ["ada", "ben", "cy"].into_iter().map(|id| (id, key())).collect();
        let (builder, gate, log) = (key(), key(), key());
        let mut objects = ObjectSet::new();
        let start = commit(&mut objects, &[("src/lib.rs", "fn zero() {}\n")], &[], "start");
        let now: Time = "2026-11-22T10:00:00Z".parse().expect("a time");
        let mut world = Self {
            trust_digest: Sha256::of(b""),
            pin: Pin {
                uri: Uri::new("https://example.com/policy/release").expect("a uri"),
                version: 1,
                digest: Sha256::of(b""),
                min_version: 1,
            },
            least: LogRef { origin: origin(), size: 0, root: root_of(&[]) },
            people,
            builder,
            gate,
            log,
            trust: Vec::new(),
            shelf: Shelf::default(),
            entries: Vec::new(),
            objects,
            others: BTreeMap::new(),
            tip: start,
            waiting: Vec::new(),
            start,
            tags: BTreeMap::new(),
            now,
            overrides: BTreeSet::new(),
            labels: Vec::new(),
            activations_name: Some(origin()),
        };
        world.found();
        world
    }

    /// Another one, in which a change was promoted.
    #[must_use]
    pub fn new_promoted() -> Self {
        let mut world = Self::new();
        drop(world.promote_next(0));
        world
    }

    /// The world's trust document, at a version.
    #[must_use]
    pub fn trust_toml(&self, version: u64) -> String {
        let line = |key: &SigningKey| key.public().to_openssh();
        let person = |(id, key): (&&str, &Arc<SigningKey>)| {
            format!("[[persons]]\nid = \"{id}\"\nkeys = [{{ key = \"{}\" }}]\n", line(key))
        };
        let persons = self.people.iter().map(person).collect::<Vec<_>>().concat();
        let previous = if version > 1 { format!("previous = \"{}\"\n", self.trust_digest) } else { String::new() };
        format!(
            "version = {version}\n{previous}not_before = \"2026-01-01T00:00:00Z\"\nexpires = \"2028-01-01T00:00:00Z\"\n{persons}\
             [[builders]]\nid = \"https://example.com/builder\"\nmax_level = 2\nkeys = [{{ key = \"{}\" }}]\n\
             [[gates]]\nid = \"https://example.com/gate\"\nenvironments = [\"production\", \"staging\"]\nkeys = [{{ key = \"{}\" }}]\n\
             [[logs]]\norigin = \"{ORIGIN}\"\nkeys = [{{ key = \"{}\" }}]\n\
             [roles.trust]\npersons = [\"ada\", \"ben\"]\nthreshold = 2\n\
             [roles.policy-approvers]\npersons = [\"ada\", \"ben\", \"cy\"]\nthreshold = 2\n\
             [environments.production]\nreview_tier = \"T3\"\nbuilder_level = 2\nenforced_rules = [\"two-party-review@1\"]\n\
             [environments.staging]\nreview_tier = \"T0\"\nbuilder_level = 0\n",
            line(&self.builder),
            line(&self.gate),
            line(&self.log),
        )
    }

    /// Records a trust document that these people signed, and goes on under it.
    pub fn trust_from_now_on(&mut self, toml: &str, signers: &[&str]) {
        let trust = Trust::from_toml(toml.as_bytes()).expect("trust");
        self.trust_digest = trust.digest().expect("a digest");
        let subject = Subject::sha256("trust", &self.trust_digest);
        let statement = Statement::new(Kind::Trust, vec![subject], &trust).expect("a statement");
        self.trust = self.lines(&statement, signers);
        let document = self.shelf.put(&self.trust.clone());
        self.append(Kind::Trust, None, vec![self.trust_digest], vec![document], Vec::new());
    }

    /// Trust, and the first release.
    fn found(&mut self) {
        self.trust_from_now_on(&self.trust_toml(1), &["ada", "ben"]);

        let files = BTreeMap::from([(SOURCE_FILE.to_owned(), policy_toml(&self.start).into_bytes())]);
        let manifest = Manifest::close(&files).expect("a policy");
        let release = self.release(&manifest, &["ada", "ben"]);
        self.pin.digest = manifest.digest().expect("a digest");
        for environment in ["production", "staging"] {
            self.activate(&manifest, &release, environment, &["ada"], None, None);
        }
        self.least = self.log_ref();
    }

    /// A release as approvers sign it.
    #[must_use]
    pub fn release(&self, manifest: &Manifest, approvers: &[&str]) -> Vec<u8> {
        let digest = manifest.digest().expect("a digest");
        let subject = Subject::sha256(manifest.uri.as_str(), &digest);
        let statement = Statement::new(Kind::PolicyRelease, vec![subject], manifest).expect("a statement");
        self.lines(&statement, approvers)
    }

    /// Appends an activation, with the overrides and labels that were set for it.
    pub fn activate(
        &mut self,
        manifest: &Manifest,
        release: &[u8],
        environment: &str,
        by: &[&str],
        replaces: Option<Sha256>,
        reason: Option<&str>,
    ) {
        let policy = manifest.reference().expect("a reference");
        let environment = EnvName::new(environment).expect("an environment");
        let labels: Vec<Sha256> = std::mem::take(&mut self.labels).iter().map(|bytes| self.shelf.put(bytes)).collect();
        let activation = Activation {
            log: self.activations_name.clone(),
            environment: environment.clone(),
            policy: policy.clone(),
            replaces,
            activated_at: self.now,
            reason: reason.map(str::to_owned),
            overrides: std::mem::take(&mut self.overrides),
            adjudications: labels.iter().copied().collect(),
        };
        let subject = Subject::sha256(policy.uri.as_str(), &policy.digest);
        let statement = Statement::new(Kind::PolicyActivation, vec![subject], &activation).expect("a statement");
        let activation = self.lines(&statement, by);
        let documents = vec![self.shelf.put(&activation)];
        let evidence = std::iter::once(self.shelf.put(release)).chain(labels).collect();
        self.append(Kind::PolicyActivation, Some(environment), vec![policy.digest], documents, evidence);
    }

    /// Appends an entry at the world's time.
    pub fn append(
        &mut self,
        kind: Kind,
        environment: Option<EnvName>,
        subjects: Vec<Sha256>,
        statements: Vec<Sha256>,
        evidence: Vec<Sha256>,
    ) {
        let entry = Entry {
            schema: EntrySchema::V01,
            kind,
            time: self.now,
            environment,
            subjects,
            persons: acted(self, kind, &statements),
            statements,
            evidence,
        };
        self.entries.push(entry.to_bytes().expect("an entry"));
    }

    /// A statement under one signature a person, one a line.
    #[must_use]
    pub fn lines(&self, statement: &Statement, people: &[&str]) -> Vec<u8> {
        let payload = statement.to_bytes().expect("canonical");
        let lines = people.iter().map(|id| sign_payload(&payload, &self.people[id]).expect("signed"));
        lines.collect::<Vec<_>>().join(&b'\n')
    }

    /// The log as it is.
    #[must_use]
    pub fn log_ref(&self) -> LogRef {
        let hashes: Vec<_> = self.entries.iter().map(|bytes| leaf_hash(bytes)).collect();
        let size = u64::try_from(self.entries.len()).expect("few entries");
        LogRef { origin: origin(), size, root: root_of(&hashes) }
    }

    /// The signed checkpoint of the log as it is.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        let LogRef { origin, size, root } = self.log_ref();
        let signer = LogKeeper::of(self);
        Checkpoint { origin, size, root }.sign(&signer).expect("signed").to_string().into_bytes()
    }

    /// A change that lands by a merge: the new head and the landed commit. Nobody has reviewed it yet.
    pub fn land(&mut self, number: usize) -> (Oid, Oid) {
        self.land_in(number, number)
    }

    /// The same, in a file of this number.
    pub fn land_in(&mut self, number: usize, file: usize) -> (Oid, Oid) {
        let base = self.tip;
        let file = format!("src/change_{file}.rs");
        let text = format!("fn change_{number}() {{}}\n");
        let head = commit_on(&mut self.objects, &base, &[(&file, &text)], &[base], "change");
        let tree = git::ObjectSource::commit(&self.objects, &head).expect("the head").tree;
        let landed = commit_with_tree(&mut self.objects, &tree, &[base, head], "merge");
        self.tip = landed;
        self.waiting.push(head);
        (head, landed)
    }

    /// A change of several commits that lands by merge, squash or rebase in turn, on files of its own. Gives its head.
    pub fn land_series(&mut self, number: usize, commits: usize) -> Oid {
        let base = self.tip;
        let mut head = base;
        let mut trees = Vec::new();
        for n in 0..commits {
            let file = format!("src/change_{}.rs", (number * commits + n) % 400);
            let text = format!("fn change_{number}_{n}() {{}}\n");
            head = commit_on(&mut self.objects, &head, &[(&file, &text)], &[head], &format!("change {number}.{n}"));
            trees.push(git::ObjectSource::commit(&self.objects, &head).expect("the head").tree);
        }
        let tree = *trees.last().expect("a commit");
        self.tip = match number % 3 {
            0 => commit_with_tree(&mut self.objects, &tree, &[base, head], "merge"),
            1 => commit_with_tree(&mut self.objects, &tree, &[base], "squash"),
            _ => trees.iter().fold(base, |tip, tree| commit_with_tree(&mut self.objects, tree, &[tip], "rebase")),
        };
        self.waiting.push(head);
        head
    }

    /// Makes this many files in one commit that nobody reviews, and starts after it: what lands later does not make the
    /// trees larger, so that the work for one change is the same in a short range and in a long one.
    pub fn plant(&mut self, files: usize) -> Oid {
        let names: Vec<String> = (0..files).map(|n| format!("src/change_{n}.rs")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "fn nothing() {}\n")).collect();
        self.tip = commit_on(&mut self.objects, &self.tip, &files, &[self.tip], "files");
        self.start = self.tip;
        self.tip
    }

    /// A change of one commit, in a file of its own, that left the branch at `base`, however long ago, and lands by a merge
    /// or by squash in turn. Gives its head.
    pub fn land_from(&mut self, base: &Oid, number: usize) -> Oid {
        let file = format!("src/change_{number}.rs");
        let text = format!("fn change_{number}() {{}}\n");
        let files = [(file.as_str(), text.as_str())];
        let head = commit_on(&mut self.objects, base, &files, &[*base], "change");
        let parents = if number.is_multiple_of(2) { vec![self.tip, head] } else { vec![self.tip] };
        self.tip = commit_on(&mut self.objects, &self.tip, &files, &parents, "landed");
        self.waiting.push(head);
        head
    }

    /// A commit with the tree of another.
    pub fn commit_tree(&mut self, tree: &Oid, parents: &[Oid], message: &str) -> Oid {
        commit_with_tree(&mut self.objects, tree, parents, message)
    }

    /// A review of `head` against `base`, by a person.
    #[must_use]
    pub fn review(&self, person: &str, base: &Oid, head: &Oid, decision: ReviewDecision) -> Vec<u8> {
        self.review_as(person, base, head, decision, "first")
    }

    /// The same once more: another `nonce` makes it another document.
    #[must_use]
    pub fn review_as(&self, person: &str, base: &Oid, head: &Oid, decision: ReviewDecision, nonce: &str) -> Vec<u8> {
        self.signed_review(person, base, head, decision, nonce, BTreeSet::new())
    }

    /// An approval that settles rejections.
    #[must_use]
    pub fn review_settling(&self, person: &str, base: &Oid, head: &Oid, settles: BTreeSet<Sha256>) -> Vec<u8> {
        self.signed_review(person, base, head, ReviewDecision::Approve, "settles", settles)
    }

    fn signed_review(
        &self,
        person: &str,
        base: &Oid,
        head: &Oid,
        decision: ReviewDecision,
        nonce: &str,
        settles: BTreeSet<Sha256>,
    ) -> Vec<u8> {
        let head_tree = git::ObjectSource::commit(&self.objects, head).expect("the head").tree;
        let review = Review {
            settles,
            repository: Uri::new(REPOSITORY).expect("a uri"),
            forge_id: None,
            target_ref: RefName::new(BRANCH).expect("a ref"),
            base_commit: *base,
            head_commit: *head,
            head_tree,
            merge_tree: Some(head_tree),
            merge_rule: git::merge::RULE,
            head_listing: listing_digest(&self.objects, &head_tree).expect("a listing"),
            decision,
            nonce: if nonce == "first" {
                format!("{person}-{decision}")
            } else {
                format!("{person}-{decision}-{nonce}")
            },
        };
        let subject = Subject::git("change", "gitCommit", &head.hex());
        let statement = Statement::new(Kind::Review, vec![subject], &review).expect("a statement");
        sign_payload(&statement.to_bytes().expect("canonical"), &self.people[person]).expect("signed")
    }

    /// Provenance and SBOM of an artifact built from a commit, by the builder.
    #[must_use]
    pub fn built(&self, artifact: &Sha256, commit: &Oid, tree: &str, components: usize) -> [Vec<u8>; 2] {
        self.built_from(&format!("{REPOSITORY}@{BRANCH}"), artifact, commit, tree, components)
    }

    /// The same, from another source than the world's branch.
    #[must_use]
    pub fn built_from(
        &self,
        source: &str,
        artifact: &Sha256,
        commit: &Oid,
        tree: &str,
        components: usize,
    ) -> [Vec<u8>; 2] {
        let package = |i: usize| (format!("pkg:cargo/dep{i}@1.0.0"), Sha256::of(format!("dep{i}").as_bytes()).hex());
        let mut resolved = vec![json!({
            "name": "source", "uri": source, "digest": {"gitCommit": commit.hex()},
            "annotations": {"countersign_tree": tree, "countersign_history": "complete"}
        })];
        resolved.extend((0..components).map(|i| {
            let (purl, digest) = package(i);
            json!({"uri": purl, "digest": {"sha256": digest}})
        }));
        let provenance = json!({
            "buildDefinition": {
                "buildType": "https://countersign.dev/build-types/cargo/v1",
                "externalParameters": {"source": source, "arguments": ["build", "--release"]},
                "resolvedDependencies": resolved
            },
            "runDetails": {"builder": {"id": "https://example.com/builder"}, "metadata": {"invocationId": "1"}}
        });
        let parts: Vec<Value> = (0..components)
            .map(|i| {
                let (purl, digest) = package(i);
                json!({"type": "library", "bom-ref": purl, "name": format!("dep{i}"), "version": "1.0.0",
                       "purl": purl, "hashes": [{"alg": "SHA-256", "content": digest}]})
            })
            .collect();
        let mut graph: Vec<Value> = (0..components).map(|i| json!({"ref": package(i).0, "dependsOn": []})).collect();
        let all: Vec<String> = (0..components).map(|i| package(i).0).collect();
        graph.push(json!({"ref": "path:app@1.0.0", "dependsOn": all}));
        let sbom = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "application", "bom-ref": "path:app@1.0.0", "name": "app",
                "version": "1.0.0", "hashes": [{"alg": "SHA-256", "content": artifact.hex()}]}},
            "components": parts, "dependencies": graph
        });
        let sign = |kind, predicate: &Value| {
            let statement =
                Statement::new(kind, vec![Subject::sha256("app", artifact)], predicate).expect("a statement");
            sign_payload(&statement.to_bytes().expect("canonical"), &self.builder).expect("signed")
        };
        [sign(Kind::Provenance, &provenance), sign(Kind::Sbom, &sbom)]
    }

    /// The repository as it is observed now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let listing = |head: &Oid| {
            let tree = git::ObjectSource::commit(&self.objects, head).expect("a head").tree;
            (*head, listing_digest(&self.objects, &tree).expect("a listing"))
        };
        let listings = self.waiting.iter().map(listing).collect();
        Facts {
            format: ObjectFormat::Sha1,
            repository: Uri::new(REPOSITORY).expect("a uri"),
            ref_name: Some(RefName::new(BRANCH).expect("a ref")),
            candidate: self.tip,
            start: Some(self.start),
            cut_from: None,
            shallow: false,
            replace_refs: BTreeSet::new(),
            grafts: false,
            others: self.others.clone(),
            listings,
            tags: self.tags.clone(),
            unsound: BTreeMap::new(),
        }
    }

    /// What is asked for an artifact.
    #[must_use]
    pub fn request(&self, artifact: &Sha256, environment: &str) -> Request {
        Request {
            subject: *artifact,
            subject_name: "app".to_owned(),
            environment: EnvName::new(environment).expect("an environment"),
            time: self.now,
            engine: ENGINE.to_owned(),
            gate: self.gate.public().id(),
            gate_identity: None,
            tool: Tool {
                name: "countersign".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                digest: Sha256::of(b"countersign"),
            },
        }
    }

    /// The arguments for promoting `artifact`, built from the tip, with these documents.
    #[must_use]
    pub fn arguments(&self, artifact: &Sha256, environment: &str, documents: Vec<Vec<u8>>) -> Arguments {
        let facts = self.facts();
        let mut arguments = Arguments {
            request: self.request(artifact, environment),
            trust: self.trust.clone(),
            trust_digest: Some(self.trust_digest),
            checkpoint: Some(self.checkpoint()),
            entries: self.entries.clone(),
            least: Some(self.least.clone()),
            witnessed: None,
            pin: Some(self.pin.clone()),
            documents,
            index: None,
            git: None,
            shelf: self.shelf.clone(),
            elsewhere: ElsewhereBy::TheirRelease,
        };
        arguments.index_what_is_there();
        let recording = Recording::new(&self.objects);
        drop(arguments.decide_over(Some(&History::rehearsal(&facts, &recording))));
        let evidence = GitEvidence { facts, objects: recording.into_read() };
        arguments.git = Some(evidence.encode().expect("evidence"));
        arguments
    }

    /// Promotes the next change by the whole way: landed, built, reviewed by two, decided and recorded.
    pub fn promote_next(&mut self, number: usize) -> Decision {
        let base = self.tip;
        let (head, landed) = self.land(number);
        let artifact = Sha256::of(format!("artifact {number}").as_bytes());
        let mut documents = self.built(&artifact, &landed, "clean", 3).to_vec();
        for person in ["ada", "ben"] {
            documents.push(self.review(person, &base, &head, ReviewDecision::Approve));
        }
        let arguments = self.arguments(&artifact, "production", documents);
        let decision = arguments.decide();
        self.record(&arguments, &decision);
        decision
    }

    /// Writes documents and log into a store's folder, as the tool would have.
    pub fn write_store(&self, folder: &std::path::Path) {
        let place = Place::new(folder);
        let pieces: Vec<&[u8]> = self.shelf.0.values().map(Vec::as_slice).collect();
        place.store().put_many(&pieces).expect("stored");
        let keeper = LogKeeper::of(self);
        let mut log = Log::create(&place.log(), &keeper).expect("a log");
        for entry in &self.entries {
            log.append(std::slice::from_ref(entry)).expect("appended");
        }
    }

    /// The same, with the log appended in one step: it holds the same entries, and no tile of an earlier size.
    pub fn write_store_at_once(&self, folder: &std::path::Path) {
        let place = Place::new(folder);
        let pieces: Vec<&[u8]> = self.shelf.0.values().map(Vec::as_slice).collect();
        place.store().put_many(&pieces).expect("stored");
        let keeper = LogKeeper::of(self);
        let mut log = Log::create(&place.log(), &keeper).expect("a log");
        log.append(&self.entries).expect("appended");
    }

    /// Records a decision as the gate does, and goes on from there.
    pub fn record(&mut self, arguments: &Arguments, decision: &Decision) {
        self.record_with(&arguments.documents, arguments.git.as_deref(), decision);
    }

    /// Records a decision that was made on these documents.
    pub fn record_with(&mut self, documents: &[Vec<u8>], git: Option<&[u8]>, decision: &Decision) {
        let gate = Uri::new("https://example.com/gate").expect("a uri");
        let subject = vec![Subject::sha256(&decision.request.subject_name, &decision.request.subject)];
        let sign = |kind, predicate: &Value| {
            let statement = Statement::new(kind, subject.clone(), predicate).expect("a statement");
            sign_payload(&statement.to_bytes().expect("canonical"), &self.gate).expect("signed")
        };
        let signed = sign(Kind::PromotionDecision, &json::to_value(decision).expect("a value"));
        let summary = summarise(decision, &gate, &Sha256::of(&signed)).expect("a summary");
        let vsa = sign(Kind::Vsa, &json::to_value(&summary).expect("a value"));
        let statements = vec![self.shelf.put(&signed), self.shelf.put(&vsa)];
        for document in documents {
            self.shelf.put(document);
        }
        let git = git.map(|bytes| self.shelf.put(bytes));
        let evidence = std::iter::once(Sha256::of(&self.trust)).chain(git).collect();
        let environment = Some(decision.request.environment.clone());
        self.append(Kind::PromotionDecision, environment, vec![decision.request.subject], statements, evidence);
        if decision.verdict == Verdict::Pass
            && let Some(source) = &decision.source
        {
            self.start = source.revision;
            self.waiting.clear();
        }
        self.now = self.now.plus(60);
    }
}

/// The log's key as its writer wants it.
#[derive(Debug)]
pub struct LogKeeper<'w> {
    key: NoteKey,
    secret: &'w SigningKey,
}

impl<'w> LogKeeper<'w> {
    /// Of a world's log.
    #[must_use]
    pub fn of(world: &'w World) -> Self {
        let PublicKey::Ed25519(public) = world.log.public() else { panic!("the log's key is Ed25519") };
        Self { key: NoteKey::new(origin(), *public), secret: &world.log }
    }
}

impl NoteSigner for LogKeeper<'_> {
    fn key(&self) -> &NoteKey {
        &self.key
    }

    fn sign(&self, bytes: &[u8]) -> Result<[u8; 64], SignFailed> {
        let failed = || SignFailed { key: self.key.clone(), source: None };
        let signature = self.secret.sign(bytes).map_err(|_signing| failed())?;
        signature.try_into().map_err(|_length| failed())
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn origin() -> Origin {
    Origin::new(ORIGIN).expect("an origin")
}

const WHO: &[u8] = b"Somebody <somebody@example.com> 1700000000 +0000";

fn insert(objects: &mut ObjectSet, kind: ObjectKind, bytes: Vec<u8>) -> Oid {
    objects.insert(ObjectFormat::Sha1, Object::new(kind, bytes)).expect("no collision")
}

/// A commit with these files, all of them below one folder.
fn commit(objects: &mut ObjectSet, files: &[(&str, &str)], parents: &[Oid], message: &str) -> Oid {
    let tree = tree_of(objects, &BTreeMap::new(), files);
    commit_with_tree(objects, &tree, parents, message)
}

/// A commit with the files of another, and these besides.
fn commit_on(objects: &mut ObjectSet, base: &Oid, files: &[(&str, &str)], parents: &[Oid], message: &str) -> Oid {
    let root = git::ObjectSource::commit(objects, base).expect("the base").tree;
    let root = git::ObjectSource::tree(objects, &root).expect("its tree");
    let folder = root.get(b"src").expect("a folder").id;
    let before = git::ObjectSource::tree(objects, &folder).expect("the folder");
    let before = before.entries().iter().map(|entry| (entry.name.clone(), entry.id)).collect();
    let tree = tree_of(objects, &before, files);
    commit_with_tree(objects, &tree, parents, message)
}

fn commit_with_tree(objects: &mut ObjectSet, tree: &Oid, parents: &[Oid], message: &str) -> Oid {
    insert(objects, ObjectKind::Commit, Commit::encode(tree, parents, WHO, WHO, message.as_bytes()))
}

fn tree_of(objects: &mut ObjectSet, before: &BTreeMap<Vec<u8>, Oid>, files: &[(&str, &str)]) -> Oid {
    let mut names = before.clone();
    for (path, text) in files {
        let name = path.strip_prefix("src/").expect("below src/").as_bytes().to_vec();
        names.insert(name, insert(objects, ObjectKind::Blob, text.as_bytes().to_vec()));
    }
    let entries = names.into_iter().map(|(name, id)| TreeEntry { mode: Mode::File, name, id }).collect();
    let folder = Tree::new(entries).expect("a tree").encode();
    let id = insert(objects, ObjectKind::Tree, folder);
    let root = Tree::new(vec![TreeEntry { mode: Mode::Directory, name: b"src".to_vec(), id }]).expect("a tree");
    insert(objects, ObjectKind::Tree, root.encode())
}
