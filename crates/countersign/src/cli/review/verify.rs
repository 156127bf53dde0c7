//! `review verify`: every commit of a range, with what is proved about it.

use super::story;
use crate::cli::given::{self, RootArgs, TrustArgs};
use crate::cli::reports::{self, Answered, ReportArgs};
use crate::cli::{Answer, Call};
use crate::world::World;
use clap::{Args, ValueEnum};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, exit_of, verdict_of};
use countersign_core::git::content::HiddenKind;
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::review::Tier;
use countersign_core::time::Time;
use countersign_decide::review::{AgreedBefore, BaseDrift, ForeignReviews, ForgeRules, Parameters};
use countersign_flow::outside::TrustFile;
use countersign_flow::review::{Proof, SourceRequest, VerifyRequest, emit, notes, strangers, verify};
use countersign_flow::{FlowError, documents, output as answer};
use countersign_report::reports::Facts;
use countersign_sign::{KeyPlace, SigningKey};
use std::path::PathBuf;

/// Prove that two trusted persons agreed to every commit of a range
///
/// The repository is read once; the proof is then over git's objects alone, hashed again, and offline. Says which level of
/// the SLSA Source track the newest revision reached, and since when each control has held. With --key, signs that as source
/// provenance and summary; with --previous, goes on from what an earlier run signed, and proves only what came after it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign review verify v1.0..main --repository git+https://example.com/app --reviews reviews \\\n    \
                        --trust trust.sigstore.json --trust-digest sha256:…\n  \
                        countersign review verify v1.0..main --repository git+https://example.com/app --reviews reviews \\\n    \
                        --trust trust.sigstore.json --previous source/old --output source/new --key verifier.pem \\\n    \
                        --verifier https://example.com/verifier"
)]
pub(crate) struct Verify {
    /// START..CANDIDATE
    range: String,
    #[command(flatten)]
    proof: ProofArgs,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    reports: ReportArgs,
}

/// What becomes of the Source level.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source level")]
struct SourceArgs {
    /// What an earlier run wrote: its source provenance and its summary, files or a folder of both
    #[arg(long, value_name = "DIR|FILE")]
    previous: Vec<PathBuf>,
    /// Where source provenance and summary go
    #[arg(long, value_name = "DIR", requires = "key")]
    output: Option<PathBuf>,
    /// The verifier's key: PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), requires_all = ["verifier", "output"])]
    key: Option<KeyPlace>,
    /// The verifier's uri, as trust names it
    #[arg(long, value_name = "URI", requires = "key")]
    verifier: Option<Uri>,
}

/// What a proof is made of, besides its range.
#[derive(Debug, Args)]
pub(super) struct ProofArgs {
    /// Signed reviews, and what collectors read from forges: files, or folders of them
    #[arg(long, value_name = "DIR|FILE", required_unless_present_any = ["notes", "foreign"])]
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
    /// The branch that this one was cut from: reviews for it count as far as both are the same line of commits
    #[arg(long, value_name = "REF")]
    cut_from: Option<RefName>,
    /// Approvals beyond a known and trusted author
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    reviewers_beyond_author: u32,
    /// Take a forge's evidence whatever the branch's rules were
    #[arg(long)]
    any_rules: bool,
    /// Whether a review holds when the branch moved between review and landing
    #[arg(long, value_name = "WORD", value_enum, default_value_t = DriftArg::Allow)]
    base_drift: DriftArg,
    /// Before what the agreement has to be shown
    #[arg(long, value_name = "WORD", value_enum, default_value_t = BeforeArg::Promotion)]
    agreed_before: BeforeArg,
    /// Count agreement that gittuf recorded in the repository, by this trust alone and as T1
    #[arg(long)]
    foreign: bool,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DriftArg {
    /// It does
    Allow,
    /// It has to be made again
    Reapprove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BeforeArg {
    /// Before the promotion
    Promotion,
    /// Before the change landed, by what somebody else observed
    Landing,
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
        self.prove_after(range, None, &self.trust.read(at)?, at, call)
    }

    /// The same, going on from an earlier statement.
    fn prove_after(
        &self,
        range: &str,
        previous: Option<&[Vec<u8>]>,
        trust: &TrustFile,
        at: Time,
        call: &Call<'_>,
    ) -> Result<(Proof, Vec<Finding>), FlowError> {
        let (start, candidate) = match range.split_once("..") {
            Some((_, candidate)) if candidate.starts_with('.') => {
                return Err(FlowError::Usage(format!("`{range}` has three dots: a range is START..CANDIDATE")));
            }
            Some((start, candidate)) if !start.is_empty() && !candidate.is_empty() => (Some(start), candidate),
            Some(("", candidate)) if !candidate.is_empty() => (None, candidate),
            _ => return Err(FlowError::Usage(format!("`{range}` has not the form START..CANDIDATE"))),
        };
        if !self.repository.as_str().starts_with("git+") {
            let given = &self.repository;
            return Err(FlowError::Usage(format!("--repository {given}: reviews name a repository as git+{given}")));
        }
        let parameters = Parameters {
            reviewers_beyond_author: self.reviewers_beyond_author,
            least_tier: match self.least_tier {
                TierArg::T1 => Tier::T1,
                TierArg::T2 => Tier::T2,
                TierArg::T3 => Tier::T3,
            },
            base_drift: match self.base_drift {
                DriftArg::Allow => BaseDrift::Allow,
                DriftArg::Reapprove => BaseDrift::Reapprove,
            },
            agreed_before: match self.agreed_before {
                BeforeArg::Promotion => AgreedBefore::Promotion,
                BeforeArg::Landing => AgreedBefore::Landing,
            },
            forge_rules: if self.any_rules { ForgeRules::Any } else { ForgeRules::Enforced },
            hidden_content: self.hidden_content.iter().flatten().copied().collect(),
            foreign_reviews: if self.foreign { ForeignReviews::Count } else { ForeignReviews::Ignore },
        };
        let mut handed = documents::read_all(&self.reviews, &[])?;
        handed.documents.extend(self.roots.read()?);
        let mut findings = Vec::new();
        if let Some(trust) = &trust.outcome.trust {
            let roots = given::roots_among(trust, &handed.documents);
            let (documents, strange) = strangers::without(std::mem::take(&mut handed.documents), trust, &roots, at);
            handed.documents = documents;
            findings.extend(strange);
        }
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
            cut_from: self.cut_from.as_ref(),
            start,
            candidate,
            documents: &handed.documents,
            captures: &handed.captures,
            previous,
            trust,
            parameters: &parameters,
            programs: call.world.environment(),
            at,
        })?;
        Ok((proof, findings))
    }
}

impl Verify {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let mut begun = reports::facts("review-verify");
        begun.subject_name = Some(self.proof.repository.to_string());
        begun.file = self.proof.target.to_string();
        self.reports.answer(call, begun.clone(), "nothing was proved", || self.prove(call, begun))
    }

    fn prove(&self, call: &Call<'_>, begun: Facts) -> Result<Answered<answer::ReviewProved>, FlowError> {
        let at = given::now()?;
        let trust = self.proof.trust.read(at)?;
        // A key that does not do is said before the work.
        let key =
            self.source.key.as_ref().map(|place| SigningKey::open(place, &call.world.token_access())).transpose()?;
        let previous = match self.source.previous.as_slice() {
            [] => None,
            paths => Some(documents::read_all(paths, &[])?.documents),
        };
        let (proof, more) = self.proof.prove_after(&self.range, previous.as_deref(), &trust, at, call)?;
        let findings: Vec<Finding> =
            proof.findings.iter().chain(&proof.outcome.findings).chain(&more).cloned().collect();
        let exit = exit_of(&findings);
        let verdict = verdict_of(&findings);
        let emitted = match (&key, &self.source.verifier, &self.source.output, &trust.outcome.trust) {
            (Some(key), Some(verifier), Some(output), Some(trust)) => {
                let executable = std::env::current_exe().unwrap_or_default();
                let tool = &World::tool().map_err(|source| FlowError::Read { path: executable, source })?;
                emit(&proof, &more, verdict, &SourceRequest { verifier, key, output, trust, tool })?
            }
            _ => None,
        };
        let (emitted, source) = match emitted {
            Some((emitted, level)) => (Some(emitted), level),
            None => (None, proof.level(&more)),
        };
        let after = proof.grounds.as_ref().and_then(|grounds| Some(grounds.previous.as_ref()?.provenance().revision));
        let document = answer::ReviewProved {
            verdict,
            tier: proof.outcome.tier,
            commits: proof.outcome.commits,
            changes: proof.outcome.changes,
            foreign: proof.outcome.foreign,
            evidence: Sha256::of(&proof.evidence),
            source,
            after,
            emitted,
            findings,
            exit,
        };
        let asked = key.is_some();
        let mut facts = reports::ended(begun, verdict, exit, &document.findings);
        facts.closing = format!(
            "{} of {} commits belong to changes",
            document.commits.iter().filter(|row| row.change.is_some()).count(),
            document.commits.len()
        );
        let text = story::of_range(&document, asked);
        Ok(Answered::new(document, text, facts))
    }
}
