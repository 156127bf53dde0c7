//! SBOMs of any tool and ecosystem, from the command line: judged, taken in, asked, compared, merged, made of lock files, and
//! held against advisories up to the gate's refusal.

mod corpus;
mod documents;
mod gate;
mod hostile;
mod packages;
mod page;

use serde_json::{Value, json};

/// A document of CycloneDX as another tool would make it.
fn foreign(version: &str, b: &str) -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "timestamp": "2026-11-01T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": "othertool", "version": "2.1"}]},
            "component": {"type": "application", "bom-ref": "app", "name": "app", "version": version}
        },
        "components": [
            {"type": "library", "bom-ref": "a", "name": "a", "version": "1.0.0", "purl": "pkg:cargo/a@1.0.0",
             "licenses": [{"expression": "MIT"}]},
            {"type": "library", "bom-ref": "b", "name": "b", "version": b, "purl": format!("pkg:cargo/b@{b}"),
             "supplier": {"name": "Somebody"},
             "evidence": {"identity": [{"field": "purl", "confidence": 0.7}]}}
        ],
        "dependencies": [{"ref": "app", "dependsOn": ["a"]}, {"ref": "a", "dependsOn": ["b"]}, {"ref": "b"}]
    })
}

fn spdx2() -> Value {
    json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "dataLicense": "CC0-1.0", "name": "app",
        "documentNamespace": "https://example.com/app-1",
        "creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Tool: othertool-2.1", "Organization: Somebody"]},
        "packages": [
            {"SPDXID": "SPDXRef-app", "name": "app", "versionInfo": "1.0", "downloadLocation": "NOASSERTION"},
            {"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": "1.0.0", "downloadLocation": "https://example.com/a.tgz",
             "licenseDeclared": "MIT", "licenseConcluded": "NOASSERTION", "supplier": "Organization: A Ltd",
             "checksums": [{"algorithm": "SHA256", "checksumValue": "ab".repeat(32)}],
             "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/a@1.0.0"}]},
            {"SPDXID": "SPDXRef-t", "name": "t", "downloadLocation": "NONE"}
        ],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-app"},
            {"spdxElementId": "SPDXRef-app", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "SPDXRef-a"},
            {"spdxElementId": "SPDXRef-t", "relationshipType": "TEST_DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-app"},
            {"spdxElementId": "SPDXRef-a", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "NONE"}
        ]
    })
}

fn spdx3() -> Value {
    let id = |name: &str| format!("https://example.com/{name}");
    json!({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
        {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-11-01T00:00:00Z",
         "createdBy": [id("org")], "createdUsing": [id("tool")]},
        {"type": "Organization", "spdxId": id("org"), "creationInfo": "_:c", "name": "Somebody"},
        {"type": "Tool", "spdxId": id("tool"), "creationInfo": "_:c", "name": "othertool-2.1"},
        {"type": "SpdxDocument", "spdxId": id("doc"), "creationInfo": "_:c", "rootElement": [id("sbom")]},
        {"type": "software_Sbom", "spdxId": id("sbom"), "creationInfo": "_:c", "rootElement": [id("app")]},
        {"type": "software_Package", "spdxId": id("app"), "creationInfo": "_:c", "name": "app", "software_packageVersion": "1.0"},
        {"type": "software_Package", "spdxId": id("a"), "creationInfo": "_:c", "name": "a", "software_packageVersion": "1.0.0",
         "software_packageUrl": "pkg:npm/a@1.0.0", "suppliedBy": id("org"),
         "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "ab".repeat(32)}]},
        {"type": "software_Package", "spdxId": id("t"), "creationInfo": "_:c", "name": "t"},
        {"type": "simplelicensing_LicenseExpression", "spdxId": id("mit"), "creationInfo": "_:c",
         "simplelicensing_licenseExpression": "MIT"},
        {"type": "Relationship", "spdxId": id("r1"), "creationInfo": "_:c", "from": id("app"), "to": [id("a")],
         "relationshipType": "dependsOn", "completeness": "complete"},
        {"type": "LifecycleScopedRelationship", "spdxId": id("r2"), "creationInfo": "_:c", "from": id("app"), "to": [id("t")],
         "relationshipType": "dependsOn", "scope": "test"},
        {"type": "Relationship", "spdxId": id("r3"), "creationInfo": "_:c", "from": id("a"), "to": [id("mit")],
         "relationshipType": "hasDeclaredLicense"}
    ]})
}
