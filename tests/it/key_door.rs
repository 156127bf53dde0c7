//! Keys wherever people keep them, at the door: sealed files, cosign's, RSA and P-384, key services through plugins; and
//! that no secret is ever said, whatever goes wrong.

use countersign_tests::door::{Door, Said};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

const PASSPHRASE: &str = "a-planted-passphrase";

/// A plugin as anybody might write one, over keys that are files: `local://FILE`. What it is called with is kept. A file
/// `mode` beside it says what it does wrong.
const PLUGIN: &str = r#"#!/bin/sh
here=$(dirname "$0")
{ printf '%s\n' "$@"; env; } >> "$here/calls"
mode=$(cat "$here/mode" 2>/dev/null)
[ "$1" = v1 ] || { printf '{"errorMessage":"another version"}'; exit 1; }
key=$(printf %s "$2" | sed 's/.*"keyResourceID":"\([^"]*\)".*/\1/')
hash=sha256
case "$2" in *'"hashFunc":6'*) hash=sha384 ;; esac
case "$mode" in
  refuses) printf '{"errorMessage":"you may not use\\u0007 this key"}'; exit 1 ;;
  junk) echo 'panic: goroutine 1'; exit 0 ;;
  silent) exit 0 ;;
esac
case "$2" in
  *'"methodName":"publicKey"'*)
    printf '{"publicKey":{"publicKeyPEM":"%s"}}' "$(openssl pkey -in "$key" -pubout | openssl base64 -A)" ;;
  *'"methodName":"signMessage"'*)
    cat > "$here/message"
    [ "$mode" = other ] && echo more >> "$here/message"
    openssl pkeyutl -sign -inkey "$key" -rawin -digest $hash -in "$here/message" -out "$here/signature" 2>/dev/null ||
      openssl pkeyutl -sign -inkey "$key" -rawin -in "$here/message" -out "$here/signature"
    printf '{"signMessage":{"signature":"%s"}}' "$(openssl base64 -A -in "$here/signature")" ;;
  *) printf '{"errorMessage":"unsupported"}' ;;
esac
"#;

fn openssl(door: &Door, line: &str) {
    #[expect(clippy::disallowed_methods, reason = "keys are made by the programs that others make them with")]
    let output = Command::new("openssl").args(line.split(' ')).current_dir(door.path()).output();
    let output = output.expect("openssl runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A folder with an artifact and its SBOM.
fn bare() -> Door {
    let door = Door::empty();
    door.write("app.bin", b"an artifact\n");
    door.write("app.cdx.json", br#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}"#);
    door
}

fn mode(door: &Door, path: &str, mode: u32) {
    std::fs::set_permissions(door.path().join(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes these public keys keys of the builder, each as its PEM file is, and trusts that.
fn trusting(door: &Door, keys: &[String]) -> String {
    let toml = String::from_utf8(door.read("trust.toml")).unwrap();
    let (before, builders) = toml.split_once("[[builders]]").unwrap();
    let more: Vec<String> =
        keys.iter().map(|pem| format!("{{ key = \"\"\"{pem}\"\"\", transparency = \"none\" }}")).collect();
    let builders = builders.replacen("keys = [", &format!("keys = [{}, ", more.join(", ")), 1);
    door.write("ours.toml", format!("{before}[[builders]]{builders}").as_bytes());
    for person in ["ada", "ben"] {
        door.run(&format!("trust sign ours.toml --key keys/{person} --output ours.json")).expect(0, &[]);
    }
    door.run("trust digest ours.json").out.trim().to_owned()
}

fn sign_line(key: &str, output: &str) -> String {
    format!("sign app.cdx.json --type sbom --artifact app.bin --key {key} --output {output}")
}

fn plugin(door: &Door) -> String {
    std::fs::create_dir(door.path().join("plugins")).unwrap();
    door.write("plugins/sigstore-kms-local", PLUGIN.as_bytes());
    mode(door, "plugins/sigstore-kms-local", 0o755);
    format!("{}:{}", door.path().join("plugins").display(), std::env::var("PATH").unwrap())
}

#[test]
fn what_every_kind_of_key_signs_is_verified_by_trust_that_names_its_pem() {
    let door = Door::new();
    let path = plugin(&door);
    door.run("key generate --type p384 --output p384.pem").expect(0, &["ECDSA P-384"]);
    door.run("key generate --type rsa --output rsa.pem").expect(0, &["RSA"]);
    openssl(&door, "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.pem");
    openssl(&door, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem");
    openssl(&door, "genpkey -algorithm ED25519 -out ed.pem");
    let seal = format!("-passout pass:{PASSPHRASE}");
    openssl(&door, &format!("pkcs8 -topk8 -in p256.pem -v2 aes-256-cbc {seal} -out sealed.pem"));
    let all = [
        "p384.pem",
        "rsa.pem",
        "pss.pem",
        "sealed.pem",
        "local://p256.pem",
        "local://p384.pem",
        "local://rsa.pem",
        "local://ed.pem",
    ];
    let variables = [("PATH", path.as_str()), ("COUNTERSIGN_KEY_PASSPHRASE", PASSPHRASE)];
    for name in ["pss.pem", "p256.pem", "ed.pem", "sealed.pem"] {
        mode(&door, name, 0o600);
    }
    let mut pems = Vec::new();
    for name in ["p384", "rsa", "pss", "p256", "ed"] {
        openssl(&door, &format!("pkey -in {name}.pem -pubout -out {name}.public"));
        pems.push(String::from_utf8(door.read(&format!("{name}.public"))).unwrap());
    }
    let digest = trusting(&door, &pems);
    let named = [" --key p384.public", "rsa.public", "pss.public", "p256.public", "ed.public"].join(" --key ");
    for (n, key) in all.iter().enumerate() {
        let bundle = format!("{n}.sigstore.json");
        door.run_with(&variables, &sign_line(key, &bundle)).expect(0, &["signed by key"]);
        let verify = format!("verify app.bin --bundle {bundle} --type sbom --trust ours.json --trust-digest {digest}");
        door.run(&verify).expect(0, &["PASS"]);
        let by_key = format!("verify app.bin --bundle {bundle} --transparency none{named}");
        door.run(&by_key).expect(0, &["transparency-none", "verified"]);
        // One character of the signature.
        let mut text = door.read(&bundle);
        let at = String::from_utf8_lossy(&text).find("\"sig\":\"").unwrap() + 40;
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        door.write(&bundle, &text);
        door.run(&verify).expect(4, &["signature-invalid"]);
        door.run(&by_key).expect(4, &["signature-invalid"]);
    }
    // Such a key shows itself as trust names it, wherever it lies.
    let shown = door.run_with(&variables, "key show local://rsa.pem");
    shown.expect(0, &["RSA"]);
    assert_eq!(shown.out, door.run("key show rsa.pem.pub").out);
}

#[test]
fn a_plugin_that_does_not_do_what_it_should_leads_to_nothing_written() {
    let door = bare();
    let path = plugin(&door);
    openssl(&door, "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem");
    let variables = [("PATH", path.as_str())];
    let line = sign_line("local://p256.pem", "out.json");
    for (how, code, words) in [
        ("other", 4, "does not hold for its public half"),
        ("refuses", 5, "refused: you may not use this key"),
        ("junk", 5, "it is not JSON"),
        ("silent", 5, "it is not JSON"),
    ] {
        door.write("plugins/mode", how.as_bytes());
        let said = door.run_with(&variables, &line);
        said.expect(code, &[words, "nothing was written"]);
        assert!(!door.has("out.json"), "{how}");
    }
    door.write("plugins/mode", b"");
    door.run(&sign_line("nosuch://key", "out.json")).expect(2, &["sigstore-kms-nosuch was not found on the PATH"]);
    openssl(&door, "genpkey -algorithm X25519 -out x.pem");
    door.run_with(&variables, &sign_line("local://x.pem", "out.json")).expect(2, &["public key"]);
    assert!(!door.has("out.json"));
}

#[test]
fn no_secret_is_said_or_passed_on_whatever_goes_wrong() {
    const PIN: &str = "a-planted-pin";
    const COSIGN: &str = "a-planted-cosign-password";
    const IDENTITY: &str = "a.planted.token";
    const REQUEST: &str = "a-planted-request-token";
    let door = bare();
    let path = plugin(&door);
    openssl(&door, "genpkey -algorithm ED25519 -out plain.pem");
    mode(&door, "plain.pem", 0o644);
    openssl(&door, "pkcs8 -topk8 -in plain.pem -v2 aes-256-cbc -passout pass:the-right-one -out sealed.pem");
    mode(&door, "sealed.pem", 0o600);
    let text = String::from_utf8(door.read("plain.pem")).unwrap();
    let body = text.lines().nth(1).unwrap().get(22..).unwrap().to_owned();
    door.write("cut.pem", text.replace("MC4CAQAw", "MC4CAQAx").as_bytes());
    mode(&door, "cut.pem", 0o600);
    door.write("passphrase", format!("{PASSPHRASE}\n").as_bytes());
    mode(&door, "passphrase", 0o644);
    door.write("token", IDENTITY.as_bytes());
    let file = door.path().join("passphrase").display().to_string();
    let keyless = "sign app.cdx.json --type sbom --artifact app.bin --output out.json --keyless \
                   --signing-config app.cdx.json --trusted-root app.cdx.json";
    let secrets = [PASSPHRASE, PIN, COSIGN, IDENTITY, REQUEST, body.as_str(), "the-right-one"];
    let variables = |more: &[(&'static str, &str)]| {
        let mut all = vec![
            ("PATH", path.clone()),
            ("COUNTERSIGN_KEY_PASSPHRASE", PASSPHRASE.to_owned()),
            ("COUNTERSIGN_PKCS11_PIN", PIN.to_owned()),
            ("COSIGN_PASSWORD", COSIGN.to_owned()),
            ("SIGSTORE_ID_TOKEN", IDENTITY.to_owned()),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST.to_owned()),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:9/".to_owned()),
        ];
        all.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        all
    };
    let run = |more: &[(&'static str, &str)], line: &str| -> Said {
        let all = variables(more);
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        door.run_with(&all, line)
    };
    for line in [
        sign_line("plain.pem", "out.json"),
        sign_line("cut.pem", "out.json"),
        sign_line("sealed.pem", "out.json"),
        sign_line("local://nothing.pem", "out.json"),
        sign_line("pkcs11:object=gate", "out.json"),
        sign_line(&format!("pkcs11:object=gate?pin-value={PIN}"), "out.json"),
        format!("{keyless} --identity-token token"),
        keyless.to_owned(),
        "key show sealed.pem".to_owned(),
        "key show cut.pem".to_owned(),
    ] {
        for more in [&[][..], &[("COUNTERSIGN_KEY_PASSPHRASE_FILE", file.as_str())][..]] {
            for format in ["", " --format json"] {
                let said = run(more, &format!("{line}{format}"));
                assert_ne!(said.code, 0, "{line}");
                // What the caller wrote on a command line himself is his own to show.
                let shown = said.text.clone();
                for secret in secrets {
                    assert!(!shown.contains(secret), "`{secret}` is said by `{line}`:\n{shown}");
                }
            }
        }
    }
    assert!(!door.has("out.json"));
    // A plugin sees none of ours, neither among its words nor among its variables.
    let calls = String::from_utf8(door.read("plugins/calls")).unwrap();
    assert!(calls.contains("methodName") && calls.contains("REQUEST_URL"), "{calls}");
    for secret in [PASSPHRASE, PIN, COSIGN, IDENTITY, REQUEST] {
        assert!(!calls.contains(secret), "{secret}");
    }
    // What is wrong is said, though.
    run(&[], &sign_line("sealed.pem", "out.json")).expect(2, &["the passphrase does not open the key"]);
    let open = [("COUNTERSIGN_KEY_PASSPHRASE_FILE", file.as_str())];
    run(&open, &sign_line("sealed.pem", "out.json")).expect(2, &["the passphrase of the key", "mode 0644"]);
    door.run(&sign_line("sealed.pem", "out.json")).expect(2, &["none was given", "COUNTERSIGN_KEY_PASSPHRASE_FILE"]);
}

#[test]
fn at_a_terminal_a_passphrase_is_asked_for_and_not_shown() {
    let door = bare();
    openssl(&door, "genpkey -algorithm ED25519 -out plain.pem");
    openssl(&door, &format!("pkcs8 -topk8 -in plain.pem -v2 aes-256-cbc -passout pass:{PASSPHRASE} -out sealed.pem"));
    mode(&door, "sealed.pem", 0o600);
    let asked = |answer: &str| {
        let line = format!("countersign {}", sign_line("sealed.pem", "out.json"));
        // Somebody types after being asked: what is typed before is not taken.
        door.shell(".", &format!("(sleep 1; printf '{answer}\\n'; sleep 1) | script -qec '{line}' /dev/null"), &[])
    };
    let said = asked(PASSPHRASE);
    said.expect(0, &["Passphrase of sealed.pem: ", "signed by key"]);
    assert!(!said.text.contains(PASSPHRASE), "{}", said.text);
    std::fs::remove_file(door.path().join("out.json")).unwrap();
    asked("another").expect(2, &["the passphrase does not open the key", "nothing was written"]);
    asked("").expect(2, &["none was given", "nothing was written"]);
    assert!(!door.has("out.json"));
}
