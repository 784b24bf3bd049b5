import { ApiError } from "./api-error.ts";

/**
 * Reads parts of an answer and says which part is not as the API promises. `Json` knows where it stands in the
 * answer, so that the message can name the place.
 */
export class Json {
  readonly value: unknown;
  readonly path: string;

  constructor(value: unknown, path: string) {
    this.value = value;
    this.path = path;
  }

  /** The member of an object; where it is missing, a `Json` of undefined. */
  get(key: string): Json {
    const { value } = this;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.unexpected("an object");
    const member = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
    return new Json(member, `${this.path}.${key}`);
  }

  /** The items of a list. Go writes an empty list as null at places, so null and missing are empty. */
  list(): Json[] {
    if (this.value === null || this.value === undefined) return [];
    if (!Array.isArray(this.value)) throw this.unexpected("a list");
    return this.value.map((item, index) => new Json(item, `${this.path}[${index}]`));
  }

  text(): string {
    if (typeof this.value !== "string") throw this.unexpected("a text");
    return this.value;
  }

  /** A text, or "" where there is none. */
  textOrEmpty(): string {
    return this.value === undefined || this.value === null ? "" : this.text();
  }

  number(): number {
    if (typeof this.value !== "number") throw this.unexpected("a number");
    return this.value;
  }

  numberOr(missing: number): number {
    return this.value === undefined || this.value === null ? missing : this.number();
  }

  /** An object of texts, as [name, value] pairs in the order of the answer. */
  textEntries(): [string, string][] {
    const { value } = this;
    if (value === undefined || value === null) return [];
    if (typeof value !== "object" || Array.isArray(value)) throw this.unexpected("an object");
    return Object.entries(value).map(([key, item]) => [key, new Json(item, key).text()]);
  }

  /** An RFC 3339 time, in ms; undefined where it is missing or Go's zero time. */
  timestampMs(): number | undefined {
    const text = this.textOrEmpty();
    if (text === "" || text.startsWith("0001-01-01")) return undefined;
    const ms = Date.parse(text);
    if (Number.isNaN(ms)) throw this.unexpected("a time");
    return ms;
  }

  oneOf<const T extends string>(allowed: readonly T[]): T {
    const found = allowed.find((item) => item === this.value);
    if (found === undefined) throw this.unexpected(`one of ${allowed.join(", ")}`);
    return found;
  }

  private unexpected(wanted: string): ApiError {
    const got = JSON.stringify(this.value)?.slice(0, 60) ?? "nothing";
    return new ApiError(
      "unexpected",
      200,
      `the answer's ${this.path} should be ${wanted}, not ${got}`,
    );
  }
}
