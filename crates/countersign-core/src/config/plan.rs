//! What an infrastructure plan does to databases and audit logs, from what `terraform show -json` writes.
//!
//! A value that is known only after the plan is applied is unknown, never off and never on. Resources of kinds that are not
//! in the tables are counted, and nothing is said of them.

mod table;

use crate::json::{self, JsonError};
use crate::limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use table::{KINDS, Test};

/// What a plan does, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// The version of the plan's format.
    pub format: String,
    /// The version of the tool that planned, as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Whether the plan says that it covers everything; absent where it says nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// Whether planning failed or put something off.
    pub cut_short: bool,
    /// How many resources the plan looks at.
    pub resources: u64,
    /// Those of a kind that is in the tables.
    pub known: Vec<Resource>,
}

/// A resource of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resource {
    /// Its place in `resource_changes`, from 0.
    pub index: u64,
    /// Its address.
    pub address: String,
    /// Its type.
    pub kind: String,
    /// What it is.
    pub role: PlanRole,
    /// What happens to it.
    pub action: Action,
    /// What it is set to.
    pub settings: Vec<Setting>,
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum PlanRole {
    /// A database, or what sets one up.
    Database,
    /// An audit log, or what leads entries to one.
    AuditLog,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Action {
    /// It stays as it is.
    Keep,
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted and made again.
    Replace,
    /// It is deleted.
    Delete,
    /// It is no longer looked after.
    Forget,
    /// Something that this version does not know.
    Unknown,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Forget => "forget",
            Self::Unknown => "unknown",
        }
    }

    fn of(words: &[&str]) -> Self {
        match words {
            ["no-op" | "read"] => Self::Keep,
            ["create"] => Self::Create,
            ["update"] => Self::Update,
            ["delete"] => Self::Delete,
            ["delete", "create"] | ["create", "delete"] => Self::Replace,
            ["forget"] => Self::Forget,
            _ => Self::Unknown,
        }
    }
}

/// What a resource is set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Setting {
    /// What it is about, such as `encrypted-connections`.
    pub name: String,
    /// The setting's path in the resource.
    pub path: String,
    /// Whether it is as it has to be.
    pub state: State,
}

/// Whether a setting is as it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum State {
    /// It is.
    On,
    /// It is not.
    Off,
    /// It is known only after the plan is applied, or the plan does not say.
    Unknown,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Unknown => "unknown",
        }
    }
}

/// Why bytes are no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Not JSON, or too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Of another shape than `terraform show -json` writes.
    #[error("this is not what `terraform show -json PLAN` writes: {0}")]
    Shape(&'static str),
    /// Of a format that this version does not know.
    #[error("format {0} is not one that this version reads: 1.x")]
    Format(String),
    /// More resources than are read.
    #[error("{0} resources, more than the {limit} that are read", limit = limits::PLAN_RESOURCES)]
    TooMany(usize),
}

impl Plan {
    /// Reads a plan.
    pub fn read(bytes: &[u8]) -> Result<Self, PlanError> {
        let plan = json::parse_within(bytes, limits::PLAN_BYTES)?;
        let text = |name: &str| plan.get(name).and_then(Value::as_str).map(str::to_owned);
        let format = text("format_version").ok_or(PlanError::Shape("there is no `format_version`"))?;
        if format.split('.').next() != Some("1") {
            return Err(PlanError::Format(super::text::cut(&format)));
        }
        // A state has the first, and no changes; a plan that changes nothing may leave them out.
        let empty = Vec::new();
        let changes = match plan.get("resource_changes") {
            Some(Value::Array(changes)) => changes,
            None if plan.get("planned_values").is_some() => &empty,
            Some(_) | None => return Err(PlanError::Shape("there are no `resource_changes`")),
        };
        if changes.len() > limits::PLAN_RESOURCES {
            return Err(PlanError::TooMany(changes.len()));
        }
        let mut known = Vec::new();
        let mut count = 0_u64;
        for (change, index) in changes.iter().zip(0_u64..) {
            if change.get("mode").and_then(Value::as_str) == Some("data") {
                continue;
            }
            count = count.saturating_add(1);
            known.extend(resource(change, index, changes)?);
        }
        let truth = |name: &str| plan.get(name).and_then(Value::as_bool);
        let put_off = plan.get("deferred_changes").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        Ok(Self {
            format: super::text::cut(&format),
            tool: text("terraform_version").map(|text| super::text::cut(&text)),
            complete: truth("complete"),
            cut_short: truth("errored") == Some(true) || put_off,
            resources: count,
            known,
        })
    }
}

fn resource(change: &Value, index: u64, all: &[Value]) -> Result<Option<Resource>, PlanError> {
    let text = |name: &str| change.get(name).and_then(Value::as_str);
    let (Some(address), Some(kind)) = (text("address"), text("type")) else {
        return Err(PlanError::Shape("a resource has no `address` or no `type`"));
    };
    let Some(entry) = KINDS.iter().find(|entry| entry.name == kind) else { return Ok(None) };
    let what = change.get("change").ok_or(PlanError::Shape("a resource has no `change`"))?;
    let actions = what.get("actions").and_then(Value::as_array);
    let words: Option<Vec<&str>> = actions.and_then(|list| list.iter().map(Value::as_str).collect());
    let action = Action::of(&words.ok_or(PlanError::Shape("a change has no `actions`"))?);
    let gone = matches!(action, Action::Delete | Action::Forget);
    let views = Views {
        after: what.get("after").unwrap_or(&Value::Null),
        unknown: what.get("after_unknown").unwrap_or(&Value::Null),
        before: what.get("before").unwrap_or(&Value::Null),
        all,
    };
    let settings = if gone { &[] } else { entry.settings };
    Ok(Some(Resource {
        index,
        address: super::text::cut(address),
        kind: kind.to_owned(),
        role: entry.role,
        action,
        settings: settings
            .iter()
            .map(|(name, path, test)| Setting {
                name: (*name).to_owned(),
                path: (*path).to_owned(),
                state: views.state(path, test),
            })
            .collect(),
    }))
}

struct Views<'p> {
    after: &'p Value,
    unknown: &'p Value,
    before: &'p Value,
    all: &'p [Value],
}

impl Views<'_> {
    fn state(&self, path: &str, test: &Test) -> State {
        let seen = Seen::at(self.after, self.unknown, path);
        match test {
            Test::Truth { absent } => seen.each(*absent, Value::as_bool),
            Test::False { absent } => seen.each(*absent, |value| value.as_bool().map(|truth| !truth)),
            Test::Words { on, off } => seen.each(State::Unknown, |value| {
                let word = value.as_str()?.to_ascii_lowercase();
                let has = |words: &[&str]| words.contains(&word.as_str());
                if has(on) {
                    Some(true)
                } else if has(off) {
                    Some(false)
                } else {
                    None
                }
            }),
            Test::Empty => match (seen.unknown, seen.values.iter().all(|value| is_empty(value))) {
                (_, false) => State::Off,
                (true, true) => State::Unknown,
                (false, true) => State::On,
            },
            Test::NotEmpty => match (seen.unknown, seen.values.iter().any(|value| !is_empty(value))) {
                (_, true) => State::On,
                (true, false) => State::Unknown,
                (false, false) => State::Off,
            },
            Test::Holds { word } => {
                let has = seen.values.iter().any(|value| value.as_str() == Some(word));
                if has {
                    State::On
                } else if seen.unknown {
                    State::Unknown
                } else {
                    State::Off
                }
            }
            Test::Parameter { names, on } => parameter(self.after, self.unknown, path, names, on),
            Test::Group { kind, names, on } => self.group(&seen, kind, names, on),
            Test::NotLess => self.not_less(&seen, path),
        }
    }

    /// What the parameter group says that a database names: only one that the plan itself has can be looked into.
    fn group(&self, seen: &Seen<'_>, kind: &str, names: &[&str], on: &[&str]) -> State {
        let [Value::String(name)] = seen.values.as_slice() else { return State::Unknown };
        let mut state = None;
        for change in self.all {
            let Some(what) = change.get("change").filter(|_| change.get("type").and_then(Value::as_str) == Some(kind))
            else {
                continue;
            };
            let after = what.get("after").unwrap_or(&Value::Null);
            if after.get("name").and_then(Value::as_str) == Some(name) {
                let unknown = what.get("after_unknown").unwrap_or(&Value::Null);
                let said = parameter(after, unknown, "parameter", names, on);
                // Two of one name: which of them it is, nothing says.
                state = Some(if state.is_some() { State::Unknown } else { said });
            }
        }
        state.unwrap_or(State::Unknown)
    }

    /// A number that may not become less.
    fn not_less(&self, seen: &Seen<'_>, path: &str) -> State {
        if seen.unknown {
            return State::Unknown;
        }
        let before = Seen::at(self.before, &Value::Null, path);
        let number = |seen: &Seen<'_>| match seen.values.as_slice() {
            [value] => value.as_i64().map(Some),
            [] => Some(None),
            _ => None,
        };
        match (number(&before), number(seen)) {
            // Zero is for ever.
            (Some(None), Some(_)) | (Some(Some(_)), Some(Some(0))) => State::On,
            (Some(Some(0)), Some(Some(_))) => State::Off,
            (Some(Some(before)), Some(Some(after))) => {
                if after < before {
                    State::Off
                } else {
                    State::On
                }
            }
            _ => State::Unknown,
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A parameter of a list of `name` and `value`. One that is not there is as the provider has it by default: unknown.
fn parameter(after: &Value, unknown: &Value, path: &str, names: &[&str], on: &[&str]) -> State {
    let seen = Seen::at(after, unknown, path);
    let mut values: BTreeMap<String, Option<&str>> = BTreeMap::new();
    for item in &seen.values {
        if let Some(name) = item.get("name").and_then(Value::as_str).filter(|name| names.contains(name)) {
            let value = item.get("value").and_then(Value::as_str);
            let before = values.insert(name.to_owned(), value);
            if before.is_some_and(|before| before != value) {
                return State::Off;
            }
        }
    }
    let mut state = State::Unknown;
    for value in values.values() {
        match value {
            None => return State::Unknown,
            Some(value) if on.contains(&value.to_ascii_lowercase().as_str()) => state = State::On,
            Some(_) => return State::Off,
        }
    }
    state
}

/// What stands at a path. A list on the way is followed into each of its items.
struct Seen<'v> {
    values: Vec<&'v Value>,
    unknown: bool,
}

impl<'v> Seen<'v> {
    fn at(after: &'v Value, unknown: &'v Value, path: &str) -> Self {
        let mut seen = Self { values: vec![after], unknown: *unknown == Value::Bool(true) };
        let mut shadows = vec![unknown];
        for step in path.split('.') {
            seen.values = spread(&seen.values, step);
            shadows = spread(&shadows, step);
            seen.unknown |= shadows.iter().any(|shadow| **shadow == Value::Bool(true));
        }
        let flat = |values: Vec<&'v Value>| -> Vec<&'v Value> {
            let each = |value: &'v Value| match value {
                Value::Array(items) => items.iter().collect::<Vec<_>>(),
                Value::Null => Vec::new(),
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
            };
            values.into_iter().flat_map(each).collect()
        };
        seen.values = flat(seen.values);
        // Inside a list, or a block, that is known in part.
        seen.unknown |= flat(shadows).iter().any(|shadow| holds_true(shadow));
        seen
    }

    /// On if every value is; the state for none where there is none.
    fn each(&self, absent: State, holds: impl Fn(&Value) -> Option<bool>) -> State {
        let said: Vec<Option<bool>> = self.values.iter().map(|value| holds(value)).collect();
        if said.contains(&Some(false)) {
            State::Off
        } else if self.unknown || said.contains(&None) {
            State::Unknown
        } else if said.is_empty() {
            absent
        } else {
            State::On
        }
    }
}

fn holds_true(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Array(items) => items.iter().any(holds_true),
        Value::Object(entries) => entries.values().any(holds_true),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

fn spread<'v>(values: &[&'v Value], step: &str) -> Vec<&'v Value> {
    let into = |value: &&'v Value| match value {
        Value::Array(items) => items.iter().filter_map(|item| item.get(step)).collect(),
        Value::Object(entries) => entries.get(step).into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    values.iter().flat_map(into).collect()
}

#[cfg(test)]
mod tests;
