//! Bodies on their way in: read within their limits of size, memory and time.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout};

use super::answer::Refusal;
use super::memory::{Budget, Held};
use super::publishing::{Publishing, stopping};

/// A publisher that sends nothing for this long is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// A body has this long before its rate is looked at.
const GRACE: Duration = Duration::from_secs(10);
/// The same while the bridge stops: it waits for no publisher that has stalled.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(1);
/// How often a publisher that sends nothing is looked at.
const TICK: Duration = Duration::from_secs(1);
/// The least bytes a second, on average.
const LEAST: u64 = 1 << 10;
/// The same while memory for bodies is short: 64 MiB in five minutes.
const LEAST_WHEN_SHORT: u64 = 256 << 10;
/// Of a body that is not wanted so much beyond the limit is read all the same:
/// a publisher that is still sending would not see the answer.
const DISCARD: u64 = 8 << 20;

/// How fast a body comes.
pub(super) struct Pace {
    publishing: Arc<Publishing>,
    began: Instant,
    last: Instant,
    bytes: u64,
}

impl Pace {
    pub fn new(publishing: &Arc<Publishing>) -> Self {
        let now = Instant::now();
        Self {
            publishing: publishing.clone(),
            began: now,
            last: now,
            bytes: 0,
        }
    }

    /// Begins anew with the next byte: what came so far holds no memory.
    pub fn restart(&mut self) {
        self.bytes = 0;
    }

    fn take(&mut self, bytes: usize) {
        self.last = Instant::now();
        if self.bytes == 0 {
            self.began = self.last;
        }
        self.bytes += bytes as u64;
    }

    /// Whether the bridge stops and the body has stalled.
    fn is_abandoned(&self) -> bool {
        self.publishing.is_closed() && self.last.elapsed() >= PATIENCE_AT_STOP
    }

    /// Why this body is given up, if it is.
    fn fault(&self, is_short: bool) -> Option<Refusal> {
        if self.is_abandoned() {
            return Some(stopping());
        }
        if self.last.elapsed() >= PATIENCE {
            let reason = format!("the body made no progress for {PATIENCE:?}");
            return Some(Refusal::new(StatusCode::REQUEST_TIMEOUT, reason));
        }
        let least = if is_short { LEAST_WHEN_SHORT } else { LEAST };
        let counted = self.began.elapsed().saturating_sub(GRACE);
        let is_slow = self.bytes > 0 && self.bytes < least * counted.as_secs();
        is_slow.then(|| {
            let reason = format!("the body arrives too slowly: less than {least} bytes per second");
            Refusal::new(StatusCode::REQUEST_TIMEOUT, reason)
        })
    }
}

/// Reads the whole body, and takes memory for it as it comes. What announces
/// too much is not begun where the publisher waits to be told.
pub(super) async fn read(
    mut body: Incoming,
    is_expecting: bool,
    budget: &Budget,
    publishing: &Arc<Publishing>,
) -> Result<(Bytes, Held), Refusal> {
    let announced = body.size_hint().exact();
    let mut pace = Pace::new(publishing);
    if announced.is_some_and(|size| size > budget.max) {
        if !is_expecting {
            discard(body, budget.max.saturating_add(DISCARD), pace).await;
        }
        return Err(Refusal::too_large(budget.max));
    }
    let mut held = Held::default();
    // One frame is taken as it is; only what comes in several is copied.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(data) = next(&mut body, &mut pace, budget).await? {
        if first.is_empty() && rest.is_empty() {
            first = data;
            budget.grow(&mut held, first.len() as u64).await?;
            continue;
        }
        let size = first.len().max(rest.len()) + data.len();
        if size as u64 > budget.max {
            discard(body, budget.max.saturating_add(DISCARD), pace).await;
            return Err(Refusal::too_large(budget.max));
        }
        if size > rest.capacity() {
            let room = room(size, announced.unwrap_or(budget.max));
            budget.grow(&mut held, room as u64).await?;
            rest.reserve(room - rest.len());
        }
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
    }
    match rest.is_empty() {
        true if first.len() as u64 > budget.max => Err(Refusal::too_large(budget.max)),
        true => Ok((first, held)),
        false => Ok((rest.freeze(), held)),
    }
}

/// The next size of a buffer that has to hold `size` bytes: twice as much, but
/// no more than `most`.
fn room(size: usize, most: u64) -> usize {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    size.saturating_mul(2).min(most).max(size)
}

/// The next bytes, which are never none, or the end.
pub(super) async fn next(
    body: &mut Incoming,
    pace: &mut Pace,
    budget: &Budget,
) -> Result<Option<Bytes>, Refusal> {
    loop {
        let Ok(frame) = timeout(TICK, body.frame()).await else {
            match pace.fault(budget.is_short()) {
                Some(fault) => return Err(fault),
                None => continue,
            }
        };
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refusal::bad_request("the body ended before its end")),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => {
                    pace.take(data.len());
                    let fault = pace.fault(budget.is_short());
                    return fault.map_or(Ok(Some(data)), Err);
                }
                _ => {}
            },
        }
    }
}

/// Reads what is not wanted, up to so many bytes: a publisher that is still
/// sending sees no answer.
pub(super) async fn discard(mut body: Incoming, max: u64, mut pace: Pace) {
    let mut read = 0;
    let began = Instant::now();
    // A publisher that stands still is not waited for.
    while read < max && began.elapsed() < PATIENCE {
        let frame = match timeout(TICK, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(_) => return,
            Err(_) if pace.is_abandoned() => return,
            Err(_) => continue,
        };
        let Ok(data) = frame.into_data() else { return };
        pace.take(data.len());
        read += data.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_grow_by_doubling_and_no_further_than_needed() {
        assert_eq!(room(100, 1_000), 200);
        assert_eq!(room(600, 1_000), 1_000);
        assert_eq!(room(1_000, 1_000), 1_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_too_slow_is_given_up() {
        let publishing = Arc::new(Publishing::default());
        let mut pace = Pace::new(&publishing);
        let after = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        after(9).await;
        assert_eq!(pace.fault(true), None);
        pace.take(4 << 20);
        after(25).await;
        assert_eq!(pace.fault(true), None, "4 MiB are 16 s of 256 KiB");
        after(2).await;
        assert!(pace.fault(true).unwrap().reason.contains("262144"));
        assert_eq!(pace.fault(false), None);
        after(3).await;
        assert!(pace.fault(false).unwrap().reason.contains("30s"));
        // Lines that come now and then are not slow.
        pace.restart();
        after(5).await;
        pace.take(1);
        assert_eq!(pace.fault(false), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_stalled_does_not_hold_up_a_stop() {
        let publishing = Arc::new(Publishing::default());
        let mut pace = Pace::new(&publishing);
        pace.take(1);
        tokio::time::advance(PATIENCE_AT_STOP).await;
        assert_eq!(pace.fault(false), None);
        publishing.close();
        assert_eq!(pace.fault(false), Some(stopping()));
        pace.take(1);
        assert_eq!(pace.fault(false), None, "it goes on");
    }
}
