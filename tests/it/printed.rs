//! What a page of documentation prints, compared with what is answered: the same fields, of the
//! same types, with the same values; ids by their form, in addresses too.

use serde_json::Value;

/// A field whose printed value is an example of a form, not a value to meet.
const IDS: [&str; 4] = ["sub_", "inv_", "ref_", "res_"];

/// How an answer differs from what is printed; nothing where it does not. `open` are the paths of
/// objects that may hold more than is printed, such as `data.features`.
pub(crate) fn differences(printed: &Value, answered: &Value, open: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    compare("", printed, answered, open, &mut found);
    found
}

/// Checks that an answer is what is printed.
#[track_caller]
pub(crate) fn is_printed(printed: &Value, answered: &Value, open: &[&str]) {
    let differences = differences(printed, answered, open);
    assert!(differences.is_empty(), "{}\nin {answered:#}", differences.join("\n"));
}

fn compare(path: &str, printed: &Value, answered: &Value, open: &[&str], found: &mut Vec<String>) {
    match (printed, answered) {
        (Value::Object(wanted), Value::Object(given)) => {
            for name in wanted.keys().filter(|name| !given.contains_key(*name)) {
                found.push(format!("{path}: `{name}` is missing"));
            }
            for name in given.keys().filter(|name| !wanted.contains_key(*name)) {
                if !open.contains(&path) {
                    found.push(format!("{path}: `{name}` is not printed"));
                }
            }
            for (name, wanted) in wanted {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                given.get(name).inspect(|given| compare(&inner, wanted, given, open, found));
            }
        }
        (Value::Array(wanted), Value::Array(given)) => {
            if wanted.len() != given.len() {
                found.push(format!("{path}: {} rows, not {}", given.len(), wanted.len()));
            }
            for (wanted, given) in wanted.iter().zip(given) {
                compare(path, wanted, given, open, found);
            }
        }
        (Value::String(wanted), Value::String(given)) if same_form(wanted, given) => {}
        (wanted, given) if wanted == given => {}
        (wanted, given) => found.push(format!("{path}: {given}, not {wanted}")),
    }
}

/// Whether both are ids of one kind: a prefix, and something after it.
fn same_form(wanted: &str, given: &str) -> bool {
    if wanted.contains("://") {
        let parts = || wanted.split('/').zip(given.split('/'));
        let ending = |text: &str| text.rsplit_once('.').map(|(_, ending)| ending.to_owned());
        let alike = |(wanted, given): (&str, &str)| {
            wanted == given || same_form(wanted, given) && ending(wanted) == ending(given)
        };
        return wanted.split('/').count() == given.split('/').count() && parts().all(alike);
    }
    IDS.iter().any(|prefix| {
        let id = |text: &str| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
        id(wanted) && id(given)
    })
}

#[test]
fn an_answer_that_differs_from_the_page_is_noticed() {
    use serde_json::json;
    let printed =
        json!({ "data": [{ "id": "sub_abc123", "amount": 1500, "features": { "a": 1 } }] });
    let differ = |answered: Value| differences(&printed, &answered, &["data.features"]);
    let row = |id: &str, amount: Value, features: Value| json!({ "data": [{ "id": id, "amount": amount, "features": features }] });
    assert_eq!(differ(row("sub_1", json!(1500), json!({ "a": 1, "b": 2 }))), Vec::<String>::new());
    for (answered, expected) in [
        (row("inv_1", json!(1500), json!({ "a": 1 })), "data.id: \"inv_1\", not \"sub_abc123\""),
        (row("sub_", json!(1500), json!({ "a": 1 })), "data.id: \"sub_\", not \"sub_abc123\""),
        (row("sub_1", json!("1500"), json!({ "a": 1 })), "data.amount: \"1500\", not 1500"),
        (row("sub_1", json!(1500.5), json!({ "a": 1 })), "data.amount: 1500.5, not 1500"),
        (row("sub_1", json!(1500), json!({ "b": 1 })), "data.features: `a` is missing"),
        (json!({ "data": [] }), "data: 0 rows, not 1"),
        (json!({ "data": printed["data"], "status": "success" }), ": `status` is not printed"),
    ] {
        assert_eq!(differ(answered), [expected]);
    }
}
