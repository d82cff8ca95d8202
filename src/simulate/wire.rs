//! HTTP/1.1 over a socket, written out here because the faults must break it on purpose: half a
//! body, a body that never ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

/// Longer request heads are refused, as the vendor refuses long addresses.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Longer addresses are answered with 414.
pub(super) const MAX_TARGET_BYTES: usize = 16 * 1024;
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// A request, read in full.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path and query as they were sent.
    pub(super) target: String,
    /// The path's decoded segments.
    pub(super) segments: Vec<String>,
    /// The query's decoded pairs.
    pub(super) query: Vec<(String, String)>,
    pub(super) authorization: Option<String>,
    /// The other headers, their names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// The length of the request line and the headers.
    pub(super) head_bytes: usize,
    pub(super) body: Vec<u8>,
    keep_alive: bool,
}

impl Request {
    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|p| p.0 == name).map(|p| p.1.as_str())
    }

    /// The value of a header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.0 == name).map(|h| h.1.as_str())
    }

    /// The decoded pairs of a form in the body.
    pub(super) fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    /// Whether a parameter is set to true; some clients write it with a capital.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A list that callers separate by commas, repeat, or both.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.query.iter().filter(|p| p.0 == name).flat_map(|p| p.1.split(','));
        values.map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
    }
}

/// How an answer goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it should.
    Whole,
    /// The length is declared, half is sent, the connection closes.
    Cut,
    /// Chunks without end, with a pause between them.
    Endless { pause_ms: u64 },
}

/// An answer to a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) manner: Manner,
    pub(super) delay_ms: u64,
    /// Lives until the answer is sent, by which a vendor counts what is under way.
    pub(super) under_way: Option<Arc<()>>,
}

impl Answer {
    /// An answer with a JSON body.
    pub(super) fn json(status: u16, body: Vec<u8>) -> Answer {
        let content_type = "application/json;charset=utf-8";
        Answer {
            status,
            content_type,
            headers: Vec::new(),
            body,
            manner: Manner::Whole,
            delay_ms: 0,
            under_way: None,
        }
    }
}

/// Decodes percent signs, and plus signs where `form` is set.
fn decoded(text: &str, form: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        let byte = hex.and_then(|h| u8::from_str_radix(h, 16).ok());
        match (bytes[at], byte) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) if form => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The decoded pairs of a query or a form.
fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name, true), decoded(value, true)))
        .collect()
}

/// Reads more bytes; false at the end of the stream.
async fn fill(stream: &TcpStream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        stream.readable().await?;
        let held = buffer.len();
        buffer.resize(held + 16 * 1024, 0);
        let read = stream.try_read(&mut buffer[held..]);
        buffer.truncate(held + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(count) => return Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn send(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

/// What the head says beside the request itself.
#[derive(Default)]
struct Framing {
    length: usize,
    chunked: bool,
    expects_continue: bool,
}

fn parse_head(head: &str) -> io::Result<(Request, Framing)> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version)) = (first.next(), first.next(), first.next())
    else {
        return Err(bad("the request line is not one"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        segments: path.split('/').filter(|s| !s.is_empty()).map(|s| decoded(s, false)).collect(),
        query: pairs(query),
        head_bytes: head.len(),
        keep_alive: version == "HTTP/1.1",
        ..Request::default()
    };
    let mut framing = Framing::default();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                framing.length = value.parse().map_err(|_| bad("the length is no number"))?;
            }
            "transfer-encoding" => framing.chunked = value.eq_ignore_ascii_case("chunked"),
            "expect" => framing.expects_continue = true,
            "connection" => request.keep_alive &= !value.eq_ignore_ascii_case("close"),
            "authorization" => request.authorization = Some(value.to_owned()),
            other => request.headers.push((other.to_owned(), value.to_owned())),
        }
    }
    Ok((request, framing))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

/// Takes the chunks out of a chunked body, once it is complete: the body and its length raw.
fn unchunked(bytes: &[u8]) -> io::Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let size = String::from_utf8_lossy(&bytes[at..at + line]).into_owned();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .ok()
            .filter(|size| *size <= MAX_BODY_BYTES)
            .ok_or_else(|| bad("the chunk's size is no number"))?;
        let start = at + line + 2;
        let Some(chunk) = bytes.get(start..start + size + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..size]);
        at = start + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

/// Reads the next request; none when the caller has closed the connection.
pub(super) async fn receive(
    stream: &TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let head_bytes = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > MAX_HEAD_BYTES {
            return Err(bad("the head is too long"));
        }
        if !fill(stream, buffer).await? {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_bytes]).into_owned();
    let (mut request, framing) = parse_head(&head)?;
    buffer.drain(..head_bytes + 4);
    if framing.expects_continue {
        send(stream, b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    if framing.length > MAX_BODY_BYTES {
        return Err(bad("the body is too long"));
    }
    loop {
        if framing.chunked {
            if let Some((body, raw_bytes)) = unchunked(buffer)? {
                buffer.drain(..raw_bytes);
                request.body = body;
                return Ok(Some(request));
            }
        } else if buffer.len() >= framing.length {
            request.body = buffer.drain(..framing.length).collect();
            return Ok(Some(request));
        }
        if buffer.len() > 2 * MAX_BODY_BYTES || !fill(stream, buffer).await? {
            return Err(bad("the body ended early"));
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        406 => "Not Acceptable",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        420 => "Enhance Your Calm",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Other",
    }
}

/// Sends an answer; true when the connection stays open for the next request.
pub(super) async fn reply(
    stream: &TcpStream,
    request: &Request,
    answer: &Answer,
) -> io::Result<bool> {
    if answer.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
    }
    let mut out = Vec::with_capacity(answer.body.len() + 512);
    let status = answer.status;
    out.extend_from_slice(format!("HTTP/1.1 {status} {}\r\n", reason(status)).as_bytes());
    if !answer.content_type.is_empty() && status != 204 {
        out.extend_from_slice(format!("Content-Type: {}\r\n", answer.content_type).as_bytes());
    }
    for (name, value) in &answer.headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if let Manner::Endless { pause_ms } = answer.manner {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        send(stream, &out).await?;
        // Blanks are good JSON before a value, so that only a limit of the reader ends this.
        let chunk = [b"400\r\n".as_slice(), &[b' '; 1024], b"\r\n".as_slice()].concat();
        loop {
            send(stream, &chunk).await?;
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }
    if status != 204 {
        out.extend_from_slice(format!("Content-Length: {}\r\n", answer.body.len()).as_bytes());
    }
    if !request.keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    let cut = answer.manner == Manner::Cut;
    let sent = if cut { answer.body.len() / 2 } else { answer.body.len() };
    out.extend_from_slice(&answer.body[..sent]);
    send(stream, &out).await?;
    Ok(request.keep_alive && !cut)
}
