// Many queries asked of both servers, and what became of each.
import { type Answer, ask, type Times } from "./answer.ts";
import { type Asking, askBoth, type Culprit, findCulprit } from "./culprit.ts";
import { exemptionFor } from "./exemptions.ts";
import type { Servers } from "./servers.ts";

export interface AskedQuery {
  readonly query: string;
  readonly times: Times;
}

export interface Failure extends AskedQuery {
  readonly culprit: Culprit;
}

/** What both say is the same: an answer, nothing, or an error. */
type Same = "answered" | "empty" | "refused";

export interface Report {
  readonly asked: number;
  readonly same: Readonly<Record<Same, number>>;
  /** How often each exemption was needed, by its name. */
  readonly exempted: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

/** How Prometheus 2.42 calls what has another name now. */
function asTheySay(query: string): string {
  return query.replaceAll("double_exponential_smoothing(", "holt_winters(");
}

/** Prometheus takes ties as they come, from one time to the next: what is inside a part may have been another tie. */
const ATTEMPTS_MAX = 3;

/** After so many failures one knows enough. */
const FAILURES_MAX = 30;

/** Asks all of them, one after the other; answers what was found. */
export async function runQueries(
  servers: Servers,
  queries: Iterable<AskedQuery>,
  onFailure: (failure: Failure) => void = () => {},
): Promise<Report> {
  const same = { answered: 0, empty: 0, refused: 0 };
  const exempted = new Map<string, number>();
  const failures: Failure[] = [];
  let asked = 0;
  for (const query of queries) {
    if (failures.length >= FAILURES_MAX) break;
    asked++;
    let outcome = await compare(servers, query);
    for (let attempt = 1; attempt < ATTEMPTS_MAX && "culprit" in outcome; attempt++)
      outcome = await compare(servers, query);
    if ("same" in outcome) same[outcome.same]++;
    else if ("exemption" in outcome)
      exempted.set(outcome.exemption, (exempted.get(outcome.exemption) ?? 0) + 1);
    else {
      failures.push(outcome);
      onFailure(outcome);
    }
  }
  return { asked, same, exempted, failures };
}

type Outcome = { readonly same: Same } | { readonly exemption: string } | Failure;

async function compare(servers: Servers, { query, times }: AskedQuery): Promise<Outcome> {
  const asking: Asking = {
    theirs: (text, at) => ask(servers.theirUrl, asTheySay(text), at),
    ours: (text, at) => ask(servers.ourUrl, text, at),
  };
  const answers = await askBoth(asking, query, times);
  const culprit = await findCulprit(asking, query, times, answers);
  if (culprit === undefined) return { same: kindOf(answers[1]) };
  const exemption = await exemptionFor(culprit, asking);
  return exemption === undefined ? { query, times, culprit } : { exemption: exemption.name };
}

function kindOf(answer: Answer): Same {
  if (answer.kind === "error") return "refused";
  return "series" in answer && answer.series.length === 0 ? "empty" : "answered";
}

export function describeFailure({ query, culprit }: Failure): string {
  const { text, times, difference } = culprit;
  const at = Object.values(times).slice(1).join(" ");
  const part = text === query ? "" : `part:   ${text}\n`;
  return `query:  ${query}\n${part}${times.kind}: ${at}\n${difference}\n`;
}
