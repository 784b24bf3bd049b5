const MASK = "<secret>";

/**
 * A password, token or key. It prints as `<secret>` wherever it lands by accident (template strings, JSON, logs,
 * `util.inspect`); only `reveal` gives the text, at the place that sends it.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  /** What Node's `console.log` and `util.inspect` show. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return MASK;
  }
}
