//! What stands in for something else at the door of `verify`: a file called like a built-in root or a digest, an image called
//! an attachment, a key where somebody is named; and what a build rests on.

use crate::attacks::envelope;
use countersign_core::digest::Sha256;
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_tests::door::Door;
use countersign_tests::sigstore::{Instance, Key, Who, now};
use serde_json::{Value, json};

const ISSUER: &str = "https://accounts.google.com";
const NAME: &str = "ada@example.com";
const WHO: &str = "--certificate-identity ada@example.com --certificate-oidc-issuer https://accounts.google.com";

fn statement(kind: &str, about: &[u8], predicate: &Value) -> Vec<u8> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": kind, "predicate": predicate,
        "subject": [{ "name": "app", "digest": { "sha256": Sha256::of(about).hex() } }],
    });
    serde_json::to_vec(&statement).unwrap()
}

fn plain(about: &[u8]) -> Vec<u8> {
    statement("https://example.com/p/v1", about, &json!({}))
}

/// A folder with an artifact, and an instance whose root lies there under this name.
fn scene(root: &str) -> (Door, Instance) {
    let (door, instance) = (Door::empty(), Instance::new(now()));
    door.write("app", b"app");
    door.write(root, &instance.trusted_root());
    (door, instance)
}

fn pem(key: &Key) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(key.spki());
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n").into_bytes()
}

#[test]
fn a_file_called_like_a_built_in_root_does_not_stand_in_for_it() {
    let (door, mut instance) = scene("public-good");
    let bundle = instance.sign(&plain(b"app"), &Who::person(ISSUER, NAME), now());
    door.write("app.json", &bundle);
    let line = |root: &str| format!("verify app --bundle app.json --trusted-root {root} {WHO}");
    door.run(&line("./public-good")).expect(0, &["verified"]);
    let shadowed = door.run(&line("public-good"));
    assert_eq!(shadowed.code, 4, "{}", shadowed.text);
}

#[test]
fn a_file_called_like_a_digest_does_not_stand_in_for_the_artifact() {
    let (door, mut instance) = scene("root.json");
    let name = format!("sha256:{}", Sha256::of(b"app").hex());
    door.write(&name, b"something else");
    let who = Who::person(ISSUER, NAME);
    door.write("other.json", &instance.sign(&plain(b"something else"), &who, now()));
    door.write("app.json", &instance.sign(&plain(b"app"), &who, now()));
    let line = |bundle: &str| format!("verify {name} --bundle {bundle} --trusted-root root.json {WHO}");
    door.run(&line("app.json")).expect(0, &["verified"]);
    let swapped = door.run(&line("other.json"));
    assert!(swapped.code != 0 && swapped.text.contains("subject-mismatch"), "{}", swapped.text);
}

#[test]
fn whoever_is_named_has_to_have_signed_also_where_a_key_is_given() {
    let (door, mut instance) = scene("root.json");
    let (key, payload) = (Key::p256(), plain(b"app"));
    door.write("k.pub", &pem(&key));
    door.write("by-key.json", &envelope(&payload, &[("k", key.sign(&pae(PAYLOAD_TYPE, &payload)))]));
    door.write("by-ada.json", &instance.sign(&payload, &Who::person(ISSUER, NAME), now()));
    let line = "verify app --bundle by-key.json --key k.pub --transparency none";
    door.run(line).expect(0, &["verified"]);
    let named = format!("verify app --bundle by-key.json --key k.pub --trusted-root root.json {WHO}");
    let alone = door.run(&format!("{named} --transparency none"));
    assert!(alone.code != 0 && alone.text.contains("identity-mismatch"), "{}", alone.text);
    assert!(alone.text.contains("none of the identities that are expected signed"), "{}", alone.text);
}

#[test]
fn a_layout_does_not_hide_the_image_that_is_meant() {
    let door = Door::empty();
    let blob = |value: &Value| {
        let bytes = serde_json::to_vec(value).unwrap();
        let digest = Sha256::of(&bytes).hex();
        std::fs::create_dir_all(door.path().join("image/blobs/sha256")).unwrap();
        door.write(&format!("image/blobs/sha256/{digest}"), &bytes);
        json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": format!("sha256:{digest}"), "size": bytes.len() })
    };
    let image = |layer: &str| {
        let digest = Sha256::of(layer.as_bytes());
        door.write(&format!("image/blobs/sha256/{}", digest.hex()), layer.as_bytes());
        let layer = json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": layer.len() });
        json!({ "schemaVersion": 2, "layers": [layer] })
    };
    std::fs::create_dir_all(door.path().join("image/blobs/sha256")).unwrap();
    let (good, mut evil) = (blob(&image("good")), blob(&image("evil")));
    door.write("image/oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    door.write("k.pub", &pem(&Key::p256()));
    for annotations in [
        json!({ "kind": "dev.cosignproject.cosign/atts" }),
        json!({ "org.opencontainers.image.ref.name": "sha256-0000.att" }),
    ] {
        evil["annotations"] = annotations;
        let index = json!({ "schemaVersion": 2, "manifests": [good, evil] });
        door.write("image/index.json", &serde_json::to_vec(&index).unwrap());
        door.run("verify image --key k.pub --transparency none").expect(2, &["holds 2 images"]);
    }
    let index = json!({ "schemaVersion": 2, "manifests": [good] });
    door.write("image/index.json", &serde_json::to_vec(&index).unwrap());
    door.run("verify image --key k.pub --transparency none").expect(3, &["no-statements"]);
}

#[test]
fn a_list_of_what_refers_to_an_image_is_no_image_and_hides_none() {
    let door = Door::empty();
    let blobs = door.path().join("image/blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |value: &Value, kind: &str| {
        let bytes = value.to_string().into_bytes();
        let digest = Sha256::of(&bytes);
        std::fs::write(blobs.join(digest.hex()), &bytes).unwrap();
        json!({ "mediaType": format!("application/vnd.oci.image.{kind}.v1+json"), "digest": digest, "size": bytes.len() })
    };
    let layer = json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Sha256::of(b"x"), "size": 1 });
    let image = put(&json!({ "schemaVersion": 2, "layers": [layer] }), "manifest");
    let tag = image["digest"].as_str().unwrap().replace(':', "-");
    let referrer = put(&json!({ "schemaVersion": 2, "subject": image, "layers": [] }), "manifest");
    let evil = put(&json!({ "schemaVersion": 2, "subject": image, "layers": [layer] }), "manifest");
    let other = put(&json!({ "schemaVersion": 2, "layers": [] }), "manifest");
    door.write("image/oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    door.write("k.pub", &pem(&Key::p256()));
    let judge = |listed: Value, tag: &str| {
        let mut list = put(&json!({ "schemaVersion": 2, "manifests": listed }), "index");
        list["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        let index = json!({ "schemaVersion": 2, "manifests": [image, list] });
        door.write("image/index.json", index.to_string().as_bytes());
        door.run("verify image --key k.pub --transparency none")
    };
    judge(json!([referrer]), &tag).expect(3, &["no-statements"]);
    for (listed, tag) in [
        (json!([referrer, evil]), tag.clone()),
        (json!([referrer, other]), tag.clone()),
        (json!([referrer]), format!("{tag}.sig")),
        (json!([referrer]), format!("sha256-{}", "0".repeat(64))),
    ] {
        judge(listed, &tag).expect(2, &["holds 2 images"]);
    }
}

#[test]
fn lists_of_what_refers_to_a_platform_of_an_image_or_to_a_referrer_are_no_images_either() {
    let door = Door::empty();
    let blobs = door.path().join("image/blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |value: &Value, kind: &str| {
        let bytes = value.to_string().into_bytes();
        let digest = Sha256::of(&bytes);
        std::fs::write(blobs.join(digest.hex()), &bytes).unwrap();
        json!({ "mediaType": format!("application/vnd.oci.image.{kind}.v1+json"), "digest": digest, "size": bytes.len() })
    };
    let child = |layer: &str| {
        std::fs::write(blobs.join(Sha256::of(layer.as_bytes()).hex()), layer).unwrap();
        let layer = json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Sha256::of(layer.as_bytes()), "size": layer.len() });
        put(&json!({ "schemaVersion": 2, "layers": [layer] }), "manifest")
    };
    let refers_to = |subject: &Value| put(&json!({ "schemaVersion": 2, "subject": subject, "layers": [] }), "manifest");
    let listed = |of: &Value, referrers: Value| {
        let mut list = put(&json!({ "schemaVersion": 2, "manifests": referrers }), "index");
        let tag = of["digest"].as_str().unwrap().replace(':', "-");
        list["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        list
    };
    let (first, second, foreign) = (child("amd64"), child("arm64"), child("foreign"));
    let image = put(&json!({ "schemaVersion": 2, "manifests": [first, second] }), "index");
    let (of_image, of_child) = (refers_to(&image), refers_to(&first));
    let of_referrer = refers_to(&of_child);
    door.write("image/oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    door.write("k.pub", &pem(&Key::p256()));
    let judge = |more: &[&Value]| {
        let manifests: Vec<&Value> = [&image].into_iter().chain(more.iter().copied()).collect();
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        door.write("image/index.json", index.to_string().as_bytes());
        door.run("verify image --key k.pub --transparency none")
    };
    let lists =
        [listed(&image, json!([of_image])), listed(&first, json!([of_child])), listed(&of_child, json!([of_referrer]))];
    judge(&[&lists[0], &lists[1], &lists[2]]).expect(3, &["no-statements"]);
    // Of what is part of nothing here nobody knows what it is.
    let strange = listed(&foreign, json!([refers_to(&foreign)]));
    judge(&[&lists[0], &strange]).expect(2, &["holds 2 images"]);
    let hiding = listed(&first, json!([of_child, foreign]));
    judge(&[&hiding]).expect(2, &["holds 2 images"]);
}

#[test]
fn an_image_in_a_layout_is_all_there_and_is_what_it_names() {
    let door = Door::empty();
    let blobs = door.path().join("image/blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8], kind: &str| {
        let digest = Sha256::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": bytes.len() })
    };
    let text = |value: &Value| value.to_string().into_bytes();
    let (layer, config) = (put(b"a program", "layer.v1.tar"), put(b"{}", "config.v1+json"));
    let child = put(&text(&json!({ "schemaVersion": 2, "config": config, "layers": [layer] })), "manifest.v1+json");
    let image = put(&text(&json!({ "schemaVersion": 2, "manifests": [child] })), "index.v1+json");
    let index =
        |image: &Value| door.write("image/index.json", &text(&json!({ "schemaVersion": 2, "manifests": [image] })));
    let digest = |blob: &Value| blob["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    index(&image);
    door.write("image/oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    let key = Key::p256();
    door.write("k.pub", &pem(&key));
    let about = json!([{ "name": "image", "digest": { "sha256": digest(&image) } }]);
    let payload = text(&json!({ "_type": "https://in-toto.io/Statement/v1", "subject": about,
        "predicateType": "https://example.com/p", "predicate": {} }));
    door.write("i.json", &envelope(&payload, &[("k", key.sign(&pae(PAYLOAD_TYPE, &payload)))]));
    let line = "verify image --bundle i.json --key k.pub --transparency none";
    assert!(!door.run(line).text.contains("image-incomplete"));
    for part in [&layer, &config, &child] {
        let path = blobs.join(digest(part));
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, b"another").unwrap();
        door.run(line).expect(4, &["package-file-altered"]);
        std::fs::remove_file(&path).unwrap();
        let said = format!("blob sha256:{}", digest(part));
        let words = ["image-incomplete", "1 of the parts that the image names are not in the layout", &said];
        door.run(line).expect(0, &words);
        std::fs::write(&path, good).unwrap();
    }
    // As attestations of an image that is named by its digest: what is not there is said too.
    let path = blobs.join(digest(&child));
    let good = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let by_digest =
        format!("verify sha256:{} --bundle i.json --bundle image --key k.pub --transparency none", digest(&image));
    let said = format!("blob sha256:{}", digest(&child));
    door.run(&by_digest)
        .expect(0, &["image-incomplete", "1 of the manifests that the layout names are not in it", &said]);
    std::fs::write(&path, good).unwrap();
    // Without a manifest of its index nobody can say which image it holds.
    let path = blobs.join(digest(&image));
    let good = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let said = format!("sha256:{}", digest(&image));
    door.run(line).expect(3, &["layout-blob-missing", &said, "copy the layout whole; or name the image"]);
    door.run(&by_digest).expect(0, &["verified", "image-incomplete"]);
    std::fs::write(&path, good).unwrap();
    // What a manifest of attestations names has to be there.
    let lost = json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "digest": Sha256::of(b"lost"), "size": 4 });
    let attached = put(&text(&json!({ "schemaVersion": 2, "subject": image, "layers": [lost] })), "manifest.v1+json");
    let both = json!({ "schemaVersion": 2, "manifests": [image, attached] });
    door.write("image/index.json", &text(&both));
    let said = Sha256::of(b"lost").to_string();
    door.run(line).expect(3, &["layout-blob-missing", "an attestation that the layout names is not in it", &said]);
    index(&image);
    door.run(line).expect(0, &["verified"]);
}

#[cfg(unix)]
#[test]
fn in_a_folder_links_to_files_count_and_what_is_passed_over_is_said() {
    use std::os::unix::fs::symlink;
    let door = Door::empty();
    let (key, payload) = (Key::p256(), plain(b"app"));
    let good = envelope(&payload, &[("k", key.sign(&pae(PAYLOAD_TYPE, &payload)))]);
    let bad = envelope(&payload, &[("k", key.sign(b"something else"))]);
    door.write("k.pub", &pem(&key));
    // As a configuration is mounted: a link to a file behind a hidden link to a hidden folder.
    for (name, bytes) in [("mounted/..1/a.json", &good), ("mounted/..1/b.json", &bad)] {
        std::fs::create_dir_all(door.path().join("mounted/..1")).unwrap();
        door.write(name, bytes);
    }
    let at = |name: &str| door.path().join("mounted").join(name);
    symlink("..1", at("..data")).unwrap();
    symlink("..data/a.json", at("a.json")).unwrap();
    let line = "verify --all mounted --key k.pub --transparency none";
    door.run(line).expect(0, &["verified", "files-passed-over", "2 hidden file(s) or folder(s) were passed over"]);
    symlink("..data/b.json", at("b.json")).unwrap();
    door.run(line).expect(4, &["1 of 2"]);
    std::fs::remove_file(at("b.json")).unwrap();
    for odd in ["..data", "nowhere"] {
        symlink(odd, at("odd")).unwrap();
        door.run(line).expect(4, &["neither a file nor a folder", "in 2 files, 1 "]);
        std::fs::remove_file(at("odd")).unwrap();
    }
}

#[test]
fn what_a_build_rests_on_has_a_summary_of_its_own_where_that_is_asked_for() {
    let door = Door::empty();
    let (builder, verifier) = (Key::p256(), Key::p256());
    door.write("app", b"app");
    door.write("builder.pub", &pem(&builder));
    door.write("verifier.pub", &pem(&verifier));
    let signed =
        |name: &str, key: &Key, payload: &[u8]| envelope(payload, &[(name, key.sign(&pae(PAYLOAD_TYPE, payload)))]);
    let provenance = json!({
        "buildDefinition": {
            "buildType": "https://t.example", "externalParameters": {},
            "resolvedDependencies": [
                { "uri": "git+https://github.com/o/r@refs/heads/main", "digest": { "gitCommit": "a".repeat(40) } },
                { "uri": "oci:image", "digest": { "sha256": Sha256::of(b"image").hex() } },
            ],
        },
        "runDetails": { "builder": { "id": "https://b.example" } },
    });
    let provenance = statement("https://slsa.dev/provenance/v1", b"app", &provenance);
    let policy = Sha256::of(b"policy");
    let summary = |about: &[u8], level: &str| {
        let predicate = json!({
            "verifier": { "id": "https://v.example" }, "timeVerified": now().to_string(), "resourceUri": "pkg:app",
            "policy": { "uri": "file:policy", "digest": { "sha256": policy.hex() } },
            "verificationResult": "PASSED", "verifiedLevels": [level],
        });
        signed("verifier", &verifier, &statement("https://slsa.dev/verification_summary/v1", about, &predicate))
    };
    let own = [signed("builder", &builder, &provenance), summary(b"app", "SLSA_BUILD_LEVEL_2")];
    door.write("app.json", &own.join(&b'\n'));
    door.write("good.json", &summary(b"image", "SLSA_BUILD_LEVEL_2"));
    door.write("low.json", &summary(b"image", "SLSA_BUILD_LEVEL_1"));
    let expected = format!(
        "[summary]\nverifier = \"https://v.example\"\nkey = \"verifier\"\nresource = \"pkg:app\"\npolicies = [\"{policy}\"]\n\
         levels = [\"SLSA_BUILD_LEVEL_2\"]\n\
         [provenance]\ndependency-level = 2\nsource = \"github.com/o/r\"\n\
         [[provenance.builders]]\nid = \"https://b.example\"\nkey = \"builder\"\nlevel = 2\n"
    );
    door.write("expected.toml", expected.as_bytes());
    let line =
        "verify app --bundle app.json --expect expected.toml --key builder.pub --key verifier.pub --transparency none";
    door.run(&format!("{line} --dependency good.json")).expect(0, &["verified"]);
    for lacking in ["", "--dependency low.json", "--dependency app.json"] {
        let said = door.run(&format!("{line} {lacking}"));
        assert!(said.code != 0 && said.text.contains("dependency-unverified"), "{lacking}: {}", said.text);
    }
}

#[test]
fn a_key_of_trust_signs_without_a_log_only_where_trust_says_so_of_it() {
    let door = Door::new();
    let line = "verify app.bin --bundle app.sbom.sigstore.json --type sbom";
    door.trusting(line).expect(0, &["PASS", "transparency-none", "was not looked at"]);
    let toml = String::from_utf8(door.read("trust.toml")).unwrap();
    assert!(toml.contains("unlogged_keys = \"stated\"") && toml.contains(", transparency = \"none\""), "{toml}");
    door.write("logged.toml", toml.replace(", transparency = \"none\"", "").as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign logged.toml --key keys/{person} --output logged.json")).expect(0, &[]);
    }
    let digest = door.run("trust digest logged.json").out;
    let said = door.run(&format!("{line} --trust logged.json --trust-digest {}", digest.trim()));
    assert!(said.code != 0 && said.text.contains("transparency-missing"), "{}", said.text);
}
