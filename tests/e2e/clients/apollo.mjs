// Asks the gateway at the address given through Apollo Client's persisted-query link, twice and by hash first. Prints what
// came back and what was sent.
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';

const [uri, byGet] = process.argv.slice(2);
const sent = [];
const watched = async (address, options) => {
  const text = options.body ?? decodeURIComponent(address);
  const answer = await fetch(address, options);
  sent.push({ method: options.method, whole: /"query":|[?&]query=/.test(text), status: answer.status });
  return answer;
};
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const link = ApolloLink.from([
  new PersistedQueryLink({ sha256, useGETForHashedQueries: byGet === 'get' }),
  new HttpLink({ uri, fetch: watched }),
]);
const client = new ApolloClient({ link, cache: new InMemoryCache() });
const query = gql`
  query Window($first: Int) {
    __typename
    products(first: $first) {
      edges {
        node {
          id
          name
        }
      }
    }
  }
`;
const answers = [];
for (const first of [1, 2]) {
  const { data } = await client.query({ query, variables: { first }, fetchPolicy: 'network-only' });
  answers.push(data);
}
console.log(JSON.stringify({ sent, answers }));
