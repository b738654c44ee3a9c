-- The table as every service has it. Keys from before are still recognised: the hash is of the text that was kept.
ALTER TABLE idempotency_keys RENAME COLUMN user_id TO auth_user_id;
ALTER TABLE idempotency_keys
    -- SHA-256 of the request's canonical body.
    ADD COLUMN fingerprint bytea CHECK (length(fingerprint) = 32),
    ALTER COLUMN answer TYPE jsonb USING answer::jsonb;
UPDATE idempotency_keys SET fingerprint = sha256(convert_to(request, 'UTF8'));
ALTER TABLE idempotency_keys ALTER COLUMN fingerprint SET NOT NULL, DROP COLUMN request;
