//! The resources of this machine that a config needs.

use crate::config::{Config, Subscription};
use crate::trouble::descriptors;

/// Returns a warning if the requests that may be in flight at once need more
/// connections than this limit on file descriptors allows.
pub fn too_few_descriptors(config: &Config, limit: u64) -> Option<String> {
    let on_network = config.subscriptions.iter().filter(|it| uses_network(it));
    let requests: usize = on_network.map(|it| it.policy.max_in_flight).sum();
    let connections = descriptors::for_requests(limit);
    (requests > connections).then(|| {
        let enough = descriptors::enough_for(requests);
        format!(
            "{requests} requests may be in flight at once (`max_in_flight` of all subscriptions), and the limit of {limit} file descriptors allows {connections} connections to endpoints: further messages wait. Raise the limit to {enough} (`ulimit -n`, LimitNOFILE= in systemd), or lower `max_in_flight`"
        )
    })
}

fn uses_network(subscription: &Subscription) -> bool {
    let endpoint = subscription.endpoint.as_ref();
    endpoint.is_some_and(|it| it.handler.is_none())
        || !subscription.endpoints.is_empty()
        || !subscription.allow.is_empty()
}
