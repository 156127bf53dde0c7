//! `docs/trust.md` names every key of trust.toml, says of each whether it is needed, and names no other.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).expect(path)
}

/// The name of the definition that a property refers to, through lists and maps.
fn refers(property: &Value) -> Option<String> {
    let direct = property["$ref"].as_str().map(|path| path.trim_start_matches("#/$defs/").to_owned());
    direct.or_else(|| refers_in(&property["items"])).or_else(|| refers_in(&property["additionalProperties"]))
}

fn refers_in(inner: &Value) -> Option<String> {
    if inner.is_object() { refers(inner) } else { None }
}

/// Keys of an object, under the name by which the file has it, and of all that lies in it.
fn keys(schema: &Value, object: &Value, under: &str, out: &mut BTreeMap<String, bool>) {
    let needed: BTreeSet<&str> =
        object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in object["properties"].as_object().expect("properties") {
        let path = if under.is_empty() { name.clone() } else { format!("{under}.{name}") };
        if out.insert(path, needed.contains(name.as_str())).is_none()
            && let Some(inner) = refers(property)
            && schema["$defs"][&inner]["properties"].is_object()
        {
            keys(schema, &schema["$defs"][&inner], name, out);
        }
    }
}

#[test]
fn the_page_on_trust_names_every_key_and_no_other() {
    let schema: Value = serde_json::from_str(&read("schemas/trust/v0.1.schema.json")).unwrap();
    let mut known = BTreeMap::new();
    keys(&schema, &schema, "", &mut known);
    assert!(known.len() > 60 && known["builders.max_level"] && !known["keys.valid_until"], "{known:?}");
    let page = read("docs/trust.md");
    let (_, rest) = page.split_once("## Every key\n").unwrap();
    let (table, _) = rest.split_once("\n## ").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")).map(|row| {
        let (key, rest) = row.split_once("` |").unwrap();
        (key.to_owned(), rest.trim_start().starts_with("yes "))
    });
    let shown: BTreeMap<String, bool> = rows.collect();
    for (key, needed) in &known {
        assert_eq!(shown.get(key), Some(needed), "`{key}` is not in docs/trust.md as the schema has it");
    }
    for key in shown.keys() {
        assert!(known.contains_key(key), "docs/trust.md has `{key}`, which trust.toml has not");
    }
}
