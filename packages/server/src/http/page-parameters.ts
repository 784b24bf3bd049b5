import { quote } from "@pharos/base";
import { formatCursor, type Page, type Place, parseCursor } from "@pharos/notify";
import { badData, invalidParameter } from "./errors.ts";
import { rangeParameters } from "./parameters.ts";

/** Entries of a page where the request does not say, and at most. */
const PAGE_SIZE = 100;
const PAGE_SIZE_MAX = 1000;

/** Which part of a long list a request wants; both ends of the range belong to it. */
export interface AskedPage {
  readonly minMs: number;
  readonly maxMs: number;
  readonly limit: number;
  readonly after?: Place;
}

/** `?start&end&limit&cursor`. @throws OperatingError `input.invalid`. */
export function pageParameters(parameters: URLSearchParams): AskedPage {
  const range = rangeParameters(parameters);
  if (range.maxMs < range.minMs) throw badData("end time is before start time");
  const text = parameters.get("limit") || String(PAGE_SIZE);
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > PAGE_SIZE_MAX)
    throw invalidParameter("limit", `${quote(text)} is not a number from 1 to ${PAGE_SIZE_MAX}`);
  const cursor = parameters.get("cursor") ?? "";
  return { ...range, limit, ...(cursor === "" ? {} : { after: parseCursor(cursor) }) };
}

/** What a page says of the next one. */
export function cursorJson({ next }: Pick<Page<unknown>, "next">): { readonly cursor?: string } {
  return next === undefined ? {} : { cursor: formatCursor(next) };
}
