//! Where a webhook goes, and how: to an address of the public internet, and nowhere else.
//!
//! A name is resolved once for each attempt, every address that it has is checked, and the
//! connection is made to one of those addresses: the client is given no other. `Host` and TLS go by
//! the name. Redirects are not followed, no proxy is asked, time and answer are bounded.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use ipnet::IpNet;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, RETRY_AFTER},
};
use thiserror::Error;

use super::address::is_public;
use crate::processors::client::tls;

/// The longest URL that is taken, in bytes.
const URL_MAX: usize = 2000;
/// How much of an answer is read, in bytes.
const ANSWER_MAX: usize = 4096;

/// Why a URL cannot be an endpoint's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UrlRefused {
    /// It is no URL that could be called.
    #[error("`url` is an absolute http or https URL of at most 2000 characters, without spaces")]
    Malformed,
    /// It has a name or a password in it.
    #[error("`url` has no user and no password in it")]
    Credentials,
    /// It has a fragment, which no server would ever see.
    #[error("`url` has no fragment")]
    Fragment,
    /// It leads to this machine or into its network.
    #[error("`url` leads to a host that is not on the public internet")]
    Inside,
}

/// How a name becomes addresses.
pub type Lookup =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The way out for webhooks.
#[derive(Clone)]
pub struct Outbound {
    /// Networks that may be called although they are not public.
    pub networks: Vec<IpNet>,
    /// How names become addresses.
    pub lookup: Lookup,
    /// How long connecting may take.
    pub connect_time: Duration,
    /// How long an attempt may take, all in all.
    pub total_time: Duration,
    tls: rustls::ClientConfig,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("networks", &self.networks).finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// Its `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// The beginning of the body.
    pub text: String,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotSent {
    /// The endpoint's URL is none that may be called.
    #[error("refused: {0}")]
    Refused(#[from] UrlRefused),
    /// The name has no address.
    #[error("the host's name cannot be resolved")]
    Unresolved,
    /// The name has an address that is not on the public internet.
    #[error("refused: the host has an address that is not on the public internet")]
    Inside,
    /// Nobody took the connection.
    #[error("the connection could not be made")]
    Unreachable,
    /// The answer took too long.
    #[error("there was no answer in time")]
    TimedOut,
    /// The connection broke before there was an answer.
    #[error("the connection broke before there was an answer")]
    Broken,
}

impl Outbound {
    /// To the public internet, and to these networks besides.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self {
            networks,
            lookup: Arc::new(|host, port| {
                async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) }.boxed()
            }),
            connect_time: Duration::from_secs(5),
            total_time: Duration::from_secs(20),
            tls: tls(),
        }
    }

    /// The URL of an endpoint, as far as it can be judged without asking for addresses.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn url(&self, text: &str) -> Result<Url, UrlRefused> {
        // A parser of URLs mends what it can: what needs mending was not meant, or was meant badly.
        let mended = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        if text.len() > URL_MAX || text.contains(mended) {
            return Err(UrlRefused::Malformed);
        }
        let url = Url::parse(text).map_err(|_| UrlRefused::Malformed)?;
        let has_slashes = text.get(..url.scheme().len() + 3).is_some_and(|it| it.ends_with("://"));
        if !matches!(url.scheme(), "http" | "https") || !has_slashes || url.port() == Some(0) {
            return Err(UrlRefused::Malformed);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefused::Credentials);
        }
        if url.fragment().is_some() {
            return Err(UrlRefused::Fragment);
        }
        let host = url.host_str().unwrap_or_default();
        if host.strip_suffix('.').unwrap_or(host).split('.').any(str::is_empty) {
            return Err(UrlRefused::Malformed);
        }
        match literal(&url) {
            Some(address) if !self.may_call(address) => Err(UrlRefused::Inside),
            None if is_own_name(host) && self.networks.is_empty() => Err(UrlRefused::Inside),
            Some(_) | None => Ok(url),
        }
    }

    /// Whether an address may be called.
    #[must_use]
    pub fn may_call(&self, address: IpAddr) -> bool {
        is_public(address) || self.networks.iter().any(|network| network.contains(&address))
    }

    /// Posts a body, once.
    ///
    /// # Errors
    /// Why nothing came back.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answered, NotSent> {
        let url = self.url(url)?;
        let sent = async {
            let addresses = self.addresses(&url).await?;
            self.post_to(addresses, url, headers, body).await
        };
        let sent = tokio::time::timeout(self.total_time, sent).await;
        let response = sent.unwrap_or(Err(NotSent::TimedOut))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answered { status, retry_after, text: beginning(response, self.connect_time).await })
    }

    /// The addresses of a URL's host, each of which may be called.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, NotSent> {
        let port = url.port_or_known_default().ok_or(UrlRefused::Malformed)?;
        if let Some(address) = literal(url) {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let host = url.host_str().ok_or(UrlRefused::Malformed)?;
        let found = (self.lookup)(host.to_owned(), port).await;
        let mut found = found.map_err(|_| NotSent::Unresolved)?;
        if found.is_empty() {
            return Err(NotSent::Unresolved);
        }
        // One address inside is one too many: who mixes them means the one inside.
        if !found.iter().all(|address| self.may_call(address.ip())) {
            return Err(NotSent::Inside);
        }
        found.iter_mut().for_each(|address| address.set_port(port));
        Ok(found)
    }

    async fn post_to(
        &self,
        addresses: Vec<SocketAddr>,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<reqwest::Response, NotSent> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Arc::new(Checked(addresses)))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .connect_timeout(self.connect_time)
            .build()
            .map_err(|_| NotSent::Unreachable)?;
        let sent = client.post(url).headers(headers).body(body).send().await;
        sent.map_err(|error| match () {
            () if error.is_connect() => NotSent::Unreachable,
            () if error.is_timeout() => NotSent::TimedOut,
            () => NotSent::Broken,
        })
    }
}

/// The beginning of an answer's body; that it breaks off or trickles changes nothing about its
/// status.
async fn beginning(mut response: reqwest::Response, patience: Duration) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while let Ok(Some(part)) = response.chunk().await {
            bytes.extend_from_slice(&part[..part.len().min(ANSWER_MAX - bytes.len())]);
            if bytes.len() == ANSWER_MAX {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(patience, read).await;
    // Postgres keeps no NUL in a text.
    String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}")
}

/// The only addresses there are, whatever name is asked for.
struct Checked(Vec<SocketAddr>);

impl Resolve for Checked {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// The address that a URL's host is, where it is none to be resolved.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match v6 {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => host.trim_end_matches('.').parse::<Ipv4Addr>().ok().map(IpAddr::from),
    }
}

/// Whether a name means this machine or its network wherever it is asked: RFC 6761, RFC 6762,
/// RFC 8375, and what ICANN keeps for inside.
fn is_own_name(host: &str) -> bool {
    const OWN: [&str; 6] =
        ["localhost", "localdomain", "local", "internal", "home.arpa", "intranet"];
    let host = host.trim_end_matches('.');
    OWN.iter().any(|own| {
        host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}
