//! A forge that is not there: a server on 127.0.0.1 that speaks what GitHub and GitLab document, over a model in memory.
//!
//! Three parts. A [`Story`] is what happened on the forge: accounts, pushes, changes, reviews, landings, each told by one
//! call in the order in which it happened, with the forge's clock going on by a minute each. A [`Server`] answers requests
//! from it over real HTTP, with the forge's own paging, caps, hidden fields and refusals. A [`Fault`] makes it misbehave.
//!
//! ```no_run
//! use countersign_tests::forge::{Commit, Kind, Opinion, Server, Story, Way};
//!
//! let mut story = Story::new(Kind::Github, "team/service");
//! let (ada, ben) = (story.person("ada"), story.person("ben"));
//! let (base, head) = ("a".repeat(40), "b".repeat(40));
//! let commits = vec![Commit::new(&head, &[&base]).by(ada)];
//! let change = story.open(ada, "feature", "main", &base, commits);
//! story.review(change, ben, Opinion::Approve);
//! story.merge(change, ada, &"c".repeat(40), Way::Merge);
//! let server = Server::start(story);
//! println!("{}", server.api());
//! ```
//!
//! Commits can also come from a real repository: [`Commit::of_range`].

mod deliveries;
mod fault;
mod github;
mod gitlab;
mod model;
mod server;

pub use deliveries::Delivery;
pub use fault::Fault;
pub use model::{Activity, Change, Commit, Kind, Opinion, Review, Ruleset, Story, Suite, Told, Way};
pub use server::{AUTHORITY, Seen, Server};

use serde_json::Value;
use server::Answer;

impl Story {
    /// What the forge says to a request for this path below its API, without a server, if that is one thing or one list.
    #[must_use]
    pub fn says(&self, path: &str) -> Option<Value> {
        let below = path.split_once('?').map_or(path, |(below, _)| below);
        let found = match self.kind {
            Kind::Github => github::answer(self, below, &|_| None),
            Kind::Gitlab => gitlab::answer(self, below, &|_| None),
        };
        match found {
            Answer::One(value) => Some(value),
            Answer::List(items) => Some(Value::Array(items)),
            Answer::Cursor(_) | Answer::Moved(_) | Answer::Refused(..) => None,
        }
    }
}
