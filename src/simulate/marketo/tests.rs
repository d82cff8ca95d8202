//! What an instance does, told by examples; what the faults file allows.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Faults, Instance};

fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-05-04T12:00:00Z".parse().unwrap();
    start + SignedDuration::from_mins(minutes)
}

#[test]
fn a_change_leaves_an_activity_and_moves_the_stamps_that_it_should() {
    let mut instance = Instance::empty();
    let fields = [("email", json!("a@example.test")), ("leadStatus", json!("New"))];
    let lead = instance.create_lead(&fields, at(0));
    instance.change(lead, "leadStatus", json!("MQL"), at(10));
    instance.change(lead, "leadStatus", json!("MQL"), at(20));
    instance.set(lead, "segment", json!("smb"), at(30));
    assert_eq!(instance.changes_to("leadStatus", "MQL"), 1);
    let told = instance.lead(lead).unwrap();
    assert_eq!(told["createdAt"], "2026-05-04T12:00:00Z");
    // A custom field is no change that the visible stamp tells.
    assert_eq!(told["updatedAt"], "2026-05-04T12:10:00Z");
    assert_eq!(instance.leads[0].changed, at(30).as_second());
}

#[test]
fn members_have_the_statuses_of_the_channel() {
    let mut instance = Instance::empty();
    let program = instance.add_program("Webinar: Racks", "Webinar", at(0));
    let fields = [("acquisitionProgramId", json!(program))];
    let lead = instance.create_lead(&fields, at(1));
    instance.set_member(program, lead, "Registered", at(2));
    instance.set_member(program, lead, "No such status", at(3));
    instance.set_member(program, lead, "Attended", at(4));
    let member = &instance.programs[0].members[0];
    assert!(member.acquired && member.succeeded == Some(at(4).as_second()));
    assert_eq!(member.joined, at(2).as_second());
    assert_eq!(instance.count_activities("Change Status in Progression"), 2);
    instance.remove_member(program, lead);
    assert_eq!(instance.status_in(program, lead), None);
}

#[test]
fn a_merge_keeps_what_belonged_to_the_loser() {
    let mut instance = Instance::empty();
    let program = instance.add_program("Content: Racks", "Content", at(0));
    let winner = instance.create_lead(&[("email", json!("a@example.test"))], at(0));
    let told = [("email", json!("b@example.test")), ("country", json!("France"))];
    let loser = instance.create_lead(&told, at(1));
    instance.set_member(program, loser, "Member", at(2));
    instance.merge_leads(winner, &[loser, 99], at(3));
    assert_eq!(instance.lead(loser), None);
    let told = instance.lead(winner).unwrap();
    assert_eq!(
        (told["email"].as_str(), told["country"].as_str()),
        (Some("a@example.test"), Some("France"))
    );
    assert_eq!(instance.status_in(program, winner), Some("Member"));
    assert!(instance.activities().iter().all(|row| row.1 == winner));
    assert_eq!(instance.count_activities("New Lead"), 2);
    assert_eq!(instance.count_activities("Merge Leads"), 1);
    assert_eq!(instance.count_activities("Delete Lead"), 0);
}

#[test]
fn a_deleted_lead_takes_its_activities_with_it() {
    let mut instance = Instance::empty();
    let lead = instance.create_lead(&[("lastName", json!("Racks"))], at(0));
    instance.delete_lead(lead, at(1));
    let activities = instance.activities();
    assert_eq!(activities.len(), 1);
    assert_eq!((activities[0].1, activities[0].2), (lead, "Delete Lead"));
}

#[test]
fn what_is_committed_late_tells_when_it_happened() {
    let mut instance = Instance::empty();
    let lead = instance.create_lead(&[], at(0));
    let email = instance.add_email("Rack notes", None, at(0));
    let sent = instance.send_email(lead, email, at(5), at(25));
    instance.change(lead, "leadScore", json!(5), at(10));
    instance.log.settle();
    let row = instance.activities().into_iter().find(|row| row.0 == sent).unwrap();
    assert_eq!((row.3, row.4), (at(5).as_second(), at(25).as_second()));
    assert_eq!(instance.activities().last().unwrap().2, "Change Data Value");
}

#[test]
fn the_faults_file_is_read_and_says_what_it_allows() {
    let read = |text: &str| Faults::from_toml(text).map(|_| ()).unwrap_err();
    let good = "[limits]\ndaily = 5\n[auth]\nquery_token = true\n[subscription]\ndirt = [\"cr\"]\n\
        [[fault]]\non = \"bulk_enqueue\"\nanswer = \"failed_job\"\n[[fault]]\non = \"any\"\nanswer = 606\n";
    assert!(Faults::from_toml(good).is_ok());
    assert!(read("[[fault]]\non = \"leads\"\nanswer = 999\n").contains("606"));
    assert!(read("[[fault]]\non = \"lead\"\nanswer = 606\n").contains("leads"));
    assert!(read("[[fault]]\non = \"leads\"\nanswer = \"empty_page\"\n").contains("cannot be"));
    assert!(read("[subscription]\ndirt = [\"mud\"]\n").contains("mud"));
}

#[test]
fn a_folder_becomes_an_instance() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("campaign.csv", "id,name,channel,cost\nc1,Racks,Webinar,100\n");
    write(
        "lead.csv",
        "id,created_at,mql_at,channel,campaign\nL1,2026-05-01T10:00:00Z,2026-05-02,WEB,c1\n\
         L2,2026-05-01 11:00:00,,WEB,\n",
    );
    write("touch.csv", "id,lead,campaign,at\nt1,L2,c1,2026-05-03T10:00:00Z\n");
    write("email_send.csv", "id,lead,email,campaign,at\ne1,L1,News,c1,2026-05-04T10:00:00Z\n");
    let instance = Instance::from_csv(dir.path(), &jiff::tz::TimeZone::UTC).unwrap();
    let [one, two] = instance.leads()[..] else { panic!("{:?}", instance.leads()) };
    let program = instance.program_named("Racks").unwrap();
    assert_eq!(instance.lead(one).unwrap()["externalId"], "L1");
    assert_eq!(instance.lead(one).unwrap()["leadStatus"], "MQL");
    assert_eq!(instance.status_in(program, one), Some("Invited"));
    assert_eq!(instance.status_in(program, two), Some("Attended"));
    assert_eq!(instance.count_activities("Send Email"), 1);
    write("touch.csv", "id,lead,campaign,at\nt1,L3,c1,2026-05-03T10:00:00Z\n");
    let error = Instance::from_csv(dir.path(), &jiff::tz::TimeZone::UTC).unwrap_err();
    assert!(error.contains("touch.csv, line 2"), "{error}");
}
