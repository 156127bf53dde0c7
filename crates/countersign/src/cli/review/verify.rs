//! `review verify`: every commit of a range, with what is proved about it.

use super::story;
use crate::cli::given::{self, RootArgs, TrustArgs};
use crate::cli::{Answer, Call};
use crate::render::Done;
use clap::{Args, ValueEnum};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, exit_of, verdict_of};
use countersign_core::git::content::HiddenKind;
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::review::Tier;
use countersign_decide::review::{ForgeRules, Parameters};
use countersign_flow::review::{Proof, VerifyRequest, notes, verify};
use countersign_flow::{FlowError, documents, output as answer};
use std::path::PathBuf;

/// Prove that two trusted persons agreed to every commit of a range
///
/// The repository is read once; the proof is then over git's objects alone, hashed again, and offline.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign review verify v1.0..main --repository git+https://example.com/app --reviews reviews \\\n    \
                        --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(crate) struct Verify {
    /// START..CANDIDATE
    range: String,
    #[command(flatten)]
    proof: ProofArgs,
}

/// What a proof is made of, besides its range.
#[derive(Debug, Args)]
pub(super) struct ProofArgs {
    /// Signed reviews, and what collectors read from forges: files, or folders of them
    #[arg(long, value_name = "DIR|FILE", required_unless_present = "notes")]
    reviews: Vec<PathBuf>,
    /// Signed reviews from the repository's refs/notes/countersign
    #[arg(long)]
    notes: bool,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) repo: PathBuf,
    /// The repository's uri, as the reviews name it
    #[arg(long, value_name = "git+https://…")]
    repository: Uri,
    /// The branch
    #[arg(long, value_name = "REF", default_value = "refs/heads/main")]
    target: RefName,
    /// Approvals beyond a known and trusted author
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    reviewers_beyond_author: u32,
    /// Take a forge's evidence whatever the branch's rules were
    #[arg(long)]
    any_rules: bool,
    /// The least tier of evidence
    #[arg(long, value_name = "TIER", value_enum, default_value_t = TierArg::T3)]
    least_tier: TierArg,
    /// What blocks of that which a diff hides, such as `bidi,symlink`; `none` for nothing
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', default_value = "bidi", value_parser = kind)]
    hidden_content: Vec<Option<HiddenKind>>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    roots: RootArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TierArg {
    /// Read from the forge afterwards
    #[value(name = "T1")]
    T1,
    /// Observed live by a trusted collector
    #[value(name = "T2")]
    T2,
    /// The reviewer's own signature
    #[value(name = "T3")]
    T3,
}

/// A kind of hidden content, or `none`.
fn kind(word: &str) -> Result<Option<HiddenKind>, String> {
    if word == "none" {
        return Ok(None);
    }
    let known = HiddenKind::ALL.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind);
    let words = || HiddenKind::ALL.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    known.map(Some).ok_or_else(|| format!("one of: none, {}", words()))
}

impl ProofArgs {
    /// Proves a range: START..CANDIDATE.
    pub(super) fn prove(&self, range: &str, call: &Call<'_>) -> Result<(Proof, Vec<Finding>), FlowError> {
        let at = given::now()?;
        let trust = self.trust.read(at)?;
        let (start, candidate) = match range.split_once("..") {
            Some((start, candidate)) if !start.is_empty() && !candidate.is_empty() => (Some(start), candidate),
            Some(("", candidate)) if !candidate.is_empty() => (None, candidate),
            _ => return Err(FlowError::Usage(format!("`{range}` has the form START..CANDIDATE"))),
        };
        let parameters = Parameters {
            reviewers_beyond_author: self.reviewers_beyond_author,
            least_tier: match self.least_tier {
                TierArg::T1 => Tier::T1,
                TierArg::T2 => Tier::T2,
                TierArg::T3 => Tier::T3,
            },
            forge_rules: if self.any_rules { ForgeRules::Any } else { ForgeRules::Enforced },
            hidden_content: self.hidden_content.iter().flatten().copied().collect(),
            ..Parameters::default()
        };
        let mut handed = documents::read_all(&self.reviews, &[])?;
        handed.documents.extend(self.roots.read()?);
        let mut findings = Vec::new();
        if let (true, Some(trust)) = (self.notes, &trust.outcome.trust) {
            let programs = call.world.environment();
            let roots = &given::roots_among(trust, &handed.documents);
            let noted = notes::read(&notes::Reading { repo: &self.repo, since: start, trust, roots, at, programs })?;
            handed.documents.extend(noted.documents);
            findings.extend(noted.passed_over);
        }
        let proof = verify(&VerifyRequest {
            repo: &self.repo,
            repository: &self.repository,
            target: &self.target,
            start,
            candidate,
            documents: &handed.documents,
            captures: &handed.captures,
            trust: &trust,
            parameters: &parameters,
            programs: call.world.environment(),
            at,
        })?;
        Ok((proof, findings))
    }
}

impl Verify {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let (proof, more) = self.proof.prove(&self.range, call)?;
        let findings: Vec<Finding> =
            proof.findings.iter().chain(&proof.outcome.findings).chain(&more).cloned().collect();
        let exit = exit_of(&findings);
        let document = answer::ReviewProved {
            verdict: verdict_of(&findings),
            tier: proof.outcome.tier,
            commits: proof.outcome.commits,
            changes: proof.outcome.changes,
            evidence: Sha256::of(&proof.evidence),
            findings,
            exit,
        };
        Ok(Done::answer(call.format, exit, "review-verify", &document, || story::of_range(&document)))
    }
}
