//! The journals as hledger, ledger and beancount read them: each accepts its journal at its
//! strictest and reckons our balances to the last digit, whatever a description holds; and each
//! refuses an entry that does not balance and an account that nothing declared.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use daybook::snapshot::{beancount, hledger, plain_text::Declarations};
use daybook_events::{Currency, Money, ids::AccountId};
use daybook_projections::journal::entry::{Entry, Posting};
use rust_decimal::Decimal;
use serde_json::Value;

/// What a reader of a journal may take for its own syntax.
const HOSTILE: [&str; 22] = [
    "",
    " ; date:2020-01-01",
    "Evil ; date:2020-01-01, position:7",
    "! pending",
    "* cleared",
    "(INV)2) code",
    "= > automatic",
    "payee | note | more",
    "two  spaces\tand a tab",
    "first line\n    assets:Bank  1000000.00 EUR\n    income:Plans\n",
    "first line\r\n\r\n2020-01-01 open Assets:Bank\r\n",
    "quote \" and \\ backslash \\\" and \\",
    "include ../../etc/passwd",
    "; ; ; |||",
    "[2020-01-01] {5 EUR} @@ 7 EUR #tag ^link ::",
    ":a:b: key:: (1 + 1)",
    "~ monthly % 5 & <b> $HOME `id` ${x}",
    "₹ € ₺ Ж Ω é 株式会社 🙂",
    "\u{202e}gpj.exe\u{2066} \u{200f}\u{feff}",
    "\u{0}\u{1}\u{b}\u{c}\u{1b}[31m\u{7f}\u{85}\u{9b}\u{2028}\u{2029}end",
    "comment\nend comment\n",
    "=cmd|'/C calc'!A0",
];

fn money(amount: &str, currency: Currency) -> Money {
    Money::parse(amount, currency).unwrap()
}

fn entry(day: u32, description: &str, postings: &[(&str, &str, Currency)]) -> Entry {
    let posting = |(account, amount, currency): &(&str, &str, Currency)| Posting {
        account: (*account).to_owned(),
        amount: money(amount, *currency),
    };
    let customer: AccountId = "acc_01900000000070008000000000000001".parse().unwrap();
    Entry {
        position: Some(i64::from(day) + 40),
        posting_on: chrono::NaiveDate::from_ymd_opt(2026, 8, day).unwrap(),
        kind: "invoice.issued".into(),
        account_id: Some(customer),
        reference: Some("ML/26-27/000001".into()),
        description: description.into(),
        postings: postings.iter().map(posting).collect(),
    }
}

/// Entries in currencies of every exponent, out of order, and with every hostile text in every
/// place that holds text.
fn entries() -> Vec<Entry> {
    let (inr, jpy, kwd, eur) = (Currency::INR, Currency::JPY, Currency::KWD, Currency::EUR);
    let mut entries = vec![
        entry(
            20,
            "Invoice: VPS Pro",
            &[
                ("assets:Receivable", "1180.00", inr),
                ("liabilities:DeferredRevenue", "-1000.00", inr),
                ("liabilities:TaxPayable:IN:CGST", "-90.00", inr),
                ("liabilities:TaxPayable:IN-29:SGST", "-90.00", inr),
            ],
        ),
        entry(
            3,
            "Yen",
            &[("assets:Clearing:Razorpay", "1235", jpy), ("income:Revenue", "-1235", jpy)],
        ),
        entry(
            4,
            "Dinar",
            &[("assets:lemon_squeezy", "0.001", kwd), ("income:Revenue", "-0.001", kwd)],
        ),
        entry(
            5,
            "As large as amounts are, and nothing at all",
            &[
                ("assets:Bank", "9999999999999.99", eur),
                ("equity:Conversion", "-9999999999999.99", eur),
                ("expenses:ProcessorFees", "0.00", eur),
                ("assets:Bank", "-1", jpy),
                ("equity:Conversion", "1", jpy),
            ],
        ),
        entry(6, "Nothing", &[]),
    ];
    for (index, text) in HOSTILE.iter().chain(&HOSTILE).enumerate() {
        let account = format!("expenses:{}", text.replace(':', ""));
        let mut hostile =
            entry(7, text, &[("assets:Bank", "-0.01", eur), (account.as_str(), "0.01", eur)]);
        hostile.reference = (index < HOSTILE.len()).then(|| (*text).to_owned());
        hostile.position = index.is_multiple_of(2).then_some(7);
        hostile.account_id = None;
        entries.push(hostile);
    }
    entries
}

fn declared(entries: &[Entry]) -> Declarations {
    let mut declared = Declarations::default();
    entries.iter().for_each(|entry| declared.see(entry));
    declared
}

/// What writes a dialect: what stands before the entries, and one entry.
type Dialect =
    (fn(&mut Vec<u8>, &Declarations) -> io::Result<()>, fn(&mut Vec<u8>, &Entry) -> io::Result<()>);

const HLEDGER: Dialect = (hledger::head, hledger::entry);
const BEANCOUNT: Dialect = (beancount::head, beancount::entry);

/// A whole journal.
fn whole(
    (head, entry): Dialect,
    declared: &Declarations,
    entries: &[Entry],
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    head(&mut bytes, declared)?;
    entries.iter().try_for_each(|item| entry(&mut bytes, item))?;
    Ok(bytes)
}

/// Both journals in a folder, by the names that they have in a snapshot.
pub(super) struct Journals {
    hledger: PathBuf,
    beancount: PathBuf,
    _dir: Option<tempfile::TempDir>,
}

impl Journals {
    pub(super) fn at(folder: &Path) -> Self {
        let (hledger, beancount) = ("journal.hledger", "journal.beancount");
        Self { hledger: folder.join(hledger), beancount: folder.join(beancount), _dir: None }
    }

    fn of(entries: &[Entry], declared: &Declarations) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let written = Self::at(dir.path());
        fs::write(&written.hledger, whole(HLEDGER, declared, entries).unwrap()).unwrap();
        fs::write(&written.beancount, whole(BEANCOUNT, declared, entries).unwrap()).unwrap();
        Self { _dir: Some(dir), ..written }
    }

    /// What hledger, ledger and beancount reckon, each of which accepts its journal at its strictest.
    pub(super) fn balances(&self) -> [Balances; 3] {
        accepted(&self.hledger(&["check", "--strict"]));
        let csv = accepted(&self.hledger(&["balance", "--flat", "--no-total", "-O", "csv"]));
        let format = "%(account)|%(scrub(display_total))\n";
        let text = accepted(&self.ledger(&["balance", "--flat", "--no-total", "--format", format]));
        accepted(&self.bean_check());
        let beans = accepted(&self.beancount());
        [of_hledger(&csv), of_ledger(&text), of_beancount(&beans)]
    }

    fn hledger(&self, args: &[&str]) -> Output {
        run(Path::new("hledger"), &self.hledger, args)
    }

    fn ledger(&self, args: &[&str]) -> Output {
        let strict = [&["--strict", "--pedantic"], args].concat();
        run(Path::new("ledger"), &self.hledger, &strict)
    }

    fn bean_check(&self) -> Output {
        let program = python_tools("bean-check");
        Command::new(program).arg(&self.beancount).output().unwrap()
    }

    fn beancount(&self) -> Output {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/python");
        Command::new(python_tools("python"))
            .arg("-B")
            .arg(script.join("beancount_balances.py"))
            .arg(&self.beancount)
            .output()
            .unwrap()
    }
}

fn run(program: &Path, journal: &Path, args: &[&str]) -> Output {
    Command::new(program)
        .arg("-f")
        .arg(journal)
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|_| panic!("run `scripts/setup test`: {} is missing", program.display()))
}

fn python_tools(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/python-tools/bin").join(name);
    assert!(path.exists(), "run `scripts/setup test`: {} is missing", path.display());
    path
}

#[track_caller]
fn accepted(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Account and currency, and what stands on it; what is zero is left out, as ledger does.
pub(super) type Balances = BTreeMap<(String, String), Decimal>;

fn ours(entries: &[Entry], name: impl Fn(&str) -> String) -> Balances {
    let mut balances = Balances::new();
    for posting in entries.iter().flat_map(|entry| &entry.postings) {
        let key = (name(&posting.account), posting.amount.currency().to_string());
        *balances.entry(key).or_default() += posting.amount.amount();
    }
    balances.retain(|_, amount| !amount.is_zero());
    balances
}

/// `-1.00 EUR`, with the digits that the currency has.
fn amount(text: &str) -> (String, Decimal) {
    let (number, currency) = text.trim().split_once(' ').unwrap();
    let digits = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let exponent = currency.parse::<Currency>().unwrap().exponent() as usize;
    assert_eq!(digits, exponent, "{text}");
    (currency.to_owned(), number.parse().unwrap())
}

fn of_hledger(csv: &str) -> Balances {
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let mut balances = Balances::new();
    for row in rows.records() {
        let row = row.unwrap();
        for part in row[1].split(", ") {
            let (currency, number) = amount(part);
            balances.insert((row[0].to_owned(), currency), number);
        }
    }
    balances
}

/// ledger prints an account once, and a line for each of its currencies.
fn of_ledger(text: &str) -> Balances {
    let (mut balances, mut account) = (Balances::new(), String::new());
    for line in text.lines() {
        let shown = line.split_once('|').map_or(line, |(name, shown)| {
            account = name.to_owned();
            shown
        });
        let (currency, number) = amount(shown);
        balances.insert((account.clone(), currency), number);
    }
    balances
}

fn of_beancount(text: &str) -> Balances {
    let row = |line: &str| {
        let (account, shown) = line.split_once(' ').unwrap();
        let (currency, number) = amount(shown);
        ((account.to_owned(), currency), number)
    };
    let mut balances: Balances = text.lines().map(row).collect();
    balances.retain(|_, amount| !amount.is_zero());
    balances
}

/// The name that an account has in the journal for hledger, read back from the journal.
fn written(entries: &[Entry]) -> BTreeMap<String, String> {
    let declared = declared(entries);
    let mut head = Vec::new();
    hledger::head(&mut head, &declared).unwrap();
    let head = String::from_utf8(head).unwrap();
    let names = head.lines().filter_map(|line| line.strip_prefix("account "));
    let names: Vec<String> = names.map(str::to_owned).collect();
    assert_eq!(names.len(), declared.accounts.len());
    declared.accounts.into_iter().zip(names).collect()
}

pub(super) fn capital(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

#[test]
fn three_programs_accept_the_journals_and_reckon_our_balances() {
    let entries = entries();
    let journals = Journals::of(&entries, &declared(&entries));
    let written = written(&entries);
    let expected = ours(&entries, |account| written[account].clone());
    assert!(expected.len() > HOSTILE.len());
    let [of_hledger, of_ledger, of_beancount] = journals.balances();
    assert_eq!(of_hledger, expected);
    assert_eq!(of_ledger, expected);
    let expected = ours(&entries, |account| capital(&written[account]));
    assert_eq!(of_beancount, expected);
}

#[test]
fn no_text_makes_or_moves_an_entry() {
    let entries = entries();
    let journals = Journals::of(&entries, &declared(&entries));
    let mut by_day: Vec<&Entry> = entries.iter().collect();
    by_day.sort_by_key(|entry| entry.posting_on);
    let json = accepted(&journals.hledger(&["print", "-O", "json"]));
    let read: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(read.len(), by_day.len());
    for (item, entry) in read.iter().zip(by_day) {
        assert_eq!(item["tdate"], entry.posting_on.to_string(), "{item}");
        assert_eq!(item["tstatus"], "Cleared", "{item}");
        let has_code = entry.reference.as_ref().is_some_and(|text| !text.is_empty());
        assert_eq!(item["tcode"] != "", has_code, "{item}");
        assert_ne!(item["tdescription"], "", "{item}");
        let tags = item["ttags"].as_array().unwrap();
        let expected = [
            entry.position.map(|_| "position"),
            Some("kind"),
            entry.account_id.map(|_| "customer"),
        ];
        assert!(
            tags.iter().map(|tag| tag[0].as_str()).eq(expected.into_iter().filter(Option::is_some)),
            "{item}"
        );
    }
    let text = accepted(&journals.ledger(&["print"]));
    let begins = |line: &&str| line.starts_with("2026/08/");
    assert!(
        text.lines().filter(begins).count()
            == entries.iter().filter(|e| !e.postings.is_empty()).count()
    );
}

#[test]
fn what_does_not_balance_is_refused() {
    for (currency, one, other) in [
        (Currency::EUR, "10.00", "-9.99"),
        (Currency::KWD, "10.000", "-9.999"),
        (Currency::JPY, "10", "-9"),
    ] {
        let postings = [("assets:Bank", one, currency), ("income:Revenue", other, currency)];
        let entries = [entry(1, "a fault", &postings)];
        let journals = Journals::of(&entries, &declared(&entries));
        assert!(!journals.hledger(&["check", "--strict"]).status.success(), "{currency}");
        assert!(!journals.ledger(&["balance"]).status.success(), "{currency}");
        assert!(!journals.bean_check().status.success(), "{currency}");
        assert!(!journals.beancount().status.success(), "{currency}");
    }
}

#[test]
fn what_is_not_declared_is_refused() {
    let entries = entries();
    let mut without = declared(&entries);
    assert!(without.accounts.remove("income:Revenue"));
    let journals = Journals::of(&entries, &without);
    assert!(!journals.hledger(&["check", "--strict"]).status.success());
    assert!(!journals.ledger(&["balance"]).status.success());
    assert!(!journals.bean_check().status.success());
    let mut without = declared(&entries);
    assert!(without.currencies.remove(&Currency::KWD));
    let journals = Journals::of(&entries, &without);
    assert!(!journals.hledger(&["check", "--strict"]).status.success());
    assert!(!journals.ledger(&["balance"]).status.success());
}

#[test]
fn a_journal_without_entries_is_accepted() {
    let journals = Journals::of(&[], &Declarations::default());
    accepted(&journals.hledger(&["check", "--strict"]));
    accepted(&journals.bean_check());
    assert_eq!(accepted(&journals.beancount()), "");
}

#[test]
fn an_account_outside_the_chart_is_an_error() {
    let entries = [entry(1, "a fault", &[("suspense:Bank", "0.00", Currency::EUR)])];
    let declared = declared(&entries);
    let said = whole(HLEDGER, &declared, &entries).unwrap_err();
    assert!(said.to_string().contains("`suspense:Bank`"), "{said}");
    assert!(whole(BEANCOUNT, &declared, &entries).is_err());
    assert!(hledger::entry(&mut Vec::new(), &entries[0]).is_err());
}
