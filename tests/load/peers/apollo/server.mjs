// A GraphQL gateway on Apollo Server: what a good team would build in Node. The bench starts it and ends it.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import pino from "pino";
import { Limits, Verifier } from "./admission.mjs";
import { resolvers } from "./resolvers.mjs";
import { Services, connect } from "./services.mjs";

const settings = JSON.parse(process.env.PEER);
const log = pino(pino.destination({ dest: settings.log, sync: false }));
const verifier = new Verifier(settings.tokens);
const limits = new Limits(settings.limits);
const pool = connect(settings.upstream);

const logged = {
  async requestDidStart() {
    return {
      async willSendResponse({ contextValue, response }) {
        const { requestId, user, began } = contextValue;
        const took_us = Math.round((performance.now() - began) * 1_000);
        log.info({ request_id: requestId, user_id: user, status: response.http.status ?? 200, took_us }, "answered");
      },
    };
  },
};

const typeDefs = readFileSync(new URL("schema.graphql", import.meta.url), "utf8");
const server = new ApolloServer({ typeDefs, resolvers, plugins: [logged] });

async function context({ req, res }) {
  const began = performance.now();
  const requestId = req.headers["x-request-id"] ?? randomUUID();
  res.setHeader("x-request-id", requestId);
  const address = req.socket.remoteAddress;
  const { authorization } = req.headers;
  const claims = await verifier.verify(authorization);
  await limits.count(address, claims?.sub);
  const headers = { accept: "application/json", "x-request-id": requestId, "x-forwarded-for": address };
  const json = { ...headers, "content-type": "application/json" };
  if (authorization) json.authorization = authorization;
  return { services: new Services(pool, json), requestId, user: claims?.sub, began };
}

await startStandaloneServer(server, { context, listen: { host: "127.0.0.1", port: settings.port } });
