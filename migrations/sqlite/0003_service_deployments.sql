-- The history of services: one row per deployment that was started, kept when the deployment itself is gone.
CREATE TABLE service_deployments (
    cluster_id  INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    document    TEXT NOT NULL,
    service     TEXT GENERATED ALWAYS AS (document ->> 'service') VIRTUAL,
    status      TEXT GENERATED ALWAYS AS (document ->> 'status') VIRTUAL,
    PRIMARY KEY (cluster_id, id)
) STRICT;
