import { parseSpokenDuration, SPOKEN_DURATION_HINT } from "@pharos/alert";
import { quote } from "@pharos/base";
import type { Context } from "hono";
import type { RuleEdit } from "../rule-book/rule-draft.ts";
import { type Answer, failure } from "./answer.ts";
import { type Client, type RequestEnvironment, UNKNOWN_CLIENT } from "./client.ts";
import { badData, invalidParameter } from "./errors.ts";
import { formChunks, isForm } from "./parameters.ts";
import { isFromAnotherSite } from "./same-site.ts";

const AUTHOR_LENGTH_MAX = 256;
const COMMENT_LENGTH_MAX = 4096;

/** What begins so is YAML, JSON or a sentence, whatever the request calls it: curl says of all data that it is a form. */
const RULE = /^\s*(?:#.*\n\s*)*(?:[{[]|["\w-]+[ \t]*:(?:\s|$)|IF\s)/i;

/** The text of a body that is no form. @throws OperatingError `input.invalid`, `input.too_large`. */
export async function bodyText(request: Request): Promise<string> {
  const text = await utf8Body(request);
  const type = request.headers.get("Content-Type") ?? "";
  const isAnyForm = isForm(request.method, type) || type.startsWith("multipart/");
  if (isAnyForm && text !== "" && !RULE.test(text))
    throw badData(
      "send the rule as YAML (application/yaml), JSON (application/json) or words (text/plain), not as a form",
    );
  return text;
}

async function utf8Body(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of formChunks(request)) chunks.push(chunk);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw badData("the body is not UTF-8", error);
  }
}

/** The refusal of a change that a page of another site sends; undefined for any other. */
export function refusedFromElsewhere(request: Request): Answer | undefined {
  if (!isFromAnotherSite(request)) return undefined;
  return failure(403, "bad_data", "not from a page of another site");
}

export function clientOf(context: Context): Client {
  // Undefined where no listener is in front.
  const environment = context.env as RequestEnvironment | undefined;
  return environment?.client ?? UNKNOWN_CLIENT;
}

/**
 * What a body may say of its author and why. Parameters of the URL say the same, and count before it: a text that is
 * sent again by somebody else still names who wrote it first.
 */
interface SaidEdit {
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly version?: number | undefined;
}

/**
 * Who changes what: the user that a proxy in front names, else whoever the request says, else the address. The version
 * comes from `If-Match`, the body or the URL.
 */
export function editOf(
  request: Request,
  context: Context,
  userHeader: string | undefined,
  said: SaidEdit,
): RuleEdit {
  const { searchParams } = new URL(request.url);
  const named = userHeader === undefined ? "" : (request.headers.get(userHeader) ?? "").trim();
  const author = named || searchParams.get("author") || said.author || clientOf(context).address;
  const comment = searchParams.get("comment") ?? said.comment ?? "";
  return {
    author: author.slice(0, AUTHOR_LENGTH_MAX),
    comment: comment.slice(0, COMMENT_LENGTH_MAX),
    version: matchedVersion(request) ?? versionParameter(searchParams) ?? said.version,
  };
}

function matchedVersion(request: Request): number | undefined {
  const header = request.headers.get("If-Match")?.trim();
  if (header === undefined || header === "*") return undefined;
  // Weak where a proxy in front has compressed the answer that said it.
  const [, version] = /^(?:W\/)?"(\d{1,9})"$/.exec(header) ?? [];
  if (version === undefined) throw badData(`If-Match: ${quote(header)} is no version such as "3"`);
  return Number(version);
}

function versionParameter(parameters: URLSearchParams): number | undefined {
  const text = parameters.get("version") ?? "";
  if (text === "") return undefined;
  if (!/^\d{1,9}$/.test(text)) throw invalidParameter("version", `${quote(text)} is no version`);
  return Number(text);
}

/** A duration as people write it; undefined where the request does not say. */
export function spokenParameter(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? "";
  if (text === "") return undefined;
  const durationMs = parseSpokenDuration(text);
  if (durationMs !== undefined) return durationMs;
  throw invalidParameter(name, `${quote(text)} is not ${SPOKEN_DURATION_HINT}`);
}
