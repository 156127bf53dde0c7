//! Q10: violations, as episodes: a rule does not hold for an artifact of a service in an environment, until it does.

use super::super::ask::Asked;
use super::super::facts::{Known, findings, service_of};
use super::super::kept::Kept;
use super::super::table::Table;
use super::Part;
use countersign_core::decision::RuleOutcome;
use countersign_core::finding::{Class, Verdict};
use countersign_core::policy::Stage;
use countersign_core::time::Time;
use std::collections::BTreeMap;

/// An episode: it opens at the first failure and closes at the next pass.
struct Episode {
    opened: u64,
    failures: u64,
    closed: Option<u64>,
    stage: Stage,
    how: &'static str,
}

impl Episode {
    /// Whether any of it lies in the entries of a window.
    fn touches(&self, range: &std::ops::Range<u64>) -> bool {
        self.opened < range.end && self.closed.is_none_or(|closed| closed >= range.start)
    }
}

/// What an episode is of: one artifact's pass says nothing of another one of the same service.
type Of = (String, String, String, String);

/// Q10.
pub(super) fn violations(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&[
        "rule",
        "stage",
        "service",
        "artifact",
        "environment",
        "opened",
        "closed",
        "hours",
        "failures",
        "closed how",
    ]));
    let facts = &asked.facts;
    let mut episodes: BTreeMap<Of, Vec<Episode>> = BTreeMap::new();
    // What is open when a window begins opened before it.
    for promoted in facts.all_decisions().filter(|one| facts.is_asked(&one.content)) {
        for rule in promoted.content.rules.iter() {
            follow(episodes.entry(of(rule, &promoted.content)).or_default(), rule, promoted);
        }
    }
    let time = |entry: u64| usize::try_from(entry).ok().and_then(|i| facts.state.entries().get(i)).map(|one| one.time);
    let word = |time: Option<Time>| time.map(|time| time.to_string()).unwrap_or_default();
    for ((rule, service, artifact, environment), all) in episodes {
        for episode in all.into_iter().filter(|episode| episode.touches(&facts.range)) {
            let (opened, closed) = (time(episode.opened), episode.closed.and_then(time));
            let hours = opened.zip(closed).and_then(|(from, to)| to.since(from).checked_div(3600));
            let cells = vec![
                rule.clone(),
                episode.stage.to_string(),
                service.clone(),
                artifact.clone(),
                environment.clone(),
                word(opened),
                word(closed),
                hours.map(|hours| hours.to_string()).unwrap_or_default(),
                episode.failures.to_string(),
                episode.how.to_owned(),
            ];
            let mut proof = facts.proof(episode.opened);
            if let Some(closed) = episode.closed {
                proof.documents.extend(facts.proof(closed).documents);
            }
            part.table.push(cells, proof);
        }
    }
    if facts.decisions.is_empty() {
        part.missing.push("decision in the window".to_owned());
    }
    let unread = facts.unread_before();
    if unread > 0 {
        part.missing.push(format!("{unread} decisions before the window, of which each may have opened an episode"));
    }
    part.note("an evaluation that could not tell neither opens nor closes an episode")
        .note("an episode is of one artifact, by its name less its version: it stays open where no later one of that name came")
        .note("what was remedied quickly is listed like everything else, and what was open when the window began or ended as well")
}

fn of(rule: &RuleOutcome, decision: &Kept) -> Of {
    let artifact = less_version(&decision.request.subject_name);
    (rule.id.to_string(), service_of(decision), artifact, decision.request.environment.to_string())
}

/// Takes in what a rule said of one more decision.
fn follow(all: &mut Vec<Episode>, rule: &RuleOutcome, promoted: &Known) {
    let open = all.last_mut().filter(|episode| episode.closed.is_none());
    match (rule.verdict, open) {
        (Some(Verdict::Fail), Some(episode)) => episode.failures = episode.failures.saturating_add(1),
        (Some(Verdict::Fail), None) => {
            all.push(Episode { opened: promoted.entry, failures: 1, closed: None, stage: rule.stage, how: "open" });
        }
        (Some(Verdict::Pass), Some(episode)) => {
            episode.closed = Some(promoted.entry);
            let excepted = findings(&promoted.content).any(|finding| {
                finding.class == Class::Excepted && finding.rule.as_ref().is_some_and(|note| note.id == rule.id)
            });
            episode.how = if excepted { "excepted, not fixed" } else { "the rule holds again" };
        }
        _ => {}
    }
}

/// The name of an artifact without its version, by which the next one of it is known: `app-1.2.3.tar.gz` is `app.tar.gz`.
/// A part between dashes, underscores, colons or at signs is a version if it is numbers with dots between them.
pub(super) fn less_version(name: &str) -> String {
    let mut out = String::new();
    for part in name.split_inclusive(['-', '_', '@', ':']) {
        let (word, joint) = match part.char_indices().next_back() {
            Some((at, '-' | '_' | '@' | ':')) => part.split_at(at),
            _ => (part, ""),
        };
        match (out.is_empty(), after_version(word)) {
            // Of what is before the version the joint goes with it.
            (false, Some(rest)) => {
                out.truncate(out.trim_end_matches(['-', '_', '@', ':']).len());
                out.push_str(rest);
            }
            _ => out.push_str(word),
        }
        out.push_str(joint);
    }
    out
}

/// What follows a version that a word begins with: nothing, or the ending of a file's name.
fn after_version(word: &str) -> Option<&str> {
    let number = word.strip_prefix(['v', 'V']).unwrap_or(word);
    let rest = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let version = number.strip_suffix(rest)?;
    let ending = version.ends_with('.') && rest.starts_with(|c: char| c.is_ascii_alphabetic());
    if !version.starts_with(|c: char| c.is_ascii_digit()) || !(rest.is_empty() || ending) {
        return None;
    }
    // The dot before the ending is the ending's.
    let from = word.len().checked_sub(rest.len().saturating_add(usize::from(ending)))?;
    word.get(from..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_known_again_by_its_name_less_its_version() {
        for (name, less) in [
            ("app", "app"),
            ("shop-1", "shop"),
            ("shop-web", "shop-web"),
            ("app-1.2.3.tar.gz", "app.tar.gz"),
            ("app_v2.0_linux-amd64.tar.gz", "app_linux-amd64.tar.gz"),
            ("registry.example/app:1.2", "registry.example/app"),
            ("left-2fa", "left-2fa"),
            ("1.2.3", "1.2.3"),
            ("7zip", "7zip"),
            ("app-", "app-"),
            ("", ""),
        ] {
            assert_eq!(less_version(name), less, "{name}");
        }
    }
}
