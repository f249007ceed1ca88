//! For which of the calls under way in a store a host call is made.

use wasmtime::AsContextMut;

use super::state::State;

/// Finds out which call a component makes this host call for: that of the
/// outermost task on its stack.
pub(crate) fn act_for_caller(mut store: impl AsContextMut<Data = State>) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    if !store.data().hooks.calls.are_shared() {
        return Ok(());
    }
    let outermost = store.async_call_stack()?.last();
    store.data_mut().hooks.calls.act_for(outermost);
    Ok(())
}
