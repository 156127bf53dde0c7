//! The chain of a deployment as a picture: columns of boxes from left to right, an arrow from each column to the next. SVG,
//! drawn here; words carry the meaning, and the same chain is given as text beside it.

use crate::escape::{markup, push};

const BOX: usize = 220;
const GAP: usize = 40;
const LINE: usize = 16;
const PAD: usize = 8;
const TOP: usize = 44;
/// The most characters of a line in a box; the text beside the picture has all of them.
const WIDE: usize = 31;
/// The most boxes of a column.
const TALL: usize = 12;

/// A picture.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    title: String,
    columns: Vec<(String, Vec<Vec<String>>)>,
}

impl Picture {
    /// With this title.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), columns: Vec::new() }
    }

    /// The next column: its heading and its boxes, each of some lines.
    pub fn column(&mut self, heading: impl Into<String>, boxes: Vec<Vec<String>>) {
        self.columns.push((heading.into(), boxes));
    }

    /// As SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut body = String::new();
        let (mut x, mut bottom) = (0_usize, TOP);
        for (number, (heading, boxes)) in self.columns.iter().enumerate() {
            push(
                &mut body,
                format_args!("<text x=\"{x}\" y=\"20\" font-weight=\"bold\">{}</text>\n", markup(&short(heading))),
            );
            if number > 0 {
                arrow(&mut body, x);
            }
            let mut y = TOP;
            for lines in boxes.iter().take(TALL) {
                y = draw(&mut body, x, y, lines);
            }
            let more = boxes.len().saturating_sub(TALL);
            if more > 0 {
                y = draw(&mut body, x, y, &[format!("and {more} more")]);
            }
            if boxes.is_empty() {
                y = draw(&mut body, x, y, &["none".to_owned()]);
            }
            bottom = bottom.max(y);
            x = x.saturating_add(BOX).saturating_add(GAP);
        }
        let (width, title) = (x.saturating_sub(GAP).max(BOX), markup(&self.title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {width} {bottom}\" width=\"{width}\" \
             font-family=\"sans-serif\" font-size=\"12\"><title>{title}</title>\n{body}</svg>\n"
        )
    }
}

/// Draws a box and says where the next begins.
fn draw(out: &mut String, x: usize, y: usize, lines: &[String]) -> usize {
    let height = lines.len().saturating_mul(LINE).saturating_add(PAD.saturating_mul(2));
    push(
        out,
        format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{height}\" fill=\"none\" stroke=\"#333\"/>\n"),
    );
    for (number, line) in lines.iter().enumerate() {
        let down = number.saturating_add(1).saturating_mul(LINE);
        let (x, y) = (x.saturating_add(PAD), y.saturating_add(down).saturating_add(2));
        push(out, format_args!("<text x=\"{x}\" y=\"{y}\">{}</text>\n", markup(&short(line))));
    }
    y.saturating_add(height).saturating_add(PAD.saturating_mul(2))
}

fn arrow(out: &mut String, x: usize) {
    let (from, to, y) = (x.saturating_sub(GAP).saturating_add(4), x.saturating_sub(6), TOP.saturating_add(20));
    push(out, format_args!("<path d=\"M{from} {y} L{to} {y} m-6 -4 l6 4 l-6 4\" fill=\"none\" stroke=\"#333\"/>\n"));
}

fn short(text: &str) -> String {
    if text.chars().count() <= WIDE {
        return text.to_owned();
    }
    let start: String = text.chars().take(WIDE.saturating_sub(1)).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_stand_below_each_other_and_columns_beside_each_other() {
        let mut picture = Picture::new("a chain");
        picture.column("one", vec![vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]]);
        picture.column("two", Vec::new());
        let svg = picture.svg();
        assert_eq!(svg.matches("<rect").count(), 3);
        assert_eq!(svg.matches("<path").count(), 1);
        assert!(svg.contains(">none</text>") && svg.contains("viewBox=\"0 0 480"), "{svg}");
    }

    #[test]
    fn a_long_column_is_counted_and_a_long_line_is_cut() {
        let mut picture = Picture::new("t");
        picture.column("x", (0..20).map(|n| vec![format!("{n} {}", "y".repeat(100))]).collect());
        let svg = picture.svg();
        assert!(svg.contains("and 8 more") && svg.contains('…'));
    }
}
