//! Paging tokens: places in the log or in a list, in the letters and with the padding of the vendor's.

use super::log::Position;

const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for five in text.as_bytes().chunks(5) {
        let mut bits = 0_u64;
        for at in 0..5 {
            bits = bits << 8 | u64::from(five.get(at).copied().unwrap_or(0));
        }
        let used = (five.len() * 8).div_ceil(5);
        for at in 0..8 {
            let letter = LETTERS[(bits >> (35 - 5 * at) & 31) as usize];
            out.push(if at < used { char::from(letter) } else { '=' });
        }
    }
    out
}

fn decoded(token: &str) -> Option<String> {
    let (mut bits, mut held, mut bytes) = (0_u64, 0, Vec::new());
    for letter in token.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = (bits << 5 | value as u64) & 0xffff;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    // The vendor's tokens end with their padding, and one that lost it is another.
    let text = String::from_utf8(bytes).ok()?;
    (encoded(&text) == token).then_some(text)
}

/// The token of a place in the log.
pub(super) fn of_log(position: Position) -> String {
    encoded(&format!("log {:011} {:021}", position.at, position.id))
}

/// The place of a token in the log.
pub(super) fn log(token: &str) -> Option<Position> {
    let text = decoded(token)?;
    let (at, id) = text.strip_prefix("log ")?.split_once(' ')?;
    Some(Position { at: at.parse().ok()?, id: id.parse().ok()? })
}

/// The token of the place behind a record in a list.
pub(super) fn of_list(last: u64) -> String {
    encoded(&format!("list {last:012}"))
}

/// The id of the last record before the place of a token.
pub(super) fn list(token: &str) -> Option<u64> {
    decoded(token)?.strip_prefix("list ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_in_base32_and_can_be_read_again() {
        assert_eq!(encoded("foobar"), "MZXW6YTBOI======");
        assert_eq!(decoded("MZXW6YTBOI======").as_deref(), Some("foobar"));
        let position = Position { at: 1_767_225_600, id: u64::MAX };
        assert!(of_log(position).ends_with("===="));
        assert_eq!(log(&of_log(position)), Some(position));
        assert_eq!(list(&of_list(7)), Some(7));
        assert_eq!(list(&of_log(position)), None);
        assert_eq!(log(of_log(position).trim_end_matches('=')), None);
    }
}
