//! Foreign SBOMs and package URLs.
#![no_main]

use countersign_core::{cyclonedx, json, purl::Purl};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(purl) = Purl::new(text)
    {
        assert_eq!(Purl::new(purl.as_str()).ok(), Some(purl));
    }
    let Ok(value) = json::parse(bytes) else { return };
    let Ok(sbom) = cyclonedx::Inventory::read(&value) else { return };
    let graph = &sbom.dependencies;
    let outside =
        |reference: &Option<String>| reference.as_ref().is_none_or(|reference| !graph.contains_key(reference));
    assert!(sbom.outside_the_graph().all(|component| outside(&component.reference)));
    let named =
        |reference: &str| sbom.components.iter().any(|component| component.reference.as_deref() == Some(reference));
    assert!(!sbom.dangling().into_iter().any(named));
});
