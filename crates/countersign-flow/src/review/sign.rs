//! One person's review of a change: what it does is shown, and then signed.

use super::change::ChangeSummary;
use crate::error::FlowError;
use countersign_collect::Environment;
use countersign_collect::git::GitRepo;
use countersign_collect::source_uri::SourceUri;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::listing::listing_digest;
use countersign_core::git::merge::{Merge, RULE, merge_trees};
use countersign_core::git::{ObjectSource, Oid, SourceError, graph};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::review::{NAMESPACE, Review, ReviewDecision};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_sign::{PersonKey, SshKeygen};
use std::path::Path;

/// What a review is signed with.
#[derive(Debug)]
pub struct SignRequest<'a> {
    /// The repository on disk.
    pub repo: &'a Path,
    /// Its uri; the remote `origin` where none is given.
    pub repository: Option<&'a Uri>,
    /// The change: a commit or a branch.
    pub head: &'a str,
    /// The branch that it is meant for.
    pub target: &'a RefName,
    /// That branch's tip as the reviewer sees it; the branch itself where none is given.
    pub base: Option<&'a str>,
    /// What the reviewer decided.
    pub decision: ReviewDecision,
    /// The reviewer's key.
    pub key: &'a PersonKey,
    /// The program that signs with SSH keys.
    pub keygen: &'a SshKeygen,
    /// Random text.
    pub nonce: &'a str,
    /// Variables for the programs that are run.
    pub programs: &'a Environment,
}

/// A signed review.
#[derive(Debug)]
pub struct SignedReview {
    /// What was signed.
    pub review: Review,
    /// The signed document.
    pub document: Vec<u8>,
    /// What the change does.
    pub summary: ChangeSummary,
    /// A file name for it.
    pub file: String,
}

/// Signs a review. `show` is called with what is about to be signed, before it is.
pub fn sign(request: &SignRequest<'_>, show: impl FnOnce(&Review, &ChangeSummary)) -> Result<SignedReview, FlowError> {
    let repo = GitRepo::open(request.repo, request.programs)?;
    let facts = repo.facts()?;
    if facts.grafts || !facts.replace_refs.is_empty() {
        let finding = Finding::new(codes::HISTORY_REPLACED, "the repository shows other history than was committed")
            .at(request.repo.display().to_string())
            .help("remove replace refs and grafts: what you review has to be what is there");
        return Err(FlowError::Refused(vec![finding]));
    }
    let head = repo.commit(request.head)?;
    let base = repo.commit(request.base.unwrap_or_else(|| request.target.as_str()))?;
    let source = repo.objects();
    not_there_already(&source, request, base, head)?;
    let (review, summary) =
        read(&source, request, repository(request, &repo)?, base, head).map_err(|error| unreadable(&error))?;
    show(&review, &summary);
    let subjects = vec![
        Subject::git("change", "gitCommit", &review.head_commit.hex()),
        Subject::git("change", "gitTree", &review.head_tree.hex()),
    ];
    let payload = Statement::new(Kind::Review, subjects, &review)?.to_bytes()?;
    let document = request.key.sign(&payload, NAMESPACE, request.keygen)?;
    let reads_back = Signed::parse(&document).is_ok_and(|signed| signed.payload == payload);
    if !reads_back {
        let finding = Finding::new(codes::BUNDLE_MALFORMED, "the review does not read back as it was signed");
        return Err(FlowError::Refused(vec![finding]));
    }
    let short = |text: &str, length: usize| text.chars().take(length).collect::<String>();
    let file = format!("{}.{}.review.json", short(&review.head_commit.hex(), 12), short(request.nonce, 8));
    Ok(SignedReview { review, document, summary, file })
}

/// A base that has the change already shows the reviewer nothing of it. The branch as it was before the change landed is
/// the base to name.
fn not_there_already(
    source: &dyn ObjectSource,
    request: &SignRequest<'_>,
    base: Oid,
    head: Oid,
) -> Result<(), FlowError> {
    if !graph::is_ancestor(source, &head, &base).map_err(|error| unreadable(&error))? {
        return Ok(());
    }
    let chain = graph::first_parents(source, &base, |id| graph::is_ancestor(source, &head, id).unwrap_or(false));
    let before = chain
        .map_err(|error| unreadable(&error))?
        .last()
        .and_then(|landed| source.commit(landed).ok()?.parents.first().copied());
    let named = request.base.unwrap_or(request.target.as_str());
    let mut finding =
        Finding::new(codes::RANGE_EMPTY, format!("{named} has the change already: there is nothing to review"))
            .at(format!("commit {head}"))
            .expected("a base without the change", "countersign: a reviewer signs what she was shown")
            .found(format!("base {base}"));
    finding = match before {
        Some(before) => finding.help(format!(
            "review it on the branch as it was before: `countersign review sign {} --base {before} --key KEY`",
            request.head
        )),
        None => finding.help("name the branch as it was before the change with --base"),
    };
    Err(FlowError::Refused(vec![finding]))
}

fn read(
    source: &dyn ObjectSource,
    request: &SignRequest<'_>,
    repository: Uri,
    base: Oid,
    head: Oid,
) -> Result<(Review, ChangeSummary), SourceError> {
    let head_tree = source.commit(&head)?.tree;
    let base_tree = source.commit(&base)?.tree;
    let bases = graph::merge_bases(source, &base, &head)?;
    let (from, merge_tree) = match bases.as_slice() {
        [common] => {
            let common = source.commit(common)?.tree;
            let merged = match merge_trees(source, Some(&common), &base_tree, &head_tree)? {
                Merge::Clean { tree, .. } => Some(tree),
                Merge::Unproven { .. } => None,
            };
            (Some(common), merged)
        }
        _ => (None, None),
    };
    let review = Review {
        repository,
        forge_id: None,
        target_ref: request.target.clone(),
        base_commit: base,
        head_commit: head,
        head_tree,
        merge_tree,
        merge_rule: RULE,
        head_listing: listing_digest(source, &head_tree)?,
        decision: request.decision,
        nonce: request.nonce.to_owned(),
    };
    Ok((review, ChangeSummary::between(source, from.as_ref(), &head_tree)?))
}

fn repository(request: &SignRequest<'_>, repo: &GitRepo) -> Result<Uri, FlowError> {
    if let Some(uri) = request.repository {
        return Ok(uri.clone());
    }
    let missing =
        || FlowError::Usage("the repository has no remote `origin`: name its uri with --repository".to_owned());
    let origin = repo.origin().ok_or_else(missing)?;
    let uri = SourceUri::normalise(origin).map_err(|_form| missing())?;
    Uri::new(&uri.to_string()).map_err(|_form| missing())
}

fn unreadable(error: &SourceError) -> FlowError {
    let code = if matches!(error, SourceError::Missing { .. }) {
        codes::HISTORY_OBJECT_MISSING
    } else {
        codes::HISTORY_MALFORMED
    };
    FlowError::Refused(vec![Finding::new(code, error.to_string()).help("git fetch, and sign the review again")])
}
