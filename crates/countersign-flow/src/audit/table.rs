//! Rows that can each be proved: every row names the log entry that it comes from, that entry's leaf hash, and the digests
//! of the documents that say so.

use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::log::merkle::leaf_hash;
use countersign_report::escape::is_hidden;
use serde::Serialize;

/// What a row rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proof {
    /// The index of the log entry.
    pub entry: u64,
    /// The hash of that leaf of the log: `countersign log` and any other C2SP tool proves it under the checkpoint.
    pub leaf: Sha256,
    /// The documents, by digest, in the package.
    pub documents: Vec<Sha256>,
}

impl Proof {
    /// Of an entry, with the documents that it names.
    pub(super) fn of(index: u64, entry: &Entry) -> Self {
        // Entries were read from their one form, so that writing them gives the bytes that were hashed.
        let leaf = entry.to_bytes().map_or_else(|_| leaf_hash(&[]), |bytes| leaf_hash(&bytes));
        Self { entry: index, leaf, documents: entry.statements.clone() }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Row {
    /// A cell a column.
    pub cells: Vec<String>,
    /// What it rests on.
    pub proof: Proof,
}

/// Rows under their columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Table {
    /// The columns' names.
    pub columns: Vec<&'static str>,
    /// The rows, in the order of the log.
    pub rows: Vec<Row>,
}

impl Table {
    /// An empty one.
    pub(super) fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, cells: Vec<String>, proof: Proof) {
        self.rows.push(Row { cells, proof });
    }

    /// Keeps the last rows alone.
    pub(super) fn keep_last(&mut self, most: usize) {
        let skipped = self.rows.len().saturating_sub(most);
        self.rows.drain(..skipped);
    }

    /// The cells as text, without their proofs.
    #[must_use]
    pub fn cells(&self) -> Vec<Vec<String>> {
        self.rows.iter().map(|row| row.cells.clone()).collect()
    }

    /// The table as CSV (RFC 4180, with line feeds): every cell in quotes, the proof behind the others. A cell that a
    /// spreadsheet would run as a formula begins with an apostrophe.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::new();
        let heading = self.columns.iter().copied().chain(["log entry", "leaf", "documents"]);
        line(&mut out, heading);
        for row in &self.rows {
            let documents: Vec<String> = row.proof.documents.iter().map(ToString::to_string).collect();
            let proof = [row.proof.entry.to_string(), row.proof.leaf.to_string(), documents.join(" ")];
            line(&mut out, row.cells.iter().chain(&proof).map(String::as_str));
        }
        out
    }
}

fn line<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    let cells: Vec<String> = cells.map(cell).collect();
    out.push_str(&cells.join(","));
    out.push('\n');
}

/// Every character is there and visible: a list that is cut is no list.
fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => shown.push_str("\"\""),
            '\n' => shown.push_str("\\n"),
            c if is_hidden(c) => shown.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => shown.push(c),
        }
    }
    let text = shown;
    let formula = text.starts_with(['=', '+', '-', '@', '\t']);
    format!("\"{}{text}\"", if formula { "'" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_leaves_neither_its_quotes_nor_its_line_and_runs_nothing() {
        assert_eq!(cell("plain"), "\"plain\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("=cmd|'/c calc'!A0"), "\"'=cmd|'/c calc'!A0\"");
        assert_eq!(cell("-1"), "\"'-1\"");
        assert_eq!(cell("a\nb\u{202e}"), "\"a\\nb\\u{202e}\"");
        let long = "x".repeat(5_000);
        assert_eq!(cell(&long).len(), 5_002, "nothing is cut");
    }

    #[test]
    fn every_row_ends_with_what_proves_it() {
        let mut table = Table::new(&["name"]);
        let digest = Sha256::of(b"x");
        table.push(vec!["app".to_owned()], Proof { entry: 7, leaf: digest, documents: vec![digest, digest] });
        let text = table.csv();
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with(&format!("\"app\",\"7\",\"{digest}\",\"{digest} {digest}\"\n")), "{text}");
    }
}
