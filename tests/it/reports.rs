//! The forms of a result: valid by their own rules whatever the findings say, and from the real program.

use countersign_core::codes;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Finding, RuleNote, Verdict};
use countersign_report::escape::is_hidden;
use countersign_report::reports::{Baseline, Effect, Facts, Failure, Form, Report};
use countersign_tests::door::Door;
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;
use std::sync::LazyLock;

static SARIF: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("third-party/sarif/sarif-2.1.0.schema.json");
    let text = std::fs::read_to_string(file).expect("the schema");
    // The pattern of languages has a bracket too many, which stricter readers of expressions refuse.
    let wrong = "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$";
    assert_eq!(text.matches(wrong).count(), 2);
    let schema: Value = serde_json::from_str(&text.replace(wrong, "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$")).expect("JSON");
    jsonschema::draft7::new(&schema).expect("a schema")
});

/// What somebody would write to get out of a format.
const HOSTILE: &[&str] = &[
    "\u{1b}]0;title\u{7}\u{1b}[2J",
    "]]></failure><testcase name='x'/>",
    "%0A::error file=a::b",
    "\n::error::mine\r\n##[error]mine",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\" onload=\"x' onload='x",
    "&amp;&#0;&nosuch;",
    "\u{202e}cod.exe\u{2066}\u{200b}\u{feff}\u{2028}\u{e0041}",
    "\u{0}\u{fffe}\u{ffff}\u{85}",
    "[x](javascript:alert(1)) ![x](https://a.example/x.png) @everyone | a | b | `c` {0} {{",
    "</details></summary>\n# big\n| a |\n|---|",
    "../../etc/passwd:1:1",
    "a,b=c:7",
    "https://a.example:1",
];

fn hostile() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(HOSTILE).prop_map(str::to_owned);
    let any = proptest::collection::vec(any::<char>(), 0..40).prop_map(|all| all.into_iter().collect::<String>());
    proptest::collection::vec(prop_oneof![known, any, Just("src/a.rs:3:4".to_owned())], 1..4)
        .prop_map(|all| all.concat())
}

fn finding() -> impl Strategy<Value = Finding> {
    let texts = proptest::collection::vec(hostile(), 9);
    (0..codes::ALL.len(), texts, any::<bool>()).prop_map(|(code, texts, written)| {
        let mut texts = texts.into_iter();
        let mut next = || texts.next().expect("a text");
        let mut finding = Finding::new(codes::ALL[code].code, next()).at(next()).expected(next(), next()).found(next());
        finding.help = Some(next());
        finding.controls = vec![next()];
        if written {
            let id = "no-left-pad@1".parse().expect("an id");
            let severity = "high".to_owned();
            finding.rule =
                Some(Box::new(RuleNote { id, severity, why: next(), owner: next(), docs: Some(finding.what.clone()) }));
        }
        finding
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let effects = [Effect::Blocks, Effect::LetThrough, Effect::Warns, Effect::Monitored, Effect::Note];
    let effect = proptest::sample::select(effects.to_vec());
    let found = proptest::collection::vec((finding(), effect), 0..6);
    (found, hostile(), hostile(), any::<bool>(), any::<bool>()).prop_map(|(findings, text, more, failed, folder)| {
        let mut facts = Facts::new("promote", "0.1.0", Verdict::Fail, Exit::Refused);
        facts.findings = findings;
        facts.subject_name = Some(text.clone());
        facts.file.clone_from(&more);
        facts.folder = folder.then(|| more.clone());
        facts.checks = vec![Check::new(&text, Verdict::Fail, more.clone())];
        facts.closing.clone_from(&more);
        facts.failure = failed.then(|| Failure { message: text, causes: vec![more.clone()], help: Some(more) });
        facts
    })
}

/// Reads XML as strictly as this document needs: tags that close, attributes in double quotes, the five entities, and no
/// character that XML does not have.
fn well_formed(xml: &str) -> Result<usize, String> {
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").ok_or("no declaration")?;
    let mut open: Vec<&str> = Vec::new();
    let mut elements = 0;
    let text_is_clean = |text: &str| {
        let entity = |after: &str| ["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|known| after.starts_with(known));
        let wrong = |c: char| (c < ' ' && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}' | '<' | '>');
        !text.chars().any(wrong) && text.split('&').skip(1).all(entity)
    };
    while let Some((text, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').ok_or("a tag without end")?;
        if !text_is_clean(text) || (open.is_empty() && !text.trim().is_empty()) {
            return Err(format!("text {text:?}"));
        }
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}>"));
            }
            continue;
        }
        elements += 1;
        let (inside, empty) = tag.strip_suffix('/').map_or((tag, false), |inside| (inside, true));
        let (name, mut attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        if ![
            "testsuites",
            "testsuite",
            "testcase",
            "properties",
            "property",
            "failure",
            "error",
            "skipped",
            "system-out",
        ]
        .contains(&name)
        {
            return Err(format!("<{name}>"));
        }
        while !attributes.is_empty() {
            let (key, value) = attributes.split_once("=\"").ok_or_else(|| format!("attributes {attributes:?}"))?;
            let (value, more) = value.split_once('"').ok_or("an attribute without end")?;
            if !key.bytes().all(|b| b.is_ascii_lowercase()) || !text_is_clean(value) {
                return Err(format!("attribute {key:?}"));
            }
            attributes = more.strip_prefix(' ').unwrap_or(more);
        }
        if !empty {
            open.push(name);
        }
    }
    if open.is_empty() && rest.trim().is_empty() { Ok(elements) } else { Err(format!("left open: {open:?}")) }
}

/// Nothing in any form steers a terminal, turns text around, ends its place, or begins something of its own.
fn hold(report: &Report) {
    let render = |form| report.render(form).expect("rendered");
    for form in [Form::Sarif, Form::Junit, Form::Github, Form::Summary, Form::Gitlab, Form::Html] {
        let text = render(form);
        assert!(text.chars().all(|c| c == '\n' || !is_hidden(c)), "{form:?}: {text:?}");
        assert!(text.len() < 4 << 20, "{form:?}: {}", text.len());
    }
    let sarif: Value = serde_json::from_str(&render(Form::Sarif)).expect("JSON");
    let errors: Vec<String> =
        SARIF.iter_errors(&sarif).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), report.items.len() + report.gone.len());
    for result in results {
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().expect("a uri");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b);
        assert!(uri.bytes().all(plain) && !uri.starts_with('/') && !uri.split('/').any(|part| part == ".."), "{uri}");
        let message = result["message"]["text"].as_str().expect("a message").replace("{{", "").replace("}}", "");
        assert!(!message.contains(['{', '}']) && !message.replace("\\[", "").contains('['), "{message}");
    }
    well_formed(&render(Form::Junit)).unwrap_or_else(|error| panic!("{error} in {}", render(Form::Junit)));
    for line in render(Form::Github).lines() {
        let (command, data) =
            line.strip_prefix("::").and_then(|line| line.split_once("::")).expect("a command of ours");
        assert!(["error ", "warning ", "notice "].iter().any(|kind| command.starts_with(kind)), "{line}");
        let keys = ["file=", "line=", "col=", "title="];
        let (_, properties) = command.split_once(' ').expect("properties");
        assert!(properties.split(',').all(|property| keys.iter().any(|key| property.starts_with(key))), "{line}");
        let escapes = |text: &str| {
            text.split('%').skip(1).all(|after| ["25", "0A", "3A", "2C"].iter().any(|e| after.starts_with(e)))
        };
        assert!(escapes(data) && escapes(command), "{line}");
    }
    let gitlab: Value = serde_json::from_str(&render(Form::Gitlab)).expect("JSON");
    let issues = gitlab.as_array().expect("a list");
    assert_eq!(issues.len(), report.items.len() + usize::from(report.facts.failure.is_some()));
    let prints: std::collections::BTreeSet<&str> =
        issues.iter().filter_map(|issue| issue["fingerprint"].as_str()).collect();
    assert_eq!(prints.len(), issues.len());
    for issue in issues {
        let path = issue["location"]["path"].as_str().expect("a path");
        let outside = path.starts_with('/') || path.starts_with("./") || path.split('/').any(|part| part == "..");
        assert!(!outside, "{path}");
        assert!(issue["location"]["lines"]["begin"].as_u64().is_some_and(|line| line > 0));
    }
    let html = render(Form::Html).to_lowercase();
    let tags: Vec<&str> = html.split('<').skip(1).map(|tag| tag.split(['>', ' ']).next().unwrap_or_default()).collect();
    let ours = [
        "!doctype", "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "strong", "dl", "dt", "dd",
        "table", "tr", "th", "td", "details", "summary", "ul", "li", "a",
    ];
    assert!(tags.iter().all(|tag| ours.contains(&tag.trim_start_matches('/').trim())), "{tags:?}");
    for line in render(Form::Summary).lines() {
        let bare = line.trim_start_matches("<details><summary>").trim_end_matches("</summary>");
        let bare = if bare == "</details>" { "" } else { bare };
        assert!(!bare.contains(['<', '>']), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_findings_say_every_form_is_valid_and_nothing_gets_out_of_its_place(before in facts(), now in facts()) {
        let before = Report::new(before, None);
        hold(&before);
        let baseline = Baseline::parse(before.render(Form::Sarif).expect("SARIF").as_bytes()).expect("a baseline");
        let exit = now.exit;
        let compared = Report::new(now.clone(), Some(&baseline));
        prop_assert_eq!((compared.facts.exit, compared.facts.verdict), (exit, now.verdict));
        hold(&compared);
        let again = Report::new(before.facts.clone(), Some(&baseline));
        prop_assert!(again.gone.is_empty());
        prop_assert!(again.items.iter().all(|item| item.state == Some(countersign_report::reports::State::Unchanged)));
    }

    #[test]
    fn bytes_are_a_baseline_or_an_error_and_never_more(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Baseline::parse(&bytes).is_err());
    }
}

#[test]
fn a_text_of_a_megabyte_stays_in_its_place_and_is_counted() {
    let long = "<]]>%\u{1b}\n".repeat(150_000);
    let finding = Finding::new(codes::RULE_BROKEN, &long).at(&long).expected(&long, &long).found(&long).help(&long);
    let mut facts = Facts::new("promote", "0.1.0", Verdict::Fail, Exit::Refused).found(&[finding]);
    facts.file.clone_from(&long);
    let report = Report::new(facts, None);
    hold(&report);
    assert!(report.render(Form::Html).expect("a page").contains("more characters"));
}

/// The gate without its SBOM, with more.
fn refused(door: &Door, more: &str) -> countersign_tests::door::Said {
    door.trusting(&format!(
        "promote app.bin --to production --bundle app.provenance.sigstore.json --reviews reviews --repo app --store store \
         --least-checkpoint outside/checkpoint --key keys/gate.pem --log-key keys/log.pem {more}"
    ))
}

#[test]
fn one_run_answers_on_the_terminal_and_in_every_file_and_is_recorded_once() {
    let door = Door::new();
    let forms = ["text", "json", "sarif", "junit", "github", "summary", "gitlab", "html"];
    let reports: Vec<String> = forms.iter().map(|form| format!("--report {form}=r.{form}")).collect();
    let said = refused(&door, &reports.join(" "));
    said.expect(3, &["indeterminate[sbom-missing]", "decision recorded as entry"]);
    for form in forms {
        let text = String::from_utf8(door.read(&format!("r.{form}"))).expect("text");
        assert!(text.contains("sbom-missing"), "{form}: {text}");
    }
    assert_eq!(door.read("r.text"), said.out.as_bytes());
    let sarif: Value = serde_json::from_slice(&door.read("r.sarif")).expect("JSON");
    assert!(SARIF.is_valid(&sarif));
    assert_eq!(sarif["runs"][0]["invocations"][0]["exitCode"], 3);
    well_formed(&String::from_utf8(door.read("r.junit")).expect("text")).expect("XML");

    // Against what it said itself, nothing is new, and the answer is as it was. The log moved: the baseline is old.
    let said = refused(&door, "--dry-run --baseline r.sarif --report gitlab=r.gitlab");
    said.expect(3, &["unchanged  sbom-missing", "0 gone; this changes no verdict"]);
    let said = refused(&door, "--dry-run --baseline r.json --bundle app.sbom.sigstore.json");
    said.expect(0, &["gone       sbom-missing", "this changes no verdict"]);
}

#[test]
fn a_run_that_cannot_be_made_says_so_in_its_reports() {
    let door = Door::new();
    let line = "verify app.bin --bundle nosuch.json --report gitlab=r.json --report junit=r.xml --report sarif=r.sarif";
    door.trusting(line).expect(5, &["could not read nosuch.json", "nothing was verified"]);
    let gitlab: Value = serde_json::from_slice(&door.read("r.json")).expect("JSON");
    assert_eq!(gitlab[0]["check_name"], "could-not-be-checked");
    let xml = String::from_utf8(door.read("r.xml")).expect("text");
    assert!(xml.contains("errors=\"1\"") && xml.contains("could not read nosuch.json"), "{xml}");
    let sarif: Value = serde_json::from_slice(&door.read("r.sarif")).expect("JSON");
    assert!(SARIF.is_valid(&sarif));
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn what_is_wrong_with_reports_or_baseline_is_said_before_anything_is_recorded() {
    let door = Door::new();
    let before = door.read("store/log/checkpoint");
    for (more, words) in [
        ("--report sarif", "FORMAT=FILE"),
        ("--report word=a", "`word` is not one of"),
        ("--report sarif=", "there is no file"),
        ("--report sarif=-", "only `github` goes to standard output"),
        ("--report sarif=nosuch/a", "cannot be written"),
        ("--report sarif=keys", "cannot be written"),
        ("--report sarif=a --report html=a", "named twice"),
        ("--report github=- --format json", "cannot share standard output"),
        ("--baseline trust.toml", "--baseline trust.toml"),
        ("--baseline app.cdx.json", "neither an answer of countersign"),
    ] {
        refused(&door, more).expect(2, &[words]);
    }
    refused(&door, "--baseline nosuch").expect(5, &["nosuch"]);
    assert_eq!(door.read("store/log/checkpoint"), before);
    assert!(!door.has("a"));
}

#[test]
fn a_report_takes_the_place_of_nothing_that_is_read_signed_or_kept() {
    let door = Door::new();
    let entries = door.entries();
    let stays = |file: &str, words: &str, run: &dyn Fn(&str) -> countersign_tests::door::Said| {
        let before = door.read(file);
        run(&format!("--report sarif={file}")).expect(2, &[words]);
        assert_eq!(door.read(file), before, "{file}");
    };
    for (file, words) in [
        ("store/log/checkpoint", "which the store keeps"),
        ("trust.sigstore.json", "is read here"),
        ("app.bin", "is read here"),
        ("app.provenance.sigstore.json", "is read here"),
        ("keys/gate.pem", "is read here"),
        ("outside/checkpoint", "is read here"),
    ] {
        stays(file, words, &|more: &str| refused(&door, more));
    }
    assert_eq!(door.entries(), entries);
    let verify = |more: &str| door.trusting(&format!("verify app.bin --bundle app.provenance.sigstore.json {more}"));
    stays("store/log/checkpoint", "which the store keeps", &verify);
    door.run("audit export --store store --output p.cspkg").expect(0, &[]);
    for file in ["keys/gate.pem", "keys/ada.pub", "outside/checkpoint", "app.sbom.sigstore.json", "p.cspkg"] {
        stays(file, "is a key, a checkpoint, a package or something signed", &verify);
    }
    for verb in ["lint", "test", "docs"] {
        let policy = |more: &str| door.run(&format!("policy {verb} policy {more}"));
        stays("store/log/checkpoint", "which the store keeps", &policy);
        stays("policy/policy.toml", "lies in the policy's folder", &policy);
    }
    // A report of an earlier run is what a report is for.
    for _ in 0..2 {
        verify("--report sarif=r.sarif --report text=r.txt --report json=r.json").expect(0, &[]);
    }
    // One of an artifact that is called as keys of SSH begin is a report all the same.
    door.write("ssh-agent.txt", b"ssh-agent.bin\n  PASS  signature\n");
    verify("--report text=ssh-agent.txt").expect(0, &[]);
}

#[test]
fn lint_puts_annotations_beside_the_lines_of_the_policy() {
    let door = Door::new();
    door.run("policy new no-left-pad --owner security --title none --form rego --folder policy").expect(0, &[]);
    let file = "policy/rules/no-left-pad/rule.rego";
    let text = String::from_utf8(door.read(file)).expect("text");
    door.write(file, text.replace("input.", "input.nosuch_").as_bytes());
    let said = door.run("policy lint policy --report github=- --report sarif=l.sarif --report gitlab=l.json");
    said.expect(1, &["refused[rule-path]", "::error file=policy/rules/no-left-pad/rule.rego,line="]);
    let sarif: Value = serde_json::from_slice(&door.read("l.sarif")).expect("JSON");
    assert!(SARIF.is_valid(&sarif));
    let first = sarif.pointer("/runs/0/results/0/locations/0/physicalLocation").expect("a place");
    assert_eq!(first["artifactLocation"]["uri"], file);
    assert!(first["region"]["startLine"].as_u64().is_some_and(|line| line > 1));
    let said = door.run("policy test policy --report junit=t.xml");
    assert_ne!(said.code, 0, "{}", said.text);
    well_formed(&String::from_utf8(door.read("t.xml")).expect("text")).expect("XML");
}
