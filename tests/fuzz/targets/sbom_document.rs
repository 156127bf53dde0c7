//! SBOMs of any tool, and the graph over them: no bytes stop the reader, no graph keeps a walk from ending, what is held
//! against itself differs in nothing, and what SPDX asks of values is judged with the place that each fault has.
#![no_main]

use countersign_sbom::bom::{Document, graph::Graph};
use countersign_sbom::profile::{self, Profile};
use countersign_sbom::{convert, diff, spdx_text, vex};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse(bytes) else { return };
    let _said = vex::read(&document.value);
    let judged = spdx_text::check(&document);
    for fault in &judged.faults.listed {
        // Of what is missing there is the place that it is missing from.
        let above = fault.at.rsplit_once('/').map(|(above, _)| above).expect("a place");
        assert!(document.value.pointer(above).is_some(), "{} is nowhere", fault.at);
    }
    assert!(judged.faults.more == 0 || !judged.faults.listed.is_empty());
    assert!(judged.unlisted.iter().all(|id| !id.is_empty() && !id.contains(['/', ':', ' '])), "no identifier");
    let Ok(bom) = document.bom() else { return };
    for element in [Profile::Ntia, Profile::Cisa].iter().flat_map(|profile| profile::check(&bom, *profile)) {
        assert!(element.missing <= element.of && element.first.len() <= element.missing);
    }
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
