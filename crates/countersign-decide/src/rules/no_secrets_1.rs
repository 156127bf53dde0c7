//! `no-secrets@1`: a complete scan of the very commit that the provenance names found no secret that nobody allows. What it shares
//! with `no-secrets@2` is here; they differ in whose allowance counts for what another scan found.

use super::{BuiltIn, Context};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::Oid;
use countersign_core::limits;
use countersign_core::policy::Rule;
use countersign_core::statement::secret_scan::{AllowedBy, Complete, Level, Scope, SecretFinding, SecretScan};
use countersign_core::statement::{Kind, Statement};
use countersign_verify::Verified;
use countersign_verify::document::SignerName;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "no-secrets@1",
    title: "The source holds no secret",
    why: "Whoever can read the repository, now or later, has every secret in it.",
    fix: "Withdraw the secret where it is valid, take it out of the file at the place that is named, and scan the mended commit again.",
    parameters: PARAMETERS,
    controls: &["SOC 2 CC6.1", "NIST SSDF PW.5"],
    accepts,
    check: |context, rule| check(context, rule, RULE.id, Allowances::OfAny),
};

pub(super) const PARAMETERS: &[(&str, &str)] = &[
    ("refuse", "which levels refuse: provider, generic; default provider, and what is not named only watches"),
    ("allowed", "whether what somebody allows passes: accept, refuse; default accept"),
    (
        "allow_list",
        "which lists count: revision (the one in the commit itself, which review covers), any; default revision",
    ),
    ("rule_sets", "digests of rule sets that a scan may go by; default those that ship, from least_version on"),
    ("least_version", "the least version of the rule set that ships; default 1"),
    ("history", "whether the history since the start of the range is scanned too: ignore, require; default ignore"),
];

/// Whose allowance counts for what another scan found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowances {
    /// That of any scan.
    OfAny,
    /// That of a scan which is what the policy asks for, by the same signer; or by a collector, for what a scan found that is
    /// not what the policy asks for.
    OfAccepted,
}

pub(super) fn accepts(parameters: &BTreeMap<String, Value>) -> Result<(), ParameterError> {
    Asked::read(parameters).map(|_| ())
}

/// How many findings are told one by one.
const NAMED: usize = 50;
/// How many places a note names.
const NOTED: usize = 10;

struct Asked {
    refuse: BTreeSet<Level>,
    accept_allowed: bool,
    any_list: bool,
    rule_sets: Vec<Sha256>,
    least_version: u64,
    history: bool,
}

impl Asked {
    fn read(values: &BTreeMap<String, Value>) -> Result<Self, ParameterError> {
        let mut reader = Reader::new(values);
        let levels = [("provider", Level::Provider), ("generic", Level::Generic)];
        let refuse = reader.words("refuse", &levels, "provider, generic", BTreeSet::from([Level::Provider]))?;
        let accept_allowed =
            reader.word("allowed", &[("accept", true), ("refuse", false)], "accept or refuse", true)?;
        let any_list = reader.word("allow_list", &[("revision", false), ("any", true)], "revision or any", false)?;
        let expected = "digests, sha256:…";
        let texts = reader.texts("rule_sets", expected, &[])?;
        let rule_sets = texts
            .iter()
            .map(|text| {
                Sha256::from_prefixed(text).map_err(|_form| ParameterError::Value {
                    name: "rule_sets",
                    expected,
                    found: text.clone(),
                })
            })
            .collect::<Result<_, _>>()?;
        let least_version = reader.number("least_version", 1..=1_000_000, "1 or more", 1)?;
        let history = reader.word("history", &[("ignore", false), ("require", true)], "ignore or require", false)?;
        reader.finish()?;
        Ok(Self { refuse, accept_allowed, any_list, rule_sets, least_version, history })
    }

    fn accepts(&self, scan: &SecretScan) -> bool {
        scan.rule_set.as_ref().is_some_and(|set| {
            if self.rule_sets.is_empty() {
                set.name == "countersign" && set.version >= self.least_version
            } else {
                self.rule_sets.contains(&set.digest)
            }
        })
    }
}

/// A scan, and where it comes from.
struct Read {
    place: String,
    scan: SecretScan,
    signer: SignerName,
}

pub(super) fn check(context: &Context<'_>, rule: &Rule, id: &str, allowances: Allowances) -> Vec<Finding> {
    let by = context.by(id);
    let asked = match Asked::read(&rule.parameters) {
        Ok(asked) => asked,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(by)],
    };
    let Some(built) = context.provenance else {
        return vec![super::context::no_provenance(context, &by)];
    };
    let source = match built.provenance.source() {
        Ok(source) => source,
        Err(error) => {
            return vec![
                Finding::new(codes::SOURCE_MISSING, error.to_string())
                    .at(format!("provenance {}", built.statement.document()))
                    .expected("one source with its commit", by),
            ];
        }
    };
    let mut findings = Vec::new();
    let given = scans(context.evidence.of_kind(Kind::SecretScan), source.repository, &source.commit, &mut findings);
    let wanted = Wanted { asked: &asked, context, commit: &source.commit, by: &by };
    findings.extend(wanted.enough(&given));
    let earlier = context.against.evidence.of_kind(Kind::SecretScan);
    let earlier = scans(earlier, source.repository, &source.commit, &mut findings);
    findings.extend(wanted.judge(&given, &earlier, allowances));
    findings
}

/// The scans about this commit of this repository.
fn scans<'e>(
    statements: impl Iterator<Item = &'e Verified<Statement>>,
    repository: &str,
    commit: &Oid,
    findings: &mut Vec<Finding>,
) -> Vec<Read> {
    let mut out = Vec::new();
    for statement in statements {
        let place = format!("secret-scan {}", statement.document());
        let malformed = |why: String| Finding::new(codes::SECRET_SCAN_MALFORMED, why).at(place.as_str());
        let scan: SecretScan = match statement.value().predicate_as(Kind::SecretScan) {
            Ok(scan) => scan,
            Err(error) => {
                findings.push(malformed(error.to_string()));
                continue;
            }
        };
        let named = |subject: &&countersign_core::statement::Subject| {
            subject.digest.get("gitCommit").is_some_and(|hex| *hex == scan.commit.hex())
        };
        if !statement.value().subjects.iter().any(|subject| named(&subject)) {
            findings.push(malformed("its subjects do not have the commit of its predicate".to_owned()));
        } else if scan.complete == Complete::Yes && scan.skipped.iter().any(|skipped| skipped.why.lacks()) {
            findings.push(malformed("it calls itself complete and skipped what makes it incomplete".to_owned()));
        } else if scan.findings.len() > limits::SECRETS_FINDINGS {
            findings.push(malformed(format!("{} findings, more than a scan lists", scan.findings.len())));
        } else if scan.commit == *commit && scan.repository.as_str() == repository {
            out.push(Read { place, scan, signer: statement.signed_by().owner.clone() });
        }
    }
    out
}

/// What a scan is held against.
struct Wanted<'a> {
    asked: &'a Asked,
    context: &'a Context<'a>,
    commit: &'a Oid,
    by: &'a str,
}

impl Wanted<'_> {
    /// Why a scan is not what is asked for, if it is not.
    fn lacks(&self, read: &Read) -> Option<Finding> {
        let Self { asked, context, commit, by } = *self;
        let sets = || {
            if asked.rule_sets.is_empty() {
                format!("the rule set countersign, version {} or later", asked.least_version)
            } else {
                asked.rule_sets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
        };
        let Read { place, scan, .. } = read;
        if !asked.accepts(scan) {
            let found = scan.rule_set.as_ref().map_or_else(
                || format!("{} {}, which names no rule set", scan.tool.name, scan.tool.version),
                |set| format!("{} {}, {}", set.name, set.version, set.digest),
            );
            return Some(
                Finding::new(codes::SECRET_SCAN_RULES, "the scan went by rules that the policy does not accept")
                    .at(place.as_str())
                    .expected(sets(), by)
                    .found(found),
            );
        }
        if scan.complete != Complete::Yes {
            let mut finding = Finding::new(codes::SECRET_SCAN_PARTIAL, "the scan did not look into all of its scope")
                .at(place.as_str())
                .expected("a complete scan", by);
            for skipped in scan.skipped.iter().filter(|skipped| skipped.why.lacks()).take(NOTED) {
                finding = finding.found(format!("{}: {}", skipped.path, skipped.why.words()));
            }
            return Some(finding);
        }
        let covered = match (&scan.scope, context.start) {
            _ if !asked.history => true,
            (Scope::Range { after }, Some(start)) => *after == start,
            (Scope::Range { .. } | Scope::Tree, _) => false,
        };
        let wanted = context.start.map_or_else(|| "the start of the range".to_owned(), |start| start.to_string());
        (!covered).then(|| {
            Finding::new(codes::SECRET_SCAN_PARTIAL, "the scan did not look into the history of the release")
                .at(place.as_str())
                .expected(format!("a scan of everything after {wanted}"), by)
                .help(format!("countersign collect secrets --range {wanted}..{commit} --output app.secrets.json"))
        })
    }

    /// Whether one of the scans is what is asked for; if none is, why.
    fn enough(&self, given: &[Read]) -> Vec<Finding> {
        let Self { context, commit, by, .. } = *self;
        if given.is_empty() {
            return vec![
                Finding::new(codes::SECRET_SCAN_MISSING, "no scan that trust accepts is about the commit of the provenance")
                    .at(context.subject())
                    .expected(format!("a complete scan of commit {commit}"), by)
                    .found("none")
                    .help(format!("countersign collect secrets --revision {commit} --output app.secrets.json, sign it, and hand it in with --bundle")),
            ];
        }
        let lacking: Vec<Finding> = given.iter().filter_map(|read| self.lacks(read)).collect();
        if lacking.len() == given.len() { lacking } else { Vec::new() }
    }

    /// What was found, by any scan: a scan more can only add.
    fn judge(&self, given: &[Read], earlier: &[Read], allowances: Allowances) -> Vec<Finding> {
        let Self { asked, context, by, .. } = *self;
        let time = context.request.time;
        let counts = |scan: &SecretScan, finding: &SecretFinding| {
            let listed = finding.allowed.as_ref().is_some_and(|allowed| allowed.by == AllowedBy::List);
            let reviewed = scan.allow_list.as_ref().is_some_and(|list| list.path.is_some());
            asked.accept_allowed && finding.is_allowed_at(time) && (!listed || reviewed || asked.any_list)
        };
        let key = |finding: &SecretFinding| (finding.place(), finding.rule.clone());
        let all = || given.iter().chain(earlier).flat_map(|read| read.scan.findings.iter().map(move |f| (read, f)));
        let mut allowed: BTreeMap<_, Vec<&Read>> = BTreeMap::new();
        for (read, finding) in all().filter(|(read, f)| counts(&read.scan, f)) {
            allowed.entry(key(finding)).or_default().push(read);
        }
        let answers = |read: &Read, other: &Read| match allowances {
            Allowances::OfAny => true,
            Allowances::OfAccepted => {
                self.lacks(read).is_none()
                    && (read.signer == other.signer
                        || (matches!(read.signer, SignerName::Collector(_)) && self.lacks(other).is_some()))
            }
        };
        let (mut refused, mut watched, mut let_be) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (read, finding) in all() {
            let into = if counts(&read.scan, finding) {
                &mut let_be
            } else if allowed.get(&key(finding)).is_some_and(|by| by.iter().any(|one| answers(one, read))) {
                continue;
            } else if asked.refuse.contains(&finding.level) {
                &mut refused
            } else {
                &mut watched
            };
            into.entry(key(finding)).or_insert((read, finding));
        }
        said(&refused, &watched, &let_be, by)
    }
}

type Told<'r> = BTreeMap<(String, String), (&'r Read, &'r SecretFinding)>;

fn said(refused: &Told<'_>, watched: &Told<'_>, let_be: &Told<'_>, by: &str) -> Vec<Finding> {
    let mut out: Vec<Finding> =
        refused.values().take(NAMED).map(|(read, finding)| refusal(read, finding, by)).collect();
    if let Some(more) = refused.len().checked_sub(NAMED).filter(|more| *more > 0) {
        out.push(
            Finding::new(codes::SECRET_FOUND, format!("{more} more secrets are in the source")).expected("none", by),
        );
    }
    let places = |finding: Finding, of: &Told<'_>, word: fn(&SecretFinding) -> String| {
        of.values().take(NOTED).fold(finding, |finding, (_, found)| finding.at(found.place()).found(word(found)))
    };
    if !watched.is_empty() {
        let what = format!("what may be a secret, by rules that only watch: {}", watched.len());
        out.push(places(Finding::new(codes::SECRET_WATCHED, what), watched, |f| format!("{}: {}", f.rule, f.shape)));
    }
    if !let_be.is_empty() {
        let what = format!("secrets that somebody allows: {}", let_be.len());
        out.push(places(Finding::new(codes::SECRET_ALLOWED, what), let_be, allowance));
    }
    out
}

fn refusal(read: &Read, finding: &SecretFinding, by: &str) -> Finding {
    let Read { place, scan, .. } = read;
    let history = if finding.commit.is_some() { "the history of the source" } else { "the source" };
    let mut out = Finding::new(codes::SECRET_FOUND, format!("{history} holds a secret: {}", finding.rule))
        .at(finding.place())
        .at(format!("{place}, by {} {}", scan.tool.name, scan.tool.version))
        .expected("none", by)
        .found(format!("{} by rule {}", finding.shape, finding.rule));
    if finding.allowed.is_some() {
        out = out.found(format!("{}, which does not count here", allowance(finding)));
    }
    out.help(format!(
        "revoke it where it was issued, take it out, and scan again; what is none is allowed by a comment beside it: \
         countersign:allow-secret {} REASON",
        finding.rule
    ))
}

fn allowance(finding: &SecretFinding) -> String {
    let Some(allowed) = &finding.allowed else { return String::new() };
    let by = match allowed.by {
        AllowedBy::Comment => "a comment",
        AllowedBy::List => "the list",
    };
    let owner = allowed.owner.as_ref().map_or_else(String::new, |owner| format!(", owner {owner}"));
    let end = allowed.expires.map_or_else(String::new, |end| format!(", until {end}"));
    format!("{}: allowed by {by}{owner}{end}: {}", finding.rule, allowed.reason)
}
