use std::fmt::Write as _;

use apollo_compiler::parser::Parser;
use proptest::prelude::*;

use super::*;

/// Does what a document meets before validation, and what an operation without a name meets after it.
fn look(query: &str, values: &Values, guard: &Guard) -> Result<(), GuardError> {
    scan(query, guard)?;
    let document = Parser::new().parse_ast(query, "test").expect("it is well-formed");
    check(&document, guard)?;
    check_operation(&document, None, values, guard)
}

fn refused(query: &str) -> Option<GuardError> {
    look(query, &Values::new(), &Guard::default()).err()
}

fn limit(query: &str) -> &'static str {
    match refused(query) {
        Some(GuardError::TooComplex(excess)) => excess.limit,
        other => panic!("{other:?}"),
    }
}

/// Each fragment spreads the next one twice: the last one is reached 2^`levels` times.
fn doubling(levels: usize) -> String {
    let mut query = "{ ...f0 }".to_owned();
    for level in 0..levels {
        let next = level + 1;
        let _ = write!(query, " fragment f{level} on Query {{ a{level}: me {{ id }} ...f{next} ...f{next} }}");
    }
    let _ = write!(query, " fragment f{levels} on Query {{ __typename }}");
    query
}

#[test]
fn doubling_fragments_are_refused() {
    let query = doubling(22);
    assert_eq!(limit(&query), "fields");
    // Nor do they hide behind an operation that does not use them.
    assert_eq!(limit(&query.replace("{ ...f0 }", "{ __typename }")), "fields");
}

#[test]
fn a_document_is_always_refused_for_the_same_reason() {
    let query = doubling(22).replace("{ ...f0 }", "{ __typename }");
    let reasons: Vec<_> = (0..64).map(|_| limit(&query)).collect();
    assert!(reasons.iter().all(|reason| *reason == "fields"), "{reasons:?}");
}

#[test]
fn each_selection_is_looked_at_once_however_often_it_is_reached() {
    // Every limit on counts is lifted: nothing ends the walk early.
    let lifted = Guard {
        tokens: usize::MAX,
        literals: usize::MAX,
        comments: usize::MAX,
        fields: u64::MAX,
        cost: u64::MAX,
        aliases: u64::MAX,
        roots: u64::MAX,
        ..Guard::default()
    };
    let steps = |levels| {
        let document = Parser::new().parse_ast(doubling(levels), "test").expect("it is well-formed");
        let parts = Definitions::of(&document);
        walk::steps(&parts, &lifted)
    };
    // Of each level two fields and two spreads; and the first spread and the last field.
    for levels in [1, 2, 10] {
        assert_eq!(steps(levels), 4 * levels + 2, "{levels} levels");
    }
    // Were the last fragment looked at as often as it is reached, this would not end.
    assert_eq!(look(&doubling(60), &Values::new(), &lifted), Ok(()));
}

#[test]
fn each_limit_is_named() {
    assert_eq!(limit(&format!("{{ {} }}", "__typename ".repeat(10_001))), "tokens");
    assert_eq!(limit(&format!("{}me", "{a".repeat(61))), "nested brackets");
    assert_eq!(limit(&format!("{{ a(b: {}", "[".repeat(61))), "nested brackets");
    assert_eq!(limit(&format!("{{ me {{ {} }} }}", "id ".repeat(2_000))), "fields");
    assert_eq!(limit(&format!("{}id{}", "{ a ".repeat(21), "}".repeat(21))), "levels");
    assert_eq!(limit(&format!("{{ me {{ {} }} }}", "a: id ".repeat(51))), "aliases");
    assert_eq!(limit(&format!("{{ me {{ id {} }} }}", "@a".repeat(51))), "directives");
    assert_eq!(limit(&format!("query {} {{ id }}", "@a".repeat(51))), "directives");
    assert_eq!(limit(&format!("{{ {} }}", "me ".repeat(21))), "fields at the top");
    assert_eq!(limit(&format!("mutation {{ {} }}", "login ".repeat(11))), "fields at the top");
    assert_eq!(limit("subscription { a: orderChanged b: orderChanged }"), "fields at the top");
    let wide = "{ links(first: 100) { edges { node { stats { topReferrers(first: 100) { name count } \
                topCountries(first: 100) { name count } browsers { name count } series { at clicks } } } } } }";
    assert!(refused(wide).is_none());
    assert_eq!(
        limit(&wide.replace("browsers", "a: links(first: 100) { id url code title tags active } browsers")),
        "values in the answer"
    );
    let inline = format!("{{ {} id {} }}", "... {".repeat(59), "}".repeat(59));
    assert!(refused(&inline).is_none(), "inline fragments are no levels");
}

#[test]
fn lists_of_orders_and_products_are_weighed_by_their_length() {
    let orders = "{ orders(first: 100) { edges { cursor node { id status total { formatted } items { productName quantity \
                  product { name price { formatted } stock { available } } } payment { status refunds { id } } \
                  customer { paymentMethods { id } } history { type at } link { orders { count revenue { minor } } } } } } }";
    assert!(refused(orders).is_none());
    let items = |first: usize, fields: usize| {
        let fields = "productName ".repeat(fields);
        format!("{{ orders(first: {first}) {{ edges {{ node {{ items {{ {fields} }} }} }} }} }}")
    };
    // An order may have 100 items.
    assert!(refused(&items(20, 49)).is_none());
    assert_eq!(limit(&items(20, 50)), "values in the answer");
    let sold = "{ links(first: 100) { edges { node { orders { count revenue { formatted } } } } } }";
    assert!(refused(sold).is_none());
}

#[test]
fn a_chain_of_fragments_is_refused_wherever_the_walk_begins() {
    let mut chain = "{ __typename }".to_owned();
    for number in 0..200 {
        let _ = write!(chain, " fragment f{number} on Query {{ ...f{} }}", number + 1);
    }
    chain.push_str(" fragment f200 on Query { __typename }");
    assert_eq!(limit(&chain), "nested selections");
    // From its end, each fragment is known when the next one spreads it.
    let links = (0..200).rev().map(|number| format!(" fragment f{number} on Query {{ ...f{} }}", number + 1));
    let backwards = format!("{{ __typename }} fragment f200 on Query {{ __typename }}{}", links.collect::<String>());
    assert_eq!(limit(&backwards), "nested selections");
}

#[test]
fn a_list_that_is_written_out_has_its_length_and_only_lengths_depend_on_variables() {
    let parse = |query: &str| Parser::new().parse_ast(query, "test").expect("it is well-formed");
    let document = parse("mutation { createLinks(inputs: [{}, {}, {}]) { link { code } } }");
    assert_eq!(walk::weigh(&Definitions::of(&document)).cost, 3 * 2 + 1);
    assert!(!depends_on_variables(&document));
    assert!(!depends_on_variables(&parse("query($c: String!) { link(code: $c) { code } links(first: 3) { id } }")));
    assert_eq!(refused(&format!("{{ {} }}", "me ".repeat(20))), None);
}

#[test]
fn everything_that_validation_looks_at_is_a_part() {
    let query = "{ a(b: [1, { c: 2 }]) { d } ...f ... { e @g(h: 3) } } fragment f on Query { i }";
    let document = Parser::new().parse_ast(query, "test").expect("it is well-formed");
    let weight = walk::weigh(&Definitions::of(&document));
    // The field `a` with its argument of four values, and `d`; the fragment and `i`; the inline one, `e`, the directive
    // and its argument.
    assert_eq!((weight.parts, weight.nesting, weight.depth), (1 + 5 + 1 + 2 + 2 + 3, 2, 2));
}

#[test]
fn fragments_that_contain_themselves_are_found() {
    for query in [
        "{ ...a } fragment a on Query { ...a }",
        "{ ...a } fragment a on Query { me { ...b } } fragment b on User { ... { ...a } }",
        "{ id } fragment a on Query { ...b } fragment b on Query { ...a }",
    ] {
        assert!(matches!(refused(query), Some(GuardError::Cycle(_))), "{query}");
    }
}

#[test]
fn variables_decide_how_long_a_list_is() {
    let query = "query($n: Int) { links(first: $n) { edges { node { stats { topReferrers(first: $n) { \
                 a: name b: name c: name d: name e: name f: name g: name h: name i: name j: name } } } } } }";
    let document = Parser::new().parse_ast(query, "test").expect("it is well-formed");
    assert!(depends_on_variables(&document));
    assert_eq!(check(&document, &Guard::default()), Ok(()), "it may be small");
    let with = |n: Option<Value>| {
        let values = n.map(|n| (Name::new_static("n").expect("a name"), n)).into_iter().collect();
        check_operation(&document, None, &values, &Guard::default()).is_ok()
    };
    assert!(with(Some(10.into())));
    assert!(!with(Some(100.into())));
    assert!(!with(Some(Value::Null)), "null is taken for the longest");
    assert!(with(None), "an absent argument has its default");
}

#[test]
fn a_series_of_hours_is_longer_than_one_of_days() {
    let query = |first: u64, width: &str| {
        format!("{{ links(first: {first}) {{ edges {{ node {{ stats {{ series({width}) {{ at clicks }} }} }} }} }} }}")
    };
    assert!(refused(&query(100, "granularity: DAY")).is_none() && refused(&query(50, "granularity: HOUR")).is_none());
    assert_eq!(limit(&query(100, "granularity: HOUR")), "values in the answer");
    let variable = query(100, "granularity: $g").replace("{ links", "query($g: Granularity!) { links");
    let with = |granularity: &str| {
        let granularity = Value::Enum(async_graphql::Name::new(granularity));
        let values = [(Name::new_static("g").expect("a name"), granularity)].into_iter().collect();
        look(&variable, &values, &Guard::default()).is_ok()
    };
    assert!(with("WEEK") && !with("HOUR"));
}

#[test]
fn what_is_made_in_a_list_has_an_answer_for_each() {
    let query = "mutation($i: [CreateLinkInput!]!) { createLinks(inputs: $i) { link { code orders { count } \
                 stats { clicks } a: code b: code c: code d: code e: code f: code g: code h: code i: code j: code \
                 k: code l: code m: code n: code } } }";
    let document = Parser::new().parse_ast(query, "test").expect("it is well-formed");
    assert!(depends_on_variables(&document));
    let with = |count: usize| {
        let inputs = Value::List(vec![Value::Null; count]);
        let values = [(Name::new_static("i").expect("a name"), inputs)].into_iter().collect();
        check_operation(&document, None, &values, &Guard::default()).is_ok()
    };
    assert!(with(1) && with(1_000));
    assert!(!with(5_000));
}

#[test]
fn what_validation_would_look_at_again_and_again_is_counted() {
    let parts = "parts in the document, fragments expanded";
    // Arguments, values, directives and spreads of fragments that are not there: none of them is a field.
    let many = |what: &str| what.repeat(1_500);
    for inside in [
        format!("a({})", many("b:1 ")),
        format!("a(b: [{}])", many("1 ")),
        format!("a(b: {{ {} }})", many("c:1 ")),
        format!("a {}", many("...f ")),
    ] {
        let operations: String = (0..40).map(|number| format!("query q{number} {{ ...x }} ")).collect();
        assert_eq!(limit(&format!("{operations} fragment x on Query {{ {inside} }}")), parts, "{}", &inside[..20]);
    }
    // Each of the fragments in the middle spreads one that is wide.
    let middle: String = (0..100).map(|number| format!("fragment m{number} on Query {{ ...w }} ")).collect();
    let spreads: String = (0..100).map(|number| format!("...m{number} ")).collect();
    let wide = "...nobody ".repeat(1_000);
    assert_eq!(limit(&format!("{{ {spreads} }} {middle} fragment w on Query {{ {wide} }}")), parts);
}

#[test]
fn the_standard_introspection_query_passes() {
    assert_eq!(refused(include_str!("introspection.graphql")), None);
    // Deeper than any tool asks, each level eight times the last.
    let types =
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
    assert_eq!(limit(types), "values in the answer");
}

/// A selection as a tree, with spreads of fragments with higher numbers only.
#[derive(Debug, Clone)]
enum Tree {
    Field(bool, Vec<Tree>),
    Inline(Vec<Tree>),
    Spread(usize),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf =
        prop_oneof![any::<bool>().prop_map(|alias| Tree::Field(alias, vec![])), (0_usize..4).prop_map(Tree::Spread)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = prop::collection::vec(inner, 1..4);
        prop_oneof![
            (any::<bool>(), several.clone()).prop_map(|(alias, inside)| Tree::Field(alias, inside)),
            several.prop_map(Tree::Inline),
        ]
    })
}

fn write(trees: &[Tree], level: usize) -> String {
    trees.iter().fold("__typename ".to_owned(), |text, tree| {
        text + &match tree {
            Tree::Field(alias, inside) => {
                let inside = if inside.is_empty() { String::new() } else { format!("{{ {} }}", write(inside, level)) };
                format!("{}field {inside} ", if *alias { "alias: " } else { "" })
            }
            Tree::Inline(inside) => format!("... {{ {} }} ", write(inside, level)),
            Tree::Spread(number) if level + number < 4 => format!("...f{} ", level + number),
            Tree::Spread(_) => String::new(),
        }
    })
}

/// Counts fields and aliases by expanding everything, as the walk must not.
fn expand(trees: &[Tree], level: usize, fragments: &[Vec<Tree>]) -> (u64, u64) {
    trees.iter().fold((1, 0), |(fields, aliases), tree| {
        let (more, named) = match tree {
            Tree::Field(alias, inside) if inside.is_empty() => (1, u64::from(*alias)),
            Tree::Field(alias, inside) => {
                let (fields, aliases) = expand(inside, level, fragments);
                (fields + 1, aliases + u64::from(*alias))
            }
            Tree::Inline(inside) => expand(inside, level, fragments),
            Tree::Spread(number) if level + number < 4 => {
                expand(&fragments[level + number], level + number + 1, fragments)
            }
            Tree::Spread(_) => (0, 0),
        };
        (fields + more, aliases + named)
    })
}

proptest! {
    #[test]
    fn the_walk_counts_what_expanding_would(
        operation in prop::collection::vec(tree(), 1..5),
        fragments in prop::collection::vec(prop::collection::vec(tree(), 1..4), 4),
    ) {
        let mut query = format!("{{ {} }}", write(&operation, 0));
        for (number, fragment) in fragments.iter().enumerate() {
            let _ = write!(query, " fragment f{number} on Query {{ {} }}", write(fragment, number + 1));
        }
        let (fields, aliases) = expand(&operation, 0, &fragments);
        let exact = Guard { fields: u64::MAX, aliases: u64::MAX, roots: u64::MAX, depth: 64, cost: u64::MAX, tokens: usize::MAX, literals: usize::MAX, comments: usize::MAX, directives: 0, statistics: u64::MAX };
        let document = Parser::new().parse_ast(&query, "test").expect("it is well-formed");
        let weight = walk::weigh(&Definitions::of(&document));
        prop_assert_eq!((weight.fields, weight.aliases), (fields, aliases), "{}", query);
        prop_assert!(look(&query, &Values::new(), &exact).is_ok());
    }

    #[test]
    fn no_text_makes_it_panic(query in "[ -~\n\"#{}()\\[\\]]{0,400}") {
        if scan(&query, &Guard::default()).is_ok()
            && let Ok(document) = Parser::new().parse_ast(query, "test")
        {
            let _ = check(&document, &Guard::default());
        }
    }
}
