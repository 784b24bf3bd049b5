import { OperatingError } from "@pharos/base";
import type { z } from "zod";
import { type Answer, jsonAnswer } from "./answer.ts";
import { HTTP_ERRORS } from "./errors.ts";
import { formChunks } from "./parameters.ts";

/** What a request asks for, or the answer that refuses it. */
export type Read<T> =
  | { readonly value: T; readonly refused?: undefined }
  | { readonly refused: Answer };

/** Numbers of the framework that Alertmanager answers with: clients print them. */
const REQUIRED = 602;
const TOO_FEW_ITEMS = 612;
const WRONG_FORMAT = 601;

/** What Alertmanager itself finds wrong: a text in JSON. */
export function problem(status: number, message: string): Answer {
  const again = status === 503 ? { "Retry-After": "1" } : {};
  return jsonAnswer(JSON.stringify(message), status, again);
}

/** What its framework finds wrong before that: `code` is the status, or a number of its own. */
export function refusal(
  status: number,
  message: string,
  code = status,
  headers: Answer["headers"] = {},
): Answer {
  return jsonAnswer(JSON.stringify({ code, message }), status, headers);
}

/** The answer to a failure of the world; undefined for a bug. */
export function problemOf(error: unknown): Answer | undefined {
  if (!(error instanceof OperatingError)) return undefined;
  return problem(HTTP_ERRORS[error.code].status, error.message);
}

/** A value that is there and does not have the form that it must have. */
export function wrongFormat(path: string, where: "body" | "path", type: string, text: string) {
  const message = `${path} in ${where} must be of type ${type}: ${JSON.stringify(text)}`;
  return refusal(422, message, WRONG_FORMAT);
}

/**
 * A body in JSON that fits the schema. What is wrong is told as Alertmanager does: text that is no JSON or has another
 * type somewhere with status 400, something that is missing with 422.
 *
 * @param name what the body is, such as `silence`.
 * @throws OperatingError `input.too_large`.
 */
export async function readBody<T>(
  request: Request,
  name: string,
  schema: z.ZodType<T>,
): Promise<Read<T>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of formChunks(request)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (bytes.length === 0) return { refused: refusal(422, `${name} in body is required`, REQUIRED) };
  // Nothing else: a page of another site could send it without asking.
  const type = request.headers.get("Content-Type") ?? "application/octet-stream";
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    const only = `unsupported media type ${JSON.stringify(type)}, only [application/json] are allowed`;
    return { refused: refusal(415, only) };
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return { refused: unparsable(name, error instanceof Error ? error.message : "") };
  }
  const parsed = schema.safeParse(json, { reportInput: true });
  if (parsed.success) return { value: parsed.data };
  return { refused: refusedFor(name, parsed.error.issues) };
}

/** The refusal of a body that cannot be read. */
export function unparsable(name: string, reason: string): Answer {
  return refusal(400, `parsing ${name} body from "" failed, because ${reason}`);
}

function refusedFor(name: string, issues: readonly z.core.$ZodIssue[]): Answer {
  const mistyped = issues.find(
    ({ code, input }) => code !== "too_small" && input !== undefined && input !== null,
  );
  if (mistyped !== undefined) {
    const { path, message } = mistyped;
    return unparsable(name, [...(path.length === 0 ? [] : [path.join(".")]), message].join(": "));
  }
  const [first] = issues;
  const path = first?.path.join(".") || name;
  if (first?.code === "too_small")
    return refusal(422, `${path} in body should have at least 1 items`, TOO_FEW_ITEMS);
  return refusal(422, `${path} in body is required`, REQUIRED);
}

const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(Z|z|[+-]\d\d:\d\d)?$/;
/** The year 1: what Go's programs send where they mean nothing. */
const ZERO_TIME_MS = Date.parse("0001-01-01T00:00:00Z");

/** Ms since the epoch; "zero" for a time that says nothing; undefined for what is none. */
export function parseDateTime(text: string): number | "zero" | undefined {
  if (text === "") return "zero";
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, date, time, fraction = "", zone = "Z"] = match;
  const wholeMs = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  // `Date` carries 30 February over into March; here it is a mistake.
  const day = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(wholeMs) || Number.isNaN(day)) return undefined;
  if (!new Date(day).toISOString().startsWith(date ?? "")) return undefined;
  const timeMs = wholeMs + Number(fraction.slice(0, 3).padEnd(3, "0"));
  return timeMs === ZERO_TIME_MS ? "zero" : timeMs;
}
