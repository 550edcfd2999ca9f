//! Configuration: flags and environment variables, read once.

use std::path::PathBuf;

use clap::Args;
use daybook_events::{Currency, event::BookKind, personal::Party};
use ipnet::IpNet;

use crate::{documents::settings::PrintSettings, http::forwarded, local_postgres};

/// Where the ledger is; understood by every command. Printing it for debugging shows no URL: they
/// have passwords in them.
#[derive(Clone, Args)]
pub struct Place {
    /// Directory of the private Postgres and its log, used where no database URL is given
    #[arg(long, env = "DAYBOOK_DATA_DIR", global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Postgres of the ledger (15 or later), as the serving role; without it Daybook runs its own
    #[arg(long, env = "DATABASE_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// The same database as the role that owns the log; used by `migrate` alone
    #[arg(
        long,
        env = "DAYBOOK_OWNER_URL",
        global = true,
        value_name = "URL",
        hide_env_values = true
    )]
    pub owner_url: Option<String>,

    /// The key that signs checkpoints, made on first use [default: `signing-key` in the data
    /// directory]
    #[arg(long, env = "DAYBOOK_SIGNING_KEY_FILE", global = true, value_name = "FILE")]
    pub signing_key_file: Option<PathBuf>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let data_dir = &self.data_dir;
        f.debug_struct("Place").field("data_dir", data_dir).finish_non_exhaustive()
    }
}

impl Place {
    /// The data directory: as given, or the usual place of this system.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(local_postgres::default_data_dir)
    }

    /// Where the key lies that signs checkpoints.
    #[must_use]
    pub fn signing_key_file(&self) -> PathBuf {
        self.signing_key_file.clone().unwrap_or_else(|| self.data_dir().join("signing-key"))
    }
}

/// Whether real money moves; decided with the first event, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Real customers and real money
    Live,
    /// For trying out: offers the sandbox processor
    Sandbox,
}

impl From<Kind> for BookKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Live => Self::Live,
            Kind::Sandbox => Self::Sandbox,
        }
    }
}

/// What the book is opened with, where it is not open yet.
#[derive(Debug, Clone, Args)]
pub struct Opening {
    /// Whether the new ledger is for real money; it cannot be changed later
    #[arg(long, env = "DAYBOOK_KIND", value_enum, default_value = "sandbox")]
    pub kind: Kind,

    /// The seller's name on documents of a new ledger
    #[arg(long, env = "COMPANY_NAME", default_value = "Example Hosting", value_name = "NAME")]
    pub seller: String,

    /// Who issues the documents of a new ledger
    #[command(flatten)]
    pub issuer: Issuer,

    /// The seller's time zone in a new ledger: document series and posting days are reckoned in it
    #[arg(long, env = "DAYBOOK_TIME_ZONE", default_value = "UTC", value_name = "ZONE")]
    pub time_zone: chrono_tz::Tz,

    /// The month in which the seller's financial year begins in a new ledger, 1 to 12
    #[arg(long, env = "DAYBOOK_FINANCIAL_YEAR_START", default_value_t = 1, value_name = "MONTH",
          value_parser = clap::value_parser!(u32).range(1..=12))]
    pub financial_year_start: u32,

    /// Whether a new ledger answers the panel dialect's addresses; later an admin switches it
    #[arg(long, env = "DAYBOOK_FEATURE_BILLING", default_value_t = true, value_name = "BOOL",
          action = clap::ArgAction::Set)]
    pub feature_billing: bool,
}

/// The particulars of a new ledger's seller, as documents print them. Later they are revised by
/// `POST /api/ledger/seller`, and what these say counts no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Issuer {
    /// The issuer's name on documents of a new ledger [default: the name of the company]
    #[arg(
        id = "issuer-name",
        long = "issuer-name",
        env = "INVOICE_ISSUED_FROM_NAME",
        value_name = "NAME",
        hide_short_help = true
    )]
    pub name: Option<String>,

    /// The issuer's street and number
    #[arg(
        id = "issuer-address",
        long = "issuer-address",
        env = "INVOICE_ISSUED_FROM_ADDRESS",
        value_name = "TEXT",
        hide_short_help = true
    )]
    pub address: Option<String>,

    /// The issuer's city
    #[arg(
        id = "issuer-city",
        long = "issuer-city",
        env = "INVOICE_ISSUED_FROM_CITY",
        value_name = "TEXT",
        hide_short_help = true
    )]
    pub city: Option<String>,

    /// The issuer's state, province or region
    #[arg(
        id = "issuer-state",
        long = "issuer-state",
        env = "INVOICE_ISSUED_FROM_STATE",
        value_name = "TEXT",
        hide_short_help = true
    )]
    pub state: Option<String>,

    /// The issuer's postal code
    #[arg(
        id = "issuer-zip",
        long = "issuer-zip",
        env = "INVOICE_ISSUED_FROM_ZIP",
        value_name = "TEXT",
        hide_short_help = true
    )]
    pub zip: Option<String>,

    /// The issuer's country, an ISO 3166 code such as DE
    #[arg(
        id = "issuer-country",
        long = "issuer-country",
        env = "INVOICE_ISSUED_FROM_COUNTRY",
        value_name = "CODE",
        hide_short_help = true
    )]
    pub country: Option<String>,

    /// The issuer's VAT id, GSTIN or the like
    #[arg(
        id = "issuer-tax-id",
        long = "issuer-tax-id",
        env = "INVOICE_ISSUED_FROM_TAX_ID",
        value_name = "TEXT",
        hide_short_help = true
    )]
    pub tax_id: Option<String>,

    /// Where mail reaches the issuer
    #[arg(
        id = "issuer-email",
        long = "issuer-email",
        env = "INVOICE_ISSUED_FROM_EMAIL",
        value_name = "TEXT",
        hide_short_help = true
    )]
    pub email: Option<String>,
}

impl Issuer {
    /// The seller that these make of one who is only known by a company's name.
    #[must_use]
    pub fn seller(&self, company: &str) -> Party {
        let given = |field: &Option<String>| field.as_deref().unwrap_or_default().trim().to_owned();
        let own = given(&self.name);
        Party {
            name: if own.is_empty() { company.to_owned() } else { own },
            company: String::new(),
            email: given(&self.email),
            // An environment file has no line feeds: `\n` stands for one.
            address: given(&self.address).replace("\\n", "\n"),
            city: given(&self.city),
            state: given(&self.state),
            postal_code: given(&self.zip),
            country: given(&self.country).to_uppercase(),
            tax_id: given(&self.tax_id),
        }
    }

    /// What these say otherwise than a seller's recorded particulars, by the settings' names. A
    /// setting that is not there says nothing.
    #[must_use]
    pub fn differs(&self, recorded: &Party) -> Vec<&'static str> {
        let said = self.seller(&recorded.name);
        let fields = [
            ("NAME", &self.name, &said.name, &recorded.name),
            ("ADDRESS", &self.address, &said.address, &recorded.address),
            ("CITY", &self.city, &said.city, &recorded.city),
            ("STATE", &self.state, &said.state, &recorded.state),
            ("ZIP", &self.zip, &said.postal_code, &recorded.postal_code),
            ("COUNTRY", &self.country, &said.country, &recorded.country),
            ("TAX_ID", &self.tax_id, &said.tax_id, &recorded.tax_id),
            ("EMAIL", &self.email, &said.email, &recorded.email),
        ];
        let other = fields.into_iter().filter(|(_, given, said, recorded)| {
            given.as_ref().is_some_and(|given| !given.trim().is_empty()) && said != recorded
        });
        other.map(|(name, ..)| name).collect()
    }
}

impl Opening {
    /// A sandbox book of an example seller in UTC: for the demo and the benchmarks.
    #[must_use]
    pub fn example() -> Self {
        Self {
            kind: Kind::Sandbox,
            seller: "Example Hosting".to_owned(),
            issuer: Issuer::default(),
            time_zone: chrono_tz::Tz::UTC,
            financial_year_start: 1,
            feature_billing: true,
        }
    }
}

/// How the server is reached.
#[derive(Debug, Clone, Args)]
pub struct Serving {
    /// Address to listen on
    #[arg(
        long,
        env = "DAYBOOK_LISTEN",
        default_value = "127.0.0.1:8420",
        value_name = "HOST:PORT"
    )]
    pub listen: String,

    /// The address under which customers reach this server, for the links that it gives out
    #[arg(long, env = "DAYBOOK_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// The page on which a customer moves to a larger plan; `upgrade=PLAN` is added to its query
    /// [default: /billing under the public URL]
    #[arg(long, env = "DAYBOOK_UPGRADE_URL", value_name = "URL")]
    pub upgrade_url: Option<String>,

    /// The currency in which plans show their one price, where they are sold in it
    #[arg(long, env = "DAYBOOK_CURRENCY", default_value = "USD", value_name = "CODE")]
    pub currency: Currency,

    /// Do not record what falls due: another process, or `daybook tick`, does
    #[arg(long, env = "DAYBOOK_NO_SCHEDULER")]
    pub no_scheduler: bool,

    /// Minutes between two looks at what processors did that no message told; 0 is never
    #[arg(long, env = "DAYBOOK_RECONCILE_MINUTES", default_value_t = 5, value_name = "N")]
    pub reconcile_minutes: u32,

    /// Where snapshots lie that were asked for over HTTP [default: `snapshots` in the data directory]
    #[arg(long, env = "DAYBOOK_SNAPSHOT_DIR", value_name = "DIR")]
    pub snapshot_dir: Option<PathBuf>,

    /// Days for which they are kept
    #[arg(long, env = "DAYBOOK_SNAPSHOT_DAYS", default_value_t = 30, value_name = "N")]
    pub snapshot_days: u32,

    /// How many connections are served at once
    #[arg(long, env = "DAYBOOK_CONNECTIONS", default_value_t = 1024, value_name = "N")]
    pub connections: usize,

    /// Requests a minute from each API key or session; 0 is no limit
    #[arg(long, env = "DAYBOOK_RATE_LIMIT", default_value_t = 6000, value_name = "N")]
    pub rate_limit: u32,

    /// Requests a minute from each address without a key that works; 0 is no limit
    #[arg(long, env = "DAYBOOK_RATE_LIMIT_ANONYMOUS", default_value_t = 120, value_name = "N")]
    pub rate_limit_anonymous: u32,

    /// Reverse proxies whose `X-Forwarded-For` is believed: addresses and networks, by commas
    #[arg(long, env = "DAYBOOK_TRUSTED_PROXIES", value_name = "NETWORKS", value_delimiter = ',',
          value_parser = forwarded::network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Where webhooks may go
    #[command(flatten)]
    pub webhooks: WebhookNetworks,

    /// How documents are printed
    #[command(flatten)]
    pub documents: PrintSettings,
}

/// Where webhooks may go besides the public internet.
#[derive(Debug, Clone, Args)]
pub struct WebhookNetworks {
    /// Networks of one's own that webhooks may be sent into: addresses and networks, by commas
    #[arg(long = "webhook-networks", env = "DAYBOOK_WEBHOOK_NETWORKS", value_name = "NETWORKS",
          value_delimiter = ',', value_parser = forwarded::network)]
    pub networks: Vec<IpNet>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_the_seller_and_says_where_a_recorded_one_is_another() {
        let issuer = Issuer {
            name: Some("Example GmbH".to_owned()),
            address: Some("Hof 1\\nHaus 2".to_owned()),
            country: Some("de".to_owned()),
            email: Some(" ".to_owned()),
            ..Issuer::default()
        };
        let seller = issuer.seller("Example Hosting");
        assert_eq!((seller.name.as_str(), seller.country.as_str()), ("Example GmbH", "DE"));
        assert_eq!(seller.address, "Hof 1\nHaus 2");
        assert_eq!(issuer.differs(&seller), Vec::<&str>::new());
        let moved = Party { country: "AT".to_owned(), city: "Wien".to_owned(), ..seller };
        assert_eq!(issuer.differs(&moved), ["COUNTRY"]);
        assert_eq!(Issuer::default().seller("Example Hosting").name, "Example Hosting");
    }

    #[test]
    fn debugging_output_never_shows_a_url_with_its_password() {
        let url = || Some("postgres://daybook:secret@db/daybook".to_owned());
        let place =
            Place { data_dir: None, database_url: url(), owner_url: url(), signing_key_file: None };
        assert_eq!(format!("{place:?}"), "Place { data_dir: None, .. }");
    }
}
