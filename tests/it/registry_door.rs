//! Bundles beside images: attached and fetched through the door, against a registry that lists what refers to an image, one
//! that does not, and one that wants a login.

use base64::Engine as _;
use countersign_tests::door::Door;
use countersign_tests::registry::{LOGIN, Manners, Registry};
use serde_json::json;

const BUNDLES: &str = "--bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json";

#[test]
fn what_is_attached_is_fetched_and_verified_wherever_it_is_listed() {
    let door = Door::new();
    for (lists, tag) in [(true, ""), (false, "listed under the tag sha256-")] {
        let registry = Registry::start(Manners { lists, ..Manners::default() });
        let image = registry.image("team/app");
        door.run(&format!("fetch {image} --output none.jsonl")).expect(3, &["indeterminate[attachment-missing]"]);
        assert!(!door.has("none.jsonl"));
        let attach = format!("attach {image} {BUNDLES}");
        door.run(&attach)
            .expect(0, &["2 attached, 0 were there", "https://slsa.dev/provenance/v1", "something else", tag]);
        door.run(&attach).expect(0, &["0 attached, 2 were there"]);
        assert_eq!(registry.listed(&image).len(), if lists { 0 } else { 2 });
        door.run(&format!("fetch {image} --output got.sigstore.jsonl")).expect(0, &["2 bundle(s), not verified"]);
        let got = String::from_utf8(door.read("got.sigstore.jsonl")).unwrap();
        assert_eq!(got.lines().count(), 2);
        for name in ["app.provenance.sigstore.json", "app.sbom.sigstore.json"] {
            let bundle = String::from_utf8(door.read(name)).unwrap();
            assert!(got.lines().any(|line| line == bundle.trim_end()), "{name} came back as it was");
        }
        door.trusting("verify app.bin --bundle got.sigstore.jsonl").expect(0, &["PASS"]);
        let json = door.run(&format!("fetch {image} --output got.sigstore.jsonl --format json")).out;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["byTag"], &json["others"]), (&json!(!lists), &json!(0)));
    }
}

#[test]
fn several_at_once_lose_nothing_where_a_tag_is_the_only_list() {
    let door = Door::new();
    let registry = Registry::start(Manners { slow: true, ..Manners::default() });
    let image = registry.image("team/app");
    let bundle = String::from_utf8(door.read("app.provenance.sigstore.json")).unwrap();
    let running: Vec<_> = (0..8)
        .map(|n| {
            // Another bundle for each, by one more word that nobody reads.
            let name = format!("b{n}.sigstore.json");
            door.write(
                &name,
                bundle.replacen("{\"dsseEnvelope\"", &format!("{{\"aside\":\"{n}\",\"dsseEnvelope\""), 1).as_bytes(),
            );
            door.spawn(&format!("attach {image} --bundle {name}"))
        })
        .collect();
    for one in running {
        let output = one.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut listed = registry.listed(&image);
    listed.sort();
    listed.dedup();
    assert_eq!(listed.len(), 8);
    door.run(&format!("fetch {image} --output all.jsonl")).expect(0, &["8 bundle(s)"]);
}

#[test]
fn a_login_is_shown_where_it_is_asked_for_and_never_printed() {
    let door = Door::new();
    let registry = Registry::start(Manners { closed: true, lists: true, ..Manners::default() });
    let image = registry.image("team/app");
    let (user, secret) = LOGIN;
    door.run(&format!("attach {image} {BUNDLES}")).expect(5, &["does not allow this", "--login-file"]);
    door.write("login", format!("{user}:{secret}\n").as_bytes());
    let attach = format!("attach {image} {BUNDLES} --login-file login");
    door.run(&attach).expect(2, &["chmod 600"]);
    let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(door.path().join("login"), own).unwrap();
    door.run(&attach).expect(0, &["2 attached"]);
    let fetch = format!("fetch {image} --output got.jsonl");
    let by_variable = door.run_with(&[("MINE", &format!("{user}:{secret}"))], &format!("{fetch} --login-env MINE"));
    by_variable.expect(0, &["2 bundle(s)"]);
    let wrong = door.run_with(&[("MINE", "robot:hunter3-wrong")], &format!("{fetch} --login-env MINE"));
    wrong.expect(5, &["does not allow this"]);
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
    let host = image.split_once('/').unwrap().0;
    std::fs::create_dir(door.path().join("docker")).unwrap();
    door.write("docker/config.json", json!({"auths": {host: {"auth": auth}}}).to_string().as_bytes());
    let docker = door.path().join("docker").display().to_string();
    let by_docker = door.run_with(&[("DOCKER_CONFIG", &docker)], &fetch);
    by_docker.expect(0, &["2 bundle(s)"]);
    for said in [by_variable, wrong, by_docker] {
        assert!(!said.text.contains("hunter") && !said.text.contains(&auth), "{}", said.text);
    }
}

#[test]
fn what_was_altered_is_about_another_image_or_is_no_bundle_is_not_taken() {
    let door = Door::new();
    let registry = Registry::start(Manners::default());
    let image = registry.image("team/app");
    let other = registry.image("team/other");
    door.run(&format!("attach {image} --bundle app.provenance.sigstore.json")).expect(0, &[]);
    door.run(&format!("attach {other} --bundle app.sbom.sigstore.json")).expect(0, &[]);
    // The list of one image names what is about another one, and something that is gone.
    let stray = registry.listed(&other)[0].clone();
    for digest in [stray, format!("sha256:{}", "ab".repeat(32))] {
        let entry = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 7});
        registry.add_to_list(&image, &entry);
    }
    registry.add_to_list(&image, &json!({"digest": "sha512:00", "size": "odd"}));
    let fetch = format!("fetch {image} --output got.jsonl");
    door.run(&fetch).expect(0, &["1 bundle(s)", "2 other thing(s)"]);
    door.run(&format!("attach {image} --bundle app.sbom.sigstore.json")).expect(0, &["1 attached"]);
    assert_eq!(registry.listed(&image).len(), 5, "what others put there stays");
    registry.alter_blobs("dsseEnvelope");
    std::fs::remove_file(door.path().join("got.jsonl")).unwrap();
    door.run(&fetch).expect(4, &["something else than sha256:"]);
    assert!(!door.has("got.jsonl"));
    door.run("attach registry.example/team/app:1 --bundle x").expect(2, &["no digest"]);
    let hex = "ab".repeat(32);
    let missing = image.split_once('@').unwrap().0;
    door.run(&format!("fetch {missing}@sha256:{hex} --output x")).expect(3, &["is not in the registry"]);
    let review = std::fs::read_dir(door.path().join("reviews")).unwrap().next().unwrap().unwrap().path();
    let said = door.run(&format!("attach {image} --bundle {}", review.display()));
    assert!(said.code == 0 || said.text.contains("this is none"), "{}", said.text);
}

/// Debian's docker-registry, where it is installed: it keeps no list of what refers to an image.
#[test]
fn debians_registry_takes_bundles_from_several_at_once_and_gives_them_back() {
    let door = Door::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let data = door.path().join("registry-data").display().to_string();
    let config =
        format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {data}\nhttp:\n  addr: 127.0.0.1:{port}\n");
    door.write("registry.yml", config.as_bytes());
    let said = door.shell(".", "command -v docker-registry >/dev/null || { echo none; exit 0; }", &[]);
    if said.text.contains("none") {
        eprintln!("skipped: docker-registry is not installed (Debian package docker-registry)");
        return;
    }
    let script = "docker-registry serve registry.yml >registry.log 2>&1 & echo $! >registry.pid";
    door.shell(".", script, &[]).expect(0, &[]);
    let host = format!("127.0.0.1:{port}");
    while std::net::TcpStream::connect(&host).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let image = pushed(&host);
    let bundle = String::from_utf8(door.read("app.provenance.sigstore.json")).unwrap();
    let running: Vec<_> = (0..4)
        .map(|n| {
            let name = format!("b{n}.sigstore.json");
            let other = bundle.replacen("{\"dsseEnvelope\"", &format!("{{\"aside\":\"{n}\",\"dsseEnvelope\""), 1);
            door.write(&name, other.as_bytes());
            door.spawn(&format!("attach {image} --bundle {name}"))
        })
        .collect();
    let ended: Vec<_> = running.into_iter().map(|one| one.wait_with_output().unwrap()).collect();
    let fetched = door.run(&format!("fetch {image} --output all.jsonl"));
    door.shell(".", "kill $(cat registry.pid)", &[]).expect(0, &[]);
    for output in ended {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fetched.expect(0, &["4 bundle(s)"]);
}

/// Pushes an image without layers, and gives its name by digest.
fn pushed(host: &str) -> String {
    use countersign_core::digest::Sha256;
    let config = b"{}";
    let digest = Sha256::of(config);
    let (_, started) = http(host, "POST", "/v2/team/app/blobs/uploads/", "", b"");
    let location = started.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap().trim();
    let path = location.strip_prefix(&format!("http://{host}")).unwrap_or(location);
    let (status, _) = http(host, "PUT", &format!("{path}&digest={digest}"), "application/octet-stream", config);
    assert_eq!(status, 201);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": kind, "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()},
    });
    let bytes = manifest.to_string().into_bytes();
    let digest = Sha256::of(&bytes);
    let (status, _) = http(host, "PUT", &format!("/v2/team/app/manifests/{digest}"), kind, &bytes);
    assert_eq!(status, 201);
    format!("{host}/team/app@{digest}")
}

/// One request: the status, and the answer as text.
fn http(host: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let mut connection = std::net::TcpStream::connect(host).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body).unwrap();
    let mut text = Vec::new();
    connection.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    (text.split(' ').nth(1).unwrap().parse().unwrap(), text)
}
