//! The store as a protected branch of a real git server: every verb works with it, and gates that run at once lose
//! nothing.

use countersign_collect::Environment;
use countersign_flow::elsewhere::{StoreName, working_copy};
use countersign_flow::keep;
use countersign_flow::place::Place;
use countersign_tests::door::{Door, Said};
use countersign_tests::git_server::GitServer;

const GATES: usize = 8;
const BUNDLES: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json";

/// The demo's world with an empty repository on a server, whose branches go forward only.
struct Branch {
    door: Door,
    store: String,
    _server: GitServer,
}

impl Branch {
    fn new() -> Self {
        let door = Door::new();
        done(door.git_in(".", "init -q --bare served/log.git"));
        for setting in ["receive.denyNonFastForwards", "receive.denyDeletes"] {
            done(door.git_in("served/log.git", &format!("config {setting} true")));
        }
        let server = GitServer::over(&door.path().join("served"));
        let store = format!("git:{}#log", server.url("log.git"));
        Self { door, store, _server: server }
    }

    fn trusting(&self, line: &str) -> Said {
        self.door.trusting(&format!("{line} --store {}", self.store))
    }

    fn run(&self, line: &str) -> Said {
        self.door.run(&format!("{line} --store {}", self.store))
    }

    /// With a log, and a release that is active.
    fn active() -> Self {
        let branch = Self::new();
        branch.run("log init --origin example.com/log --key keys/log.pem").expect(0, &["log example.com/log, empty"]);
        branch.run("log checkpoint --output cp").expect(0, &["cp: 0 entries"]);
        let activate = "policy activate policy.sigstore.json --environment production --key keys/ada \
                        --log-key keys/log.pem --least-checkpoint cp";
        branch.trusting(activate).expect(0, &["active for production since entry 1"]);
        branch
    }

    fn gate(&self, more: &str) -> String {
        format!(
            "promote app.bin --to production --key keys/gate.pem --log-key keys/log.pem --store {} --trust \
             trust.sigstore.json --trust-digest {} {more}",
            self.store,
            self.door.digest()
        )
    }

    fn git(&self, line: &str) -> String {
        let (found, said) = self.door.git_in("served/log.git", line);
        assert!(found, "{said}");
        said
    }
}

#[track_caller]
fn done((success, said): (bool, String)) {
    assert!(success, "{said}");
}

#[test]
fn eight_gates_at_once_lose_no_entry_and_make_no_fork() {
    let branch = Branch::active();
    let running: Vec<_> = (0..GATES).map(|_| branch.door.spawn(&branch.gate("--least-checkpoint cp"))).collect();
    let mut entries = Vec::new();
    for gate in running {
        let output = gate.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "no evidence was handed in:\n{text}{said}");
        let entry = text.lines().find_map(|line| line.strip_prefix("decision recorded as entry "));
        entries.push(entry.unwrap_or_else(|| panic!("{text}{said}")).parse::<usize>().unwrap());
    }
    entries.sort_unstable();
    assert_eq!(entries, (2..2 + GATES).collect::<Vec<_>>(), "each was told of an entry of its own");

    // One line of commits, each on the one before, and every checkpoint that was ever there leads to the last.
    let commits: Vec<String> = branch.git("rev-list log").lines().map(str::to_owned).collect();
    assert_eq!(commits.len(), 2 + GATES);
    assert_eq!(branch.git("rev-list --max-parents=1 --min-parents=1 log").lines().count(), 1 + GATES);
    done(branch.door.git_in(".", "clone -q --branch log served/log.git copy"));
    for (n, commit) in commits.iter().enumerate().step_by(3) {
        let checkpoint = branch.git(&format!("show {commit}:log/checkpoint"));
        branch.door.write("kept", format!("{checkpoint}\n").as_bytes());
        let size = if n == commits.len() - 1 { 0 } else { commits.len() - n };
        branch
            .door
            .trusting("log verify --store copy --least-checkpoint kept")
            .expect(0, &[&format!("from {size} to {} entries", 2 + GATES), "PASS"]);
    }
}

#[test]
fn promotion_export_and_verification_work_from_a_branch_and_a_fresh_clone_remembers_nothing() {
    let branch = Branch::active();
    let evidence = format!("--repo app {BUNDLES} --reviews reviews");
    let door = &branch.door;
    door.run(&branch.gate(&evidence)).expect(3, &["indeterminate[rollback-undetectable]", "recorded as entry 2"]);
    let least = "--least-checkpoint cp";
    door.run(&branch.gate(&format!("{evidence} {least}"))).expect(0, &["PASS: authorised", "recorded as entry 3"]);
    branch.run("log show").expect(0, &["PASS, authorised", "INDETERMINATE"]);
    branch.trusting(&format!("log verify {least}")).expect(0, &["from 0 to 4 entries", "PASS"]);
    let digest = door.run("log show --store store --entry 3").out;
    let digest = digest.split("\"subjects\":[\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    branch.trusting(&format!("verify {digest} --promoted-to production {least}")).expect(0, &["PASS"]);
    branch.trusting("exception list").expect(0, &[]);
    branch.trusting("policy history --environment production").expect(0, &["1 (active)"]);
    branch.run("audit export --output branch.cspkg").expect(0, &[]);
    door.trusting("audit verify branch.cspkg").expect(0, &["the same again", "PASS"]);
    // What a person put there is left alone, and never taken for the store's.
    done(door.git_in(".", "clone -q --branch log served/log.git work"));
    door.write("work/README.md", b"a log\n");
    std::os::unix::fs::symlink("/etc/passwd", door.path().join("work/log/.lock")).unwrap();
    for line in
        ["add -f README.md log/.lock", "-c user.name=a -c user.email=a@b commit -q -m text", "push -q origin log"]
    {
        done(door.git_in("work", line));
    }
    door.run(&branch.gate(least)).expect(3, &["recorded as entry 4"]);
    assert!(branch.git("ls-tree -r log").contains("README.md"));
    // The branch is set back by somebody who administers the server: what was kept elsewhere shows it.
    branch.run("log checkpoint --output newest").expect(0, &["5 entries"]);
    branch.git("update-ref refs/heads/log refs/heads/log~3");
    door.run(&branch.gate("--least-checkpoint newest")).expect(4, &["log-rolled-back", "would fork it"]);
    branch.run("log show").expect(0, &[]);
    assert_eq!(branch.run("log show").out.lines().count(), 1 + 3, "nothing was appended to it");
    // A message names the store, and not the copy of it that is gone when somebody reads that.
    done(door.git_in(".", "clone -q --branch log served/log.git late"));
    for line in ["rm -q log/checkpoint", "-c user.name=a -c user.email=a@b commit -q -m gone", "push -q origin log"] {
        done(door.git_in("late", line));
    }
    for said in [door.run(&branch.gate("--least-checkpoint cp")), branch.trusting("log verify --least-checkpoint cp")] {
        said.expect(4, &["#log, log/checkpoint is gone"]);
        assert!(!said.text.contains("countersign-store-"), "{}", said.text);
    }
}

#[test]
fn a_newer_checkpoint_that_another_gate_kept_meanwhile_stays_and_is_no_fault_of_the_first_one() {
    let branch = Branch::active();
    let name = StoreName::parse(branch.store.as_ref()).unwrap();
    let mut programs = Environment::empty();
    programs.set("PATH", std::env::var_os("PATH").unwrap());
    let first = Place::of_copy(working_copy(&name, &programs, "first").unwrap().unwrap());
    let (own, _) = first.read_log().unwrap();
    let second = branch.gate("--least-checkpoint cp --checkpoint-output newest");
    branch.door.run(&second).expect(3, &["recorded as entry 2"]);
    let (newest, newer) = (branch.door.path().join("newest"), branch.door.read("newest"));
    assert!(keep::may_replace(Some(&newest), &[&first]).is_err(), "before anything is recorded it is asked");
    keep::replace(Some(&newest), &[&first], &own).unwrap();
    assert!(branch.door.read("newest") == newer);
}

#[test]
fn what_a_pipe_gave_for_the_least_checkpoint_holds_also_when_another_gate_was_faster() {
    let branch = Branch::active();
    let other = branch.gate("--least-checkpoint cp");
    let path = branch.door.git_that(" push ", &format!("countersign {other}\n"));
    let mine = branch.gate("--least-checkpoint pipe");
    let line = format!("mkfifo pipe; cat cp > pipe & timeout 60 countersign {mine}");
    branch.door.shell(".", &line, &[("PATH", &path)]).expect(3, &["recorded as entry 3"]);
    let other = String::from_utf8(branch.door.read("meanwhile.out")).unwrap();
    assert!(other.contains("recorded as entry 2"), "{other}");
}

#[test]
fn gates_of_one_clock_that_overtake_each_other_are_not_told_to_set_it() {
    let branch = Branch::active();
    // The way to the server takes a while; what another gate records meanwhile is later than what the clock said before.
    let other = branch.gate("--least-checkpoint cp");
    let path = branch.door.git_that(" ls-remote ", &format!("sleep 1.2; countersign {other}\n"));
    let said = branch.door.run_with(&[("PATH", &path)], &branch.gate("--least-checkpoint cp"));
    said.expect(3, &["recorded as entry 3"]);
    assert!(!said.text.contains("time-before-log"), "{}", said.text);
    let lock = "policy lock --environment production --least-checkpoint cp --lock x.lock";
    let path = branch.door.git_that(" ls-remote ", &format!("sleep 1.2; countersign {other}\n"));
    let line =
        format!("{lock} --store {} --trust trust.sigstore.json --trust-digest {}", branch.store, branch.door.digest());
    branch.door.run_with(&[("PATH", &path)], &line).expect(0, &["expects release"]);
    let other = String::from_utf8(branch.door.read("meanwhile.out")).unwrap();
    assert!(other.contains("recorded as entry 4"), "{other}");
}

#[test]
fn a_branch_that_is_not_there_or_may_not_be_pushed_to_is_said_in_words_and_nothing_is_recorded() {
    let branch = Branch::active();
    let door = &branch.door;
    let elsewhere = branch.store.replace("#log", "#other");
    door.run(&format!("log show --store {elsewhere}")).expect(3, &["there is no log", "#other"]);
    branch.run("log init --origin example.com/log --key keys/log.pem").expect(5, &["no log is created", "#log"]);
    std::fs::create_dir_all(door.path().join("served/log.git/hooks")).unwrap();
    let hook = door.path().join("served/log.git/hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\necho protected branch >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    door.run(&branch.gate("--least-checkpoint cp"))
        .expect(5, &["could not push to the branch", "nothing was authorised"]);
    assert_eq!(branch.git("rev-list --count log"), "2");
    door.run("log show --store git:https://me:hunter2@forge.example/x#log").expect(2, &["password"]);
    door.run("log show --store git:log").expect(5, &["not in a git repository"]);
}
