//! What must hold at the end of each week.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{TEAMS, Weeks, support};

impl Weeks {
    /// The truth.
    pub(super) async fn check(&mut self) {
        let seed = self.seed;
        let (week, at) = (self.tally.weeks, self.now());
        let place = format!("seed {seed}, week {week}, {at}");
        let facts = self.store.facts().await.unwrap();
        let of = |source: &str| -> BTreeSet<u64> {
            let living = facts.leads.values().filter(|lead| lead.deleted_at.is_none());
            let own = living.filter(|lead| lead.key.source == source);
            own.map(|lead| lead.key.id.parse().unwrap()).collect()
        };
        assert_eq!(of("fair"), self.visitors, "{place}: visitors of the fair");
        let leads = of("crm");
        let (lost, kept) = (&self.living - &leads, &leads - &self.living);
        assert!(
            lost.is_empty() && kept.is_empty(),
            "{place}: leads lost {lost:?}, kept {kept:?}; {:?}; {:?}",
            facts
                .leads
                .values()
                .filter(|l| kept.contains(&l.key.id.parse().unwrap()))
                .collect::<Vec<_>>(),
            self.store.cursors("crm").await.unwrap()
        );
        let deals: BTreeSet<u64> =
            facts.opportunities.keys().map(|key| key.id.parse().unwrap()).collect();
        assert_eq!(deals, self.deals.keys().copied().collect(), "{place}: opportunities");
        let counts = self.store.outbox_counts().await.unwrap();
        assert_eq!((counts.pending, counts.dead), (0, 0), "{place}: {counts:?}");
        self.check_messages(&place).await;
        if week % 10 == 0 {
            let fed = support::rollups(&self.store).await;
            let zone = &self.settings.company.zone;
            paceline::sync::rollup::rebuild(&self.store, zone).await.unwrap();
            assert_eq!(fed, support::rollups(&self.store).await, "{place}: roll-ups");
        }
    }

    /// Every message that was put into the outbox arrived; more than once only where the answer was
    /// lost or the process died between sending and recording.
    async fn check_messages(&mut self, place: &str) {
        let file = self.folder.path().join("marketing.txt");
        let told = std::fs::read_to_string(file).unwrap_or_default();
        let channel = self.channel.lock().unwrap();
        let all = self.store.messages_since(Timestamp::UNIX_EPOCH);
        let mut repeats = 0;
        let mut digests: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (key, _, message) in futures_now(all).unwrap() {
            let subject = message.subject.clone();
            let arrived = if key.contains(":slack:team.sales") {
                let title = paceline::domain::notice::slack_escape(&subject);
                channel.bodies.iter().filter(|(known, _)| *known == title).count()
            } else if key.contains(":file:team.marketing") {
                told.matches(message.text.trim_end()).count()
            } else {
                continue;
            };
            assert!(arrived > 0, "{place}: `{key}` ({subject}) was never delivered");
            if key.starts_with("digest:") {
                let week = key.split(':').nth(1).unwrap_or_default().to_owned();
                let team = key.rsplit('.').next().unwrap_or_default().to_owned();
                *digests.entry((week, team)).or_default() += 1;
            }
        }
        for ((week, team), count) in digests {
            assert_eq!(count, 1, "{place}: digest of {week} for {team}");
            self.digests.insert((week, team));
        }
        // Messages go after ninety days; what was seen once was there.
        let weeks: BTreeSet<String> = self.digests.iter().map(|(week, _)| week.clone()).collect();
        for (week, team) in weeks.iter().flat_map(|week| TEAMS.map(|team| (week, team))) {
            let key = (week.clone(), team.to_owned());
            assert!(self.digests.contains(&key), "{place}: no digest of {week} for {team}");
        }
        let distinct: BTreeSet<&(String, String)> = channel.bodies.iter().collect();
        repeats += channel.bodies.len() - distinct.len();
        let heads: Vec<&str> =
            told.lines().filter(|line| line.starts_with("---- message ")).collect();
        let numbers: BTreeSet<&str> =
            heads.iter().filter_map(|head| head.split(' ').nth(2)).collect();
        repeats += heads.len() - numbers.len();
        let allowed = channel.lost_answers + self.tally.kills;
        assert!(repeats <= allowed, "{place}: {repeats} repeats, {allowed} at most");
        self.tally.messages = channel.bodies.len() + heads.len();
        self.tally.repeats = repeats;
        self.tally.digests = self.digests.len();
    }
}

/// The store answers without waiting for anything else, so a lock may be held.
fn futures_now<T: Send>(work: impl std::future::Future<Output = T> + Send) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}
