import type { InhibitRule, InhibitSource } from "@pharos/alert";
import { type Matcher, quote } from "@pharos/base";
import { z } from "zod";
import type { Path, YamlSource } from "../yaml-source.ts";
import { text } from "./alertmanager-fields.ts";
import { equalsSchema, matchersSchema, readMatchers, regexesSchema } from "./matcher-config.ts";

/** One entry of `inhibit_rules`. */
export const inhibitRuleSchema = z.strictObject({
  name: text(),
  source_match: equalsSchema,
  source_match_re: regexesSchema,
  source_matchers: matchersSchema,
  sources: z
    .array(z.strictObject({ matchers: matchersSchema, equal: z.array(z.string()).default([]) }))
    .optional(),
  target_match: equalsSchema,
  target_match_re: regexesSchema,
  target_matchers: matchersSchema,
  equal: z.array(z.string()).default([]),
});

type InhibitKeys = z.output<typeof inhibitRuleSchema>;

type Warn = (path: Path, message: string) => void;

/** The rule that an entry describes. */
export function inhibitRule(
  keys: InhibitKeys,
  path: Path,
  source: YamlSource,
  warn: Warn,
): InhibitRule {
  return {
    name: keys.name,
    sources:
      keys.sources === undefined
        ? [
            {
              matchers: sideMatchers(keys, "source", path, source, warn),
              equal: equalOf(keys.equal, path, source),
            },
          ]
        : sourcesOf(keys, keys.sources, path, source, warn),
    targetMatchers: sideMatchers(keys, "target", path, source, warn),
  };
}

function sideMatchers(
  keys: InhibitKeys,
  side: "source" | "target",
  path: Path,
  source: YamlSource,
  warn: Warn,
): readonly Matcher[] {
  const written = {
    equals: keys[`${side}_match`],
    regexes: keys[`${side}_match_re`],
    matchers: keys[`${side}_matchers`],
  };
  const names = {
    equals: `${side}_match`,
    regexes: `${side}_match_re`,
    matchers: `${side}_matchers`,
  };
  return readMatchers(written, names, path, source, warn);
}

/** Several sources, of which each must have an alert. */
function sourcesOf(
  keys: InhibitKeys,
  sources: NonNullable<InhibitKeys["sources"]>,
  path: Path,
  source: YamlSource,
  warn: Warn,
): readonly InhibitSource[] {
  const isMixed =
    keys.equal.length > 0 ||
    keys.source_matchers.length > 0 ||
    Object.keys({ ...keys.source_match, ...keys.source_match_re }).length > 0;
  if (isMixed)
    source.reportKey(
      [...path, "sources"],
      "sources cannot be combined with source_match, source_match_re, source_matchers, or equal",
    );
  return sources.map((one, index) => {
    const at = [...path, "sources", index];
    const written = { equals: {}, regexes: {}, matchers: one.matchers };
    const names = { equals: "", regexes: "", matchers: "matchers" };
    const matchers = readMatchers(written, names, at, source, warn);
    if (one.matchers.length === 0) source.report(at, `source ${index}: matchers must not be empty`);
    return { matchers, equal: equalOf(one.equal, at, source) };
  });
}

function equalOf(names: readonly string[], path: Path, source: YamlSource): readonly string[] {
  for (const [index, name] of names.entries())
    if (name === "" || !name.isWellFormed())
      source.report([...path, "equal", index], `invalid label name ${quote(name)} in equal list`);
  return names;
}
