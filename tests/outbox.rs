//! Delivery: every status and fault, what is claimed when a program dies, and what it costs.

#[path = "support/http.rs"]
mod http;
mod support;

use http::{BROKEN, CUT, GONE, LIMITED, OK, Server};
use paceline::config::Settings;
use paceline::domain::notice::Document;
use paceline::outbox::{Delivered, deliver_due};
use paceline::store::{Store, outbox::OutboxCounts};
use support::{clock, instant, settings_of, write};

const START: &str = "2026-11-23T13:00:00Z";

fn document(text: &str) -> Document {
    Document {
        event: Default::default(),
        subject: text.to_owned(),
        text: text.to_owned(),
        html: format!("<p>{text}</p>"),
        blocks: vec![serde_json::json!({"type": "divider"})],
    }
}

/// A team behind a webhook that lies in a file, and an operator with a file.
async fn world(server: &Server) -> (tempfile::TempDir, Settings, Store) {
    let (folder, settings) = settings_of(
        "[team.sales]\nslack = { webhook = { file = \"webhook\" } }\n[operator]\nfile = \"operator.txt\"\n",
    );
    write(folder.path(), "webhook", &format!("{}/services/SECRET\n", server.address));
    let store = Store::open(&settings.database).await.unwrap();
    (folder, settings, store)
}

async fn enqueue(store: &Store, thread: &str, text: &str) {
    let mut write = store.begin().await.unwrap();
    let key = format!("{thread}:{text}");
    write
        .enqueue(thread, &key, "slack", "team.sales", &document(text), instant(START))
        .await
        .unwrap();
    write.commit().await.unwrap();
}

async fn deliver(settings: &Settings, store: &Store, at: &str) -> Delivered {
    deliver_due(store, settings, &clock(at)).await.unwrap()
}

#[tokio::test]
async fn a_message_is_sent_once_and_put_in_once() {
    let server = Server::start(&[OK]).await;
    let (_folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "hello").await;
    enqueue(&store, "alert:1", "hello").await;
    assert_eq!(deliver(&settings, &store, START).await.sent, 1);
    assert_eq!(deliver(&settings, &store, START).await, Delivered::default());
    assert_eq!(server.count(), 1);
    assert!(server.bodies.lock().unwrap()[0].contains("\"text\":\"hello\""));
}

#[tokio::test]
async fn a_limit_waits_as_long_as_it_is_asked_to() {
    let server = Server::start(&[LIMITED, OK]).await;
    let (_folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "hello").await;
    assert_eq!(deliver(&settings, &store, START).await.again, 1);
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:00:06Z").await, Delivered::default());
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:00:07Z").await.sent, 1);
}

#[tokio::test]
async fn a_broken_server_is_asked_again_later_and_a_dead_webhook_is_the_operators_business() {
    let server = Server::start(&[BROKEN, OK, GONE]).await;
    let (folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "hello").await;
    assert_eq!(deliver(&settings, &store, START).await.again, 1);
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:01:00Z").await.sent, 1);
    enqueue(&store, "alert:2", "farewell").await;
    let delivered = deliver(&settings, &store, "2026-11-23T13:02:00Z").await;
    assert_eq!((delivered.again, delivered.sent), (1, 1), "it waits, and the operator was told");
    let told = std::fs::read_to_string(folder.path().join("operator.txt")).unwrap();
    assert!(told.contains("Messages by slack wait") && told.contains("404"), "{told}");
    assert!(!told.contains("SECRET"));
}

#[tokio::test]
async fn a_webhook_that_was_replaced_is_tried_at_once() {
    let server = Server::start(&[GONE, OK, OK]).await;
    let (folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "hello").await;
    assert_eq!(deliver(&settings, &store, START).await.again, 1);
    enqueue(&store, "alert:2", "farewell").await;
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:10:00Z").await.again, 1);
    write(folder.path(), "webhook", &format!("{}/services/ANOTHER\n", server.address));
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:20:00Z").await.sent, 2);
}

/// An answer was lost, then the webhook was gone for a while: the message may still be a repeat.
#[tokio::test]
async fn what_may_be_a_repeat_stays_one_whatever_comes_between() {
    let server = Server::start(&[CUT, GONE, BROKEN, OK]).await;
    let (_folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "hello").await;
    assert_eq!(deliver(&settings, &store, START).await.unknown, 1);
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:05:00Z").await.again, 1);
    assert_eq!(deliver(&settings, &store, "2026-11-23T19:05:00Z").await.again, 1);
    assert_eq!(deliver(&settings, &store, "2026-11-23T19:30:00Z").await.sent, 1);
    let bodies = server.bodies.lock().unwrap();
    let repeat = bodies.iter().map(|body| body.contains("repeat")).collect::<Vec<_>>();
    assert_eq!(repeat, [false, true, true, true], "{bodies:?}");
}

#[tokio::test]
async fn a_lost_answer_is_tried_once_more_as_a_possible_repeat_and_then_marked() {
    let server = Server::start(&[CUT, CUT]).await;
    let (_folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "hello").await;
    assert_eq!(deliver(&settings, &store, START).await.unknown, 1);
    let second = deliver(&settings, &store, "2026-11-23T13:05:00Z").await;
    assert_eq!((second.unknown, second.sent), (1, 1), "not known, and the operator was told");
    assert_eq!(deliver(&settings, &store, "2026-11-24T13:05:00Z").await, Delivered::default());
    let bodies = server.bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 2);
    assert!(!bodies[0].contains("may be a repeat") && bodies[1].contains("may be a repeat"));
    let counts = store.outbox_counts().await.unwrap();
    // The other one is what the operator was told.
    assert_eq!(counts, OutboxCounts { unknown: 1, sent: 1, ..OutboxCounts::default() });
}

#[tokio::test]
async fn what_was_claimed_when_the_program_died_is_sent_again_as_a_possible_repeat() {
    let server = Server::start(&[OK]).await;
    let (_folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "hello").await;
    // Claimed, and the program dies before it records anything.
    assert_eq!(store.claim_due(instant(START)).await.unwrap().len(), 1);
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:01:00Z").await, Delivered::default());
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:04:00Z").await.sent, 1);
    assert!(server.bodies.lock().unwrap()[0].contains("may be a repeat"));
}

#[tokio::test]
async fn nobody_hears_of_an_end_before_the_beginning() {
    let server = Server::start(&[BROKEN, OK]).await;
    let (_folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "begins").await;
    enqueue(&store, "alert:1", "ends").await;
    enqueue(&store, "alert:2", "another").await;
    let first = deliver(&settings, &store, START).await;
    assert_eq!((first.again, first.sent), (1, 1), "the other thread goes on");
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:01:00Z").await.sent, 2);
    let texts: Vec<String> = server.bodies.lock().unwrap().clone();
    let order: Vec<&str> = ["begins", "another", "begins", "ends"].to_vec();
    for (body, word) in texts.iter().zip(order) {
        assert!(body.contains(word), "{word}: {body}");
    }
}

#[tokio::test]
async fn a_missing_secret_is_a_failed_try_that_names_the_place() {
    let server = Server::start(&[OK]).await;
    let (folder, settings, store) = world(&server).await;
    std::fs::remove_file(folder.path().join("webhook")).unwrap();
    enqueue(&store, "alert:1", "hello").await;
    assert_eq!(deliver(&settings, &store, START).await.again, 1);
    let error = paceline::sinks::open(&settings, "slack", "team.sales").err().unwrap();
    assert!(error.contains("paceline.toml:2") && error.contains("webhook"), "{error}");
}

#[tokio::test]
async fn an_unreachable_server_fails_without_its_address_in_the_words() {
    let server = Server::start(&[OK]).await;
    let (folder, settings, store) = world(&server).await;
    write(folder.path(), "webhook", "http://127.0.0.1:9/services/SECRET");
    enqueue(&store, "alert:1", "hello").await;
    assert_eq!(deliver(&settings, &store, START).await.again, 1);
    let sink = paceline::sinks::open(&settings, "slack", "team.sales").unwrap();
    let error = sink.check().await.unwrap_err();
    assert!(error.contains("cannot be reached") && !error.contains("SECRET"), "{error}");
}

#[tokio::test]
async fn a_closed_way_is_tried_once_a_round_and_the_operator_hears_of_it_after_some_minutes() {
    let server = Server::start(&[OK]).await;
    let (folder, settings, store) = world(&server).await;
    write(folder.path(), "webhook", "http://127.0.0.1:9/services/SECRET");
    for thread in ["alert:1", "alert:2", "alert:3"] {
        enqueue(&store, thread, "hello").await;
    }
    for at in [START, "2026-11-23T13:01:00Z", "2026-11-23T13:03:00Z", "2026-11-23T13:07:00Z"] {
        assert_eq!(deliver(&settings, &store, at).await.dead, 0);
    }
    let told = std::fs::read_to_string(folder.path().join("operator.txt")).unwrap();
    assert_eq!(told.matches("the way is closed").count(), 1, "{told}");
    write(folder.path(), "webhook", &server.address);
    assert_eq!(deliver(&settings, &store, "2026-11-23T14:00:00Z").await.sent, 3);
}

#[tokio::test]
async fn a_limit_holds_every_message_of_the_webhook() {
    let server = Server::start(&[LIMITED, OK]).await;
    let (_folder, settings, store) = world(&server).await;
    enqueue(&store, "alert:1", "one").await;
    enqueue(&store, "alert:2", "two").await;
    assert_eq!(deliver(&settings, &store, START).await.again, 2);
    assert_eq!(server.count(), 1);
    assert_eq!(deliver(&settings, &store, "2026-11-23T13:00:07Z").await.sent, 2);
}
