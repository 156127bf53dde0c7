//! What other tools and forges already wrote about changes: gittuf's attestations and its log of references, the SLSA
//! source tool's provenance of commits and tags, and GitHub's history of rule suites. Only read, as plain values: whether
//! a signature over them holds, and whether its signer is believed, is decided elsewhere; and none of them says which
//! commit a reviewer looked at, so none of them is a review by itself.

mod envelope;
mod refs;

pub use envelope::{Envelope, EnvelopeSignature, Material};
pub use refs::{ATTESTATIONS, Kept, LOG, Line, NOTES, REFS, attestations, log, notes};

use super::ForgeError;
use super::read::{Node, Stamp, body, branch};
use crate::git::oid::Oid;
use crate::ids::{RefName, Uri};
use crate::limits;
use crate::statement::STATEMENT_TYPE;
use crate::statement::change_review::SuiteResult;
use crate::time::Time;

const STATEMENT: &str = "a statement of another tool";
const ENTRY: &str = "an entry of gittuf's log";
const SUITES: &str = "a list of rule suites";

/// A statement of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// gittuf: a ref may move.
    Authorization(Authorization),
    /// gittuf's GitHub app: who approved that a branch moves.
    Approval(Approval),
    /// The source tool: how a branch came to a commit.
    Source(SourceProvenance),
    /// The source tool: who made a tag.
    Tag(TagProvenance),
    /// Any verifier: which levels a commit reaches, by its own policy.
    Summary(Summary),
}

/// The move of a ref that somebody agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Which ref.
    pub target_ref: RefName,
    /// From which commit; absent if it was to be made.
    pub from: Option<Oid>,
    /// To which tree, or for a tag, to which commit.
    pub to: Oid,
}

/// What a forge's app says of approvals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The move that is approved.
    pub of: Authorization,
    /// Who approves.
    pub approvers: Vec<Approver>,
    /// Who did, and does no more.
    pub dismissed: Vec<Approver>,
}

/// An approver by gittuf's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// The account's number, if the name ends with one (`login+number`). Of a key or a signing identity there is none.
    pub account: Option<u64>,
    /// The name as it stands, to be compared and not shown.
    pub name: String,
}

/// How a branch came to a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProvenance {
    /// The commit.
    pub commit: Oid,
    /// Where the branch was before; absent for its first commit.
    pub before: Option<Oid>,
    /// The repository.
    pub repository: Uri,
    /// The branch.
    pub branch: RefName,
    /// What the forge calls what happened, such as `pr_merge`.
    pub activity: String,
    /// When it was written.
    pub created_on: Option<Time>,
    /// Which controls were seen, and since when.
    pub controls: Vec<(String, Option<Time>)>,
}

/// Who made a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagProvenance {
    /// The commit.
    pub commit: Oid,
    /// The repository.
    pub repository: Uri,
    /// The tag.
    pub tag: RefName,
    /// When it was written.
    pub created_on: Option<Time>,
    /// Which controls were seen, and since when.
    pub controls: Vec<(String, Option<Time>)>,
    /// The levels that the commit's own summaries verified.
    pub levels: Vec<String>,
}

/// What a verifier says of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The commit.
    pub commit: Oid,
    /// Who verified.
    pub verifier: Uri,
    /// What was verified, such as `git+https://…`.
    pub resource: Uri,
    /// Whether it passed.
    pub passed: bool,
    /// The levels reached.
    pub levels: Vec<String>,
    /// The refs that the commit was found at.
    pub refs: Vec<String>,
}

/// Reads the payload of a signed statement; `None` if it is of a kind that is not read here.
pub fn read(payload: &[u8]) -> Result<Option<Foreign>, ForgeError> {
    let value = body(STATEMENT, payload)?;
    let node = Node::new(STATEMENT, &value);
    if node.text("_type")? != STATEMENT_TYPE {
        return Err(node.fail("`_type` is not that of a statement"));
    }
    let kind = node.text("predicateType")?;
    let read: fn(Node<'_>, Node<'_>) -> Result<Foreign, ForgeError> = match kind {
        "https://gittuf.dev/reference-authorization/v0.1" => |s, p| Ok(Foreign::Authorization(moved(s, p, &OLD_KEYS)?)),
        "https://gittuf.dev/reference-authorization/v0.2" => |s, p| Ok(Foreign::Authorization(moved(s, p, &NEW_KEYS)?)),
        "https://gittuf.dev/github-pull-request-approval/v0.1" => approval,
        "https://github.com/slsa-framework/slsa-source-poc/source-provenance/v1-draft"
        | "https://github.com/slsa-framework/source-tool/source-provenance/v1" => source,
        "https://github.com/slsa-framework/slsa-source-poc/tag-provenance/v1-draft"
        | "https://github.com/slsa-framework/source-tool/tag-provenance/v1" => tag,
        "https://slsa.dev/verification_summary/v1" => summary,
        _ => return Ok(None),
    };
    read(node, node.need("predicate")?).map(Some)
}

const OLD_KEYS: [&str; 2] = ["fromRevisionID", "targetTreeID"];
const NEW_KEYS: [&str; 2] = ["fromID", "targetID"];

/// A move, and that the statement's subject is what it leads to.
fn moved(statement: Node<'_>, predicate: Node<'_>, keys: &[&str; 2]) -> Result<Authorization, ForgeError> {
    let [from, to] = *keys;
    let to = predicate.oid(to)?;
    let target_ref = full_ref(predicate, "targetRef")?;
    let key = if target_ref.as_str().starts_with("refs/tags/") && keys == &NEW_KEYS { "gitCommit" } else { "gitTree" };
    if subject(statement, key)? != to {
        return Err(statement.fail("the subject is not what the ref is to move to"));
    }
    Ok(Authorization { target_ref, from: predicate.oid_or_zero(from)?, to })
}

fn approval(statement: Node<'_>, predicate: Node<'_>) -> Result<Foreign, ForgeError> {
    let approvers = bounded(predicate, "approvers", approver)?;
    let dismissed = bounded(predicate, "dismissedApprovers", approver)?;
    if approvers.is_empty() && dismissed.is_empty() {
        return Err(predicate.fail("nobody approves or did"));
    }
    Ok(Foreign::Approval(Approval { of: moved(statement, predicate, &OLD_KEYS)?, approvers, dismissed }))
}

/// A name as text, or a key in the place of one: older versions had no other way to write a person.
fn approver(node: Node<'_>) -> Result<Approver, ForgeError> {
    let name = match node.as_text() {
        Some(name) => name,
        None => match node.get("keyval")? {
            Some(value) => value.opt_text("identity")?.filter(|identity| !identity.is_empty()),
            None => None,
        }
        .map_or_else(|| node.text("keyid"), Ok)?,
    };
    let account = name.rsplit_once('+').and_then(|(_, id)| id.parse().ok());
    Ok(Approver { account, name: name.to_owned() })
}

fn source(statement: Node<'_>, predicate: Node<'_>) -> Result<Foreign, ForgeError> {
    let repository =
        either(predicate, "repo_uri", "repoUri")?.ok_or_else(|| predicate.fail("`repo_uri` is missing"))?;
    let before = either(predicate, "prev_commit", "prevCommit")?.filter(|id| !super::read::is_zero(id));
    let activity = either(predicate, "activity_type", "activityType")?.unwrap_or_default();
    Ok(Foreign::Source(SourceProvenance {
        commit: subject(statement, "gitCommit")?,
        before: match before.filter(|id| !id.is_empty()) {
            Some(id) => Some(Oid::from_hex(id).map_err(|error| predicate.fail(error.to_string()))?),
            None => None,
        },
        repository: uri(predicate, repository)?,
        branch: full_ref(predicate, "branch")?,
        activity: activity.to_owned(),
        created_on: created_on(predicate)?,
        controls: bounded(predicate, "controls", control)?,
    }))
}

fn tag(statement: Node<'_>, predicate: Node<'_>) -> Result<Foreign, ForgeError> {
    let repository =
        either(predicate, "repo_uri", "repoUri")?.ok_or_else(|| predicate.fail("`repo_uri` is missing"))?;
    let key = if predicate.get("vsa_summaries")?.is_some() { "vsa_summaries" } else { "vsaSummaries" };
    let levels = bounded(predicate, key, |summary| {
        let key = if summary.get("verifiedLevels")?.is_some() { "verifiedLevels" } else { "verified_levels" };
        bounded(summary, key, |level| {
            level.as_text().map(str::to_owned).ok_or_else(|| level.fail("a level is no text"))
        })
    })?;
    let name = predicate.text("tag")?;
    let name = if name.starts_with("refs/") { name.to_owned() } else { format!("refs/tags/{name}") };
    Ok(Foreign::Tag(TagProvenance {
        commit: subject(statement, "gitCommit")?,
        repository: uri(predicate, repository)?,
        tag: RefName::new(&name).map_err(|error| predicate.fail(error.to_string()))?,
        created_on: created_on(predicate)?,
        controls: bounded(predicate, "controls", control)?,
        levels: levels.into_iter().flatten().collect(),
    }))
}

/// Examples of the specification say `slsaResult`, and source verifiers say `source_refs`.
fn summary(statement: Node<'_>, predicate: Node<'_>) -> Result<Foreign, ForgeError> {
    let text = |node: Node<'_>| node.as_text().map(str::to_owned).ok_or_else(|| node.fail("a word is no text"));
    let result = either(predicate, "verificationResult", "slsaResult")?;
    let passed = match result {
        Some("PASSED") => true,
        Some("FAILED") => false,
        _ => return Err(predicate.fail("it neither passed nor failed")),
    };
    let subjects = statement.list("subject")?;
    let notes = match subjects.as_slice() {
        [subject] => subject.get("annotations")?,
        _ => None,
    };
    let refs = match notes {
        None => Vec::new(),
        Some(notes) => {
            let key = if notes.get("sourceRefs")?.is_some() { "sourceRefs" } else { "source_refs" };
            bounded(notes, key, text)?
        }
    };
    Ok(Foreign::Summary(Summary {
        commit: subject(statement, "gitCommit")?,
        verifier: predicate.need("verifier")?.uri("id")?,
        resource: predicate.uri("resourceUri")?,
        passed,
        levels: bounded(predicate, "verifiedLevels", text)?,
        refs,
    }))
}

fn control(node: Node<'_>) -> Result<(String, Option<Time>), ForgeError> {
    Ok((node.text("name")?.to_owned(), node.opt_stamp("since")?.map(Stamp::second)))
}

fn created_on(node: Node<'_>) -> Result<Option<Time>, ForgeError> {
    Ok(node.opt_stamp("created_on")?.or(node.opt_stamp("createdOn")?).map(Stamp::second))
}

/// The one subject's digest of this kind.
fn subject(statement: Node<'_>, key: &str) -> Result<Oid, ForgeError> {
    let subjects = statement.list("subject")?;
    let [subject] = subjects.as_slice() else { return Err(statement.fail("it has not exactly one subject")) };
    subject.need("digest")?.oid(key)
}

/// The source tool's writers spelled fields in two ways.
fn either<'a>(node: Node<'a>, one: &str, other: &str) -> Result<Option<&'a str>, ForgeError> {
    Ok(node.opt_text(one)?.or(node.opt_text(other)?))
}

fn uri(node: Node<'_>, text: &str) -> Result<Uri, ForgeError> {
    Uri::new(text).map_err(|error| node.fail(error.to_string()))
}

fn full_ref(node: Node<'_>, key: &str) -> Result<RefName, ForgeError> {
    let text = node.text(key)?;
    let name = if text.starts_with("refs/") { RefName::new(text) } else { branch(text) };
    name.map_err(|error| node.fail(format!("`{key}`: {error}")))
}

fn bounded<'a, T>(
    node: Node<'a>,
    key: &str,
    read: impl Fn(Node<'a>) -> Result<T, ForgeError>,
) -> Result<Vec<T>, ForgeError> {
    let items = node.list(key)?;
    if items.len() > limits::FORGE_ITEMS {
        return Err(node.fail(format!("`{key}` has more than {} items", limits::FORGE_ITEMS)));
    }
    items.into_iter().map(read).collect()
}

/// An entry of gittuf's log of references, which is a chain of commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A ref came to an object.
    Moved {
        /// Which ref.
        target_ref: RefName,
        /// To what; absent if it was removed.
        to: Option<Oid>,
        /// The entry's number, where it has one.
        number: Option<u64>,
    },
    /// A remark about earlier entries.
    Annotation {
        /// Which.
        entries: Vec<Oid>,
        /// Whether they are to be left out.
        skip: bool,
        /// The entry's number, where it has one.
        number: Option<u64>,
    },
}

/// Reads the message of a commit of gittuf's log; `None` for an entry of another kind.
pub fn log_entry(message: &str) -> Result<Option<LogEntry>, ForgeError> {
    let fail = |why: String| ForgeError::Answer { name: ENTRY.to_owned(), why };
    if message.len() > limits::NOTE_BYTES {
        return Err(fail(format!("more than {} bytes", limits::NOTE_BYTES)));
    }
    let mut lines = message.lines();
    let kind = lines.next().unwrap_or_default();
    if !matches!(kind, "RSL Reference Entry" | "RSL Annotation Entry") {
        return Ok(None);
    }
    let (mut target_ref, mut to, mut number, mut skip) = (None, None, None, None);
    let mut entries = Vec::new();
    let oid = |text: &str| Oid::from_hex(text).map_err(|error| fail(error.to_string()));
    for line in lines.take_while(|line| !line.starts_with("-----BEGIN ")).filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once(": ").ok_or_else(|| fail("a line is no field".to_owned()))?;
        let twice = match key {
            "ref" => target_ref.replace(RefName::new(value).map_err(|error| fail(error.to_string()))?).is_some(),
            "targetID" => to.replace(if super::read::is_zero(value) { None } else { Some(oid(value)?) }).is_some(),
            "number" => number.replace(value.parse().map_err(|error| fail(format!("`number`: {error}")))?).is_some(),
            "skip" => skip.replace(value == "true").is_some(),
            "entryID" => {
                entries.push(oid(value)?);
                false
            }
            _ => false,
        };
        if twice {
            return Err(fail(format!("`{key}` is given twice")));
        }
    }
    let entry = match (kind, target_ref, to, skip) {
        ("RSL Reference Entry", Some(target_ref), Some(to), _) => LogEntry::Moved { target_ref, to, number },
        ("RSL Annotation Entry", _, _, Some(skip)) if !entries.is_empty() => {
            LogEntry::Annotation { entries, skip, number }
        }
        _ => return Err(fail("a field is missing".to_owned())),
    };
    Ok(Some(entry))
}

/// How the rules of a branch came out for one push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteRecord {
    /// GitHub's number of it.
    pub id: u64,
    /// Which ref.
    pub target_ref: RefName,
    /// Where it was; absent if it was made.
    pub before: Option<Oid>,
    /// Where it came to; absent if it was removed.
    pub after: Option<Oid>,
    /// When.
    pub at: Option<Time>,
    /// How.
    pub result: SuiteResult,
}

/// Reads one page of GitHub's history of rule suites.
pub fn rule_suites(bytes: &[u8]) -> Result<Vec<SuiteRecord>, ForgeError> {
    let value = body(SUITES, bytes)?;
    let items = Node::new(SUITES, &value).items()?;
    if items.len() > limits::FORGE_ITEMS {
        return Err(Node::new(SUITES, &value).fail(format!("more than {} of them", limits::FORGE_ITEMS)));
    }
    let record = |item: Node<'_>| {
        let result = match item.text("result")? {
            "pass" => SuiteResult::Pass,
            "fail" => SuiteResult::Fail,
            "bypass" => SuiteResult::Bypass,
            _ => return Err(item.fail("`result` is none that is known")),
        };
        Ok(SuiteRecord {
            id: item.number("id")?,
            target_ref: full_ref(item, "ref")?,
            before: item.oid_or_zero("before_sha")?,
            after: item.oid_or_zero("after_sha")?,
            at: item.opt_stamp("pushed_at")?.map(Stamp::second),
            result,
        })
    };
    items.into_iter().map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::testing::{at, oid};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn statement(kind: &str, subject: &Value, predicate: &Value) -> Vec<u8> {
        json!({"_type": STATEMENT_TYPE, "predicateType": kind, "subject": [{"digest": subject}], "predicate": predicate})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn gittuf_s_statements_are_read_and_their_subject_is_what_they_are_about() {
        let predicate = json!({"targetRef": "refs/heads/main", "fromRevisionID": oid(1), "targetTreeID": oid(2),
            "approvers": [{"keyid": "x::y", "keyval": {"identity": "bob+42", "issuer": "https://github.com"}}, "eve+7", "key"],
            "dismissedApprovers": null});
        let kind = "https://gittuf.dev/github-pull-request-approval/v0.1";
        let read_it = |tree: u8| read(&statement(kind, &json!({"gitTree": oid(tree)}), &predicate));
        let Some(Foreign::Approval(approval)) = read_it(2).unwrap() else { panic!("another kind") };
        let accounts: Vec<_> = approval.approvers.iter().map(|approver| approver.account).collect();
        assert_eq!(accounts, [Some(42), Some(7), None]);
        assert_eq!((approval.of.from, approval.of.to), (Some(oid(1)), oid(2)));
        assert!(read_it(3).is_err(), "the subject is another tree");
        let tag = json!({"targetRef": "refs/tags/v1", "fromID": "0".repeat(40), "targetID": oid(3)});
        let kind = "https://gittuf.dev/reference-authorization/v0.2";
        let Some(Foreign::Authorization(found)) = read(&statement(kind, &json!({"gitCommit": oid(3)}), &tag)).unwrap()
        else {
            panic!("another kind")
        };
        assert_eq!((found.from, found.to), (None, oid(3)));
        assert!(read(&statement(kind, &json!({"gitTree": oid(3)}), &tag)).is_err());
        assert_eq!(read(&statement("https://example.com/x", &json!({}), &json!({}))).unwrap(), None);
    }

    #[test]
    fn the_source_tool_s_notes_are_read_in_both_spellings() {
        let subject = json!({"gitCommit": oid(1)});
        let controls = json!([{"name": "REVIEW", "since": at(5)}]);
        let old = json!({"prev_commit": oid(2), "repo_uri": "https://github.com/a/b", "activity_type": "pr_merge",
            "actor": "u1", "branch": "refs/heads/main", "created_on": at(9), "controls": controls});
        let new = json!({"prevCommit": oid(2), "repoUri": "https://github.com/a/b", "activityType": "pr_merge",
            "branch": "main", "createdOn": at(9), "controls": controls});
        let one = read(&statement(
            "https://github.com/slsa-framework/slsa-source-poc/source-provenance/v1-draft",
            &subject,
            &old,
        ));
        let other =
            read(&statement("https://github.com/slsa-framework/source-tool/source-provenance/v1", &subject, &new));
        assert_eq!(one, other);
        let Ok(Some(Foreign::Source(source))) = one else { panic!("another kind") };
        assert_eq!((source.commit, source.before, source.activity.as_str()), (oid(1), Some(oid(2)), "pr_merge"));
        assert_eq!(source.controls, [("REVIEW".to_owned(), Some(at(5).parse().unwrap()))]);
        let tag =
            json!({"repo_uri": "https://github.com/a/b", "tag": "v1", "vsa_summaries": [{"verifiedLevels": ["L3"]}]});
        let kind = "https://github.com/slsa-framework/source-tool/tag-provenance/v1";
        let Some(Foreign::Tag(tag)) = read(&statement(kind, &subject, &tag)).unwrap() else { panic!("another kind") };
        assert_eq!((tag.tag.as_str(), tag.levels), ("refs/tags/v1", vec!["L3".to_owned()]));
    }

    #[test]
    fn what_another_verifier_says_of_a_commit_is_read_and_neither_is_no_result() {
        let said = |predicate: Value| {
            let subject =
                json!([{"digest": {"gitCommit": oid(1)}, "annotations": {"source_refs": ["refs/heads/main"]}}]);
            let whole = json!({"_type": STATEMENT_TYPE, "predicateType": "https://slsa.dev/verification_summary/v1",
                "subject": subject, "predicate": predicate});
            read(whole.to_string().as_bytes())
        };
        let with = |result: &str| {
            json!({"verifier": {"id": "https://example.com/verifier"}, "resourceUri": "git+https://example.com/a/b",
                "verificationResult": result, "verifiedLevels": ["SLSA_SOURCE_LEVEL_3"]})
        };
        let Ok(Some(Foreign::Summary(summary))) = said(with("PASSED")) else { panic!("another kind") };
        assert!(summary.passed);
        assert_eq!((summary.commit, summary.refs), (oid(1), vec!["refs/heads/main".to_owned()]));
        let Ok(Some(Foreign::Summary(summary))) = said(with("FAILED")) else { panic!("another kind") };
        assert!(!summary.passed);
        assert!(said(with("PERHAPS")).is_err());
        assert!(said(json!({})).is_err());
    }

    #[test]
    fn entries_of_gittuf_s_log_are_read() {
        let moved = format!("RSL Reference Entry\n\nref: refs/heads/main\ntargetID: {}\nnumber: 4", oid(1));
        let target_ref = RefName::new("refs/heads/main").unwrap();
        let expected = LogEntry::Moved { target_ref, to: Some(oid(1)), number: Some(4) };
        assert_eq!(log_entry(&moved).unwrap(), Some(expected));
        let note = format!(
            "RSL Annotation Entry\n\nentryID: {}\nskip: true\n-----BEGIN MESSAGE-----\nref: x\n-----END MESSAGE-----",
            oid(1)
        );
        let expected = LogEntry::Annotation { entries: vec![oid(1)], skip: true, number: None };
        assert_eq!(log_entry(&note).unwrap(), Some(expected));
        assert_eq!(log_entry("RSL Propagation Entry\n\nref: x").unwrap(), None);
        assert!(log_entry(&format!("{moved}\nref: refs/heads/x")).is_err(), "a field given twice");
        assert!(log_entry("RSL Reference Entry\n\nref: refs/heads/main").is_err());
    }

    #[test]
    fn a_history_of_rule_suites_shows_who_went_past_them() {
        let page = json!([{"id": 1, "ref": "refs/heads/main", "before_sha": "0".repeat(40), "after_sha": oid(1),
            "pushed_at": at(1), "result": "bypass"}]);
        let found = rule_suites(page.to_string().as_bytes()).unwrap();
        assert_eq!((found[0].before, found[0].after, found[0].result), (None, Some(oid(1)), SuiteResult::Bypass));
        assert!(rule_suites(b"<html>").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reading_panic(text in "(RSL (Reference|Annotation) Entry\n\n)?(ref: |skip: |entryID: |[a-z:/\n ]){0,20}") {
            let _entry = log_entry(&text);
            let _statement = read(text.as_bytes());
            let _suites = rule_suites(text.as_bytes());
        }
    }
}
