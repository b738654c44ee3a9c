-- Keys that sign access tokens. Each is published before it signs, and as long as a token of it may live.

CREATE TABLE signing_keys (
    -- RFC 7638 thumbprint of the public key.
    id             text PRIMARY KEY,
    public_key     bytea NOT NULL CHECK (length(public_key) = 32),
    -- PKCS#8, sealed with the key-encryption key (AES-256-GCM); destroyed when the key no longer signs.
    sealed_key     bytea,
    created_at     timestamptz NOT NULL,
    signs_from     timestamptz NOT NULL,
    -- Null while no successor is known.
    signs_until    timestamptz,
    verifies_until timestamptz,
    CONSTRAINT signing_keys_retire_as_a_whole CHECK ((signs_until IS NULL) = (verifies_until IS NULL))
);
-- At most one key is without a successor.
CREATE UNIQUE INDEX signing_keys_newest ON signing_keys ((true)) WHERE signs_until IS NULL;
