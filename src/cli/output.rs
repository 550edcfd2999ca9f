//! What commands print: tables for people, JSON for scripts.

use std::io::Write;

use comfy_table::{Table, TableStyle};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people
    Human,
    /// One JSON document, or one JSON line per item
    Json,
}

impl Output {
    /// Prints a result as JSON, or as the text that `human` makes of it.
    ///
    /// # Errors
    /// A closed standard output.
    pub fn print<T: Serialize>(
        self,
        value: &T,
        human: impl FnOnce(&T) -> String,
    ) -> std::io::Result<()> {
        let text = match self {
            Self::Human => human(value),
            Self::Json => serde_json::to_string_pretty(value).unwrap_or_default(),
        };
        line(&text)
    }
}

/// One line on standard output. A reader that has gone away ends the program quietly, as it does
/// other tools.
///
/// # Errors
/// Anything but a closed pipe.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other,
    }
}

/// One line on standard error, for what is no result.
pub(crate) fn note(text: &str) {
    // Nobody left to tell is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// An error with its causes, on one line of standard error. A cause that the message repeats
/// already is not said twice.
pub(crate) fn complain(error: &dyn std::error::Error) {
    let mut text = format!("daybook: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        source = cause.source();
    }
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    note(&lines.join(" "));
}

/// A table of plain columns.
#[must_use]
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_header(header);
    table.add_rows(rows);
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A progress bar on standard error, shown where somebody watches.
#[must_use]
pub(crate) fn progress(what: &'static str) -> ProgressBar {
    let style = "{msg} {bar:30} {human_pos}/{human_len} · {per_sec} · {eta} left";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}

/// Moves a bar to `done` of `all`.
pub(crate) fn advance(bar: &ProgressBar, done: i64, all: i64) {
    bar.set_length(u64::try_from(all).unwrap_or(0));
    bar.set_position(u64::try_from(done).unwrap_or(0));
}

/// A count on standard error of work whose end nobody knows, shown where somebody watches.
#[must_use]
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {human_pos} · {per_sec}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style).with_message(what)
}

/// Moves a count.
pub(crate) fn count(bar: &ProgressBar, done: u64) {
    bar.set_position(done);
}
