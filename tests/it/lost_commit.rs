//! The answer to a commit is lost: whoever asked is told the truth, and nothing is there twice.
//!
//! A proxy stands between the ledger and Postgres and cuts the connection at the commit. From the
//! ledger's side the cuts look alike; whether the commit took effect only the log can tell.
//!
//! The control is a ledger with a planted fault: it does not look, takes every lost commit for one
//! that never was, and appends again. The same check must find its doubles.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex},
    time::Duration,
};

use daybook_events::{
    Recorded,
    event::{AccessEvent, Event},
    store::{self, IdempotencyKey, Ledger, Options, Request, SubmitError},
    testing,
};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::{AbortHandle, JoinSet},
};

use crate::{
    harness::TestDb,
    log::{ask, assert_contiguous, key, open, whole},
};

/// The simple query `commit`, as the appender alone sends it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bcommit\0";

/// What the proxy does at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Passes it on.
    Not,
    /// Cuts before the commit has passed: it never takes effect.
    Before,
    /// Passes the commit on and cuts when the answer comes: it has taken effect.
    Answer,
    /// Passes the commit on and cuts at once: it takes effect while the ledger already asks.
    Behind,
}

/// What the proxy still has in mind; afterwards every commit passes.
type Plan = Arc<Mutex<VecDeque<Cut>>>;

struct Proxy {
    dir: tempfile::TempDir,
    plan: Plan,
    accepting: AbortHandle,
}

impl Proxy {
    /// A socket of its own that leads to the database's.
    fn before(db: &TestDb) -> Self {
        let upstream = PgConnectOptions::from_str(&db.serving_url).unwrap();
        let upstream = upstream.get_socket().unwrap().join(".s.PGSQL.5432");
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let plan = Plan::default();
        let accepting = tokio::spawn(accept(listener, upstream, plan.clone())).abort_handle();
        Self { dir, plan, accepting }
    }

    async fn pool(&self, db: &TestDb) -> PgPool {
        let (address, _) = db.serving_url.split_once('?').unwrap();
        let dir = self.dir.path().display();
        store::pool(&format!("{address}?host={dir}&port=5432"), 4).await.unwrap()
    }

    async fn ledger(&self, db: &TestDb, mut options: Options) -> Ledger {
        // Small batches, so that many commits can be cut.
        options.batch = 4;
        Ledger::open(self.pool(db).await, options).await.unwrap()
    }

    fn will(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.plan.lock().unwrap().extend(cuts);
    }

    fn is_done(&self) -> bool {
        self.plan.lock().unwrap().is_empty()
    }

    /// Nobody gets through any more.
    fn close(&self) {
        self.accepting.abort();
        std::fs::remove_file(self.dir.path().join(".s.PGSQL.5432")).unwrap();
    }
}

async fn accept(listener: UnixListener, upstream: PathBuf, plan: Plan) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (upstream, plan) = (upstream.clone(), plan.clone());
        tokio::spawn(async move {
            // Either end may go away at any time.
            let _ = relay(client, &upstream, &plan).await;
        });
    }
}

/// Passes bytes on, both ways, until an end closes or a commit is cut.
async fn relay(mut client: UnixStream, upstream: &Path, plan: &Plan) -> std::io::Result<()> {
    let mut server = UnixStream::connect(upstream).await?;
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let bytes = &asked[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                let cut = match bytes.ends_with(COMMIT) {
                    true => plan.lock().unwrap().pop_front().unwrap_or(Cut::Not),
                    false => Cut::Not,
                };
                if cut == Cut::Before {
                    return Ok(());
                }
                server.write_all(bytes).await?;
                if cut == Cut::Answer {
                    assert!(server.read(&mut answered).await? > 0, "Postgres has to answer");
                }
                if cut != Cut::Not {
                    return Ok(());
                }
            }
            read = server.read(&mut answered) => {
                let bytes = &answered[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                client.write_all(bytes).await?;
            }
        }
    }
}

async fn database() -> TestDb {
    let db = TestDb::new().await;
    open(&db, Options::default()).await.submit(ask(testing::open_book())).await.unwrap();
    db
}

/// How often each label was issued as a key.
fn issued(log: &[Recorded]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for recorded in log {
        if let Event::Access(AccessEvent::KeyIssued(issued)) = &recorded.event {
            *counts.entry(issued.label.as_str()).or_default() += 1;
        }
    }
    counts
}

async fn one_cut_is_seen_through(cut: Cut) {
    let db = database().await;
    let proxy = Proxy::before(&db);
    let ledger = proxy.ledger(&db, Options::default()).await;
    proxy.will([cut]);
    let receipt = ledger.submit(ask(key("once"))).await.unwrap();
    assert!(proxy.is_done());
    let log = whole(&db).await;
    assert_eq!(issued(&log), HashMap::from([("once", 1)]));
    assert_eq!(*log.last().unwrap(), *receipt.events[0]);
    // It goes on from the truth.
    assert_eq!(ledger.submit(ask(key("next"))).await.unwrap().position(), 3);
    assert_contiguous(&whole(&db).await);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_counts_once() {
    one_cut_is_seen_through(Cut::Answer).await;
}

#[tokio::test]
async fn a_commit_that_never_arrives_is_tried_again() {
    one_cut_is_seen_through(Cut::Before).await;
}

#[tokio::test]
async fn a_commit_that_is_still_under_way_is_waited_for() {
    one_cut_is_seen_through(Cut::Behind).await;
}

/// Many callers, many cuts. Every command is acknowledged in the end; returns the labels that are
/// not in the log exactly once.
async fn miscounted_under_cuts(options: Options) -> Vec<String> {
    const COMMANDS: usize = 300;
    let db = database().await;
    let proxy = Proxy::before(&db);
    let ledger = proxy.ledger(&db, options).await;
    let kinds = [Cut::Not, Cut::Before, Cut::Not, Cut::Answer, Cut::Behind];
    proxy.will((0..60).map(|_| kinds[rand::random_range(0..kinds.len())]));
    let mut callers = JoinSet::new();
    for n in 0..COMMANDS {
        let ledger = ledger.clone();
        callers.spawn(async move { ledger.submit(ask(key(&n.to_string()))).await.unwrap() });
    }
    let receipts = callers.join_all().await;
    assert!(proxy.is_done(), "there were fewer commits than cuts");
    let log = whole(&db).await;
    assert_contiguous(&log);
    for event in receipts.iter().flat_map(|receipt| &receipt.events) {
        assert_eq!(log[usize::try_from(event.position).unwrap() - 1], **event);
    }
    let counts = issued(&log);
    let labels = (0..COMMANDS).map(|n| n.to_string());
    labels.filter(|label| counts.get(label.as_str()) != Some(&1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_cut_each_command_is_there_exactly_once() {
    assert_eq!(miscounted_under_cuts(Options::default()).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_finds_the_doubles_of_a_ledger_that_does_not_look() {
    assert!(!miscounted_under_cuts(Options::trusting_lost_commits()).await.is_empty());
}

#[tokio::test]
async fn an_outcome_that_nobody_can_tell_is_not_made_up_and_its_key_tells_it_later() {
    for (cut, appended) in [(Cut::Answer, true), (Cut::Before, false)] {
        let db = database().await;
        let proxy = Proxy::before(&db);
        let mut options = Options::default();
        options.patience = Duration::from_millis(200);
        let ledger = proxy.ledger(&db, options).await;
        let fingerprint = [7; 32];
        let own = IdempotencyKey { scope: "ada".into(), key: "k".into(), fingerprint };
        let request = Request { key: Some(own), ..ask(key("once")) };
        proxy.will([cut]);
        proxy.close();
        let unknown = ledger.submit(request.clone()).await;
        assert!(matches!(unknown, Err(SubmitError::OutcomeUnknown)), "{unknown:?}");
        let later = ledger.submit(request.clone()).await;
        assert!(matches!(later, Err(SubmitError::Unavailable)), "{later:?}");

        let again = open(&db, Options::default()).await.submit(request).await.unwrap();
        assert_eq!((again.replayed, again.position()), (appended, 2));
        assert_eq!(issued(&whole(&db).await), HashMap::from([("once", 1)]));
    }
}

#[tokio::test]
async fn a_commit_that_is_cut_each_time_is_given_up_and_said_to_be_so() {
    let db = database().await;
    let proxy = Proxy::before(&db);
    let mut options = Options::default();
    options.patience = Duration::from_millis(200);
    let ledger = proxy.ledger(&db, options).await;
    proxy.will([Cut::Before; 100_000]);
    let given_up = ledger.submit(ask(key("never"))).await;
    assert!(matches!(given_up, Err(SubmitError::Unavailable)), "{given_up:?}");
    assert_eq!(whole(&db).await.len(), 1);
    proxy.plan.lock().unwrap().clear();
    assert_eq!(ledger.submit(ask(key("now"))).await.unwrap().position(), 2);
}
