//! The pipe form: one JSON message a line.

mod attempt;
mod call;
mod client;
mod connection;
mod ends;
mod lines;
mod outbox;
mod server;
mod table;

use std::{process::ExitStatus, sync::Arc, time::Duration};

use mcp_layers_core::{Catalog, ConfigError};
use tokio::{
    io::{self, AsyncRead, AsyncWrite},
    process::Command,
    sync::mpsc,
    time::{sleep, timeout},
};
use tower_layer::Layer;

use crate::{
    Leaf, WireService,
    error::not_zero,
    leaf::{Stack, in_catalog, stack},
};
use connection::Connection;
use ends::Ends;
use lines::Lines;
use outbox::{outbox, write_lines};
use table::Table;

/// The time for a last exchange after the server was told to stop.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Layers between one client and one server that exchange a JSON message a line.
///
/// `S` is the service that the layers made. It is built once, and serves any number of connections. A
/// [`CatalogLayer`](mcp_layers_core::CatalogLayer) wraps it, and errors become error responses by the rules of
/// [`CatchErrorLayer`](mcp_layers_util::CatchErrorLayer).
pub struct Pipe<S> {
    stack: Stack<S>,
    max_line: usize,
    in_flight: usize,
    grace: Duration,
}

impl<S> Pipe<S> {
    /// Builds the stack: `layers` is a `ServiceBuilder` or any other [`Layer`].
    pub fn new<L>(layers: L) -> Self
    where
        L: Layer<Leaf, Service = S>,
    {
        Self {
            stack: stack(layers),
            max_line: 16 << 20,
            in_flight: 256,
            grace: Duration::from_secs(5),
        }
    }

    /// Sets the catalog of the names that the server offers. Every pipe has one of its own until then.
    /// A name that it does not know is looked up in the server's list before the layers are called.
    #[must_use]
    pub fn catalog(self, catalog: Catalog) -> Self
    where
        S: Clone,
    {
        Self {
            stack: in_catalog(&self.stack, catalog),
            ..self
        }
    }

    /// Sets the maximum length of a line in bytes. Default: 16 MiB. All calls in flight together may
    /// take four times as many.
    ///
    /// # Errors
    /// If the length is zero.
    pub fn max_line(self, max_line: usize) -> Result<Self, ConfigError> {
        let max_line = not_zero(max_line, "max_line")?;
        Ok(Self { max_line, ..self })
    }

    /// Sets the maximum number of calls in flight. A further call is answered with 503 at once.
    /// Default: 256.
    ///
    /// # Errors
    /// If the number is zero.
    pub fn in_flight(self, in_flight: usize) -> Result<Self, ConfigError> {
        let in_flight = not_zero(in_flight, "in_flight")?;
        Ok(Self { in_flight, ..self })
    }

    /// Sets the time that calls in flight have to end when the client has closed its side, and that the
    /// server then has to end. Default: 5 seconds.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }
}

impl<S: WireService> Pipe<S> {
    /// Connects a client with a server until one of them ends. Each is a reader of what it sends and a
    /// writer to it. Everything runs inside this future; dropped, it closes all four.
    ///
    /// # Errors
    /// Fails when reading or writing fails in another way than by an end of the peer.
    pub async fn run<CR, CW, SR, SW>(&self, client: (CR, CW), server: (SR, SW)) -> io::Result<()>
    where
        CR: AsyncRead + Unpin,
        CW: AsyncWrite + Unpin,
        SR: AsyncRead + Unpin,
        SW: AsyncWrite + Unpin,
    {
        self.connect(client, server, std::future::pending()).await
    }

    /// Starts a server as a child process, connects the client with its standard input and output, and
    /// returns its status when it has ended. A server that outlives its input by more than the time of
    /// grace is killed. Its standard error stays as it is set.
    ///
    /// If this future is dropped, such as by a `select!` with SIGTERM, the server is killed at once, and
    /// the layers see that calls in flight are dropped.
    ///
    /// # Errors
    /// Fails when the process cannot be started, and as [`Pipe::run`] does.
    pub async fn run_child<R, W>(
        self,
        client: (R, W),
        mut command: Command,
    ) -> io::Result<ExitStatus>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let piped = std::process::Stdio::piped;
        command.stdin(piped()).stdout(piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (Some(output), Some(input)) = (child.stdout.take(), child.stdin.take()) else {
            unreachable!("both are piped");
        };
        // Another process may hold the output of one that has ended.
        let ended = async {
            let _ = child.wait().await;
            sleep(LAST_WORDS).await;
        };
        let ran = self.connect(client, (output, input), ended).await;
        let status = match timeout(self.grace, child.wait()).await {
            Ok(status) => status?,
            Err(_) => {
                child.kill().await?;
                child.wait().await?
            }
        };
        ran.map(|()| status)
    }

    async fn connect<CR, CW, SR, SW>(
        &self,
        client: (CR, CW),
        server: (SR, SW),
        server_ended: impl Future<Output = ()>,
    ) -> io::Result<()>
    where
        CR: AsyncRead + Unpin,
        CW: AsyncWrite + Unpin,
        SR: AsyncRead + Unpin,
        SW: AsyncWrite + Unpin,
    {
        let (to_client, for_client) = outbox(self.max_line);
        let (to_server, for_server) = outbox(self.max_line);
        let table = Table::new(self.in_flight, self.max_line.saturating_mul(4));
        let connection = Arc::new(Connection::new(to_client, to_server, table));
        let (start, started) = mpsc::unbounded_channel();
        let lines = Lines::new(client.0, self.max_line);
        let from_client = client::read_client(lines, connection.clone(), self.stack.clone(), start);
        let lines = Lines::new(server.0, self.max_line);
        let from_server = server::read_server(lines, connection.clone());

        let ends = Ends::default();
        let from_client = ends.no_more_calls.run_until_cancelled(from_client);
        let parts = async {
            tokio::join!(
                ends.client_reader
                    .of(async { from_client.await.unwrap_or(Ok(())) }),
                ends.calls.of(client::drive(started)),
                ends.server_reader.of(from_server),
                ends.client_writer.of(write_lines(for_client, client.1)),
                ends.server_writer.of(write_lines(for_server, server.1)),
            )
        };
        let close = self.close(&ends, &connection, server_ended);
        tokio::select! {
            biased;
            () = async { _ = parts.await; std::future::pending().await } => {}
            () = close => {}
        }
        ends.result()
    }

    /// Waits for the first end, and then ends the other parts in their order.
    async fn close(
        &self,
        ends: &Ends,
        connection: &Connection,
        server_ended: impl Future<Output = ()>,
    ) {
        let mut grace = self.grace;
        let server_gone = async {
            tokio::select! {
                () = ends.server_writer.wait() => {}
                () = server_ended => grace = LAST_WORDS,
            }
            connection.table.server_gone();
            std::future::pending::<()>().await;
        };
        let calls_ended = async {
            tokio::select! {
                biased;
                () = ends.client_reader.wait() => {}
                () = ends.client_writer.wait() => connection.cancel_all(),
                () = connection.table.gone.cancelled() => {}
            }
            ends.no_more_calls.cancel();
            if timeout(self.grace, ends.calls.wait()).await.is_err() {
                connection.cancel_all();
                let _ = timeout(LAST_WORDS, ends.calls.wait()).await;
                connection.fail_all();
            }
        };
        tokio::select! {
            () = server_gone => {}
            () = calls_ended => {}
        }
        connection.to_server.close();
        let _ = timeout(grace, async {
            ends.server_writer.wait().await;
            ends.server_reader.wait().await;
        })
        .await;
        connection.to_client.close();
        let _ = timeout(self.grace, ends.client_writer.wait()).await;
    }
}

mcp_layers_core::opaque_debug!(Pipe<S>);
