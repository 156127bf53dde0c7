//! The cases by which other implementations of the same tree are tested: what they find to hold holds for us, what they find
//! not to does not, and the proofs that they make are ours to the byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::digest::Sha256;
use countersign_core::log::merkle::{
    HashReader, consistency_proof, inclusion_proof, leaf_hash, root_of, verify_consistency, verify_inclusion,
};
use serde_json::Value;
use std::convert::Infallible;

fn cases() -> Value {
    serde_json::from_str(include_str!("../third-party/tlog/cases.json")).unwrap()
}

fn hash(value: &Value) -> Sha256 {
    Sha256::from_bytes(STANDARD.decode(value.as_str().unwrap()).unwrap().try_into().unwrap())
}

fn hashes(value: &Value) -> Vec<Sha256> {
    value.as_array().unwrap().iter().map(hash).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect()
}

#[test]
fn the_proofs_of_sigsum_and_of_a_public_log_are_judged_as_they_are_there() {
    let cases = cases();
    let mut judged = (0, 0);
    for case in cases["inclusion"].as_array().unwrap() {
        let number = |name: &str| case[name].as_u64().unwrap();
        let (leaf, root, proof) = (hash(&case["leafHash"]), hash(&case["root"]), hashes(&case["proof"]));
        let holds = verify_inclusion(&leaf, number("index"), number("size"), &proof, &root).is_ok();
        assert_eq!(Some(holds), case["holds"].as_bool(), "{case}");
        if holds { judged.0 += 1 } else { judged.1 += 1 }
    }
    assert!(judged.0 >= 4 && judged.1 >= 4, "{judged:?}");
    for case in cases["consistency"].as_array().unwrap() {
        let number = |name: &str| case[name].as_u64().unwrap();
        let (from, to) = (number("size1"), number("size2"));
        let (first, second, proof) = (hash(&case["root1"]), hash(&case["root2"]), hashes(&case["proof"]));
        assert_eq!(verify_consistency(from, to, &proof, &first, &second), Ok(()));
        assert!(verify_consistency(from + 1, to, &proof, &first, &second).is_err());
        assert!(verify_consistency(from, to, &proof[1..], &first, &second).is_err());
    }
}

struct Leaves(Vec<Sha256>);

impl HashReader for Leaves {
    type Error = Infallible;
    fn hash(&mut self, level: u32, index: u64) -> Result<Sha256, Infallible> {
        let width = 1_usize << level;
        let first = usize::try_from(index).unwrap() * width;
        Ok(root_of(&self.0[first..first + width]))
    }
}

#[test]
fn the_proofs_that_ct_merkle_makes_are_the_ones_that_we_make() {
    let made = &cases()["made"];
    let leaves: Vec<Sha256> =
        made["leaves"].as_array().unwrap().iter().map(|leaf| leaf_hash(&hex(leaf.as_str().unwrap()))).collect();
    let expected = |case: &Value| -> Vec<String> {
        case["proof"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().to_owned()).collect()
    };
    let text = |proof: Vec<Sha256>| -> Vec<String> { proof.iter().map(Sha256::hex).collect() };
    let mut count = 0;
    for case in made["inclusion"].as_array().unwrap() {
        let (size, index) = (case["size"].as_u64().unwrap(), case["index"].as_u64().unwrap());
        let proof = inclusion_proof(&mut Leaves(leaves.clone()), index, size).unwrap();
        assert_eq!(text(proof), expected(case), "{case}");
        count += 1;
    }
    for case in made["consistency"].as_array().unwrap() {
        let (from, to) = (case["size1"].as_u64().unwrap(), case["size2"].as_u64().unwrap());
        let proof = consistency_proof(&mut Leaves(leaves.clone()), from, to).unwrap();
        assert_eq!(text(proof), expected(case), "{case}");
        count += 1;
    }
    assert_eq!(count, 11);
}
