//! The independent sources of completeness, held against each other: the log's indexes, the chain of deployments of each
//! service and environment, git's own line of first parents. A source that nobody collected is named, never assumed.

use super::facts::{Facts, Known, service_of};
use super::holding::Package;
use super::kept::{Kept, Range, Shared};
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::git::evidence::{Evidence as GitEvidence, commits};
use countersign_core::git::source::ObjectSet;
use countersign_core::git::{Oid, graph};
use countersign_core::policy::Stage;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What became of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SourceState {
    /// Everything in it fits.
    Holds,
    /// Something in it does not fit.
    Broken,
    /// Some of it was erased, as the log says; the rest fits.
    Withheld,
    /// A later version made some of it, which cannot be read here; the rest fits.
    Unread,
    /// Nobody collected it.
    NotCollected,
}

impl std::fmt::Display for SourceState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Broken => "BROKEN",
            Self::Withheld => "withheld in part",
            Self::Unread => "not read in part",
            Self::NotCollected => "not collected",
        })
    }
}

/// A source of completeness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceRow {
    /// Which.
    pub source: &'static str,
    /// What it would show.
    pub shows: &'static str,
    /// What became of it.
    pub state: SourceState,
    /// How many items it has.
    pub items: u64,
    /// How many authorised promotions it accounts for.
    pub accounts_for: u64,
    /// In words.
    pub detail: String,
    /// What does not fit, each by its log entry.
    pub unexplained: Vec<String>,
    /// What nobody can tell here, since it was erased or a later version made it: each by its log entry.
    pub withheld: Vec<String>,
}

/// All sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reconciliation {
    /// Authorised promotions in the window.
    pub deployments: u64,
    /// A row a source.
    pub sources: Vec<SourceRow>,
    /// Those that every source that was collected accounts for.
    pub in_all: u64,
    /// Those that git's own commits account for and the chain of deployments does not: they went without proved review, and
    /// are no link of it.
    pub in_git: u64,
    /// Those that a source does not account for.
    pub unexplained: u64,
    /// Those that rest on the log alone, with the reason: no source was proved for them.
    pub log_only: u64,
}

impl Reconciliation {
    /// What does not fit, as findings.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let of = |code, source: &str, what: &String| {
            let place = what.split(':').next().unwrap_or_default();
            Finding::new(code, format!("{source}: {what}")).at(place)
        };
        let mut findings = Vec::new();
        for row in &self.sources {
            let broken = row.unexplained.iter().filter(|_| row.state == SourceState::Broken);
            findings.extend(broken.map(|what| of(codes::AUDIT_UNRECONCILED, row.source, what)));
            let unread = row.state == SourceState::Unread || row.source == LOG_INDEXES;
            let code = if unread { codes::RECORD_LATER } else { codes::EVIDENCE_WITHHELD };
            findings.extend(row.withheld.iter().map(|what| of(code, row.source, what)));
        }
        findings
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let in_git = if self.in_git == 0 {
            String::new()
        } else {
            format!("{} without proved review in the log and git, ", self.in_git)
        };
        format!(
            "{} authorised promotions: {} in every source collected, {in_git}{} in the log alone, {} unexplained",
            self.deployments, self.in_all, self.log_only, self.unexplained
        )
    }
}

/// The source of which nothing is erased.
const LOG_INDEXES: &str = "log indexes";

/// Nothing collects these yet.
pub(super) const NOT_COLLECTED: [(&str, &str); 3] = [
    ("runtime snapshots", "that everything that runs was authorised: a daily list of what runs, signed"),
    ("forge activity", "that nothing was pushed past review and nothing was forced: the forge's own list of pushes"),
    ("CI run numbers", "that no run is missing: the numbers that the CI counts up by itself"),
];

/// Reconciles what the window holds. `ran_again` says whether the decision of an entry was run again.
pub(super) fn of(facts: &Facts<'_>, ran_again: &dyn Fn(u64) -> bool) -> Reconciliation {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let deployments: Vec<&Known> = facts.deployments().map(AsRef::as_ref).collect();
    let (chain, linked) = chains(facts, ran_again);
    let (git, walked) = walks(facts, &deployments);
    let mut sources = vec![indexes(facts, number(deployments.len())), chain, git];
    sources.extend(NOT_COLLECTED.map(|(source, shows)| SourceRow {
        source,
        shows,
        state: SourceState::NotCollected,
        items: 0,
        accounts_for: 0,
        detail: "no collector brings it; nothing is assumed of it".to_owned(),
        unexplained: Vec::new(),
        withheld: Vec::new(),
    }));
    let (mut in_all, mut in_git, mut unexplained, mut log_only) = (0_u64, 0_u64, 0_u64, 0_u64);
    for one in &deployments {
        let place = match (linked.get(&one.entry), walked.get(&one.entry)) {
            (Some(false), _) | (_, Some(false)) => &mut unexplained,
            (Some(true), Some(true) | None) => &mut in_all,
            (None, Some(true)) => &mut in_git,
            (None, None) => &mut log_only,
        };
        *place = place.saturating_add(1);
    }
    Reconciliation { deployments: number(deployments.len()), sources, in_all, in_git, unexplained, log_only }
}

/// The log's own indexes: every entry of the window, and those whose decisions do not hold or cannot be read here.
fn indexes(facts: &Facts<'_>, accounts_for: u64) -> SourceRow {
    let words = |finding: &&Finding| format!("{}: {}", finding.at.join(", "), finding.what);
    let (later, broken): (Vec<&Finding>, Vec<&Finding>) =
        facts.broken.iter().partition(|finding| finding.code == codes::RECORD_LATER);
    SourceRow {
        source: LOG_INDEXES,
        shows: "that no entry was taken out: indexes without a gap under one root",
        state: match (broken.is_empty(), later.is_empty()) {
            (false, _) => SourceState::Broken,
            (true, false) => SourceState::Unread,
            (true, true) => SourceState::Holds,
        },
        items: facts.range.end.saturating_sub(facts.range.start),
        accounts_for,
        detail: facts.completeness(),
        unexplained: broken.iter().map(words).collect(),
        withheld: later.iter().map(words).collect(),
    }
}

/// A service's branch in an environment.
type Line = (String, String, String);

/// By entry, whether it fits.
type Fits = BTreeMap<u64, bool>;

/// Whether a decision passed and proved review: only such a one moves the chain.
fn proved(decision: &Kept) -> Option<&Range> {
    let review = decision.rules.iter().any(|rule| {
        rule.id.as_str().starts_with("two-party-review@")
            && rule.stage == Stage::Enforce
            && rule.verdict == Some(Verdict::Pass)
    });
    decision.source.as_deref().filter(|_| decision.verdict == Verdict::Pass && review)
}

/// The chain of deployments: each new revision of a branch in an environment begins where the one before it ended; one that
/// comes again has the range that it had.
fn chains(facts: &Facts<'_>, ran_again: &dyn Fn(u64) -> bool) -> (SourceRow, Fits) {
    let mut passed: BTreeMap<Line, Passed> = earlier_chains(facts);
    let (mut fits, mut links, mut unexplained) = (Fits::new(), 0_u64, Vec::new());
    let mut claimed = 0_u64;
    // The chain does not begin with the window: what passed before it is part of it.
    for promoted in facts.all_decisions() {
        let Some(range) = proved(&promoted.content) else { continue };
        let environment = promoted.content.request.environment.to_string();
        let line = (service_of(&promoted.content), range.target_ref.to_string(), environment);
        let (starts, last) = passed.entry(line.clone()).or_default();
        let expected = starts.get(&range.revision).copied().or(*last);
        let fit = expected.is_none_or(|expected| expected.at == range.start);
        if let Entry::Vacant(first) = starts.entry(range.revision) {
            let by = Some(promoted.entry);
            first.insert(Step { at: range.start, by });
            *last = Some(Step { at: range.revision, by });
        }
        if !facts.range.contains(&promoted.entry) || !facts.is_asked(&promoted.content) {
            continue;
        }
        links = links.saturating_add(1);
        fits.insert(promoted.entry, fit);
        let by = expected.and_then(|expected| expected.by);
        claimed = claimed.saturating_add(u64::from(by.is_some_and(|entry| !ran_again(entry))));
        if !fit {
            let expected = expected.map_or_else(String::new, |expected| expected.at.to_string());
            unexplained.push(format!(
                "log entry {}: {} in {} begins at {}, the deployment before it ended at {expected}",
                promoted.entry, line.0, line.2, range.start
            ));
        }
    }
    let lines = passed.len();
    let without = facts.deployments().filter(|one| proved(&one.content).is_none()).count();
    let mut detail = format!("{links} links in {lines} chains, one for each service, branch and environment");
    if claimed > 0 {
        // Its gate's word is all that there is of where that one ended.
        detail.push_str(&format!("; {claimed} begin where a decision ended that is not run again here"));
    }
    if without > 0 {
        detail.push_str(&format!("; {without} promotions went without proved review, and are no link"));
    }
    let state = if !unexplained.is_empty() {
        SourceState::Broken
    } else if links == 0 {
        // What has no link holds nothing.
        SourceState::NotCollected
    } else {
        SourceState::Holds
    };
    let row = SourceRow {
        source: "deployment chain",
        shows: "that no promotion is missing between two: each begins where the one before it ended",
        state,
        items: links,
        accounts_for: u64::try_from(fits.values().filter(|fit| **fit).count()).unwrap_or(u64::MAX),
        detail,
        unexplained,
        withheld: Vec::new(),
    };
    (row, fits)
}

/// A commit where a link begins or ends, and the entry of this log that says so.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: Oid,
    by: Option<u64>,
}

/// Where each revision of a line began when it first passed, and the newest.
type Passed = (BTreeMap<Oid, Step>, Option<Step>);

/// The chains as they stood at the end of the logs that this one goes on from.
fn earlier_chains(facts: &Facts<'_>) -> BTreeMap<Line, Passed> {
    let (mut steps, mut shared): (Vec<(Line, Oid, Oid)>, _) = (Vec::new(), Shared::default());
    for promoted in facts.state.now().chain().skip(1).flat_map(|log| log.decisions(None, None, facts.blobs)).flatten() {
        let content = Kept::of(&promoted.content, &mut shared);
        let Some(range) = proved(&content) else { continue };
        let environment = content.request.environment.to_string();
        steps.push(((service_of(&content), range.target_ref.to_string(), environment), range.revision, range.start));
    }
    let mut passed: BTreeMap<Line, Passed> = BTreeMap::new();
    for (line, revision, start) in steps.into_iter().rev() {
        let (starts, last) = passed.entry(line).or_default();
        if let Entry::Vacant(first) = starts.entry(revision) {
            // That nobody ran those of earlier logs again is said of each such log.
            first.insert(Step { at: start, by: None });
            *last = Some(Step { at: revision, by: None });
        }
    }
    passed
}

/// Git's own chain: the objects of each decision lead from the new revision back to where it begins. Whether the changes in
/// between were agreed to is another question: the objects are there for whatever was let through.
fn walks(facts: &Facts<'_>, deployments: &[&Known]) -> (SourceRow, Fits) {
    let (mut fits, mut commits, mut unexplained, mut ranges) = (Fits::new(), 0_u64, Vec::new(), 0_u64);
    let (mut missing, mut withheld) = (Vec::new(), Vec::new());
    for promoted in deployments {
        // One that names no git objects is in the log alone, and says so there.
        let (Some(range), Some(git)) = (&promoted.content.source, promoted.content.inputs.git) else { continue };
        ranges = ranges.saturating_add(1);
        let known = facts.gathered.walked.get().and_then(|walked| walked.get(&promoted.entry).cloned());
        let walked = known
            .or_else(|| Some(walk_bytes(&facts.blobs.blob(&git)?, (&range.start, &range.revision), range.commits)));
        let Some(walked) = walked else {
            match facts.gathered.erased.get(&git) {
                Some(by) => withheld
                    .push(format!("log entry {}: its git objects are withheld, erased as {by} says", promoted.entry)),
                None => missing.push(promoted.entry),
            }
            continue;
        };
        fits.insert(promoted.entry, walked.is_ok());
        match walked {
            Ok(found) => commits = commits.saturating_add(found),
            Err(why) => unexplained.push(format!("log entry {}: {why}", promoted.entry)),
        }
    }
    let left_out = u64::try_from(missing.len()).unwrap_or(u64::MAX);
    // None at all: nobody collected them. Some and not others: these were left out.
    if !fits.is_empty() {
        for entry in missing {
            fits.insert(entry, false);
            unexplained.push(format!("log entry {entry}: its git objects are not in the package"));
        }
    }
    let none = fits.is_empty();
    let state = if !unexplained.is_empty() {
        SourceState::Broken
    } else if !withheld.is_empty() {
        SourceState::Withheld
    } else if none {
        SourceState::NotCollected
    } else {
        SourceState::Holds
    };
    let walked = u64::try_from(fits.len()).unwrap_or(u64::MAX).saturating_sub(left_out);
    let detail = match (none, ranges) {
        (true, 0) => "no promotion of the window names git objects".to_owned(),
        (true, _) => "the package holds no git objects of these promotions".to_owned(),
        (false, _) => format!("{walked} of {ranges} ranges walked by their objects, {commits} commits"),
    };
    let row = SourceRow {
        source: "git first parents",
        shows: "that no commit was left out: each names its parent by hash",
        state,
        items: commits,
        accounts_for: u64::try_from(fits.values().filter(|fit| **fit).count()).unwrap_or(u64::MAX),
        detail,
        unexplained,
        withheld,
    };
    (row, fits)
}

/// What came of walking a range: how many commits, or why it does not lead back.
pub(super) type Walk = Result<u64, String>;

/// Walks the range of a deployment by its commits, where it names git objects and they are at hand.
pub(super) fn walked(decision: &Decision, package: &Package) -> Option<Walk> {
    let range = decision.source.as_ref().filter(|_| decision.authorised)?;
    let bytes = decision.inputs.git.and_then(|digest| package.commits(&digest))?;
    Some(walk_bytes(&bytes, (&range.start, &range.revision), range.commits))
}

/// The same, with its git objects as they were read already.
pub(super) fn walked_by(decision: &Decision, git: &GitEvidence) -> Option<Walk> {
    let range = decision.source.as_ref().filter(|_| decision.authorised)?;
    Some(walk(&git.objects, (&range.start, &range.revision), range.commits))
}

/// The commits are hashed as git does, and name their parents by that. What else is there is for who runs the decision again.
fn walk_bytes(bytes: &[u8], ends: (&Oid, &Oid), said: u64) -> Walk {
    walk(&commits(bytes).map_err(|error| error.to_string())?, ends, said)
}

/// Walks one range by its objects, and counts its commits.
fn walk(objects: &ObjectSet, (start, revision): (&Oid, &Oid), said: u64) -> Walk {
    if start == revision {
        return Ok(0);
    }
    let commits = graph::range(objects, revision, start).map_err(|error| error.to_string())?;
    let line = graph::line(objects, &commits, start, revision).map_err(|error| error.to_string())?;
    let found = u64::try_from(commits.len()).unwrap_or(u64::MAX);
    if line.is_empty() {
        Err(format!("git does not lead from {revision} back to {start}"))
    } else if found != said {
        Err(format!("git has {found} commits between {start} and {revision}, the decision says {said}"))
    } else {
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::finding::verdict_of;

    #[test]
    fn what_was_erased_is_withheld_and_what_does_not_fit_is_a_failure() {
        let row = |state, unexplained: &[&str], withheld: &[&str]| SourceRow {
            source: "git first parents",
            shows: "",
            state,
            items: 0,
            accounts_for: 0,
            detail: String::new(),
            unexplained: unexplained.iter().map(|what| (*what).to_owned()).collect(),
            withheld: withheld.iter().map(|what| (*what).to_owned()).collect(),
        };
        let of = |row: SourceRow| {
            let sources = vec![row];
            Reconciliation { deployments: 2, sources, in_all: 1, in_git: 0, unexplained: 0, log_only: 0 }.findings()
        };
        let erased = of(row(SourceState::Withheld, &[], &["log entry 3: erased"]));
        assert_eq!(verdict_of(&erased), Verdict::Indeterminate);
        assert_eq!((erased[0].code, erased[0].at[0].as_str()), (codes::EVIDENCE_WITHHELD, "log entry 3"));
        let broken = of(row(SourceState::Broken, &["log entry 4: it does not lead back"], &["log entry 3: erased"]));
        assert_eq!(verdict_of(&broken), Verdict::Fail);
        assert_eq!(broken.len(), 2);
    }
}
