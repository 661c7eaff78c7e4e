//! HAProxy's runtime socket: commands in, an answer out, in bounded time and size.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest answer that is read: a line of statistics is about 600 bytes, so this is room for 1,700 servers.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Most bytes of commands that are sent at once: HAProxy's buffer has 16 KiB, and what does not fit is refused.
const COMMANDS_BYTES_MAX: usize = 8 << 10;

/// Where the runtime socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaproxyAddress {
    /// A Unix socket: `stats socket /run/haproxy/admin.sock mode 660 level admin`.
    Unix(PathBuf),
    /// A port of this machine: `stats socket 127.0.0.1:9999 level admin`. It asks for no password, so no other machine
    /// may reach it.
    Tcp(SocketAddr),
}

impl std::fmt::Display for HaproxyAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum SocketError {
    /// Nothing was sent.
    NotReached(io::Error),
    /// It broke off: what was sent may have been carried out.
    Broken(io::Error),
}

/// Sends commands, and gives the answers to all of them. They are carried out in order, and all of them even where one
/// is refused.
pub(super) async fn ask(address: &HaproxyAddress, commands: &[String]) -> Result<String, SocketError> {
    let mut answers = String::new();
    for (place, line) in lines(commands).into_iter().enumerate() {
        let not_reached = |error| match place {
            0 => SocketError::NotReached(error),
            _ => SocketError::Broken(error),
        };
        let answer = match address {
            #[cfg(unix)]
            HaproxyAddress::Unix(path) => {
                exchange(tokio::net::UnixStream::connect(path).await.map_err(not_reached)?, &line).await
            }
            #[cfg(not(unix))]
            HaproxyAddress::Unix(_) => {
                return Err(not_reached(io::Error::new(io::ErrorKind::Unsupported, "no Unix sockets here")));
            }
            HaproxyAddress::Tcp(address) => {
                exchange(tokio::net::TcpStream::connect(address).await.map_err(not_reached)?, &line).await
            }
        };
        answers.push_str(&answer.map_err(SocketError::Broken)?);
    }
    Ok(answers)
}

/// Commands joined to lines that fit HAProxy's buffer.
fn lines(commands: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for command in commands {
        match lines.last_mut() {
            Some(line) if line.len().saturating_add(command.len()) < COMMANDS_BYTES_MAX => {
                line.push(';');
                line.push_str(command);
            }
            _ => lines.push(command.clone()),
        }
    }
    lines
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, line: &str) -> io::Result<String> {
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    stream.flush().await?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
    stream.take(limit.saturating_add(1)).read_to_end(&mut bytes).await?;
    if bytes.is_empty() {
        // even a command that says nothing is answered with an empty line
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed without an answer"));
    }
    if bytes.len() > ANSWER_BYTES_MAX {
        return Err(io::Error::other(format!("its answer is longer than {ANSWER_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("its answer is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many commands are split into lines that fit, in order, and none is lost.
    #[test]
    fn lines_fit() {
        let commands: Vec<String> = (0..1000).map(|n| format!("set server be/s{n} weight 10")).collect();
        let lines = lines(&commands);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= COMMANDS_BYTES_MAX));
        assert_eq!(lines.join(";").split(';').collect::<Vec<_>>(), commands);
    }
}
