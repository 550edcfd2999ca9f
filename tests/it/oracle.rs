//! An independent computation of the billing: what the rules record of ten thousand random
//! subscriptions is reckoned again by another program in another language, written from the same
//! documents, with other libraries for decimals and calendars. Periods, prorations, taxes and
//! credit agree to the cent, or the program names the first figures that do not.
//!
//! The program is `tests/oracle/reckon.py` in the root of the repository. What it is given are
//! lines of the ledger's own export. A test of its own plants faults, each of one minor unit or
//! one second, so that a program that has gone blind is noticed.

mod cases;
mod life;
mod parties;

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
    thread,
};

use daybook_events::{Currency, Money};
use serde_json::Value;

use self::{
    cases::case,
    life::{Counts, play},
};

const CASES: u32 = 10_000;
const PROCESSES: u32 = 2;

/// Has the program reckon JSON lines that come piece by piece.
fn reckon(pieces: impl Iterator<Item = String>) -> Output {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new("python3")
        .args(["-B".into(), root.join("tests/oracle/reckon.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed, as `scripts/setup test` sees to");
    let mut stdin = child.stdin.take().unwrap();
    for piece in pieces {
        // It reads to the end whatever it finds; if it has died its exit code says so.
        if stdin.write_all(piece.as_bytes()).is_err() {
            break;
        }
    }
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What the program says it checked.
fn checked(output: &Output) -> Counts {
    let said = said(output);
    let last = said.lines().last().unwrap_or_default();
    let counts = last.strip_prefix("checked: ").unwrap_or_default();
    let count = |kind: &str| {
        let found = counts.split(", ").find_map(|part| part.strip_suffix(kind));
        found.map_or(0, |count| count.trim_end().parse().unwrap())
    };
    Counts {
        subscriptions: count(" subscriptions"),
        periods: count(" periods"),
        lines: count(" lines"),
        invoices: count(" invoices"),
        credit_notes: count(" credit_notes"),
        orders: count(" orders"),
    }
}

/// Plays and reckons every case whose number leaves this rest.
fn reckon_share(rest: u32) -> (Counts, Output) {
    let mut made = Counts::default();
    let shares = (0..CASES).filter(|number| number % PROCESSES == rest);
    let output = reckon(shares.map(|number| {
        let life = play(number, &case(number));
        made = made.plus(life.counts());
        life.lines()
    }));
    (made, output)
}

#[test]
fn an_independent_computation_agrees_on_ten_thousand_subscriptions() {
    let shares: Vec<_> =
        (0..PROCESSES).map(|rest| thread::spawn(move || reckon_share(rest))).collect();
    let shares: Vec<_> = shares.into_iter().map(|share| share.join().unwrap()).collect();
    let mut sum = Counts::default();
    for (made, output) in shares {
        assert!(output.status.success(), "{}", said(&output));
        // A program that checks nothing agrees with everything.
        assert_eq!(checked(&output), made);
        sum = sum.plus(made);
    }
    assert!(sum.subscriptions >= u64::from(CASES), "{sum:?}");
    assert!(sum.periods > sum.subscriptions && sum.lines > sum.periods, "{sum:?}");
    println!("{sum:?}");
}

#[test]
fn nothing_to_check_is_a_failure() {
    let output = reckon(std::iter::empty());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(checked(&output), Counts::default());
}

/// Alters one figure of an item, where it has that figure.
type Plant = fn(&mut Value) -> Option<()>;

/// One minor unit more.
fn more(money: &mut Value) -> Option<()> {
    let currency: Currency = money["currency"].as_str()?.parse().ok()?;
    let amount = Money::parse(money["amount"].as_str()?, currency).ok()?;
    let more = Money::from_minor(amount.minor() + 1, currency).unwrap();
    *money = serde_json::to_value(more).unwrap();
    Some(())
}

/// One more in whole units.
fn one_more(number: &mut Value) -> Option<()> {
    *number = (number.as_i64()? + 1).into();
    Some(())
}

/// One second later.
fn later(instant: &mut Value) -> Option<()> {
    let at: daybook_events::Timestamp = instant.as_str()?.parse().ok()?;
    *instant = at.plus_seconds(1).to_string().into();
    Some(())
}

/// The payload of an event of a type.
fn of<'v>(item: &'v mut Value, type_name: &str) -> Option<&'v mut Value> {
    let event = item.get_mut("event")?;
    (event["type"] == type_name).then(|| &mut event["payload"])
}

/// The first line of a document's payload.
fn first_line(payload: &mut Value) -> Option<&mut Value> {
    payload.get_mut("lines")?.get_mut(0)
}

/// The amount of a tax of a line.
fn tax<'v>(line: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    let taxes = line.get_mut("taxes")?.as_array_mut()?;
    taxes.iter_mut().find(|tax| tax["rate"]["name"] == name)?.get_mut("amount")
}

const FAULTS: &[(&str, Plant)] = &[
    ("lines[0].taxes.VAT", |it| more(tax(first_line(of(it, "invoice.issued")?)?, "VAT")?)),
    ("lines[0].taxes.CGST", |it| more(tax(first_line(of(it, "invoice.issued")?)?, "CGST")?)),
    ("lines[0].taxes.IGST", |it| more(tax(first_line(of(it, "credit_note.issued")?)?, "IGST")?)),
    ("lines[0].proration.amount", |it| {
        more(first_line(of(it, "invoice.issued")?)?.get_mut("proration")?.get_mut("amount")?)
    }),
    ("lines[0].proration.numerator", |it| {
        let line = first_line(of(it, "credit_note.issued")?)?;
        one_more(line.get_mut("proration")?.get_mut("numerator")?)
    }),
    ("lines[0].discount", |it| {
        more(first_line(of(it, "invoice.issued")?)?.get_mut("discount")?.get_mut("amount")?)
    }),
    ("lines[0].credited_before", |it| {
        more(first_line(of(it, "credit_note.issued")?)?.get_mut("credited_before")?)
    }),
    ("totals.total", |it| more(&mut of(it, "credit_note.issued")?["totals"]["total"])),
    ("reduces_due", |it| more(&mut of(it, "credit_note.issued")?["reduces_due"])),
    ("to_credit", |it| more(&mut of(it, "credit_note.issued")?["to_credit"])),
    ("to_refund", |it| more(&mut of(it, "credit_note.issued")?["to_refund"])),
    ("period.end", |it| later(&mut of(it, "subscription.renewed")?["period"]["end"])),
    ("period.start", |it| later(&mut of(it, "subscription.activated")?["period"]["start"])),
    ("amount", |it| more(&mut of(it, "order.placed")?["amount"])),
    ("amount", |it| more(&mut of(it, "credit.applied")?["amount"])),
    ("amount", |it| more(&mut of(it, "refund.requested")?["amount"])),
    ("credit", |it| more(it.get_mut("state")?.get_mut("credit")?)),
    ("due of ", |it| {
        more(it.get_mut("state")?.get_mut("dues")?.as_object_mut()?.values_mut().next()?)
    }),
];

/// The first case in which a fault can be planted, with it, and where it is.
fn planted(plant: Plant) -> (String, String, String) {
    for number in 0..2_000 {
        let lines = play(number, &case(number)).lines();
        let mut items: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut position = 0;
        for item in &mut items {
            position = item["event"]["position"].as_i64().unwrap_or(position);
            if plant(item).is_some() {
                let altered: Vec<_> = items.iter().map(|item| format!("{item}\n")).collect();
                return (lines, altered.concat(), format!("case {number}, position {position}, "));
            }
        }
    }
    panic!("no case has the figure");
}

#[test]
fn a_figure_that_is_off_by_one_unit_is_named() {
    for (field, plant) in FAULTS {
        let (sound, altered, place) = planted(*plant);
        assert!(reckon([sound].into_iter()).status.success(), "{field}: before the fault");
        let output = reckon([altered].into_iter());
        assert_eq!(output.status.code(), Some(1), "{field}");
        let named = format!("{place}{field}");
        assert!(said(&output).contains(&named), "{named} is not in:\n{}", said(&output));
    }
}

#[test]
fn a_document_that_is_missing_is_noticed() {
    for type_name in ["credit_note.issued", "invoice.issued", "credit.applied", "invoice.paid"] {
        let named = format!("\"type\":\"{type_name}\"");
        let with = (0..2_000).map(|number| play(number, &case(number)).lines());
        let lines = with.into_iter().find(|lines| lines.contains(&named)).unwrap();
        let mut kept: Vec<_> = lines.split_inclusive('\n').collect();
        kept.remove(kept.iter().position(|line| line.contains(&named)).unwrap());
        let output = reckon([kept.concat()].into_iter());
        assert_eq!(output.status.code(), Some(1), "{type_name}");
        let named = format!("event: expected {type_name}, found ");
        assert!(said(&output).contains(&named), "{named} is not in:\n{}", said(&output));
    }
}
