//! Coverage in five parts that are never put together: shown by machine and fresh, partly so, shown by people and current,
//! stale, and nothing at all. It says what was recorded; it does not conclude that a criterion is met.

use crate::erasure::by_hand_gone;
use crate::error::FlowError;
use crate::outside::{self, TrustFile};
use crate::place::{Place, StoreBlobs};
use countersign_core::catalogue::{Catalogue, Catalogues, Control, NO_CONCLUSION, Reach};
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::ids::{EnvName, PersonId, RuleId};
use countersign_core::policy::Stage;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_decide::rules;
use countersign_verify::log::kept_checkpoint;
use countersign_verify::policy::Activated;
use countersign_verify::{Blobs, LogState, StateView, named_blob, records};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// What this version does not look at, and says so.
const NOT_JUDGED: &[&str] = &[
    "whether what was decided is all that was deployed: no population is reconciled",
    "whether a rule fits its control: the mapping is the release's own word",
];

/// What coverage is asked with.
#[derive(Debug)]
pub struct CoverageRequest<'a> {
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// The store.
    pub place: &'a Place,
    /// The least checkpoint, from outside.
    pub least_checkpoint: Option<&'a Path>,
    /// One environment.
    pub environment: Option<&'a EnvName>,
    /// One catalogue, by its name.
    pub catalogue: Option<&'a str>,
    /// As of when; what was recorded later plays no part.
    pub at: Time,
    /// The time now, by which the log's signature is judged.
    pub now: Time,
}

/// How far something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Cover {
    /// A rule enforces it in every enforced environment, and was evaluated lately in each.
    AutomatedFresh,
    /// A rule was evaluated lately, and shows a part of it, or holds nothing back yet.
    PartlyAutomated,
    /// People attest it, and it counts still.
    ManualCurrent,
    /// Something showed it once, or should show it: too long ago, or never yet.
    Stale,
    /// Nothing.
    None,
}

impl std::fmt::Display for Cover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AutomatedFresh => "automated, fresh",
            Self::PartlyAutomated => "partly automated",
            Self::ManualCurrent => "manual, current",
            Self::Stale => "stale",
            Self::None => "none",
        })
    }
}

/// Controls by how far they are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CoverCounts {
    /// Automated and fresh.
    pub automated_fresh: u32,
    /// Partly automated.
    pub partly_automated: u32,
    /// Manual and current.
    pub manual_current: u32,
    /// Stale.
    pub stale: u32,
    /// Nothing at all.
    pub none: u32,
}

impl CoverCounts {
    fn add(&mut self, cover: Cover) {
        let place = match cover {
            Cover::AutomatedFresh => &mut self.automated_fresh,
            Cover::PartlyAutomated => &mut self.partly_automated,
            Cover::ManualCurrent => &mut self.manual_current,
            Cover::Stale => &mut self.stale,
            Cover::None => &mut self.none,
        };
        *place = place.saturating_add(1);
    }
}

/// Coverage, as a document.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// What this does not say.
    pub conclusion: &'static str,
    /// What was not looked at.
    pub not_judged: Vec<&'static str>,
    /// As of when.
    pub at: Time,
    /// The log, as far as it went then.
    pub log: Option<LogRef>,
    /// The environments in question, each with the version of its active release.
    pub environments: BTreeMap<EnvName, u64>,
    /// A row a catalogue.
    pub catalogues: Vec<CatalogueRow>,
    /// A row a control.
    pub controls: Vec<ControlRow>,
    /// Rules that serve no control by the release's word, or not all of those that they are meant for.
    pub unmapped: Vec<UnmappedRow>,
}

/// One catalogue in five parts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CatalogueRow {
    /// Its name.
    pub name: String,
    /// Its controls by how far they are shown.
    pub controls: CoverCounts,
}

/// One control.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ControlRow {
    /// Its full name.
    pub control: String,
    /// What it is about, in the words of the catalogue's author.
    pub text: String,
    /// How much of it a machine can show at best.
    pub reach: Reach,
    /// For how many days something shows it.
    pub fresh_days: u32,
    /// How far it is shown.
    pub cover: Cover,
    /// The rules that serve it.
    pub rules: Vec<ServedRow>,
    /// What people attest of it.
    pub manual: Vec<ManualRow>,
}

/// A rule that serves a control in an environment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServedRow {
    /// The rule.
    pub rule: RuleId,
    /// The environment.
    pub environment: EnvName,
    /// The rule's stage there.
    pub stage: Stage,
    /// Whether the environment's gate is enforced.
    pub enforced: bool,
    /// When it last gave an answer in that stage.
    pub last: Option<Time>,
    /// How many whole days ago.
    pub age_days: Option<i64>,
    /// What it said then.
    pub verdict: Option<Verdict>,
    /// Whether that is recent enough.
    pub fresh: bool,
}

/// What somebody attests.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ManualRow {
    /// The log entry.
    pub entry: u64,
    /// Who answers for it.
    pub owner: PersonId,
    /// What is attested.
    pub statement: String,
    /// The time of which it speaks.
    pub as_of: Time,
    /// Until when it counts.
    pub valid_until: Time,
    /// Whether it counts.
    pub current: bool,
    /// The document that shows it.
    pub document: Sha256,
}

/// A rule that serves no control by the release's word, or not all of those that it is meant for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnmappedRow {
    /// The rule.
    pub rule: RuleId,
    /// Where.
    pub environment: EnvName,
    /// Its stage there.
    pub stage: Stage,
    /// Controls that a rule which is built in is meant for, and that the release does not name for it.
    pub meant_for: Vec<String>,
}

/// Works out the coverage at a time. What was found of trust and log comes with it; a log that does not hold shows nothing.
pub fn coverage(request: &CoverageRequest<'_>) -> Result<(Coverage, Vec<Finding>), FlowError> {
    let trust = match &request.trust.outcome.trust {
        Some(trust) if request.trust.outcome.findings.is_empty() => trust,
        _ => return Err(FlowError::Refused(request.trust.outcome.findings.clone())),
    };
    // What was kept is read first: a gate that records something meanwhile makes it go further than the log that is read.
    let least = request.least_checkpoint.map(|path| (path, outside::read_least(path, request.place)));
    let gone = |error| outside::set_back(error, request.least_checkpoint, request.place, trust.trust(), request.now);
    let (checkpoint, entries) = request.place.read_log().map_err(gone)?;
    let blobs = StoreBlobs::new(request.place.store());
    let opened = LogState::open(&checkpoint, &entries, trust, &blobs, request.now);
    let Some(state) = opened.state else { return Err(FlowError::Refused(opened.findings)) };
    let mut findings = opened.findings;
    findings.extend(state.faults().map(|(_, finding)| finding.clone()));
    match least {
        None => findings.push(
            Finding::new(codes::LOG_END_UNPROVEN, "nothing from outside says how far the log had come")
                .expected("a checkpoint kept elsewhere", "--least-checkpoint")
                .found("none: entries at the end could be missing"),
        ),
        Some((path, least)) => match kept_checkpoint(&least?, &state.now(), trust.trust(), request.now) {
            Ok(least) => findings.extend(state.now().continues(&least).err()),
            Err(finding) => findings.push(finding.at(path.display().to_string())),
        },
    }
    let past = state.entries().iter().take_while(|entry| entry.time <= request.at).count();
    let view = state.at(u64::try_from(past).unwrap_or(u64::MAX)).unwrap_or_else(|| state.now());
    let active = active_releases(view, request.environment);
    if active.is_empty() {
        findings.push(
            Finding::new(codes::POLICY_NOT_ACTIVE, format!("no policy release was active at {}", request.at))
                .expected("an activation in the log", "the log")
                .found("none"),
        );
    }
    let texts: BTreeMap<String, String> =
        active.values().flat_map(|active| active.release.manifest().texts.clone()).collect();
    let (catalogues, _) = Catalogues::with(&texts);
    if let Some(wanted) = request.catalogue
        && !catalogues.iter().any(|catalogue| catalogue.name == wanted)
    {
        let names: Vec<&str> = catalogues.iter().map(|catalogue| catalogue.name.as_str()).collect();
        return Err(FlowError::Usage(format!("there is no catalogue `{wanted}`: there is {}", names.join(", "))));
    }
    let (served, unmapped) = served(view, &active, &blobs, request.at, &mut findings);
    let manual = manual(view, &state, &blobs, request.at, &mut findings);
    let erased = state.erased_in_chain(&blobs);
    let by = |digest: &Sha256| erased.get(digest).map(|by| by.place.clone());
    for (origin, entries) in super::earlier(view, &by) {
        findings.push(
            Finding::new(codes::MANUAL_EARLIER, super::earlier_words(&origin, &entries.iter().collect::<Vec<_>>()))
                .at("controls"),
        );
    }
    let rows = catalogues.controls().filter(|(_, catalogue, _)| request.catalogue.is_none_or(|n| n == catalogue.name));
    let enforced: BTreeSet<&EnvName> = active
        .iter()
        .filter(|(name, active)| active.release.manifest().environments.get(*name).is_some_and(|e| e.enforced))
        .map(|(name, _)| name)
        .collect();
    let mut counts: BTreeMap<String, CoverCounts> = BTreeMap::new();
    let mut controls = Vec::new();
    for (name, catalogue, control) in rows {
        let row = row(name, catalogue, control, &served, &manual, &enforced);
        counts.entry(catalogue.name.clone()).or_default().add(row.cover);
        controls.push(row);
    }
    let by_catalogue = catalogues.iter().filter_map(|catalogue| {
        Some(CatalogueRow { name: catalogue.name.clone(), controls: *counts.get(&catalogue.name)? })
    });
    let coverage = Coverage {
        conclusion: NO_CONCLUSION,
        not_judged: NOT_JUDGED.to_vec(),
        at: request.at,
        log: Some(view.reference()),
        environments: active.iter().map(|(n, a)| (n.clone(), a.release.reference().version)).collect(),
        catalogues: by_catalogue.collect(),
        controls,
        unmapped,
    };
    blobs.finish()?;
    Ok((coverage, findings))
}

/// The release that is active in each environment.
fn active_releases<'a>(view: StateView<'a>, only: Option<&EnvName>) -> BTreeMap<EnvName, &'a Activated> {
    // A log that goes on from another has that one's activations in force before it has any of its own.
    let entries = view.chain().flat_map(|log| log.entries());
    let named: BTreeSet<&EnvName> = entries.filter_map(|entry| entry.environment.as_ref()).collect();
    let wanted = named.into_iter().filter(|name| only.is_none_or(|only| only == *name));
    wanted.filter_map(|name| Some((name.clone(), view.active(name)?))).collect()
}

type Served = BTreeMap<String, Vec<ServedRow>>;

/// The rules of active releases by the controls that they serve, each with its last answer; and those that serve none.
fn served(
    view: StateView<'_>,
    active: &BTreeMap<EnvName, &Activated>,
    blobs: &dyn Blobs,
    at: Time,
    findings: &mut Vec<Finding>,
) -> (Served, Vec<UnmappedRow>) {
    let (mut served, mut unmapped) = (Served::new(), Vec::new());
    for (environment, active) in active {
        let manifest = active.release.manifest();
        let mut last = last_answers(view, environment, active, at, blobs, findings);
        for rule in &manifest.rules {
            let controls = rules::controls(rule, &manifest.texts);
            let stage = rule.stage_at(environment, at);
            let meant = rules::built_in(rule).map(|known| known.controls).unwrap_or_default().iter();
            let meant_for: Vec<String> =
                meant.map(|control| (*control).to_owned()).filter(|control| !controls.contains(control)).collect();
            if controls.is_empty() || !meant_for.is_empty() {
                let row = UnmappedRow { rule: rule.id.clone(), environment: environment.clone(), stage, meant_for };
                unmapped.push(row);
            }
            let answer = last.remove(&rule.id);
            let (last, verdict) = (answer.map(|(time, _)| time), answer.map(|(_, verdict)| verdict));
            for control in controls {
                served.entry(control).or_default().push(ServedRow {
                    rule: rule.id.clone(),
                    environment: environment.clone(),
                    stage,
                    enforced: manifest.environments.get(environment).is_some_and(|e| e.enforced),
                    last,
                    age_days: last.map(|last| at.since(last).checked_div(DAY).unwrap_or_default()),
                    verdict,
                    fresh: false,
                });
            }
        }
    }
    (served, unmapped)
}

/// When each rule last passed or failed in the stage that it has now. An evaluation that could not tell shows nothing.
fn last_answers(
    view: StateView<'_>,
    environment: &EnvName,
    active: &Activated,
    at: Time,
    blobs: &dyn Blobs,
    findings: &mut Vec<Finding>,
) -> BTreeMap<RuleId, (Time, Verdict)> {
    let manifest = active.release.manifest();
    let stages: BTreeMap<&RuleId, Stage> =
        manifest.rules.iter().map(|rule| (&rule.id, rule.stage_at(environment, at))).collect();
    let mut open: BTreeSet<&RuleId> =
        stages.iter().filter(|(_, stage)| **stage != Stage::Off).map(|(id, _)| *id).collect();
    let mut last = BTreeMap::new();
    for promoted in view.decisions(Some(environment), None, blobs) {
        if open.is_empty() {
            break;
        }
        let promoted = match promoted {
            Ok(promoted) => promoted,
            Err(more) => {
                findings.extend(more);
                continue;
            }
        };
        for outcome in &promoted.content.rules {
            let same_stage = stages.get(&outcome.id) == Some(&outcome.stage);
            if let Some(verdict @ (Verdict::Pass | Verdict::Fail)) = outcome.verdict
                && same_stage
                && open.remove(&outcome.id)
            {
                last.insert(outcome.id.clone(), (promoted.time, verdict));
            }
        }
    }
    last
}

/// What people attest, by control; what does not hold is a finding and shows nothing.
fn manual(
    view: StateView<'_>,
    state: &LogState,
    blobs: &dyn Blobs,
    at: Time,
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, Vec<ManualRow>> {
    let mut out: BTreeMap<String, Vec<ManualRow>> = BTreeMap::new();
    let erased = state.erased_in_chain(blobs);
    for (index, entry) in (0_u64..).zip(view.entries()).filter(|(_, entry)| entry.kind == Kind::ManualEvidence) {
        let place = format!("log entry {index}");
        // What was erased counts as gone, whoever puts it back.
        let by = entry.statement().and_then(|digest| erased.get(digest)).map(|by| by.place.as_str());
        let bytes = entry.statement().filter(|_| by.is_none()).and_then(|digest| named_blob(blobs, digest));
        let Some(bytes) = bytes else {
            findings.push(by_hand_gone(by, &place));
            continue;
        };
        let trust = state.at(index).unwrap_or(view).trust();
        let said = match records::manual(&bytes, trust, (entry.time, &place)) {
            Ok((said, _)) => said,
            Err(more) => {
                findings.extend(more);
                continue;
            }
        };
        for control in &said.controls {
            out.entry(control.clone()).or_default().push(ManualRow {
                entry: index,
                owner: said.owner.clone(),
                statement: said.statement.clone(),
                as_of: said.as_of,
                valid_until: said.valid_until,
                current: said.counts_at(at),
                document: said.document,
            });
        }
    }
    out
}

fn row(
    name: String,
    catalogue: &Catalogue,
    control: &Control,
    served: &Served,
    manual: &BTreeMap<String, Vec<ManualRow>>,
    enforced: &BTreeSet<&EnvName>,
) -> ControlRow {
    let fresh_days = catalogue.fresh_days(control);
    let mut rules = served.get(&name).cloned().unwrap_or_default();
    for row in &mut rules {
        row.fresh = row.stage != Stage::Off && row.age_days.is_some_and(|age| age < i64::from(fresh_days));
    }
    let manual = manual.get(&name).cloned().unwrap_or_default();
    let cover = cover(control.reach, &rules, &manual, enforced);
    ControlRow { control: name, text: control.text.clone(), reach: control.reach, fresh_days, cover, rules, manual }
}

/// The one part of five that a control belongs to.
fn cover(reach: Reach, rules: &[ServedRow], manual: &[ManualRow], enforced: &BTreeSet<&EnvName>) -> Cover {
    let enforces = |row: &&ServedRow| row.fresh && row.stage == Stage::Enforce && row.enforced;
    let there: BTreeSet<&EnvName> = rules.iter().filter(enforces).map(|row| &row.environment).collect();
    let on = || rules.iter().filter(|row| row.stage != Stage::Off);
    if reach == Reach::Machine && !enforced.is_empty() && there == *enforced {
        Cover::AutomatedFresh
    } else if on().any(|row| row.fresh) {
        Cover::PartlyAutomated
    } else if manual.iter().any(|row| row.current) {
        Cover::ManualCurrent
    } else if on().next().is_some() || !manual.is_empty() {
        Cover::Stale
    } else {
        Cover::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> EnvName {
        EnvName::new(name).unwrap()
    }

    fn served(environment: &str, stage: Stage, fresh: bool) -> ServedRow {
        let rule = RuleId::new("a@1").unwrap();
        let environment = env(environment);
        ServedRow { rule, environment, stage, enforced: true, last: None, age_days: None, verdict: None, fresh }
    }

    fn manual(current: bool) -> ManualRow {
        let time: Time = "2026-01-01T00:00:00Z".parse().unwrap();
        let owner = PersonId::new("ada").unwrap();
        let document = Sha256::of(b"d");
        ManualRow { entry: 1, owner, statement: "s".to_owned(), as_of: time, valid_until: time, current, document }
    }

    #[test]
    fn each_of_the_five_parts_has_its_condition_and_none_is_taken_for_a_better_one() {
        let (production, staging) = (env("production"), env("staging"));
        let one = BTreeSet::from([&production]);
        let both = BTreeSet::from([&production, &staging]);
        let of = |reach, rules: &[ServedRow], by_hand: &[ManualRow], enforced: &BTreeSet<&EnvName>| {
            cover(reach, rules, by_hand, enforced)
        };
        let enforcing = [served("production", Stage::Enforce, true)];
        assert_eq!(of(Reach::Machine, &enforcing, &[], &one), Cover::AutomatedFresh);
        assert_eq!(of(Reach::Machine, &enforcing, &[], &both), Cover::PartlyAutomated, "staging has nothing");
        assert_eq!(
            of(Reach::Machine, &enforcing, &[], &BTreeSet::new()),
            Cover::PartlyAutomated,
            "no gate is enforced"
        );
        assert_eq!(of(Reach::Part, &enforcing, &[], &one), Cover::PartlyAutomated, "a machine shows a part of it");
        assert_eq!(of(Reach::People, &enforcing, &[], &one), Cover::PartlyAutomated);
        let watching = [served("production", Stage::Monitor, true)];
        assert_eq!(of(Reach::Machine, &watching, &[], &one), Cover::PartlyAutomated, "it holds nothing back");
        let old = [served("production", Stage::Enforce, false)];
        assert_eq!(of(Reach::Machine, &old, &[], &one), Cover::Stale);
        assert_eq!(of(Reach::Machine, &old, &[manual(true)], &one), Cover::ManualCurrent);
        assert_eq!(of(Reach::People, &[], &[manual(true)], &one), Cover::ManualCurrent);
        assert_eq!(of(Reach::People, &[], &[manual(false)], &one), Cover::Stale);
        assert_eq!(of(Reach::People, &[served("production", Stage::Off, false)], &[], &one), Cover::None);
        assert_eq!(of(Reach::People, &[], &[], &one), Cover::None);
    }
}
