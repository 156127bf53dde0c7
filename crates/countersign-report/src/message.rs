//! What a refusal says beside what was found: whether it blocks, whose rule it is, and how to see it again.

use crate::escape::{plain, push};
use crate::reports::{Effect, Place};
use countersign_core::decision::{Request, SourceRange};
use countersign_core::exception::{Category, is_review, may_be_excepted};
use countersign_core::finding::{Finding, RuleNote};
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::policy::PolicyRef;
use std::collections::BTreeSet;

/// What a finding does in an environment, in the words of a first line.
#[must_use]
pub fn effect(effect: Effect, environment: &EnvName) -> String {
    match effect {
        Effect::Blocks => format!("BLOCKS {environment}"),
        Effect::LetThrough => format!("would block {environment}, whose gate is not enforced"),
        Effect::Warns => "warns, blocks nothing".to_owned(),
        Effect::Monitored => "monitor only".to_owned(),
        Effect::Excepted => "excepted, blocks nothing for now".to_owned(),
        Effect::Note => "note".to_owned(),
    }
}

/// Whether a finding is of a rule that is written in a release: the codes of those that are built in say what was found.
#[must_use]
pub fn is_written(finding: &Finding) -> bool {
    finding.rule.is_some() && ["rule-broken", "rule-error", "rule-input-missing"].contains(&finding.code.as_str())
}

/// Whether the policy is at fault, and not what it looked at.
#[must_use]
pub fn is_fault_of_policy(finding: &Finding) -> bool {
    let codes = ["rule-error", "rule-source", "rule-path", "rule-function", "parameter-invalid", "policy-rule-unknown"];
    codes.contains(&finding.code.as_str())
}

/// `no-left-pad@1, severity high, owner platform, https://…`: what a rule says of itself, harmless to look at.
#[must_use]
pub fn said_of(rule: &RuleNote) -> String {
    let mut out = rule.id.to_string();
    if !rule.severity.is_empty() {
        out.push_str(&format!(", severity {}", plain(&rule.severity)));
    }
    let owner = if rule.owner.is_empty() {
        "nobody is named as its owner".to_owned()
    } else {
        format!("owner {}", plain(&rule.owner))
    };
    out.push_str(&format!(", {owner}"));
    if let Some(docs) = &rule.docs {
        out.push_str(&format!(", {}", plain(docs)));
    }
    out
}

/// The command that says more, without any network: this program knows the rules that are built in, and a release knows
/// its own.
#[must_use]
pub fn explain(finding: &Finding, rule: &RuleNote) -> String {
    let from = if is_written(finding) { " --policy policy.manifest.json" } else { "" };
    format!("countersign explain {}{from}", rule.id)
}

/// The order of the findings of one rule: by file, line and column, and else by place and text. One without a place counts
/// those that are not told, and comes last.
#[must_use]
pub fn by_place(finding: &Finding) -> (bool, Option<Place>, Vec<String>, String) {
    (
        finding.at.is_empty(),
        finding.at.iter().find_map(|at| Place::parse(at, "")),
        finding.at.clone(),
        finding.what.clone(),
    )
}

/// The last lines of a refusal: what it came to, by which release, and the command that shows it again and insists on that
/// release. Nothing where nothing was found that is more than a note.
#[must_use]
pub fn closing(effects: &[Effect], policy: Option<&PolicyRef>, again: &[String]) -> String {
    let count = |wanted: Effect| effects.iter().filter(|effect| **effect == wanted).count();
    let words = [
        (Effect::Blocks, "blocking"),
        (Effect::LetThrough, "let through"),
        (Effect::Excepted, "excepted"),
        (Effect::Warns, "warning"),
        (Effect::Monitored, "monitored"),
        (Effect::Note, "noted"),
    ];
    if effects.iter().all(|effect| *effect == Effect::Note) {
        return String::new();
    }
    let counts = words.map(|(effect, word)| (count(effect), word));
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let (by, pinned) = policy.map_or_else(Default::default, |policy| {
        let by = format!(", by {}@{} {}", plain(&policy.uri.to_string()), policy.version, policy.digest);
        (by, format!(" --policy-digest {}", policy.digest))
    });
    let again: Vec<String> = again.iter().map(|word| quoted(word)).collect();
    format!("{}{by}\nsee it again: {} --dry-run{pinned}\n", counts.join(", "), again.join(" "))
}

/// The commands that ask for exceptions, one for each rule that blocks and may be excepted: with the options that were
/// given, filled in but for why and whose key. None where trust lets nobody approve one, none where what is wrong is no rule's, or where nobody knows the repository.
#[must_use]
pub fn exceptions(
    findings: &[Finding],
    asked: &Request,
    source: Option<&SourceRange>,
    given: &[(&str, String)],
    approvable: &dyn Fn(Category) -> bool,
) -> String {
    let Some(source) = source else { return String::new() };
    let open = |finding: &&Finding| finding.class.blocks() && may_be_excepted(finding.code);
    let rules: BTreeSet<&RuleId> =
        findings.iter().filter(open).filter_map(|finding| Some(&finding.rule.as_ref()?.id)).collect();
    let mut options = String::new();
    for (name, value) in given {
        push(&mut options, format_args!(" {name} {}", quoted(value)));
    }
    let lines = rules.into_iter().filter_map(|rule| {
        let category = if is_review(rule) { Category::Emergency } else { Category::Waiver };
        let word = category.word();
        approvable(category).then(|| format!(
            "to have it excepted: countersign exception request --rule {rule} --environment {} --repository {} --subject {} \
             --category {word} --expires 7d{options} --reason … --key …\n",
            asked.environment,
            quoted(source.repository.as_str()),
            asked.subject
        ))
    });
    lines.collect::<Vec<_>>().concat()
}

/// A word that a shell takes as one.
#[must_use]
pub fn quoted(word: &str) -> String {
    let word = plain(word);
    let bare = |c: char| c.is_ascii_alphanumeric() || "/._-:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(bare) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::excerpt::Excerpts;
    use crate::text;
    use countersign_core::codes;
    use countersign_core::digest::Sha256;
    use countersign_core::ids::Uri;

    fn note(id: &str, severity: &str, owner: &str) -> RuleNote {
        RuleNote {
            id: id.parse().unwrap(),
            severity: severity.to_owned(),
            why: "An unapproved registry has no scanning.".to_owned(),
            owner: owner.to_owned(),
            docs: None,
        }
    }

    fn broken(what: &str, at: &str) -> Finding {
        let mut finding = Finding::new(codes::RULE_BROKEN, what)
            .at(at)
            .expected("Images come from our registry", "rule image-registry@1 (policy release@7)")
            .found("registry: docker.io")
            .help("image: registry.example/mirror/nginx@sha256:1f2e…");
        finding.rule = Some(Box::new(note("image-registry@1", "high", "platform")));
        finding.controls = vec!["SOC 2 CC6.8".to_owned()];
        finding
    }

    fn said(findings: &[Finding], effect: Effect) -> String {
        let production: EnvName = "production".parse().unwrap();
        text::findings_that(findings, Some(&|_: &Finding| super::effect(effect, &production)), &Excerpts::default())
    }

    #[test]
    fn a_broken_rule_says_what_where_why_what_to_do_and_whose_it_is() {
        insta::assert_snapshot!(said(&[broken("image nginx:latest comes from docker.io", "k8s/deploy.yaml:77:16")], Effect::Blocks), @r"
        refused[rule-broken]: image nginx:latest comes from docker.io     image-registry@1: BLOCKS production
          --> k8s/deploy.yaml:77:16
           expected: Images come from our registry     rule image-registry@1 (policy release@7)
           found:    registry: docker.io
           why:      An unapproved registry has no scanning.
           control:  SOC 2 CC6.8
           help: image: registry.example/mirror/nginx@sha256:1f2e…
           rule:     image-registry@1, severity high, owner platform
           explain:  countersign explain image-registry@1 --policy policy.manifest.json
        ");
    }

    #[test]
    fn a_rule_that_is_built_in_says_the_same() {
        let mut finding = Finding::new(codes::SOURCE_DIRTY, "built from changes that are not committed")
            .at("provenance sha256:9f2c…");
        finding.rule = Some(Box::new(note("source-clean@1", "", "")));
        insta::assert_snapshot!(said(&[finding], Effect::LetThrough), @r"
        refused[source-dirty]: built from changes that are not committed     source-clean@1: would block production, whose gate is not enforced
          --> provenance sha256:9f2c…
           why:      An unapproved registry has no scanning.
           help: commit or remove the changes, and build again
           rule:     source-clean@1, nobody is named as its owner
           explain:  countersign explain source-clean@1
        ");
    }

    #[test]
    fn a_fault_of_the_policy_is_told_from_one_of_what_it_looked_at() {
        let mut finding = Finding::new(codes::RULE_ERROR, "rules/r/rule.rego:9:2: null is no text");
        finding.rule = Some(Box::new(note("r@1", "low", "platform")));
        insta::assert_snapshot!(said(&[finding], Effect::Warns), @r"
        indeterminate[rule-error]: rules/r/rule.rego:9:2: null is no text     r@1: warns, blocks nothing
           why:      An unapproved registry has no scanning.
           fault:    the policy's, not of what it looked at: the rule's owner mends it
           help: `countersign policy lint` and `policy test` on the release's folder show what is wrong with the rule
           rule:     r@1, severity low, owner platform
           explain:  countersign explain r@1 --policy policy.manifest.json
        ");
    }

    #[test]
    fn findings_of_a_rule_stand_by_file_and_line_and_ten_are_shown() {
        let mut many: Vec<Finding> = (0..12)
            .map(|i| {
                broken(&format!("number {i}"), &format!("{}.yaml:{}:1", if i % 2 == 0 { "b" } else { "a" }, 20 - i))
            })
            .collect();
        let other = Finding { rule: Some(Box::new(note("other@1", "low", "o"))), ..broken("another", "z.yaml:1:1") };
        many.insert(3, other);
        let text = said(&many, Effect::Monitored);
        let at: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  --> ")).collect();
        let by_line = [
            "a.yaml:9:1",
            "a.yaml:11:1",
            "a.yaml:13:1",
            "a.yaml:15:1",
            "a.yaml:17:1",
            "a.yaml:19:1",
            "b.yaml:10:1",
            "b.yaml:12:1",
            "b.yaml:14:1",
            "b.yaml:16:1",
            "z.yaml:1:1",
        ];
        assert_eq!(at, by_line);
        assert!(text.contains("\nand 2 more refused[rule-broken] of rule image-registry@1: "), "{text}");
        let told = |label: &str| text.matches(label).count();
        assert_eq!((told("   why: "), told("   explain: ")), (2, 2), "once for each rule: {text}");
        assert_eq!((told("   found: "), told("   help: ")), (11, 11), "for each finding: {text}");
        let mut turned = many.clone();
        turned.reverse();
        let (first, last): (Vec<_>, Vec<_>) = turned.into_iter().partition(|finding| finding.what != "another");
        assert_eq!(
            said(&[first, last].concat(), Effect::Monitored),
            text,
            "the order does not depend on how they came"
        );
    }

    #[test]
    fn the_last_lines_count_and_show_how_to_see_it_again_by_the_same_release() {
        let policy = PolicyRef {
            uri: Uri::new("https://example.com/policy").unwrap(),
            lineage: "main".to_owned(),
            version: 7,
            digest: Sha256::of(b"policy"),
        };
        let again =
            ["countersign", "promote", "it's mine", "--to", "production", "--bundle", "a.jsonl"].map(str::to_owned);
        let effects = [Effect::Blocks, Effect::Note, Effect::Warns, Effect::Blocks];
        insta::assert_snapshot!(closing(&effects, Some(&policy), &again), @r"
        2 blocking, 1 warning, 1 noted, by https://example.com/policy@7 sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812
        see it again: countersign promote 'it'\''s mine' --to production --bundle a.jsonl --dry-run --policy-digest sha256:823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda812
        ");
        assert_eq!(closing(&[Effect::Note], Some(&policy), &again), "");
        assert_eq!(closing(&[], None, &again), "");
    }

    #[test]
    fn no_word_of_a_command_becomes_two_or_another() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("$(rm -r /)"), "'$(rm -r /)'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a\n--key x"), "'a\\n--key x'");
    }

    #[test]
    fn who_is_held_up_by_a_rule_can_ask_for_an_exception_and_by_a_broken_signature_cannot() {
        let asked = Request {
            subject: Sha256::of(b""),
            subject_name: "app".to_owned(),
            environment: "production".parse().unwrap(),
            time: "2026-11-22T10:00:00Z".parse().unwrap(),
            engine: "engine/1".to_owned(),
            gate: countersign_core::key::KeyId::of_spki_der(b"gate"),
            gate_identity: None,
            tool: countersign_core::decision::Tool {
                name: "countersign".to_owned(),
                version: "0".to_owned(),
                digest: Sha256::of(b""),
            },
        };
        let commit = countersign_core::git::Oid::from_hex(&"0".repeat(40)).unwrap();
        let source = SourceRange {
            repository: Uri::new("git+https://example.com/team/app").unwrap(),
            target_ref: "refs/heads/main".parse().unwrap(),
            revision: commit,
            start: commit,
            commits: 1,
            tag: None,
            landings: std::collections::BTreeMap::new(),
        };
        let of = |code, rule: &str| {
            let mut finding = Finding::new(code, "what");
            finding.rule = Some(Box::new(note(rule, "", "")));
            finding
        };
        let held = [
            of(codes::SOURCE_DIRTY, "source-clean@1"),
            of(codes::REVIEW_MISSING, "two-party-review@1"),
            of(codes::SIGNATURE_INVALID, "sbom-present@1"),
            Finding::new(codes::PIN_MISMATCH, "no rule's"),
        ];
        let given = [("--trust", "our trust.json".to_owned())];
        insta::assert_snapshot!(exceptions(&held, &asked, Some(&source), &given, &|_| true), @r"
        to have it excepted: countersign exception request --rule source-clean@1 --environment production --repository git+https://example.com/team/app --subject sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --category waiver --expires 7d --trust 'our trust.json' --reason … --key …
        to have it excepted: countersign exception request --rule two-party-review@1 --environment production --repository git+https://example.com/team/app --subject sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --category emergency --expires 7d --trust 'our trust.json' --reason … --key …
        ");
        assert_eq!(exceptions(&held, &asked, None, &given, &|_| true), "");
        let waivers = |category| category == Category::Waiver;
        assert!(!exceptions(&held, &asked, Some(&source), &given, &waivers).contains("--category emergency"));
        assert_eq!(exceptions(&held, &asked, Some(&source), &given, &|_| false), "");
    }
}
