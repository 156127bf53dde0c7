//! Checking one artifact: against signed bundles, or against the record of promotions.

use crate::erasure;
use crate::error::FlowError;
use crate::outside::TrustFile;
use crate::place::{Place, StoreBlobs};
use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::decision::BreakGlass;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Check, Finding, Verdict, verdict_of};
use countersign_core::ids::{EnvName, PersonId};
use countersign_core::statement::vsa::VerificationResult;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_decide::rules::Built;
use countersign_decide::summary::resource_uri;
use countersign_verify::Blobs;
use countersign_verify::document::SignerName;
use countersign_verify::evidence::place_of;
use countersign_verify::log::{Promoted, kept_checkpoint};
use countersign_verify::policy::Activated;
use countersign_verify::records::gone_help;
use countersign_verify::vsa::{about_one, verify_vsa};
use countersign_verify::witnessed::asks_for_witnesses;
use countersign_verify::{Evidence, LogState, StateView, Verified, VerifiedTrust};
use std::collections::BTreeSet;
use std::path::Path;

/// What was checked, and what was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// The whole checklist.
    pub checks: Vec<Check>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Checked {
    pub(crate) fn line(&mut self, id: &str, findings: Vec<Finding>, holds: impl Into<String>) {
        let refusal = findings.iter().find(|finding| finding.class.blocks());
        let detail = refusal.map_or_else(|| holds.into(), |finding| finding.what.clone());
        self.checks.push(Check::new(id, verdict_of(&findings), detail));
        self.findings.extend(findings);
    }

    /// What is refused or asked for since a log was closed stands in the one that follows.
    fn open(&mut self, view: StateView<'_>) {
        if let Some(successor) = view.closed_for() {
            self.line("log-open", vec![crate::shard::closed(successor)], "");
        }
    }

    fn trust<'t>(&mut self, trust: &'t TrustFile) -> Option<&'t VerifiedTrust> {
        self.checks.extend(trust.outcome.checks.iter().cloned());
        self.findings.extend(trust.outcome.findings.iter().cloned());
        let trust = trust.outcome.trust.as_ref();
        for (owner, identity) in trust.into_iter().flat_map(|trust| trust.trust().identities()) {
            if let Some(pattern) = identity.lets_in_anybody() {
                let what = format!("trust takes anybody whom an issuer vouches for as {}", owner.describe());
                self.findings.push(
                    Finding::new(codes::IDENTITY_ANYBODY, what)
                        .at("the trust document")
                        .expected("a pattern that says whose signature counts, or a claim that does", "countersign")
                        .found(pattern.text())
                        .help("write it out in trust.toml, and have trust signed again: `countersign trust show` names each such pattern"),
                );
            }
        }
        trust
    }
}

/// What an artifact is checked for.
#[derive(Debug)]
pub struct Wanted {
    /// The artifact's digest.
    pub subject: Sha256,
    /// Its name.
    pub name: String,
    /// Kinds of statement of which there has to be one.
    pub kinds: Vec<Kind>,
    /// The least SLSA Build level.
    pub level: u8,
    /// How many distinct persons have to have signed about it; 0 or 1 asks for none.
    pub persons: usize,
    /// Documents that nobody named one by one: what of them is about another artifact says nothing here, and is passed over.
    pub collected: BTreeSet<Sha256>,
}

/// Checks bundles about an artifact: every signature, signer, kind and subject, and the level that the provenance shows.
#[must_use]
pub fn with_bundles(wanted: &Wanted, documents: &[Vec<u8>], trust: &TrustFile, at: Time) -> Checked {
    let mut out = Checked::default();
    let Some(trust) = out.trust(trust) else { return out };
    let about: Vec<Vec<u8>> = documents.iter().filter(|bytes| !elsewhere(wanted, bytes)).cloned().collect();
    let over = documents.len().saturating_sub(about.len());
    // Where none is about it, each is named with what it is about.
    let (documents, over) = if over == documents.len() { (documents, 0) } else { (about.as_slice(), over) };
    let evidence = Evidence::verify(documents, trust, at);
    // A trusted root that was handed in is none of them.
    let holds = match evidence.statements().count() {
        1 => "1 bundle, by a signer that trust lets sign it".to_owned(),
        count => format!("{count} bundles, each by a signer that trust lets sign it"),
    };
    let mut findings = evidence.findings().to_vec();
    if documents.is_empty() {
        findings.push(Finding::new(codes::NO_STATEMENTS, "there is no bundle to check").help("name one with --bundle"));
    }
    for statement in evidence.statements().filter(|statement| statement.signed_by().unwitnessed) {
        let what =
            "a key signed that may do without a log and a timestamp: what the bundle has of them was not looked at";
        let by = statement.signed_by().owner.describe();
        findings.push(Finding::new(codes::TRANSPARENCY_NONE, what).at(place_of(statement.document())).found(by));
    }
    out.line("signatures", findings, holds);
    let place = format!("{}  {}", wanted.name, wanted.subject);
    let mut strangers = Vec::new();
    for statement in Kind::ALL.into_iter().flat_map(|kind| evidence.of_kind(kind)) {
        if !statement.value().is_about(&wanted.subject) {
            let found =
                statement.value().subjects.iter().filter_map(countersign_core::statement::Subject::sha256_digest);
            let mut finding = Finding::new(codes::SUBJECT_MISMATCH, "the statement is about another artifact")
                .at(place.as_str())
                .at(format!("bundle {}", statement.document()))
                .expected(wanted.subject.to_string(), "the artifact's bytes");
            for digest in found.take(5) {
                finding = finding.found(digest.to_string());
            }
            strangers.push(finding);
        } else if let Some(finding) = about_one(statement, &place) {
            strangers.push(finding.at(format!("bundle {}", statement.document())));
        }
    }
    let over = match over {
        0 => String::new(),
        over => format!(", and {over} about others passed over"),
    };
    out.line("subject-digest", strangers, format!("{}{over}", wanted.subject));
    for kind in &wanted.kinds {
        // A verifier speaks of revisions: what its key says of an artifact is nothing.
        let may = |s: &&Verified<Statement>| !matches!(s.signed_by().owner, SignerName::Verifier(_));
        let there = evidence.of_kind(*kind).filter(may).filter(|s| s.value().is_about(&wanted.subject)).count();
        let mut findings = Vec::new();
        if there == 0 {
            let code = if *kind == Kind::Provenance { codes::PROVENANCE_MISSING } else { codes::PREDICATE_MISMATCH };
            findings.push(
                Finding::new(code, format!("no {} that holds is about this artifact", kind.word()))
                    .at(place.as_str())
                    .expected(kind.predicate_type(), "--type")
                    .found("none"),
            );
        }
        out.line(&format!("type {}", kind.word()), findings, format!("{there} of them"));
    }
    persons(wanted, &evidence, &mut out);
    level(wanted, &evidence, &mut out);
    out
}

/// Whether a document of a collection says itself that it is about other artifacts. Whoever can add to a collection could
/// otherwise keep everything in it from counting.
fn elsewhere(wanted: &Wanted, bytes: &[u8]) -> bool {
    let statement = || Statement::parse(&Signed::parse(bytes).ok()?.payload).ok();
    wanted.collected.contains(&Sha256::of(bytes))
        && statement().is_some_and(|statement| !statement.subjects.is_empty() && !statement.is_about(&wanted.subject))
}

/// Persons, each once, however many documents and keys they signed with.
fn persons(wanted: &Wanted, evidence: &Evidence, out: &mut Checked) {
    if wanted.persons < 2 {
        return;
    }
    let about = evidence.statements().filter(|statement| statement.value().is_about(&wanted.subject));
    let signers = about.filter_map(|statement| {
        if let SignerName::Person(id) = &statement.signed_by().owner { Some(id.clone()) } else { None }
    });
    let signers: BTreeSet<PersonId> = signers.collect();
    let mut findings = Vec::new();
    if signers.len() < wanted.persons {
        let mut finding = Finding::new(codes::SIGNERS_TOO_FEW, "fewer distinct persons than are asked for have signed")
            .at(format!("{}  {}", wanted.name, wanted.subject))
            .expected(wanted.persons.to_string(), "--signers")
            .found(format!("{} distinct", signers.len()));
        for person in &signers {
            finding = finding.found(format!("person {person}"));
        }
        findings.push(finding);
    }
    out.line("persons", findings, format!("{} distinct", signers.len()));
}

fn level(wanted: &Wanted, evidence: &Evidence, out: &mut Checked) {
    let mut findings = Vec::new();
    let Some(built) = Built::best(evidence, &wanted.subject, &mut findings) else {
        if wanted.level > 0 {
            findings.push(
                Finding::new(codes::PROVENANCE_MISSING, "without provenance no level is shown")
                    .at(format!("{}  {}", wanted.name, wanted.subject))
                    .expected(format!("SLSA Build L{}", wanted.level), "--level")
                    .found("no provenance"),
            );
        }
        if !findings.is_empty() {
            out.line("build-level", findings, "");
        }
        return;
    };
    let by = built.statement.signed_by().owner.describe();
    let id = &built.provenance.run_details.builder.id;
    if built.level < wanted.level {
        findings.push(
            Finding::new(codes::BUILDER_LEVEL, "the build shows a lower SLSA Build level than is asked for")
                .at(format!("bundle {}", built.statement.document()))
                .expected(format!("SLSA Build L{}", wanted.level), "--level")
                .found(format!("L{}  signed by {by}, builder.id {id}", built.level)),
        );
    }
    findings.extend(built.notes.iter().cloned());
    out.line("build-level", findings, format!("SLSA Build L{}, signed by {by}, builder.id {id}", built.level));
}

/// Checks the record: the newest decision about an artifact for an environment authorised it, under the release that is
/// active now, and its summary holds.
pub fn promoted_to(
    subject: &Sha256,
    environment: &EnvName,
    trust: &TrustFile,
    place: &Place,
    least: Option<&Path>,
    at: Time,
) -> Result<Checked, FlowError> {
    let mut out = Checked::default();
    let Some(verified) = out.trust(trust) else { return Ok(out) };
    let gone = |error| crate::outside::set_back(error, least, place, verified.trust(), at);
    // What was kept is read first, and both checkpoints at one time: a gate that records something meanwhile makes all of
    // them go further.
    let least = least.map(|path| crate::outside::read_least(path, place));
    let (moment, entries) = place.read_moment().map_err(gone)?;
    let blobs = StoreBlobs::new(place.store());
    let opened = LogState::open(&moment.checkpoint_bytes(), &entries, verified, &blobs, at);
    out.checks.extend(opened.checks);
    out.findings.extend(opened.findings);
    let Some(state) = opened.state else { return Ok(out) };
    let view = state.now();
    let shown = crate::witness::shown(place, (&state, &moment), verified.trust(), environment, at)?;
    let (continues, how) = match least {
        // Cosigned a moment ago: a log that was rewound since would not be.
        None if shown.fresh => (Vec::new(), "as the witnesses have just seen it"),
        least => (
            reaches(view, least.transpose()?.as_deref(), verified, at),
            "the log goes on from the checkpoint that was kept",
        ),
    };
    out.line("log-continues", continues, how);
    out.open(view);
    out.line("log-activations", view.faults(environment).cloned().collect(), "every activation holds");
    let place_name = format!("{subject}, {environment}");
    let newest = match view.last_decision(environment, subject, &blobs) {
        Err(findings) => {
            out.line("decision", findings, "");
            return Ok(out);
        }
        Ok(None) => {
            let finding = undecided(view, environment, subject, &blobs).at(place_name);
            out.line("decision", vec![finding], "");
            return Ok(out);
        }
        Ok(Some(newest)) => newest,
    };
    if asks_for_witnesses(verified.trust(), environment) {
        let findings = shown.covers(newest.entry, &state).err().into_iter().collect();
        out.line("log-witnessed", findings, "the quorum of witnesses has cosigned a log that holds the decision");
    }
    let decision = &newest.content;
    let mut findings = Vec::new();
    if !decision.authorised {
        findings.push(refusal(&newest));
    } else if let Some(glass) = &decision.break_glass {
        // It stands for as long as it is made up for in time: after that nobody deploys it any more.
        let made_up = promotion_made_up(view, &newest, &blobs);
        findings.push(emergency(&newest, glass, at, made_up));
    } else if !decision.enforced {
        findings.push(Finding::new(
            codes::DECISION_UNENFORCED,
            format!("the gate of {environment} is not enforced; the decision says {}", decision.verdict),
        ));
    }
    out.line("decision", findings, format!("{} in entry {}, at {}", decision.verdict, newest.entry, newest.time));
    let active = view.active(environment).map(|active| active.release.reference().digest);
    let under = decision.inputs.policy.as_ref().map(|policy| policy.policy.digest);
    let mut findings = Vec::new();
    if active.is_none() || active != under {
        let word = |digest: Option<Sha256>| digest.map_or_else(|| "none".to_owned(), |d| d.to_string());
        findings.push(
            Finding::new(
                codes::DECISION_NOT_CURRENT,
                "the decision was made under a release that is not the active one",
            )
            .at(format!("log entry {}", newest.entry))
            .expected(word(active), "the log")
            .found(word(under))
            .help("promote it again: the new release may ask for more"),
        );
    }
    findings.extend(view.active(environment).and_then(|active| out_of_date(active, at)));
    out.line("policy-active", findings, word_of(active));
    let missing = missing_inputs(&newest, &state, &blobs);
    out.line("evidence", missing, "everything that the decision rests on is there");
    let summary =
        usize::try_from(newest.entry).ok().and_then(|i| view.entries().get(i)).and_then(|e| e.statements.get(1));
    let bytes = summary.and_then(|digest| blobs.blob(digest)).map(Blob::into_bytes).unwrap_or_default();
    let resource = resource_uri(environment).map_err(|error| FlowError::Usage(error.to_string()))?;
    let summed = verify_vsa(&bytes, subject, &resource, under.as_ref(), (view.trust(), &blobs), newest.time, "summary");
    let let_through = !decision.enforced || decision.break_glass.is_some();
    let findings = match summed {
        Err(findings) => findings,
        Ok(vsa) if vsa.verification_result == VerificationResult::Failed && !let_through => {
            vec![said_failed(newest.entry)]
        }
        Ok(_) => Vec::new(),
    };
    out.line("summary", findings, "signed by the gate, about this artifact, environment and release");
    blobs.finish()?;
    Ok(out)
}

/// What speaks against it that the log goes on from what was kept elsewhere.
fn reaches(view: StateView<'_>, least: Option<&[u8]>, trust: &VerifiedTrust, at: Time) -> Vec<Finding> {
    let Some(least) = least else {
        return vec![
            Finding::new(codes::ROLLBACK_UNDETECTABLE, "nothing from outside says how far the log had come")
                .expected("a checkpoint kept elsewhere", "--least-checkpoint or COUNTERSIGN_LEAST_CHECKPOINT")
                .found("none"),
        ];
    };
    match kept_checkpoint(least, &view, trust.trust(), at) {
        Ok(least) => view.continues(&least).err().into_iter().collect(),
        Err(finding) => vec![finding],
    }
}

/// That the log holds no decision about an artifact. One that a log before it holds authorises nothing here, and is named: what
/// it rests on stayed in that log's store, and nobody could look at it again.
fn undecided(view: StateView<'_>, environment: &EnvName, subject: &Sha256, blobs: &dyn Blobs) -> Finding {
    let mut earlier = view.chain().skip(1);
    let before = earlier.find_map(|log| log.last_decision(environment, subject, blobs).ok().flatten());
    let what = match &before {
        None => format!("nothing was decided about this artifact for {environment}"),
        Some(_) => {
            format!("nothing was decided about this artifact for {environment} since this log goes on from another")
        }
    };
    let found = before.map_or_else(
        || "none".to_owned(),
        |before| {
            let place = countersign_core::entry::place_of(before.entry, before.log.as_ref());
            let said = if before.content.authorised { "authorised" } else { "not authorised" };
            format!("{place}: {}, {said}, at {}; it does not count here", before.content.verdict, before.time)
        },
    );
    Finding::new(codes::DECISION_MISSING, what)
        .expected("a decision in the log", "the log")
        .found(found)
        .help(format!("countersign promote ARTIFACT --to {environment}"))
}

fn refusal(promoted: &Promoted) -> Finding {
    let verdict = promoted.content.verdict;
    Finding::new(codes::DECISION_REFUSED, format!("the newest decision says {verdict}"))
        .at(format!("log entry {}", promoted.entry))
        .expected("an authorisation", "the check")
        .found(format!("{verdict} at {}", promoted.time))
}

fn said_failed(entry: u64) -> Finding {
    Finding::new(codes::DECISION_REFUSED, "the summary says FAILED").at(format!("log entry {entry}"))
}

/// Whether what an emergency let through was reviewed since, by the log.
fn promotion_made_up(view: StateView<'_>, promoted: &Promoted, blobs: &dyn Blobs) -> bool {
    let known = view.exceptions(blobs);
    let glass = promoted.content.break_glass.iter().flat_map(|glass| &glass.exceptions);
    let signed = glass.clone().count() > 0 && glass.clone().all(|id| known.followed_up.contains_key(id));
    let environment = &promoted.content.request.environment;
    let later = view.decisions(Some(environment), None, blobs).flatten();
    let mut later = later.take_while(|later| later.entry > promoted.entry);
    signed
        || later
            .any(|later| later.content.verdict == Verdict::Pass && later.content.followed_up.contains(&promoted.entry))
}

/// A decision by which review was passed over: a note while there is time to make up for it, or once that was done.
fn emergency(promoted: &Promoted, glass: &BreakGlass, at: Time, made_up: bool) -> Finding {
    let late = at >= glass.follow_up && !made_up;
    let (code, what) = if late {
        (codes::FOLLOW_UP_OVERDUE, "review was passed over in an emergency, and was not made up for in time")
    } else if made_up {
        (codes::FOLLOW_UP_OPEN, "review was passed over in an emergency, and was made up for since")
    } else {
        (codes::FOLLOW_UP_OPEN, "review was passed over in an emergency, and still has to be made up for")
    };
    let ids: Vec<String> = glass.exceptions.iter().map(ToString::to_string).collect();
    Finding::new(code, what)
        .at(format!("log entry {}", promoted.entry))
        .expected(format!("a review before {}", glass.follow_up), format!("exception {}", ids.join(", ")))
        .found(if made_up { "one in the log" } else { "none in the log" })
}

/// Evidence that a decision rests on and that was erased, as the log says, or that is not in the store any more. What was erased
/// counts as gone where it still lies there: to an auditor it is.
fn missing_inputs(recorded: &Promoted, state: &LogState, blobs: &dyn Blobs) -> Vec<Finding> {
    let erased = state.erased_in_chain(blobs);
    let inputs = &recorded.content.inputs;
    let evidence = inputs.evidence.iter().flatten().map(|reference| reference.digest);
    let named = evidence.chain(inputs.captures.iter().copied()).chain(inputs.git).chain(inputs.witnessed);
    let missing = |digest: Sha256| {
        if let Some(by) = erased.get(&digest) {
            return Some(erasure::withheld(&digest, &by.place));
        }
        let finding =
            Finding::new(codes::EVIDENCE_WITHHELD, "evidence that the decision rests on is missing or altered")
                .at(format!("log entry {}", recorded.entry))
                .expected(digest.to_string(), "the decision")
                .found("nothing of that digest in the store")
                .help(gone_help(state.now()));
        blobs.blob(&digest).is_none().then_some(finding)
    };
    named.filter_map(missing).collect()
}

/// The release that is active may have run out since the decision.
fn out_of_date(active: &Activated, at: Time) -> Option<Finding> {
    let manifest = active.release.manifest();
    (at >= manifest.expires).then(|| {
        Finding::new(codes::POLICY_EXPIRED, "the release under which it was decided has expired since")
            .at(format!("{}@{}", manifest.uri, manifest.version))
            .expected(format!("a time before {}", manifest.expires), "the release")
            .found(at.to_string())
            .help("release and activate the next version of the policy, and promote the artifact again")
    })
}

fn word_of(digest: Option<Sha256>) -> String {
    digest.map_or_else(|| "none".to_owned(), |d| format!("release {d}"))
}
