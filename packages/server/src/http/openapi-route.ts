import { OPENAPI_VERSIONS, openApiDocument } from "@pharos/api";
import { quote } from "@pharos/base";
import { invalidParameter } from "./errors.ts";
import { parametersOf } from "./parameters.ts";

/** The documents that somebody has asked for; there are as many as versions. */
const texts = new Map<string, string>();

/** `/api/v1/openapi.yaml?openapi_version=3.1|3.2`: what this API is, for programs. */
export async function openApi(
  request: Request,
  { status }: { readonly status: { readonly build: { readonly version: string } } },
): Promise<Response> {
  const asked = (await parametersOf(request)).get("openapi_version") || OPENAPI_VERSIONS[0];
  const version = OPENAPI_VERSIONS.find(
    (known) => asked === known || asked.startsWith(`${known}.`),
  );
  if (version === undefined)
    throw invalidParameter(
      "openapi_version",
      `${quote(asked)} is none of ${OPENAPI_VERSIONS.join(" and ")}`,
    );
  const text = texts.getOrInsertComputed(version, () =>
    blockYaml(openApiDocument(version, status.build.version), ""),
  );
  return new Response(text, { headers: { "Content-Type": "application/yaml" } });
}

/** Keys that YAML takes without quotes, and for nothing but text. */
const PLAIN_KEY = /^[a-z/$][\w/{}$.-]*$/i;

/**
 * YAML with a line for each value, every text quoted as in JSON. A library would keep the thread for a quarter of a
 * second.
 */
function blockYaml(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return `${JSON.stringify(value)}\n`;
  const below = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]\n";
    const items = value.map((item) => `${indent}- ${inline(item, below)}`);
    return items.join("");
  }
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  if (entries.length === 0) return "{}\n";
  return entries
    .map(([key, member]) => {
      const name = PLAIN_KEY.test(key) ? key : JSON.stringify(key);
      const text = blockYaml(member, below);
      return `${indent}${name}:${text.startsWith(below) ? "\n" : " "}${text}`;
    })
    .join("");
}

/** What stands behind a dash: its first line without its indent. */
function inline(value: unknown, indent: string): string {
  const text = blockYaml(value, indent);
  return text.startsWith(indent) ? text.slice(indent.length) : text;
}
