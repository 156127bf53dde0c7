//! Reading in place is held against reading by a value: documents bent in every way that comes to mind are accepted by both or
//! refused by both, in the same words.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a tool of tests: what it gets wrong fails them"
)]

use super::{Checked, JsonError, from_value, parse};
use crate::digest::Sha256;
use crate::finding::{Code, Verdict};
use crate::ids::EnvName;
use crate::time::Time;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// JSON as it is spelled: fields in any order and as often as one likes.
#[derive(Debug, Clone)]
enum Node {
    Raw(String),
    List(Vec<Self>),
    Fields(Vec<(String, Self)>),
}

impl Node {
    fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(fields) => Self::Fields(
                fields.iter().map(|(key, item)| (Value::from(key.as_str()).to_string(), Self::of(item))).collect(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Self::Raw(value.to_string()),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Raw(_) => 1,
            Self::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Self::Fields(fields) => 1 + fields.iter().map(|(_, item)| item.count()).sum::<usize>(),
        }
    }

    /// Bends the node that has this number, and says whether there was one: else how many are left to count.
    fn bend_at(&mut self, number: usize, how: u8, what: usize) -> Result<(), usize> {
        let Some(mut left) = number.checked_sub(1) else {
            bend(self, how, what);
            return Ok(());
        };
        let inner: Vec<&mut Self> = match self {
            Self::Raw(_) => Vec::new(),
            Self::List(items) => items.iter_mut().collect(),
            Self::Fields(fields) => fields.iter_mut().map(|(_, item)| item).collect(),
        };
        for one in inner {
            left = match one.bend_at(left, how, what) {
                Ok(()) => return Ok(()),
                Err(left) => left,
            };
        }
        Err(left)
    }

    fn text(&self) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::List(items) => format!("[{}]", items.iter().map(Self::text).collect::<Vec<_>>().join(",")),
            Self::Fields(fields) => {
                let all: Vec<String> = fields.iter().map(|(key, item)| format!("{key}:{}", item.text())).collect();
                format!("{{{}}}", all.join(","))
            }
        }
    }
}

/// Values that stand where another is wanted: words, numbers in every spelling, halves of characters, nothing.
const STRANGERS: [&str; 34] = [
    "null",
    "true",
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "1.5",
    "1e2",
    "1E-2",
    "256",
    "65536",
    "4294967296",
    "9007199254740993",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1e999",
    "01",
    "+1",
    "NaN",
    "\"\"",
    "\"1\"",
    "\"PASS\"",
    "\"pass\"",
    "\"later-word\"",
    "\"\\ud83d\"",
    "\"\\ud83d\\ude00\"",
    "\"\\q\"",
    "\"\n\"",
    "[]",
    "{}",
    "{\"PASS\":null}",
    "{\"$serde_json::private::RawValue\":\"1\"}",
];

/// What bends a document: how, where, and with what.
pub(crate) type Bend = (u8, usize, usize);

pub(crate) fn bends() -> impl Strategy<Value = (Vec<Bend>, usize)> {
    (prop::collection::vec((0..11_u8, any::<usize>(), any::<usize>()), 0..4), 0..12_usize)
}

/// The bytes of a document that was bent, and what stands behind its end.
pub(crate) fn bent(document: &Value, (bends, end): &(Vec<Bend>, usize)) -> Vec<u8> {
    let mut whole = Node::of(document);
    for (how, place, what) in bends {
        let number = place % whole.count();
        whole.bend_at(number, *how, *what).expect("a node of that number");
    }
    let mut bytes = whole.text().into_bytes();
    match *end {
        0 => bytes.push(b' '),
        1 => bytes.extend_from_slice(b"{}"),
        2 => bytes.push(0),
        3 => bytes.push(b'x'),
        4 => drop(bytes.pop()),
        5 => bytes.insert(0, b'\n'),
        _ => {}
    }
    bytes
}

fn bend(node: &mut Node, how: u8, what: usize) {
    let stranger = Node::Raw(STRANGERS[what % STRANGERS.len()].to_owned());
    match (how, &mut *node) {
        (0..=1, _) => *node = stranger,
        (2, _) => {
            let levels = what % 70;
            *node = Node::Raw(format!("{}{}{}", "[".repeat(levels), node.text(), "]".repeat(levels)));
        }
        (3, Node::Raw(text)) => *text = spelled(text),
        (_, Node::Raw(_)) => {}
        (_, Node::List(items)) if items.is_empty() => {}
        (_, Node::List(items)) => {
            let place = what % items.len();
            match how {
                3..=5 => items.push(items[place].clone()),
                6..=7 => drop(items.remove(place)),
                _ => items.push(stranger),
            }
        }
        (3, Node::Fields(fields)) => fields.push(("\"later\"".to_owned(), stranger)),
        (_, Node::Fields(fields)) if fields.is_empty() => {}
        (_, Node::Fields(fields)) => {
            let place = what % fields.len();
            match how {
                4 => fields.push(fields[place].clone()),
                5 => {
                    let (key, item) = fields[place].clone();
                    fields.push((spelled(&key), item));
                }
                6 => drop(fields.remove(place)),
                7 => fields[place].0 = spelled(&fields[place].0),
                8 => fields.rotate_left(place),
                9 => fields[place].1 = stranger,
                _ => *node = Node::List(fields.iter().map(|(_, item)| item.clone()).collect()),
            }
        }
    }
}

/// The same text with its first character as an escape.
fn spelled(text: &str) -> String {
    match text.strip_prefix('"').and_then(|inner| inner.chars().next().map(|first| (first, inner))) {
        Some((first, inner)) if first.is_ascii_alphanumeric() => {
            format!("\"\\u{:04x}{}", u32::from(first), &inner[first.len_utf8()..])
        }
        _ => text.to_owned(),
    }
}

/// What these bytes are as a type, read both ways.
pub(crate) fn both_ways<'d, T: Deserialize<'d>>(bytes: &'d [u8]) -> [Result<T, JsonError>; 2] {
    [Checked::of(bytes).and_then(Checked::read), parse(bytes).and_then(from_value)]
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Closed {
    digest: Sha256,
    at: Time,
    name: EnvName,
    word: Verdict,
    count: u64,
    small: Option<u8>,
    below: i64,
    yes: bool,
    #[serde(default)]
    any: Value,
    of: BTreeMap<EnvName, Vec<Open>>,
    pair: (u8, String),
    choice: Choice,
    either: Either,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Open {
    code: Code,
    #[serde(default)]
    text: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Choice {
    Nothing,
    One(u8),
    Named(Named),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Named {
    a: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Either {
    Word(Verdict),
    Words(Vec<Verdict>),
}

fn sample() -> impl Strategy<Value = Value> {
    let choice = prop::sample::select(vec![json!("nothing"), json!({"one": 7}), json!({"named": {"a": "x"}})]);
    let either = prop::sample::select(vec![json!("PASS"), json!(["FAIL", "PASS"])]);
    (choice, either).prop_map(|(choice, either)| {
        json!({
            "digest": Sha256::of(b"x"), "at": "2026-11-25T00:00:00Z", "name": "production", "word": "FAIL", "count": 7,
            "small": 3, "below": -7, "yes": true, "any": {"b": [1, null, "\u{e9}"], "a": {"c": 1.5}},
            "of": {"production": [{"code": "signature-invalid", "text": "a\nb"}], "staging": []}, "pair": [1, "two"],
            "choice": choice, "either": either,
        })
    })
}

/// Text that is mostly JSON: cut, and none at all.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\u0061\"",
        "\"b\"",
        "1",
        "-0.5",
        "1e999",
        "null",
        "true",
        " ",
        "\n",
        "\\",
    ];
    let pieces = prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|all| all.concat().into_bytes());
    let deep = (60_usize..70).prop_map(|n| format!("{}{}", "[".repeat(n), "]".repeat(n)).into_bytes());
    let bytes = prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![pieces, deep, bytes, (sample(), bends()).prop_map(|(document, bends)| bent(&document, &bends))]
}

fn same<T: Debug + PartialEq + de::DeserializeOwned>(bytes: &[u8]) -> Result<(), TestCaseError> {
    let [in_place, by_value] = both_ways::<T>(bytes);
    prop_assert_eq!(in_place, by_value);
    Ok(())
}

#[test]
fn an_array_is_no_object_by_its_places() {
    let read = |text: &'static str| Checked::of(text.as_bytes()).unwrap().read_object::<Open>().map(|one| one.text);
    assert_eq!(read(" {\"code\":\"signature-invalid\",\"text\":\"x\"}"), Ok("x".to_owned()));
    assert_eq!(read("[\"signature-invalid\",\"x\"]"), Err(JsonError::Shape("not an object".to_owned())));
}

#[test]
fn of_several_reasons_the_same_is_said_however_fields_are_ordered() {
    let refused = |text: &'static str| Checked::of(text.as_bytes()).unwrap().read::<Closed>().unwrap_err();
    for text in ["{\"word\":\"LATER\",\"count\":\"x\"}", "{\"count\":\"x\",\"word\":\"LATER\"}"] {
        assert_eq!(refused(text), JsonError::Shape("invalid type: string \"x\", expected u64".to_owned()));
    }
    for text in ["{\"word\":\"LATER\",\"zeal\":1}", "{\"zeal\":1,\"word\":\"LATER\"}"] {
        assert!(matches!(refused(text), JsonError::Unknown(said) if said.contains("LATER")), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_checked_is_what_is_read_as_a_value(bytes in nearly_json()) {
        match (parse(&bytes), Checked::of(&bytes)) {
            (Ok(value), Ok(checked)) => prop_assert_eq!(checked.read::<Value>(), Ok(value)),
            (Err(one), Err(other)) => prop_assert_eq!(one, other),
            (one, other) => prop_assert!(false, "{:?} and {:?}", one, other.map(drop)),
        }
    }

    #[test]
    fn what_is_not_bent_is_read(document in sample()) {
        let bytes = bent(&document, &(Vec::new(), 9));
        let [in_place, by_value] = both_ways::<Closed>(&bytes);
        prop_assert!(in_place.is_ok() && in_place == by_value, "{:?}", in_place);
    }

    #[test]
    fn a_type_is_read_in_place_as_by_a_value(document in sample(), bends in bends()) {
        let bytes = bent(&document, &bends);
        same::<Closed>(&bytes)?;
        same::<Open>(&bytes)?;
        same::<BTreeMap<String, Value>>(&bytes)?;
    }
}
