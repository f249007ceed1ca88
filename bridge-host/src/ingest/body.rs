//! Bodies on their way in: how much of them all together may be in memory, and
//! how much each.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::Refusal;

/// The bytes of all bodies together, unless one alone may have more.
const TOTAL: u64 = 256 << 20;
/// Memory is counted in pieces of this size.
const PIECE: u64 = 4 << 10;
/// What a body of unknown length holds at first.
const FIRST: u64 = 64 << 10;
/// A publisher that sends nothing for this long is given up; nor does one wait
/// longer for memory.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a body that is not wanted so much beyond the limit is read all the same:
/// a publisher that is still sending would not see the answer.
const DISCARD: u64 = 8 << 20;

/// The memory for bodies. Waiting for it is done with empty hands, so that no
/// two can wait for each other.
#[derive(Clone)]
pub(super) struct Budget {
    pieces: Arc<Semaphore>,
    /// The most that one body may have.
    pub max: u64,
}

/// Memory that is taken, until it is dropped.
pub(super) struct Held {
    permit: OwnedSemaphorePermit,
    bytes: u64,
}

impl Budget {
    /// For bodies of at most `max` bytes each.
    pub fn new(max: u64) -> Self {
        // Base64 is a third longer than what it carries.
        let pieces = TOTAL.max(max.saturating_mul(2)) / PIECE + 1;
        let pieces = usize::try_from(pieces).unwrap_or(usize::MAX);
        Self {
            pieces: Arc::new(Semaphore::new(pieces.min(Semaphore::MAX_PERMITS))),
            max,
        }
    }

    /// Waits until there is room for so many bytes.
    pub async fn hold(&self, bytes: u64) -> Result<Held, Refusal> {
        let pieces = self.pieces.clone();
        let acquired = timeout(PATIENCE, pieces.acquire_many_owned(count(bytes))).await;
        match acquired {
            Ok(Ok(permit)) => Ok(Held { permit, bytes }),
            _ => Err(busy()),
        }
    }

    /// Makes room for `bytes` in all, if there is any now.
    pub fn grow(&self, held: &mut Held, bytes: u64) -> Result<(), Refusal> {
        let more = count(bytes).saturating_sub(count(held.bytes));
        if more > 0 {
            let pieces = self.pieces.clone();
            let permit = pieces.try_acquire_many_owned(more).map_err(|_| busy())?;
            held.permit.merge(permit);
        }
        held.bytes = held.bytes.max(bytes);
        Ok(())
    }
}

impl Held {
    /// Parts it: what is for `bytes`, in whole pieces, and the rest.
    pub fn part(mut self, bytes: u64) -> (Self, Self) {
        let bytes = bytes.min(self.bytes);
        let pieces = count(bytes) as usize;
        let pieces = pieces.min(self.permit.num_permits());
        let permit = self.permit.split(pieces);
        let part = permit.expect("no more is parted than there is");
        let left = self.permit.num_permits() as u64 * PIECE;
        self.bytes = (self.bytes - bytes).min(left);
        (
            Self {
                permit: part,
                bytes,
            },
            self,
        )
    }

    /// Whether it is more than nothing.
    pub fn has_any(&self) -> bool {
        self.permit.num_permits() > 0
    }
}

fn count(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX)
}

fn busy() -> Refusal {
    let reason = "too many bytes are on their way in: send again in a moment";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason)
}

/// Reads the whole body, and holds memory for it.
pub(super) async fn read(mut body: Incoming, budget: &Budget) -> Result<(Bytes, Held), Refusal> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|size| size > budget.max) {
        return Err(discard(body, budget.max).await);
    }
    let mut held = budget.hold(announced.unwrap_or(FIRST)).await?;
    // One frame is taken as it is; only what comes in several is copied.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(data) = next(&mut body).await? {
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        let size = (first.len().max(rest.len()) + data.len()) as u64;
        if size > budget.max {
            return Err(discard(body, budget.max).await);
        }
        budget.grow(&mut held, size)?;
        if rest.is_empty() {
            let expected = announced.and_then(|size| usize::try_from(size).ok());
            rest.reserve(expected.unwrap_or_default());
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

/// The next bytes, which are never none, or the end.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = timeout(PATIENCE, body.frame()).await.map_err(|_| {
            let reason = format!("nothing of the body came for {PATIENCE:?}");
            Refusal::new(StatusCode::REQUEST_TIMEOUT, reason)
        })?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refusal::bad_request("the body ended before its end")),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                _ => {}
            },
        }
    }
}

async fn discard(mut body: Incoming, max: u64) -> Refusal {
    let mut read = 0;
    while read < max.saturating_add(DISCARD)
        && let Ok(Some(data)) = next(&mut body).await
    {
        read += data.len() as u64;
    }
    Refusal::too_large(max)
}
