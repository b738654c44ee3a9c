-- What came of commands: the same command again has the same answer, also when the world has moved on.

CREATE TABLE commands (
    saga_id    uuid NOT NULL,
    step       text NOT NULL,
    outcome    jsonb NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (saga_id, step)
);
