//! A real nginx that serves pages with headers of security, over TLS too.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use spark_runtime::probe::{Headers, Web};
use tempfile::TempDir;

use super::{fails, holds, measured, passes, web};

struct Nginx {
    child: Child,
    port: u16,
    tls_port: u16,
    folder: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What all pages of the server have, and what its own trap is: a `location` that adds one header sends none of the others.
const SITE: &str = r#"
add_header Content-Security-Policy "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; report-uri /csp" always;
add_header Cross-Origin-Embedder-Policy require-corp always;
add_header Cross-Origin-Opener-Policy same-origin always;
add_header Strict-Transport-Security "max-age=63072000; includeSubDomains" always;
location = /trap { return 200 x; add_header Strict-Transport-Security "max-age=300; preload" always; }
location = /open { return 200 x; add_header Cross-Origin-Resource-Policy cross-origin always; }
location / { return 200 x; }
"#;

impl Nginx {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let signed = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(at("cert.pem"), signed.cert.pem()).unwrap();
        std::fs::write(at("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        let (port, tls_port) = (crate::postgres_server::free_port(), crate::postgres_server::free_port());
        let kept = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let kept: String = kept.iter().map(|name| format!("{name}_temp_path {};\n", at(name))).collect();
        let config = format!(
            "daemon off; master_process off; pid {}; error_log {} error;\nevents {{}}\nhttp {{\naccess_log off;\n{kept}\
             server {{ listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
             {SITE} }}\n}}\n",
            at("pid"),
            at("error.log"),
            at("cert.pem"),
            at("key.pem")
        );
        std::fs::write(at("nginx.conf"), config).unwrap();
        let program =
            ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| std::fs::exists(path).unwrap());
        let program =
            program.unwrap_or_else(|| panic!("`nginx` is not there: install it: apt-get install nginx"));
        let child = Command::new(program)
            .args(["-e", &at("error.log"), "-c", &at("nginx.conf")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, tls_port, folder };
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}", std::fs::read_to_string(server.folder.path().join("error.log")).unwrap_or_default());
    }
}

/// Pages with all their headers; one whose headers nginx dropped as it adds its own; a resource that the page would not show; and
/// a subdomain that speaks no TLS, which strict transport security would lock out.
#[tokio::test]
async fn of_nginx() {
    let server = Nginx::start().await;
    let at = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    let probe = |path: &str, resource: &str, subdomain: u16| Headers {
        url: at(path),
        resources: vec![at(resource)],
        subdomains: vec![format!("http://127.0.0.1:{subdomain}/")],
        web: Web {
            ca_file: Some(server.folder.path().join("cert.pem")),
            ..web(&[server.port, server.tls_port])
        },
    };
    let found = measured(probe("/", "/open", server.tls_port)).await;
    holds(
        &found,
        &[("status", "200"), ("csp", "true"), ("blocked_resources", "0"), ("hsts_preload_trap", "0")],
    );
    passes("headers", &found);
    passes("hsts", &found);
    passes("isolation", &found);
    let found = measured(probe("/trap", "/open", server.tls_port)).await;
    holds(
        &found,
        &[("csp", "false"), ("coep", "false"), ("hsts_preload", "true"), ("hsts_preload_trap", "2")],
    );
    fails("headers", &found);
    fails("hsts", &found);
    let found = measured(probe("/", "/", server.port)).await;
    holds(&found, &[("blocked_resources", "1"), ("hsts_preload_trap", "1")]);
    fails("isolation", &found);
    fails("hsts", &found);
}
