//! Public keys in all their forms: the id and the key itself do not depend on the form.
#![no_main]

use countersign_core::key::PublicKey;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let from_text = std::str::from_utf8(bytes).ok().and_then(|text| PublicKey::parse(text).ok());
    let from_der = PublicKey::from_spki_der(bytes).ok();
    for key in [from_text, from_der].into_iter().flatten() {
        let again = PublicKey::parse(&key.to_openssh()).expect("what we write, we read");
        assert_eq!((again.id(), again.material()), (key.id(), key.material()));
        // RSA keys of a size that nobody should use are read from OpenSSH's form only.
        let odd = key.rsa_bits().is_some_and(|bits| !(2048..=8192).contains(&bits));
        if let Some(pem) = key.to_pem().filter(|_| !odd) {
            let again = PublicKey::parse(&pem).expect("what we write, we read");
            assert_eq!((again.id(), again.material()), (key.id(), key.material()));
        }
    }
});
