//! Whether the rules of a release may move up: what the log's own decisions measured of them, or who said so anyway.
//!
//! Nothing here is claimed by the activation and believed: every reader of the log counts again.

use crate::adjudication;
use crate::evidence::{Blobs, named_blob};
use crate::log::StateView;
use crate::policy::{Activated, ActivationContext, LEAST_APPROVERS};
use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::ids::{EnvName, PersonId, RuleId};
use countersign_core::limits;
use countersign_core::policy::rollout::{share_at_most, upper_permille};
use countersign_core::policy::{Condition, Manifest, Rule, Stage};
use countersign_core::statement::adjudication::{Opinions, PERSONS, Standing, fingerprint};
use countersign_core::time::Time;
use countersign_core::trust::ROLE_POLICY;
use std::collections::{BTreeMap, BTreeSet};

/// A rule that moved up with an activation, and what let it.
#[derive(Debug, Clone)]
pub struct Risen {
    /// The rule.
    pub rule: RuleId,
    /// Where it stood.
    pub from: Stage,
    /// Where it goes.
    pub to: Stage,
    /// When it gets there.
    pub on: Time,
    /// What let it.
    pub by: Basis,
}

/// What lets a rule move up.
#[derive(Debug, Clone)]
pub enum Basis {
    /// Its measurement.
    Measured(Measured),
    /// Those who activated it, by a reason of theirs.
    Override,
    /// Trust's floor, which asks for it.
    Floor,
}

/// What the log's decisions say of a rule in the stages below the one that it moves up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// The artifacts that it was evaluated for; one counts once.
    pub artifacts: BTreeSet<Sha256>,
    /// When the first of them was decided.
    pub first: Option<Time>,
    /// Artifacts that it would have refused.
    pub refused: BTreeSet<Sha256>,
    /// Those of which two persons say that it was wrong.
    pub wrong: BTreeSet<Sha256>,
    /// Signed decisions in which it found something that nobody labelled, or that was labelled both ways.
    pub open: BTreeSet<Sha256>,
    /// Decisions in which it could not be evaluated.
    pub errors: u64,
}

impl Measured {
    /// How many artifacts.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        count(&self.artifacts)
    }

    /// Whole days from the first of them to a moment.
    #[must_use]
    pub fn days(&self, at: Time) -> u64 {
        let seconds = self.first.map_or(0, |first| at.since(first).max(0));
        u64::try_from(seconds.checked_div(86_400).unwrap_or(0)).unwrap_or(0)
    }

    /// The upper bound of the share of false positives, in thousandths.
    #[must_use]
    pub fn upper_permille(&self) -> u16 {
        upper_permille(count(&self.wrong), self.evaluations())
    }

    /// Every part of a condition with how far it has come; whether it holds.
    #[must_use]
    pub fn against(&self, condition: Condition, at: Time) -> Vec<(bool, String)> {
        let (evaluations, days) = (self.evaluations(), self.days(at));
        let most = condition.false_positives_permille;
        vec![
            (
                evaluations >= condition.evaluations.get(),
                format!("evaluations, each artifact once: {evaluations} of {}", condition.evaluations),
            ),
            (days >= u64::from(condition.days), format!("days since the first: {days} of {}", condition.days)),
            (
                share_at_most(count(&self.wrong), evaluations, most),
                format!(
                    "false positives: {}, which shows at most {}; {} is allowed",
                    self.wrong.len(),
                    percent(self.upper_permille()),
                    percent(most)
                ),
            ),
            (self.open.is_empty(), format!("decisions without a label by two persons: {}", self.open.len())),
            (self.errors == 0, format!("errors of the rule: {}", self.errors)),
        ]
    }
}

fn count<T>(set: &BTreeSet<T>) -> u64 {
    u64::try_from(set.len()).unwrap_or(u64::MAX)
}

/// Thousandths as people read them.
#[must_use]
pub fn percent(permille: u16) -> String {
    format!("{}.{} %", permille.checked_div(10).unwrap_or(0), permille.checked_rem(10).unwrap_or(0))
}

/// What the decisions of an environment up to here say of a rule of a release, in the stages from monitor to below `to`.
/// Only decisions count under releases in which the rule meant the same.
pub fn measure(
    view: StateView<'_>,
    manifest: &Manifest,
    rule: &Rule,
    environment: &EnvName,
    to: Stage,
    labels: &Opinions,
    blobs: &dyn Blobs,
) -> Result<Measured, Vec<Finding>> {
    let malformed = |error: countersign_core::json::JsonError| {
        vec![Finding::new(codes::POLICY_MALFORMED, error.to_string()).at(format!("rule {}", rule.id))]
    };
    let meaning = manifest.meaning(rule).map_err(malformed)?;
    // Whether the rule meant the same in the release of each activation.
    let mut meant = BTreeMap::new();
    for earlier in view.activations(environment) {
        let manifest = earlier.release.manifest();
        let old = manifest.rule(&rule.id).map(|old| manifest.meaning(old)).transpose().map_err(malformed)?;
        meant.insert((earlier.log.clone(), earlier.entry), old == Some(meaning));
    }
    let mut measured = Measured::default();
    let decisions =
        view.chain().flat_map(|log| log.decisions(Some(environment), None, blobs).map(move |promoted| (log, promoted)));
    for (log, promoted) in decisions {
        let promoted = promoted?;
        let content = &promoted.content;
        // The release that was active then, and that the decision says it was made by.
        let by = log.before(promoted.entry).and_then(|then| then.active(environment));
        let said = content.inputs.policy.as_ref();
        let same = by.zip(said).is_some_and(|(by, said)| {
            // What a decision calls its own log is an earlier one to us.
            by.entry == said.entry && by.log == said.log.clone().or_else(|| promoted.log.clone())
        });
        if !(same && by.is_some_and(|by| meant.get(&(by.log.clone(), by.entry)) == Some(&true))) {
            continue;
        }
        let outcome = content.rules.iter().find(|outcome| outcome.id == rule.id);
        let Some(outcome) = outcome.filter(|outcome| outcome.stage >= Stage::Monitor && outcome.stage < to) else {
            continue;
        };
        let Some(verdict) = outcome.verdict else { continue };
        let subject = content.request.subject;
        measured.artifacts.insert(subject);
        measured.first = Some(measured.first.map_or(promoted.time, |first| first.min(promoted.time)));
        if outcome.findings.iter().any(|finding| finding.code == codes::RULE_ERROR) {
            measured.errors = measured.errors.saturating_add(1);
        } else if verdict != Verdict::Pass {
            let document = *promoted.decision.document();
            measured.refused.insert(subject);
            let objections = outcome.findings.iter().filter(|finding| finding.class.blocks());
            let named = objections.map(|finding| fingerprint(&document, &rule.id, finding));
            match labels.of_decision(&document, &rule.id, &named.collect::<Result<_, _>>().map_err(malformed)?) {
                Standing::TruePositive => {}
                Standing::FalsePositive => {
                    measured.wrong.insert(subject);
                }
                Standing::Open | Standing::Disputed => {
                    measured.open.insert(document);
                }
            }
        }
    }
    Ok(measured)
}

/// Reads labels about decisions of this environment. All that they speak of was said by two policy approvers, be it in one
/// file or in several.
pub fn labels<'d>(
    documents: impl Iterator<Item = (&'d Sha256, Option<Vec<u8>>)>,
    environment: &EnvName,
    context: &ActivationContext<'_>,
    place: &str,
) -> Result<Opinions, Vec<Finding>> {
    let trust = context.trust.trust();
    let mut opinions = Opinions::default();
    let mut notes = Vec::new();
    let mut about = BTreeSet::new();
    for (digest, bytes) in documents {
        let place = format!("{place}, labels {digest}");
        let bytes = bytes.ok_or_else(|| {
            vec![
                Finding::new(codes::EVIDENCE_WITHHELD, "labels that the activation names are not in the evidence")
                    .at(place.as_str())
                    .found("missing or altered")
                    .help("hand the file in with --labels"),
            ]
        })?;
        for said in adjudication::read(&bytes, (trust, context.newest.trust()), context.time, &place)? {
            let said = said?;
            if said.labels.environment != *environment {
                let what = format!("the labels are about decisions for {}", said.labels.environment);
                return Err(vec![Finding::new(codes::ADJUDICATION_UNAGREED, what).at(place)]);
            }
            for label in &said.labels.labels {
                about.insert((label.decision, label.rule.clone()));
                if let Ok(person) = &said.by {
                    opinions.add(person, label);
                }
            }
            notes.extend(said.by.err());
        }
    }
    let short = opinions.spoken_of().find(|(_, persons)| persons.len() < PERSONS);
    let persons: BTreeSet<PersonId> = match short {
        Some((_, persons)) => persons.into_iter().cloned().collect(),
        // What nobody of the role spoke of stands in nobody's opinions.
        None if about
            .iter()
            .all(|(decision, rule)| opinions.spoken_of().any(|((of, by, _), _)| of == decision && by == rule)) =>
        {
            return Ok(opinions);
        }
        None => BTreeSet::new(),
    };
    let mut finding =
        Finding::new(codes::ADJUDICATION_UNAGREED, "too few persons said whether what the rules found is right")
            .at(place)
            .expected(
                format!("{PERSONS} persons of role `{ROLE_POLICY}` on everything that the labels speak of"),
                format!("trust, version {}", trust.version),
            )
            .found(format!("{}  {}", persons.len(), words(&persons)));
    finding.found.extend(notes);
    Err(vec![finding.help("ask another approver to run the same `countersign policy adjudicate`, or `policy label`")])
}

fn words(persons: &BTreeSet<PersonId>) -> String {
    persons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether an activation may move rules up as it does. The first of an environment may: there is nothing to measure by.
/// Every one that comes later shows, for each rule that moves up, its measurement, trust's floor that asks for it, or an
/// override. `view` is the log right before it.
pub fn settle(
    mut activated: Activated,
    context: &ActivationContext<'_>,
    view: StateView<'_>,
    blobs: &dyn Blobs,
    place: &str,
) -> Result<Activated, Vec<Finding>> {
    let Some(before) = context.active else { return Ok(activated) };
    let activation = &activated.activation;
    let environment = &activation.environment;
    let (new, old) = (activated.release.manifest(), before.release.manifest());
    let names = &activation.adjudications;
    if names.len() > limits::ADJUDICATIONS {
        let what =
            format!("{} documents with labels, more than the {} that are read", names.len(), limits::ADJUDICATIONS);
        return Err(vec![Finding::new(codes::ADJUDICATION_UNAGREED, what).at(place)]);
    }
    let documents = names.iter().map(|digest| (digest, named_blob(blobs, digest).map(Blob::into_bytes)));
    let labels = labels(documents, environment, context, place)?;
    let floor = context.newest.trust().environments.get(environment);
    let mut findings = Vec::new();
    for id in &activation.overrides {
        findings.extend(override_faults(id, &activated, before, context, place));
    }
    let mut risen = Vec::new();
    for rise in new.rises(old, environment, context.time) {
        let id = &rise.rule.id;
        let by = if floor.is_some_and(|floor| floor.enforced_rules.contains(id)) {
            Basis::Floor
        } else if activation.overrides.contains(id) {
            Basis::Override
        } else {
            let measured = measure(view, new, rise.rule, environment, rise.to, &labels, blobs)?;
            let condition = old.rollout.condition(rise.to).harder(new.rollout.condition(rise.to));
            let parts = measured.against(condition, context.time);
            if !parts.iter().all(|(holds, _)| *holds) {
                let when = if rise.on > context.time { format!(" on {}", rise.on) } else { String::new() };
                let what = format!("rule {id} moves up from {} to {}{when} in {environment}", rise.from, rise.to);
                let mut finding =
                    Finding::new(codes::ROLLOUT_UNEARNED, format!("{what}, and has not earned it")).at(place).expected(
                        asked(condition),
                        format!("the condition of releases {} and {}", old.version, new.version),
                    );
                finding.found = parts.iter().filter(|(holds, _)| !holds).map(|(_, part)| part.clone()).collect();
                findings.push(finding.help(format!(
                    "leave it in its stage until `countersign policy stages` shows that it holds; or have two approvers \
                     run `countersign policy activate --override {id} --reason … --activation FILE`"
                )));
                continue;
            }
            Basis::Measured(measured)
        };
        risen.push(Risen { rule: id.clone(), from: rise.from, to: rise.to, on: rise.on, by });
    }
    let orphans = new.orphans(old, environment, context.time).into_iter();
    for orphan in orphans.filter(|orphan| !activation.overrides.contains(&orphan.id)) {
        let successor = orphan.dates.successor.as_ref().map_or_else(String::new, ToString::to_string);
        let stage = orphan.stage_at(environment, context.time);
        findings.push(
            Finding::new(codes::ROLLOUT_DROPPED, format!("rule {} goes before its successor is there", orphan.id))
                .at(place)
                .expected(format!("{successor} in stage {stage} in {environment}"), format!("release {}", old.version))
                .found(new.rule(&orphan.id).map_or_else(
                    || format!("{} is not in release {}", orphan.id, new.version),
                    |rule| format!("{} in stage {}", rule.id, rule.stage_at(environment, context.time)),
                ))
                .help(format!("keep {} until {successor} stands as high", orphan.id)),
        );
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    activated.risen = risen;
    Ok(activated)
}

fn asked(condition: Condition) -> String {
    format!(
        "{} evaluations, {} days, at most {} false positives",
        condition.evaluations,
        condition.days,
        percent(condition.false_positives_permille)
    )
}

/// What an override of a rule lacks. That enough approvers signed it was counted before; the only author of a rule is not
/// one of them.
fn override_faults(
    id: &RuleId,
    activated: &Activated,
    before: &Activated,
    context: &ActivationContext<'_>,
    place: &str,
) -> Option<Finding> {
    let found = |what: String| Finding::new(codes::ROLLOUT_OVERRIDE, what).at(place);
    let rule = activated.release.manifest().rule(id).or_else(|| before.release.manifest().rule(id));
    let Some(rule) = rule else {
        return Some(found(format!("the override names {id}, which is in neither release")));
    };
    if rule.folder.is_some() && rule.authors.is_empty() {
        return Some(
            found(format!("nothing says who wrote rule {id}, so its only author may be among those who override"))
                .expected("authors = [\"…\"], ids of persons of trust", "the rule in policy.toml")
                .found("none"),
        );
    }
    let only = rule.authors.first().filter(|_| rule.authors.len() == 1);
    let others: BTreeSet<&PersonId> = activated.activators.iter().filter(|person| Some(*person) != only).collect();
    let role = context.trust.trust().role(ROLE_POLICY);
    let needed = role.map_or(LEAST_APPROVERS, |role| role.threshold.max(LEAST_APPROVERS));
    if others.len() >= usize::try_from(needed).unwrap_or(usize::MAX) {
        return None;
    }
    let author = only.map_or_else(String::new, |only| format!("; {only} is its only author and does not count"));
    Some(
        found(format!("too few persons besides its author override for rule {id}"))
            .expected(format!("{needed} persons of role `{ROLE_POLICY}`"), "countersign")
            .found(format!("{}{author}", words(&activated.activators)))
            .help("ask another approver to sign the same --activation file"),
    )
}
