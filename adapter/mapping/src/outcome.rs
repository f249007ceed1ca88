//! From what came back to a result: the one table of statuses. That of
//! transport failures is in `transport`.

mod statuses;
mod transport;

pub use statuses::{Statuses, StatusesError};
pub use transport::Transport;

use crate::settings::Settings;

/// What a status or a failure means for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Delivered.
    Success,
    /// Later, it may work.
    Retry,
    /// Never.
    DeadLetter,
}

/// What a status says about the endpoint, apart from what it means for the
/// message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// It does not fail: what it refuses, it refuses for a reason.
    pub healthy: bool,
    /// It has too much to do.
    pub overloaded: bool,
}

impl Condition {
    const GOOD: Self = Self {
        healthy: true,
        overloaded: false,
    };
    const BUSY: Self = Self {
        healthy: true,
        overloaded: true,
    };
    const FAILING: Self = Self {
        healthy: false,
        overloaded: false,
    };
    const DOWN: Self = Self {
        healthy: false,
        overloaded: true,
    };

    /// The condition that a status shows.
    pub fn of(status: u16) -> Self {
        table(status).1
    }
}

/// The table: what each status means for the message, and for the endpoint.
/// Redirects are not followed: a 3xx is the endpoint's word that the URL is wrong.
fn table(status: u16) -> (Verdict, Condition) {
    match status {
        200..=299 => (Verdict::Success, Condition::GOOD),
        408 | 425 => (Verdict::Retry, Condition::GOOD),
        429 => (Verdict::Retry, Condition::BUSY),
        503 => (Verdict::Retry, Condition::DOWN),
        500..=599 => (Verdict::Retry, Condition::FAILING),
        600.. => (Verdict::DeadLetter, Condition::FAILING),
        _ => (Verdict::DeadLetter, Condition::GOOD),
    }
}

/// A message that was not delivered, as `wasi:messaging/types.error` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// No answer in time: try again.
    Timeout,
    /// Try again.
    Connection(String),
    /// It will never work.
    Other(String),
}

impl Settings {
    /// What a status means: the user's lists win over the table.
    pub fn verdict(&self, status: u16) -> Verdict {
        let lists = [
            (&self.successful_on, Verdict::Success),
            (&self.retry_on, Verdict::Retry),
            (&self.dead_letter_on, Verdict::DeadLetter),
        ];
        let listed = lists.iter().find(|(list, _)| list.contain(status));
        listed.map_or_else(|| table(status).0, |(_, verdict)| *verdict)
    }

    /// The result of an exchange that was answered. `body` is what there is of
    /// the response's body, and need not be there for a success.
    pub fn judge(&self, status: u16, body: &[u8]) -> Result<(), Failed> {
        let verdict = self.verdict(status);
        let failed = match verdict {
            Verdict::Success => return Ok(()),
            Verdict::Retry => Failed::Connection,
            Verdict::DeadLetter => Failed::Other,
        };
        let mut text = format!("{} answered {status}", self.endpoint);
        // Of the others no client follows any: 304 is no redirect.
        if let (301..=303 | 307 | 308, Verdict::DeadLetter) = (status, verdict) {
            text.push_str(" (redirects are not followed: let `to` name where it leads)");
        }
        let said = excerpt(body);
        if !said.is_empty() {
            text.push_str(": ");
            text.push_str(&said);
        }
        Err(failed(text))
    }

    /// The result of an exchange that was not answered; `detail` is what the
    /// host adds to it.
    pub fn failed(&self, failure: Transport, detail: Option<&str>) -> Failed {
        let failed = match failure.class() {
            transport::Class::Timeout => return Failed::Timeout,
            transport::Class::Heals => Failed::Connection,
            transport::Class::Never => Failed::Other,
        };
        let mut text = format!("{}: {}", self.endpoint, failure.text());
        if let Some(detail) = detail.filter(|detail| !detail.is_empty()) {
            text.push_str(": ");
            text.push_str(&excerpt(detail.as_bytes()));
        }
        failed(text)
    }
}

/// A stranger's bytes as one line of text: controls and runs of white space
/// become one space.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split(|c: char| c.is_control() || c.is_whitespace());
    let mut line = String::with_capacity(text.len());
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let url = [("to.url", "https://h/hooks?key=s3cret")];
        Settings::from_pairs(url.iter().chain(pairs).copied()).unwrap()
    }

    #[test]
    fn every_status() {
        let settings = settings(&[]);
        for status in 100..=599 {
            let expected = match status / 100 {
                2 => Verdict::Success,
                5 => Verdict::Retry,
                4 if [408, 425, 429].contains(&status) => Verdict::Retry,
                _ => Verdict::DeadLetter,
            };
            assert_eq!(settings.verdict(status), expected, "{status}");
        }
    }

    #[test]
    fn every_condition() {
        for status in 100..=700 {
            let condition = Condition::of(status);
            assert_eq!(condition.healthy, status < 500, "{status}");
            let overloaded = [429, 503].contains(&status);
            assert_eq!(condition.overloaded, overloaded, "{status}");
        }
    }

    #[test]
    fn lists_win_over_the_table() {
        let settings = settings(&[
            ("to.successful_on", "304,409"),
            ("to.retry_on", "404"),
            ("to.dead_letter_on", "501,202"),
        ]);
        assert_eq!(settings.verdict(304), Verdict::Success);
        assert_eq!(settings.verdict(404), Verdict::Retry);
        assert_eq!(settings.verdict(501), Verdict::DeadLetter);
        assert_eq!(settings.verdict(202), Verdict::DeadLetter);
        assert_eq!(settings.verdict(201), Verdict::Success);
    }

    #[test]
    fn results_say_who_answered_what() {
        let settings = settings(&[]);
        assert_eq!(settings.judge(204, b""), Ok(()));
        assert_eq!(
            settings.judge(503, b" busy,\r\n\x1b try\tlater \0"),
            Err(Failed::Connection(
                "https://h answered 503: busy, try later".into()
            ))
        );
        assert_eq!(
            settings.judge(410, b""),
            Err(Failed::Other("https://h answered 410".into()))
        );
        for (status, is_redirect) in [(301, true), (308, true), (300, false), (304, false)] {
            let Err(Failed::Other(text)) = settings.judge(status, b"") else {
                panic!("{status}");
            };
            assert_eq!(text.contains("let `to` name"), is_redirect, "{text}");
        }
    }

    #[test]
    fn failures() {
        let settings = settings(&[]);
        let refused = settings.failed(Transport::ConnectionRefused, None);
        assert_eq!(
            refused,
            Failed::Connection("https://h: the connection was refused".into())
        );
        assert_eq!(
            settings.failed(Transport::HttpRequestDenied, Some("not on the allow list")),
            Failed::Other(
                "https://h: the request was denied by the host: not on the allow list".into()
            )
        );
        let late = settings.failed(Transport::HttpResponseTimeout, Some("30s"));
        assert_eq!(late, Failed::Timeout);
    }
}
