// What Debian's Prometheus says to texts that are no queries must be what we say, at the same place, except for what
// has been added to the language since.
import { deepEqual, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { PromqlSyntaxError, parse } from "@pharos/promql/syntax";
import { KNOWN_TO_PROMETHEUS_2 } from "../../packages/promql/test/syntax-error-cases.ts";
import { NEWER_THAN_PROMETHEUS_2 } from "../../packages/promql/test/syntax-newer-error-cases.ts";
import { skipWithout } from "../harness/child.ts";
import { temporaryFolder } from "../harness/pharos-process.ts";
import { PrometheusProcess } from "../harness/prometheus-process.ts";

/** The least that the two must agree on, so that nobody empties the table. */
const AGREED_MIN = 150;

test("texts that are no queries", { skip: skipWithout("prometheus") }, async (t) => {
  await using folder = await temporaryFolder();
  await using prometheus = await PrometheusProcess.start(folder.path, () => "global: {}\n");

  /** Its complaint, or undefined where it takes the text. */
  async function complaint(text: string): Promise<string | undefined> {
    const response = await fetch(`${prometheus.url}/api/v1/format_query`, {
      method: "POST",
      body: new URLSearchParams({ query: text }),
    });
    const answer = (await response.json()) as { readonly error?: string };
    return answer.error?.replace('invalid parameter "query": ', "");
  }

  await t.test(`Prometheus refuses at least ${AGREED_MIN} of them in our words`, async () => {
    const disputed: unknown[] = [];
    for (const [text] of KNOWN_TO_PROMETHEUS_2) {
      const [ours, theirs] = [ourComplaint(text), await complaint(text)];
      if (ours !== theirs) disputed.push({ text, ours, theirs });
    }
    deepEqual(disputed, []);
    ok(KNOWN_TO_PROMETHEUS_2.length >= AGREED_MIN);
  });

  for (const [reason, cases] of Object.entries(NEWER_THAN_PROMETHEUS_2))
    await t.test(`it still answers otherwise: ${reason}`, async () => {
      for (const [text] of cases) notEqual(await complaint(text), ourComplaint(text), text);
    });
});

function ourComplaint(text: string): string | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    if (error instanceof PromqlSyntaxError) return error.message;
    throw error;
  }
}
