-- The rows of Plimsoll on SQLite: the same tables as on PostgreSQL.
--
-- Ids are 32 hex digits, so that what a shell shows can be pasted into a command. Tables of many rows keep their rowid:
-- rows made together lie together, although their ids are random, and one commit writes few pages.
-- Columns beside a document are generated from it, so that the two can never disagree.
-- Times are milliseconds since 1970.

-- Every other row of a cluster carries `cluster_id` in place of account, region and name.
CREATE TABLE clusters (
    cluster_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    account     TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    -- Null while somebody has only asked for the lease.
    document    TEXT,
    status      TEXT GENERATED ALWAYS AS (document ->> 'status') VIRTUAL,
    -- No holder: the process that has the database file open holds every lease.
    epoch       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, region, name)
) STRICT;

CREATE TABLE container_instances (
    cluster_id       INTEGER NOT NULL,
    id               TEXT NOT NULL,
    document         TEXT NOT NULL,
    status           TEXT GENERATED ALWAYS AS (document ->> 'status') VIRTUAL,
    agent_connected  INTEGER GENERATED ALWAYS AS (document ->> 'agent_connected') VIRTUAL,
    ec2_instance_id  TEXT GENERATED ALWAYS AS (document ->> 'ec2_instance_id') VIRTUAL,
    PRIMARY KEY (cluster_id, id)
) STRICT;

-- Apart from the instance, because it changes with every placement, and narrow, because of that.
CREATE TABLE instance_usage (
    cluster_id           INTEGER NOT NULL,
    instance             TEXT NOT NULL,
    -- Null until the first task is counted.
    cpu_units_used       INTEGER,
    memory_mib_used      INTEGER,
    cpu_units_capacity   INTEGER NOT NULL,
    memory_mib_capacity  INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, instance),
    CONSTRAINT instance_usage_fits CHECK (
        cpu_units_used <= cpu_units_capacity AND memory_mib_used <= memory_mib_capacity
    )
) STRICT;

-- A port is here from the placement of its task until the task is STOPPED: the second line behind the scheduler.
CREATE TABLE host_ports (
    cluster_id  INTEGER NOT NULL,
    instance    TEXT NOT NULL,
    protocol    TEXT NOT NULL,
    port        INTEGER NOT NULL,
    task        TEXT NOT NULL,
    PRIMARY KEY (cluster_id, instance, protocol, port)
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
    cluster_id           INTEGER NOT NULL,
    name                 TEXT NOT NULL,
    document             TEXT NOT NULL,
    status               TEXT GENERATED ALWAYS AS (document ->> 'status') VIRTUAL,
    desired_count        INTEGER GENERATED ALWAYS AS (document ->> 'desired_count') VIRTUAL,
    scheduling_strategy  TEXT GENERATED ALWAYS AS (document ->> 'scheduling_strategy') VIRTUAL,
    family               TEXT GENERATED ALWAYS AS (document ->> '$.definition.family') VIRTUAL,
    revision             INTEGER GENERATED ALWAYS AS (document ->> '$.definition.revision') VIRTUAL,
    PRIMARY KEY (cluster_id, name)
) STRICT;

CREATE TABLE deployments (
    cluster_id     INTEGER NOT NULL,
    id             INTEGER NOT NULL,
    document       TEXT NOT NULL,
    service        TEXT GENERATED ALWAYS AS (document ->> 'service') VIRTUAL,
    status         TEXT GENERATED ALWAYS AS (document ->> 'status') VIRTUAL,
    rollout_state  TEXT GENERATED ALWAYS AS (document ->> 'rollout_state') VIRTUAL,
    family         TEXT GENERATED ALWAYS AS (document ->> '$.definition.family') VIRTUAL,
    revision       INTEGER GENERATED ALWAYS AS (document ->> '$.definition.revision') VIRTUAL,
    desired_count  INTEGER GENERATED ALWAYS AS (document ->> 'desired_count') VIRTUAL,
    failed_tasks   INTEGER GENERATED ALWAYS AS (document ->> 'failed_tasks') VIRTUAL,
    PRIMARY KEY (cluster_id, id)
) STRICT;

CREATE TABLE tasks (
    -- Fixed at placement.
    cluster_id              INTEGER NOT NULL,
    id                      TEXT NOT NULL,
    instance                TEXT NOT NULL,
    family                  TEXT NOT NULL,
    revision                INTEGER NOT NULL,
    service                 TEXT,
    deployment              INTEGER,
    task_group              TEXT NOT NULL,
    started_by              TEXT,
    launch_type             TEXT NOT NULL,
    cpu_units               INTEGER NOT NULL,
    memory_mib              INTEGER NOT NULL,
    ports                   TEXT,
    gpus                    TEXT,
    overrides               TEXT,
    enable_execute_command  INTEGER NOT NULL,
    created_at              INTEGER NOT NULL,
    -- Changes.
    version                 INTEGER NOT NULL,
    desired_status          TEXT NOT NULL,
    last_status             TEXT NOT NULL,
    health                  TEXT NOT NULL,
    stop_code               TEXT,
    stopped_reason          TEXT,
    pull_started_at         INTEGER,
    pull_stopped_at         INTEGER,
    started_at              INTEGER,
    stopping_at             INTEGER,
    execution_stopped_at    INTEGER,
    stopped_at              INTEGER,
    -- A column and not a table: containers only ever change together with their task.
    containers              TEXT NOT NULL,
    tags                    TEXT,
    PRIMARY KEY (cluster_id, id)
) STRICT;

CREATE TABLE service_events (
    cluster_id  INTEGER NOT NULL,
    service     TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    id          TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    message     TEXT NOT NULL,
    PRIMARY KEY (cluster_id, service, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE client_tokens (
    cluster_id   INTEGER NOT NULL,
    operation    TEXT NOT NULL,
    token        TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    result       TEXT NOT NULL,
    PRIMARY KEY (cluster_id, operation, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_definition_families (
    account           TEXT NOT NULL,
    region            TEXT NOT NULL,
    family            TEXT NOT NULL,
    -- Ever given, deleted revisions included.
    highest_revision  INTEGER NOT NULL,
    PRIMARY KEY (account, region, family)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_definitions (
    account              TEXT NOT NULL,
    region               TEXT NOT NULL,
    family               TEXT NOT NULL,
    revision             INTEGER NOT NULL,
    status               TEXT NOT NULL,
    registered_at        INTEGER NOT NULL,
    deregistered_at      INTEGER,
    registered_by        TEXT NOT NULL,
    tags                 TEXT NOT NULL,
    requires_attributes  TEXT NOT NULL,
    compatibilities      TEXT NOT NULL,
    document             TEXT NOT NULL,
    PRIMARY KEY (account, region, family, revision)
) STRICT;
