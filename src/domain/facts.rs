//! The typed nouns that the calculations work on, and all of them together.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

pub use super::from_record::{lead, opportunity, touch};
use super::{
    counted::CountedLeads,
    dimension::Dimension,
    from_record::{activity, activity_link, campaign, change, contact_role, owner, visit},
    moment::Moment,
    money::CurrencyRates,
    record::{Object, Record},
};

/// A record's address: its source and its vendor id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The source's key in the configuration.
    pub source: String,
    /// The vendor's id.
    pub id: String,
}

/// What a record can be looked up by.
trait Address {
    fn parts(&self) -> (&str, &str);
}

impl Address for RecordKey {
    fn parts(&self) -> (&str, &str) {
        (&self.source, &self.id)
    }
}

impl Address for (&str, &str) {
    fn parts(&self) -> (&str, &str) {
        *self
    }
}

impl<'a> Borrow<dyn Address + 'a> for RecordKey {
    fn borrow(&self) -> &(dyn Address + 'a) {
        self
    }
}

impl PartialEq for dyn Address + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Address + '_ {}

impl PartialOrd for dyn Address + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Address + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

/// A lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Lead {
    /// Its address.
    pub key: RecordKey,
    /// Entered `lead`.
    pub created_at: Option<Moment>,
    /// First entered `mql`.
    pub mql_at: Option<Moment>,
    /// Given up by marketing.
    pub disqualified_at: Option<Moment>,
    /// Vendor's value of the channel.
    pub channel: Option<String>,
    /// Campaign id.
    pub campaign: Option<String>,
    /// Owner id.
    pub owner: Option<String>,
    /// Segment.
    pub segment: Option<String>,
    /// Market.
    pub market: Option<String>,
    /// Whether the person may be mailed; none where it is not known.
    pub opt_in: Option<bool>,
    /// The nurture programme that it is in.
    pub nurture: Option<String>,
    /// When it was found deleted, archived or merged. One that is counted as another was never there.
    pub deleted_at: Option<Timestamp>,
    /// The lead of the CRM that it is counted as.
    pub person: Option<RecordKey>,
}

/// How an opportunity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not closed.
    Open,
    /// Closed as won.
    Won,
    /// Closed as lost.
    Lost,
}

/// An opportunity.
#[derive(Clone, Debug, PartialEq)]
pub struct Opportunity {
    /// Its address.
    pub key: RecordKey,
    /// The id of the lead it came from, in the same source.
    pub lead: Option<String>,
    /// Entered `opportunity`.
    pub created_at: Option<Moment>,
    /// When marketing handed it to sales, where the source says so.
    pub handed_off_at: Option<Moment>,
    /// Its last closing.
    pub closed_at: Option<Moment>,
    /// How it stands.
    pub outcome: Outcome,
    /// Why it was lost.
    pub lost_reason: Option<String>,
    /// The vendor's stage id.
    pub stage: Option<String>,
    /// Owner id.
    pub owner: Option<String>,
    /// Amount in its own currency.
    pub amount: Option<Decimal>,
    /// Its currency; the company's when absent.
    pub currency: Option<String>,
    /// When sales expects it to close.
    pub expected_close: Option<Moment>,
    /// Its own channel, where the source has one.
    pub channel: Option<String>,
    /// Its own campaign.
    pub campaign: Option<String>,
    /// Its own segment.
    pub segment: Option<String>,
    /// A link to it.
    pub url: Option<String>,
    /// Its own market.
    pub market: Option<String>,
    /// What is sold.
    pub product: Option<String>,
    /// Whom it is sold to.
    pub client: Option<String>,
    /// Sales took it on.
    pub accepted_at: Option<Moment>,
    /// Sales gave it back.
    pub rejected_at: Option<Moment>,
    /// Why.
    pub rejected_reason: Option<String>,
    /// Whether a next step is on record.
    pub next_step: bool,
    /// What only the agreed criteria ask of it.
    pub attributes: BTreeMap<String, String>,
    /// When it was found deleted, archived or merged.
    pub deleted_at: Option<Timestamp>,
}

impl Lead {
    /// Its value of a dimension.
    pub fn key(&self, by: Dimension) -> Option<&str> {
        match by {
            Dimension::Channel => self.channel.as_deref(),
            Dimension::Campaign => self.campaign.as_deref(),
            Dimension::Owner | Dimension::Team => self.owner.as_deref(),
            Dimension::Segment => self.segment.as_deref(),
            Dimension::Market => self.market.as_deref(),
            Dimension::Product => None,
        }
    }

    /// What an opportunity that has no value of its own takes from its lead: not the owner.
    pub fn inherited(&self, by: Dimension) -> Option<&str> {
        self.key(by).filter(|_| !matches!(by, Dimension::Owner | Dimension::Team))
    }
}

impl Opportunity {
    /// Its own value of a dimension.
    pub fn key(&self, by: Dimension) -> Option<&str> {
        match by {
            Dimension::Channel => self.channel.as_deref(),
            Dimension::Campaign => self.campaign.as_deref(),
            Dimension::Owner | Dimension::Team => self.owner.as_deref(),
            Dimension::Segment => self.segment.as_deref(),
            Dimension::Market => self.market.as_deref(),
            Dimension::Product => self.product.as_deref(),
        }
    }

    /// Its amount in the company's currency at the rate of that day; none without an amount or a rate.
    pub fn worth(&self, currency: &CurrencyRates, day: Date) -> Option<Decimal> {
        currency.convert(self.amount?, self.currency.as_deref(), day)
    }

    /// When it was won, if it is won.
    pub fn won_at(&self) -> Option<Moment> {
        self.closed_at.filter(|_| self.outcome == Outcome::Won)
    }

    /// When it was lost, if it is lost.
    pub fn lost_at(&self) -> Option<Moment> {
        self.closed_at.filter(|_| self.outcome == Outcome::Lost)
    }
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Its address.
    pub key: RecordKey,
    /// The opportunity it is linked to.
    pub opportunity: Option<String>,
    /// The lead or contact it is linked to.
    pub lead: Option<String>,
    /// One of [`super::record::ACTIVITY_KINDS`].
    pub kind: String,
    /// When.
    pub at: Moment,
    /// Who.
    pub owner: Option<String>,
    /// When it was entered at the source, where that says so.
    pub logged_at: Option<Moment>,
    /// It was entered after this: so far its source had been read whole, and did not have it yet.
    pub entered_after: Option<Timestamp>,
    /// Whether a program did it.
    pub automated: bool,
}

/// An opportunity moved to a stage or to an owner; `value` none means that it has no owner any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The opportunity.
    pub opportunity: RecordKey,
    /// When.
    pub at: Moment,
    /// The stage or the owner it moved to.
    pub value: Option<String>,
}

/// A contact takes part in an opportunity.
#[derive(Clone, Debug, PartialEq)]
pub struct ContactRole {
    /// The opportunity.
    pub opportunity: RecordKey,
    /// The contact's id in the same source.
    pub lead: String,
}

/// An activity belongs to an opportunity or to a contact.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityLink {
    /// The activity.
    pub activity: RecordKey,
    /// The opportunity's id in the same source.
    pub opportunity: Option<String>,
    /// The contact's id in the same source.
    pub lead: Option<String>,
}

/// Visits of a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Visit {
    /// The day.
    pub at: Moment,
    /// How many.
    pub count: u64,
    /// Vendor's value of the channel.
    pub channel: Option<String>,
    /// Campaign id.
    pub campaign: Option<String>,
}

/// Something of marketing that reached a lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch {
    /// The source.
    pub source: String,
    /// The lead's id in the same source.
    pub lead: Option<String>,
    /// The opportunity's id in the same source.
    pub opportunity: Option<String>,
    /// What it was, in the source's words: a form, a mail, a campaign joined.
    pub kind: Option<String>,
    /// When.
    pub at: Moment,
    /// Vendor's value of the channel.
    pub channel: Option<String>,
    /// Campaign id.
    pub campaign: Option<String>,
}

/// What a campaign is called, and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// The source that knows it.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Vendor's value of the channel.
    pub channel: Option<String>,
    /// What it cost, in the company's currency.
    pub cost: Option<Decimal>,
}

/// A person who owns leads and opportunities.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// Owner id.
    pub id: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
}

/// Everything known, as one value that the pure core can work on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Leads by address, deleted ones included.
    pub leads: BTreeMap<RecordKey, Lead>,
    /// Leads beside them that are not held one by one; all of them entered before the day of the clock.
    pub counted: CountedLeads,
    /// Opportunities by address, deleted ones included.
    pub opportunities: BTreeMap<RecordKey, Opportunity>,
    /// Stage changes.
    pub stage_changes: Vec<Change>,
    /// Owner changes.
    pub owner_changes: Vec<Change>,
    /// Opportunities that were merged into another one: the pair counts once.
    pub merged: BTreeSet<RecordKey>,
    /// Contacts of opportunities, beside the lead that each came from.
    pub contact_roles: Vec<ContactRole>,
    /// Activities.
    pub activities: Vec<Activity>,
    /// What activities belong to, beside what they name themselves.
    pub activity_links: Vec<ActivityLink>,
    /// Visits.
    pub visits: Vec<Visit>,
    /// Owners by id.
    pub owners: BTreeMap<String, Owner>,
    /// Campaigns by id.
    pub campaigns: BTreeMap<String, Campaign>,
}

impl Facts {
    /// Adds a record of a source. Deleted ones of other kinds than lead and opportunity are gone.
    pub fn add(&mut self, source: &str, record: &Record, deleted_at: Option<Timestamp>) {
        let key = RecordKey { source: source.to_owned(), id: record.id.clone() };
        match record.object {
            Object::Lead => {
                self.leads.insert(key.clone(), lead(key, record, deleted_at));
            }
            Object::Opportunity => {
                self.opportunities.insert(key.clone(), opportunity(key, record, deleted_at));
            }
            _ if deleted_at.is_some() => {}
            Object::StageChange => self.stage_changes.extend(change(source, record, "to")),
            Object::OwnerChange => self.owner_changes.extend(change(source, record, "owner")),
            Object::ContactRole => self.contact_roles.extend(contact_role(source, record)),
            Object::Activity => self.activities.extend(activity(key, record)),
            Object::ActivityLink => self.activity_links.extend(activity_link(source, record)),
            Object::Visit => self.visits.extend(visit(record)),
            Object::Owner => {
                self.owners.insert(record.id.clone(), owner(record));
            }
            Object::Campaign => {
                self.campaigns.insert(record.id.clone(), campaign(source, record));
            }
            Object::EmailSend | Object::Ranking | Object::Touch => {}
        }
    }

    /// The lead that an opportunity came from, deleted or not.
    pub fn lead_of(&self, opportunity: &Opportunity) -> Option<&Lead> {
        // Asked for so often that a key of its own for each question would cost more than the answer.
        let address: &dyn Address =
            &(opportunity.key.source.as_str(), opportunity.lead.as_deref()?);
        self.leads.get(address)
    }

    /// What people call an owner.
    pub fn owner_name<'a>(&'a self, id: &'a str) -> &'a str {
        self.owners.get(id).and_then(|owner| owner.name.as_deref()).unwrap_or(id)
    }
}
