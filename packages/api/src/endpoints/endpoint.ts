import type { z } from "zod";

export type Method = "get" | "post" | "put" | "delete";

export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
  /** One of these, where only they are taken. */
  readonly values?: readonly string[];
  /** May be given more than once. */
  readonly repeated?: boolean;
  readonly in?: "path";
}

/** What a successful answer holds. */
export type Answer =
  /** In Prometheus's envelope. */
  | { readonly kind: "data"; readonly schema: z.ZodType }
  /** JSON without the envelope. */
  | { readonly kind: "json"; readonly schema: z.ZodType; readonly status?: number }
  /** JSON, a value a line. */
  | { readonly kind: "lines"; readonly schema: z.ZodType }
  /** Events for a browser, each with JSON. */
  | { readonly kind: "events"; readonly schema: z.ZodType }
  /** Something else than JSON. */
  | { readonly kind: "other"; readonly contentType: string }
  /** Nothing: 204. */
  | { readonly kind: "none" };

/** Methods that answer the same at one path; a path whose methods answer different things has several. */
export interface Endpoint {
  /** Below the root of the server; `{name}` is a parameter. */
  readonly path: string;
  readonly methods: readonly Method[];
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly answer: Answer;
  /** A body that is no form. */
  readonly body?: { readonly contentType: string; readonly schema?: z.ZodType };
}

export const GET = ["get"] as const;
/** Parameters may also come as a form, since long queries do not fit into a URL. */
export const GET_OR_FORM = ["get", "post"] as const;
export const CHANGE = ["post", "put"] as const;

export const data = (schema: z.ZodType): Answer => ({ kind: "data", schema });
export const json = (schema: z.ZodType, status = 200): Answer => ({ kind: "json", schema, status });

export const query: Parameter = {
  name: "query",
  description: "An expression in PromQL.",
  required: true,
};
export const start: Parameter = { name: "start", description: "Unix seconds or RFC 3339." };
export const end: Parameter = { name: "end", description: "Unix seconds or RFC 3339." };
export const limit: Parameter = {
  name: "limit",
  description: "How many results at most; 0 for all.",
};
export const match: Parameter = {
  name: "match[]",
  description: "A selector of series. Of several, what any of them selects.",
  repeated: true,
};
export const inRange: readonly Parameter[] = [match, start, end, limit];

export const v1 = (
  path: string,
  methods: readonly Method[],
  summary: string,
  answer: Answer,
  parameters: readonly Parameter[] = [],
): Endpoint => ({ path: `/api/v1/${path}`, methods, summary, parameters, answer });
