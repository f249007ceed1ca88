//! Handles a system clock whose time HTTP cannot express as a date. hyper's HTTP/1 server formats
//! the date for every connection, even without a `date` header, and panics then. So such
//! connections get a fixed answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::trouble::Troubles;

/// The name of this problem among the troubles.
const TROUBLE: &str = "clock";
/// The first second of the year 10000, after 1970.
const END: Duration = Duration::from_secs(253_402_300_800);
/// The most time that a client has to send its request and to read the answer.
const PATIENCE: Duration = Duration::from_secs(1);

const REASON: &str = "the clock of this machine is set to before 1970 or after 9999: requests get only this answer until the clock is corrected";

/// Returns whether HTTP can express the time that the system clock shows.
pub fn has_date() -> bool {
    is_date(SystemTime::now())
}

/// As [`has_date`], and also raises or clears the trouble with the clock.
pub(super) fn check(troubles: &Troubles) -> bool {
    let has_date = has_date();
    match has_date {
        true => troubles.clear(TROUBLE),
        false => troubles.raise(TROUBLE, REASON.into()),
    }
    has_date
}

/// Answers 503, whatever the client asks.
pub async fn refuse_without_date(mut stream: TcpStream) {
    let body = format!("{}\n", serde_json::json!({ "error": REASON }));
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let answered = async {
        let mut request = [0; 1024];
        // A client does not accept an answer before it has sent a request.
        if stream.read(&mut request).await? > 0 {
            stream.write_all(answer.as_bytes()).await?;
        }
        stream.shutdown().await?;
        // Unread bytes would make the system reset the connection and cut off the answer.
        while stream.read(&mut request).await? > 0 {}
        std::io::Result::Ok(())
    };
    // An error or a timeout here concerns only the client.
    let _ = timeout(PATIENCE, answered).await;
}

fn is_date(time: SystemTime) -> bool {
    time.duration_since(UNIX_EPOCH).is_ok_and(|it| it < END)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last of these times can be expressed as a date.
    #[test]
    fn dates_are_from_1970_to_9999() {
        let second = Duration::from_secs(1);
        for time in [UNIX_EPOCH, UNIX_EPOCH + END - second] {
            assert!(is_date(time));
            assert_eq!(httpdate::fmt_http_date(time).len(), 29);
        }
        assert!(!is_date(UNIX_EPOCH - second) && !is_date(UNIX_EPOCH + END));
    }
}
