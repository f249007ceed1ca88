//! One row of the table: a filter of one revision of wasi:messaging, its adapter, and a handler of
//! one version of wasi:http, composed by each tool.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guests_of_others::wac;
use crate::harness::{binary, guest};

/// A tool that composes components.
#[derive(Clone, Copy, Debug)]
pub enum Tool {
    Plug,
    Wac,
    Process,
    Compose,
}

impl Tool {
    pub const ALL: [Self; 4] = [Self::Plug, Self::Wac, Self::Process, Self::Compose];

    /// Returns the name of the tool's column in the page.
    pub fn column(self) -> &'static str {
        match self {
            Self::Plug => "`wac plug`",
            Self::Wac => "a .wac file",
            Self::Process => "the host, in process",
            Self::Compose => "the host, in one file",
        }
    }
}

/// One combination of the table.
pub struct Row {
    /// The names of the two components in the page.
    pub messages: &'static str,
    pub answers: &'static str,
    /// The kind of the adapter, and the interface that it exports.
    adapter: (&'static str, &'static str),
    filter: &'static str,
    /// The handler, and the interface that it exports.
    handler: (&'static str, &'static str),
}

const OURS: &str = "`wasi:messaging/incoming-handler@0.2.0-draft`";
const ASYNC: &str = "`bridge:messaging/incoming-handler@0.1.0`";
const DRAFT: &str = "the newest draft of wasi:messaging";
const OLD: &str = "`wasi:http/incoming-handler@0.2`";
const NEW: &str = "`wasi:http/handler@0.3`";

const ORDERS: (&str, &str) = ("orders", "wasi:http/incoming-handler@0.2.0");
const ASYNC_ORDERS: (&str, &str) = ("async-orders", "wasi:http/handler@0.3.0");
const HANDLER: &str = "wasi:messaging/incoming-handler@0.2.0-draft";

pub const ROWS: [Row; 6] = [
    row(OURS, OLD),
    row(OURS, NEW),
    row(ASYNC, OLD),
    row(ASYNC, NEW),
    row(DRAFT, OLD),
    row(DRAFT, NEW),
];

const fn row(messages: &'static str, answers: &'static str) -> Row {
    let (adapter, filter) = match messages.as_bytes()[1] {
        b'w' => (("forward", HANDLER), "filter"),
        b'b' => {
            let face = "bridge:messaging/incoming-handler@0.1.0";
            (("forward-async", face), "async-filter")
        }
        _ => (("forward-draft", HANDLER), "draft-filter"),
    };
    let handler = match answers.len() == OLD.len() {
        true => ORDERS,
        false => ASYNC_ORDERS,
    };
    Row {
        messages,
        answers,
        adapter,
        filter,
        handler,
    }
}

impl Row {
    /// Returns the lines of a subscription that runs what the tool composed, or the tool's error.
    pub fn make(&self, tool: Tool, folder: &Path) -> Result<String, String> {
        let out = folder.join(format!(
            "{}-{}-{tool:?}.wasm",
            self.adapter.0, self.handler.0
        ));
        let handler = guest(self.handler.0);
        let to = "to = \"http://composed.internal/orders\"";
        match tool {
            Tool::Plug => {
                let adapter = self.adapter(folder);
                let mut plug = Command::new(wac());
                plug.arg("plug").arg(adapter).arg("--plug").arg(handler);
                run(plug.arg("-o").arg(&out))?;
                Ok(format!("component = {out:?}\n{to}"))
            }
            Tool::Wac if self.is_linked() => {
                self.compose_wac(&self.linked(), folder, &out)?;
                Ok(format!("component = {out:?}\n{to}"))
            }
            Tool::Wac => {
                self.compose_wac(&self.unlinked(), folder, &out)?;
                Ok(format!(
                    "component = {out:?}\nto = {{ component = {out:?}, path = \"/orders\" }}"
                ))
            }
            Tool::Process => Ok(format!(
                "chain = [{:?}]\nto = {{ component = {handler:?}, path = \"/orders\" }}",
                guest(self.filter),
            )),
            Tool::Compose => {
                let mut compose = Command::new(binary());
                compose.arg("compose").arg(guest(self.filter)).arg(handler);
                run(compose.arg("-o").arg(&out))?;
                Ok(format!("component = {out:?}\n{to}"))
            }
        }
    }

    /// Returns whether the handler exports the interface that the adapter imports.
    fn is_linked(&self) -> bool {
        self.adapter.0 == "forward-async" && self.handler == ASYNC_ORDERS
    }

    fn adapter(&self, folder: &Path) -> PathBuf {
        let path = folder.join(self.adapter.0).with_extension("wasm");
        let mut write = Command::new(binary());
        write.args(["adapter", "--kind", self.adapter.0, "-o"]);
        run(write.arg(&path)).expect("the adapter");
        path
    }

    fn linked(&self) -> String {
        let (face, answers) = (self.adapter.1, self.handler.1);
        format!(
            "package test:row;\nlet handler = new test:handler {{ ... }};\n\
             let adapter = new test:adapter {{ \"{answers}\": handler[\"{answers}\"], ... }};\n\
             export adapter[\"{face}\"];\n"
        )
    }

    fn unlinked(&self) -> String {
        let (face, answers) = (self.adapter.1, self.handler.1);
        format!(
            "package test:row;\nlet handler = new test:handler {{ ... }};\n\
             let adapter = new test:adapter {{ ... }};\n\
             export adapter[\"{face}\"];\nexport handler[\"{answers}\"];\n"
        )
    }

    fn compose_wac(&self, text: &str, folder: &Path, out: &Path) -> Result<(), String> {
        let source = folder.join("row.wac");
        std::fs::write(&source, text).expect("it is written");
        let dependency = |name: &str, path: PathBuf| format!("test:{name}={}", path.display());
        let mut compose = Command::new(wac());
        compose
            .arg("compose")
            .arg(&source)
            .args(["--dep", &dependency("adapter", self.adapter(folder))])
            .args(["--dep", &dependency("handler", guest(self.handler.0))]);
        run(compose.arg("-o").arg(out))
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().expect("the tool runs");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
