//! What a folder of installed Python packages tells about the Python that they serve and the machine: by its name, by
//! `pyvenv.cfg` of its environment, by what wheels were made for, and by what was compiled. Nothing is run. Where two of
//! them contradict each other, nothing is known.

use super::markers::{Facts, Known};
use super::{PackagesError, bytes_of};
use countersign_core::limits;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What was said, each thing by all that said it.
#[derive(Debug, Default)]
struct Said {
    minors: BTreeSet<String>,
    fulls: BTreeSet<String>,
    platforms: BTreeSet<Platform>,
    machines: BTreeSet<String>,
    implementations: BTreeSet<Implementation>,
    /// It lies as Python lays it out on anything but Windows.
    posix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Platform {
    Linux,
    MacOs,
    Windows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Implementation {
    CPython,
    PyPy,
}

/// Looks at a folder and at the metadata folders in it.
pub(super) fn look(folder: &Path, packages: &[PathBuf]) -> Result<Facts, PackagesError> {
    let mut said = Said::default();
    let whole = folder.canonicalize().map_err(|source| PackagesError::Read { path: folder.to_owned(), source })?;
    let above: Vec<&Path> = whole.ancestors().skip(1).take(3).collect();
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Only as Python lays it out: `pyvenv.cfg` of a folder further up may be of another Python.
    let environment = match above[..] {
        [inner, outer, top] if ["lib", "lib64"].contains(&name(outer).as_str()) => {
            said.folder(&name(inner));
            Some(top)
        }
        [inner, outer, ..] if name(inner) == "Lib" => Some(outer),
        _ => None,
    };
    if let Some(file) = environment.map(|top| top.join("pyvenv.cfg")).filter(|file| file.is_file()) {
        said.environment(&text(&file)?);
    }
    for package in packages {
        let file = package.join("WHEEL");
        if file.is_file() {
            said.wheel(&text(&file)?);
        }
    }
    if said.minors.is_empty() {
        for package in packages {
            let file = package.join("RECORD");
            if file.is_file() {
                said.compiled(&text(&file)?);
            }
        }
    }
    Ok(said.facts())
}

/// What is known, for a reader.
pub(super) fn said(facts: &Facts) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut put = |name: &str, value: &str| all.push((format!("countersign:python:{name}"), value.to_owned()));
    if let Some(version) = facts.full.as_deref().or(facts.minor.as_deref()) {
        put("version", version);
    }
    for (name, known) in &facts.texts {
        if let Known::Is(value) = known {
            put(name, value);
        }
    }
    all
}

fn text(file: &Path) -> Result<String, PackagesError> {
    Ok(String::from_utf8_lossy(&bytes_of(file, limits::PACKAGE_METADATA_BYTES)?).into_owned())
}

impl Said {
    /// The folder above `site-packages`, in `lib`: `python3.11`.
    fn folder(&mut self, name: &str) {
        for (stem, implementation) in [("python", None), ("pypy", Some(Implementation::PyPy))] {
            let Some(version) = name.strip_prefix(stem) else { continue };
            self.posix = true;
            self.implementations.extend(implementation);
            self.minors.extend(minor_of(version));
        }
    }

    /// `pyvenv.cfg`. The standard library, virtualenv and uv write it each in its own way.
    fn environment(&mut self, text: &str) {
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            match (key.trim(), value.trim()) {
                ("version" | "version_info", value) => self.version(value),
                ("implementation", "CPython") => {
                    self.implementations.insert(Implementation::CPython);
                }
                ("implementation", "PyPy") => {
                    self.implementations.insert(Implementation::PyPy);
                }
                _ => {}
            }
        }
    }

    /// `3.11.7`, or `3.11.7.final.0`. One before its release is known by its first two parts only.
    fn version(&mut self, text: &str) {
        self.minors.extend(minor_of(text));
        let mut parts = text.split('.');
        let numbers: Vec<&str> = parts.by_ref().take(3).collect();
        let released = matches!(parts.next(), None | Some("final"));
        if numbers.len() == 3 && released && numbers.iter().all(|part| is_number(part)) {
            self.fulls.insert(numbers.join("."));
        }
    }

    /// What one wheel was made for. One that was made for several says nothing about which it is.
    fn wheel(&mut self, text: &str) {
        let mut own = Self::default();
        for line in text.lines() {
            let Some(tag) = line.strip_prefix("Tag:") else { continue };
            let mut parts = tag.trim().splitn(3, '-');
            let (Some(python), Some(abi), Some(platform)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            // `abi3` is for any version from that one on.
            if let Some(digits) = python.strip_prefix("cp").filter(|digits| abi.starts_with(&format!("cp{digits}"))) {
                own.implementations.insert(Implementation::CPython);
                own.minors.extend(digits_of(digits));
            } else if python.starts_with("pp") && abi.starts_with("pypy") {
                own.implementations.insert(Implementation::PyPy);
                own.minors.extend(python.strip_prefix("pp").and_then(digits_of));
            }
            own.platform(platform);
        }
        self.implementations.extend(only(&own.implementations));
        self.minors.extend(only(&own.minors));
        self.platforms.extend(only(&own.platforms));
        self.machines.extend(only(&own.machines));
    }

    fn platform(&mut self, tag: &str) {
        let platform = if ["linux", "manylinux", "musllinux"].iter().any(|stem| tag.starts_with(stem)) {
            Platform::Linux
        } else if tag.starts_with("macosx") {
            Platform::MacOs
        } else if tag.starts_with("win") {
            Platform::Windows
        } else {
            return;
        };
        self.platforms.insert(platform);
        // Only machines of one word size: a program of 32 bits also runs on one of 64. On Windows the word is another.
        let machines = ["x86_64", "aarch64", "arm64", "ppc64le", "s390x", "riscv64", "loongarch64"];
        let own = machines.iter().find(|machine| tag.ends_with(&format!("_{machine}")));
        self.machines.extend(own.map(|machine| (*machine).to_owned()));
    }

    /// `RECORD`, which lists what was compiled: `a/__pycache__/b.cpython-311.pyc`.
    fn compiled(&mut self, text: &str) {
        for line in text.lines().filter(|line| line.contains(".pyc")) {
            let Some((_, behind)) = line.rsplit_once("/__pycache__/") else { continue };
            for (stem, implementation) in [(".cpython-", Implementation::CPython), (".pypy", Implementation::PyPy)] {
                let Some((_, tag)) = behind.rsplit_once(stem) else { continue };
                let digits = tag.split('.').next().unwrap_or_default();
                if let Some(minor) = digits_of(digits) {
                    self.implementations.insert(implementation);
                    self.minors.insert(minor);
                }
            }
        }
    }

    fn facts(self) -> Facts {
        let minor = only(&self.minors);
        let full = only(&self.fulls).filter(|full| minor_of(full) == minor);
        let mut texts = BTreeMap::new();
        let is = |text: &str| Known::Is(text.to_owned());
        let posix = self.posix || self.platforms.iter().any(|platform| *platform != Platform::Windows);
        let (name, system) = match only(&self.platforms) {
            Some(Platform::Linux) => (is("linux"), is("Linux")),
            Some(Platform::MacOs) => (is("darwin"), is("Darwin")),
            Some(Platform::Windows) if !posix => (is("win32"), is("Windows")),
            _ => (Known::IsNot("win32"), Known::IsNot("Windows")),
        };
        let windows = self.platforms.contains(&Platform::Windows);
        if windows != posix {
            texts.insert("sys_platform", name);
            texts.insert("platform_system", system);
            texts.insert("os_name", is(if posix { "posix" } else { "nt" }));
        }
        if let Some(machine) = only(&self.machines) {
            texts.insert("platform_machine", Known::Is(machine));
        }
        let implementation = match only(&self.implementations) {
            Some(Implementation::CPython) => Some(("CPython", "cpython")),
            Some(Implementation::PyPy) => Some(("PyPy", "pypy")),
            None => None,
        };
        if let Some((long, short)) = implementation {
            texts.insert("platform_python_implementation", is(long));
            texts.insert("implementation_name", is(short));
        }
        Facts { minor, full, texts }
    }
}

/// The one thing that all said.
fn only<T: Clone + Ord>(all: &BTreeSet<T>) -> Option<T> {
    all.first().filter(|_| all.len() == 1).cloned()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `3.11` of `3.11.7`.
fn minor_of(text: &str) -> Option<String> {
    let mut parts = text.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    (is_number(major) && is_number(minor)).then(|| format!("{major}.{minor}"))
}

/// `3.11` of `311`.
fn digits_of(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (major, minor) = text.get(..end)?.split_at_checked(1)?;
    is_number(minor).then(|| format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn of(place: &str, files: &[(&str, &str)]) -> Facts {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join(place);
        fs::create_dir_all(own.join("a.dist-info")).unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let packages: Vec<PathBuf> =
            ["a.dist-info", "b.dist-info"].iter().map(|name| own.join(name)).filter(|path| path.is_dir()).collect();
        look(&own, &packages).unwrap()
    }

    fn shown(facts: &Facts) -> String {
        let all = said(facts).into_iter().map(|(name, value)| format!("{}={value}", name.rsplit(':').next().unwrap()));
        all.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_environment_says_its_version_and_wheels_their_platform() {
        let place = "v/lib/python3.11/site-packages";
        let wheel = "Tag: cp311-cp311-manylinux_2_17_x86_64\nTag: cp311-cp311-manylinux2014_x86_64\n";
        let facts = of(
            place,
            &[("v/pyvenv.cfg", "home = /x\nversion = 3.11.7\n"), (&format!("{place}/a.dist-info/WHEEL"), wheel)],
        );
        assert_eq!(
            shown(&facts),
            "version=3.11.7 implementation_name=cpython os_name=posix platform_machine=x86_64 \
             platform_python_implementation=CPython platform_system=Linux sys_platform=linux"
        );
        let bare = of(place, &[("v/pyvenv.cfg", "version_info = 3.11.7.final.0\nimplementation = PyPy\n")]);
        assert_eq!(
            shown(&bare),
            "version=3.11.7 implementation_name=pypy os_name=posix platform_python_implementation=PyPy"
        );
        assert_eq!(bare.texts["sys_platform"], Known::IsNot("win32"));
        let early = of(place, &[("v/pyvenv.cfg", "version_info = 3.11.0.candidate.1\n")]);
        assert_eq!(shown(&early), "version=3.11 os_name=posix");
    }

    #[test]
    fn a_folder_by_itself_says_what_its_files_say_and_no_more() {
        assert_eq!(of("site", &[]), Facts::default());
        let far = ("pyvenv.cfg", "version = 3.10.2\n");
        assert_eq!(of("a/b/site", &[far, ("a/pyvenv.cfg", far.1), ("a/b/pyvenv.cfg", far.1)]), Facts::default());
        assert_eq!(shown(&of("Lib/site-packages", &[far])), "version=3.10.2");
        let record = "a.py,sha256=x,3\na/__pycache__/b.cpython-39.opt-1.pyc,,\n";
        assert_eq!(
            shown(&of("site", &[("site/a.dist-info/RECORD", record)])),
            "version=3.9 implementation_name=cpython platform_python_implementation=CPython"
        );
        let windows = of("site", &[("site/a.dist-info/WHEEL", "Tag: cp39-abi3-win_amd64\n")]);
        assert_eq!(shown(&windows), "os_name=nt platform_system=Windows sys_platform=win32");
        let any = of("site", &[("site/a.dist-info/WHEEL", "Tag: py2-none-any\nTag: py3-none-any\n")]);
        assert_eq!(any, Facts::default());
    }

    #[test]
    fn what_contradicts_itself_is_not_known() {
        let place = "v/lib/python3.11/site-packages";
        let one = ("v/pyvenv.cfg", "version = 3.10.2\n");
        assert_eq!(shown(&of(place, &[one])), "os_name=posix");
        let tags = |a: &str, b: &str| {
            of(
                "site",
                &[
                    ("site/a.dist-info/WHEEL", &format!("Tag: {a}\n")),
                    ("site/b.dist-info/WHEEL", &format!("Tag: {b}\n")),
                ],
            )
        };
        assert!(!shown(&tags("cp311-cp311-win_amd64", "cp312-cp312-win32")).contains("version"));
        assert_eq!(tags("py3-none-win_amd64", "py3-none-linux_x86_64").texts.get("sys_platform"), None);
        let both = tags("py3-none-macosx_11_0_arm64", "py3-none-manylinux_2_17_x86_64");
        assert_eq!(shown(&both), "os_name=posix");
    }
}
