//! Layers: the file, and the environment over it.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use paceline::config::{
    Problems, Settings,
    document::Document,
    sinks::{Slack, Tls},
    source::{CompleteTo, Kind},
};

const FILE: &str = r#"
[database]
url = "sqlite://data/p.db"
[source.crm]
kind = "csv"
every = "10m"
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
created_at = "created"
[team.sales]
slack = { webhook = { env = "WEBHOOK_OF_THE_FILE" } }
email = ["lead@example.com"]
[email]
smtp = "smtp://127.0.0.1:2525"
from = "paceline@example.com"
"#;

fn read(variables: &[(&str, &str)]) -> Result<Settings, Problems> {
    let environment: BTreeMap<String, String> =
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let file = Path::new("/etc/paceline/paceline.toml");
    Settings::from_document(&Document::from_text(file, FILE, Some(environment))?)
}

#[test]
fn the_environment_reaches_every_key_of_a_named_table() {
    let settings = read(&[
        ("PACELINE__SOURCE__CRM__EVERY", "2h"),
        ("PACELINE__SOURCE__CRM__COMPLETE_TO", "2026-11-20"),
        ("PACELINE__EMAIL__TLS", "required"),
        ("PACELINE__TEAM__SALES__EMAIL", "one@example.com, two@example.com"),
        ("PACELINE__COMPANY__TIME_ZONE", "Europe/Berlin"),
    ])
    .unwrap();
    assert_eq!(settings.sources["crm"].every_secs, 7_200);
    let Kind::Csv(csv) = &settings.sources["crm"].kind else { panic!("a csv source") };
    assert_eq!(csv.complete_to, CompleteTo::Day(jiff::civil::date(2026, 11, 20)));
    assert_eq!(settings.email.unwrap().tls, Tls::Required);
    assert_eq!(settings.teams["sales"].sinks.email, ["one@example.com", "two@example.com"]);
    assert_eq!(settings.company.zone.iana_name(), Some("Europe/Berlin"));
}

#[test]
fn paths_of_the_file_are_relative_to_it_and_those_of_the_environment_to_the_working_directory() {
    assert_eq!(read(&[]).unwrap().database, PathBuf::from("/etc/paceline/data/p.db"));
    let settings = read(&[("PACELINE__DATABASE__URL", "sqlite://here.db")]).unwrap();
    assert_eq!(settings.database, PathBuf::from("here.db"));
}

#[test]
fn a_secret_of_a_later_layer_replaces_the_earlier_one_whole() {
    let variable = ("PACELINE__TEAM__SALES__SLACK__WEBHOOK__FILE", "/run/credentials/webhook");
    let settings = read(&[variable]).unwrap();
    let Some(Slack::Webhook(secret)) = &settings.teams["sales"].sinks.slack else {
        panic!("a webhook");
    };
    assert_eq!(format!("{secret:?}"), "Secret(file /run/credentials/webhook)");
    assert!(secret.place.contains("environment PACELINE__TEAM__SALES__SLACK__WEBHOOK__FILE"));
}

#[test]
fn an_unknown_or_wrong_variable_is_named_by_its_name() {
    let error = read(&[("PACELINE__SOURCE__CRM__EVRY", "2h"), ("PACELINE__EMAIL__TLS", "maybe")]);
    let text = error.unwrap_err().to_string();
    assert!(text.contains("environment PACELINE__SOURCE__CRM__EVRY"), "{text}");
    assert!(text.contains("did you mean `every`?"), "{text}");
    assert!(text.contains("environment PACELINE__EMAIL__TLS"), "{text}");
}

#[test]
fn a_secret_is_read_when_it_is_used_without_its_line_end_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    support::write(folder.path(), "secret", "hunter2\n");
    let toml = "[team.a]\nslack = { webhook = { file = \"secret\" } }\n";
    let settings = support::settings_in(folder.path(), toml).unwrap();
    let Some(Slack::Webhook(secret)) = &settings.teams["a"].sinks.slack else {
        panic!("a webhook");
    };
    assert_eq!(secret.reveal().unwrap(), "hunter2");
    assert!(!format!("{settings:?}").contains("hunter2"));
    std::fs::remove_file(folder.path().join("secret")).unwrap();
    assert!(secret.reveal().unwrap_err().to_string().contains("paceline.toml:2"));
}

#[test]
fn a_key_that_the_environment_cannot_reach_works_and_is_warned_about() {
    let toml = "[team.\"Inside-Sales\"]\nowners = [\"u1\"]\n";
    let (_folder, settings) = support::settings_of(toml);
    assert!(settings.teams.contains_key("Inside-Sales"));
    assert_eq!(settings.warnings.len(), 1);
}

#[test]
fn a_password_in_the_mail_servers_address_is_refused_and_not_repeated() {
    let toml = "[email]\nsmtp = \"smtp://paceline:hunter2@mail.example.com:587\"\nfrom = \"p@example.com\"\n";
    let problems = support::settings_in(std::path::Path::new("somewhere"), toml).unwrap_err();
    let told = problems.to_string();
    assert!(told.contains("`email.smtp`") && told.contains("password = { file"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
