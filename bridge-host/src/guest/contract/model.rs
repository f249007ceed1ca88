//! Whether a component can have many calls under way in one instance, which
//! decides what runs it.

use super::{Contract, Interface};

/// How a component waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A call holds its instance until it returns: wasi 0.2.
    Synchronous,
    /// It uses `async func`, `stream` or `future`, or anything of wasi 0.3.
    Asynchronous,
}

impl Contract {
    /// Asynchronous, if anything of it is.
    pub fn model(&self) -> Model {
        let mut all = self.imports.iter().chain(&self.exports);
        match all.any(is_asynchronous) {
            true => Model::Asynchronous,
            false => Model::Synchronous,
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
