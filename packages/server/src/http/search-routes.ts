import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, type Matcher, METRIC_NAME, quote } from "@pharos/base";
import type { SeriesReader, TimeRange } from "@pharos/ports";
import { type Answer, encoded, streamed } from "./answer.ts";
import { badData } from "./errors.ts";
import { type FuzzyScore, jaroWinklerScore, subsequenceScore } from "./fuzzy-score.ts";
import { matchParameters } from "./match-parameter.ts";
import { optionalBoolean, timeParameter } from "./parameters.ts";
import type { ReadRequest } from "./read-request.ts";

const NDJSON_TYPE = "application/x-ndjson; charset=utf-8";

/** How far back a search looks, where the request does not say. */
const RANGE_MS = 3_600_000;
const LIMIT = 100;
const BATCH_SIZE = 100;
/** What a search compares takes time by its length, and by the number of terms. */
const TERM_LENGTH_MAX = 1024;
const TERMS_MAX = 100;
/** How long a search keeps its thread before others get their turn, */
const SLICE_MS = 10;
/** looked at after so many names. */
const NAMES_PER_LOOK = 256;

const FUZZY_ALGORITHMS = ["subsequence", "jarowinkler"] as const;

interface SearchDependencies {
  readonly clock: Clock;
  readonly store: Pick<SeriesReader, "labelNames" | "labelValues">;
}

interface Search {
  readonly matcherLists: readonly (readonly Matcher[])[];
  readonly range: TimeRange;
  /** How well a name answers; undefined where it does not. */
  readonly accept: (name: string) => number | undefined;
  readonly order: "ascending" | "descending" | "score";
  readonly withScore: boolean;
  readonly limit: number;
  readonly batchSize: number;
}

interface Found {
  readonly name: string;
  readonly score: number;
}

/** What is searched: the last part of the path. */
export type SearchedKind = "metric_names" | "label_names" | "label_values";

/**
 * `/api/v1/search/metric_names`, `label_names` and `label_values?label`: `search[]` (any of them), `fuzz_alg`,
 * `fuzz_threshold`, `case_sensitive`, `sort_by`, `sort_dir`, `include_score`, `match[]`, `start`, `end`, `limit`,
 * `batch_size`. Lines of JSON: batches of results, then one that says whether there are more.
 */
export async function search(
  request: ReadRequest,
  kind: SearchedKind,
  { clock, store }: SearchDependencies,
): Promise<Answer> {
  const parameters = request.parameters;
  const wanted = searchParameters(parameters, kind, clock.nowMs());
  // Answered where the metadata is; what it is asked for must be right here, too.
  optionalBoolean(parameters, "include_metadata", false);
  const label = kind === "label_values" ? (parameters.get("label") ?? "") : METRIC_NAME;
  if (label === "") throw badData('missing required parameter "label"');
  const { range, matcherLists } = wanted;
  const names =
    kind === "label_names"
      ? await store.labelNames(range, matcherLists)
      : await store.labelValues(label, range, matcherLists);
  const found = await matching(names, wanted, clock, request.signal);
  return streamed(encoded(lines(found, wanted)), NDJSON_TYPE);
}

/** In the order asked for. Compares as many as fit into a turn, then lets others work. */
async function matching(
  names: readonly string[],
  { accept, order }: Search,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  let sliceStartMs = clock.monotonicMs();
  for (const [i, name] of names.entries()) {
    const score = accept(name);
    if (score !== undefined) found.push({ name, score });
    if (i % NAMES_PER_LOOK !== 0 || clock.monotonicMs() - sliceStartMs < SLICE_MS) continue;
    await nextTurn();
    signal.throwIfAborted();
    sliceStartMs = clock.monotonicMs();
  }
  if (order === "descending") return found.reverse();
  // Names of the same score stay in the order of the alphabet.
  return order === "score" ? found.sort((a, b) => b.score - a.score) : found;
}

function* lines(
  found: readonly Found[],
  { limit, batchSize, withScore }: Search,
): Generator<string, void, undefined> {
  const shown = found.slice(0, limit);
  for (let from = 0; from === 0 || from < shown.length; from += batchSize) {
    const results = shown
      .slice(from, from + batchSize)
      .map(({ name, score }) => (withScore ? { name, score } : { name }));
    yield `${JSON.stringify({ results })}\n`;
  }
  yield `${JSON.stringify({ status: "success", has_more: found.length > limit })}\n`;
}

function searchParameters(parameters: URLSearchParams, kind: SearchedKind, nowMs: number): Search {
  const minMs = timeParameter(parameters, "start", nowMs - RANGE_MS);
  const maxMs = timeParameter(parameters, "end", nowMs);
  const matcherLists = matchParameters(parameters, { named: false });
  const terms = parameters.getAll("search[]");
  if (terms.length > TERMS_MAX) throw badData(`${terms.length} search terms; at most ${TERMS_MAX}`);
  const accept = acceptance(parameters, terms);
  const withScore = optionalBoolean(parameters, "include_score", false);
  const order = orderParameter(parameters, kind, terms);
  const limit = countOr(parameters, "limit", LIMIT);
  const batchSize = countOr(parameters, "batch_size", BATCH_SIZE);
  return { matcherLists, range: { minMs, maxMs }, accept, order, withScore, limit, batchSize };
}

function acceptance(parameters: URLSearchParams, terms: readonly string[]): Search["accept"] {
  const thresholdText = parameters.get("fuzz_threshold") ?? "";
  const threshold = thresholdText === "" ? 0 : integerOf(thresholdText);
  if (threshold === undefined || threshold < 0 || threshold > 100)
    throw badData(`invalid fuzz_threshold ${quote(thresholdText)}: must be 0-100`);
  const algorithmText = parameters.get("fuzz_alg") || FUZZY_ALGORITHMS[0];
  const algorithm = FUZZY_ALGORITHMS.find((name) => name === algorithmText);
  if (algorithm === undefined)
    throw badData(
      `unsupported fuzz_alg ${quote(algorithmText)}: must be one of [${FUZZY_ALGORITHMS.join(" ")}]`,
    );
  const caseSensitive = optionalBoolean(parameters, "case_sensitive", true);
  if (terms.length === 0) return () => 1;
  const accepts = terms.map((term) => {
    if (term.length > TERM_LENGTH_MAX)
      throw badData(`a search term of ${term.length} characters; at most ${TERM_LENGTH_MAX}`);
    return termAcceptance(caseSensitive ? term : term.toLowerCase(), algorithm, threshold / 100);
  });
  return (name) => {
    const text = caseSensitive ? name : name.toLowerCase();
    let best: number | undefined;
    for (const accept of accepts) {
      const score = accept(text);
      if (score !== undefined && (best === undefined || score > best)) best = score;
    }
    return best;
  };
}

/** `subsequence` takes what scores at all and reaches the threshold; `jarowinkler` takes what holds the term, too. */
function termAcceptance(
  term: string,
  algorithm: (typeof FUZZY_ALGORITHMS)[number],
  threshold: number,
): (text: string) => number | undefined {
  if (term === "") return () => 1;
  if (algorithm === "subsequence") {
    const scoreOf = subsequenceScore(term);
    return (text) => {
      const score = scoreOf(text);
      return score > 0 && score >= threshold ? score : undefined;
    };
  }
  const scoreOf: FuzzyScore | undefined = threshold > 0 ? jaroWinklerScore(term) : undefined;
  return (text) => {
    if (text.startsWith(term)) return 1;
    if (text.includes(term)) return 0.9;
    const score = scoreOf?.(text) ?? 0;
    return scoreOf !== undefined && score >= threshold ? score : undefined;
  };
}

function orderParameter(
  parameters: URLSearchParams,
  kind: SearchedKind,
  terms: readonly string[],
): Search["order"] {
  const by = parameters.get("sort_by") ?? "";
  const direction = parameters.get("sort_dir") ?? "";
  if (direction !== "" && by === "") throw badData("sort_dir is only valid when sort_by is set");
  if (direction !== "" && by === "score")
    throw badData("sort_dir is not supported for sort_by=score");
  if (!["", "asc", "dsc"].includes(direction))
    throw badData(`invalid sort_dir ${quote(direction)}: must be "asc" or "dsc"`);
  if (by === "score") {
    if (terms.length === 0) throw badData("sort_by=score requires search[] to be set");
    return "score";
  }
  if (by !== "" && by !== "alpha")
    throw badData(`invalid sort_by ${quote(by)} for ${kind}: must be "alpha" or "score"`);
  return direction === "dsc" ? "descending" : "ascending";
}

/** 0 is as good as nothing. */
function countOr(parameters: URLSearchParams, name: string, absent: number): number {
  const text = parameters.get(name) ?? "";
  if (text === "") return absent;
  const count = integerOf(text);
  if (count === undefined || count < 0)
    throw badData(`invalid ${name} ${quote(text)}: must be non-negative integer`);
  return count === 0 ? absent : count;
}

function integerOf(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
