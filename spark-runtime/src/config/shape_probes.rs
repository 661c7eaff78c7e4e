//! The keys of `probes`.

use super::shape::{Key, Shape, may, must};

const URL: &str = "its address holds a password: name where it is, such as { env: SPARK_DATABASE_URL }";
const TABLE: &str = "write the table's name";

macro_rules! shapes {
    ($($constant:ident $name:literal $called:literal [$($key:expr),+ $(,)?];)+) => {
        $(pub(super) const $constant: Shape = Shape {
            name: $name,
            called: $called,
            keys: &[$($key),+],
        };)+

        /// All of them.
        pub(super) const PROBE_SHAPES: &[&Shape] = &[$(&$constant),+];
    };
}

const TOKEN: Key = may("token-file");
const CA: Key = may("ca-file");
const TIMEOUT: Key = may("timeout");

shapes! {
    PROBE "probe" "a probe" [
        may("postgres-clock"), may("postgres-sequences"), may("postgres-bloat"), may("postgres-connections"),
        may("postgres-index"), may("migrations"), may("decimals"), may("outbox"), may("idempotency-keys"),
        may("flags"), may("pgbouncer"), may("ntp"), may("http-headers"), may("http-burst"), may("csp-flood"),
        may("health"), may("http-cases"), may("prometheus-targets"), may("prometheus-baseline"),
        may("prometheus-alert"), may("sbom"), may("provenance"), may("identity"), may("restore"), may("program"),
    ];
    POSTGRES_CLOCK "postgres-clock" "`postgres-clock`" [must("url", URL)];
    POSTGRES_SEQUENCES "postgres-sequences" "`postgres-sequences`" [must("url", URL), may("schemas")];
    POSTGRES_BLOAT "postgres-bloat" "`postgres-bloat`" [must("url", URL), may("tables"), may("at-least")];
    POSTGRES_CONNECTIONS "postgres-connections" "`postgres-connections`" [must("url", URL)];
    POSTGRES_INDEX "postgres-index" "`postgres-index`" [
        must("url", URL), must("table", TABLE), must("columns", "list the index' columns in its order"), may("where"),
    ];
    MIGRATIONS "migrations" "`migrations`" [must("url", URL), may("sqlx"), may("prisma"), may("schema")];
    DECIMALS "decimals" "`decimals`" [
        must("url", URL), must("table", TABLE), may("multiples"), may("amount"), may("product"), may("where"),
    ];
    OUTBOX "outbox" "`outbox`" [
        must("url", URL), must("table", TABLE),
        must("created", "write the column of the time at which an event was written"),
        must("sent", "write the column of the time at which an event was sent, empty until then"),
        may("attempts"), may("next"),
    ];
    IDEMPOTENCY_KEYS "idempotency-keys" "`idempotency-keys`" [
        must("url", URL), must("table", TABLE),
        must("created", "write the column of the time at which a key came"),
        must("expires", "write the column of the time at which a key ends"),
    ];
    FLAGS "flags" "`flags`" [
        may("file"), may("url"), may("table"), may("name"), may("value"),
        must("expected", "write what each flag has to be, such as { new-matching: \"false\" }"),
    ];
    PGBOUNCER "pgbouncer" "`pgbouncer`" [must("url", URL), may("databases"), may("held-after")];
    NTP "ntp" "`ntp`" [must("servers", "list servers of time, such as [ntp1.example, ntp2.example]"), TIMEOUT];
    HTTP_HEADERS "http-headers" "`http-headers`" [
        must("url", "write the page's address"), may("resources"), may("subdomains"), TOKEN, CA, TIMEOUT,
    ];
    HTTP_BURST "http-burst" "`http-burst`" [
        must("url", "write the address that takes the request"), may("key-header"), may("headers"),
        must("body", "write a body that may be sent: it is taken once"),
        must("other-body", "write another body, which the same key must be refused for"),
        may("times"), TOKEN, CA, TIMEOUT,
    ];
    CSP_FLOOD "csp-flood" "`csp-flood`" [
        must("url", "write the address that takes reports"),
        must("health", "write the address that has to go on answering meanwhile"),
        may("reports"), may("at-once"), TOKEN, CA, TIMEOUT,
    ];
    HEALTH "health" "`health`" [
        must("url", "write the address of one instance's health"), may("for"), may("every"), TOKEN, CA, TIMEOUT,
    ];
    HTTP_CASES "http-cases" "`http-cases`" [must("cases", "list the requests"), TOKEN, CA, TIMEOUT];
    HTTP_CASE "http-case" "a case" [
        must("name", "write what the case is called"), may("method"), must("url", "write its address"), may("headers"),
        may("body"), must("status", "write the status that is right, such as 409"),
    ];
    PROMETHEUS_TARGETS "prometheus-targets" "`prometheus-targets`" [
        must("url", "write the Prometheus' address"), may("jobs"), TOKEN, CA, TIMEOUT,
    ];
    PROMETHEUS_BASELINE "prometheus-baseline" "`prometheus-baseline`" [
        must("url", "write the Prometheus' address"),
        must("queries", "write the queries by their names, such as { p95: \"…\" }"), TOKEN, CA, TIMEOUT,
    ];
    PROMETHEUS_ALERT "prometheus-alert" "`prometheus-alert`" [
        must("url", "write the Prometheus' address"), must("alert", "write the alert's name"),
        must("series", "write the labels of the series that is made up, with `__name__`"),
        may("value"), may("patience"), may("alertmanager"), TOKEN, CA, TIMEOUT,
    ];
    SBOM "sbom" "`sbom`" [must("file", "write the bill's path"), may("before"), may("allow")];
    PROVENANCE "provenance" "`provenance`" [
        must("file", "write the statement's path"), must("artifacts", "list the files that it has to be of"),
        may("key"), may("builder"),
    ];
    IDENTITY "identity" "`identity`" [
        must("repository", "write the repository's path"), must("tag", "write the release's tag, such as \"v{release}\""),
        may("files"), may("key"),
    ];
    RESTORE "restore" "`restore`" [
        must("url", URL), must("archive", "write the folder of the archived log"),
        must("tables", "write each table and its column of the time at which a row came, such as { orders: created_at }"),
        may("bin"), may("run-as"), may("scratch"),
    ];
    PROGRAM "program" "`program`" [must("command", "list the program and its words"), may("env")];
}
