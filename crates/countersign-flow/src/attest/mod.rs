//! Attestations of the ecosystem about one artifact, against what somebody expects of them: who signed, who built, from which
//! source. Trust documents of ours have no part in it; what is expected comes with the call.

pub mod all;
mod careless;
mod dependencies;
mod forms;
pub mod inputs;
pub mod names;
pub mod oci;
pub mod refresh;

pub use careless::careless;

use crate::verify_artifact::Checked;
use countersign_core::attestation::Form;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, listed};
use countersign_core::slsa::builders::known_level;
use countersign_core::slsa::facts::{PROVENANCE_V01, PROVENANCE_V1, PROVENANCE_V02};
use countersign_core::slsa::{
    Expectations, ExpectedBuilder, ExpectedIdentity, Facts, Package, SignerFacts, SummaryExpectations,
};
use countersign_core::statement::{Statement, Subject as CoreSubject};
use countersign_core::time::Time;
use countersign_core::trust::NamePattern;
use countersign_core::trust::identity::name_somebody;
use countersign_verify::attest::{self, Anchors, Shown, ShownSigner, Wanted, check_summary, summary_result};
use dependencies::HandedIn;
use forms::Forms;
use inputs::Read;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Provenance of whichever version, where a kind of statement is asked for.
const PROVENANCE_OF_ANY_VERSION: &str = "provenance";
/// Likewise a verification summary.
const SUMMARY_OF_ANY_VERSION: &str = "vsa";
/// What helps where somebody else signed.
const EXPECT: &str =
    "if that one is right, name it: --certificate-identity and --certificate-oidc-issuer, or the file of expectations";

/// What is expected of the attestations.
#[derive(Debug, Default)]
pub struct Expected {
    /// Whose certificates count. None: a builder's own, for provenance alone.
    pub identities: Vec<ExpectedIdentity>,
    /// What provenance has to say.
    pub provenance: Option<Expectations>,
    /// What verification summaries have to say.
    pub summary: Option<SummaryExpectations>,
    /// Which package it is.
    pub package: Package,
    /// Predicate types of which there has to be one; `provenance` and `vsa` for any version of those.
    pub kinds: Vec<String>,
    /// How many distinct signers there have to be.
    pub signers: usize,
    /// Whoever signed will do: shown, and never a pass.
    pub danger_any_signer: bool,
}

/// An artifact, and everything that is known of it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its name, for people, and where a registry's rules compare it.
    pub name: &'a str,
    /// Whether the name is the artifact's own: not where a digest alone was given.
    pub named: bool,
    /// By what it is matched.
    pub wanted: Wanted<'a>,
}

/// One attestation that holds, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Held {
    /// Where it is.
    pub place: String,
    /// Its form.
    pub form: Form,
    /// The SHA-256 of what was handed in.
    pub document: Sha256,
    /// The predicate's type; absent where the signature is over the artifact itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// Who signed.
    pub signers: Vec<String>,
    /// When the signatures existed, as others attest.
    pub times: Vec<Time>,
    /// What witnesses them: `log`, `timestamp` or `nobody`.
    pub witness: &'static str,
    /// `builder.id`, of provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// The SLSA Build level that it shows, of provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
}

/// How it came out.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The checklist, and what was found.
    pub checked: Checked,
    /// What holds.
    pub held: Vec<Held>,
    /// How many were passed over, since they are about other artifacts.
    pub passed_over: usize,
}

/// Checks attestations about an artifact.
#[must_use]
pub fn check(
    subject: &Subject<'_>,
    read: &[Read],
    dependencies: &[Read],
    anchors: &Anchors,
    expected: &Expected,
    at: Time,
) -> Outcome {
    check_with(subject, read, &HandedIn::new(dependencies, anchors, expected, at), anchors, expected, at)
}

/// The same with what was handed in for the dependencies of several artifacts.
fn check_with(
    subject: &Subject<'_>,
    read: &[Read],
    dependencies: &HandedIn<'_>,
    anchors: &Anchors,
    expected: &Expected,
    at: Time,
) -> Outcome {
    let mut out = Outcome::default();
    let shown = signatures(subject, read, anchors, at, &mut out);
    let mut findings = Vec::new();
    if shown.is_empty() && !out.checked.findings.iter().any(|finding| finding.class.blocks()) {
        findings.push(
            Finding::new(codes::NO_STATEMENTS, "nothing that was handed in is about this artifact")
                .at(format!("{}  {}", subject.name, subject.wanted.describe()))
                .help("name its attestations with --bundle"),
        );
    }
    // What is wrong with those that were handed in is said above; none is no success here either.
    if !shown.is_empty() || !findings.is_empty() {
        out.checked.line("attestations", findings, format!("{} about this artifact", shown.len()));
    }
    let findings = unanchored(expected, &shown);
    if !findings.is_empty() {
        out.checked.line("identity", findings, "");
    }
    let given = shown.iter().flat_map(|(_, shown)| shown.digests().map(Sha256::hex)).collect();
    let fitting = BTreeSet::new();
    let mut judge = Judge { subject, expected, at, given, signers: Vec::new(), provenance: 0, fitting, out: &mut out };
    for group in together(&shown, read) {
        judge.group(&group);
    }
    judge.summaries(&shown);
    judge.dependencies(&shown, dependencies);
    judge.whole(&shown);
    out
}

/// Those that hold, each with its place.
fn signatures<'r>(
    subject: &Subject<'_>,
    read: &'r [Read],
    anchors: &Anchors,
    at: Time,
    out: &mut Outcome,
) -> Vec<(&'r str, Shown)> {
    let (mut held, mut findings) = (Vec::new(), Vec::new());
    let mut either: BTreeMap<&str, (bool, Vec<Finding>)> = BTreeMap::new();
    for one in read {
        match attest::verify(&one.attestation, anchors, &subject.wanted, at, &one.place) {
            Ok(shown) => {
                if one.attestation.either > 0 {
                    either.entry(&one.file).or_default().0 = true;
                }
                findings.extend_from_slice(shown.notes());
                held.push((one.place.as_str(), shown));
            }
            Err(refused) if one.found && refused.iter().all(|finding| finding.code == codes::SUBJECT_MISMATCH) => {
                out.passed_over = out.passed_over.saturating_add(1);
            }
            Err(refused) if one.attestation.either > 0 => either.entry(&one.file).or_default().1.extend(refused),
            Err(refused) => findings.extend(refused),
        }
    }
    // Of several forms of one thing in one file, one that holds in whole is enough.
    findings.extend(either.into_values().filter(|(held, _)| !held).flat_map(|(_, refused)| refused));
    // Where there is a witness that was not looked at, that was said of it.
    let said = |shown: &Shown| shown.notes().iter().any(|note| note.code == codes::TRANSPARENCY_NONE);
    let bare = held.iter().filter(|(_, shown)| !said(shown));
    let unwitnessed = bare.flat_map(|(place, shown)| shown.signers().iter().map(move |signer| (place, signer)));
    for (place, signer) in unwitnessed.filter(|(_, signer)| signer.is_unwitnessed()) {
        let what = "no log and no timestamp has seen this signature, as is allowed for its key";
        findings.push(Finding::new(codes::TRANSPARENCY_NONE, what).at(*place).found(signer.describe()));
    }
    let over = if out.passed_over == 0 { String::new() } else { format!(", {} about others", out.passed_over) };
    out.checked.line("signatures", findings, format!("{} of {} hold{over}", held.len(), read.len()));
    held
}

/// A pattern that fits whoever signed, and would fit with any other owner in the name, says nothing of whose signature counts.
fn unanchored(expected: &Expected, shown: &[(&str, Shown)]) -> Vec<Finding> {
    let none = BTreeMap::new();
    let identities = expected.identities.iter().map(|one| (Some(&one.issuer), &one.subject, &one.claims));
    let builders = expected.provenance.iter().flat_map(|wanted| &wanted.builders);
    let builders = builders.filter_map(|one| Some((one.issuer.as_ref(), one.subject.as_ref()?, &one.claims)));
    let summary = expected.summary.iter().filter_map(|one| Some((one.issuer.as_ref(), one.subject.as_ref()?, &none)));
    // Where whoever signed will do, that is said by itself.
    let patterns = identities.chain(builders).chain(summary).filter(|_| !expected.danger_any_signer);
    let patterns: Vec<_> = patterns.filter(|(_, _, claims)| !name_somebody(claims)).collect();
    let mut out = BTreeMap::new();
    for (place, signer) in shown.iter().flat_map(|(place, shown)| shown.signers().iter().map(move |one| (place, one))) {
        let SignerFacts::Certificate { issuer, name, claims } = signer.facts() else { continue };
        for (of_issuer, subject, asked) in &patterns {
            let counts = of_issuer.is_some_and(|pattern| pattern.matches(issuer))
                && asked.iter().all(|(claim, value)| claims.get(claim) == Some(value));
            if counts && subject.fits_whosever(name) {
                let what = format!("the pattern `{}` lets in anybody", subject.text());
                let finding = Finding::new(codes::IDENTITY_UNANCHORED, what)
                    .at(*place)
                    .expected("a pattern that says whose signature counts", "what is expected")
                    .found(format!("it fits {name}, and would fit it under any other owner"))
                    .help("write the owner out, or ask for a claim that says whose it is: --claim repository=…");
                out.entry(subject.text()).or_insert(finding);
            }
        }
    }
    out.into_values().collect()
}

/// What holds, in order; where several are forms of one thing in one file, these together.
fn together<'s>(shown: &'s [(&'s str, Shown)], read: &'s [Read]) -> Vec<Vec<(&'s str, &'s Shown)>> {
    let alternatives = read.iter().filter(|one| one.attestation.either > 0);
    let files: BTreeMap<&str, &str> = alternatives.map(|one| (one.place.as_str(), one.file.as_str())).collect();
    let mut out: Vec<Vec<(&str, &Shown)>> = Vec::new();
    let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, shown) in shown {
        let file = files.get(place);
        let known = file.and_then(|file| begun.get(file)).and_then(|at| out.get_mut(*at));
        if let Some(group) = known {
            group.push((*place, shown));
        } else {
            begun.extend(file.map(|file| (*file, out.len())));
            out.push(vec![(*place, shown)]);
        }
    }
    out
}

/// How one attestation is judged, before it counts.
struct Judged {
    findings: Vec<Finding>,
    /// What it is and who signed, where nothing is wrong with it.
    by: String,
    /// Whoever counts for it.
    signers: Vec<String>,
    provenance: bool,
    held: Held,
}

impl Judged {
    fn refusals(&self) -> usize {
        self.findings.iter().filter(|finding| finding.class.blocks()).count()
    }
}

struct Judge<'j> {
    subject: &'j Subject<'j>,
    expected: &'j Expected,
    at: Time,
    /// The digests of what holds.
    given: BTreeSet<String>,
    /// Who signed and counts.
    signers: Vec<String>,
    provenance: usize,
    /// Where provenance is that is as it is expected.
    fitting: BTreeSet<String>,
    out: &'j mut Outcome,
}

impl Judge<'_> {
    /// Of several forms of one thing, one that is as it is expected is enough; where none is, the nearest says why.
    fn group(&mut self, group: &[(&str, &Shown)]) {
        let each = group.iter().map(|(place, shown)| self.one(place, shown));
        let mut judged: Vec<(usize, Judged)> = each.enumerate().collect();
        let wanted = self.expected.provenance.as_ref();
        let by_tag = wanted.is_some_and(|wanted| wanted.tag.is_some() || wanted.versioned_tag.is_some());
        let by_ref = by_tag || wanted.is_some_and(|wanted| wanted.branch.is_some());
        let forms = if by_ref { Forms::of(group) } else { None };
        if judged.len() > 1 {
            for (number, one) in &mut judged {
                let found = forms.as_ref().and_then(|forms| forms.contradicted(*number, &one.held.place));
                one.findings.extend(found);
            }
            judged.sort_by_key(|(_, one)| one.refusals());
            let fitting = judged.iter().filter(|(_, one)| one.refusals() == 0).count();
            judged.truncate(fitting.max(1));
        }
        for (number, mut one) in judged {
            let forms = forms.as_ref().filter(|_| by_tag && one.refusals() == 0);
            let told = forms.and_then(|forms| forms.told(number, &one.held.place));
            one.findings.extend(told);
            self.take(one);
        }
    }

    fn take(&mut self, judged: Judged) {
        self.provenance = self.provenance.saturating_add(usize::from(judged.provenance));
        if judged.provenance && judged.refusals() == 0 {
            self.fitting.insert(judged.held.place.clone());
        }
        self.signers.extend(judged.signers);
        self.out.checked.line("expected", judged.findings, judged.by);
        self.out.held.push(judged.held);
    }

    fn one(&self, place: &str, shown: &Shown) -> Judged {
        let statement = shown.statement();
        let provenance = statement.is_some_and(is_provenance);
        let (mut level, mut builder) = (None, None);
        let mut findings = Vec::new();
        if provenance {
            let (shown_level, id, found) = self.provenance(place, shown);
            (level, builder) = (shown_level, id);
            findings.extend(found);
        }
        let summary = self.expected.summary.is_some() && attest::is_summary(shown);
        let mut counted: Vec<String> =
            shown.signers().iter().filter(|signer| self.counts(signer)).map(ShownSigner::identity).collect();
        // A builder's provenance is judged with its signer; a summary is, with its verifier.
        let own = (provenance && self.expected.identities.is_empty() && self.tied()) || summary;
        if counted.is_empty() && !own {
            findings.push(self.stranger(place, shown));
        } else if own && counted.is_empty() {
            counted.extend(shown.signers().iter().map(ShownSigner::identity));
        }
        findings.extend(self.package(place, shown));
        let predicate_type = statement.map(|statement| statement.predicate_type.to_string());
        let signers: Vec<String> = shown.signers().iter().map(ShownSigner::describe).collect();
        let what = predicate_type.clone().unwrap_or_else(|| "signature over the artifact".to_owned());
        let by = match level {
            Some(level) => format!("{what}, SLSA Build L{level}, signed by {}", signers.join(", ")),
            None => format!("{what}, signed by {}", signers.join(", ")),
        };
        let held = Held {
            place: place.to_owned(),
            form: shown.form(),
            document: *shown.document(),
            predicate_type,
            signers,
            times: shown.signers().iter().flat_map(ShownSigner::times).copied().collect(),
            witness: witness(shown),
            builder,
            level,
        };
        Judged { findings, by, signers: counted, provenance, held }
    }

    /// Whether what is expected of the build ties it to somebody. A builder that many share signs for whoever asks: then its
    /// source has to be named, or each builder's own signer.
    fn tied(&self) -> bool {
        self.expected.provenance.as_ref().is_some_and(|wanted| {
            let named = |builder: &ExpectedBuilder| builder.subject.is_some() || builder.key.is_some();
            wanted.source.is_some() || (!wanted.builders.is_empty() && wanted.builders.iter().all(named))
        })
    }

    /// Whether somebody said that this signer counts: a key that was given does.
    fn counts(&self, signer: &ShownSigner) -> bool {
        match signer.facts() {
            SignerFacts::Key(_) => true,
            // It signs every tenant's builds: it counts by what its provenance says alone.
            SignerFacts::CloudBuild(_) => false,
            SignerFacts::Certificate { issuer, name, claims } => {
                self.expected.danger_any_signer
                    || self.expected.identities.iter().any(|wanted| wanted.is(issuer, name, claims))
            }
        }
    }

    fn stranger(&self, place: &str, shown: &Shown) -> Finding {
        let wanted: Vec<String> = self.expected.identities.iter().map(ExpectedIdentity::describe).collect();
        let mut finding = if wanted.is_empty() {
            Finding::new(codes::IDENTITY_MISMATCH, "nobody said whose signature counts")
                .at(place)
                .expected("an identity, or a key", "the command line")
                .help("--certificate-identity and --certificate-oidc-issuer, or --key")
        } else {
            Finding::new(codes::IDENTITY_MISMATCH, "another identity signed than is expected")
                .at(place)
                .expected(wanted.join(", or "), "what is expected")
                .help(EXPECT)
        };
        for signer in shown.signers() {
            finding = finding.found(signer.describe());
        }
        finding
    }

    fn provenance(&self, place: &str, shown: &Shown) -> (Option<u8>, Option<String>, Vec<Finding>) {
        let Some(statement) = shown.statement() else { return (None, None, Vec::new()) };
        let facts = match Facts::of(statement) {
            Ok(facts) => facts,
            Err(error) => {
                let what = format!("the provenance is not read: {error}");
                return (None, None, vec![Finding::new(codes::PROVENANCE_MALFORMED, what).at(place)]);
            }
        };
        let named = Expectations::default();
        let wanted = match &self.expected.provenance {
            Some(wanted) => wanted,
            // Somebody named the signer and nothing of the build: then the signature is all that is asked for.
            None if !self.expected.identities.is_empty() => return (None, Some(facts.builder), Vec::new()),
            None => &named,
        };
        let judged = shown.signers().iter().map(|signer| match self.named_as_builder(wanted, signer, &facts.builder) {
            Some(named) => named.judge(&facts, signer.facts(), place),
            None => wanted.judge(&facts, signer.facts(), place),
        });
        // One signer that fits is enough.
        let best = judged.min_by_key(|(_, findings)| findings.len());
        let (level, findings) = best.unwrap_or((0, Vec::new()));
        (Some(level), Some(facts.builder), findings)
    }

    /// Where somebody named the identity and no builder, that identity is the builder's: it shows level 1.
    fn named_as_builder(&self, wanted: &Expectations, signer: &ShownSigner, id: &str) -> Option<Expectations> {
        let SignerFacts::Certificate { issuer, name, claims } = signer.facts() else { return None };
        let named = self.expected.identities.iter().any(|identity| identity.is(issuer, name, claims));
        if !named || !wanted.builders.is_empty() || known_level(signer.facts(), id).is_some() {
            return None;
        }
        let exact = |text: &str| NamePattern::Exact(text.to_owned());
        let mut builder = ExpectedBuilder::named(exact(id), 1);
        (builder.issuer, builder.subject) = (Some(exact(issuer)), Some(exact(name)));
        Some(Expectations { builders: vec![builder], ..wanted.clone() })
    }

    /// A registry's own rules: which package, and which file.
    fn package(&self, place: &str, shown: &Shown) -> Vec<Finding> {
        let Some(statement) = shown.statement() else { return Vec::new() };
        let mut out = Vec::new();
        let mut differs = |what: &str, wanted: &str, found: String| {
            out.push(
                Finding::new(codes::PROVENANCE_PACKAGE, what)
                    .at(place)
                    .expected(wanted, "what is expected")
                    .found(found),
            );
        };
        // Of several that are the artifact each is held to it: a name is not picked from among them.
        let own: Vec<&CoreSubject> = self.subject.wanted.subjects_of(statement).collect();
        let Package { name, version } = &self.expected.package;
        let other = |is: &dyn Fn(&str, &str) -> bool| {
            let named: Vec<_> = own.iter().map(|subject| names::package(subject)).collect();
            named.into_iter().find(|found| found.as_ref().is_none_or(|(name, version)| !is(name, version)))
        };
        if let Some(wanted) = name
            && let Some(found) = other(&|name, _| name == wanted)
        {
            let found = found.map_or_else(|| "none".to_owned(), |(name, _)| name);
            differs("the attestation is about another package", wanted, found);
        }
        if let Some(wanted) = version
            && let Some(found) = other(&|_, version| version == wanted)
        {
            let found = found.map_or_else(|| "none".to_owned(), |(_, version)| version);
            differs("the attestation is about another version", wanted, found);
        }
        if names::is_of_python_index(statement) {
            let count = statement.subjects.len();
            if count != 1 {
                differs("an attestation of the Python index has one subject", "one", count.to_string());
            }
            let called = own.iter().map(|subject| subject.name.as_deref().unwrap_or_default());
            let mut other = called.filter(|called| !names::same_distribution(self.subject.name, called));
            if let Some(found) = other.next().filter(|_| self.subject.named) {
                let found = found.to_owned();
                differs("the attestation is about a distribution of another file name", self.subject.name, found);
            }
        }
        out
    }

    fn summaries(&mut self, shown: &[(&str, Shown)]) {
        let Some(wanted) = &self.expected.summary else {
            self.results(shown);
            return;
        };
        let is_given = |hex: &str| self.given.contains(hex);
        let mut findings = Vec::new();
        let mut count = 0_usize;
        for (place, shown) in shown.iter().filter(|(_, shown)| attest::is_summary(shown)) {
            count = count.saturating_add(1);
            findings.extend(check_summary(shown, wanted, &is_given, self.at, place));
        }
        if count == 0 {
            findings.push(
                Finding::new(codes::PREDICATE_MISMATCH, "no verification summary is about this artifact")
                    .expected("one", "what is expected")
                    .found("none"),
            );
        }
        self.out.checked.line("summary", findings, format!("{count} by {}", wanted.verifier));
    }

    /// Of summaries of which nobody expects anything, what they say: none that says FAILED passes.
    fn results(&mut self, shown: &[(&str, Shown)]) {
        for (place, shown) in shown.iter().filter(|(_, shown)| attest::is_summary(shown)) {
            let (findings, says) = match summary_result(shown, place) {
                Ok(says) => (Vec::new(), says),
                Err(refused) => (vec![refused], String::new()),
            };
            self.out.checked.line("summary", findings, says);
        }
    }

    /// Each dependency has a summary of its own, where that is asked for: of provenance that is refused nobody asks what went into it.
    fn dependencies(&mut self, shown: &[(&str, Shown)], handed_in: &HandedIn<'_>) {
        let Some(level) = self.expected.provenance.as_ref().and_then(|wanted| wanted.dependency_level) else { return };
        if self.fitting.is_empty() {
            return;
        }
        let finding = |place: &str, what: String, found: &str| {
            Finding::new(codes::DEPENDENCY_UNVERIFIED, what)
                .at(place)
                .expected(format!("a summary with SLSA_BUILD_LEVEL_{level}"), "what is expected")
                .found(found)
        };
        let mut findings = Vec::new();
        let mut count = 0_usize;
        for (place, shown) in shown.iter().filter(|(place, _)| self.fitting.contains(*place)) {
            let facts = shown.statement().and_then(|statement| Facts::of(statement).ok());
            let dependencies = facts.map(|facts| facts.dependencies).unwrap_or_default();
            count = count.saturating_add(dependencies.len());
            findings.extend(listed(
                dependencies.iter().filter_map(|one| Some((one, handed_in.holds(one, &self.given).err()?))),
                |(one, why)| finding(place, format!("a dependency is not verified: {why}"), &one.name),
                |more| finding(place, "more dependencies are not verified".to_owned(), &format!("{more} more")),
            ));
        }
        self.out.checked.line("dependencies", findings, format!("{count}, each with a summary"));
    }

    /// What is asked of all of them together.
    fn whole(&mut self, shown: &[(&str, Shown)]) {
        let has = |kind: &str| {
            let is = |shown: &Shown| match kind {
                PROVENANCE_OF_ANY_VERSION => shown.statement().is_some_and(is_provenance),
                SUMMARY_OF_ANY_VERSION => attest::is_summary(shown),
                kind => shown.statement().is_some_and(|statement| statement.predicate_type.as_str() == kind),
            };
            shown.iter().filter(|(_, shown)| is(shown)).count()
        };
        for kind in &self.expected.kinds {
            let findings = if has(kind) == 0 {
                vec![
                    Finding::new(codes::PREDICATE_MISMATCH, format!("no {kind} that holds is about this artifact"))
                        .expected(kind.as_str(), "--type")
                        .found("none"),
                ]
            } else {
                Vec::new()
            };
            self.out.checked.line("type", findings, kind.as_str());
        }
        if self.expected.provenance.is_some() {
            let findings = if self.provenance == 0 {
                vec![
                    Finding::new(codes::PROVENANCE_MISSING, "no provenance that holds is about this artifact")
                        .expected("SLSA provenance", "what is expected")
                        .found("none"),
                ]
            } else {
                Vec::new()
            };
            self.out.checked.line("provenance", findings, format!("{} of them", self.provenance));
        }
        if !self.expected.identities.is_empty() && !shown.is_empty() {
            let by_name =
                |signer: &ShownSigner| matches!(signer.facts(), SignerFacts::Certificate { .. }) && self.counts(signer);
            let mut findings = Vec::new();
            // A key that was given signs whatever it signs; whoever is named has to have signed as well.
            let missing = !shown.iter().flat_map(|(_, shown)| shown.signers()).any(by_name);
            // Of a stranger's attestation that was said already.
            let said = self.out.checked.findings.iter().any(|finding| finding.code == codes::IDENTITY_MISMATCH);
            if missing && !said {
                let wanted: Vec<String> = self.expected.identities.iter().map(ExpectedIdentity::describe).collect();
                let what = "none of the identities that are expected signed";
                findings.push(
                    Finding::new(codes::IDENTITY_MISMATCH, what)
                        .expected(wanted.join(", or "), "what is expected")
                        .help(EXPECT),
                );
            }
            if !missing || !said {
                self.out.checked.line("identity", findings, "signed by one that is expected");
            }
        }
        let distinct: BTreeSet<&String> = self.signers.iter().collect();
        let wanted = self.expected.signers.max(1);
        let mut findings = Vec::new();
        // Of one that is missing, the attestation's own line says why.
        if distinct.len() < wanted && wanted > 1 && !shown.is_empty() {
            let mut finding = Finding::new(codes::SIGNERS_TOO_FEW, "fewer distinct signers than are asked for")
                .expected(wanted.to_string(), "--signers")
                .found(format!("{} distinct", distinct.len()));
            for signer in &distinct {
                finding = finding.found(signer.as_str());
            }
            findings.push(finding);
        }
        if !distinct.is_empty() || !findings.is_empty() {
            self.out.checked.line("signers", findings, format!("{} distinct", distinct.len()));
        }
        if self.expected.danger_any_signer {
            let what = "whoever signed would do: --danger-any-signer";
            self.out.checked.line("danger", vec![Finding::new(codes::CHECK_LEFT_OUT, what)], "");
        }
    }
}

fn witness(shown: &Shown) -> &'static str {
    let each = shown.signers().iter().map(|signer| match signer {
        ShownSigner::Certificate { logged: true, .. } | ShownSigner::Key { logged: true, .. } => "log",
        ShownSigner::Certificate { logged: false, .. } | ShownSigner::Key { witnessed: true, .. } => "timestamp",
        ShownSigner::Key { witnessed: false, .. } | ShownSigner::CloudBuild { .. } => "nobody",
    });
    // Of several, the least.
    let order = ["log", "timestamp", "nobody"];
    each.max_by_key(|word| order.iter().position(|known| known == word)).unwrap_or("nobody")
}

fn is_provenance(statement: &Statement) -> bool {
    [PROVENANCE_V01, PROVENANCE_V02, PROVENANCE_V1].contains(&statement.predicate_type.as_str())
}
