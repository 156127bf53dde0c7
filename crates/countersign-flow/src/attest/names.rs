//! What registries call things: npm's package URLs, and the file names of Python distributions.

use countersign_core::statement::{Statement, Subject};

/// Name and version, as npm writes them into a subject: `pkg:npm/%40scope/name@1.0.0`.
#[must_use]
pub fn package(subject: &Subject) -> Option<(String, String)> {
    let named = subject.name.as_deref()?.strip_prefix("pkg:npm/")?;
    let (name, version) = named.rsplit_once('@')?;
    let name = name.replace("%40", "@").replace("%2F", "/").replace("%2f", "/");
    Some((name, version.to_owned()))
}

/// Whether it is an attestation of the Python index, which binds the file's name as well.
#[must_use]
pub fn is_of_python_index(statement: &Statement) -> bool {
    statement.predicate_type.as_str().starts_with("https://docs.pypi.org/attestations/")
}

/// Whether two file names are the same distribution: names and versions spelled alike, and a wheel's tags in any order.
#[must_use]
pub fn same_distribution(one: &str, other: &str) -> bool {
    one == other || (parts(one).is_some() && parts(one) == parts(other))
}

/// A distribution's file name in its parts.
fn parts(name: &str) -> Option<Vec<String>> {
    if let Some(wheel) = name.strip_suffix(".whl") {
        let mut pieces: Vec<&str> = wheel.split('-').collect();
        if !(5..=6).contains(&pieces.len()) {
            return None;
        }
        let tags = pieces.split_off(pieces.len().saturating_sub(3));
        let mut out = vec!["wheel".to_owned()];
        let known = |(place, piece): (usize, &&str)| if place == 1 { version(piece) } else { normal(piece) };
        out.extend(pieces.iter().enumerate().map(known));
        for tag in tags {
            let tag = tag.to_ascii_lowercase();
            let mut each: Vec<&str> = tag.split('.').collect();
            each.sort_unstable();
            out.push(each.join("."));
        }
        return Some(out);
    }
    let source = name.strip_suffix(".tar.gz").or_else(|| name.strip_suffix(".zip"))?;
    let (project, found) = source.rsplit_once('-')?;
    Some(vec!["source".to_owned(), normal(project), version(found)])
}

/// A version in the one spelling that PEP 440 has for all that are equal: without zeros at the end of the release, with the short words for
/// its phases. What is no such version is compared as it is written.
fn version(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    canonical(text.strip_prefix('v').unwrap_or(&text)).unwrap_or(text)
}

/// The phases of a version beside its release, each at most once and in this order: its short word, and all that mean it.
const PHASES: [(&str, &[&str]); 5] = [
    ("a", &["alpha", "a"]),
    ("b", &["beta", "b"]),
    ("rc", &["preview", "pre", "rc", "c"]),
    (".post", &["post", "rev", "r"]),
    (".dev", &["dev"]),
];

fn canonical(text: &str) -> Option<String> {
    let (public, local) = text.split_once('+').map_or((text, None), |(public, local)| (public, Some(local)));
    let (epoch, rest) = public.split_once('!').unwrap_or(("0", public));
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (release, mut rest) = rest.split_at_checked(end)?;
    // A dot before a word belongs to the word.
    let release = release.strip_suffix('.').unwrap_or(release);
    let mut numbers = release.split('.').map(number).collect::<Option<Vec<_>>>()?;
    while numbers.len() > 1 && numbers.last().is_some_and(|last| last == "0") {
        numbers.pop();
    }
    let mut out = format!("{}!{}", number(epoch)?, numbers.join("."));
    let mut before = false;
    for (short, words) in PHASES {
        let bare = rest.trim_start_matches(['.', '-', '_']);
        if rest.len().saturating_sub(bare.len()) > 1 {
            return None;
        }
        // A number alone after `-` is that of a post-release.
        let implicit = short == ".post" && rest.starts_with('-') && bare.starts_with(|c: char| c.is_ascii_digit());
        let named = words.iter().find_map(|word| bare.strip_prefix(word));
        // Of the three phases before a release there is one.
        if (before && matches!(short, "b" | "rc")) || (named.is_none() && !implicit) {
            continue;
        }
        before |= matches!(short, "a" | "b");
        let bare = named.unwrap_or(bare);
        let digits = bare.strip_prefix(['.', '-', '_']).unwrap_or(bare);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (found, after) = digits.split_at_checked(end)?;
        out.push_str(short);
        out.push_str(&if found.is_empty() { "0".to_owned() } else { number(found)? });
        rest = if found.is_empty() { bare } else { after };
    }
    if !rest.is_empty() {
        return None;
    }
    if let Some(local) = local {
        let each = local.split(['.', '-', '_']).map(|part| number(part).unwrap_or_else(|| part.to_owned()));
        out.push('+');
        out.push_str(&each.collect::<Vec<_>>().join("."));
    }
    Some(out)
}

/// A number without zeros before it.
fn number(text: &str) -> Option<String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let short = text.trim_start_matches('0');
    digits.then(|| if short.is_empty() { "0".to_owned() } else { short.to_owned() })
}

/// As the index compares names: letters in lower case, and runs of `-`, `_` and `.` as one.
fn normal(name: &str) -> String {
    let mut out = String::new();
    for letter in name.to_ascii_lowercase().chars() {
        let separator = matches!(letter, '-' | '_' | '.');
        if !separator {
            out.push(letter);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_is_the_same_with_its_tags_in_another_order_and_no_other() {
        let one = "spt3g-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
        let other = "spt3g-1.0-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl";
        assert!(same_distribution(one, other));
        assert!(!same_distribution(one, &other.replace("cp310-cp310", "cp311-cp311")));
        assert!(!same_distribution("rfc8785-0.1.2-py3-none-any.whl", "wrong_name-0.1.2-py3-none-any.whl"));
        assert!(same_distribution("My_Package-1.0.tar.gz", "my.package-1.0.tar.gz"));
        assert!(!same_distribution("a-1.0.tar.gz", "a-1.1.tar.gz"));
        assert!(!same_distribution("a", "b"));
    }

    #[test]
    fn versions_that_are_equal_are_one_however_they_are_spelled() {
        for (one, other) in [
            ("0.1.2.0", "0.1.2"),
            ("1.0", "1"),
            ("v1.0", "1.0"),
            ("1.0.alpha1", "1.0a1"),
            ("1.0-beta.2", "1.0b2"),
            ("1.0c1", "1.0rc01"),
            ("1.0rc", "1.0rc0"),
            ("1.0-1", "1.0.post1"),
            ("1.0.rev2", "1.0post2"),
            ("1.0_dev3", "1.0.dev3"),
            ("1.0a1.post2.dev3", "1.0.0alpha1-post2-dev3"),
            ("0!1.0", "1.0"),
            ("1.0+Local_1", "1.0+local.01"),
        ] {
            assert_eq!(version(one), version(other), "{one} {other}");
        }
        for (one, other) in [
            ("1.0", "1.0.1"),
            ("1.0", "10"),
            ("1.0", "1!1.0"),
            ("1.0", "1.0+local"),
            ("1.0a1", "1.0b1"),
            ("1.0a1", "1.0"),
            ("1.0.post1", "1.0.dev1"),
            ("1.0", "1.0.dev0"),
            ("1.0--1", "1.0-1"),
            ("1.0a1b1", "1.0a1"),
        ] {
            assert_ne!(version(one), version(other), "{one} {other}");
        }
        assert!(same_distribution("rfc8785-0.1.2.0-PY3-none-any.whl", "rfc8785-0.1.2-py3-none-any.whl"));
        assert!(!same_distribution("rfc8785-0.1.3-py3-none-any.whl", "rfc8785-0.1.2-py3-none-any.whl"));
    }
}
