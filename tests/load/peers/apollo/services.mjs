// The services behind the gateway: one call per service and level of a query.
import DataLoader from "dataloader";
import { Pool } from "undici";

const CONNECTIONS = 64;
// The order in which the gateway names facets: the recorded answers keep to it.
const DIMENSIONS = ["referrer", "country", "browser"];

/** Keeps connections to the service that stands for all of them. */
export function connect(url) {
  return new Pool(url, { connections: CONNECTIONS });
}

/** The services on behalf of one request. */
export class Services {
  constructor(pool, headers) {
    this.pool = pool;
    this.headers = headers;
    const by = (ask, key) => new DataLoader(async (keys) => {
      const found = new Map((await ask(keys)).map((item) => [key(item), item]));
      return keys.map((wanted) => found.get(wanted) ?? null);
    });
    this.sales = by(async (codes) => (await this.lookUp("/v1/links/sales/batch", { codes })).links, (it) => it.code);
    this.links = by(async (codes) => (await this.lookUp("/v1/links/batch", { codes })).items, (it) => it.code);
    this.products = by(async (ids) => (await this.lookUp("/v1/products/batch", { ids })).items, (it) => it.id);
    this.customers = by(async (ids) => (await this.lookUp("/v1/customers/batch", { ids })).customers, (it) => it.id);
    this.payments = by(
      async (order_ids) => (await this.lookUp("/v1/payments/batch", { order_ids })).payments,
      (it) => it.orders_order_id,
    );
    this.histories = by(
      async (ids) => (await this.lookUp("/v1/orders/events/batch", { ids })).histories,
      (it) => it.order_id,
    );
    this.stats = new DataLoader((keys) => this.facets(keys), { cacheKeyFn: (key) => `${key.code} ${key.facet.name}` });
  }

  link(code) {
    return this.ask("GET", `/v1/links/${encodeURIComponent(code)}`);
  }

  page(first) {
    return this.ask("GET", `/v1/links?first=${first}`);
  }

  order(id) {
    return this.ask("GET", `/v1/orders/${encodeURIComponent(id)}`);
  }

  async facets(keys) {
    const codes = [...new Set(keys.map((key) => key.code))].sort();
    const byName = new Map(keys.map((key) => [key.facet.name, key.facet]));
    const facets = [...byName.values()].sort((one, other) => one.rank - other.rank);
    const window = { time_zone: "UTC", include_bots: false };
    const batch = await this.lookUp("/v1/stats/batch", { codes, window, facets: facets.map((facet) => facet.wire) });
    const place = new Map(facets.map((facet, index) => [facet.name, index]));
    return keys.map((key) => ({ ...batch.links[key.code][place.get(key.facet.name)], as_of: batch.as_of }));
  }

  lookUp(path, body) {
    return this.ask("POST", path, JSON.stringify(body));
  }

  async ask(method, path, body) {
    const answer = await this.pool.request({ method, path, headers: this.headers, body });
    if (answer.statusCode === 404) {
      await answer.body.dump();
      return null;
    }
    if (answer.statusCode >= 300) throw new Error(`${path} answered ${answer.statusCode}`);
    return answer.body.json();
  }
}

export const totals = { name: "totals", rank: 0, wire: { kind: "totals" } };
export const days = { name: "days", rank: 1, wire: { kind: "series", granularity: "day" } };

/** The most frequent values of a dimension. */
export function top(dimension, first) {
  const rank = 2 + DIMENSIONS.indexOf(dimension) * 1_000 + first;
  return { name: `${dimension} ${first}`, rank, wire: { kind: "top", dimension, first } };
}
