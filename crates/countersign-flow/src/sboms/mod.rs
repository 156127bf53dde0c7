//! SBOMs of any tool: judged, taken in, asked, compared, merged; and those of other ecosystems' lock files and binaries.

mod ask;
mod from;
mod judge;
mod make;
mod vex;
mod vulns;

pub use ask::{Asked, Shown, compare, query, show};
pub use from::{From, from};
pub use judge::validate;
pub use make::{Ingest, ingest, merge};
pub use vex::{Form, Said, say, turn};
pub use vulns::{Look, SCANNER, vulns};

use crate::error::FlowError;
use crate::files;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Finding};
use countersign_core::limits;
use countersign_report::escape::is_hidden;
use countersign_sbom::bom::{Bom, Document, DocumentError, Item, conversion};
use countersign_sbom::{schema, spdx_text};
use std::path::{Path, PathBuf};

/// A document that was read.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub path: PathBuf,
    /// The digest of its bytes.
    pub digest: Sha256,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its JSON and format.
    pub document: Document,
    /// What it lists.
    pub bom: Bom,
}

impl Opened {
    /// The file, as it is named in findings.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// Reads a document: bounded, strictly, whatever tool made it.
pub fn open(path: &Path) -> Result<Opened, FlowError> {
    let bytes = files::read(path, limits::SBOM_BYTES)?;
    let refused = |error: &DocumentError| FlowError::Refused(vec![unread(error, path)]);
    let document = Document::parse(&bytes).map_err(|error| refused(&error))?;
    let bom = document.bom().map_err(|error| refused(&error))?;
    Ok(Opened { path: path.to_owned(), digest: Sha256::of(&bytes), bytes, document, bom })
}

/// The same where only what it lists is asked for: bytes and JSON, which are several times as large, are let go.
fn open_view(path: &Path) -> Result<Opened, FlowError> {
    let mut opened = open(path)?;
    opened.bytes = Vec::new();
    opened.document.value = serde_json::Value::Null;
    Ok(opened)
}

fn unread(error: &DocumentError, path: &Path) -> Finding {
    let place = path.display().to_string();
    if let DocumentError::Shape { at, .. }
    | DocumentError::TooMany { at, .. }
    | DocumentError::DuplicateReference { at, .. } = error
    {
        return Finding::new(codes::SBOM_INVALID, error.to_string()).at(place).at(at.clone());
    }
    let finding = Finding::new(codes::SBOM_FORMAT, error.to_string()).at(place);
    // Else it is no JSON, has a key twice, or nests too deep: its own words say where.
    let DocumentError::Format { found } = error else { return finding };
    finding
        .expected("CycloneDX 1.2 to 1.7, SPDX 2.3 or SPDX 3.0, as JSON", "countersign")
        .found(found.clone())
        .help(conversion(found))
}

/// What does not hold by the schema, as findings; where all does, what is not as the text of the specification has it.
fn schema_findings(document: &Document, path: &Path) -> Result<Vec<Finding>, FlowError> {
    let faults = schema::check(document).map_err(|error| FlowError::Schema(error.to_string()))?;
    let findings = named(faults, codes::SBOM_INVALID, path);
    if !findings.is_empty() {
        return Ok(findings);
    }
    Ok(named(spdx_text::check(document).faults, codes::SBOM_VALUE, path))
}

fn named(faults: schema::Faults, code: Code, path: &Path) -> Vec<Finding> {
    let place = path.display().to_string();
    let mut findings: Vec<Finding> = faults
        .listed
        .into_iter()
        .map(|fault| {
            let at = if fault.at.is_empty() { "/".to_owned() } else { fault.at };
            Finding::new(code, fault.what).at(place.clone()).at(at)
        })
        .collect();
    if faults.more > 0 {
        findings.push(Finding::new(code, format!("and {} more faults", faults.more)).at(place));
    }
    findings
}

/// The most of a kind that is named one by one.
const NAMED: usize = 10;

/// What is worth knowing about a document that holds: dangling names, circles, names that are not what they look like.
fn notes(opened: &Opened) -> Vec<Finding> {
    let place = opened.name();
    let bom = &opened.bom;
    let mut findings = Vec::new();
    findings.extend(dangling(bom, &place));
    let circles = countersign_sbom::bom::graph::Graph::of(bom).circles();
    if let Some(first) = circles.first() {
        let names: Vec<String> = first.iter().take(NAMED).map(|item| item.label()).collect();
        let finding = Finding::new(codes::SBOM_CIRCLE, format!("{} circles of dependencies", circles.len()));
        findings.push(finding.at(place.clone()).found(names.join(" > ")));
    }
    findings.extend(hidden_text(bom, &place));
    let spdx_text::Judged { loose, unlisted, .. } = spdx_text::check(&opened.document);
    let count = loose.listed.len().saturating_add(loose.more);
    if count > 0 {
        let what =
            format!("{count} values are not written as the text of SPDX 2.3 has them: they are taken as they are");
        let finding = Finding::new(codes::SBOM_SPELLING, what).at(opened.name());
        let named = loose.listed.iter().take(NAMED);
        findings.push(named.fold(finding, |finding, fault| finding.found(format!("{}: {}", fault.at, fault.what))));
    }
    if !unlisted.is_empty() {
        let list = spdx_text::licence_list();
        let what =
            format!("{} licences are not on the SPDX License List {list}: they may be of a newer one", unlisted.len());
        let finding = Finding::new(codes::SBOM_LICENCE_UNLISTED, what).at(opened.name());
        findings.push(unlisted.into_iter().take(NAMED).fold(finding, Finding::found));
    }
    findings
}

/// What is named in a document that does not list it.
fn dangling(bom: &Bom, place: &str) -> Option<Finding> {
    let dangling = bom.dangling();
    (!dangling.is_empty()).then(|| {
        let what = format!("{} things are named that the document does not list", dangling.len());
        let finding = Finding::new(codes::SBOM_DANGLING, what).at(place);
        dangling.into_iter().take(NAMED).fold(finding, Finding::found)
    })
}

/// Names that are not what they look like.
fn hidden_text(bom: &Bom, place: &str) -> Option<Finding> {
    let hidden: Vec<&Item> = bom.all().filter(|item| hostile(item)).collect();
    (!hidden.is_empty()).then(|| {
        let what = format!("{} components have texts with hidden characters or markup", hidden.len());
        let finding = Finding::new(codes::SBOM_HIDDEN_TEXT, what).at(place);
        hidden.into_iter().take(NAMED).fold(finding, |finding, item| finding.found(item.label()))
    })
}

fn hostile(item: &Item) -> bool {
    let texts = [Some(&item.name), item.version.as_ref(), item.supplier.as_ref(), item.purl.as_ref()];
    texts.into_iter().flatten().chain(&item.licences).any(|text| text.contains(is_hidden) || marked_up(text))
}

/// Whether there are angle brackets around anything but the address of a letter, as in `Ada <ada@example.com>`.
fn marked_up(text: &str) -> bool {
    let address = |inside: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '@');
        inside.matches('@').count() == 1 && inside.chars().all(plain)
    };
    let mut parts = text.split('<');
    let before = parts.next().unwrap_or_default();
    before.contains('>')
        || parts
            .any(|part| part.split_once('>').is_none_or(|(inside, behind)| !address(inside) || behind.contains('>')))
}

/// The tools that made it, where none of them is this one.
#[must_use]
pub fn foreign_tools(bom: &Bom) -> Option<String> {
    let ours = bom.about.tools.iter().any(|tool| tool == "countersign" || tool.starts_with("countersign "));
    match (&bom.about.tools[..], ours) {
        (_, true) => None,
        ([], false) => Some("a tool that it does not name".to_owned()),
        (tools, false) => Some(tools.join(", ")),
    }
}

/// The note that says so.
fn foreign(opened: &Opened) -> Option<Finding> {
    foreign_tools(&opened.bom).map(|tools| {
        Finding::new(codes::SBOM_FOREIGN, format!("made by {tools}: taken as it is"))
            .at(opened.name())
            .found(opened.document.format.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_angle_brackets_is_no_markup_and_anything_else_is() {
        for text in ["Ada", "Ada <ada@example.com>", "Ada <a.b+c@example.com>, Ben <ben@example.com>"] {
            assert!(!marked_up(text), "{text}");
        }
        for text in ["<script>", "<img src=a@b>", "a<b", "a>b", "<ada@example.com>>", "<a@b@c>", "<a@b><i>", "<<a@b>"] {
            assert!(marked_up(text), "{text}");
        }
    }
}
