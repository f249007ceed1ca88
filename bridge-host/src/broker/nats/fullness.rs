//! Warns when a stream is near its limits, before the server removes its oldest messages or refuses
//! new ones.
//!
//! `consumer_watch` calls it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{DiscardPolicy, Info};
use parking_lot::Mutex;

/// The interval between two checks of a stream, which several subscriptions may share.
const REST: Duration = Duration::from_secs(20);

/// The last check of each stream.
#[derive(Default)]
pub(super) struct FullnessMonitor(Mutex<HashMap<String, LastCheck>>);

struct LastCheck {
    at: Instant,
    is_told: bool,
}

impl FullnessMonitor {
    /// Checks a stream, and logs once when it is nearly full.
    pub(super) async fn check(&self, context: &Context, stream: &str) {
        if !self.is_due(stream) {
            return;
        }
        // After an error, the next check tries again.
        let Ok(found) = context.get_stream(stream).await else {
            return;
        };
        let near = near(found.cached_info());
        let mut streams = self.0.lock();
        let Some(seen) = streams.get_mut(stream) else {
            return;
        };
        if let Some(what) = near.as_ref().filter(|_| !seen.is_told) {
            tracing::warn!(stream, "the stream is nearly full: {what}");
        }
        seen.is_told = near.is_some();
    }

    fn is_due(&self, stream: &str) -> bool {
        let now = Instant::now();
        let mut streams = self.0.lock();
        let Some(seen) = streams.get_mut(stream) else {
            let seen = LastCheck {
                at: now,
                is_told: false,
            };
            streams.insert(stream.into(), seen);
            return true;
        };
        let is_due = now.duration_since(seen.at) >= REST;
        if is_due {
            seen.at = now;
        }
        is_due
    }
}

/// Describes the limit of which the stream has reached 80 %.
fn near(info: &Info) -> Option<String> {
    let (config, state) = (&info.config, &info.state);
    let beyond = match config.discard {
        DiscardPolicy::Old => "beyond it the oldest messages are removed, delivered or not",
        DiscardPolicy::New => "beyond it publishing is refused",
    };
    let mut limits = [
        ("bytes", state.bytes, config.max_bytes, "max_bytes"),
        ("messages", state.messages, config.max_messages, "max_msgs"),
    ]
    .into_iter();
    limits.find_map(|(what, has, most, key)| {
        let most = u64::try_from(most).ok().filter(|most| *most > 0)?;
        let is_near = has.saturating_mul(5) >= most.saturating_mul(4);
        is_near.then(|| {
            format!("{has} of at most {most} {what}; {beyond}. Raise the stream's {key}, or give it a max_age")
        })
    })
}
