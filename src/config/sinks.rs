//! `[team.*]`, `[operator]` and `[email]`: who is told, and over which way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{
    Network,
    company::{Company, read_hours},
    problem::Problem,
    reader::Reader,
    secret::Secret,
    warn_of_key,
};
use crate::domain::calendar::BusinessCalendar;

/// A team and the ways to reach its lead.
#[derive(Clone, Debug)]
pub struct Team {
    /// Owner ids or e-mail addresses.
    pub owners: Vec<String>,
    /// Its own hours, where it has them.
    pub hours: Option<BusinessCalendar>,
    /// How it is told.
    pub sinks: Sinks,
}

/// The ways to reach somebody.
#[derive(Clone, Debug, Default)]
pub struct Sinks {
    /// A Slack channel.
    pub slack: Option<Slack>,
    /// One message for each address.
    pub email: Vec<String>,
    /// A file that messages are appended to.
    pub file: Option<PathBuf>,
    /// A program that listens.
    pub webhook: Option<Webhook>,
    /// PagerDuty.
    pub pagerduty: Option<PagerDuty>,
    /// The address of a workflow of Microsoft Teams, which is the secret.
    pub msteams: Option<Secret>,
}

/// A program that listens, as Standard Webhooks has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Its address, which may hold a secret.
    pub url: Secret,
    /// What signatures are made with; none are sent without it.
    pub secret: Option<Secret>,
}

/// A service of PagerDuty.
#[derive(Clone, Debug, PartialEq)]
pub struct PagerDuty {
    /// The integration's key.
    pub routing_key: Secret,
    /// `https://events.pagerduty.com` when absent.
    pub base_url: String,
}

impl Sinks {
    /// Whether nobody can be reached.
    pub fn is_empty(&self) -> bool {
        let none = self.webhook.is_none() && self.pagerduty.is_none() && self.msteams.is_none();
        none && self.slack.is_none() && self.email.is_empty() && self.file.is_none()
    }
}

/// A Slack channel, over an incoming webhook or a bot token.
#[derive(Clone, Debug, PartialEq)]
pub enum Slack {
    /// The URL is the secret.
    Webhook(Secret),
    /// `chat.postMessage` with a token.
    Bot {
        /// The bot token.
        token: Secret,
        /// The channel's id.
        channel: String,
        /// `https://slack.com/api/` when absent.
        base_url: String,
    },
}

/// A mail server.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is kept private.
    pub tls: Tls,
    /// User name for AUTH.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The sender's address.
    pub from: String,
    /// A private certificate authority, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Where the server stands in the configuration.
    pub place: String,
}

/// How a mail connection is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (`smtps://`), the certificate checked.
    Implicit,
    /// STARTTLS, the certificate checked.
    Required,
    /// STARTTLS where it is offered; the certificate is not checked, as RFC 7435 has it.
    Opportunistic,
    /// Never.
    None,
}

/// Reads every `[team.*]`.
pub fn read_teams(
    root: &Reader<'_>,
    company: &Company,
    warnings: &mut Vec<Problem>,
) -> BTreeMap<String, Team> {
    let mut teams = BTreeMap::new();
    for (name, table) in root.named_tables("team") {
        warn_of_key(&table, &name, warnings);
        let owners = table.list("owners").unwrap_or_default();
        let zone = super::company::zone(&table);
        let hours = table
            .table("business_hours")
            .map(|hours| read_hours(&hours, company.zone.clone()))
            .or_else(|| zone.as_ref().map(|_| company.hours.clone()))
            .map(|hours| match &zone {
                Some(zone) => BusinessCalendar { zone: zone.clone(), ..hours },
                None => hours,
            });
        let team = Team { owners, hours, sinks: read(&table) };
        table.finish();
        teams.insert(name, team);
    }
    teams
}

/// Reads the sink keys of a table that holds other keys too.
pub fn read(table: &Reader<'_>) -> Sinks {
    let email = table.list("email").unwrap_or_default();
    for address in email.iter().filter(|address| !address.contains('@')) {
        table.problem(
            "email",
            format!("`{address}` is no e-mail address"),
            "write `email = [\"lead@example.com\"]`",
        );
    }
    Sinks {
        slack: table.table("slack").and_then(|slack| read_slack(&slack)),
        email,
        file: table.file_path("file"),
        webhook: table.table("webhook").and_then(|webhook| read_webhook(&webhook)),
        pagerduty: table.table("pagerduty").and_then(|pagerduty| read_pagerduty(&pagerduty)),
        msteams: table.table("msteams").and_then(|msteams| {
            let example = "msteams = { url = { env = \"TEAMS_WORKFLOW\" } }";
            let url = msteams.required("url", example, msteams.secret("url"));
            msteams.finish();
            url
        }),
    }
}

fn read_webhook(table: &Reader<'_>) -> Option<Webhook> {
    let example =
        "webhook = { url = { env = \"WEBHOOK\" }, secret = { env = \"WEBHOOK_SECRET\" } }";
    let url = table.required("url", example, table.secret("url"));
    let secret = table.secret("secret");
    table.finish();
    Some(Webhook { url: url?, secret })
}

fn read_pagerduty(table: &Reader<'_>) -> Option<PagerDuty> {
    let example = "pagerduty = { routing_key = { env = \"PAGERDUTY_KEY\" } }";
    let key = table.required("routing_key", example, table.secret("routing_key"));
    let base_url = table.text("base_url");
    table.finish();
    let base_url = base_url.unwrap_or_else(|| "https://events.pagerduty.com".into());
    Some(PagerDuty { routing_key: key?, base_url })
}

/// Reads a table that holds sink keys only.
pub fn read_only(table: &Reader<'_>) -> Sinks {
    let sinks = read(table);
    table.finish();
    sinks
}

fn read_slack(table: &Reader<'_>) -> Option<Slack> {
    let webhook = table.secret("webhook");
    let token = table.secret("token");
    let channel = table.text("channel");
    let base_url = table.text("base_url").unwrap_or_else(|| "https://slack.com/api/".into());
    table.finish();
    match (webhook, token, channel) {
        (Some(webhook), None, None) => Some(Slack::Webhook(webhook)),
        (None, Some(token), Some(channel)) => Some(Slack::Bot { token, channel, base_url }),
        _ => {
            table.problem(
                "",
                "needs either `webhook`, or `token` and `channel`",
                "write `slack = { webhook = { env = \"SLACK_WEBHOOK\" } }`",
            );
            None
        }
    }
}

/// Reads `[email]`.
pub fn read_email(root: &Reader<'_>, network: &Network) -> Option<Email> {
    let table = root.table("email")?;
    let expected = "a URL like \"smtp://mail.example.com:587\" or \"smtps://mail.example.com\"";
    let named = table.text("smtp").is_some_and(|text| text.contains('@'));
    let server = if named {
        // Not shown: what stands before the @ is somebody's password.
        let mend = "write the server only, and `username` and `password = { file = … }` beside it";
        table.problem("smtp", "holds a user name, which does not belong there", mend);
        None
    } else {
        table.parsed("smtp", expected, parse_server)
    };
    let server = if named {
        None
    } else {
        table.required("smtp", "smtp = \"smtp://mail.example.com:587\"", server)
    };
    let tls = table.parsed("tls", "\"required\", \"opportunistic\" or \"none\"", |t| match t {
        "required" => Some(Tls::Required),
        "opportunistic" => Some(Tls::Opportunistic),
        "none" => Some(Tls::None),
        _ => None,
    });
    let from = table.parsed("from", "an address like \"paceline@example.com\"", |text| {
        text.contains('@').then(|| text.to_owned())
    });
    let from = table.required("from", "from = \"paceline@example.com\"", from);
    let username = table.text("username");
    let password = table.secret("password");
    if username.is_some() != password.is_some() {
        table.problem(
            "username",
            "needs a `password`, and the other way round",
            "set both or none",
        );
    }
    let ca_file = table.file_path("ca_file").or_else(|| network.ca_file.clone());
    table.finish();
    let (host, port, implicit) = server?;
    let tls = if implicit { Tls::Implicit } else { tls.unwrap_or(Tls::Opportunistic) };
    let place = table.place("smtp");
    Some(Email { host, port, tls, username, password, from: from?, ca_file, place })
}

fn parse_server(text: &str) -> Option<(String, u16, bool)> {
    let (scheme, rest) = text.split_once("://")?;
    let (implicit, default_port) = match scheme {
        "smtp" => (false, 587),
        "smtps" => (true, 465),
        _ => return None,
    };
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => (host, port.parse().ok()?),
        _ => (rest, default_port),
    };
    (!host.is_empty()).then(|| (host.to_owned(), port, implicit))
}
