//! `Cargo.lock`: the checksums, and the digest of the whole.

use crate::{
    error::SbomError,
    inventory::{Build, Component, Inventory, Kind, Shape, Source},
    source::tell_apart,
};
use countersign_core::{digest::Sha256, limits};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

/// What a lock file says.
pub(crate) struct Lock {
    /// The digest of the file.
    pub(crate) digest: Sha256,
    checksums: BTreeMap<(String, String, String), Sha256>,
}

/// The newest version of the file that Cargo writes, and this reads.
const NEWEST: u64 = 4;

#[derive(serde::Deserialize)]
struct File {
    version: Option<u64>,
    #[serde(default)]
    package: Vec<Package>,
    /// Where the first form of the file has its checksums.
    #[serde(default)]
    metadata: BTreeMap<String, toml::Value>,
}

#[derive(serde::Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    pub(crate) fn read(path: &Path) -> Result<Self, SbomError> {
        let text = read_toml(path)?;
        let file: File = toml::from_str(&text)
            .map_err(|source| SbomError::Toml { path: path.to_owned(), source: Box::new(source) })?;
        Self::of(path, &text, &file)
    }

    fn of(path: &Path, text: &str, file: &File) -> Result<Self, SbomError> {
        if let Some(version) = file.version.filter(|version| *version > NEWEST) {
            let why = format!(
                "it is of version {version}, and up to {NEWEST} is read: lock again with a Cargo that writes that"
            );
            return Err(SbomError::Lock { path: path.to_owned(), why });
        }
        let mut checksums = BTreeMap::new();
        for package in &file.package {
            let Some(source) = &package.source else { continue };
            let older = format!("checksum {} {} ({source})", package.name, package.version);
            let sum = package.checksum.as_deref().or_else(|| file.metadata.get(&older).and_then(toml::Value::as_str));
            let Some(sum) = sum.filter(|text| *text != "<none>") else {
                continue;
            };
            let checksum = Sha256::from_hex(sum).map_err(|source| SbomError::Checksum {
                path: path.to_owned(),
                package: package.name.clone(),
                source,
            })?;
            checksums.insert((package.name.clone(), package.version.clone(), source.clone()), checksum);
        }
        Ok(Self { digest: Sha256::of(text.as_bytes()), checksums })
    }

    /// The checksum of a package from a registry.
    pub(crate) fn checksum(&self, name: &str, version: &str, source: &str) -> Option<Sha256> {
        self.checksums.get(&(name.to_owned(), version.to_owned(), source.to_owned())).copied()
    }

    /// Name, version and checksum of each package that has one.
    pub(crate) fn with_checksum(&self) -> impl Iterator<Item = (&str, &str, &Sha256)> {
        self.checksums.iter().map(|((name, version, _), checksum)| (name.as_str(), version.as_str(), checksum))
    }
}

/// The inventory of a lock file alone: every package in it, whatever it is for.
pub(crate) fn inventory(directory: &Path) -> Result<Inventory, SbomError> {
    let path = directory.join("Cargo.lock");
    if !path.exists() {
        return Err(SbomError::NoLockFile { path });
    }
    let text = read_toml(&path)?;
    let broken = |why: String| SbomError::Lock { path: path.clone(), why };
    let file: File =
        toml::from_str(&text).map_err(|source| SbomError::Toml { path: path.clone(), source: Box::new(source) })?;
    if file.package.len() > limits::LOCK_FILE_PACKAGES {
        return Err(broken(format!("more than {} packages", limits::LOCK_FILE_PACKAGES)));
    }
    let lock = Lock::of(&path, &text, &file)?;
    // As Cargo takes them, which no text that moves a cursor is.
    let plain = |text: &str, more: &[char]| {
        !text.is_empty()
            && text.len() <= limits::SBOM_TEXT_BYTES
            && text.chars().all(|c| c.is_alphanumeric() || more.contains(&c))
    };
    for package in &file.package {
        if !plain(&package.name, &['-', '_']) || !plain(&package.version, &['-', '.', '+']) {
            let short = |text: &str| text.chars().take(40).collect::<String>();
            let (name, version) = (short(&package.name), short(&package.version));
            return Err(broken(format!("{name:?} {version:?} is no name and version of a package")));
        }
    }
    let mut components = Vec::new();
    // By name, and within it by version and source: an edge names as little of these as tells it from others.
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, package) in file.package.iter().enumerate() {
        let source = match &package.source {
            None => Source::Path,
            Some(text) => Source::external(text).ok_or_else(|| SbomError::Source { package: package.name.clone() })?,
        };
        let purl = source
            .purl(&package.name, &package.version)
            .map_err(|source| SbomError::Purl { package: package.name.clone(), source })?;
        let reference = source.reference(&package.name, &package.version, purl.as_ref());
        let checksum = package.source.as_deref();
        let checksum = checksum.and_then(|source| lock.checksum(&package.name, &package.version, source));
        places.entry(&package.name).or_default().push(place);
        components.push(Component {
            purl,
            checksum,
            ..Component::new(reference, package.name.clone(), package.version.clone(), source, Kind::Package)
        });
    }
    let sources = file.package.iter().map(|package| package.source.as_deref());
    tell_apart(components.iter_mut().zip(sources));
    let mut edges = Vec::new();
    for package in &file.package {
        let mut to = BTreeSet::new();
        for text in &package.dependencies {
            let mut words = text.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            let source = words.next().map(|word| word.trim_start_matches('(').trim_end_matches(')'));
            let fits = |place: &&usize| {
                file.package.get(**place).is_some_and(|package| {
                    version.is_none_or(|version| version == package.version)
                        && source.is_none_or(|source| package.source.as_deref().is_some_and(|own| names(source, own)))
                })
            };
            let mut found = places.get(name).into_iter().flatten().filter(fits);
            let (Some(place), None) = (found.next(), found.next()) else {
                return Err(broken(format!("{} depends on {text}, which names not exactly one package", package.name)));
            };
            to.extend(components.get(*place).map(|component: &Component| component.reference.clone()));
        }
        edges.push(to);
    }
    for (component, to) in components.iter_mut().zip(edges) {
        component.depends_on = to;
    }
    let name = own_name(directory).unwrap_or_else(|| "workspace".to_owned());
    let mut root =
        Component::new(format!("workspace:{name}"), name.clone(), "unknown".to_owned(), Source::Path, Kind::Workspace);
    let here = components.iter().filter(|component| component.source == Source::Path);
    root.depends_on = here.map(|component| component.reference.clone()).collect();
    components.sort_by(|a, b| a.reference.cmp(&b.reference));
    let twice = components.windows(2).find_map(|pair| match pair {
        [one, other] if one.reference == other.reference => Some(one.reference.clone()),
        _ => None,
    });
    if let Some(reference) = twice {
        return Err(SbomError::SameReference { reference });
    }
    Ok(Inventory {
        root,
        binary: name,
        shape: Shape::Workspace,
        components,
        build: Build {
            target: String::new(),
            host: String::new(),
            features: BTreeSet::new(),
            resolver: "",
            lock: lock.digest,
            lock_only: true,
        },
    })
}

/// Whether a source in an edge is that of a package: in an edge, one of git has no commit behind it.
fn names(source: &str, own: &str) -> bool {
    source == own || (own.starts_with("git+") && own.split_once('#').is_some_and(|(address, _)| address == source))
}

/// The name of the package at the top, if there is one.
fn own_name(directory: &Path) -> Option<String> {
    let manifest: toml::Value = toml::from_str(&read_toml(&directory.join("Cargo.toml")).ok()?).ok()?;
    let name = manifest.get("package")?.get("name")?.as_str()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (!name.is_empty() && name.len() < 200 && name.bytes().all(plain)).then(|| name.to_owned())
}

/// A file of Cargo's, within the bound.
pub(crate) fn read_toml(path: &Path) -> Result<String, SbomError> {
    let failed = |source| SbomError::Read { path: path.to_owned(), source };
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        // A pipe or a device may have no end.
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
    }
    if usize::try_from(about.len()).map_or(true, |size| size > limits::LOCK_FILE_BYTES) {
        return Err(SbomError::TooLarge { path: path.to_owned(), found: about.len(), limit: limits::LOCK_FILE_BYTES });
    }
    fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Lock, SbomError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cargo.lock");
        fs::write(&path, text).unwrap();
        Lock::read(&path)
    }

    #[test]
    fn checksums_of_all_forms_of_the_file_are_found() {
        let sum = "ab".repeat(32);
        let newer = format!(
            "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"s\"\nchecksum = \"{sum}\"\n"
        );
        let older = format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"s\"\n[metadata]\n\"checksum a 1.0.0 (s)\" = \"{sum}\"\n"
        );
        for text in [newer, older] {
            let lock = read(&text).unwrap();
            assert_eq!(lock.checksum("a", "1.0.0", "s"), Some(Sha256::from_bytes([0xab; 32])));
            assert_eq!(lock.checksum("a", "1.0.0", "elsewhere"), None);
            assert_eq!(lock.digest, Sha256::of(text.as_bytes()));
        }
    }

    #[test]
    fn a_lock_file_that_is_not_one_is_refused() {
        assert!(matches!(read("package = 3"), Err(SbomError::Toml { .. })));
        let text = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"s\"\nchecksum = \"abc\"\n";
        assert!(matches!(read(text), Err(SbomError::Checksum { .. })));
    }

    fn listed(lock: &str) -> Result<Inventory, SbomError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.lock"), lock).unwrap();
        inventory(folder.path())
    }

    fn package(name: &str, version: &str, source: &str, dependencies: &str) -> String {
        let source = if source.is_empty() { String::new() } else { format!("source = \"{source}\"\n") };
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}dependencies = [{dependencies}]\n")
    }

    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    #[test]
    fn a_name_that_cargo_would_not_take_is_refused_and_shown_harmless() {
        for (name, version) in
            [("a\\u001b[2J", "1.0.0"), ("<script>", "1.0.0"), ("a", "1.0.0\\nnote"), ("a b", "1.0.0"), ("", "1.0.0")]
        {
            let error = listed(&package(name, version, "", "")).unwrap_err();
            let SbomError::Lock { why, .. } = &error else { panic!("{error:?}") };
            assert!(!why.contains(char::is_control), "{why:?}");
        }
        assert!(listed(&package(&"a".repeat(5_000), "1.0.0", "", "")).unwrap_err().to_string().len() < 300);
        assert!(listed(&package("größe_1-x", "1.0.0-rc.1+b", "", "")).is_ok());
    }

    #[test]
    fn a_lock_file_alone_gives_every_package_and_every_edge_and_says_so() {
        let lock = package("app", "1.0.0", "", "\"a 1.0.0\", \"b\"")
            + &package("a", "1.0.0", CRATES_IO, "")
            + &package("a", "2.0.0", CRATES_IO, "")
            + &package("b", "0.1.0", CRATES_IO, "\"a 2.0.0\"");
        let inventory = listed(&lock).unwrap();
        assert!(inventory.build.lock_only);
        let edges: Vec<(&str, Vec<&str>)> = inventory
            .components
            .iter()
            .map(|c| (c.reference.as_str(), c.depends_on.iter().map(String::as_str).collect()))
            .collect();
        let expected = [
            ("path:app@1.0.0", vec!["pkg:cargo/a@1.0.0", "pkg:cargo/b@0.1.0"]),
            ("pkg:cargo/a@1.0.0", vec![]),
            ("pkg:cargo/a@2.0.0", vec![]),
            ("pkg:cargo/b@0.1.0", vec!["pkg:cargo/a@2.0.0"]),
        ];
        assert_eq!(edges, expected);
        assert!(inventory.components.iter().all(|c| !c.is_linked() && c.built.is_none()), "of none it is known");
    }

    #[test]
    fn two_packages_of_git_with_one_name_and_version_are_told_apart_by_their_address() {
        let (one, two) = ("git+file:///g1", "git+file:///g2?branch=x");
        let lock = package("app", "1.0.0", "", &format!("\"twin 1.0.0 ({one})\", \"twin 1.0.0 ({two})\""))
            + &package("twin", "1.0.0", &format!("{one}#{}", "0".repeat(40)), "")
            + &package("twin", "1.0.0", &format!("{two}#{}", "1".repeat(40)), "");
        let inventory = listed(&lock).unwrap();
        let app = inventory.components.iter().find(|c| c.name == "app").unwrap();
        assert_eq!((inventory.components.len(), app.depends_on.len()), (3, 2));
    }

    #[test]
    fn one_commit_that_is_asked_for_in_two_ways_is_two_packages() {
        let (one, two) = ("git+https://example.com/g?rev=0123", "git+https://example.com/g?branch=main");
        let commit = "0123".repeat(10);
        let lock = package("app", "1.0.0", "", &format!("\"twin 1.0.0 ({one})\", \"twin 1.0.0 ({two})\""))
            + &package("twin", "1.0.0", &format!("{one}#{commit}"), "")
            + &package("twin", "1.0.0", &format!("{two}#{commit}"), "");
        let inventory = listed(&lock).unwrap();
        let app = inventory.components.iter().find(|c| c.name == "app").unwrap();
        let purl = format!("pkg:cargo/twin@1.0.0?vcs_url=git%2Bhttps://example.com/g%40{commit}");
        assert_eq!(app.depends_on, [format!("{purl};branch=main"), format!("{purl};rev=0123")].into());
        let twins = || inventory.components.iter().filter(|c| c.name == "twin");
        assert!(twins().count() == 2 && twins().all(|c| c.purl.as_ref().unwrap().as_str() == purl));
    }

    #[test]
    fn a_lock_file_of_a_version_to_come_is_refused() {
        let text = |version: u8| format!("version = {version}\n") + &package("app", "1.0.0", "", "");
        assert!(listed(&text(4)).is_ok());
        assert!(matches!(listed(&text(5)), Err(SbomError::Lock { .. })));
        assert!(matches!(read(&text(9)), Err(SbomError::Lock { .. })));
    }

    #[test]
    fn an_edge_that_names_no_package_or_two_is_refused() {
        let two = package("a", "1.0.0", CRATES_IO, "") + &package("a", "2.0.0", CRATES_IO, "");
        for lock in [package("app", "1.0.0", "", "\"gone\""), two + &package("app", "1.0.0", "", "\"a\"")] {
            assert!(matches!(listed(&lock), Err(SbomError::Lock { .. })), "{lock}");
        }
        let twice = package("a", "1.0.0", CRATES_IO, "").repeat(2);
        assert!(matches!(listed(&twice), Err(SbomError::SameReference { .. })));
    }

    #[test]
    fn fifty_thousand_packages_are_read() {
        let lock: String = (0..50_000).map(|n| package(&format!("n{n}"), "1.0.0", CRATES_IO, "\"n0\"")).collect();
        assert_eq!(listed(&lock).unwrap().components.len(), 50_000);
    }
}
