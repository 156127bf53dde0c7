//! What a finding code or an exit code means: the words behind `countersign explain`, made from the registries.

use crate::next;
use crate::table::Table;
use countersign_core::codes::{self, Entry};
use countersign_core::exit::Exit;
use countersign_core::finding::{Class, Finding, exit_of, verdict_of};

/// A code explained; `None` if it is not registered.
#[must_use]
pub fn code(text: &str) -> Option<String> {
    let entry = codes::find(text)?;
    let finding = [Finding::new(entry.code, "")];
    let effect = match entry.class {
        Class::Note | Class::Excepted => "changes no verdict".to_owned(),
        Class::Refused | Class::Untrusted | Class::Indeterminate => {
            format!("verdict {}, exit code {}", verdict_of(&finding), exit_of(&finding).code())
        }
    };
    let next = next::general(text).map_or_else(String::new, |action| format!("\nwhat to do: {action}\n"));
    Some(format!("{}[{}]: {effect}\n\n{}\n{next}", entry.class.word(), entry.code, entry.meaning))
}

/// All codes, with their class and meaning.
#[must_use]
pub fn all_codes() -> String {
    let mut table = Table::with_heading(["code", "class", "meaning"]);
    for Entry { code, class, meaning } in codes::ALL {
        table.row([code.as_str(), class.word(), meaning]);
    }
    table.render()
}

/// Up to three registered codes that somebody may have meant, the nearest first.
#[must_use]
pub fn similar(text: &str) -> Vec<&'static str> {
    let text: String = text.chars().take(64).collect::<String>().to_ascii_lowercase().replace('_', "-");
    let mut near: Vec<(usize, &str)> = codes::ALL
        .iter()
        .map(|entry| (distance(&text, entry.code.as_str()), entry.code.as_str()))
        .filter(|(far, code)| *far <= code.len() / 3)
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, code)| code).collect()
}

/// The table of exit codes, and which one is reported where several apply.
#[must_use]
pub fn exit_codes() -> String {
    let mut table = Table::with_heading(["code", "meaning"]);
    for exit in Exit::ALL {
        table.row([exit.code().to_string().as_str(), exit.meaning()]);
    }
    let order: Vec<String> = by_precedence().into_iter().map(|exit| exit.code().to_string()).collect();
    let (first, rest) = order.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    format!(
        "{}\nwhere several apply, the first of these is reported: {first}, then {}\n",
        table.render(),
        rest.join(", ")
    )
}

fn by_precedence() -> Vec<Exit> {
    let mut order = Exit::ALL.to_vec();
    order.sort_by(|a, b| {
        if a == b {
            std::cmp::Ordering::Equal
        } else if a.worse(*b) == *a {
            std::cmp::Ordering::Less
        } else {
            std::cmp::Ordering::Greater
        }
    });
    order
}

/// How many characters must be put in, left out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = i;
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (to, above) in b.chars().zip(row.iter().skip(1)) {
            let changed = corner.saturating_add(usize::from(from != to));
            left = changed.min(left.saturating_add(1)).min(above.saturating_add(1));
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_explained_with_what_it_does_to_the_verdict() {
        insta::assert_snapshot!(code("review-missing").unwrap(), @r"
        refused[review-missing]: verdict FAIL, exit code 1

        A change does not have the agreement of enough trusted persons.

        what to do: ask a reviewer to run `countersign review sign`
        ");
        insta::assert_snapshot!(code("log-missing").unwrap(), @r"
        indeterminate[log-missing]: verdict INDETERMINATE, exit code 3

        There is no log at this place. A missing log is never a new one.

        what to do: name the store with --store; `countersign log init` makes a new log, and nothing else does
        ");
        insta::assert_snapshot!(code("author-unknown").unwrap(), @r"
        note[author-unknown]: changes no verdict

        An author of the change is not known by a signature or a server's event, so one approval more is needed.
        ");
        assert_eq!(code("no-such-code"), None);
    }

    #[test]
    fn every_registered_code_is_explained_and_listed() {
        let list = all_codes();
        assert_eq!(list.lines().count(), codes::ALL.len() + 1);
        for entry in codes::ALL {
            assert!(code(entry.code.as_str()).unwrap().contains(entry.meaning));
            assert!(list.lines().any(|line| line.split(' ').next() == Some(entry.code.as_str())));
        }
    }

    #[test]
    fn a_slip_of_the_pen_finds_the_code_that_was_meant() {
        assert_eq!(similar("review-mising").first(), Some(&"review-missing"));
        assert_eq!(similar("PIN_MISMATCH").first(), Some(&"pin-mismatch"));
        assert!(similar("hello").is_empty());
        assert!(similar(&"x".repeat(1_000_000)).is_empty());
    }

    #[test]
    fn the_exit_codes_are_the_published_table() {
        insta::assert_snapshot!(exit_codes(), @r"
        code  meaning
        0     allowed, or verified
        1     refused, or verified with findings
        2     usage
        3     indeterminate: cannot decide, evidence is missing
        4     untrusted: a signature, digest, proof or format did not hold
        5     input, output or network
        6     internal fault

        where several apply, the first of these is reported: 6, then 2, 5, 4, 1, 3, 0
        ");
    }
}
