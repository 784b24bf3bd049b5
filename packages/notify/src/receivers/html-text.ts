import { truncateCharacters } from "./truncate.ts";

/** A tag, an entity, or one character. */
const PIECE = /<\/?[a-zA-Z][^<>]*>|&(?:lt|gt|amp|quot|#\d{1,7}|#x[\da-fA-F]{1,6});|./gsu;
const NAMED: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&amp;": "&",
  "&quot;": '"',
};

/** What is read of a text with tags and entities in it. */
export function visibleText(html: string): string {
  return (html.match(PIECE) ?? []).map(visible).join("");
}

/** A text as HTML that shows just it. */
export function escapedHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** At most so many visible characters: a text that is longer loses its tags, which could not be closed, and is cut. */
export function truncateHtml(html: string, max: number): string {
  if (html.length <= max) return html;
  const text = visibleText(html);
  const short = truncateCharacters(text, max);
  return short === text ? html : escapedHtml(short);
}

function visible(piece: string): string {
  if (piece.length === 1) return piece;
  if (piece.startsWith("<")) return "";
  if (!piece.startsWith("&")) return piece;
  const named = NAMED[piece];
  if (named !== undefined) return named;
  const hex = piece.startsWith("&#x");
  const code = Number.parseInt(piece.slice(hex ? 3 : 2, -1), hex ? 16 : 10);
  return code > 0x10ffff ? piece : String.fromCodePoint(code);
}
