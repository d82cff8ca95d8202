//! What is true, worked out beside the program.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan, civil::Date, civil::Weekday, tz::TimeZone};
use paceline::evaluate::Snapshot;

use super::{ALLOWANCE_SLOTS, BUDGET, DOUBLED, DOWN, Deal, LOOKS, SLOT_SECS, Year, utc};

/// Whether the company works on a day.
pub fn is_business_day(day: Date) -> bool {
    works("north", utc(day, (16, 0)))
}

/// Whether a team works in a slot, by the wall clock of its zone: written anew, beside the program's calendar.
pub fn works(team: &str, at: Timestamp) -> bool {
    let zone = if team == "berlin" { "Europe/Berlin" } else { "America/New_York" };
    let local = TimeZone::get(zone).unwrap().to_datetime(at);
    let (hours, saturday) = if team == "night" { (12..20, true) } else { (9..17, false) };
    let weekday = match local.weekday() {
        Weekday::Sunday => false,
        Weekday::Saturday => saturday,
        _ => true,
    };
    // Teams with hours of their own have holidays of their own, which are none.
    let holidays = ["01-01", "05-25", "07-03", "09-07", "11-26", "12-25"];
    let day = format!("{:02}-{:02}", local.month(), local.day());
    let holiday = team != "night" && holidays.contains(&day.as_str());
    weekday && !holiday && hours.contains(&local.hour())
}

/// The end of the sixteenth working slot.
pub fn due(team: &str, created: Timestamp) -> Timestamp {
    let mut at = created;
    let mut left = ALLOWANCE_SLOTS;
    loop {
        left -= usize::from(works(team, at));
        at += SLOT_SECS.seconds();
        if left == 0 {
            return at;
        }
    }
}

impl Year {
    /// The truth about each hand-off, beside the ledger.
    pub async fn check_ledger(&self, now: Timestamp) {
        let snapshot = Snapshot::load_present(&self.settings, &self.store, now).await.unwrap();
        let ledger = snapshot.ledger().await.unwrap();
        let known = |deal: &Deal| {
            deal.created <= self.seen(deal, now) && deal.merged.is_none_or(|at| at > now)
        };
        let ids: Vec<(&str, i64)> =
            ledger.rows.iter().map(|row| (row.opportunity.id.as_str(), row.sequence)).collect();
        let truth: BTreeSet<(&str, i64)> = self
            .deals
            .iter()
            .filter(|(_, deal)| known(deal))
            .map(|(id, _)| (id.as_str(), 1))
            .collect();
        let found: BTreeSet<(&str, i64)> = ids.iter().copied().collect();
        assert_eq!(found.len(), ids.len(), "{now}: nothing is counted twice");
        let differ: Vec<_> = found.symmetric_difference(&truth).collect();
        assert!(differ.is_empty(), "{now}: {differ:?}");
        for row in &ledger.rows {
            let deal = &self.deals[&row.opportunity.id];
            let touched = deal.touched.filter(|at| *at <= self.seen(deal, now));
            let truth = match touched {
                Some(at) if at <= deal.due => "in_time",
                _ if now <= deal.due => "waiting",
                _ if self.read < deal.due => "unknown",
                Some(_) => "late",
                None => "overdue",
            };
            let place = format!("{now}: {} of {}", row.opportunity.id, deal.team);
            assert_eq!((row.due_at, row.verdict.name()), (deal.due, truth), "{place}");
            assert_eq!(row.team.as_deref(), Some(deal.team), "{place}: the team at the hand-off");
            assert_eq!(row.owner.as_deref(), Some(deal.owner), "{place}: the owner then");
        }
    }

    /// No message at night, none over the budget, none twice, and none missing.
    pub async fn check_messages(&mut self, now: Timestamp) {
        let all = self.store.messages_since(Timestamp::UNIX_EPOCH).await.unwrap();
        let alerts: Vec<_> = all.iter().filter(|(key, _, _)| key.starts_with("alert:")).collect();
        let keys: BTreeSet<&String> = alerts.iter().map(|(key, _, _)| key).collect();
        assert_eq!(keys.len(), alerts.len());
        let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (key, state, message) in &alerts {
            assert_eq!(state, "sent", "{now}: {key}");
            if let Some(team) = key.split(":file:team.").nth(1) {
                let ids = message.event.alerts.iter().map(|alert| alert.id.to_string());
                named.entry(team).or_default().extend(ids);
            }
        }
        self.tally.messages = alerts.len();
        let mut weeks: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (recipient, at) in self.store.alert_message_times().await.unwrap() {
            let Some(team) = recipient.strip_prefix("team.") else { continue };
            let mut said = all.iter().filter(|(key, _, _)| key.ends_with(&format!(":team.{team}")));
            let said = said.next_back().map(|(_, _, message)| message.text.clone());
            assert!(works(team, at), "{recipient} was told at {at}: {said:?}");
            let day = self.settings.company.zone.to_datetime(at).date();
            let week = paceline::digest::Week::of(day).to_string();
            *weeks.entry((recipient, week)).or_default() += 1;
        }
        assert!(weeks.values().all(|count| *count <= BUDGET), "{weeks:?}");
        // Each hand-off that was overdue for a day of its team's work was told, or left to the digest.
        let from = Timestamp::UNIX_EPOCH;
        let rows = self.store.alerts_between(from, now).await.unwrap();
        let mut told: BTreeSet<String> = BTreeSet::new();
        for row in rows.iter().filter(|row| row.rule == "followup_overdue") {
            for (_, heard) in self.store.heard_of(row.id).await.unwrap() {
                told.extend(heard.records);
            }
        }
        let mut overdue = 0;
        for (id, deal) in &self.deals {
            let end = deal.touched.or(deal.merged).unwrap_or(Timestamp::MAX).min(self.read);
            // Seen at a look in the team's hours, with the data of that look.
            let looks = self.looks_between(deal.due, end);
            if looks.iter().any(|at| works(deal.team, *at) && *at > deal.due && *at < end) {
                overdue += 1;
                assert!(
                    told.contains(id),
                    "{now}: {id} of {} ({}) was never told",
                    deal.team,
                    deal.due
                );
            }
        }
        self.tally.overdue_told = overdue;
        let told_by_digest = self.store.told_by_digest(from, now).await.unwrap();
        self.tally.in_digest_only = told_by_digest.len();
    }

    /// The looks at which the CRM was up.
    fn looks_between(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let first = TimeZone::UTC.to_datetime(from).date();
        let mut looks = Vec::new();
        for day in first.series(1.day()).take(10) {
            if DOWN.contains(&day.to_string().as_str()) {
                continue;
            }
            looks.extend(LOOKS.map(|(hour, minute)| {
                day.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
            }));
        }
        looks.retain(|at| *at > from && *at < to);
        looks
    }

    /// How far a deal's system was read.
    fn seen(&self, deal: &Deal, now: Timestamp) -> Timestamp {
        if deal.source == "hub" { now } else { self.read }
    }

    /// What the alerts said of quarters that are as they should be, and of the one whose goal was doubled.
    pub async fn check_pace(&mut self, from: Date, end: Timestamp) {
        let rows = self.store.alerts_between(Timestamp::UNIX_EPOCH, end).await.unwrap();
        self.tally.floods = rows.iter().filter(|row| row.rule == "source_unusual").count();
        for (quarter, month) in [1_i8, 4, 7, 10].into_iter().enumerate() {
            let first = jiff::civil::date(2026, month, 1);
            let (last, scope) =
                (first.saturating_add(3.months()), format!("goal:q{}/leads", quarter + 1));
            let healthy_to = utc(if quarter == 3 { DOUBLED } else { last }, (0, 0));
            if utc(first, (0, 0)) > end || last <= from {
                continue;
            }
            self.tally.healthy += 1;
            let mut own = rows.iter().filter(|row| row.rule == "pace_behind" && row.scope == scope);
            let alarmed = own.clone().any(|row| row.since < healthy_to && row.state != "pending");
            self.tally.false_alarms += usize::from(alarmed);
            if quarter == 3 {
                self.tally.doubled_told = own.any(|row| row.since >= healthy_to);
            }
        }
    }
}
