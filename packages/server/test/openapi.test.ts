import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { ENDPOINTS, openApiDocument } from "@pharos/api";
import { parse } from "yaml";
import { filledWorld } from "./filled-world.ts";

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

async function document(query = ""): Promise<{ text: string; parsed: Document }> {
  const response = await (await filledWorld()).get(`/api/v1/openapi.yaml${query}`);
  equal(response.status, 200);
  equal(response.headers.get("Content-Type"), "application/yaml");
  const text = await response.text();
  return { text, parsed: parse(text) as Document };
}

const operations = ({ paths }: Document): Operation[] =>
  Object.values(paths).flatMap((path) => Object.values(path));

for (const [query, version] of [
  ["", /^3\.1\.\d+$/],
  ["?openapi_version=3.1", /^3\.1\.\d+$/],
  ["?openapi_version=3.2", /^3\.2\.\d+$/],
] as const)
  test(`openapi.yaml${query} describes every endpoint`, async () => {
    const { parsed } = await document(query);
    match(parsed.openapi, version);
    const described = Object.entries(parsed.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    const known = ENDPOINTS.flatMap(({ path, methods }) => methods.map((one) => `${one} ${path}`));
    deepEqual(described, known);
  });

test("the text says what the document says", async () => {
  const { parsed } = await document("?openapi_version=3.2");
  deepEqual(parsed, JSON.parse(JSON.stringify(openApiDocument("3.2", "3.0.0"))));
});

test("operations have names of their own, an answer, and an error", async () => {
  const { parsed } = await document();
  const ids = operations(parsed).map(({ operationId }) => operationId);
  equal(new Set(ids).size, ids.length);
  for (const { responses, operationId } of operations(parsed)) {
    ok("default" in responses, operationId);
    ok(Object.keys(responses).length >= 2, operationId);
  }
});

test("parameters of a path are described, and a form is a body", async () => {
  const { parsed } = await document();
  for (const [path, methods] of Object.entries(parsed.paths))
    for (const operation of Object.values(methods))
      for (const [, name] of path.matchAll(/\{(\w+)\}/g))
        ok(
          operation.parameters?.some((one) => one.name === name && one.in === "path"),
          `${path} ${operation.operationId}`,
        );
  ok(parsed.paths["/api/v1/query"]?.["post"]?.requestBody !== undefined);
  equal(parsed.paths["/api/v1/query"]?.["get"]?.requestBody, undefined);
});

test("every reference leads to something", async () => {
  const { text, parsed } = await document();
  const references = [...text.matchAll(/\$ref: "?#\/([\w/]+)"?/g)].map(([, path = ""]) => path);
  ok(references.length > 0);
  for (const reference of new Set(references)) {
    let value: unknown = parsed;
    for (const part of reference.split("/")) value = (value as Record<string, unknown>)[part];
    ok(value !== undefined, reference);
  }
});
