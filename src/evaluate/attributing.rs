//! The touches of each opportunity, from what is stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, civil::Date};

use super::{Snapshot, snapshot::EvaluateError, tallies::cut_of};
use crate::attribution::{Credit, Path, credit};
use crate::domain::{
    Moment, Opportunity, RecordKey, dimension::Dimension, facts::Touch, number::to_f64,
    stage::Stage,
};

/// What is attributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Opportunities, to what touched them before they were created.
    Opportunities,
    /// Wins, to what touched them before they were won.
    Wins,
    /// The value of wins, in the company's currency.
    Value,
}

/// What is owed to each channel or campaign, of the opportunities that were created (or won) in a time.
#[derive(Clone, Debug)]
pub struct Attribution {
    /// Key -> what is owed to it; none is "unattributed".
    pub credits: BTreeMap<Option<String>, Credit>,
    /// Opportunities, or wins.
    pub records: usize,
    /// Those of which touches are stored; the others are owed to the channel that their record names.
    pub touched: usize,
    /// Wins whose value is not known, and is left out.
    pub unvalued: usize,
    /// How far the data is complete.
    pub data_as_of: Timestamp,
}

/// Attributes by channel or by campaign.
///
/// # Errors
/// When the store cannot be read, or opportunities were never read completely.
pub async fn attribute(
    snapshot: &Snapshot<'_>,
    by: Dimension,
    owed: Owed,
    since: Option<Date>,
    until: Option<Date>,
) -> Result<Attribution, EvaluateError> {
    let data_as_of = cut_of(snapshot, Stage::Opportunity, Stage::Won)?;
    let zone = &snapshot.settings.company.zone;
    let touches = Touches::load(snapshot).await?;
    let wanted =
        |day: Date| since.is_none_or(|since| day >= since) && until.is_none_or(|until| day < until);
    let mut found =
        Attribution { credits: BTreeMap::new(), records: 0, touched: 0, unvalued: 0, data_as_of };
    let mut paths = Vec::new();
    for deal in snapshot.actuals(None).opportunities(data_as_of) {
        let anchor = if owed == Owed::Opportunities { deal.created_at } else { deal.won_at() };
        let Some(anchor) = anchor.filter(|at| at.is_seen(data_as_of, zone)) else { continue };
        if !wanted(anchor.date(zone)) {
            continue;
        }
        found.records += 1;
        let mut path = touches.path(snapshot, by, deal, anchor);
        found.touched += usize::from(!path.keys.is_empty());
        if path.keys.is_empty() {
            let own = snapshot.names().of_opportunity(by, deal, &snapshot.facts);
            path.keys.extend(own.map(|key| Some(key.to_owned())));
        }
        path.worth = 1.0;
        if owed == Owed::Value {
            let Some(value) = deal.worth(&snapshot.settings.currency, anchor.date(zone)) else {
                found.unvalued += 1;
                continue;
            };
            path.worth = to_f64(value);
        }
        paths.push(path);
    }
    found.credits = credit(&paths);
    Ok(found)
}

/// Touches by what they belong to, in the same source.
struct Touches {
    of_lead: HashMap<(String, String), Vec<Touch>>,
    of_opportunity: HashMap<(String, String), Vec<Touch>>,
    /// Opportunity -> its contacts.
    contacts: HashMap<(String, String), BTreeSet<String>>,
}

impl Touches {
    async fn load(snapshot: &Snapshot<'_>) -> Result<Touches, EvaluateError> {
        let mut touches = Touches {
            of_lead: HashMap::new(),
            of_opportunity: HashMap::new(),
            contacts: HashMap::new(),
        };
        for touch in snapshot.store.touches().await? {
            let key = |id: &String| (touch.source.clone(), id.clone());
            // What reached somebody as another source knows them reached the person.
            let person = |id: &String| {
                let own = RecordKey { source: touch.source.clone(), id: id.clone() };
                let person = snapshot.facts.leads.get(&own).and_then(|lead| lead.person.clone());
                let person = person.unwrap_or(own);
                (person.source, person.id)
            };
            // One that names both is the opportunity's.
            match (&touch.opportunity, &touch.lead) {
                (Some(id), _) => touches.of_opportunity.entry(key(id)).or_default().push(touch),
                (None, Some(id)) => touches.of_lead.entry(person(id)).or_default().push(touch),
                (None, None) => {}
            }
        }
        for role in &snapshot.facts.contact_roles {
            let key = (role.opportunity.source.clone(), role.opportunity.id.clone());
            touches.contacts.entry(key).or_default().insert(role.lead.clone());
        }
        Ok(touches)
    }

    /// What touched an opportunity by an instant, the earliest first.
    fn path(
        &self,
        snapshot: &Snapshot<'_>,
        by: Dimension,
        deal: &Opportunity,
        anchor: Moment,
    ) -> Path {
        let key = |id: &str| (deal.key.source.clone(), id.to_owned());
        let mut people = self.contacts.get(&key(&deal.key.id)).cloned().unwrap_or_default();
        people.extend(deal.lead.clone());
        let own = self.of_opportunity.get(&key(&deal.key.id)).into_iter().flatten();
        let theirs = people.iter().filter_map(|lead| self.of_lead.get(&key(lead))).flatten();
        let zone = &snapshot.settings.company.zone;
        let mut all: Vec<&Touch> =
            own.chain(theirs).filter(|touch| touch.at.is_by(anchor, zone)).collect();
        all.sort_by_key(|touch| touch.at.order(zone));
        let last_by = |at: Option<Moment>| {
            let by_then = |touch: &&Touch| at.is_some_and(|at| touch.at.is_by(at, zone));
            all.iter().rposition(by_then).unwrap_or(0)
        };
        let lead = snapshot.facts.lead_of(deal);
        Path {
            made_lead: last_by(lead.and_then(|lead| lead.created_at)),
            made_opportunity: last_by(deal.created_at),
            keys: all.iter().map(|touch| key_of(snapshot, by, touch)).collect(),
            worth: 1.0,
        }
    }
}

/// The channel of a touch is its own, else its campaign's.
fn key_of(snapshot: &Snapshot<'_>, by: Dimension, touch: &Touch) -> Option<String> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let campaign = filled(&touch.campaign);
    if by == Dimension::Campaign {
        return campaign.map(|campaign| snapshot.words.campaign(&campaign).to_owned());
    }
    let of_campaign = || snapshot.facts.campaigns.get(&campaign?)?.channel.clone();
    let channel = filled(&touch.channel).or_else(of_campaign)?;
    Some(snapshot.words.channel(&channel).to_owned())
}
