//! Pages in Markdown. No sign of a foreign text is one of Markdown's.

use super::Block;
use crate::escape::{plain, push};
use crate::reports::github::markdown;

/// One page.
pub(super) fn page(blocks: &[Block]) -> String {
    let mut out = "<!-- Made by `countersign policy docs`. Do not edit. -->\n".to_owned();
    for block in blocks {
        out.push('\n');
        one(&mut out, block);
    }
    out
}

fn one(out: &mut String, block: &Block) {
    match block {
        Block::Heading(level, text) => {
            push(out, format_args!("{} {}\n", "#".repeat(usize::from(*level)), markdown(text)));
        }
        // It begins with a word of ours, or none of its signs could begin a list.
        Block::Text(text) => push(out, format_args!("{}\n", paragraph(text))),
        Block::Facts(facts) => {
            for (label, text) in facts {
                push(out, format_args!("- {label}: {}\n", markdown(text)));
            }
        }
        Block::Table(heading, rows) => {
            push(out, format_args!("| {} |\n|{}\n", heading.join(" | "), "---|".repeat(heading.len())));
            for row in rows {
                let cells: Vec<String> = row.iter().map(|cell| markdown(cell)).collect();
                push(out, format_args!("| {} |\n", cells.join(" | ")));
            }
        }
        Block::Lines(text) => {
            let fence = "`".repeat(longest_run(text).saturating_add(1).max(3));
            push(out, format_args!("{fence}\n"));
            for line in text.lines() {
                push(out, format_args!("{}\n", plain(line)));
            }
            push(out, format_args!("{fence}\n"));
        }
        Block::Links(links) => {
            for (text, to) in links {
                push(out, format_args!("- [{}]({})\n", markdown(text), to.replace('(', "%28").replace(')', "%29")));
            }
        }
    }
}

/// A text as a paragraph: what would begin a list, a quote or a rule there does not.
fn paragraph(text: &str) -> String {
    let text = markdown(text.trim());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if text.starts_with('-') || text.get(digits..).is_some_and(|rest| digits > 0 && rest.starts_with('.')) {
        return format!("\u{a0}{text}");
    }
    text
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}
