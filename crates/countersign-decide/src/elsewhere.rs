//! What the enforced gates of other environments would say of the artifact.
//!
//! By the release that is active there, and by everything that both gates have in hand. What only that gate can show is left
//! out: its own key, witnesses and pin.

use crate::decide::{Case, Hand, judge, rule_line};
use crate::exceptions::{self, Excepting};
use crate::rules::{Context, Landed};
use countersign_core::codes;
use countersign_core::decision::{ActivePolicy, Request};
use countersign_core::finding::{Finding, Verdict, verdict_of};
use countersign_core::ids::EnvName;
use countersign_core::policy::Stage;
use countersign_verify::policy::Activated;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// By which release other environments are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElsewhereBy {
    /// By the one that is active there.
    TheirRelease,
    /// By the one that is active here: so it was, and decisions of then come out as they did.
    OwnRelease,
}

/// For every other environment that the release names: the release that is active there, if there is one.
pub(crate) type JudgedBy = BTreeMap<EnvName, Option<ActivePolicy>>;

/// What the gates of the other environments would say, and by which releases.
pub(crate) fn of(hand: &Hand<'_>, active: Option<&Activated>) -> (JudgedBy, BTreeMap<EnvName, Elsewhere>) {
    let (mut by, mut out) = (JudgedBy::new(), BTreeMap::new());
    let (Some(here), Some(state), Some(trust)) = (active, hand.given.state, hand.given.trust.verified()) else {
        return (by, out);
    };
    // Whatever is only supposed is supposed of this environment.
    let state = state.as_it_is();
    for environment in here.release.manifest().environments.keys().filter(|e| **e != hand.asked.environment) {
        let there = state.active(environment);
        by.insert(environment.clone(), there.map(reference));
        // One that nothing can go to yet, whatever it is, has no gate.
        let known = there.is_some() || trust.trust().environments.contains_key(environment);
        // Of one that has no release yet, this one says whether its gate will be enforced.
        if !known || !is_enforced(there.unwrap_or(here), environment) {
            continue;
        }
        let request = Request { environment: environment.clone(), ..hand.asked.clone() };
        let sheet = judge(&request, hand, Some(state)).sheet;
        let mut said = Elsewhere { verdict: verdict_of(&sheet.findings), refuses: Vec::new() };
        for (who, findings) in sheet.marked() {
            said.line(who, findings);
        }
        out.insert(environment.clone(), said);
    }
    (by, out)
}

/// An active release, with the entry that made it so.
pub(crate) fn reference(active: &Activated) -> ActivePolicy {
    ActivePolicy { policy: active.release.reference().clone(), entry: active.entry, log: active.log.clone() }
}

/// Whether a release has the gate of an environment enforced; of one that it does not name it does.
pub(crate) fn is_enforced(active: &Activated, environment: &EnvName) -> bool {
    active.release.manifest().environments.get(environment).is_none_or(|environment| environment.enforced)
}

impl Case<'_> {
    /// What was said of them by the release that is active here: its rules, stages, floor and range for the environment.
    pub(crate) fn elsewhere_by_own_release(&self, context: &Context<'_>) -> BTreeMap<EnvName, Elsewhere> {
        let manifest = self.active.release.manifest();
        let mut out = BTreeMap::new();
        for (environment, _) in manifest.environments.iter().filter(|(_, e)| e.enforced) {
            if *environment == self.request.environment {
                continue;
            }
            let mut there = Elsewhere { verdict: Verdict::Pass, refuses: Vec::new() };
            match self.trust.trust().environments.get(environment) {
                Some(floor) => {
                    there.add("trust's floor", &crate::floors::check(manifest, environment, floor, self.request.time));
                }
                None => there.add("trust", &[Finding::new(codes::ENVIRONMENT_UNKNOWN, "trust sets no floor")]),
            }
            there.add("evidence", self.evidence.findings());
            there.add("forge evidence", &self.forge.findings);
            let candidate =
                context.provenance.and_then(|built| built.provenance.source().ok()).map(|named| named.commit);
            let mut range = Vec::new();
            let start = self.start(environment, context.source, candidate, &mut range);
            there.add("the range of commits", &range);
            let enforced =
                manifest.rules.iter().any(|rule| rule.stage_at(environment, self.request.time) == Stage::Enforce);
            let now = RefCell::default();
            let landed = Landed { now: &now, ..context.landed };
            let (context, input) =
                (Context { start, start_unread: !range.is_empty(), landed, ..*context }, OnceCell::new());
            let excepting = Excepting::new(self.known, &context, environment);
            for rule in &manifest.rules {
                if rule.stage_at(environment, self.request.time) == Stage::Enforce
                    && let Some((_, findings)) = self.say(rule, &context, &input)
                {
                    let mut findings = excepting.apply(&rule.id, findings);
                    findings.extend(exceptions::break_glass(&findings).as_ref().map(exceptions::broken));
                    there.add(&rule_line(&rule.id), &findings);
                }
            }
            if !enforced {
                there.add("the release", &[Finding::new(codes::POLICY_EMPTY, "no rule is enforced there")]);
            } else if context.source.is_none() {
                // Without it no rule could be asked; what is wrong with it stands in this gate's own line.
                let code = match context.provenance.map(|built| built.provenance.source().is_ok()) {
                    None => codes::PROVENANCE_MISSING,
                    Some(false) => codes::SOURCE_MISSING,
                    Some(true) => codes::POLICY_OTHER_REPOSITORY,
                };
                there.add("provenance", &[Finding::new(code, "no source that the release covers is proved")]);
            }
            out.insert(environment.clone(), there);
        }
        out
    }
}

/// What the gate of another environment would say, and why.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    pub(crate) verdict: Verdict,
    /// A line for each that would refuse: who, and with which codes.
    refuses: Vec<String>,
}

impl Elsewhere {
    fn add(&mut self, who: &str, findings: &[Finding]) {
        let verdict = verdict_of(findings);
        if verdict == Verdict::Pass {
            return;
        }
        if self.verdict != Verdict::Fail {
            self.verdict = verdict;
        }
        self.line(who, findings);
    }

    fn line(&mut self, who: &str, findings: &[Finding]) {
        let verdict = verdict_of(findings);
        if verdict == Verdict::Pass {
            return;
        }
        let counts = findings.iter().filter(|finding| finding.class.blocks());
        let codes: BTreeSet<&str> = counts.map(|finding| finding.code.as_str()).collect();
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        self.refuses.push(format!("{verdict}  {who}: {codes}"));
    }

    /// The note of it.
    pub(crate) fn would_refuse(&self, request: &Request, environment: &EnvName) -> Finding {
        let what = format!("{environment} would say {} today", self.verdict);
        let name = &request.subject_name;
        let finding = Finding::new(codes::WOULD_REFUSE, what)
            .at(format!("{name}  {}", request.subject))
            .expected("PASS", format!("the gate of {environment}"))
            .help(format!(
                "`countersign promote` with this artifact and `--to {environment} --dry-run`, the rest as here, shows all of it"
            ));
        self.refuses.iter().fold(finding, |finding, line| finding.found(line.as_str()))
    }
}
