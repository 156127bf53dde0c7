//! The examples, run as their readers would run them: what a page shows has to work.

use countersign_tests::door::Door;
use std::path::Path;

fn example(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path);
    std::fs::read_to_string(file).expect("an example")
}

/// The shell lines of one step list: what stands behind `- ` or `run: `, and the blocks behind `|`. Enough for the files
/// that are here, whose lines are all plain.
fn steps(text: &str, from: &str, to: &str) -> String {
    let (_, rest) = text.split_once(from).expect("the list's beginning");
    let list = rest.split_once(to).map_or(rest, |(list, _)| list);
    let mut out = Vec::new();
    let mut block: Option<usize> = None;
    for line in list.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let depth = line.len() - line.trim_start().len();
        let bare = line.trim_start();
        if block.is_some_and(|at| depth > at) {
            out.push(bare.to_owned());
            continue;
        }
        block = None;
        let item = bare.strip_prefix("- ").unwrap_or(bare);
        let command = item.strip_prefix("run: ").or_else(|| bare.strip_prefix("- ").filter(|i| !i.ends_with(':')));
        match command {
            Some("|") => block = Some(depth),
            Some(command) => out.push(command.to_owned()),
            None => {}
        }
    }
    assert!(out.iter().any(|line| line.starts_with("countersign ")), "{out:?}");
    out.join("\n")
}

/// Runs the steps as the platform's runner would, in the demo's repository, and gives the provenance that was written.
fn builds(door: &Door, script: &str, variables: &[(&str, &str)]) -> String {
    let commit = door.git("rev-parse HEAD");
    let named: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, if *value == "HEAD" { commit.as_str() } else { *value }))
        .collect();
    door.shell("app", script, &named).expect(0, &["app.provenance"]);
    for (document, kind) in [("app.provenance.sigstore.json", "provenance"), ("app.sbom.sigstore.json", "sbom")] {
        let line = format!("verify app/target/release/app --bundle app/{document} --type {kind}");
        door.trusting(&line).expect(0, &["verified"]);
    }
    String::from_utf8(door.read("app/app.provenance.json")).expect("text")
}

#[test]
fn the_build_step_for_gitlab_builds_and_signs_what_the_gate_can_check() {
    let door = Door::new();
    let key = door.path().join("keys/builder.pem").display().to_string();
    let script = steps(&example("gitlab-ci/build.yml"), "script:", "after_script:");
    let variables = [
        ("BUILDER_KEY", key.as_str()),
        ("CI", "true"),
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_URL", "https://gitlab.example.com/team/app"),
        ("CI_COMMIT_SHA", "HEAD"),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_JOB_URL", "https://gitlab.example.com/team/app/-/jobs/7"),
        ("CI_SERVER_URL", "https://gitlab.example.com"),
        ("CI_RUNNER_ID", "3"),
    ];
    let provenance = builds(&door, &script, &variables);
    for part in
        ["https://gitlab.example.com/team/app/-/jobs/7", "git+https://gitlab.example.com/team/app@refs/heads/main"]
    {
        assert!(provenance.contains(part), "{provenance}");
    }
    assert!(!provenance.contains(&key), "{provenance}");
}

#[test]
fn the_build_step_for_github_builds_and_signs_what_the_gate_can_check() {
    let door = Door::new();
    let key = String::from_utf8(door.read("keys/builder.pem")).expect("text");
    let all = steps(&example("github-actions/build.yml"), "steps:", "no such line");
    // The checkout is the runner's: there is no forge to fetch from here.
    let script = all.lines().filter(|line| !line.starts_with("git ")).collect::<Vec<_>>().join("\n");
    let variables = [
        ("BUILDER_KEY", key.trim_end()),
        ("RUNNER_TEMP", "."),
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "team/app"),
        ("GITHUB_SHA", "HEAD"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
    ];
    let provenance = builds(&door, &script, &variables);
    for part in
        ["https://github.com/team/app/actions/runs/42/attempts/1", "git+https://github.com/team/app@refs/heads/main"]
    {
        assert!(provenance.contains(part), "{provenance}");
    }
}

/// What the gate's script is told by the pipeline.
fn of_the_gate(door: &Door) -> [(&'static str, &str); 5] {
    [
        ("COUNTERSIGN_TRUST_DIGEST", door.digest()),
        ("COUNTERSIGN_LEAST_CHECKPOINT", "outside/checkpoint"),
        ("STORE", "store"),
        ("GATE_KEY", "keys/gate.pem"),
        ("LOG_KEY", "keys/log.pem"),
    ]
}

#[test]
fn the_gate_and_the_auditor_need_no_more_than_their_scripts_say() {
    let door = Door::new();
    let gate = of_the_gate(&door);
    let script = example("promotion-gate/gate.sh").replace("\"$@\"", "app.bin").replace("--repo .", "--repo app");
    let before = door.read("outside/checkpoint");
    door.shell(".", &script, &gate).expect(0, &["PASS: authorised for production"]);
    assert_ne!(door.read("outside/checkpoint"), before);

    door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    let audit = example("offline-auditor/audit.sh")
        .replace("\"$1\"", "year.cspkg")
        .replace("\"$2\"", "trust.sigstore.json")
        .replace("\"$3\"", door.digest());
    door.shell(".", &audit, &[]).expect(0, &["the same again", "PASS"]);
}

/// The line of a pipeline that runs the gate, as its runner would run it.
fn runs_the_gate(pipeline: &str, more: &[(&str, &str)]) -> Door {
    let door = Door::new();
    let gate = of_the_gate(&door);
    let variables: Vec<(&str, &str)> = gate.iter().chain(more).copied().collect();
    // A refusal, so that there is something to show.
    let script = example("promotion-gate/gate.sh").replace("--repo .", "--repo app");
    door.write("gate.sh", script.replace("--bundle app.sbom.sigstore.json", "").as_bytes());
    let text = example(pipeline);
    let line = text.lines().find_map(|line| line.split_once("sh gate.sh ")).expect("a line").1;
    let line = format!("sh gate.sh {}", line.replace("target/release/app", "app.bin"));
    door.shell(".", &line, &variables).expect(3, &["indeterminate[sbom-missing]", "decision recorded"]);
    door
}

#[test]
fn the_gate_of_github_leaves_annotations_a_summary_and_sarif() {
    let door = runs_the_gate("github-actions/promote.yml", &[("GITHUB_STEP_SUMMARY", "summary.md")]);
    assert!(String::from_utf8(door.read("summary.md")).expect("text").starts_with("## promote app.bin to production"));
    assert!(String::from_utf8(door.read("countersign.sarif")).expect("text").contains("\"sbom-missing\""));
}

#[test]
fn the_gate_of_gitlab_leaves_code_quality_and_tests() {
    let door = runs_the_gate("gitlab-ci/build.yml", &[]);
    assert!(String::from_utf8(door.read("gl-code-quality.json")).expect("text").contains("\"sbom-missing\""));
    assert!(String::from_utf8(door.read("countersign.xml")).expect("text").contains("<error"));
}
