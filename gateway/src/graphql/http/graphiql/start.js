// Starts GraphiQL on this gateway. What stands among the headers is sent with queries and with subscriptions.
const endpoint = new URL('/graphql', window.location.href);
const live = new URL(endpoint);
live.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

const welcome = `# Log in, and put the token among the headers below: {"authorization": "Bearer …"}
mutation LogIn {
  login(input: { email: "demo@example.com", password: "" }) {
    accessToken
  }
}

query Links {
  links(first: 5) {
    edges {
      node {
        code
        url
        stats { clicks uniqueVisitors stale }
        orders { count revenue { formatted } }
      }
    }
  }
}
`;

const fetcher = GraphiQL.createFetcher({ url: endpoint.href, subscriptionUrl: live.href });
const root = ReactDOM.createRoot(document.getElementById('graphiql'));
root.render(React.createElement(GraphiQL, { fetcher, defaultQuery: welcome, isHeadersEditorEnabled: true }));
