//! Golden files: every shape of an event that was ever written, and one whole line with its hash.
//!
//! `tests/golden/events/<type>.v<version>[.<variant>].json` holds a payload, verbatim, and a line
//! feed. `UPDATE_GOLDEN=1` adds the files that are missing; it never edits one that is there.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

use std::{collections::BTreeMap, fs, io::Write, path::PathBuf};

use daybook::plan_file;
use daybook_events::{
    Event, Origin, Recorded,
    commands::{
        CustomiseLimits, IssueKey, OpenAccount, OpenBook, PublishPlan, RecordRefund, RefundOutcome,
        RequestRefund, ReviseBillingDetails, RevisePlan, RevokeKey,
    },
    event::{
        AccessEvent, AccountEvent, BookKind, BookOpened, CreditEvent, CreditReason, CreditSource,
        InvoiceEvent, OrderEvent, OrderPurpose, Role,
    },
    merkle::hex,
    personal::{Party, Personal},
    testing::{
        Given, account_id, cancel, change_plan, confirm, given_nothing, place_order, refund,
        resume, retire, settle_due,
    },
};
use uuid::Uuid;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The golden files by name, without their line feeds.
fn files() -> BTreeMap<String, String> {
    fs::read_dir(directory().join("events"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let payload = text.strip_suffix('\n').unwrap_or_else(|| panic!("{name}: no line feed"));
            (name, payload.to_owned())
        })
        .collect()
}

/// The type and the version in a golden file's name.
fn type_and_version(name: &str) -> (String, i16) {
    let stem = name.strip_suffix(".json").unwrap();
    let (type_name, rest) = stem.split_once(".v").unwrap();
    let version = rest.split('.').next().unwrap();
    (type_name.to_owned(), version.parse().unwrap())
}

#[test]
fn every_golden_file_decodes_and_reads_back_byte_for_byte() {
    for (name, payload) in files() {
        let (type_name, version) = type_and_version(&name);
        let event = Event::decode(&type_name, version, &payload)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(event.type_name(), type_name, "{name}");
        // An older version is lifted to today's shape and is written in that one from then on.
        if version == event.schema_version() {
            assert_eq!(event.payload(), payload, "{name}");
        }
    }
}

#[test]
fn every_type_that_is_written_today_has_a_golden_file() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        add_missing();
    }
    let files = files();
    for (type_name, version) in Event::types() {
        let name = format!("{type_name}.v{version}.json");
        assert!(files.contains_key(&name), "{name} is missing: run once with UPDATE_GOLDEN=1");
    }
}

fn add_missing() {
    for recorded in events() {
        let path = directory().join("events").join(name(&recorded.event));
        // `create_new`: a shape that was released stays what it was.
        if let Ok(mut file) = fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            writeln!(file, "{}", recorded.event.payload()).unwrap();
        }
    }
}

/// The name of the golden file of an event: variants whose shapes differ have one each.
fn name(event: &Event) -> String {
    let variant = match event {
        Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) => {
            match placed.purpose {
                OrderPurpose::Subscribe { .. } | OrderPurpose::ChangePlan => "",
                OrderPurpose::PayInvoice { .. } => ".pay_invoice",
            }
        }
        Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued))) => {
            let prorated = issued.lines.iter().any(|line| line.proration.is_some());
            if prorated { ".proration" } else { "" }
        }
        Event::Account(AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note))) => {
            match note.reason {
                CreditReason::PlanChange => "",
                CreditReason::Refund | CreditReason::Ended | CreditReason::Correction => ".refund",
            }
        }
        Event::Account(AccountEvent::Credit(CreditEvent::CreditGranted(granted))) => {
            match granted.source {
                CreditSource::CreditNote { .. } => "",
                CreditSource::Overpayment { .. } | CreditSource::Adjustment { .. } => {
                    ".overpayment"
                }
            }
        }
        Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoicePaid(paid))) => {
            match paid.payment_id {
                Some(_) => "",
                None => ".by_credit",
            }
        }
        _ => "",
    };
    format!("{}.v{}{variant}.json", event.type_name(), event.schema_version())
}

/// A history with every type of event in it, made by the real commands.
pub(crate) fn events() -> Vec<Recorded> {
    let mut events = refunded().events().to_vec();
    events.extend(changed_twice().events().iter().cloned());
    events
}

/// A book, its plans, two keys, and one account.
fn opened() -> Given {
    let given = given_nothing().and(OpenBook {
        opened: BookOpened {
            kind: BookKind::Sandbox,
            seller: Party {
                name: "Example Hosting Ltd".into(),
                email: "billing@hosting.example".into(),
                address: "1 Example Street".into(),
                city: "London".into(),
                postal_code: "EC1A 1AA".into(),
                country: "GB".into(),
                tax_id: "GB123456789".into(),
                ..Party::default()
            },
            time_zone: chrono_tz::Tz::Europe__London,
            financial_year_start_month: 4,
        },
    });
    let given = given.and(IssueKey {
        label: "month-end export".into(),
        role: Role::Finance,
        reach: None,
        prefix: "dbk_mfrggz".into(),
        hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        expires_at: Some("2027-05-01T00:00:00Z".parse().unwrap()),
    });
    let key_id = given.last(|event| match event {
        Event::Access(AccessEvent::KeyIssued(issued)) => Some(issued.key_id),
        _ => None,
    });
    let mut given = given.and(RevokeKey { key_id });
    for (slug, terms) in plan_file::parse(plan_file::EXAMPLE).unwrap() {
        given = given.and(PublishPlan { slug: slug.clone(), terms: terms.clone() });
        if slug == "free" {
            let mut terms = terms;
            terms.description = "For trying out, with one database".into();
            terms.limits.insert("databases".into(), Some(1));
            given = given.and(RevisePlan { plan: slug, terms });
        }
    }
    let customer = |address: &str| {
        Personal(Party {
            name: "Ada Lovelace".into(),
            company: "Analytical Engines".into(),
            email: "ada@engines.example".into(),
            address: address.into(),
            city: "London".into(),
            postal_code: "W1J 7NT".into(),
            country: "GB".into(),
            ..Party::default()
        })
    };
    given
        .and(retire("enterprise"))
        .and(OpenAccount {
            account_id: account_id(),
            external_id: Some("user-42".into()),
            currency: "USD".parse().unwrap(),
            zone: chrono_tz::Tz::Europe__London,
            billing: customer("12 St James's Square"),
        })
        .and(ReviseBillingDetails { account_id: account_id(), billing: customer("8 Example Row") })
}

fn subscribed() -> Given {
    let given = opened().and(place_order());
    let start = given.start_checkout("order_JBSWY3DPEHPK3PXPAAAA");
    given.and(start).and(confirm("order_JBSWY3DPEHPK3PXPAAAA", "pay_KRUGKIDROVUWG2ZAAAAA"))
}

/// An upgrade that is paid, a cancellation taken back, a renewal, limits, a failed refund.
fn refunded() -> Given {
    let given = subscribed().at("2026-05-16T12:00:00Z").and(change_plan("business"));
    let start = given.start_checkout("order_ONSWG33OMQQG64TEMVZA");
    let given = given
        .and(start)
        .and(confirm("order_ONSWG33OMQQG64TEMVZA", "pay_ONSWG33OMQQHAYLZNVSW"))
        .and(cancel(true))
        .and(resume())
        .and(CustomiseLimits {
            account_id: account_id(),
            limits: [("max_servers".to_owned(), Some(60)), ("backups".to_owned(), None)].into(),
        })
        .and(RequestRefund { amount: None, ..refund(None) });
    let refund_id = given.last_refund();
    let record = |outcome| RecordRefund { account_id: account_id(), refund_id, outcome };
    let failed = RefundOutcome::Failed("the card was closed".into());
    let processed = RefundOutcome::Processed("rfnd_OJSWM5LOMRSWIAAAAAAA".into());
    given.and(record(failed)).and(record(processed))
}

/// An upgrade whose order is overtaken by a second change and paid all the same, then a renewal.
fn changed_twice() -> Given {
    let given = subscribed().at("2026-05-16T12:00:00Z").and(change_plan("business"));
    let start = given.start_checkout("order_N53GK4TUMFVWK3RAAAAA");
    given
        .and(start)
        .and(change_plan("starter"))
        .and(confirm("order_N53GK4TUMFVWK3RAAAAA", "pay_N53GK4TUMFVWK3QAAAAA"))
        .at("2026-06-02T00:00:00Z")
        .and(settle_due())
}

#[test]
fn the_canonical_line_and_its_hash_are_pinned() {
    let ledger: Uuid = "0197a000-0000-7000-8000-000000000001".parse().unwrap();
    let mut recorded = subscribed().events().last().unwrap().clone();
    recorded.origin = Origin {
        actor: "key:key_0197a000000070008000000000000002".into(),
        via: "http".into(),
        reason: None,
        request_id: Some("0197a000000070008000000000000003".into()),
        idempotency_key: Some("confirm-42".into()),
    };
    let path = directory().join("line.v1.jsonl");
    let stored = recorded.to_stored();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let file = fs::OpenOptions::new().write(true).create_new(true).open(&path);
        if let Ok(mut file) = file {
            writeln!(file, "{}", stored.line(ledger)).unwrap();
        }
    }
    assert_eq!(format!("{}\n", stored.line(ledger)), fs::read_to_string(&path).unwrap());
    // Computed by sha256sum over a zero byte and the line.
    assert_eq!(hex(&stored.leaf(ledger)), LEAF);
}

const LEAF: &str = "a1da68c5e961f897e4d1e65f089b7a43ebad00695f71f92789eb3d526db96790";
