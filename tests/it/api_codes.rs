//! The table of codes for callers: every rejection, its status, and what to do about it.

use std::collections::BTreeSet;

use daybook_events::{Rejection, rejection::Kind};

#[test]
fn callers_are_told_what_to_do_about_every_rejection() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API.md");
    let text = std::fs::read_to_string(page).unwrap();
    let section = text.split("\n## Codes of the rules\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let mut documented = BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.split(" | ").collect();
        assert!(cells.len() == 3 && cells[2].len() > 10, "{row}");
        documented.insert(format!("{} {}", cells[0].trim_end_matches('`'), cells[1]));
    }
    let status = |kind: &Kind| match kind {
        Kind::NotFound => 404,
        Kind::Invalid => 422,
        Kind::Conflict => 409,
        Kind::Internal => 500,
    };
    let codes = Rejection::CODES.iter().filter(|(_, kind)| *kind != Kind::Internal);
    let codes: BTreeSet<_> = codes.map(|(code, kind)| format!("{code} {}", status(kind))).collect();
    assert_eq!(documented, codes);
}
