//! What a forge recorded of one change, as a collector saw it: who opened, pushed, reviewed and merged, in the forge's own
//! order. A claim of the collector's, over raw answers that are kept and read again; whether two persons agreed is
//! decided elsewhere. Accounts are numbers: logins can be renamed, and are somebody's personal data.

use crate::digest::Sha256;
use crate::git::oid::Oid;
use crate::ids::{RefName, Uri};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The predicate `https://countersign.dev/change-review/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeReview {
    /// Where the change was made.
    pub repository: ForgeRepository,
    /// Which change.
    pub change: ChangeName,
    /// Whether it landed.
    pub state: ChangeState,
    /// The branch that it was meant for in the end.
    pub target_ref: RefName,
    /// The tip of that branch as the forge last compared the change with it. Not always where it landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_commit: Option<Oid>,
    /// The change's newest commit in the end.
    pub approved_head: Oid,
    /// The commit with which it landed: the merge, the squash, or the last one of a rebase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_commit: Option<Oid>,
    /// How it landed, where the forge says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ForgeStrategy>,
    /// Everybody who had a hand in its content.
    pub authors: Vec<ChangeAuthor>,
    /// Every review, of whatever state.
    pub reviews: Vec<ForgeReview>,
    /// What happened, in the forge's order. Where the forge leaves the order of two events open, a head that moved
    /// comes after everything of the same second, so that no review gains by it.
    pub events: Vec<Event>,
    /// Whether the events show every move of the head since the branch was made.
    pub moves_complete: bool,
    /// How the branch's rules came out for the landing; absent where that is not known, which is not "passed".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_suite: Option<RuleSuite>,
    /// The rules in force; absent where they are not known, which is not "none".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RulesInForce>,
    /// How this came to be known.
    pub observed: Observed,
    /// What could not be read, and what it would take; each alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortfalls: Vec<Shortfall>,
    /// When the last answer was read.
    pub collected_at: Time,
    /// The digest of the capture: every answer of the forge that this rests on, as it came.
    pub capture: Sha256,
    /// The answers one by one.
    pub raw_evidence: Vec<RawEvidence>,
}

/// A repository on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForgeRepository {
    /// Its uri, `git+https://…`.
    pub uri: Uri,
    /// Which kind of forge.
    pub forge: ForgeKind,
    /// The forge's host name, as accounts in trust name it.
    pub host: String,
    /// The forge's number of the repository.
    pub id: u64,
}

/// A kind of forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ForgeKind {
    /// GitHub and GitHub Enterprise Server.
    Github,
    /// GitLab.
    Gitlab,
}

/// A pull or merge request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeName {
    /// Its number in the repository.
    pub number: u64,
    /// Its number on the forge.
    pub id: u64,
    /// Its page.
    pub url: Uri,
    /// The repository that its head branch is in; absent if that was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_repository: Option<u64>,
}

/// Whether a change landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ChangeState {
    /// Not yet.
    Open,
    /// It did.
    Merged,
    /// It was given up.
    Closed,
}

/// How a change landed, by the forge's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ForgeStrategy {
    /// A merge commit.
    Merge,
    /// One commit.
    Squash,
    /// One commit for each.
    Rebase,
    /// By a queue or train, together with others.
    Queue,
    /// The branch was moved to the head.
    FastForward,
}

/// Somebody who had a hand in a change's content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeAuthor {
    /// The account; absent if nobody knows whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// What kind of account.
    pub kind: AccountKind,
    /// In which role.
    pub role: AuthorRole,
    /// The commits that this is about; empty for the change as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Oid>,
}

/// A role in a change. The first three are the server's own events. The others are what a commit's text says, which a
/// forge can match to an account and which identifies nobody: they exclude, and never vouch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AuthorRole {
    /// Opened the change.
    Opener,
    /// Moved its head.
    Pusher,
    /// Asked a robot for it.
    Requester,
    /// Named by a commit as its author.
    Author,
    /// Named by a commit as its committer.
    Committer,
    /// Named by a commit's trailer.
    CoAuthor,
}

/// A kind of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AccountKind {
    /// A person's, by the forge's word.
    Human,
    /// An app's or a machine's.
    Bot,
    /// Nobody can tell: deleted, or not said.
    Unknown,
}

/// A review on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForgeReview {
    /// The forge's number of it.
    pub id: u64,
    /// Whose; absent if the account was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// What kind of account.
    pub kind: AccountKind,
    /// What the account may do in the repository; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<Permission>,
    /// What it says now.
    pub state: ReviewState,
    /// The commit that the forge shows it for. A forge may show it for a later one than it was made on, unless it was seen
    /// when it was made. Where a forge shows none, the head at its place in the order of events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_commit: Option<Oid>,
    /// When it was made, by the forge's clock; absent where the forge does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Time>,
    /// A later review of the same account that has an opinion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<u64>,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ReviewState {
    /// It may land.
    Approved,
    /// It must not, as it is.
    ChangesRequested,
    /// A remark, which is no opinion.
    Commented,
    /// It was set aside by somebody.
    Dismissed,
}

/// What an account may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Permission {
    /// Nothing that others may not.
    None,
    /// Look.
    Read,
    /// Push.
    Write,
    /// Change settings.
    Admin,
}

/// Something that happened to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// When, by the forge's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Whose doing; absent if the account was deleted, or the forge does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// What.
    pub what: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventKind {
    /// The change was opened.
    Opened,
    /// The head branch was made or moved.
    Moved {
        /// From where; absent if the branch was made, or if the forge does not say, which leaves the moves incomplete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Oid>,
        /// To where; absent where the forge does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Oid>,
        /// Not forward, or the forge does not say that it was.
        forced: bool,
    },
    /// It was meant for another branch from then on.
    Retargeted,
    /// A review was made.
    Reviewed {
        /// Which.
        review: u64,
    },
    /// A review was set aside.
    Dismissed {
        /// Which.
        review: u64,
    },
    /// Given up.
    Closed,
    /// Taken up again.
    Reopened,
    /// Put into a queue or train.
    Queued,
    /// Landed.
    Merged,
}

/// How a branch's rules came out for a landing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleSuite {
    /// The forge's number of it.
    pub id: u64,
    /// How.
    pub result: SuiteResult,
    /// The rules that did not hold, where the forge says so; all of them were gone past if the result is a bypass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedRule>,
}

/// A rule of a branch that did not hold for a landing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedRule {
    /// Its kind, as the forge calls it, such as `pull_request`.
    pub rule: String,
    /// The forge's number of the ruleset that has it; absent for other protection of the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruleset: Option<u64>,
    /// What the ruleset is called, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How rules came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SuiteResult {
    /// They held.
    Pass,
    /// They did not.
    Fail,
    /// Somebody went past them.
    Bypass,
}

/// The rules of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RulesInForce {
    /// SHA-256 over the answers that tell of them.
    pub digest: Sha256,
    /// Whether they refuse; if not, they only watch.
    pub enforced: bool,
    /// Approvals that they ask for.
    pub approvals: u32,
    /// Whether a push takes approvals back.
    pub dismiss_stale: bool,
    /// How many may go past them; absent where that is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass_actors: Option<u32>,
    /// When they were last changed; absent where the forge does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,
}

/// How a change came to be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Observed {
    /// As it happened, or read afterwards.
    pub how: Observation,
    /// Deliveries that are missing, so that not everything was seen as it happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
}

/// As it happened, or afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Observation {
    /// The forge was asked afterwards.
    Afterwards,
    /// The forge told each event when it happened.
    Live,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shortfall {
    /// What.
    pub what: Part,
    /// Why not: the answer's status, or what it would take, in words.
    pub why: String,
}

/// A part of what a forge knows of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Part {
    /// The change itself.
    Change,
    /// Its reviews.
    Reviews,
    /// Its commits.
    Commits,
    /// What happened, in order.
    Events,
    /// Moves of its head.
    Moves,
    /// What reviewers may do.
    Permissions,
    /// The branch's rules.
    Rules,
    /// How they came out.
    RuleSuites,
}

impl Part {
    /// Whether a proof can do without it: what tells only of settings.
    #[must_use]
    pub const fn is_setting(self) -> bool {
        matches!(self, Self::Rules | Self::RuleSuites)
    }
}

/// One answer of a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RawEvidence {
    /// What was asked: method and path, or the name of a delivery.
    pub name: String,
    /// SHA-256 of the answer's body.
    pub digest: Sha256,
}
