//! What asks for what in `uv.lock`, and under which condition. Where the project says that some of its extras, groups or members are never
//! installed together, uv writes into conditions which of these are meant, as extras of names that nobody else uses.

use super::apart::{self, Budget};
use super::markers::{Answer, Condition, Facts};
use super::python::{marker_within, normal};
use super::python_range::excludes;
use super::reach::{Ask, Node, Start};
use super::uv::{tables, text_in};
use super::{PackagesError, malformed, uv_forks};
use crate::bom::{Item, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::{Table, Value};

/// Where packages stand in the lock file, by name.
pub(super) type Index<'t> = BTreeMap<String, Vec<(usize, &'t Table)>>;

/// All that is known of who asks.
pub(super) struct Askers<'t> {
    path: &'t Path,
    index: &'t Index<'t>,
    /// The name of the project, which is installed wherever anything is.
    project: Option<String>,
    /// Members that are never all installed together, and which of these are, in each way to install as many as can be. None where some
    /// package is the project.
    exclusive: BTreeSet<String>,
    ways: Vec<BTreeSet<String>>,
    /// Extras that some package asks for another with: whether one of these is installed is not the user's choice alone.
    chosen: BTreeSet<(String, String)>,
}

/// Most ways to install members that are thought of.
const WAYS: usize = 16;

/// What uv means by a name within a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Project(String),
    Extra(String, String),
    Group(String, String),
}

impl Part {
    /// `extra-3-app-cpu`: with the length of the package's name, which may hold hyphens.
    fn read(name: &str) -> Option<Self> {
        let (kind, rest) = name.split_once('-')?;
        let (length, rest) = rest.split_once('-')?;
        let (package, behind) = rest.split_at_checked(length.parse().ok()?)?;
        match (kind, behind.strip_prefix('-')) {
            ("project", None) if behind.is_empty() => Some(Self::Project(package.to_owned())),
            ("extra", Some(extra)) => Some(Self::Extra(package.to_owned(), extra.to_owned())),
            ("group", Some(group)) => Some(Self::Group(package.to_owned(), group.to_owned())),
            _ => None,
        }
    }
}

/// Whether all extras that a condition names are uv's own names.
pub(super) fn only_names_parts(condition: &Condition) -> bool {
    condition.extras.iter().all(|name| Part::read(name).is_some())
}

/// Whether a script, or a workspace without a package of its own, asks for anything itself.
pub(super) fn asks_alone(lock: &Table) -> bool {
    let Some(manifest) = lock.get("manifest").and_then(Value::as_table) else { return false };
    tables(manifest, "requirements").next().is_some() || in_groups(manifest).next().is_some()
}

fn in_groups(manifest: &Table) -> impl Iterator<Item = &Table> {
    let groups = manifest.get("dependency-groups").and_then(Value::as_table);
    groups.into_iter().flat_map(|groups| groups.keys().flat_map(|group| tables(groups, group)))
}

/// The condition under which something is asked for.
pub(super) fn marker_of(asked: &Table) -> Option<&str> {
    asked.get("marker").and_then(Value::as_str).map(marker_within)
}

/// The extras that something is asked for with.
fn extras_of(asked: &Table) -> BTreeSet<String> {
    let lists = ["extra", "extras"].iter().filter_map(|key| asked.get(*key).and_then(Value::as_array));
    lists.flatten().filter_map(Value::as_str).map(normal).collect()
}

impl<'t> Askers<'t> {
    pub(super) fn of(
        path: &'t Path,
        index: &'t Index<'t>,
        lock: &Table,
        packages: &[&Table],
        project: Option<&str>,
    ) -> Self {
        let mut chosen = BTreeSet::new();
        for package in packages {
            let by_key = |key: &str| package.get(key).and_then(Value::as_table).into_iter().flat_map(Table::values);
            let lists = package.get("dependencies").into_iter().chain(by_key("optional-dependencies"));
            for asked in lists.filter_map(Value::as_array).flatten().filter_map(Value::as_table) {
                let name = text_in(asked, "name").map(normal).unwrap_or_default();
                chosen.extend(extras_of(asked).into_iter().map(|extra| (name.clone(), extra)));
            }
        }
        let (exclusive, ways) = if project.is_some() { Default::default() } else { ways(lock).unwrap_or_default() };
        Self { path, index, project: project.map(normal), exclusive, ways, chosen }
    }

    /// What is needed wherever the project can be installed, and in each way to do so.
    pub(super) fn needed_in_each(&self, lock: &Table, nodes: &[Node], starts: &[Start]) -> Option<BTreeSet<usize>> {
        let in_way = |way: &BTreeSet<String>| {
            let installed = |name: &str| self.installed(name, Scope::Required, way);
            uv_forks::needed_in_each(lock, nodes, starts, &installed)
        };
        let ways: Option<Vec<BTreeSet<usize>>> = self.ways().into_iter().map(in_way).collect();
        ways?.into_iter().reduce(|all, way| &all & &way)
    }

    /// Each way to install as many members as can be: one of all where none of them are exclusive.
    fn ways(&self) -> Vec<&BTreeSet<String>> {
        if self.ways.is_empty() { vec![&self.exclusive] } else { self.ways.iter().collect() }
    }

    /// Whether a name within a condition is one of what is installed in one way, for what is as needed as the scope says: nobody
    /// installs a group to run something, and what is required is required without any extra.
    fn installed(&self, name: &str, scope: Scope, way: &BTreeSet<String>) -> Answer {
        match (Part::read(name), scope) {
            (Some(Part::Project(package)), Scope::Required) if self.exclusive.contains(&package) => {
                Answer::of(way.contains(&package))
            }
            (Some(Part::Project(package)), Scope::Required) if self.project.as_ref() == Some(&package) => Answer::Yes,
            (Some(Part::Extra(package, extra)), Scope::Required)
                if !self.chosen.contains(&(package.clone(), extra.clone())) =>
            {
                Answer::No
            }
            (Some(Part::Group(..)), Scope::Required | Scope::Optional) => Answer::No,
            _ => Answer::Unknown,
        }
    }

    /// What is asked for, once it is known who asks. Nothing where that is never asked for.
    fn settled(&self, ask: Ask, own: &[Part]) -> Option<Ask> {
        let Some(text) = &ask.condition else { return Some(ask) };
        let condition = Condition::read(text);
        if !condition.extras.iter().any(|name| Part::read(name).is_some()) {
            return Some(ask);
        }
        let is_own = |name: &str| Part::read(name).is_some_and(|part| own.contains(&part));
        let for_scope = |scope: Scope| {
            let in_way = |way: &BTreeSet<String>| {
                let installed = |name: &str| if is_own(name) { Answer::Yes } else { self.installed(name, scope, way) };
                condition.holds_where(&Facts::default(), &installed)
            };
            let answers: Vec<Answer> = self.ways().into_iter().map(in_way).collect();
            let all = |wanted: Answer| answers.iter().all(|one| *one == wanted);
            [Answer::Yes, Answer::No].into_iter().find(|wanted| all(*wanted)).unwrap_or(Answer::Unknown)
        };
        let [required, optional, any] = [Scope::Required, Scope::Optional, Scope::Excluded].map(for_scope);
        if for_scope(ask.scope) == Answer::Yes {
            return Some(Ask { condition: None, ..ask });
        }
        // What the forks are held against does not know who asks.
        let least = if condition.extras.iter().any(|name| is_own(name)) { Scope::Optional } else { Scope::Required };
        let scope = match (required, optional, any) {
            (.., Answer::No) => return None,
            (Answer::No, Answer::No, _) => Scope::Excluded,
            (Answer::No, ..) => Scope::Optional,
            _ => least,
        };
        Some(Ask { scope: ask.scope.max(scope), ..ask })
    }

    /// What a package asks for: by itself, by each extra, and for its own development.
    pub(super) fn node(&self, package: &Table, item: &Item) -> Result<Node, PackagesError> {
        let name = text_in(package, "name").map(normal).unwrap_or_default();
        let all = |list: &Value, scope: Scope, by: Option<Part>| {
            let own: Vec<Part> = std::iter::once(Part::Project(name.clone())).chain(by).collect();
            let mut asks = Vec::new();
            for asked in list.as_array().into_iter().flatten().filter_map(Value::as_table) {
                asks.extend(self.settled(self.ask(asked, scope, item)?, &own));
            }
            Ok::<_, PackagesError>(asks)
        };
        let mut node = Node::default();
        if let Some(list) = package.get("dependencies") {
            node.asks = all(list, Scope::Required, None)?;
        }
        for (group, list) in package.get("dev-dependencies").and_then(Value::as_table).into_iter().flatten() {
            node.asks.extend(all(list, Scope::Excluded, Some(Part::Group(name.clone(), normal(group))))?);
        }
        for (extra, list) in package.get("optional-dependencies").and_then(Value::as_table).into_iter().flatten() {
            let extra = normal(extra);
            let asks = all(list, Scope::Required, Some(Part::Extra(name.clone(), extra.clone())))?;
            node.extras.entry(extra).or_default().extend(asks);
        }
        Ok(node)
    }

    fn ask(&self, asked: &Table, scope: Scope, item: &Item) -> Result<Ask, PackagesError> {
        let wrong = |what: &str| malformed(self.path, &item.label(), what);
        let name = text_in(asked, "name").map(normal).ok_or_else(|| wrong("a dependency without a name"))?;
        let found = self.index.get(&name).map(Vec::as_slice).unwrap_or_default();
        let of_version = |version: &str| {
            let mut all = found.iter().filter(|(_, package)| text_in(package, "version") == Some(version));
            // One version may come from several places, which the asker then names.
            let named = asked.get("source");
            all.clone().find(|(_, package)| named.is_some() && package.get("source") == named).or_else(|| all.next())
        };
        let target = match (text_in(asked, "version"), found) {
            (Some(version), _) => of_version(version),
            (None, [only]) => Some(only),
            (None, several) => several
                .iter()
                .find(|(_, package)| package.get("source").is_some_and(|own| asked.get("source") == Some(own))),
        };
        let Some((to, _)) = target else {
            return Err(wrong(&format!("it needs {name}, which the lock file does not have, or has more than once")));
        };
        Ok(Ask { to: *to, extras: extras_of(asked), scope, condition: marker_of(asked).map(str::to_owned) })
    }

    /// What a script, or a workspace without a package of its own, asks for: its requirements, and its groups for development. Where
    /// the lock has several versions that are within the bounds, each is for the forks that it says; where it says none, each may be.
    pub(super) fn of_no_package(&self, lock: &Table) -> Result<Vec<Ask>, PackagesError> {
        let Some(manifest) = lock.get("manifest").and_then(Value::as_table) else { return Ok(Vec::new()) };
        let requirements = tables(manifest, "requirements").map(|asked| ("requirements", asked, Scope::Required));
        let groups = in_groups(manifest).map(|asked| ("dependency-groups", asked, Scope::Excluded));
        let mut all = Vec::new();
        for (key, asked, scope) in requirements.chain(groups) {
            let name = text_in(asked, "name").map(normal).unwrap_or_default();
            let Some(found) = self.index.get(&name) else {
                let what = format!("it names {name:?}, which the lock file does not have");
                return Err(malformed(self.path, &format!("manifest.{key}"), &what));
            };
            let bounds = text_in(asked, "specifier").unwrap_or_default();
            let is_out = |(_, package): &&(usize, &Table)| {
                text_in(package, "version").is_some_and(|version| excludes(bounds, version))
            };
            // What is overridden may have any version.
            let within: Vec<&(usize, &Table)> = found.iter().filter(|one| !is_out(one)).collect();
            let within = if within.is_empty() { found.iter().collect() } else { within };
            let marker = marker_of(asked);
            for (to, package) in &within {
                let forks = if within.len() > 1 { forks_of(package) } else { None };
                let scope = if within.len() > 1 && forks.is_none() { scope.max(Scope::Optional) } else { scope };
                let condition = match (marker, forks) {
                    (Some(marker), Some(forks)) => Some(format!("({marker}) and ({forks})")),
                    (marker, forks) => forks.or_else(|| marker.map(str::to_owned)),
                };
                let condition = condition.map(|text| marker_within(&text).to_owned());
                let ask = Ask { to: *to, extras: extras_of(asked), scope, condition };
                all.extend(self.settled(ask, &[]));
            }
        }
        Ok(all)
    }
}

/// The members that conflicts of the project name as a whole, and which of them are installed in each way to choose one of each conflict.
/// Ways that leave out more than another one are none. None where there are too many.
fn ways(lock: &Table) -> Option<(BTreeSet<String>, Vec<BTreeSet<String>>)> {
    let conflicts = lock.get("conflicts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_whole = |one: &&Table| !one.contains_key("extra") && !one.contains_key("group");
    let names = |conflict: &Value| {
        let all = conflict.as_array().into_iter().flatten().filter_map(Value::as_table).filter(is_whole);
        all.filter_map(|one| text_in(one, "package").map(normal)).collect::<BTreeSet<String>>()
    };
    let conflicts: Vec<BTreeSet<String>> = conflicts.iter().map(names).filter(|names| !names.is_empty()).collect();
    let exclusive: BTreeSet<String> = conflicts.iter().flatten().cloned().collect();
    let mut ways = vec![exclusive.clone()];
    for conflict in &conflicts {
        let chosen = |way: &BTreeSet<String>| {
            let way = way.clone();
            let one = move |kept: &String| {
                way.iter().filter(|name| *name == kept || !conflict.contains(*name)).cloned().collect()
            };
            conflict.iter().map(one).collect::<Vec<BTreeSet<String>>>()
        };
        ways = ways.iter().flat_map(chosen).collect();
        let all = ways.clone();
        ways.retain(|way| !all.iter().any(|other| way.len() < other.len() && way.is_subset(other)));
        ways.sort();
        ways.dedup();
        if ways.len() > WAYS {
            return None;
        }
    }
    Some((exclusive, ways))
}

/// Leaves out what is asked for on no Python that the project supports: of several versions of a package some never serve who asks, and
/// uv names these, too.
pub(super) fn leave_out_never(nodes: &mut [Node], supported: &str) {
    let supported = supported.split(',').map(|bound| {
        let bound = bound.trim();
        let version = bound.trim_start_matches(['<', '>', '=', '!', '~']);
        bound.strip_suffix(version).map(|sign| format!("python_full_version {sign} '{}'", version.trim()))
    });
    let supported = supported.flatten().filter(|bound| !bound.contains("  ")).collect::<Vec<_>>().join(" and ");
    let (mut known, mut budget) = (BTreeMap::new(), Budget::default());
    let mut may_be = |ask: &Ask| {
        let Some(text) = &ask.condition else { return true };
        if let Some(never) = known.get(text) {
            return !never;
        }
        let never = apart::never(&[text.as_str(), supported.as_str()], &mut budget);
        known.insert(text.clone(), never);
        !never
    };
    for node in nodes {
        node.asks.retain(&mut may_be);
        node.extras.values_mut().for_each(|asks| asks.retain(&mut may_be));
    }
}

/// The forks that a version of a package is for.
fn forks_of(package: &Table) -> Option<String> {
    let forks = package.get("resolution-markers").and_then(Value::as_array)?;
    let forks: Vec<&str> = forks.iter().filter_map(Value::as_str).collect();
    let each = forks.iter().map(|fork| if forks.len() > 1 { format!("({fork})") } else { (*fork).to_owned() });
    (!forks.is_empty()).then(|| each.collect::<Vec<_>>().join(" or "))
}

#[cfg(test)]
mod tests {
    use super::super::{Made, read};
    use super::*;

    const PLACE: &str = "source = { registry = \"https://pypi.org/simple\" }";

    fn lock(file: &str, text: &str) -> Made {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        read(&path, None).unwrap()
    }

    fn scopes(made: &Made) -> Vec<String> {
        made.bom.items.iter().map(|item| format!("{} {}", item.label(), item.scope.word())).collect()
    }

    fn conditions(made: &Made) -> Vec<&str> {
        let all = made.bom.items.iter().flat_map(|item| &item.properties);
        all.filter(|(name, _)| name == "countersign:condition").map(|(_, value)| value.as_str()).collect()
    }

    fn packages(all: &[(&str, &str, &str)]) -> String {
        let one = |(name, version, more): &(&str, &str, &str)| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{PLACE}\n{more}\n")
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn uvs_names_for_what_conflicts_are_read() {
        let group = Part::Group("my-app".to_owned(), "a-b".to_owned());
        assert_eq!(Part::read("group-6-my-app-a-b"), Some(group));
        assert_eq!(Part::read("project-1-a"), Some(Part::Project("a".to_owned())));
        for other in ["cpu", "extra-9-app", "extra-3-app", "project-3-app-x", "extra-x-app-y", ""] {
            assert_eq!(Part::read(other), None, "{other}");
        }
    }

    #[test]
    fn of_groups_that_conflict_the_version_of_neither_is_what_runs() {
        let of = |forks: &str| {
            let first = format!("{{ name = \"u\", version = \"1\", {PLACE}");
            let second = format!("{{ name = \"u\", version = \"2\", {PLACE}");
            let needs = format!(
                "dependencies = [{first}, marker = \"extra == 'group-3-app-dev'\" }}, {second}, \
                 marker = \"extra == 'group-3-app-dev2' or extra != 'group-3-app-dev'\" }}]"
            );
            let text = format!(
                "version = 1\n{forks}\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
                 dependencies = [{{ name = \"r\" }}]\n[package.dev-dependencies]\ndev = [{first} }}]\ndev2 = [{second} }}]\n{}",
                packages(&[("r", "1", &needs), ("u", "1", ""), ("u", "2", "")])
            );
            lock("uv.lock", &text)
        };
        for forks in ["", "resolution-markers = [\"sys_platform == 'win32'\", \"sys_platform != 'win32'\"]"] {
            let mut made = of(forks);
            assert_eq!(scopes(&made), ["r 1 required", "u 1 excluded", "u 2 required"], "{forks}");
            assert!(conditions(&made).is_empty(), "{:?}", conditions(&made));
            made.leave_out_dev();
            assert_eq!(scopes(&made), ["r 1 required", "u 2 required"], "{forks}");
            assert_eq!(made.bom.edges["pkg:pypi/r@1"], BTreeSet::from(["pkg:pypi/u@2".to_owned()]));
        }
    }

    #[test]
    fn members_that_conflict_need_what_they_ask_for_and_extras_that_conflict_are_optional() {
        let (a, b) = ("marker = \"extra == 'project-1-a'\"", "marker = \"extra == 'project-1-b'\"");
        let member = |name: &str, version: &str, marker: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1\"\nsource = {{ virtual = \"{name}\" }}\n\
                 dependencies = [{{ name = \"c\", version = \"{version}\", {PLACE}, {marker} }}, {{ name = \"j\", {marker} }}]\n"
            )
        };
        let text = format!(
            "version = 1\n[manifest]\nmembers = [\"a\", \"b\"]\n{}{}{}",
            member("a", "8", a),
            member("b", "9", b),
            packages(&[("c", "8", ""), ("c", "9", ""), ("j", "3", "")])
        );
        let made = lock("uv.lock", &text);
        assert_eq!(scopes(&made)[2..], ["c 8 required", "c 9 required", "j 3 required"]);
        assert!(conditions(&made).is_empty(), "{:?}", conditions(&made));
        let with = |chosen: &str| {
            let text = format!(
                "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
                 dependencies = [{{ name = \"t\"{chosen} }}]\n[package.optional-dependencies]\n\
                 cpu = [{{ name = \"x\", marker = \"extra == 'extra-3-app-cpu'\" }}]\n{}",
                packages(&[
                    (
                        "t",
                        "1",
                        "dependencies = [{ name = \"y\", marker = \"extra == 'extra-3-app-cpu'\" }, \
                        { name = \"z\", marker = \"extra != 'extra-1-t-gpu'\" }]\n[package.optional-dependencies]\ngpu = []"
                    ),
                    ("x", "1", ""),
                    ("y", "1", ""),
                    ("z", "1", "")
                ])
            );
            scopes(&lock("uv.lock", &text))
        };
        assert_eq!(with(""), ["t 1 required", "x 1 optional", "y 1 optional", "z 1 required"]);
        assert_eq!(with(", extra = [\"gpu\"]")[3], "z 1 optional", "the project asks for that extra itself");
    }

    #[test]
    fn what_every_one_of_members_that_conflict_needs_is_required() {
        let of = |conflicts: &str, marker: &str| {
            let member = |name: &str, asks: &str| {
                format!(
                    "[[package]]\nname = \"{name}\"\nversion = \"1\"\nsource = {{ virtual = \"{name}\" }}\n\
                     dependencies = [{asks}]\n"
                )
            };
            let by = |name: &str| format!("{{ name = \"r\", marker = \"extra == 'project-1-{name}'\" }}");
            let needs = format!("dependencies = [{{ name = \"u\", marker = \"{marker}\" }}]");
            let text = format!(
                "version = 1\nconflicts = [{conflicts}]\n[manifest]\nmembers = [\"a\", \"b\", \"c\"]\n{}{}{}{}",
                member("a", &by("a")),
                member("b", &by("b")),
                member("c", ""),
                packages(&[("r", "1", &needs), ("u", "1", "")])
            );
            scopes(&lock("uv.lock", &text)).pop().unwrap()
        };
        let both = "[{ package = \"a\" }, { package = \"b\" }]";
        let either = "extra == 'project-1-a' or extra == 'project-1-b'";
        assert_eq!(of(both, either), "u 1 required");
        assert_eq!(of(both, "extra == 'project-1-a'"), "u 1 optional");
        assert_eq!(of(&both.replace("\"b\" }", "\"b\" }, { package = \"c\" }"), either), "u 1 optional", "nor c");
        let pairs = format!("{both}, [{{ package = \"b\" }}, {{ package = \"c\" }}]");
        assert_eq!(of(&pairs, either), "u 1 required", "a and c, or b");
        assert_eq!(of(&pairs, "extra == 'project-1-b' or extra == 'project-1-c'"), "u 1 required");
    }

    #[test]
    fn what_is_asked_for_on_no_python_that_is_supported_is_left_out() {
        let of = |supported: &str, marker: &str| {
            let text = format!(
                "version = 1\nrequires-python = \"{supported}\"\n[[package]]\nname = \"app\"\nversion = \"1\"\n\
                 source = {{ virtual = \".\" }}\ndependencies = [{{ name = \"p\", marker = \"{marker}\" }}]\n{}",
                packages(&[("p", "1", "")])
            );
            let made = lock("uv.lock", &text);
            (scopes(&made), made.bom.edges["path:app@1"].len())
        };
        let (none, kept) = ((vec![], 0), (vec!["p 1 optional".to_owned()], 1));
        for supported in [">=3.8", "", ">=3.8, <3.13"] {
            assert_eq!(of(supported, "python_version < '0'"), none, "{supported}");
        }
        assert_eq!(of(">=3.8", "python_full_version < '3.8'"), none);
        assert_eq!(of(">=3.8, <3.13", "python_full_version >= '3.13' and sys_platform == 'win32'"), none);
        assert_eq!(of(">=3.8", "python_full_version < '3.8.1'"), kept);
        assert_eq!(of("", "python_full_version < '3.8'"), kept);
        assert_eq!(of(">=3.8", "python_version < '0' or sys_platform == 'win32'"), kept);
        assert_eq!(of("rubbish", "python_version < '3'"), kept);
    }

    #[test]
    fn what_every_fork_of_a_script_needs_is_required() {
        let (windows, other) = ("sys_platform == 'win32'", "sys_platform != 'win32'");
        let fork = |marker: &str| format!("resolution-markers = [\"{marker}\"]\ndependencies = [{{ name = \"w\" }}]");
        let of = |requirements: &str| {
            let text = format!(
                "version = 1\nrequires-python = \">=3.11\"\nresolution-markers = [\"{windows}\", \"{other}\"]\n\
                 [manifest]\nrequirements = [{requirements}]\n{}",
                packages(&[("f", "2", &fork(windows)), ("f", "3", &fork(other)), ("w", "1", "")])
            );
            lock("ex.py.lock", &text)
        };
        let wanted = ["f 2 optional", "f 3 optional", "w 1 required"];
        let bounds = format!(
            "{{ name = \"f\", marker = \"{windows}\", specifier = \"<3\" }}, {{ name = \"f\", marker = \"{other}\", specifier = \">=3\" }}"
        );
        for requirements in [bounds.as_str(), "{ name = \"f\" }"] {
            let made = of(requirements);
            assert_eq!(scopes(&made), wanted, "{requirements}");
            assert_eq!(conditions(&made), [windows, other], "{requirements}");
        }
    }

    #[test]
    fn a_condition_that_is_too_long_to_be_read_is_still_one() {
        let long = (0..120).map(|number| format!("(platform_machine == 'm{number}' and os_name == 'nt')"));
        let long = long.collect::<Vec<_>>().join(" or ");
        let made = lock(
            "uv.lock",
            &format!(
                "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
             dependencies = [{{ name = \"p\", marker = \"{long}\" }}]\n{}",
                packages(&[("p", "1", "")])
            ),
        );
        assert_eq!(scopes(&made), ["p 1 optional"]);
        assert!(conditions(&made)[0].contains("too long to be shown"), "{:?}", conditions(&made));
        let poetry = format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0\"\nfiles = []\n[package.dependencies]\n\
             p = {{ version = \"*\", markers = \"{long}\" }}\n[[package]]\nname = \"p\"\nversion = \"1\"\nfiles = []\n\
             groups = [\"main\"]\nmarkers = {{ main = \"{long}\" }}\n\
             [metadata]\nlock-version = \"2.1\"\ncontent-hash = \"x\"\n"
        );
        let made = lock("poetry.lock", &poetry);
        assert_eq!(scopes(&made)[1], "p 1 optional");
        assert!(conditions(&made).iter().any(|text| text.contains("too long to be shown")), "{:?}", conditions(&made));
    }
}
