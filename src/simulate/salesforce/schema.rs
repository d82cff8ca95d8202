//! The objects and their standard fields, as far as a funnel is told by them.

use super::cell::Kind;

/// Where a record keeps the value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Id,
    Deleted,
    Archived,
    Created,
    CreatedBy,
    Modified,
    ModifiedBy,
    Stamp,
    Cell(u16),
}

/// One field of an object.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The objects that a reference may name.
    pub(super) refers: Vec<String>,
    pub(super) slot: Slot,
    pub(super) required: bool,
    /// Whether callers may set it.
    pub(super) writable: bool,
    /// Whether it is a formula.
    pub(super) calculated: bool,
    /// Whether field-level security hides it.
    pub(super) hidden: bool,
}

impl Column {
    /// A field that callers may set.
    pub(super) fn plain(name: &str, kind: Kind, slot: Slot) -> Column {
        Column {
            name: name.to_owned(),
            kind,
            refers: Vec::new(),
            slot,
            required: false,
            writable: true,
            calculated: false,
            hidden: false,
        }
    }

    /// The name of the relation that a reference opens: `OwnerId` opens `Owner`.
    pub(super) fn relation(&self) -> Option<String> {
        if self.kind != Kind::Reference {
            return None;
        }
        match self.name.strip_suffix("__c") {
            Some(custom) => Some(format!("{custom}__r")),
            None => self.name.strip_suffix("Id").map(str::to_owned),
        }
    }

    pub(super) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }
}

/// Name, prefix of the ids, the common fields that it lacks, and its own. An exclamation mark is a
/// field without which none is created, an equals sign one that callers cannot set.
type Told = (&'static str, &'static str, &'static str, &'static str);

pub(super) const OBJECTS: [Told; 13] = [
    (
        "Lead",
        "00Q",
        "",
        "LastName:text! FirstName:text Name:text= Company:text! Email:email Title:text \
         Status:picklist LeadSource:picklist Rating:picklist Industry:picklist \
         OwnerId:ref>User|Group IsConverted:bool= ConvertedDate:date= \
         ConvertedAccountId:ref>Account= ConvertedContactId:ref>Contact= \
         ConvertedOpportunityId:ref>Opportunity= MasterRecordId:ref>Lead= \
         HasOptedOutOfEmail:bool LastActivityDate:date= CurrencyIsoCode:picklist",
    ),
    (
        "Opportunity",
        "006",
        "",
        "Name:text! StageName:picklist! CloseDate:date! Amount:currency Probability:percent \
         ExpectedRevenue:currency= ForecastCategory:picklist= ForecastCategoryName:picklist \
         IsClosed:bool= IsWon:bool= LeadSource:picklist Type:picklist NextStep:text \
         OwnerId:ref>User AccountId:ref>Account CampaignId:ref>Campaign ContactId:ref>Contact= \
         LastStageChangeDate:datetime= LastActivityDate:date= CurrencyIsoCode:picklist",
    ),
    (
        "Task",
        "00T",
        "",
        "Subject:picklist Status:picklist Priority:picklist TaskSubtype:picklist Type:picklist \
         ActivityDate:date IsClosed:bool= CompletedDateTime:datetime= IsArchived:archived= \
         WhoId:ref>Contact|Lead WhatId:ref>Opportunity|Campaign|Account AccountId:ref>Account= \
         OwnerId:ref>User|Group CallType:picklist CallDurationInSeconds:int CallDisposition:text \
         Description:long CurrencyIsoCode:picklist",
    ),
    (
        "Event",
        "00U",
        "",
        "Subject:picklist StartDateTime:datetime EndDateTime:datetime ActivityDateTime:datetime \
         ActivityDate:date DurationInMinutes:int EventSubtype:picklist Type:picklist \
         IsAllDayEvent:bool IsChild:bool= IsArchived:archived= WhoId:ref>Contact|Lead \
         WhatId:ref>Opportunity|Campaign|Account AccountId:ref>Account= OwnerId:ref>User \
         Description:long CurrencyIsoCode:picklist",
    ),
    (
        "Campaign",
        "701",
        "",
        "Name:text! Type:picklist Status:picklist IsActive:bool StartDate:date EndDate:date \
         BudgetedCost:currency ActualCost:currency ParentId:ref>Campaign OwnerId:ref>User \
         CurrencyIsoCode:picklist",
    ),
    (
        "CampaignMember",
        "00v",
        "",
        "CampaignId:ref>Campaign! LeadId:ref>Lead ContactId:ref>Contact Status:picklist \
         HasResponded:bool= FirstRespondedDate:date= LeadOrContactId:ref>Lead|Contact= \
         CurrencyIsoCode:picklist",
    ),
    (
        "User",
        "005",
        "IsDeleted",
        "Username:text Name:text= FirstName:text LastName:text! Email:email IsActive:bool \
         UserType:picklist= Department:text TimeZoneSidKey:picklist",
    ),
    ("Group", "00G", "IsDeleted", "Name:text! DeveloperName:text Type:picklist Email:email"),
    (
        "Contact",
        "003",
        "",
        "LastName:text! FirstName:text Name:text= Email:email AccountId:ref>Account \
         OwnerId:ref>User LeadSource:picklist MasterRecordId:ref>Contact= Title:text \
         CurrencyIsoCode:picklist",
    ),
    (
        "OpportunityContactRole",
        "00K",
        "",
        "OpportunityId:ref>Opportunity! ContactId:ref>Contact! Role:picklist IsPrimary:bool \
         CurrencyIsoCode:picklist",
    ),
    (
        "OpportunityHistory",
        "008",
        "LastModifiedDate LastModifiedById",
        "OpportunityId:ref>Opportunity= StageName:picklist= Amount:currency= \
         ExpectedRevenue:currency= CloseDate:date= Probability:percent= \
         ForecastCategory:picklist= PrevAmount:currency= PrevCloseDate:date= \
         CurrencyIsoCode:picklist=",
    ),
    (
        "OpportunityFieldHistory",
        "017",
        "LastModifiedDate LastModifiedById SystemModstamp",
        "OpportunityId:ref>Opportunity= Field:picklist= DataType:picklist= OldValue:text= \
         NewValue:text=",
    ),
    (
        "OpportunityStage",
        "01J",
        "IsDeleted",
        "MasterLabel:text ApiName:text IsActive:bool SortOrder:int IsClosed:bool IsWon:bool \
         ForecastCategory:picklist ForecastCategoryName:picklist DefaultProbability:percent \
         Description:text",
    ),
];

const COMMON: [(&str, Kind, Slot); 7] = [
    ("IsDeleted", Kind::Boolean, Slot::Deleted),
    ("CreatedDate", Kind::Instant, Slot::Created),
    ("CreatedById", Kind::Reference, Slot::CreatedBy),
    ("LastModifiedDate", Kind::Instant, Slot::Modified),
    ("LastModifiedById", Kind::Reference, Slot::ModifiedBy),
    ("SystemModstamp", Kind::Instant, Slot::Stamp),
    ("Id", Kind::Id, Slot::Id),
];

fn kind(told: &str) -> Kind {
    match told {
        "email" => Kind::Email,
        "picklist" => Kind::Picklist,
        "bool" | "archived" => Kind::Boolean,
        "int" => Kind::Int,
        "currency" => Kind::Currency,
        "percent" => Kind::Percent,
        "date" => Kind::Date,
        "datetime" => Kind::Instant,
        "long" => Kind::LongText,
        "ref" => Kind::Reference,
        _ => Kind::Text,
    }
}

/// The fields of an object: its id, its own, and the common ones.
pub(super) fn columns((_, _, lacking, own): &Told) -> Vec<Column> {
    let mut columns = Vec::new();
    let mut place = 0;
    let common = |columns: &mut Vec<Column>, ids: bool| {
        for (name, kind, slot) in COMMON {
            if (slot == Slot::Id) == ids && !lacking.split(' ').any(|lacks| lacks == name) {
                let refers = match kind {
                    Kind::Reference => vec!["User".to_owned()],
                    _ => Vec::new(),
                };
                columns.push(Column { writable: false, refers, ..Column::plain(name, kind, slot) });
            }
        }
    };
    common(&mut columns, true);
    for field in own.split_whitespace() {
        let required = field.ends_with('!');
        let writable = !field.ends_with('=');
        let field = field.trim_end_matches(['!', '=']);
        let (name, told) = field.split_once(':').unwrap_or((field, "text"));
        let (told, refers) = told.split_once('>').unwrap_or((told, ""));
        let slot = if told == "archived" { Slot::Archived } else { Slot::Cell(place) };
        place += 1;
        let refers = refers.split('|').filter(|name| !name.is_empty()).map(str::to_owned);
        columns.push(Column {
            refers: refers.collect(),
            required,
            writable,
            ..Column::plain(name, kind(told), slot)
        });
    }
    common(&mut columns, false);
    columns
}
