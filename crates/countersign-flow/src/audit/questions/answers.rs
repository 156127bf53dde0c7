//! Questions about rules: policy, violations, exceptions, vulnerabilities, components, plans.

use super::super::ask::Asked;
use super::super::carried::Carried;
use super::super::facts::{Known, findings, promoted_as, service_of};
use super::super::population;
use super::super::table::Table;
use super::super::told::{Apart, Row, Said, Told};
use super::Part;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::entry::place_of;
use countersign_core::ids::PersonId;
use countersign_core::statement::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A question for which nothing is collected.
pub(super) fn nothing(_asked: &Asked<'_>) -> Part {
    Part::default()
}

fn people(all: &BTreeSet<PersonId>) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Q08.
pub(super) fn judged_by(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&[
        "time",
        "service",
        "environment",
        "verdict",
        "release",
        "version",
        "digest",
        "active since entry",
        "approvers",
        "activators",
        "tests",
    ]));
    let mut untested = BTreeSet::new();
    // Of a release the same is said each time: whether its files are here is looked up once.
    let mut tests: BTreeMap<Sha256, String> = BTreeMap::new();
    for promoted in asked.facts.deployments() {
        let decision = &promoted.content;
        let policy = decision.inputs.policy.as_ref();
        let active = policy.and_then(|policy| {
            let active = asked.facts.activation(policy)?;
            (active.release.reference().digest == policy.policy.digest).then_some(active)
        });
        if active.is_none() {
            let why = format!(
                "{} went to {} by no release that the log makes active",
                decision.request.subject_name, decision.request.environment
            );
            part.deviations.push((promoted.entry, why));
        }
        if let Some(active) = active.filter(|active| active.release.manifest().tests().next().is_none()) {
            let reference = active.release.reference();
            untested
                .insert(format!("tests of release {} version {}: it closes none", reference.uri, reference.version));
        }
        let mut proof = asked.facts.proof(promoted.entry);
        proof.documents.extend(active.iter().flat_map(|active| [active.document, *active.release.document()]));
        let cells = vec![
            promoted.time.to_string(),
            service_of(decision),
            decision.request.environment.to_string(),
            decision.verdict.to_string(),
            policy.map_or_else(String::new, |active| active.policy.uri.to_string()),
            policy.map_or_else(String::new, |active| active.policy.version.to_string()),
            policy.map_or_else(String::new, |active| active.policy.digest.to_string()),
            policy.map_or_else(String::new, |active| {
                active.log.as_ref().map_or_else(|| active.entry.to_string(), |log| format!("{log} {}", active.entry))
            }),
            active.map_or_else(String::new, |active| people(active.release.approvers())),
            active.map_or_else(String::new, |active| people(&active.activators)),
            active.map_or_else(String::new, |active| {
                let words = || population::tests_words(&asked.facts, active);
                tests.entry(active.document).or_insert_with(words).clone()
            }),
        ];
        part.table.push(cells, proof);
    }
    if part.table.rows.is_empty() {
        part.missing.push("authorised promotion in the window".to_owned());
    }
    part.missing.extend(untested);
    part.note("`policy build` makes a release only where its tests pass, and the release closes them by digest; the files themselves are in the package where `policy activate --tests` recorded them, else in the repository of the policy")
}

/// Q09.
pub(super) fn policy_changes(asked: &Asked<'_>) -> Part {
    let part = Part::of(population::named("policy-activations", &asked.facts));
    if part.table.rows.is_empty() {
        let mut part = part;
        part.missing.push("policy release in force in the window".to_owned());
        return part;
    }
    part.note("the release that was in force when the window began is listed as well")
}

/// Q11.
pub(super) fn exceptions(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(population::named("exceptions", &asked.facts));
    let view = asked.facts.state.at(asked.facts.range.end).unwrap_or_else(|| asked.facts.state.now());
    let known = view.exceptions(asked.facts.blobs);
    for one in known.held.iter().chain(known.ended.iter().map(|(one, _)| one)) {
        if one.approvers().contains(&one.exception().requester) {
            let why = "who asked for the exception is among its approvers".to_owned();
            part.deviations_at.push((place_of(one.recorded().0, one.log()), why));
        }
    }
    let column = |name: &str| part.table.columns.iter().position(|column| *column == name);
    let (what, id, used, state) = (column("what"), column("id"), column("uses"), column("state"));
    let mut told = BTreeSet::new();
    for row in &part.table.rows {
        let cell = |place: Option<usize>| place.and_then(|place| row.cells.get(place)).map_or("", String::as_str);
        let place = row.proof.place();
        let ends = cell(what) == population::END_NOT_COUNTED;
        if ends || cell(state) == population::NOT_COUNTED {
            let why = known.not_counted.iter().find(|(_, finding)| finding.at.contains(&place));
            let why = why.map_or_else(Vec::new, |(_, finding)| finding.found.clone()).join("; ");
            let kind = if ends { Kind::ExceptionEnd.word() } else { cell(what) };
            let said = format!("an entry of kind {kind} does not count: {why}");
            // Of a document that is not here nobody can say that it was not one to count.
            if why.contains(codes::EVIDENCE_WITHHELD.as_str()) {
                part.missing.push(format!("{place}: {said}"));
            } else {
                part.deviations_at.push((place, said));
            }
            continue;
        }
        if !told.insert(cell(id)) {
            continue;
        }
        if !cell(used).is_empty() {
            part.deviations_at.push((place, format!("{} was needed: uses {}", cell(id), cell(used))));
        }
        let before = used_before(asked, cell(id));
        part.notes
            .extend((!before.is_empty()).then(|| format!("before, {} was needed by {}", cell(id), before.join(", "))));
    }
    let unread = asked.facts.unread_before();
    if unread > 0 {
        part.missing.push(format!("{unread} decisions before the window, of which each may have needed an exception"));
    }
    part.note("an exception counts only by its entry in the log: what is not listed excepted nothing")
        .note("uses are those of decisions in the part of the record that was asked for; an exception that something went out by, and an entry that does not count, is FAIL")
}

/// The decisions before the window that needed an exception, those of earlier logs with their log.
fn used_before(asked: &Asked<'_>, id: &str) -> Vec<String> {
    let facts = &asked.facts;
    let earlier = facts.carried().into_iter().flat_map(|carried| &carried.uses);
    let earlier = earlier.filter(|(used, _)| used.as_str() == id).flat_map(|(_, uses)| uses);
    let earlier = earlier.map(|(log, entry)| format!("{log} {entry}"));
    let here = facts.all_decisions().take_while(|one| one.entry < facts.range.start);
    let here = here.filter(|one| population::needs(&one.content, id)).map(|one| one.entry.to_string());
    earlier.chain(here).collect()
}

/// Q12.
pub(super) fn went_although(asked: &Asked<'_>) -> Part {
    let mut part =
        Part::of(Table::new(&["time", "service", "environment", "artifact", "digest", "verdict", "although"]));
    let mut unjudged: BTreeMap<String, u64> = BTreeMap::new();
    for promoted in asked.facts.deployments() {
        let decision = &promoted.content;
        for rule in population::unjudged(decision) {
            let count = unjudged.entry(rule).or_default();
            *count = count.saturating_add(1);
        }
        let why = population::went_although(decision);
        if why.is_empty() {
            continue;
        }
        let why = why.join("; ");
        let cells = vec![
            promoted.time.to_string(),
            service_of(decision),
            decision.request.environment.to_string(),
            decision.request.subject_name.to_string(),
            decision.request.subject.to_string(),
            decision.verdict.to_string(),
            why.clone(),
        ];
        part.table.push(cells, asked.facts.proof(promoted.entry));
        let what =
            format!("{} went to {} although: {why}", decision.request.subject_name, decision.request.environment);
        part.deviations.push((promoted.entry, what));
    }
    if asked.facts.decisions.is_empty() {
        part.missing.push("decision in the window".to_owned());
    }
    for (rule, count) in unjudged {
        let times = if count == 1 { "1 promotion".to_owned() } else { format!("{count} promotions") };
        part.notes.push(format!("{rule} was watched and could not be judged for {times}: it neither held nor failed"));
    }
    part
}

/// The documents of a kind that a decision rests on.
fn named(known: &Known, kind: Kind) -> impl Iterator<Item = &Sha256> {
    let all = known.content.inputs.evidence.iter().flatten();
    all.filter(move |one| one.kind == Some(kind)).map(|one| &one.digest)
}

/// That the package does not hold a document, or that it cannot be read: it is not the same as none.
fn absent(kind: Kind, digest: &Sha256, known: &Known) -> String {
    format!("{} {digest} of log entry {}", kind.word(), known.entry)
}

/// How many statements count for nothing at the decisions that name them.
#[derive(Default)]
struct Aside {
    elsewhere: u64,
    unsigned: u64,
}

impl Aside {
    fn count(&mut self, why: Apart) {
        let count = match why {
            Apart::Elsewhere => &mut self.elsewhere,
            Apart::Unsigned => &mut self.unsigned,
            Apart::Unplaced => return,
        };
        *count = count.saturating_add(1);
    }

    fn words(&self, what: &str, elsewhere: &str) -> Vec<String> {
        let unsigned = "are signed by nobody whom trust knew for that";
        let all = [(self.elsewhere, elsewhere), (self.unsigned, unsigned)].into_iter();
        all.filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {what} {why}, and count for nothing"))
            .collect()
    }
}

/// How many entries are named where there are many.
const ENTRIES: usize = 10;

/// Promotions by their entries: some of them, and how many there are.
fn promotions(entries: &[u64]) -> String {
    let some: Vec<String> = entries.iter().take(ENTRIES).map(ToString::to_string).collect();
    let more = entries.len().saturating_sub(some.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} promotions: log entries {}{more}", entries.len(), some.join(", "))
}

/// Q15.
pub(super) fn vulnerabilities(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&[
        "time",
        "service",
        "environment",
        "vulnerability",
        "severity",
        "scanner",
        "what the policy said",
    ]));
    let told = asked.facts.told();
    let mut scans = 0_u64;
    let mut aside = Aside::default();
    let mut unscanned = Vec::new();
    let mut seen = BTreeSet::new();
    for promoted in &asked.facts.decisions {
        let decision = &promoted.content;
        let mut looked = false;
        for digest in named(promoted, Kind::Vulns) {
            let scan = match told.said(promoted.entry, Kind::Vulns, digest) {
                Said::Apart(why) => {
                    aside.count(*why);
                    continue;
                }
                Said::Missing => {
                    looked = true;
                    part.missing.push(absent(Kind::Vulns, digest, promoted));
                    continue;
                }
                Said::Other => None,
                Said::Rows(rows) => Some(rows),
            };
            looked = true;
            scans = scans.saturating_add(1);
            let Some(scan) = scan else {
                part.missing.push(format!("readable scan at log entry {}", promoted.entry));
                continue;
            };
            for row in scan.iter() {
                let [id, severity, scanner] = row.map(|place| told.text(place));
                let said = findings(decision).find(|finding| {
                    finding.code.as_str().starts_with("vulnerability-")
                        && std::iter::once(&finding.what).chain(&finding.at).any(|text| names(text, id))
                });
                let said = said.map_or_else(|| "nothing".to_owned(), |finding| finding.code.to_string());
                // Of two scanners the worse one says more.
                if !seen.insert((service_of(decision), row, said.clone())) {
                    continue;
                }
                let cells = vec![
                    promoted.time.to_string(),
                    service_of(decision),
                    decision.request.environment.to_string(),
                    id.to_owned(),
                    severity.to_owned(),
                    scanner.to_owned(),
                    said,
                ];
                let mut proof = asked.facts.proof(promoted.entry);
                proof.documents.push(*digest);
                part.table.push(cells, proof);
            }
        }
        if decision.authorised && !looked {
            unscanned.push(promoted.entry);
        }
    }
    if scans == 0 && part.missing.is_empty() {
        part.missing.push("scan for vulnerabilities among the evidence of any decision in the window".to_owned());
    } else if !unscanned.is_empty() {
        part.missing.push(format!("scan for vulnerabilities of {}", promotions(&unscanned)));
    }
    part.notes.extend(aside.words("scans", "are about other artifacts than the decisions that name them"));
    part.note(format!(
        "{scans} scans; each vulnerability stands once a service, scanner and severity, where the policy first said this of it"
    ))
}

/// The promotion before: its entry, and what its SBOMs list, or that they cannot be read here.
type Earlier<'t> = (u64, Option<Vec<&'t Arc<[Row]>>>);

/// Q16.
pub(super) fn components(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&[
        "time",
        "service",
        "artifact",
        "environment",
        "component",
        "licence",
        "checksum",
        "new since",
    ]));
    let told = asked.facts.told();
    let mut before: BTreeMap<[String; 3], Earlier<'_>> = BTreeMap::new();
    let mut read = 0_u64;
    let mut aside = Aside::default();
    let carried = asked.facts.carried();
    // What was there before the window is what its first promotion is compared with.
    let gone = |one: &&Arc<Known>| one.content.authorised && asked.facts.is_asked(&one.content);
    for promoted in asked.facts.all_decisions().filter(gone) {
        let decision = &promoted.content;
        let within = promoted.entry >= asked.facts.range.start;
        let mut listed: Vec<(&Sha256, &Arc<[Row]>)> = Vec::new();
        let mut unread = false;
        for digest in named(promoted, Kind::Sbom) {
            match told.said(promoted.entry, Kind::Sbom, digest) {
                Said::Missing | Said::Other => {
                    unread = true;
                    part.missing.extend(within.then(|| absent(Kind::Sbom, digest, promoted)));
                }
                Said::Apart(why) if within => aside.count(*why),
                Said::Apart(_) => {}
                Said::Rows(rows) => listed.push((digest, rows)),
            }
        }
        let key = promoted_as(decision);
        if !within {
            let lists: Vec<_> = listed.into_iter().map(|(_, rows)| rows).collect();
            // What is not shown whole is nothing to compare with, and neither is what was there before it: a component that went and
            // came back would not be new.
            before.insert(key, (promoted.entry, (!unread && !lists.is_empty()).then_some(lists)));
            continue;
        }
        if listed.is_empty() {
            part.missing.push(format!("readable SBOM of log entry {}", promoted.entry));
            continue;
        }
        read = read.saturating_add(u64::try_from(listed.len()).unwrap_or(u64::MAX));
        match before.get(&key) {
            Some((entry, None)) => part.missing.push(format!(
                "readable SBOM of log entry {entry}, with which that of log entry {} is compared",
                promoted.entry
            )),
            None if carried.is_some_and(|carried| carried.promoted.contains(&key)) => part.missing.push(format!(
                "SBOM of the promotion before log entry {}, with which it is compared: an earlier log records it",
                promoted.entry
            )),
            // Of a decision that cannot be read nobody can tell what it let go.
            None if carried.is_some_and(Carried::is_unread) => part.missing.push(format!(
                "decisions of an earlier log, of which one may have been the promotion before log entry {}",
                promoted.entry
            )),
            Some((_, Some(_))) | None => {}
        }
        if let Some((entry, Some(had))) = before.get(&key) {
            for (id, (digest, licence, checksum)) in new_among(&listed, had, told) {
                let cells = vec![
                    promoted.time.to_string(),
                    key[0].clone(),
                    key[1].clone(),
                    key[2].clone(),
                    id.to_owned(),
                    licence.to_owned(),
                    checksum.to_owned(),
                    format!("entry {entry}"),
                ];
                let mut proof = asked.facts.proof(promoted.entry);
                proof.documents.push(*digest);
                part.table.push(cells, proof);
            }
        }
        let now = listed.into_iter().map(|(_, rows)| rows).collect();
        before.insert(key, (promoted.entry, Some(now)));
    }
    if read == 0 && part.missing.is_empty() {
        part.missing.push("SBOM of any promotion in the window".to_owned());
    }
    part.notes.extend(aside.words("SBOMs", "are about other artifacts than the promotions that name them"));
    part.note(format!("{read} SBOMs compared, each with those of the promotion before of the same service, artifact (by its name less its version) and environment; what the first one holds is where the comparison begins"))
}

/// Components by purl: the SBOM that lists one, its licence, whether there is a checksum.
type New<'t> = BTreeMap<&'t str, (&'t Sha256, &'t str, &'t str)>;

/// What these SBOMs list and the ones before did not. Of several SBOMs of one artifact each may list what no other does.
fn new_among<'t>(listed: &[(&'t Sha256, &'t Arc<[Row]>)], had: &[&Arc<[Row]>], told: &'t Told) -> New<'t> {
    let others: Vec<_> = listed.iter().filter(|(_, now)| !had.iter().any(|had| Arc::ptr_eq(had, now))).collect();
    if others.is_empty() {
        return New::new();
    }
    let known: BTreeSet<u32> = had.iter().flat_map(|had| had.iter()).map(|[id, ..]| *id).collect();
    let rows = others.into_iter().flat_map(|(digest, now)| now.iter().map(move |row| (*digest, row)));
    let new = rows.filter(|(_, [id, ..])| !known.contains(id));
    new.map(|(digest, row)| {
        let [id, licence, checksum] = row.map(|place| told.text(place));
        (id, (digest, licence, checksum))
    })
    .collect()
}

/// Q17.
pub(super) fn plans(asked: &Asked<'_>) -> Part {
    let mut part = Part::of(Table::new(&["time", "service", "environment", "plan", "what the policy said"]));
    let mut aside = Aside::default();
    let told = asked.facts.told();
    for promoted in &asked.facts.decisions {
        let decision = &promoted.content;
        for digest in named(promoted, Kind::IacPlan) {
            let plan = match told.said(promoted.entry, Kind::IacPlan, digest) {
                Said::Apart(why) => {
                    aside.count(*why);
                    if *why == Apart::Unplaced {
                        part.missing.push(format!(
                            "commit of which log entry {} was built: whether {} {digest} is of it nobody can tell",
                            promoted.entry,
                            Kind::IacPlan.word()
                        ));
                    }
                    continue;
                }
                Said::Missing => {
                    part.missing.push(absent(Kind::IacPlan, digest, promoted));
                    continue;
                }
                Said::Rows(rows) => rows.first().map(|row| row.map(|place| told.text(place))),
                Said::Other => None,
            };
            let said: BTreeSet<String> = findings(decision)
                .filter(|finding| {
                    let code = finding.code.as_str();
                    ["plan-", "database-", "audit-log-"].iter().any(|start| code.starts_with(start))
                })
                .map(|finding| finding.code.to_string())
                .collect();
            let cells = vec![
                promoted.time.to_string(),
                service_of(decision),
                decision.request.environment.to_string(),
                plan.map_or_else(|| "unreadable".to_owned(), |[file, plan, _]| format!("{file} {plan}")),
                said.into_iter().collect::<Vec<_>>().join(", "),
            ];
            let mut proof = asked.facts.proof(promoted.entry);
            proof.documents.push(*digest);
            part.table.push(cells, proof);
        }
    }
    part.notes.extend(aside.words("plans", "are of other commits than the decisions that name them"));
    part
}

/// Whether a text names an advisory: one whose id begins the same is another.
fn names(text: &str, id: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !id.is_empty()
        && text.match_indices(id).any(|(at, found)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at.saturating_add(found.len())..).and_then(|after| after.chars().next());
            !before.is_some_and(goes_on) && !after.is_some_and(goes_on)
        })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn what_is_said_of_an_advisory_is_said_of_no_other_whose_id_begins_the_same() {
        let said = "CVE-2026-12345 (high) is overdue";
        assert!(names(said, "CVE-2026-12345"));
        for other in ["CVE-2026-1234", "CVE-2026-123456", "E-2026-12345", "CVE-2026", ""] {
            assert!(!names(said, other), "{other}");
        }
        assert!(names("CVE-2026-12345 and CVE-2026-1234: open", "CVE-2026-1234"));
        assert!(names("vulnerability GHSA-xxxx-yyyy-zzzz.", "GHSA-xxxx-yyyy-zzzz"));
    }
}
