//! The world of a component: what wasmtime generates for each world, behind one
//! trait.

use wasmtime::component::InstancePre;
use wasmtime::{Engine, Result, Store};

use crate::guest::interfaces::state::State;

/// A linked component of which the exports are known: that of a world.
pub(crate) trait Ready: Sized + Send + Sync + 'static {
    /// An instance's exports.
    type Bindings: Send + 'static;

    /// Finds the world's exports in a component.
    fn of(ready: InstancePre<State>) -> Result<Self>;

    /// What it was compiled by.
    fn engine(&self) -> &Engine;

    /// Makes an instance in this store.
    fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> impl Future<Output = Result<Self::Bindings>> + Send;
}

/// Has what wasmtime generates for a world be [`Ready`]: it has these functions
/// for every world, and no trait of its own for them.
macro_rules! ready {
    ($ready:ident => $bindings:ident) => {
        impl $crate::guest::instance::Ready for $ready<$crate::guest::interfaces::state::State> {
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
pub(crate) use ready;
