//! Single flipped bits, at places that a fixed sequence of numbers gives, so that a run can be repeated.

use super::Stage;
use countersign_core::exit::Exit;
use countersign_core::finding::exit_of;

/// One flipped bit, and what came of it.
#[derive(Debug, Clone)]
pub struct Flipped {
    /// Where.
    pub at: usize,
    /// Which bit.
    pub bit: u32,
    /// The file of the package that it lies in; empty for the directory at the end.
    pub file: String,
    /// The code that was found first, and the place that it names.
    pub found: Option<(String, String)>,
    /// How the run ended.
    pub exit: Exit,
}

impl Flipped {
    /// Whether it was found, and the file named where the bit lies in one.
    #[must_use]
    pub fn is_named(&self) -> bool {
        let named = self.found.as_ref().is_some_and(|(_, at)| !at.is_empty() && at.contains(&self.file));
        self.exit == Exit::Untrusted && named
    }
}

/// Flips so many bits, one at a time.
pub fn flips(stage: &Stage, count: usize) -> impl Iterator<Item = Flipped> + '_ {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count).map(move |_| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = state;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^= n >> 31;
        let length = u64::try_from(stage.bytes.len()).expect("a length");
        let at = usize::try_from((n >> 3) % length).expect("a place");
        let bit = u32::try_from(n & 7).expect("a bit");
        flip(stage, at, bit)
    })
}

fn flip(stage: &Stage, at: usize, bit: u32) -> Flipped {
    let mut bytes = stage.bytes.clone();
    bytes[at] ^= 1 << bit;
    let report = stage.check(&bytes);
    let first = report.findings.first();
    Flipped {
        at,
        bit,
        file: file_at(stage, at),
        found: first.map(|finding| (finding.code.to_string(), finding.at.join(", "))),
        exit: exit_of(&report.findings),
    }
}

/// The file whose content a byte lies in.
fn file_at(stage: &Stage, at: usize) -> String {
    let found = stage.files.keys().zip(super::stage::places(&stage.bytes)).find(|(_, place)| place.contains(&at));
    found.map_or_else(String::new, |(name, _)| name.clone())
}
