//! What callers are told of the org itself: its versions, objects, fields and limits.

use serde_json::{Map, Value, json};

use super::cell::Kind;
use super::org::Org;
use super::refusals::not_found;
use super::route::VERSIONS;
use super::schema::Column;
use super::server::Ask;
use super::table::Table;
use super::wire::Answer;

fn answer(body: &Value) -> Answer {
    Answer::json(200, body.to_string().into_bytes())
}

/// The versions.
pub(super) fn versions() -> Answer {
    let seasons = ["Spring", "Summer", "Winter"];
    let told: Vec<Value> = VERSIONS
        .map(|number| {
            // Three come in a year; 31 was the summer of 2014.
            let season = seasons[((number - 30) % 3) as usize];
            let winter = u32::from(season == "Winter");
            let year = 14 + (number - 30) / 3 + winter;
            json!({
                "label": format!("{season} '{year}"),
                "url": format!("/services/data/v{number}.0"),
                "version": format!("{number}.0"),
            })
        })
        .collect();
    answer(&Value::from(told))
}

/// What there is below a version.
pub(super) fn resources(ask: &Ask) -> Answer {
    let names = ["limits", "query", "queryAll", "sobjects", "jobs"];
    let told: Map<String, Value> = names
        .into_iter()
        .map(|name| (name.to_owned(), json!(format!("/services/data/{}/{name}", ask.version))))
        .collect();
    answer(&Value::from(told))
}

/// The limits, each with what remains of it.
pub(super) fn limits(ask: &Ask, jobs_today: usize) -> Answer {
    let of = |max: u64, used: u64| json!({ "Max": max, "Remaining": max.saturating_sub(used) });
    answer(&json!({
        "DailyApiRequests": of(ask.limits.daily, ask.used),
        "DailyAsyncApexExecutions": of(250_000, 0),
        "DailyBulkApiBatches": of(15_000, 0),
        "DailyBulkV2QueryJobs": of(ask.limits.bulk_jobs as u64, jobs_today as u64),
        "DailyBulkV2QueryFileStorageMB": of(976_562, 0),
        "DataStorageMB": of(1_000, 0),
        "HourlyODataCallout": of(1_000, 0),
    }))
}

fn brief(table: &Table, base: &str) -> Map<String, Value> {
    let name = table.name;
    let history = name.ends_with("History");
    let told = json!({
        "name": name,
        "label": name,
        "labelPlural": format!("{name}s"),
        "keyPrefix": table.prefix,
        "custom": false,
        "createable": !history,
        "updateable": !history,
        "deletable": !history && name != "User",
        "undeletable": table.column("IsDeleted").is_some() && !history,
        "mergeable": name == "Lead" || name == "Contact",
        "queryable": true,
        "retrieveable": true,
        "searchable": !history,
        "replicateable": true,
        "triggerable": !history,
        "urls": {
            "sobject": format!("{base}/sobjects/{name}"),
            "describe": format!("{base}/sobjects/{name}/describe"),
            "rowTemplate": format!("{base}/sobjects/{name}/{{ID}}"),
        },
    });
    if let Value::Object(told) = told { told } else { Map::new() }
}

/// The objects.
pub(super) fn objects(ask: &Ask) -> Answer {
    let base = format!("/services/data/{}", ask.version);
    let seen = ask.org.tables.iter().filter(|table| !table.hidden);
    let told: Vec<Map<String, Value>> = seen.map(|table| brief(table, &base)).collect();
    answer(&json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": told }))
}

/// The object of a path, which the caller may know.
pub(super) fn table<'o>(org: &'o Org, name: &str) -> Result<&'o Table, Answer> {
    org.table(name).filter(|table| !table.hidden).ok_or_else(not_found)
}

/// What an object is, without its fields.
pub(super) fn object(ask: &Ask, name: &str) -> Result<Answer, Answer> {
    let base = format!("/services/data/{}", ask.version);
    let told = brief(table(ask.org, name)?, &base);
    Ok(answer(&json!({ "objectDescribe": told, "recentItems": [] })))
}

/// An object with its fields.
pub(super) fn describe(ask: &Ask, name: &str) -> Result<Answer, Answer> {
    let table = table(ask.org, name)?;
    let base = format!("/services/data/{}", ask.version);
    let mut told = brief(table, &base);
    let seen = table.columns.iter().filter(|column| ask.org.sees(column));
    let fields: Vec<Value> = seen.map(|column| field(ask.org, table, column)).collect();
    told.insert("fields".to_owned(), Value::from(fields));
    told.insert("childRelationships".to_owned(), json!([]));
    told.insert("recordTypeInfos".to_owned(), json!([]));
    Ok(answer(&Value::from(told)))
}

fn field(org: &Org, table: &Table, column: &Column) -> Value {
    let kind = column.kind;
    let length = match kind {
        Kind::Id | Kind::Reference => 18,
        Kind::Text | Kind::Picklist | Kind::Email => 255,
        Kind::LongText => 32_000,
        _ => 0,
    };
    let writable = column.writable && !column.calculated;
    let usable = kind != Kind::LongText;
    json!({
        "name": column.name,
        "label": column.name,
        "type": kind.name(),
        "soapType": soap_type(kind),
        "length": length,
        "precision": if kind.is_number() { 18 } else { 0 },
        "scale": if kind.is_number() && kind != Kind::Int { 2 } else { 0 },
        "custom": column.is_custom(),
        "calculated": column.calculated,
        "nillable": !column.required && kind != Kind::Boolean && kind != Kind::Id,
        "defaultedOnCreate": column.name == "OwnerId" || kind == Kind::Boolean,
        "createable": writable,
        "updateable": writable,
        "filterable": usable,
        "sortable": usable,
        "groupable": usable && !kind.is_number(),
        "aggregatable": usable && kind != Kind::Boolean,
        "idLookup": kind == Kind::Id,
        "externalId": false,
        "unique": false,
        "nameField": column.name == "Name",
        "referenceTo": column.refers,
        "relationshipName": column.relation(),
        "polymorphicForeignKey": column.refers.len() > 1,
        "picklistValues": picklist(org, table, column),
        "restrictedPicklist": false,
        "deprecatedAndHidden": false,
    })
}

fn soap_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Reference => "tns:ID",
        Kind::Boolean => "xsd:boolean",
        Kind::Int => "xsd:int",
        Kind::Double | Kind::Currency | Kind::Percent => "xsd:double",
        Kind::Date => "xsd:date",
        Kind::Instant => "xsd:dateTime",
        _ => "xsd:string",
    }
}

/// The values of a picklist: the stages, and else those that records have.
fn picklist(org: &Org, table: &Table, column: &Column) -> Vec<Value> {
    /// Of larger objects not every record is looked at.
    const LOOKED_AT: usize = 10_000;
    if column.kind != Kind::Picklist {
        return Vec::new();
    }
    let mut values: Vec<String> = Vec::new();
    let stages = org.table("OpportunityStage").filter(|_| column.name == "StageName");
    let told = match stages {
        Some(stages) => stages.records.iter().map(|r| stages.value(r, "ApiName")).collect(),
        None => {
            let some = table.records.iter().take(LOOKED_AT);
            some.map(|record| record.value(column.slot)).collect::<Vec<_>>()
        }
    };
    for value in told {
        let text = value.as_text().to_owned();
        if !text.is_empty() && !values.contains(&text) && values.len() < 200 {
            values.push(text);
        }
    }
    let shown = |text: String| json!({ "active": true, "defaultValue": false, "label": text, "value": text });
    values.into_iter().map(shown).collect()
}
