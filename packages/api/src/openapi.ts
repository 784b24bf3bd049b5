import { z } from "zod";
import type { Answer, Endpoint, Method, Parameter } from "./endpoints/endpoint.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { errorAnswerSchema, successAnswerSchema } from "./prometheus.ts";

export const OPENAPI_VERSIONS = ["3.1", "3.2"] as const;
export type OpenApiVersion = (typeof OPENAPI_VERSIONS)[number];

/** The patch of the specification that is meant. */
const PATCHES = { "3.1": "3.1.1", "3.2": "3.2.0" } as const satisfies Record<
  OpenApiVersion,
  string
>;

type Json = Readonly<Record<string, unknown>>;

/** The description of all endpoints in OpenAPI, made from the same schemas that hold for the answers. */
export function openApiDocument(version: OpenApiVersion, serverVersion: string): Json {
  const paths: Record<string, Json> = {};
  for (const endpoint of ENDPOINTS) {
    const operations = endpoint.methods.map((method) => [method, operation(endpoint, method)]);
    // What a path answers may differ by method: such a path has several endpoints.
    paths[endpoint.path] = { ...paths[endpoint.path], ...(Object.fromEntries(operations) as Json) };
  }
  return {
    openapi: PATCHES[version],
    info: {
      title: "Pharos",
      description: "The HTTP API of Pharos: Prometheus's, and what Pharos has beside it.",
      version: serverVersion,
      license: { name: "Apache 2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: { Error: schemaOf(errorAnswerSchema) },
      responses: {
        Error: {
          description: "Why it did not succeed.",
          content: jsonContent({ $ref: "#/components/schemas/Error" }),
        },
      },
    },
  };
}

function operation(endpoint: Endpoint, method: Method): Json {
  const { path, summary, parameters, answer, body } = endpoint;
  const isForm = (method === "post" || method === "put") && body === undefined;
  const inPath = parameters.filter((one) => one.in === "path");
  const others = parameters.filter((one) => one.in !== "path");
  return {
    operationId: operationId(method, path),
    summary,
    parameters: [...inPath, ...(isForm ? [] : others)].map(parameterOf),
    ...(isForm && others.length > 0 ? { requestBody: form(others) } : {}),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              [body.contentType]:
                body.schema === undefined ? {} : { schema: schemaOf(body.schema, "input") },
            },
          },
        }),
    responses: {
      ...success(answer),
      default: { $ref: "#/components/responses/Error" },
    },
  };
}

/** `get-query-range` for GET /api/v1/query_range. */
function operationId(method: Method, path: string): string {
  const words = path.replace("/api/v1/", "").match(/[a-z0-9]+/gi) ?? [];
  return [method, ...words].join("-").toLowerCase();
}

function parameterOf({ name, description, required = false, ...parameter }: Parameter): Json {
  return {
    name,
    in: parameter.in ?? "query",
    description,
    required,
    schema: parameterSchema(parameter),
    ...(parameter.repeated === true ? { explode: true, style: "form" } : {}),
  };
}

function parameterSchema({ values, repeated }: Pick<Parameter, "values" | "repeated">): Json {
  const one = { type: "string", ...(values === undefined ? {} : { enum: values }) };
  return repeated === true ? { type: "array", items: one } : one;
}

function form(parameters: readonly Parameter[]): Json {
  const required = parameters.filter((one) => one.required === true).map(({ name }) => name);
  const properties = parameters.map(
    ({ name, description, ...parameter }) =>
      [name, { ...parameterSchema(parameter), description }] as const,
  );
  return {
    required: required.length > 0,
    content: {
      "application/x-www-form-urlencoded": {
        schema: {
          type: "object",
          properties: Object.fromEntries(properties),
          ...(required.length === 0 ? {} : { required }),
        },
      },
    },
  };
}

function success(answer: Answer): Json {
  switch (answer.kind) {
    case "data": {
      const content = jsonContent(schemaOf(successAnswerSchema(answer.schema)));
      return { "200": { description: "Success.", content } };
    }
    case "json": {
      const content = jsonContent(schemaOf(answer.schema));
      return { [String(answer.status ?? 200)]: { description: "Success.", content } };
    }
    case "lines":
      return {
        "200": {
          description: "A value a line.",
          content: { "application/x-ndjson": { schema: schemaOf(answer.schema) } },
        },
      };
    case "events":
      return {
        "200": {
          description: "An event each, with JSON as its data.",
          content: { "text/event-stream": { schema: schemaOf(answer.schema) } },
        },
        "204": { description: "Too many listen already." },
      };
    case "other":
      return { "200": { description: "Success.", content: { [answer.contentType]: {} } } };
    case "none":
      return { "204": { description: "Done." } };
  }
}

function jsonContent(schema: Json): Json {
  return { "application/json": { schema } };
}

/** OpenAPI has taken JSON Schema over as it is. */
function schemaOf(schema: z.ZodType, io: "input" | "output" = "output"): Json {
  // Objects may have more fields than are named: clients must not fail on what a later version adds.
  const { $schema, ...json } = z.toJSONSchema(schema, { io, override: openObjects });
  return json;
}

function openObjects({ jsonSchema }: { jsonSchema: { additionalProperties?: unknown } }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}
