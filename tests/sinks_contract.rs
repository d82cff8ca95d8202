//! Every sink over HTTP under every status and fault, and what each of them promises beside.

#[path = "support/http.rs"]
mod http;
mod support;

use http::{BROKEN, CUT, GONE, LIMITED, OK, Server};
use paceline::config::Settings;
use paceline::domain::notice::{AlertNote, Document, Event, EventKind};
use paceline::outbox::{Delivered, deliver_due};
use paceline::store::Store;
use serde_json::{Value, json};
use support::{clock, instant, settings_of, write};

const START: &str = "2026-11-23T13:00:00Z";
/// Slack's answer to a bot whose message it took.
const POSTED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 45\r\nconnection: close\r\n\r\n\
                      {\"ok\":true,\"channel\":\"C1\",\"ts\":\"1700.000100\"}";
/// Slack's answer where the one who asks may not, which comes with 200.
const REFUSED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 40\r\nconnection: close\r\n\r\n\
                       {\"ok\":false,\"error\":\"channel_not_found\"}";

/// The sinks over HTTP, the way to each, and the answer with which it takes a message.
const SINKS: [(&str, &str, &str); 5] = [
    ("slack", "slack = { webhook = { file = \"url\" } }", OK),
    (
        "slack",
        "slack = { token = { file = \"key\" }, channel = \"C1\", base_url = \"URL\" }",
        POSTED,
    ),
    ("webhook", "webhook = { url = { file = \"url\" }, secret = { file = \"key\" } }", OK),
    ("pagerduty", "pagerduty = { routing_key = { file = \"key\" }, base_url = \"URL\" }", OK),
    ("msteams", "msteams = { url = { file = \"url\" } }", OK),
];

struct World {
    folder: tempfile::TempDir,
    settings: Settings,
    store: Store,
    server: Server,
    sink: &'static str,
}

impl World {
    async fn new(sink: &'static str, way: &str, answers: &[&'static str]) -> World {
        let server = Server::start(answers).await;
        let way = way.replace("URL", &server.address);
        let config = format!("[team.sales]\n{way}\n[operator]\nfile = \"operator.txt\"\n");
        let (folder, settings) = settings_of(&config);
        write(folder.path(), "url", &format!("{}/hook/SECRET\n", server.address));
        write(folder.path(), "key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        let store = Store::open(&settings.database).await.unwrap();
        World { folder, settings, store, server, sink }
    }

    async fn say(&self, text: &str, event: Event) {
        self.say_in("alert:1", text, event).await;
    }

    async fn say_in(&self, thread: &str, text: &str, event: Event) {
        let document = Document {
            subject: text.to_owned(),
            text: format!("{text}\n\nOwner  sales *now*\n"),
            html: String::new(),
            blocks: vec![json!({"type": "divider"})],
            event,
        };
        let mut write = self.store.begin().await.unwrap();
        let key = format!("{thread}:{text}");
        let at = instant(START);
        write.enqueue(thread, &key, self.sink, "team.sales", &document, at).await.unwrap();
        write.commit().await.unwrap();
    }

    async fn deliver(&self, at: &str) -> Delivered {
        deliver_due(&self.store, &self.settings, &clock(at)).await.unwrap()
    }

    fn bodies(&self) -> Vec<Value> {
        let bodies = self.server.bodies.lock().unwrap().clone();
        bodies.iter().map(|body| serde_json::from_str(body).unwrap_or_default()).collect()
    }

    fn operator(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("operator.txt")).unwrap_or_default()
    }
}

fn alerts(states: &[&str]) -> Event {
    let note = |(index, state): (usize, &&str)| AlertNote {
        id: index as i64 + 1,
        rule: "pace_behind".into(),
        scope: format!("goal:g/{index}"),
        state: (*state).to_owned(),
        severity: "warning".into(),
        summary: format!("behind {index}"),
        value: 0.7,
        threshold: 0.9,
    };
    let over = states.iter().all(|state| *state == "resolved");
    let alerts = states.iter().enumerate().map(note).collect();
    Event { kind: EventKind::Alert, over, alerts }
}

#[tokio::test]
async fn every_sink_delivers_once_and_waits_as_long_as_it_is_asked_to() {
    for (sink, way, taken) in SINKS {
        let world = World::new(sink, way, &[LIMITED, taken]).await;
        world.say("hello", alerts(&["firing"])).await;
        assert_eq!(world.deliver(START).await.again, 1, "{way}");
        assert_eq!(world.deliver("2026-11-23T13:00:06Z").await, Delivered::default(), "{way}");
        assert_eq!(world.deliver("2026-11-23T13:00:07Z").await.sent, 1, "{way}");
        assert_eq!(world.deliver("2026-11-23T14:00:00Z").await, Delivered::default(), "{way}");
        assert_eq!(world.server.count(), 2, "{way}");
    }
}

#[tokio::test]
async fn every_sink_tries_again_what_may_pass_and_tells_the_operator_of_what_will_not() {
    for (sink, way, taken) in SINKS {
        let world = World::new(sink, way, &[BROKEN, taken, GONE]).await;
        world.say("one", alerts(&["firing"])).await;
        assert_eq!(world.deliver(START).await.again, 1, "{way}");
        assert_eq!(world.deliver("2026-11-23T13:01:00Z").await.sent, 1, "{way}");
        world.say("two", alerts(&["firing"])).await;
        let delivered = world.deliver("2026-11-23T13:02:00Z").await;
        if way.contains("token") {
            // Slack's API never answers so; what is not readable may have arrived.
            assert_eq!(delivered.unknown, 1, "{way}");
            continue;
        }
        assert_eq!((delivered.again, delivered.sent), (1, 1), "{way}: and the operator was told");
        let told = world.operator();
        assert!(told.contains(&format!("Messages by {sink} wait")), "{told}");
        assert!(!told.contains("SECRET") && !told.contains("whsec"), "{told}");
    }
    let (sink, way, _) = SINKS[1];
    let world = World::new(sink, way, &[REFUSED]).await;
    world.say("one", alerts(&["firing"])).await;
    assert_eq!(world.deliver(START).await.again, 1);
    assert!(world.operator().contains("channel_not_found"));
}

/// A webhook that was taken away: nothing is tried on it but one message every six hours, nothing is lost, and
/// the operator hears of it once.
#[tokio::test]
async fn a_way_that_is_refused_for_good_is_switched_off_until_it_is_mended() {
    let (sink, way, taken) = SINKS[0];
    let world = World::new(sink, way, &[GONE, GONE, taken, taken]).await;
    world.say("one", alerts(&["firing"])).await;
    assert_eq!(world.deliver("2026-11-23T13:00:00Z").await.again, 1);
    world.say_in("alert:2", "two", alerts(&["firing"])).await;
    assert_eq!(world.deliver("2026-11-23T13:05:00Z").await.again, 1);
    assert_eq!(world.deliver("2026-11-23T18:00:00Z").await, Delivered::default());
    assert_eq!(world.server.count(), 1, "nothing was tried meanwhile");
    assert_eq!(world.deliver("2026-11-23T19:05:00Z").await.again, 2);
    assert_eq!(world.server.count(), 2, "one was, and the other waits with it");
    assert_eq!(world.operator().matches("Messages by").count(), 1, "{}", world.operator());
    // The operator mends the other side and starts the daemon anew.
    let again = instant("2026-11-23T19:10:00Z");
    paceline::outbox::try_closed_ways(&world.store, again).await.unwrap();
    assert_eq!(world.deliver("2026-11-23T19:10:00Z").await.sent, 2);
}

#[tokio::test]
async fn a_lost_answer_is_a_possible_repeat_but_where_a_repeat_does_no_harm() {
    for (sink, way, taken) in SINKS {
        let world = World::new(sink, way, &[CUT, taken]).await;
        world.say("hello", alerts(&["firing"])).await;
        let first = world.deliver(START).await;
        let harmless = sink == "pagerduty";
        assert_eq!((first.unknown, first.again), if harmless { (0, 1) } else { (1, 0) }, "{way}");
        assert_eq!(world.deliver("2026-11-23T13:05:00Z").await.sent, 1, "{way}");
    }
}

#[tokio::test]
async fn a_webhook_is_signed_as_the_specification_has_it() {
    let (sink, way, taken) = SINKS[2];
    let world = World::new(sink, way, &[BROKEN, taken]).await;
    world.say("hello", alerts(&["firing"])).await;
    world.deliver(START).await;
    world.deliver("2026-11-23T13:01:00Z").await;
    let bodies = world.server.bodies.lock().unwrap().clone();
    assert_eq!(bodies[0], bodies[1], "the same bytes at every try");
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(
        (&body["type"], &body["data"]["alerts"][0]["id"]),
        (&json!("paceline.alert"), &json!(1))
    );
    let heads = world.server.heads.lock().unwrap().clone();
    let header = |head: &str, name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    };
    assert_eq!(header(&heads[0], "webhook-id"), header(&heads[1], "webhook-id"));
    assert_eq!(header(&heads[0], "webhook-timestamp"), instant(START).as_second().to_string());
    assert_ne!(header(&heads[0], "webhook-timestamp"), header(&heads[1], "webhook-timestamp"));
    for (head, body) in heads.iter().zip(&bodies) {
        let id = header(head, "webhook-id");
        let seconds = header(head, "webhook-timestamp");
        let signature = header(head, "webhook-signature");
        let expected = paceline::sinks::webhook::signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            &format!("{id}.{seconds}.{body}"),
        );
        assert_eq!(signature, expected.unwrap());
    }
}

#[tokio::test]
async fn pagerduty_opens_and_resolves_each_alert_by_its_own_key() {
    let (sink, way, taken) = SINKS[3];
    let world = World::new(sink, way, &[taken]).await;
    world.say("two begin", alerts(&["firing", "firing"])).await;
    world.say("one ends", alerts(&["resolved", "firing"])).await;
    world.say("a digest", Event { kind: EventKind::Digest, ..Event::default() }).await;
    world.say("somebody has it", alerts(&["acknowledged"])).await;
    assert_eq!(world.deliver(START).await.sent, 4);
    let events: Vec<(String, String)> = world
        .bodies()
        .iter()
        .map(|body| (body["event_action"].to_string(), body["dedup_key"].to_string()))
        .collect();
    assert_eq!(events.len(), 5, "nobody is woken for a digest");
    let actions: Vec<&str> = events.iter().map(|(action, _)| action.trim_matches('"')).collect();
    assert_eq!(actions, ["trigger", "trigger", "resolve", "trigger", "acknowledge"]);
    assert_eq!(events[0].1, events[2].1);
    assert_ne!(events[0].1, events[1].1);
    assert!(world.bodies().iter().all(|body| body["payload"]["severity"] == "warning"));
}

#[tokio::test]
async fn a_bot_goes_on_in_the_thread_and_rewrites_the_message_when_all_is_over() {
    let (sink, way, taken) = SINKS[1];
    let world = World::new(sink, way, &[taken]).await;
    world.say("begins", alerts(&["firing"])).await;
    world.say("is worse", alerts(&["firing"])).await;
    world.say("is over", alerts(&["resolved"])).await;
    assert_eq!(world.deliver(START).await.sent, 3);
    let heads = world.server.heads.lock().unwrap().clone();
    let asked: Vec<&str> = heads.iter().filter_map(|head| head.split(' ').nth(1)).collect();
    assert_eq!(
        asked,
        ["/chat.postMessage", "/chat.postMessage", "/chat.update", "/chat.postMessage"]
    );
    let bodies = world.bodies();
    assert_eq!(bodies[0]["thread_ts"], Value::Null);
    assert_eq!(
        (&bodies[1]["thread_ts"], &bodies[1]["reply_broadcast"]),
        (&json!("1700.000100"), &json!(true))
    );
    assert_eq!(
        (&bodies[2]["ts"], &bodies[2]["blocks"]),
        (&json!("1700.000100"), &json!([{"type": "divider"}]))
    );
    assert_eq!(
        (&bodies[3]["thread_ts"], &bodies[3]["blocks"]),
        (&json!("1700.000100"), &json!([]))
    );
}

#[tokio::test]
async fn a_bot_looks_for_a_message_that_may_have_arrived_before_it_sends_it_again() {
    let (sink, way, taken) = SINKS[1];
    let world = World::new(sink, way, &[CUT, "HISTORY", taken]).await;
    world.say("hello", alerts(&["firing"])).await;
    assert_eq!(world.deliver(START).await.unknown, 1);
    // The server has it: its history is made of what it got.
    assert_eq!(world.deliver("2026-11-23T13:05:00Z").await.sent, 1);
    let heads = world.server.heads.lock().unwrap().clone();
    let asked: Vec<&str> = heads.iter().filter_map(|head| head.split(['?', ' ']).nth(1)).collect();
    assert_eq!(asked, ["/chat.postMessage", "/conversations.history"], "not posted again");
    world.say("is over", alerts(&["resolved"])).await;
    assert_eq!(world.deliver("2026-11-23T14:00:00Z").await.sent, 1);
    assert_eq!(world.bodies().last().unwrap()["thread_ts"], json!("1700.000200"));
}

#[tokio::test]
async fn a_bot_looks_for_a_reply_in_its_thread_and_a_reply_is_no_root() {
    let (sink, way, taken) = SINKS[1];
    let world = World::new(sink, way, &[taken, CUT, "HISTORY", taken]).await;
    world.say("begins", alerts(&["firing"])).await;
    world.say("is worse", alerts(&["firing"])).await;
    world.deliver(START).await;
    assert_eq!(world.deliver("2026-11-23T13:05:00Z").await.sent, 1);
    world.say("is worse still", alerts(&["firing"])).await;
    assert_eq!(world.deliver("2026-11-23T13:06:00Z").await.sent, 1);
    let heads = world.server.heads.lock().unwrap().clone();
    let asked: Vec<&str> = heads.iter().filter_map(|head| head.split(['?', ' ']).nth(1)).collect();
    let post = "/chat.postMessage";
    assert_eq!(asked, [post, post, "/conversations.replies", post]);
    assert_eq!(world.bodies()[3]["thread_ts"], json!("1700.000100"));
}

#[tokio::test]
async fn a_card_says_what_the_text_says_and_its_marks_do_nothing() {
    let (sink, way, taken) = SINKS[4];
    let world = World::new(sink, way, &[taken]).await;
    world.say("Behind plan: *leads*", alerts(&["firing"])).await;
    assert_eq!(world.deliver(START).await.sent, 1);
    let card = &world.bodies()[0]["attachments"][0]["content"];
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.2")));
    let text = card.to_string();
    assert!(text.contains("\u{2060}*leads\u{2060}*") && text.contains("Owner  sales"), "{text}");
}
