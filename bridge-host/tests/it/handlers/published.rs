//! Published HTTP handlers of others, built from their packages: each gives the same response under
//! `wasmtime serve` and in the bridge, also with an upstream that streams. Checks the table in
//! docs/guides/http-handlers.md.

use std::path::Path;

use super::equality::{Response, Server, answer};
use super::out;
use super::upstreams::{upstream, whole};
use crate::harness::{Bridge, Config, Endpoint, guest};

/// One request of the table.
struct Row {
    component: &'static str,
    package: &'static str,
    interface: &'static str,
    method: &'static str,
    path: &'static str,
    /// The path of the upstream, if the handler sends a request to it.
    upstream: Option<&'static str>,
    /// The body of the request.
    sent: &'static str,
    answers: &'static str,
}

const PYTHON: &str = "componentize-py 0.25.1 (PyPI), `examples/http`";
const PYTHON_P3: &str = "componentize-py 0.25.1 (PyPI), `examples/http-p3`";
const SPIN: &str = "spin-sdk 5.0.0 (PyPI), its README";
const JCO: &str = "jco-std 0.3.1 (npm), its README";
const WSTD: &str = "wstd 0.6.8 (crate), `http_server`";
const WSTD_PROXY: &str = "wstd 0.6.8 (crate), `http_server_proxy`";
const SAME: &str = "200, the same body";
const HASHES: &str = "200, the SHA-256 of the upstream's body";
const PROXIED: &str = "200, the upstream's body";

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

const ROWS: [Row; 17] = [
    row(
        "jco-handler",
        JCO,
        "0.2",
        ("GET", "/"),
        None,
        "200, `Hello World!`",
    ),
    row(
        "jco-handler",
        JCO,
        "0.2",
        ("GET", "/elsewhere"),
        None,
        "404, `404 Not Found`",
    ),
    row("python-http", PYTHON, "0.2", ECHO, None, SAME),
    row("python-http", PYTHON, "0.2", HASH, Some("/chunked"), HASHES),
    row("python-http", PYTHON, "0.2", HASH, Some("/slow"), HASHES),
    row("python-http", PYTHON, "0.2", HASH, Some("/large"), HASHES),
    row("python-http-p3", PYTHON_P3, "0.3", ECHO, None, SAME),
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
        "python-spin",
        SPIN,
        "0.3",
        ("POST", "/"),
        None,
        "200, `Hello from Python!`",
    ),
    row(
        "wasip3-handler",
        "wasip3 0.10.0 (crate), `http-proxy`",
        "0.3",
        ("POST", "/"),
        None,
        "200, `Hello, WASI!`",
    ),
    row(
        "wstd-http-server",
        WSTD,
        "0.2",
        ("GET", "/"),
        None,
        "200, `Hello, wasi:http/proxy world!`",
    ),
    row("wstd-http-server", WSTD, "0.2", ECHO, None, SAME),
    row(
        "wstd-http-server-proxy",
        WSTD_PROXY,
        "0.2",
        ("GET", "/proxy/chunked"),
        Some("/chunked"),
        PROXIED,
    ),
    row(
        "wstd-http-server-proxy",
        WSTD_PROXY,
        "0.2",
        ("GET", "/proxy/slow"),
        Some("/slow"),
        PROXIED,
    ),
    row(
        "wstd-http-server-proxy",
        WSTD_PROXY,
        "0.2",
        ("GET", "/proxy/large"),
        Some("/large"),
        PROXIED,
    ),
];

impl Row {
    /// Returns the row as the page has it.
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

    /// Returns the URL of the upstream in the form that the Python examples expect.
    fn url(&self, upstream: &Endpoint) -> Option<String> {
        let path = self.upstream.filter(|_| self.answers == HASHES)?;
        Some(format!("http://{}{path}", upstream.address))
    }

    /// Returns the expected body, if it is known.
    fn expected(&self) -> Option<String> {
        match self.answers {
            SAME => Some(self.body()),
            PROXIED => self.upstream.map(whole),
            HASHES => None,
            text => text.split('`').nth(1).map(str::to_owned),
        }
    }
}

/// Returns the URL of the upstream in the form that wstd's example expects.
fn environment(upstream: &Endpoint) -> String {
    format!("TARGET_URL=http://{}/", upstream.address)
}

async fn there(server: &Server, row: &Row, upstream: &Endpoint) -> Response {
    let url = row.url(upstream);
    let mut headers = vec![("content-type", "text/plain")];
    headers.extend(url.as_deref().map(|url| ("url", url)));
    server
        .answer_to(row.method, row.path, &headers, row.body())
        .await
}

/// Returns a config with a subscription for each row of this component, and one for the replies.
fn config(rows: &[&Row], upstream: &Endpoint, endpoint: &Endpoint) -> Config {
    let subscriptions = rows.iter().enumerate().map(|(n, row)| {
        let url = row.url(upstream);
        let url = url.map_or(String::new(), |url| {
            format!(", headers = {{ url = {url:?} }}")
        });
        let lines = format!(
            "allow = [\"127.0.0.1\"]\n\
             reply_to = {{ topic = \"replies\", max_size = \"32MiB\" }}\ntimeout = \"2m\"\n\
             to = {{ component = {:?}, path = {:?}, method = {:?}{url}, permissions.env = [{:?}], \
             successful_on = [\"200-499\"] }}",
            guest(row.component),
            row.path,
            row.method,
            environment(upstream),
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

/// Checks what every response must contain.
fn check(row: &Row, response: &Response) {
    assert_eq!(response.status, row.answers[..3], "{}", row.told());
    match row.expected() {
        Some(expected) => assert!(response.body.trim_end() == expected, "{}", row.told()),
        None => assert!(response.body.trim_end().len() > 64, "{response:?}"),
    }
}

async fn same(component: &str) {
    let upstream = upstream().await;
    let rows: Vec<_> = ROWS.iter().filter(|it| it.component == component).collect();
    let environment = environment(&upstream);
    let server = Server::start_with(&guest(component), &["--env", &environment]);
    let here = here(&rows, &upstream).await;
    for (row, mut here) in rows.iter().zip(here) {
        let there = there(&server, row, &upstream).await;
        assert_eq!(there.status, here.status, "{}", row.told());
        // The host adds a content type to a message without one.
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

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_jco_std_answers_as_under_wasmtime_serve() {
    same("jco-handler").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_spin_sdk_answers_as_under_wasmtime_serve() {
    same("python-spin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_server_example_of_wstd_answers_as_under_wasmtime_serve() {
    same("wstd-http-server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_server_proxy_example_of_wstd_answers_as_under_wasmtime_serve() {
    same("wstd-http-server-proxy").await;
}

#[test]
fn the_documented_table_is_what_was_asked() {
    let rows: String = ROWS.iter().map(Row::told).collect();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/http-handlers.md");
    let docs = std::fs::read_to_string(docs).expect("the chapter");
    assert!(
        docs.contains(&rows),
        "docs/guides/http-handlers.md lacks\n{rows}"
    );
}
