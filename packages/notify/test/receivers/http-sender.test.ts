import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { describe, test } from "node:test";
import { OperatingError, Secret } from "@pharos/base";
import type { HttpRequest } from "@pharos/ports";
import type { NotificationHttpConfig } from "../../src/config/integration-base.ts";
import { DeliveryError } from "../../src/receiver.ts";
import { HttpSender, judgeStatus } from "../../src/receivers/http-sender.ts";
import { type Answer, FakeApi, refuses, START_MS } from "./fake-api.ts";

const URL = "https://user:pass-word@api.test/services/T000AAA/B111BBB?key=abcdef";

function senderOf(api: FakeApi, http: Partial<NotificationHttpConfig> = {}): HttpSender {
  const config = {
    kind: "slack",
    index: 0,
    sendResolved: true,
    timeoutMs: 5000,
    http: { followRedirects: true, ...http },
  } as const;
  return new HttpSender(config, api.environment);
}

async function sendTo(
  api: FakeApi,
  http: Partial<NotificationHttpConfig> = {},
): Promise<HttpRequest> {
  await senderOf(api, http).send({ url: "https://api.test/x", json: { a: 1 } }, signal());
  return api.request();
}

function signal(): AbortSignal {
  return new AbortController().signal;
}

test("a message is posted as JSON, with a name and a limit of time", async () => {
  const request = await sendTo(new FakeApi({ status: 204 }));
  equal(request.method, "POST");
  equal(request.url, "https://api.test/x");
  equal(request.body, '{"a":1}');
  equal(request.timeoutMs, 5000);
  equal(request.followRedirects, true);
  deepEqual(request.headers, { "content-type": "application/json", "user-agent": "Pharos/1.2.3" });
});

test("credentials, headers, TLS and the proxy come from the configuration", async () => {
  const basic = await sendTo(new FakeApi({ status: 200 }), {
    basicAuth: { username: "me", password: new Secret("pä:ss") },
    headers: [["X-Team", new Secret("infra")]],
    tls: { serverName: "other.test" },
    proxy: { url: new Secret("http://u:p@proxy.test:3128"), noProxy: "a.test" },
    followRedirects: false,
  });
  equal(basic.headers["authorization"], `Basic ${Buffer.from("me:pä:ss").toString("base64")}`);
  equal(basic.headers["x-team"], "infra");
  deepEqual(basic.tls, { serverName: "other.test" });
  deepEqual(basic.proxy, { url: "http://u:p@proxy.test:3128", noProxy: "a.test" });
  equal(basic.followRedirects, false);
  const viaEnvironment = await sendTo(new FakeApi({ status: 200 }), {
    proxy: {
      ...{ url: undefined, noProxy: "" },
      connectHeaders: [["X-Token", [new Secret("a"), new Secret("b")]]],
    },
  });
  deepEqual(viaEnvironment.proxy, {
    ...{ url: undefined, noProxy: "" },
    connectHeaders: { "X-Token": ["a", "b"] },
  });
  const bearer = await sendTo(new FakeApi({ status: 200 }), {
    authorization: { type: "Bearer", credentials: new Secret("token") },
  });
  equal(bearer.headers["authorization"], "Bearer token");
});

describe("a status says whether it may work later", () => {
  const rows: readonly (readonly [number, OperatingError["code"]])[] = [
    [302, "notify.rejected"],
    [400, "notify.rejected"],
    [401, "notify.rejected"],
    [403, "notify.rejected"],
    [404, "notify.rejected"],
    [408, "notify.unavailable"],
    [410, "notify.rejected"],
    [429, "notify.unavailable"],
    [500, "notify.unavailable"],
    [503, "notify.unavailable"],
  ];
  for (const [status, code] of rows)
    test(`${status}: ${code}`, async () => {
      await refuses(
        senderOf(new FakeApi({ status, body: "because" })).send({ url: URL, json: {} }, signal()),
        code,
        [`slack at api.test: status ${status}: because`],
      );
    });

  test("a protocol may have its own", async () => {
    await refuses(
      senderOf(new FakeApi({ status: 403 })).send(
        { url: URL, json: {}, judge: judgeStatus([403]) },
        signal(),
      ),
      "notify.unavailable",
    );
  });
});

describe("Retry-After is passed on", () => {
  const rows: readonly (readonly [string, number | undefined])[] = [
    ["7", 7000],
    [" 0 ", 0],
    [new Date(START_MS + 90_000).toUTCString(), 90_000],
    [new Date(START_MS - 90_000).toUTCString(), 0],
    ["999999999", 3_600_000],
    ["soon", undefined],
  ];
  for (const [header, expected] of rows)
    test(`${JSON.stringify(header)} is ${expected} ms`, async () => {
      const api = new FakeApi({ status: 429, headers: { "retry-after": header } });
      await rejects(senderOf(api).send({ url: URL, json: {} }, signal()), (error) => {
        ok(error instanceof DeliveryError);
        equal(error.retryAfterMs, expected);
        return true;
      });
    });
});

test("no error shows a secret, whoever says it", async () => {
  const secrets = [
    "pass-word",
    "T000AAA",
    "B111BBB",
    "abcdef",
    "tok-en",
    "hid den",
    "hid%20den",
    "xKey",
  ];
  const http = {
    authorization: { type: "Bearer", credentials: new Secret("tok-en") },
    headers: [["x-key", new Secret("hid den")]] as const,
  };
  const answers: readonly (Answer | ((request: HttpRequest) => Answer))[] = [
    ({ url }) => {
      throw new OperatingError("http.failed", `${url}: refused`, { cause: new Error(url) });
    },
    () => {
      throw new OperatingError("http.failed", "no route to /services/T000AAA/B111BBB?key=abcdef");
    },
    {
      status: 403,
      body: "bad token tok-en for /services/T000AAA/B111BBB, hid%20den, user:pass-word, xKey",
    },
    { status: 500, body: { error: 'key "hid den"', path: "/services/T000AAA" } },
  ];
  for (const answer of answers) {
    const sent = senderOf(new FakeApi(answer), http).send(
      { url: URL, json: {}, secrets: ["xKey"] },
      signal(),
    );
    await rejects(sent, (error) => {
      ok(error instanceof OperatingError);
      for (const secret of secrets) ok(!error.message.includes(secret), error.message);
      equal(error.cause, undefined);
      ok(error.message.startsWith("slack at api.test: "));
      return true;
    });
  }
});

test("what failed is said once, with the host", async () => {
  const cause = new Error("connect ECONNREFUSED");
  const failing = new FakeApi(() => {
    throw new OperatingError("http.failed", "api.test: connection refused", { cause });
  });
  await rejects(senderOf(failing).send({ url: URL, json: {} }, signal()), {
    message: "slack at api.test: connection refused",
  });
});

test("a long answer is cut in the message", async () => {
  const api = new FakeApi({ status: 500, body: "x".repeat(5000) });
  await rejects(senderOf(api).send({ url: URL, json: {} }, signal()), (error) => {
    ok(error instanceof OperatingError);
    ok(error.message.length < 300);
    return true;
  });
});

test("an abort is passed on as it is", async () => {
  const reason = new Error("stopped");
  const api = new FakeApi(() => {
    throw reason;
  });
  await rejects(senderOf(api).send({ url: URL, json: {} }, signal()), reason);
});

test("an address that is none is refused without a request", async () => {
  const api = new FakeApi({ status: 200 });
  for (const url of ["", "not a url", "file:///etc/passwd"])
    await refuses(senderOf(api).send({ url, json: {} }, signal()), "notify.rejected", ["no http"]);
  equal(api.requests.length, 0);
});

describe("OAuth 2", () => {
  const oauth2 = {
    clientId: "me",
    clientSecret: new Secret("s3cr3t"),
    tokenUrl: "https://auth.test/token",
    scopes: ["a", "b"],
    endpointParams: [["audience", "x"]] as const,
  };
  const issued = (token: string): Answer => ({
    status: 200,
    body: { access_token: token, token_type: "Bearer", expires_in: 60 },
  });

  test("a token is asked for once, used while it holds, and then asked for again", async () => {
    const api = new FakeApi(
      ...[issued("t1"), { status: 200 }, { status: 200 }, issued("t2"), { status: 200 }],
    );
    const sender = senderOf(api, { oauth2 });
    const message = { url: "https://api.test/x", json: {} };
    await sender.send(message, signal());
    await sender.send(message, signal());
    await api.clock.run(api.clock.sleep(55_000, signal()));
    await sender.send(message, signal());
    deepEqual(
      api.requests.map(({ url, headers }) => `${url} ${headers["authorization"]}`),
      [
        `https://auth.test/token Basic ${btoa("me:s3cr3t")}`,
        "https://api.test/x Bearer t1",
        "https://api.test/x Bearer t1",
        `https://auth.test/token Basic ${btoa("me:s3cr3t")}`,
        "https://api.test/x Bearer t2",
      ],
    );
    equal(api.request().body, "grant_type=client_credentials&scope=a+b&audience=x");
    equal(api.request().headers["content-type"], "application/x-www-form-urlencoded");
  });

  test("a token that is refused before its time is asked for again, once", async () => {
    const api = new FakeApi(issued("old"), { status: 401 }, issued("new"), { status: 200 });
    await senderOf(api, { oauth2 }).send({ url: "https://api.test/x", json: {} }, signal());
    equal(api.request(3).headers["authorization"], "Bearer new");
    const stubborn = new FakeApi(issued("a"), { status: 401 }, issued("b"), { status: 401 });
    await refuses(
      senderOf(stubborn, { oauth2 }).send({ url: "https://api.test/x", json: {} }, signal()),
      "notify.rejected",
      ["status 401"],
    );
    equal(stubborn.requests.length, 4);
  });

  const failures: readonly (readonly [Answer, OperatingError["code"], string])[] = [
    [{ status: 401, body: "s3cr3t is wrong" }, "notify.rejected", "OAuth 2 token: status 401"],
    [{ status: 503 }, "notify.unavailable", "OAuth 2 token: status 503"],
    [{ status: 200, body: "hello" }, "notify.unavailable", "no access_token"],
    [{ status: 200, body: { token: "x" } }, "notify.unavailable", "no access_token"],
  ];
  for (const [answer, code, says] of failures)
    test(`${JSON.stringify(answer)}: ${code}`, async () => {
      await refuses(
        senderOf(new FakeApi(answer), { oauth2 }).send({ url: URL, json: {} }, signal()),
        code,
        [says],
        ["s3cr3t", btoa("me:s3cr3t")],
      );
    });
});
