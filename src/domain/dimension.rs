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
    /// Markets.
    Market,
    /// Products; leads have none.
    Product,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Dimension; 7] = [
        Dimension::Channel,
        Dimension::Campaign,
        Dimension::Owner,
        Dimension::Team,
        Dimension::Segment,
        Dimension::Market,
        Dimension::Product,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Channel => "channel",
            Dimension::Campaign => "campaign",
            Dimension::Owner => "owner",
            Dimension::Team => "team",
            Dimension::Segment => "segment",
            Dimension::Market => "market",
            Dimension::Product => "product",
        }
    }

    /// Those that roll-ups are kept by: teams are owners, grouped when read. Figures by the others are
    /// worked out from the records.
    pub const STORED: [Dimension; 4] =
        [Dimension::Channel, Dimension::Campaign, Dimension::Owner, Dimension::Segment];

    /// Whether roll-ups are kept by it.
    pub fn is_stored(self) -> bool {
        Dimension::STORED.contains(&self.stored())
    }

    /// The dimension as stored.
    pub fn stored(self) -> Dimension {
        if self == Dimension::Team { Dimension::Owner } else { self }
    }
}
