//! What figures can be split by.

/// What a table has rows by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The company's channels.
    Channel,
    /// Campaigns.
    Campaign,
    /// Owners.
    Owner,
    /// Teams of owners.
    Team,
    /// Segments.
    Segment,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Dimension; 5] = [
        Dimension::Channel,
        Dimension::Campaign,
        Dimension::Owner,
        Dimension::Team,
        Dimension::Segment,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Channel => "channel",
            Dimension::Campaign => "campaign",
            Dimension::Owner => "owner",
            Dimension::Team => "team",
            Dimension::Segment => "segment",
        }
    }

    /// Those that roll-ups are kept by: teams are owners, grouped when read.
    pub const STORED: [Dimension; 4] =
        [Dimension::Channel, Dimension::Campaign, Dimension::Owner, Dimension::Segment];

    /// The dimension as stored.
    pub fn stored(self) -> Dimension {
        if self == Dimension::Team { Dimension::Owner } else { self }
    }
}
