//! What the proof has to show to people: one row a commit, one a change.

use countersign_core::git::content::Hidden;
use countersign_core::git::{ObjectSource, Oid, SourceError};
use countersign_core::ids::PersonId;
use countersign_core::statement::review::{ReviewDecision, Tier};
use countersign_core::statement::source::{Lapses, Strategy};
use countersign_core::time::Time;
use serde::Serialize;
use std::fmt;

/// A commit of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommitRow {
    /// The commit.
    pub commit: Oid,
    /// The first line of its message, as printable ASCII.
    pub subject: String,
    /// The head of the change that it belongs to; absent if it belongs to none.
    pub change: Option<Oid>,
    /// How that change landed.
    pub strategy: Option<Strategy>,
}

/// A change that landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeRow {
    /// Its newest commit: what was agreed to.
    pub head: Oid,
    /// The first line of that commit's message.
    pub subject: String,
    /// The branch's tip right before it.
    pub before: Oid,
    /// The commit of the branch with which it had landed.
    pub landed: Oid,
    /// When, by a record that was made at the time; absent where there is none.
    pub landed_at: Option<Time>,
    /// How.
    pub strategy: Strategy,
    /// What the tree's proof rests on.
    pub proof: String,
    /// How many commits of the range belong to it.
    pub commits: u64,
    /// Who wrote it, as far as that is known.
    pub authors: Vec<AuthorRow>,
    /// Every review of it, counted or not.
    pub reviews: Vec<ReviewRow>,
    /// How many approvals it needs.
    pub needed: u32,
    /// The tier of the evidence; absent if nobody approved.
    pub tier: Option<Tier>,
    /// What its diff hides.
    pub hidden: Vec<Hidden>,
    /// What the evidence does not show of it that a level of the Source track asks for.
    pub lapses: Lapses,
}

/// Somebody who wrote part of a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthorRow {
    /// The person, if known.
    pub person: Option<PersonId>,
    /// How the author was seen.
    pub seen: String,
}

/// A review of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReviewRow {
    /// Who, if trust knows the account or key.
    pub person: Option<PersonId>,
    /// The account on a forge, such as `github.com/42`; absent for a review that a person signed.
    pub account: Option<String>,
    /// What.
    pub decision: ReviewDecision,
    /// The tier of this evidence.
    pub tier: Tier,
    /// Whether it counts as an approval.
    pub counted: bool,
    /// Why not, if it does not.
    pub why_not: Option<String>,
}

/// Something that another tool recorded in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForeignRow {
    /// What kind of record.
    pub kind: ForeignKind,
    /// Where it lies.
    pub place: String,
    /// The commit of the range that it is about, if it is about one.
    pub commit: Option<Oid>,
    /// What it says, as printable ASCII.
    pub says: String,
    /// Who signed it, as trust knows the key.
    pub signed_by: String,
    /// Whether it counts as an approval.
    pub counted: bool,
    /// Why not, if it does not.
    pub why_not: Option<String>,
}

/// A kind of record of another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ForeignKind {
    /// gittuf: somebody signed that a ref may move.
    Authorization,
    /// gittuf: an app says who approved on a forge that a ref moves.
    Approval,
    /// gittuf: a ref moved.
    LogEntry,
    /// What another verifier claims, such as the SLSA source tool.
    Claim,
}

impl ForeignKind {
    /// Whether such a record can count as an approval.
    #[must_use]
    pub const fn can_count(self) -> bool {
        matches!(self, Self::Authorization | Self::Approval)
    }
}

impl fmt::Display for ForeignKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization => "gittuf authorization",
            Self::Approval => "gittuf approval",
            Self::LogEntry => "gittuf log",
            Self::Claim => "claim",
        })
    }
}

impl ReviewRow {
    /// Who, in words.
    #[must_use]
    pub fn who(&self) -> String {
        let account = self.account.clone().unwrap_or_else(|| "somebody".to_owned());
        self.person.as_ref().map_or_else(|| format!("account {account}"), ToString::to_string)
    }
}

impl CommitRow {
    /// A commit that belongs to no change.
    pub(super) fn unreviewed(commit: Oid, source: &dyn ObjectSource) -> Result<Self, SourceError> {
        Ok(Self { subject: subject(source, &commit)?, commit, change: None, strategy: None })
    }
}

/// The first line of a commit's message, as printable ASCII, shortened.
pub(super) fn subject(source: &dyn ObjectSource, commit: &Oid) -> Result<String, SourceError> {
    let message = source.commit(commit)?.message;
    let line = message.split(|b| *b == b'\n').next().unwrap_or_default();
    Ok(countersign_core::git::listing::escape(line.get(..72).unwrap_or(line)))
}

/// What trailers of these commits claim about reviewers, for a refusal: evidence of tier T0, which nothing counts.
pub(super) fn claimed(source: &dyn ObjectSource, commits: &[Oid]) -> Result<Vec<String>, SourceError> {
    const NAMED: usize = 5;
    let mut out = Vec::new();
    for id in commits {
        for who in source.commit(id)?.claimed_reviewers() {
            let who = countersign_core::git::listing::escape(who.get(..72).unwrap_or(who));
            out.push(format!("{who} by a trailer, not counted (T0): whoever commits writes it"));
            if out.len() >= NAMED {
                return Ok(out);
            }
        }
    }
    Ok(out)
}
