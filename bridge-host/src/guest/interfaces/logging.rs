//! `wasi:logging`. Its messages go where the component's standard error goes.

use wasmtime::component::{ComponentType, Lift, Linker};
use wasmtime::{Result, StoreContextMut};

use super::state::State;
use crate::guest::contract::LOGGING;

/// The level of a message.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by what `Lift` derives")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

/// Links the interface under each of its names.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    for name in LOGGING {
        linker.instance(name)?.func_wrap("log", log)?;
    }
    Ok(())
}

fn log(
    store: StoreContextMut<'_, State>,
    (level, context, message): (Level, String, String),
) -> Result<()> {
    let level = match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
        Level::Critical => "critical",
    };
    let line = match context.is_empty() {
        true => format!("{level}: {message}"),
        false => format!("{level}: {context}: {message}"),
    };
    store.data().log(&line);
    Ok(())
}
