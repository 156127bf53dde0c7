//! `review sign`: what a change does is shown, and then signed.

use crate::cli::given;
use crate::cli::{Answer, Call};
use crate::render::Done;
use crate::world::World;
use clap::Args;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::git::content::Lines;
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::review::{Review, ReviewDecision};
use countersign_flow::people::By;
use countersign_flow::review::{ChangeSummary, FileChange, SignRequest, notes, sign};
use countersign_flow::{FlowError, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_sign::{KeyPlace, PersonKey};
use std::path::{Path, PathBuf};

/// Sign your review of a change with your own key or identity
///
/// Binds repository, branch, base, head and trees: it counts for exactly this change, and nowhere else. What the change
/// does, and what a diff would hide, is shown first. Offline, but for --keyless.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    countersign review sign feature --target refs/heads/main --key ~/.ssh/id_ed25519 --dir reviews\n  \
    countersign review sign https://github.com/o/r/pull/7 --key ~/.ssh/id_ed25519.pub --notes")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Sign {
    /// The change: a branch, a commit, an expression such as `main~1`, or the change's URL once it is fetched
    #[arg(default_value = "HEAD")]
    head: String,
    /// Your key: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), required_unless_present = "keyless", conflicts_with = "keyless")]
    key: Option<KeyPlace>,
    #[command(flatten)]
    keyless: given::KeylessArgs,
    /// The branch that the change is meant for
    #[arg(long, value_name = "REF", default_value = "refs/heads/main")]
    target: RefName,
    /// That branch's tip as you see it; the branch itself where none is given
    #[arg(long, value_name = "COMMIT")]
    base: Option<String>,
    /// Reject the change: it stands for this head, unless you approve a later change that --settles it
    #[arg(long, conflicts_with = "revoke")]
    reject: bool,
    /// Take your approval back: for this head it then counts no more, and cannot be given again
    #[arg(long)]
    revoke: bool,
    /// Your own rejection of an earlier change, by its document's digest: what lands with this one settles it
    #[arg(long, value_name = "sha256:…", conflicts_with_all = ["reject", "revoke"])]
    settles: Vec<Sha256>,
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// The repository's uri; its remote `origin` where none is given
    #[arg(long, value_name = "git+https://…")]
    repository: Option<Uri>,
    /// The forge's number of the repository: it stays the same when the repository is renamed, and is signed as well
    #[arg(long, value_name = "NUMBER")]
    forge_id: Option<u64>,
    /// Sign without asking, also at a terminal
    #[arg(long)]
    yes: bool,
    /// Where the signed review goes; `reviews` unless it goes to the notes
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep it in the repository, as a line of the head's note under refs/notes/countersign
    #[arg(long)]
    notes: bool,
}

impl Sign {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let identity = self.keyless.open(call)?;
        let key = self.key.as_ref().map(|key| PersonKey::open(key, &call.world.token_access())).transpose()?;
        let keygen = call.world.ssh_keygen();
        let nonce = World::nonce().map_err(|error| FlowError::Usage(format!("random bytes: {error}")))?;
        let request = SignRequest {
            repo: &self.repo,
            repository: self.repository.as_ref(),
            forge_id: self.forge_id,
            head: &self.head,
            target: &self.target,
            base: self.base.as_deref(),
            decision: match (self.reject, self.revoke) {
                (true, _) => ReviewDecision::Reject,
                (_, true) => ReviewDecision::Revoke,
                _ => ReviewDecision::Approve,
            },
            settles: self.settles.iter().copied().collect(),
            by: match (&identity, &key) {
                (Some(identity), _) => By::Identity(identity),
                (None, Some(key)) => By::Key(key, &keygen),
                (None, None) => {
                    return Err(FlowError::Usage("name a key with --key, or sign with --keyless".to_owned()));
                }
            },
            nonce: &nonce,
            programs: call.world.environment(),
        };
        let signed = sign(&request, |review, summary| {
            call.tell(&before_signing(review, summary));
            self.yes || call.agrees(&format!("sign this {}?", review.decision))
        })?;
        let output = match (&self.dir, self.notes) {
            (Some(dir), _) => Some(written(dir, &signed.file, &signed.document)?),
            (None, false) => Some(written(Path::new("reviews"), &signed.file, &signed.document)?),
            (None, true) => None,
        };
        let note = if self.notes {
            Some(notes::keep(&self.repo, &signed, given::now()?, call.world.environment())?)
        } else {
            None
        };
        let document = answer::ReviewSigned {
            output,
            note,
            document: Sha256::of(&signed.document),
            review: signed.review.clone(),
            files: signed.summary.clone(),
        };
        Ok(Done::answer(call.format, Exit::Ok, "review-sign", &document, || {
            let mut out = format!("signed: {} {}\n", document.review.decision, document.review.head_commit);
            if let Some(line) = &document.output {
                out.push_str(&format!("{line}\n"));
            }
            if let Some(note) = &document.note {
                out.push_str(&format!("{}: `countersign review push` shares it\n", note.reference));
            }
            out
        }))
    }
}

fn written(dir: &Path, file: &str, document: &[u8]) -> Result<String, FlowError> {
    std::fs::create_dir_all(dir).map_err(|source| FlowError::Read { path: dir.to_owned(), source })?;
    let output = dir.join(file);
    write_atomic(&output, &[document, b"\n"].concat(), 0o644)?;
    Ok(output.display().to_string())
}

/// How many files are listed before signing, and how much of what they hide.
const LISTED: usize = 40;
/// Where long lines are broken.
const WIDE: usize = 100;

fn before_signing(review: &Review, summary: &ChangeSummary) -> String {
    let count = |how: &str| summary.files.iter().filter(|file| file.how == how).count();
    let mut out = format!(
        "{} {}\n  for {} of {}\n  on base {}\n  {} file(s): {} added, {} changed, {} deleted; {}, {} without a diff of \
         lines\n",
        review.decision,
        review.head_commit,
        review.target_ref,
        review.repository,
        review.base_commit,
        summary.files.len(),
        count("added"),
        count("changed"),
        count("deleted"),
        lines(&summary.lines),
        summary.without_lines()
    );
    let rows: Vec<Vec<String>> = summary.files.iter().take(LISTED).map(row).collect();
    if !rows.is_empty() {
        out.push_str(&indented(&text::table(&["", "lines", "file"], &rows)));
    }
    more(&mut out, summary.files.len());
    if !summary.hidden.is_empty() {
        out.push_str(&format!("  a diff hides {} thing(s):\n", summary.hidden.len()));
        for hidden in summary.hidden.iter().take(LISTED) {
            out.push_str(&text::wrapped("    ", &hidden.to_string(), WIDE));
        }
        more(&mut out, summary.hidden.len());
    }
    if !summary.merged_only.is_empty() {
        out.push_str("  files that only the merge has so, with lines of both sides:\n");
        for path in summary.merged_only.iter().take(LISTED) {
            out.push_str(&format!("    {}\n", text::plain(path)));
        }
        more(&mut out, summary.merged_only.len());
    }
    if review.merge_tree.is_none() {
        out.push_str("  the merge rule cannot tell what merging it would give: conflicts, renames or ambiguous text\n");
    } else if summary.files.is_empty() {
        out.push_str("  the base has all of this already: --base names the branch's tip before the change landed\n");
    }
    match review.decision {
        ReviewDecision::Approve => {
            for digest in &review.settles {
                out.push_str(&format!("  once this has landed, it settles your rejection {digest}\n"));
            }
        }
        ReviewDecision::Reject => out.push_str(
            "  a rejection stands for this head, unless you approve a later change and say that it --settles this one\n",
        ),
        ReviewDecision::Revoke => {
            out.push_str(
                "  a revocation stands for this head: your approval of it counts no more, nor would a new one\n",
            );
        }
    }
    out
}

fn row(file: &FileChange) -> Vec<String> {
    let lines = file.lines.as_ref().map_or_else(|| "no diff".to_owned(), lines);
    vec![file.how.to_owned(), lines, file.path.clone()]
}

fn lines(lines: &Lines) -> String {
    format!("+{} -{}", lines.added, lines.removed)
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}\n")).collect();
    lines.concat()
}

fn more(out: &mut String, all: usize) {
    if all > LISTED {
        out.push_str(&format!("    and {} more\n", all.saturating_sub(LISTED)));
    }
}
