//! The hop count of a message: the number of subscriptions that it and the messages it was
//! made from have passed through. `delivery` ends loops by it.

use super::Message;
use super::keys::HOPS_KEY;

impl Message {
    /// Returns the hop count: 0 for a message that was published from outside.
    pub fn hops(&self) -> u32 {
        let entry = self.metadata.iter().find(|(key, _)| key == HOPS_KEY);
        entry.and_then(|(_, hops)| hops.parse().ok()).unwrap_or(0)
    }

    /// Sets the hop count.
    pub fn set_hops(&mut self, hops: u32) {
        self.metadata.retain(|(key, _)| key != HOPS_KEY);
        if hops > 0 {
            self.metadata.push((HOPS_KEY.into(), hops.to_string()));
        }
    }

    /// Sets the hop count of a message that was made while a message with `hops` was
    /// handled: one more.
    #[must_use]
    pub fn one_hop_after(mut self, hops: u32) -> Self {
        self.set_hops(hops.saturating_add(1));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_sets_the_hop_count() {
        let mut message = Message::new("t", "");
        assert_eq!(message.hops(), 0);
        message.add_metadata(HOPS_KEY, "7");
        let entry = |key: &str| (key.to_owned(), "9".to_owned());
        message.set_any_metadata(vec![entry(HOPS_KEY), entry("a"), entry(HOPS_KEY)]);
        assert_eq!((message.hops(), message.metadata.len()), (0, 1));
        let mut message = message.one_hop_after(0).one_hop_after(3);
        assert_eq!((message.hops(), message.metadata.len()), (4, 2));
        message.set_any_metadata(vec![entry("b")]);
        assert_eq!(message.hops(), 4, "it is not lost with the other entries");
        message.set_hops(0);
        assert_eq!(message.metadata, [entry("b")]);
        assert_eq!(message.one_hop_after(u32::MAX).hops(), u32::MAX);
    }
}
