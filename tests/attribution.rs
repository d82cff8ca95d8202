//! Attribution from stored touches, worked by hand.

#[path = "support/account.rs"]
mod account;
mod support;

use std::collections::BTreeMap;

use account::{Account, deal, properties};
use jiff::ToSpan;
use paceline::attribution::Model;
use paceline::domain::dimension::Dimension;
use paceline::evaluate::{
    Snapshot,
    attributing::{Attribution, Owed, attribute},
};
use paceline::simulate::hubspot::Object;
use support::{instant, synced};

const CONFIG: &str = r#"
[company]
name = "C"
time_zone = "America/New_York"
[channels]
PPC = "paid search"
[source.crm]
kind = "csv"
[[source.crm.file]]
path = "leads.csv"
object = "lead"
columns = { id = "id", created_at = "created", channel = "channel" }
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
lead = "lead"
created_at = "created"
closed_at = "closed"
outcome = "outcome"
amount = "amount"
[[source.crm.file]]
path = "campaigns.csv"
object = "campaign"
columns = { id = "id", name = "name", channel = "channel", cost = "cost" }
[[source.crm.file]]
path = "touches.csv"
object = "touch"
columns = { lead = "lead", at = "at", kind = "kind", campaign = "campaign", channel = "channel" }
"#;

/// Lead 1: a mail, the form that made it a lead, a webinar, the call-back that made the opportunity, and a
/// trade show after it. Lead 2 was never touched but has a channel; lead 3 has nothing at all.
const FILES: [(&str, &str); 4] = [
    ("leads.csv", "id,created,channel\n1,2026-03-02,OFFLINE\n2,2026-03-02,PPC\n3,2026-03-02,\n"),
    (
        "deals.csv",
        "id,lead,created,closed,outcome,amount\n\
         11,1,2026-03-20T15:00:00Z,2026-05-04,won,1000\n\
         12,2,2026-03-10,2026-04-10,lost,\n\
         13,3,2026-03-10,2026-05-04,won,\n",
    ),
    ("campaigns.csv", "id,name,channel,cost\nwb,Webinar in March,WEBINAR,250\n"),
    (
        "touches.csv",
        "lead,at,kind,campaign,channel\n\
         1,2026-02-01,mail,,EMAIL\n\
         1,2026-03-02T14:00:00Z,form,,PPC\n\
         1,2026-03-10,membership,wb,\n\
         1,2026-03-20T14:00:00Z,form,,PPC\n\
         1,2026-03-20T16:00:00Z,show,,SHOW\n\
         9,2026-03-02,form,,PPC\n",
    ),
];

async fn attribution(by: Dimension, owed: Owed, since: Option<&str>) -> Attribution {
    let now = instant("2026-06-01T00:00:00Z");
    let (_folder, settings, store) = synced(CONFIG, &FILES, now).await;
    let snapshot = Snapshot::load(&settings, &store, now, None).await.unwrap();
    let since = since.map(|day| day.parse().unwrap());
    attribute(&snapshot, by, owed, since, None).await.unwrap()
}

/// Key -> what is owed by a model, rounded to four places.
fn owed(found: &Attribution, model: Model) -> BTreeMap<&str, f64> {
    let at = Model::ALL.iter().position(|other| *other == model).unwrap();
    let rounded = |value: f64| (value * 1e4).round() / 1e4;
    let rows = found.credits.iter();
    rows.map(|(key, credit)| (key.as_deref().unwrap_or("?"), rounded(credit.sourced[at])))
        .filter(|(_, value)| *value != 0.0)
        .collect()
}

fn map(rows: &[(&'static str, f64)]) -> BTreeMap<&'static str, f64> {
    rows.iter().copied().collect()
}

#[tokio::test]
async fn opportunities_are_owed_to_what_touched_them_before_they_were_made() {
    let found = attribution(Dimension::Channel, Owed::Opportunities, None).await;
    assert_eq!((found.records, found.touched), (3, 1));
    let by = |model| owed(&found, model);
    assert_eq!(by(Model::First), map(&[("EMAIL", 1.0), ("paid search", 1.0), ("?", 1.0)]));
    assert_eq!(by(Model::Last), map(&[("paid search", 2.0), ("?", 1.0)]));
    assert_eq!(
        by(Model::Linear),
        map(&[("EMAIL", 0.25), ("paid search", 1.5), ("WEBINAR", 0.25), ("?", 1.0)])
    );
    // The form made the lead: 40 %; mail 40 %; webinar and call-back 10 % each.
    assert_eq!(
        by(Model::UShaped),
        map(&[("EMAIL", 0.4), ("paid search", 1.5), ("WEBINAR", 0.1), ("?", 1.0)])
    );
    assert_eq!(
        by(Model::WShaped),
        map(&[("EMAIL", 0.3), ("paid search", 1.6), ("WEBINAR", 0.1), ("?", 1.0)])
    );
    let influenced: f64 = found.credits.values().map(|credit| credit.influenced).sum();
    assert_eq!(influenced, 5.0, "three channels touched the first, and are not to be added");
    assert!(!found.credits.contains_key(&Some("SHOW".to_owned())), "it came too late");
}

#[tokio::test]
async fn wins_are_owed_to_what_touched_them_before_they_were_won() {
    let found = attribution(Dimension::Channel, Owed::Wins, None).await;
    assert_eq!(owed(&found, Model::Last), map(&[("SHOW", 1.0), ("?", 1.0)]));
    let found = attribution(Dimension::Channel, Owed::Value, None).await;
    assert_eq!((found.records, found.unvalued), (2, 1));
    assert_eq!(owed(&found, Model::First), map(&[("EMAIL", 1000.0)]));
    let found = attribution(Dimension::Campaign, Owed::Wins, Some("2026-05-04")).await;
    assert_eq!(owed(&found, Model::Linear), map(&[("wb", 0.2), ("?", 1.8)]));
    let found = attribution(Dimension::Campaign, Owed::Wins, Some("2026-05-05")).await;
    assert_eq!(found.records, 0);
}

/// HubSpot keeps the first and the latest touch of a contact only; what was once the latest one stays here.
#[tokio::test]
async fn touches_of_hubspot_contacts_are_kept_also_when_later_ones_replace_them() {
    let keys = "rate_limit = \"190/10s\"\ntouches = true\n";
    let account = Account::with("", paceline::simulate::hubspot::Portal::empty(), keys).await;
    let at = account.now();
    let first = [
        ("hs_analytics_source", "PAID_SEARCH"),
        ("hs_analytics_source_data_1", "brand"),
        ("hs_analytics_first_timestamp", "2026-10-20T09:00:00Z"),
        ("first_conversion_date", "2026-10-21T09:00:00Z"),
        ("recent_conversion_date", "2026-10-21T09:00:00Z"),
        ("hs_latest_source", "EMAIL_MARKETING"),
        ("hs_latest_source_data_1", "autumn"),
        ("hs_latest_source_timestamp", "1761210000000"),
    ];
    account.portal().create_with_id(Object::Contact, 1, properties(&first), at);
    account.pass(5);
    account.sync().await;
    account.pass(60);
    let later = vec![
        ("hs_latest_source".to_owned(), Some("ORGANIC_SEARCH".to_owned())),
        ("hs_latest_source_data_1".to_owned(), None),
        ("hs_latest_source_timestamp".to_owned(), Some("2026-11-02T09:30:00Z".to_owned())),
    ];
    let now = account.now();
    account.portal().update(Object::Contact, 1, later, now);
    deal(&mut account.portal(), 9, now, &[]);
    account.portal().associate((Object::Deal, 9), (Object::Contact, 1));
    account.pass(5);
    account.sync().await;
    let mut touches = account.store.touches().await.unwrap();
    touches.sort_by_key(|touch| format!("{:?}", touch.at));
    let told = |touch: &paceline::domain::facts::Touch| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        (text(&touch.kind), text(&touch.channel), text(&touch.campaign))
    };
    let of = |kind: &str, channel: &str, campaign: &str| {
        (kind.to_owned(), channel.to_owned(), campaign.to_owned())
    };
    let expected = [
        of("visit", "EMAIL_MARKETING", "autumn"),
        of("visit", "PAID_SEARCH", "brand"),
        of("form", "PAID_SEARCH", "brand"),
        of("visit", "ORGANIC_SEARCH", ""),
    ];
    let mut found: Vec<_> = touches.iter().map(told).collect();
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    let clock = account.now() + 1.hour();
    let snapshot = Snapshot::load(&account.settings, &account.store, clock, None).await.unwrap();
    let attributed =
        attribute(&snapshot, Dimension::Channel, Owed::Opportunities, None, None).await.unwrap();
    assert_eq!(attributed.records, 1);
    assert_eq!(attributed.touched, 1);
    let channels: Vec<&str> = attributed.credits.keys().flatten().map(String::as_str).collect();
    assert_eq!(channels, ["EMAIL_MARKETING", "ORGANIC_SEARCH", "PAID_SEARCH"]);
}
