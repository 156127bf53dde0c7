//! The README's transcript: what `countersign demo` prints in a real run, with what differs from run to run (digests,
//! commits, times, temporary paths) replaced, so that a stale transcript is one that the program no longer prints.

use crate::{Outcome, run, workspace};
use std::path::Path;

const BEGIN: &str = "<!-- demo: made by `cargo xtask codegen` -->\n";
const END: &str = "<!-- /demo -->";

/// The chapters that the README shows, by the start of their titles.
const SHOWN: [&str; 4] = ["The gate refuses", "A second person reviews", "The gate authorises", "Years later"];

/// The README with the transcript of a run just now.
pub(crate) fn readme(root: &Path, binary: &Path) -> Outcome<String> {
    let readme = workspace::read(&root.join("README.md"))?;
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(|| format!("README.md has no line `{}`", BEGIN.trim()))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("README.md has no `{END}`"))?;
    let said = run::output_of(run::command(&binary.to_string_lossy(), root).arg("demo"))?;
    let shown = shorten(&String::from_utf8_lossy(&said));
    if shown.is_empty() {
        return Err("`countersign demo` prints none of the chapters that the README shows".to_owned());
    }
    Ok(format!("{before}{BEGIN}\n```text\n{shown}```\n{END}{after}"))
}

/// The chapters that are shown, without the lines of the checklist that pass, and without what changes at each run.
fn shorten(said: &str) -> String {
    let mut out = String::new();
    let mut shown = false;
    let mut blank = true;
    for line in said.lines() {
        if let Some(title) = line.strip_prefix("== ") {
            let title = title.split_once(". ").map_or(title, |(_, title)| title);
            shown = SHOWN.iter().any(|chapter| title.starts_with(chapter));
        }
        // What comes after the last command is the same for everybody.
        shown &= !line.starts_with("run it again with");
        if !shown || line.ends_with(" bytes") || line.starts_with("PASS  ") || (line.is_empty() && blank) {
            continue;
        }
        blank = line.is_empty();
        out.push_str(&stable(line));
        out.push('\n');
    }
    out.trim_end().to_owned() + "\n"
}

/// Long runs of hexadecimal digits and times, replaced.
fn stable(line: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    let short = line.contains("its checksum is ") || line.ends_with(".review.json");
    for c in line.chars().chain(std::iter::once('\n')) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let hex = word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let varies = match word.len() {
            12.. => true,
            8 => short,
            // The folder that a document lies in is the start of its digest.
            2 => out.ends_with("evidence/sha256/"),
            _ => out == "(byte ",
        };
        out.push_str(if hex && varies { "…" } else { &word });
        word.clear();
        if c != '\n' {
            out.push(c);
        }
    }
    without_times(&out)
}

/// `2026-11-22T10:00:00Z` becomes `TIME`.
fn without_times(line: &str) -> String {
    let words: Vec<&str> = line
        .split(' ')
        .map(|word| {
            if is_time(word) {
                "TIME"
            } else if word.starts_with("evidence/") && word.split('.').next_back() == Some("docs") {
                "evidence/DAY.docs"
            } else {
                word
            }
        })
        .collect();
    words.join(" ")
}

fn is_time(word: &str) -> bool {
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00Z"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_at_each_run_is_replaced_and_the_rest_stays() {
        let line =
            "2  2026-11-22T10:00:00Z  sha256:c0683fbad7c6008b47202ce7d9e639e1a7bcf11806fc8dd42276d8094af32095, app.bin";
        assert_eq!(stable(line), "2  TIME  sha256:…, app.bin");
        assert_eq!(stable("decade facade review-missing"), "decade facade review-missing");
        assert_eq!(stable("(byte 27007 of a copy is changed)"), "(byte … of a copy is changed)");
        assert_eq!(stable("reviews/3a64241ed7967a0b.888d4fb8.review.json"), "reviews/….….review.json");
        let altered =
            "evidence/sha256/84/3a64241ed7967a0b was altered: its checksum is b3b383c8, the package says 9e4a62a0";
        assert_eq!(stable(altered), "evidence/sha256/…/… was altered: its checksum is …, the package says …");
    }

    #[test]
    fn the_last_chapter_is_shown_to_its_last_refusal() {
        let said = "== 8. Years later ==\n(byte 7 of a copy is changed)\n$ countersign audit verify altered.cspkg\n\
                    untrusted[package-malformed]: x\n(exit code 4)\n\nrun it again with `--keep DIR`\nWhat to type next\n";
        assert!(shorten(said).ends_with("untrusted[package-malformed]: x\n(exit code 4)\n"), "{}", shorten(said));
    }

    #[test]
    fn only_the_chapters_of_the_readme_are_shown_and_no_line_that_passes() {
        let said = "== 1. Set up ==\nx\n== 5. The gate refuses ==\nPASS  engine  engine/1\nFAIL  rule\n\n\nend\n";
        assert_eq!(shorten(said), "== 5. The gate refuses ==\nFAIL  rule\n\nend\n");
    }
}
