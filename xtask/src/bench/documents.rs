//! The figures of SBOMs of other tools: 50,000 components judged, compared and asked, and held against 50,000 advisories.
//! The documents and the advisories are made here, in the shape that real ones have.

use super::figures::Stage;
use super::measure::{many, millis};
use super::row::{Bar, Row, Summary};
use crate::{Outcome, workspace};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const COMPONENTS: u32 = 50_000;
const ADVISORIES: u32 = 50_000;
const RUNS: usize = 5;

/// What is measured, its command line, and the most milliseconds of CPU that it may take.
const COMMANDS: [(&str, &str, f64); 4] = [
    ("validate 50,000 components", "sbom validate old.cdx.json", 4_000.0),
    ("diff of 50,000 components", "sbom diff old.cdx.json new.cdx.json", 4_000.0),
    ("query of 50,000 components", "sbom query old.cdx.json p49999", 2_000.0),
    ("50,000 components held against 50,000 advisories", "sbom vulns old.cdx.json --db osv --output v.json", 6_000.0),
];

/// CPU of each, as whole processes.
pub(super) fn figures(stage: &Stage) -> Outcome<Vec<Row>> {
    let folder = stage.folder().join("documents");
    make(&folder)?;
    let mut rows = Vec::new();
    for (name, line, most) in COMMANDS {
        let costs = many(RUNS, || {
            let mut command = stage.countersign(&folder);
            command.args(line.split(' '));
            Ok(command)
        })?;
        let samples = costs.iter().map(|cost| millis(cost.cpu)).collect();
        let summary = Summary::of(samples).ok_or("nothing was measured")?;
        rows.push(Row {
            name: format!("{name}, CPU"),
            unit: "ms".to_owned(),
            summary,
            bar: Bar::AtMost(most),
            peer: None,
        });
    }
    Ok(rows)
}

fn make(folder: &Path) -> Outcome<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder.join("osv")).map_err(failed)?;
    workspace::write(&folder.join("old.cdx.json"), &document(false).to_string())?;
    workspace::write(&folder.join("new.cdx.json"), &document(true).to_string())?;
    for number in 0..ADVISORIES {
        workspace::write(&folder.join(format!("osv/GHSA-{number}.json")), &advisory(number).to_string())?;
    }
    Ok(())
}

/// Each component needs up to three of those behind it; of the later document one in a hundred has another version.
fn document(later: bool) -> Value {
    let reference = |i: u32| format!("pkg:cargo/p{i}@1.0.{}", i % 7);
    let component = |i: u32| {
        let version = if later && i.is_multiple_of(100) { format!("1.1.{}", i % 7) } else { format!("1.0.{}", i % 7) };
        json!({
            "type": "library", "bom-ref": reference(i), "name": format!("p{i}"), "version": version,
            "purl": format!("pkg:cargo/p{i}@{version}"), "scope": "required",
            "hashes": [{ "alg": "SHA-256", "content": format!("{i:064x}") }],
            "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            "properties": [{ "name": "x", "value": "y" }],
        })
    };
    let dependency = |i: u32| {
        let below = [i + 1, 2 * i + 50, 2 * i + 51].into_iter().filter(|to| *to < COMPONENTS).map(reference);
        json!({ "ref": reference(i), "dependsOn": below.collect::<Vec<_>>() })
    };
    let root = json!({ "ref": "root", "dependsOn": (0..50).map(reference).collect::<Vec<_>>() });
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": { "component": { "type": "application", "bom-ref": "root", "name": "root" } },
        "components": (0..COMPONENTS).map(component).collect::<Vec<_>>(),
        "dependencies": std::iter::once(root).chain((0..COMPONENTS).map(dependency)).collect::<Vec<_>>(),
    })
}

fn advisory(number: u32) -> Value {
    json!({
        "id": format!("GHSA-{number}"), "modified": "2026-11-01T00:00:00Z", "published": "2026-01-01T00:00:00Z",
        "aliases": [format!("CVE-2026-{number}")], "summary": "a vulnerability", "details": "x".repeat(600),
        "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }],
        "affected": [{
            "package": { "ecosystem": "crates.io", "name": format!("p{}", number * 3) },
            "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "1.0.2" }] }],
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_as_large_as_it_says() {
        let (old, new) = (document(false), document(true));
        let count = |document: &Value| document["components"].as_array().unwrap().len();
        assert_eq!((count(&old), count(&new)), (50_000, 50_000));
        let versions = |document: &Value| {
            let all = document["components"].as_array().unwrap().iter();
            all.map(|component| component["version"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let differ = versions(&old).iter().zip(versions(&new)).filter(|(a, b)| **a != *b).count();
        assert_eq!(differ, 500);
    }
}
