//! Where commands go: to one server, or to the node of a cluster that has their keys.

use std::sync::{Arc, atomic::AtomicU64};

use redis::{Client, FromRedisValue};

use crate::{RedisError, cluster::Cluster, command::Command, link::Link, link::Used};

/// One server, or several that know of each other.
pub(crate) enum Servers {
    One(Arc<Link>),
    #[cfg_attr(
        not(feature = "cluster"),
        allow(dead_code, reason = "without it there is one server")
    )]
    Cluster(Cluster),
}

impl Servers {
    pub(crate) fn one(client: Client) -> Self {
        Self::One(Arc::new(Link::new(client, Arc::default())))
    }

    /// Those of a cluster that these are some nodes of, one at least.
    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(nodes: Vec<Client>) -> Self {
        Self::Cluster(Cluster::new(nodes))
    }

    pub(crate) async fn send<T: FromRedisValue>(
        &self,
        command: &Command<'_>,
        used: &mut Option<Used>,
    ) -> Result<T, RedisError> {
        match self {
            Self::One(link) => link.send(command, false, used).await,
            Self::Cluster(cluster) => cluster.send(command, used).await,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        match self {
            Self::One(link) => link.is_connected(),
            Self::Cluster(cluster) => cluster.is_connected(),
        }
    }

    /// How often a connection was made.
    pub(crate) fn connects(&self) -> &AtomicU64 {
        match self {
            Self::One(link) => link.connects(),
            Self::Cluster(cluster) => cluster.connects(),
        }
    }

    /// The same servers through other clients.
    #[cfg(feature = "tls")]
    pub(crate) fn with_clients<E>(
        &self,
        change: impl Fn(&Client) -> Result<Client, E>,
    ) -> Result<Self, E> {
        Ok(match self {
            Self::One(link) => Self::one(change(link.client())?),
            Self::Cluster(cluster) => {
                let clients = cluster.seeds().iter().map(change);
                Self::Cluster(Cluster::new(clients.collect::<Result<_, E>>()?))
            }
        })
    }
}
