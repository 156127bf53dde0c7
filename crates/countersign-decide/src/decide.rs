//! The decision itself: checks, then rules, then the verdict over all their findings.

use crate::checks::{self, Sheet};
use crate::elsewhere::{self, Elsewhere, ElsewhereBy};
use crate::exceptions::{self, Excepting};
use crate::given::Given;
use crate::record::{landed_before, start_of, tags_before};
use crate::review::{BoundTag, Landings};
use crate::rollout;
use crate::rules::{self, Context, Landed};
use crate::written::{self, Input};
use countersign_core::codes;
use countersign_core::decision::{BreakGlass, Decision, Inputs, Request, RuleOutcome, SourceRange, TagRef, TrustRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Finding, Verdict, verdict_of};
use countersign_core::git::{Oid, graph};
use countersign_core::ids::{EnvName, RuleId, Uri};
use countersign_core::policy::{Rule, Source, Stage};
use countersign_core::statement::{Kind, Subject};
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

/// How many other artifacts are named.
const OTHERS: usize = 5;

/// What each rule found, in whatever stage it is.
pub type ByRule = BTreeMap<RuleId, Vec<Finding>>;

/// As [`decide`], with what each rule found: in the decision itself the findings of enforced rules stand together.
#[must_use]
pub fn decide_by_rule(request: &Request, given: &Given<'_>) -> (Decision, ByRule) {
    let nothing = Evidence::default();
    let evidence = given.evidence.unwrap_or(&nothing);
    let trust = given.trust.verified();
    let forge = trust.map(|trust| verify_changes(evidence, trust, given.blobs)).unwrap_or_default();
    let hand = Hand { given, evidence, forge: &forge, asked: request };
    let Judged { mut sheet, active, founded, rules, levels, source, follow_ups, glass, said_before } =
        judge(request, &hand, given.state);
    let enforced = active.is_none_or(|active| elsewhere::is_enforced(active, &request.environment));
    let supposed = given.state.is_some_and(|state| state.is_supposed());
    let verdict = verdict_of(&sheet.findings);
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
    let (judged_by, would_be) = match said_before {
        Some(said) => (BTreeMap::new(), said),
        None => elsewhere::of(&hand, active),
    };
    let refusing = would_be.iter().filter(|(_, there)| there.verdict != Verdict::Pass);
    sheet.findings.extend(refusing.map(|(environment, there)| there.would_refuse(request, environment)));
    let mut by_rule = sheet.by_rule;
    by_rule.extend(rules.iter().filter(|r| r.stage != Stage::Enforce).map(|r| (r.id.clone(), r.findings.clone())));
    let decision = Decision {
        request: request.clone(),
        inputs: Inputs { elsewhere: judged_by, ..inputs(given, evidence, forge.captures.clone(), active) },
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

/// What every gate would have in its hand.
pub(crate) struct Hand<'a> {
    pub(crate) given: &'a Given<'a>,
    pub(crate) evidence: &'a Evidence,
    pub(crate) forge: &'a ForgeOutcome,
    /// What was asked of the gate that decides.
    pub(crate) asked: &'a Request,
}

/// What came of the checks and rules for one environment.
pub(crate) struct Judged<'a> {
    pub(crate) sheet: Sheet,
    active: Option<&'a Activated>,
    founded: bool,
    rules: Vec<RuleOutcome>,
    levels: Vec<String>,
    source: Option<SourceRange>,
    follow_ups: exceptions::FollowUps,
    glass: Option<BreakGlass>,
    /// What other environments would say by the rule of decisions that do not name the releases there.
    said_before: Option<BTreeMap<EnvName, Elsewhere>>,
}

/// Every check and rule, for the environment of the request. Where that is not the one that was asked about, what only its
/// own gate can show is left out: its key, its witnesses and its pin.
pub(crate) fn judge<'a>(request: &Request, hand: &Hand<'a>, state: Option<StateView<'a>>) -> Judged<'a> {
    let (given, evidence, forge) = (hand.given, hand.evidence, hand.forge);
    let own = request.environment == hand.asked.environment;
    let mut sheet = Sheet::default();
    checks::engine(request, &mut sheet);
    sheet.checks.extend(given.trust.outcome.checks.iter().cloned());
    sheet.findings.extend(given.trust.outcome.findings.iter().cloned());
    sheet.mark("trust");
    let trust = given.trust.verified();
    if let Some(trust) = trust {
        if own {
            checks::gate(request, trust.trust(), given, &mut sheet);
        } else {
            checks::environment(request, trust.trust(), None, &mut sheet);
        }
    }
    checks::log(request, hand, state, &mut sheet);
    let active = checks::policy(request, given, state, trust.map(VerifiedTrust::trust), &mut sheet);
    if own {
        checks::pin(request, given, active, &mut sheet);
    }
    checks::evidence(given, evidence, &mut sheet);
    // Never part of the evidence: what the log has seen may keep an artifact back, and carries none of it forward.
    let repository = active.and_then(|active| source_of(evidence, request, active));
    let about = About { subject: &request.subject, repository: repository.as_ref() };
    let against = checks::recorded(&about, given, evidence, &mut sheet);
    sheet.findings.extend(forge.findings.iter().cloned());
    sheet.mark("forge evidence");
    // Up to here no release has a say: a gate that is not enforced forgives what rules find, and nothing of this.
    let mut founded = stands(&sheet.findings);

    let mut rules = Vec::new();
    let mut levels = Vec::new();
    let mut source = None;
    let mut said_before = None;
    let mut follow_ups = exceptions::FollowUps::default();
    if let (Some(trust), Some(active), Some(state)) = (trust, active, state) {
        let known = state.exceptions(given.blobs);
        let case = Case { request, given, trust, active, state, evidence, against: &against, forge, known: &known };
        let built = rules::Built::best(evidence, &request.subject, &mut sheet.findings);
        let covered = case.covered(built.as_ref(), &mut sheet);
        founded &= !sheet.findings.iter().any(|finding| finding.code == codes::POLICY_OTHER_REPOSITORY);
        let candidate = built.as_ref().and_then(|built| built.provenance.source().ok()).map(|named| named.commit);
        let mut unreadable = Vec::new();
        let start = case.start(&request.environment, covered, candidate, &mut unreadable);
        let start = (start, !unreadable.is_empty());
        let landed = case.landed(covered, &mut unreadable);
        let tags = case.tags(covered, &mut unreadable);
        founded &= unreadable.is_empty();
        sheet.findings.extend(unreadable);
        sheet.mark("the range of commits");
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
        sheet.mark("exceptions");
        levels = Case::levels(&context, &rules);
        if own && given.elsewhere == ElsewhereBy::OwnRelease {
            said_before = Some(case.elsewhere_by_own_release(&context));
        }
    } else {
        let missing =
            Finding::new(codes::POLICY_MISSING, "no rule was evaluated: trust, log or policy release are missing");
        sheet.line("rules", vec![missing], "");
    }

    // Review that was passed over is no pass: a quorum of trust answers for it, and it is made up for later.
    let glass = exceptions::break_glass(&sheet.findings);
    sheet.findings.extend(glass.as_ref().map(exceptions::broken));
    sheet.mark("exceptions");
    Judged { sheet, active, founded, rules, levels, source, follow_ups, glass, said_before }
}

/// The repository that the artifact comes from, as far as the release covers it.
fn source_of(evidence: &Evidence, request: &Request, active: &Activated) -> Option<Uri> {
    let built = rules::Built::best(evidence, &request.subject, &mut Vec::new())?;
    let named = built.provenance.source().ok()?;
    let source = active.release.manifest().source_of(named.repository, named.reference)?;
    Some(source.repository.clone())
}

pub(crate) struct Case<'a> {
    pub(crate) request: &'a Request,
    pub(crate) given: &'a Given<'a>,
    pub(crate) trust: &'a VerifiedTrust,
    pub(crate) active: &'a Activated,
    pub(crate) state: StateView<'a>,
    pub(crate) evidence: &'a Evidence,
    pub(crate) against: &'a Spoken,
    pub(crate) forge: &'a ForgeOutcome,
    pub(crate) known: &'a Exceptions,
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
                    .expected("SLSA provenance v1 for this digest, signed by a builder of trust", by);
            // Once, and not with each rule that needs it.
            let about = self.about_others();
            let finding = if about.is_empty() {
                finding.found("none").help("hand in the build's provenance with --bundle")
            } else {
                about.into_iter().fold(finding, Finding::found).help(
                    "name the file that it is about, or hand in the provenance of this one: the bytes are not the same",
                )
            };
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

    /// What the provenances that were handed in are about, where that is not the artifact.
    fn about_others(&self) -> Vec<String> {
        let subjects = self.evidence.of_kind(Kind::Provenance).flat_map(|verified| &verified.value().subjects);
        let digests: BTreeSet<Sha256> = subjects.filter_map(Subject::sha256_digest).collect();
        let others = digests.into_iter().filter(|digest| *digest != self.request.subject);
        others.take(OTHERS).map(|digest| format!("provenance about {digest}")).collect()
    }

    pub(crate) fn start(
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
        (start, start_unread): (Option<Oid>, bool),
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
            start_unread,
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
    pub(crate) fn say(
        &self,
        rule: &Rule,
        context: &Context<'_>,
        input: &OnceCell<Input>,
    ) -> Option<(String, Vec<Finding>)> {
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

/// A rule's line in the checklist.
pub(crate) fn rule_line(id: &RuleId) -> String {
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
        policy: active.map(elsewhere::reference),
        elsewhere: BTreeMap::new(),
        pin: given.pin.clone(),
        evidence: given.index.as_ref().map(|_| evidence.index().to_vec()),
        captures,
        git: given.git,
    }
}
