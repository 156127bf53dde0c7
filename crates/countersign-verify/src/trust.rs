//! The trust document: its quorum, its dates, and its digest as it was given from outside.

use crate::quorum;
use crate::sigstore::{Refused, TrustedRoot};
use countersign_core::blob::Blob;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Check, Finding, Verdict};
use countersign_core::ids::PersonId;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use countersign_core::trust::{ROLE_TRUST, SigstoreRoot, Trust};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// A trust document that a quorum of its own `trust` role signed. Whether it is the one that was meant, its digest from
/// outside says.
#[derive(Debug, Clone)]
pub struct VerifiedTrust {
    trust: Trust,
    digest: Sha256,
    document: Sha256,
    /// The trusted roots of Sigstore instances that it names, as far as they were read.
    roots: Arc<Mutex<BTreeMap<Sha256, Arc<TrustedRoot>>>>,
}

impl VerifiedTrust {
    /// The trusted root that these bytes are, if it names them: read once, however many documents are judged by it.
    pub(crate) fn root(&self, blob: &Blob) -> Option<(&SigstoreRoot, Result<Arc<TrustedRoot>, Refused>)> {
        let named = self.trust.sigstore_root(blob.digest())?;
        let roots = || self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = roots().get(blob.digest()) {
            return Some((named, Ok(Arc::clone(known))));
        }
        let read = TrustedRoot::parse(blob).map(Arc::new);
        if let Ok(root) = &read {
            roots().insert(*blob.digest(), Arc::clone(root));
        }
        Some((named, read))
    }

    /// The document.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The digest of its canonical JSON.
    #[must_use]
    pub const fn digest(&self) -> &Sha256 {
        &self.digest
    }

    /// The digest of the file as it was signed.
    #[must_use]
    pub const fn document(&self) -> &Sha256 {
        &self.document
    }
}

/// What came of checking a trust document.
#[derive(Debug)]
pub struct TrustOutcome {
    /// The document, if a quorum signed it and it is the one whose digest was given. A document whose digest was not
    /// given is here as well, so that the rest can be shown, but the finding that says so forbids a pass.
    pub trust: Option<VerifiedTrust>,
    /// The checklist.
    pub checks: Vec<Check>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Checks `trust.sigstore.json` at a time, against the digest that was given from outside.
#[must_use]
pub fn verify_trust(bytes: &[u8], given: Option<&Sha256>, at: Time) -> TrustOutcome {
    let mut out = TrustOutcome { trust: None, checks: Vec::new(), findings: Vec::new() };
    match read(bytes, at) {
        Err(findings) => {
            out.checks.push(Check::new("trust-signed", Verdict::Fail, "the trust document does not hold"));
            out.findings = findings;
        }
        Ok((trust, signers)) => {
            out.checks.push(Check::new(
                "trust-signed",
                Verdict::Pass,
                format!("version {}, signed by {signers}", trust.trust.version),
            ));
            dates(&trust, at, &mut out);
            if anchored(&trust, given, &mut out) {
                out.trust = Some(trust);
            }
        }
    }
    out
}

/// Checks that a newer trust document may follow an older one: the next version, signed by a quorum of both.
pub fn verify_successor(older: &VerifiedTrust, newer_bytes: &[u8], at: Time) -> Result<VerifiedTrust, Vec<Finding>> {
    let (newer, _) = read(newer_bytes, at)?;
    let mut findings = Vec::new();
    if newer.trust.version <= older.trust.version {
        findings.push(
            Finding::new(codes::TRUST_MALFORMED, "a trust document's version never goes back")
                .at("trust")
                .expected(format!("a version above {}", older.trust.version), "the trust document before it")
                .found(newer.trust.version.to_string()),
        );
    }
    if newer.trust.previous != Some(older.digest) {
        findings.push(
            Finding::new(codes::TRUST_MALFORMED, "the trust document does not follow the one before it")
                .at("trust")
                .expected(format!("previous = \"{}\"", older.digest), "the trust document before it")
                .found(newer.trust.previous.map_or_else(|| "no `previous`".to_owned(), |digest| digest.to_string()))
                .help("write that line into trust.toml, and have a quorum of both documents sign it"),
        );
    }
    let cosigned = quorum::read(newer_bytes, Kind::Trust, codes::TRUST_MALFORMED, "trust")?;
    findings.extend(short_of_quorum(&cosigned, &older.trust, at, "the trust document before it"));
    if findings.is_empty() { Ok(newer) } else { Err(findings) }
}

/// How many days before its end a trust document is pointed out.
pub const EXPIRING_DAYS: i64 = 30;

/// A trust document that ends soon. Whoever runs a gate has to hear of it before nothing passes any more; it is no part of
/// a decision, since it says nothing about what is decided.
#[must_use]
pub fn expiring(trust: &Trust, at: Time) -> Option<Finding> {
    const DAY: i64 = 86_400;
    let left = trust.expires.since(at);
    if left <= 0 || left > EXPIRING_DAYS.saturating_mul(DAY) {
        return None;
    }
    let days = left.checked_div(DAY).unwrap_or(0);
    Some(
        Finding::new(codes::TRUST_EXPIRING, format!("trust ends in {days} day(s): nothing passes from then on"))
            .at(format!("trust, version {}", trust.version))
            .expected(format!("more than {EXPIRING_DAYS} days"), "countersign")
            .found(trust.expires.to_string())
            .help(format!(
                "write version {} of trust.toml with a later `expires` and this one's digest as `previous`, and have it \
                 signed with `countersign trust sign`",
                trust.version.saturating_add(1)
            )),
    )
}

/// Who of the document's own trust role signed it so far, and how many it needs.
pub fn signers(bytes: &[u8], trust: &Trust, at: Time) -> Result<(BTreeSet<PersonId>, u32), Vec<Finding>> {
    let place = "trust";
    let cosigned = quorum::read(bytes, Kind::Trust, codes::TRUST_MALFORMED, place)?;
    let Some(role) = trust.role(ROLE_TRUST) else { return Ok((BTreeSet::new(), 0)) };
    Ok((
        quorum::ids(&quorum::count(&cosigned, Kind::Trust, quorum::Judges { role, trust, newest: trust }, at, place)),
        role.threshold,
    ))
}

fn read(bytes: &[u8], at: Time) -> Result<(VerifiedTrust, String), Vec<Finding>> {
    let place = "trust";
    let cosigned = quorum::read(bytes, Kind::Trust, codes::TRUST_MALFORMED, place)?;
    let trust = Trust::from_value(cosigned.statement.predicate.clone())
        .map_err(|error| vec![Finding::new(error.code(), error.to_string()).at(place)])?;
    let fault = |what: String| vec![Finding::new(codes::TRUST_MALFORMED, what).at(place)];
    let digest = trust.digest().map_err(|error| fault(error.to_string()))?;
    let as_signed =
        countersign_core::json::canonical(&cosigned.statement.predicate).map_err(|e| fault(e.to_string()))?;
    if Sha256::of(&as_signed) != digest {
        return Err(fault("the document is not in the one form that trust is signed in".to_owned()));
    }
    if !cosigned.statement.is_about(&digest) {
        return Err(fault("the statement's subject is not the trust document that it carries".to_owned()));
    }
    let problems = short_of_quorum(&cosigned, &trust, at, "the trust document itself");
    if !problems.is_empty() {
        return Err(problems);
    }
    let signers = trust.role(ROLE_TRUST).map_or_else(String::new, |role| {
        let count =
            quorum::count(&cosigned, Kind::Trust, quorum::Judges { role, trust: &trust, newest: &trust }, at, place);
        let ids: Vec<String> = quorum::ids(&count).iter().map(ToString::to_string).collect();
        format!("{} (needed: {})", ids.join(", "), role.threshold)
    });
    Ok((VerifiedTrust { trust, digest, document: cosigned.digest, roots: Arc::default() }, signers))
}

fn short_of_quorum(cosigned: &quorum::Cosigned, judge: &Trust, at: Time, who: &str) -> Vec<Finding> {
    let place = "trust";
    let Some(role) = judge.role(ROLE_TRUST) else {
        return vec![Finding::new(codes::ROLE_UNKNOWN, format!("there is no role `{ROLE_TRUST}`")).at(place)];
    };
    let count = quorum::count(cosigned, Kind::Trust, quorum::Judges { role, trust: judge, newest: judge }, at, place);
    let broken = quorum::broken(&count);
    if !broken.is_empty() {
        return broken;
    }
    if count.persons.len() >= usize::try_from(role.threshold).unwrap_or(usize::MAX) {
        return Vec::new();
    }
    let mut finding = Finding::new(codes::TRUST_QUORUM, "too few persons signed the trust document")
        .at(place)
        .expected(format!("{} persons of role `{ROLE_TRUST}`", role.threshold), who)
        .found(format!("{}  {}", count.persons.len(), list(&count)));
    for note in &count.notes {
        finding = finding.found(note.as_str());
    }
    let mut findings = vec![finding.help("ask one more of them to run `countersign trust sign`")];
    findings.extend(count.problems);
    findings
}

fn list(count: &quorum::Count) -> String {
    let ids: Vec<String> = quorum::ids(count).iter().map(ToString::to_string).collect();
    ids.join(", ")
}

fn dates(verified: &VerifiedTrust, at: Time, out: &mut TrustOutcome) {
    let trust = &verified.trust;
    let window = format!("{} to {}", trust.not_before, trust.expires);
    let code = if at < trust.not_before {
        Some((codes::TRUST_NOT_YET_VALID, "the trust document is not valid yet"))
    } else if at >= trust.expires {
        Some((codes::TRUST_EXPIRED, "the trust document has expired"))
    } else {
        None
    };
    let verdict = if code.is_some() { Verdict::Fail } else { Verdict::Pass };
    out.checks.push(Check::new("trust-valid", verdict, window.clone()));
    if let Some((code, what)) = code {
        out.findings.push(
            Finding::new(code, what)
                .at(format!("trust, version {}", trust.version))
                .expected(format!("a time from {window}"), "the trust document")
                .found(at.to_string())
                .help("write the next version of trust.toml and have it signed with `countersign trust sign`"),
        );
    }
}

fn anchored(trust: &VerifiedTrust, given: Option<&Sha256>, out: &mut TrustOutcome) -> bool {
    match given {
        Some(given) if *given == trust.digest => {
            out.checks.push(Check::new("trust-digest", Verdict::Pass, format!("{given}, given from outside")));
            true
        }
        Some(given) => {
            out.checks.push(Check::new("trust-digest", Verdict::Fail, "another document than the one that was meant"));
            out.findings.push(
                Finding::new(codes::TRUST_DIGEST_MISMATCH, "this is not the trust document whose digest was given")
                    .at("trust")
                    .expected(given.to_string(), "the digest given from outside")
                    .found(trust.digest.to_string()),
            );
            false
        }
        None => {
            out.checks.push(Check::new("trust-digest", Verdict::Indeterminate, "not given from outside"));
            out.findings.push(
                Finding::new(codes::TRUST_DIGEST_NOT_GIVEN, "nothing from outside says which trust document is meant")
                    .at("trust")
                    .expected("the digest of trust", "--trust-digest or COUNTERSIGN_TRUST_DIGEST")
                    .found("none")
                    .help(format!("if this is the one you mean: --trust-digest {}", trust.digest)),
            );
            true
        }
    }
}
