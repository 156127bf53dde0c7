//! `sbom from`: what other package managers leave becomes a document that holds to its schema, the same bytes each time.

use countersign_core::digest::Sha256;
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
    let left = json!({"name": "countersign:left-out", "value": "development"});
    assert!(document["metadata"]["properties"].as_array().unwrap().contains(&left), "{document}");
    assert!(!String::from_utf8(first).unwrap().contains("countersign:left-out"));
}

#[test]
fn a_document_of_a_source_that_knows_no_development_does_not_say_that_it_was_left_out() {
    let door = Door::new();
    door.write("requirements-dev.txt", b"pytest==8.0.0\n");
    door.run("sbom from requirements-dev.txt --without-dev --output dev.json")
        .expect(0, &["1 components", "what is for development only is not known of pip's requirements"]);
    assert!(!String::from_utf8(door.read("dev.json")).unwrap().contains("countersign:left-out"));
}

/// A program as Go leaves it: where its build information is, the version of Go, and the list of modules between marks.
fn built_by_go() -> Vec<u8> {
    let list = [&[b'<'; 16][..], b"path\texample.com/app\nmod\texample.com/app\t(devel)\t\n", &[b'>'; 16]].concat();
    let mut bytes = b"\x7fELF".to_vec();
    bytes.resize(64, 0);
    bytes.extend(b"\xff Go buildinf:\x08\x02");
    bytes.resize(96, 0);
    for text in [&b"go1.22.1"[..], list.as_slice()] {
        bytes.push(u8::try_from(text.len()).unwrap());
        bytes.extend(text);
    }
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes
}

#[test]
fn what_is_read_and_is_the_built_file_itself_is_called_by_no_other_files_digest() {
    let door = Door::new();
    let bytes = built_by_go();
    let own = Sha256::of(&bytes);
    door.write("server", &bytes);
    door.write("same", &bytes);
    let other = Sha256::of(&door.read("app.bin"));
    let refused = door.run("sbom from server --artifact app.bin --output o.json");
    refused.expect(2, &["server", "app.bin", &own.to_string(), &other.to_string(), "leave --artifact out"]);
    assert!(!door.has("o.json"));
    for more in ["", "--artifact server", "--artifact same"] {
        door.run(&format!("sbom from server --output o.json {more}")).expect(0, &["go1.22.1"]);
        let made: Value = serde_json::from_slice(&door.read("o.json")).unwrap();
        let hashes = json!([{"alg": "SHA-256", "content": own.hex()}]);
        assert_eq!(made["metadata"]["component"]["hashes"], hashes, "{more}");
    }
}

#[test]
fn a_binary_that_is_handed_out_in_an_archive_has_an_sbom_of_the_archive() {
    let door = Door::new();
    let bytes = built_by_go();
    let own = Sha256::of(&bytes);
    door.write("server", &bytes);
    let gz = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut out, bytes).unwrap();
        out.finish().unwrap()
    };
    door.write("server.gz", &gz(&bytes));
    door.write("other.gz", &gz(b"another"));
    door.run("sbom from server --packed-in other.gz --output o.json")
        .expect(2, &["other.gz does not hold server", &own.to_string()]);
    door.run("sbom from server --packed-in server --output o.json").expect(2, &["leave --packed-in out"]);
    door.write("package-lock.json", lock().to_string().as_bytes());
    door.run("sbom from server --packed-in server.gz --output server.gz").expect(2, &["server.gz"]);
    door.run("sbom from package-lock.json --packed-in server.gz --output o.json").expect(2, &["--artifact"]);
    door.run("sbom from server --artifact server.gz --output o.json").expect(2, &["--packed-in"]);
    assert!(!door.has("o.json"));
    door.run("sbom from server --output plain.json").expect(0, &[]);
    let sign = |name: &str| {
        format!("sign {name} --type sbom --artifact server.gz --key keys/builder.pem --output s.sigstore.json")
    };
    door.run(&sign("plain.json")).expect(1, &["sbom-disagrees", "--packed-in server.gz"]);
    door.run("sbom from server --packed-in server.gz --output o.json").expect(0, &["go1.22.1"]);
    let made: Value = serde_json::from_slice(&door.read("o.json")).unwrap();
    let hashes = json!([{"alg": "SHA-256", "content": Sha256::of(&door.read("server.gz")).hex()}]);
    assert_eq!(made["metadata"]["component"]["hashes"], hashes);
    assert_eq!(made["metadata"]["component"]["name"], "server.gz");
    let file = made["components"].as_array().unwrap().iter().find(|one| one["name"] == "example.com/app").unwrap();
    let digest = json!({"name": "countersign:file-digest", "value": format!("SHA-256:{}", own.hex())});
    assert!(file["properties"].as_array().unwrap().contains(&digest), "{file}");
    let needs = made["dependencies"].as_array().unwrap().iter().find(|one| one["ref"] == "archive:server.gz").unwrap();
    assert_eq!(needs["dependsOn"], json!([file["bom-ref"]]));
    let from = json!({"name": "countersign:made-from-digest", "value": own.to_string()});
    assert!(made["metadata"]["properties"].as_array().unwrap().contains(&from), "{made}");
    door.run(&sign("o.json")).expect(0, &["https://cyclonedx.org/bom"]);
    // A second binary of the same archive: the release is the archive.
    let other = [built_by_go(), vec![0; 16]].concat();
    door.write("second", &other);
    let mut both = [bytes.clone(), other].concat();
    both.splice(0..0, *b"two binaries in a form that is not read: ");
    door.write("both.pkg", &both);
    for name in ["server", "second"] {
        door.run(&format!("sbom from {name} --packed-in both.pkg --output {name}.json"))
            .expect(0, &["was not looked at"]);
    }
    door.run("sbom merge server.json second.json --name both --release 1 --output both.json")
        .expect(0, &["2 documents"]);
    let merged: Value = serde_json::from_slice(&door.read("both.json")).unwrap();
    let hashes = json!([{"alg": "SHA-256", "content": Sha256::of(&both).hex()}]);
    assert_eq!(merged["metadata"]["component"]["hashes"], hashes);
    door.run("sbom merge server.json o.json --name both --release 1 --output none.json").expect(0, &["2 documents"]);
    let apart: Value = serde_json::from_slice(&door.read("none.json")).unwrap();
    assert_eq!(apart["metadata"]["component"]["hashes"], Value::Null);
    door.write("cut.gz", &gz(&bytes)[..40]);
    door.run("sbom from server --packed-in cut.gz --output c.json").expect(4, &["packages-malformed", "cut.gz"]);
    door.write("server.zst", b"\x28\xb5\x2f\xfd");
    door.run("sbom from server --packed-in server.zst --output z.json").expect(0, &["was not looked at"]);
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

const PEOPLE: &str = "[sbom]\ncopyright = \"Copyright 2026 Shop Ltd\"\nsecurity-contact = \"mailto:security@example.com\"\n\
    [[sbom.authors]]\nname = \"Release team\"\nemail = \"release@example.com\"\n\
    [sbom.manufacturer]\nname = \"Shop Ltd\"\nurl = \"https://example.com\"\n\
    [sbom.supplier]\nname = \"Shop Ltd\"\nemail = \"sales@example.com\"\n";

#[test]
fn names_that_are_not_what_they_look_like_are_told_where_the_document_is_made() {
    let door = Door::new();
    let lock = json!({"lockfileVersion": 3, "packages": {
        "": {"name": "app", "version": "1.0.0", "dependencies": {"a\u{202e}b": "*"}},
        "node_modules/a\u{202e}b": {"version": "1.0.0"}}});
    std::fs::create_dir(door.path().join("odd")).unwrap();
    door.write("odd/package-lock.json", lock.to_string().as_bytes());
    door.run("sbom from odd --output odd.json").expect(0, &["sbom-hidden-text", "a\\u{202e}b 1.0.0"]);
}

#[test]
fn what_only_people_know_comes_from_the_file_beside_the_source_and_is_unknown_without_one() {
    let door = Door::new();
    std::fs::create_dir(door.path().join("web")).unwrap();
    door.write("web/package-lock.json", lock().to_string().as_bytes());
    let made = |line: &str| -> Value {
        door.run(line).expect(0, &[]);
        door.run("sbom validate shop.cdx.json").expect(0, &["valid, CycloneDX 1.6"]);
        serde_json::from_slice(&door.read("shop.cdx.json")).unwrap()
    };
    let unknown = |document: &Value| {
        let all = document["metadata"]["properties"].as_array().unwrap();
        let one = all.iter().find(|property| property["name"] == "countersign:unknown");
        one.map(|property| property["value"].as_str().unwrap().to_owned())
    };
    let line = "sbom from web --output shop.cdx.json";
    let without = made(line);
    assert_eq!(
        unknown(&without).as_deref(),
        Some("author,manufacturer,supplier,copyright,security-contact,timestamp,artifact")
    );
    assert!(without["metadata"].get("authors").is_none() && without["metadata"]["component"].get("supplier").is_none());

    door.write("web/countersign.toml", PEOPLE.as_bytes());
    let with = made(&format!("{line} --artifact app.bin"));
    assert_eq!(unknown(&with).as_deref(), Some("timestamp"));
    let metadata = &with["metadata"];
    assert_eq!(metadata["authors"], json!([{"name": "Release team", "email": "release@example.com"}]));
    let supplier = json!({"name": "Shop Ltd", "contact": [{"email": "sales@example.com"}]});
    assert_eq!(metadata["supplier"], supplier);
    let root = &metadata["component"];
    assert_eq!(root["supplier"], supplier);
    assert_eq!(root["manufacturer"], json!({"name": "Shop Ltd", "url": ["https://example.com"]}));
    assert_eq!(root["copyright"], "Copyright 2026 Shop Ltd");
    assert_eq!(root["externalReferences"], json!([{"type": "security-contact", "url": "mailto:security@example.com"}]));
    let of = |name: &str| {
        let all = with["components"].as_array().unwrap();
        all.iter().find(|component| component["name"] == name).unwrap().clone()
    };
    assert_eq!(of("a")["supplier"]["name"], "npm", "the registry that handed it out, never the project");
    assert!(of("a").get("copyright").is_none() && of("t").get("supplier").is_none(), "{with}");
    let same = made(&format!("{line} --artifact app.bin --config web/countersign.toml"));
    assert_eq!(same, with);
}

#[test]
fn a_configuration_that_is_not_there_or_has_a_slip_stops_it() {
    let door = Door::new();
    std::fs::create_dir(door.path().join("web")).unwrap();
    door.write("web/package-lock.json", lock().to_string().as_bytes());
    door.run("sbom from web --config people.toml --output o.json").expect(2, &["there is no file people.toml"]);
    door.write("web/countersign.toml", b"[sbom]\nauthor = \"A\"\n");
    door.run("sbom from web/package-lock.json --output o.json").expect(2, &["countersign.toml", "author"]);
    assert!(!door.has("o.json"));
}

#[test]
fn members_of_a_workspace_are_the_project_s_own() {
    let door = Door::new();
    std::fs::create_dir(door.path().join("py")).unwrap();
    let lock = "version = 1\nrequires-python = \">=3.12\"\n[manifest]\nmembers = [\"app\", \"core\"]\n\
        [[package]]\nname = \"app\"\nversion = \"1.0\"\nsource = { editable = \".\" }\n\
        dependencies = [{ name = \"core\" }, { name = \"six\" }, { name = \"beside\" }]\n\
        [[package]]\nname = \"core\"\nversion = \"1.0\"\nsource = { editable = \"core\" }\n\
        [[package]]\nname = \"beside\"\nversion = \"1.0\"\nsource = { editable = \"../beside\" }\n\
        [[package]]\nname = \"six\"\nversion = \"1.16.0\"\nsource = { registry = \"https://pypi.org/simple\" }\n";
    door.write("py/uv.lock", lock.as_bytes());
    door.write("py/countersign.toml", PEOPLE.as_bytes());
    door.run("sbom from py --output py.cdx.json").expect(0, &["as uv's lock file"]);
    let document: Value = serde_json::from_slice(&door.read("py.cdx.json")).unwrap();
    let supplier = |name: &str| {
        let all = document["components"].as_array().unwrap();
        all.iter().find(|component| component["name"] == name).unwrap()["supplier"]["name"].clone()
    };
    assert_eq!(document["metadata"]["component"]["supplier"]["name"], "Shop Ltd");
    assert_eq!(supplier("core"), "Shop Ltd");
    assert_eq!(supplier("six"), "PyPI");
    assert_eq!(supplier("beside"), Value::Null, "a folder that is no member is somebody's, and nobody says whose");
}
