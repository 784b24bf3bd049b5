// A body of remote write 2.0, `io.prometheus.write.v2.Request`: all texts once, then series that name them by their place.
//
//   request   4 texts, the first one empty; 5 series
//   series    1 places of names and values, in turns; 2 samples; 3 histograms; 4 exemplars; 5 metadata
//   exemplar  1 places of names and values; 2 value; 3 timestamp
//   metadata  1 type; 3 place of the help; 4 place of the unit
//
// Samples and histograms are those of 1.0, with fields of their own beyond: 3 and 17 are when their counting began.
import { OperatingError, ProtoFields, ProtoWriter, packSnappy, unpackSnappy } from "@pharos/base";
import { BODY_LIMITS, METRIC_TYPES, STARTS_MARK } from "@pharos/kernels";

/** Texts in one body. */
const SYMBOLS_MAX = 1_000_000;
const METRIC_NAME = "__name__";
/** The series of one family, by the family's type. */
const FAMILY_SUFFIXES: ReadonlyMap<string, RegExp> = new Map([
  ["histogram", /_(?:bucket|count|sum)$/],
  ["summary", /_(?:count|sum)$/],
]);

/**
 * The same as a body of remote write 1.0, which is decoded where samples are stored. Start timestamps stay where they are,
 * and a mark at the end says that there are some.
 *
 * @throws OperatingError `input.invalid` for one that is malformed, `input.too_large`.
 */
export function writeRequestOfVersion2(packed: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = unpackSnappy(packed, BODY_LIMITS.decodedSizeMax);
  if (typeof bytes === "string") throw new OperatingError("input.invalid", bytes);
  const request = new Request(bytes);
  return packSnappy(request.translated());
}

class Request {
  readonly #bytes: Uint8Array;
  readonly #symbols: Uint8Array[] = [];
  readonly #out = new ProtoWriter(64 * 1024);
  readonly #described = new Set<string>();
  readonly #metadata = new ProtoWriter();
  #hasStarts = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  translated(): Uint8Array<ArrayBuffer> {
    this.#readSymbols();
    const fields = this.#fields();
    while (!fields.done) {
      const tag = fields.varint();
      if (tag === 0x2a) this.#series(fields.message());
      else fields.skip(tag);
      if (this.#out.size > BODY_LIMITS.decodedSizeMax)
        throw new OperatingError(
          "input.too_large",
          `a body that has more than ${BODY_LIMITS.decodedSizeMax} bytes with its labels; send smaller ones`,
        );
    }
    this.#out.raw(this.#metadata.bytes);
    if (this.#hasStarts) this.#out.int64(STARTS_MARK.field, STARTS_MARK.value);
    return this.#out.bytes;
  }

  #fields(): ProtoFields {
    return new ProtoFields("write request", this.#bytes);
  }

  #readSymbols(): void {
    const fields = this.#fields();
    while (!fields.done) {
      const tag = fields.varint();
      if (tag === 0x22) this.#symbols.push(fields.bytes());
      else fields.skip(tag);
      if (this.#symbols.length > SYMBOLS_MAX)
        throw fields.error(fields.offset, `more than ${SYMBOLS_MAX} symbols`);
    }
    if (this.#symbols.length > 0 && this.#symbols[0]?.length !== 0)
      throw fields.error(0, "the first symbol is not empty");
  }

  #series(fields: ProtoFields): void {
    const out = this.#out;
    let labels: readonly number[] = [];
    out.begin(1);
    while (!fields.done) {
      const tag = fields.varint();
      if (tag === 0x0a) {
        labels = places(fields.message());
        this.#labels(labels, fields);
      } else if (tag === 0x12) this.#point(2, fields.bytes(), 0x18);
      else if (tag === 0x1a) this.#point(4, fields.bytes(), 0x88);
      else if (tag === 0x22) this.#exemplar(fields.message());
      else if (tag === 0x2a) this.#describe(labels, fields.message());
      else fields.skip(tag);
    }
    out.end();
  }

  /** A sample or histogram, as it is. */
  #point(field: number, message: Uint8Array, startTag: number): void {
    this.#out.field(field, message);
    if (!this.#hasStarts) this.#hasStarts = hasField(message, startTag);
  }

  /** Names and values, in turns. */
  #labels(list: readonly number[], fields: ProtoFields): void {
    if (list.length % 2 !== 0) throw fields.error(fields.offset, "a label has a name and no value");
    for (let i = 0; i < list.length; i += 2) {
      this.#out.begin(1);
      this.#out.field(1, this.#symbol(list[i] as number, fields));
      this.#out.field(2, this.#symbol(list[i + 1] as number, fields));
      this.#out.end();
    }
  }

  #symbol(place: number, fields: ProtoFields): Uint8Array {
    const symbol = this.#symbols[place];
    if (symbol === undefined)
      throw fields.error(fields.offset, `symbol ${place}, and there are ${this.#symbols.length}`);
    return symbol;
  }

  #exemplar(fields: ProtoFields): void {
    this.#out.begin(3);
    while (!fields.done) {
      const tag = fields.varint();
      if (tag === 0x0a) this.#labels(places(fields.message()), fields);
      else if (tag === 0x11) {
        const bytes = fields.fixed64();
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        this.#out.doubleBits(2, view.getUint32(0, true), view.getUint32(4, true));
      } else if (tag === 0x18) this.#out.int64(3, fields.int64());
      else fields.skip(tag);
    }
    this.#out.end();
  }

  /** A family is described once in a body, however many series it has. */
  #describe(labels: readonly number[], fields: ProtoFields): void {
    let [type, help, unit] = [0, 0, 0];
    while (!fields.done) {
      const tag = fields.varint();
      if (tag === 0x08) type = fields.varint();
      else if (tag === 0x18) help = fields.varint();
      else if (tag === 0x20) unit = fields.varint();
      else fields.skip(tag);
    }
    if (type === 0 && help === 0 && unit === 0) return;
    const family = this.#familyOf(labels, METRIC_TYPES[type] ?? "unknown");
    if (family === "" || this.#described.has(family)) return;
    this.#described.add(family);
    const out = this.#metadata;
    out.begin(3);
    out.int64(1, type);
    out.text(2, family);
    out.field(4, this.#symbol(help, fields));
    out.field(5, this.#symbol(unit, fields));
    out.end();
  }

  #familyOf(labels: readonly number[], type: string): string {
    for (let i = 0; i < labels.length; i += 2)
      if (text(this.#symbols[labels[i] as number]) === METRIC_NAME) {
        const name = text(this.#symbols[labels[i + 1] as number]);
        return name.replace(FAMILY_SUFFIXES.get(type) ?? "", "");
      }
    return "";
  }
}

/** Whether a message has a field; one that is malformed is for its reader to refuse. */
function hasField(message: Uint8Array, wanted: number): boolean {
  const fields = new ProtoFields("write request", message);
  try {
    while (!fields.done) {
      const tag = fields.varint();
      if (tag === wanted) return true;
      fields.skip(tag);
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
  }
  return false;
}

/** A packed list. */
function places(fields: ProtoFields): readonly number[] {
  const list: number[] = [];
  while (!fields.done) list.push(fields.varint());
  return list;
}

const decoder = new TextDecoder();

function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : decoder.decode(bytes);
}
