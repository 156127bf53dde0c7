//! Scans the files below folders on one thread, and prints how many files and bytes there were and what was found: what
//! `cargo xtask bench secrets` and `cargo xtask secrets-false-positives` run. A place is `RULE LEVEL PATH:LINE:COLUMN`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example that reads a folder and prints what it comes to"
)]

use countersign_secrets::{DigestKey, RuleSet, Scanner};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let rules = RuleSet::ours()?;
    let key = DigestKey::new(b"a key that is used for nothing else");
    let scanner = Scanner::new(&rules, &key, None);
    let (mut files, mut bytes, mut skipped) = (0_u64, 0_u64, 0_u64);
    for root in std::env::args_os().skip(1).map(PathBuf::from) {
        let mut rest = vec![root.clone()];
        while let Some(path) = rest.pop() {
            let kind = std::fs::symlink_metadata(&path)?;
            if kind.is_dir() {
                for entry in std::fs::read_dir(&path)? {
                    rest.push(entry?.path());
                }
            } else if kind.is_file() {
                let content = std::fs::read(&path)?;
                files += 1;
                bytes += kind.len();
                let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy();
                let scan = scanner.scan(&name, &content);
                skipped += u64::from(scan.skipped.is_some());
                for finding in scan.findings {
                    println!("{} {} {}", finding.rule, finding.level, finding.place());
                }
            }
        }
    }
    println!("total {files} files {bytes} bytes {skipped} skipped");
    Ok(())
}
