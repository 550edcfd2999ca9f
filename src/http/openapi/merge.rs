//! One set of schemas from two: those of what is taken, and those of what is given.
//!
//! A type that looks the same in both directions has one schema; where it does not, what is taken
//! is called `…Input`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Where references lead.
const BASE: &str = "#/components/schemas/";

/// The schemas, and the names that what is taken has changed.
pub(super) struct Merged {
    /// Every schema by its name.
    pub(super) schemas: Map<String, Value>,
    /// Which names of what is taken end in `Input` now.
    pub(super) renamed: BTreeSet<String>,
}

/// One set from two.
pub(super) fn merged(takes: Map<String, Value>, gives: Map<String, Value>) -> Merged {
    let differs =
        |(name, taken): &(&String, &Value)| gives.get(*name).is_some_and(|it| it != *taken);
    let mut renamed: BTreeSet<String> =
        takes.iter().filter(differs).map(|(name, _)| name.clone()).collect();
    // What speaks of a renamed type differs with it.
    loop {
        let more: Vec<String> = takes
            .iter()
            .filter(|(name, _)| gives.contains_key(*name) && !renamed.contains(*name))
            .filter(|(_, taken)| refers_to(taken, &renamed))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        renamed.extend(more);
    }
    let mut schemas = gives;
    for (name, mut taken) in takes {
        rename(&mut taken, &renamed);
        let name = if renamed.contains(&name) { format!("{name}Input") } else { name };
        schemas.insert(name, taken);
    }
    schemas.sort_keys();
    Merged { schemas, renamed }
}

fn refers_to(schema: &Value, names: &BTreeSet<String>) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(key, value)| match (key.as_str(), value) {
            ("$ref", Value::String(target)) => {
                target.strip_prefix(BASE).is_some_and(|name| names.contains(name))
            }
            (_, value) => refers_to(value, names),
        }),
        Value::Array(items) => items.iter().any(|item| refers_to(item, names)),
        _scalar => false,
    }
}

/// Lets the references of something taken lead to the renamed schemas.
pub(super) fn rename(schema: &mut Value, names: &BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("$ref", Value::String(target)) => {
                        if target.strip_prefix(BASE).is_some_and(|name| names.contains(name)) {
                            target.push_str("Input");
                        }
                    }
                    (_, value) => rename(value, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _scalar => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        if let Value::Object(map) = value { map } else { Map::new() }
    }

    #[test]
    fn what_is_taken_in_another_shape_has_another_name() {
        let takes = json!({
            "A": { "required": [] },
            "B": { "properties": { "a": { "$ref": "#/components/schemas/A" } } },
            "C": { "type": "string" },
        });
        let gives = json!({
            "A": { "required": ["x"] },
            "B": { "properties": { "a": { "$ref": "#/components/schemas/A" } } },
            "C": { "type": "string" },
        });
        let Merged { schemas, renamed } = merged(map(takes), map(gives));
        assert_eq!(renamed, BTreeSet::from(["A".to_owned(), "B".to_owned()]));
        assert_eq!(schemas.keys().collect::<Vec<_>>(), ["A", "AInput", "B", "BInput", "C"]);
        assert_eq!(schemas["BInput"]["properties"]["a"]["$ref"], "#/components/schemas/AInput");
        assert_eq!(schemas["B"]["properties"]["a"]["$ref"], "#/components/schemas/A");
    }
}
