//! The input that rules read: every path with its kind and its meaning. The schema, the documentation, the check of
//! paths in rules and the check of inputs in cases are all made from this one table.

use serde_json::{Map, Value, json};

/// What stands at a path.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text, or null where it is not known.
    Text,
    /// A whole number, or null where it is not known.
    Number,
    /// A truth value, or null where it is not known.
    Truth,
    /// An object with these fields. Every field is always there.
    Object(&'static [Field]),
    /// A list, which may be empty, of this.
    List(&'static Self),
    /// An object with any names, each with this.
    Named(&'static Self),
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What stands there.
    pub shape: Shape,
    /// What it means.
    pub meaning: &'static str,
}

const fn field(name: &'static str, shape: Shape, meaning: &'static str) -> Field {
    Field { name, shape, meaning }
}

/// Where an element of the input comes from; a rule hands it on as the place of what it says.
const AT: Field = field(
    "at",
    Shape::Object(&[
        field("document", Shape::Text, "the signed document, by kind and digest"),
        field("pointer", Shape::Text, "the place in it, as a JSON pointer"),
        field("file", Shape::Text, "the file, for what was read from one"),
        field("line", Shape::Number, "its line"),
        field("column", Shape::Number, "its column"),
    ]),
    "the place of this element",
);

const COMPONENT: Shape = Shape::Object(&[
    AT,
    field("ref", Shape::Text, "its `bom-ref`"),
    field("name", Shape::Text, "its name"),
    field("version", Shape::Text, "its version"),
    field("purl", Shape::Text, "its package URL"),
    field("type", Shape::Text, "the type of the package URL, such as `cargo`"),
    field("sha256", Shape::Text, "its SHA-256, in hexadecimal"),
    field("scope", Shape::Text, "`required`, `optional` or `excluded`"),
    field("licenses", Shape::List(&Shape::Text), "SPDX identifiers, expressions, or names of licences"),
    field("workspace_member", Shape::Truth, "whether it is part of what was built, not a dependency"),
]);

const DEPENDENCY: Shape = Shape::Object(&[
    AT,
    field("name", Shape::Text, "its name"),
    field("uri", Shape::Text, "its URI, often a package URL"),
    field("sha256", Shape::Text, "its SHA-256, in hexadecimal"),
    field("git_commit", Shape::Text, "its commit, for a git dependency"),
]);

const COMMIT: Shape = Shape::Object(&[
    AT,
    field("id", Shape::Text, "the commit"),
    field("tree", Shape::Text, "its tree"),
    field("parents", Shape::List(&Shape::Text), "its parents"),
    field("message", Shape::Text, "its message; a header of a commit identifies nobody"),
    field("signed", Shape::Truth, "whether it carries a signature; whose, two-party-review says"),
]);

const REVIEW: Shape = Shape::Object(&[
    AT,
    field("person", Shape::Text, "who signed it, by the id in trust"),
    field("decision", Shape::Text, "`approve`, `reject` or `revoke`"),
    field("repository", Shape::Text, "the repository that it is about"),
    field("target", Shape::Text, "the branch"),
    field("base", Shape::Text, "the commit that it starts from"),
    field("head", Shape::Text, "the commit that was looked at"),
]);

const IMAGE: Shape = Shape::Object(&[
    AT,
    field("written", Shape::Text, "its name as the file has it"),
    field("role", Shape::Text, "as what: `from`, `copy-from`, `container`, `service`, …"),
    field("maybe", Shape::Truth, "whether it only looks like an image, in a document of an unknown kind"),
    field("host", Shape::Text, "the registry's host, in lower case"),
    field("path", Shape::Text, "the path there, `library/nginx`"),
    field("tag", Shape::Text, "the tag; `latest` where neither tag nor digest is named"),
    field("digest", Shape::Text, "the digest, `sha256:…`"),
    field("unknown", Shape::Text, "what is not known of it, and why"),
]);

const CONNECTION: Shape = Shape::Object(&[
    AT,
    field("database", Shape::Text, "`postgres`, `mysql`, `mongodb`, `redis`, `sqlserver` or `amqp`"),
    field("host", Shape::Text, "the host"),
    field("local", Shape::Truth, "whether it stays on one machine"),
    field("encrypted", Shape::Truth, "whether it is encrypted"),
    field("because", Shape::Text, "what says so"),
]);

const SETTING: Shape = Shape::Object(&[
    field("name", Shape::Text, "what it is about, such as `encrypted-connections`"),
    field("path", Shape::Text, "its path in the resource"),
    field(
        "holds",
        Shape::Truth,
        "whether it is as it has to be; null where that is known only after the plan is applied",
    ),
]);

const RESOURCE: Shape = Shape::Object(&[
    AT,
    field("address", Shape::Text, "its address"),
    field("type", Shape::Text, "its type"),
    field("role", Shape::Text, "`database` or `audit-log`"),
    field("action", Shape::Text, "`keep`, `create`, `update`, `replace`, `delete`, `forget` or `unknown`"),
    field("settings", Shape::List(&SETTING), "what it is set to"),
]);

/// The input's parts. Those before `source` are always there; each of the others needs evidence, and a rule that reads
/// one for which there is none says nothing, which is not a pass.
pub const INPUT: &[Field] = &[
    field(
        "subject",
        Shape::Object(&[
            field("name", Shape::Text, "the artifact's name"),
            field("digest", Shape::Text, "its digest, `sha256:…`"),
            AT,
        ]),
        "what is to be promoted",
    ),
    field("environment", Shape::Text, "where it is to go"),
    field("time", Shape::Text, "the decision's time, in RFC 3339; `time.now_ns()` says the same"),
    field(
        "source",
        Shape::Object(&[
            AT,
            field("repository", Shape::Text, "the repository"),
            field("target", Shape::Text, "the branch that releases are built from"),
            field("revision", Shape::Text, "the commit that was built"),
            field("start", Shape::Text, "where the range of commits begins"),
            field("tree", Shape::Text, "`clean` or `dirty`, as the builder says"),
        ]),
        "where it comes from: needs provenance of a repository that the release covers",
    ),
    field(
        "provenance",
        Shape::Object(&[
            AT,
            field("level", Shape::Number, "the SLSA Build level that signer and builder show"),
            field("builder", Shape::Text, "`builder.id`"),
            field("build_type", Shape::Text, "the build type"),
            field("invocation", Shape::Text, "the id of the run"),
            field("dependencies", Shape::List(&DEPENDENCY), "what the build resolved"),
        ]),
        "the provenance that shows most: needs provenance",
    ),
    field(
        "sbom",
        Shape::Object(&[
            field("documents", Shape::List(&Shape::Text), "the SBOMs, by digest"),
            field("components", Shape::List(&COMPONENT), "the components of all of them, without the root"),
        ]),
        "what is in it: needs an SBOM about the artifact, and takes all there are together",
    ),
    field("commits", Shape::List(&COMMIT), "the commits since the last promotion: needs git evidence"),
    field(
        "reviews",
        Shape::List(&REVIEW),
        "the signed reviews that hold: needs git evidence, so that it is known of what",
    ),
    field(
        "images",
        Shape::List(&IMAGE),
        "the images that files of the revision name: needs a snapshot that read all of them",
    ),
    field(
        "connections",
        Shape::List(&CONNECTION),
        "the databases that files of the revision connect to: needs a snapshot that read all of them",
    ),
    field(
        "plan",
        Shape::List(&RESOURCE),
        "databases and audit logs in the plans of the revision: needs a plan, and all of them complete",
    ),
];

/// How many of [`INPUT`]'s parts are always there.
const ALWAYS: usize = 3;

/// Whether a part of the input needs evidence.
#[must_use]
pub fn needs_evidence(part: &str) -> bool {
    INPUT.iter().skip(ALWAYS).any(|field| field.name == part)
}

impl Shape {
    /// The whole input.
    #[must_use]
    pub const fn input() -> Self {
        Self::Object(INPUT)
    }

    /// What stands under a name, if anything can.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|field| field.name == name).map(|field| field.shape),
            Self::Named(inner) => Some(**inner),
            Self::Text | Self::Number | Self::Truth | Self::List(_) => None,
        }
    }

    /// What each element is, if there are any.
    #[must_use]
    pub const fn element(&self) -> Option<Self> {
        match self {
            Self::List(inner) | Self::Named(inner) => Some(**inner),
            Self::Text | Self::Number | Self::Truth | Self::Object(_) => None,
        }
    }

    /// In a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Truth => "true or false",
            Self::Object(_) => "an object",
            Self::List(_) => "a list",
            Self::Named(_) => "an object by name",
        }
    }

    /// The names that may follow.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Object(fields) => fields.iter().map(|field| field.name).collect(),
            Self::Text | Self::Number | Self::Truth | Self::List(_) | Self::Named(_) => Vec::new(),
        }
    }

    /// A JSON Schema of it.
    #[must_use]
    pub fn schema(&self) -> Value {
        match self {
            Self::Text => json!({ "type": ["string", "null"] }),
            Self::Number => json!({ "type": ["integer", "null"] }),
            Self::Truth => json!({ "type": ["boolean", "null"] }),
            Self::List(inner) => json!({ "type": "array", "items": inner.schema() }),
            Self::Named(inner) => json!({ "type": "object", "additionalProperties": inner.schema() }),
            Self::Object(fields) => {
                let properties: Map<String, Value> = fields.iter().map(|f| (f.name.to_owned(), f.schema())).collect();
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": names })
            }
        }
    }

    /// A value with everything in it that is not given: null, an empty list, or the same inside. Names that the shape does
    /// not have, and values of another kind, are said with their pointer.
    pub fn complete(&self, given: Option<&Value>, pointer: &str, wrong: &mut Vec<(String, String)>) -> Value {
        let Some(given) = given else { return self.empty() };
        let mut other = |expected: &str| {
            wrong.push((pointer.to_owned(), format!("expected {expected}")));
            self.empty()
        };
        match (self, given) {
            (Self::Text, Value::String(_) | Value::Null) | (Self::Truth, Value::Bool(_) | Value::Null) => given.clone(),
            (Self::Number, Value::Null) => Value::Null,
            (Self::Number, Value::Number(number)) if number.is_i64() || number.is_u64() => given.clone(),
            (Self::List(inner), Value::Array(items)) => {
                let each = |(i, item): (usize, &Value)| inner.complete(Some(item), &format!("{pointer}/{i}"), wrong);
                Value::Array(items.iter().enumerate().map(each).collect())
            }
            (Self::Named(inner), Value::Object(entries)) => {
                let each = |(name, item): (&String, &Value)| {
                    (name.clone(), inner.complete(Some(item), &format!("{pointer}/{name}"), wrong))
                };
                Value::Object(entries.iter().map(each).collect())
            }
            (Self::Object(fields), Value::Object(entries)) => {
                for name in entries.keys().filter(|name| !fields.iter().any(|field| field.name == name.as_str())) {
                    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
                    wrong.push((format!("{pointer}/{name}"), format!("the input has {}", known.join(", "))));
                }
                let each = |field: &Field| {
                    let inner = format!("{pointer}/{}", field.name);
                    (field.name.to_owned(), field.shape.complete(entries.get(field.name), &inner, wrong))
                };
                Value::Object(fields.iter().map(each).collect())
            }
            _ => other(self.word()),
        }
    }

    fn empty(&self) -> Value {
        match self {
            Self::Text | Self::Number | Self::Truth => Value::Null,
            Self::List(_) => Value::Array(Vec::new()),
            Self::Named(_) => Value::Object(Map::new()),
            Self::Object(fields) => {
                Value::Object(fields.iter().map(|field| (field.name.to_owned(), field.shape.empty())).collect())
            }
        }
    }
}

impl Field {
    fn schema(&self) -> Value {
        let mut schema = self.shape.schema();
        if let Some(object) = schema.as_object_mut() {
            object.insert("description".to_owned(), Value::String(self.meaning.to_owned()));
        }
        schema
    }
}

/// The schema of the input as it is published: parts that need evidence may be absent.
#[must_use]
pub fn schema() -> Value {
    let mut schema = Shape::input().schema();
    let always: Vec<Value> = INPUT.iter().take(ALWAYS).map(|field| Value::String(field.name.to_owned())).collect();
    if let Some(object) = schema.as_object_mut() {
        object.insert("required".to_owned(), Value::Array(always));
        let what = "What a rule that is written in a policy release reads.";
        object.insert("description".to_owned(), Value::String(what.to_owned()));
    }
    schema
}

/// An input with what is given laid over an empty one: parts that need evidence are there if they are given.
pub fn complete(given: &Value) -> Result<Value, Vec<(String, String)>> {
    let mut wrong = Vec::new();
    let mut all = Shape::input().complete(Some(given), "", &mut wrong);
    if let Some(object) = all.as_object_mut() {
        object.retain(|name, _| !needs_evidence(name) || given.get(name).is_some());
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

/// Every path, with its kind and its meaning, for the documentation: lists as `path[_]`.
#[must_use]
pub fn paths() -> Vec<(String, &'static str, &'static str)> {
    let mut out = Vec::new();
    for field in INPUT {
        walk(&format!("input.{}", field.name), field, &mut out);
    }
    out
}

fn walk(path: &str, field: &Field, out: &mut Vec<(String, &'static str, &'static str)>) {
    out.push((path.to_owned(), field.shape.word(), field.meaning));
    let (inner, path) = if let Shape::List(inner) = field.shape {
        (*inner, format!("{path}[_]"))
    } else {
        (field.shape, path.to_owned())
    };
    if let Shape::Object(fields) = inner {
        for field in fields {
            walk(&format!("{path}.{}", field.name), field, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_over_is_completed_and_a_misspelt_name_is_said() {
        let given = json!({"sbom": {"components": [{"name": "a"}]}});
        let all = complete(&given).unwrap();
        assert_eq!(all.pointer("/sbom/components/0/version"), Some(&Value::Null));
        assert_eq!(all.pointer("/sbom/components/0/licenses"), Some(&json!([])));
        assert!(all.get("commits").is_none() && all.get("environment").is_some());
        let wrong = complete(&json!({"sbom": {"components": [{"nmae": "a"}], "documents": "x"}})).unwrap_err();
        let places: Vec<&str> = wrong.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(places, ["/sbom/documents", "/sbom/components/0/nmae"]);
    }
}
