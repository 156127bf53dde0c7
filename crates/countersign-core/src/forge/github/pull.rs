//! One pull request and one account, as GitHub's answers and deliveries write them.

use crate::forge::read::{Node, Stamp};
use crate::forge::{ForgeError, Head};
use crate::git::oid::Oid;
use crate::ids::{RefName, Uri};
use crate::statement::change_review::{AccountKind, ChangeState, ForgeStrategy};

/// The account that stands for all deleted ones on github.com.
const GHOST: u64 = 10_137;

/// Somebody, as an answer names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub account: Option<u64>,
    pub kind: AccountKind,
    pub login: Option<String>,
}

impl Who {
    /// The number and the kind that GitHub gives. What a login looks like says nothing.
    pub(super) fn read(node: Option<Node<'_>>) -> Result<Self, ForgeError> {
        let nobody = Self { account: None, kind: AccountKind::Unknown, login: None };
        let Some(node) = node.filter(|node| !node.is_empty_object()) else { return Ok(nobody) };
        let id = node.number("id")?;
        if id == GHOST {
            return Ok(nobody);
        }
        let kind = match node.opt_text("type")? {
            Some("User") => AccountKind::Human,
            Some("Bot") => AccountKind::Bot,
            _ => AccountKind::Unknown,
        };
        Ok(Self { account: Some(id), kind, login: node.opt_text("login")?.map(str::to_owned) })
    }
}

/// A pull request.
#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub id: u64,
    pub repository: u64,
    pub url: Uri,
    pub opener: Who,
    pub assignees: Vec<Who>,
    pub state: ChangeState,
    pub created_at: Stamp,
    pub updated_at: Option<Stamp>,
    pub merged_at: Option<Stamp>,
    pub branch: String,
    pub target: RefName,
    pub base: Oid,
    pub head: Oid,
    pub head_branch: String,
    /// The number and path of the repository of the head; absent if that was deleted.
    pub head_repository: Option<(u64, String)>,
    pub pushed_at: Option<Stamp>,
    pub result: Option<Oid>,
    /// How many commits GitHub counts; only its own answer says so.
    pub commits: Option<u64>,
    pub method: Option<ForgeStrategy>,
}

impl Pull {
    /// Reads it, and makes sure that it is the one that the capture is about.
    pub(super) fn read(node: Node<'_>, about: &Head) -> Result<Self, ForgeError> {
        let (base, head) = (node.need("base")?, node.need("head")?);
        let repository = base.need("repo")?;
        if node.number("number")? != about.change || !repository.text("full_name")?.eq_ignore_ascii_case(&about.path) {
            return Err(node.fail("it is about another change"));
        }
        let merged_at = node.opt_stamp("merged_at")?;
        let merged = node.opt_flag("merged")?.unwrap_or_else(|| merged_at.is_some());
        let state = match (node.text("state")?, merged) {
            (_, true) => ChangeState::Merged,
            ("open", false) => ChangeState::Open,
            ("closed", false) => ChangeState::Closed,
            _ => return Err(node.fail("`state` is neither open nor closed")),
        };
        let from = head.get("repo")?;
        let head_repository = match &from {
            Some(repo) => Some((repo.number("id")?, repo.text("full_name")?.to_owned())),
            None => None,
        };
        let pushed_at = match from {
            // A delivery of the event `push` has a number here; of a pull request, a text.
            Some(repo) => repo.opt_stamp("pushed_at")?,
            None => None,
        };
        let assignees =
            node.list("assignees")?.into_iter().map(|who| Who::read(Some(who))).collect::<Result<_, _>>()?;
        Ok(Self {
            id: node.number("id")?,
            repository: repository.number("id")?,
            url: node.uri("html_url")?,
            opener: Who::read(node.get("user")?)?,
            assignees,
            state,
            created_at: node.stamp("created_at")?,
            updated_at: node.opt_stamp("updated_at")?,
            merged_at,
            branch: base.text("ref")?.to_owned(),
            target: base.branch("ref")?,
            base: base.oid("sha")?,
            head: head.oid("sha")?,
            head_branch: head.text("ref")?.to_owned(),
            head_repository,
            pushed_at,
            result: node.opt_oid("merge_commit_sha")?.filter(|_| merged),
            commits: node.opt_number("commits")?,
            method: method(node)?,
        })
    }

    /// Whether the head and the target are the same as in another answer about it.
    pub(super) fn same_place(&self, other: &Self) -> bool {
        (self.head, &self.target, self.state) == (other.head, &other.target, other.state)
    }
}

/// How GitHub was told to land it, if it was told beforehand.
fn method(node: Node<'_>) -> Result<Option<ForgeStrategy>, ForgeError> {
    let Some(auto) = node.get("auto_merge")? else { return Ok(None) };
    Ok(match auto.opt_text("merge_method")? {
        Some("merge") => Some(ForgeStrategy::Merge),
        Some("squash") => Some(ForgeStrategy::Squash),
        Some("rebase") => Some(ForgeStrategy::Rebase),
        _ => None,
    })
}
