//! The bindings of the asynchronous incoming-handler, which uses the messages and errors of
//! wasi:messaging.

use crate::guest::instance::impl_world;

mod generated {
    wasmtime::component::bindgen!({
        path: ["../wit/deps/config", "../wit/deps/messaging", "../wit/async"],
        inline: "
            package bridge:host;
            world receiver {
                export bridge:messaging/incoming-handler@0.1.0;
            }
        ",
        exports: { default: async | store },
        with: {
            "wasi:messaging/types": crate::guest::interfaces::messaging::types,
        },
    });
}

pub(crate) use generated::{Receiver, ReceiverPre};

impl_world!(ReceiverPre => Receiver);
