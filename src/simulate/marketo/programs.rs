//! Programs with their members, the channels that give them their statuses, and e-mails.

use std::sync::Arc;

/// A status of members: its name, its step, and whether it is a success.
pub(super) type Status = (&'static str, u32, bool);

/// What kind of programs there is.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: &'static str,
    pub(super) program_type: &'static str,
    pub(super) statuses: &'static [Status],
}

const ENGAGED: &[Status] = &[("Member", 10, false), ("Engaged", 20, true)];

pub(super) static CHANNELS: [Channel; 7] = [
    Channel { name: "Content", program_type: "Default", statuses: ENGAGED },
    Channel { name: "Online Advertising", program_type: "Default", statuses: ENGAGED },
    Channel {
        name: "Webinar",
        program_type: "Event",
        statuses: &[
            ("Invited", 10, false),
            ("Registered", 20, false),
            ("No Show", 30, false),
            ("Attended", 40, true),
        ],
    },
    Channel {
        name: "Email Send",
        program_type: "Email",
        statuses: &[("Sent", 10, false), ("Opened", 20, false), ("Clicked", 30, true)],
    },
    Channel { name: "Partner", program_type: "Default", statuses: ENGAGED },
    Channel {
        name: "Tradeshow",
        program_type: "Event",
        statuses: &[("Invited", 10, false), ("Visited Booth", 20, true)],
    },
    Channel { name: "Social", program_type: "Default", statuses: ENGAGED },
];

/// The channel of a name; one that is unknown is like the first.
pub(super) fn channel(name: &str) -> &'static Channel {
    CHANNELS.iter().find(|channel| channel.name == name).unwrap_or(&CHANNELS[0])
}

impl Channel {
    /// A status of it; whoever is in no program has the one with the number 0.
    pub(super) fn status(&self, name: &str) -> Option<Status> {
        self.statuses.iter().find(|status| status.0 == name).copied()
    }
}

/// A lead in a program.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) id: u64,
    pub(super) lead: u64,
    pub(super) status: Status,
    /// Whether the program acquired the lead.
    pub(super) acquired: bool,
    pub(super) joined: i64,
    pub(super) updated: i64,
    pub(super) succeeded: Option<i64>,
}

/// A program.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) channel: &'static Channel,
    pub(super) created: i64,
    pub(super) updated: i64,
    /// The first days of months, and what was spent in them.
    pub(super) costs: Vec<(String, f64)>,
    pub(super) tags: Vec<(String, String)>,
    /// The campaign of the CRM that it is linked with: its id and its name.
    pub(super) crm_campaign: Option<(String, String)>,
    /// In the order of the leads.
    pub(super) members: Vec<Member>,
}

impl Program {
    pub(super) fn find(&self, lead: u64) -> Result<usize, usize> {
        self.members.binary_search_by_key(&lead, |member| member.lead)
    }
}

/// An e-mail.
#[derive(Debug, Clone)]
pub(super) struct Email {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) program: Option<u64>,
    pub(super) created: i64,
}
