/** What may stand after a backslash besides one character, without the quotation `\\Q…\\E`. */
const LONG_ESCAPE = /\\(?:[pP]\{[^}]{0,40}\}|[pP].|x\{[^}]{0,8}\})/y;
const CLASS = /\[\^?\]?(?:\[:\^?[a-z]{1,10}:\]|\\.|[^\]\\])*\]?/sy;
const COUNT = /\{(\d+)(?:,(\d*))?\}/y;

/** What a class of Unicode counts for: it is a table of hundreds of ranges. */
const UNICODE_CLASS_SIZE = 50;
/** What a group adds to what is in it. */
const GROUP_SIZE = 2;

/**
 * About how many parts a pattern has once its repetitions are written out, as compiling it does: `(ab){1000}` has some
 * thousands. Takes time linear in the length, and any text: what is no pattern has a size too.
 */
export function regexSize(source: string): number {
  const outer: number[] = [];
  let size = 0; // Of the group so far, without its last part.
  let last = 0; // Of the last part: what a count repeats.
  let at = 0;
  while (at < source.length) {
    const char = source.charAt(at);
    const count = char === "{" ? match(COUNT, source, at) : null;
    if (char === "(") {
      outer.push(size + last);
      size = 0;
      last = 0;
      at++;
    } else if (char === ")") {
      last += size + GROUP_SIZE;
      size = outer.pop() ?? 0;
      at++;
    } else if (char === "*" || char === "+" || char === "?") {
      last++;
      at++;
    } else if (count !== null) {
      const [text, least = "", most = ""] = count;
      last *= Math.max(1, Number(least), Number(most));
      at += text.length;
    } else {
      const end = endOfPart(source, at);
      size += last;
      last = sizeOfPart(source.slice(at, end));
      at = end;
    }
  }
  for (const inner of outer) size += inner;
  return size + last;
}

/** Where the character, escape, quotation or class that begins at `at` ends. */
function endOfPart(source: string, at: number): number {
  const char = source.charAt(at);
  if (char === "[") return at + (match(CLASS, source, at)?.[0].length ?? 1);
  if (char !== "\\") return at + 1;
  if (source.charAt(at + 1) === "Q") {
    const close = source.indexOf("\\E", at + 2);
    return close < 0 ? source.length : close + 2;
  }
  return Math.min(source.length, at + (match(LONG_ESCAPE, source, at)?.[0].length ?? 2));
}

function sizeOfPart(part: string): number {
  const isUnicodeClass = part.length > 1 && /\\[pP]/.test(part);
  return isUnicodeClass ? UNICODE_CLASS_SIZE : part.length;
}

function match(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}
