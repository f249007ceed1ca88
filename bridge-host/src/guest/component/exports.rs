//! The exports of components that handle one message at a time, in each revision of wasi:messaging.

use wasmtime::component::Resource;
use wasmtime::{Result, Store};

use crate::guest::call::outcome::CallResult;
use crate::guest::instance::impl_world;
use crate::guest::interfaces::draft::{MessagingRequestReply, MessagingRequestReplyPre};
use crate::guest::interfaces::messaging::{HeldMessage, Messaging, MessagingPre};
use crate::guest::interfaces::state::State;

/// The exports of a component that handles one message at a time.
pub(crate) trait MessageExports: Send + 'static {
    /// Calls `handle`.
    fn handle(
        &self,
        store: &mut Store<State>,
        message: Resource<HeldMessage>,
    ) -> impl Future<Output = Result<CallResult>> + Send;

    /// Calls `subscribe`, if the component exports it.
    fn subscribe(
        &self,
        store: &mut Store<State>,
    ) -> impl Future<Output = Result<Result<Vec<String>, CallResult>>> + Send;
}

impl MessageExports for Messaging {
    async fn handle(
        &self,
        store: &mut Store<State>,
        message: Resource<HeldMessage>,
    ) -> Result<CallResult> {
        let exports = self.wasi_messaging_incoming_handler();
        let result = exports.call_handle(store, message).await?;
        Ok(result.map_or_else(CallResult::from, |()| CallResult::Ok))
    }

    async fn subscribe(&self, store: &mut Store<State>) -> Result<Result<Vec<String>, CallResult>> {
        let exports = self.wasi_messaging_incoming_handler();
        let topics = exports.call_subscribe(store).await?;
        Ok(topics.map_err(CallResult::from))
    }
}

impl MessageExports for MessagingRequestReply {
    async fn handle(
        &self,
        store: &mut Store<State>,
        message: Resource<HeldMessage>,
    ) -> Result<CallResult> {
        let exports = self.wasi_messaging_incoming_handler();
        let result = exports.call_handle(store, message).await?;
        Ok(result.map_or_else(CallResult::from, |()| CallResult::Ok))
    }

    /// Returns no topics: the newest draft has no `subscribe`.
    async fn subscribe(&self, _: &mut Store<State>) -> Result<Result<Vec<String>, CallResult>> {
        Ok(Ok(Vec::new()))
    }
}

impl_world!(MessagingPre => Messaging);

impl_world!(MessagingRequestReplyPre => MessagingRequestReply);
