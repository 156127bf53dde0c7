//! What `policy`, `controls` and `evidence` answer to programs.

use crate::backtest::{BacktestReport, LabelledRule, SampledFinding};
use crate::controls::Coverage;
use crate::policy::diff::Change;
use countersign_core::catalogue::{Catalogue, Reach};
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::Finding;
use countersign_core::ids::{EnvName, Origin, RuleId};
use countersign_core::policy::{Manifest, Stage, Step};
use countersign_core::statement::adjudication::Opinion;
use countersign_core::statement::manual_evidence::ManualEvidence;
use countersign_core::time::Time;
use serde::Serialize;
use std::collections::BTreeMap;

documents! {
    /// `policy build`: a manifest was written.
    PolicyBuilt {
        /// The file.
        output: String,
        /// The digest that names the release.
        digest: Sha256,
        /// The manifest.
        manifest: Manifest,
    }
    /// `policy diff`: what one release says that another does not.
    PolicyDiffered {
        /// The digest of the first.
        before: Sha256,
        /// The digest of the second.
        after: Sha256,
        /// Each change.
        changes: Vec<Change>,
        /// How many may let pass what was refused.
        loosening: usize,
        /// How many may refuse what passed.
        tightening: usize,
        /// How many may do both.
        either: usize,
        /// How it ended.
        exit: Exit,
    }
    /// `policy export`: a bundle for OPA was written.
    PolicyExported {
        /// The file.
        output: String,
        /// The digest that names the release, and the bundle's revision.
        digest: Sha256,
        /// The digest of the file.
        file: Sha256,
        /// The rules in it, each with its path under `data`.
        rules: BTreeMap<String, String>,
        /// Rules that are built in, which it does not hold.
        left_out: Vec<String>,
    }
    /// `policy new`: a rule was drafted.
    PolicyDrafted {
        /// The rule; none where a first policy was written.
        rule: Option<String>,
        /// The files that were written.
        files: Vec<String>,
    }
    /// `policy lint`: everything that is wrong with a folder.
    PolicyLinted {
        /// Rules of the release.
        rules: usize,
        /// What is wrong.
        findings: Vec<Finding>,
        /// The exit code.
        exit: Exit,
    }
    /// `policy test`: the cases of a folder's rules.
    PolicyTested {
        /// A row a case.
        cases: Vec<crate::policy::CaseRow>,
        /// What the cases of each rule reach.
        coverage: Vec<crate::policy::CoverageRow>,
        /// Files of cases that could not be played, because they do not read.
        refused_cases: Vec<String>,
        /// Rules that could not be tested, because they do not read.
        refused_rules: Vec<String>,
        /// Cases whose expectation was written anew.
        blessed: Vec<String>,
        /// What did not come out as it says.
        findings: Vec<Finding>,
        /// The exit code.
        exit: Exit,
    }
    /// `policy docs`: the pages of a release.
    PolicyDocumented {
        /// The folder that they are in.
        output: String,
        /// The pages, by path in it.
        pages: Vec<String>,
        /// Pages that differ, are missing, or belong to no rule any more.
        findings: Vec<Finding>,
        /// The exit code.
        exit: Exit,
    }
    /// `policy eval`: what a rule says about an input.
    PolicyEvaluated {
        /// The rule.
        rule: String,
        /// What it says.
        findings: Vec<Finding>,
        /// The exit code.
        exit: Exit,
    }
    /// `policy explain`: the Rego of a rule.
    PolicyRego {
        /// The rule.
        rule: String,
        /// Its Rego.
        rego: String,
    }
    /// `policy approve`: an approval was added.
    PolicyApproved {
        /// The file.
        output: String,
        /// The digest that names the release.
        digest: Sha256,
        /// The release's version.
        version: u64,
        /// Whether an approval was added; a key approves once.
        added: bool,
        /// How many distinct keys approved it; who counts, trust says.
        keys: usize,
        /// The policy approvers among them, where trust was given.
        persons: Option<Vec<String>>,
        /// How many approvers it needs, where trust was given.
        needed: Option<u32>,
        /// The backtest's report that the approvals name.
        backtest: Option<Sha256>,
    }
    /// `policy backtest`: what a release would have said.
    PolicyBacktest {
        /// The file with the report, if one was written.
        output: Option<String>,
        /// The digest of the report: what an approval names.
        digest: Sha256,
        /// The report.
        report: BacktestReport,
        /// The file with the findings to judge, if one was written, and how many it holds.
        sample: Option<String>,
        /// See `sample`.
        sampled: usize,
        /// What was found of trust, log and the question itself.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `controls list`: catalogues of controls.
    ControlsListed {
        /// What this does not say.
        conclusion: &'static str,
        /// The catalogues.
        catalogues: Vec<Catalogue>,
    }
    /// `controls show`: one control.
    ControlShown {
        /// What this does not say.
        conclusion: &'static str,
        /// Its full name.
        control: String,
        /// Of which catalogue.
        catalogue: String,
        /// What it is about.
        text: String,
        /// How much of it a machine can show at best.
        reach: Reach,
        /// For how many days something shows it.
        fresh_days: u32,
        /// The rules that serve it; without a release, the built-in ones that are meant for it.
        rules: Vec<String>,
    }
    /// `controls coverage`: how far controls are shown.
    ControlsCoverage {
        /// The coverage.
        coverage: Coverage,
        /// What was found of trust, log and evidence.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `evidence add manual`: something was attested and recorded.
    EvidenceAdded {
        /// The log entry.
        entry: u64,
        /// What was signed.
        evidence: ManualEvidence,
    }
    /// `policy label`: a label was signed.
    PolicyLabelled {
        /// The file with the labels.
        output: String,
        /// Whether it was added; the same person says the same thing once.
        added: bool,
        /// The finding.
        finding: SampledFinding,
        /// What was said of it.
        verdict: Opinion,
    }
    /// `policy labels`: what people said of a sample.
    PolicyLabels {
        /// The backtest's report.
        report: Sha256,
        /// How many findings are new in all, of which the sample was drawn.
        of: u64,
        /// A row a rule.
        rules: Vec<LabelledRule>,
        /// Labels that count.
        counted: u64,
        /// What did not hold.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `policy activate`: a release is active, or waits for more approvers.
    PolicyActivated {
        /// For which environment.
        environment: EnvName,
        /// Whether it is active.
        active: bool,
        /// Since which entry.
        entry: Option<u64>,
        /// The release's version.
        version: Option<u64>,
        /// The digest that names the release.
        digest: Option<Sha256>,
        /// The backtest's report that its approvers had before them.
        backtest: Option<Sha256>,
        /// The lock file that expects it.
        lock: String,
        /// The rules that moved up with it.
        risen: Vec<RisenRow>,
        /// What is missing.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `policy lock`: the lock expects the release that is active.
    PolicyLocked {
        /// In which environment.
        environment: EnvName,
        /// Since which entry it is active.
        entry: u64,
        /// The release's version.
        version: u64,
        /// The digest that names the release.
        digest: Sha256,
        /// The lock file.
        lock: String,
    }
    /// One activation.
    ActivationRow {
        /// The entry.
        entry: u64,
        /// The log of that entry, where it is one that this log goes on from.
        log: Option<Origin>,
        /// Its time.
        time: Time,
        /// The environment.
        environment: EnvName,
        /// The release's version.
        version: u64,
        /// The digest that names the release.
        digest: Sha256,
        /// Who approved the release.
        approvers: Vec<String>,
        /// Who activated it.
        activators: Vec<String>,
        /// Why, for a return to an older version and for an override.
        reason: Option<String>,
        /// Rules for which those who activated it overrode what is asked otherwise.
        overrides: Vec<RuleId>,
        /// The rules that moved up with it.
        risen: Vec<RisenRow>,
        /// The backtest's report that its approvers had before them.
        backtest: Option<Sha256>,
        /// Whether it is the active one.
        active: bool,
    }
    /// A rule that moved up with an activation.
    RisenRow {
        /// The rule.
        rule: RuleId,
        /// Where it stood.
        from: Stage,
        /// Where it goes.
        to: Stage,
        /// When it gets there.
        on: Time,
        /// What let it: `measured`, `override` or `floor`.
        by: String,
        /// The artifacts that it was evaluated for, where that let it.
        evaluations: Option<u64>,
        /// Days since the first of them.
        days: Option<u64>,
        /// Artifacts that it would have refused wrongly.
        false_positives: Option<u64>,
        /// The upper bound of their share, in thousandths.
        upper_permille: Option<u16>,
    }
    /// One part of what has to be measured before a rule moves up.
    ConditionPart {
        /// Whether it holds.
        holds: bool,
        /// What was measured, beside what is asked.
        part: String,
    }
    /// Where a rule stands in an environment.
    StageRow {
        /// The environment.
        environment: EnvName,
        /// The version of the release that is active there.
        version: u64,
        /// The rule.
        rule: RuleId,
        /// Its stage.
        stage: Stage,
        /// The stage that comes next by its plan, and when.
        next: Option<Step>,
        /// When it begins to say that it is going away.
        deprecated_on: Option<Time>,
        /// When it no longer holds.
        sunset_on: Option<Time>,
        /// What takes its place.
        successor: Option<RuleId>,
        /// The stage that it could move up to with the next release.
        towards: Option<Stage>,
        /// What has to be measured for that, and how far it has come.
        condition: Vec<ConditionPart>,
        /// Whether all of it holds.
        earned: Option<bool>,
        /// Signed decisions in which it found something that is to be labelled.
        open: Vec<Sha256>,
    }
    /// `policy stages`: where every rule stands.
    PolicyStages {
        /// The moment.
        at: Time,
        /// A row for each rule and environment.
        stages: Vec<StageRow>,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `policy adjudicate`: labels were signed.
    PolicyAdjudicated {
        /// The file.
        output: String,
        /// Where the decisions were made.
        environment: EnvName,
        /// The rule.
        rule: RuleId,
        /// How many decisions were labelled.
        labels: usize,
        /// Whether a signature was added; a key signs once.
        added: bool,
        /// How many distinct keys signed the file.
        keys: usize,
    }
    /// `policy history`: every activation.
    PolicyHistory {
        /// All of them, oldest first.
        activations: Vec<ActivationRow>,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
}
