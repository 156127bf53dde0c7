//! Advisories of other databases, held against a document: no bytes stop the reader, what matches names the package, and the
//! order of versions is the same from both sides. Lines are records; the words of the last are versions.
#![no_main]

use countersign_sbom::bom::Document;
use countersign_sbom::osv::{Advisory, Record, matches};
use countersign_sbom::version::{Scheme, Version};
use std::convert::Infallible;

const DOCUMENT: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
    {"type":"library","bom-ref":"a","name":"a","version":"1.2.3","purl":"pkg:cargo/a@1.2.3"},
    {"type":"library","bom-ref":"b","name":"b","version":"1.2rc1","purl":"pkg:pypi/b@1.2rc1"},
    {"type":"library","bom-ref":"c","name":"c","purl":"pkg:npm/%40s/c"},
    {"type":"library","bom-ref":"d","name":"d","version":"v1.0.0","purl":"pkg:golang/e.com/d@v1.0.0"}]}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bom = Document::parse(DOCUMENT.as_bytes()).expect("a document").bom().expect("a view");
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let found = matches::<Infallible>(&bom, |take| {
        for line in &lines {
            let advisory = serde_json::from_slice::<Advisory>(line).map_err(|error| error.to_string());
            take(Record { place: "a line".to_owned(), advisory });
        }
        Ok(())
    });
    let Ok(found) = found;
    assert!(found.hits.iter().all(|hit| hit.item.purl.is_some()));
    assert!(found.hits.is_empty() || found.unread.len() < lines.len(), "what cannot be read matches nothing");
    let Some(Ok(last)) = lines.last().map(|line| std::str::from_utf8(line)) else { return };
    let words: Vec<&str> = last.split_whitespace().take(8).collect();
    for scheme in [Scheme::SemVer, Scheme::Go, Scheme::Pep440] {
        let read: Vec<Version> = words.iter().filter_map(|word| Version::read(scheme, word)).collect();
        for (a, b) in read.iter().flat_map(|a| read.iter().map(move |b| (a, b))) {
            let (there, back) = (a.compare(b).expect("one scheme"), b.compare(a).expect("one scheme"));
            assert_eq!(there, back.reverse());
        }
    }
});
