//! Lanes: the jobs of one run one after the other, the lanes run side by side. So a source that is
//! slow, or hangs, holds up no other, no check and no message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Ground, supervise, troubles};
use crate::config::Settings;
use crate::schedule::{Job, Lane};
use crate::store::StoreError;

/// What one job makes due for another ends after a few rounds.
const ROUNDS_MAX: usize = 20;

/// The running daemon.
pub struct Daemon {
    ground: Ground,
    busy: BTreeSet<Lane>,
    tasks: JoinSet<(Lane, Result<bool, StoreError>)>,
}

impl Daemon {
    /// A daemon on this ground.
    pub fn new(ground: Ground) -> Daemon {
        Daemon { ground, busy: BTreeSet::new(), tasks: JoinSet::new() }
    }

    /// What its jobs stand on.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Begins what is due and whose lane is free.
    pub async fn tick(&mut self) {
        self.ground.pulse.tick(self.ground.clock.now());
        let due = match self.ground.due().await {
            Ok(due) => due,
            Err(error) => return self.report(&error),
        };
        let mut lanes: BTreeMap<Lane, Vec<Job>> = BTreeMap::new();
        for job in due {
            lanes.entry(job.lane()).or_default().push(job);
        }
        for (lane, jobs) in lanes {
            if self.busy.insert(lane.clone()) {
                let ground = self.ground.clone();
                self.tasks.spawn(async move { (lane, run(&ground, jobs).await) });
            }
        }
    }

    /// Waits until a lane is free again, and says whether anything ran in it that may have made other
    /// jobs due; for ever while none is busy.
    pub async fn ended(&mut self) -> bool {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok((lane, result))) => {
                self.busy.remove(&lane);
                result.unwrap_or_else(|error| {
                    self.report(&error);
                    false
                })
            }
            // Only a defect in the supervision itself gets here; all lanes begin anew.
            Some(Err(stopped)) => {
                tracing::error!(%stopped, "a lane stopped");
                self.busy.clear();
                self.tasks.abort_all();
                self.tasks.detach_all();
                false
            }
        }
    }

    /// Works until nothing runs and nothing is due any more at this moment; what stays due after so many
    /// rounds is left to the next tick.
    pub async fn rest(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.tick().await;
            let mut ran = false;
            while !self.busy.is_empty() {
                ran |= self.ended().await;
            }
            if !ran {
                return;
            }
        }
    }

    /// Takes another configuration; what runs already goes on with the old one.
    pub fn take(&mut self, settings: Settings) {
        self.ground.settings = Arc::new(settings);
    }

    /// Ends: syncs are cut off at once, since they go on where they were; the rest has so long.
    pub async fn drain(mut self, within: Duration) {
        let ends = tokio::time::timeout(within, async {
            while self.busy.iter().any(|lane| !matches!(lane, Lane::Source(_))) {
                self.ended().await;
            }
        });
        if ends.await.is_err() {
            tracing::warn!("work was cut off; it goes on at the next start");
        }
        self.tasks.shutdown().await;
    }

    /// Telling the operator may take minutes, so it goes by itself.
    fn report(&self, error: &StoreError) {
        tracing::error!(%error, "the store does not answer");
        if let Some(trouble) = error.trouble() {
            let (ground, why) = (self.ground.clone(), error.to_string());
            tokio::spawn(async move { troubles::emergency(&ground, trouble, &why).await });
        }
    }
}

/// Says whether any of the jobs ran.
async fn run(ground: &Ground, jobs: Vec<Job>) -> Result<bool, StoreError> {
    let (mut reconciled, mut ran) = (false, false);
    for job in jobs {
        // What is reconciled has been read.
        if matches!(job, Job::Sync(_)) && reconciled {
            continue;
        }
        reconciled |= matches!(job, Job::Reconcile(_));
        ran |= supervise::run(ground, &job).await?.is_some();
    }
    Ok(ran)
}
