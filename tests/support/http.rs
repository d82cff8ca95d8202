//! A server on loopback that answers what it is told to and keeps what it gets.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers in their order; the last one stays.
pub type Answers = VecDeque<&'static str>;

/// The server.
pub struct Server {
    pub address: String,
    pub bodies: Arc<Mutex<Vec<String>>>,
    pub heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts it. An answer is a whole HTTP response, empty for a connection that is cut, or `HISTORY` for
    /// what Slack says of a channel that holds the last body.
    pub async fn start(answers: &[&'static str]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (kept, kept_heads) = (Arc::clone(&bodies), Arc::clone(&heads));
        let mut answers: Answers = answers.iter().copied().collect();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                let mut chunk = [0; 4096];
                loop {
                    let n = stream.read(&mut chunk).await.unwrap_or(0);
                    if n == 0 {
                        break;
                    }
                    bytes.extend_from_slice(&chunk[..n]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head
                        .lines()
                        .find_map(|line| {
                            line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()
                        })
                        .unwrap_or(0);
                    if body.len() >= length {
                        kept.lock().unwrap().push(body.to_owned());
                        kept_heads.lock().unwrap().push(head.to_owned());
                        break;
                    }
                }
                let answer =
                    if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0] };
                let answer = match answer {
                    "HISTORY" => history(&kept.lock().unwrap()),
                    answer => answer.to_owned(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Server { address, bodies, heads }
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}

/// A channel's history that holds the last message that came with metadata.
fn history(bodies: &[String]) -> String {
    let parsed = bodies.iter().rev().filter_map(|body| serde_json::from_str(body).ok());
    let metadata = parsed.map(|body: serde_json::Value| body["metadata"].clone()).next();
    let answer = serde_json::json!({
        "ok": true,
        "messages": [{"ts": "1699.0"}, {"ts": "1700.000200", "metadata": metadata}],
    })
    .to_string();
    let length = answer.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}")
}

/// Slack's answer to a message that it took.
pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
/// Too many messages.
pub const LIMITED: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// Slack is broken.
pub const BROKEN: &str =
    "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// The webhook is gone.
pub const GONE: &str =
    "HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\nconnection: close\r\n\r\nno_service";
/// The connection is cut before an answer.
pub const CUT: &str = "";
