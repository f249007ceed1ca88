//! The types that wasmtime generates for the newest draft, and the resources of the host.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::Broker;

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/draft/deps/messaging",
        world: "wasi:messaging/messaging-request-reply@0.2.0-draft",
        imports: {
            "wasi:messaging/producer.send": async | trappable,
            "wasi:messaging/request-reply.request": async | trappable,
            "wasi:messaging/request-reply.reply": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "wasi:messaging/types.message": crate::guest::interfaces::messaging::HeldMessage,
            "wasi:messaging/types.client": super::DraftClient,
            "wasi:messaging/request-reply.request-options": super::ReplyOptions,
        },
    });
}

pub(crate) use generated::{MessagingRequestReply, MessagingRequestReplyPre, wasi};

/// The resource `client`. `None` once it is disconnected.
pub struct DraftClient(pub(super) Option<Arc<dyn Broker>>);

/// The resource `request-options`.
#[derive(Default)]
pub struct ReplyOptions {
    pub(super) timeout: Option<Duration>,
    pub(super) replies: Option<u32>,
}
