//! The names of the requests about one pull request.

use crate::forge::Head;
use crate::forge::read::{escaped, escaped_path};

/// Makes names of requests.
#[derive(Debug)]
pub(super) struct Names {
    repository: String,
    number: u64,
}

impl Names {
    pub(super) fn of(head: &Head) -> Self {
        Self { repository: format!("GET /repos/{}", escaped_path(&head.path)), number: head.change }
    }

    fn within(&self, rest: &str) -> String {
        format!("{}/{rest}", self.repository)
    }

    pub(super) fn pull(&self) -> String {
        self.within(&format!("pulls/{}", self.number))
    }

    pub(super) fn reviews(&self) -> String {
        self.within(&format!("pulls/{}/reviews?per_page=100", self.number))
    }

    pub(super) fn commits(&self) -> String {
        self.within(&format!("pulls/{}/commits?per_page=100", self.number))
    }

    pub(super) fn timeline(&self) -> String {
        self.within(&format!("issues/{}/timeline?per_page=100", self.number))
    }

    /// What happened to a branch of any repository: the head of a pull request can be in a fork.
    pub(super) fn activity(path: &str, branch: &str) -> String {
        format!("{}?ref={}&per_page=100", Self::activity_of(path), escaped(&format!("refs/heads/{branch}")))
    }

    /// How the names of those requests begin, and what is shown in their place: a fork's path names its owner.
    pub(super) fn activity_hidden(path: &str, id: u64) -> (String, String) {
        (Self::activity_of(path), format!("GET /repositories/{id}/activity"))
    }

    fn activity_of(path: &str) -> String {
        format!("GET /repos/{}/activity", escaped_path(path))
    }

    pub(super) fn rules(&self, branch: &str) -> String {
        self.within(&format!("rules/branches/{}?per_page=100", escaped(branch)))
    }

    pub(super) fn ruleset(&self, id: u64) -> String {
        self.within(&format!("rulesets/{id}"))
    }

    pub(super) fn protection(&self, branch: &str) -> String {
        self.within(&format!("branches/{}/protection", escaped(branch)))
    }

    pub(super) fn suites(&self, branch: &str) -> String {
        let branch = escaped(&format!("refs/heads/{branch}"));
        self.within(&format!("rulesets/rule-suites?ref={branch}&time_period=month&per_page=100"))
    }

    /// One record of how the rules came out, with each rule.
    pub(super) fn suite(&self, id: u64) -> String {
        self.within(&format!("rulesets/rule-suites/{id}"))
    }

    pub(super) fn permission(&self, login: &str) -> String {
        self.within(&format!("collaborators/{}/permission", escaped(login)))
    }

    pub(super) fn permission_hidden(&self, login: &str, id: u64) -> (String, String) {
        (self.permission(login), self.within(&format!("collaborators/(account {id})/permission")))
    }
}
