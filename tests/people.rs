//! One person in several sources counts once, in whatever order the sources are read.

mod support;

use paceline::config::Settings;
use paceline::daemon::sync_source;
use paceline::domain::{Facts, Lead, Object, Record};
use paceline::simulate::Rng;
use paceline::sources::{
    Boxed, Complete, Discovered, Gone, Page, Part, Probe, ReadRequest, Source, SourceError,
};
use paceline::store::Store;
use paceline::sync::{Full, people::People, rollup};
use tokio::sync::mpsc::Sender;

use support::{change_log, clock, rollups, settings_of, write};

const CONFIG: &str = r#"
[identity]
email = true
[source.crm]
kind = "csv"
[[source.crm.file]]
path = "crm.csv"
object = "lead"
[source.crm.file.columns]
id = "id"
created_at = "created"
channel = "channel"
contact = "contact"
email_hash = "mail"
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
lead = "lead"
created_at = "created"
outcome = { const = "open" }
[source.marketing]
kind = "csv"
[[source.marketing.file]]
path = "marketing.csv"
object = "lead"
[source.marketing.file.columns]
id = "id"
created_at = "created"
mql_at = "mql"
channel = "channel"
crm_id = "crm"
email_hash = "mail"
"#;

const CRM: &str = "id,created,channel,contact,mail\n\
    L1,2026-03-05,Web,C1,ada@example.com\n\
    L2,2026-03-06,,,ben@example.com\n\
    L3,2026-03-07,Fair,,\n";
const DEALS: &str = "id,lead,created\nd1,L2,2026-04-10\n";
const MARKETING: &str = "id,created,mql,channel,crm,mail\n\
    1,2026-03-01,2026-03-04,Webinar,C1,\n\
    2,2026-03-02,2026-03-20,Webinar,, Ben@Example.com\n\
    3,2026-03-03,,Webinar,nobody,cy@example.com\n";

async fn sync(settings: &Settings, store: &Store, source: &str, full: Full) {
    let at = clock("2026-05-01T12:00:00Z");
    sync_source(settings, store, &at, source, full, &|_| {}).await.unwrap();
}

async fn read(order: [&str; 2]) -> (tempfile::TempDir, Settings, Store) {
    let (folder, settings) = settings_of(CONFIG);
    for (name, text) in [("crm.csv", CRM), ("deals.csv", DEALS), ("marketing.csv", MARKETING)] {
        write(folder.path(), name, text);
    }
    let store = Store::open(&settings.database).await.unwrap();
    for source in order {
        sync(&settings, &store, source, Full::No).await;
    }
    (folder, settings, store)
}

fn living(facts: &Facts) -> Vec<&Lead> {
    facts.leads.values().filter(|lead| lead.deleted_at.is_none()).collect()
}

/// The roll-ups are those of a rebuild, and the change log tells the same as the tables.
async fn check_derived(store: &Store, settings: &Settings, what: &str) {
    let kept = rollups(store).await;
    rollup::rebuild(store, &settings.company.zone).await.unwrap();
    support::assert_same(&kept, &rollups(store).await, what);
    assert_eq!(change_log(store).await, format!("{:?}", store.facts().await.unwrap()), "{what}");
}

#[tokio::test]
async fn a_person_whom_two_sources_know_counts_once_whichever_is_read_first() {
    let mut seen = Vec::new();
    for order in [["crm", "marketing"], ["marketing", "crm"]] {
        let (_folder, settings, store) = read(order).await;
        let facts = store.facts().await.unwrap();
        let ids: Vec<&str> = living(&facts).iter().map(|lead| lead.key.id.as_str()).collect();
        assert_eq!(ids, ["L1", "L2", "L3", "3"], "{order:?}");
        let told: Vec<_> = living(&facts)
            .iter()
            .map(|lead| {
                let day = |at: Option<paceline::domain::Moment>| at.map(|at| at.to_string());
                (day(lead.created_at), day(lead.mql_at), lead.channel.clone())
            })
            .collect();
        let text = |text: &str| Some(text.to_owned());
        // The first source that knew says when; the CRM's channel counts where it has one.
        assert_eq!(told[0], (text("2026-03-01"), text("2026-03-04"), text("Web")));
        assert_eq!(told[1], (text("2026-03-02"), text("2026-03-20"), text("Webinar")));
        assert_eq!(told[2], (text("2026-03-07"), None, text("Fair")));
        check_derived(&store, &settings, "after both").await;
        let found = store.matched("marketing").await.unwrap();
        assert_eq!((found.leads, found.matched, found.by_address), (3, 2, 1));
        seen.push(rollups(&store).await);
    }
    support::assert_same(&seen[0], &seen[1], "the order of reading");
}

#[tokio::test]
async fn check_says_how_many_are_known_by_two_sources_and_by_what() {
    let (_folder, settings, store) = read(["crm", "marketing"]).await;
    store.close().await;
    // The configuration was read from memory.
    std::fs::write(&settings.file, CONFIG).unwrap();
    let config = &settings.file;
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_paceline"))
        .args(["--config", config.to_str().unwrap(), "check"])
        .output()
        .unwrap();
    let told = String::from_utf8(ran.stdout).unwrap();
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected =
        "2 of 3 leads are leads of crm too, and count once: 1 by its id, 1 by their address";
    assert!(told.contains(expected), "{told}");
}

#[tokio::test]
async fn no_address_is_stored_and_none_is_matched_where_that_is_off() {
    let (folder, _settings, store) = read(["crm", "marketing"]).await;
    store.close().await;
    let text = std::fs::read(folder.path().join("paceline.db")).unwrap();
    let has = |word: &[u8]| text.windows(word.len()).any(|own| own.eq_ignore_ascii_case(word));
    assert!(!has(b"ben@example.com") && !has(b"@example"));
    let (folder, settings) = settings_of(&CONFIG.replace("email = true", "email = false"));
    for (name, text) in [("crm.csv", CRM), ("deals.csv", DEALS), ("marketing.csv", MARKETING)] {
        write(folder.path(), name, text);
    }
    let store = Store::open(&settings.database).await.unwrap();
    for source in ["crm", "marketing"] {
        sync(&settings, &store, source, Full::No).await;
    }
    assert_eq!(living(&store.facts().await.unwrap()).len(), 5);
    let found = store.matched("marketing").await.unwrap();
    assert_eq!((found.matched, found.by_address), (1, 0));
}

#[tokio::test]
async fn whoever_is_forgotten_is_forgotten_in_both_and_still_counts_once() {
    let (_folder, settings, store) = read(["crm", "marketing"]).await;
    let others = store.same_person("crm", "L1").await.unwrap();
    assert_eq!(others.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["1"]);
    let now = support::instant("2026-05-02T12:00:00Z");
    store.forget("crm", "L1", now).await.unwrap();
    store.forget("marketing", "1", now).await.unwrap();
    for source in ["crm", "marketing"] {
        sync(&settings, &store, source, Full::Checked).await;
    }
    assert_eq!(living(&store.facts().await.unwrap()).len(), 4);
    check_derived(&store, &settings, "after forgetting").await;
}

#[tokio::test]
async fn whoever_opted_out_where_only_marketing_knows_has_opted_out() {
    let config = format!("{CONFIG}opted_out_at = \"out\"\n");
    let (folder, settings) = settings_of(&config);
    let marketing = "id,created,mql,channel,crm,mail,out\n1,2026-03-01,,Webinar,C1,,2026-04-02\n";
    for (name, text) in [("crm.csv", CRM), ("deals.csv", DEALS), ("marketing.csv", marketing)] {
        write(folder.path(), name, text);
    }
    let store = Store::open(&settings.database).await.unwrap();
    for source in ["crm", "marketing"] {
        sync(&settings, &store, source, Full::No).await;
    }
    let facts = store.facts().await.unwrap();
    let told: Vec<_> =
        living(&facts).iter().map(|lead| (lead.key.id.as_str(), lead.opt_in)).collect();
    assert_eq!(told, [("L1", Some(false)), ("L2", None), ("L3", None)]);
}

/// A source that tells one page.
struct Told(Part);

impl Source for Told {
    fn objects(&self) -> Vec<Object> {
        vec![Object::Lead]
    }

    fn provides(&self, _: Object, _: &str) -> bool {
        true
    }

    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>> {
        Box::pin(async move {
            let cursor = Some(("all".to_owned(), "told".to_owned()));
            let page = Page { parts: vec![self.0.clone()], cursor, ..Page::default() };
            pages.send(page).await.map_err(|_| SourceError::StoreGone)?;
            Ok(Complete { complete_to: request.started, inventories: Vec::new() })
        })
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        Box::pin(async { Err(SourceError::StoreGone) })
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        Box::pin(async { Err(SourceError::StoreGone) })
    }
}

/// Leads as (id, what the CRM calls them), and merges as (from, into).
async fn tell(store: &Store, source: &str, leads: &[(&str, &str)], merges: &[(&str, &str)]) {
    let record = |(id, crm_id): &(&str, &str)| {
        let mut record = Record::empty(Object::Lead, *id);
        record.set("created_at", Some("2026-03-01".into()));
        record.set("crm_id", (!crm_id.is_empty()).then(|| (*crm_id).to_owned()));
        record
    };
    let gone = merges
        .iter()
        .map(|(from, into)| Gone { into: Some((*into).to_owned()), ..Gone::now(*from) })
        .collect();
    let part = Part { gone, ..Part::of(Object::Lead, leads.iter().map(record).collect()) };
    let reports =
        [("crm", Object::Opportunity), ("crm", Object::Lead), ("marketing", Object::Lead)];
    let reports = reports.map(|(name, object)| (name.to_owned(), vec![object]));
    let people = People::among(Some("crm"), false, &reports).unwrap();
    let clock = clock("2026-05-01T12:00:00Z");
    let told = paceline::sync::Sync {
        store,
        name: source,
        source: &Told(part),
        full: Full::No,
        warns: false,
        people: Some(&people),
        clock: &clock,
        zone: &jiff::tz::TimeZone::UTC,
    };
    paceline::sync::run(&told, &|_| {}).await.unwrap();
}

#[tokio::test]
async fn whoever_was_merged_more_than_once_is_the_one_that_is_left_whenever_marketing_is_read() {
    const ALL: [(&str, &str); 3] = [("A", ""), ("B", ""), ("C", "")];
    // When marketing is read: before, between, after the merges.
    for when in 0..3 {
        // And the merges in two syncs, or both in one page.
        for at_once in [false, true] {
            let (_folder, settings) = settings_of(CONFIG);
            let store = Store::open(&settings.database).await.unwrap();
            let marketing = async |now: usize| {
                if now == when {
                    tell(&store, "marketing", &[("M", "A")], &[]).await;
                }
            };
            tell(&store, "crm", &ALL, &[]).await;
            marketing(0).await;
            if at_once {
                tell(&store, "crm", &[], &[("A", "B"), ("B", "C")]).await;
                marketing(1).await;
            } else {
                tell(&store, "crm", &[], &[("A", "B")]).await;
                marketing(1).await;
                tell(&store, "crm", &[], &[("B", "C")]).await;
            }
            marketing(2).await;
            let facts = store.facts().await.unwrap();
            let ids: Vec<&str> = living(&facts).iter().map(|lead| lead.key.id.as_str()).collect();
            assert_eq!(ids, ["C"], "read at {when}, at once: {at_once}");
            let others = store.same_person("crm", "C").await.unwrap();
            assert_eq!(others.len(), 1, "read at {when}, at once: {at_once}");
            check_derived(&store, &settings, "after the merges").await;
        }
    }
}

/// A row of a file: what may be changed of it at random.
#[derive(Clone, Debug)]
struct Row {
    id: String,
    created: u8,
    /// The contact, or the CRM's id.
    name: String,
    mail: String,
}

fn pick(rng: &mut Rng, many: u64) -> u64 {
    rng.below(many as usize) as u64
}

fn change(rng: &mut Rng, rows: &mut Vec<Row>, prefix: &str, names: &[&str]) {
    let id = format!("{prefix}{}", pick(rng, 6));
    rows.retain(|row| row.id != id);
    if pick(rng, 4) > 0 {
        let name = names[pick(rng, names.len() as u64) as usize].to_owned();
        let mail = ["", "a@example.com", "b@example.com"][pick(rng, 3) as usize].to_owned();
        rows.push(Row { id, created: 1 + pick(rng, 28) as u8, name, mail });
    }
}

/// The rule, applied to what the files say.
fn whom(row: &Row, crm: &[Row]) -> Option<String> {
    let first = |is: &dyn Fn(&&Row) -> bool| {
        let found = crm.iter().filter(is).min_by_key(|own| (own.created, own.id.clone()));
        found.map(|own| own.id.clone())
    };
    first(&|own| own.id == row.name)
        .or_else(|| first(&|own| !row.name.is_empty() && own.name == row.name))
        .or_else(|| first(&|own| !row.mail.is_empty() && own.mail == row.mail))
}

#[tokio::test]
async fn whatever_changes_the_rule_holds_and_the_rollups_follow() {
    let (folder, settings) = settings_of(CONFIG);
    let store = Store::open(&settings.database).await.unwrap();
    write(folder.path(), "deals.csv", "id,lead,created\nd1,L1,2026-04-10\nd2,L3,2026-04-11\n");
    let (mut crm, mut marketing): (Vec<Row>, Vec<Row>) = (Vec::new(), Vec::new());
    let mut rng = Rng::of(20_261_127, "people", 0);
    for round in 0..60 {
        for _ in 0..=pick(&mut rng, 3) {
            change(&mut rng, &mut crm, "L", &["", "C1", "C2", "C3"]);
            change(&mut rng, &mut marketing, "M", &["", "C1", "C2", "L0", "L1", "L2"]);
        }
        let line = |row: &Row| {
            format!("{},2026-01-{:02},x,{},{}\n", row.id, row.created, row.name, row.mail)
        };
        let text: String = crm.iter().map(line).collect();
        write(folder.path(), "crm.csv", &format!("id,created,channel,contact,mail\n{text}"));
        let line = |row: &Row| {
            format!(
                "{},2026-01-{:02},2026-02-01,y,{},{}\n",
                row.id, row.created, row.name, row.mail
            )
        };
        let text: String = marketing.iter().map(line).collect();
        write(folder.path(), "marketing.csv", &format!("id,created,mql,channel,crm,mail\n{text}"));
        let order =
            if pick(&mut rng, 2) == 0 { ["crm", "marketing"] } else { ["marketing", "crm"] };
        for source in order {
            sync(&settings, &store, source, Full::Accepted).await;
            check_derived(&store, &settings, &format!("round {round}, {source}")).await;
        }
        let facts = store.facts().await.unwrap();
        for row in &marketing {
            let found = facts
                .leads
                .values()
                .find(|lead| lead.key.source == "marketing" && lead.key.id == row.id);
            let person = found.unwrap().person.as_ref().map(|key| key.id.clone());
            assert_eq!(person, whom(row, &crm), "round {round}: {row:?}\n{crm:?}");
        }
        let alone = marketing.iter().filter(|row| whom(row, &crm).is_none()).count();
        assert_eq!(living(&facts).len(), crm.len() + alone, "round {round}");
    }
}
