//! Exports: historical payments as CSV, as many as there are.

use std::{ops::RangeInclusive, sync::Arc};

use chrono::NaiveDate;
use chrono_tz::Tz;
use daybook_events::{Timestamp, period::start_of_day};
use daybook_projections::export::{PAYMENT_COLUMNS, PaymentCells, PaymentsOut};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    app::App,
    csv_cells::defused,
    http::{
        answer::Answer,
        call::Call,
        error::ApiError,
        reading::shown,
        streamed::{Sink, Streamed},
    },
};

/// The columns that hold a processor's words, which may be anything: `processor`,
/// `processor_payment_id` and `processor_order_id`.
const WORDS: RangeInclusive<usize> = 6..=8;

/// `GET /api/billing/payments/export?from=&to=`: half-open; dates are days in the book's zone.
///
/// # Errors
/// Bounds that are neither dates nor instants, or the wrong way round; as many exports under way
/// as there may be.
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
    let turn = app.exports.clone().try_acquire_owned().map_err(|_| {
        ApiError::new("busy", "as many exports are under way as there may be; try again in 1 s")
    })?;
    let rows = app.rows(reach).payments_out(from, to).await?;
    let body = Streamed::by(|sink| csv(sink, Export { rows, _turn: turn }));
    let answer = Answer::streamed("text/csv; charset=utf-8", body)
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

/// An export under way. Fields are dropped in their order, so its turn ends once its connection is
/// gone: there are never more connections outside of the pool than turns.
struct Export {
    rows: PaymentsOut,
    _turn: OwnedSemaphorePermit,
}

/// Writes the payments as CSV; the export's turn ends with it.
async fn csv(
    mut sink: Sink,
    mut export: Export,
) -> Result<Sink, Box<dyn std::error::Error + Send + Sync>> {
    sink.buffer().extend_from_slice(PAYMENT_COLUMNS.join(",").as_bytes());
    sink.buffer().push(b'\n');
    while export.rows.next(|row| line(sink.buffer(), row)).await? {
        sink.sent().await?;
    }
    drop(export);
    Ok(sink)
}

/// A row as a line of CSV.
pub fn line(out: &mut Vec<u8>, row: &PaymentCells<'_>) {
    for (nth, cell) in row.iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        field(out, cell, WORDS.contains(&nth));
    }
    out.push(b'\n');
}

/// A cell by RFC 4180: quoted where it has to be, defused where it is words that a spreadsheet would
/// run.
fn field(out: &mut Vec<u8>, cell: &[u8], words: bool) {
    match words.then(|| std::str::from_utf8(cell)) {
        Some(Ok(text)) => quoted(out, defused(text).as_bytes()),
        Some(Err(_)) | None => quoted(out, cell),
    }
}

fn quoted(out: &mut Vec<u8>, cell: &[u8]) {
    // Every byte is looked at, which is faster than to stop at the first.
    let parts = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if !cell.iter().fold(false, |found, byte| found | parts(byte)) {
        out.extend_from_slice(cell);
        return;
    }
    out.push(b'"');
    for byte in cell {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
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
    fn a_line_is_what_any_reader_of_csv_reads_back() {
        let words = ["=1+1", "pay,\"1\"", "\r\n=1", "", "－1", "ok", "'", "a\nb", "a;=1", "a;\"+1"];
        for (nth, word) in words.iter().enumerate() {
            let mut row: PaymentCells<'_> = [b""; 13];
            (row[0], row[6], row[10]) = (b"pay_1", word.as_bytes(), b"-1.00");
            row[7] = words[(nth + 1) % words.len()].as_bytes();
            let mut out = Vec::new();
            line(&mut out, &row);
            let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
            let read = csv.records().next().unwrap().unwrap();
            assert_eq!(read.len(), 13);
            assert_eq!((&read[0], &read[10]), ("pay_1", "-1.00"));
            assert_eq!(&read[6], defused(word));
        }
    }

    #[test]
    fn the_columns_of_words_are_columns() {
        let words = ["processor", "processor_payment_id", "processor_order_id"];
        assert_eq!(PAYMENT_COLUMNS[WORDS], words);
    }
}
