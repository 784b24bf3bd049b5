import type { EscalationPolicy, EscalationStep, EscalationTarget } from "@pharos/alert";
import { formatDuration } from "@pharos/base";
import type { z } from "zod";
import { readMatchers } from "../alertmanager/matcher-config.ts";
import type { Path, YamlSource } from "../yaml-source.ts";
import type { policySchema } from "./oncall-schema.ts";

const TARGET_KINDS = ["contact", "team", "schedule", "receiver"] as const;

interface PolicyContext {
  readonly source: YamlSource;
  readonly warn: (path: Path, message: string) => void;
  /** Reports a target that is not there, at its place. */
  readonly check: (target: EscalationTarget, path: Path) => void;
}

/** One entry of `policies`. */
export function policyConfig(
  keys: z.output<typeof policySchema>,
  path: Path,
  context: PolicyContext,
): EscalationPolicy {
  const { name, severities, priorities, matchers, steps, repeat } = keys;
  const written = { equals: {}, regexes: {}, matchers };
  const keyNames = { equals: "", regexes: "", matchers: "matchers" };
  return {
    name,
    ...(severities === undefined ? {} : { severities }),
    ...(priorities === undefined ? {} : { priorities }),
    matchers: readMatchers(written, keyNames, path, context.source, context.warn),
    steps: stepConfigs(steps, [...path, "steps"], context),
    ...(repeat === undefined ? {} : { repeat: { afterMs: repeat.after, times: repeat.times } }),
  };
}

function stepConfigs(
  steps: z.output<typeof policySchema>["steps"],
  path: Path,
  context: PolicyContext,
): EscalationStep[] {
  let beforeMs = 0;
  return steps.map(({ after, notify }, index) => {
    if (after < beforeMs) {
      const before = formatDuration(beforeMs);
      context.source.report(
        [...path, index, "after"],
        `step ${index + 1} is due before the one in front of it, which is after ${before}; times count from the beginning`,
      );
    }
    beforeMs = after;
    return {
      afterMs: after,
      notify: notify.flatMap((target, at) => {
        const place = [...path, index, "notify", at];
        return targetConfig(target, place, `step ${index + 1}`, context) ?? [];
      }),
    };
  });
}

function targetConfig(
  keys: Readonly<Partial<Record<EscalationTarget["kind"], string | undefined>>>,
  path: Path,
  step: string,
  { source, check }: PolicyContext,
): EscalationTarget | undefined {
  const given = TARGET_KINDS.filter((kind) => keys[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    source.report(path, `${step}: expected one of ${TARGET_KINDS.join(", ")} in each entry`);
    return undefined;
  }
  const target = { kind, name: keys[kind] ?? "" };
  check(target, [...path, kind]);
  return target;
}
