//! Vendor values to the company's own names of channels and campaigns.
//!
//! Mapped when read and never when stored, so that a changed mapping needs no new sync.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the company calls channels and campaigns. What is not mapped keeps its own name; nothing stays nothing.
///
/// Campaigns are known by different names: an id in each source, and what stands in the address of a visit. Names of
/// different sources that differ in case, spaces and punctuation only are one campaign. It is called as `[campaigns]`
/// says, else by the first of its ids. Two of one name in one source stay two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vocabulary {
    channels: BTreeMap<String, String>,
    campaigns: BTreeMap<String, String>,
    /// Ids whose campaign has another key.
    known: HashMap<String, String>,
    /// Spelled-out names to keys.
    spelled: HashMap<String, String>,
}

impl Vocabulary {
    /// What the configuration says: vendor value -> name, of channels and of campaigns.
    pub fn new(
        channels: BTreeMap<String, String>,
        campaigns: BTreeMap<String, String>,
    ) -> Vocabulary {
        let mut own = Vocabulary { channels, campaigns, ..Vocabulary::default() };
        for (value, name) in &own.campaigns {
            own.spelled.insert(spelled(value), name.clone());
            own.spelled.insert(spelled(name), name.clone());
        }
        own
    }

    /// With what sources call their campaigns: source, id and name.
    pub fn with_campaigns<'a>(
        mut self,
        named: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    ) -> Vocabulary {
        let mut known: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
        for (source, id, name) in named {
            known.entry(spelled(name)).or_default().push((source, id));
        }
        for (name, known) in known.into_iter().filter(|(name, _)| !name.is_empty()) {
            let sources: BTreeSet<&str> = known.iter().map(|(source, _)| *source).collect();
            let ids: BTreeSet<&str> = known.iter().map(|(_, id)| *id).collect();
            if sources.len() < ids.len() && !self.spelled.contains_key(&name) {
                continue;
            }
            let given = ids.iter().find_map(|id| self.campaigns.get(*id));
            let given = given.or_else(|| self.spelled.get(&name)).cloned();
            let Some(key) = given.or_else(|| ids.first().map(|id| (*id).to_owned())) else {
                continue;
            };
            let others = ids.into_iter().filter(|id| *id != key);
            self.known.extend(others.map(|id| (id.to_owned(), key.clone())));
            self.spelled.insert(name, key);
        }
        self
    }

    /// The channel of a vendor's value.
    pub fn channel<'a>(&'a self, value: &'a str) -> &'a str {
        self.channels.get(value).map_or(value, String::as_str)
    }

    /// The campaign of an id, or of a name in whatever spelling.
    pub fn campaign<'a>(&'a self, value: &'a str) -> &'a str {
        let given = self.campaigns.get(value).or_else(|| self.known.get(value));
        given.or_else(|| self.spelled.get(&spelled(value))).map_or(value, String::as_str)
    }

    /// Whether the configuration names this channel.
    pub fn knows(&self, value: &str) -> bool {
        self.channels.contains_key(value)
    }
}

/// A name without case, spaces and punctuation: "Webinar: Backup & Co" and `webinar-backup-co`.
fn spelled(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_of_two_sources_and_its_visits_have_one_name() {
        let given = BTreeMap::from([("fair26".to_owned(), "The Fair".to_owned())]);
        let named = [
            ("crm", "701A", "Webinar: Backup"),
            ("marketing", "1001", "webinar backup"),
            ("crm", "9", "The fair"),
        ];
        let words = Vocabulary::new(BTreeMap::new(), given).with_campaigns(named);
        for value in ["701A", "1001", "webinar-backup", "Webinar: Backup"] {
            assert_eq!(words.campaign(value), "1001", "{value}");
        }
        for value in ["fair26", "9", "the-fair", "FAIR26"] {
            assert_eq!(words.campaign(value), "The Fair", "{value}");
        }
        assert_eq!(
            (words.campaign("spring-sale"), words.campaign("(other)")),
            ("spring-sale", "(other)")
        );
    }

    #[test]
    fn a_campaign_that_one_source_knows_keeps_its_id() {
        let named = [("crm", "701A", "Brand"), ("crm", "701B", "Mail"), ("crm", "701C", "Mail")];
        let words = Vocabulary::default().with_campaigns(named);
        assert_eq!((words.campaign("701A"), words.campaign("brand")), ("701A", "701A"));
        assert_eq!((words.campaign("701C"), words.campaign("mail")), ("701C", "mail"));
    }
}
