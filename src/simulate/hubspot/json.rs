//! Writes JSON by hand: pages of records are made too often for a tree of values.

/// Appends a JSON string with its quotes.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    // Nearly every text is plain; looking at all its bytes without a branch is the quickest.
    let plain = |byte: u8| (byte >= 0x20) & (byte != b'"') & (byte != b'\\');
    if bytes.iter().fold(true, |so_far, byte| so_far & plain(*byte)) {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if plain(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// Appends a whole number.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let (mut at, mut left) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends an id, which the vendor tells as a string.
pub(super) fn push_id(out: &mut Vec<u8>, id: u64, as_number: bool) {
    if as_number {
        return push_number(out, id);
    }
    out.push(b'"');
    push_number(out, id);
    out.push(b'"');
}

fn put_pair(text: &mut [u8; 24], at: usize, number: u64) {
    text[at] = b'0' + (number / 10 % 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

/// Appends an instant as the vendor writes it, without quotes: `2022-06-13T09:01:25.730Z`.
pub(super) fn push_instant(out: &mut Vec<u8>, at_ms: i64) {
    let (days, ms) = (at_ms.div_euclid(86_400_000), at_ms.rem_euclid(86_400_000) as u64);
    // The civil date of a day number, counted in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * march_month + 2) / 5 + 1) as u64;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 } as u64;
    let year = (year_of_era + era * 400 + i64::from(month <= 2)) as u64;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put_pair(&mut text, 0, year / 100);
    put_pair(&mut text, 2, year % 100);
    put_pair(&mut text, 5, month);
    put_pair(&mut text, 8, day);
    put_pair(&mut text, 11, ms / 3_600_000);
    put_pair(&mut text, 14, ms / 60_000 % 60);
    put_pair(&mut text, 17, ms / 1000 % 60);
    put_pair(&mut text, 20, ms % 1000 / 10);
    text[22] = b'0' + (ms % 10) as u8;
    out.extend_from_slice(&text);
}

/// The same as text.
pub(super) fn instant(at_ms: i64) -> String {
    let mut out = Vec::with_capacity(24);
    push_instant(&mut out, at_ms);
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a property value would pass as a bare JSON number or boolean.
pub(super) fn is_bare(value: &str) -> bool {
    if value == "true" || value == "false" {
        return true;
    }
    let digits = value.strip_prefix('-').unwrap_or(value);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    plain
        && !leading_zero
        && digits.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && digits.as_bytes().last().is_some_and(u8::is_ascii_digit)
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
}

/// The milliseconds of a text that is an epoch in milliseconds, an ISO instant or an ISO day.
pub(super) fn parse_instant(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    parse_iso(text)
}

/// The milliseconds of an ISO instant or day; a bare number is none.
pub(super) fn parse_iso(text: &str) -> Option<i64> {
    if text.len() < 10 || text.as_bytes()[4] != b'-' {
        return None;
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    let day = text.parse::<jiff::civil::Date>().ok()?;
    day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp().as_millisecond())
}
