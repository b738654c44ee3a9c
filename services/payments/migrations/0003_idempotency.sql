-- Answers to requests that may come again, as every service keeps them. The answer is the refund's id: the refund is told
-- as it stands, and its reason is kept in one place, where it can be forgotten.
CREATE TABLE idempotency_keys (
    auth_user_id uuid NOT NULL,
    operation    text NOT NULL,
    key          text NOT NULL,
    -- SHA-256 of the request's canonical body.
    fingerprint  bytea NOT NULL CHECK (length(fingerprint) = 32),
    answer       jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (auth_user_id, operation, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- Refunds from before are still recognised: the hash is of the same JSON as the program's.
INSERT INTO idempotency_keys (auth_user_id, operation, key, fingerprint, answer, created_at)
SELECT r.requested_by, 'refund', r.idempotency_key,
       sha256(convert_to(format('["%s",{"minor":%s,"currency":"%s"},%s]', r.payment_id, r.amount_minor, p.currency,
           to_json(r.reason)), 'UTF8')),
       to_jsonb(r.id), r.created_at
FROM refunds r JOIN payments p ON p.id = r.payment_id
WHERE r.kind = 'operator' AND r.created_at > now() - interval '72 hours';
