import type { Labels } from "@pharos/base";
import { notesJson, TRUNCATED } from "./answer.ts";
import { JsonWriter } from "./json-writer.ts";

/**
 * Prometheus's envelope around a list of label sets, piece by piece. `limit` of them at most (0 for all), with a warning
 * where that drops some.
 */
export function* labelSetsJson(
  list: readonly Labels[],
  limit: number,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const isCut = limit > 0 && list.length > limit;
  const count = isCut ? limit : list.length;
  const json = new JsonWriter();
  json.text('{"status":"success","data":[');
  for (let i = 0; i < count; i++) {
    if (i > 0) json.text(",");
    json.labels(list[i] as Labels);
    if (json.isFull) yield json.take();
  }
  json.text(`]${notesJson(isCut ? { warnings: [TRUNCATED] } : {})}}`);
  yield json.end();
}
