//! Sources in other languages inside a package, and whether its build script is taken to compile them.
//!
//! Nothing is run. Two things have to come together: the build script uses a tool that compiles (a dependency of this very
//! build, named in the script's text), and a text in the script names a file of such sources, or a folder that holds them.
//! Files that merely lie there, for tests or as examples, are not counted. Whatever is not shown this way stays unknown.

use super::files;
use crate::inventory::NativeCode;
use countersign_core::limits;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Packages that compile other languages from build scripts.
const TOOLS: &[&str] = &["cc", "cmake", "autotools", "nasm-rs", "cxx-build", "meson"];
/// Packages that ask the system for a library.
const PROBES: &[&str] = &["pkg-config", "vcpkg", "system-deps"];
/// Ends of files that a compiler or assembler for another language takes.
const SOURCES: &[&str] = &["c", "cc", "cpp", "cxx", "m", "mm", "s", "S", "asm", "cu", "f", "f90"];
/// Folders that are no part of a build unless the script names them as a whole.
const ASIDE: &[&str] = &["tests", "test", "examples", "example", "benches", "bench", "doc", "docs", "fuzz", "target"];
/// Longest list of reasons.
const REASONS: usize = 8;

/// What is known of the package.
pub(super) struct About<'a> {
    pub(super) folder: &'a Path,
    pub(super) script: &'a Path,
    pub(super) name: &'a str,
    pub(super) links: Option<&'a str>,
    pub(super) build: &'a str,
    /// Names of the packages that it needs.
    pub(super) needs: &'a [String],
    /// Features of the package that are off.
    pub(super) off: &'a [&'a str],
}

impl About<'_> {
    /// Whether it lies in a folder that is called as a feature that is off: `sqlcipher` without the feature of that name. A script that can
    /// compile one library or another names both. A feature that only ends so may be about something else: `zlib` is compiled
    /// without `stock-zlib`, too.
    fn is_off(&self, path: &str) -> bool {
        let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
        folders.split('/').any(|folder| self.off.contains(&folder))
    }
}

/// The sources that the build script is taken to compile; at most one entry.
pub(super) fn compiled(about: &About<'_>) -> Vec<NativeCode> {
    let needs = |list: &[&str]| about.needs.iter().any(|name| list.contains(&name.as_str()));
    if !needs(TOOLS) {
        return Vec::new();
    }
    let scripts = scripts(about.folder, about.script);
    let uses = |name: &str| {
        let path = format!("{}::", name.replace('-', "_"));
        scripts.iter().any(|(_, text)| text.contains(&path))
    };
    if !TOOLS.iter().any(|tool| about.needs.iter().any(|name| name == tool) && uses(tool)) {
        return Vec::new();
    }
    let mut sources = sources(about.folder);
    let all = sources.len();
    sources.retain(|source| !about.is_off(source));
    let partly = sources.len() < all;
    // What lies in the script's own folder is what it tries out on the compiler.
    let own = about.script.parent().and_then(|home| home.strip_prefix(about.folder).ok()?.to_str());
    if let Some(own) = own.filter(|own| !own.is_empty() && *own != "src") {
        sources.retain(|source| !source.starts_with(own));
    }
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let mut because = BTreeSet::new();
    for (script, text) in &scripts {
        for literal in literals(text) {
            let path = literal.trim_start_matches("./").trim_end_matches('/');
            if path.is_empty() || path.starts_with('/') || path == "." || path.split('/').any(|part| part == "..") {
                continue;
            }
            let below = format!("{path}/");
            let mut found = sources.iter().filter(|source| *source == path || source.starts_with(&below)).peekable();
            if found.peek().is_some() && (path.contains(['/', '.']) || !ASIDE.contains(&path)) {
                named.extend(found.map(String::as_str));
                because.insert((script.clone(), path.to_owned()));
            }
        }
    }
    let aside = |source: &&&str| {
        let exactly = because.iter().any(|(_, path)| path == **source);
        exactly || !source.split('/').any(|part| ASIDE.contains(&part))
    };
    let taken: Vec<&str> = named.iter().filter(aside).copied().collect();
    let files = taken.len();
    if files == 0 {
        return Vec::new();
    }
    let folder = common_folder(&taken);
    let plain = about.name.strip_suffix("-sys").unwrap_or(about.name);
    vec![NativeCode {
        name: about.links.unwrap_or(plain).to_owned(),
        version: version(about.build),
        folder,
        files,
        because: because.into_iter().take(REASONS).collect(),
        or_system: needs(PROBES) && PROBES.iter().any(|probe| uses(probe)),
        partly,
    }]
}

/// What stands behind the plus of a version, without the library's name before it: `zstd.1.5.7` is 1.5.7.
fn version(build: &str) -> Option<String> {
    let from = build.find(|c: char| c.is_ascii_digit())?;
    let (before, number) = build.split_at_checked(from)?;
    let name = before.trim_end_matches(['.', '-', 'v']);
    let plain = number.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    (plain && number.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')))
        .then(|| number.to_owned())
}

/// The deepest folder that holds all of them; nothing if that is the package itself.
fn common_folder(paths: &[&str]) -> Option<String> {
    let folder = |path: &&str| path.rsplit_once('/').map(|(folder, _)| folder.split('/').map(str::to_owned).collect());
    let mut folders = paths.iter().map(|path| folder(path).unwrap_or_else(Vec::new));
    let mut common = folders.next()?;
    for other in folders {
        let same = common.iter().zip(&other).take_while(|(a, b)| a == b).count();
        common.truncate(same);
    }
    (!common.is_empty()).then(|| common.join("/"))
}

/// The build script, and the files beside it if it has a folder of its own; at the top of the package, also `build/`.
fn scripts(folder: &Path, script: &Path) -> Vec<(String, String)> {
    let mut paths = BTreeSet::from([script.to_owned()]);
    let home = script.parent().unwrap_or(folder);
    let own = home != folder && !home.ends_with("src");
    for folder in [own.then(|| home.to_owned()), Some(folder.join("build"))].into_iter().flatten() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let entries = entries.take(200).filter_map(|entry| entry.ok().map(|entry| entry.path()));
        paths.extend(entries.filter(|path| path.extension().is_some_and(|end| end == "rs")));
    }
    let read = |path: PathBuf| {
        let name = path.strip_prefix(folder).ok()?.to_str()?.replace('\\', "/");
        Some((name, String::from_utf8(files::bytes(&path)?).ok()?))
    };
    paths.into_iter().filter_map(read).collect()
}

/// Texts in double quotes. Not a parser of Rust: a text too many names no file.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.split('"')
        .skip(1)
        .filter(|literal| literal.len() < 200 && !literal.chars().any(|c| c.is_control() || c.is_whitespace()))
}

/// Paths of sources below the folder, with slashes. Links are not followed.
fn sources(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![(folder.to_owned(), String::new())];
    let mut seen = 0_usize;
    while let Some((path, name)) = left.pop() {
        let Ok(entries) = fs::read_dir(&path) else { continue };
        for entry in entries.filter_map(Result::ok) {
            seen = seen.saturating_add(1);
            if seen > limits::CRATE_FILES {
                return found;
            }
            let Ok(own) = entry.file_name().into_string() else { continue };
            let Ok(kind) = entry.file_type() else { continue };
            let name = if name.is_empty() { own.clone() } else { format!("{name}/{own}") };
            if kind.is_dir() {
                left.push((entry.path(), name));
            } else if kind.is_file() && own.rsplit_once('.').is_some_and(|(_, end)| SOURCES.contains(&end)) {
                found.insert(name);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn found(files: &[(&str, &str)], needs: &[&str], build: &str) -> Vec<NativeCode> {
        let folder = package(files);
        let needs: Vec<String> = needs.iter().map(|&name| name.to_owned()).collect();
        compiled(&About {
            folder: folder.path(),
            script: &folder.path().join("build.rs"),
            name: "zlib-sys",
            links: Some("z"),
            build,
            needs: &needs,
            off: &["other", "bundled-lib", "asm"],
        })
    }

    const SCRIPT: (&str, &str) = ("build.rs", "fn main() { cc::Build::new().file(\"lib/a.c\").compile(\"z\"); }");

    #[test]
    fn sources_that_the_script_names_and_compiles_are_listed_with_the_reason() {
        let all = [SCRIPT, ("lib/a.c", ""), ("lib/b.c", ""), ("tests/t.c", "")];
        let one = found(&all, &["cc"], "zlib-1.3.1");
        assert_eq!(one.len(), 1);
        assert_eq!((one[0].name.as_str(), one[0].version.as_deref(), one[0].files), ("z", Some("1.3.1"), 1));
        assert_eq!(one[0].because, [("build.rs".to_owned(), "lib/a.c".to_owned())]);
        assert!(
            !one[0].or_system && !one[0].partly,
            "a feature that only ends as the folder's name takes nothing away"
        );
    }

    #[test]
    fn a_folder_that_the_script_names_counts_without_its_tests() {
        let script = ("build.rs", "use cc::Build; let d = \"lib\"; pkg_config::probe_library(\"z\");");
        let one =
            found(&[script, ("lib/a.c", ""), ("lib/x/b.S", ""), ("lib/tests/t.c", "")], &["cc", "pkg-config"], "");
        assert_eq!((one[0].files, one[0].version.as_deref(), one[0].or_system), (2, None, true));
    }

    #[test]
    fn what_only_a_feature_that_is_off_would_compile_is_not_listed() {
        let script =
            ("build.rs", "use cc::Build; let d = if cfg!(feature = \"other\") { \"other\" } else { \"lib\" };");
        let files = [script, ("lib/a.c", ""), ("lib/asm/b.S", ""), ("other/a.c", ""), ("lib/another/c.c", "")];
        let one = found(&files, &["cc"], "");
        assert_eq!((one[0].folder.as_deref(), one[0].files, one[0].partly), (Some("lib"), 2, true));
        assert_eq!(one[0].because, [("build.rs".to_owned(), "lib".to_owned())]);
    }

    #[test]
    fn files_that_lie_there_and_tools_that_are_not_used_show_nothing() {
        let sources = ("tests/t.c", "");
        assert_eq!(found(&[SCRIPT, sources], &["cc"], ""), []);
        assert_eq!(found(&[SCRIPT, ("lib/a.c", "")], &["bindgen"], ""), []);
        assert_eq!(found(&[("build.rs", "let a = \"lib/a.c\";"), ("lib/a.c", "")], &["cc"], ""), []);
        assert_eq!(found(&[("build.rs", "cc::Build; \"../a.c\" \"/a.c\""), ("a.c", "")], &["cc"], ""), []);
    }

    #[test]
    fn a_version_is_read_from_behind_the_plus_only_where_it_is_one() {
        for (build, expected) in [
            ("zstd.1.5.7", Some("1.5.7")),
            ("3.5.4", Some("3.5.4")),
            (
                "5.3.0-1-ge13ca993e8ccb9ba9847cc330696e02839f328f7",
                Some("5.3.0-1-ge13ca993e8ccb9ba9847cc330696e02839f328f7"),
            ),
            ("wasi-snapshot", None),
            ("", None),
            ("2024", None),
        ] {
            assert_eq!(version(build).as_deref(), expected, "{build}");
        }
    }
}
