import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { type OperatingError, Secret } from "@pharos/base";
import type { SnsConfig } from "../../src/config/paging-configs.ts";
import type { AwsSurroundings } from "../../src/receivers/aws-credentials.ts";
import { createReceiver } from "../../src/receivers/create-receiver.ts";
import { signedHeaders } from "../../src/receivers/sigv4.ts";
import { SNS } from "./configs.ts";
import { FakeApi, NOTIFICATION, outgoing, RESOLVED, refuses, send } from "./fake-api.ts";

const GROUP = createHash("sha256").update('{}:{alertname="HighCpu"}').digest("hex");
const TAKEN = { status: 200, body: "<PublishResponse/>" };

async function formOf(
  config: Partial<SnsConfig>,
  message = outgoing(),
): Promise<Record<string, string>> {
  const api = new FakeApi(TAKEN);
  await send(createReceiver({ ...SNS, message: "hot", ...config }, api.environment), message);
  return Object.fromEntries(new URLSearchParams(String(api.request().body)));
}

test("alerts are published to the topic, signed", async () => {
  const api = new FakeApi(TAKEN);
  await send(createReceiver({ ...SNS, message: "hot & bad" }, api.environment));
  const { method, url, headers, body } = api.request();
  equal(method, "POST");
  equal(url, "https://sns.us-east-2.amazonaws.com/");
  equal(
    body,
    "Action=Publish&Message=hot+%26+bad&Subject=%5BFIRING%3A1%5D+HighCpu+%28critical%29" +
      "&TopicArn=arn%3Aaws%3Asns%3Aus-east-2%3A123456789012%3Aalerts&Version=2010-03-31",
  );
  const { authorization, ...others } = headers;
  deepEqual(others, {
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    "user-agent": "Pharos/1.2.3",
    "x-amz-date": "20240503T120000Z",
  });
  ok(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20240503\/us-east-2\/sns\/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=[\da-f]{64}$/.test(
      authorization ?? "",
    ),
    String(authorization),
  );
});

describe("signatures are those of Amazon's own examples", () => {
  const scope = {
    region: "us-east-1",
    service: "service",
    credentials: {
      accessKey: "AKIDEXAMPLE",
      secretKey: new Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    },
    nowMs: Date.UTC(2015, 7, 30, 12, 36, 0),
  };
  const EXAMPLES = [
    ["GET", "/", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
    [
      "GET",
      "/?Param2=value2&Param1=value1",
      {},
      "",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    ["POST", "/", {}, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
    [
      "POST",
      "/",
      { "content-type": "application/x-www-form-urlencoded" },
      "Param1=value1",
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ],
  ] as const;
  for (const [method, path, headers, body, signature] of EXAMPLES)
    test(`${method} ${path} ${body}`, () => {
      const url = `https://example.amazonaws.com${path}`;
      const signed = signedHeaders({ method, url, headers, body }, scope);
      ok(
        signed["authorization"]?.endsWith(`Signature=${signature}`),
        String(signed["authorization"]),
      );
    });
});

test("phones, endpoints and attributes", async () => {
  deepEqual(
    await formOf({
      ...{ topicArn: "", phoneNumber: "+1555{{ len .Alerts }}", subject: "" },
      attributes: [
        ["k-{{ .Status }}", "{{ .Receiver }}"],
        ["empty", "{{ .CommonLabels.missing }}"],
        ["b", "2"],
      ],
    }),
    {
      ...{ Action: "Publish", Version: "2010-03-31", Message: "hot", PhoneNumber: "+15552" },
      "MessageAttributes.entry.1.Name": "k-firing",
      "MessageAttributes.entry.1.Value.DataType": "String",
      "MessageAttributes.entry.1.Value.StringValue": "team",
      "MessageAttributes.entry.2.Name": "b",
      "MessageAttributes.entry.2.Value.DataType": "String",
      "MessageAttributes.entry.2.Value.StringValue": "2",
    },
  );
  const form = await formOf({ topicArn: "", targetArn: "arn:t", subject: "" });
  equal(form["TargetArn"], "arn:t");
});

test("an ordered topic drops what is sent twice, and nothing else", async () => {
  const fifo = { topicArn: "arn:aws:sns:us-east-2:1:alerts.fifo" };
  const form = await formOf(fifo, outgoing(RESOLVED));
  equal(form["MessageGroupId"], GROUP);
  equal(form["MessageDeduplicationId"], "key-1");
});

test("a subject is a line of ASCII of less than 100 characters", async () => {
  const { Subject } = await formOf({ subject: `a\nb ü🔥 ${"x".repeat(200)}` });
  equal(Subject, `a b ?? ${"x".repeat(92)}`);
});

test("a message that is too long is cut, and says so", async () => {
  const sms = await formOf({ topicArn: "", phoneNumber: "+1", message: "x".repeat(1601) });
  equal(sms["Message"], `${"x".repeat(1597)}…`);
  equal(sms["MessageAttributes.entry.1.Name"], "truncated");
  const topic = await formOf({ message: "x".repeat(256 * 1024 + 1) });
  equal(Buffer.byteLength(topic["Message"] ?? ""), 256 * 1024);
});

test("the address may be another one, and that of China is in China", async () => {
  const api = new FakeApi(TAKEN);
  await send(createReceiver({ ...SNS, apiUrl: "http://localhost:{{ 4566 }}" }, api.environment));
  equal(api.request().url, "http://localhost:4566/");
  const china = { ...SNS, sigv4: { ...SNS.sigv4, region: "cn-north-1" } };
  await send(createReceiver(china, api.environment));
  equal(api.request(1).url, "https://sns.cn-north-1.amazonaws.com.cn/");
  const broken = { ...SNS, apiUrl: "{{ .Status }}" };
  await refuses(send(createReceiver(broken, api.environment)), "notify.rejected", ["api_url"]);
});

describe("whose name it is signed with", () => {
  const SURROUNDINGS: AwsSurroundings = {
    credentials: async (profile) =>
      profile === "nobody"
        ? undefined
        : {
            accessKey: `AKID-${profile}`,
            secretKey: new Secret("surr-s3cret"),
            sessionToken: new Secret("surr-session"),
          },
    region: async (profile) => (profile === "nobody" ? "" : "eu-west-1"),
  };
  const OPEN = { ...SNS.sigv4, accessKey: "", secretKey: undefined } as const;

  test("without keys it is that of the surroundings", async () => {
    const api = new FakeApi(TAKEN);
    const environment = { ...api.environment, aws: SURROUNDINGS };
    const sigv4 = { ...OPEN, region: "", profile: "ops" };
    await send(createReceiver({ ...SNS, sigv4 }, environment));
    const { url, headers } = api.request();
    equal(url, "https://sns.eu-west-1.amazonaws.com/");
    equal(headers["x-amz-security-token"], "surr-session");
    ok(headers["authorization"]?.includes("Credential=AKID-ops/20240503/eu-west-1/sns/"));
    ok(headers["authorization"]?.includes("content-type;host;x-amz-date;x-amz-security-token"));
  });

  test("where there is none, it says what to set", async () => {
    const api = new FakeApi(TAKEN);
    for (const environment of [api.environment, { ...api.environment, aws: SURROUNDINGS }]) {
      const profile = "nobody";
      const noRegion = { ...SNS, sigv4: { ...OPEN, region: "", profile } };
      await refuses(send(createReceiver(noRegion, environment)), "notify.rejected", ["AWS_REGION"]);
      const noKeys = { ...SNS, sigv4: { ...OPEN, profile } };
      const sent = send(createReceiver(noKeys, environment));
      await refuses(sent, "notify.rejected", ["AWS_ACCESS_KEY_ID"]);
    }
    equal(api.requests.length, 0);
  });

  test("a role is taken once an hour, with the id that its owner asks for", async () => {
    const role = (n: number) => ({
      status: 200,
      body:
        `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA${n}</AccessKeyId>` +
        `<SecretAccessKey>lent-s3cret</SecretAccessKey><SessionToken>lent-session-${n}</SessionToken>` +
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>",
    });
    const api = new FakeApi(role(1), TAKEN, TAKEN, role(2), TAKEN);
    const sigv4 = { ...SNS.sigv4, roleArn: "arn:aws:iam::1:role/alerts", externalId: "x-1" };
    const receiver = createReceiver({ ...SNS, sigv4 }, api.environment);
    await send(receiver);
    await send(receiver);
    await api.clock.run(api.clock.sleep(3_541_000, new AbortController().signal));
    await send(receiver);
    deepEqual(
      api.requests.map(({ url, headers }) => [
        new URL(url).hostname,
        headers["x-amz-security-token"],
        /Credential=(\w+)/.exec(headers["authorization"] ?? "")?.[1],
      ]),
      [
        ["sts.us-east-2.amazonaws.com", undefined, "AKIDEXAMPLE"],
        ["sns.us-east-2.amazonaws.com", "lent-session-1", "ASIA1"],
        ["sns.us-east-2.amazonaws.com", "lent-session-1", "ASIA1"],
        ["sts.us-east-2.amazonaws.com", undefined, "AKIDEXAMPLE"],
        ["sns.us-east-2.amazonaws.com", "lent-session-2", "ASIA2"],
      ],
    );
    equal(
      api.request().body,
      "Action=AssumeRole&DurationSeconds=3600&ExternalId=x-1" +
        "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Falerts&RoleSessionName=pharos&Version=2011-06-15",
    );
  });

  test("a role that is over before its time is taken again", async () => {
    const role = "<SecretAccessKey>s3c</SecretAccessKey><AccessKeyId>ASIA</AccessKeyId>";
    const over = { status: 403, body: "<Error><Code>ExpiredToken</Code></Error>" };
    const lent = { status: 200, body: role };
    const api = new FakeApi(lent, over, lent, TAKEN);
    const sigv4 = { ...SNS.sigv4, roleArn: "arn:r" };
    const receiver = createReceiver({ ...SNS, sigv4 }, api.environment);
    await refuses(send(receiver), "notify.unavailable", ["ExpiredToken"]);
    await send(receiver);
    equal(api.requests.length, 4);
  });

  test("FIPS has an address of its own, and an answer without credentials is none", async () => {
    const api = new FakeApi({ status: 200, body: "<AssumeRoleResponse/>" });
    const sigv4 = { ...SNS.sigv4, roleArn: "arn:r", useFipsStsEndpoint: true };
    await refuses(send(createReceiver({ ...SNS, sigv4 }, api.environment)), "notify.unavailable", [
      "holds no credentials",
    ]);
    equal(api.request().url, "https://sts-fips.us-east-2.amazonaws.com/");
  });
});

describe("answers", () => {
  const ERRORS: readonly (readonly [number, string, OperatingError["code"]])[] = [
    [400, "Throttling", "notify.unavailable"],
    [400, "InvalidParameter", "notify.rejected"],
    [403, "AuthorizationError", "notify.rejected"],
    [403, "SignatureDoesNotMatch", "notify.rejected"],
    [404, "NotFound", "notify.rejected"],
    [500, "InternalError", "notify.unavailable"],
  ];
  for (const [status, code, expected] of ERRORS)
    test(`${status} ${code}: ${expected}`, async () => {
      const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>a &lt; b</Message></Error></ErrorResponse>`;
      const api = new FakeApi({ status, body });
      await refuses(send(createReceiver(SNS, api.environment), outgoing(NOTIFICATION)), expected, [
        `status ${status}: ${code}: a < b`,
      ]);
    });
});
