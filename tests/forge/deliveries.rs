//! What the forge tells those who listen: one delivery for each thing that happened, as the forge's hooks write them.

use super::model::{Kind, Opinion, Story};
use super::{github, gitlab};
use countersign_core::time::Time;
use serde_json::{Value, json};

/// One delivery, unsigned.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its unique name, as in `X-GitHub-Delivery` or `X-Gitlab-Event-UUID`.
    pub guid: String,
    /// The event, as in `X-GitHub-Event` or `X-Gitlab-Event`.
    pub event: String,
    /// Its body.
    pub body: Vec<u8>,
    /// When it happened.
    pub at: Time,
}

impl Story {
    pub(super) fn deliver_push(&mut self) {
        let Some(last) = self.activity.last().cloned() else { return };
        let (event, body) = match self.kind {
            Kind::Github => (
                "push",
                json!({
                    "ref": last.branch, "before": last.before, "after": last.after,
                    "created": last.what == "branch_creation", "deleted": last.what == "branch_deletion",
                    "forced": last.what == "force_push",
                    "repository": github::repository(self), "sender": github::account(self, last.account),
                    "pusher": {"name": self.accounts[&last.account].login},
                }),
            ),
            Kind::Gitlab => (
                "Push Hook",
                json!({
                    "object_kind": "push", "event_name": "push", "ref": last.branch,
                    "before": last.before, "after": last.after, "checkout_sha": last.after,
                    "user_id": last.account, "user_username": self.accounts[&last.account].login,
                    "project_id": self.id, "project": gitlab::project(self),
                }),
            ),
        };
        self.deliver(event, &body);
    }

    pub(super) fn deliver_change(&mut self, number: u64, account: u64, action: &str) {
        let change = self.changes[&number].clone();
        let (event, body) = match self.kind {
            Kind::Github => {
                let mut body = json!({
                    "action": action, "number": number, "pull_request": github::pull(self, &change),
                    "repository": github::repository(self), "sender": github::account(self, account),
                });
                if action == "synchronize" {
                    let before = change.heads.iter().rev().nth(1).map_or(Value::Null, |(_, id, _)| json!(id));
                    body["before"] = before;
                    body["after"] = json!(change.head());
                }
                ("pull_request", body)
            }
            Kind::Gitlab => {
                let action = match action {
                    "opened" => "open",
                    "closed" if change.state == "merged" => "merge",
                    "closed" => "close",
                    "reopened" => "reopen",
                    _ => "update",
                };
                ("Merge Request Hook", self.merge_request_hook(number, account, action))
            }
        };
        self.deliver(event, &body);
    }

    pub(super) fn deliver_review(&mut self, number: u64, review: u64, account: u64, action: &str) {
        let change = self.changes[&number].clone();
        let review = change.reviews.iter().find(|r| r.id == review).expect("a review").clone();
        let (event, body) = match self.kind {
            Kind::Github => {
                // A hook spells the state in small letters, other than the API.
                let mut shown = github::review(self, &review);
                shown["state"] = json!(shown["state"].as_str().unwrap_or_default().to_lowercase());
                (
                    "pull_request_review",
                    json!({
                        "action": action, "review": shown, "pull_request": github::pull(self, &change),
                        "repository": github::repository(self), "sender": github::account(self, account),
                    }),
                )
            }
            Kind::Gitlab if review.opinion == Opinion::Approve => {
                let action = if action == "dismissed" { "unapproved" } else { "approved" };
                ("Merge Request Hook", self.merge_request_hook(number, account, action))
            }
            Kind::Gitlab => return,
        };
        self.deliver(event, &body);
    }

    fn merge_request_hook(&self, number: u64, account: u64, action: &str) -> Value {
        let change = &self.changes[&number];
        let mut attributes = gitlab::merge_request(self, change);
        attributes["action"] = json!(action);
        attributes["url"] = attributes["web_url"].clone();
        attributes["author_id"] = json!(change.opener);
        attributes["last_commit"] = json!({"id": change.head()});
        if action == "update"
            && let Some((_, before, _)) = change.heads.iter().rev().nth(1)
        {
            attributes["oldrev"] = json!(before);
        }
        json!({
            "object_kind": "merge_request", "event_type": "merge_request",
            "user": gitlab::account(self, account), "project": gitlab::project(self),
            "object_attributes": attributes,
        })
    }

    fn deliver(&mut self, event: &str, body: &Value) {
        let guid = format!("00000000-0000-4000-8000-{:012x}", self.deliveries.len() + 1);
        let (event, body) = (event.to_owned(), serde_json::to_vec(body).expect("JSON"));
        self.deliveries.push(Delivery { guid, event, body, at: self.now });
    }
}
