//! Exports: historical payments as CSV.

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use daybook_events::{Timestamp, period::start_of_day};
use daybook_projections::{
    payments::{PaymentRow, Payments},
    query::Between,
};
use warp::http::StatusCode;

use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError, reading::shown};

/// The columns, fixed: callers may rely on their order.
const COLUMNS: [&str; 13] = [
    "payment_id",
    "account_id",
    "captured_at",
    "order_id",
    "order_number",
    "invoice_id",
    "processor",
    "processor_payment_id",
    "processor_order_id",
    "currency",
    "amount",
    "refunded",
    "status",
];

/// How many rows one export holds at most; a longer history is asked for in parts.
const AT_MOST: i64 = 100_000;

/// `GET /api/billing/payments/export?from=&to=`: half-open; dates are days in the book's zone.
///
/// # Errors
/// Bounds that are neither dates nor instants, or the wrong way round.
pub async fn payments(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let zone = app
        .ledger
        .look(None, |world| world.book.opened.as_ref().map(|opened| opened.time_zone))
        .await?
        .unwrap_or(Tz::UTC);
    let bound = |name: &str| call.query.get(name).map(|text| instant(name, text, zone)).transpose();
    let (from, to) = (bound("from")?, bound("to")?);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(ApiError::new("invalid_request", "`from` is after `to`"));
    }
    let between = Between {
        column: "captured_at",
        from: from.map(|from| from.to_string()),
        to: to.map(|to| to.to_string()),
        limit: AT_MOST + 1,
    };
    let rows = app.rows(reach).between::<Payments>(&between).await?;
    if i64::try_from(rows.len()).is_ok_and(|rows| rows > AT_MOST) {
        let text = format!("more than {AT_MOST} payments: ask for a shorter time by from and to");
        return Err(ApiError::new("invalid_request", text));
    }
    let csv = csv_of(&rows).map_err(|error| ApiError::internal(&error))?;
    let answer = Answer::bytes(StatusCode::OK, "text/csv; charset=utf-8", csv)
        .with("content-disposition", "attachment; filename=\"payments.csv\"".to_owned());
    Ok(answer.at(position))
}

/// An instant, or the beginning of a day in the book's zone.
fn instant(name: &str, text: &str, zone: Tz) -> Result<Timestamp, ApiError> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let day: NaiveDate = text.parse().map_err(|_| {
        let text = format!("`{name}` is a date such as 2026-05-01, or an instant with its zone");
        ApiError::new("invalid_request", text)
    })?;
    Ok(start_of_day(day, zone))
}

fn csv_of(rows: &[PaymentRow]) -> Result<Vec<u8>, csv::Error> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(COLUMNS)?;
    for row in rows {
        csv.write_record([
            &row.payment_id.to_string(),
            &row.account_id.to_string(),
            &row.captured_at.to_string(),
            &row.order_id.to_string(),
            &row.order_number,
            &row.invoice_id.map(|id| id.to_string()).unwrap_or_default(),
            &text_cell(&row.processor),
            &text_cell(&row.processor_payment_id),
            &text_cell(&row.processor_order_id),
            &row.amount.currency().to_string(),
            &row.amount.amount().to_string(),
            &row.refunded.amount().to_string(),
            &serde_json::to_value(row.status)
                .ok()
                .and_then(|status| status.as_str().map(str::to_owned))
                .unwrap_or_default(),
        ])?;
    }
    csv.into_inner().map_err(|error| error.into_error().into())
}

/// Text that a spreadsheet would run as a formula is defused by a leading apostrophe.
fn text_cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_an_instant_or_a_day_in_the_books_zone() {
        let at = |text| instant("from", text, Tz::Asia__Kolkata).unwrap().to_string();
        assert_eq!(at("2026-05-01"), "2026-04-30T18:30:00.000000Z");
        assert_eq!(at("2026-05-01T00:00:00Z"), "2026-05-01T00:00:00.000000Z");
        assert!(instant("from", "May", Tz::UTC).is_err());
    }

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_defused() {
        assert_eq!(text_cell("=1+1"), "'=1+1");
        assert_eq!(text_cell("pay_1"), "pay_1");
    }
}
