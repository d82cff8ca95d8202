//! What the vendor has recorded: the sessions of a GA4 property, and the searches in which the pages of
//! its sites were seen. These are the true figures; what is told of them at an instant is cut elsewhere.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What stands where the vendor does not know the origin of a session.
pub(super) const UNASSIGNED: &str = "Unassigned";
pub(super) const NOT_SET: &str = "(not set)";

/// Where sessions came from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) channel: String,
    pub(super) campaign: String,
    pub(super) source: &'static str,
    pub(super) medium: &'static str,
    /// The channel by which its users had first come.
    pub(super) first_channel: String,
}

/// The origin of sessions whose origin is not known; it is the first of every property.
pub(super) const UNKNOWN_ORIGIN: u32 = 0;

/// Sessions of a day with one origin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sessions {
    pub(super) origin: u32,
    pub(super) count: u32,
}

/// Searches of a day in which a page was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Searched {
    /// What was searched for. An empty one is so rare that the vendor does not tell it.
    pub query: String,
    /// The address of the page.
    pub page: String,
    /// Three letters in lower case, as `usa`.
    pub country: &'static str,
    /// `DESKTOP`, `MOBILE` or `TABLET`.
    pub device: &'static str,
    /// `web`, `image`, `video`, `news`, `discover` or `googleNews`.
    pub kind: &'static str,
    /// Another page of the site stood above it, so that it counts by page only.
    pub beside: bool,
    /// How often it was clicked.
    pub clicks: u32,
    /// How often it was seen.
    pub impressions: u32,
    /// Its mean position; 1 is the topmost.
    pub position: f64,
}

impl Searched {
    /// Searches from desktop computers in the United States, for a page of the web.
    pub fn new(query: &str, page: &str, clicks: u32, impressions: u32, position: f64) -> Searched {
        Searched {
            query: query.to_owned(),
            page: page.to_owned(),
            country: "usa",
            device: "DESKTOP",
            kind: "web",
            beside: false,
            clicks,
            impressions,
            position,
        }
    }
}

/// A GA4 property, and the sites of the same company in Search Console.
#[derive(Debug, Clone)]
pub struct Property {
    pub(super) id: String,
    pub(super) zone: TimeZone,
    pub(super) zone_name: String,
    pub(super) currency: String,
    pub(super) origins: Vec<Origin>,
    numbers: HashMap<(String, String), u32>,
    pub(super) days: BTreeMap<Date, Vec<Sessions>>,
    /// Addresses with the level of permission.
    pub(super) sites: Vec<(String, String)>,
    pub(super) searches: BTreeMap<Date, Vec<Searched>>,
}

/// Source and medium of a channel, and the channel by which its users had first come.
fn usual(channel: &str) -> (&'static str, &'static str, &str) {
    match channel {
        "Organic Search" => ("google", "organic", channel),
        "Paid Search" => ("google", "cpc", channel),
        "Email" => ("newsletter", "email", "Organic Search"),
        "Referral" => ("partner.example", "referral", channel),
        "Organic Social" => ("social.example", "social", channel),
        "Direct" => ("(direct)", "(none)", "Paid Search"),
        _ => (NOT_SET, NOT_SET, channel),
    }
}

impl Property {
    /// A property without data. Its id is a number; a zone that nobody knows is UTC.
    pub fn empty(id: &str, time_zone: &str) -> Property {
        let zone = TimeZone::get(time_zone);
        let zone_name = if zone.is_ok() { time_zone } else { "UTC" };
        let mut property = Property {
            id: id.to_owned(),
            zone: zone.unwrap_or(TimeZone::UTC),
            zone_name: zone_name.to_owned(),
            currency: "USD".to_owned(),
            origins: Vec::new(),
            numbers: HashMap::new(),
            days: BTreeMap::new(),
            sites: Vec::new(),
            searches: BTreeMap::new(),
        };
        property.origin(UNASSIGNED, NOT_SET);
        property
    }

    /// The number in the addresses of the Data API.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number of an origin, which is made where there is none yet.
    pub(super) fn origin(&mut self, channel: &str, campaign: &str) -> u32 {
        let key = (channel.to_owned(), campaign.to_owned());
        let fresh = u32::try_from(self.origins.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(key).or_insert(fresh);
        if number == fresh {
            let (source, medium, first_channel) = usual(channel);
            self.origins.push(Origin {
                channel: channel.to_owned(),
                campaign: campaign.to_owned(),
                source,
                medium,
                first_channel: first_channel.to_owned(),
            });
        }
        number
    }

    /// Tells from where the sessions of a channel and campaign came, where it is not the usual.
    pub fn set_source(
        &mut self,
        channel: &str,
        campaign: &str,
        source: &'static str,
        medium: &'static str,
    ) {
        let number = self.origin(channel, campaign) as usize;
        (self.origins[number].source, self.origins[number].medium) = (source, medium);
    }

    /// Sets how many sessions a day had from a channel and campaign: the figure to which the reports
    /// grow. It may be set again at any time, which restates it.
    pub fn set_sessions(&mut self, day: Date, channel: &str, campaign: &str, count: u32) {
        let origin = self.origin(channel, campaign);
        let rows = self.days.entry(day).or_default();
        match rows.iter_mut().find(|row| row.origin == origin) {
            Some(row) => row.count = count,
            None => rows.push(Sessions { origin, count }),
        }
    }

    /// The figure to which the reports grow.
    pub fn sessions(&self, day: Date, channel: &str, campaign: &str) -> u32 {
        let key = (channel.to_owned(), campaign.to_owned());
        let rows = self.days.get(&day).map_or(&[][..], Vec::as_slice);
        let origin = self.numbers.get(&key);
        rows.iter().find(|row| Some(&row.origin) == origin).map_or(0, |row| row.count)
    }

    /// Takes away all sessions of a day.
    pub fn clear_sessions(&mut self, day: Date) {
        self.days.remove(&day);
    }

    /// Adds a site, or gives it another level: `siteOwner`, `siteFullUser`, `siteRestrictedUser` or
    /// `siteUnverifiedUser`.
    pub fn set_site(&mut self, address: &str, level: &str) {
        self.remove_site(address);
        self.sites.push((address.to_owned(), level.to_owned()));
    }

    /// The account may not see a site any more.
    pub fn remove_site(&mut self, address: &str) {
        self.sites.retain(|site| site.0 != address);
    }

    /// Adds searches of a day, which is one in Pacific time.
    pub fn add_searched(&mut self, day: Date, searched: Searched) {
        self.searches.entry(day).or_default().push(searched);
    }

    /// Takes away the searches of a day.
    pub fn clear_searched(&mut self, day: Date) {
        self.searches.remove(&day);
    }
}
