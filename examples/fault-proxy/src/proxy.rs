//! One proxy: a port, its toxics and its connections.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::error::Refused;
use crate::limits::{CONNECT_WITHIN, TOXICS_MAX};
use crate::link::{Toxics, connect};
use crate::toxic::{Toxic, ToxicChange};

/// A proxy as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProxyState {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: String,
    /// Where it connects to.
    pub upstream: String,
    /// Whether it listens.
    pub enabled: bool,
    /// What it does to its connections.
    pub toxics: Vec<Toxic>,
}

pub(crate) struct Proxy {
    pub(crate) name: String,
    /// As it was asked for until it listened once; then the address that it got.
    pub(crate) listen: String,
    pub(crate) upstream: String,
    slots: Arc<Semaphore>,
    toxics: watch::Sender<Toxics>,
    listening: Option<Listening>,
}

/// The task that accepts, and holds the connections. Dropped, it ends and they end.
struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Proxy {
    pub(crate) fn new(name: String, listen: String, upstream: String, slots: Arc<Semaphore>) -> Self {
        let toxics = watch::Sender::new(Toxics::from([]));
        Self { name, listen, upstream, slots, toxics, listening: None }
    }

    pub(crate) fn state(&self) -> ProxyState {
        ProxyState {
            name: self.name.clone(),
            listen: self.listen.clone(),
            upstream: self.upstream.clone(),
            enabled: self.listening.is_some(),
            toxics: self.toxics.borrow().iter().map(|toxic| Toxic::clone(toxic)).collect(),
        }
    }

    /// Listens, if it does not.
    pub(crate) async fn enable(&mut self) -> Result<(), Refused> {
        if self.listening.is_some() {
            return Ok(());
        }
        let failed = |error| Refused::Listen { address: self.listen.clone(), error };
        let listener = TcpListener::bind(&self.listen).await.map_err(failed)?;
        let address: SocketAddr = listener.local_addr().map_err(failed)?;
        self.listen = address.to_string();
        let task = accept(listener, self.upstream.clone(), Arc::clone(&self.slots), self.toxics.subscribe());
        self.listening = Some(Listening(tokio::spawn(task)));
        Ok(())
    }

    /// Listens no longer, and ends its connections. When this is done, the port is free.
    pub(crate) async fn disable(&mut self) {
        if let Some(mut listening) = self.listening.take() {
            listening.0.abort();
            let _ = (&mut listening.0).await;
        }
    }

    /// One of its toxics.
    pub(crate) fn toxic(&self, name: &str) -> Result<Toxic, Refused> {
        let found = self.toxics.borrow().iter().find(|toxic| toxic.name == name).map(|one| Toxic::clone(one));
        found.ok_or_else(|| Refused::NoToxic(name.to_owned()))
    }

    /// One more toxic.
    pub(crate) fn add(&self, toxic: Toxic) -> Result<Toxic, Refused> {
        let mut toxics = self.toxics.borrow().to_vec();
        if toxics.iter().any(|one| one.name == toxic.name) {
            return Err(Refused::ToxicExists(toxic.name));
        }
        if toxics.len() >= TOXICS_MAX {
            return Err(Refused::TooManyToxics(self.name.clone()));
        }
        toxics.push(Arc::new(toxic.clone()));
        self.toxics.send_replace(toxics.into());
        Ok(toxic)
    }

    /// Another toxic in the place of one.
    pub(crate) fn change(&self, name: &str, change: ToxicChange) -> Result<Toxic, Refused> {
        let changed = self.toxic(name)?.changed(change)?;
        let mut toxics = self.toxics.borrow().to_vec();
        for one in toxics.iter_mut().filter(|one| one.name == name) {
            *one = Arc::new(changed.clone());
        }
        self.toxics.send_replace(toxics.into());
        Ok(changed)
    }

    /// One toxic less.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Refused> {
        self.toxic(name)?;
        let mut toxics = self.toxics.borrow().to_vec();
        toxics.retain(|one| one.name != name);
        self.toxics.send_replace(toxics.into());
        Ok(())
    }

    /// No toxic.
    pub(crate) fn clear(&self) {
        self.toxics.send_replace(Toxics::from([]));
    }
}

/// Accepts connections for good.
async fn accept(
    listener: TcpListener,
    upstream: String,
    slots: Arc<Semaphore>,
    toxics: watch::Receiver<Toxics>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    // without a free slot the connection is ended at once
                    if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                        let (upstream, toxics) = (upstream.clone(), toxics.clone());
                        connections.spawn(async move {
                            let server = timeout(CONNECT_WITHIN, TcpStream::connect(&upstream)).await;
                            if let Ok(Ok(server)) = server {
                                connect(client, server, toxics).await;
                            }
                            drop(slot);
                        });
                    }
                }
                // out of file descriptors, as a rule: some are given back soon
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
