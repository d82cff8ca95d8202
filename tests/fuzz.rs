//! Broken input of every kind: pages, CSV files, configurations, plans. Whatever comes, nothing panics,
//! nothing hangs, and what is refused is refused with a word.
//!
//! Inputs are made from tests/corpus by a seed. `PACELINE_FUZZ=20000 cargo test --release --test fuzz`
//! tries more; one that fails is written to the corpus' folder of its kind and kept there.

mod support;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use paceline::clock::{Clock, Timer};
use paceline::config::{Settings, document::Document, plan_file};
use paceline::sources::{
    self,
    http::{Environment, Pacers},
};
use paceline::store::Store;
use paceline::sync::{self, Full};
use support::{instant, settings_of, write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const NOW: &str = "2026-03-02T09:00:00Z";
/// One input may take so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pieces that break parsers more often than chance would.
const PIECES: [&[u8]; 22] = [
    b"\"",
    b"'",
    b"\n",
    b"\r\n",
    b",",
    b"{",
    b"}",
    b"[",
    b"]",
    b"=",
    b":",
    b"null",
    b"-1",
    b"9999999999999999999999",
    b"1e400",
    b"NaN",
    b"\xff\xfe",
    b"\0",
    b"\xed\xa0\x80",
    b"[[",
    b"\\u0000",
    b"0001-01-01",
];

/// SplitMix64: the same inputs at every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

/// The inputs of a kind, as they lie in the corpus.
fn corpus(kind: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(Path::new("tests/corpus").join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// One of the corpus with one to six mutations.
fn mutated(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = corpus[chance.below(corpus.len())].clone();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        match chance.below(6) {
            0 => bytes.insert(at, chance.below(256) as u8),
            1 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            2 => bytes.truncate(at),
            3 => {
                let end = (at + chance.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let piece = PIECES[chance.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                // A piece of another one, as often as makes it deep.
                let other = &corpus[chance.below(corpus.len())];
                let from = chance.below(other.len());
                let piece = &other[from..(from + chance.below(60)).min(other.len())];
                for _ in 0..=chance.below(3) {
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
    }
    bytes
}

fn rounds(usual: usize) -> usize {
    std::env::var("PACELINE_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Keeps what fails.
struct Witness<'a> {
    kind: &'a str,
    bytes: &'a [u8],
    begun: Instant,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        let slow = self.begun.elapsed() > PATIENCE;
        if std::thread::panicking() || slow {
            let name = format!("failed-{:016x}", sources::id_hash(&format!("{:?}", self.bytes)));
            let path = Path::new("tests/corpus").join(self.kind).join(name);
            std::fs::write(&path, self.bytes).unwrap();
            eprintln!("kept as {}{}", path.display(), if slow { ": it was slow" } else { "" });
        }
    }
}

fn witness<'a>(kind: &'a str, bytes: &'a [u8]) -> Witness<'a> {
    Witness { kind, bytes, begun: Instant::now() }
}

#[test]
fn a_broken_configuration_is_read_or_refused_with_places_and_mends() {
    let (corpus, mut chance) = (corpus("config"), Chance(1));
    let file = Path::new("somewhere/paceline.toml");
    let mut read = 0;
    for _ in 0..rounds(1_500) {
        let bytes = mutated(&corpus, &mut chance);
        let _kept = witness("config", &bytes);
        let text = String::from_utf8_lossy(&bytes);
        let document = Document::from_text(file, &text, None);
        match document.and_then(|document| Settings::from_document(&document)) {
            Ok(_) => read += 1,
            Err(problems) => {
                assert!(!problems.0.is_empty());
                for problem in problems.0 {
                    assert!(!problem.place.is_empty() && !problem.mend.is_empty(), "{problem}");
                }
            }
        }
    }
    assert!(read > 0, "some are still whole");
}

#[test]
fn a_broken_plan_is_read_or_refused_with_places_and_mends() {
    let (corpus, mut chance) = (corpus("plan"), Chance(2));
    let hours = support::settings_of("[company]\ntime_zone = \"UTC\"\n").1.company.hours;
    let mut read = 0;
    for _ in 0..rounds(1_500) {
        let bytes = mutated(&corpus, &mut chance);
        let _kept = witness("plan", &bytes);
        let text = String::from_utf8_lossy(&bytes);
        let document = Document::from_text(Path::new("plan.toml"), &text, None);
        match document.and_then(|document| plan_file::from_document(&document)) {
            Err(problems) => assert!(!problems.0.is_empty()),
            Ok(goals) => {
                for goal in goals {
                    read += 1;
                    let nothing = paceline::plan::Measured::default();
                    let fiscal = paceline::domain::period::FiscalStart { month: 1, day: 1 };
                    if let Err(error) = paceline::plan::lay_out(&goal, &nothing, &hours, fiscal) {
                        assert!(!error.mend.is_empty(), "{error}");
                    }
                }
            }
        }
    }
    assert!(read > 0, "some are still whole");
}

const EXPORT: &str = r#"
[source.export]
kind = "csv"
[[source.export.file]]
path = "deals.csv"
object = "opportunity"
[source.export.file.columns]
id = "id"
lead = "lead"
created_at = "at"
closed_at = "closed"
outcome = { column = "status", map = { Won = "won", Lost = "lost", Open = "open" } }
amount = "amount"
currency = "currency"
owner = "owner"
"#;

#[tokio::test]
async fn a_broken_csv_file_is_read_as_far_as_it_goes() {
    let (corpus, mut chance) = (corpus("csv"), Chance(3));
    let (folder, settings) = settings_of(EXPORT);
    let store = Store::open(&settings.database).await.unwrap();
    let clock = Clock::Fixed(instant(NOW));
    for _ in 0..rounds(150) {
        let bytes = mutated(&corpus, &mut chance);
        let _kept = witness("csv", &bytes);
        std::fs::write(folder.path().join("deals.csv"), &bytes).unwrap();
        let sync = paceline::daemon::sync_source(
            &settings,
            &store,
            &clock,
            "export",
            Full::Accepted,
            &|_| {},
        );
        if let Err(error) = sync.await {
            assert!(error.contains("deals.csv") || error.contains("paceline.toml"), "{error}");
        }
    }
    store.check_integrity().await.unwrap();
}

/// A server that answers every question with the same bytes.
async fn echo(answer: Arc<Mutex<Vec<u8>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut bytes = [0; 16_384];
                let _ = stream.read(&mut bytes).await;
                let body = answer.lock().unwrap().clone();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&body).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_answers_anything_ends_the_sync_with_a_word() {
    let (corpus, mut chance) = (corpus("pages"), Chance(4));
    let answer = Arc::new(Mutex::new(Vec::new()));
    let url = echo(Arc::clone(&answer)).await;
    let (folder, settings) = settings_of(&format!(
        "[source.crm]\nkind = \"hubspot\"\nbase_url = \"{url}\"\ntoken = {{ file = \"token\" }}\n\
         rate_limit = \"none\"\n"
    ));
    write(folder.path(), "token", "token\n");
    let store = Store::open(&settings.database).await.unwrap();
    let environment = Environment {
        timer: Timer::skipping(),
        clock: Clock::default(),
        request_timeout: Some(Duration::from_secs(2)),
        body_bytes_max: 1 << 20,
        ca_file: None,
        pacers: Pacers::default(),
    };
    let zone = &settings.company.zone;
    let clock = Clock::Fixed(instant(NOW));
    for _ in 0..rounds(60) {
        let bytes = mutated(&corpus, &mut chance);
        let _kept = witness("pages", &bytes);
        *answer.lock().unwrap() = bytes.clone();
        let source = sources::open_in("crm", &settings.sources["crm"], zone, &environment);
        let sync = sync::Sync {
            store: &store,
            name: "crm",
            source: source.as_ref(),
            full: Full::No,
            warns: false,
            people: None,
            clock: &clock,
            zone,
        };
        let ended = tokio::time::timeout(PATIENCE, sync::run(&sync, &|_| {})).await;
        if let Err(error) = ended.expect("it hangs") {
            assert!(error.to_string().contains("mend:"), "{error}");
        }
    }
    store.check_integrity().await.unwrap();
}
