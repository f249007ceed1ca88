//! What a config may take of this machine.

use crate::config::{Config, Subscription};
use crate::trouble::descriptors;

/// One line where the requests that may be under way at once are more than this
/// limit on file descriptors allows connections for.
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
