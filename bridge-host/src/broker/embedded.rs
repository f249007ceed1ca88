//! The embedded broker: durable queues in the local store, for users who have no
//! broker yet. The room `store` keeps and delivers the messages.

mod descriptor;

use std::sync::Arc;

use async_trait::async_trait;

use super::local_store::StoreSubscription;
use super::{
    Broker, BrokerError, Capabilities, Confirmation, Refusal, SubscribeSpec, Subscription,
};
use crate::message::{Message, MessageId};
use crate::store::{GroupSpec, Settings, Store, StoreError};

pub use super::local_store::CAPABILITIES;
pub use descriptor::{DESCRIPTOR, LOCAL, connection};

/// A broker in this process, which owns an open store.
///
/// # Examples
///
/// ```no_run
/// use bridge_host::broker::{Broker, embedded::Embedded};
/// use bridge_host::message::Message;
/// use bridge_host::store::Settings;
///
/// # async fn publish() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = Embedded::open(Settings::default())?;
/// let published = broker.publish(Message::new("orders.new", "{}"), None).await?;
/// println!("durable as {}", published.id);
/// broker.close().await;
/// # Ok(())
/// # }
/// ```
pub struct Embedded {
    store: Arc<Store>,
}

impl Embedded {
    /// Opens the store in a folder, and creates the folder if it is missing. Blocks
    /// on disk I/O.
    pub fn open(settings: Settings) -> Result<Self, StoreError> {
        Ok(Self {
            store: Arc::new(Store::open(settings)?),
        })
    }
}

#[async_trait]
impl Broker for Embedded {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    /// A new subscription starts with the kept messages that `spec.start` selects. An existing one
    /// continues at its position; new topics apply to messages published from now on.
    async fn subscribe(&self, spec: SubscribeSpec) -> Result<Box<dyn Subscription>, BrokerError> {
        if spec.topics.is_empty() {
            return Err(Refusal::NoTopics(spec.name).into());
        }
        let group = GroupSpec {
            name: spec.name,
            topics: spec.topics,
            start: spec.start,
            ordered: spec.ordered,
            longest_wait: spec.longest_wait,
        };
        Ok(Box::new(StoreSubscription(self.store.join(group).await?)))
    }

    async fn announce(&self, spec: SubscribeSpec) -> Result<bool, BrokerError> {
        self.subscribe(spec).await.map(|_| true)
    }

    async fn enqueue(
        &self,
        message: Message,
        id: Option<MessageId>,
    ) -> Result<Confirmation, BrokerError> {
        let durable = self.store.enqueue(message, id).await?;
        Ok(Box::pin(async { Ok(durable.await?) }))
    }

    fn store(&self) -> Option<&Arc<Store>> {
        Some(&self.store)
    }

    fn trouble(&self) -> Option<String> {
        self.store.trouble()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
