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
Each stratum gets n times its share of the rows, rounded down, and at least 1 as long as n is no less than the number of strata; what is left goes \
to the strata with the largest remainders, equal ones by name. Within a stratum rows are ordered by SHA-256 over the text \
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
    let shares = shares(&sizes, n);
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

/// How many each stratum gives, in the order of the strata.
fn shares(sizes: &[usize], n: usize) -> Vec<usize> {
    let all = sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
    let n = n.min(all);
    let least = usize::from(n >= sizes.len());
    let product = |size: usize| n.saturating_mul(size);
    let mut shares: Vec<usize> =
        sizes.iter().map(|size| product(*size).checked_div(all).unwrap_or_default().max(least)).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    let remainder = |i: usize| sizes.get(i).map_or(0, |size| product(*size).checked_rem(all).unwrap_or_default());
    order.sort_by(|a, b| remainder(*b).cmp(&remainder(*a)).then(a.cmp(b)));
    loop {
        let given = shares.iter().fold(0_usize, |sum, share| sum.saturating_add(*share));
        if given == n {
            return shares;
        }
        let mut moved = false;
        if given < n {
            let mut left = n.saturating_sub(given);
            for i in &order {
                if let (Some(share), Some(size)) = (shares.get_mut(*i), sizes.get(*i))
                    && left > 0
                    && *share < *size
                {
                    *share = share.saturating_add(1);
                    left = left.saturating_sub(1);
                    moved = true;
                }
            }
        } else {
            // The least of 1 for small strata is taken from the largest share.
            let largest = (0..shares.len()).max_by_key(|i| (shares.get(*i).copied(), usize::MAX.saturating_sub(*i)));
            if let Some(share) = largest.and_then(|i| shares.get_mut(i)).filter(|share| **share > least) {
                *share = share.saturating_sub(1);
                moved = true;
            }
        }
        if !moved {
            return shares;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_share_by_size_and_none_is_left_out_where_there_is_room() {
        assert_eq!(shares(&[100], 25), [25]);
        assert_eq!(shares(&[90, 10], 10), [9, 1]);
        assert_eq!(shares(&[990, 5, 5], 10), [8, 1, 1]);
        assert_eq!(shares(&[3, 2], 100), [3, 2]);
        assert_eq!(shares(&[50, 50, 50], 2), [1, 1, 0]);
        assert_eq!(shares(&[], 5), [0; 0]);
        assert_eq!(shares(&[10, 10], 0), [0, 0]);
        for n in 0..60 {
            let sum: usize = shares(&[17, 1, 40, 2], n).iter().sum();
            assert_eq!(sum, n);
        }
    }
}
