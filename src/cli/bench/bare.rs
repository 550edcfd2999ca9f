//! Bare Postgres: `insert` of an equal row into an equal table, by pgbench, from as many
//! connections. No order, no hashes, no rules: the most that plain inserts give on this machine.

use tokio::process::Command;

use super::{
    super::Failure,
    append::{self, Figures},
};
use crate::{database::Database, local_postgres::LocalPostgres};

/// Inserts from so many connections; `None` where pgbench is not installed.
pub(super) async fn insert(
    database: &Database,
    callers: usize,
    seconds: u64,
) -> Result<Option<Figures>, Failure> {
    let Some(cluster) = database.cluster() else { return Ok(None) };
    let pgbench = cluster.bin_dir().join("pgbench");
    if !pgbench.exists() {
        return Ok(None);
    }
    let stored = append::sample(database).await?;
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    // The texts are defaults: pgbench would take the colons of JSON for its variables.
    let table = format!(
        "create table bare (like daybook.events including all);
         alter table bare alter type set default {}, alter origin set default {},
                          alter payload set default {};
         create sequence bare_position;",
        quoted(&stored.type_name),
        quoted(&stored.origin),
        quoted(&stored.payload),
    );
    sql(cluster, &table).await?;
    // A stream of its own for each row, so that no two connections wait for each other.
    let script = "insert into bare (position, stream, version, schema_version, recorded_at,
                           effective_at, posting_on, number, leaf_hash)
         select n, concat('account', chr(58), 'acc_', lpad(n::text, 32, '0')), 1, 1, now(), now(),
                current_date, n::text, decode(lpad('', 64, '0'), 'hex')
         from (select nextval('bare_position') as n) as next;\n";
    let file = std::env::temp_dir().join(format!("daybook-bench-{}.sql", std::process::id()));
    std::fs::write(&file, script)?;
    let output = Command::new(pgbench)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={callers}"))
        .arg(format!("--time={seconds}"))
        .arg(format!("--host={}", cluster.socket_dir().display()))
        .args(["--port=5432", "--username=postgres", "--file"])
        .arg(&file)
        .arg("daybook")
        .output()
        .await?;
    std::fs::remove_file(&file)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let per_second = figure(&text, "tps = ").ok_or_else(|| {
        format!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr).trim())
    })?;
    let mean_micros = u64::try_from(callers)? * 1_000_000 / per_second.max(1);
    Ok(Some(Figures {
        per_second,
        p50_micros: Some(mean_micros),
        p99_micros: None,
        most_behind: None,
    }))
}

async fn sql(cluster: &LocalPostgres, sql: &str) -> Result<(), Failure> {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(&cluster.superuser_url("daybook")).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// The whole number after a label.
fn figure(text: &str, label: &str) -> Option<u64> {
    let rest = text.split_once(label)?.1;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
