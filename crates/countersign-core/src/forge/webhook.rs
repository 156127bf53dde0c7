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
    /// The change's number; absent for a push, which is about a branch.
    pub change: Option<u64>,
    /// The full name of the ref that was pushed; absent for what is about a change.
    pub pushed: Option<String>,
}

/// What a delivery is about; `None` for events that are not about changes, such as a comment.
pub fn subject_of(forge: ForgeKind, event: &str, payload: &[u8]) -> Result<Option<About>, ForgeError> {
    let name = "a delivery";
    match (forge, event) {
        (ForgeKind::Github, "pull_request" | "pull_request_review" | "push") => {
            let value = body(name, payload)?;
            let node = Node::new(name, &value);
            let repository = node.need("repository")?;
            let change = if event == "push" { None } else { Some(node.need("pull_request")?.number("number")?) };
            Ok(Some(About {
                repository: repository.number("id")?,
                path: repository.text("full_name")?.to_owned(),
                change,
                pushed: if event == "push" { Some(node.text("ref")?.to_owned()) } else { None },
            }))
        }
        (ForgeKind::Gitlab, "Merge Request Hook" | "Push Hook") => {
            let value = body(name, payload)?;
            let node = Node::new(name, &value);
            let project = node.need("project")?;
            let push = event == "Push Hook";
            let change = if push { None } else { Some(node.need("object_attributes")?.number("iid")?) };
            Ok(Some(About {
                repository: project.number("id")?,
                path: project.text("path_with_namespace")?.to_owned(),
                change,
                pushed: if push { Some(node.text("ref")?.to_owned()) } else { None },
            }))
        }
        _ => Ok(None),
    }
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
        let pull =
            br#"{"action":"opened","pull_request":{"number":7},"repository":{"id":5,"full_name":"team/service"}}"#;
        let about = subject_of(ForgeKind::Github, "pull_request", pull).unwrap().unwrap();
        assert_eq!((about.repository, about.path.as_str(), about.change), (5, "team/service", Some(7)));
        let push = br#"{"ref":"refs/heads/x","project":{"id":5,"path_with_namespace":"team/service"}}"#;
        let about = subject_of(ForgeKind::Gitlab, "Push Hook", push).unwrap().unwrap();
        assert_eq!((about.change, about.pushed.as_deref()), (None, Some("refs/heads/x")));
        assert_eq!(subject_of(ForgeKind::Github, "issue_comment", b"{}").unwrap(), None);
        assert!(subject_of(ForgeKind::Github, "push", b"<html>").is_err());
        assert!(subject_of(ForgeKind::Gitlab, "Merge Request Hook", br#"{"object_attributes":{"iid":"7"}}"#).is_err());
    }
}
