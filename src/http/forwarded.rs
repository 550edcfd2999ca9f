//! Who asks, where proxies stand in between: only what a trusted proxy says of its own caller
//! counts, since everybody can write `X-Forwarded-For`.

use std::net::IpAddr;

use ipnet::IpNet;
use warp::http::HeaderMap;

/// The proxies whose word counts.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those of some networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The address of whoever asks: the last one in the chain that no trusted proxy has.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let texts = headers.get_all("x-forwarded-for").iter();
        let texts = texts.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        let mut chain: Vec<_> = texts.collect();
        let mut client = peer;
        while self.trusts(client) {
            let Some(before) = chain.pop().and_then(address) else { break };
            client = before;
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The networks of a setting: an address is a network of one.
///
/// # Errors
/// Neither an address nor a network.
pub fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let one = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| one()).map_err(|_| {
        "a network is one such as 10.0.0.0/8, or an address such as 10.0.0.7".to_owned()
    })
}

/// An address as proxies write it: with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(it, _)| it);
    let address: Option<IpAddr> = match bare {
        Some(bare) => bare.parse().ok(),
        None => text.parse().ok().or_else(|| text.rsplit_once(':')?.0.parse().ok()),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let proxies = Proxies::new(trusted.iter().map(|it| network(it).unwrap()).collect());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client(&[], "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_its_caller_and_no_more() {
        let trusted = ["10.0.0.0/8", "::1"];
        assert_eq!(client(&trusted, "10.0.0.7", &["198.51.100.1"]), "198.51.100.1");
        // What the caller wrote itself stands further left.
        assert_eq!(client(&trusted, "10.0.0.7", &["127.0.0.1, 198.51.100.1"]), "198.51.100.1");
        let two = ["127.0.0.1", "198.51.100.1, 10.1.1.1"];
        assert_eq!(client(&trusted, "10.0.0.7", &two), "198.51.100.1");
        assert_eq!(client(&trusted, "::1", &["[2001:db8::5]:4711"]), "2001:db8::5");
        assert_eq!(client(&trusted, "::1", &["198.51.100.1:99"]), "198.51.100.1");
    }

    #[test]
    fn what_is_no_address_leaves_the_proxy_itself() {
        for forwarded in [&[][..], &["unknown"], &[""], &["198.51.100.1, _hidden"]] {
            assert_eq!(client(&["10.0.0.7"], "10.0.0.7", forwarded), "10.0.0.7");
        }
    }

    #[test]
    fn a_setting_is_an_address_or_a_network() {
        assert_eq!(network("10.0.0.7").unwrap().to_string(), "10.0.0.7/32");
        assert_eq!(network(" fd00::/8").unwrap().to_string(), "fd00::/8");
        assert!(network("proxy").is_err() && network("10.0.0.0/33").is_err());
    }
}
