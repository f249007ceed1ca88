//! Tells whether an instance of a component can have several calls in flight. This decides which
//! code runs the component.

use super::{Contract, Interface};

/// How many calls an instance can have in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallModel {
    /// One call at a time: a call occupies its instance until it returns, as in wasi 0.2.
    Synchronous,
    /// Several calls: the component uses `async func`, `stream`, `future` or an interface of wasi
    /// 0.3.
    Asynchronous,
}

impl Contract {
    /// Returns `Asynchronous` if any of the interfaces is.
    pub fn call_model(&self) -> CallModel {
        let mut all = self.imports.iter().chain(&self.exports);
        match all.any(is_asynchronous) {
            true => CallModel::Asynchronous,
            false => CallModel::Synchronous,
        }
    }
}

fn is_asynchronous(interface: &Interface) -> bool {
    if interface.name.starts_with("wasi:") && interface.name.contains("@0.3.") {
        return true;
    }
    let waits =
        |text: &str| text.contains("stream<") || text.contains("future<") || text == "future";
    let functions = interface.functions.iter();
    let mut functions = functions.filter(|function| {
        let mut params = function.params.iter().map(|(_, ty)| ty);
        function.is_async
            || params.any(|ty| waits(ty))
            || function.result.as_deref().is_some_and(waits)
    });
    functions.next().is_some() || interface.types.iter().any(|ty| waits(&ty.definition))
}
