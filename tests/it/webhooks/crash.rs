//! The real server is killed while its webhooks are on their way: every one arrives, under the id
//! that it had.

use std::{collections::BTreeSet, process::Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::receiver::{Act, Received, Receiver};
use crate::{bad_input::scene::text, harness::TestDb};

/// The server on a database, once it serves.
async fn serve(db: &TestDb) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", &db.serving_url)
        .env("DAYBOOK_WEBHOOK_NETWORKS", "127.0.0.0/8")
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = said.next_line().await.unwrap() {
        if line.contains("\"message\":\"serving\"") {
            // Unread, the pipe would fill and hold the server up.
            tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
            return child;
        }
    }
    panic!("it does not serve")
}

async fn json(db: &TestDb, args: &[&str]) -> Value {
    let mut args = args.to_vec();
    args.extend(["--output", "json"]);
    let (exit, out, err) = db.daybook(&args).await;
    assert_eq!(exit, 0, "{args:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

fn ids(got: &[Received]) -> BTreeSet<String> {
    got.iter().map(|it| it.header("webhook-id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_on_the_way_loses_no_webhook() {
    let db = TestDb::new().await;
    // The book is opened by whoever comes first.
    json(&db, &["plan", "list"]).await;
    let receiver = Receiver::start(Act::Hang).await;
    let add = ["webhook", "endpoint", "add", &receiver.url(), "--webhook-networks", "127.0.0.0/8"];
    let made = json(&db, &add).await;
    let id = text(&made["endpoint_id"]);
    json(&db, &["plan", "import", "docs/plans.example.toml"]).await;

    // Killed three times, each time with webhooks in the receiver's hands that it has not confirmed.
    for killed in 1..=3 {
        let before = receiver.got().len();
        let mut server = serve(&db).await;
        receiver.waits_for(|got| got.len() > before).await;
        server.start_kill().unwrap();
        server.wait().await.unwrap();
        assert!(receiver.got().len() > before, "{killed}");
    }
    let unconfirmed = ids(&receiver.got());
    let planned = json(&db, &["webhook", "deliveries", &id]).await;
    let planned: BTreeSet<_> =
        planned.as_array().unwrap().iter().map(|it| text(&it["delivery_id"])).collect();
    assert!(planned.len() >= 3 && unconfirmed.is_subset(&planned), "{planned:?}");

    receiver.does(Act::Answer(200, ""));
    let before = receiver.got().len();
    let mut server = serve(&db).await;
    receiver.waits_for(|got| ids(&got[before..]) == planned).await;
    server.start_kill().unwrap();
    server.wait().await.unwrap();
    // No event was planned twice, whoever died in the middle of it.
    let after = json(&db, &["webhook", "deliveries", &id]).await;
    let positions: BTreeSet<_> =
        after.as_array().unwrap().iter().map(|it| it["position"].as_i64().unwrap()).collect();
    assert_eq!(positions.len(), planned.len());
}
