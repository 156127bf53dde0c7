//! On what condition a package of `poetry.lock` is there.

use super::python::marker_within;
use super::uv::text_in;
use toml::{Table, Value};

/// What Poetry writes where a package, or a version of it, is never there.
pub(super) const EMPTY: &str = "<empty>";

/// What the lock file says for all groups of a package, or for each of them, as one condition: groups in which it is never there add
/// nothing, and where it is in none, that is `EMPTY`. `None` where it says nothing, or a group has the package in any case.
pub(super) fn marker_of(package: &Table) -> Option<String> {
    let markers = package.get("markers")?;
    if let Some(text) = markers.as_str() {
        return Some(text.to_owned());
    }
    let by_group = markers.as_table()?;
    let groups = package.get("groups").and_then(Value::as_array).filter(|groups| !groups.is_empty())?;
    let of = |group: &Value| by_group.get(group.as_str()?).and_then(Value::as_str).map(marker_within);
    let texts: Vec<&str> = groups.iter().map(of).collect::<Option<_>>()?;
    let there: Vec<String> = texts.into_iter().filter(|text| *text != EMPTY).map(|text| format!("({text})")).collect();
    Some(if there.is_empty() { EMPTY.to_owned() } else { there.join(" or ") })
}

/// Whether a package is never there for the sake of a group.
pub(super) fn never_in(package: &Table, group: &str) -> bool {
    let said = match package.get("markers") {
        Some(Value::String(text)) => Some(text.as_str()),
        Some(Value::Table(by_group)) => text_in(by_group, group),
        _ => None,
    };
    said == Some(EMPTY)
}

#[cfg(test)]
mod tests {
    use super::super::poetry::read;

    #[test]
    fn what_is_never_there_for_the_main_group_is_no_part_of_what_runs() {
        let of = |more: &str| {
            let lock = format!(
                "[[package]]\nname = \"a\"\nversion = \"1.0\"\nfiles = []\n{more}\n\
                 [metadata]\nlock-version = \"2.1\"\ncontent-hash = \"x\"\n"
            );
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("poetry.lock");
            std::fs::write(&path, lock).unwrap();
            let item = read(&path).unwrap().bom.items.remove(0);
            let said: Vec<String> = item.properties.into_iter().map(|(_, value)| value).collect();
            (item.scope.word(), said.join(" "))
        };
        let groups = "groups = [\"main\", \"dev\"]\nmarkers = ";
        let pair = |scope: &'static str, said: &str| (scope, said.to_owned());
        let never = "{ main = \"<empty>\", dev = \"os_name == 'nt'\" }";
        assert_eq!(of(&format!("{groups}{never}")), pair("excluded", "os_name == 'nt'"));
        assert_eq!(of(&format!("{groups}{{ main = \"<empty>\" }}")), pair("excluded", ""));
        assert_eq!(of(&format!("{groups}\"<empty>\"")), pair("excluded", ""));
        let other = "{ main = \"os_name == 'nt'\", dev = \"<empty>\" }";
        assert_eq!(of(&format!("{groups}{other}")), pair("optional", "os_name == 'nt'"));
    }

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
        // As Poetry 2.5.1 wrote it of anyio, which httpx needs, and of idna, which anyio needs.
        let older = r#"groups = ["main", "dev", "t"]
markers = {main = "python_version >= \"3.10\" and extra == \"x\" and (sys_platform == \"win32\" or sys_platform == \"linux\")", dev = "sys_platform == \"win32\" or sys_platform == \"linux\"", t = "sys_platform == \"linux\""}"#;
        let newer = r#"groups = ["main", "dev"]
markers = {main = "python_version >= \"3.10\" and extra == \"x\" and sys_platform != \"win32\" and sys_platform != \"linux\"", dev = "<empty>"}"#;
        let linux = "groups = [\"dev\", \"t\"]\nmarkers = \"sys_platform == \\\"linux\\\"\"";
        assert_eq!(of(older, newer, linux), pair(one, "complete"), "the second is never there on linux");
        let on_windows = "groups = [\"main\", \"dev\"]\nmarkers = \"sys_platform == \\\"win32\\\"\"";
        let elsewhere = r#"groups = ["main", "dev", "t"]
markers = {main = "sys_platform != \"win32\"", dev = "sys_platform == \"linux\"", t = "sys_platform == \"linux\""}"#;
        assert_eq!(of(on_windows, elsewhere, newer), pair(two, "complete"));
        let nowhere = "groups = [\"main\", \"dev\"]\nmarkers = { main = \"<empty>\", dev = \"<empty>\" }";
        let at_all = "groups = [\"main\"]\nmarkers = \"<empty>\"";
        for never in [nowhere, at_all] {
            assert_eq!(of(never, on_windows, plain), pair(two, "complete"), "{never}");
            assert_eq!(
                of(on_windows, elsewhere, never).0,
                format!("{one} {two}"),
                "what is never there is left as it is"
            );
        }
    }
}
