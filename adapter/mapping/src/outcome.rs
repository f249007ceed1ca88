//! Turns statuses and transport failures into results. The table of statuses is
//! in this file, the table of transport failures in `transport`.

mod statuses;
mod transport;

pub use statuses::{Statuses, StatusesError};
pub use transport::TransportFailure;

use crate::settings::Settings;

/// What a status or a failure means for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message is delivered.
    Success,
    /// A later attempt may succeed.
    Retry,
    /// No attempt can succeed.
    DeadLetter,
}

/// What a status says about the endpoint, apart from what it means for the
/// message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Whether the endpoint works: a rejected request is the request's fault.
    pub healthy: bool,
    /// Whether the endpoint is overloaded.
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

    /// Returns the condition that a status shows.
    pub fn of(status: u16) -> Self {
        table(status).1
    }
}

/// The table: what each status means for the message, and for the endpoint.
/// Redirects are not followed, because a 3xx says that the URL is wrong.
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

/// Why a message was not delivered, as `wasi:messaging/types.error` defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeError {
    /// There was no response in time; an attempt may be made again.
    Timeout,
    /// The exchange failed; an attempt may be made again.
    Connection(String),
    /// No attempt can succeed.
    Other(String),
}

impl Settings {
    /// Returns what a status means. The user's lists take precedence over the
    /// table.
    pub fn verdict(&self, status: u16) -> Verdict {
        let lists = [
            (&self.successful_on, Verdict::Success),
            (&self.retry_on, Verdict::Retry),
            (&self.dead_letter_on, Verdict::DeadLetter),
        ];
        let listed = lists.iter().find(|(list, _)| list.contain(status));
        listed.map_or_else(|| table(status).0, |(_, verdict)| *verdict)
    }

    /// Returns the result of an exchange that was answered. `body` is the
    /// beginning of the response's body, for the text of the error; it may be
    /// empty.
    pub fn judge(&self, status: u16, body: &[u8]) -> Result<(), ExchangeError> {
        let verdict = self.verdict(status);
        let failed = match verdict {
            Verdict::Success => return Ok(()),
            Verdict::Retry => ExchangeError::Connection,
            Verdict::DeadLetter => ExchangeError::Other,
        };
        let mut text = format!("{} answered {status}", self.endpoint);
        // The other 3xx are not redirects that clients follow; 304 is none.
        if let (301..=303 | 307 | 308, Verdict::DeadLetter) = (status, verdict) {
            text.push_str(" (redirects are not followed: set `to` to the URL that it leads to)");
        }
        let said = excerpt(body);
        if !said.is_empty() {
            text.push_str(": ");
            text.push_str(&said);
        }
        Err(failed(text))
    }

    /// Returns the error of an exchange without a response. `detail` is what the
    /// host adds.
    pub fn transport_error(
        &self,
        failure: TransportFailure,
        detail: Option<&str>,
    ) -> ExchangeError {
        let failed = match failure.class() {
            transport::FailureClass::Timeout => return ExchangeError::Timeout,
            transport::FailureClass::Transient => ExchangeError::Connection,
            transport::FailureClass::Permanent => ExchangeError::Other,
        };
        let mut text = format!("{}: {}", self.endpoint, failure.text());
        if let Some(detail) = detail.filter(|detail| !detail.is_empty()) {
            text.push_str(": ");
            text.push_str(&excerpt(detail.as_bytes()));
        }
        failed(text)
    }
}

/// Quotes foreign bytes in one line: control characters and runs of white space
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
            Err(ExchangeError::Connection(
                "https://h answered 503: busy, try later".into()
            ))
        );
        assert_eq!(
            settings.judge(410, b""),
            Err(ExchangeError::Other("https://h answered 410".into()))
        );
        for (status, is_redirect) in [(301, true), (308, true), (300, false), (304, false)] {
            let Err(ExchangeError::Other(text)) = settings.judge(status, b"") else {
                panic!("{status}");
            };
            assert_eq!(
                text.contains("redirects are not followed"),
                is_redirect,
                "{text}"
            );
        }
    }

    #[test]
    fn failures() {
        let settings = settings(&[]);
        let refused = settings.transport_error(TransportFailure::ConnectionRefused, None);
        assert_eq!(
            refused,
            ExchangeError::Connection("https://h: the connection was refused".into())
        );
        assert_eq!(
            settings.transport_error(
                TransportFailure::HttpRequestDenied,
                Some("not on the allow list")
            ),
            ExchangeError::Other(
                "https://h: the request was denied by the host: not on the allow list".into()
            )
        );
        let late = settings.transport_error(TransportFailure::HttpResponseTimeout, Some("30s"));
        assert_eq!(late, ExchangeError::Timeout);
    }
}
