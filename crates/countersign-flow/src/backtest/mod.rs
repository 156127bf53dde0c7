//! What a release would have said: every recorded decision run again on its stored inputs, once under its own release and
//! once as if the new one had been active. It is the same pure function as the gate's, with one argument changed.

mod count;
mod report;
mod sample;

pub use report::{BacktestReport, Change, ChangedRow, Counts, RuleRow, ServiceRow, TopFinding, UnplayedRow, WasRow};
pub use sample::{
    Label, Labelled, LabelledRule, Sample, SampledFinding, label, labelled, labels_of, read as read_sample,
};

use crate::compare::{Compared, compare};
use crate::error::FlowError;
use crate::files;
use crate::outside::{self, TrustFile};
use crate::place::{Place, StoreBlobs};
use crate::policy;
use crate::replay::Again;
use count::Tally;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::json;
use countersign_core::limits;
use countersign_core::policy::{Manifest, Pin, PolicyRef};
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_decide::ByRule;
use countersign_verify::log::{LogOutcome, kept_checkpoint};
use countersign_verify::{LogState, StateView, Supposed, VerifiedTrust};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

/// What is taken as if in every backtest.
const AS_IF: &[&str] = &[
    "the release is active: its approvals, dates and lineage are not judged",
    "a countersign.lock that agreed with the release of its time agrees with this one",
    "evidence, trust, log and time are those of each decision; what earlier decisions said stands",
];

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// From when on decisions are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// From a time on.
    Time(Time),
    /// So many days before the log's newest entry.
    Days(u32),
}

impl std::str::FromStr for Since {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(days) = text.strip_suffix('d') {
            return days.parse().map(Self::Days).map_err(|error| format!("{text:?} is no number of days: {error}"));
        }
        text.parse().map(Self::Time).map_err(|error| format!("{error}; or a number of days, such as 30d"))
    }
}

/// What a backtest is asked with.
#[derive(Debug)]
pub struct BacktestRequest<'a> {
    /// The new release.
    pub manifest: Manifest,
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// The store.
    pub place: &'a Place,
    /// The least checkpoint, from outside.
    pub least_checkpoint: Option<&'a Path>,
    /// From when on.
    pub since: Option<Since>,
    /// One environment.
    pub environment: Option<EnvName>,
    /// With the stages that the release's rules will have at this moment; without it, those of each decision's time.
    pub stages_at: Option<Time>,
    /// By what the sample is drawn.
    pub seed: u64,
    /// How many findings it holds at most.
    pub most: usize,
    /// On how many threads.
    pub threads: NonZeroUsize,
    /// The time.
    pub at: Time,
}

/// What came of a backtest.
#[derive(Debug)]
pub struct Backtest {
    /// The report.
    pub report: BacktestReport,
    /// Its bytes, and their digest: its name.
    pub bytes: Vec<u8>,
    /// See `bytes`.
    pub digest: Sha256,
    /// The findings that people may judge.
    pub sample: Sample,
    /// What was found of trust and log.
    pub findings: Vec<Finding>,
}

/// Reads a release that is not active: a folder, a manifest, or what approvers have signed so far. Who signed plays no part.
pub fn read_release(path: &Path) -> Result<Manifest, FlowError> {
    if path.is_dir() {
        return policy::build(path);
    }
    let bytes = files::read(path, limits::COLLECTION_BYTES)?;
    let refused = |code, what: String| {
        FlowError::Refused(vec![
            Finding::new(code, what)
                .at(path.display().to_string())
                .help("give a policy folder, a manifest of `countersign policy build`, or an approved release"),
        ])
    };
    match Manifest::parse(&bytes) {
        Ok(manifest) => Ok(manifest),
        Err(error) => {
            let Ok(documents) = Signed::parse_lines(&bytes) else {
                return Err(refused(error.code(), error.to_string()));
            };
            let statement = documents.first().and_then(|(_, signed)| Statement::parse(&signed.payload).ok());
            let Some(statement) = statement.filter(|statement| statement.kind() == Some(Kind::PolicyRelease)) else {
                return Err(refused(codes::POLICY_MALFORMED, "the file holds no policy release".to_owned()));
            };
            Manifest::from_value(statement.predicate).map_err(|error| refused(error.code(), error.to_string()))
        }
    }
}

/// Reads a report, as it is named by an approval: in its one form, and about this release.
pub fn read_report(bytes: &[u8], release: &Sha256, place: &str) -> Result<BacktestReport, FlowError> {
    let refused = |what: String| {
        FlowError::Refused(vec![
            Finding::new(codes::BACKTEST_REPORT, what)
                .at(place)
                .expected(release.to_string(), "the release that is approved")
                .help("`countersign policy backtest NEW --output FILE` makes the report of this very release"),
        ])
    };
    let report: BacktestReport =
        json::parse_canonical(bytes).map_err(|error| refused(format!("this is not a backtest's report: {error}")))?;
    if report.schema != report::SCHEMA {
        return Err(refused(format!("this is a document of another form: {}", report.schema)));
    }
    if report.release.digest != *release {
        return Err(refused("the backtest's report is about another release".to_owned()));
    }
    Ok(report)
}

/// A decision run again: under its own release, and as if the new one had been active.
pub(crate) struct Played {
    was_by_rule: ByRule,
    now: Decision,
    now_by_rule: ByRule,
}

/// Runs the decisions of a log again.
pub fn backtest(request: &BacktestRequest<'_>) -> Result<Backtest, FlowError> {
    let release = request.manifest.reference()?;
    let trust = match &request.trust.outcome.trust {
        Some(trust) if request.trust.outcome.findings.is_empty() => trust,
        _ => return Err(FlowError::Refused(request.trust.outcome.findings.clone())),
    };
    // What was kept is read first: a gate that records something meanwhile makes it go further than the log that is read.
    let least = request.least_checkpoint.map(|path| (path, outside::read_least(path, request.place)));
    let gone = |error| outside::set_back(error, request.least_checkpoint, request.place, trust.trust(), request.at);
    let (checkpoint, entries) = request.place.read_log().map_err(gone)?;
    let blobs = StoreBlobs::new(request.place.store());
    let LogOutcome { state, mut findings, .. } = LogState::open(&checkpoint, &entries, trust, &blobs, request.at);
    let Some(state) = state else { return Err(FlowError::Refused(findings)) };
    blobs.finish()?;
    findings.extend(state.faults().map(|(_, finding)| finding.clone()));
    findings.extend(continues(least, trust, state.now(), request.at)?);
    let since = since(request, &state);
    let mut supposed = BTreeMap::new();
    for environment in request.manifest.environments.keys() {
        let now = (state.size(), request.at);
        let as_if = Supposed::of(request.manifest.clone(), environment, now, request.stages_at)?;
        supposed.insert(environment.clone(), as_if);
    }
    // What earlier decisions say matters to each: it is read once, by all threads together.
    let threads = request.threads.get();
    on_threads(threads, |number| {
        let blobs = StoreBlobs::new(request.place.store());
        state.prepare(number, threads, &blobs);
        blobs.finish()
    })?;
    let run = Run { request, state: &state, supposed: &supposed, release: &release, since };
    let mut tally = Tally::new(request.seed, request.most);
    for part in on_threads(threads, |number| run.part(number))? {
        tally.join(part);
    }
    let (report, draw) = tally.report(request, release.clone(), state.now().reference(), since);
    if report.decisions.seen == report.decisions.not_replayable {
        findings.push(
            Finding::new(codes::BACKTEST_EMPTY, "no decision was run again")
                .at(format!("log {}", report.log.origin))
                .expected("at least one recorded decision with its evidence", "countersign: nothing is not success")
                .found(format!(
                    "{} in question, {} not replayable",
                    report.decisions.seen, report.decisions.not_replayable
                ))
                .help("ask for an earlier --since, or for another --environment"),
        );
    }
    let bytes = json::canonical(&report)?;
    let digest = Sha256::of(&bytes);
    let sample = draw.sample(digest, release.digest);
    Ok(Backtest { report, bytes, digest, sample, findings })
}

/// From when on decisions are looked at.
fn since(request: &BacktestRequest<'_>, state: &LogState) -> Option<Time> {
    request.since.map(|since| match since {
        Since::Time(time) => time,
        Since::Days(days) => {
            let newest = state.now().newest_time().unwrap_or(request.at);
            newest.plus(DAY.saturating_mul(i64::from(days)).saturating_neg())
        }
    })
}

/// The same on each thread, which knows its number; what came of it, in that order.
fn on_threads<T: Send, E: Send + Into<FlowError>>(
    threads: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, FlowError> {
    let work = &work;
    let done: Vec<Result<T, FlowError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number))).collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|done| done.map_or_else(|_| Err(FlowError::Thread), |done| done.map_err(Into::into))).collect()
    });
    done.into_iter().collect()
}

/// What all threads share.
struct Run<'r> {
    request: &'r BacktestRequest<'r>,
    state: &'r LogState,
    supposed: &'r BTreeMap<EnvName, Supposed>,
    release: &'r PolicyRef,
    since: Option<Time>,
}

impl Run<'_> {
    /// Every `threads`-th decision, from `number` on.
    fn part(&self, number: usize) -> Result<Tally, FlowError> {
        let (request, state) = (self.request, self.state);
        let blobs = StoreBlobs::new(request.place.store());
        let mut tally = Tally::new(request.seed, request.most);
        let asked = (0_u64..).zip(state.entries()).filter(|(_, entry)| {
            entry.kind == Kind::PromotionDecision
                && self.since.is_none_or(|since| entry.time >= since)
                && request.environment.as_ref().is_none_or(|wanted| entry.environment.as_ref() == Some(wanted))
        });
        for (index, entry) in asked.skip(number).step_by(request.threads.get()) {
            let environment = entry.environment.as_ref();
            let recorded = match state.now().decision(index, &blobs) {
                Ok(recorded) => recorded,
                Err(why) => {
                    tally.not_played(index, environment, None, &why);
                    continue;
                }
            };
            let supposed = environment.and_then(|environment| self.supposed.get(environment));
            let ahead = request.stages_at.is_some();
            match play(&recorded.content, state, &blobs, (supposed, ahead), self.release) {
                Ok(played) => tally.played(index, recorded.decision.document(), &recorded.content, &played)?,
                Err(why) => tally.not_played(index, environment, Some(&recorded.content), &why),
            }
        }
        blobs.finish()?;
        Ok(tally)
    }
}

/// One decision again. One that does not come out the same under its own release says nothing about another.
fn play(
    recorded: &Decision,
    state: &LogState,
    blobs: &StoreBlobs<'_>,
    (supposed, ahead): (Option<&Supposed>, bool),
    release: &PolicyRef,
) -> Result<Played, Vec<Finding>> {
    let supposed = supposed.ok_or_else(|| {
        let environment = &recorded.request.environment;
        vec![Finding::new(codes::ENVIRONMENT_UNKNOWN, format!("the release does not cover environment {environment}"))]
    })?;
    let again = Again::of(recorded, state, blobs)?;
    let (was, was_by_rule) = again.decide(again.view, recorded.inputs.pin.clone());
    if let Compared::Otherwise(difference) = compare(recorded, &was) {
        return Err(vec![*difference]);
    }
    let active = recorded.inputs.policy.as_ref().map(|active| &active.policy);
    if active == Some(release) && !ahead {
        return Ok(Played { now_by_rule: was_by_rule.clone(), was_by_rule, now: was });
    }
    let pin = recorded.inputs.pin.clone().map(|pin| if agrees(&pin, active) { as_pin(release) } else { pin });
    let (now, now_by_rule) = again.decide(again.view.supposing(supposed), pin);
    Ok(Played { was_by_rule, now, now_by_rule })
}

/// Whether a lock agreed with the release that was active.
fn agrees(pin: &Pin, active: Option<&PolicyRef>) -> bool {
    active.is_some_and(|active| {
        pin.uri == active.uri
            && pin.digest == active.digest
            && pin.version == active.version
            && pin.min_version <= active.version
    })
}

fn as_pin(release: &PolicyRef) -> Pin {
    Pin { uri: release.uri.clone(), version: release.version, digest: release.digest, min_version: release.version }
}

/// The log goes on from what was kept elsewhere; without that, decisions at its end could be missing.
fn continues(
    least: Option<(&Path, Result<Vec<u8>, FlowError>)>,
    trust: &VerifiedTrust,
    view: StateView<'_>,
    at: Time,
) -> Result<Vec<Finding>, FlowError> {
    let Some((path, least)) = least else {
        return Ok(vec![
            Finding::new(codes::LOG_END_UNPROVEN, "nothing from outside says how far the log had come")
                .expected("a checkpoint kept elsewhere", "--least-checkpoint")
                .found("none: decisions at the end could be missing"),
        ]);
    };
    match kept_checkpoint(&least?, &view, trust.trust(), at) {
        Ok(least) => Ok(view.continues(&least).err().into_iter().collect()),
        Err(finding) => Ok(vec![finding.at(path.display().to_string())]),
    }
}
