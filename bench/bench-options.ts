// The options that every comparison has, beside its own.

import { scriptOptions } from "../scripts/script-options.ts";
import type { RunOptions } from "./comparison.ts";
import { CONTENDERS, type Contender } from "./contenders.ts";
import type { Program } from "./server-process.ts";

/** The servers' core; this process, which makes the load, is free to use the others. */
export const SERVER_CORE = 0;

export interface BenchOptions<Name extends string, P extends Program = Contender>
  extends RunOptions {
  readonly contenders: readonly P[];
  /** Whether a look is enough: small inputs, whose figures say little. */
  readonly quick: boolean;
  /** The options of this comparison, with their values or defaults. */
  readonly own: Readonly<Record<Name, string>>;
}

type Defaults<Name extends string> = Readonly<Record<Name, readonly [full: string, quick: string]>>;

/**
 * @param defaults the options of this comparison by name, each with its default and its default under `--quick`.
 * @param among whom `--only` chooses of.
 * @throws TypeError where `--only` names nobody of them.
 */
export function benchOptions<Name extends string>(defaults: Defaults<Name>): BenchOptions<Name>;
export function benchOptions<Name extends string, P extends Program>(
  defaults: Defaults<Name>,
  among: readonly P[],
): BenchOptions<Name, P>;
export function benchOptions<Name extends string>(
  defaults: Defaults<Name>,
  among: readonly Program[] = CONTENDERS,
): BenchOptions<Name, Program> {
  const names = Object.keys(defaults) as Name[];
  const { values } = scriptOptions({
    options: {
      quick: { type: "boolean", default: false },
      runs: { type: "string", default: "1" },
      "warm-up": { type: "boolean", default: false },
      // Contenders by name, comma-separated.
      only: { type: "string" },
      // Without a default: `--quick` has another one.
      ...Object.fromEntries(names.map((name) => [name, { type: "string" } as const])),
    },
  });
  const given = values as Readonly<Record<string, string | boolean | undefined>>;
  const quick = given["quick"] === true;
  const own = Object.fromEntries(
    names.map((name) => [name, given[name] ?? defaults[name][quick ? 1 : 0]]),
  ) as Record<Name, string>;
  const only = typeof given["only"] === "string" ? given["only"].split(",") : undefined;
  const contenders = among.filter(({ name }) => only === undefined || only.includes(name));
  if (contenders.length === 0)
    throw new TypeError(`--only takes ${among.map(({ name }) => name).join(", ")}`);
  return {
    contenders,
    quick,
    own,
    runs: Number(given["runs"]),
    warmUps: given["warm-up"] === true ? 1 : 0,
  };
}

export function printVersions(contenders: readonly Program[]): void {
  process.stdout.write("\n");
  for (const contender of contenders) process.stdout.write(`${contender.version()}\n`);
}
