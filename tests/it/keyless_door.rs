//! Identities that sign, at the door: reviews and statements by a Sigstore instance of our own, on this machine.

use countersign_core::time::Time;
use countersign_tests::door::{Door, Said};
use countersign_tests::sigstore::{Fault, Faults, Instance, Server, Who, now};

const URI: &str = "git+https://example.com/demo/app";
const GOOGLE: &str = "https://accounts.google.com";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// A world, an instance, and trust in it: ben is known by his identity as well.
struct Scene {
    door: Door,
    server: Server,
    digest: String,
}

impl Scene {
    fn new() -> Self {
        let door = Door::new();
        let server = Server::over(Instance::new(now()));
        door.write("config.json", server.signing_config().as_bytes());
        door.write("root.json", &server.instance().trusted_root());
        let root = door.run("trust root root.json --name ours");
        root.expect(0, &["[[sigstore_roots]]", "max_age_days = 90"]);
        let toml = String::from_utf8(door.read("trust.toml")).unwrap();
        let ben = format!(
            "id = \"ben\"\nidentities = [{{ root = \"ours\", issuer = \"{GOOGLE}\", subject = \"ben@example.com\" }}]"
        );
        assert!(toml.contains("id = \"ben\""), "{toml}");
        let builder = format!(
            "[[builders]]\nid = \"https://builder.example\"\nmax_level = 3\nkeys = []\n[[builders.identities]]\n\
             root = \"ours\"\nissuer = \"{GITHUB}\"\n\
             subject = {{ glob = \"https://github.com/o/r/.github/workflows/release.yml@refs/tags/*\" }}\n\
             claims = {{ environment = \"production\" }}\n"
        );
        let toml = toml.replacen("id = \"ben\"", &ben, 1);
        door.write("ours.toml", format!("{toml}\n{builder}\n{}", root.out).as_bytes());
        for person in ["ada", "ben", "cy"] {
            if door.has(&format!("keys/{person}")) {
                door.run(&format!("trust sign ours.toml --key keys/{person} --output ours.json")).expect(0, &[]);
            }
        }
        let digest = door.run("trust digest ours.json").out.trim().to_owned();
        Self { door, server, digest }
    }

    /// Runs it with trust in the instance.
    fn run(&self, line: &str) -> Said {
        self.door.run(&format!("{line} --trust ours.json --trust-digest {}", self.digest))
    }

    /// Signs a review with this identity.
    fn review(&self, who: &Who, dir: &str) -> Said {
        let token = self.server.instance().token(who, now());
        self.door.write("token", token.as_bytes());
        self.door.run(&format!(
            "review sign politer --base main~1 --repo app --repository {URI} --dir {dir} --keyless \
             --signing-config config.json --trusted-root root.json --identity-token token"
        ))
    }

    fn range(&self) -> String {
        let start = self.door.git("rev-list --max-parents=0 HEAD");
        format!("review verify {start}..main --repo app --repository {URI}")
    }
}

#[test]
fn a_review_signed_with_an_identity_counts_for_the_person_whom_trust_names() {
    let scene = Scene::new();
    let ben = Who::person(GOOGLE, "ben@example.com");
    scene.review(&ben, "r").expect(0, &["signed: approve"]);
    let line = format!("{} --reviews r --sigstore-root root.json", scene.range());
    scene.run(&line).expect(0, &["ben"]);
    // A folder of evidence may hold the root itself.
    scene.door.write("r/root.json", &scene.door.read("root.json"));
    scene.run(&format!("{} --reviews r", scene.range())).expect(0, &["ben"]);
    // Without the root nothing is known of whoever signed.
    std::fs::remove_file(scene.door.path().join("r/root.json")).unwrap();
    let missing = scene.run(&format!("{} --reviews r", scene.range()));
    assert_ne!(missing.code, 0);
    assert!(missing.text.contains("sigstore-root-missing"), "{}", missing.text);
    // Of trust that does not know the instance neither.
    let stranger = scene.door.trusting(&format!("{} --reviews r", scene.range()));
    stranger.expect(1, &["review-missing", "note[review-not-counted]", "trust names no Sigstore root"]);
}

#[test]
fn a_review_by_an_identity_that_trust_does_not_name_does_not_count() {
    let scene = Scene::new();
    for (n, who) in
        [Who::person(GITHUB, "ben@example.com"), Who::person(GOOGLE, "ben@example.com.evil.example")].iter().enumerate()
    {
        let dir = format!("r{n}");
        scene.review(who, &dir).expect(0, &["signed: approve"]);
        let said = scene.run(&format!("{} --reviews {dir} --sigstore-root root.json", scene.range()));
        said.expect(
            1,
            &["review-missing", "note[review-not-counted]", "the identity that the certificate shows is not in trust"],
        );
    }
}

#[test]
fn a_release_and_trust_are_signed_with_an_identity_as_with_a_key() {
    let scene = Scene::new();
    let keyless = "--keyless --signing-config config.json --trusted-root root.json --identity-token token";
    let token = |name: &str| {
        let token = scene.server.instance().token(&Who::person(GOOGLE, name), now());
        scene.door.write("token", token.as_bytes());
    };
    scene.door.run("policy build policy --output new.json").expect(0, &[]);
    let approve = "policy approve new.json --output new.sigstore.json";
    // Who is not of the role is told before anything is written.
    token("eve@example.com");
    scene
        .run(&format!("{approve} {keyless}"))
        .expect(4, &["signer-not-allowed", "eve@example.com", "nothing was written"]);
    assert!(!scene.door.has("new.sigstore.json"));
    token("ben@example.com");
    scene.run(&format!("{approve} {keyless}")).expect(0, &["1 of 2 needed: ben"]);
    // The same person by key is one person.
    scene.run(&format!("{approve} --key keys/ben")).expect(0, &["1 of 2 needed: ben"]);
    scene.run(&format!("{approve} --key keys/ada")).expect(0, &["2 of 2 needed: ada, ben"]);
    let lines = String::from_utf8(scene.door.read("new.sigstore.json")).unwrap();
    assert_eq!(lines.lines().filter(|line| line.contains("trustedroot")).count(), 1, "its root lies beside it once");
    // Trust likewise; a document that names another root is not signed by this instance's identities.
    scene.door.run(&format!("trust sign ours.toml --output mine.json {keyless}")).expect(0, &["1 of 2 needed: ben"]);
    scene.door.run("trust sign ours.toml --output mine.json --key keys/ada").expect(0, &["2 of 2 needed: ada, ben"]);
    scene.door.run("trust show mine.json").expect(0, &["ben"]);
    scene
        .door
        .run(&format!("trust sign trust.toml --output theirs.json {keyless}"))
        .expect(3, &["sigstore-root-missing", "trust root", "nothing was written"]);
    scene.door.run(&format!("trust sign ours.toml --key keys/ada {keyless}")).expect(2, &["cannot be used with"]);
    scene.door.run("trust sign ours.toml").expect(2, &["--key"]);
}

/// Signing takes time, and an instance has a clock of its own: the signature is younger than the command that asked for it.
#[test]
fn a_signature_that_an_instance_dates_after_the_command_began_counts_at_once() {
    let scene = Scene::new();
    let keyless = "--keyless --signing-config config.json --trusted-root root.json --identity-token token";
    scene.server.instance().faults = Faults { timestamp_after: 4, ..Faults::default() };
    let token = scene.server.instance().token(&Who::person(GOOGLE, "ben@example.com"), now());
    scene.door.write("token", token.as_bytes());
    scene.door.run(&format!("trust sign ours.toml --output mine.json {keyless}")).expect(0, &["1 of 2 needed: ben"]);
    scene.door.run("policy build policy --output new.json").expect(0, &[]);
    let approve = "policy approve new.json --output new.sigstore.json";
    scene.run(&format!("{approve} {keyless}")).expect(0, &["1 of 2 needed: ben"]);
    std::thread::sleep(std::time::Duration::from_secs(4));
    scene.run(&format!("{approve} --key keys/ada")).expect(0, &["2 of 2 needed: ada, ben"]);
    scene.door.run("log init --origin example.com/log --key keys/log.pem --store fresh").expect(0, &[]);
    std::fs::copy(scene.door.path().join("fresh/log/checkpoint"), scene.door.path().join("least")).unwrap();
    let activate = "policy activate new.sigstore.json --environment production --log-key keys/log.pem --store fresh \
                    --least-checkpoint least";
    scene.run(&format!("{activate} {keyless}")).expect(0, &["release 1 is active for production"]);
    scene.run("policy history --store fresh").expect(0, &["ben"]);
}

#[test]
fn trust_that_takes_anybody_says_so_wherever_something_is_verified_by_it() {
    let Scene { door, digest, .. } = Scene::new();
    let verify = |trust: &str, digest: &str| {
        door.run(&format!("verify ours.toml --bundle ours.json --trust {trust} --trust-digest {digest}"))
    };
    assert!(!verify("ours.json", &digest).text.contains("identity-anybody"));
    let toml = String::from_utf8(door.read("ours.toml")).unwrap();
    let glob = "glob = \"https://github.com/o/r/.github/workflows/release.yml@refs/tags/*\"";
    assert!(toml.contains(glob));
    door.write("open.toml", toml.replace(glob, r"regex = '^https://github\.com/.*$'").as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign open.toml --key keys/{person} --output open.json")).expect(0, &[]);
    }
    let digest = door.run("trust digest open.json").out.trim().to_owned();
    // Its claim is one that whoever runs a workflow chooses.
    let said = verify("open.json", &digest);
    assert!(said.text.contains("note[identity-anybody]"), "{}", said.text);
    assert!(said.text.contains("builder https://builder.example"), "{}", said.text);
    assert!(door.run("trust show open.json").text.contains("it lets in anybody"));
}

#[test]
fn nothing_is_written_that_does_not_verify() {
    let scene = Scene::new();
    let ben = Who::person(GOOGLE, "ben@example.com");
    for (fault, code) in [("proof", "inclusion-proof-invalid"), ("sct", "sct-invalid"), ("time", "certificate-invalid")]
    {
        scene.server.instance().faults = match fault {
            "proof" => Faults::one(Fault::FlippedProof),
            "sct" => Faults::one(Fault::WrongSct),
            _ => Faults { timestamp_after: -700, ..Default::default() },
        };
        scene.review(&ben, "bad").expect(4, &[code, "nothing was signed"]);
    }
    assert!(!scene.door.has("bad"));
    scene.server.instance().faults = Faults::default();
    // A token of long ago, one that was altered, and one for somebody else; none is repeated in what is said.
    let old = Time::from_unix(now().unix() - 4_000).unwrap();
    let token = scene.server.instance().token(&ben, old);
    scene.door.write("token", token.as_bytes());
    let line = format!(
        "review sign politer --base main~1 --repo app --repository {URI} --dir bad --keyless \
         --signing-config config.json --trusted-root root.json"
    );
    let said = scene.door.run(&format!("{line} --identity-token token"));
    said.expect(5, &["certificate authority", "answered 400", "too old", "nothing was signed"]);
    assert!(!said.text.contains(&token));
    scene.door.write("token", b"e30.e30.e30");
    scene.door.run(&format!("{line} --identity-token token")).expect(2, &["is not for the audience"]);
    scene.door.run(&line).expect(2, &["no identity token", "id-token: write"]);
    scene.door.run(&format!("{line} --key keys/ben")).expect(2, &["cannot be used with"]);
    assert!(!scene.door.has("bad"));
}

#[test]
fn a_job_signs_with_the_identity_that_its_ci_gives_it() {
    let scene = Scene::new();
    let config: serde_json::Value = serde_json::from_str(&scene.server.signing_config()).unwrap();
    let service = config["caUrls"][0]["url"].as_str().unwrap().to_owned();
    let bundle = "sign app.cdx.json --type sbom --artifact app.bin --keyless --signing-config config.json \
                  --trusted-root root.json --output app.job.json";
    let address = format!("{service}/ambient?api-version=2.0");
    let variables = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", address.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-job-s-own-secret"),
    ];
    let said = scene.door.run_with(&variables, bundle);
    said.expect(0, &["release.yml@refs/tags/v1, by https://token.actions.githubusercontent.com"]);
    assert!(!said.text.contains("secret"));
    scene.run("verify app.bin --bundle app.job.json --type sbom --sigstore-root root.json").expect(0, &["PASS"]);
    // GitLab gives the token itself.
    let who = Who::workflow(GITHUB, "https://github.com/o/r/.github/workflows/other.yml@refs/tags/v1", "ab", None);
    let token = scene.server.instance().token(&who, now());
    scene
        .door
        .run_with(&[("SIGSTORE_ID_TOKEN", &token)], &bundle.replace("app.job", "other.job"))
        .expect(0, &["other.yml"]);
    scene
        .run("verify app.bin --bundle other.job.json --type sbom --sigstore-root root.json")
        .expect(4, &["signer-unknown", "other.yml@refs/tags/v1"]);
}
