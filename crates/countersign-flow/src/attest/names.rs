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
        out.extend(pieces.iter().map(|piece| normal(piece)));
        for tag in tags {
            let mut each: Vec<&str> = tag.split('.').collect();
            each.sort_unstable();
            out.push(each.join("."));
        }
        return Some(out);
    }
    let source = name.strip_suffix(".tar.gz").or_else(|| name.strip_suffix(".zip"))?;
    let (project, version) = source.rsplit_once('-')?;
    Some(vec!["source".to_owned(), normal(project), version.to_ascii_lowercase()])
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
}
