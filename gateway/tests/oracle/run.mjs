// Answers GraphQL requests as graphql-js does, over the schema that comes first. One line of JSON in, one line out.
import { createInterface } from 'node:readline';
import { buildSchema, execute, parse, validate, GraphQLError, valueFromASTUntyped } from 'graphql';

let schema;

// The resolvers of `schema.rs`. An object is its type and a number.
const book = (n) => ({ __typename: 'Book', n });
const person = (n) => ({ __typename: 'Person', n });
const item = (n) => (n % 2 === 0 ? book(n) : person(n));
const count = (from, length) => Array.from({ length: Math.max(0, Math.min(length ?? 2, 5)) }, (_, i) => from + i);
const fail = () => {
  throw new Error('it fails');
};
const sorted = (value) => {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value).filter((key) => value[key] !== undefined).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
};
const maybe = ({ n }) => (n % 4 === 0 ? fail() : n % 4 === 1 ? null : `maybe ${n}`);
const strict = ({ n }) => (n % 3 === 0 ? fail() : `strict ${n}`);
const resolvers = {
  Query: {
    me: () => person(1),
    node: (_, { id }) => (/^\d$/.test(id) ? item(Number(id)) : null),
    item: (_, { n }) => (n < 0 ? null : item(n % 100)),
    items: (_, { n }) => count(1, n).map(item),
    books: (_, { first, filter }) => count(filter ? Math.abs(filter.min % 10) : 0, first).map(book),
    echo: (_, args) => JSON.stringify(sorted(args)),
    required: (_, { x }) => x % 100,
    fails: () => fail(),
    failsHard: () => fail(),
    self: () => ({}),
  },
  Mutation: {
    bump: (_, { by }, context) => (context.count += (by ?? 0) % 100),
    boom: () => fail(),
    make: (_, { filter }, context) => book(Math.abs((context.count += filter.min % 10))),
  },
  Book: {
    id: ({ n }) => String(n),
    title: ({ n }) => (n % 5 === 0 ? null : `book ${n}`),
    pages: ({ n }) => n * 10,
    price: ({ n }) => n + 0.5,
    color: ({ n }) => ['RED', 'GREEN', 'BLUE'][n % 3],
    author: ({ n }) => (n % 4 === 0 ? null : person(n + 1)),
    editor: ({ n }) => (n % 6 === 5 ? fail() : person(n + 2)),
    related: ({ n }, { first }) => count(n + 1, first).map(item),
    strict,
    maybe,
    scores: ({ n }) => [n, n % 3 === 1 ? new Error('it fails') : n + 1, n + 2],
    holes: ({ n }) => [n, n % 2 === 1 ? new Error('it fails') : null, n + 2],
  },
  Person: {
    id: ({ n }) => String(n),
    title: ({ n }) => (n % 5 === 0 ? null : `person ${n}`),
    name: ({ n }) => `name ${n}`,
    books: ({ n }, { first }) => count(n + 1, first).map(book),
    friend: ({ n }) => (n % 7 === 0 ? fail() : n % 5 === 0 ? null : person(n + 3)),
    best: ({ n }) => item(n + 1),
    strict,
    maybe,
  },
};

const scalars = {
  Long: (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw new GraphQLError('no Long');
    return value;
  },
  Stamp: (value) => {
    if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) throw new GraphQLError('no Stamp');
    return value;
  },
};

function build(sdl) {
  const schema = buildSchema(sdl);
  for (const [type, fields] of Object.entries(resolvers)) {
    for (const [name, resolve] of Object.entries(fields)) schema.getType(type).getFields()[name].resolve = resolve;
  }
  for (const [name, read] of Object.entries(scalars)) {
    const scalar = schema.getType(name);
    scalar.parseValue = read;
    scalar.parseLiteral = (node) => read(valueFromASTUntyped(node));
  }
  return schema;
}

async function answer({ query, operationName, variables }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return { refused: [error.message] };
  }
  const errors = validate(schema, document);
  if (errors.length > 0) return { refused: errors.map((error) => error.message) };
  const variableValues = variables ?? {};
  const result = await execute({ schema, document, operationName, variableValues, contextValue: { count: 0 } });
  if (!('data' in result)) return { refused: result.errors.map((error) => error.message) };
  return { data: JSON.stringify(result.data), errors: (result.errors ?? []).map((error) => error.message) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.sdl) {
    schema = build(request.sdl);
    console.log('{}');
  } else {
    console.log(JSON.stringify(await answer(request)));
  }
}
