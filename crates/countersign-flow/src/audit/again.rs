//! Every decision looked at once, a few at a time and while they are there: run again, or its statements checked by
//! themselves, and its range of commits walked.

use super::facts::{Gathered, Read, decisions};
use super::holding::Package;
use super::open::Opened;
use super::reconcile::{Walk, walked, walked_by};
use super::statements::{self, Signatures};
use super::summary::summary_of;
use super::verify::{AuditReport, DecisionRow, How};
use crate::compare::{Compared, compare};
use crate::erasure;
use crate::replay::Again;
use countersign_core::codes;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::entry::place_of;
use countersign_core::finding::Finding;
use countersign_core::statement::Kind;
use countersign_record::side;
use countersign_verify::LogState;
use countersign_verify::log::Promoted;
use std::collections::{BTreeMap, BTreeSet};

/// What is looked for, and what came of it so far.
#[derive(Debug)]
pub(super) struct Looking<'o> {
    opened: &'o Opened,
    /// Which decisions are run again; `None` is all that are looked at.
    picked: Option<BTreeSet<u64>>,
    /// What the log says is erased, and the package does not have.
    withheld: BTreeMap<Sha256, String>,
    /// Whether decisions of earlier logs, at which others look, are not in the package.
    lacking: bool,
    /// Whether what decisions say of later ones is taken in on the way.
    ahead: bool,
    /// How many decisions are run again.
    pub(super) again: usize,
    /// Those that hold.
    pub(super) rows: Vec<DecisionRow>,
    /// What was found when they were run again.
    pub(super) findings: Vec<Finding>,
    /// Those that another version recorded in other words.
    pub(super) other_words: Vec<u64>,
    /// How many a later version made, so that they could not be run again.
    pub(super) later: usize,
    /// What came of the signed statements, where those are checked by themselves.
    pub(super) statements: Option<Signatures>,
    walked: BTreeMap<u64, Walk>,
}

/// What came of one decision.
#[derive(Debug, Default)]
struct Found {
    row: Option<DecisionRow>,
    findings: Vec<Finding>,
    other_words: Option<u64>,
    later: bool,
    statements: Option<Signatures>,
    walked: Option<(u64, Walk)>,
}

/// How many decisions are read again at a time.
const FEW: usize = 256;

impl<'o> Looking<'o> {
    /// Looks at the decisions that are in the package's scope. Where that is all of them, they are read for this and for the
    /// facts at once; else those come first, since they say which ones.
    pub(super) fn at(opened: &'o Opened, how: How, report: &mut AuditReport) -> Self {
        let (state, facts_only) = (&opened.state, opened.facts_only());
        let all = opened.scope.window.is_all() && !opened.is_gathered();
        let scoped: Option<Vec<u64>> = (!all).then(|| decisions(state).filter(|index| opened.wants(*index)).collect());
        let wanted = scoped.as_ref().map_or_else(|| decisions(state).count(), Vec::len);
        let picked = match how {
            _ if facts_only => Some(BTreeSet::new()),
            How::Sample(most) if wanted > most => {
                let all = scoped.clone().unwrap_or_else(|| decisions(state).collect());
                Some(evenly(&all, most))
            }
            How::Sample(_) | How::Full | How::Quick => None,
        };
        let mut looking = Self {
            opened,
            withheld: if facts_only { BTreeMap::new() } else { report.withheld(state, &opened.package) },
            lacking: lacking(state, &opened.package).next().is_some(),
            again: picked.as_ref().map_or(wanted, BTreeSet::len),
            // What is asked for only to look ahead is not what the scope of a narrower package takes in.
            ahead: all && !facts_only && picked.as_ref().is_none_or(|picked| !picked.is_empty()),
            picked,
            rows: Vec::new(),
            findings: Vec::new(),
            other_words: Vec::new(),
            later: 0,
            statements: (facts_only || how != How::Full).then(Signatures::default),
            walked: BTreeMap::new(),
        };
        match scoped {
            None => drop(opened.gathered_with(|few| looking.few(few))),
            Some(wanted) => {
                for few in wanted.chunks(FEW) {
                    let blobs = &opened.package;
                    looking.few(&side::each(few, |index| (*index, state.now().decision(*index, blobs))));
                }
            }
        }
        // Who asks for these finds them; who finds none walks by himself.
        drop(opened.gathered().walked.set(std::mem::take(&mut looking.walked)));
        looking
    }

    fn few(&mut self, read: &[Read]) {
        let (state, blobs) = (&self.opened.state, &self.opened.package);
        if self.ahead {
            side::each(read, |(index, _)| state.prepare_one(*index, blobs));
            if let Some((last, _)) = read.last() {
                state.catch_up(last.saturating_add(1), blobs);
            }
        }
        let this = &*self;
        for found in side::each(read, |read| this.one(read)) {
            self.rows.extend(found.row);
            self.findings.extend(found.findings);
            self.other_words.extend(found.other_words);
            self.later = self.later.saturating_add(usize::from(found.later));
            self.walked.extend(found.walked);
            if let (Some(all), Some(one)) = (&mut self.statements, found.statements) {
                all.add(one);
            }
        }
    }

    fn one(&self, (index, read): &Read) -> Found {
        let mut out = Found::default();
        let again = self.picked.as_ref().is_none_or(|picked| picked.contains(index));
        let recorded = match read {
            Ok(recorded) => recorded,
            // Where it is not run again, that is said where decisions are read.
            Err(findings) => {
                let later = again && findings.iter().all(|finding| finding.code == codes::RECORD_LATER);
                return Found { findings: if again { findings.clone() } else { Vec::new() }, later, ..out };
            }
        };
        let mut walk = None;
        if again {
            walk = self.again(*index, recorded, &mut out);
        }
        if self.statements.is_some() {
            let (state, blobs) = (&self.opened.state, &self.opened.package);
            let mut signed = statements::of(*index, recorded, state, blobs);
            if !again {
                // Else it was held against its summary already.
                signed.take(*index, summary_of(*index, recorded, state, blobs));
            }
            out.statements = Some(signed);
        }
        let walk = walk.or_else(|| walked(&recorded.content, &self.opened.package));
        out.walked = walk.map(|walk| (*index, walk));
        out
    }

    /// What is erased and was missed when a decision was run again.
    fn missed(&self, decided: &Decision) -> Option<(Sha256, &str)> {
        let missing = decided.findings.iter().filter(|finding| finding.code == codes::EVIDENCE_WITHHELD);
        let mut digests = missing.filter_map(|finding| finding.expected.as_deref()?.parse().ok());
        digests.find_map(|digest: Sha256| Some((digest, self.withheld.get(&digest)?.as_str())))
    }

    /// Whether a decision came out as it did since decisions of an earlier log are not here.
    fn lacks_what_it_looks_at(&self, decided: &Decision) -> bool {
        let all = decided.findings.iter().chain(decided.rules.iter().flat_map(|rule| &rule.findings));
        self.lacking && all.into_iter().any(|finding| finding.code == codes::EVIDENCE_WITHHELD)
    }

    /// One decision run again: what came of it, and what was found; and its walk, where its git objects were at hand.
    fn again(&self, index: u64, recorded: &Promoted, out: &mut Found) -> Option<Walk> {
        let mut walk = None;
        let (state, blobs) = (&self.opened.state, &self.opened.package);
        let content = &recorded.content;
        // What nobody can see any more is not run again: it would come out otherwise, and nobody altered it.
        let named = if self.withheld.is_empty() { BTreeSet::new() } else { erasure::named_by(content) };
        let mut gone = named.into_iter().find_map(|digest| Some((digest, self.withheld.get(&digest)?.as_str())));
        let mut absent = false;
        let mut findings = match gone {
            Some((digest, by)) => vec![erasure::withheld(&digest, by)],
            None => match Again::of(content, state, blobs) {
                Ok(again) => {
                    walk = again.git().and_then(|git| walked_by(content, git));
                    let decided = again.as_recorded();
                    match compare(content, &decided) {
                        Compared::Same => Vec::new(),
                        Compared::OtherWords => {
                            out.other_words = Some(index);
                            Vec::new()
                        }
                        Compared::Otherwise(difference) => {
                            // It looked at what decisions before it rest on, and of that some is gone: nor can this one be run.
                            gone = self.missed(&decided);
                            absent = gone.is_none() && self.lacks_what_it_looks_at(&decided);
                            let lacks = || {
                                let what = "the decision looks at decisions of an earlier log that the package lacks: it cannot be run again";
                                Finding::new(codes::PACKAGE_EVIDENCE_MISSING, what)
                            };
                            let otherwise = || if absent { lacks() } else { *difference };
                            vec![gone.map_or_else(otherwise, |(digest, by)| erasure::withheld(&digest, by))]
                        }
                    }
                }
                Err(findings) => findings,
            },
        };
        findings.extend(summary_of(index, recorded, state, blobs));
        let row = row_of(index, content, findings.is_empty(), absent || gone.is_some());
        let place = format!("log entry {index}");
        for finding in &mut findings {
            finding.at.insert(0, place.clone());
        }
        (out.row, out.findings) = (Some(row), findings);
        walk
    }
}

/// Decisions that earlier logs record and that are not here, by their places. None of them is ever left out but for what was erased.
pub(super) fn lacking<'s>(
    state: &'s LogState,
    package: &'s Package,
) -> impl Iterator<Item = (String, Sha256)> + use<'s> {
    let erased = state.erased_in_chain(package);
    state.now().chain().skip(1).flat_map(move |log| {
        let entries = (0_u64..).zip(log.entries()).filter(|(_, entry)| entry.kind == Kind::PromotionDecision);
        let named = entries.filter_map(|(index, entry)| Some((index, *entry.statement()?)));
        let gone = named.filter(|(_, digest)| !package.has(digest) && !erased.contains_key(digest));
        gone.map(|(index, digest)| (place_of(index, Some(log.origin())), digest)).collect::<Vec<_>>()
    })
}

/// So many of them, from the newest backwards, in steps as even as whole numbers go.
fn evenly(all: &[u64], most: usize) -> BTreeSet<u64> {
    let last = all.len().saturating_sub(1);
    let steps = most.saturating_sub(1).max(1);
    let place = |n: usize| last.saturating_sub(n.saturating_mul(last).checked_div(steps).unwrap_or_default());
    (0..most).filter_map(|n| all.get(place(n)).copied()).collect()
}

fn row_of(entry: u64, content: &Decision, same_again: bool, withheld: bool) -> DecisionRow {
    DecisionRow {
        entry,
        time: content.request.time,
        environment: content.request.environment.clone(),
        subject: content.request.subject,
        subject_name: content.request.subject_name.clone(),
        verdict: content.verdict,
        authorised: content.authorised,
        policy_version: content.inputs.policy.as_ref().map(|policy| policy.policy.version),
        same_again,
        withheld,
    }
}

impl Gathered {
    /// Whether the log holds decisions that a later version made.
    pub(super) fn unread(&self) -> bool {
        self.broken.values().flatten().any(|finding| finding.code == codes::RECORD_LATER)
    }
}
