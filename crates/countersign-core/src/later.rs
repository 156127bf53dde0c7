//! Names that end with a version, such as `https://countersign.dev/entry/v0.1`: whether one is of a later version than what is
//! known here. What a later version made is never passed over: it cannot be read, and so nothing passes that it bears on.

use crate::codes;
use crate::finding::Finding;

/// The version that reads here.
const HERE: &str = env!("CARGO_PKG_VERSION");

/// Whether `found` is the name `known` with a later version at its end.
#[must_use]
pub fn is_later(found: &str, known: &str) -> bool {
    match (split(found), split(known)) {
        (Some((name, found)), Some((same, known))) => name == same && found > known,
        _ => false,
    }
}

/// Whether `found` is the name `known` with an earlier version at its end.
#[must_use]
pub fn is_earlier(found: &str, known: &str) -> bool {
    is_later(known, found)
}

/// The name, and the two numbers of its version.
fn split(name: &str) -> Option<(&str, (u32, u32))> {
    let (name, version) = name.rsplit_once("/v")?;
    let (major, minor) = version.split_once('.')?;
    Some((name, (number(major)?, number(minor)?)))
}

/// A number in its one spelling.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// That a record cannot be read here since a later version made it. `known` is the form that is known here, `found` what is
/// not, and `by` the version that the record says made it, where it says so: nobody has to believe that.
#[must_use]
pub fn finding(what: &str, place: &str, known: &str, found: &str, by: Option<&str>) -> Finding {
    let short = |text: &str| text.chars().take(160).collect::<String>();
    let help = match by.filter(|by| *by != HERE) {
        Some(by) => format!("get countersign {}, which the record says made it, or a later one", short(by)),
        None => format!("get a later version than {HERE} from whoever wrote the record, and run this again with it"),
    };
    Finding::new(
        codes::RECORD_LATER,
        format!("a later version of countersign made this {what}, and this one cannot read it"),
    )
    .at(place)
    .expected(known, format!("countersign {HERE}"))
    .found(short(found))
    .help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers_and_only_under_the_same_name() {
        let known = "https://countersign.dev/entry/v0.9";
        for later in ["https://countersign.dev/entry/v0.10", "https://countersign.dev/entry/v1.0"] {
            assert!(is_later(later, known) && !is_earlier(later, known), "{later}");
        }
        assert!(is_earlier("https://countersign.dev/entry/v0.8", known));
        let neither = [
            known,
            "https://countersign.dev/entry/v0.09",
            "https://countersign.dev/entry/v0.010",
            "https://countersign.dev/entry/v0.10.1",
            "https://countersign.dev/entry/v+1.0",
            "https://countersign.dev/entry/v",
            "https://example.com/entry/v0.10",
            "",
        ];
        for other in neither {
            assert!(!is_later(other, known) && !is_earlier(other, known), "{other}");
        }
    }
}
