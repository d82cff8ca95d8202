//! A first load: jobs of some days each, whose files are read piece by piece.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cursor::{Export, Job, Sent};
use super::instance::{Bulk, Standing};
use super::map::{CHANGE, FORM, SEND, STATUS};
use super::read::{Pass, sends};
use super::wire::second;
use crate::domain::Object;
use crate::sources::http::Request;
use crate::sources::{Inventory, Page, SourceError, id_hash};

/// How often a job whose file is not to be had is made anew.
const JOBS_MAX: usize = 3;

/// What an export is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// All leads, by when they were created.
    Leads,
    /// Leads that changed, whatever changed about them.
    ChangedLeads,
    /// When leads qualified.
    Qualified,
    /// Mails, memberships and forms.
    Activities,
}

impl What {
    /// The name of its cursor.
    pub fn name(self) -> &'static str {
        match self {
            What::Leads => "export of leads",
            What::ChangedLeads => "export of changed leads",
            What::Qualified => "export of qualifications",
            What::Activities => "export of activities",
        }
    }

    fn bulk(self) -> Bulk {
        match self {
            What::Leads | What::ChangedLeads => Bulk::Leads,
            What::Qualified | What::Activities => Bulk::Activities,
        }
    }

    /// Whether a file that was read in part is read from there on; mails must be counted in one go.
    fn goes_on(self) -> bool {
        self != What::Activities
    }
}

/// What an export found out beside its records.
#[derive(Default)]
struct Found {
    ids: Vec<u64>,
    mails: BTreeMap<String, u64>,
    names: BTreeMap<String, String>,
}

/// How an export ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything was read; the ids of all leads where they were seen in this run.
    Read(Option<Inventory>),
    /// The instance does not provide the filter.
    NotProvided,
}

impl Pass<'_> {
    /// Reads an export from where it stands to its end.
    pub async fn export(&self, what: What, mut export: Export) -> Result<Ended, SourceError> {
        let whole = export.reached == export.from && export.job.is_none();
        let mut found = Found::default();
        let mut lost = 0;
        while let Some((begin, end)) = export.window(&self.mapper.zone) {
            let Some(job) = self.job(what, &mut export, begin, end).await? else {
                return Ok(Ended::NotProvided);
            };
            match self.instance.await_job(what.bulk(), &job.id).await? {
                Standing::Ready { bytes, rows } => {
                    let size = (bytes, rows);
                    if !self.file(what, &mut export, job, size, &mut found).await? {
                        lost += 1;
                    }
                }
                Standing::Lost(why) => {
                    tracing::info!(why, "{}: the job is made anew", what.name());
                    export.job = None;
                    lost += 1;
                }
            }
            if lost >= JOBS_MAX {
                let why = "its jobs fail, or their files are not to be had";
                return Err(self.instance.api.unanswered(what.name(), why));
            }
        }
        // What was counted is complete, and the next export of this kind begins anew.
        let inventory = whole.then(|| Inventory::new(Object::Lead, found.ids));
        Ok(Ended::Read(inventory.filter(|_| what == What::Leads)))
    }

    /// The job of these days: the one that runs already, or a new one.
    async fn job(
        &self,
        what: What,
        export: &mut Export,
        begin: Timestamp,
        end: Timestamp,
    ) -> Result<Option<Job>, SourceError> {
        if let Some(job) = &export.job {
            return Ok(Some(job.clone()));
        }
        self.within_share(what)?;
        let body = self.body(what, begin, end);
        match self.instance.begin_job(what.bulk(), &body).await? {
            Ok(id) => {
                let job = Job { id, to: end, ..Job::default() };
                export.job = Some(job.clone());
                self.note(what, export, Page::default()).await?;
                Ok(Some(job))
            }
            Err(failure) if failure.code == "1035" => Ok(None),
            Err(failure) => Err(SourceError::At {
                place: self.instance.place.clone(),
                message: format!("{}: error {}: {}", what.name(), failure.code, failure.message),
                mend:
                    "look whether the API user's role has the permissions for leads and activities"
                        .into(),
            }),
        }
    }

    fn body(&self, what: What, begin: Timestamp, end: Timestamp) -> Value {
        // The end of a range belongs to it, and the next begins there.
        let last = end.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(end);
        let range = json!({"startAt": second(begin), "endAt": second(last)});
        let kind = |names: &[&str]| -> Vec<i64> {
            let kinds = self.mapper.kinds.iter();
            let kinds = kinds.filter(|(_, name)| names.contains(&name.as_str()));
            kinds.filter_map(|(id, _)| id.parse().ok()).collect()
        };
        let fields = self.mapper.asked();
        match what {
            What::Leads => {
                json!({"format": "CSV", "fields": fields, "filter": {"createdAt": range}})
            }
            What::ChangedLeads => {
                json!({"format": "CSV", "fields": fields, "filter": {"updatedAt": range}})
            }
            What::Qualified => {
                let mut filter = json!({"createdAt": range});
                match self.mapper.mql_field() {
                    Some((_, shown, _)) => {
                        filter["activityTypeIds"] = json!(kind(&[CHANGE]));
                        filter["primaryAttributeValues"] = json!([shown]);
                    }
                    None => filter["activityTypeIds"] = json!(kind(&[STATUS])),
                }
                json!({"format": "CSV", "filter": filter})
            }
            What::Activities => {
                let names: &[&str] = if self.touches { &[SEND, FORM, STATUS] } else { &[SEND] };
                let filter = json!({"createdAt": range, "activityTypeIds": kind(names)});
                json!({"format": "CSV", "filter": filter})
            }
        }
    }

    /// Of the bytes that a day allows the instance, our share.
    fn within_share(&self, what: What) -> Result<(), SourceError> {
        let used = *self.export_bytes.1.lock().unwrap_or_else(PoisonError::into_inner);
        if used < self.export_bytes.0 {
            return Ok(());
        }
        let request = Request::get(what.name(), "");
        Err(self.instance.later(&request, "our share of the day's bytes of exports is used"))
    }

    /// Reads a job's file to its end. Gives whether it was to be had.
    async fn file(
        &self,
        what: What,
        export: &mut Export,
        mut job: Job,
        (bytes, told): (u64, Option<u64>),
        found: &mut Found,
    ) -> Result<bool, SourceError> {
        if !what.goes_on() {
            job = Job { offset: 0, rows: 0, header: Vec::new(), ..job };
        }
        while job.offset < bytes {
            let place = (job.offset, bytes);
            let piece = self.instance.piece(what.bulk(), &job.id, place, &job.header).await?;
            let Some(piece) = piece.filter(|piece| piece.used > 0) else {
                export.job = None;
                return Ok(false);
            };
            *self.export_bytes.1.lock().unwrap_or_else(PoisonError::into_inner) +=
                piece.used as u64;
            job.offset += piece.used as u64;
            job.rows += piece.rows.len() as u64;
            job.header = piece.header;
            let page = self.page(what, &piece.rows, found);
            export.job = Some(job.clone());
            if what.goes_on() && job.offset < bytes {
                self.note(what, export, page).await?;
            } else {
                self.send(page).await?;
            }
        }
        if told.is_some_and(|told| told != job.rows) {
            export.job = None;
            let why = format!("the file has {} rows where {told:?} were told", job.rows);
            return Err(self.instance.api.unanswered(what.name(), &why));
        }
        export.job = None;
        export.reached = job.to;
        let parts = sends(&std::mem::take(&mut found.mails), &found.names);
        let page = Page { parts: parts.into_iter().collect(), ..Page::default() };
        self.note(what, export, page).await?;
        Ok(true)
    }

    fn page(&self, what: What, rows: &[Value], found: &mut Found) -> Page {
        match what {
            What::Leads | What::ChangedLeads => {
                let page = self.leads(rows);
                let records = page.parts.iter().flat_map(|part| &part.records);
                found.ids.extend(records.map(|record| id_hash(&record.id)));
                page
            }
            What::Qualified => {
                let parts = self.qualified(rows).into_iter().collect();
                Page { parts, ..Page::default() }
            }
            What::Activities => {
                for (Sent { day, mailing, .. }, name) in
                    rows.iter().filter_map(|row| self.mapper.sent(row))
                {
                    *found.mails.entry(format!("{day}|{mailing}")).or_insert(0) += 1;
                    found.names.insert(mailing, name);
                }
                let mut page = self.happened(rows);
                // Qualifications have an export of their own.
                page.parts.retain(|part| part.object == Object::Touch);
                page
            }
        }
    }

    async fn note(&self, what: What, export: &Export, page: Page) -> Result<(), SourceError> {
        let cursor = Some((what.name().to_owned(), export.text()));
        self.send(Page { cursor, ..page }).await
    }
}
