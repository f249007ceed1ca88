//! HTTP handlers that others published, built from their packages: the same
//! answer under `wasmtime serve` and here, with an upstream that streams. The
//! table in docs/handlers.md is what was asked.

use std::path::Path;

use super::equality::{Response, Server, answer};
use super::out;
use super::upstreams::upstream;
use crate::harness::{Bridge, Config, Endpoint, guest};

/// One request of the table.
struct Row {
    component: &'static str,
    package: &'static str,
    interface: &'static str,
    method: &'static str,
    path: &'static str,
    /// What the upstream is asked for, where there is one.
    upstream: Option<&'static str>,
    /// Which body is sent.
    sent: &'static str,
    answers: &'static str,
}

const PYTHON: &str = "componentize-py 0.25.1 (PyPI), `examples/http`";
const PYTHON_P3: &str = "componentize-py 0.25.1 (PyPI), `examples/http-p3`";
const HASHES: &str = "200, the SHA-256 of the upstream's body";

const fn row(
    component: &'static str,
    package: &'static str,
    interface: &'static str,
    request: (&'static str, &'static str),
    upstream: Option<&'static str>,
    answers: &'static str,
) -> Row {
    let (method, path) = request;
    let sent = match method.as_bytes() {
        b"POST" => "200 KB",
        _ => "none",
    };
    Row {
        component,
        package,
        interface,
        method,
        path,
        upstream,
        sent,
        answers,
    }
}

const ECHO: (&str, &str) = ("POST", "/echo");
const HASH: (&str, &str) = ("GET", "/hash-all");

const ROWS: [Row; 9] = [
    row(
        "python-http",
        PYTHON,
        "0.2",
        ECHO,
        None,
        "200, the same body",
    ),
    row("python-http", PYTHON, "0.2", HASH, Some("/chunked"), HASHES),
    row("python-http", PYTHON, "0.2", HASH, Some("/slow"), HASHES),
    row("python-http", PYTHON, "0.2", HASH, Some("/large"), HASHES),
    row(
        "python-http-p3",
        PYTHON_P3,
        "0.3",
        ECHO,
        None,
        "200, the same body",
    ),
    row(
        "python-http-p3",
        PYTHON_P3,
        "0.3",
        HASH,
        Some("/chunked"),
        HASHES,
    ),
    row(
        "python-http-p3",
        PYTHON_P3,
        "0.3",
        HASH,
        Some("/slow"),
        HASHES,
    ),
    row(
        "python-http-p3",
        PYTHON_P3,
        "0.3",
        HASH,
        Some("/large"),
        HASHES,
    ),
    row(
        "wasip3-handler",
        "wasip3 0.10.0 (crate), `http-proxy`",
        "0.3",
        ("POST", "/"),
        None,
        "200, `Hello, WASI!`",
    ),
];

impl Row {
    /// As a row of the table.
    fn told(&self) -> String {
        let Self {
            package,
            interface,
            method,
            path,
            sent,
            answers,
            ..
        } = self;
        let upstream = match self.upstream {
            None => "none",
            Some("/chunked") => "chunked, two parts",
            Some("/slow") => "chunked, a part every 1.5 s",
            Some(_) => "chunked, 20 MB",
        };
        format!(
            "| {package} | {interface} | `{method} {path}` | {sent} | {upstream} | {answers} |\n"
        )
    }

    fn body(&self) -> String {
        match self.sent {
            "none" => String::new(),
            _ => "0123456789".repeat(20_000),
        }
    }

    /// The upstream as the Python examples are told of it.
    fn url(&self, upstream: &Endpoint) -> Option<String> {
        let path = self.upstream.filter(|_| self.method == "GET")?;
        Some(format!("http://{}{path}", upstream.address))
    }
}

async fn there(server: &Server, row: &Row, upstream: &Endpoint) -> Response {
    let url = row.url(upstream);
    let mut headers = vec![("content-type", "text/plain")];
    headers.extend(url.as_deref().map(|url| ("url", url)));
    server
        .answer_to(row.method, row.path, &headers, row.body())
        .await
}

/// A subscription for each row of this component, and one for the replies.
fn config(rows: &[&Row], upstream: &Endpoint, endpoint: &Endpoint) -> Config {
    let subscriptions = rows.iter().enumerate().map(|(n, row)| {
        let url = row.url(upstream);
        let url = url.map_or(String::new(), |url| {
            format!(", headers = {{ url = {url:?} }}")
        });
        let lines = format!(
            "allow = [\"127.0.0.1\"]\n\
             reply_to = {{ topic = \"replies\", max_size = \"32MiB\" }}\ntimeout = \"2m\"\n\
             to = {{ component = {:?}, path = {:?}, method = {:?}{url} }}",
            guest(row.component),
            row.path,
            row.method,
        );
        let name = format!("r{n}");
        Config::subscription(&name, &name).lines(&lines)
    });
    subscriptions.collect::<Config>() + out(endpoint)
}

async fn here(rows: &[&Row], upstream: &Endpoint) -> Vec<Response> {
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&config(rows, upstream, &endpoint)).await;
    let mut responses = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        let headers = [("content-type", "text/plain")];
        bridge.accept(&format!("r{n}"), &headers, row.body()).await;
        let received = endpoint.wait_for(n + 1).await.remove(n);
        responses.push(answer(&received));
        let ledger = bridge.ledger(&format!("r{n}")).await;
        assert_eq!(ledger.dead_lettered, 0, "{:#?}", bridge.log());
    }
    responses
}

/// What must be in the answer, whoever gives it.
fn check(row: &Row, response: &Response) {
    assert_eq!(response.status, "200", "{}", row.told());
    let expected = match row.method {
        "GET" => return assert!(response.body.trim_end().len() > 64, "{response:?}"),
        _ if row.component == "wasip3-handler" => "Hello, WASI!".into(),
        _ => row.body(),
    };
    assert!(response.body == expected, "{}", row.told());
}

async fn same(component: &str) {
    let upstream = upstream().await;
    let rows: Vec<_> = ROWS.iter().filter(|it| it.component == component).collect();
    let server = Server::start(&guest(component));
    let here = here(&rows, &upstream).await;
    for (row, mut here) in rows.iter().zip(here) {
        let there = there(&server, row, &upstream).await;
        assert_eq!(there.status, here.status, "{}", row.told());
        // A message without a content type leaves with one.
        if !there.headers.contains_key("content-type") {
            here.headers.remove("content-type");
        }
        assert_eq!(there.headers, here.headers, "{}", row.told());
        assert!(there.body == here.body, "{}", row.told());
        check(row, &here);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_example_of_componentize_py_answers_as_under_wasmtime_serve() {
    same("python-http").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_p3_example_of_componentize_py_answers_as_under_wasmtime_serve() {
    same("python-http-p3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_wasip3_answers_as_under_wasmtime_serve() {
    same("wasip3-handler").await;
}

#[test]
fn the_documented_table_is_what_was_asked() {
    let rows: String = ROWS.iter().map(Row::told).collect();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/handlers.md");
    let docs = std::fs::read_to_string(docs).expect("the chapter");
    assert!(docs.contains(&rows), "docs/handlers.md lacks\n{rows}");
}
