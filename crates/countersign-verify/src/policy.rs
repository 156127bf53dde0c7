//! Policy releases and their activations: who approved them, by the trust that was in force.

use crate::log::StateView;
use crate::quorum;
use crate::rollout::Risen;
use crate::trust::VerifiedTrust;
use countersign_core::codes;
use countersign_core::decision::ActivePolicy;
use countersign_core::digest::Sha256;
use countersign_core::entry::place_of;
use countersign_core::finding::Finding;
use countersign_core::ids::{Origin, PersonId};
use countersign_core::policy::{Activation, BACKTEST, Manifest, PolicyRef};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::{ROLE_POLICY, Role, Trust};
use std::collections::BTreeSet;

/// However few trust asks for, one person never approves a release alone.
pub const LEAST_APPROVERS: u32 = 2;

/// A release that enough policy approvers signed.
#[derive(Debug, Clone)]
pub struct VerifiedRelease {
    manifest: Manifest,
    reference: PolicyRef,
    approvers: BTreeSet<PersonId>,
    document: Sha256,
    backtest: Option<Sha256>,
}

impl VerifiedRelease {
    /// One that nobody approved, for [`crate::Supposed`] alone.
    pub(crate) fn supposed(
        mut manifest: Manifest,
        stages_at: Option<Time>,
    ) -> Result<Self, countersign_core::json::JsonError> {
        let reference = manifest.reference()?;
        let document = Sha256::of(&manifest.to_bytes()?);
        if let Some(moment) = stages_at {
            manifest.rules = manifest.rules.into_iter().map(|rule| rule.as_of(moment)).collect();
        }
        Ok(Self { manifest, reference, approvers: BTreeSet::new(), document, backtest: None })
    }

    /// The backtest's report that its approvers had before them, if they say so.
    #[must_use]
    pub const fn backtest(&self) -> Option<&Sha256> {
        self.backtest.as_ref()
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The release by all its names.
    #[must_use]
    pub const fn reference(&self) -> &PolicyRef {
        &self.reference
    }

    /// Who approved it.
    #[must_use]
    pub const fn approvers(&self) -> &BTreeSet<PersonId> {
        &self.approvers
    }

    /// The digest of the file as it was signed.
    #[must_use]
    pub const fn document(&self) -> &Sha256 {
        &self.document
    }
}

/// A release that is, or was, the active one for an environment.
#[derive(Debug, Clone)]
pub struct Activated {
    /// The index of the log entry that made it so.
    pub entry: u64,
    /// The log of that entry, where it is one that the log at hand goes on from.
    pub log: Option<Origin>,
    /// That entry's time.
    pub time: Time,
    /// What was signed.
    pub activation: Activation,
    /// The release.
    pub release: VerifiedRelease,
    /// Who activated it.
    pub activators: BTreeSet<PersonId>,
    /// The digest of the activation as it was signed.
    pub document: Sha256,
    /// The rules that moved up with it, and what let them.
    pub risen: Vec<Risen>,
}

impl Activated {
    /// The entry in words.
    #[must_use]
    pub fn place(&self) -> String {
        place_of(self.entry, self.log.as_ref())
    }

    /// Since when it is active: `entry 5`, or `entry 5 of example.com/2026`.
    #[must_use]
    pub fn since(&self) -> String {
        let of = self.log.as_ref().map_or_else(String::new, |origin| format!(" of {origin}"));
        format!("entry {}{of}", self.entry)
    }

    /// The entry in a word, for tables: its index, behind the log where that is an earlier one.
    #[must_use]
    pub fn entry_name(&self) -> String {
        let entry = self.entry;
        self.log.as_ref().map_or_else(|| entry.to_string(), |origin| format!("{origin} {entry}"))
    }

    /// Whether both are the same entry of the same log.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.entry, &self.log) == (other.entry, &other.log)
    }

    /// Whether it is the one that a decision of the log at hand names.
    #[must_use]
    pub fn is(&self, named: &ActivePolicy) -> bool {
        (self.entry, &self.log) == (named.entry, &named.log)
    }
}

/// Checks a release: one document a line over the same manifest, by enough distinct policy approvers of `trust`. The
/// digest is computed from the manifest's bytes here, not taken from anywhere.
/// `newest` is the trust in force now: a key that it has withdrawn does not count.
pub fn verify_release(
    bytes: &[u8],
    trust: &Trust,
    newest: &Trust,
    at: Time,
    place: &str,
) -> Result<VerifiedRelease, Vec<Finding>> {
    let cosigned = quorum::read(bytes, Kind::PolicyRelease, codes::POLICY_UNAPPROVED, place)?;
    let fault = |code, what: String| vec![Finding::new(code, what).at(place)];
    let predicate = cosigned.statement.predicate.clone();
    let signed_form =
        countersign_core::json::canonical(&predicate).map_err(|e| fault(codes::POLICY_MALFORMED, e.to_string()))?;
    let manifest = Manifest::from_value(predicate).map_err(|e| fault(e.code(), e.to_string()))?;
    let reference = manifest.reference().map_err(|e| fault(codes::POLICY_MALFORMED, e.to_string()))?;
    if Sha256::of(&signed_form) != reference.digest || !cosigned.statement.is_about(&reference.digest) {
        return Err(fault(
            codes::POLICY_MALFORMED,
            "the statement's subject is not the manifest that it carries, in its one form".to_owned(),
        ));
    }
    let backtest = backtest_of(&cosigned.statement, place)?;
    let role = approvers_of(trust, place)?;
    let needed = role.threshold.max(LEAST_APPROVERS);
    let asked = Asked { judges: quorum::Judges { role, trust, newest }, needed, not: only_author(&manifest) };
    let approvers = enough(&cosigned, Kind::PolicyRelease, &asked, at, place)?;
    Ok(VerifiedRelease { manifest, reference, approvers, document: cosigned.digest, backtest })
}

/// The backtest's report that a release names beside itself: at most one, by its digest. That it is there and says something
/// good is for the approvers; here only its form is looked at.
fn backtest_of(statement: &Statement, place: &str) -> Result<Option<Sha256>, Vec<Finding>> {
    let named = || statement.subjects.iter().filter(|subject| subject.name.as_deref() == Some(BACKTEST));
    let digests: Vec<Sha256> = named().filter_map(Subject::sha256_digest).collect();
    match (named().count(), digests.as_slice()) {
        (0, _) => Ok(None),
        (1, [digest]) => Ok(Some(*digest)),
        _ => Err(vec![
            Finding::new(codes::POLICY_MALFORMED, "the approval does not name one backtest's report by its SHA-256")
                .at(place),
        ]),
    }
}

/// Who among the policy approvers of `trust` signed a release so far, and how many it needs.
pub fn approvals(
    bytes: &[u8],
    trust: &Trust,
    at: Time,
    place: &str,
) -> Result<(BTreeSet<PersonId>, u32), Vec<Finding>> {
    let cosigned = quorum::read(bytes, Kind::PolicyRelease, codes::POLICY_UNAPPROVED, place)?;
    let role = approvers_of(trust, place)?;
    let count = quorum::count(&cosigned, Kind::PolicyRelease, quorum::Judges { role, trust, newest: trust }, at, place);
    let mut persons = quorum::ids(&count);
    if let Some(only) = Manifest::from_value(cosigned.statement.predicate.clone()).ok().as_ref().and_then(only_author) {
        persons.remove(only);
    }
    Ok((persons, role.threshold.max(LEAST_APPROVERS)))
}

/// Who wrote all that changed, if it was one person: no approver of it.
fn only_author(manifest: &Manifest) -> Option<&PersonId> {
    manifest.authors.first().filter(|_| manifest.authors.len() == 1)
}

/// What an activation has to fit into: the log up to its entry.
#[derive(Debug, Clone, Copy)]
pub struct LogSoFar<'a> {
    origin: &'a Origin,
    begun: Option<Time>,
    /// An activation in it names the log: from then on, all have to.
    named: bool,
}

impl<'a> LogSoFar<'a> {
    /// Of a log, as far as the view goes.
    #[must_use]
    pub fn of(view: StateView<'a>) -> Self {
        Self {
            origin: view.origin(),
            begun: view.entries().first().map(|entry| entry.time),
            named: view.every_activation().any(|activated| activated.activation.log.is_some()),
        }
    }
}

/// What an activation is judged by.
#[derive(Debug, Clone, Copy)]
pub struct ActivationContext<'a> {
    /// The log up to the entry.
    pub log: LogSoFar<'a>,
    /// The trust in force at the previous activation for the environment; for the first, the trust given from outside.
    pub trust: &'a VerifiedTrust,
    /// The trust in force now. It makes nobody an approver, but a key that it no longer lists does not count.
    pub newest: &'a VerifiedTrust,
    /// The release that is active there now.
    pub active: Option<&'a Activated>,
    /// Every earlier activation there.
    pub earlier: &'a [&'a Activated],
    /// The entry's index and time, or what they will be.
    pub entry: u64,
    /// See `entry`.
    pub time: Time,
}

/// Checks that an activation may follow those before it: signed by a policy approver, about this release, naming the
/// release that it replaces, and never going back without a quorum of its own and a reason.
pub fn verify_activation(
    bytes: &[u8],
    release_bytes: &[u8],
    context: &ActivationContext<'_>,
    place: &str,
) -> Result<Activated, Vec<Finding>> {
    let trust = context.trust.trust();
    let newest = context.newest.trust();
    let release = verify_release(release_bytes, trust, newest, context.time, place)?;
    let cosigned = quorum::read(bytes, Kind::PolicyActivation, codes::POLICY_UNAPPROVED, place)?;
    let activation: Activation = cosigned
        .statement
        .predicate_as(Kind::PolicyActivation)
        .map_err(|e| vec![Finding::new(codes::POLICY_MALFORMED, e.to_string()).at(place)])?;
    let mut findings = same_release(&activation, &release, &cosigned, place);
    findings.extend(belongs(&activation, &context.log, place));
    findings.extend(continues(&activation, &release, context, place));
    findings.extend(authors_named(&release, context, place));
    let back = goes_back(&activation, context) && !renews(&activation, context);
    let overrides = !activation.overrides.is_empty();
    if overrides && !has_reason(&activation) {
        findings.push(
            Finding::new(codes::ROLLOUT_OVERRIDE, "the activation overrides a rule's measurement and gives no reason")
                .at(place)
                .expected("a reason", "countersign")
                .help("say why with --reason"),
        );
    }
    if back && !has_reason(&activation) {
        findings.push(rollback(&activation, context, place));
    }
    let role = approvers_of(trust, place)?;
    let needed = if back || overrides { role.threshold.max(LEAST_APPROVERS) } else { 1 };
    let asked = Asked { judges: quorum::Judges { role, trust, newest }, needed, not: None };
    match enough(&cosigned, Kind::PolicyActivation, &asked, context.time, place) {
        Ok(activators) if findings.is_empty() => Ok(Activated {
            entry: context.entry,
            log: None,
            time: context.time,
            activation,
            release,
            activators,
            document: cosigned.digest,
            risen: Vec::new(),
        }),
        Ok(_) => Err(findings),
        Err(more) => {
            // One that gives no reason has this finding already.
            let rolled = rollback(&activation, context, place);
            if back && !findings.contains(&rolled) {
                findings.push(rolled);
            }
            findings.extend(more);
            Err(findings)
        }
    }
}

fn approvers_of<'t>(trust: &'t Trust, place: &str) -> Result<&'t Role, Vec<Finding>> {
    trust.role(ROLE_POLICY).ok_or_else(|| {
        vec![
            Finding::new(codes::ROLE_UNKNOWN, format!("trust has no role `{ROLE_POLICY}`: nobody can approve policy"))
                .at(place)
                .expected(format!("[roles.{ROLE_POLICY}]"), format!("trust, version {}", trust.version)),
        ]
    })
}

/// How many have to sign, by whose word, and who is none of them.
struct Asked<'a> {
    judges: quorum::Judges<'a>,
    needed: u32,
    not: Option<&'a PersonId>,
}

fn enough(
    cosigned: &quorum::Cosigned,
    kind: Kind,
    asked: &Asked<'_>,
    at: Time,
    place: &str,
) -> Result<BTreeSet<PersonId>, Vec<Finding>> {
    let (trust, needed) = (asked.judges.trust, asked.needed);
    let count = quorum::count(cosigned, kind, asked.judges, at, place);
    let broken = quorum::broken(&count);
    if !broken.is_empty() {
        return Err(broken);
    }
    let mut persons = quorum::ids(&count);
    let author = asked.not.filter(|only| persons.remove(*only));
    if persons.len() >= usize::try_from(needed).unwrap_or(usize::MAX) {
        return Ok(persons);
    }
    let names: Vec<String> = persons.iter().map(ToString::to_string).collect();
    let command = if kind == Kind::PolicyRelease { "approve" } else { "activate" };
    let mut finding =
        Finding::new(codes::POLICY_UNAPPROVED, format!("too few policy approvers signed this {}", kind.word()))
            .at(place)
            .expected(format!("{needed} persons of role `{ROLE_POLICY}`"), format!("trust, version {}", trust.version))
            .found(format!("{}  {}", persons.len(), names.join(", ")));
    if let Some(only) = author {
        finding = finding.found(format!("{only} is its only author, and does not count"));
    }
    for note in &count.notes {
        finding = finding.found(note.as_str());
    }
    let mut findings = vec![finding.help(format!("ask another approver to run `countersign policy {command}`"))];
    findings.extend(count.problems);
    Err(findings)
}

fn same_release(
    activation: &Activation,
    release: &VerifiedRelease,
    cosigned: &quorum::Cosigned,
    place: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if activation.policy != release.reference || !cosigned.statement.is_about(&release.reference.digest) {
        findings.push(
            Finding::new(codes::POLICY_MALFORMED, "the activation is about another release than the one given with it")
                .at(place)
                .expected(release.reference.digest.to_string(), "the release")
                .found(activation.policy.digest.to_string()),
        );
    }
    if !release.manifest.environments.contains_key(&activation.environment) {
        findings.push(
            Finding::new(
                codes::ENVIRONMENT_UNKNOWN,
                format!("the release does not cover environment {}", activation.environment),
            )
            .at(place)
            .found(release.manifest.environments.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        );
    }
    findings
}

/// An activation is for one log. One without a log's name is from before they had it: it counts where it may stand by
/// itself, which is in a log that had begun when it was signed, and before the first one there that does name the log.
fn belongs(activation: &Activation, log: &LogSoFar<'_>, place: &str) -> Option<Finding> {
    let (what, found) = match &activation.log {
        Some(named) if named == log.origin => return None,
        Some(named) => ("the activation was signed for another log", named.to_string()),
        None if log.named => ("the activation names no log, and those before it do", "none".to_owned()),
        None if log.begun.is_some_and(|begun| activation.activated_at < begun) => {
            ("the activation names no log, and was signed before this one began", activation.activated_at.to_string())
        }
        None => return None,
    };
    Some(
        Finding::new(codes::ACTIVATION_OTHER_LOG, what)
            .at(place)
            .expected(format!("an activation for {}", log.origin), "the log")
            .found(found),
    )
}

/// What approvers agreed to at another moment: a document that stands in the log already, or one that was signed before the
/// active release became so. That it names the active release as the one it replaces does not help it, since a release can be
/// the active one more than once.
fn replayed(activation: &Activation, context: &ActivationContext<'_>, place: &str) -> Option<Finding> {
    let refused = |what: &str| Finding::new(codes::ACTIVATION_REPLAYED, what).at(place);
    if let Some(first) = context.earlier.iter().find(|earlier| earlier.activation == *activation) {
        return Some(
            refused("the very activation stands in the log already")
                .expected("one that was signed for this moment", "the log")
                .found(format!("the one of entry {}", first.entry)),
        );
    }
    let active = context.active.filter(|active| activation.activated_at < active.time)?;
    Some(
        refused("the activation was signed before the release that is active now became so")
            .expected(format!("no earlier than {}", active.time), format!("the log, entry {}", active.entry))
            .found(activation.activated_at.to_string()),
    )
}

/// A release that follows one which says who wrote it says so too: otherwise leaving the authors out would let the only one
/// of them approve it. And each is a person of trust: an author of whom it knows nothing may be another one under a wrong id,
/// who would then count as an approver. A release that was active before is as it was then.
fn authors_named(release: &VerifiedRelease, context: &ActivationContext<'_>, place: &str) -> Option<Finding> {
    let earlier = || context.earlier.iter().map(|earlier| &earlier.release);
    if earlier().any(|earlier| earlier.reference.digest == release.reference.digest) {
        return None;
    }
    let authors = &release.manifest.authors;
    if authors.is_empty() {
        let before = earlier().find(|earlier| !earlier.manifest.authors.is_empty())?;
        return Some(
            Finding::new(codes::POLICY_AUTHORS, "the release does not say who wrote it, and one before it does")
                .at(place)
                .expected("authors = [\"…\"], ids of persons of trust", format!("release {}", before.reference.version))
                .found("none"),
        );
    }
    let (trust, newest) = (context.trust.trust(), context.newest.trust());
    let known = |id: &PersonId| trust.persons.iter().chain(&newest.persons).any(|person| person.id == *id);
    let unknown: Vec<&str> = authors.iter().filter(|id| !known(id)).map(PersonId::as_str).collect();
    (!unknown.is_empty()).then(|| {
        Finding::new(codes::POLICY_AUTHORS, "the release names an author whom trust does not know")
            .at(place)
            .expected("ids of persons of trust", format!("trust, version {}", newest.version))
            .found(unknown.join(", "))
    })
}

fn continues(
    activation: &Activation,
    release: &VerifiedRelease,
    context: &ActivationContext<'_>,
    place: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let active = context.active.map(|a| a.release.reference.digest);
    if activation.replaces != active {
        let word = |digest: Option<Sha256>| digest.map_or_else(|| "none".to_owned(), |d| d.to_string());
        findings.push(
            Finding::new(
                codes::POLICY_ROLLBACK,
                "the activation was signed for another moment: it replaces a release that is not the active one",
            )
            .at(place)
            .expected(word(active), "the log")
            .found(word(activation.replaces)),
        );
    }
    findings.extend(replayed(activation, context, place));
    if activation.activated_at > context.time {
        findings.push(
            Finding::new(codes::POLICY_NOT_YET_VALID, "the activation's own time lies in the future")
                .at(place)
                .expected(format!("no later than {}", context.time), "the log entry")
                .found(activation.activated_at.to_string()),
        );
    }
    if let Some(active) = context.active {
        let (new, old) = (&release.reference, &active.release.reference);
        if new.uri != old.uri || new.lineage != old.lineage {
            findings.push(
                Finding::new(codes::POLICY_OTHER_LINEAGE, "the release belongs to another policy than the active one")
                    .at(place)
                    .expected(
                        format!("{} ({})", old.uri, old.lineage),
                        active
                            .log
                            .as_ref()
                            .map_or_else(|| format!("the log, entry {}", active.entry), |_| active.place()),
                    )
                    .found(format!("{} ({})", new.uri, new.lineage)),
            );
        }
    }
    let reused = context
        .earlier
        .iter()
        .map(|earlier| &earlier.release.reference)
        .find(|old| old.version == release.reference.version && old.digest != release.reference.digest);
    if let Some(old) = reused {
        findings.push(
            Finding::new(
                codes::POLICY_VERSION_REUSED,
                format!("version {} was active before with other bytes", old.version),
            )
            .at(place)
            .expected(old.digest.to_string(), "the log")
            .found(release.reference.digest.to_string())
            .help("give the release the next version in policy.toml, build it again and have it approved"),
        );
    }
    findings
}

fn has_reason(activation: &Activation) -> bool {
    activation.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty())
}

fn highest(context: &ActivationContext<'_>) -> Option<u64> {
    context.earlier.iter().map(|earlier| earlier.release.reference.version).max()
}

/// Not above everything that was active before: a return, which has to be deliberate.
fn goes_back(activation: &Activation, context: &ActivationContext<'_>) -> bool {
    highest(context).is_some_and(|highest| activation.policy.version <= highest)
}

/// The release that is active already, once more, under a trust document that follows the one by which it became active: no
/// return, since nothing else was active in between. The newer trust is then the one by which its successor is judged.
/// Signed after the activation that it renews: an earlier renewal, appended once more, renews nothing.
fn renews(activation: &Activation, context: &ActivationContext<'_>) -> bool {
    let newer = context.trust.digest() != context.newest.digest();
    newer
        && activation.overrides.is_empty()
        && context.active.is_some_and(|active| {
            active.release.reference == activation.policy
                && activation.activated_at >= active.activation.activated_at
                && *activation != active.activation
        })
}

fn rollback(activation: &Activation, context: &ActivationContext<'_>, place: &str) -> Finding {
    let highest = highest(context).unwrap_or_default();
    Finding::new(
        codes::POLICY_ROLLBACK,
        format!("version {} is not newer than version {highest}, which was active before", activation.policy.version),
    )
    .at(place)
    .expected(format!("a version above {highest}, or a quorum of approvers and a reason for the return"), "the log")
    .found(format!("version {}, reason: {}", activation.policy.version, activation.reason.as_deref().unwrap_or("none")))
    .help("if the return is meant: have a quorum run `countersign policy activate --reason …`")
}
