//! The sandbox's messages on their way: to a receiver that notes what came, and answers as it is
//! told.

use std::{net::SocketAddr, time::Duration};

use daybook::processors::{Message, NotTheirs};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};
use warp::{
    Filter,
    http::{HeaderMap, StatusCode},
};

use super::{paid, pay_path};
use crate::harness::TestApp;

type Came = (HeaderMap, Vec<u8>);

/// A receiver that answers with these statuses in turn, then with 200.
async fn receiver(statuses: &[u16]) -> (SocketAddr, UnboundedReceiver<Came>) {
    let (sender, came) = unbounded_channel();
    let statuses = std::sync::Arc::new(std::sync::Mutex::new(statuses.to_vec()));
    let take = warp::post()
        .and(warp::path!("webhooks" / "sandbox"))
        .and(warp::header::headers_cloned())
        .and(warp::body::bytes())
        .map(move |headers, body: hyper::body::Bytes| {
            sender.send((headers, body.to_vec())).unwrap();
            let mut statuses = statuses.lock().unwrap();
            let status = if statuses.is_empty() { 200 } else { statuses.remove(0) };
            StatusCode::from_u16(status).unwrap()
        });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(take).incoming(listener).run());
    (address, came)
}

fn everything(came: &mut UnboundedReceiver<Came>) -> Vec<Came> {
    std::iter::from_fn(|| came.try_recv().ok()).collect()
}

fn event_id((headers, _): &Came) -> &str {
    headers["x-razorpay-event-id"].to_str().unwrap()
}

fn event((_, body): &Came) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    body["event"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_signed_as_the_processor_recognises_them() {
    let test = TestApp::start().await;
    let (address, mut came) = receiver(&[]).await;
    test.sandbox().reaches(address).unwrap();
    paid(&test).await;
    test.an_hour_passes().await;
    assert!(test.sandbox().send_due(None).await.unwrap());
    let came = everything(&mut came);
    assert_eq!(came.len(), 3);
    let processor = test.app.processors.named("sandbox").unwrap();
    for message in &came {
        let (headers, body) = message;
        let id = event_id(message).to_owned();
        assert_eq!(processor.recognises(&Message { headers, body }), Ok(Some(id)));
        let mut changed = body.clone();
        changed[7] ^= 1;
        let wrong = processor.recognises(&Message { headers, body: &changed });
        assert_eq!(wrong, Err(NotTheirs::WrongSignature));
        let bare = HeaderMap::new();
        let unsigned = processor.recognises(&Message { headers: &bare, body });
        assert_eq!(unsigned, Err(NotTheirs::Unsigned));
    }
    let ids: std::collections::BTreeSet<_> = came.iter().map(event_id).collect();
    assert_eq!(ids.len(), 3, "each has an id of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_sent_again_under_the_same_id() {
    let test = TestApp::start().await;
    let (address, mut came) = receiver(&[500, 404, 302]).await;
    test.sandbox().reaches(address).unwrap();
    paid(&test).await;
    test.an_hour_passes().await;
    let sandbox = test.sandbox();
    assert!(!sandbox.send_due(None).await.unwrap());
    let first = everything(&mut came);
    assert_eq!(first.len(), 3, "a failure keeps nobody else back");
    assert!(sandbox.send_due(None).await.unwrap());
    assert!(everything(&mut came).is_empty(), "it is not tried again at once");
    test.an_hour_passes().await;
    assert!(sandbox.send_due(None).await.unwrap());
    let second = everything(&mut came);
    for (first, second) in first.iter().zip(&second) {
        assert_eq!((event_id(first), &first.1), (event_id(second), &second.1));
    }
    test.an_hour_passes().await;
    assert!(sandbox.send_due(None).await.unwrap());
    assert!(everything(&mut came).is_empty(), "what was taken is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_killed_while_sending_loses_nothing() {
    let test = TestApp::start().await;
    let (address, mut came) = receiver(&[]).await;
    test.sandbox().reaches(address).unwrap();
    paid(&test).await;
    test.an_hour_passes().await;
    let books = test.sandbox().books();
    // Another process has taken the first message, and is gone.
    let taken = books.claim(None).await.unwrap().unwrap();
    assert_eq!((taken.event.as_str(), taken.tries), ("payment.authorized", 1));
    assert!(test.sandbox().send_due(None).await.unwrap());
    let others: Vec<_> = everything(&mut came).iter().map(event).collect();
    assert_eq!(others, ["payment.captured", "order.paid"], "it has it for itself for a while");
    test.an_hour_passes().await;
    assert!(test.sandbox().send_due(None).await.unwrap());
    let again = everything(&mut came);
    assert_eq!(again.iter().map(event_id).collect::<Vec<_>>(), [taken.event_id.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fell_due_first_is_sent_first() {
    let test = TestApp::start().await;
    let (address, mut came) = receiver(&[]).await;
    test.sandbox().reaches(address).unwrap();
    let (_, late) = test.ordered().await;
    test.press(&pay_path(&late), "outcome=delay&seconds=60").await.ok();
    let (_, soon) = test.ordered().await;
    test.press(&pay_path(&soon), "outcome=delay&seconds=30").await.ok();
    test.an_hour_passes().await;
    assert!(test.sandbox().send_due(None).await.unwrap());
    let came = everything(&mut came);
    let about = |order: &str| {
        let named = |(_, body): &Came| String::from_utf8_lossy(body).contains(order);
        came.iter().map(named).collect::<Vec<_>>()
    };
    assert_eq!(about(&soon), [true, true, true, false, false, false]);
    assert_eq!(about(&late), [false, false, false, true, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_task_sends_at_once_and_when_the_time_has_come() {
    let test = TestApp::start().await;
    let (address, mut came) = receiver(&[]).await;
    test.sandbox().reaches(address).unwrap();
    let task = tokio::spawn(test.sandbox().clone().run());
    let (_, order) = test.ordered().await;
    let soon = Duration::from_secs(30);
    for (form, events) in [
        ("outcome=failure", vec!["payment.failed"]),
        (
            "outcome=late&seconds=1",
            vec!["payment.failed", "payment.authorized", "payment.captured", "order.paid"],
        ),
    ] {
        test.press(&pay_path(&order), form).await.refused(402, "payment_failed");
        for expected in events {
            let message = timeout(soon, came.recv()).await.expect(expected).unwrap();
            assert_eq!(event(&message), expected, "{form}");
        }
    }
    task.abort();
}
