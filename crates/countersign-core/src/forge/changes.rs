//! Which changes a commit belongs to, by the forge's word. Only a hint about what to read: whether a change accounts for a
//! commit is proved from git's objects.

use super::ForgeError;
use super::read::{Node, body, escaped, escaped_path};
use crate::git::oid::Oid;
use crate::ids::RefName;
use crate::limits;
use crate::statement::change_review::ForgeKind;

/// A change that a forge names for a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedChange {
    /// Its number in the repository that it was made for.
    pub number: u64,
    /// The forge's number of that repository: a commit that is also in a fork is named by the fork's changes too.
    pub repository: u64,
    /// Whether it landed.
    pub merged: bool,
    /// The branch that it was meant for.
    pub target: RefName,
    /// Its newest commit, where the forge says so.
    pub head: Option<Oid>,
    /// The commit with which it landed; absent if it did not, or if the forge does not say.
    pub result: Option<Oid>,
}

/// The name of the request for the changes of a commit, from page 1.
#[must_use]
pub fn commit_changes_request(kind: ForgeKind, path: &str, commit: &Oid, page: u32) -> String {
    let first = match kind {
        ForgeKind::Github => format!("GET /repos/{}/commits/{commit}/pulls?per_page=100", escaped_path(path)),
        ForgeKind::Gitlab => {
            format!("GET /projects/{}/repository/commits/{commit}/merge_requests?per_page=100", escaped(path))
        }
    };
    if page > 1 { format!("{first}&page={page}") } else { first }
}

/// The changes in one page of the answer to [`commit_changes_request`].
pub fn changes_of(kind: ForgeKind, bytes: &[u8]) -> Result<Vec<LinkedChange>, ForgeError> {
    let name = "the changes of a commit";
    let value = body(name, bytes)?;
    let node = Node::new(name, &value);
    let items = node.items()?;
    if items.len() > limits::FORGE_ITEMS {
        return Err(node.fail(format!("more than {} changes", limits::FORGE_ITEMS)));
    }
    items.into_iter().map(|item| if kind == ForgeKind::Github { pull(item) } else { merge_request(item) }).collect()
}

fn pull(item: Node<'_>) -> Result<LinkedChange, ForgeError> {
    let base = item.need("base")?;
    let merged = item.opt_stamp("merged_at")?.is_some();
    Ok(LinkedChange {
        number: item.number("number")?,
        repository: base.need("repo")?.number("id")?,
        merged,
        target: base.branch("ref")?,
        head: item.need("head")?.opt_oid("sha")?,
        // Before the landing this names a merge that GitHub only tried.
        result: item.opt_oid("merge_commit_sha")?.filter(|_| merged),
    })
}

fn merge_request(item: Node<'_>) -> Result<LinkedChange, ForgeError> {
    let merged = item.text("state")? == "merged";
    let head = item.opt_oid("sha")?;
    let landed = item.opt_oid("merge_commit_sha")?.or(item.opt_oid("squash_commit_sha")?).or(head);
    Ok(LinkedChange {
        number: item.number("iid")?,
        repository: item.number("target_project_id")?,
        merged,
        target: item.branch("target_branch")?,
        head,
        result: landed.filter(|_| merged),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_s_changes_are_named_by_both_forges() {
        let (head, landed) = ("a".repeat(40), "b".repeat(40));
        let github = format!(
            r#"[{{"number":7,"merged_at":"2026-11-22T10:00:00Z","merge_commit_sha":"{landed}","base":{{"ref":"main","repo":{{"id":5}}}},
               "head":{{"sha":"{head}"}}}},
              {{"number":8,"merged_at":null,"merge_commit_sha":"{landed}","base":{{"ref":"main","repo":{{"id":6}}}},"head":{{"sha":"{head}"}}}}]"#
        );
        let found = changes_of(ForgeKind::Github, github.as_bytes()).unwrap();
        let expected = LinkedChange {
            number: 7,
            repository: 5,
            merged: true,
            target: RefName::new("refs/heads/main").unwrap(),
            head: Some(Oid::from_hex(&head).unwrap()),
            result: Some(Oid::from_hex(&landed).unwrap()),
        };
        assert_eq!(found[0], expected);
        assert_eq!((found[1].merged, found[1].result, found[1].repository), (false, None, 6));
        let gitlab = format!(
            r#"[{{"iid":7,"state":"merged","sha":"{head}","merge_commit_sha":"{landed}","squash_commit_sha":null,
               "target_branch":"main","target_project_id":5}}]"#
        );
        assert_eq!(changes_of(ForgeKind::Gitlab, gitlab.as_bytes()).unwrap(), [expected]);
        for broken in ["<html>", "{}", "[{}]", r#"[{"number":-1}]"#] {
            assert!(changes_of(ForgeKind::Github, broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_request_escapes_what_a_path_may_hold() {
        let commit = Oid::from_hex(&"a".repeat(40)).unwrap();
        assert_eq!(
            commit_changes_request(ForgeKind::Github, "team/service", &commit, 1),
            format!("GET /repos/team/service/commits/{commit}/pulls?per_page=100")
        );
        assert_eq!(
            commit_changes_request(ForgeKind::Gitlab, "team/sub/service", &commit, 2),
            format!(
                "GET /projects/team%2Fsub%2Fservice/repository/commits/{commit}/merge_requests?per_page=100&page=2"
            )
        );
    }
}
