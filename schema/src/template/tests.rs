#![expect(clippy::format_push_string, reason = "plain is better than fast in tests")]

use minijinja::Value;

use super::*;

fn context() -> Value {
    let vars = Value::from_pairs([
        ("workers", Value::from(4)),
        ("name", Value::from("shop")),
        ("ports", Value::from(vec![80, 443])),
        ("names", Value::from(vec!["b", "a"])),
        ("tls", Value::from(true)),
        ("share", Value::from(0.5)),
    ]);
    let facts = Value::from_pairs([("os", "debian"), ("os_version", "12")]);
    let host = Value::from_pairs([("name", Value::from("web-1")), ("groups", Value::from(vec!["prod"]))]);
    Value::from_pairs([("vars", vars), ("facts", facts), ("host", host)])
}

fn render(source: &str) -> Result<String, String> {
    Template::compile(source).and_then(|template| template.render(&context())).map_err(|error| error.message)
}

fn holds(source: &str) -> Result<bool, String> {
    Condition::compile(source)
        .and_then(|condition| condition.holds(&context()))
        .map_err(|error| error.message)
}

#[test]
fn templates_do_what_sysadmins_know() {
    let cases = [
        ("plain text\n", "plain text\n"),
        ("a {{ vars.workers }} b\n", "a 4 b\n"),
        (
            "{{ vars.workers + 1 }} {{ vars.workers - 1 }} {{ vars.workers * 2 }} {{ 7 // 2 }} {{ 7 % 2 }} {{ 2 ** 3 }}",
            "5 3 8 3 1 8",
        ),
        ("{{ vars.share * 2 }}", "1.0"),
        ("{{ vars.name ~ '-' ~ vars.workers }}", "shop-4"),
        ("{{ vars.name + '-' + host.name }}", "shop-web-1"),
        ("{{ '=' * 5 }}", "====="),
        ("{% for port in vars.ports %}listen {{ port }};\n{% endfor %}", "listen 80;\nlisten 443;\n"),
        (
            "{% for p in vars.ports %}{{ loop.index }}:{{ p }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1:80, 2:443",
        ),
        ("{% for p in vars.ports if p > 100 %}{{ p }}{% endfor %}", "443"),
        ("{% for p in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for p in vars.ports %}{{ loop.cycle('odd', 'even') }} {% endfor %}", "odd even "),
        ("{% if vars.tls and facts.os == 'debian' %}yes{% else %}no{% endif %}", "yes"),
        ("{{ 'yes' if vars.tls else 'no' }}", "yes"),
        ("{% set sum = vars.workers + 1 %}{{ sum }}", "5"),
        ("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}", "3"),
        (
            "{{ vars.ports|join(', ') }} {{ vars.names|sort|join('') }} {{ vars.name|upper }}",
            "80, 443 ab SHOP",
        ),
        ("{{ vars.ports|tojson }} {{ 'a\"<b'|tojson }}", "[80,443] \"a\\\"<b\""),
        (
            "{{ (vars.ports + [8080])|length }} {{ vars.ports[0] }} {{ vars.name[:2] }} {{ vars.name[-1:] }} {{ vars.ports[1:] |join }}",
            "3 80 sh p 443",
        ),
        (
            "{{ 'prod' in host.groups }} {{ 'x' not in host.groups }} {{ 'ho' in vars.name }}",
            "true true true",
        ),
        ("{{ vars.nothing|default('d') }} {{ vars.nothing is defined }}", "d false"),
        ("{{ vars.name|replace('s', 'S')|indent(2) }}", "Shop"),
        ("{# gone #}{% raw %}{{ raw }}{% endraw %}", "{{ raw }}"),
        ("{{ vars.names|map('upper')|join }} {{ vars.ports|select('odd')|join }}", "BA 443"),
        (
            "{% for name, port in [['a', 1], ['b', vars.workers]] %}{{ name }}={{ port }} {% endfor %}",
            "a=1 b=4 ",
        ),
        ("{% for n in range(3) %}{{ n }}{% endfor %}", "012"),
        ("{{ {'a': vars.workers}.a }} {{ {'a': vars.workers}|tojson }}", "4 {\"a\":4}"),
        (
            "{{ vars.workers > 3 }} {{ vars.workers >= 4 }} {{ 'a' < 'b' }} {{ vars.workers != 4 }}",
            "true true true false",
        ),
        ("{{ facts.os_version|int > 11 }}", "true"),
        ("{{ vars.ports|sort(reverse=true)|join(' ') }}", "443 80"),
        ("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc\n"),
        ("  {{ vars.name }}\n\n", "  shop\n\n"),
        // A line with more than tags ends as it is written.
        ("listen {% if true %}443{% else %}80{% endif %}\nserver\n", "listen 443\nserver\n"),
        ("  {% if true %}a{% endif %}\nb\n", "  a\nb\n"),
        ("{% for n in range(2) %}\n  {{ n }}{% if n %},{% endif %}\n{% endfor %}\n", "  0\n  1,\n"),
        ("a\n  {# why #}  {% set x = 1 %}\t\r\n{# more\n lines #}\n\nb", "a\n\nb"),
        ("a\n{% set x = [\n  1,\n] %}\n{{ x[0] }}{# one #}\nb\n", "a\n1\nb\n"),
        ("a\n  {%- if true %} b {% endif -%}\n  c\n", "a b c\n"),
        ("{% raw %}\n{% if %} {{ x }}\n  {% endraw %}\nb\n", "{% if %} {{ x }}\nb\n"),
        ("{% if true %}\n\n  \n{% endif %}", "\n  \n"),
    ];
    for (source, expected) in cases {
        assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn what_is_wrong_is_said_in_our_words() {
    let cases = [
        "{{ vars.wokers }}",
        "{{ nothing }}",
        "{% if vars.wokers %}x{% endif %}",
        "{{ vars.wokers + 1 }}",
        "{{ vars.name + 1 }}",
        "{{ facts.os_version == 12 }}",
        "{{ facts.os_version > 11 }}",
        "{{ vars.ports }}",
        "{{ none }}",
        "{{ vars.name|uper }}",
        "{% if vars.name is odder %}{% endif %}",
        "{{ now() }}",
        "{{ vars.name.upper() }}",
        "{{ vars.name",
        "{% for x in vars.ports %}",
        "{% include 'x' %}",
        "{% macro x() %}{% endmacro %}",
        "{% set x %}a{% endset %}",
        "{% filter upper %}a{% endfilter %}",
        "{{ 1 < vars.workers < 5 }}",
        "{{ vars.name|indent(width=3) }}",
        "{{ range(1000000)|length }}",
        "{{ 1 / 0 }}",
        "{{ vars.name|int }}",
        "{{ vars.ports.x.y }}",
    ];
    let mut said = String::new();
    for source in cases {
        let error = Template::compile(source).and_then(|template| template.render(&context())).unwrap_err();
        let marked = source.get(error.range.clone()).unwrap();
        said.push_str(&format!("{source}\n  at {marked:?}: {}\n", error.message));
        if let Some(remedy) = error.remedy {
            said.push_str(&format!("  help: {remedy}\n"));
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn no_template_takes_more_than_its_share() {
    let doublings =
        |set: &str| format!("{{% set a = 'aaaaaaaaaaaaaaaa' %}}{}{{{{ a|length }}}}", set.repeat(60));
    let bombs = [
        doublings("{% set a = a ~ a %}"),
        doublings("{% set a = a + a %}"),
        doublings("{% set a = a * 2 %}"),
        doublings("{% set a = [a, a] %}"),
        doublings("{% set a = {'a': a, 'b': a} %}"),
        doublings("{% set a = (a, a) %}"),
        doublings("{% set a = [a, a]|join(a|string) %}"),
        doublings("{% set a = a|replace('a', 'aa') %}"),
        doublings("{% set a = a|indent(9999999) %}"),
        doublings("{% set a = ([a, a]|tojson) %}"),
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}".to_owned(),
        format!("{{% for a in range(9999) %}}{}{{% endfor %}}", "raw text ".repeat(1000)),
        "{{ 'a' * 99999999 }}".to_owned(),
        "{{ ('a' * (9999 * 9999)) ~ 'b' }}".to_owned(),
        "{{ ('a' * 60000) * 60000 }}".to_owned(),
        format!("{{{{ {}'x' }}}}", "'a' * 60000 ~ ".repeat(2000)),
        "{% set a = 'a' * 60000 %}{% for i in range(9999) %}{% if a ~ i == a %}{% endif %}{% endfor %}"
            .to_owned(),
        "{% set a = range(9999)|list %}{% for i in range(9999) %}{% if a == a %}{% endif %}{% endfor %}"
            .to_owned(),
        "{% set a = range(9999)|list %}{% for i in range(9999) %}{% if i in a %}{% endif %}{% endfor %}"
            .to_owned(),
        "{% set a = 'a' * 9999 %}{% for i in range(9999) %}{% set b = a|list %}{% endfor %}".to_owned(),
        "{% for a in vars.ports recursive %}{{ loop([a, a]) }}{% endfor %}".to_owned(),
        format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(5000), "]".repeat(5000)),
        format!("{}{}", "{% if true %}".repeat(2000), "{% endif %}".repeat(2000)),
        format!("{}{}", "{% for a in [1] %}".repeat(100), "{% endfor %}".repeat(100)),
        format!("{{{{ {}1 }}}}", "not ".repeat(20000)),
        format!("{{{{ 1{} }}}}", "|abs".repeat(60000)),
        format!("{{{{ vars{} }}}}", ".a".repeat(60000)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(50000)),
        format!("{{{{ {}1 }}}}", "1 if 1 else ".repeat(20000)),
        "a".repeat(300 << 10),
    ];
    for bomb in &bombs {
        let shown: String = bomb.chars().take(60).collect();
        let result = render(bomb);
        let message = match result {
            Err(message) => message,
            // A long chain of cheap operations may be within the limits.
            Ok(rendered) => {
                assert!(rendered.len() < 100, "{shown}");
                continue;
            }
        };
        assert!(!message.is_empty(), "{shown}");
    }
}

#[test]
fn conditions_are_true_or_false_and_nothing_else() {
    assert_eq!(holds("facts.os == 'debian' and vars.tls"), Ok(true));
    assert_eq!(holds("not vars.tls"), Ok(false));
    assert_eq!(holds("'prod' in host.groups"), Ok(true));
    assert_eq!(holds("vars.workers"), Err("it gives a number, not true or false".to_owned()));
    assert_eq!(holds("'a'"), Err("it gives a text, not true or false".to_owned()));
    assert_eq!(holds("vars.nothing"), Err("it gives nothing, not true or false".to_owned()));
    assert!(holds("vars.tls and").is_err());
    assert!(holds("vars.tls }} {{ x").is_err());
    assert!(holds("").is_err());
}

#[test]
fn what_a_value_holds_is_never_read_as_a_template() {
    let vars = Value::from_pairs([("text", Value::from("{{ facts.os }} {% set x = 1 %} ${x}"))]);
    let context = Value::from_pairs([("vars", vars)]);
    let rendered = Template::compile("{{ vars.text }}").unwrap().render(&context).unwrap();
    assert_eq!(rendered, "{{ facts.os }} {% set x = 1 %} ${x}");
}

#[test]
fn every_filter_and_test_that_is_named_exists() {
    let environment = environment();
    for filter in functions::FILTERS {
        assert!(environment.compile_expression(filter).is_ok());
        let source = format!("{{{{ [1]|{filter} }}}}");
        if let Err(error) = Template::compile(&source).unwrap().render(&context()) {
            assert!(!error.message.contains("unknown"), "{filter}: {}", error.message);
        }
    }
    for test in functions::TESTS {
        let source = format!("{{{{ 1 is {test} }}}}");
        if let Err(error) = Template::compile(&source).unwrap().render(&context()) {
            assert!(!error.message.contains("unknown"), "{test}: {}", error.message);
        }
    }
}
