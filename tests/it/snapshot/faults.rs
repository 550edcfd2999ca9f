//! Faults planted in a snapshot: each is found, and said where it is.

use std::{fs, path::Path};

use data_encoding::HEXLOWER;
use daybook::snapshot::{
    Asked, check,
    checkpoint::Checkpoint,
    key::Key,
    manifest::{FileEntry, Manifest},
};
use sha2::{Digest as _, Sha256};

use super::{files, findings, position, rich, snapshot, taken};
use crate::harness::TestApp;

/// Makes the manifest say what the files are now, and signs it: what is found then is not found by
/// its hash.
fn reseal(dir: &Path, change: impl FnOnce(&mut Manifest)) {
    let mut manifest: Manifest =
        serde_json::from_slice(&fs::read(dir.join("manifest.json")).unwrap()).unwrap();
    for file in &mut manifest.files {
        let Ok(bytes) = fs::read(dir.join(&file.name)) else { continue };
        let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
        *file = FileEntry { bytes: u64::try_from(bytes.len()).unwrap(), sha256, ..file.clone() };
    }
    change(&mut manifest);
    let bytes = manifest.to_bytes();
    fs::write(dir.join("manifest.json"), &bytes).unwrap();
    let root = HEXLOWER.decode(manifest.tree.root.as_bytes()).unwrap().try_into().unwrap();
    let hash = HEXLOWER.encode(&Sha256::digest(&bytes));
    let tree = (manifest.tree.size, root);
    let note = Checkpoint::signed(manifest.ledger, tree, &hash, &Key::random()).unwrap();
    fs::write(dir.join("checkpoint.txt"), note).unwrap();
}

/// Replaces the first of some texts in a file.
fn edit(dir: &Path, file: &str, from: &str, to: &str) {
    let text = fs::read_to_string(dir.join(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}: {text}");
    fs::write(dir.join(file), text.replacen(from, to, 1)).unwrap();
}

/// Puts something at the end of a file.
fn append(dir: &Path, file: &str, more: &str) {
    let text = fs::read_to_string(dir.join(file)).unwrap();
    fs::write(dir.join(file), text + more).unwrap();
}

/// A copy of a snapshot.
fn copy(of: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(of).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    dir
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bytes_are_found_wherever_they_are() {
    let test = TestApp::start().await;
    test.subscriber("pro").await;
    let (_dir, out, _) = snapshot(&test, Asked::default()).await;
    let dir = copy(&out);
    let mut names: Vec<_> = files(&out).into_keys().collect();
    names.push("checkpoint.txt".to_owned());
    for name in names {
        let (path, bytes) = (dir.path().join(&name), fs::read(out.join(&name)).unwrap());
        // A prime stride meets every place of a row sooner or later.
        let stride = if bytes.len() < 1000 { 7 } else { 61 };
        for nth in (0..bytes.len()).step_by(stride) {
            let mut flipped = bytes.clone();
            flipped[nth] ^= 1;
            fs::write(&path, &flipped).unwrap();
            let found = findings(dir.path());
            let told = found.iter().any(|found| found.contains(&name) || name == "manifest.json");
            assert!(told, "byte {nth} of {name}: {found:?}");
        }
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(findings(dir.path()), Vec::<String>::new());
}

type Plant = Box<dyn Fn(&Path)>;

/// The same change in both forms of a table.
fn both(table: &'static str, csv: [&'static str; 2], json: [&'static str; 2]) -> Plant {
    Box::new(move |dir| {
        edit(dir, &format!("{table}.csv"), csv[0], csv[1]);
        edit(dir, &format!("{table}.jsonl"), json[0], json[1]);
    })
}

/// What a row may say that is not so, and what is found then.
fn faults_of_rows() -> Vec<(&'static str, Plant, &'static str)> {
    vec![
        (
            "the CSV says another amount than the JSON",
            Box::new(|dir| edit(dir, "payments.csv", ",15.00,", ",15.01,")),
            "payments.csv:",
        ),
        (
            "a cell that a spreadsheet would run",
            Box::new(|dir| edit(dir, "refunds.csv", "'=HYPER", "=HYPER")),
            "the row is not that of refunds.jsonl",
        ),
        (
            "a posting was changed in both forms",
            both("journal", [",USD,", ",EUR,"], ["\"USD\"", "\"EUR\""]),
            "does not balance",
        ),
        (
            "an amount is a number of JSON",
            Box::new(|dir| edit(dir, "invoices.jsonl", "\"total\":\"15.00\"", "\"total\":15.00")),
            "`total` is not of its kind",
        ),
        (
            "an amount without its decimals",
            Box::new(|dir| edit(dir, "invoices.jsonl", "\"total\":\"15.00\"", "\"total\":\"15\"")),
            "`total` is not of its kind",
        ),
        (
            "fields in another order, or spaces",
            Box::new(|dir| edit(dir, "invoices.jsonl", "{\"", "{ \"")),
            "not in the form in which rows are written",
        ),
        (
            "an account of the trial balance",
            both(
                "trial_balance",
                ["USD,assets:Receivable,", "USD,assets:Receivables,"],
                ["assets:Receivable\"", "assets:Receivables\""],
            ),
            "the journal makes another row",
        ),
        (
            "what an account is",
            both("trial_balance", [",asset,", ",income,"], ["\"asset\"", "\"income\""]),
            "the journal makes another row",
        ),
        (
            "a row beyond the bounds",
            both("journal", [",2026-05-01,", ",2027-05-01,"], ["2026-05-01", "2027-05-01"]),
            "it lies beyond the bounds",
        ),
    ]
}

/// What may be said that other rows gainsay, and what is found then.
fn faults_beside_rows() -> Vec<(&'static str, Plant, &'static str)> {
    vec![
        (
            "a posting that its entry does not know",
            Box::new(|dir| {
                let path = dir.join("journal.jsonl");
                let text = fs::read_to_string(&path).unwrap();
                let second = text.lines().nth(1).unwrap();
                assert!(second.starts_with("{\"entry\":1,"), "{second}");
                let other = second.replacen("\"description\":\"", "\"description\":\"x", 1);
                fs::write(&path, text.replacen(second, &other, 1)).unwrap();
            }),
            "journal.jsonl:2: it is not of entry 1 as that began",
        ),
        (
            "a bucket",
            both("receivables_ageing", [",not_due,", ",over_90,"], ["not_due", "over_90"]),
            "receivables_ageing.jsonl:1: it is not so old, or of another bucket",
        ),
        (
            "days overdue",
            both(
                "receivables_ageing",
                [",0,not_due,", ",1,not_due,"],
                ["\"days_overdue\":0", "\"days_overdue\":1"],
            ),
            "receivables_ageing.jsonl:1: it is not so old, or of another bucket",
        ),
        (
            "an invoice that is due and another one that ages",
            both("receivables_ageing", ["inv_01", "inv_02"], ["inv_01", "inv_02"]),
            "receivables_ageing.jsonl:1: it is not the row of invoices.jsonl that comes next",
        ),
        (
            "a line that is not the invoice's",
            both("deferred_revenue", ["inv_01", "inv_02"], ["inv_01", "inv_02"]),
            "deferred_revenue.jsonl:1: it is not the row of invoice_lines.jsonl that comes next",
        ),
        (
            "an amount in the journal for hledger",
            Box::new(|dir| edit(dir, "journal.hledger", "  15.00 USD", "  15.01 USD")),
            "it says something else than journal.jsonl",
        ),
        (
            "an entry more in the journal for beancount",
            Box::new(|dir| append(dir, "journal.beancount", "\n2026-05-01 * \"more\"\n")),
            "it goes on after the journal's end",
        ),
        (
            "an account that the journal for hledger does not declare",
            Box::new(|dir| {
                edit(dir, "journal.hledger", "account assets:Receivable\n", "");
            }),
            "✗ journal.hledger:",
        ),
    ]
}

/// What a file may be that it is not, and what is found then.
fn faults_of_files() -> Vec<(&'static str, Plant, &'static str)> {
    vec![
        (
            "another header",
            Box::new(|dir| edit(dir, "refunds.csv", "refund_id,", "refund,")),
            "refunds.csv:1: its columns are not those",
        ),
        (
            "a row less in one form",
            Box::new(|dir| {
                let text = fs::read_to_string(dir.join("payments.jsonl")).unwrap();
                let cut = text.lines().next().unwrap().len() + 1;
                fs::write(dir.join("payments.jsonl"), &text[..text.len() - cut]).unwrap();
            }),
            "payments",
        ),
        (
            "a file too many",
            Box::new(|dir| fs::write(dir.join("more"), "").unwrap()),
            "✗ more: it is no file",
        ),
        (
            "a file too few",
            Box::new(|dir| fs::remove_file(dir.join("refunds.csv")).unwrap()),
            "✗ refunds.csv: it is missing",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_and_signed_again_is_found_by_what_it_says() {
    let test = rich().await;
    let (_dir, out, manifest) = snapshot(&test, Asked::default()).await;
    assert_eq!(findings(&out), Vec::<String>::new());
    let faults = [faults_of_rows(), faults_beside_rows(), faults_of_files()];
    for (name, plant, expected) in faults.into_iter().flatten() {
        let dir = copy(&out);
        plant(dir.path());
        reseal(dir.path(), |_| {});
        let found = findings(dir.path());
        assert!(found.iter().any(|found| found.contains(expected)), "{name}: {found:#?}");
    }
    for (name, change, expected) in manifest_faults() {
        let dir = copy(&out);
        reseal(dir.path(), change);
        let found = findings(dir.path());
        assert!(found.iter().any(|found| found.contains(expected)), "{name}: {found:#?}");
    }
    assert!(manifest.position > 1);
}

type Change = fn(&mut Manifest);

/// What a manifest may say that is not so, and what is found then.
fn manifest_faults() -> Vec<(&'static str, Change, &'static str)> {
    vec![
        ("a position", |manifest| manifest.position -= 1, "its tree is not of its position"),
        ("a format", |manifest| manifest.format = 2, "its format is 2"),
        ("a count", |manifest| manifest.files[0].rows += 1, "rows, the manifest says"),
        ("a total", |manifest| manifest.files[0].totals.clear(), "are not the control totals"),
        ("an order", |manifest| manifest.files.reverse(), "in their order"),
        ("no tie", |manifest| manifest.ties.clear(), "it lacks the tie entries_balance in USD"),
        (
            "a tie less",
            |manifest| manifest.ties.truncate(4),
            "it lacks the tie schedule_is_deferred_revenue in",
        ),
        (
            "a file elsewhere",
            |manifest| manifest.files[0].name = "../signing-key".to_owned(),
            "\"../signing-key\", which is no further file of a snapshot",
        ),
        (
            "a file without an end",
            |manifest| manifest.files[0].name = "/dev/zero".to_owned(),
            "\"/dev/zero\", which is no further file of a snapshot",
        ),
        (
            "a file twice",
            |manifest| manifest.files.push(manifest.files[0].clone()),
            "which is no further file of a snapshot",
        ),
        (
            "a tie that holds, of other sums",
            |manifest| {
                let tie = manifest.ties.iter_mut().find(|tie| tie.tie == "ageing_is_receivable");
                let tie = tie.unwrap();
                (tie.books, tie.expected) = ("1.00".to_owned(), "1.00".to_owned());
            },
            "its tie ageing_is_receivable in USD is not that of the files",
        ),
        ("a tie", |manifest| manifest.ties[0].books.push('1'), "does not hold in USD"),
        (
            "a day",
            |manifest| manifest.through = "2026-05-01".parse().unwrap(),
            "it lies beyond the bounds",
        ),
    ]
}

/// Sums that are held against each other: each side is changed in both forms, with its totals.
#[tokio::test(flavor = "multi_thread")]
async fn sums_that_do_not_tie_are_found() {
    let test = rich().await;
    let (_dir, out, _) = snapshot(&test, Asked::default()).await;
    for (table, column, expected) in [
        ("invoices", "total", "the lines are the invoices"),
        ("invoices", "due", "what is due on invoices is what is receivable"),
        ("invoices", "credited", "the credit notes are what invoices were credited"),
        ("invoice_lines", "total", "the lines are the invoices"),
        ("credit_notes", "total", "revenue, deferred revenue and tax are the documents"),
        ("receivables_ageing", "due", "the ageing is what is receivable"),
        ("deferred_revenue", "deferred", "the schedule is deferred revenue"),
        ("deferred_revenue", "recognised", "what is billed is not what became of it"),
        ("deferred_revenue_months", "amount", "the months are deferred revenue"),
        ("revenue_roll_forward", "opening_deferred", "the journal makes another row"),
        ("revenue_roll_forward", "billed", "the journal makes another row"),
        ("revenue_roll_forward", "credited_unearned", "the journal makes another row"),
        ("revenue_roll_forward", "recognised", "the journal makes another row"),
        ("revenue_roll_forward", "closing_deferred", "the journal makes another row"),
        ("revenue_roll_forward", "contra_revenue", "the journal makes another row"),
        ("revenue_roll_forward", "net_revenue", "the journal makes another row"),
        ("trial_balance", "debit", "the journal makes another row"),
        ("trial_balance", "credit", "the journal makes another row"),
        ("trial_balance", "balance", "the journal makes another row"),
        ("invoices", "net", "net and tax are not the total"),
        ("invoices", "tax", "net and tax are not the total"),
        ("invoices", "paid_by_payment", "what is due is what nothing has settled"),
        ("invoices", "paid_by_credit", "what is due is what nothing has settled"),
        ("invoices", "written_off", "what is written off is bad debt"),
        ("invoice_lines", "tax", "net and tax are not the total"),
        ("invoice_lines", "net", "deferred_revenue.jsonl:1: it is not the row"),
        ("credit_notes", "net", "net and tax are not the total"),
        ("credit_notes", "reduces_due", "what became of it is not its total"),
        ("credit_notes", "to_refund", "what credit notes refund, less what was sent"),
        ("credit_notes", "to_credit", "payments and credit, less what invoices used"),
        ("payments", "amount", "payments less fees, refunds and disputes"),
        ("payments", "refunded", "are what payments were refunded"),
        ("payments", "deducted", "what disputes took is charged back"),
        ("payments", "fee", "fees are what processors kept"),
        ("payments", "fee_tax", "the tax on fees is input tax"),
        ("refunds", "sent", "what credit notes refund, less what was sent"),
        ("refunds", "amount", "what was sent of it is not what its status says"),
        ("refunds", "unplaced", "what could be taken from nothing is unplaced"),
        ("journal", "amount", "does not balance"),
    ] {
        let dir = copy(&out);
        raise(dir.path(), table, column);
        reseal(dir.path(), |_| {});
        let found = findings(dir.path());
        let told = found.iter().any(|found| found.contains(expected));
        assert!(told, "{table}.{column}: {found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_row_that_was_taken_away_is_found() {
    let test = rich().await;
    let (_dir, out, _) = snapshot(&test, Asked::default()).await;
    for (table, expected) in [
        ("revenue_roll_forward", "it lacks 1 rows that the journal makes"),
        ("trial_balance", "it lacks 1 rows that the journal makes"),
        ("receivables_ageing", "it lacks rows of invoices.jsonl"),
        ("deferred_revenue", "it lacks rows of invoice_lines.jsonl"),
        ("journal", "rows, the manifest says"),
    ] {
        let dir = copy(&out);
        for form in ["csv", "jsonl"] {
            let path = dir.path().join(format!("{table}.{form}"));
            let text = fs::read_to_string(&path).unwrap();
            let kept: Vec<_> = text.lines().collect();
            fs::write(&path, kept[..kept.len() - 1].join("\n") + "\n").unwrap();
        }
        reseal(dir.path(), |_| {});
        let found = findings(dir.path());
        assert!(found.iter().any(|found| found.contains(expected)), "{table}: {found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_must_hold_something_and_does_not_is_found() {
    let test = rich().await;
    let (_dir, out, _) = snapshot(&test, Asked::default()).await;
    for (table, column, expected) in [
        ("journal", "entry", "`entry` is missing"),
        ("journal", "amount", "`amount` is missing"),
        ("journal", "currency", "`amount` is not of its kind"),
        ("trial_balance", "debit", "`debit` is missing"),
        ("invoices", "due", "`due` is missing"),
        ("payments", "amount", "`amount` is missing"),
    ] {
        let dir = copy(&out);
        put(dir.path(), table, column, ["null", ""]);
        reseal(dir.path(), |_| {});
        let found = findings(dir.path());
        let told = found.iter().any(|found| found.contains(expected));
        assert!(told, "{table}.{column}: {found:#?}");
    }
}

/// A check ends, whatever lies in the folder.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_regular_file_is_found_and_never_opened() {
    let test = TestApp::start().await;
    test.subscriber("pro").await;
    let (_dir, out, _) = snapshot(&test, Asked::default()).await;
    for name in
        ["journal.csv", "payments.jsonl", "journal.hledger", "checkpoint.txt", "manifest.json"]
    {
        let dir = copy(&out);
        let path = dir.path().join(name);
        let expected = format!("✗ {name}: it cannot be read: it is no regular file");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(findings(dir.path()).contains(&expected), "{name}: {:#?}", findings(dir.path()));
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(findings(dir.path()).contains(&expected), "{name}: {:#?}", findings(dir.path()));
    }
}

/// Puts another amount into a column of a table's first row, in both forms.
fn raise(dir: &Path, table: &str, column: &str) {
    put(dir, table, column, ["\"987654.32\"", "987654.32"]);
}

/// Puts a value into a column of a table's first row, in both forms: as JSON and as a cell of CSV.
fn put(dir: &Path, table: &str, column: &str, [value, cell]: [&str; 2]) {
    let (csv, json) = (dir.join(format!("{table}.csv")), dir.join(format!("{table}.jsonl")));
    let text = fs::read_to_string(&json).unwrap();
    let first = text.lines().next().unwrap();
    let row: serde_json::Value = serde_json::from_str(first).unwrap();
    let old = format!("\"{column}\":{}", row[column]);
    fs::write(&json, text.replacen(&old, &format!("\"{column}\":{value}"), 1)).unwrap();
    let mut reader = csv::Reader::from_path(&csv).unwrap();
    let nth = reader.headers().unwrap().iter().position(|name| name == column).unwrap();
    let header = reader.headers().unwrap().clone();
    let mut records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let mut cells: Vec<String> = records[0].iter().map(str::to_owned).collect();
    cells[nth] = cell.to_owned();
    records[0] = cells.into();
    let mut writer = csv::Writer::from_path(&csv).unwrap();
    writer.write_record(&header).unwrap();
    records.iter().for_each(|record| writer.write_record(record).unwrap());
    writer.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_one_has_kept_tells_whose_snapshot_it_is() {
    let test = TestApp::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (out, key) = (dir.path().join("out"), Key::random());
    let manifest = taken(test.app.pool(), &test.clock, position(3), &key, &out).await.unwrap();
    let (own, other) = (key.verifier(manifest.ledger), Key::random().verifier(manifest.ledger));
    let report = check::check(&out, Some(&own), &mut |_, _| {});
    assert_eq!((report.findings, report.signed_by.as_ref()), (vec![], Some(&own)));
    let report = check::check(&out, Some(&other), &mut |_, _| {});
    assert_eq!((report.findings.len(), report.signed_by), (1, None));
    assert!(report.findings[0].problem.contains("it is signed by"));
}
