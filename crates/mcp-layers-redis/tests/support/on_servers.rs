//! Servers for the suite of stores.

use std::{sync::Arc, time::Duration};

use mcp_layers_redis::RedisRateLimitStore;

use super::{suite::Bench, support::RedisServer};

/// A store, and the servers that it is on.
pub(crate) struct OnServers<'a> {
    pub(crate) servers: &'a [RedisServer],
    pub(crate) store: Arc<RedisRateLimitStore>,
}

/// The servers' clocks cannot be moved, but what they stored can: everything was written earlier.
const SHIFT: &str = "
    for _, key in ipairs(redis.call('KEYS', '*')) do
      local full, at, rest = redis.call('GET', key):match('^(%d+) (%d+) (.*)$')
      full, at = math.max(full - ARGV[1], 0), math.max(at - ARGV[1], 0)
      redis.call('SET', key, string.format('%.0f %.0f ', full, at) .. rest)
    end
    return 'OK'";

impl Bench for OnServers<'_> {
    type Store = RedisRateLimitStore;

    fn store(&self) -> Arc<Self::Store> {
        Arc::clone(&self.store)
    }

    async fn advance(&self, by: Duration) {
        let micros = by.as_micros().to_string();
        for server in self.servers {
            let answer = server.command(&["EVAL", SHIFT, "0", &micros]);
            assert_eq!(answer.lines().last(), Some("OK"));
        }
    }

    const SLACK: Duration = Duration::from_secs(300);
}
