//! Questions in SOQL, as text: pure.
//!
//! Rows are asked for by (SystemModstamp, Id), which is exact whatever number of rows shares a second; ids
//! are compared by the server only, whose order they are in.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Ids in one question: the address of a request may have 16 KiB.
pub const IDS_MAX: usize = 300;

/// A place in the order of changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The stamp.
    pub at: Timestamp,
    /// The row behind which to go on; all rows of that stamp where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Place {
    /// Before all rows of a stamp.
    pub fn from(at: Timestamp) -> Place {
        Place { at, id: None }
    }
}

/// `SELECT … FROM …`
pub fn select(fields: &[String], object: &str) -> String {
    format!("SELECT {} FROM {object}", fields.join(","))
}

/// What changed from a place on, in its order, up to a stamp that is left out.
pub fn changed(select: &str, from: &Place, until: Option<Timestamp>) -> String {
    let at = instant(from.at);
    let mut filter = match &from.id {
        None => format!("SystemModstamp >= {at}"),
        Some(id) => {
            let id = text(id);
            format!("(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {id}))")
        }
    };
    if let Some(until) = until {
        filter.push_str(&format!(" AND SystemModstamp < {}", instant(until)));
    }
    format!("{select} WHERE {filter} ORDER BY SystemModstamp, Id")
}

/// The middle of a range, in whole seconds; none where it cannot be halved.
pub fn half(from: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let secs = until.duration_since(from).as_secs() / 2;
    if secs < 1 {
        return None;
    }
    from.checked_add(SignedDuration::from_secs(secs)).ok()
}

/// Everything behind an id, in the order of ids; so many rows at most.
pub fn listed(select: &str, after: Option<&str>, limit: Option<u64>) -> String {
    let filter = after.map(|id| format!(" WHERE Id > {}", text(id))).unwrap_or_default();
    let limit = limit.map(|rows| format!(" LIMIT {rows}")).unwrap_or_default();
    format!("{select}{filter} ORDER BY Id{limit}")
}

/// `Id IN ('…','…')`
pub fn within(field: &str, ids: &[String]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| text(id)).collect();
    format!("{field} IN ({})", ids.join(","))
}

/// A text, with what would end it escaped.
pub fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// An instant, as a literal: UTC, without quotes, and without a fraction where there is none.
pub fn instant(at: Timestamp) -> String {
    let form =
        if at.subsec_nanosecond() == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%3fZ" };
    at.strftime(form).to_string()
}

/// An instant of an answer: `2023-05-28T21:10:08.000+0000`, or with `Z` in bulk results.
pub fn moment(text: &str) -> Option<String> {
    if text.len() == 10 {
        return text.parse::<jiff::civil::Date>().ok().map(|day| day.to_string());
    }
    stamp(text).map(|at| at.to_string())
}

/// As [`moment`], where only an instant will do.
pub fn stamp(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: Option<&str>) -> Place {
        Place { at: "2026-11-21T10:00:00Z".parse().unwrap(), id: id.map(str::to_owned) }
    }

    #[test]
    fn a_second_with_thousands_of_rows_is_gone_through_by_id() {
        let select = select(&["Id".into(), "SystemModstamp".into()], "Lead");
        assert_eq!(
            changed(&select, &place(None), None),
            "SELECT Id,SystemModstamp FROM Lead WHERE SystemModstamp >= 2026-11-21T10:00:00Z \
             ORDER BY SystemModstamp, Id"
        );
        let until = "2026-11-22T00:00:00Z".parse().ok();
        assert_eq!(
            changed(&select, &place(Some("00Q1")), until),
            "SELECT Id,SystemModstamp FROM Lead WHERE (SystemModstamp > 2026-11-21T10:00:00Z OR \
             (SystemModstamp = 2026-11-21T10:00:00Z AND Id > '00Q1')) AND SystemModstamp < \
             2026-11-22T00:00:00Z ORDER BY SystemModstamp, Id"
        );
    }

    #[test]
    fn a_text_cannot_end_itself() {
        assert_eq!(text(r"a' OR Name = '\"), r"'a\' OR Name = \'\\'");
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        for told in
            ["2023-05-28T21:10:08.000+0000", "2023-05-28T21:10:08.000Z", "2023-05-28T21:10:08Z"]
        {
            assert_eq!(moment(told).as_deref(), Some("2023-05-28T21:10:08Z"), "{told}");
        }
        assert_eq!(moment("2026-11-20").as_deref(), Some("2026-11-20"));
        assert_eq!(moment("soon"), None);
    }
}
