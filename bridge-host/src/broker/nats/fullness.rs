//! How near a stream is to its limits, told before it reaches them: then its
//! oldest messages go, or no more are taken.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{DiscardPolicy, Info};

/// Several subscriptions may rest on one stream: it is looked at once in a while.
const REST: Duration = Duration::from_secs(20);

/// What was told of each stream.
#[derive(Default)]
pub(super) struct FullnessMonitor(Mutex<HashMap<String, LastCheck>>);

struct LastCheck {
    at: Instant,
    is_told: bool,
}

impl FullnessMonitor {
    /// Looks at a stream, and tells if it is nearly full, once until it is not.
    pub(super) async fn look(&self, context: &Context, stream: &str) {
        if !self.is_due(stream) {
            return;
        }
        // What is not told now is asked for again.
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

/// The limit that a stream has reached four fifths of, in words.
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
