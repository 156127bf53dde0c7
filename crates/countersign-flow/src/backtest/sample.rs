//! The findings that people are to judge: all that are new, or as many as were asked for, drawn by a seed. Whoever draws with
//! the same seed gets the same ones.

use super::report::NO_REPOSITORY;
use crate::error::FlowError;
use crate::files;
use crate::people::{self, CoSigned};
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Finding};
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::json;
use countersign_core::limits;
use countersign_core::policy::Stage;
use countersign_core::statement::adjudication::{self, Adjudication, Opinion, Opinions, Standing};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::POLICY_NAMESPACE;
use countersign_core::wilson::Share;
use countersign_sign::{PersonKey, SshKeygen};
use countersign_verify::VerifiedTrust;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The form of a sample.
const SCHEMA: &str = "https://countersign.dev/schemas/backtest-sample/v0.1";

/// A sample, for people: what they sign is the fingerprint of a finding and the digest of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sample {
    /// The form of this document.
    pub schema: String,
    /// The backtest's report.
    pub report: Sha256,
    /// The release.
    pub release: Sha256,
    /// How many findings are new in all.
    pub of: u64,
    /// By what they were drawn.
    pub seed: u64,
    /// Those that were drawn, in the log's order.
    pub findings: Vec<SampledFinding>,
}

/// A finding to be judged, with what a person needs for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SampledFinding {
    /// The decision's entry in the log.
    pub entry: u64,
    /// The rule.
    pub rule: RuleId,
    /// Its stage in the new release.
    pub stage: Stage,
    /// The signed decision.
    pub decision: Sha256,
    /// The finding's fingerprint: what `policy label --finding` takes.
    pub finding: Sha256,
    /// When it was decided.
    pub time: Time,
    /// For which environment.
    pub environment: EnvName,
    /// Of which repository.
    pub repository: String,
    /// About which artifact.
    pub subject: Sha256,
    /// Its name.
    pub subject_name: String,
    /// The code.
    pub code: Code,
    /// What is wrong.
    pub what: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<String>,
    /// What was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<String>,
}

impl SampledFinding {
    pub(super) fn of(
        decision: &Decision,
        document: &Sha256,
        entry: u64,
        rule: (&RuleId, Stage),
        finding: &Finding,
    ) -> Result<Self, FlowError> {
        let (rule, stage) = rule;
        let request = &decision.request;
        Ok(Self {
            entry,
            rule: rule.clone(),
            stage,
            decision: *document,
            finding: adjudication::fingerprint(document, rule, finding)?,
            time: request.time,
            environment: request.environment.clone(),
            repository: repository_of(decision),
            subject: request.subject,
            subject_name: request.subject_name.clone(),
            code: finding.code,
            what: finding.what.clone(),
            at: finding.at.clone(),
            expected: finding.expected.clone(),
            found: finding.found.clone(),
        })
    }
}

/// The repository that a decision proved.
pub(super) fn repository_of(decision: &Decision) -> String {
    decision.source.as_ref().map_or_else(|| NO_REPOSITORY.to_owned(), |source| source.repository.to_string())
}

/// Draws as findings come: those whose digest under the seed is lowest, so that neither their order nor the number of
/// threads plays a part. Never holds more than it is to draw.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    seed: u64,
    most: usize,
    held: BTreeMap<(Sha256, Sha256), SampledFinding>,
    of: u64,
}

impl Draw {
    pub(super) const fn new(seed: u64, most: usize) -> Self {
        Self { seed, most, held: BTreeMap::new(), of: 0 }
    }

    pub(super) fn add(&mut self, finding: SampledFinding) {
        self.of = self.of.saturating_add(1);
        self.hold(finding);
    }

    fn hold(&mut self, finding: SampledFinding) {
        let lot = Sha256::of(format!("{} {}", self.seed, finding.finding).as_bytes());
        self.held.insert((lot, finding.finding), finding);
        if self.held.len() > self.most {
            self.held.pop_last();
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.of = self.of.saturating_add(other.of);
        for (_, finding) in other.held {
            self.hold(finding);
        }
    }

    pub(super) const fn of(&self) -> u64 {
        self.of
    }

    pub(super) fn sample(self, report: Sha256, release: Sha256) -> Sample {
        let mut findings: Vec<SampledFinding> = self.held.into_values().collect();
        findings.sort();
        Sample { schema: SCHEMA.to_owned(), report, release, of: self.of, seed: self.seed, findings }
    }
}

/// Reads a sample.
pub fn read(path: &Path) -> Result<Sample, FlowError> {
    let bytes = files::read(path, limits::DOCUMENT_BYTES)?;
    let sample: Result<Sample, _> = json::parse_as(&bytes);
    sample.map_err(|error| {
        FlowError::Refused(vec![
            Finding::new(codes::BACKTEST_REPORT, format!("this is not a sample of a backtest: {error}"))
                .at(path.display().to_string())
                .help("`countersign policy backtest NEW --sample FILE` writes one"),
        ])
    })
}

/// Where the labels of a sample lie: beside it.
#[must_use]
pub fn labels_of(sample: &Path) -> PathBuf {
    sample.with_extension("labels.sigstore.jsonl")
}

/// What a person says of one finding of a sample.
#[derive(Debug)]
pub struct Label<'a> {
    /// The finding's fingerprint, or the beginning of one.
    pub finding: &'a str,
    /// What she says.
    pub verdict: Opinion,
    /// Why.
    pub reason: Option<&'a str>,
    /// The file with the labels.
    pub output: &'a Path,
}

/// Signs a label beside those that the file already holds; and the finding that it is about.
pub fn label(
    sample: &Sample,
    label: &Label<'_>,
    key: &PersonKey,
    keygen: &SshKeygen,
) -> Result<(CoSigned, SampledFinding), FlowError> {
    let wanted = label.finding.strip_prefix("sha256:").unwrap_or(label.finding);
    let mut named = sample.findings.iter().filter(|f| wanted.len() >= 8 && f.finding.hex().starts_with(wanted));
    let (Some(finding), None) = (named.next(), named.next()) else {
        return Err(FlowError::Usage(format!(
            "the sample has no finding, or several, whose fingerprint begins with `{wanted}`: give at least 8 characters of one"
        )));
    };
    let said = adjudication::Label {
        decision: finding.decision,
        rule: finding.rule.clone(),
        finding: Some(finding.finding),
        label: label.verdict,
        reason: label.reason.map(str::to_owned),
    };
    let environment = finding.environment.clone();
    let labels = Adjudication { environment, labels: vec![said], report: Some(sample.report) };
    let subject = Subject::sha256("promotion-decision", &finding.decision);
    let statement = Statement::new(Kind::Adjudication, vec![subject], &labels)?;
    let signed = people::add_line(label.output, &statement, POLICY_NAMESPACE, key, keygen)?;
    Ok((signed, finding.clone()))
}

/// How what was said of one rule's findings stands.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LabelledRule {
    /// The rule.
    pub rule: RuleId,
    /// Findings in the sample.
    pub sampled: u32,
    /// Those that two persons call right.
    pub true_positives: u32,
    /// Those that two persons call wrong.
    pub false_positives: u32,
    /// Those that too few persons have judged.
    pub open: u32,
    /// Those about which persons disagree.
    pub disputed: u32,
    /// The share of false positives among those that are settled; absent if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_positive_share: Option<Share>,
}

/// How a sample stands: a row a rule, and what did not hold of the labels.
#[derive(Debug)]
pub struct Labelled {
    /// A row a rule.
    pub rules: Vec<LabelledRule>,
    /// Labels that count.
    pub counted: u64,
    /// What did not hold.
    pub findings: Vec<Finding>,
}

/// Takes the labels of a sample together: each by a policy approver of trust whose key counts. What was said of the recorded
/// decision, by `policy adjudicate`, counts as well.
pub fn labelled(sample: &Sample, labels: &[u8], trust: &VerifiedTrust, at: Time) -> Result<Labelled, FlowError> {
    let mut out = Labelled { rules: Vec::new(), counted: 0, findings: Vec::new() };
    let mut opinions = Opinions::default();
    let lines = if labels.trim_ascii().is_empty() {
        Vec::new()
    } else {
        let trusts = (trust.trust(), trust.trust());
        countersign_verify::adjudication::read(labels, trusts, at, "labels").map_err(FlowError::Refused)?
    };
    for (number, said) in (1_usize..).zip(lines) {
        let place = format!("labels, line {number}");
        match said {
            Err(findings) => out.findings.extend(findings),
            Ok(said) => match said.by {
                Err(why) => out.findings.push(
                    Finding::new(codes::SIGNER_NOT_ALLOWED, "the labels were not signed by a policy approver")
                        .at(place)
                        .found(why),
                ),
                Ok(person) => {
                    for label in &said.labels.labels {
                        let fits = |f: &&SampledFinding| {
                            f.decision == label.decision
                                && f.rule == label.rule
                                && label.finding.is_none_or(|finding| finding == f.finding)
                        };
                        if sample.findings.iter().any(|finding| fits(&finding)) {
                            opinions.add(&person, label);
                            out.counted = out.counted.saturating_add(1);
                        }
                    }
                }
            },
        }
    }
    let mut rows: BTreeMap<&RuleId, LabelledRule> = BTreeMap::new();
    for finding in &sample.findings {
        let row = rows.entry(&finding.rule).or_insert_with(|| LabelledRule {
            rule: finding.rule.clone(),
            sampled: 0,
            true_positives: 0,
            false_positives: 0,
            open: 0,
            disputed: 0,
            false_positive_share: None,
        });
        row.sampled = row.sampled.saturating_add(1);
        let place = match opinions.of_finding(&finding.decision, &finding.rule, &finding.finding) {
            Standing::TruePositive => &mut row.true_positives,
            Standing::FalsePositive => &mut row.false_positives,
            Standing::Open => &mut row.open,
            Standing::Disputed => &mut row.disputed,
        };
        *place = place.saturating_add(1);
    }
    for row in rows.values_mut() {
        row.false_positive_share =
            Share::of(row.false_positives, row.false_positives.saturating_add(row.true_positives));
    }
    out.rules = rows.into_values().collect();
    Ok(out)
}
