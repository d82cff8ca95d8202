//! What stands in for Slack: a webhook in a mood.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a webhook does with a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Takes,
    Limits,
    Fails,
    /// It takes the message, and the answer is lost.
    TakesSilently,
}

/// What the team's channel got.
#[derive(Debug, Default)]
pub struct Channel {
    /// Title and blocks of each message, without the mark of a possible repeat.
    pub bodies: Vec<(String, String)>,
    /// Messages whose answer was lost.
    pub lost_answers: usize,
}

/// A Slack webhook in a mood.
pub async fn listen(channel: Arc<Mutex<Channel>>, mood: Arc<Mutex<Mood>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/services/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            let (channel, mood) = (Arc::clone(&channel), Arc::clone(&mood));
            tokio::spawn(async move {
                let Some(body) = read_request(&mut stream).await else { return };
                let Some(body) = without_mark(&body) else { return };
                let now = *mood.lock().unwrap();
                let answer = {
                    let mut channel = channel.lock().unwrap();
                    match now {
                        Mood::Takes => {
                            channel.bodies.push(body);
                            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
                        }
                        Mood::Limits => {
                            "HTTP/1.1 429 No\r\nretry-after: 30\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        }
                        Mood::Fails => {
                            "HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        }
                        Mood::TakesSilently => {
                            channel.bodies.push(body);
                            channel.lost_answers += 1;
                            ""
                        }
                    }
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    url
}

fn without_mark(body: &str) -> Option<(String, String)> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let title = body["text"].as_str()?.replace(" (may be a repeat)", "");
    let blocks = body["blocks"].as_array()?.iter().map(ToString::to_string);
    let blocks = blocks.filter(|block| !block.contains("This message may be a repeat."));
    Some((title, blocks.collect()))
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_lowercase().strip_prefix("content-length: ")?.trim().parse::<usize>().ok()
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(body.to_owned());
        }
    }
}
