//! What cosign attached to images before there were bundles: fetched through the door from the tags where it put it, judged
//! with everything else, and refused where one thing of it is not what it says.

use countersign_core::attestation::embedded;
use countersign_core::digest::Sha256;
use countersign_core::time::Time;
use countersign_tests::door::{Door, Said, bare};
use countersign_tests::registry::{Manners, Registry};
use countersign_tests::sigstore::cosign::{By, Layer, pem};
use countersign_tests::sigstore::{Instance, Key, Who};
use serde_json::{Value, json};
use tempfile::TempDir;

const ISSUER: &str = "https://accounts.example.com";
const NAME: &str = "ada@example.com";

/// A registry with an image, an instance, and a folder.
struct Scene {
    registry: Registry,
    instance: Instance,
    image: String,
    folder: TempDir,
}

fn at() -> Time {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn ada() -> Who {
    Who::person(ISSUER, NAME)
}

impl Scene {
    fn new(lists: bool) -> Self {
        let registry = Registry::start(Manners { lists, ..Manners::default() });
        let image = registry.image("team/app");
        let scene = Self { registry, instance: Instance::new(at()), image, folder: tempfile::tempdir().unwrap() };
        scene.write("root.json", &scene.instance.trusted_root());
        scene
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    fn run(&self, line: &str) -> Said {
        bare(self.folder.path(), &line.split_whitespace().collect::<Vec<_>>())
    }

    fn fetch(&self, more: &str) -> Said {
        self.run(&format!("fetch {} --output got.jsonl {more}", self.image))
    }

    fn digest(&self) -> &str {
        self.image.split_once('@').unwrap().1
    }

    /// What comes of everything that is attached, with Ada expected.
    fn judge(&self) -> Said {
        self.fetch("").expect(0, &[]);
        self.run(&format!("verify {} --bundle got.jsonl {}", self.digest(), expected()))
    }

    /// What comes of a layout on disk with the same layers.
    fn judge_layout(&self, layers: &[Layer]) -> Said {
        let folder = self.folder.path().join("layout");
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let put = |bytes: &[u8]| {
            let digest = Sha256::of(bytes);
            std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
            json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": bytes.len() })
        };
        let listed: Vec<Value> = layers
            .iter()
            .map(|layer| {
                put(&layer.content);
                layer.descriptor()
            })
            .collect();
        let manifest = put(json!({ "schemaVersion": 2, "layers": listed }).to_string().as_bytes());
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
        std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        self.run(&format!("verify {} --bundle layout {}", self.digest(), expected()))
    }

    /// An image in a layout of its own, and a signature over it, or over what is named.
    fn layout(&mut self, name: &str, about: Option<&str>) {
        let folder = self.folder.path().join("images").join(name);
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let put = |bytes: &[u8], of: &str| {
            let digest = Sha256::of(bytes);
            std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
            json!({
                "mediaType": kind, "digest": digest, "size": bytes.len(),
                "annotations": { "org.opencontainers.image.ref.name": of },
            })
        };
        let image = put(
            json!({ "schemaVersion": 2, "mediaType": kind, "layers": [], "of": name }).to_string().as_bytes(),
            "1.0",
        );
        let digest = image["digest"].as_str().unwrap().to_owned();
        let layer = self.instance.signed_layer(about.unwrap_or(&digest), By::Identity(&ada()), at());
        put(&layer.content, "");
        let manifest = json!({ "schemaVersion": 2, "layers": [layer.descriptor()] }).to_string();
        let attached = put(manifest.as_bytes(), &format!("{}.sig", digest.replace(':', "-")));
        let index = json!({ "schemaVersion": 2, "manifests": [image, attached] });
        std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }

    fn payload(&self) -> Vec<u8> {
        let hex = self.digest().strip_prefix("sha256:").unwrap();
        json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "subject": [{ "name": "team/app", "digest": { "sha256": hex } }],
            "predicateType": "https://example.com/predicate",
            "predicate": {},
        })
        .to_string()
        .into_bytes()
    }

    fn attested(&mut self, kind: &str, by: By<'_>) -> Layer {
        let payload = self.payload();
        self.instance.attested_layer(&payload, kind, by, at())
    }

    fn signed(&mut self, by: By<'_>) -> Layer {
        let image = self.digest().to_owned();
        self.instance.signed_layer(&image, by, at())
    }
}

fn expected() -> String {
    format!("--trusted-root root.json --certificate-identity {NAME} --certificate-oidc-issuer {ISSUER}")
}

#[test]
fn what_cosign_attached_under_its_tags_is_fetched_and_judged() {
    for lists in [true, false] {
        let mut scene = Scene::new(lists);
        scene.fetch("").expect(3, &["indeterminate[attachment-missing]"]);
        let ada = ada();
        let attested = ["intoto", "dsse"].map(|kind| scene.attested(kind, By::Identity(&ada)));
        scene.registry.hang(&scene.image, "att", &attested);
        let signed = [scene.signed(By::Identity(&ada)), scene.signed(By::Identity(&ada))];
        scene.registry.hang(&scene.image, "sig", &signed);
        scene.registry.hang(&scene.image, "sbom", &[sbom()]);
        scene.fetch("").expect(
            0,
            &[
                "0 bundle(s) and 4 older attachment(s) of cosign's",
                "https://example.com/predicate",
                "a signature",
                "this image",
                "1 other thing(s)",
            ],
        );
        let json: Value = serde_json::from_str(&scene.fetch("--format json").out).unwrap();
        assert_eq!((&json["older"], &json["others"]), (&json!(4), &json!(1)));
        let said = scene.judge();
        said.expect(0, &["4 of 4 hold", NAME]);
        scene.judge_layout(&[&attested[..], &signed].concat()).expect(0, &["4 of 4 hold"]);
        let whole = expected().replace(NAME, "eve@example.com");
        scene.run(&format!("verify {} --bundle got.jsonl {whole}", scene.digest())).expect(4, &["identity-mismatch"]);
        let other = format!("sha256:{}", "ab".repeat(32));
        scene.run(&format!("verify {other} --bundle got.jsonl {}", expected())).expect(4, &["subject-mismatch"]);
        // In a folder, each by itself.
        std::fs::create_dir(scene.folder.path().join("all")).unwrap();
        std::fs::rename(scene.folder.path().join("got.jsonl"), scene.folder.path().join("all/got.jsonl")).unwrap();
        scene.run(&format!("verify --all all {}", expected())).expect(0, &[]);
    }
}

fn sbom() -> Layer {
    let content = b"SPDXVersion: SPDX-2.3\n".to_vec();
    Layer { media_type: "text/spdx", content, annotations: serde_json::Map::new() }
}

#[test]
fn a_key_that_is_given_counts_with_its_log_and_without_one_where_that_is_said() {
    let mut scene = Scene::new(true);
    let key = Key::p256();
    scene.write("key.pub", pem("PUBLIC KEY", &key.spki()).as_bytes());
    let layers =
        [scene.attested("intoto", By::Key(&key)), scene.attested("dsse", By::Key(&key)), scene.signed(By::Key(&key))];
    scene.registry.hang(&scene.image, "att", &layers);
    scene.fetch("").expect(0, &["3 older"]);
    let verify = |scene: &Scene, more: &str| {
        scene.run(&format!("verify {} --bundle got.jsonl --trusted-root root.json {more}", scene.digest()))
    };
    verify(&scene, "--key key.pub").expect(0, &["3 of 3 hold"]);
    scene.write("other.pub", pem("PUBLIC KEY", &Key::p256().spki()).as_bytes());
    verify(&scene, "--key other.pub").expect(4, &["signature-invalid"]);
    let alone = [scene.attested("dsse", By::KeyAlone(&key)), scene.signed(By::KeyAlone(&key))];
    scene.registry.hang(&scene.image, "att", &alone);
    scene.fetch("").expect(0, &["2 older"]);
    verify(&scene, "--key key.pub").expect(4, &["transparency-missing"]);
    verify(&scene, "--key key.pub --transparency none").expect(0, &["2 of 2 hold", "transparency-none"]);
    verify(&scene, "--key other.pub --transparency none").expect(4, &["signature-invalid"]);
}

#[test]
fn what_differs_in_one_thing_is_refused() {
    let mut scene = Scene::new(true);
    let ada = ada();
    let (good, again) = (scene.signed(By::Identity(&ada)), scene.signed(By::Identity(&ada)));
    let judged = |scene: &Scene, layer: Layer, end: &str, code: &str| {
        scene.registry.hang(&scene.image, end, std::slice::from_ref(&layer));
        scene.judge().expect(4, &[code]);
        scene.judge_layout(&[layer]).expect(4, &[code]);
    };
    let without = |name: &str| {
        let mut layer = good.clone();
        layer.annotations.remove(&format!("dev.sigstore.cosign/{name}"));
        layer
    };
    judged(&scene, without("bundle"), "sig", "inclusion-proof-invalid");
    judged(&scene, without("certificate"), "sig", "signer-unknown");
    let swapped = |name: &str| {
        let mut layer = good.clone();
        layer.annotations[name] = again.annotations[name].clone();
        layer
    };
    judged(&scene, swapped("dev.sigstore.cosign/bundle"), "sig", "logged-entry-mismatch");
    judged(&scene, swapped("dev.sigstore.cosign/certificate"), "sig", "");
    judged(&scene, swapped("dev.cosignproject.cosign/signature"), "sig", "signature-invalid");
    // A signature of another image, hung here.
    let other = format!("sha256:{}", "ab".repeat(32));
    let stray = scene.instance.signed_layer(&other, By::Identity(&ada), at());
    scene.registry.hang(&scene.image, "sig", std::slice::from_ref(&stray));
    scene.fetch("").expect(0, &["something else"]);
    scene.judge().expect(4, &["subject-mismatch"]);
    // An envelope that is not the one that was logged, though it says the same.
    let mut envelope = scene.attested("intoto", By::Identity(&ada));
    scene.registry.hang(&scene.image, "sig", std::slice::from_ref(&good));
    envelope.content.push(b' ');
    judged(&scene, envelope, "att", "logged-entry-mismatch");
}

#[test]
fn what_is_altered_or_no_manifest_is_not_taken_and_nothing_is_written() {
    let mut scene = Scene::new(true);
    let ada = ada();
    let layer = scene.attested("dsse", By::Identity(&ada));
    scene.registry.hang(&scene.image, "att", std::slice::from_ref(&layer));
    scene.registry.alter_blobs("in-toto");
    scene.fetch("").expect(4, &["something else than sha256:"]);
    for manifest in
        ["", "[]", "{}", r#"{"layers":1}"#, r#"{"layers":[{"mediaType":"application/vnd.dsse.envelope.v1+json"}]}"#]
    {
        scene.registry.tag(&scene.image, "att", manifest.as_bytes());
        scene.fetch("").expect(4, &["of the image's attestations"]);
    }
    assert!(!scene.folder.path().join("got.jsonl").exists());
    scene.fetch("--bundles-only").expect(3, &["attachment-missing"]);
    // A document that nobody signed is none.
    scene.registry.hang(&scene.image, "att", &[sbom()]);
    scene.fetch("").expect(3, &["attachment-missing"]);
}

#[test]
fn a_layout_in_a_folder_is_one_thing_and_what_is_in_it_is_about_its_image() {
    let mut scene = Scene::new(true);
    scene.layout("one", None);
    scene.layout("two", None);
    let all = |scene: &Scene, folder: &str| scene.run(&format!("verify --all {folder} {}", expected()));
    all(&scene, "images").expect(0, &["2"]);
    all(&scene, "images/one").expect(0, &["1"]);
    scene.layout("three", Some(&format!("sha256:{}", "ab".repeat(32))));
    all(&scene, "images").expect(3, &["no-statements", "images/three"]);
}

#[test]
fn trust_takes_bundles_alone_and_says_what_to_do_with_the_older_ones() {
    let mut scene = Scene::new(true);
    let layer = scene.signed(By::Identity(&ada()));
    let door = Door::new();
    door.write("got.jsonl", &embedded(&layer.descriptor(), &layer.content).unwrap());
    door.trusting("verify app.bin --bundle got.jsonl").expect(4, &["bundle-malformed", "fetch --bundles-only"]);
}
