import type { HeardAlert } from "@pharos/alert";
import { compareUtf8, type Label, labelsFrom } from "@pharos/base";

/** An alert as somebody posts it: times may be left out. */
export interface PostedAlert {
  readonly labels: readonly Label[];
  readonly annotations: readonly Label[];
  readonly startsAtMs?: number;
  readonly endsAtMs?: number;
  readonly generatorUrl: string;
}

/** Label names and values as UTF-16 units: more than anybody writes by hand. */
const LABEL_LENGTH_MAX = 64 * 1024;
const LABELS_MAX = 512;

/**
 * Fills in what was left out as Alertmanager does: it begins now, or with its end; it ends `resolveTimeoutMs` from now
 * unless it is heard of again. Labels without a value do not count. What is wrong with it comes as text.
 */
export function acceptPosted(
  posted: PostedAlert,
  resolveTimeoutMs: number,
  nowMs: number,
): HeardAlert | string {
  const labels = posted.labels.filter(([, value]) => value !== "");
  const startsAtMs = posted.startsAtMs ?? posted.endsAtMs ?? nowMs;
  const endsAtMs = posted.endsAtMs ?? nowMs + resolveTimeoutMs;
  // Without an end, Alertmanager refuses what begins later than it would end: whoever's clock, or ours, was set wrong is
  // heard here all the same.
  if (posted.endsAtMs !== undefined && endsAtMs < startsAtMs)
    return "start time must be before end time";
  if (labels.length === 0) return "at least one label pair required";
  const problem = problemOf(labels);
  if (problem !== undefined) return `invalid label set: ${problem}`;
  const remark = problemOf(posted.annotations);
  if (remark !== undefined) return `invalid annotations: ${remark}`;
  // Unlike a label, an annotation with an empty value is there.
  const annotations = [...posted.annotations].sort(([a], [b]) => compareUtf8(a, b));
  const { generatorUrl } = posted;
  return {
    alert: { labels: labelsFrom(labels), annotations, startsAtMs, endsAtMs, generatorUrl },
    timedOut: posted.endsAtMs === undefined,
  };
}

function problemOf(labels: readonly Label[]): string | undefined {
  if (labels.length > LABELS_MAX) return `more than ${LABELS_MAX} names`;
  const seen = new Set<string>();
  for (const [name, value] of labels) {
    if (name === "" || !name.isWellFormed()) return `invalid name ${JSON.stringify(name)}`;
    if (!value.isWellFormed()) return `invalid value ${JSON.stringify(value)}`;
    if (seen.has(name)) return `name ${JSON.stringify(name)} is there twice`;
    seen.add(name);
    if (name.length > LABEL_LENGTH_MAX || value.length > LABEL_LENGTH_MAX)
      return `${JSON.stringify(name.slice(0, 100))} is longer than ${LABEL_LENGTH_MAX}`;
  }
  return undefined;
}
