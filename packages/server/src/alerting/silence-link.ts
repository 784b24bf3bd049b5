import { commonPairs, formatAlertMatcher, type GroupAlert } from "@pharos/alert";

/** A longer link is cut off by mail readers and chats, and is as good as none. */
const LINK_LENGTH_MAX = 2000;

/**
 * Where the page offers a silence for what fires of these alerts: with the labels that all of them have. Undefined where
 * nothing fires, where they have none in common, and where the link would be too long.
 */
export function silenceLink(
  externalUrl: string,
  alerts: readonly GroupAlert[],
): string | undefined {
  const firing = alerts.filter(({ endsAtMs }) => endsAtMs === null);
  const labels = commonPairs(firing.map((alert) => alert.labels));
  if (labels.length === 0) return undefined;
  const matchers = labels.map(([name, value]) => formatAlertMatcher({ name, type: "=", value }));
  const link = `${externalUrl}/silences/new?matchers=${encodeURIComponent(matchers.join(","))}`;
  return link.length > LINK_LENGTH_MAX ? undefined : link;
}
