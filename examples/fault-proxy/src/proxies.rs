//! All proxies, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Semaphore};

use crate::error::Refused;
use crate::limits::{CONNECTIONS_MAX, PROXIES_MAX};
use crate::proxy::{Proxy, ProxyState};
use crate::toxic::{Toxic, ToxicChange, ToxicRequest, checked_name};

/// A proxy as it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProxyRequest {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where it listens, `HOST:PORT`; without it, on a free port of the loopback.
    #[serde(default)]
    pub listen: String,
    /// Where it connects to, `HOST:PORT`.
    #[serde(default)]
    pub upstream: String,
    /// Whether it listens at once.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// What of a proxy is to be another; the rest stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ProxyChange {
    /// Where it listens.
    pub listen: Option<String>,
    /// Where it connects to.
    pub upstream: Option<String>,
    /// Whether it listens.
    pub enabled: Option<bool>,
}

/// All proxies. Dropped, they end.
pub struct Proxies {
    // held while a port is bound, so that two requests do not race for a name
    by_name: Mutex<BTreeMap<String, Proxy>>,
    slots: Arc<Semaphore>,
}

impl Proxies {
    /// No proxy yet; all of them together will have at most so many connections, and never more than [`CONNECTIONS_MAX`].
    pub fn new(connections: usize) -> Self {
        let slots = Arc::new(Semaphore::new(connections.min(CONNECTIONS_MAX)));
        Self { by_name: Mutex::default(), slots }
    }

    /// All of them, by name.
    pub async fn all(&self) -> BTreeMap<String, ProxyState> {
        self.by_name.lock().await.iter().map(|(name, proxy)| (name.clone(), proxy.state())).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn get(&self, name: &str) -> Result<ProxyState, Refused> {
        Ok(of(&mut *self.by_name.lock().await, name)?.state())
    }

    /// One more.
    ///
    /// # Errors
    /// There is one of this name, something is not said, the address cannot be listened on.
    pub async fn create(&self, request: ProxyRequest) -> Result<ProxyState, Refused> {
        create(&mut *self.by_name.lock().await, &self.slots, request).await
    }

    /// Those of them that are not there yet, or are otherwise there: then they are made anew.
    ///
    /// # Errors
    /// As [`Self::create`]; those before the refused one are there.
    pub async fn populate(&self, requests: Vec<ProxyRequest>) -> Result<Vec<ProxyState>, Refused> {
        let mut by_name = self.by_name.lock().await;
        let mut made = Vec::new();
        for request in requests {
            let same = by_name
                .get(&request.name)
                .is_some_and(|proxy| proxy.listen == request.listen && proxy.upstream == request.upstream);
            if same {
                let proxy = of(&mut by_name, &request.name)?;
                turn(proxy, request.enabled).await?;
                made.push(proxy.state());
            } else {
                if let Some(mut before) = by_name.remove(&request.name) {
                    before.disable().await;
                }
                made.push(create(&mut by_name, &self.slots, request).await?);
            }
        }
        Ok(made)
    }

    /// Changes one. With another address it begins anew, and its connections end.
    ///
    /// # Errors
    /// There is none of this name; the address cannot be listened on: then it is not enabled.
    pub async fn change(&self, name: &str, change: ProxyChange) -> Result<ProxyState, Refused> {
        let mut by_name = self.by_name.lock().await;
        let proxy = of(&mut by_name, name)?;
        let enabled = change.enabled.unwrap_or_else(|| proxy.state().enabled);
        let listen = change.listen.filter(|listen| *listen != proxy.listen);
        let upstream = change.upstream.filter(|upstream| *upstream != proxy.upstream);
        if listen.is_some() || upstream.is_some() {
            proxy.disable().await;
            proxy.listen = listen.unwrap_or_else(|| proxy.listen.clone());
            proxy.upstream = upstream.unwrap_or_else(|| proxy.upstream.clone());
        }
        turn(proxy, enabled).await?;
        Ok(proxy.state())
    }

    /// Ends one, with its connections.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn delete(&self, name: &str) -> Result<(), Refused> {
        let mut by_name = self.by_name.lock().await;
        let mut proxy = by_name.remove(name).ok_or_else(|| Refused::NoProxy(name.to_owned()))?;
        proxy.disable().await;
        Ok(())
    }

    /// Takes all toxics away, and enables all proxies.
    ///
    /// # Errors
    /// An address cannot be listened on again.
    pub async fn reset(&self) -> Result<(), Refused> {
        let mut by_name = self.by_name.lock().await;
        for proxy in by_name.values_mut() {
            proxy.clear();
            proxy.enable().await?;
        }
        Ok(())
    }

    /// The toxics of a proxy, in the order in which they came.
    ///
    /// # Errors
    /// There is no proxy of this name.
    pub async fn toxics(&self, proxy: &str) -> Result<Vec<Toxic>, Refused> {
        Ok(self.get(proxy).await?.toxics)
    }

    /// One toxic of a proxy.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn toxic(&self, proxy: &str, name: &str) -> Result<Toxic, Refused> {
        of(&mut *self.by_name.lock().await, proxy)?.toxic(name)
    }

    /// One more toxic on a proxy.
    ///
    /// # Errors
    /// There is one of this name, or it is not one.
    pub async fn add_toxic(&self, proxy: &str, request: ToxicRequest) -> Result<Toxic, Refused> {
        of(&mut *self.by_name.lock().await, proxy)?.add(Toxic::read(request)?)
    }

    /// Changes a toxic.
    ///
    /// # Errors
    /// There is none of this name, or it would be none.
    pub async fn change_toxic(&self, proxy: &str, name: &str, change: ToxicChange) -> Result<Toxic, Refused> {
        of(&mut *self.by_name.lock().await, proxy)?.change(name, change)
    }

    /// Takes a toxic away.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn delete_toxic(&self, proxy: &str, name: &str) -> Result<(), Refused> {
        of(&mut *self.by_name.lock().await, proxy)?.remove(name)
    }
}

fn of<'a>(by_name: &'a mut BTreeMap<String, Proxy>, name: &str) -> Result<&'a mut Proxy, Refused> {
    by_name.get_mut(name).ok_or_else(|| Refused::NoProxy(name.to_owned()))
}

async fn create(
    by_name: &mut BTreeMap<String, Proxy>,
    slots: &Arc<Semaphore>,
    request: ProxyRequest,
) -> Result<ProxyState, Refused> {
    let ProxyRequest { name, listen, upstream, enabled } = request;
    if name.is_empty() {
        return Err(Refused::Missing("name"));
    }
    if upstream.is_empty() {
        return Err(Refused::Missing("upstream"));
    }
    if by_name.contains_key(&name) {
        return Err(Refused::ProxyExists(name));
    }
    if by_name.len() >= PROXIES_MAX {
        return Err(Refused::TooManyProxies);
    }
    let listen = if listen.is_empty() { "127.0.0.1:0".to_owned() } else { listen };
    let mut proxy = Proxy::new(checked_name(name)?, listen, upstream, Arc::clone(slots));
    turn(&mut proxy, enabled).await?;
    let state = proxy.state();
    by_name.insert(proxy.name.clone(), proxy);
    Ok(state)
}

async fn turn(proxy: &mut Proxy, enabled: bool) -> Result<(), Refused> {
    if enabled {
        return proxy.enable().await;
    }
    proxy.disable().await;
    Ok(())
}
