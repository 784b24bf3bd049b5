import { OperatingError } from "./errors.ts";

/**
 * Reads JSON that this program has stored. What does not look as it was written is damage, never a default:
 * every method throws OperatingError `disk.corrupt` with the place.
 */
export class StoredJson {
  readonly #value: unknown;
  readonly #path: string;

  /** `path` names the document in messages: `alert group {}:{}`. */
  constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  #corrupt(want: string): OperatingError {
    const got = this.#value === null ? "null" : typeof this.#value;
    return new OperatingError(
      "disk.corrupt",
      `stored ${this.#path}: ${got} where ${want} should be`,
    );
  }

  member(name: string): StoredJson {
    const value = this.#value;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.#corrupt("an object");
    const member: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
    return new StoredJson(member, `${this.#path}.${name}`);
  }

  items(): StoredJson[] {
    if (!Array.isArray(this.#value)) throw this.#corrupt("a list");
    return this.#value.map((item: unknown, i) => new StoredJson(item, `${this.#path}[${i}]`));
  }

  text(): string {
    if (typeof this.#value !== "string") throw this.#corrupt("text");
    return this.#value;
  }

  number(): number {
    if (typeof this.#value !== "number") throw this.#corrupt("a number");
    return this.#value;
  }

  boolean(): boolean {
    if (typeof this.#value !== "boolean") throw this.#corrupt("true or false");
    return this.#value;
  }

  isNull(): boolean {
    return this.#value === null;
  }

  /** Whether it was written by a version that did not have it yet. */
  isAbsent(): boolean {
    return this.#value === undefined;
  }

  oneOf<T extends string>(texts: readonly T[]): T {
    const found = texts.find((text) => text === this.#value);
    if (found === undefined) throw this.#corrupt(`one of ${texts.join(", ")}`);
    return found;
  }

  /** A format's version, which must be the one that this program writes. */
  version(expected: number): void {
    const found = this.number();
    if (found !== expected)
      throw new OperatingError(
        "disk.corrupt",
        `stored ${this.#path} is ${found}; this program reads ${expected}`,
      );
  }

  /** A list of `[name, value]`, as labels are stored. */
  pairs(): [name: string, value: string][] {
    return this.items().map((pair) => {
      const [name, value] = pair.items();
      if (name === undefined || value === undefined) throw pair.#corrupt("a name and a value");
      return [name.text(), value.text()];
    });
  }
}
