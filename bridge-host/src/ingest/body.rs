//! Reads request bodies within their limits of size, memory and time. What a body
//! contains is read by `message` and `batch`.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout};

use super::body_memory::{BodyMemory, MemoryLease};
use super::reply::PublishError;
use super::state::{IntakeState, stopping};

/// A request whose body makes no progress for this long is answered with 408.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The rate of a body is checked after this time.
const GRACE: Duration = Duration::from_secs(10);
/// [`STALL_TIMEOUT`] while the bridge stops.
const STALL_TIMEOUT_AT_STOP: Duration = Duration::from_secs(1);
/// How often a body that makes no progress is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The lowest average rate, in bytes per second.
const MIN_RATE: u64 = 1 << 10;
/// [`MIN_RATE`] while memory for bodies is short: 64 MiB take at most five minutes.
const MIN_RATE_WHEN_SHORT: u64 = 256 << 10;
/// The most bytes beyond the limit that are read and dropped: a publisher that is still
/// sending would not read the response.
const MAX_DISCARDED: u64 = 8 << 20;

/// Measures the rate at which a body arrives.
pub(super) struct BodyRate {
    state: Arc<IntakeState>,
    began: Instant,
    last: Instant,
    bytes: u64,
}

impl BodyRate {
    pub fn new(state: &Arc<IntakeState>) -> Self {
        let now = Instant::now();
        Self {
            state: state.clone(),
            began: now,
            last: now,
            bytes: 0,
        }
    }

    /// Restarts the measurement with the next byte, once the bytes so far occupy no memory.
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

    /// Returns whether the bridge is stopping and the body has stalled.
    fn is_abandoned(&self) -> bool {
        self.state.is_closed() && self.last.elapsed() >= STALL_TIMEOUT_AT_STOP
    }

    /// Returns the error for a body that has stalled or arrives too slowly.
    fn fault(&self, is_short: bool) -> Option<PublishError> {
        if self.is_abandoned() {
            return Some(stopping());
        }
        if self.last.elapsed() >= STALL_TIMEOUT {
            let reason = format!("the body made no progress for {STALL_TIMEOUT:?}");
            return Some(PublishError::new(StatusCode::REQUEST_TIMEOUT, reason));
        }
        let least = if is_short {
            MIN_RATE_WHEN_SHORT
        } else {
            MIN_RATE
        };
        let counted = self.began.elapsed().saturating_sub(GRACE);
        let is_slow = self.bytes > 0 && self.bytes < least * counted.as_secs();
        is_slow.then(|| {
            let reason = format!("the body arrives too slowly: less than {least} bytes per second");
            PublishError::new(StatusCode::REQUEST_TIMEOUT, reason)
        })
    }
}

/// Reads the whole body, and reserves memory for it as it arrives. A body that is too
/// large by its content-length is not read if the publisher waits for `100 Continue`.
pub(super) async fn read(
    mut body: Incoming,
    is_expecting: bool,
    memory: &BodyMemory,
    state: &Arc<IntakeState>,
) -> Result<(Bytes, MemoryLease), PublishError> {
    let announced = body.size_hint().exact();
    let mut rate = BodyRate::new(state);
    if announced.is_some_and(|size| size > memory.max) {
        if !is_expecting {
            discard(body, memory.max.saturating_add(MAX_DISCARDED), rate).await;
        }
        return Err(PublishError::too_large(memory.max));
    }
    let mut held = MemoryLease::default();
    // A body of one frame is not copied.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(data) = next(&mut body, &mut rate, memory).await? {
        if first.is_empty() && rest.is_empty() {
            first = data;
            memory.grow(&mut held, first.len() as u64).await?;
            continue;
        }
        let size = first.len().max(rest.len()) + data.len();
        if size as u64 > memory.max {
            discard(body, memory.max.saturating_add(MAX_DISCARDED), rate).await;
            return Err(PublishError::too_large(memory.max));
        }
        if size > rest.capacity() {
            let capacity = next_capacity(size, announced.unwrap_or(memory.max));
            memory.grow(&mut held, capacity as u64).await?;
            rest.reserve(capacity - rest.len());
        }
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
    }
    match rest.is_empty() {
        true if first.len() as u64 > memory.max => Err(PublishError::too_large(memory.max)),
        true => Ok((first, held)),
        false => Ok((rest.freeze(), held)),
    }
}

/// Returns the next capacity of a buffer that has to hold `size` bytes: twice as much,
/// but at most `most`.
fn next_capacity(size: usize, most: u64) -> usize {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    size.saturating_mul(2).min(most).max(size)
}

/// Returns the next bytes, at least one; `None` at the end of the body.
pub(super) async fn next(
    body: &mut Incoming,
    rate: &mut BodyRate,
    memory: &BodyMemory,
) -> Result<Option<Bytes>, PublishError> {
    loop {
        let Ok(frame) = timeout(CHECK_INTERVAL, body.frame()).await else {
            match rate.fault(memory.is_short()) {
                Some(fault) => return Err(fault),
                None => continue,
            }
        };
        match frame {
            None => return Ok(None),
            Some(Err(_)) => {
                return Err(PublishError::bad_request(
                    "the connection closed before the body was complete",
                ));
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => {
                    rate.take(data.len());
                    let fault = rate.fault(memory.is_short());
                    return fault.map_or(Ok(Some(data)), Err);
                }
                _ => {}
            },
        }
    }
}

/// Reads and drops at most `max` bytes of a body: a publisher that is still sending would
/// not read the response.
pub(super) async fn discard(mut body: Incoming, max: u64, mut rate: BodyRate) {
    let mut read = 0;
    let began = Instant::now();
    // A publisher that has stalled is not awaited.
    while read < max && began.elapsed() < STALL_TIMEOUT {
        let frame = match timeout(CHECK_INTERVAL, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(_) => return,
            Err(_) if rate.is_abandoned() => return,
            Err(_) => continue,
        };
        let Ok(data) = frame.into_data() else { return };
        rate.take(data.len());
        read += data.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_grow_by_doubling_and_no_further_than_needed() {
        assert_eq!(next_capacity(100, 1_000), 200);
        assert_eq!(next_capacity(600, 1_000), 1_000);
        assert_eq!(next_capacity(1_000, 1_000), 1_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_too_slow_is_refused() {
        let state = Arc::new(IntakeState::default());
        let mut rate = BodyRate::new(&state);
        let after = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        after(9).await;
        assert_eq!(rate.fault(true), None);
        rate.take(4 << 20);
        after(25).await;
        assert_eq!(rate.fault(true), None, "4 MiB are 16 s of 256 KiB");
        after(2).await;
        assert!(rate.fault(true).unwrap().reason.contains("262144"));
        assert_eq!(rate.fault(false), None);
        after(3).await;
        assert!(rate.fault(false).unwrap().reason.contains("30s"));
        // Lines that come now and then are not slow.
        rate.restart();
        after(5).await;
        rate.take(1);
        assert_eq!(rate.fault(false), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_stalled_does_not_hold_up_a_stop() {
        let state = Arc::new(IntakeState::default());
        let mut rate = BodyRate::new(&state);
        rate.take(1);
        tokio::time::advance(STALL_TIMEOUT_AT_STOP).await;
        assert_eq!(rate.fault(false), None);
        state.close();
        assert_eq!(rate.fault(false), Some(stopping()));
        rate.take(1);
        assert_eq!(rate.fault(false), None, "it goes on");
    }
}
