// The schema's fields, in terms of what services answer.
import { GraphQLScalarType } from "graphql";
import { days, top, totals } from "./services.mjs";

const MOST = 100;

const kept = (name) => new GraphQLScalarType({ name, serialize: (value) => value });
const DateTime = new GraphQLScalarType({
  name: "DateTime",
  serialize: (text) => (text.endsWith("Z") ? `${text.slice(0, -1)}+00:00` : text),
});
const renamed = (from) => (thing) => thing[from];

export const resolvers = {
  DateTime,
  Long: kept("Long"),
  JSON: kept("JSON"),
  Query: {
    link: (_, { code }, { services }) => services.link(code),
    links: async (_, { first, after }, { services }) => ({ ...(await services.page(first)), isFirst: !after }),
    order: (_, { id }, { services }) => services.order(id),
  },
  LinkConnection: {
    edges: renamed("items"),
    pageInfo: ({ items, has_next_page, isFirst }) => ({
      hasNextPage: has_next_page,
      hasPreviousPage: !isFirst,
      startCursor: items[0]?.cursor,
      endCursor: items.at(-1)?.cursor,
    }),
  },
  LinkEdge: { node: renamed("link") },
  Link: {
    shortUrl: renamed("short_url"),
    createdAt: renamed("created_at"),
    expiresAt: renamed("expires_at"),
    maxClicks: renamed("max_clicks"),
    clickCount: renamed("click_count"),
    redirectStatus: renamed("redirect_status"),
    forwardQuery: renamed("forward_query"),
    fallbackUrl: renamed("fallback_url"),
    stats: ({ code }) => ({ code }),
    orders: async ({ code }, _, { services }) => (await services.sales.load(code)) ?? { count: 0, revenue: [] },
  },
  LinkStats: {
    clicks: async ({ code }, _, { services }) => (await services.stats.load({ code, facet: totals })).clicks,
    uniqueVisitors: async ({ code }, _, { services }) =>
      (await services.stats.load({ code, facet: totals })).unique_visitors,
    series: async ({ code }, _, { services }) => (await services.stats.load({ code, facet: days })).points,
    topReferrers: async ({ code }, { first }, { services }) =>
      (await services.stats.load({ code, facet: top("referrer", first) })).counts,
    browsers: async ({ code }, _, { services }) =>
      (await services.stats.load({ code, facet: top("browser", MOST) })).counts,
    asOf: async ({ code }, _, { services }) => (await services.stats.load({ code, facet: totals })).as_of,
  },
  StatsPoint: { uniqueVisitors: renamed("unique_visitors") },
  Order: {
    status: ({ status }) => status.toUpperCase(),
    customer: ({ customer_id }, _, { services }) => services.customers.load(customer_id),
    payment: ({ id }, _, { services }) => services.payments.load(id),
    link: ({ link_code }, _, { services }) => (link_code ? services.links.load(link_code) : null),
    history: async ({ id, version }, _, { services }) => {
      const history = await services.histories.load(id);
      return (history?.events ?? []).filter((event) => event.version <= version);
    },
    placedAt: renamed("placed_at"),
  },
  OrderItem: {
    product: ({ product_id }, _, { services }) => services.products.load(product_id),
    productName: renamed("name"),
    unitPrice: renamed("unit_price"),
  },
  Customer: { fullName: renamed("full_name"), shippingAddress: renamed("shipping_address") },
  Address: { zipCode: renamed("zip_code") },
  Payment: {
    status: ({ status }) => status.toUpperCase(),
    lastFour: renamed("last_four"),
    createdAt: renamed("created_at"),
  },
};
