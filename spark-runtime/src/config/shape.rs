//! Which keys there are, and which are needed. A test holds the published schema to these tables.

/// A key of a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// Why it is needed; nothing where it may be left out.
    pub(super) needed: Option<&'static str>,
}

/// The keys of a map.
#[derive(Debug)]
pub(super) struct Shape {
    /// The name in the schema's `$defs`.
    pub(super) name: &'static str,
    /// What it is called in errors.
    pub(super) called: &'static str,
    pub(super) keys: &'static [Key],
}

pub(super) const fn may(name: &'static str) -> Key {
    Key { name, needed: None }
}

pub(super) const fn must(name: &'static str, why: &'static str) -> Key {
    Key { name, needed: Some(why) }
}

pub(super) const CONFIG: Shape = Shape {
    name: "config",
    called: "the configuration",
    keys: &[
        must("spark", "write `spark: 1`, the version of this format"),
        must("sources", "name the `prometheus` or the addresses to `scrape` that samples come from"),
        must("actions", "name the `command`, the `haproxy` or the `webhook` that moves traffic"),
        may("rollout"),
        may("freeze"),
        may("notify"),
        may("journal"),
        may("evidence"),
        may("probes"),
        may("sign-off"),
    ],
};

pub(super) const SOURCES: Shape =
    Shape { name: "sources", called: "`sources`", keys: &[may("prometheus"), may("scrape"), may("allow")] };

pub(super) const PROMETHEUS: Shape = Shape {
    name: "prometheus",
    called: "`prometheus`",
    keys: &[
        must("url", "write its address, such as http://prometheus:9090"),
        may("token-file"),
        may("ca-file"),
        may("timeout"),
        may("canary"),
        may("baseline"),
    ],
};

pub(super) const SCRAPE: Shape = Shape {
    name: "scrape",
    called: "`scrape`",
    keys: &[
        must("canary", "list the addresses of the canary's metrics, such as [http://10.0.0.2:9100/metrics]"),
        may("baseline"),
        may("token-file"),
        may("ca-file"),
        may("timeout"),
    ],
};

pub(super) const ACTIONS: Shape = Shape {
    name: "actions",
    called: "`actions`",
    keys: &[may("deadline"), may("command"), may("haproxy"), may("webhook")],
};

/// Why a probe is needed, whatever moves traffic.
const PROBE: &str = "that a command ended well does not prove what traffic the canary gets, so it is measured after each \
    step: name a program that prints the canary's share in percent, such as probe: [./share-now]";

pub(super) const COMMAND: Shape = Shape {
    name: "command",
    called: "`command`",
    keys: &[
        must("set", "name the program that gives the canary a share, such as [./set-traffic, \"{share}\"]"),
        must("rollback", "name the program that takes all traffic back, such as [./roll-back, \"{reason}\"]"),
        must("probe", PROBE),
        may("env"),
    ],
};

pub(super) const HAPROXY: Shape = Shape {
    name: "haproxy",
    called: "`haproxy`",
    keys: &[
        must("socket", "write the path of its runtime socket, such as /run/haproxy/admin.sock"),
        must("backend", "write the name of the backend whose weights are set"),
        must("canary", "list the servers of the canary in that backend"),
        must("stable", "list the servers of the stable version in that backend"),
    ],
};

pub(super) const WEBHOOK: Shape = Shape {
    name: "webhook",
    called: "`webhook`",
    keys: &[
        must("set", "write the address that gives the canary a share"),
        must("rollback", "write the address that takes all traffic back"),
        must(
            "probe",
            "that a request was answered does not prove what traffic the canary gets, so it is measured after each \
             step: write the address that answers with the canary's share in percent",
        ),
        must(
            "secret",
            "requests that move traffic are signed: name where the key is, such as { env: SPARK_WEBHOOK_SECRET }",
        ),
        may("ca-file"),
    ],
};

pub(super) const ROLLOUT: Shape = Shape {
    name: "rollout",
    called: "`rollout`",
    keys: &[
        may("verify-within"),
        may("rollback-within"),
        may("retry-after"),
        may("probe-every"),
        may("hour"),
    ],
};

pub(super) const FREEZE: Shape = Shape {
    name: "freeze",
    called: "a window of `freeze`",
    keys: &[
        must("from", "write when it begins: \"09:55\", or \"2026-12-24 18:00\" for one that comes once"),
        must("to", "write when it ends: \"10:10\", or \"2026-12-27 08:00\" for one that comes once"),
        may("days"),
        must("zone", "write the time zone that its clock is in, such as Europe/Istanbul or UTC"),
        must("because", "write why nothing may advance then: it is shown to whoever waits"),
    ],
};

pub(super) const NOTIFY: Shape = Shape {
    name: "notify",
    called: "an entry of `notify`",
    keys: &[may("command"), may("webhook"), may("env"), may("secret"), may("timeout")],
};

pub(super) const JOURNAL: Shape = Shape {
    name: "journal",
    called: "`journal`",
    keys: &[must("postgres", "write `journal: file`, or where the PostgreSQL is")],
};

pub(super) const POSTGRES: Shape = Shape {
    name: "postgres",
    called: "`postgres`",
    keys: &[
        must("url", "its address holds a password: name where it is, such as { env: SPARK_DATABASE_URL }"),
        may("lease"),
        may("schema"),
    ],
};

pub(super) const EVIDENCE: Shape = Shape {
    name: "evidence",
    called: "`evidence`",
    keys: &[may("dir"), may("key"), may("anchors"), may("stages")],
};

pub(super) const STAGES: Shape =
    Shape { name: "stages", called: "`stages`", keys: &[may("database"), may("pgbouncer")] };

pub(super) const SECRET: Shape =
    Shape { name: "secret", called: "a secret", keys: &[may("file"), may("env")] };

/// All of them.
pub(super) const SHAPES: [&Shape; 16] = [
    &CONFIG,
    &SOURCES,
    &PROMETHEUS,
    &SCRAPE,
    &ACTIONS,
    &COMMAND,
    &HAPROXY,
    &WEBHOOK,
    &ROLLOUT,
    &FREEZE,
    &NOTIFY,
    &JOURNAL,
    &POSTGRES,
    &EVIDENCE,
    &STAGES,
    &SECRET,
];
