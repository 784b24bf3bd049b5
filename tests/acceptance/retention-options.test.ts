import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../harness/child.ts";
import { PharosProcess, temporaryFolder } from "../harness/pharos-process.ts";

test("a silence is forgotten when it has been over for as long as Alertmanager's option says", async () => {
  await using folder = await temporaryFolder();
  await using pharos = await PharosProcess.start({
    folder: folder.path,
    config: "global: {}\n",
    args: ["--data.retention", "1s", "--incident-retention", "1h"],
  });
  const url = `${pharos.url}/api/v2/silences`;
  const listed = async (): Promise<readonly { readonly status: { readonly state: string } }[]> =>
    (await (await fetch(url)).json()) as Awaited<ReturnType<typeof listed>>;
  const made = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      matchers: [{ name: "alertname", value: "A", isRegex: false }],
      startsAt: new Date(Date.now() - 1000).toISOString(),
      endsAt: new Date(Date.now() + 1000).toISOString(),
      ...{ createdBy: "ann", comment: "short" },
    }),
  });
  equal(made.status, 200);
  await eventually("it is over", async () => (await listed())[0]?.status.state === "expired");
  await pharos.restart();
  await eventually("it is forgotten", async () => (await listed()).length === 0);
  const flags = await pharos.api<Record<string, string>>("status/flags");
  deepEqual(
    [flags["silence-retention"], flags["data.retention"], flags["delivery-retention"]],
    ["1s", "1s", "30d"],
  );
});
