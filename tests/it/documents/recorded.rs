//! From the log to the page: every invoice and credit note of a ledger, downloaded and read back by
//! another program, says the number, the sums and the hash that its events say.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::service::file;
use crate::snapshot::rich;

/// The words of a PDF, without the commas that part thousands.
fn words(path: &Path) -> String {
    let raw = Command::new("pdftotext").arg("-layout").arg(path).arg("-").output().unwrap();
    assert!(raw.status.success(), "{}", String::from_utf8_lossy(&raw.stderr));
    String::from_utf8(raw.stdout).unwrap().replace(',', "")
}

/// What a page does not say of a document's sums.
fn missing(page: &str, number: &str, totals: &Value) -> Vec<String> {
    let amounts = ["net", "total"].map(|sum| totals[sum]["amount"].as_str().unwrap().to_owned());
    let sums = amounts.iter().map(|amount| format!("${amount}"));
    let wanted = [number.to_owned()].into_iter().chain(sums);
    wanted.filter(|wanted| !page.split_whitespace().any(|word| word == wanted)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_is_what_was_recorded() {
    let test = rich().await;
    let folder = tempfile::tempdir().unwrap();
    let issued: Vec<(String, String, String)> = sqlx::query_as(
        "select type, number, payload::text from events
         where type in ('invoice.issued', 'credit_note.issued') order by position",
    )
    .fetch_all(test.app.pool())
    .await
    .unwrap();
    assert!(issued.len() > 8, "{}", issued.len());
    let (mut pages, mut notes) = (Vec::new(), 0);
    for (kind, number, payload) in issued {
        let payload: Value = serde_json::from_str(&payload).unwrap();
        let (addressed, id) = match kind.as_str() {
            "invoice.issued" => ("invoices", &payload["invoice_id"]),
            _note => ("credit-notes", &payload["credit_note_id"]),
        };
        notes += usize::from(addressed == "credit-notes");
        let path = format!("/api/billing/{addressed}/{}/pdf", id.as_str().unwrap());
        let pdf = file(&test, &path, &test.super_key, &[]).await;
        assert_eq!(pdf.status, 200, "{path}");
        let saved = folder.path().join("document.pdf");
        std::fs::write(&saved, &pdf.bytes).unwrap();
        let page = words(&saved);
        assert_eq!(missing(&page, &number, &payload["totals"]), Vec::<String>::new(), "{page}");
        pages.push((page, number, payload["totals"].clone()));
    }
    assert!(notes > 1);
    // A page with a cent too few, and one of another number, are noticed.
    let (page, number, totals) = &pages[0];
    let total = totals["total"]["amount"].as_str().unwrap();
    let short = page.replace(&format!("${total}"), &format!("${}1", &total[..total.len() - 1]));
    assert_eq!(missing(&short, number, totals).len(), 2);
    assert_eq!(missing(page, &pages[1].1, totals).len(), 1);
}
