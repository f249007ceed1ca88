//! Compares a config with the limits of this machine. Raising limits stays out.

use std::collections::BTreeMap;

use crate::config::{Config, Subscription};
use crate::trouble::descriptors::{self, PER_FREE};

/// Returns a warning if the requests that may be in flight at once, to all
/// endpoints or to one, need more connections than this limit on file
/// descriptors allows.
pub fn too_few_descriptors(config: &Config, limit: u64) -> Option<String> {
    let on_network = config.subscriptions.iter().filter(|it| uses_network(it));
    let connections = descriptors::for_requests(limit);
    let (mut requests, mut by_endpoint) = (0_usize, BTreeMap::new());
    for subscription in on_network {
        let in_flight = subscription.policy.max_in_flight;
        requests += in_flight;
        let endpoint = subscription.endpoint.as_ref();
        let endpoint = endpoint.filter(|it| it.handler.is_none());
        if let Some(authority) = endpoint.and_then(|it| it.url.authority()) {
            *by_endpoint.entry(authority.as_str()).or_insert(0) += in_flight;
        }
    }
    if requests > connections {
        return Some(format!(
            "{requests} requests may be in flight at once (`max_in_flight` of all subscriptions), and the limit of {limit} file descriptors allows {connections} connections to endpoints: further messages wait. {}",
            advice(requests)
        ));
    }
    let most: usize = by_endpoint.into_values().max().unwrap_or_default();
    let for_one = descriptors::for_one_endpoint(connections);
    (most > for_one).then(|| {
        format!(
            "{most} requests may be in flight at once to one endpoint (`max_in_flight` of its subscriptions), and the limit of {limit} file descriptors allows it {for_one} connections: further messages wait. {}",
            advice(most.saturating_mul(PER_FREE + 1).div_ceil(PER_FREE))
        )
    })
}

fn advice(connections: usize) -> String {
    let enough = descriptors::enough_for(connections);
    format!(
        "Raise the limit to {enough} (`ulimit -n`, LimitNOFILE= in systemd), or lower `max_in_flight`"
    )
}

fn uses_network(subscription: &Subscription) -> bool {
    let endpoint = subscription.endpoint.as_ref();
    endpoint.is_some_and(|it| it.handler.is_none())
        || !subscription.endpoints.is_empty()
        || !subscription.allow.is_empty()
}
