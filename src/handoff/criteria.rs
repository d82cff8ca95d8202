//! What marketing and sales agreed that an opportunity must be: each hand-off is held against it.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::domain::{
    dimension::Dimension,
    facts::{Lead, Opportunity},
    record::PRESENT,
    vocabulary::Vocabulary,
};

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// That there is something.
    Set,
    /// One of these, whatever the case of the letters.
    In(Vec<String>),
    /// None of these.
    NotIn(Vec<String>),
    /// At least so much.
    AtLeast(Decimal),
    /// At most so much.
    AtMost(Decimal),
}

/// One agreed criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// A field of an opportunity, or an attribute of the company's own.
    pub field: String,
    /// All that is asked of it.
    pub tests: Vec<Test>,
}

/// The fields of an opportunity that a criterion can be of; every other name is an attribute.
pub const FIELDS: [&str; 7] =
    ["amount", "channel", "campaign", "segment", "market", "product", "client"];

impl Criterion {
    /// Whether its value matters, and not only that there is one.
    pub fn reads_value(&self) -> bool {
        self.tests.iter().any(|test| *test != Test::Set)
    }

    /// Whether a value meets it. Nothing is none of these, and no number.
    pub fn is_met(&self, value: Option<&str>) -> bool {
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        let among = |names: &[String]| {
            value.is_some_and(|value| {
                let lower = value.to_lowercase();
                names.iter().any(|name| name.to_lowercase() == lower)
            })
        };
        let number = || value.and_then(|value| value.parse::<Decimal>().ok());
        self.tests.iter().all(|test| match test {
            Test::Set => value.is_some(),
            Test::In(names) => among(names),
            Test::NotIn(names) => !among(names),
            Test::AtLeast(least) => number().is_some_and(|number| number >= *least),
            Test::AtMost(most) => number().is_some_and(|number| number <= *most),
        })
    }

    /// `industry in software, retail`; `executive_sponsor is set`.
    pub fn title(&self) -> String {
        let asked = self.tests.iter().map(|test| match test {
            Test::Set => "is set".to_owned(),
            Test::In(names) => format!("in {}", names.join(", ")),
            Test::NotIn(names) => format!("not in {}", names.join(", ")),
            Test::AtLeast(least) => format!("at least {least}"),
            Test::AtMost(most) => format!("at most {most}"),
        });
        format!("{} {}", self.field, asked.collect::<Vec<_>>().join(" and "))
    }
}

/// How a hand-off stands to the criteria.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The criteria that it does not meet.
    pub failed: Vec<String>,
    /// Those of which its source says nothing.
    pub not_known: Vec<String>,
}

impl Audit {
    /// Whether it meets all of them; none where that is not known.
    pub fn met(&self) -> Option<bool> {
        match (self.failed.is_empty(), self.not_known.is_empty()) {
            (false, _) => Some(false),
            (true, true) => Some(true),
            (true, false) => None,
        }
    }
}

/// What is held against the criteria.
pub struct Audited<'a> {
    /// The opportunity.
    pub opportunity: &'a Opportunity,
    /// The lead that it came from.
    pub lead: Option<&'a Lead>,
    /// Its amount in the company's currency; none without an amount or a rate.
    pub worth: Option<Decimal>,
    /// Vendor values to channels.
    pub words: &'a Vocabulary,
}

/// Holds an opportunity against the criteria. `is_filled` says whether its source fills a field.
pub fn audit(
    criteria: &[Criterion],
    audited: &Audited<'_>,
    is_filled: impl Fn(&str) -> bool,
) -> Audit {
    // An amount in a currency without a rate is no small one.
    let unrated = audited.worth.is_none() && audited.opportunity.amount.is_some();
    let mut audit = Audit::default();
    for criterion in criteria {
        if !is_filled(&criterion.field) || (criterion.field == "amount" && unrated) {
            audit.not_known.push(criterion.title());
            continue;
        }
        let value = value(&criterion.field, audited);
        if !criterion.is_met(value.as_deref()) {
            audit.failed.push(criterion.title());
        }
    }
    audit
}

fn value(field: &str, audited: &Audited<'_>) -> Option<String> {
    let Audited { opportunity, lead, worth, words } = *audited;
    let of = |by: Dimension| {
        let own = opportunity.key(by).or_else(|| lead?.inherited(by));
        own.map(str::to_owned)
    };
    match field {
        "amount" => worth.map(|worth| worth.to_string()),
        "channel" => of(Dimension::Channel).map(|value| words.channel(&value).to_owned()),
        "campaign" => of(Dimension::Campaign),
        "segment" => of(Dimension::Segment),
        "market" => of(Dimension::Market),
        "product" => of(Dimension::Product),
        "client" => opportunity.client.as_ref().map(|_| PRESENT.to_owned()),
        own => opportunity.attributes.get(own).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(field: &str, tests: Vec<Test>) -> Criterion {
        Criterion { field: field.into(), tests }
    }

    #[test]
    fn a_criterion_asks_for_presence_membership_or_size() {
        let names = || vec!["Software".to_owned(), "Retail".to_owned()];
        let set = criterion("sponsor", vec![Test::Set]);
        assert!(set.is_met(Some("set")) && !set.is_met(Some("  ")) && !set.is_met(None));
        let within = criterion("industry", vec![Test::In(names())]);
        assert!(within.is_met(Some("software ")) && !within.is_met(Some("farming")));
        assert!(!within.is_met(None), "nothing is none of them");
        let without = criterion("industry", vec![Test::NotIn(names())]);
        assert!(without.is_met(None) && without.is_met(Some("farming")));
        assert!(!without.is_met(Some("RETAIL")));
        let sized = criterion("amount", vec![Test::AtLeast(10.into()), Test::AtMost(20.into())]);
        assert!(sized.is_met(Some("10")) && sized.is_met(Some("20.00")));
        assert!(!sized.is_met(Some("9.99")) && !sized.is_met(Some("many")) && !sized.is_met(None));
        assert_eq!(sized.title(), "amount at least 10 and at most 20");
        assert!(within.reads_value() && !set.reads_value());
    }

    #[test]
    fn what_fails_outweighs_what_is_not_known() {
        let of = |failed: &[&str], not_known: &[&str]| Audit {
            failed: failed.iter().map(|text| (*text).to_owned()).collect(),
            not_known: not_known.iter().map(|text| (*text).to_owned()).collect(),
        };
        assert_eq!(of(&["a"], &["b"]).met(), Some(false));
        assert_eq!(of(&[], &["b"]).met(), None);
        assert_eq!(of(&[], &[]).met(), Some(true));
    }
}
