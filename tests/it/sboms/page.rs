//! The page about documents of other tools: each command on it runs, in order, in a folder with the files that it names.

use super::{foreign, spdx2};
use countersign_tests::door::Door;
use serde_json::json;

#[test]
fn every_command_of_the_page_runs() {
    let door = Door::new();
    door.write("other.cdx.json", foreign("1.0.0", "1.0.0").to_string().as_bytes());
    door.write("newer.cdx.json", foreign("1.1.0", "1.2.0").to_string().as_bytes());
    door.write("other.spdx.json", spdx2().to_string().as_bytes());
    let mut filled = foreign("1.0.0", "1.0.0");
    filled["metadata"]["authors"] = json!([{"name": "Somebody"}]);
    filled["metadata"]["component"] = json!({"type": "application", "bom-ref": "app", "name": "worker", "version": "1",
        "supplier": {"name": "Somebody"}, "purl": "pkg:generic/worker@1"});
    filled["components"][0]["supplier"] = json!({"name": "Somebody"});
    door.write("filled.cdx.json", filled.to_string().as_bytes());
    for folder in ["web", "osv"] {
        std::fs::create_dir(door.path().join(folder)).unwrap();
    }
    let lock = json!({"lockfileVersion": 3, "packages": {"": {"name": "web", "dependencies": {"a": "*"}}, "node_modules/a": {"version": "1.0.0"}}});
    door.write("web/package-lock.json", lock.to_string().as_bytes());
    door.write("requirements.txt", b"flask==3.0.0\n");
    let advisory = json!({"id": "GHSA-0000-0000-0001", "modified": "2026-11-01T00:00:00Z", "affected": [{"package": {"ecosystem": "npm", "name": "a"}}]});
    door.write("osv/a.json", advisory.to_string().as_bytes());
    let page = include_str!("../../../docs/sbom-documents.md");
    let mut run = 0;
    for block in page.split("```sh\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            let line = line.strip_prefix("countersign ").unwrap_or_else(|| panic!("`{line}` is no command of ours"));
            door.run(line).expect(0, &[]);
            run += 1;
        }
    }
    assert_eq!(run, 12);
}
