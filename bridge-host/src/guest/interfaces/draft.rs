//! The newest draft of wasi:messaging, implemented with the same messages and brokers as the
//! published contract. Requests and replies are in `request_reply`.

mod bindings;
mod request_reply;

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource};

use super::messaging::{HeldMessage, broker_error, message_parts, share_data};
use super::state::{HasState, State};
use crate::broker::{Broker, BrokerError};
use crate::guest::call::outcome::CallResult;
use crate::message::{ID_KEY, Message};

use bindings::DraftClient;
use bindings::wasi::messaging::{producer, request_reply as requests, types};
pub(crate) use bindings::{MessagingRequestReply, MessagingRequestReplyPre};
use types::Error;

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    fn get(state: &mut State) -> <HasState as HasData>::Data<'_> {
        state
    }
    types::add_to_linker::<State, HasState>(linker, get)?;
    producer::add_to_linker::<State, HasState>(linker, get)?;
    requests::add_to_linker::<State, HasState>(linker, get)?;
    share_data(linker)
}

impl State {
    /// Returns the broker of a client. Fails if the client is disconnected.
    fn broker(&self, client: &Resource<DraftClient>) -> Result<Result<Arc<dyn Broker>, Error>> {
        let DraftClient(broker) = self.table.get(client)?;
        let gone = || Error::Connection("the client is disconnected".into());
        Ok(broker.clone().ok_or_else(gone))
    }
}

impl types::Host for &mut State {}

impl types::HostClient for &mut State {
    fn connect(&mut self, name: String) -> Result<Result<Resource<DraftClient>, Error>> {
        Ok(match State::connect(self, &name) {
            Ok(broker) => Ok(self.table.push(DraftClient(Some(broker)))?),
            Err(unknown) => Err(Error::Connection(unknown)),
        })
    }

    /// Disconnects the client only. The connection belongs to the host and stays open.
    fn disconnect(&mut self, this: Resource<DraftClient>) -> Result<Result<(), Error>> {
        self.table.get_mut(&this)?.0 = None;
        Ok(Ok(()))
    }

    fn drop(&mut self, client: Resource<DraftClient>) -> Result<()> {
        self.table.delete(client)?;
        Ok(())
    }
}

impl types::HostMessage for &mut State {
    /// Creates a message without a topic, which is given when the message is sent.
    fn new(&mut self, data: Vec<u8>) -> Result<Resource<HeldMessage>> {
        self.make(Message::new("", data))
    }

    fn topic(&mut self, this: Resource<HeldMessage>) -> Result<Option<String>> {
        let topic = &self.table.get(&this)?.message.topic;
        Ok((!topic.is_empty()).then(|| topic.clone()))
    }

    message_parts!();

    fn set_metadata(
        &mut self,
        this: Resource<HeldMessage>,
        metadata: Vec<(String, String)>,
    ) -> Result<()> {
        self.change(&this, |message| {
            let others = metadata.into_iter().filter(|(key, _)| key != ID_KEY);
            message.set_any_metadata(others.collect());
        })
    }

    fn remove_metadata(&mut self, this: Resource<HeldMessage>, key: String) -> Result<()> {
        self.change(&this, |message| message.metadata.retain(|(k, _)| *k != key))
    }
}

impl producer::Host for &mut State {
    async fn send(
        &mut self,
        client: Resource<DraftClient>,
        topic: String,
        message: Resource<HeldMessage>,
    ) -> Result<Result<(), Error>> {
        let held = self.release(message)?;
        let broker = match self.broker(&client)? {
            Ok(broker) => broker,
            Err(gone) => return Ok(Err(gone)),
        };
        let (message, id) = self.outgoing(held);
        let message = Message { topic, ..message };
        let sent = broker.publish(message, Some(id)).await;
        Ok(self.sent(sent).map(drop).map_err(Error::from))
    }
}

broker_error!(Error);

impl From<Error> for CallResult {
    fn from(error: Error) -> Self {
        match error {
            Error::Timeout => Self::Timeout,
            Error::Connection(why) => Self::Connection(why),
            // A retry would be denied as well.
            Error::PermissionDenied(why) => Self::Other(format!("permission denied: {why}")),
            Error::Other(why) => Self::Other(why),
        }
    }
}
