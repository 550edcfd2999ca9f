//! A socket in front of Postgres that strikes at a chosen message: it cuts the connection, or kills
//! the process that sent it, before the message has passed or when it is answered.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex},
};

use daybook_events::store;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use crate::harness::TestDb;

/// The simple query `commit`, as the appender alone sends it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bcommit\0";

/// When it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strike {
    /// Before the message has passed: Postgres never hears it.
    Before,
    /// When the answer comes: nobody hears it.
    After,
}

impl Strike {
    pub(super) const BOTH: [Self; 2] = [Self::Before, Self::After];
}

/// What it waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// How many messages pass before.
    pub(super) pass: usize,
    pub(super) strike: Strike,
    /// Whether only the ledger's commits count.
    pub(super) commits: bool,
    /// Whether it strikes at everything that comes after, too.
    pub(super) for_ever: bool,
    /// Who is killed; without one the connection is cut.
    pub(super) victim: Option<i32>,
}

type Planned = Arc<Mutex<Option<Plan>>>;

pub(super) struct Proxy {
    dir: tempfile::TempDir,
    planned: Planned,
}

impl Proxy {
    pub(super) fn before(db: &TestDb) -> Self {
        let upstream = PgConnectOptions::from_str(&db.serving_url).unwrap();
        let upstream = upstream.get_socket().unwrap().join(".s.PGSQL.5432");
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let planned = Planned::default();
        tokio::spawn(accept(listener, upstream, planned.clone()));
        Self { dir, planned }
    }

    /// The database's address through it.
    pub(super) fn url(&self, db: &TestDb) -> String {
        let (address, _) = db.serving_url.split_once('?').unwrap();
        format!("{address}?host={}&port=5432", self.dir.path().display())
    }

    pub(super) async fn pool(&self, db: &TestDb) -> PgPool {
        store::pool(&self.url(db), 4).await.unwrap()
    }

    pub(super) fn will(&self, plan: Plan) {
        *self.planned.lock().unwrap() = Some(plan);
    }

    /// Whether it has struck; it will not any more.
    pub(super) fn has_struck(&self) -> bool {
        self.planned.lock().unwrap().take().is_none()
    }
}

async fn accept(listener: UnixListener, upstream: PathBuf, planned: Planned) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (upstream, planned) = (upstream.clone(), planned.clone());
        tokio::spawn(async move {
            // Either end may go away at any time.
            let _ = relay(client, &upstream, &planned).await;
        });
    }
}

/// The plan, where this message is the one that it waits for.
fn meets(planned: &Planned, message: &[u8]) -> Option<Plan> {
    let mut planned = planned.lock().unwrap();
    let plan = planned.as_mut()?;
    match plan.pass {
        _ if plan.commits && !message.ends_with(COMMIT) => None,
        0 if plan.for_ever => Some(*plan),
        0 => planned.take(),
        _ => {
            plan.pass -= 1;
            None
        }
    }
}

/// Passes bytes on, both ways, until an end closes or the plan strikes.
async fn relay(mut client: UnixStream, upstream: &Path, planned: &Planned) -> std::io::Result<()> {
    let mut server = UnixStream::connect(upstream).await?;
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let message = &asked[..read?];
                if message.is_empty() {
                    return Ok(());
                }
                let met = meets(planned, message);
                if met.is_none_or(|plan| plan.strike == Strike::After) {
                    server.write_all(message).await?;
                }
                let Some(plan) = met else { continue };
                if plan.strike == Strike::After {
                    let _ = server.read(&mut answered).await?;
                }
                if let Some(victim) = plan.victim {
                    // It may have ended by itself meanwhile.
                    let _ = kill(Pid::from_raw(victim), Signal::SIGKILL);
                }
                return Ok(());
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
