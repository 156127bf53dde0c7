//! Documents of other tools through the door.

use super::{foreign, spdx2, spdx3};
use countersign_tests::door::Door;
use serde_json::{Value, json};

fn answer(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn spdx_of_both_versions_says_what_cyclonedx_says_and_its_bytes_are_kept() {
    let door = Door::new();
    for (name, document, format) in [("two", spdx2(), "SPDX 2.3"), ("three", spdx3(), "SPDX 3.0")] {
        let bytes = serde_json::to_vec_pretty(&document).unwrap();
        door.write("in.json", &bytes);
        door.run("sbom validate in.json").expect(0, &["valid", format, "3 components"]);
        door.run(&format!("sbom ingest in.json --output {name}.cdx.json"))
            .expect(0, &[format, "sbom-foreign", "othertool-2.1"]);
        assert_eq!(door.read(&format!("{name}.raw.json")), bytes);
        door.run(&format!("sbom validate {name}.cdx.json")).expect(0, &["valid, CycloneDX 1.6, 3 components"]);
        let shown = door.run(&format!("sbom show {name}.cdx.json --format json"));
        let shown = answer(&shown.out);
        let lines: Vec<(u64, &str, &str)> = shown["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| {
                let component = &line["component"];
                (
                    line["depth"].as_u64().unwrap(),
                    component["name"].as_str().unwrap(),
                    component["scope"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(lines, [(0, "app", "required"), (1, "a", "required"), (1, "t", "excluded")], "{format}");
        let a = &shown["lines"][1]["component"];
        assert_eq!((&a["purl"], &a["licences"]), (&json!("pkg:npm/a@1.0.0"), &json!(["MIT"])), "{format}");
    }
    door.run("sbom diff two.cdx.json three.cdx.json").expect(0, &["supplier from A Ltd to Somebody", "0 added"]);
}

#[test]
fn a_view_of_spdx_lists_no_files_and_nothing_leads_from_or_to_one() {
    let door = Door::new();
    let mut document = spdx2();
    let sum = json!([{"algorithm": "SHA1", "checksumValue": "ab".repeat(20)}]);
    document["files"] =
        json!([{"SPDXID": "SPDXRef-f", "fileName": "./a.jar", "checksums": sum, "copyrightText": "NONE"}]);
    let relation =
        |from: &str, to: &str| json!({"spdxElementId": from, "relationshipType": "CONTAINS", "relatedSpdxElement": to});
    let relations = document["relationships"].as_array_mut().unwrap();
    relations.extend([relation("SPDXRef-f", "SPDXRef-a"), relation("SPDXRef-app", "SPDXRef-f")]);
    door.write("in.json", document.to_string().as_bytes());
    door.run("sbom ingest in.json --output view.cdx.json").expect(0, &["3 components"]);
    let view: Value = serde_json::from_slice(&door.read("view.cdx.json")).unwrap();
    assert!(!view["dependencies"].to_string().contains("SPDXRef-f"), "{}", view["dependencies"]);
    let shown = door.run("sbom validate view.cdx.json");
    shown.expect(0, &["valid, CycloneDX 1.6"]);
    assert!(!shown.out.contains("sbom-dangling"), "{}", shown.out);
}

#[test]
fn two_documents_need_two_files_and_what_was_read_is_not_written_over() {
    let door = Door::new();
    let bytes = serde_json::to_vec_pretty(&spdx2()).unwrap();
    door.write("in.json", &bytes);
    door.run("sbom ingest in.json --output a.json --raw ./a.json").expect(2, &["--raw and --output are one file"]);
    door.run("sbom ingest in.json --output in.json --raw b.json").expect(2, &["in.json is read here"]);
    door.run("sbom ingest in.json --output b.json --raw in.json").expect(2, &["in.json is read here"]);
    door.run("sbom merge in.json --name r --release 1 --output in.json").expect(2, &["in.json is read here"]);
    assert_eq!(door.read("in.json"), bytes);
    for name in ["a.json", "b.json"] {
        assert!(!door.has(name), "{name}");
    }
}

#[test]
fn a_document_of_another_tool_is_signed_as_it_is_and_the_tool_is_named() {
    let door = Door::new();
    let bytes = serde_json::to_vec_pretty(&foreign("1.0.0", "1.0.0")).unwrap();
    door.write("in.json", &bytes);
    door.run("sbom ingest in.json --output app.cdx.json").expect(0, &["unchanged", "othertool 2.1"]);
    assert_eq!(door.read("app.cdx.json"), bytes);
    let sign = "sign app.cdx.json --type sbom --artifact app.bin --key keys/builder.pem --output s.sigstore.json";
    door.run(sign).expect(0, &["sbom-foreign", "made by othertool 2.1"]);
    door.trusting("verify app.bin --bundle s.sigstore.json").expect(0, &["1 bundle, by a signer", "verified"]);
}

#[test]
fn a_document_that_names_any_revision_of_its_schema_is_valid_and_kept() {
    let door = Door::new();
    for (version, revision) in [("1.2", "1.2"), ("1.2", "1.2a"), ("1.2", "1.2b"), ("1.3", "1.3"), ("1.3", "1.3a")] {
        let mut document = json!({"$schema": format!("http://cyclonedx.org/schema/bom-{revision}.schema.json"),
            "bomFormat": "CycloneDX", "specVersion": version, "version": 1, "components": []});
        let bytes = document.to_string().into_bytes();
        door.write("in.json", &bytes);
        door.run("sbom validate in.json").expect(0, &[&format!("valid, CycloneDX {version}")]);
        door.run(&format!("sbom ingest in.json --output {revision}.cdx.json")).expect(0, &["unchanged"]);
        assert_eq!(door.read(&format!("{revision}.cdx.json")), bytes);
        document["$schema"] = json!("http://cyclonedx.org/schema/bom-1.3z.schema.json");
        door.write("in.json", document.to_string().as_bytes());
        door.run("sbom validate in.json").expect(4, &["sbom-invalid", "/$schema", "mend each place that is named"]);
    }
}

#[test]
fn what_the_schema_of_spdx_lets_pass_and_its_text_does_not_is_refused_by_its_place() {
    let door = Door::new();
    for (key, value) in [
        ("checksums", json!([{"algorithm": "SHA1", "checksumValue": "85ed"}])),
        ("supplier", json!("Foo")),
        ("licenseConcluded", json!("NOT A LICENSE (((")),
        ("licenseConcluded", json!("LicenseRef-nowhere")),
    ] {
        let mut document = spdx2();
        document["packages"][1][key] = value;
        door.write("in.json", document.to_string().as_bytes());
        let place = format!("/packages/1/{key}");
        let said = door.run("sbom validate in.json");
        said.expect(4, &["INVALID", "sbom-value", &place, "mend each place that is named"]);
        assert!(!said.text.contains("sbom validate FILE"), "it names the command that was just run");
        door.run("sbom ingest in.json --output out.json").expect(4, &["sbom-value", &place]);
        assert!(!door.has("out.json") && !door.has("out.raw.json"));
    }
    let mut document = spdx2();
    document["packages"][1]["licenseConcluded"] = json!("LicenseRef-here OR New-1.0");
    document["hasExtractedLicensingInfos"] = json!([{"licenseId": "LicenseRef-here", "extractedText": "a text"}]);
    door.write("in.json", document.to_string().as_bytes());
    door.run("sbom validate in.json").expect(0, &["valid", "sbom-licence-unlisted", "New-1.0"]);
}

#[test]
fn spdx_as_npm_writes_it_is_taken_in_and_its_identifiers_stay() {
    let door = Door::new();
    let own = "SPDXRef-Package-types.babel__core-7.20.5";
    let text = spdx2().to_string().replace("SPDXRef-a\"", &format!("{own}\""));
    let text = text.replace("2026-11-01T00:00:00Z", "2026-11-27T07:50:16.918Z");
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["packages"][1]["licenseDeclared"] = json!("SEE LICENSE IN LICENSE.txt");
    let text = document.to_string();
    door.write("in.json", text.as_bytes());
    let told =
        ["sbom-spelling", "3 values", "/creationInfo/created", "/packages/1/SPDXID", "/packages/1/licenseDeclared"];
    door.run("sbom validate in.json").expect(0, &[&["valid", "3 components"][..], &told[..]].concat());
    door.run("sbom ingest in.json --output npm.cdx.json").expect(0, &told);
    assert_eq!(door.read("npm.raw.json"), text.as_bytes());
    let view: Value = serde_json::from_slice(&door.read("npm.cdx.json")).unwrap();
    assert_eq!(view["metadata"]["timestamp"], "2026-11-27T07:50:16.918Z");
    let a = view["components"].as_array().unwrap().iter().find(|one| one["name"] == "a").unwrap();
    assert_eq!(a["bom-ref"], own);
    assert_eq!(
        a["licenses"],
        json!([{"license": {"name": "SEE LICENSE IN LICENSE.txt", "acknowledgement": "declared"}}])
    );
    let needs = view["dependencies"].as_array().unwrap().iter().find(|one| one["ref"] == "SPDXRef-app").unwrap();
    assert!(needs["dependsOn"].as_array().unwrap().contains(&json!(own)), "{needs}");
    door.run(&format!("sbom query in.json {own}")).expect(0, &["a 1.0.0"]);
    door.run("sbom merge in.json npm.cdx.json --name r --release 1 --output r.json").expect(0, &["2 documents"]);
    assert!(String::from_utf8(door.read("r.json")).unwrap().contains(own));
    for (from, to) in [("16.918Z", "16.918"), (own, "Package-7")] {
        door.write("in.json", text.replace(from, to).as_bytes());
        door.run("sbom validate in.json").expect(4, &["INVALID", "sbom-value"]);
    }
}

/// What npm 11.19.1 wrote of a project of five packages, and the lock file that it wrote of the same.
#[test]
fn a_document_that_npm_made_says_the_same_as_its_lock_file() {
    let door = Door::new();
    door.write("app.spdx.json", include_bytes!("npm/app.spdx.json"));
    door.write("package-lock.json", include_bytes!("npm/package-lock.json"));
    door.run("sbom validate app.spdx.json").expect(0, &["valid", "5 components", "sbom-spelling"]);
    door.run("sbom ingest app.spdx.json --output npm.cdx.json")
        .expect(0, &["/packages/3/licenseDeclared", "/packages/4/licenseDeclared"]);
    door.run("sbom from package-lock.json --output own.cdx.json").expect(0, &[]);
    let said = |name: &str| {
        let document: Value = serde_json::from_slice(&door.read(name)).unwrap();
        let components = document["components"].as_array().unwrap().clone();
        let of = |component: &Value| {
            let licences = component["licenses"][0].clone();
            let licence = [&licences["expression"], &licences["license"]["name"], &licences["license"]["id"]];
            let licence = licence.into_iter().find_map(Value::as_str).map(str::to_owned);
            let scope = component["scope"].as_str().unwrap_or("required").to_owned();
            (component["name"].as_str().unwrap().to_owned(), scope, licence)
        };
        components.iter().map(of).collect::<std::collections::BTreeSet<_>>()
    };
    let expected = [
        ("below_it", "excluded", "MIT"),
        ("both", "optional", "(MIT OR Apache-2.0)"),
        ("lib", "required", "SEE LICENSE IN LICENSE.txt"),
        ("tool", "excluded", "MIT/X11"),
    ];
    let needs = |name: &str| said(name).into_iter().map(|(name, scope, _)| (name, scope)).collect::<Vec<_>>();
    let all = expected.map(|(name, scope, licence)| (name.to_owned(), scope.to_owned(), Some(licence.to_owned())));
    assert_eq!(said("npm.cdx.json"), all.into());
    assert_eq!(needs("npm.cdx.json"), needs("own.cdx.json"));
}

#[test]
fn who_depends_on_what_and_what_changed_is_told_in_words_and_for_programs() {
    let door = Door::new();
    door.write("old.json", foreign("1.0.0", "1.0.0").to_string().as_bytes());
    let mut new = foreign("1.1.0", "1.2.0");
    new["components"][0]["licenses"] = json!([{"expression": "GPL-3.0-only"}]);
    new["components"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "library", "bom-ref": "c", "name": "c", "version": "0.1.0", "purl": "pkg:cargo/c@0.1.0"}));
    door.write("new.json", new.to_string().as_bytes());
    door.run("sbom query old.json b")
        .expect(0, &["b 1.0.0: needed by 1 directly, by 2 in all", "app 1.0.0 > a 1.0.0 > b 1.0.0"]);
    door.run("sbom query old.json zzz").expect(3, &["lists no component zzz"]);
    let mut partly = foreign("1.0.0", "1.0.0");
    partly["compositions"] = json!([{"aggregate": "incomplete", "dependencies": ["app", "a"]}]);
    door.write("partly.json", partly.to_string().as_bytes());
    door.run("sbom query partly.json b").expect(0, &["2 components do not say all that they depend on"]);
    door.run("sbom show partly.json").expect(0, &["2 do not say all", "a 1.0.0 (not all dependencies known)"]);
    let said = door.run("sbom diff old.json new.json");
    said.expect(
        0,
        &[
            "added     c 0.1.0",
            "upgraded  b from 1.0.0 to 1.2.0",
            "licence from MIT to GPL-3.0-only",
            "1 added (1 without a supplier)",
        ],
    );
    let said = answer(&door.run("sbom diff new.json old.json --format json").out);
    let moved: Vec<&str> = said["moved"].as_array().unwrap().iter().map(|m| m["direction"].as_str().unwrap()).collect();
    assert_eq!(moved, ["unknown", "down"]);
    door.run("sbom diff old.json old.json").expect(0, &["no difference: 3 components in both"]);
    let mut patched = foreign("1.0.0", "1.0.0");
    patched["components"][0]["pedigree"] = json!({"patches": [{"type": "unofficial"}]});
    door.write("patched.json", patched.to_string().as_bytes());
    let differs = door.run("sbom diff old.json patched.json");
    differs.expect(0, &["no difference in what is compared: 3 components", "the files differ: what else they say"]);
    // Who maintains what is in no SBOM: a database may know who does not.
    assert!(said["unmaintained"].is_null());
    door.run("sbom diff old.json new.json").expect(0, &["maintained is in no SBOM: unknown"]);
    std::fs::create_dir(door.path().join("osv")).unwrap();
    let advisory = |id: &str, name: &str, word: Option<&str>| {
        json!({"id": id, "modified": "2026-01-01T00:00:00Z", "affected": [{
            "package": {"ecosystem": "crates.io", "name": name}, "database_specific": {"informational": word},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0.0.0-0"}]}]}]})
    };
    let put = |id: &str, name: &str, word| {
        door.write(&format!("osv/{id}.json"), advisory(id, name, word).to_string().as_bytes());
    };
    put("RUSTSEC-1", "a", Some("unmaintained"));
    let with = "sbom diff old.json new.json --db osv";
    door.run(with).expect(0, &["0 of the added ones are called unmaintained", "nobody says that they are maintained"]);
    put("RUSTSEC-2", "c", Some("unmaintained"));
    door.run(with).expect(0, &["UNMAINTAINED c 0.1.0 (RUSTSEC-2)", "1 of the added ones are called unmaintained"]);
    put("RUSTSEC-2", "c", None);
    door.run(with).expect(0, &["0 of the added ones"]);
    door.write("osv/RUSTSEC-3.json", b"{");
    door.run(with).expect(3, &["records of the database cannot be read"]);
}

#[test]
fn documents_of_our_own_are_merged_too() {
    let door = Door::new();
    for name in ["one", "two"] {
        let lock = json!({"lockfileVersion": 3, "packages": {
            "": {"name": name, "version": "1.0.0", "dependencies": {"a": "*"}}, "node_modules/a": {"version": "1.0.0"}}});
        std::fs::create_dir(door.path().join(name)).unwrap();
        door.write(&format!("{name}/package-lock.json"), lock.to_string().as_bytes());
        door.run(&format!("sbom from {name} --output {name}.json")).expect(0, &[]);
    }
    door.run("sbom merge one.json two.json --name r --release 1 --output all.json").expect(0, &["2 documents"]);
    door.run("sbom show all.json").expect(0, &["by countersign"]);
    door.run("sbom merge one.json one.json --name r --release 1 --output twice.json").expect(2, &[]);
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "a pipe for the program to read")]
#[test]
fn a_document_from_a_pipe_is_judged_as_from_a_file() {
    let door = Door::new();
    let bytes = foreign("1.0.0", "1.0.0").to_string().into_bytes();
    let pipe = door.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn(move || std::fs::write(pipe, bytes));
    door.run("sbom validate pipe").expect(0, &["pipe: valid, CycloneDX 1.6, 3 components"]);
    writer.join().unwrap().unwrap();
}

#[test]
fn a_release_is_merged_and_what_artifacts_share_is_listed_once() {
    let door = Door::new();
    let mut one = foreign("1.0.0", "1.0.0");
    let c = json!({"type": "library", "bom-ref": "c", "name": "c", "version": "1.0.0"});
    one["components"].as_array_mut().unwrap().push(c);
    one["dependencies"][0]["dependsOn"] = json!(["a", "c"]);
    door.write("one.json", one.to_string().as_bytes());
    let mut two = one;
    two["metadata"]["component"] =
        json!({"type": "application", "bom-ref": "worker", "name": "worker", "version": "1.0.0"});
    two["components"][1]["bom-ref"] = json!("b");
    two["components"][1]["supplier"] = json!({"name": "Somebody else"});
    two["dependencies"] = json!([{"ref": "worker", "dependsOn": ["a", "b", "c"]}]);
    door.write("two.json", two.to_string().as_bytes());
    let merge = |files: &str| door.run(&format!("sbom merge {files} --name shop --release 3 --output shop.cdx.json"));
    merge("one.json two.json").expect(0, &["2 documents", "1 listed once for several, 2 renamed"]);
    let first = door.read("shop.cdx.json");
    merge("two.json one.json").expect(0, &[]);
    assert_eq!(first, door.read("shop.cdx.json"));
    door.run("sbom validate shop.cdx.json").expect(0, &["valid"]);
    door.run("sbom query shop.cdx.json c")
        .expect(0, &["shop 3 > app 1.0.0 > c 1.0.0", "shop 3 > worker 1.0.0 > c 1.0.0"]);
    let a = answer(&door.run("sbom query shop.cdx.json a --format json").out);
    assert_eq!(a["found"].as_array().unwrap().len(), 2, "of which one says what it depends on and one does not");
    let b = answer(&door.run("sbom query shop.cdx.json b --format json").out);
    assert_eq!(b["found"].as_array().unwrap().len(), 2, "two that say otherwise stay two");
    merge("one.json one.json").expect(2, &["given twice: one.json, one.json", "nothing was written"]);
    door.write("none.json", br#"{"bomFormat": "CycloneDX", "specVersion": "1.6"}"#);
    merge("one.json none.json").expect(2, &["none.json does not say what it is about", "nothing was written"]);
}

#[test]
fn profiles_name_what_is_missing() {
    let door = Door::new();
    door.write("in.json", foreign("1.0.0", "1.0.0").to_string().as_bytes());
    let said = door.run("sbom validate in.json --profile ntia,cisa");
    said.expect(
        1,
        &[
            "profile ntia",
            "supplier is missing for 2 of 3",
            "author of the SBOM is missing",
            "generation context is missing",
        ],
    );
    door.write("empty.json", br#"{"bomFormat": "CycloneDX", "specVersion": "1.6"}"#);
    door.run("sbom validate empty.json").expect(0, &["valid"]);
    door.run("sbom validate empty.json --profile ntia")
        .expect(1, &["name is missing", "what the SBOM is about is missing"]);
}

#[test]
fn what_people_found_out_is_written_in_both_forms_and_turned() {
    let door = Door::new();
    let say = |more: &str, output: &str| {
        door.run(&format!(
            "sbom vex --vulnerability CVE-2026-1 --author Security --artifact app.bin {more} --output {output}"
        ))
    };
    say("--status not-affected", "v.json").expect(2, &["needs a reason", "nothing was written"]);
    say("--status affected", "v.json").expect(2, &["--action", "nothing was written"]);
    say("--status affected --action update", "bad.json").expect(0, &["open: CVE-2026-1"]);
    door.run("sbom vex --vulnerability CVE-1 --author A --status fixed --component pkg:npm/a@1 --output v.json")
        .expect(2, &["--component is a part of something", "nothing was written"]);
    let because = "--status not-affected --justification vulnerable-code-not-present --alias GHSA-1";
    say(because, "v.json").expect(0, &["OpenVEX 0.2.0, 1 statement\n", "not affected, or fixed: CVE-2026-1"]);
    say(&format!("{because} --as cyclonedx"), "v.cdx.json").expect(0, &["CycloneDX 1.6, 1 statement"]);
    door.run("sbom validate v.cdx.json").expect(0, &["valid"]);
    door.run("sbom vex --from v.cdx.json --output again.json").expect(0, &["not affected, or fixed: CVE-2026-1"]);
    let (one, other) = (
        answer(&String::from_utf8(door.read("v.json")).unwrap()),
        answer(&String::from_utf8(door.read("again.json")).unwrap()),
    );
    let said = |value: &Value| {
        let one = &value["statements"][0];
        (
            one["status"].clone(),
            one["justification"].clone(),
            one["vulnerability"].clone(),
            one["products"][0]["hashes"].clone(),
        )
    };
    assert_eq!(said(&one), said(&other));
    door.run("sbom vex --from again.json --output v2.cdx.json").expect(0, &["CycloneDX 1.6, 1 statement"]);
    door.run("sbom validate v2.cdx.json").expect(0, &["valid"]);
    door.run("sbom vex --from again.json --as openvex --output same.json").expect(0, &["OpenVEX 0.2.0"]);
    assert_eq!(door.read("again.json"), door.read("same.json"));
    let sign = "sign again.json --type vex --artifact app.bin --key keys/ada --output v.sigstore.json";
    door.run(sign).expect(0, &["openvex.dev/ns/v0.2.0"]);
    door.write("none.json", b"{}");
    door.run("sbom vex --from none.json --author a --output n.json")
        .expect(3, &["vex-malformed", "leave the document in the form that it has", "nothing was written"]);
}

#[test]
fn what_is_said_of_vulnerabilities_names_them_and_packages_in_one_word_each() {
    let door = Door::new();
    for (wrong, because) in [
        (&["--vulnerability", "CVE-1\n", "--artifact", "app.bin"][..], "--vulnerability takes an id"),
        (&["--vulnerability", "", "--artifact", "app.bin"], "--vulnerability takes an id"),
        (&["--vulnerability", "CVE-1", "--alias", "GHSA 1", "--artifact", "app.bin"], "--alias takes an id"),
        (
            &["--vulnerability", "CVE-1", "--artifact", "app.bin", "--component", "memchr"],
            "--component takes a package URL",
        ),
        (&["--vulnerability", "CVE-1", "--product", "app"], "--product takes a package URL"),
    ] {
        let line = ["sbom", "vex", "--author", "A", "--status", "fixed", "--output", "v.json"];
        door.run_words(&[&line[..], wrong].concat()).expect(2, &[because, "nothing was written"]);
    }
    assert!(!door.path().join("v.json").exists());
}

#[test]
fn spdx_3_0_0_and_3_0_1_are_judged_and_a_fault_says_what_is_wrong() {
    let door = Door::new();
    let judged = |text: String| {
        door.write("in.spdx.json", text.as_bytes());
        door.run("sbom validate in.spdx.json")
    };
    let text = spdx3().to_string();
    judged(text.clone()).expect(0, &["valid, SPDX 3.0"]);
    judged(text.replace("3.0.1", "3.0.0")).expect(0, &["valid, SPDX 3.0"]);
    judged(text.replace("3.0.1", "3.0.2")).expect(4, &["sbom-format", "rdf/3.0.2/"]);
    judged(text.replace("software_Package\"", "software_Pakage\"")).expect(4, &["none of the types"]);
    judged(text.replace("\"sha256\"", "\"sha257\"")).expect(4, &["sbom-invalid", "verifiedUsing/0"]);
}
