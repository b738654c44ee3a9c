const { graphql } = require('relay-runtime');

// A row of a list that is fetched again by itself: Relay writes a query of `node(id:)` for it.
graphql`
  fragment ProductRow_product on Product @refetchable(queryName: "ProductRowRefetchQuery") {
    name
    stock {
      available
    }
  }
`;

// A list that goes on.
graphql`
  fragment ProductList_query on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
  @refetchable(queryName: "ProductListPaginationQuery") {
    products(first: $count, after: $cursor) @connection(key: "ProductList_products") {
      edges {
        node {
          id
          ...ProductRow_product
        }
      }
    }
  }
`;
