//! The nodes of a cluster, and which of them has what.
//!
//! The client that comes with the `redis` crate is not used: after a connection was lost it sends a
//! command again that may have run, and told not to, it follows no redirects either.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use redis::{Client, ConnectionAddr, FromRedisValue};

use crate::{RedisError, command::Command, error::Redirect, link::Link, link::Used};

/// How many redirects of a command are followed at once; before each further one is a pause.
const AT_ONCE: u32 = 3;

/// While nodes do not agree yet, or the keys of a command are on two of them.
const PAUSE: Duration = Duration::from_millis(5);

/// The nodes of a cluster, each with a link of its own, which heals by itself.
///
/// Where keys are is learned from the nodes: one that does not have them says who does. A command
/// that is sent to another node was not run by the one that said so.
pub(crate) struct Cluster {
    seeds: Vec<Client>,
    nodes: Mutex<Nodes>,
    connects: Arc<AtomicU64>,
}

struct Nodes {
    /// Those that the operator named, then those that they told of.
    links: Vec<Arc<Link>>,
    /// Who has the keys with a hash tag.
    homes: HashMap<String, Arc<Link>>,
}

impl Cluster {
    /// Begins with at least one node.
    #[cfg_attr(
        not(feature = "cluster"),
        allow(dead_code, reason = "without it there is one server")
    )]
    pub(crate) fn new(seeds: Vec<Client>) -> Self {
        let connects = Arc::new(AtomicU64::new(0));
        let link = |seed: &Client| Arc::new(Link::new(seed.clone(), Arc::clone(&connects)));
        let links = seeds.iter().map(link).collect();
        Self {
            seeds,
            nodes: Mutex::new(Nodes {
                links,
                homes: HashMap::new(),
            }),
            connects,
        }
    }

    pub(crate) async fn send<T: FromRedisValue>(
        &self,
        command: &Command<'_>,
        used: &mut Option<Used>,
    ) -> Result<T, RedisError> {
        let tag = command.tag();
        let mut away: Vec<Arc<Link>> = Vec::new();
        let mut redirects = 0;
        let mut next = self.home(tag).map(|home| (home, false));
        loop {
            let (link, asking) = match next.take().or_else(|| Some((self.other(&away)?, false))) {
                // One that is known to be away was asked already.
                Some((link, _)) if contains(&away, &link) => return Err(RedisError::away()),
                Some(next) => next,
                None => return Err(RedisError::away()),
            };
            let error = match link.send(command, asking, used).await {
                Ok(answer) => {
                    if !asking {
                        self.is_home(tag, &link);
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            match error.redirect() {
                Some(Redirect::Moved(to)) => {
                    let Some(home) = self.node(&link, to) else {
                        return Err(error);
                    };
                    self.is_home(tag, &home);
                    next = Some((home, false));
                }
                Some(Redirect::Ask(to)) => {
                    let Some(asked) = self.node(&link, to) else {
                        return Err(error);
                    };
                    next = Some((asked, true));
                }
                Some(Redirect::TryAgain) => {
                    next = self.home(tag).map(|home| (home, false));
                    redirects = AT_ONCE;
                }
                // Another node may know of one that has taken over.
                Some(Redirect::Elsewhere) => {
                    away.push(link);
                    continue;
                }
                None => return Err(error),
            }
            redirects += 1;
            if redirects > AT_ONCE {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Whether all nodes that have keys of ours are connected; before any is known, whether one is.
    pub(crate) fn is_connected(&self) -> bool {
        let nodes = self.nodes();
        if nodes.homes.is_empty() {
            nodes.links.iter().any(|link| link.is_connected())
        } else {
            nodes.homes.values().all(|home| home.is_connected())
        }
    }

    pub(crate) fn connects(&self) -> &AtomicU64 {
        &self.connects
    }

    #[allow(dead_code, reason = "for other clients to the same nodes")]
    pub(crate) fn seeds(&self) -> &[Client] {
        &self.seeds
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn home(&self, tag: Option<&str>) -> Option<Arc<Link>> {
        self.nodes().homes.get(tag?).cloned()
    }

    /// Some node that is not known to be away.
    fn other(&self, away: &[Arc<Link>]) -> Option<Arc<Link>> {
        let nodes = self.nodes();
        let mut left = nodes.links.iter().filter(|link| !contains(away, link));
        let connected = left.clone().find(|link| link.is_connected());
        connected.or_else(|| left.next()).cloned()
    }

    /// Notes who has the keys with a tag, and lets go of the nodes that have none any more.
    fn is_home(&self, tag: Option<&str>, link: &Arc<Link>) {
        let Some(tag) = tag else {
            return;
        };
        let mut nodes = self.nodes();
        let Nodes { links, homes } = &mut *nodes;
        if homes.get(tag).is_some_and(|home| Arc::ptr_eq(home, link)) {
            return;
        }
        homes.insert(tag.to_owned(), Arc::clone(link));
        let mut place = 0;
        links.retain(|link| {
            place += 1;
            place <= self.seeds.len() || homes.values().any(|home| Arc::ptr_eq(home, link))
        });
    }

    /// The node at an address that another one told; `None` when that is none.
    fn node(&self, told: &Link, address: &str) -> Option<Arc<Link>> {
        let client = neighbour(told.client(), address)?;
        let mut nodes = self.nodes();
        let is_it = |link: &&Arc<Link>| {
            let info = link.client().get_connection_info();
            info.addr() == client.get_connection_info().addr()
        };
        if let Some(link) = nodes.links.iter().find(is_it) {
            return Some(Arc::clone(link));
        }
        let link = Arc::new(Link::new(client, Arc::clone(&self.connects)));
        nodes.links.push(Arc::clone(&link));
        Some(link)
    }
}

fn contains(links: &[Arc<Link>], link: &Arc<Link>) -> bool {
    links.iter().any(|other| Arc::ptr_eq(other, link))
}

/// A client as this one, for `host:port`. No host means the same one.
fn neighbour(client: &Client, address: &str) -> Option<Client> {
    let (told, port) = address.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let info = client.get_connection_info();
    let host = |own: &String| {
        if told.is_empty() {
            own.clone()
        } else {
            told.to_owned()
        }
    };
    let addr = match info.addr() {
        ConnectionAddr::Tcp(own, _) => ConnectionAddr::Tcp(host(own), port),
        ConnectionAddr::TcpTls {
            host: own,
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host: host(own),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => return None,
    };
    Client::open(info.clone().set_addr(addr)).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Cluster, neighbour};
    use redis::{Client, ConnectionAddr};
    use std::{sync::Arc, time::Duration};

    fn client(address: &str) -> Client {
        Client::open(address).unwrap()
    }

    #[test]
    fn a_neighbour_differs_in_its_address_alone() {
        let told = client("redis://ada:sesame@one.example:7000");
        let addr = |text| Some(neighbour(&told, text)?.get_connection_info().addr().clone());
        let tcp = |host: &str, port| Some(ConnectionAddr::Tcp(host.to_owned(), port));
        assert_eq!(addr("10.0.0.2:7001"), tcp("10.0.0.2", 7001));
        assert_eq!(addr("two.example:7001"), tcp("two.example", 7001));
        assert_eq!(addr("::1:7001"), tcp("::1", 7001));
        assert_eq!(addr(":7001"), tcp("one.example", 7001));
        for none in ["", "7001", "10.0.0.2:", "10.0.0.2:x", "10.0.0.2:70000"] {
            assert_eq!(addr(none), None, "{none}");
        }
        let neighbour = neighbour(&told, ":7001").unwrap();
        let settings = neighbour.get_connection_info().redis_settings();
        assert_eq!(settings.password(), Some("sesame"));
        assert_eq!(settings.username(), Some("ada"));
    }

    #[tokio::test]
    async fn nodes_that_have_no_keys_any_more_are_let_go_of() {
        let cluster = Cluster::new(vec![client("redis://127.0.0.1:1")]);
        let seed = cluster.other(&[]).unwrap();
        let told = |port: u16| cluster.node(&seed, &format!("127.0.0.1:{port}")).unwrap();
        assert!(Arc::ptr_eq(&told(1), &seed));
        let former = told(2);
        assert!(Arc::ptr_eq(&told(2), &former));
        cluster.is_home(Some("{a}"), &former);
        cluster.is_home(Some("{b}"), &former);
        // Nobody is there: its link goes on trying.
        let mut used = None;
        let sent = former.send::<redis::Value>(&crate::command::Command::Ping, false, &mut used);
        assert!(sent.await.is_err());
        for port in 3..9 {
            cluster.is_home(Some("{a}"), &told(port));
        }
        assert_eq!(cluster.nodes().links.len(), 3);
        cluster.is_home(Some("{b}"), &told(8));
        assert_eq!(cluster.nodes().links.len(), 2);
        let former = {
            let weak = Arc::downgrade(&former);
            drop(former);
            weak
        };
        // Nor does it try for ever.
        let gone = async {
            while former.upgrade().is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(20), gone).await;
        assert!(gone.is_ok());
    }
}
