import { equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { labelsFrom } from "@pharos/base";
import fc from "fast-check";
import {
  EXPANSION_LENGTH_MAX,
  expandTemplate,
  parseTemplate,
  renderTemplate,
  TEMPLATE_LENGTH_MAX,
  type TemplateData,
  TemplateSyntaxError,
} from "../src/index.ts";

const DATA: TemplateData = {
  labels: labelsFrom({
    __name__: "cpu.load",
    host: "web-1",
    instance: "api.example.org:9100",
    job: "node",
    "with space": "yes",
  }),
  value: 0.12345,
  externalLabels: labelsFrom({ region: "eu" }),
  externalUrl: "https://pharos.example.org/mon",
  timestampMs: 1_435_065_584_128,
};

/** The text that a template gives, or the error as it would stand in the alert. */
function expand(text: string, value = DATA.value): string {
  return expandTemplate(parseTemplate(text), { ...DATA, value });
}

/** One template a row, what it gives, and the value where it is not the usual one. */
type Row = readonly [template: string, expected: string, value?: number];

function check(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    for (const [template, expected, value] of rows)
      test(`${template} gives ${JSON.stringify(expected)}`, () => {
        equal(expand(template, value), expected);
      });
  });
}

check("labels and values", [
  ["plain text", "plain text"],
  ["", ""],
  ["a } b }} c", "a } b }} c"],
  ["{{ $labels.host }}", "web-1"],
  ["{{$labels.host}}", "web-1"],
  ["{{ .Labels.host }}", "web-1"],
  ["{{ $.Labels.host }}", "web-1"],
  ["{{ $labels.nothing }}", ""],
  ["{{ $labels.__name__ }}", "cpu.load"],
  ['{{ index $labels "with space" }}', "yes"],
  ["{{ host }}", "web-1"],
  ["{{ nothing }}", ""],
  ["CPU load is {{ value }} on host {{ host }}", "CPU load is 0.12345 on host web-1"],
  ["{{ humanize value }}", "123.5m"],
  ["{{ host | toUpper }}", "WEB-1"],
  ["{{ $value }}", "0.12345"],
  ["{{ .Value }}", "0.12345"],
  ["{{ $value }}", "1e+06", 1e6],
  ["{{ $value }}", "100000", 1e5],
  ["{{ $value }}", "1.234567e+06", 1_234_567],
  ["{{ $value }}", "1e-05", 1e-5],
  ["{{ $value }}", "0.0001", 1e-4],
  ["{{ $value }}", "+Inf", Number.POSITIVE_INFINITY],
  ["{{ $value }}", "-Inf", Number.NEGATIVE_INFINITY],
  ["{{ $value }}", "NaN", Number.NaN],
  ["{{ $value }}", "0", 0],
  ["{{ $value }}", "-0", -0],
  ["{{ $externalLabels.region }}", "eu"],
  ["{{ .ExternalLabels.region }}", "eu"],
  ["{{ $externalURL }}", "https://pharos.example.org/mon"],
  ["{{ externalURL }}", "https://pharos.example.org/mon"],
  ["{{ pathPrefix }}", "/mon"],
  ["{{ $externalLabels }}", "map[region:eu]"],
]);

check("literals and printing", [
  ['{{ "a\\tb\\"" }}', 'a\tb"'],
  ['{{ "\\u00e9\\x41" }}', "éA"],
  ["{{ `raw \\n` }}", "raw \\n"],
  ["{{ 1 }}", "1"],
  ["{{ -7 }}", "-7"],
  ["{{ 1.5 }}", "1.5"],
  ["{{ 1e3 }}", "1000"],
  ["{{ 0x1F }}", "31"],
  ["{{ 1_000 }}", "1000"],
  ["{{ 'a' }}", "97"],
  ["{{ true }}", "true"],
  ['{{ print "a" 1 2 "b" }}', "a1 2b"],
  ["{{ print 1.5 true }}", "1.5 true"],
  ['{{ println "a" 1 }}', "a 1\n"],
  ["{{ html \"<a href='x'>&\" }}", "&lt;a href=&#39;x&#39;&gt;&amp;"],
  ['{{ js "it\'s" }}', "it\\'s"],
  ['{{ urlquery "a b&c" }}', "a+b%26c"],
  ['{{ len "héé" }}', "5"],
  ["{{ len $externalLabels }}", "1"],
  ['{{ slice "abcdef" 1 3 }}', "bc"],
  ['{{ index "abc" 0 }}', "97"],
]);

check("printf", [
  ['{{ printf "%.2f" $value }}', "0.12"],
  ['{{ $value | printf "%.2f" }}', "0.12"],
  ['{{ printf "%.2f" $value }}', "12.12", 12.125],
  ['{{ printf "%.2f" $value }}', "12.38", 12.375],
  ['{{ printf "%.2f" $value }}', "1.00", 1.005],
  ['{{ printf "%.0f" $value }}', "2", 2.5],
  ['{{ printf "%.0f" $value }}', "0", 0.5],
  ['{{ printf "%.1f" $value }}', "10.0", 9.96],
  ['{{ printf "%.1f" $value }}', "0.1", 0.06],
  ['{{ printf "%f" $value }}', "3.000000", 3],
  ['{{ printf "%.3f" $value }}', "-1.500", -1.5],
  ['{{ printf "%f" $value }}', "+Inf", Number.POSITIVE_INFINITY],
  ['{{ printf "%e" $value }}', "1.234500e-01"],
  ['{{ printf "%.1E" $value }}', "1.2E-01"],
  ['{{ printf "%g" $value }}', "0.12345"],
  ['{{ printf "%.3g" $value }}', "0.123"],
  ['{{ printf "%.4g" $value }}', "1e+05", 100_000],
  ['{{ printf "%.4g" $value }}', "1.235e+04", 12_345.6],
  ['{{ printf "%v" $value }}', "0.12345"],
  ['{{ printf "%d" 42 }}', "42"],
  ['{{ printf "%5d|%-5d|%05d" 42 42 -42 }}', "   42|42   |-0042"],
  ['{{ printf "%+d % d" 4 4 }}', "+4  4"],
  ['{{ printf "%x %X %o %b %c" 255 255 8 5 65 }}', "ff FF 10 101 A"],
  ['{{ printf "%s is %q" "a" "b\\"c" }}', 'a is "b\\"c"'],
  ['{{ printf "%.2s|%5s|%-5s|" "abc" "abc" "abc" }}', "ab|  abc|abc  |"],
  ['{{ printf "%x" "hi" }}', "6869"],
  ['{{ printf "%t" true }}', "true"],
  ['{{ printf "%T %T %T" 1 1.5 "x" }}', "int float64 string"],
  ['{{ printf "100%%" }}', "100%"],
  ['{{ printf "%d" $value }}', "%!d(float64=3)", 3],
  ['{{ printf "%f" 3 }}', "%!f(int=3)"],
  ['{{ printf "%d" "x" }}', "%!d(string=x)"],
  ['{{ printf "%s" $value }}', "%!s(float64=3)", 3],
  ['{{ printf "%d" }}', "%!d(MISSING)"],
  ['{{ printf "x" 1 }}', "x%!(EXTRA int=1)"],
  ['{{ printf "%s" $externalLabels }}', "map[region:eu]"],
]);

check("humanize", [
  ["{{ humanize $value }}", "0", 0],
  ["{{ humanize $value }}", "1.235M", 1_234_567],
  ["{{ humanize $value }}", "1.235k", 1234.567],
  ["{{ humanize $value }}", "-12.35k", -12_345],
  ["{{ humanize $value }}", "999", 999],
  ["{{ humanize $value }}", "1m", 0.001],
  ["{{ humanize $value }}", "12.3u", 0.000_012_3],
  ["{{ humanize $value }}", "+Inf", Number.POSITIVE_INFINITY],
  ["{{ humanize $value }}", "NaN", Number.NaN],
  ['{{ humanize "1500" }}', "1.5k"],
  ["{{ humanize 1500 }}", "1.5k"],
  ["{{ humanize1024 $value }}", "1.5Gi", 1.5 * 1024 ** 3],
  ["{{ humanize1024 $value }}", "0.5", 0.5],
  ["{{ humanize1024 $value }}", "1023", 1023],
  ["{{ humanizeDuration $value }}", "0s", 0],
  ["{{ humanizeDuration $value }}", "1s", 1],
  ["{{ humanizeDuration $value }}", "59.12s", 59.123],
  ["{{ humanizeDuration $value }}", "1m 0s", 60],
  ["{{ humanizeDuration $value }}", "1h 1m 1s", 3661],
  ["{{ humanizeDuration $value }}", "1d 0h 0m 0s", 86_400],
  ["{{ humanizeDuration $value }}", "-1d 0h 0m 1s", -86_401],
  ["{{ humanizeDuration $value }}", "899.9ms", 0.8999],
  ["{{ humanizeDuration $value }}", "-1m 40s", -100],
  ["{{ humanizeDuration $value }}", "NaN", Number.NaN],
  ["{{ humanizePercentage $value }}", "12.35%", 0.12345],
  ["{{ humanizePercentage $value }}", "100%", 1],
  ["{{ humanizeTimestamp $value }}", "2015-06-23 13:19:44.128 +0000 UTC", 1_435_065_584.128],
  ["{{ humanizeTimestamp $value }}", "2015-06-23 13:19:44 +0000 UTC", 1_435_065_584],
  ["{{ humanizeTimestamp $value }}", "2015-06-23 13:20:00 +0000 UTC", 1_435_065_600],
  ["{{ humanizeTimestamp $value }}", "1970-01-01 00:00:00 +0000 UTC", 0],
  ["{{ humanizeTimestamp $value }}", "+Inf", Number.POSITIVE_INFINITY],
  ["{{ now }}", "1.435065584128e+09"],
  ["{{ (now | toTime).Year }}", "2015"],
  ["{{ (toTime 0).Weekday }} {{ (toTime 0).Month }}", "Thursday January"],
  ["{{ toTime 1.5 }}", "1970-01-01 00:00:01.5 +0000 UTC"],
  ["{{ toDuration 5400 }}", "1h30m0s"],
  ["{{ toDuration 0.02 }}", "20ms"],
  ['{{ parseDuration "1h30m" }}', "5400"],
]);

check("text functions", [
  ['{{ title "hello wOrld" }}', "Hello WOrld"],
  ['{{ "Hello" | toUpper }}{{ "Hello" | toLower }}', "HELLOhello"],
  ["{{ stripPort $labels.instance }}", "api.example.org"],
  ['{{ stripPort "[::1]:80" }}', "::1"],
  ['{{ stripPort "host" }}', "host"],
  ["{{ stripDomain $labels.instance }}", "api:9100"],
  ['{{ stripDomain "10.0.0.1:80" }}', "10.0.0.1:80"],
  ['{{ stripDomain "host.dom.org" }}', "host"],
  ['{{ match "a.c" "xabcx" }} {{ match "^b" "ab" }}', "true false"],
  ['{{ reReplaceAll "(.*):\\\\d+" "$1" $labels.instance }}', "api.example.org"],
  ['{{ reReplaceAll "a+" "-" "aaabaa" }}', "-b-"],
  ['{{ urlQueryEscape "a b/c" }}', "a+b%2Fc"],
  ['{{ graphLink "up == 0" }}', "/graph?g0.expr=up+%3D%3D+0&g0.tab=0"],
  ['{{ tableLink "up" }}', "/graph?g0.expr=up&g0.tab=1"],
  ['{{ safeHtml "<b>" }}', "<b>"],
]);

check("comparison and logic", [
  ['{{ eq $labels.job "node" }}', "true"],
  ['{{ eq $labels.job "a" "node" }}', "true"],
  ['{{ ne $labels.job "node" }}', "false"],
  ["{{ gt $value 0.1 }} {{ lt $value 0.1 }} {{ ge 1 1 }} {{ le 2 1 }}", "true false true false"],
  ["{{ gt 2 1 }}", "true"],
  ["{{ and true 0 }}", "0"],
  ['{{ and true "x" }}', "x"],
  ['{{ or "" "fallback" }}', "fallback"],
  ["{{ not true }}", "false"],
  ['{{ or (eq 1 2) (eq "a" "a") }}', "true"],
]);

check("control structures", [
  ["{{ if $labels.host }}yes{{ else }}no{{ end }}", "yes"],
  ["{{ if $labels.nothing }}yes{{ else }}no{{ end }}", "no"],
  ["{{ if gt $value 0.9 }}high{{ else if gt $value 0.1 }}mid{{ else }}low{{ end }}", "mid"],
  ["{{ if 0.0 }}yes{{ end }}", ""],
  ["{{ range $k, $v := $externalLabels }}{{ $k }}={{ $v }};{{ end }}", "region=eu;"],
  ["{{ range $v := $externalLabels }}{{ $v }}{{ end }}", "eu"],
  ["{{ range $externalLabels }}{{ . }}{{ end }}", "eu"],
  ["{{ range 3 }}{{ . }}{{ end }}", "012"],
  ["{{ range $i := 5 }}{{ if eq $i 3 }}{{ break }}{{ end }}{{ $i }}{{ end }}", "012"],
  ["{{ range $i := 4 }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $i }}{{ end }}", "023"],
  ["{{ range $labels.nothing | args }}x{{ else }}none{{ end }}", "x"],
  ["{{ range 0 }}x{{ else }}none{{ end }}", "none"],
  ["{{ with $labels.host }}on {{ . }}{{ end }}", "on web-1"],
  ["{{ with $labels.nothing }}on {{ . }}{{ else }}nowhere{{ end }}", "nowhere"],
  ["{{ with $x := 5 }}{{ $x }}{{ end }}", "5"],
  ["{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"],
  ["{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"],
  ['{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" $labels.host }}', "[web-1]"],
  ['{{ define "t" }}{{ .arg0 }}+{{ .arg1 }}{{ end }}{{ template "t" (args 1 "b") }}', "1+b"],
  ['{{ block "t" 7 }}<{{ . }}>{{ end }}', "<7>"],
  ["{{/* a comment */}}x", "x"],
  ["a  {{- /* trims */ -}}  b", "ab"],
  ["a {{- 1 -}} b", "a1b"],
  ["a {{ 1 -}}\n\n b", "a 1b"],
  ["a {{-1}} b", "a -1 b"],
  ['{{ (index $labels "host") }}', "web-1"],
  ["{{ ($labels).host }}", "web-1"],
  [
    "{{ .Labels }}",
    "map[__name__:cpu.load host:web-1 instance:api.example.org:9100 job:node with space:yes]",
  ],
]);

check("errors stand in the text, as in Prometheus", [
  [
    "{{ $labels.host.x }}",
    "<error expanding template: 1:4: at <$labels.host.x>: can't evaluate field x in type string>",
  ],
  [
    "{{ .Nothing }}",
    "<error expanding template: 1:4: at <.Nothing>: can't evaluate field Nothing in type struct>",
  ],
  [
    "a\n {{ humanize host }}",
    '<error expanding template: 2:5: at <humanize host>: error calling humanize: strconv.ParseFloat: parsing "web-1": invalid syntax>',
  ],
  [
    "{{ humanize 1 2 }}",
    "<error expanding template: 1:4: at <humanize 1 2>: wrong number of args for humanize: want 1 got 2>",
  ],
  [
    "{{ gt $value 1 }}",
    "<error expanding template: 1:4: at <gt $value 1>: error calling gt: incompatible types for comparison>",
  ],
  [
    "{{ $labels.host 1 }}",
    "<error expanding template: 1:4: at <$labels.host 1>: can't give argument to non-function>",
  ],
  ['{{ template "none" }}', '<error expanding template: 1:1: template "none" not defined>'],
  [
    '{{ index "abc" 3 }}',
    '<error expanding template: 1:4: at <index "abc" 3>: error calling index: index out of range: 3>',
  ],
  [
    '{{ parseDuration "x" }}',
    '<error expanding template: 1:4: at <parseDuration "x">: error calling parseDuration: not a valid duration string: "x"; want a duration such as "15s", "5m", "1h30m", "7d">',
  ],
  ['{{ range "abc" }}{{ end }}', "<error expanding template: 1:10: range can't iterate over abc>"],
  [
    "{{ first (args) }}",
    "<error expanding template: 1:4: at <first (args)>: error calling first: wrong type for value; expected a list; got map[string]interface {}>",
  ],
]);

check("what is not supported yet stands in the text in its place", [
  [
    '{{ with call "up" }}{{ . }}{{ end }}',
    '<error expanding template: 1:9: at <call "up">: function "call" is not supported yet>',
  ],
  [
    "{{ call }}",
    '<error expanding template: 1:4: at <call>: function "call" is not supported yet>',
  ],
]);

describe("templates that cannot be read are refused with their place", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["{{ $labels.host", "1:1: unclosed action"],
    ["{{ if true }}x", "1:1: {{if}} without {{end}}"],
    ["x\n{{ end }}", "2:1: unexpected {{end}}"],
    ["{{ else }}", "1:1: unexpected {{else}}"],
    ["{{ if true }}{{ else }}{{ else }}{{ end }}", "1:24: expected end; found {{else}}"],
    ["{{ $nothing }}", '1:4: undefined variable "$nothing"'],
    ["{{ $nothing = 1 }}", '1:4: undefined variable "$nothing"'],
    ['{{ define "t" }}{{ $labels }}{{ end }}', '1:20: undefined variable "$labels"'],
    ["{{ humanise $value }}", '1:4: function "humanise" not defined'],
    ["{{ $value | humanise }}", '1:13: function "humanise" not defined'],
    ['{{ "abc }}', "1:4: unterminated quoted string"],
    ['{{ "\\k" }}', "1:5: unknown escape \\k in string"],
    ["{{ `abc }}", "1:4: unterminated raw quoted string"],
    ["{{/* abc }}", "1:1: unclosed comment"],
    ["{{ (1 }}", "1:4: unclosed left parenthesis"],
    ["{{ 1) }}", '1:5: unexpected ")" in command'],
    ["{{ }}", "1:4: missing value for command"],
    ["{{ if }}x{{ end }}", "1:7: missing value for if"],
    ["{{ nil }}", "1:4: nil is not a command"],
    ["{{ 1 | 2 }}", "1:8: what follows | must be a function"],
    ["{{ 1 | }}", "1:8: missing command after |"],
    ["{{ a & b }}", '1:6: unexpected "&" in template action'],
    ["{{ break }}", "1:1: {{break}} outside {{range}}"],
    ["{{ template x }}", "1:13: {{template}} needs a name in quotes"],
    ["{{ 12abc }}", '1:6: unexpected "abc" in operand'],
    [`${"{{if true}}".repeat(51)}`, "1:551: nested deeper than 50 levels"],
    [`{{ ${"(".repeat(60)}1 }}`, "1:54: nested deeper than 50 levels"],
  ];
  for (const [template, message] of rows)
    test(`${template.slice(0, 40)} is refused: ${message}`, () => {
      throws(
        () => parseTemplate(template),
        (error) => {
          ok(error instanceof TemplateSyntaxError);
          equal(error.message, message);
          return true;
        },
      );
    });
});

test("a template that is too long is refused", () => {
  throws(() => parseTemplate(`{{ 1 }}${"x".repeat(TEMPLATE_LENGTH_MAX)}`), TemplateSyntaxError);
});

test("an expansion that does not end is stopped", () => {
  const nested = "{{ range 100000 }}{{ range 100000 }}x{{ end }}{{ end }}";
  ok(expand(nested).includes("more than 100000 steps"));
  const recursive = '{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}';
  ok(expand(recursive).includes("templates call each other deeper than 100 levels"));
  const long = `{{ range 9000 }}${"x".repeat(100)}{{ end }}`;
  ok(expand(long).includes(`more than ${EXPANSION_LENGTH_MAX} characters`));
});

test("values and labels are text, never part of the template", () => {
  const labels = labelsFrom({ host: "{{ $value }}" });
  equal(renderTemplate(parseTemplate("{{ host }}"), { ...DATA, labels }), "{{ $value }}");
});

test("any text at all expands or is refused with its place", () => {
  const word = fc.constantFrom(
    ..."{{ }} {{- -}} ( ) | . $ $labels $labels.x .Value if else end range with define template := = , printf humanize \"%d\" 'a' `r` 1 -2.5 nil true host /* */ \n x".split(
      " ",
    ),
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 25 }).map((words) => words.join(" ")),
  );
  fc.assert(
    fc.property(text, (source) => {
      try {
        equal(typeof expand(source), "string");
      } catch (error) {
        if (!(error instanceof TemplateSyntaxError)) throw error;
        ok(error.line >= 1 && error.column >= 1);
      }
    }),
    { numRuns: 2000 },
  );
});
