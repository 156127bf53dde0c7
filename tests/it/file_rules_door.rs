//! What files say, from the repository to the auditor, through the real program.

use countersign_tests::door::Door;

const EVIDENCE: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --bundle app.config.sigstore.json --reviews reviews";
const LEAST: &str = "--least-checkpoint outside/checkpoint";
const RULE: &str = "\n[[rules]]\nid = \"image-registry@1\"\ncontrols = [\"SOC 2 CC6.8\"]\nowner = \"platform\"\n\
                    stages = { production = \"enforce\" }\nparameters = { registries = [\"registry.acme.example\"] }\n";

/// Builds what is committed now, has it reviewed, and collects what its files say.
fn build(door: &Door, base: &str) {
    let uri = "--source-uri git+https://example.com/demo/app";
    let build = format!(
        "provenance {uri} --artifact target/release/app --output ../app.provenance.json -- cargo build --release --locked --offline"
    );
    let sbom = "sbom --package app --bin app --offline --artifact target/release/app --output ../app.cdx.json";
    let script = format!(
        "countersign {build}\ncountersign {sbom}\ncp target/release/app ../app.bin\n\
         countersign review sign HEAD --base {base} --target refs/heads/main --repository git+https://example.com/demo/app --key ../keys/ben --dir ../reviews\n\
         countersign collect snapshot {uri} --output ../app.config.json\ncd ..\n\
         countersign sign app.provenance.json --key keys/builder.pem --output app.provenance.sigstore.json\n\
         countersign sign app.cdx.json --type sbom --artifact app.bin --key keys/builder.pem --output app.sbom.sigstore.json\n\
         countersign sign app.config.json --key keys/builder.pem --output app.config.sigstore.json\n"
    );
    let said = door.shell("app", &script, &[]);
    said.expect(0, &["not read: charts/templates/a.yaml: it is a template"]);
}

#[test]
fn an_image_from_elsewhere_is_refused_with_its_line_and_mended_passes_and_is_proved_again() {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap().replace("version = 1\n", "version = 2\n");
    let rule = RULE.replace("] }", "], leave_out = [\"charts/**\"] }");
    door.write("policy/policy.toml", format!("{text}{rule}").as_bytes());
    door.run("policy build policy --output p.json").expect(0, &["image-registry@1"]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve p.json --key keys/{person} --output p.sigstore.json")).expect(0, &[]);
    }
    // A rule that refuses from its first day on was not measured: two approvers say why.
    for (person, code, says) in
        [("ada", 4, "waits for more approvers"), ("ben", 0, "release 2 is active for production")]
    {
        let line = format!(
            "policy activate p.sigstore.json --environment production --key keys/{person} --log-key keys/log.pem --store store {LEAST} \
             --override image-registry@1 --reason new --activation a.sigstore.json"
        );
        door.trusting(&line).expect(code, &[says]);
    }
    let base = door.git("rev-parse HEAD");
    std::fs::create_dir_all(door.path().join("app/charts/templates")).unwrap();
    door.write("app/charts/templates/a.yaml", b"image: {{ .Values.image }}\n");
    door.write("app/Dockerfile", b"FROM registry.acme.example.evil.example/base:1\nCOPY app /app\n");
    door.write("app/src/main.rs", b"fn main() {\n    println!(\"one {}\", greeting::hello());\n}\n");
    drop(door.git("add -A"));
    drop(door.git("commit -q -m Pack"));
    build(&door, &base);
    // What lies in the working tree is nobody's evidence, and is not shown.
    door.write("app/Dockerfile", b"FROM elsewhere.example/other:1\n");
    let json = door.promote(&format!("{EVIDENCE} {LEAST} --dry-run --format json"));
    json.expect(1, &["image-registry"]);
    assert!(!json.out.contains("FROM "), "no line of a file is in what is kept: {}", json.out);
    door.promote(&format!("{EVIDENCE} {LEAST}")).expect(
        1,
        &[
            "FAIL  ",
            "rule image-registry@1",
            "refused[image-registry]: ",
            "--> Dockerfile:1:6",
            "\n   1 | FROM registry.acme.example.evil.example/base:1\n",
            "\n     |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n",
            "registry.acme.example.evil.example/base",
            "nothing was authorised",
        ],
    );
    let first = door.git("rev-parse HEAD");
    door.write("app/Dockerfile", b"FROM registry.acme.example/base:1\nCOPY app /app\n");
    door.write("app/src/main.rs", b"fn main() {\n    println!(\"two {}\", greeting::hello());\n}\n");
    drop(door.git("commit -q -a -m Mend"));
    // The old snapshot is of another commit.
    let snapshot = door.read("app.config.sigstore.json");
    build(&door, &first);
    let mended = door.read("app.config.sigstore.json");
    door.write("app.config.sigstore.json", &snapshot);
    door.promote(&format!("{EVIDENCE} {LEAST}")).expect(3, &["snapshot-missing", "one of commit"]);
    door.write("app.config.sigstore.json", &mended);
    door.promote(&format!("{EVIDENCE} {LEAST}")).expect(0, &["PASS"]);
    door.run("audit export --store store --output out.cspkg").expect(0, &[]);
    door.run("log checkpoint --store store --output now").expect(0, &[]);
    door.trusting("audit verify out.cspkg --least-checkpoint now").expect(0, &["0 come out otherwise"]);
}
