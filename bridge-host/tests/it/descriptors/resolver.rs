//! A lack of descriptors that only the system's resolver sees, because it ends
//! before the bridge can check.

use std::process::Command;

use super::{start_by, subscription};
use crate::harness::{Endpoint, preload};

/// Fails three times as glibc does when a process has no descriptor left.
const SHORT: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>

static atomic_int left = 3;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node && !strcmp(node, "localhost") && atomic_fetch_sub(&left, 1) > 0) {
        errno = EMFILE;
        return EAI_NONAME;
    }
    next = dlsym(RTLD_NEXT, "getaddrinfo");
    return next(node, service, hints, found);
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_without_descriptors_costs_no_attempt() {
    let endpoint = Endpoint::accepting().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut shell = Command::new("sh");
    shell.env("LD_PRELOAD", preload(folder.path(), "short", SHORT));
    let config = subscription("all", &endpoint, "").replace("127.0.0.1:", "localhost:");
    let (bridge, _) = start_by(shell, 256, &config).await;
    bridge.accept("orders", &[], "data").await;
    let ledger = bridge
        .ledger_when("all", |ledger| ledger.pending == 0)
        .await;
    assert_eq!((ledger.delivered, ledger.dead_lettered), (1, 0));
    let log = bridge.log();
    let is_retry = |line: &String| line.contains("verdict=\"retry\"");
    assert!(!log.iter().any(is_retry), "{log:?}");
}
