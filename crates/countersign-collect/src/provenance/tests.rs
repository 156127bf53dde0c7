//! Real commands in real repositories; cargo builds a package without dependencies.

use super::*;
use crate::testing::{self, Ground, commit, git};
use countersign_core::statement::provenance::{History, Tree};
use serde_json::json;

const REMOTE: &str = "https://me:secret@git.example.com/team/app.git";
const URI: &str = "git+https://git.example.com/team/app";

struct Bench {
    ground: Ground,
    path: PathBuf,
    environment: Environment,
}

impl Bench {
    fn new() -> Self {
        let ground = Ground::new();
        let path = ground.repository("r", &[]);
        git(&path, &["remote", "add", "origin", REMOTE]);
        Self { ground, path, environment: testing::environment() }
    }

    fn ask<'a>(&'a self, artifacts: &'a [PathBuf]) -> Request<'a> {
        Request {
            directory: &self.path,
            environment: &self.environment,
            source_uri: None,
            lock_file: None,
            artifacts,
            output: None,
            hermetic: false,
            local_run: "urn:uuid:1",
        }
    }

    fn run(&self, command: &[&str]) -> Result<Observed, ProvenanceError> {
        self.run_for(&["out"], command)
    }

    fn run_for(&self, artifacts: &[&str], command: &[&str]) -> Result<Observed, ProvenanceError> {
        let artifacts: Vec<PathBuf> = artifacts.iter().map(PathBuf::from).collect();
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let ticks = std::cell::Cell::new(0);
        let clock = || {
            ticks.set(ticks.get() + 90);
            Time::from_unix(1_800_000_000 + ticks.get()).unwrap()
        };
        provenance_by_running(&self.ask(&artifacts), &command, &clock)
    }

    fn ignore_output(&self) {
        commit(&self.path, ".gitignore", "out\ntarget\n");
    }
}

fn lock(checksum: &str) -> String {
    format!(
        "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{checksum}\"\n"
    )
}

#[test]
fn a_watched_command_is_recorded_with_source_times_and_run() {
    let bench = Bench::new();
    bench.ignore_output();
    let head = commit(&bench.path, "Cargo.lock", &lock(&"a".repeat(64)));
    let observed = bench.run(&["sh", "-c", "printf made > out"]).unwrap();
    let predicate = &observed.predicate;
    let definition = &predicate.build_definition;
    assert_eq!(definition.build_type.as_str(), build_type::COMMAND_V1);
    let expected = json!({"source": format!("{URI}@refs/heads/main"), "command": ["sh", "-c", "printf made > out"]});
    assert_eq!(serde_json::to_value(&definition.external_parameters).unwrap(), expected);
    assert_eq!(predicate.unknown_external_parameters(), Some(Vec::new()));

    let source = predicate.source().unwrap();
    assert_eq!((source.repository, source.commit), (URI, head));
    assert_eq!((source.tree, source.history), (Some(Tree::Clean), Some(History::Complete)));
    let rest: Vec<_> = predicate.dependencies().map(|d| (d.uri.as_deref(), d.name.as_deref())).collect();
    assert_eq!(rest, [(None, Some("Cargo.lock")), (Some("pkg:cargo/a@1.0.0"), None)]);

    let run = &predicate.run_details;
    assert_eq!(run.builder.id.as_str(), Kind::Local.builder_id());
    assert_eq!(run.metadata.invocation_id.as_deref(), Some("urn:uuid:1"));
    let times = [&run.metadata.started_on, &run.metadata.finished_on].map(|m| m.as_ref().unwrap().time().unwrap());
    assert_eq!(times.map(Time::unix), [1_800_000_090, 1_800_000_180]);

    let statement = observed.statement().unwrap();
    assert!(statement.is_about(&countersign_core::digest::Sha256::of(b"made")));
    let text = String::from_utf8(statement.to_bytes().unwrap()).unwrap();
    assert!(!text.contains("secret") && !text.contains(bench.path.to_str().unwrap()), "{text}");
}

#[test]
fn a_command_does_not_get_keys_and_tokens() {
    let mut bench = Bench::new();
    bench.environment.set("COUNTERSIGN_KEY", "hunter2");
    bench.environment.set("GITHUB_TOKEN", "hunter2");
    bench.environment.set("RUSTFLAGS", "-Dwarnings");
    bench.environment.set("CARGO_TARGET_DIR", "/somewhere");
    let observed = bench.run(&["sh", "-c", "env > out"]).unwrap();
    let seen = std::fs::read_to_string(bench.path.join("out")).unwrap();
    assert!(seen.contains("RUSTFLAGS=-Dwarnings") && !seen.contains("hunter2"), "{seen}");
    let definition = &observed.predicate.build_definition;
    assert_eq!(definition.external_parameters["environment"], json!({"RUSTFLAGS": "-Dwarnings"}));
    assert_eq!(definition.internal_parameters["removedVariables"], json!(["COUNTERSIGN_KEY", "GITHUB_TOKEN"]));
    let statement = observed.statement().unwrap();
    assert!(!String::from_utf8(statement.to_bytes().unwrap()).unwrap().contains("hunter2"));
}

#[test]
fn a_tree_that_is_not_the_commit_is_recorded_as_dirty() {
    let bench = Bench::new();
    bench.ignore_output();
    let write = |name: &str| std::fs::write(bench.path.join(name), "changed\n").unwrap();
    let tree = |command: &str| {
        let observed = bench.run(&["sh", "-c", command]).unwrap();
        let found = observed.predicate.source().unwrap().tree.unwrap();
        std::fs::write(bench.path.join("file"), "first\n").unwrap();
        drop(std::fs::remove_file(bench.path.join("new")));
        found
    };
    assert_eq!(tree("touch out"), Tree::Clean);
    // New files that a build makes are not changes of the source; a file of the commit that it writes is one.
    assert_eq!(tree("touch out new"), Tree::Clean);
    assert_eq!(tree("touch out; echo built > file"), Tree::Dirty);
    write("new");
    assert_eq!(tree("touch out"), Tree::Dirty);
    write("file");
    assert_eq!(tree("touch out"), Tree::Dirty);
    // Nor can a change be hidden from git.
    for (mark, off) in [("--assume-unchanged", "--no-assume-unchanged"), ("--skip-worktree", "--no-skip-worktree")] {
        git(&bench.path, &["update-index", mark, "file"]);
        write("file");
        assert_eq!(tree("touch out"), Tree::Dirty, "{mark}");
        git(&bench.path, &["update-index", off, "file"]);
    }
    let clean = bench.ground.path("clean");
    git(&bench.path, &["worktree", "add", "-q", "--detach", clean.to_str().unwrap()]);
    write("file");
    git(&bench.path, &["config", "core.worktree", clean.to_str().unwrap()]);
    assert_eq!(tree("touch out"), Tree::Dirty);
}

#[test]
fn a_lock_file_that_the_commit_does_not_have_makes_the_tree_dirty() {
    let bench = Bench::new();
    let said = |observed: Observed| (observed.predicate.source().unwrap().tree.unwrap(), observed.changes.first);
    let dirty = |names: &[&str]| (Tree::Dirty, names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    // As `cargo build` does where no lock file is committed: the build itself makes one.
    let made = format!("touch out; printf '%s' '{}' > Cargo.lock", lock(&"a".repeat(64)));
    bench.ignore_output();
    assert_eq!(said(bench.run(&["sh", "-c", &made]).unwrap()), dirty(&["Cargo.lock"]));
    assert_eq!(said(bench.run(&["touch", "out"]).unwrap()), dirty(&["Cargo.lock"]), "counted once");
    commit(&bench.path, ".gitignore", "out\nCargo.lock\n");
    assert_eq!(said(bench.run(&["touch", "out"]).unwrap()), dirty(&["Cargo.lock"]), "ignored is not committed");
    let artifacts = [PathBuf::from("out")];
    assert_eq!(said(provenance_of_artifacts(&bench.ask(&artifacts)).unwrap()), dirty(&["Cargo.lock"]));
    commit(&bench.path, ".gitignore", "out\n");
    commit(&bench.path, "Cargo.lock", &lock(&"a".repeat(64)));
    assert_eq!(said(bench.run(&["touch", "out"]).unwrap()), (Tree::Clean, Vec::new()));
    assert_eq!(said(bench.run(&["sh", "-c", &made.replace("aaaa", "bbbb")]).unwrap()), dirty(&["Cargo.lock"]));
    git(&bench.path, &["checkout", "-q", "Cargo.lock"]);
    // One from elsewhere is none of the commit's, even if it reads the same.
    let elsewhere = bench.ground.path("other.lock");
    std::fs::copy(bench.path.join("Cargo.lock"), &elsewhere).unwrap();
    let request = Request { lock_file: Some(&elsewhere), ..bench.ask(&artifacts) };
    assert_eq!(said(provenance_of_artifacts(&request).unwrap()), dirty(&[elsewhere.to_str().unwrap()]));
}

#[test]
fn what_an_earlier_run_wrote_does_not_make_the_tree_dirty_and_hides_nothing() {
    let bench = Bench::new();
    bench.ignore_output();
    std::fs::write(bench.path.join("out"), "made").unwrap();
    let artifacts = [PathBuf::from("out")];
    let ask = |output: Option<&str>| {
        let request = Request { output: output.map(Path::new), ..bench.ask(&artifacts) };
        let observed = provenance_of_artifacts(&request).unwrap();
        (observed.predicate.source().unwrap().tree.unwrap(), observed.changes.first.join(" "))
    };
    let clean = (Tree::Clean, String::new());
    let statement = provenance_of_artifacts(&bench.ask(&artifacts)).unwrap().statement().unwrap().to_bytes().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = bench.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("out.provenance.json", &statement);
    assert_eq!(ask(None), clean, "where it is written if nobody says");
    assert_eq!(ask(Some("out.provenance.json")), clean);
    assert_eq!(ask(Some("other.json")), (Tree::Dirty, "out.provenance.json".to_owned()));
    std::fs::remove_file(bench.path.join("out.provenance.json")).unwrap();
    write("dist/p.json", &statement);
    assert_eq!(ask(Some("dist/p.json")), clean, "alone in a folder that git does not know");
    write("dist/extra.rs", b"fn main() {}");
    assert_eq!(ask(Some("dist/p.json")), (Tree::Dirty, "dist/".to_owned()));
    std::fs::remove_dir_all(bench.path.join("dist")).unwrap();
    // A source file does not go unnoticed because it is named as the output, nor does one of the commit.
    write("build.rs", b"fn main() {}");
    assert_eq!(ask(Some("build.rs")), (Tree::Dirty, "build.rs".to_owned()));
    std::fs::remove_file(bench.path.join("build.rs")).unwrap();
    write("file", &statement);
    assert_eq!(ask(Some("file")), (Tree::Dirty, "file".to_owned()));
    git(&bench.path, &["checkout", "-q", "file"]);
    // What the build changes counts beside it.
    write("out.provenance.json", &statement);
    let observed = bench.run(&["sh", "-c", "echo built > file"]).unwrap();
    assert_eq!((observed.predicate.source().unwrap().tree, observed.changes.count), (Some(Tree::Dirty), 1));
}

#[test]
fn what_watches_files_is_not_started_by_looking_for_changes() {
    let bench = Bench::new();
    let trap = testing::trap(&bench.ground, "trap");
    git(&bench.path, &["config", "core.fsmonitor", trap.to_str().unwrap()]);
    let hook = bench.path.join(".git/hooks/post-index-change");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::copy(&trap, hook).unwrap();
    bench.run(&["touch", "out"]).unwrap();
    assert!(!bench.ground.path("mark").exists());
}

#[test]
fn shallow_clones_and_detached_heads_are_recorded() {
    let mut bench = Bench::new();
    commit(&bench.path, "file", "second\n");
    let from = format!("file://{}", bench.path.display());
    git(&bench.ground.path(""), &["clone", "-q", "--depth", "1", &from, "shallow"]);
    bench.path = bench.ground.path("shallow");
    git(&bench.path, &["checkout", "-q", "--detach"]);
    std::fs::write(bench.path.join("out"), "made").unwrap();
    let nameless = bench.run(&["touch", "out"]);
    assert!(matches!(nameless, Err(ProvenanceError::Source(SourceError::NoUri))), "{nameless:?}");
    let request = Request { source_uri: Some("git@git.example.com:team/app"), ..bench.ask(&[]) };
    let artifacts = [PathBuf::from("out")];
    let observed = provenance_of_artifacts(&Request { artifacts: &artifacts, ..request }).unwrap();
    assert!(observed.shallow);
    let source = observed.predicate.source().unwrap();
    assert_eq!((source.uri, source.reference, source.history), (URI, None, Some(History::Shallow)));
    let head = &observed.predicate.build_definition.resolved_dependencies[0];
    assert_eq!(head.annotation("countersign_head"), Some("detached"));
    assert_eq!(observed.predicate.build_definition.build_type.as_str(), build_type::ARTIFACT_V1);
    assert_eq!(observed.predicate.run_details.metadata.started_on, None);
}

#[test]
fn a_job_that_names_another_source_than_git_has_no_provenance() {
    let mut bench = Bench::new();
    let head = commit(&bench.path, "file", "second\n");
    for (name, value) in [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://git.example.com/team/app"),
        ("CI_COMMIT_SHA", &head.hex()),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_JOB_URL", "https://git.example.com/team/app/-/jobs/7"),
    ] {
        bench.environment.set(name, value);
    }
    let honest = bench.run(&["touch", "out"]).unwrap();
    assert_eq!(honest.platform, Kind::GitlabCi);
    assert_eq!(honest.predicate.source().unwrap().reference, Some("refs/heads/main"));
    let with = |name: &str, value: &str| {
        let mut environment = bench.environment.clone();
        environment.set(name, value);
        let artifacts = [PathBuf::from("out")];
        let request = Request { environment: &environment, ..bench.ask(&artifacts) };
        match provenance_of_artifacts(&request) {
            Err(ProvenanceError::Source(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let other = with("CI_COMMIT_SHA", &"0".repeat(40));
    assert!(matches!(other, SourceError::OtherCommit { found, .. } if found == head), "{other:?}");
    let other = with("CI_PROJECT_URL", "https://git.example.com/team/other");
    assert!(matches!(other, SourceError::OtherRepository { .. }), "{other:?}");
    let other = with("CI_COMMIT_BRANCH", "side");
    assert!(matches!(other, SourceError::OtherBranch { .. }), "{other:?}");
}

#[test]
fn what_is_built_from_an_annotated_tag_names_the_tag_object() {
    let mut bench = Bench::new();
    let head = commit(&bench.path, "file", "second\n");
    git(&bench.path, &["tag", "-a", "-m", "one", "v1"]);
    git(&bench.path, &["tag", "light"]);
    let tag = git(&bench.path, &["rev-parse", "refs/tags/v1"]);
    for (name, value) in [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://git.example.com/team/app"),
        ("CI_COMMIT_SHA", &head.hex()),
        ("CI_JOB_URL", "https://git.example.com/team/app/-/jobs/7"),
    ] {
        bench.environment.set(name, value);
    }
    for (name, object) in [("v1", Some(tag.as_str())), ("light", None)] {
        bench.environment.set("CI_COMMIT_TAG", name);
        let observed = bench.run(&["touch", "out"]).unwrap();
        let source = observed.predicate.source().unwrap();
        assert_eq!(source.reference, Some(format!("refs/tags/{name}").as_str()));
        assert_eq!((source.commit, source.tag.map(|id| id.hex()).as_deref()), (head, object), "{name}");
    }
}

#[test]
fn a_command_that_fails_or_moves_the_commit_has_no_provenance() {
    let bench = Bench::new();
    let failed = bench.run(&["sh", "-c", "exit 3"]);
    assert!(matches!(failed, Err(ProvenanceError::Run(RunError::Failed { status: Some(3), .. }))), "{failed:?}");
    let absent = bench.run(&["true"]);
    assert!(matches!(absent, Err(ProvenanceError::Artifact(_))), "{absent:?}");
    let unnamed = bench.run_for(&[], &["true"]);
    assert!(matches!(unnamed, Err(ProvenanceError::NoArtifact)), "{unnamed:?}");
    let first = git(&bench.path, &["rev-parse", "HEAD"]);
    commit(&bench.path, "file", "second\n");
    let moved = bench.run(&["sh", "-c", &format!("touch out; git checkout -q {first}")]);
    assert!(matches!(moved, Err(ProvenanceError::Source(SourceError::Moved { .. }))), "{moved:?}");
}

#[test]
fn a_cargo_build_says_itself_what_it_built() {
    let mut bench = Bench::new();
    if let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN") {
        bench.environment.set("RUSTUP_TOOLCHAIN", toolchain);
    }
    bench.ignore_output();
    let package = bench.path.join("crates/own");
    std::fs::create_dir_all(package.join("src")).unwrap();
    std::fs::write(package.join("src/main.rs"), "fn main() {}\n").unwrap();
    std::fs::write(package.join("Cargo.toml"), "[package]\nname = \"own\"\nedition = \"2024\"\n[workspace]\n").unwrap();
    let missing =
        bench.run_for(&[], &["cargo", "build", "--offline", "--locked", "--manifest-path", "crates/own/Cargo.toml"]);
    assert!(matches!(missing, Err(ProvenanceError::Run(RunError::Failed { .. }))), "{missing:?}");
    let locked = "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"0.0.0\"\n";
    std::fs::write(package.join("Cargo.lock"), locked).unwrap();
    git(&bench.path, &["add", "."]);
    commit(&bench.path, "file", "second\n");
    let request = Request { directory: &package, ..bench.ask(&[]) };
    let command = ["cargo", "build", "--offline", "--locked"].map(OsString::from);
    let observed = provenance_by_running(&request, &command, &|| Time::from_unix(0).unwrap()).unwrap();
    let names: Vec<&str> = observed.artifacts.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["own"]);
    let definition = &observed.predicate.build_definition;
    assert_eq!(definition.build_type.as_str(), build_type::CARGO_V1);
    assert_eq!(definition.external_parameters["directory"], json!("crates/own"));
    assert_eq!(definition.external_parameters["arguments"], json!(["build", "--offline", "--locked"]));
    assert!(definition.internal_parameters["toolchain"]["cargo"].as_str().unwrap().starts_with("cargo "));
    assert_eq!(observed.predicate.source().unwrap().tree, Some(Tree::Clean), "{:?}", observed.changes);
}

#[test]
fn the_published_build_types_are_these() {
    let page = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/build-types").join(name);
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        (read("v1.md"), serde_json::from_str::<Value>(&read("v1.schema.json")).unwrap())
    };
    for (name, uri) in
        [("cargo", build_type::CARGO_V1), ("command", build_type::COMMAND_V1), ("artifact", build_type::ARTIFACT_V1)]
    {
        let (text, schema) = page(name);
        assert!(text.contains(&format!("\n`{uri}`\n")), "{name}");
        let properties = schema["properties"].as_object().unwrap();
        let mut known = build_type::external_parameters(uri).unwrap().to_vec();
        known.sort_unstable();
        assert_eq!(properties.keys().collect::<Vec<_>>(), known, "{name}");
        assert_eq!(schema["additionalProperties"], json!(false), "{name}");
        let example = text.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let statement = Statement::parse(example.as_bytes()).unwrap();
        let predicate: Provenance = statement.predicate_as(StatementKind::Provenance).unwrap();
        assert_eq!(predicate.build_definition.build_type.as_str(), uri);
        assert_eq!(predicate.unknown_external_parameters(), Some(Vec::new()), "{name}");
        assert_eq!(predicate.source().unwrap().tree, Some(Tree::Clean), "{name}");
        if properties.contains_key("environment") {
            let list =
                text.split("### `environment`").nth(1).and_then(|rest| rest.split("Not recorded").next()).unwrap();
            let published: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
            assert_eq!(published, RECORDED, "{name}");
        }
    }
}
