//! Pages in HTML: no script, no network, every foreign text escaped.

use super::Block;
use crate::escape::{markup, push};
use crate::reports::html::{HEAD, STYLE};

/// One page.
pub(super) fn page(title: &str, blocks: &[Block]) -> String {
    let mut out = format!("{HEAD}<title>{}</title>\n{STYLE}", markup(title));
    for block in blocks {
        one(&mut out, block);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn one(out: &mut String, block: &Block) {
    match block {
        Block::Heading(level, text) => push(out, format_args!("<h{level}>{}</h{level}>\n", markup(text))),
        Block::Text(text) => push(out, format_args!("<p>{}</p>\n", markup(text.trim()))),
        Block::Facts(facts) => {
            out.push_str("<dl>\n");
            for (label, text) in facts {
                push(out, format_args!("<dt>{label}</dt><dd>{}</dd>\n", markup(text)));
            }
            out.push_str("</dl>\n");
        }
        Block::Table(heading, rows) => {
            let cells = |tag: &str, cells: &mut dyn Iterator<Item = String>| {
                let cells: Vec<String> = cells.map(|cell| format!("<{tag}>{cell}</{tag}>")).collect();
                format!("<tr>{}</tr>\n", cells.concat())
            };
            out.push_str("<table>\n");
            out.push_str(&cells("th", &mut heading.iter().map(|cell| (*cell).to_owned())));
            for row in rows {
                out.push_str(&cells("td", &mut row.iter().map(|cell| markup(cell))));
            }
            out.push_str("</table>\n");
        }
        Block::Lines(text) => {
            let lines: Vec<String> = text.lines().map(markup).collect();
            push(out, format_args!("<pre>{}</pre>\n", lines.join("\n")));
        }
        Block::Links(links) => {
            out.push_str("<ul>\n");
            for (text, to) in links {
                push(out, format_args!("<li><a href=\"{}\">{}</a></li>\n", markup(to), markup(text)));
            }
            out.push_str("</ul>\n");
        }
    }
}
