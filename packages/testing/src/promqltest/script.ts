import {
  compileRegexSearch,
  type Labels,
  labelsKey,
  OperatingError,
  parseDuration,
} from "@pharos/base";
import { parseNumber } from "./number-notation.ts";
import {
  type NotedSeries,
  parseSeriesLine,
  type SeriesPoint,
  unquoteText,
} from "./series-notation.ts";
import { parseStartOffsets, type StartOffsets } from "./start-notation.ts";

/** Where a command stands: the file as it was named, the line from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

export interface LoadedSeries extends NotedSeries {
  /** For each point how long before or after it its counting began, in ms (`@st` lines); undefined where not noted. */
  readonly startOffsetsMs: readonly (number | undefined)[];
}

/** `load 5m`: adds series whose points are `stepMs` apart, the first at 0. */
export interface LoadCommand extends Place {
  readonly kind: "load";
  readonly stepMs: number;
  /** `load_with_nhcb`: classic histograms are to be loaded as native ones too. */
  readonly withNhcb: boolean;
  readonly series: readonly LoadedSeries[];
}

/** Drops all series. */
export interface ClearCommand extends Place {
  readonly kind: "clear";
}

/** What a text must be: the same, or one that a pattern matches somewhere. */
export interface TextExpectation {
  readonly kind: "message" | "pattern";
  readonly text: string;
  matches(text: string): boolean;
}

/** What has to come of an evaluation. */
export interface Expectation {
  /** What the error must be; undefined where there must be none. */
  readonly fail: TextExpectation | undefined;
  /** Each must match a warning, and each warning one of them; empty where warnings do not matter. */
  readonly warn: readonly TextExpectation[];
  readonly info: readonly TextExpectation[];
  readonly noWarn: boolean;
  readonly noInfo: boolean;
  /** The series must come in the order given. */
  readonly ordered: boolean;
  readonly value:
    | { readonly kind: "scalar"; readonly value: number }
    | { readonly kind: "string"; readonly value: string }
    | { readonly kind: "series"; readonly series: readonly ExpectedSeries[] };
}

export interface ExpectedSeries {
  readonly labels: Labels;
  readonly points: readonly SeriesPoint[];
}

/**
 * Evaluates `expr`. Expected points are at `startMs`, `startMs + stepMs`, … and may not lie after `endMs`; an instant
 * query that gives a vector has one, at `timeMs`.
 */
export interface EvalCommand extends Place {
  readonly kind: "eval";
  readonly expr: string;
  readonly query: "instant" | "range";
  /** Of an instant query. */
  readonly timeMs: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly expectation: Expectation;
  /** The result is a range vector or a string, which a range query cannot give. */
  readonly instantOnly: boolean;
}

export type PromqlTestCommand = LoadCommand | ClearCommand | EvalCommand;

/**
 * Reads a script in the language of Prometheus's own query tests: `load`, `clear`, `eval`, each with its lines up to
 * an empty line or a comment.
 *
 * @throws OperatingError `input.invalid` with file and line.
 */
export function parsePromqlTest(text: string, file: string): readonly PromqlTestCommand[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .map((line) => (line.startsWith("#") ? "" : line));
  const commands: PromqlTestCommand[] = [];
  let at = 0;
  while (at < lines.length) {
    const head = lines[at] as string;
    if (head === "") {
      at++;
      continue;
    }
    const block = new Block(file, lines, at);
    commands.push(parseCommand(block, head));
    at = block.end;
  }
  return commands;
}

/** The lines of one command, taken one by one. */
class Block {
  readonly #lines: readonly string[];
  readonly #file: string;
  readonly #start: number;
  #at: number;

  constructor(file: string, lines: readonly string[], start: number) {
    this.#file = file;
    this.#lines = lines;
    this.#start = start;
    this.#at = start;
  }

  /** Where the command's head stands. */
  get place(): Place {
    return { file: this.#file, line: this.#start + 1 };
  }

  /** The index of the first line that is not the command's. */
  get end(): number {
    return this.#at + 1;
  }

  /** The next line, or undefined where the command ends. */
  next(): string | undefined {
    const line = this.#lines[this.#at + 1];
    if (line === undefined || line === "") return undefined;
    this.#at++;
    return line;
  }

  fail(reason: string): never {
    throw new OperatingError("input.invalid", `${this.#file}:${this.#at + 1}: ${reason}`);
  }

  series(line: string): NotedSeries {
    try {
      return parseSeriesLine(line);
    } catch (error) {
      return this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  startOffsets(text: string): StartOffsets {
    try {
      return parseStartOffsets(text);
    } catch (error) {
      return this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  duration(text: string): number {
    return parseDuration(text) ?? this.fail(`${JSON.stringify(text)} is not a duration`);
  }
}

function parseCommand(block: Block, head: string): PromqlTestCommand {
  const word = (/^\S+/.exec(head)?.[0] ?? "").toLowerCase();
  if (word === "clear") return { kind: "clear", ...block.place };
  if (word.startsWith("load")) return parseLoad(block, head);
  if (word.startsWith("eval")) return parseEval(block, head);
  return block.fail(`unknown command ${JSON.stringify(head)}; there are load, clear and eval`);
}

function parseLoad(block: Block, head: string): LoadCommand {
  const match = /^load(_with_nhcb)?\s+(\S+)$/.exec(head);
  if (match === null) block.fail("expected load[_with_nhcb] <step>");
  const stepMs = block.duration(match[2] ?? "");
  const series = new Map<string, LoadedSeries>();
  let defaultStarts: StartOffsets = [];
  let pending: { readonly labels: Labels; readonly offsetsMs: StartOffsets } | undefined;
  for (let line = block.next(); line !== undefined; line = block.next()) {
    const start = /^(\S*)@st\s+(.*)$/.exec(line);
    if (start !== null) {
      const [, name = "", text = ""] = start;
      const offsetsMs = block.startOffsets(text);
      if (pending !== undefined) block.fail("start timestamps without their series above");
      if (name === "") defaultStarts = offsetsMs;
      else pending = { labels: block.series(name).labels, offsetsMs };
      continue;
    }
    const noted = block.series(line);
    const key = labelsKey(noted.labels);
    const { length } = noted.points;
    if (pending !== undefined) {
      if (labelsKey(pending.labels) !== key)
        block.fail("the start timestamps above belong to another series");
      if (pending.offsetsMs.length !== length)
        block.fail(`${pending.offsetsMs.length} start timestamps for ${length} points`);
    }
    // Those of all series begin again where there are more points than they are.
    const startOffsetsMs =
      pending?.offsetsMs ??
      noted.points.map((_, i) => defaultStarts[i % Math.max(defaultStarts.length, 1)]);
    // A series noted twice in one load is taken as it was noted last.
    series.set(key, { ...noted, startOffsetsMs });
    pending = undefined;
  }
  if (pending !== undefined) block.fail("start timestamps without their series");
  const withNhcb = match[1] !== undefined;
  return { kind: "load", ...block.place, stepMs, withNhcb, series: [...series.values()] };
}

const INSTANT = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+at\s+(\S+)\s+(.+)$/;
const RANGE =
  /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$/;
const EXPECT = /^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$/;
const EXPECT_RANGE = /^expect\s+range\s+vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$/;
const EXPECT_STRING = /^expect\s+string(?:\s+(.*))?$/;

function parseEval(block: Block, head: string): EvalCommand {
  const instant = INSTANT.exec(head);
  const range = RANGE.exec(head);
  if (instant === null && range === null)
    block.fail(
      "expected eval instant at <time> <query> or eval range from <start> to <end> step <step> <query>",
    );
  const modifier = (instant ?? range)?.[1];
  const times =
    instant === null ? parseTimes(block, range as RegExpExecArray) : instantTimes(block, instant);
  const draft = new ExpectationDraft(modifier);
  let window = times;
  let instantOnly = false;
  for (let line = block.next(); line !== undefined; line = block.next()) {
    const rangeVector = EXPECT_RANGE.exec(line);
    if (rangeVector !== null) {
      window = parseTimes(block, ["", "", ...rangeVector.slice(1)]);
      instantOnly = true;
      continue;
    }
    const text = EXPECT_STRING.exec(line);
    if (text !== null) {
      draft.value = { kind: "string", value: parseQuoted(block, text[1] ?? "") };
      instantOnly = true;
      continue;
    }
    if (draft.takeLegacyFailure(block, line)) break;
    if (/^expect(?:\s|$)/.test(line)) {
      draft.addExpectLine(block, line);
      continue;
    }
    const scalar = parseNumber(line);
    if (scalar !== undefined) {
      draft.value = { kind: "scalar", value: scalar };
      break;
    }
    const noted = block.series(line);
    if (instant !== null && !instantOnly && noted.points.length > 1)
      block.fail("several points in an instant evaluation need a line `expect range vector …`");
    draft.addSeries(noted);
  }
  return {
    kind: "eval",
    ...block.place,
    expr: (instant === null ? range?.[5] : instant[3]) ?? "",
    query: instant === null ? "range" : "instant",
    // A range vector is what the instant query at its end gives.
    timeMs: window.endMs,
    ...window,
    expectation: draft.finish(),
    instantOnly,
  };
}

interface Times {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

function instantTimes(block: Block, match: RegExpExecArray): Times {
  const timeMs = block.duration(match[2] ?? "");
  return { startMs: timeMs, endMs: timeMs, stepMs: 0 };
}

function parseTimes(block: Block, [, , from = "", to = "", step = ""]: readonly string[]): Times {
  const startMs = block.duration(from);
  const endMs = block.duration(to);
  if (endMs < startMs) block.fail(`the end ${to} is before the start ${from}`);
  return { startMs, endMs, stepMs: block.duration(step) };
}

function parseQuoted(block: Block, text: string): string {
  const isQuoted = /^(?:"(?:[^"\\]|\\.)*"|`[^`]*`)$/.test(text);
  if (!isQuoted) block.fail("expected a string in quotes");
  return unquoteText(text);
}

type Verb = "ordered" | "fail" | "warn" | "no_warn" | "info" | "no_info";

class ExpectationDraft {
  value: Expectation["value"] = { kind: "series", series: [] };
  readonly #lists = new Map<Verb, TextExpectation[]>();
  readonly #isLegacyFailure: boolean;

  /** `modifier` is that of the older `eval_fail` and so on. */
  constructor(modifier: string | undefined) {
    this.#isLegacyFailure = modifier === "fail";
    if (modifier !== undefined) this.#lists.set(modifier as Verb, [ANYTHING]);
  }

  /** `expected_fail_message …` after `eval_fail`; nothing may follow it. */
  takeLegacyFailure(block: Block, line: string): boolean {
    const match = this.#isLegacyFailure
      ? /^expected_fail_(message|regexp)\s+(.*)$/.exec(line)
      : null;
    if (match === null) return false;
    const [, kind, text = ""] = match;
    this.#lists.set("fail", [kind === "message" ? exactly(text) : matching(block, text)]);
    return true;
  }

  addExpectLine(block: Block, line: string): void {
    const match = EXPECT.exec(line);
    if (match === null) block.fail("expected `expect <type> [msg:|regex:] <text>`");
    const verb = match[1] as Verb;
    const [, , kind, text = ""] = match;
    const list = this.#lists.get(verb) ?? [];
    list.push(
      kind === "msg"
        ? exactly(text.trim())
        : kind === "regex"
          ? matching(block, text.trim())
          : ANYTHING,
    );
    this.#lists.set(verb, list);
    for (const [yes, no] of [
      ["warn", "no_warn"],
      ["info", "no_info"],
    ] as const)
      if (this.#lists.has(yes) && this.#lists.has(no))
        block.fail(`${yes} and ${no} cannot be expected together`);
    if ((this.#lists.get("fail")?.length ?? 0) > 1) block.fail("only one failure can be expected");
  }

  /** A series noted twice is expected as it was noted last. */
  addSeries(series: NotedSeries): void {
    const before = this.value.kind === "series" ? this.value.series : [];
    const key = labelsKey(series.labels);
    const others = before.filter(({ labels }) => labelsKey(labels) !== key);
    this.value = { kind: "series", series: [...others, series] };
  }

  finish(): Expectation {
    return {
      fail: this.#lists.get("fail")?.[0],
      warn: this.#lists.get("warn") ?? [],
      info: this.#lists.get("info") ?? [],
      noWarn: this.#lists.has("no_warn"),
      noInfo: this.#lists.has("no_info"),
      ordered: this.#lists.has("ordered"),
      value: this.value,
    };
  }
}

const ANYTHING: TextExpectation = { kind: "pattern", text: ".*", matches: () => true };

function exactly(text: string): TextExpectation {
  return { kind: "message", text, matches: (actual) => actual === text };
}

function matching(block: Block, pattern: string): TextExpectation {
  try {
    const regex = compileRegexSearch(pattern);
    return { kind: "pattern", text: pattern, matches: (actual) => regex.found(actual) };
  } catch (error) {
    return block.fail(error instanceof Error ? error.message : String(error));
  }
}
