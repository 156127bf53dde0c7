//! The forks of `uv.lock`: where one version of a package does not serve every Python and system that the project supports, uv locks
//! several, and each asker names all of them under conditions. What is needed in every fork is needed in any case.

use super::markers::{Answer, Condition, Facts, Known};
use super::python_range::excludes;
use super::reach::{self, Ask, Node, Start};
use super::uv::text_in;
use crate::bom::Scope;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// The newest minor version of Python that is tried: what is asked for beyond that is one of no Python that there is.
const NEWEST: u32 = 40;
/// Variables that forks are told apart by, beside Python's version.
const TEXTS: [&str; 6] = [
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_system",
    "platform_python_implementation",
    "implementation_name",
];
/// A value that no condition names: that of every system which none does.
const OTHER: &str = "-";
/// Places that are tried; a lock with more is left as it is.
const PLACES: usize = 1_024;

/// The packages that are needed wherever the project can be installed, by their places. None where there are no forks, or where these ask for
/// something that is not read: then each condition counts by itself.
pub(super) fn needed_in_each(lock: &Table, nodes: &[Node], starts: &[Start]) -> BTreeSet<usize> {
    let mut conditions: BTreeMap<&str, Condition> = BTreeMap::new();
    for ask in nodes.iter().flat_map(|node| node.asks.iter().chain(node.extras.values().flatten())) {
        if let Some(text) = &ask.condition {
            conditions.entry(text).or_insert_with(|| Condition::read(text));
        }
    }
    // Places where the same conditions hold need the same.
    let certain_at = |place: &Facts| -> BTreeSet<&str> {
        let holding = conditions.iter().filter(|(_, one)| one.holds(place, "") == Answer::Yes);
        holding.map(|(text, _)| *text).collect()
    };
    let ways: BTreeSet<BTreeSet<&str>> = places(lock).unwrap_or_default().iter().map(certain_at).collect();
    let mut all: Option<BTreeSet<usize>> = None;
    for way in ways {
        let holds = |ask: &Ask| ask.condition.as_deref().is_none_or(|text| way.contains(text));
        let certain = |asks: &[Ask]| -> Vec<Ask> {
            asks.iter().filter(|ask| holds(ask)).map(|ask| Ask { condition: None, ..ask.clone() }).collect()
        };
        let there: Vec<Node> = nodes
            .iter()
            .map(|node| Node {
                asks: certain(&node.asks),
                extras: node.extras.iter().map(|(name, asks)| (name.clone(), certain(asks))).collect(),
            })
            .collect();
        let reached = reach::walk(&there, starts.to_vec()).scopes;
        let needed = reached.into_iter().filter(|(_, scope)| *scope == Scope::Required).map(|(place, _)| place);
        let needed: BTreeSet<usize> = needed.collect();
        all = Some(match all {
            None => needed,
            Some(all) => all.intersection(&needed).copied().collect(),
        });
    }
    all.unwrap_or_default()
}

/// Every Python and system that the lock tells apart, one of each.
fn places(lock: &Table) -> Option<Vec<Facts>> {
    let forks = lock.get("resolution-markers").and_then(Value::as_array)?;
    let forks: Vec<Condition> = forks.iter().filter_map(Value::as_str).map(Condition::read).collect();
    let mut texts: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for (name, values) in forks.iter().map(Condition::asked).collect::<Option<Vec<_>>>()?.into_iter().flatten() {
        if matches!(name, "python_version" | "python_full_version") {
            continue;
        }
        let known = TEXTS.into_iter().find(|known| *known == name)?;
        texts.entry(known).or_default().extend(values.into_iter().map(str::to_owned));
    }
    let mut systems: Vec<BTreeMap<&'static str, Known>> = vec![BTreeMap::new()];
    for (name, values) in texts {
        let values = values.into_iter().chain([OTHER.to_owned()]);
        let values: Vec<String> = values.collect();
        systems = systems
            .iter()
            .flat_map(|system| {
                values.iter().map(|value| {
                    let mut system = system.clone();
                    system.insert(name, Known::Is(value.clone()));
                    system
                })
            })
            .take(PLACES)
            .collect();
    }
    let supported = text_in(lock, "requires-python").unwrap_or_default();
    let mut places = Vec::new();
    for minor in 0..=NEWEST {
        for patch in ["0", "99"] {
            let full = format!("3.{minor}.{patch}");
            if excludes(supported, &full) {
                continue;
            }
            for texts in &systems {
                let place = Facts { minor: Some(format!("3.{minor}")), full: Some(full.clone()), texts: texts.clone() };
                if forks.iter().any(|fork| fork.holds(&place, "") == Answer::Yes) {
                    places.push(place);
                }
            }
        }
    }
    (places.len() <= PLACES).then_some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(requires: &str, forks: &[&str], asks: &[(usize, usize, &str)]) -> Vec<usize> {
        let forks: Vec<Value> = forks.iter().map(|fork| Value::String((*fork).to_owned())).collect();
        let mut lock = Table::new();
        lock.insert("requires-python".to_owned(), requires.into());
        lock.insert("resolution-markers".to_owned(), Value::Array(forks));
        let mut nodes = vec![Node::default(); 6];
        for (from, to, condition) in asks {
            let condition = Some(*condition).filter(|text| !text.is_empty()).map(str::to_owned);
            nodes[*from].asks.push(Ask { to: *to, extras: BTreeSet::new(), scope: Scope::Required, condition });
        }
        needed_in_each(&lock, &nodes, &[(0, None, Scope::Required)]).into_iter().collect()
    }

    #[test]
    fn what_every_fork_needs_is_needed_and_each_fork_itself_is_not() {
        let forks = ["python_full_version >= '3.10'", "python_full_version < '3.10'"];
        let asks = [
            (0, 1, "python_full_version >= '3.10'"),
            (0, 2, "python_full_version < '3.10'"),
            (1, 3, ""),
            (2, 3, ""),
            (1, 4, ""),
            (3, 5, "sys_platform == 'win32'"),
        ];
        assert_eq!(needed(">=3.9", &forks, &asks), [0, 3]);
        assert_eq!(needed(">=3.10", &forks, &asks), [0, 1, 3, 4], "the other fork is of no Python that is supported");
        assert_eq!(needed(">=3.9", &[], &asks), Vec::<usize>::new(), "without forks each condition counts by itself");
        assert_eq!(needed(">=3.9", &["extra == 'x'"], &asks), Vec::<usize>::new(), "what is not read");
    }

    #[test]
    fn a_condition_within_a_fork_counts() {
        let forks = ["sys_platform == 'win32'", "sys_platform != 'win32' and sys_platform != 'emscripten'"];
        let by_system = |more: &str| {
            let windows = format!("sys_platform == 'win32'{more}");
            needed(">=3.9", &forks, &[(0, 1, &windows), (0, 2, "sys_platform != 'win32'"), (1, 3, ""), (2, 3, "")])
        };
        assert_eq!(by_system(""), [0, 3]);
        assert_eq!(by_system(" and platform_machine == 'arm64'"), [0]);
        assert_eq!(by_system(" and python_full_version != '3.12.*'"), [0]);
        assert_eq!(by_system(" and python_full_version < '3.30'"), [0]);
    }
}
