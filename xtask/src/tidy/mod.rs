//! The house rules that no compiler knows: headers, sizes, unfinished marks, local paths, line ends, the map of crates
//! in ARCHITECTURE.md, and one `clippy.toml` for all pure crates. Names what is wrong; mends nothing.

mod rules;

use crate::workspace::{Package, TextFile};
use crate::{Outcome, refuse_rest, workspace};
use std::collections::BTreeSet;
use std::path::Path;

/// Crates that are pure: bytes and values in, values out.
const PURE: &[&str] =
    &["countersign-core", "countersign-verify", "countersign-decide", "countersign-report", "countersign-secrets"];

/// The most lines of a file, its unit tests at the end not counted.
const LINES: usize = 800;

/// Looks at everything, and fails with the whole list.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    refuse_rest(arguments)?;
    let root = workspace::root()?;
    let files = workspace::text_files(&root)?;
    let packages = workspace::packages(&root)?;
    let mut faults: Vec<String> = files.iter().flat_map(|file| faults_of(&root, file)).collect();
    let map = workspace::read(&root.join("ARCHITECTURE.md"))?;
    faults.extend(map_faults(&map, &packages));
    faults.extend(pure_faults(&root));
    faults.extend(lints_faults(&root, &packages));
    let mut sizes: Vec<usize> =
        files.iter().filter(|f| f.is(".rs")).map(|f| rules::lines_before_tests(&f.text)).collect();
    sizes.sort_unstable();
    let median = sizes.get(sizes.len() / 2).copied().ok_or("there is no Rust file: the walk went wrong")?;
    for file in files.iter().filter(|f| f.is(".rs")) {
        let total = file.text.lines().count();
        if total > LINES {
            println!("note: {} has {total} lines, its tests counted", file.path);
        }
    }
    if !faults.is_empty() {
        return Err(format!("{} places\n  {}", faults.len(), faults.join("\n  ")));
    }
    let longest = sizes.last().copied().unwrap_or_default();
    println!("{} text files, {} of them Rust: median {median} lines, longest {longest}", files.len(), sizes.len());
    Ok(())
}

fn faults_of(root: &Path, file: &TextFile) -> Vec<String> {
    let mut faults = Vec::new();
    if file.is(".rs") {
        faults.extend(rules::header(&file.text));
        faults.extend(rules::size(&file.text, LINES));
        faults.extend(rules::reasons(&file.text));
    }
    if file.is(".md") {
        let folder = root.join(&file.path).parent().map_or_else(|| root.to_path_buf(), Path::to_path_buf);
        faults.extend(rules::links(&file.text, |target| folder.join(target).exists()));
    }
    faults.extend(rules::marks(&file.text));
    faults.extend(rules::local_paths(&file.text));
    faults.extend(rules::white_space(&file.text));
    faults.into_iter().map(|fault| format!("{}:{fault}", file.path)).collect()
}

/// The crates named in the map are those that exist, and all of them.
fn map_faults(map: &str, packages: &[Package]) -> Vec<String> {
    let real: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package.folder.starts_with("crates/"))
        .map(|package| package.name.as_str())
        .collect();
    let is_crate = |word: &str| word == "countersign" || word.strip_prefix("countersign-").is_some_and(is_name);
    let named: BTreeSet<&str> = map.split('`').skip(1).step_by(2).filter(|word| is_crate(word)).collect();
    let missing = real.difference(&named).map(|name| format!("ARCHITECTURE.md: `{name}` is not on the map"));
    let gone =
        named.difference(&real).map(|name| format!("ARCHITECTURE.md: `{name}` is on the map but not in the workspace"));
    missing.chain(gone).collect()
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word != "tests" && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// Clippy reads the nearest `clippy.toml` and merges nothing, so the pure crates carry the same one.
fn pure_faults(root: &Path) -> Vec<String> {
    let text = |name: &str| workspace::read(&root.join(format!("crates/{name}/clippy.toml")));
    let texts: Vec<(&str, Outcome<String>)> = PURE.iter().map(|name| (*name, text(name))).collect();
    differing(&texts)
}

fn differing(texts: &[(&str, Outcome<String>)]) -> Vec<String> {
    let Some((first, model)) = texts.first() else {
        return vec!["no pure crate is named".to_owned()];
    };
    texts
        .iter()
        .filter_map(|(name, text)| match (text, model) {
            (Err(why), _) => Some(format!("crates/{name}/clippy.toml: a pure crate without its fences: {why}")),
            (Ok(text), Ok(model)) if text != model => {
                Some(format!("crates/{name}/clippy.toml: differs from crates/{first}/clippy.toml"))
            }
            (Ok(_), _) => None,
        })
        .collect()
}

/// Every package takes the workspace's lints; cargo lets a package leave them out without a word.
fn lints_faults(root: &Path, packages: &[Package]) -> Vec<String> {
    packages
        .iter()
        .filter_map(|package| {
            let path = format!("{}/Cargo.toml", package.folder);
            let text = workspace::read(&root.join(&path)).unwrap_or_default();
            (!text.contains("\n[lints]\nworkspace = true"))
                .then(|| format!("{path}: does not take the workspace's lints"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [String; 0] = [];

    fn package(name: &str) -> Package {
        Package { name: name.to_owned(), folder: format!("crates/{name}"), uses: Vec::new() }
    }

    #[test]
    fn the_map_names_every_crate_and_no_other() {
        let crates = [package("countersign"), package("countersign-core")];
        let good =
            "`countersign` on top of `countersign-core`; `countersign.lock` and `countersign demo` are no crates";
        assert_eq!(map_faults(good, &crates), NONE);
        assert!(map_faults("`countersign`", &crates).concat().contains("`countersign-core` is not on the map"));
        let gone = map_faults("`countersign` `countersign-core` `countersign-gone`", &crates).concat();
        assert!(gone.contains("`countersign-gone` is on the map but not"), "{gone}");
    }

    #[test]
    fn a_pure_crate_with_other_fences_or_none_is_named() {
        let text = |t: &str| Ok(t.to_owned());
        assert_eq!(differing(&[("a", text("x")), ("b", text("x"))]), NONE);
        assert_eq!(differing(&[("a", text("x")), ("b", text("y"))]).len(), 1);
        assert_eq!(differing(&[("a", text("x")), ("b", Err("gone".to_owned()))]).len(), 1);
    }

    #[test]
    fn every_fault_carries_its_file_and_line() {
        let file = TextFile { path: "crates/a/src/lib.rs".to_owned(), text: "fn f() {} \n".to_owned() };
        let faults = faults_of(Path::new("."), &file);
        assert!(faults.iter().all(|fault| fault.starts_with("crates/a/src/lib.rs:1: ")), "{faults:?}");
        assert_eq!(faults.len(), 2, "{faults:?}");
    }
}
