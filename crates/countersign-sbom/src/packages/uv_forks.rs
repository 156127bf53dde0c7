//! The forks of `uv.lock`: where one version of a package does not serve every Python and system that the project supports, uv locks
//! several, and each asker names all of them under conditions. What is needed in every fork is needed in any case.

use super::markers::{Answer, Condition, Facts, Known};
use super::python_range::excludes;
use super::reach::{Ask, Node, Start};
use super::uv::text_in;
use super::uv_asks::only_names_parts;
use crate::bom::Scope;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// The newest minor version of Python that is tried: what is asked for beyond that is one of no Python that there is.
const NEWEST: u32 = 40;
/// The last release of a minor version.
const LAST: u32 = 99;
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
const PLACES: usize = 16_384;
/// Texts of which a variable is asked whether they are part of it: each set of them is one more value.
const PARTS: usize = 3;
/// How much is thought about: comparisons at places, and packages for each way of these. Less than a second.
const BUDGET: usize = 4_000_000;

/// The packages that are needed wherever the project can be installed, by their places: nothing where there are no forks. None where the
/// forks ask for something that is not read, or for too much: then each condition counts by itself. Of each name that is an extra to a
/// condition it is told whether it is installed.
pub(super) fn needed_in_each(
    lock: &Table,
    nodes: &[Node],
    starts: &[Start],
    installed: &dyn Fn(&str) -> Answer,
) -> Option<BTreeSet<usize>> {
    let forks = lock.get("resolution-markers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if forks.is_empty() {
        return Some(BTreeSet::new());
    }
    let forks = forks.iter().map(|fork| fork.as_str().map(Condition::read)).collect::<Option<Vec<_>>>()?;
    let (graph, conditions) = graph(nodes);
    let axes = Axes::of(text_in(lock, "requires-python").unwrap_or_default(), &forks, &conditions)?;
    let mut budget = BUDGET;
    budget = budget.checked_sub(axes.count.saturating_mul(forks.len().saturating_add(conditions.len())))?;
    let mut judged = |all: &[Condition], installed: &dyn Fn(&str) -> Answer| {
        all.iter().map(|one| axes.judge(one, installed, &mut budget)).collect::<Option<Vec<_>>>()
    };
    let of_forks = judged(&forks, &|_| Answer::Unknown)?;
    let of_asks = judged(&conditions, installed)?;
    // Places where the same conditions hold need the same.
    let mut ways: BTreeSet<Vec<bool>> = BTreeSet::new();
    for place in (0..axes.count).map(|number| axes.place(number)) {
        if of_forks.iter().any(|fork| fork.at(&place) != Answer::No) {
            ways.insert(of_asks.iter().map(|ask| ask.at(&place) == Answer::Yes).collect());
        }
    }
    let size = graph.iter().fold(graph.len(), |sum, edges| sum.saturating_add(edges.len()));
    budget.checked_sub(ways.len().saturating_mul(size))?;
    let begins: Vec<usize> = starts
        .iter()
        .filter(|(_, extra, scope)| extra.is_none() && *scope == Scope::Required)
        .map(|(place, ..)| *place)
        .collect();
    let mut all: Option<BTreeSet<usize>> = None;
    for way in ways {
        let reached = reached(&graph, &begins, &way);
        let needed: BTreeSet<usize> = reached.range(..nodes.len()).copied().collect();
        all = Some(match all {
            None => needed,
            Some(all) => all.intersection(&needed).copied().collect(),
        });
    }
    all
}

/// What leads where, and the condition on that: a package by its place, and behind these each extra of one.
type Graph = Vec<Vec<(usize, Option<usize>)>>;

/// What is required of what, and all conditions on that.
fn graph<'n>(nodes: &'n [Node]) -> (Graph, Vec<Condition>) {
    let mut extras: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    let named = nodes.iter().enumerate().flat_map(|(place, node)| node.extras.keys().map(move |name| (place, name)));
    for (count, (place, name)) in named.enumerate() {
        extras.insert((place, name.as_str()), nodes.len().saturating_add(count));
    }
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut conditions = Vec::new();
    let mut edges = |asks: &'n [Ask]| {
        let mut all = Vec::new();
        for ask in asks.iter().filter(|ask| ask.scope == Scope::Required) {
            let condition = ask.condition.as_deref().map(|text| {
                *numbers.entry(text).or_insert_with(|| {
                    conditions.push(Condition::read(text));
                    conditions.len().saturating_sub(1)
                })
            });
            let of_extras = ask.extras.iter().filter_map(|extra| extras.get(&(ask.to, extra.as_str())).copied());
            all.extend(std::iter::once(ask.to).chain(of_extras).map(|to| (to, condition)));
        }
        all
    };
    let mut graph: Graph = Vec::new();
    graph.extend(nodes.iter().map(|node| edges(&node.asks)));
    graph.extend(nodes.iter().flat_map(|node| node.extras.values()).map(|asks| edges(asks)));
    (graph, conditions)
}

fn reached(graph: &Graph, begins: &[usize], way: &[bool]) -> BTreeSet<usize> {
    let mut reached: BTreeSet<usize> = begins.iter().copied().collect();
    let mut waiting = begins.to_vec();
    while let Some(from) = waiting.pop() {
        for (to, condition) in graph.get(from).into_iter().flatten() {
            let holds = condition.is_none_or(|number| way.get(number).copied().unwrap_or_default());
            if holds && reached.insert(*to) {
                waiting.push(*to);
            }
        }
    }
    reached
}

/// All that conditions tell apart: Pythons, and for each variable that the forks are told apart by, its values.
struct Axes {
    pythons: Vec<(u32, u32)>,
    texts: Vec<(&'static str, Vec<String>)>,
    /// How many places there are.
    count: usize,
}

/// Where a place lies on each axis, that of Pythons first.
type Place = Vec<usize>;

/// The answers of one condition, by the axes that it asks about.
struct Judged {
    /// For each axis how far its values lie apart among the answers; none where it does not ask about that.
    strides: Vec<usize>,
    answers: Vec<Answer>,
}

impl Judged {
    fn at(&self, place: &Place) -> Answer {
        let number = place
            .iter()
            .zip(&self.strides)
            .fold(0_usize, |sum, (at, stride)| sum.saturating_add(at.saturating_mul(*stride)));
        self.answers.get(number).copied().unwrap_or(Answer::Unknown)
    }
}

const PYTHON: [&str; 2] = ["python_version", "python_full_version"];

impl Axes {
    fn of(supported: &str, forks: &[Condition], conditions: &[Condition]) -> Option<Self> {
        let mut texts: BTreeMap<&'static str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
        for fork in forks {
            for (name, ..) in fork.comparisons()? {
                if PYTHON.contains(&name) || name == "extra" && only_names_parts(fork) {
                    continue;
                }
                texts.entry(TEXTS.into_iter().find(|known| *known == name)?).or_default();
            }
        }
        let mut pythons = BTreeSet::from([(0, 0), (NEWEST, LAST)]);
        pythons.extend(around(supported));
        for (name, text, is_part) in forks.iter().chain(conditions).filter_map(Condition::comparisons).flatten() {
            if PYTHON.contains(&name) {
                pythons.extend(around(text));
            } else if let Some((whole, parts)) = texts.get_mut(name) {
                if is_part {
                    parts.insert(text)
                } else {
                    whole.insert(text)
                };
            }
        }
        pythons.retain(|(minor, patch)| !excludes(supported, &format!("3.{minor}.{patch}")));
        let mut count = pythons.len();
        let mut axes = Vec::new();
        for (name, (whole, parts)) in texts {
            let mut values: BTreeSet<String> = whole.iter().map(|text| (*text).to_owned()).collect();
            values.insert(OTHER.to_owned());
            if parts.len() > PARTS {
                return None;
            }
            // A text may be part of the variable, or list its values.
            let mut sets = vec![OTHER.to_owned()];
            for part in &parts {
                values.extend(part.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned));
                sets.extend(sets.clone().into_iter().map(|before| format!("{before}{part}{OTHER}")));
            }
            values.extend(parts.iter().map(|part| (*part).to_owned()));
            values.extend(sets);
            count = count.saturating_mul(values.len());
            axes.push((name, values.into_iter().collect()));
        }
        let some = (1..=PLACES).contains(&count);
        some.then(|| Self { pythons: pythons.into_iter().collect(), texts: axes, count })
    }

    fn place(&self, number: usize) -> Place {
        let mut rest = number;
        let lengths = std::iter::once(self.pythons.len()).chain(self.texts.iter().map(|(_, values)| values.len()));
        let mut place = Vec::new();
        for length in lengths {
            place.push(rest.checked_rem(length).unwrap_or_default());
            rest = rest.checked_div(length).unwrap_or_default();
        }
        place
    }

    /// A condition at each place that it can tell from the others. None where that would take too long.
    fn judge(&self, condition: &Condition, installed: &dyn Fn(&str) -> Answer, budget: &mut usize) -> Option<Judged> {
        let asked: BTreeSet<&str> = condition.comparisons().into_iter().flatten().map(|(name, ..)| name).collect();
        let mut facts = vec![Facts::default()];
        let mut strides = Vec::new();
        let price = condition.length().saturating_add(1);
        if PYTHON.iter().any(|name| asked.contains(name)) {
            strides.push(1);
            let of = |(minor, patch): &(u32, u32)| Facts {
                minor: Some(format!("3.{minor}")),
                full: Some(format!("3.{minor}.{patch}")),
                ..Facts::default()
            };
            facts = self.pythons.iter().map(of).collect();
        } else {
            strides.push(0);
        }
        for (name, values) in &self.texts {
            if !asked.contains(name) {
                strides.push(0);
                continue;
            }
            strides.push(facts.len());
            let all = facts.len().saturating_mul(values.len());
            if all.saturating_mul(price) > *budget {
                return None;
            }
            let with = |value: &String| {
                let value = value.clone();
                facts.iter().map(move |facts| {
                    let mut facts = facts.clone();
                    facts.texts.insert(name, Known::Is(value.clone()));
                    facts
                })
            };
            facts = values.iter().flat_map(with).collect();
        }
        *budget = budget.checked_sub(facts.len().saturating_mul(price))?;
        let answers = facts.iter().map(|facts| condition.holds_where(facts, installed)).collect();
        Some(Judged { strides, answers })
    }
}

/// Pythons on both sides of each that a text names, and those.
fn around(text: &str) -> BTreeSet<(u32, u32)> {
    let mut all = BTreeSet::new();
    for version in text.split(|c: char| !(c.is_ascii_digit() || c == '.')) {
        let mut parts = version.split('.').filter(|part| !part.is_empty()).map(str::parse::<u32>);
        let (Some(Ok(3)), Some(Ok(minor))) = (parts.next(), parts.next()) else { continue };
        if minor > NEWEST {
            continue;
        }
        all.extend([(minor, 0), (minor, LAST), (minor.saturating_add(1), 0)]);
        all.extend(minor.checked_sub(1).map(|before| (before, LAST)));
        if let Some(Ok(patch)) = parts.next().filter(|patch| patch.as_ref().is_ok_and(|patch| *patch <= LAST)) {
            all.extend([(minor, patch), (minor, patch.saturating_add(1))]);
            all.extend(patch.checked_sub(1).map(|before| (minor, before)));
        }
    }
    all
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
        let all = needed_in_each(&lock, &nodes, &[(0, None, Scope::Required)], &|_| Answer::No);
        all.unwrap_or_default().into_iter().collect()
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

    #[test]
    fn every_release_of_python_that_is_told_apart_is_a_place() {
        let windows = ["sys_platform == 'win32'", "sys_platform != 'win32'"];
        let both = [(0, 1, windows[0]), (0, 2, windows[1]), (1, 3, ""), (2, 3, "")];
        for supported in ["==3.11.7", ">=3.12.1, <3.12.9", "==3.11.*", ""] {
            assert_eq!(needed(supported, &windows, &both), [0, 3], "{supported}");
        }
        let releases = [
            (0, 1, "python_full_version != '3.11.4'"),
            (0, 2, "python_full_version < '3.11.3' or python_full_version >= '3.11.8'"),
            (0, 3, "python_full_version != '3.11.4' or python_full_version == '3.11.4'"),
        ];
        assert_eq!(needed(">=3.10", &windows, &releases), [0, 3]);
        assert_eq!(needed(">=3.12", &windows, &releases), [0, 1, 2, 3]);
        assert_eq!(needed(">=3.10", &windows, &[(0, 1, "sys_platform != 'darwin'")]), [0], "which no fork names");
    }

    #[test]
    fn forks_by_a_part_of_a_text_are_read() {
        let forks = ["'linux' in sys_platform", "'linux' not in sys_platform"];
        let both = [(0, 1, forks[0]), (0, 2, forks[1]), (1, 3, ""), (2, 3, "")];
        assert_eq!(needed(">=3.11", &forks, &both), [0, 3]);
        let more = |text: &str| needed(">=3.11", &forks, &[(0, 1, text)]);
        assert_eq!(more("'lin' not in sys_platform or 'ux' not in sys_platform"), [0]);
        assert_eq!(more("sys_platform not in 'linux darwin'"), [0]);
        let many: Vec<String> = (0..9).map(|number| format!("'{number}' in sys_platform")).collect();
        assert_eq!(more(&many.join(" or ")), Vec::<usize>::new(), "too many to tell apart");
    }

    #[test]
    fn a_lock_with_too_many_conditions_is_left_as_it_is() {
        let forks = ["sys_platform == 'win32'", "sys_platform != 'win32'"];
        let releases = |minor: u32| (0..90).map(move |patch| format!("python_full_version < '3.{minor}.{patch}'"));
        let texts: Vec<String> = (0..30).map(|minor| releases(minor).collect::<Vec<_>>().join(" or ")).collect();
        let asks: Vec<(usize, usize, &str)> = texts.iter().map(|text| (0, 1, text.as_str())).collect();
        assert_eq!(needed(">=3.9", &forks, &asks), Vec::<usize>::new());
    }
}
