//! Sends the sandbox's messages to this very server, over real HTTP, signed as Razorpay signs.
//!
//! They go to our own listener and nowhere else, which is why an address on this machine is good
//! here. They are sent one after the other in the order in which they fell due. A new message is
//! sent at once; one that is to come later, or again, when its time has come.
//!
//! Time is real time, never the ledger's movable clock: somebody looks at a page and waits ten
//! seconds, and a ledger whose clock stands would never hear of its payments.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::sync::Notify;

use super::{keys::Keys, letters::Letter, store::Books};
use crate::processors::client;

/// How long an answer may take: as long as Razorpay waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it rests at most: other processes' messages are sent as well, should they have gone.
const REST: Duration = Duration::from_secs(1);

/// Who sends the messages of a ledger to one address.
#[derive(Debug)]
pub struct Sender {
    http: reqwest::Client,
    url: String,
}

impl Sender {
    /// A sender to our own listener at an address.
    ///
    /// # Errors
    /// A machine without sockets.
    pub fn to(listener: SocketAddr) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(client::tls())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { http, url: format!("http://{}/webhooks/sandbox", reachable(listener)) })
    }

    /// Tries a message that was taken; tells whether it has arrived.
    async fn try_once(
        &self,
        books: &Books,
        keys: &Keys,
        letter: &Letter,
    ) -> Result<bool, sqlx::Error> {
        let sent = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("x-razorpay-signature", keys.sign_message(letter.body.as_bytes()))
            .header("x-razorpay-event-id", &letter.event_id)
            .body(letter.body.clone())
            .send()
            .await;
        let status = sent.as_ref().ok().map(|answer| answer.status().as_u16());
        let arrived = status.is_some_and(|status| (200..300).contains(&status));
        if !arrived {
            let Letter { event, tries, .. } = letter;
            tracing::debug!(event, tries, status, "a message of the sandbox is sent again later");
        }
        books.tried(letter, status).await?;
        Ok(arrived)
    }

    /// Sends everything that is due, of one payment or of all, each once; tells whether all of it
    /// has arrived.
    pub(super) async fn send_due(
        &self,
        books: &Books,
        keys: &Keys,
        payment_id: Option<&str>,
    ) -> Result<bool, sqlx::Error> {
        let mut arrived = true;
        while let Some(letter) = books.claim(payment_id).await? {
            arrived &= self.try_once(books, keys, &letter).await?;
        }
        Ok(arrived)
    }

    /// Sends for as long as it is polled.
    pub(super) async fn run(&self, books: &Books, keys: &Keys, woken: &Notify) {
        loop {
            let rest = match self.turn(books, keys).await {
                Ok(rest) => rest.map_or(REST, |rest| rest.min(REST)),
                // A database that is away comes back; what was due is still due then.
                Err(error) => {
                    tracing::warn!(%error, "the sandbox sends its messages later");
                    REST
                }
            };
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = woken.notified() => {}
            }
        }
    }

    async fn turn(&self, books: &Books, keys: &Keys) -> Result<Option<Duration>, sqlx::Error> {
        books.ripen().await?;
        self.send_due(books, keys, None).await?;
        books.rest().await
    }
}

/// Where a listener can be reached from this machine: one that listens on every address, on its own.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_this_machine() {
        for (listener, reached) in [
            ("0.0.0.0:8420", "127.0.0.1:8420"),
            ("[::]:8420", "[::1]:8420"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reachable(listener.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
