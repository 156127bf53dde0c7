//! The walls between our crates, and the fences around third-party ones: two tables, held against `cargo metadata`
//! and `Cargo.lock`. What is not in the table is forbidden, and what the table allows but nobody uses is struck out.

use crate::workspace::{Kind, Locked, Package};
use crate::{Outcome, refuse_rest, workspace};
use std::collections::BTreeSet;

/// What one of our crates may depend on.
struct Room {
    name: &'static str,
    /// Our other crates.
    ours: &'static [&'static str],
    /// Third-party crates.
    foreign: &'static [&'static str],
    /// Third-party crates for its tests and examples only.
    dev: &'static [&'static str],
}

/// Everything below flow.
const LIBRARIES: &[&str] = &[
    "countersign-core",
    "countersign-sbom",
    "countersign-collect",
    "countersign-sign",
    "countersign-verify",
    "countersign-decide",
    "countersign-record",
    "countersign-report",
    "countersign-secrets",
];

/// Flow and everything below it.
const ALL_LIBRARIES: &[&str] = &[
    "countersign-core",
    "countersign-sbom",
    "countersign-collect",
    "countersign-sign",
    "countersign-verify",
    "countersign-decide",
    "countersign-record",
    "countersign-report",
    "countersign-flow",
];

/// What the terminal door may use.
const DOOR: &[&str] = &[
    "countersign-core",
    "countersign-sbom",
    "countersign-collect",
    "countersign-sign",
    "countersign-verify",
    "countersign-decide",
    "countersign-record",
    "countersign-report",
    "countersign-secrets",
    "countersign-flow",
    "countersign-serve",
];

const ROOMS: &[Room] = &[
    Room {
        name: "countersign-core",
        ours: &[],
        foreign: &[
            "base64",
            "imara-diff",
            "jiff",
            "regex",
            "saphyr-parser",
            "schemars",
            "serde",
            "serde_json",
            "sha1-checked",
            "sha2",
            "ssh-key",
            "thiserror",
            "toml",
        ],
        dev: &["proptest"],
    },
    Room {
        name: "countersign-sbom",
        ours: &["countersign-core"],
        foreign: &[
            "aws-lc-rs",
            "base64",
            "cargo-platform",
            "flate2",
            "guppy",
            "jsonschema",
            "semver",
            "serde",
            "serde_json",
            "spdx",
            "thiserror",
            "toml",
            "zip",
        ],
        dev: &["tempfile"],
    },
    Room {
        name: "countersign-collect",
        ours: &["countersign-core"],
        foreign: &[
            "aws-lc-rs",
            "base64",
            "quick-xml",
            "reqwest",
            "rustls",
            "serde",
            "serde_json",
            "sha2",
            "tempfile",
            "thiserror",
            "toml",
            "zeroize",
        ],
        dev: &[],
    },
    Room {
        name: "countersign-sign",
        ours: &["countersign-core"],
        foreign: &["aws-lc-rs", "base64", "cryptoki", "reqwest", "serde", "serde_json", "thiserror", "zeroize"],
        dev: &["tempfile"],
    },
    Room {
        name: "countersign-verify",
        ours: &["countersign-core"],
        foreign: &[
            "aws-lc-rs",
            "base64",
            "rustls-pki-types",
            "rustls-webpki",
            "serde_json",
            "sigstore-verify",
            "ssh-key",
            "thiserror",
            "x509-cert",
        ],
        dev: &["proptest"],
    },
    Room {
        name: "countersign-decide",
        ours: &["countersign-core", "countersign-verify"],
        foreign: &["regex", "regorus", "schemars", "serde", "serde_json", "thiserror"],
        dev: &["proptest"],
    },
    Room {
        name: "countersign-record",
        ours: &["countersign-core"],
        foreign: &[
            "crc32fast",
            "flate2",
            "futures-util",
            "object_store",
            "rusqlite",
            "tempfile",
            "thiserror",
            "tokio",
            "url",
            "zlib-rs",
        ],
        dev: &["aws-lc-rs", "proptest", "serde_json", "zip"],
    },
    Room {
        name: "countersign-report",
        ours: &["countersign-core"],
        foreign: &["schemars", "serde", "serde_json", "thiserror"],
        dev: &["insta"],
    },
    Room {
        name: "countersign-secrets",
        ours: &["countersign-core"],
        foreign: &["aho-corasick", "crc32fast", "memchr", "regex-automata", "serde", "serde_json", "thiserror", "toml"],
        dev: &["proptest"],
    },
    Room {
        name: "countersign-flow",
        ours: LIBRARIES,
        foreign: &["schemars", "serde", "serde_json", "thiserror"],
        dev: &[],
    },
    Room {
        name: "countersign-serve",
        ours: &["countersign-core", "countersign-collect", "countersign-verify", "countersign-flow"],
        foreign: &["axum", "http-body-util", "hyper", "hyper-util", "tokio"],
        dev: &[],
    },
    Room {
        name: "countersign",
        ours: DOOR,
        foreign: &[
            "clap",
            "clap_complete",
            "getrandom",
            "nix",
            "serde",
            "serde_json",
            "tempfile",
            "thiserror",
            "zeroize",
        ],
        dev: &[],
    },
    Room {
        name: "countersign-tests",
        ours: ALL_LIBRARIES,
        foreign: &[
            "aws-lc-rs",
            "axum",
            "base64",
            "flate2",
            "insta",
            "jsonschema",
            "proptest",
            "serde",
            "serde_json",
            "tempfile",
            "tokio",
            "tokio-rustls",
        ],
        dev: &[],
    },
    Room {
        name: "xtask",
        ours: &["countersign-core", "countersign-flow", "countersign-report"],
        foreign: &["nix", "schemars", "serde_json", "tempfile"],
        dev: &[],
    },
];

/// Packages that may not be built, not even through others. The lock file may name one: cargo also locks what a feature
/// would only need if somebody turned it on.
const NOWHERE: &[(&str, &str)] = &[
    ("git2", "the git program collects, our own reader proves"),
    ("native-tls", "aws-lc-rs is the one provider"),
    ("openssl", "aws-lc-rs is the one provider"),
    ("openssl-sys", "aws-lc-rs is the one provider"),
    ("ring", "aws-lc-rs is the one provider"),
];

/// The most packages from outside that the lock file may hold. Who raises it says in the commit what is worth it.
const FOREIGN_PACKAGES: usize = 420;

/// Holds the tables against this workspace.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    refuse_rest(arguments)?;
    let root = workspace::root()?;
    let packages = workspace::packages(&root)?;
    let locked = workspace::locked(&workspace::read(&root.join("Cargo.lock"))?);
    let mut faults = judge(&packages, ROOMS);
    faults.extend(judge_lock(&locked));
    faults.extend(judge_built(&workspace::built(&root)?));
    if !faults.is_empty() {
        return Err(format!("the walls leak\n  {}\nhelp: the tables are in xtask/src/rooms.rs", faults.join("\n  ")));
    }
    let foreign = locked.iter().filter(|package| package.foreign).count();
    println!(
        "{} crates of ours within their walls; {foreign} packages from outside, at most {FOREIGN_PACKAGES}",
        packages.len()
    );
    Ok(())
}

fn judge(packages: &[Package], rooms: &[Room]) -> Vec<String> {
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut faults = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some(room) = rooms.iter().find(|room| room.name == name) else {
            faults.push(format!("{name} has no row in the table"));
            continue;
        };
        for used in &package.uses {
            let to = used.name.as_str();
            let dev = used.kind == Kind::Dev;
            let allowed = if ours.contains(to) {
                room.ours.contains(&to)
            } else {
                room.foreign.contains(&to) || (dev && room.dev.contains(&to))
            };
            if !allowed {
                let role = match used.kind {
                    Kind::Normal => "depend on",
                    Kind::Dev => "use in its tests",
                    Kind::Build => "use in its build script",
                };
                faults.push(format!("{name} may not {role} {to}"));
            }
        }
        let used = |to: &str, dev: bool| package.uses.iter().any(|u| u.name == to && (u.kind == Kind::Dev) == dev);
        let idle = room.foreign.iter().filter(|to| !used(to, false));
        for to in idle.chain(room.dev.iter().filter(|to| !used(to, true))) {
            faults.push(format!("the table allows {name} to use {to}, which it does not: strike it out"));
        }
    }
    for room in rooms.iter().filter(|room| !ours.contains(room.name)) {
        faults.push(format!("the table has a row for {}, which is not in the workspace", room.name));
    }
    faults
}

/// Of what is built on this machine; for other machines, `cargo xtask deny` knows the same names.
fn judge_built(built: &BTreeSet<String>) -> Vec<String> {
    if built.is_empty() {
        return vec!["cargo tree names no package: it was not read right".to_owned()];
    }
    NOWHERE
        .iter()
        .filter(|(name, _)| built.contains(*name))
        .map(|(name, why)| format!("{name} is built: {why}"))
        .collect()
}

fn judge_lock(locked: &[Locked]) -> Vec<String> {
    let mut faults = Vec::new();
    let foreign = locked.iter().filter(|package| package.foreign).count();
    if foreign == 0 {
        faults.push("Cargo.lock holds no package from outside: it was not read right".to_owned());
    }
    if foreign > FOREIGN_PACKAGES {
        faults
            .push(format!("Cargo.lock holds {foreign} packages from outside, at most {FOREIGN_PACKAGES} are allowed"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Use;

    const NONE: [String; 0] = [];

    const TABLE: &[Room] = &[
        Room { name: "low", ours: &[], foreign: &["serde"], dev: &["proptest"] },
        Room { name: "high", ours: &["low"], foreign: &[], dev: &[] },
    ];

    fn package(name: &str, uses: &[(&str, Kind)]) -> Package {
        let uses = uses.iter().map(|(name, kind)| Use { name: (*name).to_owned(), kind: *kind }).collect();
        Package { name: name.to_owned(), folder: String::new(), uses }
    }

    fn good() -> Vec<Package> {
        vec![
            package("low", &[("serde", Kind::Normal), ("proptest", Kind::Dev)]),
            package("high", &[("low", Kind::Normal)]),
        ]
    }

    fn with(name: &str, to: &str, kind: Kind) -> Vec<String> {
        let mut packages = good();
        let package = packages.iter_mut().find(|p| p.name == name).unwrap();
        package.uses.push(Use { name: to.to_owned(), kind });
        judge(&packages, TABLE)
    }

    #[test]
    fn what_the_table_allows_passes() {
        assert_eq!(judge(&good(), TABLE), NONE);
        assert_eq!(with("high", "low", Kind::Dev), NONE);
    }

    #[test]
    fn an_edge_between_our_crates_that_is_not_in_the_table_is_refused_in_every_role() {
        assert_eq!(with("low", "high", Kind::Normal), ["low may not depend on high"]);
        assert_eq!(with("low", "high", Kind::Dev), ["low may not use in its tests high"]);
        assert_eq!(with("low", "high", Kind::Build), ["low may not use in its build script high"]);
    }

    #[test]
    fn a_third_party_crate_stays_behind_its_fence() {
        assert_eq!(with("high", "serde", Kind::Normal), ["high may not depend on serde"]);
        assert_eq!(with("low", "proptest", Kind::Normal), ["low may not depend on proptest"]);
        assert_eq!(with("low", "proptest", Kind::Build), ["low may not use in its build script proptest"]);
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_named() {
        let mut packages = good();
        packages.push(package("new", &[]));
        assert_eq!(judge(&packages, TABLE), ["new has no row in the table"]);
        assert!(judge(&good()[..1], TABLE).concat().contains("a row for high"));
    }

    #[test]
    fn a_permission_that_nobody_uses_is_struck_out() {
        let idle = vec![package("low", &[("serde", Kind::Normal)]), package("high", &[])];
        assert_eq!(judge(&idle, TABLE), ["the table allows low to use proptest, which it does not: strike it out"]);
    }

    #[test]
    fn some_packages_are_built_nowhere() {
        let built = |names: &[&str]| judge_built(&names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(built(&["serde"]), NONE);
        assert_eq!(built(&["serde", "ring"]), ["ring is built: aws-lc-rs is the one provider"]);
        assert!(built(&[]).concat().contains("not read right"));
    }

    #[test]
    fn the_lock_file_has_a_budget() {
        let locked = |name: &str| Locked { name: name.to_owned(), foreign: true };
        assert_eq!(judge_lock(&[locked("serde")]), NONE);
        assert!(judge_lock(&[]).concat().contains("not read right"));
        let many: Vec<Locked> = (0..=FOREIGN_PACKAGES).map(|_| locked("serde")).collect();
        assert_eq!(judge_lock(&many).len(), 1);
    }
}
