import { type ReplayRouting, withChannelRoutes } from "@pharos/alert";
import { DEFAULT_CHANNEL_REPEAT_MS, integrationKey, type NotificationConfig } from "@pharos/notify";

/** The configuration in which the channels that rules name lead to the receivers of that name. */
export function withChannels(
  config: NotificationConfig,
  channels: readonly string[],
): NotificationConfig {
  const { channelRepeatIntervalMs = DEFAULT_CHANNEL_REPEAT_MS } = config;
  const receivers = receiverNames(config);
  const route = withChannelRoutes(config.route, channels, receivers, channelRepeatIntervalMs);
  return route === config.route ? config : { ...config, route };
}

/** The names of those who can be told. */
export function receiverNames({ receivers }: NotificationConfig): ReadonlySet<string> {
  return new Set(receivers.map(({ name }) => name));
}

/** How alerts are routed, for a replay. */
export function replayRouting({ route, receivers }: NotificationConfig): ReplayRouting {
  const byName = new Map(
    receivers.map(({ name, integrations }) => [
      name,
      integrations.map((one) => ({
        key: integrationKey(name, one),
        sendResolved: one.sendResolved,
      })),
    ]),
  );
  return { route, integrations: (receiver) => byName.get(receiver) ?? [] };
}
