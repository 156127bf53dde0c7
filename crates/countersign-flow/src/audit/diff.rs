//! What differs between two packages: whether one log goes on from the other, and what one has that the other has not.

use super::facts::Window;
use super::older::places;
use super::open::Opened;
use super::population;
use super::scope::Scope;
use super::table::Row;
use super::witnesses;
use super::{EVIDENCE, INDEX, LOG, is_of_log};
use countersign_core::codes;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, Verdict, verdict_of};
use countersign_core::ids::EnvName;
use countersign_core::json;
use countersign_record::log::{CHECKPOINT, COSIGNED};
use serde::Serialize;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Rows that one list has and the other has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListDifference {
    /// The list.
    pub list: &'static str,
    /// Its columns.
    pub columns: Vec<&'static str>,
    /// Rows of the first alone.
    pub only_first: Vec<Row>,
    /// Rows of the second alone.
    pub only_second: Vec<Row>,
}

/// A file that is not the same in both: one that follows from the rest, or the trust document, or the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileDifference {
    /// Its name.
    pub file: String,
    /// Its digest in the first, where it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Sha256>,
    /// Its digest in the second, where it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Sha256>,
}

/// What differs between two packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Difference {
    /// PASS where both are of one log, whatever was added to it.
    pub verdict: Verdict,
    /// Whether both are the same to the byte.
    pub same: bool,
    /// The first's log.
    pub first: LogRef,
    /// The second's log.
    pub second: LogRef,
    /// How the logs stand to each other, in a sentence.
    pub logs: String,
    /// What the first holds.
    pub first_scope: Scope,
    /// What the second holds.
    pub second_scope: Scope,
    /// Entries by kind that one log has beyond the other.
    pub entries_added: BTreeMap<&'static str, u64>,
    /// Documents of the first alone.
    pub documents_only_first: Vec<Sha256>,
    /// Documents of the second alone.
    pub documents_only_second: Vec<Sha256>,
    /// The files that differ, but for the log's own and the documents.
    pub files: Vec<FileDifference>,
    /// The lists that the two logs make, where those differ.
    pub lists: Vec<ListDifference>,
    /// What was found when they were opened, and between them.
    pub findings: Vec<Finding>,
    /// How the run ends.
    pub exit: Exit,
}

/// Compares two packages that are open.
#[must_use]
pub fn diff(first: &Opened, second: &Opened, same: bool, found: Vec<Finding>) -> Difference {
    let (a, b) = (first.state.now().reference(), second.state.now().reference());
    let mut findings = found;
    let mut logs = relation(first, second, &a, &b, &mut findings);
    let (shorter, longer) = if a.size <= b.size { (&a, second) } else { (&b, first) };
    let skip = usize::try_from(shorter.size).unwrap_or(usize::MAX);
    let mut entries_added: BTreeMap<&'static str, u64> = BTreeMap::new();
    for entry in longer.state.entries().iter().skip(skip) {
        let count = entries_added.entry(entry.kind.word()).or_default();
        *count = count.saturating_add(1);
    }
    let documents = |one: &Opened| one.package.documents().map(|(digest, ..)| *digest).collect::<BTreeSet<_>>();
    let (ours, theirs) = (documents(first), documents(second));
    let (here, there) = (first.facts(Window::default()), second.facts(Window::default()));
    let mut lists = Vec::new();
    for made in population::ALL.iter().filter(|made| made.name != "log") {
        let (ours, theirs) = (population::table(made, &here), population::table(made, &there));
        let key = |row: &Row| (row.proof.entry, row.cells.clone());
        let (mine, yours): (BTreeSet<_>, BTreeSet<_>) =
            (ours.rows.iter().map(key).collect(), theirs.rows.iter().map(key).collect());
        let only = |rows: &[Row], other: &BTreeSet<(u64, Vec<String>)>| {
            rows.iter().filter(|row| !other.contains(&key(row))).cloned().collect::<Vec<_>>()
        };
        let (only_first, only_second) = (only(&ours.rows, &yours), only(&theirs.rows, &mine));
        if !only_first.is_empty() || !only_second.is_empty() {
            lists.push(ListDifference { list: made.name, columns: ours.columns, only_first, only_second });
        }
    }
    let mut files = differing(first, second, |name| !(name.starts_with(EVIDENCE) || is_of_log(name)));
    let (only_first, only_second): (Vec<Sha256>, Vec<Sha256>) =
        (ours.difference(&theirs).copied().collect(), theirs.difference(&ours).copied().collect());
    if a == b && first.scope == second.scope {
        let apart = [("the second", &only_first), ("the first", &only_second)];
        findings.extend(apart.into_iter().filter_map(|(which, documents)| lacking(which, documents)));
    }
    if first.scope == second.scope && first.scope.window.is_all() {
        findings.extend(lost((first, &a, &only_first), (second, &b, &only_second)));
    }
    if a == b && first.scope == second.scope && ours == theirs {
        if let Some(found) = signed_otherwise(first, second) {
            files.retain(|one| one.file != INDEX);
            logs.push_str(", whose checkpoints bear other signatures than those of the other");
            findings.extend(found);
        }
        findings.extend(unaccounted(first, second, &files));
    }
    Difference {
        verdict: verdict_of(&findings),
        same,
        first: a,
        second: b,
        logs,
        first_scope: first.scope.clone(),
        second_scope: second.scope.clone(),
        entries_added,
        documents_only_first: only_first,
        documents_only_second: only_second,
        files,
        lists,
        exit: countersign_core::finding::exit_of(&findings),
        findings,
    }
}

/// Documents that one package lacks and the other has, though both are of the same log and were made for the same.
fn lacking(which: &str, documents: &[Sha256]) -> Option<Finding> {
    let what = format!(
        "both packages hold the same log, and were made for the same part of it: {} documents of the other are not in {which}",
        documents.len()
    );
    named(what, documents)
}

/// Documents that a package of everything has, and that one of everything of the same log when it had gone on has not, though no entry
/// says that they were erased.
fn lost(
    (first, a, only_first): (&Opened, &LogRef, &[Sha256]),
    (second, b, only_second): (&Opened, &LogRef, &[Sha256]),
) -> Option<Finding> {
    let (later, which, only) = match a.size.cmp(&b.size) {
        Ordering::Less if second.goes_on_from(first) => (second, "the second", only_first),
        Ordering::Greater if first.goes_on_from(second) => (first, "the first", only_second),
        Ordering::Less | Ordering::Equal | Ordering::Greater => return None,
    };
    let erased = &later.gathered().erased;
    let lost: Vec<Sha256> = only.iter().filter(|digest| !erased.contains_key(digest)).copied().collect();
    let what = format!(
        "{} documents of the older package are not in {which}, and no entry says that they were erased",
        lost.len()
    );
    named(what, &lost)
}

fn named(what: String, documents: &[Sha256]) -> Option<Finding> {
    let places: Vec<String> = documents.iter().map(|digest| format!("document {digest}")).collect();
    let finding = Finding::new(codes::PACKAGE_EVIDENCE_MISSING, what);
    let finding = finding.help("`countersign audit verify` of each says what is missing, or was put in");
    (!documents.is_empty()).then(|| super::older::places(finding, &places))
}

/// The files of these names that differ.
fn differing(first: &Opened, second: &Opened, of: impl Fn(&str) -> bool) -> Vec<FileDifference> {
    let names = |one: &Opened| one.package.names().map(str::to_owned).collect::<BTreeSet<_>>();
    let mut all = names(first);
    all.extend(names(second));
    let differs = |file: String| {
        let (first, second) = (first.package.digest(&file).copied(), second.package.digest(&file).copied());
        (first != second).then_some(FileDifference { file, first, second })
    };
    all.into_iter().filter(|name| of(name)).filter_map(differs).collect()
}

/// Where the indexes differ by the log's own files alone, what those checkpoints are found to bear: the log and its tiles are the
/// same then, and one of its checkpoints was signed at another time, or bears what belongs to nobody.
fn signed_otherwise(first: &Opened, second: &Opened) -> Option<Vec<Finding>> {
    if differing(first, second, is_of_log).is_empty() || !(leads_to(first, second) && leads_to(second, first)) {
        return None;
    }
    let mut found = Vec::new();
    for (which, one) in [("the first", first), ("the second", second)] {
        let file = |name: &str| one.package.file(&format!("{LOG}{name}")).ok();
        let (checkpoint, cosigned) = (file(CHECKPOINT)??, file(COSIGNED)?);
        // Whom the decisions need is asked here as well: else witnesses could be taken out, and nothing would say so.
        let facts = one.facts(one.scope.window.clone());
        let known = facts.deployments().map(|known| (known.entry, (*known.content.request.environment).clone()));
        let decided: Vec<(u64, EnvName)> = known.collect();
        let files = (checkpoint.as_slice(), cosigned.as_deref());
        let seen = witnesses::check(files, &one.state, &one.trust, &decided, one.at);
        found.extend(seen.findings.into_iter().map(|finding| finding.at(which)));
    }
    Some(found)
}

/// Whether the index of one, with the log's own files of the other in it, is the other's to the byte.
fn leads_to(one: &Opened, other: &Opened) -> bool {
    let made = || {
        let bytes = one.package.file(INDEX).ok()??;
        let mut index: Value = json::parse_as(&bytes).ok()?;
        let files = index.get_mut("files")?.as_object_mut()?;
        files.retain(|name, _| !is_of_log(name));
        for name in other.package.names().filter(|name| is_of_log(name)) {
            files.insert(name.to_owned(), Value::String(other.package.digest(name)?.to_string()));
        }
        Some(Sha256::of(&json::canonical_value(&index).ok()?))
    };
    made().is_some_and(|made| other.package.digest(INDEX) == Some(&made))
}

/// What the same log, scope and documents make is the same, where one version made both: a file that is not was altered in one.
fn unaccounted(first: &Opened, second: &Opened, files: &[FileDifference]) -> Option<Finding> {
    let names: Vec<String> = files.iter().map(|one| one.file.clone()).collect();
    let finding = if first.other_version == second.other_version {
        let what = "both packages hold the same log and documents, and these files are not the same: in one of them they were altered";
        Finding::new(codes::PACKAGE_FILE_ALTERED, what).help("`countersign audit verify` of each says in which")
    } else {
        let what = "both packages hold the same log and documents, and two versions made these files of them";
        Finding::new(codes::PACKAGE_OTHER_VERSION, what).help("compare packages that one version made")
    };
    (!names.is_empty()).then(|| places(finding, &names))
}

/// How the logs stand to each other. Two that part are a finding: one log never does that.
fn relation(first: &Opened, second: &Opened, a: &LogRef, b: &LogRef, findings: &mut Vec<Finding>) -> String {
    if a.origin != b.origin {
        findings.push(
            Finding::new(codes::LOG_ORIGIN_MISMATCH, "the packages are of two different logs")
                .at("log")
                .expected(a.origin.to_string(), "the first")
                .found(b.origin.to_string()),
        );
        return "two different logs".to_owned();
    }
    let root_at = |one: &Opened, size| one.state.at(size).map(|view| view.reference().root);
    let (shorter, longer, root) =
        if a.size <= b.size { (a, b, root_at(second, a.size)) } else { (b, a, root_at(first, b.size)) };
    if root != Some(shorter.root) {
        let both = first.state.entries().iter().zip(second.state.entries());
        let same = both.take_while(|(ours, theirs)| ours == theirs).count();
        findings.push(
            Finding::new(codes::LOG_FORKED, "the two logs part: they are the same log with two pasts")
                .at(format!("log entry {same}"))
                .expected(shorter.root.to_string(), format!("the log of {} entries", shorter.size))
                .found(root.map(|root| root.to_string()).unwrap_or_default()),
        );
        return format!("the same up to entry {same}, and two different logs from there on");
    }
    if a.size == b.size {
        return format!("the same log of {} entries", a.size);
    }
    let which = if a.size < b.size { "the second" } else { "the first" };
    format!(
        "{which} goes on from the other: {} entries, then {} more",
        shorter.size,
        longer.size.saturating_sub(shorter.size)
    )
}

/// How many of what differs are shown in words; all of it stands in the JSON.
const SHOWN: usize = 10;

/// That there are more than those that are shown.
fn more(all: usize) -> String {
    let more = all.saturating_sub(SHOWN);
    if more > 0 { format!("    and {more} more: --format json lists all\n") } else { String::new() }
}

impl Difference {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let mut out = format!("{}\n", self.logs);
        if self.same {
            out.push_str("the packages are the same to the byte\n");
        }
        for (name, scope) in [("first", &self.first_scope), ("second", &self.second_scope)] {
            let part = || format!("a part of the record: {}", scope.window.words());
            let window = if scope.window.is_all() { "everything".to_owned() } else { part() };
            out.push_str(&format!("{name}: {} entries, {}, {window}\n", self.log(name).size, scope.profile));
        }
        for (kind, count) in &self.entries_added {
            out.push_str(&format!("{count} more entries of kind {kind}\n"));
        }
        let (ours, theirs) = (self.documents_only_first.len(), self.documents_only_second.len());
        if ours > 0 || theirs > 0 {
            out.push_str(&format!("{ours} documents only in the first, {theirs} only in the second\n"));
            for (sign, documents) in [("-", &self.documents_only_first), ("+", &self.documents_only_second)] {
                for digest in documents.iter().take(SHOWN) {
                    out.push_str(&format!("  {sign} {digest}\n"));
                }
                out.push_str(&more(documents.len()));
            }
        }
        for one in &self.files {
            let how = match (one.first, one.second) {
                (Some(_), None) => "is only in the first",
                (None, _) => "is only in the second",
                (Some(_), Some(_)) => "differs",
            };
            out.push_str(&format!("file {} {how}\n", countersign_report::escape::plain(&one.file)));
        }
        for list in &self.lists {
            out.push_str(&format!(
                "list {}: {} rows only in the first, {} only in the second\n",
                list.list,
                list.only_first.len(),
                list.only_second.len()
            ));
            for (sign, rows) in [("-", &list.only_first), ("+", &list.only_second)] {
                for row in rows.iter().take(SHOWN) {
                    let cells: Vec<String> = row
                        .cells
                        .iter()
                        .filter(|cell| !cell.is_empty())
                        .map(|cell| cell.chars().take(80).collect())
                        .collect();
                    let line = countersign_report::escape::plain(&cells.join("  "));
                    out.push_str(&format!("  {sign} entry {}: {line}\n", row.proof.entry_words()));
                }
                out.push_str(&more(rows.len()));
            }
        }
        out
    }

    fn log(&self, which: &str) -> &LogRef {
        if which == "first" { &self.first } else { &self.second }
    }
}
