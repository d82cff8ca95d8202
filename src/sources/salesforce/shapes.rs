//! Which fields there are, asked once a day and kept beside the cursors.
//!
//! Field-level security makes fields vanish without a word, and asking for one that is not there is an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use super::kind::{Fields, Kind, NEEDED};
use super::map::Stages;
use super::org::{Ask, Org};
use super::wire::Names;
use crate::sources::{Page, ReadRequest, SourceError};

/// The cursor that holds the fields.
pub const KNOWN: &str = "fields";
/// After this they are asked for again.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The fields that were found, and when.
#[derive(Serialize, Deserialize)]
struct Known {
    at: Timestamp,
    /// What was asked for: another configuration asks again.
    asked: Vec<Vec<String>>,
    found: BTreeMap<String, Vec<String>>,
}

/// The fields of each kind, of those that are wanted.
pub async fn shapes(
    org: &Org,
    fields: &Fields,
    request: &ReadRequest,
    pages: &Sender<Page>,
) -> Result<BTreeMap<Kind, Names>, SourceError> {
    let asked: Vec<Vec<String>> = Kind::ALL.iter().map(|kind| fields.asked(*kind)).collect();
    let known = request.cursors.get(KNOWN).and_then(|text| serde_json::from_str(text).ok());
    let fresh = |known: &Known| {
        let age = request.started.duration_since(known.at);
        known.asked == asked && age < KNOWN_FOR && age >= SignedDuration::ZERO
    };
    let known: Known = match known.filter(|known| fresh(known) && !request.full) {
        Some(known) => known,
        None => {
            let found = look(org, &asked).await?;
            let known = Known { at: request.started, asked, found };
            let text = serde_json::to_string(&known).unwrap_or_default();
            let page = Page { cursor: Some((KNOWN.to_owned(), text)), ..Page::default() };
            pages.send(page).await.map_err(|_| SourceError::StoreGone)?;
            known
        }
    };
    let shape = |kind: &Kind| Some((*kind, Arc::from(known.found.get(kind.name())?.clone())));
    Ok(Kind::ALL.iter().filter_map(shape).collect())
}

async fn look(
    org: &Org,
    asked: &[Vec<String>],
) -> Result<BTreeMap<String, Vec<String>>, SourceError> {
    let mut found = BTreeMap::new();
    for (kind, asked) in Kind::ALL.iter().zip(asked) {
        let Some(there) = org.describe(kind.name()).await? else {
            // Nothing is read of kinds that are hidden; but without opportunities there is nothing to measure.
            if *kind == Kind::Opportunity {
                return Err(org.blind().await);
            }
            continue;
        };
        let known = |name: &&String| {
            // A field of a parent is not among the record's own.
            there.contains_key(*name) || name.contains('.')
        };
        let names: Vec<String> = asked.iter().filter(known).cloned().collect();
        if NEEDED.iter().all(|needed| names.iter().any(|name| name == needed)) {
            found.insert(kind.name().to_owned(), names);
        }
    }
    Ok(found)
}

impl Org {
    /// The stages of the company; none where they are hidden.
    pub async fn stages(&self) -> Result<Option<Stages>, SourceError> {
        let names: Names = ["ApiName", "MasterLabel", "IsWon", "IsClosed"]
            .into_iter()
            .map(str::to_owned)
            .collect();
        let question = "SELECT ApiName,MasterLabel,IsWon,IsClosed FROM OpportunityStage".to_owned();
        let Ok(rows) = self.rows("read stages", Ask::Living(question), &names).await? else {
            return Ok(None);
        };
        let mut stages = Stages::new();
        for row in &rows {
            let outcome = match (row.is("IsWon"), row.is("IsClosed")) {
                (true, _) => "won",
                (false, true) => "lost",
                _ => "open",
            };
            // A record holds the name that stays when the label is changed; older ones hold the label.
            for name in ["ApiName", "MasterLabel"].iter().filter_map(|name| row.get(name)) {
                stages.insert(name.to_owned(), outcome);
            }
        }
        Ok(Some(stages))
    }
}
