//! An order service as an HTTP handler: `POST /orders` takes an order and returns its
//! confirmation. It uses no messaging interface, and runs on any `wasi:http` server.

mod exchange;

wit_bindgen::generate!({
    path: "../../../wit",
    world: "bridge:worlds/http-handler",
    generate_all,
});

use exports::wasi::http::incoming_handler::{Guest, IncomingRequest, ResponseOutparam};
use serde::{Deserialize, Serialize};
use wasi::http::types::Method;

struct Service;

/// An order.
#[derive(Deserialize)]
struct Order {
    id: u64,
    amount: u64,
}

/// The confirmation of an order.
#[derive(Serialize)]
struct Confirmation {
    order: u64,
    total: u64,
    status: &'static str,
}

/// The status, the location of the order, and the body of a response.
type Answer = (u16, Option<String>, String);

impl Guest for Service {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let (status, location, body) = match (request.method(), path) {
            (Method::Post, "/orders") => order(&exchange::read(request)),
            (_, "/orders") => problem(405, "orders are posted"),
            _ => problem(404, "there is only /orders"),
        };
        exchange::answer(out, status, location, &body);
    }
}

/// Takes an order. Refuses one that cannot be read, and one with an amount of zero.
fn order(body: &[u8]) -> Answer {
    match serde_json::from_slice(body) {
        Ok(Order { amount: 0, .. }) => problem(422, "an order is for something"),
        Ok(Order { id, amount }) => {
            let confirmation = Confirmation {
                order: id,
                total: amount + amount / 5,
                status: "confirmed",
            };
            match serde_json::to_string(&confirmation) {
                Ok(text) => (201, Some(format!("/orders/{id}")), text),
                Err(error) => problem(500, &error.to_string()),
            }
        }
        Err(error) => problem(400, &error.to_string()),
    }
}

fn problem(status: u16, detail: &str) -> Answer {
    let body = serde_json::json!({ "detail": detail });
    (status, None, body.to_string())
}

export!(Service);
