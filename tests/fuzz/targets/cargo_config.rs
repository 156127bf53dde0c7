//! Cargo's configuration, from bytes: nothing stops the reader, it says the same each time, and what it says is of the form that
//! Cargo takes. Zero bytes stand between the folder's own file, the one that it may include, that of Cargo's own folder, the
//! variables (`NAME=VALUE`, one a line) and what the compiler says holds.
#![no_main]

use countersign_sbom::Settings;
use std::{collections::BTreeMap, fs};

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let folder = std::env::temp_dir().join(format!("countersign-fuzz-config-{}", std::process::id()));
    for (place, name) in [("work/.cargo", "config.toml"), ("work/.cargo", "more.toml"), ("home", "config.toml")] {
        fs::create_dir_all(folder.join(place)).expect("a folder");
        fs::write(folder.join(place).join(name), next()).expect("written");
    }
    let variables: BTreeMap<String, String> = String::from_utf8_lossy(next())
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let holds = String::from_utf8_lossy(next()).into_owned();
    let read = || Settings::read(&folder.join("work"), Some(&folder.join("home")), &variables);
    let Ok(settings) = read() else { return };
    assert_eq!(Some(&settings), read().ok().as_ref(), "another answer the second time");
    let by_variable = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].iter().any(|name| variables.contains_key(*name));
    let (early, late) = (settings.flags(Some(TRIPLE), None), settings.flags(Some(TRIPLE), Some(&holds)));
    if by_variable {
        assert_eq!(early, late, "variables go before every condition");
    }
    if let Ok(Some(target)) = settings.target() {
        assert_ne!(target, "host-tuple");
    }
    assert!(settings.overridden(TRIPLE).iter().all(|library| library != "rustflags" && library != "linker"));
});
