//! Files of configuration of each kind: no bytes make a reader stop short, what is found has a place in the text, and no fact
//! tells more of an address than its host.
#![no_main]

use countersign_core::config::{self, FileKind};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let (path, kind) = match first % 6 {
        0 => ("Dockerfile", FileKind::Dockerfile),
        1 => ("a.yaml", FileKind::Yaml),
        2 => ("compose.yaml", FileKind::Yaml),
        3 => (".github/workflows/a.yml", FileKind::Yaml),
        4 => ("a.json", FileKind::Json),
        _ => (".env", FileKind::Settings),
    };
    let Ok(found) = config::read(path, kind, rest) else { return };
    let lines = u64::try_from(rest.split(|b| *b == b'\n').count()).unwrap_or(u64::MAX);
    for image in &found.images {
        assert!(image.line >= 1 && image.column >= 1);
        assert_eq!(image.host.is_some(), image.path.is_some());
        assert!(image.host.is_some() || image.unknown.is_some());
    }
    for connection in &found.connections {
        assert!(connection.line >= 1 && connection.line <= lines);
        assert!(connection.host.as_ref().is_none_or(|host| !host.contains('@')));
    }
});
