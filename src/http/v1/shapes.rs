//! What the v1 dialect's answers have in common.

use std::{borrow::Cow, collections::BTreeMap};

use daybook_events::{
    Money, Timestamp,
    event::{HeldPlan, Limits},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use warp::http::StatusCode;

use crate::http::answer::Answer;

/// The envelope of everything that goes well.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Data<T> {
    /// What was asked for.
    pub data: T,
}

/// An answer in the envelope.
pub(super) fn data<T: Serialize>(data: T) -> Answer {
    Answer::ok(&Data { data })
}

/// As [`data`], for something that was made.
pub(super) fn created<T: Serialize>(data: T) -> Answer {
    Answer::json(StatusCode::CREATED, &Data { data })
}

/// An instant as this dialect prints it: `2026-05-01T00:00:00Z`, without the fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant(pub Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.utc().format("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "InstantInSeconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "An instant in UTC, to the second.",
            "examples": ["2026-05-01T00:00:00Z"],
        })
    }
}

/// An amount in minor units; amounts are bounded by 10^15 of them.
pub(super) fn minor(money: Money) -> i64 {
    i64::try_from(money.minor()).unwrap_or(i64::MAX)
}

/// What a plan gives, under one roof: limits, `null` where there is none to them, and the panel's
/// own flags. A limit goes before a flag of the same name.
pub type Features = BTreeMap<String, Value>;

/// Limits and flags as one.
pub(super) fn features(limits: &Limits, flags: &BTreeMap<String, Value>) -> Features {
    let limits = limits.iter().map(|(name, limit)| (name.clone(), json!(limit)));
    let flags = flags.iter().map(|(name, flag)| (name.clone(), flag.clone()));
    flags.chain(limits).collect()
}

/// What a limit is called in a sentence or beside what is used of it: `servers` for `max_servers`.
pub(super) fn thing(limit: &str) -> &str {
    limit.strip_prefix("max_").filter(|thing| !thing.is_empty()).unwrap_or(limit)
}

/// What is used of a held plan's limits, by the name of the thing; nothing where nobody counted.
pub(super) fn used_of(plan: &HeldPlan, counted: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let used = |name: &String| counted.get(name).copied().unwrap_or(0);
    // Where two limits would be called the same, each keeps its own name.
    let short = |name: &String| {
        let taken = thing(name) != name && plan.limits.contains_key(thing(name));
        if taken { name.clone() } else { thing(name).to_owned() }
    };
    plan.limits.keys().map(|name| (short(name), used(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_no_fraction() {
        let instant: Timestamp = "2026-05-01T00:00:00.999999Z".parse().unwrap();
        assert_eq!(json!(Instant(instant)), json!("2026-05-01T00:00:00Z"));
    }

    #[test]
    fn limits_go_before_flags() {
        let limits = Limits::from([("a".to_owned(), Some(3)), ("b".to_owned(), None)]);
        let flags = [("a", json!(true)), ("c", json!("x"))];
        let flags = flags.map(|(name, flag)| (name.to_owned(), flag)).into();
        assert_eq!(json!(features(&limits, &flags)), json!({ "a": 3, "b": null, "c": "x" }));
    }

    #[test]
    fn a_limit_is_called_by_its_thing() {
        assert_eq!(["max_servers", "memory", "max_"].map(thing), ["servers", "memory", "max_"]);
    }
}
