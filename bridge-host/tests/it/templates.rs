//! The projects of `bridge-host new`: built with the commands of their README, and run with
//! their config.

mod project;

use std::process::Output;

use crate::harness::{Bridge, Endpoint, Reply};
use project::{Project, new};
pub use project::{guest_cargo, has_wasip2, target_folder};

#[track_caller]
fn told(output: &Output, code: i32) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}");
    told
}

#[test]
fn impossible_names_and_taken_folders_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, expected) in [
        ("My Orders", "try \"my-orders\""),
        ("../up", "try \"up\""),
        ("core", "try \"my-core\""),
    ] {
        let told = told(&new(&folder, name, "handler", "rust"), 2);
        assert!(told.contains("is not a valid name for a project"), "{told}");
        assert!(told.contains(expected), "{told}");
    }
    assert!(folder.path().read_dir().expect("a folder").next().is_none());

    std::fs::write(folder.path().join("taken"), "mine").expect("a file");
    let there = told(&new(&folder, "taken", "handler", "rust"), 1);
    assert!(there.contains("taken exists already"), "{there}");
    assert!(there.contains("choose another name"), "{there}");

    let language = told(&new(&folder, "orders", "handler", "cobol"), 2);
    assert!(language.contains("rust, js, python"), "{language}");
    assert!(!folder.path().join("orders").exists());
}

#[test]
fn the_written_files_and_the_next_commands_are_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = new(&folder, "orders", "middleware", "js");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    let (written, next) = told.split_once("\nnext:\n").expect("two parts");
    for line in written.lines().skip(1) {
        assert!(folder.path().join(line.trim()).is_file(), "{line}");
    }
    assert!(written.contains("orders/bridge.toml\n"), "{told}");
    assert!(
        next.starts_with("    cd orders\n    npm install\n"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_handler_builds_and_runs() {
    handler("rust").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_handler_builds_and_runs() {
    handler("js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_handler_builds_and_runs() {
    handler("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_middleware_builds_and_runs() {
    middleware("rust").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_middleware_builds_and_runs() {
    middleware("js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_middleware_builds_and_runs() {
    middleware("python").await;
}

/// The handler greets a name, the greeting is posted, and an empty name is refused.
async fn handler(language: &str) {
    let project = Project::built("handler", language);
    let endpoint = Endpoint::accepting().await;
    let bridge = Bridge::start(&project.config(&endpoint)).await;
    let id = bridge.accept("greetings.new", &[], "Ada").await;
    let received = endpoint.wait_for(1).await.remove(0);
    assert_eq!(received.path, "/greeted");
    assert_eq!(received.id(), format!("{id}.greetings.reply"));
    assert_eq!(received.body, "Hello, Ada!");
    assert!(received.header("content-type").starts_with("text/plain"));
    if language == "rust" && project.has_target() {
        let log = bridge.log();
        let printed = |line: &String| line.contains("greeting Ada") && line.contains(&id);
        assert!(log.iter().any(printed), "{log:#?}");
    }
    let nameless = bridge.accept("greetings.new", &[], " ").await;
    let letter = bridge.dead_letter(&nameless).await;
    assert_eq!((letter.attempts, letter.status), (1, Some(422)));
    assert!(letter.reason.contains("whom to greet?"), "{letter:?}");
}

/// The middleware drops a short message and marks a long one. The endpoint's status passes
/// through, so a refused message is retried.
async fn middleware(language: &str) {
    let project = Project::built("middleware", language);
    let endpoint = Endpoint::start(|_, before| Reply::status([503, 204][before.min(1)])).await;
    let config = project.config(&endpoint);
    let again = format!("{config}retry = {{ initial_delay = \"1ms\", max_delay = \"1ms\" }}\n");
    let bridge = Bridge::start(&again).await;
    let headers = [("content-type", "text/plain"), ("x-kept", "yes")];
    let id = bridge.accept("notes.new", &headers, "long enough").await;
    let received = endpoint.wait_for(2).await.remove(1);
    assert_eq!((received.path.as_str(), received.id()), ("/notes", id));
    assert_eq!(received.header("seen-by"), project.name);
    assert_eq!(received.header("x-kept"), "yes");
    assert_eq!(received.body, "long enough");
    bridge.accept("notes.new", &headers, "short").await;
    let ledger = bridge.ledger_when("notes", |it| it.filtered == 1).await;
    assert!(ledger.balances() && ledger.delivered == 1, "{ledger:?}");

    let wrong = Bridge::start(&config.replace("\"10\"", "\"ten\"")).await;
    let id = wrong.accept("notes.new", &headers, "long enough").await;
    let letter = wrong.dead_letter(&id).await;
    assert_eq!(letter.attempts, 1);
    assert!(letter.reason.contains("not a whole number"), "{letter:?}");
}
