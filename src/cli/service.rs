//! The service manager: it is told when the daemon is ready, and hears regularly that it is well.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::daemon::Ground;

/// How long the store may take to answer before it does not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The service manager, if there is one.
pub struct Service {
    feed_every: Option<tokio::time::Interval>,
}

impl Service {
    /// Says that the daemon is ready.
    pub fn started() -> Service {
        let watchdog = sd_notify::watchdog_enabled();
        let service =
            Service { feed_every: watchdog.map(|limit| tokio::time::interval(limit / 4)) };
        service.ready();
        service
    }

    /// The daemon is ready, or ready again.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// The configuration is being read anew.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(since) => tell(&[NotifyState::Reloading, since]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// The daemon is about to end.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// Waits until the watchdog is to be fed; for ever where there is none.
    pub async fn due(&mut self) {
        match &mut self.feed_every {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Feeds the watchdog, if the store answers, the tick moves and no job is stuck: else the manager
    /// starts the daemon anew.
    pub async fn feed(&self, ground: &Ground) {
        let answers = tokio::time::timeout(ANSWER_TIMEOUT, ground.store.answers()).await;
        let ailment = match answers {
            Err(_) => Some("the database does not answer".to_owned()),
            Ok(Err(error)) => Some(error.to_string()),
            Ok(Ok(())) => ground.pulse.ailment(),
        };
        match ailment {
            None => tell(&[NotifyState::Watchdog]),
            Some(why) => {
                tracing::error!(why, "the watchdog is not fed");
                tell(&[NotifyState::Status(&why)]);
            }
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
