//! Characters that a reader does not see, and files that are no text.

use super::HiddenKind;
use crate::limits;
use std::collections::BTreeSet;

/// Something on a line, from 0.
pub(super) struct Found {
    pub(super) line: usize,
    kind: HiddenKind,
    /// The characters, or `None` for bytes that are not UTF-8.
    characters: BTreeSet<Option<char>>,
}

/// Git's own test: a NUL among the first bytes.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(8_000).any(|b| *b == 0)
}

/// A Git LFS pointer, with the content that it names.
pub(super) fn lfs_pointer(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(b"version https://git-lfs.github.com/spec/")?;
    let oid = rest.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"oid "));
    let oid = crate::git::listing::escape(oid.map(|oid| oid.get(..80).unwrap_or(oid)).unwrap_or_default());
    Some(format!("a Git LFS pointer: the content is elsewhere, {oid}"))
}

/// What is hidden in a file's name.
pub(super) fn in_name(path: &[u8]) -> Vec<(HiddenKind, String)> {
    let found = in_line(0, path, true);
    found.into_iter().map(|found| (found.kind, names(&found.characters))).collect()
}

/// What is hidden on the lines of a text.
pub(super) fn in_lines(bytes: &[u8]) -> Vec<Found> {
    let mut out = Vec::new();
    for (line, content) in bytes.split(|b| *b == b'\n').enumerate() {
        // Windows ends its lines so; anywhere else a carriage return goes back over what stands there.
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        // Some editors begin a file so, and it means nothing there.
        let content = if line == 0 { content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content) } else { content };
        if content.iter().any(|b| !matches!(b, 0x20..=0x7e | b'\t')) {
            out.extend(in_line(line, content, false));
        }
    }
    out
}

/// What was found in words: line by line as far as the bound, the rest by its number.
pub(super) fn said(found: Vec<Found>) -> Vec<(HiddenKind, Option<u64>, String)> {
    let mut out = Vec::new();
    let mut more: Vec<(HiddenKind, usize)> = Vec::new();
    for found in found {
        let shown = out.iter().filter(|(kind, _, _)| *kind == found.kind).count();
        if shown < limits::HIDDEN_LINES {
            let line = u64::try_from(found.line.saturating_add(1)).ok();
            out.push((found.kind, line, names(&found.characters)));
        } else if let Some((_, count)) = more.iter_mut().find(|(kind, _)| *kind == found.kind) {
            *count = count.saturating_add(1);
        } else {
            more.push((found.kind, 1));
        }
    }
    out.extend(more.into_iter().map(|(kind, count)| (kind, None, format!("and on {count} lines more"))));
    out
}

fn in_line(line: usize, content: &[u8], name: bool) -> Vec<Found> {
    let mut bidi = BTreeSet::new();
    let mut invisible = BTreeSet::new();
    for chunk in content.utf8_chunks() {
        let mut last = None;
        for c in chunk.valid().chars() {
            if turns(c) {
                bidi.insert(Some(c));
            } else if is_invisible(last, c, name) {
                invisible.insert(Some(c));
            }
            last = Some(c);
        }
        if !chunk.invalid().is_empty() {
            invisible.insert(None);
        }
    }
    let found = [(HiddenKind::Bidi, bidi), (HiddenKind::Invisible, invisible)];
    let found = found.into_iter().filter(|(_, characters)| !characters.is_empty());
    found.map(|(kind, characters)| Found { line, kind, characters }).collect()
}

/// Up to five of them.
fn names(characters: &BTreeSet<Option<char>>) -> String {
    let names = characters.iter().take(5).map(|c| match c {
        Some(c) => format!("U+{:04X}", u32::from(*c)),
        None => "bytes that are not UTF-8".to_owned(),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Characters that set the direction of the text around them.
const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Characters without a shape of their own. Where a script or an emoji needs one after the character before it, it is
/// no surprise there.
fn is_invisible(before: Option<char>, c: char, name: bool) -> bool {
    match c {
        '\t' | '\u{c}' => name,
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}' => true,
        // Joiners: between the letters of some scripts, and between emoji.
        '\u{200c}' | '\u{200d}' => !before.is_some_and(|b| b >= '\u{600}' && !b.is_whitespace()),
        // One selector after a sign that has variants.
        '\u{fe00}'..='\u{fe0f}' => !before.is_some_and(|b| {
            let selected = matches!(b, '\u{fe00}'..='\u{fe0f}');
            (b >= '\u{a9}' && !selected) || matches!(b, '0'..='9' | '#' | '*')
        }),
        // And after an ideograph.
        '\u{e0100}'..='\u{e01ef}' => {
            !before.is_some_and(|b| matches!(b, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}'))
        }
        c => c.is_control(),
    }
}
