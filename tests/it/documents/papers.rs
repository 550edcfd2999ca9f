//! Documents made by hand, one for each way in which a page can differ.

use chrono::NaiveDate;
use daybook::documents::paper::{
    Days, Kind, Line, Moves, Original, Paid, Paper, Reason, Settlement, TakenBack,
};
use daybook_events::{
    Currency, Money,
    personal::Party,
    tax::{RateCharged, Supply, Tax},
    totals::{Totals, taxed},
};

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) fn minor(minor: i128, currency: Currency) -> Money {
    Money::from_minor(minor, currency).unwrap()
}

fn days() -> Days {
    Days { first: day("2026-08-20"), last: day("2026-09-19") }
}

pub(super) fn seller() -> Party {
    Party {
        name: "Meadow Hosting Private Limited".into(),
        email: "billing@meadow.example".into(),
        address: "12 Residency Road\nShanthala Nagar".into(),
        city: "Pune".into(),
        state: "Maharashtra".into(),
        postal_code: "411001".into(),
        country: "IN".into(),
        tax_id: "27AAPFU0939F1ZV".into(),
        ..Party::default()
    }
}

pub(super) fn buyer() -> Party {
    Party {
        name: "Asha Rao".into(),
        company: "Rao & Daughters LLP".into(),
        email: "accounts@rao.example".into(),
        address: "4 Marine Drive".into(),
        city: "Mumbai".into(),
        state: "Maharashtra".into(),
        postal_code: "400020".into(),
        country: "IN".into(),
        tax_id: "27AAPFU0939F1ZV".into(),
    }
}

fn rate(name: &str, percent: &str, jurisdiction: &str) -> RateCharged {
    RateCharged {
        name: name.into(),
        jurisdiction: jurisdiction.into(),
        percent: percent.parse().unwrap(),
    }
}

pub(super) fn taxed_at(place: &str, rates: &[(&str, &str, &str)]) -> Tax {
    Tax {
        rules_version: 1,
        supply: Supply::Taxed,
        rates: rates.iter().map(|(name, percent, at)| rate(name, percent, at)).collect(),
        place_of_supply: Some(place.into()),
        ..Tax::none()
    }
}

pub(super) fn within_state() -> Tax {
    taxed_at("IN-27", &[("CGST", "9", "IN"), ("SGST", "9", "IN-27")])
}

/// An unpaid invoice of lines with a quantity, a price and a discount in minor units.
pub(super) fn invoice(currency: Currency, tax: Tax, lines: &[(&str, u32, i128, i128)]) -> Paper {
    let amounts: Vec<Money> = lines
        .iter()
        .map(|(_, quantity, price, discount)| {
            minor(price * i128::from(*quantity) - discount, currency)
        })
        .collect();
    let sums = taxed(currency, &tax, &amounts).unwrap();
    let prices = lines.iter().map(|(_, quantity, price, discount)| {
        (minor(price * i128::from(*quantity), currency), minor(*discount, currency))
    });
    let each = prices.clone().zip(&sums).map(|((price, discount), sum)| (price, discount, sum));
    let totals = Totals::of(currency, &tax, each).unwrap();
    let line = |((description, quantity, price, discount), sum): (
        &(&str, u32, i128, i128),
        &daybook_events::totals::Taxed,
    )| Line {
        description: (*description).into(),
        days: Some(days()),
        quantity: *quantity,
        unit_price: minor(*price, currency),
        discount: minor(*discount, currency),
        net: sum.net,
        taxes: sum.taxes.clone(),
        total: sum.total,
    };
    let zero = Money::zero(currency);
    let due = totals.total;
    Paper {
        kind: Kind::Invoice,
        id: "inv_1".into(),
        number: Some("ML/26-27/000001".into()),
        position: 42,
        issued_on: day("2026-08-20"),
        issued_at: "2026-08-20T09:30:00Z".parse().unwrap(),
        order_number: Some("1042".into()),
        original: None,
        reason: None,
        seller: seller(),
        buyer: buyer(),
        account: "user-1042".into(),
        currency,
        period: Some(days()),
        lines: lines.iter().zip(&sums).map(line).collect(),
        tax,
        totals,
        moves: Moves::In(Settlement {
            payments: Vec::new(),
            paid: zero,
            credit: zero,
            credited: zero,
            written_off: zero,
            due,
            due_on: Some(day("2026-08-27")),
            instructions: vec![
                "Bank transfer to IBAN DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX.".into(),
                "Please quote the document's number as the reference.".into(),
            ],
            iban: Some("DE89370400440532013000".into()),
        }),
    }
}

/// The same, paid in full.
pub(super) fn paid(mut paper: Paper) -> Paper {
    let total = paper.totals.total;
    paper.moves = Moves::In(Settlement {
        payments: vec![Paid {
            on: day("2026-08-21"),
            by: "razorpay".into(),
            reference: "pay_29QQoUBi66xm2f".into(),
            amount: total,
        }],
        paid: total,
        credit: Money::zero(paper.currency),
        credited: Money::zero(paper.currency),
        written_off: Money::zero(paper.currency),
        due: Money::zero(paper.currency),
        due_on: None,
        instructions: Vec::new(),
        iban: None,
    });
    paper
}

/// The same, taken back.
pub(super) fn taken_back(mut paper: Paper, kind: Kind) -> Paper {
    let zero = Money::zero(paper.currency);
    paper.kind = kind;
    paper.number = Some("CN/26-27/000001".into());
    paper.original =
        Some(Original { number: "ML/26-27/000001".into(), issued_on: day("2026-08-20") });
    paper.reason = Some(Reason::Told("Downgraded to a smaller plan".into()));
    let to_refund = paper.totals.total;
    paper.moves = Moves::Back(TakenBack { reduces_due: zero, to_credit: zero, to_refund });
    paper
}

fn party(name: &str, country: &str, tax_id: &str) -> Party {
    Party {
        name: name.into(),
        address: "1 High Street".into(),
        city: "Town".into(),
        postal_code: "10115".into(),
        country: country.into(),
        tax_id: tax_id.into(),
        ..Party::default()
    }
}

fn named(name: &str, country: &str) -> Paper {
    let mut paper = invoice(Currency::EUR, Tax::none(), &[("VPS Pro", 1, 100_000, 0)]);
    paper.buyer = party(name, country, "");
    paper
}

/// An unpaid invoice in euros, without tax.
pub(super) fn euros() -> Paper {
    named("Zyx Qwv", "FR")
}

const LINE: &[(&str, u32, i128, i128)] = &[("VPS Pro", 1, 100_000, 0)];

/// Ten lines, as in the measurements.
pub(super) fn ten_lines() -> Paper {
    let names: Vec<String> = (1..=10).map(|n| format!("VPS Pro, node {n}, Frankfurt")).collect();
    let lines: Vec<_> = names.iter().map(|name| (name.as_str(), 2, 59_900, 0)).collect();
    paid(invoice(Currency::INR, within_state(), &lines))
}

fn many_lines() -> Paper {
    let names: Vec<String> = (1..=120).map(|n| format!("VPS Pro, node {n}")).collect();
    let lines: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 10_000, 500)).collect();
    invoice(Currency::INR, within_state(), &lines)
}

fn reverse_charge() -> Paper {
    let tax = Tax {
        supply: Supply::ReverseCharge,
        rates: Vec::new(),
        wording: Some("Reverse charge".into()),
        ..taxed_at("FR", &[])
    };
    let mut paper = invoice(Currency::EUR, tax, LINE);
    paper.seller = party("Wiese Hosting GmbH", "DE", "DE136695976");
    paper.buyer = party("Société Générale d’Hébergement", "FR", "FR83404833048");
    paper
}

fn inclusive() -> Paper {
    let tax = Tax { inclusive: true, ..taxed_at("DE", &[("VAT", "19", "DE")]) };
    let mut paper = invoice(Currency::EUR, tax, &[("VPS Pro", 3, 99_900, 10_000)]);
    paper.seller = party("Wiese Hosting GmbH", "DE", "DE136695976");
    paper.buyer = party("Jürgen Groß", "DE", "");
    paper
}

fn long_names() -> Paper {
    let long = "Extraordinarily Long Hosting Company Name With Many Words ".repeat(5);
    let unbroken = "W".repeat(300);
    let mut paper = invoice(
        "KWD".parse().unwrap(),
        within_state(),
        &[(&long, 4_000_000, 123_456_789, 1), (&unbroken, 1, 999_999_999_999, 0)],
    );
    paper.buyer = Party {
        name: unbroken.clone(),
        company: long.clone(),
        email: format!("{}@example.com", "a".repeat(250)),
        address: "A street line of some length\n".repeat(10),
        city: unbroken.clone(),
        state: long,
        postal_code: unbroken,
        country: "US".into(),
        tax_id: "1".repeat(300),
    };
    paper
}

fn hostile() -> Paper {
    let mut paper = named("=HYPERLINK(\"http://evil\")\u{202e}txt.exe\u{0}\u{7}\u{200b}", "US");
    paper.buyer.address = "+1\t2\r\n@SUM(A1)\u{2066}x\u{2069}".into();
    paper.buyer.city = "東京 😀 मुंबई e\u{301}".into();
    paper.reason = Some(Reason::Told("(a) \\ <b> & \"c\" %d ]]> \u{feff}".into()));
    paper
}

fn pro_forma() -> Paper {
    let mut paper = invoice(Currency::INR, within_state(), LINE);
    paper.kind = Kind::ProForma;
    paper.number = None;
    paper
}

fn receipt() -> Paper {
    let mut paper = paid(invoice(Currency::USD, Tax::merchant_of_record("Lemon Squeezy"), LINE));
    paper.kind = Kind::Receipt;
    paper
}

fn part_paid() -> Paper {
    let currency = Currency::INR;
    let mut paper = invoice(currency, within_state(), &[("VPS Pro", 2, 100_000, 20_000)]);
    let Moves::In(settlement) = &mut paper.moves else { return paper };
    let amounts = [50_000, 20_000, 10_000, 5_000].map(|amount| minor(amount, currency));
    [settlement.paid, settlement.credit, settlement.credited, settlement.written_off] = amounts;
    settlement.payments.push(Paid {
        on: day("2026-08-21"),
        by: "manual".into(),
        reference: "UTR 4471 0023 9981".into(),
        amount: amounts[0],
    });
    let less = amounts.iter().try_fold(settlement.due, |due, amount| due.minus(*amount));
    settlement.due = less.unwrap();
    paper
}

/// A document by its name, with what its text must say.
pub(super) type Case = (&'static str, Paper, &'static [&'static str]);

/// Every document.
pub(super) fn all() -> Vec<Case> {
    [taxes_and_currencies(), names(), kinds()].into_iter().flatten().collect()
}

fn taxes_and_currencies() -> Vec<Case> {
    let none = Tax::none;
    let between = taxed_at("IN-29", &[("IGST", "18", "IN")]);
    let inr = Currency::INR;
    vec![
        (
            "one-line",
            invoice(inr, within_state(), LINE),
            &[
                "INVOICE",
                "ML/26-27/000001",
                "₹1,000.00",
                "CGST 9% on ₹1,000.00 (IN)",
                "SGST 9% on ₹1,000.00 (IN-27)",
                "₹90.00",
                "Total (INR)",
                "₹1,180.00",
                "Place of supply: Maharashtra (27)",
                "GSTIN 27AAPFU0939F1ZV",
                "20 Aug 2026 – 19 Sep 2026",
                "27 Aug 2026",
                "How to pay",
                "Page 1 of 1",
                "Rao & Daughters LLP",
                "India",
            ],
        ),
        (
            "igst",
            invoice(inr, between, LINE),
            &["IGST 18% on ₹1,000.00 (IN)", "₹180.00", "Place of supply: Karnataka (29)"],
        ),
        ("many-lines", many_lines(), &["₹12,000.00", "-₹600.00", "₹13,452.00", "node 120"]),
        (
            "zero",
            invoice(Currency::USD, none(), &[("VPS Free", 1, 0, 0)]),
            &["$0.00", "Amount due"],
        ),
        (
            "reverse-charge",
            reverse_charge(),
            &["Reverse charge", "€1,000.00", "VAT ID FR83404833048", "VAT ID DE136695976"],
        ),
        (
            "inclusive",
            inclusive(),
            &["Subtotal incl. tax", "€2,997.00", "€2,434.45", "€462.55", "€2,897.00"],
        ),
        ("jpy", invoice(Currency::JPY, none(), &[("VPS", 3, 1_250, 0)]), &["¥1,250", "¥3,750"]),
        (
            "kwd",
            invoice(Currency::KWD, none(), &[("VPS", 3, 1_250, 0)]),
            &["KWD 1.250", "KWD 3.750", "Total (KWD)"],
        ),
    ]
}

fn names() -> Vec<Case> {
    vec![
        ("long-names", long_names(), &["KWD 123,456.789"]),
        (
            "cyrillic",
            named("Общество с ограниченной ответственностью «Ёж»", "RU"),
            &["Общество с ограниченной", "«Ёж»"],
        ),
        ("greek", named("Ἑταιρεία Φιλοξενίας Ώρα ΑΕ", "GR"), &["Ἑταιρεία Φιλοξενίας Ώρα ΑΕ"]),
        ("turkish", named("Işık Şirketi Çağ İnşaat", "TR"), &["Işık Şirketi Çağ İnşaat"]),
        ("vietnamese", named("Công ty Cổ phần Điện tử", "VN"), &["Công ty Cổ phần Điện tử"]),
        (
            "hostile",
            hostile(),
            &[
                "=HYPERLINK(\"http://evil\")txt.exe",
                "+1 2",
                "@SUM(A1)x",
                "\u{fffd}\u{fffd} \u{fffd}",
                "é",
                "(a) \\ <b> & \"c\" %d ]]>",
            ],
        ),
    ]
}

fn kinds() -> Vec<Case> {
    let inr = Currency::INR;
    vec![
        (
            "credit-note",
            taken_back(invoice(inr, within_state(), LINE), Kind::CreditNote),
            &[
                "CREDIT NOTE",
                "CN/26-27/000001",
                "Original document",
                "ML/26-27/000001",
                "Downgraded to a smaller plan",
                "To be refunded",
                "₹1,180.00",
            ],
        ),
        ("receipt", receipt(), &["RECEIPT", "Lemon Squeezy as merchant of record", "$1,000.00"]),
        (
            "receipt-note",
            taken_back(receipt(), Kind::ReceiptNote),
            &["RECEIPT CORRECTION", "To be refunded"],
        ),
        ("pro-forma", pro_forma(), &["PRO FORMA", "This is not a tax invoice.", "1042"]),
        (
            "part-paid",
            part_paid(),
            &[
                "-₹200.00",
                "Net amount",
                "-₹500.00",
                "Account credit applied",
                "Credited by credit note",
                "Written off",
                "₹1,274.00",
                "UTR 4471 0023 9981",
            ],
        ),
        ("ten-lines", ten_lines(), &["₹14,136.40", "pay_29QQoUBi66xm2f", "Razorpay"]),
    ]
}
