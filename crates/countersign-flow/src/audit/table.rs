//! Rows that can each be proved: every row names the log entry that it comes from, that entry's leaf hash, and the digests
//! of the documents that say so.

use countersign_core::digest::{Hasher, Sha256};
use countersign_core::entry::place_of;
use countersign_core::ids::Origin;
use countersign_report::escape::is_hidden;
use serde::Serialize;

/// What a row rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proof {
    /// The log of that entry, where it is one that the log at hand goes on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Origin>,
    /// The index of the log entry.
    pub entry: u64,
    /// The hash of that leaf of the log: `countersign log` and any other C2SP tool proves it under the checkpoint.
    pub leaf: Sha256,
    /// The documents, by digest, in the package.
    pub documents: Vec<Sha256>,
}

impl Proof {
    /// The entry in a cell: its index, and its log before it where that is an earlier one.
    #[must_use]
    pub fn entry_words(&self) -> String {
        self.log.as_ref().map_or_else(|| self.entry.to_string(), |log| format!("{log} {}", self.entry))
    }

    /// The entry in a sentence.
    pub(super) fn place(&self) -> String {
        place_of(self.entry, self.log.as_ref())
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

/// Takes rows, one after the other, in the order of the log.
pub(super) trait Rows {
    /// One more.
    fn push(&mut self, cells: Vec<String>, proof: Proof);
}

impl Rows for Table {
    fn push(&mut self, cells: Vec<String>, proof: Proof) {
        Self::push(self, cells, proof);
    }
}

/// A list as its CSV is written, of which no more than the newest rows is held.
#[derive(Debug)]
pub(super) struct Sheet {
    /// The newest rows.
    pub(super) newest: Table,
    /// How many rows there were.
    pub(super) rows: u64,
    /// The CSV, where it is wanted.
    pub(super) csv: Option<Vec<u8>>,
    most: usize,
    hasher: Hasher,
}

impl Sheet {
    /// An empty one, that holds so many rows, and the CSV if it is wanted.
    pub(super) fn new(columns: &[&'static str], most: usize, csv: bool) -> Self {
        let newest = Table::new(columns);
        let mut sheet = Self { newest, rows: 0, csv: csv.then(Vec::new), most, hasher: Hasher::default() };
        sheet.write(&heading(columns));
        sheet
    }

    /// SHA-256 of the CSV so far.
    pub(super) fn digest(&self) -> Sha256 {
        self.hasher.clone().finish()
    }

    fn write(&mut self, line: &str) {
        self.hasher.update(line.as_bytes());
        if let Some(csv) = &mut self.csv {
            csv.extend_from_slice(line.as_bytes());
        }
    }
}

impl Rows for Sheet {
    fn push(&mut self, cells: Vec<String>, proof: Proof) {
        let row = Row { cells, proof };
        self.write(&row.csv());
        self.rows = self.rows.saturating_add(1);
        self.newest.rows.push(row);
        // Not at each row: what is dropped is moved once for many.
        if self.newest.rows.len() >= self.most.saturating_mul(2).max(1) {
            self.newest.keep_last(self.most);
        }
    }
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
        let mut out = heading(&self.columns);
        for row in &self.rows {
            out.push_str(&row.csv());
        }
        out
    }
}

impl Row {
    /// Its line of CSV.
    fn csv(&self) -> String {
        let documents: Vec<String> = self.proof.documents.iter().map(ToString::to_string).collect();
        let proof = [self.proof.entry_words(), self.proof.leaf.to_string(), documents.join(" ")];
        line(self.cells.iter().chain(&proof).map(String::as_str))
    }
}

/// The first line of a list with these columns.
fn heading(columns: &[&'static str]) -> String {
    line(columns.iter().copied().chain(["log entry", "leaf", "documents"]))
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for text in cells {
        if !out.is_empty() {
            out.push(',');
        }
        cell(text, &mut out);
    }
    out.push('\n');
    out
}

/// Every character is there and visible: a list that is cut is no list.
fn cell(text: &str, out: &mut String) {
    out.push('"');
    // A tab that is written as an escape begins nothing.
    let formula = text.starts_with(['=', '+', '-', '@', '\t']) && !text.starts_with(is_hidden);
    if formula {
        out.push('\'');
    }
    if text.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b'"') {
        out.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\"\""),
                '\n' => out.push_str("\\n"),
                c if is_hidden(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
                c => out.push(c),
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut out = String::new();
        super::cell(text, &mut out);
        out
    }

    #[test]
    fn a_sheet_is_the_table_written_down_and_holds_the_newest_rows_alone() {
        let (mut table, mut sheet) = (Table::new(&["name"]), Sheet::new(&["name"], 3, true));
        for n in 0..20_u64 {
            let proof = Proof { log: None, entry: n, leaf: Sha256::of(b"x"), documents: Vec::new() };
            table.push(vec![format!("row {n}, \"=\"")], proof.clone());
            Rows::push(&mut sheet, vec![format!("row {n}, \"=\"")], proof);
            assert!(sheet.newest.rows.len() < 6, "{}", sheet.newest.rows.len());
            assert_eq!(sheet.digest(), Sha256::of(table.csv().as_bytes()));
        }
        assert_eq!((sheet.rows, sheet.csv.as_deref()), (20, Some(table.csv().as_bytes())));
        table.keep_last(3);
        sheet.newest.keep_last(3);
        assert_eq!(sheet.newest, table);
    }

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
        table
            .push(vec!["app".to_owned()], Proof { log: None, entry: 7, leaf: digest, documents: vec![digest, digest] });
        let text = table.csv();
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with(&format!("\"app\",\"7\",\"{digest}\",\"{digest} {digest}\"\n")), "{text}");
        let before = Proof {
            log: Some(Origin::new("example.com/2026").unwrap()),
            entry: 7,
            leaf: digest,
            documents: vec![digest],
        };
        table.push(vec!["app".to_owned()], before);
        assert!(
            table.csv().ends_with(&format!("\"example.com/2026 7\",\"{digest}\",\"{digest}\"\n")),
            "{}",
            table.csv()
        );
    }
}
