//! Rules of the house that neither the compiler nor Clippy can say. Each has a planted fault, so
//! that a check that has gone blind is noticed.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a file would be blamed for: its line, counted from 1, and the rule.
type Faults = Vec<String>;

/// A source file, by its path from the root.
struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under some folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    assert!(!found.is_empty(), "nothing under {folders:?}");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push(Source { path, text });
        }
    }
}

/// The lines of the product with their numbers: no comments, no tests.
fn product(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let all_tests = source.path.ends_with("/tests.rs")
        || source.path.ends_with("/testing.rs")
        || source.path.contains("/testing/");
    source
        .text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate()
        .filter(move |_| !all_tests)
        .map(|(index, line)| (index + 1, code(line)))
}

/// A line without its comment.
fn code(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") { "" } else { line.split(" // ").next().unwrap_or_default() }
}

/// Whether a text names something as a whole word.
fn names(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

fn blame(source: &Source, line: usize, why: &str) -> String {
    format!("{}:{line}: {why}", source.path)
}

#[track_caller]
fn none(faults: &Faults) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The faults that a check finds in a text under a path.
fn planted(check: fn(&Source) -> Faults, path: &str, text: &str) -> usize {
    check(&Source { path: path.to_owned(), text: text.to_owned() }).len()
}

fn all(check: fn(&Source) -> Faults, folders: &[&str]) -> Faults {
    sources(folders).iter().flat_map(check).collect()
}

const PRODUCT: &[&str] = &["src", "events/src", "projections/src"];
const PURE: &[&str] = &["events/src", "projections/src"];

// --- pure modules ---------------------------------------------------------------------------

/// What would let the world into a rule or a fold.
const IMPURE: &[&str] = &[
    "sqlx",
    "tokio",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "Utc::now",
    "Local::now",
    "SystemTime",
    "Instant",
    "Uuid::now_v7",
    "Uuid::new_v4",
    "rand",
];

/// The engine of the projections: the only files there that may meet a database.
const ENGINE: &[&str] = &[
    "copy_out", "export", "history", "lib", "live", "query", "reach", "rebuild", "tables", "verify",
];

fn is_pure(path: &str) -> bool {
    let engine = |name: &&str| path == format!("projections/src/{name}.rs");
    let in_store = path.starts_with("events/src/store");
    !in_store && !ENGINE.iter().any(engine)
}

fn impurities(source: &Source) -> Faults {
    if !is_pure(&source.path) {
        return Vec::new();
    }
    let lines = source.text.lines().enumerate().map(|(index, line)| (index + 1, code(line)));
    lines
        .flat_map(|(line, text)| {
            let named = IMPURE.iter().filter(move |word| names(text, word));
            named.map(move |word| blame(source, line, &format!("a pure module names {word}")))
        })
        .collect()
}

#[test]
fn pure_modules_name_no_database_clock_environment_or_randomness() {
    none(&all(impurities, PURE));
}

#[test]
fn an_impure_rule_is_noticed() {
    let path = "events/src/commands/place_order.rs";
    for line in ["let now = chrono::Utc::now();", "use tokio::sync::watch;", "rand::random()"] {
        assert_eq!(planted(impurities, path, line), 1, "{line}");
    }
    assert_eq!(planted(impurities, "projections/src/orders.rs", "use sqlx::PgPool;"), 1);
    assert_eq!(planted(impurities, "events/src/store/clock.rs", "chrono::Utc::now()"), 0);
    assert_eq!(planted(impurities, path, "/// No sqlx here.\nlet operand = 1;"), 0);
}

// --- wildcards ------------------------------------------------------------------------------

/// Matches over numbers and text, where naming every value is out of the question.
const OPEN_MATCHES: &[(&str, &str)] = &[
    ("events/src/audit.rs", "_ => format!(\"positions {expected} to"),
    // A seller's country.
    ("events/src/tax.rs", "_ if in_union => Some("),
    ("events/src/tax.rs", "_ => None,"),
    // Digits and remainders.
    ("events/src/tax_id/checks.rs", "_ => (1900, month),"),
    ("events/src/tax_id/checks.rs", "_ => value,"),
    ("events/src/tax_id/checks.rs", "_ => czech_person(body),"),
    ("events/src/tax_id/checks.rs", "_ => first * 34 + second - 100,"),
    ("events/src/tax_id/checks.rs", "_ => false,"),
];

fn wildcards(source: &Source) -> Faults {
    let allowed = |text: &str| {
        OPEN_MATCHES.iter().any(|(path, arm)| *path == source.path && text.starts_with(arm))
    };
    let is_wild = |text: &str| {
        text.starts_with("_ =>") || text.starts_with("_ if ") || text.contains("| _ =>")
    };
    product(source)
        .filter(|(_, text)| is_wild(text.trim_start()) && !allowed(text.trim_start()))
        .map(|(line, _)| blame(source, line, "a wildcard arm hides what a new event needs"))
        .collect()
}

#[test]
fn matches_name_every_variant() {
    none(&all(wildcards, PURE));
}

#[test]
fn a_wildcard_arm_is_noticed() {
    let path = "projections/src/orders.rs";
    assert_eq!(planted(wildcards, path, "match event {\n    _ => None,\n}"), 1);
    assert_eq!(planted(wildcards, path, "    E::OrderPlaced(_) | _ => None,"), 1);
    assert_eq!(planted(wildcards, path, "    _ if late => None,"), 1);
    assert_eq!(planted(wildcards, path, "    E::OrderPlaced(_) => None,"), 0);
    assert_eq!(planted(wildcards, path, "#[cfg(test)]\nmod tests {\n    _ => None,\n}"), 0);
}

#[test]
fn an_allowance_that_nobody_uses_is_taken_back() {
    let sources = sources(PURE);
    for (path, arm) in OPEN_MATCHES {
        let source = sources.iter().find(|source| source.path == *path).unwrap();
        let used = source.text.lines().any(|line| line.trim_start().starts_with(arm));
        assert!(used, "{path} has no arm `{arm}` any more");
    }
}

// --- floats ---------------------------------------------------------------------------------

fn floats(source: &Source) -> Faults {
    let lines = source.text.lines().enumerate();
    lines
        .filter(|(_, line)| names(code(line), "f32") || names(code(line), "f64"))
        .map(|(index, _)| blame(source, index + 1, "no float comes near money"))
        .collect()
}

#[test]
fn no_float_comes_near_money() {
    none(&all(floats, &["events", "projections"]));
}

#[test]
fn a_float_is_noticed() {
    assert_eq!(planted(floats, "events/src/money.rs", "fn ratio(by: f64) {}"), 1);
    assert_eq!(planted(floats, "events/src/money.rs", "let buf64 = 1;"), 0);
}

// --- panics ---------------------------------------------------------------------------------

fn panics(source: &Source) -> Faults {
    const SUDDEN: &[&str] =
        &[".unwrap()", "panic!(", "todo!(", "unimplemented!(", "unreachable!(", "assert!("];
    product(source)
        .flat_map(|(line, text)| {
            let sudden = SUDDEN.iter().filter(move |word| text.contains(*word));
            sudden.map(move |word| blame(source, line, &format!("{word} in the product")))
        })
        .collect()
}

#[test]
fn the_product_does_not_give_up() {
    none(&all(panics, PRODUCT));
}

#[test]
fn giving_up_is_noticed() {
    let path = "src/app.rs";
    for line in ["row.unwrap();", "panic!(\"no\");", "todo!()"] {
        assert_eq!(planted(panics, path, line), 1, "{line}");
        assert_eq!(planted(panics, "src/http/json/tests.rs", line), 0, "{line}");
    }
    assert_eq!(planted(panics, path, "row.unwrap_or_default();"), 0);
}

// --- length ---------------------------------------------------------------------------------

const LONGEST: usize = 500;

fn too_long(source: &Source) -> Faults {
    let lines = source.text.lines().count();
    let fault = || blame(source, lines, "split it by question: more than 500 lines");
    (lines > LONGEST).then(fault).into_iter().collect()
}

#[test]
fn no_file_is_too_long_to_read() {
    none(&all(too_long, PRODUCT));
}

#[test]
fn a_long_file_is_noticed() {
    assert_eq!(planted(too_long, "src/app.rs", &"x\n".repeat(LONGEST + 1)), 1);
    assert_eq!(planted(too_long, "src/app.rs", &"x\n".repeat(LONGEST)), 0);
}

// --- tests ----------------------------------------------------------------------------------

fn waits_or_skips(source: &Source) -> Faults {
    let whole = source.path.starts_with("tests/") || source.path.ends_with("/tests.rs");
    let lines = source.text.lines().enumerate();
    let from = lines.clone().position(|(_, line)| whole || line.starts_with("#[cfg(test)]"));
    lines
        .skip(from.unwrap_or(usize::MAX))
        .filter(|(_, line)| {
            let text = code(line);
            names(text, concat!("sle", "ep")) || text.contains(concat!("#[ign", "ore"))
        })
        .map(|(index, _)| blame(source, index + 1, "a test neither sleeps nor is skipped"))
        .collect()
}

#[test]
fn tests_neither_sleep_nor_are_skipped() {
    none(&all(waits_or_skips, &["tests", "src", "events/src", "projections/src"]));
}

#[test]
fn a_test_that_sleeps_or_is_skipped_is_noticed() {
    let sleeps = concat!("tokio::time::sle", "ep(pause).await;");
    let skipped = concat!("#[ign", "ore = \"slow\"]");
    for line in [sleeps, skipped] {
        assert_eq!(planted(waits_or_skips, "tests/it/journey.rs", line), 1, "{line}");
        let inside = format!("#[cfg(test)]\nmod tests {{\n{line}\n}}");
        assert_eq!(planted(waits_or_skips, "src/app.rs", &inside), 1, "{line}");
        assert_eq!(planted(waits_or_skips, "src/app.rs", line), 0, "{line}");
    }
}

// --- arrows ---------------------------------------------------------------------------------

fn against_the_arrows(source: &Source) -> Faults {
    let forbidden: &[&str] = if source.path.starts_with("events/") {
        &["daybook_projections", "daybook", "warp", "hyper"]
    } else if source.path.starts_with("projections/") {
        &["daybook", "warp", "hyper"]
    } else {
        &[]
    };
    let as_crate =
        |text: &str, name: &str| names(text, name) && text.contains(&format!("{name}::"));
    product(source)
        .flat_map(|(line, text)| {
            let named = forbidden.iter().filter(move |name| as_crate(text, name));
            named.map(move |name| blame(source, line, &format!("an arrow points to {name}")))
        })
        .collect()
}

/// Where an event is inserted, by the words of the statement.
fn inserts_events(source: &Source) -> Faults {
    product(source)
        .filter(|(_, text)| names(text, concat!("insert into ", "events")))
        .filter(|_| source.path != "events/src/store/append.rs")
        .map(|(line, _)| blame(source, line, "only events/src/store/append.rs inserts events"))
        .collect()
}

#[test]
fn arrows_point_one_way() {
    none(&all(against_the_arrows, PURE));
}

#[test]
fn one_file_inserts_events() {
    none(&all(inserts_events, PRODUCT));
}

#[test]
fn an_arrow_the_wrong_way_is_noticed() {
    let check = against_the_arrows;
    assert_eq!(planted(check, "events/src/book.rs", "use daybook_projections::all;"), 1);
    assert_eq!(planted(check, "events/src/book.rs", "use daybook::app::App;"), 1);
    assert_eq!(planted(check, "projections/src/orders.rs", "use warp::Filter;"), 1);
    assert_eq!(planted(check, "projections/src/orders.rs", "use daybook_events::Event;"), 0);
    let sql = concat!("insert into ", "events (position)");
    assert_eq!(planted(inserts_events, "src/app.rs", sql), 1);
    assert_eq!(planted(inserts_events, "events/src/store/append.rs", sql), 0);
}

// --- the second wall ------------------------------------------------------------------------

/// Who may name what lies behind the second wall: the wall itself, what acts for the ledger, and
/// what never answers a caller.
const BEHIND_THE_WALL: &[(&str, &[&str])] = &[
    (
        "daybook_views",
        &[
            "events/src/store/connect.rs",
            "projections/src/export.rs",
            "projections/src/query.rs",
            "projections/src/tables.rs",
            "projections/src/verify.rs",
            "src/cli/bench/export.rs",
            "src/scheduler/reapply.rs",
        ],
    ),
    ("store::stream", &["src/cli/replay.rs", "src/snapshot/bounds.rs"]),
    ("store::streams", &["projections/src/history.rs"]),
    ("store::leaves", &["projections/src/history.rs"]),
    ("store::stream_ends", &["projections/src/history.rs"]),
    (
        "store::range",
        &["projections/src/history.rs", "projections/src/live.rs", "projections/src/rebuild.rs"],
    ),
    (
        "from events",
        &[
            "events/src/store/append.rs",
            "events/src/store/copy.rs",
            "events/src/store/raw.rs",
            "events/src/store/read.rs",
        ],
    ),
];

fn past_the_wall(source: &Source) -> Faults {
    product(source)
        .flat_map(|(line, text)| {
            let named = BEHIND_THE_WALL.iter().filter(move |(word, _)| names(text, word));
            named
                .filter(|(_, may)| !may.contains(&source.path.as_str()))
                .map(move |(word, _)| blame(source, line, &format!("{word} past the wall")))
        })
        .collect()
}

#[test]
fn rows_and_events_are_read_behind_the_second_wall() {
    none(&all(past_the_wall, PRODUCT));
}

#[test]
fn a_read_past_the_second_wall_is_noticed() {
    let path = "src/http/reading.rs";
    for line in [
        "let sql = \"select row from daybook_views.invoices\";",
        "let events = store::stream(app.pool(), stream).await?;",
        "store::range(app.pool(), 0, i64::MAX, 1)",
        "sqlx::query(\"select payload from events where stream = $1\")",
    ] {
        assert_eq!(planted(past_the_wall, path, line), 1, "{line}");
    }
    assert_eq!(planted(past_the_wall, path, "app.history(reach).of_account(account)"), 0);
    assert_eq!(planted(past_the_wall, "projections/src/history.rs", "store::leaves(pool)"), 0);
    // An allowance that nobody uses is taken back.
    for (word, may) in BEHIND_THE_WALL {
        for path in *may {
            let text = fs::read_to_string(root().join(path)).unwrap();
            assert!(names(&text, word), "{path} does not name {word}");
        }
    }
}

// --- the registry ---------------------------------------------------------------------------

/// What a projection of the registry lacks.
fn unregistered(registered: &[&str], files: &[String], tables: &[String]) -> Faults {
    let mut faults = Vec::new();
    if !registered.is_sorted() {
        faults.push("the registry is not alphabetical".to_owned());
    }
    for (what, found) in [("file", files), ("table definition", tables)] {
        for name in registered.iter().filter(|name| !found.contains(&(**name).to_owned())) {
            faults.push(format!("{name} has no {what}"));
        }
    }
    for name in tables.iter().filter(|name| !registered.contains(&name.as_str())) {
        faults.push(format!("{name} has a table definition and is not registered"));
    }
    faults
}

fn stems(folder: &str, extension: &str) -> Vec<String> {
    let paths = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn the_registry_is_alphabetical_and_complete() {
    let views = daybook_projections::all();
    let registered: Vec<_> = views.iter().map(|view| view.name()).collect();
    let (files, tables) = (stems("projections/src", "rs"), stems("migrations/projections", "sql"));
    none(&unregistered(&registered, &files, &tables));
    let implementing = sources(&["projections/src"]);
    let implementing = implementing
        .iter()
        .filter(|source| product(source).any(|(_, text)| text.starts_with("impl Projection for ")));
    assert_eq!(implementing.count(), registered.len(), "a projection is not registered");
}

#[test]
fn a_projection_that_is_not_complete_is_noticed() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let both = names(&["orders", "plans"]);
    assert_eq!(unregistered(&["orders", "plans"], &both, &both).len(), 0);
    assert_eq!(unregistered(&["plans", "orders"], &both, &both).len(), 1);
    assert_eq!(unregistered(&["orders", "plans"], &names(&["orders"]), &both).len(), 1);
    assert_eq!(unregistered(&["orders"], &both, &both).len(), 1);
}
