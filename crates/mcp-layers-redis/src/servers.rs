//! The servers of a connection: one, or the nodes of a cluster.

use std::time::Duration;

use redis::{
    Client, Cmd, FromRedisValue, RedisResult,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
};
#[cfg(feature = "cluster")]
use redis::{cluster::ClusterClientBuilder, cluster_async::ClusterConnection};

/// The longest time of one attempt to connect.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(2);

/// The number of times that a command follows a redirect, waits for a slot that moves, or is sent
/// again after a node of a cluster was lost.
#[cfg(feature = "cluster")]
const CLUSTER_RETRIES: u32 = 3;

/// The shortest and the longest wait before that, in milliseconds.
#[cfg(feature = "cluster")]
const CLUSTER_WAITS: (u64, u64) = (5, 500);

pub(crate) enum Servers {
    One(Client),
    /// Some of the nodes, at least one. The others are learned from them.
    #[cfg(feature = "cluster")]
    Cluster {
        nodes: Vec<Client>,
        #[cfg(feature = "tls")]
        certificates: Option<redis::TlsCertificates>,
    },
}

/// A connection of the `redis` crate. Clones share it.
#[derive(Clone)]
pub(crate) enum Connection {
    /// Connects again after a loss, and never sends a command again.
    One(ConnectionManager),
    #[cfg(feature = "cluster")]
    Cluster(ClusterConnection),
}

/// A command, which can be sent again when it did not run.
pub(crate) enum Command<'a> {
    One(&'a Cmd),
    /// By its digest; it is loaded where the server does not know it.
    #[cfg(any(feature = "cache", feature = "rate-limit"))]
    Script(&'a redis::ScriptInvocation<'a>),
}

impl Command<'_> {
    pub(crate) async fn send<T: FromRedisValue>(&self, connection: Connection) -> RedisResult<T> {
        match connection {
            Connection::One(connection) => self.send_on(connection).await,
            #[cfg(feature = "cluster")]
            Connection::Cluster(connection) => self.send_on(connection).await,
        }
    }

    async fn send_on<C: ConnectionLike, T: FromRedisValue>(
        &self,
        mut connection: C,
    ) -> RedisResult<T> {
        match self {
            Self::One(command) => command.query_async(&mut connection).await,
            #[cfg(any(feature = "cache", feature = "rate-limit"))]
            Self::Script(script) => script.invoke_async(&mut connection).await,
        }
    }
}

impl Servers {
    /// Connects, and waits for a sign of life: a paused server accepts connections, too.
    pub(crate) async fn connect(&self) -> RedisResult<Connection> {
        let connection = match self {
            Self::One(client) => {
                let config = ConnectionManagerConfig::new()
                    .set_number_of_retries(0)
                    .set_connection_timeout(Some(ATTEMPT))
                    .set_response_timeout(None);
                let manager = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
                Connection::One(manager)
            }
            #[cfg(feature = "cluster")]
            Self::Cluster {
                nodes,
                #[cfg(feature = "tls")]
                certificates,
            } => {
                let nodes = nodes.iter().map(|node| node.get_connection_info().clone());
                let builder = ClusterClientBuilder::new(nodes)
                    .retries(CLUSTER_RETRIES)
                    .min_retry_wait(CLUSTER_WAITS.0)
                    .max_retry_wait(CLUSTER_WAITS.1)
                    .retry_wait_formula(CLUSTER_WAITS.0, 2)
                    .connection_timeout(ATTEMPT)
                    .response_timeout(ATTEMPT)
                    .overall_response_timeout(None);
                #[cfg(feature = "tls")]
                let builder = match certificates {
                    Some(certificates) => builder.certs(certificates.clone()),
                    None => builder,
                };
                Connection::Cluster(builder.build()?.get_async_connection().await?)
            }
        };
        let ping = redis::cmd("PING");
        let _: redis::Value = Command::One(&ping).send(connection.clone()).await?;
        Ok(connection)
    }

    pub(crate) fn is_cluster(&self) -> bool {
        !matches!(self, Self::One(_))
    }

    /// The same servers with these certificates.
    #[cfg(feature = "tls")]
    pub(crate) fn with_certificates(
        &self,
        certificates: &redis::TlsCertificates,
    ) -> RedisResult<Self> {
        let with = |client: &Client| {
            let address = client.get_connection_info().clone();
            Client::build_with_tls(address, certificates.clone())
        };
        Ok(match self {
            Self::One(client) => Self::One(with(client)?),
            #[cfg(feature = "cluster")]
            Self::Cluster { nodes, .. } => Self::Cluster {
                nodes: nodes.iter().map(with).collect::<RedisResult<_>>()?,
                certificates: Some(certificates.clone()),
            },
        })
    }
}
