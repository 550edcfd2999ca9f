//! A simulated year, whose books four other programs reckon: hledger, ledger and beancount from the
//! journals, and one of our own in another language from the lines of the log alone. All say what
//! the trial balance says, to the last digit; the last also what is due, earned and deferred.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rust_decimal::Decimal;
use serde_json::Value;

use super::plain_text::{Balances, Journals, capital};
use crate::harness::TestDb;

/// What the trial balance says, but for what is zero.
fn trial_balance(snapshot: &Path, name: impl Fn(&str) -> String) -> Balances {
    let text = fs::read_to_string(snapshot.join("trial_balance.jsonl")).unwrap();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        let balance: Decimal = text("balance").parse().unwrap();
        ((name(&text("account")), text("currency")), balance)
    };
    let mut balances: Balances = text.lines().map(row).collect();
    balances.retain(|_, balance| !balance.is_zero());
    balances
}

/// What the program makes of a log beside a snapshot: whether they agree, and what it says.
fn reckoned(log: &str, snapshot: &Path) -> (bool, String) {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/books.py");
    let mut child = Command::new("python3")
        .args(["-B".as_ref(), program.as_os_str(), snapshot.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed, as `scripts/setup test` sees to");
    child.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    (output.status.success(), said)
}

/// The log with one cent less in the nth event of a type.
fn falsified(log: &str, kind: &str, field: &str) -> String {
    let of_kind = format!("\"type\":\"{kind}\"");
    let mut changed = 0;
    let mut change = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let amount = &mut event["payload"][field]["amount"];
        match amount.as_str().and_then(|text| text.strip_suffix('0')) {
            Some(rest) if changed == 0 && rest.contains('.') => {
                changed = 1;
                *amount = Value::from(format!("{rest}1"));
                event.to_string()
            }
            Some(_) | None => line.to_owned(),
        }
    };
    let lines = log.lines().map(|line| match line.contains(&of_kind) {
        true => change(line),
        false => line.to_owned(),
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(changed, 1, "no {field} of {kind} to change");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_year_is_reckoned_alike_by_four_other_programs() {
    let db = TestDb::new().await;
    let simulate = ["simulate", "--accounts", "60", "--months", "12", "--output", "json"];
    let (exit, _, err) = db.daybook(&simulate).await;
    assert_eq!(exit, 0, "{err}");
    let dir = tempfile::tempdir().unwrap();
    let (out, key) = (dir.path().join("year"), dir.path().join("key"));
    let (shown, key) = (out.to_str().unwrap(), key.to_str().unwrap());
    let take = ["snapshot", "--out", shown, "--signing-key-file", key];
    let (exit, _, err) = db.daybook(&take).await;
    assert_eq!(exit, 0, "{err}");
    let (exit, said, err) = db.daybook(&["snapshot", "check", shown]).await;
    assert_eq!(exit, 0, "{said}{err}");

    let expected = trial_balance(&out, str::to_owned);
    assert!(expected.len() > 20, "{expected:?}");
    let [of_hledger, of_ledger, of_beancount] = Journals::at(&out).balances();
    assert_eq!(of_hledger, expected);
    assert_eq!(of_ledger, expected);
    assert_eq!(of_beancount, trial_balance(&out, capital));

    let (exit, log, err) = db.daybook(&["replay", "--output", "json"]).await;
    assert_eq!(exit, 0, "{err}");
    let (agrees, said) = reckoned(&log, &out);
    assert!(agrees, "{said}");
    for (kind, field) in [("invoice.paid", "from_payment"), ("credit_note.issued", "reduces_due")] {
        let (agrees, said) = reckoned(&falsified(&log, kind, field), &out);
        assert!(!agrees, "{kind} {field}: {said}");
    }
}
