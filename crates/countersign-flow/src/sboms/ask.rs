//! `sbom show`, `sbom query` and `sbom diff`: what a document says, asked in three ways.

use super::vulns::undecided;
use super::{Opened, foreign, notes, open_view};
use crate::error::FlowError;
use crate::output::{
    SbomChanged, SbomComponent, SbomDependent, SbomDiffed, SbomLine, SbomMoved, SbomPath, SbomQueried, SbomShown,
    SbomUnmaintained,
};
use countersign_core::digest::Sha256;
use countersign_sbom::bom::graph::Graph;
use countersign_sbom::bom::{Bom, Item};
use countersign_sbom::diff::{self, Direction};
use countersign_sbom::osv::{Advisories, AdvisoriesError, Hit, Record, matches};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How much of a tree is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// How deep.
    pub depth: usize,
    /// How many lines.
    pub lines: usize,
}

/// What is asked of a query.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Which component: a name, `NAME@VERSION`, a package URL or a reference.
    pub component: &'a str,
    /// How many paths are shown for each component that is meant.
    pub paths: usize,
}

fn component(item: &Item) -> SbomComponent {
    SbomComponent {
        reference: item.reference.clone(),
        name: item.name.clone(),
        version: item.version.clone(),
        purl: item.purl.clone(),
        scope: item.scope.word().to_owned(),
        linked: item.linked,
        licences: item.licences.iter().cloned().collect(),
        supplier: item.supplier.clone(),
    }
}

/// A document as a tree.
pub fn show(path: &Path, shown: Shown) -> Result<SbomShown, FlowError> {
    let opened = open_view(path)?;
    let bom = &opened.bom;
    let tree = Graph::of(bom).tree(|item| bom.says_all(item), shown.depth, shown.lines);
    let lines = tree.into_iter().map(|line| SbomLine {
        depth: line.depth,
        component: component(line.item),
        again: line.again,
        unknown: line.unknown,
        cut: line.cut,
    });
    let lines: Vec<SbomLine> = lines.collect();
    let more = lines.len() >= shown.lines;
    let mut findings = notes(&opened);
    findings.extend(foreign(&opened));
    Ok(SbomShown {
        file: opened.name(),
        digest: opened.digest,
        format: opened.document.format.to_string(),
        tools: bom.about.tools.clone(),
        time: bom.about.time.clone(),
        components: bom.all().count(),
        dependencies: bom.edges.values().map(BTreeSet::len).sum(),
        unknown: bom.without_all_dependencies().count(),
        lines,
        more,
        findings,
    })
}

/// Who depends on a component, and through which path.
pub fn query(path: &Path, asked: Asked<'_>) -> Result<SbomQueried, FlowError> {
    let opened = open_view(path)?;
    let bom = &opened.bom;
    let graph = Graph::of(bom);
    let mut found = Vec::new();
    for place in graph.find(asked.component) {
        let Some(item) = graph.at(place) else { continue };
        let paths = graph.paths(place);
        found.push(SbomDependent {
            component: component(item),
            needed_by: graph.dependents(place).map(Item::label).collect(),
            needed_by_all: graph.all_dependents(place),
            more_paths: paths.len().saturating_sub(asked.paths),
            paths: paths
                .into_iter()
                .take(asked.paths)
                .map(|path| SbomPath {
                    steps: path.steps.iter().map(|item| item.label()).collect(),
                    from_root: path.from_root,
                })
                .collect(),
        });
    }
    Ok(SbomQueried {
        file: opened.name(),
        asked: asked.component.to_owned(),
        found,
        unknown: bom.without_all_dependencies().count(),
        nearest: nearest(bom, asked.component),
    })
}

/// Names that hold what was asked for, for somebody who wrote it otherwise.
fn nearest(bom: &Bom, asked: &str) -> Vec<String> {
    let name = asked.split('@').find(|part| !part.is_empty()).unwrap_or(asked).to_lowercase();
    let holds = |item: &&Item| item.name.to_lowercase().contains(&name);
    bom.all().filter(holds).take(5).map(Item::label).collect()
}

/// Of new components, those that a database of advisories calls unmaintained; nothing where none was given. That a package
/// is maintained no database says.
fn unmaintained(
    opened: &Opened,
    added: &[&Item],
    databases: &[PathBuf],
) -> Result<Option<Vec<SbomUnmaintained>>, FlowError> {
    if databases.is_empty() {
        return Ok(None);
    }
    let found = matches(&opened.bom, |take: &mut dyn FnMut(Record)| -> Result<(), AdvisoriesError> {
        for path in databases {
            Advisories::open(path)?.each(&mut *take)?;
        }
        Ok(())
    })?;
    undecided(&found, &opened.name())?;
    let called = |hit: &&Hit<'_>| hit.informational.as_deref() == Some("unmaintained");
    let new = |hit: &&Hit<'_>| added.iter().any(|item| item.reference == hit.item.reference);
    let named = found.hits.iter().filter(called).filter(new);
    Ok(Some(named.map(|hit| SbomUnmaintained { component: component(hit.item), id: hit.id.clone() }).collect()))
}

/// What changed between two documents. With databases of advisories, which new components they call unmaintained.
pub fn compare(old: &Path, new: &Path, databases: &[PathBuf]) -> Result<SbomDiffed, FlowError> {
    let (old, new) = (open_view(old)?, open_view(new)?);
    let diff = diff::diff(&old.bom, &new.bom);
    let unmaintained = unmaintained(&new, &diff.added, databases)?;
    let moved = diff.moved.iter().map(|moved| SbomMoved {
        component: component(moved.to),
        from: moved.from.version.clone(),
        to: moved.to.version.clone(),
        direction: match moved.direction {
            Direction::Up => "up",
            Direction::Down => "down",
            Direction::Unknown => "unknown",
        }
        .to_owned(),
    });
    let changed = diff.changed.iter().map(|changed| SbomChanged {
        component: component(changed.item),
        what: changed.what.to_owned(),
        from: changed.from.clone(),
        to: changed.to.clone(),
    });
    let side = |opened: &Opened| -> (String, Sha256) { (opened.name(), opened.digest) };
    let ((old_file, old_digest), (new_file, new_digest)) = (side(&old), side(&new));
    Ok(SbomDiffed {
        old_file,
        old_digest,
        new_file,
        new_digest,
        added: diff.added.iter().map(|item| component(item)).collect(),
        removed: diff.removed.iter().map(|item| component(item)).collect(),
        moved: moved.collect(),
        changed: changed.collect(),
        unmaintained,
        without_supplier: diff.added.iter().filter(|item| item.supplier.is_none()).count(),
        same: diff.same,
    })
}
