//! One connection: its two directions, carried out.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::limits::READ_BYTES;
use crate::shaper::{Luck, Shaper, Step};
use crate::toxic::{Direction, Toxic};

/// A proxy's toxics, as its connections see them.
pub(crate) type Toxics = Arc<[Arc<Toxic>]>;

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The sender ended it, and the receiver knows.
    Finished,
    /// A toxic, or one of the two, ended the connection.
    Closed,
    /// A toxic resets the connection.
    Reset,
}

/// Carries bytes between both until one of them, or a toxic, ends it.
pub(crate) async fn connect(mut client: TcpStream, mut server: TcpStream, toxics: watch::Receiver<Toxics>) {
    // a delay is the toxics' business
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = carry(from_client, to_server, toxics.clone(), Direction::Upstream);
        let down = carry(from_server, to_client, toxics, Direction::Downstream);
        tokio::pin!(up, down);
        tokio::select! {
            end = &mut up => if end == End::Finished { down.await } else { end },
            end = &mut down => if end == End::Finished { up.await } else { end },
        }
    };
    if end == End::Reset {
        // what is dropped now is reset, not ended
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

async fn carry(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut toxics: watch::Receiver<Toxics>,
    direction: Direction,
) -> End {
    let mut shaper = Shaper::new(Luck::any());
    let mut buffer = vec![0; READ_BYTES];
    let mut changed = true;
    loop {
        if changed {
            let now: Toxics = Arc::clone(&toxics.borrow_and_update());
            let ours: Vec<_> = now.iter().filter(|toxic| toxic.direction == direction).cloned().collect();
            shaper.set(&ours, Instant::now());
            changed = false;
        }
        let (ready, until) = match shaper.step(Instant::now()) {
            Step::Write(bytes, until) => (bytes, until),
            Step::Wait(until) => (Bytes::new(), until),
            Step::Finish => {
                return if to.shutdown().await.is_ok() { End::Finished } else { End::Closed };
            }
            Step::Close => return End::Closed,
            Step::Reset => return End::Reset,
        };
        tokio::select! {
            read = from.read(&mut buffer), if shaper.has_room() => match read {
                Ok(0) => shaper.end(Instant::now()),
                Ok(count) => {
                    let bytes = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                    shaper.take(bytes, Instant::now());
                }
                Err(_) => return End::Closed,
            },
            written = to.write(&ready), if !ready.is_empty() => match written {
                Ok(count) => shaper.written(count, Instant::now()),
                Err(_) => return End::Closed,
            },
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            proxy = toxics.changed() => match proxy {
                Ok(()) => changed = true,
                Err(_) => return End::Closed,
            },
        }
    }
}
