//! Files that are made from code: written in one mode, compared in the other. A generated file is never edited by
//! hand, and one that nothing makes any more is stale like one that differs.

use crate::{Outcome, workspace};
use std::path::Path;

/// A file that is made from code.
#[derive(Debug)]
pub(crate) struct Page {
    /// Path from the root.
    pub(crate) path: String,
    /// What it has to hold.
    pub(crate) text: String,
}

/// What to do with the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write those that differ.
    Write,
    /// Name those that differ, and change nothing.
    Check,
}

impl Mode {
    /// From the verb's arguments.
    pub(crate) fn of(arguments: &[String]) -> Outcome<Self> {
        match arguments {
            [] => Ok(Self::Write),
            [flag] if flag == "--check" => Ok(Self::Check),
            [other, ..] => Err(format!("does not take `{other}`")),
        }
    }
}

/// Writes or compares. `mend` is the command that brings stale files up to date.
pub(crate) fn settle(root: &Path, pages: &[Page], mode: Mode, mend: &str) -> Outcome {
    let mut stale = Vec::new();
    for page in pages {
        let path = root.join(&page.path);
        if workspace::read(&path).is_ok_and(|text| text == page.text) {
            continue;
        }
        match mode {
            Mode::Write => {
                workspace::write(&path, &page.text)?;
                println!("wrote {}", page.path);
            }
            Mode::Check => stale.push(page.path.as_str()),
        }
    }
    if stale.is_empty() {
        println!("{} generated files are up to date", pages.len());
        return Ok(());
    }
    Err(format!("stale: {}\nhelp: run `{mend}` and commit what it writes", stale.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Vec<Page> {
        vec![Page { path: "docs/a.md".to_owned(), text: text.to_owned() }]
    }

    #[test]
    fn a_stale_or_missing_file_is_named_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = settle(folder.path(), &page("one\n"), Mode::Check, "cargo xtask codegen").unwrap_err();
        assert!(error.contains("docs/a.md") && error.contains("`cargo xtask codegen`"), "{error}");
        assert!(!folder.path().join("docs").exists(), "a check writes nothing");

        settle(folder.path(), &page("one\n"), Mode::Write, "").unwrap();
        settle(folder.path(), &page("one\n"), Mode::Check, "").unwrap();
        assert!(settle(folder.path(), &page("two\n"), Mode::Check, "").is_err());
    }

    #[test]
    fn only_one_flag_is_known() {
        assert_eq!(Mode::of(&["--check".to_owned()]), Ok(Mode::Check));
        assert!(Mode::of(&["--chekc".to_owned()]).is_err());
    }
}
