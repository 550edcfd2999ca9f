//! The documents tell the truth: what they list is what the code has, their programs run, their
//! links lead somewhere.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use daybook::http::{error::EDGE_CODES, route::Access, routes::ROUTES};
use daybook_events::{Event, Rejection, rejection::Kind};

use crate::{
    golden,
    harness::{TestApp, TestDb},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Markdown file of the project.
fn pages() -> Vec<PathBuf> {
    let mut found: Vec<_> =
        ["README.md", "CHANGELOG.md", "migrations/README.md"].map(|name| root().join(name)).into();
    for folder in ["docs", "docs/decisions"] {
        let paths = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    }
    found
}

/// A page without its code blocks.
fn prose(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The targets of a page's links.
fn links(text: &str) -> Vec<String> {
    let starts = text.match_indices("](").map(|(at, _)| at + 2);
    let to_end = |at: usize| text[at..].split(')').next().unwrap_or_default().to_owned();
    starts.map(to_end).collect()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let text = prose(&fs::read_to_string(page).unwrap());
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// What is wrong with a link on a page, if anything.
fn broken(page: &Path, link: &str) -> Option<String> {
    if link.starts_with("http://") || link.starts_with("https://") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target =
        if path.is_empty() { page.to_path_buf() } else { page.parent().unwrap().join(path) };
    let at = page.display();
    if !target.exists() {
        return Some(format!("{at}: {link} leads nowhere"));
    }
    let lands = anchor.is_empty() || anchors(&target).contains(anchor);
    (!lands).then(|| format!("{at}: {link} has no such heading"))
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut faults = Vec::new();
    for page in pages() {
        let text = prose(&fs::read_to_string(&page).unwrap());
        faults.extend(links(&text).iter().filter_map(|link| broken(&page, link)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_noticed() {
    let page = root().join("README.md");
    assert!(broken(&page, "docs/NOTHING.md").is_some());
    assert!(broken(&page, "docs/API.md#no-such-heading").is_some());
    assert!(broken(&page, "docs/API.md#conventions").is_none());
}

#[test]
fn no_page_names_a_place_of_one_machine() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for place in ["/home/", "/Users/", "localhost:"] {
            assert!(!text.contains(place), "{} names {place}", page.display());
        }
    }
}

/// The rows of a page's tables, cell by cell, without the backticks around a whole cell.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cell = |cell: &str| cell.trim().to_owned();
    text.lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|line| line.split('|').map(cell).collect())
        .collect()
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}

#[test]
fn the_route_table_is_documented_with_its_roles() {
    let table: BTreeSet<_> = rows(&read("docs/API.md"))
        .into_iter()
        .filter(|row| row.len() == 3 && row[0].contains(" /") && !row[1].contains("::"))
        .map(|row| row.join(" | "))
        .collect();
    let routes = ROUTES.iter().map(|route| {
        let roles: Vec<_> = route.access.roles().iter().map(|role| role.as_str()).collect();
        let who = match route.access {
            Access::Public => "anybody".to_owned(),
            Access::Roles(_) => roles.join(", "),
            Access::Keys(_) => format!("keys of {}", roles.join(", ")),
        };
        let address = quoted(&format!("{} {}", route.verb, route.path));
        format!("{address} | {who} | {}", route.summary)
    });
    let routes: BTreeSet<_> = routes.collect();
    let not_there: Vec<_> =
        table.difference(&routes).filter(|row| !row.contains("not there yet")).collect();
    assert!(not_there.is_empty(), "documented, not routed: {not_there:#?}");
    let missing: Vec<_> = routes.difference(&table).collect();
    assert!(missing.is_empty(), "routed, not documented: {missing:#?}");
}

#[test]
fn every_documented_handler_is_there() {
    let text = read("docs/API.md");
    let named: Vec<_> = rows(&text).into_iter().filter(|row| row[1].contains("::")).collect();
    assert_eq!(named.len(), 44);
    for row in named {
        let (module, handler) = row[1].split('`').nth(1).unwrap().rsplit_once("::").unwrap();
        let source = read(&format!("src/http/{}.rs", module.replace("::", "/")));
        assert!(source.contains(&format!("pub async fn {handler}(")), "{row:?}");
    }
}

#[test]
fn every_rejection_is_documented_with_its_kind_and_status() {
    let text = read("docs/EVENTS.md");
    let documented: BTreeSet<_> = rows(text.split("# Rejections").nth(1).unwrap())
        .into_iter()
        .filter(|row| row[0].starts_with('`'))
        .map(|row| row[..3].join(" "))
        .collect();
    let status = |kind: Kind| match kind {
        Kind::NotFound => 404,
        Kind::Invalid => 422,
        Kind::Conflict => 409,
        Kind::Internal => 500,
    };
    let codes: BTreeSet<_> = Rejection::CODES
        .iter()
        .map(|(code, kind)| format!("{} {kind:?} {}", quoted(code), status(*kind)))
        .collect();
    assert_eq!(documented, codes);
}

#[test]
fn every_code_of_the_edge_is_documented_with_its_status() {
    let source = read("src/http/json.rs");
    let arms = source.split("pub fn code(&self)").nth(1).unwrap().split("\n    }").next().unwrap();
    let of_bodies = arms.split('"').skip(1).step_by(2).map(|code| format!("{} 400", quoted(code)));
    let codes: BTreeSet<_> = EDGE_CODES
        .iter()
        .map(|(code, status)| format!("{} {}", quoted(code), status.as_u16()))
        .chain(of_bodies)
        .collect();
    let text = read("docs/API.md");
    let documented: BTreeSet<_> = rows(text.split("## Codes of the HTTP edge").nth(1).unwrap())
        .into_iter()
        .filter(|row| row[0].starts_with('`'))
        .map(|row| row[..2].join(" "))
        .collect();
    assert_eq!(documented, codes);
}

/// The sections of EVENTS.md by the type in their heading.
fn sections() -> BTreeMap<String, String> {
    let text = read("docs/EVENTS.md");
    let sections = text.split("\n## `").skip(1).map(|section| {
        let (type_name, rest) = section.split_once('`').unwrap();
        (type_name.to_owned(), rest.split("\n# ").next().unwrap().to_owned())
    });
    sections.collect()
}

#[test]
fn every_type_of_event_has_its_section_and_its_example() {
    let documented: BTreeSet<_> = sections().into_keys().collect();
    let types: BTreeSet<_> =
        Event::types().into_iter().map(|(type_name, _)| type_name.to_owned()).collect();
    assert_eq!(documented, types);
    let sections = sections();
    for (type_name, version) in Event::types() {
        let example = format!("../tests/golden/events/{type_name}.v{version}.json");
        assert!(sections[type_name].contains(&example), "{type_name} shows no {example}");
    }
}

#[test]
fn every_field_of_every_event_is_documented() {
    let sections = sections();
    // Together: a field that came later is absent from the events that do not need it.
    let mut written: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let events = golden::events();
    for recorded in &events {
        let payload: serde_json::Value = serde_json::from_str(&recorded.event.payload()).unwrap();
        let fields = payload.as_object().unwrap().keys().map(|field| quoted(field));
        written.entry(recorded.event.type_name()).or_default().extend(fields);
    }
    for (type_name, fields) in written {
        let documented: BTreeSet<_> = rows(&sections[type_name])
            .into_iter()
            .map(|row| row[0].clone())
            .filter(|cell| cell.starts_with('`'))
            .collect();
        assert_eq!(documented, fields, "{type_name}");
    }
}

#[test]
fn every_event_names_the_projections_that_fold_it() {
    let sections = sections();
    for recorded in golden::events() {
        let type_name = recorded.event.type_name();
        let views = daybook_projections::all();
        let folding = views.iter().filter(|view| !view.keys(&recorded).is_empty());
        let names: BTreeSet<_> = folding.map(|view| view.name().to_owned()).collect();
        let line = sections[type_name].lines().find(|line| line.starts_with("- Folded by: "));
        let line = line.unwrap().trim_start_matches("- Folded by: ").trim_end_matches('.');
        let documented: BTreeSet<_> =
            line.split(", ").filter(|name| *name != "nothing").map(str::to_owned).collect();
        // An invoice without an order touches no order, a payment may close no invoice.
        let may = names.is_subset(&documented);
        assert!(may, "{type_name} is folded by {names:?}, documented is {documented:?}");
        assert_eq!(documented.is_empty(), names.is_empty(), "{type_name}");
    }
}

#[test]
fn every_setting_is_in_the_readme() {
    let (readme, config) = (read("README.md"), read("src/config.rs"));
    let settings = config.split("env = \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let settings: Vec<_> = settings.collect();
    assert!(settings.len() >= 10, "{settings:?}");
    for setting in settings {
        assert!(readme.contains(&quoted(setting)), "{setting} is not in README.md");
    }
}

/// The first block of a language on a page.
fn block(text: &str, language: &str) -> String {
    let after = text.split(&format!("```{language}\n")).nth(1).unwrap();
    after.split("\n```").next().unwrap().to_owned() + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auditors_program_finds_the_root_that_verify_finds() {
    let test = TestApp::start().await;
    test.subscriber("pro").await;
    test.settle().await;
    let program = block(&read("docs/AUDITING.md"), "python");
    let (exit, lines, err) = test.db.daybook(&["replay", "--output", "json"]).await;
    assert_eq!(exit, 0, "{err}");
    let printed = python(&program, &lines);
    let (exit, report, err) = test.db.daybook(&["verify", "--output", "json"]).await;
    assert_eq!(exit, 0, "{report}{err}");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let expected = format!("{} {}", report["events"], report["root"].as_str().unwrap());
    assert_eq!(printed.trim(), expected);

    // Another byte, another root; and the first line's leaf is the one that is stored.
    let changed = lines.replacen("15.00", "15.01", 1);
    assert_ne!(changed, lines);
    assert_ne!(python(&program, &changed).trim(), expected);
    assert_eq!(openssl_leaf(lines.lines().next().unwrap()), stored_leaf(&test.db, 1).await);
}

fn python(program: &str, input: &str) -> String {
    run(Command::new("python3").args(["-c", program]), input.as_bytes())
}

/// The leaf of a line by the command that the page shows.
fn openssl_leaf(line: &str) -> String {
    let input = [&[0], line.as_bytes()].concat();
    let printed = run(Command::new("openssl").args(["dgst", "-sha256"]), &input);
    printed.trim().rsplit(' ').next().unwrap().to_owned()
}

async fn stored_leaf(db: &TestDb, position: i64) -> String {
    sqlx::query_scalar("select encode(leaf_hash, 'hex') from daybook.events where position = $1")
        .bind(position)
        .fetch_one(&db.pool().await)
        .await
        .unwrap()
}

fn run(command: &mut Command, input: &[u8]) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the walk against a served ledger: exit code and everything that it printed.
async fn walk(test: &TestApp, key: &str) -> (i32, String) {
    let output = tokio::process::Command::new("bash")
        .arg(root().join("docs/walk.sh"))
        .env("DAYBOOK_URL", &test.url)
        .env("DAYBOOK_KEY", key)
        .env("DAYBOOK", env!("CARGO_BIN_EXE_daybook"))
        .env("DATABASE_URL", &test.db.serving_url)
        // The ledger's clock stands in May 2026, the command line's does not.
        .env("DAYBOOK_ACCEPT_CLOCK", "1")
        .env_remove("RUST_LOG")
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_goes_through_and_shows_the_amounts() {
    let test = TestApp::start().await;
    let (exit, said) = walk(&test, &test.super_key).await;
    assert_eq!(exit, 0, "{said}");
    for line in [
        "order № 1: 15.00 USD, to be paid at ",
        "invoice INV-2026-000001: 15.00 USD",
        "Pro, monthly, 15.00 USD, until 2026-06-01T00:00:00.000000Z",
        "credit 15.00, charge 39.00, due 24.00 USD",
        "credit 15.00, charge 39.00, credit applied 15.00, due 24.00 USD",
        "ends at 2026-06-01T00:00:00.000000Z",
        "refund 24.00 USD of payment pay_",
        "refund 15.00 USD of payment pay_",
        "credit note CN-2026-000002: 39.00 USD, to refund 39.00",
        "account: credit 0.00 USD, tier none",
        "invoice INV-2026-000002: total 39.00, credited 39.00, due 0.00, credited",
        "super_admin",
        "subscription.cancellation_scheduled",
        "subscription.resumed",
        "Done: every answer was as expected",
    ] {
        assert!(said.contains(line), "no `{line}` in:\n{said}");
    }
    let (exit, out, err) = test.db.daybook(&["verify"]).await;
    assert_eq!(exit, 0, "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_walk_fails_loudly_on_an_answer_that_it_did_not_expect() {
    let test = TestApp::start().await;
    let (exit, said) = walk(&test, "dbk_wrong").await;
    assert_eq!(exit, 1, "{said}");
    assert!(said.contains("POST /api/accounts answered 401, not 201"), "{said}");
}
