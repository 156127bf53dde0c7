//! `sbom validate`: schema, then what no schema can say, then profiles.

use super::{Opened, notes, schema_findings, unread};
use crate::error::FlowError;
use crate::files;
use crate::output::{ProfileElement, ProfileHeld, SbomJudged, SbomValidated};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, exit_of};
use countersign_core::limits;
use countersign_sbom::bom::Document;
use countersign_sbom::profile::{self, Profile};
use std::path::{Path, PathBuf};

/// Judges documents, each by the schema of its own format.
pub fn validate(paths: &[PathBuf], profiles: &[Profile]) -> Result<SbomValidated, FlowError> {
    let mut documents = Vec::new();
    let mut findings = Vec::new();
    for path in paths {
        let (judged, found) = one(path, profiles)?;
        documents.push(judged);
        findings.extend(found);
    }
    let exit = exit_of(&findings);
    Ok(SbomValidated { documents, findings, exit })
}

fn one(path: &Path, profiles: &[Profile]) -> Result<(SbomJudged, Vec<Finding>), FlowError> {
    let bytes = files::read(path, limits::SBOM_BYTES)?;
    let mut judged = SbomJudged {
        file: path.display().to_string(),
        digest: Sha256::of(&bytes),
        format: None,
        valid: false,
        components: 0,
        dependencies: 0,
        tools: Vec::new(),
        profiles: Vec::new(),
    };
    let document = match Document::parse(&bytes) {
        Ok(document) => document,
        Err(error) => return Ok((judged, vec![unread(&error, path)])),
    };
    drop(bytes);
    judged.format = Some(document.format.to_string());
    let mut findings = schema_findings(&document, path)?;
    if !findings.is_empty() {
        return Ok((judged, findings));
    }
    // What was read once is not read again: a pipe is empty then.
    let bom = match document.bom() {
        Ok(bom) => bom,
        Err(error) => return Ok((judged, vec![unread(&error, path)])),
    };
    let opened = Opened { path: path.to_owned(), digest: judged.digest, bytes: Vec::new(), document, bom };
    judged.valid = true;
    judged.components = opened.bom.all().count();
    judged.dependencies = opened.bom.edges.values().map(std::collections::BTreeSet::len).sum();
    judged.tools.clone_from(&opened.bom.about.tools);
    findings.extend(notes(&opened));
    for profile in profiles {
        let elements = profile::check(&opened.bom, *profile);
        for element in elements.iter().filter(|element| element.missing > 0) {
            let of =
                if element.of == 1 { String::new() } else { format!(" for {} of {}", element.missing, element.of) };
            let what = format!("{} is missing{of}", element.name);
            let finding = Finding::new(codes::SBOM_ELEMENT_MISSING, what)
                .at(opened.name())
                .expected(element.name, format!("profile {}", profile.word()));
            findings.push(element.first.iter().fold(finding, |finding, label| finding.found(label.clone())));
        }
        judged.profiles.push(ProfileHeld {
            profile: profile.word().to_owned(),
            elements: elements
                .into_iter()
                .map(|element| ProfileElement {
                    name: element.name.to_owned(),
                    of: element.of,
                    missing: element.missing,
                })
                .collect(),
        });
    }
    Ok((judged, findings))
}
