//! Bundles and trusted roots of the Sigstore ecosystem, through the adapter: nothing that a fuzzer writes is signed by a
//! published instance, and a root is read or refused, the same each time.
#![no_main]

use countersign_core::time::Time;
use countersign_core::attestation;
use countersign_verify::attest::{Anchors, Wanted, verify};
use countersign_verify::sigstore::{Artifact, BundleKey, Instance, Transparency, TrustedRoot};
use std::sync::LazyLock;

static ROOT: LazyLock<TrustedRoot> =
    LazyLock::new(|| TrustedRoot::embedded(Instance::Production).expect("the embedded root is read"));

const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let at: Time = "2026-11-22T11:00:00Z".parse().expect("a time");
    // What is signed is never these bytes: a seed that is a real bundle is of something else.
    let artifact = Artifact::Sha256([7; 32]);
    for transparency in [Transparency::Log, Transparency::Timestamp] {
        assert!(ROOT.verify_keyless(bytes, artifact, transparency, at).is_err());
    }
    let key = BundleKey::from_pem(KEY).expect("a key");
    assert!(ROOT.verify_managed(bytes, artifact, &key, at).is_err());
    // Whichever form the bytes are in, nothing holds where nothing counts.
    for one in attestation::read(bytes).unwrap_or_default() {
        assert!(verify(&one, &Anchors::default(), &Wanted::default(), at, "fuzz").is_err());
    }
    let first = TrustedRoot::parse(bytes);
    let second = TrustedRoot::parse(bytes);
    assert_eq!(first.as_ref().map(TrustedRoot::digest).ok(), second.as_ref().map(TrustedRoot::digest).ok());
    if let Ok(root) = first {
        // A bundle of nothing holds by no root.
        assert!(root.verify_keyless(b"{}", artifact, Transparency::Timestamp, at).is_err());
    }
});
