//! The scene of a race: a ledger, Razorpay, an order that is paid there, and the four who bring the
//! news of it. They are called in this process, so that a test can stop one between two steps.

use std::{
    convert::Infallible,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
};

use chrono::{DateTime, TimeDelta, Utc};
use daybook::{
    app::{App, Face},
    http::{self, server::Limits},
    processors::settings::Settings,
    settlement::{
        apply::Mode,
        reconcile::{self, Run},
        worker,
    },
};
use daybook_events::{
    Currency,
    commands::OpenAccount,
    ids::{AccountId, Id as _},
    personal::Personal,
    store::Options,
};
use http_body_util::Full;
use hyper::{Request, body::Bytes, service::Service as _};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;
use warp::{Filter as _, filters::BoxedFilter};

use super::books;
use crate::{
    harness::{TestApp, opening},
    simulators::{
        razorpay::{Paid, Razorpay},
        wire::Message,
    },
};

/// Who brings the news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bringer {
    /// The customer's browser, which Razorpay sends back.
    Redirect,
    /// The panel's confirm call.
    Confirm,
    /// Razorpay's messages, and the worker that reads them.
    Webhook,
    /// The reconciler.
    Reconciler,
}

/// Four who come one after another.
pub(super) type Order = [Bringer; 4];

/// All 24 orders of the four.
pub(super) fn orders() -> Vec<Order> {
    use Bringer::{Confirm, Reconciler, Redirect, Webhook};
    let all = [Redirect, Confirm, Webhook, Reconciler];
    let mut orders = Vec::new();
    for a in all {
        for b in all {
            for c in all {
                for d in all {
                    let order = [a, b, c, d];
                    if all.iter().all(|it| order.contains(it)) {
                        orders.push(order);
                    }
                }
            }
        }
    }
    orders
}

/// Every so manieth moment is struck in an order, and each order begins with another one, so that
/// every moment has its share of the orders. `DAYBOOK_RACING_EVERY=1` strikes each in all of them.
pub(super) fn every(usual: usize) -> usize {
    let asked = std::env::var("DAYBOOK_RACING_EVERY").ok();
    asked.map_or(usual, |asked| asked.parse().unwrap())
}

/// Lets a future make so many steps and drops it there, as a process that dies does: `None` where
/// it was not done by then. A step is what it does between two waits, and the last wait is over.
pub(super) async fn stopped_after<T>(steps: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut left) = (Box::pin(work), steps);
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// A server without a socket: whoever calls it can stop within.
pub(super) struct Server {
    pub(super) app: Arc<App>,
    filter: BoxedFilter<(warp::reply::Response,)>,
}

impl Server {
    pub(super) fn of(app: Arc<App>) -> Self {
        let filter = http::filter(app.clone(), Limits::default()).boxed();
        Self { app, filter }
    }

    /// Asks; an error is an answer that does not say that it is booked, or taken in.
    async fn ask(&self, asked: Asked) -> Result<(), String> {
        let mut request = Request::post(&asked.path);
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(asked.body))).unwrap();
        let service = TowerToHyperService::new(warp::service(self.filter.clone()));
        let answered: Result<_, Infallible> = service.call(request).await;
        let answer = answered.unwrap();
        let code = answer.headers().get("daybook-error").map(|code| code.to_str().unwrap());
        match (answer.status().as_u16(), code) {
            (200, _) | (409, Some("payment_already_confirmed")) => Ok(()),
            other => Err(format!("{} is answered {other:?}", asked.path)),
        }
    }
}

/// What somebody posts.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// As Razorpay sends its messages.
    pub(super) fn of(message: &Message) -> Self {
        let (headers, body) = (message.headers.clone(), message.body.clone());
        Self { path: "/webhooks/razorpay".to_owned(), headers, body }
    }
}

/// An order that is paid at Razorpay, of which the ledger knows nothing yet.
pub(super) struct Race {
    pub(super) account: AccountId,
    /// Razorpay's id of the order.
    pub(super) order: String,
    pub(super) paid: Paid,
    pub(super) messages: Vec<Message>,
    /// When it all happens.
    pub(super) at: DateTime<Utc>,
}

pub(super) struct Scene {
    pub(super) test: TestApp,
    pub(super) razorpay: Razorpay,
    days: AtomicI64,
    minutes: AtomicI64,
}

fn settings(razorpay: &Razorpay) -> Settings {
    Settings { razorpay: Some(razorpay.settings()), ..Settings::default() }
}

impl Scene {
    pub(super) async fn start() -> Self {
        let razorpay = Razorpay::start().await;
        let test = TestApp::start_with_processors(&settings(&razorpay)).await;
        Self { test, razorpay, days: AtomicI64::new(0), minutes: AtomicI64::new(0) }
    }

    pub(super) fn server(&self) -> Server {
        Server::of(self.test.app.clone())
    }

    /// Another process of the same ledger, as far as the ledger can tell.
    pub(super) async fn another_server(&self, pool: PgPool, mut options: Options) -> Server {
        options.clock = self.test.clock.clone();
        let (public_url, currency) = (self.test.url.clone(), Currency::USD);
        let face = Face { public_url, currency, upgrade_url: None };
        let settings = settings(&self.razorpay);
        Server::of(Arc::new(App::open(pool, options, &opening(), face, &settings).await.unwrap()))
    }

    /// Another day on which nothing is left of what was before: the reconciler reaches back for
    /// ten days.
    pub(super) fn another_day(&self) -> DateTime<Utc> {
        self.days_later(12)
    }

    pub(super) fn days_later(&self, days: i64) -> DateTime<Utc> {
        let days = self.days.fetch_add(days, Ordering::Relaxed) + days;
        let at = "2026-05-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(days);
        self.test.clock.set(daybook_events::Timestamp::new(at));
        self.razorpay.stands_at(at.timestamp() - 300);
        at
    }

    /// A customer with an order of 1180.00 INR at Razorpay, on another day.
    pub(super) async fn ordered(&self) -> (AccountId, String, DateTime<Utc>) {
        let at = self.another_day();
        let (account, order) = self.checkout().await;
        (account, order, at)
    }

    pub(super) async fn checkout(&self) -> (AccountId, String) {
        let account_id = AccountId::from_uuid(Uuid::now_v7());
        let (currency, zone) = (Currency::INR, chrono_tz::Tz::UTC);
        let billing = Personal::default();
        let open = OpenAccount { account_id, external_id: None, currency, zone, billing };
        self.test.submit(open).await.unwrap();
        let body = json!({ "planId": "pro", "billingCycle": "monthly" });
        let path = "/api/billing/checkout";
        let checkout = self.test.post_as_super(path, &account_id.to_string(), &body).await.ok();
        (account_id, checkout["orderId"].as_str().unwrap().to_owned())
    }

    /// A payment that was authorised and captured at once.
    pub(super) async fn race(&self) -> Race {
        let (account, order, at) = self.ordered().await;
        let paid = self.razorpay.pay(&order);
        let messages = self.razorpay.webhooks();
        Race { account, order, paid, messages, at }
    }

    /// Brings the news in one of the four ways; says what is wrong with the answer.
    pub(super) async fn bring(
        &self,
        server: &Server,
        race: &Race,
        by: Bringer,
    ) -> Result<(), String> {
        match by {
            Bringer::Redirect => server.ask(self.returning(race)).await,
            Bringer::Confirm => server.ask(self.confirming(race)).await,
            Bringer::Webhook => {
                for message in &race.messages {
                    self.deliver(server, message).await?;
                }
                self.work(server).await
            }
            Bringer::Reconciler => self.reconcile(server, race.at).await.map(drop),
        }
    }

    /// What a customer's browser sends that comes back from Razorpay.
    pub(super) fn returning(&self, race: &Race) -> Asked {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("origin", "https://api.razorpay.com".to_owned()),
            ("sec-fetch-site", "cross-site".to_owned()),
        ];
        let path = format!("/checkout/{}/return", race.order);
        Asked { path, headers: headers.into(), body: race.paid.form() }
    }

    /// What the panel sends: the same request under the same key when it comes again.
    pub(super) fn confirming(&self, race: &Race) -> Asked {
        let headers = [
            ("authorization", format!("Bearer {}", self.test.super_key)),
            ("daybook-account", race.account.to_string()),
            ("idempotency-key", race.paid.payment_id.clone()),
        ];
        let path = "/api/billing/checkout/confirm".to_owned();
        Asked { path, headers: headers.into(), body: race.paid.json().to_string().into_bytes() }
    }

    pub(super) async fn deliver(&self, server: &Server, message: &Message) -> Result<(), String> {
        server.ask(Asked::of(message)).await
    }

    /// Reads what is due, later than anybody's lease before.
    pub(super) async fn work(&self, server: &Server) -> Result<(), String> {
        let minutes = self.minutes.fetch_add(6, Ordering::Relaxed);
        let at = Utc::now() + TimeDelta::minutes(minutes);
        worker::round(&server.app, at).await.map(drop).map_err(|error| error.to_string())
    }

    pub(super) async fn reconcile(
        &self,
        server: &Server,
        at: DateTime<Utc>,
    ) -> Result<Vec<Run>, String> {
        let runs = reconcile::run(&server.app, at, Mode::Append).await;
        runs.map_err(|error| error.to_string())
    }

    /// What is not as it must be of one payment, after everything was tried again: in the log, in
    /// the inbox, and by the reconciler, which finds nothing to do an hour later.
    pub(super) async fn faults(&self, server: &Server, race: &Race) -> Vec<String> {
        self.faults_of(server, race, &[&race.paid.payment_id]).await
    }

    pub(super) async fn faults_of(
        &self,
        server: &Server,
        race: &Race,
        payments: &[&str],
    ) -> Vec<String> {
        let mut faults = Vec::new();
        match self.reconcile(server, race.at + TimeDelta::hours(1)).await {
            Ok(runs) => faults.extend(books::differences(&runs)),
            Err(error) => faults.push(error),
        }
        faults.extend(self.work(server).await.err());
        faults.extend(self.account_faults(race, payments).await);
        faults
    }

    /// The same in the log and in the inbox alone.
    pub(super) async fn account_faults(&self, race: &Race, payments: &[&str]) -> Vec<String> {
        let pool = self.test.app.pool();
        let mut faults = books::of_account(pool, &race.account.to_string(), payments).await;
        faults.extend(self.inbox_faults(race).await);
        faults
    }

    pub(super) async fn inbox_faults(&self, race: &Race) -> Vec<String> {
        books::of_inbox(self.test.app.pool(), &race.order, race.messages.len()).await
    }

    /// Everything that was written is as the auditor wants it, and every projection is the fold.
    pub(super) async fn verified(&self) {
        self.test.settle().await;
        let (exit, said, error) = self.test.db.daybook(&["verify"]).await;
        assert_eq!(exit, 0, "{said}{error}");
    }
}
