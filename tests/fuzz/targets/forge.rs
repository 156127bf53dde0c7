//! What a forge answered: any capture is read to the same change each time, and what is still to be asked is never what
//! was asked already, but for the change itself.
#![no_main]

use countersign_core::forge::{self, Capture};
use countersign_core::statement::change_review::{ChangeReview, ForgeKind, Observation};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for kind in [ForgeKind::Github, ForgeKind::Gitlab] {
        let _changes = forge::changes_of(kind, bytes);
        for event in ["pull_request", "push", "Merge Request Hook", "Push Hook"] {
            let _about = forge::webhook::subject_of(kind, event, bytes);
        }
    }
    let _statement = forge::foreign::read(bytes);
    let _suites = forge::foreign::rule_suites(bytes);
    let _entry = std::str::from_utf8(bytes).map(forge::foreign::log_entry);
    // A capture whose digests hold is not found by chance: the same bytes with the digests put right are read as well.
    let capture = Capture::parse(bytes).ok().or_else(|| mended(bytes));
    let Some(capture) = capture else { return };
    let _names = forge::plan(&capture);
    let first = forge::derive(&capture);
    assert_eq!(first, forge::derive(&capture));
    if let Ok(change) = first {
        assert_eq!(change.raw_evidence.len(), capture.head.exchanges.len());
        let text = serde_json::to_vec(&change).expect("a change is written");
        let again: ChangeReview = serde_json::from_slice(&text).expect("and read");
        assert_eq!(again, change);
    }
});

/// Lines of `name`, tab, body after a first line with the head's forge: what a fuzzer can alter freely.
fn mended(bytes: &[u8]) -> Option<Capture> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines();
    let (forge, how) = match lines.next()? {
        "github" => (ForgeKind::Github, Observation::Afterwards),
        "gitlab" => (ForgeKind::Gitlab, Observation::Afterwards),
        "github live" => (ForgeKind::Github, Observation::Live),
        "gitlab live" => (ForgeKind::Gitlab, Observation::Live),
        _ => return None,
    };
    let time = "2026-11-22T11:00:00Z".parse().ok()?;
    let mut capture = Capture::new(forge::Head {
        forge,
        host: "forge.example".to_owned(),
        repository: countersign_core::ids::Uri::new("git+https://forge.example/team/service").ok()?,
        path: "team/service".to_owned(),
        change: 7,
        how,
        gaps: Vec::new(),
        collected_at: time,
        exchanges: Vec::new(),
    });
    for line in lines.take(64) {
        let (name, body) = line.split_once('\t')?;
        let (status, name) = name.split_once(' ')?;
        let exchange = forge::Exchange {
            name: name.to_owned(),
            status: status.parse().ok()?,
            at: time,
            link: None,
            next_page: None,
            length: 0,
            digest: countersign_core::digest::Sha256::of(b""),
        };
        capture.push(exchange, body.as_bytes().to_vec());
    }
    Some(capture)
}
