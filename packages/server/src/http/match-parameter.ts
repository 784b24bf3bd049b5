import type { Matcher } from "@pharos/base";
import { PromqlSyntaxError, parseMetricSelector } from "@pharos/promql/syntax";
import { badData, invalidParameter } from "./errors.ts";

/** A request may have so many selectors. */
export const SELECTORS_MAX = 1000;

/**
 * The selectors of `match[]`, each as a list of matchers. Whether an error names the parameter differs between
 * Prometheus's endpoints.
 *
 * @throws OperatingError `input.invalid` as Prometheus words it.
 */
export function matchParameters(
  parameters: URLSearchParams,
  { named }: { readonly named: boolean },
): readonly (readonly Matcher[])[] {
  const texts = parameters.getAll("match[]");
  if (texts.length > SELECTORS_MAX)
    throw invalidParameter("match[]", `${texts.length} selectors; at most ${SELECTORS_MAX}`);
  return texts.map((text) => parseSelector(text, named ? "match[]" : undefined));
}

/** One selector. Where it is wrong, the message names the parameter `name`. */
export function parseSelector(text: string, name: string | undefined): readonly Matcher[] {
  try {
    return parseMetricSelector(text);
  } catch (error) {
    if (!(error instanceof PromqlSyntaxError)) throw error;
    // Selectors that would match every series have no place to point at: Prometheus names none.
    const whole = error.reason.startsWith("match[] must contain");
    const reason = whole ? error.reason : error.message;
    throw name === undefined ? badData(reason) : invalidParameter(name, reason);
  }
}
