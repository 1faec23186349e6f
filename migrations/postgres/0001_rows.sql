-- The rows of Plimsoll on PostgreSQL.
--
-- All deciding happens in memory, from rows loaded once: the primary keys are the only indexes, and no column that
-- changes is in one. So a change of state is a HOT update: a new version of the row in the same page, no index touched.
-- `fillfactor` leaves the room for it.
--
-- Documents are `json`, not `jsonb`: nothing here searches inside them, and json is stored as it is sent.
-- Columns beside a document are generated from it, so that the two can never disagree.
-- Times are milliseconds since 1970, except where the database's own clock is meant.

-- Every other row of a cluster carries `cluster_id` in place of account, region and name.
CREATE TABLE clusters (
    cluster_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     text NOT NULL,
    region      text NOT NULL,
    name        text NOT NULL,
    -- Null while somebody has only asked for the lease.
    document    json,
    status      text GENERATED ALWAYS AS (document ->> 'status') STORED,
    UNIQUE (account, region, name)
);

-- The right to write a cluster. `renewed_at` is the database's clock, the only one both holders see.
CREATE TABLE leases (
    cluster_id  integer PRIMARY KEY,
    epoch       bigint NOT NULL,
    holder      text,
    renewed_at  timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE container_instances (
    cluster_id       integer NOT NULL,
    id               uuid NOT NULL,
    document         json NOT NULL,
    status           text GENERATED ALWAYS AS (document ->> 'status') STORED,
    agent_connected  boolean GENERATED ALWAYS AS ((document ->> 'agent_connected')::boolean) STORED,
    ec2_instance_id  text GENERATED ALWAYS AS (document ->> 'ec2_instance_id') STORED,
    PRIMARY KEY (cluster_id, id)
) WITH (fillfactor = 70);

-- Apart from the instance, because it changes with every placement, and narrow, because of that.
CREATE TABLE instance_usage (
    cluster_id           integer NOT NULL,
    instance             uuid NOT NULL,
    -- Null until the first task is counted.
    cpu_units_used       bigint,
    memory_mib_used      bigint,
    cpu_units_capacity   bigint NOT NULL,
    memory_mib_capacity  bigint NOT NULL,
    PRIMARY KEY (cluster_id, instance),
    CONSTRAINT instance_usage_fits CHECK (
        cpu_units_used <= cpu_units_capacity AND memory_mib_used <= memory_mib_capacity
    )
) WITH (fillfactor = 50);

-- A port is here from the placement of its task until the task is STOPPED: the second line behind the scheduler.
CREATE TABLE host_ports (
    cluster_id  integer NOT NULL,
    instance    uuid NOT NULL,
    protocol    text NOT NULL,
    port        integer NOT NULL,
    task        uuid NOT NULL,
    PRIMARY KEY (cluster_id, instance, protocol, port)
);

CREATE TABLE services (
    cluster_id           integer NOT NULL,
    name                 text NOT NULL,
    document             json NOT NULL,
    status               text GENERATED ALWAYS AS (document ->> 'status') STORED,
    desired_count        bigint GENERATED ALWAYS AS ((document ->> 'desired_count')::bigint) STORED,
    scheduling_strategy  text GENERATED ALWAYS AS (document ->> 'scheduling_strategy') STORED,
    family               text GENERATED ALWAYS AS (document #>> '{definition,family}') STORED,
    revision             bigint GENERATED ALWAYS AS ((document #>> '{definition,revision}')::bigint) STORED,
    PRIMARY KEY (cluster_id, name)
) WITH (fillfactor = 70);

CREATE TABLE deployments (
    cluster_id     integer NOT NULL,
    id             bigint NOT NULL,
    document       json NOT NULL,
    service        text GENERATED ALWAYS AS (document ->> 'service') STORED,
    status         text GENERATED ALWAYS AS (document ->> 'status') STORED,
    rollout_state  text GENERATED ALWAYS AS (document ->> 'rollout_state') STORED,
    family         text GENERATED ALWAYS AS (document #>> '{definition,family}') STORED,
    revision       bigint GENERATED ALWAYS AS ((document #>> '{definition,revision}')::bigint) STORED,
    desired_count  bigint GENERATED ALWAYS AS ((document ->> 'desired_count')::bigint) STORED,
    failed_tasks   bigint GENERATED ALWAYS AS ((document ->> 'failed_tasks')::bigint) STORED,
    PRIMARY KEY (cluster_id, id)
) WITH (fillfactor = 70);

CREATE TABLE tasks (
    -- Fixed at placement.
    cluster_id              integer NOT NULL,
    id                      uuid NOT NULL,
    instance                uuid NOT NULL,
    family                  text NOT NULL,
    revision                bigint NOT NULL,
    service                 text,
    deployment              bigint,
    task_group              text NOT NULL,
    started_by              text,
    launch_type             text NOT NULL,
    cpu_units               bigint NOT NULL,
    memory_mib              bigint NOT NULL,
    ports                   json,
    gpus                    json,
    overrides               json,
    enable_execute_command  boolean NOT NULL,
    created_at              bigint NOT NULL,
    -- Changes.
    version                 bigint NOT NULL,
    desired_status          text NOT NULL,
    last_status             text NOT NULL,
    health                  text NOT NULL,
    stop_code               text,
    stopped_reason          text,
    pull_started_at         bigint,
    pull_stopped_at         bigint,
    started_at              bigint,
    stopping_at             bigint,
    execution_stopped_at    bigint,
    stopped_at              bigint,
    -- A column and not a table: containers only ever change together with their task, and so cost one row version
    -- instead of one per container, and no index of their own.
    containers              json NOT NULL,
    tags                    json,
    PRIMARY KEY (cluster_id, id)
) WITH (fillfactor = 70);

CREATE TABLE service_events (
    cluster_id  integer NOT NULL,
    service     text NOT NULL,
    sequence    bigint NOT NULL,
    id          uuid NOT NULL,
    created_at  bigint NOT NULL,
    message     text NOT NULL,
    PRIMARY KEY (cluster_id, service, sequence)
);

CREATE TABLE client_tokens (
    cluster_id   integer NOT NULL,
    operation    text NOT NULL,
    token        text NOT NULL,
    fingerprint  text NOT NULL,
    created_at   bigint NOT NULL,
    result       json NOT NULL,
    PRIMARY KEY (cluster_id, operation, token)
);

-- Task definitions belong to account and region: no lease, plain transactions.
CREATE TABLE task_definition_families (
    account           text NOT NULL,
    region            text NOT NULL,
    family            text NOT NULL,
    -- Ever given, deleted revisions included.
    highest_revision  bigint NOT NULL,
    PRIMARY KEY (account, region, family)
) WITH (fillfactor = 70);

CREATE TABLE task_definitions (
    account              text NOT NULL,
    region               text NOT NULL,
    family               text NOT NULL,
    revision             bigint NOT NULL,
    status               text NOT NULL,
    registered_at        bigint NOT NULL,
    deregistered_at      bigint,
    registered_by        text NOT NULL,
    tags                 json NOT NULL,
    requires_attributes  json NOT NULL,
    compatibilities      json NOT NULL,
    document             json NOT NULL,
    PRIMARY KEY (account, region, family, revision)
);
