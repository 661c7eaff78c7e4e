//! What HAProxy says about the servers of a backend: the CSV of `show stat BACKEND 4 -1`.

/// One server, as HAProxy sees it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    /// `UP`, `DOWN`, `MAINT`, `DRAIN`, `no check`, …
    pub(super) status: String,
    /// The weight that counts now: below the one that was set while it starts slowly.
    pub(super) weight: u64,
    /// The weight that was set.
    pub(super) set: u64,
    /// Whether it is only used when all others are down.
    pub(super) backup: bool,
    /// Sessions that it has now.
    pub(super) sessions: u64,
}

impl Server {
    /// Whether it may get traffic by its weight.
    ///
    /// One with weight 0 is shown as drained, and is not for another reason.
    pub(super) fn usable(&self) -> bool {
        let up = self.status.starts_with("UP") || self.status.starts_with("no check");
        (up || (self.status == "DRAIN" && self.set == 0)) && !self.backup
    }

    /// Its part of the traffic.
    pub(super) fn part(&self) -> u64 {
        if self.usable() { self.weight } else { 0 }
    }
}

/// The servers of a backend.
///
/// # Errors
/// HAProxy does not know the backend, or says what is no statistics.
pub(super) fn servers(answer: &str, backend: &str) -> Result<Vec<Server>, String> {
    let mut lines = answer.lines();
    let head = lines.next().unwrap_or_default();
    let Some(head) = head.strip_prefix("# ") else {
        return Err(format!("HAProxy says `{}`", super::super::text::excerpt(answer.as_bytes())));
    };
    let columns: Vec<&str> = head.split(',').collect();
    let mut servers = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        // a comma can stand in the texts of checks, which come behind all that is read here but the weight that was set
        let fields: Vec<&str> = line.split(',').collect();
        let field = |name: &str| {
            let place = columns.iter().position(|column| *column == name)?;
            fields.get(place).copied()
        };
        let number = |name: &str| field(name).and_then(|text| text.parse::<u64>().ok());
        if field("pxname") != Some(backend) {
            continue;
        }
        let server = (|| {
            let weight = number("weight")?;
            Some(Server {
                name: field("svname")?.to_owned(),
                status: field("status")?.to_owned(),
                weight,
                set: if fields.len() == columns.len() { number("uweight").unwrap_or(weight) } else { weight },
                backup: number("bck")? > 0,
                sessions: number("scur").unwrap_or(0),
            })
        })();
        servers.push(server.ok_or_else(|| {
            format!("HAProxy's statistics cannot be read: `{}`", super::super::text::excerpt(line.as_bytes()))
        })?);
    }
    Ok(servers)
}
