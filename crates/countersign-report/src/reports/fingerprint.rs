//! What stays the same of a problem from run to run and from machine to machine: its code, its rule, its place without line
//! numbers, and the name of what was judged. No digest, no time, no folder of a machine.

use super::Item;
use countersign_core::digest::Sha256;
use countersign_core::json;
use std::collections::BTreeMap;

/// The form of fingerprints. Another way to make them gets another name.
pub(super) const NAME: &str = "countersign/v1";

/// Gives every finding its fingerprint. Of several that are the same but for their words or lines, the first keeps it and
/// the others are counted, so that no two are equal.
pub(super) fn set(items: &mut [Item], subject: &str) {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for item in items {
        let key = key(item, subject);
        let before = seen.entry(key.clone()).or_default();
        item.fingerprint = if *before == 0 { key } else { digest(&[key.as_str(), &before.to_string()]) };
        *before = before.saturating_add(1);
    }
}

fn key(item: &Item, subject: &str) -> String {
    let finding = &item.finding;
    // A rule's next version finds the same problem.
    let rule = finding.rule.as_ref().map_or("", |rule| rule.id.as_str());
    let rule = rule.split_once('@').map_or(rule, |(name, _)| name);
    let subject = last_part(subject);
    let places: Vec<String> = finding.at.iter().map(|at| steady(at)).filter(|at| !at.is_empty()).collect();
    let mut parts = vec![NAME, finding.code.as_str(), rule, subject];
    parts.extend(places.iter().map(String::as_str));
    digest(&parts)
}

fn digest(parts: &[&str]) -> String {
    // Texts alone always become canonical JSON.
    Sha256::of(&json::canonical(parts).unwrap_or_default()).hex()
}

/// A place without what changes from run to run: lines, columns, digests, the folders of a machine.
fn steady(place: &str) -> String {
    let words = place.split_whitespace().filter(|word| !word.contains("sha256:"));
    words.map(|word| last_part(unnumbered(word))).collect::<Vec<_>>().join(" ")
}

fn unnumbered(word: &str) -> &str {
    let mut word = word;
    while let Some((rest, number)) = word.rsplit_once(':')
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        word = rest;
    }
    word.trim_start_matches("./")
}

/// Of an absolute path its last part; everything else as it is.
fn last_part(path: &str) -> &str {
    let drive = path.as_bytes().get(1..3).is_some_and(|two| two == b":\\" || two == b":/");
    if path.starts_with('/') || drive { path.rsplit(['/', '\\']).next().unwrap_or(path) } else { path }
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Facts, Report};
    use countersign_core::codes;
    use countersign_core::exit::Exit;
    use countersign_core::finding::{Finding, Verdict};

    fn of(subject: &str, findings: &[Finding]) -> Vec<String> {
        let mut facts = Facts::new("promote", "0.1.0", Verdict::Fail, Exit::Refused).found(findings);
        facts.subject_name = Some(subject.to_owned());
        Report::new(facts, None).items.into_iter().map(|item| item.fingerprint).collect()
    }

    fn one(subject: &str, place: &str) -> String {
        of(subject, &[Finding::new(codes::RULE_BROKEN, "a").at(place)]).remove(0)
    }

    #[test]
    fn lines_digests_folders_and_words_do_not_change_it_and_code_place_and_subject_do() {
        let first = one("app", "k8s/a.yaml:77:16");
        assert_eq!(first.len(), 64);
        assert_eq!(one("app", "./k8s/a.yaml:80"), first);
        assert_eq!(one("/srv/ci/app", "k8s/a.yaml"), first);
        assert_eq!(one("app", "bundle sha256:aa"), one("app", "bundle sha256:bb"));
        assert_eq!(one("app", "/srv/a/key.pem"), one("app", "/builds/b/key.pem"));
        let words = of("app", &[Finding::new(codes::RULE_BROKEN, "other words").at("k8s/a.yaml:77:16").found("x")]);
        assert_eq!(words, [first.as_str()]);
        assert_ne!(one("app", "k8s/b.yaml:77:16"), first);
        assert_ne!(one("other", "k8s/a.yaml:77:16"), first);
        let code = of("app", &[Finding::new(codes::RULE_ERROR, "a").at("k8s/a.yaml:77:16")]);
        assert_ne!(code, [first]);
    }

    #[test]
    fn several_of_the_same_are_told_apart_by_their_number() {
        let same = |line: &str| Finding::new(codes::RULE_BROKEN, "a").at(line);
        let two = of("app", &[same("a:1"), same("a:9")]);
        assert_ne!(two[0], two[1]);
        assert_eq!(of("app", &[same("a:9"), same("a:5")]), two);
    }

    #[test]
    fn the_stage_of_a_rule_does_not_change_it() {
        let finding = Finding::new(codes::RULE_BROKEN, "a").at("a:1");
        let mut facts = Facts::new("promote", "0.1.0", Verdict::Pass, Exit::Ok);
        facts.findings = vec![(finding.clone(), Effect::Monitored)];
        let monitored = Report::new(facts, None).items.remove(0).fingerprint;
        assert_eq!(of("", &[finding]), [monitored]);
    }
}
