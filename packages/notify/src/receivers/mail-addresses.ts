/**
 * The addresses of a header such as `To`, without names: `Ops <ops@x.org>, b@y.org` gives both. Undefined where
 * something in it is no address.
 */
export function mailAddresses(header: string): string[] | undefined {
  const addresses: string[] = [];
  for (const part of splitList(header)) {
    const entry = part.trim();
    if (entry === "") continue;
    const address = (/^(?:"(?:[^"\\]|\\.)*"|[^<>"])*<([^<>]*)>$/.exec(entry)?.[1] ?? entry).trim();
    // One @ with something on both sides, and nothing that could end the command it is sent in.
    if (!/^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+$/.test(address)) return undefined;
    addresses.push(address);
  }
  return addresses;
}

/** At commas that are neither in quotes nor in angle brackets. */
function splitList(header: string): string[] {
  const parts: string[] = [];
  let part = "";
  let quoted = false;
  let depth = 0;
  for (let i = 0; i < header.length; i++) {
    const char = header.charAt(i);
    if (quoted && char === "\\") part += char + header.charAt(++i);
    else if (char === "," && !quoted && depth === 0) {
      parts.push(part);
      part = "";
    } else {
      if (char === '"') quoted = !quoted;
      else if (!quoted && char === "<") depth++;
      else if (!quoted && char === ">") depth--;
      part += char;
    }
  }
  parts.push(part);
  return parts;
}
