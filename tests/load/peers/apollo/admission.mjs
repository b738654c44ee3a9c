// What comes before a query: the token and the limits, as the gateway has them.
import { readFileSync } from "node:fs";
import { GraphQLError } from "graphql";
import { Redis } from "ioredis";
import { createRemoteJWKSet, jwtVerify } from "jose";

/** Verifies access tokens. One that was in order is not computed again until it ends, as in the gateway. */
export class Verifier {
  constructor({ jwks, issuer, audience }) {
    this.keys = createRemoteJWKSet(new URL(jwks));
    this.options = { issuer, audience, clockTolerance: 30, algorithms: ["EdDSA", "ES256", "RS256"] };
    this.verified = new Map();
  }

  async verify(header) {
    if (!header) return null;
    const token = /^bearer (\S+)$/i.exec(header)?.[1];
    if (!token) throw refused("UNAUTHENTICATED", 401);
    const known = this.verified.get(token);
    if (known && known.exp > Date.now() / 1_000) return known;
    try {
      const { payload } = await jwtVerify(token, this.keys, this.options);
      if (this.verified.size >= 2_048) this.verified.clear();
      this.verified.set(token, payload);
      return payload;
    } catch {
      throw refused("UNAUTHENTICATED", 401);
    }
  }
}

/** Counts requests per address and user with the gateway's own script, in one round trip. */
export class Limits {
  constructor({ url, prefix, script, perSecond, burst }) {
    this.redis = new Redis(url, { lazyConnect: false });
    this.redis.defineCommand("buckets", { lua: readFileSync(script, "utf8") });
    this.quota = [perSecond, burst];
    this.prefix = prefix;
  }

  async count(address, user) {
    const keys = [`${this.prefix}limit:address:${address}`];
    if (user) keys.push(`${this.prefix}limit:user:${user}`);
    const answer = await this.redis.buckets(keys.length, ...keys, ...keys.flatMap(() => this.quota));
    for (let place = 0; place < answer.length; place += 4) {
      if (answer[place] !== 1) throw refused("RATE_LIMITED", 429);
    }
  }
}

function refused(code, status) {
  return new GraphQLError(code, { extensions: { code, http: { status } } });
}
