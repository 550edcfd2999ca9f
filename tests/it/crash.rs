//! `kill -9` of the server and of Postgres under load: whatever was acknowledged is there, once.
//!
//! The cluster is the product's own, with fsync. The controls answer before the commit; the same
//! check must find what they lose.

use std::{
    collections::HashMap,
    os::unix::fs::PermissionsExt as _,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use daybook::{
    database::Database,
    local_postgres::{LocalPostgres, Settings},
};
use daybook_events::{
    Recorded,
    event::{AccessEvent, AccountEvent, Event, ProfileEvent},
    store::{self, Ledger, Options},
    testing,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::watch,
    task::JoinSet,
};

use crate::{
    harness::run,
    log::{ask, assert_contiguous, key, soon},
};

/// Tells the helper process which database to append to, and how.
const HELPER_URL: &str = "DAYBOOK_TEST_CRASH_URL";
const HELPER_FAULT: &str = "DAYBOOK_TEST_CRASH_FAULT";

/// A data directory that the server's user can get through, too.
fn open_dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn kill_9(pid: i32) {
    // It may have ended by itself meanwhile.
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

/// The processes that another one has started.
fn children(parent: i32) -> Vec<i32> {
    let parent_of = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<i32>().ok()
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Kills a cluster's main process, and with it, perhaps, every other one before it can notice.
fn kill_postgres(data_dir: &std::path::Path, with_children: bool) {
    let text = std::fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap();
    let postmaster = text.lines().next().unwrap().parse().unwrap();
    let children = if with_children { children(postmaster) } else { Vec::new() };
    kill_9(postmaster);
    children.into_iter().for_each(kill_9);
}

/// What the log tells of a cluster that has come back: the events, sound by themselves.
async fn log_of(database: &Database) -> Vec<Recorded> {
    let url = database.cluster().unwrap().url("daybook_owner", "daybook");
    let mut owner = PgConnection::connect(&url).await.unwrap();
    store::prepare(&mut owner).await.unwrap();
    // Whoever still commits, though its client is gone, is waited for.
    run(&mut owner, "begin; select from head for update; rollback").await.unwrap();
    let log = store::range(&mut owner, 0, i64::MAX, i64::MAX).await.unwrap();
    assert_contiguous(&log);
    log
}

/// How often each of the tests' own names is in the log, and where last.
fn names(log: &[Recorded]) -> HashMap<&str, (usize, i64)> {
    let mut names = HashMap::new();
    for recorded in log {
        let name = match &recorded.event {
            Event::Account(AccountEvent::Profile(ProfileEvent::AccountOpened(opened))) => {
                &opened.billing.0.name
            }
            Event::Access(AccessEvent::KeyIssued(issued)) => &issued.label,
            _ => continue,
        };
        let entry = names.entry(name.as_str()).or_insert((0, 0));
        *entry = (entry.0 + 1, recorded.position);
    }
    names
}

/// The product on a data directory of its own.
struct Product {
    dir: tempfile::TempDir,
}

impl Product {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
        command.args(args).env("DAYBOOK_DATA_DIR", self.dir.path());
        for name in ["DATABASE_URL", "DAYBOOK_OWNER_URL"] {
            command.env_remove(name);
        }
        command.env("RUST_LOG", "info,daybook::http=warn").kill_on_drop(true);
        command
    }

    async fn run(&self, args: &[&str]) -> (Option<i32>, Value, String) {
        let output = self.command(args).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let result = serde_json::from_slice(&output.stdout);
        (output.status.code(), result.unwrap_or_else(|_| panic!("{said}")), said)
    }

    async fn serve(&self) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = find(&mut said, "\"message\":\"serving\"").await;
        let line: Value = serde_json::from_str(&line).unwrap();
        let url = format!("http://{}", line["address"].as_str().unwrap());
        // Unread, the pipe would fill and hold the server up.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        Server { child, url }
    }
}

/// The first line that contains a text.
async fn find(lines: &mut Lines<BufReader<ChildStderr>>, text: &str) -> String {
    let mut before = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains(text) {
            return line;
        }
        before.push(line);
    }
    panic!("it never said {text}, but {before:#?}")
}

struct Server {
    child: Child,
    url: String,
}

/// An acknowledged command: its name and the position that the answer told.
type Acknowledged = (String, i64);

/// Several clients that open accounts, one after another, and send each request again, with its
/// key, until it is acknowledged.
struct Load {
    // The address that they call; another one after each restart.
    url: watch::Sender<String>,
    acknowledged: watch::Receiver<usize>,
    enough: Arc<AtomicBool>,
    clients: JoinSet<Vec<Acknowledged>>,
}

impl Load {
    fn start(url: String, api_key: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (url, _) = watch::channel(url);
        let (count, acknowledged) = watch::channel(0);
        let enough = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for client in 0..8 {
            let caller = Caller {
                client: crate::harness::client(),
                url: url.subscribe(),
                api_key: api_key.to_owned(),
            };
            let (count, enough) = (count.clone(), enough.clone());
            clients.spawn(async move {
                let mut own = Vec::new();
                while !enough.load(Ordering::Relaxed) {
                    let name = format!("client-{client}-{}", own.len());
                    let position = caller.clone().open_account(&name).await;
                    own.push((name, position));
                    count.send_modify(|count| *count += 1);
                }
                own
            });
        }
        Self { url, acknowledged, enough, clients }
    }

    /// Returns when so many more commands have been acknowledged.
    async fn goes_on_for(&mut self, more: usize) {
        let target = *self.acknowledged.borrow() + more;
        let reached = self.acknowledged.wait_for(|count| *count >= target);
        let reached = tokio::time::timeout(Duration::from_secs(90), reached).await;
        assert!(reached.is_ok(), "nothing is acknowledged any more");
    }

    async fn stop(self) -> Vec<Acknowledged> {
        self.enough.store(true, Ordering::Relaxed);
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

#[derive(Clone)]
struct Caller {
    client: reqwest::Client,
    url: watch::Receiver<String>,
    api_key: String,
}

impl Caller {
    /// Asks until the answer is yes; tells the position.
    async fn open_account(mut self, name: &str) -> i64 {
        let mut body = json!({ "currency": "USD", "billing": { "name": name } });
        if name.ends_with(['0', '2', '4', '6', '8']) {
            body["external_id"] = json!(name);
        }
        loop {
            let url = self.url.borrow_and_update().clone();
            let request = self.client.post(format!("{url}/api/accounts")).json(&body);
            let request = request.bearer_auth(&self.api_key).header("idempotency-key", name);
            match request.send().await {
                Ok(answer) if answer.status() == 201 => {
                    return answer.headers()["daybook-position"].to_str().unwrap().parse().unwrap();
                }
                // The database is away: it says so and is asked again.
                Ok(answer) => assert_eq!(answer.status(), 503, "{:?}", answer.text().await),
                // The server is gone, and will be back elsewhere.
                Err(error) if error.is_connect() => {
                    self.url.wait_for(|now| *now != url).await.unwrap();
                }
                // Cut off in the middle: nobody knows whether it was recorded.
                Err(_) => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_of_server_and_postgres_lose_nothing_that_was_acknowledged() {
    let product = Product { dir: open_dir() };
    let create = ["--output", "json", "key", "create", "--role", "super_admin"];
    let (_, created, _) = product.run(&create).await;
    let mut server = product.serve().await;
    let mut load = Load::start(server.url.clone(), created["key"].as_str().unwrap());
    for round in 0..20 {
        load.goes_on_for(rand::random_range(20..90)).await;
        if round % 2 == 0 {
            kill_postgres(product.dir.path(), round % 4 == 0);
        } else {
            server.child.kill().await.unwrap();
            server = product.serve().await;
            load.url.send_replace(server.url.clone());
        }
    }
    load.goes_on_for(50).await;
    let acknowledged = load.stop().await;
    assert!(server.child.try_wait().unwrap().is_none(), "the server had to outlive Postgres");
    kill(Pid::from_raw(i32::try_from(server.child.id().unwrap()).unwrap()), Signal::SIGTERM)
        .unwrap();
    assert!(server.child.wait().await.unwrap().success());

    let (exit, report, said) = product.run(&["--output", "json", "verify"]).await;
    assert_eq!(exit, Some(0), "{report:#}{said}");
    let database = Database::local(Settings::new(product.dir.path())).await.unwrap();
    let log = log_of(&database).await;
    let names = names(&log);
    for (name, position) in &acknowledged {
        assert_eq!(names.get(name.as_str()), Some(&(1, *position)), "{name}");
    }
    assert!(acknowledged.len() >= 20 * 20 + 50);
    // Every client was answered before it asked for the next, so nothing else is there either.
    let opened = log.iter().filter(|recorded| recorded.account().is_some()).count();
    assert_eq!(opened, acknowledged.len());
    database.close().await.unwrap();
}

/// Not a test of its own: the process that is killed. It issues keys for ever and prints each that
/// was acknowledged. It goes by at once when nobody asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn helper_that_appends() {
    let Ok(url) = std::env::var(HELPER_URL) else { return };
    let options = match std::env::var(HELPER_FAULT) {
        Ok(_) => Options::answering_before_the_commit(),
        Err(_) => Options::default(),
    };
    let pool = store::pool(&url, 2).await.unwrap();
    let ledger = Ledger::open(pool, options).await.unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..32 {
        let ledger = ledger.clone();
        callers.spawn(async move {
            loop {
                let name = uuid::Uuid::now_v7().simple().to_string();
                if ledger.submit(ask(key(&name))).await.is_ok() {
                    println!("\nacknowledged {name}");
                }
            }
        });
    }
    callers.join_all().await;
}

/// A ledger in a process of its own that appends to a cluster.
struct Helper {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    acknowledged: Vec<String>,
}

impl Helper {
    fn start(url: &str, faulty: bool) -> Self {
        let module = module_path!().split_once("::").unwrap().1;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("{module}::helper_that_appends"), "--nocapture"]);
        command.env(HELPER_URL, url).stdout(Stdio::piped()).kill_on_drop(true);
        if faulty {
            command.env(HELPER_FAULT, "answers before the commit");
        }
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, said, acknowledged: Vec::new() }
    }

    /// Hears one line; tells whether there was one.
    async fn hear(&mut self) -> bool {
        let Some(line) = self.said.next_line().await.unwrap() else { return false };
        self.acknowledged.extend(line.strip_prefix("acknowledged ").map(str::to_owned));
        true
    }

    /// Everything that it acknowledged before it was killed.
    async fn kill(mut self) -> Vec<String> {
        self.child.kill().await.unwrap();
        while self.hear().await {}
        self.acknowledged
    }
}

/// A cluster whose commits take their time, so that there is something to lose in each.
async fn slow_cluster(dir: &std::path::Path) -> Database {
    let database = Database::local(Settings::new(dir)).await.unwrap();
    let ledger = Ledger::open(database.pool(2).await.unwrap(), Options::default()).await.unwrap();
    ledger.submit(ask(testing::open_book())).await.unwrap();
    let url = database.cluster().unwrap().superuser_url("daybook");
    let mut superuser = PgConnection::connect(&url).await.unwrap();
    let slow = "create function public.linger() returns trigger language plpgsql
                as 'begin perform pg_sleep(0.02); return null; end';
                create constraint trigger linger after update on daybook.head
                deferrable initially deferred for each row execute function public.linger()";
    run(&mut superuser, slow).await.unwrap();
    database
}

/// Kills Postgres and the ledger while they append; tells how many acknowledged commands are not
/// in the log exactly once when Postgres is back.
async fn lost_in_a_crash(database: &Database, dir: &std::path::Path, faulty: bool) -> usize {
    let cluster: &LocalPostgres = database.cluster().unwrap();
    let mut helper = Helper::start(&cluster.url("daybook", "daybook"), faulty);
    let enough = rand::random_range(40..160);
    while helper.acknowledged.len() < enough {
        assert!(helper.hear().await, "the helper ended by itself");
    }
    kill_postgres(dir, true);
    let acknowledged = helper.kill().await;
    cluster.revive().await.unwrap();
    let log = log_of(database).await;
    let names = names(&log);
    let there_once = |name: &&String| names.get(name.as_str()).is_some_and(|(n, _)| *n == 1);
    acknowledged.len() - acknowledged.iter().filter(there_once).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_after_the_commit_survives_the_death_of_everything() {
    let dir = open_dir();
    let database = slow_cluster(dir.path()).await;
    for round in 0..6 {
        assert_eq!(lost_in_a_crash(&database, dir.path(), false).await, 0, "round {round}");
    }
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_finds_what_a_ledger_loses_that_answers_before_the_commit() {
    let dir = open_dir();
    let database = slow_cluster(dir.path()).await;
    let mut lost = 0;
    for _ in 0..10 {
        lost = lost_in_a_crash(&database, dir.path(), true).await;
        if lost > 0 {
            break;
        }
    }
    assert!(lost > 0, "ten crashes, and the fault was not found");
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_private_postgres_that_dies_is_started_again_and_one_that_runs_is_left_alone() {
    let dir = open_dir();
    let database = Database::local(Settings::new(dir.path())).await.unwrap();
    let cluster = database.cluster().unwrap();
    let pid = cluster.postmaster_pid();
    cluster.revive().await.unwrap();
    assert_eq!(cluster.postmaster_pid(), pid);
    kill_postgres(dir.path(), true);
    while cluster.is_running() {
        tokio::task::yield_now().await;
    }
    let back = soon("the cluster", async {
        while !cluster.is_running() {
            tokio::task::yield_now().await;
        }
        // The postmaster is there before it takes connections.
        let pool = loop {
            match database.pool(1).await {
                Ok(pool) => break pool,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        store::is_migrated(&pool).await.unwrap()
    });
    tokio::select! {
        never = database.keep_running() => match never {},
        migrated = back => assert!(migrated),
    }
    assert_ne!(cluster.postmaster_pid(), pid);
    database.close().await.unwrap();
}
