//! `vulnerabilities-handled@1`: no vulnerability that attackers use, and none that is overdue, unless people of trust say
//! why it does no harm here.

use super::{BuiltIn, Context};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::PersonId;
use countersign_core::policy::Rule;
use countersign_core::statement::Kind;
use countersign_core::statement::provenance::Moment;
use countersign_core::statement::vex::{Reach, Vex, VexStatement};
use countersign_core::statement::vulns::{Found, Severity, Vulns};
use countersign_core::time::Time;
use countersign_verify::Evidence;
use countersign_verify::document::SignerName;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "vulnerabilities-handled@1",
    title: "No vulnerability that is exploited or overdue, but for those that people cleared",
    why: "What is publicly known to be broken is what is attacked first.",
    fix: "Take a version of the package without the vulnerability, or have persons of trust sign an OpenVEX statement about this artifact.",
    parameters: PARAMETERS,
    controls: &["SOC 2 CC7.1", "NIST SSDF PO.4", "NIST SSDF PW.4", "NIST SSDF RV.2"],
    accepts,
    check: |context, rule| check(context, rule, RULE.id, Meaning::First),
};

pub(super) const PARAMETERS: &[(&str, &str)] = &[
    ("max_age_days", "how old the scanner's database may be when the decision is made (7)"),
    ("critical_days", "how long after its publication a critical one may stay (7)"),
    ("high_days", "the same for a high one (30)"),
    ("medium_days", "the same for a medium one (90)"),
    ("low_days", "the same for a low one (365)"),
    ("vex_persons", "how many persons of trust have to say that one does no harm here (2)"),
    ("scanners", "URIs of scanners, each of which has to have looked (any one scanner)"),
];

/// What the rule means by its number: each adds to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// Of a scanner's scans by the newest database one is judged: the first, those that are handed in before those that an
    /// earlier decision saw. What people say of a product is taken for the whole artifact.
    First,
    /// All such scans are judged.
    Second,
    /// What people say of a component clears that component, and what they say of another product nothing.
    Third,
}

pub(super) fn accepts(parameters: &BTreeMap<String, Value>) -> Result<(), ParameterError> {
    read(parameters).map(|_| ())
}

const DAY: i64 = 86_400;

struct Parameters {
    max_age: i64,
    critical: i64,
    high: i64,
    medium: i64,
    low: i64,
    vex_persons: usize,
    scanners: Vec<String>,
}

impl Parameters {
    /// The days that one of this severity may stay. Where nobody says how bad it is, it is as bad as can be.
    const fn days(&self, severity: Option<Severity>) -> i64 {
        match severity {
            None | Some(Severity::Critical) => self.critical,
            Some(Severity::High) => self.high,
            Some(Severity::Medium) => self.medium,
            Some(Severity::Low) => self.low,
        }
    }
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    let mut reader = Reader::new(parameters);
    let mut days = |name, default| {
        let days = reader.number(name, 0..=3_650, "days, 0 to 3650", default)?;
        Ok(i64::try_from(days).unwrap_or(0))
    };
    let (max_age, critical, high) = (days("max_age_days", 7)?, days("critical_days", 7)?, days("high_days", 30)?);
    let (medium, low) = (days("medium_days", 90)?, days("low_days", 365)?);
    let persons = reader.number("vex_persons", 1..=9, "a number of persons, 1 to 9", 2)?;
    let scanners = reader.texts("scanners", "a list of URIs of scanners", &[])?;
    reader.finish()?;
    let vex_persons = usize::try_from(persons).unwrap_or(9);
    Ok(Parameters { max_age, critical, high, medium, low, vex_persons, scanners })
}

/// A scan, with its place.
struct Scan {
    place: String,
    vulns: Vulns,
    updated: Time,
    /// Whether it is handed in now: an earlier one can speak against the artifact, and not for it.
    now: bool,
}

pub(super) fn check(context: &Context<'_>, rule: &Rule, id: &str, meaning: Meaning) -> Vec<Finding> {
    let by = context.by(id);
    let parameters = match read(&rule.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(id)],
    };
    let mut findings = Vec::new();
    let mut scans = scans(context, context.evidence, true, &mut findings);
    scans.extend(self::scans(context, &context.against.evidence, false, &mut findings));
    let mut newest: BTreeMap<&str, Vec<&Scan>> = BTreeMap::new();
    for scan in &scans {
        let slot = newest.entry(scan.vulns.scanner.uri.as_str()).or_default();
        match slot.first().map(|held| scan.updated.cmp(&held.updated)) {
            None => slot.push(scan),
            Some(Ordering::Greater) => *slot = vec![scan],
            // The same document may be handed in again.
            Some(Ordering::Equal) if meaning >= Meaning::Second && slot.iter().all(|held| held.place != scan.place) => {
                slot.push(scan);
            }
            Some(Ordering::Equal | Ordering::Less) => {}
        }
    }
    let required: Vec<&str> = if parameters.scanners.is_empty() {
        newest.keys().copied().take(1).collect()
    } else {
        parameters.scanners.iter().map(String::as_str).collect()
    };
    if required.is_empty() {
        findings.push(missing(context, &by, "no scan that trust accepts is about this artifact"));
    }
    for scanner in required {
        match scans.iter().filter(|scan| scan.now && scan.vulns.scanner.uri == scanner).max_by_key(|scan| scan.updated)
        {
            None => findings.push(missing(context, &by, &format!("no scan by {scanner} is handed in"))),
            Some(scan) => findings.extend(stale(scan, context.request.time, &parameters, &by)),
        }
    }
    let opinions = Opinions::of(context, &mut findings);
    let judged = newest.values().flatten().flat_map(|scan| &scan.vulns.scanner.result);
    let components = judged.filter_map(component_of).collect();
    let about = About { sha256: context.request.subject.hex(), components, meaning };
    for scan in newest.values().flatten() {
        for found in &scan.vulns.scanner.result {
            findings.push(judge(found, scan, context, &parameters, (&opinions, &about), &by));
        }
    }
    findings
}

fn scans(context: &Context<'_>, evidence: &Evidence, now: bool, findings: &mut Vec<Finding>) -> Vec<Scan> {
    let mut out = Vec::new();
    for statement in evidence.of_kind(Kind::Vulns).filter(|s| s.value().is_about(&context.request.subject)) {
        let place = format!("scan {}", statement.document());
        let malformed = |what: String| Finding::new(codes::SCAN_MALFORMED, what).at(place.as_str());
        let vulns: Vulns = match statement.value().predicate_as(Kind::Vulns) {
            Ok(vulns) => vulns,
            Err(error) => {
                findings.push(malformed(error.to_string()));
                continue;
            }
        };
        match vulns.scanner.db.last_update.time() {
            _ if vulns.scanner.result.len() > countersign_core::limits::VULNERABILITIES => {
                findings.push(malformed(format!("more than {} results", countersign_core::limits::VULNERABILITIES)));
            }
            Some(updated) => out.push(Scan { place, vulns, updated, now }),
            None => findings.push(malformed("the time of its database is no time".to_owned())),
        }
    }
    out
}

fn missing(context: &Context<'_>, by: &str, what: &str) -> Finding {
    Finding::new(codes::SCAN_MISSING, what)
        .at(context.subject())
        .expected("an in-toto vulnerabilities v0.2 statement, signed by a builder or collector of trust", by)
        .found("none")
        .help("have the artifact scanned, sign the result, and hand it in with --bundle")
}

/// A database that is too old, or from the time to come: either way nothing newer can be found by it.
fn stale(scan: &Scan, at: Time, parameters: &Parameters, by: &str) -> Option<Finding> {
    let oldest = at.plus(parameters.max_age.saturating_mul(-DAY));
    if (oldest..=at).contains(&scan.updated) {
        return None;
    }
    Some(
        Finding::new(codes::SCAN_STALE, "the scanner's database is too old, or of a time after the decision")
            .at(scan.place.as_str())
            .expected(format!("a database from {oldest} to {at}"), by)
            .found(scan.updated.to_string())
            .help("scan again with the database of today"),
    )
}

/// By what it is told whether something is said of a component here.
struct About<'a> {
    sha256: String,
    /// Those in which something was found.
    components: BTreeSet<&'a str>,
    meaning: Meaning,
}

impl About<'_> {
    /// Whether a statement counts for this component: for and against it, or against it alone.
    fn reach(&self, one: &VexStatement, found: &Found) -> Reach {
        if self.meaning >= Meaning::Third {
            return one.reach(&self.sha256, component_of(found), &self.components);
        }
        if one.covers(&self.sha256) { Reach::Here } else { Reach::Elsewhere }
    }
}

fn component_of(found: &Found) -> Option<&str> {
    found.annotation("component").and_then(Value::as_str)
}

/// What people of trust last said of each vulnerability.
struct Opinions {
    said: Vec<(PersonId, Time, bool, VexStatement)>,
}

impl Opinions {
    fn of(context: &Context<'_>, findings: &mut Vec<Finding>) -> Self {
        let mut said = Vec::new();
        for (evidence, now) in [(context.evidence, true), (&context.against.evidence, false)] {
            for statement in evidence.of_kind(Kind::Vex).filter(|s| s.value().is_about(&context.request.subject)) {
                let SignerName::Person(person) = &statement.signed_by().owner else { continue };
                let vex: Vex = match statement.value().predicate_as(Kind::Vex) {
                    Ok(vex) => vex,
                    Err(error) => {
                        let place = format!("vex {}", statement.document());
                        findings.push(Finding::new(codes::VEX_MALFORMED, error.to_string()).at(place));
                        continue;
                    }
                };
                for one in vex.statements {
                    let time = one.timestamp.as_ref().unwrap_or(&vex.timestamp).time();
                    // Without a time, or one after the decision, a statement clears nothing.
                    let known = time.filter(|time| *time <= context.request.time);
                    let clears = now && known.is_some() && one.clears();
                    said.push((person.clone(), known.unwrap_or(context.request.time), clears, one));
                }
            }
        }
        Self { said }
    }

    /// The persons who clear it, and those who say that there is something to fear: each by their newest word.
    fn on(&self, found: &Found, about: &About<'_>) -> (BTreeSet<&PersonId>, BTreeSet<&PersonId>) {
        let mut last: BTreeMap<&PersonId, (Time, bool)> = BTreeMap::new();
        for (person, time, clears, one) in self.said.iter().filter(|(.., one)| one.is_about(found.names())) {
            let counts = match about.reach(one, found) {
                Reach::Here => true,
                // Good word of something that may be another does not count, and bad word does.
                Reach::Perhaps => !one.clears(),
                Reach::Elsewhere => false,
            };
            if counts {
                let newest = last.entry(person).or_insert((*time, *clears));
                // Of two at the same second, the one that clears nothing counts.
                if *time > newest.0 || (*time == newest.0 && !clears) {
                    *newest = (*time, *clears);
                }
            }
        }
        let of =
            |wanted: bool| last.iter().filter(move |(_, (_, clears))| *clears == wanted).map(|(person, _)| *person);
        (of(true).collect(), of(false).collect())
    }
}

fn judge(
    found: &Found,
    scan: &Scan,
    context: &Context<'_>,
    parameters: &Parameters,
    (opinions, about): (&Opinions, &About<'_>),
    by: &str,
) -> Finding {
    let severity = found.severity();
    let word = severity.map_or("of a severity that is not known", Severity::word);
    let (clear, fear) = opinions.on(found, about);
    let name = found.names().collect::<Vec<_>>().join(", ");
    let place = |finding: Finding| component_of(found).into_iter().fold(finding, Finding::at).at(scan.place.as_str());
    if clear.len() >= parameters.vex_persons && fear.is_empty() {
        let who = clear.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let what = format!("{name} ({word}) does no harm here, say {who}");
        return place(Finding::new(codes::VULNERABILITY_CLEARED, what));
    }
    let said = match (clear.len(), fear.len()) {
        (0, 0) => "nobody of trust says that it does no harm here".to_owned(),
        (_, 0) => format!("{} of {} persons say that it does no harm here", clear.len(), parameters.vex_persons),
        (_, _) => {
            format!("{} of trust say that it does", fear.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    };
    let help = "take a version of the package without it; or have persons of trust sign an OpenVEX statement about this artifact";
    if found.known_exploited() == Some(true) {
        let finding =
            Finding::new(codes::VULNERABILITY_EXPLOITED, format!("{name} ({word}) is known to be used by attackers"));
        return place(finding).expected("no such vulnerability, or one that is cleared", by).found(said).help(help);
    }
    let days = parameters.days(severity);
    // A time to come would put the end off for good: it is no time of publication.
    let published = found.published().as_ref().and_then(Moment::time).filter(|time| *time <= context.request.time);
    let due = published.map(|published| published.plus(days.saturating_mul(DAY)));
    if due.is_some_and(|due| context.request.time < due) {
        let what =
            format!("{name} ({word}) has to be mended by {}", due.map(|due| due.to_string()).unwrap_or_default());
        return place(Finding::new(codes::VULNERABILITY_OPEN, what));
    }
    let since =
        published.map_or_else(|| "nobody says when it was published".to_owned(), |time| format!("published {time}"));
    place(Finding::new(codes::VULNERABILITY_OVERDUE, format!("{name} ({word}) is overdue")))
        .expected(format!("mended within {days} days, or cleared"), by)
        .found(since)
        .found(said)
        .help(help)
}
