//! The endpoints of bulk extracts.

use serde_json::{Map, Value, json};

use super::asked;
use super::export::{Content, DELIMITERS, Spec};
use super::faults::FaultKind;
use super::fields::{CREATED_AT, UPDATED_AT};
use super::jobs::{Job, Jobs, KEPT_SECS, Status};
use super::kinds::DELETE;
use super::members;
use super::refusals::{body, missing, plain, refusal, result};
use super::route::Extract;
use super::server::Ask;
use super::wire::Answer;

const RANGE_DAYS: i64 = 31;
const PROGRAMS_MAX: usize = 10;
const PRIMARIES_MAX: usize = 50;
const ACTIVITY_FIELDS: [&str; 9] = [
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
    "actionResult",
];

fn range(told: &Value) -> Result<asked::Range, Answer> {
    asked::range(told["startAt"].as_str(), told["endAt"].as_str(), RANGE_DAYS)
}

fn numbers(told: &Value) -> Result<Vec<u64>, Answer> {
    let wrong = || refusal(1001, "Invalid value. Required of type 'Integer'");
    let list = told.as_array().ok_or_else(wrong)?;
    list.iter().map(|number| number.as_u64().ok_or_else(wrong)).collect()
}

fn no_updated_filter(ask: &Ask) -> Option<Answer> {
    let message = "Unsupported filter type for target subscription: updatedAt";
    (!ask.subscription.updated_filter).then(|| refusal(1035, message))
}

fn leads(ask: &Ask, filter: &Map<String, Value>) -> Result<Content, Answer> {
    let mut kinds = filter.iter();
    let (Some((kind, told)), None) = (kinds.next(), kinds.next()) else {
        return Err(refusal(1003, "Exactly one filter type must be specified"));
    };
    let by = match kind.as_str() {
        "createdAt" => CREATED_AT,
        "updatedAt" => {
            if let Some(refused) = no_updated_filter(ask) {
                return Err(refused);
            }
            UPDATED_AT
        }
        "smartListId" | "smartListName" => {
            let message = format!("Unsupported filter type for target subscription: {kind}");
            return Err(refusal(1035, &message));
        }
        "staticListId" | "staticListName" => return Err(refusal(1013, "List not found")),
        _ => return Err(refusal(1003, &format!("Invalid filter type '{kind}'"))),
    };
    Ok(Content::Leads { by, range: range(told)? })
}

fn activities(ask: &Ask, filter: &Map<String, Value>) -> Result<Content, Answer> {
    let created = filter.get("createdAt").ok_or_else(|| missing("createdAt"))?;
    let range = range(created)?;
    let list = |name: &str| match filter.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(told) => numbers(told),
    };
    let (types, primaries) = (list("activityTypeIds")?, list("primaryAttributeValueIds")?);
    let shift = ask.type_shift();
    let deletion = super::kinds::named(DELETE).map(|kind| u64::from(kind.id(shift)));
    if types.iter().any(|id| Some(*id) == deletion) {
        return Err(refusal(1003, "Activity type 'Delete Lead' is not supported"));
    }
    if primaries.len() > PRIMARIES_MAX || (!primaries.is_empty() && types.is_empty()) {
        return Err(refusal(1003, "Invalid primaryAttributeValueIds filter"));
    }
    Ok(Content::Activities { range, types, primaries, shift })
}

fn program_members(ask: &Ask, filter: &Map<String, Value>) -> Result<Content, Answer> {
    let programs = match (filter.get("programId"), filter.get("programIds")) {
        (Some(one), None) => numbers(&json!([one]))?,
        (None, Some(several)) => numbers(several)?,
        _ => return Err(refusal(1003, "Either programId or programIds must be specified")),
    };
    if programs.is_empty() || programs.len() > PROGRAMS_MAX {
        return Err(refusal(1003, "At most 10 programIds can be specified"));
    }
    if let Some(unknown) = programs.iter().find(|id| ask.instance.program(**id).is_none()) {
        return Err(refusal(1003, &format!("Program '{unknown}' not found")));
    }
    let updated = match filter.get("updatedAt") {
        None => None,
        Some(told) => match no_updated_filter(ask) {
            Some(refused) => return Err(refused),
            None => Some(range(told)?),
        },
    };
    let names = filter.get("statusNames").and_then(Value::as_array);
    let statuses = names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned));
    let several = filter.contains_key("programIds");
    Ok(Content::Members { programs, several, statuses: statuses.collect(), updated })
}

/// The fields of a file.
fn fields(ask: &Ask, extract: Extract, told: &Value) -> Result<Vec<String>, Answer> {
    let told = told["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = told.iter().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return match extract {
            Extract::Activities => {
                Ok(ACTIVITY_FIELDS[..8].iter().map(|name| (*name).to_owned()).collect())
            }
            _ => Err(missing("fields")),
        };
    }
    let of_member = |name: &str| members::FIELDS.iter().any(|field| field.0 == name);
    let known = |name: &str| match extract {
        Extract::Activities => ACTIVITY_FIELDS.contains(&name),
        Extract::Leads => ask.instance.place(name).is_some(),
        Extract::Members => of_member(name) || ask.instance.place(name).is_some(),
    };
    match names.iter().find(|name| !known(name)) {
        Some(unknown) => Err(refusal(1003, &format!("Invalid field '{unknown}'"))),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

fn spec(ask: &Ask, extract: Extract) -> Result<Spec, Answer> {
    let told = ask.asked.json()?;
    let filter = told["filter"].as_object().ok_or_else(|| missing("filter"))?;
    let content = match extract {
        Extract::Leads => leads(ask, filter)?,
        Extract::Activities => activities(ask, filter)?,
        Extract::Members => program_members(ask, filter)?,
    };
    let fields = fields(ask, extract, &told)?;
    let format = told["format"].as_str().unwrap_or("CSV");
    let format = DELIMITERS.iter().find(|known| known.0 == format).copied();
    let format = format.ok_or_else(|| refusal(1003, "Invalid format"))?;
    let none = Map::new();
    let renamed = told["columnHeaderNames"].as_object().unwrap_or(&none);
    if let Some(unknown) = renamed.keys().find(|name| !fields.contains(name)) {
        return Err(refusal(1003, &format!("Invalid column header '{unknown}'")));
    }
    let header = |name: &String| {
        let usual = match extract {
            Extract::Members => members::FIELDS.iter().find(|f| f.0 == name).map(|field| field.1),
            _ => None,
        };
        renamed.get(name).and_then(Value::as_str).or(usual).unwrap_or(name).to_owned()
    };
    let headers = fields.iter().map(header).collect();
    let hidden = ask.instance.fields.iter().filter(|field| !ask.sees(field));
    let hidden = hidden.map(|field| field.name.clone()).collect();
    Ok(Spec { content, fields, headers, hidden, format, dirt: ask.subscription.dirt.clone() })
}

fn over_quota(ask: &Ask, jobs: &Jobs) -> Option<Answer> {
    let limits = &ask.limits;
    let over = limits.enforce && jobs.bytes_today(ask.now) >= limits.bulk_bytes;
    let megabytes = limits.bulk_bytes / 1_000_000;
    over.then(|| refusal(1029, &format!("Export daily quota {megabytes}MB exceeded.")))
}

fn no_job() -> Answer {
    refusal(1013, "Export job not found")
}

/// `POST …/export/create.json`
pub(super) fn create(ask: &Ask, jobs: &mut Jobs, extract: Extract) -> Result<Answer, Answer> {
    let spec = spec(ask, extract)?;
    if let Some(refused) = over_quota(ask, jobs) {
        return Err(refused);
    }
    Ok(result(vec![jobs.create(extract, &ask.user, spec, ask.secs()).told()]))
}

/// `GET …/export.json`
pub(super) fn list(ask: &Ask, jobs: &Jobs, extract: Extract) -> Result<Answer, Answer> {
    let wanted: Vec<&str> = ask
        .asked
        .list("status")
        .into_iter()
        .map(|name| if name == "Cancelled" { "Canceled" } else { name })
        .collect();
    let oldest = ask.secs() - KEPT_SECS;
    let rows = jobs
        .of(extract, &ask.user)
        .filter(|job| job.created >= oldest)
        .filter(|job| wanted.is_empty() || wanted.contains(&job.status.name()));
    let rows: Vec<(u64, Value)> =
        rows.enumerate().map(|(at, job)| (at as u64 + 1, job.told())).collect();
    super::leads::paged(ask, rows, false, |told| told)
}

/// `POST …/export/{id}/enqueue.json`
pub(super) fn enqueue(
    ask: &Ask,
    jobs: &mut Jobs,
    extract: Extract,
    id: &str,
) -> Result<Answer, Answer> {
    let (queued, refused) = (jobs.queued(), over_quota(ask, jobs));
    let job = jobs.find(extract, &ask.user, id).ok_or_else(no_job)?;
    if job.status != Status::Created {
        return Err(refusal(1029, "Job already queued"));
    }
    if queued >= ask.limits.bulk_queued {
        return Err(refusal(1029, "Too many jobs in queue"));
    }
    if let Some(refused) = refused {
        return Err(refused);
    }
    job.fails = ask.fault == Some(FaultKind::FailedJob);
    Jobs::enqueue(job, ask.secs());
    Ok(result(vec![job.told()]))
}

/// `GET …/export/{id}/status.json`
pub(super) fn status(
    ask: &mut Ask,
    jobs: &mut Jobs,
    extract: Extract,
    id: &str,
) -> Result<Answer, Answer> {
    let job = jobs.find(extract, &ask.user, id).ok_or_else(no_job)?;
    let mut told = job.told();
    if ask.limits.status_secs == 0 && matches!(job.status, Status::Queued | Status::Processing) {
        jobs.step(ask.instance, ask.now.as_second(), &ask.limits);
    }
    if ask.fault == Some(FaultKind::BadChecksum) && told.get("fileChecksum").is_some() {
        told["fileChecksum"] = json!(format!("sha256:{}", "0".repeat(64)));
    }
    Ok(result(vec![told]))
}

/// `POST …/export/{id}/cancel.json`
pub(super) fn cancel(
    ask: &Ask,
    jobs: &mut Jobs,
    extract: Extract,
    id: &str,
) -> Result<Answer, Answer> {
    let job: &mut Job = jobs.find(extract, &ask.user, id).ok_or_else(no_job)?;
    if matches!(job.status, Status::Completed | Status::Failed) {
        return Err(refusal(1003, "Job has ended already"));
    }
    job.status = Status::Canceled;
    let mut told = job.told();
    // The vendor spells it so here, and with one l elsewhere.
    told["status"] = json!("Cancelled");
    Ok(result(vec![told]))
}

/// `GET …/export/{id}/file.json`
pub(super) fn file(ask: &Ask, jobs: &Jobs, extract: Extract, id: &str) -> Result<Answer, Answer> {
    let job = jobs.of(extract, &ask.user).find(|job| job.id == id);
    let oldest = ask.secs() - KEPT_SECS;
    let kept = job.filter(|job| job.status == Status::Completed && job.finished >= Some(oldest));
    let Some(job) = kept else { return Err(plain(404, "File not found")) };
    let length = job.file.len();
    let mut answer = body(&Value::Null);
    answer.content_type = "text/csv";
    answer.headers.push(("Accept-Ranges", "bytes".to_owned()));
    let Some(told) = ask.asked.request.header("range") else {
        answer.body = job.file.clone();
        return Ok(answer);
    };
    let Some((start, end)) = part(told, length) else {
        let mut answer = plain(416, "Requested range not satisfiable");
        answer.headers.push(("Content-Range", format!("bytes */{length}")));
        return Err(answer);
    };
    answer.status = 206;
    answer.headers.push(("Content-Range", format!("bytes {start}-{}/{length}", end - 1)));
    answer.body = job.file[start..end].to_vec();
    Ok(answer)
}

/// The part of a file that a header asks for.
fn part(told: &str, length: usize) -> Option<(usize, usize)> {
    let (start, end) = told.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (start.parse::<usize>().ok(), end) {
        (Some(start), "") => (start, length),
        (Some(start), end) => (start, end.parse::<usize>().ok()?.saturating_add(1).min(length)),
        (None, end) => (length.saturating_sub(end.parse().ok()?), length),
    };
    (start < end && start < length).then_some((start, end))
}
