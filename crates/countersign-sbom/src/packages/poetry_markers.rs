//! On what condition a package of `poetry.lock` is there.

use super::uv::text_in;
use toml::{Table, Value};

/// What the lock file says for all groups of a package, or for each of them, as one condition. `None` where it says nothing, or a group has
/// the package in any case.
pub(super) fn marker_of(package: &Table) -> Option<String> {
    let markers = package.get("markers")?;
    if let Some(text) = markers.as_str() {
        return Some(text.to_owned());
    }
    let by_group = markers.as_table()?;
    let groups = package.get("groups").and_then(Value::as_array).filter(|groups| !groups.is_empty())?;
    let of = |group: &Value| text_in(by_group, group.as_str()?).map(|text| format!("({text})"));
    let texts: Option<Vec<String>> = groups.iter().map(of).collect();
    texts.map(|texts| texts.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::super::poetry::read;

    #[test]
    fn conditions_by_group_tell_versions_apart_where_each_group_has_one() {
        let of = |first: &str, second: &str, asker: &str| {
            let package = |name: &str, version: &str, more: &str| {
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nfiles = []\n{more}\n")
            };
            let lock = [
                package("a", "1.0", first),
                package("a", "2.0", second),
                package("b", "1.0", &format!("{asker}\n[package.dependencies]\na = \"*\"")),
                "[metadata]\nlock-version = \"2.1\"\ncontent-hash = \"x\"\n".to_owned(),
            ];
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("poetry.lock");
            std::fs::write(&path, lock.concat()).unwrap();
            let made = read(&path).unwrap();
            let needs: Vec<String> = made.bom.edges["pkg:pypi/b@1.0"].iter().cloned().collect();
            (needs.join(" "), made.bom.aggregates["pkg:pypi/b@1.0"].clone())
        };
        let both = |sign: &str| {
            format!(
                "groups = [\"main\", \"dev\"]\nmarkers = {{ main = \"os_name {sign} 'nt'\", \
                 dev = \"os_name {sign} 'nt' and python_version < '3.13'\" }}"
            )
        };
        let (windows, other) = (both("=="), both("!="));
        let plain = "groups = [\"main\"]\nmarkers = \"os_name == 'nt'\"";
        let pair = |needs: &str, known: &str| (needs.to_owned(), known.to_owned());
        let (one, two) = ("pkg:pypi/a@1.0", "pkg:pypi/a@2.0");
        assert_eq!(of(&windows, &other, plain), pair(one, "complete"));
        assert_eq!(of(&windows, &other, &other), pair(two, "complete"), "the asker's own are by group, too");
        let development = "groups = [\"main\", \"dev\"]\nmarkers = { dev = \"os_name == 'nt'\" }";
        assert_eq!(of(development, development, plain), pair(&format!("{one} {two}"), "incomplete"));
    }
}
