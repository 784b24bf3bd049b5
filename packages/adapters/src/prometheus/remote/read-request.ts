import {
  createMatcher,
  type Matcher,
  type MatchType,
  OperatingError,
  ProtoFields,
  ProtoWriter,
  packSnappy,
  unpackSnappy,
} from "@pharos/base";
import type { TimeRange } from "@pharos/ports";

/** How answers to a remote read may come: all samples in one message, or chunks as a stream of messages. */
export type ReadResponseType = "SAMPLES" | "STREAMED_XOR_CHUNKS";

/** One selection of a request; both ends of the range are included. */
export interface ReadQuery {
  readonly range: TimeRange;
  readonly matchers: readonly Matcher[];
}

export interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  /** In the order of preference; none that is unknown. */
  readonly accepted: readonly ReadResponseType[];
}

/** A request unpacked may have so many bytes; Prometheus takes as many packed. */
const REQUEST_SIZE_MAX = 32 * 1024 * 1024;
/** Queries in one request. Prometheus sends one. */
const QUERIES_MAX = 1000;
/** By number. */
const RESPONSE_TYPES: readonly ReadResponseType[] = ["SAMPLES", "STREAMED_XOR_CHUNKS"];
const MATCH_TYPES: readonly MatchType[] = ["=", "!=", "=~", "!~"];

/**
 * Reads a `prometheus.ReadRequest` in snappy's block format.
 * @throws OperatingError `input.invalid`, also where no type of response is accepted that is known here.
 */
export function decodeReadRequest(packed: Uint8Array): ReadRequest {
  const bytes = unpackSnappy(packed, REQUEST_SIZE_MAX);
  if (typeof bytes === "string") throw new OperatingError("input.invalid", bytes);
  const fields = new ProtoFields("read request", bytes);
  const queries: ReadQuery[] = [];
  const types: number[] = [];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x0a) queries.push(readQuery(fields.message()));
    else if (tag === 0x10) types.push(fields.varint());
    else if (tag === 0x12)
      for (const packedTypes = fields.message(); !packedTypes.done; )
        types.push(packedTypes.varint());
    else fields.skip(tag);
    if (queries.length > QUERIES_MAX)
      throw fields.error(fields.offset, `more than ${QUERIES_MAX} queries`);
  }
  // Who does not say is from before there was a choice.
  if (types.length === 0) return { queries, accepted: ["SAMPLES"] };
  const accepted = types.flatMap((type) => RESPONSE_TYPES[type] ?? []);
  if (accepted.length === 0)
    throw new OperatingError(
      "input.invalid",
      `server does not support any of the requested response types: ${types.join(", ")}; supported: ${RESPONSE_TYPES.join(", ")}`,
    );
  return { queries, accepted };
}

function readQuery(fields: ProtoFields): ReadQuery {
  let [minMs, maxMs] = [0, 0];
  const matchers: Matcher[] = [];
  while (!fields.done) {
    const tag = fields.varint();
    // Senders write the ends of 64 bits for "everything".
    if (tag === 0x08) minMs = fields.clampedInt64();
    else if (tag === 0x10) maxMs = fields.clampedInt64();
    else if (tag === 0x1a) matchers.push(readMatcher(fields.message()));
    else fields.skip(tag); // Hints say nothing that changes what is answered.
  }
  return { range: { minMs, maxMs }, matchers };
}

function readMatcher(fields: ProtoFields): Matcher {
  let type = 0;
  let [name, value] = ["", ""];
  while (!fields.done) {
    const tag = fields.varint();
    if (tag === 0x08) type = fields.varint();
    else if (tag === 0x12) name = fields.text();
    else if (tag === 0x1a) value = fields.text();
    else fields.skip(tag);
  }
  const matchType = MATCH_TYPES[type];
  if (matchType === undefined)
    throw new OperatingError("input.invalid", `invalid matcher type ${type}`);
  return createMatcher(matchType, name, value);
}

/** Writes such a request, packed. */
export function encodeReadRequest({ queries, accepted }: ReadRequest): Uint8Array<ArrayBuffer> {
  const out = new ProtoWriter();
  for (const { range, matchers } of queries) {
    out.begin(1);
    out.int64(1, range.minMs);
    out.int64(2, range.maxMs);
    for (const { type, name, value } of matchers) {
      out.begin(3);
      out.int64(1, MATCH_TYPES.indexOf(type));
      out.text(2, name);
      out.text(3, value);
      out.end();
    }
    // The range again as hints, by which others choose what they read.
    out.begin(4);
    out.int64(3, range.minMs);
    out.int64(4, range.maxMs);
    out.end();
    out.end();
  }
  out.begin(2);
  for (const type of accepted) out.varint(RESPONSE_TYPES.indexOf(type));
  out.end();
  return packSnappy(out.bytes);
}
