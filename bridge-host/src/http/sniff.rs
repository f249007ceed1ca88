//! The first bytes of a response, read beside hyper's own parser: its status, or
//! which other protocol the server speaks.

/// What the bytes so far tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The status of a final response: whatever follows it in its head.
    Status(u16),
    /// Frames of HTTP/2, without TLS.
    Http2,
    /// A record of TLS.
    Tls,
    /// Neither.
    Unknown,
}

/// Reads byte by byte, to the status line of the first response that is not an
/// informational one.
#[derive(Debug, Default)]
pub(super) struct Sniffer {
    line: [u8; LINE],
    length: usize,
    /// Within the head of an informational response: how many line ends came
    /// without anything between them.
    skipping: Option<u8>,
    seen: Option<Seen>,
}

/// As much of a line as tells everything: a status line, spaces apart, or the
/// header of an HTTP/2 frame.
const LINE: usize = 16;

impl Sniffer {
    /// What was seen so far.
    pub fn seen(&self) -> Option<Seen> {
        self.seen
    }

    /// Takes the next bytes.
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
        // Empty lines in front of a response are forgiven, more spaces too.
        if self.length == 0 && (byte == b'\r' || byte == b'\n')
            || byte == b' ' && self.line[..self.length].ends_with(b" ")
        {
            return;
        }
        self.line[self.length] = byte;
        self.length += 1;
        match read(&self.line[..self.length]) {
            Some(Seen::Status(100 | 102..=199)) => self.skipping = Some(0),
            Some(seen) => self.seen = Some(seen),
            None if self.length == LINE => self.seen = Some(Seen::Unknown),
            None => {}
        }
    }
}

/// What the begin of a line tells, once it is enough.
fn read(line: &[u8]) -> Option<Seen> {
    const VERSION: &[u8] = b"HTTP/1.";
    match line {
        [b'H', ..] => {
            let known = line.len().min(VERSION.len());
            if line[..known] != VERSION[..known] {
                return Some(Seen::Unknown);
            }
            let status = line.get(VERSION.len()..)?;
            match status {
                [_, b' ', a, b, c] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
                    let digit = |digit: &u8| u16::from(digit - b'0');
                    let status = 100 * digit(a) + 10 * digit(b) + digit(c);
                    Some(match status {
                        100.. => Seen::Status(status),
                        _ => Seen::Unknown,
                    })
                }
                _ if status.len() >= 5 => Some(Seen::Unknown),
                _ => None,
            }
        }
        // An alert, or a handshake.
        [0x15 | 0x16, 0x03, ..] => Some(Seen::Tls),
        // A short frame of a kind that a server begins with, SETTINGS or GOAWAY,
        // on the stream that is the connection.
        [0, 0, _, 0x04 | 0x07, _, 0, 0, 0, 0] => Some(Seen::Http2),
        [0x15 | 0x16] => None,
        [0, rest @ ..] if rest.len() < 8 => None,
        _ => Some(Seen::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<Seen>) {
        for size in [1, 3, bytes.len().max(1)] {
            let mut sniffer = Sniffer::default();
            bytes.chunks(size).for_each(|piece| sniffer.feed(piece));
            assert_eq!(sniffer.seen(), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_status_is_read_whatever_follows() {
        check(b"HTTP/1.1 200 OK\r\n\0:\r\n", Some(Seen::Status(200)));
        check(b"HTTP/1.0 503", Some(Seen::Status(503)));
        check(b"HTTP/1.1   204\r\n", Some(Seen::Status(204)));
        check(b"\r\n\r\nHTTP/1.1 404 ", Some(Seen::Status(404)));
        check(b"HTTP/1.1 20", None);
        check(b"", None);
    }

    #[test]
    fn informational_responses_are_passed_over() {
        let one = b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n";
        check(one, None);
        check(
            &[&one[..], one, b"HTTP/1.1 200 OK"].concat(),
            Some(Seen::Status(200)),
        );
        check(
            b"HTTP/1.1 100 Continue\n\nHTTP/1.1 500 ",
            Some(Seen::Status(500)),
        );
        check(b"HTTP/1.1 101 Switching", Some(Seen::Status(101)));
    }

    #[test]
    fn other_protocols_are_told_apart() {
        check(&[0, 0, 18, 4, 0, 0, 0, 0, 0, 0], Some(Seen::Http2));
        check(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0], Some(Seen::Http2));
        check(&[0x15, 0x03, 0x01, 0, 2], Some(Seen::Tls));
        check(b"220 mail.example ESMTP\r\n", Some(Seen::Unknown));
        check(b"HTTP/2 200\r\n", Some(Seen::Unknown));
        check(b"HTTP/1.1 OK OK OK\r\n", Some(Seen::Unknown));
        check(b"HTTP/1.1 099 ", Some(Seen::Unknown));
    }
}
