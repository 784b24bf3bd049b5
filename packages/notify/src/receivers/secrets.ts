import { Secret } from "@pharos/base";

/** A part shorter than this would blank out half of every message. */
const SECRET_LENGTH_MIN = 3;

/**
 * Takes secrets out of texts: those of a configuration wherever in it they are, as they are, as parts of URLs, and in
 * the forms in which they travel.
 */
export class Scrubber {
  readonly #secrets: readonly string[];

  constructor(config: object, more: readonly string[] = []) {
    const found = new Set<string>();
    for (const text of [...secretsIn(config), ...more])
      for (const form of formsOf(text)) found.add(form);
    // The longest first, so that a part does not spoil the whole.
    this.#secrets = [...found]
      .filter((secret) => secret.length >= SECRET_LENGTH_MIN)
      .sort((a, b) => b.length - a.length);
  }

  scrub(text: string): string {
    let clean = text;
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, "<secret>");
    return clean;
  }
}

function* secretsIn(value: unknown): Generator<string> {
  if (value instanceof Secret) {
    yield value.reveal();
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const part of Object.values(value)) yield* secretsIn(part);
  // What a name and a password are sent as.
  if ("username" in value && "password" in value && value.password instanceof Secret)
    yield base64(`${String(value.username)}:${value.password.reveal()}`);
}

function* formsOf(secret: string): Generator<string> {
  yield secret;
  yield encodeURIComponent(secret.toWellFormed());
  yield JSON.stringify(secret).slice(1, -1);
  if (!URL.canParse(secret)) return;
  const { pathname, search, password, username, href } = new URL(secret);
  yield href;
  yield pathname + search;
  yield search;
  yield password;
  yield username;
  for (const part of [pathname, ...pathname.split("/")]) if (part.length > 6) yield part;
}

export function base64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
