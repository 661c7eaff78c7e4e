//! Which servers may be asked: those that the configuration names, at the addresses that their names had first.
//!
//! A name says nothing of where a request goes: whoever answers for it may point it, a minute later, at the machine itself
//! or at the cloud's metadata service. So with a list, a name is looked up once and its addresses stay; and with or
//! without one, an address that no source has (link-local, multicast, none at all) is never connected to.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Most addresses that a name may have: the largest round robins in use answer with some tens.
const ADDRESSES_MAX: usize = 64;

/// A server that may be asked: a host as addresses write it, and a port.
///
/// ```
/// # use spark_runtime::http::AllowedHost;
/// let allowed: AllowedHost = "prometheus.internal:9090".parse()?;
/// assert_eq!(allowed.to_string(), "prometheus.internal:9090");
/// assert!("prometheus.internal".parse::<AllowedHost>().is_err()); // every port of it?
/// assert!("0x7f.1:9090".parse::<AllowedHost>().is_err()); // 127.0.0.1, written so that no reader sees it
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllowedHost {
    /// The host as [`Url`] writes it: small letters, punycode, IPv6 in brackets.
    host: String,
    port: u16,
}

impl AllowedHost {
    /// The server that an address asks.
    pub(super) fn of(url: &Url) -> Option<Self> {
        Some(Self { host: url.host_str()?.to_owned(), port: url.port_or_known_default()? })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a host and a port, such as prometheus.internal:9090 or [::1]:9090";
        let wrong = || format!("`{}` is no server: {expected}", text.escape_debug());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        // no wildcard is meant by a star here, and a parser would take it for a letter
        if host.contains('*') {
            return Err(wrong());
        }
        let url = Url::parse(&format!("http://{host}:{port}/")).map_err(|_| wrong())?;
        let found = Self::of(&url).ok_or_else(wrong)?;
        match found.host.eq_ignore_ascii_case(host) {
            true => Ok(found),
            // another spelling of an address, or more than a host
            false => Err(wrong()),
        }
    }
}

/// Why `url` may not be asked; nothing where it may.
pub(super) fn refusal(allow: Option<&[AllowedHost]>, url: &Url) -> Option<String> {
    let Some(asked) = AllowedHost::of(url) else { return Some("it names no host".to_owned()) };
    if let Some(allow) = allow {
        return match allow.contains(&asked) {
            true => None,
            false => Some(format!("`{asked}` is not among the servers that the configuration allows")),
        };
    }
    let ip = asked.host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    never(ip).map(|why| format!("`{asked}` is {why}"))
}

/// Why nothing is ever asked at an address; nothing where something may.
fn never(ip: IpAddr) -> Option<&'static str> {
    const LINK_LOCAL: &str = "link-local, where machines keep their metadata and no source is";
    let plain = match ip {
        IpAddr::V6(v6) => embedded(v6).map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    match plain {
        IpAddr::V4(v4) if v4.is_link_local() => Some(LINK_LOCAL),
        IpAddr::V6(v6) if v6.segments().first().is_some_and(|first| first & 0xffc0 == 0xfe80) => {
            Some(LINK_LOCAL)
        }
        IpAddr::V6(v6) if v6 == METADATA_V6 => Some("a machine's metadata service"),
        _ if plain.is_unspecified() => Some("no address of a server"),
        _ if plain.is_multicast() => Some("a multicast address"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some("a broadcast address"),
        _ => None,
    }
}

/// Where a large cloud answers for metadata over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The IPv4 address within an IPv6 one: mapped, compatible, translated (64:ff9b::/96) or tunnelled (2002::/16).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let joined = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(joined(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(joined(high, low)),
        [0x2002, high, low, ..] => Some(joined(high, low)),
        _ => None,
    }
}

/// Looks names up, and refuses what [`never`] does.
pub(super) struct Lookup<F> {
    ask: F,
    /// Whether a name keeps the addresses that it had first.
    once: bool,
    known: Arc<Mutex<BTreeMap<String, Vec<SocketAddr>>>>,
}

/// A name's addresses, or why it has none.
type Found = std::io::Result<Vec<SocketAddr>>;

impl<F> Lookup<F> {
    /// With a list of allowed servers a name is looked up once.
    pub(super) fn new(allow: Option<&[AllowedHost]>, ask: F) -> Self {
        Self { ask, once: allow.is_some(), known: Arc::default() }
    }
}

/// The system's answer for a name.
pub(super) async fn system(name: String) -> Found {
    Ok(tokio::net::lookup_host((name, 0)).await?.take(ADDRESSES_MAX).collect())
}

impl<F, Answer> Resolve for Lookup<F>
where
    F: Fn(String) -> Answer + Send + Sync,
    Answer: Future<Output = Found> + Send + 'static,
{
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let (once, known) = (self.once, Arc::clone(&self.known));
        let before = known.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let answer = (self.ask)(name.clone());
        Box::pin(async move {
            let found = match before {
                Some(found) if once => found,
                _ => checked(&name, answer.await?)?,
            };
            if once {
                // the first answer stays, also where two looked at once
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = known.entry(name).or_insert(found).clone();
                return Ok(Box::new(kept.into_iter()) as Addrs);
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// All addresses of a name, none of which is one that is never asked.
fn checked(name: &str, found: Vec<SocketAddr>) -> Found {
    match found.iter().find_map(|address| Some((address.ip(), never(address.ip())?))) {
        // one among good ones is no slip of a server: whoever answers for the name means it
        Some((ip, why)) => Err(std::io::Error::other(format!("`{name}` is at {ip}, {why}"))),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(servers: &[&str]) -> Vec<AllowedHost> {
        servers.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// A server is a host in its one spelling and a port; all else is refused, in words that show no control character.
    #[test]
    fn servers() {
        for text in ["h:1", "H.example:65535", "127.0.0.1:9090", "[::1]:9090", "xn--bcher-kva.example:80"] {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), text.to_ascii_lowercase());
        }
        for text in [
            "",
            "h",
            "h:",
            ":1",
            "h:0",
            "h:65536",
            "h:+1:x",
            "h:1/",
            "h/x:1",
            "u@h:1",
            "u:p@h:1",
            "h\\x:1",
            "h?x:1",
            "h#x:1",
            "::1:9090",
            "[::1]",
            "0x7f.1:1",
            "2130706433:1",
            "127.1:1",
            "0177.0.0.1:1",
            "[::ffff:127.0.0.1]:1",
            "bücher.example:80",
            "①27.0.0.1:1",
            " h:1",
            "h:1 ",
            "h\n:1",
            "h\t.x:1",
            "*:1",
            "http://h:1",
            "%68:1",
            "h%00:1",
            "ａ:1",
        ] {
            let error = text.parse::<AllowedHost>().map(|found| found.to_string()).unwrap_err();
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }

    /// With a list only its servers are asked, each at its own port; without one, all but the addresses of no source.
    #[test]
    fn lists() {
        let url = |text: &str| Url::parse(text).unwrap();
        let allow = list(&["127.0.0.1:9090", "prom:80", "prom:443", "169.254.20.10:9253"]);
        for (text, allowed) in [
            ("http://127.0.0.1:9090/x", true),
            ("http://0x7f.1:9090/", true), // the same server, however it is spelled
            ("http://prom/", true),
            ("https://PROM/", true),
            ("http://169.254.20.10:9253/", true), // named, digit by digit
            ("http://127.0.0.1:9091/", false),
            ("http://127.0.0.1/", false),
            ("http://127.0.0.2:9090/", false),
            ("http://[::ffff:127.0.0.1]:9090/", false),
            ("http://prom.:80/", false),
            ("http://prom.example/", false),
            ("http://prom:8080/", false),
            ("http://169.254.169.254/", false),
        ] {
            assert_eq!(refusal(Some(&allow), &url(text)).is_none(), allowed, "{text}");
        }
        assert!(refusal(Some(&[]), &url("http://127.0.0.1/")).is_some());
        for (text, allowed) in [
            ("http://127.0.0.1/", true),
            ("http://10.1.2.3/", true),
            ("http://[::1]/", true),
            ("http://prom/", true),
            ("http://169.254.169.254/", false),
            ("http://2852039166/", false),
            ("http://0xa9fea9fe/", false),
            ("http://[::ffff:169.254.169.254]/", false),
            ("http://[::169.254.169.254]/", false),
            ("http://[64:ff9b::169.254.169.254]/", false),
            ("http://[2002:a9fe:a9fe::1]/", false),
            ("http://[fe80::1]/", false),
            ("http://[febf::1]/", false),
            ("http://[fd00:ec2::254]/", false),
            ("http://0/", false),
            ("http://[::]/", false),
            ("http://224.0.0.1/", false),
            ("http://255.255.255.255/", false),
            ("http://[ff02::1]/", false),
        ] {
            assert_eq!(refusal(None, &url(text)).is_none(), allowed, "{text}");
        }
    }

    /// A name that is answered for anew points nowhere else: with a list its first addresses stay, and without one the
    /// new ones are held to the same.
    #[tokio::test]
    async fn rebinding() {
        let turns = Arc::new(Mutex::new(0_usize));
        let answers = |found: Vec<&'static str>| {
            let turns = Arc::clone(&turns);
            *turns.lock().unwrap() = 0;
            move |_: String| {
                let mut turn = turns.lock().unwrap();
                let texts = found.get(*turn).or(found.last()).copied().unwrap_or_default();
                *turn += 1;
                let addresses = texts.split_whitespace().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
                std::future::ready(Ok(addresses.collect::<Vec<_>>()))
            }
        };
        async fn told(resolve: &impl Resolve) -> String {
            match resolve.resolve("prom".parse().unwrap()).await {
                Ok(found) => found.map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" "),
                Err(error) => error.to_string(),
            }
        }
        let allow = list(&["prom:9090"]);
        let listed =
            Lookup::new(Some(&allow), answers(vec!["10.0.0.1 10.0.0.2", "169.254.169.254", "8.8.8.8"]));
        for _ in 0..3 {
            assert_eq!(told(&listed).await, "10.0.0.1 10.0.0.2");
        }
        let metadata =
            "`prom` is at 169.254.169.254, link-local, where machines keep their metadata and no source is";
        let free = Lookup::new(None, answers(vec!["10.0.0.1", "10.0.0.3 169.254.169.254", "10.0.0.4"]));
        assert_eq!(told(&free).await, "10.0.0.1");
        assert_eq!(told(&free).await, metadata);
        assert_eq!(told(&free).await, "10.0.0.4");
        let first = Lookup::new(Some(&allow), answers(vec!["169.254.169.254", "10.0.0.1"]));
        assert_eq!(told(&first).await, metadata);
        assert_eq!(told(&first).await, "10.0.0.1");
    }
}
