//! Two texts beside each other, shortly: the lines that differ.

/// Lines that are shown of one text.
const SHOWN: usize = 24;
/// Lines that are compared with each other; what is longer is shown as gone and new.
const COMPARED: usize = 400;

/// The lines that differ, `- ` for what is gone and `+ ` for what is new; what both have is left out.
pub(super) fn short(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let before = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (old.get(before..).unwrap_or_default(), new.get(before..).unwrap_or_default());
    let after = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let old = old.get(..old.len().saturating_sub(after)).unwrap_or_default();
    let new = new.get(..new.len().saturating_sub(after)).unwrap_or_default();
    let mut out = Vec::new();
    if old.len() > COMPARED || new.len() > COMPARED {
        out.extend(old.iter().map(|line| shown('-', line)));
        out.extend(new.iter().map(|line| shown('+', line)));
    } else {
        common(old, new, &mut out);
    }
    if out.len() > SHOWN {
        let more = out.len().saturating_sub(SHOWN);
        out.truncate(SHOWN);
        out.push(format!("… and {more} more line(s)"));
    }
    out
}

fn shown(sign: char, line: &str) -> String {
    let line: String = countersign_report::escape::plain(line).chars().take(160).collect();
    format!("{sign} {line}")
}

/// By the longest sequence of lines that both have.
fn common(old: &[&str], new: &[&str], out: &mut Vec<String>) {
    // `best[i][j]`: how many lines the rests from i and from j have in common.
    let mut best = vec![vec![0_usize; new.len().saturating_add(1)]; old.len().saturating_add(1)];
    let at = |best: &Vec<Vec<usize>>, i: usize, j: usize| {
        best.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default()
    };
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let (down, right) = (i.saturating_add(1), j.saturating_add(1));
            let longest = if a == b {
                at(&best, down, right).saturating_add(1)
            } else {
                at(&best, down, j).max(at(&best, i, right))
            };
            if let Some(cell) = best.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j) = (0_usize, 0_usize);
    while let (a, b) = (old.get(i), new.get(j))
        && (a.is_some() || b.is_some())
    {
        match (a, b) {
            (Some(a), Some(b)) if a == b => {
                i = i.saturating_add(1);
                j = j.saturating_add(1);
            }
            (Some(a), b) if b.is_none() || at(&best, i.saturating_add(1), j) >= at(&best, i, j.saturating_add(1)) => {
                out.push(shown('-', a));
                i = i.saturating_add(1);
            }
            (_, Some(b)) => {
                out.push(shown('+', b));
                j = j.saturating_add(1);
            }
            (_, None) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_in_its_order() {
        assert_eq!(short("a\nb\nc\nd\n", "a\nx\nc\nd\ne\n"), ["- b", "+ x", "+ e"]);
        assert_eq!(short("", "a\n"), ["+ a"]);
        assert_eq!(short("a\n", ""), ["- a"]);
        assert!(short("a\nb\n", "a\nb\n").is_empty());
    }

    #[test]
    fn a_long_text_is_cut_and_it_is_said() {
        let long: String = (0..1_000).map(|line| line.to_string()).collect::<Vec<_>>().join("\n");
        let said = short("", &long);
        assert_eq!(said.len(), SHOWN + 1);
        assert_eq!(said[SHOWN], "… and 976 more line(s)");
    }
}
