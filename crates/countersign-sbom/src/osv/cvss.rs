//! The base score of a CVSS vector of version 3, by the equations of its specification. Other versions have none here: the
//! vector is kept, and whoever reads it counts it as the worst.

const NAMES: [&str; 8] = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];

/// The score with one decimal, such as `9.8`.
#[must_use]
pub fn base_score(vector: &str) -> Option<String> {
    let mut parts = vector.trim().split('/');
    if !matches!(parts.next()?, "CVSS:3.0" | "CVSS:3.1") {
        return None;
    }
    let mut values: [Option<&str>; 8] = [None; 8];
    for part in parts {
        let (name, value) = part.split_once(':')?;
        if let Some(slot) = NAMES.iter().position(|known| *known == name).and_then(|place| values.get_mut(place)) {
            if slot.is_some() {
                return None;
            }
            *slot = Some(value);
        }
    }
    let [Some(av), Some(ac), Some(pr), Some(ui), Some(s), Some(c), Some(i), Some(a)] = values else { return None };
    let changed = match s {
        "U" => false,
        "C" => true,
        _ => return None,
    };
    let vector = pick(av, &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?;
    let complexity = pick(ac, &[("L", 0.77), ("H", 0.44)])?;
    let privileges = if changed {
        pick(pr, &[("N", 0.85), ("L", 0.68), ("H", 0.5)])
    } else {
        pick(pr, &[("N", 0.85), ("L", 0.62), ("H", 0.27)])
    }?;
    let interaction = pick(ui, &[("N", 0.85), ("R", 0.62)])?;
    let impact_of = |value: &str| pick(value, &[("H", 0.56), ("L", 0.22), ("N", 0.0)]);
    let base = 1.0 - (1.0 - impact_of(c)?) * (1.0 - impact_of(i)?) * (1.0 - impact_of(a)?);
    let impact = if changed { 7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15) } else { 6.42 * base };
    let exploitability = 8.22 * vector * complexity * privileges * interaction;
    if impact <= 0.0 {
        return Some("0.0".to_owned());
    }
    let sum = if changed { 1.08 * (impact + exploitability) } else { impact + exploitability };
    Some(format!("{:.1}", round_up(sum.min(10.0))))
}

fn pick(value: &str, choices: &[(&str, f64)]) -> Option<f64> {
    choices.iter().find(|(word, _)| *word == value).map(|(_, number)| *number)
}

/// To the next tenth, as the specification of 3.1 spells it out, so that no machine rounds otherwise.
fn round_up(score: f64) -> f64 {
    let scaled = (score * 100_000.0).round();
    if scaled % 10_000.0 == 0.0 { scaled / 100_000.0 } else { ((scaled / 10_000.0).floor() + 1.0) / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_specifications_examples() {
        for (vector, score) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "9.8"),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "6.1"),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", "3.1"),
            ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", "6.4"),
            ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "7.8"),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:P", "10.0"),
            ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "0.0"),
        ] {
            assert_eq!(base_score(vector).as_deref(), Some(score), "{vector}");
        }
    }

    #[test]
    fn a_vector_that_is_not_whole_has_no_score() {
        for vector in [
            "",
            "CVSS:3.1",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "9.8",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        ] {
            assert_eq!(base_score(vector), None, "{vector}");
        }
    }
}
