//! The dimensions and metrics of the property.

use std::borrow::Cow;

use jiff::civil::Date;

use super::property::Origin;

/// The day and the origin that a row of sessions has.
pub(super) type Place<'p> = (Date, &'p Origin);

/// A dimension of the Data API.
pub(super) struct Dimension {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) category: &'static str,
    pub(super) of: for<'p> fn(Place<'p>) -> Cow<'p, str>,
}

/// A metric of the Data API.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) category: &'static str,
    pub(super) kind: &'static str,
}

/// The dimension of the range that a row belongs to.
pub(super) const RANGE: &str = "dateRange";

/// Asking for one of these uses up the quota of requests that may be thresholded.
const ABOUT_PEOPLE: [&str; 5] =
    ["userAgeBracket", "userGender", "brandingInterest", "audienceId", "audienceName"];

/// Of these there may be so many values that the rarest are told as one.
const MANY: [&str; 4] =
    ["sessionCampaignName", "campaignName", "firstUserCampaignName", "sessionCampaignId"];

const fn dimension(
    name: &'static str,
    title: &'static str,
    category: &'static str,
    of: for<'p> fn(Place<'p>) -> Cow<'p, str>,
) -> Dimension {
    Dimension { name, title, category, of }
}

fn day_text(format: &str, day: Date) -> Cow<'static, str> {
    Cow::Owned(jiff::fmt::strtime::format(format, day).unwrap_or_default())
}

fn channel<'p>((_, origin): Place<'p>) -> Cow<'p, str> {
    Cow::Borrowed(&origin.channel)
}

fn campaign<'p>((_, origin): Place<'p>) -> Cow<'p, str> {
    Cow::Borrowed(&origin.campaign)
}

fn source<'p>((_, origin): Place<'p>) -> Cow<'p, str> {
    Cow::Borrowed(origin.source)
}

fn medium<'p>((_, origin): Place<'p>) -> Cow<'p, str> {
    Cow::Borrowed(origin.medium)
}

fn source_medium<'p>((_, origin): Place<'p>) -> Cow<'p, str> {
    Cow::Owned(format!("{} / {}", origin.source, origin.medium))
}

fn first_channel<'p>((_, origin): Place<'p>) -> Cow<'p, str> {
    Cow::Borrowed(&origin.first_channel)
}

fn unknown<'p>(_: Place<'p>) -> Cow<'p, str> {
    Cow::Borrowed("unknown")
}

fn not_set<'p>(_: Place<'p>) -> Cow<'p, str> {
    Cow::Borrowed(super::property::NOT_SET)
}

fn weekday<'p>((day, _): Place<'p>) -> Cow<'p, str> {
    Cow::Owned(day.weekday().to_sunday_zero_offset().to_string())
}

const TIME: &str = "Time";
const TRAFFIC: &str = "Traffic source";
const PEOPLE: &str = "Demographics";

/// All that are known here; the vendor has many more.
pub(super) static DIMENSIONS: [Dimension; 28] = [
    dimension("date", "Date", TIME, |(day, _)| day_text("%Y%m%d", day)),
    dimension("year", "Year", TIME, |(day, _)| day_text("%Y", day)),
    dimension("month", "Month", TIME, |(day, _)| day_text("%m", day)),
    dimension("day", "Day", TIME, |(day, _)| day_text("%d", day)),
    dimension("yearMonth", "Year month", TIME, |(day, _)| day_text("%Y%m", day)),
    dimension("isoYearIsoWeek", "ISO week of ISO year", TIME, |(day, _)| day_text("%G%V", day)),
    dimension("dayOfWeek", "Day of week", TIME, weekday),
    dimension("sessionDefaultChannelGroup", "Session default channel group", TRAFFIC, channel),
    dimension("sessionPrimaryChannelGroup", "Session primary channel group", TRAFFIC, channel),
    dimension("sessionCampaignName", "Session campaign", TRAFFIC, campaign),
    dimension("sessionCampaignId", "Session campaign ID", TRAFFIC, not_set),
    dimension("sessionSource", "Session source", TRAFFIC, source),
    dimension("sessionMedium", "Session medium", TRAFFIC, medium),
    dimension("sessionSourceMedium", "Session source / medium", TRAFFIC, source_medium),
    dimension("defaultChannelGroup", "Default channel group", TRAFFIC, channel),
    dimension("campaignName", "Campaign", TRAFFIC, campaign),
    dimension("source", "Source", TRAFFIC, source),
    dimension("medium", "Medium", TRAFFIC, medium),
    dimension("sourceMedium", "Source / medium", TRAFFIC, source_medium),
    dimension("firstUserDefaultChannelGroup", "First user channel", TRAFFIC, first_channel),
    dimension("firstUserPrimaryChannelGroup", "First user group", TRAFFIC, first_channel),
    dimension("firstUserCampaignName", "First user campaign", TRAFFIC, not_set),
    dimension("userAgeBracket", "Age", PEOPLE, unknown),
    dimension("userGender", "Gender", PEOPLE, unknown),
    dimension("brandingInterest", "Interests", PEOPLE, unknown),
    dimension("audienceId", "Audience ID", "User", not_set),
    dimension("audienceName", "Audience name", "User", not_set),
    dimension("hostName", "Hostname", "Page / screen", |_| Cow::Borrowed("www.example.com")),
];

const fn metric(
    name: &'static str,
    title: &'static str,
    category: &'static str,
    kind: &'static str,
) -> Metric {
    Metric { name, title, category, kind }
}

/// All that are known here; the vendor has many more.
pub(super) static METRICS: [Metric; 13] = [
    metric("sessions", "Sessions", "Session", "TYPE_INTEGER"),
    metric("totalUsers", "Total users", "User", "TYPE_INTEGER"),
    metric("activeUsers", "Active users", "User", "TYPE_INTEGER"),
    metric("newUsers", "New users", "User", "TYPE_INTEGER"),
    metric("engagedSessions", "Engaged sessions", "Session", "TYPE_INTEGER"),
    metric("eventCount", "Event count", "Event", "TYPE_INTEGER"),
    metric("screenPageViews", "Views", "Page / screen", "TYPE_INTEGER"),
    metric("keyEvents", "Key events", "Event", "TYPE_FLOAT"),
    metric("userEngagementDuration", "User engagement", "User", "TYPE_SECONDS"),
    metric("engagementRate", "Engagement rate", "Session", "TYPE_FLOAT"),
    metric("bounceRate", "Bounce rate", "Session", "TYPE_FLOAT"),
    metric("sessionsPerUser", "Sessions per user", "Session", "TYPE_FLOAT"),
    metric("averageSessionDuration", "Average session duration", "Session", "TYPE_SECONDS"),
];

impl Dimension {
    /// The dimension of a name.
    pub(super) fn named(name: &str) -> Option<&'static Dimension> {
        DIMENSIONS.iter().find(|dimension| dimension.name == name)
    }

    /// Whether a report with it may be thresholded, by the vendor's list.
    pub(super) fn is_about_people(&self) -> bool {
        ABOUT_PEOPLE.contains(&self.name)
    }

    /// Whether it can have very many values.
    pub(super) fn has_many_values(&self) -> bool {
        MANY.contains(&self.name)
    }
}

impl Metric {
    /// The metric of a name.
    pub(super) fn named(name: &str) -> Option<&'static Metric> {
        METRICS.iter().find(|metric| metric.name == name)
    }
}

/// What the vendor says of a field that it does not know, with the one that may have been meant.
pub(super) fn unknown_field(name: &str, is_metric: bool) -> String {
    let dimensions = DIMENSIONS.iter().map(|dimension| dimension.name);
    let mut known: Box<dyn Iterator<Item = &str>> = match is_metric {
        true => Box::new(METRICS.iter().map(|metric| metric.name)),
        false => Box::new(dimensions),
    };
    let meant = known.find(|known| known.eq_ignore_ascii_case(name));
    let meant = meant.map(|known| format!("Did you mean {known}? ")).unwrap_or_default();
    let kind = if is_metric { "metric" } else { "dimension" };
    format!(
        "{meant}Field {name} is not a valid {kind}. For a list of valid dimensions and metrics, see \
         https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema "
    )
}
