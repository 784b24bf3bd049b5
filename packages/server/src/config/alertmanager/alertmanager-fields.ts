import { DURATION_HINT, parseDuration, quote, Secret } from "@pharos/base";
import type { HostPort } from "@pharos/notify";
import type { Json } from "@pharos/ports";
import { z } from "zod";
import { secret } from "../read-yaml.ts";

/** A text that is a template where the format says so; what stands in the file stays as it is. */
export function text(otherwise = ""): z.ZodDefault<z.ZodString> {
  return z.string().default(otherwise);
}

/** `{{ template "slack.default.title" . }}`: what Alertmanager's own templates say. */
export function defaultTemplate(name: string): string {
  return `{{ template "${name}" . }}`;
}

/** Names and texts in the order of the file. */
export const texts = z.record(z.string(), z.string()).default({});

const URL_HINT = "expected a URL such as https://example.com/hook";

/** What is wrong with an address, in Alertmanager's words; undefined where nothing is. */
export function urlProblem(address: string): string | undefined {
  const url = URL.parse(address);
  const scheme = url === null ? "" : url.protocol.slice(0, -1);
  if (scheme !== "http" && scheme !== "https")
    return `unsupported scheme ${quote(scheme)} for URL; ${URL_HINT}`;
  return url?.hostname === "" ? `missing host for URL; ${URL_HINT}` : undefined;
}

export const httpUrl = z.string().superRefine((address, context) => {
  const message = urlProblem(address);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

/** How Alertmanager writes a secret that it shows; files with it come from its API and are read, not sent to. */
const MASK = "<secret>";
/** And where its clients of before 0.26 read nothing but an address. */
const URL_MASK = "http://<secret>";

/** An address that holds a key; messages do not repeat it. */
export function secretUrl(): z.ZodType<Secret, string> {
  const url = z.string().transform((address, context) => {
    if (address === MASK || urlProblem(address) === undefined) return new Secret(address);
    context.addIssue({ code: "custom", message: URL_HINT });
    return z.NEVER;
  });
  return secret(url);
}

/** The same, and one with a template in it, which has an address only once it is expanded. */
export function secretUrlTemplate(): z.ZodType<Secret, string> {
  const url = z.string().transform((address, context) => {
    const isMask = address === MASK || address === URL_MASK;
    if (isMask || address.includes("{{") || urlProblem(address) === undefined)
      return new Secret(address);
    context.addIssue({ code: "custom", message: URL_HINT });
    return z.NEVER;
  });
  return secret(url, URL_MASK);
}

/** `mail.example.com:25`, `[::1]:25`. */
export const hostPort = z.string().transform((address, context): HostPort => {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):(\w*)$/.exec(address);
  const [, bracketed, plain = "", port = ""] = match ?? [];
  if (match !== null && port !== "") return { host: bracketed ?? plain, port };
  const problem =
    match !== null
      ? "port cannot be empty"
      : /:.*:/.test(address)
        ? "too many colons in address"
        : "missing port in address";
  const message = `address ${quote(address)}: ${problem}; expected host:port, such as mail.example.com:587`;
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});

const GO_UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it (`1m30s`, `1.5h`), which some of Alertmanager's keys have, or as Prometheus does; ms in the program. */
export const goDuration = z.string().transform((written, context) => {
  const ms = parseDuration(written) ?? parseGoDuration(written);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom", message: `${quote(written)} is not ${DURATION_HINT}` });
  return z.NEVER;
});

function parseGoDuration(written: string): number | undefined {
  if (written === "0") return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(written)) return undefined;
  let ms = 0;
  for (const [, count, unit = ""] of written.matchAll(/([\d.]+)([a-zµμ]+)/g))
    ms += Number(count) * (GO_UNITS[unit] as number);
  return ms;
}

/** Any value that JSON can say. */
export const jsonValue = z.unknown().transform((value, context): Json => {
  const json = toJson(value);
  if (json !== undefined) return json;
  context.addIssue({ code: "custom", message: "JSON has no such number" });
  return z.NEVER;
});

export const jsonValues = z.record(z.string(), jsonValue).default({});

/** Undefined where there is a number that JSON cannot say. An absent value is null. */
function toJson(value: unknown): Json | undefined {
  if (value === undefined || value === null) return null;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "object") return value as string | boolean;
  if (Array.isArray(value)) {
    const items = value.map(toJson);
    return items.includes(undefined) ? undefined : (items as Json[]);
  }
  const fields = Object.entries(value).map(([key, field]) => [key, toJson(field)] as const);
  return fields.some(([, field]) => field === undefined)
    ? undefined
    : (Object.fromEntries(fields) as Json);
}
