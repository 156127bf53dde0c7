//! `sbom vulns`: an SBOM held against a database of advisories that the user has. The result is a statement's predicate: the
//! gate's rule judges it, this does not.

use super::make::pretty;
use super::{NAMED, open_view};
use crate::error::FlowError;
use crate::output::{SbomVulnerability, SbomVulns};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::vulns::{Found, Score, Severity, Vulns};
use countersign_core::time::Time;
use countersign_core::{json, limits};
use countersign_record::atomic::write_atomic;
use countersign_sbom::osv::{Advisories, AdvisoriesError, Hit, Known, Matches, Record, matches};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// By which name the result says who looked.
pub const SCANNER: &str = "https://countersign.dev/sbom-vulns";

/// What is held against what.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The SBOM.
    pub document: &'a Path,
    /// Databases: folders and archives.
    pub databases: &'a [PathBuf],
    /// Now.
    pub time: Time,
    /// Where the predicate goes.
    pub output: &'a Path,
}

/// Matches, and writes the predicate.
pub fn vulns(look: &Look<'_>) -> Result<SbomVulns, FlowError> {
    let opened = open_view(look.document)?;
    let mut digests = Vec::new();
    let found = matches(&opened.bom, |take: &mut dyn FnMut(Record)| -> Result<(), AdvisoriesError> {
        for path in look.databases {
            digests.push(Advisories::open(path)?.each(&mut *take)?);
        }
        Ok(())
    })?;
    undecided(&found, &opened.name())?;
    let database = match &digests[..] {
        [only] => *only,
        several => Sha256::of(several.iter().map(Sha256::hex).collect::<Vec<_>>().join("\n").as_bytes()),
    };
    let newest = found.newest.clone().unwrap_or_default();
    if found.hits.len() > limits::VULNERABILITIES {
        let what = format!("{} vulnerabilities, more than one statement holds", found.hits.len());
        return Err(FlowError::Refused(vec![Finding::new(codes::VULNERABILITIES_UNDECIDED, what).at(opened.name())]));
    }
    let value = json!({
        "scanner": {
            "uri": SCANNER,
            "version": env!("CARGO_PKG_VERSION"),
            "db": { "uri": "https://osv.dev", "version": database.to_string(), "lastUpdate": newest },
            "result": found.hits.iter().map(result).collect::<Vec<_>>(),
        },
        "metadata": { "scanStartedOn": look.time, "scanFinishedOn": look.time },
    });
    let read: Vulns = json::from_value(value.clone())?;
    let bytes = pretty(&value)?;
    write_atomic(look.output, &bytes, 0o644)?;
    let age = read.scanner.db.last_update.time().map(|time| {
        let seconds = look.time.unix().saturating_sub(time.unix());
        seconds.div_euclid(86_400)
    });
    let list: Vec<_> = found.hits.iter().zip(&read.scanner.result).map(|(hit, found)| shown(hit, found)).collect();
    let (severities, informational) = counted(&list);
    Ok(SbomVulns {
        output: look.output.display().to_string(),
        digest: Sha256::of(&bytes),
        file: opened.name(),
        database,
        database_time: newest,
        database_days: age,
        advisories: found.advisories,
        withdrawn: found.withdrawn,
        components: found.wanted.values().sum(),
        unidentified: found.unidentified.len(),
        severities,
        informational,
        vulnerabilities: list,
        findings: notes(&found, &opened.name()),
    })
}

/// What makes the whole answer worth nothing: then none is written.
pub(super) fn undecided(found: &Matches<'_>, place: &str) -> Result<(), FlowError> {
    let mut findings = Vec::new();
    let mut refuse = |what: String, help: &str| {
        findings.push(Finding::new(codes::VULNERABILITIES_UNDECIDED, what).at(place.to_owned()).help(help));
    };
    if !found.unread.is_empty() {
        let names: Vec<String> =
            found.unread.iter().take(NAMED).map(|(place, why)| format!("{place}: {why}")).collect();
        let what =
            format!("{} records of the database cannot be read; the first: {}", found.unread.len(), names.join("; "));
        refuse(what, "get the export again: each file has to be one advisory in OSV's form");
    }
    if !found.not_compared.is_empty() {
        let kinds: Vec<String> =
            found.not_compared.iter().map(|(kind, components)| format!("{components} of pkg:{kind}")).collect();
        refuse(
            format!("advisories may name components that are not compared here: {}", kinds.join(", ")),
            "look at these with a scanner that knows them (`countersign sign --type vulns` signs its result), and at an SBOM of the rest with this",
        );
    }
    if found.wanted.is_empty() && found.not_compared.is_empty() {
        refuse(
            "no component has a package URL of an ecosystem that advisories name".to_owned(),
            "have the SBOM made by a tool that writes package URLs",
        );
    }
    for (ecosystem, components) in &found.wanted {
        if !found.by_ecosystem.contains_key(*ecosystem) {
            let what =
                format!("the database has no advisory for {ecosystem}, of which there are {components} components");
            refuse(what, "give the export of that ecosystem too, with another --db");
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(FlowError::Refused(findings)) }
}

fn notes(found: &Matches<'_>, place: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !found.unidentified.is_empty() {
        let what = format!(
            "{} components were not looked at: they have no identity by which advisories name packages",
            found.unidentified.len()
        );
        let finding = Finding::new(codes::SBOM_PARTIAL, what).at(place.to_owned());
        let named = found.unidentified.iter().take(NAMED);
        findings.push(named.fold(finding, |finding, item| finding.found(item.label())));
    }
    findings
}

fn linked(hit: &Hit<'_>) -> &'static str {
    match hit.item.linked {
        Some(true) => "true",
        None if hit.item.runs() => "unknown",
        Some(false) | None => "false",
    }
}

fn result(hit: &Hit<'_>) -> Found {
    let component = hit.item.purl.clone().unwrap_or_else(|| hit.item.label());
    let mut annotations = json!({
        "component": component,
        "match": match hit.known { Known::Affected => "affected", Known::Unknown => "version-not-comparable" },
        "linked": linked(hit),
        "scope": hit.item.scope.word(),
    });
    let mut put = |key: &str, value: Value| {
        if let Some(map) = annotations.as_object_mut() {
            map.insert(key.to_owned(), value);
        }
    };
    if !hit.aliases.is_empty() {
        put("aliases", json!(hit.aliases));
    }
    if let Some(word) = &hit.informational {
        put("informational", json!(word));
    }
    if let Some(published) = &hit.published {
        put("published", json!(published));
    }
    if !hit.fixed.is_empty() {
        put("fixed", json!(hit.fixed));
    }
    let severity = hit.severity.iter().map(|(method, score)| Score { method: method.clone(), score: score.clone() });
    Found { id: hit.id.clone(), severity: severity.collect(), annotations: Some(annotations) }
}

/// By severity, and by the database's word for what is no vulnerability.
fn counted(list: &[SbomVulnerability]) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut severities, mut informational) = (BTreeMap::new(), BTreeMap::new());
    for one in list {
        let count: &mut usize = match (&one.severity, &one.informational) {
            (Some(severity), _) => severities.entry(severity.clone()),
            (None, Some(word)) => informational.entry(word.clone()),
            (None, None) => severities.entry("unknown".to_owned()),
        }
        .or_default();
        *count = count.saturating_add(1);
    }
    (severities, informational)
}

fn shown(hit: &Hit<'_>, found: &Found) -> SbomVulnerability {
    SbomVulnerability {
        id: hit.id.clone(),
        aliases: hit.aliases.iter().cloned().collect(),
        component: hit.item.label(),
        purl: hit.item.purl.clone(),
        severity: found.severity().map(|severity: Severity| severity.word().to_owned()),
        certain: hit.known == Known::Affected,
        linked: linked(hit).to_owned(),
        summary: hit.summary.clone(),
        informational: hit.informational.clone(),
        fixed: hit.fixed.iter().cloned().collect(),
    }
}
