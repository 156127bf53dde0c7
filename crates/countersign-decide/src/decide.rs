//! The decision itself: checks, then rules, then the verdict over all their findings.

use crate::checks::{self, Sheet};
use crate::exceptions::{self, Excepting};
use crate::given::Given;
use crate::record::{landed_before, start_of, tags_before};
use crate::review::{BoundTag, Landings};
use crate::rollout;
use crate::rules::{self, Context, Landed};
use crate::written::{self, Input};
use countersign_core::codes;
use countersign_core::decision::{ActivePolicy, Decision, Inputs, Request, RuleOutcome, SourceRange, TagRef, TrustRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Finding, Verdict, verdict_of};
use countersign_core::git::{Oid, graph};
use countersign_core::ids::{EnvName, RuleId, Uri};
use countersign_core::policy::{Rule, Source, Stage};
use countersign_verify::forge::verify_changes;
use countersign_verify::policy::Activated;
use countersign_verify::{About, Evidence, Exceptions, ForgeOutcome, LandedBefore, Spoken, StateView, VerifiedTrust};
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// May this artifact go to this environment?
#[must_use]
pub fn decide(request: &Request, given: &Given<'_>) -> Decision {
    decide_by_rule(request, given).0
}

/// What each rule found, in whatever stage it is.
pub type ByRule = BTreeMap<RuleId, Vec<Finding>>;

/// As [`decide`], with what each rule found: in the decision itself the findings of enforced rules stand together.
#[must_use]
pub fn decide_by_rule(request: &Request, given: &Given<'_>) -> (Decision, ByRule) {
    let mut sheet = Sheet::default();
    checks::engine(request, &mut sheet);
    sheet.checks.extend(given.trust.outcome.checks.iter().cloned());
    sheet.findings.extend(given.trust.outcome.findings.iter().cloned());
    let trust = given.trust.verified();
    if let Some(trust) = trust {
        checks::gate(request, trust.trust(), given, &mut sheet);
    }
    checks::log(request, given, &mut sheet);
    let active = checks::policy(request, given.state, trust.map(VerifiedTrust::trust), &mut sheet);
    checks::pin(request, given, active, &mut sheet);
    let nothing = Evidence::default();
    let evidence = given.evidence.unwrap_or(&nothing);
    checks::evidence(given, evidence, &mut sheet);
    // Never part of the evidence: what the log has seen may keep an artifact back, and carries none of it forward.
    let repository = active.and_then(|active| source_of(evidence, request, active));
    let about = About { subject: &request.subject, repository: repository.as_ref() };
    let against = checks::recorded(&about, given, evidence, &mut sheet);
    let forge = trust.map(|trust| verify_changes(evidence, trust, given.blobs)).unwrap_or_default();
    sheet.findings.extend(forge.findings.iter().cloned());
    // Up to here no release has a say: a gate that is not enforced forgives what rules find, and nothing of this.
    let mut founded = stands(&sheet.findings);

    let mut rules = Vec::new();
    let mut levels = Vec::new();
    let mut source = None;
    let mut would_be = BTreeMap::new();
    let mut follow_ups = exceptions::FollowUps::default();
    if let (Some(trust), Some(active), Some(state)) = (trust, active, given.state) {
        let known = state.exceptions(given.blobs);
        let case =
            Case { request, given, trust, active, state, evidence, against: &against, forge: &forge, known: &known };
        let built = rules::Built::best(evidence, &request.subject, &mut sheet.findings);
        let covered = case.covered(built.as_ref(), &mut sheet);
        founded &= !sheet.findings.iter().any(|finding| finding.code == codes::POLICY_OTHER_REPOSITORY);
        let candidate = built.as_ref().and_then(|built| built.provenance.source().ok()).map(|named| named.commit);
        let mut unreadable = Vec::new();
        let start = case.start(&request.environment, covered, candidate, &mut unreadable);
        let landed = case.landed(covered, &mut unreadable);
        let tags = case.tags(covered, &mut unreadable);
        founded &= unreadable.is_empty();
        sheet.findings.extend(unreadable);
        let landings = RefCell::default();
        let none = BTreeMap::new();
        let before: &dyn Landings = match &landed {
            Some(landed) => landed,
            None => &none,
        };
        let landed = Landed { before, now: &landings, tags: &tags };
        let context = case.context(built.as_ref(), covered, start, landed);
        rules = case.evaluate(&request.environment, &context, &mut sheet);
        source = source_range(&context);
        follow_ups = exceptions::follow_ups(state, &known, &context, &rules, given.blobs);
        sheet.findings.append(&mut follow_ups.findings);
        sheet.findings.extend(exceptions::standing(state, &known, &context, given.blobs));
        levels = Case::levels(&context, &rules);
        would_be = case.elsewhere(&context);
    } else {
        let missing =
            Finding::new(codes::POLICY_MISSING, "no rule was evaluated: trust, log or policy release are missing");
        sheet.line("rules", vec![missing], "");
    }

    // Review that was passed over is no pass: a quorum of trust answers for it, and it is made up for later.
    let glass = exceptions::break_glass(&sheet.findings);
    sheet.findings.extend(glass.as_ref().map(exceptions::broken));
    let verdict = verdict_of(&sheet.findings);
    let enforced = active
        .and_then(|a| a.release.manifest().environments.get(&request.environment))
        .is_none_or(|environment| environment.enforced);
    let supposed = given.state.is_some_and(|state| state.is_supposed());
    let authorised = !supposed && (verdict == Verdict::Pass || glass.is_some() || (!enforced && founded));
    if authorised && verdict != Verdict::Pass && glass.is_none() {
        sheet.findings.push(
            Finding::new(
                codes::DECISION_UNENFORCED,
                format!("the gate of {} is not enforced: this would be {verdict}", request.environment),
            )
            .help("nothing is held back here; the summary says FAILED"),
        );
    }
    let refusing = would_be.iter().filter(|(_, there)| there.verdict != Verdict::Pass);
    sheet.findings.extend(refusing.map(|(environment, there)| would_refuse(request, environment, there)));
    let mut by_rule = sheet.by_rule;
    by_rule.extend(rules.iter().filter(|r| r.stage != Stage::Enforce).map(|r| (r.id.clone(), r.findings.clone())));
    let decision = Decision {
        request: request.clone(),
        inputs: inputs(given, evidence, forge.captures, active),
        verdict,
        enforced,
        authorised,
        levels: if verdict == Verdict::Pass { levels } else { Vec::new() },
        source,
        rules,
        checks: sheet.checks,
        findings: sheet.findings,
        would_be: would_be.into_iter().map(|(environment, there)| (environment, there.verdict)).collect(),
        break_glass: glass,
        followed_up: if verdict == Verdict::Pass { follow_ups.closed } else { Vec::new() },
        followed_up_earlier: if verdict == Verdict::Pass { follow_ups.closed_earlier } else { BTreeMap::new() },
    };
    (decision, by_rule)
}

/// The repository that the artifact comes from, as far as the release covers it.
fn source_of(evidence: &Evidence, request: &Request, active: &Activated) -> Option<Uri> {
    let built = rules::Built::best(evidence, &request.subject, &mut Vec::new())?;
    let named = built.provenance.source().ok()?;
    let source = active.release.manifest().source_of(named.repository, named.reference)?;
    Some(source.repository.clone())
}

struct Case<'a> {
    request: &'a Request,
    given: &'a Given<'a>,
    trust: &'a VerifiedTrust,
    active: &'a Activated,
    state: StateView<'a>,
    evidence: &'a Evidence,
    against: &'a Spoken,
    forge: &'a ForgeOutcome,
    known: &'a Exceptions,
}

impl<'a> Case<'a> {
    /// The source of the release that the artifact comes from. A repository that the release does not cover is refused
    /// whatever the rules are.
    fn covered(&self, built: Option<&rules::Built<'_>>, sheet: &mut Sheet) -> Option<&'a Source> {
        let sources = &self.active.release.manifest().sources;
        let names = || sources.iter().map(|s| s.repository.to_string()).collect::<Vec<_>>().join(", ");
        let by = format!("policy release@{}", self.active.release.reference().version);
        let Some(built) = built else {
            let finding =
                Finding::new(codes::PROVENANCE_MISSING, "no provenance that trust accepts is about this artifact")
                    .at(format!("{}  {}", self.request.subject_name, self.request.subject))
                    .expected("SLSA provenance v1 for this digest, signed by a builder of trust", by)
                    .found("none")
                    .help("hand in the build's provenance with --bundle");
            sheet.line("source", vec![finding], "");
            return None;
        };
        let place = format!("provenance {}", built.statement.document());
        let named = match built.provenance.source() {
            Ok(named) => named,
            Err(error) => {
                sheet.line("source", vec![Finding::new(codes::SOURCE_MISSING, error.to_string()).at(place)], "");
                return None;
            }
        };
        let covered = self.active.release.manifest().source_of(named.repository, named.reference);
        let mut findings = Vec::new();
        if covered.is_none() {
            findings.push(
                Finding::new(codes::POLICY_OTHER_REPOSITORY, "the release does not cover the artifact's repository")
                    .at(place)
                    .expected(names(), by)
                    .found(named.repository),
            );
        }
        sheet.line("source", findings, format!("{} at {}", named.uri, named.commit));
        covered
    }

    fn start(
        &self,
        environment: &EnvName,
        source: Option<&Source>,
        candidate: Option<Oid>,
        findings: &mut Vec<Finding>,
    ) -> Option<Oid> {
        match start_of(self.state, environment, source?, &candidate?, self.given.blobs) {
            Ok(start) => start,
            Err(more) => {
                findings.extend(more);
                None
            }
        }
    }

    fn landed(&self, source: Option<&Source>, findings: &mut Vec<Finding>) -> Option<LandedBefore<'a>> {
        let landed = source.map(|source| landed_before(self.state, source, self.given.blobs)).transpose();
        landed.map_err(|more| findings.extend(more)).ok().flatten()
    }

    fn tags(&self, source: Option<&Source>, findings: &mut Vec<Finding>) -> Vec<BoundTag> {
        let bound = source.map(|source| tags_before(self.state, source, self.given.blobs)).transpose();
        bound.map_err(|more| findings.extend(more)).ok().flatten().unwrap_or_default()
    }

    fn context<'c>(
        &'c self,
        built: Option<&'c rules::Built<'c>>,
        source: Option<&'c Source>,
        start: Option<Oid>,
        landed: Landed<'c>,
    ) -> Context<'c> {
        Context {
            request: self.request,
            trust: self.trust,
            policy: self.active.release.reference(),
            active: self.active,
            evidence: self.evidence,
            against: self.against,
            changes: &self.forge.changes,
            provenance: built,
            source,
            history: self.given.history,
            start,
            landed,
        }
    }

    /// Every rule by its stage; findings of enforced rules go to the sheet, others stay with the rule.
    fn evaluate(&self, environment: &EnvName, context: &Context<'_>, sheet: &mut Sheet) -> Vec<RuleOutcome> {
        let manifest = self.active.release.manifest();
        let mut outcomes = Vec::new();
        let input = OnceCell::new();
        let excepting = Excepting::new(self.known, context, environment);
        for rule in &manifest.rules {
            let stage = rule.stage_at(environment, self.request.time);
            let next = rule.next_step(environment, self.request.time);
            let outcome = |verdict, findings| RuleOutcome { id: rule.id.clone(), stage, next, verdict, findings };
            let said = if stage == Stage::Off { None } else { self.say(rule, context, &input) };
            let Some((title, findings)) = said else {
                outcomes.push(outcome(None, Vec::new()));
                continue;
            };
            // What is excepted does not block, and is not shown to hold either.
            let verdict = verdict_of(&findings);
            let findings = excepting.apply(&rule.id, findings);
            let title = exceptions::title(title, &findings);
            if stage == Stage::Enforce {
                sheet.by_rule.insert(rule.id.clone(), findings.clone());
                sheet.line(&rule_line(&rule.id), findings, title);
                outcomes.push(outcome(Some(verdict), Vec::new()));
            } else {
                outcomes.push(outcome(Some(verdict), rollout::with_date(rule, next, verdict, findings)));
            }
        }
        outcomes
    }

    /// What a rule says, with its title; `None` of one that this version does not know. The input of rules that are written
    /// is made once.
    fn say(&self, rule: &Rule, context: &Context<'_>, input: &OnceCell<Input>) -> Option<(String, Vec<Finding>)> {
        if let Some(finding) = rollout::past(rule, self.request.time, &context.by(rule.id.as_str())) {
            return Some((String::new(), vec![finding]));
        }
        let (title, mut findings) = self.check(rule, context, input)?;
        findings.extend(rollout::deprecated(rule, self.request.time));
        Some((title, findings))
    }

    fn check(&self, rule: &Rule, context: &Context<'_>, input: &OnceCell<Input>) -> Option<(String, Vec<Finding>)> {
        if rule.folder.is_some() {
            let texts = &self.active.release.manifest().texts;
            let by = context.by(rule.id.as_str());
            return Some(match written::read(rule, texts) {
                Ok(written) => {
                    let input = input.get_or_init(|| Input::new(written::input::of(context)));
                    (written.heading().title.clone(), written.check(input, self.request.time, &by))
                }
                Err(problems) => (String::new(), vec![written::unreadable(rule, &problems, &by)]),
            });
        }
        let built_in = rules::find(&rule.id)?;
        let mut findings = (built_in.check)(context, rule);
        for finding in findings.iter_mut().filter(|f| f.class != Class::Note) {
            finding.controls.clone_from(&rule.controls);
            finding.rule = Some(Box::new(built_in.note(rule)));
        }
        Some((built_in.title.to_owned(), findings))
    }

    /// What the enforced gates of other environments would say: their rules, stages, floor and range; not their pin.
    fn elsewhere(&self, context: &Context<'_>) -> BTreeMap<EnvName, Elsewhere> {
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
            let (context, input) = (Context { start, landed, ..*context }, OnceCell::new());
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

    /// What was shown: by the provenance's signature, and by each enforced rule that passed.
    fn levels(context: &Context<'_>, outcomes: &[RuleOutcome]) -> Vec<String> {
        let build = context.provenance.map(|built| format!("SLSA_BUILD_LEVEL_{}", built.level));
        let shown = outcomes
            .iter()
            .filter(|o| o.stage == Stage::Enforce && o.verdict == Some(Verdict::Pass))
            .map(|o| format!("COUNTERSIGN_{}", o.id.as_str().replace(['-', '@', '.'], "_").to_ascii_uppercase()));
        build.into_iter().chain(shown).collect()
    }
}

/// Whether a decision has a foundation: trust, gate, log, time, release, pin and the signatures of the evidence. That no
/// rule is enforced yet is how a rollout begins, and is a gate's own affair.
fn stands(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| !finding.class.blocks() || finding.code == codes::POLICY_EMPTY)
}

/// What the gate of another environment would say, and why.
struct Elsewhere {
    verdict: Verdict,
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
        let counts = findings.iter().filter(|finding| finding.class.blocks());
        let codes: BTreeSet<&str> = counts.map(|finding| finding.code.as_str()).collect();
        let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
        self.refuses.push(format!("{verdict}  {who}: {codes}"));
    }
}

fn would_refuse(request: &Request, environment: &EnvName, there: &Elsewhere) -> Finding {
    let what = format!("{environment} would say {} today", there.verdict);
    let name = &request.subject_name;
    let finding = Finding::new(codes::WOULD_REFUSE, what)
        .at(format!("{name}  {}", request.subject))
        .expected("PASS", format!("the gate of {environment}"))
        .help(format!("`countersign promote {name} --to {environment} --dry-run`, the rest as here, shows all of it"));
    there.refuses.iter().fold(finding, |finding, line| finding.found(line.as_str()))
}

/// A rule's line in the checklist.
fn rule_line(id: &RuleId) -> String {
    format!("rule {id}")
}

fn source_range(context: &Context<'_>) -> Option<SourceRange> {
    let (source, start) = (context.source?, context.start?);
    let named = context.provenance?.provenance.source().ok()?;
    let revision = named.commit;
    let commits = graph::range(context.history?.objects(), &revision, &start).ok()?;
    Some(SourceRange {
        repository: Uri::clone(&source.repository),
        target_ref: source.target_ref.clone(),
        revision,
        start,
        commits: u64::try_from(commits.len()).unwrap_or(u64::MAX),
        tag: BoundTag::of_source(&named, "").and_then(|bound| bound.reference()).and_then(|name| {
            let object = *context.history?.facts().tags.get(&name)?;
            Some(TagRef { name, object })
        }),
        landings: context.landed.now.borrow().clone(),
    })
}

fn inputs(given: &Given<'_>, evidence: &Evidence, captures: Vec<Sha256>, active: Option<&Activated>) -> Inputs {
    Inputs {
        trust: given.trust.verified().map(|trust| TrustRef {
            version: trust.trust().version,
            digest: *trust.digest(),
            document: *trust.document(),
        }),
        trust_digest_given: given.trust.digest.copied(),
        log: given.state.map(|state| state.reference()),
        least_checkpoint: given.least_checkpoint.clone(),
        witnessed: given.witnessed.map(Sha256::of),
        policy: active.map(|a| ActivePolicy {
            policy: a.release.reference().clone(),
            entry: a.entry,
            log: a.log.clone(),
        }),
        pin: given.pin.clone(),
        evidence: given.index.as_ref().map(|_| evidence.index().to_vec()),
        captures,
        git: given.git,
    }
}
