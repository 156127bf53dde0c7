//! The form of snippets: many in a file, each begun by a line `# == NAME`, with lines `# KEY: VALUE` below it and then the
//! module's body.

use serde_json::{Map, Value};
use std::fmt;

/// One of them.
#[derive(Debug, Clone)]
pub struct Snippet {
    /// Its file and its name.
    pub name: String,
    /// What stands below the package.
    pub body: String,
    /// What is laid over an empty input.
    pub input: Value,
    /// `data`.
    pub data: Map<String, Value>,
    /// What our engine gives.
    pub ours: Outcome,
    /// What OPA gives, where it differs.
    pub opa: Option<Outcome>,
    /// The number of the difference.
    pub differs: Option<usize>,
}

/// What comes of a snippet.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// What `deny` contains.
    Value(Value),
    /// It is not evaluated; with words of the reason.
    Refused(String),
    /// Its evaluation ends in an error; with words of it.
    Error(String),
    /// Some value, which is another each time.
    Any,
}

impl Outcome {
    /// Whether what was found is what was expected: the value, or an end whose reason holds these words.
    #[must_use]
    pub fn is(&self, found: &Self) -> bool {
        match (self, found) {
            (Self::Value(expected), Self::Value(found)) => same(expected, found),
            (Self::Refused(words), Self::Refused(found)) | (Self::Error(words), Self::Error(found)) => {
                found.contains(words.as_str())
            }
            (Self::Any, Self::Value(_)) => true,
            (Self::Value(_) | Self::Refused(_) | Self::Error(_) | Self::Any, _) => false,
        }
    }

    /// Whether two engines agree: on the value, or on there being none.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(one), Self::Value(other)) => same(one, other),
            (Self::Refused(_) | Self::Error(_), Self::Refused(_) | Self::Error(_)) => true,
            (Self::Value(_) | Self::Refused(_) | Self::Error(_) | Self::Any, _) => false,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let words = |text: &str| serde_json::from_str::<String>(text.trim()).ok().filter(|words| !words.is_empty());
        if text == "any" {
            return Some(Self::Any);
        }
        if let Some(rest) = text.strip_prefix("refused ") {
            return words(rest).map(Self::Refused);
        }
        if let Some(rest) = text.strip_prefix("error ") {
            return words(rest).map(Self::Error);
        }
        serde_json::from_str(text).ok().filter(Value::is_array).map(Self::Value)
    }
}

/// `deny` is a set, so the order of its elements says nothing; that of lists inside does. 1 and 1.0 are one number.
fn same(one: &Value, other: &Value) -> bool {
    let sorted = |value: &Value| {
        let mut lines: Vec<String> = value.as_array().into_iter().flatten().map(plain).collect();
        lines.sort();
        lines
    };
    sorted(one) == sorted(other)
}

/// A value's text, with numbers that are whole written as such.
fn plain(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, field)| format!("{name:?}:{}", plain(field))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::String(_) => value.to_string(),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Refused(words) => write!(f, "refused {}", Value::from(words.as_str())),
            Self::Error(words) => write!(f, "error {}", Value::from(words.as_str())),
            Self::Any => f.write_str("any"),
        }
    }
}

/// Reads a file of snippets.
pub(super) fn read(file: &str, text: &str) -> Vec<Snippet> {
    let mut parts = text.split("\n# == ");
    let _what_the_file_is_about = parts.next();
    parts.map(|part| one(file, part)).collect()
}

fn one(file: &str, part: &str) -> Snippet {
    let (title, rest) = part.split_once('\n').expect("a body");
    let name = format!("{file}: {title}");
    let mut snippet = Snippet {
        name: name.clone(),
        body: String::new(),
        input: Value::Object(Map::new()),
        data: Map::new(),
        ours: Outcome::Any,
        opa: None,
        differs: None,
    };
    let mut lines = rest.lines().peekable();
    while let Some((key, value)) = lines.peek().and_then(|line| line.strip_prefix("# ")?.split_once(": ")) {
        let json = |value: &str| serde_json::from_str(value).unwrap_or_else(|error| panic!("{name}: {key}: {error}"));
        let outcome = |value: &str| Outcome::read(value).unwrap_or_else(|| panic!("{name}: {key}: {value}"));
        match key {
            "input" => snippet.input = json(value),
            "data" => snippet.data = json(value).as_object().cloned().expect("an object"),
            "ours" => snippet.ours = outcome(value),
            "opa" => snippet.opa = Some(outcome(value)),
            "differs" => snippet.differs = Some(value.parse().expect("a number")),
            other => panic!("{name}: there is no `{other}`"),
        }
        lines.next();
    }
    lines.collect::<Vec<_>>().join("\n").trim().clone_into(&mut snippet.body);
    snippet
}
