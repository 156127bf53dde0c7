//! Which installed Python packages need which: requirements, their conditions, and the extras that they are asked for with.

use super::markers::{Answer, Condition, Facts};
use super::python::{extras, normal, requirement};
use std::collections::{BTreeMap, BTreeSet};

/// A package and what its metadata says that it needs.
#[derive(Debug)]
pub(super) struct Asker {
    needs: Vec<Need>,
    /// Extras that it offers.
    offers: BTreeSet<String>,
    /// Whether a person, or a program on behalf of one, may have asked for it by name, with extras that nobody wrote down.
    by_name: bool,
}

#[derive(Debug)]
struct Need {
    name: String,
    extras: BTreeSet<String>,
    condition: Option<Condition>,
    /// By the extras that are certainly asked for.
    sure: Answer,
    /// By those, too, of which it cannot be told.
    perhaps: Answer,
}

/// What was found out about one package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The packages that it needs, by place.
    pub(super) needs: BTreeSet<usize>,
    /// Those that it needs where a condition holds that cannot be judged.
    pub(super) perhaps: BTreeSet<usize>,
    /// Whether one that it needs is not there.
    pub(super) missing: bool,
    /// Whether the condition of one cannot be judged.
    pub(super) unjudged: bool,
    /// Extras that may have been asked for: all that they need is there.
    pub(super) open_extras: BTreeSet<String>,
}

impl Asker {
    /// Of the requirements and extras in a package's metadata.
    pub(super) fn of<'t>(
        requires: impl Iterator<Item = &'t str>,
        offers: impl Iterator<Item = &'t str>,
        by_name: bool,
    ) -> Self {
        let needs: Vec<Need> = requires
            .map(|text| {
                let (name, condition) = requirement(text);
                let condition = condition.map(Condition::read);
                Need { name, extras: extras(text), condition, sure: Answer::No, perhaps: Answer::No }
            })
            .collect();
        let mut offers: BTreeSet<String> = offers.map(normal).collect();
        for need in &needs {
            offers.extend(need.condition.iter().flat_map(|condition| condition.extras.iter().cloned()));
        }
        offers.remove("");
        Self { needs, offers, by_name }
    }

    /// The needs that an extra can matter to, by place.
    fn by_extra(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut all: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, need) in self.needs.iter().enumerate() {
            for extra in need.condition.iter().flat_map(|condition| &condition.extras) {
                all.entry(extra).or_default().push(place);
            }
        }
        all
    }
}

impl Need {
    fn holds(&self, facts: &Facts, extra: &str) -> Answer {
        self.condition.as_ref().map_or(Answer::Yes, |condition| condition.holds(facts, extra))
    }
}

/// Walks from every package, without extras, to whatever is asked for with some, until nothing new is asked for. Each
/// package is looked at once for each extra, and then only at what names it. A name may stand for several places, where a
/// list has more than one version of it.
pub(super) fn find(askers: &mut [Asker], index: &BTreeMap<String, Vec<usize>>, facts: &Facts) -> Vec<Found> {
    let mut waiting: Vec<(usize, String, bool)> = (0..askers.len()).map(|place| (place, String::new(), true)).collect();
    let mut seen: BTreeSet<(usize, String, bool)> = BTreeSet::new();
    let by_extra: Vec<BTreeMap<String, Vec<usize>>> = askers
        .iter()
        .map(|asker| asker.by_extra().into_iter().map(|(extra, needs)| (extra.to_owned(), needs)).collect())
        .collect();
    while let Some((place, extra, certain)) = waiting.pop() {
        if seen.contains(&(place, extra.clone(), true)) || !seen.insert((place, extra.clone(), certain)) {
            continue;
        }
        let Some(asker) = askers.get_mut(place) else { continue };
        let named = by_extra.get(place).and_then(|all| all.get(&extra)).map(Vec::as_slice).unwrap_or_default();
        let all: Vec<usize> = if extra.is_empty() { (0..asker.needs.len()).collect() } else { named.to_vec() };
        for number in all {
            let Some(need) = asker.needs.get_mut(number) else { continue };
            let answer = need.holds(facts, &extra);
            if certain {
                need.sure = need.sure.or(answer);
            }
            need.perhaps = need.perhaps.or(answer);
            if need.perhaps == Answer::No {
                continue;
            }
            let certain = need.sure == Answer::Yes;
            for target in index.get(&need.name).into_iter().flatten() {
                waiting.extend(need.extras.iter().map(|extra| (*target, extra.clone(), certain)));
            }
        }
    }
    // Where no package is marked as asked for by name, whatever installed them marks none.
    let marks = askers.iter().any(|asker| asker.by_name);
    askers
        .iter()
        .zip(&by_extra)
        .enumerate()
        .map(|(own, (asker, by_extra))| {
            let mut found = Found::default();
            for need in &asker.needs {
                let targets = index.get(&need.name).map(Vec::as_slice).unwrap_or_default();
                // What asks for its own extras needs nobody else by that.
                let others = targets.iter().copied().filter(|target| *target != own);
                if need.sure == Answer::Yes {
                    found.needs.extend(others);
                    found.missing |= targets.is_empty();
                } else if need.perhaps != Answer::No && !targets.contains(&own) {
                    found.perhaps.extend(others);
                    found.unjudged = true;
                }
            }
            if asker.by_name || !marks {
                let asked = |extra: &&String| !seen.contains(&(own, (*extra).clone(), true));
                let open = asker.offers.iter().filter(asked);
                found.open_extras =
                    open.filter(|extra| is_open(extra, own, asker, by_extra, index, facts)).cloned().collect();
            }
            found
        })
        .collect()
}

/// Whether an extra would bring what is not needed anyway, and all of it is there.
fn is_open(
    extra: &str,
    own: usize,
    asker: &Asker,
    by_extra: &BTreeMap<String, Vec<usize>>,
    index: &BTreeMap<String, Vec<usize>>,
    facts: &Facts,
) -> bool {
    let mut more = false;
    for number in by_extra.get(extra).into_iter().flatten() {
        let Some(need) = asker.needs.get(*number) else { continue };
        if need.sure == Answer::Yes || need.holds(facts, extra) == Answer::No {
            continue;
        }
        match index.get(&need.name) {
            // An extra that stands for others of the same package is open where one of those is.
            Some(targets) if targets.contains(&own) => {}
            Some(_) => more = true,
            None => return false,
        }
    }
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(all: &[(&str, &[&str])], by_name: &[&str], facts: &Facts) -> Vec<Found> {
        let mut askers: Vec<Asker> = all
            .iter()
            .map(|(name, needs)| Asker::of(needs.iter().copied(), [].into_iter(), by_name.contains(name)))
            .collect();
        let index = all.iter().enumerate().map(|(place, (name, _))| ((*name).to_owned(), vec![place])).collect();
        find(&mut askers, &index, facts)
    }

    fn needs(found: &[Found]) -> Vec<Vec<usize>> {
        found.iter().map(|found| found.needs.iter().copied().collect()).collect()
    }

    #[test]
    fn what_an_extra_needs_is_needed_where_somebody_asks_for_it_through_any_chain() {
        let all: &[(&str, &[&str])] = &[
            ("app", &["cache[all] (>=1)"]),
            (
                "cache",
                &["msgpack", "cache[file, web]; extra == 'all'", "lock; extra=='file'", "net[tls]; extra == 'web'"],
            ),
            ("msgpack", &["lock; extra == 'file'"]),
            ("lock", &[]),
            ("net", &["certs; extra == 'tls'", "gone; extra == 'other'"]),
            ("certs", &[]),
        ];
        let found = found(all, &["app"], &Facts::default());
        assert_eq!(needs(&found), [vec![1], vec![2, 3, 4], vec![], vec![], vec![5], vec![]]);
        assert!(found.iter().all(|found| !found.missing && !found.unjudged && found.open_extras.is_empty()));
    }

    #[test]
    fn what_cannot_be_judged_is_neither_there_nor_complete() {
        let all: &[(&str, &[&str])] = &[
            ("app", &["old; python_version < '3.8'", "cache[file]; python_version < '3.8'", "lost"]),
            ("old", &[]),
            ("cache", &["lock; extra == 'file'"]),
            ("lock", &[]),
        ];
        let unknown = found(all, &["app"], &Facts::default());
        assert_eq!(needs(&unknown), [vec![], vec![], vec![], Vec::<usize>::new()]);
        assert_eq!(unknown.iter().map(|found| found.unjudged).collect::<Vec<_>>(), [true, false, true, false]);
        assert_eq!(unknown.iter().map(|found| found.missing).collect::<Vec<_>>(), [true, false, false, false]);
        let of = |minor: &str| Facts { minor: Some(minor.to_owned()), ..Facts::default() };
        let older = found(all, &["app"], &of("3.7"));
        assert_eq!(needs(&older), [vec![1, 2], vec![], vec![3], vec![]]);
        let newer = found(all, &["app"], &of("3.11"));
        assert!(needs(&newer).iter().all(Vec::is_empty) && newer.iter().all(|found| !found.unjudged));
    }

    #[test]
    fn an_extra_that_a_person_may_have_asked_for_is_open() {
        let all: &[(&str, &[&str])] = &[
            ("requests", &["socks; extra == 'socks'", "gone; extra == 'other'"]),
            ("socks", &[]),
            ("b", &["requests"]),
        ];
        let open = |by_name: &[&str]| found(all, by_name, &Facts::default()).swap_remove(0).open_extras;
        assert_eq!(open(&["requests"]), BTreeSet::from(["socks".to_owned()]));
        assert_eq!(open(&[]), BTreeSet::from(["socks".to_owned()]), "nothing is marked");
        assert_eq!(open(&["b"]), BTreeSet::new(), "others brought it, and say with what");
    }
}
