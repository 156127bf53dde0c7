//! Cases about rules that are written in a release: what they may do to a decision, and what is done to them.

use super::{Case, Found, Ready};
use countersign_core::decision::Decision;
use countersign_core::finding::Verdict::{Fail, Indeterminate, Pass};
use countersign_core::policy::{Manifest, SOURCE_FILE};
use std::collections::BTreeMap;

pub(super) fn all() -> Vec<Case> {
    let case = |id, what, verdict, code, play| Case { id, what, verdict, code, play };
    vec![
        case("P7", "a rule that reads data which is not in the release", Indeterminate, "rule-error", p7_data),
        case("P24", "a rule that asks the network", Indeterminate, "rule-error", p24_network),
        case("P24", "a rule that asks for chance", Indeterminate, "rule-error", p24_chance),
        case("P24", "a rule that asks for the machine's time zone", Indeterminate, "rule-error", p24_zone),
        case("W1", "a rule with an error where it enforces", Indeterminate, "rule-error", w1),
        case("W1", "an error under `not`", Indeterminate, "rule-error", w1_not),
        case("W1", "an error that a default would hide", Indeterminate, "rule-error", w1_default),
        case("W2", "a misspelt path, at the gate", Indeterminate, "rule-error", w2_gate),
        case("W2", "a misspelt path, when the release is built", Fail, "rule-path", w2_build),
        case("W2", "a misspelt name of a constant, when it is built", Fail, "rule-path", w2_constant),
        case("W2", "a call with an argument too many", Fail, "rule-function", w2_arguments),
        case("W3", "a rule that denies nothing, at the gate", Indeterminate, "rule-error", w3_gate),
        case("W3", "a rule that denies nothing, when it is built", Fail, "rule-source", w3_build),
        case("W3", "a rule of another package, which nobody would ask", Fail, "rule-source", w3_package),
        case("W3", "a rule that policy.toml does not name", Fail, "rule-unused", w3_unused),
        case("W4", "a rule's text that was changed after the release was built", Fail, "policy-malformed", w4_text),
        case("W4", "a rule's text that was taken out of the release", Fail, "policy-malformed", w4_gone),
        case("W4", "text and digest changed after the approval", Fail, "signature-invalid", w4_both),
        case("W5", "a rule that would run for years", Indeterminate, "rule-error", w5_loop),
        case("W5", "a rule that would fill the memory", Indeterminate, "rule-error", w5_memory),
        case("W5", "rules that ask each other without end", Indeterminate, "rule-error", w5_recursion),
        case("W5", "an expression that would be huge", Indeterminate, "rule-error", w5_regex),
        case("W6", "evidence left out that a rule reads", Indeterminate, "rule-input-missing", w6),
        case("W7", "a rule by the name of a built-in one", Fail, "rule-source", w7),
        case("W8", "a rule that denies", Fail, "rule-broken", w8),
        case("+", "a rule that holds", Pass, "", honest),
        case("+", "a rule that denies, in stage monitor", Pass, "", honest_monitor),
        case("+", "a rule that asks for the decision's time", Pass, "", honest_clock),
        case("+", "a rule that reads data of the release", Pass, "", honest_data),
        case("+", "a rule that does much, and not too much", Pass, "", honest_work),
        case("+", "a constant read by its name, when it is built", Pass, "", honest_build),
    ]
}

const HOLDS: &str =
    "deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tc.name == \"no such\"\n}";

/// A rule's module, with a heading around its body.
#[must_use]
pub fn module(name: &str, body: &str) -> String {
    format!(
        "# METADATA\n# title: {name} holds\n# custom:\n#   id: {name}@1\n#   severity: low\n#   message: \"{{what}} is wrong\"\n\
         #   why: It is a test.\n#   fix: Mend it.\n#   owner: us\npackage rules.{}\n\n{body}\n",
        name.replace('-', "_")
    )
}

/// The files of a policy with one rule that is written in it.
fn files(ready: &Ready, stage: &str, body: &str) -> BTreeMap<String, Vec<u8>> {
    let mut text = crate::world::policy_toml(&ready.world.start).replace("version = 1\n", "version = 2\n");
    text.push_str(&format!(
        "\n[[rules]]\nid = \"a-rule@1\"\nfolder = \"rules/a-rule\"\nauthors = [\"cy\"]\nstages = {{ production = \"{stage}\" }}\n"
    ));
    BTreeMap::from([
        (SOURCE_FILE.to_owned(), text.into_bytes()),
        ("rules/a-rule/rule.rego".to_owned(), module("a-rule", body).into_bytes()),
        ("data/names.json".to_owned(), b"[\"no such\"]".to_vec()),
    ])
}

/// A promotion that passes by the built-in rules, under a release with this rule besides.
fn ready(stage: &str, body: &str) -> Ready {
    let mut ready = Ready::new();
    let manifest = Manifest::close(&files(&ready, stage, body)).expect("a policy");
    // It was measured nowhere: two approvers say that it may begin as it does.
    ready.world.overrides = ["a-rule@1".parse().expect("a rule")].into();
    ready.activate(&manifest, &["ada", "ben"], &["ada", "ben"], Some("a rule to be tried"));
    ready
}

fn decide(stage: &str, body: &str) -> Decision {
    ready(stage, body).arguments().decide()
}

fn enforced(body: &str) -> Found {
    decide("enforce", body).into()
}

/// What `policy build` says of the files.
fn built(change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>), body: &str) -> Found {
    let mut all = files(&Ready::new(), "enforce", body);
    change(&mut all);
    super::cases::built_of(&all)
}

fn p7_data() -> Found {
    enforced("deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tc.name in data.latest\n}")
}

fn p24_network() -> Found {
    enforced("deny contains {\"what\": 1} if http.send({\"url\": \"https://example.com\"}).status == 200")
}

fn p24_chance() -> Found {
    enforced("deny contains {\"what\": 1} if rand.intn(\"x\", 2) == 1")
}

fn p24_zone() -> Found {
    enforced("deny contains {\"what\": 1} if time.date([time.now_ns(), \"Local\"])[0] < 2000")
}

fn w1() -> Found {
    enforced("deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tto_number(c.name) == 1\n}")
}

fn w1_not() -> Found {
    enforced("deny contains {\"what\": 1} if not to_number(input.subject.name) == 1")
}

fn w1_default() -> Found {
    enforced(
        "default number := 0\n\nnumber := to_number(input.subject.name)\n\ndeny contains {\"what\": number} if number > 0",
    )
}

fn w2_gate() -> Found {
    enforced("deny contains {\"what\": input.subjet.name} if input.subjet.name == \"x\"")
}

fn w2_build() -> Found {
    built(|_| (), "deny contains {\"what\": c.nmae} if {\n\tsome c in input.sbom.components\n\tc.nmae == \"x\"\n}")
}

fn w2_constant() -> Found {
    built(
        |_| (),
        "least := {\"high\": 3}\n\ndeny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tcount(c.licenses) > least.hihg\n}",
    )
}

fn w2_arguments() -> Found {
    built(
        |_| (),
        "bad(name) if name == \"x\"\n\ndeny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tbad(c.name, c.version)\n}",
    )
}

fn w3_gate() -> Found {
    enforced("allow := true")
}

fn w3_build() -> Found {
    built(|_| (), "allow := true")
}

fn w3_package() -> Found {
    let other = |files: &mut BTreeMap<String, Vec<u8>>| {
        files.insert("rules/a-rule/rule.rego".to_owned(), module("another", HOLDS).into_bytes());
    };
    built(other, HOLDS)
}

fn w3_unused() -> Found {
    let more = |files: &mut BTreeMap<String, Vec<u8>>| {
        files.insert("rules/b-rule/rule.rego".to_owned(), module("b-rule", HOLDS).into_bytes());
    };
    built(more, HOLDS)
}

/// Reads a manifest in which something was changed.
fn altered(change: impl FnOnce(&mut Manifest)) -> Found {
    let mut manifest = Manifest::close(&files(&Ready::new(), "enforce", HOLDS)).expect("a policy");
    change(&mut manifest);
    match Manifest::parse(&manifest.to_bytes().expect("canonical")) {
        Ok(_) => Found { verdict: Pass, codes: Vec::new(), levels: Vec::new() },
        Err(error) => Found { verdict: Fail, codes: vec![error.code().to_string()], levels: Vec::new() },
    }
}

fn w4_text() -> Found {
    altered(|m| drop(m.texts.insert("rules/a-rule/rule.rego".to_owned(), module("a-rule", "allow := true"))))
}

fn w4_gone() -> Found {
    altered(|m| drop(m.texts.remove("rules/a-rule/rule.rego")))
}

fn w4_both() -> Found {
    let mut ready = Ready::new();
    let denies = "deny contains {\"what\": input.subject.name} if input.environment == \"production\"";
    let approved = Manifest::close(&files(&ready, "enforce", denies)).expect("a policy");
    let other = Manifest::close(&files(&ready, "enforce", HOLDS)).expect("a policy");
    assert_ne!(approved.digest().expect("a digest"), other.digest().expect("a digest"));
    let release = super::cases::swapped(&ready, &approved, &other);
    ready.activate_bytes(&other, release.as_bytes(), &["ada"], None);
    ready.arguments().decide().into()
}

fn w5_loop() -> Found {
    enforced(
        "deny contains {\"what\": 1} if {\n\tsome i in numbers.range(1, 9000)\n\tsome j in numbers.range(1, 9000)\n\
         \tsome k in numbers.range(1, 9000)\n\ti + j + k == -1\n}",
    )
}

fn w5_memory() -> Found {
    let doubled: Vec<String> = (1..60).map(|i| format!("\ts{i} := concat(\"\", [s{}, s{}])", i - 1, i - 1)).collect();
    enforced(&format!(
        "deny contains {{\"what\": 1}} if {{\n\ts0 := \"0123456789\"\n{}\n\ts59 == \"\"\n}}",
        doubled.join("\n")
    ))
}

fn w5_recursion() -> Found {
    enforced("a if b\n\nb if a\n\ndeny contains {\"what\": 1} if a")
}

fn w5_regex() -> Found {
    enforced("deny contains {\"what\": 1} if regex.match(`^(a{1000}){1000}$`, input.subject.name)")
}

fn w6() -> Found {
    let ready =
        ready("enforce", "deny contains {\"what\": c.id} if {\n\tsome c in input.commits\n\tc.signed == null\n}");
    let mut arguments = ready.arguments();
    arguments.git = None;
    arguments.decide().into()
}

fn w7() -> Found {
    let taken = |files: &mut BTreeMap<String, Vec<u8>>| {
        let text = String::from_utf8(files[SOURCE_FILE].clone()).expect("text");
        let text = text.replace("id = \"a-rule@1\"", "id = \"sbom-present@7\"");
        files.insert(SOURCE_FILE.to_owned(), text.into_bytes());
    };
    built(taken, HOLDS)
}

fn w8() -> Found {
    enforced("deny contains {\"what\": input.subject.name} if input.environment == \"production\"")
}

fn honest() -> Found {
    let decision = decide("enforce", HOLDS);
    assert!(decision.levels.iter().any(|level| level.contains("A_RULE")), "{:?}", decision.levels);
    decision.into()
}

fn honest_monitor() -> Found {
    let decision =
        decide("monitor", "deny contains {\"what\": input.subject.name} if input.environment == \"production\"");
    assert!(!decision.levels.iter().any(|level| level.contains("A_RULE")), "{:?}", decision.levels);
    decision.into()
}

fn honest_clock() -> Found {
    let late = "deny contains {\"what\": input.time} if time.now_ns() != time.parse_rfc3339_ns(input.time)";
    enforced(late)
}

fn honest_data() -> Found {
    enforced("deny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tc.name in data.names\n}")
}

fn honest_work() -> Found {
    enforced("deny contains {\"what\": 1} if count([i | some i in numbers.range(1, 20000); i % 7 == 0]) == 0")
}

fn honest_build() -> Found {
    built(
        |_| (),
        "least := {\"high\": 3}\n\ndeny contains {\"what\": c.name} if {\n\tsome c in input.sbom.components\n\tcount(c.licenses) > least.high\n}",
    )
}
