/** The query part of the URL: flat, each key once, so that a person can read and write it. */
export type SearchParams = Readonly<Record<string, string>>;

/** Reads `?a=1&b=2`. Of a key that comes twice the first counts. */
export function parseSearch(search: string): SearchParams {
  const params = new Map<string, string>();
  for (const [key, value] of new URLSearchParams(search))
    if (!params.has(key)) params.set(key, value);
  return Object.fromEntries(params);
}

/** Writes `?a=1&b=2`, or "" for nothing. Keeps what is legal in a query and easier to read unescaped. */
export function stringifySearch(params: Readonly<Record<string, unknown>>): string {
  const pairs: [string, string][] = [];
  for (const [key, value] of Object.entries(params))
    if (typeof value === "string") pairs.push([key, value]);
  if (pairs.length === 0) return "";
  const text = new URLSearchParams(pairs).toString();
  return `?${text.replace(/%(?:3A|2C|28|29|2F|40)/g, decodeURIComponent)}`;
}
