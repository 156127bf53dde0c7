//! What the proof has to show to people: one row a commit, one a change.

use countersign_core::codes;
use countersign_core::finding::Code;
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
    /// What is known of its tree; absent if nothing that was agreed to could have become it.
    pub tree: Option<TreeProof>,
}

/// Whether what a commit made of the branch is what was agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TreeProof {
    /// Its tree is what the merge rule makes of what was agreed to.
    Proven,
    /// The commit itself was agreed to, and landed as it was.
    Landed,
    /// The merge rule does not say what the tree has to be.
    Unproven,
    /// It is another tree than the merge rule makes.
    Mismatch,
}

impl TreeProof {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Landed => "landed",
            Self::Unproven => "unproven",
            Self::Mismatch => "mismatch",
        }
    }

    /// Of a landing.
    pub(super) const fn of(strategy: Strategy) -> Self {
        match strategy {
            Strategy::FastForward => Self::Landed,
            Strategy::Merge | Strategy::Squash | Strategy::Rebase => Self::Proven,
        }
    }

    /// Of a commit that nothing explains, by what was found instead.
    pub(super) fn of_finding(code: Code) -> Option<Self> {
        let other = [codes::MERGE_TREE_MISMATCH, codes::SQUASH_TREE_MISMATCH, codes::REBASE_MISMATCH];
        let unproven = [codes::TREE_UNPROVEN, codes::MERGE_BASES, codes::MERGE_ATTRIBUTE];
        if other.contains(&code) { Some(Self::Mismatch) } else { unproven.contains(&code).then_some(Self::Unproven) }
    }
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
    /// The same in a word.
    pub by: Sighting,
}

/// How an author was seen, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Sighting {
    /// By the signature of a commit that holds.
    Signature,
    /// By a forge's own record.
    Forge,
    /// By gittuf's log that the person signed.
    Gittuf,
    /// By the text of a commit: author, committer or trailer. Anybody can write it.
    Text,
    /// By a commit with a signature that does not hold.
    BrokenSignature,
    /// By a commit with a signature of a key that trust does not know.
    UnknownKey,
    /// By a commit that nobody signed.
    Unsigned,
}

impl Sighting {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Forge => "forge",
            Self::Gittuf => "gittuf",
            Self::Text => "text",
            Self::BrokenSignature => "broken-signature",
            Self::UnknownKey => "unknown-key",
            Self::Unsigned => "unsigned",
        }
    }
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
    /// The same in a word.
    pub reason: Option<NotCounted>,
}

/// Why a review does not count, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum NotCounted {
    /// It is by an author of the change.
    Author,
    /// The person agreed already.
    Again,
    /// It is against the change.
    Against,
    /// It was revoked, dismissed, replaced, or contradicted by the same person.
    Withdrawn,
    /// It is not of what landed: another head, tree or listing, or commits that the reviewer was not shown.
    NotOfThis,
    /// It was made on another base, and the policy wants it again.
    OtherBase,
    /// It was not made before the landing, by the forge's order.
    Late,
    /// A robot made it.
    Robot,
    /// The account is nobody's in trust, or was not, or is not any more.
    NotTrusted,
    /// The account may not push there.
    MayNotPush,
    /// Something that has to be known of it is not.
    Unclear,
}

impl NotCounted {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Again => "again",
            Self::Against => "against",
            Self::Withdrawn => "withdrawn",
            Self::NotOfThis => "not-of-this",
            Self::OtherBase => "other-base",
            Self::Late => "late",
            Self::Robot => "robot",
            Self::NotTrusted => "not-trusted",
            Self::MayNotPush => "may-not-push",
            Self::Unclear => "unclear",
        }
    }
}

/// Why a review does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WhyNot {
    /// In a word.
    pub reason: NotCounted,
    /// In a sentence.
    pub text: String,
}

impl WhyNot {
    pub(super) fn new(reason: NotCounted, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }

    /// An author's own review.
    pub(super) fn author(author: &AuthorRow) -> Self {
        Self::new(NotCounted::Author, format!("is an author of the change: {}", author.seen))
    }

    /// A second one of the same person.
    pub(super) fn again() -> Self {
        Self::new(NotCounted::Again, "the same person again")
    }
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
    pub(super) fn unreviewed(
        commit: Oid,
        tree: Option<TreeProof>,
        source: &dyn ObjectSource,
    ) -> Result<Self, SourceError> {
        Ok(Self { subject: subject(source, &commit)?, commit, change: None, strategy: None, tree })
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
