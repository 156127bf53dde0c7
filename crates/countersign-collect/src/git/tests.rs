//! Repositories of every shape, and some that would run a program.

use super::*;
use crate::runner::Program;
use crate::testing::{Ground, commit, git, open, trap};
use countersign_core::git::ObjectSource as _;

fn reads_its_history(repository: &GitRepo, expected: &Oid) {
    let head = repository.head().unwrap();
    assert_eq!(head.commit.as_ref(), Some(expected));
    let objects = repository.objects();
    let tree = objects.commit(expected).unwrap().tree;
    let tree = objects.tree(&tree).unwrap();
    assert!(tree.entries().iter().any(|entry| entry.name == *b"file"));
}

#[test]
fn a_repository_is_found_from_a_folder_inside_it() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let inside = path.join("a/b");
    std::fs::create_dir_all(&inside).unwrap();
    let repository = open(&inside);
    assert_eq!(repository.work_tree(), Some(path.as_path()));
    assert_eq!(repository.head().unwrap().branch.unwrap().as_str(), "refs/heads/main");
    reads_its_history(&repository, &repository.commit("HEAD").unwrap());
    let outside = GitRepo::open(&ground.path(""), &crate::testing::environment());
    assert!(matches!(outside, Err(GitError::NotARepository { .. })), "{outside:?}");
}

#[test]
fn a_sha_256_repository_is_read() {
    let ground = Ground::new();
    let path = ground.repository("r", &["--object-format=sha256"]);
    let second = commit(&path, "file", "second\n");
    let repository = open(&path);
    assert_eq!(repository.format(), ObjectFormat::Sha256);
    assert_eq!(second.format(), ObjectFormat::Sha256);
    reads_its_history(&repository, &second);
    let short = Oid::from_hex(&"a".repeat(40)).unwrap();
    assert!(matches!(repository.objects().object(&short), Err(SourceError::Format { .. })));
}

#[test]
fn linked_work_trees_bare_clones_and_borrowed_objects_are_read() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let first = commit(&path, "file", "one\n");
    let linked = ground.path("linked");
    git(&path, &["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    let second = commit(&linked, "file", "two\n");
    let repository = open(&linked);
    assert_eq!(repository.head().unwrap().branch, None);
    reads_its_history(&repository, &second);
    assert_eq!(repository.commit("main").unwrap(), first);

    let at = ground.path("");
    git(&at, &["clone", "-q", "--bare", "--shared", "r", "bare"]);
    git(&at, &["clone", "-q", "--shared", "bare", "again"]);
    let bare = open(&ground.path("bare"));
    assert_eq!(bare.work_tree(), None);
    reads_its_history(&bare, &first);
    reads_its_history(&open(&ground.path("again")), &first);
}

#[test]
fn packed_refs_loose_refs_and_tags_are_resolved() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let first = open(&path).commit("HEAD").unwrap();
    git(&path, &["tag", "-a", "-m", "t", "v1"]);
    git(&path, &["tag", "-a", "-m", "t", "outer", "v1"]);
    git(&path, &["branch", "side"]);
    git(&path, &["pack-refs", "--all"]);
    git(&path, &["gc", "-q"]);
    let second = commit(&path, "file", "second\n");
    let repository = open(&path);
    for name in ["v1", "outer", "side", "refs/tags/v1", "refs/heads/side"] {
        assert_eq!(repository.commit(name).unwrap(), first, "{name}");
    }
    for name in ["main", "refs/heads/main", "HEAD", &second.hex()] {
        assert_eq!(repository.commit(name).unwrap(), second, "{name}");
    }
    let names: Vec<String> = repository.refs_below("refs/").unwrap().keys().map(ToString::to_string).collect();
    assert_eq!(names, ["refs/heads/main", "refs/heads/side", "refs/tags/outer", "refs/tags/v1"]);
    git(&path, &["tag", "main", "v1"]);
    assert!(matches!(repository.commit("main"), Err(GitError::Ambiguous { .. })));
    let tree = git(&path, &["rev-parse", "HEAD^{tree}"]);
    for name in ["absent", "refs/heads/../x", "", tree.as_str()] {
        assert!(matches!(repository.commit(name), Err(GitError::NoSuchRevision { .. })), "{name}");
    }
}

#[test]
fn a_shallow_clone_says_so_and_misses_what_was_left_out() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let first = open(&path).commit("HEAD").unwrap();
    let second = commit(&path, "file", "second\n");
    assert!(!open(&path).facts().unwrap().shallow);
    let from = format!("file://{}", path.display());
    git(&ground.path(""), &["clone", "-q", "--depth", "1", &from, "shallow"]);
    let shallow = open(&ground.path("shallow"));
    assert!(shallow.facts().unwrap().shallow);
    assert_eq!(shallow.origin(), Some(from.as_str()));
    let objects = shallow.objects();
    assert_eq!(objects.commit(&second).unwrap().parents, [first]);
    assert_eq!(objects.object(&first), Err(SourceError::Missing { id: first }));
    // The same git answers on.
    assert!(objects.object(&second).is_ok());
}

#[test]
fn replace_refs_and_grafts_are_seen_and_have_no_effect() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let first = open(&path).commit("HEAD").unwrap();
    let second = commit(&path, "file", "second\n");
    git(&path, &["replace", &second.hex(), &first.hex()]);
    std::fs::create_dir_all(path.join(".git/info")).unwrap();
    std::fs::write(path.join(".git/info/grafts"), format!("{second}\n")).unwrap();
    for pack in [false, true] {
        if pack {
            git(&path, &["pack-refs", "--all"]);
        }
        let repository = open(&path);
        let facts = repository.facts().unwrap();
        assert_eq!(facts.replace_refs.len(), 1);
        assert!(facts.grafts);
        assert_eq!(repository.objects().commit(&second).unwrap().parents, [first]);
    }
}

#[test]
fn a_partial_clone_is_not_completed() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    git(&path, &["config", "uploadpack.allowFilter", "true"]);
    let blob = Oid::from_hex(&git(&path, &["rev-parse", "HEAD:file"])).unwrap();
    let from = format!("file://{}", path.display());
    git(&ground.path(""), &["clone", "-q", "--no-checkout", "--filter=blob:none", &from, "partial"]);
    let partial = open(&ground.path("partial"));
    assert!(partial.facts().unwrap().partial && !open(&path).facts().unwrap().partial);
    assert_eq!(partial.objects().object(&blob), Err(SourceError::Missing { id: blob }));
}

#[test]
fn nothing_that_a_repository_configures_is_run() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let trap = trap(&ground, "trap");
    let trap = trap.to_str().unwrap();
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.editor",
        "core.pager",
        "core.alternateRefsCommand",
        "filter.f.clean",
        "filter.f.smudge",
        "filter.f.process",
        "diff.d.textconv",
        "diff.d.command",
        "diff.external",
        "merge.m.driver",
        "credential.helper",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "alias.cat-file",
        "alias.config",
    ] {
        git(&path, &["config", key, &if key.starts_with("alias") { format!("!{trap}") } else { trap.to_owned() }]);
    }
    std::fs::write(path.join(".git/extra"), format!("[core]\n\tfsmonitor = {trap}\n")).unwrap();
    git(&path, &["config", "include.path", "extra"]);
    std::fs::write(path.join(".gitattributes"), "* filter=f diff=d merge=m\n").unwrap();
    let hooks = path.join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc", "fsmonitor-watchman"] {
        std::fs::copy(trap, hooks.join(hook)).unwrap();
    }
    let repository = open(&path);
    repository.facts().unwrap();
    let head = repository.commit("HEAD").unwrap();
    reads_its_history(&repository, &head);
    assert!(!ground.path("mark").exists(), "{:?}", std::fs::read_to_string(ground.path("mark")));
    // The trap works: git itself steps into it.
    git(&path, &["status"]);
    assert!(ground.path("mark").exists());
}

#[test]
fn an_object_that_is_not_what_its_name_says_is_refused() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let blob = |text: &str| {
        std::fs::write(path.join("new"), text).unwrap();
        Oid::from_hex(&git(&path, &["hash-object", "-w", "new"])).unwrap()
    };
    let (real, false_one) = (blob("real\n"), blob("false\n"));
    let file = |id: &Oid| {
        let hex = id.hex();
        let (folder, rest) = hex.split_at(2);
        path.join(".git/objects").join(folder).join(rest)
    };
    std::fs::remove_file(file(&real)).unwrap();
    std::fs::copy(file(&false_one), file(&real)).unwrap();
    let found = open(&path).objects().object(&real);
    assert!(matches!(found, Err(SourceError::Mismatch { .. } | SourceError::Unreadable { .. })), "{found:?}");
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_keep_us_waiting() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let pipe = path.join(".git/packed-refs");
    let make = Program::new("mkfifo", crate::testing::environment()).arg(pipe);
    make.shown().unwrap();
    let found = open(&path).facts();
    assert!(matches!(found, Err(GitError::Io { .. })), "{found:?}");
}

#[test]
fn a_form_that_is_not_known_is_refused() {
    let ground = Ground::new();
    let path = ground.repository("r", &[]);
    let opened = || GitRepo::open(&path, &crate::testing::environment());
    let config = path.join(".git/config");
    let plain = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{plain}[extensions]\n\trefStorage = reftable\n")).unwrap();
    let found = opened();
    assert!(matches!(found, Err(GitError::Unsupported { name: "extensions.refStorage", .. })), "{found:?}");
    std::fs::write(&config, format!("{plain}[broken\n")).unwrap();
    assert!(matches!(opened(), Err(GitError::Run(_))));
    std::fs::write(&config, &plain).unwrap();
    std::fs::write(path.join(".git/HEAD"), "ref: ../../outside\n").unwrap();
    assert!(matches!(opened().unwrap().head(), Err(GitError::Form { .. })));
    std::fs::write(path.join(".git/refs/heads/main"), "ref: refs/heads/main\n").unwrap();
    let turning = opened().unwrap().commit("main");
    assert!(matches!(turning, Err(GitError::Form { .. })), "{turning:?}");
}
