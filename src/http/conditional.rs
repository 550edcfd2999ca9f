//! Conditional requests: what a caller already has, or insists on.
//!
//! A tag is a hash of the body, so it needs no bookkeeping: two answers have one tag exactly if
//! they are the same bytes. It spares the network, not the work.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use warp::http::{HeaderMap, Method};

use super::error::ApiError;

/// The tag of a body: 128 bits of its SHA-256 in hex, quoted. A strong one: equal tags are equal
/// bytes.
#[must_use]
pub fn tag(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    format!("\"{}\"", HEXLOWER.encode(&hash[..16]))
}

/// What a reader already has, by `If-None-Match`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Whether the request reads at all: only then a body is tagged.
    pub reads: bool,
    tags: Vec<String>,
}

impl Held {
    /// What the caller of a request has.
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let reads = method == Method::GET || method == Method::HEAD;
        Self { reads, tags: if reads { tags(headers, "if-none-match") } else { Vec::new() } }
    }

    /// Whether an answer of this tag is held already; a weak tag will do.
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
    }
}

/// Whether the caller insists on a state, and whether it is this one: the comparison of `If-Match`,
/// where a weak tag matches nothing. `None` where the caller does not insist.
#[must_use]
pub fn matches(headers: &HeaderMap, tag: &str) -> Option<bool> {
    let wanted = headers.contains_key("if-match").then(|| tags(headers, "if-match"))?;
    Some(wanted.iter().any(|wanted| wanted == "*" || wanted == tag))
}

/// The refusal of a write whose caller insists on another state.
#[must_use]
pub fn moved_on() -> ApiError {
    let text = "what If-Match names is not the state of this any more: read it again";
    ApiError::new("precondition_failed", text)
}

/// The tags of a header, which may come more than once. Tags of ours hold no comma.
fn tags(headers: &HeaderMap, name: &str) -> Vec<String> {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|tag| tag.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_tag_is_of_the_bytes() {
        assert_eq!(tag(b"{}"), tag(b"{}"));
        assert_ne!(tag(b"{}"), tag(b"{ }"));
        assert_eq!(tag(b"{}").len(), 34);
    }

    #[test]
    fn a_reader_may_name_several_tags_weak_ones_and_any() {
        for (values, has) in [
            (&["\"a\""][..], true),
            (&["W/\"a\""], true),
            (&["\"b\", \"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["*"], true),
            (&["\"b\""], false),
            (&["a"], false),
            (&[""], false),
            (&[], false),
        ] {
            let held = Held::of(&Method::GET, &headers("if-none-match", values));
            assert_eq!(held.has("\"a\""), has, "{values:?}");
        }
        let held = Held::of(&Method::POST, &headers("if-none-match", &["*"]));
        assert!(!held.has("\"a\"") && !held.reads);
    }

    #[test]
    fn a_writer_insists_on_the_very_state() {
        for (values, matched) in [
            (&["\"a\""][..], Some(true)),
            (&["\"b\", \"a\""], Some(true)),
            (&["*"], Some(true)),
            (&["W/\"a\""], Some(false)),
            (&["\"b\""], Some(false)),
            (&[""], Some(false)),
            (&[], None),
        ] {
            assert_eq!(matches(&headers("if-match", values), "\"a\""), matched, "{values:?}");
        }
    }
}
