//! The document service: printed once, kept, recorded by the worker, given out to those who may
//! have it, and byte for byte the same whatever happens later.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use daybook::documents::{
    Documents, kept,
    paper::Paper,
    press::PressError,
    room::{Printer, Room},
    worker,
};
use daybook_events::event::Role;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Customer, Setup, TestApp};

/// A printer that says all that the press would be told, and counts.
#[derive(Debug, Default)]
pub(super) struct Counting {
    pub(super) printed: AtomicUsize,
}

impl Printer for Counting {
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, PressError> {
        self.printed.fetch_add(1, Ordering::SeqCst);
        Ok(told(paper))
    }
}

/// Everything that a document says, as bytes.
pub(super) fn told(paper: &Paper) -> Vec<u8> {
    format!("%PDF-1.7\n{paper:#?}\n").into_bytes()
}

/// What prints by one printer, in a room.
pub(super) fn printing(printer: Arc<dyn Printer>, room: Room) -> Documents {
    Documents::default().printing_by(Arc::new(move |_style| Ok(printer.clone())), room)
}

pub(super) async fn start(printer: Arc<dyn Printer>, room: Room) -> TestApp {
    let documents = printing(printer, room);
    TestApp::start_whole(Setup { documents, ..Setup::default() }).await
}

async fn start_counting() -> (TestApp, Arc<Counting>) {
    let counting = Arc::new(Counting::default());
    (start(counting.clone(), Room::default()).await, counting)
}

/// A file as it was given out.
pub(super) struct File {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl File {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

pub(super) async fn file(test: &TestApp, path: &str, key: &str, headers: &[(&str, &str)]) -> File {
    let mut request = test.client.get(format!("{}{path}", test.url)).bearer_auth(key);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    File { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
}

pub(super) async fn invoice_path(test: &TestApp, customer: &Customer) -> String {
    let invoice = test.newest_invoice(customer).await;
    format!("/api/billing/invoices/{}/pdf", invoice["invoice_id"].as_str().unwrap())
}

/// What the log says of documents, oldest first.
async fn recorded(test: &TestApp) -> Vec<Value> {
    let path = "/api/ledger/events?type=document.rendered";
    let events = test.get(path, &test.super_key).await.ok();
    events["data"].as_array().unwrap().iter().map(|event| event["payload"].clone()).collect()
}

pub(super) async fn forget_bytes(test: &TestApp) {
    let mut owner = test.db.owner().await;
    crate::harness::run(&mut owner, "delete from documents").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_printed_once_however_often_and_however_many_ask() {
    let (test, counting) = start_counting().await;
    let customer = test.subscriber("pro").await;
    let path = invoice_path(&test, &customer).await;
    let files = join_all((0..8).map(|_| file(&test, &path, &customer.key, &[]))).await;
    let again = file(&test, &path, &customer.key, &[]).await;
    assert_eq!((again.status, again.header("content-type")), (200, "application/pdf"));
    assert!(again.text().contains("Ada"), "{}", again.text());
    for file in files {
        assert_eq!((file.status, &file.bytes), (200, &again.bytes));
    }
    assert_eq!(counting.printed.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_a_document_for_an_hour_and_asks_by_its_tag() {
    let (test, _) = start_counting().await;
    let customer = test.subscriber("pro").await;
    let path = invoice_path(&test, &customer).await;
    let first = file(&test, &path, &customer.key, &[]).await;
    assert_eq!(first.header("cache-control"), "private, max-age=3600");
    let disposition = "attachment; filename=\"invoice-INV-2026-000001.pdf\"";
    assert_eq!(first.header("content-disposition"), disposition);
    let tag = first.header("etag");
    let hash = kept::hash(&first.bytes);
    assert_eq!(tag.trim_matches('"'), &hash[..32], "a strong tag, of the bytes");
    let held = file(&test, &path, &customer.key, &[("if-none-match", tag)]).await;
    assert_eq!((held.status, held.bytes.len(), held.header("etag")), (304, 0, tag));
    let other = file(&test, &path, &customer.key, &[("if-none-match", "\"other\"")]).await;
    assert_eq!((other.status, other.bytes), (200, first.bytes.clone()));
    // By its number it is the same.
    let numbered = "/api/billing/invoices/INV-2026-000001/pdf";
    assert_eq!(file(&test, numbered, &customer.key, &[]).await.bytes, first.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_records_the_hash_of_the_bytes_once_and_no_get_appends() {
    let (test, counting) = start_counting().await;
    let customer = test.subscriber("pro").await;
    let path = invoice_path(&test, &customer).await;
    let before = test.log_position().await;
    let given = file(&test, &path, &customer.key, &[]).await;
    assert_eq!(test.log_position().await, before, "a GET appends nothing");
    for _ in 0..2 {
        worker::round(&test.app).await.unwrap();
        test.settle().await;
    }
    let recorded = recorded(&test).await;
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    assert_eq!(recorded[0]["sha256"], json!(kept::hash(&given.bytes)));
    assert_eq!(recorded[0]["bytes"], json!(given.bytes.len()));
    assert_eq!(recorded[0]["number"], "INV-2026-000001");
    assert_eq!(recorded[0]["printing"]["page_size"], "a4");
    assert_eq!(counting.printed.load(Ordering::SeqCst), 1, "what was kept is recorded");
    let path = "/api/ledger/documents/INV-2026-000001";
    let shown = test.get(path, &test.super_key).await.ok();
    assert_eq!(shown["rendered"]["sha256"], recorded[0]["sha256"]);
    assert_eq!(shown["problem"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_prints_what_is_issued_before_anybody_asks() {
    let (test, counting) = start_counting().await;
    let customer = test.subscriber("pro").await;
    test.post("/api/refunds", &customer.key, &json!({ "reason": "customer_request" })).await.ok();
    test.settle().await;
    worker::round(&test.app).await.unwrap();
    test.settle().await;
    assert_eq!(counting.printed.load(Ordering::SeqCst), 2, "an invoice and its credit note");
    let numbers: Vec<_> =
        recorded(&test).await.iter().map(|it| it["number"].as_str().unwrap().to_owned()).collect();
    assert_eq!(numbers.len(), 2);
    assert!(numbers.contains(&"CN-2026-000001".to_owned()), "{numbers:?}");
    let path = "/api/billing/credit-notes/CN-2026-000001/pdf";
    let note = file(&test, path, &customer.key, &[]).await;
    assert_eq!(note.status, 200);
    let disposition = "attachment; filename=\"credit-note-CN-2026-000001.pdf\"";
    assert_eq!(note.header("content-disposition"), disposition);
    assert!(note.text().contains("INV-2026-000001"), "it names its invoice");
    assert_eq!(counting.printed.load(Ordering::SeqCst), 2, "a download costs no printing");
    // A credit note is no invoice, and an invoice no credit note.
    for path in ["invoices/CN-2026-000001", "credit-notes/INV-2026-000001"] {
        let answer = test.get(&format!("/api/billing/{path}/pdf"), &customer.key).await;
        answer.refused(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_bytes_come_back_the_same_though_much_has_happened_since() {
    let (test, counting) = start_counting().await;
    let customer = test.subscriber("pro").await;
    let path = invoice_path(&test, &customer).await;
    let first = file(&test, &path, &customer.key, &[]).await;
    worker::round(&test.app).await.unwrap();
    // Recorded or not, what comes later is not in it: a new name, a refund, other ways of paying.
    let account = &customer.account_id;
    let billing = json!({ "name": "Grace", "country": "GB" });
    let profile = format!("/api/accounts/{account}/billing");
    let body = Some(billing.to_string().into_bytes());
    test.send("PUT", &profile, &test.super_key, &[], body).await.ok();
    test.post("/api/refunds", &customer.key, &json!({ "reason": "customer_request" })).await.ok();
    let seller = json!({ "name": "Other Hosting", "country": "FR" });
    test.post_as_super("/api/ledger/seller", "", &seller).await.ok();
    test.settle().await;
    forget_bytes(&test).await;
    let again = file(&test, &path, &customer.key, &[]).await;
    assert_eq!(again.bytes, first.bytes, "{}\n{}", again.text(), first.text());
    assert_eq!(counting.printed.load(Ordering::SeqCst), 2);
    worker::round(&test.app).await.unwrap();
    let recorded = recorded(&test).await;
    let invoices = recorded.iter().filter(|it| it["number"] == "INV-2026-000001").count();
    assert_eq!(invoices, 1, "it is recorded once: {recorded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_invoice_is_printed_as_it_was_issued_whoever_prints_it_when() {
    let (test, _) = start_counting().await;
    let customer = test.subscriber("pro").await;
    test.at("2026-06-01T00:00:00Z");
    test.settle_due(&customer).await;
    let path = invoice_path(&test, &customer).await;
    let unpaid = file(&test, &path, &customer.key, &[]).await;
    assert!(unpaid.text().contains("due_on: Some("), "{}", unpaid.text());
    let id = path.split('/').nth(4).unwrap();
    let checkout = format!("/api/billing/invoices/{id}/checkout");
    let checkout = test.post(&checkout, &customer.key, &json!({})).await.ok();
    test.pay_and_confirm(&customer, &checkout).await;
    // Nothing was recorded yet: the bytes follow from the log alone.
    forget_bytes(&test).await;
    let paid = file(&test, &path, &customer.key, &[]).await;
    assert_eq!(paid.bytes, unpaid.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_has_a_pro_forma_and_then_its_invoice() {
    let (test, _) = start_counting().await;
    let customer = test.customer().await;
    let body = json!({ "planId": "pro" });
    let order = test.post("/api/orders", &customer.key, &body).await.ok()["order"].clone();
    let path = format!("/api/orders/{}/invoice", order["id"]);
    let pro_forma = file(&test, &path, &customer.key, &[]).await;
    assert_eq!(pro_forma.status, 200, "{}", pro_forma.text());
    let disposition = |word: &str| format!("attachment; filename=\"{word}-{}.pdf\"", order["id"]);
    assert_eq!(pro_forma.header("content-disposition"), disposition("pro-forma"));
    assert_eq!(pro_forma.header("cache-control"), "private, no-cache", "it becomes an invoice");
    assert!(pro_forma.text().contains("kind: ProForma"), "{}", pro_forma.text());
    assert!(pro_forma.text().contains("number: None"));
    let confirm = format!("/api/admin/orders/{}/confirm-payment", order["id"]);
    test.post(&confirm, &test.super_key, &json!({})).await.ok();
    test.settle().await;
    let invoice = file(&test, &path, &customer.key, &[]).await;
    assert!(invoice.text().contains("kind: Invoice"), "{}", invoice.text());
    assert_eq!(invoice.header("content-disposition"), disposition("invoice"));
    assert_eq!(invoice.bytes, {
        let path = invoice_path(&test, &customer).await;
        file(&test, &path, &customer.key, &[]).await.bytes
    });
    let admin = path.replace("/api/orders", "/api/admin/orders");
    assert_eq!(file(&test, &admin, &test.super_key, &[]).await.bytes, invoice.bytes);
    // An order that was given up unpaid has none.
    let order = test.customer().await;
    let placed = test.post("/api/orders", &order.key, &body).await.ok()["order"]["id"].clone();
    let cancel = format!("/api/orders/{placed}/cancel");
    test.post(&cancel, &order.key, &json!({})).await.ok();
    let path = format!("/api/orders/{placed}/invoice");
    test.get(&path, &order.key).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_for_those_who_may_see_an_accounts_money_and_foreign_ones_are_missing() {
    let (test, counting) = start_counting().await;
    let (ada, eve) = (test.subscriber("pro").await, test.subscriber("pro").await);
    let path = invoice_path(&test, &ada).await;
    let id = path.split('/').nth(4).unwrap().to_owned();
    let paths = [
        path.clone(),
        "/api/billing/invoices/INV-2026-000001/pdf".to_owned(),
        format!("/api/v1/billing/invoices/{id}/pdf"),
        "/api/orders/1/invoice".to_owned(),
    ];
    for path in &paths {
        assert_eq!(file(&test, path, &ada.key, &[]).await.status, 200, "{path}");
        test.get(path, &eve.key).await.refused(404, "not_found");
        test.get(path, "").await.refused(401, "unauthenticated");
        let member = test.key(Role::Member, Some(&ada.account_id)).await;
        test.get(path, &member).await.refused(403, "forbidden");
    }
    for role in [Role::Auditor, Role::Finance] {
        let reader = test.key(role, None).await;
        assert_eq!(file(&test, &path, &reader, &[]).await.status, 200);
        test.get("/api/ledger/documents", &reader).await.ok();
    }
    test.get("/api/ledger/documents", &ada.key).await.refused(403, "forbidden");
    for name in ["nobody", "inv_x", "%00", "%FF", "..%2F..%2Fetc", &"9".repeat(200)] {
        let path = format!("/api/billing/invoices/{name}/pdf");
        test.get(&path, &test.super_key).await.refused(404, "not_found");
    }
    assert_eq!(counting.printed.load(Ordering::SeqCst), 1, "nobody else's was printed");
}

#[tokio::test(flavor = "multi_thread")]
async fn v1_names_the_address_of_the_pdf_and_the_same_key_opens_it() {
    let (test, _) = start_counting().await;
    let customer = test.subscriber("pro").await;
    let invoices = test.get("/api/v1/billing/invoices", &customer.key).await.ok();
    let url = invoices["data"][0]["pdf_url"].as_str().unwrap();
    let path = url.strip_prefix(&test.url).expect("an absolute address of this server");
    let given = file(&test, path, &customer.key, &[]).await;
    assert_eq!((given.status, given.header("content-type")), (200, "application/pdf"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_print_alike_and_record_once() {
    let (test, _) = start_counting().await;
    let customer = test.subscriber("pro").await;
    let other =
        test.served_from(daybook_projections::query::Reads::new(test.db.pool().await)).await;
    let path = invoice_path(&test, &customer).await;
    let here = file(&test, &path, &customer.key, &[]).await;
    let there = test.client.get(format!("{other}{path}")).bearer_auth(&customer.key);
    let there = there.send().await.unwrap().bytes().await.unwrap();
    assert_eq!(there, here.bytes, "what is kept counts, whatever the other would have printed");
    let rounds = join_all([worker::round(&test.app), worker::round(&test.app)]).await;
    assert!(rounds.iter().all(Result::is_ok));
    test.settle().await;
    assert_eq!(recorded(&test).await.len(), 1);
    assert_eq!(kept::unrecorded(test.app.pool(), 10).await.unwrap(), Vec::<String>::new());
}
