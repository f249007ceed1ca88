//! Finds the call on whose behalf a component makes a host call.

use wasmtime::AsContextMut;

use super::state::State;

/// Makes the call current on whose behalf a component makes this host call: the call of the
/// outermost task on its stack.
pub(crate) fn switch_to_caller(mut store: impl AsContextMut<Data = State>) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    if !store.data().hooks.calls.is_concurrent() {
        return Ok(());
    }
    let outermost = store.async_call_stack()?.last();
    store.data_mut().hooks.calls.switch_to(outermost);
    Ok(())
}
