//! The server is really killed: a `daybook serve` of its own, by `SIGKILL` at a message that it sends
//! to Postgres, for four of the orders, in each of which everybody is once the one who is struck.
//! Then it is started again, and whoever was not answered comes again.

use std::{
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
};

use chrono::{TimeDelta, Utc};
use daybook_events::Timestamp;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    proxy::{Plan, Proxy, Strike},
    scene::{Asked, Bringer, Order, Race, Scene},
};
use crate::log::soon;

use Bringer::{Confirm, Reconciler, Redirect, Webhook};

/// Everybody comes first, second, third and last once.
const ORDERS: [Order; 4] = [
    [Redirect, Confirm, Webhook, Reconciler],
    [Confirm, Webhook, Reconciler, Redirect],
    [Webhook, Reconciler, Redirect, Confirm],
    [Reconciler, Redirect, Confirm, Webhook],
];

/// The product on a test's database, behind a proxy.
struct Product<'s> {
    scene: &'s Scene,
    proxy: Proxy,
    client: reqwest::Client,
    kills: AtomicUsize,
}

struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn pid(&self) -> i32 {
        i32::try_from(self.child.id().unwrap()).unwrap()
    }
}

impl Product<'_> {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
        command.args(args).env("DATABASE_URL", self.proxy.url(&self.scene.test.db));
        command.envs(self.scene.razorpay.environment()).env("RUST_LOG", "info");
        command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn serve(&self) -> Serving {
        let args = ["serve", "--listen", "127.0.0.1:0", "--no-scheduler", "--reconcile-minutes=0"];
        let mut child = self.command(&args).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut before = Vec::new();
        let address = loop {
            let line = soon("a server", said.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it does not serve: {before:#?}"));
            if line.contains("\"message\":\"serving\"") {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                break line["address"].as_str().unwrap().to_owned();
            }
            before.push(line);
        };
        // Unread, the pipe would fill and hold the server up.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        Serving { child, url: format!("http://{address}") }
    }

    /// Asks; an error is no answer, or one that says to come again.
    async fn ask(&self, serving: &Serving, asked: Asked) -> Result<(), String> {
        let mut request = self.client.post(format!("{}{}", serving.url, asked.path));
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        let answer = request.body(asked.body).send().await.map_err(|error| error.to_string())?;
        match (answer.status().as_u16(), answer.headers().get("daybook-error")) {
            (200, _) => Ok(()),
            (409, Some(code)) if code == "payment_already_confirmed" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    async fn bring(&self, serving: &Serving, race: &Race, by: Bringer) -> Result<(), String> {
        match by {
            Redirect => self.ask(serving, self.scene.returning(race)).await,
            Confirm => self.ask(serving, self.scene.confirming(race)).await,
            Webhook => {
                for message in &race.messages {
                    self.ask(serving, Asked::of(message)).await?;
                }
                Ok(())
            }
            Reconciler => {
                let child = self.command(&["reconcile"]).spawn().unwrap();
                reconciled(child).await
            }
        }
    }

    /// Waits until an order's messages are read, by a server that is there.
    async fn read(&self, race: &Race) {
        soon("what becomes of the messages", async {
            while !self.scene.inbox_faults(race).await.is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Kills the server at the chosen message of a bringer, or when it is done before; a reconciler
    /// is a process of its own. Then it is started again.
    async fn kill_in(
        &self,
        serving: &mut Serving,
        race: &Race,
        by: Bringer,
        (pass, strike): (usize, Strike),
    ) {
        let plan =
            |victim| Plan { pass, strike, commits: false, for_ever: false, victim: Some(victim) };
        if by == Reconciler {
            let child = self.command(&["reconcile"]).spawn().unwrap();
            self.proxy.will(plan(i32::try_from(child.id().unwrap()).unwrap()));
            let _ = reconciled(child).await;
            if self.proxy.has_struck() {
                self.kills.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        self.proxy.will(plan(serving.pid()));
        let brought = self.bring(serving, race, by).await;
        if by == Webhook && brought.is_ok() {
            // The worker is struck, unless it is done.
            tokio::select! {
                _ = serving.child.wait() => {}
                () = self.read(race) => {}
            }
        }
        if self.proxy.has_struck() {
            self.kills.fetch_add(1, Ordering::Relaxed);
        }
        // Where it was done before, it is killed now.
        serving.child.kill().await.unwrap();
        // A minute passes, after which nobody waits for the dead worker.
        let lease = "update inbox_outcomes set next_at = now() where next_at is not null";
        sqlx::query(lease).execute(self.scene.test.app.pool()).await.unwrap();
        *serving = self.serve().await;
    }

    /// One order in which somebody is struck; what is wrong in the end.
    async fn race(
        &self,
        serving: &mut Serving,
        (order, struck): (Order, Bringer),
        when: (usize, Strike),
    ) -> Vec<String> {
        let now = Utc::now();
        self.scene.test.clock.set(Timestamp::new(now));
        let (account, ours) = self.scene.checkout().await;
        let paid = self.scene.razorpay.pay(&ours);
        let messages = self.scene.razorpay.webhooks();
        let race = Race { account, order: ours, paid, messages, at: now };
        let mut faults = Vec::new();
        for by in order {
            if by == struck {
                self.kill_in(serving, &race, by, when).await;
                continue;
            }
            faults.extend(self.bring(serving, &race, by).await.err());
            if by == Webhook {
                self.read(&race).await;
            }
        }
        faults.extend(self.bring(serving, &race, struck).await.err());
        self.read(&race).await;
        faults.extend(self.scene.faults(&self.scene.server(), &race).await);
        let told = |fault| format!("{order:?}, {struck:?} killed at {when:?}: {fault}");
        faults.into_iter().map(told).collect()
    }
}

/// A reconciler that has ended: with 0, where nobody has to look at anything.
async fn reconciled(child: Child) -> Result<(), String> {
    let output = soon("a reconciler's end", child.wait_with_output()).await.unwrap();
    match output.status.code() {
        Some(0) => Ok(()),
        other => Err(format!("{other:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_anywhere_books_once() {
    let scene = Scene::start().await;
    scene.razorpay.stands_at((Utc::now() - TimeDelta::hours(1)).timestamp());
    let proxy = Proxy::before(&scene.test.db);
    let client = reqwest::Client::new();
    let product = Product { scene: &scene, proxy, client, kills: AtomicUsize::new(0) };
    let mut serving = product.serve().await;
    for (nth, order) in ORDERS.into_iter().enumerate() {
        for struck in order {
            // Each of the four is struck early and late, and elsewhere in each order. What runs
            // beside the answers counts as well, so the moments are not quite the same each time.
            for (late, strike) in Strike::BOTH.into_iter().enumerate() {
                let pass = match struck {
                    Redirect | Confirm => 1 + nth + 5 * late,
                    Webhook => 2 + 4 * nth + 16 * late,
                    Reconciler => 8 + 6 * nth + 24 * late,
                };
                let faults = product.race(&mut serving, (order, struck), (pass, strike)).await;
                assert_eq!(faults, Vec::<String>::new());
            }
        }
    }
    let kills = product.kills.load(Ordering::Relaxed);
    assert!(kills >= 16, "only {kills} of 32 were struck before they were done");
    scene.verified().await;
}
