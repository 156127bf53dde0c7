//! What happened on the forge, told in its order.

use super::deliveries::Delivery;
use countersign_core::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Which forge it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// GitHub.
    Github,
    /// GitLab.
    Gitlab,
}

/// What a reviewer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    /// It may land.
    Approve,
    /// It must not.
    Reject,
    /// A remark.
    Comment,
}

/// How a change lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A merge commit.
    Merge,
    /// One commit.
    Squash,
    /// One commit for each.
    Rebase,
    /// Through a queue.
    Queue,
}

/// An account.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub id: u64,
    pub login: String,
    pub bot: bool,
}

/// A commit, as the forge shows it.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// Its parents.
    pub parents: Vec<String>,
    /// The account that the forge takes for its author.
    pub author: Option<u64>,
    /// The account that the forge takes for its committer.
    pub committer: Option<u64>,
    /// Name and address of its author.
    pub name: (String, String),
    /// Its message.
    pub message: String,
    /// Whether the forge says that its signature holds.
    pub verified: bool,
}

/// A review.
#[derive(Debug, Clone)]
pub struct Review {
    /// Its number.
    pub id: u64,
    /// Whose.
    pub account: u64,
    /// What it says.
    pub opinion: Opinion,
    /// The commit that the forge shows it for.
    pub commit: String,
    /// When.
    pub at: Time,
    /// Whether it was set aside.
    pub dismissed: bool,
}

/// An event of a change, as its timeline tells it.
#[derive(Debug, Clone)]
pub struct Told {
    /// When.
    pub at: Time,
    /// Whose doing.
    pub account: u64,
    /// GitHub's word for it: `reviewed`, `merged`, `head_ref_force_pushed` …
    pub what: &'static str,
    /// The review or commit that it is about.
    pub about: String,
}

/// A change.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its number.
    pub number: u64,
    /// Who opened it.
    pub opener: u64,
    /// Its branch.
    pub branch: String,
    /// The branch that it is meant for.
    pub target: String,
    /// That branch's tip.
    pub base: String,
    /// Its commits, oldest first.
    pub commits: Vec<Commit>,
    /// How many commits it has, if that is more than are here.
    pub counted: Option<usize>,
    /// Every head that it had, with the time.
    pub heads: Vec<(Time, String, u64)>,
    /// `open`, `closed` or `merged`.
    pub state: &'static str,
    /// When it was opened.
    pub opened_at: Time,
    /// When it landed, by whom, and with which commit.
    pub merged: Option<(Time, u64, String, Way)>,
    /// Its reviews.
    pub reviews: Vec<Review>,
    /// What happened.
    pub timeline: Vec<Told>,
    /// Accounts that it is assigned to.
    pub assignees: Vec<u64>,
    /// The repository of its branch: number and path. `None` if that was deleted.
    pub from: Option<(u64, String)>,
}

impl Change {
    /// Its newest commit.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.heads.last().expect("a head").1
    }
}

/// A branch that moved.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Its number.
    pub id: u64,
    /// The path of the repository.
    pub path: String,
    /// The branch, `refs/heads/…`.
    pub branch: String,
    /// From where; zeros if it was made.
    pub before: String,
    /// To where; zeros if it was removed.
    pub after: String,
    /// Whose doing.
    pub account: u64,
    /// When.
    pub at: Time,
    /// GitHub's word for it: `push`, `force_push`, `branch_creation`, `branch_deletion`, `pr_merge`, `merge_queue_merge`.
    pub what: &'static str,
}

/// A set of rules.
#[derive(Debug, Clone)]
pub struct Ruleset {
    /// Its number.
    pub id: u64,
    /// The branch that it is for.
    pub branch: String,
    /// `active` or `evaluate`.
    pub enforcement: &'static str,
    /// Approvals that it asks for.
    pub approvals: u32,
    /// Whether a push takes approvals back.
    pub dismiss_stale: bool,
    /// How many may go past it.
    pub bypass_actors: usize,
    /// When it was last changed.
    pub updated_at: Time,
}

/// How rules came out for a push.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its number.
    pub id: u64,
    /// The branch, `refs/heads/…`.
    pub branch: String,
    /// The commit before.
    pub before: String,
    /// The commit after.
    pub after: String,
    /// `pass`, `fail` or `bypass`.
    pub result: &'static str,
    /// When.
    pub at: Time,
    /// Who pushed.
    pub account: u64,
}

/// The id of no commit.
pub(super) const NONE: &str = "0000000000000000000000000000000000000000";

/// What happened on the forge. Fields are open: a test may set anything as it likes.
#[derive(Debug, Clone)]
pub struct Story {
    /// Which forge.
    pub kind: Kind,
    /// The repository's path.
    pub path: String,
    /// The repository's number.
    pub id: u64,
    /// A path that it had before.
    pub old_path: Option<String>,
    /// The forge's clock.
    pub now: Time,
    /// Whether whoever asks may see what only administrators may.
    pub admin: bool,
    /// The changes, by number.
    pub changes: BTreeMap<u64, Change>,
    /// Branches that moved, oldest first.
    pub activity: Vec<Activity>,
    /// Rules. Where there are some, the older kind of protection answers 404.
    pub rulesets: Vec<Ruleset>,
    /// How they came out.
    pub suites: Vec<Suite>,
    /// Branches with the older kind of protection, and the approvals that it asks for.
    pub protected: BTreeMap<String, u32>,
    /// What accounts may do: `admin`, `write`, `read`, `none`.
    pub permissions: BTreeMap<u64, &'static str>,
    /// Which changes a commit belongs to, beside those that it landed with.
    pub linked: BTreeMap<String, BTreeSet<u64>>,
    pub(super) accounts: BTreeMap<u64, Account>,
    pub(super) deleted: BTreeSet<u64>,
    pub(super) deliveries: Vec<Delivery>,
    next: u64,
}

impl Story {
    /// A repository in which nothing happened yet.
    #[must_use]
    pub fn new(kind: Kind, path: &str) -> Self {
        Self {
            kind,
            path: path.to_owned(),
            id: 4_001,
            old_path: None,
            now: Time::from_unix(1_790_000_000).expect("a time"),
            admin: true,
            changes: BTreeMap::new(),
            activity: Vec::new(),
            rulesets: Vec::new(),
            suites: Vec::new(),
            protected: BTreeMap::new(),
            permissions: BTreeMap::new(),
            linked: BTreeMap::new(),
            accounts: BTreeMap::new(),
            deleted: BTreeSet::new(),
            deliveries: Vec::new(),
            next: 100,
        }
    }

    /// A new number, different from all others.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Lets a minute pass.
    pub fn tick(&mut self) -> Time {
        self.wait(60)
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: i64) -> Time {
        self.now = self.now.plus(seconds);
        self.now
    }

    /// A person's account that may push.
    pub fn person(&mut self, login: &str) -> u64 {
        self.account(login, false)
    }

    /// An app's account.
    pub fn robot(&mut self, login: &str) -> u64 {
        self.account(login, true)
    }

    fn account(&mut self, login: &str, bot: bool) -> u64 {
        let id = self.number();
        self.accounts.insert(id, Account { id, login: login.to_owned(), bot });
        self.permissions.insert(id, "write");
        id
    }

    /// Gives an account another name.
    pub fn rename(&mut self, account: u64, login: &str) {
        login.clone_into(&mut self.accounts.get_mut(&account).expect("an account").login);
    }

    /// Deletes an account: from here on the forge shows nobody in its place.
    pub fn delete(&mut self, account: u64) {
        self.deleted.insert(account);
    }

    /// Moves a branch of this repository.
    pub fn push(&mut self, account: u64, branch: &str, before: &str, after: &str, what: &'static str) {
        let at = self.tick();
        let id = self.number();
        let (path, branch) = (self.path.clone(), format!("refs/heads/{branch}"));
        let (before, after) = (before.to_owned(), after.to_owned());
        self.activity.push(Activity { id, path, branch, before, after, account, at, what });
        self.deliver_push();
    }

    /// Makes a branch with these commits, oldest first, and opens a change with it.
    pub fn open(&mut self, opener: u64, branch: &str, target: &str, base: &str, commits: Vec<Commit>) -> u64 {
        let head = commits.last().expect("a commit").id.clone();
        self.push(opener, branch, NONE, &head, "branch_creation");
        let opened_at = self.tick();
        let number = self.changes.keys().next_back().map_or(1, |last| last + 1);
        self.changes.insert(
            number,
            Change {
                number,
                opener,
                branch: branch.to_owned(),
                target: target.to_owned(),
                base: base.to_owned(),
                commits,
                counted: None,
                heads: vec![(opened_at, head, opener)],
                state: "open",
                opened_at,
                merged: None,
                reviews: Vec::new(),
                timeline: Vec::new(),
                assignees: Vec::new(),
                from: Some((self.id, self.path.clone())),
            },
        );
        self.deliver_change(number, opener, "opened");
        number
    }

    /// The change of a number.
    ///
    /// # Panics
    /// If there is none.
    pub fn change(&mut self, number: u64) -> &mut Change {
        self.changes.get_mut(&number).expect("a change")
    }

    /// Pushes to a change's branch: these are its commits from then on.
    pub fn update(&mut self, number: u64, account: u64, commits: Vec<Commit>, forced: bool) {
        let (branch, before) = (self.change(number).branch.clone(), self.change(number).head().to_owned());
        let head = commits.last().expect("a commit").id.clone();
        self.push(account, &branch, &before, &head, if forced { "force_push" } else { "push" });
        let now = self.now;
        let change = self.change(number);
        change.commits = commits;
        change.heads.push((now, head.clone(), account));
        if forced {
            self.tell(number, account, "head_ref_force_pushed", &head);
        }
        self.deliver_change(number, account, "synchronize");
    }

    /// Reviews a change as it is. Gives the review's number.
    pub fn review(&mut self, number: u64, account: u64, opinion: Opinion) -> u64 {
        let at = self.tick();
        let id = self.number();
        let commit = self.change(number).head().to_owned();
        let review = Review { id, account, opinion, commit, at, dismissed: false };
        self.change(number).reviews.push(review);
        self.tell(number, account, "reviewed", &id.to_string());
        self.deliver_review(number, id, account, "submitted");
        id
    }

    /// The forge shows a review for another commit than it was made on, as GitHub does after some forced pushes.
    pub fn rebind(&mut self, number: u64, review: u64, commit: &str) {
        let review = self.change(number).reviews.iter_mut().find(|r| r.id == review).expect("a review");
        commit.clone_into(&mut review.commit);
    }

    /// Sets a review aside.
    pub fn dismiss(&mut self, number: u64, review: u64, account: u64) {
        self.tick();
        self.change(number).reviews.iter_mut().find(|r| r.id == review).expect("a review").dismissed = true;
        self.tell(number, account, "review_dismissed", &review.to_string());
        self.deliver_review(number, review, account, "dismissed");
    }

    /// Means a change for another branch.
    pub fn retarget(&mut self, number: u64, account: u64, target: &str, base: &str) {
        self.tick();
        let change = self.change(number);
        target.clone_into(&mut change.target);
        base.clone_into(&mut change.base);
        self.tell(number, account, "base_ref_changed", "");
        self.deliver_change(number, account, "edited");
    }

    /// Gives a change up, or takes it up again: `closed`, `reopened`.
    pub fn close(&mut self, number: u64, account: u64, what: &'static str) {
        self.tick();
        self.change(number).state = if what == "closed" { "closed" } else { "open" };
        self.tell(number, account, what, "");
        self.deliver_change(number, account, what);
    }

    /// Lands a change with this commit.
    pub fn merge(&mut self, number: u64, account: u64, result: &str, way: Way) {
        if way == Way::Queue {
            self.tick();
            self.tell(number, account, "added_to_merge_queue", "");
        }
        let (base, target) = (self.change(number).base.clone(), self.change(number).target.clone());
        let what = if way == Way::Queue { "merge_queue_merge" } else { "pr_merge" };
        self.push(account, &target, &base, result, what);
        let now = self.now;
        let change = self.change(number);
        change.state = "merged";
        change.merged = Some((now, account, result.to_owned(), way));
        self.tell(number, account, "merged", result);
        self.tell(number, account, "closed", "");
        self.deliver_change(number, account, "closed");
    }

    /// Puts rules on a branch.
    pub fn rules(&mut self, branch: &str, approvals: u32, dismiss_stale: bool) -> u64 {
        let (id, updated_at) = (self.number(), self.now);
        let branch = branch.to_owned();
        let enforcement = "active";
        self.rulesets.push(Ruleset { id, branch, enforcement, approvals, dismiss_stale, bypass_actors: 0, updated_at });
        id
    }

    /// Records how the rules came out for a landing.
    pub fn suite(&mut self, number: u64, result: &'static str) {
        let id = self.number();
        let change = self.change(number).clone();
        let (at, account, after, _) = change.merged.expect("it landed");
        let (branch, before) = (format!("refs/heads/{}", change.target), change.base);
        self.suites.push(Suite { id, branch, before, after, result, at, account });
    }

    /// Puts a line into a change's timeline.
    pub fn tell(&mut self, number: u64, account: u64, what: &'static str, about: &str) {
        let (at, about) = (self.now, about.to_owned());
        self.change(number).timeline.push(Told { at, account, what, about });
    }

    /// What the forge delivered to whoever listens, in order.
    #[must_use]
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// The changes that a commit belongs to.
    pub(super) fn changes_of(&self, commit: &str) -> Vec<&Change> {
        let linked = self.linked.get(commit);
        let belongs = |change: &&Change| {
            linked.is_some_and(|numbers| numbers.contains(&change.number))
                || change.merged.as_ref().is_some_and(|(_, _, result, _)| result == commit)
                || change.commits.iter().any(|c| c.id == commit)
        };
        self.changes.values().filter(belongs).collect()
    }
}

impl Commit {
    /// A commit whose author the forge does not know.
    #[must_use]
    pub fn new(id: &str, parents: &[&str]) -> Self {
        Self {
            id: id.to_owned(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            author: None,
            committer: None,
            name: ("Somebody".to_owned(), "somebody@example.com".to_owned()),
            message: "a change".to_owned(),
            verified: false,
        }
    }

    /// The forge takes it for this account's.
    #[must_use]
    pub fn by(mut self, account: u64) -> Self {
        self.author = Some(account);
        self.committer = Some(account);
        self
    }

    /// The commits of a range of a real repository, oldest first. `account` gives the account that the forge takes for
    /// the one of a name.
    ///
    /// # Panics
    /// If git does not give them.
    pub fn of_range(repo: &Path, range: &str, account: impl Fn(&str) -> Option<u64>) -> Vec<Self> {
        #[expect(clippy::disallowed_methods, reason = "git answers for its own repository")]
        let output = Command::new("git")
            .args(["log", "--reverse", "--topo-order", "-z", "--format=%H%x1f%P%x1f%an%x1f%ae%x1f%cn%x1f%B", range])
            .current_dir(repo)
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split('\0')
            .filter(|record| !record.trim().is_empty())
            .map(|record| {
                let parts: Vec<&str> = record.splitn(6, '\x1f').collect();
                Self {
                    id: parts[0].trim().to_owned(),
                    parents: parts[1].split_whitespace().map(str::to_owned).collect(),
                    author: account(parts[2]),
                    committer: account(parts[4]),
                    name: (parts[2].to_owned(), parts[3].to_owned()),
                    message: parts[5].trim_end().to_owned(),
                    verified: false,
                }
            })
            .collect()
    }
}
