import { createMatcher, type Matcher } from "@pharos/base";
import { formatAlertMatchers } from "../matching/format-alert-matcher.ts";
import { CHANNELS_LABEL } from "../rule-forms/compile-rule-form.ts";
import type { Route } from "./route.ts";

/** The receiver that a channel names: `team-a`, or as `pagerduty:team-a`; undefined where there is none of that name. */
export function channelReceiver(
  channel: string,
  receivers: { has(name: string): boolean },
): string | undefined {
  if (receivers.has(channel)) return channel;
  const name = channel.slice(channel.indexOf(":") + 1);
  return receivers.has(name) ? name : undefined;
}

/**
 * The tree with a node before all others for alerts whose rule names receivers in `channels`: they go to those, and
 * nowhere else. The same tree where no channel names a receiver.
 *
 * @param channels those that rules name.
 * @param repeatIntervalMs of these routes; their other times are those of the top.
 */
export function withChannelRoutes(
  root: Route,
  channels: Iterable<string>,
  receivers: { has(name: string): boolean },
  repeatIntervalMs = root.repeatIntervalMs,
): Route {
  const byReceiver = new Map<string, string[]>();
  for (const channel of [...new Set(channels)].sort()) {
    const receiver = channelReceiver(channel, receivers);
    if (receiver === undefined) continue;
    byReceiver.getOrInsertComputed(receiver, () => []).push(channel);
  }
  if (byReceiver.size === 0) return root;
  const matchers = [channelMatcher([...byReceiver.values()].flat())];
  const key = `${root.key}/${formatAlertMatchers(matchers)}`;
  const plain = { muteTimeIntervals: [], activeTimeIntervals: [], repeatIntervalMs };
  const routes = [...byReceiver].map(([receiver, names]): Route => {
    const own = [channelMatcher(names)];
    const ownKey = `${key}/${formatAlertMatchers(own)}`;
    // An alert may name several: each of them is asked.
    const node = { ...root, ...plain, matchers: own, receiver, continues: true, routes: [] };
    return { ...node, key: ownKey, id: `${ownKey}/channel` };
  });
  const node = { ...root, ...plain, matchers, continues: false, routes };
  return { ...root, routes: [{ ...node, key, id: `${key}/channels` }, ...root.routes] };
}

function channelMatcher(channels: readonly string[]): Matcher {
  const names = channels.map((channel) => channel.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return createMatcher("=~", CHANNELS_LABEL, `(?:.*,)?(?:${names.join("|")})(?:,.*)?`);
}
