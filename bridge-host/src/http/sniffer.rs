//! Reads the first bytes of a response beside hyper's own parser: the status, or the other protocol
//! that the server speaks.

/// What the bytes show so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// The status of a final response. The rest of its head may still be invalid.
    Status(u16),
    /// HTTP/2 frames, without TLS.
    Http2,
    /// A TLS record.
    Tls,
    /// None of these.
    Unknown,
}

/// Reads a response byte by byte, up to the status line of the first response that is not
/// informational.
#[derive(Debug, Default)]
pub(super) struct Sniffer {
    line: [u8; LINE],
    length: usize,
    /// Set within the head of an informational response: the number of line ends since the last
    /// other byte.
    skipping: Option<u8>,
    seen: Option<Sniffed>,
}

/// How many bytes of a line are enough: a status line without repeated spaces, or the header of an
/// HTTP/2 frame.
const LINE: usize = 16;

impl Sniffer {
    /// Returns what the bytes show so far.
    pub fn sniffed(&self) -> Option<Sniffed> {
        self.seen
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.seen.is_some() {
                return;
            }
            self.take(*byte);
        }
    }

    fn take(&mut self, byte: u8) {
        if let Some(ends) = &mut self.skipping {
            *ends = match byte {
                b'\n' => *ends + 1,
                b'\r' => *ends,
                _ => 0,
            };
            if *ends == 2 {
                *self = Self::default();
            }
            return;
        }
        // As hyper does, skips empty lines before a response, and repeated spaces.
        if self.length == 0 && (byte == b'\r' || byte == b'\n')
            || byte == b' ' && self.line[..self.length].ends_with(b" ")
        {
            return;
        }
        self.line[self.length] = byte;
        self.length += 1;
        match read(&self.line[..self.length]) {
            Some(Sniffed::Status(100 | 102..=199)) => self.skipping = Some(0),
            Some(seen) => self.seen = Some(seen),
            None if self.length == LINE => self.seen = Some(Sniffed::Unknown),
            None => {}
        }
    }
}

/// Returns what the beginning of a line shows, or `None` if more bytes are needed.
fn read(line: &[u8]) -> Option<Sniffed> {
    const VERSION: &[u8] = b"HTTP/1.";
    match line {
        [b'H', ..] => {
            let known = line.len().min(VERSION.len());
            if line[..known] != VERSION[..known] {
                return Some(Sniffed::Unknown);
            }
            let status = line.get(VERSION.len()..)?;
            match status {
                [_, b' ', a, b, c] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
                    let digit = |digit: &u8| u16::from(digit - b'0');
                    let status = 100 * digit(a) + 10 * digit(b) + digit(c);
                    Some(match status {
                        100.. => Sniffed::Status(status),
                        _ => Sniffed::Unknown,
                    })
                }
                _ if status.len() >= 5 => Some(Sniffed::Unknown),
                _ => None,
            }
        }
        // The record of an alert, or of a handshake.
        [0x15 | 0x16, 0x03, ..] => Some(Sniffed::Tls),
        // A short frame of a type that a server sends first, SETTINGS or GOAWAY, on stream 0.
        [0, 0, _, 0x04 | 0x07, _, 0, 0, 0, 0] => Some(Sniffed::Http2),
        [0x15 | 0x16] => None,
        [0, rest @ ..] if rest.len() < 8 => None,
        _ => Some(Sniffed::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<Sniffed>) {
        for size in [1, 3, bytes.len().max(1)] {
            let mut sniffer = Sniffer::default();
            bytes.chunks(size).for_each(|piece| sniffer.feed(piece));
            assert_eq!(sniffer.sniffed(), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_status_is_read_before_an_invalid_head() {
        check(b"HTTP/1.1 200 OK\r\n\0:\r\n", Some(Sniffed::Status(200)));
        check(b"HTTP/1.0 503", Some(Sniffed::Status(503)));
        check(b"HTTP/1.1   204\r\n", Some(Sniffed::Status(204)));
        check(b"\r\n\r\nHTTP/1.1 404 ", Some(Sniffed::Status(404)));
        check(b"HTTP/1.1 20", None);
        check(b"", None);
    }

    #[test]
    fn informational_responses_are_skipped() {
        let one = b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n";
        check(one, None);
        check(
            &[&one[..], one, b"HTTP/1.1 200 OK"].concat(),
            Some(Sniffed::Status(200)),
        );
        check(
            b"HTTP/1.1 100 Continue\n\nHTTP/1.1 500 ",
            Some(Sniffed::Status(500)),
        );
        check(b"HTTP/1.1 101 Switching", Some(Sniffed::Status(101)));
    }

    #[test]
    fn other_protocols_are_recognized() {
        check(&[0, 0, 18, 4, 0, 0, 0, 0, 0, 0], Some(Sniffed::Http2));
        check(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0], Some(Sniffed::Http2));
        check(&[0x15, 0x03, 0x01, 0, 2], Some(Sniffed::Tls));
        check(b"220 mail.example ESMTP\r\n", Some(Sniffed::Unknown));
        check(b"HTTP/2 200\r\n", Some(Sniffed::Unknown));
        check(b"HTTP/1.1 OK OK OK\r\n", Some(Sniffed::Unknown));
        check(b"HTTP/1.1 099 ", Some(Sniffed::Unknown));
    }
}
