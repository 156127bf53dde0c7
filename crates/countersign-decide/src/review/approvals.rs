//! Who agreed to a change, and whether that is enough. Persons are counted.

use super::authors::Authors;
use super::changes::{Changes, Signed};
use super::foreign::Others;
use super::landing::{Landing, describe};
use super::opinions::{self, Opinion, Standing};
use super::parameters::AgreedBefore;
use super::rows::{NotCounted, ReviewRow, WhyNot, subject};
use super::{Question, advice, binding, robots, settings};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::SourceError;
use countersign_core::ids::PersonId;
use countersign_core::statement::review::{ReviewDecision, Tier};
use countersign_verify::ForgeChange;
use std::collections::{BTreeMap, BTreeSet};

/// How a change's reviews were judged.
#[derive(Debug)]
pub(super) struct Judged {
    pub findings: Vec<Finding>,
    pub rows: Vec<ReviewRow>,
    pub needed: u32,
    pub tier: Option<Tier>,
    /// Whether enough persons agreed by evidence that shows that they did before the landing.
    pub before_landing: bool,
    /// Rejections that persons signed, each with its place among the findings.
    pub objections: Vec<Objection>,
}

/// What a person signed against a change.
#[derive(Debug)]
pub(super) struct Objection {
    pub person: PersonId,
    /// The rejections, by their documents.
    pub documents: Vec<Sha256>,
    /// Where its finding stands.
    pub at: usize,
}

/// A person whose approval counts: by the best evidence, and whether that shows that it was given before the landing.
#[derive(Debug, Clone, Copy)]
struct Agreed {
    tier: Tier,
    before_landing: bool,
}

/// What was counted.
#[derive(Debug, Default)]
struct Count {
    agreed: BTreeMap<PersonId, Agreed>,
    /// Approvals that something unknown keeps from counting.
    unclear: Vec<String>,
}

impl Count {
    fn add(&mut self, person: &PersonId, agreed: Agreed) -> bool {
        let first = !self.agreed.contains_key(person);
        let entry = self.agreed.entry(person.clone()).or_insert(agreed);
        entry.tier = entry.tier.max(agreed.tier);
        entry.before_landing |= agreed.before_landing;
        first
    }

    fn persons(&self, wanted: impl Fn(&Agreed) -> bool) -> usize {
        self.agreed.values().filter(|agreed| wanted(agreed)).count()
    }
}

/// Counts the approvals of a landed change. `recorded` is what forges recorded of this very landing.
pub(super) fn judge(
    question: &Question<'_>,
    landing: &Landing,
    authors: &Authors,
    changes: &Changes<'_>,
    recorded: &[&ForgeChange],
    others: &mut Others,
) -> Result<Judged, SourceError> {
    let mut findings = Vec::new();
    let mut rows = Vec::new();
    let mut count = Count::default();
    let mut objections = count_signed(question, changes, landing, authors, &mut count, &mut rows, &mut findings)?;
    let by_signature = count.agreed.len();
    // Whoever signed anything against these very files has not agreed to them, whatever a forge recorded and whatever settled it.
    let tree = question.history.objects().commit(&landing.head)?.tree;
    let withdrew: BTreeSet<PersonId> =
        changes.against(&landing.head, &tree).into_iter().map(|signed| signed.person.clone()).collect();
    for recorded in recorded {
        for opinion in opinions::of(question, landing, changes, recorded)? {
            count_opinion(question, landing, (authors, &withdrew), opinion, &mut count, &mut rows, &mut findings);
        }
    }
    objections.extend(alike(question, changes, landing, &mut rows, &mut findings)?);
    for opinion in opinions::elsewhere(question, landing, changes)? {
        count_opinion(question, landing, (authors, &withdrew), opinion, &mut count, &mut rows, &mut findings);
    }
    for opinion in opinions::left_out(question, landing, changes, recorded)? {
        count_opinion(question, landing, (authors, &withdrew), opinion, &mut count, &mut rows, &mut findings);
    }
    let foreign = others.count(question, landing, authors, changes, &mut |person| {
        count.add(person, Agreed { tier: Tier::T1, before_landing: false })
    })?;
    rows.extend(foreign.rows);
    findings.extend(foreign.findings);

    let parameters = question.parameters;
    let beyond = parameters.reviewers_beyond_author;
    let more = beyond.saturating_add(1);
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    if let Some(tier) = robots::excepted(question, landing, authors, recorded, &mut findings)?
        && tier >= parameters.least_tier
        && rejections(&rows).is_empty()
    {
        findings.extend(settings::check(question, recorded));
        return Ok(Judged { findings, rows, needed: 0, tier: Some(tier), before_landing: true, objections });
    }
    let known = authors.known.filter(|tier| *tier >= parameters.least_tier);
    let needed = if known.is_some() { beyond } else { more };
    let strong = |agreed: &Agreed| agreed.tier >= parameters.least_tier;
    let enough = count.persons(strong) >= size(needed);
    if !enough {
        let any_tier = if authors.known.is_some() { beyond } else { more };
        findings.push(if count.agreed.len() >= size(any_tier) {
            weak(question, landing, &rows, recorded)
        } else if count.agreed.len().saturating_add(count.unclear.len()) >= size(any_tier) {
            unclear(question, landing, &count)
        } else {
            missing(question, landing, authors, &rows, &count)?
        });
    }
    let place = format!("change {}", landing.head);
    if authors.known.is_none() {
        let mut note = Finding::new(codes::AUTHOR_UNKNOWN, "an author is not known, so one approval more is needed")
            .at(place.as_str());
        for author in authors.rows.iter().filter(|author| author.person.is_none()) {
            note = note.found(author.seen.as_str());
        }
        findings.push(note);
    }
    let before_landing = count.persons(|agreed| strong(agreed) && agreed.before_landing) >= size(needed);
    if parameters.agreed_before == AgreedBefore::Landing && !before_landing {
        findings.push(
            Finding::new(
                codes::REVIEW_TIME_UNKNOWN,
                "nothing shows that the reviews were made before the change landed",
            )
            .at(place)
            .expected("reviews observed before landing", question.by)
            .found("signatures, which carry no time")
            .help("have a collector of trust record the change on its forge: `countersign review collect`, or `review watch`"),
        );
    }
    // What a forge could not tell matters where the proof leans on the forge.
    let alone = by_signature >= size(if authors.known == Some(Tier::T3) { beyond } else { more });
    if !alone {
        findings.extend(settings::shortfalls(question, recorded));
        findings.extend(settings::check(question, recorded));
        if foreign.by_app && recorded.is_empty() {
            findings.extend(settings::unrecorded(question, &landing.head));
        }
    }
    let tier = tier_of(authors.known, &count, size(beyond));
    Ok(Judged { findings, rows, needed, tier, before_landing, objections })
}

/// The tier that this change reaches: with the authors as known as they are, or as if they were not.
fn tier_of(known: Option<Tier>, count: &Count, beyond: usize) -> Option<Tier> {
    let mut tiers: Vec<Tier> = count.agreed.values().map(|agreed| agreed.tier).collect();
    tiers.sort_unstable_by(|a, b| b.cmp(a));
    let nth = |n: usize| tiers.get(n.checked_sub(1)?).copied();
    let as_known = known.and_then(|known| Some(known.min(nth(beyond)?)));
    as_known.max(nth(beyond.saturating_add(1)))
}

fn count_signed(
    question: &Question<'_>,
    changes: &Changes<'_>,
    landing: &Landing,
    authors: &Authors,
    count: &mut Count,
    rows: &mut Vec<ReviewRow>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Objection>, SourceError> {
    let reviews = changes.about(&landing.head);
    // Signatures have no order, so a rejection or a revocation stands whenever it was made.
    let mut opinions: BTreeMap<&PersonId, BTreeSet<ReviewDecision>> = BTreeMap::new();
    for signed in &reviews {
        opinions.entry(&signed.person).or_default().insert(signed.review.decision);
    }
    for signed in &reviews {
        let said = |decision| opinions.get(&signed.person).is_some_and(|all| all.contains(&decision));
        let why_not = match signed.review.decision {
            ReviewDecision::Reject => Some(against("it stands against the change")),
            ReviewDecision::Revoke => Some(against("a revocation")),
            ReviewDecision::Approve => match binding::check(question, changes.reach(), landing, signed, findings)? {
                Some(why) => Some(why),
                None => match authors.excluding(&signed.person) {
                    Some(author) => Some(WhyNot::author(author)),
                    None if said(ReviewDecision::Revoke) => Some(withdrawn("the approval was revoked")),
                    None if said(ReviewDecision::Reject) => Some(withdrawn("the same person rejected it as well")),
                    None => None,
                },
            },
        };
        let agreed = Agreed { tier: Tier::T3, before_landing: false };
        let counts = why_not.is_none() && count.add(&signed.person, agreed);
        let why_not = why_not.or_else(|| (!counts).then(WhyNot::again));
        rows.push(ReviewRow {
            person: Some(signed.person.clone()),
            account: None,
            decision: signed.review.decision,
            tier: Tier::T3,
            counted: counts,
            reason: why_not.as_ref().map(|why| why.reason),
            why_not: why_not.map(|why| why.text),
        });
    }
    let place = format!("change {}", landing.head);
    let mut objections = Vec::new();
    for (person, _) in opinions.iter().filter(|(_, said)| said.contains(&ReviewDecision::Reject)) {
        let rejects = |signed: &&&Signed| signed.person == **person && signed.review.decision == ReviewDecision::Reject;
        let documents = reviews.iter().filter(rejects).map(|signed| signed.document).collect();
        objections.push(object(question, person, documents, &place, findings));
    }
    Ok(objections)
}

/// A finding for a rejection that a person signed, with the way in which that person can settle it.
fn object(
    question: &Question<'_>,
    person: &PersonId,
    documents: Vec<Sha256>,
    place: &str,
    findings: &mut Vec<Finding>,
) -> Objection {
    let at = findings.len();
    findings.push(rejected(question, &person.to_string(), place).help(advice::settle(question, person, &documents)));
    Objection { person: person.clone(), documents, at }
}

/// Rejections of other heads with the same files: giving the content another name does not answer the reviewer. Whoever
/// rejected the one and approved the other has been answered.
fn alike(
    question: &Question<'_>,
    changes: &Changes<'_>,
    landing: &Landing,
    rows: &mut Vec<ReviewRow>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Objection>, SourceError> {
    let tree = question.history.objects().commit(&landing.head)?.tree;
    let about = changes.about(&landing.head);
    let approved = |person: &PersonId| {
        about.iter().any(|signed| signed.person == *person && signed.review.decision == ReviewDecision::Approve)
    };
    let mut told = BTreeSet::new();
    let mut objections = Vec::new();
    let against = changes.against(&landing.head, &tree);
    for signed in &against {
        let other = signed.review.head_commit != landing.head && signed.review.decision == ReviewDecision::Reject;
        if !other || approved(&signed.person) || !told.insert(&signed.person) {
            continue;
        }
        let place = format!("change {}", landing.head);
        let same = |one: &&&Signed| one.person == signed.person && one.review.decision == ReviewDecision::Reject;
        let documents = against.iter().filter(same).map(|one| one.document).collect();
        objections.push(object(question, &signed.person, documents, &place, findings));
        rows.push(ReviewRow {
            person: Some(signed.person.clone()),
            account: None,
            decision: ReviewDecision::Reject,
            tier: Tier::T3,
            counted: false,
            reason: Some(NotCounted::Against),
            why_not: Some(format!("it stands against the change: {} has the same files", signed.review.head_commit)),
        });
    }
    Ok(objections)
}

fn count_opinion(
    question: &Question<'_>,
    landing: &Landing,
    (authors, withdrew): (&Authors, &BTreeSet<PersonId>),
    opinion: Opinion,
    count: &mut Count,
    rows: &mut Vec<ReviewRow>,
    findings: &mut Vec<Finding>,
) {
    let excluded = opinion.person.as_ref().and_then(|person| authors.excluding(person));
    let rejects = opinion.decision == ReviewDecision::Reject;
    let mut counted = false;
    let why_not = match (opinion.standing, excluded, &opinion.person) {
        (Standing::Not(why), _, _) => Some(why),
        _ if rejects => {
            let place = format!("change {}", landing.head);
            let who = opinion.person.as_ref().map_or_else(|| opinion.account.clone(), ToString::to_string);
            findings.push(rejected(question, &who, &place));
            Some(against("it stands against the change"))
        }
        (_, Some(author), _) => Some(WhyNot::author(author)),
        (Standing::Unclear(why), None, _) => {
            count.unclear.push(format!("{}: {why}", opinion.account));
            Some(WhyNot::new(NotCounted::Unclear, why))
        }
        (Standing::Drifted, None, _) => {
            findings.push(binding::drifted(question, landing, "another base, or one that the forge does not name"));
            Some(WhyNot::new(NotCounted::OtherBase, "it was made on another base"))
        }
        (Standing::Stands, None, Some(person)) if withdrew.contains(person) => {
            Some(withdrawn("the same person signed against it"))
        }
        (Standing::Stands, None, Some(person)) => {
            counted = count.add(person, Agreed { tier: opinion.tier, before_landing: true });
            (!counted).then(WhyNot::again)
        }
        (Standing::Stands, None, None) => Some(WhyNot::new(NotCounted::NotTrusted, "the account is nobody's in trust")),
    };
    rows.push(ReviewRow {
        person: opinion.person,
        account: Some(opinion.account),
        decision: opinion.decision,
        tier: opinion.tier,
        counted,
        reason: why_not.as_ref().map(|why| why.reason),
        why_not: why_not.map(|why| why.text),
    });
}

fn against(why: &str) -> WhyNot {
    WhyNot::new(NotCounted::Against, why)
}

fn withdrawn(why: &str) -> WhyNot {
    WhyNot::new(NotCounted::Withdrawn, why)
}

fn rejections(rows: &[ReviewRow]) -> Vec<&ReviewRow> {
    rows.iter().filter(|row| row.decision == ReviewDecision::Reject).collect()
}

pub(super) fn rejected(question: &Question<'_>, who: &str, place: &str) -> Finding {
    Finding::new(codes::REVIEW_REJECTED, format!("{who} rejected this change"))
        .at(place)
        .expected("no rejection by a trusted person", question.by)
        .found(format!("rejected by {who}"))
        .help("settle it with the reviewer: a new head is a new change, and is reviewed anew")
}

fn weak(question: &Question<'_>, landing: &Landing, rows: &[ReviewRow], recorded: &[&ForgeChange]) -> Finding {
    let mut finding =
        Finding::new(codes::REVIEW_TIER, "the evidence of the reviews is of a lower tier than is asked for")
            .at(format!("change {}", landing.head))
            .expected(
                format!("approvals and authors shown by {} or higher", question.parameters.least_tier),
                question.by,
            );
    for row in rows.iter().filter(|row| row.counted) {
        finding = finding.found(format!("{} approved, {}", row.who(), row.tier));
    }
    for change in recorded.iter().map(|recorded| recorded.change()) {
        for gap in &change.observed.gaps {
            finding = finding.found(format!("change {}: not seen as it happened: {gap}", change.change.number));
        }
    }
    finding.help(format!("ask the reviewers to sign: {}", advice::sign(question, &landing.head, &landing.before)))
}

fn unclear(question: &Question<'_>, landing: &Landing, count: &Count) -> Finding {
    let mut finding = Finding::new(codes::REVIEWER_GONE, "an approval that is needed cannot be attributed to anybody")
        .at(format!("change {}", landing.head))
        .expected("approvals of persons whom trust knows, who may push there", question.by);
    for one in &count.unclear {
        finding = finding.found(one.as_str());
    }
    finding.help(format!("ask a reviewer to run {}", advice::sign(question, &landing.head, &landing.before)))
}

fn missing(
    question: &Question<'_>,
    landing: &Landing,
    authors: &Authors,
    rows: &[ReviewRow],
    count: &Count,
) -> Result<Finding, SourceError> {
    let title = subject(question.history.objects(), &landing.head)?;
    let persons = question.parameters.reviewers_beyond_author.saturating_add(1);
    let agreed = count.agreed.len().saturating_add(usize::from(authors.known.is_some()));
    let plural = if agreed == 1 { "person" } else { "persons" };
    let mut finding = Finding::new(
        codes::REVIEW_MISSING,
        format!("one change has the agreement of {agreed} trusted {plural}, {persons} are needed: \"{title}\""),
    )
    .at(format!("change {}", landing.head))
    .expected(format!("{persons} trusted persons agreed"), question.by)
    .found(format!("{agreed}  {}", describe(&authors.rows)));
    for row in rows {
        let tier = row.tier;
        finding = finding.found(match &row.why_not {
            None => format!("{} approved, counted ({tier})", row.who()),
            Some(why) => format!("{} {}, not counted ({tier}): {why}", row.who(), past(row.decision)),
        });
    }
    for claim in super::rows::claimed(question.history.objects(), &landing.commits)? {
        finding = finding.found(claim);
    }
    let sign = advice::sign(question, &landing.head, &landing.before);
    Ok(finding.help(format!("ask a reviewer to run {sign}")))
}

const fn past(decision: ReviewDecision) -> &'static str {
    match decision {
        ReviewDecision::Approve => "approved",
        ReviewDecision::Reject => "rejected",
        ReviewDecision::Revoke => "revoked",
    }
}
