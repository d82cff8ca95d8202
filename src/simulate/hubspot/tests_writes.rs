//! Proves what the vendor's own client asks of the simulator: its spellings, its links, and the
//! writes that are refused.

use serde_json::{Value, json};

use super::tests::{Bench, FREE, at, contacts, ids};
use super::{Object, Portal, Stage};

const CONTACTS: &str = "/crm/v3/objects/contacts";
const DEALS: &str = "/crm/objects/2026-09/deals";

fn deal_and_contacts() -> Portal {
    let mut portal = contacts(3, |_| 0);
    portal.create_with_id(Object::Deal, 9, Vec::new(), at(0));
    portal
}

fn with(properties: Value) -> Value {
    json!({ "properties": properties })
}

#[tokio::test]
async fn true_may_have_a_capital() {
    let mut portal = contacts(2, |_| 0);
    portal.archive(Object::Contact, 1002, at(1));
    portal.add_owner(5, "a@example.test", "Ann Lee", false);
    portal.add_owner(6, "g@example.test", "Gil Gone", true);
    let bench = Bench::new(portal, FREE).await;
    let (_, page) = bench.get(&format!("{CONTACTS}?archived=True")).await;
    assert_eq!(ids(&page), [1002]);
    let (_, page) = bench.get(&format!("{CONTACTS}?archived=False")).await;
    assert_eq!(ids(&page), [1001]);
    assert_eq!(bench.get(&format!("{CONTACTS}/1002?archived=True")).await.0, 200);
    let read = json!({ "inputs": [{ "id": "1002" }] });
    let (_, page) = bench.ask("POST", &format!("{CONTACTS}/batch/read?archived=True"), read).await;
    assert_eq!((ids(&page), &page["results"][0]["archived"]), (vec![1002], &json!(true)));
    let (_, gone) = bench.get("/crm/v3/owners?archived=True").await;
    let gone = &gone["results"][0];
    assert_eq!((&gone["id"], &gone["userId"]), (&json!("6"), &Value::Null));
    let user = gone["userIdIncludingInactive"].as_u64().expect("a user id");
    assert_eq!(bench.get("/crm/v3/owners/6?archived=TRUE").await.0, 200);
    let by_user = format!("/crm/v3/owners/{user}?idProperty=userId");
    assert_eq!(bench.get(&by_user).await.0, 404);
    let (_, owner) = bench.get(&format!("{by_user}&archived=True")).await;
    assert_eq!(owner["id"], "6");
    assert_eq!(bench.get("/crm/v3/owners/5?idProperty=id").await.0, 200);
    assert_eq!(bench.get("/crm/v3/owners/5?idProperty=userId").await.0, 404);
    assert_eq!(bench.get("/crm/v3/owners/5?idProperty=email").await.0, 400);
}

#[tokio::test]
async fn links_that_were_made_are_told() {
    let bench = Bench::new(deal_and_contacts(), FREE).await;
    let path = "/crm/v4/objects/deals/9/associations/default/contacts/1001";
    let (status, told) = bench.ask("PUT", path, Value::Null).await;
    let unlabelled = |contact: &str| {
        json!({ "associationSpec":
                { "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3 },
                "from": { "id": "9" }, "to": { "id": contact } })
    };
    let at = "2026-03-02T08:00:00.000Z";
    let whole = |rows: Value| json!({ "status": "COMPLETE", "results": rows, "startedAt": at, "completedAt": at });
    assert_eq!((status, told), (200, whole(json!([unlabelled("1001")]))));
    let batch = "/crm/v4/associations/deals/contacts/batch";
    let two = json!({ "inputs": [{ "from": { "id": "9" }, "to": { "id": "1002" } },
                                 { "from": { "id": "9" }, "to": { "id": "1003" } }] });
    let (status, told) = bench.ask("POST", &format!("{batch}/associate/default"), two).await;
    let rows = json!([unlabelled("1002"), unlabelled("1003")]);
    assert_eq!((status, told), (200, whole(rows)));
    let labels = json!({ "fromObjectTypeId": "0-3", "fromObjectId": "9",
        "toObjectTypeId": "0-1", "toObjectId": "1002", "labels": [] });
    let types = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3 }]);
    let one = json!({ "inputs": [{ "from": { "id": "9" }, "to": { "id": "1002" },
        "types": types }] });
    let (status, told) = bench.ask("POST", &format!("{batch}/create"), one).await;
    assert_eq!((status, told), (201, whole(json!([labels]))));
    for path in [
        "/crm/v4/objects/deals/9/associations/contacts/1002",
        "/crm/objects/2026-09/0-3/9/associations/0-1/1002",
    ] {
        let (status, told) = bench.ask("PUT", path, types.clone()).await;
        assert_eq!((status, &told), (201, &labels));
        assert_eq!(bench.ask("PUT", path, json!([])).await.0, 400);
        let wrong = json!([{ "associationTypeId": 4 }]);
        assert_eq!(bench.ask("PUT", path, wrong).await.0, 400);
    }
}

#[tokio::test]
async fn a_batch_of_links_is_made_whole_or_not_at_all() {
    let bench = Bench::new(deal_and_contacts(), FREE).await;
    let batch = "/crm/v4/associations/deals/contacts/batch";
    let half = json!({ "inputs": [{ "from": { "id": "9" }, "to": { "id": "1001" } },
                                  { "from": { "id": "9" }, "to": { "id": "77" } }] });
    let (status, _) = bench.ask("POST", &format!("{batch}/associate/default"), half).await;
    assert_eq!(status, 404);
    let linked = || {
        let portal = bench.portal.lock().expect("the portal");
        portal.linked((Object::Deal, 9), Object::Contact)
    };
    assert!(linked().is_empty());
    let untyped = json!({ "inputs": [{ "from": { "id": "9" }, "to": { "id": "1001" } }] });
    assert_eq!(bench.ask("POST", &format!("{batch}/create"), untyped.clone()).await.0, 400);
    bench.ask("POST", &format!("{batch}/associate/default"), untyped).await;
    assert_eq!(linked(), [1001]);
    let away = json!({ "inputs": [{ "from": { "id": "9" }, "to": [{ "id": "1001" }] }] });
    assert_eq!(bench.ask("POST", &format!("{batch}/archive"), away).await.0, 204);
    assert!(linked().is_empty());
}

#[tokio::test]
async fn searches_find_words() {
    let bench = Bench::new(contacts(12, |n| n as i64), FREE).await;
    let found = async |operator: &str, value: Value| {
        let filters = json!([{ "propertyName": "email", "operator": operator, "value": value }]);
        let (status, page) = bench.search(filters, "hs_object_id", 0).await;
        (status, page["total"].as_u64())
    };
    assert_eq!(found("CONTAINS_TOKEN", json!("*@example.test")).await, (200, Some(12)));
    assert_eq!(found("CONTAINS_TOKEN", json!("P1")).await, (200, Some(1)));
    assert_eq!(found("CONTAINS_TOKEN", json!("p1*")).await, (200, Some(3)));
    assert_eq!(found("NOT_CONTAINS_TOKEN", json!("p1*")).await, (200, Some(9)));
    assert_eq!(found("CONTAINS_TOKEN", json!("")).await.0, 400);
    let dated = json!([{ "propertyName": "lastmodifieddate", "operator": "CONTAINS_TOKEN",
        "value": "2026" }]);
    assert_eq!(bench.search(dated, "hs_object_id", 0).await.0, 400);
}

#[tokio::test]
async fn batches_read_by_a_unique_property() {
    let mut portal = contacts(3, |_| 0);
    portal.archive(Object::Contact, 1003, at(1));
    let external = vec![("external_id".to_owned(), Some("L1".to_owned()))];
    portal.update(Object::Contact, 1001, external, at(2));
    let bench = Bench::new(portal, FREE).await;
    let path = format!("{CONTACTS}/batch/read");
    let read = async |property: &str, names: Value| {
        let inputs: Vec<Value> =
            names.as_array().expect("names").iter().map(|n| json!({ "id": n })).collect();
        let body = json!({ "inputs": inputs, "idProperty": property, "properties": ["email"] });
        bench.ask("POST", &path, body).await
    };
    let (status, page) =
        read("email", json!(["P1@example.test", "p2@example.test", "no@example.test"])).await;
    assert_eq!((status, ids(&page)), (207, vec![1002]));
    let missing = json!(["p2@example.test", "no@example.test"]);
    assert_eq!(page["errors"][0]["context"]["ids"], missing);
    let (status, page) = read("external_id", json!(["L1"])).await;
    assert_eq!((status, ids(&page)), (200, vec![1001]));
    let (status, page) = read("hs_object_id", json!(["1002"])).await;
    assert_eq!((status, ids(&page)), (200, vec![1002]));
    assert_eq!(read("firstname", json!(["Ann"])).await.0, 400);
    assert_eq!(read("no_such_property", json!(["x"])).await.0, 400);
}

#[tokio::test]
async fn an_email_address_is_taken_once() {
    let mut portal = contacts(3, |_| 0);
    portal.archive(Object::Contact, 1003, at(1));
    let bench = Bench::new(portal, FREE).await;
    let taken = with(json!({ "email": "P1@example.test" }));
    let (status, told) = bench.ask("POST", CONTACTS, taken.clone()).await;
    assert_eq!((status, &told["category"]), (409, &json!("CONFLICT")));
    assert_eq!(told["message"], "Contact already exists. Existing ID: 1002");
    let of_archived = with(json!({ "email": "p2@example.test" }));
    assert_eq!(bench.ask("POST", CONTACTS, of_archived).await.0, 201);
    let none = with(json!({ "firstname": "Ann" }));
    assert_eq!(bench.ask("POST", CONTACTS, none.clone()).await.0, 201);
    assert_eq!(bench.ask("POST", CONTACTS, none).await.0, 201);
    let fresh = with(json!({ "email": "new@example.test" }));
    let path = format!("{CONTACTS}/batch/create");
    let count = || bench.portal.lock().expect("the portal").count(Object::Contact);
    for (inputs, status) in
        [(json!([fresh, taken]), 409), (json!([fresh, fresh]), 400), (json!([fresh]), 201)]
    {
        let before = count();
        assert_eq!(bench.ask("POST", &path, json!({ "inputs": inputs })).await.0, status);
        assert_eq!(count() - before, usize::from(status == 201));
    }
}

#[tokio::test]
async fn properties_that_are_not_there_are_refused() {
    let mut portal = contacts(1, |_| 0);
    let external = vec![("external_id".to_owned(), Some("L1".to_owned()))];
    portal.update(Object::Contact, 1001, external, at(2));
    let bench = Bench::new(portal, FREE).await;
    let path = format!("{CONTACTS}/1001");
    let unknown = with(json!({ "nope": "1", "firstname": "Ann" }));
    for (method, path) in [("POST", CONTACTS), ("PATCH", &path)] {
        let (status, told) = bench.ask(method, path, unknown.clone()).await;
        assert_eq!((status, &told["category"]), (400, &json!("VALIDATION_ERROR")));
        let detail = &told["errors"][0];
        assert_eq!(detail["code"], "PROPERTY_DOESNT_EXIST");
        assert_eq!(detail["context"]["propertyName"], json!(["nope"]));
        assert!(told["message"].as_str().is_some_and(|m| m.contains("PROPERTY_DOESNT_EXIST")));
    }
    let (_, read) = bench.get(&format!("{path}?properties=firstname,nope")).await;
    assert!(read["properties"]["firstname"].is_null());
    let known = with(json!({ "external_id": "L2" }));
    assert_eq!(bench.ask("PATCH", &path, known).await.0, 200);
    let batch = json!({ "inputs": [{ "id": "1001", "properties": { "firstname": "Bea" } },
                                   { "id": "1001", "properties": { "nope": null } }] });
    let (status, _) = bench.ask("POST", &format!("{CONTACTS}/batch/update"), batch).await;
    let portal = bench.portal.lock().expect("the portal");
    assert_eq!((status, portal.property(Object::Contact, 1001, "firstname")), (400, None));
}

#[tokio::test]
async fn stages_that_are_not_there_are_refused() {
    let mut portal = deal_and_contacts();
    portal.add_pipeline("other", "Other", vec![Stage::new("first", "First", false, "0.1")]);
    let bench = Bench::new(portal, FREE).await;
    let path = format!("{DEALS}/9");
    for (properties, status) in [
        (json!({ "dealstage": "nope" }), 400),
        (json!({ "dealstage": "closedwon" }), 200),
        (json!({ "dealstage": "first" }), 200),
        (json!({ "dealstage": "first", "pipeline": "default" }), 400),
        (json!({ "dealstage": "first", "pipeline": "other" }), 200),
        (json!({ "pipeline": "none" }), 400),
    ] {
        let (is, told) = bench.ask("PATCH", &path, with(properties.clone())).await;
        assert_eq!(is, status, "{properties} {told}");
        if status == 400 {
            assert_eq!(told["category"], "VALIDATION_ERROR");
            assert_eq!(told["errors"][0]["code"], "INVALID_OPTION");
        }
    }
    let wrong = with(json!({ "dealstage": "nope" }));
    assert_eq!(bench.ask("POST", DEALS, wrong).await.0, 400);
}

#[tokio::test]
async fn the_first_entry_into_the_qualified_stage_is_dated() {
    const DATES: [&str; 2] = [
        "hs_v2_date_entered_marketingqualifiedlead",
        "hs_lifecyclestage_marketingqualifiedlead_date",
    ];
    let bench = Bench::new(contacts(2, |_| 0), FREE).await;
    let set = async |id: u64, stage: &str| {
        let body = with(json!({ "lifecyclestage": stage }));
        assert_eq!(bench.ask("PATCH", &format!("{CONTACTS}/{id}"), body).await.0, 200);
    };
    let dates = |id: u64| {
        let portal = bench.portal.lock().expect("the portal");
        DATES.map(|name| portal.property(Object::Contact, id, name))
    };
    set(1001, "lead").await;
    assert_eq!(dates(1001), [None, None]);
    bench.pass(1000);
    set(1001, "marketingqualifiedlead").await;
    let first = "2026-03-02T08:00:01.000Z".to_owned();
    assert_eq!(dates(1001), [Some(first.clone()), Some(first.clone())]);
    bench.pass(1000);
    for stage in ["marketingqualifiedlead", "lead", "marketingqualifiedlead"] {
        set(1001, stage).await;
    }
    assert_eq!(dates(1001), [Some(first.clone()), Some(first)]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let stated = vec![pair("lifecyclestage", "marketingqualifiedlead"), pair(DATES[0], "2020")];
    let plain = vec![pair("lifecyclestage", "marketingqualifiedlead")];
    let made = {
        let mut portal = bench.portal.lock().expect("the portal");
        [stated, plain].map(|properties| portal.create(Object::Contact, properties, at(5)))
    };
    assert_eq!(dates(made[0]), [Some("2020".to_owned()), None]);
    let at_birth = Some("2026-03-02T08:00:00.005Z".to_owned());
    assert_eq!(dates(made[1]), [at_birth.clone(), at_birth]);
}

#[tokio::test]
async fn limits_that_are_not_enforced_are_never_told_to_be_used_up() {
    let left = async |more: &str| {
        let faults = format!("[limits]\nper_10_secs = 2\ndaily = 2\nenforce = false\n{more}");
        let bench = Bench::new(Portal::empty(), &faults).await;
        for _ in 0..4 {
            assert_eq!(bench.get("/crm/v3/owners").await.0, 200);
        }
        let response = bench.raw("GET", "/crm/v3/owners", Value::Null).await;
        ["x-hubspot-ratelimit-remaining", "x-hubspot-ratelimit-daily-remaining"].map(|name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        })
    };
    let all = |text: &str| [Some(text.to_owned()), Some(text.to_owned())];
    assert_eq!(left("").await, all("1"));
    assert_eq!(left("headers = true\n").await, all("0"));
    assert_eq!(left("headers = false\n").await, [None, None]);
}
