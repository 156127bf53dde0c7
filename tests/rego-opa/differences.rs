//! What differs from OPA, by number. A number keeps its meaning; one that is gone is not used again.

use super::{Outcome, Snippet};

/// A difference.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    /// Its number.
    pub number: usize,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What is different, and what to write instead.
    pub text: &'static str,
}

const fn difference(number: usize, title: &'static str, text: &'static str) -> Difference {
    Difference { number, title, text }
}

/// All of them.
pub const ALL: &[Difference] = &[
    difference(
        1,
        "Every path is known",
        "A path that `input` does not have, a parameter that the heading does not name, and data that is not there are \
         errors, not undefined. What is not known is null; a list is never null. [policy-input.md](policy-input.md) lists \
         them. `input` and `data` as a whole are not read.",
    ),
    difference(2, "A rule reads no other rule", "What several share lies under `lib/`."),
    difference(
        3,
        "What a type checker would find",
        "OPA's compiler also refuses calls and searches that it can prove to be of the wrong type. Here that shows when \
         the rule is evaluated: a wrong type is an error then, and `some … in` text finds nothing.",
    ),
    difference(
        4,
        "Two values",
        "A definition that could have two values at once is refused before it is evaluated; OPA finds out when it does. \
         Make it a set with `contains`, or use `else`.",
    ),
    difference(
        5,
        "Definitions part by part",
        "`level.low := 1` is refused: write one object. So is the form `deny[x] if …`: `deny` is a set.",
    ),
    difference(6, "No default for a function", "`default f(_) := …` is refused: use `else`."),
    difference(
        7,
        "A key twice",
        "An object that is made by a comprehension, or by `name[key] := …`, takes the last value of a key that comes \
         twice. OPA has an error. Make a set of values for each key where keys may come twice.",
    ),
    difference(8, "No template text", "`$\"…\"` is not there: use `sprintf`."),
    difference(9, "`with` is for tests", "A rule sees the input as it is."),
    difference(
        10,
        "Order",
        "Only values of one type are compared by `<`; `1 < \"a\"` and `null < 5` are errors. `sort` puts sets before objects.",
    ),
    difference(
        11,
        "Numbers with a point",
        "They have 64 bits, as in most languages: `0.1 + 0.2` is not 0.3. Count in the smallest unit.",
    ),
    difference(
        12,
        "Big numbers",
        "Whole numbers are exact. A product with a factor of more than 64 bits is an error, as is a shift by more than 64.",
    ),
    difference(13, "`to_number` takes spaces", "`to_number(\" 1\")` is 1. In OPA it is an error."),
    difference(
        14,
        "Versions",
        "`semver` goes by Semantic Versioning: `v1.2.3` and `1.02.3` are none. What is no text is an error.",
    ),
    difference(
        15,
        "Upper and lower case",
        "Letters that become two, or that depend on their place, are changed as Unicode has it.",
    ),
    difference(
        16,
        "Text",
        "`count` of text counts a sign beyond the first plane of Unicode as two. `strings.count` also counts places that \
         overlap. `indexof` finds nothing at 0, and `strings.count` of nothing is an error.",
    ),
    difference(
        17,
        "`sprintf`",
        "Too many or too few arguments are an error. `%T` is not there, `%-5s` does not pad, `%o` writes `0O` in front, \
         `%e` and `%g` write fewer digits, and `%d` of text is empty. `%s`, `%d`, `%v` and `%x` are as in OPA.",
    ),
    difference(
        18,
        "Regular expressions go by Unicode",
        "`\\d`, `\\w`, `\\s` and `\\b` match letters and digits of all scripts, in OPA only ASCII ones. They are refused; \
         write the characters that you mean, or begin with `(?-u)`, which OPA does not know.",
    ),
    difference(
        19,
        "Regular expressions that surprise",
        "`regex.match` has to be anchored at both ends, and alternatives at both ends stand in brackets. `(?i)` at the \
         beginning is refused: it matches more than ASCII letters, in OPA as well.",
    ),
    difference(
        20,
        "The syntax of regular expressions",
        "`&&`, `--`, `~~` and `[` in a class are operations on sets, and refused. `\\Q…\\E` is not there.",
    ),
    difference(
        21,
        "Times in other forms",
        "`time.parse_rfc3339_ns` also takes a space or `t` between date and time, `z`, and a leap second.",
    ),
    difference(
        22,
        "`time.add_date` stays in the month",
        "31 December and two months is the last of February; in OPA it is the third of March.",
    ),
    difference(
        23,
        "Durations and layouts",
        "A duration has no days: `2d` is an error. The name of UTC in a layout is written `+00:00`.",
    ),
    difference(
        24,
        "The clock is the decision's",
        "`time.now_ns()` is the decision's time, which `input.time` says too. The zone `Local` is refused.",
    ),
    difference(
        25,
        "Bounds",
        "A rule that uses more than rules may use ends in an error. OPA ends by a clock, or not at all.",
    ),
    difference(26, "Functions", "A function that rules may not call is refused; the list and the reasons are below."),
];

/// The page's part that is made from this table: each difference, and a snippet that shows it.
#[must_use]
pub fn page(snippets: &[Snippet]) -> String {
    let mut out = String::from("| | | for example | here | in OPA |\n|---|---|---|---|---|\n");
    for difference in ALL {
        let shows = snippets.iter().find(|snippet| snippet.differs == Some(difference.number));
        let shows = shows.unwrap_or_else(|| panic!("no snippet shows difference {}", difference.number));
        let code = shows.body.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let opa = shows.opa.as_ref().map(word).unwrap_or_default();
        out.push_str(&format!(
            "| {} | **{}.** {} | {} | {} | {opa} |\n",
            difference.number,
            difference.title,
            difference.text.replace('|', "\\|"),
            quoted(&code),
            word(&shows.ours)
        ));
    }
    out
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Value(value) => quoted(&value.to_string()),
        Outcome::Refused(_) => "refused".to_owned(),
        Outcome::Error(_) => "an error".to_owned(),
        Outcome::Any => "a value".to_owned(),
    }
}

/// As code in a cell of a table.
fn quoted(text: &str) -> String {
    let text = text.replace('|', "\\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}
