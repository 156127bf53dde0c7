//! Which registries a project's own `.npmrc` names. npm may leave the addresses of packages out of its lock file
//! (`omit-lockfile-registry-resolved`): then they come from there, as far as that is written down.

use super::npm_identity::DEFAULT;
use super::{PackagesError, bytes_of, public};
use countersign_core::limits;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Default)]
pub(super) struct Registries {
    /// For packages of a scope (`@acme`).
    scopes: BTreeMap<String, String>,
    /// For all others.
    general: Option<String>,
}

/// Where a package comes from whose entry does not say it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Registry {
    /// npm's own, or one that has the same.
    Public,
    /// Another, by its address.
    Other(String),
    /// One whose address cannot be told.
    Unknown,
}

impl Registries {
    /// Those of the file beside the lock file.
    pub(super) fn beside(path: &Path) -> Result<Self, PackagesError> {
        let beside = path.with_file_name(".npmrc");
        if !beside.is_file() {
            return Ok(Self::default());
        }
        let bytes = bytes_of(&beside, limits::LOCK_FILE_BYTES)?;
        Ok(Self::of(&String::from_utf8_lossy(&bytes)))
    }

    fn of(text: &str) -> Self {
        let mut registries = Self::default();
        let lines = text.trim_start_matches('\u{feff}').split(['\r', '\n']).map(str::trim);
        // What stands in a section is none of npm's settings.
        for line in lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with([';', '#'])) {
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (plain(key), plain(value));
            if key == "registry" {
                registries.general = Some(value);
            } else if let Some(scope) = key.strip_suffix(":registry").filter(|scope| scope.starts_with('@')) {
                // An empty one means to npm that the scope has none of its own; of several lines the last counts.
                if value.is_empty() {
                    registries.scopes.remove(scope);
                } else {
                    registries.scopes.insert(scope.to_owned(), value);
                }
            }
        }
        registries
    }

    /// The registry for a package of this name.
    pub(super) fn of_package(&self, name: &str) -> Registry {
        let scope = name.split_once('/').and_then(|(scope, _)| self.scopes.get(scope));
        let general = self.general.as_ref();
        let Some(stated) = scope.or(general) else { return Registry::Public };
        let Some(address) = public(stated).filter(|address| !address.contains("${")) else { return Registry::Unknown };
        let bare = address.trim_end_matches('/');
        if DEFAULT.contains(&format!("{bare}/").as_str()) {
            Registry::Public
        } else if bare.starts_with("https://") || bare.starts_with("http://") {
            Registry::Other(bare.to_owned())
        } else {
            Registry::Unknown
        }
    }
}

/// A key or a value without its quotes, or without a comment behind it.
fn plain(text: &str) -> String {
    let text = text.trim();
    let quoted = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let bare = quoted('"').or_else(|| quoted('\''));
    bare.unwrap_or_else(|| text.split([';', '#']).next().unwrap_or(text).trim()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::npm::read;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_package_without_an_address_comes_from_the_registry_that_the_project_names() {
        let other = |url: &str| Registry::Other(url.to_owned());
        for (text, own, scoped) in [
            ("", Registry::Public, Registry::Public),
            ("@acme:registry=https://npm.acme.example/\n", Registry::Public, other("https://npm.acme.example")),
            (
                "registry = https://u:p@a.example/npm/ ; ours\r\n",
                other("https://a.example/npm"),
                other("https://a.example/npm"),
            ),
            ("registry='https://registry.npmjs.org'\n@acme:registry=\"http://b\"", Registry::Public, other("http://b")),
            ("registry=https://a.example\nregistry=https://registry.npmjs.org/\n", Registry::Public, Registry::Public),
            ("registry=https://${HOST}/\n", Registry::Unknown, Registry::Unknown),
            ("registry=https://${TOKEN}@a.example/\n", other("https://a.example"), other("https://a.example")),
            (
                "registry\n; registry=https://a\n#registry=https://a\n[x]\nregistry=https://a",
                Registry::Public,
                Registry::Public,
            ),
            ("registry=nowhere\n", Registry::Unknown, Registry::Unknown),
            ("@acme:registry=\n", Registry::Public, Registry::Public),
            ("@acme:registry=http://b\n@acme:registry=\nregistry=http://a\n", other("http://a"), other("http://a")),
            ("@acme:registry=\n@acme:registry=http://b\n", Registry::Public, other("http://b")),
        ] {
            let registries = Registries::of(text);
            assert_eq!((registries.of_package("x"), registries.of_package("@acme/x")), (own, scoped), "{text:?}");
        }
    }

    #[test]
    fn a_lock_file_without_addresses_gives_no_package_of_another_registry_a_public_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        let asks = json!({"name": "app", "dependencies": {"@acme/x": "1", "b": "1", "c": "1"}});
        let there = json!({"version": "1.0.0", "resolved": "https://registry.npmjs.org/b/-/b-1.0.0.tgz"});
        let brings = json!({"version": "1.0.0", "dependencies": {"d": "1"}, "bundleDependencies": ["d"]});
        let packages = json!({"": asks, "node_modules/@acme/x": {"version": "1.0.0"}, "node_modules/b": there,
            "node_modules/c": brings, "node_modules/c/node_modules/d": {"version": "1.0.0", "inBundle": true}});
        std::fs::write(&path, json!({"lockfileVersion": 3, "packages": packages}).to_string()).unwrap();
        let of = |settings: &str| {
            std::fs::write(folder.path().join(".npmrc"), settings).unwrap();
            let made = read(&path).unwrap();
            let said = made.partial.iter().any(|text| {
                text.starts_with("2 packages do not say where they come from")
                    && text.ends_with("(@acme/x 1.0.0, c 1.0.0)")
            });
            assert!(said, "{:?}", made.partial);
            let references = made.bom.items.iter().map(|item| item.reference.clone());
            references.collect::<Vec<_>>().join(" ")
        };
        let (b, d) = ("pkg:npm/b@1.0.0", "pkg:npm/d@1.0.0");
        assert_eq!(of("\n"), format!("pkg:npm/%40acme/x@1.0.0 {b} pkg:npm/c@1.0.0 {d}"));
        assert_eq!(
            of("@acme:registry=https://npm.acme.example/\n"),
            format!("pkg:npm/%40acme/x@1.0.0?repository_url=https://npm.acme.example {b} pkg:npm/c@1.0.0 {d}")
        );
        let unknown = format!("path:@acme/x@1.0.0 path:c@1.0.0 {b} {d}");
        assert_eq!(of("registry=https://${HOST}/\n"), unknown);
        assert_eq!(of(&format!("registry=https://a.example/{}\n", "a".repeat(9_000))), unknown);
    }

    #[test]
    fn what_the_project_itself_bundles_comes_from_a_registry_like_all_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        let asks = json!({"name": "app", "dependencies": {"a": "1"}, "bundleDependencies": ["a"]});
        let a = json!({"version": "1.0.0", "inBundle": true, "dependencies": {"b": "1"}});
        let packages = json!({"": asks, "node_modules/a": a,
            "node_modules/a/node_modules/b": {"version": "1.0.0", "inBundle": true}});
        std::fs::write(&path, json!({"lockfileVersion": 3, "packages": packages}).to_string()).unwrap();
        std::fs::write(folder.path().join(".npmrc"), "registry=https://npm.acme.example/\n").unwrap();
        let made = read(&path).unwrap();
        let references: Vec<&str> = made.bom.items.iter().map(|item| item.reference.as_str()).collect();
        let of = |name: &str| format!("pkg:npm/{name}@1.0.0?repository_url=https://npm.acme.example");
        assert_eq!(references, [of("a"), of("b")]);
        let said = made.partial.iter().any(|text| text.starts_with("2 packages do not say where they come from"));
        assert!(said, "{:?}", made.partial);
    }
}
