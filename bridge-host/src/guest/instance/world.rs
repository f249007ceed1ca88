//! One trait for the types that wasmtime generates for each world.

use wasmtime::component::InstancePre;
use wasmtime::{Engine, Result, Store};

use crate::guest::interfaces::state::State;

/// A linked component whose exports were found: a world, ready to be instantiated.
pub(crate) trait World: Sized + Send + Sync + 'static {
    /// The exports of an instance.
    type Bindings: Send + 'static;

    /// Finds the exports of the world in a component.
    fn of(ready: InstancePre<State>) -> Result<Self>;

    /// Returns the engine that compiled the component.
    fn engine(&self) -> &Engine;

    /// Creates an instance in this store.
    fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> impl Future<Output = Result<Self::Bindings>> + Send;
}

/// Implements [`World`] for the type that wasmtime generates for a world. Each such type has these
/// functions, but wasmtime has no trait for them.
macro_rules! impl_world {
    ($world:ident => $bindings:ident) => {
        impl $crate::guest::instance::World for $world<$crate::guest::interfaces::state::State> {
            type Bindings = $bindings;

            fn of(
                ready: wasmtime::component::InstancePre<$crate::guest::interfaces::state::State>,
            ) -> wasmtime::Result<Self> {
                Self::new(ready)
            }

            fn engine(&self) -> &wasmtime::Engine {
                self.engine()
            }

            async fn instantiate(
                &self,
                store: &mut wasmtime::Store<$crate::guest::interfaces::state::State>,
            ) -> wasmtime::Result<$bindings> {
                self.instantiate_async(store).await
            }
        }
    };
}
pub(crate) use impl_world;
