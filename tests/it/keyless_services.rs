//! Identities that sign with every kind of service and from every place that gives identities, at the door, against the
//! instance on this machine; and what becomes of services that do what they must not.

use countersign_core::digest::Sha256;
use countersign_tests::door::{Door, Said};
use countersign_tests::sigstore::{Fault, Faults, Instance, Server, Service, Trouble, Who, now};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

const GOOGLE: &str = "https://accounts.google.com";
const ADA: &str = "ada@example.com";

struct Scene {
    door: Door,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let door = Door::empty();
        door.write("app.bin", b"an artifact\n");
        let sbom = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [] });
        door.write("app.cdx.json", sbom.to_string().as_bytes());
        let server = Server::over(Instance::new(now()));
        door.write("config.json", server.signing_config().as_bytes());
        door.write("root.json", &server.instance().trusted_root());
        let token = server.instance().token(&Who::person(GOOGLE, ADA), now());
        door.write("token", token.as_bytes());
        Self { door, server }
    }

    fn configured(&self, logs: &[(&str, u32)], stamps: &[&str], selection: &Value) {
        self.door.write("config.json", self.server.signing_config_of(logs, stamps, selection).as_bytes());
    }

    fn line(more: &str) -> String {
        format!(
            "sign app.cdx.json --type sbom --artifact app.bin --output out.json --keyless --signing-config config.json \
             --trusted-root root.json {more}"
        )
    }

    fn sign(&self) -> Said {
        self.door.run(&Self::line("--identity-token token"))
    }

    fn verify(&self, name: &str, issuer: &str, artifact: &str) -> Said {
        self.door.run(&format!(
            "conformance verify-bundle --bundle out.json --certificate-identity {name} --certificate-oidc-issuer {issuer} \
             --trusted-root root.json {artifact}"
        ))
    }

    fn bundle(&self) -> Value {
        serde_json::from_slice(&self.door.read("out.json")).unwrap()
    }

    /// How many log entries and timestamps the bundle has.
    fn counts(&self) -> (usize, usize) {
        let material = &self.bundle()["verificationMaterial"];
        let count = |value: &Value| value.as_array().unwrap().len();
        (count(&material["tlogEntries"]), count(&material["timestampVerificationData"]["rfc3161Timestamps"]))
    }
}

const V2: (&str, u32) = ("", 2);
const V1: (&str, u32) = ("", 1);
const OTHER: (&str, u32) = ("/second", 2);
const STAMP: &str = "/api/v1/timestamp";
const OTHER_STAMP: &str = "/second/api/v1/timestamp";

#[test]
fn a_signature_goes_into_as_many_logs_and_under_as_many_timestamps_as_the_configuration_says() {
    let scene = Scene::new();
    let (any, all) = (json!({ "selector": "ANY" }), json!({ "selector": "ALL" }));
    let two = json!({ "selector": "EXACT", "count": 2 });
    for (logs, stamps, selection, counts) in [
        (&[V1][..], &[][..], &any, (1, 0)),
        (&[V1], &[STAMP], &any, (1, 1)),
        (&[V2, OTHER], &[STAMP, OTHER_STAMP], &any, (1, 1)),
        (&[V2, OTHER], &[STAMP, OTHER_STAMP], &two, (2, 2)),
        (&[V2, V1, OTHER], &[STAMP], &all, (3, 1)),
    ] {
        scene.configured(logs, stamps, selection);
        scene.sign().expect(0, &[ADA]);
        assert_eq!(scene.counts(), counts, "{logs:?} {stamps:?} {selection}");
        scene.verify(ADA, GOOGLE, "app.bin").expect(0, &["accepted"]);
        scene.verify("ben@example.com", GOOGLE, "app.bin").expect(4, &["another identity"]);
        std::fs::remove_file(scene.door.path().join("out.json")).unwrap();
    }
    // What cannot be done as it is asked for is not done by half.
    scene.configured(&[V2], &[STAMP], &two);
    scene.sign().expect(2, &["it asks for 2 of kind transparency log, by as many operators, and 1 are valid now"]);
    scene.configured(&[V2], &[], &any);
    scene.sign().expect(4, &["timestamp-missing"]);
    assert!(!scene.door.has("out.json"));
}

#[test]
fn whatever_a_service_does_that_it_must_not_nothing_is_written() {
    let scene = Scene::new();
    let any = json!({ "selector": "ANY" });
    for log in [V2, V1] {
        scene.configured(&[log], &[STAMP], &any);
        for (fault, code) in [
            (Fault::FlippedProof, "inclusion-proof-invalid"),
            (Fault::OtherRoot, "inclusion-proof-invalid"),
            (Fault::ForeignCheckpoint, "checkpoint-invalid"),
            (Fault::WrongSct, "sct-invalid"),
            (Fault::NoSct, "sct-invalid"),
            (Fault::NotForSigning, "certificate-invalid"),
            (Fault::ForeignTimestamp, "timestamp-invalid"),
            (Fault::ForeignPromise, "inclusion-promise-invalid"),
        ] {
            if fault == Fault::ForeignPromise && log == V2 {
                continue;
            }
            scene.server.instance().faults = Faults::one(fault);
            let said = scene.sign();
            assert_eq!(said.code, 4, "{fault:?} {log:?}: {}", said.text);
            said.expect(4, &[code, "nothing was written"]);
            assert!(!scene.door.has("out.json"), "{fault:?} {log:?}");
        }
        // A clock that is a quarter of an hour off, in either direction.
        for off in [-900, 900] {
            scene.server.instance().faults = Faults { timestamp_after: off, ..Faults::default() };
            let said = scene.sign();
            assert_eq!(said.code, 4, "{off} {log:?}: {}", said.text);
            assert!(!scene.door.has("out.json"), "{off}");
        }
    }
    scene.configured(&[V2], &[STAMP], &any);
    for (service, name) in [
        (Service::Certificates, "certificate authority"),
        (Service::Logs, "transparency log"),
        (Service::Timestamps, "timestamp authority"),
    ] {
        for (trouble, code, words) in [
            (Trouble::Unavailable, 5, "answered 503: come back later"),
            (Trouble::Elsewhere, 5, "answered 307"),
            // No service says what a timestamp must look like but the check of the whole.
            (Trouble::Junk, if service == Service::Timestamps { 4 } else { 5 }, ""),
        ] {
            scene.server.instance().faults = Faults { trouble: Some((service, trouble)), ..Faults::default() };
            let name = if code == 5 { name } else { "the new bundle" };
            scene.sign().expect(code, &[name, words, "nothing was written"]);
            assert!(!scene.door.has("out.json"), "{service:?} {trouble:?}");
        }
    }
    scene.server.instance().faults = Faults { trouble: Some((Service::Logs, Trouble::Slow)), ..Faults::default() };
    let slow = scene.door.run(&Scene::line("--identity-token token --service-timeout 1"));
    slow.expect(5, &["transparency log", "could not be reached", "nothing was written"]);
    assert!(!scene.door.has("out.json"));
    scene.server.instance().faults = Faults::default();
    scene.sign().expect(0, &[ADA]);
}

#[test]
fn each_place_that_gives_identities_is_asked_in_its_own_way() {
    let scene = Scene::new();
    let path = std::env::var("PATH").unwrap();
    let host = scene.server.address();
    let token = String::from_utf8(scene.door.read("token")).unwrap();
    // Google Cloud: the machine's own account.
    let google = [("GCE_METADATA_HOST", host.as_str())];
    for how in ["", "--identity-from google-cloud"] {
        scene.door.run_with(&google, &Scene::line(how)).expect(0, &["robot@project.iam.example.com"]);
    }
    scene.verify("robot@project.iam.example.com", GOOGLE, "app.bin").expect(0, &["accepted"]);
    // Buildkite: its agent, which is asked for the right audience and sees nothing of other secrets.
    let agent = "#!/bin/sh\n[ \"$*\" = 'oidc request-token --audience sigstore' ] || exit 3\n\
                 [ -z \"$COUNTERSIGN_KEY_PASSPHRASE\" ] || exit 4\n[ -n \"$BUILDKITE_JOB_ID\" ] || exit 5\n\
                 cat \"$BUILDKITE_TOKEN_OF_TEST\"\n";
    std::fs::create_dir(scene.door.path().join("bin")).unwrap();
    scene.door.write("bin/buildkite-agent", agent.as_bytes());
    let program = scene.door.path().join("bin/buildkite-agent");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let with_agent = format!("{}:{path}", scene.door.path().join("bin").display());
    let file = scene.door.path().join("token").display().to_string();
    let buildkite = [
        ("BUILDKITE", "true"),
        ("BUILDKITE_JOB_ID", "7"),
        ("BUILDKITE_TOKEN_OF_TEST", file.as_str()),
        ("COUNTERSIGN_KEY_PASSPHRASE", "not for others"),
        ("PATH", with_agent.as_str()),
    ];
    scene.door.run_with(&buildkite, &Scene::line("")).expect(0, &[ADA]);
    scene.door.run_with(&buildkite[..2], &Scene::line("")).expect(5, &["buildkite-agent gave no identity token"]);
    // GitLab, by name; and a place that this is not.
    let gitlab = [("SIGSTORE_ID_TOKEN", token.as_str())];
    scene.door.run_with(&gitlab, &Scene::line("--identity-from gitlab-ci")).expect(0, &[ADA]);
    let said = scene.door.run_with(&gitlab, &Scene::line("--identity-from github-actions"));
    said.expect(2, &["this is no job of GitHub Actions", "nothing was written"]);
    scene.door.run(&Scene::line("--identity-from buildkite")).expect(2, &["this is no job of Buildkite"]);
    scene.door.run(&Scene::line("--identity-from browser --identity-token token")).expect(2, &["cannot be used with"]);
}

/// Follows an address as a browser would, to where it is sent back to.
fn browse(address: &str) {
    let get = |address: &str| {
        let rest = address.strip_prefix("http://").unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        let mut connection = TcpStream::connect(host.replace("localhost", "127.0.0.1")).unwrap();
        connection.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        text
    };
    let sent = get(address);
    let back = sent.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap_or_else(|| panic!("{sent}"));
    // Somebody else on this machine knocks first, with a code of his own.
    let (place, _) = back.split_once('?').unwrap();
    let stranger = get(&format!("{place}?code=mine&state=mine"));
    assert!(stranger.starts_with("HTTP/1.1 404"), "{stranger}");
    assert!(get(back).contains("This page can be closed"));
}

#[test]
fn a_person_signs_in_with_a_browser_and_only_the_answer_to_that_is_taken() {
    let scene = Scene::new();
    let file = scene.door.path().join("address").display().to_string();
    let browser = scene.door.path().join("a-browser");
    std::fs::write(&browser, format!("#!/bin/sh\nprintf '%s' \"$1\" > {file}.new && mv {file}.new {file}\n")).unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
    let variables = [("BROWSER", browser.to_str().unwrap())];
    for (other_nonce, code, words) in [(false, 0, ADA), (true, 5, "not the one that was asked for")] {
        scene.server.browser_of(ADA, other_nonce);
        drop(std::fs::remove_file(&file));
        let said = std::thread::scope(|scope| {
            let run = scope.spawn(|| scene.door.run_with(&variables, &Scene::line("--identity-from browser")));
            for _ in 0..600 {
                if std::path::Path::new(&file).exists() || run.is_finished() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            browse(&std::fs::read_to_string(&file).expect("the browser was opened"));
            run.join().unwrap()
        });
        let code = if code == 5 { 2 } else { code };
        said.expect(code, &["sign in with your browser: http://127.0.0.1", words]);
    }
    let issuer = format!("http://{}/oidc", scene.server.address());
    scene.verify(ADA, &issuer, "app.bin").expect(0, &["accepted"]);
}

#[test]
fn the_command_line_of_the_conformance_suite_signs_files_and_statements() {
    let scene = Scene::new();
    let token = String::from_utf8(scene.door.read("token")).unwrap();
    let sign = |more: &str, file: &str| {
        scene.door.run(&format!(
            "conformance sign-bundle {more}--identity-token {token} --bundle out.json --trusted-root root.json \
             --signing-config config.json {file}"
        ))
    };
    for log in [V2, V1] {
        scene.configured(&[log], &[STAMP], &json!({ "selector": "ANY" }));
        sign("", "app.bin").expect(0, &["signed"]);
        assert!(scene.bundle()["messageSignature"]["messageDigest"]["digest"].is_string());
        scene.verify(ADA, GOOGLE, "app.bin").expect(0, &["accepted"]);
        scene.verify(ADA, GOOGLE, "app.cdx.json").expect(4, &["subject-mismatch"]);
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/anything/v1", "predicate": {},
            "subject": [{ "name": "app.bin", "digest": { "sha256": Sha256::of(b"an artifact\n").hex() } }],
        });
        scene.door.write("statement.json", statement.to_string().as_bytes());
        sign("--in-toto ", "statement.json").expect(0, &["signed"]);
        assert!(scene.bundle()["dsseEnvelope"]["payload"].is_string());
        scene.verify(ADA, GOOGLE, "app.bin").expect(0, &["accepted"]);
    }
    sign("--in-toto ", "app.bin").expect(4, &["statement-malformed"]);
    // The suite calls without files of an instance too; then the instance's own are taken.
    let variables = [
        ("COUNTERSIGN_CONFORMANCE_SIGNING_CONFIG", "config.json"),
        ("COUNTERSIGN_CONFORMANCE_TRUSTED_ROOT", "root.json"),
    ];
    let line = format!("conformance sign-bundle --identity-token {token} --bundle out.json app.bin");
    scene.door.run_with(&variables, &line).expect(0, &["signed"]);
}

#[test]
fn no_variable_takes_the_place_of_the_instance_that_was_typed() {
    let door = Door::empty();
    door.write("app.bin", b"an artifact\n");
    let variables = [
        ("COUNTERSIGN_CONFORMANCE_SIGNING_CONFIG", "of-a-variable.json"),
        ("COUNTERSIGN_CONFORMANCE_TRUSTED_ROOT", "of-a-variable.json"),
    ];
    // What is no token ends each run before anybody is asked.
    let sign = |more: &str| {
        let line = format!("conformance sign-bundle {more} --identity-token none --bundle out.json app.bin");
        let said = door.run_with(&variables, &line);
        assert_ne!(said.code, 0, "{}", said.text);
        said.text
    };
    assert!(sign("").contains("of-a-variable.json"));
    let staging = sign("--staging");
    assert!(!staging.contains("of-a-variable.json"), "{staging}");
    for option in ["--signing-config", "--trusted-root"] {
        let typed = sign(&format!("--staging {option} typed.json"));
        assert!(typed.contains("typed.json") && !typed.contains("of-a-variable.json"), "{option}: {typed}");
    }
}
