//! Deliveries of a forge's webhooks: what a delivery is about, for whoever receives it. Whether it came from the forge at
//! all is checked before, by its signature.

use super::ForgeError;
use super::read::{Node, body};
use crate::statement::change_review::ForgeKind;

/// What a delivery is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The forge's number of the repository.
    pub repository: u64,
    /// The repository's path on the forge.
    pub path: String,
    /// What it tells of.
    pub topic: Topic,
}

/// What a delivery tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// A branch or tag was pushed.
    Push {
        /// Its full name.
        pushed: String,
    },
    /// Something happened to a change.
    Change {
        /// The change's number.
        number: u64,
        /// The forge's word for what happened.
        action: String,
        /// The short name of its branch.
        branch: String,
        /// The number of the repository that its branch is in; absent if that was deleted.
        from: Option<u64>,
        /// Whether it has landed.
        landed: bool,
    },
}

/// What a delivery is about; `None` for events that are not about changes, such as a comment.
pub fn subject_of(forge: ForgeKind, event: &str, payload: &[u8]) -> Result<Option<About>, ForgeError> {
    let name = "a delivery";
    let (repository, path) = match (forge, event) {
        (ForgeKind::Github, "pull_request" | "pull_request_review" | "push") => ("repository", "full_name"),
        (ForgeKind::Gitlab, "Merge Request Hook" | "Push Hook") => ("project", "path_with_namespace"),
        _ => return Ok(None),
    };
    let value = body(name, payload)?;
    let node = Node::new(name, &value);
    let topic = match (forge, event) {
        (_, "push" | "Push Hook") => Topic::Push { pushed: node.text("ref")?.to_owned() },
        (ForgeKind::Github, _) => {
            let pull = node.need("pull_request")?;
            let head = pull.need("head")?;
            let from = head.get("repo")?.map(|repo| repo.number("id")).transpose()?;
            Topic::Change {
                number: pull.number("number")?,
                action: node.text("action")?.to_owned(),
                branch: head.text("ref")?.to_owned(),
                from,
                landed: pull.opt_text("merged_at")?.is_some(),
            }
        }
        (ForgeKind::Gitlab, _) => {
            let of = node.need("object_attributes")?;
            Topic::Change {
                number: of.number("iid")?,
                action: of.opt_text("action")?.unwrap_or("update").to_owned(),
                branch: of.text("source_branch")?.to_owned(),
                from: of.opt_number("source_project_id")?,
                landed: of.text("state")? == "merged",
            }
        }
    };
    let repository = node.need(repository)?;
    Ok(Some(About { repository: repository.number("id")?, path: repository.text(path)?.to_owned(), topic }))
}

/// The name of a delivery in a capture.
#[must_use]
pub fn name_of(guid: &str, event: &str) -> String {
    format!("delivery {guid} {event}")
}

/// The id and the event of a delivery, from its name in a capture: `delivery GUID EVENT`.
pub(super) fn delivery(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("delivery ")?.split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_says_what_it_is_about() {
        let pull = br#"{"action":"opened","repository":{"id":5,"full_name":"team/service"},
            "pull_request":{"number":7,"merged_at":null,"head":{"ref":"topic","repo":{"id":5}}}}"#;
        let about = subject_of(ForgeKind::Github, "pull_request", pull).unwrap().unwrap();
        let topic = |landed| Topic::Change {
            number: 7,
            action: "opened".to_owned(),
            branch: "topic".to_owned(),
            from: Some(5),
            landed,
        };
        assert_eq!((about.repository, about.path.as_str(), about.topic), (5, "team/service", topic(false)));
        let push = br#"{"ref":"refs/heads/x","project":{"id":5,"path_with_namespace":"team/service"}}"#;
        let about = subject_of(ForgeKind::Gitlab, "Push Hook", push).unwrap().unwrap();
        assert_eq!(about.topic, Topic::Push { pushed: "refs/heads/x".to_owned() });
        assert_eq!(subject_of(ForgeKind::Github, "issue_comment", b"{}").unwrap(), None);
        assert!(subject_of(ForgeKind::Github, "push", b"<html>").is_err());
        assert!(subject_of(ForgeKind::Gitlab, "Merge Request Hook", br#"{"object_attributes":{"iid":"7"}}"#).is_err());
        assert_eq!(delivery(&name_of("g", "Push Hook")), Some(("g", "Push Hook")));
    }
}
