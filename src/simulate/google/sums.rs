//! What is added up of sessions. Users are told apart over days and channels, so that theirs do not add
//! up, as the vendor's do not.

use jiff::civil::Date;

/// Per cent of a row's sessions.
const USERS_PERCENT: u64 = 82;
const ACTIVE_PERCENT: u64 = 95;
const NEW_PERCENT: u64 = 60;
const ENGAGED_PERCENT: u64 = 58;
const EVENTS_PER_SESSION: u64 = 6;
const VIEWS_PERCENT: u64 = 210;
/// Of a hundred sessions so many end in a form that is sent.
const KEY_EVENTS_PERCENT: u64 = 2;
const SESSION_SECS: u64 = 95;

/// The sums of a row of a report.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    sessions: u64,
    users: u64,
    most_users: u64,
    new_users: u64,
    engaged: u64,
    last_day: Option<Date>,
    days: u64,
    channels: u64,
}

/// A metric's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Figure {
    Whole(u64),
    Real(f64),
}

impl Figure {
    /// As a number to compare.
    pub(super) fn number(self) -> f64 {
        match self {
            Figure::Whole(whole) => whole as f64,
            Figure::Real(real) => real,
        }
    }

    /// As it is told.
    pub(super) fn text(self) -> String {
        match self {
            Figure::Whole(whole) => whole.to_string(),
            Figure::Real(real) => real.to_string(),
        }
    }
}

fn percent(figure: u64, percent: u64) -> u64 {
    figure * percent / 100
}

fn share(part: u64, whole: u64) -> Figure {
    Figure::Real(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
}

impl Sums {
    /// Adds sessions of a day with one origin; days must come in their order.
    pub(super) fn add(&mut self, day: Date, channel: u64, sessions: u64) {
        let users = (sessions * USERS_PERCENT).div_ceil(100);
        self.sessions += sessions;
        self.users += users;
        self.most_users = self.most_users.max(users);
        self.new_users += percent(sessions, NEW_PERCENT);
        self.engaged += percent(sessions, ENGAGED_PERCENT);
        if self.last_day != Some(day) {
            self.last_day = Some(day);
            self.days += 1;
        }
        self.channels |= 1 << (channel % 64);
    }

    /// Who came on several days or by several channels is one user.
    pub(super) fn users(&self) -> u64 {
        let channels = u64::from(self.channels.count_ones()).max(1);
        let by_day = self.users * 85 / 100 + self.users * 15 / 100 / self.days.max(1);
        let spread = if self.days > 1 { by_day } else { self.users };
        let told = spread * 97 / 100 + spread * 3 / 100 / channels;
        let alone = self.days <= 1 && channels == 1;
        if alone { self.users } else { told.max(self.most_users) }
    }

    /// The value of a metric by its name; none where there is no such metric.
    pub(super) fn figure(&self, metric: &str) -> Option<Figure> {
        let users = self.users();
        Some(match metric {
            "sessions" => Figure::Whole(self.sessions),
            "totalUsers" => Figure::Whole(users),
            "activeUsers" => Figure::Whole((users * ACTIVE_PERCENT).div_ceil(100)),
            "newUsers" => Figure::Whole(self.new_users),
            "engagedSessions" => Figure::Whole(self.engaged),
            "eventCount" => Figure::Whole(self.sessions * EVENTS_PER_SESSION),
            "screenPageViews" => Figure::Whole(percent(self.sessions, VIEWS_PERCENT)),
            "keyEvents" => Figure::Real(percent(self.sessions, KEY_EVENTS_PERCENT) as f64),
            "userEngagementDuration" => Figure::Whole(self.engaged * SESSION_SECS),
            "engagementRate" => share(self.engaged, self.sessions),
            "bounceRate" => share(self.sessions - self.engaged, self.sessions),
            "sessionsPerUser" => share(self.sessions, users),
            "averageSessionDuration" => share(self.engaged * SESSION_SECS, self.sessions),
            _ => return None,
        })
    }
}
