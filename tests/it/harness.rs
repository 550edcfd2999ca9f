//! What the tests stand on: one shared Postgres, a database for each test, a served ledger, and
//! verbs for what customers do.
//!
//! The cluster is the product's own private Postgres, without fsync: only the crash tests, which
//! start their own, need the disk. Tests run as processes of their own; whoever comes first starts
//! the cluster and makes the template, and nobody stops it before `make test` is over.

mod restored;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use daybook::{
    app::{App, Face},
    config::{Kind, Opening},
    credentials::ApiKey,
    documents::Documents,
    http::{
        self,
        limits::Rates,
        server::{self, Limits},
    },
    local_postgres::{LocalPostgres, Settings},
    plan_file,
    processors::settings::Settings as Processors,
    snapshot::shelf::Shelf,
    webhooks::target::Outbound,
};
use daybook_events::{
    Currency, Origin,
    commands::{Command, IssueKey, PublishPlan, SettleDue},
    event::Role,
    ids::AccountId,
    store::{self, Clock, Options, Receipt, Request, SubmitError},
};
use daybook_projections::query::Reads;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::openapi::answers;

/// Where the shared cluster lives: not under a home directory, which other users cannot enter.
pub(crate) fn cluster_dir() -> PathBuf {
    let name = std::env::var("DAYBOOK_TEST_CLUSTER").unwrap_or_else(|_| "shared".to_owned());
    std::env::temp_dir().join(format!("daybook-tests-{name}"))
}

async fn cluster() -> LocalPostgres {
    let mut settings = Settings::new(cluster_dir());
    for (name, value) in [("fsync", "off"), ("full_page_writes", "off"), ("max_connections", "300")]
    {
        settings.extra.push((name.to_owned(), value.to_owned()));
    }
    LocalPostgres::attach_or_start(settings).await.expect("the test cluster runs")
}

/// A database of its own for one test, migrated and empty.
pub(crate) struct TestDb {
    pub(crate) owner_url: String,
    pub(crate) serving_url: String,
    pub(crate) superuser_url: String,
    // Held while the test runs; dropping it leaves the cluster to the next test.
    _cluster: LocalPostgres,
}

impl TestDb {
    pub(crate) async fn new() -> Self {
        let cluster = cluster().await;
        let mut superuser =
            PgConnection::connect(&cluster.superuser_url("postgres")).await.unwrap();
        let template = template(&mut superuser, &cluster).await;
        let name = format!("test_{}", Uuid::now_v7().simple());
        let sql = format!("create database {name} template {template} owner daybook_owner");
        run(&mut superuser, &sql).await.unwrap();
        Self {
            owner_url: cluster.url("daybook_owner", &name),
            serving_url: cluster.url("daybook", &name),
            superuser_url: cluster.superuser_url(&name),
            _cluster: cluster,
        }
    }

    /// A pool as the role that serves.
    pub(crate) async fn pool(&self) -> PgPool {
        store::pool(&self.serving_url, 10).await.unwrap()
    }

    /// A connection as a superuser, who can cheat.
    pub(crate) async fn superuser(&self) -> PgConnection {
        let mut connection = PgConnection::connect(&self.superuser_url).await.unwrap();
        store::prepare(&mut connection).await.unwrap();
        connection
    }

    /// A connection as the owner of the log.
    pub(crate) async fn owner(&self) -> PgConnection {
        let mut connection = PgConnection::connect(&self.owner_url).await.unwrap();
        store::prepare(&mut connection).await.unwrap();
        connection
    }

    /// The product's command line on this database: exit code, standard output, standard error.
    pub(crate) async fn daybook(&self, args: &[&str]) -> (i32, String, String) {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_daybook"))
            .args(args)
            .env("DATABASE_URL", &self.serving_url)
            .env("DAYBOOK_OWNER_URL", &self.owner_url)
            // Tests stand in May 2026; the real clock of this other process is far from that.
            .env("DAYBOOK_ACCEPT_CLOCK", "1")
            .env_remove("RUST_LOG")
            .output()
            .await
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }
}

/// A client of HTTP that gives up after a minute.
pub(crate) fn client() -> reqwest::Client {
    // It asks for a crypto provider even where it speaks plain HTTP; the second client of a process
    // finds it there already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap()
}

pub(crate) async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
}

/// The template of every test's database, made once by whoever comes first.
async fn template(superuser: &mut PgConnection, cluster: &LocalPostgres) -> String {
    let name = "daybook_template";
    run(superuser, "select pg_advisory_lock(7221)").await.unwrap();
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut *superuser)
            .await
            .unwrap();
    if !exists {
        for sql in [
            "create role daybook_owner login",
            "create role daybook login",
            "grant daybook to daybook_owner",
            "create database daybook_template_new owner daybook_owner",
        ] {
            run(superuser, sql).await.unwrap();
        }
        let owner_url = cluster.url("daybook_owner", "daybook_template_new");
        store::migrate(&owner_url, Some("daybook")).await.unwrap();
        run(superuser, "alter database daybook_template_new rename to daybook_template")
            .await
            .unwrap();
    }
    run(superuser, "select pg_advisory_unlock(7221)").await.unwrap();
    name.to_owned()
}

/// The book that tests open: a sandbox of a seller in UTC.
pub(crate) fn opening() -> Opening {
    Opening::example()
}

/// An answer: its status, its headers and its body.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The code of a refusal; empty where it is none.
    pub(crate) fn code(&self) -> String {
        let code = self.headers.get("daybook-error").map(|code| code.to_str().unwrap());
        code.unwrap_or_default().to_owned()
    }

    /// What a refusal says to people, in whichever dialect; empty where it is none.
    pub(crate) fn message(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let error = &body["error"];
        error.as_str().or(error["message"].as_str()).unwrap_or_default().to_owned()
    }

    pub(crate) fn position(&self) -> i64 {
        self.headers["daybook-position"].to_str().unwrap().parse().unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text);
        self.json()
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text);
    }
}

/// A served ledger with the example's plans, on a clock that stands at 1 May 2026, midnight UTC.
pub(crate) struct TestApp {
    pub(crate) db: TestDb,
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) clock: Clock,
    pub(crate) super_key: String,
    pub(crate) client: reqwest::Client,
    /// Where it keeps snapshots and its signing key; it vanishes with the test.
    pub(crate) files: tempfile::TempDir,
    names: AtomicU32,
}

/// What a test's ledger is like.
pub(crate) struct Setup<'s> {
    pub(crate) kind: Kind,
    pub(crate) limits: Limits,
    /// The address that links are made of; its own where there is none.
    pub(crate) public_url: Option<&'s str>,
    pub(crate) rates: Rates,
    /// How webhooks go out.
    pub(crate) outbound: Outbound,
    pub(crate) processors: Processors,
    /// What prints documents.
    pub(crate) documents: Documents,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            kind: Kind::Sandbox,
            limits: Limits::default(),
            public_url: None,
            rates: Rates::unlimited(),
            outbound: Outbound::new(Vec::new()),
            processors: Processors::default(),
            documents: Documents::default(),
        }
    }
}

/// An account with the key of its owner.
pub(crate) struct Customer {
    pub(crate) account_id: String,
    pub(crate) key: String,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(Limits::default()).await
    }

    pub(crate) async fn start_with(limits: Limits) -> Self {
        Self::start_as(Kind::Sandbox, limits).await
    }

    pub(crate) async fn start_as(kind: Kind, limits: Limits) -> Self {
        Self::start_whole(Setup { kind, limits, ..Setup::default() }).await
    }

    /// A ledger whose orders processors of this kind take.
    pub(crate) async fn start_with_processors(processors: &Processors) -> Self {
        Self::start_whole(Setup { processors: processors.clone(), ..Setup::default() }).await
    }

    /// A ledger whose links are made of another address than its own.
    pub(crate) async fn start_at(public_url: &str) -> Self {
        Self::start_whole(Setup { public_url: Some(public_url), ..Setup::default() }).await
    }

    pub(crate) async fn start_limited(rates: Rates) -> Self {
        Self::start_whole(Setup { rates, ..Setup::default() }).await
    }

    /// A ledger that sends webhooks by some way out.
    pub(crate) async fn start_sending(outbound: Outbound) -> Self {
        Self::start_whole(Setup { outbound, ..Setup::default() }).await
    }

    /// A ledger of any sort.
    pub(crate) async fn start_whole(setup: Setup<'_>) -> Self {
        let Setup { kind, limits, public_url, rates, outbound, processors, documents } = setup;
        let db = TestDb::new().await;
        let clock = Clock::standing_at("2026-05-01T00:00:00Z".parse().unwrap());
        let mut options = Options::default();
        options.clock = clock.clone();
        let listener = server::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let face = Face {
            public_url: public_url.unwrap_or(&url).to_owned(),
            currency: Currency::USD,
            upgrade_url: None,
        };
        let opening = Opening { kind, ..opening() };
        let app = App::open(db.pool().await, options, &opening, face, &processors).await.unwrap();
        let files = tempfile::tempdir().unwrap();
        let app = app.sending_by(outbound).printing_by(documents).keeping_snapshots(Shelf {
            dir: files.path().join("snapshots"),
            key_file: files.path().join("signing-key"),
            days: 30,
        });
        let app = Arc::new(app);
        let filter = http::filter_within(app.clone(), limits, Arc::new(rates));
        tokio::spawn(server::serve(listener, filter, limits, std::future::pending()));
        let client = client();
        let super_key = String::new();
        let names = AtomicU32::new(0);
        let mut this = Self { db, app, url, address, clock, super_key, client, files, names };
        for (slug, terms) in plan_file::parse(plan_file::EXAMPLE).unwrap() {
            this.submit(PublishPlan { slug, terms }).await.unwrap();
        }
        this.super_key = this.key(Role::SuperAdmin, None).await;
        this
    }

    /// A second server of the same ledger, whose rows are read from somewhere else: its address.
    pub(crate) async fn served_from(&self, reads: Reads) -> String {
        let mut options = Options::default();
        options.clock = self.clock.clone();
        let listener = server::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let face = Face { public_url: url.clone(), currency: Currency::USD, upgrade_url: None };
        let (pool, processors) = (self.db.pool().await, Processors::default());
        let app = App::open(pool, options, &opening(), face, &processors).await.unwrap();
        let app = Arc::new(app.reading_from(reads));
        assert!(app.reaches(self.log_position().await).await);
        let limits = Limits::default();
        let filter = http::filter(app, limits);
        tokio::spawn(server::serve(listener, filter, limits, std::future::pending()));
        url
    }

    pub(crate) fn at(&self, instant: &str) {
        self.clock.set(instant.parse().unwrap());
    }

    pub(crate) async fn submit(&self, command: impl Into<Command>) -> Result<Receipt, SubmitError> {
        self.app.submit(Request::new(command, Origin::default(), Uuid::now_v7())).await
    }

    /// A key that works at once.
    pub(crate) async fn key(&self, role: Role, account: Option<&str>) -> String {
        let key = ApiKey::from_random(rand::random());
        let command = IssueKey {
            label: "test".to_owned(),
            role,
            reach: account.map(|id| id.parse::<AccountId>().unwrap()),
            prefix: key.prefix().to_owned(),
            hash: key.hash(),
            expires_at: None,
        };
        let receipt = self.submit(command).await.unwrap();
        assert!(self.app.reaches(receipt.position()).await);
        key.reveal().to_owned()
    }

    /// The ids of a key and of a session of a customer's account that nobody uses.
    pub(crate) async fn spares(&self, customer: &Customer) -> (String, String) {
        let id = |made: Value, name: &str| made[name].as_str().unwrap().to_owned();
        let key = self.post("/api/keys", &customer.key, &json!({ "role": "member" })).await.ok();
        let body = json!({ "user": "nobody", "role": "member" });
        let session = self.post("/api/sessions", &customer.key, &body).await.ok();
        (id(key, "key_id"), id(session, "session_id"))
    }

    /// Sends a request with a key and headers.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Answered {
        let method: reqwest::Method = method.parse().unwrap();
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answered { status, headers, text: response.text().await.unwrap() };
        // Whatever a test looks at, what the server says is what its document says.
        if let Err(fault) = answers::check(method.as_str(), path, &answer) {
            panic!("{method} {path} breaks the OpenAPI document: {fault}\n{}", answer.text);
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answered {
        self.send("GET", path, key, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answered {
        self.send("POST", path, key, &[], Some(body.to_string().into_bytes())).await
    }

    pub(crate) async fn post_keyed(
        &self,
        path: &str,
        key: &str,
        idempotency_key: &str,
        body: &Value,
    ) -> Answered {
        let headers = [("idempotency-key", idempotency_key)];
        self.send("POST", path, key, &headers, Some(body.to_string().into_bytes())).await
    }

    /// A new customer in US dollars.
    pub(crate) async fn customer(&self) -> Customer {
        self.customer_in("USD").await
    }

    pub(crate) async fn customer_in(&self, currency: &str) -> Customer {
        self.customer_with(currency, json!({ "name": "Ada", "country": "GB" })).await
    }

    /// A new customer with billing details.
    pub(crate) async fn customer_with(&self, currency: &str, billing: Value) -> Customer {
        let name = format!("user-{}", self.names.fetch_add(1, Ordering::Relaxed));
        let body = json!({ "external_id": name, "currency": currency, "billing": billing });
        let opened = self.post("/api/accounts", &self.super_key, &body).await.ok();
        let account_id = opened["account_id"].as_str().unwrap().to_owned();
        let key = self.key(Role::Owner, Some(&account_id)).await;
        Customer { account_id, key }
    }

    pub(crate) async fn checkout(&self, customer: &Customer, plan: &str) -> Value {
        let body = json!({ "planId": plan, "billingCycle": "monthly" });
        self.post("/api/billing/checkout", &customer.key, &body).await.ok()
    }

    /// Pays a checkout on the sandbox's page: what the processor hands to the client.
    pub(crate) async fn pay(&self, checkout: &Value) -> Value {
        let order = checkout["orderId"].as_str().unwrap();
        let path = format!("/sandbox/checkout/{order}/pay");
        self.send("POST", &path, "", &[("accept", "application/json")], None).await.ok()
    }

    pub(crate) async fn confirm(&self, customer: &Customer, paid: &Value) -> Value {
        self.post("/api/billing/checkout/confirm", &customer.key, paid).await.ok()
    }

    /// A new customer with a paid monthly subscription.
    pub(crate) async fn subscriber(&self, plan: &str) -> Customer {
        let customer = self.customer().await;
        let checkout = self.checkout(&customer, plan).await;
        self.pay_and_confirm(&customer, &checkout).await;
        customer
    }

    /// Pays a checkout and confirms the payment.
    pub(crate) async fn pay_and_confirm(&self, customer: &Customer, checkout: &Value) -> Value {
        let paid = self.pay(checkout).await;
        self.confirm(customer, &paid).await
    }

    /// Posts as the super admin, for an account where one is named.
    pub(crate) async fn post_as_super(&self, path: &str, account: &str, body: &Value) -> Answered {
        let headers = [("daybook-account", account)];
        let headers = if account.is_empty() { &[][..] } else { &headers[..] };
        let body = Some(body.to_string().into_bytes());
        self.send("POST", path, &self.super_key, headers, body).await
    }

    /// Posts what is refused, and appends nothing.
    pub(crate) async fn refuses(&self, path: &str, key: &str, body: &Value, expected: &str) {
        let before = self.log_position().await;
        let answer = self.post(path, key, body).await;
        let said = format!("{} {}", answer.status, answer.code());
        assert_eq!(said, expected, "POST {path} {body}: {}", answer.text);
        assert_eq!(self.log_position().await, before, "POST {path} {body} appended something");
    }

    /// Records what has fallen due on a customer's account.
    pub(crate) async fn settle_due(&self, customer: &Customer) {
        let account_id = customer.account_id.parse().unwrap();
        self.submit(SettleDue { account_id, until: None }).await.unwrap();
        self.settle().await;
    }

    /// The newest invoice of a customer.
    pub(crate) async fn newest_invoice(&self, customer: &Customer) -> Value {
        let path = format!("/api/accounts/{}/invoices", customer.account_id);
        let invoices = self.get(&path, &customer.key).await.ok();
        invoices["data"].as_array().unwrap().last().unwrap().clone()
    }

    /// The last position of the log.
    pub(crate) async fn log_position(&self) -> i64 {
        store::head(self.app.pool()).await.unwrap().position
    }

    /// Waits until the projections show everything.
    pub(crate) async fn settle(&self) {
        assert!(self.app.reaches(self.log_position().await).await);
    }
}
