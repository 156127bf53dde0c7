//! Secrets: from a token in a commit over scan, signature and gate to the auditor, through the real program; and this
//! repository's own scan.

use countersign_tests::door::{Door, Said, program};
use std::path::Path;

const REPOSITORY: &str = "git+https://example.com/demo/app";
const LEAST: &str = "--least-checkpoint outside/checkpoint";
const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews";

/// A form of token without a checksum; no secret stands in this file.
fn token() -> String {
    format!("AK{}{}", "IA", "Q3RZ7XKLMNOP2WVA")
}

/// A door whose policy asks for a scan, with these parameters.
fn door(parameters: &str) -> Door {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap().replace("version = 1\n", "version = 2\n");
    let rule = format!(
        "\n[[rules]]\nid = \"no-secrets@1\"\nstages = {{ production = \"enforce\" }}\ncontrols = [\"SOC 2 CC6.1\"]\n{parameters}\n"
    );
    door.write("policy/policy.toml", format!("{text}{rule}").as_bytes());
    door.run("policy build policy --output p.json").expect(0, &["no-secrets@1"]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve p.json --key keys/{person} --output p.sigstore.json")).expect(0, &[]);
    }
    // A rule that refuses from its first day on was not measured: two approvers say why.
    for (person, code, says) in
        [("ada", 4, "waits for more approvers"), ("ben", 0, "release 2 is active for production")]
    {
        let line = format!(
            "policy activate p.sigstore.json --environment production --key keys/{person} --log-key keys/log.pem --store store \
         {LEAST} --lock countersign.lock --checkpoint-output outside/checkpoint \
             --override no-secrets@1 --reason new --activation a.sigstore.json"
        );
        door.trusting(&line).expect(code, &[says]);
    }
    door
}

/// A change of the greeting that lands, reviewed by the second person, and is built.
fn land(door: &Door, name: &str, line: &str) {
    let text = format!(
        "//! Greets.\n\n/// The greeting.\npub fn hello() -> String {{\n{line}    \"{name}\".to_string()\n}}\n"
    );
    door.write("app/greeting/src/lib.rs", text.as_bytes());
    let base = door.git("rev-parse HEAD");
    for line in [
        format!("checkout -q -b {name}"),
        "config commit.gpgsign false".to_owned(),
        format!("commit -q -a -m {name}"),
        "checkout -q main".to_owned(),
        format!("merge -q --no-ff -m Merge {name}"),
    ] {
        git(door, &line);
    }
    let head = door.git(&format!("rev-parse {name}"));
    let script = format!(
        "countersign review sign {head} --base {base} --target refs/heads/main --repository {REPOSITORY} --key ../keys/ben --dir ../reviews\n\
         countersign review sign {head} --base {base} --target refs/heads/main --repository {REPOSITORY} --key ../keys/ada --dir ../reviews\n\
         countersign provenance --artifact target/debug/app --source-uri {REPOSITORY} --output ../app.provenance.json -- cargo build --locked --offline\n\
         countersign sbom --package app --bin app --offline --artifact target/debug/app --output ../app.cdx.json\n\
         cp target/debug/app ../app.bin\ncd ..\n\
         countersign sign app.provenance.json --key keys/builder.pem --output app.provenance.sigstore.json\n\
         countersign sign app.cdx.json --type sbom --artifact app.bin --key keys/builder.pem --output app.sbom.sigstore.json\n"
    );
    let said = door.shell("app", &script, &[]);
    assert_eq!(said.code, 0, "{}", said.text);
}

fn git(door: &Door, line: &str) {
    let (done, said) = door.git_in("app", line);
    assert!(done, "git {line}: {said}");
}

fn collect(door: &Door, what: &str) -> Said {
    let said =
        door.run(&format!("collect secrets --repo app {what} --repository {REPOSITORY} --output app.secrets.json"));
    if door.has("app.secrets.json") {
        let held = String::from_utf8(door.read("app.secrets.json")).unwrap();
        assert!(!held.contains(&token()) && !said.text.contains(&token()), "the secret is shown");
        door.run("sign app.secrets.json --key keys/builder.pem --output app.secrets.sigstore.json").expect(0, &[]);
    }
    said
}

fn promote(door: &Door, more: &str) -> Said {
    door.promote(&format!("{EVIDENCE} {more} {LEAST} --lock countersign.lock --checkpoint-output outside/checkpoint"))
}

#[test]
fn a_token_in_a_commit_is_refused_with_its_place_and_passes_once_it_is_allowed_or_gone() {
    let door = door("");
    let leaks = format!("    let _key = \"{}\";\n", token());
    land(&door, "planted", &leaks);
    promote(&door, "").expect(3, &["indeterminate[secret-scan-missing]", "countersign collect secrets --revision"]);
    collect(&door, "--revision HEAD")
        .expect(1, &["secret[aws-access-key-id]: greeting/src/lib.rs:5:17  AKI… 20 bytes", "complete"]);
    let scan = "--bundle app.secrets.sigstore.json";
    let refused = &["refused[secret-found]", "--> greeting/src/lib.rs:5:17", "SOC 2 CC6.1", "countersign:allow-secret"];
    promote(&door, scan).expect(1, refused);
    // What a decision has seen does not go away by leaving it out.
    promote(&door, "").expect(1, refused);

    let allowed = leaks.replace('\n', " // countersign:allow-secret aws-access-key-id made up for a test\n");
    land(&door, "allowed", &allowed);
    promote(&door, scan).expect(3, &["secret-scan-missing"]);
    collect(&door, "--revision HEAD").expect(0, &["allowed[aws-access-key-id]", "made up for a test"]);
    promote(&door, scan).expect(0, &["PASS", "note[secret-allowed]", "COUNTERSIGN_NO_SECRETS_1"]);

    land(&door, "mended", "");
    collect(&door, "--revision HEAD").expect(0, &["0 secrets, 0 watched, 0 allowed"]);
    promote(&door, scan).expect(0, &["PASS"]);
    let history = collect(&door, "--range HEAD~1..HEAD");
    history.expect(0, &["0 secrets, 0 watched"]);
    collect(&door, "--range HEAD~3..HEAD").expect(1, &["secret[aws-access-key-id]", " in commit "]);

    door.run("audit export --store store --output out.cspkg").expect(0, &[]);
    door.trusting(&format!("audit verify out.cspkg {LEAST}")).expect(0, &["0 come out otherwise"]);
}

#[test]
fn another_tool_s_report_adds_findings_and_stands_for_no_scan() {
    let door = door("");
    collect(&door, "--revision HEAD").expect(0, &["complete"]);
    let (scan, other) = ("--bundle app.secrets.sigstore.json", "--bundle other.sigstore.json");
    let report = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"gitleaks","semanticVersion":"v8.0.0"}}}},"results":[{{
        "message":{{"text":"found {0}"}},"ruleId":"aws-access-token","locations":[{{"physicalLocation":{{"artifactLocation":
        {{"uri":"src/main.rs"}},"region":{{"startLine":3,"startColumn":9,"snippet":{{"text":"{0}"}}}}}}}}]}}]}}]}}"#,
        token()
    );
    door.write("gitleaks.sarif", report.as_bytes());
    let said = door.run(&format!(
        "collect secrets --repo app --revision HEAD --repository {REPOSITORY} --sarif gitleaks.sarif --output other.json"
    ));
    said.expect(1, &["secret[aws-access-token]: src/main.rs:3:9", "how far it looked is not known"]);
    assert!(!String::from_utf8(door.read("other.json")).unwrap().contains(&token()));
    door.run("sign other.json --key keys/builder.pem --output other.sigstore.json").expect(0, &[]);
    promote(&door, &format!("--dry-run {other}"))
        .expect(1, &["indeterminate[secret-scan-rules]", "refused[secret-found]"]);
    promote(&door, &format!("--dry-run {scan} {other}")).expect(1, &["--> src/main.rs:3:9", "by gitleaks v8.0.0"]);
    promote(&door, &format!("--dry-run {scan}")).expect(0, &["PASS"]);
}

#[test]
fn a_scan_by_other_rules_of_too_little_or_by_nobody_is_not_enough() {
    let door = door("parameters = { history = \"require\" }");
    let scan = "--dry-run --bundle app.secrets.sigstore.json";
    collect(&door, "--revision HEAD").expect(0, &[]);
    promote(&door, scan).expect(3, &["indeterminate[secret-scan-partial]", "did not look into the history"]);
    let rules =
        "name = \"countersign-not\"\nversion = 9\n[[rules]]\nid = \"none\"\nregex = 'never'\nkeywords = [\"never\"]\n";
    door.write("rules.toml", rules.as_bytes());
    collect(&door, "--revision HEAD --rules rules.toml").expect(0, &["by countersign-not 9 (1 rules"]);
    promote(&door, scan)
        .expect(3, &["indeterminate[secret-scan-rules]", "the rule set countersign, version 1 or later"]);
    door.run("key generate --output stranger.pem").expect(0, &[]);
    collect(&door, "--revision HEAD").expect(0, &[]);
    door.run("sign app.secrets.json --key stranger.pem --output app.secrets.sigstore.json").expect(0, &[]);
    promote(&door, scan).expect(4, &["signer-unknown", "secret-scan-missing"]);
}

#[test]
fn a_list_counts_where_review_covers_it_and_until_its_end() {
    let door = door("");
    let list = |expires: &str| {
        format!(
            "[[allow]]\nrule = \"aws-access-key-id\"\npath = \"greeting/**\"\nowner = \"ada\"\nreason = \"revoked\"\nexpires = \"{expires}\"\n"
        )
    };
    land(&door, "planted", &format!("    let _key = \"{}\";\n", token()));
    let scan = "--dry-run --bundle app.secrets.sigstore.json";
    door.write("list.toml", list("2099-01-01T00:00:00Z").as_bytes());
    collect(&door, "--revision HEAD --allow list.toml").expect(0, &["allowed[aws-access-key-id]", "owner ada"]);
    promote(&door, scan).expect(1, &["refused[secret-found]", "which does not count here"]);
    door.write("app/.countersign-secrets.toml", list("2026-01-02T00:00:00Z").as_bytes());
    git(&door, "add -A");
    land(&door, "listed", &format!("    let _key = \"{}\";\n", token()));
    collect(&door, "--revision HEAD").expect(1, &["secret[aws-access-key-id]"]);
    door.write("app/.countersign-secrets.toml", list("2099-01-01T00:00:00Z").as_bytes());
    land(&door, "longer", &format!("    let _key = \"{}\";\n", token()));
    collect(&door, "--revision HEAD").expect(0, &["allowed[aws-access-key-id]", "until 2099-01-01T00:00:00Z"]);
    promote(&door, scan).expect(0, &["PASS", "note[secret-allowed]"]);
}

#[test]
fn this_repository_holds_no_secret() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let names = ["crates", "docs", "tests", "xtask", "examples", "schemas", "README.md", "CHANGELOG.md", "SECURITY.md"];
    #[expect(clippy::disallowed_methods, reason = "the program is run as its user runs it")]
    let said =
        std::process::Command::new(program()).args(["collect", "secrets"]).args(names).current_dir(root).output();
    let said = said.expect("the program runs");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(0), "{text}");
    assert!(text.contains("0 secrets, 0 watched, 1 allowed"), "{text}");
}
