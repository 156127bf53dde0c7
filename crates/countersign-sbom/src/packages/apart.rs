//! Whether conditions of Python's requirements can hold together: one of each two versions that a lock file has is for another
//! Python or another system than who asks for it.

use super::markers::{Answer, Condition, Facts, Known};
use std::collections::{BTreeMap, BTreeSet};

/// Variables that are texts, and are asked whether they are one.
const TEXTS: [&str; 6] = [
    "sys_platform",
    "os_name",
    "platform_system",
    "platform_machine",
    "platform_python_implementation",
    "implementation_name",
];
/// Stands for every text that no condition names.
const OTHER: &str = "\0";
/// Most machines that are thought of for one question.
const MACHINES: usize = 2_000;

/// How much more is thought about: machines, times the length of the conditions. A lock file asks as often as it likes.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(20_000_000)
    }
}

impl Budget {
    fn spend(&mut self, cost: usize) -> Option<()> {
        self.0 = self.0.checked_sub(cost)?;
        Some(())
    }
}

/// Whether it is certain that no machine holds all of the conditions. What is not read, and what asks for a part of a text, may hold.
pub(super) fn never(texts: &[&str], budget: &mut Budget) -> bool {
    texts.len() > 1 && on_no_machine(texts, budget).unwrap_or(false)
}

/// Systems that there are, by `sys_platform`, `os_name`, `platform_system` and `platform_machine`.
const SYSTEMS: [[&str; 4]; 5] = [
    ["linux", "posix", "Linux", "x86_64"],
    ["linux", "posix", "Linux", "aarch64"],
    ["darwin", "posix", "Darwin", "x86_64"],
    ["darwin", "posix", "Darwin", "arm64"],
    ["win32", "nt", "Windows", "AMD64"],
];

/// Whether it is certain that all of the conditions hold on some machine that there is. Of what is not read, nothing is certain.
pub(super) fn together(texts: &[&str], budget: &mut Budget) -> bool {
    on_a_machine(texts, budget).unwrap_or(false)
}

fn on_a_machine(texts: &[&str], budget: &mut Budget) -> Option<bool> {
    let length = texts.iter().fold(0_usize, |sum, text| sum.saturating_add(text.len()));
    budget.spend(length)?;
    let conditions: Vec<Condition> = texts.iter().map(|text| Condition::read(text)).collect();
    let pythons = pythons(&conditions)?;
    let kinds = [["CPython", "cpython"], ["PyPy", "pypy"]];
    budget.spend(pythons.len().saturating_mul(length).saturating_mul(SYSTEMS.len().saturating_mul(kinds.len())))?;
    let names = ["sys_platform", "os_name", "platform_system", "platform_machine"];
    let made = ["platform_python_implementation", "implementation_name"];
    Some(SYSTEMS.iter().any(|system| {
        kinds.iter().any(|kind| {
            let texts = names.iter().zip(system).chain(made.iter().zip(kind));
            let texts: BTreeMap<_, _> = texts.map(|(name, value)| (*name, Known::Is((*value).to_owned()))).collect();
            let mut machines = pythons.iter().map(|python| Facts { texts: texts.clone(), ..python.clone() });
            machines.any(|machine| conditions.iter().all(|condition| condition.holds(&machine, "") == Answer::Yes))
        })
    }))
}

fn on_no_machine(texts: &[&str], budget: &mut Budget) -> Option<bool> {
    let length = texts.iter().fold(0_usize, |sum, text| sum.saturating_add(text.len()));
    budget.spend(length)?;
    let conditions: Vec<Condition> = texts.iter().map(|text| Condition::read(text)).collect();
    let machines = machines(&conditions)?;
    budget.spend(machines.len().saturating_mul(length))?;
    Some(machines.iter().all(|machine| conditions.iter().any(|condition| !may_hold(condition, machine))))
}

/// Whose extras a condition means is not known here: any one of them may be asked for, or none.
fn may_hold(condition: &Condition, machine: &Facts) -> bool {
    let holds = |extra: &str| condition.holds(machine, extra) != Answer::No;
    condition.extras.len() > 1 || holds("") || condition.extras.iter().any(|extra| holds(extra))
}

/// One Python for each case that the conditions can tell from the others, on a machine of which nothing else is known.
fn pythons(conditions: &[Condition]) -> Option<Vec<Facts>> {
    let mut minors: BTreeSet<(u64, u64)> = BTreeSet::new();
    let (mut releases, mut whole) = (BTreeSet::new(), false);
    for condition in conditions {
        for (name, values) in condition.asked()? {
            if matches!(name, "python_version" | "python_full_version") {
                whole |= name == "python_full_version";
                for value in values {
                    minors.extend(around(value)?);
                    releases.insert(release(value));
                }
            }
        }
    }
    let mut machines: Vec<Facts> = Vec::new();
    for (major, minor) in minors {
        let of = |full: Option<String>| Facts { minor: Some(format!("{major}.{minor}")), full, ..Facts::default() };
        // Where one is named that was tried out, not every release can be thought of.
        if !whole || releases.contains(&None) {
            machines.push(of(None));
            continue;
        }
        let named = releases.iter().flatten().filter(|known| (known.0, known.1) == (major, minor));
        let near = named.flat_map(|(_, _, patch)| [patch.saturating_sub(1), *patch, patch.saturating_add(1)]);
        let patches: BTreeSet<u64> = near.chain([0, 99]).collect();
        machines.extend(patches.into_iter().map(|patch| of(Some(format!("{major}.{minor}.{patch}")))));
    }
    if machines.is_empty() {
        machines.push(Facts::default());
    }
    Some(machines)
}

/// One machine for each case that the conditions can tell from the others.
fn machines(conditions: &[Condition]) -> Option<Vec<Facts>> {
    let mut texts: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
    for condition in conditions {
        for (name, values) in condition.asked()? {
            if let Some(known) = TEXTS.iter().find(|known| **known == name) {
                texts.entry(*known).or_default().extend(values);
            }
        }
    }
    let mut machines = pythons(conditions)?;
    for (name, values) in texts {
        let values: Vec<&str> = values.into_iter().chain([OTHER]).collect();
        if machines.len().saturating_mul(values.len()) > MACHINES {
            return None;
        }
        let mut more = Vec::new();
        for machine in &machines {
            for value in &values {
                let mut machine = machine.clone();
                machine.texts.insert(name, Known::Is((*value).to_owned()));
                more.push(machine);
            }
        }
        machines = more;
    }
    (machines.len() <= MACHINES).then_some(machines)
}

/// The release that a version names, with zeros for what it leaves out. None for one that is not of numbers alone.
fn release(text: &str) -> Option<(u64, u64, u64)> {
    let numbers = text.trim().trim_end_matches(".*").split('.').map(|part| part.parse().ok());
    let numbers = numbers.collect::<Option<Vec<u64>>>()?;
    match numbers[..] {
        [major] => Some((major, 0, 0)),
        [major, minor] => Some((major, minor, 0)),
        [major, minor, patch] => Some((major, minor, patch)),
        _ => None,
    }
}

/// Versions of Python on both sides of one that is named, and that one.
fn around(text: &str) -> Option<Vec<(u64, u64)>> {
    let mut parts = text.trim().split('.');
    let major: u64 = parts.next()?.parse().ok()?;
    let minor: u64 = match parts.next() {
        None | Some("*") => 0,
        Some(part) => part.parse().ok()?,
    };
    let next = |number: u64| number.saturating_add(1);
    let mut all =
        vec![(major, 0), (major, minor), (major, next(minor)), (next(major), 0), (major.saturating_sub(1), 99)];
    all.extend(minor.checked_sub(1).map(|before| (major, before)));
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_never_hold_together_only_where_that_is_certain() {
        for (one, other, wanted) in [
            ("sys_platform == 'win32'", "sys_platform != 'win32'", true),
            ("sys_platform == 'win32'", "sys_platform == 'linux' or sys_platform == 'darwin'", true),
            ("sys.platform == 'win32'", "sys_platform == 'win32' and os_name == 'nt'", false),
            ("sys_platform != 'win32'", "sys_platform != 'linux'", false),
            ("python_version < '3.12'", "python_version >= '3.12'", true),
            ("python_version < '3.12'", "python_full_version >= '3.12.0'", true),
            ("python_version <= '3.12'", "python_full_version >= '3.12.4'", false),
            ("python_full_version < '3.10'", "python_full_version >= '3.10'", true),
            ("python_full_version < '3.10.4'", "python_full_version >= '3.10.4'", true),
            ("python_full_version < '3.10.4'", "python_full_version >= '3.10.3'", false),
            ("python_full_version != '3.10.*'", "python_full_version == '3.10.*'", true),
            ("python_full_version < '3.10'", "python_full_version >= '3.10rc1'", false),
            ("python_version == '3.40'", "python_version >= '3.40'", false),
            ("python_version == '3.*'", "python_version < '3'", true),
            ("python_version < '3.8' and sys_platform == 'win32'", "python_version >= '3.8'", true),
            ("python_version < '3.8' or sys_platform == 'win32'", "python_version >= '3.8'", false),
            ("extra == 'a' and sys_platform == 'win32'", "sys_platform == 'linux'", true),
            ("extra == 'a'", "extra == 'b'", false),
            ("extra == 'a' and extra == 'b' and os_name == 'nt'", "os_name == 'posix'", false),
            ("'win' in sys_platform", "sys_platform == 'linux'", false),
            ("platform_release == '1'", "platform_release == '2'", false),
            ("rubbish", "sys_platform == 'linux'", false),
        ] {
            assert_eq!(never(&[one, other], &mut Budget::default()), wanted, "{one} / {other}");
            assert_eq!(never(&[other, one], &mut Budget::default()), wanted, "{other} / {one}");
        }
        assert!(!never(&["os_name == 'nt'", "os_name == 'posix'"], &mut Budget(40)), "nothing is left to think with");
    }

    #[test]
    fn conditions_hold_together_only_on_a_machine_that_there_is() {
        for (one, other, wanted) in [
            ("python_version < '3.12'", "python_version >= '3.9'", true),
            ("python_version < '3.12'", "python_version >= '3.12'", false),
            ("python_full_version < '3.10.4'", "python_full_version >= '3.10.3'", true),
            ("sys_platform == 'win32'", "os_name == 'nt'", true),
            ("sys_platform == 'win32'", "os_name == 'posix'", false),
            ("sys_platform != 'win32'", "os_name == 'nt'", false),
            ("platform_machine == 'arm64'", "sys_platform == 'darwin' and python_version >= '3.9'", true),
            ("implementation_name == 'pypy'", "platform_python_implementation != 'CPython'", true),
            ("'lin' in sys_platform", "sys_platform == 'linux'", false),
            ("rubbish", "sys_platform == 'linux'", false),
        ] {
            assert_eq!(together(&[one, other], &mut Budget::default()), wanted, "{one} / {other}");
            assert_eq!(together(&[other, one], &mut Budget::default()), wanted, "{other} / {one}");
        }
    }
}
