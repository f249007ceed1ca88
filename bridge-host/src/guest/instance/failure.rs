//! Why a call of an instance did not return: the limits on its time, the engine's error, and the
//! state of the store.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use wasmtime::component::ResourceTableError;
use wasmtime::{Store, WasmBacktrace};

use crate::guest::call::outcome::Failure;
use crate::guest::interfaces::state::State;
use crate::guest::limits::cpu_meter::{OutOfCpuTime, metered};
use crate::guest::limits::host_resources::ResourceExcess;
use crate::guest::limits::settings::Limits;
use crate::trouble::Shortage;

/// Runs a call within its time limit and the component's limit on CPU time.
pub(crate) async fn limited<T>(
    call: impl Future<Output = T>,
    timeout: Duration,
    limits: &Limits,
) -> Result<T, Failure> {
    let call = pin!(call);
    match tokio::time::timeout(timeout, metered(call, limits.cpu_time)).await {
        Ok(Ok(end)) => Ok(end),
        Ok(Err(OutOfCpuTime)) => Err(Failure::OutOfCpuTime(limits.cpu_time)),
        Err(_) => Err(Failure::OutOfTime(timeout)),
    }
}

/// Returns why a call did not return, from the engine's error and the store's state.
pub(crate) fn failure(store: &Store<State>, error: wasmtime::Error, limits: &Limits) -> Failure {
    if store.data().limiter.exceeded() {
        return Failure::OutOfMemory(limits.memory);
    }
    if let Some(excess) = excess(store, &error) {
        return Failure::Excess(excess);
    }
    // The engine itself was refused a resource. A component's own calls get error codes.
    if let Some(lack) = Shortage::of(error.as_ref()) {
        return Failure::Shortage(lack);
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    Failure::Trap {
        message: error.root_cause().to_string(),
        backtrace: backtrace.map(ToString::to_string),
    }
}

/// Returns the limit on host resources that the component exceeded, if it did.
fn excess(store: &Store<State>, error: &wasmtime::Error) -> Option<ResourceExcess> {
    if let Some(excess) = error.downcast_ref() {
        return Some(*excess);
    }
    let full = |cause: &(dyn Error + 'static)| {
        let cause = cause.downcast_ref();
        matches!(cause, Some(ResourceTableError::Full))
    };
    let most = store.data().table.max_capacity();
    error
        .chain()
        .any(full)
        .then_some(ResourceExcess::Resources(most))
}
