//! The whole way, as the verb goes it: the commit's time and trees, the same bytes in a clone, what people wrote, and the
//! provenance of the file that is described.

use super::{request, run, workspace};
use countersign_collect::Environment;
use countersign_core::digest::Sha256;
use countersign_core::time::Time;
use countersign_flow::FlowError;
use countersign_flow::sbom::{Made, Request, Scope, make};
use countersign_sbom::{Encoding, Spec};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

#[expect(clippy::disallowed_methods, reason = "a repository to describe")]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
    command.env("GIT_COMMITTER_DATE", "1790000000 +0000").env("GIT_AUTHOR_DATE", "1790000000 +0000");
    run(&mut command)
}

fn made_of(folder: &Path, files: Option<(&Path, &Path)>, time: Option<Time>) -> Result<Made, FlowError> {
    let environment: Environment = std::env::vars_os().collect();
    let asked = Request {
        cargo: request(folder, &["extra"]),
        scope: Scope::One,
        artifact: files.map(|(artifact, _)| artifact),
        provenance: files.map(|(_, provenance)| provenance),
        config: None,
        spec: Spec::V1_6,
        encoding: Encoding::Json,
        time,
        environment: &environment,
    };
    make(&asked).map(|mut all| all.remove(0))
}

fn made(folder: &Path) -> Result<Made, FlowError> {
    made_of(folder, None, None)
}

fn document(made: &Made) -> Value {
    serde_json::from_slice(&made.written.bytes).unwrap()
}

#[test]
fn a_clone_makes_the_same_bytes_and_a_changed_file_takes_the_trees_away() {
    let folder = workspace("2");
    git(folder.path(), &["init", "-q"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "one"]);
    let first = made(folder.path()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    git(elsewhere.path(), &["clone", "-q", folder.path().to_str().unwrap(), "a/b"]);
    let clone = elsewhere.path().join("a/b");
    let text = String::from_utf8(first.written.bytes.clone()).unwrap();
    assert_eq!(text, String::from_utf8(made(&clone).unwrap().written.bytes).unwrap());

    let said = document(&first);
    assert_eq!(said["metadata"]["timestamp"], Time::from_unix(1_790_000_000).unwrap().to_string());
    let tree = git(folder.path(), &["rev-parse", "HEAD:app-lib"]).trim().to_owned();
    let member = said["components"].as_array().unwrap().iter().find(|c| c["name"] == "app-lib").unwrap();
    assert_eq!(member["swhid"][0], format!("swh:1:dir:{tree}"));
    assert_eq!((&member["hashes"][0]["alg"], &member["hashes"][0]["content"]), (&"SHA-1".into(), &tree.into()));

    let host = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let paths = [folder.path().to_str().unwrap(), env!("CARGO_MANIFEST_DIR"), "file://"];
    for never in paths.into_iter().chain([host.trim()]).filter(|text| !text.is_empty()) {
        assert!(!text.contains(never), "{never}");
    }

    let other = made_of(&clone, None, Some(Time::from_unix(1_000_000_000).unwrap())).unwrap();
    assert_eq!(document(&other)["metadata"]["timestamp"], Time::from_unix(1_000_000_000).unwrap().to_string());
    // The last SBOM, lying in the work tree, changes nothing; a source that the commit does not have does.
    fs::create_dir(clone.join("sboms")).unwrap();
    fs::write(clone.join("sboms/app.cdx.json"), &text).unwrap();
    assert_eq!(text, String::from_utf8(made(&clone).unwrap().written.bytes).unwrap());
    let sources = [("app-lib/build.rs", "fn main() {}"), ("app-lib/src/lib.rs", "// changed")];
    for (path, source) in sources {
        fs::write(clone.join(path), source).unwrap();
        let changed = String::from_utf8(made(&clone).unwrap().written.bytes).unwrap();
        assert!(!changed.contains("swh:1:dir"), "{path}: what the commit holds is not what would be built");
        if path.ends_with("build.rs") {
            fs::remove_file(clone.join(path)).unwrap();
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a copy of a folder")]
fn a_workspace_that_a_repository_around_it_leaves_out_takes_no_time_from_it() {
    let around = tempfile::tempdir().unwrap();
    git(around.path(), &["init", "-q"]);
    fs::write(around.path().join(".gitignore"), "/target\n").unwrap();
    git(around.path(), &["add", "."]);
    git(around.path(), &["commit", "-q", "-m", "one"]);
    let inside = around.path().join("target/inside");
    fs::create_dir(around.path().join("target")).unwrap();
    let folder = workspace("2");
    run(Command::new("cp").arg("-r").arg(folder.path()).arg(&inside));
    let (inside, outside) = (made(&inside).unwrap(), made(folder.path()).unwrap());
    assert!(document(&inside)["metadata"].get("timestamp").is_none());
    assert_eq!(inside.written.bytes, outside.written.bytes, "the same sources, the same bytes");
}

#[test]
fn what_people_wrote_stands_there_and_what_they_did_not_is_said_to_be_unknown() {
    let folder = workspace("2");
    let unknown = |made: &Made| {
        let all = document(made)["metadata"]["properties"].as_array().unwrap().clone();
        all.iter().find(|p| p["name"] == "countersign:unknown").map(|p| p["value"].as_str().unwrap().to_owned())
    };
    let bare = made(folder.path()).unwrap();
    let all = "author,manufacturer,supplier,copyright,security-contact,timestamp,artifact";
    assert_eq!(unknown(&bare).as_deref(), Some(all));
    let config = "[sbom]\nsecurity-contact = \"mailto:s@example.com\"\n[sbom.supplier]\nname = \"S\"\n";
    fs::write(folder.path().join("countersign.toml"), config).unwrap();
    let some = made(folder.path()).unwrap();
    assert_eq!(unknown(&some).as_deref(), Some("author,manufacturer,copyright,timestamp,artifact"));
    let said = document(&some);
    assert_eq!(said["metadata"]["supplier"]["name"], "S");
    assert_eq!(said["metadata"]["component"]["supplier"]["name"], "S");
    assert_eq!(said["metadata"]["component"]["externalReferences"][0]["url"], "mailto:s@example.com");
    let shared = said["components"].as_array().unwrap().iter().find(|c| c["name"] == "shared").unwrap();
    assert_eq!(shared["supplier"], Value::Null, "only of members it is known who hands them out");
    fs::write(folder.path().join("countersign.toml"), "[sbom]\nsuplier = \"S\"\n").unwrap();
    assert!(made(folder.path()).is_err());
}

#[test]
fn provenance_of_another_file_is_refused() {
    let folder = workspace("2");
    let artifact = folder.path().join("app.bin");
    fs::write(&artifact, "the binary").unwrap();
    let path = folder.path().join("app.provenance.json");
    let about = |digest: &str| {
        let text = format!(
            "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{{\"name\":\"app\",\"digest\":{{\"sha256\":\"{digest}\"}}}}],\
             \"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{{}}}}"
        );
        fs::write(&path, text).unwrap();
        made_of(folder.path(), Some((artifact.as_path(), path.as_path())), None)
    };
    let good = about(&Sha256::of(b"the binary").hex()).unwrap();
    assert_eq!(document(&good)["metadata"]["component"]["hashes"][0]["content"], Sha256::of(b"the binary").hex());
    let Err(FlowError::Refused(findings)) = about(&"0".repeat(64)) else { panic!("it is about another file") };
    assert_eq!(findings[0].code.as_str(), "sbom-disagrees");
    fs::write(&path, "{}").unwrap();
    let nothing = made_of(folder.path(), Some((artifact.as_path(), path.as_path())), None);
    assert!(matches!(nothing, Err(FlowError::Refused(_))));
}
