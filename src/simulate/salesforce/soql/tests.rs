//! What queries mean, told by examples.

use jiff::Timestamp;
use serde_json::json;

use super::{Found, Refusal, Scope, Selection, parse, run};
use crate::simulate::salesforce::Org;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn org() -> Org {
    let mut org = Org::empty();
    let campaign =
        org.create("Campaign", &[("Name", json!("Spring")), ("BudgetedCost", json!(10))], noon());
    for (name, source, day) in
        [("Ada", "Web", 1), ("bob", "web", 2), ("Cy_d", "", 3), ("O'Neil", "Phone", 4)]
    {
        let lead = org.create(
            "Lead",
            &[
                ("LastName", json!(name)),
                ("Company", json!("Acme")),
                ("LeadSource", json!(source)),
                ("Score__c", json!(day * 10)),
            ],
            at(&format!("2026-05-0{day}T12:00:00Z")),
        );
        if day < 3 {
            let member = [("CampaignId", json!(campaign)), ("LeadId", json!(lead))];
            org.create("CampaignMember", &member, noon());
        }
    }
    org
}

fn noon() -> Timestamp {
    at("2026-05-01T12:00:00Z")
}

fn found(org: &Org, query: &str) -> Result<Found, Refusal> {
    run(org, &parse(query)?, Scope { all: false, now: noon().as_second() })
}

/// The last names that a condition leaves.
fn names(query: &str) -> Vec<String> {
    let org = org();
    let found = found(&org, query).unwrap();
    let name = |key: &_| org.value(found.object, *key, "LastName").as_text().to_owned();
    found.keys.iter().map(name).collect()
}

fn code(query: &str) -> &'static str {
    found(&org(), query).unwrap_err().code
}

#[test]
fn text_is_equal_without_regard_to_case_and_nothing_differs_from_everything() {
    assert_eq!(names("SELECT Id FROM Lead WHERE LeadSource = 'WEB'"), ["Ada", "bob"]);
    assert_eq!(names("SELECT Id FROM Lead WHERE LeadSource != 'web'"), ["Cy_d", "O'Neil"]);
    assert_eq!(
        names("SELECT Id FROM Lead WHERE LeadSource NOT IN ('web','x')"),
        ["Cy_d", "O'Neil"]
    );
    assert_eq!(names("select id from lead where leadsource = null"), ["Cy_d"]);
    assert_eq!(names("SELECT Id FROM Lead WHERE Score__c < 20 "), ["Ada"]);
}

#[test]
fn patterns_have_wildcards_that_can_be_escaped() {
    assert_eq!(names("SELECT Id FROM Lead WHERE LastName LIKE '%b'"), ["bob"]);
    assert_eq!(names(r"SELECT Id FROM Lead WHERE LastName LIKE 'cy\_%'"), ["Cy_d"]);
    assert_eq!(names("SELECT Id FROM Lead WHERE LastName LIKE '_d_'"), ["Ada"]);
    assert_eq!(names(r"SELECT Id FROM Lead WHERE LastName = 'o\'neil'"), ["O'Neil"]);
}

#[test]
fn instants_are_compared_to_the_second_and_ids_by_their_bytes() {
    let rest = "SELECT Id FROM Lead WHERE SystemModstamp >= 2026-05-03T12:00:00.000+00:00";
    assert_eq!(names(rest), ["Cy_d", "O'Neil"]);
    let org = org();
    let keys = found(&org, "SELECT Id FROM Lead").unwrap().keys;
    let (second, short) = (keys[1].text(), keys[1].text()[..15].to_owned());
    let keyset = format!(
        "SELECT Id FROM Lead WHERE (SystemModstamp = 2026-05-02T12:00:00Z AND Id > '{second}') \
         OR SystemModstamp > 2026-05-02T12:00:00Z ORDER BY SystemModstamp, Id LIMIT 1"
    );
    assert_eq!(names(&keyset), ["Cy_d"]);
    assert_eq!(names(&format!("SELECT Id FROM Lead WHERE Id = '{short}'")), ["bob"]);
}

#[test]
fn rows_are_ordered_by_several_keys_with_nothing_first() {
    let query = "SELECT Id FROM Lead ORDER BY LeadSource DESC, LastName DESC";
    assert_eq!(names(query), ["Cy_d", "bob", "Ada", "O'Neil"]);
    let query = "SELECT Id FROM Lead ORDER BY LeadSource NULLS LAST, LastName LIMIT 2 OFFSET 1";
    assert_eq!(names(query), ["Ada", "bob"]);
}

#[test]
fn an_inner_query_gives_the_ids_of_a_list() {
    let inner = "(SELECT LeadId FROM CampaignMember WHERE Campaign.Name = 'spring')";
    assert_eq!(names(&format!("SELECT Id FROM Lead WHERE Id IN {inner}")), ["Ada", "bob"]);
    let query = format!("SELECT Id FROM Lead WHERE (NOT LastName = 'Cy_d') AND Id NOT IN {inner}");
    assert_eq!(names(&query), ["O'Neil"]);
}

#[test]
fn the_greatest_value_and_the_number_of_rows_can_be_asked_for() {
    let org = org();
    let found =
        found(&org, "SELECT MAX(SystemModstamp) last, COUNT(LeadSource) FROM Lead").unwrap();
    let Selection::Aggregates(aggregates) = &found.selection else { panic!("no aggregates") };
    let leads = org.table("Lead").unwrap();
    let records: Vec<_> = found.keys.iter().filter_map(|key| leads.record(*key)).collect();
    assert_eq!(
        Selection::aggregated(&org, aggregates, &records),
        "{\"attributes\":{\"type\":\"AggregateResult\"},\
         \"last\":\"2026-05-04T12:00:00.000+0000\",\"expr1\":3}"
    );
}

#[test]
fn what_is_wrong_with_a_query_is_told_by_the_vendors_codes() {
    for (query, expected) in [
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"),
        ("SELECT Id Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE LastName = 'a", "MALFORMED_QUERY"),
        (r"SELECT Id FROM Lead WHERE LastName = 'a\q'", "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Id = null AND Id = null OR Id = null", "MALFORMED_QUERY"),
        ("SELECT LastName, MAX(Id) FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Lead", "INVALID_FIELD"),
        ("SELECT CurrencyIsoCode FROM Lead", "INVALID_FIELD"),
        ("SELECT Nope.Name FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead ORDER BY Nope", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Nope = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-05-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-05-01", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Task WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD"),
        ("SELECT SystemModstamp FROM OpportunityFieldHistory", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead LIMIT 5 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ] {
        assert_eq!(code(query), expected, "{query}");
    }
}
