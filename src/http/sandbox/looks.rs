//! How the sandbox's pages look: one style, no scripts, and a policy that says so.

use daybook_projections::orders::OrderRow;
use url::{Host, Url};
use warp::http::StatusCode;

use crate::http::answer::Answer;

/// What a page may load and where its form may lead: its own style, this server, and where paying
/// returns to, since browsers ask about redirects too.
fn policy(order: &OrderRow) -> String {
    let returns = order.success_url.as_deref().and_then(source).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'{returns}; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Where an URL leads, as a source in a policy.
pub(in crate::http) fn source(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(match url.host()? {
        // Policies have no way to name one.
        Host::Ipv6(_) => format!(" {}:", url.scheme()),
        Host::Domain(_) | Host::Ipv4(_) => format!(" {}", url.origin().ascii_serialization()),
    })
}

/// How a page to pay on looks, by day and by night.
pub(in crate::http) const STYLE: &str = "
:root { color-scheme: light dark; --ink: #16202c; --soft: #5b6b7d; --paper: #ffffff;
  --ground: #eef1f5; --line: #d5dce4; --accent: #0b5fff; --on-accent: #ffffff;
  --good: #0a6b3d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --soft: #9fb0c3; --paper: #18202b;
  --ground: #0e141c; --line: #2c3847; --accent: #6ea0ff; --on-accent: #0b1220;
  --good: #63d297; --bad: #ff9b92; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: min(32rem, 100%); background: var(--paper); border: 1px solid var(--line);
  border-radius: 12px; padding: clamp(1.25rem, 4vw, 2rem); }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; }
p { margin: .25rem 0; color: var(--soft); }
.amount { font-size: 2.25rem; font-weight: 650; margin: 1rem 0; color: var(--ink);
  font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .35rem 1rem; margin: 1.25rem 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
@media (max-width: 26rem) { dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .6rem; } }
code { font: .875rem/1.4 ui-monospace, monospace; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button, .button { flex: 1 1 10rem; padding: .75rem 1rem; border-radius: 8px; font: inherit;
  cursor: pointer; border: 1px solid var(--line); background: transparent; color: var(--ink);
  text-align: center; text-decoration: none; }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button:hover, .button:hover { border-color: var(--accent); }
button.primary { font-weight: 600; }
button.primary:hover { filter: brightness(1.08); }
h2 { font-size: 1rem; margin: 0 0 .75rem; }
section { margin-top: 1.75rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
fieldset { margin: 1.75rem 0 0; padding: 1.25rem 0 0; border: 0; border-top: 1px solid var(--line);
  min-width: 0; }
legend { float: left; width: 100%; padding: 0; margin-bottom: .75rem; font-weight: 650; }
legend + * { clear: both; }
label { color: var(--soft); flex: 1 1 8rem; }
input { font: inherit; font-variant-numeric: tabular-nums; width: 7rem; padding: .5rem .75rem;
  color: var(--ink); background: var(--ground); border: 1px solid var(--line);
  border-radius: 8px; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .75rem; margin-top: .75rem; }
.row button { flex: 1 1 6rem; padding: .5rem .75rem; }
.choices { display: grid; grid-template-columns: 10rem 1fr; gap: .6rem 1rem; align-items: center;
  margin-top: .75rem; }
.choices button { padding: .5rem .75rem; }
.choices p { margin: 0; font-size: .875rem; }
article { padding: 1rem; border: 1px solid var(--line); border-radius: 10px; }
article + article { margin-top: .75rem; }
article header { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .5rem; }
article p { font-size: .875rem; overflow-wrap: anywhere; }
strong { font-variant-numeric: tabular-nums; }
.state { font-size: .875rem; padding: 0 .6rem; border: 1px solid currentColor;
  border-radius: 999px; color: var(--soft); }
.state.good { color: var(--good); }
.state.bad { color: var(--bad); }
.told { list-style: none; margin: 0; padding: 0; }
.told li { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem;
  padding: .3rem 0; font-size: .875rem; color: var(--soft); }
.told li + li { border-top: 1px solid var(--line); }
.told code { color: var(--ink); }
@media (max-width: 26rem) { .choices { grid-template-columns: 1fr; gap: .25rem; }
  .choices p { margin-bottom: .6rem; } }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.note { margin: 1.5rem 0 0; font-size: .875rem; }
";

/// A page about an order.
pub(super) fn html(status: StatusCode, title: &str, body: &str, order: &OrderRow) -> Answer {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
         <title>{title} · Daybook</title><style>{STYLE}</style></head>
         <body><main>{body}<p class=\"note\">Daybook sandbox: for trying out, never for real
         customers.</p></main></body></html>"
    );
    Answer::bytes(status, "text/html; charset=utf-8", page.into_bytes())
        .with("content-security-policy", policy(order))
}

/// A way from the page, where there is one.
pub(in crate::http) fn link(id: &str, text: &str, url: Option<&str>) -> String {
    let link = |url| format!("<a class=\"button\" id=\"{id}\" href=\"{}\">{text}</a>", escape(url));
    url.map(link).unwrap_or_default()
}

/// What an order is about.
pub(in crate::http) fn details(order: &OrderRow) -> String {
    format!(
        "<dl><dt>Order</dt><dd>{}</dd><dt>For</dt><dd>{}, {}</dd>
         <dt>Reference</dt><dd><code>{}</code></dd></dl>",
        escape(&order.number),
        escape(&order.plan.name),
        order.plan.cycle,
        escape(order.processor_order_id.as_deref().unwrap_or_default()),
    )
}

/// Text as it stands in a page: never markup.
pub(in crate::http) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{escape, source};

    #[test]
    fn text_never_becomes_markup() {
        assert_eq!(escape("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }

    #[test]
    fn a_policy_names_where_a_payment_returns_to_and_no_more() {
        let of = |url| source(url).unwrap();
        assert_eq!(of("https://app.esluce.com/billing?success=true"), " https://app.esluce.com");
        assert_eq!(of("http://127.0.0.1:3000/x"), " http://127.0.0.1:3000");
        assert_eq!(of("http://[::1]:3000/x"), " http:");
    }
}
