/**
 * Which of `offers` a header like `Accept` or `Accept-Encoding` likes best: the one of the highest q, of equal ones the
 * first offered. `*` stands for all that the header does not name. Undefined where it takes none of them.
 */
export function negotiate<T extends string>(header: string, offers: readonly T[]): T | undefined {
  const weights = new Map<string, number>();
  for (const entry of header.toLowerCase().split(",")) {
    const [name = "", ...parameters] = entry.split(";").map((part) => part.trim());
    const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const weight = q === undefined ? 1 : Number(q);
    if (name !== "" && weight >= 0) weights.set(name, Math.min(weight, 1));
  }
  const others = weights.get("*") ?? weights.get("*/*") ?? 0;
  let best: T | undefined;
  let bestWeight = 0;
  for (const offer of offers) {
    const weight = weights.get(offer) ?? others;
    if (weight <= bestWeight) continue;
    best = offer;
    bestWeight = weight;
  }
  return best;
}
