//! What Go writes into every binary that it builds: its own version, the module that was built, and every module that was
//! linked in, by version and sum. Read out of the file's bytes; the file is never run.

use super::{Kind, Made, PackagesError, bytes_of, library, malformed, purl_error};
use crate::bom::{Bom, Item};
use crate::section::{Own, of_go};
use countersign_core::{digest::Sha256, limits, purl::Purl};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::Path;

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// What a universal binary of macOS begins with: one program for each architecture.
const UNIVERSAL: &[u8] = b"\xca\xfe\xba\xbe";
/// Settings that are another one for each architecture.
const OF_ARCHITECTURE: [&str; 3] = ["build\tGOARCH=", "build\tGOAMD64=", "build\tGOARM64="];
/// Where the texts begin, behind the magic, the size of a pointer, and flags.
const HEAD: usize = 32;
/// Lists of modules in one file. Each may be long, and of what is no program there may be any number.
const LISTS: usize = 64;
/// The list of modules stands between two marks of this many bytes.
const MARK: usize = 16;

/// Whether a file begins as programs do.
pub(super) fn is_executable(path: &Path) -> Result<bool, PackagesError> {
    let failed = |source| PackagesError::Read { path: path.to_owned(), source };
    let mut start = Vec::new();
    fs::File::open(path).map_err(failed)?.take(4).read_to_end(&mut start).map_err(failed)?;
    Ok(starts_as_program(&start))
}

fn starts_as_program(bytes: &[u8]) -> bool {
    let mach: [&[u8]; 5] =
        [b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", UNIVERSAL];
    bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"MZ") || mach.iter().any(|magic| bytes.starts_with(magic))
}

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let bytes = bytes_of(path, limits::BINARY_BYTES)?;
    let own = own(path, &bytes);
    let searched = own.is_none();
    let info = find(own.unwrap_or(&bytes)).map_err(|what| malformed(path, "its build information", &what))?;
    let Some((go, modules)) = info else { return Err(PackagesError::Unknown { path: path.to_owned() }) };
    let digest = Sha256::of(&bytes);
    drop(bytes);
    let mut bom = view(path, &go, &modules)?;
    if let Some(root) = &mut bom.root {
        root.hashes.insert("SHA-256".to_owned(), digest.hex());
    }
    let mut partial = vec![
        "build information lists what is linked, and not what depends on what".to_owned(),
        "a module's sum covers its file tree in Go's own way: it is kept as a property, since it is the digest of no file"
            .to_owned(),
        "licences are not in the binary".to_owned(),
    ];
    if searched {
        partial.push(
            "where its build information lies the file does not say: it was searched for, and may be that of a program which it carries"
                .to_owned(),
        );
    }
    // Where Go was told to build without C, there is none.
    if !modules.lines().any(|line| line == "build\tCGO_ENABLED=0") {
        partial.push("code in C that is linked in is not listed".to_owned());
    }
    Ok(Made {
        kind: Kind::GoBinary,
        path: path.to_owned(),
        read_as: format!("a binary that {go} built"),
        digest: Some(digest),
        bom,
        partial,
        dev: super::dev::Dev::default(),
    })
}

/// The bytes in which the program's own build information lies, where its tables say; none of a program that carries another one.
fn own<'b>(path: &Path, bytes: &'b [u8]) -> Option<&'b [u8]> {
    match of_go(path).unwrap_or(Own::Unsaid) {
        Own::Unsaid => None,
        Own::Nowhere => Some(&[]),
        Own::Within(from, length) => {
            let (from, length) = (usize::try_from(from).ok()?, usize::try_from(length).ok()?);
            bytes.get(from..from.saturating_add(length).min(bytes.len()))
        }
    }
}

/// The version of Go, and the list of modules. A binary that holds two different ones says nothing certain.
fn find(bytes: &[u8]) -> Result<Option<(String, String)>, String> {
    let mut found: Option<(String, String)> = None;
    let (mut older, mut lists) = (false, 0_usize);
    let universal = bytes.starts_with(UNIVERSAL);
    let mut from = 0_usize;
    while let Some(at) = bytes.get(from..).and_then(|rest| position(rest, MAGIC)).and_then(|at| at.checked_add(from)) {
        from = at.saturating_add(1);
        if at % MARK != 0 {
            continue;
        }
        match parse(bytes.get(at..).unwrap_or_default()) {
            Parsed::Modern(go, list) => {
                lists = lists.saturating_add(1);
                if lists > LISTS {
                    return Err(format!("there are more than {LISTS} lists of modules: of one program there is one"));
                }
                let Ok(modules) = std::str::from_utf8(list) else { continue };
                match &mut found {
                    Some((other, known)) => {
                        if *other != go || !joined(known, modules, universal) {
                            return Err(if universal {
                                "this is a universal binary, and its programs differ: take one out (`lipo -thin`)"
                                    .to_owned()
                            } else {
                                "there are two that differ: this may be a program within a program".to_owned()
                            });
                        }
                    }
                    None => found = Some((go.to_owned(), modules.to_owned())),
                }
            }
            Parsed::Older => older = true,
            Parsed::None => {}
        }
    }
    if found.is_none() && older {
        return Err("it is of Go before 1.18, which kept it elsewhere: build again with a newer Go".to_owned());
    }
    Ok(found)
}

/// Whether a second list is the same; in a universal binary it may be of another architecture, whose settings are added.
fn joined(known: &mut String, more: &str, universal: bool) -> bool {
    let of_architecture = |line: &&str| OF_ARCHITECTURE.iter().any(|setting| line.starts_with(setting));
    let others = |line: &&str| !of_architecture(line);
    if known.as_str() == more {
        return true;
    }
    if !universal || !known.lines().filter(others).eq(more.lines().filter(others)) {
        return false;
    }
    let have: BTreeSet<&str> = known.lines().collect();
    let new: BTreeSet<&str> = more.lines().filter(of_architecture).filter(|line| !have.contains(line)).collect();
    let mut all = known.trim_end_matches('\n').to_owned();
    for line in new {
        all.push('\n');
        all.push_str(line);
    }
    all.push('\n');
    *known = all;
    true
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0_usize;
    loop {
        let at = haystack.get(from..)?.iter().position(|byte| byte == first)?.checked_add(from)?;
        if haystack.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at.checked_add(1)?;
    }
}

/// What stands behind a mark.
enum Parsed<'b> {
    /// Go's version, and the bytes of a list, which nobody has looked at yet.
    Modern(&'b str, &'b [u8]),
    Older,
    None,
}

fn parse(bytes: &[u8]) -> Parsed<'_> {
    let flags = bytes.get(15).copied().unwrap_or_default();
    if flags & 2 == 0 {
        let size = bytes.get(14).copied().unwrap_or_default();
        return if matches!(size, 4 | 8) && flags <= 1 { Parsed::Older } else { Parsed::None };
    }
    let read = || {
        let (go, rest) = text(bytes.get(HEAD..)?)?;
        let go = std::str::from_utf8(go.get(..go.len().min(257))?).ok()?;
        let known =
            (go.starts_with("go") || go.starts_with("devel")) && go.len() <= 256 && !go.contains(char::is_control);
        known.then_some(())?;
        let (modules, _) = text(rest)?;
        let inner = if modules.len() >= MARK.saturating_mul(2) {
            modules.get(MARK..modules.len().checked_sub(MARK)?)?
        } else {
            b""
        };
        Some((go, inner))
    };
    read().map_or(Parsed::None, |(go, modules)| Parsed::Modern(go, modules))
}

/// A text with its length in front, seven bits a byte.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_usize;
    let mut shift = 0_u32;
    let mut rest = bytes;
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        let bits = usize::from(*byte & 0x7f).checked_shl(shift)?;
        length = length.checked_add(bits)?;
        if byte & 0x80 == 0 {
            break;
        }
        shift = shift.checked_add(7).filter(|shift| *shift <= 28)?;
    }
    (length <= limits::GO_BUILD_INFO_BYTES).then_some(())?;
    rest.split_at_checked(length)
}

fn view(path: &Path, go: &str, modules: &str) -> Result<Bom, PackagesError> {
    let wrong = |line: usize, what: &str| malformed(path, &format!("build information, line {line}"), what);
    let mut bom = Bom::made();
    let mut items: Vec<Item> = Vec::new();
    let mut main: Option<Item> = None;
    let mut properties: Vec<(String, String)> = Vec::new();
    let mut command = None;
    for (number, line) in modules.lines().enumerate() {
        let number = number.saturating_add(1);
        let parts: Vec<&str> = line.split('\t').collect();
        match parts[..] {
            ["path", name] => command = Some(name),
            ["mod", name, version] | ["mod", name, version, _] => {
                main = Some(Item { linked: None, ..module(path, name, version, "", true)? });
            }
            ["dep", name, version] => items.push(module(path, name, version, "", true)?),
            ["dep", name, version, sum] => items.push(module(path, name, version, sum, true)?),
            ["=>", name, version, ..] => {
                let sum = parts.get(3).copied().unwrap_or_default();
                let before = if items.is_empty() { main.as_mut() } else { items.last_mut() };
                let before = before.ok_or_else(|| wrong(number, "a replacement of nothing"))?;
                // The module keeps its own name: a folder is a path of the machine that built it. What it has not is an
                // identity in a registry, since what was built is not what is published there.
                let folder = is_folder(name);
                let name = if folder { before.name.as_str() } else { name };
                let mut new = module(path, name, version, sum, !folder)?;
                new.linked = before.linked;
                new.properties.push(("countersign:replaces".to_owned(), before.label()));
                *before = new;
            }
            ["build", setting] => {
                if let Some((key, value)) = setting.split_once('=') {
                    // Flags may hold paths of the machine that built it.
                    if matches!(
                        key,
                        "GOOS"
                            | "GOARCH"
                            | "CGO_ENABLED"
                            | "vcs"
                            | "vcs.revision"
                            | "vcs.time"
                            | "vcs.modified"
                            | "-tags"
                            | "GOAMD64"
                            | "GOARM64"
                            | "GOFIPS140"
                    ) {
                        properties.push((format!("countersign:go:{key}"), value.trim_matches('"').to_owned()));
                    }
                }
            }
            _ => {}
        }
        if items.len() > limits::LOCK_FILE_PACKAGES {
            return Err(wrong(number, "more modules than are read"));
        }
    }
    let version = go.split_whitespace().next().unwrap_or(go).trim_start_matches("go");
    let purl =
        Purl::build("golang", None, "stdlib", Some(version), &[]).map_err(|error| purl_error(path, "stdlib", error))?;
    let mut standard = library(purl.as_str().to_owned(), "stdlib", Some(version));
    standard.purl = Some(purl.as_str().to_owned());
    standard.linked = Some(true);
    items.push(standard);
    tell_apart(&mut items);
    items.sort_by(|a, b| a.reference.cmp(&b.reference));
    if let Some(pair) = items.windows(2).find(|pair| matches!(pair, [a, b] if a.reference == b.reference)) {
        return Err(malformed(
            path,
            "build information",
            &format!("{} is listed twice", pair.first().map(Item::label).unwrap_or_default()),
        ));
    }
    let mut root = main.unwrap_or_else(|| {
        let name = command.map_or_else(|| "program".to_owned(), str::to_owned);
        super::application(&name, None)
    });
    "application".clone_into(&mut root.kind);
    if let Some(command) = command {
        properties.push(("countersign:go:path".to_owned(), command.to_owned()));
    }
    properties.push(("countersign:go:version".to_owned(), go.to_owned()));
    root.properties.extend(properties);
    for item in &items {
        bom.aggregates.insert(item.reference.clone(), "unknown".to_owned());
    }
    bom.aggregates.insert(root.reference.clone(), "unknown".to_owned());
    bom.items = items;
    bom.root = Some(root);
    Ok(bom)
}

/// Package URLs of Go have small letters alone, and Go itself tells modules apart by them: such ones are named by what Go calls them.
fn tell_apart(items: &mut [Item]) {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for item in items.iter() {
        names.entry(item.reference.clone()).or_default().insert(item.name.clone());
    }
    for item in items {
        if names.get(&item.reference).is_some_and(|names| names.len() > 1) {
            item.reference = format!("path:{}@{}", item.name, item.version.as_deref().unwrap_or_default());
        }
    }
}

fn is_folder(name: &str) -> bool {
    name.starts_with('.') || name.starts_with('/') || name.contains('\\') || name.get(1..3) == Some(":/")
}

/// A module by its path. One that was built from a folder has no version that is published, and so no public identity.
fn module(path: &Path, name: &str, version: &str, sum: &str, published: bool) -> Result<Item, PackagesError> {
    if name.len() > limits::SBOM_TEXT_BYTES || version.len() > limits::SBOM_TEXT_BYTES || name.is_empty() {
        return Err(malformed(path, "build information", "a module without a name, or with one that is too long"));
    }
    let folder = is_folder(name);
    // What was changed since its commit no registry has.
    let changed = version.contains("+dirty");
    let purl = if published && version.starts_with('v') && !folder && !changed {
        let lower = name.to_lowercase();
        let (namespace, own) = match lower.rsplit_once('/') {
            Some((namespace, own)) => (Some(namespace), own),
            None => (None, lower.as_str()),
        };
        Some(Purl::build("golang", namespace, own, Some(version), &[]).map_err(|error| purl_error(path, name, error))?)
    } else {
        None
    };
    // Only a list that Go did not write gives a folder as a module of its own.
    let name = if folder { "a module from a folder" } else { name };
    let version = Some(version).filter(|version| !version.is_empty());
    let reference = purl.as_ref().map_or_else(|| format!("path:{name}"), |purl| purl.as_str().to_owned());
    let mut item = library(reference, name, version);
    item.purl = purl.map(|purl| purl.as_str().to_owned());
    item.linked = Some(true);
    if !sum.is_empty() {
        item.properties.push(("countersign:go:sum".to_owned(), sum.to_owned()));
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(go: &str, modules: &str) -> Vec<u8> {
        let mut bytes = b"\x7fELF".to_vec();
        bytes.resize(64, 0);
        bytes.extend(info(go, modules));
        bytes
    }

    fn info(go: &str, modules: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([8, 2]);
        bytes.resize(HEAD, 0);
        let mut put = |text: &[u8]| {
            let mut length = text.len();
            while length >= 0x80 {
                bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
                length >>= 7;
            }
            bytes.push(u8::try_from(length).unwrap());
            bytes.extend(text);
        };
        put(go.as_bytes());
        put(&[&[b'<'; MARK][..], modules.as_bytes(), &[b'>'; MARK]].concat());
        while !bytes.len().is_multiple_of(MARK) {
            bytes.push(0);
        }
        bytes
    }

    const MODULES: &str = "path\texample.com/app\nmod\texample.com/app\t(devel)\t\n\
        dep\tgithub.com/BurntSushi/toml\tv1.4.0\th1:AAAA=\n\
        dep\texample.com/old\tv1.0.0\n=>\texample.com/new\tv2.0.0\th1:BBBB=\n\
        dep\texample.com/local\tv1.0.0\n=>\t../local\t\n\
        dep\texample.com/app/store/one\tv0.0.0-00010101000000-000000000000\n=>\t./store/one\t(devel)\t\n\
        dep\texample.com/app/store/two\tv0.0.0-00010101000000-000000000000\n=>\t./store/two\t(devel)\t\n\
        dep\texample.com/posed\tv1.0.0\n=>\t/opt/somebody/posed\tv1.0.0\th1:CCCC=\n\
        build\t-ldflags=\"-X a=/opt/somebody\"\nbuild\tGOOS=linux\n";

    fn made(bytes: &[u8]) -> Result<Made, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app");
        fs::write(&path, bytes).unwrap();
        super::super::read(&path, None)
    }

    #[test]
    fn what_was_changed_since_its_commit_has_no_public_identity() {
        let purl = |version: &str| module(Path::new("app"), "example.com/app", version, "", true).unwrap().purl;
        assert_eq!(purl("v1.2.3").as_deref(), Some("pkg:golang/example.com/app@v1.2.3"));
        assert_eq!(purl("v1.2.4-0.20260101000000-0123456789ab+dirty"), None);
    }

    #[test]
    fn modules_replacements_and_settings_are_read() {
        let made = made(&binary("go1.22.1", MODULES)).unwrap();
        let labels: Vec<String> =
            made.bom.items.iter().map(|item| format!("{} {}", item.label(), item.reference)).collect();
        assert_eq!(
            labels,
            [
                "example.com/app/store/one (devel) path:example.com/app/store/one",
                "example.com/app/store/two (devel) path:example.com/app/store/two",
                "example.com/local path:example.com/local",
                "example.com/posed v1.0.0 path:example.com/posed",
                "example.com/new v2.0.0 pkg:golang/example.com/new@v2.0.0",
                "github.com/BurntSushi/toml v1.4.0 pkg:golang/github.com/burntsushi/toml@v1.4.0",
                "stdlib 1.22.1 pkg:golang/stdlib@1.22.1",
            ]
        );
        let of_c = |made: &Made| made.partial.iter().any(|what| what.contains("code in C"));
        assert!(of_c(&made), "nothing says that there is none");
        let without = MODULES.replace("build\tGOOS=linux\n", "build\tCGO_ENABLED=0\n");
        assert!(!of_c(&self::made(&binary("go1.22.1", &without)).unwrap()));
        let root = made.bom.root.as_ref().unwrap();
        assert_eq!((root.name.as_str(), root.purl.as_deref()), ("example.com/app", None));
        assert!(made.bom.items.iter().take(4).all(|item| item.purl.is_none() && item.linked == Some(true)));
        let replaced = ("countersign:replaces".to_owned(), "example.com/local v1.0.0".to_owned());
        assert_eq!(made.bom.items[2].properties, [replaced]);
        assert_eq!(root.linked, None);
        let text = format!("{:?}", made.bom);
        assert!(text.contains("h1:AAAA=") && text.contains("linux") && !text.contains("somebody"), "{text}");
    }

    #[test]
    fn one_module_listed_twice_is_refused_wherever_it_comes_from() {
        for again in
            ["dep\texample.com/local\tv2.0.0\n=>\t../elsewhere\t\n", "dep\texample.com/new\tv2.0.0\th1:BBBB=\n"]
        {
            let error = made(&binary("go1.22.1", &format!("{MODULES}{again}"))).unwrap_err();
            assert!(error.to_string().contains("is listed twice"), "{error}");
        }
    }

    #[test]
    fn modules_whose_paths_differ_in_large_letters_are_two() {
        let upper = "dep\tgithub.com/BurntSushi/Toml\tv1.4.0\th1:DDDD=\n";
        let both = made(&binary("go1.22.1", &format!("{MODULES}{upper}"))).unwrap();
        let named: Vec<(&str, &str, Option<&str>)> = both
            .bom
            .items
            .iter()
            .filter(|item| item.name.to_lowercase().ends_with("/toml"))
            .map(|item| (item.reference.as_str(), item.name.as_str(), item.purl.as_deref()))
            .collect();
        let purl = Some("pkg:golang/github.com/burntsushi/toml@v1.4.0");
        assert_eq!(
            named,
            [
                ("path:github.com/BurntSushi/Toml@v1.4.0", "github.com/BurntSushi/Toml", purl),
                ("path:github.com/BurntSushi/toml@v1.4.0", "github.com/BurntSushi/toml", purl)
            ]
        );
        let error = made(&binary("go1.22.1", &format!("{MODULES}{upper}{upper}"))).unwrap_err();
        assert!(error.to_string().contains("is listed twice"), "{error}");
    }

    #[test]
    fn a_universal_binary_is_one_where_its_programs_differ_in_the_architecture_alone() {
        let of = |start: &[u8], second: &str| {
            let mut bytes = binary("go1.22.1", &format!("{MODULES}build\tGOARCH=amd64\nbuild\tGOAMD64=v1\n"));
            bytes[..4].copy_from_slice(start);
            bytes.extend(info("go1.22.1", second));
            made(&bytes)
        };
        let arm = format!("{MODULES}build\tGOARCH=arm64\n");
        let both = of(UNIVERSAL, &arm).unwrap();
        let root = both.bom.root.unwrap();
        let architectures = root.properties.iter().filter(|(name, _)| name == "countersign:go:GOARCH");
        assert_eq!(architectures.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["amd64", "arm64"]);
        assert!(of(b"\x7fELF", &arm).unwrap_err().to_string().contains("two that differ"));
        let other = of(UNIVERSAL, &format!("{arm}dep\texample.com/more\tv1.0.0\th1:E=\n")).unwrap_err().to_string();
        assert!(other.contains("lipo -thin"), "{other}");
    }

    #[test]
    fn two_that_differ_and_an_older_one_are_refused() {
        let mut two = binary("go1.22.1", MODULES);
        two.extend(info("go1.22.1", "path\tother\n"));
        assert!(made(&two).unwrap_err().to_string().contains("two that differ"));
        let mut same = binary("go1.22.1", MODULES);
        same.extend(info("go1.22.1", MODULES));
        assert!(made(&same).is_ok());
        let mut older = binary("go1.22.1", MODULES);
        older[64 + 15] = 0;
        assert!(made(&older).unwrap_err().to_string().contains("before 1.18"));
    }

    #[test]
    fn broken_information_is_none() {
        let whole = binary("go1.22.1", MODULES);
        for length in [64, 70, 96, 97, 105, 120] {
            assert!(matches!(made(&whole[..length]), Err(PackagesError::Unknown { .. })), "{length}");
        }
        let mut long = whole.clone();
        long[64 + HEAD..64 + HEAD + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert!(matches!(made(&long), Err(PackagesError::Unknown { .. })));
        assert!(matches!(made(b"\x7fELF no go here"), Err(PackagesError::Unknown { .. })));
    }

    #[test]
    fn what_is_no_program_and_has_many_lists_takes_a_moment() {
        // Each list reaches over those behind it, up to the end.
        let mut one = info("go1.22.1", "");
        let from = HEAD + 9;
        one.truncate(from);
        one.extend([0x80, 0x80, 0x80, 0x04]);
        one.resize(one.len().next_multiple_of(MARK), 0xff);
        let mut bytes = b"\x7fELF".to_vec();
        bytes.resize(64, 0);
        bytes.extend(one.repeat(100_000));
        bytes.resize(bytes.len() + (8 << 20), b' ');
        let begun = std::time::Instant::now();
        assert!(made(&bytes).unwrap_err().to_string().contains("more than 64 lists"));
        let other = bytes.iter().map(|byte| if *byte == b'g' { b'x' } else { *byte }).collect::<Vec<_>>();
        assert!(matches!(made(&other), Err(PackagesError::Unknown { .. })));
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }
}
