//! The Merkle tree of RFC 6962 over SHA-256: roots, inclusion proofs and consistency proofs, made and checked.
//! It never holds a whole tree: hashes come one at a time, or from a [`HashReader`].

use crate::digest::Sha256;

/// The hash of an entry as a leaf.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Sha256 {
    Sha256::of_parts(&[&[0], entry])
}

/// The hash of an inner node.
#[must_use]
pub fn node_hash(left: &Sha256, right: &Sha256) -> Sha256 {
    Sha256::of_parts(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Sha256 {
    Sha256::of(b"")
}

/// The root over leaf hashes, or over the equally high subtrees that they stand for.
#[must_use]
pub fn root_of(leaves: &[Sha256]) -> Sha256 {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        // A slice never holds 2^64 hashes.
        if frontier.push(*leaf).is_err() {
            break;
        }
    }
    frontier.root()
}

/// The right edge of a growing tree: the roots of the complete subtrees that its size falls into, largest first. All
/// that is needed to append and to know every root on the way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Sha256>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// A right edge that was stored: as many peaks as the size has bits set.
    pub fn from_parts(size: u64, peaks: Vec<Sha256>) -> Result<Self, ProofRefused> {
        let expected = usize_of(size.count_ones());
        if peaks.len() == expected {
            Ok(Self { size, peaks })
        } else {
            Err(ProofRefused::Length { expected, found: peaks.len() })
        }
    }

    /// The right edge of the first `size` leaves of a stored tree.
    pub fn read<R: HashReader>(reader: &mut R, size: u64) -> Result<Self, R::Error> {
        Ok(Self { size, peaks: peaks(reader, 0, size)? })
    }

    /// How many leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Sha256] {
        &self.peaks
    }

    /// The tree's root.
    #[must_use]
    pub fn root(&self) -> Sha256 {
        fold(&self.peaks).unwrap_or_else(empty_root)
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Sha256) -> Result<(), TreeFull> {
        let grown = self.size.checked_add(1).ok_or(TreeFull)?;
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size = grown;
        Ok(())
    }
}

/// The tree has 2^64 - 1 leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree is full")]
pub struct TreeFull;

/// Where stored hashes come from.
pub trait HashReader {
    /// Why a hash could not be had.
    type Error;

    /// The root of the complete subtree with 2^`level` leaves whose first leaf is `index` * 2^`level`.
    fn hash(&mut self, level: u32, index: u64) -> Result<Sha256, Self::Error>;
}

/// Why a proof was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofRefused {
    /// The index is not in a tree of that size.
    #[error("index {index} is outside a tree of {size}")]
    Outside {
        /// The index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// A tree without leaves is consistent with everything: proving it says nothing.
    #[error("nothing can be proved from a tree without entries")]
    EmptyTree,
    /// The later tree is the smaller one.
    #[error("a tree of {to} cannot continue one of {from}")]
    Shrunk {
        /// The earlier size.
        from: u64,
        /// The later size.
        to: u64,
    },
    /// Too many or too few hashes.
    #[error("{expected} hashes expected, found {found}")]
    Length {
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The hashes lead to another root than the (later) tree's.
    #[error("the hashes lead to {computed}, not to the root {expected}")]
    Root {
        /// The root that was claimed.
        expected: Sha256,
        /// Where the hashes lead.
        computed: Sha256,
    },
    /// The hashes lead to another root than the earlier tree's.
    #[error("the hashes lead to {computed}, not to the earlier root {expected}")]
    EarlierRoot {
        /// The root that was claimed.
        expected: Sha256,
        /// Where the hashes lead.
        computed: Sha256,
    },
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// There is no such proof.
    #[error(transparent)]
    Refused(#[from] ProofRefused),
    /// A stored hash could not be had.
    #[error("a stored hash could not be read")]
    Read(#[source] E),
}

/// The hashes that prove the leaf at `index` to be in the tree of the first `size` leaves, from the leaf's sibling up.
pub fn inclusion_proof<R: HashReader>(
    reader: &mut R,
    index: u64,
    size: u64,
) -> Result<Vec<Sha256>, ProofError<R::Error>> {
    if index >= size {
        return Err(ProofRefused::Outside { index, size }.into());
    }
    let (mut low, mut high) = (0, size);
    let mut proof = Vec::new();
    while let Some(middle) = split(low, high) {
        if index < middle {
            proof.push(range_root(reader, middle, high)?);
            high = middle;
        } else {
            proof.push(range_root(reader, low, middle)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the leaf is at `index` in the tree of `size` leaves with this root.
pub fn verify_inclusion(
    leaf: &Sha256,
    index: u64,
    size: u64,
    proof: &[Sha256],
    root: &Sha256,
) -> Result<(), ProofRefused> {
    if index >= size {
        return Err(ProofRefused::Outside { index, size });
    }
    let (inner, border) = shape(index, size);
    let expected = inner.saturating_add(border);
    let length = ProofRefused::Length { expected, found: proof.len() };
    if proof.len() != expected {
        return Err(length);
    }
    let (below, above) = proof.split_at_checked(inner).ok_or(length)?;
    let computed = climb_edge(climb(*leaf, below, index), above);
    if computed == *root { Ok(()) } else { Err(ProofRefused::Root { expected: *root, computed }) }
}

/// The hashes that prove the tree of the first `to` leaves to be a continuation of the tree of the first `from`.
pub fn consistency_proof<R: HashReader>(
    reader: &mut R,
    from: u64,
    to: u64,
) -> Result<Vec<Sha256>, ProofError<R::Error>> {
    if from > to {
        return Err(ProofRefused::Shrunk { from, to }.into());
    }
    if from == 0 {
        return Err(ProofRefused::EmptyTree.into());
    }
    let (mut low, mut high) = (0, to);
    let mut proof = Vec::new();
    // Walks down to the last complete subtree of the earlier tree; it is known already if it is the whole of it.
    while from != high {
        let Some(middle) = split(low, high) else { break };
        if from <= middle {
            proof.push(range_root(reader, middle, high)?);
            high = middle;
        } else {
            proof.push(range_root(reader, low, middle)?);
            low = middle;
        }
    }
    if low != 0 {
        proof.push(range_root(reader, low, high)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the tree of `to` leaves with root `to_root` is a continuation of the tree of `from` leaves with root
/// `from_root`. A `from` of zero is refused: such a proof would say nothing.
pub fn verify_consistency(
    from: u64,
    to: u64,
    proof: &[Sha256],
    from_root: &Sha256,
    to_root: &Sha256,
) -> Result<(), ProofRefused> {
    if from > to {
        return Err(ProofRefused::Shrunk { from, to });
    }
    let Some(last) = from.checked_sub(1) else {
        return Err(ProofRefused::EmptyTree);
    };
    if from == to {
        if !proof.is_empty() {
            return Err(ProofRefused::Length { expected: 0, found: proof.len() });
        }
        return same_root(from_root, *to_root);
    }
    // The climb starts at the last complete subtree of the earlier tree. If that is the whole tree, its root is not
    // part of the proof.
    let shift = from.trailing_zeros();
    let (inner, border) = shape(last, to);
    let inner = inner.saturating_sub(usize_of(shift));
    let whole = from.is_power_of_two();
    let expected = inner.saturating_add(border).saturating_add(usize::from(!whole));
    let length = ProofRefused::Length { expected, found: proof.len() };
    if proof.len() != expected {
        return Err(length);
    }
    let (seed, rest) = if whole { (from_root, proof) } else { proof.split_first().ok_or(length)? };
    let (below, above) = rest.split_at_checked(inner).ok_or(length)?;
    let mask = last.checked_shr(shift).unwrap_or(0);
    let earlier = climb_edge(climb_left(*seed, below, mask), above);
    if earlier != *from_root {
        return Err(ProofRefused::EarlierRoot { expected: *from_root, computed: earlier });
    }
    same_root(to_root, climb_edge(climb(*seed, below, mask), above))
}

fn same_root(expected: &Sha256, computed: Sha256) -> Result<(), ProofRefused> {
    if computed == *expected { Ok(()) } else { Err(ProofRefused::Root { expected: *expected, computed }) }
}

/// How many hashes lead from the leaf at `index` to where its path meets the tree's right edge, and how many lie on
/// the left of that edge above.
fn shape(index: u64, size: u64) -> (usize, usize) {
    let apart = index ^ size.saturating_sub(1);
    let inner = u64::BITS.saturating_sub(apart.leading_zeros());
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    (usize_of(inner), usize_of(border))
}

fn climb(mut node: Sha256, siblings: &[Sha256], mut index: u64) -> Sha256 {
    for sibling in siblings {
        node = if index & 1 == 0 { node_hash(&node, sibling) } else { node_hash(sibling, &node) };
        index >>= 1;
    }
    node
}

fn climb_left(mut node: Sha256, siblings: &[Sha256], mut index: u64) -> Sha256 {
    for sibling in siblings {
        if index & 1 == 1 {
            node = node_hash(sibling, &node);
        }
        index >>= 1;
    }
    node
}

fn climb_edge(node: Sha256, siblings: &[Sha256]) -> Sha256 {
    siblings.iter().fold(node, |node, left| node_hash(left, &node))
}

/// Where RFC 6962 divides a range of leaves: after the largest power of two below its length.
fn split(low: u64, high: u64) -> Option<u64> {
    let last = high.checked_sub(low)?.checked_sub(1)?;
    let half = 1_u64.checked_shl(last.checked_ilog2()?)?;
    low.checked_add(half)
}

/// The root over a range of leaves that starts where a subtree of its length would.
fn range_root<R: HashReader>(reader: &mut R, low: u64, high: u64) -> Result<Sha256, ProofError<R::Error>> {
    let peaks = peaks(reader, low, high).map_err(ProofError::Read)?;
    Ok(fold(&peaks).unwrap_or_else(empty_root))
}

fn peaks<R: HashReader>(reader: &mut R, low: u64, high: u64) -> Result<Vec<Sha256>, R::Error> {
    let mut peaks = Vec::new();
    let mut at = low;
    while let Some(level) = high.saturating_sub(at).checked_ilog2() {
        peaks.push(reader.hash(level, at.checked_shr(level).unwrap_or(0))?);
        at = at.saturating_add(1_u64.checked_shl(level).unwrap_or(0));
    }
    Ok(peaks)
}

fn fold(peaks: &[Sha256]) -> Option<Sha256> {
    peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right))
}

fn usize_of(bits: u32) -> usize {
    usize::try_from(bits).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a wrong index in a test is a failed test")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    /// RFC 6962, section 2.1, word for word: slow and obvious.
    fn naive_root(leaves: &[Sha256]) -> Sha256 {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&naive_root(left), &naive_root(right))
            }
        }
    }

    fn naive_path(index: usize, leaves: &[Sha256]) -> Vec<Sha256> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let middle = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(middle);
        let (mut path, other) =
            if index < middle { (naive_path(index, left), right) } else { (naive_path(index - middle, right), left) };
        path.push(naive_root(other));
        path
    }

    fn naive_consistency(from: usize, leaves: &[Sha256], known: bool) -> Vec<Sha256> {
        if from == leaves.len() {
            return if known { Vec::new() } else { vec![naive_root(leaves)] };
        }
        let middle = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(middle);
        let (mut proof, other) = if from <= middle {
            (naive_consistency(from, left, known), right)
        } else {
            (naive_consistency(from - middle, right, false), left)
        };
        proof.push(naive_root(other));
        proof
    }

    struct Leaves(Vec<Sha256>);

    impl HashReader for Leaves {
        type Error = Infallible;
        fn hash(&mut self, level: u32, index: u64) -> Result<Sha256, Infallible> {
            let low = usize::try_from(index << level).unwrap();
            Ok(naive_root(&self.0[low..low + (1 << level)]))
        }
    }

    fn leaves(count: usize) -> Vec<Sha256> {
        (0..count).map(|n| leaf_hash(&u64::try_from(n).unwrap().to_be_bytes())).collect()
    }

    #[test]
    fn every_root_on_the_way_is_the_one_of_the_definition() {
        let all = leaves(70);
        let mut frontier = Frontier::new();
        for size in 0..all.len() {
            assert_eq!(frontier.root(), naive_root(&all[..size]));
            let stored = Frontier::from_parts(frontier.size(), frontier.peaks().to_vec());
            assert_eq!(stored.as_ref(), Ok(&frontier));
            let read = Frontier::read(&mut Leaves(all.clone()), size.try_into().unwrap());
            assert_eq!(read, Ok(frontier.clone()));
            frontier.push(all[size]).unwrap();
        }
        assert!(Frontier::from_parts(3, leaves(1)).is_err());
    }

    #[test]
    fn every_proof_of_small_trees_is_the_one_of_the_definition_and_holds() {
        for size in 1..=20_usize {
            let all = leaves(size);
            let root = root_of(&all);
            let mut reader = Leaves(all.clone());
            let n = u64::try_from(size).unwrap();
            for index in 0..size {
                let i = u64::try_from(index).unwrap();
                let proof = inclusion_proof(&mut reader, i, n).unwrap();
                assert_eq!(proof, naive_path(index, &all));
                assert_eq!(verify_inclusion(&all[index], i, n, &proof, &root), Ok(()));
            }
            for from in 1..=size {
                let f = u64::try_from(from).unwrap();
                let proof = consistency_proof(&mut reader, f, n).unwrap();
                assert_eq!(proof, naive_consistency(from, &all, true));
                let earlier = root_of(&all[..from]);
                assert_eq!(verify_consistency(f, n, &proof, &earlier, &root), Ok(()));
            }
        }
    }

    #[test]
    fn there_is_no_proof_from_nothing_to_nothing_or_backwards() {
        let mut reader = Leaves(leaves(3));
        let outside = ProofRefused::Outside { index: 3, size: 3 };
        assert_eq!(inclusion_proof(&mut reader, 3, 3), Err(ProofError::Refused(outside)));
        assert_eq!(verify_inclusion(&empty_root(), 3, 3, &[], &empty_root()), Err(outside));
        assert!(verify_inclusion(&empty_root(), 0, 0, &[], &empty_root()).is_err());
        assert_eq!(consistency_proof(&mut reader, 0, 3), Err(ProofError::Refused(ProofRefused::EmptyTree)));
        let empty = empty_root();
        assert_eq!(verify_consistency(0, 0, &[], &empty, &empty), Err(ProofRefused::EmptyTree));
        assert_eq!(verify_consistency(3, 2, &[], &empty, &empty), Err(ProofRefused::Shrunk { from: 3, to: 2 }));
    }

    #[test]
    fn the_largest_sizes_are_refused_without_a_panic() {
        let hash = empty_root();
        let many = vec![hash; 64];
        for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1] {
            for index in [0, 1, size / 2, size - 1] {
                assert!(verify_inclusion(&hash, index, size, &many, &hash).is_err());
                assert!(verify_consistency(index + 1, size, &many, &hash, &empty_root()).is_err());
            }
        }
        let mut full = Frontier::from_parts(u64::MAX, many).unwrap();
        assert_eq!(full.push(hash), Err(TreeFull));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_altered_proof_holds(size in 2_usize..200, seed in any::<u64>(), bit in 0_usize..256) {
            let all = leaves(size);
            let root = root_of(&all);
            let mut reader = Leaves(all.clone());
            let n = u64::try_from(size).unwrap();
            let i = seed % n;
            let index = usize::try_from(i).unwrap();
            let proof = inclusion_proof(&mut reader, i, n).unwrap();
            let flip = |hash: &Sha256| {
                let mut bytes = *hash.as_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                Sha256::from_bytes(bytes)
            };
            for at in 0..proof.len() {
                let mut bad = proof.clone();
                bad[at] = flip(&bad[at]);
                prop_assert!(verify_inclusion(&all[index], i, n, &bad, &root).is_err());
                bad.remove(at);
                prop_assert!(verify_inclusion(&all[index], i, n, &bad, &root).is_err());
            }
            prop_assert!(verify_inclusion(&flip(&all[index]), i, n, &proof, &root).is_err());
            for other in (0..n).filter(|other| *other != i) {
                prop_assert!(verify_inclusion(&all[index], other, n, &proof, &root).is_err());
            }
            let f = i + 1;
            let earlier = root_of(&all[..=index]);
            let proof = consistency_proof(&mut reader, f, n).unwrap();
            for at in 0..proof.len() {
                let mut bad = proof.clone();
                bad[at] = flip(&bad[at]);
                prop_assert!(verify_consistency(f, n, &bad, &earlier, &root).is_err());
                bad.insert(at, root);
                prop_assert!(verify_consistency(f, n, &bad, &earlier, &root).is_err());
            }
            prop_assert!(verify_consistency(f, n, &proof, &flip(&earlier), &root).is_err());
            prop_assert!(verify_consistency(f, n, &proof, &earlier, &flip(&root)).is_err());
        }
    }
}
