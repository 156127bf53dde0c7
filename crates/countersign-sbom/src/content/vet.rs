//! What `cargo vet` keeps in `supply-chain/`: audits of the workspace's own, those that it imports, and exemptions.
//!
//! Read as `cargo vet` means them: an audit of a difference holds only where an audit of the whole stands at the other end
//! of it, with the same criteria. The files are not proof of anything but of what the workspace's owners wrote down.

use crate::{error::SbomError, inventory::Audit};
use countersign_core::limits;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// All audits, by package.
#[derive(Default)]
pub(super) struct Vet {
    audits: BTreeMap<String, Vec<Entry>>,
}

struct Entry {
    by: Option<String>,
    criteria: BTreeSet<String>,
    from: Option<String>,
    to: String,
    exempted: bool,
}

#[derive(serde::Deserialize, Default)]
struct Audits {
    #[serde(default)]
    audits: BTreeMap<String, Vec<Written>>,
}

#[derive(serde::Deserialize, Default)]
struct Imports {
    #[serde(default)]
    audits: BTreeMap<String, Audits>,
}

#[derive(serde::Deserialize, Default)]
struct Config {
    #[serde(default)]
    exemptions: BTreeMap<String, Vec<Written>>,
}

#[derive(serde::Deserialize)]
struct Written {
    #[serde(default)]
    criteria: OneOrMore,
    version: Option<String>,
    delta: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl Vet {
    /// What the workspace has; nothing where it has no such folder.
    pub(super) fn read(root: &Path) -> Result<Self, SbomError> {
        let folder = root.join("supply-chain");
        let mut vet = Self::default();
        let own: Audits = file(&folder.join("audits.toml"))?;
        let imports: Imports = file(&folder.join("imports.lock"))?;
        let config: Config = file(&folder.join("config.toml"))?;
        vet.take(None, own.audits, false);
        for (name, audits) in imports.audits {
            vet.take(Some(&name), audits.audits, false);
        }
        vet.take(None, config.exemptions, true);
        Ok(vet)
    }

    fn take(&mut self, by: Option<&str>, audits: BTreeMap<String, Vec<Written>>, exempted: bool) {
        for (package, entries) in audits {
            for written in entries {
                let criteria = match written.criteria {
                    OneOrMore::One(one) => BTreeSet::from([one]),
                    OneOrMore::More(all) => all.into_iter().collect(),
                };
                let (from, to) = match (written.version, written.delta) {
                    (Some(version), _) => (None, version),
                    (None, Some(delta)) => {
                        let Some((from, to)) = delta.split_once("->") else { continue };
                        (Some(from.trim().to_owned()), to.trim().to_owned())
                    }
                    // A violation, or something newer: no audit.
                    (None, None) => continue,
                };
                let entry = Entry { by: by.map(str::to_owned), criteria, from, to, exempted };
                self.audits.entry(package.clone()).or_default().push(entry);
            }
        }
    }

    /// What holds for a version.
    pub(super) fn audits(&self, package: &str, version: &str) -> BTreeSet<Audit> {
        let Some(entries) = self.audits.get(package) else { return BTreeSet::new() };
        let all: BTreeSet<&str> = entries.iter().flat_map(|entry| &entry.criteria).map(String::as_str).collect();
        let mut found = BTreeSet::new();
        for criteria in all {
            for exempted in [false, true] {
                if let Some(by) = chain(entries, version, criteria, exempted) {
                    let by = by.into_iter().flatten().collect::<Vec<_>>().join(", ");
                    let by = (!by.is_empty()).then_some(by);
                    found.insert(Audit { criteria: criteria.to_owned(), by, exempted });
                    break;
                }
            }
        }
        found
    }
}

/// Whose audits lead to the version, one for each step; nothing if none do.
fn chain<'a>(entries: &'a [Entry], version: &str, criteria: &str, exempted: bool) -> Option<BTreeSet<Option<&'a str>>> {
    let holds = |entry: &Entry| {
        // `safe-to-deploy` is also `safe-to-run`, as `cargo vet` has it.
        let stronger = criteria == "safe-to-run" && entry.criteria.contains("safe-to-deploy");
        (entry.criteria.contains(criteria) || stronger) && (exempted || !entry.exempted)
    };
    let mut seen = BTreeSet::from([version]);
    let mut left = vec![(version, BTreeSet::new())];
    while let Some((at, by)) = left.pop() {
        for entry in entries.iter().filter(|entry| entry.to == at && holds(entry)) {
            let mut by: BTreeSet<Option<&str>> = by.clone();
            by.insert(entry.by.as_deref());
            match entry.from.as_deref() {
                None => return Some(by),
                Some(from) if seen.insert(from) => left.push((from, by)),
                Some(_) => {}
            }
        }
    }
    None
}

fn file<T: serde::de::DeserializeOwned + Default>(path: &Path) -> Result<T, SbomError> {
    let size = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(T::default()),
        Err(source) => return Err(SbomError::Read { path: path.to_owned(), source }),
    };
    if size > limits::VET_BYTES {
        let limit = usize::try_from(limits::VET_BYTES).unwrap_or(usize::MAX);
        return Err(SbomError::TooLarge { path: path.to_owned(), found: size, limit });
    }
    let text = fs::read_to_string(path).map_err(|source| SbomError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|source| SbomError::Audits { path: path.to_owned(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vet(audits: &str, imports: &str, config: &str) -> Result<Vet, SbomError> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("supply-chain");
        fs::create_dir(&folder).unwrap();
        for (name, text) in [("audits.toml", audits), ("imports.lock", imports), ("config.toml", config)] {
            fs::write(folder.join(name), text).unwrap();
        }
        Vet::read(root.path())
    }

    fn said(vet: &Vet, version: &str) -> Vec<String> {
        let word = |audit: Audit| {
            format!(
                "{} {} {}",
                audit.criteria,
                audit.by.unwrap_or_default(),
                if audit.exempted { "exempted" } else { "" }
            )
        };
        vet.audits("a", version).into_iter().map(word).collect()
    }

    #[test]
    fn a_difference_holds_only_on_top_of_a_whole() {
        let own = "[[audits.a]]\nwho = \"X\"\ncriteria = \"safe-to-deploy\"\nversion = \"1.0.0\"\n\
                   [[audits.a]]\ncriteria = \"safe-to-run\"\ndelta = \"3.0.0 -> 4.0.0\"\n";
        let imports =
            "[[audits.mozilla.audits.a]]\ncriteria = [\"safe-to-deploy\", \"own\"]\ndelta = \"1.0.0 -> 1.1.0\"\n";
        let vet = vet(own, imports, "").unwrap();
        assert_eq!(said(&vet, "1.0.0"), ["safe-to-deploy  ", "safe-to-run  "]);
        assert_eq!(said(&vet, "1.1.0"), ["safe-to-deploy mozilla ", "safe-to-run mozilla "]);
        assert_eq!(said(&vet, "4.0.0"), Vec::<String>::new());
    }

    #[test]
    fn an_exemption_is_called_one() {
        let config = "[[exemptions.a]]\nversion = \"2.0.0\"\ncriteria = \"safe-to-deploy\"\n";
        let vet = vet("", "", config).unwrap();
        assert_eq!(said(&vet, "2.0.0"), ["safe-to-deploy  exempted"]);
        assert_eq!(said(&vet, "2.0.1"), Vec::<String>::new());
    }

    #[test]
    fn files_that_are_no_audits_are_refused_and_a_round_of_differences_ends() {
        assert!(matches!(vet("audits = 3", "", ""), Err(SbomError::Audits { .. })));
        let round =
            "[[audits.a]]\ncriteria = \"c\"\ndelta = \"1 -> 2\"\n[[audits.a]]\ncriteria = \"c\"\ndelta = \"2 -> 1\"\n";
        assert_eq!(said(&vet(round, "", "").unwrap(), "1"), Vec::<String>::new());
    }
}
