//! The checks that come before any rule and that no policy can change: trust, gate, log, time, release, pin, evidence.

use crate::decide::Hand;
use crate::gate::known_gate;
use crate::given::Given;
use crate::{floors, rollout, rules};
use countersign_core::codes;
use countersign_core::decision::Request;
use countersign_core::finding::{Check, Finding, Verdict, verdict_of};
use countersign_core::ids::RuleId;
use countersign_core::policy::{ENGINE, Stage};
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_verify::policy::Activated;
use countersign_verify::witnessed::{Age, asks_for_witnesses, witnessed};
use countersign_verify::{About, Evidence, Spoken, StateView, VerifiedTrust};
use std::collections::BTreeMap;

/// The checklist and the findings as they grow.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub checks: Vec<Check>,
    pub findings: Vec<Finding>,
    /// The findings of each enforced rule once more, by rule.
    pub by_rule: BTreeMap<RuleId, Vec<Finding>>,
    /// Whose findings end where.
    marks: Vec<(String, usize)>,
}

impl Sheet {
    /// One line of the checklist, with the verdict of its findings.
    pub(crate) fn line(&mut self, id: &str, findings: Vec<Finding>, holds: impl Into<String>) {
        let verdict = verdict_of(&findings);
        let detail = match findings.iter().find(|f| verdict_of(std::slice::from_ref(f)) != Verdict::Pass) {
            Some(finding) => finding.what.clone(),
            None => holds.into(),
        };
        self.checks.push(Check::new(id, verdict, detail));
        self.findings.extend(findings);
        self.mark(id);
    }

    /// What was found since the last mark, this one found.
    pub(crate) fn mark(&mut self, who: &str) {
        self.marks.push((who.to_owned(), self.findings.len()));
    }

    /// What each found.
    pub(crate) fn marked(&self) -> impl Iterator<Item = (&str, &[Finding])> {
        let starts = std::iter::once(0).chain(self.marks.iter().map(|(_, end)| *end));
        starts.zip(&self.marks).filter_map(|(start, (who, end))| Some((who.as_str(), self.findings.get(start..*end)?)))
    }
}

pub(crate) fn engine(request: &Request, sheet: &mut Sheet) {
    let mut findings = Vec::new();
    if request.engine != ENGINE {
        findings.push(
            Finding::new(codes::ENGINE_UNKNOWN, "this version does not have the engine that is asked for")
                .expected(ENGINE, "this version of countersign")
                .found(request.engine.as_str()),
        );
    }
    sheet.line("engine", findings, ENGINE);
}

/// Time from elsewhere is that of witnesses: each says when it cosigned the log as it was right before the decision.
fn unbracketed(request: &Request, trust: &Trust, given: &Given<'_>, minutes: u32) -> Option<Finding> {
    let witnessed = given.witnessed.map(|bytes| witnessed(bytes, trust, &request.environment, Age::Near(request.time)));
    let times: Vec<Time> = witnessed.and_then(Result::ok).into_iter().flat_map(|w| w.witnesses.into_values()).collect();
    let seconds = i64::from(minutes).saturating_mul(60);
    // Whoever is the odd one out does not move it: all of those that count are near.
    if !times.is_empty() && times.iter().all(|time| request.time.since(*time).abs() <= seconds) {
        return None;
    }
    let found = times.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let finding = Finding::new(codes::TIME_UNBRACKETED, "nothing from elsewhere shows when this is decided")
        .expected(
            format!("cosignatures of witnesses within {minutes} minutes"),
            format!("trust, environment {}", request.environment),
        )
        .found(if found.is_empty() { "none".to_owned() } else { found });
    Some(finding)
}

pub(crate) fn gate(request: &Request, trust: &Trust, given: &Given<'_>, sheet: &mut Sheet) {
    let environment = &request.environment;
    match known_gate(trust, (&request.gate, request.gate_identity.as_ref()), environment, request.time) {
        Ok(id) => sheet.line("gate", Vec::new(), id.to_string()),
        Err(finding) => sheet.line("gate", vec![*finding], ""),
    }
    let bracket = trust.environments.get(environment).and_then(|floor| floor.time_bracket_minutes);
    let late = bracket.and_then(|minutes| unbracketed(request, trust, given, minutes));
    self::environment(request, trust, late, sheet);
}

/// Whether trust knows the environment, and what else there is to say of it.
pub(crate) fn environment(request: &Request, trust: &Trust, more: Option<Finding>, sheet: &mut Sheet) {
    let environment = &request.environment;
    let mut findings = Vec::new();
    if !trust.environments.contains_key(environment) {
        let known: Vec<String> = trust.environments.keys().map(ToString::to_string).collect();
        findings.push(
            Finding::new(codes::ENVIRONMENT_UNKNOWN, format!("trust sets no floor for environment {environment}"))
                .at("--to")
                .expected(known.join(", "), "trust")
                .found(environment.to_string()),
        );
    }
    findings.extend(more);
    sheet.line("environment", findings, environment.to_string());
}

/// What there is to say of what is read under trust, where trust does not hold.
const NOT_LOOKED_AT: &str = "not looked at: trust does not hold";

/// Whether trust is why nothing else was read, and says so itself.
fn without_trust(given: &Given<'_>) -> bool {
    given.trust.verified().is_none() && verdict_of(&given.trust.outcome.findings) != Verdict::Pass
}

pub(crate) fn log(request: &Request, hand: &Hand<'_>, state: Option<StateView<'_>>, sheet: &mut Sheet) {
    let given = hand.given;
    sheet.checks.extend(given.log_checks.iter().cloned());
    sheet.findings.extend(given.log_findings.iter().cloned());
    sheet.mark("log");
    let Some(state) = state else {
        if without_trust(given) {
            sheet.checks.push(Check::new("log", Verdict::Indeterminate, NOT_LOOKED_AT));
        } else if given.log_findings.is_empty() {
            let finding = Finding::new(codes::LOG_MISSING, "there is no log to decide by")
                .expected("the log that trust names", "trust")
                .found("none")
                .help("name the store with --store; a new log is made by `countersign log init`, and by nothing else");
            sheet.line("log", vec![finding], "");
        }
        return;
    };
    let reference = state.reference();
    // What was cosigned for one environment shows how far the log had come for all of them.
    let witnessed = if request.environment == hand.asked.environment {
        witnesses(request, given, state, sheet)
    } else {
        witnesses(hand.asked, given, state, &mut Sheet::default())
    };
    if let Some(least) = &given.least_checkpoint {
        let findings = state.continues(least).err().into_iter().collect();
        sheet.line("log-continues", findings, least.grown_to(&reference));
    } else if witnessed {
        sheet.line("log-continues", Vec::new(), "as the witnesses have seen it");
    } else {
        let finding = Finding::new(codes::ROLLBACK_UNDETECTABLE, "nothing from outside says how far the log had come")
            .at(format!("log {}", reference.origin))
            .expected("a checkpoint kept elsewhere", "--least-checkpoint or COUNTERSIGN_LEAST_CHECKPOINT")
            .found("none");
        sheet.line("log-continues", vec![finding], "");
    }
    let mut findings = Vec::new();
    if let Some(newest) = state.newest_time().filter(|newest| request.time < *newest) {
        findings.push(
            Finding::new(codes::TIME_BEFORE_LOG, "the decision's time lies before the newest entry of the log")
                .expected(format!("{newest} or later"), "the log")
                .found(request.time.to_string())
                .help(
                    "set this machine's clock; if that is right, the entry's was ahead: promote once its time is past",
                ),
        );
    }
    sheet.line("time", findings, request.time.to_string());
    let mut faults: Vec<Finding> = state.faults(&request.environment).cloned().collect();
    faults.extend(state.closed_for().map(|successor| {
        Finding::new(codes::LOG_CLOSED, "the log was closed: nothing is decided on it any more")
            .at(format!("log {}", reference.origin))
            .expected(format!("the log {successor}"), "its last entry")
            .found("the log that was closed")
    }));
    sheet.line("log-activations", faults, "every trust document and activation in the log holds");
}

/// Whether the quorum of witnesses that trust asks for has cosigned the log as it is, at about the decision's time. What is
/// not asked for is not looked at: nobody could say whose word it is.
fn witnesses(request: &Request, given: &Given<'_>, state: StateView<'_>, sheet: &mut Sheet) -> bool {
    let environment = &request.environment;
    let Some(trust) = given.trust.verified().map(VerifiedTrust::trust) else { return false };
    if !asks_for_witnesses(trust, environment) {
        return false;
    }
    let shown = match given.witnessed {
        Some(bytes) => witnessed(bytes, trust, environment, Age::Near(request.time)),
        None => Err(Finding::new(
            codes::WITNESS_QUORUM_MISSING,
            format!("trust wants the log of {environment} cosigned by witnesses, and none was asked"),
        )
        .at(format!("log {}", state.reference().origin))
        .found("no cosigned checkpoint")),
    };
    let shown = shown.and_then(|shown| state.continues(&shown.log).map(|()| shown));
    let detail = shown.as_ref().map_or_else(
        |_| String::new(),
        |shown| {
            format!(
                "{} entries, cosigned by {}",
                shown.log.size,
                shown.witnesses.keys().cloned().collect::<Vec<_>>().join(", ")
            )
        },
    );
    let met = shown.is_ok();
    sheet.line("log-witnessed", shown.err().into_iter().collect(), detail);
    met
}

/// The release that is active, if it may decide: dates, floor, rules and parameters hold.
pub(crate) fn policy<'a>(
    request: &Request,
    given: &Given<'_>,
    state: Option<StateView<'a>>,
    trust: Option<&Trust>,
    sheet: &mut Sheet,
) -> Option<&'a Activated> {
    let environment = &request.environment;
    if state.is_none() && without_trust(given) {
        sheet.checks.push(Check::new("policy-active", Verdict::Indeterminate, NOT_LOOKED_AT));
        return None;
    }
    let Some(active) = state.and_then(|state| state.active(environment)) else {
        let finding = Finding::new(codes::POLICY_NOT_ACTIVE, format!("no policy release is active for {environment}"))
            .expected("an activation in the log", "the log")
            .found("none")
            .help(format!(
                "`countersign policy activate --environment {environment}` makes an approved release active"
            ));
        sheet.line("policy-active", vec![finding], "");
        return None;
    };
    let reference = active.release.reference();
    sheet.line(
        "policy-active",
        Vec::new(),
        format!("{}@{} since {}, {}", reference.uri, reference.version, active.since(), reference.digest),
    );
    if state.is_some_and(|state| state.is_supposed()) {
        let note =
            Finding::new(codes::DECISION_SUPPOSED, "the release is only supposed to be active: nothing is authorised");
        sheet.line("policy-valid", vec![note], "as if it were active: neither approvals nor dates are judged");
    } else {
        sheet.line("policy-valid", dates(active, request), format!("until {}", active.release.manifest().expires));
    }
    sheet.line("policy-rules", known_rules(active, request), "every rule and parameter is known");
    if let Some(floor) = trust.and_then(|trust| trust.environments.get(environment)) {
        sheet.line(
            "policy-floor",
            floors::check(active.release.manifest(), environment, floor, request.time),
            "not below trust's floor",
        );
    }
    Some(active)
}

fn dates(active: &Activated, request: &Request) -> Vec<Finding> {
    let manifest = active.release.manifest();
    let (code, what) = if request.time < manifest.not_before {
        (codes::POLICY_NOT_YET_VALID, "the policy release is not valid yet")
    } else if request.time >= manifest.expires {
        (codes::POLICY_EXPIRED, "the policy release has expired")
    } else {
        return rollout::ending(manifest, request.time);
    };
    vec![
        Finding::new(code, what)
            .at(format!("{}@{}", manifest.uri, manifest.version))
            .expected(format!("a time from {} to {}", manifest.not_before, manifest.expires), "the release")
            .found(request.time.to_string())
            .help("release and activate the next version of the policy"),
    ]
}

fn known_rules(active: &Activated, request: &Request) -> Vec<Finding> {
    let manifest = active.release.manifest();
    let place = format!("{}@{}", manifest.uri, manifest.version);
    let mut findings = Vec::new();
    let mut enforced = false;
    for rule in &manifest.rules {
        enforced |= rule.stage_at(&request.environment, request.time) == Stage::Enforce;
        // A rule that is written speaks for itself: what is wrong with it blocks where it would enforce.
        if rule.folder.is_none() {
            findings.extend(rules::faults(rule, &manifest.texts, &place));
        }
    }
    if !enforced {
        findings.push(
            Finding::new(codes::POLICY_EMPTY, format!("no rule is enforced for {}", request.environment))
                .at(place)
                .expected("at least one rule in stage enforce", "countersign: nothing checked is not a pass")
                .found("none"),
        );
    }
    findings
}

pub(crate) fn pin(request: &Request, given: &Given<'_>, active: Option<&Activated>, sheet: &mut Sheet) {
    let environment = &request.environment;
    let Some(pin) = &given.pin else {
        let finding = Finding::new(codes::PIN_MISSING, format!("countersign.lock expects nothing of {environment}"))
            .at("countersign.lock")
            .expected(format!("a pin for {environment}"), "countersign: what is expected has to be said")
            .found("none")
            .help(format!(
                "`countersign policy lock --environment {environment}` writes what is active, as `policy activate` does; commit it \
                 with the service"
            ));
        sheet.line("policy-pin", vec![finding], "");
        return;
    };
    let Some(active) = active else {
        if given.state.is_none() && without_trust(given) {
            sheet.checks.push(Check::new("policy-pin", Verdict::Indeterminate, NOT_LOOKED_AT));
            return;
        }
        sheet.line(
            "policy-pin",
            vec![Finding::new(codes::POLICY_NOT_ACTIVE, "there is no active release to compare")],
            "",
        );
        return;
    };
    let reference = active.release.reference();
    let agrees = pin.uri == reference.uri
        && pin.version == reference.version
        && pin.digest == reference.digest
        && pin.min_version <= reference.version;
    let mut findings = Vec::new();
    if !agrees {
        findings.push(
            Finding::new(codes::PIN_MISMATCH, "countersign.lock expects another release than the one that is active")
                .at("countersign.lock")
                .expected(
                    format!("{}@{} (at least {})  {}", pin.uri, pin.version, pin.min_version, pin.digest),
                    "countersign.lock",
                )
                .found(format!("{}@{}  {}", reference.uri, reference.version, reference.digest))
                .help(format!(
                    "if the active release is the one you mean, `countersign policy lock --environment {environment}` writes its \
                     countersign.lock: commit that"
                )),
        );
    }
    sheet.line("policy-pin", findings, "countersign.lock agrees");
}

/// What spoke against the artifact or its changes before, by the log, and is not handed in now.
pub(crate) fn recorded(about: &About<'_>, given: &Given<'_>, handed: &Evidence, sheet: &mut Sheet) -> Spoken {
    let Some(state) = given.state else { return Spoken::default() };
    let digests = handed.index().iter().map(|reference| reference.digest).collect();
    match state.spoken_against(about, &digests, given.blobs) {
        Ok(spoken) => {
            let holds =
                if spoken.is_empty() { "left nothing out that speaks against it" } else { "taken in from the log" };
            sheet.line("evidence-recorded", Vec::new(), holds);
            spoken
        }
        Err(findings) => {
            sheet.line("evidence-recorded", findings, "");
            Spoken::default()
        }
    }
}

/// The evidence as a whole: what was there was handed in, and each document holds.
pub(crate) fn evidence(given: &Given<'_>, evidence: &Evidence, sheet: &mut Sheet) {
    let mut findings = Vec::new();
    match &given.index {
        None => findings.push(
            Finding::new(codes::EVIDENCE_INDEX_MISSING, "nothing says what evidence there was")
                .expected("the gate's index of the evidence", "countersign")
                .found("none"),
        ),
        Some(index) => {
            let handed: std::collections::BTreeSet<_> = evidence.index().iter().map(|e| e.digest).collect();
            let seen: std::collections::BTreeSet<_> = index.iter().map(|e| e.digest).collect();
            for digest in handed.symmetric_difference(&seen) {
                findings.push(
                    Finding::new(codes::EVIDENCE_WITHHELD, "the evidence is not what the gate saw")
                        .at("evidence index")
                        .expected(format!("{} documents", seen.len()), "the gate's index of the evidence")
                        .found(digest.to_string()),
                );
            }
        }
    }
    sheet.line("evidence-index", findings, format!("{} documents, all of them handed in", evidence.index().len()));
    let mut findings = evidence.findings().to_vec();
    if evidence.index().is_empty() && without_trust(given) {
        sheet.checks.push(Check::new("evidence-signatures", Verdict::Indeterminate, NOT_LOOKED_AT));
        sheet.findings.extend(findings);
        return;
    }
    if evidence.index().is_empty() {
        findings.push(
            Finding::new(codes::NO_STATEMENTS, "no evidence was handed in")
                .expected("the artifact's provenance and SBOM, and the reviews", "countersign: nothing is not success")
                .found("none")
                .help("hand in signed statements with --bundle"),
        );
    }
    sheet.line("evidence-signatures", findings, "every signature holds, by a signer that trust lets sign it");
}
