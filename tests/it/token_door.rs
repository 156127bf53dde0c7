//! Keys that never leave a token, at the door: a token made of software stands for the hardware.

use countersign_tests::door::{Door, Said};
use std::path::Path;
use std::process::Command;

/// Where Debian and others put the library.
const MODULES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];

const PIN: &str = "4711-pin";

/// A world with a token beside it, on which keys of the world's lie.
struct Token {
    door: Door,
    settings: String,
    module: &'static str,
}

impl Token {
    fn new() -> Self {
        let door = Door::new();
        let module = MODULES.iter().find(|path| Path::new(path).exists()).expect("SoftHSM's library");
        let path = |name: &str| door.path().join(name).display().to_string();
        std::fs::create_dir(path("tokens")).unwrap();
        let settings = path("softhsm2.conf");
        let text =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", path("tokens"));
        std::fs::write(&settings, text).unwrap();
        let token = Self { door, settings, module };
        token.manage(&["--init-token", "--free", "--label", "ci token", "--so-pin", "12345678", "--pin", PIN]);
        token
    }

    fn manage(&self, arguments: &[&str]) {
        #[expect(clippy::disallowed_methods, reason = "the token is set up with its maker's program")]
        let output = Command::new("softhsm2-util").args(arguments).env("SOFTHSM2_CONF", &self.settings).output();
        let output = output.expect("softhsm2-util runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Puts a key of the world on the token.
    fn import(&self, file: &str, label: &str, id: &str) {
        let file = self.door.path().join(file).display().to_string();
        self.manage(&["--import", &file, "--token", "ci token", "--pin", PIN, "--label", label, "--id", id]);
    }

    fn run(&self, line: &str) -> Said {
        let variables = [
            ("SOFTHSM2_CONF", self.settings.as_str()),
            ("COUNTERSIGN_PKCS11_MODULE", self.module),
            ("COUNTERSIGN_PKCS11_PIN", PIN),
        ];
        self.door.run_with(&variables, line)
    }
}

#[test]
fn a_gate_whose_keys_are_on_a_token_promotes_as_one_whose_keys_are_files() {
    let token = Token::new();
    token.import("keys/gate.pem", "gate", "01");
    token.import("keys/log.pem", "log", "02");
    let digest = token.door.digest().to_owned();
    let evidence = "--least-checkpoint outside/checkpoint --bundle app.provenance.sigstore.json \
                    --bundle app.sbom.sigstore.json --reviews reviews";
    let said = token.run(&format!(
        "promote app.bin --to production --repo app --store store {evidence} --trust trust.sigstore.json \
         --trust-digest {digest} --key pkcs11:token=ci%20token;object=gate --log-key pkcs11:object=log;id=%02"
    ));
    said.expect(0, &["PASS"]);
    token.door.trusting("log verify --store store").expect(0, &[]);
}

#[test]
fn a_person_whose_key_is_on_a_token_signs_a_review() {
    let token = Token::new();
    token.door.run("key generate --type p256 --output keys/dora.pem").expect(0, &[]);
    token.import("keys/dora.pem", "dora", "03");
    let shown = token.run("key show pkcs11:object=dora");
    shown.expect(0, &["ECDSA P-256"]);
    assert_eq!(shown.out, token.door.run("key show keys/dora.pem").out, "the same key, wherever it lies");
    token
        .run("review sign politer --base main~1 --repo app --repository git+https://example.com/demo/app --dir r --key pkcs11:object=dora")
        .expect(0, &["signed: approve"]);
    let review = std::fs::read_dir(token.door.path().join("r")).unwrap().next().unwrap().unwrap().path();
    let review = std::fs::read_to_string(review).unwrap();
    assert!(review.contains("dsseEnvelope"), "a bundle, as a PEM key makes it:\n{review}");
    token.run("trust init --output t.toml --person dora=pkcs11:object=dora --environment production").expect(0, &[]);
    let key = shown.out.lines().last().expect("the public key").to_owned();
    assert!(String::from_utf8_lossy(&token.door.read("t.toml")).contains(&key), "{key}");
}

#[test]
fn what_is_wrong_with_a_token_is_said_and_nothing_is_signed() {
    let token = Token::new();
    token.import("keys/gate.pem", "gate", "01");
    let show = |what: &str| token.run(&format!("key show pkcs11:{what}"));
    show("object=nobody").expect(2, &["0 private keys on the token are the one that is named"]);
    show("token=other;object=gate").expect(2, &["0 of the 1 tokens present"]);
    for uri in
        ["object=gate?pin-value=hunter2", "object=gate;pin-value=hunter2", "object=a?module-path=/x;pin-value=hunter2"]
    {
        let said = show(uri);
        said.expect(2, &["`pin-value` is not taken"]);
        assert!(!said.text.contains("hunter2"), "{}", said.text);
    }
    show("object=gate?module-path=/nowhere.so").expect(5, &["the library /nowhere.so cannot be used"]);
    show("gate").expect(2, &["is not `name=value`"]);
    token.import("keys/log.pem", "gate", "04");
    show("object=gate").expect(2, &["2 private keys on the token are the one that is named"]);
    show("object=gate;id=%04").expect(0, &["Ed25519"]);
    let with = |pin: &str, line: &str| {
        let variables = [("SOFTHSM2_CONF", token.settings.as_str()), ("COUNTERSIGN_PKCS11_PIN", pin)];
        token.door.run_with(&variables, line)
    };
    let module = token.module;
    let wrong = with("0000-pin", &format!("key show pkcs11:object=gate;id=%04?module-path={module}"));
    wrong.expect(5, &["the token refuses the PIN"]);
    assert!(!wrong.text.contains("0000-pin"), "{}", wrong.text);
    with("", &format!("key show pkcs11:object=gate?module-path={module}")).expect(2, &["no PIN"]);
    with(PIN, "key show pkcs11:object=gate").expect(2, &["no library is named"]);
}

#[test]
fn a_pin_comes_from_a_file_that_only_its_owner_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let token = Token::new();
    token.import("keys/gate.pem", "gate", "01");
    token.door.write("pin", format!("{PIN}\n").as_bytes());
    let pin = token.door.path().join("pin");
    let show = || {
        let line =
            format!("key show pkcs11:object=gate?module-path={}&pin-source=file:{}", token.module, pin.display());
        token.door.run_with(&[("SOFTHSM2_CONF", token.settings.as_str())], &line)
    };
    std::fs::set_permissions(&pin, std::fs::Permissions::from_mode(0o644)).unwrap();
    show().expect(5, &["the PIN", "mode 0644"]);
    std::fs::set_permissions(&pin, std::fs::Permissions::from_mode(0o600)).unwrap();
    show().expect(0, &["Ed25519"]);
}

#[test]
fn each_kind_of_key_on_a_token_signs_as_it_does_in_a_file() {
    let token = Token::new();
    for (n, kind) in ["ed25519", "p256", "p384", "rsa"].iter().enumerate() {
        token.door.run(&format!("key generate --type {kind} --output {kind}.pem")).expect(0, &[]);
        token.import(&format!("{kind}.pem"), kind, &format!("1{n}"));
        let shown = token.run(&format!("key show pkcs11:object={kind}"));
        assert_eq!(shown.out, token.door.run(&format!("key show {kind}.pem.pub")).out, "{kind}");
        // What is signed is verified before it is written, by the public half that the token shows.
        token
            .run(&format!(
                "sign app.cdx.json --type sbom --artifact app.bin --key pkcs11:object={kind} --output {kind}.json"
            ))
            .expect(0, &["signed by key"]);
    }
}
