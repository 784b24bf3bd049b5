import { MatcherSyntaxError, parseMatcher, type Silence } from "@pharos/alert";
import {
  compileRegex,
  labelsFrom,
  type Matcher,
  matchesLabels,
  OperatingError,
  type Regex,
} from "@pharos/base";
import type { AlertStatus, ReceiverConfig } from "@pharos/notify";
import { problem, type Read } from "./alertmanager-body.ts";
import { isActive } from "./alertmanager-json.ts";

/** Which alerts a request wants to see, and of which receivers. */
export interface AlertFilter {
  readonly shows: (status: AlertStatus) => boolean;
  readonly receives: (receiver: string) => boolean;
}

/** `?active&silenced&inhibited&filter&receiver&receiver_matchers`. */
export function alertFilter(
  parameters: URLSearchParams,
  receivers: readonly ReceiverConfig[],
): Read<AlertFilter> {
  const matchers = matchersOf(parameters, "filter");
  if (matchers.refused !== undefined) return matchers;
  const labelMatchers = matchersOf(parameters, "receiver_matchers");
  if (labelMatchers.refused !== undefined) return labelMatchers;
  let name: Regex | undefined;
  try {
    const source = parameters.get("receiver");
    if (source !== null) name = compileRegex(source);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return { refused: problem(400, `failed to parse receiver param: ${error.message}`) };
  }
  const active = booleanOf(parameters, "active");
  const silenced = booleanOf(parameters, "silenced");
  const inhibited = booleanOf(parameters, "inhibited");
  const labelled =
    labelMatchers.value.length === 0
      ? undefined
      : new Set(receiversWith(labelMatchers.value, receivers).map((receiver) => receiver.name));
  return {
    value: {
      receives: (receiver) =>
        (name === undefined || name.matches(receiver)) &&
        (labelled === undefined || labelled.has(receiver)),
      shows: (status) =>
        (active || !isActive(status)) &&
        (silenced || status.silencedBy.length === 0) &&
        (inhibited || status.inhibitedBy.length === 0) &&
        matchesLabels(matchers.value, status.alert.labels),
    },
  };
}

/** The receivers whose labels satisfy all matchers. */
export function receiversWith(
  matchers: readonly Matcher[],
  receivers: readonly ReceiverConfig[],
): readonly ReceiverConfig[] {
  return receivers.filter(({ labels }) => matchesLabels(matchers, labelsFrom(labels)));
}

/** The matchers that a parameter has, which may be given more than once. */
export function matchersOf(parameters: URLSearchParams, name: string): Read<readonly Matcher[]> {
  try {
    return { value: parameters.getAll(name).map((text) => parseMatcher(text).matcher) };
  } catch (error) {
    if (error instanceof MatcherSyntaxError || error instanceof OperatingError)
      return { refused: problem(400, error.message) };
    throw error;
  }
}

/** What Alertmanager's framework takes for yes; everything else is no, and nothing is yes here. */
const YES: ReadonlySet<string> = new Set([
  ...["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"],
]);

export function booleanOf(parameters: URLSearchParams, name: string): boolean {
  const text = parameters.getAll(name).at(-1) ?? "";
  return text === "" || YES.has(text.toLowerCase());
}

/** Whether a silence has each of these matchers, written the same way. */
export function hasMatchers(silence: Silence, wanted: readonly Matcher[]): boolean {
  return wanted.every(({ name, type, value }) =>
    silence.matchers.some(
      (matcher) => matcher.name === name && matcher.type === type && matcher.value === value,
    ),
  );
}
