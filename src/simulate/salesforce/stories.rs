//! What happens to several records at once: deletions, merges, conversions.

use jiff::Timestamp;

use super::cell::{Cell, told};
use super::ids::Key;
use super::org::Org;

/// The objects that belong to an opportunity, and by which field.
const CHILDREN: [(&str, &str); 5] = [
    ("OpportunityHistory", "OpportunityId"),
    ("OpportunityFieldHistory", "OpportunityId"),
    ("OpportunityContactRole", "OpportunityId"),
    ("Task", "WhatId"),
    ("Event", "WhatId"),
];

impl Org {
    /// Puts a record in the recycle bin, and with an opportunity what belongs to it.
    pub fn delete(&mut self, object: &str, id: &str, at: Timestamp) {
        self.mark(object, id, true, at);
    }

    /// Takes a record, and what went with it, out of the recycle bin.
    pub fn undelete(&mut self, object: &str, id: &str, at: Timestamp) {
        self.mark(object, id, false, at);
    }

    fn mark(&mut self, object: &str, id: &str, deleted: bool, at: Timestamp) {
        let Some(key) = Key::parse(id) else { return };
        let secs = at.as_second();
        let mut marked = vec![(object, key)];
        match object {
            "Opportunity" => {
                for (child, field) in CHILDREN {
                    marked.extend(self.children(child, field, key).into_iter().map(|k| (child, k)));
                }
            }
            "Lead" | "Contact" => {
                let field = if object == "Lead" { "LeadId" } else { "ContactId" };
                let members = self.children("CampaignMember", field, key);
                marked.extend(members.into_iter().map(|member| ("CampaignMember", member)));
            }
            _ => {}
        }
        for (object, key) in marked {
            if let Some(table) = self.table_mut(object)
                && let Some(place) = table.find(key)
            {
                let record = &mut table.records[place];
                if record.deleted != deleted {
                    record.deleted = deleted;
                    record.stamp = secs;
                    record.modified = secs;
                }
            }
        }
    }

    /// Removes a record for good: no query tells it any more.
    pub fn purge(&mut self, object: &str, id: &str) {
        let Some(key) = Key::parse(id) else { return };
        if object == "Opportunity" {
            for (child, field) in CHILDREN {
                let gone = self.children(child, field, key);
                if let Some(table) = self.table_mut(child) {
                    table.records.retain(|record| gone.binary_search(&record.key).is_err());
                }
            }
        }
        if let Some(table) = self.table_mut(object) {
            table.records.retain(|record| record.key != key);
        }
    }

    /// The records whose field names a record, in the order of their ids.
    fn children(&self, object: &str, field: &str, parent: Key) -> Vec<Key> {
        let Some(table) = self.table(object) else { return Vec::new() };
        let Some(slot) = table.column(field).map(|column| column.slot) else { return Vec::new() };
        let theirs = table.records.iter().filter(|r| r.value(slot).key() == Some(parent));
        theirs.map(|record| record.key).collect()
    }

    /// Gives the children of one record to another, which moves no stamp of theirs.
    fn reparent(&mut self, object: &str, field: &str, from: Key, to: Key) {
        for child in self.children(object, field, from) {
            self.put(object, child, field, Cell::Id(to));
        }
    }

    /// Merges two leads. The loser is deleted and names the winner; what belonged to it belongs to the
    /// winner, with the stamps that it had.
    pub fn merge_leads(&mut self, winner: &str, loser: &str, at: Timestamp) {
        let (Some(kept), Some(gone)) = (Key::parse(winner), Key::parse(loser)) else { return };
        for object in ["Task", "Event"] {
            self.reparent(object, "WhoId", gone, kept);
        }
        self.reparent("CampaignMember", "LeadId", gone, kept);
        self.reparent("CampaignMember", "LeadOrContactId", gone, kept);
        self.delete("Lead", loser, at);
        self.put("Lead", gone, "MasterRecordId", Cell::Id(kept));
        self.touch("Lead", kept, at.as_second());
    }

    /// Converts a lead into a contact, whose id is told, and where one is given into an opportunity.
    pub fn convert_lead(&mut self, lead: &str, opportunity: Option<&str>, at: Timestamp) -> String {
        let Some(key) = Key::parse(lead) else { return String::new() };
        let contact = self.convert(key, opportunity.and_then(Key::parse), at.as_second());
        let Some(contact) = contact else { return String::new() };
        for object in ["Task", "Event"] {
            self.reparent(object, "WhoId", key, contact);
        }
        for member in self.children("CampaignMember", "LeadId", key) {
            self.put("CampaignMember", member, "ContactId", Cell::Id(contact));
        }
        contact.text()
    }

    /// Converts a lead to which nothing belongs yet.
    pub(super) fn convert(&mut self, key: Key, opportunity: Option<Key>, secs: i64) -> Option<Key> {
        // There is no object of accounts here, but their ids are told.
        let account = Cell::Id(Key::new("001", self.count("Contact") as u64 + 1));
        let copied = ["FirstName", "LastName", "Name", "Email", "LeadSource", "OwnerId"];
        let mut cells: Vec<(&str, Cell)> =
            copied.into_iter().map(|field| (field, self.value("Lead", key, field))).collect();
        cells.push(("AccountId", account.clone()));
        let contact = self.append("Contact", &cells, secs)?;
        let day = told(secs).get(..10).and_then(|day| day.parse().ok());
        for (field, value) in [
            ("Status", Cell::text("Closed - Converted")),
            ("IsConverted", Cell::Bool(true)),
            ("ConvertedDate", day.map_or(Cell::Null, Cell::Date)),
            ("ConvertedAccountId", account.clone()),
            ("ConvertedContactId", Cell::Id(contact)),
            ("ConvertedOpportunityId", opportunity.map_or(Cell::Null, Cell::Id)),
        ] {
            self.put("Lead", key, field, value);
        }
        self.touch("Lead", key, secs);
        if let Some(opportunity) = opportunity {
            self.take_part(opportunity, contact, secs);
            self.put("Opportunity", opportunity, "ContactId", Cell::Id(contact));
            self.put("Opportunity", opportunity, "AccountId", account);
        }
        Some(contact)
    }

    /// Makes a contact the first one of an opportunity.
    pub(super) fn take_part(&mut self, opportunity: Key, contact: Key, secs: i64) {
        let role = [
            ("OpportunityId", Cell::Id(opportunity)),
            ("ContactId", Cell::Id(contact)),
            ("IsPrimary", Cell::Bool(true)),
        ];
        self.append("OpportunityContactRole", &role, secs);
    }
}
