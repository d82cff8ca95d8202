//! A past in which not everything was recorded.

use jiff::civil::Date;

/// From when on the data knows what happened (`statistics.md` 1.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Entrants before this day are no members of any cohort.
    pub entries: Option<Date>,
    /// Ends before this day are not known.
    pub events: Option<Date>,
    /// Whether the records of those that ended before are missing too. Then an entrant counts from
    /// that day on, as one who came late to the risk set; else a cohort that reaches back has no rate.
    pub records_missing: bool,
}

impl Past {
    /// What holds for figures that rest on both.
    pub fn and(self, other: Past) -> Past {
        Past {
            entries: self.entries.max(other.entries),
            events: self.events.max(other.events),
            records_missing: self.records_missing || other.records_missing,
        }
    }

    /// The age, in days, at which an entrant joins the risk set.
    pub fn joins_at(&self, entered: Date) -> i64 {
        let Some(events) = self.events.filter(|_| self.records_missing) else { return 0 };
        entered.until(events).map_or(0, |span| i64::from(span.get_days())).max(0)
    }
}
