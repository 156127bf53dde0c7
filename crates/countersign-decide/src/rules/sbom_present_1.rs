//! `sbom-present@1`: the artifact has a complete SBOM that agrees with its provenance.

use super::{BuiltIn, Context};
use crate::parameters::Reader;
use countersign_core::codes;
use countersign_core::cyclonedx::{Component, Inventory};
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;
use countersign_core::statement::Kind;
use std::collections::BTreeSet;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "sbom-present@1",
    title: "An SBOM is present, complete, and matches the artifact",
    why: "What is in an artifact has to be known before somebody asks whether it is affected.",
    fix: "Make the SBOM of the artifact's own build with `countersign sbom`, sign it, and hand it in with --bundle.",
    parameters: &[],
    controls: &["SOC 2 CC7.1", "NIST SSDF PS.3"],
    accepts: |parameters| Reader::new(parameters).finish(),
    check,
};

/// How many offenders a finding names.
const NAMED: usize = 5;

fn check(context: &Context<'_>, _rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let mut findings = Vec::new();
    let mut any = false;
    for statement in context.about_subject(Kind::Sbom) {
        any = true;
        let place = format!("sbom {}", statement.document());
        match Inventory::read(&statement.value().predicate) {
            Err(error) => findings.push(Finding::new(codes::SBOM_MALFORMED, error.to_string()).at(place)),
            Ok(inventory) => {
                findings.extend(complete(&inventory, context, &place, &by));
                findings.extend(agrees(&inventory, context, &place, &by));
            }
        }
    }
    if !any {
        findings.push(super::context::no_sbom(context, &by));
    }
    findings
}

fn complete(inventory: &Inventory, context: &Context<'_>, place: &str, by: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut incomplete = |what: &str, offenders: Vec<String>| {
        if offenders.is_empty() {
            return;
        }
        let mut finding =
            Finding::new(codes::SBOM_INCOMPLETE, format!("{what}: {}", offenders.len())).at(place).expected("none", by);
        for offender in offenders.into_iter().take(NAMED) {
            finding = finding.found(offender);
        }
        findings.push(finding);
    };
    let name = |component: &Component| component.name.clone();
    let all = &inventory.components;
    incomplete("components without a version", all.iter().filter(|c| c.version.is_none()).map(name).collect());
    incomplete(
        "components that are neither of this workspace nor named by a package URL",
        all.iter().filter(|c| c.purl.is_none() && !c.workspace_member).map(name).collect(),
    );
    incomplete("components outside the dependency graph", inventory.outside_the_graph().map(name).collect());
    incomplete(
        "references of the graph that name no component",
        inventory.dangling().into_iter().map(str::to_owned).collect(),
    );
    match &inventory.root {
        None => incomplete("documents without a root component", vec!["metadata.component is missing".to_owned()]),
        Some(root) => {
            if let Some(found) = root.sha256.filter(|digest| *digest != context.request.subject) {
                findings.push(
                    Finding::new(codes::SBOM_DISAGREES, "the SBOM describes another file than the artifact")
                        .at(place)
                        .expected(context.request.subject.to_string(), by)
                        .found(found.to_string()),
                );
            }
        }
    }
    findings
}

/// Every package that the SBOM lists with a checksum was among what the build resolved.
fn agrees(inventory: &Inventory, context: &Context<'_>, place: &str, by: &str) -> Option<Finding> {
    let Some(built) = context.provenance else { return Some(super::context::no_provenance(context, by)) };
    let resolved: BTreeSet<Sha256> =
        built.provenance.dependencies().filter_map(|d| d.digest.sha256().ok().flatten()).collect();
    let strangers: Vec<String> = inventory
        .components
        .iter()
        .filter_map(|c| c.sha256.filter(|digest| !resolved.contains(digest)).map(|_| c))
        .map(|c| format!("{} {}", c.name, c.version.as_deref().unwrap_or("without version")))
        .collect();
    if strangers.is_empty() {
        return None;
    }
    let mut finding = Finding::new(
        codes::SBOM_DISAGREES,
        format!("packages that the build did not resolve, by its provenance: {}", strangers.len()),
    )
    .at(place)
    .expected("every package among resolvedDependencies, with the same SHA-256", by);
    for stranger in strangers.into_iter().take(NAMED) {
        finding = finding.found(stranger);
    }
    Some(finding)
}
