//! The lines that wait to be written to one side.

use std::sync::Arc;

use bytes::Bytes;
use tokio::{
    io::{self, AsyncWrite, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};

/// The most bytes that are written at once, if there are that many.
const BATCH: usize = 65_536;

/// A queue of lines, bounded in bytes. Clones share it.
#[derive(Clone)]
pub(super) struct Outbox {
    lines: mpsc::UnboundedSender<Queued>,
    space: Arc<Semaphore>,
    capacity: u32,
}

/// Lines on their way out, for [`write_lines`].
pub(super) struct Queue {
    lines: mpsc::UnboundedReceiver<Queued>,
    space: Arc<Semaphore>,
}

enum Queued {
    Line(Bytes, Option<Space>),
    Close,
}

/// Room for one line.
pub(super) struct Space(
    #[expect(dead_code, reason = "held until the line is written")] OwnedSemaphorePermit,
);

/// The writer has ended.
#[derive(Debug)]
pub(super) struct Closed;

/// An empty queue for about `capacity` bytes.
pub(super) fn outbox(capacity: usize) -> (Outbox, Queue) {
    let capacity = u32::try_from(capacity.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
    let (sender, lines) = mpsc::unbounded_channel();
    let space = Arc::new(Semaphore::new(capacity as usize));
    let outbox = Outbox {
        lines: sender,
        space: space.clone(),
        capacity,
    };
    (outbox, Queue { lines, space })
}

impl Outbox {
    /// Waits for room for a line, in the order of the calls.
    pub(super) async fn space(&self, line: &Bytes) -> Result<Space, Closed> {
        let bytes = u32::try_from(line.len()).map_or(self.capacity, |len| len.min(self.capacity));
        let permit = self.space.clone().acquire_many_owned(bytes).await;
        permit.map(Space).map_err(|_| Closed)
    }

    /// Appends a line for which there is room.
    pub(super) fn push(&self, line: Bytes, space: Space) -> Result<(), Closed> {
        let queued = Queued::Line(line, Some(space));
        self.lines.send(queued).map_err(|_| Closed)
    }

    /// Appends a short line at once. There is at most one for each line that had to wait.
    pub(super) fn push_short(&self, line: Bytes) {
        let _ = self.lines.send(Queued::Line(line, None));
    }

    /// Waits for room, and appends a line.
    pub(super) async fn send(&self, line: Bytes) -> Result<(), Closed> {
        let space = self.space(&line).await?;
        self.push(line, space)
    }

    /// Closes the writer after the lines before.
    pub(super) fn close(&self) {
        let _ = self.lines.send(Queued::Close);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.space.close();
    }
}

/// Writes lines until the queue is closed. Then it closes the writer.
pub(super) async fn write_lines<W>(mut queue: Queue, mut out: W) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let mut buffer = Vec::new();
    let mut open = true;
    while open && let Some(first) = queue.lines.recv().await {
        let (mut next, mut held) = (Some(first), Vec::new());
        buffer.clear();
        while let Some(queued) = next {
            let Queued::Line(line, space) = queued else {
                open = false;
                break;
            };
            buffer.extend_from_slice(&line);
            buffer.push(b'\n');
            held.push(space);
            next = (buffer.len() < BATCH)
                .then(|| queue.lines.try_recv().ok())
                .flatten();
        }
        out.write_all(&buffer).await?;
        out.flush().await?;
        buffer.shrink_to(BATCH);
    }
    out.shutdown().await
}
