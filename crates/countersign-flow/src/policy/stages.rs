//! Where every rule stands: its stage at a moment, what comes when, and how far its measurement has come. And the labels
//! that the measurement counts.

use super::build::approver;
use crate::error::FlowError;
use crate::files;
use crate::output::{ConditionPart, RisenRow, StageRow};
use crate::people::{self, By, CoSigned};
use countersign_core::digest::Sha256;
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::limits;
use countersign_core::policy::{Manifest, Rule, Stage};
use countersign_core::statement::adjudication::{Adjudication, Label, Opinion, Opinions};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::{POLICY_NAMESPACE, Trust};
use countersign_sign::{PersonKey, SshKeygen};
use countersign_verify::policy::{Activated, ActivationContext, LogSoFar};
use countersign_verify::rollout::{self, Basis, Measured, Risen};
use countersign_verify::{Blobs, StateView};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the rules of every active release stand at a moment, for each environment or the one that is asked for.
pub fn stages(
    view: StateView<'_>,
    environment: Option<&EnvName>,
    at: Time,
    labels: &[PathBuf],
    blobs: &dyn Blobs,
) -> Result<Vec<StageRow>, FlowError> {
    let environments: BTreeSet<&EnvName> =
        view.entries().iter().filter_map(|entry| entry.environment.as_ref()).collect();
    let documents: BTreeMap<Sha256, Vec<u8>> = labels
        .iter()
        .map(|path| files::read(path, limits::COLLECTION_BYTES).map(|bytes| (Sha256::of(&bytes), bytes)))
        .collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    for name in environments.into_iter().filter(|name| environment.is_none_or(|wanted| wanted == *name)) {
        let Some(active) = view.active(name) else { continue };
        let context = ActivationContext {
            log: LogSoFar::of(view),
            trust: view.judge(name),
            newest: view.trust(),
            active: Some(active),
            earlier: &[],
            entry: view.reference().size,
            time: at,
        };
        let given = documents.iter().map(|(digest, bytes)| (digest, Some(bytes.clone())));
        let labels = rollout::labels(given, name, &context, "--labels").map_err(FlowError::Refused)?;
        let manifest = active.release.manifest();
        for rule in &manifest.rules {
            rows.push(row(view, manifest, rule, name, at, &labels, blobs)?);
        }
    }
    Ok(rows)
}

fn row(
    view: StateView<'_>,
    manifest: &Manifest,
    rule: &Rule,
    environment: &EnvName,
    at: Time,
    labels: &Opinions,
    blobs: &dyn Blobs,
) -> Result<StageRow, FlowError> {
    let stage = rule.stage_at(environment, at);
    let towards = match stage {
        Stage::Off | Stage::Enforce => None,
        Stage::Monitor => Some(Stage::Warn),
        Stage::Warn => Some(Stage::Enforce),
    };
    let mut row = StageRow {
        environment: environment.clone(),
        version: manifest.version,
        rule: rule.id.clone(),
        stage,
        next: rule.next_step(environment, at),
        deprecated_on: rule.dates.deprecated_on,
        sunset_on: rule.dates.sunset_on,
        successor: rule.dates.successor.clone(),
        towards,
        condition: Vec::new(),
        earned: None,
        open: Vec::new(),
    };
    if let Some(to) = towards {
        let measured =
            rollout::measure(view, manifest, rule, environment, to, labels, blobs).map_err(FlowError::Refused)?;
        let parts = measured.against(manifest.rollout.condition(to), at);
        row.earned = Some(parts.iter().all(|(holds, _)| *holds));
        row.condition = parts.into_iter().map(|(holds, part)| ConditionPart { holds, part }).collect();
        row.open = measured.open.into_iter().collect();
    }
    Ok(row)
}

/// The rules that moved up with an activation, as programs read them.
#[must_use]
pub fn risen(activated: &Activated) -> Vec<RisenRow> {
    let row = |risen: &Risen| {
        let measured: Option<&Measured> = if let Basis::Measured(measured) = &risen.by { Some(measured) } else { None };
        let word = match risen.by {
            Basis::Measured(_) => "measured",
            Basis::Override => "override",
            Basis::Floor => "floor",
        };
        RisenRow {
            rule: risen.rule.clone(),
            from: risen.from,
            to: risen.to,
            on: risen.on,
            by: word.to_owned(),
            evaluations: measured.map(Measured::evaluations),
            days: measured.map(|measured| measured.days(activated.time)),
            false_positives: measured.map(|measured| u64::try_from(measured.wrong.len()).unwrap_or(u64::MAX)),
            upper_permille: measured.map(Measured::upper_permille),
        }
    };
    activated.risen.iter().map(row).collect()
}

/// What one says of what a rule found.
#[derive(Debug)]
pub struct AdjudicateRequest<'a> {
    /// Where the decisions were made.
    pub environment: &'a EnvName,
    /// The rule.
    pub rule: &'a RuleId,
    /// Decisions in which it was right.
    pub right: &'a [Sha256],
    /// Decisions in which it was wrong.
    pub wrong: &'a [Sha256],
    /// One's key.
    pub key: &'a PersonKey,
    /// The program that signs with SSH keys.
    pub keygen: &'a SshKeygen,
    /// With trust, the signer has to be an approver.
    pub trust: Option<&'a Trust>,
    /// The file, with the signatures that it already holds.
    pub output: &'a Path,
}

/// One's signature under labels, beside those that the file already holds, whatever they say.
pub fn adjudicate(request: &AdjudicateRequest<'_>) -> Result<CoSigned, FlowError> {
    let mut said: BTreeMap<Sha256, Opinion> = BTreeMap::new();
    let right = request.right.iter().map(|digest| (*digest, Opinion::TruePositive));
    let wrong = request.wrong.iter().map(|digest| (*digest, Opinion::FalsePositive));
    for (digest, opinion) in right.chain(wrong) {
        if said.insert(digest, opinion).is_some_and(|before| before != opinion) {
            return Err(FlowError::Usage(format!("{digest} is named as right and as wrong")));
        }
    }
    if said.is_empty() {
        return Err(FlowError::Usage("name at least one decision with --right or --wrong".to_owned()));
    }
    if said.len() > limits::SUBJECTS {
        let (found, most) = (said.len(), limits::SUBJECTS);
        return Err(FlowError::Usage(format!(
            "{found} decisions, more than the {most} of one file: sign several files"
        )));
    }
    if let Some(trust) = request.trust {
        approver(By::Key(request.key, request.keygen), trust)?;
    }
    let subjects = said.keys().map(|digest| Subject::sha256("promotion-decision", digest)).collect();
    let label = |(decision, label)| Label { decision, rule: request.rule.clone(), finding: None, label, reason: None };
    let adjudication = Adjudication {
        environment: request.environment.clone(),
        labels: said.into_iter().map(label).collect(),
        report: None,
    };
    let statement = Statement::new(Kind::Adjudication, subjects, &adjudication)?;
    people::add_line(request.output, &statement, POLICY_NAMESPACE, request.key, request.keygen)
}
