//! The merge of text: steps 7 to 9 of the rule, without the attributes.

use super::Why;
use crate::limits;
use imara_diff::{Algorithm, Diff, NoSliderHeuristic, Token};
use std::collections::BTreeMap;
use std::ops::Range;

/// Merges three contents, or says why not.
pub(super) fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, Why> {
    for content in [base, ours, theirs] {
        if content.iter().take(8_000).any(|b| *b == 0) {
            return Err(Why::Binary);
        }
        if content.len() > limits::MERGE_TEXT_BYTES {
            return Err(Why::TooLarge);
        }
    }
    let mut table = Table::default();
    let [base, ours, theirs] = [table.tokens(base)?, table.tokens(ours)?, table.tokens(theirs)?];
    let merge_with = |algorithm| table.merge_with(algorithm, &base, &ours, &theirs);
    match (merge_with(Algorithm::Histogram), merge_with(Algorithm::Myers)) {
        (Some(a), Some(b)) if a == b => table.text(&a).ok_or(Why::TextConflict),
        (None, None) => Err(Why::TextConflict),
        (Some(_) | None, Some(_) | None) => Err(Why::Ambiguous),
    }
}

/// What a diff of two texts shows: which lines it adds, by number from 0, and how many it takes away. `None` past the
/// bounds, where no diff is made.
pub(in crate::git) fn compared(before: &[u8], after: &[u8]) -> Option<(Vec<Range<usize>>, usize)> {
    if before.len().max(after.len()) > limits::MERGE_TEXT_BYTES {
        return None;
    }
    let mut table = Table::default();
    let (before, after) = (table.tokens(before).ok()?, table.tokens(after).ok()?);
    let hunks = table.hunks(Algorithm::Histogram, &before, &after);
    let removed = hunks.iter().fold(0_usize, |sum, hunk| sum.saturating_add(hunk.before.len()));
    Some((hunks.into_iter().map(|hunk| hunk.after).filter(|range| !range.is_empty()).collect(), removed))
}

/// Lines as numbers, the same number for the same line.
#[derive(Default)]
struct Table<'a> {
    numbers: BTreeMap<&'a [u8], u32>,
    lines: Vec<&'a [u8]>,
}

impl<'a> Table<'a> {
    fn tokens(&mut self, content: &'a [u8]) -> Result<Vec<Token>, Why> {
        let mut out = Vec::new();
        for line in content.split_inclusive(|b| *b == b'\n') {
            if out.len() >= limits::MERGE_TEXT_LINES {
                return Err(Why::TooLarge);
            }
            let fresh = u32::try_from(self.lines.len()).map_err(|_too_many| Why::TooLarge)?;
            let number = *self.numbers.entry(line).or_insert(fresh);
            if number == fresh {
                self.lines.push(line);
            }
            out.push(Token(number));
        }
        Ok(out)
    }

    fn merge_with(&self, algorithm: Algorithm, base: &[Token], ours: &[Token], theirs: &[Token]) -> Option<Vec<Token>> {
        let ours = Side { lines: ours, hunks: self.hunks(algorithm, base, ours) };
        let theirs = Side { lines: theirs, hunks: self.hunks(algorithm, base, theirs) };
        merge_lines(base, &ours, &theirs)
    }

    fn hunks(&self, algorithm: Algorithm, before: &[Token], after: &[Token]) -> Vec<Hunk> {
        let mut diff = Diff::default();
        let numbers = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        diff.compute_with(algorithm, before, after, numbers);
        diff.postprocess_with(before, after, NoSliderHeuristic);
        let wide = |r: Range<u32>| usize_of(r.start)..usize_of(r.end);
        let hunks = diff.hunks().map(|h| Hunk { before: wide(h.before), after: wide(h.after) });
        hunks.collect()
    }

    /// The text of lines; `None` if a line without a newline would stand anywhere but at the end.
    fn text(&self, tokens: &[Token]) -> Option<Vec<u8>> {
        let mut out: Vec<u8> = Vec::new();
        for token in tokens {
            if out.last().is_some_and(|b| *b != b'\n') {
                return None;
            }
            out.extend_from_slice(self.lines.get(usize_of(token.0))?);
        }
        Some(out)
    }
}

/// Lines `before` of the base became lines `after` of the side.
struct Hunk {
    before: Range<usize>,
    after: Range<usize>,
}

/// A side of the merge, with the hunks that are not merged yet.
struct Side<'a> {
    lines: &'a [Token],
    hunks: Vec<Hunk>,
}

impl<'a> Side<'a> {
    /// The side's lines in the place of these lines of the base, given the hunks that lie among them.
    fn lines_for(&self, base: &Range<usize>, hunks: &Range<usize>) -> Option<&'a [Token]> {
        let among = self.hunks.get(hunks.clone())?;
        let (first, last) = (among.first()?, among.last()?);
        let start = first.after.start.checked_sub(first.before.start.checked_sub(base.start)?)?;
        let end = last.after.end.checked_add(base.end.checked_sub(last.before.end)?)?;
        self.lines.get(start..end)
    }
}

/// Step 8. `None` is a conflict.
fn merge_lines(base: &[Token], ours: &Side<'_>, theirs: &Side<'_>) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut at = 0;
    let (mut our, mut their) = (0, 0);
    loop {
        let (our_start, their_start) = (our, their);
        let next = [ours.hunks.get(our), theirs.hunks.get(their)];
        let Some(start) = next.iter().flatten().map(|h| h.before.start).min() else {
            break;
        };
        let mut group = start..start;
        // Taking a hunk of one side in may reach the next one of the other.
        while absorb(&ours.hunks, &mut our, &mut group) || absorb(&theirs.hunks, &mut their, &mut group) {}
        out.extend_from_slice(base.get(at..group.start)?);
        let our_lines = || ours.lines_for(&group, &(our_start..our));
        let their_lines = || theirs.lines_for(&group, &(their_start..their));
        let lines = match (our > our_start, their > their_start) {
            (true, false) => our_lines()?,
            (false, _) => their_lines()?,
            (true, true) => Some(our_lines()?).filter(|lines| Some(*lines) == their_lines())?,
        };
        out.extend_from_slice(lines);
        at = group.end;
    }
    out.extend_from_slice(base.get(at..)?);
    Some(out)
}

/// Takes the next hunk into the group if it overlaps or touches it.
fn absorb(hunks: &[Hunk], next: &mut usize, group: &mut Range<usize>) -> bool {
    match hunks.get(*next) {
        Some(hunk) if hunk.before.start <= group.end => {
            group.end = group.end.max(hunk.before.end);
            *next = next.saturating_add(1);
            true
        }
        Some(_) | None => false,
    }
}

fn usize_of(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(base: &str, ours: &str, theirs: &str, expected: Result<&str, Why>) {
        let found = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
        let found = found.map(|text| String::from_utf8(text).unwrap());
        assert_eq!(found.as_deref().map_err(|why| *why), expected);
        let swapped = merge(base.as_bytes(), theirs.as_bytes(), ours.as_bytes());
        assert_eq!(swapped.map(|text| String::from_utf8(text).unwrap()), found);
    }

    #[test]
    fn edits_that_are_apart_are_both_taken() {
        check("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\ne\n", Ok("A\nb\nc\nD\ne\n"));
    }

    #[test]
    fn edits_that_touch_or_overlap_are_a_conflict() {
        check("a\nb\nc\n", "A\nb\nc\n", "a\nB\nc\n", Err(Why::TextConflict));
        check("a\nb\nc\n", "x\na\nb\nc\n", "y\na\nb\nc\n", Err(Why::TextConflict));
        check("a\nb\nc\n", "a\nx\nb\nc\n", "a\nB\nc\n", Err(Why::TextConflict));
        check("a\nb\nc\nd\n", "a\nX\nd\n", "a\nb\nY\nd\n", Err(Why::TextConflict));
    }

    #[test]
    fn the_same_edit_on_both_sides_is_taken_once() {
        check("a\nb\nc\nd\ne\n", "a\nB\nc\nd\ne\n", "a\nB\nc\nd\nE\n", Ok("a\nB\nc\nd\nE\n"));
        check("a\nb\n", "a\n", "a\n", Ok("a\n"));
    }

    #[test]
    fn a_missing_final_newline_is_part_of_the_line() {
        check("a\nb\nc", "A\nb\nc", "a\nb\nc\n", Ok("A\nb\nc\n"));
        check("a\nb\nc\n", "A\nb\nc\n", "a\nb\nc", Ok("A\nb\nc"));
        check("a\nb\nc", "a\nb\nc\n", "a\nb\nc\nd\n", Err(Why::TextConflict));
    }

    #[test]
    fn a_carriage_return_is_part_of_the_line() {
        check("a\r\nb\r\nc\r\n", "A\r\nb\r\nc\r\n", "a\r\nb\r\nC\r\n", Ok("A\r\nb\r\nC\r\n"));
        check("a\nb\nc\n", "a\r\nb\r\nc\r\n", "a\nb\nC\n", Err(Why::TextConflict));
    }

    #[test]
    fn content_with_a_nul_or_past_the_bounds_is_not_merged() {
        check("a\0\n", "b\n", "c\n", Err(Why::Binary));
        check("a\n", "b\n", &format!("{}\0", "x".repeat(7_999)), Err(Why::Binary));
        check("a\n", &"x".repeat(limits::MERGE_TEXT_BYTES + 1), "b\n", Err(Why::TooLarge));
        check("a\n", &"\n".repeat(limits::MERGE_TEXT_LINES + 1), "b\n", Err(Why::TooLarge));
    }

    #[test]
    fn a_text_that_two_comparisons_align_differently_is_ambiguous() {
        check("a\nc\nc\n", "c\na\n", "a\n", Err(Why::Ambiguous));
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop::collection::vec("[abc]{0,1}", 0..14).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn every_line_of_a_merge_comes_from_one_of_the_three_texts(
            base in any_text(), ours in any_text(), theirs in any_text()
        ) {
            let merged = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
            prop_assert_eq!(&merged, &merge(base.as_bytes(), theirs.as_bytes(), ours.as_bytes()));
            if let Ok(merged) = merged {
                let lines = |text: &str| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
                let known = [lines(&base), lines(&ours), lines(&theirs)].concat();
                for line in lines(&String::from_utf8(merged).unwrap()) {
                    prop_assert!(known.contains(&line));
                }
            }
        }

        #[test]
        fn a_side_without_an_edit_gives_the_other_side(base in any_text(), ours in any_text()) {
            prop_assert_eq!(merge(base.as_bytes(), ours.as_bytes(), base.as_bytes()), Ok(ours.clone().into_bytes()));
            prop_assert_eq!(merge(base.as_bytes(), ours.as_bytes(), ours.as_bytes()), Ok(ours.into_bytes()));
        }
    }
}
