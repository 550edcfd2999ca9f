//! No secret is told: one is planted in every credential and configuration value, the real server
//! runs through every address with its log at the finest level, and nothing that it says, on any
//! stream, in any header or body, in any list of the command line, has one of them in it. Only the
//! answer that mints a credential shows it, once.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{Arc, Mutex},
};

use daybook::credentials::ApiKey;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

use super::operations::{Presented, operations};
use crate::{
    bad_input::scene::{Names, Scene, State, fill, text},
    harness::{Answered, TestApp, run},
    idempotency::{self, WRITES},
};

const PASSWORD: &str = "pa55-Serving-planted-7c1e";
const OWNER_PASSWORD: &str = "pa55-Owner-planted-91d4";
const SEAL: &str = "seal-planted-5e1f0c2b7a9d4e6f8a1b3c5d7e9f0a2b";
const SANDBOX: &str = "sandbox-planted-0d2c4b6a8e1f3a5c7b9d0e2f4a6c8b1d";
const RAZORPAY: &str = "razorpay-key-planted-8f1b3d5c7a9e";
const RAZORPAY_WEBHOOK: &str = "razorpay-webhook-planted-2c4e6a8b0d1f";

/// Secrets by what they are, and what was said by whom.
#[derive(Default)]
struct Watch {
    secrets: BTreeMap<String, String>,
    said: Vec<(String, String)>,
}

impl Watch {
    /// With the secrets that every server here is configured with.
    fn new() -> Self {
        let mut watch = Self::default();
        for (name, secret) in [
            ("the password of DATABASE_URL", PASSWORD),
            ("the password of DAYBOOK_OWNER_URL", OWNER_PASSWORD),
            ("the seal's secret", SEAL),
            ("the sandbox's secret", SANDBOX),
            ("Razorpay's key secret", RAZORPAY),
            ("Razorpay's webhook secret", RAZORPAY_WEBHOOK),
        ] {
            watch.plant(name, secret);
        }
        watch
    }

    fn plant(&mut self, name: &str, secret: &str) {
        // Of a credential its random part: a log that leaves the prefix out tells as much.
        let secret = secret.get(4..44).filter(|_| secret.starts_with("db")).unwrap_or(secret);
        self.secrets.insert(name.to_owned(), secret.to_owned());
    }

    fn hear(&mut self, who: &str, said: impl Into<String>) {
        self.said.push((who.to_owned(), said.into()));
    }

    /// Everything of an answer that its caller sees; what it mints is planted before, and is its
    /// own to show.
    fn hear_answer(&mut self, who: &str, answer: &Answered) {
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let mut said = format!("{:?}\n{}", answer.headers, answer.text);
        if (answer.status, body.is_object()) == (201, true) || body["csrf_token"].is_string() {
            for field in ["key", "token", "csrf_token"] {
                let Some(secret) = body[field].as_str() else { continue };
                self.plant(&format!("{field} of {who}, {}", self.said.len()), secret);
                said = said.replace(secret, "");
            }
        }
        self.hear(who, said);
    }

    /// Who said which secret.
    fn leaks(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        for (who, said) in &self.said {
            let told = self.secrets.iter().filter(|(_, secret)| said.contains(secret.as_str()));
            leaks.extend(told.map(|(name, _)| format!("{who} tells {name}")));
        }
        leaks
    }
}

/// A database URL with a password: the test cluster trusts without one, and so takes any.
fn with_password(url: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (user, host) = rest.split_once('@').unwrap();
    format!("{scheme}://{user}:{password}@{host}")
}

/// The real program, configured with secrets, its log as fine as it gets.
fn program(scene: &Scene) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybook"));
    command
        .env("DATABASE_URL", with_password(&scene.test.db.serving_url, PASSWORD))
        .env("DAYBOOK_OWNER_URL", with_password(&scene.test.db.owner_url, OWNER_PASSWORD))
        .env("DAYBOOK_ACCEPT_CLOCK", "1")
        .env("RAZORPAY_KEY_ID", "rzp_test_planted")
        .env("RAZORPAY_KEY_SECRET", RAZORPAY)
        .env("RAZORPAY_WEBHOOK_SECRET", RAZORPAY_WEBHOOK)
        // Nobody is there; what is to be paid is paid in the sandbox.
        .env("RAZORPAY_BASE_URL", "http://127.0.0.1:1")
        .env("DAYBOOK_PROCESSOR_PANEL", "sandbox")
        .env("DAYBOOK_PROCESSOR_PROCESSOR", "sandbox")
        .env("DAYBOOK_PROCESSOR_V1", "sandbox")
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs the program to its end: everything that it says.
async fn said_by(mut command: Command) -> (i32, String) {
    let output = command.output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

/// A server of its own process, and what it has said.
struct Server {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
    reading: Vec<tokio::task::JoinHandle<()>>,
}

impl Server {
    async fn start(scene: &Scene) -> Self {
        let mut child = program(scene).args(["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (announce, mut announced) = tokio::sync::mpsc::unbounded_channel();
        let reading = vec![
            keep(child.stdout.take().unwrap(), said.clone(), announce.clone()),
            keep(child.stderr.take().unwrap(), said.clone(), announce),
        ];
        let address = announced.recv().await.expect("the server serves");
        Self { child, address, said, reading }
    }

    async fn send(
        &self,
        test: &TestApp,
        verb: &str,
        path: &str,
        by: &Presented,
        body: Option<Vec<u8>>,
    ) -> Answered {
        let url = format!("http://{}{path}", self.address);
        let mut request = test.client.request(verb.parse().unwrap(), url);
        for (name, value) in by.headers() {
            request = request.header(name, value);
        }
        let response = request.body(body.unwrap_or_default()).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answered { status, headers, text: response.text().await.unwrap() }
    }

    /// A request that is no HTTP, with a key in it: what comes back.
    async fn send_broken(&self, key: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(&self.address).await.unwrap();
        let request =
            format!("GET /api/accounts HTTP/1.1\r\nAuthorization: Bearer {key}\r\n{key}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains(" 400 "), "{answer}");
        answer
    }

    /// Stops it, and tells everything that it has said.
    async fn stop(mut self) -> String {
        kill(Pid::from_raw(self.child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().await.unwrap().success());
        for reading in self.reading {
            reading.await.unwrap();
        }
        self.said.lock().unwrap().clone()
    }
}

/// Keeps what comes out of a process, and announces the address at which it serves.
fn keep(
    out: impl AsyncRead + Unpin + Send + 'static,
    said: Arc<Mutex<String>>,
    announce: tokio::sync::mpsc::UnboundedSender<String>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(out).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let served: Value = serde_json::from_str(&line).unwrap_or_default();
            if let ("serving", Some(address)) =
                (served["message"].as_str().unwrap_or_default(), served["address"].as_str())
            {
                let _ = announce.send(address.to_owned());
            }
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    })
}

/// A ledger whose shared secrets are known, with somebody in it who has everything.
async fn planted() -> (Scene, Names, String) {
    let scene = Scene::start().await;
    let (customer, mut names) = scene.enter(State::Adjustable).await;
    let (_, refunded) = scene.enter(State::Refunded).await;
    names.insert("refund", refunded["refund"].clone());
    let mut superuser = scene.test.db.superuser().await;
    // Only a process that starts after this reads them.
    let sql = format!(
        "update daybook.settings set value = case name
             when 'seal_secret' then '{SEAL}' when 'sandbox_secret' then '{SANDBOX}' else value end"
    );
    run(&mut superuser, &sql).await.unwrap();
    let kept: i64 =
        sqlx::query_scalar("select count(*) from daybook.settings where value like '%planted%'")
            .fetch_one(&mut superuser)
            .await
            .unwrap();
    assert_eq!(kept, 2);
    (scene, names, customer.key)
}

/// Every address, by every sort of credential, with a body that is taken and with one that is not.
async fn through_every_address(
    watch: &mut Watch,
    scene: &Scene,
    server: &Server,
    names: &Names,
    keys: &[(&str, String)],
) {
    let mut shown = vec![("nobody", Presented::default())];
    for (name, key) in keys {
        let by = Presented::bearer(key);
        let role = if *name == "super" { "super_admin" } else { "owner" };
        let body = json!({ "user": "ada", "role": role }).to_string().into_bytes();
        let by = by.and("idempotency-key", "not-secret");
        let opened = server.send(&scene.test, "POST", "/api/sessions", &by, Some(body)).await;
        assert_eq!(opened.status, 201, "{}", opened.text);
        let session = opened.json();
        watch.hear_answer("POST /api/sessions", &opened);
        let (token, csrf) = (text(&session["token"]), text(&session["csrf_token"]));
        shown.push((name, Presented::bearer(key)));
        shown.push((name, Presented::default().and("x-api-key", key)));
        shown.push((name, Presented::bearer(&token)));
        shown.push((name, Presented::cookie(&token).and("x-csrf-token", &csrf)));
        shown.push((name, Presented::cookie(&token)));
    }
    let dead = ApiKey::from_random([9; 25]).reveal().to_owned();
    watch.plant("a key that nobody has made", &dead);
    shown.push(("a stranger", Presented::bearer(&dead)));
    let mut statuses = BTreeMap::<u16, usize>::new();
    // Signing out last.
    let (last, first): (Vec<_>, Vec<_>) = operations().into_iter().partition(|it| it.is_sign_out());
    for operation in first.iter().chain(&last) {
        let written =
            WRITES.iter().find(|row| (row.2, row.3) == (&operation.verb, &operation.path));
        for (who, by) in &shown {
            let path = idempotency::address(&operation.path, names);
            let asked = format!("{} {} by {who}", operation.verb, operation.path);
            let sound = written.map_or("{}", |row| row.4);
            let bodies = [fill(sound, names), r#"{"shoe":"#.to_owned()];
            for body in bodies.into_iter().take(if operation.takes { 2 } else { 1 }) {
                let body = operation.takes.then(|| body.into_bytes());
                let answer = server.send(&scene.test, &operation.verb, &path, by, body).await;
                *statuses.entry(answer.status).or_default() += 1;
                watch.hear_answer(&asked, &answer);
            }
        }
    }
    for status in [200, 201, 400, 401, 403, 404, 409] {
        assert!(statuses.contains_key(&status), "{status} was not seen: {statuses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_on_the_way_through_every_address() {
    let (scene, names, owner) = planted().await;
    let mut watch = Watch::new();
    let keys = [("super", scene.test.super_key.clone()), ("owner", owner)];
    for (name, key) in &keys {
        watch.plant(&format!("the key of {name}"), key);
    }
    let server = Server::start(&scene).await;
    through_every_address(&mut watch, &scene, &server, &names, &keys).await;
    watch.hear("a broken request", server.send_broken(&keys[0].1).await);
    let log = server.stop().await;
    // It did say a lot, at the finest level that there is a line of, and about these requests.
    assert!(log.contains("connection ended early") && log.contains("/api/sessions"), "{log}");
    watch.hear("the server's log", log);

    for args in [
        &["key", "list"][..],
        &["session", "list"],
        &["plan", "list"],
        &["coupon", "list"],
        &["replay"],
        &["verify"],
    ] {
        let mut command = program(&scene);
        command.args(["--output", "json"]).args(args);
        let (exit, said) = said_by(command).await;
        assert_eq!(exit, 0, "{args:?}: {said}");
        watch.hear(&args.join(" "), said);
    }
    assert!(watch.secrets.len() > 20, "{:?}", watch.secrets.keys());
    assert_eq!(watch.leaks(), Vec::<String>::new());
}

/// A key that is pasted into an address stays out of the log. The planted leak: one that does not
/// look like a key there, which the scan finds.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_told_is_found() {
    let (scene, ..) = planted().await;
    let mut watch = Watch::new();
    let leaked = ApiKey::from_random([3; 25]);
    watch.plant("a key in an address", leaked.reveal());
    let server = Server::start(&scene).await;
    let pasted = ApiKey::from_random([4; 25]);
    watch.plant("a key as an id", pasted.reveal());
    let path = format!("/api/plans/{}", pasted.reveal());
    server.send(&scene.test, "GET", &path, &Presented::default(), None).await;
    let path = format!("/api/plans/x{}", leaked.reveal());
    server.send(&scene.test, "GET", &path, &Presented::default(), None).await;
    watch.hear("the server's log", server.stop().await);
    assert_eq!(watch.leaks(), ["the server's log tells a key in an address"]);
    for (name, secret) in watch.secrets.clone() {
        let mut told = Watch::new();
        told.plant(&name, &secret);
        told.hear("somebody", format!("…{secret}…"));
        assert_eq!(told.leaks(), [format!("somebody tells {name}")]);
    }
}

/// A server that asks for a password and takes none: how it refuses names the user alone.
async fn refusing_postgres() -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut length = [0; 4];
            while stream.read_exact(&mut length).await.is_ok() {
                let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
                stream.read_exact(&mut rest).await.unwrap();
                // 80877103 asks for TLS, which there is none of.
                if rest == 80_877_103_u32.to_be_bytes() {
                    stream.write_all(b"N").await.unwrap();
                    continue;
                }
                stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await.unwrap();
                let mut password = [0; 1024];
                let read = stream.read(&mut password).await.unwrap();
                assert!(
                    password[..read].windows(7).any(|part| part == b"planted"),
                    "no password came"
                );
                let fields =
                    b"SFATAL\0C28P01\0Mpassword authentication failed for user \"daybook\"\0\0";
                let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
                stream.write_all(&[&b"E"[..], &length, fields].concat()).await.unwrap();
                break;
            }
        }
    });
    (format!("postgres://daybook:{PASSWORD}@127.0.0.1:{port}/daybook"), serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_where_the_configuration_is_wrong() {
    let (scene, ..) = planted().await;
    let mut watch = Watch::new();
    let (refusing, serving) = refusing_postgres().await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let busy = nobody.local_addr().unwrap().to_string();
    let good = with_password(&scene.test.db.serving_url, PASSWORD);
    let missing = good.replacen("/test_", "/gone_", 1);
    let wrong_urls = [
        format!("postgres://daybook:{PASSWORD}@[::bad/daybook"),
        format!("mysql://daybook:{PASSWORD}@127.0.0.1/daybook"),
        format!("daybook:{PASSWORD}@127.0.0.1"),
        format!("postgres://daybook:{PASSWORD}@127.0.0.1:notaport/daybook"),
        format!("postgres://daybook:{PASSWORD}@127.0.0.1:1/daybook"),
        format!("postgres://daybook:{PASSWORD}@127.0.0.1/daybook?sslmode=nonsense"),
        missing,
        refusing,
    ];
    let mut runs = Vec::new();
    for url in wrong_urls {
        for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["key", "list"]] {
            let mut command = program(&scene);
            command.args(args).env("DATABASE_URL", &url);
            command.env("DAYBOOK_OWNER_URL", url.replace(PASSWORD, OWNER_PASSWORD));
            runs.push((command, format!("{args:?} on {url}")));
        }
        let mut by_flag = program(&scene);
        by_flag.args(["serve", "--listen", "127.0.0.1:0", "--database-url", &url]);
        runs.push((by_flag, format!("by a flag on {url}")));
    }
    for args in [
        &["serve", "--listen", &busy][..],
        &["serve", "--listen", "nowhere"],
        &["serve", "--connections", "many"],
        &["serve", "--currency", "DOLLARS"],
        &["key", "rotate", "key_nobody"],
        &["nonsense"],
    ] {
        let mut command = program(&scene);
        command.args(args);
        runs.push((command, format!("{args:?}")));
    }
    for (setting, value) in [
        ("RAZORPAY_KEY_SECRET_FILE", "/nowhere"),
        ("RAZORPAY_KEY_SECRET", ""),
        ("RAZORPAY_KEY_ID", "rzp_live_planted"),
    ] {
        let mut command = program(&scene);
        command.args(["serve", "--listen", "127.0.0.1:0"]).env(setting, value);
        runs.push((command, format!("{setting} in the wrong")));
    }
    for (command, name) in runs {
        let (exit, said) = said_by(command).await;
        assert!(exit == 1 || exit == 2, "{name}: {exit}: {said}");
        assert!(!said.is_empty() && !said.contains("panicked"), "{name}: {said}");
        watch.hear(&name.replace(PASSWORD, "…"), said);
    }
    for args in [&["--help"][..], &["serve", "--help"], &["migrate", "--help"]] {
        let mut command = program(&scene);
        command.args(args);
        let (exit, said) = said_by(command).await;
        assert_eq!(exit, 0, "{said}");
        watch.hear(&args.join(" "), said);
    }
    serving.abort();
    assert_eq!(watch.leaks(), Vec::<String>::new());
}
