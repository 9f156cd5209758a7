//! The ends of the parts of a connection.

use std::sync::{Mutex, PoisonError};

use tokio::io;
use tokio_util::sync::CancellationToken;

/// The end of each part.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) client_reader: End,
    pub(super) client_writer: End,
    pub(super) server_reader: End,
    pub(super) server_writer: End,
    pub(super) calls: End,
    /// Ends the reading of the client.
    pub(super) no_more_calls: CancellationToken,
}

/// The end of one part.
#[derive(Default)]
pub(super) struct End {
    token: CancellationToken,
    error: Mutex<Option<io::Error>>,
}

impl End {
    /// Runs a part, and announces its end.
    pub(super) async fn of(&self, part: impl Future<Output = io::Result<()>>) {
        if let Err(error) = part.await {
            tracing::debug!(%error, "a part of a connection has failed");
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
        self.token.cancel();
    }

    /// Waits for the end.
    pub(super) async fn wait(&self) {
        self.token.cancelled().await;
    }
}

impl Ends {
    /// The first failure that is more than the end of a peer.
    pub(super) fn result(self) -> io::Result<()> {
        let parts = [
            self.client_reader,
            self.client_writer,
            self.server_reader,
            self.server_writer,
        ];
        for part in parts {
            let error = part
                .error
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(error) = error
                && !is_end(&error)
            {
                return Err(error);
            }
        }
        Ok(())
    }
}

fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof,
    };
    let ends = [
        BrokenPipe,
        ConnectionAborted,
        ConnectionReset,
        NotConnected,
        UnexpectedEof,
    ];
    ends.contains(&error.kind())
}
