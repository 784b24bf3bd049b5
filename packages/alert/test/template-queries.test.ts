import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { labelsFrom } from "@pharos/base";
import { expandTemplate, parseTemplate, type TemplateData } from "../src/template/template.ts";
import {
  TEMPLATE_QUERIES_MAX,
  TEMPLATE_QUERY_SERIES_MAX,
  TemplateQueries,
} from "../src/template/template-queries.ts";

type Answer = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

/** Expands as a rule does: again with the answers, until nothing new is asked. */
function expand(
  source: string,
  answers: Readonly<Record<string, Answer | string>>,
): { text: string; rounds: readonly string[][] } {
  const template = parseTemplate(source);
  const queries = new TemplateQueries();
  const data: TemplateData = {
    labels: labelsFrom({ instance: "a" }),
    ...{ value: 1, externalLabels: [], externalUrl: "http://pharos.test", timestampMs: 0 },
    query: queries.ask,
  };
  const rounds: string[][] = [];
  for (;;) {
    const text = expandTemplate(template, data);
    const open = queries.takeOpen();
    if (open.length === 0) return { text, rounds };
    rounds.push(open);
    for (const expr of open) {
      const answer = answers[expr] ?? "unexpected";
      if (typeof answer === "string") queries.fail(expr, answer);
      else
        queries.answer(expr, {
          labels: answer.map(([labels]) => labelsFrom(labels)),
          values: answer.map(([, value]) => value),
        });
    }
  }
}

test("query gives samples with labels and values, for first, label, value, strvalue and sortByLabel", () => {
  const up: Answer = [
    [{ instance: "b", __value__: "two" }, 2],
    [{ instance: "a", __value__: "one" }, 1.5],
  ];
  const cases: readonly (readonly [source: string, text: string])[] = [
    ['{{ query "up" | first | value }}', "2"],
    ['{{ query "up" | first | label "instance" }}', "b"],
    ['{{ query "up" | sortByLabel "instance" | first | strvalue }}', "one"],
    [
      '{{ range query "up" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value }};{{ end }}',
      "a=1.5;b=2;",
    ],
    ['{{ with query "up" }}{{ len . }}{{ else }}none{{ end }}', "2"],
  ];
  for (const [source, text] of cases) equal(expand(source, { up }).text, text, source);
  equal(expand('{{ with query "up" }}some{{ else }}none{{ end }}', { up: [] }).text, "none");
});

test("a query may be made of labels and of what another query answered", () => {
  const { text, rounds } = expand(
    '{{ with printf "up{instance=%q}" $labels.instance | query }}{{ . | first | label "job" | printf "count(%s)" | query | first | value }}{{ end }}',
    { 'up{instance="a"}': [[{ job: "node" }, 1]], "count(node)": [[{}, 3]] },
  );
  equal(text, "3");
  deepEqual(rounds, [['up{instance="a"}'], ["count(node)"]]);
});

test("the same query is asked once", () => {
  const { rounds } = expand('{{ query "up" | len }}{{ query "up" | len }}', { up: [] });
  deepEqual(rounds, [["up"]]);
});

test("a query that fails, or answers too much, stands in the text", () => {
  const { text } = expand('{{ query "up" | first | value }}', { up: "too slow" });
  match(text, /^<error expanding template: .*error calling query: too slow>$/);
  const many: Answer = Array.from({ length: TEMPLATE_QUERY_SERIES_MAX + 1 }, () => [{}, 1]);
  match(expand('{{ query "up" | len }}', { up: many }).text, /more than 10000 elements/);
});

test("templates that ask for ever come to an end", () => {
  const endless = '{{ range $i := 5000 }}{{ with printf "x%d" $i | query }}{{ end }}{{ end }}';
  const answers = Object.fromEntries(
    Array.from({ length: 5000 }, (_, i): [string, Answer] => [`x${i}`, []]),
  );
  const { text, rounds } = expand(endless, answers);
  match(text, /more than 1000 queries in one evaluation/);
  equal(rounds.flat().length, TEMPLATE_QUERIES_MAX);
});

test("without anybody to ask, query fails in the text", () => {
  const data: TemplateData = {
    labels: [],
    ...{ value: 1, externalLabels: [], externalUrl: "", timestampMs: 0 },
  };
  match(
    expandTemplate(parseTemplate('{{ query "up" | len }}'), data),
    /queries cannot be asked here/,
  );
});

test("tmpl expands a template whose name is computed, as a value", () => {
  const source =
    '{{ define "big" }}much: {{ . }}{{ end }}{{ define "small" }}little{{ end }}{{ tmpl (printf "%s" "big") 5 | toUpper }} {{ tmpl "small" nil }}';
  equal(expand(source, {}).text, "MUCH: 5 little");
  match(expand('{{ tmpl "none" 1 }}', {}).text, /template "none" not defined/);
  match(expand('{{ tmpl "none" }}', {}).text, /tmpl wants a name and a value/);
});
