//! How long one verification takes in the process, and how long the bare signature checks take that it is made of: for a
//! bundle over a statement with a certificate, a log entry of Rekor 1 with promise and proof, and a certificate log's word.
//! Prints `{"verify": ROW, "signatures": ROW}` in microseconds on one idle core.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement that cannot be made should stop, and is printed"
)]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, UnparsedPublicKey, VerificationAlgorithm,
};
use countersign_core::attestation::read;
use countersign_core::statement::Statement;
use countersign_verify::sigstore::{Artifact, Transparency, TrustedRoot};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const RUNS: usize = 9;
const EACH: u32 = 100;
/// Over the envelope, the promise, the checkpoint, and by the certificate log.
const P256: u32 = 4;
/// The certificate's authority. What is above it needs no check: the trusted root has both certificates.
const P384: u32 = 1;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let bundle = std::fs::read(&arguments[1]).expect("the bundle");
    let root = TrustedRoot::parse(&std::fs::read(&arguments[2]).expect("the root")).expect("a root");
    let payload = read(&bundle).expect("a bundle")[0].payload.clone().expect("a statement");
    let statement = Statement::parse_any(&payload).expect("a statement");
    let artifact = Artifact::of(&statement.subjects).expect("a subject");
    let at = "2026-11-25T00:00:00Z".parse().expect("a time");
    let verify = measured(|| {
        root.verify_keyless(&bundle, artifact, Transparency::Log, at).expect("it holds");
    });
    let small = Signed::new(&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_ASN1);
    let large = Signed::new(&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1);
    let signatures = measured(|| {
        (0..P256).for_each(|_| small.check());
        (0..P384).for_each(|_| large.check());
    });
    println!("{}", json!({ "verify": verify, "signatures": signatures }));
}

struct Signed {
    public: Vec<u8>,
    signature: Vec<u8>,
    algorithm: &'static dyn VerificationAlgorithm,
}

impl Signed {
    fn new(signing: &'static EcdsaSigningAlgorithm, algorithm: &'static dyn VerificationAlgorithm) -> Self {
        let pair = EcdsaKeyPair::generate(signing).expect("a key");
        let signature = pair.sign(&SystemRandom::new(), MESSAGE).expect("a signature").as_ref().to_vec();
        Self { public: pair.public_key().as_ref().to_vec(), signature, algorithm }
    }

    fn check(&self) {
        let key = UnparsedPublicKey::new(self.algorithm, &self.public);
        key.verify(MESSAGE, &self.signature).expect("it holds");
    }
}

const MESSAGE: &[u8] = &[7; 1_000];

/// Microseconds of one call: the middle of several runs of many.
fn measured(call: impl Fn()) -> Value {
    call();
    let mut samples: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            (0..EACH).for_each(|_| call());
            micros(start.elapsed()) / f64::from(EACH)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    json!({ "runs": RUNS, "min": samples[0], "median": samples[RUNS / 2], "max": samples[RUNS - 1] })
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000_000.0
}
