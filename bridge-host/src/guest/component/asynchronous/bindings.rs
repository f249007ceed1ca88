//! Our own asynchronous incoming-handler; messages and errors are those of
//! wasi:messaging.

use crate::guest::instance::ready;

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

ready!(ReceiverPre => Receiver);
