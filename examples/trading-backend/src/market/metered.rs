//! A connection that may bring so much in a second, and no more: whatever it is made of, a flood costs only its bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Most bytes in a second: twenty times what the venues send with a round of messages each five milliseconds.
const BYTES_MAX: usize = 8 * 1024 * 1024;

const SECOND: Duration = Duration::from_secs(1);

/// A stream, and what it has brought in this second.
pub(super) struct Metered {
    stream: TcpStream,
    since: Instant,
    bytes: usize,
}

impl Metered {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, since: Instant::now(), bytes: 0 }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if self.since.elapsed() >= SECOND {
            (self.since, self.bytes) = (Instant::now(), 0);
        }
        self.bytes = self.bytes.saturating_add(buf.filled().len().saturating_sub(before));
        if self.bytes > BYTES_MAX {
            // what is late without saying so is worse than none: it is not slowed down, it ends
            let why = format!("a flood: more than {} MiB in a second", BYTES_MAX / 1024 / 1024);
            return Poll::Ready(Err(io::Error::other(why)));
        }
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
