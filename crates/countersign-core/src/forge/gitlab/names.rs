//! The names of the requests about one merge request.

use crate::forge::Head;
use crate::forge::read::{Stamp, escaped};

/// Seconds of two days: GitLab filters by whole days, in a time zone of its own.
const TWO_DAYS: i64 = 2 * 86_400;

/// Makes names of requests.
#[derive(Debug)]
pub(super) struct Names {
    project: String,
    number: u64,
}

impl Names {
    pub(super) fn of(head: &Head) -> Self {
        Self { project: format!("GET /projects/{}", escaped(&head.path)), number: head.change }
    }

    pub(super) fn project(&self) -> String {
        self.project.clone()
    }

    fn within(&self, rest: &str) -> String {
        format!("{}/{rest}", self.project)
    }

    pub(super) fn request(&self) -> String {
        self.within(&format!("merge_requests/{}", self.number))
    }

    fn of_request(&self, rest: &str) -> String {
        self.within(&format!("merge_requests/{}/{rest}", self.number))
    }

    pub(super) fn approvals(&self) -> String {
        self.of_request("approvals")
    }

    pub(super) fn approval_state(&self) -> String {
        self.of_request("approval_state")
    }

    pub(super) fn project_approvals(&self) -> String {
        self.within("approvals")
    }

    pub(super) fn versions(&self) -> String {
        self.of_request("versions?per_page=100")
    }

    pub(super) fn commits(&self) -> String {
        self.of_request("commits?per_page=100")
    }

    pub(super) fn notes(&self) -> String {
        self.of_request("notes?sort=asc&order_by=created_at&per_page=100")
    }

    pub(super) fn states(&self) -> String {
        self.of_request("resource_state_events?per_page=100")
    }

    pub(super) fn member(&self, account: u64) -> String {
        self.within(&format!("members/all/{account}"))
    }

    pub(super) fn user(account: u64) -> String {
        format!("GET /users/{account}")
    }

    pub(super) fn protected(&self, branch: &str) -> String {
        self.within(&format!("protected_branches/{}", escaped(branch)))
    }

    /// The pushes to a project, newest first; of a change that landed, those until then.
    pub(super) fn pushes(project: u64, landed: Option<Stamp>) -> String {
        let day = landed.map(|landed| landed.second().plus(TWO_DAYS).to_string().chars().take(10).collect::<String>());
        let before = day.map_or_else(String::new, |day| format!("&before={day}"));
        format!("GET /projects/{project}/events?action=pushed{before}&per_page=100")
    }
}
