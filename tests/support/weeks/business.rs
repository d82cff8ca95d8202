//! What people do: contacts, deals and calls in the CRM, and visitors of a fair in a file.

use paceline::simulate::hubspot::Object;

use super::{OWNERS, Weeks, write};

impl Weeks {
    /// What people do in half a day.
    pub(super) fn business(&mut self) {
        let now = self.now();
        let mut portal = self.portal.lock().unwrap();
        for _ in 0..self.random.below(3) {
            let id = self.next_id;
            self.next_id += 1;
            let source = ["ORGANIC_SEARCH", "PAID_SEARCH", "WEBINAR"][self.random.below(3)];
            let own = vec![("hs_analytics_source".to_owned(), source.to_owned())];
            portal.create_with_id(Object::Contact, id, own, now);
            self.living.insert(id);
            if self.random.chance(0.4) {
                let deal = id + 10_000_000;
                let owner = OWNERS[self.random.below(OWNERS.len())];
                let own = [
                    ("dealstage", "appointmentscheduled"),
                    ("pipeline", "default"),
                    ("amount", "1000"),
                    ("hubspot_owner_id", owner),
                ];
                let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
                portal.create_with_id(Object::Deal, deal, own.to_vec(), now);
                portal.associate((Object::Deal, deal), (Object::Contact, id));
                self.deals.insert(deal, now);
                if self.random.chance(0.8) {
                    let call = id + 20_000_000;
                    let own =
                        [("hs_timestamp", now.to_string()), ("hubspot_owner_id", owner.into())];
                    let own = own.map(|(name, value)| (name.to_owned(), value));
                    portal.create_with_id(Object::Call, call, own.to_vec(), now);
                    portal.associate((Object::Call, call), (Object::Deal, deal));
                }
            }
        }
        drop(portal);
        self.fair();
        let mut portal = self.portal.lock().unwrap();
        let known: Vec<u64> = self.deals.keys().copied().collect();
        if !known.is_empty() && self.random.chance(0.3) {
            let deal = known[self.random.below(known.len())];
            let stage = ["closedwon", "closedlost", "qualifiedtobuy"][self.random.below(3)];
            portal.update(Object::Deal, deal, vec![("dealstage".into(), Some(stage.into()))], now);
        }
        if self.living.len() > 20 && self.random.chance(0.05) {
            let all: Vec<u64> = self.living.iter().copied().collect();
            let gone = all[self.random.below(all.len())];
            portal.archive(Object::Contact, gone, now);
            self.living.remove(&gone);
        }
    }
    /// Now and then somebody comes to the fair.
    fn fair(&mut self) {
        if !self.random.chance(0.4) {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.visitors.insert(id);
        self.fair.push_str(&format!("{id},{}\n", self.now()));
        write(self.folder.path(), "fair.csv", &self.fair);
    }
}
