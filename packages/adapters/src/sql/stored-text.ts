import { createHash } from "node:crypto";
import { DOCUMENT_ID_SIZE_MAX } from "@pharos/ports";

// Ids and tags are any text of JavaScript; keys of a database are not. PostgreSQL has no NUL, neither database has half
// of a surrogate pair, and an index of PostgreSQL takes rows up to 2,704 bytes. What they do not take is escaped:
//
//   NUL, U+0001, U+0002    U+0001, then U+0100, U+0101, U+0102
//   half a pair, U+Dxxx    U+0001, then U+0xxx (U+0800 to U+0FFF)
//
// An id that is still too long is its beginning, U+0002 and its SHA-256, and the row keeps it whole beside. These rules
// are part of the format of the tables: they do not change.

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped.
const ESCAPED = /[\0\u0001\u0002\ud800-\udfff]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is one, so that no text of people looks like it.
const ESCAPE = /\u0001(.)/gu;
/** UTF-16 units of a long id that its key begins with: 390 bytes at most, and the hash stays within the limit. */
const KEY_BEGINNING_LENGTH = 130;

export function escapeText(text: string): string {
  return text.replace(ESCAPED, (character) => {
    const code = character.charCodeAt(0);
    return `\u0001${String.fromCharCode(code < 3 ? code + 0x100 : code - 0xd000)}`;
  });
}

export function unescapeText(stored: string): string {
  return stored.replace(ESCAPE, (_, character: string) => {
    const code = character.charCodeAt(0);
    return String.fromCharCode(code < 0x103 ? code - 0x100 : code + 0xd000);
  });
}

/** The key of an id, and the id itself as JSON where the key does not tell it. */
export function storedId(id: string): { readonly key: string; readonly longId: string | null } {
  const escaped = escapeText(id);
  // No unit takes more than three bytes.
  if (escaped.length * 3 <= DOCUMENT_ID_SIZE_MAX) return { key: escaped, longId: null };
  if (Buffer.byteLength(escaped) <= DOCUMENT_ID_SIZE_MAX) return { key: escaped, longId: null };
  const hash = createHash("sha256").update(escaped).digest("hex");
  const beginning = escaped.slice(0, KEY_BEGINNING_LENGTH).replace(/[\ud800-\udbff]$/, "");
  return { key: `${beginning}\u0002${hash}`, longId: JSON.stringify(id) };
}

/** The id of a row. */
export function idOf(key: string, longId: string | null): string {
  return longId === null ? unescapeText(key) : (JSON.parse(longId) as string);
}
