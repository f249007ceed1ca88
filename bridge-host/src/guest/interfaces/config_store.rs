//! `wasi:config/store`: the settings of a subscription, under each name that the interface has had.
//! The functions are the same in all versions.

use wasmtime::component::{ComponentType, Linker, Lower};
use wasmtime::{Result, StoreContextMut};

use super::state::State;
use crate::guest::contract::SETTINGS;

/// The error of the interface. The host never returns it.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StoreError {
    #[component(name = "upstream")]
    #[expect(dead_code, reason = "part of the interface's type")]
    Upstream(String),
    #[component(name = "io")]
    #[expect(dead_code, reason = "part of the interface's type")]
    Io(String),
}

type Pairs = Vec<(String, String)>;

/// Links the interface under each of its names.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    for name in SETTINGS {
        let mut store = linker.instance(name)?;
        store.func_wrap("get", get)?;
        store.func_wrap("get-all", get_all)?;
    }
    Ok(())
}

fn get(
    store: StoreContextMut<'_, State>,
    (key,): (String,),
) -> Result<(Result<Option<String>, StoreError>,)> {
    Ok((Ok(store.data().settings.get(&key).cloned()),))
}

fn get_all(store: StoreContextMut<'_, State>, (): ()) -> Result<(Result<Pairs, StoreError>,)> {
    let pairs = store.data().settings.iter();
    let pairs = pairs.map(|(key, value)| (key.clone(), value.clone()));
    Ok((Ok(pairs.collect()),))
}
