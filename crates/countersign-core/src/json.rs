//! JSON, strictly: one reading of any bytes, and one spelling of any value (RFC 8785 without floats).
//!
//! Reading refuses duplicate keys, depth past the limit, and anything after the value. Canonical writing refuses
//! numbers that are not integers within ±2^53, since those have more than one spelling.

use crate::limits;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

/// Why bytes are not the JSON we accept, or a value cannot be written canonically.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// More bytes than the limit.
    #[error("{found} bytes, more than the {limit} that are read")]
    TooLarge {
        /// How many bytes there were.
        found: usize,
        /// How many are read at most.
        limit: usize,
    },
    /// More parts than the limit.
    #[error("more than {limit} {what} in one document")]
    TooMany {
        /// Parts of which kind.
        what: &'static str,
        /// How many are read at most.
        limit: usize,
    },
    /// Not JSON, a duplicate key, too deep, or not of the expected shape.
    #[error("line {line} column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser met.
        message: String,
    },
    /// A value of another shape than the type wants.
    #[error("{0}")]
    Shape(String),
    /// A field, or a word for one of several, that the type does not know: what a later version writes looks like this.
    #[error("{0}")]
    Unknown(String),
    /// A number with a fraction, an exponent, or beyond ±2^53.
    #[error("number {0} has no canonical form: only integers within 2^53 are signed")]
    Number(String),
    /// The bytes are JSON, but not in canonical form.
    #[error("not in canonical form (RFC 8785), first difference at byte {0}")]
    NotCanonical(usize),
}

/// Reads a document of at most [`limits::DOCUMENT_BYTES`]: no duplicate keys, no more than [`limits::JSON_DEPTH`] levels.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    parse_within(bytes, limits::DOCUMENT_BYTES)
}

/// As [`parse`], with another bound on the size.
pub fn parse_within(bytes: &[u8], limit: usize) -> Result<Value, JsonError> {
    read_by(Strict { depth: 0 }, bytes, limit)
}

fn read_by<'de, S: DeserializeSeed<'de>>(how: S, bytes: &'de [u8], limit: usize) -> Result<S::Value, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLarge { found: bytes.len(), limit });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = how.deserialize(&mut reader).map_err(|e| syntax(&e))?;
    reader.end().map_err(|e| syntax(&e))?;
    Ok(value)
}

/// How many objects and how many other values the first value in a text has, before any of it is read: in memory an object of ten
/// bytes takes many times that.
#[must_use]
pub fn parts(bytes: &[u8]) -> (usize, usize) {
    let (mut objects, mut values, mut depth) = (0_usize, 0_usize, 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in bytes {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' => (objects, depth) = (objects.saturating_add(1), depth.saturating_add(1)),
            b'[' => (values, depth) = (values.saturating_add(1), depth.saturating_add(1)),
            b',' => values = values.saturating_add(1),
            // No reader goes on behind the end of the first value.
            b'}' | b']' if depth == 1 => break,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (objects, values)
}

/// Refuses what has more parts than an attestation may have.
pub fn within_attestation(bytes: &[u8]) -> Result<(), JsonError> {
    let (objects, values) = parts(bytes);
    let bounds = [(objects, "objects", limits::ATTESTATION_OBJECTS), (values, "values", limits::ATTESTATION_VALUES)];
    match bounds.into_iter().find(|(count, _, limit)| count > limit) {
        Some((_, what, limit)) => Err(JsonError::TooMany { what, limit }),
        None => Ok(()),
    }
}

/// Reads a document strictly into a type.
pub fn parse_as<T: de::DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    from_value(parse(bytes)?)
}

/// A document that [`parse`] reads, of which no value was made. What it says, types read out of it.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'de>(&'de [u8]);

impl<'de> Checked<'de> {
    /// Refuses what [`parse`] refuses.
    pub fn of(bytes: &'de [u8]) -> Result<Self, JsonError> {
        let mut keys = Vec::new();
        read_by(Check { depth: 0, keys: &mut keys }, bytes, limits::DOCUMENT_BYTES).map(|()| Self(bytes))
    }

    /// As a type, which may borrow of it. It holds no enum with fields in a variant: `serde_json` takes those out of an array by
    /// their places where it reads bytes, and refuses them where it reads a value.
    pub fn read<T: de::Deserialize<'de>>(self) -> Result<T, JsonError> {
        serde_json::from_slice(self.0).map_err(|e| self.refused::<T>(&e))
    }

    /// Why it is not of that type. Of several reasons, which is met first hangs on the order in which fields stand: the one that
    /// is said is the one that [`from_value`] says, so that a document is refused in one way however it is read.
    fn refused<T: de::Deserialize<'de>>(self, met: &serde_json::Error) -> JsonError {
        let by_value = parse(self.0).and_then(from_value::<T>);
        // Whatever a value of it would be, it was refused.
        by_value.err().unwrap_or_else(|| JsonError::Shape(message(met)))
    }

    /// As a type whose fields have to stand by their names: of an array they would be taken by their places.
    pub fn read_object<T: de::Deserialize<'de>>(self) -> Result<T, JsonError> {
        if self.0.trim_ascii_start().starts_with(b"{") {
            return self.read();
        }
        Err(JsonError::Shape("not an object".to_owned()))
    }
}

/// A strictly read value as a type.
pub fn from_value<'de, T: de::Deserialize<'de>>(value: Value) -> Result<T, JsonError> {
    T::deserialize(value).map_err(|e| shape(&e))
}

/// The same of a value that stays.
pub fn from_ref<T: de::DeserializeOwned>(value: &Value) -> Result<T, JsonError> {
    T::deserialize(value).map_err(|e| shape(&e))
}

/// Any of our types as a value.
pub fn to_value<T: serde::Serialize + ?Sized>(value: &T) -> Result<Value, JsonError> {
    serde_json::to_value(value).map_err(|e| JsonError::Shape(e.to_string()))
}

/// A value that is written as text, out of that text, of which no copy is made.
pub fn text<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    d: D,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    d.deserialize_str(Text(read))
}

/// The canonical bytes of a value (RFC 8785): what is hashed and signed.
pub fn canonical<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    canonical_value(&to_value(value)?)
}

/// The same of what is a value already, without a copy of it.
pub fn canonical_value(value: &Value) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(out)
}

/// Reads bytes that must already be canonical, into a type.
pub fn parse_canonical<T: de::DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let value = parse(bytes)?;
    let again = canonical(&value)?;
    if again != bytes {
        let at = again.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        return Err(JsonError::NotCanonical(at));
    }
    from_value(value)
}

/// Whether any field, however deep, is null.
#[must_use]
pub fn holds_null(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|value| value.is_null() || holds_null(value)),
        Value::Array(values) => values.iter().any(holds_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Takes out every field that is null: some formats write so what they leave out.
pub fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// For people: two spaces, keys sorted, a newline at the end. Never signed.
pub fn pretty<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, JsonError> {
    let mut text = serde_json::to_string_pretty(&to_value(value)?).map_err(|e| JsonError::Shape(e.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), JsonError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(n) => out.extend_from_slice(integer(n)?.to_string().as_bytes()),
        Value::String(s) => write_string(s, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut keys: Vec<(&String, &Value)> = map.iter().collect();
            keys.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (i, (key, item)) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_string(key, out)?;
                out.push(b':');
                write(item, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// `serde_json` escapes exactly what RFC 8785 asks for: `"`, `\`, and control characters, short forms where they exist.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    serde_json::to_writer(&mut *out, text).map_err(|e| JsonError::Shape(e.to_string()))
}

fn integer(n: &Number) -> Result<i64, JsonError> {
    const LARGEST: u64 = 1 << 53;
    n.as_i64().filter(|i| i.unsigned_abs() <= LARGEST).ok_or_else(|| JsonError::Number(n.to_string()))
}

/// serde has no kinds of error, and says these two in words of its own, which no value can begin.
fn shape(e: &serde_json::Error) -> JsonError {
    let text = e.to_string();
    let unknown = ["unknown field `", "unknown variant `"].iter().any(|words| text.starts_with(words));
    if unknown { JsonError::Unknown(text) } else { JsonError::Shape(text) }
}

fn syntax(e: &serde_json::Error) -> JsonError {
    JsonError::Syntax { line: e.line(), column: e.column(), message: message(e) }
}

/// What is wrong, without the place.
fn message(e: &serde_json::Error) -> String {
    let text = e.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// The next level of depth, if it may be that deep.
fn deeper<E: de::Error>(depth: usize) -> Result<usize, E> {
    if depth >= limits::JSON_DEPTH {
        return Err(E::custom(format_args!("nested deeper than {} levels", limits::JSON_DEPTH)));
    }
    Ok(depth.saturating_add(1))
}

fn twice<E: de::Error>(key: &str) -> E {
    E::custom(format_args!("duplicate key {key:?}"))
}

/// A type whose fields have to stand by their names, wherever it stands: of an array they would be taken by their places.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct Named<T>(pub(crate) T);

impl<'de, T: de::Deserialize<'de>> de::Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(ByName(PhantomData)).map(Self)
    }
}

/// A list of such.
pub(crate) fn each_by_name<'de, D: Deserializer<'de>, T: de::Deserialize<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    let all = <Vec<Named<T>> as de::Deserialize<'de>>::deserialize(d)?;
    Ok(all.into_iter().map(|Named(one)| one).collect())
}

/// See [`Named`].
struct ByName<T>(PhantomData<T>);

impl<'de, T: de::Deserialize<'de>> Visitor<'de> for ByName<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// See [`text`].
struct Text<F>(F);

impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Text<F> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<X: de::Error>(self, text: &str) -> Result<T, X> {
        (self.0)(text).map_err(X::custom)
    }
}

/// A key as it stands in the document, or unescaped where it is not what it stands for.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Refuses what [`Strict`] refuses, and builds nothing.
struct Check<'k, 'de> {
    depth: usize,
    /// The keys so far of the objects that are open, of the innermost last: one list for all of them.
    keys: &'k mut Vec<Cow<'de, str>>,
}

impl<'de> Check<'_, 'de> {
    fn inner<E: de::Error>(&mut self) -> Result<Check<'_, 'de>, E> {
        Ok(Check { depth: deeper(self.depth)?, keys: self.keys })
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<(), E> {
        if v.is_finite() { Ok(()) } else { Err(E::custom("not a finite number")) }
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.inner()?)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
        let before = self.keys.len();
        // An object of many keys has a set of its own: a list would be gone through for each.
        let mut many: BTreeSet<Cow<'de, str>> = BTreeSet::new();
        while let Some(Key(key)) = access.next_key()? {
            let own = self.keys.get(before..).unwrap_or_default();
            if own.contains(&key) || many.contains(&key) {
                return Err(twice(&key));
            }
            if own.len() < FEW_KEYS {
                self.keys.push(key);
            } else {
                many.insert(key);
            }
            access.next_value_seed(self.inner()?)?;
        }
        self.keys.truncate(before);
        Ok(())
    }
}

/// An object of no more keys has them in a list.
const FEW_KEYS: usize = 12;

/// Builds a [`Value`] and refuses what `serde_json` would silently resolve: a key given twice.
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self { depth: deeper(self.depth)? })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(twice(&key));
            }
            let value = access.next_value_seed(Self { depth: deeper(self.depth)? })?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
pub(crate) mod in_place;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_duplicate_key_is_refused_with_its_place() {
        let error = parse(b"{\"a\":1,\n\"a\":2}").unwrap_err();
        assert_eq!(error.to_string(), "line 2 column 3: duplicate key \"a\"");
    }

    #[test]
    fn a_key_given_twice_is_found_among_few_and_among_many_and_one_level_says_nothing_of_another() {
        for count in [1, FEW_KEYS - 1, FEW_KEYS, FEW_KEYS + 1, 3 * FEW_KEYS] {
            let fields = |inner: &str| (0..count).map(|n| format!("\"k{n}\":{inner}")).collect::<Vec<_>>().join(",");
            let inner = format!("{{{}}}", fields("[{}]"));
            let whole = format!("{{{}}}", fields(&inner));
            assert!(Checked::of(whole.as_bytes()).is_ok(), "{count}");
            for again in [0, count - 1] {
                let twice = format!("{{\"a\":{whole},\"b\":{{{},\"\\u006b{again}\":1}}}}", fields("1"));
                let error = Checked::of(twice.as_bytes()).unwrap_err().to_string();
                assert!(error.contains(&format!("duplicate key \"k{again}\"")), "{error}");
                assert_eq!(Some(error), parse(twice.as_bytes()).err().map(|error| error.to_string()));
            }
        }
    }

    #[test]
    fn trailing_bytes_and_deep_nesting_are_refused() {
        assert!(parse(b"{} {}").is_err());
        assert!(parse("[".repeat(100).as_bytes()).is_err());
        let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
        assert!(parse(deep.as_bytes()).unwrap_err().to_string().contains("deeper"));
    }

    #[test]
    fn the_parts_of_the_first_value_are_counted_and_none_in_a_text_or_behind_it() {
        assert_eq!(parts(br#" {"a": [{"b": "{[,\"{"}, {}], "c": 1}"#), (3, 3));
        assert_eq!(parts(b"{}\n{\"a\": [1, 2]}"), (1, 0));
        assert_eq!(parts(b"7, [{"), (1, 2));
        assert_eq!(parts(b""), (0, 0));
    }

    #[test]
    fn what_has_too_many_parts_for_an_attestation_is_refused_before_it_is_read() {
        let list = |one: &str, count: usize| format!("[{}]", vec![one; count].join(","));
        let check = |text: String| within_attestation(text.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(check(list("{}", limits::ATTESTATION_OBJECTS)), Ok(()));
        let refused = check(list("{}", limits::ATTESTATION_OBJECTS + 1));
        assert_eq!(refused, Err("more than 250000 objects in one document".to_owned()));
        assert_eq!(check(list("1", limits::ATTESTATION_VALUES)), Ok(()));
        let refused = check(list("1", limits::ATTESTATION_VALUES + 1));
        assert_eq!(refused, Err("more than 1000000 values in one document".to_owned()));
    }

    #[test]
    fn canonical_form_sorts_by_utf_16_and_refuses_floats() {
        let value = parse("{\"\u{fb33}\":1,\"\u{1f600}\":2,\"a\":\"\\u000f\\n\"}".as_bytes()).unwrap();
        let text = String::from_utf8(canonical(&value).unwrap()).unwrap();
        assert_eq!(text, "{\"a\":\"\\u000f\\n\",\"\u{1f600}\":2,\"\u{fb33}\":1}");
        assert!(canonical(&parse(b"1.5").unwrap()).is_err());
        assert!(canonical(&parse(b"9007199254740993").unwrap()).is_err());
    }

    #[test]
    fn bytes_that_are_not_canonical_are_named() {
        assert_eq!(parse_canonical::<Value>(b"{\"a\": 1}"), Err(JsonError::NotCanonical(5)));
    }

    #[test]
    fn a_field_that_is_not_known_is_told_from_one_that_is_wrong() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Small {
            #[serde(rename = "a")]
            _a: u8,
        }
        let read = |text: &[u8]| parse_as::<Small>(text).unwrap_err();
        assert!(matches!(read(br#"{"a":1,"b":2}"#), JsonError::Unknown(_)));
        assert!(matches!(read(br#"{"a":"unknown field `b`"}"#), JsonError::Shape(_)));
        assert!(matches!(read(b"{}"), JsonError::Shape(_)));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1_i64 << 53)..(1 << 53)).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_canonically_reads_back_the_same(value in any_json()) {
            let bytes = canonical(&value).unwrap();
            prop_assert_eq!(&parse_canonical::<Value>(&bytes).unwrap(), &value);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse(&bytes).is_ok() || parse(&bytes).is_err());
        }
    }
}
