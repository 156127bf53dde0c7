//! Trust, read and refused.

use super::*;

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

fn key(n: u8) -> String {
    PublicKey::Ed25519([n; 32]).to_openssh()
}

fn document(persons: &str) -> String {
    format!(
        "version = 1\nnot_before = \"2026-01-01T00:00:00Z\"\nexpires = \"2027-01-01T00:00:00Z\"\n{persons}\n\
         [roles.trust]\npersons = [\"a\"]\nthreshold = 1\n\
         [environments.production]\nreview_tier = \"T3\"\nbuilder_level = 2\n"
    )
}

fn person(id: &str, key: &str) -> String {
    format!("[[persons]]\nid = \"{id}\"\nkeys = [{{ key = \"\"\"{key}\"\"\" }}]\n")
}

#[test]
fn the_digest_does_not_depend_on_how_a_key_is_written() {
    let ssh = Trust::from_toml(document(&person("a", A)).as_bytes()).unwrap();
    let pem = PublicKey::parse(A).unwrap().to_pem().unwrap();
    let pem = Trust::from_toml(document(&person("a", &pem)).as_bytes()).unwrap();
    assert_eq!(ssh.digest().unwrap(), pem.digest().unwrap());
    assert_eq!(Trust::from_value(json::to_value(&ssh).unwrap()).unwrap(), ssh);
}

#[test]
fn a_key_of_two_persons_is_refused_in_any_encoding() {
    let pem = PublicKey::parse(A).unwrap().to_pem().unwrap();
    let both = person("a", A) + &person("b", &pem);
    let error = Trust::from_toml(document(&both).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "person a and person b share a key: nobody could tell which of them signed");
    assert_eq!(error.code(), crate::codes::KEY_SHARED);
}

#[test]
fn a_gate_with_a_builders_key_is_refused() {
    let k = key(3);
    let text = document(&person("a", A))
        + &format!("[[builders]]\nid = \"https://b\"\nkeys = [{{ key = \"{k}\" }}]\nmax_level = 1\n")
        + &format!("[[gates]]\nid = \"https://g\"\nkeys = [{{ key = \"{k}\" }}]\nenvironments = [\"production\"]\n");
    assert!(matches!(Trust::from_toml(text.as_bytes()), Err(TrustError::KeyShared { .. })));
}

#[test]
fn a_verifier_has_a_key_of_its_own_repositories_and_a_level() {
    let verifier = |key: &str, repositories: &str, level: u8| {
        let text = document(&person("a", A))
            + &format!(
                "[[verifiers]]\nid = \"https://v\"\nkeys = [{{ key = \"{key}\", valid_until = \"2026-06-01T00:00:00Z\" }}]\n\
                 repositories = [{repositories}]\nmax_level = {level}\n"
            );
        Trust::from_toml(text.as_bytes())
    };
    let trust = verifier(&key(3), "\"git+https://r\"", 4).unwrap();
    let (owner, _) = trust.owner_of(&PublicKey::Ed25519([3; 32]).id()).unwrap();
    for kind in Kind::ALL {
        assert_eq!(owner.may_sign(kind), matches!(kind, Kind::Vsa | Kind::SourceProvenance), "{}", kind.word());
    }
    let time = |text: &str| text.parse().unwrap();
    let turn = time("2026-06-01T00:00:00Z");
    assert!(trust.turns_between(time("2026-05-31T23:59:59Z"), turn));
    assert!(!trust.turns_between(turn, time("2026-12-01T00:00:00Z")));
    assert!(verifier(A, "\"git+https://r\"", 4).is_err(), "a person's key");
    assert!(verifier(&key(3), "", 4).is_err() && verifier(&key(3), "\"git+https://r\"", 0).is_err());
    assert!(verifier(&key(3), "\"git+https://r\"", 5).is_err());
}

#[test]
fn roles_that_cannot_act_are_refused() {
    for (from, to) in [
        ("threshold = 1", "threshold = 0"),
        ("threshold = 1", "threshold = 2"),
        ("persons = [\"a\"]", "persons = [\"z\"]"),
        ("[roles.trust]", "[roles.other]"),
        ("version = 1", "version = 0"),
        ("version = 1", "version = 1\nunknown = 1"),
        ("2027-01-01", "2025-01-01"),
        ("\"2027-01-01T00:00:00Z\"", "\"soon\""),
    ] {
        let text = document(&person("a", A)).replace(from, to);
        assert!(Trust::from_toml(text.as_bytes()).is_err(), "{to}");
    }
}
