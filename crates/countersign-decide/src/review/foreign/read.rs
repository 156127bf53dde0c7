//! Reading what other tools recorded: each record becomes a row, and where a person agrees to a move, an agreement.

use super::super::Question;
use super::super::rows::{ForeignKind, ForeignRow};
use super::{Agreement, Others, row};
use countersign_core::forge::foreign::{
    ATTESTATIONS, Approval, Approver, Authorization, Foreign, Kept, LOG, Line, LogEntry, NOTES, attestations, log,
    notes,
};
use countersign_core::git::listing::escape;
use countersign_core::git::{Oid, SourceError, graph};
use countersign_core::ids::RefName;
use countersign_core::statement::Kind;
use countersign_core::trust::Trust;
use countersign_verify::foreign::verify_foreign;
use countersign_verify::history::{CommitSigner, commit_signer};
use countersign_verify::{ForeignSigner, ForeignStatement};
use std::collections::{BTreeMap, BTreeSet};

const NOT_ASKED: &str = "what gittuf recorded was not asked for";
/// How much of a foreign word is shown.
const SHOWN: usize = 120;

/// Reads all of it.
pub(super) fn all(question: &Question<'_>, chain: &[Oid], range: &[Oid], out: &mut Others) {
    let tip = |name: &str| {
        let named = question.history.facts().others.iter().find(|(other, _)| other.as_str() == name);
        named.map(|(_, tip)| *tip)
    };
    let unread = |out: &mut Others, kind, place: &str, error: &SourceError| {
        out.not_read(row(kind, place, None), format!("it cannot be read: {error}"));
    };
    let lines = match tip(LOG).map(|tip| log(question.history.objects(), &tip)) {
        None => Vec::new(),
        Some(Ok(lines)) => lines,
        Some(Err(error)) => {
            unread(out, ForeignKind::LogEntry, LOG, &error);
            Vec::new()
        }
    };
    let skipped = skipped(question, &lines);
    if let Some(tip) = tip(ATTESTATIONS) {
        let newest = lines.iter().find_map(|line| match &line.entry {
            Ok(Some(LogEntry::Moved { target_ref, to, .. })) if target_ref.as_str() == ATTESTATIONS => Some(*to),
            _ => None,
        });
        // Without the log's word for it, an older state could be put in the place of one that dismissed an approval.
        let stale = newest.flatten() != Some(tip);
        if let Err(error) = agreements(question, chain, &tip, stale, out) {
            unread(out, ForeignKind::Authorization, ATTESTATIONS, &error);
        }
    }
    if let Err(error) = uploads(question, range, &lines, &skipped, out) {
        out.uploads.clear();
        unread(out, ForeignKind::LogEntry, LOG, &error);
    }
    if let Some(tip) = tip(NOTES) {
        let commits: BTreeSet<Oid> = range.iter().copied().collect();
        match notes(question.history.objects(), question.history.facts().format, &tip, &commits) {
            Ok(found) => found.iter().for_each(|(commit, line)| claim(question, commit, line, out)),
            Err(error) => unread(out, ForeignKind::Claim, NOTES, &error),
        }
    }
}

/// Attestations that the branch may move.
fn agreements(
    question: &Question<'_>,
    chain: &[Oid],
    tip: &Oid,
    stale: bool,
    out: &mut Others,
) -> Result<(), SourceError> {
    let source = question.history.objects();
    // What landed on each commit, and with which tree.
    let mut landed_on = BTreeMap::new();
    let mut with_tree = BTreeMap::new();
    for (before, landed) in std::iter::once(&question.start).chain(chain).zip(chain) {
        landed_on.insert(*before, *landed);
        with_tree.insert(source.commit(landed)?.tree, *landed);
    }
    let wanted = |from: &Oid, to: &Oid| landed_on.contains_key(from) || with_tree.contains_key(to);
    for kept in attestations(source, tip, question.target_ref, &wanted)? {
        let commit = landed_on.get(&kept.from).or_else(|| with_tree.get(&kept.to)).copied();
        let landed = landed_on.get(&kept.from);
        let elsewhere = match landed.map(|landed| source.commit(landed)).transpose()?.map(|landed| landed.tree) {
            None => Some("what has this tree landed on another commit".to_owned()),
            Some(tree) if tree != kept.to => Some(format!("what landed there has another tree: {tree}")),
            Some(_) => None,
        };
        let why_not = if stale {
            Some(format!("gittuf's log does not name this state of {ATTESTATIONS} as the newest"))
        } else if !out.counts {
            Some(NOT_ASKED.to_owned())
        } else {
            elsewhere
        };
        attestation(question, &kept, commit, why_not.as_deref(), out);
    }
    Ok(())
}

fn attestation(question: &Question<'_>, kept: &Kept, commit: Option<Oid>, why_not: Option<&str>, out: &mut Others) {
    let place = format!("{ATTESTATIONS}:{}", kept.path);
    let kind = if kept.path.starts_with("code-review") { ForeignKind::Approval } else { ForeignKind::Authorization };
    let read = kept.bytes.as_ref().map_err(Clone::clone);
    let read = read.and_then(|bytes| verify_foreign(bytes, question.trust, question.at));
    let statement = match read {
        Ok(statement) => statement,
        Err(why) => {
            out.not_read(row(kind, &place, commit), escape(why.as_bytes()));
            return;
        }
    };
    match (kind, statement.said()) {
        (ForeignKind::Authorization, Some(Foreign::Authorization(of))) => {
            let elsewhere = other_move(of, kept, question.target_ref);
            let why_not = elsewhere.as_deref().or(why_not);
            for signer in statement.signers() {
                authorization(signer, of, &place, commit, why_not, out);
            }
        }
        (ForeignKind::Approval, Some(Foreign::Approval(approval))) => {
            let elsewhere = other_move(&approval.of, kept, question.target_ref);
            let why_not = elsewhere.as_deref().or(why_not);
            for signer in statement.signers() {
                app(question, signer, approval, &place, commit, why_not, out);
            }
        }
        _ => out.not_read(row(kind, &place, commit), "it is no statement of the kind that is kept there".to_owned()),
    }
}

/// The path is not signed. A document that says otherwise was put into the place of another.
fn other_move(of: &Authorization, kept: &Kept, target: &RefName) -> Option<String> {
    if of.target_ref != *target {
        return Some(format!("it is about another branch: {}", of.target_ref));
    }
    ((of.from, of.to) != (Some(kept.from), kept.to)).then(|| "it is about another move than its path says".to_owned())
}

fn authorization(
    signer: &ForeignSigner,
    of: &Authorization,
    place: &str,
    commit: Option<Oid>,
    why_not: Option<&str>,
    out: &mut Others,
) {
    let at = out.rows.len();
    let mut row = row(ForeignKind::Authorization, place, commit);
    row.says = format!("{} may move to tree {}", of.target_ref, of.to);
    row.signed_by = signer.describe();
    row.why_not = match signer {
        ForeignSigner::Nobody(why) => Some(escape(why.as_bytes())),
        ForeignSigner::Person(_) => why_not.map(str::to_owned),
        ForeignSigner::Collector(_) | ForeignSigner::Gate(_) | ForeignSigner::Other(_) => {
            Some("it was not signed by a person".to_owned())
        }
    };
    if let (ForeignSigner::Person(person), None, Some(from)) = (signer, &row.why_not, of.from) {
        let agreement = Agreement { row: at, person: person.clone(), account: None };
        out.agree((from, of.to), agreement);
    }
    out.rows.push(row);
}

/// What an app says of approvals on a forge: believed of a collector of trust alone, and of the one forge that trust lets it
/// speak of, since the statement names none.
fn app(
    question: &Question<'_>,
    signer: &ForeignSigner,
    approval: &Approval,
    place: &str,
    commit: Option<Oid>,
    why_not: Option<&str>,
    out: &mut Others,
) {
    let trust = question.trust.trust();
    let host = forge_of(signer, trust);
    let dismissed: BTreeSet<Option<u64>> = approval.dismissed.iter().map(|approver| approver.account).collect();
    let nobody = Approver { account: None, name: "nobody".to_owned() };
    let approvers: Vec<&Approver> =
        if approval.approvers.is_empty() { vec![&nobody] } else { approval.approvers.iter().collect() };
    for approver in approvers {
        let owner = host.as_ref().ok().zip(approver.account).and_then(|(host, id)| {
            let (person, account) = trust.person_of(host, id)?;
            Some((person, account.counts_at(question.at), format!("{host}/{id}")))
        });
        let at = out.rows.len();
        let mut row = row(ForeignKind::Approval, place, commit);
        let name = shown(&approver.name);
        row.says = format!("{name} approves that {} moves to tree {}", approval.of.target_ref, approval.of.to);
        row.signed_by = signer.describe();
        row.why_not = match (&host, &owner) {
            (Err(why), _) => Some(why.clone()),
            (Ok(_), None) => Some("the account is nobody's in trust".to_owned()),
            (Ok(_), Some(_)) if dismissed.contains(&approver.account) => Some("it was dismissed".to_owned()),
            (Ok(_), Some((person, false, _))) => Some(format!("an account of {} that does not count", person.id)),
            (Ok(_), Some((_, true, _))) => why_not.map(str::to_owned),
        };
        if let (None, Some((person, _, account)), Some(from)) = (&row.why_not, owner, approval.of.from) {
            let agreement = Agreement { row: at, person: person.id.clone(), account: Some(account) };
            out.agree((from, approval.of.to), agreement);
        }
        out.rows.push(row);
    }
}

fn forge_of(signer: &ForeignSigner, trust: &Trust) -> Result<String, String> {
    let name = match signer {
        ForeignSigner::Collector(name) => name,
        ForeignSigner::Nobody(why) => return Err(escape(why.as_bytes())),
        ForeignSigner::Person(_) | ForeignSigner::Gate(_) | ForeignSigner::Other(_) => {
            return Err("it was not signed by a collector of trust".to_owned());
        }
    };
    let collector = trust.collector(name).ok_or_else(|| "it was not signed by a collector of trust".to_owned())?;
    if !collector.may_sign.contains(&Kind::ChangeReview) {
        return Err("trust does not let the collector speak of reviews".to_owned());
    }
    let mut hosts = collector.hosts.iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Ok(host.clone()),
        _ => Err("trust lets the collector speak of no forge, or of several, and the statement names none".to_owned()),
    }
}

/// Entries that a person of trust takes back.
fn skipped(question: &Question<'_>, lines: &[Line]) -> BTreeSet<Oid> {
    let mut out = BTreeSet::new();
    for line in lines {
        if let Ok(Some(LogEntry::Annotation { entries, skip: true, .. })) = &line.entry
            && let CommitSigner::Person(_) = commit_signer(&line.commit, question.trust, question.at)
        {
            out.extend(entries);
        }
    }
    out
}

/// Who brought which commit of the range, by the log's entries for the branch, the oldest first. An entry tells of a commit
/// only where it moved the branch by that one commit from where the entry before had it: whatever else came along, somebody
/// else may have brought, and whoever signs the next entry would be taken for them.
fn uploads(
    question: &Question<'_>,
    range: &[Oid],
    lines: &[Line],
    skipped: &BTreeSet<Oid>,
    out: &mut Others,
) -> Result<(), SourceError> {
    let source = question.history.objects();
    let range: BTreeSet<Oid> = range.iter().copied().collect();
    let mut at = None;
    for line in lines.iter().rev() {
        let (target, to) = match &line.entry {
            Ok(Some(LogEntry::Moved { target_ref, to: Some(to), .. })) => (target_ref, *to),
            _ => continue,
        };
        let before = if target == question.target_ref { at.replace(to) } else { None };
        if !range.contains(&to) {
            continue;
        }
        let signer = commit_signer(&line.commit, question.trust, question.at);
        let person = match &signer {
            CommitSigner::Person(person) if !skipped.contains(&line.id) => Some(person.clone()),
            CommitSigner::Person(_) | CommitSigner::Unsigned | CommitSigner::Unknown(_) | CommitSigner::Broken(_) => {
                None
            }
        };
        let mut row = row(ForeignKind::LogEntry, &format!("{LOG} {}", line.id), Some(to));
        row.says = format!("{target} came to {to}");
        row.why_not = match (&signer, &person) {
            (_, Some(person)) => {
                row.signed_by = format!("person {person}");
                Some("it shows who moved the ref, and is no review".to_owned())
            }
            (CommitSigner::Person(signer), None) => {
                row.signed_by = format!("person {signer}");
                Some("a later entry takes it back".to_owned())
            }
            (CommitSigner::Unsigned, None) => Some("it is not signed".to_owned()),
            (CommitSigner::Unknown(why) | CommitSigner::Broken(why), None) => Some(why.clone()),
        };
        out.rows.push(row);
        let Some(before) = before.filter(|before| *before == question.start || range.contains(before)) else {
            continue;
        };
        if graph::range(source, &to, &before)? == [to] {
            out.uploads.entry(to).or_default().insert(person.clone());
        }
    }
    Ok(())
}

/// What another verifier or its collector claims of a commit: shown, never counted.
fn claim(question: &Question<'_>, commit: &Oid, line: &[u8], out: &mut Others) {
    let place = format!("{NOTES} {commit}");
    let statement = match verify_foreign(line, question.trust, question.at) {
        Ok(statement) => statement,
        Err(why) => {
            out.not_read(row(ForeignKind::Claim, &place, Some(*commit)), escape(why.as_bytes()));
            return;
        }
    };
    let mut row = row(ForeignKind::Claim, &place, Some(*commit));
    row.signed_by = statement.signers().iter().map(ForeignSigner::describe).collect::<Vec<_>>().join(", ");
    let (says, about) = words(&statement);
    row.says = says;
    row.why_not = Some(if about.is_some_and(|about| about != *commit) {
        "it is about another commit than the note".to_owned()
    } else if trusted(&statement, question) {
        "the claim of a verifier that trust names; it shows no review".to_owned()
    } else {
        "it is another's claim, and shows no review".to_owned()
    });
    out.rows.push(row);
}

/// What a claim says, and of which commit.
fn words(statement: &ForeignStatement) -> (String, Option<Oid>) {
    match statement.said() {
        Some(Foreign::Source(source)) => {
            let controls: Vec<String> = source.controls.iter().map(|(name, _)| name.clone()).collect();
            let what = format!("{} by {}, controls: {}", source.branch, source.activity, controls.join(", "));
            (shown(&what), Some(source.commit))
        }
        Some(Foreign::Tag(tag)) => (shown(&format!("{} was made", tag.tag)), Some(tag.commit)),
        Some(Foreign::Summary(summary)) => {
            let result = if summary.passed { "passed" } else { "failed" };
            let what = format!("{} says: {result}, {}", summary.verifier, summary.levels.join(", "));
            (shown(&what), Some(summary.commit))
        }
        Some(Foreign::Authorization(of)) => (format!("{} may move to tree {}", of.target_ref, of.to), None),
        Some(Foreign::Approval(approval)) => (format!("approvals that {} moves", approval.of.target_ref), None),
        None | Some(_) => ("a statement of a kind that is not read".to_owned(), None),
    }
}

/// Whether the verifier that a summary names is a gate of trust, and signed it.
fn trusted(statement: &ForeignStatement, question: &Question<'_>) -> bool {
    let Some(Foreign::Summary(summary)) = statement.said() else { return false };
    let by_gate = |signer: &ForeignSigner| matches!(signer, ForeignSigner::Gate(id) if *id == summary.verifier);
    statement.signers().iter().any(by_gate) && summary.resource == *question.repository
}

/// A foreign word as printable ASCII, shortened.
fn shown(text: &str) -> String {
    let whole = escape(text.as_bytes());
    if whole.len() <= SHOWN { whole } else { format!("{}…", whole.get(..SHOWN).unwrap_or_default()) }
}

impl Others {
    fn not_read(&mut self, mut row: ForeignRow, why: String) {
        row.why_not = Some(why);
        self.rows.push(row);
    }

    fn agree(&mut self, to: (Oid, Oid), agreement: Agreement) {
        let at = self.agreements.len();
        self.agreements.push(agreement);
        self.moves.entry(to).or_default().push(at);
    }
}
