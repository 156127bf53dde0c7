//! A scan of any bytes comes to its end, names places that are in the file, and shows none of it; rules, lists and other
//! tools' reports of any form are read or refused.
#![no_main]

use countersign_secrets::{AllowFile, DigestKey, RuleSet, Scanner, ingest};
use std::sync::LazyLock;

static OURS: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::ours().expect("the rules that ship"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let key = DigestKey::new(b"fuzz");
    let lines = u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).expect("a number") + 1;
    for finding in Scanner::new(&OURS, &key, None).scan("a/b.yaml", bytes).findings {
        assert!((1..=lines).contains(&finding.line) && finding.column >= 1);
        assert!(finding.shape.chars().take_while(|c| *c != '\u{2026}').count() <= 3);
    }
    drop(ingest(bytes, &key, None));
    drop(AllowFile::parse(bytes));
    if bytes.len() < 2_000 {
        drop(RuleSet::parse(bytes));
    }
});
