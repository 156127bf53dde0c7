//! Facts that an auditor keeps of a package after having verified it, so that a question is answered without reading every
//! decision again. They are her own note: nobody signs them, and whoever can write to her disk can alter them. They are bound
//! to the package's bytes and to all that is given from outside, and to the version that wrote them; what does not fit is
//! refused. The log, its trust, its policies and its exceptions are checked again from the package each time: facts only stand
//! for what reading the decisions and documents came to.

mod body;
mod said;
mod tables;
mod wire;

use super::facts::{Gathered, MadeAgain, decisions};
use super::holding::{Held, Package};
use super::open::{Opened, Opening, derived_again, open_listed};
use super::population::{self, Made};
use super::verify::{AuditReport, How, OutsideTrust, strays};
use crate::error::FlowError;
use body::Body;
use countersign_core::codes;
use countersign_core::digest::{Hasher, Sha256};
use countersign_core::finding::{Check, Finding, Verdict, verdict_of};
use countersign_record::disk::{DiskError, Doing};
use countersign_record::package::{OpenError, Packed, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, SeekFrom, Write};
use std::path::Path;
use std::thread;
use wire::{In, Malformed, Out};

/// With what facts begin; then the version of their form in digits, and a line feed.
const BEGINS: &[u8] = b"countersign audit facts ";
/// The form that this version writes and reads.
pub const FACTS_FORM: &str = "4";
/// Digits of the version of a form.
const FORM_DIGITS: usize = 8;
/// A SHA-256, with which they end.
const DIGEST: usize = 32;
const VERIFY_AGAIN: &str = "keep new ones: countersign audit verify PACKAGE --facts-output FILE --trust trust.sigstore.json --trust-digest sha256:…";

/// What facts are bound to, and what the verification came to that kept them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bound {
    /// The program's version.
    countersign: String,
    /// The package, as a file.
    package: Sha256,
    /// The file with trust from outside.
    trust: Option<Sha256>,
    /// The digest of trust that was given besides.
    trust_digest: Option<Sha256>,
    /// The checkpoint that was kept elsewhere.
    least_checkpoint: Option<Sha256>,
    outcome: Outcome,
}

/// What a verification came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Outcome {
    verdict: Verdict,
    /// What was found, and what was checked: it is said beside every answer as if it had been found then.
    findings: Vec<Finding>,
    checks: Vec<Check>,
    /// How many decisions were run again, of how many.
    run_again: u64,
    decisions: u64,
    /// Whether only a sample was asked for.
    sampled: bool,
}

impl Bound {
    fn of(package: Sha256, outside: Option<OutsideTrust<'_>>, least: Option<&[u8]>, outcome: Outcome) -> Self {
        Self {
            countersign: env!("CARGO_PKG_VERSION").to_owned(),
            package,
            trust: outside.map(|outside| Sha256::of(outside.bytes)),
            trust_digest: outside.and_then(|outside| outside.digest).copied(),
            least_checkpoint: least.map(Sha256::of),
            outcome,
        }
    }
}

impl Outcome {
    fn of(report: &AuditReport, all: usize, how: How) -> Self {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            verdict: verdict_of(&report.findings),
            findings: report.findings.clone(),
            checks: report.checks.clone(),
            run_again: number(report.decisions.iter().filter(|row| !row.withheld).count()),
            decisions: number(all),
            sampled: how != How::Full,
        }
    }

    fn words(&self) -> String {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for finding in &self.findings {
            let count = counts.entry(finding.code.as_str()).or_default();
            *count = count.saturating_add(1);
        }
        let found: Vec<String> = counts.into_iter().map(|(code, count)| format!("{count} {code}")).collect();
        let found = if found.is_empty() { "nothing found".to_owned() } else { found.join(", ") };
        let sampled = if self.sampled { ", a sample" } else { "" };
        format!(
            "that verification: {} ({found}); {} of {} decisions run again{sampled}",
            self.verdict, self.run_again, self.decisions
        )
    }
}

/// The digest of a package as a file, which is left at its start.
pub fn digest_of(source: &mut dyn Source) -> io::Result<Sha256> {
    source.seek(SeekFrom::Start(0))?;
    let (mut hasher, mut piece) = (Hasher::default(), vec![0_u8; PIECE]);
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            source.seek(SeekFrom::Start(0))?;
            return Ok(hasher.finish());
        }
        hasher.update(piece.get(..read).unwrap_or_default());
    }
}

/// As much as the first thread of a program has.
const STACK: usize = 8 << 20;
/// How much is hashed at a time.
const PIECE: usize = 1 << 18;

/// A package that was verified, of which facts can be kept.
#[derive(Debug)]
pub struct Keeping<'a> {
    /// The package as it was opened.
    pub opened: &'a Opened,
    /// What the verification came to, and how much was asked for.
    pub report: &'a AuditReport,
    /// How much was checked.
    pub how: How,
    /// The digest of the package as a file.
    pub package: Sha256,
    /// Trust as it was given.
    pub outside: Option<OutsideTrust<'a>>,
    /// The checkpoint that was given.
    pub least: Option<&'a [u8]>,
}

impl Keeping<'_> {
    /// Writes the facts, and gives their digest.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<Sha256> {
        let gathered = self.opened.gathered();
        let facts = self.opened.facts(super::Window::default());
        let outcome = Outcome::of(self.report, decisions(&self.opened.state).count(), self.how);
        let mut head = Out::default();
        head.json(&Bound::of(self.package, self.outside, self.least, outcome))?;
        let (mut hasher, mut whole) = (Hasher::default(), Hasher::default());
        let mut put = |bytes: &[u8]| {
            hasher.update(bytes);
            whole.update(bytes);
            to.write_all(bytes)
        };
        put(BEGINS)?;
        put(FACTS_FORM.as_bytes())?;
        put(b"\n")?;
        put(&head.0)?;
        let again = self.made_again();
        body::write(&self.opened.package, gathered, (facts.told(), again.as_ref()), &mut put)?;
        let end = hasher.finish();
        whole.update(end.as_bytes());
        to.write_all(end.as_bytes())?;
        Ok(whole.finish())
    }
}

impl Keeping<'_> {
    /// What came of making lists and index again; nothing where that cannot be done.
    fn made_again(&self) -> Option<MadeAgain> {
        let facts = self.opened.facts(self.opened.scope.window.clone());
        let list = |made: &Made| {
            let header = population::list(made, &facts, false).0.header;
            (header.rows, header.csv)
        };
        Some(MadeAgain {
            derived: derived_again(self.opened).ok()?.1,
            strays: strays(self.opened, How::Quick),
            lists: population::ALL.iter().map(list).collect(),
        })
    }
}

/// Facts as they are given.
#[derive(Debug, Clone, Copy)]
pub struct GivenFacts<'a> {
    /// Their bytes.
    pub bytes: &'a [u8],
    /// Where they come from, for people.
    pub name: &'a str,
    /// The digest that they are to have, from whoever kept it.
    pub digest: Option<&'a Sha256>,
}

impl<'a> GivenFacts<'a> {
    fn malformed(&self, what: impl Into<String>) -> Finding {
        Finding::new(codes::AUDIT_FACTS_MALFORMED, what).at(self.name).help(VERIFY_AGAIN)
    }

    fn broken(&self, Malformed(what): Malformed) -> Finding {
        self.malformed(format!("the facts are not of their form: {what}"))
    }

    /// What they are bound to, what they hold, and their digest.
    fn framed(&self) -> Result<(Bound, &'a [u8], Sha256), Finding> {
        let (content, stated) = self.bytes.split_at(self.bytes.len().saturating_sub(DIGEST));
        let mut hasher = Hasher::default();
        hasher.update(content);
        let made = hasher.clone().finish();
        hasher.update(stated);
        let found = hasher.finish();
        if let Some(expected) = self.digest.filter(|digest| **digest != found) {
            return Err(Finding::new(codes::AUDIT_FACTS_MISMATCH, "the facts are not those that were named")
                .at(self.name)
                .expected(expected.to_string(), "--facts-digest")
                .found(found.to_string())
                .help(VERIFY_AGAIN));
        }
        let none = || self.malformed("the file holds no facts, or is cut");
        let rest = content.strip_prefix(BEGINS).ok_or_else(none)?;
        let form = rest.iter().take(FORM_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
        let (form, rest) = rest.split_at(form);
        let rest = rest.strip_prefix(b"\n").filter(|_| !form.is_empty()).ok_or_else(none)?;
        if form != FACTS_FORM.as_bytes() {
            return Err(
                self.other_version(format!("form {FACTS_FORM}"), format!("form {}", String::from_utf8_lossy(form)))
            );
        }
        if made.as_bytes() != stated {
            let stated = countersign_core::digest::to_hex(stated);
            return Err(self
                .malformed("the facts were altered, or cut")
                .expected(format!("sha256:{stated}"), "their own end")
                .found(made.to_string()));
        }
        let mut from = In(rest);
        let bound: Bound = from.json().map_err(|fault| self.broken(fault))?;
        Ok((bound, from.0, found))
    }

    fn other_version(&self, expected: String, found: String) -> Finding {
        Finding::new(codes::AUDIT_FACTS_OTHER_VERSION, "another version of countersign kept the facts")
            .at(self.name)
            .expected(expected, "this version of countersign")
            .found(found)
            .help(VERIFY_AGAIN)
    }

    /// All that they are bound to and that is another one here.
    fn unlike(&self, bound: &Bound, here: &Bound) -> Vec<Finding> {
        let mut out = Vec::new();
        if bound.countersign != here.countersign {
            out.push(self.other_version(here.countersign.clone(), bound.countersign.clone()));
        }
        let none = |digest: Option<Sha256>| digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        let pairs = [
            ("another package", "the package", Some(bound.package), Some(here.package)),
            ("another trust document", "--trust", bound.trust, here.trust),
            ("another digest of trust", "--trust-digest", bound.trust_digest, here.trust_digest),
            ("another checkpoint", "--least-checkpoint", bound.least_checkpoint, here.least_checkpoint),
        ];
        for (what, by, kept, given) in pairs.into_iter().filter(|(.., kept, given)| kept != given) {
            let finding = Finding::new(codes::AUDIT_FACTS_MISMATCH, format!("the facts were kept with {what}"));
            let finding = finding.at(self.name).expected(none(given), by).found(none(kept));
            out.push(finding.help(VERIFY_AGAIN));
        }
        out
    }
}

/// Whether bytes are facts of any package, by their form alone.
pub fn check_facts(bytes: &[u8]) -> Result<(), Finding> {
    let given = GivenFacts { bytes, name: "facts", digest: None };
    let (_, content, _) = given.framed()?;
    body::read(content).map(drop).map_err(|fault| given.broken(fault))
}

/// Opens a package whose decisions are not read again: they are those of the facts. The package and all that is given from
/// outside have to be those that the facts are bound to.
pub fn open_with_facts(
    mut source: Box<dyn Source>,
    outside: Option<OutsideTrust<'_>>,
    least: Option<&[u8]>,
    facts: &GivenFacts<'_>,
) -> Result<Opening, FlowError> {
    let refused = |finding: Finding| FlowError::Refused(vec![finding]);
    let failed = |source| FlowError::from(DiskError::new(Doing::Read, Path::new("the package"), source));
    let (package, read) = thread::scope(|scope| {
        // A second thread hashes the package while the facts are read; where there is none to be had, one does both.
        let read = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || facts.read());
        let package = digest_of(&mut *source);
        let read = read.ok().and_then(|read| read.join().ok());
        (package, read.unwrap_or_else(|| facts.read()))
    });
    let (bound, body, digest) = read.map_err(refused)?;
    let here = Bound::of(package.map_err(failed)?, outside, least, bound.outcome.clone());
    let unlike = facts.unlike(&bound, &here);
    if !unlike.is_empty() {
        return Err(FlowError::Refused(unlike));
    }
    let packed = Packed::listed(source).map_err(|error| match error {
        OpenError::Io(source) => failed(source),
        OpenError::Form(error) => refused(Finding::new(codes::PACKAGE_MALFORMED, error.to_string()).at("the package")),
    })?;
    let Body { listed, decisions, broken, walked, told, again } = body.map_err(|fault| refused(facts.broken(fault)))?;
    if !packed.names().eq(listed.digests.keys().map(String::as_str)) {
        return Err(refused(facts.malformed("the facts list other files than the package")));
    }
    let mut opening = open_listed(Package::new(packed, listed, Held::default()), outside, least)?;
    if let Some(opened) = &mut opening.opened {
        let gathered = Gathered::kept(&opened.state, &opened.package, decisions, broken, (walked, told, again));
        let gathered = gathered
            .ok_or_else(|| refused(facts.malformed("the facts have other decisions than the log of the package")))?;
        opened.take_gathered(gathered);
        // What is found anew is never less than what is said of it.
        let anew: Vec<Finding> = std::mem::take(&mut opening.report.findings);
        opening.report.findings.clone_from(&bound.outcome.findings);
        let more: Vec<Finding> = anew.into_iter().filter(|finding| !bound.outcome.findings.contains(finding)).collect();
        opening.report.findings.extend(more);
        opening.report.checks.clone_from(&bound.outcome.checks);
        let what = "answered from facts that a verification kept: the decisions and documents were not read again";
        let note = Finding::new(codes::AUDIT_FACTS_USED, what)
            .at(facts.name)
            .found(format!("{digest}, kept by countersign {}", bound.countersign))
            .found(bound.outcome.words())
            .help("without --facts all of it is proved again");
        opening.report.findings.push(note);
    }
    Ok(opening)
}

/// What facts are bound to, what they hold, and their digest.
type Framed = (Bound, Result<Body, Malformed>, Sha256);

impl GivenFacts<'_> {
    /// What does not fit a package is said before what is wrong with the rest.
    fn read(&self) -> Result<Framed, Finding> {
        let (bound, content, digest) = self.framed()?;
        Ok((bound, body::read(content), digest))
    }
}
