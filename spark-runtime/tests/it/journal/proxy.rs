//! A connection to a database that can be cut around its commits.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// The commit never gets there.
    Before,
    /// The statement before the commit never gets there.
    Middle,
    /// The commit gets there, and its answer never comes back.
    After,
}

#[derive(Debug, Default)]
struct Orders {
    cut: Option<Cut>,
    once: bool,
    /// No new connection either.
    closed: bool,
    cuts: u64,
}

/// Stands before a server. Its threads end with their connections.
pub(super) struct Proxy {
    port: u16,
    orders: Arc<Mutex<Orders>>,
}

impl Proxy {
    pub(super) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let orders = Arc::new(Mutex::new(Orders::default()));
        let told = Arc::clone(&orders);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if told.lock().unwrap().closed {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (told, back) =
                    (Arc::clone(&told), (server.try_clone().unwrap(), client.try_clone().unwrap()));
                let silent = Arc::new(Mutex::new(false));
                let muted = Arc::clone(&silent);
                thread::spawn(move || forward(&client, &server, &told, &silent));
                thread::spawn(move || answer(back.0, back.1, &muted));
            }
        });
        Self { port, orders }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// From now on cuts; once, or always and every new connection too.
    pub(super) fn cut(&self, cut: Cut, once: bool) {
        let mut orders = self.orders.lock().unwrap();
        (orders.cut, orders.once) = (Some(cut), once);
    }

    pub(super) fn heal(&self) {
        let mut orders = self.orders.lock().unwrap();
        (orders.cut, orders.closed) = (None, false);
    }

    /// How often it did.
    pub(super) fn cuts(&self) -> u64 {
        self.orders.lock().unwrap().cuts
    }
}

fn forward(mut client: &TcpStream, mut server: &TcpStream, orders: &Mutex<Orders>, silent: &Mutex<bool>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let bytes = &buffer[..count];
        let has = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
        let cut = {
            let mut orders = orders.lock().unwrap();
            let cut = orders.cut.filter(|cut| match cut {
                Cut::Before | Cut::After => has(b"COMMIT\0"),
                Cut::Middle => has(b"INSERT INTO spark_journal"),
            });
            if cut.is_some() {
                orders.cuts += 1;
                orders.closed = !orders.once;
                orders.cut = orders.cut.filter(|_| !orders.once);
            }
            cut
        };
        match cut {
            Some(Cut::After) => {
                *silent.lock().unwrap() = true;
                let _ = server.write_all(bytes);
            }
            Some(_) => break,
            None if server.write_all(bytes).is_err() => break,
            None => {}
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

fn answer(mut server: TcpStream, mut client: TcpStream, silent: &Mutex<bool>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        if *silent.lock().unwrap() {
            // only when the server is done with it is the connection gone
            if buffer[..count].windows(7).any(|part| part == b"COMMIT\0") {
                break;
            }
        } else if client.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}
