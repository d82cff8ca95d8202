//! How the CRM tells the history at one instant: the seven CSV files of an export.
//!
//! Everything here is a view. A deal that closes tomorrow is open today, a lead has not become
//! what it will become, and an owner who comes later is not yet named.

use std::fs;
use std::io;
use std::path::Path;

use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp};

use super::company::{Company, Deal};
use super::{OWNERS, ZONE};

/// The files with their headers, in the order of `Company::rows_at`.
const FILES: [(&str, &str); 7] = [
    ("leads.csv", "lead_id,created,became_mql,disqualified,source,campaign_id,owner,segment"),
    (
        "opportunities.csv",
        "deal_id,lead_id,created,closed,status,lost_reason,stage,owner,amount,currency,\
         expected_close,url",
    ),
    ("owner_changes.csv", "deal_id,changed,owner"),
    ("activities.csv", "activity_id,deal_id,type,at,owner"),
    ("campaigns.csv", "campaign_id,name,source,cost"),
    ("visits.csv", "day,source,campaign_id,count"),
    ("owners.csv", "owner_id,email,name,active"),
];
/// How far an open deal is, by the share of its time that has passed.
pub(super) const STAGES: [(&str, f64); 3] =
    [("negotiation", 0.75), ("proposal", 0.4), ("discovery", 0.12)];
const FIRST_STAGE: &str = "qualified";
pub(super) const FORECAST_STEP_DAYS: i64 = 30;
/// People type things wrong. Of the lost deals, one seems to have been closed before its lead
/// came, and one lacks the time of its creation; what really happened stays as it is.
const CLOSED_TOO_EARLY_POSITION: usize = 480;
const CREATED_MISSING_POSITION: usize = 560;

type Rows = Vec<Vec<String>>;

impl Company {
    /// Writes the seven CSV files as the CRM would have exported them at `as_of`: only what exists
    /// then, with the state it has then. Returns the number of rows written.
    pub fn export(&self, dir: &Path, as_of: Timestamp) -> io::Result<usize> {
        fs::create_dir_all(dir)?;
        let now = as_of.in_tz(ZONE).map_err(io::Error::other)?.datetime();
        let mut written = 0;
        for ((file, header), rows) in FILES.iter().zip(self.rows_at(now)) {
            let mut writer = csv::Writer::from_path(dir.join(file))?;
            writer.write_record(header.split(','))?;
            for row in &rows {
                writer.write_record(row)?;
            }
            writer.flush()?;
            written += rows.len();
        }
        Ok(written)
    }

    fn rows_at(&self, now: DateTime) -> [Rows; 7] {
        [
            self.leads_at(now),
            self.opportunities_at(now),
            self.owner_changes_at(now),
            self.activities_at(now),
            self.campaigns_at(now),
            self.visits_at(now),
            owners(),
        ]
    }

    fn leads_at(&self, now: DateTime) -> Rows {
        let mut rows = Rows::new();
        for (number, lead) in self.leads.iter().enumerate() {
            if lead.created > now {
                break;
            }
            // Marketing's leads get an owner when they are handed to sales.
            let is_mql = lead.became_mql.is_some_and(|at| at <= now);
            rows.push(vec![
                lead_id(number),
                time(lead.created),
                time_if_past(lead.became_mql, now),
                time_if_past(lead.disqualified, now),
                lead.channel.source.to_owned(),
                lead.campaign.map_or_else(String::new, campaign_id),
                if is_mql { lead.owner.id } else { "" }.to_owned(),
                lead.segment.name.to_owned(),
            ]);
        }
        rows
    }

    fn opportunities_at(&self, now: DateTime) -> Rows {
        let (closed_too_early, created_missing) = self.deals_typed_wrong();
        let mut rows = Rows::new();
        for (number, deal) in self.deals_at(now) {
            let (status, stage, lost_reason) = match deal.lost_reason {
                _ if deal.closes > now => ("Open", deal.stage_at(now), ""),
                None => ("Won", "closed_won", ""),
                Some(reason) => ("Lost", "closed_lost", reason),
            };
            let mut created = time(deal.created);
            let mut closed = time_if_past(Some(deal.closes), now);
            if created_missing == Some(number) {
                created.clear();
            }
            if closed_too_early == Some(number)
                && !closed.is_empty()
                && let Some(lead) = deal.lead
            {
                closed = time(self.leads[lead].created - Span::new().days(1));
            }
            let id = deal_id(number);
            let url = format!("https://crm.example.com/deals/{id}");
            rows.push(vec![
                id,
                deal.lead.map_or_else(String::new, lead_id),
                created,
                closed,
                status.to_owned(),
                lost_reason.to_owned(),
                stage.to_owned(),
                deal.owner_at(now).to_owned(),
                format!("{:.2}", deal.amount),
                deal.currency.to_owned(),
                deal.expected_close_at(now).to_string(),
                url,
            ]);
        }
        rows
    }

    fn owner_changes_at(&self, now: DateTime) -> Rows {
        let mut rows = Rows::new();
        for (number, deal) in self.deals_at(now) {
            for change in deal.hand_offs.iter().filter(|change| change.at <= now) {
                let owner = change.owner.id.to_owned();
                rows.push(vec![deal_id(number), time(change.at), owner]);
            }
        }
        rows
    }

    fn activities_at(&self, now: DateTime) -> Rows {
        let mut rows = Rows::new();
        for (number, activity) in self.activities.iter().enumerate() {
            if activity.at <= now && self.deals[activity.deal].exists_at(now) {
                rows.push(vec![
                    format!("A-{:06}", number + 1),
                    deal_id(activity.deal),
                    activity.kind.to_owned(),
                    time(activity.at),
                    activity.owner.id.to_owned(),
                ]);
            }
        }
        rows
    }

    fn campaigns_at(&self, now: DateTime) -> Rows {
        let mut rows = Rows::new();
        for (number, campaign) in self.campaigns.iter().enumerate() {
            if campaign.first_day <= now.date() {
                rows.push(vec![
                    campaign_id(number),
                    campaign.name.clone(),
                    campaign.channel.source.to_owned(),
                    format!("{:.2}", campaign.cost_usd),
                ]);
            }
        }
        rows
    }

    /// Visits are counted when the day is over.
    fn visits_at(&self, now: DateTime) -> Rows {
        let mut rows = Rows::new();
        for visits in self.visits.iter().filter(|visits| visits.day < now.date()) {
            rows.push(vec![
                visits.day.to_string(),
                visits.channel.source.to_owned(),
                visits.campaign.map_or_else(String::new, campaign_id),
                visits.count.to_string(),
            ]);
        }
        rows
    }

    fn deals_at(&self, now: DateTime) -> impl Iterator<Item = (usize, &Deal)> {
        let deals = self.deals.iter().enumerate();
        deals.filter(move |(_, deal)| deal.exists_at(now))
    }

    /// The one that was closed too early, and the one without a time of creation.
    pub(super) fn deals_typed_wrong(&self) -> (Option<usize>, Option<usize>) {
        let is_lost = |deal: &Deal| deal.lost_reason.is_some() && deal.lead.is_some();
        let lost = || (0..self.deals.len()).filter(|number| is_lost(&self.deals[*number]));
        (lost().nth(CLOSED_TOO_EARLY_POSITION), lost().nth(CREATED_MISSING_POSITION))
    }
}

fn owners() -> Rows {
    let row = |owner: &super::Owner| {
        let email = format!("{}@example.com", owner.id.trim_start_matches("u-"));
        vec![owner.id.to_owned(), email, owner.name.to_owned(), true.to_string()]
    };
    OWNERS.iter().map(row).collect()
}

impl Deal {
    fn exists_at(&self, now: DateTime) -> bool {
        self.created <= now && self.deleted.is_none_or(|deleted| now < deleted)
    }

    pub(super) fn owner_at(&self, now: DateTime) -> &'static str {
        let current = self.hand_offs.iter().rfind(|change| change.at <= now);
        current.map_or("", |change| change.owner.id)
    }

    /// A deal that nobody touched does not move.
    fn stage_at(&self, now: DateTime) -> &'static str {
        let mut touches = self.hand_offs.iter().filter_map(|hand_off| hand_off.first_touch);
        let Some(touch) = touches.next().filter(|touch| *touch <= now) else {
            return FIRST_STAGE;
        };
        let passed = now.duration_since(touch).as_secs() as f64;
        let progress = passed / self.closes.duration_since(touch).as_secs() as f64;
        let stage = STAGES.iter().find(|(_, share)| progress >= *share);
        stage.map_or(FIRST_STAGE, |(stage, _)| stage)
    }

    /// Owners who keep their forecast move it by a month whenever it has passed.
    pub(super) fn expected_close_at(&self, now: DateTime) -> Date {
        let today = now.min(self.closes).date();
        let mut expected = self.created.date() + Span::new().days(self.forecast_days as i64);
        while self.forecast_is_kept && expected < today {
            expected += Span::new().days(FORECAST_STEP_DAYS);
        }
        expected
    }
}

fn time(at: DateTime) -> String {
    format!("{} {}", at.date(), at.time())
}

fn time_if_past(at: Option<DateTime>, now: DateTime) -> String {
    at.filter(|at| *at <= now).map_or_else(String::new, time)
}

pub(super) fn lead_id(number: usize) -> String {
    format!("L-{:06}", number + 1)
}

fn deal_id(number: usize) -> String {
    format!("D-{:05}", number + 1)
}

pub(super) fn campaign_id(number: usize) -> String {
    format!("c-{:03}", number + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::civil::date;

    use super::*;

    const SEED: u64 = 42;
    const MONDAY: DateTime = date(2026, 11, 16).at(6, 30, 0, 0);
    const NEXT_MONDAY: DateTime = date(2026, 11, 23).at(6, 30, 0, 0);

    fn by_id(rows: Rows) -> BTreeMap<String, Vec<String>> {
        rows.into_iter().map(|row| (row[0].clone(), row)).collect()
    }

    #[test]
    fn the_same_seed_writes_the_same_files() -> io::Result<()> {
        let root = std::env::temp_dir().join(format!("simulate-{}", std::process::id()));
        let as_of: Timestamp = "2026-11-16T11:30:00Z".parse().map_err(io::Error::other)?;
        let mut written = Vec::new();
        for seed in [SEED, SEED, SEED + 1] {
            let count = Company::generate(seed).export(&root, as_of)?;
            let read = |(file, _)| fs::read_to_string(root.join(file));
            let texts: Vec<_> = FILES.into_iter().map(read).collect::<io::Result<_>>()?;
            let lines: usize = texts.iter().map(|text| text.lines().count()).sum();
            assert_eq!(lines, count + FILES.len(), "each file has its header");
            written.push(texts);
        }
        fs::remove_dir_all(&root)?;
        assert!(written[0] == written[1] && written[0] != written[2]);
        Ok(())
    }

    #[test]
    fn an_earlier_export_is_a_past_state() {
        let company = Company::generate(SEED);
        let now = date(2026, 8, 12).at(14, 0, 0, 0);
        for (rows, (file, header)) in company.rows_at(now).iter().zip(FILES) {
            assert!(rows.iter().all(|row| row.len() == header.split(',').count()));
            let is_time = |cell: &&String| cell.len() == 19 && cell.starts_with("20");
            for cell in rows.iter().flatten().filter(is_time) {
                assert!(*cell <= time(now), "{cell} in {file}");
            }
        }
        let later = by_id(company.leads_at(NEXT_MONDAY));
        for (id, row) in by_id(company.leads_at(now)) {
            for (cell, cell_later) in row.iter().zip(&later[&id]) {
                assert!(cell == cell_later || cell.is_empty(), "{id}: {cell}, {cell_later}");
            }
        }
        let deals = by_id(company.opportunities_at(now));
        let later = by_id(company.opportunities_at(NEXT_MONDAY));
        assert!(deals.iter().any(|(id, row)| row[4] == "Open" && later[id][4] == "Won"));
        assert!(company.owner_changes_at(now).iter().all(|row| deals.contains_key(&row[0])));
        assert!(company.activities_at(now).iter().all(|row| deals.contains_key(&row[1])));
    }

    #[test]
    fn three_duplicates_disappear_and_two_deals_are_odd() {
        let company = Company::generate(SEED);
        let deals = by_id(company.opportunities_at(NEXT_MONDAY));
        let mut before = company.opportunities_at(MONDAY);
        before.retain(|row| !deals.contains_key(&row[0]));
        let created: Vec<_> = before.iter().map(|row| &row[2][..10]).collect();
        assert_eq!(created.len(), 3);
        assert!(created.iter().all(|day| ("2026-11-09".."2026-11-16").contains(day)));

        let leads = by_id(company.leads_at(NEXT_MONDAY));
        let mut odd: Vec<_> = deals.into_values().collect();
        odd.retain(|row| {
            let lead = leads.get(&row[1]);
            let too_early = lead.is_some_and(|lead| !row[3].is_empty() && row[3] < lead[1]);
            row[2].is_empty() || too_early
        });
        assert_eq!(odd.len(), 2);
        assert!(odd.iter().all(|row| row[4] == "Lost"));
    }
}
