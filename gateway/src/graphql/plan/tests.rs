use async_graphql::Value;
use serde_json::json;

use super::*;

const SDL: &str = r#"
    scalar Long
    enum Color { RED GREEN }
    input In { a: Int b: In c: [Color!] need: Boolean! = true long: Long }
    interface Named { name: String! }
    type A implements Named { name: String! other: A x: Int }
    type B implements Named { name: String! y: Int! }
    type Query { a(in: In, n: Int = 5, list: [Int!], color: Color): A! named: Named list: [Named!] }
    schema { query: Query }
"#;

fn planner() -> Planner {
    fn long(value: &Value) -> Result<(), String> {
        if matches!(value, Value::Number(number) if number.is_i64()) { Ok(()) } else { Err("it is none".to_owned()) }
    }
    Planner::new(SDL, &[("Long", long)], Guard::default(), true).expect("it is valid")
}

fn plan(text: &str, variables: serde_json::Value) -> Result<Plan, PlanError> {
    planner().plan(text, None, &Variables::from_json(variables))
}

/// What is wrong, in words, and where.
fn refused(text: &str, variables: serde_json::Value) -> (String, Option<(usize, usize)>) {
    let refused = plan(text, variables).expect_err(text);
    let fault = refused.faults.into_iter().next().expect("a fault");
    (fault.message, fault.location.map(|at| (at.line, at.column)))
}

/// The fields of a selection as the executor gets them.
fn written(set: &async_graphql::parser::types::SelectionSet) -> String {
    use async_graphql::parser::types::Selection;
    let each = set.items.iter().map(|item| match &item.node {
        Selection::Field(field) => {
            let field = &field.node;
            let alias = field.alias.as_ref().map(|alias| format!("{}:", alias.node)).unwrap_or_default();
            let arguments: String =
                field.arguments.iter().map(|(name, value)| format!("({name}:{})", value.node)).collect();
            let inside = written(&field.selection_set.node);
            let inside = if inside.is_empty() { inside } else { format!("{{{inside}}}") };
            format!("{alias}{}{arguments}{inside}", field.name.node)
        }
        Selection::InlineFragment(fragment) => {
            let on = fragment.node.type_condition.as_ref().map(|on| on.node.on.node.to_string());
            format!("...{}{{{}}}", on.unwrap_or_default(), written(&fragment.node.selection_set.node))
        }
        Selection::FragmentSpread(spread) => format!("...{}", spread.node.fragment_name.node),
    });
    each.collect::<Vec<_>>().join(" ")
}

fn planned(text: &str, variables: serde_json::Value) -> String {
    let plan = plan(text, variables).expect(text);
    let (_, operation) = plan.document.operations.iter().next().expect("an operation");
    written(&operation.node.selection_set.node)
}

#[test]
fn the_parser_sees_no_more_tokens_than_are_allowed() {
    // What is one word to the guard is a number and a name, again and again, to the parser.
    let text = format!("{{ {} }}", format!("{} ", "1a".repeat(128)).repeat(1_000));
    assert_eq!(plan(&text, json!({})).expect_err("refused").limit(), Some("tokens"));
}

#[test]
fn fields_of_one_key_are_merged_and_fragments_are_gone() {
    let text = "query($no: Boolean!) { ...f a { x @skip(if: $no) } b: a { other { x } } }
        fragment f on Query { a { name ...g } a { ... { name } } } fragment g on A { other { name } x @include(if: $no) }";
    assert_eq!(planned(text, json!({ "no": false })), "a{name other{name} x} b:a{other{x}}");
    assert_eq!(planned(text, json!({ "no": true })), "a{name other{name} x} b:a{other{x}}");
    let empty = "{ a { x @skip(if: true) } named @include(if: false) { name } }";
    assert_eq!(planned(empty, json!({})), "a{__typename}");
    assert_eq!(planned("{ a @skip(if: true) { x } }", json!({})), "__typename");
}

#[test]
fn below_an_abstract_type_each_object_has_its_own() {
    assert_eq!(planned("{ named { name ... on Named { __typename } } }", json!({})), "named{name __typename}");
    let text = "{ named { ... on B { n: name } ... on A { x ... on Named { name } } } }";
    assert_eq!(planned(text, json!({})), "named{$type:__typename ...A{x name} ...B{n:name}}");
    assert_eq!(planned("{ named { ... on A { x } } }", json!({})), "named{$type:__typename ...A{x} ...B{__typename}}");
}

#[test]
fn what_is_absent_is_left_out() {
    let text =
        "query($n: Int, $i: In, $c: Color!, $d: Int = 3) { a(n: $n, in: { a: $n, b: $i, c: [$c] }, list: [1]) { x }
        b: a(n: $d) { x } }";
    assert_eq!(planned(text, json!({ "c": "RED" })), "a(in:{c: [$c]})(list:[1]){x} b:a(n:$d){x}");
    let given = planned(text, json!({ "c": "RED", "n": null, "i": {} }));
    assert_eq!(given, "a(n:$n)(in:{a: $n, b: $i, c: [$c]})(list:[1]){x} b:a(n:$d){x}");
}

#[test]
fn variables_are_coerced_by_their_types() {
    let text = "query($i: In, $l: [Int!], $n: Int) { a(in: $i, list: $l, n: $n) { x } }";
    let plan =
        plan(text, json!({ "i": { "c": "RED", "long": 1_i64 << 40 }, "l": 7, "n": 2.0, "more": 1 })).expect("valid");
    let expected = json!({ "i": { "c": ["RED"], "need": true, "long": 1_i64 << 40 }, "l": [7], "n": 2 });
    assert_eq!(serde_json::to_value(&plan.variables).expect("JSON"), expected);
    for (variables, message) in [
        (json!({ "n": 2_147_483_648_i64 }), "The variable $n is not valid: Int accepts 32-bit whole numbers."),
        (json!({ "n": "1" }), "The variable $n is not valid: Int accepts 32-bit whole numbers."),
        (json!({ "l": [1, null] }), "The variable $l[1] is not valid: Int! does not accept null."),
        (
            json!({ "i": { "b": { "c": ["BLUE"] } } }),
            "The variable $i.b.c[0] is not valid: it is not a value of Color.",
        ),
        (json!({ "i": { "d": 1 } }), "The variable $i is not valid: In has no field d."),
        (json!({ "i": { "need": null } }), "The variable $i.need is not valid: Boolean! does not accept null."),
        (json!({ "i": { "long": 1.5 } }), "The variable $i.long is not valid: it is none."),
    ] {
        assert_eq!(refused(text, variables).0, message);
    }
    let needed = "query Q(\n $n: Int!) { a(n: $n) { x } }";
    assert_eq!(refused(needed, json!({})), ("The variable $n of type Int! needs a value.".to_owned(), Some((2, 2))));
}

#[test]
fn documents_that_are_not_valid_are_refused_where_they_are_wrong() {
    for (text, at) in [
        // In position, also inside of lists and input objects.
        ("query($n: Int) { a(list: [$n]) { x } }", (1, 27)),
        ("query($l: [Int]) { a(n: $l) { x } }", (1, 22)),
        ("query($c: Color) { a(in: { c: [$c] }) { x } }", (1, 32)),
        ("query($b: Boolean) { a(in: { b: { need: $b } a: 1 }) { x } }", (0, 0)),
        ("query($b: Boolean = null) { a @skip(if: $b) { x } }", (1, 41)),
        ("{ a(in: { a: 1, a: 1 }) { x } }", (1, 20)),
        ("{ a(in: { long: 1.5 }) { x } }", (1, 17)),
        ("{ a(color: \"RED\") { x } }", (1, 12)),
        ("{ a(n: 2147483648) { x } }", (1, 8)),
        ("{ a(n: 1) { x } ... { a(n: 2) { x } } }", (1, 23)),
        ("{ a(list: [1]) { x } a(list: [1, 2]) { x } }", (1, 3)),
        ("{ a { x @defer } }", (1, 9)),
        ("query @skip(if: true) { a { x } }", (1, 7)),
        ("{ a }", (1, 3)),
        ("{ a { x { y } } }", (1, 7)),
        ("{ a { zz } }", (1, 7)),
    ] {
        if at == (0, 0) {
            // The input field has a default, which takes the place of an absent variable.
            assert!(plan(text, json!({})).is_ok(), "{text}");
        } else {
            assert_eq!(refused(text, json!({})).1, Some(at), "{text}");
        }
    }
}

#[test]
fn syntax_errors_say_where_and_nothing_of_us() {
    for (text, message, at) in [
        ("{ a(b: ) { x } }", "The document cannot be parsed at `)`.", (1, 8)),
        ("{\n  a { x }", "The document ends too early, or is empty.", (2, 10)),
        ("", "The document ends too early, or is empty.", (1, 1)),
        ("{ a { x } } }", "The document cannot be parsed at `}`.", (1, 13)),
        ("{ 8f31 }", "The document cannot be parsed at `8f`.", (1, 3)),
        ("\u{0}", "The document cannot be parsed at `\u{0}`.", (1, 1)),
        ("query", "The document ends too early, or is empty.", (1, 6)),
    ] {
        let refused = plan(text, json!({})).expect_err(text);
        let fault = refused.faults[0].clone();
        let at = Some(Pos { line: at.0, column: at.1 });
        assert_eq!(
            (fault.message.as_str(), fault.location, refused.code()),
            (message, at, contracts::problem::Code::MalformedRequest),
            "{text:?}"
        );
    }
}

#[test]
fn a_text_is_parsed_once_and_a_very_large_one_is_not_kept() {
    let planner = planner();
    let small = "{ a { x } }";
    let (one, other) = (planner.document(small).expect("valid"), planner.document(small).expect("valid"));
    assert!(Arc::ptr_eq(&one, &other));
    assert!(one.bytes() > small.len() && one.bytes() <= LARGEST);
    let large = format!("{{ a {{ {} }} }}", "x ".repeat(1_000) + &" ".repeat(20_000));
    let (one, other) = (planner.document(&large).expect("valid"), planner.document(&large).expect("valid"));
    assert!(!Arc::ptr_eq(&one, &other) && one.bytes() > LARGEST);
}

#[test]
fn documents_that_come_once_do_not_drive_out_one_that_comes_again_and_again() {
    const BYTES: u64 = 1024 * 1024;
    let planner = Planner { documents: text_cache(BYTES, |document: &Arc<Document>| document.bytes()), ..planner() };
    let kept = || {
        planner.documents.run_pending_tasks();
        planner.documents.weighted_size()
    };
    let once = |number: usize| {
        let text = format!("{{ a {{ {} }} }} # {number}", "name ".repeat(50));
        planner.document(&text).expect("valid");
        assert!(kept() <= BYTES, "{}", kept());
    };
    (0..60).for_each(once);
    assert!(kept() > BYTES / 2, "{}: they do not fill it", kept());
    let often = "{ a { x } }";
    for _ in 0..20 {
        planner.document(often).expect("valid");
        planner.documents.run_pending_tasks();
    }
    let document = planner.document(often).expect("valid");
    (60..300).for_each(once);
    assert!(Arc::ptr_eq(&document, &planner.document(often).expect("valid")));
}

#[test]
fn what_was_refused_is_refused_again_without_a_look_and_drives_out_nothing() {
    const BYTES: u64 = 64 * 1024;
    let planner = Planner { refused: text_cache(BYTES, PlanError::bytes), ..planner() };
    let valid = planner.document("{ a { x } }").expect("valid");
    let kept = || {
        planner.refused.run_pending_tasks();
        (planner.refused.entry_count(), planner.refused.weighted_size())
    };
    let refused = |text: &str| planner.document(text).err().expect("refused");
    let first = refused("{ a { nothing } }");
    assert_eq!(kept().0, 1);
    // What is remembered is told: this one could not be.
    planner.refused.insert("{ other }".into(), first.clone());
    assert_eq!((refused("{ a { nothing } }"), refused("{ other }")), (first.clone(), first));
    for number in 0..2_000 {
        refused(&format!("{{ a {{ nothing{number} }} }}"));
        refused(&format!("{{ {number}"));
    }
    refused(&"{".repeat(LARGEST_REFUSED + 1));
    let (count, bytes) = kept();
    assert!(count > 50 && count < 250 && bytes <= BYTES, "{count}: {bytes}");
    assert!(Arc::ptr_eq(&valid, &planner.document("{ a { x } }").expect("valid")));
    assert!(!planner.refused.contains_key("{".repeat(LARGEST_REFUSED + 1).as_str()));
}

#[test]
fn the_deepest_documents_fit_a_small_stack() {
    let deep = |open: &str, close: &str, times: usize| format!("{}x{}", open.repeat(times), close.repeat(times));
    let mut chain = "{ a { ...f0 } }".to_owned();
    for number in 0..61 {
        chain += &format!(" fragment f{number} on A {{ ...f{} }}", number + 1);
    }
    chain += " fragment f61 on A { x }";
    let texts = [
        format!("{{ a {{ {} }} }}", deep("other { ", " }", 17)),
        format!("{{ a {{ {} }} }}", deep("... { ", " }", 57)),
        format!("{{ a(in: {}) {{ x }} }}", deep("{ b: ", " }", 58).replace('x', "null")),
        format!("{{ a(list: {}) {{ x }} }}", deep("[", "]", 58).replace('x', "1")),
        format!("query($v: {}) {{ a(list: $v) {{ x }} }}", deep("[", "]", 58).replace('x', "Int")),
        chain,
    ];
    // A worker of tokio has twice as much, and that of a release build is used more sparingly.
    let small = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
        texts.map(|text| plan(&text, json!({})).map_err(|refused| refused.faults[0].message.clone()).err())
    });
    let [fields, fragments, objects, lists, types, chain] =
        small.expect("a thread").join().expect("it does not overflow");
    assert_eq!([fields, fragments, objects, chain], [None, None, None, None]);
    // These are refused by their types, not by their depth.
    assert!(lists.is_some_and(|message| !message.contains("complex")));
    assert!(types.is_some_and(|message| !message.contains("complex")));
}

#[test]
fn introspection_is_refused_where_it_is_switched_off() {
    let planner = Planner::new(SDL, &[], Guard::default(), false).expect("it is valid");
    let refused = |text: &str| {
        planner.plan(text, None, &Variables::default()).err().map(|refused| refused.faults[0].message.clone())
    };
    let off = Some("Introspection is disabled.".to_owned());
    assert_eq!(refused("{ __schema { types { name } } }"), off);
    assert_eq!(refused("{ ... { t: __type(name: \"A\") { name } } }"), off);
    assert_eq!(refused("{ __typename a { __typename } }"), None);
}

/// The guard bounds the comparison of fields that are merged by how many fields there are: that holds as long as no
/// abstract type stands below another one's fields.
#[test]
fn fields_of_our_interfaces_are_leaves() {
    let schema =
        apollo_compiler::Schema::parse_and_validate(super::super::sdl(), "schema.graphql").expect("it is valid");
    for interface in schema.types.values().filter_map(|ty| ty.as_interface()) {
        for field in interface.fields.values() {
            let ty = &schema.types[field.ty.inner_named_type()];
            assert!(ty.is_leaf(), "{}.{}", interface.name, field.name);
        }
    }
}

/// Whether analytics may be asked for all that a query wants of it.
fn asks_too_much(text: &str, variables: serde_json::Value) -> bool {
    let planner = Planner::new(&super::super::sdl(), super::super::SCALARS, Guard::default(), true);
    match planner.expect("it is valid").plan(text, None, &Variables::from_json(variables)) {
        Ok(_) => false,
        Err(refused) => {
            assert_eq!(refused.limit(), Some("units of statistics"), "{refused:?}: {text}");
            true
        }
    }
}

/// So many aliases of a field, each with its number in place of `#`.
fn each(number: usize, field: &str) -> String {
    (10..number + 10).map(|number| format!("f{number}: {} ", field.replace('#', &number.to_string()))).collect()
}

const EVERYTHING: &str = "{ clicks uniqueVisitors series { at clicks } topReferrers { name } topCountries { name }
    browsers { name } devices { name } asOf stale }";

#[test]
fn statistics_of_one_link_cost_what_is_counted() {
    let link = |inside: &str| format!("{{ link(code: \"promo\") {{ {inside} }} }}");
    let windows = |number, inside: &str| link(&each(number, &format!("stats(from: \"20#-01-01T00:00:00Z\") {inside}")));
    let facets = |number| each(number, "topReferrers(first: #) { name }");
    for (query, is_too_much) in [
        (windows(3, EVERYTHING), false),
        (windows(4, EVERYTHING), true),
        (windows(10, "{ clicks stale }"), false),
        (windows(11, "{ clicks stale }"), true),
        (windows(4, "{ clicks series(granularity: HOUR) { clicks } }"), false),
        (windows(5, "{ clicks series(granularity: HOUR) { clicks } }"), true),
        // One window is asked for once, however many fields want it.
        (
            format!(
                "{{ {} }}",
                each(20, &format!("link(code: \"c#\") {{ stats {EVERYTHING} again: stats {EVERYTHING} }}"))
            ),
            false,
        ),
        // Facets are told apart by their arguments.
        (link(&format!("stats {{ {} }}", facets(30))), false),
        (link(&format!("stats {{ {} }}", facets(31))), true),
        // Fragments hide nothing.
        (
            format!(
                "{{ link(code: \"a\") {{ ...l }} }} fragment l on Link {{ stats {{ ... on LinkStats {{ ...f }} }} }}
                fragment f on LinkStats {{ {} }}",
                facets(31)
            ),
            true,
        ),
        // What is skipped costs nothing.
        (link(&format!("stats {{ clicks {} }}", facets(31).replace(" {", " @skip(if: true) {"))), false),
    ] {
        assert_eq!(asks_too_much(&query, json!({})), is_too_much, "{query}");
    }
    // Variables of equal values are one window.
    let query = "query($a: DateTime, $b: DateTime) { link(code: \"promo\") {
        stats(from: $a) { clicks } ... on Link { s: stats(from: $b) {";
    let query = format!("{query} {} }} }} }} }}", facets(28));
    let day = |day| format!("2026-01-0{day}T00:00:00Z");
    assert!(!asks_too_much(&query, json!({ "a": day(1), "b": day(1) })));
    assert!(asks_too_much(&query, json!({ "a": day(1), "b": day(2) })));
}

#[test]
fn what_frontends_ask_of_orders_is_not_too_much() {
    let query = "query($first: Int!) { orders(first: $first) { pageInfo { hasNextPage endCursor } edges { cursor node {
        id status placedAt version total { minor currency formatted } trackingNumber
        items { productName quantity unitPrice { minor formatted } total { minor formatted }
            product { id sku name price { minor formatted } stock { available } } }
        customer { fullName } payment { status amount { formatted } refunds { id } } history { version type at }
        link { code orders { count revenue { minor } } stats { clicks uniqueVisitors } } } } } }";
    for first in [20, 40] {
        assert!(!asks_too_much(query, json!({ "first": first })));
    }
}

#[test]
fn statistics_of_a_list_cost_what_its_length_makes_of_them() {
    let links = |first: u64, inside: &str| format!("links(first: {first}) {{ edges {{ node {{ {inside} }} }} }}");
    let (window, totals) =
        (format!("orders {{ count }} stats {EVERYTHING}"), "before: stats(to: \"2026-01-01T00:00:00Z\") { clicks }");
    for (query, is_too_much) in [
        (links(100, &window), false),
        (links(49, &format!("{window} {totals}")), false),
        (links(100, &format!("{window} {totals}")), true),
        (links(100, &window.replace("series", "series(granularity: WEEK)")), false),
        // The same field in two fragments is one.
        (links(100, &format!("{window} ... on Link {{ ... {{ {window} }} }}")), false),
        // Each page has links of its own, and calls.
        (each(4, &links(100, "stats { clicks }")), false),
        (each(5, &links(100, "stats { clicks }")), true),
        (each(5, "orders(first: 100) { edges { node { link { stats { clicks } } } } }"), true),
    ] {
        let query = format!("{{ {query} }}");
        assert_eq!(asks_too_much(&query, json!({})), is_too_much, "{query}");
    }
    let query = format!("query($n: Int) {{ {} }}", links(100, &format!("{window} {totals}")).replace("100", "$n"));
    assert!(!asks_too_much(&query, json!({ "n": 20 })) && !asks_too_much(&query, json!({})));
    assert!(asks_too_much(&query, json!({ "n": 100 })));
    let made = "mutation($i: [CreateLinkInput!]!) { createLinks(inputs: $i) { link { stats { clicks } } } }";
    let with = |count: usize| asks_too_much(made, json!({ "i": vec![json!({ "url": "https://a.example" }); count] }));
    assert!(!with(400) && with(500));
}
