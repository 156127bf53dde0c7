//! One merge request and one account, as GitLab's answers write them.

use crate::forge::read::{Node, Stamp};
use crate::forge::{ForgeError, Head};
use crate::git::oid::Oid;
use crate::ids::{RefName, Uri};
use crate::statement::change_review::{ChangeState, ForgeStrategy};

/// The name that GitLab keeps for the account of everybody who was deleted.
const GHOST: &str = "ghost";

/// Somebody, as an answer names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub account: Option<u64>,
    /// The name that they show, which commits may carry as well.
    pub name: Option<String>,
}

impl Who {
    pub(super) fn read(node: Option<Node<'_>>) -> Result<Self, ForgeError> {
        let Some(node) = node else { return Ok(Self { account: None, name: None }) };
        if node.opt_text("username")? == Some(GHOST) {
            return Ok(Self { account: None, name: None });
        }
        Ok(Self { account: Some(node.number("id")?), name: node.opt_text("name")?.map(str::to_owned) })
    }
}

/// A merge request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub id: u64,
    pub project: u64,
    pub url: Uri,
    pub opener: Who,
    pub assignees: Vec<Who>,
    pub state: ChangeState,
    pub created_at: Stamp,
    pub updated_at: Option<Stamp>,
    pub merged_at: Option<Stamp>,
    pub branch: String,
    pub target: RefName,
    pub base: Option<Oid>,
    pub head: Oid,
    pub head_branch: String,
    pub head_project: Option<u64>,
    pub result: Option<Oid>,
    pub strategy: Option<ForgeStrategy>,
}

impl Request {
    /// Reads it, and makes sure that it is the one that the capture is about.
    pub(super) fn read(node: Node<'_>, about: &Head, project: u64) -> Result<Self, ForgeError> {
        if node.number("iid")? != about.change || node.number("target_project_id")? != project {
            return Err(node.fail("it is about another change"));
        }
        let head = node.oid("sha")?;
        let state = state(node, node.text("state")?)?;
        let landed = state == ChangeState::Merged;
        let (merge, squash) = (node.opt_oid("merge_commit_sha")?, node.opt_oid("squash_commit_sha")?);
        let strategy = match (squash, merge) {
            (Some(_), _) => ForgeStrategy::Squash,
            (None, Some(_)) => ForgeStrategy::Merge,
            (None, None) => ForgeStrategy::FastForward,
        };
        let base = match node.get("diff_refs")? {
            Some(refs) => refs.opt_oid("start_sha")?,
            None => None,
        };
        let assignees =
            node.list("assignees")?.into_iter().map(|who| Who::read(Some(who))).collect::<Result<_, _>>()?;
        Ok(Self {
            id: node.number("id")?,
            project,
            url: node.uri("web_url")?,
            opener: Who::read(node.get("author")?)?,
            assignees,
            state,
            created_at: node.stamp("created_at")?,
            updated_at: node.opt_stamp("updated_at")?,
            merged_at: node.opt_stamp("merged_at")?.filter(|_| landed),
            branch: node.text("target_branch")?.to_owned(),
            target: node.branch("target_branch")?,
            base,
            head,
            head_branch: node.text("source_branch")?.to_owned(),
            head_project: node.opt_number("source_project_id")?,
            result: merge.or(squash).or(Some(head)).filter(|_| landed),
            strategy: landed.then_some(strategy),
        })
    }

    pub(super) fn same_place(&self, other: &Self) -> bool {
        (self.head, &self.target, self.state) == (other.head, &other.target, other.state)
    }
}

pub(super) fn state(node: Node<'_>, text: &str) -> Result<ChangeState, ForgeError> {
    match text {
        "opened" | "locked" => Ok(ChangeState::Open),
        "merged" => Ok(ChangeState::Merged),
        "closed" => Ok(ChangeState::Closed),
        _ => Err(node.fail("`state` is none that is known")),
    }
}
