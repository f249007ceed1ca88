//! Finds out why a JetStream consumer is silent, as far as the server tells.
//! `pull` notices the silence, and `kit::silence` remembers it.

use super::consumer;
use super::consumer_ref::ConsumerRef;
use super::jetstream_api::JetStreamApi;

/// Returns why a consumer is silent, or an error if the consumer is gone.
pub(super) async fn cause(api: &JetStreamApi, located: &ConsumerRef) -> Result<String, String> {
    let ConsumerRef { stream, name, .. } = located;
    let silent = "three heartbeats are missing";
    if let Some(refusal) = api.connection.refusal() {
        return Ok(format!("{silent}: {refusal}"));
    }
    match consumer::inspect(&api.context(), located).await {
        Ok(Some(_)) => Ok(format!(
            "{silent}, although the consumer {name} of the stream {} is there: look at whether this user may publish to \
             {}.CONSUMER.MSG.NEXT.{}.{name} and subscribe to its inbox",
            stream.name, api.prefix, stream.name
        )),
        Ok(None) => Err(format!("the consumer {name} is gone")),
        Err(error) => Ok(format!(
            "{silent}, and JetStream does not say why ({error}): in a cluster, look at whether most of its servers are up"
        )),
    }
}
