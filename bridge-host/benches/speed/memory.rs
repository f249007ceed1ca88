//! A queue in memory: what remains is the engine, the WebAssembly call and HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bridge_host::broker::embedded::CAPABILITIES;
use bridge_host::broker::{
    BrokerError, Capabilities, Incoming, Receipt, RemainingAttempts, ReplyTo, Settlement,
    Subscription, Unsettled,
};
use bridge_host::message::{Message, MessageId};
use tokio::sync::Notify;

use crate::BODY;
use crate::measure::{Round, Side};

/// Returns the message that all rounds forward.
pub fn message() -> Message {
    let mut message = Message::new("orders.new", vec![b'x'; BODY]);
    message.content_type = Some("application/json".into());
    message.add_metadata(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    message.add_metadata("x-tenant", "acme");
    message
}

struct Queue {
    message: Message,
    left: usize,
    state: Arc<QueueState>,
}

struct QueueState {
    /// The expected settlement of each message.
    expected: Settlement,
    unsettled: AtomicUsize,
    all: Notify,
}

#[async_trait]
impl Subscription for Queue {
    async fn next(&mut self) -> Result<Incoming, BrokerError> {
        if self.left == 0 {
            return std::future::pending().await;
        }
        self.left -= 1;
        Ok(Incoming {
            message: Arc::new(self.message.clone()),
            id: MessageId::parse("msg_0192f3577b34da6a3ce929d0e0e4736").expect("an id"),
            attempt: 1,
            tried_for: None,
            remaining_attempts: RemainingAttempts::Unlimited,
            published: SystemTime::now(),
            receipt: Box::new(QueueReceipt(self.state.clone())),
            reply_to: ReplyTo::default(),
        })
    }
}

struct QueueReceipt(Arc<QueueState>);

#[async_trait]
impl Receipt for QueueReceipt {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn extend(&mut self, _: Duration) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<(), Unsettled> {
        assert_eq!(settlement, self.0.expected);
        if self.0.unsettled.fetch_sub(1, Relaxed) == 1 {
            self.0.all.notify_one();
        }
        Ok(())
    }
}

/// Runs one round.
pub fn round(side: Side, url: &str, messages: usize) -> Round {
    let (queue, settled) = queue(message(), messages, Settlement::Delivered);
    crate::report::run(side, url, messages, queue, settled)
}

/// Returns a queue with this many copies of the message, and a future that
/// completes once all of them are settled as expected.
pub fn queue(
    message: Message,
    messages: usize,
    expected: Settlement,
) -> (Box<dyn Subscription>, impl Future<Output = ()> + use<>) {
    let state = Arc::new(QueueState {
        expected,
        unsettled: AtomicUsize::new(messages),
        all: Notify::new(),
    });
    let queue = Box::new(Queue {
        message,
        left: messages,
        state: state.clone(),
    });
    (queue, async move { state.all.notified().await })
}
