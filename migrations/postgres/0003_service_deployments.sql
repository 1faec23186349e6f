-- The history of services: one row per deployment that was started, kept when the deployment itself is gone.
CREATE TABLE service_deployments (
    cluster_id  integer NOT NULL,
    id          bigint NOT NULL,
    document    json NOT NULL,
    service     text GENERATED ALWAYS AS (document ->> 'service') STORED,
    status      text GENERATED ALWAYS AS (document ->> 'status') STORED,
    PRIMARY KEY (cluster_id, id)
) WITH (fillfactor = 70);
