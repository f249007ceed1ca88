//! From a message and settings to an HTTP request, and from what came back to
//! a result. Pure: no I/O, no bindings, the same text on every host.
