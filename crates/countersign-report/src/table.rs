//! Columns of plain text. A character counts as one column wide; cells are escaped, so that no cell can leave its place.

use crate::escape;

/// Rows of cells, laid out in columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

/// What stands between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table without a heading.
    #[must_use]
    pub const fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// A table with a heading: one cell a column.
    #[must_use]
    pub fn with_heading<'a>(cells: impl IntoIterator<Item = &'a str>) -> Self {
        let mut table = Self::new();
        table.row(cells);
        table
    }

    /// Adds a row. It may be shorter or longer than the others.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|cell| escape::plain(cell.as_ref())).collect());
    }

    /// The text: a line a row, each ending in a newline, none with blanks at its end.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (i, (cell, wide)) in row.iter().zip(&widths).enumerate() {
                if i > 0 {
                    line.push_str(GAP);
                }
                line.push_str(&pad(cell, *wide));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// How many columns a text takes, nearly.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

/// The text with blanks after it, up to this width.
pub(crate) fn pad(text: &str, wide: usize) -> String {
    let blanks = wide.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(blanks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters_and_no_line_ends_in_blanks() {
        let mut table = Table::with_heading(["entry", "kind", "subject"]);
        table.row(["0", "policy-activation", "production"]);
        table.row(["1042", "décision", ""]);
        table.row(["7"]);
        insta::assert_snapshot!(table.render(), @r"
        entry  kind               subject
        0      policy-activation  production
        1042   décision
        7
        ");
        assert!(table.render().lines().all(|line| line == line.trim_end()));
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_row() {
        let mut table = Table::new();
        table.row(["a\nPASS  everything", "\u{1b}[1A"]);
        table.row(["b"]);
        insta::assert_snapshot!(table.render(), @r"
        a\nPASS  everything  \u{1b}[1A
        b
        ");
    }

    #[test]
    fn no_rows_are_no_text() {
        assert_eq!(Table::new().render(), "");
    }
}
