//! Compares `wasmtime serve` with the bridge: the same component gives the same response to the
//! same request. Also checks the table in docs/guides/http-handlers.md.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::out;
use crate::harness::{Bridge, Config, Endpoint, Received, guest, request};

/// The order service in each language.
const HANDLERS: [(&str, &str); 3] = [
    ("Rust", "orders"),
    ("JavaScript", "orders-javascript"),
    ("Python", "orders-python"),
];

/// The method, path and body of each request.
const REQUESTS: [(&str, &str, &str); 5] = [
    ("POST", "/orders", r#"{"id": 1, "amount": 250}"#),
    ("POST", "/orders", r#"{"id": 2, "amount": 0}"#),
    ("POST", "/orders", "no JSON"),
    ("PUT", "/orders", r#"{"id": 1, "amount": 250}"#),
    ("POST", "/elsewhere", r#"{"id": 1, "amount": 250}"#),
];

const CONTENT_TYPE: (&str, &str) = ("content-type", "application/json");

/// Headers that the server or the connection adds.
const SERVERS: [&str; 6] = [
    "connection",
    "content-length",
    "date",
    "host",
    "transfer-encoding",
    "user-agent",
];

/// Metadata that the bridge adds to a reply.
const BRIDGES: [&str; 3] = ["message-topic", "status", "webhook-id"];

/// A handler's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Response {
    fn new(status: &str, headers: &http::HeaderMap, others: &[&str], body: &[u8]) -> Self {
        let text = |value: &http::HeaderValue| value.to_str().expect("text").to_owned();
        let headers = headers
            .iter()
            .filter(|(name, _)| !SERVERS.contains(&name.as_str()))
            .filter(|(name, _)| !others.contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        Self {
            status: status.into(),
            headers,
            body: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    /// Returns the response as cells of the table.
    fn cells(&self) -> String {
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, it)| format!("`{name}: {it}`"))
            .collect();
        format!("{} | {} | `{}`", self.status, headers.join(" "), self.body)
    }
}

/// `wasmtime serve`, which `cargo xtask test` fetches. Dropping it ends the process.
pub struct Server {
    address: SocketAddr,
    child: Child,
}

impl Server {
    pub fn start(component: &Path) -> Self {
        Self::start_with(component, &[])
    }

    /// Starts the server as [`Server::start`] does, with these options.
    pub fn start_with(component: &Path, options: &[&str]) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut child = Command::new(root.join("target/tools/bin/wasmtime"))
            .args(["serve", "-Scli", "--addr", "127.0.0.1:0"])
            .args(options)
            .arg(component)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wasmtime, which `cargo xtask test` brings");
        let lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let mut told = lines.map_while(Result::ok);
        let address = told
            .find_map(|line| {
                let (_, rest) = line.split_once("http://")?;
                rest.trim_end_matches('/').parse().ok()
            })
            .expect("it tells where it listens");
        // Reads on, so that the server is not blocked by a full pipe.
        std::thread::spawn(move || told.for_each(drop));
        Self { address, child }
    }

    async fn answer(&self, (method, path, body): (&str, &str, &str)) -> Response {
        self.answer_to(method, path, &[CONTENT_TYPE], body.to_owned())
            .await
    }

    pub async fn answer_to(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Response {
        let answer = request(self.address, method, path, headers, body).await;
        let answer = answer.expect("an answer");
        let status = answer.status.to_string();
        Response::new(&status, &answer.headers, &[], &answer.body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a config with a subscription for each request, whose replies go to the endpoint.
fn config(component: &Path, endpoint: &Endpoint) -> Config {
    let subscriptions = REQUESTS.iter().enumerate().map(|(n, (method, path, _))| {
        let lines = format!(
            "reply_to = {{ topic = \"replies\" }}\n\
             to = {{ component = {component:?}, path = {path:?}, method = {method:?}, \
             successful_on = [\"200-499\"] }}"
        );
        let name = format!("r{n}");
        Config::subscription(&name, &name).lines(&lines)
    });
    subscriptions.collect::<Config>() + out(endpoint)
}

/// Returns the responses of the handler in the bridge.
async fn here(component: &Path) -> Vec<Response> {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&config(component, &endpoint)).await;
    let mut responses = Vec::new();
    for (n, (_, _, body)) in REQUESTS.iter().enumerate() {
        bridge
            .accept(&format!("r{n}"), &[CONTENT_TYPE], *body)
            .await;
        let received = endpoint.wait_for(n + 1).await.remove(n);
        responses.push(answer(&received));
    }
    responses
}

/// Returns a handler's response, from the reply that was made of it.
pub fn answer(reply: &Received) -> Response {
    let status = reply.header("status").to_owned();
    Response::new(&status, &reply.headers, &BRIDGES, &reply.body)
}

/// Returns the rows of the table for one request, one for all languages with the same response.
fn rows((method, path, body): (&str, &str, &str), found: &[(&str, Response)]) -> String {
    let mut rows = String::new();
    for (at, (_, response)) in found.iter().enumerate() {
        let same = |it: &&(&str, Response)| it.1 == *response;
        if found[..at].iter().any(|it| same(&it)) {
            continue;
        }
        let languages: Vec<_> = found.iter().filter(same).map(|it| it.0).collect();
        let languages = match languages.len() {
            3 => "all".to_owned(),
            _ => languages.join(", "),
        };
        let cells = response.cells();
        rows += &format!("| `{method} {path}` `{body}` | {languages} | {cells} |\n");
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_response_under_wasmtime_serve_and_here() {
    let mut all = Vec::new();
    for (language, name) in HANDLERS {
        let component = guest(name);
        let before = std::fs::read(&component).expect("a file");
        let server = Server::start(&component);
        let mut there = Vec::new();
        for request in REQUESTS {
            there.push(server.answer(request).await);
        }
        let here = here(&component).await;
        assert_eq!(there, here, "{language}");
        assert!(before == std::fs::read(&component).expect("a file"));
        all.push((language, here));
    }
    let mut table =
        String::from("| request | in | status | headers | body |\n|---|---|---|---|---|\n");
    for (n, request) in REQUESTS.iter().enumerate() {
        let found = all.iter().map(|(language, it)| (*language, it[n].clone()));
        table += &rows(*request, &found.collect::<Vec<_>>());
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/http-handlers.md");
    let docs = std::fs::read_to_string(docs).expect("the chapter");
    assert!(
        docs.contains(&table),
        "docs/guides/http-handlers.md lacks\n{table}"
    );
}
