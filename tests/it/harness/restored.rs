//! A database that came out of a backup.

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{TestDb, cluster, run};

impl TestDb {
    /// Another database, into which a dump of this one was restored.
    pub(crate) async fn restored(&self) -> Self {
        let cluster = cluster().await;
        let mut superuser =
            PgConnection::connect(&cluster.superuser_url("postgres")).await.unwrap();
        let name = format!("test_{}", Uuid::now_v7().simple());
        let sql = format!("create database {name} template template0 owner daybook_owner");
        run(&mut superuser, &sql).await.unwrap();
        let files = tempfile::tempdir().unwrap();
        let dump = files.path().join("dump");
        let into = cluster.superuser_url(&name);
        for (tool, args) in [
            ("pg_dump", ["--format=custom", "--file", dump.to_str().unwrap(), &self.superuser_url]),
            ("pg_restore", ["--exit-on-error", "--dbname", &into, dump.to_str().unwrap()]),
        ] {
            let mut command = tokio::process::Command::new(cluster.bin_dir().join(tool));
            let output = command.args(args).output().await.unwrap();
            assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Self {
            owner_url: cluster.url("daybook_owner", &name),
            serving_url: cluster.url("daybook", &name),
            superuser_url: into,
            _cluster: cluster,
        }
    }
}
