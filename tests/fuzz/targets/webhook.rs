//! A delivery as it comes: headers that prove it, and the body. Whatever is written into them, only what somebody signed who
//! knows the secret is taken; the same with one byte altered is not; and what it is about is the same each time.
#![no_main]

use aws_lc_rs::hmac;
use countersign_core::forge::webhook::subject_of;
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::time::Time;
use countersign_verify::webhook::{NotProved, Proof, Secrets};

const SECRET: &str = "a secret that nobody guesses";
/// Signs by Standard Webhooks: `whsec_` and twenty times the byte 0.
const SIGNING: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA=";

libfuzzer_sys::fuzz_target!(|input: (&str, &str, &str, &str, &str, &[u8])| {
    let (event, id, timestamp, header, token, body) = input;
    let now: Time = "2026-11-22T11:00:00Z".parse().expect("a time");
    let github = Secrets::new(ForgeKind::Github, &[SECRET]).expect("a secret");
    let gitlab = Secrets::new(ForgeKind::Gitlab, &[SECRET, SIGNING]).expect("secrets");

    let none = Proof::default();
    assert_eq!(github.check(&none, body, now), Err(NotProved::Unsigned));
    assert_eq!(gitlab.check(&none, body, now), Err(NotProved::Unsigned));
    // The other forge's headers prove nothing to this one.
    let proof =
        Proof { token: Some(SECRET), id: Some(id), timestamp: Some(timestamp), signature: Some(header), ..none };
    assert_eq!(github.check(&proof, body, now), Err(NotProved::Unsigned));
    // A token beside a signature that does not hold is no way around it.
    assert!(gitlab.check(&proof, body, now).is_err());
    assert!(github.check(&Proof { hub_signature: Some(header), ..none }, body, now).is_err());
    assert_eq!(gitlab.check(&Proof { token: Some(token), ..none }, body, now).is_ok(), token == SECRET);

    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag: String = hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let signed = format!("sha256={tag}");
    let proof = Proof { hub_signature: Some(&signed), ..none };
    assert!(github.check(&proof, body, now).is_ok());
    let mut altered = body.to_vec();
    altered.push(b' ');
    assert!(github.check(&proof, &altered, now).is_err());

    for forge in [ForgeKind::Github, ForgeKind::Gitlab] {
        let about = subject_of(forge, event, body);
        assert_eq!(about, subject_of(forge, event, body));
    }
});
