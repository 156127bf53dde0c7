//! Documents that were made to break their reader: each is refused with a code, or shown harmless, and nothing is written.

use super::foreign;
use countersign_tests::door::Door;
use serde_json::{Value, json};
use std::fs::File;

/// Each with the exit code and what is said.
fn cases() -> Vec<(&'static str, Vec<u8>, i32, &'static str)> {
    let deep = format!("{}{}", "[".repeat(80), "]".repeat(80));
    let many = |key: &str, item: &Value, times: usize| {
        let mut document = foreign("1.0.0", "1.0.0");
        document[key] = Value::Array(vec![item.clone(); times]);
        document.to_string().into_bytes()
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = foreign("1.0.0", "1.0.0");
        change(&mut document);
        document.to_string().into_bytes()
    };
    vec![
        (
            "a key given twice",
            br#"{"bomFormat":"CycloneDX","bomFormat":"CycloneDX","specVersion":"1.6"}"#.to_vec(),
            4,
            "sbom-format",
        ),
        (
            "nested too deep",
            format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","x":{deep}}}"#).into_bytes(),
            4,
            "sbom-format",
        ),
        ("cut off", br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"#.to_vec(), 4, "sbom-format"),
        ("more behind the end", br#"{"bomFormat":"CycloneDX","specVersion":"1.6"} {}"#.to_vec(), 4, "sbom-format"),
        ("no SBOM at all", b"[]".to_vec(), 4, "sbom-format"),
        ("nothing", Vec::new(), 4, "sbom-format"),
        (
            "XML",
            br#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>"#.to_vec(),
            4,
            "CycloneDX as XML is not read",
        ),
        ("tag and value", b"SPDXVersion: SPDX-2.3\n".to_vec(), 4, "SPDX as tag and value is not read"),
        ("comments before tags", b"# of a tool\n\nSPDXVersion: SPDX-2.3\n".to_vec(), 4, "`pyspdxtools --infile"),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec(), 4, "a text in UTF-16 is not read"),
        ("a version to come", br#"{"bomFormat":"CycloneDX","specVersion":"9.9"}"#.to_vec(), 4, "is not read"),
        ("no text but bytes", b"{\"bomFormat\":\"CycloneDX\xff\"}".to_vec(), 4, "sbom-format"),
        ("a name that is a number", with(&|d| d["components"][0]["name"] = json!(7)), 4, "sbom-invalid"),
        ("one reference for two", with(&|d| d["components"][1]["bom-ref"] = json!("a")), 4, "sbom-invalid"),
        ("a name without end", with(&|d| d["components"][0]["name"] = json!("a".repeat(5_000))), 4, "sbom-invalid"),
        (
            "more objects than are read",
            format!(
                r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}{{}}]}}"#,
                "{},".repeat(1_000_001)
            )
            .into_bytes(),
            4,
            "more than 1000000 objects",
        ),
        (
            "more values than are read",
            format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","x":[{}0]}}"#, "0,".repeat(8_000_001))
                .into_bytes(),
            4,
            "more than 8000000 values",
        ),
        (
            "more components than are read",
            many("components", &json!({"type": "library", "name": "a"}), 100_001),
            4,
            "sbom-invalid",
        ),
    ]
}

#[test]
fn each_hostile_document_is_refused_with_its_code_and_nothing_is_written() {
    let door = Door::new();
    for (name, bytes, code, words) in cases() {
        door.write("in.json", &bytes);
        for verb in
            ["sbom ingest in.json --output out.json", "sbom merge in.json --name a --release 1 --output out.json"]
        {
            door.run(verb).expect(code, &[words]);
            assert!(!door.has("out.json") && !door.has("out.raw.json"), "{name}");
        }
        let said = door.run("sbom validate in.json");
        said.expect(code, &[words]);
        assert!(said.text.len() < 20_000, "{name}: {} bytes are said", said.text.len());
    }
}

#[test]
fn a_gigabyte_is_refused_before_it_is_read() {
    let door = Door::new();
    File::create(door.path().join("big.json")).unwrap().set_len(1 << 30).unwrap();
    for verb in ["sbom validate big.json", "sbom show big.json", "sbom ingest big.json --output out.json"] {
        door.run(verb).expect(4, &["1073741824 bytes"]);
    }
}

#[test]
fn names_that_are_not_what_they_look_like_are_shown_with_their_signs_written_out() {
    let door = Door::new();
    let mut document = foreign("1.0.0", "1.0.0");
    document["components"][0]["name"] = json!("\u{1b}[2Ja\u{202e}gpj.exe");
    document["components"][1]["name"] = json!("<script>alert(1)</script>");
    document["components"][1]["supplier"] = json!({"name": "a\r\nnote[fake]: all is well"});
    door.write("in.json", document.to_string().as_bytes());
    for verb in ["sbom show in.json", "sbom query in.json a", "sbom validate in.json", "sbom diff in.json in.json"] {
        let said = door.run(verb);
        assert!(!said.text.contains(['\u{1b}', '\u{202e}', '\r']), "{verb}: {:?}", said.text);
        assert!(!said.text.lines().any(|line| line.starts_with("note[fake]")), "{verb}: {}", said.text);
    }
    door.run("sbom show in.json").expect(0, &["\\u{1b}[2Ja\\u{202e}gpj.exe", "sbom-hidden-text", "2 components"]);
}

#[test]
fn circles_are_told_and_end() {
    let door = Door::new();
    let mut document = foreign("1.0.0", "1.0.0");
    document["dependencies"] = json!([{"ref": "app", "dependsOn": ["a", "gone"]}, {"ref": "a", "dependsOn": ["b"]}, {"ref": "b", "dependsOn": ["a"]}]);
    door.write("in.json", document.to_string().as_bytes());
    door.run("sbom show in.json")
        .expect(0, &["(see above)", "sbom-circle", "a 1.0.0 > b 1.0.0", "sbom-dangling", "gone"]);
    door.run("sbom query in.json b").expect(0, &["needed by 1 directly, by 2 in all"]);
}
