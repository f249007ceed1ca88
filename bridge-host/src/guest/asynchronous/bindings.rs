//! Our own asynchronous incoming-handler; messages and errors are those of
//! wasi:messaging.

use wasmtime::component::InstancePre;
use wasmtime::{Engine, Result, Store};

use crate::guest::instance::Ready;
use crate::guest::state::State;

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
            "wasi:messaging/types": crate::guest::messaging::types,
        },
    });
}

pub(in crate::guest) use generated::{Receiver, ReceiverPre};

impl Ready for ReceiverPre<State> {
    type Bindings = Receiver;

    fn of(ready: InstancePre<State>) -> Result<Self> {
        Self::new(ready)
    }

    fn engine(&self) -> &Engine {
        self.engine()
    }

    async fn instantiate(&self, store: &mut Store<State>) -> Result<Receiver> {
        self.instantiate_async(store).await
    }
}
