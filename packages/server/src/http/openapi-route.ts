import { OPENAPI_VERSIONS, openApiDocument } from "@pharos/api";
import { quote } from "@pharos/base";
import { stringify } from "yaml";
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
    // Without anchors: not every reader of OpenAPI knows them.
    stringify(openApiDocument(version, status.build.version), { aliasDuplicateObjects: false }),
  );
  return new Response(text, { headers: { "Content-Type": "application/yaml" } });
}
