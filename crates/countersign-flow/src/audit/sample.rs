//! A sample that anybody can draw again: strata by service, environment and class of change, and within each the order that
//! SHA-256 over seed and log gives. No random numbers, and nothing but a hash program is needed to check it.

use super::facts::{Facts, Known, change_class, service_of};
use super::table::Table;
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use serde::Serialize;
use std::collections::BTreeMap;

/// How it is drawn, so that anybody may do it again.
pub(super) const METHOD: &str = "the population is the list `deployments`; its rows fall into strata by service, environment and class of change. \
Each stratum gives one row as long as n is no less than the number of strata. The places that are left are shared by the rows that are left: \
a stratum gets the places times its rows by all of these rows (call them N), rounded down. The remainders of these divisions, in the order of the \
strata's names, are laid end to end, and each point T, T+N, T+2N and so on that falls into one gives its stratum one row more; T is what the first 16 digits \
of SHA-256 over the text `SEED LF ROOT LF strata`, as a hexadecimal number, leave when divided by N. So no stratum is left out by its size or \
its name, and who does not know the seed cannot tell which is. Within a stratum rows are ordered by SHA-256 over the text \
`SEED LF ROOT LF ENTRY`: the seed as given, the log's root as `sha256:` with 64 digits, the entry's index in decimal, LF a line feed; \
the first ones are taken";

/// One stratum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stratum {
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// The class of change.
    pub class: String,
    /// How many rows it has.
    pub rows: u64,
    /// How many were drawn.
    pub drawn: u64,
}

/// A sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sample {
    /// How it was drawn.
    pub method: &'static str,
    /// The seed.
    pub seed: String,
    /// How many were asked for.
    pub n: u64,
    /// The log whose root orders the rows.
    pub log: LogRef,
    /// How many rows the population has.
    pub population: u64,
    /// The strata.
    pub strata: Vec<Stratum>,
    /// The rows that were drawn, in the order of the log.
    pub table: Table,
}

impl Sample {
    /// That strata are without a row, if any are: a reader of the rows alone would not see it.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let all = self.strata.len();
        let without = self.strata.iter().filter(|one| one.drawn == 0).count();
        (without > 0).then(|| {
            format!("{without} of {all} strata have no row in this sample: --n {all} or more takes one of each")
        })
    }
}

type Key = (String, String, String);

/// Draws one.
pub(super) fn draw(facts: &Facts<'_>, n: usize, seed: &str) -> Sample {
    let log = facts.log();
    let mut strata: BTreeMap<Key, Vec<(Sha256, &Known)>> = BTreeMap::new();
    for promoted in facts.deployments() {
        let decision = &promoted.content;
        let key = (service_of(decision), decision.request.environment.to_string(), change_class(decision).to_owned());
        let order = Sha256::of(format!("{seed}\n{}\n{}", log.root, promoted.entry).as_bytes());
        strata.entry(key).or_default().push((order, promoted));
    }
    let sizes: Vec<usize> = strata.values().map(Vec::len).collect();
    let turn = Sha256::of(format!("{seed}\n{}\nstrata", log.root).as_bytes());
    let turn = turn.hex().get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default();
    let shares = shares(&sizes, n, turn);
    let (mut rows, mut out) = (Vec::new(), Vec::new());
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    for ((key, mut stratum), share) in strata.into_iter().zip(shares) {
        stratum.sort_by_key(|one| (one.0, one.1.entry));
        let drawn = share.min(stratum.len());
        out.push(Stratum {
            service: key.0,
            environment: key.1,
            class: key.2,
            rows: number(stratum.len()),
            drawn: number(drawn),
        });
        rows.extend(stratum.into_iter().take(drawn).map(|(_, promoted)| promoted));
    }
    rows.sort_by_key(|promoted| promoted.entry);
    let mut table = Table::new(&["time", "service", "environment", "class", "artifact", "digest", "revision"]);
    for promoted in rows {
        let decision = &promoted.content;
        let cells = vec![
            decision.request.time.to_string(),
            service_of(decision),
            decision.request.environment.to_string(),
            change_class(decision).to_owned(),
            decision.request.subject_name.to_string(),
            decision.request.subject.to_string(),
            decision.source.as_ref().map_or_else(String::new, |source| source.revision.to_string()),
        ];
        table.push(cells, facts.proof(promoted.entry));
    }
    let population = sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
    Sample {
        method: METHOD,
        seed: seed.to_owned(),
        n: number(n),
        log,
        population: number(population),
        strata: out,
        table,
    }
}

/// How many each stratum gives, in the order of the strata: each row has the same chance, but for the one that every stratum
/// gives where there are places for all.
fn shares(sizes: &[usize], n: usize, turn: u64) -> Vec<usize> {
    let wide = |n: usize| u128::try_from(n).unwrap_or(u128::MAX);
    let all = sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
    let n = n.min(all);
    let first = usize::from(n >= sizes.len());
    let places = wide(n.saturating_sub(first.saturating_mul(sizes.len())));
    let rows = wide(all.saturating_sub(first.saturating_mul(sizes.len())));
    let turn = u128::from(turn).checked_rem(rows).unwrap_or_default();
    // How many of the points lie before this place on the line of remainders.
    let points = |place: u128| {
        let ahead = place.saturating_add(rows).saturating_sub(1).saturating_sub(turn);
        ahead.checked_div(rows).unwrap_or_default()
    };
    let mut line = 0_u128;
    let share = |size: &usize| {
        let product = places.saturating_mul(wide(size.saturating_sub(first)));
        let (whole, rest) =
            (product.checked_div(rows).unwrap_or_default(), product.checked_rem(rows).unwrap_or_default());
        let before = points(line);
        line = line.saturating_add(rest);
        let share = whole.saturating_add(points(line).saturating_sub(before));
        first.saturating_add(usize::try_from(share).unwrap_or(usize::MAX))
    };
    sizes.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_share_by_size_and_none_is_left_out_where_there_is_room() {
        assert_eq!(shares(&[100], 25, 7), [25]);
        assert_eq!(shares(&[90, 10], 10, 7), [9, 1]);
        assert_eq!(shares(&[3, 2], 100, 7), [3, 2]);
        assert_eq!(shares(&[], 5, 7), [0; 0]);
        assert_eq!(shares(&[10, 10], 0, 7), [0, 0]);
        assert_eq!(shares(&[1, 1, 1], 3, 7), [1, 1, 1]);
    }

    #[test]
    fn with_fewer_places_than_strata_every_row_has_the_same_chance() {
        // Every turn once: each of 150 rows is drawn by 2 of 150 turns.
        let mut drawn = [0_usize; 4];
        let sizes = [97, 50, 2, 1];
        for turn in 0..150 {
            for (sum, share) in drawn.iter_mut().zip(shares(&sizes, 2, turn)) {
                *sum += share;
            }
        }
        assert_eq!(drawn, [2 * 97, 2 * 50, 2 * 2, 2]);
    }

    #[test]
    fn as_many_are_drawn_as_were_asked_for_and_no_more_than_a_stratum_has() {
        for sizes in [vec![17, 1, 40, 2], vec![1; 9], vec![200, 1, 1, 1, 3], vec![5]] {
            for n in 0..250 {
                for turn in [0, 1, 2, 3, 17, 1000, u64::MAX] {
                    let shares = shares(&sizes, n, turn);
                    assert_eq!(shares.iter().sum::<usize>(), n.min(sizes.iter().sum()));
                    for (share, size) in shares.iter().zip(&sizes) {
                        assert!(share <= size);
                        assert!(*share > 0 || n < sizes.len());
                    }
                }
            }
        }
    }
}
