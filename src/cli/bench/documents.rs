//! How fast documents are printed: one page with a logo, ten lines and totals, on one thread.

use std::time::{Duration, Instant};

use chrono::NaiveDate;
use daybook_events::{
    Currency, Money,
    personal::Party,
    tax::{RateCharged, Supply, Tax},
    totals::{Totals, taxed},
};
use serde::Serialize;

use crate::{
    cli::Failure,
    documents::{
        logo::Logo,
        paper::{Days, Kind, Line, Moves, Paper, Settlement},
        press::{Press, Style},
    },
};

/// The logo of the page that is measured, here and by others.
static LOGO: &[u8] = include_bytes!("../../../bench/pdfkit/logo.png");

/// Documents per second, and how large each is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Documents {
    pub(super) per_second: i64,
    pub(super) bytes: usize,
}

/// The figures in a sentence.
pub(super) fn human(documents: &Documents) -> String {
    let Documents { per_second, bytes } = documents;
    format!(
        "Documents of one page with logo and ten lines: {per_second} a second, {bytes} bytes each"
    )
}

/// Prints the page over and over.
pub(super) fn measure(seconds: u64) -> Result<Documents, Failure> {
    let style = Style { logo: Some(Logo::read(LOGO)?), ..Style::default() };
    let (press, paper) = (Press::new(style)?, page()?);
    let (wanted, started) = (Duration::from_secs(seconds), Instant::now());
    let (mut count, mut bytes) = (0, 0);
    while started.elapsed() < wanted {
        bytes = press.print(&paper)?.len();
        count += 1;
    }
    Ok(Documents { per_second: super::per_second(count, started), bytes })
}

/// An invoice of ten lines, taxed twice.
fn page() -> Result<Paper, Failure> {
    let currency = Currency::INR;
    let rate = |name: &str, jurisdiction: &str| -> Result<RateCharged, Failure> {
        Ok(RateCharged {
            name: name.to_owned(),
            jurisdiction: jurisdiction.to_owned(),
            percent: "9".parse()?,
        })
    };
    let tax = Tax {
        supply: Supply::Taxed,
        rates: vec![rate("CGST", "IN")?, rate("SGST", "IN-27")?],
        place_of_supply: Some("IN-27".to_owned()),
        ..Tax::none()
    };
    let unit_price = Money::from_minor(59_900, currency)?;
    let (price, zero) = (unit_price.ratio(2, 1)?, Money::zero(currency));
    let sums = taxed(currency, &tax, &[price; 10])?;
    let totals = Totals::of(currency, &tax, sums.iter().map(|sum| (price, zero, sum)))?;
    let days = Days { first: day("2026-08-20")?, last: day("2026-09-19")? };
    let lines = sums.into_iter().enumerate().map(|(index, sum)| Line {
        description: format!("VPS Pro, node {}, Frankfurt", index + 1),
        days: Some(days),
        quantity: 2,
        unit_price,
        discount: zero,
        net: sum.net,
        taxes: sum.taxes,
        total: sum.total,
    });
    Ok(Paper {
        kind: Kind::Invoice,
        id: "inv_1".to_owned(),
        number: Some("ML/26-27/000001".to_owned()),
        position: 42,
        issued_on: day("2026-08-20")?,
        issued_at: "2026-08-20T09:30:00Z".parse()?,
        order_number: Some("1042".to_owned()),
        original: None,
        reason: None,
        seller: party("Meadow Hosting Private Limited", "12 Residency Road\nShanthala Nagar"),
        buyer: party("Rao & Daughters LLP", "Asha Rao\n4 Marine Drive"),
        account: "user-1042".to_owned(),
        currency,
        period: Some(days),
        lines: lines.collect(),
        tax,
        moves: Moves::In(Settlement {
            payments: Vec::new(),
            paid: zero,
            credit: zero,
            credited: zero,
            written_off: zero,
            due: totals.total,
            due_on: Some(day("2026-08-27")?),
            instructions: Vec::new(),
            iban: None,
        }),
        totals,
    })
}

fn day(text: &str) -> Result<NaiveDate, Failure> {
    Ok(text.parse()?)
}

fn party(name: &str, address: &str) -> Party {
    Party {
        name: name.to_owned(),
        address: address.to_owned(),
        city: "Pune".to_owned(),
        state: "Maharashtra".to_owned(),
        postal_code: "411001".to_owned(),
        country: "IN".to_owned(),
        tax_id: "27AAPFU0939F1ZV".to_owned(),
        email: "billing@meadow.example".to_owned(),
        ..Party::default()
    }
}
