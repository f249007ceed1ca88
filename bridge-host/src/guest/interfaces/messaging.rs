//! `wasi:messaging@0.2.0-draft`. A client is a connection of the config, a message keeps its id,
//! and a sent message is durable before `send` returns.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource};

use super::state::{HasState, State};
use crate::broker::{Broker, BrokerError, ReplyTo};
use crate::guest::call::outcome::CallResult;
use crate::guest::contract::TYPES;
use crate::guest::limits::host_resources::HostMemoryExceeded;
use crate::message::{HOPS_KEY, ID_KEY, Message, MessageId};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "wasi:messaging/messaging@0.2.0-draft",
        imports: {
            "wasi:messaging/producer.send": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "wasi:messaging/types.message": super::HeldMessage,
            "wasi:messaging/types.client": super::HeldClient,
        },
    });
}

use bindings::wasi::messaging::producer;
pub use bindings::wasi::messaging::types;
pub(crate) use bindings::{Messaging, MessagingPre};
pub(crate) use types::Error;

/// The functions of `message` that both revisions of wasi:messaging have.
macro_rules! message_parts {
    () => {
        fn content_type(&mut self, this: Resource<HeldMessage>) -> Result<Option<String>> {
            Ok(self.table.get(&this)?.message.content_type.clone())
        }

        fn set_content_type(&mut self, this: Resource<HeldMessage>, value: String) -> Result<()> {
            self.change(&this, |message| message.content_type = Some(value))
        }

        fn data(&mut self, this: Resource<HeldMessage>) -> Result<Vec<u8>> {
            Ok(self.table.get(&this)?.message.data.to_vec())
        }

        fn set_data(&mut self, this: Resource<HeldMessage>, data: Vec<u8>) -> Result<()> {
            self.change(&this, |message| message.data = data.into())
        }

        fn metadata(
            &mut self,
            this: Resource<HeldMessage>,
        ) -> Result<Option<Vec<(String, String)>>> {
            Ok(Some(self.table.get(&this)?.metadata()))
        }

        fn add_metadata(
            &mut self,
            this: Resource<HeldMessage>,
            key: String,
            value: String,
        ) -> Result<()> {
            if key == ID_KEY {
                return Ok(());
            }
            self.change(&this, |message| message.add_metadata(key, value))
        }

        fn drop(&mut self, message: Resource<HeldMessage>) -> Result<()> {
            self.release(message).map(drop)
        }
    };
}
pub(crate) use message_parts;

/// Converts a broker's error to the error type of one revision.
macro_rules! broker_error {
    ($error:ident) => {
        impl From<BrokerError> for $error {
            fn from(error: BrokerError) -> Self {
                match error {
                    BrokerError::Timeout => Self::Timeout,
                    BrokerError::Unavailable(_) | BrokerError::Full(_) => {
                        Self::Connection(error.to_string())
                    }
                    BrokerError::Refused(_) | BrokerError::TooLarge { .. } => {
                        Self::Other(error.to_string())
                    }
                }
            }
        }
    };
}
pub(crate) use broker_error;

/// The resource `message`.
pub struct HeldMessage {
    /// The message. The host shares it, to keep the original for a dead letter.
    pub(crate) message: Arc<Message>,
    id: MessageId,
    /// Where replies go. Set for a message that came from a broker.
    pub(crate) received: Option<ReplyTo>,
    /// How many bytes are charged to the component's memory.
    charged: u64,
}

impl HeldMessage {
    /// Returns the metadata that the component sees, with the id as the last entry.
    pub(crate) fn metadata(&self) -> Vec<(String, String)> {
        let mut metadata = Vec::with_capacity(self.message.metadata.len() + 1);
        metadata.extend(self.message.metadata.iter().cloned());
        metadata.push((ID_KEY.into(), self.id.as_str().into()));
        metadata
    }

    fn size(&self) -> u64 {
        let Message {
            topic,
            content_type,
            metadata,
            data,
        } = &*self.message;
        let metadata = metadata.iter().map(|(key, value)| key.len() + value.len());
        let text = topic.len() + content_type.as_ref().map_or(0, String::len);
        (text + metadata.sum::<usize>() + data.len()) as u64
    }
}

impl State {
    /// Adds the message that a call is for to the resource table.
    pub(crate) fn receive(
        &mut self,
        mut message: Arc<Message>,
        id: MessageId,
        reply_to: ReplyTo,
    ) -> Result<Resource<HeldMessage>> {
        let is_hosts = |key: &str| key == ID_KEY || key == HOPS_KEY;
        if message.metadata.iter().any(|(key, _)| is_hosts(key)) {
            let message = Arc::make_mut(&mut message);
            message.metadata.retain(|(key, _)| !is_hosts(key));
        }
        self.hold(message, id, Some(reply_to))
    }

    /// Adds a message that the component creates to the resource table.
    pub(crate) fn make(&mut self, message: Message) -> Result<Resource<HeldMessage>> {
        let id = self.next_id();
        self.hold(Arc::new(message), id, None)
    }

    fn hold(
        &mut self,
        message: Arc<Message>,
        id: MessageId,
        received: Option<ReplyTo>,
    ) -> Result<Resource<HeldMessage>> {
        let held = HeldMessage {
            message,
            id,
            received,
            charged: 0,
        };
        let held = self.table.push(held)?;
        self.charge(&held)?;
        Ok(held)
    }

    /// Changes a message, and charges its new size.
    pub(crate) fn change(
        &mut self,
        held: &Resource<HeldMessage>,
        change: impl FnOnce(&mut Message),
    ) -> Result<()> {
        change(Arc::make_mut(&mut self.table.get_mut(held)?.message));
        self.charge(held)
    }

    fn charge(&mut self, held: &Resource<HeldMessage>) -> Result<()> {
        let held = self.table.get_mut(held)?;
        let size = held.size();
        self.limiter.give_back(held.charged);
        held.charged = 0;
        if !self.limiter.take(size) {
            return Err(HostMemoryExceeded.into());
        }
        held.charged = size;
        Ok(())
    }

    /// Removes a message from the resource table.
    pub(crate) fn release(&mut self, held: Resource<HeldMessage>) -> Result<HeldMessage> {
        let held = self.table.delete(held)?;
        self.limiter.give_back(held.charged);
        Ok(held)
    }

    /// Returns the connection with this name.
    pub(crate) fn connect(&self, name: &str) -> Result<Arc<dyn Broker>, String> {
        self.connections.get(name).cloned().ok_or_else(|| {
            let mut known: Vec<_> = self.connections.keys().map(String::as_str).collect();
            known.sort_unstable();
            let known = known.join(", ");
            format!("no connection is named {name:?}; the config has {known}")
        })
    }

    /// Returns the message as it is sent, and the id under which it is sent. A received message
    /// that is sent on gets a new id: with its old id, a broker would take it for a duplicate.
    pub(crate) fn outgoing(&mut self, held: HeldMessage) -> (Message, MessageId) {
        let id = match held.received {
            Some(_) => self.next_id(),
            None => held.id,
        };
        let hops = self.hooks.calls.current().hops;
        (Arc::unwrap_or_clone(held.message).one_hop_after(hops), id)
    }

    /// Counts a sent message for the current call.
    pub(crate) fn sent<T>(&mut self, sent: Result<T, BrokerError>) -> Result<T, BrokerError> {
        self.hooks.calls.current().sent += u32::from(sent.is_ok());
        sent
    }
}

/// The resource `client`.
pub struct HeldClient(Arc<dyn Broker>);

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    fn get(state: &mut State) -> <HasState as HasData>::Data<'_> {
        state
    }
    types::add_to_linker::<State, HasState>(linker, get)?;
    producer::add_to_linker::<State, HasState>(linker, get)?;
    share_data(linker)
}

/// Replaces the generated function for the data of a message. This one passes the bytes without
/// copying them.
pub(crate) fn share_data(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap(
        "[method]message.data",
        |store, (message,): (Resource<HeldMessage>,)| {
            let data: Bytes = store.data().table.get(&message)?.message.data.clone();
            Ok((data,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl types::Host for &mut State {}

impl types::HostClient for &mut State {
    fn connect(&mut self, name: String) -> Result<Result<Resource<HeldClient>, Error>> {
        Ok(match State::connect(self, &name) {
            Ok(broker) => Ok(self.table.push(HeldClient(broker))?),
            Err(unknown) => Err(Error::Connection(unknown)),
        })
    }

    fn drop(&mut self, client: Resource<HeldClient>) -> Result<()> {
        self.table.delete(client)?;
        Ok(())
    }
}

impl types::HostMessage for &mut State {
    fn new(&mut self, topic: String, data: Vec<u8>) -> Result<Resource<HeldMessage>> {
        self.make(Message::new(topic, data))
    }

    fn topic(&mut self, this: Resource<HeldMessage>) -> Result<String> {
        Ok(self.table.get(&this)?.message.topic.clone())
    }

    fn set_topic(&mut self, this: Resource<HeldMessage>, topic: String) -> Result<()> {
        self.change(&this, |message| message.topic = topic)
    }

    message_parts!();
}

impl producer::Host for &mut State {
    async fn send(
        &mut self,
        client: Resource<HeldClient>,
        message: Resource<HeldMessage>,
    ) -> Result<Result<(), Error>> {
        send_message(self, client, message).await
    }
}

/// Publishes a message for the current call.
pub(crate) async fn send_message(
    state: &mut State,
    client: Resource<HeldClient>,
    message: Resource<HeldMessage>,
) -> Result<Result<(), Error>> {
    let HeldClient(broker) = state.table.delete(client)?;
    let held = state.release(message)?;
    let (message, id) = state.outgoing(held);
    let sent = broker.publish(message, Some(id)).await;
    Ok(state.sent(sent).map(drop).map_err(Error::from))
}

broker_error!(Error);

impl From<Error> for CallResult {
    fn from(error: Error) -> Self {
        match error {
            Error::Timeout => Self::Timeout,
            Error::Connection(why) => Self::Connection(why),
            Error::Other(why) => Self::Other(why),
        }
    }
}
