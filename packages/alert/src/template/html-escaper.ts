import type { Escaper } from "./expansion.ts";
import { formatGoValue, type Value } from "./value.ts";

/** Where in the HTML the next character stands. */
type Place =
  | { readonly kind: "text" }
  /** In `<title>` and `<textarea>` tags mean nothing, but entities do. */
  | { readonly kind: "plain"; readonly element: string }
  | { readonly kind: "raw"; readonly element: "script" | "style" }
  | { readonly kind: "tag"; readonly element: string; readonly attribute: string }
  | { readonly kind: "beforeValue"; readonly element: string; readonly attribute: string }
  | {
      readonly kind: "value";
      readonly element: string;
      readonly attribute: string;
      /** "" for a value without quotes. */
      readonly quote: '"' | "'" | "";
      /** What of the value is written so far. */
      readonly before: string;
    };

/** What stands where a value could do harm, as in Go: nobody would think it was meant. */
const BLOCKED = "ZgotmplZ";

const URL_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...["action", "background", "cite", "data", "formaction", "href", "icon", "longdesc", "manifest"],
  ...["poster", "src", "usemap", "xmlns"],
]);

/**
 * Escapes values by where they stand, as Go's html/template: entities in text, quotes in attributes, schemes in URLs.
 * Comments of the template are left out, as there.
 */
export class HtmlEscaper implements Escaper {
  #place: Place = { kind: "text" };
  #inComment = false;

  literal(text: string): string {
    let out = "";
    let at = 0;
    while (at < text.length) {
      const end = this.#inComment ? this.#skipComment(text, at) : this.#advance(text, at);
      if (!this.#inComment && end.written) out += text.slice(at, end.at);
      at = end.at;
    }
    return out;
  }

  value(value: Value): string {
    if (this.#inComment) return "";
    const text = formatGoValue(value);
    const safe = typeof value === "object" && value?.kind === "safe" ? value.as : undefined;
    const place = this.#place;
    switch (place.kind) {
      case "text":
        return safe === "html" ? text : escapeText(text);
      case "plain":
        return escapeText(text);
      case "raw":
        return place.element === "script" ? scriptValue(value, text) : styleValue(text);
      case "tag":
        return /^[A-Za-z0-9]+$/.test(text) ? text : BLOCKED;
      case "beforeValue":
        this.#place = { ...place, kind: "value", quote: "", before: "" };
        return this.#attributeValue(value, text, safe);
      case "value":
        return this.#attributeValue(value, text, safe);
    }
  }

  #attributeValue(value: Value, text: string, safe: "html" | "url" | undefined): string {
    const place = this.#place;
    if (place.kind !== "value") return BLOCKED;
    const { attribute, before, quote } = place;
    let written = text;
    if (attribute.startsWith("on")) written = scriptValue(value, text);
    else if (attribute === "style") written = styleValue(text);
    else if (attribute === "srcdoc") written = BLOCKED;
    else if (URL_ATTRIBUTES.has(attribute)) written = urlValue(text, before, safe === "url");
    else if (safe === "html") written = text.replace(/<[^>]*>/g, "");
    this.#place = { ...place, before: before + written };
    const escaped = escapeText(written);
    return quote === "" ? escapeUnquoted(escaped) : escaped;
  }

  #skipComment(text: string, at: number): { at: number; written: boolean } {
    const close = text.indexOf("-->", at);
    if (close < 0) return { at: text.length, written: false };
    this.#inComment = false;
    return { at: close + 3, written: false };
  }

  /** Goes on to where the place changes; what lies between is written as it is. */
  #advance(text: string, at: number): { at: number; written: boolean } {
    const place = this.#place;
    switch (place.kind) {
      case "text":
        return this.#advanceText(text, at);
      case "plain":
      case "raw": {
        const close = indexOfIgnoringCase(text, `</${place.element}`, at);
        if (close === at) {
          this.#place = { kind: "tag", element: "/", attribute: "" };
          return { at: at + 2 + place.element.length, written: true };
        }
        return { at: close < 0 ? text.length : close, written: true };
      }
      case "tag":
        return this.#advanceTag(place, text, at);
      case "beforeValue":
        return this.#advanceToValue(place, text, at);
      case "value":
        return this.#advanceValue(place, text, at);
    }
  }

  #advanceText(text: string, at: number): { at: number; written: boolean } {
    const open = text.indexOf("<", at);
    if (open < 0) return { at: text.length, written: true };
    if (open > at) return { at: open, written: true };
    if (text.startsWith("<!--", at)) {
      this.#inComment = true;
      return { at: at + 4, written: false };
    }
    const tag = /^<(\/?[A-Za-z][^\s/>]*)/.exec(text.slice(at, at + 64));
    if (tag === null) return { at: at + 1, written: true };
    this.#place = { kind: "tag", element: (tag[1] ?? "").toLowerCase(), attribute: "" };
    return { at: at + tag[0].length, written: true };
  }

  #advanceTag(
    place: Extract<Place, { kind: "tag" }>,
    text: string,
    at: number,
  ): { at: number; written: boolean } {
    const char = text.charAt(at);
    if (char === ">") {
      this.#place = insideOf(place.element);
      return { at: at + 1, written: true };
    }
    if (char === "=" && place.attribute !== "") {
      this.#place = { ...place, kind: "beforeValue" };
      return { at: at + 1, written: true };
    }
    const name = /^[^\s=>/"']+/.exec(text.slice(at, at + 256))?.[0];
    if (name !== undefined) {
      this.#place = { ...place, attribute: attributeName(name) };
      return { at: at + name.length, written: true };
    }
    if (char === "/") this.#place = { ...place, attribute: "" };
    return { at: at + 1, written: true };
  }

  #advanceToValue(
    place: Extract<Place, { kind: "beforeValue" }>,
    text: string,
    at: number,
  ): { at: number; written: boolean } {
    const char = text.charAt(at);
    if (/\s/.test(char)) return { at: at + 1, written: true };
    if (char === ">") {
      this.#place = insideOf(place.element);
      return { at: at + 1, written: true };
    }
    const quote = char === '"' || char === "'" ? char : "";
    this.#place = { ...place, kind: "value", quote, before: "" };
    return { at: quote === "" ? at : at + 1, written: true };
  }

  #advanceValue(
    place: Extract<Place, { kind: "value" }>,
    text: string,
    at: number,
  ): { at: number; written: boolean } {
    const end =
      place.quote === "" ? indexOfPattern(text, /[\s>]/g, at) : text.indexOf(place.quote, at);
    if (end === at) {
      const { element } = place;
      this.#place =
        place.quote === "" && text.charAt(at) === ">"
          ? insideOf(element)
          : { kind: "tag", element, attribute: "" };
      return { at: at + 1, written: true };
    }
    const to = end < 0 ? text.length : end;
    this.#place = { ...place, before: place.before + text.slice(at, to) };
    return { at: to, written: true };
  }
}

function insideOf(element: string): Place {
  if (element === "script" || element === "style") return { kind: "raw", element };
  if (element === "title" || element === "textarea") return { kind: "plain", element };
  return { kind: "text" };
}

/** Without a namespace, in small letters. */
function attributeName(name: string): string {
  const small = name.toLowerCase();
  return small.startsWith("xmlns:") ? "xmlns" : small.slice(small.indexOf(":") + 1);
}

function indexOfIgnoringCase(text: string, part: string, from: number): number {
  return indexOfPattern(text, new RegExp(part, "gi"), from);
}

function indexOfPattern(text: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? -1;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "&": "&amp;",
  "'": "&#39;",
  "+": "&#43;",
  "<": "&lt;",
  ">": "&gt;",
};

function escapeText(text: string): string {
  return text.replace(/[\0"&'+<>]/g, (char) => ENTITIES[char] ?? "");
}

function escapeUnquoted(text: string): string {
  return text.replace(/[\s=`]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** A value as a literal of JavaScript that ends neither the string nor the script. */
function scriptValue(value: Value, text: string): string {
  if (typeof value === "number" || typeof value === "boolean") return ` ${text} `;
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function styleValue(text: string): string {
  const harmless = /^[\w#%.,+\- ]*$/.test(text) && !/expression|moz-?binding/i.test(text);
  return harmless ? text : BLOCKED;
}

function urlValue(text: string, before: string, safe: boolean): string {
  if (/[?#]/.test(before) && !safe) return percentEncode(text, /[^\w.~-]/gu);
  const scheme = /^[^/?#]*?:/.exec(text)?.[0].toLowerCase();
  const blocked =
    !safe &&
    before.trim() === "" &&
    scheme !== undefined &&
    !["http:", "https:", "mailto:"].includes(scheme);
  if (blocked) return `#${BLOCKED}`;
  return percentEncode(text, /%(?![0-9a-fA-F]{2})|[^\w!#$&*+,/:;=?@[\]%.~-]/gu);
}

function percentEncode(text: string, pattern: RegExp): string {
  return text.toWellFormed().replace(pattern, (char) => {
    let out = "";
    for (const byte of new TextEncoder().encode(char))
      out += `%${byte.toString(16).padStart(2, "0")}`;
    return out;
  });
}
