import { equal, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { listen } from "../src/listener.ts";
import { HttpWorld } from "./http-world.ts";

const DOCUMENT = await readFile(new URL("../../web/index.html", import.meta.url));

/** A server that the outside world sees under `/a&b/pharos`. */
async function openPrefixed(): Promise<AsyncDisposable & { readonly origin: string }> {
  const world = new HttpWorld();
  world.pathPrefix = "/a&b/pharos";
  world.assets = new Map([["index.html", DOCUMENT]]);
  const listener = await listen(
    { host: "127.0.0.1", port: 0 },
    {
      pathPrefix: world.pathPrefix,
      push: {
        "/api/v1/write": async () => ({ status: 200, headers: {}, body: "pushed" }),
      },
      fetch: (request) => world.app.fetch(request),
      observe() {},
      onBug: (error) => world.bugs.push(error),
    },
  );
  const origin = `http://127.0.0.1:${listener.address.port}`;
  return { origin, [Symbol.asyncDispose]: () => listener.close() };
}

test("below the path of the external URL a proxy may take the path away or leave it", async () => {
  await using server = await openPrefixed();
  for (const prefix of ["", "/a&b/pharos"]) {
    const at = `${server.origin}${prefix}`;
    equal((await fetch(`${at}/-/ready`)).status, 200);
    equal((await fetch(`${at}/api/v1/query?query=1`)).status, 200);
    equal(await (await fetch(`${at}/api/v1/write`, { method: "POST" })).text(), "pushed");
    equal((await fetch(`${at}?g0.expr=up`)).status, 200);
  }
  equal((await fetch(`${server.origin}/a&b/pharosity`)).status, 404);
});

test("below the path of the external URL the page finds what belongs to it, and links stay there", async () => {
  await using server = await openPrefixed();
  const page = await (await fetch(`${server.origin}/`)).text();
  ok(page.includes('<base href="/a&amp;b/pharos/"'), page);
  const link = await fetch(`${server.origin}/graph?g0.expr=up`, { redirect: "manual" });
  equal(link.headers.get("Location"), "/a&b/pharos/?g0.expr=up");
});
