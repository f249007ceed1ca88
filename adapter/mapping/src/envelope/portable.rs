//! Metadata with names or values that some proxies drop, all in one header that
//! proxies keep. For example, nginx forwards only names of letters, digits and
//! hyphens.

use crate::header;

/// Returns whether every proxy forwards a header of this name.
pub fn is_portable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Appends an entry to the value of the header.
pub fn add(list: &mut Vec<u8>, name: &str, value: &str) {
    if !list.is_empty() {
        list.push(b'&');
    }
    list.extend(header::percent_encode(name, is_plain));
    list.push(b'=');
    list.extend(header::percent_encode(value, is_plain));
}

/// Reads the entries from the value, in order.
pub fn read(list: &[u8]) -> Vec<(String, String)> {
    let list = header::text(list);
    let plain = |text| String::from_utf8_lossy(&header::unescape(text)).into_owned();
    let entries = list.split('&').filter_map(|entry| entry.split_once('='));
    entries
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-.~".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_there_and_back() {
        let mut list = Vec::new();
        add(&mut list, "order_id", "7");
        add(&mut list, "a.b=&", "ü x");
        assert_eq!(list, b"order%5Fid=7&a.b%3D%26=%C3%BC%20x");
        let expected = [("order_id", "7"), ("a.b=&", "ü x")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(&list), expected);
        assert_eq!(read(b"nonsense&&"), []);
    }

    #[test]
    fn names_of_letters_digits_and_hyphens() {
        assert!(is_portable("x-tenant-7"));
        for name in ["", "order_id", "a.b", "a*", "%68ost"] {
            assert!(!is_portable(name), "{name}");
        }
    }
}
