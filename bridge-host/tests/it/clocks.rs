//! Clocks that are set while the bridge runs, or were set to an unexpected time.
//! A preloaded library shifts them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::harness::{Bridge, Config, Endpoint, Reply, binary, preload};

/// Shifts the wall clock by the number of seconds in a file.
const SHIFT: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    int result = (int)syscall(SYS_clock_gettime, id, at);
    char text[32] = {0};
    const char *path = getenv("CLOCK_SHIFT");
    if (id != CLOCK_REALTIME || result != 0 || path == NULL) return result;
    int file = open(path, O_RDONLY);
    if (file < 0) return result;
    if (read(file, text, sizeof text - 1) > 0) at->tv_sec += atoll(text);
    close(file);
    return result;
}
"#;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Shifts the clock to some time in 1965 or earlier.
const BEFORE_1970: i64 = -61 * 365 * DAY;

/// A folder with a config and a shifted clock.
struct ShiftedClock {
    folder: Arc<TempDir>,
    library: PathBuf,
}

impl ShiftedClock {
    fn new(endpoint: &Endpoint, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "intake.address = \"127.0.0.1:0\"\n\
             wasm.cache = {:?}\nlog = {{ format = \"json\", level = \"debug\" }}\n\
             {}",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            Config::all(endpoint).lines(more)
        );
        std::fs::write(folder.path().join("bridge.toml"), config).expect("a file");
        let library = preload(folder.path(), "clock", SHIFT);
        let world = Self {
            folder: Arc::new(folder),
            library,
        };
        world.shift(0);
        world
    }

    /// Sets the clock this many seconds off the true time.
    fn shift(&self, seconds: i64) {
        let (file, new) = (
            self.folder.path().join("shift"),
            self.folder.path().join("new"),
        );
        std::fs::write(&new, seconds.to_string()).expect("a file");
        std::fs::rename(new, file).expect("a file");
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(self.folder.path())
            .env("LD_PRELOAD", &self.library)
            .env("CLOCK_SHIFT", self.folder.path().join("shift"));
        command
    }

    async fn start(&self) -> Bridge {
        let child = self
            .command()
            .args(["run", "bridge.toml"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Bridge::attach(child.expect("the bridge starts"), self.folder.clone()).await
    }
}

/// Starts an endpoint that fails this many times.
async fn failing(times: usize) -> Endpoint {
    Endpoint::start(move |_, before| Reply::status(if before < times { 503 } else { 204 })).await
}

/// Sets the clock back by an hour while messages wait, and checks that they do
/// not wait an hour longer.
async fn set_back(more: &str) {
    let endpoint = failing(6).await;
    let retry = "retry = { initial_delay = \"1s\", max_delay = \"2s\" }";
    let world = ShiftedClock::new(&endpoint, &format!("{retry}\n{more}"));
    let bridge = world.start().await;
    bridge.accept("orders", &[], "waits").await;
    endpoint.wait_for(2).await;
    world.shift(-HOUR);
    bridge.accept("orders", &[], "comes after").await;
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.delivered == 2)
        .await;
    assert!(ledger.balances() && ledger.dead_lettered == 0, "{ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_delays_no_retry() {
    set_back("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_stops_no_ordered_subscription() {
    set_back("max_in_flight = 1").await;
}

/// A message that waited before the start, according to a clock that was ahead,
/// waits no longer than the policy allows.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_between_two_starts_delays_no_retry() {
    let endpoint = failing(3).await;
    let world = ShiftedClock::new(
        &endpoint,
        "retry = { initial_delay = \"2s\", max_delay = \"2s\" }",
    );
    world.shift(10 * DAY);
    let bridge = world.start().await;
    bridge.accept("orders", &[], "x").await;
    endpoint.wait_for(1).await;
    drop(bridge.kill());
    world.shift(0);
    let bridge = world.start().await;
    bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
}

/// A clock set forward makes no message too old that was never attempted.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_forward_gives_up_no_new_message() {
    let endpoint = failing(3).await;
    let world = ShiftedClock::new(
        &endpoint,
        "retry = { initial_delay = \"100ms\", max_delay = \"100ms\" }",
    );
    world.shift(BEFORE_1970);
    let bridge = world.start().await;
    world.shift(0);
    bridge.accept("orders", &[], "x").await;
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.delivered == 1)
        .await;
    assert_eq!(ledger.dead_lettered, 0);
}

/// HTTP cannot express such a date, so the server cannot answer normally. It says
/// so, and answers once the clock is right.
#[tokio::test(flavor = "multi_thread")]
async fn before_1970_requests_get_503_with_the_cause() {
    let endpoint = failing(0).await;
    let world = ShiftedClock::new(&endpoint, "");
    world.shift(BEFORE_1970);
    let bridge = world.start().await;
    let refused = bridge.publish("orders", &[], "x").await;
    assert_eq!(refused.status, 503);
    let told = refused.json()["error"].to_string();
    assert!(
        told.contains("the clock of this machine is set to"),
        "{told}"
    );
    world.shift(0);
    bridge.accept("orders", &[], "x").await;
    endpoint.wait_for(1).await;
    let log = bridge.log();
    assert!(!log.iter().any(|line| line.contains("panic")), "{log:?}");
    let told = log.iter().filter(|line| line.contains("the clock of this"));
    assert_eq!(told.count(), 1, "{log:?}");
}
