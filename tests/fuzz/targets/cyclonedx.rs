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
    assert!(sbom.outside_the_graph().count() <= sbom.components.len());
    assert!(sbom.dangling().iter().all(|name| name.len() <= bytes.len()));
});
