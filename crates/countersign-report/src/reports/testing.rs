//! One refusal for the tests of every form.

use super::{Effect, Facts, Report};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Finding, RuleNote, Verdict};

/// A release that is refused for its reviews and for an image, with a note.
pub(super) fn facts() -> Facts {
    let mut review =
        Finding::new(codes::REVIEW_MISSING, "one change has the agreement of 1 trusted person, 2 are needed")
            .at("change 4e1d… \"Retry uploads\"")
            .expected("2 trusted persons agreed", "policy release@7")
            .found("1  a1 (author, known by commit signature)");
    review.controls = vec!["SOC 2 CC8.1".to_owned()];
    let mut image =
        Finding::new(codes::RULE_BROKEN, "image nginx:latest comes from docker.io").at("k8s/deploy.yaml:77:16");
    image.rule = Some(Box::new(RuleNote {
        id: "image-registry@1".parse().unwrap(),
        severity: "high".to_owned(),
        why: "an unapproved registry has no scanning".to_owned(),
        owner: "platform-security".to_owned(),
        docs: Some("https://docs.example/images".to_owned()),
    }));
    let mut facts = Facts::new("promote", "0.1.0", Verdict::Fail, Exit::Refused);
    facts.subject_name = Some("app.bin".to_owned());
    facts.subject = Some(Sha256::of(b"app"));
    facts.environment = Some("production".parse().unwrap());
    facts.file = "dist/app.bin".to_owned();
    facts.checks =
        vec![Check::new("trust", Verdict::Pass, "trust@3"), Check::new("review", Verdict::Fail, "1 of 14 changes")];
    facts.closing = "nothing was authorised; decision recorded as entry 1042".to_owned();
    let mut facts =
        facts.found(&[Finding::new(codes::BUILDER_UNKNOWN, "builder https://ci.example counts as L1"), review]);
    facts.findings.push((image, Effect::Warns));
    facts
}

/// The same as a result.
pub(super) fn refusal() -> Report {
    Report::new(facts(), None)
}
