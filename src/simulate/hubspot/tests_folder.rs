//! Proves that a folder of canonical CSV files becomes a portal, and says where it cannot.

use serde_json::Value;

use super::tests::{Bench, FREE};
use super::{Object, Portal, generated};

#[tokio::test]
async fn a_folder_of_csv_becomes_a_portal() {
    let dir = std::env::temp_dir().join(format!("hubsim-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("a file");
    write("leads.csv", "id,created_at,mql_at,channel,owner\nab1,2018-02-01,2018-02-03,paid,Ann\n");
    write(
        "opportunity.csv",
        "id,lead,created_at,closed_at,outcome,stage,owner,amount\n\
         7,ab1,2018-02-04,2018-03-01 10:00:00,won,Won,Ann,500\n8,,,,open,demo,Bob,\n",
    );
    write("stage_changes.csv", "opportunity,at,from,to\n7,2018-02-10,discovery,demo\n");
    write("activity.csv", "id,opportunity,kind,at,owner\n1,7,email_out,2018-02-05T09:00:00Z,Ann\n");
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone");
    let portal = Portal::from_csv(&dir, &zone).expect("a portal");
    write("activity.csv", "id,kind,at\n1,call,soon\n");
    let wrong = Portal::from_csv(&dir, &zone).expect_err("a bad time");
    std::fs::remove_dir_all(&dir).expect("no folder");
    assert!(wrong.contains("activity.csv, line 2: at is no time"), "{wrong}");
    let value = |object, id, name| portal.property(object, id, name);
    assert_eq!(value(Object::Contact, 1001, "external_id").as_deref(), Some("ab1"));
    let modified = value(Object::Contact, 1001, "lastmodifieddate");
    assert_eq!(modified.as_deref(), Some("2018-02-03T12:00:00.000Z"));
    assert_eq!(value(Object::Deal, 7, "closedate").as_deref(), Some("2018-03-01T09:00:00.000Z"));
    assert_eq!(value(Object::Deal, 7, "hs_is_closed_won").as_deref(), Some("true"));
    assert_eq!(value(Object::Deal, 8, "createdate"), None);
    assert_eq!(value(Object::Email, 1, "hs_email_direction").as_deref(), Some("EMAIL"));
    assert_eq!(portal.linked((Object::Deal, 7), Object::Contact), [1001]);
    let bench = Bench::new(portal, FREE).await;
    let (_, read) = bench.get("/crm/objects/2026-09/deals/7?propertiesWithHistory=dealstage").await;
    let history = read["propertiesWithHistory"]["dealstage"].as_array().expect("a history");
    let stages: Vec<&str> = history.iter().filter_map(|v| v["value"].as_str()).collect();
    assert_eq!(stages, ["closedwon", "demo", "discovery"]);
}

#[tokio::test]
async fn generated_contacts_are_the_same_for_a_seed() {
    let bench = Bench::new(generated(1000, 1), FREE).await;
    let other = generated(1000, 1);
    let path = "/crm/objects/2026-09/contacts/1500?properties=hs_analytics_source_data_1";
    let (_, read): (u16, Value) = bench.get(path).await;
    let campaign = other.property(Object::Contact, 1500, "hs_analytics_source_data_1");
    assert_eq!(read["properties"]["hs_analytics_source_data_1"].as_str(), campaign.as_deref());
    assert_eq!(other.count(Object::Contact), 1000);
}
