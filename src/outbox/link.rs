//! Links in messages by which people act: signed, so that nobody can make one up, and ending.

use jiff::Timestamp;
use ring::{hmac, rand};

use crate::store::{Store, StoreError};

/// Where the key of the signatures is kept, in the `meta` table.
const KEY: &str = "link_key";
/// Bytes of the key.
const KEY_BYTES: usize = 32;
/// How long a link works.
const SECONDS: i64 = 14 * 86_400;

/// What a link asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Somebody looks after the alert.
    Acknowledge,
    /// Nobody wants to hear of it for a while.
    Silence,
}

impl Action {
    /// Its name in the address.
    pub fn name(self) -> &'static str {
        match self {
            Action::Acknowledge => "acknowledge",
            Action::Silence => "silence",
        }
    }

    /// The action of a name.
    pub fn of(name: &str) -> Option<Action> {
        [Action::Acknowledge, Action::Silence].into_iter().find(|action| action.name() == name)
    }
}

/// Signs links and tells true ones from made-up ones.
pub struct Signer(hmac::Key);

impl Signer {
    /// The signer of a store; its key is made at the first use, and stays in the database. None on a machine
    /// that has no random numbers: a key that can be guessed is worse than no links.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn of(store: &Store) -> Result<Option<Signer>, StoreError> {
        if let Some(key) = store.meta(KEY).await? {
            return Ok(Some(Signer::new(&key)));
        }
        let made = rand::generate::<[u8; KEY_BYTES]>(&rand::SystemRandom::new());
        let Ok(bytes) = made.map(rand::Random::expose) else {
            tracing::error!("this machine has no random numbers, so messages have no links");
            return Ok(None);
        };
        let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut write = store.begin().await?;
        write.set_meta(KEY, &key).await?;
        write.commit().await?;
        Ok(Some(Signer::new(&key)))
    }

    fn new(key: &str) -> Signer {
        Signer(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
    }

    /// The address of an action on an alert, below the page's own.
    pub fn address(&self, public_url: &str, action: Action, alert: i64, now: Timestamp) -> String {
        let until = now.as_second() + SECONDS;
        let tag = hmac::sign(&self.0, text(action, alert, until).as_bytes());
        let signature: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let base = public_url.trim_end_matches('/');
        format!("{base}/act/{}/{alert}?until={until}&signature={signature}", action.name())
    }

    /// Whether a link is ours and has not ended.
    pub fn allows(
        &self,
        action: Action,
        alert: i64,
        until: i64,
        signature: &str,
        now: Timestamp,
    ) -> bool {
        let bytes: Option<Vec<u8>> = (0..signature.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(signature.get(at..at + 2)?, 16).ok())
            .collect();
        let Some(bytes) = bytes else { return false };
        let signed = hmac::verify(&self.0, text(action, alert, until).as_bytes(), &bytes).is_ok();
        signed && now.as_second() < until
    }
}

fn text(action: Action, alert: i64, until: i64) -> String {
    format!("{}:{alert}:{until}", action.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_own_link_works_for_its_own_alert_until_its_end() {
        let signer = Signer::new("a key");
        let now: Timestamp = "2026-11-23T13:00:00Z".parse().unwrap();
        let address = signer.address("https://p.example.com/", Action::Silence, 7, now);
        let (path, query) = address.split_once("?until=").unwrap();
        assert_eq!(path, "https://p.example.com/act/silence/7");
        let (until, signature) = query.split_once("&signature=").unwrap();
        let until: i64 = until.parse().unwrap();
        assert!(signer.allows(Action::Silence, 7, until, signature, now));
        assert!(!signer.allows(Action::Acknowledge, 7, until, signature, now));
        assert!(!signer.allows(Action::Silence, 8, until, signature, now));
        assert!(!signer.allows(Action::Silence, 7, until + 1, signature, now));
        assert!(!Signer::new("another").allows(Action::Silence, 7, until, signature, now));
        assert!(!signer.allows(Action::Silence, 7, until, "zz", now));
        let ended = Timestamp::from_second(until).unwrap();
        assert!(!signer.allows(Action::Silence, 7, until, signature, ended));
    }
}
