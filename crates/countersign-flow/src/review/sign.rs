//! One person's review of a change: what it does is shown, and then signed.

use super::change::ChangeSummary;
use crate::error::FlowError;
use crate::people::By;
use crate::signing::by_person;
use countersign_collect::Environment;
use countersign_collect::git::{ChangeUrl, GitError, GitRepo};
use countersign_collect::source_uri::SourceUri;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::listing::listing_digest;
use countersign_core::git::merge::{Merge, RULE, merge_trees};
use countersign_core::git::source::Overlay;
use countersign_core::git::{ObjectSource, Oid, SourceError, graph};
use countersign_core::ids::{RefName, Uri};
use countersign_core::statement::review::{NAMESPACE, Review, ReviewDecision};
use countersign_core::statement::{Kind, Statement, Subject};
use std::collections::BTreeSet;
use std::path::Path;

/// The branch that a review is for where none is named.
const MAIN: &str = "refs/heads/main";

/// What a review is signed with.
#[derive(Debug)]
pub struct SignRequest<'a> {
    /// The repository on disk.
    pub repo: &'a Path,
    /// Its uri; that of the change's address, or the remote `origin`, where none is given.
    pub repository: Option<&'a Uri>,
    /// The forge's number of the repository, where the review is to name it.
    pub forge_id: Option<u64>,
    /// The change: a branch, a commit, an expression such as `main~1`, or its address on a forge.
    pub head: &'a str,
    /// The branch that it is meant for.
    pub target: &'a RefName,
    /// That branch's tip as the reviewer sees it; the branch itself where none is given.
    pub base: Option<&'a str>,
    /// What the reviewer decided.
    pub decision: ReviewDecision,
    /// The reviewer's own rejections that an approval settles.
    pub settles: BTreeSet<Sha256>,
    /// What the reviewer signs with.
    pub by: By<'a>,
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

/// Signs a review. `agreed` is shown what is about to be signed, and says whether it is to be.
pub fn sign(
    request: &SignRequest<'_>,
    agreed: impl FnOnce(&Review, &ChangeSummary) -> bool,
) -> Result<SignedReview, FlowError> {
    let repo = GitRepo::open(request.repo, request.programs)?;
    let facts = repo.facts()?;
    if facts.grafts || !facts.replace_refs.is_empty() {
        let finding = Finding::new(codes::HISTORY_REPLACED, "the repository shows other history than was committed")
            .at(request.repo.display().to_string())
            .help("remove replace refs and grafts: what you review has to be what is there");
        return Err(FlowError::Refused(vec![finding]));
    }
    let (head, repository) = match ChangeUrl::parse(request.head) {
        Some(url) => change_at(request, &repo, &url?)?,
        None => (repo.commit(request.head)?, repository(request, &repo)?),
    };
    let base = base(request, &repo)?;
    let source = repo.objects();
    not_there_already(&source, request, base, head)?;
    let (review, summary) = read(&source, request, repository, base, head).map_err(|error| unreadable(&error))?;
    if !agreed(&review, &summary) {
        return Err(FlowError::Declined);
    }
    let subjects = vec![
        Subject::git("change", "gitCommit", &review.head_commit.hex()),
        Subject::git("change", "gitTree", &review.head_tree.hex()),
        // Bundles with certificates are bound to a SHA-256, and git's own names are none.
        Subject::sha256("listing", &review.head_listing),
    ];
    let statement = Statement::new(Kind::Review, subjects, &review)?;
    let payload = statement.to_bytes()?;
    let document = match request.by {
        By::Key(key, keygen) => by_person(&payload, NAMESPACE, key, keygen)?,
        #[cfg(feature = "online")]
        By::Identity(signer) => signer.sign(&statement)?.bundle,
    };
    let signed = Signed::parse(&document).ok().filter(|signed| signed.payload == payload);
    if signed.is_none() {
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
            "review it on the branch as it was before: `countersign review sign {}{} --base {before}{}{} --key KEY`",
            request.head,
            match request.decision {
                ReviewDecision::Approve => "",
                ReviewDecision::Reject => " --reject",
                ReviewDecision::Revoke => " --revoke",
            },
            if request.target.as_str() == MAIN { String::new() } else { format!(" --target {}", request.target) },
            request.settles.iter().map(|digest| format!(" --settles {digest}")).collect::<Vec<_>>().concat(),
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
    let (from, merged) = match bases.as_slice() {
        [common] => {
            let common = source.commit(common)?.tree;
            (common, Some(merge_trees(source, Some(&common), &base_tree, &head_tree)?))
        }
        _ => (base_tree, None),
    };
    let mut summary = ChangeSummary::between(source, Some(&from), &head_tree)?;
    let merge_tree = match &merged {
        Some(Merge::Clean { tree, new_objects }) => {
            let source = Overlay::new(source, new_objects);
            summary = summary.with_merge(&source, [&base_tree, &head_tree], tree)?;
            Some(*tree)
        }
        Some(Merge::Unproven { .. }) | None => None,
    };
    let review = Review {
        repository,
        forge_id: request.forge_id.map(|id| id.to_string()),
        target_ref: request.target.clone(),
        base_commit: base,
        head_commit: head,
        head_tree,
        merge_tree,
        merge_rule: RULE,
        head_listing: listing_digest(source, &head_tree)?,
        decision: request.decision,
        settles: request.settles.clone(),
        nonce: request.nonce.to_owned(),
    };
    Ok((review, summary))
}

/// The head and the repository that an address names. A repository that is given besides has to be that one.
fn change_at(request: &SignRequest<'_>, repo: &GitRepo, url: &ChangeUrl) -> Result<(Oid, Uri), FlowError> {
    let named = Uri::new(url.repository.as_str()).map_err(|error| FlowError::Usage(error.to_string()))?;
    if let Some(given) = request.repository {
        let same = SourceUri::normalise(given.as_str()).is_ok_and(|given| given.same_place(&url.repository));
        if !same {
            let what = format!("{} is a change of {named}, and --repository names {given}", request.head);
            return Err(FlowError::Usage(what));
        }
    }
    Ok((repo.change(url)?, request.repository.cloned().unwrap_or(named)))
}

/// The tip of the target. A clone that has no branch of its own of that name has the remote's.
fn base(request: &SignRequest<'_>, repo: &GitRepo) -> Result<Oid, FlowError> {
    if let Some(base) = request.base {
        return Ok(repo.commit(base)?);
    }
    match (repo.commit(request.target.as_str()), request.target.as_str().strip_prefix("refs/heads/")) {
        (Err(GitError::NoSuchRevision { .. }), Some(branch)) => Ok(repo
            .commit(&format!("refs/remotes/origin/{branch}"))
            .map_err(|_absent| GitError::NoSuchRevision { name: request.target.to_string() })?),
        (found, _) => Ok(found?),
    }
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
    let (code, help) = if matches!(error, SourceError::Missing { .. }) {
        (codes::HISTORY_OBJECT_MISSING, "git fetch, and sign the review again")
    } else {
        (codes::HISTORY_MALFORMED, "`git fsck --strict` says more: have the change made anew without that object")
    };
    FlowError::Refused(vec![Finding::new(code, error.to_string()).help(help)])
}
