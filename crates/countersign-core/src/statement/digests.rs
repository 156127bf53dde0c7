//! Which digests of a subject can be relied upon. in-toto lets anybody add identifiers of other algorithms beside them, in whatever form
//! that algorithm has, and asks readers to pass over those that they do not know.

use std::collections::BTreeMap;

/// How many hexadecimal characters a digest by this algorithm has; nothing for one that is not known.
fn lengths(algorithm: &str) -> &'static [usize] {
    match algorithm {
        "md5" => &[32],
        "sha1" | "ripemd160" => &[40],
        "gitCommit" | "gitTree" | "gitBlob" | "gitTag" => &[40, 64],
        "sha224" | "sha512_224" | "sha3_224" => &[56],
        "sha256" | "sha512_256" | "sha3_256" | "blake2s" | "sm3" | "gost" => &[64],
        "blake2b" | "shake256" => &[64, 128],
        "shake128" => &[32, 64],
        "sha384" | "sha3_384" => &[96],
        "sha512" | "sha3_512" => &[128],
        _ => &[],
    }
}

/// The shortest digest that may stand alone, in characters: git's names are that long. A shorter one is no name for anything.
const SHORTEST: usize = 40;
/// As long is the longest of those that are known.
const LONGEST: usize = 128;

/// Whether each digest of a known algorithm is of that algorithm's form, and there is one that names something. One of an algorithm
/// that is not known may be all there is of one subject of many, which says nothing against the others.
pub(super) fn usable(digests: &BTreeMap<String, String>) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut known = digests.iter().map(|(name, text)| (lengths(name), text)).filter(|(lengths, _)| !lengths.is_empty());
    let formed = known.all(|(lengths, text)| lengths.contains(&text.len()) && hex(text));
    formed && digests.values().any(|text| (SHORTEST..=LONGEST).contains(&text.len()) && hex(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable_of(digests: &[(&str, &str)]) -> bool {
        usable(&digests.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn a_digest_of_another_algorithm_stands_beside_one_that_is_known_and_never_in_its_place() {
        let (md5, sha1, sha256) = ("a".repeat(32), "b".repeat(40), "c".repeat(64));
        assert!(usable_of(&[("sha256", &sha256)]));
        assert!(usable_of(&[("gitCommit", &sha1)]) && usable_of(&[("gitCommit", &sha256)]));
        for beside in
            [("md5", &*md5), ("sha1", &sha1), ("goModuleH1", "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")]
        {
            assert!(usable_of(&[("sha256", &sha256), beside]), "{beside:?}");
        }
        assert!(usable_of(&[("sha256", &sha256), ("gce_image_id", "123"), ("empty", "")]));
        assert!(usable_of(&[("blake3", &sha256)]), "it names something, though nothing that is looked for");
        for none in [&[][..], &[("gce_image_id", "123")], &[("md5", &md5)], &[("SHA256", &sha256.to_uppercase())]] {
            assert!(!usable_of(none), "{none:?}");
        }
    }

    #[test]
    fn a_digest_of_a_known_algorithm_has_its_length_and_its_characters() {
        let (sha1, sha256, sha512) = ("b".repeat(40), "c".repeat(64), "d".repeat(128));
        for (name, text) in [
            ("sha256", sha1.as_str()),
            ("sha256", &sha512),
            ("sha512", &sha256),
            ("sha1", &sha256),
            ("md5", &sha1),
            ("sha384", &sha256),
            ("sha256", &sha256.to_uppercase()),
            ("sha256", ""),
            ("sha512", "none"),
        ] {
            assert!(!usable_of(&[(name, text)]), "{name} {text}");
            // A good one beside it does not mend it.
            assert!(!usable_of(&[(name, text), ("gitTree", &sha1)]), "{name} {text}");
        }
    }
}
