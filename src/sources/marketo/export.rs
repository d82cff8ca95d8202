//! A first load: jobs of some days each, whose files are read piece by piece.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::cursor::{Export, Job, Sent};
use super::instance::{Bulk, Made, Standing};
use super::map::{CHANGE, FORM, SEND, STATUS};
use super::read::{Pass, sends};
use super::wire::second;
use crate::domain::Object;
use crate::sources::{Page, Part, SourceError};

/// Rows of one page for the store: so many times as many as pages may be ahead are held in memory.
const ROWS_PER_PAGE: usize = 100;
/// How often a job whose file is not to be had is made anew.
const JOBS_MAX: usize = 3;

/// What an export is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// All leads, by when they were created.
    Leads,
    /// The same once more, to compare ids.
    AllLeads,
    /// Leads that changed, whatever changed about them.
    ChangedLeads,
    /// When leads qualified.
    Qualified,
    /// Mails.
    Mails,
    /// Memberships and forms.
    Touches,
}

impl What {
    /// The name of its cursor.
    pub fn name(self) -> &'static str {
        match self {
            What::Leads => "export of leads",
            What::AllLeads => "export of all leads",
            What::ChangedLeads => "export of changed leads",
            What::Qualified => "export of qualifications",
            What::Mails => "export of mails",
            What::Touches => "export of touches",
        }
    }

    fn bulk(self) -> Bulk {
        match self {
            What::Leads | What::AllLeads | What::ChangedLeads => Bulk::Leads,
            What::Qualified | What::Mails | What::Touches => Bulk::Activities,
        }
    }

    /// Whether a file that was read in part is read from there on; mails must be counted in one go.
    fn goes_on(self) -> bool {
        self != What::Mails
    }
}

/// What an export found out beside its records.
#[derive(Default)]
struct Found {
    mails: BTreeMap<String, u64>,
    names: BTreeMap<String, String>,
}

impl Made {
    /// How what was read differs from what was made.
    fn differs(&self, rows: u64, hash: Option<Context>) -> Option<String> {
        if self.rows.is_some_and(|told| told != rows) {
            return Some(format!("the file has {rows} rows, and not as many as were told"));
        }
        let told = self.checksum.as_deref()?.trim().to_lowercase();
        let told = told.strip_prefix("sha256:")?;
        let read: String =
            hash?.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        (read != told).then(|| "the file is another one than its checksum says".to_owned())
    }
}

/// How an export ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything was read.
    Read,
    /// The instance does not provide the filter.
    NotProvided,
}

impl Pass<'_> {
    /// Reads an export from where it stands to its end.
    pub async fn export(&self, what: What, mut export: Export) -> Result<Ended, SourceError> {
        let mut found = Found::default();
        let mut lost = 0;
        while let Some((begin, end)) = export.window(&self.mapper.zone) {
            let Some(job) = self.job(what, &mut export, begin, end).await? else {
                return Ok(Ended::NotProvided);
            };
            match self.instance.await_job(what.bulk(), &job.id).await? {
                Standing::Ready(made) => {
                    if !self.file(what, &mut export, job, &made, &mut found).await? {
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
        Ok(Ended::Read)
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
            What::Leads | What::AllLeads => {
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
            What::Mails | What::Touches => {
                let names: &[&str] = if what == What::Mails { &[SEND] } else { &[FORM, STATUS] };
                let filter = json!({"createdAt": range, "activityTypeIds": kind(names)});
                json!({"format": "CSV", "filter": filter})
            }
        }
    }

    /// Of the bytes that a day allows the instance, our share.
    fn within_share(&self, what: What) -> Result<(), SourceError> {
        if self.shares.allow_an_export() {
            return Ok(());
        }
        Err(self.instance.later(what.name(), "our share of the day's bytes of exports is used"))
    }

    /// Reads a job's file to its end. Gives whether it was to be had.
    async fn file(
        &self,
        what: What,
        export: &mut Export,
        mut job: Job,
        made: &Made,
        found: &mut Found,
    ) -> Result<bool, SourceError> {
        if !what.goes_on() {
            *found = Found::default();
            job = Job { offset: 0, rows: 0, header: Vec::new(), ..job };
        }
        let bytes = made.bytes;
        // Of a file that another run began this one does not know the first bytes.
        let mut hash = (job.offset == 0).then(|| Context::new(&SHA256));
        while job.offset < bytes {
            let place = (job.offset, bytes);
            let piece = self.instance.piece(what.bulk(), &job.id, place, &job.header).await?;
            let Some(piece) = piece.filter(|piece| piece.used > 0) else {
                export.job = None;
                return Ok(false);
            };
            self.shares.read(piece.used as u64);
            job.offset += piece.used as u64;
            if let Some(hash) = &mut hash {
                hash.update(&piece.text);
            }
            job.rows += piece.rows.len() as u64;
            job.header = piece.header;
            for some in piece.rows.chunks(ROWS_PER_PAGE) {
                self.send(self.page(what, some, found)).await?;
            }
            export.job = Some(job.clone());
            if what.goes_on() && job.offset < bytes {
                self.note(what, export, Page::default()).await?;
            }
            self.note_shares().await?;
        }
        if let Some(why) = made.differs(job.rows, hash) {
            // The next run makes the job anew, and does not end at the same place.
            export.job = None;
            self.note(what, export, Page::default()).await?;
            return Err(self.instance.api.unanswered(what.name(), &why));
        }
        export.job = None;
        export.reached = job.to;
        let parts = sends(&std::mem::take(&mut found.mails), &found.names);
        let page = Page { parts: parts.into_iter().collect(), ..Page::default() };
        self.note(what, export, page).await?;
        self.note_shares().await?;
        Ok(true)
    }

    fn page(&self, what: What, rows: &[Value], found: &mut Found) -> Page {
        match what {
            What::Leads => self.leads(rows, true),
            What::AllLeads | What::ChangedLeads => self.leads(rows, false),
            What::Qualified => {
                let parts = self.qualified(rows).into_iter().collect();
                Page { parts, ..Page::default() }
            }
            What::Mails => {
                for (Sent { day, mailing, .. }, name) in
                    rows.iter().filter_map(|row| self.mapper.sent(row))
                {
                    *found.mails.entry(format!("{day}|{mailing}")).or_insert(0) += 1;
                    found.names.insert(mailing, name);
                }
                Page::default()
            }
            What::Touches => {
                let touches = rows.iter().filter_map(|row| self.mapper.touch(row)).collect();
                Page { parts: vec![Part::of(Object::Touch, touches)], ..Page::default() }
            }
        }
    }

    async fn note(&self, what: What, export: &Export, page: Page) -> Result<(), SourceError> {
        let cursor = Some((what.name().to_owned(), export.text()));
        self.send(Page { cursor, ..page }).await
    }
}
