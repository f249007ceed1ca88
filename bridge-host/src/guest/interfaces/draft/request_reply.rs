//! `request-reply` of the newest draft. A broker without requests returns an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Result;
use wasmtime::component::Resource;

use super::bindings::wasi::messaging::request_reply as wit;
use super::bindings::wasi::messaging::types::Error;
use super::bindings::{DraftClient, ReplyOptions};
use crate::broker::{BrokerError, Refusal, Reply, ReplyTo, Request};
use crate::guest::interfaces::messaging::HeldMessage;
use crate::guest::interfaces::state::State;
use crate::message::Message;

impl wit::HostRequestOptions for &mut State {
    fn new(&mut self) -> Result<Resource<ReplyOptions>> {
        Ok(self.table.push(ReplyOptions::default())?)
    }

    fn set_timeout_ms(&mut self, this: Resource<ReplyOptions>, timeout: u32) -> Result<()> {
        self.table.get_mut(&this)?.timeout = Some(Duration::from_millis(timeout.into()));
        Ok(())
    }

    fn set_expected_replies(&mut self, this: Resource<ReplyOptions>, replies: u32) -> Result<()> {
        self.table.get_mut(&this)?.replies = Some(replies);
        Ok(())
    }

    fn drop(&mut self, options: Resource<ReplyOptions>) -> Result<()> {
        self.table.delete(options)?;
        Ok(())
    }
}

impl wit::Host for &mut State {
    /// Sends a request. It waits for replies for no longer than the attempt may take.
    async fn request(
        &mut self,
        client: Resource<DraftClient>,
        topic: String,
        message: Resource<HeldMessage>,
        options: Option<Resource<ReplyOptions>>,
    ) -> Result<Result<Vec<Resource<HeldMessage>>, Error>> {
        let options = match options {
            Some(options) => self.table.delete(options)?,
            None => ReplyOptions::default(),
        };
        let broker = match self.broker(&client)? {
            Ok(broker) => broker,
            Err(gone) => return Ok(Err(gone)),
        };
        let mut message = Message::clone(&self.table.get(&message)?.message);
        message.topic = topic;
        let call = self.hooks.calls.current();
        let deadline = call.deadline + call.record.waits().total();
        let left = deadline.saturating_duration_since(Instant::now());
        let message = message.one_hop_after(call.hops);
        let request = Request {
            message,
            // The component may send the same message again.
            id: self.next_id(),
            timeout: options.timeout.map_or(left, |timeout| timeout.min(left)),
            most: options.replies.unwrap_or(1),
            most_bytes: self.limiter.left(),
        };
        let Some(requests) = broker.requests() else {
            return Ok(Err(BrokerError::from(Refusal::NoRequests).into()));
        };
        match requests.request(request).await {
            // The request was sent, but no reply arrived in time.
            Err(BrokerError::Timeout) => {
                self.hooks.calls.current().sent += 1;
                Ok(Err(BrokerError::Timeout.into()))
            }
            replies => match self.sent(replies) {
                Ok(replies) => self.push_replies(replies).map(Ok),
                Err(error) => Ok(Err(error.into())),
            },
        }
    }

    async fn reply(
        &mut self,
        reply_to: Resource<HeldMessage>,
        message: Resource<HeldMessage>,
    ) -> Result<Result<(), Error>> {
        let held = self.release(message)?;
        let back = self.table.get(&reply_to)?.received.clone();
        let back = back.unwrap_or_default();
        let (message, id) = self.outgoing(held);
        let replied = back.reply(message, id).await;
        let replied = match back {
            ReplyTo::Requested(_) => self.sent(replied),
            ReplyTo::NotRequested | ReplyTo::Unsupported => replied,
        };
        Ok(replied.map_err(Error::from))
    }
}

impl State {
    fn push_replies(&mut self, replies: Vec<Reply>) -> Result<Vec<Resource<HeldMessage>>> {
        let replies = replies.into_iter();
        let held =
            replies.map(|reply| self.receive(Arc::new(reply.message), reply.id, reply.reply_to));
        held.collect()
    }
}
