//! Golden files: every shape of an event that was ever written, and one whole line with its hash.
//!
//! `tests/golden/events/<type>.v<version>[.<variant>].json` holds a payload, verbatim, and a line
//! feed. `UPDATE_GOLDEN=1` adds the files that are missing; it never edits one that is there.
#![expect(clippy::unwrap_used, reason = "test code panics where a test fails")]

pub(crate) mod history;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::PathBuf,
};

use daybook_events::{
    Event, Origin, Recorded,
    coupon::{CouponDuration, CouponValue, DiscountValue},
    event::{
        AccessEvent, AccountEvent, Adjusted, CouponEvent, CreditEvent, CreditReason, CreditSource,
        DisputeOutcome, EndReason, InvoiceEvent, InvoiceLine, OrderCancelReason, OrderEvent,
        OrderPurpose, PaymentEvent, PlanEvent, SubscriptionEvent, UsageEvent,
    },
    merkle::hex,
    proration::Granularity,
    tax::{Supply, Tax},
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
    let files = complete_files();
    for (type_name, version) in Event::types() {
        let name = format!("{type_name}.v{version}.json");
        assert!(files.contains_key(&name), "{name} is missing: run once with UPDATE_GOLDEN=1");
    }
}

/// The golden files, with what is missing added where that is asked for.
fn complete_files() -> BTreeMap<String, String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        add_missing();
    }
    files()
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
        Event::Account(AccountEvent::Order(event)) => of_order(event),
        Event::Account(AccountEvent::Subscription(event)) => of_subscription(event),
        Event::Account(AccountEvent::Invoice(event)) => of_invoice(event),
        Event::Account(AccountEvent::Credit(event)) => of_credit(event),
        Event::Account(AccountEvent::Usage(event)) => of_usage(event),
        Event::Account(AccountEvent::Payment(event)) => of_payment(event),
        Event::Account(AccountEvent::Profile(_)) => "",
        Event::Coupon(event) => of_coupon(event),
        Event::Plan(PlanEvent::PlanPublished(published)) if published.terms.custom_price => {
            ".custom_price"
        }
        Event::Access(AccessEvent::KeyIssued(issued)) if issued.replaces.is_some() => ".replacing",
        Event::Access(AccessEvent::KeyIssued(issued)) if issued.account_id.is_some() => {
            ".of_an_account"
        }
        Event::Access(AccessEvent::SessionOpened(opened)) if opened.account_id.is_some() => {
            ".of_an_account"
        }
        Event::Plan(_) | Event::Access(_) | Event::Book(_) => "",
    };
    format!("{}.v{}{variant}.json", event.type_name(), event.schema_version())
}

fn of_order(event: &OrderEvent) -> &'static str {
    match event {
        OrderEvent::OrderPlaced(placed) => match &placed.purpose {
            OrderPurpose::Subscribe { quote } if quote.trial_days > 0 => ".trial",
            OrderPurpose::Subscribe { quote } if quote.discount.is_some() => ".discount",
            OrderPurpose::Subscribe { .. } => "",
            OrderPurpose::PayInvoice { .. } => ".pay_invoice",
            OrderPurpose::ChangePlan => ".change_plan",
        },
        OrderEvent::OrderCancelled(cancelled) => match cancelled.reason {
            OrderCancelReason::InvoiceDueChanged => "",
            OrderCancelReason::Superseded => ".superseded",
            OrderCancelReason::Requested => ".requested",
            OrderCancelReason::PaymentRejected => ".payment_rejected",
        },
        OrderEvent::CheckoutStarted(started) if started.success_url.is_some() => ".returns",
        OrderEvent::PaymentSent(sent) if sent.transaction.is_none() => ".unnamed",
        OrderEvent::OrderExpired(_)
        | OrderEvent::CheckoutStarted(_)
        | OrderEvent::PaymentSent(_) => "",
    }
}

fn of_payment(event: &PaymentEvent) -> &'static str {
    match event {
        PaymentEvent::PaymentCaptured(captured) if captured.merchant.is_some() => ".merchant",
        PaymentEvent::RefundFailed(failed) if failed.returned.is_some() => ".returned",
        PaymentEvent::DisputeClosed(closed) => match closed.outcome {
            DisputeOutcome::Won => "",
            DisputeOutcome::Lost => ".lost",
            DisputeOutcome::Closed => ".closed",
        },
        _ => "",
    }
}

fn of_subscription(event: &SubscriptionEvent) -> &'static str {
    let discounted = |discount: bool| if discount { ".discount" } else { "" };
    match event {
        SubscriptionEvent::SubscriptionActivated(it) if it.run_by.is_some() => ".run_by",
        SubscriptionEvent::FellPastDue(it) if it.invoice_id.is_none() => ".by_processor",
        SubscriptionEvent::SubscriptionSuspended(it) if it.invoice_id.is_none() => ".by_processor",
        SubscriptionEvent::PlanChangeWithdrawn(it) if it.refused.is_some() => ".refused",
        SubscriptionEvent::SubscriptionActivated(it) => discounted(it.discount.is_some()),
        SubscriptionEvent::TrialStarted(it) if it.lent => ".lent",
        SubscriptionEvent::SubscriptionRenewed(it) => discounted(it.discount.is_some()),
        SubscriptionEvent::PlanChanged(it) if !it.service_over.is_empty() => ".now",
        SubscriptionEvent::SubscriptionEnded(ended) => match ended.reason {
            EndReason::Cancelled => "",
            EndReason::Refunded if !ended.service_over.is_empty() => ".running",
            EndReason::Refunded => ".refunded",
            // Its file was written before an end named the invoices that it leaves without service.
            EndReason::Unpaid => ".unpaid",
            EndReason::Withdrawn => ".withdrawn",
        },
        _ => "",
    }
}

fn of_invoice(event: &InvoiceEvent) -> &'static str {
    match event {
        InvoiceEvent::InvoiceIssued(issued) => {
            match of_lines(&issued.lines[0], &issued.tax) {
                // The oldest golden file was written before invoices named the seller's zone.
                "" if issued.bill_to.0.country != issued.seller.country => ".abroad",
                of_lines => of_lines,
            }
        }
        InvoiceEvent::CreditNoteIssued(note) => match note.reason {
            CreditReason::PlanChange if note.tax.rates.is_empty() => "",
            CreditReason::PlanChange => ".taxed",
            CreditReason::Refund => ".refund",
            CreditReason::Ended => ".ended",
            CreditReason::Correction => ".correction",
        },
        InvoiceEvent::InvoicePaid(paid) => match paid.payment_id {
            Some(_) => "",
            None => ".by_credit",
        },
        InvoiceEvent::DocumentRendered(rendered) => match rendered.printing.logo {
            Some(_) => ".logo",
            None => "",
        },
        InvoiceEvent::InvoiceWrittenOff(_) => "",
    }
}

/// What is special about an invoice, which has one line.
fn of_lines(line: &InvoiceLine, tax: &Tax) -> &'static str {
    match (tax.supply, &line.proration, line.discount.map(|it| it.value)) {
        (Supply::ReverseCharge, _, _) => ".reverse_charge",
        (Supply::Export, _, _) => ".export",
        (Supply::MerchantOfRecord, _, _) => ".receipt",
        (Supply::Taxed, _, _) if tax.inclusive => ".tax_inclusive",
        (Supply::Taxed, _, _) if tax.rates.len() > 1 => ".gst_split",
        (Supply::Taxed, _, _) if tax.rates[0].name == "IGST" => ".gst",
        (_, Some(part), _) if part.unit == Granularity::Day => ".proration_by_day",
        (_, Some(_), _) => ".proration",
        (Supply::Taxed, None, Some(_)) => ".taxed_discount",
        (Supply::Taxed, None, None) => ".taxed",
        (Supply::Untaxed, None, Some(DiscountValue::Percent(_))) => ".discount",
        (Supply::Untaxed, None, Some(DiscountValue::Fixed(_))) => ".discount_fixed",
        (Supply::Untaxed, None, None) => "",
    }
}

fn of_credit(event: &CreditEvent) -> &'static str {
    match event {
        CreditEvent::CreditGranted(granted) => match granted.source {
            CreditSource::CreditNote { .. } => "",
            CreditSource::Overpayment { .. } => ".overpayment",
            CreditSource::Adjustment { .. } => ".adjustment",
        },
        CreditEvent::AdjustmentUndone(undone) => match undone.adjusted {
            Adjusted::Credit => "",
            Adjusted::WriteOff { .. } => ".write_off",
        },
        CreditEvent::CreditApplied(_) => "",
    }
}

fn of_usage(event: &UsageEvent) -> &'static str {
    match event {
        UsageEvent::UsageReported(reported) if reported.settles.is_some() => ".settling",
        UsageEvent::UsageReserved(reserved) if reserved.allowed.is_none() => ".unlimited",
        UsageEvent::UsageReported(_)
        | UsageEvent::UsageReserved(_)
        | UsageEvent::UsageReleased(_) => "",
    }
}

fn of_coupon(event: &CouponEvent) -> &'static str {
    let CouponEvent::CouponOffered(offered) = event else { return "" };
    match (&offered.terms.value, offered.terms.duration) {
        (CouponValue::Fixed(_), _) => ".fixed",
        (CouponValue::Percent(_), CouponDuration::Forever) => ".forever",
        (CouponValue::Percent(_), CouponDuration::Once | CouponDuration::Periods(_)) => "",
    }
}

/// Histories with every type of event in them, and every variant whose shape differs.
pub(crate) fn events() -> Vec<Recorded> {
    history::all().iter().flat_map(|told| told.events().to_vec()).collect()
}

#[test]
fn every_variant_whose_shape_differs_has_a_golden_file() {
    let files = complete_files();
    let names: BTreeSet<_> = events().iter().map(|recorded| name(&recorded.event)).collect();
    let missing: Vec<_> = names.iter().filter(|name| !files.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} are missing: run once with UPDATE_GOLDEN=1");
    // An older version's file has no event any more that could be written today.
    let today = |name: &&String| {
        let (type_name, version) = type_and_version(name);
        Event::types().contains(&(type_name.as_str(), version))
    };
    let unused: Vec<_> = files.keys().filter(today).filter(|name| !names.contains(*name)).collect();
    assert!(unused.is_empty(), "no history has what {unused:?} hold");
}

#[test]
fn the_canonical_line_and_its_hash_are_pinned() {
    let ledger: Uuid = "0197a000-0000-7000-8000-000000000001".parse().unwrap();
    let paid = |recorded: &Recorded| recorded.event.type_name() == "invoice.paid";
    let mut recorded = events().into_iter().find(paid).unwrap();
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

const LEAF: &str = "fce038cc88f3faa2cee455a214bf5fcaba1623cdf2bd1aade491b15662f42f71";
