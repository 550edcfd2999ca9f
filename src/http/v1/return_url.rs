//! Where a customer goes from a checkout page: the one kind of URL that callers give us, and that
//! a browser is sent to. It is read as browsers read it, and kept as it was read.

use url::{Host, Url};

use crate::http::error::ApiError;

/// The longest URL, in characters.
const MAX: usize = 2048;

/// The URL in a field, normalised.
///
/// # Errors
/// Anything but an absolute HTTP URL of at most 2048 characters, without credentials and without
/// control characters.
pub(super) fn return_url(field: &str, text: &str) -> Result<String, ApiError> {
    sound(text).ok_or_else(|| {
        let text = format!(
            "`{field}` is an absolute http or https URL of at most {MAX} characters, without \
             credentials and without spaces or control characters"
        );
        ApiError::new("return_url_invalid", text)
    })
}

fn sound(text: &str) -> Option<String> {
    // Browsers drop some of these silently, so that an URL would not be the one that was looked at.
    if text.chars().count() > MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let http = ["http", "https"].iter().any(|it| scheme.eq_ignore_ascii_case(it));
    if !http || rest.starts_with('/') || text.contains('\\') {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let bare = url.username().is_empty() && url.password().is_none();
    let kept = String::from(url.clone());
    (bare && plain_host(&url) && kept.len() <= MAX).then_some(kept)
}

/// Whether the host can stand in a header that gives `;` and `,` a meaning.
fn plain_host(url: &Url) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    match url.host() {
        Some(Host::Domain(name)) => name.bytes().all(plain),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_http_url_is_kept_as_browsers_read_it() {
        for (given, kept) in [
            (
                "https://app.esluce.com/billing?success=true",
                "https://app.esluce.com/billing?success=true",
            ),
            ("http://localhost:3000/", "http://localhost:3000/"),
            ("HTTPS://App.Example", "https://app.example/"),
            ("https://münchen.example/ü", "https://xn--mnchen-3ya.example/%C3%BC"),
            ("http://[::1]:8080/x#done", "http://[::1]:8080/x#done"),
        ] {
            assert_eq!(sound(given).as_deref(), Some(kept), "{given}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("https://a.example/{}", "x".repeat(2048));
        let grows = format!("https://a.example/{}", "ü".repeat(1000));
        for given in [
            "",
            "/billing",
            "billing",
            "//a.example/",
            "https:a.example",
            "https:///a.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://a.example/",
            "mailto:a@b.example",
            "https://",
            "http://?x",
            "https://u:p@a.example/",
            "https://u@a.example/",
            "https://a.example/\r\nSet-Cookie: x=1",
            "https://a.example/ x",
            "https://a.example\t/",
            " https://a.example/",
            "https://a.example/\u{0}",
            "https://a.example\\@b.example/",
            "https://a;script-src.example/",
            "https://a,b.example/",
            "https://a'b.example/",
            "https://[::1",
            "https://a.example:99999/",
            long.as_str(),
            grows.as_str(),
        ] {
            assert_eq!(sound(given), None, "{given}");
        }
    }
}
