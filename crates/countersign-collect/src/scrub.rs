//! What a built command must not see: variables that carry signing keys and tokens, and those through which it could
//! reach an agent that signs or a later step that does.
//!
//! A build runs other people's code: build scripts, macros, tests of dependencies. The list is published in
//! `docs/provenance.md`, and a test holds that page to it. It errs on the side of taking out: a build that needs a token
//! fetches first, and builds afterwards without it.

use crate::environment::Environment;
use std::ffi::OsStr;

/// Patterns of names, compared without regard to case; `*` stands for any characters, also none.
pub const REMOVED: &[&str] = &[
    // Our own keys and settings.
    "COUNTERSIGN_*",
    // Whatever says what it is.
    "*TOKEN*",
    "*SECRET*",
    "*PASSWORD*",
    "*PASSWD*",
    "*PASSPHRASE*",
    "*CREDENTIAL*",
    "*APIKEY*",
    "*_KEY",
    "*_KEY_*",
    "*_KEYS",
    "*_PAT",
    "*_PIN",
    "*PRIVATE*",
    "*_AUTH",
    "*_AUTH_*",
    // The identity of a job, and the files through which a step changes later ones.
    "ACTIONS_*",
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "CI_JOB_JWT*",
    "CI_REGISTRY_*",
    "CI_DEPLOY_*",
    // Clouds and vaults.
    "AWS_*",
    "AZURE_*",
    "ARM_*",
    "GOOGLE_*",
    "GCLOUD_*",
    "CLOUDSDK_*",
    "VAULT_*",
    "KUBECONFIG",
    "OP_*",
    // Signing tools, agents, key rings.
    "COSIGN_*",
    "SIGSTORE_*",
    "REKOR_*",
    "FULCIO_*",
    "GPG_*",
    "GNUPGHOME",
    "PKCS11_*",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_*",
    "SSH_ASKPASS*",
    "GIT_ASKPASS",
    "GIT_CONFIG_*",
    "SUDO_ASKPASS",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNOME_KEYRING_*",
    // Registries.
    "NPM_CONFIG_*",
    "TWINE_*",
    "NETRC",
    "CARGO_REGISTRIES_*_CREDENTIAL_PROVIDER",
];

/// A value that is itself a private key, whatever its name.
const KEY_MARK: &str = "PRIVATE KEY-----";

/// The environment without those variables, and the names (never the values) of what was taken out, sorted.
#[must_use]
pub fn scrub(environment: &Environment) -> (Environment, Vec<String>) {
    let mut removed = Vec::new();
    let kept = environment.iter().filter(|(name, value)| {
        let value = value.to_string_lossy();
        let out = is_removed(name) || value.contains(KEY_MARK) || holds_password(&value);
        if out {
            removed.push(name.to_string_lossy().into_owned());
        }
        !out
    });
    let kept = kept.collect();
    (kept, removed)
}

/// Whether a value has a URL with a password in it: `scheme://user:password@host`, the user left out or not.
fn holds_password(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let authority =
            rest.split(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#')).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
    })
}

/// Whether a variable of this name is taken out.
#[must_use]
pub fn is_removed(name: &OsStr) -> bool {
    any_matches(REMOVED, name)
}

/// Whether one of the patterns is one for this name.
pub(crate) fn any_matches(patterns: &[&str], name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    patterns.iter().any(|pattern| matches(pattern, &name))
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(head) else {
        return false;
    };
    let Some((middle, tail)) = rest.rsplit_once('*') else {
        return left.ends_with(rest);
    };
    for part in middle.split('*') {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn names_that_carry_keys_and_tokens_are_taken_out() {
        let secret = [
            "COUNTERSIGN_KEY",
            "COUNTERSIGN_ANYTHING",
            "GITHUB_TOKEN",
            "gh_token",
            "NPM_TOKEN",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_MINE_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "ACTIONS_RUNTIME_TOKEN",
            "GITHUB_ENV",
            "CI_JOB_TOKEN",
            "CI_JOB_JWT_V2",
            "SIGSTORE_ID_TOKEN",
            "AWS_ACCESS_KEY_ID",
            "AWS_PROFILE",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "AZURE_CLIENT_SECRET",
            "SSH_AUTH_SOCK",
            "SSH_AGENT_PID",
            "GPG_AGENT_INFO",
            "COSIGN_PASSWORD",
            "MY_SECRET_THING",
            "DEPLOY_KEY",
            "SIGNING_KEY_FILE",
            "DB_PASSWORD",
            "DOCKER_AUTH_CONFIG",
            "GIT_CONFIG_PARAMETERS",
        ];
        for name in secret {
            assert!(is_removed(OsStr::new(name)), "{name} was kept");
        }
    }

    #[test]
    fn names_that_a_build_needs_are_kept() {
        for name in [
            "PATH",
            "HOME",
            "RUSTFLAGS",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "RUSTUP_TOOLCHAIN",
            "CI",
            "GITHUB_SHA",
            "GITHUB_WORKSPACE",
            "CI_COMMIT_SHA",
            "SOURCE_DATE_EPOCH",
            "CC",
            "LANG",
            "TMPDIR",
            "KEYBOARD",
        ] {
            assert!(!is_removed(OsStr::new(name)), "{name} was taken out");
        }
    }

    #[test]
    fn a_private_key_is_taken_out_under_any_name() {
        let pem = "-----BEGIN EC PRIVATE KEY-----\nMHc=\n";
        let before = Environment::from_iter([("HARMLESS", pem), ("PATH", "/bin"), ("A_TOKEN", "x")]);
        let (after, removed) = scrub(&before);
        assert_eq!(after, Environment::from_iter([("PATH", "/bin")]));
        assert_eq!(removed, ["A_TOKEN", "HARMLESS"]);
    }

    #[test]
    fn a_url_with_a_password_is_taken_out_under_any_name() {
        let secret = [
            "postgres://u:p@h/",
            "redis://:p@h:6379/0",
            "https://user:p%40ss@example.com:8080/x?y#z",
            "one=1 two=amqp://u:p@h three",
        ];
        for value in secret {
            let (after, removed) = scrub(&Environment::from_iter([("DB_URL", value)]));
            assert_eq!((after, removed), (Environment::empty(), vec!["DB_URL".to_owned()]), "{value}");
        }
        let kept = [
            "https://example.com:8080/a@b",
            "ssh://git@example.com/x",
            "https://u:@h/",
            "git@example.com:a/b",
            "https://h/?q=u:p@h",
            "u:p@h",
        ];
        for value in kept {
            assert_eq!(scrub(&Environment::from_iter([("X_URL", value)])).1, Vec::<String>::new(), "{value}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf_8_does_not_slip_through() {
        use std::os::unix::ffi::OsStrExt as _;
        let name = OsStr::from_bytes(b"\xff_TOKEN");
        let (after, removed) = scrub(&Environment::from_iter([(name, "x")]));
        assert_eq!((after, removed.len()), (Environment::empty(), 1));
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        let table: BTreeMap<(&str, &str), bool> = BTreeMap::from([
            (("A_*", "A_"), true),
            (("A_*", "BA_"), false),
            (("*_A", "X_A"), true),
            (("*_A", "X_AB"), false),
            (("*A*", "XAX"), true),
            (("*AA*", "AXA"), false),
            (("P_*_X_*_S", "P_1_X_2_S"), true),
            (("P_*_X_*_S", "P_1_2_S"), false),
        ]);
        for ((pattern, name), expected) in table {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_published_list_is_this_one() {
        let page = include_str!("../../../docs/provenance.md");
        let list = page.split("<!-- removed -->").nth(1).unwrap();
        let published: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
        assert_eq!(published, REMOVED);
    }
}
