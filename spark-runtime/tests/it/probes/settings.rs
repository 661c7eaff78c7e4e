//! `probes` and `sign-off` in `spark.yaml`: what is read, and what is refused and with which words.

use std::path::Path;

use spark_runtime::config::Config;
use spark_runtime::probe::ProbeKind;

const BASE: &str = "spark: 1\nsources: { prometheus: { url: \"http://prom:9090\" } }\nactions: { command: { set: [./s], rollback: [./r], probe: [./p] } }\n";

fn read(text: &str) -> Result<Config, String> {
    let lookup = |_: &str| None;
    Config::parse(Path::new("spark.yaml"), format!("{BASE}{text}").as_bytes(), &lookup)
        .map_err(|errors| errors.to_string())
}

/// A probe is read with its defaults, asks its own server alone, and has the release's name where it may.
#[test]
fn good() {
    let config = read(
        "sign-off: [release-manager, risk]\nprobes:\n  pool: { pgbouncer: { url: { env: CONSOLE } } }\n  page: { http-headers: { url: \"http://api:8080/\" } }\n  what: { identity: { repository: ., tag: \"v{release}\" } }\n",
    )
    .unwrap();
    assert_eq!(config.sign_off, ["release-manager", "risk"]);
    assert_eq!(config.probes.len(), 3);
    let ProbeKind::Headers(page) = &config.probes["page"] else { panic!("{:?}", config.probes) };
    assert_eq!(page.web.allow.iter().map(ToString::to_string).collect::<Vec<_>>(), ["api:8080"]);
    let ProbeKind::Identity(what) = config.probes["what"].clone().of_release("1.2") else { panic!() };
    assert_eq!(what.tag, "v1.2");
}

/// What cannot be meant is refused with its place.
#[test]
fn bad() {
    for (text, expected) in [
        ("probes: []\n", "4:9: a list: expected probes by their names"),
        ("probes: { Pool: { pgbouncer: { url: { env: X } } } }\n", "`Pool` is none"),
        ("probes: { pool: { pgbouncr: { url: { env: X } } } }\n", "did you mean `pgbouncer`?"),
        ("probes: { pool: {} }\n", "expected one of `postgres-clock`"),
        (
            "probes: { pool: { pgbouncer: { url: { env: X } }, ntp: { servers: [a] } } }\n",
            "a probe is of one kind",
        ),
        (
            "probes: { pool: { pgbouncer: { url: \"postgres://me:hunter2@db/\" } } }\n",
            "a secret must not stand in the configuration",
        ),
        ("probes: { pool: { pgbouncer: {} } }\n", "`pgbouncer` has no `url`"),
        ("probes: { m: { migrations: { url: { env: X } } } }\n", "expected `sqlx`, `prisma` or both"),
        ("probes: { d: { decimals: { url: { env: X }, table: t } } }\n", "nothing would be looked at"),
        ("probes: { f: { flags: { table: t, expected: { a: b } } } }\n", "need the `url` of its database"),
        (
            "probes: { b: { postgres-bloat: { url: { env: X }, at-least: many } } }\n",
            "a whole number from 1 to",
        ),
        (
            "probes: { a: { prometheus-alert: { url: \"http://p:1\", alert: A, series: { a: b } } } }\n",
            "no `__name__`",
        ),
        (
            "probes: { c: { http-cases: { cases: [ { name: a, method: get, url: \"http://a:1/\", status: 200 } ] } } }\n",
            "expected GET, POST",
        ),
        (
            "probes: { b: { http-burst: { url: \"http://a:1/\", headers: { Authorization: \"Bearer hunter2\" }, body: a, other-body: b } } }\n",
            "`authorization`: a secret must not stand in the configuration",
        ),
        ("sign-off: [Release Manager]\n", "expected a role of small letters"),
    ] {
        let error = read(text).map(|config| format!("{config:?}")).unwrap_err();
        assert!(error.contains(expected), "{text}{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let listed = BASE.replace("} }\nactions", "}, allow: [prom:9090] }\nactions");
    let text = format!("{listed}probes: {{ page: {{ http-headers: {{ url: \"http://api:8080/\" }} }} }}\n");
    let error = Config::parse(Path::new("spark.yaml"), text.as_bytes(), &|_| None).unwrap_err().to_string();
    assert!(error.contains("`api:8080` is asked here, and is not in `sources.allow`"), "{error}");
}
