//! `policy stages` and `policy adjudicate`: where rules stand, and what people say of what they found.

use super::super::given::{self, OutsideDigest, StoreArgs, TrustArgs};
use super::super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::exit_of;
use countersign_core::ids::{EnvName, RuleId};
use countersign_core::time::Time;
use countersign_flow::outside::TrustFile;
use countersign_flow::place::StoreBlobs;
use countersign_flow::policy::{self, AdjudicateRequest};
use countersign_flow::{FlowError, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_sign::{KeyPlace, PersonKey};
use countersign_verify::{LogState, VerifiedTrust};
use std::path::PathBuf;

/// Show where every rule stands: its stage, what comes when, and how far its measurement has come
///
/// The measurement is of the log's own decisions. What has to be labelled before a rule moves up is listed by the digests
/// of the signed decisions.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy stages --environment production --store .countersign --trust trust.sigstore.json \\\n    \
                  --trust-digest sha256:…"
)]
pub(super) struct Stages {
    /// One environment
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvName>,
    /// The moment; the time of the log's newest entry where none is given
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
    /// Labels of what rules found, signed by two approvers with `policy adjudicate`
    #[arg(long, value_name = "FILE")]
    labels: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Say of what a rule found whether it was right
///
/// Two approvers have to say the same: both run it with the same --output. `policy activate --labels` and `policy labels`
/// count them, beside those of `policy label`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign policy adjudicate --environment production --rule no-copyleft@1 --wrong sha256:… \\\n    \
                  --key ~/.ssh/id_ed25519 --output labels.sigstore.json"
)]
pub(super) struct Adjudicate {
    /// Where the decisions were made
    #[arg(long, value_name = "NAME")]
    environment: EnvName,
    /// The rule
    #[arg(long, value_name = "RULE")]
    rule: RuleId,
    /// A signed decision in which it was right to object
    #[arg(long, value_name = "sha256:…")]
    right: Vec<Sha256>,
    /// A signed decision in which it was wrong to object
    #[arg(long, value_name = "sha256:…")]
    wrong: Vec<Sha256>,
    /// Your key: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
    /// The labels: one signed line a person
    #[arg(long, value_name = "FILE", default_value = "labels.sigstore.json")]
    output: PathBuf,
    /// A trust document: the key then has to be a policy approver's
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Its digest, from outside
    #[arg(long, value_name = "sha256:…", env = crate::variables::TRUST_DIGEST, value_parser = OutsideDigest::parse)]
    trust_digest: Option<OutsideDigest>,
}

impl Stages {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let now = given::now()?;
        let trust = self.trust.read(now)?;
        let mut findings = trust.outcome.findings.clone();
        let (mut stages, mut at) = (Vec::new(), self.at.unwrap_or(now));
        if let Some(verified) = &trust.outcome.trust {
            let place = self.store.place(call)?;
            let (checkpoint, entries) = place.read_log()?;
            let blobs = StoreBlobs::new(place.store());
            let opened = LogState::open(&checkpoint, &entries, verified, &blobs, now);
            findings.extend(opened.findings);
            if let Some(state) = &opened.state {
                findings.extend(state.faults().map(|(_, finding)| finding.clone()));
                let view = state.now();
                at = self.at.or_else(|| view.newest_time()).unwrap_or(now);
                stages = policy::stages(view, self.environment.as_ref(), at, &self.labels, &blobs)?;
            }
            blobs.finish()?;
            if let Some(environment) = self.environment.as_ref().filter(|_| stages.is_empty()) {
                findings.extend(policy::unknown_environment(environment, verified.trust()));
            }
        }
        let document = answer::PolicyStages { at, exit: exit_of(&findings), stages, findings };
        Ok(Done::answer(call.format, document.exit, "policy-stages", &document, || table(&document)))
    }
}

fn table(document: &answer::PolicyStages) -> String {
    let cells = |row: &answer::StageRow| {
        let ends = [row.deprecated_on.map(|on| ("deprecated", on)), row.sunset_on.map(|on| ("gone", on))];
        let steps = row.next.map(|next| next.to_string()).into_iter();
        let next: Vec<String> =
            steps.chain(ends.into_iter().flatten().map(|(what, on)| format!("{what} from {on}"))).collect();
        let towards = match (row.towards, row.earned) {
            (Some(to), Some(true)) => format!("may move up to {to}"),
            (Some(to), _) => format!("may not move up to {to} yet"),
            (None, _) => String::new(),
        };
        vec![row.environment.to_string(), row.rule.to_string(), row.stage.to_string(), next.join(", "), towards]
    };
    let rows: Vec<Vec<String>> = document.stages.iter().map(cells).collect();
    let mut out = format!("at {}\n", document.at);
    out.push_str(&text::table(&["environment", "rule", "stage", "next", "measured"], &rows));
    for row in document.stages.iter().filter(|row| !row.condition.is_empty()) {
        out.push_str(&format!("\n{} in {}:\n", row.rule, row.environment));
        for part in &row.condition {
            out.push_str(&format!("  {:<4}{}\n", if part.holds { "yes" } else { "no" }, part.part));
        }
        for digest in &row.open {
            out.push_str(&format!("      to be labelled: {digest}\n"));
        }
    }
    out.push_str(&text::findings(&document.findings));
    out
}

impl Adjudicate {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let key = PersonKey::open(&self.key, &call.world.token_access())?;
        let at = given::now()?;
        let trust = match &self.trust {
            None => None,
            Some(path) => Some(TrustFile::read(path, self.trust_digest.and_then(OutsideDigest::given), at)?),
        };
        if let Some(trust) = &trust
            && !trust.outcome.findings.is_empty()
        {
            return Err(FlowError::Refused(trust.outcome.findings.clone()));
        }
        let keygen = call.world.ssh_keygen();
        let signed = policy::adjudicate(&AdjudicateRequest {
            environment: &self.environment,
            rule: &self.rule,
            right: &self.right,
            wrong: &self.wrong,
            key: &key,
            keygen: &keygen,
            trust: trust.as_ref().and_then(|trust| trust.outcome.trust.as_ref()).map(VerifiedTrust::trust),
            output: &self.output,
        })?;
        write_atomic(&self.output, &signed.bytes, 0o644)?;
        let document = answer::PolicyAdjudicated {
            output: self.output.display().to_string(),
            environment: self.environment.clone(),
            rule: self.rule.clone(),
            labels: self.right.len().saturating_add(self.wrong.len()),
            added: signed.added,
            keys: signed.keys,
        };
        Ok(Done::answer(call.format, Exit::Ok, "policy-adjudicate", &document, || {
            let again = if document.added { "" } else { "already signed by this key: nothing was added\n" };
            let count = if document.keys < 2 { "one more approver has to sign the same" } else { "two count" };
            format!(
                "{again}{}: {} decision(s) of {} labelled, signed by {} key(s); {count}\n",
                document.output, document.labels, document.rule, document.keys
            )
        }))
    }
}

/// A line for each rule that moved up.
pub(super) fn moved(risen: &[answer::RisenRow]) -> String {
    let line = |row: &answer::RisenRow| {
        let why = match (row.evaluations, row.days, row.false_positives) {
            (Some(evaluations), Some(days), Some(wrong)) => {
                format!("measured: evaluations {evaluations}, days {days}, false positives {wrong}")
            }
            _ if row.by == "floor" => "trust's floor asks for it".to_owned(),
            _ => "OVERRIDE: its measurement was not asked for".to_owned(),
        };
        format!("rule {} moves up from {} to {} on {}; {why}\n", row.rule, row.from, row.to, row.on)
    };
    risen.iter().map(line).collect()
}

/// A line for each override of a rule that did not move up: one that goes without its successor.
pub(super) fn overridden(overrides: &[RuleId], risen: &[answer::RisenRow]) -> String {
    let others = overrides.iter().filter(|id| !risen.iter().any(|row| row.rule == **id));
    others.map(|id| format!("rule {id} stands, or goes, as it does by an OVERRIDE\n")).collect::<Vec<_>>().concat()
}
