//! Exceptions from rules: the one place where a finding meets an exception. The gate, what it says of other environments,
//! the auditor's re-run and a backtest all come through here, since all of them decide.
//!
//! Three things hold, and are tested. An exception touches nothing but the findings that it matches. Whatever is taken
//! away, exception or approval, a refusal stays one. And what a rule alone does not answer for (signatures, digests,
//! trust, pin, log, the integrity of evidence) never comes here.

mod follow_up;
mod standing;

pub use follow_up::{FollowUps, follow_ups};
pub use standing::{standing, state_of};

use crate::rules::Context;
use countersign_core::codes;
use countersign_core::decision::BreakGlass;
use countersign_core::digest::Sha256;
use countersign_core::exception::{Category, Covers, Exception, Range, is_review, may_be_excepted};
use countersign_core::finding::{Class, Finding};
use countersign_core::git::{Oid, graph};
use countersign_core::ids::{EnvName, RuleId, Uri};
use countersign_core::time::Time;
use countersign_verify::{Exceptions, VerifiedException};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a decision is about, as far as exceptions ask.
pub struct Facts<'a> {
    /// The environment whose gate is asked.
    pub environment: &'a EnvName,
    /// The repository that the artifact comes from.
    pub repository: &'a Uri,
    /// The artifact.
    pub subject: &'a Sha256,
    /// The decision's time.
    pub time: Time,
    /// Whether every commit that the decision is about lies in a range; what cannot be told does not.
    pub within: &'a dyn Fn(&Range) -> bool,
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// Whether an exception is for this rule, here and now: its findings are looked at one by one after that.
#[must_use]
pub fn concerns(exception: &Exception, rule: &RuleId, facts: &Facts<'_>) -> bool {
    exception.rule == *rule
        && exception.environment == *facts.environment
        && exception.repository == *facts.repository
        && facts.time >= exception.created
        && facts.time < exception.expires
        && (exception.category == Category::Emergency) == is_review(rule)
        && match &exception.covers {
            Covers::Subject(digest) => digest == facts.subject,
            Covers::Range(range) => (facts.within)(range),
        }
}

/// Whether an exception that concerns the rule is for this finding of it.
#[must_use]
pub fn matches(exception: &Exception, finding: &Finding) -> bool {
    finding.class.blocks()
        && finding.class != Class::Untrusted
        && may_be_excepted(finding.code)
        && (exception.codes.is_empty() || exception.codes.contains(&finding.code))
        && exception.place.as_ref().is_none_or(|place| finding.at.contains(place))
}

/// What a rule found, with what is excepted marked so. Of several exceptions that match, the most specific one is named;
/// of those that say the same, the one that holds longest.
#[must_use]
pub fn apply(
    rule: &RuleId,
    mut findings: Vec<Finding>,
    held: &[Arc<VerifiedException>],
    facts: &Facts<'_>,
) -> Vec<Finding> {
    let mut for_rule: Vec<&VerifiedException> = held
        .iter()
        .map(Arc::as_ref)
        .filter(|one| one.counts_at(facts.time) && concerns(one.exception(), rule, facts))
        .collect();
    for_rule.sort_by_key(|one| {
        let exception = one.exception();
        (std::cmp::Reverse((exception.specificity(), exception.expires)), one.id())
    });
    for finding in &mut findings {
        if let Some(exception) = for_rule.iter().find(|one| matches(one.exception(), finding)) {
            finding.class = Class::Excepted;
            finding.exception = Some(Box::new(exception.note()));
        }
    }
    findings
}

/// The exceptions of a log, ready to be applied to what the rules of one environment found.
pub(crate) struct Excepting<'a> {
    known: &'a Exceptions,
    context: &'a Context<'a>,
    environment: &'a EnvName,
}

impl<'a> Excepting<'a> {
    pub(crate) const fn new(known: &'a Exceptions, context: &'a Context<'a>, environment: &'a EnvName) -> Self {
        Self { known, context, environment }
    }

    /// See [`apply`]. An artifact whose source the release does not cover has no exceptions.
    pub(crate) fn apply(&self, rule: &RuleId, findings: Vec<Finding>) -> Vec<Finding> {
        let Some(source) = self.context.source else { return findings };
        let within = |range: &Range| within(self.context, range);
        let facts = Facts {
            environment: self.environment,
            repository: &source.repository,
            subject: &self.context.request.subject,
            time: self.context.request.time,
            within: &within,
        };
        apply(rule, findings, &self.known.held, &facts)
    }
}

/// Whether all commits of the decision lie in a range: they follow its start, are no more than it says, and the last of
/// them is its end or comes before it.
fn within(context: &Context<'_>, range: &Range) -> bool {
    let all = || {
        let objects = context.history?.objects();
        let candidate = candidate(context)?;
        let decided: BTreeSet<Oid> = graph::range(objects, &candidate, &context.start?).ok()?.into_iter().collect();
        let excepted: BTreeSet<Oid> = graph::range(objects, &candidate, &range.start).ok()?.into_iter().collect();
        // The start has to lie on the way: otherwise everything of another line would count as following it.
        let follows = graph::is_ancestor(objects, &range.start, &candidate).ok()?;
        let short = u32::try_from(excepted.len()).is_ok_and(|commits| commits <= range.commits);
        let ends = match &range.end {
            None => true,
            Some(end) => *end == candidate || graph::is_ancestor(objects, &candidate, end).ok()?,
        };
        Some(follows && short && ends && !decided.is_empty() && decided.is_subset(&excepted))
    };
    all().unwrap_or(false)
}

/// The commit that was built.
fn candidate(context: &Context<'_>) -> Option<Oid> {
    context.provenance.and_then(|built| built.provenance.source().ok()).map(|named| named.commit)
}

/// What a rule's line in the checklist says: its title, or what lets it be.
pub(crate) fn title(title: String, findings: &[Finding]) -> String {
    let mut notes = findings.iter().filter_map(|finding| finding.exception.as_deref());
    match notes.next() {
        None => title,
        Some(first) => {
            let more = notes.filter(|note| note.id != first.id).map(|note| &note.id).collect::<BTreeSet<_>>().len();
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            format!("does not hold; excepted by {}, {}, until {}{more}", first.id, first.category, first.until)
        }
    }
}

/// The emergency that findings rest on, if nothing else stands in the way.
#[must_use]
pub fn break_glass(findings: &[Finding]) -> Option<BreakGlass> {
    if findings.iter().any(|finding| finding.class.blocks()) {
        return None;
    }
    let emergencies = || {
        let notes = findings.iter().filter_map(|finding| finding.exception.as_deref());
        notes.filter(|note| note.category == Category::Emergency)
    };
    let exceptions: BTreeSet<_> = emergencies().map(|note| note.id.clone()).collect();
    let follow_up = emergencies().filter_map(|note| note.follow_up).min()?;
    Some(BreakGlass { exceptions: exceptions.into_iter().collect(), follow_up })
}

/// Says that the glass was broken.
#[must_use]
pub fn broken(glass: &BreakGlass) -> Finding {
    let ids: Vec<&str> = glass.exceptions.iter().map(countersign_core::ids::ExceptionId::as_str).collect();
    Finding::new(codes::BREAK_GLASS, "review was passed over in an emergency: this is no pass")
        .at(ids.join(", "))
        .expected("two trusted persons agreed to every change", "two-party review")
        .found("a quorum of role `break-glass` let it through")
        .help(format!(
            "have it reviewed before {}, and promote what holds the reviewed commits, or sign that it was reviewed: `countersign exception follow-up {} --reason … --signatures … --key … --log-key …`",
            glass.follow_up,
            ids.first().copied().unwrap_or_default()
        ))
}
