//! `sbom from`: what other package managers leave becomes a document that holds to its schema, the same bytes each time.

use countersign_tests::door::Door;
use serde_json::{Value, json};

fn lock() -> Value {
    json!({"lockfileVersion": 3, "packages": {
        "": {"name": "shop", "version": "2.0.0", "dependencies": {"a": "^1.0.0"}, "devDependencies": {"t": "*"}},
        "node_modules/a": {"version": "1.0.0", "license": "MIT", "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz",
            "integrity": "sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},
        "node_modules/t": {"version": "1.0.0", "dev": true}
    }})
}

#[test]
fn a_lock_file_becomes_a_document_that_sign_takes() {
    let door = Door::new();
    std::fs::create_dir(door.path().join("web")).unwrap();
    door.write("web/package-lock.json", lock().to_string().as_bytes());
    let said = door.run("sbom from web --artifact app.bin --output shop.cdx.json");
    said.expect(
        0,
        &[
            "as npm's lock file, version 3",
            "2 components (1 required, 0 optional, 1 to build or test)",
            "1 packages have no digest",
        ],
    );
    let first = door.read("shop.cdx.json");
    door.run("sbom validate shop.cdx.json").expect(0, &["valid, CycloneDX 1.6, 3 components, 2 dependencies"]);
    door.run("sbom from web/package-lock.json --artifact app.bin --output shop.cdx.json").expect(0, &[]);
    assert_eq!(first, door.read("shop.cdx.json"));
    let sign = "sign shop.cdx.json --type sbom --artifact app.bin --key keys/builder.pem --output s.sigstore.json";
    let said = door.run(sign);
    said.expect(0, &["https://cyclonedx.org/bom"]);
    assert!(!said.text.contains("sbom-foreign") && !said.text.contains("sbom-unbound"), "{}", said.text);
    door.run("sbom from web --without-dev --output prod.cdx.json").expect(0, &["1 components"]);
    let document: Value = serde_json::from_slice(&door.read("prod.cdx.json")).unwrap();
    assert!(!document.to_string().contains("pkg:npm/t"), "{document}");
}

#[test]
fn what_is_found_out_is_printed_and_what_is_not_known_is_refused() {
    let door = Door::new();
    std::fs::create_dir(door.path().join("both")).unwrap();
    door.write("both/package-lock.json", lock().to_string().as_bytes());
    door.run("sbom from both --ecosystem python --output o.json")
        .expect(2, &["is nothing that is read", "package-lock.json"]);
    door.write("both/requirements.txt", b"flask==3.0.0\n");
    door.run("sbom from both --output o.json").expect(2, &["has several: package-lock.json, requirements.txt"]);
    door.run("sbom from both --ecosystem python --output o.json")
        .expect(0, &["pip's requirements, not all with digests"]);
    door.write("both/package-lock.json", br#"{"lockfileVersion": 1}"#);
    door.run("sbom from both --ecosystem npm --output o2.json")
        .expect(5, &["version 1", "npm install --package-lock-only"]);
    door.write(
        "both/package-lock.json",
        br#"{"lockfileVersion": 3, "packages": {"": {"name": "a", "dependencies": {"b": "*"}}}}"#,
    );
    door.run("sbom from both --ecosystem npm --output o2.json").expect(4, &["packages-malformed", "it needs b"]);
    door.run("sbom from app.bin --output o2.json").expect(2, &["nothing was written"]);
    assert!(!door.has("o2.json"));
}
