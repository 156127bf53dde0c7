//! `two-party-review@1`: two trusted persons agreed to every change since the last promotion.

use super::{BuiltIn, Context};
use crate::review::{self, BoundTag, Question};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;
use countersign_core::statement::Kind;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "two-party-review@1",
    title: "Every change was agreed to by two trusted persons",
    why: "One person alone, or one stolen account, must not be able to change what runs.",
    fix: "Have a second trusted person review each change that is named, with `countersign review sign`, and hand the reviews in.",
    parameters: &[
        ("reviewers_beyond_author", "approvals needed beyond a known and trusted author (1)"),
        ("least_tier", "the least tier of evidence: T1, T2 or T3 (T3)"),
        ("base_drift", "whether a review holds when the branch moved before landing: allow or reapprove (allow)"),
        ("agreed_before", "whether agreement is needed before promotion or before landing (promotion)"),
        ("forge_rules", "whether a forge's evidence needs the branch's rules in force: enforced or any (enforced)"),
        (
            "hidden_content",
            "what blocks of that which a diff does not show: bidi, invisible, symlink, submodule, binary, lfs, no-diff, \
             generated, executable, unread; the rest is noted ([\"bidi\"])",
        ),
        (
            "foreign_reviews",
            "whether agreement that gittuf recorded counts, by our trust and as T1: ignore or count (ignore)",
        ),
    ],
    controls: &["SOC 2 CC8.1", "SLSA source-two-party-review", "NIST SSDF PW.7"],
    accepts: |parameters| review::Parameters::read(parameters).map(|_| ()),
    check,
};

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let parameters = match review::Parameters::read(&rule.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(RULE.id)],
    };
    let Some(built) = context.provenance else {
        return vec![super::context::no_provenance(context, &by)];
    };
    let place = format!("provenance {}", built.statement.document());
    let named = match built.provenance.source() {
        Ok(named) => named,
        Err(error) => return vec![Finding::new(codes::SOURCE_MISSING, error.to_string()).at(place)],
    };
    // A repository that the release does not cover is a finding of the decision itself.
    let Some(source) = context.source else {
        return vec![Finding::new(codes::SOURCE_MISSING, "the source is not covered by the release").at(place)];
    };
    let Some(history) = context.history else {
        return vec![
            Finding::new(codes::HISTORY_MISSING, "there is no git evidence for the release")
                .at(context.subject())
                .expected(format!("the history of {}", source.repository), by)
                .found("none")
                .help("run the gate where the repository is, and name it with --repo"),
        ];
    };
    let mut findings = Vec::new();
    let branch = named.reference.filter(|reference| reference.starts_with("refs/heads/"));
    if branch.is_some_and(|branch| branch != source.target_ref.as_str()) {
        findings.push(
            Finding::new(
                codes::SOURCE_MISMATCH,
                "the artifact was built from another branch than the one that is reviewed",
            )
            .at(place.as_str())
            .expected(source.target_ref.to_string(), by.as_str())
            .found(branch.unwrap_or_default()),
        );
    }
    if history.facts().candidate != named.commit || history.facts().repository != source.repository {
        findings.push(
            Finding::new(codes::SOURCE_MISMATCH, "the git evidence is about another commit than the artifact's")
                .at(place.as_str())
                .expected(format!("{} of {}", named.commit, source.repository), by.as_str())
                .found(format!("{} of {}", history.facts().candidate, history.facts().repository)),
        );
    }
    let Some(start) = context.start else {
        // Gates that did not tell the two apart recorded the same values: what they recorded comes out the same.
        let (what, help) = if context.start_unread {
            (
                "where the range of commits begins cannot be told: a decision before does not hold or is not there",
                "mend what is said of that decision; the policy is not at fault",
            )
        } else {
            (
                "nothing was promoted before, and no start revision is configured",
                "set `start` in policy.toml to the last commit that is taken as it is, and release the policy",
            )
        };
        findings.push(
            Finding::new(codes::START_UNKNOWN, what)
                .at(format!("{} {}", source.repository, source.target_ref))
                .expected("`start` of the source, for the first promotion", by)
                .found("none")
                .help(help),
        );
        return findings;
    };
    let tags: Vec<BoundTag> =
        BoundTag::of_source(&named, &place).into_iter().chain(context.landed.tags.iter().cloned()).collect();
    let outcome = review::prove(&Question {
        history,
        trust: context.trust,
        reviews: context.evidence.of_kind(Kind::Review).chain(context.against.evidence.of_kind(Kind::Review)).collect(),
        changes: context.changes,
        against: &context.against.changes,
        repository: &source.repository,
        target_ref: &source.target_ref,
        cut_from: source.cut_from.as_ref(),
        candidate: named.commit,
        start,
        landed: context.landed.before,
        tags: &tags,
        at: context.request.time,
        parameters: &parameters,
        by: &by,
    });
    context.landed.now.borrow_mut().extend(outcome.changes.iter().map(|change| (change.head, change.landed)));
    findings.extend(outcome.findings);
    findings
}
