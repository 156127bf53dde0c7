//! The examples, run as their readers would run them: what a page shows has to work. Every line of a shell is run, against git
//! servers of our own under the names that the examples have; only `cargo install`, which would build this program again, and what
//! the platforms' own actions do, is stood in for.

use countersign_tests::door::{Door, Said};
use countersign_tests::git_server::GitServer;
use countersign_tests::sigstore::{Instance, Server, now};
use std::path::Path;

fn example(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path);
    std::fs::read_to_string(file).expect("an example")
}

/// What the platform itself does of a step, or of a program that is not at hand, as the test does it.
fn stood_in(command: &str) -> Option<&'static str> {
    let fetches = command.starts_with("uses: actions/download-artifact@") || command.starts_with("curl ");
    let other = command.starts_with("uses: ") || command.starts_with("cargo install --locked --git ");
    fetches.then_some("cp -R ../built release").or_else(|| other.then_some(":"))
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
            Some(command) => out.push(stood_in(command).unwrap_or(command).to_owned()),
            None => {}
        }
    }
    assert!(out.iter().any(|line| line.contains("countersign ") || line.starts_with("sh gate.sh ")), "{out:?}");
    out.join("\n")
}

/// The demo's world behind a git server: repositories under the names that the examples have for them.
struct Forge {
    door: Door,
    _server: GitServer,
}

impl Forge {
    /// A server that is `https://HOST/team/` for git.
    fn of(host: &str) -> Self {
        let door = Door::new();
        let forge = |line: &str| done(door.git_in(".", line));
        for name in ["app-gate", "app-gate-log"] {
            forge(&format!("init -q --bare served/team/{name}"));
            done(door.git_in(&format!("served/team/{name}"), "config receive.denyNonFastForwards true"));
        }
        forge("clone -q --mirror app served/team/app");
        let server = GitServer::over(&door.path().join("served"));
        let address = server.url("team/");
        let also = |name: &str| format!("[url \"{address}{name}\"]\n\tinsteadOf = https://{host}/team/{name}.git\n");
        let names = ["app", "app-gate", "app-gate-log"].map(also).concat();
        let demo = format!("[url \"{address}app\"]\n\tinsteadOf = https://{host}/demo/app\n");
        let user = "[user]\n\tname = gate\n\temail = gate@example.com\n";
        let team = format!("[url \"{address}\"]\n\tinsteadOf = https://{host}/team/\n");
        door.write("gitconfig", format!("{user}{names}{demo}{team}").as_bytes());
        Self { door, _server: server }
    }

    fn shell(&self, folder: &str, script: &str, variables: &[(&str, &str)]) -> Said {
        let config = self.door.path().join("gitconfig").display().to_string();
        let all: Vec<(&str, &str)> =
            variables.iter().copied().chain([("GIT_CONFIG_GLOBAL", config.as_str())]).collect();
        std::fs::create_dir_all(self.door.path().join(folder)).expect("a folder");
        self.door.shell(folder, script, &all)
    }
}

#[track_caller]
fn done((success, said): (bool, String)) {
    assert!(success, "{said}");
}

/// Runs the steps as the platform's runner would, in a folder of their own, and gives the provenance that was written.
fn builds(forge: &Forge, script: &str, variables: &[(&str, &str)]) -> String {
    let door = &forge.door;
    let commit = door.git("rev-parse HEAD");
    let named: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, if *value == "HEAD" { commit.as_str() } else { *value }))
        .collect();
    forge.shell("work", script, &named).expect(0, &["app.provenance"]);
    String::from_utf8(door.read("work/app.provenance.json")).expect("text")
}

fn verified(door: &Door) {
    for (document, kind) in [("app.provenance.sigstore.json", "provenance"), ("app.sbom.sigstore.json", "sbom")] {
        let line = format!("verify work/target/release/app --bundle work/{document} --type {kind}");
        door.trusting(&line).expect(0, &["verified"]);
    }
}

#[test]
fn the_build_step_for_gitlab_builds_and_signs_what_the_gate_can_check() {
    let forge = Forge::of("gitlab.example.com");
    let key = forge.door.path().join("keys/builder.pem").display().to_string();
    let script = steps(&example("gitlab-ci/build.yml"), "script:", "after_script:");
    // GitLab's runner has made the clone.
    let script = format!("git clone -q https://gitlab.example.com/team/app .\n{script}");
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
    let provenance = builds(&forge, &script, &variables);
    verified(&forge.door);
    for part in
        ["https://gitlab.example.com/team/app/-/jobs/7", "git+https://gitlab.example.com/team/app@refs/heads/main"]
    {
        assert!(provenance.contains(part), "{provenance}");
    }
    assert!(!provenance.contains(&key), "{provenance}");
}

/// What a job of GitHub's has around it.
const GITHUB: [(&str, &str); 10] = [
    ("RUNNER_TEMP", "."),
    ("CI", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_SHA", "HEAD"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_REF_NAME", "main"),
    ("GITHUB_RUN_ID", "42"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("RUNNER_ENVIRONMENT", "github-hosted"),
];

#[test]
fn the_build_step_for_github_builds_and_signs_what_the_gate_can_check() {
    let forge = Forge::of("github.com");
    let key = String::from_utf8(forge.door.read("keys/builder.pem")).expect("text");
    let script = steps(&example("github-actions/build.yml"), "steps:", "no such line");
    let more = [("BUILDER_KEY", key.trim_end()), ("GITHUB_REPOSITORY", "team/app")];
    let provenance = builds(&forge, &script, &[&GITHUB[..], &more].concat());
    verified(&forge.door);
    for part in
        ["https://github.com/team/app/actions/runs/42/attempts/1", "git+https://github.com/team/app@refs/heads/main"]
    {
        assert!(provenance.contains(part), "{provenance}");
    }
    assert!(!forge.door.has("work/builder.pem"), "the key stays behind");
}

/// The block of TOML that the page on trust has for a builder of level 2, for the workflow that the test's instance vouches for.
fn builder_of_the_page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/trust.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, from) = page
        .split_once("    [[builders]]\n    id = \"https://countersign.dev/builders/github-actions/")
        .expect("the block");
    let block = format!("    [[builders]]\n    id = \"https://countersign.dev/builders/github-actions/{from}");
    let lines = block.lines().take_while(|line| line.starts_with("    "));
    let block: Vec<&str> = lines.map(str::trim_start).collect();
    let block = block.join("\n");
    let of_the_page = "https://github.com/team/app/.github/workflows/build.yml@refs/heads/main";
    assert!(block.contains(of_the_page) && block.contains("max_level = 2"), "{block}");
    block.replace(of_the_page, "https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1")
}

#[test]
fn the_build_step_with_an_identity_shows_level_two_by_what_the_page_on_trust_says() {
    let forge = Forge::of("github.com");
    let door = &forge.door;
    let server = Server::over(Instance::new(now()));
    std::fs::create_dir_all(door.path().join("outside")).expect("a folder");
    door.write("signing_config.json", server.signing_config().as_bytes());
    door.write("trusted_root.json", &server.instance().trusted_root());
    let root = door.run("trust root trusted_root.json --name public-good").out;
    let config: serde_json::Value = serde_json::from_str(&server.signing_config()).expect("JSON");
    let service = config["caUrls"][0]["url"].as_str().expect("an address");
    let address = format!("{service}/ambient?api-version=2.0");

    let script = steps(&example("github-actions/build-identity.yml"), "steps:", "no such line");
    assert!(script.contains("--identity-from github-actions"), "{script}");
    // Both files are committed in the example's repository; here the world has them.
    let script = script
        .replace("signing_config.json", "../signing_config.json")
        .replace("trusted_root.json", "../trusted_root.json");
    let more = [
        ("GITHUB_REPOSITORY", "demo/app"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", address.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-job-s-own-secret"),
    ];
    let provenance = builds(&forge, &script, &[&GITHUB[..], &more].concat());
    assert!(
        provenance.contains("\"https://countersign.dev/builders/github-actions/github-hosted/v1\""),
        "{provenance}"
    );
    assert!(!provenance.contains("the-job-s-own-secret"), "{provenance}");

    // The next trust has that builder, and asks for level 2; so does the next release.
    let text = String::from_utf8(door.read("trust.toml")).expect("text");
    let text = text.replacen("version = 1\n", &format!("version = 2\nprevious = \"{}\"\n", door.digest()), 1);
    let text = text.replace("builder_level = 1", "builder_level = 2");
    // The instance's workflow runs in an environment, and says nothing of its runner.
    let builder = builder_of_the_page().replace("claims = { runner = \"github-hosted\" }", "");
    door.write("next.toml", format!("{text}\n{builder}\n{root}").as_bytes());
    let policy = String::from_utf8(door.read("policy/policy.toml")).expect("text");
    let policy = policy.replace("version = 1\n", "version = 2\n").replace("least = 1", "least = 2");
    door.write(
        "policy/policy.toml",
        policy.replace("git+https://example.com/demo/app", "git+https://github.com/demo/app").as_bytes(),
    );
    door.run("policy build policy --output next.manifest.json").expect(0, &[]);
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign next.toml --key keys/{person} --output next.trust.json")).expect(0, &[]);
        door.run(&format!("policy approve next.manifest.json --key keys/{person} --output next.policy.json"))
            .expect(0, &[]);
    }
    let digest = door.run("trust digest next.trust.json").out.trim().to_owned();
    let trust =
        format!("--trust next.trust.json --trust-digest {digest} --store store --least-checkpoint outside/checkpoint");
    door.run(&format!(
        "policy activate next.policy.json --environment production --key keys/ada --log-key keys/log.pem {trust}"
    ))
    .expect(0, &["release 2 is active"]);
    let (head, base) = (door.git("rev-parse politer"), door.git("rev-parse main~1"));
    door.run(&format!(
        "review sign {head} --base {base} --repo app --target refs/heads/main --repository git+https://github.com/demo/app \
         --key keys/ben --dir agreed"
    ))
    .expect(0, &["signed: approve"]);
    let promote = |bundle: &str| {
        door.run(&format!(
            "promote work/target/release/app --to production --repo app --reviews agreed --key keys/gate.pem --log-key keys/log.pem \
             --bundle {bundle} --bundle work/app.sbom.sigstore.json --sigstore-root trusted_root.json {trust}"
        ))
    };
    let said = promote("work/app.provenance.sigstore.json");
    said.expect(0, &["PASS: authorised for production: SLSA_BUILD_LEVEL_2,"]);
    assert!(!said.text.contains("artifact-source-link-unproven"), "{}", said.text);
    // The same provenance under a key that claims that builder is nobody's word.
    door.run("sign work/app.provenance.json --key keys/builder.pem --output keyed.json").expect(0, &[]);
    assert_ne!(promote("keyed.json").code, 0);
}

/// What a pipeline's file says of a variable.
fn variable(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")).map(str::to_owned));
    line.unwrap_or_else(|| panic!("{name} is not set"))
}

/// A gate in a repository of its own, its log in another one, and a build's files.
struct Gate {
    forge: Forge,
    script: String,
    variables: Vec<(String, String)>,
    runs: std::cell::Cell<u32>,
}

impl Gate {
    fn new(host: &str, pipeline: &str, list: (&str, &str), more: &[(&str, &str)]) -> Self {
        let forge = Forge::of(host);
        let door = &forge.door;
        let text = example(pipeline);
        let store = variable(&text, "STORE");
        let set_up = [
            "git clone -q served/team/app-gate begun && cd begun",
            &format!("countersign log init --origin example.com/log --key ../keys/log.pem --store {store}"),
            "git checkout -q --orphan checkpoint",
            &format!("countersign log checkpoint --store {store} --output checkpoint"),
            "git add checkpoint && git commit -q -m 'The first checkpoint' && git push -q origin checkpoint",
            "git checkout -q --orphan main && git rm -q -f checkpoint && cp ../trust.sigstore.json ../gate.sh .",
            &format!(
                "countersign policy activate ../policy.sigstore.json --environment production --key ../keys/ada --log-key ../keys/log.pem \
                 --store {store} --trust trust.sigstore.json --trust-digest {} --least-checkpoint ../first",
                door.digest()
            ),
            "git add -A && git commit -q -m 'The gate' && git push -q origin main",
        ]
        .join("\n")
        .replace("--output checkpoint", "--output checkpoint && cp checkpoint ../first");
        door.write("gate.sh", example("promotion-gate/gate.sh").as_bytes());
        forge.shell(".", &set_up, &[]).expect(0, &["release 1 is active"]);
        std::fs::create_dir_all(door.path().join("built/target/release")).expect("a folder");
        for (from, to) in [
            ("app.bin", "target/release/app"),
            ("app.provenance.sigstore.json", "app.provenance.sigstore.json"),
            ("app.sbom.sigstore.json", "app.sbom.sigstore.json"),
        ] {
            std::fs::copy(door.path().join(from), door.path().join("built").join(to)).expect("copied");
        }
        let given = [
            ("COUNTERSIGN_TRUST_DIGEST", door.digest().to_owned()),
            ("STORE", store),
            ("CHECKPOINTS", variable(&text, "CHECKPOINTS")),
            ("APP", variable(&text, "APP")),
        ];
        let variables = given
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            .collect();
        let script = steps(&text, list.0, list.1);
        Self { forge, script, variables, runs: std::cell::Cell::new(0) }
    }

    /// Runs the pipeline on a machine that remembers nothing. Gives what it said, and its folder.
    fn run(&self) -> (Said, String) {
        self.runs.set(self.runs.get() + 1);
        let folder = format!("machine-{}", self.runs.get());
        let commit = self.forge.door.git_in("begun", "rev-parse main").1;
        let variables: Vec<(&str, &str)> = self
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), if value == "HEAD" { commit.as_str() } else { value.as_str() }))
            .collect();
        (self.forge.shell(&folder, &self.script, &variables), folder)
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.forge.door.read(path)).expect("text")
    }

    /// ben agrees, and his agreement is in the notes of the reviewed repository.
    fn reviewed(&self) {
        let line = "cd app && countersign review sign politer --base main~1 --target refs/heads/main \
                    --repository git+https://example.com/demo/app --key ../keys/ben --notes\n\
                    git push -q ../served/team/app refs/notes/countersign";
        self.forge.shell(".", line, &[]).expect(0, &["signed: approve"]);
    }

    fn kept(&self) -> String {
        self.forge.door.git_in("served/team/app-gate", "show checkpoint:checkpoint").1
    }

    /// It refuses, then passes, and a log that was set back in between is noticed by a machine that never saw it.
    fn keeps_its_floor(&self) -> (String, String) {
        let first = self.kept();
        let (said, refused) = self.run();
        said.expect(1, &["refused[review-missing]", "decision recorded as entry 2"]);
        let log = |line: &str| self.forge.door.git_in("served/team/app-gate-log", line).1;
        let early = log("rev-parse log");
        self.reviewed();
        let second = self.kept();
        assert_ne!(first, second, "a refusal raises the floor as well");
        let (said, passed) = self.run();
        said.expect(0, &["PASS: authorised for production", "decision recorded as entry 3"]);
        assert_ne!(second, self.kept());
        let _said = log(&format!("update-ref refs/heads/log {early}"));
        let (said, _) = self.run();
        said.expect(4, &["untrusted[log-rolled-back]"]);
        (refused, passed)
    }
}

#[test]
fn the_gate_of_github_lies_apart_keeps_its_floor_and_leaves_annotations_a_summary_and_sarif() {
    let list = ("steps:", "no such line");
    let more = [("GITHUB_STEP_SUMMARY", "summary.md"), ("GITHUB_REPOSITORY", "team/app-gate")];
    let mut gate = Gate::new("github.com", "github-actions/promote.yml", list, &[&GITHUB[..], &more].concat());
    for (name, key) in [("GATE_PEM", "gate"), ("LOG_PEM", "log")] {
        let key = gate.text(&format!("keys/{key}.pem"));
        gate.variables.push((name.to_owned(), key.trim_end().to_owned()));
    }
    let (refused, passed) = gate.keeps_its_floor();
    assert!(gate.text(&format!("{refused}/summary.md")).starts_with("## promote app to production"));
    assert!(gate.text(&format!("{refused}/countersign.sarif")).contains("\"review-missing\""));
    for folder in [refused, passed] {
        assert!(!gate.forge.door.has(&format!("{folder}/gate.pem")), "no key stays on the machine");
    }
}

#[test]
fn the_gate_of_gitlab_lies_apart_keeps_its_floor_and_leaves_code_quality_and_tests() {
    let list = ("  script:", "  # Also of a run");
    let more = [
        ("APP_TOKEN", "a"),
        ("GATE_TOKEN", "g"),
        ("APP_JOB", "7"),
        ("GATE_KEY", "../keys/gate.pem"),
        ("LOG_KEY", "../keys/log.pem"),
    ];
    let mut gate = Gate::new("gitlab.example.com", "gitlab-ci/gate.yml", list, &more);
    // GitLab's runner has made the clone.
    gate.script.insert_str(0, "git clone -q --branch main https://gitlab.example.com/team/app-gate .\n");
    let (refused, _) = gate.keeps_its_floor();
    assert!(gate.text(&format!("{refused}/gl-code-quality.json")).contains("\"review-missing\""));
    assert!(gate.text(&format!("{refused}/countersign.xml")).contains("<failure"));
}

#[test]
fn the_auditor_needs_no_more_than_the_script_says() {
    let door = Door::new();
    door.run("audit export --store store --output year.cspkg").expect(0, &[]);
    let audit = |least: &str| {
        let script = example("offline-auditor/audit.sh")
            .replace("\"$1\"", "year.cspkg")
            .replace("\"$2\"", "trust.sigstore.json")
            .replace("\"$3\"", door.digest())
            .replace("\"$4\"", least);
        door.shell(".", &script, &[])
    };
    audit("outside/checkpoint").expect(0, &["the same again", "PASS"]);
}
