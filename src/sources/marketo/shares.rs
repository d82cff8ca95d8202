//! What a day allows the whole instance, and how much of it is ours.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::Sender;

use crate::sources::http::{Api, EXPORTED, Share, Spent};
use crate::sources::{Page, ReadRequest, SourceError};

/// "50,000 calls a day" and "500 MB a day", of the whole instance.
pub const DAILY_CALLS: u64 = 50_000;
const DAILY_EXPORT_BYTES: u64 = 500_000_000;

/// What is used of the day's calls and bytes of exports.
pub struct Shares {
    /// The calls.
    pub calls: Share,
    exported: Spent,
    bytes_max: u64,
    bytes: AtomicU64,
}

impl Shares {
    /// What was used before this run; the API is told its part.
    pub fn new(request: &ReadRequest, share: f64, api: &Api) -> Shares {
        let calls = Share::begin(api, share, request, Some(DAILY_CALLS));
        let exported = Spent::parse(request.cursors.get(EXPORTED), api.now());
        let bytes_max = (DAILY_EXPORT_BYTES as f64 * share) as u64;
        let bytes_max = bytes_max.saturating_sub(exported.of_day());
        Shares { calls, exported, bytes_max, bytes: AtomicU64::new(0) }
    }

    /// Bytes of an export were read.
    pub fn read(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    /// How many bytes this run has read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Whether another export may be begun.
    pub fn allow_an_export(&self) -> bool {
        self.bytes() < self.bytes_max
    }

    /// Remembers what was used.
    ///
    /// # Errors
    /// When nobody takes pages any more.
    pub async fn note(&self, api: &Api, pages: &Sender<Page>) -> Result<(), SourceError> {
        let mut exported = self.exported.clone();
        exported.add(self.bytes(), api.now());
        for cursor in [self.calls.cursor(api), (EXPORTED.to_owned(), exported.text())] {
            let page = Page { cursor: Some(cursor), ..Page::default() };
            pages.send(page).await.map_err(|_| SourceError::StoreGone)?;
        }
        Ok(())
    }
}
