//! A batch as a handful of statements, whatever its size: each takes its rows as arrays, one per column.
//!
//! Statements that change rows find them by key first and write by place: see [`TaskColumns::update`].
//!
//! Rows are taken away before rows are put, so that one batch can hand a port or a key from one row to the next.

use super::task_columns::TaskColumns;
use crate::error::Error;
use crate::rows::{Capacity, PortChanges, UsageChanges, Use, all_found, integer, json, text};
use crate::sql_error::while_doing;
use plimsoll_model::{Batch, InstanceId, PortClaim, TaskId};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Postgres, query};
use uuid::Uuid;

type Statement<'a> = Query<'a, Postgres, PgArguments>;

pub(super) async fn write(connection: &mut PgConnection, cluster_id: i32, batch: &Batch) -> Result<(), Error> {
    let mut writer = Writer { connection, cluster_id };
    let ports = PortChanges::of(batch);
    writer.free_ports(&ports.freed).await?;
    writer.remove_rows(batch).await?;
    writer.put_documents(batch).await?;
    writer.put_usage(&UsageChanges::of(batch)).await?;
    writer.create_tasks(batch).await?;
    writer.take_ports(&ports.taken).await?;
    writer.update_tasks(batch).await?;
    writer.place_tasks(batch).await?;
    writer.put_events(batch).await?;
    writer.put_tokens(batch).await
}

struct Writer<'c> {
    connection: &'c mut PgConnection,
    cluster_id: i32,
}

impl Writer<'_> {
    async fn run(&mut self, statement: Statement<'_>) -> Result<u64, Error> {
        let done = statement.execute(&mut *self.connection).await.map_err(while_doing("writing a batch"))?;
        Ok(done.rows_affected())
    }

    async fn free_ports(&mut self, freed: &[(InstanceId, PortClaim, TaskId)]) -> Result<(), Error> {
        if freed.is_empty() {
            return Ok(());
        }
        let sql = "DELETE FROM host_ports WHERE ctid = ANY(ARRAY(
                       SELECT (SELECT ctid FROM host_ports AS old
                               WHERE old.cluster_id = $1 AND old.instance = gone.instance
                                   AND old.protocol = gone.protocol AND old.port = gone.port AND old.task = gone.task)
                       FROM UNNEST($2::uuid[], $3::text[], $4::integer[], $5::uuid[])
                           AS gone (instance, protocol, port, task)))";
        self.run(bind_ports(query(sql).bind(self.cluster_id), freed)).await?;
        Ok(())
    }

    async fn take_ports(&mut self, taken: &[(InstanceId, PortClaim, TaskId)]) -> Result<(), Error> {
        if taken.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO host_ports (cluster_id, instance, protocol, port, task)
                   SELECT $1, * FROM UNNEST($2::uuid[], $3::text[], $4::integer[], $5::uuid[])";
        self.run(bind_ports(query(sql).bind(self.cluster_id), taken)).await?;
        Ok(())
    }

    async fn remove_rows(&mut self, batch: &Batch) -> Result<(), Error> {
        if !batch.tasks_removed.is_empty() {
            // A task that is removed without having been STOPPED still holds its ports.
            let sql = "WITH gone AS (
                           DELETE FROM tasks WHERE ctid = ANY(ARRAY(
                               SELECT (SELECT ctid FROM tasks AS old WHERE old.cluster_id = $1 AND old.id = given.id)
                               FROM UNNEST($2::uuid[]) AS given (id)))
                           RETURNING instance, id, last_status)
                       DELETE FROM host_ports WHERE ctid = ANY(ARRAY(
                           SELECT held.ctid FROM gone, LATERAL (
                               SELECT ctid FROM host_ports AS old
                               WHERE old.cluster_id = $1 AND old.instance = gone.instance AND old.task = gone.id
                               OFFSET 0) AS held
                           WHERE gone.last_status <> 'STOPPED'))";
            let ids: Vec<Uuid> = batch.tasks_removed.iter().map(|id| uuid(id.as_u128())).collect();
            self.run(query(sql).bind(self.cluster_id).bind(ids)).await?;
        }
        if !batch.instances_removed.is_empty() {
            let sql = "WITH usage AS (
                           DELETE FROM instance_usage WHERE ctid = ANY(ARRAY(
                               SELECT (SELECT ctid FROM instance_usage AS old
                                       WHERE old.cluster_id = $1 AND old.instance = given.id)
                               FROM UNNEST($2::uuid[]) AS given (id))))
                       DELETE FROM container_instances WHERE ctid = ANY(ARRAY(
                           SELECT (SELECT ctid FROM container_instances AS old
                                   WHERE old.cluster_id = $1 AND old.id = given.id)
                           FROM UNNEST($2::uuid[]) AS given (id)))";
            let ids: Vec<Uuid> = batch.instances_removed.iter().map(|id| uuid(id.as_u128())).collect();
            self.run(query(sql).bind(self.cluster_id).bind(ids)).await?;
        }
        if !batch.services_removed.is_empty() {
            let names: Vec<&str> = batch.services_removed.iter().map(|name| name.as_str()).collect();
            let sql = "DELETE FROM services WHERE ctid = ANY(ARRAY(
                           SELECT (SELECT ctid FROM services AS old WHERE old.cluster_id = $1 AND old.name = given.name)
                           FROM UNNEST($2::text[]) AS given (name)))";
            self.run(query(sql).bind(self.cluster_id).bind(names)).await?;
        }
        if !batch.deployments_removed.is_empty() {
            let ids: Vec<i64> = batch.deployments_removed.iter().map(|id| integer(id.as_u64())).collect();
            let sql = "DELETE FROM deployments WHERE ctid = ANY(ARRAY(
                           SELECT (SELECT ctid FROM deployments AS old WHERE old.cluster_id = $1 AND old.id = given.id)
                           FROM UNNEST($2::bigint[]) AS given (id)))";
            self.run(query(sql).bind(self.cluster_id).bind(ids)).await?;
        }
        if !batch.service_deployments_removed.is_empty() {
            let ids: Vec<i64> = batch.service_deployments_removed.iter().map(|id| integer(id.as_u64())).collect();
            let sql = "DELETE FROM service_deployments WHERE ctid = ANY(ARRAY(
                           SELECT (SELECT ctid FROM service_deployments AS old
                                   WHERE old.cluster_id = $1 AND old.id = given.id)
                           FROM UNNEST($2::bigint[]) AS given (id)))";
            self.run(query(sql).bind(self.cluster_id).bind(ids)).await?;
        }
        self.remove_events_and_tokens(batch).await
    }

    async fn remove_events_and_tokens(&mut self, batch: &Batch) -> Result<(), Error> {
        if !batch.events_removed.is_empty() {
            let services: Vec<&str> = batch.events_removed.iter().map(|(service, _)| service.as_str()).collect();
            let sequences: Vec<i64> = batch.events_removed.iter().map(|(_, sequence)| integer(*sequence)).collect();
            let sql = "DELETE FROM service_events WHERE ctid = ANY(ARRAY(
                           SELECT (SELECT ctid FROM service_events AS old
                                   WHERE old.cluster_id = $1 AND old.service = gone.service
                                       AND old.sequence = gone.sequence)
                           FROM UNNEST($2::text[], $3::bigint[]) AS gone (service, sequence)))";
            self.run(query(sql).bind(self.cluster_id).bind(services).bind(sequences)).await?;
        }
        if !batch.tokens_removed.is_empty() {
            let operations: Vec<_> = batch.tokens_removed.iter().map(|(operation, _)| text(operation)).collect();
            let tokens: Vec<_> = batch.tokens_removed.iter().map(|(_, token)| text(token)).collect();
            let sql = "DELETE FROM client_tokens WHERE ctid = ANY(ARRAY(
                           SELECT (SELECT ctid FROM client_tokens AS old
                                   WHERE old.cluster_id = $1 AND old.operation = gone.operation
                                       AND old.token = gone.token)
                           FROM UNNEST($2::text[], $3::text[]) AS gone (operation, token)))";
            self.run(query(sql).bind(self.cluster_id).bind(operations).bind(tokens)).await?;
        }
        Ok(())
    }

    /// Rows that change seldom and are kept as one document each.
    async fn put_documents(&mut self, batch: &Batch) -> Result<(), Error> {
        if let Some(cluster) = &batch.cluster {
            let sql = "UPDATE clusters SET document = $2::text::json WHERE cluster_id = $1";
            self.run(query(sql).bind(self.cluster_id).bind(json(&**cluster))).await?;
        }
        if !batch.instances.is_empty() {
            let ids: Vec<Uuid> = batch.instances.keys().map(|id| uuid(id.as_u128())).collect();
            let documents: Vec<String> = batch.instances.values().map(|row| json(&**row)).collect();
            let sql = "INSERT INTO container_instances (cluster_id, id, document)
                       SELECT $1, id, document::json FROM UNNEST($2::uuid[], $3::text[]) AS put (id, document)
                       ON CONFLICT (cluster_id, id) DO UPDATE SET document = EXCLUDED.document";
            self.run(query(sql).bind(self.cluster_id).bind(ids).bind(documents)).await?;
        }
        if !batch.services.is_empty() {
            let names: Vec<&str> = batch.services.keys().map(|name| name.as_str()).collect();
            let documents: Vec<String> = batch.services.values().map(|row| json(&**row)).collect();
            let sql = "INSERT INTO services (cluster_id, name, document)
                       SELECT $1, name, document::json FROM UNNEST($2::text[], $3::text[]) AS put (name, document)
                       ON CONFLICT (cluster_id, name) DO UPDATE SET document = EXCLUDED.document";
            self.run(query(sql).bind(self.cluster_id).bind(names).bind(documents)).await?;
        }
        if !batch.deployments.is_empty() {
            let ids: Vec<i64> = batch.deployments.keys().map(|id| integer(id.as_u64())).collect();
            let documents: Vec<String> = batch.deployments.values().map(|row| json(&**row)).collect();
            let sql = "INSERT INTO deployments (cluster_id, id, document)
                       SELECT $1, id, document::json FROM UNNEST($2::bigint[], $3::text[]) AS put (id, document)
                       ON CONFLICT (cluster_id, id) DO UPDATE SET document = EXCLUDED.document";
            self.run(query(sql).bind(self.cluster_id).bind(ids).bind(documents)).await?;
        }
        if !batch.service_deployments.is_empty() {
            let ids: Vec<i64> = batch.service_deployments.keys().map(|id| integer(id.as_u64())).collect();
            let documents: Vec<String> = batch.service_deployments.values().map(|row| json(&**row)).collect();
            let sql = "INSERT INTO service_deployments (cluster_id, id, document)
                       SELECT $1, id, document::json FROM UNNEST($2::bigint[], $3::text[]) AS put (id, document)
                       ON CONFLICT (cluster_id, id) DO UPDATE SET document = EXCLUDED.document";
            self.run(query(sql).bind(self.cluster_id).bind(ids).bind(documents)).await?;
        }
        Ok(())
    }

    async fn put_usage(&mut self, changes: &UsageChanges) -> Result<(), Error> {
        let cluster_id = self.cluster_id;
        if !changes.both.is_empty() {
            let sql = "INSERT INTO instance_usage (cluster_id, instance, cpu_units_capacity, memory_mib_capacity,
                           cpu_units_used, memory_mib_used)
                       SELECT $1, * FROM UNNEST($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                       ON CONFLICT (cluster_id, instance) DO UPDATE SET
                           cpu_units_capacity = EXCLUDED.cpu_units_capacity,
                           memory_mib_capacity = EXCLUDED.memory_mib_capacity,
                           cpu_units_used = EXCLUDED.cpu_units_used, memory_mib_used = EXCLUDED.memory_mib_used";
            let statement = bind_capacity(query(sql).bind(cluster_id), changes.both.iter().map(|row| &row.capacity));
            let cpu_units: Vec<i64> = changes.both.iter().map(|row| row.used.cpu_units).collect();
            let memory_mib: Vec<i64> = changes.both.iter().map(|row| row.used.memory_mib).collect();
            self.run(statement.bind(cpu_units).bind(memory_mib)).await?;
        }
        if !changes.capacity.is_empty() {
            let sql = "INSERT INTO instance_usage (cluster_id, instance, cpu_units_capacity, memory_mib_capacity)
                       SELECT $1, * FROM UNNEST($2::uuid[], $3::bigint[], $4::bigint[])
                       ON CONFLICT (cluster_id, instance) DO UPDATE SET
                           cpu_units_capacity = EXCLUDED.cpu_units_capacity,
                           memory_mib_capacity = EXCLUDED.memory_mib_capacity
                       WHERE (instance_usage.cpu_units_capacity, instance_usage.memory_mib_capacity)
                           <> (EXCLUDED.cpu_units_capacity, EXCLUDED.memory_mib_capacity)";
            self.run(bind_capacity(query(sql).bind(cluster_id), &changes.capacity)).await?;
        }
        if !changes.used.is_empty() {
            let sql = "UPDATE instance_usage SET cpu_units_used = used.cpu_units, memory_mib_used = used.memory_mib
                       FROM (
                           SELECT *, (SELECT ctid FROM instance_usage AS old
                                      WHERE old.cluster_id = $1 AND old.instance = given.instance) AS place
                           FROM UNNEST($2::uuid[], $3::bigint[], $4::bigint[])
                               AS given (instance, cpu_units, memory_mib)
                       ) AS used
                       WHERE instance_usage.ctid = used.place";
            let updated = self.run(bind_use(query(sql).bind(cluster_id), &changes.used)).await?;
            all_found("instance_usage", updated, changes.used.len())?;
        }
        Ok(())
    }

    async fn create_tasks(&mut self, batch: &Batch) -> Result<(), Error> {
        if batch.tasks_created.is_empty() {
            return Ok(());
        }
        let columns = TaskColumns::of(batch.tasks_created.values());
        self.run(columns.insert(self.cluster_id)).await?;
        Ok(())
    }

    async fn update_tasks(&mut self, batch: &Batch) -> Result<(), Error> {
        if batch.tasks_updated.is_empty() {
            return Ok(());
        }
        let columns = TaskColumns::changing(batch.tasks_updated.values());
        let updated = self.run(columns.update(self.cluster_id)).await?;
        all_found("tasks", updated, batch.tasks_updated.len())
    }

    async fn place_tasks(&mut self, batch: &Batch) -> Result<(), Error> {
        if batch.tasks_placed.is_empty() {
            return Ok(());
        }
        let placed = batch.tasks_placed.iter().filter_map(|id| batch.tasks_updated.get(id));
        self.run(TaskColumns::of(placed).place(self.cluster_id)).await?;
        Ok(())
    }

    async fn put_events(&mut self, batch: &Batch) -> Result<(), Error> {
        if batch.events.is_empty() {
            return Ok(());
        }
        let rows = || batch.events.values();
        let sql = "INSERT INTO service_events (cluster_id, service, sequence, id, created_at, message)
                   SELECT $1, * FROM UNNEST($2::text[], $3::bigint[], $4::uuid[], $5::bigint[], $6::text[])
                   ON CONFLICT (cluster_id, service, sequence) DO UPDATE SET
                       id = EXCLUDED.id, created_at = EXCLUDED.created_at, message = EXCLUDED.message";
        let statement = query(sql)
            .bind(self.cluster_id)
            .bind(rows().map(|row| row.service.as_str()).collect::<Vec<_>>())
            .bind(rows().map(|row| integer(row.sequence)).collect::<Vec<_>>())
            .bind(rows().map(|row| uuid(row.id)).collect::<Vec<_>>())
            .bind(rows().map(|row| row.created_at.as_millis()).collect::<Vec<_>>())
            .bind(rows().map(|row| text(&row.message)).collect::<Vec<_>>());
        self.run(statement).await?;
        Ok(())
    }

    async fn put_tokens(&mut self, batch: &Batch) -> Result<(), Error> {
        if batch.tokens.is_empty() {
            return Ok(());
        }
        let rows = || batch.tokens.values();
        let sql = "INSERT INTO client_tokens (cluster_id, operation, token, fingerprint, created_at, result)
                   SELECT $1, operation, token, fingerprint, created_at, result::json
                   FROM UNNEST($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])
                       AS put (operation, token, fingerprint, created_at, result)
                   ON CONFLICT (cluster_id, operation, token) DO UPDATE SET
                       fingerprint = EXCLUDED.fingerprint, created_at = EXCLUDED.created_at, result = EXCLUDED.result";
        let statement = query(sql)
            .bind(self.cluster_id)
            .bind(rows().map(|row| text(&row.token.operation)).collect::<Vec<_>>())
            .bind(rows().map(|row| text(&row.token.token)).collect::<Vec<_>>())
            .bind(rows().map(|row| text(&row.token.fingerprint)).collect::<Vec<_>>())
            .bind(rows().map(|row| row.created_at.as_millis()).collect::<Vec<_>>())
            .bind(rows().map(|row| json(&row.result)).collect::<Vec<_>>());
        self.run(statement).await?;
        Ok(())
    }
}

fn bind_ports<'a>(statement: Statement<'a>, ports: &[(InstanceId, PortClaim, TaskId)]) -> Statement<'a> {
    statement
        .bind(ports.iter().map(|(instance, _, _)| uuid(instance.as_u128())).collect::<Vec<_>>())
        .bind(ports.iter().map(|(_, claim, _)| claim.protocol.as_str()).collect::<Vec<_>>())
        .bind(ports.iter().map(|(_, claim, _)| i32::from(claim.port)).collect::<Vec<_>>())
        .bind(ports.iter().map(|(_, _, task)| uuid(task.as_u128())).collect::<Vec<_>>())
}

fn bind_capacity<'a, 'r>(
    statement: Statement<'a>,
    rows: impl IntoIterator<Item = &'r Capacity> + Clone,
) -> Statement<'a> {
    statement
        .bind(rows.clone().into_iter().map(|row| uuid(row.instance.as_u128())).collect::<Vec<_>>())
        .bind(rows.clone().into_iter().map(|row| row.cpu_units).collect::<Vec<_>>())
        .bind(rows.into_iter().map(|row| row.memory_mib).collect::<Vec<_>>())
}

fn bind_use<'a>(statement: Statement<'a>, rows: &[Use]) -> Statement<'a> {
    statement
        .bind(rows.iter().map(|row| uuid(row.instance.as_u128())).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.cpu_units).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.memory_mib).collect::<Vec<_>>())
}

pub(super) fn uuid(raw: u128) -> Uuid {
    Uuid::from_u128(raw)
}
