//! Finds an HTTP handler inside a composition. The host does not see the requests that such a
//! handler answers, nor their statuses.

use wasmparser::{Encoding, Parser, Payload};

/// What has been read of a component, or of a module in it.
struct Level {
    /// Whether it exports `wasi:http/handler`.
    answers: bool,
    /// Whether it contains a module. Without one, it only renames the interface of another
    /// component.
    has_code: bool,
}

/// Returns whether a component inside this one answers HTTP requests itself.
pub(super) fn has_http_handler(bytes: &[u8]) -> bool {
    let mut levels: Vec<Level> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version { encoding, .. } => levels.push(Level {
                answers: false,
                has_code: encoding == Encoding::Module,
            }),
            Payload::ComponentExportSection(exports) if levels.len() > 1 => {
                let mut names = exports.into_iter().map_while(Result::ok);
                let answers = names.any(|it| it.name.name.starts_with("wasi:http/handler@"));
                levels.last_mut().expect("more than one").answers |= answers;
            }
            Payload::End(_) => {
                let Some(ended) = levels.pop() else {
                    return false;
                };
                if ended.answers && ended.has_code {
                    return true;
                }
                if let Some(outer) = levels.last_mut() {
                    outer.has_code |= ended.has_code;
                }
            }
            _ => {}
        }
    }
    false
}
