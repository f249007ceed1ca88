//! The order service of examples/handler as a wasi:http 0.3 handler: `POST /orders` takes
//! an order and returns its confirmation. It uses no messaging interface, and runs on any
//! `wasi:http` server.

mod exchange;

wit_bindgen::generate!({
    path: [
        "../../../wit/deps/config",
        "../../../wit/deps/messaging",
        "../../../wit/async",
    ],
    world: "bridge:messaging/service",
    generate_all,
});

use exports::wasi::http::handler::{ErrorCode, Guest, Request, Response};
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

/// The status and the body of a response.
type Answer = (u16, String);

impl Guest for Service {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let (status, body) = match (request.get_method(), path) {
            (Method::Post, "/orders") => order(&exchange::read(request).await?),
            (_, "/orders") => (405, problem("orders are posted")),
            _ => (404, problem("there is only /orders")),
        };
        exchange::answer(status, body)
    }
}

/// Takes an order. Refuses one that cannot be read, and one with an amount of zero.
fn order(body: &[u8]) -> Answer {
    match serde_json::from_slice(body) {
        Ok(Order { amount: 0, .. }) => (422, problem("an order is for something")),
        Ok(Order { id, amount }) => {
            let confirmation = Confirmation {
                order: id,
                total: amount + amount / 5,
                status: "confirmed",
            };
            let text = serde_json::to_string(&confirmation);
            text.map_or_else(|error| (500, problem(&error.to_string())), |it| (201, it))
        }
        Err(error) => (400, problem(&error.to_string())),
    }
}

fn problem(detail: &str) -> String {
    serde_json::json!({ "detail": detail }).to_string()
}

export!(Service);
