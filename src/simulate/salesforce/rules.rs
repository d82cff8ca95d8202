//! What the vendor does of itself when a record is created or changed: names, defaults, histories.

use super::cell::{Cell, told};
use super::ids::Key;
use super::org::Org;
use super::table::Record;

/// A change of one of these is a row of the history.
const TOLD_IN_HISTORY: [&str; 5] =
    ["StageName", "Amount", "Probability", "CloseDate", "ForecastCategory"];

impl Org {
    /// What follows a creation.
    pub(super) fn after_create(&mut self, object: &'static str, key: Key, at: i64) {
        let owned = ["Lead", "Opportunity", "Task", "Event", "Campaign", "Contact"];
        if owned.contains(&object) {
            self.default(object, key, "OwnerId", Cell::Id(self.user));
        }
        match object {
            "Lead" => {
                self.default(object, key, "Status", Cell::text("Open - Not Contacted"));
                self.default(object, key, "IsConverted", Cell::Bool(false));
                self.default(object, key, "HasOptedOutOfEmail", Cell::Bool(false));
            }
            "Task" => {
                self.default(object, key, "Status", Cell::text("Not Started"));
                self.default(object, key, "Priority", Cell::text("Normal"));
                self.default(object, key, "TaskSubtype", Cell::text("Task"));
            }
            "Event" => {
                self.default(object, key, "EventSubtype", Cell::text("Event"));
                self.default(object, key, "IsAllDayEvent", Cell::Bool(false));
                self.default(object, key, "IsChild", Cell::Bool(false));
            }
            "CampaignMember" => self.default(object, key, "Status", Cell::text("Sent")),
            "Campaign" | "OpportunityContactRole" => {
                let flag = if object == "Campaign" { "IsActive" } else { "IsPrimary" };
                self.default(object, key, flag, Cell::Bool(false));
            }
            "User" => self.default(object, key, "IsActive", Cell::Bool(true)),
            _ => {}
        }
        self.derive(object, key, at);
        if object == "Opportunity" {
            let told = self.value(object, key, "Probability");
            self.follow_stage(key, told.is_null());
            self.expect_revenue(key);
            let created = self.value(object, key, "CreatedDate");
            let at = if let Cell::Instant(secs) = created { secs } else { at };
            self.put(object, key, "LastStageChangeDate", Cell::Null);
            self.write_history(key, None, at);
            self.write_field_history(key, "created", None, at);
        }
    }

    /// What follows a change of a record that was so before.
    pub(super) fn after_update(&mut self, object: &str, before: &Record, at: i64) {
        self.derive(object, before.key, at);
        if !object.eq_ignore_ascii_case("Opportunity") {
            return;
        }
        let key = before.key;
        let changed = |org: &Org, field: &str| {
            let was = org.table("Opportunity").map(|table| table.value(before, field));
            was.is_some_and(|was| was != org.value("Opportunity", key, field))
        };
        if changed(self, "StageName") {
            let probability_told = changed(self, "Probability");
            self.follow_stage(key, !probability_told);
            self.put("Opportunity", key, "LastStageChangeDate", Cell::Instant(at));
        }
        self.expect_revenue(key);
        if TOLD_IN_HISTORY.iter().any(|field| changed(self, field)) {
            self.write_history(key, Some(before), at);
        }
        if changed(self, "OwnerId") {
            let was = self.table("Opportunity").map(|table| table.value(before, "OwnerId"));
            self.write_field_history(key, "Owner", was, at);
        }
    }

    fn default(&mut self, object: &str, key: Key, field: &str, value: Cell) {
        if self.value(object, key, field).is_null() {
            self.put(object, key, field, value);
        }
    }

    /// Fields that follow from others of the same record.
    fn derive(&mut self, object: &str, key: Key, at: i64) {
        match object.to_ascii_lowercase().as_str() {
            "lead" | "contact" | "user" => {
                let part = |field: &str| self.value(object, key, field).as_text().to_owned();
                let name = format!("{} {}", part("FirstName"), part("LastName"));
                self.put(object, key, "Name", Cell::text(name.trim()));
            }
            "task" => {
                let status = self.value(object, key, "Status");
                let closed = status.as_text() == "Completed";
                self.put(object, key, "IsClosed", Cell::Bool(closed));
                let completed = self.value(object, key, "CompletedDateTime");
                let value = match (closed, completed) {
                    (false, _) => Cell::Null,
                    (true, Cell::Null) => Cell::Instant(at),
                    (true, told) => told,
                };
                self.put(object, key, "CompletedDateTime", value);
            }
            "event" => {
                let start = self.value(object, key, "StartDateTime");
                if !start.is_null() {
                    self.put(object, key, "ActivityDateTime", start);
                }
            }
            "campaignmember" => {
                let status = self.value(object, key, "Status");
                let responded = status.as_text() == "Responded";
                self.put(object, key, "HasResponded", Cell::Bool(responded));
                if responded {
                    let day = told(at).get(..10).and_then(|day| day.parse().ok());
                    let day = day.map_or(Cell::Null, Cell::Date);
                    self.default(object, key, "FirstRespondedDate", day);
                }
                let lead = self.value(object, key, "LeadId");
                let person =
                    if lead.is_null() { self.value(object, key, "ContactId") } else { lead };
                self.put(object, key, "LeadOrContactId", person);
            }
            _ => {}
        }
    }

    /// Adds a row to the history of an opportunity, which tells how it is now.
    pub(super) fn write_history(&mut self, key: Key, before: Option<&Record>, at: i64) {
        let copied = TOLD_IN_HISTORY.into_iter().chain(["ExpectedRevenue", "CurrencyIsoCode"]);
        let mut cells: Vec<(&str, Cell)> =
            copied.map(|field| (field, self.value("Opportunity", key, field))).collect();
        cells.push(("OpportunityId", Cell::Id(key)));
        if let (Some(before), Some(table)) = (before, self.table("Opportunity")) {
            cells.push(("PrevAmount", table.value(before, "Amount")));
            cells.push(("PrevCloseDate", table.value(before, "CloseDate")));
        }
        self.append("OpportunityHistory", &cells, at);
    }

    fn write_field_history(&mut self, key: Key, field: &str, was: Option<Cell>, at: i64) {
        if !self.owner_history {
            return;
        }
        let is = self.value("Opportunity", key, "OwnerId");
        let name = |org: &Org, owner: &Cell| {
            let found = owner.key().and_then(|key| org.any(key));
            found.map_or(Cell::Null, |(table, record)| table.value(record, "Name"))
        };
        let id = |owner: &Cell| owner.key().map_or(Cell::Null, |key| Cell::text(&key.text()));
        let rows = match was {
            None => vec![("Text", Cell::Null, Cell::Null)],
            // The vendor tells a change of a reference twice: by names and by ids.
            Some(was) => {
                vec![("Text", name(self, &was), name(self, &is)), ("EntityId", id(&was), id(&is))]
            }
        };
        for (kind, old, new) in rows {
            let cells = [
                ("OpportunityId", Cell::Id(key)),
                ("Field", Cell::text(field)),
                ("DataType", Cell::text(kind)),
                ("OldValue", old),
                ("NewValue", new),
            ];
            self.append("OpportunityFieldHistory", &cells, at);
        }
    }

    /// Appends a record of which nothing follows.
    pub(super) fn append(&mut self, object: &str, cells: &[(&str, Cell)], at: i64) -> Option<Key> {
        let by = self.user;
        let table = self.table_mut(object)?;
        let key = table.next_key();
        table.records.push(Record::new(key, at, by));
        let place = table.records.len() - 1;
        for (field, value) in cells {
            table.set(place, field, value.clone());
        }
        Some(key)
    }
}
