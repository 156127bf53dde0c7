//! `review`: agreement that people sign or a forge recorded, and the proof that it covers a range.

mod collect;

use super::given::{self, TrustArgs};
use super::{Answer, Call};
use crate::render::Done;
use crate::world::World;
use clap::{Args, Subcommand, ValueEnum};
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of, verdict_of};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::review::{Review as Statement, ReviewDecision, Tier};
use countersign_decide::review::{CommitRow, ForgeRules, Parameters};
use countersign_flow::review::{ChangeSummary, SignRequest, VerifyRequest, sign, verify};
use countersign_flow::{FlowError, documents, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_sign::PersonKey;
use std::path::PathBuf;

/// Sign reviews, and prove that they cover a range of commits
#[derive(Debug, Args)]
pub(crate) struct Review {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Sign(Box<Sign>),
    Collect(Box<collect::Collect>),
    Verify(Box<Verify>),
}

/// Sign your review of a change with your own key
///
/// Binds repository, branch, base, head and trees: it counts for exactly this change, and nowhere else. What the change
/// does, and what a diff would hide, is shown first. Offline.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign review sign feature --target refs/heads/main --key ~/.ssh/id_ed25519 --dir reviews"
)]
struct Sign {
    /// The change: a commit or a branch
    #[arg(default_value = "HEAD")]
    head: String,
    /// Your key: SSH (a `.pub` asks the agent) or PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The branch that the change is meant for
    #[arg(long, value_name = "REF", default_value = "refs/heads/main")]
    target: RefName,
    /// That branch's tip as you see it; the branch itself where none is given
    #[arg(long, value_name = "COMMIT")]
    base: Option<String>,
    /// Reject the change
    #[arg(long, conflicts_with = "revoke")]
    reject: bool,
    /// Take your earlier approval back
    #[arg(long)]
    revoke: bool,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// The repository's uri; its remote `origin` where none is given
    #[arg(long, value_name = "git+https://…")]
    repository: Option<Uri>,
    /// Where the signed review goes
    #[arg(long, value_name = "DIR", default_value = "reviews")]
    dir: PathBuf,
}

/// Prove that two trusted persons agreed to every commit of a range
///
/// The repository is read once; the proof is then over git's objects alone, hashed again, and offline.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign review verify v1.0..main --repository git+https://example.com/app --reviews reviews \\\n    \
                        --trust trust.sigstore.json --trust-digest sha256:…"
)]
struct Verify {
    /// START..CANDIDATE
    range: String,
    /// Signed reviews, and what collectors read from forges: files, or folders of them
    #[arg(long, value_name = "DIR|FILE", required = true)]
    reviews: Vec<PathBuf>,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
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
    #[command(flatten)]
    trust: TrustArgs,
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

impl Review {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Sign(verb) => verb.run(call),
            Verb::Collect(verb) => verb.run(call),
            Verb::Verify(verb) => verb.run(call),
        }
    }
}

impl Sign {
    fn run(&self, call: &Call<'_>) -> Answer {
        let key = PersonKey::load(&self.key)?;
        let keygen = call.world.ssh_keygen();
        let nonce = World::nonce().map_err(|error| FlowError::Usage(format!("random bytes: {error}")))?;
        let request = SignRequest {
            repo: &self.repo,
            repository: self.repository.as_ref(),
            head: &self.head,
            target: &self.target,
            base: self.base.as_deref(),
            decision: match (self.reject, self.revoke) {
                (true, _) => ReviewDecision::Reject,
                (_, true) => ReviewDecision::Revoke,
                _ => ReviewDecision::Approve,
            },
            key: &key,
            keygen: &keygen,
            nonce: &nonce,
            programs: call.world.environment(),
        };
        let mut shown = String::new();
        let signed = sign(&request, |review, summary| {
            shown = before_signing(review, summary);
            call.tell(&shown);
        })?;
        std::fs::create_dir_all(&self.dir).map_err(|source| FlowError::Read { path: self.dir.clone(), source })?;
        let output = self.dir.join(&signed.file);
        let mut line = signed.document.clone();
        line.push(b'\n');
        write_atomic(&output, &line, 0o644)?;
        let document = answer::ReviewSigned {
            output: output.display().to_string(),
            document: Sha256::of(&signed.document),
            review: signed.review.clone(),
            files: signed.summary.clone(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "review-sign", &document, || {
            format!("signed: {} {}\n{}\n", signed.review.decision, signed.review.head_commit, document.output)
        }))
    }
}

/// How many files are listed before signing.
const LISTED: usize = 40;

fn before_signing(review: &Statement, summary: &ChangeSummary) -> String {
    let count = |how: &str| summary.files.iter().filter(|file| file.how == how).count();
    let mut out = format!(
        "{} {}\n  for {} of {}\n  on base {}\n  {} file(s): {} added, {} changed, {} deleted\n",
        review.decision,
        review.head_commit,
        review.target_ref,
        review.repository,
        review.base_commit,
        summary.files.len(),
        count("added"),
        count("changed"),
        count("deleted")
    );
    for file in summary.files.iter().take(LISTED) {
        let hidden = if file.hidden.is_empty() {
            String::new()
        } else {
            format!("  hidden from a diff: {}", file.hidden.join(", "))
        };
        out.push_str(&format!("    {:<8} {}{hidden}\n", file.how, text::plain(&file.path)));
    }
    if summary.files.len() > LISTED {
        out.push_str(&format!("    and {} more\n", summary.files.len().saturating_sub(LISTED)));
    }
    if review.merge_tree.is_none() {
        out.push_str("  the merge rule cannot tell what merging it would give: conflicts, renames or ambiguous text\n");
    }
    out
}

impl Verify {
    fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let trust = self.trust.read(at)?;
        let (start, candidate) = match self.range.split_once("..") {
            Some((start, candidate)) if !start.is_empty() && !candidate.is_empty() => (Some(start), candidate),
            Some(("", candidate)) if !candidate.is_empty() => (None, candidate),
            _ => return Err(FlowError::Usage(format!("`{}` has the form START..CANDIDATE", self.range))),
        };
        let parameters = Parameters {
            reviewers_beyond_author: self.reviewers_beyond_author,
            least_tier: match self.least_tier {
                TierArg::T1 => Tier::T1,
                TierArg::T2 => Tier::T2,
                TierArg::T3 => Tier::T3,
            },
            forge_rules: if self.any_rules { ForgeRules::Any } else { ForgeRules::Enforced },
            ..Parameters::default()
        };
        let handed = documents::read_all(&self.reviews, &[])?;
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
        let findings: Vec<Finding> = proof.findings.iter().chain(&proof.outcome.findings).cloned().collect();
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
        Ok(Done::answer(call.format, exit, "review-verify", &document, || words(&document)))
    }
}

fn words(proved: &answer::ReviewProved) -> String {
    let short = |id: &countersign_core::git::Oid| id.hex().chars().take(12).collect::<String>();
    let row = |commit: &CommitRow| {
        let change = proved.changes.iter().find(|change| Some(change.head) == commit.change);
        let authors = change.map_or_else(String::new, |change| {
            let names: Vec<String> = change
                .authors
                .iter()
                .map(|author| {
                    format!(
                        "{} ({})",
                        author.person.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string),
                        author.seen
                    )
                })
                .collect();
            names.join("; ")
        });
        let reviews = change.map_or_else(String::new, |change| {
            let said: Vec<String> = change
                .reviews
                .iter()
                .map(|review| match &review.why_not {
                    None => format!("{} counted", review.who()),
                    Some(why) => format!("{} not counted: {why}", review.who()),
                })
                .collect();
            said.join("; ")
        });
        vec![
            short(&commit.commit),
            commit.subject.clone(),
            commit.change.as_ref().map_or_else(|| "none".to_owned(), short),
            commit.strategy.map_or_else(String::new, |strategy| strategy.to_string()),
            authors,
            reviews,
            change.and_then(|change| change.tier).map_or_else(String::new, |tier| tier.to_string()),
            change.map_or_else(String::new, |change| change.proof.clone()),
        ]
    };
    let heading = ["commit", "subject", "change", "landed by", "authors", "approvals", "tier", "tree proof"];
    let rows: Vec<_> = proved.commits.iter().map(row).collect();
    let found =
        if proved.findings.is_empty() { String::new() } else { format!("\n{}", text::findings(&proved.findings)) };
    format!("{}{found}\n{}\n", text::table(&heading, &rows), proved.verdict)
}
