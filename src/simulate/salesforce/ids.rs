//! Record ids: fifteen characters in which case counts, and their form of eighteen in which it need
//! not, since the last three tell which of the fifteen are capitals.

/// In the order of their bytes, so that later ids sort behind earlier ones.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CAPITALS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// The prefix of the object, the pod, and a reserved zero stand before the number.
const POD: &[u8; 3] = b"Qy0";

/// An id in its form of fifteen characters, which sorts by bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key([u8; 15]);

impl Key {
    /// The id of a number under an object's prefix.
    pub(super) fn new(prefix: &str, number: u64) -> Key {
        let mut bytes = [b'0'; 15];
        for (to, from) in bytes.iter_mut().zip(prefix.bytes().chain(POD.iter().copied())) {
            *to = from;
        }
        let mut left = number;
        for place in bytes.iter_mut().skip(6).rev() {
            *place = DIGITS[(left % 62) as usize];
            left /= 62;
        }
        Key(bytes)
    }

    /// Reads either form; none where the text is no id.
    pub(super) fn parse(text: &str) -> Option<Key> {
        let bytes: [u8; 15] = text.as_bytes().get(..15)?.try_into().ok()?;
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let key = Key(bytes);
        match text.len() {
            15 => Some(key),
            18 if key.text() == text => Some(key),
            _ => None,
        }
    }

    /// The three characters that tell the object.
    pub(super) fn prefix(&self) -> &str {
        std::str::from_utf8(&self.0[..3]).unwrap_or("000")
    }

    /// The form of eighteen characters, which is what the vendor's API tells.
    pub(super) fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.0).into_owned();
        for five in self.0.chunks(5) {
            let capitals = five.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
            let bits = capitals.fold(0, |bits, (at, _)| bits | 1 << at);
            text.push(char::from(CAPITALS[bits]));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn both_forms_of_an_id_are_one_id() {
        // From the vendor's description of the two forms.
        let key = Key::parse("001A0000006Vm9r").unwrap();
        assert_eq!(key.text(), "001A0000006Vm9rIAC");
        assert_eq!(Key::parse("001A0000006Vm9rIAC"), Some(key));
        assert_eq!(Key::parse("001A0000006Vm9rXXX"), None);
        assert_eq!(Key::parse("001A0000006V"), None);
    }

    #[test]
    fn later_ids_sort_behind_earlier_ones() {
        let ids: Vec<Key> = [0, 9, 10, 61, 62, 4000].map(|n| Key::new("00Q", n)).to_vec();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].prefix(), "00Q");
    }
}
