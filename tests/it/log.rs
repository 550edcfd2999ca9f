//! What the tests of the log share: ledgers on a test's database, commands to put into them, and
//! what must be true of every log.

use std::{collections::HashMap, future::Future, pin::pin, time::Duration};

use daybook_events::{
    Origin, Recorded,
    commands::{Command, IssueKey, OpenAccount},
    event::Role,
    store::{self, Ledger, Options, Receipt, Request, SubmitError},
    testing,
};
use daybook_projections::verify;
use futures_util::future::join_all;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::harness::{TestDb, run};

/// What a submission comes to.
pub(crate) type Submitted = Result<Receipt, SubmitError>;

/// A ledger on a test's database, as a process of its own would have it.
pub(crate) async fn open(db: &TestDb, options: Options) -> Ledger {
    Ledger::open(db.pool().await, options).await.unwrap()
}

/// A database whose book is open, and a ledger on it.
pub(crate) async fn opened() -> (TestDb, Ledger) {
    let db = TestDb::new().await;
    let ledger = open(&db, Options::default()).await;
    ledger.submit(ask(testing::open_book())).await.unwrap();
    (db, ledger)
}

/// A request that can be told from every other one by its request id.
pub(crate) fn ask(command: impl Into<Command>) -> Request {
    let seed = Uuid::now_v7();
    let request_id = Some(seed.simple().to_string());
    Request::new(command, Origin { request_id, ..Origin::default() }, seed)
}

/// Opens the account that the panel calls by a name.
pub(crate) fn account(name: &str) -> OpenAccount {
    OpenAccount {
        account_id: OpenAccount::id_of_external(name),
        external_id: Some(name.to_owned()),
        billing: testing::personal(name),
        ..testing::open_account()
    }
}

/// Issues a key: a command that would be accepted any number of times.
pub(crate) fn key(label: &str) -> IssueKey {
    IssueKey { label: label.to_owned(), ..testing::issue_key(Role::Auditor) }
}

/// Submits requests so that they meet in one batch: the ledger is held up with another command
/// until all of them wait.
pub(crate) async fn in_one_batch(
    db: &TestDb,
    ledger: &Ledger,
    requests: Vec<Request>,
) -> Vec<Submitted> {
    let mut gate = db.superuser().await;
    run(&mut gate, "begin; select from head for update").await.unwrap();
    let mut plug = pin!(ledger.submit(ask(key("plug"))));
    begin(&mut plug).await;
    until_somebody_waits_for(&mut gate).await;
    let mut all = pin!(join_all(requests.into_iter().map(|request| ledger.submit(request))));
    begin(&mut all).await;
    run(&mut gate, "rollback").await.unwrap();
    plug.await.unwrap();
    all.await
}

/// Polls a future once: what it does before its first wait has then happened.
pub(crate) async fn begin<F: Future + Unpin>(future: &mut F) {
    tokio::select! {
        biased;
        _ = future => panic!("it was to wait"),
        () = std::future::ready(()) => {}
    }
}

/// Returns when a session waits for a lock that this one holds.
pub(crate) async fn until_somebody_waits_for(holder: &mut PgConnection) {
    let sql = "select exists (select from pg_locks
                              where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)))";
    soon("a session that waits", async {
        while !sqlx::query_scalar::<_, bool>(sql).fetch_one(&mut *holder).await.unwrap() {}
    })
    .await;
}

/// What comes soon, or the test fails instead of waiting for ever.
pub(crate) async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    let come = tokio::time::timeout(Duration::from_secs(30), coming).await;
    come.unwrap_or_else(|_| panic!("it did not come: {what}"))
}

/// The whole log.
pub(crate) async fn whole(db: &TestDb) -> Vec<Recorded> {
    let mut owner = db.owner().await;
    store::range(&mut owner, 0, i64::MAX, i64::MAX).await.unwrap()
}

/// Positions, versions and instants are as they must be, and so is everything that the auditor
/// checks. Returns the log.
pub(crate) async fn assert_sound(db: &TestDb) -> Vec<Recorded> {
    let log = whole(db).await;
    assert_contiguous(&log);
    let report = verify::verify(&db.pool().await, Vec::new(), &mut |_, _| {}).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(usize::try_from(report.events), Ok(log.len()));
    log
}

/// Positions and versions are counted without gaps, and time does not go back.
pub(crate) fn assert_contiguous(log: &[Recorded]) {
    let mut versions = HashMap::new();
    for (recorded, position) in log.iter().zip(1..) {
        assert_eq!(recorded.position, position);
        let version = versions.entry(recorded.stream).or_insert(0);
        *version += 1;
        assert_eq!(recorded.version, *version, "{}", recorded.stream);
    }
    assert!(log.is_sorted_by_key(|recorded| recorded.recorded_at));
}

/// How many batches these events were committed in: each has an instant of its own.
pub(crate) fn batches<'a>(log: impl IntoIterator<Item = &'a Recorded>) -> usize {
    let mut instants: Vec<_> = log.into_iter().map(|recorded| recorded.recorded_at).collect();
    instants.sort();
    instants.dedup();
    instants.len()
}

/// The numbers that events of a type were given, in log order.
pub(crate) fn numbers(log: &[Recorded], type_name: &str) -> Vec<String> {
    log.iter()
        .filter(|recorded| recorded.event.type_name() == type_name)
        .map(|recorded| recorded.number.clone().unwrap())
        .collect()
}
