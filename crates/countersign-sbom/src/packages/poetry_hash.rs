//! The digest by which `poetry.lock` names the manifest that it was made of.

use countersign_core::digest::Sha256;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// What Poetry writes down as `content-hash`: a digest over the manifest's tables that matter to it, as Python writes JSON. Where
/// the manifest has `dependency-groups`, these count, but for locks that a Poetry before 2.3 says it wrote: as in Poetry, a lock that
/// names none was made before the groups were there. `None` where a table holds what JSON has no form for.
pub(super) fn fingerprints(manifest: &Table, lock: &str) -> Option<Vec<Sha256>> {
    const OLDER: [&str; 4] = ["dependencies", "source", "extras", "dev-dependencies"];
    let poetry = manifest.get("tool").and_then(|tool| tool.get("poetry")).and_then(Value::as_table);
    let mut project = BTreeMap::new();
    for key in ["requires-python", "dependencies", "optional-dependencies"] {
        if let Some(value) = manifest.get("project").and_then(|project| project.get(key)) {
            project.insert(key, json(value)?);
        }
    }
    // Its own tables: where nothing else counts, those of before are there even if they are not.
    let own = |nulls: bool| -> Option<BTreeMap<&str, String>> {
        let mut own = BTreeMap::new();
        for key in OLDER.into_iter().chain(["group"]) {
            match poetry.and_then(|poetry| poetry.get(key)) {
                Some(value) => own.insert(key, json(value)?),
                None if nulls && key != "group" => own.insert(key, "null".to_owned()),
                None => None,
            };
        }
        Some(own)
    };
    let tabled = |groups: Option<String>| -> Option<String> {
        let own = object(&own(false)?);
        let mut all = BTreeMap::from([("tool", object(&BTreeMap::from([("poetry", own)])))]);
        if !project.is_empty() {
            all.insert("project", object(&project));
        }
        all.extend(groups.map(|groups| ("dependency-groups", groups)));
        Some(object(&all))
    };
    let without = || Some(if project.is_empty() { object(&own(true)?) } else { tabled(None)? });
    let groups = manifest.get("dependency-groups").filter(|groups| groups.as_table().is_none_or(|all| !all.is_empty()));
    let mut texts = Vec::new();
    if let Some(groups) = groups {
        texts.push(tabled(Some(json(groups)?))?);
    }
    if groups.is_none() || is_of_before_groups(lock) {
        texts.push(without()?);
    }
    Some(texts.iter().map(|text| Sha256::of(text.as_bytes())).collect())
}

/// Whether a lock file's first line says that a Poetry wrote it for which `dependency-groups` did not count.
fn is_of_before_groups(lock: &str) -> bool {
    let first = lock.lines().next().filter(|line| line.starts_with('#'));
    let version = first.and_then(|line| line.split_once("Poetry ")).and_then(|(_, behind)| behind.split(' ').next());
    let mut parts = version.unwrap_or_default().split('.').map(|part| part.parse::<u64>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < (2, 3),
        _ => false,
    }
}

/// Members in the order of their names, as Python writes them.
fn object<K: AsRef<str>>(members: &BTreeMap<K, String>) -> String {
    let all: Vec<String> = members.iter().map(|(name, value)| format!("{}: {value}", quoted(name.as_ref()))).collect();
    format!("{{{}}}", all.join(", "))
}

fn json(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(json).collect::<Option<Vec<_>>>()?.join(", ")),
        Value::Table(table) => {
            object(&table.iter().map(|(name, value)| Some((name, json(value)?))).collect::<Option<BTreeMap<_, _>>>()?)
        }
        Value::Float(_) | Value::Datetime(_) => return None,
    })
}

/// Everything that is not plain ASCII stands as `\uXXXX`, in UTF-16.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_count_without_a_project_that_matters() {
        // Poetry 2.5.1 wrote this digest for both.
        let wanted = "6a0cf3db44a8b4a3b5bf5f03a17dce6e4582d4411fbfcc23d3e67d08e7380b4b";
        let own = "[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\npython = \">=3.9,<4\"\nidna = \"*\"\n\
                   [dependency-groups]\ndev = [\"iniconfig>=2\"]\n\
                   [[tool.poetry.source]]\nname = \"p\"\nurl = \"https://pypi.org/simple/\"\npriority = \"primary\"\n";
        let dynamic =
            "[project]\nname = \"b\"\nversion = \"1.0.0\"\ndynamic = [\"dependencies\", \"requires-python\"]\n";
        for manifest in [own.to_owned(), format!("{dynamic}{own}")] {
            let all = fingerprints(&toml::from_str(&manifest).unwrap(), &written_by("2.5.1")).unwrap();
            assert_eq!(all.iter().map(Sha256::hex).collect::<Vec<_>>(), [wanted], "{manifest}");
        }
        let none = own.replace("dev = [\"iniconfig>=2\"]\n", "");
        assert_eq!(fingerprints(&toml::from_str(&none).unwrap(), "").unwrap().len(), 1);
    }

    #[test]
    fn a_lock_without_the_groups_is_current_only_where_a_poetry_wrote_it_that_did_not_count_them() {
        let manifest = "[project]\nname = \"p\"\ndependencies = [\"idna\"]\n";
        let groups = format!("{manifest}[dependency-groups]\ndev = [\"iniconfig>=2\"]\n");
        let of = |text: &str, lock: &str| fingerprints(&toml::from_str(text).unwrap(), lock).unwrap();
        let before = of(manifest, &written_by("2.5.1"));
        let takes = |lock: &str| of(&groups, lock).iter().any(|one| before.contains(one));
        let found = ["2.5.1", "2.3.0", "3.0.0", "2.2.1", "1.8.5"].map(|version| takes(&written_by(version)));
        assert_eq!(found, [false, false, false, true, true]);
        // Where the line is missing, or names no version, Poetry refuses the lock, too.
        for lock in ["", "\n# This file is @generated by Poetry 2.2.1 and\n", "# This file is @generated by Poetry\n"] {
            assert!(!takes(lock), "{lock}");
        }
    }

    fn written_by(version: &str) -> String {
        format!("# This file is automatically @generated by Poetry {version} and should not be changed by hand.\n\n")
    }
}
