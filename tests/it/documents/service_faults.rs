//! What goes wrong with documents: a printer that panics or hangs, a full queue, bytes that were
//! changed where they are kept, and a press that prints otherwise than it did.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use daybook::documents::{
    paper::Paper,
    press::PressError,
    room::{Printer, Room},
    worker,
};
use futures_util::{StreamExt, stream::FuturesUnordered};

use super::service::{Counting, file, forget_bytes, invoice_path, start, told};
use crate::harness::{TestApp, run};

/// Whether this is a thread of the room, and not the caller's own turn.
fn is_in_the_room() -> bool {
    thread::current().name().is_some_and(|name| name.starts_with("printer"))
}

/// Panics in the room, prints outside of it.
#[derive(Debug)]
struct PanicsInTheRoom;

impl Printer for PanicsInTheRoom {
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, PressError> {
        assert!(!is_in_the_room(), "planted");
        Ok(told(paper))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_that_panics_spoils_its_own_sheet_and_the_caller_prints() {
    let test = start(Arc::new(PanicsInTheRoom), Room::of(4, 1)).await;
    for _ in 0..3 {
        let customer = test.subscriber("pro").await;
        let path = invoice_path(&test, &customer).await;
        assert_eq!(file(&test, &path, &customer.key, &[]).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_threads_the_caller_prints() {
    let counting = Arc::new(Counting::default());
    let test = start(counting.clone(), Room::of(4, 0)).await;
    let customer = test.subscriber("pro").await;
    let path = invoice_path(&test, &customer).await;
    assert_eq!(file(&test, &path, &customer.key, &[]).await.status, 200);
    assert_eq!(counting.printed.load(Ordering::SeqCst), 1);
}

/// Hangs in the room until it is let go; prints outside of it.
#[derive(Debug, Default)]
struct HangsInTheRoom {
    let_go: Mutex<bool>,
    told: Condvar,
    outside: AtomicUsize,
}

impl HangsInTheRoom {
    fn let_go(&self) {
        *self.let_go.lock().unwrap() = true;
        self.told.notify_all();
    }
}

impl Printer for HangsInTheRoom {
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, PressError> {
        if is_in_the_room() {
            let waiting = self.let_go.lock().unwrap();
            drop(self.told.wait_while(waiting, |gone| !*gone).unwrap());
        } else {
            self.outside.fetch_add(1, Ordering::SeqCst);
        }
        Ok(told(paper))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_the_queue_full_is_printed_in_its_own_turn() {
    let hanging = Arc::new(HangsInTheRoom::default());
    let test = start(hanging.clone(), Room::of(1, 1)).await;
    let mut asked = Vec::new();
    for _ in 0..5 {
        let customer = test.subscriber("pro").await;
        asked.push((invoice_path(&test, &customer).await, customer));
    }
    let asking = asked.iter().map(|(path, customer)| file(&test, path, &customer.key, &[]));
    let mut asking: FuturesUnordered<_> = asking.collect();
    // One hangs in the room, one waits in its queue: the other three are answered meanwhile.
    for _ in 0..3 {
        assert_eq!(asking.next().await.unwrap().status, 200);
    }
    assert!(hanging.outside.load(Ordering::SeqCst) >= 3);
    hanging.let_go();
    while let Some(file) = asking.next().await {
        assert_eq!(file.status, 200);
    }
}

/// Cannot print what the customer of a name buys.
#[derive(Debug)]
struct Dislikes(&'static str);

impl Printer for Dislikes {
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, PressError> {
        assert_ne!(paper.number.as_deref(), Some(self.0), "planted");
        Ok(told(paper))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_printed_stops_no_other_and_is_seen() {
    let test = start(Arc::new(Dislikes("INV-2026-000001")), Room::default()).await;
    let (first, second) = (test.subscriber("pro").await, test.subscriber("pro").await);
    worker::round(&test.app).await.unwrap();
    test.settle().await;
    let path = invoice_path(&test, &first).await;
    let refused = test.get(&path, &first.key).await;
    assert!(!refused.text.contains("planted"), "{}", refused.text);
    refused.refused(500, "document_unprintable");
    let path = invoice_path(&test, &second).await;
    assert_eq!(file(&test, &path, &second.key, &[]).await.status, 200);
    let shown = test.get("/api/ledger/documents", &test.super_key).await.ok();
    let shown = shown["data"].as_array().unwrap();
    let of = |number: &str| shown.iter().find(|it| it["number"] == number).unwrap();
    assert!(of("INV-2026-000001")["problem"].as_str().unwrap().contains("panicked"));
    assert!(of("INV-2026-000001")["rendered"].is_null());
    assert!(of("INV-2026-000002")["problem"].is_null());
    assert!(of("INV-2026-000002")["rendered"].is_object());
}

/// Flips a byte of everything that is kept.
async fn flip(test: &TestApp) {
    let mut owner = test.db.owner().await;
    let sql = "update documents set bytes = set_byte(bytes, 20, get_byte(bytes, 20) # 1)";
    run(&mut owner, sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_were_changed_are_found_by_verify_and_healed_by_whoever_asks() {
    let counting = Arc::new(Counting::default());
    let test = start(counting.clone(), Room::default()).await;
    let customer = test.subscriber("pro").await;
    let path = invoice_path(&test, &customer).await;
    let first = file(&test, &path, &customer.key, &[]).await;
    worker::round(&test.app).await.unwrap();
    test.settle().await;
    let (exit, out, _) = test.db.daybook(&["verify"]).await;
    assert_eq!(exit, 0, "{out}");
    flip(&test).await;
    let (exit, out, _) = test.db.daybook(&["verify"]).await;
    assert_eq!(exit, 3, "{out}");
    let id = path.split('/').nth(4).unwrap();
    assert!(out.contains("[document]") && out.contains(id), "{out}");
    let again = file(&test, &path, &customer.key, &[]).await;
    assert_eq!((again.status, again.bytes), (200, first.bytes));
    assert_eq!(counting.printed.load(Ordering::SeqCst), 2);
    let (exit, out, _) = test.db.daybook(&["verify"]).await;
    assert_eq!(exit, 0, "it is healed: {out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_were_changed_with_their_hash_are_not_given_out_either() {
    let counting = Arc::new(Counting::default());
    let test = start(counting, Room::default()).await;
    let customer = test.subscriber("pro").await;
    let path = invoice_path(&test, &customer).await;
    let first = file(&test, &path, &customer.key, &[]).await;
    worker::round(&test.app).await.unwrap();
    test.settle().await;
    flip(&test).await;
    let mut owner = test.db.owner().await;
    let sql = "update documents set sha256 = encode(sha256(bytes), 'hex')";
    run(&mut owner, sql).await.unwrap();
    let (exit, out, _) = test.db.daybook(&["verify"]).await;
    assert_eq!(exit, 3, "{out}");
    assert_eq!(file(&test, &path, &customer.key, &[]).await.bytes, first.bytes);
}

/// Prints otherwise from some moment on.
#[derive(Debug, Default)]
struct Moody {
    other: AtomicBool,
}

impl Printer for Moody {
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, PressError> {
        let mut bytes = told(paper);
        if self.other.load(Ordering::SeqCst) {
            bytes.push(b'!');
        }
        Ok(bytes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_printed_as_it_was_recorded_is_not_given_out() {
    let moody = Arc::new(Moody::default());
    let test = start(moody.clone(), Room::default()).await;
    let customer = test.subscriber("pro").await;
    worker::round(&test.app).await.unwrap();
    test.settle().await;
    forget_bytes(&test).await;
    moody.other.store(true, Ordering::SeqCst);
    let path = invoice_path(&test, &customer).await;
    let refused = test.get(&path, &customer.key).await;
    assert!(refused.message().contains("INV-2026-000001"), "{}", refused.text);
    refused.refused(500, "document_altered");
    // The press is put right, and the document is there again.
    moody.other.store(false, Ordering::SeqCst);
    assert_eq!(file(&test, &path, &customer.key, &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_were_changed_before_their_record_are_printed_anew_and_never_recorded() {
    let counting = Arc::new(Counting::default());
    let test = start(counting, Room::default()).await;
    let customer = test.subscriber("pro").await;
    let path = invoice_path(&test, &customer).await;
    let first = file(&test, &path, &customer.key, &[]).await;
    flip(&test).await;
    worker::round(&test.app).await.unwrap();
    test.settle().await;
    assert_eq!(file(&test, &path, &customer.key, &[]).await.bytes, first.bytes);
    worker::round(&test.app).await.unwrap();
    test.settle().await;
    let (exit, out, _) = test.db.daybook(&["verify"]).await;
    assert_eq!(exit, 0, "{out}");
    let shown = test.get("/api/ledger/documents/INV-2026-000001", &test.super_key).await.ok();
    assert_eq!(shown["rendered"]["sha256"], daybook::documents::kept::hash(&first.bytes).as_str());
}
