//! The endpoints of assets: programs, channels and e-mails.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::programs::{CHANNELS, Email, Program};
use super::refusals::{assets, refusal};
use super::server::Ask;
use super::wire::Answer;

const ROWS: usize = 20;
const ROWS_MAX: usize = 200;
const FOLDER: u64 = 28;

/// A time in the form that only assets have.
fn time(secs: i64) -> String {
    let at = Timestamp::from_second(secs).unwrap_or_default();
    jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%SZ+0000", at).unwrap_or_default()
}

fn told(program: &Program, in_full: bool) -> Value {
    let mut told = json!({
        "id": program.id,
        "name": program.name,
        "description": "",
        "createdAt": time(program.created),
        "updatedAt": time(program.updated),
        "url": format!("https://app-sim01.marketo.com/#PG{}A1", program.id),
        "type": program.channel.program_type,
        "channel": program.channel.name,
        "folder": {"type": "Folder", "value": FOLDER, "folderName": "Active Marketing Programs"},
        "status": if program.channel.program_type == "Email" { "unlocked" } else { "" },
        "workspace": "Default",
        "headStart": false,
    });
    if let Some((id, name)) = &program.crm_campaign {
        told["sfdcId"] = json!(id);
        told["sfdcName"] = json!(name);
    }
    if in_full {
        let tag = |(tag, value): &(String, String)| json!({"tagType": tag, "tagValue": value});
        told["tags"] = program.tags.iter().map(tag).collect();
        let costs = program.costs.iter();
        told["costs"] = costs
            .map(|(day, cost)| json!({"startDate": day, "cost": cost.round() as i64}))
            .collect();
        if program.tags.is_empty() {
            told["tags"] = Value::Null;
        }
        if program.costs.is_empty() {
            told["costs"] = Value::Null;
        }
    }
    told
}

/// A page of what was updated within the range that is asked for.
fn page<'a, T: 'a>(
    ask: &Ask,
    rows: impl Iterator<Item = &'a T>,
    updated: impl Fn(&T) -> i64,
    tell: impl Fn(&T) -> Value,
) -> Result<Answer, Answer> {
    let most = ask.asked.number("maxReturn")?.map_or(ROWS, |rows| rows as usize);
    if most > ROWS_MAX {
        return Err(refusal(1003, "maxReturn must not exceed 200"));
    }
    let offset = ask.asked.number("offset")?.unwrap_or(0) as usize;
    let end = |name: &str| match ask.asked.parameter(name) {
        None => Ok(None),
        Some(_) => ask.asked.needed_time(name).map(Some),
    };
    let (earliest, latest) = (end("earliestUpdatedAt")?, end("latestUpdatedAt")?);
    let within = |row: &&T| {
        let at = updated(row);
        earliest.is_none_or(|earliest| at >= earliest) && latest.is_none_or(|latest| at <= latest)
    };
    let rows = rows.filter(within).skip(offset).take(most);
    Ok(assets(rows.map(tell).collect()))
}

/// `GET /rest/asset/v1/programs.json`
pub(super) fn programs(ask: &Ask) -> Result<Answer, Answer> {
    let rows = ask.instance.programs.iter();
    page(ask, rows, |program| program.updated, |program| told(program, false))
}

/// `GET /rest/asset/v1/program/{id}.json`
pub(super) fn program(ask: &Ask, id: u64) -> Answer {
    assets(ask.instance.program(id).map(|program| told(program, true)).into_iter().collect())
}

/// `GET /rest/asset/v1/program/byName.json`
pub(super) fn program_by_name(ask: &Ask) -> Result<Answer, Answer> {
    let id = ask.instance.program_named(ask.asked.needed("name")?);
    Ok(program(ask, id.unwrap_or(0)))
}

/// `GET /rest/asset/v1/channels.json`
pub(super) fn channels(ask: &Ask) -> Result<Answer, Answer> {
    let numbered: Vec<_> = CHANNELS.iter().enumerate().collect();
    page(
        ask,
        numbered.iter(),
        |_| 0,
        |(at, channel)| {
            let status = |(name, step, success): &(&str, u32, bool)| json!({"name": name, "description": name, "step": step, "success": success});
            json!({
                "id": at + 1,
                "name": channel.name,
                "applicableProgramType": channel.program_type.to_lowercase(),
                "createdAt": time(0),
                "updatedAt": time(0),
                "statuses": channel.statuses.iter().map(status).collect::<Vec<Value>>(),
            })
        },
    )
}

fn told_email(ask: &Ask, email: &Email) -> Value {
    let program = email.program.and_then(|program| ask.instance.program(program));
    let folder = match program {
        Some(program) => {
            json!({"type": "Program", "value": program.id, "folderName": program.name})
        }
        None => json!({"type": "Folder", "value": FOLDER, "folderName": "Emails"}),
    };
    let text = |value: &str| json!({"type": "Text", "value": value});
    json!({
        "id": email.id,
        "name": email.name,
        "description": "",
        "createdAt": time(email.created),
        "updatedAt": time(email.created),
        "url": format!("https://app-sim01.marketo.com/#EM{}A1ZN1", email.id),
        "subject": text(&email.name),
        "fromName": text("Marketing"),
        "fromEmail": text("marketing@example.test"),
        "replyEmail": text("marketing@example.test"),
        "folder": folder,
        "operational": false,
        "textOnly": false,
        "publishToMSI": false,
        "webView": true,
        "status": "approved",
        "template": 1,
        "workspace": "Default",
    })
}

/// `GET /rest/asset/v1/emails.json`
pub(super) fn emails(ask: &Ask) -> Result<Answer, Answer> {
    page(ask, ask.instance.emails.iter(), |email| email.created, |email| told_email(ask, email))
}

/// `GET /rest/asset/v1/email/{id}.json`
pub(super) fn email(ask: &Ask, id: u64) -> Answer {
    let found = ask.instance.emails.iter().find(|email| email.id == id);
    assets(found.map(|email| told_email(ask, email)).into_iter().collect())
}
