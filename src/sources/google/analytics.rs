//! Google Analytics 4: sessions by day, channel and campaign, as visits.
//!
//! Figures of a day are restated for about two days ("Data freshness"), so the last days are read again each
//! time and each day is replaced as a whole; data counts as complete up to the days that are over for 48 hours.
//! A day is the property's own.

use jiff::{SignedDuration, Span, civil::Date, tz::TimeZone};
use tokio::sync::mpsc::Sender;

use super::cursor::{Cursor, each_day, pieces};
use super::report::{Dimensions, ROWS_MAX, Report, question};
use super::{api, counted};
use crate::config::google::Analytics as Settings;
use crate::domain::{Fault, Object};
use crate::sources::http::{Api, Environment, Quota, Request, Share};
use crate::sources::{
    Boxed, Complete, Discovered, Page, Part, Probe, ReadRequest, Source, SourceError, Whole,
    count_values, in_background,
};

/// What the service account is to be allowed.
const SCOPE: &str = "https://www.googleapis.com/auth/analytics.readonly";
/// The name of the cursor.
const VISITS: &str = "visits";
/// After so long a day is not restated any more.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(48);
/// The last days that are read again at each sync.
const DAYS_AGAIN: i64 = 5;
/// How far back the first pass goes where the configuration does not say.
const MONTHS_BACK: i64 = 24;
/// Days of one question.
const DAYS_MAX: i64 = 31;
/// Rows of one question that are kept in memory; more are asked for in fewer days.
const ROWS_KEPT_MAX: u64 = 300_000;
/// How often a report is begun anew because its rows changed between two answers.
const REPORTS_MAX: u32 = 3;
/// Days that `check` and `discover` look at.
const DAYS_SHOWN: i64 = 28;

/// A property at Google Analytics.
#[derive(Clone)]
pub struct Analytics {
    name: String,
    settings: Settings,
    environment: Environment,
    place: String,
    company_zone: String,
}

impl Analytics {
    /// A source of this property.
    pub fn new(
        name: &str,
        settings: Settings,
        environment: &Environment,
        (place, company_zone): (&str, &TimeZone),
    ) -> Analytics {
        let (name, place, environment) = (name.to_owned(), place.to_owned(), environment.clone());
        let company_zone = company_zone.iana_name().unwrap_or_default().to_owned();
        Analytics { name, settings, environment, place, company_zone }
    }

    fn api(&self) -> Result<Api, SourceError> {
        let limited = (SCOPE, self.settings.property.as_str());
        api(&self.settings.account, limited, &self.environment, &self.place)
    }

    fn dimensions(&self) -> Dimensions {
        let Settings { channel, campaign, .. } = &self.settings;
        Dimensions { channel: channel.clone(), campaign: campaign.clone() }
    }

    async fn ask(
        &self,
        api: &Api,
        (from, to): (Date, Date),
        offset: u64,
        limit: u64,
    ) -> Result<Report, SourceError> {
        let path = format!("/v1beta/properties/{}:runReport", self.settings.property);
        let body = question(&self.dimensions(), from, to, offset, limit);
        // Its answer tells what it cost.
        let request = Request { cost: 0, ..Request::post("read sessions", path, &body) };
        match api.read_answer(&request, |answer| Report::parse(&answer.body)).await {
            Err(SourceError::NotThere(_)) => Err(SourceError::At {
                place: self.place.clone(),
                message: format!("there is no property {}", self.settings.property),
                mend: "set `property` to the number that Analytics shows under Property details"
                    .into(),
            }),
            Ok(report) => {
                if let Some(tokens) = report.tokens {
                    // What a day allows is not told: it is the most that was seen to be there.
                    let daily = (tokens.used + tokens.left).max(api.daily().unwrap_or(0));
                    api.told(tokens.used, Quota { daily: Some(daily), ..Quota::default() });
                }
                Ok(report)
            }
            other => other,
        }
    }

    /// All rows of some days; none where they are too many to be held at once.
    async fn report(&self, api: &Api, days: (Date, Date)) -> Result<Option<Report>, SourceError> {
        for _ in 0..REPORTS_MAX {
            let mut whole = self.ask(api, days, 0, ROWS_MAX).await?;
            if whole.row_count > ROWS_KEPT_MAX && days.0 < days.1 {
                return Ok(None);
            }
            let mut stands_still = true;
            while whole.rows < whole.row_count && stands_still {
                let next = self.ask(api, days, whole.rows, ROWS_MAX).await?;
                stands_still = next.row_count == whole.row_count && next.rows > 0;
                whole.extend(next);
            }
            // Rows that came between two answers would be told twice, or not at all.
            if stands_still {
                return Ok(Some(whole));
            }
        }
        Err(api.unanswered("read sessions", "the report changes while it is read"))
    }

    async fn read_all(
        &self,
        request: &ReadRequest,
        pages: Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let api = self.api()?;
        let share = Share::begin(&api, self.settings.daily_share, request, None);
        let pass = self.pass(&api, request, (&pages, &share));
        let result = counted(&self.name, &api, pass).await;
        let cursor = Some(share.cursor(&api));
        // Counted also where the pass failed: what was sent was sent.
        let _ = pages.send(Page { cursor, ..Page::default() }).await;
        result
    }

    async fn pass(
        &self,
        api: &Api,
        request: &ReadRequest,
        to: (&Sender<Page>, &Share),
    ) -> Result<Complete, SourceError> {
        let utc_day = TimeZone::UTC.to_datetime(request.started).date();
        let zone = self.ask(api, (utc_day, utc_day), 0, 1).await?.time_zone();
        let today = zone.to_datetime(request.started).date();
        // The running day is not over, and would be read many times.
        let yesterday = today.saturating_sub(Span::new().days(1));
        let back = Span::new().months(MONTHS_BACK);
        let mut cursor = Cursor::parse(request.cursors.get(VISITS));
        let usual = cursor.from.unwrap_or_else(|| today.saturating_sub(back));
        let first = self.settings.since.unwrap_or(usual);
        let days = cursor.days(first, yesterday, DAYS_AGAIN, request.full);
        let todo = days.map(|(from, to)| pieces(from, to, DAYS_MAX)).unwrap_or_default();
        for piece in todo {
            self.read_piece(api, piece, &mut cursor, to).await?;
        }
        let settled = request.started.checked_sub(SETTLED_AFTER).unwrap_or(request.started);
        let day = zone.to_datetime(settled).date().to_zoned(zone);
        let complete_to = day.map_or(settled, |midnight| midnight.timestamp());
        Ok(Complete { complete_to, inventories: Vec::new() })
    }

    /// Some days, all at once or, where that is too much, one by one.
    async fn read_piece(
        &self,
        api: &Api,
        (from, to): (Date, Date),
        cursor: &mut Cursor,
        (pages, share): (&Sender<Page>, &Share),
    ) -> Result<(), SourceError> {
        match self.report(api, (from, to)).await? {
            Some(report) => {
                let page = self.page((from, to), &report, cursor);
                share.send(api, pages, page).await
            }
            None => {
                for day in each_day(from, to) {
                    if let Some(report) = self.report(api, (day, day)).await? {
                        let page = self.page((day, day), &report, cursor);
                        share.send(api, pages, page).await?;
                    }
                }
                Ok(())
            }
        }
    }

    fn page(&self, (from, to): (Date, Date), report: &Report, cursor: &mut Cursor) -> Page {
        cursor.advance(from, to);
        cursor.see(report.first_day());
        let days = each_day(from, to);
        // Before the first visits there was no property yet.
        let living: Vec<Date> = days
            .iter()
            .copied()
            .filter(|day| cursor.seen.is_some_and(|seen| *day > seen))
            .collect();
        let (records, faults) = report.visits(&self.name, &living);
        let parents = days.iter().map(Date::to_string).collect();
        let whole = Some(Whole { field: "at", parents });
        let part = Part { whole, ..Part::of(Object::Visit, records) };
        let cursor = Some((VISITS.to_owned(), cursor.text()));
        Page { parts: vec![part], faults, rechecked: true, cursor, ..Page::default() }
    }

    async fn latest(&self, api: &Api) -> Result<Report, SourceError> {
        let now = self.environment.clock.now();
        let today = TimeZone::UTC.to_datetime(now).date();
        let from = today.saturating_sub(Span::new().days(DAYS_SHOWN));
        self.ask(api, (from, today), 0, ROWS_MAX).await
    }

    async fn check_all(&self) -> Result<Probe, SourceError> {
        let report = self.latest(&self.api()?).await?;
        let sessions: u64 = report.sessions.values().sum();
        let mut warnings = Vec::new();
        let mut warn = |what: bool, text: &str| what.then(|| warnings.push(text.to_owned()));
        warn(
            report.quality.thresholded,
            "Google withholds rows of few people (thresholding): visits are too low; mend: in Analytics set the \
             reporting identity to \"device-based\", or switch Google signals off",
        );
        warn(
            report.quality.has_other,
            "Google puts campaigns that it has no room for into `(other)`: they are counted there; mend: fewer \
             different values of utm_campaign",
        );
        warn(report.quality.sampled, "Google works these figures out from a sample");
        warn(
            sessions == 0,
            "no sessions in the last 28 days: look whether this is the right property",
        );
        let zone = report.zone.clone().unwrap_or_default();
        if self.company_zone != zone {
            warnings.push(format!(
                "its days are those of {zone}, the company's those of {}: visits at midnight count on the day \
                 before or after; mend: give both one time zone",
                self.company_zone
            ));
        }
        let found = format!("{sessions} sessions in the last {DAYS_SHOWN} days, by days of {zone}");
        Ok(Probe { found, warnings })
    }

    async fn discover_all(&self) -> Result<Discovered, SourceError> {
        let report = self.latest(&self.api()?).await?;
        let mut found = Discovered::new();
        let (records, _): (_, Vec<Fault>) = report.visits(&self.name, &[]);
        for record in &records {
            count_values(&mut found, record, |field| ["channel", "campaign"].contains(&field));
        }
        Ok(found)
    }
}

impl Source for Analytics {
    fn objects(&self) -> Vec<Object> {
        vec![Object::Visit]
    }

    fn provides(&self, object: Object, field: &str) -> bool {
        object == Object::Visit && object.field_index(field).is_some()
    }

    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>> {
        let own = self.clone();
        Box::pin(in_background(async move { own.read_all(&request, pages).await }))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        Box::pin(self.check_all())
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        Box::pin(self.discover_all())
    }
}
