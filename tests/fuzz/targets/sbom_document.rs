//! SBOMs of any tool, and the graph over them: no bytes stop the reader, no graph keeps a walk from ending, and what is held
//! against itself differs in nothing.
#![no_main]

use countersign_sbom::bom::{Document, graph::Graph};
use countersign_sbom::{convert, diff, vex};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse(bytes) else { return };
    let _said = vex::read(&document.value);
    let Ok(bom) = document.bom() else { return };
    let graph = Graph::of(&bom);
    let lines = graph.tree(|_| true, 1_000, 10_000);
    assert!(lines.len() >= bom.all().count().min(10_000), "every component stands in the tree");
    for place in (0..bom.all().count()).take(50) {
        assert!(graph.paths(place).iter().all(|path| !path.steps.is_empty()));
    }
    let _circles = graph.circles();
    let same = diff::diff(&bom, &bom);
    assert!(same.added.is_empty() && same.removed.is_empty() && same.moved.is_empty());
    let view = convert::to_cyclonedx(&bom, &countersign_core::digest::Sha256::of(bytes), None);
    assert!(view.is_object());
});
