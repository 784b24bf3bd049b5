import { deepEqual, equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import type { Json } from "@pharos/ports";
import type { JiraConfig } from "../../src/config/jira-config.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { jiraDescription, jiraLabel, jiraSummary } from "../../src/receivers/jira-text.ts";
import { JIRA } from "./configs.ts";
import {
  type Answer,
  FakeApi,
  NOTIFICATION,
  outgoing,
  RESOLVED,
  refuses,
  send,
} from "./fake-api.ts";

const LABEL = `ALERT{${createHash("sha256").update('{}:{alertname="HighCpu"}').digest("hex")}}`;
const BASE = "https://jira.example.org/rest/api/2";
const NONE: Answer = { status: 200, body: { issues: [] } };
const CREATED: Answer = { status: 201, body: { id: "10001", key: "OPS-1" } };
const DONE: Answer = { status: 204 };
const TRANSITIONS: Answer = {
  status: 200,
  body: {
    transitions: [
      { id: "11", name: "Resolve" },
      { id: "12", name: "Reopen" },
    ],
  },
};

function found(category: string): Answer {
  return {
    status: 200,
    body: {
      issues: [
        { key: "OPS-1", fields: { status: { name: "x", statusCategory: { key: category } } } },
        { key: "OPS-0", fields: {} },
      ],
    },
  };
}

const TEXTS = {
  summary: { template: "{{ .Status }}", enableUpdate: true },
  description: { template: "hot", enableUpdate: true },
};

async function told(
  answers: readonly Answer[],
  config: Partial<JiraConfig> = {},
  message = outgoing(),
): Promise<{ readonly api: FakeApi; readonly calls: string[]; readonly state: Json | undefined }> {
  const api = new FakeApi(...answers);
  const { state } = await send(
    createReceiver({ ...JIRA, ...TEXTS, ...config }, api.environment),
    message,
  );
  const calls = api.requests.map(({ method, url }) => `${method} ${url}`);
  equal(calls.length, answers.length, calls.join("\n"));
  return { api, calls, state };
}

test("an issue is opened for a group that has none", async () => {
  const { api, calls, state } = await told([NONE, CREATED]);
  deepEqual(calls, [`POST ${BASE}/search`, `POST ${BASE}/issue`]);
  deepEqual(api.request().headers, {
    "content-type": "application/json",
    "user-agent": "Pharos/1.2.3",
    accept: "application/json",
    "accept-language": "en",
    authorization: `Basic ${btoa("bot@example.org:jira-s3cret")}`,
  });
  deepEqual(api.json(0), {
    jql: `statusCategory != Done and project="OPS" and labels="${LABEL}" order by status ASC,resolutiondate DESC`,
    maxResults: 2,
    fields: ["status"],
  });
  deepEqual(api.json(1), {
    fields: {
      project: { key: "OPS" },
      issuetype: { name: "Bug" },
      summary: "firing",
      description: "hot",
      labels: [LABEL, "alertmanager"],
      priority: { name: "High" },
    },
  });
  deepEqual(state, { id: "10001" });
});

test("an issue that is there is brought up to date, but not moved or typed again", async () => {
  const { api, calls, state } = await told([found("indeterminate"), DONE]);
  deepEqual(calls, [`POST ${BASE}/search`, `PUT ${BASE}/issue/OPS-1`]);
  deepEqual(api.json(1), {
    fields: {
      summary: "firing",
      description: "hot",
      labels: [LABEL, "alertmanager"],
      priority: { name: "High" },
    },
  });
  equal(state, undefined);
});

test("what people may change is left alone where the configuration says so", async () => {
  const { api } = await told([found("new"), DONE], {
    summary: { template: "s", enableUpdate: false },
    description: { template: "d", enableUpdate: false },
    labels: { values: ["a b"], enableUpdate: false, updateMode: "replace" },
    priority: "",
  });
  deepEqual(api.json(1), { fields: {} });
  const merged = await told([found("new"), DONE], {
    labels: { values: ["a b", "{{ .Receiver }}"], enableUpdate: true, updateMode: "merge" },
    priority: "",
  });
  deepEqual(merged.api.json(1), {
    fields: { summary: "firing", description: "hot" },
    update: { labels: [{ add: LABEL }, { add: "a_b" }, { add: "team" }] },
  });
});

test("fields of one's own are templates throughout", async () => {
  const { api } = await told([NONE, CREATED], {
    priority: "{{ .CommonLabels.severity }}",
    fields: [
      ["customfield_1", { value: "{{ .Status }}" }],
      ["components", [{ name: "{{ .Receiver }}" }]],
      ["priority", { id: "2" }],
    ],
  });
  const { fields } = api.json(1) as { fields: Record<string, unknown> };
  deepEqual(fields["customfield_1"], { value: "firing" });
  deepEqual(fields["components"], [{ name: "team" }]);
  deepEqual(fields["priority"], { id: 2 });
});

describe("transitions", () => {
  test("what is resolved resolves the issue", async () => {
    const { api, calls } = await told(
      [found("new"), DONE, TRANSITIONS, DONE],
      {},
      outgoing(RESOLVED),
    );
    deepEqual(calls.slice(2), [
      `GET ${BASE}/issue/OPS-1/transitions`,
      `POST ${BASE}/issue/OPS-1/transitions`,
    ]);
    equal(api.request(2).body, undefined);
    equal(api.request(3).body, '{"transition":{"id":"11"}}');
  });

  test("what fires again reopens it, if it was done not long ago", async () => {
    const { api } = await told([found("done"), DONE, TRANSITIONS, DONE], {
      reopenDurationMs: 90 * 60_000,
    });
    equal(
      (api.json(0) as { jql: string }).jql,
      `(resolutiondate is EMPTY OR resolutiondate >= -90m) and project="OPS" and labels="${LABEL}" order by status ASC,resolutiondate DESC`,
    );
    equal(api.request(3).body, '{"transition":{"id":"12"}}');
  });

  test("nothing is opened to be resolved", async () => {
    await told([NONE], {}, outgoing(RESOLVED));
  });

  test("an issue that is where it belongs, or has no transition configured, stays", async () => {
    await told([found("done"), DONE], {}, outgoing(RESOLVED));
    await told([found("new"), DONE]);
    await told([found("new"), DONE], { resolveTransition: "" }, outgoing(RESOLVED));
    await told([found("done"), DONE], { reopenTransition: "" });
  });

  test("a transition that there is none of is named, beside those that there are", async () => {
    const api = new FakeApi(found("new"), DONE, TRANSITIONS);
    const config = { ...JIRA, resolveTransition: "Close" };
    await refuses(
      send(createReceiver(config, api.environment), outgoing(RESOLVED)),
      "notify.rejected",
      ['issue OPS-1 has no transition "Close"; it has "Resolve", "Reopen"'],
    );
  });
});

describe("the search", () => {
  const CLOUD = "https://acme.atlassian.net/rest/api/2";

  for (const [apiType, apiUrl, expected] of [
    ["auto", CLOUD, "https://acme.atlassian.net/rest/api/3/search/jql"],
    ["auto", `${BASE}/`, `${BASE}/search`],
    ["cloud", BASE, "https://jira.example.org/rest/api/3/search/jql"],
    ["datacenter", CLOUD, `${CLOUD}/search`],
  ] as const)
    test(`${apiType} at ${apiUrl} asks ${expected}`, async () => {
      const { calls } = await told([NONE, CREATED], { apiType, apiUrl });
      deepEqual(calls, [`POST ${expected}`, `POST ${apiUrl.replace(/\/$/, "")}/issue`]);
    });

  test("the cloud is told of the issue that it may not have found yet", async () => {
    const { api } = await told(
      [NONE, CREATED],
      { apiUrl: CLOUD },
      outgoing(NOTIFICATION, { id: "10001" }),
    );
    deepEqual((api.json() as { reconcileIssues: unknown }).reconcileIssues, [10001]);
  });

  test("an issue that nobody will fix is neither updated nor reopened, an open one is", async () => {
    const { api } = await told([NONE, CREATED], { wontFixResolution: `Won't "Do"` });
    equal(
      (api.json() as { jql: string }).jql.split(" and ")[0],
      String.raw`(resolution is EMPTY OR resolution != "Won't \"Do\"")`,
    );
  });

  test("an answer without issues opens no second one", async () => {
    const api = new FakeApi({ status: 200, body: "<html>" });
    await refuses(send(createReceiver(JIRA, api.environment)), "notify.unavailable");
    equal(api.requests.length, 1);
  });
});

test("why Jira refuses is said in its words", async () => {
  const body = { errorMessages: ["No."], errors: { priority: "Field cannot be set" } };
  const api = new FakeApi(NONE, { status: 400, body });
  await refuses(send(createReceiver(JIRA, api.environment)), "notify.rejected", [
    "jira at jira.example.org: status 400: No.; priority: Field cannot be set",
  ]);
});

describe("texts", () => {
  test("a summary is a line of at most 255 characters", () => {
    equal(jiraSummary(" a\r\n\n  b "), "a b");
    equal(jiraSummary("x".repeat(256)), `${"x".repeat(254)}…`);
  });

  test("a label has no spaces", () => {
    equal(jiraLabel(" a b\tc "), "a_b_c");
  });

  test("version 2 takes a description as text, of at most 32,767 characters", () => {
    equal(jiraDescription("a\nb", false), "a\nb");
    equal(jiraDescription("x".repeat(32_768), false), `${"x".repeat(32_766)}…`);
    equal(jiraDescription(" \n", false), undefined);
  });

  test("version 3 takes a document: the template's own, or one made of its text", () => {
    const own = { version: 1, type: "doc", content: [] };
    deepEqual(jiraDescription(JSON.stringify(own), true), own);
    deepEqual(jiraDescription("\na\nb\n\n\n{c}\n", true), {
      version: 1,
      type: "doc",
      content: [
        {
          type: "paragraph",
          content: [
            { type: "text", text: "a" },
            { type: "hardBreak" },
            { type: "text", text: "b" },
          ],
        },
        { type: "paragraph", content: [{ type: "text", text: "{c}" }] },
      ],
    });
  });
});
